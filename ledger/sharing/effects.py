"""What becomes of sharing when a record begins to be shown, and when it ends."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.credit.events import CreditRecordEntered, TerminationReason
from ledger.credit.folds import Record
from ledger.kernel import Event, Reading
from ledger.sharing.events import CREDIT_FEED, RecordShared, RemovalNotified
from ledger.sharing.folds import Subscriptions, has_been_shown


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


def stop_sharing(ledger: Reading, record: Record, reason: TerminationReason) -> Iterator[Event]:
    """Tell every live subscription that received a record to remove it.

    Whoever subscribed after it was first shown has received it too. A record that has ended before
    was announced as removed then.
    """
    says = record.says
    assert says is not None
    if record.ended is not None or not has_been_shown(record, ledger.on):
        return
    for one in ledger.read(Subscriptions(CREDIT_FEED)).receiving(says):
        yield RemovalNotified(
            removal=ledger.name("RMV"),
            subscription=one.subscription,
            unit=one.unit,
            entity=says.entity,
            record=record.record,
            determined_by=says.unit,
            reason=reason,
            ended_on=ledger.on,
        )
