"""Threads that live as long as the service: each gives signs of life, and a supervisor checks them.

If a thread dies, or takes longer for one step than it may, the process can no longer do its work,
and nothing in it can repair the thread. The supervisor reports this at once, and the server ends
the process. Nothing here logs, reads a store, or waits for a lock of another module, because then
the supervisor itself could hang.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial

#: How often the supervisor looks, in seconds.
LOOK_SECONDS = 0.25


class Pulse:
    """The signs of life of one task; only the task's own thread gives them.

    ``limit``: how many seconds one step may take; ``None`` if it may take any time. The thread
    calls ``step`` when a step begins or a long one makes progress, and ``rest`` when it waits for
    more work.
    """

    def __init__(self, name: str, limit: float | None) -> None:
        self.name = name
        self.limit = limit
        #: Changes with every sign of life.
        self.beats = 0
        self.busy = False
        #: Why the work failed; ``None`` if it has not failed.
        self.failure: str | None = None
        #: Called once when the work has failed, with the reason, in the thread that noticed.
        self.on_failure: list[Callable[[str], None]] = []
        self._guard = threading.Lock()

    def step(self) -> None:
        """Begin a step. A further call within the step restarts its time."""
        self.beats += 1
        self.busy = True

    def rest(self) -> None:
        """Note that the thread now waits for work, which may take any time."""
        self.busy = False

    @property
    def ended(self) -> bool:
        """Whether the work has ended without a failure and without being asked to."""
        return False

    def fail(self, why: str) -> None:
        """Note that the work has failed for good, and call ``on_failure``. Idempotent."""
        with self._guard:
            if self.failure is not None:
                return
            self.failure = why
        for tell in list(self.on_failure):
            with suppress(
                Exception
            ):  # a callback that raises must not keep the others from running
                tell(why)


class Worker(Pulse):
    """A thread for work that continues until it is asked to end.

    ``run`` is the work; it must call ``ending`` before it returns. An exception that it raises is
    noted as its failure. The thread does not keep the process from ending.
    """

    def __init__(self, name: str, run: Callable[[], None], *, limit: float | None) -> None:
        super().__init__(name, limit)
        self._work = run
        self._ending = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread. Call it only once."""
        self._thread.start()

    def gets_on(self) -> None:
        """Call ``step`` if the caller is this thread; do nothing in any other thread."""
        if self.current:
            self.step()

    def ending(self) -> None:
        """Note that the work is about to end because it was asked to."""
        self._ending = True

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def current(self) -> bool:
        """Whether the caller is this thread."""
        return threading.current_thread() is self._thread

    @property
    def ended(self) -> bool:
        return self._thread.ident is not None and not self._thread.is_alive() and not self._ending

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end of the thread, if it was started."""
        self._ending = True
        if self._thread.ident is not None and not self.current:
            self._thread.join(timeout)

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - otherwise the cause would be lost
            # Leave out the error's text, which may contain what a client sent.
            self.fail(f"ended by {type(error).__name__}")
        else:
            if not self._ending:
                self.fail("ended although nobody asked it to")
        finally:
            self.busy = False


class Supervisor:
    """Checks pulses, and reports the first one that is dead or stuck.

    ``on_trouble`` is called once, with a description of the first trouble. The thread that calls it
    may be the one that failed, so it must be quick and must not wait for anything.
    """

    def __init__(self, pulses: Iterable[Pulse] = ()) -> None:
        #: Called with the first trouble; the server of the process sets it.
        self.on_trouble: Callable[[str], None] = lambda why: None
        self._pulses: list[Pulse] = []
        self._seen: dict[Pulse, tuple[int, float]] = {}
        self._told = False
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.add(*pulses)

    def add(self, *pulses: Pulse) -> None:
        """Supervise these pulses too."""
        for pulse in pulses:
            if pulse not in self._pulses:
                pulse.on_failure.append(partial(self._failed, pulse.name))
                self._pulses.append(pulse)

    def remove(self, *pulses: Pulse) -> None:
        """Stop supervising these pulses, because they are asked to end."""
        for pulse in pulses:
            if pulse in self._pulses:
                self._pulses.remove(pulse)
                self._seen.pop(pulse, None)

    @property
    def names(self) -> list[str]:
        """The names of the supervised pulses."""
        return [pulse.name for pulse in self._pulses]

    def troubles(self) -> dict[str, str]:
        """Return the reason of each failure by the pulse's name; empty while all is well.

        Never blocks.
        """
        failed = {p.name: p.failure for p in list(self._pulses) if p.failure is not None}
        if self._thread is not None and not self._thread.is_alive():
            failed["supervisor"] = "ended"
        return failed

    def start(self) -> None:
        """Start a thread that looks every ``LOOK_SECONDS``."""
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop looking. Idempotent."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def look(self, elapsed: float) -> None:
        """Look at every pulse once, ``elapsed`` seconds after the last look."""
        for pulse in list(self._pulses):
            if pulse.failure is not None:
                self._tell(f"{pulse.name}: {pulse.failure}")  # it failed before it was supervised
                continue
            if pulse.ended:
                pulse.fail("ended although nobody asked it to")
                continue
            beats, since = self._seen.get(pulse, (-1, 0.0))
            if not pulse.busy or pulse.beats != beats:
                self._seen[pulse] = pulse.beats, 0.0
                continue
            since += elapsed
            self._seen[pulse] = beats, since
            if pulse.limit is not None and since > pulse.limit:
                pulse.fail(f"has been in one step for more than {pulse.limit:g} s")

    def _run(self) -> None:
        before = time.monotonic()
        while not self._stopping.wait(LOOK_SECONDS):
            now = time.monotonic()
            # If the whole process was stopped for a while (a paused machine), the work was stopped
            # too, so do not count that time.
            self.look(min(now - before, 2 * LOOK_SECONDS))
            before = now

    def _failed(self, name: str, why: str) -> None:
        self._tell(f"{name}: {why}")

    def _tell(self, why: str) -> None:
        with self._guard:
            if self._told:
                return
            self._told = True
        self.on_trouble(why)
