"""A published checkpoint, read from a file or an address, with the tiles next to it if any.

The tiles have paths as in c2sp.org/tlog-tiles. This module trusts nothing that it reads: callers
check the signature of the checkpoint and the hashes of the tiles.
"""

from __future__ import annotations

import urllib.request
from http.client import HTTPException
from pathlib import Path

from ledger.transparency.checkpoints import Checkpoint, signed_checkpoint
from ledger.transparency.merkle import HASH_SIZE, consistency_proof, verify_consistency
from ledger.transparency.notes import MAX_NOTE, Verifier, parse_note
from ledger.transparency.tiles import WIDTH, Tile, node_of, tile_path, width_at

_SECONDS = 10.0


class Unreachable(OSError):
    """A file or address could not be read."""


def signed_by(note: bytes, key: Verifier) -> Checkpoint:
    """Return the checkpoint of a note. Raises ``NoteError`` unless ``key`` signed its own log."""
    checkpoint, _ = signed_checkpoint(parse_note(note), [key])
    return checkpoint


class Published:
    """The checkpoint at a path or an ``http(s)`` address. Raises ``Unreachable``."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.note = self._read(where)

    def prove_beginning(self, size: int, root: bytes, checkpoint: Checkpoint) -> None:
        """Raise ``ProofError`` unless the tree of this root is the beginning of the published one.

        Raises ``Unreachable`` if the tiles that could show it cannot be read.
        """
        proof = consistency_proof(size, checkpoint.size, node_of(self._tiles(checkpoint.size)))
        verify_consistency(size, checkpoint.size, proof, root, checkpoint.root)

    def _tiles(self, size: int) -> Tile:
        prefix = self.where.rpartition("/")[0] if "/" in self.where else "."

        def tile(level: int, n: int, width: int) -> bytes:
            published = width_at(level, n, size)
            try:
                hashes = self._read(f"{prefix}/tile/{tile_path(level, n, published)}")
            except Unreachable:
                if published == WIDTH:
                    raise
                # A server may remove a partial tile once the full one exists.
                hashes = self._read(f"{prefix}/tile/{tile_path(level, n)}")
            if len(hashes) < width * HASH_SIZE:
                raise Unreachable(f"{prefix}: tile {tile_path(level, n, published)} is too short")
            return hashes[: width * HASH_SIZE]

        return tile

    def _read(self, where: str) -> bytes:
        try:
            if self.where.startswith(("http://", "https://")):
                with urllib.request.urlopen(where, timeout=_SECONDS) as answer:  # noqa: S310
                    content: bytes = answer.read(MAX_NOTE + 1)
                return content
            return Path(where).read_bytes()
        except (OSError, HTTPException, ValueError) as error:
            raise Unreachable(f"{where}: {error}") from error
