"""What is worked out before a command of draws is handed in: rosters, selections, verifications.

It takes up to seconds, so it is done in the caller's thread and never in the sequencer's. Whatever
it says is fixed by digests, and the command that carries it is decided from the ledger again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any, TypeVar

import msgspec

from ledger.draws import rules, uvdraw
from ledger.draws.commands import (
    ExecuteDraw,
    ExemptTarget,
    FreezeEntityRoster,
    FrozenRoster,
    ReleaseTargets,
    SelectedLine,
    SelectTargets,
    VerifyDraw,
    VoidDraw,
)
from ledger.draws.commands.executing import require_seeded
from ledger.draws.commands.targets import next_reserve, target_id
from ledger.draws.folds import DrawnTarget, DrawState, ExemptedTargets, Target
from ledger.draws.making import Drawn, drawn
from ledger.kernel import Command, Fold, Malformed, Refusal, Unavailable
from ledger.kernel.policies import PolicyVersions
from ledger.stores.blobs import Blobs
from projections.draws import Composed, compose, population, strata_of
from projections.follower import Follower

F = TypeVar("F", bound=Fold)

#: Targets recorded by one command: it holds the sequencer for some ten milliseconds, not longer.
BATCH = 64

#: How long the views may take to catch up before a roster is composed from them, in seconds.
_PATIENCE = 10.0

replace = msgspec.structs.replace


class Prepared(msgspec.Struct, frozen=True):
    """A command with what it lacked, and the commands that follow once it is recorded.

    Each that follows has the key that makes it happen once.
    """

    command: Command
    then: Callable[[], Iterator[tuple[Command, str]]] = lambda: iter(())


class Desk(msgspec.Struct, frozen=True):
    """What preparing needs: the ledger as recorded, the views, and the content beside both."""

    follower: Follower
    blobs: Blobs

    def now(self, fold: F) -> F:
        """The answer to a question as the ledger has it now."""
        return fold.over(self.follower.source.records([fold.selector()]))


def freeze_roster(command: FreezeEntityRoster, desk: Desk) -> Prepared:
    """Compose the roster and store it. Raises DRW-R7 for who is missing without a reason."""
    composed, at = composed_roster(command, desk)
    return Prepared(replace(command, entries=(), frozen=_frozen(command, composed, desk, at)))


def composed_roster(command: FreezeEntityRoster, desk: Desk) -> tuple[Composed, int]:
    """The roster that a command asks for, and the position that it was composed at."""
    head = desk.follower.source.head()
    if not desk.follower.wait_for(head, _PATIENCE, "draw_population"):
        raise Unavailable("the views are behind the ledger; send it again in a second")
    at = desk.follower.position("draw_population")
    window = timedelta(days=_window(command, desk))
    standings = population(desk.follower.views, command.area, command.line)
    left_out = [one.entity for one in command.left_out]
    composed = compose(standings, command.as_of, window, left_out)
    if command.entries:
        composed = _given(command, composed)
    elif command.by != "grade":
        raise Malformed(
            "the register knows grades alone; give the entries with their risk", "/entries"
        )
    return composed, at


def preview(command: FreezeEntityRoster, desk: Desk) -> dict[str, Any]:
    """What a roster would be, without storing or freezing anything."""
    composed, at = composed_roster(command, desk)
    lines = uvdraw.roster_lines(composed.entries)
    return {
        "as_of": command.as_of,
        "by": command.by,
        "area": command.area,
        "line": command.line,
        "roster_hash": uvdraw.roster_hash(uvdraw.roster_bytes(lines)),
        "roster_root": uvdraw.roster_root(lines),
        "count": len(lines),
        "strata": strata_of(composed.entries, command.by),
        "composed_at": at,
        "overridden": len(composed.overridden),
    }


def _window(command: FreezeEntityRoster, desk: Desk) -> int:
    key = "grade.override_window_cd"
    version = desk.now(PolicyVersions(key)).in_force(command.as_of)
    # Whoever freezes is told by the decision that no version is in force.
    return int(version.value) if version is not None else 0


def _given(command: FreezeEntityRoster, register: Composed) -> Composed:
    """The entries that were given, held against the register."""
    grades = {str(entry["uscc"]): entry["grade"] for entry in register.entries}
    given: list[dict[str, str | int]] = []
    for index, entry in enumerate(command.entries):
        at = f"/entries/{index}"
        if entry.uscc not in grades:
            raise Malformed(
                f"{entry.uscc} is not registered in this class on {command.as_of}", f"{at}/uscc"
            )
        if entry.grade != grades[entry.uscc]:
            raise Malformed(
                f"{entry.uscc} had grade {grades[entry.uscc]} on {command.as_of}", f"{at}/grade"
            )
        if command.by == "risk" and entry.risk is None:
            raise Malformed("the roster is divided by risk", f"{at}/risk")
        given.append(msgspec.to_builtins(entry))
    missing = sorted(grades.keys() - {entry.uscc for entry in command.entries})
    if missing:
        raise Refusal(rules.DRW_R7, None, entity=missing[0], missing=len(missing))
    return Composed(given, register.overridden)


def _frozen(command: FreezeEntityRoster, composed: Composed, desk: Desk, at: int) -> FrozenRoster:
    try:
        lines = uvdraw.roster_lines(composed.entries)
    except uvdraw.Unfit as error:
        raise Malformed(str(error), "/entries") from error
    roster = uvdraw.roster_bytes(lines)
    return FrozenRoster(
        roster_hash=desk.blobs.put(roster),
        roster_root=uvdraw.roster_root(lines),
        count=len(lines),
        strata=strata_of(composed.entries, command.by),
        composed_at=at,
        overridden=tuple(composed.overridden),
    )


def execute_draw(command: ExecuteDraw, desk: Desk) -> Prepared:
    """Make the draw, or refuse an outcome that is not the draw's (DRW-R2, DRW-R6)."""
    draw = desk.now(DrawState(command.draw))
    if not draw.exists or draw.seed is None or command.roster_hash != draw.roster_hash:
        # The decision says what is wrong; there is nothing to draw yet.
        return Prepared(command)
    require_seeded(draw)
    made = _made_again(command, draw, desk)
    desk.blobs.put(uvdraw.roster_bytes(made.lines))
    return Prepared(replace(command, outcome=made.outcome), lambda: _selections(command.draw, made))


