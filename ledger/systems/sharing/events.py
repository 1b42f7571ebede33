"""Events of sharing: subscriptions, what they received, and what they have to remove (2.4f)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Annotated, ClassVar

import msgspec

from ledger.general.vocabulary import EntityId, Name, RecordId, SubscriptionId, Text, UnitId
from ledger.kernel import Event, LegalRef, Value, subject
from ledger.systems.credit.events import TerminationReason

#: All subscriptions are about one feed; as a subject it leads to every one of them.
FeedName = Annotated[
    str, subject("feed", hideable=False, pattern=r"^[a-z][a-z-]{0,39}$", examples=["credit"])
]
RemovalId = Annotated[str, subject("removal")]

CREDIT_FEED = "credit"

#: ``filing.task-approved``, or ``filing.*`` for all of a system.
TypePattern = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z][a-z-]*\.(?:\*|[a-z][a-z-]*)(?![\s\S])", max_length=120)
]


class Filters(Value, omit_defaults=True):
    """What of the shared events a subscription asks for; an empty part asks for everything.

    ``types`` are types of events, ``units`` who determined, ``entities`` about whom.
    """

    types: Annotated[tuple[TypePattern, ...], msgspec.Meta(max_length=50)] = ()
    units: Annotated[tuple[UnitId, ...], msgspec.Meta(max_length=200)] = ()
    entities: Annotated[tuple[EntityId, ...], msgspec.Meta(max_length=1000)] = ()

    def fits(self, topic: str, tags: Collection[str]) -> bool:
        """Whether an event of a type, with these tags, is asked for."""
        return (
            (not self.types or any(matches(pattern, topic) for pattern in self.types))
            and (not self.units or any(f"unit:{unit}" in tags for unit in self.units))
            and (not self.entities or any(f"entity:{one}" in tags for one in self.entities))
        )


def matches(pattern: str, topic: str) -> bool:
    """Whether a type of event is meant by a pattern."""
    return topic == pattern or (pattern.endswith(".*") and topic.startswith(pattern[:-1]))


class FeedSubscribed(Event):
    """订阅信用信息: a partner's system may read what is shared, for a purpose (SHR-R1).

    ``unit`` is the subscriber. From now on it receives what its ``filters`` cover, and what they
    cover and is shown today as well: a feed is read from its beginning.
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
        """The subscriber."""
        return (f"handler:{self.unit}",)


class FeedUnsubscribed(Event):
    """终止订阅: a partner's system reads no more; what it has read, it still has to remove."""

    TOPIC: ClassVar[str] = "sharing.feed-unsubscribed"

    subscription: SubscriptionId
    unit: UnitId
    ended_on: date
    reason: Text
    feed: FeedName = CREDIT_FEED


class RecordShared(Event):
    """共享信用记录: a record that begins to be shown reaches these subscriptions; once for all.

    Nothing is recorded of the pages that are served. ``unit`` has determined the record.
    """

    TOPIC: ClassVar[str] = "sharing.record-shared"

    record: RecordId
    entity: EntityId
    unit: UnitId
    subscriptions: tuple[SubscriptionId, ...]
    shared_on: date


class RemovalNotified(Event):
    """移除通知: a subscriber that received a record has to remove it, and to confirm that.

    ``unit`` is the subscriber, ``determined_by`` the unit whose record it was; ``reason`` and
    ``ended_on`` say why and since when it may not be used (国办发〔2025〕22号). To be acknowledged
    within ``repair.sync_wd``. No filter keeps it from the subscriber.
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
        """The subscriber."""
        return (f"handler:{self.unit}",)


class RemovalReminded(Event):
    """催告移除: a subscriber has not confirmed after ``repair.sync_alert_wd``; time still runs."""

    TOPIC: ClassVar[str] = "sharing.removal-reminded"

    removal: RemovalId
    subscription: SubscriptionId
    unit: UnitId
    entity: EntityId
    record: RecordId


class RemovalAcknowledged(Event):
    """确认移除: a subscriber says that it has removed a record.

    ``removed_on`` is the day on which it did; ``days_late`` counts calendar days after
    ``repair.sync_wd``.
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
    """不予互认: a subscriber does not rely on a record that is shared with it, and says why."""

    TOPIC: ClassVar[str] = "sharing.recognition-declined"

    subscription: SubscriptionId
    unit: UnitId
    entity: EntityId
    record: RecordId
    reason: Text


class RecordUseReported(Event):
    """使用信用记录情况报告: somebody used a record against or for a business.

    ``unit`` is who used it; ``used_for`` the decision or procedure. ``counted`` says whether the
    record still counted on that day.
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
    """重复索要材料情况报告: a unit asked a business for what the ledger shares with it.

    ``unit`` is who asked; ``asked_for`` the paper or the data that ``record`` says already.
    ``shared`` says whether it was shared on that day.
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
