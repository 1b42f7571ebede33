"""Penalty cases (2.8): opened, proven, told, heard, decided within the law, paid and closed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.kernel import (
    DeadlineLapsed,
    DeadlineMissed,
    Forbidden,
    Ledger,
    Malformed,
    Outcome,
    OutOfStep,
    Refusal,
    UnknownReference,
    civil_moment,
    codec,
)
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.catalogue.events import MatterElements, MatterListed, OfficerConflictDeclared
from ledger.systems.corrections.events import AlteredField, DecisionAltered, DecisionRevoked
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.penalties.commands import (
    AddEvidence,
    AnnounceHearing,
    ApplyEnforcement,
    CloseCase,
    DecidePenalty,
    DeferPayment,
    DisposeOfEvidence,
    ExtendSeizure,
    FileCase,
    HearStatement,
    HoldCollectiveDiscussion,
    HoldHearing,
    PublishBenchmark,
    RecordPayment,
    RegisterInAdvance,
    RequestHearing,
    SeizeProperty,
    ServePenalty,
    ServePriorNotice,
    WaiveRights,
)
from ledger.systems.penalties.events import (
    BenchmarkItem,
    BenchmarkPublished,
    CaseClosed,
    CaseFiled,
    EnforcementApplied,
    EvidenceAdded,
    EvidenceDisposed,
    FinePaid,
    HearingAnnounced,
    HearingHeld,
    HearingRequested,
    InstalmentPaid,
    Licence,
    PaymentDeferred,
    Penalty,
    PenaltyDecided,
    PriorNoticeServed,
    RightsWaived,
    SeizureExtended,
    StatementHeard,
    Tier,
)
from ledger.systems.penalties.folds import Decision
from ledger.systems.penalties.rules import heavier
from ledger.systems.persons.events import PersonRegistered
from ledger.systems.policies.commands import SeedLedger
from tests.cast import E_B, E_C, EMB, HEAD, OFFICER, REP_C, actor
from tests.gwt import Record, Scenario, like
from tests.pasts import certified, conduct, decidable, filed, registered
from tests.systems.recorded import film, whole_record
from tests.systems.sealing import someone, token

replace = msgspec.structs.replace

E_B_REP = actor("ENTITY", "REP-B", "entity_rep")

FILE = FileCase(
    case="CASE-1",
    entity=E_C,
    unit="MRB",
    conduct=conduct("2026-05-11"),
    cause="涉嫌经营超过保质期的食品",
    source="inspection",
    investigators=("OFF-001", "OFF-002"),
)
NOTICE = ServePriorNotice(
    case="CASE-1",
    notice_no="告 1",
    facts="经营超过保质期的食品",
    types=("fine",),
    fine_fen=500_000,
    respond_by=date(2026, 5, 18),
)
WAIVE = WaiveRights(case="CASE-1", rights=("statement",), how="declared")
ASK = RequestHearing(case="CASE-1", entity=E_C)
HEAR = HearStatement(case="CASE-1", statement="初犯", examined="属实", adopted=False)
DECIDE = DecidePenalty(
    decision="DEC-1",
    entity=E_C,
    unit="MRB",
    case="CASE-1",
    doc_no="兰新市监罚〔2026〕1号",
    types=("fine",),
    severity="general",
    facts="经营超过保质期的食品",
    fine_fen=500_000,
)
SERVE = ServePenalty(decision="DEC-1", repair_notice=True)
ADD = AddEvidence(evidence="EV-1", case="CASE-1", kind="on_site_record", title="现场笔录")
SEIZE = SeizeProperty(
    evidence="EV-S", case="CASE-1", kind="physical", title="过期食品", items=("奶粉 20 罐",)
)
REGISTER = RegisterInAdvance(
    evidence="EV-R", case="CASE-1", kind="documentary", title="账簿", items=("账簿 3 册",)
)
CLOSE = CloseCase(case="CASE-1", reason="executed", conclusion="执行完毕")


@pytest.fixture
def story() -> Scenario:
    """Monday 2026-05-11; another case of the unit is decided already, another unit's is open."""
    other = filed("CASE-9", E_B, "2026-05-11")
    return (
        Scenario(InMemoryDCBRecorder())
        .given(SeedLedger())
        .at("2026-05-11T09:00+08:00")
        .given(*certified("OFF-001", "OFF-002"), *registered(E_B, E_C))
        .given(*whole_record(date(2026, 5, 11)))
        .amid(
            *decidable(other),
            PenaltyDecided(
                decision="DEC-9",
                entity=E_B,
                unit="MRB",
                case="CASE-9",
                doc_no="9号",
                decided_on=date(2026, 5, 11),
                types=("fine",),
                severity="general",
                facts="-",
                fine_fen=500_000,
                violation_code="FS-034",
            ),
            filed("CASE-8", E_B, "2026-05-11", unit="EMB"),
        )
    )


# The case is opened.


def test_a_case_against_a_citizen_names_a_registered_person(story: Scenario) -> None:
    """Whom the unit itself has registered, and nobody where it is against an organisation."""
    own, others = someone("张三丰"), someone("李四")
    story.given(PersonRegistered(person=own.person, unit="MRB", name=own.name))
    story.amid(PersonRegistered(person=others.person, unit="EMB", name=others.name))
    against = replace(FILE, party="citizen", person=own.person)
    story.when(replace(against, party="organisation")).raises(Malformed, pointer="/person")
    story.when(replace(against, person=others.person)).raises(Malformed, pointer="/person")
    story.when(replace(against, person=token("nobody"))).raises(UnknownReference)
    story.when(against).then(like(CaseFiled, person=own.person, party="citizen"))


