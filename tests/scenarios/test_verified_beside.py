"""Verification looks at what lies beside the records by their word: pieces, and persons' keys."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from api.service import Service
from ledger.opening import blobs_folder, sibling
from ledger.vault.store import VaultError
from ledger.verification import Files, Verification, verify_ledger
from tests.scenarios.world import World
from tests.transparency.keeping import Kept


def verified(path: Path) -> Verification:
    return verify_ledger(Files.of(path), workers=1)


@pytest.mark.parametrize("how", ["damaged", "missing"])
def test_a_roster_that_is_frozen_and_not_announced(tmp_path: Path, how: str) -> None:
    """A piece that no draw has come to yet is held against its digest as the others are."""
    kept = Kept(tmp_path / "ledger.db")
    digest = kept.freeze(b"roster")
    kept.sign()
    position = kept.recorder.head()
    kept.close()
    piece = blobs_folder(kept.path) / digest[:2] / digest
    assert verified(kept.path).faults == ()

    piece.write_bytes(b"r0ster") if how == "damaged" else piece.unlink()
    (fault,) = verified(kept.path).faults

    assert (fault.where, fault.position) == (f"blob {digest}", position)
    assert f"is {how}" in fault.what


async def persons(world: World) -> list[str]:
    """Two persons registered, and one who was erased."""
    tokens = []
    for name in ("甲", "乙", "丙"):
        answer = await world.send("JB", "persons/register-person", name=name)
        tokens.append(answer["events"][0]["body"]["person"])
    await world.send(
        "JB",
        "persons/erase-person",
        person=tokens[2],
        reason="consent_withdrawn",
        legal_basis=[{"instrument": "个人信息保护法", "article": "Art. 47"}],
    )
    return tokens


@pytest.fixture
async def registered(tmp_path: Path) -> tuple[Path, list[str]]:
    """A ledger at rest, and its persons."""
    async with World(tmp_path) as world:
        await world.given_region()
        tokens = await persons(world)
    found = verified(world.path)
    assert (found.faults, found.counts["persons"]) == ((), 2)
    return world.path, tokens


def in_vault(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(sibling(path, "vault"))) as vault:
        assert vault.execute(statement).rowcount
        vault.commit()


def refused(path: Path) -> str:
    """Why the service does not start; it makes no vault by that."""
    there = sibling(path, "vault").exists()
    with pytest.raises(VaultError) as refusal:
        Service(f"sqlite:///{path}")
    assert sibling(path, "vault").exists() is there
    return str(refusal.value)


def test_keys_that_open_nothing(registered: tuple[Path, list[str]]) -> None:
    """A vault of other keys is found, person by person, and not served with."""
    path, tokens = registered
    in_vault(path, "UPDATE keys SET secret = zeroblob(64) WHERE secret IS NOT NULL")
    faults = verified(path).faults

    assert {fault.where for fault in faults} == {f"person {token}" for token in tokens[:2]}
    assert all("does not open the sealed data" in fault.what for fault in faults)
    assert "2 persons" in refused(path)


def test_a_vault_that_is_gone(registered: tuple[Path, list[str]]) -> None:
    """No empty one takes its place unasked; with the loss accepted the service says so."""
    path, tokens = registered
    sibling(path, "vault").unlink()
    (fault,) = verified(path).faults

    assert fault.where == sibling(path, "vault").name
    assert "2 registered persons" in fault.what
    assert "--accept-lost-keys" in refused(path)
    with Service(f"sqlite:///{path}", accept_lost_keys=True) as service:
        assert "2 persons were lost" in service._vault_check().detail
    assert {fault.where for fault in verified(path).faults} == {f"person {t}" for t in tokens[:2]}


def test_a_vault_that_goes_while_it_serves(registered: tuple[Path, list[str]]) -> None:
    """The service says that it is not ready."""
    path, _ = registered
    with Service(f"sqlite:///{path}") as service:
        assert service._vault_check().ready
        sibling(path, "vault").rename(path.with_name("away"))
        assert not service._vault_check().ready


def test_a_key_that_has_to_be_gone(registered: tuple[Path, list[str]]) -> None:
    """The key of somebody who was erased, brought back; the service destroys it at its start."""
    path, tokens = registered
    in_vault(path, f"UPDATE keys SET secret = zeroblob(64) WHERE person = '{tokens[2]}'")
    (fault,) = verified(path).faults

    assert fault.where == f"person {tokens[2]}"
    assert "the person was erased, and the key still exists" in fault.what
    Service(f"sqlite:///{path}").close()
    assert verified(path).faults == ()


def test_a_vault_that_is_no_database(registered: tuple[Path, list[str]]) -> None:
    """Garbage in its place is a fault that names the file."""
    path, _ = registered
    sibling(path, "vault").write_bytes(b"garbage" * 1000)
    (fault,) = verified(path).faults

    assert fault.where == sibling(path, "vault").name
