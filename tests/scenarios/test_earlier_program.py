"""A ledger and a backup of an earlier program open, verify and give the same views.

``tests/fixtures/second_landing.tar.xz`` was written by the program of 30 November 2026: the story
of a unit, told through HTTP, a backup of it, and the digest of every view as that program kept it.
It is never made anew; a view whose rows change on purpose is in ``CHANGED``, with the reason.
"""

from __future__ import annotations

import json
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from ledger.copies.restore import restore
from ledger.stores.sqlite import SQLiteRecorder
from ledger.verification.copies import verify_backup
from ledger.verification.whole import verify_records
from projections.follower import Follower, Views
from projections.opening import all_views
from projections.tables import digest, open_engine

_KEPT = Path(__file__).parents[1] / "fixtures" / "second_landing.tar.xz"

#: Views whose rows differ from those of that program, and why.
CHANGED: dict[str, str] = {
    "cases": "a column has the day of filing, by which cases are sorted",
    "experiences": "the text index holds the words that were a column",
    "outreach": "the text index holds the words that were a column",
    "trails": "each event has its day, its words and its facets, by which events are searched",
}

#: Tables that views keep since then, in addition to those of that program.
ADDED = {"grade_steps"}


def _rows(views: Views, name: str) -> list[int | str]:
    """The place and the digest of a view, without its tables that are new or of a text index."""
    view = views.views[name]
    search = getattr(view, "search", None)
    added = () if search is None else search.tables
    with views.reading() as connection:
        before = [t for t in view.tables if t not in added and t.name not in ADDED]
        return [views.place(connection, name), digest(connection, before)]


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The folder with the ledger, its backup and the digests."""
    with tarfile.open(_KEPT) as archive:
        # Early releases of 3.11 have no filters; the archive is our own.
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
        archive.extractall(tmp_path)  # noqa: S202
    return tmp_path


def test_its_records_are_unchanged(kept: Path) -> None:
    with SQLiteRecorder(kept / "ledger" / "ledger.db") as recorder:
        found = verify_records(recorder)

    assert (found.faults, found.records) == ((), 821)


def test_its_views_come_out_the_same(kept: Path) -> None:
    """Every row of every view, made anew from the events by the program of today."""
    then = json.loads((kept / "digests.json").read_text("utf-8"))
    with (
        SQLiteRecorder(kept / "ledger" / "ledger.db") as recorder,
        closing(Views(open_engine(f"sqlite:///{kept / 'views.db'}"), all_views())) as views,
        Follower(recorder, views) as follower,
    ):
        follower.catch_up()
        now = {name: _rows(views, name) for name in views.views}

    assert set(then) <= set(now)
    assert {name for name in then if then[name] != now[name]} == set(CHANGED)


def test_its_backup_verifies_and_is_restored(kept: Path) -> None:
    assert verify_backup(kept / "backup").faults == ()

    restore(kept / "backup", kept / "restored.db")
    with SQLiteRecorder(kept / "restored.db") as recorder:
        assert recorder.head() == 821
