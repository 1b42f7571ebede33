"""Credit records and their publicity (2.4a): what may stand there, how long it is shown."""

from __future__ import annotations

from datetime import date, datetime
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
    Recorded,
    UnknownReference,
    codec,
)
from ledger.kernel.policies import WorkingCalendarPublished
from ledger.systems.corrections.events import DecisionRevoked
from ledger.systems.credit.commands import (
    EnterCreditRecord,
    FileObjection,
    ResolveObjection,
    ResumePublicity,
    StartPublicity,
    SuspendPublicity,
    TerminatePublicity,
)
from ledger.systems.credit.events import (
    CreditRecordEntered,
    EndApproved,
    ObjectionFiled,
    ObjectionResolved,
    PublicityResumed,
    PublicityStarted,
    PublicitySuspended,
    PublicityTerminated,
)
from ledger.systems.credit.folds import CreditRecords, Record
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.filing.events import InspectionTaskApproved, NonOnsiteConsidered
from ledger.systems.penalties.events import PenaltyDecided, PenaltyServed
from ledger.systems.policies.commands import SeedLedger
from ledger.systems.repair.events import DutiesPerformed
from tests.cast import CLOCK, DEPUTY, E_B, E_C, EDB, EMB, HEAD, REP_C
from tests.gwt import Scenario, like

replace = msgspec.structs.replace


DECISION = Instrument(
    kind="penalty_decision", doc_no="兰新市监罚〔2026〕1号", effective_on=date(2026, 4, 15)
)
ENTER = EnterCreditRecord(
    record="CR-1",
    entity=E_C,
    unit="MRB",
    kind="penalty",
    determined_on=date(2026, 4, 15),
    title="行政处罚",
    public=True,
    instrument=DECISION,
    severity="general",
    amount_fen=500_000,
)
START = StartPublicity(record="CR-1", channels=("credit_china", "unit_site"))
OBJECT = FileObjection(record="CR-1", entity=E_C, grounds="金额有误")
#: What takes a second person; the deputy requests it and the head approves it.
CORRECT = TerminatePublicity(record="CR-1", reason="correction")
SUSPEND = SuspendPublicity(
    record="CR-1", ground="stopped_by_court", order="(2026)甘71行初1号", reason="停止执行"
)
ANSWER = ResolveObjection(record="CR-1", outcome="rejected", explanation="核实无误")

#: A record of another business and another one of the same, whatever becomes of them.
OTHERS = [
    CreditRecordEntered(
        record=name,
        entity=entity,
        unit="MRB",
        kind="penalty",
        instrument=msgspec.structs.replace(DECISION, doc_no=f"兰新市监罚〔2026〕{name}号"),
        determined_on=date(2026, 4, 15),
        title="另一处罚",
        public=True,
        severity="general",
        source_ref=f"REG-{name}",
    )
    for name, entity in (("CR-8", E_C), ("CR-9", E_B))
]
OTHERS_SHOWN = [
    PublicityStarted(
        record=event.record,
        entity=event.entity,
        unit="MRB",
        started_on=date(2026, 4, 15),
        channels=("credit_china",),
    )
    for event in OTHERS
]


#: Somebody has seen CR-1's fine paid: its end is nothing else's end (REP-V3).
PAID = DutiesPerformed(
    record="CR-1",
    entity=E_C,
    unit="MRB",
    duty="obligations_performed",
    performed_on=date(2026, 4, 15),
    evidence=("缴款凭证1号",),
)


@pytest.fixture
def story() -> Scenario:
    """The day of S15's determination; other records are public."""
    return (
        Scenario(InMemoryDCBRecorder())
        .given(SeedLedger())
        .at("2026-04-15T09:00+08:00")
        .amid(*OTHERS, *OTHERS_SHOWN, PAID)
    )


def another(name: str, **changed: Any) -> EnterCreditRecord:
    """The record of another document of the same day."""
    number = replace(DECISION, doc_no=f"兰新市监罚〔2026〕另 {name}")
    return replace(ENTER, record=name, instrument=number, **changed)


