"""For operators: whether the process is alive, whether it can serve, and its metrics."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec
from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from api.feed.hub import head_of
from api.feed.resource import HUB
from api.http.access import caller_of
from api.http.counting import REQUESTS, Requests
from api.http.front import EDGE
from api.http.keys import LEDGER, WITNESSES
from api.http.resources import Resource
from api.running.files import FILES
from api.running.logs import current_writer
from api.running.pools import PROBES
from api.running.threads import SUPERVISOR
from ledger.general.vocabulary import Role
from ledger.kernel import Ledger, sequencer


class Readiness(msgspec.Struct, frozen=True):
    """The state of one part of the service. ``lag``: how many positions it is behind the ledger."""

    ready: bool
    detail: str = ""
    position: int | None = None
    lag: int | None = None


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether this process can serve; an operator also sees the state of each part."""

    status: Literal["ready", "unready"]
    parts: dict[str, Readiness] = {}


#: Roles that run the service; they see no business data.
OPERATORS: frozenset[Role] = frozenset({"operator"})

#: How many positions a view or log may be behind the ledger while the service counts as ready. A
#: rebuild of all views follows some thousands of events per second.
MAX_LAG = 10_000

#: Returns the state of one part; called in a thread, so it may read a database.
Check = Callable[[], Readiness]
READINESS: web.AppKey[dict[str, Check]] = web.AppKey("readiness")


class _Numbers:
    """Reads the counters of one application whenever the metrics page is requested."""

    def __init__(self, app: web.Application) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        app = self._app
        yield from app[REQUESTS].collect()
        ledger = app[LEDGER]
        numbers = ledger.statistics
        yield GaugeMetricFamily(
            "ledger_queue_depth", "Commands waiting to be decided", ledger.waiting
        )
        for name, text, value in (
            ("ledger_commands", "Commands decided", numbers.commands),
            ("ledger_commands_refused", "Commands that recorded nothing", numbers.refused),
            ("ledger_events", "Events recorded by this process", numbers.events),
            ("ledger_commit_retries", "Batches decided again", numbers.retries),
        ):
            yield CounterMetricFamily(name, text, value)
        yield SummaryMetricFamily(
            "ledger_commit_seconds",
            "Time to decide and commit a batch",
            numbers.batches,
            numbers.commit_seconds,
        )
        yield SummaryMetricFamily(
            "ledger_commit_commands", "Commands in a batch", numbers.batches, numbers.commands
        )
        yield GaugeMetricFamily(
            "ledger_commit_commands_max", "The largest batch so far", numbers.largest_batch
        )
        hub = app[HUB]
        head = head_of(ledger.recorder)
        yield GaugeMetricFamily("ledger_head", "The last position", head)
        yield GaugeMetricFamily("feed_subscribers", "Open feed streams", hub.subscribers)
        yield GaugeMetricFamily(
            "feed_lag_positions", "How far the slowest feed subscriber is behind", hub.lag(head)
        )
        yield from self._followers()
        if (witnesses := app[WITNESSES]) is not None:
            yield from witnesses.collect()
        yield from app[EDGE].collect()
        yield from app[FILES].collect()
        if (writer := current_writer()) is not None:
            yield from writer.collect()

    def _followers(self) -> Iterator[Metric]:
        ready = GaugeMetricFamily("follower_ready", "1 if it can serve", labels=("follower",))
        lag = GaugeMetricFamily(
            "follower_lag_positions", "How far it is behind the ledger", labels=("follower",)
        )
        for name, check in self._app[READINESS].items():
            state = _asked(check)
            ready.add_metric((name,), float(state.ready))
            if state.lag is not None:
                lag.add_metric((name,), state.lag)
        yield ready
        yield lag


def _asked(check: Check) -> Readiness:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - a failing check is itself the answer
        return Readiness(ready=False, detail=f"{type(error).__name__}: {error}")


def check_store(ledger: Ledger) -> Readiness:
    """Return whether the store answers and this process may write it."""
    position = head_of(ledger.recorder)
    path: Path | None = getattr(ledger.recorder, "path", None)
    if path is not None and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return Readiness(ready=False, detail="the ledger file cannot be written", position=position)
    if (seconds := ledger.held_up()) > sequencer.HELD_UP_SECONDS:
        return Readiness(
            ready=False,
            detail=f"nothing could be recorded for {seconds:.0f} s: the store is locked, or slow",
            position=position,
        )
    return Readiness(ready=True, position=position)


class Alive(msgspec.Struct, frozen=True):
    """The process answers."""

    status: Literal["alive"]


async def livez(_request: web.Request) -> web.Response:
    """Return 200 while the process answers. For whether it can do its work, see /readyz."""
    return web.json_response({"status": "alive"}, headers={hdrs.CACHE_CONTROL: "no-store"})


async def readyz(request: web.Request) -> web.Response:
    """Return 200 if this process can take commands and answer queries, else 503.

    The body contains only `ready` or `unready`; with an operator's token it lists every part with
    its position, its lag, and the reason if it is not ready.
    """
    app = request.app
    if troubles := app[SUPERVISOR].troubles():
        # Answer at once: the other checks may hang for the same reason.
        return await _report(request, {"threads": _threads(troubles)}, ready=False)
    followers = app[READINESS]
    checks = {
        "store": lambda: check_store(app[LEDGER]),
        "feed": lambda: Readiness(ready=app[HUB].failure is None, detail=app[HUB].failure or ""),
        "threads": lambda: _threads(app[SUPERVISOR].troubles()),
        **followers,
    }
    parts = await PROBES.run(lambda: {name: _asked(c) for name, c in checks.items()})
    ready = all(state.ready for state in parts.values()) and not app[HUB].closing
    return await _report(request, parts, ready=ready)


def _threads(troubles: Mapping[str, str]) -> Readiness:
    """Return whether every thread is alive and makes progress."""
    detail = "; ".join(f"{name}: {why}" for name, why in sorted(troubles.items()))
    return Readiness(ready=not troubles, detail=detail)


async def _report(
    request: web.Request, parts: dict[str, Readiness], *, ready: bool
) -> web.Response:
    """Return the answer; only an operator is shown the parts."""
    caller = await caller_of(request)
    report = Report("ready" if ready else "unready", parts if caller.role in OPERATORS else {})
    return web.Response(
        body=msgspec.json.encode(report),
        status=200 if ready else 503,
        headers={hdrs.CONTENT_TYPE: "application/json", hdrs.CACHE_CONTROL: "no-store"},
    )


_REGISTRY = web.AppKey("registry", CollectorRegistry)


async def metrics(request: web.Request) -> web.Response:
    """Return counters and gauges in the Prometheus text format. Needs an operator's token."""
    page = await PROBES.run(lambda: generate_latest(request.app[_REGISTRY]))
    return web.Response(body=page, headers={hdrs.CONTENT_TYPE: CONTENT_TYPE_PLAIN_0_0_4})


def add_operations(app: web.Application, readiness: Mapping[str, Check]) -> None:
    """Give ``app`` its counters and its readiness checks."""
    app[REQUESTS] = Requests()
    app[READINESS] = dict(readiness)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Numbers(app))
    app[_REGISTRY] = registry


RESOURCES = (
    Resource("/livez", livez, returns=Alive, group="operations"),
    Resource("/readyz", readyz, returns=Report, group="operations"),
    Resource("/metrics", metrics, roles=OPERATORS, media_types=("text/plain",), group="operations"),
)
