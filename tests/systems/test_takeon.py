"""The take-on day (2.18): opening facts by two people, with their true days, judged by nobody."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.countersigning import ApprovalRequested, Countersigned
from ledger.general.findings import FindingRaised
from ledger.general.values import Instrument
from ledger.kernel import (
    Actor,
    DeadlineLapsed,
    DeadlineMissed,
    Event,
    Fold,
    Forbidden,
    Ledger,
    LegalRef,
    Malformed,
    OutOfStep,
    RecordCorrected,
    Recorded,
    UnknownReference,
    civil_date,
    codec,
)
from ledger.kernel.deadlines import deadline_rules
from ledger.opening import LEDGER_CLOCK
from ledger.registry import COMMANDS
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.approvals.commands import ApproveRequest
from ledger.systems.casefiles.folds import UnitCases
from ledger.systems.catalogue.events import MatterListed
from ledger.systems.commitments.commands import FulfilCommitment
from ledger.systems.commitments.events import CommitmentFulfilled, CommitmentMade, ObligationOpened
from ledger.systems.corrections.commands import CorrectRecord, NullifyDecision
from ledger.systems.corrections.events import FieldChange
from ledger.systems.credit.commands import EnterCreditRecord, StartPublicity, TerminatePublicity
from ledger.systems.credit.events import (
    CreditRecordAltered,
    CreditRecordEntered,
    PublicityBoundsMoved,
    PublicityStarted,
    PublicityTerminated,
)
from ledger.systems.credit.folds import Record
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.entities.commands import DelistEntity
from ledger.systems.entities.events import EntityLeftRegister
from ledger.systems.grading.folds import CreditGrade
from ledger.systems.keylist.commands import LogTrackingVisit, ReviewKeyDesignation
from ledger.systems.keylist.events import (
    GuidanceProvided,
    KeyDesignationEnded,
    KeyDesignationExplained,
    KeyDesignationReviewed,
    KeyUnitDescribed,
    KeyUnitDesignated,
    TrackingVisitLogged,
)
from ledger.systems.penalties.commands import CloseCase, PublishDecision, RecordPayment
from ledger.systems.penalties.events import (
    CaseClosed,
    CaseFiled,
    DecisionPublished,
    FinePaid,
    InstalmentPaid,
    PenaltyContent,
    PenaltyDecided,
    PenaltyServed,
)
from ledger.systems.penalties.folds import Decision, Violations
from ledger.systems.policies.commands import SeedLedger
from ledger.systems.supervision.hooks import impersonal, late_entry
from ledger.systems.takeon.commands import (
    CloseTakeOn,
    OlderCase,
    OlderObligation,
    OlderPayment,
    OpenTakeOn,
    Origin,
    PerformOpenDuty,
    TakeOnCommitment,
    TakeOnDeadline,
    TakeOnDesignation,
    TakeOnPenalty,
)
from ledger.systems.takeon.events import (
    OpenDeadlineTakenOn,
    OpenDutyPerformed,
    OpeningFactTakenOn,
    TakeOnClosed,
    TakeOnOpened,
)
from projections.source import Source
from tests.cast import DEPUTY, E_B, E_C, EDB, EDB_SECOND, EMB, HEAD, JB, actor
from tests.gwt import Record as Past
from tests.gwt import Scenario, like
from tests.pasts import certified, registered
from tests.racing import RACERS, race

replace = msgspec.structs.replace
F = TypeVar("F", bound=Fold)

DAY = date(2026, 7, 1)
LAW = LegalRef(instrument="行政复议法", article="48")

OPEN = OpenTakeOn(takeon="TKO", source="old-system", day=DAY, says="旧处罚系统停用")
PENALTY = TakeOnPenalty(
    takeon="TKO",
    ref="CF-381",
    unit="MRB",
    entity=E_C,
    doc_no="兰新市监罚〔2026〕12号",
    decided_on=date(2026, 4, 20),
    types=("fine",),
    severity="general",
    facts="经营超过保质期的食品",
    fine_fen=500_000,
    served_on=date(2026, 4, 24),
    payments=(OlderPayment(paid_on=date(2026, 5, 6), amount_fen=500_000, receipt_no="R-1"),),
    # Ten working days late by publicity.penalty_wd: nobody is found to be late here.
    published_on=date(2026, 5, 20),
    channels=("credit_china",),
    decision="DEC-1",
    record="CR-1",
    case="CASE-1",
    origin=Origin(file="penalties.csv", row=2, digest="ab" * 32),
)
CASE_FILE = OlderCase(
    filed_on=date(2026, 2, 3),
    discovered_on=date(2026, 2, 2),
    violation_code="FS-034",
    act="现场笔录7号",
    first_on=date(2026, 2, 1),
    last_on=date(2026, 2, 2),
    cause="涉嫌经营超过保质期的食品",
    investigators=("OFF-001",),
    filed_by="MRB-HEAD",
)
COMMITMENT = TakeOnCommitment(
    takeon="TKO",
    ref="CN-7",
    unit="MRB",
    entity=E_C,
    type="approval_substitute",
    text_hash="ab" * 32,
    made_on=date(2026, 3, 2),
    obligations=(
        OlderObligation(obligation="O-1", due_on=date(2026, 4, 1), done_on=date(2026, 4, 3)),
        OlderObligation(obligation="O-2", due_on=date(2026, 6, 1)),
        OlderObligation(obligation="O-3", due_on=date(2026, 8, 3)),
    ),
    public=True,
    commitment="CMT-1",
)
DESIGNATION = TakeOnDesignation(
    takeon="TKO",
    ref="ZD-3",
    unit="MRB",
    entity=E_C,
    matters=("M-101",),
    reason="两年内三次同类问题",
    tracking_officer="OFF-001",
    guidance_plan="GP-1",
    designated_on=date(2025, 9, 1),
    review_on=date(2026, 9, 1),
    notice_no="兰新市监告〔2025〕1号",
    notified_on=date(2025, 9, 2),
    guided_on=date(2026, 5, 6),
    guidance="冷链管理",
    designation="KEY-1",
)
DEADLINE = TakeOnDeadline(
    takeon="TKO",
    ref="FY-9",
    unit="MRB",
    concerns="reconsideration",
    says="提交复议答复",
    started_on=date(2026, 6, 24),
    due_on=date(2026, 7, 8),
    basis=LAW,
    entity=E_C,
    duty="DUTY-1",
)
FACTS: tuple[Any, ...] = (PENALTY, COMMITMENT, DESIGNATION, DEADLINE)


def begun(story: Scenario) -> Scenario:
    """A take-on that is open since its day; another system's fact of the same id is recorded."""
    matter = MatterListed(
        matter="M-101",
        unit="MRB",
        elements={  # type: ignore[arg-type]
            "name": "食品安全检查",
            "act_kind": "inspection",
            "office_id": "食品科",
            "bases": [{"level": "law", "instrument": "食品安全法", "article": "110"}],
            "domain": "food_drug",
        },
    )
    matter = msgspec.convert(msgspec.to_builtins(matter), MatterListed)
    return (
        story.at("2026-07-01T09:00+08:00")
        .given(SeedLedger(), *certified("OFF-001"), *registered(E_B, E_C), matter)
        .given(OPEN, actor=JB)
        .given(replace(OPEN, takeon="TKO-2", source="other-system"), actor=JB)
        .given_signed(
            replace(DEADLINE, takeon="TKO-2", duty="DUTY-9", due_on=date(2026, 9, 1)), HEAD, DEPUTY
        )
    )