def records(story: Scenario) -> list[Recorded]:
    return [codec.decode(e.position, e.event.data) for e in story.ledger.recorder.read()]


def position(story: Scenario) -> int:
    """Where the newest event stands."""
    return story.ledger.recorder.read().head or 0


# Entering


def test_an_effective_instrument_is_entered_once(story: Scenario) -> None:
    """By the unit that determined it; a second record needs a second id."""
    story.when(ENTER).then(like(CreditRecordEntered, record="CR-1", severity="general"))
    story.when(ENTER).raises(OutOfStep, says="CR-1")


def test_who_determines_enters(story: Scenario) -> None:
    """谁认定、谁录入: no other unit; the lead department enters what comes from elsewhere."""
    story.when(ENTER, EMB).raises(Forbidden)
    story.when(replace(ENTER, unit="COURT"), EDB).then(CreditRecordEntered)


@pytest.mark.parametrize(
    "instrument",
    [
        None,
        replace(DECISION, effective_on=date(2026, 4, 16)),
        replace(DECISION, kind="other"),
    ],
)
def test_CRD_R1_a_record_rests_on_an_effective_instrument(
    story: Scenario, instrument: Instrument | None
) -> None:
    """None, one of tomorrow, or one that no law allows: nothing is entered."""
    story.when(replace(ENTER, instrument=instrument)).refused("CRD-R1")


def test_CRD_R1_another_document_names_the_law_that_allows_it(story: Scenario) -> None:
    """The law is part of the record."""
    other = replace(DECISION, kind="other", allowed_by="《企业信息公示暂行条例》第十七条")
    story.when(replace(ENTER, instrument=other)).then(like(CreditRecordEntered, instrument=other))


DECIDED = PenaltyDecided(
    decision="DEC-1",
    entity=E_C,
    unit="MRB",
    case="CASE-1",
    doc_no=DECISION.doc_no,
    decided_on=date(2026, 4, 15),
    types=("fine",),
    severity="general",
    facts="-",
    fine_fen=500_000,
)
YEAR_2027 = WorkingCalendarPublished(
    year="2027", version=1, holidays=(date(2027, 1, 1),), makeup_workdays=(), source="-"
)
SERVED = PenaltyServed(
    decision="DEC-1", entity=E_C, unit="MRB", served_on=date(2026, 4, 15), repair_notice=True
)
REVOKED = DecisionRevoked(
    decision="DEC-1",
    unit="RECON",
    entity=E_C,
    by="复议机构",
    instrument="兰新复决3号",
    effective_on=date(2026, 7, 3),
    reason="-",
)


def test_CRD_R1_a_decision_is_effective_from_its_service_to_its_end(story: Scenario) -> None:
    """A decided penalty is no record by itself: served it may become one, revoked no more."""
    citing = replace(ENTER, decision="DEC-1")
    story.when(citing).raises(UnknownReference)
    story.given(DECIDED).amid(replace(SERVED, decision="DEC-2"))
    story.when(citing).refused("CRD-R1", reason="decision DEC-1 has not been served")
    story.given(SERVED).when(citing).then(like(CreditRecordEntered, decision="DEC-1"))
    undone = Scenario(InMemoryDCBRecorder()).given(SeedLedger()).at("2026-07-03T09:00+08:00")
    undone.given(DECIDED, SERVED, REVOKED).when(citing).refused("CRD-R1")


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"determined_on": date(2026, 4, 16)}, "/determined_on"),
        ({"severity": None}, "/severity"),
        ({"source_event_position": 1}, "/source_event_position"),
        ({"source_event_position": 10_000}, "/source_event_position"),
    ],
)
def test_a_record_agrees_with_what_it_cites(
    story: Scenario, changed: dict[str, Any], pointer: str
) -> None:
    """A day that has come, a class, a fact about this business."""
    story.given(DECIDED, SERVED)
    story.when(replace(ENTER, decision="DEC-1", **changed)).raises(Malformed, pointer=pointer)


