"""The two-lenient-one-exempt list (2.7): which item applies, and what departs from it."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.kernel import (
    DeadlineMissed,
    Fact,
    Forbidden,
    Malformed,
    OutOfStep,
    WorkingCalendarPublished,
    civil_moment,
)
from ledger.systems.corrections.events import DecisionRevoked
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.leniency.commands import (
    ApplyLeniency,
    PublishLeniencyList,
    RecordEducation,
    TakeCorrectionCommitment,
    VerifyPromisedCorrection,
)
from ledger.systems.leniency.events import (
    Condition,
    ConditionMet,
    CorrectionCommitmentTaken,
    EducationRecorded,
    ItemPassedOver,
    LeniencyApplied,
    LeniencyListPublished,
    ListItem,
    PromisedCorrectionVerified,
)
from ledger.systems.penalties.commands import AddEvidence, CloseCase, DecidePenalty
from ledger.systems.penalties.events import (
    BenchmarkItem,
    BenchmarkPublished,
    CaseClosed,
    PenaltyDecided,
    Tier,
)
from ledger.systems.policies.commands import SeedLedger
from tests.cast import E_A, E_B, E_C, EMB, actor
from tests.gwt import Scenario, like, on
from tests.pasts import conduct, decidable, filed
from tests.systems.recorded import whole_record

replace = msgspec.structs.replace


MINOR = Condition(condition="minor", kind="minor", text="违法行为轻微")
FIRST = Condition(condition="first", kind="first_violation", text="初次违法")


def item(name: str, outcome: Any, *conditions: Condition, **more: Any) -> ListItem:
    return ListItem(
        item=name,
        outcome=outcome,
        violation_code="FS-034",
        basis="行政处罚法 Art. 33",
        conditions=conditions or (MINOR,),
        **more,
    )


def version(number: int, since: str, *items: ListItem, unit: str = "MRB") -> Fact:
    """A version of a list, published on the day from which it holds."""
    published = LeniencyListPublished(
        unit=unit, version=number, effective_from=date.fromisoformat(since), items=items
    )
    return on(since, published)


BENCHMARK = BenchmarkPublished(
    unit="MRB",
    version=1,
    title="裁量基准",
    effective_from=date(2026, 1, 5),
    items=(
        BenchmarkItem(
            violation_code="FS-034",
            basis="食品安全法 Art. 124",
            types=("fine",),
            statutory_min_fen=500_000,
            statutory_max_fen=5_000_000,
            tiers=(
                Tier(tier="一般", circumstances="-", min_fen=500_000, max_fen=1_000_000),
                Tier(tier="从重", circumstances="-", min_fen=1_000_000, max_fen=5_000_000),
            ),
        ),
    ),
)
APPLY = ApplyLeniency(
    case="CASE-1",
    item="L-1",
    list_version=1,
    conditions=(ConditionMet(condition="minor", evidence="EV-1"),),
)
EDUCATE = RecordEducation(case="CASE-1", method="letter", content="讲解食品安全法")
DECIDE = DecidePenalty(
    decision="DEC-1",
    entity=E_C,
    unit="MRB",
    case="CASE-1",
    doc_no="1号",
    types=("fine",),
    severity="general",
    facts="-",
    fine_fen=500_000,
    tier="一般",
)
EXEMPT = CloseCase(case="CASE-1", reason="exempt", conclusion="不予处罚")


@pytest.fixture
def story() -> Scenario:
    """A case of 05-20; another unit has its own list, and another case was taught."""
    other = {"case": "CASE-9", "entity": E_B, "unit": "MRB"}
    return (
        Scenario(InMemoryDCBRecorder())
        .given(SeedLedger())
        .at("2026-05-20T09:00+08:00")
        .given(*decidable(filed("CASE-1", E_C, "2026-05-20"), ("fine",), 5_000_000))
        .given(AddEvidence(evidence="EV-1", case="CASE-1", kind="documentary", title="整改照片"))
        .given(*whole_record(date(2026, 5, 20)), *whole_record(date(2026, 5, 20), "CASE-2"))
        .amid(
            version(1, "2026-01-05", item("X-1", "exempt"), unit="EMB"),
            filed("CASE-9", E_B, "2026-05-20"),
            EducationRecorded(
                **other,
                method="letter",
                content="-",
                educated_on=date(2026, 5, 20),
                educated_by="OFF-001",
            ),
        )
    )


def test_a_list_is_published_in_versions() -> None:
    """Complete each time, by the own head, from the day of publication on."""
    story = Scenario(InMemoryDCBRecorder()).given(SeedLedger())
    publish = PublishLeniencyList(unit="MRB", items=(item("L-1", "lenient"),))
    story.when(publish, EMB).raises(Forbidden)
    for wrong in (
        replace(publish, effective_from=date(2026, 1, 4)),
        replace(publish, items=(item("L-1", "lenient"), item("L-1", "exempt"))),
        replace(publish, items=(item("L-1", "lenient", MINOR, MINOR),)),
        replace(publish, items=(replace(item("L-1", "lenient"), conditions=()),)),
    ):
        story.when(wrong).raises(Malformed)
    story.when(publish).then(like(LeniencyListPublished, version=1))
    story.when(publish).then(like(LeniencyListPublished, version=2))


def test_leniency_review_months_a_list_is_revised_every_year() -> None:
    """Published on 2026-01-05, revised by 2027-01-05; another unit's version is none of it."""
    story = Scenario(InMemoryDCBRecorder()).given(SeedLedger())
    story.when(PublishLeniencyList(unit="MRB", items=(item("L-1", "lenient"),)))
    assert story.outcome is not None
    opened = story.outcome.position
    story.given(PublishLeniencyList(unit="EMB", items=(item("L-1", "lenient"),)), actor=EMB)
    missed = EndDeadline(rule_name="leniency.review_months", opened_at_position=opened)
    story.at("2027-01-05T18:00+08:00").when(missed).raises(OutOfStep)
    story.given(_calendar_2027()).at("2027-01-06T09:00+08:00").when(missed)
    assert story.outcome is not None, story.error
    assert any(isinstance(r.event, DeadlineMissed) for r in story.outcome.events)


