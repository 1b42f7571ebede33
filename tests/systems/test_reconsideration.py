"""Administrative reconsideration (2.13): applied for in time, heard, decided, carried out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.api import DCBRecorder
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.general.values import Instrument
from ledger.kernel import (
    DeadlineLapsed,
    DeadlineMissed,
    DeadlineRule,
    Event,
    Forbidden,
    Inquiry,
    Ledger,
    LegalRef,
    Malformed,
    OutOfStep,
    Recorded,
    Refusal,
    UnknownReference,
    codec,
)
from ledger.systems.corrections.commands import NullifyDecision
from ledger.systems.corrections.events import (
    AlteredField,
    DecisionAltered,
    DecisionDeclaredUnlawful,
    DecisionDeclaredVoid,
    DecisionRevoked,
)
from ledger.systems.credit.events import (
    CreditRecordAltered,
    CreditRecordEntered,
    PublicityBoundsMoved,
    PublicityStarted,
    PublicityTerminated,
)
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.dishonesty.events import (
    Measure,
    MeasureCataloguePublished,
    SanctionApplied,
    SanctionLifted,
)
from ledger.systems.grading.commands import RecomputeGrade
from ledger.systems.grading.events import CreditGradeAssigned
from ledger.systems.penalties.commands import PublishDecision, WithdrawDecision
from ledger.systems.penalties.events import (
    DecisionPublished,
    DecisionWithdrawn,
    PenaltyContent,
    PenaltyDecided,
    PenaltyServed,
)
from ledger.systems.persons.events import PersonRegistered
from ledger.systems.policies.commands import SeedLedger
from ledger.systems.reconsideration import commands as recon
from ledger.systems.reconsideration import rules
from ledger.systems.reconsideration.effects import refuse_reissue
from ledger.systems.reconsideration.events import (
    Evidence,
    IncidentalReviewConcluded,
    IncidentalReviewRequested,
    IncidentalReviewTransferred,
    OpinionCorrectionReported,
    OpinionLetterIssued,
    ReconAccepted,
    ReconApplied,
    ReconCopySent,
    ReconCorrected,
    ReconCorrectionRequested,
    ReconDecided,
    ReconDecisionServed,
    ReconDeemedAccepted,
    ReconExtended,
    ReconHearingHeld,
    ReconMediated,
    ReconNonPerformance,
    ReconPerformed,
    ReconRefused,
    ReconReplyMissing,
    ReconReplyReceived,
    ReconResumed,
    ReconSuspended,
    ReconTerminated,
)
from ledger.systems.supervision.hooks import impersonal
from tests.cast import CLOCK, E_C, E_D, EMB, HEAD, actor
from tests.gwt import Scenario, like, on
from tests.systems.sealing import someone, token

replace = msgspec.structs.replace

ORGAN = actor("RECON", "RECON-001", "recon_officer")
REP = actor("ENTITY", "REP-D", "entity_rep")

DECIDED = PenaltyDecided(
    decision="DEC-1",
    entity=E_D,
    unit="MRB",
    case="CASE-1",
    doc_no="兰新市监罚〔2026〕1号",
    decided_on=date(2026, 3, 2),
    types=("fine", "licence_suspension"),
    severity="serious",
    facts="经营超过保质期的食品",
    fine_fen=20_000_000,
)
APPLY = recon.ApplyForReconsideration(
    recon="RCN-1",
    decision="DEC-1",
    organ="RECON",
    known_on=date(2026, 3, 2),
    grounds="主要事实不清",
    entity=E_D,
    matter="M-101",
)
ACCEPT = recon.AcceptApplication(recon="RCN-1")
COPY = recon.SendCopy(recon="RCN-1")
REPLY = recon.SubmitReply(
    recon="RCN-1",
    reply="事实清楚",
    evidence=(Evidence(name="现场检查笔录", gathered_on=date(2026, 2, 20)),),
)
REVOKE = recon.DecideCase(
    recon="RCN-1", outcome="revoke", instrument="兰新复决〔2026〕3号", reasons="证据不足"
)
SERVE = recon.ServeReconDecision(recon="RCN-1")


@pytest.fixture
def story() -> Scenario:
    """DEC-1 of 2026-03-02 is disputed on S18's last day; DEC-9 is another business's case."""
    return begun(InMemoryDCBRecorder())


def begun(recorder: DCBRecorder, day: str = "2026-05-06") -> Scenario:
    """The day of the application."""
    story = (
        Scenario(recorder, by=ORGAN, hooks=(impersonal,))
        .given(SeedLedger())
        .at("2026-03-02T09:00+08:00")
    )
    other = replace(DECIDED, decision="DEC-9", entity=E_C, case="CASE-9", facts="无证经营")
    story.given(DECIDED, other, actor=HEAD).at("2026-05-06T09:00+08:00")
    story.given(replace(APPLY, recon="RCN-9", decision="DEC-9", entity=E_C))
    return story.at(f"{day}T09:00+08:00")


def records(story: Scenario) -> list[Recorded]:
    return [codec.decode(e.position, e.event.data) for e in story.ledger.recorder.read()]


def place(story: Scenario, kind: type[Any]) -> int:
    """Where the newest event of a kind in RCN-1 stands."""
    return max(
        r.position for r in records(story) if isinstance(r.event, kind) and r.event.recon == "RCN-1"
    )


def test_an_applicant_is_somebody_registered_or_of_another_store(story: Scenario) -> None:
    """A token of this ledger leads to somebody and is a subject; another one stands as it is."""
    someone_else = replace(APPLY, entity=None, applicant=token("张三丰"))
    story.when(someone_else).raises(UnknownReference)
    sealed = someone("张三丰")
    story.given(PersonRegistered(person=sealed.person, unit="RECON", name=sealed.name))
    story.when(someone_else).then(like(ReconApplied, person=sealed.person, applicant=None))
    other = replace(
        someone_else,
        recon="RCN-2",
        decision="DEC-7",
        known_on=date(2026, 5, 6),
        applicant="person-7f3a9c21",
    )
    story.given(replace(DECIDED, decision="DEC-7", case="CASE-7"), actor=HEAD)
    story.when(other).then(like(ReconApplied, person=None, applicant="person-7f3a9c21"))


def over(story: Scenario, rule: DeadlineRule) -> EndDeadline:
    """What the clock asks about the newest deadline of a rule in RCN-1."""
    return EndDeadline(rule_name=rule.name, opened_at_position=place(story, rule.opened_by))


def rule(name: str) -> DeadlineRule:
    """One of the system's deadlines."""
    every = (*rules.COPY, *rules.REPLY, *rules.DECIDE)
    return next(r for r in every if r.name == name)


