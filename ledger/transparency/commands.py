"""The command of the log. No role may send it, because recording a key change does not make it.

``rotation`` executes it as one of several steps, so it is not in the registry.
"""

from __future__ import annotations

from collections.abc import Iterator

from ledger.general.vocabulary import Text
from ledger.kernel import Act, Event, Inquiry, Malformed, OutOfStep
from ledger.transparency.events import KeyRotated, LogId
from ledger.transparency.folds import KeyRotations
from ledger.transparency.notes import ED25519, NoteError, Verifier, parse_vkey


class RecordKeyRotation(Act):
    """登记密钥更换: record that another key signs the log, from the checkpoint that covers this."""

    log: LogId
    old: Text
    new: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        if self._key(self.old, "/old") == self._key(self.new, "/new"):
            raise Malformed("transparency.new-must-be-another-key-old", pointer="/new")
        if self.new in inquiry.read(KeyRotations(self.log)).recorded:
            raise OutOfStep("transparency.already-recorded-key", new=self.new, log=self.log)
        yield KeyRotated(log=self.log, old=self.old, new=self.new)

    def _key(self, vkey: str, pointer: str) -> Verifier:
        try:
            key = parse_vkey(vkey)
        except NoteError as error:
            raise Malformed("transparency.key-fault", pointer=pointer, error=str(error)) from error
        if key.name != self.log or key.kind != ED25519:
            raise Malformed(
                "transparency.must-be-key-signs", pointer=pointer, vkey=vkey, log=self.log
            )
        return key
