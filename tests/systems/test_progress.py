"""The monthly progress ledger (2.14): opened, pre-filled, disputed, submitted, accepted, missed."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.kernel import (
    DeadlineMissed,
    FieldChange,
    Forbidden,
    LegalRef,
    Malformed,
    OutOfStep,
    RecordCorrected,
    UnknownReference,
    codec,
)
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.complaints.events import ComplaintAcknowledged
from ledger.systems.credit.events import PublicityStarted
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.filing.events import FilingAccepted, InspectionConcluded
from ledger.systems.keylist.events import GuidanceProvided
from ledger.systems.policies.commands import AdoptPolicyVersion, PublishWorkingCalendar, SeedLedger
from ledger.systems.progress.commands import (
    AcceptLedger,
    DisputeMetric,
    EnrolReportingUnit,
    OpenReportingMonth,
    PublishOutreach,
    ReturnLedger,
    SubmitProgressLedger,
    WithdrawReportingUnit,
)
from ledger.systems.progress.events import (
    LedgerAccepted,
    LedgerReturned,
    MetricDisputed,
    OutreachPublished,
    ProgressLedgerSubmitted,
    ReportingMonthOpened,
    ReportingUnitEnrolled,
    ReportingUnitWithdrawn,
)
from ledger.systems.progress.folds import COUNTING, METRICS, ActedTally, Tally, figures, metrics_of
from ledger.systems.supervision.events import FindingClosed
from tests.cast import CLOCK, E_C, HEAD, JB, RLO, actor
from tests.gwt import Scenario, like, on
from tests.racing import race_through

replace = msgspec.structs.replace

EMB = actor("EMB", "HEAD-EMB", "unit_head")
PARK = actor("PARK-1", "P-1", "park_committee")

ENROL = EnrolReportingUnit(unit="MRB", groups=("enforcement_units",), since="2026-05")
OPEN = OpenReportingMonth(unit="MRB", month="2026-05")


def inspection(number: int, unit: str = "MRB", result: str = "no_issue") -> InspectionConcluded:
    """A concluded inspection."""
    return InspectionConcluded(
        task=f"T-{unit}-{number}",
        entity=E_C,
        unit=unit,
        matters=("M-101",),
        result=result,  # type: ignore[arg-type]
    )


@pytest.fixture
def story() -> Scenario:
    """29 May 2026: MRB and EMB report; MRB concluded 3 inspections in May, others elsewhere."""
    return (
        Scenario(InMemoryDCBRecorder(), by=HEAD)
        .given(SeedLedger(), actor=CLOCK)
        .at("2026-05-01T00:05+08:00")
        .given(ENROL, replace(ENROL, unit="EMB"), actor=JB)
        .given(OPEN, replace(OPEN, unit="EMB"), actor=CLOCK)
        .at("2026-05-29T10:00+08:00")
        .given(*(on(f"2026-05-{10 + n}", inspection(n)) for n in range(3)))
        .amid(
            on("2026-04-30", inspection(8)),
            on("2026-05-12", inspection(9, unit="EMB")),
            on("2026-05-12", FilingAccepted(plan="P-1", unit="MRB", version=1)),
        )
    )


def head(story: Scenario) -> int:
    """The last position."""
    return story.ledger.recorder.read().head or 0


def submit(story: Scenario, **changed: Any) -> SubmitProgressLedger:
    """MRB's report on task 2 for May, as of now."""
    values: dict[str, Any] = {
        "unit": "MRB",
        "month": "2026-05",
        "task_no": 2,
        "ledger_cutoff_position": head(story),
        **changed,
    }
    return SubmitProgressLedger(**values)


def dispute(story: Scenario, stated: int, **changed: Any) -> DisputeMetric:
    """MRB's dispute about how many inspections it concluded."""
    values: dict[str, Any] = {
        "unit": "MRB",
        "month": "2026-05",
        "task_no": 2,
        "metric": "inspections",
        "stated": stated,
        "ledger_cutoff_position": head(story),
        "reason": "一次检查由外地单位误录",
        **changed,
    }
    return DisputeMetric(**values)


# Who reports, and when it opens


