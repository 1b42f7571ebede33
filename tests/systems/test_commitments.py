"""Credit commitments (2.4b): made, kept, broken, and what each leaves on the credit record."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.values import Instrument
from ledger.kernel import (
    DeadlineMissed,
    Forbidden,
    Ledger,
    Malformed,
    Outcome,
    OutOfStep,
    UnknownReference,
)
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.catalogue.events import EnforcementUnitQualified
from ledger.systems.commitments.commands import EstablishBreach, FulfilCommitment, MakeCommitment
from ledger.systems.commitments.events import (
    CommitmentBreached,
    CommitmentFulfilled,
    CommitmentMade,
    Obligation,
    ObligationOpened,
)
from ledger.systems.credit.commands import EnterCreditRecord
from ledger.systems.credit.events import CreditRecordEntered
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.grading.commands import RecomputeGrade
from ledger.systems.grading.events import CreditGradeAssigned
from ledger.systems.policies.commands import SeedLedger
from tests.cast import E_B, E_C, EDB, EMB, HEAD, REP_C
from tests.gwt import Scenario, like

replace = msgspec.structs.replace

MAKE = MakeCommitment(
    commitment="CMT-1",
    entity=E_C,
    unit="MRB",
    type="approval_substitute",
    text_hash="ab" * 32,
    obligations=(
        Obligation(obligation="O-1", due_on=date(2026, 6, 30), says="补齐消防证明"),
        Obligation(obligation="O-2", due_on=date(2026, 7, 31)),
    ),
    public=True,
)
FULFIL = FulfilCommitment(commitment="CMT-1", obligation="O-1", evidence=("验收单1号",))
BREACH = EstablishBreach(
    commitment="CMT-1",
    obligation="O-1",
    record="CR-1",
    evidence=("核查记录7号",),
    notice_ref="兰新市监告〔2026〕7号",
    notified_on=date(2026, 7, 6),
)
#: Another commitment of the same business, with obligations of the same names.
OTHER = replace(MAKE, commitment="CMT-9")


@pytest.fixture
def story() -> Scenario:
    """The day of the promise; the same names are promised elsewhere, and one is performed there."""
    return (
        Scenario(InMemoryDCBRecorder())
        .given(SeedLedger())
        .at("2026-05-11T09:00+08:00")
        .given(OTHER, replace(OTHER, commitment="CMT-8", entity=E_B))
        .given(replace(FULFIL, commitment="CMT-9"), replace(FULFIL, commitment="CMT-8"))
    )


def opened(story: Scenario, obligation: str) -> int:
    """Where the obligation of the newest commitment was opened."""
    assert story.outcome is not None
    return next(
        record.position
        for record in story.outcome.events
        if isinstance(record.event, ObligationOpened) and record.event.obligation == obligation
    )


def test_each_obligation_is_opened_with_the_commitment(story: Scenario) -> None:
    """So that each has a day of its own; a commitment is made once."""
    story.when(MAKE).then(
        like(CommitmentMade, obligations=MAKE.obligations, public=True),
        like(ObligationOpened, obligation="O-1", due_on=date(2026, 6, 30)),
        like(ObligationOpened, obligation="O-2", due_on=date(2026, 7, 31)),
    )
    assert story.outcome is not None
    visible = [record.envelope.visibility for record in story.outcome.events]
    assert visible == ["shared", "restricted", "restricted"]
    story.when(MAKE).raises(OutOfStep, says="CMT-1")


def test_what_is_not_to_be_published_stays_between_the_two(story: Scenario) -> None:
    """A commitment that is not public is shared with nobody."""
    story.when(replace(MAKE, public=False)).then(CommitmentMade, ObligationOpened, ObligationOpened)
    assert story.outcome is not None
    assert story.outcome.events[0].envelope.visibility == "restricted"


@pytest.mark.parametrize(
    ("second", "pointer"),
    [
        ({"obligation": "O-1"}, "/obligations/1/obligation"),
        ({"obligation": "很长" * 100}, "/obligations/1/obligation"),
        ({"obligation": "one\nline"}, "/obligations/1/obligation"),
        ({"due_on": date(2026, 5, 10)}, "/obligations/1/due_on"),
    ],
)
def test_obligations_are_told_apart_and_lie_ahead(
    story: Scenario, second: dict[str, Any], pointer: str
) -> None:
    """By short names, each with a day that has not passed when the promise is made."""
    first, other = MAKE.obligations
    bad = replace(MAKE, obligations=(first, replace(other, **second)))
    story.when(bad).raises(Malformed, pointer=pointer)


def test_a_public_commitment_holds_no_personal_data(story: Scenario) -> None:
    """CRD-R4 holds for what the public reads of it, and not for what it does not."""
    private = replace(MAKE.obligations[0], says="联系13909310000")
    story.when(replace(MAKE, obligations=(private,))).refused("CRD-R4", what="a mobile number")
    story.when(replace(MAKE, obligations=(private,), public=False)).then(
        CommitmentMade, ObligationOpened
    )


def test_who_records_a_commitment(story: Scenario) -> None:
    """The unit that takes it, the lead department, or the business, to a unit that is known."""
    story.when(MAKE, EMB).raises(Forbidden)
    story.when(replace(MAKE, commitment="CMT-2"), EDB).then(
        CommitmentMade, ObligationOpened, ObligationOpened
    )
    story.when(MAKE, REP_C).raises(UnknownReference, says="MRB")
    story.given(
        EnforcementUnitQualified(
            unit="MRB", name="市场监管局", kind="organ", valid_from=date(2020, 1, 1)
        )
    )
    story.when(MAKE, REP_C).then(CommitmentMade, ObligationOpened, ObligationOpened)


def test_a_kept_commitment_enters_the_record(story: Scenario) -> None:
    """K: with its last obligation, as fulfilled, in the same append; and it lifts the grade."""
    story.given(MAKE)
    story.at("2026-06-30T16:00+08:00").when(FULFIL).then(
        like(CommitmentFulfilled, obligation="O-1", days_late=0)
    )
    story.when(RecomputeGrade(entity=E_C), EDB).then(like(CreditGradeAssigned, grade="B"))
    story.at("2026-07-31T16:00+08:00").when(replace(FULFIL, obligation="O-2")).then(
        like(CommitmentFulfilled, obligation="O-2"),
        like(
            CreditRecordEntered,
            kind="commitment",
            entity=E_C,
            fulfilled=True,
            public=True,
            severity=None,
            source_ref="CMT-1",
            determined_on=date(2026, 7, 31),
        ),
    )
    story.when(RecomputeGrade(entity=E_C), EDB).then(like(CreditGradeAssigned, grade="A"))
    story.when(FULFIL).raises(OutOfStep, says="2026-06-30")


def test_late_performance_is_recorded_with_its_days(story: Scenario) -> None:
    """It is performance, and no kept promise: the record does not count for the business."""
    story.given(MAKE).at("2026-07-02T09:00+08:00")
    story.when(FULFIL).then(like(CommitmentFulfilled, days_late=2))
    story.when(replace(FULFIL, obligation="O-2")).then(
        like(CommitmentFulfilled, days_late=0),
        like(CreditRecordEntered, kind="commitment", fulfilled=False),
    )


def test_only_an_open_obligation_is_performed_or_broken(story: Scenario) -> None:
    """By nobody but the unit that took the promise; one that is not there is nobody's."""
    story.when(FULFIL).raises(UnknownReference, says="CMT-1")
    story.given(MAKE)
    story.when(FULFIL, EMB).raises(Forbidden)
    story.when(replace(FULFIL, obligation="O-3")).raises(UnknownReference, says="O-1, O-2")
    # The lead department enters what reaches it, and establishes no other unit's breach.
    story.when(BREACH, EDB).raises(Forbidden)
    story.given(FULFIL).at("2026-07-20T09:00+08:00").when(BREACH).raises(OutOfStep)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"evidence": ()}, "verified evidence must be named"),
        ({"notice_ref": None}, "the notice to the business must be named with its day"),
        ({"notified_on": None}, "the notice to the business must be named with its day"),
        (
            {"notified_on": date(2026, 7, 20)},
            "the business must have been notified before 2026-07-20; notified_on is 2026-07-20",
        ),
        (
            {"notified_on": date(2026, 5, 10)},
            "the notice must not be before the commitment (2026-05-11); notified_on is 2026-05-10",
        ),
    ],
)
def test_CMT_R1_a_breach_takes_evidence_and_prior_notice(
    story: Scenario, changed: dict[str, Any], reason: str
) -> None:
    """S16: without either nothing is established, however long the day has passed."""
    story.given(MAKE).at("2026-07-20T09:00+08:00")
    story.when(replace(BREACH, **changed)).refused("CMT-R1", commitment="CMT-1", reason=reason)


