"""Rules of enforcement supervision (2.10) and the ones that hold everywhere (0.2, 0.8)."""

from __future__ import annotations

from ledger.kernel import DeadlineRule, Rule, finding_rule
from ledger.supervision.events import FindingDismissed, FindingRaised, FindingTriaged

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
    "an automatic finding is dismissed only with a reason and a second reader; {reader} is none",
    _REGULATION,
    "Let another supervisor read it and name that person as second_reader.",
)
SUP_R4 = Rule(
    "SUP-R4",
    "unit {unit} cannot close a finding about itself",
    _REGULATION,
    "The Justice Bureau closes it.",
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

TRIAGE = DeadlineRule(
    "triage_wd",
    "triage_wd",
    FindingRaised,
    (FindingTriaged, FindingDismissed),
    about=lambda event: None if event.rule_id == "SUP-V2" else f"finding:{event.finding_id}",
    start=lambda record: record.occurred_on,
    finding=SUP_V2,
    whose=lambda event: None if event.visibility() == "sealed" else event.unit,
)
