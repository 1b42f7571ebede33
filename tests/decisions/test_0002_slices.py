"""Decision 0002: the library's shape of two real rules, kept running so that it stays true."""

from __future__ import annotations

from datetime import date

import pytest
from eventsourcing.dcb.application import DCBApplication
from eventsourcing.persistence import IntegrityError

from benchmarks.library_slice import (
    ApproveTaskSlice,
    Given,
    PlanAmended,
    PlanApproved,
    PlanFiled,
    Refused,
)


@pytest.fixture
def app() -> DCBApplication:
    app = DCBApplication({"MAPPER_TOPIC": "eventsourcing.dcb.msgpack:MessagePackMapper"})
    plan = {"M-101": [3, 6, 9]}
    unit = ["unit:MRB"]
    app.do(Given(PlanApproved(plan="P", unit="MRB", year=2026, months=plan), unit))
    app.do(Given(PlanFiled(plan="P", unit="MRB", version=1, filed_on=date(2026, 1, 20)), unit))
    return app


def _approve(task: str, planned_on: date, on: date) -> ApproveTaskSlice:
    return ApproveTaskSlice(task, "MRB", "E-B", "M-101", planned_on, on, cap=1)


def test_FIL_R1_as_a_slice(app: DCBApplication) -> None:
    """A task outside the planned months is refused until an amended version is filed."""
    with pytest.raises(Refused, match="FIL-R1"):
        app.do(_approve("T-1", date(2026, 5, 11), date(2026, 5, 1)))
    months = {"M-101": [3, 5, 6, 9]}
    app.do(Given(PlanAmended(plan="P", unit="MRB", version=2, months=months), ["unit:MRB"]))
    app.do(
        Given(PlanFiled(plan="P", unit="MRB", version=2, filed_on=date(2026, 5, 6)), ["unit:MRB"])
    )
    app.do(_approve("T-1", date(2026, 5, 11), date(2026, 5, 7)))


def test_SUP_R1_as_a_slice(app: DCBApplication) -> None:
    """The second visit under a cap of one is refused."""
    app.do(_approve("T-1", date(2026, 3, 18), date(2026, 3, 1)))
    with pytest.raises(Refused, match="SUP-R1"):
        app.do(_approve("T-2", date(2026, 6, 3), date(2026, 6, 1)))


def test_a_slice_that_lost_a_race_has_to_be_made_anew(app: DCBApplication) -> None:
    """``do`` neither retries nor may be called again with the same slice after a conflict."""
    loser = app.repository.advance(_approve("T-1", date(2026, 3, 18), date(2026, 3, 1)))
    app.do(_approve("T-2", date(2026, 3, 19), date(2026, 3, 1)))
    loser.execute()
    with pytest.raises(IntegrityError):
        app.repository.save(loser)
    assert loser.used == 1, "the event that was never recorded is folded in already"
