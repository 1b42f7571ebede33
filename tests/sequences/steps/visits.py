"""Steps of plans, filings, visits, joint visits and key lists."""

from __future__ import annotations

from datetime import date
from typing import Any

from ledger.systems.filing import commands as filing
from ledger.systems.joint import commands as joint
from ledger.systems.keylist import commands as keylist
from ledger.systems.supervision import commands as supervision
from tests.sequences.book import Thing
from tests.sequences.drafts import Draft, NotNow
from tests.sequences.prelude import inspected, item
from tests.sequences.steps import RARE, Table
from tests.sequences.town import OFFICERS, UNITS

TABLE = Table()
add = TABLE.add

#: What prescribes the daily visits that nobody was drawn for (FIL-R12).
PRESCRIBED = {"instrument": "食品生产经营监督检查管理办法", "article": "第19条"}
NON_ONSITE = {"written": True, "shared_data": True, "remote": True, "conclusion": "insufficient"}


def _unit(x: Draft) -> str:
    return x.pick(UNITS)


def _listed(x: Draft) -> str:
    """A business that is still on the register, in the year that the plans are for."""
    if x.today.year != 2026:
        raise NotNow
    return x.some("entity", "EntityRegistered CreditGradeAssigned", "EntityLeftRegister").id


def _pair(x: Draft) -> tuple[str, ...]:
    return OFFICERS[x.unit][:2]


def _last_is(x: Draft, *names: str) -> bool:
    """Whether the last thing that happened to the plan is one of these."""
    of = (
        "AnnualPlanApproved",
        "PlanAmended",
        "AnnualPlanFiled",
        "FilingAccepted",
        "FilingReturned",
    )
    happened = [n for r in x.thing.records if (n := type(r.event).__name__) in of]
    return bool(happened) and happened[-1] in names


add(
    filing.ApproveAnnualPlan,
    new="plan",
    unit=_unit,
    year=2027,
    items=lambda x: [item(inspected(x.unit), months=range(1, 7))],
)
add(
    filing.AmendPlan,
    "plan",
    after="AnnualPlanApproved",
    diff=lambda x: {"set_items": [item(inspected(x.unit))]},
    weight=RARE,
)
add(
    filing.FileAnnualPlan,
    "plan",
    after="AnnualPlanApproved",
    when=lambda x: _last_is(x, "AnnualPlanApproved", "PlanAmended"),
)
add(
    filing.AcceptFiling,
    "plan",
    after="AnnualPlanFiled",
    when=lambda x: _last_is(x, "AnnualPlanFiled"),
)
add(
    filing.ReturnFiling,
    "plan",
    after="AnnualPlanFiled",
    when=lambda x: _last_is(x, "AnnualPlanFiled") and x.thing.get("year") != 2026,
)
add(
    filing.PublishPlan,
    "plan",
    after="FilingAccepted",
    url="https://example.org/plan",
    when=lambda x: "PlanPublished" not in x.thing.names or x.chance(0.1),
)
add(
    filing.ApproveSpecialPlan,
    new="plan",
    unit=_unit,
    matters=lambda x: [inspected(x.unit)],
    period_from=lambda x: x.today,
    period_to=lambda x: x.day(60),
    deployed_by="superior",
    scope="全区餐饮",
    government_approval=lambda x: {
        "authority": "新区管委会",
        "level": "vertical_superior",
        "doc_no": "新政函〔2026〕1号",
        "approved_on": x.today,
    },
)
add(
    filing.FileSpecialInspection,
    new="filing",
    label="on a complaint",
    unit=_unit,
    ground=lambda x: x.pick(("complaint", "food_drug", "public_health_emergency")),
    matters=lambda x: [inspected(x.unit)],
)
add(
    filing.FileSpecialInspection,
    new="filing",
    label="of a special plan",
    unit=lambda x: x.some("plan", "SpecialPlanApproved").get("unit"),
    ground="superior_assignment",
    special_plan=lambda x: x.some("plan", "SpecialPlanApproved", unit=x.unit).id,
    matters=lambda x: [inspected(x.unit)],
)


def _runs(x: Draft, filing: Thing) -> bool:
    """Whether it is a filing of a special plan of these days."""
    plan = filing.get("special_plan")
    if plan is None:
        return False
    approved = x.book.thing("plan", plan).last("SpecialPlanApproved")
    return bool(approved.period_from <= x.today <= approved.period_to)


def _task(**changed: Any) -> dict[str, Any]:
    return {
        "unit": _unit,
        "entity": _listed,
        "matters": lambda x: [inspected(x.unit)],
        "officers": _pair,
        "planned_on": lambda x: x.day(x.dice.randint(0, 6)),
        "non_onsite_considered": NON_ONSITE,
        **changed,
    }


