"""Commands of sharing: subscribe, confirm a removal, decline a record, report its use (2.4f)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from ledger.general.roles import UNIT, roles
from ledger.general.vocabulary import EntityId, Name, RecordId, SubscriptionId, Text, UnitId
from ledger.kernel import Act, Event, Malformed, OutOfStep, Reading, Report
from ledger.kernel.events import event_types
from ledger.systems.credit.folds import Record, record_of
from ledger.systems.sharing import rules
from ledger.systems.sharing.events import (
    FeedSubscribed,
    FeedUnsubscribed,
    Filters,
    RecognitionDeclined,
    RecordUseReported,
    RemovalAcknowledged,
    RemovalId,
    RepeatedRequestReported,
    matches,
)
from ledger.systems.sharing.folds import (
    CREDIT_FEED,
    Removal,
    Subscription,
    Subscriptions,
    covers,
    has_been_shown,
)
from ledger.systems.supervision.findings import finding


class SubscribeFeed(Act):
    """订阅信用信息: let a partner's system read what is shared, for a purpose and under a law.

    ``unit`` is the subscriber. What ``filters`` leave out does not reach it, but for the notices
    that it has to remove something.
    """

    ROLES = roles("subscriber_system", "credit_officer")
    ACTS_FOR = "unit"
    ANY_UNIT = roles("credit_officer")

    subscription: SubscriptionId
    unit: UnitId
    purpose: Text | None = None
    filters: Filters = Filters()

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.new(Subscription(self.subscription))
        missing = [
            what
            for what, there in (
                ("no purpose is given", self.purpose),
                ("no legal basis is cited", self.legal_basis),
            )
            if not there
        ]
        ledger.require(not missing, rules.SHR_R1, missing="; ".join(missing))
        assert self.purpose is not None
        for place, pattern in enumerate(self.filters.types):
            sealed = rules.sealed_types(pattern)
            ledger.require(not sealed, rules.SHR_R2, pattern=pattern, sealed=", ".join(sealed))
            if not any(matches(pattern, topic) for topic in event_types()):
                raise Malformed(f"no type of event is called {pattern}", f"/filters/types/{place}")
        yield FeedSubscribed(
            subscription=self.subscription,
            unit=self.unit,
            purpose=self.purpose,
            basis=self.legal_basis,
            filters=self.filters,
            subscribed_on=ledger.on,
        )


class UnsubscribeFeed(Act):
    """终止订阅: let a partner's system read no more."""

    ROLES = roles("subscriber_system", "credit_officer")

    subscription: SubscriptionId
    reason: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        one = _subscription(ledger, self.subscription)
        if not one.live:
            raise OutOfStep(f"subscription {self.subscription} ended on {one.ended_on}")
        yield FeedUnsubscribed(
            subscription=self.subscription,
            unit=one.unit,
            ended_on=ledger.on,
            reason=self.reason,
        )


class AcknowledgeRemoval(Report):
    """确认移除: the subscriber has removed the record that a notice names."""

    ROLES = roles("subscriber_system", "credit_officer")

    removal: RemovalId
    removed_on: date

    def decide(self, ledger: Reading) -> Iterator[Event]:
        notice = ledger.known(Removal(self.removal), "Take it from the notice in the feed.")
        _act_for_subscriber(ledger, notice.unit)
        if notice.done:
            raise OutOfStep(f"removal {self.removal} was acknowledged on {notice.acknowledged_on}")
        assert notice.notified_on is not None
        if not notice.notified_on <= self.removed_on <= ledger.on:
            raise Malformed(
                f"removed_on lies between the notice of {notice.notified_on} and {ledger.on}",
                "/removed_on",
            )
        opening = ledger.opening(notice.notified_position)
        due = ledger.due(rules.ACKNOWLEDGE, opening)
        yield RemovalAcknowledged(
            removal=self.removal,
            subscription=notice.subscription,
            unit=notice.unit,
            entity=notice.entity,
            record=notice.record,
            removed_on=self.removed_on,
            days_late=ledger.days_after(due),
        )


