"""Which resource can be asked as of a day or as of what was known, and how the others refuse it."""

from __future__ import annotations

from pathlib import Path

from api.http.resources import CLOCKS
from tests.scenarios.world import E_B, World
from tests.sequences.asking import RESOURCES

VALID, KNOWN = CLOCKS

#: The resources that carry a clock. Everything else refuses it. A list keeps no earlier states of
#: its rows, so none carries ``known_as_of``; some rows hold from one day to another.
CARRIED: dict[str, set[str]] = {
    "/v1/complaint-channels": {VALID},
    "/v1/deadline-rules": {VALID},
    "/v1/delegations": {VALID},
    "/v1/entities/{entity}/profile": {VALID, KNOWN},
    "/v1/entities/{entity}/replay": {VALID, KNOWN},
    "/v1/entities/{entity}/what-if": {VALID, KNOWN},
    "/v1/events/search": {KNOWN},
    "/v1/findings": {VALID},
    "/v1/policies": {VALID},
    "/v1/rules": {VALID},
}


def test_which_resource_carries_which_clock() -> None:
    """The table names each; trails carry what was known, single public lists a day."""
    carried = {
        resource.path: clocks
        for resource in RESOURCES
        if (clocks := {VALID, KNOWN} & {parameter.name for parameter in resource.query})
    }
    trails = {path for path in carried if path.endswith("/trail")}
    assert {frozenset(carried[path]) for path in trails} == {frozenset({KNOWN})}
    lists = {path for path in carried if path.endswith("}")}
    assert {frozenset(carried[path]) for path in lists} == {frozenset({VALID})}
    rest = {path: clocks for path, clocks in carried.items() if path not in trails | lists}
    assert rest == CARRIED
    assert len(trails) > 15
    assert len(lists) > 8


async def test_the_others_say_why_not(tmp_path: Path) -> None:
    """A resource without a clock answers 400 and names what carries it."""
    async with World(tmp_path) as world:
        for clock, code in CLOCKS.items():
            for resource in RESOURCES:
                if "{" in resource.path or not resource.path.startswith("/v1/"):
                    continue
                if resource.roles is not None or clock in {p.name for p in resource.query}:
                    continue
                response = await world.client.get(
                    resource.path,
                    params={clock: "2026-03-01"},
                    headers={"Authorization": f"Bearer {world.tokens['JB']}"},
                )
                assert response.status == 400, resource.path
                assert (await response.json())["code"] == code, resource.path


async def test_findings_of_a_day(tmp_path: Path) -> None:
    """Those that were raised by the end of the day and had not ended by then."""
    async with World(tmp_path) as world:
        await world.given_region()
        world.at("2026-03-16")
        answer = await world.send(
            "JB",
            "supervision/raise-finding",
            type="arbitrary",
            rule_id="FIL-V4",
            unit="MRB",
            entity=E_B,
            facts={"seen": "一人执法"},
        )
        [raised] = answer["events"]
        world.at("2026-03-20")
        await world.send(
            "JB",
            "supervision/dismiss-finding",
            finding_id=raised["body"]["finding_id"],
            reason="查无此事",
        )
        for day, count in (("03-15", 0), ("03-16", 1), ("03-19", 1), ("03-20", 0)):
            shown = await world.get("JB", "/v1/findings", valid_as_of=f"2026-{day}")
            assert len(shown["items"]) == count, day