def heard(story: Scenario) -> Scenario:
    """Accepted on 05-06, copy sent, reply received."""
    return story.given(APPLY, ACCEPT, COPY).given(REPLY, actor=HEAD)


# Applying


def test_RCN_R1_within_sixty_days_of_knowing_the_act(story: Scenario) -> None:
    """S18: day 60 is 05-01, a holiday; the last day is 05-06."""
    story.when(APPLY, REP).then(like(ReconApplied, last_day=date(2026, 5, 6), unit="MRB"))
    late = begun(InMemoryDCBRecorder(), "2026-05-07")
    late.when(APPLY, REP).refused("RCN-R1", last_day=date(2026, 5, 6), filed_on=date(2026, 5, 7))
    # The organ records what was filed with it in time; a business cannot date itself back.
    earlier = replace(APPLY, occurred_at=datetime.fromisoformat("2026-05-06T16:00+08:00"))
    late.at("2026-05-09T09:00+08:00")
    late.when(earlier, REP).raises(Malformed, pointer="/occurred_at")
    late.when(earlier).then(ReconApplied)


@pytest.mark.parametrize(
    ("known_on", "rights_known_on", "last_day"),
    [
        # Sixty days from learning of the right to apply, ...
        ("2026-03-02", "2026-04-20", "2026-06-22"),
        # ... and no more than a year after knowing the act.
        ("2026-03-02", "2027-02-20", "2027-03-02"),
    ],
)
def test_RCN_R1_whoever_was_not_told_of_the_right_has_longer(
    story: Scenario, known_on: str, rights_known_on: str, last_day: str
) -> None:
    """Arts. 20: from learning of it, within the year."""
    told = replace(
        APPLY,
        known_on=date.fromisoformat(known_on),
        informed=False,
        rights_known_on=date.fromisoformat(rights_known_on),
    )
    last = date.fromisoformat(last_day)
    after = date.fromordinal(last.toordinal() + 1)
    story.at(f"{after}T09:00+08:00").when(told).refused("RCN-R1", last_day=last)
    story = begun(InMemoryDCBRecorder(), last_day)
    story.when(told).then(like(ReconApplied, last_day=last))
    story.when(replace(told, recon="RCN-2", rights_known_on=None)).raises(
        Malformed, pointer="/rights_known_on"
    )


@pytest.mark.parametrize(("real_estate", "years"), [(False, 5), (True, 20)])
def test_RCN_R1_there_is_an_absolute_limit(story: Scenario, real_estate: bool, years: int) -> None:
    """Art. 21: five years after the act, twenty about real estate, whenever it became known."""
    last = date(2026 + years, 3, 2)
    story.at(f"{2026 + years}-03-05T09:00+08:00")
    known = date(2026 + years, 2, 20)
    story.when(replace(APPLY, known_on=known, real_estate=real_estate)).refused("RCN-R1")
    assert isinstance(story.error, Refusal)
    assert (story.error.details["last_day"] - last).days in range(3)


def test_RCN_R2_a_court_that_has_the_case_decides_it(story: Scenario) -> None:
    """Reconsideration is not for what a court has accepted."""
    story.when(replace(APPLY, court_case="(2026)甘行初1号")).refused("RCN-R2")


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"entity": None}, "/applicant"),
        ({"entity": E_C}, "/entity"),
        ({"organ": "MRB"}, "/organ"),
        ({"known_on": date(2026, 3, 1)}, "/known_on"),
        ({"known_on": date(2026, 5, 7)}, "/known_on"),
        ({"grounds": "请致电13909310000"}, "/grounds"),
    ],
)
def test_an_application_says_who_applies_about_what(
    story: Scenario, changed: dict[str, Any], pointer: str
) -> None:
    """What does not fit the decision is malformed."""
    by = actor("MRB", "R", "recon_officer") if "organ" in changed else ORGAN
    story.when(replace(APPLY, **changed), by).raises(Malformed, pointer=pointer)


def test_a_decision_is_disputed_in_one_case(recorder: DCBRecorder) -> None:
    """Of several applications at once one is a case; a case that is gone makes room for another."""
    story = begun(recorder)
    story.when(replace(APPLY, decision="DEC-404")).raises(UnknownReference)

    def apply(n: int) -> bool:
        try:
            (story.ledger, other)[n % 2].execute(replace(APPLY, recon=f"RCN-{n}"), ORGAN)
        except OutOfStep:
            return False
        return True

    with Ledger(recorder, clock=story.ledger.clock) as other, ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(apply, range(1, 7))) == 1
    (case,) = {
        r.event.recon
        for r in records(story)
        if isinstance(r.event, ReconApplied) and r.event.decision == "DEC-1"
    }
    story.given(recon.TerminateCase(recon=case, ground="withdrawn", reason="撤回"))
    story.when(replace(APPLY, recon="RCN-7")).then(ReconApplied)


# Accepting


