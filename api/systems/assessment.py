"""The performance assessment: indicators, scores, a score run again, and what is published."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.access import grant_of
from api.http.asking import PRIVATE, asked, caught_up, one_row
from api.http.listing import BUREAU, Listing, Where, everybody, reported
from api.http.problems import not_found
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, bounded, json_response, reached
from api.http.resources import Parameter, Resource
from api.http.tokens import Grant
from api.running.pools import COUNTS
from ledger.general.audiences import SUPERVISORS, UNIT_BOUND
from ledger.general.vocabulary import Role
from ledger.systems.assessment.events import Direction
from ledger.systems.assessment.folds import Assessment
from ledger.systems.assessment.folds import Indicator as IndicatorFold
from ledger.systems.progress.folds import UnknownMetric
from projections.systems.assessment import SCORES, Assessments, Indicators, Scores, run_again

_READERS: frozenset[Role] = frozenset(
    role for role in get_args(Role) if role in UNIT_BOUND | SUPERVISORS or role == "credit_officer"
)


class RunAgain(msgspec.Struct, frozen=True, omit_defaults=True):
    """A score from the events up to ``cutoff_position`` alone.

    ``same``: whether it is the one that was recorded at that position; ``None`` if none was.
    """

    year: str
    unit: str
    cutoff_position: int
    scores: tuple[dict[str, Any], ...]
    total: str | None
    same: bool | None


def _published(grant: Grant, table: sa.Table) -> Where:
    return [table.c.public]


def _scores(assessment: Assessment, grant: Grant) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.to_builtins(assessment.published)
    return said


def _indicator(indicator: IndicatorFold, grant: Grant) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.to_builtins(indicator.defined)
    return said


async def rerun(request: web.Request) -> web.Response:
    """A score run again from zero, at the position where it was run last or at another."""
    grant = await grant_of(request)
    row = await one_row(request, "scores", SCORES, request.match_info["score"])
    if row is None or (grant.role not in BUREAU and grant.unit != row.unit):
        raise not_found()
    follower = await caught_up(request, "tallies")
    source, views = follower.source, follower.views
    head = await asked(source.head)
    newest = Scores().decode(row.state).newest
    last = head if newest is None else newest.cutoff_position
    cutoff = bounded(request, "cutoff", last, 1, max(head, 1))
    await reached(min(cutoff, head), lambda: follower.position("tallies"))
    try:
        found = await asked(lambda: run_again(source, views, row.year, row.unit, cutoff), COUNTS)
    except UnknownMetric as error:
        raise not_found(f"This score cannot be run again: {error}.") from None
    if found is None:
        raise not_found()
    return json_response(RunAgain(**found), headers=PRIVATE)


RESOURCES = (
    *Listing(
        "/v1/indicators",
        Indicators,
        "The indicators by which units are assessed.",
        "One indicator: its formula, its weight, and which way is better.",
        seen=everybody,  # all authorities: they know by what they are assessed
        show=_indicator,
        roles=_READERS,
        filters=(
            Parameter("year", str, "the year that it assesses"),
            Parameter("direction", Direction, "whether more is better or less"),
            Parameter("three_systems", bool, "whether it is about the three systems"),
        ),
    ).resources(),
    *Listing(
        "/v1/scores",
        Scores,
        "Scores of units, year by year; a unit's own for the unit.",
        "One score: every run with its position, the appeals, and where it stands.",
        seen=reported,
        roles=_READERS,
        filters=(
            Parameter("year", str, "the year that is assessed"),
            Parameter("unit", str, "the unit that is"),
            Parameter("stage", str, "how far it has come"),
        ),
    ).resources(),
    Resource(
        "/v1/scores/{score}/rerun",
        rerun,
        returns=RunAgain,
        roles=_READERS,
        query=(Parameter("cutoff", int, "the position up to which events count"), AT_LEAST),
        headers=(AT_LEAST_HEADER,),
    ),
    *Listing(
        "/v1/assessments",
        Assessments,
        "Published assessments, by year.",
        "The published scores of one year.",
        seen=_published,
        show=_scores,
    ).resources(),
)
