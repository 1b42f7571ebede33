"""The credit profile of a business as one fold. Late facts count as if recorded in time."""

from __future__ import annotations

from datetime import date

import msgspec

from ledger.general.findings import FindingRaised
from ledger.general.vocabulary import EntityId, Oddity
from ledger.intake.events import (
    ImportedInspectionWithdrawn,
    ImportedViolationWithdrawn,
    InspectionImported,
    ViolationImported,
    ViolationRectified,
)
from ledger.kernel import Recorded, SubjectFold, civil_date
from ledger.systems.commitments.events import (
    CommitmentBreached,
    CommitmentFulfilled,
    CommitmentMade,
)
from ledger.systems.commitments.folds import Commitment
from ledger.systems.dishonesty.events import (
    DefenceLapsed,
    DefenceSubmitted,
    DeterminationNotified,
    DishonestyDetermined,
    IncentiveEnded,
    IncentiveGranted,
    IncentivePromised,
    SanctionApplied,
    SanctionLifted,
    SeriousListAdded,
    SeriousListRemoved,
)
from ledger.systems.dishonesty.folds import Determination, Incentive, Sanction, SeriousListing
from ledger.systems.draws.events import DrawResultPublished
from ledger.systems.entities.events import (
    EntityLeftRegister,
    EntityReentered,
    EntityRegistered,
    EntityRevised,
    Identity,
)
from ledger.systems.entities.folds import Identities, Listings
from ledger.systems.filing.events import (
    InspectionCancelled,
    InspectionConcluded,
    InspectionNoticeIssued,
    InspectionTaskApproved,
    IrregularVisitReported,
    OnSiteInspectionClosed,
    OnSiteInspectionOpened,
    ResultNotified,
)
from ledger.systems.grading.events import CreditGradeAssigned
from ledger.systems.grading.folds import UNGRADED
from ledger.systems.joint.events import JointVisitHeld
from ledger.systems.keylist.events import (
    KeyDesignationEnded,
    KeyDesignationReviewed,
    KeyUnitDesignated,
)
from ledger.systems.keylist.folds import KeyDesignation
from ledger.systems.observation.events import (
    ObservationExpired,
    ObservationExtended,
    ObservationGranted,
    ObservationTerminated,
)
from ledger.systems.observation.folds import Observation
from ledger.systems.reconsideration.events import (
    ReconApplied,
    ReconDecided,
    ReconMediated,
    ReconRefused,
    ReconTerminated,
)
from projections.profiles.parts import (
    CreditEntry,
    CreditEvent,
    Inspection,
    Violation,
    Visit,
    known,
    later,
)
from projections.profiles.standing import Dispute, Standing
from projections.systems.graded import Graded


