"""Supervision (2.10) beyond the finding: documents, what follows them, conduct, the burden."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.general.values import GovernmentApproval
from ledger.kernel import (
    DeadlineMissed,
    Forbidden,
    Malformed,
    OutOfStep,
    UnknownReference,
)
from ledger.systems.catalogue.events import EnforcementUnitQualified, OfficerCertified
from ledger.systems.complaints.rules import CMP_V1
from ledger.systems.corrections.commands import CorrectRecord
from ledger.systems.corrections.events import FieldChange, RecordCorrected
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.policies.commands import SeedLedger
from ledger.systems.supervision.commands import (
    AcceptRectification,
    AnswerSupervisionDoc,
    CloseFinding,
    IssueCircular,
    IssueSupervisionDoc,
    OrderBlanketMeasure,
    RecordPublicInterview,
    ReferToDiscipline,
    RejectRectification,
    ReportProhibitedConduct,
    RespondToFinding,
    StartDirectHandling,
    TriageFinding,
    WithdrawSupervisionDoc,
)
from ledger.systems.supervision.events import (
    BlanketMeasureOrdered,
    CircularIssued,
    DirectHandlingStarted,
    FindingClosed,
    ProhibitedConductReported,
    PublicInterviewHeld,
    RectificationRejected,
    ReferredToDiscipline,
    SupervisionDocAnswered,
    SupervisionDocIssued,
    SupervisionDocWithdrawn,
)
from tests.cast import E_A, EMB, HEAD, JB, JB_SECOND, REP_A
from tests.gwt import Scenario, like

replace = msgspec.structs.replace


FOUND = FindingRaised(
    finding_id="F-1", type="unfiled", rule_id="FIL-V1", auto=True, unit="MRB", entity=E_A
)
SECRET = replace(FOUND, finding_id="CMP-V1.S.1", rule_id=CMP_V1.id, type="selective", entity=None)
OF_EMB = replace(FOUND, finding_id="F-EMB", unit="EMB")
NOTICE = IssueSupervisionDoc(
    document="SD-1",
    kind="notice",
    unit="MRB",
    doc_no="兰新司监〔2026〕1号",
    demands=("说明入企依据", "补办备案"),
    findings=("F-1",),
)
ANSWER = AnswerSupervisionDoc(document="SD-1", unit="MRB", response="已补办备案并培训")
CIRCULAR = IssueCircular(
    document="TB-1",
    kind="circular",
    units=("MRB",),
    title="关于未备案检查的通报",
    text="市场监管局开展检查未备案",
)
CONDUCT = ReportProhibitedConduct(
    unit="MRB", code=2, conducted_on=date(2026, 10, 12), facts="接受宴请"
)
APPROVAL = GovernmentApproval(
    authority="新区管委会", level="county_government", doc_no="1号", approved_on=date(2026, 10, 12)
)
HALT = OrderBlanketMeasure(
    unit="MRB",
    area="中川园区",
    sectors=("餐饮",),
    ground="major_accident",
    facts="燃气爆炸",
    halted_from=date(2026, 10, 14),
    halted_to=date(2026, 10, 20),
    approval=APPROVAL,
)


@pytest.fixture
def story() -> Scenario:
    """The day of S7's notice; a finding and an answered document of another unit lie beside."""
    return (
        Scenario(InMemoryDCBRecorder(), by=JB)
        .given(
            SeedLedger(),
            *(
                EnforcementUnitQualified(
                    unit=unit, name=unit, kind="organ", valid_from=date(2020, 1, 1)
                )
                for unit in ("MRB", "EMB")
            ),
            OfficerCertified(
                officer="OFF-001",
                unit="MRB",
                cert_no="甘A-001",
                valid_from=date(2024, 8, 1),
                valid_to=date(2027, 7, 31),
                domains=("food_drug",),
            ),
        )
        .at("2026-10-13T09:00+08:00")
        .given(FOUND)
        .amid(
            OF_EMB,
            SupervisionDocIssued(
                document="SD-EMB",
                kind="notice",
                unit="EMB",
                doc_no="9号",
                demands=("-",),
                findings=("F-EMB",),
            ),
            SupervisionDocAnswered(
                document="SD-EMB", unit="EMB", response="-", findings=("F-EMB",)
            ),
        )
    )