def test_a_unit_is_enrolled_for_what_it_has_a_part_in(story: Scenario) -> None:
    """By its groups or its id; not for months that are over, nor opened already."""
    new = EnrolReportingUnit(unit="PARK-1", groups=("parks",), since="2026-06")
    story.when(replace(new, groups=()), JB).refused("LDG-R2", unit="PARK-1")
    story.when(replace(new, since="2026-04"), JB).raises(Malformed, pointer="/since")
    story.when(replace(new, unit="U" * 101), JB).raises(Malformed)
    story.when(new, JB).then(
        ReportingUnitEnrolled(unit="PARK-1", groups=("parks",), since="2026-06")
    )
    story.when(ENROL, JB).raises(OutOfStep, says="must lie after 2026-05")
    story.when(EnrolReportingUnit(unit="RECON", since="2026-06"), RLO).then(ReportingUnitEnrolled)


def test_a_month_opens_once_for_each_task_of_the_unit() -> None:
    """Leads and responsible units by the table of the Notice; due on the last day, a Sunday."""
    story = Scenario(InMemoryDCBRecorder(), by=CLOCK).given(SeedLedger())
    story.at("2026-05-01T00:05+08:00")
    for unit in ("MRB", "JB"):
        story.given(replace(ENROL, unit=unit), actor=JB)
    story.given(EnrolReportingUnit(unit="RECON", since="2026-05"), actor=JB)
    story.when(OPEN).then(
        *(
            ReportingMonthOpened(
                report=f"2026-05.{task_no}.MRB",
                unit="MRB",
                month="2026-05",
                task_no=task_no,
                part="lead" if task_no in (2, 9) else "responsible",
                due_on=date(2026, 5, 31),
                warn_on=date(2026, 5, 29),
            )
            for task_no in range(1, 10)
        )
    )
    story.when(OPEN).raises(OutOfStep)
    story.when(replace(OPEN, unit="RECON")).then(
        like(ReportingMonthOpened, task_no=9, part="lead", report="2026-05.9.RECON")
    )
    story.when(replace(OPEN, unit="JB"))
    assert story.outcome is not None
    assert [r.event.part for r in story.outcome.events][:2] == ["lead", "responsible"]  # type: ignore[attr-defined]
    story.when(replace(OPEN, month="2026-06")).raises(Malformed, pointer="/month")
    story.when(replace(OPEN, unit="EMB")).raises(UnknownReference)


def test_the_table_of_responsibilities_is_a_policy(story: Scenario) -> None:
    """A version adopted for June is none of May's business, and opens other tasks in June."""
    story.given(
        AdoptPolicyVersion(
            key="ledger.responsibilities",
            value={"tasks": {"2": {"lead": ["MRB"]}, "3": {"responsible": ["parks"]}}},
            unit="table",
            effective_from=date(2026, 6, 1),
            source=LegalRef(instrument="兰新依法治区办〔2026〕9号"),
            confidence="C",
        ),
        actor=JB,
    )
    story.at("2026-06-01T00:05+08:00")
    story.when(replace(OPEN, month="2026-06"), CLOCK).then(
        like(ReportingMonthOpened, task_no=2, part="lead", due_on=date(2026, 6, 30))
    )
    story.when(submit(story, month="2026-06", task_no=4)).refused("LDG-R2", task_no=4)
    story.when(submit(story, task_no=4)).then(ProgressLedgerSubmitted)


def test_the_last_working_day_waits_for_its_calendar() -> None:
    """A region that ends its months on working days opens none before their calendar is known."""
    story = Scenario(InMemoryDCBRecorder(), by=CLOCK).given(SeedLedger())
    story.at("2027-01-01T00:05+08:00").given(replace(ENROL, since="2027-01"), actor=JB)
    story.given(
        AdoptPolicyVersion(
            key="ledger.month_end",
            value={"due": "last_working_day", "warn": "last_working_day"},
            unit="table",
            effective_from=date(2027, 1, 1),
            source=LegalRef(instrument="-"),
            confidence="U",
        ),
        actor=JB,
    )
    opening = replace(OPEN, month="2027-01")
    story.when(opening).raises(OutOfStep, says="calendar of 2027")
    story.given(
        PublishWorkingCalendar(
            year=2027,
            holidays=(date(2027, 1, 1), date(2027, 10, 1)),
            makeup_workdays=(),
            source="国务院办公厅通知",
        ),
        actor=JB,
    )
    story.when(opening)
    assert story.outcome is not None
    assert {r.event.due_on for r in story.outcome.events} == {date(2027, 1, 29)}  # type: ignore[attr-defined]