def test_a_case_is_opened_once_by_a_head(story: Scenario) -> None:
    """An officer opens one on the spot alone, and no unit opens another's."""
    story.when(FILE, OFFICER).raises(Forbidden, says="ordinary procedure")
    story.when(FILE, EMB).raises(Forbidden)
    story.when(replace(FILE, entity="91620100MA7LX0113U")).raises(UnknownReference)
    story.when(FILE).then(
        like(CaseFiled, case="CASE-1", filed_on="2026-05-11", discovered_on="2026-05-11")
    )
    story.when(FILE).raises(OutOfStep, says="recorded already")
    spot = replace(FILE, case="CASE-2", procedure="summary")
    story.when(spot, OFFICER).then(like(CaseFiled, procedure="summary", filed_by="OFF-001"))


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        (
            {"conduct": conduct("2026-05-11", last_on=date(2026, 5, 10))},
            "/conduct/last_on",
        ),
        ({"discovered_on": date(2026, 5, 10)}, "/conduct/first_on"),
        ({"discovered_on": date(2026, 5, 12)}, "/conduct"),
        ({"conduct": conduct("2026-05-11", last_on=date(2026, 5, 12))}, "/conduct"),
    ],
)
def test_the_days_of_a_case_fit(story: Scenario, changed: dict[str, Any], pointer: str) -> None:
    """No act ends before it begins, is found before it begins, or lies in the future."""
    story.when(replace(FILE, **changed)).raises(Malformed, pointer=pointer)


def test_FIL_R6_two_certified_officers_investigate(story: Scenario) -> None:
    """Art. 42 holds for a case as it does for a visit."""
    story.when(replace(FILE, investigators=("OFF-001",))).refused("FIL-R6", needed=2)
    story.when(replace(FILE, investigators=("OFF-001", "OFF-009"))).refused("FIL-R6")


def test_FIL_R7_nobody_investigates_in_a_conflict(story: Scenario) -> None:
    """A conflict with this business bars; one with another does not."""
    declared = OfficerConflictDeclared(
        officer="OFF-002", entity=E_C, basis="declared", reason="亲属"
    )
    story.given(replace(declared, entity=E_B)).given(declared)
    story.when(FILE).refused("FIL-R7", officer="OFF-002")


def test_CAT_R2_a_case_under_an_unpublished_matter(story: Scenario) -> None:
    """A matter that is named has to be published."""
    elements = MatterElements(name="处罚事项", act_kind="penalty")
    story.given(MatterListed(matter="M-7", unit="MRB", elements=elements))
    story.when(replace(FILE, matter="M-7")).refused("CAT-R2", matter="M-7")


def test_penalty_decide_cd_a_case_is_decided_within_ninety_days(story: Scenario) -> None:
    """From 05-11 to 08-09, a Sunday, so to Monday 08-10; a later decision says how late it is."""
    opened = _position(story.when(FILE))
    story.given(NOTICE, WAIVE)
    missed = EndDeadline(rule_name="penalty.decide_cd", opened_at_position=opened)
    story.at("2026-08-10T18:00+08:00").when(missed).raises(OutOfStep, says="2026-08-10")
    story.at("2026-08-12T09:00+08:00").when(missed).then(like(DeadlineMissed, due_on="2026-08-10"))
    story.when(DECIDE).then(like(PenaltyDecided, days_late=2, violation_code="FS-034"))


# Evidence.


def test_evidence_enters_an_open_case(story: Scenario) -> None:
    """Once each, by the own unit; what would betray a source is sealed."""
    story.given(FILE).when(ADD, OFFICER).then(like(EvidenceAdded, measure="none"))
    story.when(ADD, OFFICER).refused("REC-R3", evidence="EV-1")
    story.when(replace(ADD, evidence="EV-2"), EMB).raises(Forbidden)
    story.when(replace(ADD, evidence="EV-2", kind="testimony", confidential=True))
    assert story.outcome is not None
    assert story.outcome.events[0].envelope.visibility == "sealed"


def test_evidence_advance_registration_ends_in_seven_working_days(story: Scenario) -> None:
    """From 05-11 to 05-20; what is held longer is missed, and the end says how late."""
    opened = _position(story.given(FILE).when(REGISTER))
    missed = EndDeadline(rule_name="evidence.advance_registration", opened_at_position=opened)
    story.at("2026-05-20T18:00+08:00").when(missed).raises(OutOfStep)
    story.at("2026-05-21T09:00+08:00").when(missed).then(like(DeadlineMissed, due_on="2026-05-20"))
    end = DisposeOfEvidence(evidence="EV-R", disposal="returned")
    story.when(end).then(like(EvidenceDisposed, days_late=1))
    story.when(end).raises(OutOfStep, says="already returned")


def test_seizure_max_cd_and_one_extension(story: Scenario) -> None:
    """Thirty days to 06-10, thirty more to 07-10; never a second time, nor when it is over."""
    opened = _position(story.given(FILE).when(SEIZE))
    extend = ExtendSeizure(evidence="EV-S", reason="情况复杂")
    story.given(REGISTER).when(replace(extend, evidence="EV-R")).raises(OutOfStep)
    story.at("2026-06-10T09:00+08:00").when(extend).then(
        like(SeizureExtended, first_due_on="2026-06-10")
    )
    extended = _position(story)
    story.when(extend).raises(OutOfStep, says="extended only once")
    missed = EndDeadline(rule_name="seizure.max_cd", opened_at_position=opened)
    story.at("2026-06-11T09:00+08:00").when(missed).raises(OutOfStep, says="in time")
    longer = EndDeadline(rule_name="seizure.extend_cd", opened_at_position=extended)
    story.at("2026-07-10T09:00+08:00").when(longer).raises(OutOfStep)
    story.at("2026-07-13T09:00+08:00").when(longer).then(like(DeadlineMissed, due_on="2026-07-10"))
    story.when(DisposeOfEvidence(evidence="EV-S", disposal="seized")).raises(
        Malformed, pointer="/disposal"
    )
    story.when(DisposeOfEvidence(evidence="EV-S", disposal="confiscated")).then(
        like(EvidenceDisposed, days_late=3)
    )