add(
    filing.ApproveTask,
    new="task",
    label="daily",
    **_task(kind="daily", trigger="plan", prescribed_by=PRESCRIBED),
)
add(
    filing.ApproveTask,
    new="task",
    label="case",
    **_task(
        kind="case",
        trigger="complaint",
        unit=lambda x: x.some("filing", "SpecialInspectionFiled").get("unit"),
        filing=lambda x: (
            x.some(
                "filing",
                "SpecialInspectionFiled",
                "InspectionTaskApproved",
                unit=x.unit,
                ground="complaint",
            ).id
        ),
    ),
)
add(
    filing.ApproveTask,
    new="task",
    label="special",
    **_task(
        kind="special",
        trigger="superior",
        unit=lambda x: x.some("filing", when=lambda f: _runs(x, f)).get("unit"),
        filing=lambda x: x.some("filing", unit=x.unit, when=lambda f: _runs(x, f)).id,
        planned_on=lambda x: x.today,
    ),
)


def _assigned(x: Draft) -> list[str]:
    officers = list(x.thing.last("OfficersAssigned").officers)
    for change in x.thing.events("OfficerSubstituted"):
        officers = [change.to_officer if o == change.from_officer else o for o in officers]
    return officers


add(
    filing.ApproveTask,
    "target",
    after="OfficersAssigned",
    before="InspectionTaskApproved DrawTargetInspected DrawTargetExempted DrawTargetReleased",
    new="task",
    label="of a draw",
    when=lambda x: (
        not any(
            t.get("entity") == x.thing.get("entity")
            for t in x.book.of("task", "InspectionTaskApproved", "InspectionCancelled")
            if t.get("draw") == x.thing.get("draw")
        )
    ),
    unit=lambda x: x.unit,
    entity=lambda x: x.thing.get("entity"),
    kind="daily",
    trigger="plan",
    matters=lambda x: [inspected(x.unit)],
    officers=_assigned,
    planned_on=lambda x: max(x.today, x.thing.last("OfficersAssigned").planned_on),
    non_onsite_considered=NON_ONSITE,
    draw=lambda x: x.thing.get("draw"),
)


def _visits(x: Draft) -> list[Thing]:
    """The tasks approved for a joint visit that were not cancelled."""
    tasks = x.book.of("task", "InspectionTaskApproved", "InspectionCancelled")
    return [task for task in tasks if task.get("joint") == x.thing.id]


add(
    filing.ApproveTask,
    "joint",
    after="JointPlanned",
    before="JointCancelled JointVisitHeld",
    new="task",
    when=lambda x: x.thing.get("window_to") >= x.today and x.today.year == 2026,
    label="joint",
    **_task(
        kind="daily",
        trigger="plan",
        unit=lambda x: x.pick(
            unit
            for unit in (x.thing.get("unit"), *(e.unit for e in x.thing.events("JoinAccepted")))
            if unit not in {t.get("unit") for t in _visits(x)}
        ),
        entity=lambda x: x.thing.get("entity"),
        planned_on=lambda x: max(
            x.today, x.thing.get("window_from"), *(t.get("planned_on") for t in _visits(x))
        ),
        joint=lambda x: x.thing.id,
        prescribed_by=PRESCRIBED,
    ),
)

LIVE = "InspectionCancelled"


def _near(x: Draft) -> bool:
    """Whether the day of the visit has come."""
    planned: date = x.thing.last("InspectionTaskApproved").planned_on
    return planned <= x.today and planned.year == x.today.year


def _team(x: Draft) -> list[str]:
    return list(x.thing.last("InspectionTaskApproved").officers)