def test_a_unit_leaves(story: Scenario) -> None:
    """It owes what was opened, and nothing after its last month."""
    leave = WithdrawReportingUnit(unit="MRB", until="2026-05", reason="机构改革")
    story.when(replace(leave, until="2026-04"), JB).raises(OutOfStep)
    story.when(leave, JB).then(ReportingUnitWithdrawn)
    story.when(leave, JB).raises(OutOfStep)
    story.at("2026-06-01T09:00+08:00")
    story.when(replace(OPEN, month="2026-06"), CLOCK).raises(OutOfStep)
    story.when(submit(story, month="2026-06")).refused("LDG-R2")
    story.when(submit(story)).then(ProgressLedgerSubmitted)
    # Come back, it owes nothing for the months in between.
    story.given(replace(ENROL, since="2026-08"), actor=JB).at("2026-08-01T09:00+08:00")
    story.when(replace(OPEN, month="2026-07"), CLOCK).raises(OutOfStep)
    story.when(replace(OPEN, month="2026-08"), CLOCK).then(*[ReportingMonthOpened] * 9)


# Figures


def test_LDG_R1_what_is_not_stated_is_filled_in(story: Scenario) -> None:
    """From the unit's own events of the month, and no others."""
    story.when(submit(story)).then(
        like(
            ProgressLedgerSubmitted,
            report="2026-05.2.MRB",
            metrics={
                "inspections": 3,
                "inspections_without_issue": 3,
                "results_notified": 0,
                "results_notified_in_time": 0,
                "results_published": 0,
                "results_published_in_time": 0,
                "draws": 0,
                "joint_visits": 0,
            },
            disputed=[],
            nil=False,
            days_late=0,
        )
    )


def test_LDG_R1_a_typed_figure_is_the_ledgers_or_disputed(story: Scenario) -> None:
    """S19: the dispute of that figure, with that number, lets it in and marks it."""
    typed = submit(story, metrics={"inspections": 2, "inspections_without_issue": 3})
    story.when(typed).refused("LDG-R1", metric="inspections", stated=2, computed=3)
    story.when(dispute(story, 3)).raises(OutOfStep, says="both are 3")
    story.given(dispute(story, 1), dispute(story, 5, metric="results_notified"))
    story.when(replace(typed, ledger_cutoff_position=head(story))).refused("LDG-R1", stated=2)
    story.when(dispute(story, 2)).then(
        like(MetricDisputed, report="2026-05.2.MRB", metric="inspections", stated=2, computed=3)
    )
    typed = replace(typed, ledger_cutoff_position=head(story))
    story.when(typed).then(like(ProgressLedgerSubmitted, disputed=["inspections"], nil=False))
    assert story.outcome is not None
    (record,) = story.outcome.events
    assert isinstance(record.event, ProgressLedgerSubmitted)
    assert (record.event.metrics["inspections"], record.event.computed["inspections"]) == (2, 3)


def test_LDG_R1_is_judged_at_the_cutoff(story: Scenario) -> None:
    """What was recorded after it does not count; nor what a later correction says."""
    cutoff = head(story)
    story.given(on("2026-05-20", inspection(5)))
    late = submit(story, ledger_cutoff_position=cutoff, metrics={"inspections": 3})
    story.when(replace(late, ledger_cutoff_position=head(story))).refused("LDG-R1", computed=4)
    story.when(late).then(like(ProgressLedgerSubmitted, ledger_cutoff_position=cutoff))


def test_LDG_R1_the_cutoff_leaves_nothing_old_out(story: Scenario) -> None:
    """A day's lag is allowed; an early position that would hide the month's work is not."""
    start, cutoff = 5, head(story)
    story.when(submit(story, ledger_cutoff_position=cutoff + 1)).raises(UnknownReference)
    story.when(submit(story, ledger_cutoff_position=start)).raises(
        Malformed, pointer="/ledger_cutoff_position"
    )
    story.given(inspection(6)).at("2026-05-30T09:00+08:00")
    allowed = submit(story, ledger_cutoff_position=cutoff)
    story.at("2026-05-31T09:00+08:00").when(allowed).raises(
        Malformed, pointer="/ledger_cutoff_position"
    )
    story.when(submit(story)).then(like(ProgressLedgerSubmitted, nil=False))


