"""Performance assessment: indicators, scores, recalculated scores, published results."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.asking import PRIVATE, asked, caught_up, one_row
from api.http.listing import BUREAU, Listing, Where, everybody, reported
from api.http.problems import not_found
from api.http.reader import AUTHORITIES, Reader, reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, bounded, json_response, reached
from api.http.resources import Parameter, Resource
from api.running.pools import COUNTS
from ledger.kernel.messages import message
from ledger.systems.assessment.events import (
    AssessmentPublished,
    Direction,
    IndicatorDefined,
    IndicatorScore,
)
from ledger.systems.progress.folds import UnknownMetric
from projections.systems.assessment import SCORES, Assessments, Indicators, Scores, run_again


class RunAgain(msgspec.Struct, frozen=True, omit_defaults=True):
    """A score calculated again from the events up to ``cutoff_position`` only.

    ``same``: whether it equals the score recorded at that position; ``None`` if none was recorded.
    """

    year: str
    unit: str
    cutoff_position: int
    scores: tuple[IndicatorScore, ...]
    total: str | None
    same: bool | None


def _published(reader: Reader, table: sa.Table) -> Where:
    return [table.c.public]


async def rerun(request: web.Request) -> web.Response:
    """A score calculated again from the events, up to its own or another position."""
    reader = await reader_of(request)
    row = await one_row(request, "scores", SCORES, request.match_info["score"])
    if reader.role not in BUREAU and reader.unit != row.unit:
        raise not_found()
    follower = await caught_up(request, "tallies")
    source, views = follower.source, follower.views
    head = await asked(source.head)
    newest = Scores().decode(row.state).newest
    last = head if newest is None else newest.cutoff_position
    cutoff = bounded(request, "cutoff", last, 1, max(head, 1))
    await reached(min(cutoff, head), lambda: follower.position("tallies"))
    try:
        score = await asked(lambda: run_again(source, views, row.year, row.unit, cutoff), COUNTS)
    except UnknownMetric as error:
        raise not_found(
            message("assessment.score-cannot-calculated-again", error=str(error))
        ) from None
    if score is None:
        raise not_found()
    return json_response(RunAgain(**score), headers=PRIVATE)


RESOURCES = (
    *Listing(
        "/v1/indicators",
        Indicators,
        "The indicators by which units are assessed.",
        "One indicator: its formula, its weight, and whether more or less is better.",
        seen=everybody,  # all authorities, so that each knows the standards it is assessed by
        show=lambda indicator, reader: indicator.defined,
        returns=IndicatorDefined,
        roles=AUTHORITIES,
        filters=(
            Parameter("year", str, "the assessed year"),
            Parameter("direction", Direction, "whether more or less is better"),
            Parameter("three_systems", bool, "whether it is about the three systems"),
        ),
    ).resources(),
    *Listing(
        "/v1/scores",
        Scores,
        "Scores of units, by year; a unit sees its own.",
        "One score: every calculation with its position, the appeals, and the current state.",
        seen=reported,
        roles=AUTHORITIES,
        filters=(
            Parameter("year", str, "the assessed year"),
            Parameter("unit", str, "the assessed unit"),
            Parameter("stage", str, "the current stage"),
        ),
    ).resources(),
    Resource(
        "/v1/scores/{score}/rerun",
        rerun,
        returns=RunAgain,
        roles=AUTHORITIES,
        query=(Parameter("cutoff", int, "the position up to which events count"), AT_LEAST),
        headers=(AT_LEAST_HEADER,),
    ),
    *Listing(
        "/v1/assessments",
        Assessments,
        "Published assessments, by year.",
        "The published scores of one year.",
        seen=_published,
        show=lambda assessment, reader: assessment.published,
        returns=AssessmentPublished,
    ).resources(),
)
