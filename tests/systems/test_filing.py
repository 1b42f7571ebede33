"""Plans, filings, tasks and visits (2.2), and the rules of 2.1 and 2.10 that they apply."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.general.values import GovernmentApproval
from ledger.kernel import (
    DeadlineMissed,
    Event,
    Fact,
    Forbidden,
    LegalRef,
    Malformed,
    OutOfStep,
    PolicyVersionAdopted,
    UnknownReference,
    civil_moment,
)
from ledger.systems.catalogue.events import (
    Basis,
    EnforcementUnitQualified,
    MatterElements,
    MatterListed,
    MatterPublished,
    MatterRevised,
    MatterWithdrawn,
    OfficerCertificateSuspended,
    OfficerCertified,
    OfficerConflictDeclared,
    OfficerConflictEnded,
)
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.entities.events import EntityRegistered, Identity
from ledger.systems.filing.commands import (
    AcceptFiling,
    AmendPlan,
    ApproveAnnualPlan,
    ApproveSpecialPlan,
    ApproveTask,
    CancelInspection,
    CloseInspection,
    ConcludeInspection,
    FileAnnualPlan,
    FileSpecialInspection,
    IssueInspectionNotice,
    NotifyResult,
    OpenInspection,
    PublishPlan,
    RateVisit,
    RecordOffSiteCheck,
    ReportIrregularVisit,
    ReturnFiling,
    ScanEntry,
    SignOnSiteRecord,
)
from ledger.systems.filing.commands.visits import Emergency
from ledger.systems.filing.events import (
    AnnualPlanApproved,
    AnnualPlanFiled,
    EntryScanned,
    FilingAccepted,
    FilingReturned,
    InspectionCancelled,
    InspectionConcluded,
    InspectionNoticeIssued,
    InspectionTaskApproved,
    IrregularVisitReported,
    NonOnsiteConsidered,
    OffSiteCheckRecorded,
    OnSiteInspectionClosed,
    OnSiteInspectionOpened,
    OnSiteRecordSigned,
    PlanAmended,
    PlanDiff,
    PlanItem,
    PlanPublished,
    ResultNotified,
    SpecialInspectionFiled,
    SpecialPlanApproved,
    VisitRated,
)
from ledger.systems.grading.events import CreditGradeAssigned, Factor
from ledger.systems.persons.events import PersonRegistered
from ledger.systems.policies.commands import AdoptPolicyVersion, SeedLedger
from tests.cast import E_A, E_B, E_C, EMB, JB, OFFICER, REP_A, actor
from tests.gwt import Scenario, like, on
from tests.systems.sealing import someone

replace = msgspec.structs.replace

NOT_ENOUGH = NonOnsiteConsidered(
    written=True, shared_data=True, remote=True, conclusion="insufficient"
)
#: The provision that prescribes the daily visits of these tests (FIL-R12).
PRESCRIBED = LegalRef(instrument="食品生产经营监督检查管理办法", article="第19条")
GRADING = CreditGradeAssigned(
    entity=E_A,
    scheme="samr",
    grade="A",
    assessed_on=date(2026, 1, 4),
    source="samr",
    factors=(Factor(kind="external_assessment"),),
    inputs_hash="0" * 64,
)


def matter(name: str, unit: str = "MRB", **elements: Any) -> MatterListed:
    return MatterListed(
        matter=name,
        unit=unit,
        elements=MatterElements(
            name=name,
            act_kind="inspection",
            office_id="科室",
            bases=(Basis(level="law", instrument="食品安全法", article="110"),),
            **{"domain": "food_drug", **elements},
        ),
    )


def published(name: str, unit: str = "MRB") -> MatterPublished:
    return MatterPublished(
        matter=name, unit=unit, version=1, url="https://example.org", published_on=date(2026, 1, 6)
    )


def officer(name: str, unit: str = "MRB", to: date = date(2027, 7, 31)) -> OfficerCertified:
    return OfficerCertified(
        officer=name,
        unit=unit,
        cert_no=f"甘A-{name}",
        valid_from=date(2024, 8, 1),
        valid_to=to,
        domains=("food_drug", "work_safety"),
    )


def item(name: str, *months: int) -> PlanItem:
    return PlanItem(
        matter=name, mode="key", target_class="食品生产", planned_visits=10, months=months
    )


def plan(unit: str = "MRB", *items: PlanItem) -> list[Event]:
    """An approved plan that is filed on the day."""
    name = f"PLAN-{unit}-2026"
    return [
        AnnualPlanApproved(plan=name, unit=unit, year=2026, items=items),
        AnnualPlanFiled(plan=name, unit=unit, version=1, filed_on=date(2026, 1, 20)),
    ]


#: MRB with M-101 in force and planned for March, June and August; EMB with M-201 for all of them.
REGION: list[Fact] = (
    [
        on(
            "2026-01-04",
            EnforcementUnitQualified(
                unit=unit, name=unit, kind="organ", valid_from=date(2020, 1, 1), area="中川园区"
            ),
        )
        for unit in ("MRB", "EMB")
    ]
    + [
        on("2026-01-06", event)
        for event in (
            matter("M-101"),
            published("M-101"),
            matter("M-201", "EMB", domain="work_safety"),
            published("M-201", "EMB"),
            matter("M-103"),
            *(officer(f"OFF-00{n}") for n in range(1, 7)),
            officer("OFF-007", to=date(2026, 7, 31)),
            officer("OFF-011", "EMB"),
            officer("OFF-012", "EMB"),
            *(EntityRegistered(entity=entity, identity=Identity()) for entity in (E_A, E_B, E_C)),
        )
    ]
    + [
        on("2026-01-20", event)
        for event in (
            *plan("MRB", item("M-101", 3, 6, 8)),
            *plan("EMB", item("M-201", 3, 6, 8), item("M-101", *range(1, 13))),
        )
    ]
)


@pytest.fixture
def january() -> Scenario:
    """The region as the year begins."""
    return Scenario(InMemoryDCBRecorder()).given(SeedLedger(), *REGION)


@pytest.fixture
def story(january: Scenario) -> Scenario:
    """The region in March 2026, with a visit of another unit and one to another business booked."""
    return january.at("2026-03-02T09:00+08:00").amid(
        approved("T-EMB", unit="EMB", matters=("M-201",), officers=("OFF-011", "OFF-012")),
        approved("T-OTHER", entity=E_C),
    )


def task(name: str = "T-1", planned_on: str = "2026-03-18", **changed: Any) -> ApproveTask:
    return replace(
        ApproveTask(
            task=name,
            unit="MRB",
            entity=E_B,
            kind="daily",
            trigger="plan",
            matters=("M-101",),
            officers=("OFF-001", "OFF-002"),
            planned_on=date.fromisoformat(planned_on),
            non_onsite_considered=NOT_ENOUGH,
            prescribed_by=PRESCRIBED,
        ),
        **changed,
    )


def approved(name: str = "T-1", **changed: Any) -> InspectionTaskApproved:
    return replace(
        InspectionTaskApproved(
            task=name,
            entity=E_B,
            unit="MRB",
            kind="daily",
            trigger="plan",
            matters=("M-101",),
            officers=("OFF-001", "OFF-002"),
            planned_on=date(2026, 3, 18),
            approver="MRB-HEAD",
            counter="capped",
            non_onsite_considered=NOT_ENOUGH,
        ),
        **changed,
    )


def filed(name: str = "FIL-1", **changed: Any) -> SpecialInspectionFiled:
    return replace(
        SpecialInspectionFiled(filing=name, unit="MRB", ground="complaint", matters=("M-101",)),
        **changed,
    )


def campaign(name: str = "SP-1", **changed: Any) -> SpecialPlanApproved:
    return replace(
        SpecialPlanApproved(
            plan=name,
            unit="MRB",
            matters=("M-101",),
            necessity_assessment_ref="NA",
            scope="-",
            period_from=date(2026, 3, 1),
            period_to=date(2026, 3, 31),
            deployed_by="own",
        ),
        **changed,
    )


CASE = {"kind": "case", "trigger": "complaint", "filing": "FIL-1"}
NOTICE = IssueInspectionNotice(task="T-1", notice_no="N-1")
SCAN = ScanEntry(task="T-1", act_code="AC-1", device="D-1")
OPEN = OpenInspection(
    task="T-1",
    officers=("OFF-001", "OFF-002"),
    certs_shown=("甘A-OFF-001", "甘A-OFF-002"),
    notice_shown=True,
    rights_informed=True,
    conduct_rules_informed=True,
)
SIGN = SignOnSiteRecord(task="T-1", record_digest="ab" * 32, signatory=someone())
CLOSE = CloseInspection(task="T-1")
CONCLUDE = ConcludeInspection(task="T-1", result="no_issue")
NOTIFY = NotifyResult(task="T-1")
URGENT = replace(
    OPEN,
    notice_shown=False,
    emergency=Emergency(unit="MRB", entity=E_C, matters=("M-101",), ground="food_drug"),
)


def position(story: Scenario, topic: str, tag: str) -> int:
    """Where the newest event of a type about a subject stands."""
    found = [
        e.position
        for e in story.ledger.recorder.read()
        if e.event.type == topic and tag in e.event.tags
    ]
    return found[-1]


# Annual plans


PLAN = ApproveAnnualPlan(plan="PLAN-1", unit="MRB", year=2026, items=(item("M-101", 3),))
FILE = FileAnnualPlan(plan="PLAN-1", unit="MRB")


def test_a_plan_is_approved_filed_accepted_and_published(january: Scenario) -> None:
    """S2: approved 01-15 means filed by 01-22; on 01-23 it is a day late. Each step comes once."""
    january.at("2026-01-15T09:00+08:00").when(PLAN).then(AnnualPlanApproved)
    january.when(PLAN).raises(OutOfStep)
    publish = PublishPlan(plan="PLAN-1", unit="MRB", url="https://example.org/plan")
    january.when(publish).raises(OutOfStep, says="must be filed before it is published")
    january.when(AcceptFiling(plan="PLAN-1"), JB).raises(OutOfStep, says="not filed yet")
    january.at("2026-01-23T09:00+08:00").when(FILE).then(like(AnnualPlanFiled, days_late=1))
    january.when(FILE).raises(OutOfStep, says="filed already")
    january.when(AcceptFiling(plan="PLAN-1"), JB).then(FilingAccepted)
    january.when(ReturnFiling(plan="PLAN-1", reasons="-"), JB).raises(OutOfStep, says="accepted")
    january.when(publish).then(PlanPublished)


def test_filing_a_plan_has_a_deadline(january: Scenario) -> None:
    """The clock finds on 01-23 what was due on 01-22, and for an amendment likewise."""
    january.at("2026-01-15T09:00+08:00").given(PLAN)
    opened = position(january, AnnualPlanApproved.TOPIC, "plan:PLAN-1")
    miss = EndDeadline(rule_name="filing.plan_wd", opened_at_position=opened)
    january.at("2026-01-23T09:00+08:00").when(miss).then(
        like(DeadlineMissed, due_on=date(2026, 1, 22))
    )
    january.given(FILE).at("2026-05-06T09:00+08:00").given(
        AmendPlan(
            plan="PLAN-1", unit="MRB", diff=PlanDiff(set_items=(item("M-101", 5),)), reason="-"
        )
    )
    opened = position(january, PlanAmended.TOPIC, "plan:PLAN-1")
    miss = EndDeadline(rule_name="filing.plan_wd.amended", opened_at_position=opened)
    january.at("2026-05-13T09:00+08:00").when(miss).then(
        like(DeadlineMissed, due_on=date(2026, 5, 12))
    )


def test_a_returned_plan_is_amended_before_it_is_filed_again(story: Scenario) -> None:
    """A returned version stays returned; the next one is filed."""
    story.given(PLAN, FILE).given(ReturnFiling(plan="PLAN-1", reasons="缺比例"), actor=JB)
    story.when(FILE).raises(OutOfStep, says="returned")
    story.given(
        AmendPlan(
            plan="PLAN-1", unit="MRB", diff=PlanDiff(set_items=(item("M-101", 4),)), reason="-"
        )
    )
    story.when(FILE).then(like(AnnualPlanFiled, version=2))


@pytest.mark.parametrize(
    ("diff", "pointer"),
    [
        (PlanDiff(), "/diff"),
        (PlanDiff(removed_matters=("M-201",)), "/diff/removed_matters"),
        (PlanDiff(set_items=(item("M-101", 5), item("M-101", 6))), "/items/1/matter"),
    ],
)
def test_an_amendment_changes_something(story: Scenario, diff: PlanDiff, pointer: str) -> None:
    """Nothing, a matter that is not in the plan, and one matter twice are no amendment."""
    story.when(AmendPlan(plan="PLAN-MRB-2026", unit="MRB", diff=diff, reason="调整")).raises(
        Malformed, pointer=pointer
    )


def test_a_plan_belongs_to_its_unit(story: Scenario) -> None:
    """Nobody files the plan of another unit, neither as that unit nor as the own."""
    story.when(PLAN, EMB).raises(Forbidden)
    story.given(PLAN)
    story.when(FILE, EMB).raises(Forbidden)
    assert story.when(replace(FILE, unit="EMB"), EMB).outcome is None


# Special plans


SPECIAL = ApproveSpecialPlan(
    plan="SP-1",
    unit="MRB",
    matters=("M-101",),
    necessity_assessment_ref="NA-1",
    scope="全区餐饮",
    period_from=date(2026, 9, 1),
    period_to=date(2026, 10, 31),
    deployed_by="own",
    government_approval=GovernmentApproval(
        authority="新区管委会",
        level="county_government",
        doc_no="新政函〔2026〕1号",
        approved_on=date(2026, 2, 20),
    ),
    quota_no="2026-1",
)


def test_FIL_R3_a_campaign_of_the_units_own_needs_a_government(story: Scenario) -> None:
    """S3: without approval none; a superior's campaign names the superior's own document."""
    bare = replace(SPECIAL, government_approval=None)
    story.when(bare).refused(
        "FIL-R3", reason="government_approval must name the approval of a government"
    )
    deployed = replace(bare, deployed_by="superior", quota_no=None)
    story.when(deployed).refused("FIL-R3")
    story.when(replace(deployed, government_approval=SPECIAL.government_approval)).refused("FIL-R3")
    order = replace(SPECIAL.government_approval, level="vertical_superior")
    story.when(replace(deployed, government_approval=order)).then(SpecialPlanApproved)


def test_a_special_plan_is_approved_once_by_its_unit(story: Scenario) -> None:
    """For a period that ends after it begins."""
    story.when(SPECIAL, EMB).raises(Forbidden)
    backwards = replace(SPECIAL, period_to=date(2026, 8, 31))
    story.when(backwards).raises(Malformed, pointer="/period_to")
    story.given(SPECIAL).when(SPECIAL).raises(OutOfStep, says="SP-1")


def test_a_filing_is_made_once_by_its_unit(story: Scenario) -> None:
    """About matters, plans and tasks that are there."""
    file = FileSpecialInspection(filing="FIL-1", unit="MRB", ground="complaint", matters=("M-101",))
    story.when(file, EMB).raises(Forbidden)
    for unknown in ({"matters": ("M-404",)}, {"special_plan": "SP-404"}, {"task": "T-404"}):
        story.when(replace(file, **unknown)).raises(UnknownReference)
    story.when(file).then(like(SpecialInspectionFiled, days_late=0))
    story.when(file).raises(OutOfStep, says="FIL-1")


def test_FIL_R3_campaigns_are_counted_by_the_year(story: Scenario) -> None:
    """With a quota of one the second is refused; other units, years and superiors do not count."""
    story.given(quota(1))
    story.amid(
        *(
            SpecialPlanApproved(
                plan=f"SP-{name}",
                unit=unit,
                matters=("M-101",),
                necessity_assessment_ref="NA",
                scope="-",
                period_from=start,
                period_to=start,
                deployed_by=by,
                quota_no="2026-1",
            )
            for name, unit, start, by in (
                ("a", "EMB", date(2026, 9, 1), "own"),
                ("b", "MRB", date(2025, 9, 1), "own"),
                ("c", "MRB", date(2026, 9, 1), "superior"),
            )
        )
    )
    story.when(replace(SPECIAL, quota_no=None)).refused("FIL-R3")
    story.when(SPECIAL).then(SpecialPlanApproved)
    story.when(replace(SPECIAL, plan="SP-2")).refused("FIL-R3")
    next_year = {"period_from": date(2027, 1, 1), "period_to": date(2027, 1, 31)}
    story.when(replace(SPECIAL, plan="SP-2", **next_year)).then(SpecialPlanApproved)


def test_FIL_R3_no_quota_is_no_limit(story: Scenario) -> None:
    """While the authority has set none, campaigns are not counted and need no number."""
    story.given(SPECIAL)
    story.when(replace(SPECIAL, plan="SP-2", quota_no=None)).then(SpecialPlanApproved)


def quota(campaigns: int) -> PolicyVersionAdopted:
    """The policy that limits the campaigns of a year."""
    return PolicyVersionAdopted(
        key="special.approval",
        version=2,
        value={"annual_quota": campaigns},
        unit="table",
        effective_from=date(2026, 1, 1),
        source=LegalRef(instrument="新区通知"),
        confidence="U",
    )


# Tasks


def test_a_planned_task_is_approved_with_the_version_that_covers_it(story: Scenario) -> None:
    """The event says which plan and version, and that the visit counts under the cap."""
    story.when(task()).then(
        approved(plan="PLAN-MRB-2026", plan_version=1, prescribed_by=PRESCRIBED)
    )
    story.when(task()).raises(OutOfStep, says="T-1")


def test_FIL_R1_a_daily_task_stands_in_the_plan(story: Scenario) -> None:
    """S2: May is not planned, whatever another unit plans; an amendment counts once it is filed."""
    may = task(planned_on="2026-05-11")
    story.when(may).refused("FIL-R1", matters="M-101")
    amended = PlanAmended(
        plan="PLAN-MRB-2026",
        unit="MRB",
        version=2,
        diff=PlanDiff(set_items=(item("M-101", 3, 5),)),
        reason="增加5月",
    )
    story.given(amended).when(may).refused("FIL-R1")
    file = FileAnnualPlan(plan="PLAN-MRB-2026", unit="MRB")
    story.given(file).when(may).then(like(InspectionTaskApproved, plan_version=2))


def test_FIL_R1_a_returned_version_covers_nothing(story: Scenario) -> None:
    """After a return the version before it holds: here there is none."""
    story.given(FilingReturned(plan="PLAN-MRB-2026", unit="MRB", version=1, reasons="-"))
    story.when(task()).refused("FIL-R1")


def test_FIL_R1_a_plan_counts_from_its_filing(story: Scenario) -> None:
    """A task of a day before the filing is not covered by it."""
    story.given(on("2026-03-01", matter("M-104")), on("2026-03-01", published("M-104")))
    story.given(replace(PLAN, items=(item("M-104", 3),)), FILE)
    early = task(matters=("M-104",), occurred_at=civil_moment(date(2026, 3, 1), 9))
    story.when(early).refused("FIL-R1")
    story.when(task(matters=("M-104",))).then(InspectionTaskApproved)


def test_FIL_R1_a_filing_lies_some_days_before_the_visit(story: Scenario) -> None:
    """Where a policy asks for it: by the version that planned the visit first."""
    story.given(on("2026-03-02", matter("M-104")), on("2026-03-02", published("M-104")))
    story.given(
        AdoptPolicyVersion(
            key="filing.lead_wd",
            value=7,
            unit="wd",
            effective_from=date(2026, 3, 2),
            source=LegalRef(instrument="行政检查备案办法"),
            confidence="U",
        ),
        actor=JB,
    )
    plan = replace(PLAN, plan="PLAN-2", items=(item("M-104", 3),))
    story.given(plan, replace(FILE, plan="PLAN-2"))
    # Filed on Monday 03-02: the seventh working day after it is 03-11.
    early = task(matters=("M-104",), planned_on="2026-03-10")
    story.when(early).refused("FIL-R1", matters="M-104", filed_on=date(2026, 3, 2))
    assert "2026-03-11 or later" in str(story.error.hint)  # type: ignore[union-attr]
    # A later version that plans it too brings no later day, but what it adds has a day of its own.
    amended = PlanAmended(
        plan="PLAN-2",
        unit="MRB",
        version=2,
        diff=PlanDiff(set_items=(item("M-104", 3, 4),)),
        reason="增加4月",
    )
    story.at("2026-03-30T09:00+08:00")
    story.given(amended, replace(FILE, plan="PLAN-2"))
    story.when(task(matters=("M-104",), planned_on="2026-03-31")).then(InspectionTaskApproved)
    april = task("T-2", matters=("M-104",), entity=E_C, planned_on="2026-04-03")
    story.when(april).refused("FIL-R1", filed_on=date(2026, 3, 30))


@pytest.mark.parametrize(
    "filing",
    [
        None,
        filed(unit="EMB"),
        filed(entity=E_C),
        filed(matters=("M-201",)),
    ],
)
def test_FIL_R2_a_case_task_is_filed_first(
    story: Scenario, filing: SpecialInspectionFiled | None
) -> None:
    """No filing, another unit's, one about another business or another matter covers nothing."""
    story.amid(filed("FIL-9"))
    if filing is not None:
        story.given(filing)
    case = task(**{**CASE, "filing": "FIL-1" if filing else None})
    story.when(case).refused("FIL-R2", kind="case")