def test_LDG_R1_a_figure_has_a_name(story: Scenario) -> None:
    """A metric of another task is none of this report."""
    for metrics in ({"penalties": 1}, {"visits": 1}):
        story.when(submit(story, metrics=metrics)).raises(Malformed, pointer="/metrics")
    story.when(dispute(story, 9, metric="penalties")).raises(Malformed, pointer="/metric")


def test_LDG_R2_a_unit_reports_on_its_own_tasks(story: Scenario) -> None:
    """Nobody reports for another, and a unit that is not enrolled for none."""
    story.given(EnrolReportingUnit(unit="PARK-1", groups=("parks",), since="2026-05"), actor=JB)
    story.when(submit(story, unit="PARK-1", task_no=1), PARK).refused(
        "LDG-R2", unit="PARK-1", task_no=1, month="2026-05"
    )
    story.when(dispute(story, 1, unit="PARK-1", task_no=1), PARK).refused("LDG-R2")
    story.when(submit(story, month="2026-06")).raises(Malformed, pointer="/month")
    story.when(submit(story), PARK).raises(Forbidden)
    eeb = actor("EEB", "HEAD-EEB", "unit_head")
    story.when(submit(story, unit="EEB"), eeb).refused("LDG-R2", unit="EEB")
    # The clock has not come to it: the report opens what it is about.
    story.when(submit(story, unit="PARK-1"), PARK).then(
        like(ReportingMonthOpened, report="2026-05.2.PARK-1", due_on=date(2026, 5, 31)),
        like(ProgressLedgerSubmitted, unit="PARK-1", nil=True),
    )


def test_a_report_is_submitted_returned_and_accepted(story: Scenario) -> None:
    """Only what was returned is submitted again, and nobody takes the own unit's report."""
    take, back = (
        AcceptLedger(report="2026-05.2.MRB"),
        ReturnLedger(report="2026-05.2.MRB", reasons="请补充亮点"),
    )
    story.when(take, JB).raises(OutOfStep, says="open")
    story.given(submit(story))
    story.when(submit(story)).raises(OutOfStep, says="submitted")
    story.when(dispute(story, 1)).raises(OutOfStep)
    story.when(take, actor("MRB", "X", "jb_supervisor")).raises(Forbidden)
    story.when(back, JB).then(like(LedgerReturned, unit="MRB", task_no=2, month="2026-05"))
    story.when(take, RLO).raises(OutOfStep, says="returned")
    story.when(submit(story, narrative="开展专项检查", highlights=("一业一查",))).then(
        like(ProgressLedgerSubmitted, highlights=["一业一查"])
    )
    story.when(take, RLO).then(like(LedgerAccepted, report="2026-05.2.MRB"))
    story.when(back, JB).raises(OutOfStep, says="accepted")
    story.when(take, JB).raises(OutOfStep)


# Late, nil, and empty


def test_LDG_V1_a_missing_report_is_found_once(story: Scenario) -> None:
    """S19: May ends on a Sunday and the deadline with it; the late report is recorded as late."""
    opened = {
        r.event.task_no: r.position  # type: ignore[attr-defined]
        for r in (codec.decode(s.position, s.event.data) for s in story.ledger.recorder.read())
        if isinstance(r.event, ReportingMonthOpened) and r.event.unit == "MRB"
    }
    miss = EndDeadline(rule_name="ledger.month_end", opened_at_position=opened[2])
    other = EndDeadline(rule_name="ledger.month_end", opened_at_position=opened[3])
    story.at("2026-05-31T23:30+08:00").when(miss, CLOCK).raises(OutOfStep)
    story.given(submit(story, task_no=3))
    story.at("2026-06-01T09:00+08:00")
    story.when(submit(story, occurred_at=datetime.fromisoformat("2026-05-31T23:00+08:00"))).raises(
        Malformed
    )
    story.when(other, CLOCK).raises(OutOfStep, says="in time")
    story.when(submit(story)).then(like(ProgressLedgerSubmitted, days_late=1))
    story.when(miss, CLOCK).then(
        like(DeadlineMissed, due_on=date(2026, 5, 31)),
        like(FindingRaised, rule_id="LDG-V1", unit="MRB"),
    )
    story.when(miss, CLOCK).then()