def test_FLX_R1_the_item_was_in_force(story: Scenario) -> None:
    """Between the conduct and today, in the unit's own list, about this violation."""
    story.given(version(1, "2026-01-05", item("L-1", "lenient")))
    story.given(version(2, "2026-04-01", replace(item("L-2", "lenient"), violation_code="FS-035")))
    # Version 1 ended before the conduct, version 2 has nothing about it.
    for name, number in (("L-1", 1), ("L-2", 2), ("X-1", 1)):
        story.when(replace(APPLY, item=name, list_version=number)).refused("FLX-R1", item=name)


def test_FLX_R1_the_more_favourable_version_applies(story: Scenario) -> None:
    """The list of the day of the conduct or a later one, whichever is better for the business."""
    story.given(version(1, "2026-01-05", item("L-1", "mitigated")))
    story.at("2026-06-01T09:00+08:00").given(version(2, "2026-06-01", item("L-1", "lenient")))
    story.when(replace(APPLY, list_version=2)).refused(
        "FLX-R1", reason="item L-1 of version 1 is mitigated"
    )
    story.when(APPLY).then(like(LeniencyApplied, outcome="mitigated", list_version=1))


def test_FLX_R1_a_better_item_is_passed_over_with_its_reason(story: Scenario) -> None:
    """Naming a condition of it that fails."""
    story.given(version(1, "2026-01-05", item("L-1", "lenient"), item("E-1", "exempt", FIRST)))
    story.when(APPLY).refused("FLX-R1", reason="item E-1 of version 1 is exempt")
    passed = ItemPassedOver(item="E-1", list_version=1, condition="first", reason="再次违法")
    wrong = replace(passed, condition="minor")
    story.when(replace(APPLY, passed_over=(wrong,))).raises(Malformed, pointer="/passed_over/0")
    story.when(replace(APPLY, passed_over=(passed,))).then(like(LeniencyApplied, outcome="lenient"))


def test_FLX_R1_a_list_published_before_the_decision(story: Scenario) -> None:
    """What was applied has to be the most favourable one still when the case is decided."""
    story.given(BENCHMARK, version(1, "2026-01-05", item("L-1", "lenient")), APPLY)
    story.at("2026-06-01T09:00+08:00").given(version(2, "2026-06-01", item("L-1", "mitigated")))
    story.when(DECIDE).refused("FLX-R1", reason="item L-1 of version 2 is mitigated")
    story.given(replace(APPLY, list_version=2)).when(replace(DECIDE, fine_fen=400_000)).then(
        like(PenaltyDecided, leniency="mitigated")
    )


