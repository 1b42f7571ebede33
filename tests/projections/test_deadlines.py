"""Deadlines as rows, and the clock that has their misses recorded."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from ledger.general.findings import FindingRaised
from ledger.kernel import DeadlineLapsed, DeadlineMissed, DeadlineRecomputed, Ledger
from ledger.systems.filing.events import InspectionConcluded, ResultNotified
from ledger.systems.supervision.events import FindingTriaged
from projections.follower import Follower, Views
from projections.opening import verify_views
from projections.systems.deadlines import DEADLINES, due
from projections.watches.clock import Clock, ClockBroke, tick
from tests.projections.facts import E1, Past, calendar, policy
from tests.projections.test_profiles import record, started

RULE = "inspection.result_notice_wd"
ALL_2026 = calendar(2026, tuple(date(2026, 10, d) for d in range(1, 8)))


def concluded(name: str = "T-1") -> InspectionConcluded:
    return InspectionConcluded(
        task=name, entity=E1, unit="MRB", matters=("M-101",), result="no_issue"
    )


def notified(name: str = "T-1") -> ResultNotified:
    return ResultNotified(task=name, entity=E1, unit="MRB")


def rows(follower: Follower, rule: str = RULE) -> list[Any]:
    follower.catch_up()
    with follower.views.reading() as connection:
        return list(
            connection.execute(
                sa.select(DEADLINES)
                .where(DEADLINES.c.rule == rule)
                .order_by(DEADLINES.c.opened_position)
            )
        )


@pytest.fixture
def law(past: Past) -> Past:
    past.add(policy(RULE, 5, "wd"))
    past.add(policy("triage_wd", 5, "wd"))
    past.add(ALL_2026)
    return past


def test_opened_done_and_done_late(law: Past, follower: Follower) -> None:
    """A deadline is open, then done; late if its day was over, by its own date."""
    law.add(concluded("T-1"), "2026-03-16")
    law.add(concluded("T-2"), "2026-03-16")
    law.add(concluded("T-3"), "2026-03-16")
    law.add(notified("T-1"), "2026-03-23")
    law.add(notified("T-2"), "2026-03-25")
    one, two, three = rows(follower)
    assert (one.due_on, one.state, one.days_late) == ("2026-03-23", "done", 0)
    assert (two.state, two.done_on, two.days_late) == ("done_late", "2026-03-25", 2)
    assert (three.state, three.done_on) == ("open", None)
    assert (one.n, one.counted_in, one.policy_version) == (5, "wd", 1)
    assert (one.unit, one.entity, one.about) == ("MRB", E1, "task:T-1")


def test_a_late_report_shows_it_was_done_in_time(law: Past, follower: Follower) -> None:
    """The first performance by its own date counts, whenever it was recorded."""
    law.add(concluded(), "2026-03-16")
    law.add(notified(), "2026-03-30")
    assert rows(follower)[0].state == "done_late"
    position = law.add(notified(), "2026-03-18", recorded="2026-04-10")
    (row,) = rows(follower)
    assert (row.state, row.done_position) == ("done", position)


def test_done_before_it_was_opened_does_not_count(law: Past, follower: Follower) -> None:
    """What was recorded before the opening discharges nothing; a later opening stands alone."""
    law.add(notified(), "2026-03-16")
    law.add(concluded(), "2026-03-16")
    law.add(notified(), "2026-03-17")
    law.add(concluded(), "2026-03-18")
    first, second = rows(follower)
    assert (first.state, second.state) == ("done", "open")


def test_without_a_policy_the_row_says_so(past: Past, follower: Follower) -> None:
    """An opening without a version in force has no due date but a note."""
    past.add(concluded(), "2026-03-16")
    (row,) = rows(follower)
    assert row.due_on is None
    assert "no version of inspection.result_notice_wd" in row.note
    past.add(policy(RULE, 5, "wd"))
    (row,) = rows(follower)
    assert (row.due_on, row.note) == ("2026-03-23", None)


def test_a_policy_without_a_length_poisons_nothing(past: Past, follower: Follower) -> None:
    """A version from which no length can be read leaves a note; a later one does not mend it."""
    past.add(policy(RULE, "soon", "text"))
    past.add(concluded(), "2026-03-16")
    past.add(policy(RULE, 5, "wd", version=2))
    (row,) = rows(follower)
    assert "sets no length" in row.note
    assert all(h.state == "following" for h in follower.health())


def test_a_policy_adopted_later_leaves_open_rows_alone(law: Past, follower: Follower) -> None:
    """New versions never re-judge: the version in force at the opening stays."""
    law.add(concluded(), "2026-03-16")
    follower.catch_up()
    law.add(policy(RULE, 1, "wd", since="2026-03-01", version=2))
    law.add(concluded("T-2"), "2026-03-16")
    one, two = rows(follower)
    assert (one.due_on, one.policy_version) == ("2026-03-23", 1)
    assert (two.due_on, two.policy_version) == ("2026-03-17", 2)


def test_provisional_then_recomputed(law: Past, follower: Follower, views: Views) -> None:
    """A date in an unpublished year is provisional, movable once published, and then moved."""
    opening = law.add(concluded(), "2026-12-28")
    (row,) = rows(follower)
    assert (row.due_on, row.provisional) == ("2027-01-05", True)
    assert due(views, date(2027, 2, 1)).overdue == []
    assert due(views, date(2027, 2, 1)).movable == []
    law.add(calendar(2027, (date(2027, 1, 1), date(2027, 1, 4))), "2027-01-02")
    follower.catch_up()
    (movable,) = due(views, date(2027, 1, 3)).movable
    assert movable.opened_position == opening
    law.add(
        DeadlineRecomputed(
            deadline_id=row.deadline,
            rule_name=RULE,
            opened_at_position=opening,
            previous_due_on=date(2027, 1, 5),
            due_on=date(2027, 1, 6),
            provisional=False,
            calendar_version="2026.1 2027.1",
            subjects=("task:T-1",),
        ),
        "2027-01-03",
    )
    (row,) = rows(follower)
    assert (row.due_on, row.first_due_on, row.provisional) == ("2027-01-06", "2027-01-05", False)
    assert [d.deadline for d in due(views, date(2027, 1, 7)).overdue] == [row.deadline]
    assert due(views, date(2027, 1, 6)).overdue == []


def test_missed(law: Past, follower: Follower, views: Views) -> None:
    """A recorded miss is not asked for again; done late afterwards, the row says both."""
    opening = law.add(concluded(), "2026-03-16")
    (row,) = rows(follower)
    assert len(due(views, date(2026, 3, 24)).overdue) == 1
    missed = law.add(
        DeadlineMissed(
            deadline_id=row.deadline,
            rule_name=RULE,
            opened_at_position=opening,
            due_on=date(2026, 3, 23),
            detected_at=datetime(2026, 3, 24, tzinfo=ZoneInfo("Asia/Shanghai")),
            subjects=("task:T-1",),
        ),
        "2026-03-24",
    )
    (row,) = rows(follower)
    assert (row.state, row.missed_position) == ("missed", missed)
    assert due(views, date(2026, 3, 24)).overdue == []
    law.add(notified(), "2026-03-26")
    (row,) = rows(follower)
    assert (row.state, row.days_late, row.missed_position) == ("done_late", 3, missed)


def test_a_corrected_opening_counts_anew(law: Past, follower: Follower, views: Views) -> None:
    """When the day of the opening was wrong, the deadline follows from the right one."""
    opening = law.add(concluded(), "2026-03-16")
    law.add(notified(), "2026-03-25")
    assert rows(follower)[0].state == "done_late"
    occurred = law.events[opening][0].occurred_at.isoformat()
    law.correct(opening, "/occurred_at", occurred, "2026-03-18T12:00:00+08:00", "2026-03-26")
    (row,) = rows(follower)
    assert (row.due_on, row.state) == ("2026-03-25", "done")
    assert all(v.same for v in verify_views(law.recorder, views))


def test_a_corrected_policy_counts_anew(law: Past, follower: Follower, views: Views) -> None:
    """A policy that was recorded wrongly gives other dates, in a rebuild and when followed."""
    law.add(concluded(), "2026-03-16")
    assert rows(follower)[0].due_on == "2026-03-23"
    law.correct(1, "/body/value", 5, 3, "2026-03-17")
    law.add(concluded("T-2"), "2026-03-16")
    assert [row.due_on for row in rows(follower)] == ["2026-03-19", "2026-03-19"]
    assert all(v.same for v in verify_views(law.recorder, views))


def test_one_finding_opens_and_triage_discharges(law: Past, follower: Follower) -> None:
    """Another rule of the program: a finding is to be triaged within five working days."""
    raised = FindingRaised(finding_id="F-1", type="unfiled", rule_id="FIL-V1", auto=True)
    law.add(raised, "2026-03-16")
    law.add(
        FindingRaised(finding_id="F-2", type="inaction", rule_id="SUP-V2", auto=True), "2026-03-16"
    )
    law.add(FindingTriaged(finding_id="F-1", assessment="real"), "2026-03-17")
    (row,) = rows(follower, "triage_wd")
    assert (row.about, row.state) == ("finding:F-1", "done")


class Now:
    """A clock that stands until it is moved."""

    def __init__(self, moment: str) -> None:
        self.moment = datetime.fromisoformat(moment)

    def __call__(self) -> datetime:
        return self.moment


def test_the_clock_records_each_miss_once(law: Past, follower: Follower, views: Views) -> None:
    """Tick by tick a miss is recorded exactly once, by however many clocks."""
    law.add(concluded(), "2026-03-16")
    follower.catch_up()
    now = Now("2026-03-23T23:00:00+08:00")
    with Ledger(law.recorder, clock=now) as ledger:
        assert tick(ledger, views) == []
        now.moment += timedelta(hours=2)
        first = tick(ledger, views)
        # The view has not followed yet: the same wish again is answered with the same events.
        again = tick(ledger, views)
        assert [o.repeated for o in (*first, *again)] == [False, True]
        assert first[0].position == again[0].position
        follower.catch_up()
        assert tick(ledger, views) == []
    assert rows(follower)[0].state == "missed"


def test_one_that_breaks_keeps_nobody_waiting(
    law: Past, follower: Follower, views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody foresaw is raised when all the others are recorded, and names the wish."""
    for name in ("T-1", "T-2", "T-3"):
        law.add(concluded(name), "2026-03-16")
    follower.catch_up()
    real, asked = Ledger.execute, 0

    def execute(ledger: Ledger, *args: Any, **kwargs: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise ZeroDivisionError("as if nobody had thought of it")
        return real(ledger, *args, **kwargs)

    with Ledger(law.recorder, clock=Now("2026-03-24T01:00:00+08:00")) as ledger:
        monkeypatch.setattr(Ledger, "execute", execute)
        with pytest.raises(ClockBroke, match=r"end:.*ZeroDivisionError"):
            tick(ledger, views)
        monkeypatch.undo()
        follower.catch_up()
        assert sorted(row.state for row in rows(follower)) == ["missed", "missed", "open"]
        assert len(tick(ledger, views)) == 1


def test_the_clock_moves_a_provisional_deadline(
    law: Past, follower: Follower, views: Views
) -> None:
    """Scenario S11: provisional until the year is published, recomputed, and only then missed."""
    law.add(concluded(), "2026-12-28")
    follower.catch_up()
    now = Now("2027-01-20T09:00:00+08:00")
    with Ledger(law.recorder, clock=now) as ledger:
        assert tick(ledger, views) == []
        law.add(calendar(2027, (date(2027, 1, 1), date(2027, 1, 4))), "2027-01-19")
        follower.catch_up()
        types = [r.envelope.type for o in tick(ledger, views) for r in o.events]
        assert types == ["deadlines.deadline-recomputed"]
        follower.catch_up()
        assert rows(follower)[0].due_on == "2027-01-06"
        types = [r.envelope.type for o in tick(ledger, views) for r in o.events]
        assert types == ["deadlines.deadline-missed"]


def test_the_clock_ends_publicity(past: Past, follower: Follower, views: Views) -> None:
    """A record still shown after its longest publicity is ended by the clock, once."""
    past.add(record(), "2026-04-15")
    past.add(started(), "2026-04-20")
    follower.catch_up()
    now = Now("2027-04-15T23:00:00+08:00")
    with Ledger(past.recorder, clock=now) as ledger:
        # Meanwhile the business is graded by what stands there; nothing has ended.
        (graded,) = tick(ledger, views)
        assert [r.envelope.type for r in graded.events] == ["grading.credit-grade-assigned"]
        follower.catch_up()
        assert tick(ledger, views) == []
        now.moment += timedelta(hours=2)
        (outcome,) = tick(ledger, views)
        assert isinstance(outcome.events[0].event, DeadlineLapsed)
        ended = outcome.events[1].event
        assert (ended.TOPIC, getattr(ended, "reason", "")) == (
            "credit.publicity-terminated",
            "max_reached",
        )
        follower.catch_up()
        assert tick(ledger, views) == []


def test_the_clock_in_its_thread(law: Past, follower: Follower) -> None:
    """Started, it ticks by itself when the views have caught up; stopped, it is gone."""
    law.add(concluded(), "2026-03-16")
    follower.start()
    with Ledger(law.recorder, clock=Now("2026-03-24T09:00:00+08:00")) as ledger:
        ticks: list[int] = []
        clock = Clock(ledger, follower, interval=0.01, on_tick=lambda o: ticks.append(len(o)))
        clock.start()
        deadline = datetime.now().astimezone() + timedelta(seconds=10)
        while sum(ticks) < 1 and datetime.now().astimezone() < deadline:
            pass
        clock.stop()
        assert sum(ticks) == 1
