"""Rules, findings and deadlines of complaints (2.12)."""

from __future__ import annotations

from datetime import date

from ledger.general.audiences import BUREAU_UNIT
from ledger.kernel import DeadlineRule, Recorded, Rule, finding_rule
from ledger.systems.complaints.events import (
    ComplaintAccepted,
    ComplaintAcknowledged,
    ComplaintNotAccepted,
    ComplaintReceived,
    ComplaintResolved,
    ComplaintTransferred,
)

_NOTICE = "《兰州新区规范行政执法行为优化法治化营商环境实施意见》任务九"
_REGULATION = "《优化营商环境条例》Art. 49; 市场监督管理投诉举报处理暂行办法"

#: Who handles a complaint about the Justice Bureau if nobody else is addressed.
RECONSIDERATION_OFFICE = "RECON"


def handler_of(accused: str) -> str:
    """Who handles a complaint about a unit by default."""
    return RECONSIDERATION_OFFICE if accused == BUREAU_UNIT else BUREAU_UNIT


CMP_R1 = Rule(
    "CMP-R1",
    "{handler} is accused by complaint {complaint} and cannot handle it",
    f"{_NOTICE}; {_REGULATION}: 回避",
    "Let the Justice Bureau or another body handle it: transfer it there, or address it there.",
)
CMP_R2 = Rule(
    "CMP-R2",
    "the unit accused would read {what} of whoever complained",
    "个人信息保护法 Art. 10; 市场监督管理投诉举报处理暂行办法: 不得将投诉人信息泄露给被投诉人",
    "Say what is alleged so that nobody can be told by it.",
)
CMP_R3 = Rule(
    "CMP-R3",
    "complaint {complaint} is not closed before whoever complained is told, and can be reached",
    f"{_NOTICE}: 及时反馈处理结果",
    "Say in feedback_text what was told.",
)

CMP_V1 = finding_rule(
    "CMP-V1",
    "selective",
    "the unit accused inspects the business soon after its complaint",
    f"{_NOTICE}; 《优化营商环境条例》: 不得打击报复",
    policy_key="retaliation_window_cd",
    confidential=True,
)
CMP_V2 = finding_rule(
    "CMP-V2",
    "inaction",
    "a complaint was not acknowledged, accepted or answered in time",
    _NOTICE,
)
#: A complaint that was right is a finding against the unit, whatever rule the conduct broke.
CMP_V3 = finding_rule(
    "CMP-V3", "abuse", "a complaint about the unit's enforcement was substantiated", _NOTICE
)


def _counted_from(transfer: Recorded) -> date:
    assert isinstance(transfer.event, ComplaintTransferred)
    return transfer.event.counted_from or transfer.occurred_on


ACKNOWLEDGE = DeadlineRule(
    "complaint.ack_wd",
    "complaint.ack_wd",
    ComplaintReceived,
    (ComplaintAcknowledged, ComplaintAccepted, ComplaintNotAccepted),
    about=lambda event: f"complaint:{event.complaint}",
    finding=CMP_V2,
)
ACCEPT = DeadlineRule(
    "complaint.accept_wd",
    "complaint.accept_wd",
    ComplaintReceived,
    (ComplaintAccepted, ComplaintNotAccepted, ComplaintTransferred),
    about=lambda event: f"complaint:{event.complaint}",
    finding=CMP_V2,
)
#: Whoever it is transferred to first has a period of the own; whoever it is passed on to, the rest.
ACCEPT_TRANSFERRED = DeadlineRule(
    "complaint.accept_wd.transferred",
    "complaint.accept_wd",
    ComplaintTransferred,
    (ComplaintAccepted, ComplaintNotAccepted, ComplaintTransferred),
    about=lambda event: f"complaint:{event.complaint}",
    start=_counted_from,
    finding=CMP_V2,
    whose=lambda event: event.to,
)
RESOLVE = DeadlineRule(
    "complaint.resolve_cd",
    "complaint.resolve_cd",
    ComplaintAccepted,
    (ComplaintResolved,),
    about=lambda event: f"complaint:{event.complaint}",
    finding=CMP_V2,
)
