"""Results of inspections (2.3): published in time, and on the credit record with it."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.general.values import Instrument
from ledger.kernel import (
    DeadlineMissed,
    Forbidden,
    Malformed,
    OutOfStep,
    UnknownReference,
    civil_moment,
)
from ledger.systems.credit.events import CreditRecordEntered, PublicityTerminated
from ledger.systems.credit.folds import CreditRecords
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.draws.commands import PublishDrawResult
from ledger.systems.draws.events import DrawAnnounced, DrawResultPublished, DrawTargetSelected
from ledger.systems.filing.events import (
    InspectionConcluded,
    InspectionTaskApproved,
    NonOnsiteConsidered,
)
from ledger.systems.grading.commands import RecomputeGrade
from ledger.systems.grading.events import CreditGradeAssigned
from ledger.systems.policies.commands import SeedLedger
from tests.cast import E_B, E_C, HEAD, actor
from tests.gwt import Scenario, like

replace = msgspec.structs.replace

APPROVED = InspectionTaskApproved(
    task="T-1",
    entity=E_C,
    unit="MRB",
    kind="daily",
    trigger="plan",
    matters=("M-101",),
    officers=("OFF-001", "OFF-002"),
    planned_on=date(2026, 9, 18),
    approver="MRB-HEAD",
    counter="capped",
    non_onsite_considered=NonOnsiteConsidered(
        written=True, shared_data=True, remote=True, conclusion="insufficient"
    ),
    draw="DRAW-2026-0007",
)
CONCLUDED = InspectionConcluded(
    task="T-1",
    entity=E_C,
    unit="MRB",
    matters=("M-101",),
    result="issue_corrected_on_spot",
)
ANNOUNCED = DrawAnnounced(
    draw="DRAW-2026-0007",
    unit="MRB",
    plan="PLAN-MRB-2026",
    year=2026,
    matters=("M-101",),
    by="grade",
    strata=(),
    sources=(),
    roster="R-1",
    roster_hash="0" * 64,
    roster_root="0" * 64,
    roster_count=0,
    roster_strata={},
    officer_roster="O-1",
    officer_roster_hash="0" * 64,
    inspect_by=date(2026, 12, 31),
)
SELECTED = DrawTargetSelected(
    target="DRAW-2026-0007/C/1",
    draw="DRAW-2026-0007",
    entity=E_C,
    unit="MRB",
    plan="PLAN-MRB-2026",
    matters=("M-101",),
    stratum="C",
    ticket="0" * 64,
    rank=1,
    inclusion_prob="0.5",
    inspect_by=date(2026, 12, 31),
)
PUBLISH = PublishDrawResult(task="T-1", draw="DRAW-2026-0007")


@pytest.fixture
def story() -> Scenario:
    """S10: a task approved for Friday 2026-09-18; another one is concluded already."""
    return (
        Scenario(InMemoryDCBRecorder())
        .given(SeedLedger())
        .at("2026-09-18T16:00+08:00")
        .given(APPROVED)
        .given(ANNOUNCED, SELECTED)
        .amid(replace(APPROVED, task="T-9"), replace(CONCLUDED, task="T-9", result="no_issue"))
    )


def test_a_result_and_its_record_are_one_append(story: Scenario) -> None:
    """The record cites the conclusion, has the result as its title, and no severity."""
    concluded = _concluded(story)
    story.when(PUBLISH).then(
        DrawResultPublished(
            task="T-1",
            entity=E_C,
            unit="MRB",
            matters=("M-101",),
            result="issue_corrected_on_spot",
            published_on=date(2026, 9, 18),
            draw="DRAW-2026-0007",
        ),
        like(
            CreditRecordEntered,
            entity=E_C,
            unit="MRB",
            kind="inspection_result",
            title="issue_corrected_on_spot",
            result="issue_corrected_on_spot",
            public=True,
            severity=None,
            determined_on=date(2026, 9, 18),
            instrument=Instrument(
                kind="inspection_conclusion", doc_no="T-1", effective_on=date(2026, 9, 18)
            ),
            task="T-1",
            source_event_id=_records(story)[concluded - 1].envelope.event_id,
        ),
    )
    story.when(PUBLISH).raises(OutOfStep, says="2026-09-18")
    records = CreditRecords(E_C).over(_records(story))
    assert [r.shown(date(2026, 9, 18)) for r in records.live(date(2026, 9, 18))] == [True]


def test_DRW_R9_only_a_concluded_inspection_has_a_result(story: Scenario) -> None:
    """The conclusion of another task is none of this one."""
    story.when(PUBLISH).refused("DRW-R9", task="T-1", stage="approved")
    _concluded(story)
    story.when(PUBLISH).then(DrawResultPublished, CreditRecordEntered)


def test_DRW_R9_a_result_is_not_published_before_its_inspection_was_concluded(
    story: Scenario,
) -> None:
    """Publishing takes effect by being recorded: dated back it would come before its conclusion,
    or in time when it did not.
    """
    _concluded(story)
    early = replace(PUBLISH, occurred_at=civil_moment(date(2026, 9, 17), 18))
    story.when(early, HEAD).raises(Malformed, pointer="/occurred_at", says="2026-09-18")
    story.at("2026-10-24T10:00+08:00")
    for day in (date(2026, 8, 1), date(2026, 10, 22)):
        late = replace(PUBLISH, occurred_at=civil_moment(day, 9))
        story.when(late, HEAD).raises(Malformed, pointer="/occurred_at", says="backdated")
    story.when(PUBLISH, HEAD).then(
        like(DrawResultPublished, published_on=date(2026, 10, 24), days_late=2),
        CreditRecordEntered,
    )


def test_the_unit_that_inspected_publishes(story: Scenario) -> None:
    """谁检查、谁录入、谁公开: nobody else, and nothing that is not there."""
    _concluded(story)
    story.when(PUBLISH, actor("EMB", "EMB-HEAD", "unit_head")).raises(Forbidden)
    story.when(PublishDrawResult(task="T-404")).raises(UnknownReference)


def test_DRW_V5_a_result_is_published_within_twenty_working_days(story: Scenario) -> None:
    """S10: due 10-22; published on 10-23 it is a day late, and the finding comes once."""
    opened = _concluded(story)
    miss = EndDeadline(rule_name="draw.result_publish_wd", opened_at_position=opened)
    story.at("2026-10-22T23:00+08:00").when(miss).raises(OutOfStep)
    story.at("2026-10-23T10:00+08:00").when(PUBLISH).then(
        like(DrawResultPublished, days_late=1), CreditRecordEntered
    )
    story.when(miss).then(
        like(DeadlineMissed, due_on=date(2026, 10, 22)),
        like(FindingRaised, rule_id="DRW-V5", unit="MRB", entity=E_C, task="T-1"),
    )
    story.when(miss).then()


def test_DRW_V5_is_not_raised_of_what_was_published_in_time(story: Scenario) -> None:
    """The last day is in time."""
    opened = _concluded(story)
    story.at("2026-10-22T17:00+08:00").given(PUBLISH).at("2026-11-02T09:00+08:00").when(
        EndDeadline(rule_name="draw.result_publish_wd", opened_at_position=opened)
    ).raises(OutOfStep, says="in time")


def test_a_secret_result_is_withheld_with_its_reason(story: Scenario) -> None:
    """Neither the result nor its record is shown to the public."""
    _concluded(story)
    story.when(replace(PUBLISH, withhold_reason="涉及商业秘密")).then(
        like(DrawResultPublished, withhold_reason="涉及商业秘密"),
        like(CreditRecordEntered, public=False),
    )
    assert story.outcome is not None
    assert [r.envelope.visibility for r in story.outcome.events] == ["restricted"] * 2


def test_a_lawful_refusal_enters_no_record(story: Scenario) -> None:
    """S6: records and grade of the business stay as they were, and nothing has to be published."""
    opened = _concluded(story, result="refused_by_entity", lawful_refusal=True)
    story.when(EndDeadline(rule_name="draw.result_publish_wd", opened_at_position=opened)).raises(
        Malformed
    )
    story.at("2026-12-01T09:00+08:00").when(PUBLISH).then(
        like(DrawResultPublished, lawful_refusal=True, days_late=0)
    )
    assert CreditRecords(E_C).over(_records(story)).records == {}
    story.when(RecomputeGrade(entity=E_C)).then(like(CreditGradeAssigned, grade="B"))


def test_a_result_without_issue_lifts_the_grade(story: Scenario) -> None:
    """K: it counts as positive evidence; one about another business does not."""
    story.amid(
        replace(APPROVED, task="T-8", entity=E_B),
        replace(CONCLUDED, task="T-8", entity=E_B, result="no_issue"),
    )
    story.given(PublishDrawResult(task="T-8"))
    story.when(RecomputeGrade(entity=E_C)).then(like(CreditGradeAssigned, grade="B"))
    story.given(PublishDrawResult(task="T-9"))
    story.when(RecomputeGrade(entity=E_C)).then(like(CreditGradeAssigned, grade="A"))


def _concluded(story: Scenario, **changed: Any) -> int:
    """Conclude the inspection, and say where that stands."""
    story.given(replace(CONCLUDED, **changed))
    return story.ledger.recorder.read().head or 0


def _records(story: Scenario) -> list[Any]:
    from ledger.kernel import codec

    return [codec.decode(e.position, e.event.data) for e in story.ledger.recorder.read()]


@pytest.mark.parametrize("ended", [None, "correction", "max_reached"])
def test_CRD_R5_a_visit_has_one_result_on_record(story: Scenario, ended: Any) -> None:
    """A result that was entered by hand is not entered again by its publication."""
    _concluded(story)
    by_hand = CreditRecordEntered(
        record="CR-HAND",
        entity=E_C,
        unit="MRB",
        kind="inspection_result",
        instrument=Instrument(
            kind="inspection_conclusion", doc_no="t-1", effective_on=date(2026, 9, 18)
        ),
        determined_on=date(2026, 9, 18),
        title="issue_corrected_on_spot",
        public=True,
    )
    # Neither another business's, nor another kind, nor another visit's is in the way.
    story.amid(
        replace(by_hand, record="CR-1", entity=E_B),
        replace(by_hand, record="CR-2", kind="other"),
        replace(by_hand, record="CR-3", instrument=replace(by_hand.instrument, doc_no="T-9")),
    )
    story.when(PUBLISH).then(DrawResultPublished, CreditRecordEntered)
    again = Scenario(InMemoryDCBRecorder()).given(SeedLedger())
    again.at("2026-09-18T16:00+08:00").given(APPROVED, ANNOUNCED, SELECTED)
    _concluded(again)
    again.given(by_hand)
    if ended is not None:
        again.given(
            PublicityTerminated(
                record="CR-HAND",
                entity=E_C,
                unit="MRB",
                reason=ended,
                terminated_on=date(2026, 9, 18),
            )
        )
    again.when(PUBLISH).refused("CRD-R5", record="CR-HAND")
