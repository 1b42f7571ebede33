"""Follows the inbox through the scenarios: a step that answers something is offered before it.

Before each command that answers something recorded, the sender's own inbox has to offer it, with
its address, its schema and every id that the sender then names; after it the item is gone, unless
the command is one of several that the item asks for.
"""

from __future__ import annotations

from typing import Any, Protocol

from projections.inbox.items import WAITS
from projections.inbox.starting import EITHER
from projections.inbox.waiting import Waiting, entry_of

#: Commands by the rows that offer them.
OFFERED: dict[str, list[Waiting]] = {}
for _row in WAITS.values():
    for _name in _row.commands:
        OFFERED.setdefault(_name, []).append(_row)


class Asked(Protocol):
    """What is asked of a world."""

    async def inbox(self, who: str) -> list[dict[str, Any]]: ...


def offered(
    items: list[dict[str, Any]], command: str, body: dict[str, Any]
) -> dict[str, Any] | None:
    """The item that offers a command with the fields that were then sent, if one does."""
    for item in items:
        for step in item["commands"]:
            if step["command"] == command and fits(step["prefilled"], body):
                assert step["url"] == f"/v1/{command}"
                name = entry_of(command).command.__name__
                assert step["schema"] == f"/v1/openapi.json#/components/schemas/{name}"
                return item
    return None


def fits(prefilled: dict[str, Any], body: dict[str, Any]) -> bool:
    """Whether what the inbox filled in is what was sent, as far as that was sent."""
    return all(body.get(name, value) == value for name, value in prefilled.items())


def ends(item: dict[str, Any], types: set[str]) -> bool:
    """Whether events of these types end an item of its row."""
    return any(event.TOPIC in types for event in WAITS[item["waits"]].closed_by)


#: What makes a command that may start something an answer: a field that names what it answers.
ANSWERS_BY: dict[str, frozenset[str]] = {
    "filing/approve-task": frozenset({"filing", "draw", "joint"}),
    "filing/file-special-inspection": frozenset({"special_plan"}),
    "supervision/issue-supervision-doc": frozenset({"proposal"}),
}


def strictly(command: str, body: dict[str, Any]) -> bool:
    """Whether a command answers an item of the inbox: always, or by what it names."""
    if command not in OFFERED:
        return False
    return command not in EITHER or not ANSWERS_BY.get(command, frozenset()).isdisjoint(body)
