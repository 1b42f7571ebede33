"""The clock (ledger_clock): finds in the views what is due, and sends the ledger commands for it.

The ledger decides each command from its own events; the views only say where to look. If this
process or another one repeats a command, the ledger answers with the first result.
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

#: Seconds between two ticks.
INTERVAL = 60.0

#: How many seconds one watch or one command may take: a watch may read a whole view.
STEP_SECONDS = 300.0

#: Returns commands for matters that are due today without a deadline of their own, each with the
#: idempotency key that makes it happen only once.
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

#: How many seconds a tick waits for the views to catch up.
_PATIENCE = 5.0


class ClockBroke(Exception):
    """Some commands failed unexpectedly; the message gives their keys and errors."""


def tick(
    ledger: Ledger,
    views: Views,
    actor: Actor = LEDGER_CLOCK,
    gets_on: Callable[[], None] = lambda: None,
) -> list[Outcome]:
    """Send the commands that are due by the ledger's own clock. Idempotent.

    If the ledger refuses a command (a view lags, a deadline was performed meanwhile), the next tick
    sends it again if the view still shows it as due. An unexpected error does not stop the other
    commands: ``ClockBroke`` is raised at the end. ``gets_on`` is called at every step.
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
    """Yield the commands to send, each with the idempotency key that makes it happen only once."""
    now = ledger.clock()
    today = civil_date(now)
    deadlines = due(views, today)
    # Recompute first: a date that a calendar makes final may be past.
    for deadline in deadlines.movable:
        yield (
            RecomputeDeadline(rule_name=deadline.rule, opened_at_position=deadline.opened_position),
            # A deadline may move again each time that a calendar is published.
            f"recompute:{deadline.deadline}:{deadline.known}",
        )
    for deadline in deadlines.overdue:
        yield (
            EndDeadline(rule_name=deadline.rule, opened_at_position=deadline.opened_position),
            f"end:{deadline.deadline}",
        )
    for watch in WATCHES:
        gets_on()
        # Read the whole result first, so that no watch reads the views while the ledger records.
        yield from list(watch(views, today))


class Clock:
    """Ticks in its own thread, every ``interval`` seconds, until it is stopped.

    Each tick first waits until ``follower`` has caught up with the ledger's head, so that duties
    which were just performed are not treated as due. ``turn`` says whether it is this node's turn
    to tick; otherwise the clock only waits.
    """

    def __init__(
        self,
        ledger: Ledger,
        follower: Follower,
        *,
        interval: float = INTERVAL,
        actor: Actor = LEDGER_CLOCK,
        on_tick: Callable[[list[Outcome]], None] = lambda outcomes: None,
        turn: Callable[[], bool] = lambda: True,
    ) -> None:
        self._turn = turn
        self._ledger = ledger
        self._follower = follower
        self._interval = interval
        self._actor = actor
        self._on_tick = on_tick
        #: The error of the last tick, for /readyz; ``None`` if there was none.
        self.error: str | None = None
        self._stopping = threading.Event()
        #: Set to end the wait for the next tick.
        self._wake = threading.Event()
        #: The thread, while the clock runs.
        self.worker: Worker | None = None

    def start(self) -> None:
        """Tick at once, and then at every interval."""
        if self.worker is None:
            self._stopping.clear()
            self.worker = Worker("clock", self._run, limit=STEP_SECONDS)
            self.worker.start()

    def stop(self) -> None:
        """End the thread after its current tick. Idempotent."""
        worker, self.worker = self.worker, None
        if worker is not None:
            worker.ending()
        self._stopping.set()
        self._wake.set()
        if worker is not None:
            worker.join()

    def hurry(self) -> None:
        """Tick at once, without waiting for the end of the interval."""
        self._wake.set()

    def tick(self) -> list[Outcome]:
        """Tick once if the views are up to date; return the outcomes."""
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
                if self._turn():
                    self._on_tick(self.tick())
                self.error = None
            except Exception as error:  # noqa: BLE001 - /readyz shows it, and the next tick comes
                self.error = f"{type(error).__name__}: {error}"
                log.error("clock_failed", error=self.error)
            worker.rest()
            self._wake.wait(self._interval)
            self._wake.clear()
