"""A ledger with its log, as the service keeps it, without the service."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date
from pathlib import Path

from ledger.general.findings import FindingRaised
from ledger.kernel import Event, Ledger
from ledger.opening import LEDGER_CLOCK, blobs_folder, open_accesses, open_ledger, open_log
from ledger.stores.blobs import Blobs
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.draws.events import EntityRosterFrozen
from ledger.systems.entities.commands import RegisterEntity
from ledger.systems.entities.events import Identity
from ledger.transparency.log import TransparencyLog
from ledger.transparency.store import Signed
from tests.cast import actor
from tests.gwt import Record

EDB = actor("EDB", "EDB-001", "credit_officer")


class Kept:
    """One ledger, its log, its pieces and the access ledger, at ``path``."""

    def __init__(self, path: Path, origin: str = "ledger.example/v1/log") -> None:
        self.path = path
        self.url = f"sqlite:///{path}"
        self._opened = ExitStack()
        self.recorder = self._opened.enter_context(SQLiteRecorder(path))
        self.ledger = self._opened.enter_context(open_ledger(self.recorder))
        self.log: TransparencyLog = self._opened.enter_context(
            open_log(self.recorder, origin=origin)
        )
        access = self._opened.enter_context(open_accesses(self.recorder))
        self.access = self._opened.enter_context(Ledger(access))
        self.blobs = Blobs(blobs_folder(path))

    @property
    def vkey(self) -> str:
        return self.log.signer.verifier().vkey()

    def register(self, first: int, count: int) -> None:
        """Some businesses, named by number."""
        for n in range(first, first + count):
            self.ledger.execute(
                RegisterEntity(entity=f"register:{n}", identity=Identity(name="行")), EDB
            )

    def record(self, *events: Event) -> None:
        self.ledger.execute(Record(facts=events), LEDGER_CLOCK)

    def sign(self) -> Signed:
        signed = self.log.advance()
        assert signed is not None
        return signed

    def freeze(self, content: bytes) -> str:
        """A roster that lies beside the ledger, and the event that names it."""
        digest = self.blobs.put(content)
        self.record(roster(digest))
        return digest

    def close(self) -> None:
        self._opened.close()


def roster(digest: str) -> EntityRosterFrozen:
    return EntityRosterFrozen(
        roster=f"R-{digest[:8]}",
        unit="MRB",
        as_of=date(2026, 7, 1),
        by="grade",
        target_class="food",
        roster_hash=digest,
        roster_root="0" * 64,
        count=1,
        strata={"A": 1},
        composed_at=1,
    )


def finding(number: int) -> FindingRaised:
    return FindingRaised(
        finding_id=f"F-{number}", type="unfiled", rule_id="FIL-V1", auto=True, unit="MRB"
    )
