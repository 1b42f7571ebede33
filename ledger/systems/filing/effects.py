"""What a report of an irregular visit brings about, whoever it reaches: the report and findings."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.kernel import Event, Malformed, Reading
from ledger.systems.catalogue import rules as catalogue
from ledger.systems.catalogue.folds import Matter
from ledger.systems.delegations.folds import DelegatedTo
from ledger.systems.draws import rules as draws
from ledger.systems.draws.effects import drawn_visit
from ledger.systems.filing import rules
from ledger.systems.filing.events import (
    InspectionCancelled,
    InspectionNoticeIssued,
    IrregularVisitReported,
)
from ledger.systems.filing.folds import IrregularVisit, PlannedVisits, Task
from ledger.systems.supervision.findings import finding

#: What is no inspection by its name, and becomes one by what is left behind (FIL-V5).
_DISGUISES = {"observation", "supervision_tour", "appraisal", "research"}


def report_irregular_visit(
    ledger: Reading, reported: IrregularVisitReported, pointer: str = ""
) -> Iterator[Event]:
    """Record a reported visit, and beside it every rule that it breaks.

    A report by the business is sealed, and none of the findings leads the unit to it. ``pointer``
    leads to the visit in the request. Raises ``Malformed`` for a visit to come, ``OutOfStep`` for
    an id that is taken.
    """
    if reported.visited_on > ledger.today:
        raise Malformed(f"visited_on lies after {ledger.today}", f"{pointer}/visited_on")
    ledger.new(IrregularVisit(reported.irregular_visit))
    if reported.task is not None:
        ledger.known(Task(reported.task))
    yield reported
    protected = reported.visibility() == "sealed"
    said = reported.draw is not None or reported.label == "random_inspection"
    drawn = reported.draw is not None and drawn_visit(
        ledger, reported.draw, reported.entity, reported.unit, reported.matters
    )
    broken = [
        (rules.FIL_V1, reported.task is None),
        (rules.FIL_V3, not reported.scanned),
        (rules.FIL_V4, reported.officers_seen == 1),
        (rules.FIL_V5, reported.label in _DISGUISES and reported.checklist_or_order_left),
        (draws.DRW_V2, said and not drawn),
    ]
    for rule, holds in broken:
        if holds:
            yield finding(
                ledger,
                rule,
                unit=reported.unit,
                entity=reported.entity,
                task=reported.task,
                protected=protected,
                visited_on=reported.visited_on.isoformat(),
                irregular_visit=reported.irregular_visit,
            )
    for matter_id in reported.matters:
        if reported.unit is not None and _delegated_no_more(ledger, matter_id, reported):
            yield finding(
                ledger,
                catalogue.CAT_V4,
                unit=reported.unit,
                entity=reported.entity,
                matter=matter_id,
                protected=protected,
                visited_on=reported.visited_on.isoformat(),
                irregular_visit=reported.irregular_visit,
            )
        if not ledger.read(Matter(matter_id)).in_force_on(reported.visited_on):
            yield finding(
                ledger,
                catalogue.CAT_V3,
                unit=reported.unit,
                entity=reported.entity,
                matter=matter_id,
                protected=protected,
                visited_on=reported.visited_on.isoformat(),
                irregular_visit=reported.irregular_visit,
            )


def _delegated_no_more(ledger: Reading, matter: str, reported: IrregularVisitReported) -> bool:
    """Whether the unit's power under a matter was delegated, and not in force that day."""
    assert reported.unit is not None
    delegated = ledger.read(DelegatedTo(reported.unit))
    return bool(delegated.about(matter)) and not delegated.holds(
        matter, "inspection", reported.visited_on
    )


def cancelled(task: Task, reason: str) -> InspectionCancelled:
    """An approved visit will not take place, and its notice holds no more."""
    assert task.planned_on is not None
    if task.notified is not None:
        notice = task.notified.event
        assert isinstance(notice, InspectionNoticeIssued)
        reason = f"{reason}; the notice {notice.notice_no} is withdrawn"
    return InspectionCancelled(
        task=task.task,
        entity=task.entity,
        unit=task.unit,
        planned_on=task.planned_on,
        counter=task.counter,
        reason=reason,
    )


def business_left(ledger: Reading, entity: str, how: str) -> Iterator[Event]:
    """What a business's leaving its register brings about: visits that have not begun are off."""
    for name in ledger.read(PlannedVisits(entity)).tasks:
        yield cancelled(ledger.read_true(Task(name)), f"the business {how}")
