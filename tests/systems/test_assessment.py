"""The performance assessment (2.15): lawful indicators, exact scores, appeals, publication."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.countersigning import ApprovalRequested
from ledger.general.findings import FindingRaised
from ledger.kernel import (
    DeadlineMissed,
    Event,
    Fact,
    Forbidden,
    LegalRef,
    Malformed,
    OutOfStep,
    Recorded,
    Unavailable,
    UnknownReference,
    codec,
)
from ledger.systems.approvals.commands import ApproveRequest
from ledger.systems.assessment.commands import (
    AdoptAssessmentScheme,
    AppealScore,
    DecideAppeal,
    Draft,
    PublishAssessment,
    RunAssessment,
)
from ledger.systems.assessment.events import (
    AppealDecided,
    AssessmentPublished,
    AssessmentRunCompleted,
    AssessmentSchemeAdopted,
    Formula,
    IndicatorDefined,
    PublishedScore,
    ScoreAppealed,
)
from ledger.systems.assessment.folds import Scheme, measured
from ledger.systems.assessment.rules import YEARLY, forbidden_term, rewarded
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.filing.events import InspectionConcluded, ResultNotified
from ledger.systems.penalties.events import DecisionPublished
from ledger.systems.policies.commands import AdoptPolicyVersion, SeedLedger
from ledger.systems.progress.events import ReportingUnitEnrolled
from tests.cast import CLOCK, E_C, JB, RLO, actor
from tests.gwt import Record, Scenario, like, on
from tests.racing import race_through

replace = msgspec.structs.replace

SECOND = actor("RLO", "RLO-2", "rlo_assessor")
HEAD = actor("MRB", "HEAD-MRB", "unit_head")


def share(code: str, of: str, per: str, weight: str, **changed: Any) -> Draft:
    """An indicator of which half is nothing and all is full."""
    values: dict[str, Any] = {
        "direction": "higher",
        "formula": Formula(of=(of,), per=(per,), nil="0.5", full="1"),
        **changed,
    }
    return Draft(code=code, weight=weight, **values)


PUBLICITY = share(
    "publicity_in_time",
    "penalties_published_in_time",
    "penalties_published",
    "20",
    three_systems=True,
)
NOTICES = share("notices_in_time", "results_notified_in_time", "results_notified", "50")
OPEN = Draft(
    code="findings_open",
    weight="30",
    direction="lower",
    formula=Formula(of=("findings_open",), nil="4", full="0"),
)
SCHEME = AdoptAssessmentScheme(year="2026", indicators=(PUBLICITY, NOTICES, OPEN))


def enrolled(unit: str, since: str = "2026-01") -> ReportingUnitEnrolled:
    """A unit that reports, and is assessed."""
    return ReportingUnitEnrolled(unit=unit, groups=("enforcement_units",), since=since)


def work(unit: str = "MRB") -> Iterable[Fact]:
    """3 of 4 publications in time, 2 of 3 notices, and one finding left open at the year's end."""
    for number in range(4):
        yield on(
            f"2026-06-0{number + 1}",
            DecisionPublished(
                decision=f"D-{unit}-{number}",
                entity=E_C,
                unit=unit,
                summary="-",
                published_on=date(2026, 6, 1),
                days_late=int(number == 0),
            ),
        )
    for number in range(3):
        yield on(
            f"2026-07-0{number + 1}",
            ResultNotified(
                task=f"T-{unit}-{number}", entity=E_C, unit=unit, days_late=int(number == 0)
            ),
        )
    yield on(
        "2026-12-30",
        FindingRaised(finding_id=f"F-{unit}", type="x", rule_id="X", auto=True, unit=unit),
    )


