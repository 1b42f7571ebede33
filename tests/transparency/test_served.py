"""The log as it is served: strangers' programs read it, and auditors alone see entries."""

from __future__ import annotations

import asyncio
import json
import re
import struct
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.log import receipts
from ledger.kernel import codec
from ledger.systems.grading.events import CreditGradeAssigned
from ledger.transparency.checkpoints import parse_checkpoint
from ledger.transparency.merkle import leaf_hash, root_of, verify_consistency
from ledger.transparency.notes import Signer, Verifier, parse_note, parse_vkey, verified
from ledger.transparency.proofs import ProofError, parse_receipt
from ledger.transparency.store import LogKey
from ledger.transparency.tiles import WITHHELD, entry, leaves_of, withheld
from tests.cast import E_A
from tests.page_scripts import answers
from tests.scenarios.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as world:
        await world.given_region()
        yield world


async def fetched(world: World, path: str, who: str | None = None) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {world.tokens[who]}"} if who else {}
    if path.endswith("/trail"):
        headers["X-Position-AtLeast"] = str(world.recorder.head())
    async with world.client.get(path, headers=headers) as response:
        return response.status, await response.read()


async def key_of(world: World) -> Verifier:
    return parse_vkey((await fetched(world, "/v1/log/key"))[1].decode())


async def covering(world: World, size: int) -> Any:
    """The checkpoint, verified, once it covers ``size`` events: within a second by itself."""
    for _ in range(60):
        status, body = await fetched(world, "/v1/log/checkpoint")
        if status == 200:
            note = parse_note(body)
            assert verified(note, [await key_of(world)])
            checkpoint = parse_checkpoint(note.text)
            if checkpoint.size >= size:
                return checkpoint
        await asyncio.sleep(0.05)
    raise AssertionError("no checkpoint came")


async def test_the_tree_is_that_of_the_records(world: World) -> None:
    """Anybody rebuilds the root from the tiles, and an auditor the tiles from the entries."""
    head = world.recorder.head()
    checkpoint = await covering(world, head)
    assert checkpoint.size == head

    status, tile = await fetched(world, f"/v1/log/tile/0/000.p/{head}")
    assert status == 200
    hashes = [tile[i : i + 32] for i in range(0, len(tile), 32)]
    assert root_of(hashes) == checkpoint.root

    status, bundle = await fetched(world, f"/v1/log/tile/entries/000.p/{head}", "JB")
    assert status == 200
    entries = []
    while bundle:
        (length,) = struct.unpack_from(">H", bundle)
        entries.append(bundle[2 : 2 + length])
        bundle = bundle[2 + length :]
    assert [leaf_hash(entry) for entry in entries] == hashes


async def test_what_is_kept_from_an_auditor_is_withheld(world: World) -> None:
    """The bureau's bundle has the hash of a complaint about the bureau, and none of its bytes."""
    for complaint, subject, handler in (("CMP-A", "JB", "RECON"), ("CMP-B", "MRB", "JB")):
        await world.send(
            "E-A",
            "complaints/receive-complaint",
            complaint=complaint,
            entity=E_A,
            channel="web",
            subject_unit=subject,
            facts="来了两个人",
            anonymous=False,
            handled_by=handler,
        )
    await world.send("RECON", "complaints/acknowledge-complaint", complaint="CMP-A")
    head = world.recorder.head()
    checkpoint = await covering(world, head)
    status, bundle = await fetched(world, f"/v1/log/tile/entries/000.p/{head}", "JB")
    assert status == 200
    leaves = list(leaves_of(bundle))
    assert root_of([leaf for _, leaf in leaves]) == checkpoint.root
    rows = world.recorder.rows(0, head)
    kept = [row.type for row, (data, _) in zip(rows, leaves, strict=True) if data is None]
    hidden = [position for position in range(1, head + 1)
              if (await fetched(world, f"/v1/events/{position}", "JB"))[0] == 404]  # fmt: skip
    assert hidden == [n for n, (data, _) in enumerate(leaves, 1) if data is None]
    assert {"complaints.complaint-received", "complaints.complaint-acknowledged"} <= {*kept}
    assert b"CMP-A" not in bundle
    assert b"CMP-B" in bundle
    for row, (data, leaf) in zip(rows, leaves, strict=True):
        assert leaf == leaf_hash(row.data)
        assert data in (None, row.data)