def test_what_nobody_decides_on_is_accepted_by_law(story: Scenario) -> None:
    """S18: deemed accepted on 05-12; copy due 05-21, decision due 07-13."""
    story.given(APPLY)
    late = over(story, rules.ACCEPT)
    story.at("2026-05-12T23:00+08:00").when(late, CLOCK).raises(OutOfStep, says="2026-05-12")
    story.at("2026-05-13T00:10+08:00").when(late, CLOCK).then(
        like(DeadlineLapsed, ended_on=date(2026, 5, 12)),
        like(ReconDeemedAccepted, deemed_on=date(2026, 5, 12), organ="RECON"),
    )
    story.when(late, CLOCK).then()
    story.when(recon.RefuseApplication(recon="RCN-1", reason="-")).raises(OutOfStep)
    opened = [(r, place(story, ReconDeemedAccepted)) for r in ("copy", "decide")]
    for (name, at), due_on in zip(opened, ("2026-05-21", "2026-07-13"), strict=True):
        story.when(EndDeadline(rule_name=f"recon.deemed.{name}", opened_at_position=at), CLOCK)
        story.raises(OutOfStep, says=f"due on {due_on}")


def test_an_acceptance_that_comes_late_changes_nothing(story: Scenario) -> None:
    """Whatever the organ says after the day: it was accepted on it. Refused it cannot be."""
    story.given(APPLY).at("2026-05-14T09:00+08:00")
    story.when(recon.RefuseApplication(recon="RCN-1", reason="-")).raises(OutOfStep, says="deemed")
    story.when(replace(ACCEPT, summary_ground="warning")).then(
        like(ReconDeemedAccepted, deemed_on=date(2026, 5, 12))
    )
    story.when(over(story, rules.ACCEPT), CLOCK).then(DeadlineLapsed)


def test_a_case_is_accepted_or_refused_once(story: Scenario) -> None:
    """By the organ alone."""
    story.given(APPLY).when(ACCEPT, EMB).raises(Forbidden, says="RECON")
    story.when(ACCEPT).then(like(ReconAccepted, procedure="ordinary", accepted_on=date(2026, 5, 6)))
    story.when(ACCEPT).raises(OutOfStep, says="open")
    story.when(recon.RefuseApplication(recon="RCN-9", reason="超期")).then(ReconRefused)
    story.when(replace(ACCEPT, recon="RCN-9")).raises(OutOfStep, says="refused")


def test_a_correction_stops_the_period_once(story: Scenario) -> None:
    """Asked for within five days, supplied within ten, and then it begins anew."""
    ask = recon.RequestApplicationCorrection(recon="RCN-1", missing="身份证明")
    supply = recon.CorrectApplication(recon="RCN-1", entity=E_D)
    story.given(APPLY).when(supply, REP).raises(OutOfStep)
    story.at("2026-05-12T09:00+08:00").when(ask).then(like(ReconCorrectionRequested))
    story.when(ACCEPT).raises(OutOfStep, says="correcting")
    story.at("2026-05-20T09:00+08:00").when(over(story, rules.ACCEPT), CLOCK)
    story.raises(OutOfStep, says="performed on 2026-05-12")
    story.when(replace(supply, entity=E_C), REP).raises(Malformed)
    story.when(supply, REP).then(ReconCorrected)
    story.when(ask).raises(OutOfStep, says="once")
    late = over(story, rules.ACCEPT_CORRECTED)
    story.at("2026-05-28T09:00+08:00").when(late, CLOCK).then(
        DeadlineLapsed, like(ReconDeemedAccepted, deemed_on=date(2026, 5, 27))
    )


def test_a_correction_is_asked_for_in_time(story: Scenario) -> None:
    """After five working days the case is accepted."""
    ask = recon.RequestApplicationCorrection(recon="RCN-1", missing="身份证明")
    story.given(APPLY).at("2026-05-13T09:00+08:00").when(ask).raises(OutOfStep, says="2026-05-12")


def test_an_application_that_is_not_corrected_is_given_up(story: Scenario) -> None:
    """Art. 31: after ten working days it is over, and nobody's fault."""
    story.given(APPLY, recon.RequestApplicationCorrection(recon="RCN-1", missing="身份证明"))
    late = over(story, rules.CORRECT)
    supply = recon.CorrectApplication(recon="RCN-1")
    story.at("2026-05-19T09:00+08:00").when(late, CLOCK).raises(OutOfStep, says="2026-05-19")
    story.at("2026-05-20T09:00+08:00").when(supply).raises(OutOfStep, says="2026-05-19")
    story.when(late, CLOCK).then(DeadlineLapsed, like(ReconTerminated, ground="not_corrected"))
    story.when(ACCEPT).raises(OutOfStep, says="terminated")


# Proceedings


@pytest.mark.parametrize(
    ("ground", "prefix", "copy_due", "reply_due", "decide_due"),
    [
        (None, "recon.ordinary", "2026-05-14", "2026-05-19", "2026-07-06"),
        ("warning", "recon.summary", "2026-05-09", "2026-05-12", "2026-06-05"),
    ],
)
def test_each_procedure_has_its_periods(
    story: Scenario, ground: Any, prefix: str, copy_due: str, reply_due: str, decide_due: str
) -> None:
    """Accepted on 05-06: 7, 10 and 60 days; 3, 5 and 30 by the summary procedure."""
    story.given(APPLY, replace(ACCEPT, summary_ground=ground))
    story.when(COPY).then(like(ReconCopySent, procedure=prefix.removeprefix("recon.")))
    story.when(COPY).raises(OutOfStep)
    for part, due_on in (("reply", reply_due), ("decide", decide_due)):
        story.when(over(story, rule(f"{prefix}.{part}")), CLOCK).raises(OutOfStep, says=due_on)
    story.when(over(story, rule(f"{prefix}.copy")), CLOCK).raises(OutOfStep, says=copy_due)