@pytest.fixture
def story() -> Scenario:
    """January 2027: 2026 was assessed by a scheme of January 2026; another unit did worse."""
    story = Scenario(InMemoryDCBRecorder(), by=RLO).given(SeedLedger(), actor=CLOCK)
    story.at("2026-01-10T09:00+08:00").given(SCHEME, enrolled("MRB"))
    story.at("2027-01-08T09:00+08:00").given(*work())
    return story.amid(
        on("2025-12-31", ResultNotified(task="T-0", entity=E_C, unit="MRB", days_late=9)),
        on("2027-01-01", ResultNotified(task="T-9", entity=E_C, unit="MRB", days_late=9)),
        *work("EMB"),
        on("2026-08-01", ResultNotified(task="T-8", entity=E_C, unit="EMB", days_late=9)),
    )


def head(story: Scenario) -> int:
    """The last position."""
    return story.ledger.recorder.read().head or 0


def run(story: Scenario, **changed: Any) -> RunAssessment:
    """MRB's score of 2026 as of now."""
    values = {"year": "2026", "unit": "MRB", "cutoff_position": head(story), **changed}
    return RunAssessment(**values)


def test_a_scheme_is_adopted_whole(story: Scenario) -> None:
    """One event for the scheme and one for each indicator; the next year's by its own ids."""
    story.when(replace(SCHEME, year="2028")).then(
        AssessmentSchemeAdopted(
            year="2028",
            version=1,
            indicators=(
                "2028.publicity_in_time",
                "2028.notices_in_time",
                "2028.findings_open",
            ),
            three_systems_weight="20",
            publish_by=date(2029, 12, 31),
        ),
        like(IndicatorDefined, indicator="2028.publicity_in_time", three_systems=True, version=1),
        like(IndicatorDefined, indicator="2028.notices_in_time", weight="50"),
        like(IndicatorDefined, indicator="2028.findings_open", direction="lower"),
    )


@pytest.mark.parametrize(
    ("formula", "direction", "what"),
    [
        ({"of": ("penalties",)}, "higher", "penalties"),
        ({"of": ("inspections",)}, "higher", "inspections"),
        ({"of": ("results_notified_in_time",)}, "higher", "inspections"),
        ({"of": ("penalties_published_in_time",)}, "higher", "penalties"),
        ({"of": ("penalties",), "per": ("inspections",)}, "higher", "penalties"),
        ({"of": ("records_entered",)}, "higher", "penalties"),
        ({"of": ("publicity_started",)}, "higher", "penalties"),
        ({"of": ("special_filings",)}, "higher", "inspections"),
        ({"of": ("soft_measures",)}, "higher", "penalties"),
        ({"of": ("education_given",)}, "higher", "penalties"),
        ({"of": ("outreach", "penalties")}, "higher", "penalties"),
        ({"of": ("findings",), "per": ("inspections",)}, "lower", "inspections"),
        ({"of": ("inspections", "penalties"), "per": ("matters_published",)}, "higher",
         "inspections and penalties"),
    ],
)  # fmt: skip
def test_ASM_R1_no_number_of_acts_is_rewarded(
    story: Scenario, formula: dict[str, Any], direction: Any, what: str
) -> None:
    """Not as such, not by a figure that grows with it, not per anything, not below the line."""
    nil, full = ("0", "9") if direction == "higher" else ("9", "0")
    draft = replace(
        OPEN, code="work", title="工作量", direction=direction,
        formula=Formula(nil=nil, full=full, **formula),
    )  # fmt: skip
    scheme = replace(SCHEME, year="2028", indicators=(PUBLICITY, NOTICES, draft))
    story.when(scheme).refused("ASM-R1", indicator="work", what=what)


@pytest.mark.parametrize(
    ("code", "title"),
    [
        ("fines_per_officer", "人均"),
        ("work", "fines per officer"),
        ("work", "Fines-per-officer"),
        ("work", "人均罚没收入"),
        ("work", "人均罚 款"),
        ("work", "全年检查户次"),
        ("work", "number of  inspections"),
    ],
)
def test_ASM_R1_what_it_is_called_gives_it_away(story: Scenario, code: str, title: str) -> None:
    """S19: fines per officer, in whatever spelling, and however the formula is written."""
    draft = replace(OPEN, code=code, title=title)
    scheme = replace(SCHEME, year="2028", indicators=(PUBLICITY, NOTICES, draft))
    story.when(scheme).refused("ASM-R1", indicator=code)
    named = replace(OPEN, formula=Formula(of=("fines_fen",), per=("officers",), nil="1", full="0"))
    story.when(replace(scheme, indicators=(PUBLICITY, NOTICES, named))).refused("ASM-R1")


