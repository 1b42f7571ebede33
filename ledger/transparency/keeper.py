"""The keeper: the thread that keeps the log up to date with the ledger while the service runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import structlog

from ledger.kernel.threads import Worker
from ledger.stores import StoreError
from ledger.transparency.keys import KeyFileError
from ledger.transparency.log import Forked, Leaves, TransparencyLog
from ledger.transparency.store import Signed

log = structlog.get_logger("ledger.transparency")

#: For how many seconds appends are gathered before a checkpoint is signed over them. A checkpoint
#: follows at most a second after the events that it covers.
GATHER = 0.4

#: How many seconds to wait if no append wakes the keeper, or after a store failed.
IDLE = 1.0

#: How many seconds one step may take, or one portion of a long one.
STEP_SECONDS = 120.0


class Listened(Leaves, Protocol):
    """A store of events that signals appends."""

    def listen(self, event: threading.Event) -> None:
        """Set ``event`` after every append."""

    def unlisten(self, event: threading.Event) -> None:
        """Undo ``listen``."""


class Keeper:
    """A thread that adds appended events to the log and lets it sign checkpoints.

    A fork stops the thread for good; ``error`` then says what was found. ``turn`` says whether it
    is this node's turn to sign; otherwise the thread only reads what another node has signed.
    """

    def __init__(
        self,
        keeping: TransparencyLog,
        events: Listened,
        name: str = "log",
        turn: Callable[[], bool] = lambda: True,
    ) -> None:
        self.log = keeping
        self._turn = turn
        self._events = events
        self._woken = threading.Event()
        self._signed = threading.Condition()
        self._stopping = threading.Event()
        self._ask_first: Callable[[], str | None] = lambda: None
        self.worker = Worker(f"{name}-keeper", self._run, limit=STEP_SECONDS)
        keeping.gets_on = self.worker.gets_on
        self._told: list[Callable[[], None]] = []
        self.error: str | None = None
        self.forked = False
        self.newest: Signed | None = keeping.checkpoint()

    def start(self, ask_first: Callable[[], str | None] = lambda: None) -> None:
        """Start the thread.

        It calls ``ask_first`` before it signs anything. If that returns a reason, the keeper signs
        nothing.
        """
        self._ask_first = ask_first
        self._events.listen(self._woken)
        self.worker.start()

    def close(self) -> None:
        """Stop after a last checkpoint over all recorded events. Idempotent."""
        if self._stopping.is_set():
            return
        self.worker.ending()
        self._stopping.set()
        self._woken.set()
        self.worker.join()
        self._events.unlisten(self._woken)

    def fork(self, what: str) -> None:
        """Stop signing, because another history of this log is known."""
        self.forked, self.error = True, what
        log.error("log_forked", error=what)
        self._woken.set()

    def tell(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` in the keeper's thread after every signed checkpoint."""
        self._told.append(callback)

    def wait_for(self, size: int, timeout: float) -> Signed | None:
        """Return the newest checkpoint, once it covers ``size`` leaves or after ``timeout``."""
        with self._signed:
            self._signed.wait_for(
                lambda: self.newest is not None and self.newest.size >= size, timeout
            )
        return self.newest

    def _run(self) -> None:
        self.worker.step()
        why_not = self._ask_first()
        if why_not is not None:
            self.fork(why_not)
        while self._step() and not self._stopping.is_set():
            self.worker.rest()
            self._woken.wait(IDLE)
            self._woken.clear()
            self._stopping.wait(GATHER)

    def _step(self) -> bool:
        """Advance the log once; return whether to continue."""
        self.worker.step()
        if self.forked:
            self.worker.ending()  # end for good; /readyz says why
            return False
        try:
            signed = self.log.advance() if self._turn() else self.log.checkpoint()
        except Forked as fork:
            self.worker.ending()
            self.fork(str(fork))
            return False
        except (StoreError, KeyFileError, OSError) as error:
            self.error = str(error)
            log.error("log_waits", error=self.error)
            return True
        except Exception as error:
            # If the thread ended here, nobody would notice. So continue, and show the error.
            self.error = f"{type(error).__name__}: {error}"
            log.exception("log_broke")
            return True
        if not self.forked:
            self.error = None
        with self._signed:
            before, self.newest = self.newest, signed
            self._signed.notify_all()
        if signed is not None and (before is None or before.size < signed.size):
            for callback in self._told:
                callback()
        return True