@pytest.mark.parametrize("kind", ["penalty", "serious_list"])
def test_dishonesty_information_says_how_severe_it_is(story: Scenario, kind: str) -> None:
    """Without a severity no last day could be told, and it would be public for ever."""
    bare = replace(ENTER, kind=kind, severity=None)
    story.when(bare).raises(Malformed, pointer="/severity", says=kind)


def test_a_record_cites_an_inspection_of_the_same_business(story: Scenario) -> None:
    """A task at another business, or none at all, shows nothing about this one."""
    task = InspectionTaskApproved(
        task="T-1",
        entity=E_B,
        unit="MRB",
        kind="daily",
        trigger="plan",
        matters=("M-101",),
        officers=("OFF-001", "OFF-002"),
        planned_on=date(2026, 4, 10),
        approver="MRB-HEAD",
        counter="capped",
        non_onsite_considered=NonOnsiteConsidered(
            written=True, shared_data=True, remote=True, conclusion="insufficient"
        ),
    )
    story.given(task, replace(task, task="T-2", entity=E_C))
    story.when(replace(ENTER, task="T-1")).raises(Malformed, pointer="/task")
    story.when(replace(ENTER, task="T-404")).raises(UnknownReference)
    story.when(replace(ENTER, task="T-2")).then(like(CreditRecordEntered, task="T-2"))


def test_CRD_R2_the_catalogue_says_what_is_recorded(story: Scenario) -> None:
    """What is in no catalogue is not recorded; an item of the local supplement is named."""
    story.when(replace(ENTER, kind="gossip")).refused("CRD-R2", kind="gossip")
    other = replace(ENTER, kind="other", severity=None)
    story.when(other).refused("CRD-R2", kind="other")
    story.when(replace(other, catalogue_item="甘肃补充目录 3.2")).then(CreditRecordEntered)


def test_CRD_R3_minor_information_is_public_for_a_reason_only(story: Scenario) -> None:
    """Under Order 36; not public it needs none, and before Order 36 neither."""
    minor = replace(ENTER, severity="minor")
    story.when(minor).refused("CRD-R3", severity="minor")
    story.when(replace(minor, public=False)).then(like(CreditRecordEntered, public=False))
    assert story.outcome is not None
    assert story.outcome.events[0].envelope.visibility == "restricted"
    why = another("CR-2", severity="minor", necessity_reason="涉及群众安全")
    story.when(why).then(CreditRecordEntered)
    before = another("CR-3", severity="minor", determined_on=date(2026, 3, 31))
    story.when(before).then(CreditRecordEntered)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"summary": "法定代表人620102198501012345"}, "a citizen identity number"),
        ({"title": "联系13909310000"}, "a mobile number"),
        ({"necessity_reason": "见13909310000"}, "a mobile number"),
    ],
)
def test_CRD_R4_public_records_hold_no_personal_data(
    story: Scenario, changed: dict[str, Any], what: str
) -> None:
    """In none of the texts that the public reads; what is not public is not looked at."""
    story.when(replace(ENTER, **changed)).refused("CRD-R4", what=what)
    story.when(replace(ENTER, public=False, **changed)).then(CreditRecordEntered)


def test_CRD_R4_holds_for_every_public_word_on_a_record(story: Scenario) -> None:
    """Suspending, resuming and ending say something in public too."""
    story.given(ENTER, START)
    private = "致电13909310000"
    for changed in ({"reason": private}, {"order": private}):
        story.when(replace(SUSPEND, **changed)).refused("CRD-R4")
    story.when(replace(CORRECT, note=private), DEPUTY).refused("CRD-R4")
    story.given(SUSPEND)
    story.when(ResumePublicity(record="CR-1", reason=private)).refused("CRD-R4")


# Publicity


