"""Logs: one JSON object on each line, which can neither fail nor hold up its caller.

Lines wait in a bounded queue for a thread of their own. Where standard error is a full pipe, a full
disk or closed, lines are dropped and counted; the event loop and the sequencer go on. A warning or
worse is written within milliseconds, the rest within moments; a crash can lose that much. Nothing
that matters is only in a log: the ledger is the record.

What libraries log (``logging``, ``warnings``, the event loop's own errors) takes the same way, as
one line each without its arguments: those are what clients sent. So is the text of an exception;
a line says its type, and where it was raised.
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

#: How long a line may wait for others to be written with it.
FLUSH_SECONDS = 0.1

#: Bytes that may wait; while more would, lines are dropped and counted.
MAX_WAITING_BYTES = 8 * 1024 * 1024

#: How long the end of the process waits for a reader of the log that does not read.
CLOSE_SECONDS = 2.0

#: Lines a second, at most, about what libraries complain of and clients do wrong; the rest is
#: counted. Four megabytes of rubbish made 32 MB of log before.
NOISE_PER_SECOND = 10

#: How long the text of a library's message may be.
MAX_MESSAGE = 200

log = structlog.get_logger("api")

_ENCODE = msgspec.json.Encoder(enc_hook=str).encode
#: Where it failed, without what stood in the variables: that is what people sent.
_FRAMES = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


class LogWriter:
    """What structlog hands finished lines to; its thread writes them to ``out`` in batches."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._fd, self._portion = _descriptor(out)
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._untold = 0
        #: Lines that were lost so far, and library lines and client faults that were left out.
        self.dropped = 0
        self.noise = Allowance(NOISE_PER_SECOND)
        # Of the four above; held for moments only. Reentrant: a finalizer may log at any moment.
        self._guard = threading.RLock()
        self._writing = False
        self._woken = threading.Event()
        self._stop = threading.Event()
        self._undo: Callable[[], None] = lambda: None
        # A step may take for ever: a pipe that nobody drains is no trouble of this service.
        self.worker = Worker("log-writer", self._run, limit=None)
        self.worker.start()
        atexit.register(self.close)

    def __call__(self, *_: Any) -> LogWriter:
        """Be structlog's logger factory too: there is one logger."""
        return self

    def info(self, line: bytes) -> None:
        """Have a line written soon. Never blocks, never raises."""
        with self._guard:
            if self._bytes + len(line) > MAX_WAITING_BYTES:
                self.dropped += 1
                self._untold += 1
            else:
                self._waiting.append(line)
                self._bytes += len(line)

    debug = msg = info

    def error(self, line: bytes) -> None:
        """Have a line written at once, with what waits before it. Never blocks, never raises."""
        self.info(line)
        self._woken.set()

    warning = critical = fatal = exception = warn = error

    def settle(self, seconds: float) -> None:
        """Wait until everything is written, so many seconds at most."""
        deadline = time.monotonic() + seconds
        self._woken.set()
        while (self._waiting or self._writing) and time.monotonic() < deadline:
            time.sleep(0.005)

    def close(self) -> None:
        """Write what waits, for a moment, and stop. May be called twice."""
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
        """Numbers for the metrics page."""
        yield CounterMetricFamily("log_lines_dropped", "Log lines that were lost", self.dropped)
        yield CounterMetricFamily(
            "log_lines_suppressed",
            "Lines about libraries' complaints and unreadable requests beyond the limit a second",
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
            said = {"what": "log_lines_dropped", "level": "error", "n": untold}
            lines.append(_encoded({**said, "at": datetime.now(UTC)}))
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
                # Nobody drains the pipe: wait, and at the end for a moment only.
                if self._stop.is_set():
                    ending = ending or time.monotonic() + CLOSE_SECONDS
                    if time.monotonic() > ending:
                        raise BrokenPipeError
                continue
            rest = rest[os.write(self._fd, rest[: self._portion]) :]


class Allowance:
    """So many a second, in bursts of as many; counts those beyond."""

    def __init__(self, per_second: float) -> None:
        self._rate = per_second
        self._left = per_second
        self._at = time.monotonic()
        #: How many were not allowed, ever and since the last that was.
        self.suppressed = 0
        self._lately = 0

    def take(self) -> int | None:
        """``None`` if this one is beyond; else how many were, since the last that was not."""
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
    """What to write to without ever blocking, and how much at once; ``None`` where there is none.

    A pipe that can be written to takes this much at once (POSIX); a file takes anything.
    """
    try:
        descriptor = out.fileno()
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    except (OSError, ValueError):
        return None, 0
    return descriptor, (1 << 20 if regular else getattr(select, "PIPE_BUF", 512))


def _writable(descriptor: int) -> bool:
    """Whether a write would not block; waits a moment for it."""
    if not hasattr(select, "poll"):  # Windows
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(200))