def test_FLX_R2_every_condition_is_evidenced(story: Scenario) -> None:
    """By a piece that lies in this case's file."""
    story.given(version(1, "2026-01-05", item("L-1", "lenient", MINOR, FIRST)))
    story.when(APPLY).refused("FLX-R2", missing="first")
    elsewhere = ConditionMet(condition="first", evidence="EV-9")
    story.when(replace(APPLY, conditions=(*APPLY.conditions, elsewhere))).refused(
        "FLX-R2", missing="first"
    )
    unknown = ConditionMet(condition="harmless", evidence="EV-1")
    story.when(replace(APPLY, conditions=(unknown,))).raises(Malformed, pointer="/conditions/0")
    both = (*APPLY.conditions, ConditionMet(condition="first", evidence="EV-1"))
    story.when(replace(APPLY, conditions=both)).then(LeniencyApplied)


def test_FLX_R3_some_conduct_is_never_excused(story: Scenario) -> None:
    """As the case file has it, as found later, or as the item itself excludes it."""
    story.given(
        version(1, "2026-01-05", item("L-1", "lenient", excluded_if=("infant_food",))),
        filed(
            "CASE-2",
            E_B,
            "2026-05-20",
            conduct=conduct("2026-05-20", excluded=("exploits_public_health_event",)),
        ),
        AddEvidence(evidence="EV-2", case="CASE-2", kind="documentary", title="-"),
    )
    hoarded = replace(
        APPLY, case="CASE-2", conditions=(ConditionMet(condition="minor", evidence="EV-2"),)
    )
    story.when(hoarded).refused("FLX-R3", conduct="exploits_public_health_event")
    story.when(replace(APPLY, excluded=("high_latent_risk",))).refused("FLX-R3")
    story.when(replace(APPLY, circumstances=("infant_food",))).refused("FLX-R3")
    story.when(replace(APPLY, circumstances=("adult_food",))).then(LeniencyApplied)


def test_FLX_R3_no_case_is_closed_as_exempt_for_it(story: Scenario) -> None:
    """Without an item of the list as little as with one; it may still be found not established."""
    hoarding = conduct("2026-05-20", excluded=("exploits_public_health_event",))
    story.given(filed("CASE-2", E_C, "2026-05-20", conduct=hoarding))
    story.given(replace(EDUCATE, case="CASE-2"), EDUCATE)
    close = replace(EXEMPT, case="CASE-2")
    story.when(close).refused("FLX-R3", conduct="exploits_public_health_event")
    story.when(replace(close, reason="not_established")).then(CaseClosed)
    story.when(EXEMPT).then(CaseClosed, like(FindingRaised, rule_id="FLX-V2"))


def test_FLX_R5_a_case_closed_as_exempt_without_an_item_counts(story: Scenario) -> None:
    """Found and taught, it was a violation; one that was not established was none."""
    story.given(version(1, "2026-01-05", item("L-1", "lenient", FIRST)))
    act = conduct("2026-02-10", act="earlier")
    for case in ("CASE-2", "CASE-3"):
        story.given(filed(case, E_C, "2026-05-20", conduct=act))
    story.given(*whole_record(date(2026, 5, 20), "CASE-3"))
    apply = replace(APPLY, conditions=(ConditionMet(condition="first", evidence="EV-1"),))
    drop = replace(EXEMPT, case="CASE-3", reason="not_established")
    story.given(drop).when(apply).then(LeniencyApplied)
    story.given(replace(EDUCATE, case="CASE-2"), replace(EXEMPT, case="CASE-2"))
    story.when(apply).refused("FLX-R5", earlier="CASE-2")


