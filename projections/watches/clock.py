"""The clock (ledger_clock): finds in the views what has fallen due, and has the ledger record it.

Whatever it asks for is decided by the ledger from the ledger; the views only say where to look. A
request repeated, by this process or another, is answered with the first result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import date

import structlog

from ledger.kernel import Actor, Command, Ledger, NotRecorded, Outcome, Unavailable, civil_date
from ledger.kernel.threads import Worker
from ledger.opening import LEDGER_CLOCK
from ledger.systems.deadlines.commands import EndDeadline, RecomputeDeadline
from projections.follower import Follower, Views
from projections.systems.deadlines import due
from projections.watches.cases import (
    annual_stats_to_call_for,
    grades_due,
    outlived_sanctions,
    past_transition,
    records_to_follow,
    redaction_patterns,
    withdrawals_overdue,
)
from projections.watches.inspections import (
    breaches_unpursued,
    idle_matters,
    inspections_after_complaints,
    review_draws,
)
from projections.watches.oversight import (
    calendars_to_call_for,
    channels_to_review,
    months_to_open,
    plans_missing,
    unreviewed,
)

log = structlog.get_logger("projections.clock")

#: Seconds between two looks.
INTERVAL = 60.0

#: How long one look, or one command, may take, in seconds: a look goes through a whole view.
STEP_SECONDS = 300.0

#: Looks for what is to be reviewed today though no single day sets it: commands, each with the key
#: that makes it happen once.
Watch = Callable[[Views, date], Iterable[tuple[Command, str]]]

WATCHES: tuple[Watch, ...] = (
    annual_stats_to_call_for,
    redaction_patterns,
    withdrawals_overdue,
    breaches_unpursued,
    idle_matters,
    inspections_after_complaints,
    outlived_sanctions,
    grades_due,
    review_draws,
    past_transition,
    records_to_follow,
    unreviewed,
    months_to_open,
    plans_missing,
    calendars_to_call_for,
    channels_to_review,
)

#: How long a tick waits for the views to catch up, in seconds.
_PATIENCE = 5.0


class ClockBroke(Exception):
    """Some of what had fallen due could not be recorded, and why."""


def tick(
    ledger: Ledger,
    views: Views,
    actor: Actor = LEDGER_CLOCK,
    gets_on: Callable[[], None] = lambda: None,
) -> list[Outcome]:
    """Record what has fallen due by the ledger's own clock. Idempotent.

    What the ledger refuses (a view that lags, a deadline performed meanwhile) is asked again at the
    next tick, if the view then still says so. What nobody foresaw keeps none of the others waiting:
    it is raised, as ``ClockBroke``, when all were asked. ``gets_on`` is called at every step.
    """
    outcomes, broken = [], []
    for command, key in _wishes(ledger, views, gets_on):
        gets_on()
        try:
            outcomes.append(ledger.execute(command, actor, key=key))
        except Unavailable:
            log.info("clock_waits", key=key)
            break
        except NotRecorded as refusal:
            log.info("clock_refused", key=key, reason=str(refusal))
        except Exception as error:
            log.exception("clock_broke", key=key)
            broken.append(f"{key}: {type(error).__name__}: {error}")
    if broken:
        raise ClockBroke("; ".join(broken))
    return outcomes


def _wishes(
    ledger: Ledger, views: Views, gets_on: Callable[[], None]
) -> Iterator[tuple[Command, str]]:
    """What to ask for, each with the key that makes it happen once."""
    now = ledger.clock()
    today = civil_date(now)
    found = due(views, today)
    # Moved first: a date that a calendar makes final may turn out to be past.
    for one in found.movable:
        yield (
            RecomputeDeadline(rule_name=one.rule, opened_at_position=one.opened_position),
            # A deadline may move more than once: as often as a year is published.
            f"recompute:{one.deadline}:{one.known}",
        )
    for one in found.overdue:
        yield (
            EndDeadline(rule_name=one.rule, opened_at_position=one.opened_position),
            f"end:{one.deadline}",
        )
    for look in WATCHES:
        gets_on()
        # All of a look at once: none reads on while the ledger records.
        yield from list(look(views, today))


class Clock:
    """Ticks in a thread of its own, every ``interval`` seconds, until it is stopped.

    ``follower`` is asked to have caught up with the ledger's head first, so that what was just
    performed is not asked about.
    """

    def __init__(
        self,
        ledger: Ledger,
        follower: Follower,
        *,
        interval: float = INTERVAL,
        actor: Actor = LEDGER_CLOCK,
        on_tick: Callable[[list[Outcome]], None] = lambda outcomes: None,
    ) -> None:
        self._ledger = ledger
        self._follower = follower
        self._interval = interval
        self._actor = actor
        self._on_tick = on_tick
        #: What went wrong at the last look, for /readyz; ``None`` when nothing did.
        self.error: str | None = None
        self._stopping = threading.Event()
        #: Set to end the wait for the next look.
        self._wake = threading.Event()
        #: The thread, while it ticks.
        self.worker: Worker | None = None

    def start(self) -> None:
        """Tick at once and then every interval."""
        if self.worker is None:
            self._stopping.clear()
            self.worker = Worker("clock", self._run, limit=STEP_SECONDS)
            self.worker.start()

    def stop(self) -> None:
        """End the thread, after the tick it is in. Idempotent."""
        worker, self.worker = self.worker, None
        if worker is not None:
            worker.ending()
        self._stopping.set()
        self._wake.set()
        if worker is not None:
            worker.join()

    def hurry(self) -> None:
        """Look at once, and not when the interval is over."""
        self._wake.set()

    def tick(self) -> list[Outcome]:
        """One look, if the views are up to date; what it recorded."""
        head = self._follower.source.head()
        if not self._follower.wait_for(head, _PATIENCE):
            log.info("clock_waits_for_views", head=head)
            return []
        worker = self.worker
        gets_on = (lambda: None) if worker is None else worker.gets_on
        return tick(self._ledger, self._follower.views, self._actor, gets_on)

    def _run(self) -> None:
        worker = self.worker
        assert worker is not None
        while not self._stopping.is_set():
            worker.step()
            try:
                outcomes = self.tick()
                self._on_tick(outcomes)
                self.error = None
            except Exception as error:  # noqa: BLE001 - it shows in /readyz, and the next look comes
                self.error = f"{type(error).__name__}: {error}"
                log.error("clock_failed", error=self.error)
            worker.rest()
            self._wake.wait(self._interval)
            self._wake.clear()
