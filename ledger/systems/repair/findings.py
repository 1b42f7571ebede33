"""What is found about a repair, or the want of one, when a record ends."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.kernel import Event, Reading
from ledger.systems.credit.folds import Record
from ledger.systems.penalties.folds import Decision
from ledger.systems.repair.folds import Duties
from ledger.systems.repair.rules import REP_V3
from ledger.systems.supervision.findings import finding


def open_duties(ledger: Reading, record: Record) -> Iterator[Event]:
    """REP-V3, if a record ends by itself while nobody has seen its fine paid.

    Of a decision that is on record the fine counts as it stands, and what was paid of it. It ends
    all the same; what follows is for the sector's own rules.
    """
    says = record.says
    assert says is not None
    fined = bool(says.amount_fen)
    if says.decision is not None:
        decision = ledger.read(Decision(says.decision))
        if decision.exists:
            fined = not decision.settled
    if says.kind != "penalty" or not fined:
        return
    if "obligations_performed" not in ledger.read(Duties(record.record)).performed:
        yield finding(
            ledger,
            REP_V3,
            unit=says.unit,
            entity=says.entity,
            record=record.record,
            amount_fen=says.amount_fen,
        )
