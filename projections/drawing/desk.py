"""What is worked out before a command of draws is handed in: rosters, selections, verifications.

It takes up to seconds, so it is done in the caller's thread and never in the sequencer's. Whatever
it says is fixed by digests, and the command that carries it is decided from the ledger again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import cache
from itertools import islice
from typing import Any, TypeVar

import msgspec

from ledger.general.countersigning import requested_command
from ledger.general.personaldata import refuse_personal
from ledger.general.vocabulary import Grade
from ledger.kernel import Command, Fold, Malformed, Refusal, Unavailable
from ledger.kernel.policies import PolicyVersions
from ledger.stores.blobs import Blobs
from ledger.systems.approvals.commands import ApproveRequest
from ledger.systems.approvals.folds import Approval
from ledger.systems.draws import rules, uvdraw
from ledger.systems.draws.commands import (
    ExecuteDraw,
    ExemptDeparted,
    ExemptTarget,
    FreezeEntityRoster,
    FrozenRoster,
    ReleaseTargets,
    SelectedLine,
    SelectTargets,
    VerifyDraw,
    VoidDraw,
)
from ledger.systems.draws.commands.executing import require_seeded
from ledger.systems.draws.commands.rosters import (
    CappedOut,
    RosterEntry,
    due_ratios,
    left_without_reason,
)
from ledger.systems.draws.effects import CalledReserves, called_reserves
from ledger.systems.draws.effects import target_id as place_of
from ledger.systems.draws.folds import (
    DrawMatters,
    DrawnAt,
    DrawnTarget,
    DrawState,
    ExemptedTargets,
    Target,
)
from ledger.systems.draws.making import Drawn, drawn
from ledger.systems.entities import rules as entities
from ledger.systems.entities.commands import DelistEntity
from ledger.systems.entities.folds import Registration
from ledger.systems.filing import actcode
from ledger.systems.filing.commands import IssueInspectionNotice
from ledger.systems.filing.folds import Task
from ledger.systems.grading.folds import CreditGrade
from projections.follower import Follower
from projections.systems.draws import Composed, Terms, compose, gone_of, population, strata_of

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
    #: Signs with the ledger's key, where there is a log.
    sign: Callable[[bytes], bytes] | None = None

    def now(self, fold: F) -> F:
        """The answer to a question as the ledger has it now."""
        return fold.over(self.follower.source.records([fold.selector()]))


def freeze_roster(command: FreezeEntityRoster, desk: Desk) -> Prepared:
    """Compose the roster and store it. Raises DRW-R7 for who is missing without a reason."""
    composed, at = composed_roster(command, desk)
    return Prepared(replace(command, entries=(), frozen=_frozen(command, composed, desk, at)))


def composed_roster(command: FreezeEntityRoster, desk: Desk) -> tuple[Composed, int]:
    """The roster that a command asks for, and the position that it was composed at."""
    caught_up(desk)
    at = desk.follower.position("draw_population")
    standings = population(desk.follower.views, command.area, command.line)
    terms = _terms(command, desk)
    composed = compose(standings, terms)
    if command.entries:
        composed = _given(command, composed, terms, desk)
    return composed, at


def caught_up(desk: Desk) -> None:
    """Wait for the view that rosters are composed from. Raises ``Unavailable``."""
    head = desk.follower.source.head()
    if not desk.follower.wait_for(head, _PATIENCE, "draw_population"):
        raise Unavailable("the views are behind the ledger; send it again in a second")


def _terms(command: FreezeEntityRoster, desk: Desk) -> Terms:
    """Under which terms a roster is composed: by the policies in force on its day."""

    def value(key: str, **where: str) -> Any:
        version = desk.now(PolicyVersions(key)).in_force(command.as_of, **where)
        # Whoever freezes is told by the decision that no version is in force.
        return None if version is None else version.value

    caps = desk.now(PolicyVersions("visit_cap"))

    @cache
    def cap(unit: str, grade: Grade) -> int | None:
        version = caps.in_force(command.as_of, unit=unit, grade=grade)
        return None if version is None else int(version.value[grade])

    ratios = {}
    table = value("draw.ratio")
    if command.by == "grade" and table is not None:
        listed = {
            matter: item
            for unit in command.all_units
            for matter, item in desk.now(DrawMatters(unit)).items.items()
        }
        ratios = due_ratios(table, (listed.get(matter) for matter in command.matters))
    return Terms(
        as_of=command.as_of,
        by=command.by,
        area=command.area,
        line=command.line,
        window=timedelta(days=int(value("grade.override_window_cd") or 0)),
        left_out=frozenset(one.entity for one in command.left_out),
        units=command.all_units,
        cap=cap,
        all_drawn=frozenset(key for key, ratio in ratios.items() if uvdraw.ratio_of(ratio) == 1),
        formula=value("draw.risk_formula"),
    )


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
        "excluded": {"cap_used": len(composed.capped)},
    }


def _given(command: FreezeEntityRoster, register: Composed, terms: Terms, desk: Desk) -> Composed:
    """The entries that were given, held against the register.

    What the sender says of a business is checked; a risk class that differs from the ledger's has a
    reason, which its line shows.
    """
    composed = {str(entry["uscc"]): entry for entry in register.entries}
    given: list[dict[str, str | int]] = []
    for index, entry in enumerate(command.entries):
        at = f"/entries/{index}"
        # What stands on a roster everybody reads in the end, and it lies beside the ledger.
        for field in ("domain", "risk_reason"):
            if (words := getattr(entry, field)) is not None:
                refuse_personal(words, f"{at}/{field}")
        if entry.uscc in register.capped:
            raise Malformed(
                f"the capped visits of {entry.uscc} in {command.as_of.year} are used up; leave it "
                "out, the roster counts it",
                f"{at}/uscc",
            )
        if entry.uscc not in composed:
            left = desk.now(Registration(entry.uscc)).left(command.as_of)
            if left is not None:
                raise Refusal(
                    entities.ENT_R1, None, **entities.gone(entry.uscc, left, command.as_of)
                )
            raise Malformed(
                f"{entry.uscc} is not registered in this class on {command.as_of}", f"{at}/uscc"
            )
        grade = desk.now(CreditGrade(entry.uscc)).on(command.as_of)
        if entry.grade != grade and (entry.grade is not None or command.by == "grade"):
            raise Malformed(f"{entry.uscc} had grade {grade} on {command.as_of}", f"{at}/grade")
        if command.by == "risk":
            given.append(_by_risk(entry, str(composed[entry.uscc]["risk"]), at))
        elif entry.risk is not None:
            raise Malformed("a roster by grade must hold no risk class", f"{at}/risk")
        else:
            given.append(msgspec.to_builtins(entry))
    missing = sorted(composed.keys() - {entry.uscc for entry in command.entries})
    if missing:
        raise Refusal(rules.DRW_R7, None, **left_without_reason(command.roster, missing))
    return Composed(given, register.overridden, register.capped)


def _by_risk(entry: RosterEntry, reckoned: str, at: str) -> dict[str, str | int]:
    """The line of a business on a roster by risk: it holds the class and nothing of its grounds."""
    if entry.risk not in (None, reckoned) and entry.risk_reason is None:
        raise Malformed(
            f"by draw.risk_formula {entry.uscc} is {reckoned}; it is given as {entry.risk}. Give "
            "risk_reason, which the roster shows",
            f"{at}/risk_reason",
        )
    line: dict[str, str | int] = {"risk": entry.risk or reckoned, "uscc": entry.uscc}
    if entry.risk not in (None, reckoned):
        line["risk_reason"] = str(entry.risk_reason)
    if entry.weight is not None:
        line["weight"] = entry.weight
    return line


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
        capped=tuple(
            CappedOut(entity=entity, stratum=stratum)  # type: ignore[arg-type]
            for entity, stratum in sorted(composed.capped.items())
        ),
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

    def follows() -> Iterator[tuple[Command, str]]:
        yield from _selections(command.draw, made)
        yield from _departed(command.draw, made, desk)

    return Prepared(replace(command, outcome=made.outcome), follows)


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


def _departed(draw: str, made: Drawn, desk: Desk) -> Iterator[tuple[Command, str]]:
    """Whoever had left its register between the freezing and the draw is not waited for."""
    caught_up(desk)
    quotas: dict[str, int] = {one.key: one.quota for one in made.outcome.strata}
    selected = [one.uscc for one in made.picked if one.rank <= quotas[one.stratum]]
    for entity in gone_of(desk.follower.views, selected):
        place = desk.now(DrawnTarget(entity, draw))
        waiting = place.exists and desk.now(Target(place.target)).state == "waiting"
        if waiting and not desk.now(Registration(entity)).listed:
            yield (
                ExemptDeparted(draw=draw, entity=entity, reserves=_reserves(place.target, desk)),
                f"exempt-departed:{draw}:{entity}",
            )


def exempt_target(command: ExemptTarget, desk: Desk) -> Prepared:
    """Find the reserve that takes the exempted business's place."""
    place = desk.now(DrawnTarget(command.entity, command.draw))
    reserves = _reserves(place.target, desk) if place.exists else None
    return Prepared(replace(command, reserves=reserves))


