"""Complaints (2.12): never handled by the accused, never with a name, answered in time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.api import DCBRecorder
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.kernel import (
    DeadlineMissed,
    Forbidden,
    Ledger,
    Malformed,
    OutOfStep,
    Recorded,
    UnknownReference,
    codec,
)
from ledger.systems.catalogue.events import EnforcementUnitQualified
from ledger.systems.complaints.commands import (
    AcceptComplaint,
    AcknowledgeComplaint,
    ExamineInspection,
    GiveComplaintFeedback,
    ReceiveComplaint,
    RefuseComplaint,
    ResolveComplaint,
    TakeInvestigationStep,
    TransferComplaint,
    VisitComplainedOf,
)
from ledger.systems.complaints.events import (
    ComplainantFeedbackGiven,
    ComplainantInformed,
    ComplainantNamed,
    ComplaintAccepted,
    ComplaintAcknowledged,
    ComplaintNotAccepted,
    ComplaintReceived,
    ComplaintResolved,
    ComplaintTransferred,
    InvestigationStepTaken,
)
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.entities.events import EntityRegistered, Identity
from ledger.systems.filing.events import (
    InspectionCancelled,
    InspectionTaskApproved,
    IrregularVisitReported,
    NonOnsiteConsidered,
    OnSiteInspectionOpened,
)
from ledger.systems.policies.commands import SeedLedger
from ledger.systems.supervision.commands import CloseFinding, DismissFinding, TriageFinding
from ledger.systems.supervision.events import FindingTriaged
from ledger.systems.supervision.hooks import impersonal
from tests.cast import CLOCK, E_A, E_B, HEAD, REP_A, actor
from tests.gwt import Scenario, like

replace = msgspec.structs.replace

JB = actor("JB", "JB-001", "jb_supervisor")
PARK = actor("PARK", "PARK-001", "park_committee")

RECEIVE = ReceiveComplaint(
    complaint="CMP-1",
    channel="web",
    subject_unit="MRB",
    handled_by="JB",
    facts="两人以调研名义入企, 未亮码, 留下整改清单",
    anonymous=False,
    officers=("OFF-001",),
    entity=E_A,
)
ACCEPT = AcceptComplaint(complaint="CMP-1", allegation="以调研名义入企检查, 未亮码")
RESOLVE = ResolveComplaint(
    complaint="CMP-1",
    outcome="substantiated",
    remedy="撤回整改清单, 对人员批评教育",
    feedback_text="情况属实, 已责令整改",
)
#: A complaint of another business about the same unit, and one of the same about another unit.
OTHERS = [
    replace(RECEIVE, complaint="CMP-8", entity=E_B),
    replace(RECEIVE, complaint="CMP-9", subject_unit="EMB", officers=()),
]


def task(name: str, planned_on: str, **changed: Any) -> InspectionTaskApproved:
    """A daily task of MRB at E-A, approved whenever it is recorded."""
    given: dict[str, Any] = {
        "task": name,
        "entity": E_A,
        "unit": "MRB",
        "kind": "daily",
        "trigger": "plan",
        "matters": ("M-101",),
        "officers": ("OFF-001", "OFF-002"),
        "planned_on": date.fromisoformat(planned_on),
        "approver": "MRB-HEAD",
        "counter": "capped",
        "non_onsite_considered": NonOnsiteConsidered(
            written=True, shared_data=True, remote=True, conclusion="insufficient"
        ),
    }
    return InspectionTaskApproved(**(given | changed))


@pytest.fixture
def story() -> Scenario:
    """S7's Thursday; the Justice Bureau acts unless somebody else is named."""
    return begun(InMemoryDCBRecorder())


def begun(recorder: DCBRecorder) -> Scenario:
    """S7's Thursday on a recorder, among other complaints."""
    story = (
        Scenario(recorder, by=JB, hooks=(impersonal,))
        .given(SeedLedger())
        .at("2026-09-24T09:00+08:00")
    )
    story.given(EntityRegistered(entity=E_A, identity=Identity(name="兰州新区甲食品有限公司")))
    return story.given(*OTHERS)


def records(story: Scenario) -> list[Recorded]:
    return [codec.decode(e.position, e.event.data) for e in story.ledger.recorder.read()]


def place(story: Scenario, kind: type[Any]) -> int:
    """Where the newest event of a kind about CMP-1 stands."""
    return max(
        r.position
        for r in records(story)
        if isinstance(r.event, kind) and r.event.complaint == "CMP-1"
    )