def test_a_respondent_that_is_silent_has_no_evidence(story: Scenario) -> None:
    """Art. 70: the silence is a fact, and the act is then neither maintained nor altered."""
    story.given(APPLY, ACCEPT, COPY)
    story.when(REVOKE).raises(OutOfStep, says="may still reply")
    late = over(story, rule("recon.ordinary.reply"))
    story.at("2026-05-21T09:00+08:00").when(late, CLOCK).then(
        like(DeadlineMissed, due_on=date(2026, 5, 19)),
        like(ReconReplyMissing, due_on=date(2026, 5, 19), unit="MRB"),
    )
    maintain = replace(REVOKE, outcome="maintain")
    story.when(maintain).raises(OutOfStep, says="Art. 70")
    story.when(replace(maintain, third_party_evidence=True)).then(ReconDecided)


def test_a_late_reply_is_recorded(story: Scenario) -> None:
    """It says how late it came; there is one reply."""
    story.given(APPLY, ACCEPT).when(REPLY, HEAD).raises(OutOfStep, says="copy")
    story.given(COPY).when(REPLY, EMB).raises(Forbidden, says="MRB")
    story.at("2026-05-22T09:00+08:00").when(REPLY, HEAD).then(like(ReconReplyReceived, days_late=3))
    story.when(REPLY, HEAD).raises(OutOfStep)


def test_RCN_R4_the_respondent_gathers_no_evidence_during_the_case(story: Scenario) -> None:
    """What it has gathered since the application is left out."""
    story.given(APPLY, ACCEPT, COPY)
    fresh = Evidence(name="补充笔录", gathered_on=date(2026, 5, 7))
    story.at("2026-05-08T09:00+08:00")
    story.when(replace(REPLY, evidence=(*REPLY.evidence, fresh)), HEAD).refused(
        "RCN-R4", evidence="补充笔录", begun_on=date(2026, 5, 6)
    )
    story.when(REPLY, HEAD).then(like(ReconReplyReceived, days_late=0))


def test_a_case_rests_and_goes_on_for_the_days_left(story: Scenario) -> None:
    """Suspended on 05-20 with 47 days left; resumed on 06-10, due on 07-27."""
    heard(story).at("2026-05-20T09:00+08:00")
    suspend = recon.SuspendCase(recon="RCN-1", ground="related_case", reason="等待另案结果")
    story.when(suspend).then(like(ReconSuspended, days_left=47))
    story.when(REVOKE).raises(OutOfStep, says="suspended")
    story.when(over(story, rule("recon.ordinary.decide")), CLOCK).raises(OutOfStep)
    story.at("2026-06-10T09:00+08:00").when(recon.ResumeCase(recon="RCN-1")).then(
        like(ReconResumed, days_left=47, due_on=date(2026, 7, 27))
    )
    story.when(recon.ResumeCase(recon="RCN-1")).raises(OutOfStep)
    late = over(story, rule("recon.decide.resumed"))
    story.at("2026-07-28T09:00+08:00").when(late, CLOCK).then(
        DeadlineMissed, like(FindingRaised, rule_id="RCN-V1", unit="RECON")
    )


def test_a_complex_case_is_extended_once(story: Scenario) -> None:
    """By thirty days from its own end, with another's approval; a summary case not at all."""
    chief = actor("RECON", "RECON-CHIEF", "recon_officer")
    extend = recon.ExtendCase(recon="RCN-1", reason="案情复杂")
    heard(story)
    story.signed(extend, story.by, story.by).refused("GEN-R2", person="RECON-001")
    story.given(replace(ACCEPT, recon="RCN-9", summary_ground="agreed"), actor=chief)
    story.signed(extend, story.by, chief).then(
        like(ReconExtended, due_on=date(2026, 8, 4), approved_by="RECON-CHIEF")
    )
    story.when(extend).raises(OutOfStep, says="2026-08-04")
    story.when(replace(extend, recon="RCN-9")).raises(OutOfStep, says="summary")
    late = over(story, rule("recon.decide.extended"))
    story.at("2026-08-05T09:00+08:00").when(late, CLOCK).then(
        DeadlineMissed, like(FindingRaised, rule_id="RCN-V1")
    )
    story.when(extend).raises(OutOfStep)


def test_a_provisional_last_day_bars_no_extension() -> None:
    """Annex B: whether it is over, the calendar of the next year will say."""
    chief = actor("RECON", "RECON-CHIEF", "recon_officer")
    story = begun(InMemoryDCBRecorder(), "2026-11-20")
    story.given(replace(ACCEPT, recon="RCN-9", summary_ground="agreed"), actor=chief)
    story.given(replace(APPLY, known_on=date(2026, 11, 10)), ACCEPT, COPY)
    story.at("2027-01-25T09:00+08:00")
    extend = recon.ExtendCase(recon="RCN-1", reason="案情复杂")
    story.signed(extend, story.by, chief).then(like(ReconExtended, due_on=date(2027, 2, 18)))


def test_a_hearing_is_on_record(story: Scenario) -> None:
    """Who led it and what its record's digest is."""
    hold = recon.RecordReconHearing(
        recon="RCN-1", host="RECON-CHIEF", record_digest="ab" * 32, respondent_attended=True
    )
    story.given(APPLY).when(hold).raises(OutOfStep)
    story.given(ACCEPT).when(hold).then(like(ReconHearingHeld, host="RECON-CHIEF"))


