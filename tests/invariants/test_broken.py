"""Each invariant can fail: with the program broken on purpose, its check says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import date, timedelta
from typing import Any, Self

import pytest

from api.systems import entities, penalties
from ledger.kernel import Refusal, civil_moment
from ledger.systems.credit.commands import EnterCreditRecord, FileObjection, StartPublicity
from ledger.systems.credit.folds import Record
from ledger.systems.credit.regimes import Reckoning
from ledger.systems.entities.commands import DelistEntity
from ledger.systems.filing import effects as visits
from ledger.systems.filing.commands import ApproveTask
from ledger.systems.grading.folds import CreditGrade
from projections.explain import replay
from projections.profiles.parts import CreditEntry
from projections.systems.penalties import DECISIONS
from projections.systems.records import Records
from projections.watches import clock
from tests.invariants import checks
from tests.invariants.asking import Desk
from tests.invariants.checks import Faults, Seen
from tests.invariants.twins import unchanged_by_protection
from tests.invariants.walks import smallest, town, walked
from tests.sequences.prelude import inspected, of, prelude
from tests.sequences.steps.visits import NON_ONSITE, PRESCRIBED
from tests.sequences.town import BUSINESSES, OFFICERS, Town, actor

_ROW, _DUE = Records.row, clock.due

#: A walk in which there is something of everything that is broken here.
SEED, STEPS = 3, 500


class Walked:
    """One town after a walk, asked again and again."""

    def __init__(self) -> None:
        self._town = town()
        self.town = self._town.__enter__()
        walked(self.town, SEED, STEPS)
        self.desk = Desk(self.town.service)
        # One loop for all: the service lives on it.
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        self._runner.run(self.desk.__aenter__())
        return self

    def __exit__(self, *exc: object) -> None:
        self._runner.run(self.desk.__aexit__())
        self._runner.close()
        self._town.__exit__(None, None, None)

    def faults(self, check: Callable[[Seen], Any]) -> Faults:
        # Nothing is answered as it was kept ready before.
        entities._DOCUMENTS.clear()
        found: Faults = self._runner.run(check(Seen(self.town, self.desk)))
        return found


@pytest.fixture(scope="module")
def after() -> Iterator[Walked]:
    with Walked() as made:
        yield made


def _public_as_told(document: Any, *_: Any) -> Any:
    return document


#: What reads otherwise than it should: the check that sees it, and what takes whose place.
READING: dict[str, tuple[Callable[[Seen], Any], Any, str, Any]] = {
    "the page of a decision outlasts its record": (
        checks.no_public_trace, penalties, "still_public",
        lambda today: DECISIONS.c.published_on.is_not(None),
    ),
    "what ended is in the public profile of another day": (
        checks.no_public_trace, replay, "as_shown_now", _public_as_told,
    ),
    "a replay reads no corrections": (
        checks.nothing_assumed_is_now, replay, "changes_of", lambda known: {},
    ),
    "a replay leaves nothing out": (
        checks.without_all_is_without, replay, "_named", lambda record, without: False,
    ),
    "a rebuild comes out otherwise": (
        checks.rebuilt_is_followed, Records, "row", lambda self, fold, position: {
            **_ROW(self, fold, position), "undone": True,
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READING)
def test_what_reads_wrongly_is_seen(
    after: Walked, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """And without that nothing is wrong."""
    check, place, attribute, broken = READING[name]
    assert after.faults(check) == []
    with monkeypatch.context() as patch:
        patch.setattr(place, attribute, broken)
        assert after.faults(check) != []


# What is recorded wrongly, in towns of a few commands.

HEAD = actor("unit_head", "MRB")
BUSINESS = BUSINESSES[0]


def on_record(town: Town, **said: Any) -> None:
    """A penalty on record, in publicity."""
    body = {
        "record": "CR-1",
        "entity": BUSINESS,
        "unit": "MRB",
        "kind": "penalty",
        "determined_on": town.today,
        "title": "行政处罚",
        "public": True,
        "severity": "general",
        "amount_fen": 500_000,
        "instrument": {
            "kind": "penalty_decision",
            "doc_no": "兰新罚〔2026〕1号",
            "effective_on": town.today,
        },
    }
    town.must(of(EnterCreditRecord, **{**body, **said}), HEAD)
    town.must(of(StartPublicity, record="CR-1", channels=["credit_china"]), HEAD)


def planned(town: Town, name: str = "T-1", ahead: int = 1) -> None:
    """A daily visit so many days ahead, if it is not refused."""
    body = {"entity": BUSINESS, "unit": "MRB", "kind": "daily", "trigger": "plan"}
    command = of(
        ApproveTask,
        task=name,
        matters=[inspected("MRB")],
        officers=OFFICERS["MRB"][:2],
        planned_on=town.today + timedelta(ahead),
        non_onsite_considered=NON_ONSITE,
        prescribed_by=PRESCRIBED,
        **body,
    )
    with suppress(Refusal):
        town.send(command, HEAD)


def serious(town: Town) -> None:
    on_record(town, severity="serious")


def of_an_earlier_regime(town: Town) -> None:
    on_record(town, determined_on=date(2025, 6, 2))


def over_and_not_ended(town: Town) -> None:
    of_an_earlier_regime(town)
    town.now = civil_moment(date(2026, 6, 3))


def left(town: Town) -> None:
    planned(town)
    town.must(of(DelistEntity, entity=BUSINESS, reason="注销"), actor("credit_officer", ""))


def visited_twice(town: Town) -> None:
    planned(town)
    # The cap alone refuses it: it keeps the distance of every grade (FIL-R12).
    planned(town, "T-2", ahead=200)


def objected(town: Town) -> None:
    on_record(town)
    town.must(
        of(FileObjection, record="CR-1", entity=BUSINESS, grounds="金额有误"),
        actor("entity_rep", BUSINESS),
    )


async def _protected(seen: Seen) -> Faults:
    return unchanged_by_protection(seen.town)


async def _timed(seen: Seen) -> Faults:
    return await checks.clock_applies_what_is_shown(seen.town, seen.desk, dates=1)


#: What records or decides otherwise than it should: the story, the check, and what takes whose
#: place.
RECORDING: dict[str, tuple[Callable[[Town], None], Callable[[Seen], Any], Any, str, Any]] = {
    "an assessment outlasts a later serious record": (
        serious, checks.grade_from_scratch,
        CreditGrade, "_later_serious", lambda self, assessed, day: False,
    ),
    "bounds are those of the first regime alone": (
        of_an_earlier_regime, checks.bounds_agree,
        Reckoning, "bounds", property(lambda self: self.publicity(date(2026, 1, 1))),
    ),
    "what is over is in the public profile until the clock comes": (
        over_and_not_ended, checks.public_shows_what_is_shown,
        CreditEntry, "shown_on", lambda self, day: self.public and self.status == "active",
    ),
    "the clock comes a day late": (
        serious, _timed,
        clock, "due", lambda views, today: _DUE(views, today - timedelta(1)),
    ),
    "visits outlast a leaving": (
        left, checks.visits_have_a_business,
        visits, "business_left", lambda ledger, entity, how: iter(()),
    ),
    "a cap is not looked at": (
        visited_twice, checks.caps_hold,
        ApproveTask, "_drawn_whole", lambda self, ledger: True,
    ),
    "a record weighs more once it is objected to": (
        objected, _protected,
        Record, "serious", property(lambda self: self.objection is not None),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDING)
async def test_what_is_recorded_wrongly_is_seen(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """And without that nothing is wrong."""
    story, check, place, attribute, broken = RECORDING[name]

    async def faults() -> Faults:
        with town() as made:
            for command, by in prelude(made):
                made.must(command, by)
            story(made)
            async with Desk(made.service) as desk:
                found: Faults = await check(Seen(made, desk))
                return found

    assert await faults() == []
    monkeypatch.setattr(place, attribute, broken)
    assert await faults() != []


async def test_a_sequence_is_made_as_short_as_it_can_be() -> None:
    """Nothing of it can be left out without the fault, and few tries are enough."""
    tried = 0

    async def shows(part: Sequence[int]) -> bool:
        nonlocal tried
        tried += 1
        return {17, 40, 41} <= set(part)

    assert await smallest(range(90), shows, tries=80) == [17, 40, 41]
    assert tried <= 80
    assert await smallest(range(90), shows, tries=0) == [*range(90)]
