"""How many requests there were and how long they took."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from aiohttp import web
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

#: Upper bounds, in seconds, of the classes in which request times are counted.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Requests:
    """Requests by method, route and status, counted where it costs least: in two plain dicts."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str, int], int] = {}
        self.times: dict[str, tuple[list[int], list[float]]] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
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
