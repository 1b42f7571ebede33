"""Tiles (c2sp.org/tlog-tiles): 256 hashes of one level of the tree together.

A tile at level l holds the roots of subtrees of 256**l leaves. It grows at its end until it is
full, and only then does its root go into the level above; so a partial tile is the beginning of
the full one, and whatever was served once can be served for ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ledger.transparency.merkle import HASH_SIZE, leaf_hash, root_of

#: Hashes in a full tile.
WIDTH = 256
#: Levels of a tree that a tile spans: 256 = 2**8.
HEIGHT = 8

#: Gives the hashes that a tile holds, at least as many as asked for.
Tile = Callable[[int, int, int], bytes]

#: At most 18 digits: no tree has more tiles, and no number here is longer than 63 bits.
_PATH = re.compile(
    r"(?P<level>0|[1-9][0-9]?|entries)/(?P<high>(?:x[0-9]{3}/){0,5})(?P<low>[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?\Z"
)


def tile_path(level: int | str, n: int, width: int = WIDTH) -> str:
    """The place of a tile below ``tile/``: ``0/x001/x234/067``, ``0/x001/x234/067.p/8``."""
    parts = [f"{n % 1000:03d}"]
    while n >= 1000:
        n //= 1000
        parts.append(f"x{n % 1000:03d}")
    path = f"{level}/{'/'.join(reversed(parts))}"
    return path if width == WIDTH else f"{path}.p/{width}"


def parse_tile_path(path: str) -> tuple[int | None, int, int]:
    """Level (``None`` for entries), number and width of a place below ``tile/``.

    Raises ``ValueError`` for anything that is not written as ``tile_path`` writes it.
    """
    found = _PATH.match(path)
    if found is None:
        raise ValueError(f"{path!r} is no place of a tile")
    level = None if found["level"] == "entries" else int(found["level"])
    n = int(found["high"].replace("x", "").replace("/", "") + found["low"])
    width = int(found["width"] or WIDTH)
    if found["width"] and width >= WIDTH:
        raise ValueError(f"{path!r} is no place of a tile: a part has 1 to {WIDTH - 1} hashes")
    if (level or 0) > 63 or path != tile_path(found["level"], n, width):
        raise ValueError(f"{path!r} is no place of a tile")
    return level, n, width


def width_at(level: int, n: int, size: int) -> int:
    """How many hashes the tile holds in a tree of ``size`` leaves; 0 if it is not there."""
    hashes = size >> (HEIGHT * level)
    return max(0, min(WIDTH, hashes - n * WIDTH))


def tiles_of(size: int) -> Iterator[tuple[int, int, int]]:
    """Level, number and width of every tile of a tree."""
    level = 0
    while hashes := size >> (HEIGHT * level):
        for n in range(-(-hashes // WIDTH)):
            yield level, n, min(WIDTH, hashes - n * WIDTH)
        level += 1


def node_of(tile: Tile) -> Callable[[int, int], bytes]:
    """The function by which ``merkle`` knows a tree, from tiles."""

    def node(level: int, index: int) -> bytes:
        above, height = divmod(level, HEIGHT)
        first = index << height
        n, start = divmod(first, WIDTH)
        end = start + (1 << height)
        hashes = tile(above, n, end)
        return root_of(split(hashes)[start:end])

    return node


#: Begins an entry that stands for one whose bytes its reader may not have; its leaf hash follows.
#: No record begins so: records are MessagePack maps.
WITHHELD = b"withheld\n"


def entry(data: bytes) -> bytes:
    """One record in a bundle of entries: its length in two bytes, and its bytes."""
    return len(data).to_bytes(2, "big") + data


def withheld(leaf: bytes) -> bytes:
    """What stands in a bundle in the place of a record that is withheld, whose hash is ``leaf``."""
    return entry(WITHHELD + leaf)


def leaves_of(bundle: bytes) -> Iterator[tuple[bytes | None, bytes]]:
    """Each entry of a bundle with its leaf hash; ``None`` for the bytes of one that is withheld.

    Raises ``ValueError`` for what is no bundle.
    """
    while bundle:
        size = int.from_bytes(bundle[:2], "big")
        data, bundle = bundle[2 : 2 + size], bundle[2 + size :]
        if len(data) != size or not data:
            raise ValueError(f"an entry must have {size} bytes, at least 1; it has {len(data)}")
        if not data.startswith(WITHHELD):
            yield data, leaf_hash(data)
        elif len(data) == len(WITHHELD) + HASH_SIZE:
            yield None, data[len(WITHHELD) :]
        else:
            raise ValueError("an entry that is withheld must hold its leaf hash and nothing else")


def split(hashes: bytes) -> list[bytes]:
    """The hashes of a tile one by one."""
    return [hashes[i : i + HASH_SIZE] for i in range(0, len(hashes), HASH_SIZE)]