def test_a_filed_case_task_is_exempt_from_the_cap(story: Scenario) -> None:
    """A filing that names no business, or this one, covers the task."""
    story.given(filed(), filed("FIL-2", entity=E_B))
    story.when(task(**CASE)).then(like(InspectionTaskApproved, counter="exempt", plan=None))
    story.when(task("T-2", **{**CASE, "filing": "FIL-2"})).then(InspectionTaskApproved)


def test_FIL_R2_a_case_filing_serves_one_task(story: Scenario) -> None:
    """Not a second one, at whatever business; after a cancellation it may be used again."""
    story.given(filed(), filed("FIL-2"))
    story.amid(approved("T-9", kind="case", trigger="complaint", filing="FIL-2"))
    story.amid(approved("T-8", entity=E_C, filing="FIL-1"))  # daily: it needs no filing
    story.given(task(**CASE))
    again = task("T-2", entity=E_A, **CASE)
    story.when(again).refused("FIL-R2", reason="FIL-1 was used already for task T-1")
    story.given(CancelInspection(task="T-1", reason="停业")).when(again).then(
        InspectionTaskApproved
    )


@pytest.mark.parametrize(
    ("trigger", "filing", "fits"),
    [
        ("complaint", {"ground": "complaint"}, True),
        ("complaint", {"ground": "superior_assignment"}, False),
        ("complaint", {"ground": "other", "clue_ref": "12345-1"}, True),
        ("superior", {"ground": "complaint"}, False),
        ("superior", {"ground": "superior_assignment"}, True),
        ("superior", {"ground": "food_drug", "clue_ref": "交办函1号"}, True),
        ("transfer", {"ground": "food_drug"}, False),
        ("transfer", {"ground": "food_drug", "clue_ref": "移送函2号"}, True),
        ("data_monitoring", {"ground": "complaint"}, False),
        ("data_monitoring", {"ground": "work_safety", "clue_ref": "预警3号"}, True),
        ("entity_request", {"ground": "other"}, False),
        ("entity_request", {"ground": "other", "clue_ref": "申请书4号"}, True),
    ],
)
def test_FIL_R2_the_filing_bears_out_what_triggers_a_case(
    story: Scenario, trigger: Any, filing: dict[str, Any], fits: bool
) -> None:
    """A complaint or an assignment is filed as that, whatever else with the clue it came by."""
    story.amid(filed("FIL-9", ground="complaint"), filed("FIL-8", ground="superior_assignment"))
    story.given(filed(**filing)).when(task(**{**CASE, "trigger": trigger}))
    if fits:
        story.then(like(InspectionTaskApproved, trigger=trigger, counter="exempt"))
    else:
        story.refused("FIL-R2", kind="case")


