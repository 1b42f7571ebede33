"""Corrections: an event is never changed; another event can correct what it says.

Every fold sees corrected events, because the fold engine applies the corrections. The audit trail
shows both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar
from uuid import UUID

import msgspec

from ledger.kernel.events import (
    WRITTEN,
    Event,
    Moment,
    Recorded,
    Upcaster,
    Value,
    Visibility,
)
from ledger.kernel.messages import InvalidValue
from ledger.kernel.subjects import Tag, subject_fields

Pointer = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^/(occurred_at|body(/[^/]+)+)$",
        description="JSON pointer into the record: /occurred_at or /body/<field>…",
    ),
]


class FieldChange(Value):
    """One corrected field: its path, its old value and its new value."""

    path: Pointer
    old: Any
    new: Annotated[Any, WRITTEN]


class RecordCorrected(Event):
    """更正记录: a recorded event was wrong and is corrected (rulebook 0.3).

    ``subjects`` repeats the tags of the corrected event, so that a fold that reads the event also
    reads its correction. ``target_visibility`` repeats its visibility, and ``target_kept_from``
    (since version 2) the units that must not see it, so that both have the same readers.
    """

    TOPIC: ClassVar[str] = "corrections.record-corrected"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    target_event_id: UUID
    target_position: int
    field_changes: tuple[FieldChange, ...]
    reason: Annotated[str, WRITTEN]
    requested_by: str
    approved_by: str
    subjects: tuple[Tag, ...]
    target_visibility: Visibility = "restricted"
    target_kept_from: tuple[str, ...] = ()

    def visibility(self) -> Visibility:
        """Return the visibility of the corrected event: both have the same readers."""
        return self.target_visibility

    def kept_from(self) -> tuple[str, ...]:
        """Return the units that must not see the corrected event."""
        return self.target_kept_from


class CorrectionImpossible(InvalidValue):
    """The change does not fit the event that it must correct."""


def corrected(record: Recorded, changes: Iterable[FieldChange]) -> Recorded:
    """Return ``record`` with ``changes`` applied.

    Raises ``CorrectionImpossible`` if a path does not exist, if the old value differs from the
    recorded one, if the new value does not fit the field, or if the field is a subject. Tags cannot
    change, so an event that names the wrong subject must be nullified and recorded again.
    """
    # Defaults are left out of stored bodies; a correction may still name such a field.
    body = {field: getattr(record.event, field) for field in record.event.__struct_fields__}
    document = _json({"occurred_at": record.envelope.occurred_at, "body": body})
    frozen = {name for name, _ in subject_fields(type(record.event))}
    for change in changes:
        _apply(document, change, frozen)
    try:
        event = msgspec.convert(document["body"], type(record.event))
        occurred_at = msgspec.convert(document["occurred_at"], Moment)
    except msgspec.ValidationError as error:
        raise CorrectionImpossible("kernel.corrected-record-invalid", error=str(error)) from error
    if event.tags() != record.event.tags():
        raise CorrectionImpossible("kernel.correction-cannot-move-record")
    envelope = msgspec.structs.replace(record.envelope, occurred_at=occurred_at)
    return Recorded(record.position, envelope, event)


def as_corrected(records: Sequence[Recorded]) -> list[Recorded]:
    """Return ``records`` with the corrections among them applied; the corrections stay in it."""
    changes = changes_of(records)
    return [as_changed(record, changes) for record in records] if changes else list(records)


#: The changes to each event, by event id, in the order in which they were recorded.
Changes = Mapping[UUID, Sequence[FieldChange]]


def changes_of(records: Iterable[Recorded]) -> Changes:
    """Return the changes that the corrections among ``records`` make."""
    changes: dict[UUID, list[FieldChange]] = {}
    for record in records:
        if isinstance(record.event, RecordCorrected):
            changes.setdefault(record.event.target_event_id, []).extend(record.event.field_changes)
    return changes


def as_changed(record: Recorded, changes: Changes) -> Recorded:
    """Return ``record`` with the changes to it applied."""
    own = changes.get(record.envelope.event_id)
    return record if own is None else corrected(record, own)


def _apply(document: dict[str, Any], change: FieldChange, frozen: set[str]) -> None:
    parts = [p.replace("~1", "/").replace("~0", "~") for p in change.path.split("/")[1:]]
    if len(parts) > 1 and parts[1] in frozen:
        raise CorrectionImpossible("kernel.correction-names-subject", path=change.path)
    holder: Any = document
    try:
        for part in parts[:-1]:
            holder = holder[int(part)] if isinstance(holder, list) else holder[part]
        key: Any = int(parts[-1]) if isinstance(holder, list) else parts[-1]
        recorded = holder[key]
    except (KeyError, IndexError, ValueError, TypeError):
        raise CorrectionImpossible("kernel.correction-no-such-field", path=change.path) from None
    if not _same(change, recorded):
        raise CorrectionImpossible(
            "kernel.correction-says-other", path=change.path, recorded=recorded, old=change.old
        )
    holder[key] = _json(change.new)


def _same(change: FieldChange, recorded: Any) -> bool:
    old = _json(change.old)
    if change.path != "/occurred_at":
        return bool(old == recorded)
    try:
        # The same time may be written with different offsets.
        return msgspec.convert(old, Moment) == msgspec.convert(recorded, Moment)
    except msgspec.ValidationError:
        return False


def _json(value: Any) -> Any:
    """Return a value as JSON represents it: a tuple becomes a list, a date becomes text."""
    return msgspec.json.decode(msgspec.json.encode(value))
