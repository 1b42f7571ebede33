"""One grade (2.17): whatever asks for the grade of a day gets what the rulebook gives from scratch.

The oracle below is written from the rulebook's sentences and shares nothing with the program.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.kernel import Event, Recorded, codec
from ledger.kernel.days import add_months
from ledger.systems.credit.events import CreditRecordAltered, PublicityReinstated
from ledger.systems.grading.events import CreditGradeAssigned, Factor
from ledger.systems.grading.folds import CreditGrade
from projections.explain.burden import Burden
from projections.profiles import RESTRICTED, CreditProfile, render
from projections.systems.draws import Standing
from projections.systems.graded import Graded, GradeOfDay
from tests.examples import examples
from tests.projections.facts import E1, Past
from tests.projections.test_profiles import ended, grade, record, started

_FIRST = date(2024, 1, 1)
_DAYS = st.integers(0, 900).map(lambda n: _FIRST + timedelta(n))
_KINDS: list[dict[str, Any]] = [
    {"kind": "penalty", "severity": "minor"},
    {"kind": "penalty", "severity": "general"},
    {"kind": "penalty", "severity": "serious"},
    {"kind": "penalty", "severity": "special_serious"},
    {"kind": "serious_list", "severity": "serious"},
    {"kind": "commitment_breach", "severity": None},
    {"kind": "abnormal_list", "severity": None},
    {"kind": "inspection_result", "severity": None, "result": "no_issue"},
    {"kind": "commitment", "severity": None, "fulfilled": True},
]


class _Nothing:
    def append(self, events: Any) -> int:
        return 0


def recorded(events: Iterable[Event]) -> list[Recorded]:
    past = Past(_Nothing())  # type: ignore[arg-type]  # keeps nothing
    for event in events:
        past.add(event)
    return [
        codec.decode(position, codec.encode(envelope, event))
        for position, (envelope, event) in past.events.items()
    ]


@st.composite
def histories(draw: Any) -> list[Event]:
    """Records of one business with what became of each, and assessments, as they came in."""
    chains: list[list[Event]] = []
    for number in range(draw(st.integers(1, 4))):
        name, day = f"CR-{number}", draw(_DAYS)
        entered = replace(record(name), determined_on=day, **draw(st.sampled_from(_KINDS)))
        chain: list[Event] = [entered]
        if draw(st.booleans()):
            until = add_months(day, draw(st.integers(1, 36)))
            chain.append(replace(started(name), started_on=day, max_until=until))
        if entered.severity is not None and draw(st.booleans()):
            chain.append(
                CreditRecordAltered(
                    record=name,
                    entity=E1,
                    unit="MRB",
                    decision="DEC-1",
                    instrument="1号",
                    altered_on=day,
                    valid_from=day,
                    severity=draw(st.sampled_from(["minor", "general"])),
                    amount_fen=1,
                )
            )
        reason = draw(
            st.sampled_from([None, None, "repaired", "revoked", "correction", "max_reached"])
        )
        if reason is not None:
            on = day + timedelta(draw(st.integers(0, 400)))
            chain.append(ended(name, reason=reason, on=on.isoformat()))
            if reason == "repaired" and draw(st.booleans()):
                chain.append(
                    PublicityReinstated(
                        record=name,
                        entity=E1,
                        unit="MRB",
                        reason="breach",
                        ended_on=on,
                        reinstated_on=on + timedelta(draw(st.integers(1, 90))),
                    )
                )
        chains.append(chain)
    names = [f"CR-{n}" for n in range(len(chains))]
    for _ in range(draw(st.integers(0, 3))):
        named = draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
        assessed = replace(
            grade(draw(st.sampled_from("ABCD")), draw(_DAYS).isoformat()),
            source=draw(st.sampled_from(["samr", "edb", "local_rule"])),
            override=draw(st.booleans()),
            factors=(
                Factor(kind="other", says="-"),
                *(Factor(kind="general_record", record=name) for name in named),
            ),
        )
        chains.append([assessed])
    # In any order and lateness, but what becomes of a record after it was entered.
    order = draw(st.randoms(use_true_random=False))
    return _merged(chains, order)


def _merged(chains: list[list[Event]], order: random.Random) -> list[Event]:
    waiting = [list(chain) for chain in chains]
    merged: list[Event] = []
    while waiting:
        chain = order.choice(waiting)
        merged.append(chain.pop(0))
        waiting = [chain for chain in waiting if chain]
    return merged


def by_the_book(events: list[Event], day: date) -> str:
    """The grade of a day, read off the rulebook (2.4d, 2.17)."""
    records: dict[str, dict[str, Any]] = {}
    assessed = []
    for place, event in enumerate(events):
        match event:
            case CreditGradeAssigned():
                if event.source != "local_rule" and event.assessed_on <= day:
                    assessed.append((event.assessed_on, place, event))
            case CreditRecordAltered():
                records[event.record]["severity"] = event.severity
            case PublicityReinstated():
                known = records[event.record]
                known["gaps"] = [(known["ended"], event.reinstated_on)]
                known["ended"] = known["reason"] = None
            case _ if hasattr(event, "terminated_on"):
                known = records[event.record]
                known["ended"], known["reason"] = event.terminated_on, event.reason
            case _ if hasattr(event, "started_on"):
                known = records[event.record]
                known["started"], known["until"] = event.started_on, event.max_until
            case _:
                records[event.record] = {
                    "kind": event.kind,  # type: ignore[attr-defined]
                    "severity": event.severity,  # type: ignore[attr-defined]
                    "result": event.result,  # type: ignore[attr-defined]
                    "fulfilled": event.fulfilled,  # type: ignore[attr-defined]
                    "day": event.determined_on,  # type: ignore[attr-defined]
                    "place": place,
                    "ended": None,
                    "reason": None,
                    "started": None,
                    "until": None,
                    "gaps": [],
                }

    def away(known: dict[str, Any]) -> bool:
        return (known["ended"] is not None and known["ended"] <= day) or any(
            first <= day < back for first, back in known["gaps"]
        )

    def counts(known: dict[str, Any]) -> bool:
        return (
            known["reason"] not in ("revoked", "correction")
            and known["day"] <= day
            and not away(known)
            and (known["until"] is None or day <= known["until"])
        )

    def forgiven(known: dict[str, Any]) -> bool:
        if known["reason"] in ("revoked", "correction"):
            return True
        if any(first <= day < back for first, back in known["gaps"]):
            return True
        return known["reason"] == "repaired" and known["ended"] <= day

    def local() -> str:
        counting = [known for known in records.values() if counts(known)]
        negative = [
            known
            for known in records.values()
            if (
                known["severity"] is not None
                or known["kind"] in ("penalty", "commitment_breach", "abnormal_list")
            )
            and known["day"] <= day
            and known["day"] > add_months(day, -24)
            and not forgiven(known)
        ]
        if any(
            known["kind"] == "serious_list" or known["severity"] in ("serious", "special_serious")
            for known in counting
        ):
            return "D"
        if any(
            known["kind"] == "abnormal_list"
            or (
                known["severity"] == "general"
                and known["started"] is not None
                and known["started"] <= day
            )
            for known in counting
        ) or any(
            known["kind"] == "commitment_breach" and known["day"] > add_months(day, -12)
            for known in negative
        ):
            return "C"
        good = any(known["result"] == "no_issue" or known["fulfilled"] for known in counting)
        return "A" if good and not negative else "B"

    if not assessed:
        return local()
    on, place, newest = max(assessed, key=lambda one: one[:2])
    named = {factor.record for factor in newest.factors if factor.record}
    if not all(name in records and counts(records[name]) for name in named):
        return local()
    later = any(
        name not in named
        and (known["severity"] in ("serious", "special_serious") or known["kind"] == "serious_list")
        and (known["day"], known["place"]) > (on, place)
        and counts(known)
        for name, known in records.items()
    )
    return max(newest.grade, local()) if later else newest.grade


@examples(150)
@given(histories(), st.lists(_DAYS, min_size=3, max_size=6))
def test_every_asker_gets_the_grade_from_scratch(events: list[Event], days: list[date]) -> None:
    """Commands, profiles, rosters and burden accounts, whatever came in which order, how late."""
    told = recorded(events)
    folds = CreditGrade(E1), CreditProfile(E1), Standing(E1), Burden(E1)
    for fold in folds:
        for one in told:
            fold.take(one)
    command, profile, roster, burden = folds
    for day in days:
        right = by_the_book(events, day)
        assert (
            command.on(day),
            profile.grade(day),
            render(profile, RESTRICTED, on=day)["grade"],
            roster.grade(day),
            burden.grade(day),
        ) == (right,) * 5, day
        # What is kept until a day is right until then.
        last = profile.holds_until(day)
        assert {by_the_book(events, min(last, day + timedelta(n))) for n in (0, 1, 9, 90, 999)} == {
            right
        }


@examples(100)
@given(histories(), st.lists(_DAYS, min_size=3, max_size=6))
def test_a_grade_kept_while_facts_come_in_is_that_from_scratch(
    events: list[Event], days: list[date]
) -> None:
    """After each fact, as ``CreditGrade`` has it of all facts so far."""
    known = Graded(E1)
    kept = {day: GradeOfDay(known, day) for day in days}
    for one in recorded(events):
        known.take(one)
        for day, of_day in kept.items():
            of_day.take(one)
            assert of_day.grade == known.on(day), day


@examples(60)
@given(histories(), st.randoms(use_true_random=False), st.lists(_DAYS, min_size=3, max_size=6))
def test_the_order_in_which_things_became_known_does_not_matter(
    events: list[Event], order: random.Random, days: list[date]
) -> None:
    """Where no two of them are of the same day, of which the later one counts."""
    own = [e.assessed_on for e in events if isinstance(e, CreditGradeAssigned)]
    own += [e.determined_on for e in events if hasattr(e, "determined_on")]
    if len(own) != len(set(own)):
        return
    chains: dict[str, list[Event]] = {}
    for place, event in enumerate(events):
        chains.setdefault(getattr(event, "record", f"assessed {place}"), []).append(event)
    again = CreditGrade(E1).over(recorded(_merged(list(chains.values()), order)))
    first = CreditGrade(E1).over(recorded(events))
    assert [again.on(day) for day in days] == [first.on(day) for day in days]


@examples(80)
@given(histories(), st.lists(st.sampled_from(["revoked", "repaired"]), min_size=1, max_size=4))
def test_after_any_end_what_is_announced_is_the_grade_from_scratch(
    events: list[Event], reasons: list[str]
) -> None:
    """Two penalties revoked in either order, or one of them repaired: today and every day that was
    announced are derived from all that is left.
    """
    events = [event for event in events if getattr(event, "source", "") != "local_rule"]
    today = date(2026, 7, 1)
    for number, reason in enumerate(reasons):
        known = CreditGrade(E1).over(recorded(events))
        announced = known.announcement(today)
        if announced is not None:
            events.append(announced)
            known = CreditGrade(E1).over(recorded(events))
        live = [name for name, one in known.records.items() if one.ended is None]
        if not live:
            break
        end = ended(live[number % len(live)], reason=reason, on=today.isoformat())
        follow = list(known.following([end], today))
        events += [end, *follow]
        after = CreditGrade(E1).over(recorded(events))
        said = after.announced(today)
        assert ("B" if said is None else said.grade) == by_the_book(events, today)