def test_FLX_R1_an_item_is_applied_now(story: Scenario) -> None:
    """By the list in force now; what was taught or promised came after the case was opened."""
    story.given(version(1, "2026-01-05", item("L-1", "lenient")))
    story.at("2026-06-01T09:00+08:00")
    back = {"occurred_at": civil_moment(date(2026, 5, 25), 9)}
    story.when(replace(APPLY, **back)).raises(Malformed, pointer="/occurred_at")
    story.when(replace(EDUCATE, **back)).then(EducationRecorded)
    promise = TakeCorrectionCommitment(
        case="CASE-1", commitment="整改", correct_by=date(2026, 6, 22)
    )
    before = {"occurred_at": civil_moment(date(2026, 5, 19), 9)}
    for report in (EDUCATE, promise):
        story.when(replace(report, **before)).raises(Malformed, says="2026-05-20")


def test_FLX_R4_who_is_exempt_was_taught(story: Scenario) -> None:
    """In this case, when the item is applied and when the case is closed."""
    story.given(version(1, "2026-01-05", item("L-1", "exempt")))
    story.when(APPLY).refused("FLX-R4", case="CASE-1")
    story.when(EXEMPT).refused("FLX-R4")
    story.when(EDUCATE).then(EducationRecorded)
    promise = TakeCorrectionCommitment(
        case="CASE-1", commitment="整改", correct_by=date(2026, 5, 22)
    )
    story.when(replace(promise, correct_by=date(2026, 5, 19))).raises(Malformed)
    story.when(promise).then(like(CorrectionCommitmentTaken, correct_by="2026-05-22"))
    story.when(APPLY).then(like(LeniencyApplied, outcome="exempt"))
    story.when(replace(DECIDE, tier=None)).raises(OutOfStep, says="exempt by item L-1")
    story.when(EXEMPT).then(like(CaseClosed, reason="exempt"))
    story.when(EDUCATE).raises(OutOfStep, says="was closed")


def test_what_was_promised_falls_due(story: Scenario) -> None:
    """On its day; seen later it says how late, and a new promise sets a new day."""
    verify = VerifyPromisedCorrection(case="CASE-1", evidence="现场复查照片")
    promise = TakeCorrectionCommitment(
        case="CASE-1", commitment="整改", correct_by=date(2026, 5, 22)
    )
    story.when(verify).raises(OutOfStep, says="must be recorded first")
    story.amid(
        PromisedCorrectionVerified(
            case="CASE-9", entity=E_B, unit="MRB", evidence="-", verified_on=date(2026, 5, 20)
        )
    )
    story.when(promise)
    assert story.outcome is not None
    first = EndDeadline(rule_name="leniency.correction", opened_at_position=story.outcome.position)
    story.at("2026-05-22T23:00+08:00").when(first).raises(OutOfStep, says="2026-05-22")
    story.when(replace(promise, correct_by=date(2026, 5, 29)))
    assert story.outcome is not None
    again = EndDeadline(rule_name="leniency.correction", opened_at_position=story.outcome.position)
    story.at("2026-05-30T00:10+08:00").when(first).raises(OutOfStep, says="in time")
    story.when(again).then(like(DeadlineMissed, due_on=date(2026, 5, 29)))
    early = replace(verify, occurred_at=civil_moment(date(2026, 5, 21), 9))
    story.when(early).raises(Malformed, pointer="/occurred_at", says="2026-05-22")
    story.when(verify).then(
        like(PromisedCorrectionVerified, verified_on=date(2026, 5, 30), days_late=1)
    )
    story.when(verify).raises(OutOfStep, says="2026-05-30")


def test_a_promise_outlives_its_case(story: Scenario) -> None:
    """A case that is closed as exempt leaves the promise to be seen through, by its unit."""
    story.given(
        version(1, "2026-01-05", item("L-1", "exempt")),
        EDUCATE,
        TakeCorrectionCommitment(case="CASE-1", commitment="整改", correct_by=date(2026, 5, 22)),
        APPLY,
        EXEMPT,
    )
    verify = VerifyPromisedCorrection(case="CASE-1", evidence="现场复查照片")
    story.when(verify, actor("EMB", "OFF-9", "enforcement_officer")).raises(Forbidden)
    story.when(verify).then(like(PromisedCorrectionVerified, days_late=0))


