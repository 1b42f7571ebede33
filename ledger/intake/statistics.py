"""Counts of the events in a ledger, and of those that were imported from registers."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ledger.general.findings import FindingRaised
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


def statistics(recorder: Any) -> dict[str, Any]:
    """Return counts of the events in the ledger of ``recorder``, a ``DCBRecorder``.

    - ``events``: all of them.
    - ``entities``: businesses that were registered, by an import or by an officer.
    - ``imported_inspections``, ``imported_violations``: those that registers reported, including
      withdrawn ones.
    - ``imported_rectifications``: violations that a register reports as corrected.
    - ``imported_corrections``: later statements of a register that differ from an earlier one: a
      corrected score or type, a withdrawn inspection or violation, a business that was renamed,
      moved or listed again.
    - ``findings``: findings that the ledger raised.
    - ``by_type``: events of each stored type.

    A store with ``counts_by_type`` is asked for the counts; otherwise all events are read. Only
    corrections and revisions are decoded, because only the record shows who made them.
    """
    count = getattr(recorder, "counts_by_type", None)
    by_type: dict[str, int] = (
        count() if count else dict(Counter(stored.event.type for stored in recorder.read()))
    )

    def of(*events: Any) -> int:
        return sum(by_type.get(event.TOPIC, 0) for event in events)

    # One query per type: not every store accepts two types without a tag.
    by_registers = sum(
        plain(stored.event.data).get("provenance") is not None
        for event in (RecordCorrected, EntityRevised)
        if of(event)
        for stored in recorder.read(as_query([Selector((event.TOPIC,), ())]))
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
