"""Which commands about a subject a reader may send now: by role, unit, state and what they see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.systems.nextcommands import PER_MINUTE, AskedAbout
from ledger.kernel import Command, Recorded, Unavailable
from tests.api.oracle import Facts, Placed, stored
from tests.cast import E_A
from tests.scenarios.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as world:
        await world.given_region()
        yield world


async def possible(world: World, who: str, subject: str) -> set[str]:
    """Return the commands that a reader may send now about a subject."""
    answer = await world.get(who, "/v1/next-commands", subject=subject)
    return {item["command"] for item in answer["items"]}


async def test_the_state_of_the_subject_decides(world: World) -> None:
    """A draft may be published, a published matter be given codes, and none be listed again."""
    await world.given_matter("M-1", published=None)
    draft = await possible(world, "MRB head", "matter:M-1")
    await world.given_matter("M-2")
    published = await possible(world, "MRB head", "matter:M-2")
    assert {"catalogue/publish-matter", "catalogue/revise-matter"} <= draft
    assert "catalogue/assign-matter-codes" in published - draft
    assert "catalogue/list-matter" not in draft | published


async def test_role_and_unit_decide(world: World) -> None:
    """An officer of the unit may work on the case; another unit and other roles may not."""
    world.at("2026-03-02")
    await world.send("MRB head", "penalties/file-case", **world.case("CASE-1", E_A))
    mine = await possible(world, "MRB officer", "case:CASE-1")
    assert "penalties/serve-prior-notice" in mine
    assert await possible(world, "EMB head", "case:CASE-1") == set()
    assert "penalties/serve-prior-notice" not in await possible(world, "JB", "case:CASE-1")
    before = world.recorder.head()
    answer = await world.get("MRB officer", "/v1/next-commands", subject="case:CASE-1")
    step = next(i for i in answer["items"] if i["command"] == "penalties/serve-prior-notice")
    assert step["prefilled"] == {"case": "CASE-1"}
    assert world.recorder.head() == before, "asking records nothing"


async def test_what_is_hidden_has_none_like_what_does_not_exist(world: World) -> None:
    """Of a case that the reader may not see, no more is told than of an id in no use."""
    world.at("2026-03-02")
    await world.send("MRB head", "penalties/file-case", **world.case("CASE-1", E_A))
    answers = [
        await world.get("EMB head", "/v1/next-commands", subject=subject)
        for subject in ("case:CASE-1", "case:CASE-2", "no-such-kind:1")
    ]
    assert answers == [{"items": []}] * 3


async def test_a_report_that_is_hidden_makes_no_subject_known(world: World) -> None:
    """A unit does not learn that a business reported a visit, by the number that it gave it."""
    world.at("2026-03-02")
    hidden = irregular(task="T-REPORTED", unit="MRB")
    world.recorder.append([stored(hidden)])
    for subject in ("task:T-REPORTED", "task:T-UNKNOWN"):
        assert await possible(world, "MRB officer", subject) == set()
        assert await possible(world, "MRB head", subject) == set()


def irregular(task: str, unit: str) -> Recorded:
    """Return a report of a visit, which the unit that it accuses may not read."""
    topic = "filing.irregular-visit-reported"
    facts = Facts().of_every_type(Placed(7, unit, task=task, entity=E_A), unit, topic)
    record = list(facts)[-1]
    assert f"task:{task}" in record.event.tags()
    assert unit in record.event.kept_from()
    return record


async def test_asking_is_limited(world: World) -> None:
    """The question is decided like dry runs, so one sender cannot ask it without end."""
    for _ in range(PER_MINUTE):
        await possible(world, "JB", "no-such-kind:1")
    await world.hidden("JB", "/v1/next-commands?subject=case:X", 429)
    await world.hidden("MRB head", "/v1/next-commands", 400)
    await world.hidden("MRB head", "/v1/next-commands?subject=M-1", 400)


async def test_what_cannot_be_decided_now_is_not_an_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the ledger takes no commands, the list is neither empty nor what would be possible."""
    await world.given_matter("M-1")
    hand_in = world.service.ledger.hand_in
    for taken in (AskedAbout, ()):

        def refuse(command: Command, *rest: Any, taken: Any = taken) -> None:
            if not isinstance(command, taken):
                raise Unavailable("kernel.ledger-shutting-down")
            hand_in(command, *rest)

        monkeypatch.setattr(world.service.ledger, "hand_in", refuse)
        await world.hidden("MRB head", "/v1/next-commands?subject=matter:M-1", 503)
