"""Folds about leniency lists, what they did in a case, and like cases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import msgspec

from ledger.general.vocabulary import CaseId, UnitId, ViolationCode
from ledger.kernel import Fold
from ledger.systems.corrections.events import DecisionAltered, Nullification
from ledger.systems.leniency.events import (
    CorrectionCommitmentTaken,
    EducationRecorded,
    LeniencyApplied,
    LeniencyListPublished,
    ListItem,
    PromisedCorrectionVerified,
)
from ledger.systems.penalties.events import PenaltyDecided


class LeniencyLists(Fold):
    """Which versions of its list has this unit published?"""

    unit: UnitId
    versions: list[LeniencyListPublished] = msgspec.field(default_factory=list)

    @property
    def latest(self) -> int:
        """The highest version number, 0 if none."""
        return max((version.version for version in self.versions), default=0)

    def on_published(self, event: LeniencyListPublished) -> None:
        self.versions.append(event)

    def in_force_between(self, first: date, last: date) -> list[LeniencyListPublished]:
        """Every version that was in force on one of these days, oldest first."""
        begun = sorted(
            (version for version in self.versions if version.effective_from <= last),
            key=lambda version: (version.effective_from, version.version),
        )
        current = [version for version in begun if version.effective_from <= first]
        return [*current[-1:], *(v for v in begun if v.effective_from > first)]

    def items(self, code: str, first: date, last: date) -> Iterator[tuple[int, ListItem]]:
        """What those versions say of a violation, each item with its version."""
        for version in self.in_force_between(first, last):
            for item in version.items:
                if item.violation_code == code:
                    yield version.version, item


class CaseLeniency(Fold):
    """What has been done for leniency in this case?"""

    case: CaseId
    applied: LeniencyApplied | None = None
    educated: list[EducationRecorded] = msgspec.field(default_factory=list)
    commitments: list[CorrectionCommitmentTaken] = msgspec.field(default_factory=list)
    corrected: PromisedCorrectionVerified | None = None

    def on_applied(self, event: LeniencyApplied) -> None:
        self.applied = event

    def on_educated(self, event: EducationRecorded) -> None:
        self.educated.append(event)

    def on_promised(self, event: CorrectionCommitmentTaken) -> None:
        # Whatever was seen before was about another promise.
        self.commitments.append(event)
        self.corrected = None

    def on_corrected(self, event: PromisedCorrectionVerified) -> None:
        self.corrected = event


class Outcome(msgspec.Struct):
    """What came of one case about a violation; ``undone`` since its decision lost its effect."""

    case: str
    unit: str
    entity: str
    decided_on: date
    decision: str | None = None
    types: tuple[str, ...] = ()
    fine_fen: int = 0
    tier: str | None = None
    leniency: str | None = None
    item: str | None = None
    list_version: int | None = None
    undone: bool = False


class LikeCases(Fold):
    """How did the cases about this type of violation end?"""

    violation_code: ViolationCode
    outcomes: dict[str, Outcome] = msgspec.field(default_factory=dict)

    @property
    def standing(self) -> list[Outcome]:
        """The outcomes that have effect; an altered decision has the fine that it has now."""
        return [outcome for outcome in self.outcomes.values() if not outcome.undone]

    def on_decided(self, event: PenaltyDecided) -> None:
        before = self.outcomes.get(event.case)
        self.outcomes[event.case] = Outcome(
            case=event.case,
            unit=event.unit,
            entity=event.entity,
            decided_on=event.decided_on,
            decision=event.decision,
            types=event.types,
            fine_fen=event.fine_fen,
            tier=event.tier,
            leniency=event.leniency,
            item=None if before is None or event.leniency is None else before.item,
            list_version=None if before is None or event.leniency is None else before.list_version,
        )

    def on_applied(self, event: LeniencyApplied) -> None:
        self.outcomes[event.case] = Outcome(
            case=event.case,
            unit=event.unit,
            entity=event.entity,
            decided_on=event.applied_on,
            leniency=event.outcome,
            item=event.item,
            list_version=event.list_version,
        )

    def on_nullified(self, event: Nullification) -> None:
        for outcome in self.outcomes.values():
            if outcome.decision != event.decision:
                continue
            if not isinstance(event, DecisionAltered):
                outcome.undone = True
                continue
            if event.content is not None:
                outcome.fine_fen = event.content.fine_fen
            for change in event.altered:
                if change.field == "fine_fen" and isinstance(change.after, int):
                    outcome.fine_fen = change.after
