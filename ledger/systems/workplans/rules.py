"""Rules, findings and deadlines of work plans (2.18)."""

from __future__ import annotations

from datetime import date

from ledger.kernel import DeadlineRule, Recorded, Rule, finding_rule
from ledger.systems.workplans.events import (
    MilestoneDropped,
    MilestoneReached,
    MilestoneReturned,
    MilestoneSet,
    UrgeAnswered,
    WorkUrged,
)

_NOTICE = "《兰州新区规范行政执法行为优化法治化营商环境实施意见》保障措施"
_GOALS = f"{_NOTICE}: 明确目标任务和时间节点"
_TRACKING = f"{_NOTICE}: 依法治区办跟踪调度、督促检查"

WRK_R1 = Rule(
    "WRK-R1",
    "{work} cannot stand in the plan of {unit}: {reason}",
    _GOALS,
    "{hint}",
    policy_key="ledger.responsibilities",
)
WRK_R2 = Rule(
    "WRK-R2",
    "{milestone} cannot be reported as reached: {reason}",
    _TRACKING,
    "{hint}",
)
WRK_V1 = finding_rule("WRK-V1", "inaction", "a milestone of a work plan was missed", _GOALS)
WRK_V2 = finding_rule(
    "WRK-V2", "inaction", "a unit was urged twice in a quarter for one task", _TRACKING
)
WRK_V3 = finding_rule(
    "WRK-V3",
    "empty_report",
    "the evidence of a milestone was corrected or withdrawn, or the decision it records undone",
    _TRACKING,
)
WRK_V4 = finding_rule(
    "WRK-V4",
    "inaction",
    "a unit adopted no work plan for the year in time",
    _GOALS,
    policy_key="work.plan_due",
)


def _reached_on(record: Recorded) -> date:
    """The day of its evidence, on which a milestone counts as reached; else the record's own."""
    event = record.event
    return event.reached_on if isinstance(event, MilestoneReached) else record.occurred_on


#: Stated days do not roll. An amendment that sets another day, or drops it, takes this one's place.
MILESTONE = DeadlineRule(
    "work.milestone",
    None,
    MilestoneSet,
    (MilestoneReached, MilestoneDropped, MilestoneSet),
    about=lambda event: f"milestone:{event.milestone}",
    ends=lambda event: event.due_on,
    finding=WRK_V1,
    counts=_reached_on,
)
MILESTONE_AGAIN = DeadlineRule(
    "work.milestone.again",
    None,
    MilestoneReturned,
    (MilestoneReached, MilestoneDropped, MilestoneSet),
    about=lambda event: f"milestone:{event.milestone}",
    ends=lambda event: event.due_on,
    finding=WRK_V1,
    counts=_reached_on,
)
URGE = DeadlineRule(
    "work.urge",
    None,
    WorkUrged,
    (UrgeAnswered,),
    about=lambda event: f"urge:{event.urge}",
    ends=lambda event: event.due_on,
)
