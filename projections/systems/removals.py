"""The account of a record that must not be shared any more (停止共享使用, 2.4e, 2.4f)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Literal, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from ledger.general.vocabulary import RecordId
from ledger.kernel import Fold, Recorded
from ledger.systems.credit.events import CreditRecordAltered
from ledger.systems.credit.folds import Record
from ledger.systems.sharing.folds import Acknowledged, Removal, RemovalsOf
from projections.systems.repair import FoldsAt, RecordEnd

#: How far a subscriber is with a removal: confirmed in time or late, within its time, or overdue.
RemovalState = Literal["confirmed", "confirmed_late", "waiting", "overdue"]


class Alterations(Fold):
    """When was the content of this record replaced?"""

    record: RecordId
    altered: list[tuple[int, CreditRecordAltered]] = msgspec.field(default_factory=list)

    def on_altered(self, event: CreditRecordAltered, record: Recorded) -> None:
        self.altered.append((record.position, event))


class Receipt(Protocol):
    """That a message reached a subscriber, by which way and when first."""

    @property
    def unit(self) -> str:
        """The subscriber."""

    @property
    def subject(self) -> str:
        """What the message was about."""

    @property
    def way(self) -> Literal["feed", "webhook", "export", "export_removed"]:
        """How it was received."""

    @property
    def first_at(self) -> str:
        """When it was first received."""

    @property
    def position(self) -> int:
        """The event."""


class Received(msgspec.Struct, frozen=True):
    """That a subscriber received a message: by which way, when first, and which event it was."""

    way: Literal["feed", "webhook", "export", "export_removed"]
    first_at: str
    position: int


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """A subscriber that could read a record, and how far it is with the removal.

    `record_received` and `notice_received` say what its system is known to have received; a
    subscriber that read before this was kept, or elsewhere, has none.
    """

    removal: str
    subscription: str
    unit: str
    state: RemovalState
    notified_on: date
    due_on: date | UnsetType = UNSET
    reminded_on: date | UnsetType = UNSET
    removed_on: date | UnsetType = UNSET
    acknowledged_on: date | UnsetType = UNSET
    acknowledged_by: Acknowledged | UnsetType = UNSET
    days_late: int = 0
    record_received: tuple[Received, ...] = ()
    notice_received: tuple[Received, ...] = ()
    findings: tuple[str, ...] = ()


class ReceivedBy(Received, frozen=True, kw_only=True):
    """That a subscriber received a message."""

    unit: str


class Alteration(msgspec.Struct, frozen=True):
    """A change of a record that replaces what subscribers hold, and who received it."""

    position: int
    altered_on: date
    instrument: str
    received: tuple[ReceivedBy, ...] = ()


class Exported(msgspec.Struct, frozen=True):
    """That a record left in exported tables: for whom, and when its removal was exported too."""

    recipient: str
    first_at: str
    removed_at: str | UnsetType = UNSET


class RemovalAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Who had received a record that ended, who has confirmed its removal, and who is late.

    `exports` are tables that left for others, who confirm nothing: the removal is in a later batch.
    `complete` is true if everybody has confirmed who had to, and no export lacks its removal.
    """

    record: str
    entity: str
    unit: str
    title: str
    ended: RecordEnd | UnsetType = UNSET
    alterations: tuple[Alteration, ...] = ()
    recipients: tuple[Recipient, ...] = ()
    exports: tuple[Exported, ...] = ()
    confirmed: int
    waiting: int
    overdue: int
    complete: bool
    uses_after_end: tuple[str, ...] = ()


def subjects_of(read: FoldsAt, name: str) -> list[str]:
    """Return the subjects whose receipts belong to the account of a record."""
    return [
        f"record:{name}",
        *(f"removal:{removal}" for removal in read(RemovalsOf(name)).removals),
        *(f"altered:{position}" for position, _ in read(Alterations(name)).altered),
    ]


