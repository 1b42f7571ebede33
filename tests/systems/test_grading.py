"""Grades (2.4d): assessed elsewhere, computed from the record, or set by hand."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.values import Instrument
from ledger.kernel import Event, Malformed, UnknownReference, codec
from ledger.systems.credit.events import (
    CreditRecordEntered,
    PublicityStarted,
    PublicitySuspended,
    PublicityTerminated,
)
from ledger.systems.grading.commands import AssignGrade, OverrideGrade, RecomputeGrade
from ledger.systems.grading.events import CreditGradeAssigned, Factor
from ledger.systems.grading.folds import CreditGrade
from ledger.systems.policies.commands import SeedLedger
from tests.cast import CLOCK, E_B, E_C, EDB, EDB_SECOND
from tests.gwt import Scenario, like

replace = msgspec.structs.replace

TODAY = date(2026, 7, 27)
ASSIGN = AssignGrade(
    entity=E_C,
    scheme="国市监信发〔2022〕6号",
    grade="C",
    assessed_on=date(2026, 7, 1),
    source="samr",
    factors=(Factor(kind="external_assessment", says="较高风险"),),
)
OVERRIDE = OverrideGrade(
    entity=E_C,
    scheme="国市监信发〔2022〕6号",
    grade="D",
    factors=(Factor(kind="other", says="重大事故调查中"),),
    override_reason="事故调查期间提级监管",
)
RECOMPUTE = RecomputeGrade(entity=E_C)


def entered(record: str = "CR-1", **changed: Any) -> CreditRecordEntered:
    return replace(
        CreditRecordEntered(
            record=record,
            entity=E_C,
            unit="MRB",
            kind="penalty",
            instrument=Instrument(
                kind="penalty_decision", doc_no="1号", effective_on=date(2026, 4, 15)
            ),
            determined_on=date(2026, 4, 15),
            title="-",
            public=True,
            severity="general",
        ),
        **changed,
    )


def shown(record: str = "CR-1", entity: str = E_C, until: date = date(2027, 4, 15)) -> Event:
    return PublicityStarted(
        record=record,
        entity=entity,
        unit="MRB",
        started_on=date(2026, 4, 15),
        channels=("credit_china",),
        max_until=until,
    )


def ended(reason: Any, record: str = "CR-1") -> Event:
    return PublicityTerminated(
        record=record, entity=E_C, unit="MRB", reason=reason, terminated_on=TODAY
    )


NO_ISSUE = entered("CR-5", kind="inspection_result", severity=None, result="no_issue")
KEPT = entered("CR-6", kind="commitment", severity=None, fulfilled=True)


@pytest.fixture
def story() -> Scenario:
    """The day of S15's repair; another business has the worst on its record, and the best."""
    return (
        Scenario(InMemoryDCBRecorder(), by=EDB)
        .given(SeedLedger())
        .at(f"{TODAY}T09:00+08:00")
        .amid(
            entered("CR-91", entity=E_B, severity="serious"),
            shown("CR-91", E_B),
            replace(NO_ISSUE, record="CR-92", entity=E_B),
        )
        .given(replace(KEPT, record="CR-93", entity=E_B), actor=EDB_SECOND)
    )


def test_a_grade_given_elsewhere_is_recorded_with_its_inputs(story: Scenario) -> None:
    """The hash is SHA-256 over the factors as canonical JSON, which anybody can recompute."""
    canonical = '[{"kind":"external_assessment","says":"较高风险"}]'
    story.when(ASSIGN).then(
        CreditGradeAssigned(
            entity=E_C,
            scheme="国市监信发〔2022〕6号",
            grade="C",
            assessed_on=date(2026, 7, 1),
            source="samr",
            factors=(Factor(kind="external_assessment", says="较高风险"),),
            inputs_hash=sha256(canonical.encode()).hexdigest(),
        )
    )
    tomorrow = replace(ASSIGN, assessed_on=date(2026, 7, 28))
    story.when(tomorrow).raises(Malformed, pointer="/assessed_on")