def test_ASM_R1_quality_may_be_rewarded(story: Scenario) -> None:
    """A share of the same acts, and words that only look like the forbidden ones."""
    assert forbidden_term(["fine", "罚款"], "definite finesse", "refined") is None
    assert forbidden_term(["检查数量", "检查次数"], "检查数据录入及时率") is None
    assert rewarded(PUBLICITY.formula, higher=True) == set()
    assert rewarded(Formula(of=("inspections",), nil="9", full="0"), higher=False) == set()
    softer = Formula(of=("soft_measures",), per=("soft_measures", "penalties"), nil="0", full="1")
    assert rewarded(softer, higher=True) == set()
    worse = Formula(of=("inspections_without_issue",), per=("inspections",), nil="1", full="0")
    assert rewarded(worse, higher=False) == set()
    story.when(replace(SCHEME, year="2028")).then(AssessmentSchemeAdopted, *[IndicatorDefined] * 3)


@pytest.mark.parametrize(
    ("formula", "direction", "what"),
    [
        ({"of": ("penalties",), "per": ("legal_reviews",)}, "higher", "penalties"),
        ({"of": ("soft_measures",), "per": ("penalties",)}, "higher", "penalties"),
        ({"of": ("legal_reviews",), "per": ("penalties",)}, "lower", "penalties"),
        (
            {"of": ("penalties", "penalties_served_in_time"), "per": ("penalties_served",)},
            "higher",
            "penalties",
        ),
    ],
)
def test_ASM_R1_figures_of_the_same_acts_are_no_share_yet(
    story: Scenario, formula: dict[str, Any], direction: Any, what: str
) -> None:
    """Both sides grow with penalties, and more of them pay all the same."""
    nil, full = ("0", "9") if direction == "higher" else ("9", "0")
    draft = replace(OPEN, direction=direction, formula=Formula(nil=nil, full=full, **formula))
    scheme = replace(SCHEME, year="2028", indicators=(PUBLICITY, NOTICES, draft))
    story.when(scheme).refused("ASM-R1", indicator="findings_open", what=what)


def test_ASM_R1_a_free_title_has_a_second_reader(story: Scenario) -> None:
    """Without one an indicator is called by its metrics, and one person adopts the scheme."""
    scheme = replace(SCHEME, year="2028")
    titled = replace(scheme, indicators=(replace(PUBLICITY, title="结案能力"), NOTICES, OPEN))
    story.when(titled).then(like(ApprovalRequested, command=AdoptAssessmentScheme.NAME))
    assert story.outcome is not None
    (asked,) = story.outcome.events
    assert isinstance(asked.event, ApprovalRequested)
    approve = ApproveRequest(approval=asked.event.approval)
    story.when(approve).refused("GEN-R1")
    story.when(approve, SECOND)
    assert story.outcome is not None, story.error
    named = [r.event for r in story.outcome.events if isinstance(r.event, IndicatorDefined)]
    assert [event.title for event in named] == [
        "结案能力",
        "按期告知检查结果／告知检查结果",
        "月末未办结问题",
    ]


def test_an_indicator_makes_sense(story: Scenario) -> None:
    """Its metrics exist, its ends lie apart and the right way round, its code is its own."""
    for formula in (
        Formula(of=("findings_open",), nil="0", full="4"),
        Formula(of=("findings_open",), nil="4", full="4"),
        Formula(of=("visits",), nil="4", full="0"),
    ):
        draft = replace(OPEN, formula=formula)
        story.when(replace(SCHEME, year="2028", indicators=(PUBLICITY, draft))).raises(Malformed)
    twice = replace(SCHEME, year="2028", indicators=(PUBLICITY, PUBLICITY))
    story.when(twice).raises(Malformed, pointer="/indicators/1/code")