def test_FIL_R2_a_case_rests_on_no_campaign_nor_emergency(story: Scenario) -> None:
    """What was filed for a special plan, or after an emergency visit, serves that alone."""
    story.at("2026-03-02T09:00+08:00").given(replace(URGENT, task="T-E"))
    story.given(campaign(), filed(special_plan="SP-1"), filed("FIL-2", task="T-E"))
    story.when(task(**CASE)).refused("FIL-R2", reason="FIL-1 is about the campaign SP-1")
    story.when(task(**{**CASE, "filing": "FIL-2"})).refused("FIL-R2", kind="case")


@pytest.mark.parametrize("kind", ["daily", "case"])
def test_FIL_R4_the_head_approves_every_inspection(story: Scenario, kind: str) -> None:
    """Complaint-driven ones too: nobody but the head."""
    story.given(filed())
    command = task() if kind == "daily" else task(**CASE)
    legal = actor("MRB", "MRB-LEGAL", "unit_legal_office")
    story.when(command, legal).refused("FIL-R4", role="unit_legal_office")
    story.when(command).then(InspectionTaskApproved)


def test_only_a_trigger_of_its_kind_starts_a_task(story: Scenario) -> None:
    """A daily task is not triggered by a complaint, nor a case by the plan."""
    story.when(task(trigger="complaint")).raises(Malformed, pointer="/trigger")
    story.when(task(**{**CASE, "trigger": "plan"})).raises(Malformed, pointer="/trigger")