@pytest.fixture
def story() -> Scenario:
    """The same, with the findings that are raised beside what is recorded."""
    return begun(Scenario(InMemoryDCBRecorder(), hooks=(late_entry, impersonal)))


def recorded(story: Scenario) -> list[Recorded]:
    """What the last command recorded."""
    assert story.outcome is not None, story.error
    return list(story.outcome.events)


def facts_of(story: Scenario) -> list[Recorded]:
    """The opening facts among them."""
    return [record for record in recorded(story) if record.opening is not None]


def folded(story: Scenario, blank: F) -> F:
    """The answer of a fold, of all that was recorded."""
    return blank.over(Source(story.ledger.recorder).records([blank.selector()]))


def everything(story: Scenario) -> list[Recorded]:
    return [codec.decode(s.position, s.event.data) for s in story.ledger.recorder.read()]


# Two people


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_one_enters_and_another_confirms(story: Scenario, fact: Countersigned) -> None:
    """Nothing is taken on by one person; who entered and who confirmed it stands with the fact."""
    story.when(fact).then(like(ApprovalRequested, command=fact.NAME))
    story.signed(fact, HEAD, DEPUTY)
    taken = recorded(story)[0].event
    assert isinstance(taken, OpeningFactTakenOn)
    assert (taken.entered_by, taken.confirmed_by) == ("MRB-HEAD", "MRB-DEPUTY")
    assert facts_of(story) == recorded(story)[1:]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_GEN_R1_nobody_confirms_their_own_entry(story: Scenario, fact: Countersigned) -> None:
    """Not even in capital letters."""
    story.signed(fact, HEAD, actor("MRB", "mrb-head", "office_head")).refused("GEN-R1")


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_a_unit_enters_its_own(story: Scenario, fact: Countersigned) -> None:
    """The lead departments what any unit held; who confirms must be of the unit too."""
    story.when(fact, EMB).raises(Forbidden)
    story.signed(fact, HEAD, EMB).raises(Forbidden)
    story.signed(fact, EDB, JB)
    assert facts_of(story)


def test_every_fact_takes_two_people() -> None:
    """Whatever the system takes on is countersigned."""
    takes = [e.command for e in COMMANDS if e.system == "takeon"]
    single = {c.__name__ for c in takes if not issubclass(c, Countersigned)}
    assert single == {"OpenTakeOn", "PerformOpenDuty"}


# Opened and closed once


def test_a_take_on_is_of_today_or_earlier(story: Scenario) -> None:
    """A day to come would leave unjudged what is due here."""
    later = replace(OPEN, takeon="TKO-3", source="third", day=date(2026, 7, 2))
    story.when(later, JB).raises(Malformed, pointer="/day")
    story.when(replace(later, day=date(2026, 6, 30)), JB).then(
        like(TakeOnOpened, day=date(2026, 6, 30), unit="JB")
    )


def test_TKO_D1_an_older_system_hands_over_once(story: Scenario) -> None:
    """Neither while its take-on is open nor after it is closed."""
    again = replace(OPEN, takeon="TKO-3")
    story.when(again, JB).refused("TKO-D1", source="old-system")
    story.given_signed(CloseTakeOn(takeon="TKO", facts=0), JB, EDB)
    story.when(again, JB).refused("TKO-D1", source="old-system")


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_TKO_D1_nothing_is_taken_on_after_it_was_closed(
    story: Scenario, fact: Countersigned
) -> None:
    """Not even what was entered before and waits for its second person."""
    (asked,) = recorded(story.when(fact))
    story.given_signed(CloseTakeOn(takeon="TKO", facts=0), JB, EDB)
    story.when(fact).refused("TKO-D1", source="old-system")
    assert isinstance(asked.event, ApprovalRequested)
    story.when(ApproveRequest(approval=asked.event.approval), DEPUTY).refused("TKO-D1")


def test_closing_counts_what_was_taken_on(story: Scenario) -> None:
    """As many as the older system gave out; what was told in confidence is counted nowhere."""
    story.given_signed(PENALTY, HEAD, DEPUTY)
    complaint = replace(DEADLINE, ref="TS-1", concerns="complaint", duty="DUTY-2")
    story.given_signed(complaint, HEAD, DEPUTY)
    story.when(CloseTakeOn(takeon="TKO", facts=2), JB).raises(OutOfStep, says="1 × penalty")
    story.signed(CloseTakeOn(takeon="TKO", facts=1), JB, EDB).then(
        like(TakeOnClosed, facts=1, entered_by="JB-1", confirmed_by="EDB-1")
    )
    story.when(CloseTakeOn(takeon="TKO", facts=1), JB).refused("TKO-D1")


