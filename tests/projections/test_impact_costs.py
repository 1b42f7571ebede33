"""What an impact graph costs follows from the events of the business, and not from their square."""

from __future__ import annotations

import time
from datetime import date, timedelta
from typing import Any

from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.values import Instrument
from ledger.systems.credit.events import CreditRecordEntered
from ledger.systems.grading.events import CreditGradeAssigned, Factor
from projections.explain.impact import impact
from projections.source import Source
from tests.projections.facts import E1, Past, task


def graded(times: int) -> Source:
    """A business whose record gave it a grade so many times, each looked at by a task."""
    past = Past(InMemoryDCBRecorder())
    day = date(2020, 1, 1)
    entered: dict[str, Any] = {"record": "CR-1", "entity": E1, "unit": "MRB"}
    instrument = Instrument(kind="ruling", doc_no="D", effective_on=day)
    past.add(
        CreditRecordEntered(
            **entered,
            kind="penalty",
            instrument=instrument,
            determined_on=day,
            title="fine",
            public=True,
            severity="general",
        ),
        day,
    )
    for number in range(times):
        # Each for an earlier day: none takes the place of another.
        on = day + timedelta(days=times - number)
        past.add(
            CreditGradeAssigned(
                entity=E1,
                scheme="local",
                grade="C",
                assessed_on=on,
                source="edb",
                factors=(Factor(kind="general_record", record="CR-1"),),
                inputs_hash="0" * 64,
            ),
            on,
        )
        past.add(task(f"T-{number}", E1, planned_on=on), on)
    return Source(past.recorder)


def test_an_impact_costs_what_it_shows() -> None:
    """Four times the grades cost some four times as much, and not sixteen."""
    small, large = graded(400), graded(1_600)

    def seconds(source: Source, items: int) -> float:
        began = time.thread_time()
        found = impact(source, "record", "CR-1")
        assert found is not None
        assert len(found.items) == items
        return time.thread_time() - began

    least = min(seconds(small, 801) for _ in range(3))
    assert min(seconds(large, 3_201) for _ in range(3)) < 8 * least
