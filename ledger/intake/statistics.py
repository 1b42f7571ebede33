"""How much lies in a ledger, and how much of it came out of registers."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ledger.intake.events import (
    ImportedInspectionWithdrawn,
    ImportedViolationWithdrawn,
    InspectionImported,
    ViolationImported,
    ViolationRectified,
)
from ledger.kernel import RecordCorrected
from ledger.kernel.codec import plain
from ledger.kernel.folds import Selector
from ledger.kernel.memory import as_query
from ledger.systems.entities.events import EntityRegistered, EntityRevised
from ledger.systems.supervision.events import FindingRaised


def statistics(recorder: Any) -> dict[str, Any]:
    """Counts of what is recorded in the ledger of ``recorder``, a ``DCBRecorder``.

    - ``events``: all of them.
    - ``entities``: businesses that were registered, by an import or by an officer.
    - ``imported_inspections``, ``imported_violations``: that registers reported, withdrawn ones
      included.
    - ``imported_rectifications``: violations that a register says were put right.
    - ``imported_corrections``: later statements of a register that say otherwise than an earlier
      one: a score or a type corrected, an inspection or a violation withdrawn, a business renamed,
      moved or listed again.
    - ``findings``: that the ledger raised.
    - ``by_type``: events of each stored type.

    A store that counts by itself (``counts_by_type``) is asked; any other is walked through, by
    type alone. Only corrections and revisions are looked into: who made one stands in the record.
    """
    count = getattr(recorder, "counts_by_type", None)
    by_type: dict[str, int] = (
        count() if count else dict(Counter(found.event.type for found in recorder.read()))
    )

    def of(*events: Any) -> int:
        return sum(by_type.get(event.TOPIC, 0) for event in events)

    # One after another: not every store can ask for two types at once without a tag.
    by_registers = sum(
        plain(found.event.data).get("provenance") is not None
        for event in (RecordCorrected, EntityRevised)
        if of(event)
        for found in recorder.read(as_query([Selector((event.TOPIC,), ())]))
    )
    return {
        "events": sum(by_type.values()),
        "entities": of(EntityRegistered),
        "imported_inspections": of(InspectionImported),
        "imported_violations": of(ViolationImported),
        "imported_rectifications": of(ViolationRectified),
        "imported_corrections": by_registers
        + of(ImportedInspectionWithdrawn, ImportedViolationWithdrawn),
        "findings": of(FindingRaised),
        "by_type": dict(sorted(by_type.items())),
    }