def _made_again(command: ExecuteDraw | VerifyDraw, draw: DrawState, desk: Desk) -> Drawn:
    """The draw from its roster and seed; an outcome that the sender worked out has to be its."""
    made = drawn(draw, desk.blobs.get(draw.roster_hash))
    if command.outcome not in (None, made.outcome):
        raise Refusal(
            rules.DRW_R6,
            None,
            draw=command.draw,
            reason=f"the selection has the hash {made.outcome.selection_hash}, and this is another",
        )
    return made


def _selections(draw: str, made: Drawn) -> Iterator[tuple[Command, str]]:
    """Each selected business gets its own event, some at a time."""
    proof = uvdraw.prover(made.lines)
    quotas: dict[str, int] = {one.key: one.quota for one in made.outcome.strata}
    selected = (
        SelectedLine(
            **one._asdict(),
            index=index,
            path=tuple(proof(index)),
        )
        for index, one in enumerate(made.picked)
        if one.rank <= quotas[one.stratum]
    )
    for number, lines in enumerate(_batches(selected)):
        yield (
            SelectTargets(draw=draw, lines=tuple(lines)),
            f"select-targets:{made.outcome.selection_root}:{number}",
        )


def exempt_target(command: ExemptTarget, desk: Desk) -> Prepared:
    """Find the reserve that takes the exempted business's place."""
    draw = desk.now(DrawState(command.draw))
    place = desk.now(DrawnTarget(command.entity, command.draw))
    if draw.selection_hash is None or not place.exists:
        return Prepared(command)
    stratum = desk.now(Target(place.target)).stratum
    rank = next_reserve(draw, desk.now(ExemptedTargets(command.draw)), stratum)
    if rank is None:
        return Prepared(replace(command, reserve=None))
    entries = msgspec.json.decode(desk.blobs.get(draw.selection_hash))
    lines = [uvdraw.line(entry) for entry in entries]
    index = next(
        i for i, one in enumerate(entries) if (one["stratum"], one["rank"]) == (stratum, rank)
    )
    reserve = SelectedLine(
        **entries[index], index=index, path=tuple(uvdraw.roster_proof(lines, index))
    )
    return Prepared(replace(command, reserve=reserve))


def void_draw(command: VoidDraw, desk: Desk) -> Prepared:
    """Once the draw is voided, release those whom it selected."""
    draw = desk.now(DrawState(command.draw))
    called = len(desk.now(ExemptedTargets(command.draw)).targets)
    places = (
        target_id(command.draw, stratum.key, rank)
        for stratum in draw.drawn
        for rank in range(1, stratum.quota + called + 1)
    )

    def releases() -> Iterator[tuple[Command, str]]:
        for number, targets in enumerate(_batches(places)):
            yield (
                ReleaseTargets(draw=command.draw, targets=tuple(targets)),
                f"release-targets:{command.draw}:{number}",
            )

    return Prepared(command, releases)


def verify_draw(command: VerifyDraw, desk: Desk) -> Prepared:
    """Make the draw again: nobody's word, not even the sender's, says how it comes out."""
    draw = desk.now(DrawState(command.draw))
    if draw.selection_hash is None:
        # The decision says that there is nothing to verify.
        return Prepared(command)
    return Prepared(replace(command, outcome=_made_again(command, draw, desk).outcome))


def _batches(things: Iterator[Any]) -> Iterator[Sequence[Any]]:
    while some := list(islice(things, BATCH)):
        yield some


Preparer = Callable[[Any, Desk], Prepared]

#: What is worked out for which command before it is handed in.
PREPARERS: dict[type[Command], Preparer] = {
    FreezeEntityRoster: freeze_roster,
    ExecuteDraw: execute_draw,
    ExemptTarget: exempt_target,
    VoidDraw: void_draw,
    VerifyDraw: verify_draw,
}
