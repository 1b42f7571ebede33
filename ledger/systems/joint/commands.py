"""Commands of joint inspection (2.11): the documents behind joint visits, and the visits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Literal

import msgspec

from ledger.general.findings import finding
from ledger.general.roles import HEADS, OFFICERS, roles
from ledger.general.values import Year
from ledger.general.vocabulary import (
    EntityId,
    JointArtefactId,
    JointId,
    MatterId,
    Name,
    Sha256,
    TaskId,
    Text,
    UnitId,
)
from ledger.kernel import (
    Act,
    DatedAct,
    Event,
    Inquiry,
    Malformed,
    Message,
    OutOfStep,
    Report,
    UnknownReference,
    civil_date,
    message,
)
from ledger.kernel.events import CIVIL_ZONE
from ledger.systems.catalogue.folds import Matter, UnitStanding
from ledger.systems.entities.folds import Registration
from ledger.systems.entities.rules import require_listed
from ledger.systems.filing.folds import Task
from ledger.systems.joint import rules
from ledger.systems.joint.events import (
    CalendarEntry,
    FormItem,
    JoinAccepted,
    JoinDeclined,
    JoinOffered,
    JointCalendarPublished,
    JointCancelled,
    JointListPublished,
    JointMode,
    JointPlanned,
    JointProcedureAdopted,
    JointVisitHeld,
    Participant,
    Presence,
    UnifiedFormAdopted,
)
from ledger.systems.joint.folds import Joint, JointArtefact

Matters = Annotated[tuple[MatterId, ...], msgspec.Meta(min_length=1, max_length=200)]
ArtefactKind = Literal["list", "calendar", "procedure", "form"]

#: The kind of artefact on which each mode is based (JNT-R2).
_ARTEFACTS: dict[JointMode, ArtefactKind] = {
    "regular": "calendar",
    "by_list": "list",
    "by_rule": "procedure",
    "one_form": "form",
}


class PublishJointList(Act):
    """公布联合检查事项清单: publish the next version of a joint list, with all its matters."""

    ROLES = roles("jb_supervisor")

    artefact: JointArtefactId
    matters: Matters
    url: Name

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        before = inquiry.read(JointArtefact(self.artefact))
        if before.kind not in ("", "list"):
            raise OutOfStep(
                "joint.artefact-must-be-id-joint-list-new", artefact=self.artefact, kind=before.kind
            )
        _require_matters(inquiry, self.matters, "/matters")
        yield JointListPublished(
            artefact=self.artefact,
            version=before.version + 1,
            matters=self.matters,
            url=self.url,
            published_on=inquiry.on,
            removed=tuple(m for m in before.matters if m not in self.matters),
        )


class PublishJointCalendar(Act):
    """公布年度联合检查日历: publish which units visit together in a year, and when."""

    ROLES = roles("jb_supervisor")

    artefact: JointArtefactId
    year: Year
    entries: Annotated[tuple[CalendarEntry, ...], msgspec.Meta(min_length=1, max_length=200)]

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(JointArtefact(self.artefact))
        for entry in self.entries:
            _require_units(inquiry, (entry.lead, *entry.participants))
        yield JointCalendarPublished(artefact=self.artefact, year=self.year, entries=self.entries)


class AdoptJointProcedure(Act):
    """制定联合检查规程: adopt who leads, who takes part, and what triggers a joint visit."""

    ROLES = roles("jb_supervisor")

    artefact: JointArtefactId
    doc_no: Name
    lead: UnitId
    participants: Annotated[tuple[UnitId, ...], msgspec.Meta(min_length=1, max_length=50)]
    trigger: Text
    effective_from: date

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(JointArtefact(self.artefact))
        _require_units(inquiry, (self.lead, *self.participants))
        yield JointProcedureAdopted(
            artefact=self.artefact,
            doc_no=self.doc_no,
            lead=self.lead,
            participants=self.participants,
            trigger=self.trigger,
            effective_from=self.effective_from,
        )


class AdoptUnifiedForm(Act):
    """制定联合检查表单: adopt one merged checklist for the matters of several units."""

    ROLES = roles("jb_supervisor", "unit_head")

    artefact: JointArtefactId
    title: Name
    items: Annotated[tuple[FormItem, ...], msgspec.Meta(min_length=1, max_length=500)]

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(JointArtefact(self.artefact))
        # Several items may belong to one matter.
        _require_matters(inquiry, tuple({item.matter: None for item in self.items}), "/items")
        yield UnifiedFormAdopted(artefact=self.artefact, title=self.title, items=self.items)


class PlanJoint(Act):
    """计划联合检查: the lead unit plans one visit of several units and offers each unit its part.

    For each mode the command names the artefact on which the visit is based (JNT-R2). Every unit
    must have at least one of its own matters in the visit (JNT-R3).
    """

    ROLES = HEADS

    joint: JointId
    unit: UnitId
    entity: EntityId
    participants: Annotated[tuple[Participant, ...], msgspec.Meta(min_length=1, max_length=20)]
    modes: Annotated[tuple[JointMode, ...], msgspec.Meta(min_length=1)]
    window_from: date
    window_to: date
    calendar: JointArtefactId | None = None
    joint_list: JointArtefactId | None = None
    procedure: JointArtefactId | None = None
    unified_form: JointArtefactId | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(Joint(self.joint))
        inquiry.known(Registration(self.entity), "general.register-business-first")
        require_listed(inquiry, self.entity)
        if self.window_to < max(self.window_from, inquiry.on):
            raise Malformed(
                "joint.window-to-must-not-lie-before-window-from",
                pointer="/window_to",
                window_from=self.window_from,
                on=inquiry.on,
                window_to=self.window_to,
            )
        units = [part.unit for part in self.participants]
        if len(set(units)) < len(units):
            raise Malformed(
                "joint.each-participating-unit-must-be-named-only", pointer="/participants"
            )
        if self.unit not in units:
            raise Malformed(
                "joint.leading-unit-must-be-among-participants",
                pointer="/participants",
                unit=self.unit,
            )
        for index, part in enumerate(self.participants):
            _require_part(inquiry, part, units, f"/participants/{index}")
        planned = JointPlanned(
            joint=self.joint,
            entity=self.entity,
            unit=self.unit,
            participants=self.participants,
            modes=tuple(dict.fromkeys(self.modes)),
            window_from=self.window_from,
            window_to=self.window_to,
            calendar=self.calendar,
            joint_list=self.joint_list,
            procedure=self.procedure,
            unified_form=self.unified_form,
        )
        _require_artefacts(inquiry, planned, self.participants)
        yield planned
        for part in self.participants:
            if part.unit != self.unit:
                yield JoinOffered(
                    joint=self.joint,
                    entity=self.entity,
                    unit=part.unit,
                    lead=self.unit,
                    part=part,
                )


class OfferJoin(Act):
    """邀请参加联合检查: the lead offers a part to a new unit, or again to one that declined."""

    ROLES = HEADS

    joint: JointId
    part: Participant

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        joint = _led(inquiry, self.joint)
        unit = self.part.unit
        if unit == joint.unit or joint.answers.get(unit) in ("offered", "accepted"):
            raise OutOfStep("joint.already-part", unit=unit, joint=self.joint)
        _require_part(inquiry, self.part, [*joint.parts, unit], "/part")
        _require_artefacts(inquiry, joint, (*joint.parts.values(), self.part))
        yield JoinOffered(
            joint=self.joint, entity=joint.entity, unit=unit, lead=joint.unit, part=self.part
        )


class AcceptJoin(Act):
    """同意参加联合检查: accept the part that was offered; the unit then files its own task."""

    ROLES = HEADS

    joint: JointId
    unit: UnitId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        joint = _planned(inquiry, self.joint)
        if joint.answers.get(self.unit) != "offered":
            state = joint.answers.get(self.unit, "not offered")
            raise OutOfStep(
                "joint.part-must-be-offered-before-accepted",
                unit=self.unit,
                joint=self.joint,
                state=state,
            )
        yield JoinAccepted(joint=self.joint, entity=joint.entity, unit=self.unit)


class DeclineJoin(Act):
    """不参加联合检查: decline a joint visit, or to merge with a visit of another unit, and say why.

    Without a reason it is refused (JNT-R1). A reason without evidence is recorded and leads to a
    finding (JNT-V1); ``evidence_ref`` names a document that supports the reason.
    """

    ROLES = HEADS

    unit: UnitId
    entity: EntityId
    joint: JointId | None = None
    task: TaskId | None = None
    reason: Text | None = None
    evidence_ref: Name | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        if (self.joint is None) == (self.task is None):
            raise Malformed(
                "joint.name-either-joint-visit-task-declined",
                pointer="/joint",
            )
        if self.joint is not None:
            self._check_joint(inquiry, self.joint)
        if self.task is not None:
            self._check_task(inquiry, self.task)
        inquiry.require(
            self.reason is not None and self.reason.strip(),
            rules.JNT_R1,
            unit=self.unit,
            entity=self.entity,
            reason=message("joint.gives-no-reason-declining"),
            hint=message("joint.give-reason-name-document-supports"),
        )
        assert self.reason is not None
        yield JoinDeclined(
            entity=self.entity,
            unit=self.unit,
            reason=self.reason,
            joint=self.joint,
            task=self.task,
            evidence_ref=self.evidence_ref,
        )
        if self.evidence_ref is None:
            yield finding(
                inquiry,
                rules.JNT_V1,
                unit=self.unit,
                entity=self.entity,
                # Readers of findings must not learn which unit plans a visit on which day.
                protected=self.joint is None,
                joint=self.joint,
                reason=self.reason,
            )

    def _check_joint(self, inquiry: Inquiry, joint_id: str) -> None:
        joint = _planned(inquiry, joint_id)
        if joint.entity != self.entity:
            raise Malformed(
                "joint.entity-must-be-business-visits",
                pointer="/entity",
                entity=joint.entity,
                joint=joint_id,
            )
        if joint.unit == self.unit:
            raise OutOfStep("joint.leads-cancel-instead", unit=self.unit, joint=joint_id)
        if joint.answers.get(self.unit) == "declined":
            raise OutOfStep("joint.already-declined", unit=self.unit, joint=joint_id)
        booked = [task for task, unit in live_tasks(inquiry, joint) if unit == self.unit]
        if booked:
            raise OutOfStep("joint.approved-task", unit=self.unit, booked=booked[0], joint=joint_id)

    def _check_task(self, inquiry: Inquiry, task_id: str) -> None:
        task = inquiry.read(Task(task_id))
        if task.entity != self.entity or task.unit == self.unit:
            raise UnknownReference(
                "task", task_id, message("joint.name-visit-another-unit", entity=self.entity)
            )
        if task.stage not in ("approved", "notified"):
            raise OutOfStep(
                "joint.task-must-be-approved-notified-merged", task=task_id, stage=task.stage
            )


class CancelJoint(DatedAct):
    """取消联合检查: cancel a joint visit, after each unit has cancelled its task for it."""

    ROLES = HEADS

    joint: JointId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        joint = _led(inquiry, self.joint)
        booked = [task for task, _ in live_tasks(inquiry, joint)]
        if booked:
            raise OutOfStep(
                "joint.must-be-cancelled-before-joint-visit", booked=booked, joint=self.joint
            )
        yield JointCancelled(
            joint=self.joint, entity=joint.entity, unit=joint.unit, reason=self.reason
        )


class RecordJointVisit(Report):
    """联合检查实施: the lead records the visit from what each unit recorded, after all units left.

    It is never refused for unlawful conduct. A finding is raised if units came too far apart in
    time (JNT-V2), or looked at matters that are not on the form or, without a form, not in the
    plan (JNT-V3).
    """

    ROLES = OFFICERS

    joint: JointId
    matters_checked: Matters
    record_digest: Sha256 | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        joint = _led(inquiry, self.joint)
        presences = sorted(_presences(inquiry, joint), key=lambda presence: presence.arrived_at)
        if not presences:
            raise OutOfStep("joint.unit-must-first-open-visit", joint=self.joint)
        arrived_at = presences[0].arrived_at
        left_at = max(presence.left_at for presence in presences)
        if inquiry.at < left_at:
            raise Malformed(
                "joint.occurred-at-must-not-lie-before-when",
                pointer="/occurred_at",
                left_at=left_at,
                at=inquiry.at,
            )
        _require_matters(inquiry, self.matters_checked, "/matters_checked")
        came = {presence.unit for presence in presences}
        yield JointVisitHeld(
            joint=self.joint,
            entity=joint.entity,
            unit=joint.unit,
            held_on=civil_date(arrived_at),
            arrived_at=arrived_at,
            left_at=left_at,
            minutes_on_site=int((left_at - arrived_at).total_seconds() // 60),
            presences=tuple(presences),
            matters_checked=self.matters_checked,
            absent=tuple(u for u in joint.parts if joint.takes_part(u) and u not in came),
            record_digest=self.record_digest,
        )
        tolerance = timedelta(minutes=int(inquiry.setting("joint.arrival_minutes")))
        for presence in presences:
            if presence.arrived_at - arrived_at > tolerance:
                yield finding(
                    inquiry,
                    rules.JNT_V2,
                    unit=presence.unit,
                    entity=joint.entity,
                    task=presence.task,
                    joint=self.joint,
                    first_arrived_at=arrived_at.isoformat(),
                    arrived_at=presence.arrived_at.isoformat(),
                )
        for unit, added in self._added(inquiry, joint).items():
            yield finding(
                inquiry,
                rules.JNT_V3,
                unit=unit,
                entity=joint.entity,
                joint=self.joint,
                matters=added,
            )

    def _added(self, inquiry: Inquiry, joint: Joint) -> dict[str, list[str]]:
        """Return the matters inspected that are not on the form or in the plan, for each unit."""
        foreseen = joint.matters()
        if joint.unified_form is not None:
            items = inquiry.known(JointArtefact(joint.unified_form)).items
            foreseen = {item.matter for item in items}
        added: dict[str, list[str]] = {}
        for matter in self.matters_checked:
            if matter not in foreseen:
                added.setdefault(inquiry.known(Matter(matter)).unit, []).append(matter)
        return added


def live_tasks(inquiry: Inquiry, joint: Joint) -> list[tuple[str, str]]:
    """Return the tasks approved for a joint visit and not cancelled, each with its unit."""
    return [
        (task, unit)
        for task, unit in joint.tasks.items()
        if inquiry.read(Task(task)).stage != "cancelled"
    ]


def _planned(inquiry: Inquiry, joint_id: str) -> Joint:
    joint = inquiry.known(Joint(joint_id), "joint.plan-joint-visit-first")
    if joint.stage != "planned":
        raise OutOfStep("joint.joint-visit-must-be-planned", joint=joint_id, stage=joint.stage)
    return joint


def _led(inquiry: Inquiry, joint_id: str) -> Joint:
    """Return a planned joint visit that the actor's unit leads."""
    inquiry.own(Joint(joint_id), "joint.plan-joint-visit-first")
    return _planned(inquiry, joint_id)


