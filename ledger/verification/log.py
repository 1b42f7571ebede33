"""Checks across ranges: roots of signed checkpoints, tiles of higher levels, missing ends."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from ledger.transparency.merkle import node_hash, root
from ledger.transparency.tiles import HEIGHT, WIDTH, tile_path, tiles_of
from ledger.verification.faults import Fault, Files
from ledger.verification.files import asked, opened_file
from ledger.verification.ranges import CLOCK_SET, Seen, place_of, why_not_tile

_HIGHER = "SELECT level, n, hashes FROM tiles WHERE level <> 0 ORDER BY level, n"
_STRAYS = "SELECT n FROM tiles WHERE level = 0 AND (n < 0 OR n >= ?) ORDER BY n"


class Tree:
    """The tree above the full tiles of the lowest level, computed again; 64 bytes for each tile."""

    def __init__(self) -> None:
        #: Complete subtrees by height; those at 0 span a full tile.
        self._heights: list[list[bytes]] = [[]]

    def extend(self, roots: Iterable[bytes]) -> None:
        """Add the roots of further full tiles."""
        for tile_root in roots:
            self._heights[0].append(tile_root)
            height = 0
            while len(self._heights[height]) % 2 == 0:
                if height + 1 == len(self._heights):
                    self._heights.append([])
                left, right = self._heights[height][-2:]
                self._heights[height + 1].append(node_hash(left, right))
                height += 1

    def root(self, size: int, rest: bytes) -> bytes:
        """Return the root of ``size`` leaves; ``rest`` is the root over those after full tiles."""
        full = size // WIDTH

        def node(height: int, index: int) -> bytes:
            if (index + 1) << height <= full:
                return self._heights[height][index]
            if height == 0:
                return rest
            return node_hash(node(height - 1, 2 * index), node(height - 1, 2 * index + 1))

        return root(full + bool(rest), node)

    def hashes(self, level: int, n: int) -> list[bytes]:
        """Return the known hashes of a tile above the lowest level."""
        height = HEIGHT * (level - 1)
        known = self._heights[height] if height < len(self._heights) else []
        return known[n * WIDTH : (n + 1) * WIDTH]


def first_fork(tree: Tree, seen: Iterable[Seen], agreed: int) -> tuple[Fault | None, int]:
    """Return the fault of the first checkpoint whose root differs from the records, if any.

    Also return the size of the last checkpoint that agrees; ``agreed`` is that of earlier ranges.
    """
    for checkpoint in seen:
        size = checkpoint.size
        if tree.root(size, checkpoint.rest) != checkpoint.root:
            what = f"the first {size:,} events are not those that were signed"
            if agreed:
                what += f"; the first {agreed:,} are, so look from position {agreed + 1} on"
            return Fault(size, what, place_of(size)), agreed
        agreed = size
    return None, agreed


def out_of_time(
    seen: Iterable[Seen], latest: datetime | None
) -> tuple[list[Fault], datetime | None]:
    """Return a fault for each checkpoint that was signed before a smaller one.

    ``latest``: the latest signing time so far, which is returned too.
    """
    faults = []
    for checkpoint in seen:
        at = checkpoint.signed_at
        if at is None:
            continue
        if latest is not None and latest - at > CLOCK_SET:
            what = (
                f"it says that it was signed at {at.isoformat(timespec='milliseconds')}, but at "
                f"{latest.isoformat(timespec='milliseconds')} the log had signed fewer events"
            )
            faults.append(Fault(checkpoint.size, what, place_of(checkpoint.size)))
        latest = at if latest is None else max(latest, at)
    return faults, latest


def higher_tiles(tree: Tree, path: Path) -> tuple[list[Fault], int]:
    """Return the faults of the tiles above the lowest level, and how many of them there are."""
    with ExitStack() as opened:
        tiles = opened_file(opened, path)
        tiles.execute("BEGIN")
        size = tree_size(asked(tiles, path, "SELECT size FROM tree"))
        stored = {(level, n): hashes for level, n, hashes in asked(tiles, path, _HIGHER)}
        strays = [(0, n) for (n,) in asked(tiles, path, _STRAYS, -(-size // WIDTH))]
    count = len(stored)
    faults = []
    for level, n, _ in tiles_of(size):
        if level:
            hashes = tree.hashes(level, n)
            wrong = why_not_tile(level, n, size, stored.pop((level, n), None), hashes)
            faults += [wrong] if wrong is not None else []
    for level, n in [*strays, *stored]:
        faults.append(
            Fault(0, f"a tree of {size:,} events does not have it", f"tile {_path(level, n)}")
        )
    return faults, count


def promised(files: Files) -> tuple[int, int]:
    """Return how many events were signed, and how many the tiles hold. Call it before ``head``."""
    signed = tiles = 0
    with ExitStack() as opened:
        if files.signed is not None:
            signed = tree_size(
                asked(
                    opened_file(opened, files.signed), files.signed, "SELECT max(size) FROM signed"
                )
            )
        if files.tiles is not None:
            tiles = tree_size(
                asked(opened_file(opened, files.tiles), files.tiles, "SELECT size FROM tree")
            )
    return signed, tiles


def lost_ends(files: Files, signed: int, tiles: int, head: int) -> list[Fault]:
    """Return a fault if the ledger ends before the signed events, or before its tiles."""
    faults = []
    if files.signed is not None:
        with ExitStack() as opened:
            rows = asked(
                opened_file(opened, files.signed),
                files.signed,
                "SELECT size, signed_at FROM signed WHERE size < 1 OR (size > ? AND size <= ?)"
                " ORDER BY size",
                head,
                signed,
            )
        if rows:
            size, at = rows[0][0], rows[0][1].decode(errors="replace")
            what = (
                f"{size:,} events were signed at {at} and the ledger ends at {head:,}: "
                f"{size - head:,} are missing. Was the ledger replaced by an older copy?"
                if size > head
                else "a checkpoint must cover at least one event"
            )
            faults.append(Fault(head + 1, what, place_of(size)))
    if tiles > head:
        what = f"the tiles hold {tiles:,} events and the ledger ends at {head:,}: some are missing"
        faults.append(Fault(head + 1, what, "tiles"))
    if files.signed is not None and tiles and not signed:
        what = (
            f"the tiles hold {tiles:,} events, but no checkpoint is signed: the signed checkpoints "
            "are lost, unless the log is being served for the first time right now"
        )
        faults.append(Fault(0, what, files.signed.name))
    return faults


def tree_size(rows: list[tuple[int | None]]) -> int:
    """Return the number that a statement found; 0 if it found none."""
    return rows[0][0] or 0 if rows else 0


def _path(level: int, n: int) -> str:
    return tile_path(level, n) if level >= 0 and n >= 0 else f"{level}/{n}"
