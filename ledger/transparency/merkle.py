"""The Merkle tree of RFC 6962 (SHA-256): roots, proofs, and the checking of proofs.

Nothing here stores anything. A tree is known by a function ``node(level, index)`` that gives the
root of the complete subtree over the leaves ``index * 2**level`` to ``(index + 1) * 2**level``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

#: Bytes of a hash.
HASH_SIZE = 32

#: The root of the tree without leaves.
EMPTY_ROOT = sha256(b"").digest()

Node = Callable[[int, int], bytes]


class ProofError(ValueError):
    """A proof does not prove what it was given for."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of an entry as a leaf."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees together."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes (or over the roots of subtrees of one size)."""
    if not leaves:
        return EMPTY_ROOT
    # Pair by pair, level by level; what is left over at the end of a level goes up unpaired, which
    # is where the recursion of the RFC has it too.
    level = list(leaves)
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return level[0]


class Growing:
    """A tree known by nothing but what the next leaf needs: for one walk over all leaves."""

    def __init__(self) -> None:
        self.size = 0
        self._complete: list[bytes] = []  # roots of complete subtrees, the largest first

    def add(self, leaf: bytes) -> None:
        """Put one more leaf hash behind the others."""
        self.size += 1
        found, ends = leaf, self.size
        while ends % 2 == 0:
            found = node_hash(self._complete.pop(), found)
            ends //= 2
        self._complete.append(found)

    def root(self) -> bytes:
        """The root over the leaves so far."""
        if not self._complete:
            return EMPTY_ROOT
        found = self._complete[-1]
        for left in reversed(self._complete[:-1]):
            found = node_hash(left, found)
        return found


def root(size: int, node: Node) -> bytes:
    """The root of the first ``size`` leaves."""
    return _range(0, size, node) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """What proves that a leaf is in the tree of ``size`` leaves, from the leaf upwards."""
    if not 0 <= index < size:
        raise ProofError(f"there is no leaf {index} in a tree of {size}")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_range(middle, end, node))
            end = middle
        else:
            proof.append(_range(start, middle, node))
            start = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, node: Node) -> list[bytes]:
    """What proves that the tree of ``old`` leaves is the beginning of the tree of ``new``."""
    if not 0 <= old <= new:
        raise ProofError(f"a tree of {old} is no beginning of a tree of {new}")
    if old in (0, new):
        return []
    proof: list[bytes] = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(_range(middle, end, node))
            end = middle
        else:
            proof.append(_range(start, middle, node))
            start, whole = middle, False
    if not whole:
        proof.append(_range(start, end, node))
    return proof[::-1]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Raise ``ProofError`` unless the leaf hash is at ``index`` in the tree with this root."""
    if not 0 <= index < size:
        raise ProofError(f"there is no leaf {index} in a tree of {size}")
    hashes = iter(proof)
    found, at, last = leaf, index, size - 1
    try:
        while last:
            if at % 2:
                found = node_hash(next(hashes), found)
            elif at < last:
                found = node_hash(found, next(hashes))
            at, last = at // 2, last // 2
    except StopIteration:
        raise ProofError("the proof is too short") from None
    if next(hashes, None) is not None:
        raise ProofError("the proof is too long")
    if found != root:
        raise ProofError(f"leaf {index} is not in the tree of {size} with this root")


def verify_consistency(
    old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Raise ``ProofError`` unless the old tree is the beginning of the new one."""
    if not 0 <= old <= new:
        raise ProofError(f"a tree of {old} is no beginning of a tree of {new}")
    if old in (0, new):
        if proof:
            raise ProofError("nothing is to be proved here, and the proof is not empty")
        if old == new and old_root != new_root:
            raise ProofError(f"two roots for one size of {old}")
        if old == 0 and old_root != EMPTY_ROOT:
            raise ProofError("this is not the root of an empty tree")
        return
    hashes = list(proof)
    try:
        was, became = _roots_by(hashes, old, new, old_root)
    except IndexError:
        raise ProofError("the proof is too short") from None
    if hashes:
        raise ProofError("the proof is too long")
    if was != old_root:
        raise ProofError(f"the proof does not lead to the root of {old}")
    if became != new_root:
        raise ProofError(f"the proof does not lead to the root of {new}")


def _roots_by(
    hashes: list[bytes], old: int, new: int, old_root: bytes | None
) -> tuple[bytes, bytes]:
    """The roots of both trees by a proof, whose hashes are used up from the end.

    ``old_root``: known while the subtree is a beginning of the old tree, so no hash says it.
    """
    if old == new:
        one = hashes.pop() if old_root is None else old_root
        return one, one
    sibling, split = hashes.pop(), _split(new)
    if old <= split:
        was, became = _roots_by(hashes, old, split, old_root)
        return was, node_hash(became, sibling)
    was, became = _roots_by(hashes, old - split, new - split, None)
    return node_hash(sibling, was), node_hash(sibling, became)


def _split(size: int) -> int:
    """The largest power of two below ``size``."""
    return 1 << (size - 1).bit_length() - 1


def _range(start: int, end: int, node: Node) -> bytes:
    """The root over the leaves from ``start`` to ``end``, as they lie in any tree."""
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(size)
    return node_hash(_range(start, middle, node), _range(middle, end, node))
