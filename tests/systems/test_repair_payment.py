"""Repair of a record that rests on a penalty decision: what was paid of its fine shows itself."""

from __future__ import annotations

from datetime import date
from typing import TypeVar

import msgspec
import pytest

from ledger.general.findings import FindingRaised
from ledger.kernel import Event, Fold
from ledger.systems.corrections.events import AlteredField, DecisionAltered
from ledger.systems.credit.events import PublicityStarted
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.penalties.events import FinePaid, InstalmentPaid, PenaltyDecided
from ledger.systems.repair.conditions import Asked, Condition, conditions
from ledger.systems.repair.events import RepairApplied
from ledger.systems.repair.folds import RepairCase
from tests.cast import CLOCK, E_B, E_C, REP_C
from tests.gwt import Scenario
from tests.systems.repairing import (
    APPLY,
    PROOFS,
    commitment,
    record,
    records_of,
    sanction,
    started,
    tale,
)

F = TypeVar("F", bound=Fold)

replace = msgspec.structs.replace

DECIDED = PenaltyDecided(
    decision="DEC-1",
    entity=E_C,
    unit="MRB",
    case="CASE-1",
    doc_no="罚〔CR-1〕",
    decided_on=date(2026, 4, 15),
    types=("fine", "warning"),
    severity="general",
    facts="经营超过保质期的食品",
    fine_fen=500_000,
)
PAID = FinePaid(
    decision="DEC-1",
    case="CASE-1",
    entity=E_C,
    unit="MRB",
    paid_on=date(2026, 6, 1),
    amount_fen=500_000,
    late_fee_fen=30_000,
    outstanding_fen=0,
    late_fee_due_fen=30_000,
    receipt_no="甘财票2026001",
)
#: The record that rests on the decision.
OF_DECISION = record("CR-1", decision="DEC-1")


def of_decision(*past: Event) -> Scenario:
    """S15 with a record that rests on a decision, and what was paid of its fine."""
    return (
        tale()
        .given(DECIDED, OF_DECISION)
        .at("2026-04-24T09:00+08:00")
        .given(started(), sanction(), commitment())
        .amid(
            replace(DECIDED, decision="DEC-8", entity=E_B, case="CASE-8"),
            replace(PAID, decision="DEC-8", entity=E_B, case="CASE-8", receipt_no="8"),
        )
        .given(*past)
        .at("2026-07-16T09:00+08:00")
    )


HALF = InstalmentPaid(
    decision="DEC-1",
    case="CASE-1",
    entity=E_C,
    unit="MRB",
    paid_on=date(2026, 5, 20),
    amount_fen=250_000,
    late_fee_fen=0,
    outstanding_fen=250_000,
    late_fee_due_fen=30_000,
    receipt_no="甘财票2026000",
)
ALTERED = DecisionAltered(
    decision="DEC-1",
    unit="MRB",
    entity=E_C,
    by="MRB",
    instrument="改1号",
    effective_on=date(2026, 6, 2),
    reason="适用基准有误",
    altered=(AlteredField(field="fine_fen", before=500_000, after=250_000),),
)
FEE = replace(
    HALF, amount_fen=0, late_fee_fen=30_000, outstanding_fen=0, receipt_no="甘财票2026002"
)


@pytest.mark.parametrize(
    ("paid", "found"),
    [
        ((), 1),
        ((HALF,), 1),
        ((PAID,), 0),
        ((HALF, replace(PAID, amount_fen=250_000)), 0),
        # The late fee is part of what is owed.
        ((replace(PAID, late_fee_fen=0),), 1),
        ((replace(PAID, late_fee_fen=0), FEE), 0),
        # A fine that was lowered is paid by less.
        ((replace(HALF, late_fee_due_fen=0), ALTERED), 0),
        ((ALTERED,), 1),
    ],
)
def test_REP_V3_the_ledger_knows_what_was_paid(paid: tuple[Event, ...], found: int) -> None:
    """Payments of the decision that a record rests on show it; the unit need not say so again."""
    story = of_decision(*paid)
    end = EndDeadline(
        rule_name="dishonesty.regime.max",
        opened_at_position=next(
            r.position
            for r in records_of(story)
            if isinstance(r.event, PublicityStarted) and r.event.record == "CR-1"
        ),
    )
    story.at("2027-04-16T09:00+08:00").when(end, CLOCK)
    assert story.outcome is not None
    events = [r.event for r in story.outcome.events]
    rules = [e.rule_id for e in events if isinstance(e, FindingRaised)]
    assert rules == ["REP-V3"] * found


def test_REP_R2_receipts_show_that_a_fine_was_paid() -> None:
    """Without a paper of the business; what is paid in part shows nothing."""
    asks = replace(APPLY, proofs=PROOFS[:1])
    story = of_decision(HALF)
    story.when(asks, REP_C).refused("REP-R2", record="CR-1", missing="obligations_performed")
    story.given(replace(PAID, amount_fen=250_000)).when(asks, REP_C).then(RepairApplied)
    assert [c.evidence for c in standing(story) if c.rule.id == "REP-R2"] == [
        ("整改报告1号",),
        ("甘财票2026000", "甘财票2026001"),
    ]


def test_REP_R2_a_receipt_does_not_show_that_a_licence_was_handed_in() -> None:
    """A penalty that asks for more than money is performed by more."""
    story = tale().given(
        replace(DECIDED, types=("fine", "licence_suspension")),
        PAID,
        OF_DECISION,
        started(),
        commitment(),
    )
    story.at("2026-07-16T09:00+08:00").when(replace(APPLY, proofs=PROOFS[:1]), REP_C)
    story.refused("REP-R2", record="CR-1", missing="obligations_performed")


def standing(story: Scenario) -> list[Condition]:
    """The conditions of REP-1 as they stand."""
    known = records_of(story)

    def read(fold: F) -> F:
        wanted = fold.selector()
        return fold.blank().over(
            [
                r
                for r in known
                if r.envelope.type in wanted.topics and set(wanted.tags) <= set(r.event.tags())
            ]
        )

    asked = Asked.by(read(RepairCase("REP-1")))
    return list(conditions(read, asked, date(2026, 7, 16)))
