"""Folds of the intake: what a register has already reported, read before each row is recorded.

Each fold is about one business or one inspection, so an import reads little, and imports about
different businesses do not block each other. A row's ``Origin`` is kept to tell a row that occurs
twice in its file from a file that is imported twice.
"""

from __future__ import annotations

import sys
from copy import copy
from datetime import date
from functools import cache
from typing import Any, NamedTuple, Self
from uuid import UUID

import msgspec

from ledger.general.vocabulary import EntityId, ImportId, InspectionId, RecordId
from ledger.intake.events import (
    ImportedInspectionWithdrawn,
    ImportedViolationWithdrawn,
    ImportFinished,
    ImportProgressed,
    ImportStarted,
    InspectionImported,
    ViolationImported,
    ViolationRectified,
)
from ledger.kernel import Fold, Provenance, RecordCorrected, Recorded, SubjectFold, civil_date
from ledger.systems.credit.events import (
    CreditRecordEntered,
    PublicityReinstated,
    PublicityStarted,
    PublicityTerminated,
)
from ledger.systems.entities.events import (
    EntityLeftRegister,
    EntityReentered,
    EntityRegistered,
    EntityRevised,
    Identity,
)
from ledger.systems.grading.events import CreditGradeAssigned


class Origin(NamedTuple):
    """The row that first stated a fact: its file, its line, and the start of its digest."""

    file: str
    line: int
    digest: str

    @classmethod
    def of(cls, provenance: Provenance | None) -> Origin:
        """Return the origin of a fact with this provenance; ``NOWHERE`` without one."""
        if provenance is None:
            return NOWHERE
        return cls(sys.intern(provenance.file), provenance.row, provenance.digest[:16])

    def is_copied_by(self, other: Origin) -> bool:
        """Return whether ``other`` is another line of the same file with the same bytes."""
        return self[0] == other[0] and self[2] == other[2] and self[1] != other[1]


NOWHERE = Origin("", 0, "")


class Own(Fold):
    """Base of folds that a command copies, so that it can apply its own decisions to the copy."""

    def own(self) -> Self:
        """Return a copy that may be changed."""
        own_copy = copy(self)
        for name in _containers(type(self)):
            setattr(own_copy, name, getattr(self, name).copy())
        return own_copy


@cache
def _containers(cls: type[Own]) -> tuple[str, ...]:
    fields = msgspec.structs.fields(cls)
    return tuple(f.name for f in fields if f.default_factory is not msgspec.NODEFAULT)


class RegisterEntry(Own, SubjectFold):
    """Which identities did a register report for a business, and does it list the business?

    ``said`` holds a fingerprint of each identity. ``revised`` and ``left`` hold the changes with
    their days, so that the same change is not taken twice. ``position`` is that of the event with
    the newest identity.
    """

    BEGUN = "identity"

    entity: EntityId
    identity: Identity | None = None
    origin: Origin = NOWHERE
    listed: bool = False
    said: set[int] = msgspec.field(default_factory=set)
    revised: set[tuple[str, date]] = msgspec.field(default_factory=set)
    left: set[date] = msgspec.field(default_factory=set)
    position: int = 0

    def on_registered(self, event: EntityRegistered, record: Recorded) -> None:
        self.state(event.identity, Origin.of(record.envelope.provenance))
        self.position = record.position

    def on_revised(self, event: EntityRevised, record: Recorded) -> None:
        self.state(event.identity, Origin.of(record.envelope.provenance))
        self.position = record.position
        self.revised.add((event.reason, civil_date(record.envelope.occurred_at)))

    def on_left(self, event: EntityLeftRegister, record: Recorded) -> None:
        self.leave(civil_date(record.envelope.occurred_at))

    def on_reentered(self, event: EntityReentered) -> None:
        self.listed = True

    def state(self, identity: Identity, origin: Origin) -> None:
        """Set the newest identity, and mark the business as listed."""
        self.identity = identity
        self.origin = origin
        self.listed = True
        self.said.add(fingerprint(identity))

    def leave(self, day: date) -> None:
        """Mark the business as no longer listed."""
        self.listed = False
        self.left.add(day)


def fingerprint(identity: Identity) -> int:
    """Return a number that distinguishes identities within this process."""
    return hash(
        (
            identity.name,
            identity.address,
            identity.area,
            identity.line,
            identity.registered_on,
            tuple(sorted(identity.details.items())),
        )
    )