@pytest.mark.parametrize(
    ("determined", "severity", "sector", "min_until", "max_until"),
    [
        # S15
        ("2026-04-15", "general", "general", "2026-07-15", "2027-04-15"),
        ("2026-04-15", "serious", "general", "2027-04-15", "2029-04-15"),
        ("2026-04-15", "minor", "food", "2026-04-15", "2026-07-15"),
        # S16: Order 58, food for a year at least, everything for three at most, which the
        # transition ends where a year is over
        ("2025-03-10", "general", "food", "2026-03-10", "2026-03-31"),
        ("2025-03-10", "general", "general", "2025-06-10", "2026-03-31"),
        ("2026-03-31", "serious", "fire", "2027-03-31", "2029-03-31"),
        # What the transition grants, it grants from its own day on: repair from 2026-04-01.
        ("2025-09-01", "general", "food", "2026-03-31", "2026-09-01"),
        # Of 2019
        ("2022-11-30", "general", "general", "2023-02-28", "2023-11-30"),
        ("2023-04-30", "serious", "food", "2023-10-30", "2026-04-30"),
    ],
)
def test_the_regime_of_the_day_sets_the_periods(
    determined: str, severity: Any, sector: Any, min_until: str, max_until: str
) -> None:
    """Counted from the determination in months, and not moved over rest days (0.7)."""
    day = date.fromisoformat(determined)
    # A clock that goes back is not followed: this story begins on its own day.
    story = Scenario(InMemoryDCBRecorder()).at(f"{determined}T10:00+08:00")
    story.given(SeedLedger()).amid(*OTHERS, *OTHERS_SHOWN).given(
        replace(
            ENTER,
            determined_on=day,
            instrument=replace(DECISION, effective_on=day),
            severity=severity,
            sector=sector,
            necessity_reason="涉及群众安全",
        )
    )
    story.when(START).then(
        PublicityStarted(
            record="CR-1",
            entity=E_C,
            unit="MRB",
            started_on=day,
            channels=("credit_china", "unit_site"),
            min_until=date.fromisoformat(min_until),
            max_until=date.fromisoformat(max_until),
        )
    )


def test_what_is_no_dishonesty_has_no_last_day(story: Scenario) -> None:
    """A licence is public without end."""
    story.given(replace(ENTER, kind="licence", severity=None))
    story.when(START).then(like(PublicityStarted, min_until=None, max_until=None))
    story.when(TerminatePublicity(record="CR-1", reason="max_reached")).raises(
        OutOfStep, says="has no last day"
    )


def test_publicity_starts_once_and_only_for_what_is_public(story: Scenario) -> None:
    """Not again, not for what was entered as not public, not after the end."""
    story.when(START).raises(UnknownReference)
    story.given(ENTER, START).when(START).raises(OutOfStep, says="2026-04-15")
    story.given(another("CR-2", public=False))
    story.when(replace(START, record="CR-2")).raises(OutOfStep, says="not public")
    story.given(another("CR-3"))
    story.given_signed(replace(CORRECT, record="CR-3"), DEPUTY, HEAD)
    story.when(replace(START, record="CR-3")).raises(OutOfStep, says="correction")


def test_publicity_does_not_start_after_its_longest_end(story: Scenario) -> None:
    """What nobody showed for a year is not shown any more."""
    story.given(ENTER).at("2027-04-16T09:00+08:00").when(START).raises(OutOfStep, says="2027-04-15")


def test_the_lead_department_acts_on_every_record(story: Scenario) -> None:
    """EDB starts what MRB entered; another unit does not."""
    story.given(ENTER).when(START, EMB).raises(Forbidden)
    story.when(START, EDB).then(like(PublicityStarted, unit="MRB"))


def test_CRD_V2_a_penalty_is_shown_within_seven_working_days(story: Scenario) -> None:
    """S15: determined 04-15, due 04-24; shown on 04-27 it is late, with a finding beside it."""
    story.given(ENTER).at("2026-04-27T09:00+08:00")
    story.when(START).then(
        like(PublicityStarted, days_late=3),
        like(
            FindingRaised,
            rule_id="CRD-V2",
            unit="MRB",
            entity=E_C,
            facts={"record": "CR-1", "due_on": "2026-04-24", "days_late": 3},
        ),
    )


def test_CRD_V2_the_last_day_is_in_time(story: Scenario) -> None:
    """On 04-24 nothing is late."""
    story.given(ENTER).at("2026-04-24T17:00+08:00")
    story.when(START).then(like(PublicityStarted, days_late=0))


