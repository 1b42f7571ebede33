"""Events of joint inspection (常态·照单·依规·一表联查, 2.11)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.values import Month, Result, Year
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

#: The basis of a joint visit: 常态联查 the annual calendar, 照单联查 the joint list, 依规联查 the
#: written procedure, 一表联查 one merged form.
JointMode = Literal["regular", "by_list", "by_rule", "one_form"]


class CalendarEntry(Value, omit_defaults=True):
    """One line of a joint calendar: the units, their lead, the months and the subject."""

    lead: UnitId
    participants: Annotated[tuple[UnitId, ...], msgspec.Meta(min_length=1)]
    months: Annotated[tuple[Month, ...], msgspec.Meta(min_length=1)]
    subject: Name


class FormItem(Value):
    """One item of a merged form, and the matter to which it belongs."""

    item: Name
    matter: MatterId


class Participant(Value, omit_defaults=True):
    """The part of one unit in a joint visit: the matters that are checked under its power.

    If the unit does not send its own officers, ``entrusted_to`` is the participant whose officers
    exercise its power under the written entrustment ``entrustment_ref`` (委托书).
    """

    unit: UnitId
    matters: tuple[MatterId, ...] = ()
    entrusted_to: UnitId | None = None
    entrustment_ref: Name | None = None


class Presence(Value):
    """The officers of one unit on site and their times, as recorded in the unit's own task."""

    unit: UnitId
    task: TaskId
    officers: tuple[OfficerId, ...]
    arrived_at: Moment
    left_at: Moment


class JointListPublished(Event):
    """联合检查事项清单公布: a version of the list of matters that units check together.

    ``matters`` are all matters of this version; ``removed`` are those that were only in the version
    before.
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
    """年度联合检查日历: the calendar of a year's joint visits, with their units and months."""

    TOPIC: ClassVar[str] = "joint.joint-calendar-published"
    VISIBILITY = "shared"

    artefact: JointArtefactId
    year: Year
    entries: tuple[CalendarEntry, ...]


class JointProcedureAdopted(Event):
    """联合检查规程: a written procedure with lead, participants and trigger of a joint visit."""

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
    """联合检查计划: the lead plans that units visit one business together within the window.

    ``unit`` leads and is one of the ``participants``. Each mode needs its basis: ``calendar``
    (regular), ``joint_list`` (by_list), ``procedure`` (by_rule), ``unified_form`` (one_form).
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
    """邀请参加: the ``lead`` invites another unit (``unit``) to take part in a joint visit."""

    TOPIC: ClassVar[str] = "joint.join-offered"

    joint: JointId
    entity: EntityId
    unit: UnitId
    lead: UnitId
    part: Participant


class JoinAccepted(Event):
    """同意参加: the unit accepts its part; it approves its own task separately."""

    TOPIC: ClassVar[str] = "joint.join-accepted"

    joint: JointId
    entity: EntityId
    unit: UnitId


class JoinDeclined(Event):
    """不参加联合检查: the unit refuses to merge its visit, and says why (JNT-R1).

    It refuses a joint visit, or a merge with one visit (``task``) of another unit.
    ``evidence_ref`` is a document that supports the reason; without one the refusal is flagged
    (JNT-V1).
    """

    TOPIC: ClassVar[str] = "joint.join-declined"

    entity: EntityId
    unit: UnitId
    reason: Text
    joint: JointId | None = None
    task: TaskId | None = None
    evidence_ref: Name | None = None

    def visibility(self) -> Visibility:
        """Return ``sealed`` for a single task, because the event reveals its plan (2.16)."""
        return "sealed" if self.joint is None else "restricted"


class JointCancelled(Event):
    """取消联合检查: the joint visit will not take place; each unit may visit on its own again."""

    TOPIC: ClassVar[str] = "joint.joint-cancelled"

    joint: JointId
    entity: EntityId
    unit: UnitId
    reason: Text


class JointVisitHeld(Event):
    """联合检查实施: the units visited the business together; the lead (``unit``) records it once.

    ``presences`` repeat the times in each unit's own task; ``arrived_at`` is the first arrival and
    ``left_at`` the last departure. ``absent`` units had a part and did not come.
    ``matters_checked`` are the matters checked on site; ``record_digest`` is the SHA-256 of the
    record that all units signed.
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
    """联合检查结果分录: the result of one unit in a joint visit, without those of other units."""

    TOPIC: ClassVar[str] = "joint.joint-result-split"

    joint: JointId
    task: TaskId
    entity: EntityId
    unit: UnitId
    result: Result
