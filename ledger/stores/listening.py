"""Wake the threads that wait for new events of a store, also for those of other processes."""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from typing import Any

from eventsourcing.dcb.api import DCBQuery, DCBRecorder
from eventsourcing.dcb.persistence import DCBListenNotifySubscription
from eventsourcing.persistence import PersistenceError

from ledger.kernel.threads import Worker

POLL_SECONDS = 0.025  # how often the recorder looks for appends of other processes
POLL_STEP_SECONDS = 60.0  # how long one look may take


class ListeningRecorder(DCBRecorder):
    """A recorder whose head is looked at while threads wait for it to grow.

    A subclass defines ``head``, calls ``_wake`` after its own appends, and ends with
    ``_stop_listening``.
    """

    def __init__(self) -> None:
        self._closed = False
        self._guard = threading.Lock()  # of the fields of this class; held for moments only
        self._listeners: set[threading.Event] = set()
        #: The thread that looks for appends of other processes; started for the first listener.
        self.poller = Worker("ledger-poll", self._poll, limit=POLL_STEP_SECONDS)
        self._polling = False
        self._stop_polling = threading.Event()

    @abstractmethod
    def head(self) -> int:
        """Return the last position; 0 if nothing was recorded."""

    def subscribe(self, query: DCBQuery | None = None, *, after: int | None = None) -> Subscription:
        """Return a subscription to the matching events after `after`, recorded and future ones."""
        return Subscription(self, query=query, after=after)

    def wait_for_append(self, after: int, timeout: float) -> bool:
        """Block until `head() > after`; return False after `timeout` seconds.

        Raises `ProgrammingError` as soon as the ledger is closed.
        """
        deadline = time.monotonic() + timeout
        appended = threading.Event()
        self.listen(appended)
        try:
            while True:
                appended.clear()  # clear before looking, so that a later append sets it again
                if self.head() > after:
                    return True
                if not appended.wait(max(0.0, deadline - time.monotonic())):
                    return False
        finally:
            self.unlisten(appended)

    def listen(self, event: threading.Event) -> None:
        """Set `event` after every append: of this process at once, of others within 50 ms."""
        with self._guard:
            if self._closed:
                event.set()  # the waiting thread looks at once, and gets the error
                return
            self._listeners.add(event)
            if not self._polling:
                self._polling = True
                self.poller.start()

    def unlisten(self, event: threading.Event) -> None:
        """Undo `listen`."""
        with self._guard:
            self._listeners.discard(event)

    def _wake(self) -> None:
        with self._guard:
            for event in self._listeners:
                event.set()

    def _poll(self) -> None:
        seen = -1
        while not self._stop_polling.wait(POLL_SECONDS):
            if not self._listeners:
                continue
            self.poller.step()
            try:
                head = self.head()
            except PersistenceError:
                head = -1  # wake all listeners: each gets the error itself, in its own thread
            if head != seen or head == -1:
                seen = head
                self._wake()
            self.poller.rest()

    def _stop_listening(self) -> None:
        """End the looking thread. The caller closes its connections and wakes the listeners."""
        self.poller.ending()
        self._stop_polling.set()
        self.poller.join()


class Subscription(DCBListenNotifySubscription[Any]):
    """Iterates over recorded events and blocks for new ones; `stop()` ends it from any thread."""

    def __init__(
        self, recorder: ListeningRecorder, query: DCBQuery | None = None, after: int | None = None
    ) -> None:
        super().__init__(recorder=recorder, query=query, after=after)
        self._recorder.listen(self._has_been_notified)
        # The base class is already reading. An append between its first read and `listen` woke no
        # thread, so make it read again.
        self._has_been_notified.set()

    def stop(self) -> None:
        """End the iteration at once, even if it is blocked."""
        super().stop()
        self._recorder.unlisten(self._has_been_notified)
