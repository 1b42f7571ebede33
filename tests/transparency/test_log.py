"""The log of a ledger: the golden log byte for byte, and no fork that is ever signed."""

from __future__ import annotations

import shutil
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eventsourcing.dcb.api import DCBEvent
from structlog.testing import capture_logs

from ledger.stores.sqlite import SQLiteRecorder
from ledger.transparency.checkpoints import parse_checkpoint
from ledger.transparency.log import Forked, TransparencyLog
from ledger.transparency.merkle import (
    ProofError,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from ledger.transparency.notes import Signer, parse_note, parse_vkey, verified
from ledger.transparency.store import SignedStore, TileStore

GOLDEN = Path(__file__).parent / "golden"
#: The test log of Tessera (transparency-dev/tessera, testdata/log): leaves, and the test key.
WORDS = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eit",
    "nain",
    "ten",
    "ileven",
    "twelf",
    "threeten",
    "fourten",
    "fivten",
]
ORIGIN = "example.com/log/testdata"
VKEY = f"{ORIGIN}+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
SEED = b64decode("AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg")[1:]
SIGNER = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(SEED))


class Words:
    """A store that is as long as one likes."""

    def __init__(self, entries: list[bytes]) -> None:
        self.hashes = [leaf_hash(entry) for entry in entries]

    def head(self) -> int:
        return len(self.hashes)

    def leaves(self, after: int, limit: int) -> list[bytes]:
        return self.hashes[after : after + limit]


Opened = Callable[..., TransparencyLog]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Opens logs whose files lie in a folder, by default always the same."""
    stores: list[Any] = []

    def open_(events: Any, folder: Path = tmp_path, signed: Path | None = None) -> TransparencyLog:
        tiles = TileStore(folder / "tiles.db")
        promises = SignedStore((signed or folder) / "signed.db")
        stores.extend((tiles, promises))
        return TransparencyLog(
            events, tiles, promises, SIGNER, clock=lambda: datetime(2026, 1, 5, tzinfo=UTC)
        )

    yield open_
    for store in stores:
        store.close()


def numbers(count: int) -> Words:
    return Words([str(n).encode() for n in range(count)])


def test_the_golden_log(opened: Opened) -> None:
    """Every checkpoint and tile of a log that others made comes out byte for byte the same."""
    words = Words([])
    log = opened(words)
    assert log.advance() is None
    for size, word in enumerate(WORDS, start=1):
        words.hashes.append(leaf_hash(word.encode()))
        signed = log.advance()
        assert signed is not None
        assert signed.note() == (GOLDEN / f"checkpoint.{size}").read_bytes()
    assert log.tiles.tile(0, 0, 15).hex() == (GOLDEN / "tile-0-000.p-15.hex").read_text()
    assert verified(parse_note(signed.note()), [parse_vkey(VKEY)])


def test_the_empty_golden_log() -> None:
    """The checkpoint of nothing is what others signed for nothing."""
    checkpoint = parse_checkpoint(parse_note((GOLDEN / "checkpoint.0").read_bytes()).text)

    assert (checkpoint.size, checkpoint.root) == (0, root_of([]))


@pytest.mark.parametrize("steps", [[1], [255, 256, 257], [256, 512, 65_536, 65_537], [70_000]])
def test_tiles_in_pieces(opened: Opened, steps: list[int]) -> None:
    """However the tree grew, its roots are those of its leaves, and its proofs hold."""
    whole = numbers(steps[-1])
    events = Words([])
    log = opened(events)
    for size in steps:
        events.hashes = whole.hashes[:size]
        signed = log.advance()
        assert signed is not None
        assert (signed.size, signed.root) == (size, root_of(whole.hashes[:size]))
    size = steps[-1]
    for index in {0, size // 3, size - 1}:
        proof = log.inclusion(index, size)
        verify_inclusion(whole.hashes[index], index, size, proof, log.root(size))
    for old in steps:
        proof = log.consistency(old, size)
        verify_consistency(old, size, proof, log.root(old), log.root(size))


def test_nothing_new_signs_nothing_new(opened: Opened) -> None:
    """A checkpoint is signed once for each size that is published."""
    log = opened(numbers(5))
    assert log.advance() == log.advance() == log.checkpoint()


def test_missing_events(opened: Opened) -> None:
    """When the last events are deleted, the log says so and signs nothing."""
    events = numbers(10)
    log = opened(events)
    before = log.advance()
    del events.hashes[8:]

    with pytest.raises(Forked, match="events are missing"):
        log.advance()
    assert log.checkpoint() == before


def test_an_old_copy_that_went_on(opened: Opened) -> None:
    """An older copy of the ledger in its place, grown past what was signed, is seen as another."""
    events = numbers(10)
    log = opened(events)
    before = log.advance()
    events.hashes[8:] = [leaf_hash(b"other"), leaf_hash(b"history"), leaf_hash(b"here")]

    with pytest.raises(Forked, match="are not those that were signed"):
        log.advance()
    assert log.checkpoint() == before


def test_an_old_copy_with_its_tiles(opened: Opened, tmp_path: Path) -> None:
    """Not even with the tiles of its time does an old copy extend what was signed since."""
    events = numbers(8)
    log = opened(events)
    log.advance()
    log.tiles.close()
    old = tmp_path / "old"
    old.mkdir()
    shutil.copy(tmp_path / "tiles.db", old / "tiles.db")
    log = opened(events)
    events.hashes = numbers(10).hashes
    before = log.advance()

    other = Words([])
    other.hashes = [*numbers(8).hashes, *(leaf_hash(b"other%d" % n) for n in range(5))]
    copy = opened(other, old, tmp_path)
    with pytest.raises(Forked, match="not those that were signed"):
        copy.advance()
    other.hashes = other.hashes[:9]
    with pytest.raises(Forked, match="events are missing"):
        opened(other, old, tmp_path).advance()
    assert log.checkpoint() == before


def test_two_services_on_copies(opened: Opened, tmp_path: Path) -> None:
    """Of two ledgers that went apart, only the one that signed first goes on signing."""
    common = numbers(5).hashes
    one, two = Words([]), Words([])
    one.hashes, two.hashes = [*common], [*common]
    (tmp_path / "copy").mkdir()
    first = opened(one)
    second = opened(two, tmp_path / "copy", tmp_path)
    first.advance()
    second.advance()
    one.hashes.append(leaf_hash(b"here"))
    two.hashes.append(leaf_hash(b"there"))
    signed = first.advance()

    with pytest.raises(Forked):
        second.advance()
    assert signed == first.checkpoint() == second.checkpoint()


def test_two_services_on_one_ledger(opened: Opened) -> None:
    """Two that follow the same ledger sign one history, whoever comes first."""
    events = Words([])
    logs = [opened(events), opened(events)]
    failures: list[BaseException] = []

    def follow(log: TransparencyLog) -> None:
        try:
            for _ in range(40):
                log.advance()
        except BaseException as error:  # noqa: BLE001 - it is looked at below
            failures.append(error)

    threads = [threading.Thread(target=follow, args=(log,)) for log in logs]
    for thread in threads:
        thread.start()
    for n in range(300):
        events.hashes.append(leaf_hash(str(n).encode()))
    for thread in threads:
        thread.join()
    last = logs[0].advance()

    assert failures == []
    assert last == logs[1].advance()
    assert last is not None
    assert (last.size, last.root) == (300, root_of(numbers(300).hashes))


def damage(log: TransparencyLog, index: int) -> None:
    """Flip a bit of a leaf's hash in the tiles. Roots of larger trees come from a level above."""
    n, place = divmod(index, 256)
    at = place * 32
    with log.tiles._tables.writing() as sqlite:
        ((hashes,),) = sqlite.execute("SELECT hashes FROM tiles WHERE level = 0 AND n = ?", (n,))
        hashes = hashes[:at] + bytes([hashes[at] ^ 1]) + hashes[at + 1 :]
        sqlite.execute("UPDATE tiles SET hashes = ? WHERE level = 0 AND n = ?", (hashes, n))


