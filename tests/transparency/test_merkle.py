"""The tree of RFC 6962: its vectors, and proofs of everything about every small tree."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.transparency.merkle import (
    EMPTY_ROOT,
    Node,
    ProofError,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    root_of,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [leaf_hash(str(n).encode()) for n in range(300)]


def node(level: int, index: int) -> bytes:
    return root_of(LEAVES[index << level : (index + 1) << level])


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 section 2.1 writes it."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else sha256(b"").digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(by_definition(leaves[:k]), by_definition(leaves[k:]))


def test_vectors() -> None:
    """The hashes that the specification's examples have."""
    assert EMPTY_ROOT.hex().startswith("e3b0c44298fc1c149afbf4c8996fb924")
    assert leaf_hash(b"").hex() == (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )
    assert leaf_hash(b"L123456").hex() == (
        "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    )
    assert node_hash(b"N123", b"N456").hex() == (
        "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    )


@pytest.mark.parametrize("size", [*range(40), 63, 64, 65, 255, 256, 257, 299])
def test_roots(size: int) -> None:
    """A root is what the RFC defines, computed at once or from complete subtrees."""
    assert root_of(LEAVES[:size]) == by_definition(LEAVES[:size]) == root(size, node)


@pytest.mark.parametrize("size", range(1, 34))
def test_every_inclusion(size: int) -> None:
    """Each leaf of each tree is proved to be where it is, and nowhere else."""
    whole = root(size, node)
    for index in range(size):
        proof = inclusion_proof(index, size, node)
        verify_inclusion(LEAVES[index], index, size, proof, whole)
        for other in range(size):
            if other != index:
                with pytest.raises(ProofError):
                    verify_inclusion(LEAVES[index], other, size, proof, whole)


@pytest.mark.parametrize("new", range(34))
def test_every_consistency(new: int) -> None:
    """Each tree is proved to begin with each smaller one."""
    for old in range(new + 1):
        proof = consistency_proof(old, new, node)
        verify_consistency(old, new, proof, root(old, node), root(new, node))


@given(st.data())
def test_a_changed_proof_proves_nothing(data: st.DataObject) -> None:
    """Neither proof holds with a hash changed, left out or added, nor for another root."""
    new = data.draw(st.integers(2, 299), "new")
    old = data.draw(st.integers(1, new - 1), "old")
    index = data.draw(st.integers(0, new - 1), "index")
    whole, before = root(new, node), root(old, node)
    inclusion, consistency = inclusion_proof(index, new, node), consistency_proof(old, new, node)
    for proof, check in (
        (inclusion, lambda p: verify_inclusion(LEAVES[index], index, new, p, whole)),
        (consistency, lambda p: verify_consistency(old, new, p, before, whole)),
    ):
        place = data.draw(st.integers(0, max(0, len(proof) - 1)))
        for changed in (
            [*proof[:place], bytes(32), *proof[place + 1 :]],
            [*proof[:place], *proof[place + 1 :]],
            [*proof, bytes(32)],
        ):
            if changed != proof:
                with pytest.raises(ProofError):
                    check(changed)
    with pytest.raises(ProofError):
        verify_inclusion(LEAVES[index], index, new, inclusion, bytes(32))
    with pytest.raises(ProofError):
        verify_consistency(old, new, consistency, before, bytes(32))
    with pytest.raises(ProofError):
        verify_consistency(old, new, consistency, bytes(32), whole)


@pytest.mark.parametrize(("old", "new"), [(3, 2), (-1, 2)])
def test_no_beginning(old: int, new: int) -> None:
    """A longer tree is no beginning of a shorter one."""
    with pytest.raises(ProofError):
        consistency_proof(old, new, node)
    with pytest.raises(ProofError):
        verify_consistency(old, new, [], bytes(32), bytes(32))


def test_no_such_leaf() -> None:
    """There is no proof of a leaf beyond the end."""
    with pytest.raises(ProofError):
        inclusion_proof(5, 5, node)
    with pytest.raises(ProofError):
        verify_inclusion(LEAVES[0], 5, 5, [], LEAVES[0])


_: Node = node