def test_REC_R2_what_was_registered_is_seized_on_film(story: Scenario) -> None:
    """By the head of the unit; held on for the time of a seizure, which is extended once."""
    seize = DisposeOfEvidence(evidence="EV-R", disposal="seized")
    story.given(FILE, REGISTER).at("2026-05-18T09:00+08:00")
    story.when(seize, OFFICER).raises(Forbidden, says="head")
    # What was filmed on the day of the registration shows another day.
    story.when(seize).refused("REC-R2", case="CASE-1", act="seizure", on=date(2026, 5, 18))
    story.when(replace(seize, occurred_at=civil_moment(date(2026, 5, 11), 10))).raises(Malformed)
    story.given(film(date(2026, 5, 18)))
    seized = _position(story.when(seize).then(like(EvidenceDisposed, disposal="seized")))
    story.when(seize).raises(Malformed, pointer="/disposal")
    story.when(CloseCase(case="CASE-1", reason="not_established", conclusion="-")).raises(
        OutOfStep, says="disposed of first: EV-R"
    )
    # Registered on 05-11: that deadline has ended; the one of the seizure runs to 06-17.
    over = EndDeadline(rule_name="seizure.max_cd.registered", opened_at_position=seized)
    story.at("2026-06-17T18:00+08:00").when(over).raises(OutOfStep, says="2026-06-17")
    story.when(ExtendSeizure(evidence="EV-R", reason="情况复杂")).then(
        like(SeizureExtended, first_due_on="2026-06-17")
    )
    extended = _position(story)
    story.at("2026-07-18T09:00+08:00").when(over).raises(OutOfStep, says="in time")
    longer = EndDeadline(rule_name="seizure.extend_cd", opened_at_position=extended)
    story.when(longer).then(like(DeadlineMissed, due_on="2026-07-17"))
    story.when(DisposeOfEvidence(evidence="EV-R", disposal="returned")).then(
        like(EvidenceDisposed, days_late=1)
    )


def test_a_seizure_that_was_registered_first_is_missed(story: Scenario) -> None:
    """The thirtieth day counts from the seizure and not from the registration."""
    story.given(FILE, REGISTER)
    seized = _position(story.when(DisposeOfEvidence(evidence="EV-R", disposal="seized")))
    over = EndDeadline(rule_name="seizure.max_cd.registered", opened_at_position=seized)
    story.at("2026-06-11T09:00+08:00").when(over).then(like(DeadlineMissed, due_on="2026-06-10"))
    returned = DisposeOfEvidence(evidence="EV-R", disposal="returned")
    story.when(returned).then(like(EvidenceDisposed, days_late=1))
    # Its return opens nothing.
    story.when(replace(over, opened_at_position=_position(story))).raises(
        Malformed, says="that opens"
    )


def test_a_seizure_that_is_over_is_not_extended(story: Scenario) -> None:
    """What is held after the thirtieth day is given back."""
    story.given(FILE, SEIZE).at("2026-06-11T09:00+08:00")
    story.when(ExtendSeizure(evidence="EV-S", reason="-")).raises(OutOfStep, says="2026-06-10")
    story.given(ADD).when(DisposeOfEvidence(evidence="EV-1", disposal="returned")).raises(
        OutOfStep, says="only in the case file"
    )


# What the business is told and heard on.


def test_PEN_R1_no_decision_without_prior_notice_and_statement(story: Scenario) -> None:
    """Art. 62; what was said in another case does not count here."""
    story.given(FILE).when(DECIDE).refused("PEN-R1", reason="no prior notice was served")
    story.when(WAIVE).raises(OutOfStep, says="a prior notice must be served first")
    story.given(NOTICE).when(DECIDE).refused("PEN-R1", case="CASE-1")
    story.when(HEAR, OFFICER).then(like(StatementHeard, notice=1))
    story.when(DECIDE).then(like(PenaltyDecided, days_late=0))


def test_PEN_R1_silence_waives_only_when_the_time_is_over(story: Scenario) -> None:
    """The last day that the notice set is the business's own."""
    silent = replace(WAIVE, how="silent")
    story.given(FILE, NOTICE).at("2026-05-18T18:00+08:00")
    story.when(silent).raises(OutOfStep, says="2026-05-18")
    story.at("2026-05-19T09:00+08:00").when(silent).then(like(RightsWaived, how="silent"))
    story.when(replace(silent, rights=("hearing",))).raises(Malformed, pointer="/rights")
    story.when(DECIDE).then(PenaltyDecided)