@pytest.mark.parametrize(
    ("kind", "rule", "due"),
    [
        ("penalty", "publicity.penalty_wd.record", date(2026, 4, 24)),
        ("licence", "publicity.penalty_wd.record", date(2026, 4, 24)),
        ("judgment", "publicity.other_wd.record", date(2026, 5, 15)),
    ],
)
def test_publicity_has_a_deadline_from_the_determination(
    story: Scenario, kind: str, rule: str, due: date
) -> None:
    """Seven working days for licences and penalties, twenty for the rest; entered later or not.

    Beginning publicity discharges it and nothing else: not even the end of the record.
    """
    story.at("2026-04-20T09:00+08:00").given(replace(ENTER, kind=kind))
    opened = position(story)
    story.given_signed(CORRECT, DEPUTY, HEAD)
    miss = EndDeadline(rule_name=rule, opened_at_position=opened)
    story.at("2026-05-18T09:00+08:00").when(miss).then(like(DeadlineMissed, due_on=due))


@pytest.mark.parametrize(
    "changed", [{"public": False}, {"kind": "inspection_result", "severity": None}]
)
def test_some_records_open_no_deadline(story: Scenario, changed: dict[str, Any]) -> None:
    """What is not public, and results of inspections, which have their own."""
    story.given(replace(ENTER, **changed))
    opened = position(story)
    for rule in ("publicity.penalty_wd.record", "publicity.other_wd.record"):
        story.when(EndDeadline(rule_name=rule, opened_at_position=opened)).raises(Malformed)


@pytest.mark.parametrize("reason", ["revoked", "correction"])
def test_REP_R1_no_word_of_the_unit_stands_in_for_a_repair(story: Scenario, reason: Any) -> None:
    """A record ends by correction, or by the revocation of what this ledger does not hold, with
    two persons: not with one who sends it alone.
    """
    end = replace(CORRECT, reason=reason)
    story.given(ENTER, START)
    story.signed(end, HEAD, HEAD).refused("GEN-R2", person="MRB-HEAD")
    story.signed(end, DEPUTY, HEAD).then(
        EndApproved(record="CR-1", entity=E_C, unit="MRB", reason=reason, approved_by="MRB-HEAD"),
        like(PublicityTerminated, reason=reason),
    )


def test_REP_R1_a_record_is_revoked_with_its_decision(story: Scenario) -> None:
    """Two persons do not undo a decision; what undoes it is on record first."""
    story.given(DECIDED, SERVED, replace(ENTER, decision="DEC-1"), START)
    revoked = replace(CORRECT, reason="revoked")
    story.when(revoked, DEPUTY).raises(
        OutOfStep, says="DEC-1, the basis of record CR-1, is still in effect"
    )
    story.given(REVOKED).when(revoked, DEPUTY).then(PublicityTerminated)


def test_REP_R1_only_what_another_register_holds_is_delisted(story: Scenario) -> None:
    """The own record has no other register that could drop it."""
    story.given(ENTER, START)
    story.when(TerminatePublicity(record="CR-1", reason="source_delisted")).raises(
        OutOfStep, says="needs a record with a source_ref"
    )


def test_REP_R1_no_end_and_no_pause_is_dated_back(story: Scenario) -> None:
    """Publicity ends, pauses and goes on from the day on which that is said."""
    story.given(ENTER, START).at("2026-05-11T09:00+08:00")
    back = datetime.fromisoformat("2026-04-14T09:00+08:00")
    resume = ResumePublicity(record="CR-1", reason="恢复执行")
    for command in (CORRECT, SUSPEND, resume):
        story.when(replace(command, occurred_at=back), DEPUTY).raises(
            Malformed, pointer="/occurred_at"
        )


def test_a_record_ends_at_its_longest_publicity(story: Scenario) -> None:
    """Not on the last day, but on the next; by the clock as well, and once."""
    end = TerminatePublicity(record="CR-1", reason="max_reached")
    story.given(ENTER).when(end).raises(OutOfStep)
    story.given(START).at("2027-04-15T23:00+08:00").when(end, CLOCK).raises(
        OutOfStep, says="2027-04-15"
    )
    story.at("2027-04-16T00:05+08:00").when(end, CLOCK).then(
        PublicityTerminated(
            record="CR-1",
            entity=E_C,
            unit="MRB",
            reason="max_reached",
            terminated_on=date(2027, 4, 16),
        )
    )
    story.when(end, CLOCK).raises(OutOfStep, says="max_reached")