def test_CAT_R2_an_unpublished_matter_gives_no_power(story: Scenario) -> None:
    """S1: M-103 is listed and not published; a withdrawn one is no longer in force."""
    story.when(task(matters=("M-103",))).refused("CAT-R2", matter="M-103")
    story.given(MatterWithdrawn(matter="M-101", unit="MRB", reason="-"))
    story.when(task()).refused("CAT-R2", matter="M-101")


def test_a_task_is_approved_before_its_day(story: Scenario) -> None:
    """A visit of yesterday is no plan; one of today may be."""
    story.when(task(planned_on="2026-03-01")).raises(Malformed, pointer="/planned_on")
    story.when(task(planned_on="2026-03-02")).then(InspectionTaskApproved)


ACTS: list[tuple[Any, Any]] = [
    (replace(PLAN, plan="PLAN-2"), None),
    (FILE, None),
    (AcceptFiling(plan="PLAN-MRB-2026"), JB),
    (ReturnFiling(plan="PLAN-MRB-2026", reasons="-"), JB),
    (PublishPlan(plan="PLAN-MRB-2026", unit="MRB", url="u"), None),
    (SPECIAL, None),
    (
        FileSpecialInspection(filing="FIL-1", unit="MRB", ground="complaint", matters=("M-101",)),
        None,
    ),
    (task(), None),
    (NOTIFY, OFFICER),
]


@pytest.mark.parametrize(("act", "who"), ACTS, ids=lambda x: type(x).__name__)
def test_an_act_of_the_ledger_is_not_backdated(story: Scenario, act: Any, who: Any) -> None:
    """What takes effect by being recorded is of now; a day back is the entry of yesterday."""
    story.amid(approved("T-1", entity=E_C))
    story.given(
        PLAN,
        InspectionConcluded(
            task="T-1", entity=E_C, unit="MRB", matters=("M-101",), result="no_issue"
        ),
    )
    if type(act) is ApproveTask:
        act = replace(act, task="T-2")
    early = replace(act, occurred_at=civil_moment(date(2026, 3, 1), 8))
    story.when(early, who).raises(Malformed, pointer="/occurred_at", says="cannot be backdated")
    story.when(act, who)
    assert story.error is None


def test_CAT_R3_a_unit_uses_its_own_matters(story: Scenario) -> None:
    """MRB cannot act on EMB's matter, although EMB is qualified and has published it."""
    story.when(task(matters=("M-201",))).refused("CAT-R3", unit="MRB", matters="M-201")


def test_CAT_R3_an_entrusted_body_keeps_to_its_entrustment(story: Scenario) -> None:
    """It acts on the matters entrusted by their owner and on no others."""
    story.given(
        *plan("ORG", item("M-101", 3), item("M-104", 3)),
        matter("M-104"),
        published("M-104"),
        officer("OFF-021", "ORG"),
        officer("OFF-022", "ORG"),
        EnforcementUnitQualified(
            unit="ORG",
            name="服务中心",
            kind="entrusted_org",
            valid_from=date(2026, 1, 1),
            entrusted_by="MRB",
            entrustment_ref="委托书1号",
            entrusted_matters=("M-101",),
        ),
    )
    head = actor("ORG", "ORG-HEAD", "unit_head")
    command = task(unit="ORG", officers=("OFF-021", "OFF-022"))
    story.when(replace(command, matters=("M-104",)), head).refused("CAT-R3", matters="M-104")
    story.when(command, head).then(InspectionTaskApproved)


@pytest.mark.parametrize(
    ("officers", "says"),
    [
        (("OFF-001",), "only 1 named"),
        (("OFF-001", "OFF-001"), "only 1 named"),
        (("OFF-001", "OFF-007"), "OFF-007 held a certificate from 2024-08-01 to 2026-07-31 only"),
        (("OFF-001", "OFF-011"), "OFF-011 is not certified for unit MRB"),
        (("OFF-001", "OFF-099"), "OFF-099 holds no certificate"),
    ],
)
def test_FIL_R6_two_certified_officers(
    story: Scenario, officers: tuple[str, ...], says: str
) -> None:
    """S6: one officer, one of another unit, or one whose certificate ends before the visit."""
    august = task(planned_on="2026-08-03", officers=officers)
    story.when(august).refused("FIL-R6", needed=2, reason=says)


