"""Measures: the catalogue, incentives, sanctions (2.4c)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Literal

import msgspec

from ledger.general.roles import OFFICERS, roles
from ledger.general.vocabulary import (
    EntityId,
    IncentiveId,
    Name,
    RecordId,
    SanctionId,
    Text,
    UnitId,
)
from ledger.kernel import (
    Act,
    DatedAct,
    Event,
    Inquiry,
    LegalRef,
    Malformed,
    Message,
    OutOfStep,
    message,
)
from ledger.kernel.days import add_months
from ledger.systems.credit.folds import CreditRecords, Record, record_of
from ledger.systems.dishonesty import rules
from ledger.systems.dishonesty.events import (
    IncentiveEnded,
    IncentiveGranted,
    IncentivePromised,
    Measure,
    MeasureCataloguePublished,
    SanctionApplied,
    SanctionLifted,
)
from ledger.systems.dishonesty.folds import (
    CATALOGUE,
    Incentive,
    MeasureCatalogue,
    Sanction,
    at_least,
)
from ledger.systems.endings.effects import LIFTED, outlived
from ledger.systems.penalties.folds import Decision

_ONE_DAY = timedelta(days=1)

#: Reasons of an end after which the same document must not lead to a sanction under another record
#: (DIS-R5). After a correction it can: a record that was wrong may be entered again.
_FOR_GOOD = {"repaired", "revoked", "source_delisted"}

#: The reason given to a sender who may not know of the decision.
_UNDONE = message("dishonesty.decision-undone")


class PublishMeasureCatalogue(Act):
    """公布措施清单: publish the whole catalogue of incentives and sanctions, for use from a day."""

    ROLES = roles("credit_officer")

    unit: UnitId
    items: Annotated[tuple[Measure, ...], msgspec.Meta(min_length=1, max_length=150)]
    source: LegalRef
    effective_from: date | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        effective_from = self.effective_from or inquiry.today
        if effective_from < inquiry.today:
            raise Malformed(
                "dishonesty.effective-from-must-not-before-today-because",
                pointer="/effective_from",
                today=inquiry.today,
                effective_from=effective_from,
            )
        seen: set[str] = set()
        for place, item in enumerate(self.items):
            if item.measure in seen:
                raise Malformed(
                    "dishonesty.each-measure-must-be-listed-once",
                    pointer=f"/items/{place}/measure",
                    measure=item.measure,
                )
            seen.add(item.measure)
        yield MeasureCataloguePublished(
            catalogue=CATALOGUE,
            unit=self.unit,
            version=inquiry.read(MeasureCatalogue(CATALOGUE)).latest + 1,
            items=self.items,
            effective_from=effective_from,
            source=self.source,
        )


class ApplySanction(DatedAct):
    """实施惩戒: apply a sanction of the catalogue for a live record, within its limits.

    A sanction that was applied earlier is recorded with its own date and judged by that date. If
    the record has ended since, the sanction outlived it (DIS-V1) and is lifted in the same append.
    """

    ROLES = OFFICERS

    sanction: SanctionId
    entity: EntityId
    unit: UnitId
    record: RecordId
    measure: Name
    until: date | None = None
    note: Text | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(Sanction(self.sanction))
        record = record_of(inquiry, self.record, self.entity, "general.enter-record-first")
        if not record.negative:
            raise Malformed(
                "dishonesty.record-must-be-negative-information",
                pointer="/record",
                record=self.record,
            )
        if self.until is not None and self.until < inquiry.on:
            raise Malformed(
                "general.until-must-not-before", pointer="/until", on=inquiry.on, until=self.until
            )
        reason = self._over(inquiry, record)
        inquiry.require(
            reason is None,
            rules.DIS_R5,
            told=reason == _UNDONE,
            record=self.record,
            reason=reason,
        )
        version, item = inquiry.read(MeasureCatalogue(CATALOGUE)).measure(self.measure, inquiry.on)
        reason = self._beyond(inquiry, item, record)
        inquiry.require(
            reason is None,
            rules.DIS_R3,
            measure=self.measure,
            version=version or "none",
            reason=reason,
        )
        applied = SanctionApplied(
            sanction=self.sanction,
            entity=self.entity,
            unit=self.unit,
            record=self.record,
            measure=self.measure,
            catalogue_version=version,
            applied_on=inquiry.on,
            until=self.until,
            note=self.note,
        )
        yield applied
        if not record.live(inquiry.today):
            yield from _lift_outlived(inquiry, applied, record)

    def _over(self, inquiry: Inquiry, record: Record) -> Message | None:
        """Return why no sanction can be based on the record on that day, or ``None``."""
        says, ended = record.says, record.ended
        if not record.live(inquiry.on):
            if ended is not None and ended.terminated_on <= inquiry.on:
                return message(
                    "dishonesty.ended", terminated_on=ended.terminated_on, reason=ended.reason
                )
            if says.determined_on > inquiry.on:
                return message("dishonesty.determined-only", determined_on=says.determined_on)
            return message("dishonesty.longest-publicity-over")
        if says.decision is not None:
            undone = inquiry.read(Decision(says.decision)).undone
            if undone is not None and undone.since <= inquiry.on:
                if not inquiry.may_know("decision", says.decision):
                    return _UNDONE
                return message(
                    "dishonesty.decision-undone-decision",
                    decision=says.decision,
                    instrument=undone.instrument,
                )
        for other in inquiry.read(CreditRecords(self.entity)).records.values():
            same = other.exists and (other.says.unit, other.says.instrument.doc_no) == (
                says.unit,
                says.instrument.doc_no,
            )
            if (
                same
                and other.void(inquiry.on)
                and other.ended is not None
                and other.ended.reason in _FOR_GOOD
            ):
                return message(
                    "dishonesty.record-before-ended",
                    doc_no=says.instrument.doc_no,
                    record=other.record,
                    terminated_on=other.ended.terminated_on,
                    reason=other.ended.reason,
                )
        return None

    def _beyond(self, inquiry: Inquiry, item: Measure | None, record: Record) -> Message | None:
        """Return how the sanction exceeds the catalogue, or ``None``."""
        if item is None or item.kind != "sanction":
            return message("dishonesty.not-sanction-catalogue")
        if item.units and self.unit not in item.units:
            return message("dishonesty.only-can-apply", units=item.units)
        severity, least = record.says.severity, item.from_severity
        if least is not None and not at_least(severity, least):
            return message(
                "dishonesty.needs-information",
                least=least,
                record=self.record,
                severity=severity or message("dishonesty.without-class"),
            )
        if item.max_months is not None:
            longest = add_months(inquiry.on, item.max_months)
            if self.until is None or self.until > longest:
                return message(
                    "dishonesty.until-must-not-after",
                    longest=longest,
                    until=self.until or message("dishonesty.not-given"),
                )
        return None


class LiftSanction(Act):
    """解除惩戒: lift a sanction early; the end of its record lifts it by itself."""

    ROLES = OFFICERS

    sanction: SanctionId
    reason: Literal["expired", "correction"]
    note: Text | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        applied = _alive(inquiry, self.sanction)
        inquiry.act_for(applied.unit)
        inquiry.not_before(
            applied.applied_on, message("dishonesty.applied", sanction=self.sanction)
        )
        yield SanctionLifted(
            sanction=self.sanction,
            entity=applied.entity,
            unit=applied.unit,
            record=applied.record,
            reason=self.reason,
            lifted_on=inquiry.on,
            note=self.note,
        )


class ReviewSanction(Act):
    """清理失据惩戒: lift a sanction whose record has ended, with finding DIS-V1.

    Commands that end a record lift its sanctions too. An import that removes a record, because its
    register did, does not.
    """

    ROLES = roles("jb_supervisor", "ledger_clock")

    sanction: SanctionId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        applied = _alive(inquiry, self.sanction)
        record = inquiry.read(Record(applied.record))
        if record.exists and record.live(inquiry.on):
            raise OutOfStep(
                "dishonesty.record-must-ended", record=applied.record, sanction=self.sanction
            )
        yield from _lift_outlived(inquiry, applied, record)


class PromiseIncentive(Act):
    """承诺给予激励: promise a trustworthy business an incentive by a day (DIS-V2)."""

    ROLES = roles("credit_officer", *OFFICERS)

    incentive: IncentiveId
    entity: EntityId
    unit: UnitId
    measure: Name
    ground: Text
    apply_by: date

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(Incentive(self.incentive))
        if self.apply_by < inquiry.on:
            raise Malformed(
                "dishonesty.apply-by-must-not-before",
                pointer="/apply_by",
                on=inquiry.on,
                apply_by=self.apply_by,
            )
        yield IncentivePromised(
            incentive=self.incentive,
            entity=self.entity,
            unit=self.unit,
            measure=self.measure,
            ground=self.ground,
            apply_by=self.apply_by,
        )


class GrantIncentive(Act):
    """实施激励: apply an incentive; a promised one keeps its id, unit, business and measure."""

    ROLES = roles("credit_officer", *OFFICERS)

    incentive: IncentiveId
    entity: EntityId
    unit: UnitId
    measure: Name
    until: date | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        standing = inquiry.read(Incentive(self.incentive))
        promised = standing.promised
        if standing.stage != "promised" or (standing.exists and promised is None):
            raise OutOfStep(
                "dishonesty.incentive-must-be-new-promised",
                incentive=self.incentive,
                stage=standing.stage,
            )
        late = 0
        if promised is not None:
            terms = (promised.entity, promised.unit, promised.measure)
            if terms != (self.entity, self.unit, self.measure):
                raise Malformed(
                    "dishonesty.entity-unit-measure-must-be-those-promise",
                    pointer="/incentive",
                    incentive=self.incentive,
                    terms=terms,
                )
            late = inquiry.days_after(promised.apply_by)
        if self.until is not None and self.until < inquiry.on:
            raise Malformed(
                "general.until-must-not-before", pointer="/until", on=inquiry.on, until=self.until
            )
        yield IncentiveGranted(
            incentive=self.incentive,
            entity=self.entity,
            unit=self.unit,
            measure=self.measure,
            granted_on=inquiry.on,
            until=self.until,
            days_late=late,
        )


class EndIncentive(Act):
    """终止激励: end an incentive.

    An incentive that was promised and not granted ends only if the business declines it, or if a
    live negative ``record`` of the business is named.
    """

    ROLES = roles("credit_officer", *OFFICERS)

    incentive: IncentiveId
    reason: Literal["expired", "no_longer_eligible", "declined", "correction"]
    record: RecordId | None = None
    note: Text | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        standing = inquiry.own(Incentive(self.incentive), "dishonesty.promise-grant-first")
        if standing.ended is not None:
            raise OutOfStep(
                "dishonesty.incentive-ended-already",
                incentive=self.incentive,
                ended_on=standing.ended.ended_on,
            )
        if standing.granted is None and self.reason not in ("no_longer_eligible", "declined"):
            raise OutOfStep("dishonesty.incentive-promised-not-granted", incentive=self.incentive)
        if self.reason == "no_longer_eligible":
            self._check_record(inquiry, standing.entity)
        yield IncentiveEnded(
            incentive=self.incentive,
            entity=standing.entity,
            unit=standing.unit,
            reason=self.reason,
            ended_on=inquiry.on,
            record=self.record,
            note=self.note,
        )

    def _check_record(self, inquiry: Inquiry, entity: str) -> None:
        if self.record is None:
            raise Malformed(
                "dishonesty.record-must-name-negative-record-business", pointer="/record"
            )
        record = inquiry.known(Record(self.record))
        if record.says.entity != entity or not record.negative or not record.live(inquiry.on):
            raise Malformed(
                "dishonesty.record-must-be-live-negative-record",
                pointer="/record",
                entity=entity,
                on=inquiry.on,
                record=self.record,
            )


def _alive(inquiry: Inquiry, sanction_id: str) -> SanctionApplied:
    sanction = inquiry.known(Sanction(sanction_id), "dishonesty.apply-first")
    if sanction.lifted is not None:
        raise OutOfStep(
            "dishonesty.sanction-lifted-already",
            sanction=sanction_id,
            lifted_on=sanction.lifted.lifted_on,
        )
    assert sanction.applied is not None
    return sanction.applied


def _lift_outlived(inquiry: Inquiry, applied: SanctionApplied, record: Record) -> Iterator[Event]:
    """Yield the lifting of a sanction that outlived its record, and the finding DIS-V1."""
    ended, started = record.ended, record.started
    if ended is not None and ended.terminated_on <= inquiry.today:
        reason, last = LIFTED[ended.reason], ended.terminated_on
    else:
        last = inquiry.today if started is None else started.max_until or inquiry.today
        reason = "expired"
    yield SanctionLifted(
        sanction=applied.sanction,
        entity=applied.entity,
        unit=applied.unit,
        record=applied.record,
        reason=reason,
        lifted_on=inquiry.today,
    )
    yield outlived(inquiry, applied, last)
