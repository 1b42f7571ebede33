"""Events of sharing: subscriptions, the records they received and their removal (2.4f)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Annotated, ClassVar

import msgspec

from ledger.general.vocabulary import EntityId, Name, RecordId, SubscriptionId, Text, UnitId
from ledger.kernel import Event, LegalRef, Value, subject
from ledger.systems.credit.events import TerminationReason

#: All subscriptions are to one feed; as a subject it leads to all of them.
FeedName = Annotated[
    str, subject("feed", hideable=False, pattern=r"^[a-z][a-z-]{0,39}$", examples=["credit"])
]
RemovalId = Annotated[str, subject("removal")]
WebhookId = Annotated[str, subject("webhook")]

#: Where messages are sent. It must not contain a user name or password: everybody who reads the
#: event would know them.
Address = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^https?://[^\s/?#@\\]+(?:[/?][^\s#]*)?(?![\s\S])",
        max_length=500,
        examples=["https://partner.example.cn/ledger"],
    ),
]

#: The beginning of the SHA-256 of a secret of 256 random bits; it tells nothing about the secret.
SecretId = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9a-f]{16}(?![\s\S])", examples=["4f0c2a9be1d37758"])
]

#: The position of an event.
Place = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]

CREDIT_FEED = "credit"

#: A type of event, ``filing.task-approved``, or all types of a system, ``filing.*``.
TypePattern = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z][a-z-]*\.(?:\*|[a-z][a-z-]*)(?![\s\S])", max_length=120)
]


class Filters(Value, omit_defaults=True):
    """The shared events that a subscription asks for; an empty part does not restrict it.

    ``types`` are types of events, ``units`` the units that determined the records, ``entities`` the
    businesses concerned.
    """

    types: Annotated[tuple[TypePattern, ...], msgspec.Meta(max_length=50)] = ()
    units: Annotated[tuple[UnitId, ...], msgspec.Meta(max_length=200)] = ()
    entities: Annotated[tuple[EntityId, ...], msgspec.Meta(max_length=1000)] = ()

    def fits(self, topic: str, tags: Collection[str]) -> bool:
        """Return whether the filters cover an event of a type with these tags."""
        return (
            (not self.types or any(matches(pattern, topic) for pattern in self.types))
            and (not self.units or any(f"unit:{unit}" in tags for unit in self.units))
            and (not self.entities or any(f"entity:{entity}" in tags for entity in self.entities))
        )


def matches(pattern: str, topic: str) -> bool:
    """Return whether a pattern covers a type of event."""
    return topic == pattern or (pattern.endswith(".*") and topic.startswith(pattern[:-1]))


class FeedSubscribed(Event):
    """订阅信用信息: a partner's system may read shared information for a purpose (SHR-R1).

    ``unit`` is the subscriber. It receives everything that its ``filters`` cover, including records
    that are already shown, because a feed is read from its beginning.
    """

    TOPIC: ClassVar[str] = "sharing.feed-subscribed"

    subscription: SubscriptionId
    unit: UnitId
    purpose: Text
    basis: tuple[LegalRef, ...]
    filters: Filters
    subscribed_on: date
    feed: FeedName = CREDIT_FEED

    def known_to(self) -> tuple[str, ...]:
        """Return the subscriber."""
        return (f"handler:{self.unit}",)


class FeedUnsubscribed(Event):
    """终止订阅: a partner's system stops reading; it must still remove records when they end."""

    TOPIC: ClassVar[str] = "sharing.feed-unsubscribed"

    subscription: SubscriptionId
    unit: UnitId
    ended_on: date
    reason: Text
    feed: FeedName = CREDIT_FEED


class RecordShared(Event):
    """共享信用记录: a record is shown for the first time and shared with these subscriptions.

    This is recorded once; serving the pages of the feed is not recorded. ``unit`` determined the
    record.
    """

    TOPIC: ClassVar[str] = "sharing.record-shared"

    record: RecordId
    entity: EntityId
    unit: UnitId
    subscriptions: tuple[SubscriptionId, ...]
    shared_on: date


class RemovalNotified(Event):
    """移除通知: a subscriber that received a record must remove it and confirm the removal.

    ``unit`` is the subscriber, ``determined_by`` the unit that determined the record; ``reason``
    and ``ended_on`` say why and since when it must not be used (国办发〔2025〕22号). The subscriber
    must confirm within ``repair.sync_wd``. Filters do not apply to this event.
    """

    TOPIC: ClassVar[str] = "sharing.removal-notified"

    removal: RemovalId
    subscription: SubscriptionId
    unit: UnitId
    entity: EntityId
    record: RecordId
    determined_by: UnitId
    reason: TerminationReason
    ended_on: date

    def known_to(self) -> tuple[str, ...]:
        """Return the subscriber."""
        return (f"handler:{self.unit}",)


