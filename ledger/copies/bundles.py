"""Export a slice of a ledger (a business, a unit, a period) as a bundle that outsiders can check.

The bundle is a folder or a ZIP file. It holds the records byte for byte, a receipt for each, the
checkpoint to which all receipts lead, an index, and a text that explains how to check it without
this program. It also says for whom it is. Sealed records are left out unless they are asked for.
The bundle does not even count them, because their number would reveal that they exist.
"""

from __future__ import annotations

import json
import lzma
import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, date, datetime
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import msgspec

import ledger.registry  # noqa: F401 - declares every event type, so that every record is read
from ledger import VERSION
from ledger.kernel import Recorded, codec
from ledger.kernel.clock import Clock, system_clock
from ledger.kernel.events import CIVIL_ZONE
from ledger.kernel.folds import Selector
from ledger.kernel.memory import as_query
from ledger.opening import base_of, open_log, open_shown_log
from ledger.stores.files import whole_file, whole_folder
from ledger.stores.naming import UnusableUrl, key_file, refuse_neighbour, sibling
from ledger.stores.recorder import LedgerRecorder
from ledger.transparency.log import TransparencyLog
from ledger.transparency.merkle import (
    Node,
    ProofError,
    inclusion_proof,
    leaf_hash,
    verify_inclusion,
)
from ledger.transparency.notes import Verifier, parse_vkey
from ledger.transparency.proofs import Receipt, parse_receipt
from ledger.transparency.published import signed_by
from ledger.transparency.store import Signed
from ledger.transparency.tiles import node_of

FORMAT = "supervision-ledger-export/1"

ABOUT = "bundle.json"
CHECKPOINT = "checkpoint"
VKEY = "vkey"
INDEX = "index.jsonl"
HOW_TO = "HOW-TO-VERIFY.txt"
SUMS = "SHA256SUMS"

#: The statement in a bundle that says for whom it is.
OPEN_TO = (
    "监督人员及台账经办人认为有权知悉者；记录载明经办人员，不得公开。 "
    "Supervisors, and those to whom the operator of the ledger may show restricted records. "
    "Its records name who acted: not for publication."
)
SEALED_TO = (
    "仅限司法行政监督机关；含封存记录（举报人、未开展的检查等），不得转交。 "
    "The Justice Bureau's supervisors alone. It holds sealed records (who complained, visits to "
    "come): not to be passed on."
)

_PARTS = frozenset({ABOUT, CHECKPOINT, VKEY, INDEX, HOW_TO, SUMS})
#: The largest size of a file of a bundle, in bytes. Files with a line for each file may be larger.
_LONGEST = 4_000_000
_LONGEST_LINE = 1_000
_GROWING = frozenset({INDEX, SUMS})
#: How many nodes of the tree to remember from one proof to the next.
_NODES = 65_536


S = TypeVar("S", bound=msgspec.Struct)


class BundleError(ValueError):
    """The bundle cannot be read or is not valid; the message says why."""


class Slice(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    rename={"from_": "from"},
):
    """The events to export: those about all named subjects that occurred on these civil dates.

    Both dates are included. The event itself decides, not later corrections, which are events about
    the same subjects.
    """

    entity: str | None = None
    unit: str | None = None
    from_: date | None = None
    to: date | None = None

    def tags(self) -> tuple[str, ...]:
        """Return the subjects as tags, the rarest first."""
        entity = () if self.entity is None else (f"entity:{self.entity}",)
        return entity if self.unit is None else (*entity, f"unit:{self.unit}")

    def days(self, day: date) -> bool:
        """Whether a day is in the period."""
        return (self.from_ is None or self.from_ <= day) and (self.to is None or day <= self.to)

    def holds(self, record: Recorded) -> bool:
        """Whether a record belongs to the slice."""
        return self.days(record.occurred_on) and set(self.tags()) <= set(record.event.tags())


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"for_": "for"}):
    """The description of a bundle, ``bundle.json``.

    ``events`` is the number of its records, ``size`` the size of the checkpoint's tree.
    """

    format: str
    program: str
    made_at: datetime
    slice: Slice
    for_: str
    sealed: bool
    events: int
    origin: str
    size: int


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the index. ``sha256`` is the digest of the record's bytes, not its leaf hash."""

    position: int
    type: str
    occurred_at: datetime
    record: str
    receipt: str
    sha256: str


class Exported(msgspec.Struct, frozen=True):
    """The result of an export. ``left_out`` is for the exporter only, and not in the bundle."""

    events: int
    left_out: int
    size: int


