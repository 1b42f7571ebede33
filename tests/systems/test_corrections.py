"""Corrections of records, and what legally becomes of decisions."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.api import DCBRecorder
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.countersigning import ApprovalRequested
from ledger.general.findings import FindingRaised
from ledger.intake.events import InspectionImported
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
from ledger.kernel.subjects import subject_fields
from ledger.systems.approvals.commands import ApproveRequest
from ledger.systems.catalogue.events import OfficerCertified
from ledger.systems.corrections.commands import INSTEAD, CorrectRecord, NullifyDecision
from ledger.systems.corrections.events import (
    AlteredField,
    DecisionAltered,
    DecisionDeclaredUnlawful,
    DecisionDeclaredVoid,
    DecisionRevoked,
)
from ledger.systems.filing.events import (
    AnnualPlanApproved,
    InspectionTaskApproved,
    IrregularVisitReported,
    NonOnsiteConsidered,
    PlanItem,
)
from ledger.systems.grading.events import CreditGradeAssigned
from ledger.systems.penalties.events import PenaltyContent, PenaltyDecided
from ledger.systems.policies.commands import SeedLedger
from ledger.systems.supervision.events import FindingTriaged
from tests import golden
from tests.cast import DEPUTY, E_A, EMB, HEAD, JB, OFFICER, actor
from tests.gwt import Scenario, like

REPORTED = IrregularVisitReported(
    irregular_visit="IV-1",
    entity=E_A,
    reporter="self",
    visited_on=date(2026, 6, 11),
    facts="入企未扫码",
    unit="MRB",
)
OTHER = msgspec.structs.replace(REPORTED, irregular_visit="IV-2")
CERTIFIED = OfficerCertified(
    officer="OFF-001",
    unit="MRB",
    cert_no="甘A-001",
    valid_from=date(2024, 8, 1),
    valid_to=date(2027, 7, 31),
    domains=("food_drug",),
)
DATE = FieldChange(path="/body/visited_on", old="2026-06-11", new="2026-06-10")
#: Who requests a correction, and who approves it.
BOTH = (OFFICER, HEAD)
SUPERVISORS = (JB, actor("JB", "JB-2", "jb_supervisor"))


def correct(*changes: FieldChange, **fields: Any) -> CorrectRecord:
    given: dict[str, Any] = {
        "target_position": 2,
        "field_changes": changes or (DATE,),
        "reason": "日期录入错误",
    }
    return CorrectRecord(**(given | fields))


@pytest.fixture
def story() -> Scenario:
    """The visit IV-1 at position 2, among another one at the same business."""
    return told(InMemoryDCBRecorder())


def told(recorder: DCBRecorder) -> Scenario:
    """Positions 1 and 2: another visit, and the one that is corrected; OFF-001 is an officer."""
    story = Scenario(recorder).at("2026-06-12T09:00+08:00").amid(OTHER).given(REPORTED)
    return story.given(CERTIFIED, actor=JB)


def test_s20_a_correction_is_recorded_beside_the_record(recorder: DCBRecorder) -> None:
    """The record stays as it was; the correction says what, why and who, with all its subjects."""
    story = told(recorder)
    before = [s.event.data for s in recorder.read()]
    story.signed(correct(), *BOTH).then(
        like(
            RecordCorrected,
            target_position=2,
            field_changes=(DATE,),
            reason="日期录入错误",
            requested_by="OFF-001",
            approved_by="MRB-HEAD",
            subjects=tuple(REPORTED.tags()),
            target_visibility="restricted",
        )
    )
    assert [s.event.data for s in recorder.read()][:3] == before
    assert story.outcome is not None
    (correction,) = story.outcome.events
    assert isinstance(correction.event, RecordCorrected)
    target = codec.decode(2, before[1])
    assert correction.event.target_event_id == target.envelope.event_id


def test_GEN_R1_nobody_approves_the_own_request(story: Scenario) -> None:
    """S20: requested and approved by OFF-001 is refused; approved by the head it is recorded."""
    story.signed(correct(), OFFICER, OFFICER).refused(
        "GEN-R1", requested_by="OFF-001", command="corrections.correct-record"
    )
    story.signed(correct(), *BOTH).then(RecordCorrected)


def test_a_second_correction_starts_from_the_first(story: Scenario) -> None:
    """What is corrected twice is compared with what it says since the first correction."""
    again = FieldChange(path=DATE.path, old="2026-06-10", new="2026-06-09")
    story.given_signed(correct(), *BOTH)
    story.signed(correct(), *BOTH).raises(
        Malformed, pointer="/field_changes/0", says="says '2026-06-10', not '2026-06-11'"
    )
    story.signed(correct(again), *BOTH).then(like(RecordCorrected, field_changes=(again,)))


def test_corrections_of_others_do_not_matter(story: Scenario) -> None:
    """Another record of the same unit and business, corrected, leaves this one alone."""
    change = FieldChange(path="/body/facts", old="入企未扫码", new="另案")
    story.given_signed(correct(change, target_position=1), *BOTH).signed(correct(), *BOTH).then(
        RecordCorrected
    )


def test_several_fields_are_corrected_together(story: Scenario) -> None:
    """One correction may change the moment and the body, and they hold together."""
    moment = FieldChange(
        path="/occurred_at", old="2026-06-12T01:00:00Z", new="2026-06-11T01:00:00Z"
    )
    story.signed(correct(moment, DATE), *BOTH).then(
        like(RecordCorrected, field_changes=(moment, DATE))
    )


@pytest.mark.parametrize(
    ("change", "pointer", "says"),
    [
        (("/body/visited_on", "2026-06-01", "x"), "/field_changes/1", "says '2026-06-11'"),
        (("/body/facts/place", None, "x"), "/field_changes/1", "not a field"),
        (("/body/place", None, "x"), "/field_changes/1", "only occurred_at and"),
        (("/body/unit", "MRB", "EMB"), "/field_changes/1", "only occurred_at and"),
        (("/body/scanned", False, "maybe"), "/field_changes", "would not be valid"),
        (("/body/scanned", False, False), "/field_changes/1/new", "must change"),
        (
            ("/occurred_at", "2026-06-12T01:00:00Z", "2026-06-12T02:00:00Z"),
            "/field_changes/1",
            "after the time of recording",
        ),
    ],
)
def test_a_change_that_does_not_fit_is_malformed(
    story: Scenario, change: tuple[str, Any, Any], pointer: str, says: str
) -> None:
    """The answer points at the change that does not fit, the first one being right."""
    path, old, new = change
    good = FieldChange(path="/body/label", old="inspection", new="research")
    story.signed(correct(good, FieldChange(path=path, old=old, new=new)), *BOTH).raises(
        Malformed, pointer=pointer, says=says
    )


def test_an_unknown_record_is_no_target(story: Scenario) -> None:
    """A position above the head names nothing."""
    story.signed(correct(target_position=99), *BOTH).raises(UnknownReference, says="99")


def test_a_correction_is_not_corrected(story: Scenario) -> None:
    """Whoever corrected wrongly corrects the record again."""
    reason = FieldChange(path="/body/reason", old="日期录入错误", new="x")
    story.given_signed(correct(), *BOTH).signed(correct(reason, target_position=6), *BOTH).raises(
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


PLAN = AnnualPlanApproved(
    plan="PLAN-MRB-2026",
    unit="MRB",
    year=2026,
    items=(PlanItem(matter="M-101", mode="key", target_class="x", planned_visits=1, months=(3,)),),
)
TASK = InspectionTaskApproved(
    task="T-1",
    entity=E_A,
    unit="MRB",
    kind="daily",
    trigger="plan",
    matters=("M-101",),
    officers=("OFF-001",),
    planned_on=date(2026, 9, 18),
    approver="MRB-HEAD",
    counter="capped",
    non_onsite_considered=NonOnsiteConsidered(
        written=True, shared_data=True, remote=True, conclusion="insufficient"
    ),
)
RAISED = FindingRaised(
    finding_id="F-1", type="unfiled", rule_id="FIL-V1", auto=True, unit="MRB", entity=E_A
)
GRADED = CreditGradeAssigned(
    entity=E_A,
    scheme="local",
    grade="B",
    assessed_on=date(2026, 6, 1),
    source="local_rule",
    factors=(),
    inputs_hash="0" * 64,
)


PUBLIC = InspectionImported(
    inspection="sf-food:1", entity=E_A, unit="DPH", type="routine", held_on=date(2026, 6, 11)
)
SEALED = msgspec.structs.replace(REPORTED, irregular_visit="IV-3", reporter="entity")


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (POLICY, "Adopt a new version"),
        (CALENDAR, "Publish a new version"),
        (MISSED, "follows from"),
        (RECOMPUTED, "follows from"),
        (PLAN, "Amend the plan"),
        (TASK, "Cancel the task"),
        (RAISED, "Dismiss the finding"),
        (GRADED, "Assess the grade anew"),
    ],
)
def test_what_has_versions_is_not_corrected(story: Scenario, event: Event, says: str) -> None:
    """Policies, calendars, plans, tasks, findings: each says what to do about it instead."""
    change = FieldChange(path="/body/version", old=1, new=2)
    story.given(event).signed(correct(change, target_position=4), *BOTH).raises(
        Malformed, pointer="/target_position", says=says
    )


def test_not_even_the_moment_of_a_decision_is_corrected(story: Scenario) -> None:
    """When nothing of an event can be corrected, neither can when it happened."""
    moment = FieldChange(
        path="/occurred_at", old="2026-06-12T01:00:00Z", new="2026-06-11T01:00:00Z"
    )
    story.given(TASK).signed(correct(moment, target_position=4), *BOTH).raises(
        Malformed, pointer="/target_position", says="Cancel the task"
    )


def test_what_can_be_corrected_is_a_field() -> None:
    """No event names a field that it has not, or one that names a subject and cannot move."""
    for topic, cls in golden.released_types().items():
        subjects = {name for name, _ in subject_fields(cls)}
        assert set(cls.__struct_fields__) - subjects >= cls.CORRECTABLE, topic


def test_findings_and_decisions_of_rules_are_not_corrected() -> None:
    """Of what supervision, grading, deadlines and policies record, two report a fact.

    What was seen or said is no finding: the one that was raised beside it stays as it is.
    """
    reports = {"supervision.prohibited-conduct-reported", "supervision.public-interview-held"}
    for topic, cls in golden.released_types().items():
        if topic.split(".")[0] in {"supervision", "grading", "deadlines", "policies"}:
            assert bool(cls.CORRECTABLE) is (topic in reports), topic


def test_instead_speaks_of_what_there_is() -> None:
    """Each advice belongs to a type or a system, and to one of which not all can be corrected."""
    types = golden.released_types()
    known = set(types) | {topic.split(".")[0] for topic in types}
    assert set(INSTEAD) <= known
    assert not any(types[topic].CORRECTABLE for topic in INSTEAD if topic in types)


@pytest.mark.parametrize(
    ("target", "seen"), [(REPORTED, "restricted"), (PUBLIC, "public"), (SEALED, "sealed")]
)
def test_a_correction_is_seen_by_who_sees_its_target(
    story: Scenario, target: Event, seen: str
) -> None:
    """Neither is a public mistake mended in secret, nor a secret told by its correction."""
    field = "visited_on" if isinstance(target, IrregularVisitReported) else "held_on"
    change = FieldChange(path=f"/body/{field}", old="2026-06-11", new="2026-06-10")
    story.given(target, actor=JB)
    story.signed(correct(change, target_position=4), *SUPERVISORS).then(
        lambda correction: correction.envelope.visibility == seen
    )


def test_CRD_R4_no_personal_data_is_corrected_into_a_public_record(story: Scenario) -> None:
    """Nor into another: what is requested is recorded, and could not be taken out again."""
    story.given(PUBLIC, actor=JB)
    said = FieldChange(path="/body/result", old=None, new="电话13909310000")
    fields: dict[str, Any] = {
        "target_position": 4,
    }
    story.signed(correct(said, **fields), *SUPERVISORS).refused("CRD-R4", what="a mobile number")
    said = FieldChange(path="/body/facts", old="入企未扫码", new="电话13909310000")
    story.signed(correct(said), *BOTH).raises(Malformed, pointer="/field_changes/0/new")


def test_a_record_without_subjects_can_be_corrected() -> None:
    """A record that concerns nobody in particular is corrected like any other, and again."""
    from tests.kernel.hall import Heard

    one = FieldChange(path="/body/words", old="one", new="two")
    two = FieldChange(path="/body/words", old="two", new="three")
    story = Scenario(InMemoryDCBRecorder()).given(Heard(words="one"))
    story.given(CERTIFIED).given_signed(correct(one, target_position=1), *BOTH)
    story.signed(correct(two, target_position=1), *BOTH).then(like(RecordCorrected, subjects=()))


def test_two_corrections_of_one_field_do_not_both_win(recorder: DCBRecorder) -> None:
    """Of two people correcting the same value at once, the second is told what it says by then."""
    from concurrent.futures import ThreadPoolExecutor

    from ledger.kernel import Ledger

    story = Scenario(recorder).at("2026-06-12T09:00+08:00").given(OTHER, REPORTED, CERTIFIED)
    requests = [
        story.when(
            correct(FieldChange(path=DATE.path, old="2026-06-11", new=f"2026-06-0{n}")), OFFICER
        ).outcome
        for n in range(1, 7)
    ]

    def run(n: int) -> bool:
        request = requests[n]
        assert request is not None
        (asked,) = request.events
        assert isinstance(asked.event, ApprovalRequested)
        approve = ApproveRequest(approval=asked.event.approval)
        try:
            (story.ledger, other)[n % 2].execute(approve, HEAD)
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
    """A decision on record, among another one."""
    story = Scenario(InMemoryDCBRecorder()).at("2026-07-03T09:00+08:00")
    penalty = PenaltyDecided(
        decision=DECIDED,
        entity=E_A,
        unit="MRB",
        case="CASE-1",
        doc_no="1号",
        decided_on=date(2026, 6, 1),
        types=("warning",),
        severity="minor",
        facts="-",
    )
    other = msgspec.structs.replace(penalty, decision="DEC-2026-0002")
    return story.given(SeedLedger(), penalty, other)


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
    # A penalty is altered by its whole content.
    decided.when(nullify("altered", altered=altered)).raises(Malformed, pointer="/altered/0/field")
    content = PenaltyContent(types=("fine",), fine_fen=1, severity="minor")
    decided.when(nullify("altered", content=content)).then(
        like(
            DecisionAltered,
            content={"types": ["fine"], "severity": "minor", "fine_fen": 1},
            before={"types": ["warning"], "severity": "minor"},
        )
    )
    decided.when(nullify("revoked")).then(DecisionRevoked)


def test_an_unknown_decision_is_not_undone(decided: Scenario) -> None:
    """A decision that no record speaks of has to be recorded first."""
    decided.when(nullify("revoked", decision="DEC-2026-0009")).raises(
        UnknownReference, says="DEC-2026-0009"
    )


RECON = actor("RECON", "RECON-1", "recon_officer")


def test_a_head_undoes_the_own_units_decisions_alone(decided: Scenario) -> None:
    """Whatever unit the command names; a reconsideration officer records it of every unit's."""
    decided.when(nullify("revoked", unit="EMB"), actor=EMB).raises(Forbidden, says="MRB")
    decided.when(nullify("revoked"), actor=EMB).raises(Forbidden, says="MRB")
    decided.when(nullify("revoked"), actor=RECON).then(DecisionRevoked)