@pytest.mark.parametrize(
    ("earlier", "bars"),
    [("2025-02-10", True), ("2024-05-20", True), ("2024-05-19", False), ("2026-05-21", False)],
)
def test_FLX_R5_first_violation(story: Scenario, earlier: str, *, bars: bool) -> None:
    """S13: one of the same type within 24 months before, decided or exempted."""
    story.at("2026-06-01T09:00+08:00")
    first = filed("CASE-0", E_C, "2026-05-20", conduct=conduct(earlier, act="earlier"))
    story.given(
        version(1, "2026-01-05", item("L-1", "lenient", FIRST)),
        first,
        _decided("DEC-0", "CASE-0", E_C),
    )
    apply = replace(APPLY, conditions=(ConditionMet(condition="first", evidence="EV-1"),))
    story.when(apply)
    if bars:
        story.refused("FLX-R5", earlier="CASE-0", months=24)
    else:
        story.then(LeniencyApplied)


def test_FLX_R5_only_what_was_proven_counts(story: Scenario) -> None:
    """Neither an open case, a decision undone, another type nor another business."""
    story.given(version(1, "2026-01-05", item("L-1", "lenient", FIRST)))
    act = conduct("2026-02-10", act="earlier")
    story.given(
        filed("CASE-2", E_C, "2026-05-20", conduct=act),
        filed("CASE-3", E_C, "2026-05-20", conduct=replace(act, violation_code="FS-035")),
        _decided("DEC-3", "CASE-3", E_C),
        filed("CASE-4", E_B, "2026-05-20", conduct=act),
        _decided("DEC-4", "CASE-4", E_B),
        filed("CASE-5", E_C, "2026-05-20", conduct=act),
        _decided("DEC-5", "CASE-5", E_C),
        DecisionRevoked(
            decision="DEC-5",
            unit="MRB",
            entity=E_C,
            by="RECON",
            instrument="3号",
            effective_on=date(2026, 5, 20),
            reason="-",
        ),
    )
    apply = replace(APPLY, conditions=(ConditionMet(condition="first", evidence="EV-1"),))
    story.when(apply).then(LeniencyApplied)
    exempted = LeniencyApplied(
        case="CASE-2",
        entity=E_C,
        unit="MRB",
        item="L-1",
        list_version=1,
        outcome="exempt",
        violation_code="FS-034",
        conditions=(),
        applied_on=date(2026, 5, 20),
    )
    story.given(exempted).when(apply).refused("FLX-R5", earlier="CASE-2")


@pytest.mark.parametrize(
    ("outcome", "fine", "lawful"),
    [
        ("lenient", 500_000, True),
        ("lenient", 499_999, False),
        ("lenient", 5_000_001, False),
        ("mitigated", 499_999, True),
        ("mitigated", 500_000, False),
    ],
)
def test_FLX_R6_lenient_within_and_mitigated_below(
    story: Scenario, outcome: str, fine: int, *, lawful: bool
) -> None:
    """The statutory range is 5,000 to 50,000 yuan."""
    story.given(*decidable(filed("CASE-2", E_C, "2026-05-20"), ("fine",), 6_000_000))
    story.given(AddEvidence(evidence="EV-2", case="CASE-2", kind="documentary", title="-"))
    story.given(BENCHMARK, version(1, "2026-01-05", item("L-1", outcome)))
    met = (ConditionMet(condition="minor", evidence="EV-2"),)
    story.given(replace(APPLY, case="CASE-2", conditions=met))
    story.when(replace(DECIDE, case="CASE-2", fine_fen=fine))
    if lawful:
        story.then(like(PenaltyDecided, leniency=outcome))
    else:
        story.refused("FLX-R6", outcome=outcome)


def test_FLX_R6_leaving_out_what_the_law_prescribes_is_mitigation(story: Scenario) -> None:
    """And where no benchmark says what it prescribes, neither can be told."""
    story.given(version(1, "2026-01-05", item("L-1", "mitigated")), APPLY)
    warned = replace(DECIDE, types=("warning",), fine_fen=0, severity="minor")
    story.when(replace(warned, tier=None)).refused("FLX-R6")
    story.given(BENCHMARK).when(warned).then(like(PenaltyDecided, leniency="mitigated"))