def configure_logging(out: BinaryIO | None = None, level: int = logging.INFO) -> LogWriter:
    """Have everything that is logged written as JSON lines to ``out``: standard error by default.

    Called once, by the process that serves; the tests leave structlog as it is. Closing the writer
    leaves the libraries' loggers as they were.
    """
    if out is None:
        # Without a standard error there is nobody to tell.
        out = open(os.devnull, "wb") if sys.stderr is None else sys.stderr.buffer  # noqa: SIM115, PTH123
    writer = LogWriter(out)
    _direct.clear()
    if level <= logging.INFO:
        _direct.append(writer)
    _writers.clear()
    _writers.append(writer)
    structlog.configure(
        processors=[_finished],
        # Levels below are no-ops, without a call into the processors.
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=writer,
        cache_logger_on_first_use=True,
    )
    writer._undo = _take_over(writer)  # noqa: SLF001
    return writer


def current_writer() -> LogWriter | None:
    """What this process logs with, if ``configure_logging`` was called."""
    return _writers[0] if _writers else None


#: The writer of this process, if it was configured.
_writers: list[LogWriter] = []
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
    _direct[0].info(_encoded(said))


def log_noise(what: str, **said: Any) -> None:
    """Log what anybody can cause at will, by libraries or clients: only so many lines a second."""
    writer = current_writer()
    if writer is None:
        log.warning(what, **said)
        return
    suppressed = writer.noise.take()
    if suppressed is None:
        return
    if suppressed:
        said["suppressed"] = suppressed
    writer.error(_encoded({"level": "warning", **said, "what": what, "at": datetime.now(UTC)}))


def where(error: BaseException) -> list[dict[str, Any]]:
    """An exception for the log: its type, its causes, and where each was raised; never its text."""
    found = _FRAMES((type(error), error, error.__traceback__))
    for stack in found:
        _without_text(stack)
    if isinstance(error, OSError) and error.errno is not None:
        found[0]["os_error"] = os.strerror(error.errno)
    return found


def _raised(error: BaseException | None) -> dict[str, Any]:
    return {} if error is None else {"exception": where(error)}


def on_loop_error(_loop: AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what an event loop could tell nobody else; its message and objects hold what was sent."""
    raised = _raised(context.get("exception"))
    log_noise("loop_error", level="error", message=bare(context.get("message")), **raised)


def bare(message: object) -> str:
    """The beginning of a library's message: up to where something is shown in it."""
    if not isinstance(message, str):
        return type(message).__name__
    line = message.partition("\n")[0]
    for begins in "<({['\"`:=":
        line = line.partition(begins)[0]
    return line[:MAX_MESSAGE].strip()


class Quiet:
    """A logger that prints to standard error and cares for no failure: for the command line."""

    def msg(self, line: str) -> None:
        """Print a line, if it can be."""
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    debug = info = warning = warn = error = critical = fatal = exception = log = msg


class _Bridge(logging.Handler):
    """Takes what libraries log: the message's template, never its arguments."""

    def emit(self, record: logging.LogRecord) -> None:
        said: dict[str, Any] = {"logger": record.name, "message": bare(record.msg)}
        if record.exc_info:
            said.update(_raised(record.exc_info[1]))
        log_noise("library", level=record.levelname.lower(), **said)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Nobody is to be told that a line could not be made."""


def _take_over(writer: LogWriter) -> Callable[[], None]:
    """Have all that would be printed to standard error go to the writer; returns the undoing."""
    bridge = _Bridge(logging.WARNING)
    root = logging.getLogger()
    root.addHandler(bridge)
    before = warnings.showwarning, sys.unraisablehook, threading.excepthook

    def showwarning(  # noqa: PLR0917 - its signature is Python's
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
    """One processor for what is usually a chain of them: every request passes through here."""
    try:
        if "request_id" not in event:  # the canonical line brings its own
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
    except Exception as error:  # noqa: BLE001 - a line that cannot be made fails nobody
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
    """An event as JSON. What cannot be written is named by its type."""
    try:
        return _ENCODE(event)
    except Exception:  # noqa: BLE001 - a value's own `str` may raise anything
        return _ENCODE({_shown(str(name)): _shown(value) for name, value in event.items()})


def _shown(value: Any) -> Any:
    try:
        _ENCODE(value)
    except Exception:  # noqa: BLE001
        if isinstance(value, str):  # half a character, as broken clients send
            return value.encode("utf-8", "backslashreplace").decode()
        return f"({type(value).__name__})"
    return value