def test_FIL_R6_a_certificate_holds_that_day_for_that_domain(story: Scenario) -> None:
    """OFF-007 may still go in March; one suspended or of another domain may not."""
    story.when(task(officers=("OFF-001", "OFF-007"))).then(InspectionTaskApproved)
    story.given(
        OfficerCertificateSuspended(
            officer="OFF-002", unit="MRB", suspended_from=date(2026, 3, 18), reason="-"
        ),
        replace(officer("OFF-008"), domains=("labour",)),
    )
    story.when(task("T-2", entity=E_A)).refused(
        "FIL-R6", reason="OFF-002 has been suspended since 2026-03-18"
    )
    story.when(task("T-2", entity=E_A, officers=("OFF-001", "OFF-008"))).refused(
        "FIL-R6", reason="OFF-008 is not certified for food_drug"
    )


def test_FIL_R7_an_officer_in_conflict_stays_away(story: Scenario) -> None:
    """The conflict is of this officer with this business, until it ends."""
    conflict = OfficerConflictDeclared(officer="OFF-002", entity=E_B, basis="upheld", reason="持股")
    story.amid(replace(conflict, entity=E_C), replace(conflict, officer="OFF-003"))
    story.given(conflict)
    story.when(task()).refused("FIL-R7", officer="OFF-002", entity=E_B, reason="持股")
    story.given(OfficerConflictEnded(officer="OFF-002", entity=E_B, reason="已转让"))
    story.when(task()).then(InspectionTaskApproved)


def test_GEN_R2_the_approver_does_not_inspect(story: Scenario) -> None:
    """A head with a certificate approves no visit of the own, by whatever letters."""
    for person in ("OFF-001", "off-001"):
        head = actor("MRB", person, "unit_head")
        story.when(task(), head).refused("GEN-R2", person=person, one="approver", other="inspector")


def test_a_check_without_a_visit_is_recorded(story: Scenario) -> None:
    """The way that FIL-R9 points to: no task, no cap, each way named once."""
    check = RecordOffSiteCheck(
        unit="MRB",
        entity=E_B,
        matters=("M-101",),
        means=("shared_data", "written", "shared_data"),
        result="no_issue",
    )
    story.when(check, OFFICER).then(
        like(
            OffSiteCheckRecorded,
            means=("shared_data", "written"),
            checked_on=date(2026, 3, 2),
            entity=E_B,
        )
    )
    story.when(check, EMB).raises(Forbidden)
    story.when(replace(check, matters=("M-1999",)), OFFICER).raises(UnknownReference)
    story.when(replace(check, entity="91620100MA7LX0025D"), OFFICER).raises(UnknownReference)
    story.when(task()).then(InspectionTaskApproved)


def test_FIL_R9_no_visit_where_another_way_suffices(story: Scenario) -> None:
    """Written checks, shared data or remote means come first."""
    story.when(task(non_onsite_considered=replace(NOT_ENOUGH, conclusion="sufficient"))).refused(
        "FIL-R9"
    )


def test_FIL_R10_a_unit_inspects_in_its_own_area(story: Scenario) -> None:
    """Elsewhere it needs the assistance of the unit of the place; where is known or not asked."""
    there = EntityRegistered(entity=E_B, identity=Identity(name="乙", area="西岔园区"))
    story.amid(EntityRegistered(entity=E_C, identity=Identity(area="中川园区")))
    story.given(there)
    story.when(task()).refused("FIL-R10", unit_area="中川园区", entity_area="西岔园区")
    story.when(task(territorial_assistance_ref="协助函1号")).then(InspectionTaskApproved)


@pytest.mark.parametrize(
    ("elements", "drawn"),
    [({"domain": "general"}, True), ({"domain": "general", "special_trade": True}, False)],
)
def test_FIL_R11_general_matters_are_inspected_by_draw(
    story: Scenario, elements: dict[str, Any], drawn: bool
) -> None:
    """Outside key domains and special trades a daily inspection is drawn; a case is not."""
    story.given(
        matter("M-104", **elements),
        published("M-104"),
        replace(PLAN, items=(item("M-104", 3),)),
        FILE,
        filed(matters=("M-104",)),
    )
    story.when(task(matters=("M-104",)))
    if drawn:
        story.refused("FIL-R11", matters="M-104")
    else:
        story.then(InspectionTaskApproved)
    story.when(task("T-2", matters=("M-104",), **CASE)).then(InspectionTaskApproved)


def test_FIL_R11_an_unpublished_revision_changes_nothing(story: Scenario) -> None:
    """Neither the special trade nor another domain counts before the revision is published."""
    story.given(
        matter("M-104", domain="general"),
        published("M-104"),
        replace(PLAN, items=(item("M-104", 3),)),
        FILE,
        MatterRevised(
            matter="M-104",
            unit="MRB",
            version=2,
            elements=matter("M-104", domain="general", special_trade=True).elements,
            reason="mandate_change",
        ),
    )
    story.amid(matter("M-105", special_trade=True), published("M-105"))
    command = task(matters=("M-104",))
    story.when(command).refused("FIL-R11", matters="M-104")
    story.given(
        replace(published("M-104"), version=2, published_on=date(2026, 3, 2)),
    )
    story.when(command).then(InspectionTaskApproved)


def test_SUP_R1_a_business_is_visited_up_to_the_cap(story: Scenario) -> None:
    """S8: grade B has one capped visit a year by each unit; exempt and cancelled ones are free."""
    story.given(filed(), task(), task("T-2", **CASE))
    august = task("T-3", planned_on="2026-08-03")
    story.when(august).refused(
        "SUP-R1", unit="MRB", entity=E_B, grade="B", cap=1, used=1, year=2026
    )
    story.given(CancelInspection(task="T-1", reason="停业"))
    story.when(august).then(InspectionTaskApproved)


@pytest.mark.parametrize(("grade", "cap"), [("A", 1), ("B", 1), ("C", 2), ("D", 4)])
def test_SUP_R1_the_grade_sets_the_cap(story: Scenario, grade: Any, cap: int) -> None:
    """One, one, two and four visits, by the grade of this business and of no other."""
    story.amid(replace(GRADING, entity=E_C, grade="D"))
    story.given(replace(GRADING, grade=grade))
    for number in range(cap):
        story.given(approved(f"T-{number}", entity=E_A, planned_on=date(2026, 1 + number, 5)))
    story.when(task("T-9", entity=E_A)).refused("SUP-R1", grade=grade, cap=cap, used=cap)


def test_SUP_R1_each_year_begins_anew(story: Scenario) -> None:
    """A visit planned for another year fills that year's cap."""
    story.given(approved(planned_on=date(2025, 12, 10)))
    story.when(task("T-2")).then(InspectionTaskApproved)


def test_SUP_R1_a_special_task_of_the_units_own_is_capped(story: Scenario) -> None:
    """Only one of a campaign that a superior deployed is not, whatever its trigger says."""
    story.given(
        campaign(),
        campaign("SP-2", deployed_by="superior"),
        filed(special_plan="SP-1"),
        filed("FIL-2", special_plan="SP-2"),
        task(),
    )
    special = task("T-2", kind="special", filing="FIL-1")
    story.when(special).refused("SUP-R1", used=1)
    story.when(replace(special, trigger="superior")).refused("SUP-R1", used=1)
    story.when(replace(special, filing="FIL-2")).then(
        like(InspectionTaskApproved, counter="exempt")
    )
    story.when(replace(special, task="T-3", filing="FIL-2", entity=E_A)).then(
        like(InspectionTaskApproved, counter="exempt")
    )