def test_a_notice_is_answered_and_its_findings_with_it(story: Scenario) -> None:
    """What the document names counts as answered, so that it can be closed (SUP-R2)."""
    story.when(NOTICE).then(like(SupervisionDocIssued, findings=("F-1",), due_on=None))
    story.when(CloseFinding(finding_id="F-1", conclusion="-")).refused("SUP-R2")
    story.when(ANSWER, HEAD).then(like(SupervisionDocAnswered, findings=("F-1",), days_late=0))
    story.when(ANSWER, HEAD).raises(OutOfStep, says="answered")
    story.when(CloseFinding(finding_id="F-1", conclusion="整改到位")).then(FindingClosed)


def test_a_document_is_about_open_findings_of_its_unit(story: Scenario) -> None:
    """Known, about that unit, not ended; and its number is new, among circulars too."""
    for wrong, kind in (
        ({"findings": ("F-9",)}, UnknownReference),
        ({"findings": ("F-EMB",)}, OutOfStep),
        ({"unit": "EEB", "findings": ()}, UnknownReference),
        ({"follows": "SD-EMB"}, OutOfStep),
        ({"document": "SD-EMB"}, OutOfStep),
    ):
        story.when(replace(NOTICE, **wrong)).raises(kind)
    story.given(CIRCULAR)
    story.when(replace(NOTICE, document="TB-1")).raises(OutOfStep, says="TB-1")
    story.given(NOTICE)
    story.when(replace(CIRCULAR, document="SD-1")).raises(OutOfStep, says="SD-1")


def test_a_decision_states_its_day_and_nothing_else_does(story: Scenario) -> None:
    """A notice falls due by policy; a decision's day lies ahead."""
    due = date(2026, 10, 20)
    story.when(replace(NOTICE, due_on=due)).raises(Malformed, pointer="/due_on")
    decision = replace(NOTICE, kind="decision", due_on=due)
    story.when(replace(decision, due_on=None)).raises(Malformed, pointer="/due_on")
    story.when(replace(decision, due_on=date(2026, 10, 13))).raises(Malformed, pointer="/due_on")
    story.when(decision).then(like(SupervisionDocIssued, kind="decision", due_on=due))


@pytest.mark.parametrize(
    ("kind", "rule", "due"),
    [
        ("notice", "supervision.response_wd", date(2026, 11, 3)),
        ("opinion", "supervision.opinion_response_wd", date(2026, 11, 24)),
        ("decision", "supervision.decision", date(2026, 10, 20)),
    ],
)
def test_SUP_V3_a_document_is_answered_in_time(
    story: Scenario, kind: Any, rule: str, due: date
) -> None:
    """S7: a notice of 10-13 is due on 11-03; the day after, the miss comes with a finding."""
    stated = due if kind == "decision" else None
    story.when(replace(NOTICE, kind=kind, due_on=stated))
    miss = EndDeadline(rule_name=rule, opened_at_position=_position(story))
    story.at(f"{due}T23:00+08:00").when(miss).raises(OutOfStep)
    story.at("2026-11-25T09:00+08:00").when(miss).then(
        like(DeadlineMissed, due_on=due),
        like(FindingRaised, rule_id="SUP-V3", unit="MRB", type="inaction"),
    )
    story.when(ANSWER, HEAD).then(
        like(SupervisionDocAnswered, days_late=(date(2026, 11, 25) - due).days)
    )


@pytest.mark.parametrize("other", ["supervision.opinion_response_wd", "supervision.decision"])
def test_a_notice_opens_the_deadline_of_a_notice_alone(story: Scenario, other: str) -> None:
    """Each kind of document has its own."""
    story.when(NOTICE)
    miss = EndDeadline(rule_name=other, opened_at_position=_position(story))
    story.when(miss).raises(Malformed, says="that opens")


@pytest.mark.parametrize(
    "done", [ANSWER, WithdrawSupervisionDoc(document="SD-1", reason="文号有误")]
)
def test_SUP_V3_is_not_raised_of_what_was_answered_or_taken_back(
    story: Scenario, done: Any
) -> None:
    """On the last day is in time."""
    story.when(NOTICE)
    miss = EndDeadline(rule_name="supervision.response_wd", opened_at_position=_position(story))
    story.at("2026-11-03T17:00+08:00").given(done, actor=HEAD if done is ANSWER else JB)
    story.at("2026-12-01T09:00+08:00").when(miss).raises(OutOfStep, says="in time")


