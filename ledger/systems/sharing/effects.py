"""The events of sharing when a record is first shown, and when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from msgspec.structs import replace

from ledger.kernel import Event, Inquiry
from ledger.kernel.events import civil_date
from ledger.systems.credit.events import CreditRecordEntered, TerminationReason
from ledger.systems.credit.folds import Record
from ledger.systems.dishonesty.folds import Sanctions, SeriousListing
from ledger.systems.grading.folds import CreditGrade
from ledger.systems.penalties.folds import Decision
from ledger.systems.sharing.events import CREDIT_FEED, RecordShared, RemovalNotified
from ledger.systems.sharing.folds import Subscriptions, Told, told_of

_ONE_DAY = timedelta(days=1)


def share(inquiry: Inquiry, says: CreditRecordEntered) -> Iterator[Event]:
    """Record which subscriptions receive a record that is shown from today on."""
    receiving = inquiry.read(Subscriptions(CREDIT_FEED)).receiving(says)
    if says.public and receiving:
        yield RecordShared(
            record=says.record,
            entity=says.entity,
            unit=says.unit,
            subscriptions=tuple(subscribed.subscription for subscribed in receiving),
            shared_on=inquiry.on,
        )


def _told(inquiry: Inquiry, record: Record) -> Iterator[Told]:
    """Yield every shared event that names a record.

    If an end of the record was undone, only the time since its return counts.
    """
    back = max((gap.last for gap in record.gaps if gap.last is not None), default=None)
    for told in _named(inquiry, record):
        yield told if back is None else replace(told, since=max(told.since, back + _ONE_DAY))


def _named(inquiry: Inquiry, record: Record) -> Iterator[Told]:
    yield from told_of(record.says, civil_date(record.entered.envelope.recorded_at))
    listed = inquiry.read(SeriousListing(record.record)).added
    if listed is not None:
        yield Told(listed.TOPIC, tuple(listed.tags()), listed.listed_on)
    for sanction in inquiry.read(Sanctions(record.says.entity)).applied.values():
        if sanction.record == record.record:
            yield Told(sanction.TOPIC, tuple(sanction.tags()), sanction.applied_on)
    if record.says.decision is not None:
        decision = inquiry.read(Decision(record.says.decision))
        if (published := decision.published) is not None:
            yield Told(published.TOPIC, tuple(published.tags()), published.published_on)
        for withdrawn in decision.withdrawals:
            yield Told(withdrawn.TOPIC, tuple(withdrawn.tags()), withdrawn.withdrawn_on)
    for assigned in inquiry.read(CreditGrade(record.says.entity)).assigned:
        grade = assigned.event
        if any(factor.record == record.record for factor in grade.factors):
            yield Told(grade.TOPIC, tuple(grade.tags()), grade.assessed_on)


def stop_sharing(inquiry: Inquiry, record: Record, reason: TerminationReason) -> Iterator[Event]:
    """Tell every subscription that could read a record to remove it.

    This includes subscriptions that began after the record was entered, and subscriptions that have
    ended but may still hold the record. If the record has ended before, its removal was notified
    then.
    """
    says = record.says
    if record.ended is not None or not says.public:
        return
    for subscribed in inquiry.read(Subscriptions(CREDIT_FEED)).having_read(_told(inquiry, record)):
        yield RemovalNotified(
            removal=inquiry.name("RMV"),
            subscription=subscribed.subscription,
            unit=subscribed.unit,
            entity=says.entity,
            record=record.record,
            determined_by=record.determined_by,
            reason=reason,
            ended_on=inquiry.on,
        )