def test_what_ended_by_time_can_still_be_undone(story: Scenario) -> None:
    """A revocation that comes later says that it never counted; after that nothing is said."""
    story.given(ENTER, START).at("2027-04-16T00:05+08:00")
    story.given(TerminatePublicity(record="CR-1", reason="max_reached"))
    undone = replace(CORRECT, reason="revoked")
    story.signed(undone, DEPUTY, HEAD).then(
        like(EndApproved, reason="revoked"), like(PublicityTerminated, reason="revoked")
    )
    story.when(undone, DEPUTY).raises(OutOfStep, says="revoked")


def test_the_end_of_what_was_never_public_is_not_announced(story: Scenario) -> None:
    """The public does not learn of the record by its end."""
    story.given(replace(ENTER, public=False))
    story.signed(CORRECT, DEPUTY, HEAD).then(EndApproved, like(PublicityTerminated, shown=False))
    assert story.outcome is not None
    assert {r.envelope.visibility for r in story.outcome.events} == {"restricted"}


def test_no_event_of_a_record_is_public(story: Scenario) -> None:
    """A feed cannot unsay what publicity has ended: the public reads the profile."""
    resume = ResumePublicity(record="CR-1", reason="裁定撤销")
    for command in (ENTER, START, SUSPEND, resume, CORRECT):
        if command is CORRECT:
            story.signed(command, DEPUTY, HEAD)
        else:
            story.when(command, DEPUTY)
        assert story.outcome is not None
        assert {
            r.envelope.visibility for r in story.outcome.events if type(r.event) is not EndApproved
        } == {"shared"}
    story.when(another("CR-2", public=False))
    assert story.outcome is not None
    assert story.outcome.events[0].envelope.visibility == "restricted"


def test_CRD_V1_a_record_shown_too_long_is_noticed(story: Scenario) -> None:
    """Its last day is 04-15: it ends on 04-16, and a day later that is a finding."""
    story.given(ENTER, START).at("2027-04-17T09:00+08:00")
    story.when(TerminatePublicity(record="CR-1", reason="max_reached")).then(
        PublicityTerminated,
        like(
            FindingRaised,
            rule_id="CRD-V1",
            unit="MRB",
            entity=E_C,
            facts={"record": "CR-1", "due_on": "2027-04-16", "reason": "max_reached"},
        ),
    )


@pytest.mark.parametrize(("day", "late"), [("2026-07-08", False), ("2026-07-09", True)])
def test_CRD_V1_a_revoked_decision_is_taken_down_in_time(
    story: Scenario, day: str, late: bool
) -> None:
    """S18: revoked 07-03, three working days, 07-08; afterwards it is shown unlawfully."""
    story.given(DECIDED, SERVED, replace(ENTER, decision="DEC-1"), START)
    story.at(f"{day}T09:00+08:00").given(REVOKED)
    found = [like(FindingRaised, rule_id="CRD-V1", entity=E_C)] if late else []
    story.when(TerminatePublicity(record="CR-1", reason="revoked")).then(
        PublicityTerminated, *found
    )


def test_CRD_V1_is_not_raised_of_what_was_not_shown(story: Scenario) -> None:
    """Suspended, or never begun, nothing was shown too long."""
    story.given(ENTER, START, SUSPEND)
    story.at("2027-05-17T09:00+08:00")
    story.when(TerminatePublicity(record="CR-1", reason="max_reached")).then(PublicityTerminated)


