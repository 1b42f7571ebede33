"""Joint visits (2.11): the part that a task carries out, and when a joint visit is required."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from ledger.general.findings import finding
from ledger.kernel import Event, Inquiry, Malformed, Message, OutOfStep, message
from ledger.systems.filing.events import InspectionTaskApproved
from ledger.systems.filing.folds import PlannedVisits, Task
from ledger.systems.joint import rules
from ledger.systems.joint.events import Participant
from ledger.systems.joint.folds import Joint, JointListed, MergesAt


def own_part(inquiry: Inquiry, task: Task) -> Participant | None:
    """Return the part of a joint visit that a task carries out, or ``None``."""
    return None if task.joint is None else inquiry.read(Joint(task.joint)).parts[task.unit]


def part_of(
    inquiry: Inquiry,
    joint_id: str,
    *,
    unit: str,
    entity: str,
    matters: tuple[str, ...],
    planned_on: date,
) -> Participant:
    """Return the part of a unit in a planned joint visit, which its task must fit.

    Raises ``OutOfStep`` if the unit has no part, ``Malformed`` if the task does not fit.
    """
    joint = inquiry.known(Joint(joint_id), "filing.lead-must-plan-first")
    if joint.stage != "planned":
        raise OutOfStep("filing.joint-visit-must-be-planned", joint=joint_id, stage=joint.stage)
    if not joint.takes_part(unit):
        raise OutOfStep("filing.must-part", unit=unit, joint=joint_id)
    if joint.entity != entity:
        raise Malformed(
            "filing.entity-must-be",
            pointer="/entity",
            joint=joint_id,
            entity=joint.entity,
            given_entity=entity,
        )
    part = joint.parts[unit]
    if not set(matters) <= set(part.matters):
        raise Malformed(
            "filing.matters-must-be-among-those-part",
            pointer="/matters",
            unit=unit,
            joint=joint_id,
            matters=part.matters,
            given_matters=matters,
        )
    assert joint.window_from is not None
    assert joint.window_to is not None
    if not joint.window_from <= planned_on <= joint.window_to:
        raise Malformed(
            "filing.planned-on-must-be-within-window",
            pointer="/planned_on",
            joint=joint_id,
            window_from=joint.window_from,
            window_to=joint.window_to,
            planned_on=planned_on,
        )
    for other in joint.tasks:
        task = inquiry.read(Task(other))
        if task.stage == "cancelled":
            continue
        if task.unit == unit:
            raise OutOfStep("filing.approved-already", unit=unit, other=other, joint=joint_id)
        if task.planned_on != planned_on:
            raise Malformed(
                "filing.planned-on-must-be-day-goes",
                pointer="/planned_on",
                planned_on=task.planned_on,
                unit=task.unit,
                given_planned_on=planned_on,
            )
    return part


def require_joined(
    inquiry: Inquiry, unit: str, entity: str, matters: tuple[str, ...], planned_on: date
) -> None:
    """Refuse a separate daily visit that can be merged with another unit's visit (JNT-R1).

    The refusal offers that visit. Both must be on matters of the joint list and at most
    ``multi_head_window_cd`` days apart, and neither unit has declined to merge. A visit on a clue
    cannot be joined, and its day is not revealed.
    """
    if not any(inquiry.read(JointListed(matter)).lists for matter in matters):
        return
    window = timedelta(days=int(inquiry.setting("multi_head_window_cd")))
    offers = sorted(
        _offers(inquiry, unit, entity, planned_on, window), key=lambda offer: str(offer["date"])
    )
    for offer in offers[:1]:
        inquiry.require(
            not offers,
            rules.JNT_R1,
            told=not inquiry.may_know(offer["kind"], offer["join"]),
            unit=unit,
            entity=entity,
            reason=message(
                "filing.visits-business-matters-joint-list", lead=offer["lead"], when=offer["when"]
            ),
            hint=_hint(unit, offer),
            offer=offer,
            others=offers[1:],
        )


def _hint(unit: str, offer: dict[str, Any]) -> Message:
    declining = message("filing.decline-decline-join-reason")
    if offer["kind"] == "task":
        return message(
            "filing.merge-let-plan-one-joint-visit",
            join=offer["join"],
            lead=offer["lead"],
            unit=unit,
            declining=declining,
        )
    return message("filing.join-leads", join=offer["join"], lead=offer["lead"], declining=declining)


def _offers(
    inquiry: Inquiry, unit: str, entity: str, planned_on: date, window: timedelta
) -> Iterator[dict[str, Any]]:
    """Yield the visits that a visit of ``unit`` could join, each with its lead and its time."""
    at = inquiry.read(MergesAt(entity))
    near = {
        merge.joint: merge
        for merge in at.merges.values()
        if merge.window_from - window <= planned_on <= merge.window_to + window
    }
    for merge in near.values():
        if merge.over or merge.window_to < inquiry.on or unit in merge.declined:
            continue
        others = [m for other, own in merge.matters.items() if other != unit for m in own]
        if unit in merge.matters and _any_listed(inquiry, others):
            yield {
                "kind": "joint",
                "join": merge.joint,
                "lead": merge.lead,
                "date": merge.window_from,
                "when": message(
                    "filing.from-to", window_from=merge.window_from, window_to=merge.window_to
                ),
                "matters": others,
            }

    def declined(visit: InspectionTaskApproved) -> bool:
        both = {unit, visit.unit}
        return unit in at.declined.get(visit.task, ()) or any(
            both <= merge.matters.keys() and both & merge.declined for merge in near.values()
        )

    for visit in inquiry.read(PlannedVisits(entity)).tasks.values():
        joins = near.get(visit.joint or "")
        if (
            visit.unit != unit
            and visit.kind != "case"
            and visit.planned_on >= inquiry.on
            and abs(visit.planned_on - planned_on) <= window
            and not (joins is not None and (unit in joins.matters or unit in joins.declined))
            and not declined(visit)
            and _any_listed(inquiry, visit.matters)
        ):
            yield {
                "kind": "task" if joins is None else "joint",
                "join": visit.task if joins is None else joins.joint,
                "lead": visit.unit if joins is None else joins.lead,
                "date": visit.planned_on,
                "when": message("filing.on", planned_on=visit.planned_on),
                "matters": list(visit.matters),
            }


def _any_listed(inquiry: Inquiry, matters: tuple[str, ...] | list[str]) -> bool:
    return any(inquiry.read(JointListed(matter)).lists for matter in matters)


def came_apart(inquiry: Inquiry, task: Task) -> Iterator[Event]:
    """Yield finding JNT-V2 if the joint visit was held before the unit opens its part."""
    if task.joint is None:
        return
    joint = inquiry.read(Joint(task.joint))
    if joint.held_on is not None:
        yield finding(
            inquiry,
            rules.JNT_V2,
            unit=task.unit,
            entity=task.entity,
            task=task.task,
            joint=task.joint,
            held_on=joint.held_on.isoformat(),
            visited_on=inquiry.on.isoformat(),
        )