def test_a_fact_needs_its_take_on(story: Scenario) -> None:
    """And a unit that is known."""
    story.when(replace(PENALTY, takeon="TKO-8")).raises(UnknownReference)
    story.when(replace(PENALTY, unit="NEW"), EDB).raises(UnknownReference)


# Once, of the day or earlier, and live


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_TKO_D2_a_fact_is_entered_once(story: Scenario, fact: Any) -> None:
    """By its id in the older system, whatever else the second entry says."""
    story.given_signed(fact, HEAD, DEPUTY)
    name = next(n for n in ("decision", "commitment", "designation", "duty") if hasattr(fact, n))
    again = replace(fact, **{name: "OTHER"})
    story.when(again).refused("TKO-D2")
    story.when(again, EDB).refused("TKO-D2")


def test_TKO_D2_what_is_recorded_already_is_not_taken_on(story: Scenario) -> None:
    """A decision of the same document; a designation for the same matters."""
    story.given_signed(PENALTY, HEAD, DEPUTY).given_signed(DESIGNATION, HEAD, DEPUTY)
    other = replace(PENALTY, ref="CF-382", decision="DEC-2", record="CR-2", case="CASE-2")
    story.when(replace(other, doc_no="兰新市监罚（2026） 012号")).refused("TKO-D2")
    story.when(replace(DESIGNATION, ref="ZD-4", designation="KEY-2")).refused("TKO-D2")


def test_CRD_R5_a_penalty_that_has_a_record_is_not_taken_on(story: Scenario) -> None:
    """Entered from elsewhere, with no decision here: the answer names it to whom it may."""
    enter = EnterCreditRecord(
        record="CR-9",
        entity=E_C,
        unit="MRB",
        kind="penalty",
        determined_on=date(2026, 4, 20),
        title="行政处罚",
        public=True,
        severity="general",
        amount_fen=500_000,
        instrument=Instrument(
            kind="penalty_decision",
            doc_no="兰新市监罚[2026]12号",
            effective_on=date(2026, 4, 20),
        ),
    )
    story.given(enter).when(PENALTY).refused("CRD-R5", record="CR-9")


def test_CRD_R5_what_was_taken_on_is_not_entered_again(story: Scenario) -> None:
    """By its unit or by another that took it from a register, under its number in any form."""
    story.given_signed(PENALTY, HEAD, DEPUTY)
    again = EnterCreditRecord(
        record="CR-9",
        entity=E_C,
        unit="MRB",
        kind="penalty",
        determined_on=date(2026, 4, 20),
        title="行政处罚",
        public=True,
        severity="general",
        amount_fen=500_000,
        instrument=Instrument(
            kind="penalty_decision",
            doc_no="兰新市监罚【2026】12号",
            effective_on=date(2026, 4, 20),
        ),
    )
    story.when(again).refused("CRD-R5", record="CR-1")
    elsewhere = replace(again, unit="EDB", source_ref="信用中国 77", determined_by="EMB")
    story.when(elsewhere, EDB).refused("CRD-R5", record="CR-1")


def confirming(asked: dict[str, list[str]], name: str, number: int) -> tuple[ApproveRequest, Actor]:
    """What one of two racers approves in a round."""
    return ApproveRequest(approval=asked[name][number]), DEPUTY


def test_TKO_D2_of_two_who_confirm_one_fact_at_once_one_does(tmp_path: Path) -> None:
    """Two processes on one file, each with a request of the same fact: it is taken on once."""
    moment = "2026-07-01T09:00+08:00"
    now, rounds = datetime.fromisoformat(moment), 10
    asked: dict[str, list[str]] = {name: [] for name in RACERS}
    path = tmp_path / "ledger.sqlite"
    with SQLiteRecorder(path) as recorder, Ledger(recorder, clock=lambda: now) as ledger:
        ledger.execute(SeedLedger(), HEAD)
        for past in certified("OFF-001"):
            ledger.execute(Past(facts=(past,)), HEAD)
        ledger.execute(OPEN, JB)
        for number in range(rounds):
            for name in RACERS:
                fact = replace(DEADLINE, ref=f"FY-{number}", duty=f"DUTY-{number}-{name}")
                request = ledger.execute(fact, HEAD).events[0].event
                assert isinstance(request, ApprovalRequested)
                asked[name].append(request.approval)
    answers = race(path, RACERS, rounds, partial(confirming, asked), moment)
    assert [sorted(each.values()) for each in answers] == [["TKO-D2", "recorded"]] * rounds


def closing(asked: dict[str, list[str]], name: str, number: int) -> tuple[ApproveRequest, Actor]:
    """One of two racers confirms a fact, the other one that there is no more."""
    return ApproveRequest(approval=asked[name][number]), JB


def test_TKO_D1_a_fact_and_the_closing_confirmed_at_once_are_one_of_the_two(tmp_path: Path) -> None:
    """Two processes on one file: either the fact comes too late, or the closing counted wrongly."""
    moment = "2026-07-01T09:00+08:00"
    now, rounds = datetime.fromisoformat(moment), 10
    asked: dict[str, list[str]] = {name: [] for name in RACERS}
    path = tmp_path / "ledger.sqlite"
    with SQLiteRecorder(path) as recorder, Ledger(recorder, clock=lambda: now) as ledger:
        for past in (SeedLedger(), *(Past(facts=(fact,)) for fact in certified("OFF-001"))):
            ledger.execute(past, HEAD)
        for number in range(rounds):
            takeon = f"TKO-{number}"
            ledger.execute(replace(OPEN, takeon=takeon, source=f"system-{number}"), JB)
            both = (
                replace(DEADLINE, takeon=takeon, duty=f"DUTY-{number}"),
                CloseTakeOn(takeon=takeon, facts=0),
            )
            for name, command in zip(RACERS, both, strict=True):
                request = ledger.execute(command, EDB).events[0].event
                assert isinstance(request, ApprovalRequested)
                asked[name].append(request.approval)
    taking, ending = RACERS
    for answers in race(path, RACERS, rounds, partial(closing, asked), moment):
        assert answers in (
            {taking: "recorded", ending: "OutOfStep"},
            {taking: "TKO-D1", ending: "recorded"},
        )


