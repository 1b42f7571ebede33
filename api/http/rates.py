"""Limit how often one address may ask for something in a minute."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from aiohttp import hdrs

from api.http.problems import Problem
from ledger.kernel.messages import message

#: The most addresses counted in one minute; beyond that, new addresses share one count.
_MOST = 100_000


class Rates:
    """Counts requests by address and minute. For one event loop.

    ``of``: the code of the message that says who is counted.
    """

    def __init__(
        self,
        per_minute: int,
        clock: Callable[[], float] = time.monotonic,
        *,
        of: str = "http.an-address",
    ) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._of = of
        self._minute = 0
        self._counts: Counter[str] = Counter()

    def count(self, address: str) -> None:
        """Count a request. Raises 429 if the address has reached its limit."""
        now = self._clock()
        minute = int(now // 60)
        if minute != self._minute:
            self._minute = minute
            self._counts.clear()
        if address not in self._counts and len(self._counts) >= _MOST:
            address = "the others"
        if self._counts[address] >= self.per_minute:
            raise Problem(
                "too-many-requests",
                message(
                    "http.may-ask-most-times-minute",
                    of=message(self._of),
                    per_minute=self.per_minute,
                ),
                headers={hdrs.RETRY_AFTER: str(60 - int(now % 60))},
            )
        self._counts[address] += 1