# Receiving


def test_who_complains_stands_in_one_sealed_event(story: Scenario) -> None:
    """Whatever else is recorded of a complaint cannot give it away."""
    story.when(RECEIVE, REP_A).then(
        like(ComplaintReceived, unit="JB", subject_unit="MRB", anonymous=False),
        like(ComplainantNamed, entity=E_A, guarded_until=date(2026, 12, 23)),
    )
    assert story.outcome is not None
    received, named = story.outcome.events
    assert {r.envelope.visibility for r in (received, named)} == {"sealed"}
    assert f"entity:{E_A}" in named.event.tags()
    assert E_A not in repr(received.event)
    story.when(RECEIVE, REP_A).raises(OutOfStep, says="CMP-1")


def test_an_anonymous_complaint_names_nobody(story: Scenario) -> None:
    """It may say which business it is about, and is guarded as any other."""
    someone = replace(RECEIVE, anonymous=True, complainant="person-7f3a9c21")
    story.when(someone).raises(Malformed, pointer="/anonymous")
    story.when(replace(RECEIVE, anonymous=True), REP_A).raises(Malformed, pointer="/anonymous")
    story.when(replace(RECEIVE, entity=None)).raises(Malformed, pointer="/anonymous")
    story.when(replace(RECEIVE, entity=None), REP_A).raises(Malformed, pointer="/entity")
    nobody = replace(RECEIVE, anonymous=True, entity=None)
    story.when(nobody).then(like(ComplaintReceived, anonymous=True))
    story.when(replace(RECEIVE, complaint="CMP-2", anonymous=True)).then(
        ComplaintReceived, like(ComplainantNamed, anonymous=True, entity=E_A)
    )


@pytest.mark.parametrize(
    "token", ["张三丰老先生", "13909310000", "62010219850101234X", "a b c d e"]
)
def test_a_person_stands_as_a_token(token: str) -> None:
    """A name, a telephone number, an identity number and words are none."""
    body = {"complaint": "C", "channel": "phone", "subject_unit": "MRB", "handled_by": "JB",
            "facts": "x", "anonymous": False, "complainant": token}  # fmt: skip
    with pytest.raises(msgspec.ValidationError, match="complainant"):
        msgspec.convert(body, ReceiveComplaint)
    assert msgspec.convert(body | {"complainant": "person-7f3a9c21"}, ReceiveComplaint)


def test_facts_hold_no_numbers_of_persons(story: Scenario) -> None:
    """And the id, which the unit accused reads, names no business."""
    story.when(replace(RECEIVE, facts="我是13909310000")).raises(Malformed, pointer="/facts")
    story.when(replace(RECEIVE, complaint=f"CMP-{E_A}")).raises(Malformed, pointer="/complaint")


def test_a_visit_complained_of_is_reported_with_it(story: Scenario) -> None:
    """S7: FIL-V1, FIL-V3 and FIL-V5 open by themselves, and name no business."""
    visit = VisitComplainedOf(
        irregular_visit="IV-1",
        visited_on=date(2026, 9, 24),
        label="research",
        officers_seen=2,
        checklist_or_order_left=True,
    )
    story.when(replace(RECEIVE, visit=visit), REP_A).then(
        ComplaintReceived,
        like(ComplainantNamed, irregular_visit="IV-1"),
        like(IrregularVisitReported, irregular_visit="IV-1", reporter="entity", unit="MRB"),
        like(FindingRaised, rule_id="FIL-V1", unit="MRB", entity=None),
        like(FindingRaised, rule_id="FIL-V3", unit="MRB", entity=None),
        like(FindingRaised, rule_id="FIL-V5", unit="MRB", entity=None),
    )
    second = replace(RECEIVE, complaint="CMP-2")
    story.when(replace(second, visit=visit)).raises(OutOfStep, says="IV-1")
    story.when(replace(second, irregular_visit="IV-9")).raises(UnknownReference, says="IV-9")
    story.when(replace(second, irregular_visit="IV-1")).then(
        ComplaintReceived, like(ComplainantNamed, irregular_visit="IV-1")
    )
    third = replace(RECEIVE, complaint="CMP-3")
    story.when(replace(third, visit=visit, irregular_visit="IV-1")).raises(Malformed)
    later = replace(visit, irregular_visit="IV-2", visited_on=date(2026, 9, 25))
    story.when(replace(third, visit=later)).raises(Malformed, pointer="/visit/visited_on")
    placeless = replace(third, entity=None, anonymous=True, visit=visit)
    story.when(placeless).raises(Malformed, pointer="/entity")