def account(  # noqa: PLR0917 - the facts that it brings together
    read: FoldsAt,
    name: str,
    today: date,
    due: Mapping[str, date],
    receipts: Sequence[Receipt],
    findings: Mapping[int, Sequence[str]],
    uses: Iterable[str],
) -> RemovalAccount:
    """Return the account of a record on a day.

    ``due``: the last day of each removal. ``findings``: those about a notice, by its position;
    ``uses``: those about a use of the record after its end.
    """
    record = read(Record(name))
    removals = read(RemovalsOf(name)).removals.values()
    recipients = tuple(
        _recipient(removal, today, due.get(removal.removal), receipts, findings)
        for removal in sorted(removals, key=lambda removal: removal.notified_position)
        if removal.notified_on is not None
    )
    states = [recipient.state for recipient in recipients]
    ended = record.ended
    exports = _exports(receipts)
    open_exports = ended is not None and any(e.removed_at is UNSET for e in exports)
    return RemovalAccount(
        record=name,
        entity=record.says.entity,
        unit=record.says.unit,
        title=record.says.title,
        ended=UNSET if ended is None else RecordEnd(ended.terminated_on, ended.reason),
        alterations=tuple(
            Alteration(
                position,
                event.altered_on,
                event.instrument,
                tuple(
                    ReceivedBy(way=r.way, first_at=r.first_at, position=r.position, unit=r.unit)
                    for r in receipts
                    if r.subject == f"altered:{position}"
                ),
            )
            for position, event in read(Alterations(name)).altered
        ),
        recipients=recipients,
        exports=exports,
        confirmed=sum(state.startswith("confirmed") for state in states),
        waiting=states.count("waiting"),
        overdue=states.count("overdue"),
        complete=not open_exports and all(state.startswith("confirmed") for state in states),
        uses_after_end=tuple(uses),
    )


def _exports(receipts: Sequence[Receipt]) -> tuple[Exported, ...]:
    """Return the exports of a record that were not followed by one of its removal, or were."""
    of_record = [r for r in receipts if r.subject.startswith("record:")]
    removed = {r.unit: r for r in of_record if r.way == "export_removed"}

    def removed_at(export: Receipt) -> str | UnsetType:
        removal = removed.get(export.unit)
        # One that was reinstated may have left again since.
        if removal is None or removal.position < export.position:
            return UNSET
        return removal.first_at

    return tuple(
        Exported(r.unit, r.first_at, removed_at(r)) for r in of_record if r.way == "export"
    )


def _recipient(
    removal: Removal,
    today: date,
    due_on: date | None,
    receipts: Sequence[Receipt],
    findings: Mapping[int, Sequence[str]],
) -> Recipient:
    assert removal.notified_on is not None
    state: RemovalState
    if removal.done:
        state = "confirmed_late" if removal.days_late > 0 else "confirmed"
    else:
        state = "overdue" if due_on is not None and today > due_on else "waiting"

    def received(subject: str) -> tuple[Received, ...]:
        return tuple(
            Received(r.way, r.first_at, r.position)
            for r in receipts
            if (r.unit, r.subject) == (removal.unit, subject)
        )

    return Recipient(
        removal=removal.removal,
        subscription=removal.subscription,
        unit=removal.unit,
        state=state,
        notified_on=removal.notified_on,
        due_on=_or_unset(due_on),
        reminded_on=_or_unset(removal.reminded_on),
        removed_on=_or_unset(removal.removed_on),
        acknowledged_on=_or_unset(removal.acknowledged_on),
        acknowledged_by=UNSET if removal.acknowledged_by is None else removal.acknowledged_by,
        days_late=removal.days_late,
        record_received=received(f"record:{removal.record}"),
        notice_received=received(f"removal:{removal.removal}"),
        findings=tuple(findings.get(removal.notified_position, ())),
    )


def _or_unset(day: date | None) -> date | UnsetType:
    return UNSET if day is None else day
