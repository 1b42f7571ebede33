"""The effects of other systems' events on observation periods."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ledger.kernel import Event, Inquiry
from ledger.systems.observation.events import ObservationTerminated
from ledger.systems.observation.folds import ObservationsOf


def business_left(inquiry: Inquiry, entity: str, left_on: date, how: str) -> Iterator[Event]:
    """End the observation periods of a business that left its register."""
    for period in inquiry.read(ObservationsOf(entity)).periods.values():
        if period.stage == "granted":
            assert period.starts_on is not None
            yield ObservationTerminated(
                observation=period.observation,
                entity=entity,
                unit=period.unit,
                because="activity_ended",
                reason=f"the business {how}",
                terminated_on=max(left_on, period.starts_on),
            )
