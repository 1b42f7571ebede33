"""The draw is made from the frozen roster with the revealed seed, and its targets recorded."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.general.roles import DRAWERS
from ledger.general.vocabulary import DrawId, Sha256
from ledger.kernel import Act, Event, Fact, Malformed, OutOfStep, Reading, Value
from ledger.systems.draws import rules, uvdraw
from ledger.systems.draws.commands.common import operated
from ledger.systems.draws.effects import SelectedLine, selected, target_id
from ledger.systems.draws.events import Count, DrawExecuted, DrawOperated, StratumCount
from ledger.systems.draws.folds import DrawState, Target


class DrawOutcome(Value):
    """What a draw gives: counts, and the selection that lies beside the ledger by its digest."""

    strata: tuple[StratumCount, ...]
    selection_hash: Sha256
    selection_root: Sha256
    selection_count: Count


class ExecuteDraw(Act):
    """随机抽取: make the draw from the frozen roster with the revealed seed.

    ``roster_hash``: the roster that it is made from; another than the announced one is refused
    (DRW-R2). The service draws and fills in ``outcome``; an outcome that the sender worked out
    is refused unless it is the same (DRW-R6). Sent again it goes on where it was interrupted.
    """

    ROLES = DRAWERS

    draw: DrawId
    roster_hash: Sha256
    outcome: DrawOutcome | None = None

    def decide(self, ledger: Reading) -> Iterator[Event | Fact]:
        draw = operated(ledger, self.draw)
        require_roster(ledger, draw, self.roster_hash)
        require_seeded(draw)
        outcome = self.outcome
        if outcome is None:
            raise Malformed("a draw is made before it is recorded", "/outcome")
        wrong = why_not_of(draw, outcome)
        if wrong is None and draw.stage == "executed":
            if outcome.selection_hash == draw.selection_hash:
                return
            wrong = f"{self.draw} gave {draw.selection_hash} before"
        ledger.require(wrong is None, rules.DRW_R6, draw=self.draw, reason=wrong)
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
    """抽中对象入账: give each selected business its own event, some at a time; none twice.

    Each line proves that it stands in the selection of the executed draw (DRW-R6). What is
    recorded already is passed over, so the same batch may be sent again.
    """

    draw: DrawId
    lines: tuple[SelectedLine, ...]

    def decide(self, ledger: Reading) -> Iterator[Event]:
        draw = operated(ledger, self.draw)
        if draw.stage != "executed":
            raise OutOfStep(f"draw {self.draw} is {draw.stage}")
        quotas = {stratum.key: stratum.quota for stratum in draw.drawn}
        ids = [target_id(self.draw, line.stratum, line.rank) for line in self.lines]
        ledger.read_all(Target(one) for one in ids)
        for line, target in zip(self.lines, ids, strict=True):
            ledger.require(
                line.rank <= quotas.get(line.stratum, 0),
                rules.DRW_R6,
                draw=self.draw,
                reason=f"{target} is a reserve",
            )
            if not ledger.read(Target(target)).exists:
                yield selected(ledger, draw, line)


def difference(draw: DrawState, made: DrawOutcome) -> str | None:
    """In what an executed draw differs from the same draw made again; ``None`` in nothing."""
    recorded = DrawOutcome(
        strata=draw.drawn,
        selection_hash=draw.selection_hash or "",
        selection_root=draw.selection_root or "",
        selection_count=draw.selection_count,
    )
    for name in DrawOutcome.__struct_fields__:
        was, now = getattr(recorded, name), getattr(made, name)
        if was != now:
            return f"{name} is {was}; made again it is {now}"
    return None


def require_roster(ledger: Reading, draw: DrawState, roster_hash: str) -> None:
    """Refuse another roster than the announced one (DRW-R2)."""
    ledger.require(
        roster_hash == draw.roster_hash,
        rules.DRW_R2,
        found=roster_hash,
        of=draw.draw,
        frozen=draw.roster_hash,
    )


def require_seeded(draw: DrawState) -> None:
    """Refuse a draw that has no seed yet, or does not count any more."""
    if draw.stage not in ("seed_revealed", "executed"):
        raise OutOfStep(f"draw {draw.draw} is {draw.stage}; a draw follows the reveal of the seed")


def why_not_of(draw: DrawState, outcome: DrawOutcome) -> str | None:
    """Why an outcome cannot be this draw's, by what can be counted; ``None`` if nothing says so."""
    due = tuple(
        StratumCount(
            key=stratum.key,
            size=draw.roster_strata.get(stratum.key, 0),
            quota=uvdraw.quota(draw.roster_strata.get(stratum.key, 0), stratum.ratio),
        )
        for stratum in draw.strata
    )
    if outcome.strata != due:
        return f"the strata are {_told(due)}, not {_told(outcome.strata)}"
    lines = sum(min(one.size, one.quota + draw.reserves) for one in due)
    if outcome.selection_count != lines:
        return f"it has {lines} lines with the reserves, not {outcome.selection_count}"
    return None


def _told(strata: tuple[StratumCount, ...]) -> str:
    return ", ".join(f"{one.key} {one.quota}/{one.size}" for one in strata)
