"""``?dry_run=true``: what a command would record or be refused for, and nothing of it recorded."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from api.http.commands import DRY_RUNS
from ledger.stores.blobs import BlobMissing, Blobs, UnkeptBlobs
from ledger.vault.store import UnkeptKeys
from tests.api.conftest import Face


async def try_(face: Face, name: str, body: Any, token: str | None = "", **more: Any) -> Any:
    """Send a command as a dry run."""
    return await face.post(f"{name}?dry_run=true", body, token, **more)


async def test_what_would_be_recorded_is_told(face: Face) -> None:
    """The events are those that the same command then records; ids and positions are not told."""
    body = {"thing": "T-1", "times": 2, "occurred_at": "2026-01-05T09:00:00Z"}
    tried = await try_(face, "note-thing", body)
    told = await tried.json()
    assert (tried.status, told["dry_run"], face.head()) == (200, True, 0)
    assert tried.headers["Cache-Control"] == "no-store"
    assert not {"X-Position", "Location"} & set(tried.headers)
    recorded = (await (await face.post("note-thing", body)).json())["events"]
    assert len(told["events"]) == len(recorded) == 2
    for event, record in zip(told["events"], recorded, strict=True):
        # A record leaves out what is empty.
        assert {name: value for name, value in event.items() if value} == {
            name: record[name] for name in event if name in record
        }


async def test_a_refusal_is_the_same(face: Face) -> None:
    """The problem document says what it says of the command itself."""
    await face.post("lock-thing", {"thing": "T-1"})
    tried = await try_(face, "note-thing", {"thing": "T-1"})
    sent = await face.post("note-thing", {"thing": "T-1"})
    assert tried.status == sent.status == 422
    one, two = await tried.json(), await sent.json()
    assert {**one, "request_id": ""} == {**two, "request_id": ""}


async def test_nothing_to_record(face: Face) -> None:
    """A command that would record nothing has no events."""
    await face.post("lock-thing", {"thing": "T-1"})
    told = await (await try_(face, "lock-thing", {"thing": "T-1"})).json()
    assert told == {"events": [], "dry_run": True}


async def test_the_key_is_not_used_up(face: Face) -> None:
    """A key sent with a dry run still records the command, whatever was tried with it."""
    headers = {"Idempotency-Key": "k"}
    await try_(face, "note-thing", {"thing": "T-9"}, headers=headers)
    answer = await face.post("note-thing", {"thing": "T-1"}, headers=headers)
    assert (answer.status, face.head()) == (201, 1)
    tried = await try_(face, "note-thing", {"thing": "T-1"}, headers=headers)
    assert (tried.status, (await tried.json())["dry_run"], face.head()) == (200, True, 1)


async def test_commands_of_one_batch_do_not_see_it(face: Face) -> None:
    """Twenty commands at once, every other one a dry run that locks what the next one notes."""
    sent = []
    for _ in range(10):
        sent += [
            try_(face, "lock-thing", {"thing": "T-1"}),
            face.post("note-thing", {"thing": "T-1"}),
        ]
    statuses = [answer.status for answer in await asyncio.gather(*sent)]
    assert statuses == [200, 201] * 10
    assert face.head() == 10


async def test_who_may_not_send_may_not_try(face: Face) -> None:
    """Token, role, body and unknown parameters are checked first, as always."""
    assert (await try_(face, "lock-thing", {"thing": "T-1"}, None)).status == 401
    assert (await try_(face, "lock-thing", {"thing": "T-1"}, face.mrb)).status == 403
    assert (await try_(face, "note-thing", {"thing": ""})).status == 400
    assert (await face.post("note-thing?dry_run=perhaps", {"thing": "T-1"})).status == 400
    assert (await face.post("note-thing?dryrun=true", {"thing": "T-1"})).status == 400
    answer = await face.post("note-thing?dry_run=false", {"thing": "T-1"})
    assert (answer.status, face.head()) == (201, 1)


async def test_dry_runs_are_limited(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit of a minute a sender waits; others and true commands do not."""
    assert face.client.app is not None
    limits = face.client.app[DRY_RUNS]
    monkeypatch.setattr(limits, "per_minute", 3)
    monkeypatch.setattr(limits, "_clock", lambda: 60.0)
    tried = [(await try_(face, "note-thing", {"thing": "T-1"})).status for _ in range(4)]
    assert tried == [200, 200, 200, 429]
    assert (await try_(face, "note-thing", {"thing": "T-1"}, face.mrb)).status == 200
    assert (await face.post("note-thing", {"thing": "T-1"})).status == 201


def test_blobs_of_a_dry_run_are_not_kept(tmp_path: Path) -> None:
    """They can be read as long as the dry run lasts; kept ones can be read beside them."""
    kept = Blobs(tmp_path / "blobs")
    before = kept.put(b"before")
    trial = UnkeptBlobs(kept)
    new = trial.put(b"new")
    assert (trial.get(new), trial.get(before)) == (b"new", b"before")
    assert trial.has(new)
    assert list(kept.digests()) == [before]
    with pytest.raises(BlobMissing):
        kept.get(new)


def test_keys_of_a_dry_run_are_not_kept() -> None:
    """One command gets the same key again, two commands get two."""
    keys = UnkeptKeys()
    assert keys.mint("a") == keys.mint("a") != keys.mint("b")
    assert UnkeptKeys().mint("a") != keys.mint("a")
