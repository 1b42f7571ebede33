"""Make a draw from the frozen roster with the revealed seed, and record its targets."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.general.roles import DRAWERS
from ledger.general.vocabulary import DrawId, Sha256
from ledger.kernel import Act, Event, Fact, Inquiry, Malformed, Message, OutOfStep, Value, message
from ledger.systems.draws import rules, uvdraw
from ledger.systems.draws.commands.common import operated
from ledger.systems.draws.effects import SelectedLine, selected, target_id
from ledger.systems.draws.events import Count, DrawExecuted, DrawOperated, StratumCount
from ledger.systems.draws.folds import DrawState, Target


class DrawOutcome(Value):
    """The outcome of a draw: its counts, and the digest of the blob with its selection."""

    strata: tuple[StratumCount, ...]
    selection_hash: Sha256
    selection_root: Sha256
    selection_count: Count


class ExecuteDraw(Act):
    """随机抽取: make the draw from the frozen roster with the revealed seed.

    ``roster_hash`` must be the hash of the announced roster (DRW-R2). The service draws and fills
    in ``outcome``; an outcome that the sender computed is refused if it differs (DRW-R6). Sent
    again, the command continues where it was interrupted.
    """

    ROLES = DRAWERS

    draw: DrawId
    roster_hash: Sha256
    outcome: DrawOutcome | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event | Fact]:
        draw = operated(inquiry, self.draw)
        require_roster(inquiry, draw, self.roster_hash)
        require_seeded(draw)
        outcome = self.outcome
        if outcome is None:
            raise Malformed("draws.outcome-must-be-filled-before-draw-recorded", pointer="/outcome")
        wrong = why_not_of(draw, outcome)
        if wrong is None and draw.stage == "executed":
            if outcome.selection_hash == draw.selection_hash:
                return
            wrong = message("draws.selection-recorded-already", selection_hash=draw.selection_hash)
        inquiry.require(wrong is None, rules.DRW_R6, draw=self.draw, reason=wrong)
        assert draw.seed is not None
        executed = DrawExecuted(
            draw=self.draw,
            unit=draw.unit,
            plan=draw.plan,
            roster_hash=self.roster_hash,
            seed=draw.seed,
            strata=outcome.strata,
            selected=sum(stratum.quota for stratum in outcome.strata),
            selection_hash=outcome.selection_hash,
            selection_root=outcome.selection_root,
            selection_count=outcome.selection_count,
        )
        yield Fact(executed, unnamed=True)
        yield DrawOperated(draw=self.draw, unit=draw.unit, step="executed")


class SelectTargets(Act):
    """抽中对象入账: record the selected businesses as targets, in batches.

    Each line must prove that it is in the selection of the executed draw (DRW-R6). Targets that are
    recorded already are skipped, so that a batch can be sent again.
    """

    draw: DrawId
    lines: tuple[SelectedLine, ...]

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        draw = operated(inquiry, self.draw)
        if draw.stage != "executed":
            raise OutOfStep(
                "draws.draw-must-be-executed-before-targets-recorded",
                draw=self.draw,
                stage=draw.stage,
            )
        quotas = {stratum.key: stratum.quota for stratum in draw.drawn}
        ids = [target_id(self.draw, line.stratum, line.rank) for line in self.lines]
        inquiry.read_all(Target(target) for target in ids)
        for line, target in zip(self.lines, ids, strict=True):
            inquiry.require(
                line.rank <= quotas.get(line.stratum, 0),
                rules.DRW_R6,
                draw=self.draw,
                reason=message("draws.only-reserve", target=target),
            )
            if not inquiry.read(Target(target)).exists:
                yield selected(inquiry, draw, line)


def difference(draw: DrawState, made: DrawOutcome) -> Message | None:
    """Return how an executed draw differs from the same draw made again, or ``None``."""
    recorded = DrawOutcome(
        strata=draw.drawn,
        selection_hash=draw.selection_hash or "",
        selection_root=draw.selection_root or "",
        selection_count=draw.selection_count,
    )
    for name in DrawOutcome.__struct_fields__:
        was, now = getattr(recorded, name), getattr(made, name)
        if was != now:
            return message("draws.made-again", name=name, was=was, now=now)
    return None


def require_roster(inquiry: Inquiry, draw: DrawState, roster_hash: str) -> None:
    """Refuse a roster other than the announced one (DRW-R2)."""
    inquiry.require(
        roster_hash == draw.roster_hash,
        rules.DRW_R2,
        found=roster_hash,
        of=draw.draw,
        frozen=draw.roster_hash,
    )


def require_seeded(draw: DrawState) -> None:
    """Refuse a draw that has no seed yet or was voided."""
    if draw.stage not in ("seed_revealed", "executed"):
        raise OutOfStep(
            "draws.seed-draw-must-be-revealed-before-draw", draw=draw.draw, stage=draw.stage
        )


def why_not_of(draw: DrawState, outcome: DrawOutcome) -> Message | None:
    """Return why the counts of an outcome cannot be those of this draw, or ``None``."""
    due = tuple(
        StratumCount(
            key=stratum.key,
            size=draw.roster_strata.get(stratum.key, 0),
            quota=uvdraw.quota(draw.roster_strata.get(stratum.key, 0), stratum.ratio),
        )
        for stratum in draw.strata
    )
    if outcome.strata != due:
        return message(
            "draws.strata-must-be", shown=_shown(due), outcome_shown=_shown(outcome.strata)
        )
    lines = sum(min(stratum.size, stratum.quota + draw.reserves) for stratum in due)
    if outcome.selection_count != lines:
        return message(
            "draws.reserves-must-lines", lines=lines, selection_count=outcome.selection_count
        )
    return None


def _shown(strata: tuple[StratumCount, ...]) -> list[str]:
    return [f"{stratum.key} {stratum.quota}/{stratum.size}" for stratum in strata]
