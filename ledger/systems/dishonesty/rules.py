"""Rules, findings and deadlines of dishonesty determinations, lists and measures (2.4c)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ledger.kernel import DeadlineRule, Event, Inquiry, Recorded, Rule, finding_rule
from ledger.systems.dishonesty.events import (
    DefenceLapsed,
    DefenceSubmitted,
    DeterminationNotified,
    DishonestyDetermined,
    IncentiveEnded,
    IncentiveGranted,
    IncentivePromised,
    SanctionApplied,
    SanctionLifted,
)
from ledger.systems.dishonesty.folds import Determination, Incentive, Sanction

_RESTRAINT = "国办发〔2020〕49号《关于进一步完善失信约束制度构建诚信建设长效机制的指导意见》"
_REPAIR = "国家发展改革委令第36号; 国办发〔2025〕22号"

DIS_R1 = Rule(
    "DIS-R1",
    "dishonesty cannot be determined without a notice and an assessment of the defence: {reason}",
    f"{_RESTRAINT}: 认定前告知事实、理由、依据和当事人享有的权利, 核实陈述申辩",
    "Notify the business of facts, basis and intended class, wait for its defence until the last "
    "day of the notice, and state in defence_handling how you assess it.",
    policy_key="dishonesty.defence_wd",
)
DIS_R2 = Rule(
    "DIS-R2",
    "no serious list may be kept for field {list_field}: {reason}",
    f"{_RESTRAINT}: 设列领域以法律、法规或者党中央、国务院政策文件为依据, 认定标准公开征求意见",
    "Propose criteria based on a law, a regulation or a policy of the State Council, wait for "
    "public comments during the time that the policy sets, and then publish the criteria.",
    policy_key="serious_list.consultation",
)
DIS_R3 = Rule(
    "DIS-R3",
    "measure {measure} is not allowed by the catalogue in force (version {version}): {reason}",
    f"{_RESTRAINT}: 失信惩戒措施清单制管理, 严禁在清单之外或加重实施",
    "Apply a measure of the catalogue in force, within its limits.",
)
DIS_R4 = Rule(
    "DIS-R4",
    "the published classification of {sector} does not class {ground} as {severity} dishonesty",
    f"{_REPAIR}: 失信信息分为轻微、一般、严重",
    "Use the class of this ground in the classification: {instead}.",
    policy_key="severity.map",
)
DIS_R5 = Rule(
    "DIS-R5",
    "no sanction can be based on record {record}: {reason}",
    f"{_REPAIR}; {_RESTRAINT}",
    "An act whose record was repaired, removed or revoked must not be punished again under any "
    "record; a new act needs a new determination and a new record.",
)

DIS_V1 = finding_rule(
    "DIS-V1",
    "abuse",
    "a sanction was still in force although its record had ended",
    _REPAIR,
)
DIS_V2 = finding_rule(
    "DIS-V2",
    "inaction",
    "a promised incentive was not applied in time",
    "《兰州新区规范行政执法行为优化法治化营商环境实施意见》任务三: 守信激励",
)


def _defence_lapsed(inquiry: Inquiry, opening: Recorded, due_on: date) -> Iterator[Event]:
    """逾期: Record that a business did not answer by the deadline and forfeits its defence."""
    notice = opening.event
    assert isinstance(notice, DeterminationNotified)
    if inquiry.read(Determination(notice.determination)).lapsed_on is None:
        yield defence_lapsed(notice)


def defence_lapsed(notice: DeterminationNotified) -> DefenceLapsed:
    """Return the event that the business did not answer this notice."""
    return DefenceLapsed(
        determination=notice.determination,
        entity=notice.entity,
        unit=notice.unit,
        ended_on=notice.defence_until,
    )


def _sanction_over(inquiry: Inquiry, opening: Recorded, due_on: date) -> Iterator[Event]:
    """惩戒期限届满: Lift a sanction whose last day has passed."""
    applied = opening.event
    assert isinstance(applied, SanctionApplied)
    if inquiry.read(Sanction(applied.sanction)).alive:
        yield SanctionLifted(
            sanction=applied.sanction,
            entity=applied.entity,
            unit=applied.unit,
            record=applied.record,
            reason="expired",
            lifted_on=inquiry.on,
        )


def _incentive_over(inquiry: Inquiry, opening: Recorded, due_on: date) -> Iterator[Event]:
    """激励期限届满: End an incentive whose last day has passed."""
    granted = opening.event
    assert isinstance(granted, IncentiveGranted)
    if inquiry.read(Incentive(granted.incentive)).ended is None:
        yield IncentiveEnded(
            incentive=granted.incentive,
            entity=granted.entity,
            unit=granted.unit,
            reason="expired",
            ended_on=inquiry.on,
        )


DEFENCE = DeadlineRule(
    "dishonesty.defence",
    None,
    DeterminationNotified,
    (DefenceSubmitted, DishonestyDetermined),
    about=lambda event: f"determination:{event.determination}",
    ends=lambda event: event.defence_until,
    lapses=True,
    follows=_defence_lapsed,
)
APPLY_INCENTIVE = DeadlineRule(
    "dishonesty.incentive",
    None,
    IncentivePromised,
    (IncentiveGranted, IncentiveEnded),
    about=lambda event: f"incentive:{event.incentive}",
    ends=lambda event: event.apply_by,
    finding=DIS_V2,
)
END_OF_INCENTIVE = DeadlineRule(
    "dishonesty.incentive.until",
    None,
    IncentiveGranted,
    (IncentiveEnded,),
    about=lambda event: None if event.until is None else f"incentive:{event.incentive}",
    ends=lambda event: event.until,
    lapses=True,
    follows=_incentive_over,
)
END_OF_SANCTION = DeadlineRule(
    "dishonesty.sanction.until",
    None,
    SanctionApplied,
    (SanctionLifted,),
    about=lambda event: None if event.until is None else f"sanction:{event.sanction}",
    ends=lambda event: event.until,
    lapses=True,
    follows=_sanction_over,
)
