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


#: The business whose year the district tells in full.
BUSINESS = "91620100MA7LX2012H"
#: A visit that was notified, held and published.
VISIT = "T-DRAW-2026-02-2020C"

#: By the path of the page.
EXAMPLES: dict[str, Example] = {
    "/console/v1/{path:.+}": Example("/console/v1/findings"),
    "/console/do/{system}/{command}": Example("/console/do/supervision/issue-supervision-doc"),
    "/console/deadlines/calendar/{month}": Example(
        "/console/deadlines/calendar/{}", value="2026-12"
    ),
    "/console/draws/{draw}": Example("/console/draws/{}", first_of="/v1/draws", field="draw"),
    "/console/log": Example("/console/log?position={}", value="100"),
    "/console/v1/entities/{entity}/profile": Example(
        "/console/v1/entities/{}/profile?valid_as_of=2026-05-01", value=BUSINESS
    ),
    "/console/v1/entities/{entity}/profile/diff": Example(
        "/console/v1/entities/{}/profile/diff?from=2026-03-01&to=2026-07-01", value=BUSINESS
    ),
    "/console/v1/entities/{entity}/what-if": Example(
        "/console/v1/entities/{}/what-if?without=CR-2026-01&valid_as_of=2026-05-01", value=BUSINESS
    ),
    "/console/v1/{subject:.+}/trail": Example("/console/v1/entities/{}/trail", value=BUSINESS),
    "/console/v1/{kind:decisions|records}/{id}/impact": Example(
        "/console/v1/decisions/{}/impact", value="DEC-2026-01"
    ),
    r"/console/v1/events/{position:\d+}": Example("/console/v1/events/{}", value="739"),
    "/console/v1/repair/cases/{repair}": Example(
        "/console/v1/repair/cases/{}", first_of="/v1/repair/cases?sort=-applied_on", field="repair"
    ),
    "/console/v1/repair/records/{record}": Example(
        "/console/v1/repair/records/{}", first_of="/v1/repair/records", field="record"
    ),
    "/console/findings/{finding}": Example(
        "/console/findings/{}", first_of="/v1/findings?rule_id=FIL-V1", field="finding"
    ),
    "/console/window": Example("/console/window", "entity_rep"),
    "/console/print/visits/{task}/{form}": Example("/console/print/visits/{}/notice", value=VISIT),
    "/console/print/decisions/{decision}": Example(
        "/console/print/decisions/{}", first_of="/v1/decisions?limit=1", field="decision"
    ),
    "/console/print/supervision-documents/{supdoc}": Example(
        "/console/print/supervision-documents/{}",
        first_of="/v1/supervision-documents?limit=1",
        field="document",
    ),
    "/console/codes/officers/{officer}": Example("/console/codes/officers/{}", value="OFF-001"),
    "/console/rules/{rule}": Example("/console/rules/{}", value="FIL-R4"),
}

#: Roles in the order in which they are tried for a page of the menu.
ROLES = ("jb_supervisor", "unit_head", "credit_officer", "draw_coordinator", "operator")

#: Pages that are not looked at: another address of one that is, and numbers for a script.
#: The receipt is a page of its own, and the code of a visit is made by the key of its ledger.
UNSEEN = {
    "/console/",
    "/console/badges",
    "/console/look-up",
    "/console/findings/handling",
    "/console/deadlines/calendar",
    "/console/log/{position:[0-9]+}/{part:proof|record|receipt}",
    "/console/receipts/{position}",
    "/console/codes/visits/{task}",
}

LOOKED_AT = [page for page in PAGES if page.path not in UNSEEN]