def delist_entity(command: DelistEntity, desk: Desk) -> Prepared:
    """Find the reserves that take the places of a business that leaves its register."""
    waiting = desk.now(DrawnAt(command.entity)).waiting
    found = (_reserves(target, desk) for target in waiting)
    return Prepared(replace(command, reserves=tuple(one for one in found if one is not None)))


def _reserves(target_id: str, desk: Desk) -> CalledReserves | None:
    return called_reserves(target_id, desk.now, desk.blobs.get)


def void_draw(command: VoidDraw, desk: Desk) -> Prepared:
    """Once the draw is voided, release those whom it selected."""
    draw = desk.now(DrawState(command.draw))
    called = len(desk.now(ExemptedTargets(command.draw)).targets)
    places = (
        place_of(command.draw, stratum.key, rank)
        for stratum in draw.drawn
        for rank in range(1, stratum.quota + called + 1)
    )

    def releases() -> Iterator[tuple[Command, str]]:
        if desk.now(DrawState(command.draw)).stage != "voided":
            return  # a second person has to approve it first
        for number, targets in enumerate(_batches(places)):
            yield (
                ReleaseTargets(draw=command.draw, targets=tuple(targets)),
                f"release-targets:{command.draw}:{number}",
            )

    return Prepared(command, releases)