@pytest.mark.parametrize("weight", ["29.9999", "30.0001", "0", "80"])
def test_ASM_R2_the_weights_make_a_hundred(story: Scenario, weight: str) -> None:
    """Exactly, in decimals; and decimals may make it."""
    scheme = replace(SCHEME, year="2028")
    changed = replace(OPEN, weight=weight)
    story.when(replace(scheme, indicators=(PUBLICITY, NOTICES, changed))).refused("ASM-R2")
    thirds = (replace(NOTICES, weight="46.6667"), replace(OPEN, weight="33.3333"))
    story.when(replace(scheme, indicators=(PUBLICITY, *thirds))).then(
        AssessmentSchemeAdopted, *[IndicatorDefined] * 3
    )


def test_ASM_R3_the_three_systems_weigh_no_less(story: Scenario) -> None:
    """S19: 15 after 20 in the year before; as much is enough; a year left out sets nothing free."""
    story.at("2026-12-20T09:00+08:00")
    fallen = (replace(PUBLICITY, weight="15"), replace(NOTICES, weight="55"), OPEN)
    scheme = replace(SCHEME, year="2027", indicators=fallen)
    story.when(scheme).refused("ASM-R3", weight="15", last="20")
    story.when(replace(scheme, year="2029")).refused("ASM-R3", year="2029", before="2026")
    story.when(replace(scheme, indicators=SCHEME.indicators)).then(
        like(AssessmentSchemeAdopted, three_systems_weight="20"), *[IndicatorDefined] * 3
    )


def test_ASM_R3_whichever_year_is_adopted_first() -> None:
    """2028 with 15 first: 2027 weighs no more than that, or 2028 is raised before."""
    story = Scenario(InMemoryDCBRecorder(), by=RLO).given(SeedLedger())
    story.at("2026-12-20T09:00+08:00")
    light = (replace(PUBLICITY, weight="15"), replace(NOTICES, weight="55"), OPEN)
    story.given(replace(SCHEME, year="2028", indicators=light))
    heavy = replace(SCHEME, year="2027")
    story.when(heavy).refused("ASM-R3", year="2028", weight="15", before="2027", last="20")
    story.when(replace(heavy, indicators=light)).then(
        AssessmentSchemeAdopted, *[IndicatorDefined] * 3
    )
    story.given(replace(SCHEME, year="2028"))
    story.when(heavy).then(AssessmentSchemeAdopted, *[IndicatorDefined] * 3)


def test_ASM_R3_unless_the_policy_lets_it_fall(story: Scenario) -> None:
    """The Notice asks for it; a later document may not."""
    story.given(
        AdoptPolicyVersion(
            key="assessment.weights",
            value={"framework": "法治建设", "three_systems_may_fall": True},
            unit="table",
            effective_from=date(2027, 1, 8),
            source=LegalRef(instrument="-"),
            confidence="U",
        ),
        actor=JB,
    )
    fallen = (replace(PUBLICITY, weight="15"), replace(NOTICES, weight="55"), OPEN)
    story.when(replace(SCHEME, year="2027", indicators=fallen)).then(
        AssessmentSchemeAdopted, *[IndicatorDefined] * 3
    )


def test_ASM_R4_nothing_changes_once_the_year_has_begun() -> None:
    """Before it, the scheme may change; a year begun without one gets its first, until it ends."""
    story = Scenario(InMemoryDCBRecorder(), by=RLO).given(SeedLedger())
    story.at("2026-12-30T09:00+08:00").given(replace(SCHEME, year="2027"))
    story.when(replace(SCHEME, year="2027")).then(
        like(AssessmentSchemeAdopted, version=2), *[IndicatorDefined] * 3
    )
    story.when(SCHEME).then(like(AssessmentSchemeAdopted, version=1), *[IndicatorDefined] * 3)
    story.when(SCHEME).refused("ASM-R4", year="2026", since=date(2026, 12, 30))
    story.at("2027-01-01T00:00+08:00")
    story.when(replace(SCHEME, year="2027")).refused("ASM-R4", year="2027")
    story.when(replace(SCHEME, year="2025")).refused("ASM-R4", year="2025")
    story.when(replace(SCHEME, year="2028")).then(AssessmentSchemeAdopted, *[IndicatorDefined] * 3)


