"""Visits that are one too many for a business (2.10): duplicate and multi-head inspections."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.kernel import Fact
from ledger.systems.filing.commands import IssueInspectionNotice, OpenInspection, ScanEntry
from ledger.systems.filing.events import InspectionTaskApproved, OnSiteInspectionOpened
from ledger.systems.policies.commands import SeedLedger
from tests.cast import E_B, E_C, EMB
from tests.gwt import Scenario, like, on
from tests.systems.test_filing import OPEN, REGION, URGENT, approved

replace = msgspec.structs.replace

BY_EMB: dict[str, Any] = {
    "unit": "EMB",
    "matters": ("M-201",),
    "officers": ("OFF-011", "OFF-012"),
}


def opened(task: str, day: str, **changed: Any) -> Fact:
    """A visit of MRB to E-B on the matter M-101."""
    visit = OnSiteInspectionOpened(
        task=task,
        entity=E_B,
        unit="MRB",
        matters=("M-101",),
        officers=("OFF-001", "OFF-002"),
        certs_shown=("甘A-OFF-001", "甘A-OFF-002"),
        notice_shown=True,
        rights_informed=True,
        conduct_rules_informed=True,
    )
    return on(day, replace(visit, **changed))


def before(*facts: InspectionTaskApproved | Fact) -> Scenario:
    """June, with an approved and announced visit T-1 of MRB to E-B; visits elsewhere lie beside."""
    return (
        Scenario(InMemoryDCBRecorder())
        .given(SeedLedger(), *REGION)
        .at("2026-06-09T09:00+08:00")
        .given(*facts)
        .amid(
            opened("T-OTHER", "2026-06-08", entity=E_C),
            opened("T-OTHER-EMB", "2026-06-08", entity=E_C, **BY_EMB),
            opened("T-LAST-YEAR", "2025-12-20"),
            opened("T-OTHER-MATTER", "2026-03-03", matters=("M-103",)),
            opened("T-LONG-AGO", "2026-05-09", **{**BY_EMB, "unit": "EEB"}),
        )
    )


def visit(story: Scenario, **changed: Any) -> Scenario:
    """T-1 is carried out by MRB on 2026-06-09."""
    story.given(approved(**{"planned_on": date(2026, 6, 9), **changed}))
    story.given(
        IssueInspectionNotice(task="T-1", notice_no="N-1"),
        ScanEntry(task="T-1", act_code="AC-1", device="D-1"),
    )
    return story.when(OPEN)


def test_SUP_D1_the_same_matter_again_in_the_year() -> None:
    """A planned visit after any other of the unit on that matter; last year's is none."""
    story = before(approved("T-0", planned_on=date(2026, 3, 4)), opened("T-0", "2026-03-04"))
    visit(story).then(
        OnSiteInspectionOpened,
        like(
            FindingRaised,
            rule_id="SUP-D1",
            type="duplicate",
            unit="MRB",
            entity=E_B,
            task="T-1",
            facts={
                "visited_on": "2026-06-09",
                "visited_before": ["2026-03-04"],
                "matters": ["M-101"],
            },
        ),
    )


def test_SUP_D1_is_not_raised_of_the_first_visit() -> None:
    """Nor of one to another business, on another matter, or in another year."""
    visit(before()).then(OnSiteInspectionOpened)


def test_SUP_D1_is_not_raised_when_a_clue_triggered_it() -> None:
    """A complaint is a new trigger; so is an emergency."""
    visit(before(opened("T-0", "2026-03-04")), kind="case", trigger="complaint").then(
        OnSiteInspectionOpened
    )
    story = before(opened("T-0", "2026-03-04", entity=E_C))
    emergency: OpenInspection = replace(URGENT, task="T-E")
    # EMB was at E-C the day before: that is another matter.
    story.when(emergency).then(OnSiteInspectionOpened, like(FindingRaised, rule_id="SUP-D2"))


def test_SUP_D1_is_raised_of_the_later_visit_however_they_arrive() -> None:
    """A visit of 06-09 is known when one of 06-01 is reported: the later one was the second."""
    story = before(approved("T-2", planned_on=date(2026, 6, 9)), opened("T-2", "2026-06-09"))
    morning = story.ledger.clock().replace(day=1)
    story.given(
        Fact(approved(planned_on=date(2026, 6, 1)), occurred_at=morning),
        replace(IssueInspectionNotice(task="T-1", notice_no="N-1"), occurred_at=morning),
        replace(ScanEntry(task="T-1", act_code="AC-1", device="D-1"), occurred_at=morning),
    )
    story.when(replace(OPEN, occurred_at=morning.replace(hour=10))).then(
        OnSiteInspectionOpened,
        like(
            FindingRaised,
            rule_id="SUP-D1",
            task="T-2",
            facts={
                "visited_on": "2026-06-09",
                "visited_before": ["2026-06-01"],
                "matters": ["M-101"],
            },
        ),
        # EEB was there on 05-09, which is within the window of 06-01.
        like(FindingRaised, rule_id="SUP-D2", task="T-1"),
    )


@pytest.mark.parametrize(("day", "found"), [("2026-05-10", True), ("2026-05-09", False)])
def test_SUP_D2_two_units_within_the_window(day: str, found: bool) -> None:
    """Thirty calendar days: EMB was there on 05-10, or a day too long ago."""
    story = before(opened("T-EMB", day, **BY_EMB))
    expected = like(
        FindingRaised,
        rule_id="SUP-D2",
        type="multi_head",
        unit="MRB",
        entity=E_B,
        task="T-1",
        facts={
            "visited_on": "2026-06-09",
            "others": ["EMB"],
            "nearest_days": 30,
            "window_days": 30,
        },
    )
    visit(story).then(OnSiteInspectionOpened, *([expected] if found else []))


def test_SUP_D2_is_raised_of_whoever_comes_second() -> None:
    """And names only the other unit, whoever asks."""
    story = before(opened("T-0", "2026-06-01"))
    story.given(
        approved("T-E", planned_on=date(2026, 6, 9), **BY_EMB),
    )
    story.given(
        IssueInspectionNotice(task="T-E", notice_no="N-2"),
        ScanEntry(task="T-E", act_code="AC-2", device="D-2"),
        actor=EMB,
    )
    opening = replace(
        OPEN,
        task="T-E",
        officers=("OFF-011", "OFF-012"),
        certs_shown=("甘A-OFF-011", "甘A-OFF-012"),
    )
    story.when(opening, EMB).then(
        OnSiteInspectionOpened, like(FindingRaised, rule_id="SUP-D2", unit="EMB")
    )
