"""A small region with a running service: three units, their people, some businesses, a clock."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, cast
from unittest.mock import patch

from api.http.commands import PREPARERS
from api.http.sealing import FINISHERS, SEALERS
from api.service import Service
from ledger.kernel import Actor, Command, Ledger, NotRecorded, Outcome, Recorded, clock
from ledger.kernel.events import CIVIL_ZONE
from projections.drawing.desk import Desk
from projections.watches.clock import tick
from tests.sequences.book import Book

#: Those that inspect and fine.
UNITS = ("MRB", "EMB", "EEB")
BUSINESSES = (
    "91620100MA7LX00338",
    "91620100MA7LX0076M",
    "91620100MA7LX01051",
    "91620100MA7LX0113U",
    "91620100MA7LX00413",
    "91110000MA7LX0092G",
)
#: The last of them is registered in another province.
ABROAD = BUSINESSES[-1]
#: Badge numbers of the officers of each unit.
OFFICERS = {unit: tuple(f"{unit}-O{n}" for n in range(1, 6)) for unit in UNITS}

_OFFICES = {
    "unit_head": "HEAD",
    "office_head": "OFFICE",
    "unit_legal_office": "LEGAL",
    "draw_coordinator": "COORD",
}
#: Where each of the other roles sits.
SEATS = {
    "jb_supervisor": "JB",
    "credit_officer": "EDB",
    "recon_officer": "RECON",
    "rlo_assessor": "RLO",
    "park_committee": "PARK",
    "subscriber_system": "BANK",
    "ledger_clock": "LEDGER",
}
START = datetime(2026, 1, 5, 9, tzinfo=CIVIL_ZONE)
#: From here on a walk hurries to its last weeks, in the next year.
YEARS_END = date(2026, 12, 15)
END = date(2027, 2, 20)


def actor(role: str, unit: str, person: str | None = None) -> Actor:
    """Somebody of a role, in the unit where that role sits or else in ``unit``."""
    seat = SEATS.get(role, unit)
    if person is None:
        person = f"{seat}-{_OFFICES.get(role, role.upper().replace('_', '-'))}"
        if role == "enforcement_officer":
            person = OFFICERS[unit][0] if unit in OFFICERS else f"{unit}-O1"
        elif role == "entity_rep":
            seat, person = "ENTITY", f"REP-{unit}"
    return Actor(unit_id=seat, person_id=person, role=role)


class _Heard:
    """The ledger as the clock uses it, and which of its commands were recorded."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.clock = ledger.clock
        self.accepted: list[str] = []

    def execute(self, command: Command, actor: Actor, *, key: str) -> Outcome:
        outcome = self._ledger.execute(command, actor, key=key)
        if outcome.events and not outcome.repeated:
            self.accepted.append(type(command).__name__)
        return outcome


class Town:
    """The service, its clock, and what was recorded in it. Close it when done."""

    def __init__(self, folder: Path) -> None:
        self.now = START
        # Ids that the ledger mints decide in which order the clock finds what is due. With the same
        # ones every time, a walk is named by its seed.
        dice = Random(0)
        self._ids = patch.object(clock._Randomness, "take", lambda _, n: dice.randbytes(n))
        self._ids.start()
        self.service = Service(f"sqlite:///{folder / 'ledger.db'}", clock=lambda: self.now)
        self.ledger = self.service.ledger
        self.desk = Desk(self.service.follower, self.service.blobs)
        self.book = Book()
        self._names = 0
        self._sent = 0

    def close(self) -> None:
        self.service.close()
        self._ids.stop()

    def __enter__(self) -> Town:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def today(self) -> date:
        return self.now.date()

    def wait(self, **time: float) -> None:
        """Let time pass."""
        self.now += timedelta(**time)

    def name(self, prefix: str) -> str:
        """A new identifier."""
        self._names += 1
        return f"{prefix}-{self._names}"

    def send(self, command: Command, by: Actor) -> list[Recorded]:
        """What the ledger recorded of a command, sealed and prepared as the API does it.

        Raises ``NotRecorded``.
        """
        self.now += timedelta(seconds=1)
        kind = type(command)
        self._sent += 1
        if kind in SEALERS:
            command = SEALERS[kind](command, self.service.vault, f"{self._sent:032x}")
        if kind in PREPARERS:
            prepared = PREPARERS[kind](command, self.desk)
            outcomes = [self.ledger.execute(prepared.command, by)]
            for following, key in prepared.then():
                outcomes.append(self.ledger.execute(following, by, key=key))
        else:
            outcomes = [self.ledger.execute(command, by)]
        if kind in FINISHERS:
            service = self.service
            FINISHERS[kind](service.recorder, service.vault, service.evidence)
        made = [record for outcome in outcomes for record in outcome.events]
        self.book.take(made)
        return made

    def must(self, command: Command, by: Actor) -> list[Recorded]:
        """The same, of a command that has to succeed."""
        try:
            return self.send(command, by)
        except NotRecorded as error:
            raise AssertionError(f"{command} by {by}: {error}") from error

    def tick(self) -> list[str]:
        """Let the clock process look; the names of the commands of which it recorded something."""
        heard = _Heard(self.ledger)
        self.caught_up()
        outcomes = tick(cast("Any", heard), self.service.follower.views)
        self.book.take(r for o in outcomes if not o.repeated for r in o.events)
        return heard.accepted

    def caught_up(self) -> int:
        """The ledger's head, once every view has reached it."""
        head = self.service.recorder.head()
        assert self.service.follower.wait_for(head, 30.0), "the views do not catch up"
        return head
