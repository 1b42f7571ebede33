"""Experience that units share (宣传引导、亮点经验, 2.18), and what is told the public."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.kernel import Forbidden, Malformed, OutOfStep, UnknownReference
from ledger.systems.experience.commands import (
    PublishExperience,
    SelectHighlight,
    WithdrawExperience,
)
from ledger.systems.experience.events import (
    ExperiencePublished,
    ExperienceWithdrawn,
    HighlightSelected,
)
from ledger.systems.policies.commands import SeedLedger
from ledger.systems.progress.commands import PublishOutreach, WithdrawOutreach
from ledger.systems.progress.events import (
    OutreachPublished,
    OutreachWithdrawn,
    ProgressLedgerSubmitted,
    ReportingMonthOpened,
)
from tests.gwt import Scenario, actor, like
from tests.systems.test_filing import EMB_HEAD, JB, REGION

replace = msgspec.structs.replace

RLO = actor("RLO", "RLO-1", "rlo_assessor")
REPORT = "2026-05.6.MRB"
SELECT = SelectHighlight(experience="EXP-1", report=REPORT, highlight=2)
PUBLISH = PublishExperience(
    experience="EXP-1", unit="MRB", title="说理式执法", text="一案一书。", matters=("M-101",)
)


@pytest.fixture
def story() -> Scenario:
    """The market bureau has submitted a report with two highlights; another report is owed."""
    opened = ReportingMonthOpened(
        report=REPORT,
        unit="MRB",
        month="2026-05",
        task_no=6,
        part="responsible",
        due_on=date(2026, 5, 31),
        warn_on=date(2026, 5, 29),
    )
    return (
        Scenario(InMemoryDCBRecorder())
        .given(SeedLedger(), *REGION)
        .at("2026-06-01T09:00+08:00")
        .given(
            opened,
            replace(opened, report="2026-05.7.MRB", task_no=7),
            ProgressLedgerSubmitted(
                report=REPORT,
                unit="MRB",
                month="2026-05",
                task_no=6,
                metrics={},
                computed={},
                ledger_cutoff_position=1,
                highlights=("首违不罚", "说理式执法"),
            ),
        )
    )


def test_a_highlight_is_selected_from_a_submitted_report(story: Scenario) -> None:
    """By the place it has there; the event says which office picked it."""
    story.when(replace(SELECT, highlight=3), JB).raises(Malformed, pointer="/highlight")
    story.when(replace(SELECT, report="2026-05.7.MRB"), JB).raises(OutOfStep, says="not submitted")
    story.when(replace(SELECT, report="2026-05.8.MRB"), JB).raises(UnknownReference)
    story.when(SELECT, RLO).then(
        HighlightSelected(
            experience="EXP-1", unit="MRB", report=REPORT, says="说理式执法", by="RLO"
        )
    )
    story.when(SELECT, JB).raises(OutOfStep)


def test_an_experience_is_published_once_and_withdrawn_with_a_reason(story: Scenario) -> None:
    """With a highlight before it or without; of a highlight, for the unit whose it is."""
    story.given(SELECT, actor=JB)
    story.when(replace(PUBLISH, unit="EMB"), JB).raises(Malformed, pointer="/unit")
    story.when(PUBLISH, JB).then(like(ExperiencePublished, unit="MRB", matters=("M-101",)))
    story.when(PUBLISH, JB).raises(OutOfStep)
    story.when(WithdrawExperience(experience="EXP-1", reason="数据有误"), RLO).then(
        like(ExperienceWithdrawn, unit="MRB")
    )
    story.when(WithdrawExperience(experience="EXP-1", reason="-"), RLO).raises(
        OutOfStep, says="withdrawn"
    )
    story.when(replace(PUBLISH, experience="EXP-2")).then(ExperiencePublished)


def test_a_head_publishes_the_own_units_experience(story: Scenario) -> None:
    story.when(PUBLISH, EMB_HEAD).raises(Forbidden)
    story.given(PUBLISH)
    story.when(WithdrawExperience(experience="EXP-1", reason="-"), EMB_HEAD).raises(Forbidden)


def test_an_experience_names_published_matters_of_known_units(story: Scenario) -> None:
    """M-103 is listed and not published: naming it would announce a draft."""
    story.when(replace(PUBLISH, matters=("M-103",)), JB).raises(Malformed, pointer="/matters/0")
    story.when(replace(PUBLISH, matters=("M-999",)), JB).raises(UnknownReference)
    story.when(replace(PUBLISH, unit="NOBODY"), JB).raises(UnknownReference)


def test_outreach_is_withdrawn_by_its_unit(story: Scenario) -> None:
    """Once; its id is the sender's, or one that the ledger gives."""
    publish = PublishOutreach(outreach="OUT-1", unit="MRB", title="以案释法", channel="wechat")
    withdraw = WithdrawOutreach(outreach="OUT-1", reason="链接失效")
    story.when(withdraw).raises(UnknownReference)
    story.when(publish).then(like(OutreachPublished, outreach="OUT-1"))
    story.when(publish).raises(OutOfStep)
    story.when(withdraw, EMB_HEAD).raises(Forbidden)
    story.when(withdraw).then(like(OutreachWithdrawn, unit="MRB"))
    story.when(withdraw).raises(OutOfStep, says="withdrawn")
    story.when(replace(publish, outreach=None)).then(OutreachPublished)
    assert story.outcome is not None
    assert story.outcome.events[0].event.outreach.startswith("OUT.")  # type: ignore[attr-defined]
