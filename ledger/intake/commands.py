"""The command of the intake: it records rows of a register, and how many rows are imported.

The number is recorded in the same append as the facts of the rows. A crash therefore leaves both
or neither, and a later import asks only the ledger where to continue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, ClassVar, TypeVar

import msgspec

from ledger.general.documents import normal_form
from ledger.general.vocabulary import ImportId, Name, Sha256
from ledger.intake import claims
from ledger.intake.claims import Claim
from ledger.intake.events import (
    ImportedInspectionWithdrawn,
    ImportedViolationWithdrawn,
    ImportFinished,
    ImportProgressed,
    ImportStarted,
    InspectionImported,
    RowNote,
    ViolationRectified,
)
from ledger.intake.folds import (
    AssessedGrades,
    BusinessHistory,
    Cited,
    ImportedInspection,
    ImportPlace,
    ListedPenalty,
    Origin,
    Own,
    RegisterEntry,
    fingerprint,
)
from ledger.intake.notes import row_note
from ledger.kernel import (
    Event,
    Fact,
    FieldChange,
    Fold,
    Inquiry,
    NotRecorded,
    OutOfStep,
    Provenance,
    RecordCorrected,
    Report,
    Unavailable,
    Value,
    civil_moment,
)
from ledger.systems.credit.events import CreditRecordEntered, PublicityStarted
from ledger.systems.credit.folds import CreditRecords, Record
from ledger.systems.credit.rules import first_of
from ledger.systems.dishonesty.folds import Sanctions
from ledger.systems.draws.effects import CalledReserves
from ledger.systems.draws.events import DrawTargetSelected
from ledger.systems.endings.effects import end_what_rests
from ledger.systems.entities.effects import business_left
from ledger.systems.entities.events import EntityLeftRegister, EntityRevised

O = TypeVar("O", bound=Own)  # noqa: E741

#: The most notes of one progress event; another event carries the rest, so records stay small.
NOTES_OF_ONE = 100

#: The position of a fact that this command will record.
_IN_THIS_COMMAND = -1

#: The fields in which rows about an inspection can contradict; ``result`` follows from ``action``.
_COMPARED = ("score", "action", "grade", "graded_on")


#: The fold that settling a claim reads first, with the function that names its subject.
_QUESTIONS: dict[type[Claim], tuple[type[Own], Callable[[Any], str]]] = {
    claims.Lists: (RegisterEntry, attrgetter("event.entity")),
    claims.Inspects: (ImportedInspection, attrgetter("event.inspection")),
    claims.CitesThatDay: (BusinessHistory, attrgetter("event.entity")),
    claims.Rectifies: (BusinessHistory, attrgetter("entity")),
    claims.Publishes: (ListedPenalty, attrgetter("event.record")),
    claims.Grades: (AssessedGrades, attrgetter("event.entity")),
    claims.EndsPublicity: (ListedPenalty, attrgetter("event.record")),
}


class ImportRow(Value):
    """One row: its line, the digest of its bytes, its claims, and notes about its oddities.

    A row that could not be read has a ``rejected`` note and no claims.
    """

    line: int
    digest: str
    claims: tuple[Claim, ...] = ()
    notes: tuple[RowNote, ...] = ()
    ignored: bool = False


class RowRejected(NotRecorded):
    """A strict import met a row that cannot be imported; nothing of its batch is recorded."""

    def __init__(self, file: str, note: RowNote) -> None:
        self.file = file
        self.note = note
        super().__init__(
            "intake.row-rejected",
            file=file,
            line=note.line,
            reason=note.reason,
            fault=note.message,
        )


class ImportRows(Report):
    """导入登记册的若干行: record the facts in these rows that the ledger does not know yet.

    ``rows`` follow the first ``first`` rows of the file. A row that contradicts an earlier
    statement of the register is rejected with a reason, and the others are recorded; with
    ``strict``, one such row stops the whole batch. ``blank`` counts the blank rows of the file so
    far, which are not among the rows. ``known`` is the day on which the register is taken to have
    reported facts without a date of their own. ``reserves`` replace a drawn business that leaves
    the register; only one such business may leave in one command.
    """

    import_id: ImportId
    mapping: Name
    file: Name
    digest: Sha256
    bytes: int
    first: int
    rows: tuple[ImportRow, ...]
    blank: int = 0
    last: bool = False
    strict: bool = False
    known: date | None = None
    reserves: tuple[CalledReserves, ...] = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event | Fact]:
        place = inquiry.read(ImportPlace(self.import_id))
        if place.finished or place.rows_done > self.first:
            raise OutOfStep(
                "intake.already-imported-up-row-another-import",
                file=self.file,
                rows_done=place.rows_done,
            )
        if place.rows_done < self.first:
            raise OutOfStep(
                "intake.rows-must-be-imported-first",
                file=self.file,
                rows_done=place.rows_done + 1,
                first=self.first,
            )
        if not place.started:
            yield ImportStarted(
                import_id=self.import_id,
                mapping=self.mapping,
                file=self.file,
                digest=self.digest,
                bytes=self.bytes,
            )
        settling = _Settling(inquiry, self, place)
        settling.read_all()
        for row in self.rows:
            yield from settling.row(row)
        notes = settling.notes
        rejected = place.rejected + len({n.line for n in notes if n.kind == "rejected"})
        warned = place.warned + len({n.line for n in notes if n.kind == "warned"})
        ignored = place.ignored + sum(row.ignored for row in self.rows)
        rows_done = self.first + len(self.rows)
        if self.rows:
            for start in range(0, max(len(notes), 1), NOTES_OF_ONE):
                yield ImportProgressed(
                    import_id=self.import_id,
                    file=self.file,
                    digest=self.digest,
                    rows_done=rows_done,
                    rejected=rejected,
                    warned=warned,
                    ignored=ignored,
                    notes=tuple(notes[start : start + NOTES_OF_ONE]),
                    blank=self.blank,
                )
        if self.last:
            yield ImportFinished(
                import_id=self.import_id,
                file=self.file,
                digest=self.digest,
                rows=rows_done,
                rejected=rejected,
                warned=warned,
                ignored=ignored,
                blank=self.blank,
            )


class _Rejected(Exception):
    """A claim that contradicts an earlier statement of the register."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class _Settling:
    """Settles claims one by one; each sees what the earlier claims of the batch recorded."""

    def __init__(self, inquiry: Inquiry, command: ImportRows, place: ImportPlace) -> None:
        self.notes: list[RowNote] = []
        self._began = place.position if place.started else None
        self._ledger = inquiry
        self._command = command
        self._own: dict[tuple[type[Own], str], Own] = {}
        self._settled: set[int] = set()
        #: The reserves that are called.
        self._called: set[str] = set()
        #: The documents of the penalties that this command enters.
        self._documents: set[tuple[str, str, str]] = set()
        self._visits: dict[str, list[InspectionImported | ImportedInspectionWithdrawn]] = {}
        self._line = 0
        self._digest = ""
        self._copies: list[Origin] = []

    def read_all(self) -> None:
        """Read all folds that the claims of this batch need, in one query."""
        asked: dict[tuple[type[Fold], str], Fold] = {}
        for row in self._command.rows:
            for claim in row.claims:
                if isinstance(claim, claims.Publishes):
                    entity = claim.event.entity
                    asked.setdefault((CreditRecords, entity), CreditRecords(entity))
                if isinstance(claim, claims.EndsPublicity):
                    for fold in (Record(claim.event.record), Sanctions(claim.event.entity)):
                        asked.setdefault((type(fold), claim.event.record), fold)
                question = _QUESTIONS.get(type(claim))
                if question is not None:
                    kind, name_of = question
                    name = name_of(claim)
                    if (kind, name) not in asked:
                        asked[kind, name] = kind(name)
        self._ledger.read_all(asked.values())

    def row(self, row: ImportRow) -> Iterator[Fact]:
        """Yield the facts to record for one row; add its remarks to ``notes``."""
        self._line, self._digest = row.line, row.digest
        self._copies.clear()
        for note in row.notes:
            self._note(note)
        recorded = False
        settled, last = self._settled, len(row.claims) - 1
        for place, claim in enumerate(row.claims):
            if id(claim) in settled and place != last:
                continue  # an earlier row made the same claim without a remark
            remarks = len(self.notes)
            try:
                for event in self._settlers[type(claim)](self, claim):
                    recorded = True
                    yield event if isinstance(event, Fact) else self._fact(event, claim)
            except _Rejected as error:
                self._note(row_note(row.line, "rejected", error.reason, error.message))
                return
            if len(self.notes) == remarks:
                settled.add(id(claim))
        if self._copies and not recorded:
            self._warn("exact-duplicate", f"has the same bytes as line {self._copies[0].line}")

    def _fact(self, event: Event, claim: Claim) -> Fact:
        command = self._command
        known = claim.known or command.known
        on = event.started_on if isinstance(event, PublicityStarted) else claim.on
        return Fact(
            event,
            occurred_at=None if on is None else _moment(on),
            provenance=Provenance(
                source=command.mapping,
                file=command.file,
                row=self._line,
                digest=self._digest,
                known_at=None if known is None else _moment(known),
            ),
        )

    def _origin(self) -> Origin:
        return Origin(self._command.file, self._line, self._digest[:16])

    def _own_of(self, fold: O, name: str) -> O:
        """Return the command's own copy of a fold, which is read only once."""
        key = (type(fold), name)
        own = self._own.get(key)
        if own is None:
            own = self._own[key] = self._ledger.read(fold).own()
        return own  # type: ignore[return-value]

    def _entry(self, entity: str) -> RegisterEntry:
        return self._own.get((RegisterEntry, entity)) or self._own_of(  # type: ignore[return-value]
            RegisterEntry(entity), entity
        )

    def _inspection(self, inspection: str) -> ImportedInspection:
        own = self._own.get((ImportedInspection, inspection))
        return own or self._own_of(ImportedInspection(inspection), inspection)  # type: ignore[return-value]

    def _history(self, entity: str) -> BusinessHistory:
        history = self._own_of(BusinessHistory(entity), entity)
        # Add the visits that this command records, which are not in the fold that it read.
        for event in self._visits.pop(entity, ()):
            if isinstance(event, InspectionImported):
                history.on_visit(event)
            else:
                history.on_visit_withdrawn(event)
        return history

    def _visited(self, event: InspectionImported | ImportedInspectionWithdrawn) -> Event:
        self._visits.setdefault(event.entity, []).append(event)
        return event

    def _note(self, note: RowNote) -> None:
        if note.kind == "rejected" and self._command.strict:
            raise RowRejected(self._command.file, note)
        self.notes.append(note)

    def _warn(self, reason: str, message: str) -> None:
        self._note(row_note(self._line, "warned", reason, message))

    def _said_before(self, origin: Origin) -> None:
        if origin.is_copied_by(self._origin()):
            self._copies.append(origin)

    # Businesses

    def _lists(self, claim: claims.Lists) -> Iterator[Event]:
        event = claim.event
        entry = self._entry(event.entity)
        origin = self._origin()
        if not entry.exists:
            entry.state(event.identity, origin)
            entry.position = _IN_THIS_COMMAND
            yield event
            return
        self._said_before(entry.origin)
        if claim.again:
            if not entry.listed and claim.on not in entry.left:
                yield from self._revise(entry, event.identity, "entered the register again", claim)
        elif fingerprint(event.identity) in entry.said:
            return
        elif claim.otherwise == "revise" or (
            claim.otherwise == "newer-file" and entry.origin.file != origin.file
        ):
            yield from self._revise(entry, event.identity, "the register says otherwise", claim)
        elif claim.otherwise == "newer-list":
            if entry.position < 0 or (self._began is not None and entry.position > self._began):
                raise _Rejected(
                    "listed-twice",
                    f"{event.entity} must be listed once; line {entry.origin.line} of this list "
                    f"has other particulars: {_differences(entry.identity, event.identity)}",
                )
            yield from self._revise(entry, event.identity, "the register says otherwise", claim)
        else:
            self._warn(
                "identity-differs",
                f"{event.entity} has {_differences(entry.identity, event.identity)}; "
                "the first statement stays",
            )

    def _revise(
        self, entry: RegisterEntry, identity: Any, reason: str, claim: Claim
    ) -> Iterator[Event]:
        entry.state(identity, self._origin())
        entry.position = _IN_THIS_COMMAND
        entry.revised.add((reason, claim.on or self._ledger.today))
        yield EntityRevised(entity=entry.entity, identity=identity, reason=reason)

    def _revises(self, claim: claims.Revises) -> Iterator[Event]:
        entry = self._listed_business(claim.entity)
        assert entry.identity is not None
        if (claim.reason, claim.on) in entry.revised:
            return
        if getattr(entry.identity, claim.field) == claim.new:
            return
        changed = msgspec.structs.replace(entry.identity, **{claim.field: claim.new})
        yield from self._revise(entry, changed, claim.reason, claim)

    def _delists(self, claim: claims.Delists) -> Iterator[Event | Fact]:
        entry = self._listed_business(claim.entity)
        day = claim.on or self._ledger.today
        if entry.listed and day not in entry.left:
            entry.leave(day)
            yield EntityLeftRegister(
                entity=claim.entity, reason=claim.reason, kind=claim.kind, left_on=claim.on
            )
            for fact in business_left(
                self._ledger, claim.entity, day, claim.kind, self._command.reserves
            ):
                self._call(fact.event)
                yield fact

    def _call(self, event: Event) -> None:
        """Raise ``Unavailable`` if two leaving businesses would call the same reserve."""
        if isinstance(event, DrawTargetSelected):
            if event.target in self._called:
                raise Unavailable("intake.two-businesses-same-draw-leave-register")
            self._called.add(event.target)

    def _grades(self, claim: claims.Grades) -> Iterator[Event]:
        event = claim.event
        known = self._own_of(AssessedGrades(event.entity), event.entity)
        given = (event.source, event.scheme, event.grade, event.assessed_on)
        if given not in known.given:
            known.given.add(given)
            yield event

    def _listed_business(self, entity: str) -> RegisterEntry:
        entry = self._entry(entity)
        if not entry.exists:
            raise _Rejected("unknown-business", f"{entity} is not on the register")
        return entry

    # Inspections

    def _inspects(self, claim: claims.Inspects) -> Iterator[Event]:
        event = claim.event
        known = self._inspection(event.inspection)
        if known.event is None:
            known.event = event
            known.origin = self._origin()
            yield self._visited(event)
            return
        self._said_before(known.origin)
        if known.event is event or known.event == event:
            return
        replaced = known.replaced
        for field in _COMPARED:
            value, first = getattr(event, field), getattr(known.event, field)
            if value != first and (field, value) not in replaced:
                self._warn(
                    f"{field.replace('_', '-')}-contradicts",
                    f"{event.inspection} has {field} {_shown(value)}, but line "
                    f"{known.origin.line} of {known.origin.file} has {_shown(first)}, which stays",
                )

    def _rescores(self, claim: claims.Rescores) -> Iterator[Event]:
        known, event = self._known_inspection(claim.inspection)
        if event.score == claim.new:
            return
        if event.score != claim.old:
            raise _Rejected(
                "score-contradicts",
                f"the score of {claim.inspection} must be {_shown(claim.old)} to change to "
                f"{_shown(claim.new)}; it is {_shown(event.score)}",
            )
        meaning = "higher_is_better" if claim.new is not None else None
        changes = [FieldChange(path="/body/score", old=claim.old, new=claim.new)]
        if event.score_meaning != meaning:
            changes.append(
                FieldChange(path="/body/score_meaning", old=event.score_meaning, new=meaning)
            )
        yield self._corrects(known, event, changes, "the register changed the score")

    def _reclassifies(self, claim: claims.Reclassifies) -> Iterator[Event]:
        known, event = self._known_inspection(claim.inspection)
        if known.withdrawn or event.type == claim.new:
            return
        if self._inspection(claim.under).exists:
            known.withdrawn = True
            yield self._visited(
                ImportedInspectionWithdrawn(
                    inspection=claim.inspection,
                    entity=event.entity,
                    reason=f"the register lists it as {claim.new}",
                )
            )
            return
        change = FieldChange(path="/body/type", old=event.type, new=claim.new)
        yield self._corrects(known, event, [change], "the register changed the type")

    def _corrects(
        self,
        known: ImportedInspection,
        event: InspectionImported,
        changes: list[FieldChange],
        reason: str,
    ) -> RecordCorrected:
        # The corrected event was recorded by an earlier step, hence by an earlier command, so its
        # id and its position are final.
        assert known.event_id is not None
        values = {change.path.removeprefix("/body/"): change.new for change in changes}
        known.event = msgspec.structs.replace(event, **values)
        known.replaced += tuple((c.path.removeprefix("/body/"), c.old) for c in changes)
        return RecordCorrected(
            target_event_id=known.event_id,
            target_position=known.position,
            field_changes=tuple(changes),
            reason=reason,
            requested_by=f"register:{self._command.mapping}",
            approved_by=self._ledger.actor.person_id,
            subjects=tuple(event.tags()),
            target_visibility=event.visibility(),
        )

    def _withdraws_inspection(self, claim: claims.WithdrawsInspection) -> Iterator[Event]:
        known, event = self._known_inspection(claim.inspection)
        if not known.withdrawn:
            known.withdrawn = True
            yield self._visited(
                ImportedInspectionWithdrawn(
                    inspection=claim.inspection, entity=event.entity, reason=claim.reason
                )
            )

    def _known_inspection(self, inspection: str) -> tuple[ImportedInspection, InspectionImported]:
        known = self._inspection(inspection)
        if known.event is None:
            raise _Rejected("no-such-inspection", f"{inspection} is not on the register")
        return known, known.event

    # Violations

    def _cites(self, claim: claims.Cites) -> Iterator[Event]:
        event = claim.event
        assert event.inspection is not None
        violations = self._inspection(event.inspection).violations
        origin = violations.get(event.violation)
        if origin is None:
            violations[event.violation] = self._origin()
            yield event
        else:
            self._said_before(origin)

    def _cites_that_day(self, claim: claims.CitesThatDay) -> Iterator[Event]:
        event = claim.event
        history = self._history(event.entity)
        known = history.violations.get(event.violation)
        if known is not None:
            self._said_before(known.origin)
            return
        visits = history.visits.get(event.found_on, ())
        if len(visits) == 1:
            event = msgspec.structs.replace(event, inspection=visits[0])
        elif visits:
            self._warn(
                "several-inspections",
                f"{event.violation} may belong to any of {len(visits)} inspections of that day; "
                "it is linked to none",
            )
        else:
            self._warn("no-inspection", f"no inspection of {event.violation} is on the register")
        history.cite(event, self._origin())
        yield event

    def _rectifies(self, claim: claims.Rectifies) -> Iterator[Event]:
        assert claim.on is not None
        history, known = self._known_violation(claim.entity, claim.violation)
        if known.corrected_on is None:
            history.rectify(claim.violation, claim.on)
            yield ViolationRectified(
                violation=claim.violation,
                entity=claim.entity,
                corrected_on=claim.on,
                inspection=known.inspection,
            )
        elif known.corrected_on != claim.on:
            self._warn(
                "correction-contradicts",
                f"{claim.violation} was corrected on {claim.on}; the register reported "
                f"{known.corrected_on} earlier, which stays",
            )

    def _withdraws_violation(self, claim: claims.WithdrawsViolation) -> Iterator[Event]:
        history, known = self._known_violation(claim.entity, claim.violation)
        if not known.withdrawn:
            history.withdraw(claim.violation)
            yield ImportedViolationWithdrawn(
                violation=claim.violation,
                entity=claim.entity,
                reason=claim.reason,
                inspection=known.inspection,
            )

    def _known_violation(self, entity: str, violation: str) -> tuple[BusinessHistory, Cited]:
        history = self._history(entity)
        known = history.violations.get(violation)
        if known is None:
            raise _Rejected("no-such-violation", f"{violation} is not on the register")
        return history, known

    # Published penalties

    def _publishes(self, claim: claims.Publishes) -> Iterator[Event]:
        event = claim.event
        known = self._own_of(ListedPenalty(event.record), event.record)
        if known.entered is None:
            if not self._is_first(event):
                return
            known.entered, known.origin = event, self._origin()
            known.started_on = claim.publicity.started_on
            yield event
            yield claim.publicity
            return
        self._said_before(known.origin)
        if known.entered != event:
            self._warn(
                "penalty-contradicts",
                f"{event.record} was listed earlier with other particulars, which stay",
            )

    def _is_first(self, event: CreditRecordEntered) -> bool:
        """Return whether a document has no credit record yet from any unit (CRD-R5).

        A row about a document with a record adds nothing and makes no note: the notes of an import
        are public for ever, but the record may have ended or never been public.
        """
        number = (event.entity, event.kind, normal_form(event.instrument.doc_no))
        if number in self._documents:
            return False
        self._documents.add(number)
        first = first_of(
            self._ledger,
            entity=event.entity,
            kind=event.kind,
            doc_no=event.instrument.doc_no,
            but=event.record,
        )
        return first is None

    def _ends_publicity(self, claim: claims.EndsPublicity) -> Iterator[Event | Fact]:
        event = claim.event
        known = self._own_of(ListedPenalty(event.record), event.record)
        if known.started_on is None:
            raise _Rejected(
                "never-listed",
                f"{event.record} must be listed before it is removed; it was never listed",
            )
        if event.terminated_on < known.started_on:
            raise _Rejected(
                "removed-before-listed",
                f"the removal of {event.record} must not be before its listing on "
                f"{known.started_on}; it is {event.terminated_on}",
            )
        if known.ended_on is None:
            known.ended_on = event.terminated_on
            yield event
            record = self._ledger.read(Record(event.record))
            # Nothing can rest on a record that this command has entered itself. Everything that
            # rests on an older record ends now, by the ledger and not by the register; the grade
            # follows with the monthly recomputation.
            if record.exists:
                for consequence in end_what_rests(self._ledger, record, reason=event.reason):
                    yield Fact(consequence)
        elif known.ended_on != event.terminated_on:
            self._warn(
                "removal-contradicts",
                f"{event.record} was removed on {event.terminated_on}; the register reported "
                f"{known.ended_on} earlier, which stays",
            )

    _settlers: ClassVar[dict[type[Claim], Callable[[_Settling, Any], Iterator[Event | Fact]]]] = {
        claims.Lists: _lists,
        claims.Revises: _revises,
        claims.Delists: _delists,
        claims.Grades: _grades,
        claims.Inspects: _inspects,
        claims.Rescores: _rescores,
        claims.Reclassifies: _reclassifies,
        claims.WithdrawsInspection: _withdraws_inspection,
        claims.Cites: _cites,
        claims.CitesThatDay: _cites_that_day,
        claims.Rectifies: _rectifies,
        claims.WithdrawsViolation: _withdraws_violation,
        claims.Publishes: _publishes,
        claims.EndsPublicity: _ends_publicity,
    }


@lru_cache(maxsize=4096)
def _moment(day: date) -> datetime:
    return civil_moment(day)


def _shown(value: object) -> str:
    return "none" if value is None else str(value)


def _differences(first: Any, other: Any) -> str:
    return "; ".join(
        f"{field} {_shown(getattr(other, field))!r}, first {_shown(getattr(first, field))!r}"
        for field in first.__struct_fields__
        if getattr(first, field) != getattr(other, field)
    )
