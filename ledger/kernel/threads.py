"""Threads that live as long as the service: each shows signs of life, and one supervisor looks.

A thread that dies, or stays in one step for longer than a step may take, cannot be mended from
here: the process cannot do what it promised. The supervisor tells at once, and the server ends the
process. Nothing here logs, asks a store, or waits for another module's lock: a supervisor that can
be held up supervises nothing.
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
    """The signs of life of one piece of work, given by its own thread alone.

    ``limit``: how many seconds one step may take; ``None`` if it may take any time. ``step`` begins
    a step, or says that a long one gets on; ``rest`` says that the work waits for more to do.
    """

    def __init__(self, name: str, limit: float | None) -> None:
        self.name = name
        self.limit = limit
        #: Changes with every sign of life.
        self.beats = 0
        self.busy = False
        #: Why the work has ended, if it has ended by a failure.
        self.failure: str | None = None
        #: Called once when the work has failed, with the reason, in the thread that noticed.
        self.on_failure: list[Callable[[str], None]] = []
        self._guard = threading.Lock()

    def step(self) -> None:
        """Begin a step; called again within it, the time begins anew."""
        self.beats += 1
        self.busy = True

    def rest(self) -> None:
        """Wait for work: that may take any time."""
        self.busy = False

    @property
    def ended(self) -> bool:
        """Whether the work has ended without a failure and without being asked to."""
        return False

    def fail(self, why: str) -> None:
        """Note that the work has failed for good, and tell those who asked. Idempotent."""
        with self._guard:
            if self.failure is not None:
                return
            self.failure = why
        for tell in list(self.on_failure):
            with suppress(Exception):  # one who cannot be told must not keep it from the others
                tell(why)


class Worker(Pulse):
    """A thread for work that continues until it is asked to end.

    ``run`` is the work; it returns only after ``ending`` was called. Whatever it raises is noted
    as its failure. The thread does not keep the process from ending.
    """

    def __init__(self, name: str, run: Callable[[], None], *, limit: float | None) -> None:
        super().__init__(name, limit)
        self._work = run
        self._ending = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread. Only once."""
        self._thread.start()

    def gets_on(self) -> None:
        """``step``, where the caller may be another thread, which says nothing about this one."""
        if self.current:
            self.step()

    def ending(self) -> None:
        """Say that the work is going to end because it was asked to."""
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
        except BaseException as error:  # noqa: BLE001 - nobody else would see how a thread ended
            # Not its text, which may hold what a client sent.
            self.fail(f"ended by {type(error).__name__}")
        else:
            if not self._ending:
                self.fail("ended although nobody asked it to")
        finally:
            self.busy = False


class Supervisor:
    """Looks after pulses: notices the dead and the stuck, and tells.

    ``on_trouble`` is called once, with the first trouble in words, in a thread that may be that of
    the work itself: it must be quick and must not wait for anything.
    """

    def __init__(self, pulses: Iterable[Pulse] = ()) -> None:
        #: Told of the first trouble; the server of the process sets it.
        self.on_trouble: Callable[[str], None] = lambda why: None
        self._pulses: list[Pulse] = []
        self._seen: dict[Pulse, tuple[int, float]] = {}
        self._told = False
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.add(*pulses)

    def add(self, *pulses: Pulse) -> None:
        """Look after these too."""
        for pulse in pulses:
            if pulse not in self._pulses:
                pulse.on_failure.append(partial(self._failed, pulse.name))
                self._pulses.append(pulse)

    def remove(self, *pulses: Pulse) -> None:
        """Look after these no more: they end because they were asked to."""
        for pulse in pulses:
            if pulse in self._pulses:
                self._pulses.remove(pulse)
                self._seen.pop(pulse, None)

    @property
    def names(self) -> list[str]:
        """Who is looked after."""
        return [pulse.name for pulse in self._pulses]

    def troubles(self) -> dict[str, str]:
        """Whose work has failed, and why. Empty while all is well. Never blocks."""
        found = {p.name: p.failure for p in list(self._pulses) if p.failure is not None}
        if self._thread is not None and not self._thread.is_alive():
            found["supervisor"] = "ended"
        return found

    def start(self) -> None:
        """Look every moment, in a thread."""
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more. Idempotent."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def look(self, elapsed: float) -> None:
        """Look at every pulse once, ``elapsed`` seconds after the last look."""
        for pulse in list(self._pulses):
            if pulse.failure is not None:
                self._tell(f"{pulse.name}: {pulse.failure}")  # it failed before anybody looked
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
            # Where the whole process was stopped for a while (a paused machine), so was the work:
            # that time is nobody's.
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
