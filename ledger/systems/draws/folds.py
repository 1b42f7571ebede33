"""Folds about draws: rosters, the stage of each draw, and who was drawn and visited."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from ledger.general.vocabulary import DrawId, EntityId, PlanId, RosterId, TargetId, TaskId, UnitId
from ledger.kernel import UNNAMED, Fold, Inquiry, Recorded, SubjectFold
from ledger.systems.catalogue.folds import OfficerConflict, OfficerStanding
from ledger.systems.draws import uvdraw
from ledger.systems.draws.events import (
    By,
    DrawAnnounced,
    DrawCommitmentRevealed,
    DrawExecuted,
    DrawExemptionRequested,
    DrawMatter,
    DrawMatterListPublished,
    DrawOperated,
    DrawPart,
    DrawResultPublished,
    DrawReviewed,
    DrawSeedRevealed,
    DrawTargetExempted,
    DrawTargetInspected,
    DrawTargetReleased,
    DrawTargetSelected,
    DrawVerified,
    DrawVoided,
    EntityLeftOut,
    EntityRosterFrozen,
    ExemptGround,
    OfficerRosterFrozen,
    OfficersAssigned,
    OfficerSubstituted,
    SeedSource,
    SkipGround,
    SkippedOfficer,
    SourceValue,
    StratumCount,
    StratumRatio,
)
from ledger.systems.filing.events import InspectionTaskApproved, OnSiteInspectionOpened
from ledger.systems.grading.events import CreditGradeAssigned

Stage = Literal["unknown", "announced", "seed_revealed", "executed", "voided"]


class PublishedResult(SubjectFold):
    """Has the result of this inspection been published?"""

    BEGUN = "published"

    task: TaskId
    published: DrawResultPublished | None = None

    def on_published(self, event: DrawResultPublished) -> None:
        self.published = event


class Verified(msgspec.Struct, frozen=True):
    """The result when the service repeated a draw on request of ``by``."""

    unit: str
    by: str
    ok: bool
    mismatch: str | None


class DrawMatters(Fold):
    """For which matters may this unit draw, by its newest list?"""

    unit: UnitId
    version: int = 0
    items: dict[str, DrawMatter] = msgspec.field(default_factory=dict)

    def on_published(self, event: DrawMatterListPublished) -> None:
        self.version = event.version
        self.items = {item.matter: item for item in event.items}


class EntityRoster(SubjectFold):
    """What is on record about this roster of businesses?"""

    BEGUN = "frozen"

    roster: RosterId
    frozen: EntityRosterFrozen | None = None

    def on_frozen(self, event: EntityRosterFrozen) -> None:
        self.frozen = event


class OfficerRoster(SubjectFold):
    """What is on record about this roster of officers?"""

    BEGUN = "frozen"

    roster: RosterId
    frozen: OfficerRosterFrozen | None = None

    def on_frozen(self, event: OfficerRosterFrozen) -> None:
        self.frozen = event


class DrawState(SubjectFold):
    """What was announced for this draw, and at which stage is it?"""

    BEGUN = "announced_on"

    draw: DrawId
    unit: str = ""
    plan: str = ""
    year: int = 0
    matters: tuple[str, ...] = ()
    by: By = "grade"
    algorithm: str = ""
    announced_on: date | None = None
    strata: tuple[StratumRatio, ...] = ()
    reserves: int = 0
    sources: tuple[SeedSource, ...] = ()
    roster: str = ""
    roster_hash: str = ""
    roster_root: str = ""
    roster_count: int = 0
    roster_strata: dict[str, int] = msgspec.field(default_factory=dict)
    officer_roster: str = ""
    officer_roster_hash: str = ""
    inspect_by: date | None = None
    operators: list[str] = msgspec.field(default_factory=list)
    replaces: str | None = None
    withhold_reason: str | None = None
    parts: tuple[DrawPart, ...] = ()
    excluded: dict[str, int] = msgspec.field(default_factory=dict)
    revealed: dict[str, str] = msgspec.field(default_factory=dict)
    values: tuple[SourceValue, ...] = ()
    not_revealed: tuple[str, ...] = ()
    seed: str | None = None
    seed_on: date | None = None
    executed_on: date | None = None
    drawn: tuple[StratumCount, ...] = ()
    selected: int = 0
    selection_hash: str | None = None
    selection_root: str | None = None
    selection_count: int = 0
    voided_on: date | None = None
    void_reason: str | None = None
    void_evidence: str | None = None
    reviewed_on: date | None = None
    verifications: list[Verified] = msgspec.field(default_factory=list)

    @property
    def stage(self) -> Stage:
        """The stage of the draw."""
        if self.voided_on is not None:
            return "voided"
        if self.executed_on is not None:
            return "executed"
        if self.seed is not None:
            return "seed_revealed"
        return "announced" if self.exists else "unknown"

    def part_of(self, unit: str) -> DrawPart | None:
        """Return the part of a unit, or ``None``; a unit that draws alone has one part."""
        return next((part for part in self.parts if part.unit == unit), None)

    @property
    def units(self) -> tuple[str, ...]:
        """The units that draw, beginning with the initiating unit."""
        return tuple(part.unit for part in self.parts)

    @property
    def ratios(self) -> dict[str, str]:
        """The ratio of each stratum, in announced order."""
        return {stratum.key: stratum.ratio for stratum in self.strata}

    def on_announced(self, event: DrawAnnounced, record: Recorded) -> None:
        self.unit, self.plan, self.year = event.unit, event.plan, event.year
        self.matters, self.by, self.algorithm = event.matters, event.by, event.algorithm
        self.strata, self.reserves, self.sources = event.strata, event.reserves, event.sources
        self.roster, self.roster_hash = event.roster, event.roster_hash
        self.roster_root, self.roster_count = event.roster_root, event.roster_count
        self.roster_strata = event.roster_strata
        self.officer_roster = event.officer_roster
        self.officer_roster_hash = event.officer_roster_hash
        self.inspect_by, self.replaces = event.inspect_by, event.replaces
        self.withhold_reason = event.withhold_reason
        self.excluded = event.excluded
        alone = DrawPart(
            unit=event.unit,
            plan=event.plan,
            matters=event.matters,
            officer_roster=event.officer_roster,
            officer_roster_hash=event.officer_roster_hash,
        )
        self.parts = event.parts or (alone,)
        self.announced_on = record.occurred_on
        self._operate(record)

    def on_commitment(self, event: DrawCommitmentRevealed) -> None:
        self.revealed[event.source] = event.value

    def on_seed(self, event: DrawSeedRevealed, record: Recorded) -> None:
        self.seed, self.values, self.not_revealed = event.seed, event.values, event.not_revealed
        self.seed_on = record.occurred_on
        self._operate(record)

    def on_executed(self, event: DrawExecuted, record: Recorded) -> None:
        self.executed_on, self.drawn = record.occurred_on, event.strata
        self.selected = event.selected
        self.selection_hash, self.selection_root = event.selection_hash, event.selection_root
        self.selection_count = event.selection_count
        self._operate(record)

    def on_operated(self, event: DrawOperated, record: Recorded) -> None:
        if event.step in ("announced", "executed"):
            self._operate(record)

    def on_voided(self, event: DrawVoided, record: Recorded) -> None:
        self.voided_on = record.occurred_on
        self.void_reason, self.void_evidence = event.reason_code, event.evidence

    def on_verified(self, event: DrawVerified, record: Recorded) -> None:
        actor = record.envelope.actor
        if event.recomputed:
            self.verifications.append(
                Verified(actor.unit_id, actor.person_id, event.ok, event.mismatch)
            )

    def on_reviewed(self, event: DrawReviewed, record: Recorded) -> None:
        self.reviewed_on = record.occurred_on

    def _operate(self, record: Recorded) -> None:
        person = record.envelope.actor.person_id
        if person not in (UNNAMED, *self.operators):
            self.operators.append(person)


class PlanDraws(Fold):
    """Which draws were announced under this plan, and which were executed or voided?"""

    plan: PlanId
    announced: dict[str, DrawAnnounced] = msgspec.field(default_factory=dict)
    executed: set[str] = msgspec.field(default_factory=set)
    voided: list[str] = msgspec.field(default_factory=list)

    def on_announced(self, event: DrawAnnounced) -> None:
        self.announced[event.draw] = event

    def on_executed(self, event: DrawExecuted) -> None:
        self.executed.add(event.draw)

    def on_voided(self, event: DrawVoided) -> None:
        self.voided.append(event.draw)

    def in_the_way(
        self, matters: tuple[str, ...], roster: EntityRosterFrozen, today: date
    ) -> str | None:
        """Return a draw that a new one would repeat (DRW-R5), or ``None``.

        A draw is repeated if it is not executed yet or used the same roster. A new roster with the
        same businesses counts as the same until the last day of the earlier draw.
        """
        for draw, event in self.announced.items():
            if draw in self.voided or not set(matters) & set(event.matters):
                continue
            same = event.roster_hash == roster.roster_hash and today <= event.inspect_by
            if draw not in self.executed or event.roster == roster.roster or same:
                return draw
        return None


class DrawnTarget(SubjectFold):
    """Was this business drawn in this draw, and as which target?"""

    BEGUN = "target"

    entity: EntityId
    draw: DrawId
    target: str = ""

    def on_selected(self, event: DrawTargetSelected) -> None:
        self.target = event.target


class DrawnAt(Fold):
    """As which targets must this business still be visited?"""

    entity: EntityId
    waiting: list[str] = msgspec.field(default_factory=list)

    def on_selected(self, event: DrawTargetSelected) -> None:
        self.waiting.append(event.target)

    def on_over(self, event: DrawTargetInspected | DrawTargetExempted | DrawTargetReleased) -> None:
        if event.target in self.waiting:
            self.waiting.remove(event.target)


class Asked(msgspec.Struct, frozen=True):
    """A request to exempt a drawn business."""

    by: str
    reason: ExemptGround
    evidence: str
    instrument: str | None


class Target(SubjectFold):
    """Which business is this target, who visits it, and is the visit done?"""

    BEGUN = "draw"

    target: TargetId
    draw: str = ""
    entity: str = ""
    unit: str = ""
    plan: str = ""
    matters: tuple[str, ...] = ()
    stratum: str = ""
    ticket: str = ""
    rank: int = 0
    inclusion_prob: str = ""
    inspect_by: date | None = None
    in_place_of: str | None = None
    units: tuple[str, ...] = ()
    officers: tuple[str, ...] = ()
    #: The officers of each unit.
    by_unit: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    planned_on: date | None = None
    skipped: tuple[SkippedOfficer, ...] = ()
    substitutions: list[OfficerSubstituted] = msgspec.field(default_factory=list)
    task: str | None = None
    inspected_on: date | None = None
    asked: Asked | None = None
    exempted: ExemptGround | None = None
    no_reserve: bool = False
    released_on: date | None = None

    @property
    def state(self) -> Literal["waiting", "inspected", "exempted", "released"]:
        """Whether the visit is waiting, done, exempted or released."""
        if self.inspected_on is not None:
            return "inspected"
        if self.exempted is not None:
            return "exempted"
        return "waiting" if self.released_on is None else "released"

    def on_selected(self, event: DrawTargetSelected) -> None:
        if event.target != self.target:
            return  # the event selects a reserve that replaces this target
        self.draw, self.entity, self.unit = event.draw, event.entity, event.unit
        self.plan, self.matters, self.stratum = event.plan, event.matters, event.stratum
        self.ticket, self.rank = event.ticket, event.rank
        self.inclusion_prob, self.inspect_by = event.inclusion_prob, event.inspect_by
        self.in_place_of = event.in_place_of
        self.units = event.units or (event.unit,)

    def on_assigned(self, event: OfficersAssigned) -> None:
        self.by_unit[event.unit], self.planned_on = event.officers, event.planned_on
        self.officers = (*self.officers, *event.officers)
        self.skipped = (*self.skipped, *event.skipped)

    def on_substituted(self, event: OfficerSubstituted) -> None:
        self.substitutions.append(event)

        def changed(officers: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(event.to_officer if o == event.from_officer else o for o in officers)

        self.officers = changed(self.officers)
        self.by_unit = {unit: changed(going) for unit, going in self.by_unit.items()}

    def on_inspected(self, event: DrawTargetInspected) -> None:
        if self.inspected_on is None or event.inspected_on < self.inspected_on:
            self.inspected_on, self.task = event.inspected_on, event.task

    def on_asked(self, event: DrawExemptionRequested, record: Recorded) -> None:
        person = record.envelope.actor.person_id
        self.asked = Asked(person, event.reason, event.evidence, event.instrument)

    def on_exempted(self, event: DrawTargetExempted) -> None:
        self.exempted, self.no_reserve, self.asked = event.reason, event.no_reserve, None

    def on_released(self, event: DrawTargetReleased, record: Recorded) -> None:
        self.released_on = record.occurred_on


class DrawnTasks(Fold):
    """Which tasks were approved because this business was drawn in this draw?"""

    entity: EntityId
    draw: DrawId
    tasks: list[str] = msgspec.field(default_factory=list)

    def on_approved(self, event: InspectionTaskApproved) -> None:
        self.tasks.append(event.task)


class ExemptedTargets(Fold):
    """Which targets of this draw were exempted? Each exemption calls a reserve."""

    draw: DrawId
    targets: list[str] = msgspec.field(default_factory=list)

    def on_exempted(self, event: DrawTargetExempted) -> None:
        self.targets.append(event.target)


class PairsAt(Fold):
    """Which officers made drawn visits to this business, and how large were their rosters?"""

    entity: EntityId
    visits: dict[str, tuple[tuple[str, ...], int]] = msgspec.field(default_factory=dict)

    def on_inspected(self, event: DrawTargetInspected) -> None:
        if event.officers:
            self.visits.setdefault(event.target, (event.officers, event.drawn_from))


class LeftOutOf(Fold):
    """Why is this business not on this roster?"""

    entity: EntityId
    roster: RosterId
    reason: str | None = None

    def on_left_out(self, event: EntityLeftOut) -> None:
        self.reason = event.reason


class UnitVisits(Fold):
    """Which businesses has this unit visited, when and on which matters?"""

    unit: UnitId
    visits: list[tuple[str, date, tuple[str, ...]]] = msgspec.field(default_factory=list)

    def on_opened(self, event: OnSiteInspectionOpened, record: Recorded) -> None:
        self.visits.append((event.entity, record.occurred_on, event.matters))


class GradesSetByHand(Fold):
    """When was the grade of this business set by hand, by which unit, at which position?"""

    entity: EntityId
    overrides: list[tuple[date, str, int]] = msgspec.field(default_factory=list)

    def on_assigned(self, event: CreditGradeAssigned, record: Recorded) -> None:
        if event.override:
            unit = record.envelope.actor.unit_id
            self.overrides.append((event.assessed_on, unit, record.position))


def why_barred(
    inquiry: Inquiry, officer: str, unit: str, entity: str, *, on: date, domains: set[str]
) -> SkipGround | None:
    """Return why an officer may not visit a drawn business on a day, or ``None``."""
    standing = inquiry.read(OfficerStanding(officer))
    if standing.barred(on, unit, set()) is not None:
        return "certificate"
    if standing.barred(on, unit, domains) is not None:
        return "specialty"
    if inquiry.read(OfficerConflict(officer, entity)).reason is not None:
        return "conflict"
    return None


def officers_hash(officers: tuple[str, ...]) -> str:
    """Return the SHA-256 (hex) of the canonical JSON list of officers' ids, sorted."""
    return uvdraw.roster_hash(msgspec.json.encode(sorted(officers)))