def test_LDG_V2_nil_reports_three_months_running() -> None:
    """Found by the third, whichever of the three comes last, and once for each run."""
    story = Scenario(InMemoryDCBRecorder(), by=HEAD).given(SeedLedger())
    story.at("2026-05-01T00:05+08:00").given(ENROL, actor=JB)
    story.at("2026-09-15T09:00+08:00")

    def nil(month: str, **changed: Any) -> SubmitProgressLedger:
        return submit(story, month=month, **changed)

    opened, submitted = ReportingMonthOpened, ProgressLedgerSubmitted
    story.given(nil("2026-05"), nil("2026-07"), nil("2026-06", task_no=7))
    story.when(nil("2026-08", task_no=7)).then(opened, submitted)
    story.when(nil("2026-06")).then(
        opened,
        like(submitted, nil=True),
        like(FindingRaised, rule_id="LDG-V2", unit="MRB"),
    )
    story.when(nil("2026-08")).then(opened, like(submitted, nil=True))
    story.given(ReturnLedger(report="2026-08.2.MRB", reasons="-"), actor=JB)
    story.when(nil("2026-08")).then(like(submitted, nil=True))


def test_LDG_V2_work_in_between_ends_the_run(story: Scenario) -> None:
    """Two nil months on either side of one with work are no run; another task has its own."""
    story.at("2026-07-15T09:00+08:00").given(submit(story))
    story.given(submit(story, month="2026-06")).when(submit(story, month="2026-07")).then(
        ReportingMonthOpened, like(ProgressLedgerSubmitted, nil=True)
    )
    guidance = GuidanceProvided(
        designation="KD-1", entity=E_C, unit="MRB", provided_on=date(2026, 7, 1), subject="消防"
    )
    story.given(on("2026-07-01", guidance))
    for month in ("2026-05", "2026-06", "2026-07"):
        story.when(submit(story, month=month, task_no=4))
        assert story.outcome is not None
        kinds = {type(r.event) for r in story.outcome.events}
        assert kinds <= {ReportingMonthOpened, ProgressLedgerSubmitted}


def test_LDG_V2_LDG_V3_every_task_has_its_figures(story: Scenario) -> None:
    """Of each task the ledger can tell that nothing was done, and that only a story was told."""
    assert {metric.task_no for metric in METRICS.values()} == {None, *range(1, 10)}
    for task_no in range(1, 10):
        assert not all(metric.level for metric in metrics_of(task_no)), task_no
    story.when(submit(story, task_no=4, narrative="上门指导")).then(
        like(ProgressLedgerSubmitted, nil=True), like(FindingRaised, rule_id="LDG-V3")
    )


def test_a_complaint_counts_for_whoever_handles_it(story: Scenario) -> None:
    """And never for the unit accused: the count would say that somebody has complained."""
    about = {"complaint": "CMP-1", "unit": "JB", "subject_unit": "MRB"}
    story.given(
        ComplaintAcknowledged(**about),
        ComplaintAcknowledged(**{**about, "complaint": "CMP-2"}, days_late=2),
        actor=JB,
    )
    assert counted(story, "JB", "complaints_acknowledged") == {"2026-05": 2}
    assert counted(story, "JB", "complaints_acknowledged_in_time") == {"2026-05": 1}
    assert counted(story, "MRB", "complaints_acknowledged") == {}


@pytest.mark.parametrize("accused", ["JB", "RLO", "RECON"])
def test_nobody_is_counted_a_complaint_about_themselves(story: Scenario, accused: str) -> None:
    """Reports go to the bureau and 依法治区办: what is kept from one of them, no figure counts."""
    about = {"unit": "RECON", "subject_unit": accused}
    handler = actor("RECON", "RECON-1", "recon_officer")
    story.given(ComplaintAcknowledged(complaint="CMP-1", **about), actor=handler)
    assert counted(story, "RECON", "complaints_acknowledged") == {}
    story.given(
        ComplaintAcknowledged(complaint="CMP-2", unit="RECON", subject_unit="MRB"), actor=handler
    )
    assert counted(story, "RECON", "complaints_acknowledged") == {"2026-05": 1}


def test_a_finding_withheld_from_the_bureau_counts_nowhere(story: Scenario) -> None:
    """Neither among the bureau's findings, nor among those that are open at the end."""
    found = {"finding_id": "FIL-V1.a.1", "type": "unfiled", "rule_id": "FIL-V1", "auto": True}
    story.given(FindingRaised(**found, unit="JB", withheld_from=("JB",)), actor=JB)
    for metric in ("findings", "findings_open"):
        assert counted(story, "JB", metric) == {}


