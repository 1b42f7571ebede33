"""The log of one ledger: it adds the recorded events to the tree, and signs the tree.

``advance`` works in four steps. The comment at each says what a crash there leaves.

1. Integrate: add the leaf hashes of new events to the tiles, each portion in one transaction.
2. Check the beginning: the tree must begin with the last signed checkpoint. A ledger that lost
   events, an old copy and the file of another ledger fail this check, and nothing is signed.
3. Sign a new checkpoint, and swap it in if the last checkpoint is still the same. Two services
   cannot both swap, and a retired key cannot swap at all: the log then fetches the new key.
4. Remember the checkpoint outside the ledger's folder (``ledger.transparency.memory``). That memory
   is asked before each signature.
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

#: How many leaves are added to the tiles in one transaction.
PIECE = 16 * WIDTH


class Forked(Exception):
    """The ledger does not begin with the signed events, so the log signs nothing.

    An operator must find out why.
    """


class Taken(Forked):
    """This machine has signed more events of this log, or others, than its file knows."""


class Leaves(Protocol):
    """The part of a store of events that the log uses."""

    def head(self) -> int:
        """Return the last position."""

    def leaves(self, after: int, limit: int) -> list[bytes]:
        """Return the leaf hashes of up to ``limit`` events after a position, in order."""


def refuse_taken(memory: Memory, key: Verifier, signed: SignedStore) -> None:
    """Raise ``Taken`` if this machine has signed more with a key than ``signed`` knows."""
    # Read the memory first: a checkpoint that it remembers is already in ``signed`` then.
    held = memory.recall(key)
    newest = signed.newest()
    if held is None or (newest is not None and newest.size > held.size):
        return
    known = 0 if newest is None else newest.size
    if newest is not None and (known, newest.root) == (held.size, held.root):
        return
    state = f"knows of {known:,}" if known < held.size else "holds others"
    raise Taken(
        f"{held.size:,} events of this log were signed on this machine ({memory_file(key)} says "
        f"so), and {signed.place} {state}: it was replaced by an older copy, or another copy is in "
        "use. Nothing is signed. Put the newest files back. If they are lost, restore the newest "
        "backup with --accept-loss, which ends this log (docs/backup.md)."
    )


def _no_other(vkey: str) -> Signer:
    raise KeyFileError(f"this log signs with {vkey}, which is not available here")


class TransparencyLog:
    """Tree, proofs and checkpoints of one ledger. Safe for threads.

    With only a public key as ``signer`` it gives proofs and signs nothing. If the key was replaced
    meanwhile, ``renew`` returns the private key of the new public key. ``memory`` knows what else
    was signed on this machine.
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
        #: Called for every portion of a long integration, in the thread that does it.
        self.gets_on: Callable[[], None] = lambda: None
        self._in_vain = False
        self._node = node_of(tiles.tile)

    @property
    def signer(self) -> Signer:
        """The key that signs. Raises ``KeyFileError`` if the log was opened without it."""
        if isinstance(self._signer, Verifier):
            raise KeyFileError("this log was opened only for reading, and cannot sign")
        return self._signer

    @signer.setter
    def signer(self, signer: Signer) -> None:
        self._signer = signer

    @property
    def signs(self) -> bool:
        """Whether the private key is available."""
        return isinstance(self._signer, Signer)

    @property
    def origin(self) -> str:
        """The name of this log, which is also the name of its key."""
        return self._signer.name

    def advance(self) -> Signed | None:
        """Add new events to the tree, sign it, and return the newest checkpoint.

        Return ``None`` for an empty ledger. Raises ``Forked`` if the ledger does not begin with the
        signed events, and ``KeyFileError`` if the current key is not available.
        """
        try:
            return self._advance()
        except Taken:
            raise
        except (Forked, KeyError) as wrong:
            # The tiles may be damaged or lost although the ledger is right. Make them again from
            # the ledger, which alone decides.
            with self._mending:
                log.warning("tiles_made_anew", why=str(wrong))
                self.tiles.clear()
                return self._advance()

    def _advance(self) -> Signed | None:
        while True:
            # Read the last checkpoint before the events: then all events that it covers are seen.
            last = self.signed.newest()
            # 1. Integrate. A crash leaves whole portions; the next call continues after them.
            size = self._integrate()
            # 2. Check the beginning. A crash here leaves the last checkpoint valid.
            self._check_beginning(last, size)
            if self._memory is not None:
                refuse_taken(self._memory, self.signer.verifier(), self.signed)
            if last is not None and last.size == size:
                self._remember(last)  # makes up for a crash before step 4
                return last
            if last is None and size == 0:
                return None
            signer = self.signer
            # 3. Sign. A crash before the swap leaves the last checkpoint valid; after the swap the
            # new one is published.
            new = self._sign(size, signer, last)
            try:
                if self.signed.replace(last, new, signer.verifier().vkey()):
                    # 4. Remember. A crash before this leaves an older checkpoint in the memory; the
                    # next call makes up for it.
                    self._remember(new)
                    return new
            except Retired as retired:
                self._signer = self._renew(retired.vkey)
            # Another process has signed meanwhile, or the key was replaced: start again.

    def _remember(self, signed: Signed) -> None:
        if self._memory is not None:
            self._memory.remember(self.signer.verifier(), signed.note())

    def checkpoint(self) -> Signed | None:
        """Return the newest signed checkpoint, cosignatures included."""
        return self.signed.newest()

    def keys(self) -> list[LogKey]:
        """Return all public keys of the log, each with its first size; the last one signs now."""
        return self.signed.keys() or [LogKey(0, self.signer.verifier().vkey())]

    def root(self, size: int) -> bytes:
        """Return the root of the first ``size`` leaves. Raises ``ProofError``."""
        if not 0 <= size <= self._events.head():
            raise ProofError(f"there is no tree of {size} leaves, or not yet")
        return self._sound(lambda: self._known_root(size))

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Return the proof that a leaf is in the tree of ``size``. Raises ``ProofError``.

        The proof is verified first, as in ``consistency``, because tiles can be damaged in places
        that the newest root does not depend on.
        """
        if not 0 <= index < size <= self._events.head():
            raise ProofError(f"there is no leaf {index} in a tree of {size} leaves, or not yet")

        def prove() -> list[bytes]:
            proof = inclusion_proof(index, size, self._node)
            (leaf,) = self._events.leaves(index, 1)
            verify_inclusion(leaf, index, size, proof, self._known_root(size))
            return proof

        return self._sound(prove)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Return the proof that a tree begins with a smaller one. Raises ``ProofError``."""
        if not 0 <= old <= new <= self._events.head():
            raise ProofError(
                f"a tree of {old} leaves is not the beginning of one of {new}, or not yet"
            )

        def prove() -> list[bytes]:
            proof = consistency_proof(old, new, self._node)
            verify_consistency(old, new, proof, self._known_root(old), self._known_root(new))
            return proof

        return self._sound(prove)

    def _known_root(self, size: int) -> bytes:
        """Return the signed root of a size, or the root of the tiles if it fits a signed root."""
        signed = self.signed.covering(size)
        if signed is not None and signed.size == size:
            return signed.root
        computed = root(size, self._node)
        if signed is not None:
            proof = consistency_proof(size, signed.size, self._node)
            verify_consistency(size, signed.size, proof, computed, signed.root)
        return computed

    def _sound(self, make: Callable[[], Made]) -> Made:
        """Return what ``make`` makes from the tiles. If that fails, make the tiles again and retry.

        If the retry fails too, the tiles are not the cause, and they are not made again later.
        """
        with suppress(KeyError, ProofError):
            return make()
        with self._mending:
            try:
                return make()  # another thread may have repaired the tiles meanwhile
            except (KeyError, ProofError) as wrong:
                if self._in_vain:
                    raise ProofError(
                        f"the events do not fit the signed checkpoints: {wrong}"
                    ) from wrong
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
                "missing. Was the ledger replaced by an older copy?"
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
                f"{size:,}: events are missing. Was the ledger replaced by an older copy?"
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
            # If the clock is set back, a larger tree must not get an earlier time.
            signed_at=now if last is None else max(now, last.signed_at),
        )
