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

import msgspec

from ledger.kernel import codec
from ledger.transparency.events import KeyRotated
from ledger.transparency.notes import Note, NoteError, Verifier, parse_note, parse_vkey, verified
from ledger.verification.faults import Fault, Files
from ledger.verification.files import asked, opened_file

_THERE = "SELECT 1 FROM sqlite_master WHERE name = 'keys'"
_KEYS = "SELECT since, vkey FROM keys ORDER BY since"
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
    if files.signed is None:
        return (Reign(tuple(known)),), []
    with ExitStack() as opened:
        signed = opened_file(opened, files.signed)
        there = asked(signed, files.signed, _THERE)
        rows = asked(signed, files.signed, _KEYS) if there else []
        if not rows:
            return (Reign(tuple(known)),), []
        try:
            held = [(since, _key(since, vkey)) for since, vkey in rows]
        except NoteError as error:
            return (Reign(tuple(known)),), [Fault(0, str(error), _PLACE)]
        anchor = next((n for n, (_, key) in enumerate(held) if key in known), None)
        if anchor is None:
            names = ", ".join(key.vkey() for key in known)
            what = f"none of the log's keys in this file is the one that is known: {names}"
            return (Reign(tuple(known)),), [Fault(0, what, _PLACE)]
        changes = _announced(opened, files)

        def leads(old: tuple[int, Verifier], new: tuple[int, Verifier]) -> bool:
            since = new[0]
            position = changes.get((old[1].vkey(), new[1].vkey()))
            found = asked(signed, files.signed, _NOTE, since)  # type: ignore[arg-type]
            return (
                position is not None
                and position <= since
                and bool(found)
                and _by_both(b"\n".join(found[0]), old[1], new[1])
            )

        led = [leads(old, new) for old, new in pairwise(held)]
    first = anchor - _following(reversed(led[:anchor]))
    last = anchor + _following(led[anchor:])
    ends = [since for since, _ in held[1:]] + [None]
    reigns = tuple(
        Reign((key,), since, end if n < last else None)
        for n, ((since, key), end) in enumerate(zip(held, ends, strict=True))
        if first <= n <= last
    )
    faults = [
        Fault(
            since,
            f"the key {key.vkey()} is not led to: no change that the ledger announces, and that "
            "both keys have signed, connects it with the one that is known",
            _PLACE,
        )
        for n, (since, key) in enumerate(held)
        if not first <= n <= last
    ]
    if first == 0 and held[0][0] != 0:
        faults.append(Fault(0, f"the first key held from {held[0][0]:,} on and not from 0", _PLACE))
    return reigns, faults


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
