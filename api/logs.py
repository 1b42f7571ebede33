"""Logs: one JSON object on each line.

Lines are written by a thread of their own, so that neither a slow disk nor a full pipe holds up
the event loop. A warning or worse is written before the caller goes on; of the rest, a crash can
lose the last fraction of a second. Nothing that matters stands only in a log: the ledger is the
record.
"""

from __future__ import annotations

import atexit
import logging
import sys
import threading
from datetime import UTC, datetime
from typing import Any, BinaryIO

import msgspec
import structlog
from structlog.typing import EventDict

#: How long a line may wait for others to be written with it.
FLUSH_SECONDS = 0.1

#: Bytes that may wait; while more do, the oldest lines are dropped and counted.
MAX_WAITING_BYTES = 8 * 1024 * 1024

log = structlog.get_logger("api")

_ENCODE = msgspec.json.Encoder(enc_hook=str).encode
#: Where it failed, without what stood in the variables: that is what people sent.
_TRACEBACK = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


class LogWriter:
    """What structlog hands finished lines to; writes them to ``out`` in batches."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._dropped = 0
        self._guard = threading.Lock()  # of the three above; held for moments only
        self._writing = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def __call__(self, *_: Any) -> LogWriter:
        """Be structlog's logger factory too: there is one logger."""
        return self

    def info(self, line: bytes) -> None:
        """Have a line written soon."""
        with self._guard:
            self._waiting.append(line)
            self._bytes += len(line)
            if self._bytes > MAX_WAITING_BYTES:
                self._dropped += len(self._waiting)
                self._waiting.clear()
                self._bytes = 0

    debug = msg = info

    def error(self, line: bytes) -> None:
        """Have a line written now."""
        self.info(line)
        self.flush()

    warning = critical = fatal = exception = warn = error

    def flush(self) -> None:
        """Write what waits."""
        with self._writing:
            with self._guard:
                lines, self._waiting = self._waiting, []
                dropped, self._dropped = self._dropped, 0
                self._bytes = 0
            if dropped:
                lines.append(_ENCODE({"what": "log_lines_dropped", "level": "error", "n": dropped}))
            if lines:
                lines.append(b"")
                self._out.write(b"\n".join(lines))
                self._out.flush()

    def close(self) -> None:
        """Write what waits and stop. May be called twice."""
        if self in _direct:
            _direct.remove(self)
        self._stop.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=2.0)
        self.flush()

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            try:
                self.flush()
            except OSError:
                continue  # a full disk must not end the service; the lines are lost


def configure_logging(out: BinaryIO | None = None, level: int = logging.INFO) -> LogWriter:
    """Have structlog write JSON lines to ``out`` (standard error by default).

    Called once, by the process that serves; the tests leave structlog as it is.
    """
    writer = LogWriter(out if out is not None else sys.stderr.buffer)
    _direct.clear()
    if level <= logging.INFO:
        _direct.append(writer)
    structlog.configure(
        processors=[_finished],
        # Levels below are no-ops, without a call into the processors.
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=writer,
        cache_logger_on_first_use=True,
    )
    return writer


#: Where canonical lines go directly; empty where structlog was left as it is.
_direct: list[LogWriter] = []


def log_request(said: dict[str, Any]) -> None:
    """Log one request's canonical line.

    It is complete as it comes, and there is one for each request: it skips the copies that
    structlog's chain makes of it.
    """
    if not _direct:
        log.info("request", **said)
        return
    said["what"] = "request"
    said["level"] = "info"
    said["at"] = datetime.now(UTC)
    _direct[0].info(_ENCODE(said))


def _finished(logger: Any, method: str, event: EventDict) -> bytes:
    """One processor for what is usually a chain of them: every request passes through here."""
    if "request_id" not in event:  # the canonical line brings its own
        event = structlog.contextvars.merge_contextvars(logger, method, event)
    if event.get("exc_info"):
        event = _TRACEBACK(logger, method, event)
    event["what"] = event.pop("event")
    event["level"] = "error" if method == "exception" else method
    event["at"] = datetime.now(UTC)
    return _ENCODE(event)
