"""Observation periods: the businesses for those concerned, the numbers for everyone."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.asking import caught_up, read
from api.http.listing import Listing
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response
from api.http.resources import Parameter, Resource
from projections.systems.observation import OBSERVATIONS, Observations, SoftMeasures


class ObservationCount(msgspec.Struct, frozen=True):
    """How many observation periods a domain has, by state."""

    domain: str
    granted: int
    expired: int
    terminated: int


class ObservationCounts(msgspec.Struct, frozen=True):
    """The counts, by domain."""

    items: tuple[ObservationCount, ...]


async def observation_statistics(request: web.Request) -> web.Response:
    """How many observation periods run, expired and were terminated, by domain; names nobody."""
    follower = await caught_up(request, Observations.name)
    query = (
        sa.select(OBSERVATIONS.c.domain, OBSERVATIONS.c.stage, sa.func.count())
        .where(OBSERVATIONS.c.domain.is_not(None))
        .group_by(OBSERVATIONS.c.domain, OBSERVATIONS.c.stage)
    )
    rows = await read(follower, lambda views: list(views.execute(query)))
    counted: dict[str, dict[str, int]] = {}
    for domain, stage, count in rows:
        counted.setdefault(domain, {"granted": 0, "expired": 0, "terminated": 0})[stage] = count
    items = tuple(ObservationCount(domain, **counts) for domain, counts in sorted(counted.items()))
    return json_response(ObservationCounts(items))


_BY = (
    Parameter("unit", str, "the unit"),
    Parameter("entity", str, "the business"),
)

RESOURCES = (
    *Listing(
        "/v1/observations",
        Observations,
        summary="Observation periods: a unit and a business see their own, supervisors all.",
        one="One observation period: its subject, its last day, and how it ended.",
        dates=("ends_on",),
        filters=(
            *_BY,
            Parameter("domain", str, "the domain"),
            Parameter("stage", str, "granted, expired or terminated"),
        ),
    ).resources(),
    *Listing(
        "/v1/soft-measures",
        SoftMeasures,
        summary="Soft measures, which are not negative records: a unit and a business see their "
        "own, supervisors all.",
        one="One soft measure: its subject, and whether the violation was corrected.",
        dates=("response_due",),
        filters=(
            *_BY,
            Parameter("issue", str, "the violation it is about"),
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