class ImportedInspection(Own, SubjectFold):
    """What did a register report about this inspection, and which violations did it cite there?

    ``event`` includes corrections. ``replaced`` holds the values that corrections replaced, by
    field.
    """

    BEGUN = "event"

    inspection: InspectionId
    event: InspectionImported | None = None
    event_id: UUID | None = None
    position: int = 0
    origin: Origin = NOWHERE
    withdrawn: bool = False
    replaced: tuple[tuple[str, Any], ...] = ()
    violations: dict[str, Origin] = msgspec.field(default_factory=dict)

    def on_imported(self, event: InspectionImported, record: Recorded) -> None:
        self.event = event
        self.event_id = record.envelope.event_id
        self.position = record.position
        self.origin = Origin.of(record.envelope.provenance)

    def on_corrected(self, event: RecordCorrected) -> None:
        self.replaced += tuple(
            (change.path.removeprefix("/body/"), change.old) for change in event.field_changes
        )

    def on_withdrawn(self, event: ImportedInspectionWithdrawn) -> None:
        self.withdrawn = True

    def on_violation(self, event: ViolationImported, record: Recorded) -> None:
        self.violations[event.violation] = Origin.of(record.envelope.provenance)


class Cited(NamedTuple):
    """A violation in the history of its business."""

    found_on: date
    inspection: str | None
    origin: Origin
    withdrawn: bool = False
    corrected_on: date | None = None


class BusinessHistory(Own):
    """Which visits and violations did a register report of this business?

    It holds only what links them: the visits by day, without withdrawn ones, and each violation
    with its visit.
    """

    entity: EntityId
    visits: dict[date, tuple[str, ...]] = msgspec.field(default_factory=dict)
    violations: dict[str, Cited] = msgspec.field(default_factory=dict)

    def on_visit(self, event: InspectionImported) -> None:
        self.visits[event.held_on] = (*self.visits.get(event.held_on, ()), event.inspection)

    def on_visit_withdrawn(self, event: ImportedInspectionWithdrawn) -> None:
        for day, visits in self.visits.items():
            if event.inspection in visits:
                self.visits[day] = tuple(v for v in visits if v != event.inspection)

    def on_violation(self, event: ViolationImported, record: Recorded) -> None:
        self.cite(event, Origin.of(record.envelope.provenance))

    def on_rectified(self, event: ViolationRectified) -> None:
        self.rectify(event.violation, event.corrected_on)

    def on_withdrawn(self, event: ImportedViolationWithdrawn) -> None:
        self.withdraw(event.violation)

    def cite(self, event: ViolationImported, origin: Origin) -> None:
        """Add a violation."""
        self.violations[event.violation] = Cited(event.found_on, event.inspection, origin)

    def rectify(self, violation: str, day: date) -> None:
        """Mark a violation as corrected on a day."""
        self.violations[violation] = self.violations[violation]._replace(corrected_on=day)

    def withdraw(self, violation: str) -> None:
        """Mark a violation as withdrawn."""
        self.violations[violation] = self.violations[violation]._replace(withdrawn=True)


class AssessedGrades(Own):
    """Which grades did assessments made elsewhere give a business, and on which days?"""

    entity: EntityId
    given: set[tuple[str, str, str, date]] = msgspec.field(default_factory=set)

    def on_assigned(self, event: CreditGradeAssigned) -> None:
        self.given.add((event.source, event.scheme, event.grade, event.assessed_on))


class ListedPenalty(Own, SubjectFold):
    """Is this penalty on the credit record, and is it published?"""

    BEGUN = "entered"

    record: RecordId
    entered: CreditRecordEntered | None = None
    origin: Origin = NOWHERE
    started_on: date | None = None
    ended_on: date | None = None

    def on_entered(self, event: CreditRecordEntered, record: Recorded) -> None:
        self.entered = event
        self.origin = Origin.of(record.envelope.provenance)

    def on_started(self, event: PublicityStarted) -> None:
        self.started_on = event.started_on

    def on_terminated(self, event: PublicityTerminated) -> None:
        self.ended_on = event.terminated_on

    def on_reinstated(self, event: PublicityReinstated) -> None:
        self.ended_on = None


class ImportPlace(SubjectFold):
    """How many rows of this file are imported?

    ``position`` is that of the start of the import. ``blanks`` is ``None`` if empty rows were
    counted as rows, as in earlier versions of the program.
    """

    BEGUN = "started"

    import_id: ImportId
    started: bool = False
    position: int = 0
    finished: bool = False
    rows_done: int = 0
    rejected: int = 0
    warned: int = 0
    ignored: int = 0
    blanks: int | None = 0

    def on_started(self, event: ImportStarted, record: Recorded) -> None:
        self.started = True
        self.position = record.position

    def on_progressed(self, event: ImportProgressed) -> None:
        self.rows_done = event.rows_done
        self.rejected = event.rejected
        self.warned = event.warned
        self.ignored = event.ignored
        self.blanks = event.blank

    def on_finished(self, event: ImportFinished) -> None:
        self.finished = True
        self.blanks = event.blank
