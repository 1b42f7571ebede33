"""Another region's log, in memory: it grows, it forks, and it asks to be cosigned."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.transparency.checkpoints import Checkpoint, sign_checkpoint
from ledger.transparency.merkle import consistency_proof, leaf_hash, root_of
from ledger.transparency.notes import COSIGNATURE, Signer
from ledger.transparency.submissions import Submission

ORIGIN = "region.example/v1/log"


def signer(name: str, seed: int) -> Signer:
    """A key that is the same in every process."""
    return Signer(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


REGION = signer(ORIGIN, 1)
OTHERS = signer("other.example/v1/log", 2)
WITNESS = signer("witness.example/w1", 3)
WITNESS_KEY = WITNESS.verifier(COSIGNATURE)


class Region:
    """A log of so many leaves; from leaf ``fork`` on it is another one than without it."""

    def __init__(
        self, size: int, fork: int | None = None, key: Signer = REGION, word: str = "b"
    ) -> None:
        first = size if fork is None else fork
        self.leaves = [leaf_hash(f"{'a' if n < first else word}{n}".encode()) for n in range(size)]
        self.key = key

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return len(self.leaves)

    def root(self, size: int) -> bytes:
        """The root of the first leaves."""
        return root_of(self.leaves[:size])

    def proof(self, old: int) -> list[bytes]:
        """That the tree begins with its first ``old`` leaves."""

        def node(level: int, index: int) -> bytes:
            return root_of(self.leaves[index << level : (index + 1) << level])

        return consistency_proof(old, self.size, node)

    def checkpoint(self) -> bytes:
        """The signed checkpoint."""
        return sign_checkpoint(
            Checkpoint(ORIGIN, self.size, self.root(self.size)), self.key
        ).encode()

    def submission(self, old: int) -> bytes:
        """What the log sends to a witness that has seen its first ``old`` leaves."""
        return Submission(old, tuple(self.proof(old)), self.checkpoint()).encode()