def _presences(inquiry: Inquiry, joint: Joint) -> Iterator[Presence]:
    for task_id, unit in live_tasks(inquiry, joint):
        task = inquiry.read(Task(task_id))
        if task.opened is None:
            continue
        if task.closed is None:
            raise OutOfStep("joint.still-site", unit=unit, task=task_id)
        yield Presence(
            unit=unit,
            task=task_id,
            officers=task.officers,
            arrived_at=task.opened.envelope.occurred_at.astimezone(CIVIL_ZONE),
            left_at=task.closed.envelope.occurred_at.astimezone(CIVIL_ZONE),
        )


def _require_units(inquiry: Inquiry, units: tuple[str, ...]) -> None:
    for unit in units:
        inquiry.known(UnitStanding(unit), "general.qualify-unit-first")


def _require_matters(inquiry: Inquiry, matters: tuple[str, ...], pointer: str) -> None:
    for matter in matters:
        inquiry.known(Matter(matter), "general.list-matter-catalogue-first")
    if len(set(matters)) < len(matters):
        raise Malformed("joint.each-matter-must-be-named-only-once", pointer=pointer)


def _require_part(inquiry: Inquiry, part: Participant, units: list[str], pointer: str) -> None:
    """Check that the unit has the power for a matter of its part, and entrusts in writing."""
    standing = inquiry.known(UnitStanding(part.unit), "general.qualify-unit-first")
    own = []
    for matter_id in part.matters:
        matter = inquiry.known(Matter(matter_id), "general.list-matter-catalogue-first")
        elements = matter.in_force_on(inquiry.on)
        if elements is not None and standing.has_power(matter, elements, inquiry.on):
            own.append(matter_id)
    inquiry.require(own and len(own) == len(part.matters), rules.JNT_R3, unit=part.unit)
    if (part.entrusted_to is None) != (part.entrustment_ref is None):
        raise Malformed(
            "joint.entrusted-to-entrustment-ref-must-be-given-together",
            pointer=f"{pointer}/entrustment_ref",
        )
    if part.entrusted_to is not None and part.entrusted_to not in set(units) - {part.unit}:
        raise Malformed(
            "joint.entrusted-to-must-be-another-participant",
            pointer=f"{pointer}/entrusted_to",
            entrusted_to=part.entrusted_to,
        )


