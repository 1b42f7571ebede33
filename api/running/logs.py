"""Logs: one JSON object per line. Logging never fails and never blocks its caller.

Lines wait in a bounded queue for a separate thread. If standard error is a full pipe, on a full
disk or closed, lines are dropped and counted, and the event loop and the sequencer continue.
Warnings and errors are written within milliseconds, other lines soon after; a crash can lose these
last lines. Nothing important is only in a log: the ledger is the record.

Messages from libraries (``logging``, ``warnings``, errors of the event loop) take the same path,
one line each, but without their arguments, which contain what clients sent. For the same reason the
text of an exception is left out: a line has its type, and where it was raised.
"""

from __future__ import annotations

import atexit
import logging
import os
import select
import stat
import sys
import threading
import time
import warnings
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, BinaryIO, TextIO

import msgspec
import structlog
from prometheus_client.core import CounterMetricFamily, Metric
from structlog.typing import EventDict

from ledger.kernel.threads import Worker

#: How long a line may wait to be written together with others.
FLUSH_SECONDS = 0.1

#: How many bytes may wait; further lines are dropped and counted.
MAX_WAITING_BYTES = 8 * 1024 * 1024

#: How long the process waits at its end for a reader of the log that does not read.
CLOSE_SECONDS = 2.0

#: The most lines per second about library messages and clients' faults; further ones are only
#: counted. Without this limit, four megabytes of invalid requests made 32 MB of log.
NOISE_PER_SECOND = 10

#: The maximum length of a library's message, in characters.
MAX_MESSAGE = 200

log = structlog.get_logger("api")

_ENCODE = msgspec.json.Encoder(enc_hook=str).encode
#: Stack frames without the values of variables, which may contain what users sent.
_FRAMES = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


