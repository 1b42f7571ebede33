"""The effects of other systems' events on key supervision."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ledger.kernel import Event, Inquiry
from ledger.systems.keylist.events import KeyDesignationEnded, KeyDesignationExplained
from ledger.systems.keylist.folds import DesignationsOf, KeyDesignation


def business_left(inquiry: Inquiry, entity: str, left_on: date, how: str) -> Iterator[Event]:
    """End the key supervision of a business that left its register."""
    for name in inquiry.read(DesignationsOf(entity)).running:
        given = inquiry.read_true(KeyDesignation(name))
        assert given.designated_on is not None
        yield KeyDesignationEnded(
            designation=name,
            entity=entity,
            unit=given.unit,
            reason="closed",
            ended_on=max(left_on, given.designated_on),
            listed_as=given.listed_as,
        )
        yield KeyDesignationExplained(
            designation=name,
            entity=entity,
            unit=given.unit,
            step="end",
            says=f"the business {how}",
        )