def test_PEN_R1_the_penalty_is_the_one_that_was_told(story: Scenario) -> None:
    """Without a defence too: a graver kind or a higher fine needs a notice of its own."""
    story.given(FILE, NOTICE, WAIVE)
    story.when(replace(DECIDE, fine_fen=500_001)).refused("PEN-R1")
    story.when(replace(DECIDE, types=("fine", "closure_order"))).refused("PEN-R1")
    story.given(replace(NOTICE, types=("fine", "warning"), fine_fen=600_000))
    # The new notice opens a new time to respond.
    story.when(replace(DECIDE, fine_fen=600_000)).refused("PEN-R1")
    story.given(WAIVE).when(replace(DECIDE, fine_fen=600_000)).then(PenaltyDecided)


def test_PEN_R1_the_notice_tells_of_the_hearing(story: Scenario) -> None:
    """Art. 63: before the gravest kinds, and before a fine above the threshold."""
    story.given(FILE)
    closure = replace(NOTICE, types=("closure_order",), fine_fen=0)
    story.when(closure).refused("PEN-R1")
    story.when(replace(NOTICE, fine_fen=10_000_001)).refused("PEN-R1")
    story.when(replace(NOTICE, fine_fen=10_000_000)).then(PriorNoticeServed)
    story.when(replace(closure, hearing_right=True)).then(like(PriorNoticeServed, notice=2))
    story.when(replace(NOTICE, respond_by=date(2026, 5, 11))).raises(
        Malformed, pointer="/respond_by"
    )


def test_PEN_R1_the_time_to_ask_for_a_hearing_is_left(story: Scenario) -> None:
    """Five working days to 05-18; after that nothing binds any more (penalty.hearing.request)."""
    story.given(FILE).when(replace(NOTICE, hearing_right=True))
    opened = _position(story)
    story.given(WAIVE).at("2026-05-18T18:00+08:00")
    story.when(DECIDE).refused(
        "PEN-R1", reason="the business may still request a hearing, until 2026-05-18"
    )
    story.at("2026-05-19T09:00+08:00").when(
        EndDeadline(rule_name="penalty.hearing.request", opened_at_position=opened)
    ).then(like(DeadlineLapsed, ended_on="2026-05-18"))
    story.when(ASK, REP_C).then(like(HearingRequested, days_late=1))
    story.when(DECIDE).then(PenaltyDecided)


def test_PEN_R1_a_hearing_asked_for_in_time_is_held(story: Scenario) -> None:
    """Announced seven working days ahead, and not before its day."""
    story.given(FILE).when(ASK, REP_C).raises(OutOfStep)
    story.given(replace(NOTICE, hearing_right=True), WAIVE)
    story.when(ASK, EMB).raises(Forbidden)
    story.when(ASK, REP_C).then(like(HearingRequested, days_late=0))
    story.when(ASK, REP_C).raises(OutOfStep)
    announce = AnnounceHearing(
        case="CASE-1", hearing_on=date(2026, 5, 20), place="二楼", host="LEGAL-MRB"
    )
    hold = HoldHearing(case="CASE-1", host="LEGAL-MRB", record_digest="ab" * 32)
    story.when(hold).raises(OutOfStep, says="must be announced first")
    # 05-12 to 05-20 are the seven working days: the first day for it is 05-21.
    story.when(announce).refused("PEN-R1")
    story.when(replace(announce, hearing_on=date(2026, 5, 21))).then(HearingAnnounced)
    story.at("2026-05-20T09:00+08:00").when(hold).raises(OutOfStep, says="2026-05-21")
    story.when(DECIDE).refused(
        "PEN-R1", reason="the business requested a hearing, and it was not held yet"
    )
    story.at("2026-05-21T14:00+08:00")
    story.when(replace(hold, record_digest=None)).raises(Malformed, pointer="/record_digest")
    story.when(replace(hold, outcome="stayed_away", record_digest=None)).then(
        like(HearingHeld, outcome="stayed_away")
    )


def test_PEN_R1_a_hearing_is_asked_for_by_the_business_itself(story: Scenario) -> None:
    """To another business the case is as unknown as one that is not on record."""
    story.given(FILE, replace(NOTICE, hearing_right=True))
    of_b = replace(ASK, entity=E_B)
    story.when(of_b, E_B_REP).raises(UnknownReference, says="'CASE-1' is recorded")
    story.when(replace(of_b, case="CASE-7"), E_B_REP).raises(UnknownReference)
    story.when(of_b, OFFICER).raises(UnknownReference, says="that the case is against")
    story.when(ASK, OFFICER).then(like(HearingRequested, entity=E_C))


def test_PEN_R1_a_late_request_for_a_hearing_is_not_dated_back(story: Scenario) -> None:
    """By the business; what the unit was handed in time it may record later."""
    story.given(FILE, replace(NOTICE, hearing_right=True), WAIVE)
    story.at("2026-06-22T09:00+08:00")
    in_time = replace(ASK, occurred_at=civil_moment(date(2026, 5, 12), 9))
    story.when(in_time, REP_C).raises(Malformed, pointer="/occurred_at")
    before = replace(ASK, occurred_at=civil_moment(date(2026, 5, 10), 9))
    story.when(before, OFFICER).raises(Malformed, pointer="/occurred_at", says="2026-05-11")
    story.when(in_time, OFFICER).then(like(HearingRequested, days_late=0))
    story.when(DECIDE).refused(
        "PEN-R1", reason="the business requested a hearing, and it was not held yet"
    )


def test_PEN_R1_a_hearing_can_be_waived(story: Scenario) -> None:
    """Said so, the decision need not wait for the fifth day; one before it still has to."""
    story.given(FILE, replace(NOTICE, hearing_right=True), WAIVE)
    story.at("2026-05-12T09:00+08:00").given(replace(WAIVE, rights=("hearing",)))
    before = replace(DECIDE, occurred_at=civil_moment(date(2026, 5, 11), 10))
    story.when(before).refused(
        "PEN-R1", reason="the business may still request a hearing, until 2026-05-18"
    )
    story.when(DECIDE).then(PenaltyDecided)


