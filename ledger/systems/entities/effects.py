"""What a business's leaving its register brings about, whoever reports it (2.17)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ledger.kernel import Event, Fact, Reading
from ledger.systems.draws import effects as draws
from ledger.systems.draws.effects import CalledReserves
from ledger.systems.entities.events import Leaving
from ledger.systems.entities.folds import Registration
from ledger.systems.entities.rules import LEFT_HOW
from ledger.systems.filing import effects as filing
from ledger.systems.joint import effects as joint
from ledger.systems.keylist import effects as keylist
from ledger.systems.observation import effects as observation


def business_left(
    ledger: Reading,
    entity: str,
    left_on: date,
    kind: Leaving | None,
    reserves: tuple[CalledReserves, ...] = (),
) -> Iterator[Fact]:
    """Exempt and cancel what is planned for a business, and end its designation and observation.

    Nothing follows for one that is known to have been listed again since. ``reserves`` move up in
    the places that it was drawn for. Each event is the affair of its unit: sealed, nobody else sees
    it. It happens now, however late the leaving is reported.
    """
    back = ledger.read(Registration(entity)).listings.back
    if any(left_on < day <= ledger.today for day, _ in back):
        return
    how = f"{LEFT_HOW[kind]} on {left_on}"
    for event in _consequences(ledger, entity, left_on, how, reserves):
        yield Fact(
            event,
            occurred_at=ledger.now,
            for_unit=event.unit,  # type: ignore[attr-defined]
        )


def _consequences(
    ledger: Reading, entity: str, left_on: date, how: str, reserves: tuple[CalledReserves, ...]
) -> Iterator[Event]:
    yield from draws.business_left(ledger, entity, how, reserves)
    yield from filing.business_left(ledger, entity, how)
    yield from joint.business_left(ledger, entity, how)
    yield from keylist.business_left(ledger, entity, left_on, how)
    yield from observation.business_left(ledger, entity, left_on, how)
