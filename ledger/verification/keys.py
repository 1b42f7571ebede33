"""Find out which key must have signed a checkpoint: the keys of a log, and the sizes of each.

The file of signed checkpoints names the keys. It is trusted only as far as it can be followed
from a key that is known: a change of keys counts if the ledger announces it, and if the checkpoint
of its size, which covers the announcement, is signed by both. So a person who can write only this
file cannot add a key, and no key is valid outside its sizes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec

from ledger.kernel import codec
from ledger.stores import StoreError
from ledger.stores.files import number_of
from ledger.transparency.events import KeyRotated
from ledger.transparency.notes import Note, NoteError, Verifier, parse_note, parse_vkey, verified
from ledger.verification.faults import Fault, Files
from ledger.verification.files import asked, opened_file

_THERE = "SELECT 1 FROM sqlite_master WHERE name = 'keys'"
_KEYS = "SELECT since, vkey FROM keys ORDER BY since"
_LIES = "SELECT file FROM place"
_COUNT = "SELECT count(*) FROM signed"
_NOTE = "SELECT text, signatures FROM signed WHERE size = ?"
_CHANGES = "SELECT position, data FROM events WHERE type = ? ORDER BY position"


class Reign(msgspec.Struct, frozen=True):
    """The sizes ``since`` to ``until`` that one of ``keys`` signs; at a change both reigns do."""

    keys: tuple[Verifier, ...]
    since: int = 0
    until: int | None = None

    def holds(self, size: int) -> bool:
        """Whether this reign's key must have signed a checkpoint of this size."""
        return self.since <= size and (self.until is None or size <= self.until)


def check_signed(note: Note, size: int, reigns: Sequence[Reign]) -> None:
    """Raise ``NoteError`` unless the right key of the log has signed, and no other key of it.

    Without reigns no key is known, and nothing is checked.
    """
    by = {(signature.name, signature.key_id) for signature in note.signatures}
    for reign in reigns:
        if reign.holds(size):
            verified(note, reign.keys)
            continue
        for key in reign.keys:
            if (key.name, key.key_id) in by:
                raise NoteError(
                    f"it must not be signed by the key {key.key_id:08x}, which was not the log's "
                    f"key at {size:,} events"
                )


def reigns_of(files: Files, known: Sequence[Verifier]) -> tuple[tuple[Reign, ...], list[Fault]]:
    """Return the reigns that can be followed from the ``known`` keys, and the faults."""
    alone = (Reign(tuple(known)),)
    path = files.signed
    if path is None:
        return alone, []
    with ExitStack() as opened:
        signed = opened_file(opened, path)
        rows = asked(signed, path, _KEYS) if asked(signed, path, _THERE) else []
        if not rows:
            return alone, []
        try:
            held = [_Held(since, _key(since, vkey)) for since, vkey in rows]
        except NoteError as error:
            return alone, [Fault(0, str(error), _PLACE)]
        anchor = next((n for n, holder in enumerate(held) if holder.key in known), None)
        if anchor is None:
            names = ", ".join(key.vkey() for key in known)
            what = f"one of the log's keys in this file must be the known key: {names}"
            return alone, [Fault(0, what, _PLACE)]
        announced = _announced(opened, files)
        led = []
        for old, new in pairwise(held):
            position = announced.get((old.key.vkey(), new.key.vkey()))
            covered = position is not None and position <= new.since
            note = asked(signed, path, _NOTE, new.since)
            led.append(covered and bool(note) and _by_both(b"\n".join(note[0]), old.key, new.key))
    first = anchor - _following(reversed(led[:anchor]))
    last = anchor + _following(led[anchor:])
    followed = held[first : last + 1]
    ends = [*(holder.since for holder in followed[1:]), None]
    reigns = tuple(
        Reign((holder.key,), holder.since, end) for holder, end in zip(followed, ends, strict=True)
    )
    faults = [
        Fault(
            holder.since,
            f"the key {holder.key.vkey()} cannot be followed: it is not connected with the known "
            "key by a change that the ledger announces and both keys have signed",
            _PLACE,
        )
        for holder in (*held[:first], *held[last + 1 :])
    ]
    if first == 0 and held[0].since != 0:
        what = f"the first key must sign from size 0; it signs from {held[0].since:,}"
        faults.append(Fault(0, what, _PLACE))
    return reigns, faults


def keys_in(signed: Path) -> tuple[Verifier, ...]:
    """Return the keys in a file of signed checkpoints; none if they cannot be read."""
    if not signed.exists():
        return ()
    try:
        with ExitStack() as opened:
            rows = asked(opened_file(opened, signed), signed, _KEYS)
        return tuple(_key(since, vkey) for since, vkey in rows)
    except (StoreError, NoteError):
        return ()  # the check of the file reports the fault


def itself(signed: Path) -> tuple[list[Fault], bool]:
    """Return the faults in a log's own keys and file number, and whether its file is a copy.

    ``signed``: a readable file of signed checkpoints.
    """
    with ExitStack() as opened:
        file = opened_file(opened, signed)
        # Count first: otherwise a log that signs its first checkpoint meanwhile would seem to have
        # checkpoints without a key.
        count, keys, place = (asked(file, signed, sql) for sql in (_COUNT, _KEYS, _LIES))
    faults = []
    if not keys and count != [(0,)]:
        faults.append(Fault(0, "it holds signed checkpoints, but names no key", _PLACE))
    if keys and not place:
        what = "it lacks its file number, which distinguishes a copy from the original"
        faults.append(Fault(0, what, signed.name))
    return faults, bool(place) and place != [(number_of(signed).encode(),)]


class _Held(NamedTuple):
    since: int
    key: Verifier


_PLACE = "keys of the signed checkpoints"


def _key(since: int, vkey: bytes) -> Verifier:
    try:
        return parse_vkey(vkey.decode())
    except (NoteError, UnicodeDecodeError) as error:
        raise NoteError(f"the key from {since:,} on cannot be read: {error}") from error


def _announced(opened: ExitStack, files: Files) -> dict[tuple[str, str], int]:
    """Return the position at which each change of keys is announced, by old and new key."""
    ledger = opened_file(opened, files.ledger)
    found: dict[tuple[str, str], int] = {}
    for position, data in asked(ledger, files.ledger, _CHANGES, KeyRotated.TOPIC):
        try:
            event = codec.decode(position, data).event
        except codec.UnreadableRecord:
            continue  # the check of the records reports it
        if isinstance(event, KeyRotated):
            found.setdefault((event.old, event.new), position)
    return found


def _by_both(note: bytes, old: Verifier, new: Verifier) -> bool:
    try:
        parsed = parse_note(note)
        return all(verified(parsed, [key]) for key in (old, new))
    except NoteError:
        return False


def _following(led: Iterable[bool]) -> int:
    """Return how many changes in a row can be followed."""
    count = 0
    for leads in led:
        if not leads:
            break
        count += 1
    return count