@pytest.mark.parametrize(
    ("fact", "field", "pointer"),
    [
        (PENALTY, "decided_on", "/decided_on"),
        (PENALTY, "served_on", "/served_on"),
        (PENALTY, "published_on", "/published_on"),
        (COMMITMENT, "made_on", "/made_on"),
        (DESIGNATION, "designated_on", "/designated_on"),
        (DESIGNATION, "notified_on", "/notified_on"),
        (DESIGNATION, "guided_on", "/guided_on"),
        (DEADLINE, "started_on", "/started_on"),
    ],
)
def test_TKO_D4_an_opening_fact_is_of_the_day_or_earlier(
    story: Scenario, fact: Any, field: str, pointer: str
) -> None:
    """What happened after the takeover is recorded here; what is to come, not at all."""
    changed: dict[str, Any] = {field: date(2026, 7, 2)}
    if field == "decided_on":
        changed |= {"served_on": None, "published_on": None, "channels": None, "payments": ()}
    story.when(replace(fact, **changed)).raises(Malformed, pointer=pointer)
    story.at("2026-07-02T09:00+08:00").when(replace(fact, **changed)).refused("TKO-D4", day=DAY)


def test_TKO_D4_a_payment_after_the_day_is_recorded_here(story: Scenario) -> None:
    """It is no opening fact."""
    late = OlderPayment(paid_on=date(2026, 7, 2), amount_fen=500_000, receipt_no="R-1")
    story.at("2026-07-03T09:00+08:00")
    story.when(replace(PENALTY, payments=(late,))).refused("TKO-D4")


def test_TKO_D3_a_penalty_beyond_its_longest_publicity_is_not_taken_on(story: Scenario) -> None:
    """Its last day is reckoned from its own day, public here already or not; on it, it is live."""
    old = replace(PENALTY, decided_on=date(2025, 6, 29), served_on=date(2025, 6, 30), payments=())
    for public in (
        {"published_on": date(2025, 7, 2)},
        {"published_on": None, "channels": None},
        {"published_on": None, "channels": None, "public": False},
    ):
        # The transition of 2026-04-01 gives a general one a year from its determination.
        story.when(replace(old, **public)).refused("TKO-D3", what="penalty CF-381")
    story.when(replace(old, decided_on=date(2025, 7, 1), served_on=date(2025, 7, 1))).then(
        ApprovalRequested
    )


def test_TKO_D3_what_ended_is_not_taken_on(story: Scenario) -> None:
    """A commitment that is kept; a designation whose review was due."""
    kept = tuple(replace(one, done_on=date(2026, 6, 1)) for one in COMMITMENT.obligations)
    story.when(replace(COMMITMENT, obligations=kept)).refused("TKO-D3")
    over = replace(DESIGNATION, review_on=date(2026, 6, 30))
    story.when(over).refused("TKO-D3", what="designation ZD-3")