@pytest.mark.parametrize("by", [HEAD, RECON])
def test_a_nullification_names_the_decisions_unit_and_business(decided: Scenario, by: Any) -> None:
    """Another unit or business is a mistake; none named is the decision's."""
    decided.given(nullify("declared_unlawful"))  # what came later says nothing else
    kind = Forbidden if by is HEAD else Malformed  # the head of a unit acts for it alone
    decided.when(nullify("revoked", unit="EMB"), actor=by).raises(kind, pointer="/unit")
    other = "91620100MA7LX0076M"
    decided.when(nullify("revoked", entity=other), actor=by).raises(
        Malformed, pointer="/entity", says=E_A
    )
    decided.when(nullify("revoked", entity=None), actor=by).then(like(DecisionRevoked, entity=E_A))


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


def test_another_unit_neither_requests_nor_approves(story: Scenario) -> None:
    """A correction is its own unit's matter: who requests it and who approves it belong there."""
    clerk = actor("EMB", "EMB-CLERK", "enforcement_officer")
    story.signed(correct(), clerk, HEAD).raises(Forbidden, says="EMB")
    story.signed(correct(), OFFICER, actor("EMB", "EMB-HEAD", "unit_head")).raises(
        Forbidden, says="MRB"
    )
    story.signed(correct(), OFFICER, DEPUTY).raises(Forbidden, says="unit_head")


def test_a_unit_does_not_correct_what_others_recorded_of_it(story: Scenario) -> None:
    """A certificate or a report by the business is not the unit's, although it names the unit."""
    valid = FieldChange(path="/body/valid_to", old="2027-07-31", new="2037-07-31")
    story.signed(correct(valid, target_position=3), *BOTH).raises(Forbidden, says="JB")
    rep = actor("ENTITY", "REP-A", "entity_rep")
    story.given(SEALED, actor=rep)
    story.signed(correct(target_position=4), *BOTH).raises(Forbidden, says="ENTITY")


def test_a_credit_officer_corrects_what_belongs_to_credit(story: Scenario) -> None:
    """A visit's record is not the credit department's to change."""
    officers = [actor("EDB", f"EDB-{n}", "credit_officer") for n in (1, 2)]
    story.signed(correct(), *officers).raises(Forbidden, says="credit")
    story.signed(correct(), JB, officers[0]).raises(Forbidden, says="credit")