def test_a_document_is_reviewed_with_the_act(story: Scenario) -> None:
    """Passed on within seven working days, or decided on within thirty days."""
    ask = recon.RequestIncidentalReview(
        recon="RCN-1", document_no="新政发〔2024〕9号", competent=False
    )
    passed = recon.TransferIncidentalReview(recon="RCN-1", to="兰州市人民政府")
    conclude = recon.ConcludeIncidentalReview(recon="RCN-1", lawful=False, opinion="与上位法抵触")
    story.given(APPLY, ACCEPT, replace(ACCEPT, recon="RCN-9")).when(passed).raises(OutOfStep)
    story.when(ask).then(like(IncidentalReviewRequested, competent=False))
    story.when(ask).raises(OutOfStep)
    story.when(conclude).raises(OutOfStep, says="must be transferred first")
    late = over(story, rules.PASS_ON)
    story.at("2026-05-16T09:00+08:00").when(late, CLOCK).then(
        like(DeadlineMissed, due_on=date(2026, 5, 14)),
        like(FindingRaised, rule_id="RCN-V1", unit="RECON"),
    )
    story.when(passed).then(like(IncidentalReviewTransferred, days_late=2))
    story.when(passed).raises(OutOfStep, says="兰州市人民政府")
    story.when(over(story, rules.ANSWER), CLOCK).raises(OutOfStep, says="2026-07-15")
    story.when(conclude).then(like(IncidentalReviewConcluded, lawful=False))
    story.when(conclude).raises(OutOfStep)
    story.when(replace(ask, recon="RCN-9", competent=True)).then(IncidentalReviewRequested)
    story.when(replace(passed, recon="RCN-9")).raises(OutOfStep, says="itself")
    opened = max(
        r.position for r in records(story) if isinstance(r.event, IncidentalReviewRequested)
    )
    story.when(EndDeadline(rule_name=rules.REVIEW.name, opened_at_position=opened), CLOCK).raises(
        OutOfStep, says="2026-06-15"
    )


# Deciding

PROCEDURAL = replace(REVOKE, procedural=True)


def alter(
    types: tuple[Any, ...], fine_fen: int = 0, severity: Any = "serious", **changed: Any
) -> recon.DecideCase:
    """Alter the decision, a fine of 200,000 yuan and a suspended licence, to this."""
    content = PenaltyContent(types=types, fine_fen=fine_fen, severity=severity)
    return replace(REVOKE, outcome="alter", content=content, **changed)


BOTH: tuple[Any, ...] = ("fine", "licence_suspension")


@pytest.mark.parametrize(
    ("types", "fine_fen"),
    [
        (BOTH, 20_000_001),
        (("licence_revocation",), 0),
        (("fine", "closure_order"), 1),
        (("fine", "licence_suspension", "qualification_lowered"), 20_000_000),
        (("fine", "licence_suspension", "confiscation"), 20_000_000),
    ],
)
def test_RCN_R3_no_alteration_is_worse_for_the_applicant(
    story: Scenario, types: tuple[Any, ...], fine_fen: int
) -> None:
    """S18: the gravest kind goes first, then the amount; a third party may have asked for it."""
    heard(story).when(alter(types, fine_fen)).refused("RCN-R3")
    opposed = alter(types, fine_fen, third_party_opposed=True)
    story.when(opposed).then(ReconDecided, DecisionAltered)


@pytest.mark.parametrize(
    ("types", "fine_fen", "severity"),
    [
        (BOTH, 20_000_000, "general"),
        (BOTH, 19_999_999, "serious"),
        (("fine",), 90_000_000, "general"),  # a suspended licence weighs more than any fine
        (("licence_suspension",), 0, "serious"),
        (("warning",), 0, "minor"),
    ],
)
def test_a_lighter_content_is_decided(
    story: Scenario, types: tuple[Any, ...], fine_fen: int, severity: Any
) -> None:
    """It is said whole, and what it was before with it."""
    heard(story).when(alter(types, fine_fen, severity)).then(
        like(ReconDecided, outcome="alter", withdraw=False),
        like(
            DecisionAltered,
            decision="DEC-1",
            by="RECON",
            recon="RCN-1",
            effective_on=date(2026, 5, 6),
            before={
                "types": list(BOTH),
                "fine_fen": 20_000_000,
                "severity": "serious",
            },
        ),
    )


def test_what_is_altered_is_said_whole_and_once(story: Scenario) -> None:
    """Whole or field by field, and neither in words nor twice nor with a fine of nothing."""
    heard(story)
    change = AlteredField(field="fine_fen", before=20_000_000, after=1)
    lighter = alter(("fine",), 1)
    story.when(replace(lighter, content=None)).raises(Malformed, pointer="/altered")
    wrong = replace(change, field="罚款")
    story.when(replace(lighter, content=None, altered=(wrong,))).raises(
        Malformed, pointer="/altered/0/field"
    )
    wrong = replace(change, before=1)
    story.when(replace(lighter, content=None, altered=(wrong,))).raises(
        Malformed, pointer="/altered/0/before"
    )
    wrong = replace(change, after="很多")
    story.when(replace(lighter, content=None, altered=(wrong,))).raises(
        Malformed, pointer="/altered/0/after"
    )
    story.when(replace(lighter, altered=(change,))).raises(Malformed, pointer="/altered")
    story.when(alter(("fine",))).raises(Malformed, pointer="/content/fine_fen")
    story.when(alter(("warning",), 1)).raises(Malformed, pointer="/content/fine_fen")
    story.when(alter(BOTH, 20_000_000)).raises(Malformed, pointer="/content")
    story.when(replace(lighter, outcome="maintain")).raises(Malformed, pointer="/altered")


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"outcome": "order_perform"}, "/perform_by"),
        ({"outcome": "order_perform", "perform_by": date(2026, 5, 6)}, "/perform_by"),
        ({"outcome": "maintain", "procedural": True}, "/procedural"),
        ({"altered": (AlteredField(field="fine_fen", after=1),)}, "/altered"),
        ({"reasons": "见13909310000"}, "/reasons"),
    ],
)
def test_a_decision_says_what_belongs_to_it(
    story: Scenario, changed: dict[str, Any], pointer: str
) -> None:
    """And nothing else."""
    heard(story).when(replace(REVOKE, **changed)).raises(Malformed, pointer=pointer)


@pytest.mark.parametrize(
    ("outcome", "event"),
    [
        ("revoke", DecisionRevoked),
        ("declare_unlawful", DecisionDeclaredUnlawful),
        ("declare_void", DecisionDeclaredVoid),
        ("maintain", None),
        ("dismiss_claim", None),
    ],
)
def test_what_is_decided_becomes_of_the_act(
    story: Scenario, outcome: Any, event: type[Event] | None
) -> None:
    """In the same append; what is left as it is has no further event."""
    expected = [] if event is None else [like(event, decision="DEC-1", entity=E_D, by="RECON")]
    heard(story).when(replace(REVOKE, outcome=outcome)).then(
        like(ReconDecided, outcome=outcome, withdraw=False), *expected
    )
    story.when(REVOKE).raises(OutOfStep, says="decided")


