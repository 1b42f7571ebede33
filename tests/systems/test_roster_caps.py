"""Who is not on a roster because a cap is used up: by visits that have begun, and no others."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ledger.kernel import Event
from ledger.systems.entities.events import (
    EntityLeftRegister,
    EntityRegistered,
    EntityRevised,
    Identity,
)
from ledger.systems.filing.events import (
    InspectionCancelled,
    InspectionTaskApproved,
    NonOnsiteConsidered,
    OnSiteInspectionOpened,
)
from projections.systems.draws import Composed, Terms, compose
from tests.systems.test_risk import E_C, standing

ON = date(2026, 9, 7)
REGISTERED = EntityRegistered(entity=E_C, identity=Identity(name="丙", area="中川"))


def approved(task: str = "T-1", **changed: Any) -> InspectionTaskApproved:
    said: dict[str, Any] = {
        "task": task,
        "entity": E_C,
        "unit": "EMB",
        "kind": "daily",
        "trigger": "plan",
        "matters": ("M-1",),
        "officers": ("X-1", "X-2"),
        "planned_on": date(2026, 3, 2),
        "approver": "HEAD",
        "counter": "capped",
        "non_onsite_considered": NonOnsiteConsidered(
            written=True, shared_data=True, remote=True, conclusion="insufficient"
        ),
    }
    return InspectionTaskApproved(**{**said, **changed})


def opened(task: str = "T-1", unit: str = "EMB") -> OnSiteInspectionOpened:
    return OnSiteInspectionOpened(
        task=task,
        entity=E_C,
        unit=unit,
        officers=("X-1", "X-2"),
        matters=("M-1",),
        certs_shown=("甘X-1",),
        notice_shown=True,
        rights_informed=True,
        conduct_rules_informed=True,
    )


def composed(*events: Event, **changed: Any) -> Composed:
    """The roster of two units with a cap of one visit, if this is all that is known of E-C."""
    said: dict[str, Any] = {"as_of": ON, "units": ("MRB", "EMB"), "cap": lambda unit, grade: 1}
    return compose([standing([REGISTERED, *events])], Terms(**{**said, **changed}))


@pytest.mark.parametrize(
    ("why", "events", "changed"),
    [
        ("booked and not begun: it is sealed", (approved(),), {}),
        (
            "cancelled",
            (
                approved(),
                InspectionCancelled(
                    task="T-1",
                    entity=E_C,
                    unit="EMB",
                    planned_on=date(2026, 3, 2),
                    counter="capped",
                    reason="-",
                ),
            ),
            {},
        ),
        ("on a clue", (approved(counter="exempt", kind="case"), opened()), {}),
        ("of a unit that does not draw", (approved(), opened()), {"units": ("MRB",)}),
        ("in another year", (approved(), opened()), {"as_of": date(2027, 1, 4)}),
        ("fewer than the cap", (approved(), opened()), {"cap": lambda unit, grade: 2}),
        ("where all are drawn", (approved(), opened()), {"all_drawn": frozenset("B")}),
        ("no cap is in force", (approved(), opened()), {"cap": lambda unit, grade: None}),
    ],
)
def test_whose_cap_is_not_used_up_stands_on_the_roster(
    why: str, events: tuple[Event, ...], changed: dict[str, Any]
) -> None:
    """Each of them, by itself."""
    assert composed(*events, **changed) == Composed([{"grade": "B", "uscc": E_C}], []), why


def test_whose_cap_of_one_unit_is_used_up_is_excluded_with_its_stratum() -> None:
    assert composed(approved(), opened()) == Composed([], [], {E_C: "B"})


def test_a_roster_is_of_those_who_were_of_the_class_that_day() -> None:
    """Where they lay and whether they were listed then, whatever has changed since."""
    moved = EntityRevised(entity=E_C, identity=Identity(name="丙", area="西岔"), reason="迁址")
    left = EntityLeftRegister(
        entity=E_C, reason="注销", kind="deregistered", left_on=date(2026, 9, 8)
    )
    assert composed(moved, area="西岔").entries
    assert not composed(moved, area="中川").entries
    assert composed(left).entries
    assert not composed(left, as_of=date(2026, 9, 8)).entries