def test_FLX_V1_like_cases_unlike_outcomes(story: Scenario) -> None:
    """Outside the range of its step, beside what like cases of that step were fined."""
    story.given(BENCHMARK)
    for n, fine in enumerate((600_000, 900_000), start=2):
        story.given(
            filed(f"CASE-{n}", E_B, "2026-05-20"),
            _decided(f"DEC-{n}", f"CASE-{n}", E_B, fine_fen=fine, tier="一般"),
        )
    story.when(replace(DECIDE, fine_fen=1_000_001)).then(
        PenaltyDecided,
        like(
            FindingRaised,
            rule_id="FLX-V1",
            unit="MRB",
            entity=E_C,
            facts={
                "case": "CASE-1",
                "decision": "DEC-1",
                "violation_code": "FS-034",
                "tier": "一般",
                "fine_fen": 1_000_001,
                "benchmark_fen": [500_000, 1_000_000],
                "like_cases": 2,
                "like_fen": [600_000, 900_000],
            },
        ),
    )


def test_FLX_V1_is_not_raised_within_the_step(story: Scenario) -> None:
    """The ends of the range belong to it."""
    story.given(BENCHMARK).when(replace(DECIDE, fine_fen=1_000_000)).then(PenaltyDecided)


def test_FLX_V2_mitigation_without_an_item(story: Scenario) -> None:
    """Below the statutory range, or closed as exempt, with nothing of the list applied."""
    story.given(BENCHMARK).when(replace(DECIDE, fine_fen=400_000)).then(
        PenaltyDecided, like(FindingRaised, rule_id="FLX-V2", unit="MRB", entity=E_C)
    )
    story.given(filed("CASE-2", E_C, "2026-05-20"), replace(EDUCATE, case="CASE-2"))
    story.when(replace(EXEMPT, case="CASE-2")).then(
        CaseClosed, like(FindingRaised, rule_id="FLX-V2")
    )


def test_FLX_V3_one_business_closed_after_another(story: Scenario) -> None:
    """The third of one unit for one type within thirty days; others do not count."""
    closure = {"types": ("closure_order",), "fine_fen": 0}
    story.given(
        *(
            event
            for n, (entity, unit, code, day) in enumerate(
                (
                    (E_A, "MRB", "FS-034", "2026-05-01"),
                    (E_A, "EMB", "FS-034", "2026-05-01"),
                    (E_B, "MRB", "FS-035", "2026-05-01"),
                    (E_B, "MRB", "FS-034", "2026-04-19"),
                ),
                start=2,
            )
            for event in (
                filed(f"CASE-{n}", entity, "2026-04-01", unit=unit),
                _decided(
                    f"DEC-{n}",
                    f"CASE-{n}",
                    entity,
                    unit=unit,
                    violation_code=code,
                    decided_on=date.fromisoformat(day),
                    **closure,
                ),
            )
        )
    )
    story.given(*decidable(filed("CASE-6", E_C, "2026-05-20"), ("closure_order",), 0))
    closing = replace(
        DECIDE, case="CASE-6", decision="DEC-6", tier=None, severity="serious", **closure
    )
    story.when(closing).then(PenaltyDecided)
    # With that one there are two, of the first and of E_C; E_B's of 04-19 is too old.
    story.given(*decidable(filed("CASE-7", E_B, "2026-05-20"), ("suspension_of_business",), 0))
    third = replace(closing, case="CASE-7", decision="DEC-7", entity=E_B)
    halt = replace(third, types=("suspension_of_business",), severity="general")
    story.when(halt).then(
        PenaltyDecided,
        like(
            FindingRaised,
            rule_id="FLX-V3",
            unit="MRB",
            facts={
                "case": "CASE-7",
                "violation_code": "FS-034",
                "decisions": ["DEC-2", "DEC-6", "DEC-7"],
                "since": "2026-04-20",
            },
        ),
    )


def _decided(decision: str, case: str, entity: str, **changed: Any) -> PenaltyDecided:
    basis = PenaltyDecided(
        decision=decision,
        entity=entity,
        unit="MRB",
        case=case,
        doc_no=decision,
        decided_on=date(2026, 5, 20),
        types=("fine",),
        severity="general",
        facts="-",
        fine_fen=500_000,
        violation_code="FS-034",
    )
    return replace(basis, **changed)


def _calendar_2027() -> WorkingCalendarPublished:
    return WorkingCalendarPublished(
        year="2027", version=1, holidays=(), makeup_workdays=(), source="国务院办公厅"
    )