# Who handles it


def test_CMP_R1_the_accused_do_not_handle_it(story: Scenario) -> None:
    """Neither the unit nor an officer who has moved on; nor is it addressed or passed there."""
    story.when(replace(RECEIVE, handled_by="MRB")).refused("CMP-R1", handler="MRB")
    story.given(RECEIVE)
    legal = actor("MRB", "LEGAL", "unit_legal_office")
    moved = actor("JB", "OFF-001", "jb_supervisor")
    for command in (AcknowledgeComplaint(complaint="CMP-1"), ACCEPT):
        story.when(command, legal).refused("CMP-R1", handler="MRB", complaint="CMP-1")
        story.when(command, moved).refused("CMP-R1", handler="OFF-001")
        small = actor("JB", "off-001", "jb_supervisor")
        story.when(command, small).refused("CMP-R1", handler="OFF-001")
    transfer = TransferComplaint(complaint="CMP-1", to="MRB", reason="职责")
    story.when(transfer).refused("CMP-R1", handler="MRB")
    story.when(ACCEPT, PARK).raises(Forbidden, says="JB")
    story.when(ACCEPT).then(ComplaintAccepted)


def test_whoever_it_is_transferred_to_handles_it(story: Scenario) -> None:
    """With a period of the own; whoever had it before has it no more."""
    story.given(RECEIVE)
    transfer = TransferComplaint(complaint="CMP-1", to="PARK", reason="属地")
    story.when(replace(transfer, to="JB")).raises(Malformed, pointer="/to")
    story.when(transfer).then(like(ComplaintTransferred, unit="JB", to="PARK"))
    story.when(ACCEPT).raises(Forbidden, says="PARK")
    opened = place(story, ComplaintTransferred)
    late = EndDeadline(rule_name="complaint.accept_wd.transferred", opened_at_position=opened)
    story.at("2026-10-13T09:00+08:00").when(late, CLOCK).then(
        DeadlineMissed, like(FindingRaised, rule_id="CMP-V2", unit="PARK")
    )
    story.when(ACCEPT, PARK).then(like(ComplaintAccepted, unit="PARK", days_late=1))


# What the unit accused reads


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"{E_A.lower()}投诉你单位", "the credit code"),
        ("兰州新区甲食品有限公司反映", "the name"),
        ("person-7f3a9c21 反映", "the token"),
        ("见 iv-1", "the report"),
        ("请致电13909310000核实", "a mobile number"),
    ],
)
def test_CMP_R2_the_unit_accused_reads_no_name(story: Scenario, text: str, what: str) -> None:
    """Neither in the allegation nor in what it has to put right; another business is no secret."""
    visit = VisitComplainedOf(irregular_visit="IV-1", visited_on=date(2026, 9, 24))
    story.given(replace(RECEIVE, complainant="person-7f3a9c21", visit=visit))
    story.when(replace(ACCEPT, allegation=text)).refused("CMP-R2", what=what)
    story.when(replace(ACCEPT, allegation=f"到{E_B}也如此")).then(ComplaintAccepted)
    story.when(replace(RESOLVE, remedy=text)).refused("CMP-R2", what=what)


def test_CMP_R2_a_unit_takes_down_no_name_of_who_complains_of_it(story: Scenario) -> None:
    """At its own window it takes down what is said, and hands it on."""
    window = replace(RECEIVE, channel="window")
    story.when(window, HEAD).refused("CMP-R2")
    story.when(replace(window, entity=None), HEAD).then(like(ComplaintReceived, unit="JB"))


def test_CMP_R3_nobody_who_can_be_reached_is_left_without_an_answer(story: Scenario) -> None:
    """Also where it is not accepted; of an anonymous complaint there is nobody to tell."""
    refuse = RefuseComplaint(complaint="CMP-1", reason="不属行政执法")
    nobody = replace(RECEIVE, complaint="CMP-2", anonymous=True)
    story.given(RECEIVE, nobody).when(refuse).refused("CMP-R3", complaint="CMP-1")
    story.given(ACCEPT).when(replace(RESOLVE, feedback_text=None)).refused("CMP-R3")
    story.when(RESOLVE).then(
        like(ComplaintResolved, outcome="substantiated", unit="JB", subject_unit="MRB"),
        like(ComplainantInformed, feedback_text="情况属实, 已责令整改"),
        FindingRaised,
    )
    story.when(replace(refuse, complaint="CMP-2")).then(ComplaintNotAccepted)


