"""The questions of ``docs/questions.md`` at a million events: each within 200 ms.

The ledger and the server are those of ``benchmarks.gets``, whose folder (LEDGER_BENCH) is used if
it is given. Each question is asked a few times on one connection; the median wall time is shown.

    python -m benchmarks.asking [--quick]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from urllib.parse import quote

from benchmarks.gets import Asked, Client, Server, ledgers, served, subjects

EVENTS, QUICK = 1_000_000, 50_000
TIMES = 5

#: The longest accepted time, in milliseconds.
TARGET = 200.0

#: Who asks what; ``supervisor`` and ``officer`` are those of ``benchmarks.servers``.
QUESTIONS = (
    ("supervisor", "/v1/events/search"),
    ("supervisor", "/v1/events/search?actor=OFF-001&since=2026-03-01&until=2026-03-31"),
    ("supervisor", "/v1/events/search?type=filing.inspection-task-approved&policy=visit_cap@1"),
    ("supervisor", "/v1/events/search?unit=MRB&type=filing.*&since=2026-01-01&until=2026-03-31"),
    ("supervisor", "/v1/events/search?rule_id=FIL-V1&actor=clock"),
    # Two frequent conditions that never meet, and two that often do.
    ("supervisor", "/v1/events/search?actor=OFF-001&about=actor:clock"),
    ("supervisor", "/v1/events/search?actor=clock&unit=MRB&until=2026-01-31"),
    ("supervisor", "/v1/events/search?q=整改清单"),
    ("officer", "/v1/events/search?q=整改清单"),
    ("public", "/v1/events/search?type=catalogue.*"),
    ("supervisor", "/v1/events/search?outcome=refused&since=2026-07-01&until=2026-07-31"),
    ("supervisor", "/v1/summary?of=findings&by=unit&rule_id=FIL-V1&since=2026-07-01"),
    ("supervisor", "/v1/summary?of=refusals&by=rule_id&since=2026-07-01&until=2026-07-31"),
    ("supervisor", "/v1/summary?of=deadlines&by=unit,rule&overdue=true"),
    ("supervisor", "/v1/entities?q=春禾"),
    ("supervisor", "/v1/tasks?stage=opened&sort=-opened_on"),
    ("officer", "/v1/findings?state=raised&total=true&facets=rule_id"),
    ("public", "/v1/summary?of=visits&by=unit,month"),
    ("supervisor", "/v1/entities/{entity}/profile/diff?from=2026-03-01&to=2026-06-01"),
)


def run(quick: bool = False) -> None:
    """Print the time of each question."""
    in_folder(_measured, quick)


def in_folder(measure: Callable[[Path, bool], None], quick: bool) -> None:
    """Measure with the ledgers of LEDGER_BENCH, or with new ones that are removed afterwards."""
    if kept := os.environ.get("LEDGER_BENCH"):
        measure(Path(kept), quick)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), quick)


def _measured(folder: Path, quick: bool) -> None:
    _, large = ledgers(folder, QUICK if quick else EVENTS)
    entity = subjects(folder)["entity"][0]
    with served(large, entity) as server:
        asyncio.run(_ask(server, entity))


async def _ask(server: Server, entity: str) -> None:
    client = Client(server)
    for role, question in QUESTIONS:
        asked = Asked(role, quote(question.format(entity=entity), safe="/?=&.*@,-"))
        times = []
        for _ in range(TIMES):
            began = time.perf_counter()
            status, _ = await client.get(asked)
            times.append((time.perf_counter() - began) * 1_000)
            assert status == 200, (status, question)
        taken = median(times)
        missed = "" if taken <= TARGET else f"  more than {TARGET:g}"
        print(f"{role:<11} {question:<88} {taken:>7.1f} ms{missed}", flush=True)
    client.close()


def main() -> None:
    """Run the benchmark by itself."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.asking", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"with {QUICK} events")
    run(parser.parse_args().quick)


if __name__ == "__main__":
    main()
