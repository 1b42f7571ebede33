"""Where each page of the console is looked at: its address, and who looks.

A page of the menu needs no entry: the first role that has it in its menu opens it. A page with a
place in its address is listed in ``EXAMPLES`` with the entry that fills it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from api.console.pages import PAGES


class Example(msgspec.Struct, frozen=True):
    """The page of an entry: the first of a list that a role reads.

    ``path``: that of the page, with ``{}`` for the entry's ``field`` or for ``value``.
    """

    path: str
    role: str = "jb_supervisor"
    first_of: str = ""
    field: str = ""
    value: str = ""

    def address(self, server: str, token: str) -> str:
        """Return the address of the page on a server."""
        value = self.value
        if self.first_of:
            value = str(_first(server, token, self.first_of)[self.field])
        return self.path.format(quote(value, safe=""))


def _first(server: str, token: str, path: str) -> dict[str, Any]:
    answer = httpx.get(f"{server}{path}", headers={"Authorization": f"Bearer {token}"})
    answer.raise_for_status()
    entry: dict[str, Any] = answer.json()["items"][0]
    return entry


#: By the path of the page.
EXAMPLES: dict[str, Example] = {
    "/console/v1/{path:.+}": Example("/console/v1/findings"),
    "/console/do/{system}/{command}": Example("/console/do/supervision/issue-supervision-doc"),
    "/console/findings/{finding}": Example(
        "/console/findings/{}", first_of="/v1/findings?rule_id=FIL-V1", field="finding"
    ),
    "/console/rules/{rule}": Example("/console/rules/{}", value="FIL-R4"),
}

#: Roles in the order in which they are tried for a page of the menu.
ROLES = ("jb_supervisor", "unit_head", "credit_officer", "draw_coordinator", "operator")

#: Pages that are not looked at: another address of one that is, and numbers for a script.
UNSEEN = {"/console/", "/console/badges", "/console/look-up", "/console/findings/handling"}

LOOKED_AT = [page for page in PAGES if page.path not in UNSEEN]