class DeclineRecognition(Report):
    """不予互认: the subscriber does not rely on a record that is shared with it."""

    ROLES = roles("subscriber_system", "credit_officer")

    subscription: SubscriptionId
    record: RecordId
    reason: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        one = _subscription(ledger, self.subscription)
        _reveal_shared(ledger, self.record, [one.filters])
        record = ledger.known(Record(self.record))
        assert record.says is not None
        if not covers(one.filters, record.says) or not has_been_shown(record, ledger.on):
            raise OutOfStep(f"record {self.record} is not shared with {self.subscription}")
        if self.record in one.declined:
            raise OutOfStep(f"record {self.record} is declined already")
        yield RecognitionDeclined(
            subscription=self.subscription,
            unit=one.unit,
            entity=record.says.entity,
            record=self.record,
            reason=self.reason,
        )


class ReportRecordUse(Report):
    """报告信用记录使用情况: a record was used; SHR-V1 if it counted no more on that day."""

    ROLES = roles("entity_rep", "subscriber_system", "jb_supervisor", "credit_officer", *UNIT)
    ACTS_FOR = "unit"
    ANY_UNIT = roles("credit_officer", "entity_rep", "jb_supervisor", "subscriber_system")

    record: RecordId
    entity: EntityId
    unit: UnitId
    used_on: date
    used_for: Text
    evidence: tuple[Name, ...] = ()

    def decide(self, ledger: Reading) -> Iterator[Event]:
        if ledger.actor.role == "subscriber_system":
            live = ledger.read(Subscriptions(CREDIT_FEED)).live.values()
            own = [one.filters for one in live if one.unit == ledger.actor.unit_id]
            _reveal_shared(ledger, self.record, own)
        record = record_of(ledger, self.record, self.entity)
        _not_ahead(ledger, self.used_on, "/used_on")
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
                ledger,
                rules.SHR_V1,
                unit=self.unit,
                entity=self.entity,
                record=self.record,
                used_on=self.used_on.isoformat(),
                ended_because=record.void_because(self.used_on) or "not in force",
            )


class ReportRepeatedRequest(Report):
    """报告重复索要材料: a unit asked a business for data; SHR-V2 if a record shares it already."""

    ROLES = roles("entity_rep", "jb_supervisor", "credit_officer", *UNIT)
    ACTS_FOR = "unit"
    ANY_UNIT = roles("credit_officer", "entity_rep", "jb_supervisor")

    record: RecordId
    entity: EntityId
    unit: UnitId
    asked_on: date
    asked_for: Text
    evidence: tuple[Name, ...] = ()

    def decide(self, ledger: Reading) -> Iterator[Event]:
        record = record_of(ledger, self.record, self.entity)
        _not_ahead(ledger, self.asked_on, "/asked_on")
        assert record.entered is not None
        assert record.says is not None
        # What is public in the end is shared among the authorities from its entry on.
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
                ledger,
                rules.SHR_V2,
                unit=self.unit,
                entity=self.entity,
                record=self.record,
                asked_on=self.asked_on.isoformat(),
                asked_for=self.asked_for,
            )


def _act_for_subscriber(ledger: Reading, unit: str) -> None:
    """The subscriber's system acts for itself; the lead department for all (2.4f)."""
    if ledger.actor.role != "credit_officer":
        ledger.act_for(unit)


def _subscription(ledger: Reading, name: str) -> Subscription:
    one = ledger.known(Subscription(name), "Subscribe first.")
    _act_for_subscriber(ledger, one.unit)
    return one


def _reveal_shared(ledger: Reading, record: str, filters: Iterable[Filters]) -> None:
    """Let a subscriber know of a record that one of its filters shares with it."""
    says = ledger.read_true(Record(record)).says
    if says is not None and any(covers(each, says) for each in filters):
        ledger.reveal("record", record)


def _not_ahead(ledger: Reading, day: date, pointer: str) -> None:
    if day > ledger.on:
        raise Malformed(f"{day} lies in the future", pointer)