class Checked(msgspec.Struct, frozen=True):
    """The result of checking a bundle: its description, its faults, and what was not checked.

    The proofs confirm only the size, the number of records and that they are of the slice. The rest
    of ``about`` is the statement of its maker.
    """

    about: About
    vkey: str
    faults: tuple[str, ...]
    unchecked: tuple[str, ...] = ()


def export(
    recorder: LedgerRecorder,
    target: Path,
    wanted: Slice,
    *,
    shows: Callable[[Recorded], bool],
    with_sealed: bool = False,
    clock: Clock = system_clock,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Exported:
    """Write a bundle to ``target``: a ZIP file if its name ends in ``.zip``, else a folder.

    ``shows`` says whether a record may be in the bundle. All receipts lead to one checkpoint: the
    first that the present key signed over all exported records, because it already has its
    cosignatures. If no checkpoint covers the last record yet, a new one is signed.

    Raises ``UnusableUrl`` if the slice is empty or names nothing, or if the log has no key, and
    ``FileExistsError`` if ``target`` exists.
    """
    if wanted == Slice():
        raise UnusableUrl("the export must name a slice: --entity, --unit, --from, --to")
    key_of_log = key_file(base_of(recorder))
    if not key_of_log.exists():
        raise UnusableUrl(
            f"the log's key must exist at {key_of_log}, because nothing can be proved "
            "without it: serve the ledger once, which makes it"
        )
    refuse_neighbour(target.absolute())
    if not target.absolute().parent.is_dir():
        raise UnusableUrl(f"the directory {target.absolute().parent} must exist for the export")
    positions, left_out = _selected(recorder, wanted, shows)
    if not positions:
        raise UnusableUrl("there is no record in this slice that may be exported")
    with _log_of(recorder, clock) as log, _writing(target, clock()) as put:
        # This also brings the tiles up to date.
        newest = log.advance() if log.signs else log.checkpoint()
        # Use the current key, the one readers know. The first checkpoint that it signed is the one
        # at which it took over; that covers all earlier events too.
        key = log.keys()[-1]
        signed = log.signed.covering(max(positions[-1], key.since)) or newest
        if signed is None or signed.size < positions[-1]:
            raise UnusableUrl(
                f"event {positions[-1]} must be signed before it is exported, and the log cannot "
                "sign, because its files cannot be written here: serve the ledger first, or export "
                "it where they can be written"
            )
        node = lru_cache(_NODES)(node_of(log.tiles.tile))
        note, index = signed.note(), bytearray()
        for done, position in enumerate(positions, start=1):
            (row,) = recorder.rows(position - 1, 1)
            proof = _proof(log, node, row.data, position - 1, signed)
            entry = _entry(codec.decode(position, row.data), row.data)
            put(entry.record, row.data)
            put(entry.receipt, Receipt(position - 1, tuple(proof), note).encode())
            index += msgspec.json.encode(entry) + b"\n"
            progress(done, len(positions))
        about = About(
            format=FORMAT,
            program=VERSION,
            made_at=clock().astimezone(UTC),
            slice=wanted,
            for_=SEALED_TO if with_sealed else OPEN_TO,
            sealed=with_sealed,
            events=len(positions),
            origin=log.origin,
            size=signed.size,
        )
        put(INDEX, bytes(index))
        put(CHECKPOINT, note)
        put(VKEY, key.vkey.encode() + b"\n")
        put(ABOUT, msgspec.json.format(msgspec.json.encode(about)) + b"\n")
        put(HOW_TO, _how_to())
    return Exported(len(positions), left_out, signed.size)


def _log_of(recorder: LedgerRecorder, clock: Clock) -> AbstractContextManager[TransparencyLog]:
    """Open the log for signing if its files can be written, else for reading."""
    path = base_of(recorder)
    places = (path.parent, key_file(path), sibling(path, "signed"))
    if all(os.access(place, os.W_OK) for place in places if place.exists()):
        return open_log(recorder, create=False, clock=clock)
    return open_shown_log(recorder, clock=clock)


def _proof(
    log: TransparencyLog, node: Node, data: bytes, index: int, signed: Signed
) -> Sequence[bytes]:
    """Return the verified proof of a record; if tiles are damaged, the log makes new ones."""
    try:
        proof = inclusion_proof(index, signed.size, node)
        verify_inclusion(leaf_hash(data), index, signed.size, proof, signed.root)
    except (KeyError, ProofError):
        return log.inclusion(index, signed.size)
    return proof


def _selected(
    recorder: LedgerRecorder, wanted: Slice, shows: Callable[[Recorded], bool]
) -> tuple[list[int], int]:
    """Return the positions to export, and how many records of the slice are left out."""
    positions, left_out = [], 0
    tags = wanted.tags()
    for stored in recorder.read(as_query([Selector((), tags)]) if tags else None):
        record = codec.decode(stored.position, stored.event.data)
        if not wanted.days(record.occurred_on):
            continue
        if shows(record):
            positions.append(stored.position)
        else:
            left_out += 1
    return positions, left_out


def _entry(record: Recorded, data: bytes) -> Entry:
    return Entry(
        position=record.position,
        type=record.envelope.type,
        occurred_at=record.envelope.occurred_at,
        record=f"records/{record.position}.msgpack",
        receipt=f"receipts/{record.position}.tlog-proof",
        sha256=sha256(data).hexdigest(),
    )


def verify_export(path: Path, vkey: str | None = None) -> Checked:
    """Check a bundle without the ledger that it came from.

    ``vkey``: the log's key as known from elsewhere; without it the key in the bundle is used.
    Raises ``BundleError`` if the bundle cannot be checked at all.
    """
    with _reading(path) as bundle:
        try:
            about = _decoded(bundle.read(ABOUT), About)
            stated = bundle.read(VKEY).decode().strip()
            key = parse_vkey(vkey or stated)
            note = bundle.read(CHECKPOINT)
            checkpoint = signed_by(note, key)
        except ValueError as error:
            raise BundleError(f"{path} is not a bundle that can be checked: {error}") from error
        if about.format != FORMAT:
            raise BundleError(f"{path} must have the format {FORMAT!r}; it has {about.format!r}")
        faults: list[str] = []
        if stated != key.vkey():
            faults.append(f"{VKEY} is not the key that was given")
        if (about.origin, about.size) != (checkpoint.origin, checkpoint.size):
            faults.append(f"{ABOUT} names another log or size than the checkpoint")
        faults.extend(_faults_of_index(bundle, about, note, key))
        faults.extend(_faults_of_sums(bundle))
        unchecked = []
        if vkey is None:
            unchecked.append(
                f"only this bundle says that the log signs with {stated}: compare it with the key "
                "that you know, or give that key as an option"
            )
        try:
            own = bundle.read(HOW_TO) == _how_to()
        except BundleError as error:
            faults.append(str(error))
            own = True
        if not own:
            if about.program == VERSION:
                faults.append(
                    f"{HOW_TO} is not the text of this program; do not run the commands in it"
                )
            else:
                unchecked.append(
                    f"{HOW_TO} is of version {about.program}, and differs from that of {VERSION}: "
                    "read it before you run the commands in it"
                )
    return Checked(about, key.vkey(), tuple(dict.fromkeys(faults)), tuple(unchecked))


def _decoded(data: bytes, of: type[S]) -> S:
    """Return a part of a bundle. Raises ``BundleError`` if a JSON key is in it twice."""
    part = msgspec.json.decode(data, type=of)
    json.loads(data, object_pairs_hook=_once)  # programs do not agree which of two values counts
    return part


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    for name, times in Counter(name for name, _ in pairs).items():
        if times > 1:
            raise BundleError(f"{name} must be given only once; it is given {times} times")
    return dict(pairs)


def _how_to() -> bytes:
    return files("ledger.transparency").joinpath("how-to-verify.txt").read_bytes()


def _faults_of_index(bundle: _Bundle, about: About, note: bytes, key: Verifier) -> Iterator[str]:
    """Yield the faults of the index, and of the records and receipts that it names."""
    positions: list[int] = []
    try:
        lines = bundle.read(INDEX).splitlines()
    except BundleError as error:
        yield str(error)
        return
    for number, line in enumerate(lines, start=1):
        try:
            entry = _decoded(line, Entry)
        except ValueError as error:
            yield f"{INDEX}, line {number}: {error}"
            continue
        positions.append(entry.position)
        try:
            _check(entry, bundle, about, note, key)
        except (BundleError, ProofError, codec.UnreadableRecord, OverflowError) as error:
            yield f"event {entry.position}: {error}"
    if not lines:
        yield f"{INDEX} names no record, so this bundle proves nothing"
    if positions != sorted(set(positions)):
        yield f"{INDEX} is not in order of position, or names a position twice"
    if len(positions) != about.events:
        yield f"{ABOUT} counts {about.events:,} events, {INDEX} {len(positions):,}"
    named = {
        name
        for position in positions
        for name in (f"records/{position}.msgpack", f"receipts/{position}.tlog-proof")
    }
    for stray in sorted(bundle.names - named - _PARTS):
        yield f"{stray} is not in {INDEX}"


def _check(entry: Entry, bundle: _Bundle, about: About, note: bytes, key: Verifier) -> None:
    """Raise ``BundleError`` or ``ProofError`` unless record and receipt fit a line of the index."""
    data = bundle.read(f"records/{entry.position}.msgpack")
    record = codec.decode(entry.position, data)
    if _entry(record, data) != entry:
        raise BundleError(f"its record differs from {INDEX}")
    receipt = parse_receipt(bundle.read(f"receipts/{entry.position}.tlog-proof"))
    receipt.verify(data, [key])
    if receipt.index != entry.position - 1:
        raise BundleError(f"its receipt is that of event {receipt.index + 1}")
    if receipt.checkpoint != note:
        raise BundleError(f"its receipt leads to another checkpoint than {CHECKPOINT}")
    if record.envelope.visibility == "sealed" and not about.sealed:
        raise BundleError(f"it is sealed, although {ABOUT} says that no record here is sealed")
    if not about.slice.holds(record):
        raise BundleError(f"it does not belong to the slice that {ABOUT} names")


def _faults_of_sums(bundle: _Bundle) -> Iterator[str]:
    """Yield the faults that ``sha256sum -c`` would find, and the files that it would not check."""
    try:
        lines = bundle.read(SUMS).decode().removesuffix("\n").split("\n")
    except (BundleError, UnicodeDecodeError) as error:
        yield str(error)
        return
    named = [(name, digest) for digest, _, name in (line.partition("  ") for line in lines)]
    summed = dict(named)
    for name, times in Counter(name for name, _ in named).items():
        if times > 1:
            yield f"{SUMS} names {name} twice"
    for name in sorted(bundle.names - {SUMS}):
        try:
            if sha256(bundle.read(name)).hexdigest() != summed.get(name):
                yield f"{name} does not have the SHA-256 in {SUMS}"
        except BundleError as error:
            yield str(error)
    for name in sorted(summed.keys() - bundle.names):
        yield f"{name} is missing"


#: What reading from a ZIP file raises: ``RuntimeError`` if it is encrypted, and its subclass
#: ``NotImplementedError`` for an unknown compression.
_UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError)


