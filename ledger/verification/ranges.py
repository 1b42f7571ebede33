"""Verify one range of a ledger: its records, their tags, and the log's tiles and checkpoints.

A range is the work of one process. It begins after a full tile, so that all leaves of a tile are in
one range. Checks that need several ranges (roots, tiles of higher levels) are in ``log``.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec

import ledger.registry  # noqa: F401 - declares every event type, so that every record is read
from ledger.kernel import codec
from ledger.kernel.records import tags_of
from ledger.stores import StoreError
from ledger.stores.recorder import decode_tags
from ledger.transparency.checkpoints import cosigned, parse_checkpoint
from ledger.transparency.merkle import HASH_SIZE, root_of
from ledger.transparency.notes import NoteError, Verifier, parse_note
from ledger.transparency.tiles import WIDTH, tile_path, width_at
from ledger.verification.faults import Fault, Files
from ledger.verification.files import asked, opened_file
from ledger.verification.keys import Reign, check_signed

#: How many records to read at a time, in whole tiles. It limits memory to some 2 MB; larger pages
#: are not faster.
PAGE = 8 * WIDTH

#: The most faults of one kind to report; a ledger that lost a page of its file has thousands.
MOST = 100

#: The clock may be adjusted between the recording of an event and its signature. A smaller
#: difference between two times is not a fault.
CLOCK_SET = timedelta(minutes=1)

#: Replaces the leaf of a missing record; no record has this hash.
_NOTHING = bytes(HASH_SIZE)

#: Replaces the command id of the previous record if that is missing or unreadable.
_UNKNOWN = "?"

#: Encodes a list of tags as the recorder stores it.
_encode = msgspec.json.Encoder().encode

_ROWS = (
    "SELECT position, type, data, tags, leaf FROM events WHERE position > ? AND position <= ?"
    " ORDER BY position"
)
_DATA = "SELECT data FROM events WHERE position = ?"
_INDEX = "SELECT tag, type, position FROM event_tags WHERE position > ? AND position <= ?"
_TILES = "SELECT n, hashes FROM tiles WHERE level = 0 AND n BETWEEN ? AND ?"
_SIZE = "SELECT size FROM tree"
_SIGNED = (
    "SELECT size, root, text, signatures, signed_at FROM signed WHERE size > ? AND size <= ?"
    " ORDER BY size"
)


class Work(msgspec.Struct, frozen=True):
    """The range to verify, from ``after + 1`` to ``up_to``, and the keys to use.

    ``after`` is a multiple of ``WIDTH``. Without ``reigns`` the log's key is not known, and its
    signatures are not checked.
    """

    files: Files
    after: int
    up_to: int
    reigns: tuple[Reign, ...] = ()
    witnesses: tuple[Verifier, ...] = ()


class Seen(msgspec.Struct, frozen=True):
    """A signed checkpoint: the root that it states for ``size`` leaves.

    ``rest`` is the root over the leaves after the last full tile, empty if there are none.
    ``signed_at`` is ``None`` if it cannot be read.
    """

    size: int
    root: bytes
    rest: bytes
    signed_at: datetime | None


class Range(msgspec.Struct):
    """The results of a range. ``roots``: the roots of its full tiles, for the levels above."""

    records: list[Fault] = []
    tiles: list[Fault] = []
    checkpoints: list[Fault] = []
    roots: list[bytes] = []
    seen: list[Seen] = []
    compared: int = 0
    signed: int = 0
    cosignatures: int = 0
    strangers: set[str] = set()


def check(work: Work, tell: Callable[[int], None] = lambda records: None) -> Range:
    """Check one range; call ``tell`` after each page with its number of records."""
    found = Range()
    with ExitStack() as opened:
        records = _Records(opened_file(opened, work.files.ledger), work, found)
        log = _Log(opened, work, found)
        for first, leaves in records.pages():
            log.take(first, leaves, records.times)
            tell(len(leaves))
        records.check_index()
    return found


class _Records:
    """Checks that each record is at the next position, readable, with its leaf, bytes and tags.

    Tags are compared with the tag index without sorting. Each position has a fingerprint: the XOR
    of the hashes of its event's tags and of its rows in the index, which is 0 if they are the same.
    Python's hashes have a secret that is new in each process, so nobody can forge a collision.
    """

    def __init__(self, ledger: sqlite3.Connection, work: Work, found: Range) -> None:
        self._ledger = ledger
        self._path = work.files.ledger
        self._after, self._up_to = work.after, work.up_to
        self._faults = found.records
        self._prints = array("q", bytes(8 * (work.up_to - work.after)))
        self._unreadable: set[int] = set()
        #: When each record of the page was recorded; ``None`` if that cannot be read.
        self.times: list[datetime | None] = []

    def pages(self) -> Iterator[tuple[int, list[bytes]]]:
        """Yield the leaf hashes of each page, with the position before the first."""
        first, command = self._after, self._command_at(self._after)
        while first < self._up_to:
            last = min(first + PAGE, self._up_to)
            rows = asked(self._ledger, self._path, _ROWS, first, last)
            leaves: list[bytes] = []
            self.times.clear()
            for row in rows:
                missing = row[0] - 1 - (first + len(leaves))
                if missing:
                    command = self._missing(first + len(leaves), missing, leaves)
                command = self._check(row, command, leaves)
            missing = last - (first + len(leaves))
            if missing:
                command = self._missing(first + len(leaves), missing, leaves)
            yield first, leaves
            first = last

    def check_index(self) -> None:
        """Compare the tag index with the tags of the events; read it once, in its own order."""
        prints, after = self._prints, self._after + 1
        try:
            for tag, type_, position in self._ledger.execute(_INDEX, (self._after, self._up_to)):
                prints[position - after] ^= hash((tag, type_))
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from error
        if not any(prints):
            return
        for index, left in enumerate(prints):
            if left and index + after not in self._unreadable:
                self._fault(index + after, "its tag rows differ from its event's tags")

    def _check(self, row: Any, before: str | None, leaves: list[bytes]) -> str | None:
        """Check a record, append its leaf to ``leaves``, and return the id of its command."""
        position, type_, data, tags, leaf = row
        hashed = sha256(b"\x00" + data).digest()
        leaves.append(hashed)
        try:
            envelope, event, recorded_at, same = codec.checked(position, data)
        except codec.UnreadableRecord as error:
            if hashed != leaf:
                self._fault(position, "its bytes do not hash to its leaf")
            self._fault(position, str(error))
            self._unreadable.add(position)
            self.times.append(None)
            return _UNKNOWN
        self.times.append(recorded_at)
        command: str = envelope.command_id
        first = b'"command:' in tags if before is _UNKNOWN else command != before
        stated = envelope.type.encode()
        expected = _encode(tags_of(envelope, event, first=first))
        self._prints[position - self._after - 1] ^= _fingerprint(expected, stated)
        if hashed == leaf and type_ == stated and tags == expected and same:
            return command
        if hashed != leaf:
            self._fault(position, "its bytes do not hash to its leaf")
        if type_ != stated:
            self._fault(position, f"stored as {_shown(type_)} but says {envelope.type}")
        if not same:
            self._fault(position, "its bytes are not those that its event encodes to")
        if tags != expected:
            self._fault(position, f"stored with tags {_shown(tags)} instead of {_shown(expected)}")
        return command

    def _missing(self, after: int, count: int, leaves: list[bytes]) -> str:
        leaves.extend([_NOTHING] * count)
        self.times.extend([None] * count)
        more = f", and all after it up to {after + count}" if count > 1 else ""
        self._fault(after + 1, f"missing{more}")
        self._unreadable.update(range(after + 1, after + count + 1))
        return _UNKNOWN

    def _command_at(self, position: int) -> str | None:
        if position == 0:
            return None
        rows = asked(self._ledger, self._path, _DATA, position)
        try:
            return codec.decode(position, rows[0][0]).envelope.command_id
        except (codec.UnreadableRecord, IndexError):
            return _UNKNOWN  # the range before this one reports it

    def _fault(self, position: int, what: str) -> None:
        if len(self._faults) < MOST:
            self._faults.append(Fault(position, what))


class _Log:
    """Checks the tiles of the lowest level and the signed checkpoints of one range."""

    def __init__(self, opened: ExitStack, work: Work, found: Range) -> None:
        files = work.files
        self._tiles = None if files.tiles is None else opened_file(opened, files.tiles)
        self._signed = None if files.signed is None else opened_file(opened, files.signed)
        self._files = files
        self._reigns, self._witnesses = work.reigns, work.witnesses
        self._found = found

    def take(self, first: int, leaves: list[bytes], times: list[datetime | None]) -> None:
        """Compare the log with the leaves after position ``first``, recorded at ``times``."""
        size, stored = self._stored(first // WIDTH, (first + len(leaves) - 1) // WIDTH)
        for start in range(0, len(leaves), WIDTH):
            hashes = leaves[start : start + WIDTH]
            if len(hashes) == WIDTH:
                self._found.roots.append(root_of(hashes))
            if self._tiles is not None:
                n = (first + start) // WIDTH
                wrong = why_not_tile(0, n, size, stored.get(n), hashes)
                self._found.compared += n in stored
                if wrong is not None and len(self._found.tiles) < MOST:
                    self._found.tiles.append(wrong)
        if self._signed is not None:
            path = self._files.signed
            assert path is not None
            for row in asked(self._signed, path, _SIGNED, first, first + len(leaves)):
                self._checkpoint(row, first, leaves, times)

    def _stored(self, low: int, high: int) -> tuple[int, dict[int, bytes]]:
        """Return the tree's size and these tiles, read in one transaction because both may grow."""
        if self._tiles is None:
            return 0, {}
        path = self._files.tiles
        assert path is not None
        self._tiles.execute("BEGIN")
        try:
            size = asked(self._tiles, path, _SIZE)
            return (size[0][0] if size else 0), dict(asked(self._tiles, path, _TILES, low, high))
        finally:
            self._tiles.execute("COMMIT")

    def _checkpoint(
        self, row: Any, first: int, leaves: list[bytes], times: list[datetime | None]
    ) -> None:
        size, root, text, signatures, signed_at = row
        self._found.signed += 1
        try:
            stated = self._stated(size, root, text, signatures)
        except (NoteError, UnicodeDecodeError) as error:
            self._wrong(size, str(error))
            return
        at = self._time(size, signed_at, times[size - first - 1])
        rest = size % WIDTH
        end = size - first
        over = root_of(leaves[end - rest : end]) if rest else b""
        self._found.seen.append(Seen(size, stated, over, at))

    def _time(self, size: int, stored: bytes, recorded: datetime | None) -> datetime | None:
        """Return when a checkpoint was signed; check that this is after its last event."""
        shown = _shown(stored)
        try:
            at = datetime.fromisoformat(shown)
        except ValueError:
            at = None
        if at is None or at.tzinfo != UTC or at.isoformat(timespec="milliseconds") != shown:
            self._wrong(size, f"its signing time must be a time in UTC; it is {shown!r}")
            return None
        if recorded is not None and recorded - at > CLOCK_SET:
            self._wrong(
                size,
                f"it says that it was signed at {shown}, but its last event was recorded at "
                f"{recorded.isoformat()}",
            )
        return at

    def _wrong(self, size: int, what: str) -> None:
        if len(self._found.checkpoints) < MOST:
            self._found.checkpoints.append(Fault(size, what, place_of(size)))

    def _stated(self, size: int, root: bytes, text: bytes, signatures: bytes) -> bytes:
        """Return the root that a checkpoint states. Raises ``NoteError`` if it is not valid."""
        note = parse_note(text + b"\n" + signatures)
        lines = "".join(signature.line() for signature in note.signatures)
        if note.text.encode() != text or lines.encode() != signatures:
            raise NoteError("its text or signature lines do not have the form that the log writes")
        checkpoint = parse_checkpoint(note.text)
        if checkpoint.size != size:
            raise NoteError(f"its text states {checkpoint.size:,} events")
        if checkpoint.root != root:
            raise NoteError("its text has another root than its row")
        check_signed(note, size, self._reigns)
        witnesses = {(key.name, key.key_id) for key in self._witnesses}
        logs = {(key.name, key.key_id) for reign in self._reigns for key in reign.keys}
        by = [(signature.name, signature.key_id) for signature in note.signatures]
        if witnesses.intersection(by):
            self._found.cosignatures += len(cosigned(note, list(self._witnesses)))
        if self._reigns:
            self._found.strangers.update(n for n, k in by if (n, k) not in logs | witnesses)
        return checkpoint.root


