"""Screening for key supervision (筛选, 2.18): who ranks how, made again, and what changed since.

A list is made from the view that rosters are composed from. Whatever that view has learned after
the position that a list stops at is left out by reading those businesses from the ledger again: so
a list costs one walk of the view and what has happened since, and comes out the same for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from hashlib import sha256
from typing import Any

import msgspec

from ledger.kernel import Command, Recorded, Unavailable
from ledger.kernel.policies import PolicyVersions
from ledger.systems.draws.risk import Ground, RiskClass, risk_class
from ledger.systems.entities.folds import Registration
from ledger.systems.keylist.commands import (
    MOST_BETTER,
    DesignateKeyUnit,
    RankedList,
    RankInRun,
    RunScreening,
)
from ledger.systems.keylist.folds import KeyDesignations as Designations
from ledger.systems.keylist.folds import Screening
from projections.drawing.desk import Desk, Prepared, Preparer, caught_up
from projections.follower import Follower
from projections.systems.draws import Population, Standing, placed_population
from projections.views import FoldView, subject_table

replace = msgspec.structs.replace

#: How many businesses of better ranks without a designation are named at most.
_NAMED = 20

_encode = msgspec.json.Encoder().encode


class Screenings(FoldView[Screening]):
    """A row for each screening."""

    name = "screenings"
    kind = "screening"
    fold = Screening
    table = subject_table("screenings", "unit", "on")
    tables = (table,)


class Ranked(msgspec.Struct, frozen=True):
    """One line of a list: a business, its points, and what they come from."""

    rank: int
    entity: str
    points: int
    risk: RiskClass
    grounds: tuple[Ground, ...]


class Score(msgspec.Struct, frozen=True):
    """The points of a business, and what they come from."""

    points: int
    risk: RiskClass
    grounds: tuple[Ground, ...]


class Terms(msgspec.Struct, frozen=True):
    """Under which terms businesses are ranked: the day, the class of businesses, the formula."""

    on: date
    area: str | None
    line: str | None
    version: int
    formula: Mapping[str, Any]


class Made(msgspec.Struct, frozen=True):
    """A list as it was made."""

    lines: list[Ranked]
    screened: int

    def content(self) -> bytes:
        """The bytes of the list: a line of JSON for each business, best rank first."""
        return b"".join(_encode(line) + b"\n" for line in self.lines)


_LINE = msgspec.json.Decoder(Ranked)


def lines_of(content: bytes) -> Iterator[Ranked]:
    """The lines of a list."""
    return map(_LINE.decode, content.splitlines())


def score(standing: Standing, formula: Mapping[str, Any], on: date) -> Score:
    """The points of a business on a day, by a value of ``key.screening_formula``."""
    grounds = tuple(
        replace(ground, events=standing.graded_by(on)) if ground.kind == "grade" else ground
        for ground in standing.grounds(formula, on)
    )
    points = sum(ground.points for ground in grounds)
    return Score(points, risk_class(formula, points), grounds)


def made(follower: Follower, terms: Terms, cutoff: int) -> Made:
    """The list of a day from the events up to ``cutoff``. Ties are in the order of the code."""
    scored: list[tuple[int, str, Score]] = []
    screened = 0
    for standing in _standings(follower, terms, cutoff):
        if not standing.registered(terms.on):
            continue
        if not standing.of_class(terms.on, terms.area, terms.line):
            continue
        screened += 1
        found = score(standing, terms.formula, terms.on)
        if found.points:
            scored.append((-found.points, standing.entity, found))
    scored.sort(key=lambda line: line[:2])
    return Made(
        [
            Ranked(rank, entity, found.points, found.risk, found.grounds)
            for rank, (_, entity, found) in enumerate(scored, 1)
        ],
        screened,
    )


def _standings(follower: Follower, terms: Terms, cutoff: int) -> Iterator[Standing]:
    """Every business as the ledger had it at a position."""
    for standing, position in placed_population(follower.views, terms.area, terms.line):
        if position <= cutoff:
            yield standing
        else:
            yield standing_at(follower, standing.entity, cutoff)


def standing_at(follower: Follower, entity: str, cutoff: int) -> Standing:
    """A business as the ledger had it at a position."""
    blank = Standing(entity)
    return blank.over(follower.source.records([blank.selector()], cutoff))


def terms_of(
    desk: Desk, on: date, area: str | None, line: str | None, version: int | None = None
) -> Terms:
    """The terms of a day, by the version in force or another. Raises ``Unavailable``."""
    versions = desk.now(PolicyVersions("key.screening_formula"))
    if version is None:
        found = versions.in_force(on)
    else:
        found = next((one for one in versions.versions if one.version == version), None)
    if found is None:
        raise Unavailable(f"policy key.screening_formula has no version for {on}; adopt one first")
    return Terms(on, area, line, found.version, found.value)


def terms_of_run(desk: Desk, run: Screening) -> Terms:
    """The terms under which a screening was made."""
    assert run.on is not None
    return terms_of(desk, run.on, run.area, run.line, run.formula_version)


def run_screening(command: RunScreening, desk: Desk) -> Prepared:
    """Make the list from everything that the view holds, and store it."""
    caught_up(desk)
    cutoff = desk.follower.position(Population.name)
    terms = terms_of(desk, command.on, command.area, command.line)
    ranking = made(desk.follower, terms, cutoff)
    ranked = RankedList(
        list_digest=desk.blobs.put(ranking.content()),
        cutoff_position=cutoff,
        formula_version=terms.version,
        count=len(ranking.lines),
        screened=ranking.screened,
    )
    return Prepared(replace(command, ranked=ranked))


def designate_key_unit(command: DesignateKeyUnit, desk: Desk) -> Prepared:
    """Find the rank of the business, and who of better ranks is not designated by its unit."""
    run = None if command.run is None else desk.now(Screening(command.run))
    if run is None or run.unit != command.unit:
        # The decision says that there is none, or that it is another unit's.
        return Prepared(replace(command, ranked=None))
    return Prepared(replace(command, ranked=_rank_in(run, command.entity, desk)))


def _rank_in(run: Screening, entity: str, desk: Desk) -> RankInRun | None:
    """The rank of a business, with the first better ones that may not be designated."""
    passed: list[str] = []
    #: Their designation was not ended; the decision looks whether it still holds.
    designated: list[str] = []
    for line in lines_of(desk.blobs.get(run.list_digest)):
        if line.entity == entity:
            better = (*passed, *designated)
            return RankInRun(rank=line.rank, better=better[:MOST_BETTER])
        if len(passed) == _NAMED:
            continue
        given = desk.now(Designations(line.entity, run.unit)).given.values()
        if any(designation.ended_on is None for designation in given):
            designated.append(line.entity)
        elif desk.now(Registration(line.entity)).listed:
            passed.append(line.entity)
    return None


def again(desk: Desk, run: Screening) -> dict[str, Any]:
    """A screening made again at its position: its digest and numbers, and whether they are the
    same.
    """
    ranking = made(desk.follower, terms_of_run(desk, run), run.cutoff_position)
    digest = sha256(ranking.content()).hexdigest()
    return {
        "screening": run.screening,
        "cutoff_position": run.cutoff_position,
        "formula_version": run.formula_version,
        "list_digest": digest,
        "count": len(ranking.lines),
        "screened": ranking.screened,
        "same": digest == run.list_digest,
    }


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """What changed the points of a business since a screening, one step after another.

    ``by``: the formula in force today, the day itself, or the event at ``position``.
    """

    by: str
    before: int
    after: int
    position: int | None = None
    type: str | None = None


class Moved(msgspec.Struct, frozen=True, omit_defaults=True):
    """A business whose points are others than in the list of a screening."""

    entity: str
    before: int
    now: int
    rank_before: int | None
    rank_now: int | None
    changes: tuple[Change, ...] = ()


def moved_since(desk: Desk, run: Screening, today: date) -> tuple[int, list[Moved]]:
    """What a screening run now would give otherwise: up to which position, and for whom.

    In the order of the code, without the steps.
    """
    cutoff = desk.follower.position(Population.name)
    now = made(desk.follower, terms_of(desk, today, run.area, run.line), cutoff)
    before = {line.entity: line for line in lines_of(desk.blobs.get(run.list_digest))}
    after = {line.entity: line for line in now.lines}
    moved = []
    for entity in sorted(before.keys() | after.keys()):
        one, other = before.get(entity), after.get(entity)
        points, points_now = one.points if one else 0, other.points if other else 0
        if points != points_now:
            moved.append(
                Moved(
                    entity,
                    points,
                    points_now,
                    one.rank if one else None,
                    other.rank if other else None,
                )
            )
    return cutoff, moved


def steps(
    desk: Desk, run: Screening, entity: str, today: date, cutoff: int
) -> Iterator[tuple[Change, Recorded | None]]:
    """What made the difference for one business: formula, day and events, each with its effect."""
    then, now = terms_of_run(desk, run), terms_of(desk, today, run.area, run.line)
    standing = standing_at(desk.follower, entity, run.cutoff_position)
    points = _counted(standing, then)
    for by, terms in (("formula", replace(then, formula=now.formula)), ("day", now)):
        if (after := _counted(standing, terms)) != points:
            yield Change(by, points, after), None
            points = after
    blank = Standing(entity)
    records = desk.follower.source.records([blank.selector()], cutoff)
    for index, record in enumerate(records, 1):
        if record.position <= run.cutoff_position:
            continue
        # A correction changes what lies before it: everything is folded again.
        after = _counted(Standing(entity).over(records[:index]), now)
        if after != points:
            step = Change("event", points, after, record.position, record.envelope.type)
            yield step, record
            points = after


def _counted(standing: Standing, terms: Terms) -> int:
    """The points under these terms; none for a business that is not screened."""
    if not standing.registered(terms.on):
        return 0
    if not standing.of_class(terms.on, terms.area, terms.line):
        return 0
    return score(standing, terms.formula, terms.on).points


#: What is worked out for which command before it is handed in.
PREPARERS: dict[type[Command], Preparer] = {
    RunScreening: run_screening,
    DesignateKeyUnit: designate_key_unit,
}
