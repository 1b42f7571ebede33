"""A clock that is not believed after a large jump, until an operator answers for it.

What is recorded is dated by it for ever, and deadlines are missed by it. It is behind if it shows
less than the newest record when the service starts, or less than it showed; it is ahead if it
gained far more than the time that went by. A small step, as time servers make them, is followed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from ledger.kernel import Unavailable
from ledger.kernel.clock import Clock, system_clock

log = structlog.get_logger("api.timekeeping")

#: How far the clock may fall behind at once: the tolerance for facts of the future is the same.
BEHIND = timedelta(minutes=5)

#: How far it may gain at once. A machine that slept has gained nothing: that time is counted.
AHEAD = timedelta(hours=1)


def elapsed() -> float:
    """Seconds since some moment, those in which the machine slept included, if it tells them."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


class Timekeeper:
    """Shows the time of ``clock``; raises ``Unavailable`` while that has jumped. Safe for threads.

    It believes everything until ``begin``. ``pace`` tells how many seconds went by.
    """

    def __init__(self, clock: Clock = system_clock, pace: Callable[[], float] = elapsed) -> None:
        self._clock = clock
        self._pace = pace
        self._lock = threading.Lock()
        #: What the clock showed, or had to show, at which second; ``None`` before ``begin``.
        self._known: tuple[datetime, float] | None = None
        self.newest: datetime | None = None
        #: Told when the clock is believed again because somebody answers for it.
        self.on_confirm: Callable[[], None] = lambda: None

    def __call__(self) -> datetime:
        now, error = self._look()
        if error is not None:
            # Without the times: when something was recorded last is not everybody's to know.
            raise Unavailable(
                "the clock of this service has jumped; an operator must set it right or confirm it"
            )
        return now

    def shown(self) -> datetime:
        """The time that the clock shows, whether it is believed or not."""
        return self._clock().astimezone(UTC)

    @property
    def error(self) -> str | None:
        """What is wrong with the clock, for operators; ``None`` if nothing is."""
        return self._look()[1]

    def begin(self, newest: datetime | None) -> None:
        """Believe no jump from here on. ``newest``: when the newest record was recorded."""
        with self._lock:
            now = self.shown()
            self.newest = newest
            # A clock behind the newest record has to show that record's time.
            behind = newest is not None and now < newest - BEHIND
            self._known = (newest if newest is not None and behind else now, self._pace())

    def confirm(self) -> datetime:
        """Believe what the clock shows now, and return it: somebody answers for it."""
        with self._lock:
            now = self.shown()
            self._known = (now, self._pace())
        log.warning("clock_confirmed", clock=now.isoformat())
        self.on_confirm()
        return now

    def _look(self) -> tuple[datetime, str | None]:
        with self._lock:
            now = self.shown()
            if self._known is None:
                return now, None
            at = self._pace()
            shown, since = self._known
            must = shown + timedelta(seconds=at - since)
            if must - BEHIND <= now <= must + AHEAD:
                self._known = (now, at)
                return now, None
        return now, (
            f"the clock must show about {must.isoformat(timespec='seconds')} and shows "
            f"{now.isoformat(timespec='seconds')}; set it right, or have an operator answer for it "
            "(POST /v1/operations/confirm-clock, serve --confirm-clock)"
        )
