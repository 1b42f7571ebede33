"""After any sequence over several systems the invariants of rulebook 2.17 hold."""

from __future__ import annotations

import os

import pytest

from tests.invariants.asking import Desk
from tests.invariants.checks import clock_applies_what_is_shown, standing
from tests.invariants.twins import unchanged_by_protection
from tests.invariants.walks import Move, shrunk, town, walked
from tests.sequences.town import Town

#: How many walks, and the first seed: more of them for a long search.
ROUNDS = int(os.environ.get("INVARIANT_ROUNDS", "2"))
SEED = int(os.environ.get("INVARIANT_SEED", "0"))
#: Steps before each of the moments at which everything is looked at.
STRETCHES = tuple(int(n) for n in os.environ.get("INVARIANT_STEPS", "100,140").split(","))
#: How often a sequence that shows a fault is tried with parts left out.
TRIES = int(os.environ.get("INVARIANT_TRIES", "60"))


async def everything(town: Town, desk: Desk) -> list[str]:
    """What is wrong in a town as it stands, and without what protects its businesses."""
    return [*await standing(town, desk), *unchanged_by_protection(town)]


async def at_once(town: Town) -> list[str]:
    """All that a sequence can show, looked at once it is over."""
    async with Desk(town.service) as desk:
        found = await everything(town, desk)
        return found or await clock_applies_what_is_shown(town, desk)


@pytest.mark.parametrize("seed", range(SEED, SEED + ROUNDS))
async def test_what_holds_after_any_sequence(seed: int) -> None:
    """Grades, bounds, public traces, visits, caps, what-ifs, views, and what protects nobody."""
    moves: list[Move] = []
    with town() as made:
        walk = walked(made, seed)
        async with Desk(made.service) as desk:
            for steps in STRETCHES:
                walk.go(steps)
                if faults := await everything(made, desk):
                    break
            else:
                faults = await clock_applies_what_is_shown(made, desk, dates=1)
        moves = walk.moves
    if faults:
        few = await shrunk(moves, at_once, tries=TRIES)
        story = "\n".join(map(str, few))
        pytest.fail("\n".join([f"seed {seed}:", *faults, "by", story]), pytrace=False)
