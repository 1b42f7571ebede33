"""Work done before a draw command reaches the sequencer: rosters, selections, verifications.

It can take seconds, so the caller's thread does it and never the sequencer's. Digests fix the
results, and the command that carries them is still decided from the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from functools import cache
from itertools import islice
from typing import Any, TypeVar

import msgspec

from ledger.general.countersigning import requested_command
from ledger.general.personaldata import refuse_personal
from ledger.general.vocabulary import Grade
from ledger.kernel import Command, Fold, Malformed, Refusal, Unavailable, message
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
from ledger.systems.draws.events import By
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

#: Targets recorded by one command, which occupies the sequencer for some ten milliseconds.
BATCH = 64

#: Longest wait for the views to catch up before a roster is composed, in seconds.
_PATIENCE = 10.0

replace = msgspec.structs.replace


class Prepared(msgspec.Struct, frozen=True):
    """A completed command, and the commands to send after it is recorded.

    Each following command comes with its idempotency key.
    """

    command: Command
    then: Callable[[], Iterator[tuple[Command, str]]] = lambda: iter(())


class Desk(msgspec.Struct, frozen=True):
    """The resources for preparing commands: the ledger, its views and its blobs."""

    follower: Follower
    blobs: Blobs
    #: Signs with the ledger's key; ``None`` if the ledger has no log.
    sign: Callable[[bytes], bytes] | None = None

    def now(self, fold: F) -> F:
        """Return the fold after all its events recorded so far."""
        return fold.over(self.follower.source.records([fold.selector()]))


def freeze_roster(command: FreezeEntityRoster, desk: Desk) -> Prepared:
    """Compose the roster and store it. Refuses a missing business without a reason (DRW-R7)."""
    composed, at = composed_roster(command, desk)
    return Prepared(replace(command, entries=(), frozen=_frozen(command, composed, desk, at)))


def composed_roster(command: FreezeEntityRoster, desk: Desk) -> tuple[Composed, int]:
    """Return the roster that a command asks for, and the position at which it was composed."""
    caught_up(desk)
    at = desk.follower.position("draw_population")
    standings = population(desk.follower.views, command.area, command.line)
    terms = _terms(command, desk)
    composed = compose(standings, terms)
    if command.entries:
        composed = _given(command, composed, terms, desk)
    return composed, at


def caught_up(desk: Desk) -> None:
    """Wait until the view behind rosters has reached the head. Raises ``Unavailable``."""
    head = desk.follower.source.head()
    if not desk.follower.wait_for(head, _PATIENCE, "draw_population"):
        raise Unavailable("drawing.views-behind-ledger")


def _terms(command: FreezeEntityRoster, desk: Desk) -> Terms:
    """Return the terms of a roster, from the policies in force on its day."""

    def value(key: str, **where: str) -> Any:
        version = desk.now(PolicyVersions(key)).in_force(command.as_of, **where)
        # If no version is in force, the command's decision refuses with that reason.
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
        left_out=frozenset(business.entity for business in command.left_out),
        units=command.all_units,
        cap=cap,
        all_drawn=frozenset(key for key, ratio in ratios.items() if uvdraw.ratio_of(ratio) == 1),
        formula=value("draw.risk_formula"),
    )


class RosterPreview(msgspec.Struct, frozen=True):
    """A roster as it would be frozen now; ``composed_at``: the position of the view behind it."""

    as_of: date
    by: By
    area: str | None
    line: str | None
    roster_hash: str
    roster_root: str
    count: int
    strata: dict[str, int]
    composed_at: int
    overridden: int
    excluded: dict[str, int]


def preview(command: FreezeEntityRoster, desk: Desk) -> RosterPreview:
    """Return what the roster would be, without storing or freezing anything."""
    composed, at = composed_roster(command, desk)
    lines = uvdraw.roster_lines(composed.entries)
    return RosterPreview(
        as_of=command.as_of,
        by=command.by,
        area=command.area,
        line=command.line,
        roster_hash=uvdraw.roster_hash(uvdraw.roster_bytes(lines)),
        roster_root=uvdraw.roster_root(lines),
        count=len(lines),
        strata=strata_of(composed.entries, command.by),
        composed_at=at,
        overridden=len(composed.overridden),
        excluded={"cap_used": len(composed.capped)},
    )


def _given(command: FreezeEntityRoster, register: Composed, terms: Terms, desk: Desk) -> Composed:
    """Return the entries that the sender gave, checked against the register.

    A risk class that differs from the ledger's must have a reason, which the roster line shows.
    """
    composed = {str(entry["uscc"]): entry for entry in register.entries}
    given: list[dict[str, str | int]] = []
    for index, entry in enumerate(command.entries):
        at = f"/entries/{index}"
        # A roster becomes public and is stored as a blob, so it must not hold personal data.
        for field in ("domain", "risk_reason"):
            if (words := getattr(entry, field)) is not None:
                refuse_personal(words, f"{at}/{field}")
        if entry.uscc in register.capped:
            raise Malformed(
                "drawing.must-not-entries",
                pointer=f"{at}/uscc",
                uscc=entry.uscc,
                year=command.as_of.year,
            )
        if entry.uscc not in composed:
            left = desk.now(Registration(entry.uscc)).left(command.as_of)
            if left is not None:
                raise Refusal(
                    entities.ENT_R1, None, **entities.gone(entry.uscc, left, command.as_of)
                )
            raise Malformed(
                "drawing.must-be-registered-class",
                pointer=f"{at}/uscc",
                uscc=entry.uscc,
                as_of=command.as_of,
            )
        grade = desk.now(CreditGrade(entry.uscc)).on(command.as_of)
        if entry.grade != grade and (entry.grade is not None or command.by == "grade"):
            raise Malformed(
                "drawing.grade-must-be",
                pointer=f"{at}/grade",
                uscc=entry.uscc,
                as_of=command.as_of,
                grade=grade,
                given_grade=entry.grade or message("drawing.missing"),
            )
        if command.by == "risk":
            given.append(_by_risk(entry, str(composed[entry.uscc]["risk"]), at))
        elif entry.risk is not None:
            raise Malformed("drawing.roster-grade-must-hold-no-risk", pointer=f"{at}/risk")
        else:
            given.append(msgspec.to_builtins(entry))
    missing = sorted(composed.keys() - {entry.uscc for entry in command.entries})
    if missing:
        raise Refusal(rules.DRW_R7, None, **left_without_reason(command.roster, missing))
    return Composed(given, register.overridden, register.capped)


def _by_risk(entry: RosterEntry, reckoned: str, at: str) -> dict[str, str | int]:
    """Return a business's line on a roster by risk: the risk class, without its grounds."""
    if entry.risk not in (None, reckoned) and entry.risk_reason is None:
        raise Malformed(
            "drawing.risk-class-must-be-draw-risk-formula",
            pointer=f"{at}/risk_reason",
            uscc=entry.uscc,
            reckoned=reckoned,
            risk=entry.risk,
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
        raise Malformed("drawing.roster-fault", pointer="/entries", fault=str(error)) from error
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
    """Make the draw, or refuse a given outcome that differs from it (DRW-R2, DRW-R6)."""
    draw = desk.now(DrawState(command.draw))
    if not draw.exists or draw.seed is None or command.roster_hash != draw.roster_hash:
        # There is nothing to draw yet; the command's decision refuses with the reason.
        return Prepared(command)
    require_seeded(draw)
    made = _made_again(command, draw, desk)
    desk.blobs.put(uvdraw.roster_bytes(made.lines))

    def follows() -> Iterator[tuple[Command, str]]:
        yield from _selections(command.draw, made)
        yield from _departed(command.draw, made, desk)

    return Prepared(replace(command, outcome=made.outcome), follows)


def _made_again(command: ExecuteDraw | VerifyDraw, draw: DrawState, desk: Desk) -> Drawn:
    """Make the draw from its roster and seed; refuse an outcome of the sender that differs."""
    made = drawn(draw, desk.blobs.get(draw.roster_hash))
    if command.outcome not in (None, made.outcome):
        raise Refusal(
            rules.DRW_R6,
            None,
            draw=command.draw,
            reason=f"the selection must have the hash {made.outcome.selection_hash}; the one given "
            "differs",
        )
    return made


def _selections(draw: str, made: Drawn) -> Iterator[tuple[Command, str]]:
    """Yield commands that record an event for each selected business, in batches."""
    proof = uvdraw.prover(made.lines)
    quotas: dict[str, int] = {picked.key: picked.quota for picked in made.outcome.strata}
    selected = (
        SelectedLine(
            **picked._asdict(),
            index=index,
            path=tuple(proof(index)),
        )
        for index, picked in enumerate(made.picked)
        if picked.rank <= quotas[picked.stratum]
    )
    for number, lines in enumerate(_batches(selected)):
        yield (
            SelectTargets(draw=draw, lines=tuple(lines)),
            f"select-targets:{made.outcome.selection_root}:{number}",
        )


def _departed(draw: str, made: Drawn, desk: Desk) -> Iterator[tuple[Command, str]]:
    """Yield an exemption for each selected business that left its register before the draw."""
    caught_up(desk)
    quotas: dict[str, int] = {picked.key: picked.quota for picked in made.outcome.strata}
    selected = [picked.uscc for picked in made.picked if picked.rank <= quotas[picked.stratum]]
    for entity in gone_of(desk.follower.views, selected):
        place = desk.now(DrawnTarget(entity, draw))
        waiting = place.exists and desk.now(Target(place.target)).state == "waiting"
        if waiting and not desk.now(Registration(entity)).listed:
            yield (
                ExemptDeparted(draw=draw, entity=entity, reserves=_reserves(place.target, desk)),
                f"exempt-departed:{draw}:{entity}",
            )


def exempt_target(command: ExemptTarget, desk: Desk) -> Prepared:
    """Find the reserve that replaces the exempted business."""
    place = desk.now(DrawnTarget(command.entity, command.draw))
    reserves = _reserves(place.target, desk) if place.exists else None
    return Prepared(replace(command, reserves=reserves))


def delist_entity(command: DelistEntity, desk: Desk) -> Prepared:
    """Find the reserves that replace a business that leaves its register."""
    waiting = desk.now(DrawnAt(command.entity)).waiting
    reserves = (_reserves(target, desk) for target in waiting)
    return Prepared(
        replace(command, reserves=tuple(calls for calls in reserves if calls is not None))
    )


def _reserves(target_id: str, desk: Desk) -> CalledReserves | None:
    return called_reserves(target_id, desk.now, desk.blobs.get)


def void_draw(command: VoidDraw, desk: Desk) -> Prepared:
    """After the draw is voided, release the businesses that it selected."""
    draw = desk.now(DrawState(command.draw))
    called = len(desk.now(ExemptedTargets(command.draw)).targets)
    places = (
        place_of(command.draw, stratum.key, rank)
        for stratum in draw.drawn
        for rank in range(1, stratum.quota + called + 1)
    )

    def releases() -> Iterator[tuple[Command, str]]:
        if desk.now(DrawState(command.draw)).stage != "voided":
            return  # a second person must approve it first
        for number, targets in enumerate(_batches(places)):
            yield (
                ReleaseTargets(draw=command.draw, targets=tuple(targets)),
                f"release-targets:{command.draw}:{number}",
            )

    return Prepared(command, releases)


def approve_request(command: ApproveRequest, desk: Desk) -> Prepared:
    """After the requested command has taken effect, send the commands that follow from it."""
    request = desk.now(Approval(command.approval))
    try:
        requested = requested_command(request.command, request.body)
    except (KeyError, msgspec.ValidationError):
        # The command's decision says that the request is unknown or must be made again.
        return Prepared(command)
    prepare = PREPARERS.get(type(requested))
    return (
        Prepared(command) if prepare is None else Prepared(command, prepare(requested, desk).then)
    )


def verify_draw(command: VerifyDraw, desk: Desk) -> Prepared:
    """Make the draw again, so that the outcome does not depend on what the sender claims."""
    draw = desk.now(DrawState(command.draw))
    if draw.selection_hash is None:
        # The command's decision says that there is nothing to verify.
        return Prepared(command)
    return Prepared(replace(command, outcome=_made_again(command, draw, desk).outcome))


def issue_notice(command: IssueInspectionNotice, desk: Desk) -> Prepared:
    """Make the act code of the visit; the event keeps only its digest."""
    approved = desk.now(Task(command.task)).approved
    if approved is None or desk.sign is None:
        return Prepared(replace(command, act_code_digest=None))
    code = actcode.made(desk.sign, approved.position)
    return Prepared(replace(command, act_code_digest=actcode.digest_of(code)))


def _batches(things: Iterator[Any]) -> Iterator[Sequence[Any]]:
    while some := list(islice(things, BATCH)):
        yield some


Preparer = Callable[[Any, Desk], Prepared]

#: The functions that prepare commands, by command class.
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
