"""Signed notes, checkpoints, cosignatures and tile places, by the vectors of the specifications."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.transparency.checkpoints import (
    Checkpoint,
    cosign,
    cosigned,
    cosigned_at,
    parse_checkpoint,
    sign_checkpoint,
)
from ledger.transparency.merkle import ProofError, leaf_hash
from ledger.transparency.notes import (
    COSIGNATURE,
    Note,
    NoteError,
    Signature,
    Signer,
    check_name,
    parse_note,
    parse_vkey,
    verified,
)
from ledger.transparency.proofs import Receipt
from ledger.transparency.published import signed_by
from ledger.transparency.tiles import parse_tile_path, tile_path, tiles_of, width_at

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
TEXT = "This is an example message.\n"
LINE = (
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKu"
    "wHjG1Yu72IneyaQM=\n"
)
SIGNED = f"{TEXT}\n{LINE}".encode()
SIGNER = Signer("example.com/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
WITNESS = Signer("witness.example/w", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))


def test_the_example_of_the_specification() -> None:
    """A note that others signed is taken, and comes out byte for byte as it came."""
    note = parse_note(SIGNED)

    assert note.text == TEXT
    assert [s.name for s in verified(note, [parse_vkey(VKEY)])] == ["example.com/foo"]
    assert note.encode() == SIGNED
    assert parse_vkey(VKEY).vkey() == VKEY


def test_ours_holds() -> None:
    """What is signed here is verified by the key that is handed on as text."""
    checkpoint = Checkpoint(SIGNER.name, 5, bytes(range(32)))
    note = parse_note(sign_checkpoint(checkpoint, SIGNER).encode())

    assert verified(note, [parse_vkey(SIGNER.verifier().vkey())])
    assert parse_checkpoint(note.text) == checkpoint


def test_unknown_signatures_say_nothing() -> None:
    """An unknown key is passed over; if no key is known, the note is not verified."""
    note = parse_note(SIGNED)
    unknown = Signature("somebody.else", 7, b"x" * 64)
    mixed = Note(note.text, (unknown, *note.signatures))

    assert len(verified(mixed, [parse_vkey(VKEY)])) == 1
    with pytest.raises(NoteError, match="not signed by"):
        verified(mixed, [SIGNER.verifier()])


def test_a_known_key_with_a_wrong_signature() -> None:
    """One wrong signature of a known key spoils the note, whoever else signed rightly."""
    note = parse_note(SIGNED)
    wrong = Signature(note.signatures[0].name, note.signatures[0].key_id, b"x" * 64)

    with pytest.raises(NoteError, match="wrong"):
        verified(Note(note.text, (*note.signatures, wrong)), [parse_vkey(VKEY)])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\nno line\n",
        b"text\n\n\xe2\x80\x94 name\n",
        b"text\n\n\xe2\x80\x94 na me AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 name AAAA\n",
        b"text\n\n\xe2\x80\x94 name !!!!!!!!\n",
        b"te\rxt\n\n\xe2\x80\x94 name AAAAAAA=\n",
        b"\xff\n\n\xe2\x80\x94 name AAAAAAA=\n",
        SIGNED.rstrip(b"\n"),
    ],
)
def test_no_note(data: bytes) -> None:
    """Anything that is no note is refused in words."""
    with pytest.raises(NoteError):
        parse_note(data)


def test_the_last_blank_line_counts() -> None:
    """A text may hold blank lines itself."""
    text = "one\n\ntwo\n"
    assert parse_note(Note(text, (SIGNER.sign(text),)).encode()).text == text


@pytest.mark.parametrize(
    "vkey", ["", "a+b", "a+00000000+AAAA", VKEY.replace("530d903a", "530d903b"), f"x {VKEY}"]
)
def test_no_key(vkey: str) -> None:
    """A key that does not fit its own id is refused."""
    with pytest.raises(NoteError):
        parse_vkey(vkey)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\nb"])
def test_no_name(name: str) -> None:
    """No key is named so."""
    with pytest.raises(NoteError):
        check_name(name)


@pytest.mark.parametrize(
    "text",
    ["", "a\n", "a\n1\n", "a\n01\nAAAA\n", "a\n-1\nAAAA\n", "a\n1\nAAAA\n", f"a\n{2**63}\nAAAA\n"],
)
def test_no_checkpoint(text: str) -> None:
    """A text that is no checkpoint is refused in words."""
    with pytest.raises(NoteError):
        parse_checkpoint(text)


def test_cosignatures() -> None:
    """A witness signs text and time; neither can be changed."""
    text = Checkpoint(SIGNER.name, 5, bytes(32)).text()
    signature = cosign(text, WITNESS, 1_700_000_000)
    note = Note(text, (SIGNER.sign(text), signature))
    witnesses = [parse_vkey(WITNESS.verifier(COSIGNATURE).vkey())]

    assert cosigned(parse_note(note.encode()), witnesses) == [signature]
    assert cosigned_at(signature) == 1_700_000_000
    later = Signature(
        signature.name, signature.key_id, (1).to_bytes(8, "big") + signature.signature[8:]
    )
    with pytest.raises(NoteError):
        cosigned(Note(text, (later,)), witnesses)
    with pytest.raises(NoteError):
        cosigned(Note(text.replace("5", "6"), (signature,)), witnesses)


@pytest.mark.parametrize(
    ("path", "level", "n", "width"),
    [
        ("0/x001/x234/067", 0, 1234067, 256),
        ("0/000", 0, 0, 256),
        ("1/000.p/1", 1, 0, 1),
        ("entries/x001/000.p/255", None, 1000, 255),
        ("63/999", 63, 999, 256),
    ],
)
def test_places_of_tiles(path: str, level: int | None, n: int, width: int) -> None:
    """A place is read and written in one way."""
    assert parse_tile_path(path) == (level, n, width)
    assert tile_path("entries" if level is None else level, n, width) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "0",
        "00/000",
        "64/000",
        "0/0",
        "0/1000",
        "0/x000/001",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/300",
        "entries/000.p/999",
        "0/x009/x223/x372/x036/x854/x775/808",
        "0/" + "x999/" * 2_000 + "999",
        "0/000.p/01",
        "0/001/x002",
        "entries/-01",
        "0/000/",
        "0/٠٠٠",
    ],
)
def test_no_place_of_a_tile(path: str) -> None:
    """There is no second way to write a place."""
    with pytest.raises(ValueError, match="not the path"):
        parse_tile_path(path)


@pytest.mark.parametrize(
    ("size", "tiles"),
    [
        (0, []),
        (256, [(0, 0, 256), (1, 0, 1)]),
        (
            70_000,
            [*((0, n, 256) for n in range(273)), (0, 273, 112), (1, 0, 256), (1, 1, 17), (2, 0, 1)],
        ),
    ],
)
def test_tiles_of_a_size(size: int, tiles: list[tuple[int, int, int]]) -> None:
    """The examples of the specification."""
    assert list(tiles_of(size)) == tiles


@given(st.integers(0, 10**6), st.integers(0, 3), st.integers(0, 5000))
def test_widths(size: int, level: int, n: int) -> None:
    """A tile's width is what the list of all tiles says."""
    assert width_at(level, n, size) == next(
        (w for a, b, w in _near(size, level, n) if (a, b) == (level, n)), 0
    )


def _near(size: int, level: int, n: int) -> list[tuple[int, int, int]]:
    hashes = size // 256**level
    return [(level, n, min(256, hashes - n * 256))] if hashes > n * 256 else []


def test_a_key_speaks_for_the_log_of_its_name_alone() -> None:
    """One log's checkpoint under another's good signature proves nothing (c2sp.org/tlog-proof)."""
    key, unused = SIGNER.verifier(), WITNESS.verifier()
    own = sign_checkpoint(Checkpoint(SIGNER.name, 1, leaf_hash(b"x")), SIGNER).encode()
    assert signed_by(own, key).origin == key.name
    assert Receipt(0, (), own).verify(b"x", [unused, key]) == [key]

    others = sign_checkpoint(Checkpoint("example.com/else", 1, leaf_hash(b"x")), SIGNER).encode()
    with pytest.raises(NoteError, match="is signed in the name of example"):
        signed_by(others, key)
    with pytest.raises(ProofError, match="is signed in the name of example"):
        Receipt(0, (), others).verify(b"x", [key])
