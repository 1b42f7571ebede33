"""How often a sender may name what is not there for them, before it has to wait.

A command that names a subject is answered alike whether nobody recorded it or its sender may not
know of it; an id for something new is refused if anybody has it. Each such answer costs one of a
sender's probes, which come back with time. Who has none left is answered 429 before the command is
read, whatever it names: so neither that answer nor those before it tell hidden from unknown, and
nobody can try ids by the thousand.
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

#: Probes at once, and how many come back in a minute: enough for slips of the pen.
PROBES = 30

#: Commands that were on their way when the last probe was spent count too, up to so many.
MAX_DEBT = 10 * PROBES

#: Senders remembered at most; beyond it those are forgotten that have all their probes.
MAX_SENDERS = 10_000


class _Sender(msgspec.Struct):
    left: float
    at: float
    named: int = 0


class Probes:
    """The probes of every sender: a person of a unit, whatever their token; or an address."""

    def __init__(self, most: int = PROBES, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._senders: dict[str, _Sender] = {}
        self._named = 0
        self._paused = 0

    def require(self, sender: str) -> None:
        """Raise 429 for a sender who has no probe left."""
        known = self._senders.get(sender)
        if known is None or self._refilled(known).left >= 1:
            return
        self._paused += 1
        seconds = max(1, ceil((1 - known.left) * 60 / self._most))
        raise Problem(
            "too-many-requests",
            "Too many of your commands named what is not there, or gave something new an id that "
            f"is in use: at most {self._most} a minute may. Nothing was recorded. Check the ids, "
            f"and send this again after {seconds} seconds.",
            headers={hdrs.RETRY_AFTER: str(seconds)},
        )

    def spend(self, sender: str) -> int | None:
        """Take a probe; if it was the last one, how many were spent since there were all."""
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
        """Numbers for the metrics page."""
        yield CounterMetricFamily(
            "probes", "Commands that named what is not there for their sender", self._named
        )
        yield CounterMetricFamily(
            "probes_refused",
            "Commands refused because their sender had no probe left",
            self._paused,
        )


def sender_of(grant: Grant, address: str) -> str:
    """Who sends: a person of a unit, however it is spelled; without a token an address."""
    if not grant.id:
        return f"address {address}"
    return f"{grant.unit}/{grant.person}/{grant.entity or ''}".casefold()
