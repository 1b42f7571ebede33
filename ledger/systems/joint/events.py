"""Events of joint inspection (常态·照单·依规·一表联查, 2.11)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import (
    EntityId,
    JointArtefactId,
    JointId,
    MatterId,
    Name,
    OfficerId,
    Sha256,
    TaskId,
    Text,
    UnitId,
)
from ledger.kernel import Event, Moment, Value, Visibility
from ledger.systems.filing.events import Month, Result, Year

#: 常态联查 in the annual calendar, 照单联查 by the joint list, 依规联查 by the written procedure,
#: 一表联查 with one merged form.
JointMode = Literal["regular", "by_list", "by_rule", "one_form"]


class CalendarEntry(Value, omit_defaults=True):
    """One line of a joint calendar: who goes together, led by whom, in which months."""

    lead: UnitId
    participants: Annotated[tuple[UnitId, ...], msgspec.Meta(min_length=1)]
    months: Annotated[tuple[Month, ...], msgspec.Meta(min_length=1)]
    subject: Name


class FormItem(Value):
    """One item of a merged form, and the matter under which it is looked at."""

    item: Name
    matter: MatterId


class Participant(Value, omit_defaults=True):
    """The part of one unit in a joint visit: the matters for which its power is exercised.

    ``entrusted_to`` is the participant whose officers exercise it under the written entrustment
    ``entrustment_ref`` (委托书), where the unit does not send its own.
    """

    unit: UnitId
    matters: tuple[MatterId, ...] = ()
    entrusted_to: UnitId | None = None
    entrustment_ref: Name | None = None


class Presence(Value):
    """One unit on site, as its own task has it: with whom, from when to when."""

    unit: UnitId
    task: TaskId
    officers: tuple[OfficerId, ...]
    arrived_at: Moment
    left_at: Moment


class JointListPublished(Event):
    """联合检查事项清单公布: a version of the list of matters that are looked at together.

    ``matters`` are all of this version, ``removed`` those that the version before had besides.
    """

    TOPIC: ClassVar[str] = "joint.joint-list-published"
    VISIBILITY = "public"

    artefact: JointArtefactId
    version: int
    matters: tuple[MatterId, ...]
    url: Name
    published_on: date
    removed: tuple[MatterId, ...] = ()


class JointCalendarPublished(Event):
    """年度联合检查日历: which units go together, and when, in a year."""

    TOPIC: ClassVar[str] = "joint.joint-calendar-published"
    VISIBILITY = "shared"

    artefact: JointArtefactId
    year: Year
    entries: tuple[CalendarEntry, ...]


class JointProcedureAdopted(Event):
    """联合检查规程: in writing, who leads, who takes part and what begins a joint visit."""

    TOPIC: ClassVar[str] = "joint.joint-procedure-adopted"
    VISIBILITY = "shared"

    artefact: JointArtefactId
    doc_no: Name
    lead: UnitId
    participants: tuple[UnitId, ...]
    trigger: Text
    effective_from: date


class UnifiedFormAdopted(Event):
    """联合检查表单: one merged checklist for the matters of several units."""

    TOPIC: ClassVar[str] = "joint.unified-form-adopted"
    VISIBILITY = "shared"

    artefact: JointArtefactId
    title: Name
    items: tuple[FormItem, ...]


class JointPlanned(Event):
    """联合检查计划: units are to visit one business together, on a day within the window.

    ``unit`` leads and is one of the ``participants``. What each mode rests on is named:
    ``calendar`` (regular), ``joint_list`` (by_list), ``procedure`` (by_rule), ``unified_form``
    (one_form).
    """

    TOPIC: ClassVar[str] = "joint.joint-planned"

    joint: JointId
    entity: EntityId
    unit: UnitId
    participants: tuple[Participant, ...]
    modes: tuple[JointMode, ...]
    window_from: date
    window_to: date
    calendar: JointArtefactId | None = None
    joint_list: JointArtefactId | None = None
    procedure: JointArtefactId | None = None
    unified_form: JointArtefactId | None = None


class JoinOffered(Event):
    """邀请参加: the lead offers another unit a part in a joint visit. ``unit`` is the one asked."""

    TOPIC: ClassVar[str] = "joint.join-offered"

    joint: JointId
    entity: EntityId
    unit: UnitId
    lead: UnitId
    part: Participant


class JoinAccepted(Event):
    """同意参加: the unit takes its part; it approves a task of its own for it."""

    TOPIC: ClassVar[str] = "joint.join-accepted"

    joint: JointId
    entity: EntityId
    unit: UnitId


class JoinDeclined(Event):
    """不参加联合检查: the unit will not merge its visit, and says why (JNT-R1).

    It declines a joint visit, or to merge with one visit (``task``) of another unit.
    ``evidence_ref`` is a document that bears the reason out; without one it is flagged (JNT-V1).
    """

    TOPIC: ClassVar[str] = "joint.join-declined"

    entity: EntityId
    unit: UnitId
    reason: Text
    joint: JointId | None = None
    task: TaskId | None = None
    evidence_ref: Name | None = None

    def visibility(self) -> Visibility:
        """What is said about a single task says that the task is planned (2.16)."""
        return "sealed" if self.joint is None else "restricted"


class JointCancelled(Event):
    """取消联合检查: the joint visit will not take place; each unit is free again."""

    TOPIC: ClassVar[str] = "joint.joint-cancelled"

    joint: JointId
    entity: EntityId
    unit: UnitId
    reason: Text


class JointVisitHeld(Event):
    """联合检查实施: the units were there together. ``unit`` leads; recorded once, by the lead.

    One arrival and one departure, the first and the last of the ``presences``, which are as each
    unit's own task has them; ``absent`` units had a part and did not come. ``matters_checked`` is
    what was looked at on site; ``record_digest`` the one record (SHA-256) that all signed.
    """

    TOPIC: ClassVar[str] = "joint.joint-visit-held"
    CORRECTABLE = frozenset({"record_digest"})

    joint: JointId
    entity: EntityId
    unit: UnitId
    held_on: date
    arrived_at: Moment
    left_at: Moment
    minutes_on_site: int
    presences: tuple[Presence, ...]
    matters_checked: tuple[MatterId, ...]
    absent: tuple[UnitId, ...] = ()
    record_digest: Sha256 | None = None


class JointResultSplit(Event):
    """联合检查结果分录: one unit's own result of a joint visit; it speaks for no other unit."""

    TOPIC: ClassVar[str] = "joint.joint-result-split"

    joint: JointId
    task: TaskId
    entity: EntityId
    unit: UnitId
    result: Result
