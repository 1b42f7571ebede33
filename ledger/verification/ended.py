"""Verify the ended logs of a ledger: their checkpoints, and the statements of loss."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path

from ledger.stores import StoreError
from ledger.stores.recorder import LedgerRecorder
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


def roots_at(recorder: LedgerRecorder, sizes: Collection[int]) -> dict[int, bytes]:
    """Return the Merkle roots of the first *n* events for each *n* in `sizes`, and of all events.

    A size that the ledger does not reach is left out.
    """
    tree = Growing()
    roots = {0: tree.root()}
    while page := recorder.leaves(tree.size, _PAGE):
        for leaf in page:
            tree.add(leaf)
            if tree.size in sizes:
                roots[tree.size] = tree.root()
    roots[tree.size] = tree.root()
    return roots


def verify_ended(recorder: SQLiteRecorder, folder: Path) -> Found:
    """Compare each ended log with its statement, its key, and the events that were kept."""
    found = Found()
    logs = [_Log(path, found, recorder.path) for path in sorted(folder.glob("*/"))]
    sizes = {checkpoint.size for log in logs for checkpoint in log.promised}
    roots = roots_at(recorder, sizes) if sizes else {}
    for log in logs:
        for checkpoint in log.promised:
            if roots.get(checkpoint.size) != checkpoint.root:
                found.wrong(
                    log.place,
                    f"it signed {checkpoint.size:,} events that are not the first ones of this "
                    "ledger",
                    checkpoint.size,
                )
        found.count += 1
    return found


class _Log:
    """The folder of an ended log; ``promised``: its checkpoints over events that were kept."""

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
            self._wrong("its statement contradicts the checkpoint in it")
        if (self._folder / ended.CHECKPOINT).read_bytes() != stated.published.encode():
            self._wrong("its checkpoint is not the one in its statement")
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
        """Note a checkpoint with which the remaining events must agree."""
        if size <= self._stated.kept:
            self.promised.append(parse_checkpoint(f"{origin}\n{size}\n{root}\n"))

    def _wrong(self, what: str) -> None:
        self._found.wrong(self.place, what)
