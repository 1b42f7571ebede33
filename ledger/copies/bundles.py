"""A slice of a ledger as a bundle that a stranger can check: one business, one unit, one period.

The bundle is a folder or a ZIP file: the records byte for byte, for each a receipt, the checkpoint
that they all lead to, an index, and a text that says how to check it without this program. It says
for whom it is. What is sealed is left out unless it is asked for, and not even counted: that there
is something would be told by its number.
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
from ledger.opening import open_log, open_shown_log
from ledger.stores.files import whole_file, whole_folder
from ledger.stores.naming import UnusableUrl, key_file, refuse_neighbour, sibling
from ledger.stores.sqlite import SQLiteRecorder
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

#: For whom a bundle is, as it says itself.
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
#: Nothing in a bundle is longer than so many bytes, but for those that have a line for each file.
_LONGEST = 4_000_000
_LONGEST_LINE = 1_000
_GROWING = frozenset({INDEX, SUMS})
#: Nodes of the tree that are remembered from one proof to the next.
_NODES = 65_536


S = TypeVar("S", bound=msgspec.Struct)


class BundleError(ValueError):
    """What was given is no bundle that can be read."""


class Slice(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    rename={"from_": "from"},
):
    """What is exported: events about all subjects named, that occurred on these civil dates.

    Both dates are included. What an event says of itself decides, not later corrections; those are
    events about the same subjects.
    """

    entity: str | None = None
    unit: str | None = None
    from_: date | None = None
    to: date | None = None

    def tags(self) -> tuple[str, ...]:
        """The subjects as tags, the rarest first."""
        entity = () if self.entity is None else (f"entity:{self.entity}",)
        return entity if self.unit is None else (*entity, f"unit:{self.unit}")

    def days(self, day: date) -> bool:
        """Whether a day lies in the period."""
        return (self.from_ is None or self.from_ <= day) and (self.to is None or day <= self.to)

    def holds(self, record: Recorded) -> bool:
        """Whether a record belongs to it."""
        return self.days(record.occurred_on) and set(self.tags()) <= set(record.event.tags())


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"for_": "for"}):
    """What a bundle is: ``bundle.json``. ``events`` counts its records; ``size`` is the tree's."""

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
    """A line of the index. ``sha256`` is that of the record's bytes, not the leaf's."""

    position: int
    type: str
    occurred_at: datetime
    record: str
    receipt: str
    sha256: str


class Exported(msgspec.Struct, frozen=True):
    """What was exported. ``left_out`` is for whoever exports, and stands nowhere in the bundle."""

    events: int
    left_out: int
    size: int


class Checked(msgspec.Struct, frozen=True):
    """What a bundle claims to be, everything that is wrong with it, and what was not checked.

    Of ``about`` no proof shows more than the size and the number of records, and that these are of
    the slice: the rest is its maker's word.
    """

    about: About
    vkey: str
    faults: tuple[str, ...]
    unchecked: tuple[str, ...] = ()


