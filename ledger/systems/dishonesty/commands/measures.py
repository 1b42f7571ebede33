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
from ledger.kernel import Act, DatedAct, Event, LegalRef, Malformed, OutOfStep, Reading
from ledger.kernel.days import add_months
from ledger.systems.credit.effects import LIFTED, outlived
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
from ledger.systems.penalties.folds import Decision

_ONE_DAY = timedelta(days=1)

#: What ended so is not to be punished again under another record of the same document (DIS-R5). A
#: record that was merely wrong may be entered right.
_FOR_GOOD = {"repaired", "revoked", "source_delisted"}


class PublishMeasureCatalogue(Act):
    """公布措施清单: the whole catalogue of incentives and sanctions, in force from a day on."""

    ROLES = roles("credit_officer")
    ACTS_FOR = "unit"

    unit: UnitId
    items: Annotated[tuple[Measure, ...], msgspec.Meta(min_length=1, max_length=150)]
    source: LegalRef
    effective_from: date | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        effective_from = self.effective_from or ledger.today
        if effective_from < ledger.today:
            raise Malformed(
                f"effective_from {effective_from} lies before today: nothing is allowed after the "
                "fact",
                "/effective_from",
            )
        seen: set[str] = set()
        for place, item in enumerate(self.items):
            if item.measure in seen:
                raise Malformed(f"{item.measure} stands there twice", f"/items/{place}/measure")
            seen.add(item.measure)
        yield MeasureCataloguePublished(
            catalogue=CATALOGUE,
            unit=self.unit,
            version=ledger.read(MeasureCatalogue(CATALOGUE)).latest + 1,
            items=self.items,
            effective_from=effective_from,
            source=self.source,
        )


class ApplySanction(DatedAct):
    """实施惩戒: apply a measure of the catalogue on a live record, no further than it allows.

    What was applied earlier is recorded with its own date and judged by it. If the record has ended
    since, the sanction outlived it (DIS-V1) and is lifted in the same breath.
    """

    ROLES = OFFICERS
    ACTS_FOR = "unit"

    sanction: SanctionId
    entity: EntityId
    unit: UnitId
    record: RecordId
    measure: Name
    until: date | None = None
    note: Text | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.new(Sanction(self.sanction))
        record = record_of(ledger, self.record, self.entity, "Enter it first.")
        if not record.negative:
            raise Malformed(f"record {self.record} speaks against nobody", "/record")
        if self.until is not None and self.until < ledger.on:
            raise Malformed("until lies before the day of the sanction", "/until")
        reason = self._over(ledger, record)
        ledger.require(reason is None, rules.DIS_R5, record=self.record, reason=reason)
        version, item = ledger.read(MeasureCatalogue(CATALOGUE)).measure(self.measure, ledger.on)
        reason = self._beyond(ledger, item, record)
        ledger.require(
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
            applied_on=ledger.on,
            until=self.until,
            note=self.note,
        )
        yield applied
        if not record.live(ledger.today):
            yield from _lift_outlived(ledger, applied, record)

    def _over(self, ledger: Reading, record: Record) -> str | None:
        """Why no sanction can rest on the record on that day, if so."""
        says, ended = record.says, record.ended
        assert says is not None
        if not record.live(ledger.on):
            if ended is not None and ended.terminated_on <= ledger.on:
                return f"it ended on {ended.terminated_on}: {ended.reason}"
            if says.determined_on > ledger.on:
                return f"it was determined on {says.determined_on}"
            return "its longest publicity is over"
        if says.decision is not None:
            undone = ledger.read(Decision(says.decision)).undone
            if undone is not None and undone.since <= ledger.on:
                return f"decision {says.decision} under it was undone by {undone.instrument}"
        for other in ledger.read(CreditRecords(self.entity)).records.values():
            same = other.says is not None and (other.says.unit, other.says.instrument.doc_no) == (
                says.unit,
                says.instrument.doc_no,
            )
            if (
                same
                and other.void(ledger.on)
                and other.ended is not None
                and other.ended.reason in _FOR_GOOD
            ):
                return (
                    f"{says.instrument.doc_no} was on record as {other.record} before, which ended "
                    f"on {other.ended.terminated_on}: {other.ended.reason}"
                )
        return None

    def _beyond(self, ledger: Reading, item: Measure | None, record: Record) -> str | None:
        """In what the sanction goes beyond the catalogue, if it does."""
        assert record.says is not None
        if item is None or item.kind != "sanction":
            return "it is no sanction of the catalogue"
        if item.units and self.unit not in item.units:
            return f"it is for {', '.join(item.units)} to apply"
        severity, least = record.says.severity, item.from_severity
        if least is not None and not at_least(severity, least):
            return f"it takes {least} information, and {self.record} is {severity or 'of no class'}"
        if item.max_months is not None:
            longest = add_months(ledger.on, item.max_months)
            if self.until is None or self.until > longest:
                return f"it lasts until {longest} at most"
        return None


class LiftSanction(Act):
    """解除惩戒: end a sanction before its record ends, which ends it by itself."""

    ROLES = OFFICERS

    sanction: SanctionId
    reason: Literal["expired", "correction"]
    note: Text | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        applied = _alive(ledger, self.sanction)
        ledger.act_for(applied.unit)
        ledger.not_before(applied.applied_on, f"{self.sanction} was applied")
        yield SanctionLifted(
            sanction=self.sanction,
            entity=applied.entity,
            unit=applied.unit,
            record=applied.record,
            reason=self.reason,
            lifted_on=ledger.on,
            note=self.note,
        )


