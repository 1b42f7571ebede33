"""Deadlines: missed once, never while provisional, moved by calendars, computed after corrections.

The deadline used is one that the ledger has: a finding is to be triaged within ``triage_wd``.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime

import pytest
from eventsourcing.dcb.api import DCBRecorder
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.kernel import (
    DeadlineMissed,
    DeadlineRecomputed,
    DeadlineRule,
    FieldChange,
    Ledger,
    LegalRef,
    Malformed,
    OutOfStep,
    PolicyVersionAdopted,
    RecordCorrected,
    UnknownReference,
    codec,
    deadlines,
)
from ledger.kernel.days import DayCount
from ledger.systems.deadlines.commands import EndDeadline, RecomputeDeadline
from ledger.systems.policies.commands import PublishWorkingCalendar, SeedLedger
from ledger.systems.supervision.events import FindingDismissed, FindingTriaged
from ledger.systems.supervision.rules import SUP_V2, TRIAGE
from tests.cast import CLOCK, E_A
from tests.gwt import Scenario, like, on

RAISED = FindingRaised(
    finding_id="F-1",
    type="unfiled",
    rule_id="FIL-V1",
    auto=True,
    unit="MRB",
    entity=E_A,
    task="T-1",
)
OTHER = FindingRaised(finding_id="F-2", type="unfiled", rule_id="FIL-V1", auto=True)
TRIAGED = FindingTriaged(finding_id="F-1", assessment="属实")
CALENDAR_2027 = PublishWorkingCalendar(
    year=2027,
    holidays=(date(2027, 1, 1), date(2027, 1, 4), date(2027, 10, 1)),
    makeup_workdays=(),
    source="国务院办公厅通知",
)


def opened(recorder: DCBRecorder | None = None, *, at: str = "2026-01-15T09:00+08:00") -> Scenario:
    """A finding raised among others, seeded policies before it."""
    story = Scenario(recorder or InMemoryDCBRecorder(), by=CLOCK).given(SeedLedger()).at(at)
    return story.amid(OTHER).given(RAISED).amid(OTHER)


def opening(story: Scenario) -> int:
    """Where the finding F-1 lies."""
    found = [codec.decode(s.position, s.event.data) for s in story.ledger.recorder.read()]
    return next(record.position for record in found if record.event == RAISED)


def miss(story: Scenario, rule: str = "triage_wd") -> EndDeadline:
    return EndDeadline(rule_name=rule, opened_at_position=opening(story))


def recompute(story: Scenario) -> RecomputeDeadline:
    return RecomputeDeadline(rule_name="triage_wd", opened_at_position=opening(story))


def happened(story: Scenario, position: int, old: str, new: str) -> RecordCorrected:
    """Corrects when the record at a position happened: the event, since no command would."""
    found = next(iter(story.ledger.recorder.read(after=position - 1, limit=1)))
    target = codec.decode(position, found.event.data)
    return RecordCorrected(
        target_event_id=target.envelope.event_id,
        target_position=position,
        field_changes=(FieldChange(path="/occurred_at", old=old, new=new),),
        reason="录入错误",
        requested_by="J1",
        approved_by="J2",
        subjects=tuple(target.event.tags()),
    )


def test_s2_a_miss_is_recorded_after_the_last_day(recorder: DCBRecorder) -> None:
    """Five working days from 2026-01-15 end on 01-22; on 01-23 the miss is a fact, with finding."""
    story = opened(recorder)
    story.at("2026-01-22T23:59+08:00").when(miss(story)).raises(OutOfStep, says="2026-01-22")
    story.at("2026-01-23T00:00+08:00").when(miss(story)).then(
        like(
            DeadlineMissed,
            rule_name="triage_wd",
            opened_at_position=opening(story),
            due_on=date(2026, 1, 22),
            detected_at=datetime.fromisoformat("2026-01-22T16:00:00Z"),
            subjects=("finding:F-1", "unit:MRB", f"entity:{E_A}", "task:T-1"),
        ),
        like(
            FindingRaised,
            rule_id="SUP-V2",
            unit=None,  # the supervisors were late, and not the unit
            entity=E_A,
            task="T-1",
            plan=None,
            evidence_events=(opening(story),),
        ),
    )


def test_a_miss_is_recorded_once(recorder: DCBRecorder) -> None:
    """The clock may ask again; nothing more is recorded."""
    story = opened(recorder).at("2026-02-02T09:00+08:00")
    story.given(miss(story)).when(miss(story)).then()


def test_racing_clocks_record_one_miss(recorder: DCBRecorder) -> None:
    """Two processes that find the same deadline past leave one miss."""
    story = opened(recorder).at("2026-02-02T09:00+08:00")
    command, now = miss(story), datetime.fromisoformat("2026-02-02T09:00+08:00")
    with Ledger(recorder, clock=lambda: now) as other, ThreadPoolExecutor(6) as pool:
        ledgers = [story.ledger, other] * 3
        list(pool.map(lambda ledger: ledger.execute(command, CLOCK), ledgers))
    found = [codec.decode(s.position, s.event.data).event for s in recorder.read()]
    assert sum(isinstance(event, DeadlineMissed) for event in found) == 1


@pytest.mark.parametrize(
    ("done", "missed"), [("2026-01-15", False), ("2026-01-22", False), ("2026-01-23", True)]
)
def test_what_was_done_in_time_is_not_missed(done: str, missed: bool) -> None:
    """Done on the last day is in time, whenever the clock looks; a day later is late."""
    story = opened().at("2026-02-02T09:00+08:00").given(on(done, TRIAGED))
    story.when(miss(story))
    if missed:
        finding = like(FindingRaised, rule_id="SUP-V2")
        story.then(like(DeadlineMissed, due_on=date(2026, 1, 22)), finding)
    else:
        story.raises(OutOfStep, says="in time")


def test_the_earliest_performance_counts() -> None:
    """A report that comes late of something done early is taken by its own date."""
    story = opened().at("2026-02-02T09:00+08:00")
    story.given(on("2026-01-28", TRIAGED))
    story.given(
        on("2026-01-20", FindingDismissed(finding_id="F-1", reason="x", second_reader="J2"))
    )
    story.when(miss(story)).raises(OutOfStep, says="performed on 2026-01-20")


def test_others_do_not_discharge() -> None:
    """What was done about another finding, or before this one was raised, is no performance."""
    story = Scenario(InMemoryDCBRecorder(), by=CLOCK).given(SeedLedger(), TRIAGED)
    story.at("2026-01-15T09:00+08:00").given(RAISED)
    story.amid(on("2026-01-16", FindingTriaged(finding_id="F-2", assessment="另案")))
    story.at("2026-02-02T09:00+08:00").when(miss(story)).then(DeadlineMissed, FindingRaised)


def test_a_corrected_performance_counts_as_corrected() -> None:
    """A date of performance that was mistyped is read as corrected."""
    story = opened().at("2026-02-02T09:00+08:00").given(on("2026-01-28", TRIAGED))
    position = story.ledger.recorder.read().head
    assert position is not None
    story.given(happened(story, position, "2026-01-28T09:00:00+08:00", "2026-01-20T09:00:00+08:00"))
    story.when(miss(story)).raises(OutOfStep, says="performed on 2026-01-20")


def test_a_corrected_opening_moves_the_deadline() -> None:
    """The day from which to count is the corrected one."""
    story = opened()
    story.given(
        happened(story, opening(story), "2026-01-15T09:00:00+08:00", "2026-01-12T09:00:00+08:00")
    )
    story.at("2026-01-20T09:00+08:00").when(miss(story)).then(
        like(DeadlineMissed, due_on=date(2026, 1, 19)), FindingRaised
    )


def test_the_policy_of_that_day_counts() -> None:
    """A version that holds from later on does not shorten a deadline opened before."""
    story = opened().given(
        PolicyVersionAdopted(
            key="triage_wd",
            version=2,
            value=1,
            unit="wd",
            effective_from=date(2026, 1, 16),
            source=LegalRef(instrument="x"),
            confidence="U",
        )
    )
    story.at("2026-01-21T09:00+08:00").when(miss(story)).raises(OutOfStep, says="2026-01-22")


def test_s11_nothing_is_missed_while_provisional() -> None:
    """Raised 2026-12-28 without a calendar of 2027: due 01-05 provisionally, never missed so."""
    story = opened(at="2026-12-28T09:00+08:00").at("2027-03-01T09:00+08:00")
    story.when(miss(story)).raises(OutOfStep, says="2027-01-05, which is provisional")


def test_s11_a_published_calendar_moves_it_once() -> None:
    """The change is an event; asked again, or of a date that was final, nothing is recorded."""
    story = opened(at="2026-12-28T09:00+08:00")
    story.when(recompute(story)).then()
    story.given(CALENDAR_2027).when(recompute(story)).then(
        like(
            DeadlineRecomputed,
            previous_due_on=date(2027, 1, 5),
            due_on=date(2027, 1, 6),
            provisional=False,
            calendar_version="2026.1 2027.1",
            subjects=("finding:F-1", "unit:MRB", f"entity:{E_A}", "task:T-1"),
        )
    )
    story.when(recompute(story)).then()


def test_a_date_that_stays_becomes_final() -> None:
    """A calendar that moves nothing makes the date final, and that is an event too."""
    story = opened(at="2026-12-24T09:00+08:00")
    story.given(
        PublishWorkingCalendar(
            year=2027,
            holidays=(date(2027, 1, 1), date(2027, 10, 1)),
            makeup_workdays=(),
            source="x",
        )
    )
    story.when(recompute(story)).then()  # 12-31: 2027 is never looked up
    story = opened(at="2026-12-28T09:00+08:00").given(
        PublishWorkingCalendar(
            year=2027,
            holidays=(date(2027, 1, 1), date(2027, 10, 1)),
            makeup_workdays=(),
            source="x",
        )
    )
    story.when(recompute(story)).then(
        like(
            DeadlineRecomputed,
            previous_due_on=date(2027, 1, 5),
            due_on=date(2027, 1, 5),
            provisional=False,
        )
    )


def test_what_opened_after_the_calendar_is_final() -> None:
    """A deadline whose years were published before it opened was never provisional."""
    story = Scenario(InMemoryDCBRecorder(), by=CLOCK).given(SeedLedger(), CALENDAR_2027)
    story.at("2026-12-28T09:00+08:00").given(RAISED).when(recompute(story)).then()


def test_a_miss_after_a_calendar_says_why_that_day() -> None:
    """If nobody recomputed it meanwhile, the new date is recorded beside the miss."""
    story = opened(at="2026-12-28T09:00+08:00").given(CALENDAR_2027)
    story.at("2027-01-06T09:00+08:00").when(miss(story)).raises(OutOfStep, says="2027-01-06")
    story.at("2027-01-07T09:00+08:00").when(miss(story)).then(
        like(DeadlineRecomputed, due_on=date(2027, 1, 6)),
        like(DeadlineMissed, due_on=date(2027, 1, 6)),
        like(FindingRaised, rule_id="SUP-V2"),
    )
    story.when(recompute(story)).then()


def test_a_recomputed_date_holds_against_later_versions() -> None:
    """A later version of the calendar does not move what was recomputed as final."""
    story = opened(at="2026-12-28T09:00+08:00").given(CALENDAR_2027)
    story.given(recompute(story))
    later = PublishWorkingCalendar(
        year=2027,
        holidays=(*CALENDAR_2027.holidays, date(2027, 1, 5), date(2027, 1, 6)),
        makeup_workdays=(),
        source="x",
    )
    story.given(later).when(recompute(story)).then()
    story.at("2027-01-07T09:00+08:00").when(miss(story)).then(
        like(DeadlineMissed, due_on=date(2027, 1, 6)), FindingRaised
    )


@pytest.mark.parametrize("command", [EndDeadline, RecomputeDeadline])
def test_what_opens_no_deadline_is_said(
    command: type[EndDeadline] | type[RecomputeDeadline],
) -> None:
    """An unknown rule, an unknown position and a record that opens nothing are told apart."""
    story = opened()
    story.when(command(rule_name="triage", opened_at_position=1)).raises(
        UnknownReference, says="Did you mean triage_wd"
    )
    story.when(command(rule_name="triage_wd", opened_at_position=9999)).raises(
        UnknownReference, says="9999"
    )
    story.when(command(rule_name="triage_wd", opened_at_position=1)).raises(
        Malformed, pointer="/opened_at_position", says="policies.policy-version-adopted"
    )


def test_a_rule_may_say_that_this_event_opens_nothing() -> None:
    """A finding about missing triage is itself not triaged for ever on."""
    own = FindingRaised(finding_id="F-9", type="inaction", rule_id=SUP_V2.id, auto=True)
    story = Scenario(InMemoryDCBRecorder(), by=CLOCK).given(SeedLedger(), own)
    position = story.ledger.recorder.read().head
    assert position is not None
    story.at("2026-03-02T09:00+08:00").when(
        EndDeadline(rule_name=TRIAGE.name, opened_at_position=position)
    ).raises(Malformed, pointer="/opened_at_position")


@pytest.fixture
def of_a_table() -> Iterator[DeadlineRule]:
    yield DeadlineRule(
        "tests.copy",
        "recon.ordinary",
        FindingRaised,
        (FindingTriaged,),
        about=lambda event: f"finding:{event.finding_id}",
        start=lambda record: record.occurred_on,
        part="copy_wd",
    )
    deadlines._RULES.pop("tests.copy")


def test_s18_a_part_of_a_table_sets_a_deadline(of_a_table: DeadlineRule) -> None:
    """An entry of a table counts as long as it says and in the unit that it is named for."""
    story = opened(at="2026-05-12T09:00+08:00").at("2026-05-22T09:00+08:00")
    story.when(miss(story, of_a_table.name)).then(like(DeadlineMissed, due_on=date(2026, 5, 21)))


def test_a_name_is_declared_once(of_a_table: DeadlineRule) -> None:
    """Two rules of one name would make two deadlines of one id."""
    with pytest.raises(TypeError, match="twice"):
        DeadlineRule(
            of_a_table.name,
            "triage_wd",
            FindingRaised,
            (FindingTriaged,),
            about=lambda event: None,
            start=lambda record: record.occurred_on,
        )


def test_without_a_calendar_days_are_still_counted() -> None:
    """Weekends and fixed days alone give a date, marked as provisional."""
    due = DayCount({}).due(date(2026, 1, 15), 5, "wd")
    assert (due.on, due.provisional) == (date(2026, 1, 22), True)
