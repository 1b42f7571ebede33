"""What the tests of the reading side may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from projections.follower import Follower, Views
from projections.opening import all_views
from projections.tables import open_engine
from tests.empty import write_views
from tests.projections.facts import Past


@pytest.fixture
def past() -> Past:
    return Past(InMemoryDCBRecorder())


@pytest.fixture
def views(tmp_path: Path) -> Iterator[Views]:
    write_views(tmp_path / "views.db")
    opened = Views(open_engine(f"sqlite:///{tmp_path / 'views.db'}"), all_views())
    yield opened
    opened.close()


@pytest.fixture
def follower(past: Past, views: Views) -> Iterator[Follower]:
    with Follower(past.recorder, views) as opened:
        yield opened
