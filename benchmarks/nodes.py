"""Durable decisions on PostgreSQL: one node and two, compared with the library's own recorder.

The decisions are those of ``benchmarks.decisions``. The server is a real one with its own settings
for durability, on this machine. Two nodes are two processes on one ledger, which share the cores
with the server. The library commits each decision separately, on its PostgreSQL recorder.
"""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.synchronize import Barrier

from benchmarks.decisions import booking_rate, planned_ledger, slice_rate_on
from benchmarks.measuring import in_turns, report
from ledger.kernel import Ledger
from ledger.stores.postgres import PostgresRecorder
from tests.postgres import PostgresServer, library_recorder

#: The least ratio of one node to the library, and of two nodes to one.
TARGET, TWO_NODES = 8.0, 1.0

SPAWN = multiprocessing.get_context("spawn")


def one_node(server: PostgresServer, commands: int) -> float:
    """Return the rate of bookings of one node in a new ledger."""
    with (
        server.database() as url,
        PostgresRecorder(url) as recorder,
        planned_ledger(recorder) as ledger,
    ):
        return booking_rate(ledger, commands)


def two_nodes(server: PostgresServer, commands: int) -> float:
    """Return the rate of bookings of two processes together in a new ledger."""
    with server.database() as url:
        with PostgresRecorder(url) as recorder, planned_ledger(recorder):
            pass
        ready = SPAWN.Barrier(3)
        nodes = [
            SPAWN.Process(target=_book, args=(url, ready, commands // 2, number * commands))
            for number in range(2)
        ]
        for node in nodes:
            node.start()
        ready.wait(60)
        started = time.perf_counter()
        for node in nodes:
            node.join()
        return commands / (time.perf_counter() - started)


def _book(url: str, ready: Barrier, commands: int, first: int) -> None:
    with PostgresRecorder(url) as recorder, Ledger(recorder) as ledger:
        ready.wait(60)
        booking_rate(ledger, commands, first)


def library(server: PostgresServer, commands: int) -> float:
    """Return the rate of the library's slice on the library's PostgreSQL recorder."""
    with server.database() as url, library_recorder(url) as recorder:
        return slice_rate_on(recorder, commands)


def run(quick: bool = False) -> None:
    """Measure and print the figures."""
    ours, theirs = (4_000, 400) if quick else (20_000, 2_000)
    rounds = 3 if quick else 5
    with PostgresServer(durable=True) as server:
        figures = in_turns(
            lambda: one_node(server, ours), lambda: library(server, theirs), rounds=rounds
        )
        report("decisions on PostgreSQL ÷ library's recorder", *figures, TARGET, "/s")
        figures = in_turns(
            lambda: two_nodes(server, ours), lambda: one_node(server, ours), rounds=rounds
        )
        report("decisions of two nodes ÷ of one", *figures, TWO_NODES, "/s")
