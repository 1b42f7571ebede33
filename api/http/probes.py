"""Limit how often a sender may name unknown subjects.

If a command names a subject that nobody recorded, or one that its sender may not know of, the
answer is the same. An id for a new subject is refused if it is in use, even by a hidden subject. A
few rules refuse because of facts that the sender may not read (``ledger.telling``). Each such
answer costs the sender one probe; probes are refilled over time. A sender without probes gets 429
before the command is read, whatever it names. So none of these answers tells hidden from unknown,
and nobody can try ids by the thousand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from math import ceil

import msgspec
from aiohttp import hdrs
from prometheus_client.core import CounterMetricFamily, Metric

from api.http.problems import Problem
from api.http.tokens import Grant
from ledger.kernel.messages import message

#: Probes of a full sender, and how many are refilled in a minute: enough for typing errors.
PROBES = 30

#: Commands already under way when the last probe is spent also count, up to this many.
MAX_DEBT = 10 * PROBES

#: The most senders remembered; beyond that, senders with all their probes are forgotten.
MAX_SENDERS = 10_000


class _Sender(msgspec.Struct):
    left: float
    at: float
    named: int = 0


class Probes:
    """The probes of each sender: a person of a unit, with any of their tokens; or an address."""

    def __init__(self, most: int = PROBES, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._senders: dict[str, _Sender] = {}
        self._named = 0
        self._paused = 0

    def require(self, sender: str) -> None:
        """Raise 429 for a sender without a probe left."""
        known = self._senders.get(sender)
        if known is None or self._refilled(known).left >= 1:
            return
        self._paused += 1
        seconds = max(1, ceil((1 - known.left) * 60 / self._most))
        raise Problem(
            "too-many-requests",
            message(
                "http.too-many-commands-named-something-does", most=self._most, seconds=seconds
            ),
            headers={hdrs.RETRY_AFTER: str(seconds)},
        )

    def spend(self, sender: str) -> int | None:
        """Take a probe. If it was the last, return how many were spent since all were there."""
        self._named += 1
        if sender not in self._senders and len(self._senders) >= MAX_SENDERS:
            self._forget()
        known = self._refilled(self._senders.setdefault(sender, _Sender(self._most, self._clock())))
        before = known.left
        known.left = max(before - 1, -MAX_DEBT)
        known.named += 1
        return known.named if before >= 1 > known.left else None

    def _refilled(self, sender: _Sender) -> _Sender:
        now = self._clock()
        sender.left = min(self._most, sender.left + (now - sender.at) * self._most / 60)
        sender.at = now
        if sender.left >= self._most:
            sender.named = 0
        return sender

    def _forget(self) -> None:
        self._senders = {
            name: sender
            for name, sender in self._senders.items()
            if self._refilled(sender).left < self._most
        }

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers for the metrics page."""
        yield CounterMetricFamily(
            "probes", "Commands that named something unknown to their sender", self._named
        )
        yield CounterMetricFamily(
            "probes_refused",
            "Commands refused because their sender had no probe left",
            self._paused,
        )


def sender_of(grant: Grant, address: str) -> str:
    """Return the key of a sender: person and unit in any letter case, or an address."""
    if not grant.id:
        return f"address {address}"
    return f"{grant.unit}/{grant.person}/{grant.entity or ''}".casefold()