RECORD = CreditRecordEntered(
    record="CR-1",
    entity=E_D,
    unit="MRB",
    kind="penalty",
    instrument=Instrument(
        kind="penalty_decision", doc_no=DECIDED.doc_no, effective_on=date(2026, 3, 2)
    ),
    determined_on=date(2026, 3, 2),
    title="行政处罚",
    public=True,
    severity="serious",
    decision="DEC-1",
)
SHOWN = PublicityStarted(
    record="CR-1",
    entity=E_D,
    unit="MRB",
    started_on=date(2026, 3, 6),
    channels=("credit_china",),
    min_until=date(2027, 3, 2),
    max_until=date(2029, 3, 2),
)
SANCTION = SanctionApplied(
    sanction="SAN-1",
    entity=E_D,
    unit="MRB",
    record="CR-1",
    measure="限制参与招标",
    catalogue_version=1,
    applied_on=date(2026, 3, 9),
)


def rested_on() -> list[Any]:
    """A credit record of the decision, a grade and a sanction by it; a record of another one."""
    number = replace(RECORD.instrument, doc_no="兴新罚〔2026〕9号")
    other = replace(RECORD, record="CR-9", decision=None, severity="general", instrument=number)
    return [on("2026-03-02", RECORD), SHOWN, SANCTION, other]


ENDED = [
    like(PublicityTerminated, record="CR-1", reason="revoked"),
    like(SanctionLifted, sanction="SAN-1", reason="revoked"),
    like(CreditGradeAssigned, grade="B", assessed_on=date(2026, 5, 6)),
]


def test_whatever_rests_on_a_revoked_decision_ends_with_it(story: Scenario) -> None:
    """One append: the decision, the nullification, publicity, sanction, and the grade it gave."""
    story.given(*rested_on(), RecomputeGrade(entity=E_D))
    heard(story).when(REVOKE).then(ReconDecided, DecisionRevoked, *ENDED)
    assert story.outcome is not None
    assert len({r.envelope.correlation_id for r in story.outcome.events}) == 1
    first, *rest = story.outcome.events
    assert {r.envelope.causation_id for r in rest} == {first.envelope.event_id}


def test_an_altered_decision_changes_its_record(story: Scenario) -> None:
    """In one append; what no longer reaches its class is lifted, and the grade follows."""
    catalogue = MeasureCataloguePublished(
        catalogue="region",
        unit="EDB",
        version=1,
        items=(
            Measure(
                measure=SANCTION.measure,
                kind="sanction",
                says="-",
                basis=(LegalRef(instrument="-"),),
                from_severity="serious",
            ),
        ),
        effective_from=date(2026, 1, 1),
        source=LegalRef(instrument="-"),
    )
    story.given(catalogue, *rested_on(), RecomputeGrade(entity=E_D))
    heard(story).when(alter(("fine",), 10_000_000, "general")).then(
        ReconDecided,
        DecisionAltered,
        like(
            CreditRecordAltered,
            record="CR-1",
            severity="general",
            amount_fen=10_000_000,
            valid_from=date(2026, 3, 2),
        ),
        like(PublicityBoundsMoved, record="CR-1", max_until=date(2027, 3, 2)),
        like(SanctionLifted, sanction="SAN-1", reason="altered"),
        like(CreditGradeAssigned, grade="C", assessed_on=date(2026, 5, 6)),
    )


def test_RCN_V4_what_was_altered_is_withdrawn_and_published_anew(story: Scenario) -> None:
    """Both count from the service, and the clock finds what was not done by then."""
    published = PublishDecision(decision="DEC-1", summary="罚款二十万元, 暂扣许可证")
    heard(story).given(*PUBLISHED)
    story.given(alter(("fine",), 10_000_000, "general"))
    with_text = WithdrawDecision(decision="DEC-1", explanation="经行政复议变更")
    story.when(published, HEAD).refused("PUB-R2")
    story.given(recon.ServeReconDecision(recon="RCN-1"))
    opened = max(r.position for r in records(story) if isinstance(r.event, ReconDecisionServed))
    for rule in (rules.WITHDRAW_ALTERED, rules.PUBLISH_ALTERED):
        late = EndDeadline(rule_name=rule.name, opened_at_position=opened)
        story.at("2026-05-20T09:00+08:00").when(late, CLOCK).then(
            DeadlineMissed, like(FindingRaised, rule_id="RCN-V4")
        )
    story.when(with_text, HEAD).then(like(DecisionWithdrawn, reason="altered", version=1))
    story.when(with_text, HEAD).raises(OutOfStep)
    story.when(replace(published, summary="罚款十万元"), HEAD).then(
        like(DecisionPublished, version=2)
    )
    story.when(published, HEAD).raises(OutOfStep)


def nullified(kind: Any) -> NullifyDecision:
    return NullifyDecision(
        decision="DEC-1",
        unit="MRB",
        kind=kind,
        by="兰州新区法院",
        instrument="(2026)甘行终1号",
        effective_on=date(2026, 5, 6),
        reason="-",
    )


def test_a_nullification_by_others_ends_the_same(story: Scenario) -> None:
    """A court's judgment that is recorded ends what rests on the decision too."""
    story.given(*rested_on(), RecomputeGrade(entity=E_D))
    story.when(nullified("declared_void")).then(DecisionDeclaredVoid, *ENDED)
    story.given(APPLY, ACCEPT, COPY).given(REPLY, actor=HEAD)
    story.when(REVOKE).raises(OutOfStep, says="(2026)甘行终1号")


