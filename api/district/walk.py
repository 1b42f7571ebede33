"""Live through past days with a service: send commands as people would, and tick every night."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import msgspec

from api.district.table import District, Person, district
from api.http.commands import PREPARERS
from api.http.sealing import SEALERS
from api.service import Service
from ledger.general.audiences import audiences_of_sender
from ledger.kernel import Command, Event, Outcome, Recorded
from ledger.kernel.contexts import make_context
from ledger.kernel.days import DayCount
from ledger.kernel.events import CIVIL_ZONE
from ledger.kernel.folds import Selector
from ledger.kernel.policies import PublishedYear
from ledger.registry import COMMANDS, Entry
from projections.drawing.desk import Desk

#: When the clock looks, every night.
_NIGHT = time(0, 5, tzinfo=CIVIL_ZONE)
_ONE_DAY = timedelta(days=1)
#: Something that people do at its time; what it returns does not matter.
Step = Callable[[], object]
_BY_PATH: dict[str, Entry] = {f"{entry.system}/{entry.name}": entry for entry in COMMANDS}


class Walk:
    """A service over a new ledger at ``url`` whose days pass; close it, or use it as a context.

    It begins on the morning of ``begins``. ``on_day`` is told each day that begins.
    """

    def __init__(
        self, url: str, begins: date, on_day: Callable[[date], None] = lambda day: None
    ) -> None:
        self.begins = begins
        self.now = datetime.combine(begins, time(8), CIVIL_ZONE)
        self.district: District = district()
        self._people: dict[str, Person] = {one.key: one for one in self.district.person}
        self._on_day = on_day
        self.service = Service(url, clock=lambda: self.now)
        #: Answers folds, and prepares what takes long.
        self.desk = Desk(self.service.follower, self.service.blobs)
        years = (self.desk.now(PublishedYear(str(begins.year + n))).latest for n in (0, 1))
        #: Counts working days by the calendars that the program knows.
        self.count = DayCount({year.year: year for year in years if year is not None})
        #: What is still to come: the moment, the order of planning, and what happens.
        self._planned: list[tuple[datetime, int, Step]] = []
        self._order = count()

    def close(self) -> None:
        """Wait until the log has signed everything, then close the service."""
        self.service.keeper.wait_for(self.service.recorder.head(), 60)
        self.service.close()

    def __enter__(self) -> Walk:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def today(self) -> date:
        """The civil date."""
        return self.now.date()

    def later(self, days: int, step: Step, at: str = "09:00") -> date:
        """Plan a step for the first working day at least ``days`` days from today; return it."""
        day = self.after(days)
        self.plan(day, step, at)
        return day

    def plan(self, day: date, step: Step, at: str = "09:00") -> None:
        """Plan a step for a day."""
        moment = datetime.combine(day, time.fromisoformat(at), CIVIL_ZONE)
        heapq.heappush(self._planned, (moment, next(self._order), step))

    def live(self, until: datetime) -> None:
        """Take all steps planned for before ``until``, each at its time."""
        while self._planned and self._planned[0][0] < until:
            moment, _, step = heapq.heappop(self._planned)
            self._pass(moment)
            step()
        self._pass(until)

    def after(self, days: int) -> date:
        """Return the first working day at least ``days`` days from today."""
        return self.count.next_working(self.today + timedelta(days=days))

    def _pass(self, target: datetime) -> None:
        """Let the days pass. Every night the clock acts on what is due."""
        for night in self._nights_before(target):
            self.now = night
            self.service.clock.tick()
            self._on_day(night.date())
        self.now = max(self.now, target)

    def _nights_before(self, target: datetime) -> Iterator[datetime]:
        day = self.today + _ONE_DAY
        while (night := datetime.combine(day, _NIGHT)) <= target:
            yield night
            day += _ONE_DAY

    def send(self, who: str, path: str, **body: Any) -> Outcome:
        """Send a command as ``who`` and return its outcome. Raises the ledger's refusals."""
        person = self._people[who]
        command: Command = msgspec.convert(body, _BY_PATH[path].command)
        key = uuid4().hex
        if (seal := SEALERS.get(type(command))) is not None:
            command = seal(command, self.service.vault, key)
        if (prepare := PREPARERS.get(type(command))) is None:
            return self._record(command, person, key)
        self.caught_up()
        prepared = prepare(command, self.desk)
        outcome = self._record(prepared.command, person, key)
        for following, its_key in prepared.then():
            self._record(following, person, its_key)
        return outcome

    def _record(self, command: Command, person: Person, key: str) -> Outcome:
        context = make_context(
            command,
            person.actor(),
            self.now,
            key=key,
            audiences=audiences_of_sender(person.role, person.unit, person.id, person.entity),
        )
        outcome = self.service.ledger.submit(command, context).result()
        # No two commands have the same time.
        self.now += timedelta(seconds=7)
        return outcome

    def sign(self, first: str, second: str, path: str, **body: Any) -> Outcome:
        """Let one person request a command that takes two, and a second one approve it."""
        asked = first_event(self.send(first, path, **body))
        return self.send(
            second,
            "approvals/approve-request",
            approval=asked.approval,  # type: ignore[attr-defined]
        )

    def recorded(self, kind: str, tag: str | None = None) -> list[Recorded]:
        """Return the records of a type, oldest first; only those about ``tag`` if given."""
        selector = Selector((kind,), () if tag is None else (tag,))
        return self.service.follower.source.records([selector])

    def caught_up(self) -> None:
        """Wait until the views have followed everything recorded."""
        if not self.service.follower.wait_for(self.service.recorder.head(), 60):
            raise RuntimeError("the views do not follow the ledger")


def first_event(outcome: Outcome) -> Event:
    """Return the first event of an outcome."""
    return outcome.events[0].event