add(
    filing.IssueInspectionNotice,
    "task",
    after="InspectionTaskApproved",
    before=f"InspectionNoticeIssued OnSiteInspectionOpened {LIVE}",
)
add(
    filing.CancelInspection,
    "task",
    after="InspectionTaskApproved",
    before=f"OnSiteInspectionOpened {LIVE}",
    weight=RARE,
)
add(
    filing.ScanEntry,
    "task",
    after="InspectionNoticeIssued",
    before=f"EntryScanned OnSiteInspectionOpened {LIVE}",
    when=_near,
    act_code=lambda x: f"AC-{x.thing.id}",
)
add(
    filing.OpenInspection,
    "task",
    after="InspectionNoticeIssued EntryScanned",
    before=f"OnSiteInspectionOpened {LIVE}",
    when=_near,
    officers=_team,
    certs_shown=lambda x: [f"甘{o}" for o in _team(x)],
    notice_shown=True,
    rights_informed=lambda x: x.chance(0.9),
    conduct_rules_informed=lambda x: x.chance(0.9),
)
add(
    filing.OpenInspection,
    new="task",
    label="in an emergency",
    task=lambda x: x.name("task"),
    officers=_pair,
    certs_shown=lambda x: [f"甘{o}" for o in OFFICERS[x.unit][:2]],
    notice_shown=True,
    rights_informed=True,
    conduct_rules_informed=True,
    emergency=lambda x: {
        "unit": x.unit,
        "entity": x.business(),
        "matters": [inspected(x.unit)],
        "ground": "food_drug",
    },
)
add(
    filing.SignOnSiteRecord,
    "task",
    after="OnSiteInspectionOpened",
    before=f"OnSiteRecordSigned InspectionConcluded {LIVE}",
    label="signed",
    record_digest=lambda x: x.digest(),
    entity_signature="店长",
)
add(
    filing.SignOnSiteRecord,
    "task",
    after="OnSiteInspectionOpened",
    before=f"OnSiteRecordSigned InspectionConcluded {LIVE}",
    label="refused",
    record_digest=lambda x: x.digest(),
    refusal_reason="拒绝签字",
)
add(
    filing.CloseInspection,
    "task",
    after="OnSiteInspectionOpened OnSiteRecordSigned",
    before=f"OnSiteInspectionClosed {LIVE}",
)
add(
    filing.ConcludeInspection,
    "task",
    after="OnSiteInspectionClosed",
    before="InspectionConcluded",
    result=lambda x: x.pick(
        ("no_issue", "issue_corrected_on_spot", "order_to_correct", "case_filed", "referred")
    ),
    note="说明",
)
add(
    filing.NotifyResult,
    "task",
    after="InspectionConcluded",
    before="ResultNotified",
)
add(
    filing.RecordOffSiteCheck,
    unit=_unit,
    entity=_listed,
    matters=lambda x: [inspected(x.unit)],
)
add(
    filing.RateVisit,
    "task",
    after="InspectionConcluded",
    before="VisitRated",
    entity=lambda x: x.thing.get("entity"),
)
add(
    filing.ReportIrregularVisit,
    new="irregular-visit",
    reporter="supervisor",
    entity=lambda x: x.business(),
    visited_on=lambda x: x.day(-x.dice.randint(0, 20)),
    unit=_unit,
    matters=lambda x: x.pick(([], [inspected(x.unit)])),
    label=lambda x: x.pick(("inspection", "random_inspection", "research", "observation")),
    scanned=lambda x: x.chance(0.3),
    sent_by="jb_supervisor",
)

# Joint visits.
add(
    joint.PublishJointList,
    new="joint-artefact",
    matters=lambda x: [inspected(unit) for unit in UNITS],
    url="https://example.org/jl",
)
add(
    joint.PublishJointCalendar,
    new="joint-artefact",
    year=2026,
    entries=lambda x: [
        {
            "lead": UNITS[0],
            "participants": list(UNITS[1:]),
            "months": list(range(1, 13)),
            "subject": "食品",
        }
    ],
)
add(
    joint.AdoptJointProcedure,
    new="joint-artefact",
    doc_no=lambda x: x.name("兰新联"),
    lead=UNITS[0],
    participants=list(UNITS[1:]),
    effective_from=lambda x: x.today,
)
add(
    joint.AdoptUnifiedForm,
    new="joint-artefact",
    title="综合查一次",
    items=lambda x: [{"item": f"项目{unit}", "matter": inspected(unit)} for unit in UNITS],
    sent_by="jb_supervisor",
)
add(
    joint.PlanJoint,
    new="joint",
    unit=lambda x: UNITS[0],
    entity=_listed,
    participants=lambda x: [{"unit": unit, "matters": [inspected(unit)]} for unit in UNITS[:2]],
    modes=["by_list", "one_form"],
    window_from=lambda x: x.day(x.dice.randint(0, 4)),
    window_to=lambda x: x.day(30),
    joint_list=lambda x: x.some("joint-artefact", "JointListPublished").id,
    unified_form=lambda x: x.some("joint-artefact", "UnifiedFormAdopted").id,
)
OPEN_JOINT = "JointCancelled JointVisitHeld"
add(
    joint.OfferJoin,
    "joint",
    after="JointPlanned",
    before=OPEN_JOINT,
    when=lambda x: all(e.part.unit != UNITS[2] for e in x.thing.events("JoinOffered")),
    part=lambda x: {"unit": UNITS[2], "matters": [inspected(UNITS[2])]},
)


def _invited(x: Draft) -> list[str]:
    """Those who have not answered yet."""
    answered = {e.unit for n in ("JoinAccepted", "JoinDeclined") for e in x.thing.events(n)}
    own = x.thing.get("unit")
    offered = [e.part.unit for e in x.thing.events("JoinOffered")]
    return [unit for unit in offered if unit not in answered and unit != own]


