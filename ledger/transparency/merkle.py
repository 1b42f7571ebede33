"""The Merkle tree of RFC 6962 (SHA-256): roots, proofs, and the checking of proofs.

This module stores nothing. A tree is given by a function ``node(level, index)`` that returns the
root of the complete subtree over the leaves from ``index * 2**level`` up to, but without,
``(index + 1) * 2**level``.
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
    """A proof is wrong, or cannot be made."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry as a leaf."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees together."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes (or over the roots of subtrees of one size)."""
    if not leaves:
        return EMPTY_ROOT
    # Hash pair by pair, level by level. A hash without a partner at the end of a level moves up
    # unchanged, as in the recursion of the RFC.
    level = list(leaves)
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return level[0]


class Growing:
    """A tree that keeps only the hashes that the next leaf needs, for one pass over all leaves."""

    def __init__(self) -> None:
        self.size = 0
        self._complete: list[bytes] = []  # roots of complete subtrees, the largest first

    def add(self, leaf: bytes) -> None:
        """Append a leaf hash."""
        self.size += 1
        subtree, ends = leaf, self.size
        while ends % 2 == 0:
            subtree = node_hash(self._complete.pop(), subtree)
            ends //= 2
        self._complete.append(subtree)

    def root(self) -> bytes:
        """Return the root over the leaves so far."""
        if not self._complete:
            return EMPTY_ROOT
        subtree = self._complete[-1]
        for left in reversed(self._complete[:-1]):
            subtree = node_hash(left, subtree)
        return subtree


def root(size: int, node: Node) -> bytes:
    """Return the root of the first ``size`` leaves."""
    return _range(0, size, node) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """Return the proof that a leaf is in the tree of ``size`` leaves, from the leaf upwards."""
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
    """Return the proof that the tree of ``old`` leaves is the beginning of that of ``new``."""
    if not 0 <= old <= new:
        raise ProofError(f"a tree of {old} leaves cannot be the beginning of one of {new}")
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
        raise ProofError(f"a tree of {old} leaves cannot be the beginning of one of {new}")
    if old in (0, new):
        if proof:
            raise ProofError("the proof must be empty here; it is not")
        if old == new and old_root != new_root:
            raise ProofError(f"there are two roots for one size of {old}")
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
    """Return the roots of both trees by a proof, whose hashes are taken from the end.

    ``old_root``: given while the subtree begins with the whole old tree; the proof then has no hash
    for it.
    """
    if old == new:
        same = hashes.pop() if old_root is None else old_root
        return same, same
    sibling, split = hashes.pop(), _split(new)
    if old <= split:
        was, became = _roots_by(hashes, old, split, old_root)
        return was, node_hash(became, sibling)
    was, became = _roots_by(hashes, old - split, new - split, None)
    return node_hash(sibling, was), node_hash(sibling, became)


def _split(size: int) -> int:
    """Return the largest power of two below ``size``."""
    return 1 << (size - 1).bit_length() - 1


def _range(start: int, end: int, node: Node) -> bytes:
    """Return the root over the leaves from ``start`` to ``end``, a range that a split makes."""
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(size)
    return node_hash(_range(start, middle, node), _range(middle, end, node))
