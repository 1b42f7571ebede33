"""Repair asks the ledger first (2.17): no paper takes the place of what it holds itself."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from ledger.kernel import Event
from ledger.systems.filing.events import (
    InspectionConcluded,
    InspectionTaskApproved,
    NonOnsiteConsidered,
)
from ledger.systems.penalties.events import PaymentDeferred, PenaltyServed
from ledger.systems.reconsideration.events import ReconApplied, ReconDecisionServed
from ledger.systems.repair.events import DutiesPerformed, RepairApplied, RepairGranted
from tests.systems.repairing import APPLY, E_C, GRANT, REP, accepted, record, s15
from tests.systems.test_repair_payment import HALF, PAID, of_decision

replace = msgspec.structs.replace

SERVED = PenaltyServed(
    decision="DEC-1",
    entity=E_C,
    unit="MRB",
    served_on=date(2026, 4, 15),
    repair_notice=True,
    fine_fen=500_000,
    pay_by=date(2026, 4, 30),
    late_fee_daily="0.03",
)
#: Paid on the last day: nothing was added.
IN_TIME = replace(PAID, paid_on=date(2026, 4, 30), late_fee_fen=0, late_fee_due_fen=0)
DEFERRED = PaymentDeferred(
    decision="DEC-1",
    case="CASE-1",
    entity=E_C,
    unit="MRB",
    approved_on=date(2026, 4, 29),
    until=date(2026, 12, 31),
    in_instalments=True,
    reason="经营困难",
    approved_by="MRB-HEAD",
)


@pytest.mark.parametrize(
    ("past", "owed"),
    [
        ((SERVED,), {"outstanding_fen": 500_000, "late_fee_outstanding_fen": 500_000}),
        ((SERVED, HALF), {"outstanding_fen": 250_000}),
        # An approved deferral blocks until everything is paid.
        ((SERVED, DEFERRED), {"outstanding_fen": 500_000}),
        # The surcharge is owed too, though the fine is paid.
        ((SERVED, replace(PAID, late_fee_fen=0)), {"late_fee_outstanding_fen": 480_000}),
        ((SERVED, IN_TIME), None),
        ((SERVED, replace(PAID, late_fee_fen=480_000)), None),
    ],
)
def test_REP_R2_a_fine_and_its_surcharge_are_paid(
    past: tuple[Event, ...], owed: dict[str, int] | None
) -> None:
    """Whatever papers are named: APPLY names a receipt for the obligations."""
    story = of_decision(*past)
    if owed is None:
        story.when(APPLY, REP).then(RepairApplied)
    else:
        story.when(APPLY, REP).refused("REP-R2", missing="obligations_performed", **owed)


def test_no_surcharge_accrues_while_a_reconsideration_runs() -> None:
    """处罚法 Art 73: from the application to the service of its decision, both days included."""
    of_case: dict[str, Any] = {
        "recon": "RCN-1",
        "decision": "DEC-1",
        "unit": "MRB",
        "organ": "RECON",
        "entity": E_C,
    }
    applied = ReconApplied(
        **of_case, known_on=date(2026, 4, 15), last_day=date(2026, 6, 15), grounds="-"
    )
    served = ReconDecisionServed(**of_case, served_on=date(2026, 7, 10))
    cheap = replace(HALF, amount_fen=0, outstanding_fen=500_000, late_fee_due_fen=0)
    story = of_decision(SERVED, cheap, applied, served)
    # Applied for on 04-24, the day of the story's past; 6 days from 07-11 on are left.
    story.when(APPLY, REP).refused(
        "REP-R2", outstanding_fen=500_000, late_fee_outstanding_fen=6 * 15_000
    )


TASK = InspectionTaskApproved(
    task="T-1",
    entity=E_C,
    unit="MRB",
    kind="daily",
    trigger="plan",
    matters=("M-101",),
    counter="capped",
    officers=("OFF-001", "OFF-002"),
    planned_on=date(2026, 4, 15),
    approver="MRB-HEAD",
    non_onsite_considered=NonOnsiteConsidered(
        written=True, shared_data=True, remote=True, conclusion="insufficient"
    ),
)


def concluded(result: Any) -> InspectionConcluded:
    return InspectionConcluded(
        task="T-1", entity=E_C, unit="MRB", matters=("M-101",), result=result
    )


@pytest.mark.parametrize("result", ["order_to_correct", "issue_corrected_on_spot"])
def test_REP_R2_an_order_to_correct_is_met_when_its_unit_has_seen_it(result: str) -> None:
    """The inspection behind the record ended with one; a paper of the business does not show it."""
    past = (TASK, concluded(result))
    story = s15("2026-07-16", *past, record("CR-2", task="T-1"))
    asks = replace(APPLY, records=("CR-2",))
    if result != "order_to_correct":
        story.when(asks, REP).then(RepairApplied)
        return
    story.when(asks, REP).refused("REP-R2", missing="conduct_corrected", order="T-1")
    story.given(performed("CR-2", "conduct_corrected")).when(asks, REP).then(RepairApplied)


def test_REP_R2_a_breach_is_made_good_when_its_unit_has_seen_it() -> None:
    """Of a breached commitment that was not."""
    breach = record("CR-2", kind="commitment_breach")
    story = s15("2026-07-16", breach)
    asks = replace(APPLY, records=("CR-2",))
    story.when(asks, REP).refused("REP-R2", missing="obligations_performed")
    story.given(performed("CR-2", "obligations_performed")).when(asks, REP).then(RepairApplied)


def performed(name: str, duty: Any) -> DutiesPerformed:
    return DutiesPerformed(
        record=name,
        entity=E_C,
        unit="MRB",
        duty=duty,
        performed_on=date(2026, 7, 1),
        evidence=("复查记录1号",),
    )


def test_a_grant_says_who_verified_the_papers() -> None:
    """A paper supplies what the ledger cannot know."""
    story = accepted()
    story.when(GRANT)
    assert story.outcome is not None
    [granted] = [r.event for r in story.outcome.events if isinstance(r.event, RepairGranted)]
    assert granted.verified_by == "MRB-HEAD"
