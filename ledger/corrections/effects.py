"""What a nullification brings about, whoever decides it: the fact, and the end of what rests on it.

Whatever is recorded is one append, so that nothing goes on under a decision that is undone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Literal

from ledger.corrections.events import (
    AlteredField,
    DecisionAltered,
    DecisionDeclaredUnlawful,
    DecisionDeclaredVoid,
    DecisionRevoked,
)
from ledger.corrections.folds import DecisionStanding
from ledger.credit.effects import end_records
from ledger.credit.folds import CreditRecords
from ledger.kernel import Event, Reading

NullificationKind = Literal["revoked", "altered", "declared_unlawful", "declared_void"]

_EVENTS: Mapping[NullificationKind, type[Event]] = {
    "revoked": DecisionRevoked,
    "declared_unlawful": DecisionDeclaredUnlawful,
    "declared_void": DecisionDeclaredVoid,
}


def nullify(
    ledger: Reading,
    standing: DecisionStanding,
    kind: NullificationKind,
    *,
    by: str,
    instrument: str,
    effective_on: date,
    reason: str,
    altered: tuple[AlteredField, ...] = (),
) -> Iterator[Event]:
    """Record what a competent body decided about a decision on record, and end what rests on it.

    An altered decision holds on, and its credit records with it. Any other nullification ends them
    as ``revoked``: sanctions are lifted, and grades put right from the day of each.
    """
    fields: dict[str, Any] = {
        "decision": standing.decision,
        "unit": standing.unit,
        "entity": standing.entity,
        "by": by,
        "instrument": instrument,
        "effective_on": effective_on,
        "reason": reason,
        "violation_code": standing.violation_code,
    }
    if kind == "altered":
        yield DecisionAltered(**fields, altered=altered)
        return
    yield _EVENTS[kind](**fields)
    if standing.entity is None:
        return
    known = ledger.read(CreditRecords(standing.entity))
    resting = known.resting_on(standing.decision)
    yield from end_records(ledger, resting, reason="revoked", note=instrument)