def test_reports_counted_the_first_way_are_verified_so(story: Scenario) -> None:
    """A report of an earlier program counted what its readers may not know, and stays right."""
    about = {"complaint": "CMP-1", "unit": "RECON", "subject_unit": "JB"}
    handler = actor("RECON", "RECON-1", "recon_officer")
    story.given(ComplaintAcknowledged(**about), actor=handler)
    records = [codec.decode(s.position, s.event.data) for s in story.ledger.recorder.read()]
    for counting, value in ((1, 1), (COUNTING, 0)):
        found = figures(
            lambda fold: fold.over(records), "RECON", ("complaints_acknowledged",), 10**6, counting
        )
        assert found.month("complaints_acknowledged", "2026-05") == value


@pytest.mark.parametrize("told", [{"narrative": "检查有力"}, {"highlights": ("创新机制",)}])
def test_LDG_V3_a_story_without_events(story: Scenario, told: dict[str, Any]) -> None:
    """Of a month in which nothing is recorded; with events, or without a story, all is well."""
    story.when(submit(story, **told)).then(ProgressLedgerSubmitted)
    story.when(submit(story, task_no=7, **told)).then(
        like(ProgressLedgerSubmitted, nil=True),
        like(FindingRaised, rule_id="LDG-V3", unit="MRB"),
    )
    story.when(submit(story, unit="EMB", task_no=7), EMB).then(ProgressLedgerSubmitted)
    # The other unit's inspection of May is its own.
    story.when(submit(story, unit="EMB", **told), EMB).then(ProgressLedgerSubmitted)


def test_LDG_V3_what_was_left_from_before_is_no_event(story: Scenario) -> None:
    """A finding of April that is still open is stated, and is no work of May."""
    raised = FindingRaised(finding_id="F-1", type="x", rule_id="X", auto=True, unit="MRB")
    story.given(on("2026-04-02", raised))
    story.when(submit(story, task_no=8, narrative="整改到位")).then(
        like(ProgressLedgerSubmitted, nil=True),
        like(FindingRaised, rule_id="LDG-V3"),
    )
    assert story.outcome is not None
    submitted: Any = story.outcome.events[0].event
    assert (submitted.metrics["findings_open"], submitted.metrics["findings"]) == (1, 0)


def test_outreach_is_recorded(story: Scenario) -> None:
    """The Notice's publicity work, by the unit itself."""
    outreach = PublishOutreach(unit="MRB", title="以案释法", channel="wechat", task_no=6)
    story.when(outreach, EMB).raises(Forbidden)
    story.when(outreach).then(like(OutreachPublished, published_on=date(2026, 5, 29)))


# The fold that counts


def counted(story: Scenario, unit: str, name: str, cutoff: int | None = None) -> dict[str, int]:
    """A metric month by month, counted from what the store holds."""
    kind = Tally if METRICS[name].whose == "unit" else ActedTally
    records = [codec.decode(s.position, s.event.data) for s in story.ledger.recorder.read()]
    fold = kind(unit, (name,), head(story) if cutoff is None else cutoff)
    # As a store would select them.
    topics, tags = fold.selector().topics, set(fold.selector().tags)
    found = figures(
        lambda one: one.over(
            [r for r in records if r.envelope.type in topics and tags <= set(r.event.tags())]
        ),
        unit,
        (name,),
        fold.cutoff,
    )
    months = sorted({f"{day:%Y-%m}" for day in found.days.get(name, {})})
    return {month: found.month(name, month) for month in months}


def test_a_correction_counts_from_its_own_position(story: Scenario) -> None:
    """The same position gives the same figure, whatever is put right afterwards."""
    before = head(story)
    records = [codec.decode(s.position, s.event.data) for s in story.ledger.recorder.read()]
    moved = next(r for r in records if r.event == inspection(2))
    story.given(
        RecordCorrected(
            target_event_id=moved.envelope.event_id,
            target_position=moved.position,
            field_changes=(
                FieldChange(
                    path="/occurred_at",
                    old=moved.envelope.occurred_at.isoformat(),
                    new="2026-04-12T09:00:00+08:00",
                ),
            ),
            reason="误录",
            requested_by="OFF-001",
            approved_by="HEAD",
            subjects=tuple(moved.event.tags()),
        )
    )
    assert counted(story, "MRB", "inspections", before) == {"2026-04": 1, "2026-05": 3}
    assert counted(story, "MRB", "inspections") == {"2026-04": 2, "2026-05": 2}
    typed = submit(story, metrics={"inspections": 2})
    story.when(replace(typed, ledger_cutoff_position=before)).refused("LDG-R1", computed=3)
    story.when(typed).then(ProgressLedgerSubmitted)