class _Bundle:
    """The files of a bundle by their names. The names are never used as paths for writing."""

    def __init__(
        self, names: Iterable[str], size: Callable[[str], int], read: Callable[[str], bytes]
    ) -> None:
        self.names = frozenset(names)
        self._size = size
        self._read = read

    def read(self, name: str) -> bytes:
        """Return the content of a file. Raises ``BundleError`` if it cannot be read."""
        if name not in self.names:
            raise BundleError(f"{name} is missing")
        lines = _LONGEST_LINE * len(self.names) if name in _GROWING else 0
        if self._size(name) > _LONGEST + lines:
            raise BundleError(f"{name} is too long for a file of this name")
        try:
            return self._read(name)
        except _UNREADABLE as error:
            raise BundleError(f"{name} cannot be read: {error}") from error


@contextmanager
def _reading(path: Path) -> Iterator[_Bundle]:
    if path.is_dir():
        inside = [file for file in path.rglob("*") if file.is_file()]
        names = {file.relative_to(path).as_posix(): file for file in inside}
        yield _Bundle(
            names, lambda name: names[name].stat().st_size, lambda name: names[name].read_bytes()
        )
        return
    try:
        packed = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise BundleError(f"{path} is neither a folder nor a ZIP file: {error}") from error
    with packed:
        for name, times in Counter(packed.namelist()).items():
            if times > 1:  # programs do not agree which of the two files counts
                raise BundleError(f"{path} is not a valid bundle: it contains {name} twice")
        yield _Bundle(
            [name for name in packed.namelist() if not name.endswith("/")],
            lambda name: packed.getinfo(name).file_size,
            packed.read,
        )


@contextmanager
def _writing(target: Path, made_at: datetime) -> Iterator[Callable[[str, bytes], None]]:
    """Give the block a function that adds a file; the bundle appears when the block ends."""
    sums = bytearray()
    with ExitStack() as opened:
        if target.suffix == ".zip":
            file = opened.enter_context(whole_file(target))
            packed = opened.enter_context(zipfile.ZipFile(file, "x", zipfile.ZIP_DEFLATED))
            stamp = made_at.astimezone(CIVIL_ZONE).timetuple()[:6]

            def write(name: str, content: bytes) -> None:
                info = zipfile.ZipInfo(name, stamp)
                info.compress_type = zipfile.ZIP_DEFLATED
                packed.writestr(info, content)

        else:
            folder = opened.enter_context(whole_folder(target))

            def write(name: str, content: bytes) -> None:
                path = folder / name
                path.parent.mkdir(exist_ok=True, mode=0o700)
                path.write_bytes(content)

        def put(name: str, content: bytes) -> None:
            write(name, content)
            sums.extend(f"{sha256(content).hexdigest()}  {name}\n".encode())

        yield put
        write(SUMS, bytes(sums))