class RemovalReminded(Event):
    """催告移除: a subscriber is reminded; it did not confirm within ``repair.sync_alert_wd``."""

    TOPIC: ClassVar[str] = "sharing.removal-reminded"

    removal: RemovalId
    subscription: SubscriptionId
    unit: UnitId
    entity: EntityId
    record: RecordId


class RemovalAcknowledged(Event):
    """确认移除: a subscriber confirms that it removed a record on ``removed_on``.

    ``days_late`` counts calendar days after ``repair.sync_wd``.
    """

    TOPIC: ClassVar[str] = "sharing.removal-acknowledged"

    removal: RemovalId
    subscription: SubscriptionId
    unit: UnitId
    entity: EntityId
    record: RecordId
    removed_on: date
    days_late: int = 0


class RecognitionDeclined(Event):
    """不予互认: a subscriber does not rely on a shared record, and says why."""

    TOPIC: ClassVar[str] = "sharing.recognition-declined"

    subscription: SubscriptionId
    unit: UnitId
    entity: EntityId
    record: RecordId
    reason: Text


class RecordUseReported(Event):
    """使用信用记录情况报告: a unit used a credit record for or against a business.

    ``unit`` is the unit that used it; ``used_for`` is the decision or procedure. ``counted`` says
    whether the record still counted on that day.
    """

    TOPIC: ClassVar[str] = "sharing.record-use-reported"
    CORRECTABLE = frozenset({"used_for", "evidence"})

    record: RecordId
    entity: EntityId
    unit: UnitId
    used_on: date
    used_for: Text
    counted: bool
    evidence: tuple[Name, ...] = ()


class RepeatedRequestReported(Event):
    """重复索要材料情况报告: a unit asked a business for information that is shared already.

    ``unit`` is the unit that asked; ``asked_for`` is the document or the data, which ``record``
    contains. ``shared`` says whether the record was shared with the unit on that day.
    """

    TOPIC: ClassVar[str] = "sharing.repeated-request-reported"
    CORRECTABLE = frozenset({"asked_for", "evidence"})

    record: RecordId
    entity: EntityId
    unit: UnitId
    asked_on: date
    asked_for: Text
    shared: bool
    evidence: tuple[Name, ...] = ()


class WebhookRegistered(Event):
    """登记推送地址: the events of a subscription are also sent to an address of the subscriber.

    ``unit`` is the subscriber. Messages begin after the position ``after``; without it, after this
    event. ``types`` narrow the filters of the subscription; notices to remove a record are sent
    whatever they are.
    """

    TOPIC: ClassVar[str] = "sharing.webhook-registered"

    webhook: WebhookId
    subscription: SubscriptionId
    unit: UnitId
    address: Address
    registered_on: date
    types: tuple[TypePattern, ...] = ()
    after: Place | None = None

    def known_to(self) -> tuple[str, ...]:
        """Return the subscriber."""
        return (f"handler:{self.unit}",)


class WebhookMoved(Event):
    """变更推送地址: messages are sent to another address from now on; a stopped webhook resumes."""

    TOPIC: ClassVar[str] = "sharing.webhook-moved"

    webhook: WebhookId
    subscription: SubscriptionId
    unit: UnitId
    address: Address


class WebhookEnded(Event):
    """停用推送地址: nothing is sent to the address any more."""

    TOPIC: ClassVar[str] = "sharing.webhook-ended"

    webhook: WebhookId
    subscription: SubscriptionId
    unit: UnitId
    ended_on: date
    reason: Text


class WebhookSecretMade(Event):
    """生成推送密钥: a new secret signs the messages of a webhook.

    ``secret`` identifies the secret and does not reveal it. The earlier ones sign too, for
    ``overlap_hours`` more hours.
    """

    TOPIC: ClassVar[str] = "sharing.webhook-secret-made"

    webhook: WebhookId
    subscription: SubscriptionId
    unit: UnitId
    secret: SecretId
    overlap_hours: int


class DeliveriesRepeated(Event):
    """重新推送: the messages of a range of positions are sent to a webhook once more."""

    TOPIC: ClassVar[str] = "sharing.deliveries-repeated"

    webhook: WebhookId
    subscription: SubscriptionId
    unit: UnitId
    first: Place
    last: Place