# Its way


def test_a_complaint_goes_its_way(story: Scenario) -> None:
    """Acknowledged, accepted, looked into, resolved, commented on; each once and in order."""
    acknowledge = AcknowledgeComplaint(complaint="CMP-1")
    step = TakeInvestigationStep(complaint="CMP-1", step="interview", shown="两名人员承认")
    comment = GiveComplaintFeedback(complaint="CMP-1", satisfied=True, entity=E_A)
    story.when(acknowledge).raises(UnknownReference, says="CMP-1")
    story.given(RECEIVE).when(step).raises(OutOfStep, says="received")
    story.when(acknowledge).then(like(ComplaintAcknowledged, days_late=0))
    story.when(acknowledge).raises(OutOfStep, says="acknowledged")
    story.when(RESOLVE).raises(OutOfStep)
    story.when(ACCEPT).then(like(ComplaintAccepted, allegation=ACCEPT.allegation))
    story.when(step).then(like(InvestigationStepTaken, step="interview"))
    story.when(comment, REP_A).raises(OutOfStep, says="told")
    story.when(replace(RESOLVE, remedy=None)).raises(Malformed, pointer="/remedy")
    story.given(RESOLVE).when(RESOLVE).raises(OutOfStep, says="resolved")
    story.when(replace(comment, entity=E_B), REP_A).raises(Forbidden)
    story.when(comment, REP_A).then(like(ComplainantFeedbackGiven, satisfied=True))
    story.when(comment, REP_A).raises(OutOfStep)


def test_CMP_V3_what_was_right_is_a_finding_at_once(story: Scenario) -> None:
    """Against the unit accused, in the same append, without the business; what was wrong not."""
    story.given(RECEIVE, ACCEPT)
    accepted = place(story, ComplaintAccepted)
    story.when(replace(RESOLVE, outcome="partly")).then(
        ComplaintResolved,
        ComplainantInformed,
        like(
            FindingRaised,
            rule_id="CMP-V3",
            unit="MRB",
            entity=None,
            evidence_events=(accepted,),
        ),
    )
    story.given(replace(RECEIVE, complaint="CMP-2"), replace(ACCEPT, complaint="CMP-2"))
    unfounded = replace(RESOLVE, complaint="CMP-2", outcome="no", remedy=None)
    story.when(unfounded).then(ComplaintResolved, ComplainantInformed)


@pytest.mark.parametrize(
    ("rule", "opened_by", "day", "due_on"),
    [
        ("complaint.ack_wd", ComplaintReceived, "2026-09-29", date(2026, 9, 28)),
        ("complaint.accept_wd", ComplaintReceived, "2026-10-13", date(2026, 10, 12)),
        ("complaint.resolve_cd", ComplaintAccepted, "2026-11-24", date(2026, 11, 23)),
    ],
)
def test_CMP_V2_what_is_late_is_found(
    story: Scenario, rule: str, opened_by: type[Any], day: str, due_on: date
) -> None:
    """S7: over Mid-Autumn and the National Day; whose it is is told, and not about whom."""
    story.given(RECEIVE)
    if opened_by is ComplaintAccepted:
        story.given(ACCEPT)
    opened = place(story, opened_by)
    over = EndDeadline(rule_name=rule, opened_at_position=opened)
    story.at(f"{due_on}T23:00+08:00").when(over, CLOCK).raises(OutOfStep)
    story.at(f"{day}T09:00+08:00").when(over, CLOCK).then(
        like(DeadlineMissed, due_on=due_on),
        like(FindingRaised, rule_id="CMP-V2", unit="JB", entity=None),
    )
    assert story.outcome is not None
    missed = story.outcome.events[0].event
    assert not any(tag.startswith(("entity:", "officer:")) for tag in missed.tags())
    assert ("unit:MRB" in missed.tags()) == (opened_by is ComplaintAccepted)


def test_late_steps_say_how_late(story: Scenario) -> None:
    """In calendar days after the last one."""
    story.given(RECEIVE).at("2026-10-15T09:00+08:00")
    story.when(AcknowledgeComplaint(complaint="CMP-1")).then(
        like(ComplaintAcknowledged, days_late=17)
    )
    story.when(ACCEPT).then(like(ComplaintAccepted, days_late=3))