def export(
    recorder: SQLiteRecorder,
    target: Path,
    wanted: Slice,
    *,
    shows: Callable[[Recorded], bool],
    with_sealed: bool = False,
    clock: Clock = system_clock,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Exported:
    """Write a bundle to ``target``: a ZIP file if it is named so, else a folder.

    ``shows`` says of a record whether it may be in a bundle ``with_sealed`` or without. All
    receipts lead to one checkpoint: the first that the present key signed over all that is
    exported, so that it has its cosignatures; if nothing was signed over the last of it yet, a new
    one.

    Raises ``UnusableUrl`` if the slice names or holds nothing or the log has no key, and
    ``FileExistsError`` if ``target`` exists.
    """
    if wanted == Slice():
        raise UnusableUrl("name what to export: --entity, --unit, --from, --to")
    if not key_file(recorder.path).exists():
        raise UnusableUrl(
            f"nothing can be proved without the log's key at {key_file(recorder.path)}: it is made "
            "when the ledger is first served"
        )
    refuse_neighbour(target.absolute())
    if not target.absolute().parent.is_dir():
        raise UnusableUrl(f"there is no directory {target.absolute().parent} for the export")
    positions, left_out = _selected(recorder, wanted, shows)
    if not positions:
        raise UnusableUrl("there is no record in this slice that may be exported")
    with _log_of(recorder, clock) as log, _writing(target, clock()) as put:
        # With it the tiles come, wherever they were.
        newest = log.advance() if log.signs else log.checkpoint()
        # By the key that signs now, which is the one that readers know: the checkpoint at which it
        # took over is the first that it has signed, under all that came before.
        key = log.keys()[-1]
        signed = log.signed.covering(max(positions[-1], key.since)) or newest
        if signed is None or signed.size < positions[-1]:
            raise UnusableUrl(
                f"event {positions[-1]} is not signed yet, and the log cannot sign where its files "
                "cannot be written: serve the ledger first, or export it there"
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


def _log_of(recorder: SQLiteRecorder, clock: Clock) -> AbstractContextManager[TransparencyLog]:
    """The log, to sign what is exported where its files can be written, else to be shown."""
    places = (recorder.path.parent, key_file(recorder.path), sibling(recorder.path, "signed"))
    if all(os.access(place, os.W_OK) for place in places if place.exists()):
        return open_log(recorder, create=False, clock=clock)
    return open_shown_log(recorder, clock=clock)


def _proof(
    log: TransparencyLog, node: Node, data: bytes, index: int, signed: Signed
) -> Sequence[bytes]:
    """The proof of a record, verified: of damaged tiles the log makes new ones."""
    try:
        proof = inclusion_proof(index, signed.size, node)
        verify_inclusion(leaf_hash(data), index, signed.size, proof, signed.root)
    except (KeyError, ProofError):
        return log.inclusion(index, signed.size)
    return proof


def _selected(
    recorder: SQLiteRecorder, wanted: Slice, shows: Callable[[Recorded], bool]
) -> tuple[list[int], int]:
    """The positions of what is exported, and how many records of the slice are left out."""
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
    """Check a bundle, without the ledger it came from.

    ``vkey``: the log's key as it is known elsewhere; without it the one in the bundle is believed.
    Raises ``BundleError`` if there is nothing that could be checked.
    """
    with _reading(path) as bundle:
        try:
            about = _said(bundle.read(ABOUT), About)
            stated = bundle.read(VKEY).decode().strip()
            key = parse_vkey(vkey or stated)
            note = bundle.read(CHECKPOINT)
            checkpoint = signed_by(note, key)
        except ValueError as error:
            raise BundleError(f"{path} is no bundle that can be checked: {error}") from error
        if about.format != FORMAT:
            raise BundleError(f"{path} has the format {about.format!r}, not {FORMAT!r}")
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
                f"that the log signs with {stated} is only this bundle's word: compare it with the "
                "key that you know, or give that one"
            )
        try:
            own = bundle.read(HOW_TO) == _how_to()
        except BundleError as error:
            faults.append(str(error))
            own = True
        if not own:
            if about.program == VERSION:
                faults.append(f"{HOW_TO} is not the text of this program; do not run what it says")
            else:
                unchecked.append(
                    f"{HOW_TO} is of version {about.program}, and another text than that of "
                    f"{VERSION}: do not run what it says before you have read it"
                )
    return Checked(about, key.vkey(), tuple(dict.fromkeys(faults)), tuple(unchecked))


def _said(data: bytes, of: type[S]) -> S:
    """What a part of a bundle says. Raises ``BundleError`` if it says something twice."""
    found = msgspec.json.decode(data, type=of)
    json.loads(data, object_pairs_hook=_once)  # of two, programs and people do not take the same
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    for name, times in Counter(name for name, _ in pairs).items():
        if times > 1:
            raise BundleError(f"{name} stands there twice")
    return dict(pairs)


def _how_to() -> bytes:
    return files("ledger.transparency").joinpath("how-to-verify.txt").read_bytes()


def _faults_of_index(bundle: _Bundle, about: About, note: bytes, key: Verifier) -> Iterator[str]:
    """What is wrong with the index, and with the records and receipts that it names."""
    positions: list[int] = []
    try:
        lines = bundle.read(INDEX).splitlines()
    except BundleError as error:
        yield str(error)
        return
    for number, line in enumerate(lines, start=1):
        try:
            entry = _said(line, Entry)
        except ValueError as error:
            yield f"{INDEX}, line {number}: {error}"
            continue
        positions.append(entry.position)
        try:
            _check(entry, bundle, about, note, key)
        except (BundleError, ProofError, codec.UnreadableRecord, OverflowError) as error:
            yield f"event {entry.position}: {error}"
    if not lines:
        yield f"{INDEX} names no record: nothing is proved here"
    if positions != sorted(set(positions)):
        yield f"{INDEX} is not in order of position, or has one twice"
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
    """Raise ``BundleError`` or ``ProofError`` unless a line of the index is as it says."""
    data = bundle.read(f"records/{entry.position}.msgpack")
    record = codec.decode(entry.position, data)
    if _entry(record, data) != entry:
        raise BundleError(f"its record says something else than {INDEX}")
    receipt = parse_receipt(bundle.read(f"receipts/{entry.position}.tlog-proof"))
    receipt.verify(data, [key])
    if receipt.index != entry.position - 1:
        raise BundleError(f"its receipt is that of event {receipt.index + 1}")
    if receipt.checkpoint != note:
        raise BundleError(f"its receipt leads to another checkpoint than {CHECKPOINT}")
    if record.envelope.visibility == "sealed" and not about.sealed:
        raise BundleError(f"it is sealed, and {ABOUT} says that nothing here is")
    if not about.slice.holds(record):
        raise BundleError(f"it is not of the slice that {ABOUT} names")


def _faults_of_sums(bundle: _Bundle) -> Iterator[str]:
    """What ``sha256sum -c`` would find, and files that it would not look at."""
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
                yield f"{name} is not as {SUMS} has it"
        except BundleError as error:
            yield str(error)
    for name in sorted(summed.keys() - bundle.names):
        yield f"{name} is missing"


#: What reading from a ZIP file raises: ``RuntimeError`` if it is encrypted, and its kind
#: ``NotImplementedError`` if it is packed in a way that is not known here.
_UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError)


