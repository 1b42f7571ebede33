"""Effects of acts of other systems on draws: visits, exemptions and reserves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import combinations
from typing import Annotated, Any, Protocol, TypeVar

import msgspec

from ledger.general.findings import finding
from ledger.general.vocabulary import EntityId, Sha256, TargetId
from ledger.kernel import Event, Fold, Inquiry, Unavailable, Value, message
from ledger.systems.draws import chance, rules, uvdraw
from ledger.systems.draws.events import (
    Count,
    DrawTargetExempted,
    DrawTargetInspected,
    DrawTargetSelected,
    StratumKey,
)
from ledger.systems.draws.folds import (
    DrawnAt,
    DrawnTarget,
    DrawState,
    ExemptedTargets,
    OfficerRoster,
    PairsAt,
    Target,
)
from ledger.systems.entities.folds import Registration
from ledger.systems.entities.rules import LEFT_HOW
from ledger.systems.filing.events import Ratio

F = TypeVar("F", bound=Fold)


class SelectedLine(Value):
    """A line of a selection, with its ``index`` and the ``path`` that proves it."""

    uscc: EntityId
    stratum: StratumKey
    ticket: Sha256
    rank: Annotated[int, msgspec.Meta(ge=1)]
    inclusion_prob: Ratio
    index: Count
    path: tuple[Sha256, ...]

    def stands_in(self, draw: DrawState) -> bool:
        """Return whether the selection of an executed draw has this line."""
        assert draw.selection_root is not None
        line = uvdraw.line(
            uvdraw.Picked(
                self.uscc, self.stratum, self.ticket, self.rank, self.inclusion_prob
            )._asdict()
        )
        return uvdraw.proves(draw.selection_root, draw.selection_count, self.index, line, self.path)


class CalledReserves(Value):
    """The reserves that replace a target, up to the first one that its register lists."""

    target: TargetId
    lines: tuple[SelectedLine, ...]


def drawn_target(inquiry: Inquiry, draw: str, entity: str) -> Target | None:
    """Return the target of a business in a draw, or ``None`` if it was not drawn."""
    drawn = inquiry.read(DrawnTarget(entity, draw))
    return inquiry.read(Target(drawn.target)) if drawn.exists else None


def drawn_visit(
    inquiry: Inquiry, draw: str, entity: str, unit: str | None, matters: tuple[str, ...]
) -> Target | None:
    """Return the target that a visit fulfils, or ``None``.

    The visit must be made by a unit of the draw, for at least one of its matters. An unknown unit
    (``None``) or unknown matters (empty) are not a reason against it.
    """
    target = drawn_target(inquiry, draw, entity)
    if target is None or unit not in (None, *target.units):
        return None
    return target if not matters or set(matters) & set(target.matters) else None


def require_drawn_officers(
    inquiry: Inquiry, target: Target, unit: str, officers: tuple[str, ...]
) -> None:
    """Refuse a visit by officers other than those drawn for it (DRW-R8)."""
    drawn = target.by_unit.get(unit, ())
    others = sorted(set(officers) ^ set(drawn))
    inquiry.require(
        drawn and not others,
        rules.DRW_R8,
        target=target.target,
        reason=(
            message("draws.drawn-were", drawn=drawn)
            if drawn
            else message("draws.no-officers-assigned")
        ),
    )


def target_inspected(
    inquiry: Inquiry,
    draw: str | None,
    entity: str,
    task: str,
    officers: tuple[str, ...] = (),
    *,
    unit: str | None = None,
) -> Iterator[Event]:
    """Yield the effects of a visit to a drawn business, even if nobody opened the door.

    If several units visit together, only the first one yields the event. Finding DRW-V4 follows if
    a pair of its officers has visited this business more often than chance explains.
    """
    target = None if draw is None else drawn_target(inquiry, draw, entity)
    if target is None or target.state != "waiting":
        return
    state = inquiry.read(DrawState(target.draw))
    part = state.part_of(unit or target.unit) or state.parts[0]
    roster = inquiry.read(OfficerRoster(part.officer_roster)).frozen
    drawn_from = len(roster.officers) if roster is not None else 0
    yield DrawTargetInspected(
        target=target.target,
        draw=target.draw,
        entity=entity,
        unit=part.unit,
        task=task,
        stratum=target.stratum,  # type: ignore[arg-type]
        inspected_on=inquiry.on,
        officers=officers,
        drawn_from=drawn_from,
    )
    threshold = Fraction(str(inquiry.setting("selective_p")))
    visits = [*inquiry.read(PairsAt(entity)).visits.values(), (officers, drawn_from)]
    for pair in combinations(sorted(set(officers)), 2):
        times = sum(set(pair) <= set(going) for going, _ in visits)
        p = chance.pair_recurs([(len(set(going)), size) for going, size in visits], times)
        if times > 1 and p < threshold:
            yield finding(
                inquiry,
                rules.DRW_V4,
                unit=part.unit,
                entity=entity,
                task=task,
                officers=list(pair),
                times=times,
                visits=len(visits),
                p=chance.shown(p),
            )


def business_left(
    inquiry: Inquiry, entity: str, how: str, reserves: tuple[CalledReserves, ...]
) -> Iterator[Event]:
    """Exempt a business that left its register from all visits that it was drawn for.

    ``reserves`` replace it in each draw. The unit that reports the leaving may not see these sealed
    targets, so they are read here without regard to the actor.
    """
    lines = {called.target: called.lines for called in reserves}
    for name in inquiry.read(DrawnAt(entity)).waiting:
        # The actor need not be allowed to see the visits that end.
        target = inquiry.read_true(Target(name))
        draw = inquiry.read_true(DrawState(target.draw))
        if draw.stage != "voided":
            exemption = DrawTargetExempted(
                target=name,
                draw=target.draw,
                entity=entity,
                unit=target.unit,
                reason="closed",
                evidence=f"the business {how}",
                of_itself=True,
            )
            yield from exempted(inquiry, draw, target.stratum, exemption, lines.get(name, ()))


def exempted(
    inquiry: Inquiry,
    draw: DrawState,
    stratum: str,
    exemption: DrawTargetExempted,
    lines: tuple[SelectedLine, ...],
) -> Iterator[Event]:
    """Yield an exemption and the selection of the next reserve.

    A reserve that has left its register is exempted at once, and the next one follows. Raise
    ``Unavailable`` if another exemption was recorded in the meantime.
    """
    called = list(inquiry.read_true(ExemptedTargets(draw.draw)).targets)
    waiting = iter(lines)
    while True:
        rank = next_reserve(draw, called, stratum)
        line = next(waiting, None) if rank is not None else None
        if rank is not None and (line is None or (line.stratum, line.rank) != (stratum, rank)):
            raise Unavailable("draws.another-exemption-recorded-meantime")
        yield msgspec.structs.replace(
            exemption,
            replaced_by=None if rank is None else target_id(draw.draw, stratum, rank),
            no_reserve=rank is None,
        )
        if line is None:
            return
        called.append(exemption.target)
        reserve = selected(inquiry, draw, line, in_place_of=exemption.target)
        yield reserve
        left = inquiry.read(Registration(line.uscc)).left(inquiry.today)
        if left is None:
            return
        exemption = DrawTargetExempted(
            target=reserve.target,
            draw=draw.draw,
            entity=line.uscc,
            unit=draw.unit,
            reason="closed",
            evidence=f"the business {LEFT_HOW[left.kind]} on {left.on}",
            of_itself=True,
        )


def selected(
    inquiry: Inquiry, draw: DrawState, line: SelectedLine, *, in_place_of: str | None = None
) -> DrawTargetSelected:
    """Return the event that selects the business of a line.

    The line must be in the selection of the draw (DRW-R6).
    """
    inquiry.require(
        line.stands_in(draw),
        rules.DRW_R6,
        draw=draw.draw,
        reason=message("draws.not-line-selection", uscc=line.uscc, index=line.index),
    )
    assert draw.inspect_by is not None
    return DrawTargetSelected(
        target=target_id(draw.draw, line.stratum, line.rank),
        draw=draw.draw,
        entity=line.uscc,
        unit=draw.unit,
        plan=draw.plan,
        matters=draw.matters,
        stratum=line.stratum,
        ticket=line.ticket,
        rank=line.rank,
        inclusion_prob=line.inclusion_prob,
        inspect_by=draw.inspect_by,
        in_place_of=in_place_of,
        units=draw.units if len(draw.parts) > 1 else (),
    )


class _Asks(Protocol):
    """A function that reads a fold from the ledger."""

    def __call__(self, fold: F, /) -> F: ...


def called_reserves(
    name: str, now: _Asks, content: Callable[[str], bytes]
) -> CalledReserves | None:
    """Return the reserves that would replace a target, up to the first listed one.

    ``now`` reads a fold as of now; ``content`` returns the blob with a digest. Return ``None`` if
    the draw has no selection or was voided.
    """
    target = now(Target(name))
    draw = now(DrawState(target.draw))
    if draw.selection_hash is None or draw.stage == "voided":
        return None
    called = list(now(ExemptedTargets(target.draw)).targets)
    by_place: dict[tuple[str, int], int] = {}
    entries: list[dict[str, Any]] = []
    lines: list[bytes] = []
    reserves: list[SelectedLine] = []
    while (rank := next_reserve(draw, called, target.stratum)) is not None:
        if not entries:
            entries = msgspec.json.decode(content(draw.selection_hash))
            lines = [uvdraw.line(entry) for entry in entries]
            by_place = {(entry["stratum"], entry["rank"]): i for i, entry in enumerate(entries)}
        index = by_place[target.stratum, rank]
        path = tuple(uvdraw.roster_proof(lines, index))
        reserves.append(SelectedLine(**entries[index], index=index, path=path))
        called.append(name)
        if now(Registration(reserves[-1].uscc)).listed:
            break
        name = target_id(draw.draw, target.stratum, rank)
    return CalledReserves(target=target.target, lines=tuple(reserves))


def target_id(draw: str, stratum: str, rank: int) -> str:
    """Return the id of the target at a rank of a stratum."""
    return f"{draw}/{stratum}/{rank}"


def next_reserve(draw: DrawState, exempted: Iterable[str], stratum: str) -> int | None:
    """Return the rank of the next reserve of a stratum, or ``None`` if none is left."""
    start = target_id(draw.draw, stratum, 0)[:-1]
    called = sum(target.startswith(start) for target in exempted)
    (count,) = (counted for counted in draw.drawn if counted.key == stratum)
    rank = count.quota + called + 1
    return rank if rank <= min(count.size, count.quota + draw.reserves) else None