def place_of(size: int) -> str:
    """Return the name of a checkpoint for the place of a fault."""
    return f"checkpoint {size}"


def why_not_tile(
    level: int, n: int, size: int, stored: bytes | None, hashes: Sequence[bytes]
) -> Fault | None:
    """Return the fault of a stored tile of a tree of ``size``, whose first hashes are given."""
    width = width_at(level, n, size)
    if stored is None and not width:
        return None
    span = WIDTH**level
    first = n * WIDTH * span + 1
    place = f"tile {tile_path(level, n, width or WIDTH)}"
    if stored is None:
        return Fault(first, "missing", place)
    if len(stored) != width * HASH_SIZE:
        return Fault(
            first,
            f"it must have {width * HASH_SIZE} bytes for {size:,} events; it has {len(stored)}",
            place,
        )
    if stored == b"".join(hashes[:width]):
        return None
    for index, computed in enumerate(hashes[:width]):
        if stored[index * HASH_SIZE : (index + 1) * HASH_SIZE] != computed:
            start = first + index * span
            of = f"event {start}" if span == 1 else f"events {start} to {start + span - 1}"
            return Fault(start, f"its hash {index} is not that of {of}", place)
    return None


def _fingerprint(tags: bytes, type_: bytes) -> int:
    if tags == b"[]":
        return 0
    # Without escapes the list can be read by splitting it at its quotes.
    several = (
        {tag.encode() for tag in decode_tags(tags)} if b"\\" in tags else tags[2:-2].split(b'","')
    )
    print_ = 0
    for tag in several:
        print_ ^= hash((tag, type_))
    return print_


def _shown(text: bytes) -> str:
    return text.decode(errors="replace")
