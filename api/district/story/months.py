"""Every month the bureau's units report their tasks, as the ledger fills them in; one is late."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial

from api.district.story.common import SITE
from api.district.walk import Walk, first_event
from ledger.kernel.days import add_months
from ledger.systems.progress.events import ProgressLedgerSubmitted
from projections.systems.progress import prefilled

_TASKS = range(1, 10)


def plan(walk: Walk) -> None:
    """Reports on the last day of each full month; something to tell the public every quarter."""
    first = add_months(walk.begins.replace(day=1), 1)
    walk.later(6, partial(_enrol, walk, f"{first:%Y-%m}"))
    for number in range(12):
        month = add_months(first, number)
        last = add_months(month, 1) - timedelta(days=1)
        walk.plan(last, partial(_reports, walk, month, number), "14:00")
    scored = walk.after(4).year
    walk.later((date(scored + 1, 1, 18) - walk.today).days, partial(_assessed, walk, scored))
    for number, (title, channel) in enumerate(_OUTREACH):
        walk.later(30 + 90 * number, partial(_told, walk, number, title, channel))


_OUTREACH = (
    ("《行政执法监督条例》进园区宣讲", "on_site"),
    ("入企检查“亮码”操作指南", "wechat"),
    ("信用修复“一次办”政策解读", "website"),
)


def _enrol(walk: Walk, since: str) -> None:
    walk.send(
        "JB",
        "progress/enrol-reporting-unit",
        unit="MRB",
        groups=["enforcement_units"],
        since=since,
    )


def _reports(walk: Walk, month: date, number: int) -> None:
    """Report all tasks today; in the fifth month the second task comes a day late."""
    late = 2 if number == 5 else None
    for task in _TASKS:
        if task != late:
            _report(walk, f"{month:%Y-%m}", task, number)
    if late is not None:
        walk.plan(
            walk.today + timedelta(days=1), partial(_report, walk, f"{month:%Y-%m}", late, number)
        )


def _report(walk: Walk, month: str, task_no: int, number: int) -> None:
    walk.caught_up()
    follower = walk.service.follower
    cutoff = follower.source.head()
    tasks = prefilled(follower.views, "MRB", month, cutoff)
    figures = {
        metric.name: metric.value
        for task in tasks
        if task.task_no == task_no
        for metric in task.metrics
    }
    told = any(figures.values())
    highlight = number == 3 and task_no == 6
    submitted = first_event(
        walk.send(
            "MRB office",
            "progress/submit-progress-ledger",
            unit="MRB",
            month=month,
            task_no=task_no,
            metrics=figures,
            ledger_cutoff_position=cutoff,
            narrative="按计划推进，数据见台账" if told or highlight else None,
            highlights=["说理式执法文书：一案一释法"] if highlight else [],
        )
    )
    assert isinstance(submitted, ProgressLedgerSubmitted)
    walk.send("JB", "progress/accept-ledger", report=submitted.report)
    if highlight:
        walk.later(6, partial(_experience, walk, submitted.report))


def _experience(walk: Walk, report: str) -> None:
    """A highlight of a report becomes an experience that everybody reads."""
    experience = f"EXP-{walk.today.year}-01"
    walk.send(
        "RLO",
        "experience/select-highlight",
        experience=experience,
        report=report,
        highlight=1,
        reason="可复制推广",
    )
    walk.send(
        "RLO",
        "experience/publish-experience",
        experience=experience,
        unit="MRB",
        title="说理式执法：一案一释法",
        text="处罚决定书附释法说明，讲清事实、依据和裁量理由，当事人认可率明显提高。",
        matters=["M-102"],
    )


def _told(walk: Walk, number: int, title: str, channel: str) -> None:
    walk.send(
        "MRB office",
        "progress/publish-outreach",
        outreach=f"OUT-{walk.today.year}-{number + 1:02d}",
        unit="MRB",
        title=title,
        channel=channel,
        task_no=9,
        url=None if channel == "on_site" else f"{SITE}/outreach/{number + 1}",
    )


def _assessed(walk: Walk, scored: int) -> None:
    """The unit is scored for a year, appeals in vain, and everybody reads the scores."""
    year = str(scored)
    score = f"{year}.MRB"
    walk.send(
        "RLO",
        "assessment/run-assessment",
        year=year,
        unit="MRB",
        cutoff_position=walk.service.recorder.head(),
    )
    walk.later(
        2,
        lambda: walk.send(
            "MRB head", "assessment/appeal-score", score=score, grounds="逾期公示已整改"
        ),
    )

    def decided() -> None:
        walk.send(
            "RLO second",
            "assessment/decide-appeal",
            score=score,
            outcome="rejected",
            reasons="逾期属实，整改已计入监督问题",
        )
        walk.send("RLO", "assessment/publish-assessment", year=year)

    walk.later(5, decided)