class _Bundle:
    """The files of a bundle by their names. Nothing is ever written where a name says."""

    def __init__(
        self, names: Iterable[str], size: Callable[[str], int], read: Callable[[str], bytes]
    ) -> None:
        self.names = frozenset(names)
        self._size = size
        self._read = read

    def read(self, name: str) -> bytes:
        """The content of a file. Raises ``BundleError`` if there is none that can be read."""
        if name not in self.names:
            raise BundleError(f"{name} is missing")
        lines = _LONGEST_LINE * len(self.names) if name in _GROWING else 0
        if self._size(name) > _LONGEST + lines:
            raise BundleError(f"{name} is too long to be what it is named")
        try:
            return self._read(name)
        except _UNREADABLE as error:
            raise BundleError(f"{name} cannot be read: {error}") from error


@contextmanager
def _reading(path: Path) -> Iterator[_Bundle]:
    if path.is_dir():
        inside = [one for one in path.rglob("*") if one.is_file()]
        names = {one.relative_to(path).as_posix(): one for one in inside}
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
            if times > 1:  # programs do not agree which of them it is
                raise BundleError(f"{path} is no bundle: {name} is in it twice")
        yield _Bundle(
            [name for name in packed.namelist() if not name.endswith("/")],
            lambda name: packed.getinfo(name).file_size,
            packed.read,
        )


@contextmanager
def _writing(target: Path, made_at: datetime) -> Iterator[Callable[[str, bytes], None]]:
    """A function that puts a file into the bundle; the bundle appears when all are in it."""
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
