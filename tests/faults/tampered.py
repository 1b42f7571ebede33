"""A real ledger with all its files, to be tampered with."""

from __future__ import annotations

import os
import sqlite3
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.access.commands import NoteConsultation
from ledger.access.events import RecordsConsulted
from ledger.intake.run import import_register
from ledger.kernel import Ledger
from ledger.opening import (
    LEDGER_CLOCK,
    open_access_log,
    open_accesses,
    open_ledger,
    open_log,
    sibling,
)
from ledger.stores.sqlite import SQLiteRecorder
from ledger.transparency.checkpoints import cosign
from ledger.transparency.log import TransparencyLog
from ledger.transparency.notes import COSIGNATURE, Signer
from ledger.verification import Files, Verification, verify_ledger
from projections.follower import Follower
from projections.opening import open_views
from tests.unguarded import unguarded

WITNESS = Signer("witness.example/w1", Ed25519PrivateKey.from_private_bytes(bytes(32)))
NOW = datetime(2026, 1, 5, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
LOOKED = RecordsConsulted(unit="JB", route="/v1/findings", asked="/v1/findings?unit=MRB")


class Past:
    """A real ledger with all its files, some hundreds of events and a checkpoint for each piece."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger.db"

    def record(self, register: Path) -> None:
        """Import, sign, cosign, follow, consult."""
        with SQLiteRecorder(self.path) as recorder, open_ledger(recorder, clock=lambda: NOW) as own:
            import_register(own, "nyc-restaurants", register, actor=LEDGER_CLOCK)
            with open_log(recorder, clock=lambda: NOW) as log:
                beginning = Beginning(recorder)
                growing = TransparencyLog(
                    beginning, log.tiles, log.signed, log.signer, clock=lambda: NOW
                )
                for size in sorted({*range(50, recorder.head(), 97), 256, 512, recorder.head()}):
                    beginning.size = size
                    signed = growing.advance()
                    assert signed is not None
                    log.signed.add_signature(size, cosign(signed.text, WITNESS, SECONDS))
            with closing(open_views(self.url)) as views, Follower(recorder, views) as follower:
                follower.catch_up()
        with (
            SQLiteRecorder(self.path) as whole,
            open_accesses(whole) as recorder,
            Ledger(recorder) as access,
            open_access_log(recorder, "ledger.example/log") as log,
        ):
            for _ in range(5):
                for _ in range(4):
                    access.execute(NoteConsultation(consultation=LOOKED), LEDGER_CLOCK)
                log.advance()

    @property
    def url(self) -> str:
        """As the command line takes it."""
        return f"sqlite:///{self.path}"

    def verify(self, path: Path | None = None) -> Verification:
        """The whole ledger, with the witness's key."""
        return verify_ledger(
            Files.of(path or self.path), witnesses=[WITNESS.verifier(COSIGNATURE)], workers=1
        )

    def file(self, what: str = "") -> AbstractContextManager[sqlite3.Connection]:
        """A file of the ledger, its triggers out of the way."""
        return unguarded(sibling(self.path, what) if what else self.path)


class Beginning:
    """The beginning of a store of events, as long as one likes."""

    def __init__(self, events: SQLiteRecorder) -> None:
        self._events, self.size = events, 0

    def head(self) -> int:
        return self.size

    def leaves(self, after: int, limit: int) -> list[bytes]:
        return self._events.leaves(after, min(limit, self.size - after))


def dies(work: object) -> None:
    """What a process does that the system killed: nothing more."""
    os._exit(9)
