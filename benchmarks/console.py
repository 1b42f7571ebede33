"""Pages of the console at a million events: today within 100 ms, every other one within a second.

The ledger and the server are those of ``benchmarks.gets``, whose folder (LEDGER_BENCH) is used if
it is given. Each page is opened a few times in one session; the median wall time is shown.

    python -m benchmarks.console [--quick]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median

import httpx

from benchmarks.asking import EVENTS, QUICK, TIMES, in_folder
from benchmarks.gets import Server, ledgers, served, subjects

#: The longest accepted time of a page, in milliseconds.
TARGETS = {"/console": 100.0}
OTHERS = 1_000.0

#: Who opens which pages; the roles are those of ``benchmarks.servers``.
PAGES = (
    ("supervisor", "/console"),
    ("officer", "/console"),
    ("supervisor", "/console/findings"),
    ("supervisor", "/console/events"),
    ("supervisor", "/console/deadlines"),
    ("supervisor", "/console/deadlines/calendar/2026-03"),
    ("supervisor", "/console/access"),
    ("supervisor", "/console/statistics"),
    ("supervisor", "/console/search?q=春禾"),
    ("supervisor", "/console/v1/entities/{entity}/profile"),
    ("supervisor", "/console/v1/entities/{entity}/trail"),
)


def run(quick: bool = False) -> None:
    """Print the time of each page."""
    in_folder(_measured, quick)


def _measured(folder: Path, quick: bool) -> None:
    _, large = ledgers(folder, QUICK if quick else EVENTS)
    entity = subjects(folder)["entity"][0]
    with served(large, entity) as server:
        sessions = {role: _signed_in(server, role) for role in sorted({who for who, _ in PAGES})}
        for role, page in PAGES:
            address, times = page.format(entity=entity), []
            for _ in range(TIMES):
                began = time.perf_counter()
                answer = sessions[role].get(address)
                times.append((time.perf_counter() - began) * 1_000)
                assert answer.status_code == 200, (answer.status_code, address)
            taken, most = median(times), TARGETS.get(page, OTHERS)
            missed = "" if taken <= most else f"  more than {most:g}"
            print(f"{role:<11} {page:<58} {taken:>7.1f} ms{missed}", flush=True)


def _signed_in(server: Server, role: str) -> httpx.Client:
    base = f"http://127.0.0.1:{server.port}"
    client = httpx.Client(base_url=base, timeout=60, headers={"Origin": base})
    answer = client.post("/console/sign-in", data={"token": server.tokens[role]})
    assert answer.headers["Location"] == "/console", answer.status_code
    return client


def main() -> None:
    """Run the benchmark by itself."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.console", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"with {QUICK} events")
    run(parser.parse_args().quick)


if __name__ == "__main__":
    main()
