"""Rules, findings and the deadline of the monthly progress ledger (2.14)."""

from __future__ import annotations

from ledger.kernel import DeadlineRule, Rule, finding_rule
from ledger.systems.progress.events import ProgressLedgerSubmitted, ReportingMonthOpened

_NOTICE = "《兰州新区规范行政执法行为优化法治化营商环境实施意见》保障措施: 每月工作进展台账"

LDG_R1 = Rule(
    "LDG-R1",
    "{unit} states {metric} = {stated} for {month}; the events up to position {cutoff} give "
    "{computed}",
    f"{_NOTICE}; 台账数据由事件自动生成",
    "Leave {metric} out and the ledger fills it in; or dispute it with the reason, and the report "
    "is taken with its mark.",
)
LDG_R2 = Rule(
    "LDG-R2",
    "{unit} neither leads nor is responsible for task {task_no} in {month}",
    f"{_NOTICE}; 任务分工",
    "Report on the tasks that are the unit's own; or have the table of responsibilities, or the "
    "unit's groups, adopted anew.",
    policy_key="ledger.responsibilities",
)
LDG_V1 = finding_rule(
    "LDG-V1",
    "inaction",
    "a monthly report was late or is missing",
    _NOTICE,
    policy_key="ledger.month_end",
)
LDG_V2 = finding_rule(
    "LDG-V2",
    "inaction",
    "a unit has reported nothing on a task for months running",
    _NOTICE,
    policy_key="ledger.nil_months",
)
LDG_V3 = finding_rule(
    "LDG-V3", "empty_report", "a report tells of work of which no event is recorded", _NOTICE
)

#: It ends at 24:00 of its day, whether that is a working day or not.
MONTH_END = DeadlineRule(
    "ledger.month_end",
    None,
    ReportingMonthOpened,
    (ProgressLedgerSubmitted,),
    about=lambda event: f"report:{event.report}",
    ends=lambda event: event.due_on,
    finding=LDG_V1,
)
