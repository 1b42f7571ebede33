"""The client against a real process, and against answers that a service seldom gives."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from supervision_ledger_client import Ledger
from tests.serving import Served


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A running service with the seed of the fixture ``ledger_service``."""
    with Served(tmp_path_factory.mktemp("served"), "--quiet") as service:
        service.seed()
        yield service


@pytest.fixture
def office(served: Served) -> Iterator[Ledger]:
    """The credit office's client."""
    with served.client("EDB", "EDB-1", "credit_officer") as client:
        yield client


@pytest.fixture
def bank(served: Served) -> Iterator[Ledger]:
    """The client of a partner's system, which has a subscription."""
    with served.client("BANK", "SYSTEM-1", "subscriber_system") as client:
        yield client