@pytest.mark.parametrize(
    "bundle",
    [b"\0", b"\0\5abc", b"\0\0", entry(WITHHELD), entry(WITHHELD + bytes(31)), withheld(bytes(33))],
)
def test_what_is_no_bundle(bundle: bytes) -> None:
    """A bundle that is cut, or withholds other than a hash, is told from a whole one."""
    with pytest.raises(ValueError, match="entry"):
        list(leaves_of(bundle))


async def test_entries_are_for_auditors(world: World) -> None:
    """Whoever is none is told where to get the proof of a single event."""
    await covering(world, 5)
    assert (await fetched(world, "/v1/log/tile/entries/000.p/5"))[0] == 401
    for who in ("MRB head", "EDB", "E-A"):
        status, body = await fetched(world, "/v1/log/tile/entries/000.p/5", who)
        assert (status, b"/proof" in body) == (403, True)


@pytest.mark.parametrize(
    "tile", ["0/000", "0/999.p/1", "7/000.p/1", "0/000.p/0", "x", "entries/000", "0/000.p/256"]
)
async def test_tiles_that_are_not_there(world: World, tile: str) -> None:
    """A tile that does not exist is 404, whoever asks, however it is written."""
    await covering(world, 5)
    assert (await fetched(world, f"/v1/log/tile/{tile}", "JB"))[0] == 404


async def test_a_receipt(world: World) -> None:
    """A business fetches the receipt of an event about it and checks it without the service."""
    position = world.recorder.head()
    graded = await fetched(world, f"/v1/entities/{E_A}/trail", "E-A")
    assert graded[0] == 200
    key = await key_of(world)
    found = [p for p in range(1, position + 1) if await _has_record(world, p, "E-A")]
    for at in found[-2:]:
        status, receipt = await fetched(world, f"/v1/events/{at}/proof", "E-A")
        assert status == 200
        _, record = await fetched(world, f"/v1/events/{at}/record", "E-A")
        parse_receipt(receipt).verify(record, [key])
        with pytest.raises(ProofError):
            parse_receipt(receipt).verify(record + b" ", [key])
        with pytest.raises(ProofError):
            parse_receipt(receipt.replace(b"index %d" % (at - 1), b"index %d" % at)).verify(
                record, [key]
            )
        assert parse_receipt(receipt).encode() == receipt


