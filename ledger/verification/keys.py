"""Whose signature a checkpoint has to carry: the keys of a log, and the sizes at which each held.

The file of what was signed says which keys there were. It is believed as far as it can be followed
from a key that is known: a change of keys counts if the ledger announces it, and if the checkpoint
of its size, which covers the announcement, is signed by both. So nobody who has but the file can
put in a key, and no key counts beyond its time.
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
    """One of ``keys`` signs the sizes from ``since`` to ``until``; at a change both reigns do."""

    keys: tuple[Verifier, ...]
    since: int = 0
    until: int | None = None

    def holds(self, size: int) -> bool:
        """Whether a checkpoint of this size has to carry its signature."""
        return self.since <= size and (self.until is None or size <= self.until)


def check_signed(note: Note, size: int, reigns: Sequence[Reign]) -> None:
    """Raise ``NoteError`` unless whoever held at ``size`` has signed, and of the log nobody else.

    Without reigns no key is known, and nothing is checked.
    """
    by = {(one.name, one.key_id) for one in note.signatures}
    for reign in reigns:
        if reign.holds(size):
            verified(note, reign.keys)
            continue
        for key in reign.keys:
            if (key.name, key.key_id) in by:
                raise NoteError(
                    f"it is signed by the key {key.key_id:08x}, which did not hold at {size:,}"
                )


def reigns_of(files: Files, known: Sequence[Verifier]) -> tuple[tuple[Reign, ...], list[Fault]]:
    """The reigns that can be followed from the keys that are ``known``, and what is wrong."""
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
        anchor = next((n for n, one in enumerate(held) if one.key in known), None)
        if anchor is None:
            names = ", ".join(key.vkey() for key in known)
            what = f"none of the log's keys in this file is the one that is known: {names}"
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
    ends = [*(one.since for one in followed[1:]), None]
    reigns = tuple(
        Reign((one.key,), one.since, end) for one, end in zip(followed, ends, strict=True)
    )
    faults = [
        Fault(
            one.since,
            f"the key {one.key.vkey()} is not led to: no change that the ledger announces, and "
            "that both keys have signed, connects it with the one that is known",
            _PLACE,
        )
        for one in (*held[:first], *held[last + 1 :])
    ]
    if first == 0 and held[0].since != 0:
        faults.append(Fault(0, f"the first key held from {held[0].since:,} on, not from 0", _PLACE))
    return reigns, faults


def keys_in(signed: Path) -> tuple[Verifier, ...]:
    """The keys that a file of what was signed names; none where it names none that can be read."""
    if not signed.exists():
        return ()
    try:
        with ExitStack() as opened:
            rows = asked(opened_file(opened, signed), signed, _KEYS)
        return tuple(_key(since, vkey) for since, vkey in rows)
    except (StoreError, NoteError):
        return ()  # what is wrong with the file is said where it is looked at


def itself(signed: Path) -> tuple[list[Fault], bool]:
    """What is wrong with what a log remembers of itself, and whether its file is a copy.

    ``signed``: a file of what was signed that can be read.
    """
    with ExitStack() as opened:
        file = opened_file(opened, signed)
        # In this order, or a log that signs for the first time meanwhile would have forgotten.
        count, keys, place = (asked(file, signed, one) for one in (_COUNT, _KEYS, _LIES))
    faults = []
    if not keys and count != [(0,)]:
        faults.append(Fault(0, "it names no key, and holds what one has signed", _PLACE))
    if keys and not place:
        what = "it does not say which file it is, by which a copy is told from the original"
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
    """The position at which each change of keys is announced."""
    ledger = opened_file(opened, files.ledger)
    found: dict[tuple[str, str], int] = {}
    for position, data in asked(ledger, files.ledger, _CHANGES, KeyRotated.TOPIC):
        try:
            event = codec.decode(position, data).event
        except codec.UnreadableRecord:
            continue  # the look at the records names it
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
    """How many changes in a row lead on."""
    count = 0
    for leads in led:
        if not leads:
            break
        count += 1
    return count
