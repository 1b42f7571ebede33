"""What all scenarios start from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.scenarios.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A service with the units, officers and businesses of the rulebook's §5."""
    async with World(tmp_path) as world:
        await world.given_region()
        yield world
