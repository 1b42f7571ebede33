"""What other systems' facts mean for observation periods."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ledger.kernel import Event, Reading
from ledger.systems.observation.events import ObservationTerminated
from ledger.systems.observation.folds import ObservationsOf


def business_left(ledger: Reading, entity: str, left_on: date, how: str) -> Iterator[Event]:
    """What a business's leaving its register brings about: nothing of it is observed any more."""
    for period in ledger.read(ObservationsOf(entity)).periods.values():
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
