"""What is logged can neither fail, nor hold up whoever logs, nor give away what was sent."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
import os
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
from aiohttp.log import server_logger

from api.running.logs import (
    Allowance,
    LogWriter,
    bare,
    configure_logging,
    log_request,
    on_loop_error,
)
from ledger.kernel import Actor, Ledger
from ledger.kernel.contexts import make_context
from projections.tables import open_engine
from tests.api import specimen

SECRET = "slt_secret-of-somebody"


class Out(io.BytesIO):
    """A file that does what a test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()
        self.free.set()
        self.broken = False

    def write(self, data: Any) -> int:
        self.free.wait(10)
        if self.broken:
            raise OSError(28, "no space left on device")
        return super().write(data)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def out() -> Out:
    return Out()


@pytest.fixture
def writer(out: Out) -> Iterator[LogWriter]:
    before = structlog.get_config()
    writer = configure_logging(out)
    yield writer
    out.free.set()
    writer.close()
    structlog.configure(**before)


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError(SECRET)

    __repr__ = __str__


def _circular() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


@pytest.mark.parametrize(
    "value",
    [Unspeakable(), "\ud800", b"\xff", 2**70, {1: {2: Unspeakable()}}, _circular(), {"\udfff": 1}],
    ids=lambda value: type(value).__name__,
)
def test_whatever_is_said(writer: LogWriter, out: Out, value: Any) -> None:
    """No value keeps its line from being written, and the rest of the line is there."""
    structlog.get_logger("t").info("said", value=value, n=1)
    structlog.get_logger("t").error("failed", exc_info=ValueError(value), n=2)
    log_request({"request_id": "r", "value": value})
    writer.settle(5)
    lines = out.lines()
    assert [line["what"] for line in lines] == ["said", "failed", "request"]
    assert (lines[0]["n"], lines[1]["n"], lines[2]["request_id"]) == (1, 2, "r")
    assert SECRET not in out.getvalue().decode()


def test_a_name_that_is_taken(writer: LogWriter, out: Out) -> None:
    """A line whose parts contradict each other is written as well as it can be."""
    structlog.get_logger("t").info("said", what="x", level="y", at="z")
    writer.settle(5)
    assert [line["what"] for line in out.lines()] == ["said"]


