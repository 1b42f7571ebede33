"""What is left in the inboxes when a scenario ends can still be answered.

Of each item at least one command must not be refused as out of step: an item that nobody can
answer any more waits for ever. Bodies are what the inbox fills in, with small values for the rest.
"""

from __future__ import annotations

from typing import Any

from msgspec import inspect

from api.systems.inbox import READERS
from projections.inbox.waiting import entry_of
from tests.api.test_probing import least
from tests.scenarios.world import PEOPLE, World

#: Items whose commands come after another item's, and which: that one waits alongside.
AFTER_ANOTHER = {
    "penalties.case-to-close": "the decision is served, and its fine paid or enforced",
    "filing.visit-to-close": "the on-site record is signed",
    "filing.visit-to-conclude": "the officers have left",
}
#: What some commands need beyond small values, to come as far as the state of their subject.
MORE: dict[str, dict[str, Any]] = {
    "filing/sign-on-site-record": {"refusal_reason": "拒签"},
    "joint/offer-join": {"part": {"unit": "X-1"}},
}


async def unanswerable(world: World) -> list[str]:
    """The items whose commands are all refused as out of step, with what was said of them."""
    left: dict[str, list[str]] = {}
    answered: set[str] = set()
    for who in world.tokens:
        if who not in PEOPLE or PEOPLE[who][2] not in READERS:
            continue
        items = await world.inbox(who)
        still = {item["item"] for item in items}
        for item in items:
            name = item["item"]
            if name in answered or name not in still or item["waits"] in AFTER_ANOTHER:
                continue
            for step in item["commands"]:
                status, problem, detail = await _sent(world, who, step)
                if status == 201:
                    # It may have ended other items too, as accepting ends acknowledging.
                    still = {other["item"] for other in await world.inbox(who)}
                if problem != "out-of-step":
                    answered.add(name)
                    left.pop(name, None)
                    break
                left.setdefault(name, []).append(f"{who} {step['command']}: {detail}")
    return [f"{name}: {details}" for name, details in sorted(left.items())]


async def _sent(world: World, who: str, step: dict[str, Any]) -> tuple[int, str, str]:
    """Send a command of an item; the status, the kind of problem, and what it says."""
    command = step["command"]
    small = least(inspect.type_info(entry_of(command).command)) | MORE.get(command, {})
    response = await world.client.post(
        step["url"],
        json=small | step["prefilled"],
        headers={"Authorization": f"Bearer {world.tokens[who]}"},
    )
    answer = await response.json()
    kind = str(answer.get("type", "")).rpartition("/")[2]
    return response.status, kind, str(answer.get("detail"))
