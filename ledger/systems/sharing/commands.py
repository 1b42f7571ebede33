"""Commands of sharing: subscribe, confirm a removal, decline a record, report its use (2.4f)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Annotated

import msgspec

from ledger.general.findings import finding
from ledger.general.roles import UNIT, roles
from ledger.general.vocabulary import EntityId, Name, RecordId, SubscriptionId, Text, UnitId
from ledger.kernel import Act, Event, Inquiry, Malformed, OutOfStep, Report, message
from ledger.kernel.events import event_types
from ledger.systems.credit.folds import Record, record_of
from ledger.systems.sharing import rules
from ledger.systems.sharing.events import (
    Address,
    DeliveriesRepeated,
    FeedSubscribed,
    FeedUnsubscribed,
    Filters,
    Place,
    RecognitionDeclined,
    RecordUseReported,
    RemovalAcknowledged,
    RemovalId,
    RepeatedRequestReported,
    SecretId,
    TypePattern,
    WebhookEnded,
    WebhookId,
    WebhookMoved,
    WebhookRegistered,
    WebhookSecretMade,
    matches,
)
from ledger.systems.sharing.folds import (
    CREDIT_FEED,
    Removal,
    Subscription,
    Subscriptions,
    Webhook,
    WebhooksOf,
    covers,
    has_been_shown,
)

#: The lead department acts for all subscribers; a subscriber's system only for itself (2.4f).
_FOR_ALL = roles("credit_officer")


class SubscribeFeed(Act):
    """订阅信用信息: let a partner's system read shared information, for a purpose and under a law.

    ``unit`` is the subscriber. It receives only the events that ``filters`` select, and all notices
    to remove a record.
    """

    ROLES = roles("subscriber_system", "credit_officer")
    ANY_UNIT = _FOR_ALL

    subscription: SubscriptionId
    unit: UnitId
    purpose: Text | None = None
    filters: Filters = Filters()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(Subscription(self.subscription))
        missing = [
            text
            for text, value in (
                (message("sharing.no-purpose-given"), self.purpose),
                (message("sharing.no-legal-basis-cited"), self.legal_basis),
            )
            if not value
        ]
        inquiry.require(
            not missing, rules.SHR_R1, missing=message("general.clauses", clauses=missing)
        )
        assert self.purpose is not None
        _check_types(inquiry, self.filters.types, "/filters/types")
        yield FeedSubscribed(
            subscription=self.subscription,
            unit=self.unit,
            purpose=self.purpose,
            basis=self.legal_basis,
            filters=self.filters,
            subscribed_on=inquiry.on,
        )


class UnsubscribeFeed(Act):
    """终止订阅: end a subscription, so that the partner's system can no longer read."""

    ROLES = roles("subscriber_system", "credit_officer")

    subscription: SubscriptionId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        subscription = _subscription(inquiry, self.subscription)
        if not subscription.live:
            raise OutOfStep(
                "sharing.subscription-already-ended",
                subscription=self.subscription,
                ended_on=subscription.ended_on,
            )
        yield FeedUnsubscribed(
            subscription=self.subscription,
            unit=subscription.unit,
            ended_on=inquiry.on,
            reason=self.reason,
        )


class AcknowledgeRemoval(Report):
    """确认移除: confirm that the subscriber removed the record that a notice names."""

    ROLES = roles("subscriber_system", "credit_officer")

    removal: RemovalId
    removed_on: date

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        hint = message("sharing.use-removal-id-notice-feed")
        notice = inquiry.own(Removal(self.removal), hint, any_unit=_FOR_ALL)
        if notice.done:
            raise OutOfStep(
                "sharing.removal-already-acknowledged",
                removal=self.removal,
                acknowledged_on=notice.acknowledged_on,
            )
        assert notice.notified_on is not None
        if not notice.notified_on <= self.removed_on <= inquiry.on:
            raise Malformed(
                "sharing.removed-on-must-lie-between-notice",
                pointer="/removed_on",
                notified_on=notice.notified_on,
                on=inquiry.on,
                removed_on=self.removed_on,
            )
        opening = inquiry.opening(notice.notified_position)
        due = inquiry.due(rules.ACKNOWLEDGE, opening)
        yield RemovalAcknowledged(
            removal=self.removal,
            subscription=notice.subscription,
            unit=notice.unit,
            entity=notice.entity,
            record=notice.record,
            removed_on=self.removed_on,
            days_late=inquiry.days_after(due),
        )


