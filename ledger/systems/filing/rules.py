"""Rules, findings and deadlines of plans, filings, tasks and visits (2.2)."""

from __future__ import annotations

from datetime import date
from typing import Any

from ledger.kernel import DeadlineRule, Inquiry, LegalRef, Malformed, Rule, finding_rule, message
from ledger.systems.catalogue import rules as catalogue
from ledger.systems.catalogue.events import MatterElements
from ledger.systems.catalogue.folds import Matter, OfficerConflict, OfficerStanding, UnitStanding
from ledger.systems.delegations.events import Power
from ledger.systems.delegations.folds import DelegatedTo
from ledger.systems.filing.events import (
    AnnualPlanApproved,
    AnnualPlanFiled,
    InspectionCoding,
    InspectionConcluded,
    InspectionTaskApproved,
    OnSiteInspectionClosed,
    OnSiteInspectionOpened,
    PlanAmended,
    ResultNotified,
    SpecialInspectionFiled,
)
from ledger.systems.filing.folds import UndrawnVisits
from ledger.systems.grading.folds import CreditGrade
from ledger.systems.joint import rules as joint
from ledger.systems.joint.events import Participant
from ledger.systems.keylist.folds import KeyDesignations

_STRICT = "国办发〔2024〕54号《关于严格规范涉企行政检查的意见》"
_NOTICE_1 = "《兰州新区规范行政执法行为优化法治化营商环境实施意见》任务一"
_NOTICE_2 = "《兰州新区规范行政执法行为优化法治化营商环境实施意见》任务二"
_NOTICE_3 = "《兰州新区规范行政执法行为优化法治化营商环境实施意见》任务三"

FIL_R1 = Rule(
    "FIL-R1",
    "matters {matters} must be in an approved and filed plan of {unit} for {month} that was not "
    "returned",
    _NOTICE_1,
    "{hint}",
    policy_key="filing.lead_wd",
)
FIL_R2 = Rule(
    "FIL-R2",
    "a {kind} task needs a filing with the unit's legal office that covers it: {reason}",
    f"{_NOTICE_1}: 未备案的不得随意擅自开展",
    "File the inspection with file-special-inspection and name the filing.",
)
FIL_R3 = Rule(
    "FIL-R3",
    "the unit cannot begin its own special campaign: {reason}",
    f"{_STRICT}; 国务院新闻办 2025-01-07 发布会",
    "Name the approval of a government of county level or above or of the vertical superior, and "
    "stay within the quota of the year.",
    policy_key="special.approval",
)
FIL_R4 = Rule(
    "FIL-R4",
    "the head of the unit must approve an inspection: {reason}",
    f"{_STRICT}; 司法部四十一问 No. 21",
    "Have the unit head approve the inspection exactly as it will take place.",
)
FIL_R6 = Rule(
    "FIL-R6",
    "an inspection or a case needs at least {needed} certified officers: {reason}",
    "行政处罚法 Art. 42; 国办发〔2024〕54号",
    "Name officers of {unit} whose certificates are valid for the matters on {on}.",
    policy_key="inspection.min_officers",
)
FIL_R7 = Rule(
    "FIL-R7",
    "officer {officer} has a conflict of interest with {entity}: {reason}",
    "行政处罚法 Art. 43 回避",
    "Name another officer.",
)
FIL_R8 = Rule(
    "FIL-R8",
    "the visit cannot be opened without {missing}",
    f"{_STRICT}: 亮证、亮码、出示通知书",
    "Scan the entry code and show the certificates and the notice. If scanning does not work, set "
    "scan_outage and scan before leaving.",
)
FIL_R9 = Rule(
    "FIL-R9",
    "a visit is not allowed, because a check without a visit was found sufficient",
    f"{_STRICT}: 能通过书面核查等方式实现监管目的的,不得入企检查",
    "Carry out the check without entering the business and report it with record-off-site-check.",
)
FIL_R10 = Rule(
    "FIL-R10",
    "unit {unit} of {unit_area} has no territorial-assistance record for {entity_area}",
    "甘政办发〔2025〕36号 属地原则; 国办发〔2024〕54号",
    "Ask the unit of {entity_area} for assistance and name its record.",
)
FIL_R11 = Rule(
    "FIL-R11",
    "a daily inspection on {matters} must be selected by random draw: {reason}",
    f"{_NOTICE_2}; 《优化营商环境条例》Art. 54",
    "Name the draw that selected the business for these matters, or inspect a matter of a key "
    "domain or special trade.",
)

FIL_R12 = Rule(
    "FIL-R12",
    "unit {unit} must supervise {entity} (grade {grade}) in the manner {manner}: {reason}",
    f"{_NOTICE_3}: 监管方式差异化; {_NOTICE_2}",
    "{hint}",
    policy_key="supervision.manner",
)