@pytest.mark.parametrize(
    ("past", "grade", "factors"),
    [
        ([], "B", ["no_negative_24_months"]),
        ([NO_ISSUE], "A", ["no_negative_24_months", "no_issue_inspection"]),
        ([KEPT], "A", ["no_negative_24_months", "fulfilled_commitment"]),
        ([replace(KEPT, fulfilled=False)], "B", ["no_negative_24_months"]),
        ([replace(NO_ISSUE, result="order_to_correct")], "B", ["no_negative_24_months"]),
        # General information counts while its publicity runs.
        ([entered(), shown()], "C", ["general_record"]),
        ([entered()], "B", []),
        ([entered(), shown(until=date(2026, 7, 26)), NO_ISSUE], "B", ["no_issue_inspection"]),
        # Serious information counts until it is repaired, shown or not.
        ([entered(severity="serious")], "D", ["serious_record"]),
        ([entered(kind="serious_list", severity="serious")], "D", ["serious_list"]),
        ([entered(severity="serious"), entered("CR-2"), shown("CR-2")], "D", ["serious_record"]),
        ([entered(kind="abnormal_list", severity=None), NO_ISSUE], "C", ["abnormal_list"]),
        # Minor information and past penalties only stand in the way of an A.
        ([entered(severity="minor"), NO_ISSUE], "B", ["no_issue_inspection"]),
        (
            [entered(determined_on=date(2024, 7, 27)), NO_ISSUE],
            "A",
            ["no_negative_24_months", "no_issue_inspection"],
        ),
        ([entered(determined_on=date(2024, 7, 28)), NO_ISSUE], "B", ["no_issue_inspection"]),
    ],
)
def test_the_local_rule(story: Scenario, past: list[Event], grade: str, factors: list[str]) -> None:
    """D, C, A or B from what stands on this business's record, and why (2.4d)."""
    story.given(*past).when(RECOMPUTE).then(
        like(CreditGradeAssigned, grade=grade, source="local_rule", assessed_on=TODAY)
    )
    assert story.outcome is not None
    event = story.outcome.events[0].event
    assert isinstance(event, CreditGradeAssigned)
    assert [f.kind for f in event.factors] == factors


@pytest.mark.parametrize(
    ("breached_on", "grade"), [(date(2025, 7, 28), "C"), (date(2025, 7, 27), "B")]
)
def test_a_breached_commitment_counts_for_a_year(
    story: Scenario, breached_on: date, grade: str
) -> None:
    """Less than twelve months ago: C; twelve months ago it only stands in the way of an A."""
    breach = entered(kind="commitment_breach", severity=None, determined_on=breached_on)
    story.given(breach, NO_ISSUE).when(RECOMPUTE).then(like(CreditGradeAssigned, grade=grade))


@pytest.mark.parametrize(
    ("reason", "grade"),
    [("repaired", "A"), ("revoked", "A"), ("correction", "A"), ("max_reached", "B")],
)
@pytest.mark.parametrize("severity", ["general", "serious"])
def test_what_has_ended_no_longer_counts(
    story: Scenario, severity: Any, reason: str, grade: str
) -> None:
    """Repaired or revoked it is as if it had not been; run out, it still is no clean record."""
    story.given(entered(severity=severity), shown(), NO_ISSUE, ended(reason))
    story.when(RECOMPUTE).then(like(CreditGradeAssigned, grade=grade))


def test_suspended_information_is_not_in_publicity(story: Scenario) -> None:
    """While its execution is stopped it does not raise the risk."""
    story.given(entered(), shown()).given(
        PublicitySuspended(
            record="CR-1", entity=E_C, unit="MRB", suspended_on=TODAY, reason="停止执行"
        )
    )
    story.when(RECOMPUTE).then(like(CreditGradeAssigned, grade="B"))


def test_nothing_is_recorded_when_nothing_has_changed(story: Scenario) -> None:
    """The same grade from the same factors; from others it is recorded, with those."""
    story.given(NO_ISSUE).when(RECOMPUTE).then(like(CreditGradeAssigned, grade="A"))
    story.when(RECOMPUTE).then()
    story.at("2026-08-03T09:00+08:00").when(RECOMPUTE).then()
    story.amid(entered("CR-94", entity=E_B)).when(RECOMPUTE).then()
    story.given(KEPT).when(RECOMPUTE).then(like(CreditGradeAssigned, grade="A"))
    story.given(entered(), shown()).when(RECOMPUTE).then(like(CreditGradeAssigned, grade="C"))


@pytest.mark.parametrize("asked_by", [CLOCK, None])
def test_what_was_assessed_elsewhere_holds_until_a_serious_record(
    story: Scenario, asked_by: Any
) -> None:
    """The local rule is what is fallen back on, whoever asks; it opens for what makes it worse."""
    story.given(ASSIGN, entered(), shown()).when(RECOMPUTE, asked_by).then()
    serious = entered("CR-2", severity="serious", determined_on=date(2026, 7, 10))
    story.given(serious).when(RECOMPUTE, asked_by).then(like(CreditGradeAssigned, grade="D"))
    story.when(RECOMPUTE, asked_by).then()
    # The assessment holds again, and that is announced once.
    story.given(ended("repaired", "CR-2"))
    story.when(RECOMPUTE, asked_by).then(
        like(CreditGradeAssigned, grade=ASSIGN.grade, source="local_rule")
    )
    story.when(RECOMPUTE, asked_by).then()


