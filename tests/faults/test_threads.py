"""Every thread of the service, killed and held up: it shows at once, and nobody waits.

In one process each of them is killed by a step that raises what nothing in it catches. In processes
of their own the sequencer is killed and held up, and their exit codes are looked at; and nobody
reads what they log.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from aiohttp.test_utils import TestClient, unused_port

from api.feed.resource import HUB
from api.http.tokens import Tokens
from api.log import cosigning
from api.running.logs import LogWriter
from api.running.threads import EXIT_FAILED, SUPERVISOR, end_process_within
from api.service import Service
from ledger.kernel import threads as kernel_threads
from ledger.opening import sibling
from ledger.transparency.notes import COSIGNATURE
from ledger.transparency.policy import parse_policy
from projections.watches.clock import Clock
from tests.api.conftest import FrontServer, until
from tests.transparency.regions import WITNESS

ROOT = Path(__file__).parents[2]


class Killed(BaseException):
    """What no ``except Exception`` sees."""


def _killed(*_: Any, **__: Any) -> Any:
    raise Killed


class _Deadly(set[threading.Event]):
    def __bool__(self) -> bool:
        raise Killed


class Running:
    """A service with every thread that it can have, and its application on a port."""

    def __init__(self, folder: Path) -> None:
        self.before = set(threading.enumerate())
        key = WITNESS.verifier(COSIGNATURE).vkey()
        said = f"witness w {key} http://127.0.0.1:{unused_port()}\nquorum w\n"
        self.service = Service(
            f"sqlite:///{folder / 'ledger.db'}",
            ticking=True,
            witnesses=parse_policy(said.encode()),
        )
        create = self.service.tokens.create
        self.edb = create("EDB", "P-EDB", "credit_officer")
        self.jb = create("JB", "P-JB", "jb_supervisor")
        self.operator = create("IT", "OP-1", "operator")
        self.app = self.service.app()
        self.supervisor = self.app[SUPERVISOR]
        self.log = (folder / "log").open("ab")
        self.writer = LogWriter(self.log)
        self.supervisor.add(self.writer.worker)
        self.told: list[str] = []
        self.supervisor.on_trouble = self.told.append
        self.client: TestClient[Any, Any] = TestClient(FrontServer(self.app))

    async def ready(self) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {self.operator}"}
        answer = await self.client.get("/readyz", headers=headers)
        return answer.status, (await answer.json())["parts"]["threads"]["detail"]

    async def asked(self) -> tuple[int, int]:
        """The status of a command, and of a supervisor's question, which is recorded too.

        One that nobody answers fails the test by its time.
        """
        async with asyncio.timeout(60):
            posted, got = await asyncio.gather(
                self.client.post(
                    "/v1/entities/register-entity",
                    json={"entity": "register:1", "identity": {"name": "行"}},
                    headers={"Authorization": f"Bearer {self.edb}"},
                ),
                self.client.get("/v1/units", headers={"Authorization": f"Bearer {self.jb}"}),
            )
            return posted.status, got.status

    async def close(self) -> None:
        await self.client.close()
        await asyncio.to_thread(self.service.close)
        self.writer.close()
        self.log.close()


@pytest.fixture
async def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    monkeypatch.setattr(kernel_threads, "LOOK_SECONDS", 0.02)
    monkeypatch.setitem(Clock.__init__.__kwdefaults__, "interval", 0.05)
    monkeypatch.setattr(cosigning, "PAUSE", 0.05)
    monkeypatch.setattr(cosigning, "LONGEST_PAUSE", 0.1)
    running = Running(tmp_path)
    await running.client.start_server()
    yield running
    await running.close()


Kill = Callable[[Running, pytest.MonkeyPatch], object]

KILLS: dict[str, Kill] = {
    "sequencer": lambda r, m: m.setattr(r.service.ledger._memory, "catch_up", _killed),
    "access-sequencer": lambda r, m: m.setattr(r.service.access._memory, "catch_up", _killed),
    "follower": lambda r, m: m.setattr(r.service.follower, "_step", _killed),
    "clock": lambda r, m: m.setattr(r.service.clock, "tick", _killed),
    "log-keeper": lambda r, m: m.setattr(r.service.keeper.log, "advance", _killed),
    "access-log-keeper": lambda r, m: m.setattr(r.service.access_keeper.log, "advance", _killed),
    "log-witnesses": lambda r, m: m.setattr(r.service.witnesses, "_failed", _killed),
    "ledger-poll": lambda r, m: m.setattr(r.service.recorder, "_listeners", _Deadly()),
    "access-ledger-poll": lambda r, m: m.setattr(r.service._accesses, "_listeners", _Deadly()),
    "feed-reader": lambda r, m: (
        m.setattr(r.app[HUB], "_wait_for_append", _killed),
        r.app[HUB]._wanted.set(),
    ),
    "webhooks": lambda r, m: m.setattr(r.service.webhooks, "_round", _killed),
    "rebuilder": lambda r, m: (
        m.setattr(r.service.rebuilder, "_rebuild", _killed),
        r.service.rebuilder.ask("units"),
    ),
    "log-writer": lambda r, m: (m.setattr(r.writer, "_write", _killed), r.writer.error(b"{}")),
}


#: What is answered after the death of a sequencer: by its ledger, and by the other one.
TURNED_AWAY = {"sequencer": (503, 200), "access-sequencer": (201, 503)}


@pytest.mark.parametrize("name", KILLS)
async def test_a_thread_dies(running: Running, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unready at once, told once, and every question is answered."""
    assert await running.ready() == (200, "")
    KILLS[name](running, monkeypatch)
    assert await running.asked() == TURNED_AWAY.get(name, (201, 200))
    await until(lambda: running.told)
    status, detail = await running.ready()
    assert status == 503
    assert detail == running.told[0] == f"{name}: ended by Killed"
    await running.asked()  # still nobody waits for what is dead, or it fails by its time
    assert len(running.told) == 1


