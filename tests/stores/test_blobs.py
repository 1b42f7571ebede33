"""Long content beside the ledger: kept whole, found by its digest, or said to be gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from ledger.stores.blobs import ABANDONED, BlobDamaged, BlobMissing, Blobs


def test_what_was_put_is_got_by_its_digest(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    digest = blobs.put(b"roster")
    assert digest == sha256(b"roster").hexdigest()
    assert Blobs(tmp_path / "blobs").get(digest) == b"roster"
    assert blobs.has(digest)
    assert blobs.put(b"roster") == digest, "again is the same"
    assert [p.name for p in (tmp_path / "blobs").rglob("*") if p.is_file()] == [digest]


def test_what_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    assert not blobs.has("0" * 64)
    with pytest.raises(BlobMissing, match="backup"):
        blobs.get("0" * 64)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "0" * 63, "G" * 64, "A" * 64])
def test_nothing_but_a_digest_is_a_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        Blobs(tmp_path).get(name)


def test_damage_is_found_and_never_covered_up(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    digest = blobs.put(b"roster")
    (tmp_path / digest[:2] / digest).write_bytes(b"r0ster")
    with pytest.raises(BlobDamaged):
        blobs.get(digest)
    with pytest.raises(BlobDamaged):
        blobs.put(b"roster")


def test_many_may_put_the_same(tmp_path: Path) -> None:
    content = os.urandom(200_000)
    with ThreadPoolExecutor(8) as pool:
        (digest,) = set(pool.map(lambda _: Blobs(tmp_path).put(content), range(40)))
    assert Blobs(tmp_path).get(digest) == content
    assert list(tmp_path.glob("*.tmp")) == []


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    blobs = Blobs(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        blobs.put(b"roster")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_what_a_killed_writer_left_is_removed_once_it_is_old(tmp_path: Path) -> None:
    """Killed between any two steps, whatever stands under a digest is whole."""
    program = (
        "import os, sys; from pathlib import Path; from ledger.stores.blobs import Blobs\n"
        "blobs = Blobs(Path(sys.argv[1])); print('ready', flush=True)\n"
        "while True: blobs.put(os.urandom(300_000))"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    writer.stdout.readline()
    time.sleep(0.4)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    blobs = Blobs(tmp_path)
    kept = [p.name for p in tmp_path.rglob("*") if p.is_file() and p.suffix != ".tmp"]
    assert kept, "it wrote some"
    assert all(len(blobs.get(name)) == 300_000 for name in kept)
    left = tmp_path / "left.tmp"
    left.write_bytes(b"half")
    Blobs(tmp_path)
    assert left.exists(), "its writer may be alive"
    os.utime(left, (time.time() - 2 * ABANDONED,) * 2)
    Blobs(tmp_path)
    assert not left.exists()