FIL_V1 = finding_rule("FIL-V1", "unfiled", "an inspection took place without a filing", _NOTICE_1)
FIL_V2 = finding_rule(
    "FIL-V2", "arbitrary", "a visit took place outside the planned months", _NOTICE_1
)
FIL_V3 = finding_rule("FIL-V3", "arbitrary", "a visit took place without an entry scan", _STRICT)
FIL_V4 = finding_rule("FIL-V4", "arbitrary", "an officer visited alone", "行政处罚法 Art. 42")
FIL_V5 = finding_rule(
    "FIL-V5", "disguised", "an inspection was disguised under another label", f"{_STRICT}: 五个严禁"
)
FIL_V6 = finding_rule(
    "FIL-V6",
    "arbitrary",
    "entry was lawfully refused because certificates were not shown",
    "行政处罚法 Art. 55",
)
FIL_V7 = finding_rule(
    "FIL-V7",
    "unfiled",
    "an emergency inspection was not filed in time",
    _STRICT,
    policy_key="filing.emergency_wd",
)

FILE_PLAN = DeadlineRule(
    "filing.plan_wd",
    "filing.plan_wd",
    AnnualPlanApproved,
    (AnnualPlanFiled,),
    about=lambda event: f"plan:{event.plan}",
    start=lambda record: record.occurred_on,
)
FILE_AMENDMENT = DeadlineRule(
    "filing.plan_wd.amended",
    "filing.plan_wd",
    PlanAmended,
    (AnnualPlanFiled,),
    about=lambda event: f"plan:{event.plan}",
    start=lambda record: record.occurred_on,
)
FILE_EMERGENCY = DeadlineRule(
    "filing.emergency_wd",
    "filing.emergency_wd",
    OnSiteInspectionOpened,
    (SpecialInspectionFiled,),
    about=lambda event: f"task:{event.task}" if event.emergency else None,
    start=lambda record: record.occurred_on,
    finding=FIL_V7,
)
#: FIL-R5 requires the later approval too, but only a missing filing is a finding (FIL-V7).
APPROVE_EMERGENCY = DeadlineRule(
    "filing.emergency_wd.approval",
    "filing.emergency_wd",
    OnSiteInspectionOpened,
    (InspectionTaskApproved,),
    about=lambda event: f"task:{event.task}" if event.emergency else None,
    start=lambda record: record.occurred_on,
)
NOTIFY_RESULT = DeadlineRule(
    "inspection.result_notice_wd",
    "inspection.result_notice_wd",
    InspectionConcluded,
    (ResultNotified,),
    about=lambda event: f"task:{event.task}",
    start=lambda record: record.occurred_on,
)
ENTER_DATA = DeadlineRule(
    "inspection.data_entry_wd",
    "inspection.data_entry_wd",
    OnSiteInspectionClosed,
    (InspectionConcluded,),
    about=lambda event: f"task:{event.task}",
    start=lambda record: record.occurred_on,
)


def acting_units(unit: str, part: Participant | None) -> tuple[str, ...]:
    """Return the units whose officers may exercise the power of ``unit``."""
    entrusted = None if part is None else part.entrusted_to
    return (unit,) if entrusted is None else (unit, entrusted)


def published_matter(
    inquiry: Inquiry, matter_id: str, unit: str, on: date, power: Power | None = "inspection"
) -> MatterElements:
    """Return the published elements of a matter that a unit may use (CAT-R2, R3, R7).

    Refuse unless the matter is in force now and the unit may use it on the day ``on``. ``power`` is
    the power that a delegation must give; ``None`` if the power for the act cannot be delegated.
    """
    matter = inquiry.known(Matter(matter_id), "general.list-catalogue-first")
    elements = matter.in_force_on(inquiry.on)
    inquiry.require(
        elements is not None and matter.withdrawn_on is None,
        catalogue.CAT_R2,
        matter=matter_id,
        on=inquiry.on,
    )
    assert elements is not None
    standing = inquiry.read(UnitStanding(unit))
    inquiry.require(
        standing.has_power(matter, elements, on)
        or (
            power is not None
            and standing.may_use(matter_id, on)
            and require_delegation(inquiry, matter_id, unit, on, power)
        ),
        catalogue.CAT_R3,
        unit=unit,
        on=on,
        matters=matter_id,
    )
    return elements


