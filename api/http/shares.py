"""Limit how many streams and waiting reads one reader may hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import hdrs
from prometheus_client.core import GaugeMetricFamily, Metric

from api.http.problems import Problem
from api.http.tokens import Grant
from ledger.kernel import Message
from ledger.kernel.messages import message

#: The most streams and waiting reads of one process; a further one is asked to try later.
PLACES = 5_000

#: The most that readers without a token may hold from one address.
PER_ADDRESS = 50

#: Seconds after which a rejected reader may try again.
RETRY_AFTER = "5"


class Shares:
    """Counts the places that each reader holds. For one event loop.

    Readers without a token hold at most half of the places, and ``per_address`` from one address;
    the other half is always free for readers with tokens. One token holds at most a quarter.
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
        """How many places are in use."""
        return self._all

    @contextmanager
    def place(self, address: str, grant: Grant) -> Iterator[None]:
        """Hold a place while the context is open. Raises 429 or 503 if none is free."""
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
                del holders[holder]  # a holder without places takes no memory

    def _require(self, address: str, grant: Grant) -> None:
        if grant.id:
            most = max(1, self.places // 4)
            if self._tokens[grant.id] >= most:
                raise _too_many(message("http.token-already-holds-streams-may-not", most=most))
        else:
            if self._addresses[address] >= self.per_address:
                raise _too_many(
                    message(
                        "http.address-already-holds-streams-most-without",
                        per_address=self.per_address,
                    )
                )
            if self._anonymous >= max(1, self.places // 2):
                raise busy("http.all-streams-readers-without-token-use")
        if self._all >= self.places:
            raise busy(message("http.all-streams-use", places=self.places))

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers for the metrics page."""
        held = GaugeMetricFamily(
            "held_streams", "Streams and waiting reads that are open", labels=("by",)
        )
        held.add_metric(("anonymous",), self._anonymous)
        held.add_metric(("token",), self._all - self._anonymous)
        yield held


def busy(told: Message | str) -> Problem:
    return Problem("unavailable", told, headers={hdrs.RETRY_AFTER: RETRY_AFTER})


def _too_many(why: Message) -> Problem:
    return Problem("too-many-requests", why, headers={hdrs.RETRY_AFTER: RETRY_AFTER})
