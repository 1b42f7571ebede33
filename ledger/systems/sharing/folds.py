"""Folds about sharing; each holds plain data, so that a view may keep it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec

from ledger.general.vocabulary import RecordId, SubscriptionId
from ledger.kernel import Fold, LegalRef, Recorded
from ledger.systems.credit.events import (
    CreditRecordAltered,
    CreditRecordEntered,
    PublicityBoundsMoved,
    PublicityReinstated,
    PublicityResumed,
    PublicityStarted,
    PublicitySuspended,
)
from ledger.systems.credit.folds import Record
from ledger.systems.sharing.events import (
    CREDIT_FEED,
    FeedName,
    FeedSubscribed,
    FeedUnsubscribed,
    Filters,
    RecognitionDeclined,
    RecordShared,
    RemovalAcknowledged,
    RemovalId,
    RemovalNotified,
    RemovalReminded,
)

#: What tells a subscriber of a record: each has its tags.
TELLS = (
    CreditRecordEntered.TOPIC,
    CreditRecordAltered.TOPIC,
    PublicityStarted.TOPIC,
    PublicityBoundsMoved.TOPIC,
    PublicitySuspended.TOPIC,
    PublicityResumed.TOPIC,
    PublicityReinstated.TOPIC,
)


def covers(filters: Filters, says: CreditRecordEntered) -> bool:
    """Whether a subscription with these filters receives a record that is shown."""
    return any(filters.fits(topic, says.tags()) for topic in TELLS)


class Told(msgspec.Struct, frozen=True):
    """A shared event that names a record: its type, its tags, and since when it could be read."""

    topic: str
    tags: tuple[str, ...]
    since: date


def told_of(says: CreditRecordEntered, since: date) -> list[Told]:
    """What tells of a record by itself; ``since`` is the day on which it was recorded."""
    return [Told(topic, tuple(says.tags()), since) for topic in TELLS]


class Subscriptions(Fold):
    """Who subscribes to a feed, and to what of it?"""

    feed: FeedName
    live: dict[str, FeedSubscribed] = msgspec.field(default_factory=dict)
    #: Those that read no more, with their last day.
    ended: dict[str, tuple[FeedSubscribed, date]] = msgspec.field(default_factory=dict)

    def on_subscribed(self, event: FeedSubscribed) -> None:
        self.live[event.subscription] = event

    def on_unsubscribed(self, event: FeedUnsubscribed) -> None:
        one = self.live.pop(event.subscription, None)
        if one is not None:
            self.ended[event.subscription] = one, event.ended_on

    def receiving(self, says: CreditRecordEntered) -> list[FeedSubscribed]:
        """The live subscriptions that receive a record once it is shown."""
        return [one for _, one in sorted(self.live.items()) if covers(one.filters, says)]

    def having_read(self, told: Iterable[Told]) -> list[FeedSubscribed]:
        """The subscriptions that could read one of these, live or not: a feed is read from its
        beginning, until the last day of the subscription.
        """
        told = list(told)
        every = {name: (one, date.max) for name, one in self.live.items()} | self.ended
        return [
            one
            for _, (one, last) in sorted(every.items())
            if any(each.since <= last and one.filters.fits(each.topic, each.tags) for each in told)
        ]


def has_been_shown(record: Record, on: date) -> bool:
    """Whether subscribers have had this record: from the day it was first shown, for good."""
    if record.says is None or not record.says.public or on < record.says.determined_on:
        return False
    if record.started is not None:
        return record.started.started_on <= on
    return record.says.severity is None


class Owed(msgspec.Struct):
    """A removal that a subscriber has not confirmed."""

    record: str
    entity: str
    reason: str
    notified_on: date
    reminded_on: date | None = None


class Subscription(Fold):
    """What may this subscriber read and for what, and which removals does it owe?"""

    subscription: SubscriptionId
    unit: str = ""
    purpose: str = ""
    basis: tuple[LegalRef, ...] = ()
    filters: Filters = Filters()
    subscribed_on: date | None = None
    ended_on: date | None = None
    end_reason: str | None = None
    records_shared: int = 0
    owed: dict[str, Owed] = msgspec.field(default_factory=dict)
    acknowledged: int = 0
    acknowledged_late: int = 0
    declined: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def exists(self) -> bool:
        return self.subscribed_on is not None

    @property
    def live(self) -> bool:
        """Whether it still reads."""
        return self.exists and self.ended_on is None

    @property
    def owing(self) -> bool:
        """Whether a removal is not confirmed."""
        return bool(self.owed)

    def on_subscribed(self, event: FeedSubscribed) -> None:
        self.unit, self.purpose, self.basis = event.unit, event.purpose, event.basis
        self.filters, self.subscribed_on = event.filters, event.subscribed_on

    def on_unsubscribed(self, event: FeedUnsubscribed) -> None:
        self.ended_on, self.end_reason = event.ended_on, event.reason

    def on_shared(self, event: RecordShared) -> None:
        self.records_shared += 1

    def on_notified(self, event: RemovalNotified, record: Recorded) -> None:
        self.owed[event.removal] = Owed(
            event.record, event.entity, event.reason, record.occurred_on
        )

    def on_reminded(self, event: RemovalReminded, record: Recorded) -> None:
        if event.removal in self.owed:
            self.owed[event.removal].reminded_on = record.occurred_on

    def on_acknowledged(self, event: RemovalAcknowledged) -> None:
        if self.owed.pop(event.removal, None) is not None:
            self.acknowledged += 1
            self.acknowledged_late += event.days_late > 0

    def on_declined(self, event: RecognitionDeclined) -> None:
        self.declined[event.record] = event.reason


class Removal(Fold):
    """What has to be removed by whom, since when, and was it?"""

    removal: RemovalId
    subscription: str = ""
    unit: str = ""
    entity: str = ""
    record: str = ""
    determined_by: str = ""
    reason: str = ""
    ended_on: date | None = None
    notified_on: date | None = None
    notified_position: int = 0
    reminded_on: date | None = None
    removed_on: date | None = None
    acknowledged_on: date | None = None
    days_late: int = 0

    @property
    def exists(self) -> bool:
        return self.notified_on is not None

    @property
    def done(self) -> bool:
        """Whether the subscriber has confirmed."""
        return self.acknowledged_on is not None

    def on_notified(self, event: RemovalNotified, record: Recorded) -> None:
        self.subscription, self.unit = event.subscription, event.unit
        self.entity, self.record = event.entity, event.record
        self.determined_by, self.reason = event.determined_by, event.reason
        self.ended_on, self.notified_on = event.ended_on, record.occurred_on
        self.notified_position = record.position

    def on_reminded(self, event: RemovalReminded, record: Recorded) -> None:
        self.reminded_on = record.occurred_on

    def on_acknowledged(self, event: RemovalAcknowledged, record: Recorded) -> None:
        self.removed_on, self.acknowledged_on = event.removed_on, record.occurred_on
        self.days_late = event.days_late


class RemovalsOf(Fold):
    """Who was told to remove this record, each time that it ended, and who has confirmed?"""

    record: RecordId
    removals: dict[str, Removal] = msgspec.field(default_factory=dict)

    def on_removal(
        self, event: RemovalNotified | RemovalReminded | RemovalAcknowledged, record: Recorded
    ) -> None:
        self.removals.setdefault(event.removal, Removal(event.removal)).take(record)


__all__ = [
    "CREDIT_FEED",
    "TELLS",
    "Owed",
    "Removal",
    "RemovalsOf",
    "Subscription",
    "Subscriptions",
    "Told",
    "covers",
    "has_been_shown",
    "told_of",
]
