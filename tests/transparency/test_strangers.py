"""Programs that nobody here wrote check the served log; a changed byte does not pass."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tlog_scales.backend import HttpBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey
from tlog_scales.tiles import leaf_hash

from tests.go_programs import build
from tests.scenarios.world import World

# One worker builds the Go program, once.


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """More than one full tile of events, so that two levels of tiles are served."""
    async with World(tmp_path) as world:
        await world.given_region()
        for n in range(200):
            await world.send(
                "EDB", "entities/register-entity", entity=f"register:{n}", identity={"name": "行"}
            )
        assert world.recorder.head() > 256
        await asyncio.to_thread(world.service.keeper.wait_for, world.recorder.head(), 5)
        yield world


def address(world: World) -> str:
    return str(world.client.make_url("/v1/log"))


def read(world: World) -> tuple[TilesReader, Any]:
    """What tlog-scales makes of the log: the reader and the checkpoint, its signature checked."""
    backend = HttpBackend(address(world))
    backend.session.headers["Authorization"] = f"Bearer {world.tokens['JB']}"
    reader = TilesReader(backend)
    checkpoint = reader.get_checkpoint()
    vkey = world.service.keeper.log.signer.verifier().vkey()
    checkpoint.verify(Vkey.from_string(vkey))
    return reader, checkpoint


async def test_tlog_scales_verifies_the_log(world: World) -> None:
    """It finds the signed root in the tiles, each entry in the tree, and old trees in new ones."""

    def check() -> None:
        reader, checkpoint = read(world)
        assert checkpoint.size == world.recorder.head()
        assert reader.calculate_root_hash() == checkpoint.root_hash
        for index in (0, 1, 255, 256, checkpoint.size - 1):
            entry = reader.get_entry(index)
            proof = reader.get_inclusion_proof(index, checkpoint.size)
            proof.check(leaf_hash(entry), checkpoint.root_hash)
        log = world.service.keeper.log
        for old in (1, 200, 256, 257):
            reader.get_consistency_proof(old, checkpoint.size).check(
                log.root(old), checkpoint.root_hash
            )

    await asyncio.to_thread(check)


async def test_tlog_scales_finds_a_changed_tile(world: World) -> None:
    """One byte of one tile, and the root is not the signed one any more."""
    tiles = sqlite3.connect(world.path.with_name(world.path.name + ".tiles.db"))
    with tiles:
        (hashes,) = tiles.execute("SELECT hashes FROM tiles WHERE level = 0 AND n = 0").fetchone()
        changed = bytearray(hashes)
        changed[1_000] ^= 1
        tiles.execute("UPDATE tiles SET hashes = ? WHERE level = 0 AND n = 0", (bytes(changed),))
    tiles.close()

    def check() -> None:
        reader, checkpoint = read(world)
        neighbour = 1_000 // 32 - 1  # whose proof needs the hash beside it
        entry = reader.get_entry(neighbour)
        proof = reader.get_inclusion_proof(neighbour, checkpoint.size)
        with pytest.raises(Exception, match=r"."):
            proof.check(leaf_hash(entry), checkpoint.root_hash)

    await asyncio.to_thread(check)


async def test_tlog_scales_finds_a_changed_event(world: World) -> None:
    """One byte of one stored event, and its proof holds no more."""
    ledger = sqlite3.connect(world.path)
    with ledger:
        ledger.execute("DROP TRIGGER events_no_UPDATE")
        (data,) = ledger.execute("SELECT data FROM events WHERE position = 300").fetchone()
        changed = bytearray(data)
        changed[50] ^= 1
        ledger.execute("UPDATE events SET data = ? WHERE position = 300", (bytes(changed),))
    ledger.close()

    def check() -> None:
        reader, checkpoint = read(world)
        proof = reader.get_inclusion_proof(299, checkpoint.size)
        with pytest.raises(Exception, match=r"."):
            proof.check(leaf_hash(reader.get_entry(299)), checkpoint.root_hash)

    await asyncio.to_thread(check)


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go program beside this file, built with the packages that come with Go itself."""
    return build(Path(__file__).parent / "stranger/main.go", tmp_path_factory, sumdb=True)


async def asked(world: World, stranger: Path) -> tuple[int, str]:
    vkey = world.service.keeper.log.signer.verifier().vkey()
    done = await asyncio.to_thread(
        subprocess.run,
        [str(stranger), address(world), vkey, world.tokens["JB"]],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout


async def test_go_verifies_the_log(world: World, stranger: Path) -> None:
    """Go's sumdb/note and sumdb/tlog find every entry in the signed tree."""
    size = world.recorder.head()

    assert await asked(world, stranger) == (0, f"{size} entries verified\n")


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("", ("DROP TRIGGER events_no_UPDATE", "UPDATE events SET data = zeroblob(9)")),
        (".tiles.db", ("UPDATE tiles SET hashes = zeroblob(8192) WHERE level = 0 AND n = 0",)),
        (
            ".signed.db",
            ("DROP TRIGGER signed_no_update", "UPDATE signed SET text = replace(text, '3', '4')"),
        ),
    ],
)
async def test_go_finds_what_was_changed(
    world: World, stranger: Path, file: str, changes: tuple[str, ...]
) -> None:
    """An entry, a tile or a checkpoint that was changed does not pass."""
    connection = sqlite3.connect(world.path.with_name(world.path.name + file))
    with connection:
        for change in changes:
            connection.execute(change)
    connection.close()

    assert (await asked(world, stranger))[0] == 1