@pytest.mark.parametrize(
    ("special_plan", "reason"),
    [
        (None, "FIL-1 names no special plan"),
        ("SP-EMB", "SP-EMB is a special plan of EMB"),
        ("SP-M", "SP-M covers M-201 only"),
        ("SP-APRIL", "SP-APRIL runs from 2026-04-01 to 2026-04-30"),
    ],
)
def test_FIL_R2_a_special_task_belongs_to_a_campaign(
    story: Scenario, special_plan: str | None, reason: str
) -> None:
    """Of this unit, with its matters, in its period; calling it a superior's changes nothing."""
    april: dict[str, Any] = {"period_from": date(2026, 4, 1), "period_to": date(2026, 4, 30)}
    story.amid(campaign())
    story.given(
        campaign("SP-EMB", unit="EMB"),
        campaign("SP-M", matters=("M-201",)),
        campaign("SP-APRIL", **april),
        filed(special_plan=special_plan),
    )
    special = task(kind="special", trigger="superior", filing="FIL-1")
    story.when(special).refused("FIL-R2", kind="special", reason=reason)


def test_SUP_V1_many_visits_on_clues_are_noticed(story: Scenario) -> None:
    """S8: the third exempt visit to a business with a cap of one is allowed, and a finding."""
    for number in (1, 2, 3):
        story.given(filed(f"FIL-{number}"))
    story.given(task("T-1", **CASE), task("T-2", **{**CASE, "filing": "FIL-2"}))
    story.when(task("T-3", **{**CASE, "filing": "FIL-3"})).then(
        like(InspectionTaskApproved, counter="exempt"),
        like(
            FindingRaised,
            rule_id="SUP-V1",
            unit="MRB",
            entity=E_B,
            task="T-3",
            facts={"exempt_visits": 3, "reasonable": 2},
        ),
    )


def test_a_task_is_cancelled_before_the_visit(story: Scenario) -> None:
    """Not twice, and not once the officers are there."""
    cancel = CancelInspection(task="T-1", reason="停业")
    story.given(task(), NOTICE).when(cancel).then(like(InspectionCancelled, counter="capped"))
    story.when(cancel).raises(OutOfStep, says="cancelled")
    story.given(task("T-2"), replace(NOTICE, task="T-2"), replace(SCAN, task="T-2"))
    story.given(replace(OPEN, task="T-2")).when(replace(cancel, task="T-2")).raises(OutOfStep)


# Visits


def test_a_visit_goes_step_by_step(story: Scenario) -> None:
    """From the approval to the result in the business's hands, each step after the one before."""
    steps: list[tuple[Any, *tuple[type[Event], ...]]] = [
        (NOTICE, InspectionNoticeIssued),
        (SCAN, EntryScanned),
        (OPEN, OnSiteInspectionOpened),
        (SIGN, OnSiteRecordSigned, PersonRegistered),
        (CLOSE, OnSiteInspectionClosed),
        (CONCLUDE, InspectionConcluded),
        (NOTIFY, ResultNotified),
    ]
    story.given(task()).at("2026-03-18T09:00+08:00")
    for index, (command, *events) in enumerate(steps):
        for later, *_ in steps[index + 1 :]:
            if later is not SCAN and not (command is SIGN and later is CLOSE):
                assert story.when(later, OFFICER).outcome is None, later
        story.when(command, OFFICER).then(*events)
    story.when(NOTIFY, OFFICER).raises(OutOfStep)
    story.when(SCAN, OFFICER).raises(OutOfStep, says="before the end of the visit")


def test_a_unit_approves_and_carries_out_its_own_tasks(story: Scenario) -> None:
    """No other unit's head approves or announces them; each step comes once."""
    story.when(task(), EMB).raises(Forbidden)
    story.given(task()).when(NOTICE, EMB).raises(Forbidden)
    story.given(NOTICE).when(NOTICE).raises(OutOfStep, says="needs an approved task")


def test_a_visit_is_announced_before_it_is_opened(story: Scenario) -> None:
    """A scan at the door does not stand for the notice."""
    story.given(task(), SCAN).when(OPEN).raises(OutOfStep, says="must be notified")


@pytest.mark.parametrize("changed", [{"signatory": None}, {"refusal_reason": "不认可"}])
def test_a_record_is_signed_or_refused(story: Scenario, changed: dict[str, Any]) -> None:
    """One of the two, and not both."""
    story.given(task(), NOTICE, SCAN, OPEN)
    story.when(replace(SIGN, **changed)).raises(OutOfStep, says="exactly one of")
    refusal = {"signatory": None, "refusal_reason": "不认可"}
    story.when(replace(SIGN, **refusal)).then(OnSiteRecordSigned)


def test_who_signed_is_sealed(story: Scenario) -> None:
    """The name is not in the record; the person is registered beside it, for the unit."""
    story.given(task(), NOTICE, SCAN, OPEN)
    clear = replace(SIGN, signatory=None, entity_signature="店长")
    story.when(clear).raises(Malformed, pointer="/entity_signature", says="must be sealed")
    person = someone().person
    story.when(SIGN).then(
        like(OnSiteRecordSigned, signatory=person, entity_signature=None),
        like(PersonRegistered, person=person, unit="MRB", name=someone().name),
    )


def test_the_stay_is_counted_in_minutes(story: Scenario) -> None:
    """From opening to leaving; nobody leaves before coming or without a record."""
    story.given(task(), NOTICE, SCAN).at("2026-03-18T09:00+08:00").given(OPEN)
    story.when(CLOSE).raises(OutOfStep, says="must be signed before")
    story.given(SIGN).at("2026-03-18T10:15+08:00")
    early = replace(CLOSE, occurred_at=civil_moment(date(2026, 3, 18), 8))
    story.when(early).raises(OutOfStep, says="must not be closed before it was opened")
    story.when(CLOSE).then(like(OnSiteInspectionClosed, minutes_on_site=75))


@pytest.mark.parametrize(
    ("changed", "scanned", "missing"),
    [
        ({}, False, "the entry scan"),
        ({"certs_shown": ("甘A-OFF-001",)}, True, "a valid certificate of OFF-002"),
        ({"certs_shown": ("甘A-OFF-001",) * 2}, True, "a valid certificate of OFF-002"),
        # One that another officer holds, and one that OFF-002 held until 2025.
        ({"certs_shown": ("甘A-OFF-001", "甘A-OFF-003")}, True, "a valid certificate of OFF-002"),
        ({"certs_shown": ("甘A-OFF-001", "甘A-OLD")}, True, "a valid certificate of OFF-002"),
        ({"notice_shown": False}, True, "the inspection notice"),
        ({"notice_shown": False}, False, "the entry scan and the inspection notice"),
    ],
)
def test_FIL_R8_no_entry_without_scan_certificates_and_notice(
    story: Scenario, changed: dict[str, Any], scanned: bool, missing: str
) -> None:
    """What is missing is named; the scan of another task is no scan of this one."""
    story.given(task(), NOTICE, *([SCAN] if scanned else []))
    story.amid(
        EntryScanned(task="T-OTHER", entity=E_C, unit="MRB", act_code="A", device="D"),
        replace(officer("OFF-002", to=date(2025, 12, 31)), cert_no="甘A-OLD"),
    )
    story.when(replace(OPEN, **changed)).refused("FIL-R8", missing=missing)


