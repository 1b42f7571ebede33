"""Row 5: rebuilding all views from zero, compared with the library's ``ProjectionRunner``."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from eventsourcing.application import Application
from eventsourcing.persistence import Tracking
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.sqlite import SQLiteTrackingRecorder

from benchmarks.importing import Restaurant, make_register
from benchmarks.measuring import in_turns, report
from ledger.intake.run import import_register
from ledger.opening import LEDGER_CLOCK, open_ledger
from ledger.stores.sqlite import SQLiteRecorder
from projections.follower import Follower
from projections.opening import open_views


class Counted(SQLiteTrackingRecorder):
    """A minimal view for the library, as durable as ours: one counter per business."""

    def construct_create_table_statements(self) -> list[str]:
        """Create the tracking table and the table of counters."""
        return [
            *super().construct_create_table_statements(),
            "CREATE TABLE IF NOT EXISTS citations (business TEXT PRIMARY KEY, count INTEGER)",
        ]

    def count(self, business: str, tracking: Tracking) -> None:
        """Count one event and store its position, in one transaction."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(
                "INSERT INTO citations VALUES (?, 1) "
                "ON CONFLICT (business) DO UPDATE SET count = count + 1",
                (business,),
            )


class Citations(Projection[Counted]):
    """A projection that counts every event."""

    name = "citations"
    topics = ()

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Count one event of the application."""
        self.view.count(str(domain_event.originator_id), tracking)


class Register(Application[Any]):
    """Return the library's application with the events of the register."""


def library_rate(folder: Path, events: int) -> float:
    """Return the events per second of the library's runner.

    Its SQLite recorder does not support subscriptions, so its events are in memory, which is
    faster.
    """
    restaurants = []
    for number in range(events // 20):
        restaurant = Restaurant(str(number))
        for code in range(19):
            restaurant.cite("2014-01-01", "kind", str(code))
        restaurants.append(restaurant)
    env = {
        "CITATIONS_PERSISTENCE_MODULE": "eventsourcing.sqlite",
        "CITATIONS_SQLITE_DBNAME": str(folder / f"{uuid4().hex}.db"),
    }
    with ProjectionRunner(
        application_class=Register, projection_class=Citations, view_class=Counted, env=env
    ) as runner:
        # Saved at once, so that the runner finds all events waiting.
        runner.app.save(*restaurants)
        started = time.perf_counter()
        last = runner.app.recorder.max_notification_id()
        runner.wait(last, timeout=120)
        return (last or 0) / (time.perf_counter() - started)


@contextmanager
def ledger_of(folder: Path, rows: int) -> Iterator[SQLiteRecorder]:
    """Make a ledger with an imported register."""
    make_register(folder, rows, random.Random(1))
    with SQLiteRecorder(folder / "ledger.db") as recorder:
        with open_ledger(recorder) as ledger:
            import_register(ledger, "nyc-restaurants", folder, actor=LEDGER_CLOCK)
        yield recorder


def rebuild_rate(recorder: SQLiteRecorder, folder: Path) -> float:
    """Return the events per second of a rebuild of all views."""
    views = open_views(f"sqlite:///{folder / uuid4().hex}.db")
    try:
        with Follower(recorder, views) as follower:
            started = time.perf_counter()
            follower.catch_up()
            return recorder.head() / (time.perf_counter() - started)
    finally:
        views.close()


def run(quick: bool = False) -> None:
    """Measure and print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ledger_of(folder, 5_000 if quick else 40_000) as recorder:
            figures = in_turns(
                lambda: rebuild_rate(recorder, folder),
                lambda: library_rate(folder, 2_000 if quick else 10_000),
                rounds=3,
            )
            report("rebuild of all views ÷ library's ProjectionRunner", *figures, 20, "events/s")
