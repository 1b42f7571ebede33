"""Rules, findings and deadlines of penalty decisions and their publicity (2.8)."""

from __future__ import annotations

from datetime import date

from ledger.kernel import DeadlineRule, Recorded, Rule, finding_rule
from ledger.penalties.events import DecisionPublished, PenaltyDecided, PenaltyServed

_PENALTY = "行政处罚法"
_THREE_SYSTEMS = "国办发〔2018〕118号《关于全面推行行政执法公示制度…的指导意见》"

PEN_R6 = Rule(
    "PEN-R6",
    "decision {decision} cannot be served without the repair notice",
    "国办发〔2025〕22号: 两书同达",
    "Serve the notice on credit repair together with the decision and say repair_notice.",
)
PUB_R1 = Rule(
    "PUB-R1",
    "the public text holds {what}",
    f"{_PENALTY} Art. 50; {_THREE_SYSTEMS}; 个人信息保护法",
    "Redact it and name what was left out in redactions.",
)
PUB_R2 = Rule(
    "PUB-R2",
    "decision {decision} has not been served",
    f"{_PENALTY} Arts. 48, 61",
    "Serve the decision on the business before the public reads it.",
)
PUB_V1 = finding_rule(
    "PUB-V1",
    "late_publicity",
    "a decision was not published in time",
    f"{_PENALTY} Art. 48; {_THREE_SYSTEMS}",
    policy_key="publicity.penalty_wd",
)
PUB_V2 = finding_rule(
    "PUB-V2",
    "late_publicity",
    "a nullified decision was not withdrawn in time",
    f"{_PENALTY} Arts. 48, 85",
    policy_key="publicity.withdraw_wd",
)


def _decided_on(record: Recorded) -> date:
    assert isinstance(record.event, PenaltyDecided)
    return record.event.decided_on


PUBLISH_DECISION = DeadlineRule(
    "publicity.penalty_wd",
    "publicity.penalty_wd",
    PenaltyDecided,
    (DecisionPublished,),
    about=lambda event: f"decision:{event.decision}",
    start=_decided_on,
    finding=PUB_V1,
)
SERVE_DECISION = DeadlineRule(
    "penalty.serve_wd",
    "penalty.serve_wd",
    PenaltyDecided,
    (PenaltyServed,),
    about=lambda event: f"decision:{event.decision}",
    start=_decided_on,
)