async def test_a_receipt_to_keep(world: World) -> None:
    """A page that holds record and proof and checks them, alone, and runs no script but its own."""
    for at in range(world.recorder.head(), 0, -1):
        if await _has_record(world, at, "E-A"):
            break
    headers = {"Authorization": f"Bearer {world.tokens['E-A']}"}
    async with world.client.get(f"/v1/events/{at}/receipt", headers=headers) as response:
        assert response.status == 200
        policy, html = response.headers["Content-Security-Policy"], await response.text()
    assert "default-src 'none'; " in policy
    for element in ("script", "style"):
        for text in re.findall(f"<{element}>(.*?)</{element}>", html, re.DOTALL):
            digest = b64encode(sha256(text.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy
    assert not re.search(r"://|innerHTML|\bsrc=| href=|\{\{", html)

    kept = in_page(html)
    (key,) = kept["keys"]
    parse_receipt(kept["proof"].encode()).verify(b64decode(kept["record"]), [parse_vkey(key)])
    _, record = await fetched(world, f"/v1/events/{at}/record", "E-A")
    assert b64decode(kept["record"]) == record

    other = (await other_key(world)).vkey()
    changed = kept | {"record": b64encode(record.replace(b"2026", b"2025")).decode()}
    (own, given), (_, wrong), (forged,), (_, blind) = answers(
        pages=[
            opened(html, key=key),
            opened(html, key=other),
            opened(html, changed),
            opened(html, key=key, blind="an old browser"),
        ]
    )["pages"]
    assert "must still compare" in blind["verdict"]
    assert "? this browser cannot check the Ed25519 signature" in blind["report"]
    assert "must still compare" in own["verdict"]
    assert f"compare it: {key}" in own["report"]
    assert "unchanged" in given["verdict"]
    assert "✓ that checkpoint was signed with the key that you gave" in given["report"]
    stored = codec.decode(at, record)
    assert isinstance(stored.event, CreditGradeAssigned)
    for shown in (stored.event.entity, stored.event.scheme, stored.envelope.actor.person_id):
        assert shown in own["event"]
    assert "not signed by it" in wrong["report"]
    assert "differs" in wrong["verdict"]
    assert "✗ the record is not proven to be in the log" in forged["report"]


def in_page(html: str) -> dict[str, Any]:
    """What the page of a receipt holds."""
    found = re.search(r'id="receipt">(.*?)</script>', html)
    assert found
    kept: dict[str, Any] = json.loads(found[1])
    return kept


def opened(html: str, kept: dict[str, Any] | None = None, **given: str) -> dict[str, Any]:
    """The page as a browser opens it, with something else in it if ``kept`` is said."""
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    return {"receipt": json.dumps(kept or in_page(html)), "scripts": scripts, **given}


async def other_key(world: World) -> Verifier:
    """A key of the log's name that is not the log's."""
    return Signer((await key_of(world)).name, Ed25519PrivateKey.generate()).verifier()


def test_a_receipt_names_the_keys_that_held() -> None:
    """A checkpoint from before a change of keys is signed by the old one, that of it by both."""
    keys = [LogKey(0, "first"), LogKey(139, "second")]
    assert receipts.holding(keys, 138) == ("first",)
    assert receipts.holding(keys, 139) == ("first", "second")
    assert receipts.holding(keys, 140) == ("second",)
    assert receipts.holding(keys[:1], 7) == ("first",)


async def test_the_page_is_for_those_who_may_know_who_acted(world: World) -> None:
    """It holds the record, so it is refused to whom the record is refused."""
    withheld: Counter[str | None] = Counter()
    for at in range(1, world.recorder.head() + 1):
        for who in (None, "E-A", "JB"):
            status, body = await fetched(world, f"/v1/events/{at}", who)
            record, _ = await fetched(world, f"/v1/events/{at}/record", who)
            page, html = await fetched(world, f"/v1/events/{at}/receipt", who)
            assert page == record
            assert page == 200 or b"script" not in html
            if status == 200:
                event = json.loads(body)
                hidden = event["actor"]["person_id"] == "withheld"
                assert (record == 403) is hidden
                assert (event["command_id"] == "withheld") is hidden, "it tells who acted"
                withheld[who] += hidden
    assert withheld[None] > 20
    assert withheld["E-A"] > 20, "what is not about the business itself"
    assert withheld["JB"] == 0


def test_no_record_ends_the_script() -> None:
    """Whatever an event says, it stays data within the page."""
    hostile = "</script><script>alert(1)</script><!--"
    page = receipts.page_of(receipts.Kept(1, hostile, hostile, hostile, (hostile,)))
    assert "alert" in page
    assert "<script>alert" not in page
    assert page.count("</script>") == 3
    assert "<!--" not in page


async def _has_record(world: World, position: int, who: str) -> bool:
    return (await fetched(world, f"/v1/events/{position}/record", who))[0] == 200


async def _may_read(world: World, position: int, who: str) -> bool:
    return (await fetched(world, f"/v1/events/{position}", who))[0] == 200


async def test_no_receipt_of_what_is_not_seen(world: World) -> None:
    """The proof of an event is as hidden as the event."""
    everything = range(1, world.recorder.head())
    hidden = [p for p in everything if not await _may_read(world, p, "E-A")]
    for what in ("proof", "record"):
        path = f"/v1/events/{hidden[0]}/{what}"
        assert (await fetched(world, path, "E-A"))[0] == 404
    assert (await fetched(world, "/v1/events/999999/proof", "JB"))[0] == 404


async def test_yesterday_is_the_beginning_of_today(world: World) -> None:
    """Between any two sizes there is a proof that the first is the beginning of the second."""
    head = (await covering(world, world.recorder.head())).size
    for old, new in ((0, head), (1, head), (3, 7), (head - 1, head), (head, head)):
        status, body = await fetched(world, f"/v1/log/consistency?old={old}&new={new}")
        assert status == 200
        said = json.loads(body)
        verify_consistency(
            old,
            new,
            [b64decode(one) for one in said["proof"]],
            b64decode(said["old_root"]),
            b64decode(said["new_root"]),
        )
    assert (await fetched(world, f"/v1/log/consistency?old=0&new={head + 1}"))[0] == 400
    assert (await fetched(world, "/v1/log/consistency?old=5&new=4"))[0] == 400


async def test_the_key_stays_secret(world: World) -> None:
    """The key file is its owner's alone."""
    key = world.path.with_name(world.path.name + ".key")

    assert key.stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE" not in (await fetched(world, "/v1/log/key"))[1]