def test_a_unit_answers_its_own_documents(story: Scenario) -> None:
    """Nobody for another unit; nothing that was taken back; nothing before it was sent."""
    story.given(NOTICE)
    story.when(ANSWER, EMB).raises(Forbidden)
    story.when(replace(ANSWER, unit="EMB"), EMB).raises(OutOfStep, says="MRB")
    story.when(replace(ANSWER, document="SD-9"), HEAD).raises(UnknownReference)
    early = story.ledger.clock().replace(month=10, day=12)
    story.when(replace(ANSWER, occurred_at=early), HEAD).raises(
        OutOfStep, says="must not be dated before"
    )
    story.when(WithdrawSupervisionDoc(document="SD-1", reason="-")).then(SupervisionDocWithdrawn)
    story.when(ANSWER, HEAD).raises(OutOfStep, says="withdrawn")
    story.when(replace(NOTICE, document="SD-2", kind="opinion", follows="SD-1")).then(
        like(SupervisionDocIssued, follows="SD-1")
    )


def test_a_finding_that_ended_is_not_answered_by_its_document(story: Scenario) -> None:
    """It was put right and closed before the answer came."""
    story.given(
        NOTICE,
        AcceptRectification(finding_id="F-1", note="现场核实"),
        CloseFinding(finding_id="F-1", conclusion="-"),
    )
    story.when(ANSWER, HEAD).then(like(SupervisionDocAnswered, findings=()))


def test_SUP_R2_what_was_rejected_is_not_closed(story: Scenario) -> None:
    """After a rejection the unit answers once more, within the time of a notice (SUP-V3)."""
    reject = RejectRectification(finding_id="F-1", reason="未补办")
    again = RespondToFinding(finding_id="F-1", unit="MRB", response="已补办")
    story.when(reject).raises(OutOfStep, says="must have an answer")
    story.given(again, actor=HEAD).when(reject).then(like(RectificationRejected, unit="MRB"))
    miss = EndDeadline(
        rule_name="supervision.response_wd.rejected", opened_at_position=_position(story)
    )
    story.when(CloseFinding(finding_id="F-1", conclusion="-")).refused("SUP-R2")
    story.at("2026-11-04T09:00+08:00").when(miss).then(
        like(DeadlineMissed, due_on=date(2026, 11, 3)),
        like(FindingRaised, rule_id="SUP-V3", unit="MRB"),
    )
    story.given(again, actor=HEAD)
    story.when(CloseFinding(finding_id="F-1", conclusion="-")).then(FindingClosed)


def test_direct_handling_ends_with_the_finding(story: Scenario) -> None:
    """督办: it says until when; an answer alone does not end it."""
    start = StartDirectHandling(finding_id="F-1", demands=("整改",), due_on=date(2026, 10, 23))
    story.when(replace(start, due_on=date(2026, 10, 13))).raises(Malformed, pointer="/due_on")
    story.when(start).then(like(DirectHandlingStarted, unit="MRB"))
    miss = EndDeadline(rule_name="supervision.direct_handling", opened_at_position=_position(story))
    story.given(RespondToFinding(finding_id="F-1", unit="MRB", response="-"), actor=HEAD)
    story.at("2026-10-24T09:00+08:00").when(miss).then(
        like(DeadlineMissed, due_on=date(2026, 10, 23)), like(FindingRaised, rule_id="SUP-V3")
    )
    story.given(CloseFinding(finding_id="F-1", conclusion="-"))
    story.when(start).raises(OutOfStep, says="closed")


