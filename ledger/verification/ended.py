"""Logs of the ledger that ended: what they signed, and what was stated of the loss."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path

from ledger.stores import StoreError
from ledger.stores.sqlite import SQLiteRecorder
from ledger.transparency import ended
from ledger.transparency.checkpoints import Checkpoint, parse_checkpoint
from ledger.transparency.merkle import Growing
from ledger.transparency.notes import NoteError, parse_note, parse_vkey, verified
from ledger.transparency.store import SIGNED_SCHEMA
from ledger.verification.condition import condition
from ledger.verification.faults import Files, Found
from ledger.verification.files import asked, opened_file
from ledger.verification.keys import check_signed, reigns_of

_PAGE = 10_000
_SIGNED = "SELECT text || char(10) || signatures FROM signed ORDER BY size"


def roots_at(recorder: SQLiteRecorder, sizes: Collection[int]) -> dict[int, bytes]:
    """The roots of the first so many events, as far as there are so many, and of all of them."""
    tree = Growing()
    found = {0: tree.root()}
    while page := recorder.leaves(tree.size, _PAGE):
        for leaf in page:
            tree.add(leaf)
            if tree.size in sizes:
                found[tree.size] = tree.root()
    found[tree.size] = tree.root()
    return found


def verify_ended(recorder: SQLiteRecorder, folder: Path) -> Found:
    """Hold each log that ended against its statement, its key, and the events that were kept."""
    found = Found()
    logs = [_Log(one, found, recorder.path) for one in sorted(folder.glob("*/"))]
    sizes = {checkpoint.size for log in logs for checkpoint in log.promised}
    roots = roots_at(recorder, sizes) if sizes else {}
    for log in logs:
        for checkpoint in log.promised:
            if roots.get(checkpoint.size) != checkpoint.root:
                found.wrong(
                    log.place,
                    f"it signed {checkpoint.size:,} events that are not the first of this ledger",
                    checkpoint.size,
                )
        found.count += 1
    return found


class _Log:
    """One folder of what a log left; ``promised``: what it signed of events that were kept."""

    def __init__(self, folder: Path, found: Found, ledger: Path) -> None:
        self.place = f"{folder.parent.name}/{folder.name}"
        self.promised: list[Checkpoint] = []
        self._folder, self._found, self._ledger = folder, found, ledger
        try:
            self._stated = ended.statement(folder / ended.STATEMENT)
            self._look()
        except (StoreError, NoteError, UnicodeDecodeError, OSError) as error:
            found.wrong(self.place, str(error))

    def _look(self) -> None:
        stated = self._stated
        known = parse_vkey(stated.vkey)
        published = parse_note(stated.published.encode())
        verified(published, [known])
        newest = parse_checkpoint(published.text)
        if (newest.origin, newest.size) != (stated.origin, stated.kept + stated.lost):
            self._wrong("its statement says otherwise than the checkpoint in it")
        if (self._folder / ended.CHECKPOINT).read_bytes() != stated.published.encode():
            self._wrong("its checkpoint is another one than that of its statement")
        self._promise(stated.origin, stated.kept, stated.kept_root)
        signed = self._folder / ended.SIGNED
        if not signed.exists():
            return
        faults, readable = condition(signed, SIGNED_SCHEMA)
        if readable:
            reigns, misled = reigns_of(Files(ledger=self._ledger, signed=signed), [known])
            faults += misled
            with ExitStack() as opened:
                rows = asked(opened_file(opened, signed), signed, _SIGNED)
            for (text,) in rows:
                note = parse_note(text)
                checkpoint = parse_checkpoint(note.text)
                check_signed(note, checkpoint.size, reigns)
                self._promise(
                    checkpoint.origin, checkpoint.size, b64encode(checkpoint.root).decode()
                )
        for fault in faults:
            self._wrong(fault.words)

    def _promise(self, origin: str, size: int, root: str) -> None:
        """Note a promise that the events that are left have to keep."""
        if size <= self._stated.kept:
            self.promised.append(parse_checkpoint(f"{origin}\n{size}\n{root}\n"))

    def _wrong(self, what: str) -> None:
        self._found.wrong(self.place, what)
