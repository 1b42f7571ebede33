"""The views that tests lay for a service are those that it would make itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from api.service import Service
from ledger.stores.naming import sibling
from projections.follower import PLACES
from tests.empty import lay_views


def test_a_service_begins_alike_with_laid_views(tmp_path: Path) -> None:
    """The same tables and indexes; and every view is followed from zero to the same place."""
    made, laid = tmp_path / "made.db", tmp_path / "laid.db"
    lay_views(laid)
    begun = [_begun(ledger) for ledger in (made, laid)]
    assert begun[0] == begun[1]
    tables, places, wrong = begun[0]
    assert len(tables) > len(places) > 80
    assert not wrong


def _begun(ledger: Path) -> tuple[list[Any], list[Any], list[str]]:
    with Service(f"sqlite:///{ledger}") as service:
        head = service.recorder.head()
        assert service.follower.wait_for(head, 60)
        wrong = [health.view for health in service.follower.health() if health.error]
    with closing(sqlite3.connect(sibling(ledger, "views"))) as views:
        tables = views.execute("SELECT type, name, sql FROM sqlite_schema").fetchall()
        places = views.execute(f"SELECT view, fingerprint, position, tables FROM {PLACES.name}")
        return sorted(tables, key=str), sorted(places.fetchall()), wrong