def test_scores_are_exact(story: Scenario) -> None:
    """3/4 is half way from 0.5 to 1, 2/3 a third; one finding of four costs a quarter."""
    cutoff = head(story)
    story.when(run(story)).then(
        like(
            AssessmentRunCompleted,
            score="2026.MRB",
            cutoff_position=cutoff,
            scheme_version=1,
            scores=[
                {"indicator": "2026.publicity_in_time", "weight": "20", "of": 3, "per": 4,
                 "value": "0.7500", "points": "50.0000"},
                {"indicator": "2026.notices_in_time", "weight": "50", "of": 2, "per": 3,
                 "value": "0.6667", "points": "33.3333"},
                {"indicator": "2026.findings_open", "weight": "30", "of": 1,
                 "value": "1.0000", "points": "75.0000"},
            ],
            total="49.17",
        )
    )  # fmt: skip


def test_what_cannot_be_divided_does_not_count(story: Scenario) -> None:
    """A unit that decided nothing is neither praised nor blamed for its publicity."""
    story.given(enrolled("EEB"))
    story.when(run(story, unit="EEB")).then(
        like(
            AssessmentRunCompleted,
            total="100.00",
            scores=[
                {"indicator": "2026.publicity_in_time", "weight": "20", "of": 0, "per": 0},
                {"indicator": "2026.notices_in_time", "weight": "50", "of": 0, "per": 0},
                {"indicator": "2026.findings_open", "weight": "30", "of": 0,
                 "value": "0.0000", "points": "100.0000"},
            ],
        )
    )  # fmt: skip


def test_a_scheme_of_a_newer_program_is_not_scored_by_an_older_one(story: Scenario) -> None:
    """It may use a metric that the older one does not count."""
    defined = IndicatorDefined(
        indicator="2026.openness",
        year="2026",
        version=1,
        title="-",
        formula=Formula(of=("not_counted_yet",), nil="4", full="0"),
        weight="100",
        direction="lower",
    )
    story.given(defined).when(run(story)).raises(Unavailable)


def test_the_same_position_gives_the_same_score(story: Scenario) -> None:
    """What is recorded later changes nothing there; and it is run there once."""
    cutoff = head(story)
    story.given(run(story))
    story.given(on("2026-07-09", ResultNotified(task="T-7", entity=E_C, unit="MRB", days_late=5)))
    story.when(run(story, cutoff_position=cutoff)).raises(OutOfStep, says="already")
    story.when(run(story)).then(like(AssessmentRunCompleted, total="32.50"))
    # From zero: nothing is remembered, and the store holds what came later too.
    records = [codec.decode(s.position, s.event.data) for s in story.ledger.recorder.read()]
    assert from_zero(records, cutoff) == "49.17"
    assert from_zero(records, records[-1].position) == "32.50"


def from_zero(records: list[Recorded], cutoff: int) -> str | None:
    """MRB's total of 2026, from records alone."""

    def answer(fold: Any) -> Any:
        chosen = fold.selector()
        return fold.over(
            [
                record
                for record in records
                if record.envelope.type in chosen.topics
                and set(chosen.tags) <= set(record.event.tags())
            ]
        )

    return measured(answer, answer(Scheme("2026")), "MRB", cutoff)[1]


