"""The command of the log. No role may send it: recording that a key changes does not change it.

``rotation`` gives it to the ledger as one step of several, and so it is not in the registry.
"""

from __future__ import annotations

from collections.abc import Iterator

from ledger.general.vocabulary import Text
from ledger.kernel import Act, Event, Malformed, OutOfStep, Reading
from ledger.transparency.events import KeyRotated, LogId
from ledger.transparency.folds import KeyRotations
from ledger.transparency.notes import ED25519, NoteError, Verifier, parse_vkey


class RecordKeyRotation(Act):
    """登记密钥更换: from the checkpoint that covers this on, another key signs the log."""

    log: LogId
    old: Text
    new: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        if self._key(self.old, "/old") == self._key(self.new, "/new"):
            raise Malformed("the new key is the old one.", "/new")
        if self.new in ledger.read(KeyRotations(self.log)).recorded:
            raise OutOfStep(f"{self.new} is recorded already as a key of {self.log}.")
        yield KeyRotated(log=self.log, old=self.old, new=self.new)

    def _key(self, vkey: str, pointer: str) -> Verifier:
        try:
            key = parse_vkey(vkey)
        except NoteError as error:
            raise Malformed(f"{error}.", pointer) from error
        if key.name != self.log or key.kind != ED25519:
            raise Malformed(f"{vkey} is no key that signs for {self.log}.", pointer)
        return key