# Retaliation

EXAMINE = ExamineInspection(complaint="CMP-1", task="T-1")


def test_CMP_V1_an_inspection_after_a_complaint(story: Scenario) -> None:
    """S7: 57 days later, once; the finding is sealed and no tag of it leads to the business."""
    story.given(task("T-0", "2026-11-20")).at("2026-09-24T10:00+08:00").given(RECEIVE)
    story.at("2026-11-16T09:00+08:00").given(
        task("T-1", "2026-11-20"),
        task("T-8", "2026-11-20", entity=E_B),
        task("T-9", "2026-11-20", unit="EMB"),
    )
    story.when(EXAMINE, CLOCK).then(
        like(FindingRaised, rule_id="CMP-V1", unit="MRB", entity=None, task="T-1", auto=True)
    )
    assert story.outcome is not None
    (record,) = story.outcome.events
    assert record.envelope.visibility == "sealed"
    assert isinstance(record.event, FindingRaised)
    assert record.event.facts["days"] == 57
    assert record.envelope.policy_refs["retaliation_window_cd"] == 1
    story.when(EXAMINE, CLOCK).then()
    # Approved before anybody complained.
    story.when(replace(EXAMINE, task="T-0"), CLOCK).then()
    for other in ("T-8", "T-9"):
        story.when(replace(EXAMINE, task=other), CLOCK).raises(Malformed, pointer="/task")


@pytest.mark.parametrize(("day", "found"), [("2026-12-23", 1), ("2026-12-24", 0)])
def test_CMP_V1_ends_with_its_window(story: Scenario, day: str, found: int) -> None:
    """Ninety days after the complaint is the last day; an anonymous complaint counts as well."""
    story.given(replace(RECEIVE, anonymous=True)).at("2026-12-21T09:00+08:00")
    story.given(task("T-1", day)).when(EXAMINE, CLOCK)
    assert story.outcome is not None
    assert len(story.outcome.events) == found


def test_CMP_V1_a_visit_without_approval_and_one_cancelled(story: Scenario) -> None:
    """An emergency is looked at when it is opened; what does not take place is none."""
    story.given(RECEIVE).at("2026-10-20T09:00+08:00")
    story.given(
        OnSiteInspectionOpened(
            task="T-1", entity=E_A, unit="MRB", matters=("M-101",), officers=("OFF-001", "OFF-002"),
            certs_shown=("1", "2"), notice_shown=False, rights_informed=True,
            conduct_rules_informed=True, emergency=True, ground="food_drug",
        ),
        task("T-2", "2026-10-22"),
        InspectionCancelled(
            task="T-2", entity=E_A, unit="MRB", planned_on=date(2026, 10, 22), counter="capped",
            reason="-",
        ),
    )  # fmt: skip
    story.when(EXAMINE, CLOCK).then(like(FindingRaised, rule_id="CMP-V1", task="T-1"))
    story.when(replace(EXAMINE, task="T-2"), CLOCK).then()


def test_CMP_V1_whatever_is_done_about_it_is_sealed_too(story: Scenario) -> None:
    """Its triage, its dismissal and the deadline for them name neither the unit nor the visit."""
    story.given(RECEIVE).at("2026-11-16T09:00+08:00").given(task("T-1", "2026-11-20"))
    story.when(EXAMINE, CLOCK)
    assert story.outcome is not None
    (record,) = story.outcome.events
    assert isinstance(record.event, FindingRaised)
    late = EndDeadline(rule_name="triage_wd", opened_at_position=record.position)
    story.at("2026-11-24T09:00+08:00").when(late, CLOCK).then(
        like(DeadlineMissed, subjects=()),
        like(FindingRaised, rule_id="SUP-V2", unit=None, task=None, entity=None),
    )
    name = record.event.finding_id
    story.when(TriageFinding(finding_id=name, assessment="调查")).then(FindingTriaged)
    sealed = [story.outcome.events[0].envelope.visibility]
    second = actor("JB", "JB-002", "jb_supervisor")
    story.given(TriageFinding(finding_id=name, assessment="再看"), actor=second)
    story.when(CloseFinding(finding_id=name, conclusion="-"), HEAD).refused("SUP-R4")
    first = actor("JB", "JB-001", "jb_supervisor")
    story.when(DismissFinding(finding_id=name, reason="年度计划内"), first)
    sealed.append(story.outcome.events[0].envelope.visibility)
    story.signed(DismissFinding(finding_id=name, reason="年度计划内"), first, second)
    sealed.append(story.outcome.events[0].envelope.visibility)
    assert sealed == ["sealed", "sealed", "sealed"]