def test_publicity_pauses_and_goes_on_with_the_same_end(story: Scenario) -> None:
    """Only what is public can pause, only what pauses go on; the last days do not move."""
    suspend = replace(SUSPEND, until=date(2026, 5, 31))
    resume = ResumePublicity(record="CR-1", reason="恢复执行")
    story.given(ENTER).when(suspend).raises(OutOfStep, says="must be published and not ended")
    story.given(START).when(resume).raises(OutOfStep, says="must be suspended")
    story.at("2026-05-01T09:00+08:00")
    story.when(replace(suspend, until=date(2026, 4, 30))).raises(Malformed, pointer="/until")
    story.when(suspend).then(like(PublicitySuspended, suspended_on=date(2026, 5, 1)))
    story.when(suspend).raises(OutOfStep, says="suspended already")
    story.at("2026-05-11T09:00+08:00").when(resume).then(
        like(PublicityResumed, resumed_on=date(2026, 5, 11))
    )
    record = Record("CR-1").over([r for r in records(story) if "record:CR-1" in r.event.tags()])
    shown = [record.shown(date(2026, month, day)) for month, day in ((4, 30), (5, 1), (5, 10))]
    assert shown == [True, False, False]
    assert record.shown(date(2026, 5, 11))
    assert record.started is not None
    assert record.started.max_until == date(2027, 4, 15)


def test_a_pause_with_an_end_ends_by_itself(story: Scenario) -> None:
    """The last day of the pause is still one."""
    story.given(ENTER, START)
    story.given(replace(SUSPEND, until=date(2026, 5, 31)))
    record = Record("CR-1").over([r for r in records(story) if "record:CR-1" in r.event.tags()])
    assert not record.in_publicity(date(2026, 5, 31))
    assert record.in_publicity(date(2026, 6, 1))


# Objections


def test_a_business_objects_to_its_own_record(story: Scenario) -> None:
    """Not to another's, not twice at once; answered it may object again."""
    story.given(ENTER)
    story.when(replace(OBJECT, entity=E_B), REP_C).raises(UnknownReference)
    story.when(ANSWER).raises(OutOfStep, says="no objection")
    story.when(OBJECT, REP_C).then(like(ObjectionFiled, unit="MRB", grounds="金额有误"))
    story.when(OBJECT, REP_C).raises(OutOfStep, says="open")
    story.when(ANSWER, EMB).raises(Forbidden)
    story.when(ANSWER).then(like(ObjectionResolved, outcome="rejected", days_late=0))
    story.when(OBJECT, REP_C).then(ObjectionFiled)


def test_an_objection_that_is_upheld_ends_the_record(story: Scenario) -> None:
    """In the same append; upheld in part it leads to a correction and ends nothing."""
    story.given(ENTER, START).given(OBJECT, actor=REP_C)
    story.when(replace(ANSWER, outcome="partly_upheld")).then(ObjectionResolved)
    story.given(OBJECT, actor=REP_C).when(replace(ANSWER, outcome="upheld")).then(
        like(ObjectionResolved, outcome="upheld"), like(PublicityTerminated, reason="correction")
    )


def test_REP_R1_an_objection_of_the_unit_itself_takes_two_persons(story: Scenario) -> None:
    """Taken down at its own window and upheld there, it would be an end by one hand."""
    upheld = replace(ANSWER, outcome="upheld")
    story.given(ENTER, START, OBJECT).signed(upheld, HEAD, HEAD).refused("GEN-R2")
    story.signed(upheld, DEPUTY, HEAD).then(ObjectionResolved, EndApproved, PublicityTerminated)


def test_CRD_V3_an_objection_is_answered_in_time(story: Scenario) -> None:
    """Seven working days: filed 04-15, due 04-24; the miss raises the finding, once."""
    story.given(ENTER, replace(OBJECT, record="CR-8")).given(OBJECT)
    opened = position(story)
    story.given(replace(ANSWER, record="CR-8"))
    miss = EndDeadline(rule_name="credit.objection_wd", opened_at_position=opened)
    story.at("2026-04-24T23:00+08:00").when(miss).raises(OutOfStep)
    story.at("2026-04-27T09:00+08:00").when(miss).then(
        like(DeadlineMissed, due_on=date(2026, 4, 24)),
        like(FindingRaised, rule_id="CRD-V3", unit="MRB", entity=E_C),
    )
    story.when(ANSWER).then(like(ObjectionResolved, days_late=3))


