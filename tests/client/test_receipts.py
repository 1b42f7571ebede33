"""Receipts of the real service, checked without it: they hold, and no changed one does."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress

import msgspec
import pytest

from ledger.kernel import codec
from ledger.transparency.keys import Signer
from ledger.transparency.merkle import inclusion_proof, leaf_hash, root_of
from supervision_ledger_client import Ledger
from supervision_ledger_client.receipts import Receipt, ReceiptError, _root
from tests.serving import Served


@pytest.fixture(scope="module")
def position(served: Served) -> int:
    """An event somewhere in the log, with others after it."""
    with served.client("EDB", "EDB-1", "credit_officer") as office:
        body = {"entity": "register:3001", "identity": {"name": "行"}}
        recorded = office.send("entities/register-entity", body, key="receipt")
    served.register(3002, 5)
    return recorded.position


@pytest.fixture
def receipt(office: Ledger, position: int) -> Receipt:
    return office.receipt(position)


def test_a_receipt_holds(receipt: Receipt, office: Ledger, position: int) -> None:
    """It names the log, the place and the size; the record is the event."""
    key = office.log_key()
    proved = receipt.verify(key)
    assert (proved.log, proved.position) == (key.partition("+")[0], position)
    assert proved.size >= position
    event = office.event(position)
    assert codec.plain(receipt.record)["event_id"] == event.event_id


def test_no_changed_bit_passes(receipt: Receipt, office: Ledger) -> None:
    """Neither of the record nor of the proof, the checkpoint and the signature."""
    key = office.log_key()
    for name in ("record", "proof"):
        data = getattr(receipt, name)
        for bit in range(8 * len(data)):
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            with pytest.raises(ReceiptError):
                msgspec.structs.replace(receipt, **{name: bytes(changed)}).verify(key)
        for end in range(len(data)):
            with pytest.raises(ReceiptError):
                msgspec.structs.replace(receipt, **{name: data[:end]}).verify(key)
        with pytest.raises(ReceiptError):
            msgspec.structs.replace(receipt, **{name: data + b"\n"}).verify(key)


def test_no_other_key_passes(receipt: Receipt, office: Ledger) -> None:
    """Neither another log's nor one with the right name, nor a key with a changed bit."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = office.log_key()
    name, id_, encoded = key.split("+", 2)
    for other in (name, "another.example/log"):
        made = Signer(other, Ed25519PrivateKey.generate()).verifier().vkey()
        with pytest.raises(ReceiptError):
            receipt.verify(made)
    for bit in range(8 * len(key)):
        changed = bytearray(key.encode())
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((ReceiptError, UnicodeDecodeError)):
            receipt.verify(changed.decode())
    with pytest.raises(ReceiptError):
        receipt.verify(f"{name}+{id_}+{b64encode(b'x').decode()}")
    assert encoded


def test_a_receipt_of_another_event_proves_nothing(office: Ledger, position: int) -> None:
    """Records and proofs cannot be exchanged."""
    key = office.log_key()
    with pytest.raises(ReceiptError):
        Receipt(office.receipt(position).record, office.receipt(position - 3).proof).verify(key)


def test_paths_in_trees_of_every_size() -> None:
    """As the log makes them; too short, too long and at another place they lead elsewhere."""
    entries = [bytes([number]) for number in range(40)]
    leaves = [leaf_hash(entry) for entry in entries]
    for size in range(1, 40):
        root = root_of(leaves[:size])

        def node(level: int, index: int) -> bytes:
            return root_of(leaves[index << level : (index + 1) << level])

        for index in range(size):
            path = inclusion_proof(index, size, node)
            assert _root(entries[index], index, size, path) == root
            for wrong in ([*path, leaves[0]], path[:-1]):
                if wrong != path:
                    with pytest.raises(ReceiptError):
                        _root(entries[index], index, size, wrong)
            for place in range(size):
                if place != index:
                    with suppress(ReceiptError):
                        assert _root(entries[index], place, size, path) != root