def test_a_run_leaves_nothing_of_the_year_out(story: Scenario) -> None:
    """The year is over, has a scheme, and the position stands behind all that it recorded."""
    story.when(run(story, unit="EEB")).raises(UnknownReference, says="EEB")
    story.when(run(story, year="2025")).raises(UnknownReference, says="2025")
    story.when(run(story, cutoff_position=head(story) + 1)).raises(UnknownReference)
    story.when(run(story, cutoff_position=3)).raises(Malformed, pointer="/cutoff_position")
    story.given(replace(SCHEME, year="2028"))
    story.when(run(story, year="2028")).raises(OutOfStep, says="must be over")


def nil_inspections(unit: str, days: Iterable[date]) -> Iterable[Event | Fact]:
    """Inspections that found nothing."""
    for number, day in enumerate(days):
        yield on(
            day.isoformat(),
            InspectionConcluded(
                task=f"N-{unit}-{number}-{day}",
                entity=E_C,
                unit=unit,
                matters=("M-101",),
                result="no_issue",
            ),
        )


BUSY = share("clean", "inspections_without_issue", "inspections", "30")


@pytest.mark.parametrize(
    ("december", "earlier", "found"),
    [(10, 0, True), (9, 0, False), (10, 37, True), (10, 38, False), (30, 38, True)],
)
def test_ASM_V1_a_burst_of_nil_inspections_before_the_cutoff(
    december: int, earlier: int, found: bool
) -> None:
    """Ten at least, and more than three times what the 335 days before let expect of thirty."""
    story = Scenario(InMemoryDCBRecorder(), by=RLO).given(SeedLedger())
    scheme = replace(SCHEME, indicators=(PUBLICITY, NOTICES, BUSY))
    story.at("2026-01-10T09:00+08:00").given(scheme, enrolled("MRB"))
    story.at("2027-01-08T09:00+08:00")
    burst = [date(2026, 12, 2) + timedelta(days=n) for n in range(december)]
    spread = [date(2026, 1, 1) + timedelta(days=8 * n) for n in range(earlier)]
    story.given(*nil_inspections("MRB", [*burst, *spread]))
    story.amid(*nil_inspections("EMB", [date(2026, 12, 5)] * 20))
    expected: list[Any] = [AssessmentRunCompleted]
    if found:
        expected.append(like(FindingRaised, rule_id="ASM-V1", unit="MRB"))
    story.when(run(story)).then(*expected)


def test_ASM_V1_needs_an_indicator_to_game(story: Scenario) -> None:
    """Nothing that a scheme measures would be better for it."""
    dull = (replace(PUBLICITY, weight="70"), OPEN)
    story.at("2027-02-01T09:00+08:00").given(replace(SCHEME, year="2028", indicators=dull))
    story.at("2029-01-08T09:00+08:00")
    days = [date(2028, 12, 5)] * 40
    story.given(*nil_inspections("MRB", days))
    story.when(run(story, year="2028")).then(AssessmentRunCompleted)


APPEAL = AppealScore(
    score="2026.MRB", grounds="一次告知系系统故障", indicator="2026.notices_in_time"
)


def test_an_appeal_changes_facts_and_no_numbers(story: Scenario) -> None:
    """Upheld, the score is run again; by whom it was run, it is not decided (GEN-R2)."""
    decide = DecideAppeal(score="2026.MRB", outcome="upheld", reasons="属实")
    story.when(APPEAL, HEAD).raises(UnknownReference)
    story.given(run(story))
    story.when(decide, SECOND).raises(OutOfStep)
    story.when(APPEAL, actor("EMB", "H", "unit_head")).raises(Forbidden)
    story.when(replace(APPEAL, indicator="2026.none"), HEAD).raises(Malformed)
    story.when(APPEAL, HEAD).then(like(ScoreAppealed, unit="MRB", year="2026"))
    story.when(APPEAL, HEAD).raises(OutOfStep, says="appealed")
    story.when(run(story)).raises(OutOfStep, says="appeal")
    story.when(decide).refused("GEN-R2", person="RLO-1")
    story.when(decide, actor("RLO", "rlo-1", "rlo_assessor")).refused("GEN-R2", person="rlo-1")
    story.when(decide, SECOND).then(like(AppealDecided, outcome="upheld"))
    publish = PublishAssessment(year="2026")
    story.when(publish).raises(OutOfStep, says="to_be_run_again")
    story.given(run(story)).when(publish).then(AssessmentPublished)
    story.when(APPEAL, HEAD).raises(OutOfStep, says="published")