def dated(command: Any, day: str) -> Any:
    """The command as if what it says happened on another day."""
    return replace(command, occurred_at=civil_moment(date.fromisoformat(day), 9))


def test_PEN_R1_nothing_is_reported_before_what_it_is_about(story: Scenario) -> None:
    """No notice before the case, no answer before the notice, no payment before the service."""
    story.given(FILE, REGISTER)
    discussion = HoldCollectiveDiscussion(
        case="CASE-1", participants=("A", "B"), minutes_ref="纪要 1", conclusion="同意"
    )
    returned = DisposeOfEvidence(evidence="EV-R", disposal="returned")
    for report in (NOTICE, discussion, returned):
        story.when(dated(report, "2026-05-10")).raises(Malformed, pointer="/occurred_at")
    story.at("2026-05-13T09:00+08:00").given(NOTICE)
    for answer in (HEAR, WAIVE):
        story.when(dated(answer, "2026-05-12")).raises(Malformed, says="2026-05-13")
    story.given(WAIVE, DECIDE).at("2026-05-15T09:00+08:00").given(SERVE)
    pay = RecordPayment(decision="DEC-1", receipt_no="票 1", amount_fen=500_000)
    story.when(dated(pay, "2026-05-14")).raises(Malformed, pointer="/occurred_at")
    story.at("2026-06-08T09:00+08:00").when(dated(pay, "2026-05-29")).then(
        like(FinePaid, days_late=0, late_fee_due_fen=0)
    )
    story.given(returned).when(dated(CLOSE, "2026-06-01")).raises(Malformed, pointer="/occurred_at")
    story.when(CLOSE).then(CaseClosed)


def test_PEN_R1_a_hearing_is_not_announced_in_the_past(story: Scenario) -> None:
    """Dated back, the seven working days ahead would be over on paper."""
    story.given(FILE, replace(NOTICE, hearing_right=True), ASK)
    story.at("2026-05-20T09:00+08:00")
    announce = AnnounceHearing(
        case="CASE-1", hearing_on=date(2026, 5, 21), place="二楼", host="LEGAL-MRB"
    )
    story.when(dated(announce, "2026-05-11")).raises(Malformed, pointer="/occurred_at")
    story.when(announce).refused("PEN-R1")


def test_GEN_R2_no_investigator_presides(story: Scenario) -> None:
    """Art. 64: neither when the hearing is announced nor when it is held."""
    story.given(FILE, replace(NOTICE, hearing_right=True))
    announce = AnnounceHearing(
        case="CASE-1", hearing_on=date(2026, 5, 21), place="二楼", host="OFF-002"
    )
    story.when(announce).refused("GEN-R2", person="OFF-002")
    story.when(replace(announce, host="off-002")).refused("GEN-R2", person="off-002")
    story.given(replace(announce, host="LEGAL-MRB")).at("2026-05-21T09:00+08:00")
    hold = HoldHearing(case="CASE-1", host="OFF-001", record_digest="ab" * 32)
    story.when(hold).refused("GEN-R2", person="OFF-001", other="investigator")


# The decision.


def test_PEN_R2_one_act_is_fined_once(story: Scenario) -> None:
    """By whatever unit, under whatever law; a warning is no second fine, nor a fine undone."""
    story.given(FILE, NOTICE, WAIVE, DECIDE)
    second = filed("CASE-2", E_C, "2026-05-11", unit="MRB", conduct=FILE.conduct)
    story.given(*decidable(replace(second, conduct=conduct("2026-05-11", violation_code="X-1"))))
    again = replace(DECIDE, decision="DEC-2", case="CASE-2")
    story.when(again).refused("PEN-R2", decision="DEC-1", unit="MRB")
    warned = replace(again, types=("warning",), fine_fen=0, severity="minor")
    story.when(warned).then(PenaltyDecided)


def test_PEN_R2_the_same_days_and_type_are_one_act(story: Scenario) -> None:
    """Another name for it does not make it another act; another place does."""
    story.given(FILE, NOTICE, WAIVE, DECIDE)
    for case, place in (("CASE-2", None), ("CASE-3", "二号店")):
        other = conduct("2026-05-11", act="另一份笔录", place=place)
        story.given(*decidable(filed(case, E_C, "2026-05-11", conduct=other)))
    story.when(replace(DECIDE, decision="DEC-2", case="CASE-2")).refused("PEN-R2")
    # The first case names no place, so it may have been there.
    story.when(replace(DECIDE, decision="DEC-3", case="CASE-3")).refused("PEN-R2")


def test_PEN_R2_other_places_and_days_are_other_acts(story: Scenario) -> None:
    """Two shops, or two days, are two acts."""
    first = conduct("2026-05-11", place="一号店")
    story.given(replace(FILE, conduct=first), NOTICE, WAIVE, DECIDE)
    for n, other in enumerate(
        (
            conduct("2026-05-11", act="二", place="二号店"),
            conduct("2026-05-10", act="三", place="一号店"),
        ),
        start=2,
    ):
        story.given(*decidable(filed(f"CASE-{n}", E_C, "2026-05-11", conduct=other)))
        story.when(replace(DECIDE, decision=f"DEC-{n}", case=f"CASE-{n}")).then(PenaltyDecided)