add(
    joint.AcceptJoin,
    "joint",
    after="JoinOffered",
    before=OPEN_JOINT,
    when=_invited,
    unit=lambda x: x.pick(_invited(x)),
)
add(
    joint.DeclineJoin,
    "joint",
    after="JoinOffered",
    before=OPEN_JOINT,
    when=_invited,
    weight=RARE,
    unit=lambda x: x.pick(_invited(x)),
    entity=lambda x: x.thing.get("entity"),
    joint=lambda x: x.thing.id,
    reason="须夜间检查",
)
add(
    joint.CancelJoint,
    "joint",
    after="JointPlanned",
    before=OPEN_JOINT,
    when=lambda x: not _visits(x),
    weight=RARE,
)
add(
    joint.RecordJointVisit,
    "joint",
    after="JoinAccepted",
    before=OPEN_JOINT,
    when=lambda x: (
        any("OnSiteInspectionClosed" in task.names for task in _visits(x))
        and not any(
            "OnSiteInspectionOpened" in task.names and "OnSiteInspectionClosed" not in task.names
            for task in _visits(x)
        )
    ),
    matters_checked=lambda x: [inspected(x.unit)],
    sent_by="unit_head",
)

# Key matters and key units.
add(
    keylist.ListKeyMatter,
    domain="food_drug",
    unit=_unit,
    matter=lambda x: inspected(x.unit),
    procedure_ref="兰新规〔2026〕1号",
    risk_assessment=lambda x: x.name("RA"),
    expires_on=lambda x: x.day(300),
)
add(
    keylist.DelistKeyMatter,
    "matter",
    after="KeyMatterListed",
    before="KeyMatterDelisted",
    domain=lambda x: x.thing.last("KeyMatterListed").domain,
    weight=RARE,
)
add(keylist.RunScreening, new="screening", sent_by="unit_head", unit=_unit)
add(
    keylist.DesignateKeyUnit,
    new="designation",
    reason="两年内三次同类问题",
    unit=lambda x: x.some("matter", "KeyMatterListed", "KeyMatterDelisted").get("unit"),
    entity=_listed,
    matters=lambda x: [inspected(x.unit)],
    tracking_officer=lambda x: OFFICERS[x.unit][0],
    guidance_plan="GP-1",
    review_on=lambda x: x.day(90),
    notice_no=lambda x: x.name("告"),
    notified_on=lambda x: x.day(-6),
)
add(
    keylist.DesignateKeyUnit,
    "screening",
    after="ScreeningRun",
    new="designation",
    label="by a screening",
    unit=lambda x: x.thing.get("unit"),
    run=lambda x: x.thing.id,
    entity=_listed,
    matters=lambda x: [inspected(x.unit)],
    tracking_officer=lambda x: OFFICERS[x.unit][0],
    guidance_plan="GP-1",
    review_on=lambda x: x.day(90),
    notice_no=lambda x: x.name("告"),
    notified_on=lambda x: x.day(-6),
)
OPEN_KEY = "KeyDesignationEnded"
add(
    keylist.ProvideGuidance,
    "designation",
    after="KeyUnitDesignated",
    before=OPEN_KEY,
)
add(
    keylist.LogTrackingVisit,
    "designation",
    after="KeyUnitDesignated",
    before=OPEN_KEY,
    officers=_pair,
)
add(
    keylist.ReviewKeyDesignation,
    "designation",
    after="KeyUnitDesignated",
    before=OPEN_KEY,
    review_on=lambda x: x.day(90),
    outcome="keep",
)
add(
    keylist.EndKeyDesignation,
    "designation",
    after="KeyUnitDesignated",
    before=OPEN_KEY,
    weight=RARE,
)

# What is reported of visits.
add(
    supervision.ReportProhibitedConduct,
    unit=_unit,
    code=lambda x: x.dice.randint(1, 5),
    conducted_on=lambda x: x.day(-x.dice.randint(0, 30)),
    entity=lambda x: x.pick((None, x.business())),
    officer=lambda x: x.pick((None, OFFICERS[x.unit][0])),
    sent_by="jb_supervisor",
)
add(
    supervision.OrderBlanketMeasure,
    unit=_unit,
    area="中川园区",
    sectors=["餐饮"],
    ground=lambda x: x.pick(("life_safety", "major_accident", "national_event")),
    halted_from=lambda x: x.today,
    halted_to=lambda x: x.day(5),
    approval=lambda x: {
        "authority": "新区管委会",
        "level": "county_government",
        "doc_no": "1号",
        "approved_on": x.today,
    },
)
