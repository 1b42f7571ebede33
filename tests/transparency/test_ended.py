"""What a log that ended has left is looked at by verification as long as the ledger stands."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ledger.copies.backup import make_backup
from ledger.copies.restore import restore
from ledger.opening import open_log, open_recorder
from ledger.stores import StoreError
from ledger.transparency import ended
from ledger.transparency.published import Published
from ledger.verification import Files, verify_ledger
from tests.transparency.keeping import Kept
from tests.unguarded import unguarded


@pytest.fixture
def lost(kept: Kept, tmp_path: Path) -> Path:
    """A ledger that lost seven events; the folder of the log that ended by that."""
    make_backup(kept.path, tmp_path / "backup")
    kept.register(500, 7)
    (tmp_path / "newer").write_bytes(kept.sign().note())
    (tmp_path / "new").mkdir()
    place = tmp_path / "new" / "ledger.db"
    published = Published(str(tmp_path / "newer"))
    restore(tmp_path / "backup", place, published=published, accept_loss=True)
    (folder,) = ended.ended_folder(place).iterdir()
    return folder


def faults(folder: Path) -> list[str]:
    """What is wrong, each time in the place of that folder."""
    found = verify_ledger(Files.of(folder.parents[1] / "ledger.db"), workers=1)
    assert {fault.where for fault in found.faults} <= {f"ledger.db.ended/{folder.name}"}
    return [fault.what for fault in found.faults]


def test_what_was_left_is_whole(lost: Path) -> None:
    """Statement, checkpoint and promises agree with the events that were kept."""
    assert faults(lost) == []


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("kept_root", "A" * 43 + "=", "are not the first ones of this ledger"),
        ("lost", 6, "contradicts the checkpoint"),
        ("origin", "other.example/log", "contradicts the checkpoint"),
        ("published", "x", "note"),
    ],
)
def test_a_statement_that_was_changed(lost: Path, field: str, value: object, says: str) -> None:
    """What is stated of the loss follows from what was published and what is left."""
    path = lost / ended.STATEMENT
    stated = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode(stated | {field: value}))

    assert any(says in fault for fault in faults(lost))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"{}"])
def test_a_statement_that_is_none(lost: Path, content: bytes) -> None:
    """It is named; and as it says which log may sign no more, none is opened without it."""
    (lost / ended.STATEMENT).write_bytes(content)
    (fault,) = faults(lost)

    assert "statement.json cannot be read" in fault
    with (
        open_recorder(f"sqlite:///{lost.parents[1] / 'ledger.db'}") as recorder,
        pytest.raises(StoreError, match="which log must not sign again"),
        open_log(recorder, origin="ledger.example/v2/log"),
    ):
        pass


def test_a_promise_that_was_changed(lost: Path) -> None:
    """A byte of what the log had signed, or its file gone, or another checkpoint."""
    with unguarded(lost / ended.SIGNED) as file:
        file.execute("UPDATE signed SET text = replace(text, char(10), 'x' || char(10))")
        file.commit()
    assert faults(lost)

    (lost / ended.SIGNED).write_bytes(b"garbage" * 1000)
    (fault,) = faults(lost)
    assert "cannot be read" in fault

    (lost / ended.CHECKPOINT).write_bytes(b"x")
    assert "its checkpoint is not the one in its statement" in faults(lost)