def test_PEN_R2_a_fine_undone_is_none(story: Scenario) -> None:
    """After its revocation the case can be decided anew, and so can another about the act."""
    story.given(FILE, NOTICE, WAIVE, DECIDE)
    story.when(replace(DECIDE, decision="DEC-2")).raises(OutOfStep, says="DEC-1 is in effect")
    story.given(_revoked("DEC-1"))
    story.when(replace(DECIDE, decision="DEC-2")).then(PenaltyDecided)


@pytest.mark.parametrize("round_", range(3))
def test_PEN_R2_of_many_racers_one_fines(tmp_path: Path, round_: int) -> None:
    """Two processes, two cases about one act, eight decisions at once: one fine, no more."""
    with ExitStack() as stack:
        stores = [stack.enter_context(SQLiteRecorder(tmp_path / "l.db")) for _ in range(2)]
        clock = civil_moment(date(2026, 5, 11), 9)
        ledgers = [stack.enter_context(Ledger(s, clock=lambda: clock)) for s in stores]
        ledgers[0].execute(SeedLedger(), HEAD)
        for case in ("CASE-1", "CASE-2"):
            opened = filed(case, E_C, "2026-05-11", conduct=FILE.conduct)
            ledgers[0].execute(Record(facts=decidable(opened)), HEAD)
        start = threading.Barrier(8)

        def run(n: int) -> Any:
            start.wait(30)
            decide = replace(DECIDE, decision=f"DEC-{n}", case=f"CASE-{n // 2 % 2 + 1}")
            try:
                return ledgers[n % 2].execute(decide, HEAD)
            except (Refusal, OutOfStep) as refused:
                return refused

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(run, range(8)))
    assert sum(isinstance(answer, Outcome) for answer in answers) == 1
    refused = [a.rule.id for a in answers if isinstance(a, Refusal)]
    assert set(refused) == {"PEN-R2"}
    assert len(refused) == 4, "those of the other case; the rest found their own case decided"


def test_PEN_R3_a_defence_makes_nothing_heavier(story: Scenario) -> None:
    """Art. 45; a lighter kind in the place of a graver one is no heavier."""
    story.given(FILE, replace(NOTICE, types=("licence_suspension",), fine_fen=0), HEAR)
    revoke = replace(
        DECIDE,
        types=("licence_revocation",),
        fine_fen=0,
        licence=Licence(name="食品经营许可证", number="JY16201000012345"),
    )
    story.when(revoke).refused("PEN-R3")
    lighter = replace(NOTICE, types=("licence_suspension", "fine"), fine_fen=1_000)
    story.when(lighter).refused("PEN-R3", case="CASE-1")
    story.when(DECIDE).then(like(PenaltyDecided, types=["fine"]))


def test_PEN_R3_new_evidence_allows_a_new_notice(story: Scenario) -> None:
    """Only what was found after the defence; then the business is heard again."""
    story.given(FILE, ADD, NOTICE, HEAR)
    heavier_notice = replace(NOTICE, fine_fen=900_000, respond_by=date(2026, 5, 25))
    story.when(heavier_notice).refused("PEN-R3")
    story.at("2026-05-12T09:00+08:00").given(replace(ADD, evidence="EV-2"))
    story.when(heavier_notice).then(like(PriorNoticeServed, notice=2))
    story.when(replace(DECIDE, fine_fen=900_000)).refused("PEN-R1")
    story.given(HEAR).when(replace(DECIDE, fine_fen=900_001)).refused("PEN-R3")
    story.when(replace(DECIDE, fine_fen=900_000)).then(PenaltyDecided)


@pytest.mark.parametrize(
    ("told", "decided", "is_heavier"),
    [
        (Penalty(("fine",), 100), Penalty(("fine",), 100), False),
        (Penalty(("fine",), 100), Penalty(("fine",), 101), True),
        (Penalty(("fine",), 100), Penalty(("warning",), 0), False),
        (Penalty(("warning",), 0), Penalty(("fine",), 1), True),
        (Penalty(("fine",), 100), Penalty(("fine", "warning"), 100), True),
        (Penalty(("closure_order",), 0), Penalty(("fine",), 100), False),
        (Penalty(("fine",), 100), Penalty(("confiscation",), 0), True),
        (Penalty(("fine",), 100), Penalty(("other",), 0), True),
    ],
)
def test_what_is_heavier(told: Penalty, decided: Penalty, *, is_heavier: bool) -> None:
    """By the fine, and by the place of each kind in Art. 9."""
    assert (heavier(told, decided) is not None) is is_heavier


@pytest.mark.parametrize(
    ("ended", "serious", "lawful"),
    [
        ("2024-05-11", False, True),
        ("2024-05-10", False, False),
        ("2024-05-10", True, True),
        ("2021-05-11", True, True),
        ("2021-05-10", True, False),
    ],
)
def test_PEN_R4_limitation(story: Scenario, ended: str, *, serious: bool, lawful: bool) -> None:
    """Art. 36: found within two years of its end, five where life or health was harmed."""
    act = conduct(ended, first_on=date(2021, 1, 1), serious_harm=serious)
    story.given(replace(FILE, conduct=act), NOTICE, WAIVE).when(DECIDE)
    if lawful:
        story.then(PenaltyDecided)
    else:
        story.refused("PEN-R4", discovered_on=date(2026, 5, 11))
        story.when(replace(CLOSE, reason="limitation")).then(CaseClosed)


