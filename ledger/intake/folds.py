"""Folds of the intake: what a register said already, asked before each row is recorded.

Each asks about one business or one inspection, so that an import reads little and two imports that
say different things do not wait for each other. A row's ``Origin`` is kept to tell a row that
stands in its file twice from a file that is imported twice.
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
from ledger.kernel import Fold, Provenance, RecordCorrected, Recorded, civil_date
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
    """The row that said something first: its file, line, and the start of its digest."""

    file: str
    line: int
    digest: str

    @classmethod
    def of(cls, provenance: Provenance | None) -> Origin:
        """The origin of what was recorded with this provenance; of none, nowhere."""
        if provenance is None:
            return NOWHERE
        return cls(sys.intern(provenance.file), provenance.row, provenance.digest[:16])

    def is_copied_by(self, other: Origin) -> bool:
        """Whether another line of the same file has the same bytes."""
        return self[0] == other[0] and self[2] == other[2] and self[1] != other[1]


NOWHERE = Origin("", 0, "")


class Own(Fold):
    """Base of folds of which a command makes a copy, to follow what it decides itself."""

    def own(self) -> Self:
        """A copy that may be changed."""
        made = copy(self)
        for name in _containers(type(self)):
            setattr(made, name, getattr(self, name).copy())
        return made


@cache
def _containers(cls: type[Own]) -> tuple[str, ...]:
    fields = msgspec.structs.fields(cls)
    return tuple(f.name for f in fields if f.default_factory is not msgspec.NODEFAULT)


class RegisterEntry(Own):
    """What did a register say of a business's identity, and does it list the business?

    ``said`` holds a fingerprint of each identity; ``revised`` and ``left`` what was said on which
    day, so that the same change is not taken twice. ``position`` is where the identity is recorded.
    """

    entity: EntityId
    identity: Identity | None = None
    origin: Origin = NOWHERE
    listed: bool = False
    said: set[int] = msgspec.field(default_factory=set)
    revised: set[tuple[str, date]] = msgspec.field(default_factory=set)
    left: set[date] = msgspec.field(default_factory=set)
    position: int = 0

    @property
    def exists(self) -> bool:
        return self.identity is not None

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
        """This is the identity from now on, and the business is listed."""
        self.identity = identity
        self.origin = origin
        self.listed = True
        self.said.add(fingerprint(identity))

    def leave(self, day: date) -> None:
        """The business is listed no more."""
        self.listed = False
        self.left.add(day)


def fingerprint(identity: Identity) -> int:
    """A number that tells identities apart, in this process."""
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


class ImportedInspection(Own):
    """What did a register say of this inspection, and which violations did it cite there?

    ``event`` reads as corrected. ``replaced`` holds the values that corrections replaced, by field.
    """

    inspection: InspectionId
    event: InspectionImported | None = None
    event_id: UUID | None = None
    position: int = 0
    origin: Origin = NOWHERE
    withdrawn: bool = False
    replaced: tuple[tuple[str, Any], ...] = ()
    violations: dict[str, Origin] = msgspec.field(default_factory=dict)

    @property
    def exists(self) -> bool:
        return self.event is not None

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
    """A violation as its business's record has it."""

    found_on: date
    inspection: str | None
    origin: Origin
    withdrawn: bool = False
    corrected_on: date | None = None


class BusinessHistory(Own):
    """Which visits and violations did a register report of this business?

    Only what links them: the visits by day (those that were not withdrawn), and each violation with
    its visit.
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
        """The violation was found."""
        self.violations[event.violation] = Cited(event.found_on, event.inspection, origin)

    def rectify(self, violation: str, day: date) -> None:
        """The violation was put right."""
        self.violations[violation] = self.violations[violation]._replace(corrected_on=day)

    def withdraw(self, violation: str) -> None:
        """The violation is listed no more."""
        self.violations[violation] = self.violations[violation]._replace(withdrawn=True)


class AssessedGrades(Own):
    """Which grades did assessments made elsewhere give a business, and on which days?"""

    entity: EntityId
    given: set[tuple[str, str, str, date]] = msgspec.field(default_factory=set)

    def on_assigned(self, event: CreditGradeAssigned) -> None:
        self.given.add((event.source, event.scheme, event.grade, event.assessed_on))


class ListedPenalty(Own):
    """Is this penalty on the credit record, and is it published?"""

    record: RecordId
    entered: CreditRecordEntered | None = None
    origin: Origin = NOWHERE
    started_on: date | None = None
    ended_on: date | None = None

    @property
    def exists(self) -> bool:
        return self.entered is not None

    def on_entered(self, event: CreditRecordEntered, record: Recorded) -> None:
        self.entered = event
        self.origin = Origin.of(record.envelope.provenance)

    def on_started(self, event: PublicityStarted) -> None:
        self.started_on = event.started_on

    def on_terminated(self, event: PublicityTerminated) -> None:
        self.ended_on = event.terminated_on

    def on_reinstated(self, event: PublicityReinstated) -> None:
        self.ended_on = None


class ImportPlace(Fold):
    """How far did the import of this file come?

    ``position`` is where it began. ``blanks`` is ``None`` where blank rows were counted as rows, as
    earlier programs did.
    """

    import_id: ImportId
    started: bool = False
    position: int = 0
    finished: bool = False
    rows_done: int = 0
    rejected: int = 0
    warned: int = 0
    ignored: int = 0
    blanks: int | None = 0

    @property
    def exists(self) -> bool:
        return self.started

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
