"""Keys that somebody puts beside a ledger, and keys whose time is over: neither is believed."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.copies.backup import CopyError, make_backup
from ledger.copies.restore import restore
from ledger.opening import key_file, sibling
from ledger.transparency.checkpoints import Checkpoint, sign_checkpoint
from ledger.transparency.keys import read_key
from ledger.transparency.notes import Signer, Verifier, parse_vkey
from ledger.transparency.published import Published
from ledger.transparency.rotation import Rotated, rotate_key
from ledger.transparency.store import Signed
from ledger.verification import Files, verify_ledger
from tests.cast import actor
from tests.transparency.keeping import Kept
from tests.unguarded import unguarded

OPERATOR = actor("LEDGER", "operator", "ledger_clock")


def rotate(kept: Kept) -> Rotated:
    done = rotate_key(kept.ledger, kept.log, key_file(kept.path), OPERATOR)
    kept.register(900 + done.since, 2)
    kept.sign()
    return done


def faults(path: Path, *keys: Verifier) -> list[str]:
    found = verify_ledger(Files.of(path), keys=keys, workers=1)
    return [fault.words for fault in found.faults]


def change(path: Path, sql: str, *parameters: object) -> None:
    """Change the file of what was signed, as somebody would who has it."""
    with unguarded(sibling(path, "signed")) as sqlite:
        sqlite.execute(sql, parameters)
        sqlite.commit()


def by(signer: Signer, signed: Signed) -> str:
    """The signature lines of a checkpoint, by another key of the same name."""
    note = sign_checkpoint(Checkpoint(signer.name, signed.size, signed.root), signer)
    return "".join(signature.line() for signature in note.signatures)


def test_any_key_leads_to_the_others(kept: Kept) -> None:
    """Whoever knows one of the keys, from before or after changes, can check everything."""
    first = kept.vkey
    keys = [first, *(rotate(kept).new for _ in range(2))]
    kept.close()
    for vkey in keys:
        assert faults(kept.path, parse_vkey(vkey)) == []
    assert faults(kept.path) == []


def test_a_key_that_nobody_announced(kept: Kept) -> None:
    """A row in the file makes no key of the log, and signs nothing."""
    rotate(kept)
    newest = kept.sign()
    kept.close()
    forger = Signer(kept.log.origin, Ed25519PrivateKey.generate())
    vkey = forger.verifier().vkey()
    change(kept.path, "INSERT INTO keys VALUES (?, ?)", newest.size, vkey)
    (fault,) = faults(kept.path)
    assert fault.startswith("keys of the signed checkpoints: the key ")
    assert vkey in fault

    # Nor does it help that both seem to have signed: one of the two cannot be forged.
    change(
        kept.path,
        "UPDATE signed SET signatures = signatures || ? WHERE size = ?",
        by(forger, newest),
        newest.size,
    )
    assert len(faults(kept.path)) == 1


def test_another_ledger_beside_an_honest_key(kept: Kept, tmp_path: Path) -> None:
    """A whole ledger of a forger's, with the forger's key in its file, is not the key's."""
    kept.close()
    (tmp_path / "forged").mkdir()
    forged = Kept(tmp_path / "forged" / "ledger.db")
    forged.register(0, 60)
    forged.sign()
    forged.close()
    shutil.copy(key_file(kept.path), key_file(forged.path))
    found = faults(forged.path)
    assert any("one of the log's keys in this file must be the known key" in f for f in found)
    assert any("not signed by" in fault for fault in found)


def test_a_key_whose_time_is_over(kept: Kept) -> None:
    """Neither instead of the key that holds nor beside it does an old key sign."""
    old = read_key(key_file(kept.path))
    rotate(kept)
    newest = kept.sign()
    kept.close()
    change(
        kept.path, "UPDATE signed SET signatures = ? WHERE size = ?", by(old, newest), newest.size
    )
    assert faults(kept.path) == [f"checkpoint {newest.size}: " + _over(old, newest.size)]

    change(
        kept.path,
        "UPDATE signed SET signatures = ? WHERE size = ?",
        newest.signatures + by(old, newest),
        newest.size,
    )
    assert faults(kept.path) == [f"checkpoint {newest.size}: " + _over(old, newest.size)]


def _over(old: Signer, size: int) -> str:
    key = f"{old.verifier().key_id:08x}"
    return f"it must not be signed by the key {key}, which was not the log's key at {size} events"


def test_a_change_that_only_one_has_signed(kept: Kept) -> None:
    """Without the old key's signature under the change nothing leads on to the new key."""
    old = kept.vkey
    done = rotate(kept)
    kept.close()
    signed = kept.path
    with closing(sqlite3.connect(sibling(signed, "signed"))) as sqlite:
        ((lines,),) = sqlite.execute("SELECT signatures FROM signed WHERE size = ?", (done.since,))
    both = lines.splitlines(keepends=True)
    assert len(both) == 2
    change(signed, "UPDATE signed SET signatures = ? WHERE size = ?", both[1], done.since)
    assert any(done.new in fault for fault in faults(signed, parse_vkey(old)))
    assert any(old in fault for fault in faults(signed, parse_vkey(done.new)))


def test_the_checkpoint_of_a_change_taken_out(kept: Kept) -> None:
    """Of the checkpoints that the keys name none can be taken out unnoticed, nor their keys."""
    done = rotate(kept)
    kept.close()
    change(kept.path, "DELETE FROM signed WHERE size = ?", done.since)
    assert any("cannot be followed" in fault for fault in faults(kept.path))
    change(kept.path, "DELETE FROM keys")
    assert any("but names no key" in fault for fault in faults(kept.path))


def test_keys_that_cannot_be_read(kept: Kept) -> None:
    """Damage to the table of keys is named, and is no crash."""
    kept.close()
    for damage in ("x'ff'", "'no key'"):
        change(kept.path, f"UPDATE keys SET vkey = CAST({damage} AS TEXT)")
        (fault,) = faults(kept.path)
        assert fault.startswith("keys of the signed checkpoints: the key from 0 on")


def test_restored_after_a_change_of_keys(kept: Kept, tmp_path: Path) -> None:
    """By the key from before, by the one of now, and held against a checkpoint from before."""
    old = kept.vkey
    before = kept.sign()
    (tmp_path / "checkpoint").write_bytes(before.note())
    new = rotate(kept).new
    make_backup(kept.path, tmp_path / "backup", with_secrets=True)

    for number, vkey in enumerate((old, new, None)):
        place = tmp_path / str(number) / "ledger.db"
        place.parent.mkdir()
        done = restore(
            tmp_path / "backup",
            place,
            vkey=vkey,
            published=Published(str(tmp_path / "checkpoint")),
        )
        assert (done.compared_with, done.lost, done.vkey) == ("backup", 0, new)
        assert read_key(key_file(place)).verifier().vkey() == new

    stranger = Signer(kept.log.origin, Ed25519PrivateKey.generate()).verifier().vkey()
    (tmp_path / "no").mkdir()
    with pytest.raises(CopyError, match="of another ledger, or it was changed"):
        restore(tmp_path / "backup", tmp_path / "no" / "ledger.db", vkey=stranger)
