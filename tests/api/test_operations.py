"""Running it: liveness, readiness, metrics, logs, and an orderly end."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from api import views
from api.feed.resource import HUB
from api.http.counting import kind_of
from api.operations.health import Readiness
from api.running.logs import LogWriter, configure_logging
from api.sealed import persons
from ledger.kernel import Ledger
from ledger.stores.sqlite import SQLiteRecorder
from tests.api import specimen
from tests.api.conftest import Face
from tests.ports import free_port
from tests.scenarios.world import World


async def _metrics(face: Face) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = await (await face.get("/metrics", face.operator)).text()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_alive(face: Face) -> None:
    """/livez answers whatever the state of the rest."""
    answer = await face.get("/livez")
    assert (answer.status, await answer.json()) == (200, {"status": "alive"})


async def test_ready(face: Face) -> None:
    """/readyz names the parts and where they are."""
    await face.note()
    answer = await face.get("/readyz", face.operator)
    report = await answer.json()
    assert answer.status == 200
    assert report["parts"]["store"]["position"] == 1


async def test_not_ready(make_face: Callable[..., Any]) -> None:
    """A follower that cannot serve, or whose check fails, makes /readyz a 503 that says why."""

    def broken() -> Readiness:
        raise RuntimeError("no table")

    face = await make_face(
        readiness={
            "views": lambda: Readiness(ready=True, position=3, lag=0),
            "deadlines": lambda: Readiness(ready=False, detail="poisoned at 7", position=6, lag=9),
            "broken": broken,
        }
    )
    answer = await face.get("/readyz", face.operator)
    parts = (await answer.json())["parts"]
    assert answer.status == 503
    assert parts["views"]["ready"]
    assert parts["deadlines"] == {
        "ready": False,
        "detail": "poisoned at 7",
        "position": 6,
        "lag": 9,
    }
    assert "no table" in parts["broken"]["detail"]
    metrics = await _metrics(face)
    assert metrics["follower_ready", (("follower", "broken"),)] == 0
    assert metrics["follower_lag_positions", (("follower", "deadlines"),)] == 9


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
async def test_read_only_store(face: Face) -> None:
    """A ledger that cannot be written is not ready."""
    path = face.ledger.recorder.path  # type: ignore[attr-defined]
    path.chmod(0o400)
    assert (await face.get("/readyz")).status == 503


#: Holds the write lock of a ledger until its input ends.
LOCKER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def locked(ledger: Ledger) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock of the ledger's file."""
    with _holding(ledger) as process:
        yield process


