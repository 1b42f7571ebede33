"""Tokens: who a caller is, for how long, and how fast that ends."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from api.http import tokens as tokens_module
from api.http.tokens import Tokens
from ledger.stores import StoreError
from tests.api.conftest import Face


def test_created(tokens: Tokens) -> None:
    """A token names its unit, person, role and entity, and is found by itself alone."""
    token = tokens.create("E", "P-1", "entity_rep", entity="reg:1")
    grant = tokens.lookup(token)
    assert grant is not None
    assert (grant.unit, grant.person, grant.role, grant.entity) == (
        "E",
        "P-1",
        "entity_rep",
        "reg:1",
    )
    assert tokens.lookup(token + "x") is None
    assert tokens.lookup(token[:-1]) is None
    assert tokens.lookup("") is None
    assert tokens.lookup("\udcff") is None


def test_stored_hashed(tmp_path: Path) -> None:
    """The file holds no token, and is its owner's alone."""
    path = tmp_path / "t.sqlite"
    with Tokens.open(path) as tokens:
        token = tokens.create("MRB", "P-1", "office_head")
    content = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert token.encode() not in content
    assert token.removeprefix("slt_").encode() not in content
    assert path.stat().st_mode & 0o077 == 0


def test_long_and_random(tokens: Tokens) -> None:
    """Tokens carry 256 random bits and can be recognised by a scanner."""
    made = {tokens.create("MRB", "P-1", "office_head") for _ in range(20)}
    assert len(made) == 20
    assert all(t.startswith("slt_") and len(t) == 47 for t in made)


@pytest.mark.parametrize(
    ("unit", "person", "role", "entity"),
    [
        ("MRB", "P", "emperor", None),
        ("", "P", "office_head", None),
        ("MRB", " ", "office_head", None),
        ("MRB", "P", "entity_rep", None),
        ("MRB", "P", "office_head", "reg:1"),
        ("M RB", "P", "office_head", None),
        ("MRB\n", "P", "office_head", None),
        ("市场监管局", "P", "office_head", None),
        ("\udcff", "P", "office_head", None),
        ("M" * 121, "P", "office_head", None),
        ("MRB", "张三", "office_head", None),
        ("MRB", "P\x00", "office_head", None),
        ("E", "P", "entity_rep", "91620100MA7LX0017Z"),
        ("E", "P", "entity_rep", "99990000MA7LX0017J"),
    ],
)
def test_impossible(tokens: Tokens, unit: str, person: str, role: str, entity: str | None) -> None:
    """A token is not made that names what could not be read back from a record; it says why."""
    with pytest.raises(ValueError, match=r"must|wrong check character"):
        tokens.create(unit, person, role, entity)  # type: ignore[arg-type]
    assert tokens.list() == []


@pytest.mark.parametrize("unit", ["M RB", "市场监管局", "M" * 121])
async def test_an_unusable_token_of_an_earlier_program(face: Face, unit: str) -> None:
    """It is answered 401 and not 500, by a read and by a command."""
    with sqlite3.connect(face.tokens.path) as file:
        file.execute("UPDATE tokens SET unit = ? WHERE unit = 'MRB'", (unit,))
    file.close()
    for path in ("/v1/feed", "/v1/events/1"):
        assert (await face.get(path, face.mrb)).status == 401
    assert (await face.post("note-thing", {"thing": "T-1"}, face.mrb)).status == 401


def test_expires() -> None:
    """A token is good through the civil date on which it expires and no longer, cached or not."""
    now = datetime(2026, 10, 20, 15, 59, tzinfo=UTC)  # 23:59 on the civil date
    tokens = Tokens.open(":memory:", clock=lambda: now)
    token = tokens.create("MRB", "P", "office_head", expires_on=date(2026, 10, 20))
    assert tokens.lookup(token) is not None
    assert tokens.cached(token) is not None
    now += timedelta(minutes=1)
    assert tokens.cached(token) is None
    assert tokens.lookup(token) is None


def test_revoked(tokens: Tokens) -> None:
    """A revoked token is unknown, and stays in the list with the day it ended."""
    token, other = (tokens.create("MRB", p, "office_head") for p in ("P-1", "P-2"))
    assert tokens.lookup(token) is not None
    assert tokens.revoke(token)
    assert tokens.cached(token) is None
    assert tokens.lookup(token) is None
    assert tokens.lookup(other) is not None
    assert not tokens.revoke(token)
    assert sorted(e.revoked_at is None for e in tokens.list()) == [False, True]


def test_revoked_by_id(tokens: Tokens) -> None:
    """The listed id is enough to revoke, and too little of it revokes nothing."""
    token = tokens.create("MRB", "P-1", "office_head")
    (entry,) = tokens.list()
    assert not tokens.revoke(entry.id[:4])
    assert not tokens.revoke("")
    assert tokens.revoke(entry.id)
    assert tokens.lookup(token) is None


async def test_revoked_in_a_running_server(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token revoked by another process stops working within the recheck time."""
    assert (await face.post("note-thing", {"thing": "T-1"}, face.mrb)).status == 201
    with Tokens.open(face.tokens.path) as other:
        assert other.revoke(face.mrb)
    monkeypatch.setattr(tokens_module, "RECHECK_SECONDS", 0.0)
    assert (await face.post("note-thing", {"thing": "T-1"}, face.mrb)).status == 401
    assert face.head() == 1


def test_cache_is_bounded(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tokens are used, and however many are tried in vain, memory is bounded."""
    monkeypatch.setattr(tokens_module, "MAX_CACHED", 5)
    for n in range(20):
        assert tokens.lookup(tokens.create("MRB", f"P-{n}", "office_head")) is not None
        assert tokens.lookup(f"slt_{n}") is None
    assert len(tokens._cache) <= 5


def test_closed_twice(tmp_path: Path) -> None:
    """Closing may be repeated."""
    tokens = Tokens.open(tmp_path / "t")
    tokens.close()
    tokens.close()
    with pytest.raises(StoreError):
        tokens.list()
