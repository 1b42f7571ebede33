"""Commands of the monthly progress ledger (2.14): enrol units, dispute figures, judge reports."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Any, Literal

import msgspec

from ledger.general.findings import finding
from ledger.general.roles import REPORTING, roles
from ledger.general.vocabulary import MonthId, Name, OutreachId, Text, UnitId
from ledger.kernel import (
    Act,
    DatedAct,
    Event,
    Forbidden,
    Inquiry,
    Malformed,
    OutOfStep,
    Report,
    UnknownReference,
    civil_date,
    message,
)
from ledger.kernel.days import add_months
from ledger.systems.progress import rules
from ledger.systems.progress.events import (
    Count,
    Group,
    LedgerAccepted,
    LedgerReturned,
    MetricDisputed,
    Month,
    OutreachPublished,
    OutreachWithdrawn,
    Part,
    ProgressLedgerSubmitted,
    ReportId,
    ReportingMonthOpened,
    ReportingUnitEnrolled,
    ReportingUnitWithdrawn,
    TaskNo,
)
from ledger.systems.progress.folds import (
    COUNTING,
    METRICS,
    Outreach,
    ReportingUnit,
    SubmittedReport,
    TaskReports,
    figures,
    metrics_of,
    month_of,
    part_in,
    report_id,
)

TASKS = range(1, 10)

#: Longest unit id in characters; the report id is made of month, task and unit.
MAX_UNIT = 100

Position = Annotated[int, msgspec.Meta(ge=1)]
Groups = Annotated[tuple[Group, ...], msgspec.Meta(max_length=2)]
Highlights = Annotated[tuple[Text, ...], msgspec.Meta(max_length=20)]


class EnrolReportingUnit(DatedAct):
    """纳入月报单位: enrol a unit to report on the tasks that it has a part in (LDG-R2).

    It reports from the month ``since`` on. Enrolling it again sets new groups from that month on.
    """

    ROLES = roles("jb_supervisor", "rlo_assessor")
    ACTS_FOR = ""

    unit: UnitId
    groups: Groups = ()
    since: Month

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        if len(self.unit) > MAX_UNIT:
            raise Malformed(
                "progress.id-reporting-unit-must-most-characters",
                max_unit=MAX_UNIT,
                unit_count=len(self.unit),
            )
        if self.since < month_of(inquiry.today):
            raise Malformed(
                "progress.since-must-not-lie-before-month",
                pointer="/since",
                today=month_of(inquiry.today),
                since=self.since,
            )
        known = inquiry.read(ReportingUnit(self.unit))
        if known.last_opened is not None and self.since <= known.last_opened:
            raise OutOfStep(
                "progress.since-must-lie-after-last-month",
                last_opened=known.last_opened,
                unit=self.unit,
                since=self.since,
            )
        names = {self.unit, *self.groups}
        tasks = _responsibilities(inquiry, self.since)
        inquiry.require(
            any(part_in(tasks, task_no, names) for task_no in TASKS),
            rules.LDG_R2,
            unit=self.unit,
            task_no=message("progress.one-to-nine"),
            month=self.since,
        )
        yield ReportingUnitEnrolled(unit=self.unit, groups=self.groups, since=self.since)


class WithdrawReportingUnit(DatedAct):
    """退出月报单位: end the reporting of a unit after a last month."""

    ROLES = roles("jb_supervisor", "rlo_assessor")
    ACTS_FOR = ""

    unit: UnitId
    until: Month
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        known = inquiry.known(ReportingUnit(self.unit), "progress.enrol-unit-first")
        if known.until is not None:
            raise OutOfStep("progress.already-withdrawn", unit=self.unit, until=known.until)
        if known.last_opened is not None and self.until < known.last_opened:
            raise OutOfStep(
                "progress.until-must-not-lie-before-already",
                last_opened=known.last_opened,
                unit=self.unit,
                until=self.until,
            )
        yield ReportingUnitWithdrawn(unit=self.unit, until=self.until, reason=self.reason)


class OpenReportingMonth(Act):
    """开启月报: open a month for a unit, which then owes a report on each of its tasks; once."""

    ROLES = roles("ledger_clock")
    ACTS_FOR = ""

    unit: UnitId
    month: MonthId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        _require_begun(inquiry, self.month)
        inquiry.known(ReportingUnit(self.unit), "progress.enrol-unit-first")
        opened = [
            _opening(inquiry, self.unit, self.month, task_no, part)
            for task_no in TASKS
            if (part := _part(inquiry, self.unit, self.month, task_no)) is not None
            and not inquiry.read(SubmittedReport(report_id(self.unit, self.month, task_no))).exists
        ]
        if not opened:
            raise OutOfStep(
                "progress.all-reports-owes-already-opened", unit=self.unit, month=self.month
            )
        yield from opened


class DisputeMetric(DatedAct):
    """提出数据异议: dispute a figure of the ledger; give the right one and the reason (LDG-R1)."""

    ROLES = REPORTING

    unit: UnitId
    month: MonthId
    task_no: TaskNo
    metric: Name
    stated: Count
    ledger_cutoff_position: Position
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        report, opening = _owed(inquiry, self.unit, self.month, self.task_no)
        _require_unsubmitted(report)
        _require_metrics(self.task_no, (self.metric,), "/metric")
        _require_cutoff(inquiry, self.ledger_cutoff_position)
        computed = figures(inquiry.read, self.unit, (self.metric,), self.ledger_cutoff_position)
        value = computed.month(self.metric, self.month)
        if value == self.stated:
            raise OutOfStep(
                "progress.stated-must-differ-ledger",
                metric=self.metric,
                month=self.month,
                value=value,
            )
        yield from opening
        yield MetricDisputed(
            report=report.report,
            unit=self.unit,
            month=self.month,
            task_no=self.task_no,
            metric=self.metric,
            stated=self.stated,
            computed=value,
            ledger_cutoff_position=self.ledger_cutoff_position,
            reason=self.reason,
        )


class SubmitProgressLedger(DatedAct):
    """报送工作进展台账: report on one task in one month; a late report is accepted too.

    Each metric may be left out; the ledger then fills it in from the events up to
    ``ledger_cutoff_position`` (LDG-R1). A month without work must be reported without narrative and
    highlights (LDG-V3).
    """

    ROLES = REPORTING

    unit: UnitId
    month: MonthId
    task_no: TaskNo
    ledger_cutoff_position: Position
    metrics: dict[Name, Count] = msgspec.field(default_factory=dict)
    narrative: Text | None = None
    highlights: Highlights = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        # The day of submission decides whether a report is late, so it must not be dated back.
        if inquiry.on != inquiry.today:
            raise Malformed(
                "progress.occurred-at-must-be-today-left-out", today=inquiry.today, on=inquiry.on
            )
        report, opening = _owed(inquiry, self.unit, self.month, self.task_no)
        _require_unsubmitted(report)
        _require_metrics(self.task_no, self.metrics, "/metrics")
        _require_cutoff(inquiry, self.ledger_cutoff_position)
        computed, stated = self._figures(inquiry, report)
        due_on = (report.opened or opening[0]).due_on
        submitted = ProgressLedgerSubmitted(
            report=report.report,
            unit=self.unit,
            month=self.month,
            task_no=self.task_no,
            metrics=stated,
            computed=computed,
            disputed=tuple(name for name, value in stated.items() if value != computed[name]),
            narrative=self.narrative,
            highlights=self.highlights,
            ledger_cutoff_position=self.ledger_cutoff_position,
            nil=bool(stated) and not _anything(stated),
            days_late=inquiry.days_after(due_on),
            counting=COUNTING,
        )
        yield from opening
        yield submitted
        yield from self._findings(inquiry, submitted)

    def _figures(
        self, inquiry: Inquiry, report: SubmittedReport
    ) -> tuple[dict[str, int], dict[str, int]]:
        """Return the ledger's figures and the unit's; they differ only where the unit disputed."""
        names = [metric.name for metric in metrics_of(self.task_no)]
        cutoff = self.ledger_cutoff_position
        ledger_figures = figures(inquiry.read, self.unit, names, cutoff)
        computed = {name: ledger_figures.month(name, self.month) for name in names}
        for name, value in self.metrics.items():
            dispute = report.disputes.get(name)
            inquiry.require(
                value == computed[name] or (dispute is not None and dispute.stated == value),
                rules.LDG_R1,
                unit=self.unit,
                month=self.month,
                metric=name,
                stated=value,
                computed=computed[name],
                cutoff=cutoff,
            )
        return computed, {**computed, **self.metrics}

    def _findings(self, inquiry: Inquiry, submitted: ProgressLedgerSubmitted) -> Iterator[Event]:
        about: dict[str, Any] = {
            "report": submitted.report,
            "month": self.month,
            "task_no": self.task_no,
        }
        describes_work = self.narrative is not None or bool(self.highlights)
        if describes_work and submitted.computed and not _anything(submitted.computed):
            yield finding(inquiry, rules.LDG_V3, unit=self.unit, **about)
        if submitted.nil:
            months = int(inquiry.setting("ledger.nil_months"))
            past = inquiry.read(TaskReports(self.unit, self.task_no))
            before, after = past.running(self.month, -1), past.running(self.month, 1)
            run = before + 1 + after
            # The finding is raised once for each run, by the report that makes the run long enough.
            if run >= months > max(before, after) and not past.nil.get(self.month):
                yield finding(inquiry, rules.LDG_V2, unit=self.unit, months=run, **about)


class ReturnLedger(Act):
    """退回台账: return a report to another unit, which must submit it again."""

    ROLES = roles("jb_supervisor", "rlo_assessor")

    report: ReportId
    reasons: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        opened = _of_others(inquiry, self.report)
        yield LedgerReturned(
            report=self.report,
            unit=opened.unit,
            month=opened.month,
            task_no=opened.task_no,
            reasons=self.reasons,
        )


class AcceptLedger(Act):
    """接收台账: accept the report of another unit, with the disputes that it marks."""

    ROLES = roles("jb_supervisor", "rlo_assessor")

    report: ReportId
    note: Text | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        opened = _of_others(inquiry, self.report)
        yield LedgerAccepted(
            report=self.report,
            unit=opened.unit,
            month=opened.month,
            task_no=opened.task_no,
            note=self.note,
        )


class PublishOutreach(Report):
    """记录宣传报道: record that the unit made the Notice known; ``occurred_at`` says when.

    Without ``outreach`` the service makes an id.
    """

    ROLES = REPORTING

    outreach: OutreachId | None = None
    unit: UnitId
    title: Name
    channel: Literal["website", "wechat", "press", "broadcast", "on_site", "other"]
    task_no: TaskNo | None = None
    url: Name | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        outreach = self.outreach or f"OUT.{inquiry.command_id}"
        inquiry.new(Outreach(outreach))
        yield OutreachPublished(
            outreach=outreach,
            unit=self.unit,
            title=self.title,
            channel=self.channel,
            published_on=inquiry.on,
            task_no=self.task_no,
            url=self.url,
        )


class WithdrawOutreach(Act):
    """撤回宣传报道: withdraw outreach that is wrong or no longer available, and say why."""

    ROLES = REPORTING

    outreach: OutreachId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        known = inquiry.own(Outreach(self.outreach), "progress.publish-outreach-first")
        if known.stage != "published":
            raise OutOfStep(
                "progress.outreach-must-be-published-withdrawn",
                outreach=self.outreach,
                stage=known.stage,
            )
        yield OutreachWithdrawn(outreach=self.outreach, unit=known.unit, reason=self.reason)


def _anything(values: dict[str, int]) -> bool:
    """Return whether anything happened in the month; open work of earlier months is not counted."""
    return any(value for name, value in values.items() if not METRICS[name].level)


def _first_day(month: str) -> date:
    return date(int(month[:4]), int(month[5:]), 1)


def _last_day(month: str) -> date:
    return add_months(_first_day(month), 1) - timedelta(days=1)


def _require_begun(inquiry: Inquiry, month: str) -> None:
    if month > month_of(inquiry.today):
        raise Malformed(
            "progress.month-must-not-lie-after-month",
            pointer="/month",
            today=month_of(inquiry.today),
            month=month,
        )


def _responsibilities(inquiry: Inquiry, month: str) -> dict[str, Any]:
    tasks: dict[str, Any] = inquiry.setting("ledger.responsibilities", on=_first_day(month))[
        "tasks"
    ]
    return tasks


def _part(inquiry: Inquiry, unit: str, month: str, task_no: int) -> Part | None:
    """Return the part of a unit in a task, by the table in force when the month began."""
    groups = inquiry.read(ReportingUnit(unit)).groups(month)
    if groups is None:
        return None
    return part_in(_responsibilities(inquiry, month), task_no, {unit, *groups})


def _owed(
    inquiry: Inquiry, unit: str, month: str, task_no: int
) -> tuple[SubmittedReport, list[ReportingMonthOpened]]:
    """Return the report that a unit owes (LDG-R2), with its opening if it is not opened yet."""
    _require_begun(inquiry, month)
    report = inquiry.read(SubmittedReport(report_id(unit, month, task_no)))
    if report.exists:
        return report, []
    # The table must be read before the check, so that a refusal names its version.
    _responsibilities(inquiry, month)
    part = _part(inquiry, unit, month, task_no)
    inquiry.require(part is not None, rules.LDG_R2, unit=unit, task_no=task_no, month=month)
    assert part is not None
    return report, [_opening(inquiry, unit, month, task_no, part)]


def _opening(
    inquiry: Inquiry, unit: str, month: str, task_no: int, part: Part
) -> ReportingMonthOpened:
    last = _last_day(month)
    policy = inquiry.setting("ledger.month_end", on=_first_day(month))
    days, working = inquiry.days(), last
    while not days.is_working(working):
        working -= timedelta(days=1)
    if policy["due"] == "last_working_day" and days.years.get(last.year) is None:
        raise OutOfStep(
            "progress.working-calendar-must-be-published-first", year=last.year, month=month
        )
    ends = {"last_calendar_day": last, "last_working_day": working}
    return ReportingMonthOpened(
        report=report_id(unit, month, task_no),
        unit=unit,
        month=month,
        task_no=task_no,
        part=part,
        due_on=ends[policy["due"]],
        warn_on=ends[policy["warn"]],
    )


def _require_unsubmitted(report: SubmittedReport) -> None:
    if report.stage in ("submitted", "accepted"):
        raise OutOfStep(
            "progress.must-be-returned-before-changed", report=report.report, stage=report.stage
        )


def _require_metrics(task_no: int, names: Any, pointer: str) -> None:
    known = {metric.name for metric in metrics_of(task_no)}
    for name in names:
        if name not in known:
            shown = sorted(known) or message("general.none")
            raise Malformed(
                "progress.not-metric-task", pointer=pointer, name=name, task_no=task_no, shown=shown
            )


def _require_cutoff(inquiry: Inquiry, cutoff: int) -> None:
    """Refuse a cutoff that is not recorded, or that leaves out events recorded long ago."""
    if inquiry.record_at(cutoff) is None:
        raise UnknownReference("event", str(cutoff), "progress.use-cutoff-pre-filled-document")
    left_out = inquiry.record_at(cutoff + 1)
    if left_out is None:
        return
    recorded_on = civil_date(left_out.envelope.recorded_at)
    if (inquiry.today - recorded_on).days > int(inquiry.setting("ledger.cutoff_cd")):
        raise Malformed(
            "progress.ledger-cutoff-position-must-be-recent",
            pointer="/ledger_cutoff_position",
            cutoff=cutoff,
            recorded_on=recorded_on,
        )


def _of_others(inquiry: Inquiry, report_name: str) -> ReportingMonthOpened:
    report = inquiry.known(SubmittedReport(report_name))
    assert report.opened is not None
    if report.opened.unit == inquiry.actor.unit_id:
        raise Forbidden("progress.belongs-itself", report_name=report_name, unit=report.opened.unit)
    if report.stage != "submitted":
        raise OutOfStep("progress.must-be-submitted", report_name=report_name, stage=report.stage)
    return report.opened