def test_certificates_are_those_of_the_officers(story: Scenario) -> None:
    """A third certificate is somebody's who is not there; of two that one holds, one is enough."""
    story.given(task(), NOTICE, SCAN).amid(replace(officer("OFF-002"), cert_no="甘A-NEW"))
    shown = (*OPEN.certs_shown, "甘A-OFF-003")
    story.when(replace(OPEN, certs_shown=shown)).raises(Malformed, pointer="/certs_shown")
    story.when(replace(OPEN, certs_shown=("甘A-OFF-001", "甘A-NEW"))).then(OnSiteInspectionOpened)


def test_FIL_R6_holds_on_the_day_of_the_visit(story: Scenario) -> None:
    """Whoever was certified at the approval has to be so at the door."""
    story.given(task(officers=("OFF-001", "OFF-002", "OFF-003")), NOTICE, SCAN)
    story.given(
        OfficerCertificateSuspended(
            officer="OFF-002", unit="MRB", suspended_from=date(2026, 3, 10), reason="-"
        )
    )
    story.at("2026-03-18T09:00+08:00").when(OPEN).refused("FIL-R6")
    story.when(replace(OPEN, officers=("OFF-001", "OFF-003"))).refused("FIL-R8")
    shown = ("甘A-OFF-001", "甘A-OFF-003")
    story.when(replace(OPEN, officers=("OFF-001", "OFF-003"), certs_shown=shown)).then(
        like(OnSiteInspectionOpened, officers=("OFF-001", "OFF-003"))
    )


def test_FIL_R4_the_approved_officers_go(story: Scenario) -> None:
    """Whom the head did not approve does not inspect, though certified and approved elsewhere."""
    story.amid(approved("T-9", entity=E_A, officers=("OFF-003", "OFF-004")))
    story.given(task(), NOTICE, SCAN)
    story.when(replace(OPEN, officers=("OFF-001", "OFF-003"))).refused(
        "FIL-R4", officers=["OFF-003"]
    )
    story.when(OPEN).then(OnSiteInspectionOpened)


def test_GEN_R2_the_approver_does_not_open_the_visit(story: Scenario) -> None:
    """Whoever approved it is no inspector, even where the approval named that person."""
    story.amid(approved("T-9", entity=E_A, approver="MRB-HEAD"))
    story.given(approved(approver="OFF-002"), NOTICE, SCAN)
    story.when(OPEN).refused("GEN-R2", person="OFF-002", one="approver", other="inspector")


def test_a_visit_follows_its_approval_and_notice(story: Scenario) -> None:
    """It may be reported late, but not as of a time before either of them."""
    story.given(task()).at("2026-03-03T09:00+08:00").given(NOTICE, SCAN)
    story.at("2026-03-05T09:00+08:00")
    for before in (1, 2):
        early = replace(OPEN, occurred_at=civil_moment(date(2026, 3, before), 12))
        story.when(early).raises(OutOfStep, says="must not be opened before it was")
    story.when(replace(OPEN, occurred_at=civil_moment(date(2026, 3, 3), 12))).then(
        OnSiteInspectionOpened
    )


def test_a_visit_takes_place_in_the_year_it_was_charged_to(story: Scenario) -> None:
    """The cap of the planned year is filled; the next year's visit is approved anew."""
    story.given(task(), NOTICE, SCAN).at("2027-01-04T09:00+08:00")
    story.when(OPEN).raises(OutOfStep, says="2026")


def test_FIL_R5_an_emergency_opens_at_once(story: Scenario) -> None:
    """S3: no plan, filing, approval, scan or notice; two certified officers it takes even then."""
    story.at("2026-08-22T10:30+08:00")
    story.when(URGENT, EMB).raises(Forbidden)
    story.when(replace(URGENT, officers=("OFF-001",), certs_shown=("1",))).refused("FIL-R6")
    story.when(URGENT, OFFICER).then(
        like(OnSiteInspectionOpened, emergency=True, ground="food_drug", entity=E_C)
    )
    story.when(URGENT, OFFICER).raises(OutOfStep)


def test_FIL_R5_an_emergency_is_approved_afterwards(story: Scenario) -> None:
    """Outside the plan and without a filing; for the unit and business that it was, and once."""
    story.at("2026-08-22T10:30+08:00").given(URGENT)
    after = task(planned_on="2026-08-22", entity=E_C, kind="case", trigger="emergency", filing=None)
    story.when(replace(after, entity=E_B)).raises(OutOfStep, says=E_C)
    other_day = replace(after, planned_on=date(2026, 8, 23))
    story.when(other_day).raises(Malformed, pointer="/planned_on")
    inspector = actor("MRB", "OFF-001", "unit_head")
    story.when(replace(after, officers=("OFF-002", "OFF-003")), inspector).refused("GEN-R2")
    story.when(after).then(like(InspectionTaskApproved, emergency=True, counter="exempt"))
    story.when(after).raises(OutOfStep, says="recorded already")


def test_FIL_V7_an_emergency_is_filed_by_the_next_working_day(story: Scenario) -> None:
    """S3: a Saturday's is due on Monday; on Tuesday a miss with its finding, and a late filing."""
    story.at("2026-08-22T10:30+08:00").given(URGENT)
    opened = position(story, OnSiteInspectionOpened.TOPIC, "task:T-1")
    miss = EndDeadline(rule_name="filing.emergency_wd", opened_at_position=opened)
    story.at("2026-08-24T23:00+08:00").when(miss).raises(OutOfStep)
    story.at("2026-08-25T08:00+08:00").when(miss).then(
        like(DeadlineMissed, due_on=date(2026, 8, 24)),
        like(FindingRaised, rule_id="FIL-V7", unit="MRB", entity=E_C, task="T-1"),
    )
    story.when(
        FileSpecialInspection(
            filing="FIL-1", unit="MRB", ground="food_drug", matters=("M-101",), task="T-1"
        )
    ).then(like(SpecialInspectionFiled, days_late=1))


def test_FIL_R5_the_approval_of_an_emergency_has_a_deadline(story: Scenario) -> None:
    """As long as the filing's; the filing is no approval, and the miss no second finding."""
    story.at("2026-08-22T10:30+08:00").given(URGENT)
    opened = position(story, OnSiteInspectionOpened.TOPIC, "task:T-1")
    story.given(
        FileSpecialInspection(
            filing="FIL-1", unit="MRB", ground="food_drug", matters=("M-101",), task="T-1"
        )
    )
    miss = EndDeadline(rule_name="filing.emergency_wd.approval", opened_at_position=opened)
    story.at("2026-08-25T08:00+08:00").when(miss).then(
        like(DeadlineMissed, due_on=date(2026, 8, 24))
    )


def test_FIL_V7_only_the_unit_of_an_emergency_files_it(story: Scenario) -> None:
    """About the business and the matters of the visit; the business may be left out."""
    story.at("2026-08-22T10:30+08:00").given(URGENT)
    file = FileSpecialInspection(
        filing="FIL-1", unit="MRB", ground="food_drug", matters=("M-101",), task="T-1"
    )
    others = replace(file, unit="EMB", matters=("M-101", "M-201"))
    story.when(others, EMB).raises(OutOfStep, says="it is EMB")
    story.when(replace(file, entity=E_B)).raises(Malformed, pointer="/entity")
    story.when(replace(file, matters=("M-103",))).raises(Malformed, pointer="/matters")
    story.when(file).then(like(SpecialInspectionFiled, entity=E_C, task="T-1", days_late=0))