def approve_request(command: ApproveRequest, desk: Desk) -> Prepared:
    """Once what was requested has taken effect, record what follows from it."""
    request = desk.now(Approval(command.approval))
    try:
        requested = requested_command(request.command, request.body)
    except (KeyError, msgspec.ValidationError):
        # The decision says that there is no such request, or that it has to be made anew.
        return Prepared(command)
    prepare = PREPARERS.get(type(requested))
    return (
        Prepared(command) if prepare is None else Prepared(command, prepare(requested, desk).then)
    )


def verify_draw(command: VerifyDraw, desk: Desk) -> Prepared:
    """Make the draw again: nobody's word, not even the sender's, says how it comes out."""
    draw = desk.now(DrawState(command.draw))
    if draw.selection_hash is None:
        # The decision says that there is nothing to verify.
        return Prepared(command)
    return Prepared(replace(command, outcome=_made_again(command, draw, desk).outcome))


def issue_notice(command: IssueInspectionNotice, desk: Desk) -> Prepared:
    """Make the act code of the visit; the ledger keeps its digest."""
    approved = desk.now(Task(command.task)).approved
    if approved is None or desk.sign is None:
        return Prepared(replace(command, act_code_digest=None))
    code = actcode.made(desk.sign, approved.position)
    return Prepared(replace(command, act_code_digest=actcode.digest_of(code)))


def _batches(things: Iterator[Any]) -> Iterator[Sequence[Any]]:
    while some := list(islice(things, BATCH)):
        yield some


Preparer = Callable[[Any, Desk], Prepared]

#: What is worked out for which command before it is handed in.
PREPARERS: dict[type[Command], Preparer] = {
    ApproveRequest: approve_request,
    IssueInspectionNotice: issue_notice,
    FreezeEntityRoster: freeze_roster,
    ExecuteDraw: execute_draw,
    ExemptTarget: exempt_target,
    DelistEntity: delist_entity,
    VoidDraw: void_draw,
    VerifyDraw: verify_draw,
}
