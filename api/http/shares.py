"""Shares of what is held open: streams and waiting reads, so that nobody can take all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import hdrs
from prometheus_client.core import GaugeMetricFamily, Metric

from api.http.problems import Problem
from api.http.tokens import Grant

#: Streams and waiting reads held by one process; one more is asked to try elsewhere.
PLACES = 5_000

#: What readers without a token may hold from one address.
PER_ADDRESS = 50

#: Seconds after which a reader that was turned away may try again.
RETRY_AFTER = "5"


class Shares:
    """Who holds how many places. Belongs to one event loop.

    Readers without a token hold at most half of the places, ``per_address`` from one address, so
    that the other half is always there for tokens; one token holds at most a quarter.
    """

    def __init__(self, places: int = PLACES, per_address: int = PER_ADDRESS) -> None:
        self.places = places
        self.per_address = per_address
        self._anonymous = 0
        self._all = 0
        self._addresses: Counter[str] = Counter()
        self._tokens: Counter[str] = Counter()

    @property
    def held(self) -> int:
        """How many places are taken."""
        return self._all

    @contextmanager
    def place(self, address: str, grant: Grant) -> Iterator[None]:
        """A place for as long as it is used. Raises 429 or 503 where there is none."""
        self._require(address, grant)
        holders, holder = (self._tokens, grant.id) if grant.id else (self._addresses, address)
        holders[holder] += 1
        self._all += 1
        self._anonymous += not grant.id
        try:
            yield
        finally:
            self._anonymous -= not grant.id
            self._all -= 1
            holders[holder] -= 1
            if not holders[holder]:
                del holders[holder]  # an address that left costs nothing

    def _require(self, address: str, grant: Grant) -> None:
        if grant.id:
            most = max(1, self.places // 4)
            if self._tokens[grant.id] >= most:
                raise _too_many(f"This token holds {most} streams already; it may hold no more.")
        else:
            if self._addresses[address] >= self.per_address:
                raise _too_many(
                    f"This address holds {self.per_address} streams already. A reader with a token "
                    "may hold more."
                )
            if self._anonymous >= max(1, self.places // 2):
                raise _busy("All streams for readers without a token are taken.")
        if self._all >= self.places:
            raise _busy(f"All {self.places} streams are taken.")

    def collect(self) -> Iterator[Metric]:
        """Numbers for the metrics page."""
        held = GaugeMetricFamily(
            "held_streams", "Streams and waiting reads that are open", labels=("by",)
        )
        held.add_metric(("anonymous",), self._anonymous)
        held.add_metric(("token",), self._all - self._anonymous)
        yield held


def _too_many(why: str) -> Problem:
    return Problem("too-many-requests", why, headers={hdrs.RETRY_AFTER: RETRY_AFTER})


def _busy(why: str) -> Problem:
    return Problem("unavailable", why, headers={hdrs.RETRY_AFTER: RETRY_AFTER})