# What the folds answer


def test_the_records_of_a_business_are_its_own(story: Scenario) -> None:
    """Each with its state on a day: live while it may be used, void when it counts no more."""
    story.given(ENTER, START)
    story.at("2026-05-06T09:00+08:00").given(
        TerminatePublicity(record="CR-8", reason="source_delisted")
    )
    of_c = CreditRecords(E_C).over([r for r in records(story) if f"entity:{E_C}" in r.event.tags()])
    before, after = date(2026, 5, 5), date(2026, 5, 6)
    assert [r.record for r in of_c.live(before)] == ["CR-1", "CR-8"]
    assert [r.record for r in of_c.live(after)] == ["CR-1"]
    assert (of_c.void(before), of_c.void(after)) == ({}, {"CR-8": "source_delisted"})
    assert of_c.live(date(2026, 4, 14)) == []
    assert of_c.live(date(2027, 4, 16)) == [], "its longest publicity is over, ended or not"
    assert [r.record for r in of_c.by_age() if r.negative_within(date(2026, 1, 1), after)] == [
        "CR-1"
    ]


def test_CRD_V2_what_takes_effect_by_being_recorded_is_not_dated_back(story: Scenario) -> None:
    """Publicity begins on the day it is begun, however late; objections are answered so."""
    story.given(ENTER).at("2026-05-11T09:00+08:00")
    back = datetime.fromisoformat("2026-04-20T09:00+08:00")
    story.when(replace(START, occurred_at=back)).raises(Malformed, pointer="/occurred_at")
    story.when(replace(OBJECT, occurred_at=back), REP_C).raises(Malformed, pointer="/occurred_at")
    # What came on paper is taken down with its day, and answered today.
    story.when(replace(OBJECT, occurred_at=back)).then(ObjectionFiled)
    story.when(replace(ANSWER, occurred_at=back)).raises(Malformed, pointer="/occurred_at")
    story.when(ANSWER).then(like(ObjectionResolved, days_late=12))


def test_REP_R1_an_end_does_not_lie_before_the_beginning(story: Scenario) -> None:
    """Not even by the hours that an act may be dated back."""
    story.given(ENTER, START)
    yesterday = datetime.fromisoformat("2026-04-14T18:00+08:00")
    story.when(replace(CORRECT, occurred_at=yesterday), DEPUTY).raises(
        Malformed, pointer="/occurred_at"
    )


@pytest.mark.parametrize("calendar", [False, True])
def test_CRD_V2_nothing_is_late_while_its_day_is_provisional(
    story: Scenario, *, calendar: bool
) -> None:
    """Annex B: due 2027-01-07 by weekends alone; with the calendar of 2027 it is late on 01-08."""
    december = date(2026, 12, 28)
    story.at("2026-12-28T09:00+08:00").given(
        replace(
            ENTER,
            determined_on=december,
            instrument=replace(DECISION, effective_on=december),
        )
    )
    story.at("2027-01-08T09:00+08:00")
    found: list[Any] = []
    if calendar:
        story.given(YEAR_2027)
        found = [like(FindingRaised, rule_id="CRD-V2")]
    story.when(START).then(like(PublicityStarted, days_late=int(calendar)), *found)


@pytest.mark.parametrize("calendar", [False, True])
def test_CRD_V1_nothing_is_shown_too_long_while_its_day_is_provisional(
    story: Scenario, *, calendar: bool
) -> None:
    """The three working days after a revocation reach into a year without a calendar."""
    story.given(DECIDED, SERVED, replace(ENTER, decision="DEC-1"), START)
    story.at("2026-12-30T09:00+08:00").given(replace(REVOKED, effective_on=date(2026, 12, 30)))
    story.at("2027-01-11T09:00+08:00")
    found: list[Any] = []
    if calendar:
        story.given(YEAR_2027)
        found = [like(FindingRaised, rule_id="CRD-V1")]
    story.when(TerminatePublicity(record="CR-1", reason="revoked")).then(
        PublicityTerminated, *found
    )
