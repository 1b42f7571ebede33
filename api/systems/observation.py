"""Observation periods: who is watched, for those concerned; how many are, for everybody."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.asking import asked, caught_up
from api.http.listing import Listing
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response
from api.http.resources import Parameter, Resource
from projections.systems.observation import OBSERVATIONS, Observations, SoftMeasures


class ObservationCount(msgspec.Struct, frozen=True):
    """How many periods there are of a domain, by how they stand."""

    domain: str
    granted: int
    expired: int
    terminated: int


class ObservationCounts(msgspec.Struct, frozen=True):
    """The counts, by domain."""

    items: tuple[ObservationCount, ...]


async def observation_statistics(request: web.Request) -> web.Response:
    """How many observation periods run, expired and were terminated, by domain; of nobody."""
    follower = await caught_up(request, Observations.name)
    query = (
        sa.select(OBSERVATIONS.c.domain, OBSERVATIONS.c.stage, sa.func.count())
        .where(OBSERVATIONS.c.domain.is_not(None))
        .group_by(OBSERVATIONS.c.domain, OBSERVATIONS.c.stage)
    )

    def ask() -> list[sa.Row[str, str, int]]:
        with follower.views.reading() as connection:
            return list(connection.execute(query))

    found: dict[str, dict[str, int]] = {}
    for domain, stage, count in await asked(ask):
        found.setdefault(domain, {"granted": 0, "expired": 0, "terminated": 0})[stage] = count
    items = tuple(ObservationCount(domain, **counts) for domain, counts in sorted(found.items()))
    return json_response(ObservationCounts(items))


_BY = (
    Parameter("unit", str, "the unit"),
    Parameter("entity", str, "the business"),
)

RESOURCES = (
    *Listing(
        "/v1/observations",
        Observations,
        summary="Observation periods: a unit's own for the unit, its own for a business, all for "
        "supervisors.",
        one="One observation period: for what, until when, and how it ended.",
        filters=(
            *_BY,
            Parameter("domain", str, "the domain"),
            Parameter("stage", str, "granted, expired or terminated"),
        ),
    ).resources(),
    *Listing(
        "/v1/soft-measures",
        SoftMeasures,
        summary="Soft measures, which are no negative records: a unit's own for the unit, its own "
        "for a business, all for supervisors.",
        one="One soft measure: what it was about and whether that was put right.",
        filters=(
            *_BY,
            Parameter("issue", str, "the violation that it is about"),
            Parameter("stage", str, "taken or corrected"),
        ),
    ).resources(),
    Resource(
        "/v1/observation-statistics",
        observation_statistics,
        returns=ObservationCounts,
        query=(AT_LEAST,),
        headers=(AT_LEAST_HEADER,),
    ),
)