class DeclineRecognition(Report):
    """不予互认: record that the subscriber does not rely on a shared record."""

    ROLES = roles("subscriber_system", "credit_officer")

    subscription: SubscriptionId
    record: RecordId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        subscription = _subscription(inquiry, self.subscription)
        _reveal_shared(inquiry, self.record, [subscription.filters])
        record = inquiry.known(Record(self.record))
        if not covers(subscription.filters, record.says) or not has_been_shown(record, inquiry.on):
            raise OutOfStep(
                "sharing.record-must-be-shared", record=self.record, subscription=self.subscription
            )
        if self.record in subscription.declined:
            raise OutOfStep("sharing.record-already-declined", record=self.record)
        yield RecognitionDeclined(
            subscription=self.subscription,
            unit=subscription.unit,
            entity=record.says.entity,
            record=self.record,
            reason=self.reason,
        )


class ReportRecordUse(Report):
    """报告信用记录使用情况: report the use of a record; raises SHR-V1 if it was no longer live."""

    ROLES = roles("entity_rep", "subscriber_system", "jb_supervisor", "credit_officer", *UNIT)
    ANY_UNIT = roles("credit_officer", "entity_rep", "jb_supervisor", "subscriber_system")

    record: RecordId
    entity: EntityId
    unit: UnitId
    used_on: date
    used_for: Text
    evidence: tuple[Name, ...] = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        if inquiry.actor.role == "subscriber_system":
            live = inquiry.read(Subscriptions(CREDIT_FEED)).live.values()
            own = [sub.filters for sub in live if sub.unit == inquiry.actor.unit_id]
            _reveal_shared(inquiry, self.record, own)
        record = record_of(inquiry, self.record, self.entity)
        _not_ahead(inquiry, self.used_on, "/used_on")
        counted = record.live(self.used_on)
        yield RecordUseReported(
            record=self.record,
            entity=self.entity,
            unit=self.unit,
            used_on=self.used_on,
            used_for=self.used_for,
            counted=counted,
            evidence=self.evidence,
        )
        if not counted:
            yield finding(
                inquiry,
                rules.SHR_V1,
                unit=self.unit,
                entity=self.entity,
                record=self.record,
                used_on=self.used_on.isoformat(),
                ended_because=record.void_because(self.used_on) or "not in force",
            )


class ReportRepeatedRequest(Report):
    """报告重复索要材料: report a request for data; raises SHR-V2 if a record already shares it."""

    ROLES = roles("entity_rep", "jb_supervisor", "credit_officer", *UNIT)
    ANY_UNIT = roles("credit_officer", "entity_rep", "jb_supervisor")

    record: RecordId
    entity: EntityId
    unit: UnitId
    asked_on: date
    asked_for: Text
    evidence: tuple[Name, ...] = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        record = record_of(inquiry, self.record, self.entity)
        _not_ahead(inquiry, self.asked_on, "/asked_on")
        # Records that will become public are shared among the authorities from their entry on.
        shared = (
            record.says.public
            and record.entered.occurred_on <= self.asked_on
            and record.live(self.asked_on)
        )
        yield RepeatedRequestReported(
            record=self.record,
            entity=self.entity,
            unit=self.unit,
            asked_on=self.asked_on,
            asked_for=self.asked_for,
            shared=shared,
            evidence=self.evidence,
        )
        if shared:
            yield finding(
                inquiry,
                rules.SHR_V2,
                unit=self.unit,
                entity=self.entity,
                record=self.record,
                asked_on=self.asked_on.isoformat(),
                asked_for=self.asked_for,
            )


class RegisterWebhook(Act):
    """登记推送地址: have the events of a subscription sent to an address of the subscriber.

    The messages are those of the feed, in its order, each signed (standardwebhooks.com). They begin
    after the position ``after``, by default with what is recorded from now on. ``types`` narrow the
    filters of the subscription; notices to remove a record are always sent. Nothing is sent until
    the webhook has a secret.
    """

    ROLES = roles("subscriber_system", "credit_officer")

    webhook: WebhookId
    subscription: SubscriptionId
    address: Address
    types: Annotated[tuple[TypePattern, ...], msgspec.Meta(max_length=50)] = ()
    after: Place | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(Webhook(self.webhook))
        subscription = _subscription(inquiry, self.subscription)
        if not subscription.live:
            raise OutOfStep(
                "sharing.subscription-already-ended",
                subscription=self.subscription,
                ended_on=subscription.ended_on,
            )
        _check_types(inquiry, self.types, "/types")
        if len(inquiry.read(WebhooksOf(self.subscription)).live) >= rules.MOST_WEBHOOKS:
            raise OutOfStep(
                "sharing.too-many-webhooks",
                subscription=self.subscription,
                most=rules.MOST_WEBHOOKS,
            )
        yield WebhookRegistered(
            webhook=self.webhook,
            subscription=self.subscription,
            unit=subscription.unit,
            address=self.address,
            after=self.after,
            registered_on=inquiry.on,
            types=self.types,
        )