class LogWriter:
    """Takes finished lines from structlog; its thread writes them to ``out`` in batches."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._fd, self._portion = _descriptor(out)
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._untold = 0
        #: How many lines were lost, and how many library and client-fault lines left out.
        self.dropped = 0
        self.noise = Allowance(NOISE_PER_SECOND)
        # Guards the four fields above, for moments. Reentrant: a finalizer may log at any moment.
        self._guard = threading.RLock()
        self._writing = False
        self._woken = threading.Event()
        self._stop = threading.Event()
        self._undo: Callable[[], None] = lambda: None
        # No time limit: a pipe that nobody reads is not a fault of this service.
        self.worker = Worker("log-writer", self._run, limit=None)
        self.worker.start()
        atexit.register(self.close)

    def __call__(self, *_: Any) -> LogWriter:
        """Act as structlog's logger factory too: there is only one logger."""
        return self

    def info(self, line: bytes) -> None:
        """Write a line soon. Never blocks, never raises."""
        with self._guard:
            if self._bytes + len(line) > MAX_WAITING_BYTES:
                self.dropped += 1
                self._untold += 1
            else:
                self._waiting.append(line)
                self._bytes += len(line)

    debug = msg = info

    def error(self, line: bytes) -> None:
        """Write a line, and all that wait before it, at once. Never blocks, never raises."""
        self.info(line)
        self._woken.set()

    warning = critical = fatal = exception = warn = error

    def settle(self, seconds: float) -> None:
        """Wait until everything is written, but at most this many seconds."""
        deadline = time.monotonic() + seconds
        self._woken.set()
        while (self._waiting or self._writing) and time.monotonic() < deadline:
            time.sleep(0.005)

    def close(self) -> None:
        """Write what waits, within a short time, and stop. May be called twice."""
        atexit.unregister(self.close)
        self._undo()
        self._undo = lambda: None
        if self in _direct:
            _direct.remove(self)
        self.worker.ending()
        self._stop.set()
        self._woken.set()
        self.worker.join(CLOSE_SECONDS)

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers for the metrics page."""
        yield CounterMetricFamily("log_lines_dropped", "Log lines that were lost", self.dropped)
        yield CounterMetricFamily(
            "log_lines_suppressed",
            "Lines about library messages and unreadable requests beyond the limit per second",
            self.noise.suppressed,
        )

    def _run(self) -> None:
        while not self._stop.is_set():
            self._woken.wait(FLUSH_SECONDS)
            self._woken.clear()
            self._write_waiting()
        self._write_waiting()

    def _write_waiting(self) -> None:
        with self._guard:
            lines, self._waiting = self._waiting, []
            untold, self._untold = self._untold, 0
            self._bytes = 0
            self._writing = bool(lines or untold)
        if not self._writing:
            return
        if untold:
            entry = {"what": "log_lines_dropped", "level": "error", "n": untold}
            lines.append(_encoded({**entry, "at": datetime.now(UTC)}))
        try:
            self._write(b"\n".join((*lines, b"")))
        except (OSError, ValueError):  # a full disk, a closed file: these lines are lost
            with self._guard:
                self.dropped += len(lines)
                self._untold += len(lines) + untold - bool(untold)
        finally:
            self._writing = False

    def _write(self, lines: bytes) -> None:
        if self._fd is None:
            self._out.write(lines)
            self._out.flush()
            return
        rest = memoryview(lines)
        ending = None
        while rest:
            if not _writable(self._fd):
                # Nobody reads the pipe: wait; during shutdown only for a moment.
                if self._stop.is_set():
                    ending = ending or time.monotonic() + CLOSE_SECONDS
                    if time.monotonic() > ending:
                        raise BrokenPipeError
                continue
            rest = rest[os.write(self._fd, rest[: self._portion]) :]


class Allowance:
    """Allows a number per second, in bursts of the same size, and counts the others."""

    def __init__(self, per_second: float) -> None:
        self._rate = per_second
        self._left = per_second
        self._at = time.monotonic()
        #: How many were not allowed, in all and since the last allowed one.
        self.suppressed = 0
        self._lately = 0

    def take(self) -> int | None:
        """Return ``None`` if not allowed, else how many were not allowed since the last one."""
        now = time.monotonic()
        self._left = min(self._rate, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            self.suppressed += 1
            self._lately += 1
            return None
        self._left -= 1
        lately, self._lately = self._lately, 0
        return lately


def _descriptor(out: BinaryIO) -> tuple[int | None, int]:
    """Return a descriptor that can be written without blocking, and how much; else ``None``.

    A pipe that is ready takes this many bytes at once (POSIX); a file takes any amount.
    """
    try:
        descriptor = out.fileno()
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    except (OSError, ValueError):
        return None, 0
    return descriptor, (1 << 20 if regular else getattr(select, "PIPE_BUF", 512))


def _writable(descriptor: int) -> bool:
    """Return whether a write would not block; waits a moment for that."""
    if not hasattr(select, "poll"):  # Windows
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(200))


def configure_logging(out: BinaryIO | None = None, level: int = logging.INFO) -> LogWriter:
    """Write everything that is logged as JSON lines to ``out``, by default standard error.

    Only the serving process calls this; tests leave structlog as it is. Closing the writer restores
    the loggers of the libraries.
    """
    if out is None:
        # Without standard error, nobody could read the log.
        out = open(os.devnull, "wb") if sys.stderr is None else sys.stderr.buffer  # noqa: SIM115, PTH123
    writer = LogWriter(out)
    _direct.clear()
    if level <= logging.INFO:
        _direct.append(writer)
    _writers.clear()
    _writers.append(writer)
    structlog.configure(
        processors=[_finished],
        # Calls below this level do nothing and do not enter the processors.
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=writer,
        cache_logger_on_first_use=True,
    )
    writer._undo = _take_over(writer)  # noqa: SLF001
    return writer


def current_writer() -> LogWriter | None:
    """Return the log writer of this process, if ``configure_logging`` was called."""
    return _writers[0] if _writers else None


#: The writer of this process, if it was configured.
_writers: list[LogWriter] = []
#: Where canonical lines go directly; empty if structlog was not configured.
_direct: list[LogWriter] = []


def log_request(fields: dict[str, Any]) -> None:
    """Log the canonical line of one request.

    The line is already complete, and there is one per request, so it skips structlog's chain of
    processors and the copies that it makes.
    """
    if not _direct:
        log.info("request", **fields)
        return
    fields["what"] = "request"
    fields["level"] = "info"
    fields["at"] = datetime.now(UTC)
    _direct[0].info(_encoded(fields))


def log_noise(what: str, **fields: Any) -> None:
    """Log what clients or libraries can cause at will, limited to some lines per second."""
    writer = current_writer()
    if writer is None:
        log.warning(what, **fields)
        return
    suppressed = writer.noise.take()
    if suppressed is None:
        return
    if suppressed:
        fields["suppressed"] = suppressed
    writer.error(_encoded({"level": "warning", **fields, "what": what, "at": datetime.now(UTC)}))


def where(error: BaseException) -> list[dict[str, Any]]:
    """Describe an exception for the log: types, causes and places, but never its text."""
    stacks = _FRAMES((type(error), error, error.__traceback__))
    for stack in stacks:
        _without_text(stack)
    if isinstance(error, OSError) and error.errno is not None:
        stacks[0]["os_error"] = os.strerror(error.errno)
    return stacks


def _raised(error: BaseException | None) -> dict[str, Any]:
    return {} if error is None else {"exception": where(error)}


def on_loop_error(_loop: AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an error that an event loop reports, without its message and objects: clients' data."""
    raised = _raised(context.get("exception"))
    log_noise("loop_error", level="error", message=bare(context.get("message")), **raised)


