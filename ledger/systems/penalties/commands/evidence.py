"""Commands that collect evidence, hold it for a time and dispose of it."""

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
    Inquiry,
    Malformed,
    OutOfStep,
    message,
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
    """收集证据: add an item of evidence to the file of an open case.

    ``digest`` is the digest of a file that was uploaded for the case. Any other digest means that
    the file is kept elsewhere; ``elsewhere`` says where. The service fills in ``file``.
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

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        _, filed = open_case(inquiry, self.case)
        require_new(inquiry, self.evidence)
        require_file(inquiry, self.case, self.file, self.elsewhere)
        yield EvidenceAdded(
            evidence=self.evidence,
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            kind=self.kind,
            title=self.title,
            collected_on=inquiry.on,
            digest=self.digest,
            confidential=self.confidential,
            file=self.file,
            elsewhere=self.elsewhere,
        )


class RegisterInAdvance(Act):
    """先行登记保存: the head of the unit holds evidence that may be lost, for seven days."""

    ROLES = roles("unit_head")

    evidence: EvidenceId
    case: CaseId
    kind: EvidenceKind
    title: Name
    items: Items
    digest: Sha256 | None = None
    elsewhere: Name | None = None
    file: StoredFile | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        yield _held(self, inquiry, "advance_registration")


class SeizeProperty(Act):
    """查封、扣押: the head of the unit seizes premises or property, filmed, for thirty days."""

    ROLES = roles("unit_head")

    evidence: EvidenceId
    case: CaseId
    kind: EvidenceKind
    title: Name
    items: Items
    digest: Sha256 | None = None
    elsewhere: Name | None = None
    file: StoredFile | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        yield _held(self, inquiry, "seizure")


def _held(
    command: RegisterInAdvance | SeizeProperty,
    inquiry: Inquiry,
    measure: Literal["advance_registration", "seizure"],
) -> EvidenceAdded:
    _, filed = open_case(inquiry, command.case)
    require_new(inquiry, command.evidence)
    require_file(inquiry, command.case, command.file, command.elsewhere)
    if measure == "seizure":
        require_filmed(inquiry, command.case, measure, on=inquiry.on)
    return EvidenceAdded(
        evidence=command.evidence,
        case=command.case,
        entity=filed.entity,
        unit=filed.unit,
        kind=command.kind,
        title=command.title,
        collected_on=inquiry.on,
        digest=command.digest,
        measure=measure,
        items=command.items,
        approved_by=inquiry.actor.person_id,
        file=command.file,
        elsewhere=command.elsewhere,
    )


class ExtendSeizure(Act):
    """延长查封、扣押: extend a seizure once, before it ends, because the case is complicated."""

    ROLES = roles("unit_head")

    evidence: EvidenceId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        piece, added = _own_piece(inquiry, self.evidence)
        if not piece.seized_at:
            raise OutOfStep("penalties.must-be-seized-seizure-extended", evidence=self.evidence)
        if piece.extended is not None:
            raise OutOfStep("penalties.seizure-already-extended", evidence=self.evidence)
        last = rules.due(inquiry, *_held_by(piece)).on
        if inquiry.on > last:
            raise OutOfStep("penalties.seizure-ended", evidence=self.evidence, last=last)
        yield SeizureExtended(
            evidence=self.evidence,
            case=added.case,
            entity=added.entity,
            unit=added.unit,
            reason=self.reason,
            first_due_on=last,
        )


class DisposeOfEvidence(DatedAct):
    """处理决定: end the holding of evidence in one of several ways.

    The head of the unit may seize evidence that was registered in advance; the seizure must be
    filmed (REC-R2), and the time limit of a seizure runs from then on.
    """

    ROLES = OFFICERS

    evidence: EvidenceId
    disposal: Literal["returned", "seized", "examined", "confiscated", "destroyed", "transferred"]
    note: Text | None = None

    def may_be_dated_back(self, role: str) -> bool:
        return self.disposal != "seized"

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        piece, added = _own_piece(inquiry, self.evidence)
        inquiry.not_before(
            added.collected_on, message("penalties.collected", evidence=self.evidence)
        )
        if self.disposal == "seized":
            self._check_seizure(inquiry, piece, added)
        yield EvidenceDisposed(
            evidence=self.evidence,
            case=added.case,
            entity=added.entity,
            unit=added.unit,
            disposal=self.disposal,
            disposed_on=inquiry.on,
            note=self.note,
            days_late=inquiry.days_after(rules.due(inquiry, *_held_by(piece))),
        )

    def _check_seizure(self, inquiry: Inquiry, piece: Piece, added: EvidenceAdded) -> None:
        if piece.seized_at:
            raise Malformed("penalties.already-seized", pointer="/disposal", evidence=self.evidence)
        if inquiry.actor.role != "unit_head":
            raise Forbidden(
                "penalties.seizure-must-be-ordered-head-unit-not", role=inquiry.actor.role
            )
        require_filmed(inquiry, added.case, "seizure", on=inquiry.on)


def _held_by(piece: Piece) -> tuple[DeadlineRule, int]:
    """Return the deadline until which an item is held now, and the position that opened it."""
    if piece.extended is not None:
        return rules.END_EXTENDED_SEIZURE, piece.extended_at
    if not piece.seized_at:
        return rules.END_REGISTRATION, piece.added_at
    if piece.seized_at == piece.added_at:
        return rules.END_SEIZURE, piece.added_at
    return rules.END_LATER_SEIZURE, piece.seized_at


def _own_piece(inquiry: Inquiry, evidence_id: str) -> tuple[Piece, EvidenceAdded]:
    """Return an item that the actor's unit holds. Raises ``OutOfStep`` if it is not held."""
    piece = inquiry.known(Piece(evidence_id), "penalties.add-evidence-case-file-first")
    known_case(inquiry, piece.added.case)
    if piece.added.measure == "none":
        raise OutOfStep("penalties.must-be-registered-advance-seized", evidence=evidence_id)
    if piece.disposed is not None:
        raise OutOfStep(
            "penalties.already",
            evidence=evidence_id,
            disposal=piece.disposed.disposal,
            disposed_on=piece.disposed.disposed_on,
        )
    return piece, piece.added