def test_CMT_R1_an_established_breach_enters_the_record(story: Scenario) -> None:
    """K: of kind commitment_breach, not shown; C for a year. No performance is recorded after."""
    story.given(MAKE).at("2026-07-20T09:00+08:00")
    story.when(BREACH).then(
        like(
            CommitmentBreached,
            obligation="O-1",
            notified_on=date(2026, 7, 6),
            evidence=("核查记录7号",),
        ),
        like(
            CreditRecordEntered,
            record="CR-1",
            kind="commitment_breach",
            public=False,
            severity=None,
            instrument=Instrument(
                kind="other",
                doc_no="兰新市监告〔2026〕7号",
                effective_on=date(2026, 7, 6),
                allowed_by="国办发〔2019〕35号: 信用承诺书及履约情况纳入信用记录",
            ),
        ),
    )
    story.when(RecomputeGrade(entity=E_C), EDB).then(like(CreditGradeAssigned, grade="C"))
    story.when(replace(BREACH, record="CR-2")).raises(OutOfStep, says="breached")
    # The rest can still be performed; the commitment is not kept by that.
    story.when(replace(FULFIL, obligation="O-2")).then(CommitmentFulfilled)


def test_CMT_R1_nothing_is_breached_before_it_is_due(story: Scenario) -> None:
    """On its last day it can still be performed; unless it can be no more, and that is said."""
    story.given(MAKE).at("2026-07-31T20:00+08:00")
    early = replace(BREACH, obligation="O-2")
    story.when(early).refused("CMT-R1", commitment="CMT-1")
    assert "is due on 2026-07-31" in str(story.error)
    impossible = replace(early, impossible_because="生产线已拆除")
    private = replace(early, impossible_because="致电13909310000")
    story.when(private).refused("CRD-R4")
    story.when(impossible).then(
        like(CommitmentBreached, obligation="O-2", impossible_because="生产线已拆除"),
        CreditRecordEntered,
    )
    other = replace(early, commitment="CMT-8", record="CR-2")
    story.at("2026-08-01T09:00+08:00").when(other).then(CommitmentBreached, CreditRecordEntered)


