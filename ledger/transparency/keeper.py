"""What keeps the log up with the ledger while the service runs."""

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

#: How long appends are gathered before a checkpoint is signed over them, in seconds. A checkpoint
#: comes at most a second after what it covers.
GATHER = 0.4

#: How long to wait when nothing wakes the keeper, or after a store failed, in seconds.
IDLE = 1.0

#: How long one look may take, or one portion of a long one, in seconds.
STEP_SECONDS = 120.0


class Listened(Leaves, Protocol):
    """A store of events that tells when something was appended."""

    def listen(self, event: threading.Event) -> None:
        """Have ``event`` set whenever something is appended."""

    def unlisten(self, event: threading.Event) -> None:
        """Stop that."""


class Keeper:
    """A thread that takes appended events into the log and has checkpoints signed.

    A fork stops it for good, visibly: ``error`` says what was found.
    """

    def __init__(self, keeping: TransparencyLog, events: Listened, name: str = "log") -> None:
        self.log = keeping
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
        """Begin keeping.

        ``ask_first`` is called before anything is signed, in the keeper's thread, and says why
        nothing must be, if it knows of anything.
        """
        self._ask_first = ask_first
        self._events.listen(self._woken)
        self.worker.start()

    def close(self) -> None:
        """Stop after a last checkpoint over what was recorded. Idempotent."""
        if self._stopping.is_set():
            return
        self.worker.ending()
        self._stopping.set()
        self._woken.set()
        self.worker.join()
        self._events.unlisten(self._woken)

    def fork(self, what: str) -> None:
        """Sign nothing any more: somebody else has seen another history of this log."""
        self.forked, self.error = True, what
        log.error("log_forked", error=what)
        self._woken.set()

    def tell(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called, in the keeper's thread, whenever a checkpoint was signed."""
        self._told.append(callback)

    def wait_for(self, size: int, timeout: float) -> Signed | None:
        """The newest checkpoint, once it covers ``size`` leaves or the time is over."""
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
        """One look; whether to go on."""
        self.worker.step()
        if self.forked:
            self.worker.ending()  # for good, and /readyz says why
            return False
        try:
            signed = self.log.advance()
        except Forked as fork:
            self.worker.ending()
            self.fork(str(fork))
            return False
        except (StoreError, KeyFileError, OSError) as error:
            self.error = str(error)
            log.error("log_waits", error=self.error)
            return True
        except Exception as error:
            # Nobody sees a thread that ended: it goes on, and the error is shown.
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
