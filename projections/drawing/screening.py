"""Screening for key supervision (筛选, 2.18): ranked lists, their repetition, and later changes.

A list is made from the view behind rosters, as of a position. Businesses with events after that
position are read again from the ledger up to it. A list therefore costs one scan of the view plus
the later events, and repeating it gives the same list at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from hashlib import sha256
from typing import Any

import msgspec

from ledger.kernel import Command, Malformed, RecordCorrected, Recorded, Unavailable, budget
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

replace = msgspec.structs.replace

#: How many businesses at most are named that rank better and have no designation.
_NAMED = 20

_encode = msgspec.json.Encoder().encode


class Ranked(msgspec.Struct, frozen=True):
    """One line of a list: a business, its points, and the grounds of the points."""

    rank: int
    entity: str
    points: int
    risk: RiskClass
    grounds: tuple[Ground, ...]


class Score(msgspec.Struct, frozen=True):
    """The points of a business and their grounds."""

    points: int
    risk: RiskClass
    grounds: tuple[Ground, ...]


class Terms(msgspec.Struct, frozen=True):
    """The terms of a ranking: the day, the class of businesses, and the formula."""

    on: date
    area: str | None
    line: str | None
    version: int
    formula: Mapping[str, Any]


class Made(msgspec.Struct, frozen=True):
    """A finished list, and the number of businesses screened."""

    lines: list[Ranked]
    screened: int

    def content(self) -> bytes:
        """Return the bytes of the list: one line of JSON per business, best rank first."""
        return b"".join(_encode(line) + b"\n" for line in self.lines)


_LINE = msgspec.json.Decoder(Ranked)


def lines_of(content: bytes) -> Iterator[Ranked]:
    """Return the lines of a stored list."""
    return map(_LINE.decode, content.splitlines())


def score(standing: Standing, formula: Mapping[str, Any], on: date) -> Score:
    """Return the points of a business on a day, by a value of ``key.screening_formula``."""
    grounds = tuple(
        replace(ground, events=standing.graded_by(on)) if ground.kind == "grade" else ground
        for ground in standing.grounds(formula, on)
    )
    points = sum(ground.points for ground in grounds)
    return Score(points, risk_class(formula, points), grounds)


def made(follower: Follower, terms: Terms, cutoff: int) -> Made:
    """Make the list of a day from the events up to ``cutoff``; ties are ordered by the code."""
    scored: list[tuple[int, str, Score]] = []
    screened = 0
    for standing in _standings(follower, terms, cutoff):
        if not standing.registered(terms.on):
            continue
        if not standing.of_class(terms.on, terms.area, terms.line):
            continue
        screened += 1
        scored_business = score(standing, terms.formula, terms.on)
        if scored_business.points:
            scored.append((-scored_business.points, standing.entity, scored_business))
    scored.sort(key=lambda line: line[:2])
    return Made(
        [
            Ranked(
                rank, entity, scored_business.points, scored_business.risk, scored_business.grounds
            )
            for rank, (_, entity, scored_business) in enumerate(scored, 1)
        ],
        screened,
    )


def _standings(follower: Follower, terms: Terms, cutoff: int) -> Iterator[Standing]:
    """Yield every business of the class with its state at a position."""
    for standing, position in placed_population(follower.views, terms.area, terms.line):
        if position <= cutoff:
            yield standing
        else:
            yield standing_at(follower, standing.entity, cutoff)


def standing_at(follower: Follower, entity: str, cutoff: int) -> Standing:
    """Return the state of a business at a position."""
    blank = Standing(entity)
    return blank.over(follower.source.records([blank.selector()], cutoff))


def terms_of(
    desk: Desk, on: date, area: str | None, line: str | None, version: int | None = None
) -> Terms:
    """Return the terms of a day, by the formula in force or by the given version.

    Raises ``Malformed`` if no version is in force, ``Unavailable`` if that of a run is missing.
    """
    versions = desk.now(PolicyVersions("key.screening_formula"))
    if version is None:
        adopted = versions.in_force(on)
    else:
        adopted = next(
            (candidate for candidate in versions.versions if candidate.version == version), None
        )
    if adopted is None:
        code = "drawing.policy-key-screening-formula-no-version-force"
        if version is None:
            raise Malformed(code, pointer="/occurred_at", on=on)
        raise Unavailable(code, on=on)
    return Terms(on, area, line, adopted.version, adopted.value)


def terms_of_run(desk: Desk, run: Screening) -> Terms:
    """Return the terms under which a screening was made."""
    assert run.on is not None
    return terms_of(desk, run.on, run.area, run.line, run.formula_version)


def run_screening(command: RunScreening, desk: Desk) -> Prepared:
    """Make the list from all events in the view and store it as a blob."""
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
    """Find the rank of the business and the better-ranked ones that the unit did not designate."""
    run = None if command.run is None else desk.now(Screening(command.run))
    if run is None or run.unit != command.unit:
        # The command's decision says that the run is unknown or belongs to another unit.
        return Prepared(replace(command, ranked=None))
    return Prepared(replace(command, ranked=_rank_in(run, command.entity, desk)))


def _rank_in(run: Screening, entity: str, desk: Desk) -> RankInRun | None:
    """Return the rank of a business, with the better-ranked ones that lack a designation."""
    passed: list[str] = []
    #: Their designation was not ended; the decision checks whether it is still in force.
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
    """Make a screening again at its position; return its digest and numbers, and if they match."""
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
    """One change of a business's points since a screening.

    ``by``: ``formula`` (the formula in force today), ``day``, or ``event`` (that at ``position``).
    """

    by: str
    before: int
    after: int
    position: int | None = None
    type: str | None = None


class Moved(msgspec.Struct, frozen=True, omit_defaults=True):
    """A business whose points differ from those in the list of a screening."""

    entity: str
    before: int
    now: int
    rank_before: int | None
    rank_now: int | None
    changes: tuple[Change, ...] = ()


def moved_since(desk: Desk, run: Screening, today: date) -> tuple[int, list[Moved]]:
    """Return the businesses that a screening now would score differently, and its position.

    They are ordered by the code; ``changes`` is empty.
    """
    cutoff = desk.follower.position(Population.name)
    now = made(desk.follower, terms_of(desk, today, run.area, run.line), cutoff)
    before = {line.entity: line for line in lines_of(desk.blobs.get(run.list_digest))}
    after = {line.entity: line for line in now.lines}
    moved = []
    for entity in sorted(before.keys() | after.keys()):
        line, line_now = before.get(entity), after.get(entity)
        points, points_now = line.points if line else 0, line_now.points if line_now else 0
        if points != points_now:
            moved.append(
                Moved(
                    entity,
                    points,
                    points_now,
                    line.rank if line else None,
                    line_now.rank if line_now else None,
                )
            )
    return cutoff, moved


def steps(
    desk: Desk, run: Screening, entity: str, today: date, cutoff: int
) -> Iterator[tuple[Change, Recorded | None]]:
    """Yield what changed the points of one business: formula, day and events, with the effects."""
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
        if isinstance(record.event, RecordCorrected):
            # It changes what lies before it: everything is folded again.
            standing = Standing(entity).over(records[:index])
        else:
            budget.check()
            standing.take(record)
        after = _counted(standing, now)
        if after != points:
            step = Change("event", points, after, record.position, record.envelope.type)
            yield step, record
            points = after


def _counted(standing: Standing, terms: Terms) -> int:
    """Return the points under these terms; 0 for a business that is not screened."""
    if not standing.registered(terms.on):
        return 0
    if not standing.of_class(terms.on, terms.area, terms.line):
        return 0
    return score(standing, terms.formula, terms.on).points


#: The functions that prepare commands, by command class.
PREPARERS: dict[type[Command], Preparer] = {
    RunScreening: run_screening,
    DesignateKeyUnit: designate_key_unit,
}