@pytest.mark.parametrize(
    ("fact", "changed", "pointer"),
    [
        (PENALTY, {"types": ("warning",)}, "/fine_fen"),
        (PENALTY, {"fine_fen": 0, "types": ("warning",)}, "/payments"),
        (PENALTY, {"served_on": date(2026, 4, 19)}, "/served_on"),
        (PENALTY, {"served_on": None}, "/served_on"),
        (PENALTY, {"published_on": date(2026, 4, 23)}, "/published_on"),
        (PENALTY, {"channels": None}, "/channels"),
        (PENALTY, {"public": False}, "/public"),
        (
            PENALTY,
            {"published_on": None, "channels": None, "summary": "摘要"},
            "/published_on",
        ),
        (
            PENALTY,
            {
                "payments": (
                    OlderPayment(paid_on=date(2026, 5, 6), amount_fen=500_001, receipt_no="R"),
                )
            },
            "/payments/0/amount_fen",
        ),
        (PENALTY, {"case_file": replace(CASE_FILE, filed_on=date(2026, 4, 21))}, "/decided_on"),
        (
            COMMITMENT,
            {"obligations": (COMMITMENT.obligations[2], COMMITMENT.obligations[2])},
            "/obligations/1/obligation",
        ),
        (COMMITMENT, {"made_on": date(2026, 4, 2)}, "/obligations/0/due_on"),
        (
            COMMITMENT,
            {"obligations": (OlderObligation(obligation="长" * 200, due_on=DAY),)},
            "/obligations/0/obligation",
        ),
        (DESIGNATION, {"guidance": None}, "/guidance"),
        (DESIGNATION, {"review_on": date(2025, 9, 1)}, "/review_on"),
        (DEADLINE, {"due_on": date(2026, 6, 23)}, "/due_on"),
        (DEADLINE, {"hidden_from": ("MRB",)}, "/hidden_from"),
        (DEADLINE, {"hidden_from": ("JB", "EBM")}, "/hidden_from/1"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    story: Scenario, fact: Any, changed: dict[str, Any], pointer: str
) -> None:
    """Pointing to the field, before anybody is asked to confirm it."""
    story.when(replace(fact, **changed)).raises(Malformed, pointer=pointer)


@pytest.mark.parametrize(
    ("fact", "field"),
    [(PENALTY, "facts"), (DESIGNATION, "reason"), (DEADLINE, "says")],
)
def test_nobodys_number_is_taken_on(story: Scenario, fact: Any, field: str) -> None:
    """What is recorded stands for ever (0.10)."""
    story.when(replace(fact, **{field: "电话 13912345678"}))
    assert story.error is not None
    assert "mobile number" in str(story.error)


def test_a_file_name_holds_nobodys_number(story: Scenario) -> None:
    """It stands in the envelope of what is recorded."""
    named = Origin(file="13912345678.csv", row=2, digest="ab" * 32)
    story.when(replace(PENALTY, origin=named)).raises(Malformed, pointer="/origin/file")


def test_references_have_to_be_known(story: Scenario) -> None:
    """A matter, an officer and a business of a designation."""
    for changed in (
        {"matters": ("M-999",)},
        {"tracking_officer": "OFF-999"},
        {"entity": "91620100MA7LX0113U"},
    ):
        story.when(replace(DESIGNATION, **changed)).raises(UnknownReference)


# What each is here


def test_a_penalty_keeps_its_days(story: Scenario) -> None:
    """Decided, served, paid and published when they were; recorded now, in one append."""
    story.signed(PENALTY, HEAD, DEPUTY).then(
        like(OpeningFactTakenOn, ref="CF-381", began="decision:DEC-1", entity=E_C),
        like(PenaltyDecided, decided_on=date(2026, 4, 20), doc_no="兰新市监罚〔2026〕12号"),
        like(PenaltyServed, served_on=date(2026, 4, 24), pay_by=date(2026, 5, 9), days_late=0),
        like(FinePaid, paid_on=date(2026, 5, 6), outstanding_fen=0, days_late=0),
        like(
            CreditRecordEntered,
            determined_on=date(2026, 4, 20),
            decision="DEC-1",
            determined_by="MRB",
        ),
        like(
            PublicityStarted,
            started_on=date(2026, 5, 20),
            min_until=date(2026, 7, 20),
            max_until=date(2027, 4, 20),
            days_late=0,
        ),
    )
    days = [record.occurred_on for record in facts_of(story)]
    assert days == [
        date(2026, 4, 20),
        date(2026, 4, 24),
        date(2026, 5, 6),
        date(2026, 4, 24),
        date(2026, 5, 20),
    ]
    for record in facts_of(story):
        provenance = record.envelope.provenance
        assert provenance is not None
        assert (provenance.source, provenance.file, provenance.row) == (
            "old-system",
            "penalties.csv",
            2,
        )
        assert provenance.opening == DAY
        # Nothing of it was known here before.
        assert civil_date(record.envelope.known_at) == DAY


def test_a_case_file_is_taken_on_with_its_penalty(story: Scenario) -> None:
    """So that a second violation of its type is not the first; its steps stand in its own file."""
    story.signed(replace(PENALTY, case_file=CASE_FILE), HEAD, DEPUTY)
    assert [type(r.event) for r in facts_of(story)][:2] == [CaseFiled, PenaltyDecided]
    known = folded(story, Violations(E_C)).of_type("FS-034", date(2025, 1, 1), DAY, but="CASE-9")
    assert [one.decisions for one in known] == [["DEC-1"]]
    close = CloseCase(case="CASE-1", reason="executed", conclusion="罚款已缴清")
    story.at("2026-07-02T09:00+08:00").when(close, HEAD).then(CaseClosed)


def test_a_case_of_the_older_system_is_reviewed_once_it_is_closed_here(story: Scenario) -> None:
    """Its file lies there until then: no review asks for what nobody here can show."""
    story.given_signed(replace(PENALTY, case_file=CASE_FILE), HEAD, DEPUTY)
    assert folded(story, UnitCases("MRB", 2026)).cases == []
    close = CloseCase(case="CASE-1", reason="executed", conclusion="罚款已缴清")
    story.given(close, actor=HEAD)
    assert folded(story, UnitCases("MRB", 2026)).cases == ["CASE-1"]


def test_a_penalty_joins_no_case_that_is_here(story: Scenario) -> None:
    """Whose it is, is none of its business: the id is taken."""
    story.given_signed(replace(PENALTY, case_file=CASE_FILE), HEAD, DEPUTY)
    other = replace(
        PENALTY, ref="CF-382", doc_no="兰新市监罚〔2026〕13号", decision="DEC-2", record="CR-2"
    )
    story.when(other).raises(OutOfStep, says="CASE-1")


def test_a_penalty_paid_in_parts_is_owed_for_the_rest(story: Scenario) -> None:
    """With the late fee that had accrued by each payment, and that goes on accruing."""
    paid = (
        OlderPayment(paid_on=date(2026, 5, 6), amount_fen=200_000, receipt_no="R-1"),
        OlderPayment(paid_on=date(2026, 5, 19), amount_fen=100_000, receipt_no="R-2"),
    )
    story.signed(replace(PENALTY, payments=paid), HEAD, DEPUTY)
    first, second = [r.event for r in facts_of(story) if isinstance(r.event, InstalmentPaid)]
    assert (first.outstanding_fen, first.late_fee_due_fen) == (300_000, 0)
    # Ten days of 3 % of 300,000 fen.
    assert (second.outstanding_fen, second.late_fee_due_fen, second.days_late) == (
        200_000,
        90_000,
        10,
    )
    pay = RecordPayment(decision="DEC-1", amount_fen=200_000, receipt_no="R-3")
    story.when(pay, HEAD).then(like(FinePaid, outstanding_fen=0, days_late=53))


def test_a_penalty_that_was_not_served_has_no_record_yet(story: Scenario) -> None:
    """The decision is taken on; its service is due here."""
    unserved = replace(
        PENALTY,
        decided_on=date(2026, 6, 29),
        served_on=None,
        payments=(),
        published_on=None,
        channels=None,
    )
    story.signed(unserved, HEAD, DEPUTY).then(OpeningFactTakenOn, PenaltyDecided)
    position = recorded(story)[-1].position
    end = EndDeadline(rule_name="penalty.serve_wd", opened_at_position=position)
    story.at("2026-07-09T09:00+08:00").when(end, LEDGER_CLOCK).then(
        like(DeadlineMissed, due_on=date(2026, 7, 8))
    )


def test_a_penalty_counts_for_the_grade(story: Scenario) -> None:
    """As one that was recorded here: while its publicity runs, which began before the takeover."""
    story.given_signed(PENALTY, HEAD, DEPUTY)
    grade = folded(story, CreditGrade(E_C))
    days = (date(2026, 5, 19), date(2026, 5, 20), DAY)
    assert [grade.on(day) for day in days] == ["B", "C", "C"]


def test_what_was_not_published_is_published_here(story: Scenario) -> None:
    """Whose day had passed by the takeover is late for nobody; a later day counts."""
    hidden = {"published_on": None, "channels": None}
    start = StartPublicity(record="CR-1", channels=("credit_china",))
    story.given_signed(replace(PENALTY, **hidden), HEAD, DEPUTY)
    story.when(start, HEAD).then(like(PublicityStarted, started_on=DAY, days_late=0))
    other = replace(
        PENALTY,
        **hidden,
        ref="CF-382",
        doc_no="兰新市监罚〔2026〕13号",
        decided_on=date(2026, 6, 25),
        served_on=date(2026, 6, 25),
        payments=(),
        decision="DEC-2",
        record="CR-2",
        case="CASE-2",
    )
    story.given_signed(other, HEAD, DEPUTY)
    story.at("2026-07-08T09:00+08:00").when(replace(start, record="CR-2"), HEAD).then(
        like(PublicityStarted, days_late=2), like(FindingRaised, rule_id="CRD-V2")
    )


def test_the_text_of_a_decision_is_published_with_it(story: Scenario) -> None:
    """Or here, and late for nobody where its day had passed."""
    story.signed(replace(PENALTY, summary="经营超过保质期的食品"), HEAD, DEPUTY)
    published = recorded(story)[-1].event
    assert isinstance(published, DecisionPublished)
    assert (published.published_on, published.days_late) == (date(2026, 5, 20), 0)
    other = replace(
        PENALTY,
        ref="CF-382",
        doc_no="兰新市监罚〔2026〕13号",
        decision="DEC-2",
        record="CR-2",
        case="CASE-2",
    )
    story.given_signed(other, HEAD, DEPUTY)
    story.when(PublishDecision(decision="DEC-2", summary="摘要"), HEAD).then(
        like(DecisionPublished, days_late=0)
    )


def test_a_commitment_keeps_what_is_done_and_what_is_open(story: Scenario) -> None:
    """Performed late by the business is late; what is open is performed here."""
    story.signed(COMMITMENT, HEAD, DEPUTY).then(
        OpeningFactTakenOn,
        like(CommitmentMade, commitment="CMT-1", public=True),
        like(ObligationOpened, obligation="O-1"),
        like(ObligationOpened, obligation="O-2"),
        like(ObligationOpened, obligation="O-3"),
        like(CommitmentFulfilled, obligation="O-1", days_late=2, evidence=("old-system CN-7",)),
    )
    fulfil = FulfilCommitment(commitment="CMT-1", obligation="O-2", evidence=("验收单1号",))
    story.when(fulfil, HEAD).then(like(CommitmentFulfilled, days_late=30))


def test_a_designation_is_reviewed_and_followed_up_here(story: Scenario) -> None:
    """Guided in the older system, it is visited without KEY-V2; whether anybody visited it before
    nobody can tell, and its review is due.
    """
    story.signed(DESIGNATION, HEAD, DEPUTY).then(
        OpeningFactTakenOn,
        like(KeyUnitDesignated, review_on=date(2026, 9, 1)),
        like(KeyUnitDescribed, grade="B", notified_on=date(2025, 9, 2)),
        like(GuidanceProvided, provided_on=date(2026, 5, 6)),
    )
    position = recorded(story)[1].position
    visit = LogTrackingVisit(designation="KEY-1", officers=("OFF-001",), summary="整改到位")
    story.when(visit, HEAD).then(TrackingVisitLogged)
    story.at("2026-09-02T09:00+08:00")
    follow_up = EndDeadline(rule_name="key.follow_up", opened_at_position=position)
    story.when(EndDeadline(rule_name="key.review", opened_at_position=position), LEDGER_CLOCK).then(
        like(DeadlineMissed, due_on=date(2026, 9, 1))
    )
    review = ReviewKeyDesignation(designation="KEY-1", outcome="remove", grounds="风险已消除")
    story.when(review, HEAD)
    reviewed = recorded(story)[0].event
    assert isinstance(reviewed, KeyDesignationReviewed)
    assert reviewed.days_late == 1
    story.when(follow_up, LEDGER_CLOCK).raises(OutOfStep)


def test_KEY_V3_a_designation_that_was_taken_on_is_not_called_unvisited(story: Scenario) -> None:
    """The visits of the older system are not here, whatever the grade."""
    story.given_signed(PENALTY, HEAD, DEPUTY)
    story.signed(DESIGNATION, HEAD, DEPUTY)
    follow_up = EndDeadline(
        rule_name="key.follow_up", opened_at_position=recorded(story)[1].position
    )
    story.at("2026-09-02T09:00+08:00").when(follow_up, LEDGER_CLOCK).then(DeadlineLapsed)


def test_an_open_deadline_is_met_or_missed_here(story: Scenario) -> None:
    """Performed once; late by the days after its day."""
    story.signed(DEADLINE, HEAD, DEPUTY).then(
        like(OpeningFactTakenOn, kind="deadline", began="duty:DUTY-1"),
        like(OpenDeadlineTakenOn, due_on=date(2026, 7, 8), basis=LAW),
    )
    position = recorded(story)[-1].position
    done = PerformOpenDuty(duty="DUTY-1", evidence=("答复书3号",))
    story.when(replace(done, duty="DUTY-7"), HEAD).raises(UnknownReference)
    story.when(done, EMB).raises(Forbidden)
    end = EndDeadline(rule_name="takeon.open-deadline", opened_at_position=position)
    story.at("2026-07-10T09:00+08:00").when(end, LEDGER_CLOCK).then(
        like(DeadlineMissed, due_on=date(2026, 7, 8))
    )
    story.when(done, HEAD).then(like(OpenDutyPerformed, days_late=2, unit="MRB"))
    story.when(done, HEAD).raises(OutOfStep)


def test_a_body_that_enforces_nothing_enters_what_it_owes(story: Scenario) -> None:
    """The reconsideration office its own cases, by two of its people."""
    owed = replace(DEADLINE, unit="RECON", says="作出复议决定")
    first = actor("RECON", "RECON-1", "recon_officer")
    story.signed(owed, first, actor("RECON", "RECON-2", "recon_officer"))
    assert [r.event.unit for r in facts_of(story)] == ["RECON"]  # type: ignore[attr-defined]
    story.given(PerformOpenDuty(duty="DUTY-1", evidence=("决定书1号",)), actor=first)
    story.when(replace(PENALTY, unit="RECON"), JB).raises(UnknownReference)


@pytest.mark.parametrize("second", [EDB_SECOND, JB], ids=lambda second: second.unit_id)
def test_what_a_body_requested_is_confirmed_by_another_body(story: Scenario, second: Actor) -> None:
    """Of no policy and no list of units: it knows itself, and said so when it was requested."""
    owed = replace(DEADLINE, unit="EDB", says="答复异议")
    story.when(owed, JB).raises(UnknownReference)
    story.signed(owed, EDB, second)
    assert [r.event.unit for r in facts_of(story)] == ["EDB"]  # type: ignore[attr-defined]


def test_a_complaint_is_taken_on_in_confidence(story: Scenario) -> None:
    """Sealed, and hidden from the unit that it accuses, from the request on."""
    secret = replace(DEADLINE, concerns="complaint", hidden_from=("JB",))
    story.when(secret, HEAD)
    (asked,) = recorded(story)
    assert (asked.envelope.visibility, asked.event.kept_from()) == ("sealed", ("JB",))
    story.signed(secret, HEAD, DEPUTY)
    story.given(PerformOpenDuty(duty="DUTY-1", evidence=("答复1号",)), actor=HEAD)
    ours = [r for r in everything(story) if {"duty:DUTY-1"} & set(r.event.tags())]
    assert len(ours) == 2
    for record in (*recorded(story), *ours):
        assert (record.envelope.visibility, record.event.kept_from()) == ("sealed", ("JB",))


def test_nobody_signs_what_is_kept_from_them(story: Scenario) -> None:
    """Neither as the first nor as the second person, for whatever unit they act."""
    secret = replace(DEADLINE, concerns="complaint", hidden_from=("JB",))
    story.when(secret, JB).raises(Malformed, pointer="/hidden_from")
    story.signed(secret, HEAD, JB).raises(Forbidden, says="JB must not")
    story.signed(secret, HEAD, EDB)
    assert facts_of(story)


# Judged by nobody


def test_nothing_that_was_due_before_is_missed_here(story: Scenario) -> None:
    """Whatever deadline an opening fact opened: by the day of the takeover, or before it was
    recorded. What lapses by law lapses all the same.
    """
    for fact in (replace(PENALTY, case_file=CASE_FILE), COMMITMENT, DESIGNATION):
        story.given_signed(fact, HEAD, DEPUTY)
    story.given_signed(replace(DEADLINE, due_on=DAY), HEAD, DEPUTY)
    # Entered two days after the takeover: nobody could have reported on it before.
    story.at("2026-07-03T09:00+08:00")
    late = replace(DEADLINE, ref="FY-10", duty="DUTY-2", due_on=date(2026, 7, 2))
    story.given_signed(late, HEAD, DEPUTY)
    opened = {
        (rule.name, record.position): record
        for record in everything(story)
        if record.opening is not None
        for rule in deadline_rules().values()
        if isinstance(record.event, rule.opened_by) and rule.about(record.event) is not None
    }
    assert {name for name, _ in opened} >= {
        "publicity.penalty_wd.record",
        "publicity.penalty_wd",
        "penalty.serve_wd",
        "penalty.decide_cd",
        "penalty.pay_cd",
        "commitments.obligation",
        "takeon.open-deadline",
        "key.review",
    }
    story.at("2028-01-04T09:00+08:00")
    missed = []
    for (name, position), record in opened.items():
        story.when(EndDeadline(rule_name=name, opened_at_position=position), LEDGER_CLOCK)
        if story.outcome is None:
            assert isinstance(story.error, OutOfStep)
            continue
        missed += [(name, r.event) for r in recorded(story) if isinstance(r.event, DeadlineMissed)]
        if deadline_rules()[name].lapses:
            assert any(isinstance(r.event, DeadlineLapsed) for r in recorded(story)), record
    due = sorted((name, event.due_on) for name, event in missed)
    assert due == [
        ("commitments.obligation", date(2026, 8, 3)),
        ("key.review", date(2026, 9, 1)),
        ("takeon.open-deadline", date(2026, 9, 1)),  # of the other take-on
    ]


def test_no_finding_is_raised_by_a_take_on(story: Scenario) -> None:
    """GEN-V1 the first: everything is entered long after it happened."""
    for fact in (
        replace(PENALTY, case_file=CASE_FILE, summary="摘要"),
        COMMITMENT,
        DESIGNATION,
        DEADLINE,
    ):
        story.given_signed(fact, HEAD, DEPUTY)
    story.given_signed(CloseTakeOn(takeon="TKO", facts=4), JB, EDB)
    assert [r for r in everything(story) if isinstance(r.event, FindingRaised)] == []


# Where it meets other systems


def end_of(story: Scenario, kind: type[Event], rule: str) -> EndDeadline:
    position = next(r.position for r in reversed(everything(story)) if type(r.event) is kind)
    return EndDeadline(rule_name=rule, opened_at_position=position)


def test_its_publicity_ends_by_its_own_bounds(story: Scenario) -> None:
    """The day after the last one, as of a record entered here; and nobody was late."""
    story.given_signed(PENALTY, HEAD, DEPUTY)
    end = end_of(story, PublicityStarted, "dishonesty.regime.max")
    story.at("2027-04-20T09:00+08:00").when(end, LEDGER_CLOCK).raises(OutOfStep)
    story.at("2027-04-21T09:00+08:00").when(end, LEDGER_CLOCK)
    kinds = {type(r.event) for r in recorded(story)}
    assert PublicityTerminated in kinds
    assert FindingRaised not in kinds


def test_it_is_revoked_as_any_decision(story: Scenario) -> None:
    """With its record, which then never counted."""
    story.given_signed(PENALTY, HEAD, DEPUTY)
    revoke = NullifyDecision(
        decision="DEC-1",
        unit="MRB",
        kind="revoked",
        entity=E_C,
        by="兰州新区管委会",
        instrument="撤1号",
        effective_on=date(2026, 7, 6),
        reason="事实不清",
    )
    story.at("2026-07-06T09:00+08:00").when(revoke, HEAD)
    assert any(
        isinstance(r.event, PublicityTerminated) and r.event.reason == "revoked"
        for r in recorded(story)
    )
    assert folded(story, CreditGrade(E_C)).on(date(2026, 5, 20)) == "B"


def test_it_is_altered_as_any_decision(story: Scenario) -> None:
    """On every day from the original determination, which lies before the takeover."""
    story.given_signed(PENALTY, HEAD, DEPUTY)
    alter = NullifyDecision(
        decision="DEC-1",
        unit="MRB",
        kind="altered",
        entity=E_C,
        by="兰州新区管委会",
        instrument="变1号",
        effective_on=date(2026, 7, 6),
        reason="情节较轻",
        content=PenaltyContent(types=("fine",), severity="general", fine_fen=300_000),
    )
    story.at("2026-07-06T09:00+08:00").when(alter, HEAD)
    altered = next(r.event for r in recorded(story) if isinstance(r.event, CreditRecordAltered))
    assert (altered.valid_from, altered.amount_fen) == (date(2026, 4, 20), 300_000)
    assert folded(story, Decision("DEC-1")).fine_fen == 300_000


def change(path: str, old: str, new: str) -> FieldChange:
    return FieldChange(path=path, old=old, new=new)


def correction(story: Scenario, kind: type[Event], *changes: FieldChange) -> CorrectRecord:
    position = next(r.position for r in everything(story) if type(r.event) is kind)
    return CorrectRecord(target_position=position, field_changes=changes, reason="录入有误")


def test_a_wrong_day_is_corrected_with_what_rests_on_it(story: Scenario) -> None:
    """The record is of the decision's day (CRD-R6), and its last days follow, in one append."""
    story.given_signed(PENALTY, HEAD, DEPUTY)
    right = correction(
        story, PenaltyDecided, change("/body/decided_on", "2026-04-20", "2026-03-20")
    )
    story.at("2026-07-06T09:00+08:00").signed(right, HEAD, DEPUTY).raises(Forbidden)
    story.signed(right, HEAD, EDB).then(
        like(RecordCorrected, reason="录入有误"),
        like(RecordCorrected, requested_by="MRB-HEAD", approved_by="EDB-1"),
        like(
            PublicityBoundsMoved,
            because="correction",
            valid_from=date(2026, 3, 20),
            min_until=date(2026, 6, 20),
            max_until=date(2027, 3, 20),
        ),
    )
    record = folded(story, Record("CR-1"))
    assert record.says.determined_on == date(2026, 3, 20)


def test_a_corrected_day_cannot_lie_after_its_service(story: Scenario) -> None:
    """A decision that is in somebody's hands was made."""
    story.given_signed(PENALTY, HEAD, DEPUTY)
    wrong = correction(
        story, PenaltyDecided, change("/body/decided_on", "2026-04-20", "2026-04-25")
    )
    story.when(wrong, HEAD).raises(Malformed, pointer="/field_changes/0")


def test_a_corrected_due_date_is_what_is_judged(story: Scenario) -> None:
    """Before it, nothing is missed; by the day of the takeover nothing ever is."""
    story.signed(DEADLINE, HEAD, DEPUTY)
    end = end_of(story, OpenDeadlineTakenOn, "takeon.open-deadline")
    fix = correction(story, OpenDeadlineTakenOn, change("/body/due_on", "2026-07-08", "2026-06-30"))
    # The first one of that type is the other take-on's.
    fix = replace(fix, target_position=end.opened_at_position)
    story.given_signed(fix, HEAD, JB)
    story.at("2026-07-10T09:00+08:00").when(end, LEDGER_CLOCK).raises(OutOfStep)
    done = PerformOpenDuty(duty="DUTY-1", evidence=("答复书3号",))
    story.when(done, HEAD).then(like(OpenDutyPerformed, days_late=0))


def left(day: str) -> DelistEntity:
    return DelistEntity(
        entity=E_C, kind="deregistered", left_on=date.fromisoformat(day), reason="注销登记"
    )


def test_ENT_R1_a_designation_of_a_business_that_left_is_not_taken_on(story: Scenario) -> None:
    """It ended with the listing; a penalty and a commitment go on."""
    story.given(left("2026-06-15"), actor=EDB)
    story.when(DESIGNATION).refused("ENT-R1")
    story.given_signed(PENALTY, HEAD, DEPUTY).given_signed(COMMITMENT, HEAD, DEPUTY)


def test_leaving_ends_a_designation_that_was_taken_on(story: Scenario) -> None:
    """In the append of the leaving; publicity and open deadlines continue."""
    for fact in FACTS:
        story.given_signed(fact, HEAD, DEPUTY)
    story.at("2026-07-06T09:00+08:00").when(left("2026-07-06"), EDB).then(
        EntityLeftRegister,
        like(KeyDesignationEnded, designation="KEY-1", reason="closed"),
        KeyDesignationExplained,
    )
    record = folded(story, Record("CR-1"))
    assert record.shown(date(2026, 7, 6))


def test_it_is_ended_only_by_two_or_by_what_undid_it(story: Scenario) -> None:
    """No register carries it that could drop it: nobody ends it by one word."""
    story.given_signed(PENALTY, HEAD, DEPUTY)
    end = TerminatePublicity(record="CR-1", reason="source_delisted")
    story.when(end, HEAD).raises(OutOfStep)
    story.when(replace(end, reason="revoked"), HEAD).raises(OutOfStep)