def _require_artefacts(
    inquiry: Inquiry, plan: JointPlanned | Joint, parts: tuple[Participant, ...]
) -> None:
    """Check that each mode names an artefact of its kind that covers the visit (JNT-R2)."""
    named = {
        "calendar": plan.calendar,
        "list": plan.joint_list,
        "procedure": plan.procedure,
        "form": plan.unified_form,
    }
    for mode in plan.modes:
        kind = _ARTEFACTS[mode]
        reason: Message | None = message("joint.no-named", kind=kind)
        if (name := named[kind]) is not None:
            artefact = inquiry.read(JointArtefact(name))
            if artefact.kind != kind:
                raise UnknownReference(kind, name, message("joint.record-first", kind=kind))
            reason = _unfit(inquiry, plan, parts, artefact)
        inquiry.require(reason is None, rules.JNT_R2, mode=mode, artefact=kind, reason=reason)


def _unfit(
    inquiry: Inquiry,
    plan: JointPlanned | Joint,
    parts: tuple[Participant, ...],
    artefact: JointArtefact,
) -> Message | None:
    """Return why a joint visit cannot be based on an artefact, or ``None``."""
    name = artefact.artefact
    others = {part.unit for part in parts} - {plan.unit}
    matters = {matter for part in parts for matter in part.matters}
    assert plan.window_from is not None
    assert plan.window_to is not None
    if artefact.kind == "list":
        missing = matters - set(artefact.matters)
        return (
            message("joint.does-not-list", name=name, missing=sorted(missing)) if missing else None
        )
    if artefact.kind == "form":
        missing = matters - {item.matter for item in artefact.items}
        return message("joint.no-items", name=name, missing=sorted(missing)) if missing else None
    if artefact.kind == "procedure":
        assert artefact.effective_from is not None
        if artefact.effective_from > inquiry.on:
            return message(
                "joint.takes-effect-only", name=name, effective_from=artefact.effective_from
            )
        if artefact.lead != plan.unit or not others <= set(artefact.participants):
            return message(
                "joint.led", name=name, lead=artefact.lead, participants=artefact.participants
            )
        return None
    months = set(range(plan.window_from.month, plan.window_to.month + 1))
    years = {plan.window_from.year, plan.window_to.year}
    fits = years == {artefact.year} and any(
        entry.lead == plan.unit
        and others <= set(entry.participants)
        and months <= set(entry.months)
        for entry in artefact.entries
    )
    return None if fits else message("joint.no-entry-these-units-time", name=name)