def test_what_was_undone_before_does_not_end_again(story: Scenario) -> None:
    """Declared unlawful first and void later, the record ends once."""
    story.given(*rested_on())
    story.when(nullified("declared_unlawful")).then(
        DecisionDeclaredUnlawful, PublicityTerminated, SanctionLifted
    )
    story.when(nullified("declared_void")).then(DecisionDeclaredVoid)


# Withdrawal

PUBLISHED = [
    PenaltyServed(
        decision="DEC-1", entity=E_D, unit="MRB", served_on=date(2026, 3, 2), repair_notice=True
    ),
    DecisionPublished(
        decision="DEC-1", entity=E_D, unit="MRB", summary="罚款", published_on=date(2026, 3, 5)
    ),
]
WITHDRAW = WithdrawDecision(decision="DEC-1", explanation="行政复议撤销")


def test_RCN_V2_what_is_undone_leaves_the_public_in_three_days(story: Scenario) -> None:
    """S18: the clock finds it once; the withdrawal that comes late is no second finding."""
    story.given(*PUBLISHED).given(APPLY, ACCEPT, COPY).given(REPLY, actor=HEAD)
    story.at("2026-07-03T09:00+08:00").when(REVOKE).then(
        like(ReconDecided, withdraw=True, days_late=0), DecisionRevoked
    )
    late = over(story, rules.WITHDRAW)
    story.at("2026-07-08T23:00+08:00").when(late, CLOCK).raises(OutOfStep, says="2026-07-08")
    story.at("2026-07-09T09:00+08:00").when(late, CLOCK).then(
        like(DeadlineMissed, due_on=date(2026, 7, 8)),
        like(FindingRaised, rule_id="RCN-V2", unit="MRB"),
    )
    story.when(WITHDRAW, HEAD).then(like(DecisionWithdrawn, days_late=1, reason="revoked"))
    story.when(late, CLOCK).then()


def test_RCN_V2_is_not_raised_of_what_is_withdrawn_in_time_or_was_not_public(
    story: Scenario,
) -> None:
    """An act that nobody has published need not be taken back."""
    heard(story).when(REVOKE).then(like(ReconDecided, withdraw=False), DecisionRevoked)
    at = place(story, ReconDecided)
    story.when(EndDeadline(rule_name=rules.WITHDRAW.name, opened_at_position=at), CLOCK).raises(
        Malformed
    )
    story = begun(InMemoryDCBRecorder()).given(*PUBLISHED)
    heard(story).given(REVOKE).given(WITHDRAW, actor=HEAD)
    story.at("2026-05-20T09:00+08:00").when(over(story, rules.WITHDRAW), CLOCK)
    story.raises(OutOfStep, says="in time")


# Afterwards


def test_RCN_V1_a_decision_that_is_late(story: Scenario) -> None:
    """S18: due on 07-13; the finding is the organ's."""
    story.given(APPLY).at("2026-05-13T00:10+08:00").given(over(story, rules.ACCEPT), actor=CLOCK)
    story.given(COPY).given(REPLY, actor=HEAD)
    late = over(story, rule("recon.deemed.decide"))
    story.at("2026-07-13T23:00+08:00").when(late, CLOCK).raises(OutOfStep)
    story.at("2026-07-15T09:00+08:00").when(late, CLOCK).then(
        like(DeadlineMissed, due_on=date(2026, 7, 13)),
        like(FindingRaised, rule_id="RCN-V1", unit="RECON", entity=E_D),
    )
    story.when(REVOKE).then(like(ReconDecided, days_late=2), DecisionRevoked)


def test_RCN_V1_an_order_that_is_not_carried_out(story: Scenario) -> None:
    """The day that it states; then the respondent has not performed, whatever comes later."""
    order = replace(REVOKE, outcome="order_perform", perform_by=date(2026, 6, 1))
    done = recon.ReportPerformance(recon="RCN-1", done="已退还")
    heard(story).given(order).when(done, HEAD).raises(OutOfStep, says="decided")
    story.when(SERVE).then(like(ReconDecisionServed, perform_by=date(2026, 6, 1)))
    missing = recon.ReportNonPerformance(recon="RCN-1")
    story.when(missing).raises(OutOfStep, says="overdue")
    late = over(story, rules.PERFORM)
    story.at("2026-06-02T09:00+08:00").when(late, CLOCK).then(
        DeadlineMissed,
        like(FindingRaised, rule_id="RCN-V1", unit="MRB"),
        like(ReconNonPerformance, due_on=date(2026, 6, 1)),
    )
    story.when(missing).raises(OutOfStep, says="recorded")
    story.when(done, EMB).raises(Forbidden)
    story.when(done, HEAD).then(like(ReconPerformed, days_late=1))
    story.when(done, HEAD).raises(OutOfStep)


def test_the_organ_records_what_was_not_carried_out(story: Scenario) -> None:
    """Before the clock does."""
    order = replace(REVOKE, outcome="order_perform", perform_by=date(2026, 6, 1))
    heard(story).given(order, SERVE).at("2026-06-02T09:00+08:00")
    story.when(recon.ReportNonPerformance(recon="RCN-1")).then(ReconNonPerformance)


def test_an_opinion_letter_is_answered_within_sixty_days(story: Scenario) -> None:
    """Art. 76; one letter at a time."""
    letter = recon.IssueOpinionLetter(recon="RCN-1", doc_no="意见书1号", demands=("规范取证",))
    report = recon.ReportOpinionCorrection(recon="RCN-1", report="已培训")
    heard(story).when(report, HEAD).raises(OutOfStep)
    story.when(letter).then(like(OpinionLetterIssued, demands=("规范取证",)))
    story.when(letter).raises(OutOfStep)
    late = over(story, rules.REPORT)
    story.at("2026-07-07T09:00+08:00").when(late, CLOCK).then(
        like(DeadlineMissed, due_on=date(2026, 7, 6)),
        like(FindingRaised, rule_id="RCN-V1", unit="MRB"),
    )
    story.when(report, HEAD).then(like(OpinionCorrectionReported, days_late=1))
    story.when(letter).then(OpinionLetterIssued)