def test_PEN_R5_on_the_spot_little_is_decided(story: Scenario) -> None:
    """Art. 51: a warning, or 3,000 yuan for an organisation and 200 for a citizen."""
    spot = replace(FILE, procedure="summary")
    story.given(spot, replace(spot, case="CASE-2", party="citizen"), actor=OFFICER)
    small = replace(DECIDE, fine_fen=300_000, severity="minor")
    story.when(small, OFFICER).refused("PEN-R1")
    story.given(HEAR, replace(WAIVE, case="CASE-2"), actor=OFFICER)
    story.when(replace(small, fine_fen=300_001), OFFICER).refused("PEN-R5", max_fen=300_000)
    story.when(replace(small, types=("confiscation",), fine_fen=0), OFFICER).refused("PEN-R5")
    citizen = replace(small, decision="DEC-2", case="CASE-2")
    story.when(replace(citizen, fine_fen=20_001), OFFICER).refused("PEN-R5", party="citizen")
    story.when(small, OFFICER).then(like(PenaltyDecided, procedure="summary"))
    story.when(replace(citizen, types=("warning",), fine_fen=0), OFFICER).then(PenaltyDecided)


def test_PEN_R1_on_the_spot_a_written_notice_is_answered_too(story: Scenario) -> None:
    """What was said before it does not count; what was told in it does."""
    told = replace(NOTICE, fine_fen=100_000)
    story.given(replace(FILE, procedure="summary"), WAIVE, told, actor=OFFICER)
    small = replace(DECIDE, fine_fen=100_000, severity="minor")
    story.when(small, OFFICER).refused("PEN-R1")
    story.when(HEAR, OFFICER).then(like(StatementHeard, notice=1))
    story.when(replace(small, fine_fen=100_001), OFFICER).refused("PEN-R3")
    story.when(small, OFFICER).then(like(PenaltyDecided, procedure="summary"))


def test_a_case_is_decided_by_the_head_for_its_own_business(story: Scenario) -> None:
    """By nobody else in the ordinary procedure, and not before it was opened."""
    story.given(FILE, NOTICE, WAIVE)
    story.when(DECIDE, OFFICER).raises(Forbidden, says="head of the unit")
    story.when(replace(DECIDE, entity=E_B)).raises(Malformed, pointer="/case")
    story.when(replace(DECIDE, case="CASE-7")).raises(UnknownReference)
    earlier = replace(DECIDE, occurred_at=civil_moment(date(2026, 5, 10), 9))
    story.when(earlier).raises(Malformed, pointer="/occurred_at")


# Payment.


def test_penalty_pay_cd_late_fee(story: Scenario) -> None:
    """Served 05-11, payable until 05-26; from then 3 % a day of what is left, at most the fine."""
    story.given(FILE, NOTICE, WAIVE, DECIDE).when(SERVE)
    opened = _position(story)
    missed = EndDeadline(rule_name="penalty.pay_cd", opened_at_position=opened)
    pay = RecordPayment(decision="DEC-1", receipt_no="票 1", amount_fen=200_000)
    story.at("2026-05-26T18:00+08:00").when(pay).then(
        like(InstalmentPaid, outstanding_fen=300_000, late_fee_due_fen=0, days_late=0)
    )
    # A part in time does not do what the deadline asks for.
    story.at("2026-05-27T09:00+08:00").when(missed).then(like(DeadlineMissed, due_on="2026-05-26"))
    story.at("2026-05-28T09:00+08:00")
    story.when(replace(pay, amount_fen=300_001)).raises(Malformed, pointer="/amount_fen")
    story.when(replace(pay, amount_fen=0, late_fee_fen=18_001)).raises(
        Malformed, pointer="/late_fee_fen"
    )
    story.when(replace(pay, amount_fen=300_000)).then(
        like(FinePaid, outstanding_fen=0, late_fee_due_fen=18_000, days_late=2)
    )
    story.when(CLOSE).raises(OutOfStep, says="18000 fen of the late fee")
    story.when(replace(pay, amount_fen=0, late_fee_fen=18_000)).then(InstalmentPaid)
    story.at("2026-06-30T09:00+08:00").when(CLOSE).then(
        like(CaseClosed, reason="executed", decision="DEC-1")
    )


def test_the_late_fee_never_exceeds_the_fine(story: Scenario) -> None:
    """After 34 days it has reached it; an altered fine counts as altered."""
    story.given(FILE, NOTICE, WAIVE, DECIDE, SERVE)
    due = date(2026, 5, 26)
    decision = _decision(story)
    fees = [decision.late_fee(due, date.fromordinal(due.toordinal() + n)) for n in (0, 1, 33, 34)]
    assert fees == [0, 15_000, 495_000, 500_000]
    altered = AlteredField(field="fine_fen", before=500_000, after=100_000)
    fields = {f: getattr(_revoked("DEC-1"), f) for f in DecisionRevoked.__struct_fields__}
    story.given(DecisionAltered(**fields, altered=(altered,)))
    assert _decision(story).outstanding(due) == 100_000


def test_penalty_pay_deferred_no_late_fee_meanwhile(story: Scenario) -> None:
    """Deferred on 05-20 until 07-20: the first deadline is done, another runs, the fee waits."""
    defer = DeferPayment(decision="DEC-1", until=date(2026, 7, 20), reason="经济困难")
    story.given(FILE, NOTICE, WAIVE, DECIDE).when(defer).raises(
        OutOfStep, says="must be served first"
    )
    story.when(SERVE)
    served = _position(story)
    story.at("2026-05-20T09:00+08:00").when(replace(defer, until=date(2026, 5, 20))).raises(
        Malformed, pointer="/until"
    )
    story.when(defer).then(PaymentDeferred)
    deferred = _position(story)
    story.at("2026-06-01T09:00+08:00").when(
        EndDeadline(rule_name="penalty.pay_cd", opened_at_position=served)
    ).raises(OutOfStep, says="in time")
    enforce = ApplyEnforcement(decision="DEC-1", by="court", request_no="申 1")
    story.when(enforce).raises(OutOfStep, says="2026-07-20")
    story.at("2026-07-21T09:00+08:00").when(
        EndDeadline(rule_name="penalty.pay.deferred", opened_at_position=deferred)
    ).then(like(DeadlineMissed, due_on="2026-07-20"))
    pay = RecordPayment(decision="DEC-1", receipt_no="票 1", amount_fen=500_000)
    story.when(pay).then(like(FinePaid, late_fee_due_fen=15_000, days_late=1))


