"""Commands of inclusive-prudent supervision: observation periods, soft measures, breaches."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

import msgspec

from ledger.general.findings import finding
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
from ledger.kernel import Act, DatedAct, Event, Inquiry, Malformed, OutOfStep, Report, message
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


class GrantObservation(Act):
    """给予留观期: observe an activity of the new economy for some months before punishing it.

    Without ``months`` the policy ``observation.default_months`` applies; the last day is the
    corresponding day of the last month. Each activity of a business gets only one period, whichever
    unit grants it (OBS-R2).
    """

    ROLES = roles("unit_head", "park_committee")

    observation: ObservationId
    entity: EntityId
    unit: UnitId
    four_new_kind: FourNew
    activity: Name
    policy_basis: PolicyBasis
    domain: Domain
    bottom_lines: Annotated[tuple[BottomLine, ...], msgspec.Meta(min_length=1)]
    months: Annotated[int, msgspec.Meta(ge=1)] | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(Observation(self.observation))
        inquiry.known(UnitStanding(self.unit), "general.qualify-unit-first")
        inquiry.known(Registration(self.entity), "general.register-business-first")
        require_listed(inquiry, self.entity)
        reason = None
        if self.four_new_kind == "other":
            reason = message("observation.not-new-technology-industry-business-form")
        elif self.policy_basis.level not in ("national", "provincial"):
            reason = message(
                "observation.not-national-provincial-policy",
                instrument=self.policy_basis.instrument,
            )
        inquiry.require(reason is None, rules.OBS_R1, activity=self.activity, reason=reason)
        default = int(inquiry.setting("observation.default_months"))
        ends_on = add_months(inquiry.on, self.months or default)
        _check_length(inquiry, self.entity, self.activity, inquiry.on, ends_on)
        earlier = [
            period.observation
            for period in inquiry.read(ObservationsOf(self.entity)).periods.values()
            if period.activity.casefold() == self.activity.casefold()
        ]
        known = [name for name in earlier if inquiry.may_know("observation", name)]
        inquiry.require(
            not earlier,
            rules.OBS_R2,
            told=not known,
            entity=self.entity,
            activity=self.activity,
            reason=(
                message("observation.already-period", known=known)
                if known
                else message("observation.already-one")
            ),
            max_months=inquiry.setting("observation.max_months"),
        )
        yield ObservationGranted(
            observation=self.observation,
            entity=self.entity,
            unit=self.unit,
            four_new_kind=self.four_new_kind,
            activity=self.activity,
            policy_basis=self.policy_basis,
            domain=self.domain,
            starts_on=inquiry.on,
            ends_on=ends_on,
            bottom_lines=self.bottom_lines,
        )


class ExtendObservation(Act):
    """延长留观期: set a later last day, within the longest period allowed (OBS-R2)."""

    ROLES = roles("unit_head", "park_committee")

    observation: ObservationId
    ends_on: date
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        period = inquiry.own(Observation(self.observation), "observation.grant-period-first")
        require_listed(inquiry, period.entity)
        period = _running(inquiry, self.observation)
        assert period.starts_on is not None
        assert period.ends_on is not None
        if self.ends_on <= period.ends_on:
            raise Malformed(
                "observation.ends-on-must-lie-after-present-last",
                pointer="/ends_on",
                ends_on=period.ends_on,
                given_ends_on=self.ends_on,
            )
        _check_length(inquiry, period.entity, period.activity, period.starts_on, self.ends_on)
        yield ObservationExtended(
            observation=self.observation,
            entity=period.entity,
            unit=period.unit,
            ends_on=self.ends_on,
            reason=self.reason,
        )


class TerminateObservation(Act):
    """终止留观期: end a period early. A breach of a bottom line ends it automatically."""

    ROLES = roles("unit_head", "park_committee")

    observation: ObservationId
    because: Literal["activity_ended", "conditions_lost", "requested"]
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        period = _running(inquiry, self.observation)
        yield ObservationTerminated(
            observation=self.observation,
            entity=period.entity,
            unit=period.unit,
            because=self.because,
            reason=self.reason,
            terminated_on=inquiry.on,
        )


class TakeSoftMeasure(DatedAct):
    """采取柔性措施: remind, guide or warn, with a day by which the business must correct the issue.

    It is not a negative record. After a breach of a bottom line, a soft measure alone is not enough
    (OBS-R4).
    """

    ROLES = OFFICERS

    soft_measure: SoftMeasureId
    entity: EntityId
    unit: UnitId
    measure: Measure
    issue: ViolationCode
    facts: Text
    response_due: date
    observation: ObservationId | None = None
    excluded: tuple[ExcludedConduct, ...] = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(SoftMeasure(self.soft_measure))
        inquiry.known(UnitStanding(self.unit), "general.qualify-unit-first")
        inquiry.known(Registration(self.entity), "general.register-business-first")
        if self.response_due < inquiry.on:
            raise Malformed(
                "observation.response-due-must-not-lie-before-day",
                pointer="/response_due",
                on=inquiry.on,
                response_due=self.response_due,
            )
        if self.observation is not None:
            period = inquiry.known(
                Observation(self.observation), "observation.leave-observation-out-none"
            )
            if period.entity != self.entity:
                raise Malformed(
                    "observation.observation-must-be-period",
                    pointer="/observation",
                    entity=self.entity,
                    observation=self.observation,
                    period_entity=period.entity,
                )
        issues = inquiry.read(Issues(self.entity))
        for breach in issues.unanswered:
            if not inquiry.may_know("observation", breach.observation):
                continue
            inquiry.require(
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
            taken_on=inquiry.on,
            response_due=self.response_due,
            observation=self.observation,
            excluded=self.excluded,
        )
        yield from self._excused(inquiry)
        repeated = [
            measure
            for measure in issues.uncorrected.get(self.issue, ())
            if inquiry.may_know("soft-measure", measure)
        ]
        yield from self._repeated(inquiry, len(repeated) + 1)

    def _excused(self, inquiry: Inquiry) -> Iterator[Event]:
        """Raise OBS-V1 if inexcusable conduct met only a soft measure in an observation period."""
        # The unit cannot have relied on a period that it cannot know of.
        running = [
            period
            for period in inquiry.read(ObservationsOf(self.entity)).running(inquiry.on)
            if inquiry.may_know("observation", period.observation)
        ]
        if self.excluded and running:
            yield finding(
                inquiry,
                rules.OBS_V1,
                unit=self.unit,
                entity=self.entity,
                observation=self.observation or running[0].observation,
                soft_measure=self.soft_measure,
                issue=self.issue,
                excluded=list(self.excluded),
            )

    def _repeated(self, inquiry: Inquiry, count: int) -> Iterator[Event]:
        """Raise OBS-V2 if several measures on an issue led to neither a correction nor a case."""
        if count >= int(inquiry.setting("observation.soft_measures")):
            yield finding(
                inquiry,
                rules.OBS_V2,
                unit=self.unit,
                entity=self.entity,
                issue=self.issue,
                soft_measures=count,
            )


class VerifyCorrection(Report):
    """核实整改: record that the business corrected the issue of a soft measure."""

    ROLES = OFFICERS

    soft_measure: SoftMeasureId
    evidence: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        measure = inquiry.own(SoftMeasure(self.soft_measure), "observation.record-measure-first")
        assert measure.taken_on is not None
        assert measure.response_due is not None
        if measure.verified_on is not None:
            raise OutOfStep("general.correction-already-verified", verified_on=measure.verified_on)
        if inquiry.on < measure.taken_on:
            raise OutOfStep(
                "observation.correction-must-not-verified-before-measure", taken_on=measure.taken_on
            )
        yield CorrectionVerified(
            soft_measure=self.soft_measure,
            entity=measure.entity,
            unit=measure.unit,
            issue=measure.issue,
            verified_on=inquiry.on,
            evidence=self.evidence,
            days_late=inquiry.days_after(measure.response_due),
        )


class JustifyPenalty(Act):
    """说明留观期内处罚的理由: say, after a legal review, why a soft measure is not enough."""

    ROLES = roles("unit_head")

    observation: ObservationId
    issue: ViolationCode
    reason: Text
    legal_review_ref: Name

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        period = _running(inquiry, self.observation)
        if self.issue in period.justified:
            raise OutOfStep("observation.penalty-already-justified", issue=self.issue)
        yield PenaltyWithinObservationJustified(
            observation=self.observation,
            entity=period.entity,
            unit=period.unit,
            issue=self.issue,
            reason=self.reason,
            legal_review_ref=self.legal_review_ref,
        )


class ReportBottomLineBreach(Report):
    """报告触碰底线: report conduct that the period does not excuse; the report ends the period."""

    ROLES = roles("jb_supervisor", *OFFICERS)

    observation: ObservationId
    line: BottomLine
    issue: ViolationCode
    facts: Text
    breached_on: date

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        period = inquiry.own(Observation(self.observation), any_unit=roles("jb_supervisor"))
        assert period.starts_on is not None
        assert period.ends_on is not None
        if self.breached_on > inquiry.today:
            raise Malformed(
                "observation.breached-on-must-not-lie-after-today",
                pointer="/breached_on",
                today=inquiry.today,
                breached_on=self.breached_on,
            )
        if not period.starts_on <= self.breached_on <= period.ends_on:
            raise Malformed(
                "observation.breached-on-must-lie-within-period",
                pointer="/breached_on",
                starts_on=period.starts_on,
                ends_on=period.ends_on,
                breached_on=self.breached_on,
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
                terminated_on=inquiry.on,
            )


class ReviewBreach(Act):
    """检查触碰底线的处置: record that no case followed a breach in time (OBS-V1)."""

    ROLES = roles("jb_supervisor", "ledger_clock")

    entity: EntityId
    observation: ObservationId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        issues = inquiry.read(Issues(self.entity))
        breach: Breach | None = next(
            (b for b in issues.to_review if b.observation == self.observation), None
        )
        if breach is None:
            raise OutOfStep("observation.must-breach-not-reviewed", observation=self.observation)
        due = inquiry.period("observation.breach_wd", breach.reported_on)
        if due.provisional or inquiry.on <= due.on:
            raise OutOfStep(
                "observation.breach-must-not-reviewed-before-time", issue=breach.issue, on=due.on
            )
        yield finding(
            inquiry,
            rules.OBS_V1,
            unit=breach.unit,
            entity=self.entity,
            evidence=(breach.position,),
            breach=self.observation,
            issue=breach.issue,
            line=breach.line,
            due_on=due.on.isoformat(),
        )


def _running(inquiry: Inquiry, observation: str) -> Observation:
    """Return a period of the actor's unit that has not ended."""
    period = inquiry.own(Observation(observation), "observation.grant-period-first")
    if not period.runs(inquiry.on):
        last = period.terminated_on or period.ends_on
        raise OutOfStep(
            "observation.observation-period-already-ended", observation=observation, last=last
        )
    return period


def _check_length(
    inquiry: Inquiry, entity: str, activity: str, starts_on: date, ends_on: date
) -> None:
    longest = int(inquiry.setting("observation.max_months"))
    last = add_months(starts_on, longest)
    inquiry.require(
        ends_on <= last,
        rules.OBS_R2,
        entity=entity,
        activity=activity,
        reason=message(
            "observation.period-must-end-after-months",
            starts_on=starts_on,
            last=last,
            longest=longest,
            ends_on=ends_on,
        ),
        max_months=longest,
    )
