"""Whether a ledger's file still says what was recorded: every record, every tag, every position."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256

import msgspec

import ledger.registry  # noqa: F401 - declares every event type, so that every record is read
from ledger.kernel import codec
from ledger.kernel.sequencer import tags_of
from ledger.stores.sqlite import Row, SQLiteRecorder, encode_tags

#: Records checked at a time. It bounds memory (some 60 MB), and each page scans the tag index once.
PAGE = 50_000


class Fault(msgspec.Struct, frozen=True):
    """Something wrong at a position, and what."""

    position: int
    what: str


class Verification(msgspec.Struct, frozen=True):
    """How many records were checked, and the faults found, the first position first."""

    records: int
    faults: tuple[Fault, ...]


def verify_records(
    recorder: SQLiteRecorder,
    *,
    progress: Callable[[int], None] = lambda done: None,
    most_faults: int = 100,
) -> Verification:
    """Check each record of a ledger up to its head at the time of the call.

    Each record has to stand at its gapless position, decode, hash to its stored leaf, carry the
    bytes that its event encodes to, and be found under exactly the tags of its event. Safe on a
    ledger that is being written.
    """
    head = recorder.head()
    faults: list[Fault] = []
    position = 0
    command_before: str | None = None
    while position < head and len(faults) < most_faults:
        rows = recorder.rows(position, min(PAGE, head - position))
        if not rows:
            faults.append(Fault(position + 1, f"missing, and all after it up to {head}"))
            break
        indexed = _indexed(recorder, position, rows[-1].position)
        for row in rows:
            gap = range(position + 1, row.position)
            faults.extend(Fault(missing, "missing") for missing in gap)
            command_before = None if gap else command_before
            position = row.position
            command, what = _check(row, command_before, indexed.pop(position, set()))
            command_before = command
            faults.extend(Fault(position, one) for one in what)
        faults.extend(Fault(stray, "tags without a record") for stray in sorted(indexed))
        progress(position)
    beyond = recorder.tag_rows(head, 2**62)
    # A writer may have appended since ``head`` was taken; its records are there by now.
    last = recorder.head()
    faults.extend(Fault(p, "tags without a record") for p, _, _ in beyond if p > last)
    return Verification(position, tuple(sorted(faults, key=lambda fault: fault.position)))


def _indexed(recorder: SQLiteRecorder, after: int, up_to: int) -> dict[int, set[tuple[str, str]]]:
    found: dict[int, set[tuple[str, str]]] = {}
    for position, topic, tag in recorder.tag_rows(after, up_to):
        found.setdefault(position, set()).add((topic, tag))
    return found


def _check(
    row: Row, command_before: str | None, indexed: set[tuple[str, str]]
) -> tuple[str | None, list[str]]:
    """The command id of the record and what is wrong with it."""
    wrong = []
    if sha256(b"\x00" + row.data).digest() != row.leaf:
        wrong.append("its bytes do not hash to its leaf")
    try:
        record = codec.decode(row.position, row.data)
    except codec.UnreadableRecord as error:
        return None, [*wrong, str(error)]
    envelope, event = record.envelope, record.event
    if row.type != envelope.type:
        wrong.append(f"stored as {row.type} but says {envelope.type}")
    # An upcast event would encode to its newest version; its old bytes are vouched for by the leaf.
    current = envelope.schema_version == event.VERSION
    if current and codec.encode(envelope, event) != row.data:
        wrong.append("its bytes are not those that its event encodes to")
    expected = tags_of(envelope, event, first=envelope.command_id != command_before)
    if row.tags != encode_tags(expected):
        wrong.append(f"stored with tags {row.tags} instead of {encode_tags(expected)}")
    if indexed != {(row.type, tag) for tag in expected}:
        wrong.append("its tag rows differ from its event's tags")
    return envelope.command_id, wrong


def faults_in_words(verification: Verification) -> Iterator[str]:
    """One line for each fault."""
    for fault in verification.faults:
        yield f"position {fault.position}: {fault.what}"
