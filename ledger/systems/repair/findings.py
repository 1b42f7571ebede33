"""The finding about open duties when a record ends without a repair."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.general.findings import finding
from ledger.kernel import Event, Inquiry
from ledger.systems.credit.folds import Record
from ledger.systems.penalties.folds import Decision
from ledger.systems.repair.folds import Duties
from ledger.systems.repair.rules import REP_V3


def open_duties(inquiry: Inquiry, record: Record) -> Iterator[Event]:
    """Yield REP-V3 if a record ends by itself although its fine was not shown to be paid.

    If the decision is on record, its present fine and its payments decide. The record ends all the
    same; the rules of the sector say what follows.
    """
    says = record.says
    fined = bool(says.amount_fen)
    if says.decision is not None:
        decision = inquiry.read(Decision(says.decision))
        if decision.exists:
            fined = not decision.settled
    if says.kind != "penalty" or not fined:
        return
    if "obligations_performed" not in inquiry.read(Duties(record.record)).performed:
        yield finding(
            inquiry,
            REP_V3,
            unit=says.unit,
            entity=says.entity,
            record=record.record,
            amount_fen=says.amount_fen,
        )
