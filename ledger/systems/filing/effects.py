"""Effects on filing: the report of an irregular visit with its findings, and cancelled visits."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.general.findings import finding
from ledger.kernel import Event, Inquiry, Malformed
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

#: Labels of visits that are not inspections. If a checklist or order was left behind, the visit was
#: an inspection in disguise (FIL-V5).
_DISGUISES = {"observation", "supervision_tour", "appraisal", "research"}


def report_irregular_visit(
    inquiry: Inquiry, reported: IrregularVisitReported, pointer: str = ""
) -> Iterator[Event]:
    """Yield the report of a visit and a finding for every rule that the visit broke.

    A report by the business is sealed, and its findings are protected so that they do not reveal
    the report to the unit. ``pointer`` is the JSON pointer to the visit in the request. Raise
    ``Malformed`` for a visit in the future and ``OutOfStep`` for an id that is already used.
    """
    if reported.visited_on > inquiry.today:
        raise Malformed(
            "filing.visited-on-must-not-lie-after-today",
            pointer=f"{pointer}/visited_on",
            today=inquiry.today,
            visited_on=reported.visited_on,
        )
    inquiry.new(IrregularVisit(reported.irregular_visit))
    if reported.task is not None:
        inquiry.known(Task(reported.task))
    yield reported
    protected = reported.visibility() == "sealed"
    claimed_drawn = reported.draw is not None or reported.label == "random_inspection"
    drawn = reported.draw is not None and drawn_visit(
        inquiry, reported.draw, reported.entity, reported.unit, reported.matters
    )
    broken = [
        (rules.FIL_V1, reported.task is None),
        (rules.FIL_V3, not reported.scanned),
        (rules.FIL_V4, reported.officers_seen == 1),
        (rules.FIL_V5, reported.label in _DISGUISES and reported.checklist_or_order_left),
        (draws.DRW_V2, claimed_drawn and not drawn),
    ]
    for rule, holds in broken:
        if holds:
            yield finding(
                inquiry,
                rule,
                unit=reported.unit,
                entity=reported.entity,
                task=reported.task,
                protected=protected,
                visited_on=reported.visited_on.isoformat(),
                irregular_visit=reported.irregular_visit,
            )
    for matter_id in reported.matters:
        if reported.unit is not None and _delegated_no_more(inquiry, matter_id, reported):
            yield finding(
                inquiry,
                catalogue.CAT_V4,
                unit=reported.unit,
                entity=reported.entity,
                matter=matter_id,
                protected=protected,
                visited_on=reported.visited_on.isoformat(),
                irregular_visit=reported.irregular_visit,
            )
        if not inquiry.read(Matter(matter_id)).in_force_on(reported.visited_on):
            yield finding(
                inquiry,
                catalogue.CAT_V3,
                unit=reported.unit,
                entity=reported.entity,
                matter=matter_id,
                protected=protected,
                visited_on=reported.visited_on.isoformat(),
                irregular_visit=reported.irregular_visit,
            )


def _delegated_no_more(inquiry: Inquiry, matter: str, reported: IrregularVisitReported) -> bool:
    """Return whether the unit's power was delegated but not in force on the day of the visit."""
    assert reported.unit is not None
    delegated = inquiry.read(DelegatedTo(reported.unit))
    return bool(delegated.about(matter)) and not delegated.holds(
        matter, "inspection", reported.visited_on
    )


def cancelled(task: Task, reason: str) -> InspectionCancelled:
    """Return the event that an approved visit and its notice, if any, are cancelled."""
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


def business_left(inquiry: Inquiry, entity: str, how: str) -> Iterator[Event]:
    """Yield the cancellation of all planned visits to a business that left its register."""
    for name in inquiry.read(PlannedVisits(entity)).tasks:
        yield cancelled(inquiry.read_true(Task(name)), f"the business {how}")
