"""Corrections of records, and what legally becomes of decisions."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from eventsourcing.dcb.api import DCBRecorder
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.corrections.commands import CorrectRecord, NullifyDecision
from ledger.corrections.events import (
    AlteredField,
    DecisionAltered,
    DecisionDeclaredUnlawful,
    DecisionDeclaredVoid,
    DecisionRevoked,
)
from ledger.kernel import (
    DeadlineMissed,
    DeadlineRecomputed,
    Event,
    FieldChange,
    Forbidden,
    LegalRef,
    Malformed,
    OutOfStep,
    PolicyVersionAdopted,
    RecordCorrected,
    UnknownReference,
    WorkingCalendarPublished,
    codec,
)
from ledger.supervision.events import FindingRaised, FindingTriaged
from tests.gwt import HEAD, Scenario, actor, like

E_A = "91620100MA7LX00338"
RAISED = FindingRaised(
    finding_id="F-1",
    type="unfiled",
    rule_id="FIL-V1",
    auto=True,
    unit="MRB",
    entity=E_A,
    facts={"visited_on": "2026-06-11"},
)
OTHER = FindingRaised(
    finding_id="F-2", type="unfiled", rule_id="FIL-V1", auto=True, unit="MRB", entity=E_A
)
DATE = FieldChange(path="/body/facts/visited_on", old="2026-06-11", new="2026-06-10")


def correct(*changes: FieldChange, **fields: Any) -> CorrectRecord:
    given: dict[str, Any] = {
        "target_position": 2,
        "field_changes": changes or (DATE,),
        "reason": "日期录入错误",
        "requested_by": "OFF-001",
        "approved_by": HEAD.person_id,
    }
    return CorrectRecord(**(given | fields))


@pytest.fixture
def story() -> Scenario:
    """The finding F-1 at position 2, among another one at the same business."""
    return Scenario(InMemoryDCBRecorder()).at("2026-06-12T09:00+08:00").amid(OTHER).given(RAISED)


def test_s20_a_correction_is_recorded_beside_the_record(recorder: DCBRecorder) -> None:
    """The record stays as it was; the correction says what, why and who, with all its subjects."""
    story = Scenario(recorder).at("2026-06-12T09:00+08:00").amid(OTHER).given(RAISED)
    before = [s.event.data for s in recorder.read()]
    story.when(correct()).then(
        like(
            RecordCorrected,
            target_position=2,
            field_changes=(DATE,),
            reason="日期录入错误",
            requested_by="OFF-001",
            approved_by="MRB-HEAD",
            subjects=("finding:F-1", "unit:MRB", f"entity:{E_A}"),
        )
    )
    assert [s.event.data for s in recorder.read()][:2] == before
    assert story.outcome is not None
    (correction,) = story.outcome.events
    assert isinstance(correction.event, RecordCorrected)
    target = codec.decode(2, before[1])
    assert correction.event.target_event_id == target.envelope.event_id


def test_GEN_R1_nobody_approves_the_own_request(story: Scenario) -> None:
    """S20: requested and approved by OFF-001 is refused; approved by the head it is recorded."""
    story.when(correct(approved_by="OFF-001")).refused(
        "GEN-R1", requested_by="OFF-001", approved_by="OFF-001", position=2
    )
    story.when(correct()).then(RecordCorrected)


def test_a_second_correction_starts_from_the_first(story: Scenario) -> None:
    """What is corrected twice is compared with what it says since the first correction."""
    again = FieldChange(path=DATE.path, old="2026-06-10", new="2026-06-09")
    story.given(correct())
    story.when(correct()).raises(
        Malformed, pointer="/field_changes/0", says="says '2026-06-10', not '2026-06-11'"
    )
    story.when(correct(again)).then(like(RecordCorrected, field_changes=(again,)))


def test_corrections_of_others_do_not_matter(story: Scenario) -> None:
    """Another record of the same unit and business, corrected, leaves this one alone."""
    change = FieldChange(path="/body/facts", old={}, new={"visited_on": "2026-06-10"})
    story.given(correct(change, target_position=1)).when(correct()).then(RecordCorrected)


def test_several_fields_are_corrected_together(story: Scenario) -> None:
    """One correction may change the moment and the body, and they hold together."""
    moment = FieldChange(
        path="/occurred_at", old="2026-06-12T01:00:00Z", new="2026-06-11T01:00:00Z"
    )
    story.when(correct(moment, DATE)).then(like(RecordCorrected, field_changes=(moment, DATE)))


@pytest.mark.parametrize(
    ("change", "pointer", "says"),
    [
        (("/body/facts/visited_on", "2026-06-01", "x"), "/field_changes/1", "says '2026-06-11'"),
        (("/body/place", None, "x"), "/field_changes/1", "not a field"),
        (("/body/unit", "MRB", "EMB"), "/field_changes/1", "names a subject"),
        (("/body/auto", True, "maybe"), "/field_changes", "would not be valid"),
        (("/body/auto", True, True), "/field_changes/1/new", "would not change"),
        (
            ("/occurred_at", "2026-06-12T01:00:00Z", "2026-06-12T02:00:00Z"),
            "/field_changes/1",
            "after it was recorded",
        ),
    ],
)
def test_a_change_that_does_not_fit_is_malformed(
    story: Scenario, change: tuple[str, Any, Any], pointer: str, says: str
) -> None:
    """The answer points at the change that does not fit, the first one being right."""
    path, old, new = change
    good = FieldChange(path="/body/type", old="unfiled", new="over_cap")
    story.when(correct(good, FieldChange(path=path, old=old, new=new))).raises(
        Malformed, pointer=pointer, says=says
    )


def test_an_unknown_record_is_no_target(story: Scenario) -> None:
    """A position above the head names nothing."""
    story.when(correct(target_position=99)).raises(UnknownReference, says="99")


def test_a_correction_is_not_corrected(story: Scenario) -> None:
    """Whoever corrected wrongly corrects the record again."""
    reason = FieldChange(path="/body/reason", old="日期录入错误", new="x")
    story.given(correct()).when(correct(reason, target_position=3)).raises(
        Malformed, pointer="/target_position", says="once more"
    )


POLICY = PolicyVersionAdopted(
    key="triage_wd",
    version=1,
    value=5,
    unit="wd",
    effective_from=date(2026, 1, 1),
    source=LegalRef(instrument="x"),
    confidence="U",
)
CALENDAR = WorkingCalendarPublished(
    year="2026", version=1, holidays=(), makeup_workdays=(), source="x"
)
MISSED = DeadlineMissed(
    deadline_id="triage_wd:1",
    rule_name="triage_wd",
    opened_at_position=2,
    due_on=date(2026, 6, 19),
    detected_at=datetime.fromisoformat("2026-06-20T01:00:00+00:00"),
    subjects=(),
)
RECOMPUTED = DeadlineRecomputed(
    deadline_id="triage_wd:1",
    rule_name="triage_wd",
    opened_at_position=2,
    previous_due_on=date(2026, 6, 19),
    due_on=date(2026, 6, 19),
    provisional=False,
    calendar_version="2026.1",
    subjects=(),
)


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (POLICY, "Adopt a new version"),
        (CALENDAR, "Publish a new version"),
        (MISSED, "follows from"),
        (RECOMPUTED, "follows from"),
    ],
)
def test_what_has_versions_is_not_corrected(story: Scenario, event: Event, says: str) -> None:
    """A policy, a calendar and what follows from them are superseded instead."""
    change = FieldChange(path="/body/version", old=1, new=2)
    story.given(event).when(correct(change, target_position=3)).raises(
        Malformed, pointer="/target_position", says=says
    )


def test_a_record_without_subjects_can_be_corrected() -> None:
    """A record that concerns nobody in particular is corrected like any other, and again."""
    from tests.kernel.hall import Heard

    one = FieldChange(path="/body/words", old="one", new="two")
    two = FieldChange(path="/body/words", old="two", new="three")
    story = Scenario(InMemoryDCBRecorder()).given(Heard(words="one"))
    story.given(correct(one, target_position=1))
    story.when(correct(two, target_position=1)).then(like(RecordCorrected, subjects=()))


def test_two_corrections_of_one_field_do_not_both_win(recorder: DCBRecorder) -> None:
    """Of two people correcting the same value at once, the second is told what it says by then."""
    from concurrent.futures import ThreadPoolExecutor

    from ledger.kernel import Ledger

    story = Scenario(recorder).at("2026-06-12T09:00+08:00").given(OTHER, RAISED)
    commands = [
        correct(FieldChange(path=DATE.path, old="2026-06-11", new=f"2026-06-0{n}"))
        for n in range(1, 7)
    ]

    def run(n: int) -> bool:
        try:
            (story.ledger, other)[n % 2].execute(commands[n], HEAD)
        except Malformed:
            return False
        return True

    with Ledger(recorder, clock=story.ledger.clock) as other, ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(run, range(6))) == 1


# Decisions

REASON = "主要事实不清"
DECIDED = "DEC-2026-0001"


def nullify(kind: str, **fields: Any) -> NullifyDecision:
    given: dict[str, Any] = {
        "decision": DECIDED,
        "unit": "MRB",
        "kind": kind,
        "entity": E_A,
        "by": "兰州新区行政复议机构",
        "instrument": "新复决〔2026〕3号",
        "effective_on": date(2026, 7, 3),
        "reason": REASON,
    }
    return NullifyDecision(**(given | fields))


@pytest.fixture
def decided() -> Scenario:
    """A decision on record, in whatever way, among another one."""
    story = Scenario(InMemoryDCBRecorder()).at("2026-07-03T09:00+08:00")
    known = {"unit": "MRB", "by": "x", "instrument": "y", "reason": "z"}
    on = date(2026, 6, 1)
    for decision in (DECIDED, "DEC-2026-0002"):
        story.given(DecisionDeclaredUnlawful(decision=decision, effective_on=on, **known))
    return story


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("revoked", DecisionRevoked),
        ("declared_unlawful", DecisionDeclaredUnlawful),
        ("declared_void", DecisionDeclaredVoid),
    ],
)
def test_each_kind_is_its_own_event(decided: Scenario, kind: str, event: type[Event]) -> None:
    """Who decided what, by which document and since when, is on record as its own fact."""
    decided.when(nullify(kind)).then(
        like(
            event,
            decision=DECIDED,
            unit="MRB",
            entity=E_A,
            by="兰州新区行政复议机构",
            instrument="新复决〔2026〕3号",
            effective_on=date(2026, 7, 3),
            reason=REASON,
        )
    )


def test_an_alteration_says_what_is_altered(decided: Scenario) -> None:
    """Altered fields belong to an alteration, and to nothing else."""
    altered = (AlteredField(field="罚款", before=500_000, after=100_000),)
    decided.when(nullify("altered")).raises(Malformed, pointer="/altered")
    decided.when(nullify("revoked", altered=altered)).raises(Malformed, pointer="/altered")
    decided.when(nullify("altered", altered=altered)).then(like(DecisionAltered, altered=altered))
    decided.when(nullify("revoked")).then(DecisionRevoked)


def test_an_unknown_decision_is_not_undone(decided: Scenario) -> None:
    """A decision that no record speaks of has to be recorded first."""
    decided.when(nullify("revoked", decision="DEC-2026-0009")).raises(
        UnknownReference, says="DEC-2026-0009"
    )


@pytest.mark.parametrize("first", ["revoked", "declared_void"])
def test_what_has_ended_has_no_further_fate(decided: Scenario, first: str) -> None:
    """A decision that was revoked or declared void is not revoked again; others still can be."""
    decided.given(nullify(first))
    decided.when(nullify("revoked")).raises(OutOfStep, says="新复决〔2026〕3号")
    decided.when(nullify("revoked", decision="DEC-2026-0002")).then(DecisionRevoked)


def test_triage_is_no_decision() -> None:
    """A finding of the same name is not the decision."""
    story = Scenario(InMemoryDCBRecorder()).given(
        FindingTriaged(finding_id=DECIDED, assessment="x")
    )
    story.when(nullify("revoked")).raises(UnknownReference)


def test_a_correction_is_sent_by_its_approver(story: Scenario) -> None:
    """Naming somebody else as the approver approves nothing; nor may another unit's head."""
    story.when(correct(approved_by="SOMEBODY")).raises(Forbidden, says="SOMEBODY")
    other = actor("EMB", "EMB-HEAD", "unit_head")
    story.when(correct(approved_by="EMB-HEAD"), actor=other).raises(Forbidden, says="MRB")