def test_what_is_not_paid_is_enforced(story: Scenario) -> None:
    """Not before the last day of payment; then the case can be closed."""
    story.given(FILE, NOTICE, WAIVE, DECIDE, SERVE)
    enforce = ApplyEnforcement(decision="DEC-1", by="court", request_no="申 1")
    story.when(enforce).raises(OutOfStep, says="2026-05-26")
    story.at("2026-05-27T09:00+08:00").when(CLOSE).raises(OutOfStep, says="not paid")
    story.when(enforce).then(EnforcementApplied)
    story.when(CLOSE).then(CaseClosed)


def test_what_is_not_fined_or_undone_is_not_paid(story: Scenario) -> None:
    """A warning asks for no money, and a decision undone for nothing."""
    pay = RecordPayment(decision="DEC-1", receipt_no="票 1", amount_fen=1)
    warned = replace(DECIDE, types=("warning",), fine_fen=0, severity="minor")
    story.given(FILE, NOTICE, WAIVE, warned, SERVE)
    story.when(pay).raises(OutOfStep, says="must include a fine")
    story.when(CLOSE).then(CaseClosed)
    story.given(_revoked("DEC-1")).when(pay).raises(OutOfStep, says="undone")


# The end.


def test_a_case_is_closed_as_it_stands(story: Scenario) -> None:
    """Each reason asks for what it says; a closed case is closed."""
    story.given(FILE, REGISTER)
    drop = replace(CLOSE, reason="not_established")
    story.when(drop).raises(OutOfStep, says="disposed of first: EV-R")
    story.given(DisposeOfEvidence(evidence="EV-R", disposal="returned"))
    story.when(CLOSE).raises(OutOfStep, says="must have a decision in effect")
    story.when(replace(CLOSE, reason="revoked")).raises(OutOfStep, says="was undone")
    story.when(replace(CLOSE, reason="transferred")).raises(Malformed, pointer="/transferred_to")
    story.when(replace(drop, transferred_to="公安机关")).raises(Malformed)
    story.given(NOTICE, WAIVE, DECIDE)
    story.when(CLOSE).raises(OutOfStep, says="must be served before")
    story.when(drop).raises(OutOfStep, says="in effect")
    story.given(_revoked("DEC-1")).when(replace(CLOSE, reason="revoked")).then(
        like(CaseClosed, decision="DEC-1")
    )
    story.when(drop).raises(OutOfStep, says="was closed on 2026-05-11")
    story.when(ADD).raises(OutOfStep)


def test_a_benchmark_is_published_in_versions(story: Scenario) -> None:
    """Complete each time, its steps within the law; a decision names its step."""
    steps = (
        Tier(tier="从轻", circumstances="少量", min_fen=500_000, max_fen=1_000_000),
        Tier(tier="一般", circumstances="其他", min_fen=1_000_000, max_fen=5_000_000),
    )
    item = BenchmarkItem(
        violation_code="FS-034",
        basis="食品安全法 Art. 124",
        types=("fine",),
        statutory_min_fen=500_000,
        statutory_max_fen=5_000_000,
        tiers=steps,
    )
    publish = PublishBenchmark(unit="MRB", title="食品处罚裁量基准", items=(item,))
    for wrong in (
        replace(publish, items=(item, item)),
        replace(publish, items=(replace(item, statutory_max_fen=1),)),
        replace(publish, items=(replace(item, tiers=(steps[0], steps[0])),)),
        replace(publish, items=(replace(item, statutory_min_fen=500_001),)),
        replace(publish, effective_from=date(2026, 5, 10)),
    ):
        story.when(wrong).raises(Malformed)
    story.when(publish, EMB).raises(Forbidden)
    story.when(publish).then(like(BenchmarkPublished, version=1))
    story.when(publish).then(like(BenchmarkPublished, version=2))
    story.given(FILE, NOTICE, WAIVE)
    story.when(DECIDE).raises(Malformed, pointer="/tier")
    story.when(replace(DECIDE, tier="从轻")).then(
        like(PenaltyDecided, tier="从轻", benchmark_ref="MRB v2 FS-034")
    )


def _revoked(decision: str) -> DecisionRevoked:
    return DecisionRevoked(
        decision=decision,
        unit="MRB",
        entity=E_C,
        by="新区行政复议机构",
        instrument="兰新复决〔2026〕3号",
        effective_on=date(2026, 5, 11),
        reason="证据不足",
    )


def _decision(story: Scenario) -> Decision:
    """DEC-1 as the ledger has it."""
    records = [codec.decode(s.position, s.event.data) for s in story.ledger.recorder.read()]
    return Decision("DEC-1").over([r for r in records if "decision:DEC-1" in r.event.tags()])


def _position(story: Scenario) -> int:
    """Where the first event of the last command stands."""
    assert story.outcome is not None, story.error
    return story.outcome.events[0].position