def test_nobody_waits(writer: LogWriter, out: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing can be written, not even an error is waited for; lines are lost and counted."""
    monkeypatch.setattr("api.running.logs.MAX_WAITING_BYTES", 10_000)
    out.free.clear()
    log = structlog.get_logger("t")
    for _ in range(500):
        log.error("failed", exc_info=ValueError("x"))
    assert not out.free.is_set(), "whoever waits for what is written would wait still"
    assert writer.dropped > 300
    out.free.set()
    writer.settle(5)
    log.info("after")
    writer.settle(5)
    told = [line["n"] for line in out.lines() if line["what"] == "log_lines_dropped"]
    assert sum(told) == writer.dropped
    assert out.lines()[-1]["what"] == "after"
    assert f"log_lines_dropped: {writer.dropped}" in {
        f"{metric.name}: {metric.samples[0].value:g}" for metric in writer.collect()
    }


def test_a_full_disk(writer: LogWriter, out: Out) -> None:
    """What could not be written is told once there is room; the thread lives."""
    out.broken = True
    structlog.get_logger("t").error("lost")
    writer.settle(5)
    out.broken = False
    structlog.get_logger("t").error("kept")
    writer.settle(5)
    assert [line.get("n", line["what"]) for line in out.lines()] == ["kept", 1]
    assert writer.worker.alive


def test_a_full_pipe() -> None:
    """A pipe that nobody drains holds up neither callers nor the end; drained, it has all lines."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        writer = LogWriter(pipe)
        for n in range(3000):
            writer.error(b'{"n":%d,"x":"%b"}' % (n, b"x" * 100))
        time.sleep(0.1)
        drained: list[bytes] = []

        def drain() -> None:
            with os.fdopen(reading, "rb") as out:
                drained.extend(out)

        draining = threading.Thread(target=drain)
        draining.start()
        writer.settle(5)
        writer.close()
    draining.join(5)
    assert [json.loads(line)["n"] for line in drained] == list(range(3000))


def test_the_end_is_not_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing waits for a moment, although nobody ever reads what is written."""
    monkeypatch.setattr("api.running.logs.CLOSE_SECONDS", 0.2)
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        writer = LogWriter(pipe)
        for _ in range(1000):
            writer.error(b"x" * 1000)
        writer.close()
        os.close(reading)
        writer.worker.join(5)


def test_within_itself(writer: LogWriter, out: Out) -> None:
    """What is logged by a finalizer, in the middle of another line, waits for nobody."""
    with writer._guard:
        structlog.get_logger("t").error("inner")
    writer.settle(5)
    assert [line["what"] for line in out.lines()] == ["inner"]


def test_a_sequencer_that_cannot_log(writer: LogWriter, out: Out, ledger: Ledger) -> None:
    """It answers, and goes on: the line of a failed decision is lost, and nothing else."""
    out.broken = True
    actor = Actor(unit_id="U", person_id="P", role="unit_head")
    for _ in range(3):
        command = specimen.Fail()
        future = ledger.submit(command, make_context(command, actor, ledger.clock()))
        assert isinstance(future.exception(5), RuntimeError)
    assert ledger.execute(specimen.NoteThing(thing="T-1"), actor).position == 1


class TestLibraries:
    """What libraries log takes the same way, without what was sent."""

    def lines(self, writer: LogWriter, out: Out) -> list[dict[str, Any]]:
        writer.settle(5)
        assert SECRET not in out.getvalue().decode()
        return out.lines()

    def test_loggers(self, writer: LogWriter, out: Out) -> None:
        """A template and where it happened, and neither arguments nor the text of an error."""
        try:
            int(SECRET)
        except ValueError:
            server_logger.exception("Error handling request from %s", SECRET)
        shown = f"Exception in callback f({SECRET!r})\n{SECRET}"
        logging.getLogger("asyncio").error(shown)
        logging.getLogger("sqlalchemy.pool").warning("Exception during reset: %s", SECRET)
        logging.getLogger("anything").critical({"a": SECRET})
        logging.getLogger("asyncio").info("not told")
        first, second, third, fourth = self.lines(writer, out)
        assert first["message"] == "Error handling request from %s"
        assert [error["exc_type"] for error in first["exception"]] == ["ValueError"]
        assert first["exception"][0]["frames"][-1]["name"] == "test_loggers"
        assert second["message"] == "Exception in callback f"
        assert third["logger"] == "sqlalchemy.pool"
        assert fourth["message"] == "dict"

    def test_the_rest(self, writer: LogWriter, out: Out) -> None:
        """Warnings, threads, finalizers and event loops: nothing is printed by itself."""

        class Finalized:
            def __del__(self) -> None:
                raise ValueError(SECRET)

        def fail() -> None:
            raise ValueError(SECRET)

        warnings.showwarning(SECRET, UserWarning, "file.py", 7)
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        Finalized()
        gc.collect()
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(on_loop_error)
        loop.call_soon(fail)
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        told = self.lines(writer, out)
        assert [line["what"] for line in told] == [
            "warning",
            "thread_ended",
            "unraisable",
            "loop_error",
        ]
        assert told[0]["where"] == "file.py:7"
        assert told[3]["message"] == "Exception in callback TestLibraries.test_the_rest."

    def test_no_flood(self, writer: LogWriter, out: Out) -> None:
        """A thousand complaints at once make a few lines, and a number."""
        for _ in range(1000):
            logging.getLogger("aiohttp.server").error("Error handling request")
        lines = self.lines(writer, out)
        assert len(lines) <= 20
        assert writer.noise.suppressed >= 980

    def test_as_before(self, out: Out) -> None:
        """Closing the writer leaves the libraries as they were."""
        before = warnings.showwarning, threading.excepthook, list(logging.getLogger().handlers)
        config = structlog.get_config()
        configure_logging(out).close()
        structlog.configure(**config)
        after = warnings.showwarning, threading.excepthook, list(logging.getLogger().handlers)
        assert before == after


def test_allowance(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many a second; the next one that is allowed knows how many were not."""
    now = 100.0
    monkeypatch.setattr("api.running.logs.time.monotonic", lambda: now)
    allowance = Allowance(2)
    assert [allowance.take() for _ in range(4)] == [0, 0, None, None]
    now += 0.5
    assert [allowance.take() for _ in range(2)] == [2, None]
    now += 60
    assert [allowance.take() for _ in range(3)] == [1, 0, None]
    assert allowance.suppressed == 4


def test_bare() -> None:
    """A message up to where something is shown in it."""
    assert bare("Task was destroyed but it is pending!\ntask: <Task x>") == (
        "Task was destroyed but it is pending!"
    )
    assert bare(f"Invalid header: b'{SECRET}'") == "Invalid header"
    assert bare(b"x") == "bytes"


def test_values_of_statements(tmp_path: Path) -> None:
    """The error of a statement, which is logged, says nothing of its values."""
    engine = open_engine(f"sqlite:///{tmp_path / 'views.db'}")
    with engine.connect() as connection, pytest.raises(sa.exc.OperationalError) as caught:
        connection.execute(sa.text("SELECT * FROM nothing WHERE x = :x"), {"x": SECRET})
    engine.dispose()
    assert "nothing" in str(caught.value)
    assert SECRET not in str(caught.value)
