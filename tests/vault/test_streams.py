"""Long contents sealed part by part: any bytes of them open, and nothing can be changed unseen."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.vault.sealing import SECRET_BYTES, Unsealable
from ledger.vault.streams import HEADER, PART, StreamSealer, opened_stream, stream_head

SECRET = b"k" * SECRET_BYTES
CONTENT = bytes(range(256)) * (3 * PART // 256) + b"end"


def sealed(content: bytes, *, step: int = 50_000, subject: str = "case:C") -> bytes:
    sealer = StreamSealer(SECRET, subject, "image/png")
    parts = [sealer.update(content[at : at + step]) for at in range(0, len(content), step)]
    return b"".join([sealer.header, *parts, sealer.finish()])


def opened(data: bytes, first: int = 0, last: int = -1, subject: str = "case:C") -> bytes:
    return b"".join(opened_stream(SECRET, subject, BytesIO(data), len(data), first, last))


WHOLE = sealed(CONTENT)


@pytest.mark.parametrize("size", [1, PART - 1, PART, PART + 1, 2 * PART])
def test_whatever_its_length(size: int) -> None:
    data = sealed(CONTENT[:size], step=7000)
    assert opened(data) == CONTENT[:size]
    head = stream_head(data[:HEADER], len(data))
    assert (head.size, head.media_type) == (size, "image/png")


@given(st.integers(0, len(CONTENT) - 1), st.integers(0, len(CONTENT) + 9))
def test_any_bytes_of_it(first: int, length: int) -> None:
    last = first + length
    assert opened(WHOLE, first, last) == CONTENT[first : last + 1]


@given(st.integers(0, len(WHOLE) - 1))
def test_no_byte_can_be_changed(place: int) -> None:
    changed = bytearray(WHOLE)
    changed[place] ^= 1
    with pytest.raises(Unsealable):
        opened(bytes(changed))


def test_no_part_can_be_cut_off_moved_or_taken_elsewhere() -> None:
    """Not at the end, not in the middle, not to another subject."""
    part = PART + 16
    for changed in (
        WHOLE[:-19],
        WHOLE[:-1],
        WHOLE[: HEADER + part],
        WHOLE[:HEADER] + WHOLE[HEADER + part : HEADER + 2 * part] + WHOLE[HEADER + part :],
        b"",
    ):
        with pytest.raises(Unsealable):
            opened(changed)
    with pytest.raises(Unsealable):
        opened(WHOLE, subject="case:D")


def test_the_same_content_is_never_sealed_alike() -> None:
    assert sealed(CONTENT) != WHOLE