def test_scores_are_published_together_and_once(story: Scenario) -> None:
    """Every reporting unit is scored, no appeal is open; the public reads totals alone."""
    publish = PublishAssessment(year="2026")
    story.when(replace(publish, year="2027")).raises(UnknownReference)
    story.given(enrolled("EMB"), enrolled("EEB", since="2027-01"))
    story.when(publish).raises(OutOfStep, says="EMB, MRB")
    story.given(run(story))
    story.when(publish).raises(OutOfStep, says="EMB")
    cutoff = head(story)
    story.given(run(story, unit="EMB")).given(APPEAL, actor=HEAD)
    story.when(publish).raises(OutOfStep, says="MRB appealed")
    story.given(DecideAppeal(score="2026.MRB", outcome="rejected", reasons="不属实"), actor=SECOND)
    story.when(publish).then(
        like(
            AssessmentPublished,
            scores=[
                PublishedScore(score="2026.EMB", unit="EMB", total="32.50", cutoff_position=cutoff),
                PublishedScore(
                    score="2026.MRB", unit="MRB", total="49.17", cutoff_position=cutoff - 1
                ),
            ],
            published_on=date(2027, 1, 8),
            days_late=0,
        )
    )
    assert story.outcome is not None
    assert story.outcome.events[0].envelope.visibility == "public"
    story.when(publish).raises(OutOfStep, says="2027-01-08")
    story.when(run(story)).raises(OutOfStep, says="published")


def test_the_assessment_is_yearly() -> None:
    """assessment.yearly: missed when the next year ends without it, however often it changed."""
    story = Scenario(InMemoryDCBRecorder(), by=RLO).given(SeedLedger())
    story.at("2026-12-01T09:00+08:00").given(enrolled("MRB"))
    positions = []
    for _ in range(2):
        story.when(replace(SCHEME, year="2027"))
        assert story.outcome is not None
        positions.append(story.outcome.events[0].position)
    first, second = (
        EndDeadline(rule_name=YEARLY.name, opened_at_position=position) for position in positions
    )
    story.at("2028-12-31T23:00+08:00").when(first, CLOCK).raises(OutOfStep)
    story.at("2029-01-01T00:05+08:00").when(second, CLOCK).raises(Malformed)
    story.when(first, CLOCK).then(like(DeadlineMissed, due_on=date(2028, 12, 31)))
    story.given(run(story, year="2027"))
    story.when(PublishAssessment(year="2027")).then(like(AssessmentPublished, days_late=1))


def test_two_processes_one_run(tmp_path: Path) -> None:
    """Six runs at the same position at once: one completes."""
    moment = datetime.fromisoformat("2027-01-08T09:00+08:00")
    adopted = AssessmentSchemeAdopted(
        year="2026",
        version=1,
        indicators=("2026.findings_open",),
        three_systems_weight="0",
        publish_by=date(2027, 12, 31),
    )
    defined = IndicatorDefined(
        indicator="2026.findings_open",
        year="2026",
        version=1,
        title="-",
        formula=OPEN.formula,
        weight="100",
        direction="lower",
    )
    past = Record(facts=(*(Fact(event) for event in (adopted, defined, enrolled("MRB"))), *work()))
    # Everything is recorded on the day of the run, so any position leaves out nothing of 2026.
    command = RunAssessment(year="2026", unit="MRB", cutoff_position=1)
    answers = race_through(
        tmp_path / "ledger.db",
        [(command, RLO)] * 6,
        moment=moment.isoformat(),
        before=lambda ledger: (
            ledger.execute(SeedLedger(), CLOCK),
            ledger.execute(past, RLO),
        ),
    )
    assert sorted(answers) == ["OutOfStep"] * 5 + ["recorded"]