def test_an_interview_and_a_referral_are_about_the_unit(story: Scenario) -> None:
    """Findings and officers that they name are the unit's; a referral is seen by few."""
    interview = RecordPublicInterview(
        unit="MRB", attended_by=("局长",), raised="随意检查", findings=("F-1",), undertaken="整改"
    )
    refer = ReferToDiscipline(
        unit="MRB",
        referred_to="新区纪检监察工委",
        doc_no="移1号",
        facts="接受宴请",
        officers=("OFF-001",),
        findings=("F-1",),
    )
    for command in (interview, refer):
        story.when(replace(command, findings=("F-EMB",))).raises(OutOfStep, says="EMB")
        story.when(replace(command, findings=("F-9",))).raises(UnknownReference)
        story.when(replace(command, unit="EEB", findings=())).raises(UnknownReference)
    story.when(replace(refer, officers=("OFF-009",))).raises(UnknownReference)
    story.when(replace(refer, unit="EMB", findings=())).raises(OutOfStep, says="OFF-001")
    story.when(interview).then(like(PublicInterviewHeld, undertaken="整改"))
    story.when(refer).then(like(ReferredToDiscipline, officers=("OFF-001",)))
    assert story.outcome is not None
    assert story.outcome.events[0].envelope.visibility == "sealed"


def test_CMP_V1_no_document_names_a_confidential_finding(story: Scenario) -> None:
    """The unit would read of it; a referral, which it never sees, names it (CMP-R2)."""
    story.given(SECRET)
    interview = RecordPublicInterview(
        unit="MRB", attended_by=("局长",), raised="随意检查", findings=("F-1", "CMP-V1.S.1")
    )
    for command in (replace(NOTICE, findings=("F-1", "CMP-V1.S.1")), interview):
        story.when(command).raises(Malformed, pointer="/findings", says="confidential")
        story.when(replace(command, findings=("F-1",)))
        assert story.outcome is not None
    story.when(
        ReferToDiscipline(
            unit="MRB",
            referred_to="新区纪检监察工委",
            doc_no="移1号",
            facts="投诉后上门检查",
            findings=("CMP-V1.S.1",),
        )
    ).then(like(ReferredToDiscipline, findings=("CMP-V1.S.1",)))


def test_CMP_V1_to_the_unit_it_does_not_exist(story: Scenario) -> None:
    """An answer by its id is refused as one to an id that nobody ever gave."""
    answer = RespondToFinding(finding_id="CMP-V1.S.1", unit="MRB", response="-")
    story.when(answer, HEAD).raises(UnknownReference)
    never = str(story.error)
    story.given(SECRET).when(answer, HEAD).raises(UnknownReference)
    assert str(story.error) == never


def test_CMP_V1_whatever_is_done_about_it_is_kept_from_the_unit(story: Scenario) -> None:
    """Each step is sealed, and a day that passes names no unit (SUP-V3)."""
    story.given(SECRET)
    about = {"finding_id": "CMP-V1.S.1"}
    steps: list[Any] = [
        TriageFinding(**about, assessment="调取任务"),
        AcceptRectification(**about, note="已换人"),
        RejectRectification(**about, reason="又去了"),
        StartDirectHandling(**about, demands=("核查",), due_on=date(2026, 10, 23)),
    ]
    for step in steps:
        story.when(step)
        assert story.outcome is not None
        assert [r.envelope.visibility for r in story.outcome.events] == ["sealed"], step
    handled = _position(story)
    for rule, opened_at in (
        ("supervision.response_wd.rejected", handled - 1),
        ("supervision.direct_handling", handled),
    ):
        miss = EndDeadline(rule_name=rule, opened_at_position=opened_at)
        story.at("2026-11-25T09:00+08:00").when(miss).then(
            like(DeadlineMissed, subjects=()),
            like(FindingRaised, rule_id="SUP-V3", unit=None, entity=None),
        )
    for step in (
        AcceptRectification(**about, note="-"),
        CloseFinding(**about, conclusion="-"),
    ):
        story.when(step)
        assert story.outcome is not None
        assert story.outcome.events[0].envelope.visibility == "sealed", step