def test_CMP_V1_is_found_once_however_many_look(recorder: DCBRecorder) -> None:
    """Two clocks on one store look at the same visit."""
    story = begun(recorder).given(RECEIVE).at("2026-11-16T09:00+08:00")
    story.given(task("T-1", "2026-11-20"))

    def look(n: int) -> int:
        return len((story.ledger, other)[n % 2].execute(EXAMINE, CLOCK).events)

    with Ledger(recorder, clock=story.ledger.clock) as other, ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(look, range(6))) == 1


def test_CMP_V2_no_answer_is_dated_back(story: Scenario) -> None:
    """Weeks late it says so; and a business does not date its complaint into the past."""
    then = datetime.fromisoformat("2026-09-25T09:00+08:00")
    story.given(RECEIVE, actor=REP_A).at("2026-11-02T09:00+08:00")
    transfer = TransferComplaint(complaint="CMP-1", to="PARK", reason="-")
    refuse = RefuseComplaint(complaint="CMP-1", reason="-", feedback_text="-")
    acts: list[Any] = [AcknowledgeComplaint(complaint="CMP-1"), ACCEPT, refuse, transfer]
    for act in acts:
        story.when(replace(act, occurred_at=then)).raises(Malformed, pointer="/occurred_at")
    story.when(ACCEPT).then(like(ComplaintAccepted, days_late=21))
    story.when(replace(RESOLVE, occurred_at=then)).raises(Malformed, pointer="/occurred_at")
    step = TakeInvestigationStep(complaint="CMP-1", step="interview", shown="-")
    story.when(replace(step, occurred_at=then)).raises(Malformed, pointer="/occurred_at")
    again = replace(RECEIVE, complaint="CMP-2", visit=None, occurred_at=then)
    story.when(again, REP_A).raises(Malformed, pointer="/occurred_at")


def test_CMP_R1_a_complaint_lies_with_a_body_that_there_is(story: Scenario) -> None:
    """One of the policy, a qualified unit, or one that reports; not any name."""
    nobody = replace(RECEIVE, handled_by="NOBODY")
    story.when(nobody, REP_A).raises(UnknownReference, says="JB, PARK, RECON, RLO")
    story.given(RECEIVE, actor=REP_A)
    transfer = TransferComplaint(complaint="CMP-1", to="EMB", reason="职责")
    story.when(transfer).raises(UnknownReference, says="EMB")
    story.given(
        EnforcementUnitQualified(
            unit="EMB", name="应急管理局", kind="organ", valid_from=date(2026, 1, 1)
        )
    )
    story.when(transfer).then(like(ComplaintTransferred, to="EMB"))


def test_CMP_V2_passing_on_gains_no_time(story: Scenario) -> None:
    """Transferred on 09-28, accepted by 10-13 whoever has it then; the Bureau takes it back."""
    story.given(RECEIVE, actor=REP_A).at("2026-09-28T09:00+08:00")
    on = TransferComplaint(complaint="CMP-1", to="PARK", reason="属地")
    story.when(on).then(like(ComplaintTransferred, counted_from=date(2026, 9, 28)))
    recon = actor("RECON", "RECON-1", "recon_officer")
    story.at("2026-10-12T09:00+08:00").when(replace(on, to="RECON"), PARK).then(
        like(ComplaintTransferred, to="RECON", counted_from=date(2026, 9, 28))
    )
    opened = place(story, ComplaintTransferred)
    late = EndDeadline(rule_name="complaint.accept_wd.transferred", opened_at_position=opened)
    story.at("2026-10-13T23:00+08:00").when(late, CLOCK).raises(OutOfStep)
    story.at("2026-10-14T09:00+08:00").when(late, CLOCK).then(
        like(DeadlineMissed, due_on=date(2026, 10, 13)),
        like(FindingRaised, rule_id="CMP-V2", unit="RECON"),
    )
    story.when(on, recon).raises(OutOfStep, says="take it back")
    story.when(replace(on, to="RLO")).raises(Forbidden, says="RECON")
    story.when(replace(on, to="JB")).then(
        like(ComplaintTransferred, unit="RECON", to="JB", counted_from=date(2026, 10, 14))
    )
    story.when(ACCEPT).then(like(ComplaintAccepted, unit="JB", days_late=0))
