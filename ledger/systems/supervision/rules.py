"""Rules of enforcement supervision (2.10) and the ones that hold everywhere (0.2, 0.8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ledger.kernel import DeadlineRule, Rule, finding_rule
from ledger.systems.supervision.events import (
    DirectHandlingStarted,
    FindingClosed,
    FindingDismissed,
    FindingRaised,
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
    "Plan the visit for {next_year}, merge it with another unit's, or name the clue that triggers "
    "it: visits on a complaint, transfer or assignment are not capped.",
    policy_key="visit_cap",
)
SUP_R2 = Rule(
    "SUP-R2",
    "finding {finding_id} has neither a response of the unit nor an accepted rectification",
    _REGULATION,
    "Record the unit's response or accept its rectification first.",
)
SUP_R3 = Rule(
    "SUP-R3",
    "an automatic finding must be dismissed by two supervisors; {reader} has read it already",
    _REGULATION,
    "Let another supervisor read the request and approve it.",
)
SUP_R4 = Rule(
    "SUP-R4",
    "unit {unit} cannot close a finding about itself",
    _REGULATION,
    "The Justice Bureau closes it.",
)
SUP_R5 = Rule(
    "SUP-R5",
    "sectors {sectors} of {area} cannot be halted as a whole: {reason}",
    "《优化营商环境条例》Art. 59",
    "Act against the business that broke the law; a whole sector is halted only for life safety, a "
    "major accident or a national event, with the approval of a competent government.",
)
SUP_V1 = finding_rule(
    "SUP-V1",
    "over_cap",
    "visits on clues exceed what is reasonable",
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
# The rulebook defines these four in words and gives them no number: D marks ids of our own, outside
# its series.
SUP_D1 = finding_rule(
    "SUP-D1",
    "duplicate",
    "a unit came again in the same year on the same matter with no new trigger",
    f"{_STRICT}: 重复检查; design: the definition of 2.10, whose id is this ledger's own",
)
SUP_D2 = finding_rule(
    "SUP-D2",
    "multi_head",
    "several units came to one business within a short time, and not jointly",
    f"{_STRICT}: 多头检查; design: the definition of 2.10, whose id is this ledger's own",
    policy_key="multi_head_window_cd",
)
SUP_D3 = finding_rule(
    "SUP-D3",
    "profit_driven",
    "conduct for profit that the eight must-nots forbid was reported",
    f"{_STRICT}: 五个严禁八个不得; design: the id is this ledger's own",
    policy_key="conduct.five_prohibitions",
)
SUP_D4 = finding_rule(
    "SUP-D4",
    "abuse",
    "abusive conduct that the eight must-nots forbid was reported",
    f"{_STRICT}: 五个严禁八个不得; design: the id is this ledger's own",
    policy_key="conduct.five_prohibitions",
)
GEN_R2 = Rule(
    "GEN-R2",
    "{person} cannot be both {one} and {other}",
    "行政处罚法 Art. 64; 规则 0.8 职责分离",
    "Let another person take one of the two parts.",
)
GEN_V1 = finding_rule(
    "GEN-V1",
    "late_entry",
    "a fact was entered late",
    "规则 0.2",
    policy_key="late_entry_flag",
)


def _told(event: Any) -> str | None:
    """The unit that an event about a finding names; nobody's, if the unit never learns of it."""
    return None if event.visibility() == "sealed" else event.unit


TRIAGE = DeadlineRule(
    "triage_wd",
    "triage_wd",
    FindingRaised,
    (FindingTriaged, FindingDismissed),
    about=lambda event: None if event.rule_id == "SUP-V2" else f"finding:{event.finding_id}",
    start=lambda record: record.occurred_on,
    finding=SUP_V2,
    # The supervisors owe it: that they are late is nothing against the unit they look at.
    whose=lambda event: None,
)


def _answers(*kinds: str) -> Callable[[Any], str | None]:
    """The document itself, for documents of these kinds; what answers it has no kind."""
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
#: A decision says itself until when.
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
#: 限期办结: what the Justice Bureau follows up itself ends with the finding.
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
    """The deadline for the answer to a document of a kind."""
    rules = {
        "notice": RESPOND_TO_NOTICE,
        "opinion": RESPOND_TO_OPINION,
        "decision": RESPOND_TO_DECISION,
    }
    return rules[kind]
