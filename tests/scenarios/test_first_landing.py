"""A ledger of the first landing opens, verifies, and is answered by the rules that hold now.

``tests/fixtures/first_landing.db.gz`` was written by the program of that time, through HTTP: a
record shown for three years under Order 58; a general penalty that was repaired; a general and a
serious one of another business, of which the serious one was altered to a general one in the words
of that time, and the general one revoked. It is never made anew.
"""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ledger.opening import LEDGER_CLOCK
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.policies.commands import SeedLedger
from ledger.verification.whole import verify_records
from tests.cast import E_B, E_C, E_D
from tests.scenarios.world import World

_KEPT = Path(__file__).parents[1] / "fixtures" / "first_landing.db.gz"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The ledger of then, served now."""
    (tmp_path / "ledger.db").write_bytes(gzip.decompress(_KEPT.read_bytes()))
    async with World(tmp_path, "2026-07-20") as world:
        yield world


def kept(folder: Path) -> SQLiteRecorder:
    path = folder / "kept.db"
    path.write_bytes(gzip.decompress(_KEPT.read_bytes()))
    return SQLiteRecorder(path)


async def test_changed_defaults_are_adopted_as_the_next_version(world: World) -> None:
    """With the day of the one before, its reason and GEN-V2; each once, however often it opens."""
    policies = {
        key: (await world.get("JB", f"/v1/policies/{key}"))["versions"]
        for key in ("severity.map", "process.mandatory_steps", "severity.serious_fine_fen")
    }
    assert [v["version"] for v in policies["severity.map"]] == [1, 2]
    first, second = policies["severity.map"]
    assert first["effective_from"] == second["effective_from"] == "2026-04-01"
    assert second["retroactive"] is True
    assert "changed since" in second["reason"]
    assert "closure_order" in second["value"]["serious"]
    steps = policies["process.mandatory_steps"][-1]["value"]
    assert steps["ordinary"]["party_ceased"] == ["initiate", "investigate"]
    assert [v["value"] for v in policies["severity.serious_fine_fen"]] == [100_000_000]
    found = {one["facts"]["key"] for one in await world.findings(rule_id="GEN-V2")}
    assert {"severity.map", "process.mandatory_steps"} <= found
    # What was not changed has no version more.
    assert len((await world.get("JB", "/v1/policies/visit_cap"))["versions"]) == 1
    head = world.recorder.head()
    again = world.service.ledger.execute(SeedLedger(), LEDGER_CLOCK)
    assert (again.events, world.recorder.head()) == ((), head)


async def test_records_follow_what_was_altered_before(world: World) -> None:
    """The alteration of then names two fields; the clock carries it over to the record."""
    before = await world.get("JB", f"/v1/entities/{E_B}/profile")
    assert before["grade"] == "D"
    world.tick()
    profile = await world.get("JB", f"/v1/entities/{E_B}/profile")
    [altered] = [one for one in profile["records"] if one["record"] == "CR-2"]
    assert (altered["severity"], altered["amount_fen"]) == ("general", 3_000_000)
    publicity = altered["publicity"]
    assert (publicity["min_until"], publicity["max_until"]) == ("2026-08-11", "2027-05-11")
    assert profile["grade"] == "C"
    # The general one was revoked: of its days nothing is left but the other penalty.
    for day, letter in (("2026-04-25", "B"), ("2026-05-20", "C")):
        then = await world.get("JB", f"/v1/entities/{E_B}/profile", valid_as_of=day)
        assert then["grade"] == letter, day


async def test_bounds_are_those_that_the_clock_applies(world: World) -> None:
    """Order 58 showed for three years; the transition to Order 36 is told everywhere at once."""
    world.tick()
    profile = await world.get("JB", f"/v1/entities/{E_D}/profile")
    # A year from the determination was over by then.
    assert profile["records_ended"] == {"max_reached": 1}
    rows = (await world.get("JB", "/v1/deadlines", about="record:CR-58"))["items"]
    assert not [row for row in rows if row["state"] == "open"]


async def test_the_page_of_a_repaired_penalty_is_gone(world: World) -> None:
    """Though it was published, and repaired, before the rule was there."""
    assert await world.status("public", "/v1/decisions/DEC-3") == 404
    shown = (await world.get("public", "/v1/decisions"))["items"]
    assert [one["decision"] for one in shown] == ["DEC-2", "DEC-1"]
    assert (await world.get("E-C", "/v1/decisions/DEC-3"))["decision"] == "DEC-3"
    assert (await world.get("public", f"/v1/entities/{E_C}/profile"))["records"] == []


def test_it_verifies(tmp_path: Path) -> None:
    """Every record of then is read, and no byte of it has changed."""
    recorder = kept(tmp_path)
    assert not verify_records(recorder).faults
