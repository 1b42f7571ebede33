"""The log of one ledger: what was recorded goes into the tree, and the tree is signed.

One step of ``advance``, in this order (what a crash leaves is said at each step):

1. Leaf hashes of what was recorded go into the tiles, all tiles of a piece in one transaction. A
   crash leaves whole pieces; the next step goes on behind them.
2. The tree is compared with the last checkpoint: it has to begin with what was signed. A ledger
   that lost events, an old copy, another one's file: none begins so, and nothing is signed.
3. The new checkpoint is signed and swapped in for the last one, if that is still the last. A crash
   before leaves the last one valid; after, the new one is published. Two services cannot both swap.
   A key that gave way to another one swaps nothing in: the new one is fetched.
4. This machine remembers it elsewhere too, and asks that memory before it signs again. A crash
   before leaves one that is behind; the next step makes up for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol, TypeVar

import structlog

from ledger.kernel.clock import Clock, system_clock
from ledger.transparency.checkpoints import Checkpoint, sign_checkpoint
from ledger.transparency.keys import KeyFileError
from ledger.transparency.memory import Memory, memory_file
from ledger.transparency.merkle import (
    HASH_SIZE,
    ProofError,
    consistency_proof,
    inclusion_proof,
    root,
    verify_consistency,
    verify_inclusion,
)
from ledger.transparency.notes import Signer, Verifier
from ledger.transparency.store import LogKey, Retired, Signed, SignedStore, TileStore
from ledger.transparency.tiles import WIDTH, node_of

log = structlog.get_logger("ledger.transparency")

Made = TypeVar("Made")

#: Leaves that go into the tiles in one transaction.
PIECE = 16 * WIDTH


class Forked(Exception):
    """The ledger does not begin with what was signed: nothing is signed till somebody looked."""


class Taken(Forked):
    """This machine has signed more of this log, or something else, than is known here."""


class Leaves(Protocol):
    """What the log needs of a store of events."""

    def head(self) -> int:
        """The last position."""

    def leaves(self, after: int, limit: int) -> list[bytes]:
        """The leaf hashes of the events after a position, in order."""


def refuse_taken(memory: Memory, key: Verifier, signed: SignedStore) -> None:
    """Raise ``Taken`` if this machine has signed more with a key than ``signed`` knows."""
    # In this order: whatever is remembered by now is known by then.
    held = memory.recall(key)
    newest = signed.newest()
    if held is None or (newest is not None and newest.size > held.size):
        return
    known = 0 if newest is None else newest.size
    if newest is not None and (known, newest.root) == (held.size, held.root):
        return
    found = f"knows of {known:,}" if known < held.size else "holds others"
    raise Taken(
        f"{held.size:,} events of this log were signed on this machine ({memory_file(key)} says "
        f"so), and {signed.path} {found}: an older copy lies in its place, or another one goes on. "
        "Nothing is signed. Put the newest files back. If they are lost, restore the newest backup "
        "with --accept-loss, which ends this log (docs/backup.md)."
    )


def _no_other(vkey: str) -> Signer:
    raise KeyFileError(f"this log signs with {vkey}, which is not at hand")


class TransparencyLog:
    """Tree, proofs and checkpoints of one ledger. Safe for threads.

    With a public key alone as ``signer`` it gives proofs and signs nothing.
    ``renew`` gives the key of a public key to which the one at hand gave way meanwhile; ``memory``
    knows what else was signed on this machine.
    """

    def __init__(
        self,
        events: Leaves,
        tiles: TileStore,
        signed: SignedStore,
        signer: Signer | Verifier,
        *,
        clock: Clock = system_clock,
        renew: Callable[[str], Signer] = _no_other,
        memory: Memory | None = None,
    ) -> None:
        self._events = events
        self.tiles = tiles
        self.signed = signed
        self._signer = signer
        self._clock = clock
        self._renew = renew
        self._memory = memory
        self._mending = threading.Lock()
        #: Called at every portion of a long integration, in whatever thread does it.
        self.gets_on: Callable[[], None] = lambda: None
        self._in_vain = False
        self._node = node_of(tiles.tile)

    @property
    def signer(self) -> Signer:
        """The key that signs. Raises ``KeyFileError`` if the log was opened without it."""
        if isinstance(self._signer, Verifier):
            raise KeyFileError("this log was opened to be shown, and signs nothing")
        return self._signer

    @signer.setter
    def signer(self, signer: Signer) -> None:
        self._signer = signer

    @property
    def signs(self) -> bool:
        """Whether the key that signs is at hand."""
        return isinstance(self._signer, Signer)

    @property
    def origin(self) -> str:
        """The name of this log, which is also that of its key."""
        return self._signer.name

    def advance(self) -> Signed | None:
        """Take in what was recorded and sign it; the newest checkpoint, ``None`` if nothing is.

        Raises ``Forked`` if the ledger does not begin with what was signed, and ``KeyFileError`` if
        the key that signs now is not to be had.
        """
        try:
            return self._advance()
        except Taken:
            raise
        except (Forked, KeyError) as wrong:
            # Tiles can be damaged, or lost, without the ledger being wrong: it alone decides.
            with self._mending:
                log.warning("tiles_made_anew", why=str(wrong))
                self.tiles.clear()
                return self._advance()

    def _advance(self) -> Signed | None:
        while True:
            # In this order: whatever is signed by now is recorded by then, by whomever.
            last = self.signed.newest()
            size = self._integrate()
            self._check_beginning(last, size)
            if self._memory is not None:
                refuse_taken(self._memory, self.signer.verifier(), self.signed)
            if last is not None and last.size == size:
                self._remember(last)  # a crash may have come before that
                return last
            if last is None and size == 0:
                return None
            signer = self.signer
            new = self._sign(size, signer, last)
            try:
                if self.signed.replace(last, new, signer.verifier().vkey()):
                    self._remember(new)
                    return new
            except Retired as retired:
                self._signer = self._renew(retired.vkey)
            # Somebody else has signed meanwhile: look again at what.

    def _remember(self, signed: Signed) -> None:
        if self._memory is not None:
            self._memory.remember(self.signer.verifier(), signed.note())

    def checkpoint(self) -> Signed | None:
        """The newest signed checkpoint, cosignatures included."""
        return self.signed.newest()

    def keys(self) -> list[LogKey]:
        """The public keys that signed and sign, each with its first size; the last one signs."""
        return self.signed.keys() or [LogKey(0, self.signer.verifier().vkey())]

    def root(self, size: int) -> bytes:
        """The root of the first ``size`` leaves. Raises ``ProofError``."""
        if not 0 <= size <= self._events.head():
            raise ProofError(f"there is no tree of {size}, or not yet")
        return self._sound(lambda: self._known_root(size))

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The proof that a leaf is in the tree of ``size``. Raises ``ProofError``.

        It is verified before it leaves, as ``consistency``'s is: tiles can be damaged in places
        that the newest root does not depend on.
        """
        if not 0 <= index < size <= self._events.head():
            raise ProofError(f"there is no leaf {index} in a tree of {size}, or not yet")

        def prove() -> list[bytes]:
            proof = inclusion_proof(index, size, self._node)
            (leaf,) = self._events.leaves(index, 1)
            verify_inclusion(leaf, index, size, proof, self._known_root(size))
            return proof

        return self._sound(prove)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that a tree begins with a smaller one. Raises ``ProofError``."""
        if not 0 <= old <= new <= self._events.head():
            raise ProofError(f"a tree of {old} is no beginning of one of {new}, or not yet")

        def prove() -> list[bytes]:
            proof = consistency_proof(old, new, self._node)
            verify_consistency(old, new, proof, self._known_root(old), self._known_root(new))
            return proof

        return self._sound(prove)

    def _known_root(self, size: int) -> bytes:
        """The root that was signed, or else one of the tiles that leads to one that was."""
        signed = self.signed.covering(size)
        if signed is not None and signed.size == size:
            return signed.root
        found = root(size, self._node)
        if signed is not None:
            proof = consistency_proof(size, signed.size, self._node)
            verify_consistency(size, signed.size, proof, found, signed.root)
        return found

    def _sound(self, make: Callable[[], Made]) -> Made:
        """What is made of the tiles. If it does not hold, they are damaged and are made anew.

        If that does not help, it is not the tiles that are wrong, and it is not tried again.
        """
        with suppress(KeyError, ProofError):
            return make()
        with self._mending:
            try:
                return make()  # somebody else may have mended them meanwhile
            except (KeyError, ProofError) as wrong:
                if self._in_vain:
                    raise ProofError(f"the events do not fit what was signed: {wrong}") from wrong
                log.warning("tiles_made_anew", why=str(wrong))
            self.tiles.clear()
            self._integrate()
            self._in_vain = True
            made = make()
            self._in_vain = False
            return made

    def _integrate(self) -> int:
        size = self.tiles.size
        head = self._events.head()
        if size > head:
            raise Forked(
                f"the log holds {size:,} events and the ledger ends at {head:,}: events are "
                "missing. Was an older copy put in its place?"
            )
        if size:
            (last,) = self._events.leaves(size - 1, 1)
            level, place = divmod(size - 1, WIDTH)
            if self.tiles.tile(0, level, place + 1)[-HASH_SIZE:] != last:
                raise Forked(
                    f"event {size:,} is not the one that was logged: the ledger is another one, "
                    "or was changed"
                )
        while size < head:
            self.gets_on()
            leaves = self._events.leaves(size, min(PIECE, head - size))
            size = self.tiles.extend(size, leaves)
        return size

    def _check_beginning(self, last: Signed | None, size: int) -> None:
        if last is None:
            return
        if size < last.size:
            raise Forked(
                f"{last.size:,} events were signed at {last.signed_at} and the ledger ends at "
                f"{size:,}: events are missing. Was an older copy put in its place?"
            )
        if root(last.size, self._node) != last.root:
            raise Forked(
                f"the first {last.size:,} events are not those that were signed at {last.signed_at}"
            )

    def _sign(self, size: int, signer: Signer, last: Signed | None) -> Signed:
        now = datetime.isoformat(self._clock().astimezone(UTC), timespec="milliseconds")
        checkpoint = Checkpoint(signer.name, size, root(size, self._node))
        note = sign_checkpoint(checkpoint, signer)
        return Signed(
            size=size,
            root=checkpoint.root,
            text=note.text,
            signatures="".join(signature.line() for signature in note.signatures),
            # A clock that is set back must not give larger trees earlier times.
            signed_at=now if last is None else max(now, last.signed_at),
        )