async def test_every_thread_is_looked_after(running: Running) -> None:
    """What runs as long as the service is supervised: a new thread has to be added there."""
    async with running.client.get("/v1/feed", headers={"Accept": "text/event-stream"}):
        await running.asked()
        names = {thread.name for thread in set(threading.enumerate()) - running.before}
    pools = ("asyncio_", "ThreadPoolExecutor", "feed-page", "pool-", "webhooks_", "webhooks-calls_")
    passing = (*pools, "MainThread", "supervisor", "Dummy")
    lasting = {name for name in names if not name.startswith(passing)}
    supervised = set(running.supervisor.names)
    # Those of both ledgers have the same name for the system.
    assert {f"access-{name}" for name in lasting} & supervised == {
        "access-sequencer",
        "access-log-keeper",
        "access-ledger-poll",
    }
    assert lasting <= supervised
    assert supervised == set(KILLS) | {"event-loop"}


async def test_the_event_loop_is_stuck(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A callback that does not return is trouble like any other."""
    next(p for p in running.supervisor._pulses if p.name == "event-loop").limit = 0.3
    deadline = time.monotonic() + 60
    while not running.told and time.monotonic() < deadline:
        time.sleep(0.01)  # noqa: ASYNC251 - on purpose
    assert running.told == ["event-loop: has been in one step for more than 0.3 s"]


def test_an_end_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where closing does not come to an end, the process does, unless it was faster."""
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    end_process_within(0.2).cancel()
    time.sleep(0.3)
    assert codes == []
    end_process_within(0.01).join(5)
    assert codes == [EXIT_FAILED]


PROGRAM = """
import sys, threading
from api.running import threads
from api.cli.command_line import main
from ledger.kernel import sequencer

how, decide = sys.argv[1], sequencer.Ledger._decide_and_append

def fails(ledger, batch):
    if how not in {"killed", "stuck"} or type(batch[0].command).__name__ != "RegisterEntity":
        return decide(ledger, batch)
    if how == "killed":
        raise KeyboardInterrupt
    threading.Event().wait()

threads.END_SECONDS = 2.0
if how == "files":
    import resource
    from api.http import front
    resource.setrlimit(resource.RLIMIT_NOFILE, (150, 150))
    front._connections_allowed = lambda: 20_000
if how == "stuck":
    sequencer.STEP_SECONDS = 0.5
sequencer.Ledger._decide_and_append = fails
main(sys.argv[2:])
"""


@contextmanager
def process(tmp_path: Path, how: str, *more: str, **files: Any) -> Iterator[tuple[Any, str, str]]:
    """The real command line with a sequencer that fails: the process, its URL, a token."""
    ledger = f"sqlite:///{tmp_path / 'ledger.db'}"
    program = [sys.executable, "-c", PROGRAM]
    with Tokens.open(sibling(tmp_path / "ledger.db", "tokens")) as tokens:
        token = tokens.create("EDB", "P-EDB", "credit_officer")
    port = unused_port()
    serve = [*program, how, "serve", "--ledger", ledger, "--port", str(port), *more]
    running = subprocess.Popen(serve, cwd=ROOT, **files)
    try:
        deadline = time.monotonic() + 30
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert running.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield running, f"http://127.0.0.1:{port}", token
    finally:
        running.kill()
        running.communicate()


def _session(token: str) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("how", ["killed", "stuck"])
async def test_the_process_ends(tmp_path: Path, how: str) -> None:
    """Nothing that was taken hangs; the process ends with its own exit code, and says why."""
    body = {"entity": "register:1", "identity": {"name": "行"}}
    with process(tmp_path, how, stderr=subprocess.PIPE) as (running, url, token):
        async with _session(token) as session:

            async def send() -> tuple[int, str] | None:
                # The process may be gone before a connection is made, or before it is read from.
                with suppress(aiohttp.ClientConnectionError):
                    path = f"{url}/v1/entities/register-entity"
                    async with session.post(path, json=body) as answer:
                        return answer.status, (await answer.json())["type"]
                return None

            sent = await asyncio.wait_for(asyncio.gather(*(send() for _ in range(20))), 10)
            answers = [answer for answer in sent if answer is not None]
        _, err = await asyncio.to_thread(running.communicate, timeout=120)
    assert {status for status, _ in answers} == {503}
    assert {kind for _, kind in answers} <= {"/problems/unavailable", "/problems/outcome-unknown"}
    assert running.returncode == EXIT_FAILED
    lines = [json.loads(line) for line in err.splitlines() if line.startswith(b"{")]
    (told,) = [line for line in lines if line["what"] == "service_failed"]
    assert told["why"].startswith("sequencer: ")


@pytest.mark.parametrize(("stderr", "each"), [("full", 200), ("closed", 40)])
async def test_nobody_reads_standard_error(tmp_path: Path, stderr: str, each: int) -> None:
    """A full pipe, a closed file: two thousand requests are answered, and commands among them.

    Among them requests that are logged as errors, and such as the parser refuses.
    """
    reading, writing = os.pipe()
    try:
        with process(
            tmp_path,
            "none",
            stderr=writing,
            preexec_fn=(lambda: os.close(2)) if stderr == "closed" else None,
        ) as (running, url, token):
            async with _session(token) as session:

                async def ask(n: int) -> None:
                    for k in range(each):
                        async with session.get(f"{url}/v1/events/{(n + 1) * 10_000 + k}") as answer:
                            assert answer.status == 404
                    rubbish = b"G@T " + b"x" * 4000 + b"\r\n\r\n"
                    for _ in range(5):
                        reader, writer = await asyncio.open_connection("127.0.0.1", _port(url))
                        writer.write(rubbish)
                        assert b" 400 " in await reader.readline()
                        writer.close()

                # The pipe is full after some 300 lines.
                await asyncio.wait_for(asyncio.gather(*(ask(n) for n in range(10))), 60)
                body = {"entity": "register:1", "identity": {"name": "行"}}
                async with session.post(f"{url}/v1/entities/register-entity", json=body) as answer:
                    assert answer.status == 201
                async with session.get(f"{url}/readyz") as answer:
                    assert answer.status == 200, await answer.text()
            if stderr == "full":
                assert not select.select([], [writing], [], 0)[1]
            running.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(running.wait, 20) == 0
    finally:
        os.close(writing)
        os.close(reading)


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


async def test_no_file_is_left(tmp_path: Path) -> None:
    """Where not even a connection can be accepted, the loop does not spin, says so, makes room.

    The limits of connections keep it from coming to that; here they are off.
    """

    async def ask(session: aiohttp.ClientSession, path: str) -> str:
        async with asyncio.timeout(60):
            while True:
                with suppress(aiohttp.ClientError):
                    async with session.get(f"{url}{path}") as answer:
                        assert answer.status == 200
                        return await answer.text()
                await asyncio.sleep(0.1)

    with process(tmp_path, "files", stderr=subprocess.PIPE) as (running, url, _):
        with Tokens.open(sibling(tmp_path / "ledger.db", "tokens")) as tokens:
            operator = tokens.create("IT", "OP-1", "operator")
        held = []
        for _ in range(300):
            probe = socket.socket()
            probe.settimeout(1)
            held.append(probe)
            with suppress(OSError):
                probe.connect(("127.0.0.1", _port(url)))
        before = psutil.Process(running.pid).cpu_times()
        await asyncio.sleep(1)
        after = psutil.Process(running.pid).cpu_times()
        assert after.user + after.system - before.user - before.system < 0.5
        async with _session(operator) as session:
            # Though all of them are still held by their clients.
            assert '"status":"ready"' in await ask(session, "/readyz")
            numbers = await ask(session, "/metrics")
        assert float(re.findall(r"^files_exhausted_total (.*)", numbers, re.MULTILINE)[0]) > 0
        for probe in held:
            probe.close()
        running.send_signal(signal.SIGTERM)
        _, err = await asyncio.to_thread(running.communicate, timeout=120)
    assert running.returncode == 0
    assert len(err.splitlines()) < 50
    told = [json.loads(line) for line in err.splitlines() if b"files_exhausted" in line]
    assert told[0]["of"] == "process"
    assert sum(line["closed_idle_connections"] for line in told) > 0
