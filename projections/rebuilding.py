"""Rebuild views while the service runs: in a file of their own, which replaces the rows at once.

A view in the middle of a rebuild would show what was public once and is not any more, so nobody may
read it. In order (each step states what a crash leaves):

1. A second follower writes the view anew, from zero, into a temporary file. A crash leaves the old
   rows, and the file in the system's folder for temporary files, readable only by its owner.
2. When it has nearly reached the place of the old rows, the service's follower waits, the second
   one takes the last events, and one transaction replaces the rows. A crash leaves the old rows.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from ledger.kernel.threads import Worker
from projections import tables
from projections.follower import BATCH, Follower, Views
from projections.views import View

log = structlog.get_logger("projections.rebuilding")

State = Literal["waiting", "running", "done", "failed"]

#: The second follower may be this many events behind when the service's own begins to wait.
NEAR = 1_000

#: Longest duration of one step, in seconds: the rows of the largest view are copied in one.
STEP_SECONDS = 900.0


class Rebuild(msgspec.Struct, frozen=True):
    """The rebuild of one view: how far it is, how fast, and how long it will take.

    ``rate``: events a second; ``seconds_left``: at that rate; both ``None`` before the first batch.
    ``error``: the kind of the fault that ended it.
    """

    view: str
    state: State
    position: int
    head: int
    seconds: float
    rate: float | None = None
    seconds_left: float | None = None
    error: str | None = None


class Rebuilder:
    """Rebuilds the views of a follower one after another, in a thread. Thread-safe."""

    def __init__(self, follower: Follower, fresh: Callable[[], Iterable[View]]) -> None:
        self._follower = follower
        self._fresh = fresh
        #: How many positions are read before the progress is noted again.
        self.batch = BATCH
        self._lock = threading.Lock()
        self._wanted = threading.Condition(self._lock)
        self._known: dict[str, Rebuild] = {}
        self._queue: list[str] = []
        self._stopping = False
        self.worker = Worker("rebuilder", self._run, limit=STEP_SECONDS)

    def start(self) -> None:
        """Begin to wait for wishes."""
        self.worker.start()

    def close(self) -> None:
        """End the thread; a rebuild under way is given up. Idempotent."""
        self.worker.ending()
        with self._lock:
            self._stopping = True
            self._wanted.notify_all()
        self.worker.join()

    def ask(self, view: str) -> Rebuild:
        """Put a view in the queue and return its rebuild; a rebuild under way is returned as it is.

        Raises ``KeyError`` for a view that does not exist.
        """
        head = self._follower.source.head()
        _ = self._follower.views.views[view]
        with self._lock:
            known = self._known.get(view)
            if known is None or known.state not in ("waiting", "running"):
                known = self._known[view] = Rebuild(view, "waiting", 0, head, 0.0)
                self._queue.append(view)
                self._wanted.notify_all()
            return known

    def all(self) -> dict[str, Rebuild]:
        """Return the last rebuild of each view since the start of the process."""
        with self._lock:
            return dict(self._known)

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._queue and not self._stopping:
                    self.worker.rest()
                    self._wanted.wait()
                if self._stopping:
                    return
                view = self._queue.pop(0)
            self.worker.step()
            try:
                self._rebuild(view)
            except Exception as error:  # noqa: BLE001 - shown; the next wish may succeed
                log.warning("rebuild_failed", view=view, error=str(error))
                self._note(view, state="failed", error=type(error).__name__)

    def _note(self, view: str, **changed: object) -> None:
        with self._lock:
            self._known[view] = msgspec.structs.replace(self._known[view], **changed)

    def _rebuild(self, name: str) -> None:
        begun = time.monotonic()
        source = self._follower.source

        def progress(_view: str, _keys: object, position: int) -> None:
            self.worker.step()
            seconds, head = time.monotonic() - begun, source.head()
            rate = position / seconds if seconds else None
            left = (head - position) / rate if rate else None
            self._note(
                name,
                state="running",
                position=position,
                head=head,
                seconds=seconds,
                rate=rate,
                seconds_left=left,
            )

        with tempfile.TemporaryDirectory(prefix="rebuild-") as folder:
            engine = tables.open_engine(f"sqlite:///{Path(folder) / 'views.db'}")
            anew = Views(engine, [view for view in self._fresh() if view.name == name])
            try:
                with Follower(source.recorder, anew, batch=self.batch) as second:
                    second.on_commit(progress)
                    while source.head() - second.position(name) > NEAR:
                        if self._stopping:
                            return
                        before = second.position(name)
                        second.catch_up(before + second.batch)
                        if second.position(name) == before:
                            break  # it cannot take an event: the exchange shows which
                    self._follower.exchange(name, second)
            finally:
                anew.close()
        seconds, place = time.monotonic() - begun, self._follower.position(name)
        self._note(name, state="done", position=place, head=place, seconds=seconds)
        self._note(name, rate=place / seconds if seconds else None, seconds_left=0.0)
        log.info("view_rebuilt", view=name, position=place, seconds=round(seconds, 1))