def test_a_case_ends_by_agreement_or_without_a_decision(story: Scenario) -> None:
    """And the deadline for deciding with it."""
    heard(story).given(replace(ACCEPT, recon="RCN-9"))
    story.when(recon.MediateCase(recon="RCN-1", instrument="调解书1号", agreed="减轻")).then(
        ReconMediated
    )
    end = recon.TerminateCase(recon="RCN-9", ground="withdrawn", reason="申请人撤回")
    story.when(end).then(like(ReconTerminated, ground="withdrawn"))
    for name in ("RCN-1", "RCN-9"):
        story.when(replace(REVOKE, recon=name)).raises(OutOfStep)
        story.when(replace(end, recon=name)).raises(OutOfStep)
    story.at("2026-07-20T09:00+08:00").when(over(story, rule("recon.ordinary.decide")), CLOCK)
    story.raises(OutOfStep, says="in time")


def dated(command: Any, day: str) -> Any:
    """The command as if what it says happened on another day."""
    return replace(command, occurred_at=datetime.fromisoformat(f"{day}T09:00+08:00"))


def test_RCN_V1_acts_of_a_case_are_not_dated_back(story: Scenario) -> None:
    """A late reply or report is late, and what opens a period opens it when it is recorded."""
    letter = recon.IssueOpinionLetter(recon="RCN-1", doc_no="意见书1号", demands=("规范取证",))
    report = recon.ReportOpinionCorrection(recon="RCN-1", report="已培训")
    story.given(APPLY, ACCEPT, COPY).at("2026-06-22T09:00+08:00")
    story.when(dated(REPLY, "2026-05-15"), HEAD).raises(Malformed, pointer="/occurred_at")
    story.given(REPLY, actor=HEAD)
    for act in (
        letter,
        recon.MediateCase(recon="RCN-1", instrument="调解书1号", agreed="减轻"),
        recon.TerminateCase(recon="RCN-1", ground="withdrawn", reason="撤回"),
    ):
        story.when(dated(act, "2026-06-01")).raises(Malformed, pointer="/occurred_at")
    story.given(letter).at("2026-09-01T09:00+08:00")
    story.when(dated(report, "2026-08-03"), HEAD).raises(Malformed, pointer="/occurred_at")
    story.when(report, HEAD).then(like(OpinionCorrectionReported, days_late=11))


def test_RCN_V1_nothing_is_reported_before_what_it_is_about(story: Scenario) -> None:
    """A decision is served after it was made, and carried out after it was served."""
    order = replace(REVOKE, outcome="order_perform", perform_by=date(2026, 7, 1))
    done = recon.ReportPerformance(recon="RCN-1", done="已重新作出")
    heard(story).at("2026-06-22T09:00+08:00").given(order).at("2026-07-06T09:00+08:00")
    story.when(dated(SERVE, "2026-06-19")).raises(Malformed, says="2026-06-22")
    story.given(dated(SERVE, "2026-06-24"))
    story.when(dated(done, "2026-06-23"), HEAD).raises(Malformed, says="2026-06-24")
    story.when(dated(done, "2026-06-30"), HEAD).then(like(ReconPerformed, days_late=0))


def test_RCN_V3_a_unit_is_revoked_again_on_one_matter(story: Scenario) -> None:
    """The second time it is told; another matter's act and one that is maintained are none."""
    for number, matter, outcome, found in (
        (2, "M-101", "revoke", 0),
        (3, "M-102", "revoke", 0),
        (4, "M-101", "maintain", 0),
        (5, "M-101", "declare_void", 1),
    ):
        name, decision = f"RCN-{number}0", f"DEC-{number}0"
        story.given(on("2026-03-02", replace(DECIDED, decision=decision, case=f"C-{number}")))
        story.given(replace(APPLY, recon=name, decision=decision, matter=matter))
        story.given(replace(ACCEPT, recon=name), replace(COPY, recon=name))
        story.given(replace(REPLY, recon=name), actor=HEAD)
        told = [like(FindingRaised, rule_id="RCN-V3", unit="MRB", matter="M-101")]
        undone = [] if outcome == "maintain" else [lambda r: "Decision" in type(r.event).__name__]
        story.when(replace(REVOKE, recon=name, outcome=outcome)).then(
            ReconDecided, *undone, *told[:found]
        )


class Reissue(recon.SendCopy):
    """Whoever decides on a penalty asks this first."""

    facts: str = DECIDED.facts
    case: str = "CASE-1"
    types: tuple[str, ...] = ("licence_suspension", "fine")
    unit: str = "MRB"
    ACTS_FOR = ""

    def decide(self, inquiry: Inquiry) -> Any:
        refuse_reissue(
            inquiry, unit=self.unit, entity=E_D, case=self.case, facts=self.facts, types=self.types
        )
        return ()


def test_RCN_R5_what_was_revoked_is_not_issued_again(story: Scenario) -> None:
    """The same act on the same facts, with something added too (基本相同).

    Another act, other facts and another unit's are others.
    """
    again = Reissue(recon="-")
    heard(story).when(again).then()
    story.given(REVOKE)
    for same in (
        again,
        replace(again, case="CASE-2", facts="经营超过 保质期的食品"),
        replace(again, facts="换一种说法"),
        replace(again, types=("licence_suspension", "fine", "warning")),
    ):
        story.when(same).refused("RCN-R5", decision="DEC-1", instrument="兰新复决〔2026〕3号")
    for other in (
        replace(again, types=("warning",)),
        replace(again, types=("fine", "warning")),
        replace(again, case="CASE-2", facts="未按规定留样"),
        replace(again, unit="EMB"),
    ):
        story.when(other).then()


def test_RCN_R5_what_was_revoked_for_its_procedure_is(story: Scenario) -> None:
    """Art. 64 lets the respondent do it again as it should be."""
    heard(story).given(PROCEDURAL).when(Reissue(recon="-")).then()