def bare(message: object) -> str:
    """Return the beginning of a library's message, up to the first value shown in it."""
    if not isinstance(message, str):
        return type(message).__name__
    line = message.partition("\n")[0]
    for begins in "<({['\"`:=":
        line = line.partition(begins)[0]
    return line[:MAX_MESSAGE].strip()


class Quiet:
    """A logger for the command line that prints to standard error and ignores failures."""

    def msg(self, line: str) -> None:
        """Print a line if possible."""
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    debug = info = warning = warn = error = critical = fatal = exception = log = msg


class _Bridge(logging.Handler):
    """Passes on what libraries log: the message's template, never its arguments."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {"logger": record.name, "message": bare(record.msg)}
        if record.exc_info:
            fields.update(_raised(record.exc_info[1]))
        log_noise("library", level=record.levelname.lower(), **fields)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Ignore a line that could not be made."""


def _take_over(writer: LogWriter) -> Callable[[], None]:
    """Send everything printed to standard error to the writer; return a function to undo it."""
    bridge = _Bridge(logging.WARNING)
    root = logging.getLogger()
    root.addHandler(bridge)
    before = warnings.showwarning, sys.unraisablehook, threading.excepthook

    def showwarning(  # noqa: PLR0917 - Python prescribes its parameters
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        log_noise("warning", category=category.__name__, where=f"{filename}:{lineno}")

    def unraisable(told: sys.UnraisableHookArgs) -> None:
        log_noise("unraisable", level="error", **_raised(told.exc_value))

    def thread_ended(told: threading.ExceptHookArgs) -> None:
        log_noise("thread_ended", level="error", **_raised(told.exc_value))

    warnings.showwarning = showwarning
    sys.unraisablehook = unraisable
    threading.excepthook = thread_ended

    def undo() -> None:
        root.removeHandler(bridge)
        warnings.showwarning, sys.unraisablehook, threading.excepthook = before
        if writer in _writers:
            _writers.remove(writer)

    return undo


def _finished(logger: Any, method: str, event: EventDict) -> bytes:
    """Do the work of a chain of processors in one: every request passes through here."""
    try:
        if "request_id" not in event:  # the canonical line has its own
            event = structlog.contextvars.merge_contextvars(logger, method, event)
        given = event.pop("exc_info", None)
        if given:
            error = _error_of(given)
            if error is not None:
                event["exception"] = where(error)
        event["what"] = event.pop("event")
        event["level"] = "error" if method == "exception" else method
        event["at"] = datetime.now(UTC)
        return _encoded(event)
    except Exception as error:  # noqa: BLE001 - a line that cannot be encoded must not raise
        return _encoded({"what": "log_line_failed", "level": "error", "why": type(error).__name__})


def _error_of(
    given: bool
    | BaseException
    | tuple[type[BaseException] | None, BaseException | None, TracebackType | None],
) -> BaseException | None:
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return given[1]
    return sys.exc_info()[1]


def _without_text(stack: dict[str, Any]) -> None:
    for name in ("exc_value", "exc_notes", "syntax_error"):
        stack.pop(name, None)
    for group in stack.get("exceptions", ()):
        for inner in group:
            _without_text(inner)


def _encoded(event: EventDict) -> bytes:
    """Return an event as JSON. A value that cannot be encoded is replaced by its type."""
    try:
        return _ENCODE(event)
    except Exception:  # noqa: BLE001 - the `str` of a value may raise anything
        return _ENCODE({_shown(str(name)): _shown(value) for name, value in event.items()})


def _shown(value: Any) -> Any:
    try:
        _ENCODE(value)
    except Exception:  # noqa: BLE001
        if isinstance(value, str):  # half a character, as some faulty clients send
            return value.encode("utf-8", "backslashreplace").decode()
        return f"({type(value).__name__})"
    return value
