"""Work plans (2.18): goals and time nodes, evidence, urges, and years without a plan."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.kernel import (
    DeadlineMissed,
    Event,
    Forbidden,
    Malformed,
    OutOfStep,
    RecordCorrected,
    Recorded,
    UnknownReference,
    codec,
)
from ledger.kernel.corrections import FieldChange
from ledger.systems.corrections.events import DecisionDeclaredVoid, DecisionRevoked
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.policies.commands import SeedLedger
from ledger.systems.progress.commands import PublishOutreach, WithdrawOutreach
from ledger.systems.progress.events import (
    OutreachPublished,
    OutreachWithdrawn,
    ReportingUnitEnrolled,
)
from ledger.systems.publicity.events import ActDecided
from ledger.systems.supervision.hooks import late_entry
from ledger.systems.workplans.commands import (
    AdoptWorkPlan,
    AmendWorkPlan,
    AnswerUrge,
    ReachMilestone,
    RecordTrackingInspection,
    ReturnMilestone,
    ReviewWorkPlan,
    UrgeWork,
)
from ledger.systems.workplans.effects import evidence_changed
from ledger.systems.workplans.events import (
    EvidenceFile,
    EvidenceNamed,
    MilestoneDropped,
    MilestoneReached,
    MilestoneReturned,
    MilestoneSet,
    PlannedMilestone,
    TrackingInspectionHeld,
    UrgeAnswered,
    Work,
    WorkPlanAdopted,
    WorkPlanAmended,
    WorkPlanFellDue,
    WorkUrged,
)
from tests.cast import CLOCK, HEAD, JB, RLO, actor
from tests.gwt import Record, Scenario, like

replace = msgspec.structs.replace

EMB = actor("EMB", "HEAD-EMB", "unit_head")
EEB = actor("EEB", "HEAD-EEB", "unit_head")

MS_1 = "W-2/MS-1"


def _node(code: str, says: str, due_on: date) -> PlannedMilestone:
    return PlannedMilestone(milestone=code, says=says, due_on=due_on)


WORK = Work(
    work="W-2",
    task_no=2,
    goals=("清单全覆盖",),
    participants=("EMB",),
    milestones=(PlannedMilestone(milestone="MS-1", says="公布清单", due_on=date(2026, 3, 31)),),
)
ADOPT = AdoptWorkPlan(
    work_plan="WP-1", unit="MRB", year=2026, works=(WORK,), basis="兰新市监发〔2026〕1号"
)
FILE = EvidenceFile(title="公布截图", sha256="c" * 64, dated=date(2026, 3, 30))
REACH = ReachMilestone(milestone=MS_1, says="已公布", evidence_files=(FILE,))
URGE = UrgeWork(urge="U-1", work="W-2", demand="抓紧公布", due_on=date(2026, 4, 17))


@pytest.fixture
def story() -> Scenario:
    """A ledger seeded in 2025; MRB and EMB report from January 2026 on."""
    return started(evidence_changed)


def started(*hooks: Any) -> Scenario:
    """That ledger, with the hooks that record further events."""
    scenario = Scenario(InMemoryDCBRecorder(), by=HEAD, hooks=hooks)
    scenario.at("2025-12-15T09:00+08:00").given(SeedLedger(), actor=CLOCK)
    for unit in ("MRB", "EMB"):
        scenario.given(
            ReportingUnitEnrolled(unit=unit, groups=("enforcement_units",), since="2026-01"),
            actor=JB,
        )
    return scenario.at("2026-01-20T09:00+08:00")


def test_a_plan_sets_its_milestones(story: Scenario) -> None:
    story.when(ADOPT).then(
        like(WorkPlanAdopted, unit="MRB", scope="unit", days_late=0),
        like(MilestoneSet, milestone=MS_1, due_on=date(2026, 3, 31), participants=("EMB",)),
    )
    story.when(ADOPT).raises(OutOfStep, says="WP-1")
    story.when(replace(ADOPT, work_plan="WP-2")).raises(OutOfStep, says="amend that plan")
    story.when(replace(ADOPT, work_plan="WP-3", unit="EMB", works=(WORK,)), EMB).raises(OutOfStep)
    story.when(replace(ADOPT, unit="EMB")).raises(Forbidden)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"goals": ()}, "it has no goal"),
        ({"milestones": ()}, "it has no milestone"),
    ],
)
def test_WRK_R1_goals_and_milestones(story: Scenario, changed: dict[str, Any], reason: str) -> None:
    story.when(replace(ADOPT, works=(replace(WORK, **changed),))).refused(
        "WRK-R1", work="W-2", unit="MRB", reason=reason
    )


def test_WRK_R1_a_task_of_others_takes_a_reason(story: Scenario) -> None:
    """EEB reports in no group, so task 9 is none of its own; with a reason it may."""
    foreign = replace(
        ADOPT, work_plan="WP-E", unit="EEB", works=(replace(WORK, work="W-E", task_no=9),)
    )
    story.when(foreign, EEB).refused("WRK-R1", work="W-E", unit="EEB")
    with_reason = replace(WORK, work="W-E", task_no=9, reason="受托承办")
    story.when(replace(foreign, works=(with_reason,)), EEB).then(
        like(WorkPlanAdopted, unit="EEB"), MilestoneSet
    )


def test_the_region_plan_is_adopted_by_those_who_track(story: Scenario) -> None:
    region = replace(ADOPT, scope="region", works=(replace(WORK, task_no=9),))
    story.when(region).raises(Forbidden)
    story.when(replace(region, unit="RLO"), RLO).then(
        like(WorkPlanAdopted, scope="region"), MilestoneSet
    )


@pytest.mark.parametrize(
    ("plan", "pointer"),
    [
        (replace(ADOPT, year=2025), "/year"),
        (replace(ADOPT, works=(WORK, WORK)), "/works/1/work"),
        (
            replace(ADOPT, works=(replace(WORK, milestones=WORK.milestones * 2),)),
            "/works/0/milestones",
        ),
    ],
)
def test_malformed_plans(story: Scenario, plan: AdoptWorkPlan, pointer: str) -> None:
    story.when(plan).raises(Malformed, pointer=pointer)


def test_a_late_plan_says_so(story: Scenario) -> None:
    story.at("2026-02-03T09:00+08:00").when(ADOPT).then(
        like(WorkPlanAdopted, days_late=3), MilestoneSet
    )


def test_an_amendment_keeps_moves_and_drops(story: Scenario) -> None:
    two = replace(
        WORK,
        milestones=(
            *WORK.milestones,
            _node("MS-2", "抽查实施", date(2026, 6, 30)),
        ),
    )
    story.given(replace(ADOPT, works=(two,)))
    story.when(AmendWorkPlan(work_plan="WP-1", works=(two,), reason="无")).raises(OutOfStep)
    moved = replace(
        WORK,
        milestones=(
            WORK.milestones[0],
            _node("MS-3", "结果公示", date(2026, 9, 30)),
        ),
    )
    amend = AmendWorkPlan(work_plan="WP-1", works=(moved,), reason="分工调整")
    story.when(amend, EMB).raises(Forbidden)
    story.when(amend).then(
        like(WorkPlanAmended, version=2, reason="分工调整"),
        like(MilestoneSet, milestone="W-2/MS-3"),
        like(MilestoneDropped, milestone="W-2/MS-2"),
    )
    story.when(replace(REACH, milestone="W-2/MS-2")).raises(OutOfStep, says="dropped")


def test_what_was_reached_stays_reached_through_an_amendment(story: Scenario) -> None:
    story.given(ADOPT).at("2026-03-30T09:00+08:00").given(REACH)
    other = replace(
        WORK,
        milestones=(_node("MS-2", "抽查实施", date(2026, 6, 30)),),
    )
    story.when(AmendWorkPlan(work_plan="WP-1", works=(other,), reason="调整")).then(
        WorkPlanAmended, like(MilestoneSet, milestone="W-2/MS-2")
    )


def test_WRK_R2_evidence_and_part(story: Scenario) -> None:
    story.given(ADOPT).at("2026-03-30T09:00+08:00")
    story.when(replace(REACH, evidence_files=())).refused(
        "WRK-R2", milestone=MS_1, reason="no evidence is named"
    )
    story.when(REACH, EEB).refused("WRK-R2", milestone=MS_1)
    story.when(REACH, EMB).then(like(MilestoneReached, by_unit="EMB", unit="MRB", days_late=0))
    story.when(REACH).raises(OutOfStep, says="reached")


def test_a_file_counts_from_its_day(story: Scenario) -> None:
    """Not from its upload, and not before it exists."""
    story.given(ADOPT).at("2026-04-09T09:00+08:00")
    ahead = replace(FILE, dated=date(2026, 4, 10))
    story.when(replace(REACH, evidence_files=(ahead,))).raises(
        Malformed, pointer="/evidence_files/0/dated"
    )
    late = replace(FILE, dated=date(2026, 4, 2))
    story.when(replace(REACH, evidence_files=(FILE, late))).then(
        like(MilestoneReached, reached_on=date(2026, 4, 2), days_late=2)
    )


def test_evidence_in_time_reported_later_misses_nothing(story: Scenario) -> None:
    """The deadline asks for the day of the evidence; a report after the miss says 0 days late."""
    story.given(ADOPT).at("2026-04-02T09:00+08:00").given(REACH)
    story.when(_end(story, MilestoneSet), CLOCK).raises(OutOfStep, says="performed on 2026-03-30")


def test_evidence_of_weeks_ago_is_no_late_entry() -> None:
    """The report is of today, whatever the day of its evidence: GEN-V1 says nothing of it."""
    story = started(late_entry).given(ADOPT).at("2026-04-27T09:00+08:00")
    story.when(REACH).then(like(MilestoneReached, reached_on=date(2026, 3, 30), days_late=0))
    assert story.outcome is not None
    [reached] = story.outcome.events
    assert reached.occurred_on == date(2026, 4, 27)


def test_WRK_V1_a_milestone_missed(story: Scenario) -> None:
    story.given(ADOPT).at("2026-04-01T00:10+08:00")
    story.when(_end(story, MilestoneSet), CLOCK).then(
        like(DeadlineMissed, rule_name="work.milestone"),
        like(FindingRaised, rule_id="WRK-V1", unit="MRB"),
    )


def test_evidence_must_be_recorded_and_no_report_itself(story: Scenario) -> None:
    story.given(ADOPT).at("2026-03-30T09:00+08:00")
    story.when(replace(REACH, evidence_events=(9_999,))).raises(UnknownReference)
    story.given(REACH)
    reported, _ = _newest(story)
    story.given(
        ReturnMilestone(milestone=MS_1, reason="材料不符", due_on=date(2026, 4, 10)), actor=RLO
    )
    story.when(replace(REACH, evidence_events=(reported,))).raises(
        Malformed, pointer="/evidence_events/0"
    )


def test_a_milestone_is_returned_by_others_and_due_again(story: Scenario) -> None:
    story.given(ADOPT).at("2026-03-30T09:00+08:00").given(REACH)
    back = ReturnMilestone(milestone=MS_1, reason="材料不符", due_on=date(2026, 4, 10))
    story.when(replace(back, due_on=date(2026, 3, 30)), RLO).raises(Malformed, pointer="/due_on")
    story.when(back, RLO).then(like(MilestoneReturned, unit="MRB", due_on=date(2026, 4, 10)))
    story.when(back, RLO).raises(OutOfStep, says="returned")
    story.at("2026-04-11T00:10+08:00").when(
        _end(story, MilestoneReturned, "work.milestone.again"), CLOCK
    ).then(
        like(DeadlineMissed, rule_name="work.milestone.again"),
        like(FindingRaised, rule_id="WRK-V1"),
    )


def test_WRK_V2_twice_in_a_quarter_for_one_task(story: Scenario) -> None:
    story.given(ADOPT).at("2026-04-02T09:00+08:00").when(URGE, RLO).then(
        like(WorkUrged, unit="MRB", task_no=2)
    )
    second = replace(URGE, urge="U-2", due_on=date(2026, 7, 30))
    story.at("2026-06-30T09:00+08:00").when(second, JB).then(
        WorkUrged, like(FindingRaised, rule_id="WRK-V2", unit="MRB")
    )
    # A third one in the quarter is not found again; the next quarter begins anew.
    story.when(replace(second, urge="U-3"), RLO).then(WorkUrged)
    story.at("2026-07-01T09:00+08:00").when(replace(second, urge="U-4"), RLO).then(WorkUrged)


def test_an_urge_is_answered_once_and_by_its_unit(story: Scenario) -> None:
    story.given(ADOPT).at("2026-04-02T09:00+08:00")
    story.when(replace(URGE, unit="EEB"), RLO).raises(Malformed, pointer="/unit")
    story.given(replace(URGE, unit="EMB"), actor=RLO)
    answer = AnswerUrge(urge="U-1", says="已完成")
    story.when(answer).raises(Forbidden)
    story.at("2026-04-20T09:00+08:00").when(answer, EMB).then(like(UrgeAnswered, days_late=3))
    story.when(answer, EMB).raises(OutOfStep)


def test_inspections_of_works_name_works_of_the_unit(story: Scenario) -> None:
    story.given(ADOPT).at("2026-04-02T09:00+08:00")
    look = RecordTrackingInspection(unit="MRB", works=("W-2",), faults=("未留痕",))
    story.when(replace(look, unit="EEB"), RLO).raises(Malformed, pointer="/works/0")
    story.when(look, RLO).then(like(TrackingInspectionHeld, unit="MRB", faults=("未留痕",)))


def test_WRK_V3_evidence_corrected(story: Scenario) -> None:
    outreach = OutreachPublished(
        unit="MRB", title="清单", channel="website", published_on=date(2026, 3, 30)
    )
    story.given(ADOPT).at("2026-03-30T09:00+08:00").given(outreach)
    at, event = _newest(story)
    story.when(ReachMilestone(milestone=MS_1, says="已公布", evidence_events=(at,))).then(
        like(EvidenceNamed, position=at, decision=None, seen_as="public"), MilestoneReached
    )
    correction = RecordCorrected(
        target_event_id=event,
        target_position=at,
        field_changes=(FieldChange(path="/body/title", old="清单", new="清单（修订）"),),
        reason="录入错误",
        requested_by="A",
        approved_by="B",
        subjects=("unit:MRB",),
        target_visibility="public",
    )
    story.when(Record(facts=(correction,))).then(
        RecordCorrected, like(FindingRaised, rule_id="WRK-V3", unit="MRB")
    )


def test_WRK_V3_evidence_withdrawn(story: Scenario) -> None:
    """Outreach that was the evidence of a milestone, and that its unit takes back."""
    story.given(ADOPT).at("2026-03-30T09:00+08:00")
    story.given(PublishOutreach(outreach="O-1", unit="MRB", title="清单", channel="website"))
    at, _ = _newest(story)
    story.given(ReachMilestone(milestone=MS_1, says="已公布", evidence_events=(at,)))
    story.when(WithdrawOutreach(outreach="O-1", reason="链接失效")).then(
        OutreachWithdrawn, like(FindingRaised, rule_id="WRK-V3", unit="MRB")
    )


@pytest.mark.parametrize("undone", [DecisionRevoked, DecisionDeclaredVoid])
def test_WRK_V3_the_decision_it_tells_of_undone(story: Scenario, undone: type[Event]) -> None:
    act = ActDecided(
        decision="ACT-1", unit="MRB", kind="licence", matter="M-1", doc_no="许可〔2026〕1号",
        decided_on=date(2026, 3, 30),
    )  # fmt: skip
    story.given(ADOPT).at("2026-03-30T09:00+08:00").given(act)
    at, _ = _newest(story)
    story.when(ReachMilestone(milestone=MS_1, says="已办结", evidence_events=(at,))).then(
        like(EvidenceNamed, decision="ACT-1", seen_as="restricted"), MilestoneReached
    )
    end = undone(  # type: ignore[call-arg]
        decision="ACT-1", unit="MRB", entity=None, by="RECON", instrument="复议〔2026〕1号",
        effective_on=date(2026, 5, 1), reason="程序违法",
    )  # fmt: skip
    story.when(Record(facts=(end,))).then(undone, like(FindingRaised, rule_id="WRK-V3"))


def test_WRK_V4_a_year_without_a_plan(story: Scenario) -> None:
    """Once, after its day, of units that reported in January; adopted later it is late."""
    ask = ReviewWorkPlan(unit="EMB", year=2026)
    story.when(ask, CLOCK).raises(OutOfStep, says="due on 2026-01-31")
    story.at("2026-02-01T00:10+08:00")
    story.when(replace(ask, unit="EEB"), CLOCK).raises(OutOfStep)
    story.when(ask, CLOCK).then(
        like(WorkPlanFellDue, unit="EMB", due_on=date(2026, 1, 31)),
        like(FindingRaised, rule_id="WRK-V4", unit="EMB"),
    )
    story.when(ask, CLOCK).raises(OutOfStep, says="already adopted a plan")


def test_WRK_V4_asks_only_of_years_after_the_policy_was_recorded() -> None:
    story = Scenario(InMemoryDCBRecorder(), by=HEAD)
    story.at("2026-01-04T09:00+08:00").given(SeedLedger(), actor=CLOCK)
    story.given(ReportingUnitEnrolled(unit="MRB", groups=(), since="2026-01"), actor=JB)
    story.at("2026-02-01T00:10+08:00").when(ReviewWorkPlan(unit="MRB", year=2026), CLOCK).raises(
        OutOfStep, says="did not have to"
    )
    story.at("2027-02-01T00:10+08:00").when(ReviewWorkPlan(unit="MRB", year=2027), CLOCK).then(
        WorkPlanFellDue, FindingRaised
    )


def _stored(story: Scenario) -> list[Recorded]:
    """Everything recorded, oldest first."""
    stored = story.ledger.recorder.read()
    return [codec.decode(one.position, one.event.data) for one in stored]


def _newest(story: Scenario) -> tuple[int, UUID]:
    """Position and event id of what was recorded last."""
    record = _stored(story)[-1]
    return record.position, record.envelope.event_id


def _end(story: Scenario, opened_by: type[Event], rule: str = "work.milestone") -> EndDeadline:
    """What the clock asks of the deadline that the newest event of a type opened."""
    at = max(r.position for r in _stored(story) if isinstance(r.event, opened_by))
    return EndDeadline(rule_name=rule, opened_at_position=at)