@pytest.mark.parametrize(
    "prove",
    [
        lambda log, whole: verify_inclusion(
            whole.hashes[151], 151, 559, log.inclusion(151, 559), root_of(whole.hashes)
        ),
        lambda log, whole: verify_consistency(
            139, 559, log.consistency(139, 559), root_of(whole.hashes[:139]), root_of(whole.hashes)
        ),
        # Sizes that were never signed lead to one that was.
        lambda log, whole: verify_consistency(
            10,
            200,
            log.consistency(10, 200),
            root_of(whole.hashes[:10]),
            root_of(whole.hashes[:200]),
        ),
        lambda log, whole: verify_consistency(
            200, 200, [], log.root(200), root_of(whole.hashes[:200])
        ),
    ],
)
def test_no_proof_of_damaged_tiles_leaves(
    opened: Opened, prove: Callable[[TransparencyLog, Words], None]
) -> None:
    """A proof is verified before it is handed out, and the tiles are made anew if it is wrong."""
    events = numbers(559)
    log = opened(events)
    log.advance()
    damage(log, 150)
    assert log.advance() == log.checkpoint(), "the root does not show it"

    prove(log, events)
    assert log.tiles.tile(0, 0, 256) == b"".join(events.hashes[:256])


def test_what_tiles_cannot_mend(opened: Opened) -> None:
    """Where the events are others, the tiles are made anew once and the proof is refused."""
    events = numbers(559)
    log = opened(events)
    log.advance()
    events.hashes[150] = leaf_hash(b"other")
    with capture_logs() as logs:
        for _ in range(3):
            with pytest.raises(ProofError):
                log.inclusion(150, 559)
        for index, size in ((559, 559), (-1, 5), (3, 560)):
            with pytest.raises(ProofError, match="there is no leaf"):
                log.inclusion(index, size)
    assert [one["event"] for one in logs] == ["tiles_made_anew"]


def test_lost_tiles_are_made_again(opened: Opened, tmp_path: Path) -> None:
    """The tiles follow from the events; without them the log goes on as it was."""
    events = numbers(600)
    log = opened(events)
    before = log.advance()
    log.tiles.close()
    for file in tmp_path.glob("tiles.db*"):
        file.unlink()

    log = opened(events)
    assert log.advance() == before
    assert log.tiles.size == 600


def test_what_was_signed_stays(opened: Opened, tmp_path: Path) -> None:
    """The file of promises refuses to be changed by statement."""
    log = opened(numbers(3))
    log.advance()
    with pytest.raises(Exception, match="stays signed"), log.signed._tables.writing() as sqlite:
        sqlite.execute("DELETE FROM signed")
    with pytest.raises(Exception, match="stays signed"), log.signed._tables.writing() as sqlite:
        sqlite.execute("UPDATE signed SET root = x'00'")


def test_over_a_real_ledger_file(opened: Opened, tmp_path: Path) -> None:
    """Leaf n - 1 is the stored record of event n, as the recorder hashed it."""
    with SQLiteRecorder(tmp_path / "ledger.db") as recorder:
        data = [f"record {n}".encode() for n in range(700)]
        recorder.append([DCBEvent(type="t", data=d, tags=["a:1"]) for d in data])
        log = opened(recorder)
        signed = log.advance()

    assert signed is not None
    assert signed.root == root_of([leaf_hash(d) for d in data])
