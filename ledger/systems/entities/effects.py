"""The effects of a business leaving its register (2.17)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ledger.kernel import Event, Fact, Inquiry
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
    inquiry: Inquiry,
    entity: str,
    left_on: date,
    kind: Leaving | None,
    reserves: tuple[CalledReserves, ...] = (),
) -> Iterator[Fact]:
    """Cancel what is planned for a business, and end its designation and observation.

    Yield nothing if the business was listed again since. ``reserves`` replace the business in the
    draws that selected it. Each event is recorded in the name of the unit that it concerns, so that
    a sealed event stays readable for that unit only. The events happen now, even if the leaving is
    reported late.
    """
    back = inquiry.read(Registration(entity)).listings.back
    if any(left_on < day <= inquiry.today for day, _ in back):
        return
    how = f"{LEFT_HOW[kind]} on {left_on}"
    for event in _consequences(inquiry, entity, left_on, how, reserves):
        yield Fact(
            event,
            occurred_at=inquiry.now,
            for_unit=event.unit,  # type: ignore[attr-defined]
        )


def _consequences(
    inquiry: Inquiry, entity: str, left_on: date, how: str, reserves: tuple[CalledReserves, ...]
) -> Iterator[Event]:
    yield from draws.business_left(inquiry, entity, how, reserves)
    yield from filing.business_left(inquiry, entity, how)
    yield from joint.business_left(inquiry, entity, how)
    yield from keylist.business_left(inquiry, entity, left_on, how)
    yield from observation.business_left(inquiry, entity, left_on, how)
