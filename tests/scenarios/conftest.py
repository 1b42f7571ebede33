"""What all scenarios start from."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.scenarios.answerable import unanswerable
from tests.scenarios.world import World


@pytest.fixture
async def world(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """A service with the units, officers and businesses of the rulebook's §5."""
    async with World(tmp_path) as world:
        world.follows_inbox = bool(re.match(r"test_s[0-9]", request.path.name))
        await world.given_region()
        yield world
        if world.follows_inbox:
            # Whatever still waits when the scenario ends can be answered.
            assert await unanswerable(world) == []