@contextmanager
def _holding(ledger: Ledger) -> Iterator[subprocess.Popen[bytes]]:
    path = ledger.recorder.path  # type: ignore[attr-defined]
    with subprocess.Popen(
        [sys.executable, "-c", LOCKER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


async def _ready(face: Face, status: int) -> None:
    for _ in range(400):
        if (await face.get("/readyz")).status == status:
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"/readyz never answered {status}")


async def test_not_ready_while_the_file_is_locked(
    face: Face, locked: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sequencer that waits for the lock makes the service unready, and ready when it has it."""
    monkeypatch.setattr("ledger.kernel.sequencer.HELD_UP_SECONDS", 0.2)
    await _ready(face, 200)
    sent = asyncio.create_task(face.post("note-thing", {"thing": "T-1"}))
    await _ready(face, 503)
    locked.communicate()
    assert (await sent).status == 201
    await _ready(face, 200)


@pytest.mark.parametrize("which", ["ledger", "access"])
async def test_not_ready_though_no_command_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """A locked file is noticed by the sequencers themselves, that of the access ledger too."""
    monkeypatch.setattr("ledger.kernel.sequencer.TRY_SECONDS", 0.05)
    monkeypatch.setattr("ledger.kernel.sequencer.HELD_UP_SECONDS", 0.2)
    async with World(tmp_path) as world:
        held = {"ledger": world.service.ledger, "access": world.service.access}[which]

        async def ready(status: int) -> None:
            for _ in range(400):
                async with world.client.get("/readyz") as answer:
                    if answer.status == status:
                        return
                await asyncio.sleep(0.05)
            pytest.fail(f"/readyz never answered {status}")

        await ready(200)
        with _holding(held) as process:
            await ready(503)
            process.communicate()
            await ready(200)


async def test_not_ready_after_the_lock_was_refused(
    face: Face, locked: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once a batch was given up, the service is unready until another would be taken."""
    monkeypatch.setattr("ledger.kernel.sequencer.HELD_UP_SECONDS", 0.2)
    writer = face.ledger.recorder._writer.sqlite  # type: ignore[attr-defined]
    writer.execute("PRAGMA busy_timeout = 100")
    assert (await face.post("note-thing", {"thing": "T-1"})).status == 503
    await asyncio.sleep(0.3)
    for _ in range(3):
        assert (await face.get("/readyz")).status == 503
    locked.communicate()
    await _ready(face, 200)
    assert (await face.post("note-thing", {"thing": "T-1"})).status == 201


async def test_metrics(face: Face) -> None:
    """The counters count: commands, refusals, commits, requests, feed subscribers."""
    await face.post("lock-thing", {"thing": "T-1"})
    await face.post("note-thing", {"thing": "T-1"})
    await face.note("T-2", times=3)
    async with face.get("/v1/feed", headers={"Accept": "text/event-stream"}):
        metrics = await _metrics(face)
    assert metrics["ledger_commands_total", ()] == 3
    assert metrics["ledger_commands_refused_total", ()] == 1
    assert metrics["ledger_events_total", ()] == 4
    assert metrics["ledger_commit_seconds_count", ()] == 3
    assert metrics["ledger_commit_commands_sum", ()] == 3
    assert metrics["ledger_queue_depth", ()] == 0
    assert metrics["ledger_head", ()] == 4
    assert metrics["feed_subscribers", ()] == 1
    route = ("route", "/v1/{system}/{command}")
    labels = (("method", "POST"), route)
    # Commands are counted together: how many of each kind there were is content.
    assert metrics["http_requests_total", (*labels, ("status", "201"))] == 2
    assert metrics["http_requests_total", (*labels, ("status", "422"))] == 1
    assert metrics["http_request_seconds_count", (route,)] == 3
    assert metrics["http_request_seconds_bucket", (("le", "+Inf"), route)] == 3


async def test_routes_are_few(face: Face) -> None:
    """Made-up paths do not fill the metrics."""
    for n in range(5):
        await face.get(f"/nowhere/{n}")
        await face.get(f"/v1/events/{n}")
    routes = {dict(labels).get("route") for _, labels in await _metrics(face)}
    assert routes <= {None, "-", "/v1/events/{position}", "/metrics"}


class TestLog:
    """One canonical line per request."""

    async def test_line(self, face: Face) -> None:
        """The line says who asked what, what came of it, and never the token."""
        with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
            answer = await face.post(
                "note-thing", {"thing": "T-1"}, face.mrb, headers={"X-Request-Id": "r-1"}
            )
        (line,) = [line for line in lines if line["event"] == "request"]
        recorded = (await answer.json())["events"][0]
        assert line.pop("ms") > 0
        assert line == {
            "event": "request",
            "log_level": "info",
            "request_id": "r-1",
            "method": "POST",
            "route": "/v1/specimen/note-thing",
            "status": 201,
            "unit": "MRB",
            "person": "P-MRB",
            "role": "enforcement_officer",
            "command_id": recorded["command_id"],
            "position": 1,
        }

    async def test_nothing_leaks(self, face: Face) -> None:
        """What one request of a connection bound is gone in the next, and tokens are nowhere."""
        with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
            await face.post("note-thing", {"thing": "T-1"}, headers={"X-Request-Id": "r-1"})
            await face.get("/livez", headers={"X-Request-Id": "r-2"})
            await face.post("fail", {}, headers={"X-Request-Id": "r-3"})
            await face.get("/v1/feed", "slt_made-up", headers={"X-Request-Id": "r-4"})
        requests = [line for line in lines if line["event"] == "request"]
        assert [line["request_id"] for line in requests] == ["r-1", "r-2", "r-3", "r-4"]
        assert "command_id" not in requests[1]
        assert requests[3]["problem"] == "unauthenticated"
        assert "slt_" not in repr(lines)
        (fault,) = [line for line in lines if line["event"] == "request_failed"]
        assert fault["request_id"] == "r-3"

    def test_written(self) -> None:
        """Lines are JSON; a warning is written within milliseconds, the rest within moments."""
        before = structlog.get_config()
        out = io.BytesIO()
        writer = configure_logging(out)
        try:
            log = structlog.get_logger("test")
            log.debug("unheard")
            log.info("first", n=1)
            log.error("second", cause=ValueError("x"))
            writer.settle(5)
            lines = [json.loads(line) for line in out.getvalue().splitlines()]
            log.info("third")
            log.error("fourth", exc_info=KeyError("boom"))
        finally:
            structlog.configure(**before)
            writer.close()
        assert [line["what"] for line in lines] == ["first", "second"]
        assert (lines[0]["n"], lines[0]["level"]) == (1, "info")
        assert lines[0]["at"].endswith("Z")
        last = json.loads(out.getvalue().splitlines()[-1])
        assert last["exception"][0]["exc_type"] == "KeyError"
        assert "boom" not in out.getvalue().decode()  # it may be what somebody sent

    def test_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A reader of logs that hangs takes lines, not memory, and is told how many."""
        monkeypatch.setattr("api.running.logs.MAX_WAITING_BYTES", 1000)
        monkeypatch.setattr("api.running.logs.FLUSH_SECONDS", 60)
        out = io.BytesIO()
        writer = LogWriter(out)
        for _ in range(100):
            writer.info(b"x" * 99)
        assert sum(map(len, writer._waiting)) <= 1000
        writer.close()
        assert json.loads(out.getvalue().splitlines()[-1])["n"] > 80


class TestEnd:
    """An orderly end loses nothing."""

    async def test_drains(self, face: Face, ledger: Ledger) -> None:
        """Commands in flight are decided and answered, streams end, then the ledger closes."""
        async with face.get("/v1/feed", headers={"Accept": "text/event-stream"}) as stream:
            specimen.released.clear()
            sent = [asyncio.create_task(face.post("hold", {}))]
            await asyncio.sleep(0.1)
            sent += [
                asyncio.create_task(face.post("note-thing", {"thing": f"T-{n}"})) for n in range(20)
            ]
            await asyncio.sleep(0.3)
            server = face.client.server
            closing = asyncio.create_task(server.close())
            await asyncio.sleep(0.2)
            specimen.released.set()
            answers = await asyncio.gather(*sent)
            assert [a.status for a in answers] == [200] + [201] * 20
            await asyncio.wait_for(stream.read(), 10)
            await asyncio.wait_for(closing, 10)
        assert face.head() == 20
        with pytest.raises(Exception, match="shutting down"):
            ledger.submit(specimen.Hold(), None)  # type: ignore[arg-type]

    async def test_no_threads_left(self, make_face: Callable[..., Any]) -> None:
        """The reader's threads end with the application."""
        before = set(threading.enumerate())
        face = await make_face()
        async with face.get("/v1/feed", headers={"Accept": "text/event-stream"}):
            await face.note()
        hub = face.client.app[HUB]
        await face.client.close()
        names = {thread.name for thread in set(threading.enumerate()) - before}
        assert "feed-reader" not in names
        assert not any(name.startswith("feed-page") for name in names)
        assert hub.subscribers == 0


PROGRAM = """
import sys
from api.app import make_app
from api.running.logs import configure_logging
from api.running.server import serve
from api.http.tokens import Tokens
from ledger.kernel import Ledger
from ledger.stores.sqlite import SQLiteRecorder
from tests.api import specimen

configure_logging()
with SQLiteRecorder(sys.argv[1]) as recorder, Tokens.open(sys.argv[2]) as tokens:
    serve(make_app(Ledger(recorder), tokens=tokens, commands=specimen.COMMANDS),
          "127.0.0.1", int(sys.argv[3]))
print("ended in order")
"""


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
async def test_process(tmp_path: Path, tokens: Any, stop: signal.Signals) -> None:
    """The real process serves on its port and ends in order when asked to, losing no answer."""
    token = tokens.create("JB", "P-JB", "jb_supervisor")
    port = free_port()
    path = tmp_path / "process.sqlite"
    process = await asyncio.to_thread(
        subprocess.Popen,
        [sys.executable, "-c", PROGRAM, str(path), str(tmp_path / "tokens.sqlite"), str(port)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    url = f"http://127.0.0.1:{port}"
    headers = {"Authorization": f"Bearer {token}"}
    recorded = 0
    try:
        async with aiohttp.ClientSession(headers=headers) as session:
            await _up(session, url, process)

            async def write(n: int) -> None:
                nonlocal recorded
                for k in range(1000):
                    body = {"thing": f"T-{n}-{k}"}
                    try:
                        async with session.post(f"{url}/v1/specimen/note-thing", json=body) as r:
                            if r.status != 201:
                                assert r.status == 503
                                return
                            recorded += 1
                    except aiohttp.ClientError:
                        return

            writers = [asyncio.create_task(write(n)) for n in range(8)]
            await asyncio.sleep(0.5)
            process.send_signal(stop)
            await asyncio.gather(*writers)
        out, err = await asyncio.to_thread(process.communicate, timeout=120)
    finally:
        process.kill()
        process.wait()
    assert "ended in order" in out, err
    assert process.returncode == 0
    with SQLiteRecorder(path) as recorder:
        assert recorder.head() >= recorded > 0
    lines = [json.loads(line) for line in err.splitlines()]
    assert sum(line.get("status") == 201 for line in lines) == recorder_count(lines)
    assert token not in err


def recorder_count(lines: list[dict[str, Any]]) -> int:
    return len({line["position"] for line in lines if line.get("status") == 201})


async def _up(session: aiohttp.ClientSession, url: str, process: Any) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            async with session.get(f"{url}/readyz") as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientConnectionError:
            pass
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


#: What GETs are counted as that are not about the service itself.
COUNTED = {
    "/v1/entities/{entity}/profile",
    "/v1/entities/{entity}/replay",
    "/v1/entities/{entity}/burden",
    # They read all events, not those of one system, so their counts reveal nothing.
    "/v1/events/search",
    "/v1/events/{position}/effects",
    "/v1/{system}/{subject}/trail",
    "/v1/{system}/{subject}/impact",
    "/v1/{system}/{subject}/rerun",
    "/v1/draws/{part}",
    "/v1/{system}/{subject}",
    "/v1/{system}",
}


def test_what_was_asked_about_is_not_counted() -> None:
    """Requests are counted by what they cost: how many were about complaints is content."""
    resources = (*views.RESOURCES, *persons.RESOURCES)
    assert {kind_of("GET", resource.path) for resource in resources} == COUNTED
    for path in ("/v1/complaints/{complaint}", "/v1/persons/{person}", "/v1/access"):
        assert kind_of("GET", path) in COUNTED
    assert kind_of("POST", "/v1/complaints/receive-complaint") == "/v1/{system}/{command}"
    for path in (
        "/v1/feed",
        "/v1/events/{position}/proof",
        "/v1/operations/views",
        "/v1/log/checkpoint",
        "/readyz",
        "-",
    ):
        assert kind_of("GET", path) == path
