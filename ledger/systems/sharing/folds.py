"""Folds about sharing; each holds plain data, so that a view can store it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Literal

import msgspec

from ledger.general.vocabulary import RecordId, SubscriptionId
from ledger.kernel import Fold, LegalRef, Recorded, SubjectFold
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
    WebhookEnded,
    WebhookId,
    WebhookMoved,
    WebhookRegistered,
    WebhookSecretMade,
)

#: The types of events through which a subscriber learns of a record; each has the record's tags.
TELLS = (
    CreditRecordEntered.TOPIC,
    CreditRecordAltered.TOPIC,
    PublicityStarted.TOPIC,
    PublicityBoundsMoved.TOPIC,
    PublicitySuspended.TOPIC,
    PublicityResumed.TOPIC,
    PublicityReinstated.TOPIC,
)


#: How a removal was confirmed: by the subscriber's system with its token, by its signed answer to a
#: webhook, or typed by the lead department for it.
Acknowledged = Literal["own_token", "signed_answer", "office"]

#: The beginning of the person in whose name a signed answer is recorded; the webhook follows.
SIGNED_BY = "webhook-"


def covers(filters: Filters, says: CreditRecordEntered) -> bool:
    """Return whether a subscription with these filters receives a record that is shown."""
    return any(filters.fits(topic, says.tags()) for topic in TELLS)


class Told(msgspec.Struct, frozen=True):
    """A shared event that names a record: its type, its tags, and the first day of reading."""

    topic: str
    tags: tuple[str, ...]
    since: date


def told_of(says: CreditRecordEntered, since: date) -> list[Told]:
    """Return the shared events of a record itself; ``since`` is the day of its entry."""
    return [Told(topic, tuple(says.tags()), since) for topic in TELLS]


class Subscriptions(Fold):
    """Which subscriptions does this feed have, and which have ended?"""

    feed: FeedName
    live: dict[str, FeedSubscribed] = msgspec.field(default_factory=dict)
    #: The subscriptions that have ended, with their last day.
    ended: dict[str, tuple[FeedSubscribed, date]] = msgspec.field(default_factory=dict)

    def on_subscribed(self, event: FeedSubscribed) -> None:
        self.live[event.subscription] = event

    def on_unsubscribed(self, event: FeedUnsubscribed) -> None:
        subscribed = self.live.pop(event.subscription, None)
        if subscribed is not None:
            self.ended[event.subscription] = subscribed, event.ended_on

    def receiving(self, says: CreditRecordEntered) -> list[FeedSubscribed]:
        """Return the live subscriptions that receive a record once it is shown."""
        return [
            subscribed
            for _, subscribed in sorted(self.live.items())
            if covers(subscribed.filters, says)
        ]

    def having_read(self, told: Iterable[Told]) -> list[FeedSubscribed]:
        """Return the subscriptions, live or ended, that could read one of these events.

        A subscription can read a feed from its beginning up to the last day of the subscription.
        """
        told = list(told)
        every = {name: (live, date.max) for name, live in self.live.items()} | self.ended
        return [
            subscribed
            for _, (subscribed, last) in sorted(every.items())
            if any(
                event.since <= last and subscribed.filters.fits(event.topic, event.tags)
                for event in told
            )
        ]


def has_been_shown(record: Record, on: date) -> bool:
    """Return whether the record was shown to subscribers on or before a day."""
    if not record.exists or not record.says.public or on < record.says.determined_on:
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


class Subscription(SubjectFold):
    """What may this subscriber read, for which purpose, and which removals are outstanding?"""

    BEGUN = "subscribed_on"

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
    def live(self) -> bool:
        """Whether the subscription has not ended."""
        return self.exists and self.ended_on is None

    @property
    def owing(self) -> bool:
        """Whether at least one removal is not confirmed."""
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


class Removal(SubjectFold):
    """Which subscriber must remove which record, since when, and has it confirmed?"""

    BEGUN = "notified_on"

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
    acknowledged_by: Acknowledged | None = None
    days_late: int = 0

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
        actor = record.envelope.actor
        if actor.role != "subscriber_system":
            self.acknowledged_by = "office"
        elif actor.person_id.startswith(SIGNED_BY):
            self.acknowledged_by = "signed_answer"
        else:
            self.acknowledged_by = "own_token"


class RemovalsOf(Fold):
    """Which subscribers were told to remove this record, and which have confirmed?"""

    record: RecordId
    removals: dict[str, Removal] = msgspec.field(default_factory=dict)

    def on_removal(
        self, event: RemovalNotified | RemovalReminded | RemovalAcknowledged, record: Recorded
    ) -> None:
        self.removals.setdefault(event.removal, Removal(event.removal)).take(record)


class WebhooksOf(Fold):
    """Which live webhooks does this subscription have?"""

    subscription: SubscriptionId
    live: set[str] = msgspec.field(default_factory=set)

    def on_registered(self, event: WebhookRegistered) -> None:
        self.live.add(event.webhook)

    def on_ended(self, event: WebhookEnded) -> None:
        self.live.discard(event.webhook)


class Webhook(SubjectFold):
    """Where are the events of this subscription sent, and which secrets signed them?"""

    BEGUN = "registered_on"

    webhook: WebhookId
    subscription: str = ""
    unit: str = ""
    address: str = ""
    types: tuple[str, ...] = ()
    after: int = 0
    registered_on: date | None = None
    #: The ids of the secrets, oldest first; the service's own files say which are in use.
    secrets: list[str] = msgspec.field(default_factory=list)
    ended_on: date | None = None
    end_reason: str | None = None

    @property
    def live(self) -> bool:
        """Whether messages are sent."""
        return self.exists and self.ended_on is None

    def on_registered(self, event: WebhookRegistered, record: Recorded) -> None:
        self.subscription, self.unit = event.subscription, event.unit
        self.address, self.types = event.address, event.types
        self.after = record.position if event.after is None else event.after
        self.registered_on = event.registered_on

    def on_moved(self, event: WebhookMoved) -> None:
        self.address = event.address

    def on_secret(self, event: WebhookSecretMade) -> None:
        self.secrets.append(event.secret)

    def on_ended(self, event: WebhookEnded) -> None:
        self.ended_on, self.end_reason = event.ended_on, event.reason


__all__ = [
    "CREDIT_FEED",
    "SIGNED_BY",
    "TELLS",
    "Acknowledged",
    "Owed",
    "Removal",
    "RemovalsOf",
    "Subscription",
    "Subscriptions",
    "Told",
    "Webhook",
    "WebhooksOf",
    "covers",
    "has_been_shown",
    "told_of",
]