def test_an_assessment_holds_while_the_records_that_it_names_count(story: Scenario) -> None:
    """Once one of them ended, the local rule decides; one that names none holds on."""
    naming = replace(ASSIGN, factors=(Factor(kind="general_record", record="CR-1"),))
    story.given(entered(), shown(), naming).when(RECOMPUTE).then()
    story.given(ended("repaired")).when(RECOMPUTE).then(like(CreditGradeAssigned, grade="B"))


@pytest.mark.parametrize("command", [ASSIGN, OVERRIDE])
def test_a_factor_names_a_record_of_the_business(story: Scenario, command: Any) -> None:
    """What is no record here is said in words; else nobody could tell whether it counts."""
    cited = Factor(kind="general_record", record="CR-404")
    story.when(replace(command, factors=(cited,))).raises(UnknownReference, says="CR-404")
    story.given(entered("CR-404", entity=E_B))
    story.when(replace(command, factors=(cited,))).raises(UnknownReference, says="CR-404")


def test_the_clock_grades_nobody_who_is_B_without_a_grade(story: Scenario) -> None:
    """Whoever has nothing on record is B anyhow; what stands there gives a grade."""
    story.when(RECOMPUTE, CLOCK).then()
    story.given(entered(), shown()).when(RECOMPUTE, CLOCK).then(
        like(CreditGradeAssigned, grade="C", source="local_rule")
    )


def graded(story: Scenario, command: AssignGrade | OverrideGrade) -> Scenario:
    """Assessed by one person, or set by hand by two."""
    if isinstance(command, OverrideGrade):
        return story.signed(command, EDB, EDB_SECOND)
    return story.when(command)


def test_GRD_R1_a_grade_by_hand_has_a_reason_and_a_second_approver(story: Scenario) -> None:
    """Without both it is not set; nobody approves their own request."""
    story.when(replace(OVERRIDE, override_reason=None)).refused(
        "GRD-R1", missing="no reason is given"
    )
    story.signed(OVERRIDE, EDB, EDB).refused(
        "GRD-R1", missing="EDB-1 requested it and cannot approve it too"
    )


def test_an_override_says_that_it_is_one(story: Scenario) -> None:
    """With its reason and its second approver, from the day on which it is approved."""
    story.signed(OVERRIDE, EDB, EDB_SECOND).then(
        like(
            CreditGradeAssigned,
            grade="D",
            override=True,
            override_reason="事故调查期间提级监管",
            second_approver="EDB-2",
            assessed_on=TODAY,
        )
    )


@pytest.mark.parametrize("reason", ["repaired", "revoked"])
@pytest.mark.parametrize("command", [ASSIGN, OVERRIDE])
def test_GRD_R2_a_repaired_or_revoked_record_is_no_factor(
    story: Scenario, command: Any, reason: str
) -> None:
    """S15: neither in an assessment nor by hand; the same factor served before the repair."""
    citing = replace(
        command,
        factors=(*command.factors, Factor(kind="general_record", record="CR-1")),
    )
    story.given(entered(), shown()).amid(entered("CR-2"), ended("repaired", "CR-2"))
    graded(story, citing).then(CreditGradeAssigned)
    story.given(ended(reason))
    story.when(citing).refused("GRD-R2", record="CR-1", why=reason)


@pytest.mark.parametrize("command", [ASSIGN, OVERRIDE])
def test_GRD_R3_complaints_alone_give_no_grade(story: Scenario, command: Any) -> None:
    """A count of complaints stands only beside something that was verified."""
    complaints = Factor(kind="complaint_count", says="12")
    story.when(replace(command, factors=(complaints, complaints))).refused("GRD-R3")
    both = replace(command, factors=(complaints, *command.factors))
    graded(story, both).then(CreditGradeAssigned)


def test_the_newest_assessment_of_a_day_is_in_force(story: Scenario) -> None:
    """Before the first one a business is B; an assessment that comes in late changes its days."""
    story.given(replace(ASSIGN, grade="D", assessed_on=date(2026, 6, 1)))
    story.given(replace(ASSIGN, grade="A", assessed_on=date(2026, 3, 1)))
    grade = CreditGrade(E_C).over(
        [
            codec.decode(e.position, e.event.data)
            for e in story.ledger.recorder.read()
            if f"entity:{E_C}" in e.event.tags
        ]
    )
    days = (date(2026, 2, 28), date(2026, 3, 1), date(2026, 5, 31), date(2026, 6, 1))
    assert [grade.on(day) for day in days] == ["B", "A", "A", "D"]
