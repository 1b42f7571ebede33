"""Limit how often one address may ask for something in a minute."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from math import ceil

from aiohttp import hdrs

from api.http.problems import Problem
from ledger.kernel.messages import message

#: The most addresses counted in one minute; beyond that, new addresses share one count.
_MOST = 100_000

#: Reads a minute from one address without a token: twenty a second.
PUBLIC_PER_MINUTE = 1_200


class Rates:
    """Counts requests by address and minute. For one event loop.

    ``of``: the code of the message that says who is counted. ``name``: the name of the limit in the
    headers.
    """

    def __init__(
        self,
        per_minute: int,
        clock: Callable[[], float] = time.monotonic,
        *,
        of: str = "http.an-address",
        name: str = "address",
    ) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._of = of
        self._name = name
        self._minute = 0
        self._counts: Counter[str] = Counter()

    def count(self, address: str) -> dict[str, str]:
        """Count a request; return the headers that say what is left of the minute.

        Raises 429 if the address has reached its limit.
        """
        now = self._clock()
        minute = int(now // 60)
        if minute != self._minute:
            self._minute = minute
            self._counts.clear()
        if address not in self._counts and len(self._counts) >= _MOST:
            address = "the others"
        used, seconds = self._counts[address], max(1, ceil(60 - now % 60))
        if used >= self.per_minute:
            raise Problem(
                "too-many-requests",
                message(
                    "http.may-ask-most-times-minute",
                    of=message(self._of),
                    per_minute=self.per_minute,
                ),
                headers={hdrs.RETRY_AFTER: str(seconds), **self._headers(0, seconds)},
            )
        self._counts[address] = used + 1
        return self._headers(self.per_minute - used - 1, seconds)

    def _headers(self, left: int, seconds: int) -> dict[str, str]:
        """Return the fields of draft-ietf-httpapi-ratelimit-headers-10."""
        return {
            "RateLimit-Policy": f'"{self._name}";q={self.per_minute};w=60',
            "RateLimit": f'"{self._name}";r={left};t={seconds}',
        }
