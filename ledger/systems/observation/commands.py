"""Commands of inclusive-prudent supervision: periods, soft measures, bottom lines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

import msgspec

from ledger.general.roles import OFFICERS, roles
from ledger.general.vocabulary import (
    EntityId,
    Name,
    ObservationId,
    SoftMeasureId,
    Text,
    UnitId,
    ViolationCode,
)
from ledger.kernel import Act, DatedAct, Event, Malformed, OutOfStep, Reading, Report
from ledger.kernel.days import add_months
from ledger.systems.catalogue.events import Domain
from ledger.systems.catalogue.folds import UnitStanding
from ledger.systems.entities.folds import Registration
from ledger.systems.entities.rules import require_listed
from ledger.systems.observation import rules
from ledger.systems.observation.events import (
    BottomLine,
    BottomLineBreached,
    CorrectionVerified,
    FourNew,
    Measure,
    ObservationExtended,
    ObservationGranted,
    ObservationTerminated,
    PenaltyWithinObservationJustified,
    PolicyBasis,
    SoftMeasureTaken,
)
from ledger.systems.observation.folds import (
    Breach,
    Issues,
    Observation,
    ObservationsOf,
    SoftMeasure,
)
from ledger.systems.penalties.events import ExcludedConduct
from ledger.systems.supervision.findings import finding


class GrantObservation(Act):
    """给予留观期: watch an activity of the new economy for some months before punishing it.

    Without ``months`` it takes ``observation.default_months``; the last day is the corresponding
    day. One period for each activity of a business, whichever unit grants it (OBS-R2).
    """

    ROLES = roles("unit_head", "park_committee")
    ACTS_FOR = "unit"

    observation: ObservationId
    entity: EntityId
    unit: UnitId
    four_new_kind: FourNew
    activity: Name
    policy_basis: PolicyBasis
    domain: Domain
    bottom_lines: Annotated[tuple[BottomLine, ...], msgspec.Meta(min_length=1)]
    months: Annotated[int, msgspec.Meta(ge=1)] | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.new(Observation(self.observation))
        ledger.known(UnitStanding(self.unit), "Qualify the unit first.")
        ledger.known(Registration(self.entity), "Register the business first.")
        require_listed(ledger, self.entity)
        reason = None
        if self.four_new_kind == "other":
            reason = "it is no new technology, industry, business form or model"
        elif self.policy_basis.level not in ("national", "provincial"):
            reason = f"{self.policy_basis.instrument} is no national or provincial policy"
        ledger.require(reason is None, rules.OBS_R1, activity=self.activity, reason=reason)
        default = int(ledger.setting("observation.default_months"))
        ends_on = add_months(ledger.on, self.months or default)
        _check_length(ledger, self.entity, self.activity, ledger.on, ends_on)
        earlier = [
            period.observation
            for period in ledger.read(ObservationsOf(self.entity)).periods.values()
            if period.activity.casefold() == self.activity.casefold()
        ]
        ledger.require(
            not earlier,
            rules.OBS_R2,
            entity=self.entity,
            activity=self.activity,
            reason=f"it has had {', '.join(earlier)} already",
            max_months=ledger.setting("observation.max_months"),
        )
        yield ObservationGranted(
            observation=self.observation,
            entity=self.entity,
            unit=self.unit,
            four_new_kind=self.four_new_kind,
            activity=self.activity,
            policy_basis=self.policy_basis,
            domain=self.domain,
            starts_on=ledger.on,
            ends_on=ends_on,
            bottom_lines=self.bottom_lines,
        )


class ExtendObservation(Act):
    """延长留观期: a later last day, within the longest period there may be (OBS-R2)."""

    ROLES = roles("unit_head", "park_committee")

    observation: ObservationId
    ends_on: date
    reason: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        period = ledger.known(Observation(self.observation), "Grant the period first.")
        ledger.act_for(period.unit)
        require_listed(ledger, period.entity)
        period = _running(ledger, self.observation)
        assert period.starts_on is not None
        assert period.ends_on is not None
        if self.ends_on <= period.ends_on:
            raise Malformed(f"it runs until {period.ends_on} already", "/ends_on")
        _check_length(ledger, period.entity, period.activity, period.starts_on, self.ends_on)
        yield ObservationExtended(
            observation=self.observation,
            entity=period.entity,
            unit=period.unit,
            ends_on=self.ends_on,
            reason=self.reason,
        )


class TerminateObservation(Act):
    """终止留观期: end a period before its last day; a breach of a bottom line ends it by itself."""

    ROLES = roles("unit_head", "park_committee")

    observation: ObservationId
    because: Literal["activity_ended", "conditions_lost", "requested"]
    reason: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        period = _running(ledger, self.observation)
        yield ObservationTerminated(
            observation=self.observation,
            entity=period.entity,
            unit=period.unit,
            because=self.because,
            reason=self.reason,
            terminated_on=ledger.on,
        )


class TakeSoftMeasure(DatedAct):
    """采取柔性措施: remind, guide or warn, with a day by which the issue is to be put right.

    It is no negative record. It does not stand alone against a breach of a bottom line (OBS-R4).
    """

    ROLES = OFFICERS
    ACTS_FOR = "unit"

    soft_measure: SoftMeasureId
    entity: EntityId
    unit: UnitId
    measure: Measure
    issue: ViolationCode
    facts: Text
    response_due: date
    observation: ObservationId | None = None
    excluded: tuple[ExcludedConduct, ...] = ()

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.new(SoftMeasure(self.soft_measure))
        ledger.known(UnitStanding(self.unit), "Qualify the unit first.")
        ledger.known(Registration(self.entity), "Register the business first.")
        if self.response_due < ledger.on:
            raise Malformed(f"response_due lies before {ledger.on}", "/response_due")
        if self.observation is not None:
            period = ledger.known(Observation(self.observation), "Leave it out if there is none.")
            if period.entity != self.entity:
                raise Malformed(f"{self.observation} is about {period.entity}", "/observation")
        issues = ledger.read(Issues(self.entity))
        for breach in issues.unanswered:
            ledger.require(
                breach.issue != self.issue,
                rules.OBS_R4,
                issue=self.issue,
                entity=self.entity,
                line=breach.line,
                observation=breach.observation,
            )
        yield SoftMeasureTaken(
            soft_measure=self.soft_measure,
            entity=self.entity,
            unit=self.unit,
            measure=self.measure,
            issue=self.issue,
            facts=self.facts,
            taken_on=ledger.on,
            response_due=self.response_due,
            observation=self.observation,
            excluded=self.excluded,
        )
        yield from self._excused(ledger)
        yield from self._repeated(ledger, len(issues.uncorrected.get(self.issue, ())) + 1)

    def _excused(self, ledger: Reading) -> Iterator[Event]:
        """OBS-V1: conduct that no leniency excuses is met with a soft measure inside a period."""
        running = list(ledger.read(ObservationsOf(self.entity)).running(ledger.on))
        if self.excluded and running:
            yield finding(
                ledger,
                rules.OBS_V1,
                unit=self.unit,
                entity=self.entity,
                observation=self.observation or running[0].observation,
                soft_measure=self.soft_measure,
                issue=self.issue,
                excluded=list(self.excluded),
            )

    def _repeated(self, ledger: Reading, count: int) -> Iterator[Event]:
        """OBS-V2: as many measures on one issue, and neither corrected nor followed by a case."""
        if count >= int(ledger.setting("observation.soft_measures")):
            yield finding(
                ledger,
                rules.OBS_V2,
                unit=self.unit,
                entity=self.entity,
                issue=self.issue,
                soft_measures=count,
            )


class VerifyCorrection(Report):
    """核实整改: see that what a soft measure was about is put right."""

    ROLES = OFFICERS

    soft_measure: SoftMeasureId
    evidence: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        measure = ledger.known(SoftMeasure(self.soft_measure), "Record the measure first.")
        ledger.act_for(measure.unit)
        assert measure.taken_on is not None
        assert measure.response_due is not None
        if measure.verified_on is not None:
            raise OutOfStep(f"the correction was verified on {measure.verified_on}")
        if ledger.on < measure.taken_on:
            raise OutOfStep(f"the measure was taken later, on {measure.taken_on}")
        yield CorrectionVerified(
            soft_measure=self.soft_measure,
            entity=measure.entity,
            unit=measure.unit,
            issue=measure.issue,
            verified_on=ledger.on,
            evidence=self.evidence,
            days_late=ledger.days_after(measure.response_due),
        )


class JustifyPenalty(Act):
    """说明留观期内处罚的理由: say, after a legal review, why gentleness cannot come first."""

    ROLES = roles("unit_head")

    observation: ObservationId
    issue: ViolationCode
    reason: Text
    legal_review_ref: Name

    def decide(self, ledger: Reading) -> Iterator[Event]:
        period = _running(ledger, self.observation)
        if self.issue in period.justified:
            raise OutOfStep(f"a penalty for {self.issue} was justified already")
        yield PenaltyWithinObservationJustified(
            observation=self.observation,
            entity=period.entity,
            unit=period.unit,
            issue=self.issue,
            reason=self.reason,
            legal_review_ref=self.legal_review_ref,
        )


class ReportBottomLineBreach(Report):
    """报告触碰底线: report conduct within a period that it does not excuse; it ends the period."""

    ROLES = roles("jb_supervisor", *OFFICERS)

    observation: ObservationId
    line: BottomLine
    issue: ViolationCode
    facts: Text
    breached_on: date

    def decide(self, ledger: Reading) -> Iterator[Event]:
        period = ledger.known(Observation(self.observation))
        if ledger.actor.role != "jb_supervisor":
            ledger.act_for(period.unit)
        assert period.starts_on is not None
        assert period.ends_on is not None
        if self.breached_on > ledger.today:
            raise Malformed(f"breached_on lies after {ledger.today}", "/breached_on")
        if not period.starts_on <= self.breached_on <= period.ends_on:
            raise Malformed(
                f"the period runs from {period.starts_on} to {period.ends_on}", "/breached_on"
            )
        yield BottomLineBreached(
            observation=self.observation,
            entity=period.entity,
            unit=period.unit,
            line=self.line,
            issue=self.issue,
            facts=self.facts,
            breached_on=self.breached_on,
        )
        if period.stage == "granted":
            yield ObservationTerminated(
                observation=self.observation,
                entity=period.entity,
                unit=period.unit,
                because="bottom_line",
                reason=self.facts,
                terminated_on=ledger.on,
            )


class ReviewBreach(Act):
    """检查触碰底线的处置: say that no case followed a breach in time (OBS-V1)."""

    ROLES = roles("jb_supervisor", "ledger_clock")

    entity: EntityId
    observation: ObservationId

    def decide(self, ledger: Reading) -> Iterator[Event]:
        issues = ledger.read(Issues(self.entity))
        breach: Breach | None = next(
            (b for b in issues.to_review if b.observation == self.observation), None
        )
        if breach is None:
            raise OutOfStep(f"no breach in {self.observation} is left to be reviewed")
        due = ledger.period("observation.breach_wd", breach.reported_on)
        if due.provisional or ledger.on <= due.on:
            raise OutOfStep(f"a case about {breach.issue} may be filed until {due.on}")
        yield finding(
            ledger,
            rules.OBS_V1,
            unit=breach.unit,
            entity=self.entity,
            evidence=(breach.position,),
            breach=self.observation,
            issue=breach.issue,
            line=breach.line,
            due_on=due.on.isoformat(),
        )


def _running(ledger: Reading, observation: str) -> Observation:
    """The period, of the actor's unit, that has not ended."""
    period = ledger.known(Observation(observation), "Grant it first.")
    ledger.act_for(period.unit)
    if not period.runs(ledger.on):
        last = period.terminated_on or period.ends_on
        raise OutOfStep(f"the observation period {observation} ended on {last}")
    return period


def _check_length(
    ledger: Reading, entity: str, activity: str, starts_on: date, ends_on: date
) -> None:
    longest = int(ledger.setting("observation.max_months"))
    last = add_months(starts_on, longest)
    ledger.require(
        ends_on <= last,
        rules.OBS_R2,
        entity=entity,
        activity=activity,
        reason=f"until {ends_on} it is longer than {longest} months, which end on {last}",
        max_months=longest,
    )
