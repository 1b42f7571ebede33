"""A clock that is not trusted after a large jump until an operator confirms it.

Records are dated by it for ever, and it decides when a deadline is missed. The clock is behind if
at the start it shows less than the newest record, or later less than it showed before. It is ahead
if it gained far more than the time that passed. Small steps, as time servers make, are accepted.
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

#: How far the clock may fall behind at once; the same tolerance as for facts in the future.
BEHIND = timedelta(minutes=5)

#: How far it may gain at once. While a machine sleeps, time passes too: that is not a gain.
AHEAD = timedelta(hours=1)


def elapsed() -> float:
    """Return seconds since a fixed moment; sleeping time counts if the machine reports it."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


class Timekeeper:
    """Shows the time of ``clock``; raises ``Unavailable`` while it has jumped. Thread-safe.

    Until ``begin`` every time is accepted. ``pace`` returns how many seconds have passed.
    """

    def __init__(self, clock: Clock = system_clock, pace: Callable[[], float] = elapsed) -> None:
        self._clock = clock
        self._pace = pace
        self._lock = threading.Lock()
        #: What the clock showed or had to show, and at which second; ``None`` before ``begin``.
        self._known: tuple[datetime, float] | None = None
        self.newest: datetime | None = None
        #: Called when an operator has confirmed the clock.
        self.on_confirm: Callable[[], None] = lambda: None

    def __call__(self) -> datetime:
        now, error = self._look()
        if error is not None:
            # Without the times: not everyone may know when something was recorded last.
            raise Unavailable("running.clock-service-jumped")
        return now

    def shown(self) -> datetime:
        """Return the time that the clock shows, trusted or not."""
        return self._clock().astimezone(UTC)

    @property
    def error(self) -> str | None:
        """What is wrong with the clock, for operators; ``None`` if nothing is."""
        return self._look()[1]

    def begin(self, newest: datetime | None) -> None:
        """Accept no jump from now on. ``newest``: when the newest record was recorded."""
        with self._lock:
            now = self.shown()
            self.newest = newest
            # A clock behind the newest record is expected to show at least that record's time.
            behind = newest is not None and now < newest - BEHIND
            self._known = (newest if newest is not None and behind else now, self._pace())

    def confirm(self) -> datetime:
        """Trust the time that the clock shows now, and return it: an operator confirmed it."""
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
            f"the clock must show about {must.isoformat(timespec='seconds')}; it shows "
            f"{now.isoformat(timespec='seconds')}. Set it right, or have an operator confirm it "
            "(POST /v1/operations/confirm-clock, serve --confirm-clock)"
        )
