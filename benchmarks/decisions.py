"""Row 1: durable decisions in process, compared with the library's application.

The library commits each decision separately. The decision is the same on both sides: a visit is
booked if the filed plan covers it (FIL-R1) and the cap is not used up (SUP-R1). Both sides write to
an SQLite file with ``synchronous=FULL``.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

from eventsourcing.application import Application
from eventsourcing.dcb.api import DCBRecorder
from eventsourcing.dcb.application import DCBRepository
from eventsourcing.dcb.domain import Slice
from eventsourcing.dcb.msgpack import Decision, MessagePackMapper
from eventsourcing.dcb.persistence import DCBEventStore
from eventsourcing.domain import Aggregate, event

from benchmarks.library_slice import ApproveTaskSlice, Given, PlanApproved, PlanFiled
from benchmarks.measuring import in_turns, report
from ledger.kernel import Actor, Command, Context, Event, Inquiry, Ledger
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.filing.events import (
    AnnualPlanApproved,
    AnnualPlanFiled,
    InspectionTaskApproved,
    NonOnsiteConsidered,
    PlanItem,
)
from ledger.systems.filing.folds import PlanInForce
from ledger.systems.filing.rules import FIL_R1
from ledger.systems.supervision.folds import BookedVisits
from ledger.systems.supervision.rules import SUP_R1

_HEAD = Actor(unit_id="MRB", person_id="HEAD", role="unit_head")
_WEIGHED = NonOnsiteConsidered(
    written=True, shared_data=True, remote=True, conclusion="insufficient"
)
_ON = date(2026, 3, 18)


class _Record(Command):
    """Record a given event."""

    event: Event

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        yield self.event


class BookVisit(Command):
    """The two rules of the library's slice, as a command of the kernel."""

    task: str
    entity: str

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        plan = inquiry.read(PlanInForce("MRB", _ON.year)).covering(("M-101",), _ON, inquiry.on)
        inquiry.require(plan, FIL_R1, matters="M-101", unit="MRB", month="2026-03", hint="")
        visits = inquiry.read(BookedVisits(self.entity, "MRB", _ON.year))
        inquiry.require(visits.capped < 1, SUP_R1, used=visits.capped, cap=1)
        assert plan is not None
        yield InspectionTaskApproved(
            task=self.task,
            entity=self.entity,
            unit="MRB",
            kind="daily",
            trigger="plan",
            matters=("M-101",),
            officers=("OFF-001", "OFF-002"),
            planned_on=_ON,
            approver="HEAD",
            counter="capped",
            non_onsite_considered=_WEIGHED,
            plan=plan[0].plan,
            plan_version=plan[1].version,
        )


@contextmanager
def planned_ledger(recorder: DCBRecorder) -> Iterator[Ledger]:
    """Open a ledger with an approved and filed plan that covers the visits."""
    item = PlanItem(matter="M-101", mode="key", target_class="all", planned_visits=1, months=(3,))
    plan = AnnualPlanApproved(plan="P", unit="MRB", year=2026, items=(item,))
    filed = AnnualPlanFiled(plan="P", unit="MRB", version=1, filed_on=date(2026, 1, 20))
    with Ledger(recorder) as ledger:
        for given in (plan, filed):
            ledger.execute(_Record(event=given), _HEAD)
        yield ledger


def booking_rate(ledger: Ledger, commands: int, first: int = 0) -> float:
    """Return the commands decided and committed per second, with up to 2,000 submitted ahead."""
    started = time.perf_counter()
    waiting = []
    for number in range(first, first + commands):
        command = BookVisit(task=f"T-{number}", entity=f"bench:{number}")
        waiting.append(ledger.submit(command, _context(number)))
        if len(waiting) >= 2_000:
            for future in waiting:
                future.result()
            waiting.clear()
    for future in waiting:
        future.result()
    return commands / (time.perf_counter() - started)


def kernel_rate(folder: Path, commands: int) -> float:
    """Return the rate of bookings in a new ledger."""
    path = folder / f"{uuid4().hex}.db"
    with SQLiteRecorder(path) as recorder, planned_ledger(recorder) as ledger:
        return booking_rate(ledger, commands)


def _context(number: int) -> Context:
    return Context(_HEAD, f"{number:032x}", UUID(int=number))


def slice_rate(folder: Path, commands: int) -> float:
    """Return the rate of the library's slice on our SQLite recorder, one commit per command."""
    with SQLiteRecorder(folder / f"{uuid4().hex}.db") as recorder:
        return slice_rate_on(recorder, commands)


def slice_rate_on(recorder: DCBRecorder, commands: int) -> float:
    """Return the rate of the library's slice on an empty recorder, one commit per command."""
    repository = DCBRepository(DCBEventStore(MessagePackMapper(), recorder))

    def do(s: Slice[Decision]) -> None:
        # This repeats DCBApplication.do, because the application cannot use our recorder.
        if type(s).do_projection:
            s = repository.advance(s)
        s.execute()
        repository.save(s)

    unit = ["unit:MRB"]
    do(Given(PlanApproved(plan="P", unit="MRB", year=2026, months={"M-101": [3]}), unit))
    do(Given(PlanFiled(plan="P", unit="MRB", version=1, filed_on=date(2026, 1, 20)), unit))
    started = time.perf_counter()
    for number in range(commands):
        do(ApproveTaskSlice(f"T-{number}", "MRB", f"E-{number}", "M-101", _ON, _ON, cap=1))
    return commands / (time.perf_counter() - started)


class Visits(Aggregate):
    """The visits of a unit at a business as an aggregate; it does not guard the plan."""

    class Began(Aggregate.Created):
        """Create the counter of one business."""

        entity: str

    class Booked(Aggregate.Event):
        """Book a visit."""

        task: str

    @event(Began)
    def __init__(self, entity: str) -> None:
        self.entity = entity
        self.used = 0

    @event(Booked)
    def book(self, task: str) -> None:
        assert self.used < 1
        self.used += 1


def aggregate_rate(folder: Path, commands: int) -> float:
    """Return the rate of the library's aggregate application on its SQLite store, saving each."""
    app = Application(
        env={
            "PERSISTENCE_MODULE": "eventsourcing.sqlite",
            "SQLITE_DBNAME": str(folder / f"{uuid4().hex}.db"),
        }
    )
    started = time.perf_counter()
    for number in range(commands):
        visits = Visits(f"E-{number}")
        visits.book(f"T-{number}")
        app.save(visits)
    rate = commands / (time.perf_counter() - started)
    app.close()
    return rate


def run(quick: bool = False) -> None:
    """Measure and print the figures."""
    ours, theirs = (4_000, 400) if quick else (20_000, 2_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for what, other in (
            ("decisions ÷ library's application (aggregates, its SQLite)", aggregate_rate),
            ("decisions ÷ library's slice on our SQLite, one by one", slice_rate),
        ):
            figures = in_turns(
                lambda: kernel_rate(folder, ours),
                lambda other=other: other(folder, theirs),  # type: ignore[misc]
                rounds=3 if quick else 5,
            )
            report(what, *figures, target=8, unit="/s")
