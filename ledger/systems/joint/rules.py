"""Rules and findings of joint inspection (2.11)."""

from __future__ import annotations

from ledger.kernel import Rule, finding_rule

_MECHANISM = "《关于建立跨部门跨区域执法联动响应协作机制的意见》"
_STRICT = "国办发〔2024〕54号《关于严格规范涉企行政检查的意见》: 能合并实施的合并实施"

JNT_R1 = Rule(
    "JNT-R1",
    "{unit} may not visit {entity} apart from the others: {reason}",
    f"{_STRICT}; {_MECHANISM}",
    "{hint}",
    policy_key="multi_head_window_cd",
)
JNT_R2 = Rule(
    "JNT-R2",
    "a joint visit is not {mode}: {reason}",
    _MECHANISM,
    "Name the {artefact} that it rests on, or leave out the mode {mode}.",
)
JNT_R3 = Rule(
    "JNT-R3",
    "{unit} has no matter of its own in the joint visit",
    _MECHANISM,
    "Name a published matter for which {unit} has the power, or leave {unit} out.",
)
JNT_R4 = Rule(
    "JNT-R4",
    "the power of {unit} takes at least {needed} certified officers, {given} are named",
    f"行政处罚法 Art. 42; {_MECHANISM}",
    "Name officers of {unit}, or entrust its part in writing to another participant.",
    policy_key="inspection.min_officers",
)
JNT_V1 = finding_rule(
    "JNT-V1", "multi_head", "a merge of visits was declined without weight", _STRICT
)
JNT_V2 = finding_rule(
    "JNT-V2",
    "multi_head",
    "units of a joint visit came at different times",
    f"{_STRICT}; {_MECHANISM}",
    policy_key="joint.arrival_minutes",
)
JNT_V3 = finding_rule(
    "JNT-V3", "arbitrary", "matters were added on site beyond the form", f"{_STRICT}: 随意检查"
)