def test_what_was_said_in_an_interview_can_be_corrected(story: Scenario) -> None:
    """It reports what happened, and so does a report of conduct; neither changes a finding."""
    for command, path, old, new in (
        (replace(CONDUCT, facts="接受宴请"), "/body/facts", "接受宴请", "接受礼品"),
        (
            RecordPublicInterview(unit="MRB", attended_by=("局长",), raised="随意检查"),
            "/body/raised",
            "随意检查",
            "重复检查",
        ),
    ):
        story.when(command)
        assert story.outcome is not None
        story.signed(
            CorrectRecord(
                target_position=story.outcome.events[0].position,
                field_changes=(FieldChange(path=path, old=old, new=new),),
                reason="笔误",
            ),
            JB,
            JB_SECOND,
        ).then(RecordCorrected)
    story.when(CONDUCT)
    story.when(
        CorrectRecord(
            target_position=_position(story),
            field_changes=(FieldChange(path="/body/auto", old=True, new=False),),
            reason="-",
        )
    ).raises(Malformed, says="Dismiss the finding")


def test_PUB_R1_a_circular_names_no_person(story: Scenario) -> None:
    """The public reads it: neither identity nor telephone numbers."""
    story.when(replace(CIRCULAR, text="联系13909310000")).refused("PUB-R1", what="a mobile number")
    story.when(replace(CIRCULAR, units=("EEB",))).raises(UnknownReference)
    story.when(CIRCULAR).then(like(CircularIssued, issued_on=date(2026, 10, 13)))
    assert story.outcome is not None
    assert story.outcome.events[0].envelope.visibility == "public"


@pytest.mark.parametrize(
    ("code", "rule"), [(1, "SUP-D3"), (4, "SUP-D3"), (5, "SUP-D4"), (8, "SUP-D4")]
)
def test_SUP_D3_SUP_D4_the_eight_must_nots(story: Scenario, code: int, rule: str) -> None:
    """Profit or abuse, by its number; the event keeps what the policy said."""
    story.when(replace(CONDUCT, code=code, entity=E_A, officer="OFF-001")).then(
        like(ProhibitedConductReported, code=code, reporter="supervisor"),
        like(FindingRaised, rule_id=rule, unit="MRB", entity=E_A, officer="OFF-001"),
    )
    assert story.outcome is not None
    assert story.outcome.events[0].envelope.policy_refs["conduct.five_prohibitions"] == 1


def test_SUP_D3_whoever_reports_conduct_is_not_named(story: Scenario) -> None:
    """A business reports in confidence: the finding names neither it nor its visit."""
    story.when(replace(CONDUCT, entity=E_A, task="T-1"), REP_A).then(
        like(ProhibitedConductReported, reporter="entity", entity=E_A),
        like(FindingRaised, rule_id="SUP-D3", unit="MRB", entity=None, task=None),
    )
    assert story.outcome is not None
    assert story.outcome.events[0].envelope.visibility == "sealed"


def test_conduct_is_one_of_the_must_nots(story: Scenario) -> None:
    """Of a known unit, by a known officer of it, not in the future."""
    for wrong, kind in (
        ({"code": 9}, Malformed),
        ({"conducted_on": date(2026, 10, 14)}, Malformed),
        ({"unit": "EEB"}, UnknownReference),
        ({"officer": "OFF-009"}, UnknownReference),
        ({"officer": "OFF-001", "unit": "EMB"}, OutOfStep),
    ):
        story.when(replace(CONDUCT, **wrong)).raises(kind)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"ground": "other"}, "must be life safety"),
        ({"approval": None}, "a competent government must approve it"),
        ({"approval": replace(APPROVAL, approved_on=date(2026, 10, 14))}, "approved on 2026-10-14"),
    ],
)
def test_SUP_R5_no_sector_is_halted_as_a_whole(
    story: Scenario, changed: dict[str, Any], reason: str
) -> None:
    """Without one of the grounds and a competent approval nothing is ordered."""
    story.when(replace(HALT, **changed), HEAD).refused("SUP-R5", area="中川园区")
    assert reason in str(story.error)
    story.when(HALT, HEAD).then(like(BlanketMeasureOrdered, sectors=("餐饮",)))


def test_a_halt_is_the_units_own_and_ends(story: Scenario) -> None:
    """It begins today or later and ends after it begins."""
    story.when(HALT, EMB).raises(Forbidden)
    for days in (
        {"halted_from": date(2026, 10, 12)},
        {"halted_to": date(2026, 10, 13)},
    ):
        story.when(replace(HALT, **days), HEAD).raises(Malformed, pointer="/halted_from")


def _position(story: Scenario) -> int:
    assert story.outcome is not None
    return story.outcome.position
