"""Events of the monthly progress ledger (每月工作进展台账, 2.14)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import MonthId, Name, OutreachId, Text, UnitId
from ledger.kernel import Event, subject
from ledger.kernel.events import Upcaster

#: The nine tasks of the Notice (0.13).
TaskNo = Annotated[int, msgspec.Meta(ge=1, le=9)]
#: 牵头单位 and 责任单位.
Part = Literal["lead", "responsible"]
#: Whom the table of responsibilities names together.
Group = Literal["parks", "enforcement_units"]
Month = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])(?![\s\S])", examples=["2026-05"])
]
Count = Annotated[int, msgspec.Meta(ge=0)]
#: What one unit reports of one task in one month: ``2026-05.1.MRB``.
ReportId = Annotated[
    str,
    subject(
        "report",
        pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])\.[1-9]\.\S+$",
        examples=["2026-05.1.MRB"],
    ),
]


class ReportingUnitEnrolled(Event):
    """纳入月报单位: from the month ``since`` on, the unit reports on the tasks that are its own.

    Which those are follows from ``groups`` and from its id, by the policy
    ``ledger.responsibilities``.
    """

    TOPIC: ClassVar[str] = "progress.reporting-unit-enrolled"

    unit: UnitId
    groups: tuple[Group, ...]
    since: Month


class ReportingUnitWithdrawn(Event):
    """退出月报单位: the unit reports for the last time for the month ``until``."""

    TOPIC: ClassVar[str] = "progress.reporting-unit-withdrawn"

    unit: UnitId
    until: Month
    reason: Text


class ReportingMonthOpened(Event):
    """月报开启: one unit owes one report; the month has begun.

    ``due_on``: its last day, to 24:00. ``warn_on``: from this day the unit is warned; it moves with
    no later calendar.
    """

    TOPIC: ClassVar[str] = "progress.reporting-month-opened"

    report: ReportId
    unit: UnitId
    month: MonthId
    task_no: TaskNo
    part: Part
    due_on: date
    warn_on: date


class MetricDisputed(Event):
    """数据异议: the unit says that a figure is another than the ledger's, and why."""

    TOPIC: ClassVar[str] = "progress.metric-disputed"

    report: ReportId
    unit: UnitId
    month: MonthId
    task_no: TaskNo
    metric: Name
    stated: Count
    computed: Count
    ledger_cutoff_position: int
    reason: Text


class ProgressLedgerSubmitted(Event):
    """报送工作进展台账: what a unit reports of one task in one month.

    ``metrics`` are the figures it stands by, ``computed`` those of the ledger's events up to
    ``ledger_cutoff_position``; they differ in what is ``disputed`` and nowhere else (LDG-R1).
    ``nil``: there are figures, and all that it states of the month's events are 0. ``days_late``
    counts calendar days. Since version 2 ``counting`` says how the ledger counted: since 2 without
    what is kept from somebody who reads the report.
    """

    TOPIC: ClassVar[str] = "progress.progress-ledger-submitted"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    report: ReportId
    unit: UnitId
    month: MonthId
    task_no: TaskNo
    metrics: dict[str, Count]
    computed: dict[str, Count]
    ledger_cutoff_position: int
    disputed: tuple[Name, ...] = ()
    narrative: Text | None = None
    highlights: tuple[Text, ...] = ()
    nil: bool = False
    days_late: int = 0
    counting: int = 1


class LedgerReturned(Event):
    """退回台账: the report is to be submitted again, for these reasons."""

    TOPIC: ClassVar[str] = "progress.ledger-returned"

    report: ReportId
    unit: UnitId
    month: MonthId
    task_no: TaskNo
    reasons: Text


class LedgerAccepted(Event):
    """接收台账: the report stands, with the disputes that it marks."""

    TOPIC: ClassVar[str] = "progress.ledger-accepted"

    report: ReportId
    unit: UnitId
    month: MonthId
    task_no: TaskNo
    note: Text | None = None


class OutreachPublished(Event):
    """宣传报道: a unit has made the Notice, or what came of it, known to the public.

    Since version 2 it is public and has an id, by which everybody finds it.
    """

    TOPIC: ClassVar[str] = "progress.outreach-published"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}
    VISIBILITY = "public"
    CORRECTABLE = frozenset({"title", "channel", "url"})

    outreach: OutreachId | None = None
    unit: UnitId
    title: Name
    channel: Literal["website", "wechat", "press", "broadcast", "on_site", "other"]
    published_on: date
    task_no: TaskNo | None = None
    url: Name | None = None


class OutreachWithdrawn(Event):
    """撤回宣传报道: what was told is wrong or gone, and why."""

    TOPIC: ClassVar[str] = "progress.outreach-withdrawn"
    VISIBILITY = "public"

    outreach: OutreachId
    unit: UnitId
    reason: Text
