"""What becomes of sharing when a record begins to be shown, and when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from msgspec.structs import replace

from ledger.kernel import Event, Reading
from ledger.kernel.events import civil_date
from ledger.systems.credit.events import CreditRecordEntered, TerminationReason
from ledger.systems.credit.folds import Record
from ledger.systems.dishonesty.folds import Sanctions, SeriousListing
from ledger.systems.grading.folds import CreditGrade
from ledger.systems.penalties.folds import Decision
from ledger.systems.sharing.events import CREDIT_FEED, RecordShared, RemovalNotified
from ledger.systems.sharing.folds import Subscriptions, Told, told_of

_ONE_DAY = timedelta(days=1)


def share(ledger: Reading, says: CreditRecordEntered) -> Iterator[Event]:
    """Note which subscriptions receive a record that is shown from today on."""
    receiving = ledger.read(Subscriptions(CREDIT_FEED)).receiving(says)
    if says.public and receiving:
        yield RecordShared(
            record=says.record,
            entity=says.entity,
            unit=says.unit,
            subscriptions=tuple(one.subscription for one in receiving),
            shared_on=ledger.on,
        )


def _told(ledger: Reading, record: Record) -> Iterator[Told]:
    """Every shared event that names a record, since it came back if an end of it was undone."""
    assert record.entered is not None
    back = max((gap.last for gap in record.gaps if gap.last is not None), default=None)
    for told in _named(ledger, record):
        yield told if back is None else replace(told, since=max(told.since, back + _ONE_DAY))


def _named(ledger: Reading, record: Record) -> Iterator[Told]:
    assert record.entered is not None
    assert record.says is not None
    yield from told_of(record.says, civil_date(record.entered.envelope.recorded_at))
    listed = ledger.read(SeriousListing(record.record)).added
    if listed is not None:
        yield Told(listed.TOPIC, tuple(listed.tags()), listed.listed_on)
    for sanction in ledger.read(Sanctions(record.says.entity)).applied.values():
        if sanction.record == record.record:
            yield Told(sanction.TOPIC, tuple(sanction.tags()), sanction.applied_on)
    if record.says.decision is not None:
        decision = ledger.read(Decision(record.says.decision))
        if (published := decision.published) is not None:
            yield Told(published.TOPIC, tuple(published.tags()), published.published_on)
        for withdrawn in decision.withdrawals:
            yield Told(withdrawn.TOPIC, tuple(withdrawn.tags()), withdrawn.withdrawn_on)
    for assigned in ledger.read(CreditGrade(record.says.entity)).assigned:
        grade = assigned.event
        if any(factor.record == record.record for factor in grade.factors):
            yield Told(grade.TOPIC, tuple(grade.tags()), grade.assessed_on)


def stop_sharing(ledger: Reading, record: Record, reason: TerminationReason) -> Iterator[Event]:
    """Tell every subscription that could read of a record to remove it.

    Whoever subscribed after it was entered has read it too, and whoever reads no more holds it all
    the same. A record that has ended before was announced as removed then.
    """
    says = record.says
    assert says is not None
    if record.ended is not None or not says.public:
        return
    for one in ledger.read(Subscriptions(CREDIT_FEED)).having_read(_told(ledger, record)):
        yield RemovalNotified(
            removal=ledger.name("RMV"),
            subscription=one.subscription,
            unit=one.unit,
            entity=says.entity,
            record=record.record,
            determined_by=record.determined_by,
            reason=reason,
            ended_on=ledger.on,
        )