class MoveWebhook(Act):
    """变更推送地址: have the messages of a webhook sent to another address.

    A webhook that its receiver stopped (status 410) resumes, also at the same address.
    """

    ROLES = roles("subscriber_system", "credit_officer")

    webhook: WebhookId
    address: Address

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        webhook = _webhook(inquiry, self.webhook)
        yield WebhookMoved(
            webhook=self.webhook,
            subscription=webhook.subscription,
            unit=webhook.unit,
            address=self.address,
        )


class EndWebhook(Act):
    """停用推送地址: end a webhook; what was not sent yet is in the feed."""

    ROLES = roles("subscriber_system", "credit_officer")

    webhook: WebhookId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        webhook = _webhook(inquiry, self.webhook)
        yield WebhookEnded(
            webhook=self.webhook,
            subscription=webhook.subscription,
            unit=webhook.unit,
            ended_on=inquiry.on,
            reason=self.reason,
        )


class NoteWebhookSecret(Act):
    """生成推送密钥: note that the service made a secret; the service sends this itself."""

    SENT = False

    webhook: WebhookId
    secret: SecretId
    overlap_hours: int

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        webhook = _webhook(inquiry, self.webhook)
        yield WebhookSecretMade(
            webhook=self.webhook,
            subscription=webhook.subscription,
            unit=webhook.unit,
            secret=self.secret,
            overlap_hours=self.overlap_hours,
        )


class RepeatDeliveries(Act):
    """重新推送: send the messages from one position to another once more, the parked ones too.

    They are sent before what follows, each under the id that it had. A message about a record that
    the subscriber has been told to remove since is not sent again.
    """

    ROLES = roles("subscriber_system", "credit_officer")

    webhook: WebhookId
    first: Place
    last: Place

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        webhook = _webhook(inquiry, self.webhook)
        if not 1 <= self.first <= self.last <= self.first + rules.MOST_REPEATED - 1:
            raise Malformed(
                "sharing.range-must-be-in-order-and-short",
                pointer="/last",
                first=self.first,
                last=self.last,
                most=rules.MOST_REPEATED,
            )
        yield DeliveriesRepeated(
            webhook=self.webhook,
            subscription=webhook.subscription,
            unit=webhook.unit,
            first=self.first,
            last=self.last,
        )


def _check_types(inquiry: Inquiry, types: Iterable[str], pointer: str) -> None:
    """Refuse patterns that cover sealed data, or nothing."""
    for place, pattern in enumerate(types):
        sealed = rules.sealed_types(pattern)
        inquiry.require(not sealed, rules.SHR_R2, pattern=pattern, sealed=sealed)
        if not any(matches(pattern, topic) for topic in event_types()):
            raise Malformed(
                "sharing.filter-must-match-least-one-type",
                pointer=f"{pointer}/{place}",
                pattern=pattern,
            )


def _webhook(inquiry: Inquiry, name: str) -> Webhook:
    webhook = inquiry.own(Webhook(name), "sharing.register-webhook-first", any_unit=_FOR_ALL)
    if not webhook.live:
        raise OutOfStep("sharing.webhook-already-ended", webhook=name, ended_on=webhook.ended_on)
    return webhook


def _subscription(inquiry: Inquiry, name: str) -> Subscription:
    return inquiry.own(Subscription(name), "sharing.subscribe-first", any_unit=_FOR_ALL)


def _reveal_shared(inquiry: Inquiry, record: str, filters: Iterable[Filters]) -> None:
    """Let the sender know of a record that was shared through one of the filters.

    A record that is not published yet, or never will be, was not shared with anybody.
    """
    known = inquiry.read_true(Record(record))
    says = known.content
    if says is None or not has_been_shown(known, inquiry.on):
        return
    if any(covers(each, says) for each in filters):
        inquiry.reveal("record", record)


def _not_ahead(inquiry: Inquiry, day: date, pointer: str) -> None:
    if day > inquiry.on:
        raise Malformed(
            "sharing.must-not-lie-after", pointer=pointer, place=pointer[1:], on=inquiry.on, day=day
        )
