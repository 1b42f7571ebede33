"""Grades by the month (2.4d): who is looked at, when, and how little that costs."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from ledger.kernel import Event, Ledger, Recorded, codec
from ledger.kernel.days import add_months
from ledger.systems.credit.events import CreditRecordEntered, PublicityStarted, PublicitySuspended
from ledger.systems.grading.events import CreditGradeAssigned
from projections.follower import Follower, Views
from projections.opening import verify_views
from projections.systems.grading import LOCAL_GRADES, LocalGrading
from projections.watches.cases import grades_due
from projections.watches.clock import tick
from tests.examples import examples
from tests.projections.facts import E1, E2, E3, Past
from tests.projections.test_profiles import ended, grade, record, started

replace = msgspec.structs.replace


def reviews(views: Views) -> dict[str, str | None]:
    with views.reading() as connection:
        return {row.key: row.review_on for row in connection.execute(sa.select(LOCAL_GRADES))}


def graded(outcomes: list[Any]) -> list[tuple[str, str]]:
    """What the clock graded: business and grade, in order."""
    events = [r.event for outcome in outcomes for r in outcome.events]
    return [(e.entity, e.grade) for e in events if isinstance(e, CreditGradeAssigned)]


def noted(name: str, entity: str, on: str, **changed: Any) -> CreditRecordEntered:
    """A record that is not shown."""
    day = date.fromisoformat(on)
    return replace(record(name, public=False), entity=entity, determined_on=day, **changed)


def clean(name: str, entity: str, on: str) -> CreditRecordEntered:
    """An inspection without issue."""
    return noted(name, entity, on, kind="inspection_result", severity=None, result="no_issue")


def test_a_change_is_looked_at_on_the_first_of_the_next_month(
    past: Past, follower: Follower, views: Views
) -> None:
    """Recorded once; whoever is graded elsewhere, or stays what it is, is never asked about."""
    past.add(grade("A", "2026-03-01", E2))
    past.add(noted("CR-2", E2, "2026-04-15", severity="general"), "2026-04-15")
    past.add(noted("CR-3", E3, "2026-04-15", severity="minor"), "2026-04-15")
    past.add(record(), "2026-04-15")
    past.add(started(), "2026-04-20")
    follower.catch_up()
    assert reviews(views) == {E1: "2026-05-01", E2: None, E3: None}
    assert list(grades_due(views, date(2026, 4, 30))) == []
    now = [datetime.fromisoformat("2026-05-01T00:30:00+08:00")]
    with Ledger(past.recorder, clock=lambda: now[0]) as ledger:
        assert graded(tick(ledger, views)) == [(E1, "C")]
        follower.catch_up()
        # Until the publicity is over nothing can change.
        assert reviews(views)[E1] == "2027-05-01"
        assert tick(ledger, views) == []
    (health,) = [one for one in follower.health() if one.view == "local_grades"]
    assert health.state == "following"


def test_time_alone_changes_a_grade(past: Past, follower: Follower, views: Views) -> None:
    """A breach weighs a year, and stands in the way of an A for two; the clock knows both days."""
    breach = noted("CR-1", E1, "2024-06-10", kind="commitment_breach", severity=None)
    past.add(breach, "2024-06-10")
    past.add(clean("CR-2", E1, "2024-06-12"), "2024-06-12")
    follower.catch_up()
    steps = []
    now = [datetime.fromisoformat("2024-06-30T09:00:00+08:00")]
    with Ledger(past.recorder, clock=lambda: now[0]) as ledger:
        while (due_on := reviews(views)[E1]) is not None:
            now[0] = datetime.fromisoformat(f"{due_on}T00:10:00+08:00")
            ((_, letter),) = graded(tick(ledger, views))
            steps.append((due_on, letter))
            follower.catch_up()
    assert steps == [("2024-07-01", "C"), ("2025-07-01", "B"), ("2026-07-01", "A")]


def test_a_record_that_comes_late_is_looked_at_next_month(
    past: Past, follower: Follower, views: Views
) -> None:
    """Though it is of a day before the last grade."""
    past.add(replace(grade("B", "2026-06-10"), source="local_rule"), "2026-06-10")
    past.add(noted("CR-1", E1, "2026-02-10", severity="serious"), "2026-06-20")
    follower.catch_up()
    assert reviews(views) == {E1: "2026-07-01"}


def test_what_changed_back_meanwhile_is_not_asked_again(
    past: Past, follower: Follower, views: Views
) -> None:
    """The clock comes a year late: the grade that was due is due no more."""
    past.add(record(), "2026-04-15")
    past.add(started(), "2026-04-20")
    past.add(ended(reason="max_reached", on="2026-07-27"), "2026-07-27")
    follower.catch_up()
    assert reviews(views) == {E1: "2026-05-01"}
    assert list(grades_due(views, date(2027, 6, 1))) == []
    assert len(list(grades_due(views, date(2026, 6, 1)))) == 1


def test_the_clock_reads_page_by_page(
    past: Past, follower: Follower, views: Views, monkeypatch: Any
) -> None:
    """Everybody whose grade is due is asked about, whatever a page holds."""
    monkeypatch.setattr("projections.watches.cases._PAGE", 2)
    names = [f"reg:{n}" for n in range(5)]
    for n, entity in enumerate(names):
        past.add(noted(f"CR-{n}", entity, "2026-04-15", severity="serious"), "2026-04-15")
    follower.catch_up()
    asked = [command for command, _ in grades_due(views, date(2026, 5, 2))]
    assert [getattr(command, "entity", None) for command in asked] == names


def test_a_rebuilt_view_has_the_same_rows(past: Past, follower: Follower, views: Views) -> None:
    """And a corrected date moves the day that was foretold."""
    breach = noted("CR-1", E1, "2025-06-10", kind="commitment_breach", severity=None)
    position = past.add(breach, "2025-06-10")
    follower.catch_up()
    assert reviews(views) == {E1: "2025-07-01"}
    past.correct(position, "/body/determined_on", "2025-06-10", "2025-08-10", "2025-08-12")
    follower.catch_up()
    assert reviews(views) == {E1: "2025-09-01"}
    assert all(one.same for one in verify_views(past.recorder, views))


_DAYS = st.dates(date(2023, 1, 1), date(2026, 12, 31))
_KINDS = st.sampled_from(
    [
        {"kind": "penalty", "severity": "minor"},
        {"kind": "penalty", "severity": "general"},
        {"kind": "penalty", "severity": "serious"},
        {"kind": "commitment_breach", "severity": None},
        {"kind": "abnormal_list", "severity": None},
        {"kind": "inspection_result", "severity": None, "result": "no_issue"},
        {"kind": "commitment", "severity": None, "fulfilled": True},
    ]
)


@st.composite
def histories(draw: Any) -> list[Event]:
    """Some records of one business, some of them shown, suspended, ended, graded."""
    events: list[Event] = []
    for number in range(draw(st.integers(1, 4))):
        name, day = f"CR-{number}", draw(_DAYS)
        events.append(replace(record(name), determined_on=day, **draw(_KINDS)))
        if draw(st.booleans()):
            shown: PublicityStarted = replace(
                started(name), started_on=day, max_until=add_months(day, draw(st.integers(1, 30)))
            )
            events.append(shown)
        if draw(st.booleans()):
            first = draw(_DAYS)
            events.append(
                PublicitySuspended(
                    record=name,
                    entity=E1,
                    unit="MRB",
                    suspended_on=first,
                    reason="-",
                    until=draw(st.sampled_from([None, add_months(first, 2)])),
                )
            )
        if draw(st.integers(0, 3)) == 0:
            events.append(ended(name, reason=draw(st.sampled_from(["repaired", "max_reached"])),
                                on=draw(_DAYS).isoformat()))  # fmt: skip
    if draw(st.booleans()):
        assessed = grade(draw(st.sampled_from("ABCD")), draw(_DAYS).isoformat())
        events.append(replace(assessed, source="local_rule"))
    return events


def recorded(events: list[Event]) -> list[Recorded]:
    past = Past(_Nothing())
    for event in events:
        past.add(event)
    return [
        codec.decode(position, codec.encode(envelope, event))
        for position, (envelope, event) in past.events.items()
    ]


class _Nothing:
    """A recorder that keeps nothing."""

    def append(self, events: Any) -> int:
        return 0


@examples(300)
@given(histories())
def test_the_day_that_is_foretold_is_the_first_one(events: list[Event]) -> None:
    """Looking on the first of every month for nine years finds the same day, by hand."""
    fold = LocalGrading(E1)
    for one in recorded(events):
        fold.take(one)
    first = date(2022, 1, 1)
    if (said := fold.announced(date.max)) is not None:
        first = add_months(said.assessed_on.replace(day=1), 1)
    months = [add_months(first, n) for n in range(9 * 12)]
    assert fold.review_on == next((day for day in months if fold.due(day)), None)
