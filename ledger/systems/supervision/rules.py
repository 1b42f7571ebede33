"""Rules of enforcement supervision (2.10), and rules for all systems (0.2, 0.8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ledger.general.findings import FindingRaised
from ledger.kernel import DeadlineRule, Rule, finding_rule
from ledger.systems.supervision.events import (
    DirectHandlingStarted,
    FindingClosed,
    FindingDismissed,
    FindingTriaged,
    RectificationAccepted,
    RectificationRejected,
    SupDocKind,
    SupervisionDocAnswered,
    SupervisionDocIssued,
    SupervisionDocWithdrawn,
    UnitResponded,
)

_STRICT = "国办发〔2024〕54号《关于严格规范涉企行政检查的意见》"
_REGULATION = "《行政执法监督条例》"

SUP_R1 = Rule(
    "SUP-R1",
    "unit {unit} has used {used} of {cap} capped visits at {entity} (grade {grade}) in {year}",
    f"{_STRICT}: 年度频次上限",
    "Plan the visit for {next_year}, merge it with the visit of another unit, or name the clue "
    "that triggers it: visits on a complaint, transfer or assignment are not capped.",
    policy_key="visit_cap",
)
SUP_R2 = Rule(
    "SUP-R2",
    "finding {finding_id} has neither a response of the unit nor an accepted rectification",
    _REGULATION,
    "First record the unit's response or accept its rectification.",
)
SUP_R3 = Rule(
    "SUP-R3",
    "two different supervisors must dismiss an automatic finding; {reader} is the first of them",
    _REGULATION,
    "Let another supervisor read the request and approve it.",
)
SUP_R4 = Rule(
    "SUP-R4",
    "unit {unit} cannot close a finding about itself",
    _REGULATION,
    "Let the Justice Bureau close it.",
)
SUP_R5 = Rule(
    "SUP-R5",
    "sectors {sectors} of {area} cannot be halted as a whole: {reason}",
    "《优化营商环境条例》Art. 59",
    "Act against the business that broke the law. A whole sector may be halted only for life "
    "safety, a major accident or a national event, with the approval of a competent government.",
)
SUP_V1 = finding_rule(
    "SUP-V1",
    "over_cap",
    "a unit made too many visits on clues at one business",
    _STRICT,
    policy_key="reasonable_factor",
)
SUP_V2 = finding_rule(
    "SUP-V2", "inaction", "a finding was not triaged in time", _REGULATION, policy_key="triage_wd"
)
SUP_V3 = finding_rule(
    "SUP-V3",
    "inaction",
    "a unit did not answer its supervisor in time",
    _REGULATION,
    policy_key="supervision.response_wd",
)
# The rulebook defines these four in words and without a number: D marks ids that this ledger gave.
SUP_D1 = finding_rule(
    "SUP-D1",
    "duplicate",
    "a unit visited a business again in the same year on the same matter without a new trigger",
    f"{_STRICT}: 重复检查; design: the definition of 2.10, whose id is this ledger's own",
)
SUP_D2 = finding_rule(
    "SUP-D2",
    "multi_head",
    "several units visited one business separately within a short time",
    f"{_STRICT}: 多头检查; design: the definition of 2.10, whose id is this ledger's own",
    policy_key="multi_head_window_cd",
)
SUP_D3 = finding_rule(
    "SUP-D3",
    "profit_driven",
    "a report says that officials acted for profit, against the eight must-nots",
    f"{_STRICT}: 五个严禁八个不得; design: the id is this ledger's own",
    policy_key="conduct.five_prohibitions",
)
SUP_D4 = finding_rule(
    "SUP-D4",
    "abuse",
    "a report says that officials acted abusively, against the eight must-nots",
    f"{_STRICT}: 五个严禁八个不得; design: the id is this ledger's own",
    policy_key="conduct.five_prohibitions",
)
GEN_R2 = Rule(
    "GEN-R2",
    "{person} cannot be both {one} and {other}",
    "行政处罚法 Art. 64; 规则 0.8 职责分离",
    "Let another person take one of the two roles.",
)
GEN_V1 = finding_rule(
    "GEN-V1",
    "late_entry",
    "a fact was entered late",
    "规则 0.2",
    policy_key="late_entry_flag",
)


def _told(event: Any) -> str | None:
    """Return the unit of an event about a finding; ``None`` if the event is sealed."""
    return None if event.visibility() == "sealed" else event.unit


TRIAGE = DeadlineRule(
    "triage_wd",
    "triage_wd",
    FindingRaised,
    (FindingTriaged, FindingDismissed),
    about=lambda event: None if event.rule_id == "SUP-V2" else f"finding:{event.finding_id}",
    start=lambda record: record.occurred_on,
    finding=SUP_V2,
    # The supervisors must meet this deadline, so the unit of the finding is not responsible.
    whose=lambda event: None,
)


def _answers(*kinds: str) -> Callable[[Any], str | None]:
    """Return a function that gives the subject of a document of these kinds, else ``None``."""
    return lambda event: f"supdoc:{event.document}" if event.kind in kinds else None


RESPOND_TO_NOTICE = DeadlineRule(
    "supervision.response_wd",
    "supervision.response_wd",
    SupervisionDocIssued,
    (SupervisionDocAnswered, SupervisionDocWithdrawn),
    about=_answers("notice"),
    finding=SUP_V3,
)
RESPOND_TO_OPINION = DeadlineRule(
    "supervision.opinion_response_wd",
    "supervision.opinion_response_wd",
    SupervisionDocIssued,
    (SupervisionDocAnswered, SupervisionDocWithdrawn),
    about=_answers("opinion"),
    finding=SUP_V3,
)
#: A decision states its own last day.
RESPOND_TO_DECISION = DeadlineRule(
    "supervision.decision",
    None,
    SupervisionDocIssued,
    (SupervisionDocAnswered, SupervisionDocWithdrawn),
    about=_answers("decision"),
    ends=lambda event: event.due_on,
    finding=SUP_V3,
)
RESPOND_AGAIN = DeadlineRule(
    "supervision.response_wd.rejected",
    "supervision.response_wd",
    RectificationRejected,
    (
        UnitResponded,
        SupervisionDocAnswered,
        RectificationAccepted,
        FindingDismissed,
        FindingClosed,
    ),
    about=lambda event: f"finding:{event.finding_id}",
    finding=SUP_V3,
    whose=_told,
)
#: 限期办结: a follow-up by the Justice Bureau itself ends with the finding.
DIRECT_HANDLING = DeadlineRule(
    "supervision.direct_handling",
    None,
    DirectHandlingStarted,
    (RectificationAccepted, FindingDismissed, FindingClosed),
    about=lambda event: f"finding:{event.finding_id}",
    ends=lambda event: event.due_on,
    finding=SUP_V3,
    whose=_told,
)


def response_deadline(kind: SupDocKind) -> DeadlineRule:
    """Return the deadline for the answer to a document of a kind."""
    rules = {
        "notice": RESPOND_TO_NOTICE,
        "opinion": RESPOND_TO_OPINION,
        "decision": RESPOND_TO_DECISION,
    }
    return rules[kind]