def test_what_a_unit_did_about_others_is_its_own(story: Scenario) -> None:
    """The bureau's decisions on filings are the bureau's figure, and not the unit's."""
    story.given(FilingAccepted(plan="P-1", unit="MRB", version=2), actor=JB)
    assert counted(story, "JB", "filings_decided") == {"2026-05": 1}
    assert counted(story, "MRB", "filings_decided") == {"2026-05": 1}  # recorded by its own head
    assert counted(story, "EMB", "filings_decided") == {}


def test_a_level_is_what_is_left_at_the_end_of_the_month(story: Scenario) -> None:
    """Two findings in April, one of them closed in May: two are open in April, one in May."""
    raised = FindingRaised(finding_id="F-1", type="x", rule_id="X", auto=True, unit="MRB")
    story.given(
        on("2026-04-02", raised),
        on("2026-04-03", replace(raised, finding_id="F-2")),
        on("2026-04-03", replace(raised, finding_id="F-3", unit="EMB")),
        on("2026-05-04", FindingClosed(finding_id="F-1", unit="MRB", conclusion="-")),
    )
    assert counted(story, "MRB", "findings_open") == {"2026-04": 2, "2026-05": 1}
    assert counted(story, "MRB", "findings") == {"2026-04": 2}


def test_what_is_sealed_from_a_unit_is_in_none_of_its_figures(story: Scenario) -> None:
    """Not even as one more: the count would say that somebody has reported."""
    story.given(FindingRaised(finding_id="F-1", type="x", rule_id="X", auto=True, unit="MRB"))
    (stored,) = story.ledger.recorder.read(after=head(story) - 1)
    record = codec.decode(stored.position, stored.event.data)
    for visibility, unit, counts in (
        ("restricted", "JB", 1),
        ("sealed", "JB", 0),
        ("sealed", "MRB", 1),  # what it recorded itself is no secret to it
    ):
        envelope = replace(
            record.envelope,
            visibility=visibility,
            actor=replace(record.envelope.actor, unit_id=unit),
        )
        fold = Tally("MRB", ("findings",), record.position).over(
            [replace(record, envelope=envelope)]
        )
        assert sum(fold.days.get("findings", {}).values()) == counts


def test_in_time_is_what_was_not_late(story: Scenario) -> None:
    """A metric may ask more of an event than its type."""
    started = PublicityStarted(
        record="CR-1",
        entity=E_C,
        unit="MRB",
        started_on=date(2026, 5, 29),
        channels=("unit_site",),
    )
    story.given(started, replace(started, record="CR-2", days_late=2))
    assert counted(story, "MRB", "publicity_started") == {"2026-05": 2}
    assert counted(story, "MRB", "publicity_started_in_time") == {"2026-05": 1}


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_every_metric_counts_its_events(metric: Any) -> None:
    """Each line of the catalogue reads, for each of its types, what that type really holds."""
    from tests.golden import records  # bytes of every released event

    for kind in metric.events:
        for data in records(kind.TOPIC, kind.VERSION):
            assert metric.counts(codec.decode(1, data).event) in (-1, 0, 1)
        assert metric.whose == "actor" or "unit" in kind.__struct_fields__


def test_two_processes_one_report(tmp_path: Path) -> None:
    """Six submissions of the same report at once: one is recorded, its month opened once."""
    path = tmp_path / "ledger.db"
    command = SubmitProgressLedger(
        unit="MRB", month="2026-05", task_no=2, ledger_cutoff_position=1, narrative=None
    )
    answers = race_through(
        path,
        [(command, HEAD)] * 6,
        moment="2026-05-01T09:00+08:00",
        before=lambda ledger: (
            ledger.execute(SeedLedger(), CLOCK),
            ledger.execute(ENROL, JB),
        ),
    )
    assert sorted(answers) == ["OutOfStep"] * 5 + ["recorded"]
    with SQLiteRecorder(path) as recorder:
        recorded = [codec.decode(s.position, s.event.data).event for s in recorder.read()]
    reports = (ReportingMonthOpened, ProgressLedgerSubmitted)
    assert [type(e) for e in recorded if isinstance(e, reports)] == list(reports)
