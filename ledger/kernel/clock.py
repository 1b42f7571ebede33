"""Clocks, which are passed in as arguments, and identifiers that sort by time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

#: Returns the time now. Code that needs the time receives a clock; only the composition root
#: (``ledger.opening``, ``api.service``) chooses one.
Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


class _Randomness(threading.local):
    """A stock of random bytes for each thread: a system call for each identifier costs too much."""

    drawn = b""
    used = 0

    def take(self, n: int) -> bytes:
        if self.used + n > len(self.drawn):
            self.drawn, self.used = os.urandom(4096), 0
        self.used += n
        return self.drawn[self.used - n : self.used]


_randomness = _Randomness()


def uuid7(moment: datetime) -> UUID:
    """Return a UUID of version 7 (RFC 9562): 48 bits of milliseconds, 74 random bits."""
    millis = int(moment.timestamp() * 1000) & ((1 << 48) - 1)
    value = (millis << 80) | int.from_bytes(_randomness.take(10), "big")
    value = (value & ~(0xF000 << 64)) | (0x7000 << 64)
    value = (value & ~(0xC000 << 48)) | (0x8000 << 48)
    return UUID(int=value)
