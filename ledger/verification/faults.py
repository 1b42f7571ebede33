"""What is verified, and what is said about it."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import msgspec

from ledger.stores.naming import blobs_folder, ended_folder, key_file, sibling


class Files(msgspec.Struct, frozen=True):
    """A ledger with what belongs to it; ``None`` for what is not to be looked at.

    ``key`` holds the log's private key: only its public half is used. ``part``: whether this is
    the access ledger of another ledger. ``access_signed``, ``access_key``: what lies with the
    access ledger, where it has other names than those of a ledger that is served.
    """

    ledger: Path
    tiles: Path | None = None
    signed: Path | None = None
    key: Path | None = None
    blobs: Path | None = None
    access: Path | None = None
    vault: Path | None = None
    ended: Path | None = None
    part: bool = False
    access_signed: Path | None = None
    access_key: Path | None = None

    @classmethod
    def of(cls, ledger: Path) -> Self:
        """The files that lie beside a ledger."""
        ledger = ledger.absolute()
        return cls(
            ledger=ledger,
            tiles=sibling(ledger, "tiles"),
            signed=sibling(ledger, "signed"),
            key=key_file(ledger),
            blobs=blobs_folder(ledger),
            access=sibling(ledger, "access"),
            vault=sibling(ledger, "vault"),
            ended=ended_folder(ledger),
        )

    def accesses(self) -> Files:
        """The files of the access ledger, which has a log of its own and nothing else."""
        assert self.access is not None
        of = Files.of(self.access)
        return Files(
            ledger=of.ledger,
            tiles=of.tiles,
            signed=self.access_signed or of.signed,
            key=self.access_key or of.key,
            part=True,
        )


class Fault(msgspec.Struct, frozen=True):
    """Something wrong, and what: at a position, or in a ``place`` that has a name of its own."""

    position: int
    what: str
    place: str = ""

    @property
    def where(self) -> str:
        """Where to look, for people."""
        return self.place or f"position {self.position}"

    @property
    def words(self) -> str:
        """The fault in one line."""
        return f"{self.where}: {self.what}"


class Verification(msgspec.Struct, frozen=True):
    """What was looked at, how much of each, and the faults found, the first ones first.

    ``remarks`` say what could not be looked at, or what somebody should know though nothing is
    wrong.
    """

    records: int
    faults: tuple[Fault, ...] = ()
    remarks: tuple[str, ...] = ()
    counts: dict[str, int] = {}


class Found(msgspec.Struct):
    """What one part of a verification came to."""

    faults: list[Fault] = []
    remarks: list[str] = []
    count: int = 0

    def wrong(self, place: str, what: str, position: int = 0) -> None:
        """Note a fault."""
        self.faults.append(Fault(position, what, place))