def test_CMT_R1_holds_for_records_entered_directly(story: Scenario) -> None:
    """A unit goes no way round it; the lead department enters what another register holds."""
    direct = EnterCreditRecord(
        record="CR-5",
        entity=E_C,
        unit="MRB",
        kind="commitment_breach",
        determined_on=date(2026, 5, 11),
        title="违诺",
        public=False,
        instrument=Instrument(kind="ruling", doc_no="5号", effective_on=date(2026, 5, 11)),
    )
    story.when(direct).refused("CMT-R1")
    story.when(direct, EDB).refused("CMT-R1")
    story.when(replace(direct, source_ref="信用甘肃 778"), EDB).then(CreditRecordEntered)


def test_a_missed_obligation_is_no_breach_yet(story: Scenario) -> None:
    """The clock records the day that has passed, of this obligation alone, and nothing more."""
    story.when(MAKE)
    first, second = opened(story, "O-1"), opened(story, "O-2")
    rule = "commitments.obligation"
    miss = EndDeadline(rule_name=rule, opened_at_position=first)
    story.at("2026-06-30T23:00+08:00").when(miss).raises(OutOfStep)
    story.at("2026-07-01T09:00+08:00").when(miss).then(
        like(DeadlineMissed, due_on=date(2026, 6, 30))
    )
    story.when(RecomputeGrade(entity=E_C), EDB).then(like(CreditGradeAssigned, grade="B"))
    # The second one is performed in time, and its deadline is none of the first one's.
    story.given(replace(FULFIL, obligation="O-2")).at("2026-08-03T09:00+08:00")
    story.when(EndDeadline(rule_name=rule, opened_at_position=second)).raises(
        OutOfStep, says="in time"
    )


def test_the_performance_of_a_namesake_discharges_nothing(story: Scenario) -> None:
    """O-1 of another commitment is another obligation."""
    story.when(MAKE)
    first = opened(story, "O-1")
    story.given(replace(FULFIL, commitment="CMT-9", obligation="O-2"))
    story.at("2026-07-01T09:00+08:00").amid(
        CommitmentFulfilled(
            commitment="CMT-7", entity=E_C, unit="MRB", obligation="O-1", evidence=("x",)
        )
    )
    story.when(EndDeadline(rule_name="commitments.obligation", opened_at_position=first)).then(
        DeadlineMissed
    )


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Ledger, Ledger]]:
    """Two processes on one file."""
    with (
        SQLiteRecorder(tmp_path / "ledger.db") as one,
        SQLiteRecorder(tmp_path / "ledger.db") as two,
        Ledger(one) as first,
        Ledger(two) as second,
    ):
        yield first, second


def test_one_of_two_racing_performances_enters_the_record(pair: tuple[Ledger, Ledger]) -> None:
    """The last obligation is performed once, and the commitment stands on record once."""
    due = date(2999, 1, 1)
    pair[0].execute(replace(MAKE, obligations=(Obligation(obligation="O-1", due_on=due),)), HEAD)
    start = Barrier(8)

    def run(n: int) -> Outcome:
        start.wait(10)
        return pair[n % 2].execute(FULFIL, HEAD, key=f"K{n}")

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(run, n) for n in range(8)]
    answers = [future.exception() or future.result() for future in futures]
    (won,) = [answer for answer in answers if isinstance(answer, Outcome)]
    assert [type(record.event) for record in won.events] == [
        CommitmentFulfilled,
        CreditRecordEntered,
    ]
    assert sum(isinstance(answer, OutOfStep) for answer in answers) == 7


def test_CMT_R1_nothing_is_performed_before_it_was_promised(story: Scenario) -> None:
    """A performance is reported with its day, which is not before the promise."""
    story.given(MAKE).at("2026-07-15T09:00+08:00")
    before = datetime.fromisoformat("2026-05-10T18:00+08:00")
    story.when(replace(FULFIL, occurred_at=before)).raises(Malformed, pointer="/occurred_at")
    same_day = datetime.fromisoformat("2026-05-11T18:00+08:00")
    story.when(replace(FULFIL, occurred_at=same_day)).then(
        like(CommitmentFulfilled, obligation="O-1", days_late=0)
    )
