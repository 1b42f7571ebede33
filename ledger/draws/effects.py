"""What other systems' acts mean for a draw: who may be visited because of it, and who was."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations

from ledger.draws import chance, rules
from ledger.draws.events import DrawTargetInspected
from ledger.draws.folds import DrawnTarget, DrawState, OfficerRoster, PairsAt, Target
from ledger.kernel import Event, Reading
from ledger.supervision.findings import finding


def drawn_target(ledger: Reading, draw: str, entity: str) -> Target | None:
    """The place that a business has in a draw, ``None`` if it was not drawn."""
    drawn = ledger.read(DrawnTarget(entity, draw))
    return ledger.read(Target(drawn.target)) if drawn.exists else None


def drawn_visit(
    ledger: Reading, draw: str, entity: str, unit: str | None, matters: tuple[str, ...]
) -> Target | None:
    """The place in a draw that a visit can fill: by its unit, for matters that it drew for.

    What is not known of the visit, as ``None`` or no matters, speaks against nothing.
    """
    target = drawn_target(ledger, draw, entity)
    if target is None or unit not in (None, target.unit):
        return None
    return target if not matters or set(matters) & set(target.matters) else None


def require_drawn_officers(ledger: Reading, target: Target, officers: tuple[str, ...]) -> None:
    """Refuse a visit by other officers than those drawn for it (DRW-R8)."""
    others = sorted(set(officers) ^ set(target.officers))
    ledger.require(
        target.officers and not others,
        rules.DRW_R8,
        target=target.target,
        reason=f"drawn are {', '.join(target.officers)}" if target.officers else "none is assigned",
    )


def target_inspected(
    ledger: Reading, draw: str | None, entity: str, task: str, officers: tuple[str, ...] = ()
) -> Iterator[Event]:
    """What the opening of a drawn visit brings about, or its end at a closed door.

    With it comes DRW-V4, when a pair of its officers has come here more often than chance allows.
    """
    target = None if draw is None else drawn_target(ledger, draw, entity)
    if target is None or target.state != "waiting":
        return
    state = ledger.read(DrawState(target.draw))
    roster = ledger.read(OfficerRoster(state.officer_roster)).frozen
    drawn_from = len(roster.officers) if roster is not None else 0
    yield DrawTargetInspected(
        target=target.target,
        draw=target.draw,
        entity=entity,
        unit=target.unit,
        task=task,
        stratum=target.stratum,  # type: ignore[arg-type]
        inspected_on=ledger.on,
        officers=officers,
        drawn_from=drawn_from,
    )
    threshold = Fraction(str(ledger.setting("selective_p")))
    visits = [*ledger.read(PairsAt(entity)).visits.values(), (officers, drawn_from)]
    for pair in combinations(sorted(set(officers)), 2):
        times = sum(set(pair) <= set(going) for going, _ in visits)
        p = chance.pair_recurs([(len(set(going)), size) for going, size in visits], times)
        if times > 1 and p < threshold:
            yield finding(
                ledger,
                rules.DRW_V4,
                unit=target.unit,
                entity=entity,
                task=task,
                officers=list(pair),
                times=times,
                visits=len(visits),
                p=chance.shown(p),
            )