def require_delegation(inquiry: Inquiry, matter: str, unit: str, on: date, power: Power) -> bool:
    """Return whether a matter was delegated to a unit; refuse a power not in force (CAT-R7)."""
    delegated = inquiry.read(DelegatedTo(unit))
    if not delegated.about(matter):
        return False
    inquiry.require(delegated.holds(matter, power, on), catalogue.CAT_R7, delegated_to=unit)
    return True


def check_officers(
    inquiry: Inquiry,
    unit: str,
    entity: str,
    officers: tuple[str, ...],
    matters: list[MatterElements],
    *,
    on: date,
    part: Participant | None = None,
) -> None:
    """Require enough officers, certified for the matters and without conflicts (FIL-R6, R7).

    ``part`` is the unit's part in a joint visit. There each unit whose power is exercised needs as
    many officers (JNT-R4), its own or those of the unit to which its part is entrusted.
    """
    needed = int(inquiry.setting("inspection.min_officers"))
    given = list(dict.fromkeys(officers))
    domains = {elements.domain for elements in matters if elements.domain != "general"}
    inquiry.require(
        part is None or len(given) >= needed,
        joint.JNT_R4,
        unit=unit,
        needed=needed,
        given=len(given),
    )
    reasons = [] if len(given) >= needed else [message("filing.only-named", given_count=len(given))]
    for officer in given:
        standing = inquiry.read(OfficerStanding(officer))
        barred = [standing.barred(on, acting, set(domains)) for acting in acting_units(unit, part)]
        if None not in barred:
            reasons.append(message("catalogue.officer-barred", officer=officer, barred=barred[0]))
    inquiry.require(
        not reasons,
        FIL_R6,
        needed=needed,
        reason=message("general.clauses", clauses=reasons),
        unit=unit,
        on=on,
    )
    for officer in given:
        conflict = inquiry.read(OfficerConflict(officer, entity)).reason
        inquiry.require(conflict is None, FIL_R7, officer=officer, entity=entity, reason=conflict)


def require_manner(  # noqa: PLR0917 - the fields of a task
    inquiry: Inquiry,
    unit: str,
    entity: str,
    matters: tuple[str, ...],
    planned_on: date,
    prescribed_by: LegalRef | None,
) -> None:
    """Refuse an undrawn daily visit that the grade of the business does not allow (FIL-R12).

    The policy ``supervision.manner`` gives the manner and the interval for each grade; without it
    nothing is refused. A visit that follows a clue is a case, not a daily task.
    """
    grade = inquiry.read(CreditGrade(entity)).on(inquiry.on)
    policy = inquiry.policy("supervision.manner", unit=unit, grade=grade)
    if policy is None:
        return
    value = policy.value[grade]
    manner, interval = value["manner"], int(value["interval_cd"])
    facts: dict[str, Any] = {"unit": unit, "entity": entity, "grade": grade, "manner": manner}
    if manner == "off_site_first" and prescribed_by is None:
        designated = inquiry.read(KeyDesignations(entity, unit)).held_for(planned_on)
        lacking = [matter for matter in matters if matter not in designated]
        inquiry.require(
            not lacking,
            FIL_R12,
            **facts,
            matters=lacking,
            reason=message("filing.no-ground-named-visit", lacking=lacking),
            hint=message("filing.check-writing-shared-data-remotely-report"),
        )
    visits = inquiry.read(UndrawnVisits(entity, unit))
    nearest = visits.nearest(planned_on)
    inquiry.require(
        nearest is None or abs((planned_on - nearest).days) >= interval,
        FIL_R12,
        **facts,
        interval=interval,
        nearest=nearest,
        reason=message(
            "filing.undrawn-daily-visits-must-be-days-apart", interval=interval, nearest=nearest
        ),
        hint=message("filing.plan-visit-later", earliest=visits.earliest(planned_on, interval)),
    )


def require_coded(inquiry: Inquiry, coding: InspectionCoding | None, result: str) -> None:
    """Raise ``Malformed`` for a code that ``exchange.inspection_codes`` does not list.

    The code of the result must be a code for ``result``.
    """
    if coding is None:
        return
    tables = inquiry.setting("exchange.inspection_codes")
    for field in ("form", "type", "mode", "result"):
        code = getattr(coding, field)
        if code is not None and code not in tables[field]:
            raise Malformed(
                "filing.must-be-code-exchange-inspection-codes",
                pointer=f"/coding/{field}",
                field=field,
                tables=sorted(tables[field]),
                code=code,
            )
    if coding.result is not None and result not in tables["result"][coding.result]["of"]:
        fitting = [code for code, entry in tables["result"].items() if result in entry["of"]]
        raise Malformed(
            "filing.result-must-be-code",
            pointer="/coding/result",
            result=result,
            fitting=fitting or message("filing.none"),
            coding_result=coding.result,
        )
