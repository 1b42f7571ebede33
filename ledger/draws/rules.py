"""Rules, findings and deadlines of double-random draws (2.3)."""

from __future__ import annotations

from ledger.draws.events import DrawResultPublished
from ledger.filing.events import InspectionConcluded
from ledger.kernel import DeadlineRule, Rule, finding_rule

_RANDOM = "国发〔2019〕5号《关于在市场监管领域全面推行部门联合“双随机、一公开”监管的意见》"

DRW_R9 = Rule(
    "DRW-R9",
    "the inspection {task} is {stage}; only the result of a concluded one can be published",
    _RANDOM,
    "Conclude the inspection first.",
)
DRW_V5 = finding_rule(
    "DRW-V5",
    "late_publicity",
    "the result of an inspection was not published in time",
    _RANDOM,
    policy_key="draw.result_publish_wd",
)

#: A lawful refusal leaves no result that anyone would have to publish (处罚法 Art. 55).
PUBLISH_RESULT = DeadlineRule(
    "draw.result_publish_wd",
    "draw.result_publish_wd",
    InspectionConcluded,
    (DrawResultPublished,),
    about=lambda event: None if event.lawful_refusal else f"task:{event.task}",
    start=lambda record: record.occurred_on,
    finding=DRW_V5,
)
