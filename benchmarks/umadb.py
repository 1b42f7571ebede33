"""Row 2: durable decisions in process, compared with UmaDB 0.7 with 64 client threads.

UmaDB is an event store with dynamic consistency boundaries. It is not a dependency of this project;
install it with ``.venv/bin/pip install umadb==0.7.8``. Each client does the store's part of a
decision: it reads the events that both rules need, and appends one event of the same size under the
condition that no such event was added. It does not decide and does not make an envelope.
"""

from __future__ import annotations

import importlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.decisions import kernel_rate, planned_ledger
from benchmarks.measuring import in_turns, report
from ledger.stores.sqlite import SQLiteRecorder

CLIENTS = 64

_PLAN = (["filing.annual-plan-approved", "filing.annual-plan-filed"], ["unit:MRB"])
_VISIT = "filing.inspection-task-approved"


@contextmanager
def _server(umadb: Any, folder: Path) -> Iterator[str]:
    """Start a UmaDB on a free loopback port and return its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = "import sys, umadb; umadb.run_server_from_args(sys.argv)"
    process = subprocess.Popen(
        [sys.executable, "-c", command, f"--listen={address}", f"--db-path={folder / 'uma.db'}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(100):
            with suppress(Exception), umadb.Client(f"http://{address}") as client:
                client.head()
                break
            time.sleep(0.1)
        yield f"http://{address}"
    finally:
        process.kill()
        process.wait()


def umadb_rate(umadb: Any, folder: Path, commands: int) -> float:
    """Return the decisions per second of 64 clients with a new UmaDB."""
    recorder = SQLiteRecorder(folder / f"{time.monotonic_ns()}.db")
    with recorder, planned_ledger(recorder):
        plan = [(one.event.type, one.event.data) for one in recorder.read()]
    visit = plan[0][1]  # as many bytes as a visit has, within a few

    def item(types: list[str], tags: list[str]) -> Any:
        return umadb.QueryItem(types=types, tags=tags)

    with tempfile.TemporaryDirectory() as name, _server(umadb, Path(name)) as address:
        with umadb.Client(address) as client:
            client.append([umadb.Event(kind, data, ["unit:MRB"]) for kind, data in plan])

        def book(numbers: range) -> None:
            with umadb.Client(address) as client:
                for number in numbers:
                    tags = [f"entity:bench:{number}", "unit:MRB"]
                    query = umadb.Query([item(*_PLAN), item([_VISIT], tags)])
                    found, head = client.read(query).collect_with_head()
                    assert len(found) == len(plan)
                    condition = umadb.AppendCondition(query, head)
                    client.append(
                        [umadb.Event(_VISIT, visit, [*tags, f"task:{number}"])], condition
                    )

        started = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as pool:
            for done in pool.map(book, [range(n, commands, CLIENTS) for n in range(CLIENTS)]):
                assert done is None
        return commands / (time.perf_counter() - started)


def run(quick: bool = False) -> None:
    """Measure and print the figures, if UmaDB is installed."""
    try:
        umadb = importlib.import_module("umadb")
    except ImportError:
        print("decisions ÷ UmaDB: not measured; .venv/bin/pip install umadb==0.7.8", flush=True)
        return
    commands = 4_000 if quick else 20_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = in_turns(
            lambda: kernel_rate(folder, commands),
            lambda: umadb_rate(umadb, folder, commands),
            rounds=3,
        )
    report(f"decisions ÷ UmaDB, {CLIENTS} client threads", *figures, 2, "/s")