def test_FIL_V7_is_of_emergencies_alone(story: Scenario) -> None:
    """An ordinary visit opens no deadline to file."""
    story.given(task(), NOTICE, SCAN, OPEN)
    opened = position(story, OnSiteInspectionOpened.TOPIC, "task:T-1")
    story.when(EndDeadline(rule_name="filing.emergency_wd", opened_at_position=opened)).raises(
        Malformed
    )


def test_FIL_V2_a_visit_outside_its_month_is_noticed(story: Scenario) -> None:
    """Planned for March and held in April: it happened, and that is a finding."""
    story.given(task(), NOTICE, SCAN).at("2026-04-02T09:00+08:00")
    story.when(OPEN).then(
        OnSiteInspectionOpened,
        like(FindingRaised, rule_id="FIL-V2", task="T-1", facts={"visited_on": "2026-04-02"}),
    )


def test_FIL_V3_after_an_outage_the_scan_follows_before_leaving(story: Scenario) -> None:
    """Opened without a scan for an outage: scanned before leaving nothing is found, else it is."""
    outage = replace(OPEN, scan_outage=True)
    story.given(task(), NOTICE).when(outage).then(like(OnSiteInspectionOpened, scan_outage=True))
    story.given(SIGN).when(CLOSE).then(
        OnSiteInspectionClosed, like(FindingRaised, rule_id="FIL-V3", unit="MRB", task="T-1")
    )
    story.given(replace(task("T-2"), entity=E_A))
    for command in (NOTICE, outage, SCAN, replace(SIGN, signatory=someone("经理"))):
        story.given(replace(command, task="T-2"))
    story.when(replace(CLOSE, task="T-2")).then(OnSiteInspectionClosed)


def test_FIL_V6_a_refusal_for_missing_certificates_is_lawful(story: Scenario) -> None:
    """S6: it ends the inspection without a visit and speaks against the unit."""
    story.given(task(), NOTICE)
    refused = ConcludeInspection(
        task="T-1", result="refused_by_entity", refusal_ground="certificates_not_shown"
    )
    story.when(refused).then(
        like(InspectionConcluded, lawful_refusal=True),
        like(FindingRaised, rule_id="FIL-V6", unit="MRB", task="T-1"),
    )


def test_any_other_refusal_is_not_called_lawful(story: Scenario) -> None:
    """Nor is it a finding against the unit."""
    story.given(task(), NOTICE)
    story.when(
        ConcludeInspection(task="T-1", result="refused_by_entity", refusal_ground="other")
    ).then(like(InspectionConcluded, lawful_refusal=False))


def test_results_and_data_have_deadlines(story: Scenario) -> None:
    """Data is entered the working day after leaving, the result told within five."""
    story.given(task(), NOTICE, SCAN).at("2026-03-18T09:00+08:00").given(OPEN, SIGN, CLOSE)
    left = position(story, OnSiteInspectionClosed.TOPIC, "task:T-1")
    enter = EndDeadline(rule_name="inspection.data_entry_wd", opened_at_position=left)
    story.at("2026-03-20T09:00+08:00").when(enter).then(
        like(DeadlineMissed, due_on=date(2026, 3, 19))
    )
    story.given(CONCLUDE)
    concluded = position(story, InspectionConcluded.TOPIC, "task:T-1")
    tell = EndDeadline(rule_name="inspection.result_notice_wd", opened_at_position=concluded)
    story.at("2026-03-30T09:00+08:00").when(tell).then(
        like(DeadlineMissed, due_on=date(2026, 3, 27))
    )
    story.when(NOTIFY).then(like(ResultNotified, days_late=3))


def test_a_business_rates_its_own_visit_without_its_name(story: Scenario) -> None:
    """Only after the visit, only its own, and the event names nobody."""
    rep = actor("ENTITY", "REP-B", "entity_rep")
    rate = RateVisit(task="T-1", entity=E_B, score=5)
    story.given(task(), NOTICE, SCAN).when(rate, rep).raises(OutOfStep)
    story.given(OPEN).when(replace(rate, entity=E_C), rep).raises(Forbidden)
    story.amid(VisitRated(task="T-OTHER", unit="MRB", score=1))
    story.when(rate, rep).then(VisitRated(task="T-1", unit="MRB", score=5))
    story.when(replace(rate, score=1), rep).raises(OutOfStep, says="rated already")


# Irregular visits


REPORT = ReportIrregularVisit(
    irregular_visit="IV-1",
    entity=E_A,
    reporter="entity",
    visited_on=date(2026, 3, 1),
    facts="两人来访",
    unit="MRB",
    scanned=True,
    officers_seen=2,
)


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, ["FIL-V1"]),
        ({"task": "T-OTHER"}, []),
        ({"task": "T-OTHER", "scanned": False}, ["FIL-V3"]),
        ({"task": "T-OTHER", "officers_seen": 1}, ["FIL-V4"]),
        ({"task": "T-OTHER", "label": "research"}, []),
        ({"task": "T-OTHER", "label": "research", "checklist_or_order_left": True}, ["FIL-V5"]),
        ({"task": "T-OTHER", "checklist_or_order_left": True}, []),
        (
            {"scanned": False, "label": "research", "checklist_or_order_left": True},
            ["FIL-V1", "FIL-V3", "FIL-V5"],
        ),
        ({"task": "T-OTHER", "matters": ("M-101", "M-103")}, ["CAT-V3"]),
    ],
)
def test_FIL_V1_FIL_V3_FIL_V4_FIL_V5_a_report_raises_what_it_shows(
    story: Scenario, changed: dict[str, Any], found: list[str]
) -> None:
    """S7: unfiled, unscanned, alone, disguised: each by its own sign; never refused (0.1).

    What a business reported does not name it to the unit; what a supervisor did names it.
    """
    for reporter, who, named in (("entity", REP_A, None), ("supervisor", JB, E_A)):
        report = replace(REPORT, irregular_visit=f"IV-{reporter}", reporter=reporter, **changed)
        story.when(report, who).then(
            like(IrregularVisitReported, irregular_visit=f"IV-{reporter}", entity=E_A),
            *(like(FindingRaised, rule_id=rule, unit="MRB", entity=named) for rule in found),
        )


def test_a_report_comes_from_whom_it_says(story: Scenario) -> None:
    """The business, the supervisor or the unit itself; of a day that has come; under a new id."""
    story.when(REPORT).raises(Malformed, pointer="/reporter")
    story.when(REPORT, JB).raises(Malformed, pointer="/reporter")
    story.when(replace(REPORT, reporter="self"), REP_A).raises(Malformed, pointer="/reporter")
    tomorrow = replace(REPORT, visited_on=date(2026, 3, 3))
    story.when(tomorrow, REP_A).raises(Malformed, pointer="/visited_on")
    for reporter, who in (("entity", REP_A), ("supervisor", JB), ("self", OFFICER)):
        report = replace(REPORT, irregular_visit=f"IV-{reporter}", reporter=reporter)
        story.when(report, who).then(IrregularVisitReported, FindingRaised)
    again = replace(REPORT, irregular_visit="IV-entity", facts="三人来访")
    story.when(again, REP_A).raises(OutOfStep, says="IV-entity")


def test_a_report_about_an_unregistered_business_is_recorded(story: Scenario) -> None:
    """It is a fact all the same (0.1); a permission for such a business is not given."""
    unknown = "bench:404"
    story.when(replace(REPORT, entity=unknown), REP_A).then(IrregularVisitReported, FindingRaised)
    story.when(task(entity=unknown)).raises(UnknownReference, says="Register the business")