class ReviewSanction(Act):
    """清理失据惩戒: lift a sanction whose record is over, and say that it outlived it (DIS-V1).

    Whatever ends a record here lifts the sanctions too; what a register takes off its list does
    not know of them.
    """

    ROLES = roles("jb_supervisor", "ledger_clock")

    sanction: SanctionId

    def decide(self, ledger: Reading) -> Iterator[Event]:
        applied = _alive(ledger, self.sanction)
        record = ledger.read(Record(applied.record))
        if record.exists and record.live(ledger.on):
            raise OutOfStep(f"record {applied.record} under {self.sanction} is live")
        yield from _lift_outlived(ledger, applied, record)


class PromiseIncentive(Act):
    """承诺给予激励: promise an incentive to a business that keeps faith, by a day (DIS-V2)."""

    ROLES = roles("credit_officer", *OFFICERS)
    ACTS_FOR = "unit"

    incentive: IncentiveId
    entity: EntityId
    unit: UnitId
    measure: Name
    ground: Text
    apply_by: date

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.new(Incentive(self.incentive))
        if self.apply_by < ledger.on:
            raise Malformed("apply_by lies before the day of the promise", "/apply_by")
        yield IncentivePromised(
            incentive=self.incentive,
            entity=self.entity,
            unit=self.unit,
            measure=self.measure,
            ground=self.ground,
            apply_by=self.apply_by,
        )


class GrantIncentive(Act):
    """实施激励: apply an incentive; one that was promised keeps its id, business and measure."""

    ROLES = roles("credit_officer", *OFFICERS)
    ACTS_FOR = "unit"

    incentive: IncentiveId
    entity: EntityId
    unit: UnitId
    measure: Name
    until: date | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        standing = ledger.read(Incentive(self.incentive))
        promised = standing.promised
        if standing.stage != "promised" or (standing.exists and promised is None):
            raise OutOfStep(f"incentive {self.incentive} is {standing.stage} already")
        late = 0
        if promised is not None:
            said = (promised.entity, promised.unit, promised.measure)
            if said != (self.entity, self.unit, self.measure):
                raise Malformed(
                    f"{self.incentive} was promised by {promised.unit} to {promised.entity}: "
                    f"{promised.measure}",
                    "/incentive",
                )
            late = ledger.days_after(promised.apply_by)
        if self.until is not None and self.until < ledger.on:
            raise Malformed("until lies before the day of the grant", "/until")
        yield IncentiveGranted(
            incentive=self.incentive,
            entity=self.entity,
            unit=self.unit,
            measure=self.measure,
            granted_on=ledger.on,
            until=self.until,
            days_late=late,
        )


class EndIncentive(Act):
    """终止激励: end an incentive. A promise ends unkept only for a reason of the business itself:
    it declines, or a live ``record`` speaks against it.
    """

    ROLES = roles("credit_officer", *OFFICERS)

    incentive: IncentiveId
    reason: Literal["expired", "no_longer_eligible", "declined", "correction"]
    record: RecordId | None = None
    note: Text | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        standing = ledger.known(Incentive(self.incentive), "Promise or grant it first.")
        ledger.act_for(standing.unit)
        if standing.ended is not None:
            raise OutOfStep(f"incentive {self.incentive} ended on {standing.ended.ended_on}")
        if standing.granted is None and self.reason not in ("no_longer_eligible", "declined"):
            raise OutOfStep(
                f"incentive {self.incentive} was promised; it is granted, or ends because the "
                "business declines it or is no_longer_eligible"
            )
        if self.reason == "no_longer_eligible":
            self._check_record(ledger, standing.entity)
        yield IncentiveEnded(
            incentive=self.incentive,
            entity=standing.entity,
            unit=standing.unit,
            reason=self.reason,
            ended_on=ledger.on,
            record=self.record,
            note=self.note,
        )

    def _check_record(self, ledger: Reading, entity: str) -> None:
        if self.record is None:
            raise Malformed("name the record that speaks against the business", "/record")
        record = ledger.known(Record(self.record))
        assert record.says is not None
        if record.says.entity != entity or not record.negative or not record.live(ledger.on):
            raise Malformed(
                f"record {self.record} does not speak against {entity} on {ledger.on}", "/record"
            )


def _alive(ledger: Reading, sanction_id: str) -> SanctionApplied:
    sanction = ledger.known(Sanction(sanction_id), "Apply it first.")
    if sanction.lifted is not None:
        raise OutOfStep(f"sanction {sanction_id} was lifted on {sanction.lifted.lifted_on}")
    assert sanction.applied is not None
    return sanction.applied


def _lift_outlived(ledger: Reading, applied: SanctionApplied, record: Record) -> Iterator[Event]:
    """The end of a sanction whose record is over, and the finding that it came too late."""
    ended, started = record.ended, record.started
    if ended is not None and ended.terminated_on <= ledger.today:
        reason, last = LIFTED[ended.reason], ended.terminated_on
    else:
        last = ledger.today if started is None else started.max_until or ledger.today
        reason = "expired"
    yield SanctionLifted(
        sanction=applied.sanction,
        entity=applied.entity,
        unit=applied.unit,
        record=applied.record,
        reason=reason,
        lifted_on=ledger.today,
    )
    yield outlived(ledger, applied, last)
