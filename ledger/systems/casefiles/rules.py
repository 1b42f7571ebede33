"""Rules, findings and deadlines of case-file review (2.9)."""

from __future__ import annotations

from ledger.kernel import DeadlineRule, Rule, finding_rule
from ledger.systems.casefiles.events import RectificationOrdered, RectificationVerified

_NOTICE_8 = "《兰州新区规范行政执法行为优化法治化营商环境实施意见》任务八: 案卷评查"
_REGULATION = "《行政执法监督条例》"

CFR_R1 = Rule(
    "CFR-R1",
    "{reviewer} of {unit} cannot review files of {unit} in a mutual review",
    f"{_NOTICE_8}; 规则 0.8 职责分离",
    "Let a unit other than {unit} review them.",
)
CFR_R2 = Rule(
    "CFR-R2",
    "the sample of {batch} is not drawn with UVDRAW-1: {reason}",
    f"{_NOTICE_8}; UVDRAW-1",
    "Freeze the list of all files, announce sources whose values are not published yet, and draw "
    "from their values once they are; a self-review may take all files instead.",
    policy_key="casefile.min_sample",
)
CFR_R3 = Rule(
    "CFR-R3",
    "case {case} has a fault of {veto}, which fails it whatever its score of {score}; it cannot "
    "be recorded as {outcome}",
    f"{_NOTICE_8}: 一票否决",
    "Record the outcome fail, or score it without the veto if there is no such fault.",
    policy_key="casefile.pass",
)
CFR_V1 = finding_rule(
    "CFR-V1", "inaction", "a file was not put right by the day that was set", _REGULATION
)
CFR_V2 = finding_rule(
    "CFR-V2",
    "inaction",
    "no file of a unit was reviewed within a year",
    _NOTICE_8,
    policy_key="casefile.review_months",
)
CFR_V3 = finding_rule(
    "CFR-V3",
    "inflated_self_review",
    "a unit scored its own file far higher than another unit did",
    _NOTICE_8,
    policy_key="casefile.self_gap",
)

RECTIFY = DeadlineRule(
    "casefile.rectification",
    None,
    RectificationOrdered,
    (RectificationVerified,),
    about=lambda event: f"casefile:{event.casefile}",
    ends=lambda event: event.due_on,
    finding=CFR_V1,
)
