"""Repeat every draw: roster, seed, selection, and the events of the selected targets (2.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import msgspec

from ledger.general.vocabulary import DrawId
from ledger.kernel import Fold, Recorded
from ledger.stores.blobs import BlobDamaged, BlobMissing, Blobs
from ledger.systems.draws import uvdraw
from ledger.systems.draws.commands.executing import difference
from ledger.systems.draws.events import (
    DrawAnnounced,
    DrawCommitmentRevealed,
    DrawExecuted,
    DrawTargetSelected,
)
from ledger.systems.draws.folds import DrawState, EntityRoster, OfficerRoster, officers_hash
from ledger.systems.draws.making import Drawn, drawn
from ledger.verification.asking import Records
from ledger.verification.faults import Found
from ledger.verification.files import asked, opened_file

#: The selected targets are recorded within seconds of a draw, in portions. A draw that is younger
#: than this, compared with the last record, may still be recording them.
RECORDING = timedelta(hours=1)

_COVERING = "SELECT signed_at FROM signed WHERE size >= ? ORDER BY size LIMIT 1"


class Steps(Fold):
    """Which records announced, revealed and executed this draw, and whom did it select?"""

    draw: DrawId
    announced: Recorded | None = None
    executed: Recorded | None = None
    revealed: dict[str, Recorded] = msgspec.field(default_factory=dict)
    selected: list[tuple[int, DrawTargetSelected]] = msgspec.field(default_factory=list)

    def on_announced(self, event: DrawAnnounced, record: Recorded) -> None:
        self.announced = record

    def on_revealed(self, event: DrawCommitmentRevealed, record: Recorded) -> None:
        self.revealed[event.source] = record

    def on_executed(self, event: DrawExecuted, record: Recorded) -> None:
        self.executed = record

    def on_selected(self, event: DrawTargetSelected, record: Recorded) -> None:
        self.selected.append((record.position, event))


def verify_draws(
    records: Records,
    blobs: Path | None,
    signed: Path | None,
    tell: Callable[[int], None] = lambda draws: None,
) -> Found:
    """Repeat every draw and compare it with its events; call ``tell`` after each."""
    found = Found()
    store = None if blobs is None else Blobs(blobs, read_only=True)
    for announced in records.of(DrawAnnounced):
        assert isinstance(announced.event, DrawAnnounced)
        name = announced.event.draw
        draw, steps = records.ask(DrawState(name)), records.ask(Steps(name))
        wrong = _Draw(records, draw, steps, store).wrong()
        for position, what in wrong:
            found.wrong(f"draw {name}", what, position)
        if not wrong:
            remarks = [*_remarks(announced, steps, signed), *_waiting(records, draw, steps)]
            found.remarks += [f"draw {name}: {remark}" for remark in remarks]
        found.count += 1
        tell(1)
    return found


class _Draw:
    """One draw, checked step by step up to the first step with a fault."""

    def __init__(
        self, records: Records, draw: DrawState, steps: Steps, blobs: Blobs | None
    ) -> None:
        self.records, self.draw, self.steps, self.blobs = records, draw, steps, blobs

    def wrong(self) -> list[tuple[int, str]]:
        """Return the positions of faults, each with a description."""
        assert self.steps.announced is not None
        at = self.steps.announced.position
        for look in (self._frozen, self._seed):
            if (what := look()) is not None:
                return [(at, what)]
        if self.blobs is None:
            return []
        try:
            roster = self.blobs.get(self.draw.roster_hash)
            entries = uvdraw.read_roster(roster)
        except (BlobMissing, BlobDamaged, uvdraw.Unfit) as error:
            return [(at, f"its roster: {error}")]
        if uvdraw.roster_root(uvdraw.roster_lines(entries)) != self.draw.roster_root:
            return [(at, "its roster has another root than was announced")]
        executed = self.steps.executed
        if executed is None:
            return []
        try:
            made = drawn(self.draw, roster)
            self.blobs.get(self.draw.selection_hash or "")
        except (BlobMissing, BlobDamaged, uvdraw.Unfit) as error:
            return [(executed.position, str(error))]
        if (differs := difference(self.draw, made.outcome)) is not None:
            return [(executed.position, str(differs))]
        return list(self._selected(made, executed))

    def _frozen(self) -> str | None:
        """Return how the announcement differs from the frozen rosters; ``None`` if it agrees."""
        draw = self.draw
        roster = self.records.ask(EntityRoster(draw.roster)).frozen
        if roster is None:
            return f"its roster {draw.roster} was never frozen"
        frozen = (roster.roster_hash, roster.roster_root, roster.count, roster.strata, roster.by)
        if frozen != (
            draw.roster_hash, draw.roster_root, draw.roster_count, draw.roster_strata, draw.by,
        ):  # fmt: skip
            return f"it announced another roster than {draw.roster} as it was frozen"
        if draw.excluded != roster.excluded:
            return f"it counts others excluded than {draw.roster} as it was frozen"
        for part in draw.parts:
            officers = self.records.ask(OfficerRoster(part.officer_roster)).frozen
            if officers is None or officers.roster_hash != part.officer_roster_hash:
                return f"it announced other officers than {part.officer_roster} as it was frozen"
            if officers_hash(officers.officers) != officers.roster_hash:
                return f"the officers of {part.officer_roster} are not those of its hash"
        return None

    def _seed(self) -> str | None:
        """Return how the seed differs from the announced sources; ``None`` if it agrees."""
        draw = self.draw
        if draw.seed is None:
            return None
        if [value.source for value in draw.values] != [source.name for source in draw.sources]:
            return "its seed is not made of the announced sources, in their order"
        for source, value in zip(draw.sources, draw.values, strict=True):
            if not value.revealed and value.value != source.fallback:
                return f"{source.name} gave no value, and its fallback was not used"
            if value.revealed and source.commitment is not None:
                if sha256(value.value.encode()).hexdigest() != source.commitment:
                    return f"the value of {source.name} is not the one committed to"
                if draw.revealed.get(source.name) != value.value:
                    return f"{source.name} did not reveal the value that was used"
                at = self.steps.revealed[source.name].envelope.recorded_at
                if at > source.publication_at:
                    return f"{source.name} revealed its value at {at.isoformat()}, after its time"
        if draw.seed != uvdraw.SEPARATOR.join(value.value for value in draw.values):
            return "its seed is not the values of its sources"
        return None

    def _selected(self, made: Drawn, executed: Recorded) -> Iterator[tuple[int, str]]:
        """Yield targets that the draw did not select, and selected ones that are not recorded."""
        event = executed.event
        assert isinstance(event, DrawExecuted)
        if (event.seed, event.roster_hash) != (self.draw.seed, self.draw.roster_hash):
            yield executed.position, "it was made with another seed or roster than was announced"
        quotas = {stratum.key: stratum.quota for stratum in made.outcome.strata}
        if event.selected != sum(quotas.values()):
            yield executed.position, f"it counts {event.selected} selected"
        lines = {(line.stratum, line.rank): line for line in made.picked}
        for position, target in self.steps.selected:
            line = lines.get((target.stratum, target.rank))
            recorded = (target.entity, target.ticket, target.inclusion_prob)
            if line is None or recorded != (line.uscc, line.ticket, line.inclusion_prob):
                yield position, f"{target.entity} was not drawn for {target.target}"
            elif (target.rank > quotas[target.stratum]) is (target.in_place_of is None):
                yield position, f"{target.target} takes a place that is not its own"
        if _is_over(self.records, executed) and self.draw.voided_on is None:
            for target_id in _not_recorded(self.draw, self.steps):
                yield executed.position, f"{target_id} was drawn, but is not recorded"


def _not_recorded(draw: DrawState, steps: Steps) -> list[str]:
    recorded = {(event.stratum, event.rank) for _, event in steps.selected}
    return [
        f"{draw.draw}/{stratum.key}/{rank}"
        for stratum in draw.drawn
        for rank in range(1, stratum.quota + 1)
        if (stratum.key, rank) not in recorded
    ]


def _is_over(records: Records, executed: Recorded) -> bool:
    last = records.at(records.head)
    return last is None or last.envelope.recorded_at - executed.envelope.recorded_at > RECORDING


def _waiting(records: Records, draw: DrawState, steps: Steps) -> Iterator[str]:
    if steps.executed is None or draw.voided_on is not None:
        return
    missing = _not_recorded(draw, steps)
    if missing:
        yield (
            f"{len(missing)} of {draw.selected} targets drawn are not recorded yet; if the draw "
            "was interrupted, send execute-draw again"
        )


def _remarks(announced: Recorded, steps: Steps, signed: Path | None) -> Iterator[str]:
    """Yield a remark if no checkpoint proves that the announcement came before the seed."""
    event = announced.event
    assert isinstance(event, DrawAnnounced)
    if signed is None or steps.executed is None:
        return
    with ExitStack() as opened:
        rows = asked(opened_file(opened, signed), signed, _COVERING, announced.position)
    first = min(source.publication_at for source in event.sources)
    if rows and datetime.fromisoformat(rows[0][0].decode()) >= first:
        yield (
            f"its announcement was signed only at {rows[0][0].decode()}, but the first part of its "
            f"seed was published at {first.isoformat()}"
        )
