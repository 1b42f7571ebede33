"""The files to verify, and the results: faults, remarks and counts."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import msgspec

from ledger.stores.naming import blobs_folder, ended_folder, key_file, sibling


class Files(msgspec.Struct, frozen=True):
    """A ledger and the files that belong to it; ``None`` for files that are not verified.

    ``key`` holds the log's private key, of which only the public half is used. ``part``: whether
    this is the access ledger of another ledger. ``access_signed``, ``access_key``: siblings of the
    access ledger, if they have other names than those of a ledger in use.
    """

    ledger: Path
    tiles: Path | None = None
    signed: Path | None = None
    key: Path | None = None
    blobs: Path | None = None
    access: Path | None = None
    vault: Path | None = None
    webhooks: Path | None = None
    ended: Path | None = None
    part: bool = False
    access_signed: Path | None = None
    access_key: Path | None = None

    @classmethod
    def of(cls, ledger: Path) -> Self:
        """Return a ledger with all its siblings."""
        ledger = ledger.absolute()
        return cls(
            ledger=ledger,
            tiles=sibling(ledger, "tiles"),
            signed=sibling(ledger, "signed"),
            key=key_file(ledger),
            blobs=blobs_folder(ledger),
            access=sibling(ledger, "access"),
            vault=sibling(ledger, "vault"),
            webhooks=sibling(ledger, "webhooks"),
            ended=ended_folder(ledger),
        )

    def accesses(self) -> Files:
        """Return the files of the access ledger, which has only a log."""
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
    """A fault at a position of the ledger, or in a ``place`` with a name."""

    position: int
    what: str
    place: str = ""

    @property
    def where(self) -> str:
        """Where the fault is, in words."""
        return self.place or f"position {self.position}"

    @property
    def words(self) -> str:
        """The fault in one line."""
        return f"{self.where}: {self.what}"


class Verification(msgspec.Struct, frozen=True):
    """The result of a verification: how much was checked, and the faults, the first ones first.

    ``remarks`` say what could not be checked, and what an operator should know although it is not a
    fault.
    """

    records: int
    faults: tuple[Fault, ...] = ()
    remarks: tuple[str, ...] = ()
    counts: dict[str, int] = {}


class Found(msgspec.Struct):
    """The result of one part of a verification."""

    faults: list[Fault] = []
    remarks: list[str] = []
    count: int = 0

    def wrong(self, place: str, what: str, position: int = 0) -> None:
        """Note a fault."""
        self.faults.append(Fault(position, what, place))
