"""Tiles (c2sp.org/tlog-tiles): groups of 256 hashes of one level of the tree.

A tile at level l holds the roots of subtrees of 256**l leaves. It grows at its end until it is
full; only then is its root added to the level above. So a partial tile is the beginning of the full
one, and any tile that was served once can be served for ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ledger.transparency.merkle import HASH_SIZE, leaf_hash, root_of

#: Hashes in a full tile.
WIDTH = 256
#: Levels of a tree that a tile spans: 256 = 2**8.
HEIGHT = 8

#: Returns the hashes of a tile (level, number, width), at least ``width`` of them.
Tile = Callable[[int, int, int], bytes]

#: At most 18 digits, because a tree cannot have more tiles and numbers must fit into 63 bits.
_PATH = re.compile(
    r"(?P<level>0|[1-9][0-9]?|entries)/(?P<high>(?:x[0-9]{3}/){0,5})(?P<low>[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?\Z"
)


def tile_path(level: int | str, n: int, width: int = WIDTH) -> str:
    """Return the path of a tile below ``tile/``: ``0/x001/x234/067``, ``0/x001/x234/067.p/8``."""
    parts = [f"{n % 1000:03d}"]
    while n >= 1000:
        n //= 1000
        parts.append(f"x{n % 1000:03d}")
    path = f"{level}/{'/'.join(reversed(parts))}"
    return path if width == WIDTH else f"{path}.p/{width}"


def parse_tile_path(path: str) -> tuple[int | None, int, int]:
    """Return the level (``None`` for entries), number and width of a path below ``tile/``.

    Raises ``ValueError`` for a path that ``tile_path`` does not write.
    """
    match = _PATH.match(path)
    if match is None:
        raise ValueError(f"{path!r} is not the path of a tile")
    level = None if match["level"] == "entries" else int(match["level"])
    n = int(match["high"].replace("x", "").replace("/", "") + match["low"])
    width = int(match["width"] or WIDTH)
    if match["width"] and width >= WIDTH:
        raise ValueError(
            f"{path!r} is not the path of a tile: a partial tile has 1 to {WIDTH - 1} hashes"
        )
    if (level or 0) > 63 or path != tile_path(match["level"], n, width):
        raise ValueError(f"{path!r} is not the path of a tile")
    return level, n, width


def width_at(level: int, n: int, size: int) -> int:
    """Return how many hashes the tile has in a tree of ``size`` leaves; 0 if it does not exist."""
    hashes = size >> (HEIGHT * level)
    return max(0, min(WIDTH, hashes - n * WIDTH))


def tiles_of(size: int) -> Iterator[tuple[int, int, int]]:
    """Yield the level, number and width of every tile of a tree."""
    level = 0
    while hashes := size >> (HEIGHT * level):
        for n in range(-(-hashes // WIDTH)):
            yield level, n, min(WIDTH, hashes - n * WIDTH)
        level += 1


def node_of(tile: Tile) -> Callable[[int, int], bytes]:
    """Return the function ``node`` by which ``merkle`` reads a tree, made from tiles."""

    def node(level: int, index: int) -> bytes:
        above, height = divmod(level, HEIGHT)
        first = index << height
        n, start = divmod(first, WIDTH)
        end = start + (1 << height)
        hashes = tile(above, n, end)
        return root_of(split(hashes)[start:end])

    return node


#: The beginning of an entry that replaces a record which its reader may not see; the record's leaf
#: hash follows. A record is a MessagePack map, and so never begins like this.
WITHHELD = b"withheld\n"


def entry(data: bytes) -> bytes:
    """Return an entry of a bundle: the length of the record in two bytes, and its bytes."""
    return len(data).to_bytes(2, "big") + data


def withheld(leaf: bytes) -> bytes:
    """Return the entry that replaces a withheld record, whose leaf hash is ``leaf``."""
    return entry(WITHHELD + leaf)


def leaves_of(bundle: bytes) -> Iterator[tuple[bytes | None, bytes]]:
    """Yield each entry of a bundle with its leaf hash; ``None`` in place of a withheld entry.

    Raises ``ValueError`` if the bytes are not a bundle.
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
            raise ValueError("a withheld entry must hold its leaf hash and nothing else")


def split(hashes: bytes) -> list[bytes]:
    """Return the hashes of a tile as a list."""
    return [hashes[i : i + HASH_SIZE] for i in range(0, len(hashes), HASH_SIZE)]