class CreditProfile(SubjectFold, array_like=True):
    """What does the ledger know about this business?

    A fact recorded late changes the profile as if it had been recorded in time: facts are compared
    by their own dates.
    """

    entity: EntityId
    identities: Identities = msgspec.field(default_factory=Identities)
    listings: Listings = msgspec.field(default_factory=Listings)
    oddity: Oddity | None = None
    register_ref: str | None = None
    #: Absent if nothing was ever recorded that affects the grade.
    graded: Graded | None = None
    records: dict[str, CreditEntry] = msgspec.field(default_factory=dict)
    visits: dict[str, Visit] = msgspec.field(default_factory=dict)
    inspections: dict[str, Inspection] = msgspec.field(default_factory=dict)
    violations: dict[str, Violation] = msgspec.field(default_factory=dict)
    findings: int = 0
    irregular_visits: int = 0
    #: Absent if nothing of these kinds was ever recorded.
    standing: Standing | None = None
    #: The day of the newest record; the stored document is rendered as of this day.
    seen_on: date = date.min

    def take(self, record: Recorded) -> None:
        super().take(record)
        self.seen_on = max(self.seen_on, civil_date(record.envelope.recorded_at))

    # Identity

    def on_registered(self, event: EntityRegistered, record: Recorded) -> None:
        self.identities.state(event.identity, record)
        self.listings.register(record.occurred_on)
        self.oddity, self.register_ref = event.oddity, event.register_ref

    def on_revised(self, event: EntityRevised, record: Recorded) -> None:
        self.identities.state(event.identity, record)
        self.listings.named_again(record)

    def on_left(self, event: EntityLeftRegister, record: Recorded) -> None:
        self.listings.leave(event, record)

    def on_back(self, event: EntityReentered, record: Recorded) -> None:
        self.listings.reenter(event, record)

    # Grade

    def on_graded(self, event: CreditGradeAssigned, record: Recorded) -> None:
        self._graded().take(record)

    def grade(self, on: date) -> str:
        """Return the grade on a day, from all known facts (``CreditGrade``)."""
        return UNGRADED if self.graded is None else self.graded.on(on)

    def holds_until(self, day: date) -> date:
        """Return the last day on which the grade of ``day`` still holds, if nothing is recorded."""
        return date.max if self.graded is None else self.graded.holds_until(day)

    def _graded(self) -> Graded:
        if self.graded is None:
            self.graded = Graded(self.entity)
        return self.graded

    # Credit records

    def on_credit(self, event: CreditEvent, record: Recorded) -> None:
        self.records.setdefault(event.record, CreditEntry()).take(record)
        self._graded().take(record)

    # Visits of the ledger's own units

    def on_booked(self, event: InspectionTaskApproved) -> None:
        visit = self._visit(event.task, event.unit)
        visit.kind, visit.counter = event.kind, event.counter
        visit.planned_on, visit.joint = event.planned_on, event.joint

    def on_noticed(self, event: InspectionNoticeIssued) -> None:
        self._visit(event.task, event.unit).noticed = True

    def on_cancelled(self, event: InspectionCancelled) -> None:
        visit = self._visit(event.task, event.unit)
        visit.cancelled = True

    def on_opened(self, event: OnSiteInspectionOpened, record: Recorded) -> None:
        self._visit(event.task, event.unit).opened_on = record.occurred_on

    def on_closed(self, event: OnSiteInspectionClosed) -> None:
        self._visit(event.task, event.unit).minutes = event.minutes_on_site

    def on_concluded(self, event: InspectionConcluded, record: Recorded) -> None:
        visit = self._visit(event.task, event.unit)
        visit.result, visit.lawful_refusal = event.result, event.lawful_refusal
        visit.concluded_on = record.occurred_on

    def on_notified(self, event: ResultNotified, record: Recorded) -> None:
        self._visit(event.task, event.unit).notified_on = record.occurred_on

    def on_published(self, event: DrawResultPublished) -> None:
        if event.withhold_reason is None:
            visit = self._visit(event.task, event.unit)
            visit.published_on, visit.published_result = event.published_on, event.result
            visit.lawful_refusal = visit.lawful_refusal or event.lawful_refusal

    def on_held(self, event: JointVisitHeld) -> None:
        self._standing().joint_visits[event.joint] = event.held_on, event.minutes_on_site

    def on_irregular(self, event: IrregularVisitReported, record: Recorded) -> None:
        # A sealed report is not counted: units read this number and would learn of the report.
        self.irregular_visits += record.envelope.visibility != "sealed"

    def on_found(self, event: FindingRaised) -> None:
        # A confidential finding is not counted: only the Justice Bureau may know of it.
        if not event.confidential:
            self.findings += 1

    def _visit(self, task: str, unit: str) -> Visit:
        visit = self.visits.get(task)
        if visit is None:
            visit = self.visits[task] = Visit(unit=unit)
        return visit

    # Commitments, lists, measures, periods, disputes

    def on_commitment(
        self, event: CommitmentMade | CommitmentFulfilled | CommitmentBreached, record: Recorded
    ) -> None:
        known, name = self._standing().commitments, event.commitment
        known.setdefault(name, Commitment(name)).take(record)

    def on_determination(
        self,
        event: DeterminationNotified | DefenceSubmitted | DefenceLapsed | DishonestyDetermined,
        record: Recorded,
    ) -> None:
        self._determination(event.determination).take(record)

    def on_listed(self, event: SeriousListAdded | SeriousListRemoved, record: Recorded) -> None:
        self._determination(event.determination).take(record)
        known, name = self._standing().listings, event.record
        known.setdefault(name, SeriousListing(name)).take(record)

    def on_incentive(
        self, event: IncentivePromised | IncentiveGranted | IncentiveEnded, record: Recorded
    ) -> None:
        known, name = self._standing().incentives, event.incentive
        known.setdefault(name, Incentive(name)).take(record)

    def on_sanction(self, event: SanctionApplied | SanctionLifted, record: Recorded) -> None:
        known, name = self._standing().sanctions, event.sanction
        known.setdefault(name, Sanction(name)).take(record)

    def on_designation(
        self,
        event: KeyUnitDesignated | KeyDesignationReviewed | KeyDesignationEnded,
        record: Recorded,
    ) -> None:
        known, name = self._standing().designations, event.designation
        known.setdefault(name, KeyDesignation(name)).take(record)

    def on_observation(
        self,
        event: ObservationGranted
        | ObservationExtended
        | ObservationTerminated
        | ObservationExpired,
        record: Recorded,
    ) -> None:
        known, name = self._standing().observations, event.observation
        known.setdefault(name, Observation(name)).take(record)

    def on_disputed(self, event: ReconApplied) -> None:
        self._dispute(event.recon).applied = True

    def on_settled(
        self, event: ReconRefused | ReconDecided | ReconMediated | ReconTerminated
    ) -> None:
        self._dispute(event.recon).over = True

    def _standing(self) -> Standing:
        if self.standing is None:
            self.standing = Standing()
        return self.standing

    def _determination(self, name: str) -> Determination:
        return self._standing().determinations.setdefault(name, Determination(name))

    def _dispute(self, name: str) -> Dispute:
        return self._standing().disputes.setdefault(name, Dispute())

    # Facts from registers

    def on_inspection(self, event: InspectionImported, record: Recorded) -> None:
        inspection = self.inspections.setdefault(event.inspection, Inspection())
        when = known(record)
        if inspection.seen is None or inspection.seen < when:
            self.inspections[event.inspection] = Inspection(
                event.held_on,
                event.unit,
                event.type,
                event.result,
                event.action,
                event.score,
                event.score_meaning == "penalty_points",
                event.grade,
                when,
                inspection.gone,
            )

    def on_inspection_withdrawn(self, event: ImportedInspectionWithdrawn, record: Recorded) -> None:
        inspection = self.inspections.setdefault(event.inspection, Inspection())
        inspection.gone = later(inspection.gone, known(record))

    def on_violation(self, event: ViolationImported, record: Recorded) -> None:
        violation = self.violations.setdefault(event.violation, Violation())
        when = known(record)
        if violation.seen is None or violation.seen < when:
            violation.code, violation.severity = event.code, event.severity
            violation.found_on, violation.inspection = event.found_on, event.inspection
            violation.seen = when

    def on_rectified(self, event: ViolationRectified) -> None:
        violation = self.violations.setdefault(event.violation, Violation())
        # The first day of correction counts; a second report does not make it later.
        if violation.corrected_on is None or event.corrected_on < violation.corrected_on:
            violation.corrected_on = event.corrected_on

    def on_violation_withdrawn(self, event: ImportedViolationWithdrawn, record: Recorded) -> None:
        violation = self.violations.setdefault(event.violation, Violation())
        violation.gone = later(violation.gone, known(record))

    # Reading

    @property
    def exists(self) -> bool:
        """Whether anything at all is recorded about the business."""
        return bool(
            self.identities.said
            or self.listings.left
            or self.graded
            or self.records
            or self.visits
            or self.inspections
            or self.violations
            or self.findings
            or self.irregular_visits
            or self.standing
        )

    @property
    def identity(self) -> Identity | None:
        """Its name and address by the newest fact."""
        return self.identities.newest

    @property
    def registered(self) -> bool:
        """Whether a register has reported the business."""
        return bool(self.identities.said)

    @property
    def listed(self) -> bool:
        """Whether the register lists the business now: it never left, or it came back."""
        return self.listings.now

    @property
    def capped(self) -> bool:
        """Whether any visit was booked, so that the document shows caps."""
        return any(visit.counter for visit in self.visits.values())

    @property
    def reckoned(self) -> bool:
        """Whether any record can be repaired at some time, so that the document shows regimes."""
        return any(entry.said is not None for entry in self.records.values())
