"""Evidence, and what is held of it for a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from ledger.general.roles import OFFICERS, roles
from ledger.general.vocabulary import CaseId, EvidenceId, Name, Sha256, StoredFile, Text
from ledger.kernel import (
    Act,
    DatedAct,
    DeadlineRule,
    Event,
    Forbidden,
    Malformed,
    OutOfStep,
    Reading,
)
from ledger.systems.penalties import rules
from ledger.systems.penalties.events import (
    EvidenceAdded,
    EvidenceDisposed,
    EvidenceKind,
    SeizureExtended,
)
from ledger.systems.penalties.folds import Piece, known_case, open_case
from ledger.systems.process.rules import require_file, require_filmed, require_new

Items = Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=500)]


class AddEvidence(DatedAct):
    """收集证据: put a piece of evidence into the file of an open case.

    ``digest`` is that of a file that was uploaded for the case; any other says by itself that the
    file is kept elsewhere, and ``elsewhere`` where. ``file`` is filled in by the service.
    """

    ROLES = OFFICERS

    evidence: EvidenceId
    case: CaseId
    kind: EvidenceKind
    title: Name
    digest: Sha256 | None = None
    confidential: bool = False
    elsewhere: Name | None = None
    file: StoredFile | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        _, filed = open_case(ledger, self.case)
        require_new(ledger, self.evidence)
        require_file(ledger, self.case, self.file, self.elsewhere)
        yield EvidenceAdded(
            evidence=self.evidence,
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            kind=self.kind,
            title=self.title,
            collected_on=ledger.on,
            digest=self.digest,
            confidential=self.confidential,
            file=self.file,
            elsewhere=self.elsewhere,
        )


class RegisterInAdvance(Act):
    """先行登记保存: hold evidence that may be lost; by the head of the unit, for seven days."""

    ROLES = roles("unit_head")

    evidence: EvidenceId
    case: CaseId
    kind: EvidenceKind
    title: Name
    items: Items
    digest: Sha256 | None = None
    elsewhere: Name | None = None
    file: StoredFile | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        yield _held(self, ledger, "advance_registration")


class SeizeProperty(Act):
    """查封、扣押: seize premises or property; by the head of the unit, filmed, for thirty days."""

    ROLES = roles("unit_head")

    evidence: EvidenceId
    case: CaseId
    kind: EvidenceKind
    title: Name
    items: Items
    digest: Sha256 | None = None
    elsewhere: Name | None = None
    file: StoredFile | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        yield _held(self, ledger, "seizure")


def _held(
    command: RegisterInAdvance | SeizeProperty,
    ledger: Reading,
    measure: Literal["advance_registration", "seizure"],
) -> EvidenceAdded:
    _, filed = open_case(ledger, command.case)
    require_new(ledger, command.evidence)
    require_file(ledger, command.case, command.file, command.elsewhere)
    if measure == "seizure":
        require_filmed(ledger, command.case, measure, on=ledger.on)
    return EvidenceAdded(
        evidence=command.evidence,
        case=command.case,
        entity=filed.entity,
        unit=filed.unit,
        kind=command.kind,
        title=command.title,
        collected_on=ledger.on,
        digest=command.digest,
        measure=measure,
        items=command.items,
        approved_by=ledger.actor.person_id,
        file=command.file,
        elsewhere=command.elsewhere,
    )


class ExtendSeizure(Act):
    """延长查封、扣押: once, before its time is over, because the case is complicated."""

    ROLES = roles("unit_head")

    evidence: EvidenceId
    reason: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        piece, added = _own_piece(ledger, self.evidence)
        if not piece.seized_at:
            raise OutOfStep(f"{self.evidence} is not seized")
        if piece.extended is not None:
            raise OutOfStep(
                f"the seizure of {self.evidence} was extended already, and is extended once"
            )
        last = rules.due(ledger, *_held_by(piece)).on
        if ledger.on > last:
            raise OutOfStep(
                f"the seizure of {self.evidence} ended on {last}; give back what is held"
            )
        yield SeizureExtended(
            evidence=self.evidence,
            case=added.case,
            entity=added.entity,
            unit=added.unit,
            reason=self.reason,
            first_due_on=last,
        )


class DisposeOfEvidence(DatedAct):
    """处理决定: end the holding of evidence, one way or another.

    What was registered in advance may be seized: by the head of the unit, filmed (REC-R2), and for
    the time of a seizure from then on.
    """

    ROLES = OFFICERS

    evidence: EvidenceId
    disposal: Literal["returned", "seized", "examined", "confiscated", "destroyed", "transferred"]
    note: Text | None = None

    def may_be_dated_back(self, role: str) -> bool:
        return self.disposal != "seized"

    def decide(self, ledger: Reading) -> Iterator[Event]:
        piece, added = _own_piece(ledger, self.evidence)
        ledger.not_before(added.collected_on, f"{self.evidence} was collected")
        if self.disposal == "seized":
            self._check_seizure(ledger, piece, added)
        yield EvidenceDisposed(
            evidence=self.evidence,
            case=added.case,
            entity=added.entity,
            unit=added.unit,
            disposal=self.disposal,
            disposed_on=ledger.on,
            note=self.note,
            days_late=ledger.days_after(rules.due(ledger, *_held_by(piece))),
        )

    def _check_seizure(self, ledger: Reading, piece: Piece, added: EvidenceAdded) -> None:
        if piece.seized_at:
            raise Malformed(f"{self.evidence} is seized already", "/disposal")
        if ledger.actor.role != "unit_head":
            raise Forbidden("the head of the unit has something seized")
        require_filmed(ledger, added.case, "seizure", on=ledger.on)


def _held_by(piece: Piece) -> tuple[DeadlineRule, int]:
    """The deadline until which a piece is held now, and where it was opened."""
    if piece.extended is not None:
        return rules.END_EXTENDED_SEIZURE, piece.extended_at
    if not piece.seized_at:
        return rules.END_REGISTRATION, piece.added_at
    if piece.seized_at == piece.added_at:
        return rules.END_SEIZURE, piece.added_at
    return rules.END_LATER_SEIZURE, piece.seized_at


def _own_piece(ledger: Reading, evidence_id: str) -> tuple[Piece, EvidenceAdded]:
    """A piece that the actor's unit holds. Raises ``OutOfStep`` for one that is not held."""
    piece = ledger.known(Piece(evidence_id), "Add it to the case file first.")
    assert piece.added is not None
    known_case(ledger, piece.added.case)
    if piece.added.measure == "none":
        raise OutOfStep(f"{evidence_id} is in the file and nothing is held")
    if piece.disposed is not None:
        raise OutOfStep(
            f"{evidence_id} was {piece.disposed.disposal} on {piece.disposed.disposed_on}"
        )
    return piece, piece.added
