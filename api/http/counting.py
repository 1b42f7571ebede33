"""How many requests there were and how long they took, by what they cost and not by what they are.

How often complaints were read, or findings sent, is content: it says that there are some, and when
they move. An operator has to know where time goes and what fails, so requests are counted by kinds
of cost (``KINDS``); what is about the service itself is counted by its route.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache

from aiohttp import web
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

#: Upper bounds, in seconds, of the classes in which request times are counted.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


#: The routes of GET that are counted together, by how they are written, and as what. The first that
#: fits is taken; the last two take every list and every document, whatever they are about.
KINDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(written), name)
    for written, name in (
        # About the service, or about everything that was recorded.
        (r"-|/|/livez|/readyz|/metrics|/docs|/problems.*|/static/.*|/v1/openapi\.json", ""),
        (r"/v1/(operations|log)/.*|/v1/feed|/v1/events/.*", ""),
        # What costs otherwise than a list or a document does.
        (r"/v1/entities/{entity}/(profile|replay|burden)", ""),
        (r"/v1/.*/trail", "/v1/{system}/{subject}/trail"),
        (r"/v1/.*/impact", "/v1/{system}/{subject}/impact"),
        (r"/v1/scores/{score}/rerun", "/v1/{system}/{subject}/rerun"),
        (r"/v1/draws/(roster|{draw}/.*)", "/v1/draws/{part}"),
        (r"/v1/.*{.*", "/v1/{system}/{subject}"),
        (r"/v1/.*", "/v1/{system}"),
    )
)


@cache
def kind_of(method: str, route: str) -> str:
    """Return what a request is counted as; commands are all one kind, but an operator's."""
    if method == "POST" and not route.startswith("/v1/operations/"):
        return "/v1/{system}/{command}"
    for written, name in KINDS:
        if written.fullmatch(route):
            return name or route
    return "-"


class Requests:
    """Requests by method, route and status, counted where it costs least: in two plain dicts."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str, int], int] = {}
        self.times: dict[str, tuple[list[int], list[float]]] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request under the kind of its route."""
        route = kind_of(method, route)
        key = (method, route, status)
        self.counts[key] = self.counts.get(key, 0) + 1
        times = self.times.get(route)
        if times is None:
            times = self.times[route] = ([0] * (len(BUCKETS) + 1), [0.0])
        times[0][bisect_left(BUCKETS, seconds)] += 1
        times[1][0] += seconds

    def collect(self) -> Iterator[Metric]:
        """The counts for the metrics page."""
        counts = CounterMetricFamily(
            "http_requests", "Requests answered", labels=("method", "route", "status")
        )
        for (method, route, status), n in list(self.counts.items()):
            counts.add_metric((method, route, str(status)), n)
        yield counts
        times = HistogramMetricFamily(
            "http_request_seconds", "From request to answer", labels=("route",)
        )
        for route, (classes, total) in list(self.times.items()):
            running, buckets = 0, []
            for bound, n in zip((*map(str, BUCKETS), "+Inf"), classes, strict=True):
                running += n
                buckets.append((bound, float(running)))
            times.add_metric((route,), buckets, sum_value=total[0])
        yield times


REQUESTS = web.AppKey("requests", Requests)
