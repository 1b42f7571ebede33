"""The district of ``make run`` as tests read it: recorded once for a worker, served for a test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from api.district.story import tell
from api.district.table import district
from api.service import Service
from ledger.kernel.events import CIVIL_ZONE

#: When the story ends: a day with much of a year before it.
NOW = datetime(2026, 12, 1, 12, tzinfo=CIVIL_ZONE)


@pytest.fixture(scope="session")
def district_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("district")
    told = f"sqlite:///{folder / 'ledger.db'}"
    tell(told, NOW)
    return told


@pytest.fixture
def district_service(district_url: str) -> Iterator[Service]:
    with Service(district_url, clock=lambda: NOW) as opened:
        opened.follower.wait_for(opened.recorder.head(), 60)
        yield opened


@pytest.fixture
async def district_client(district_service: Service) -> AsyncIterator[TestClient[Any, Any]]:
    async with TestClient(TestServer(district_service.app())) as opened:
        yield opened


def tokens_of(service: Service) -> dict[str, str]:
    """Return a token for each person of the district, by key."""
    return {
        person.key: service.tokens.create(person.unit, person.id, person.role, entity=person.entity)
        for person in district().person
    }
