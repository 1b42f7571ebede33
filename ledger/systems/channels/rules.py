"""Findings of complaint channels (2.18)."""

from __future__ import annotations

from ledger.kernel import finding_rule

_NOTICE_9 = "《兰州新区规范行政执法行为优化法治化营商环境实施意见》任务九: 投诉邮箱、电话平台"

CMP_V4 = finding_rule(
    "CMP-V4",
    "inaction",
    "a complaint channel had no answered test in time",
    _NOTICE_9,
    policy_key="complaint.channel_test_cd",
)
CMP_V5 = finding_rule(
    "CMP-V5",
    "inaction",
    "a unit has published no mailbox or no telephone for complaints",
    _NOTICE_9,
    policy_key="complaint.channel_test_cd",
)
