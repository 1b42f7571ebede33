"""The key-supervision list (2.5): short, assessed, reviewed, told to the business, and guiding."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.kernel import (
    DeadlineLapsed,
    DeadlineMissed,
    Event,
    Fact,
    Forbidden,
    Malformed,
    OutOfStep,
    PolicyVersionAdopted,
    UnknownReference,
)
from ledger.opening import LEDGER_CLOCK
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.entities.events import EntityRegistered, Identity
from ledger.systems.filing.commands import IssueInspectionNotice, OpenInspection, ScanEntry
from ledger.systems.filing.events import OnSiteInspectionOpened
from ledger.systems.grading.events import CreditGradeAssigned
from ledger.systems.keylist.commands import (
    DelistKeyMatter,
    DesignateKeyUnit,
    EndKeyDesignation,
    ListKeyMatter,
    LogTrackingVisit,
    ProvideGuidance,
    RankedList,
    RankInRun,
    ReviewKeyDesignation,
    RunScreening,
)
from ledger.systems.keylist.events import (
    GuidanceProvided,
    KeyDesignationEnded,
    KeyDesignationExplained,
    KeyDesignationReviewed,
    KeyMatterDelisted,
    KeyMatterListed,
    KeyUnitDescribed,
    KeyUnitDesignated,
    ScreeningRun,
    TrackingVisitLogged,
)
from ledger.systems.policies.commands import SeedLedger
from tests.cast import E_A, E_B, E_D, EMB, OFFICER
from tests.gwt import Scenario, like, on
from tests.systems.test_filing import REGION, approved, matter, published, task

replace = msgspec.structs.replace


SIX = tuple(f"M-K{n}" for n in range(1, 7))
LIST = ListKeyMatter(
    domain="work_safety",
    matter="M-K6",
    unit="EMB",
    procedure_ref="兰新应急规〔2026〕1号",
    risk_assessment="RA-2026-6",
    expires_on=date(2027, 3, 1),
)
#: What MRB has listed, and what it designates E-B for.
FOOD = KeyMatterListed(
    domain="food_drug",
    matter="M-101",
    unit="MRB",
    risk_assessment="RA-1",
    procedure_ref="P-1",
    expires_on=date(2027, 3, 1),
)
DESIGNATE = DesignateKeyUnit(
    designation="KEY-1",
    entity=E_B,
    unit="MRB",
    matters=("M-101",),
    reason="两年内三次同类问题",
    tracking_officer="OFF-001",
    guidance_plan="GP-1",
    review_on=date(2026, 9, 1),
    notice_no="兰新市监告〔2026〕1号",
    notified_on=date(2026, 3, 2),
)
VISIT = LogTrackingVisit(designation="KEY-1", officers=("OFF-001",), summary="整改到位")
GUIDE = ProvideGuidance(designation="KEY-1", subject="冷链管理")
REVIEW = ReviewKeyDesignation(
    designation="KEY-1", outcome="keep", grounds="风险仍在", review_on=date(2027, 3, 1)
)


def listed(name: str, domain: str = "work_safety", **changed: Any) -> KeyMatterListed:
    return replace(replace(FOOD, domain=domain, matter=name, unit="EMB"), **changed)


def adopted(key: str, value: Any, unit: Any, **scope: Any) -> PolicyVersionAdopted:
    """The second version of a policy, since the first of March."""
    said = {"key": key, "version": 2, "value": value, "unit": unit, "confidence": "U", **scope}
    source = {"effective_from": "2026-03-01", "source": {"instrument": "新区决定"}}
    return msgspec.convert({**said, **source}, PolicyVersionAdopted)


#: A designation that holds in March.
HELD = KeyUnitDesignated(
    designation="KEY-7",
    entity=E_A,
    unit="MRB",
    matters=("M-102",),
    review_on=date(2026, 9, 1),
    listed_as="shared",
)


@pytest.fixture
def story() -> Scenario:
    """March 2026: MRB has a key matter, EMB six matters of work safety, E-A is designated."""
    six: list[Event | Fact] = [
        on("2026-01-06", event)
        for name in SIX
        for event in (matter(name, "EMB", domain="work_safety"), published(name, "EMB"))
    ]
    return (
        Scenario(InMemoryDCBRecorder())
        .given(SeedLedger(), *REGION, *six)
        .at("2026-03-02T09:00+08:00")
        .given(FOOD)
        .amid(
            listed("M-OTHER", "transport"),
            KeyUnitDesignated(
                designation="KEY-9",
                entity=E_A,
                unit="MRB",
                matters=("M-101",),
                reason="-",
                tracking_officer="OFF-002",
                guidance_plan="-",
                review_on=date(2026, 3, 1),
                notice_no="-",
                notified_on=date(2026, 1, 1),
                grade="D",
                listed_as="shared",
            ),
        )
    )


def refused_matter(story: Scenario, rule: str, **changed: Any) -> None:
    story.when(replace(LIST, **changed), EMB).refused(rule)


# The list of matters


def test_KEY_R1_a_key_matter_is_of_a_key_domain(story: Scenario) -> None:
    """One of the ten that the Notice names, and the matter's own."""
    story.given(matter("M-G", "EMB", domain="general"), published("M-G", "EMB"))
    refused_matter(story, "KEY-R1", domain="tourism")
    refused_matter(story, "KEY-R1", domain="general", matter="M-G")
    refused_matter(story, "KEY-R1", domain="environment")
    story.when(LIST, EMB).then(
        like(KeyMatterListed, domain="work_safety", matter="M-K6", renewed=False)
    )


def test_only_the_unit_of_a_published_matter_lists_it(story: Scenario) -> None:
    """Nobody else's, and none that gives no power."""
    story.given(matter("M-NEW", "EMB", domain="work_safety"))
    refused_matter(story, "CAT-R2", matter="M-NEW")
    story.when(replace(LIST, matter="M-1999"), EMB).raises(UnknownReference)
    story.when(replace(LIST, unit="MRB")).raises(OutOfStep, says="EMB")
    story.when(LIST).raises(Forbidden)


def test_KEY_R2_a_list_is_short(story: Scenario) -> None:
    """S20: five matters of work safety are enough; what lapsed or left makes room again."""
    story.given(*(listed(name) for name in SIX[:5]))
    story.when(LIST, EMB).refused("KEY-R2", domain="work_safety", listed=5, cap=5)
    assert story.error.policy_version == 1  # type: ignore[union-attr]
    # One that stands on it is renewed.
    again = replace(LIST, matter="M-K1")
    story.when(again, EMB).then(like(KeyMatterListed, matter="M-K1", renewed=True))
    off = DelistKeyMatter(domain="work_safety", matter="M-K2", reason="风险已消除")
    story.when(off).raises(Forbidden)
    story.when(off, EMB).then(like(KeyMatterDelisted, matter="M-K2", unit="EMB"))
    story.when(off, EMB).raises(OutOfStep, says="must be on the key list")
    story.when(LIST, EMB).then(KeyMatterListed)


def test_KEY_R2_what_has_lapsed_counts_no_more(story: Scenario) -> None:
    """The last day still counts."""
    story.given(*(listed(name, expires_on=date(2026, 3, 2)) for name in SIX[:5]))
    refused_matter(story, "KEY-R2")
    story.at("2026-03-03T09:00+08:00").when(LIST, EMB).then(KeyMatterListed)


def test_KEY_R2_a_domain_may_have_a_number_of_its_own(story: Scenario) -> None:
    """The narrower version of the policy holds."""
    story.given(*(listed(name) for name in SIX[:3]))
    story.given(adopted("key.max_matters", 3, "count", scope={"domain": "work_safety"}))
    story.when(LIST, EMB).refused("KEY-R2", cap=3)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"risk_assessment": None}, "no risk assessment is named"),
        ({"expires_on": None}, "expires_on is not given"),
        ({"expires_on": date(2027, 3, 3)}, "2027-03-03 is later than 2027-03-02"),
    ],
)
def test_KEY_R3_a_matter_is_assessed_and_ends(
    story: Scenario, changed: dict[str, Any], reason: str
) -> None:
    """Twelve months at most, and the last day of them is one."""
    story.when(replace(LIST, **changed), EMB).refused("KEY-R3", reason=reason)
    past = replace(LIST, expires_on=date(2026, 3, 2))
    story.when(past, EMB).raises(Malformed, pointer="/expires_on")
    last = replace(LIST, expires_on=date(2027, 3, 2))
    story.when(last, EMB).then(like(KeyMatterListed, expires_on=date(2027, 3, 2)))


def test_KEY_R5_a_matter_is_renewed_on_a_new_assessment(story: Scenario) -> None:
    """Not on one that carried it before, however long ago; another matter's does not matter."""
    story.given(
        listed("M-K6", risk_assessment="RA-2025", expires_on=date(2026, 3, 1)),
        listed("M-K6", risk_assessment="RA-2026", expires_on=date(2026, 3, 1)),
    ).amid(listed("M-K5", risk_assessment="RA-2026-6"))
    refused_matter(story, "KEY-R5", risk_assessment="RA-2025")
    story.when(LIST, EMB).then(like(KeyMatterListed, renewed=True))


# Screening

RANKED = RankedList(
    list_digest="ab" * 32, cutoff_position=140, formula_version=1, count=3, screened=5
)
SCREEN = RunScreening(screening="SCR-1", unit="MRB", on=date(2026, 3, 2), ranked=RANKED)
BY_RUN = replace(DESIGNATE, reason=None, run="SCR-1", ranked=RankInRun(rank=3, better=(E_A, E_D)))


def test_a_screening_is_recorded_as_it_was_made(story: Scenario) -> None:
    """Of today or a day before, by the formula in force on it, by a unit for itself."""
    story.when(replace(SCREEN, ranked=None)).raises(Malformed, pointer="/ranked")
    story.when(replace(SCREEN, on=date(2026, 3, 3))).raises(Malformed, pointer="/on")
    story.when(SCREEN, EMB).raises(Forbidden)
    other = replace(SCREEN, ranked=replace(RANKED, formula_version=2))
    story.when(other).raises(OutOfStep, says="changed while the list was made")
    story.when(SCREEN).then(like(ScreeningRun, count=3, screened=5, cutoff_position=140))
    assert story.outcome is not None
    [run] = story.outcome.events
    assert run.envelope.policy_refs == {"key.screening_formula": 1}
    story.when(SCREEN).raises(OutOfStep, says="recorded already")


def test_KEY_R6_a_designation_has_a_reason_or_a_run(story: Scenario) -> None:
    """Either suffices; the run is the unit's own, and the business ranks in it."""
    story.when(replace(DESIGNATE, reason=None)).refused("KEY-R6", entity=E_B)
    story.when(BY_RUN).raises(UnknownReference)
    story.given(SCREEN)
    story.when(replace(DESIGNATE, passed_over="停业")).raises(Malformed, pointer="/run")
    story.when(replace(BY_RUN, ranked=None)).raises(Malformed, pointer="/run")
    told = replace(BY_RUN, passed_over="停业")
    story.when(told).then(KeyUnitDesignated, like(KeyUnitDescribed, run="SCR-1", reason=None))


def test_KEY_R6_a_unit_designates_by_a_screening_of_its_own(story: Scenario) -> None:
    """The list of another one says nothing of its matters."""
    story.given(
        ScreeningRun(
            screening="SCR-1",
            unit="EMB",
            on=date(2026, 3, 2),
            cutoff_position=1,
            formula_version=1,
            list_digest="ab" * 32,
            count=1,
            screened=1,
        )
    )
    story.when(BY_RUN).raises(Malformed, pointer="/run", says="EMB")


def test_KEY_V4_better_ranks_are_passed_over_without_a_word(story: Scenario) -> None:
    """Those that the unit has designated, or that have left their register, are not."""
    story.given(
        SCREEN, on("2026-01-05", EntityRegistered(entity=E_D, identity=Identity(name="丁")))
    )
    story.when(BY_RUN).then(
        KeyUnitDesignated,
        KeyUnitDescribed,
        like(
            FindingRaised,
            rule_id="KEY-V4",
            unit="MRB",
            entity=E_B,
            facts={
                "designation": "KEY-1",
                "run": "SCR-1",
                "rank": 3,
                # Its designation lapsed on the day before.
                "passed_over": [E_A, E_D],
            },
        ),
    )


def test_KEY_V4_a_designated_better_rank_is_not_passed_over(story: Scenario) -> None:
    """Another unit's designation is another matter."""
    story.given(SCREEN)
    story.when(replace(DESIGNATE, entity=E_A, designation="KEY-2", matters=("M-101",))).refused(
        "KEY-R5"
    )
    story.given(replace(HELD, entity=E_A), replace(HELD, designation="KEY-8", unit="EMB"))
    story.when(replace(BY_RUN, ranked=RankInRun(rank=2, better=(E_A,)))).then(
        KeyUnitDesignated, KeyUnitDescribed
    )


# Designated businesses


def test_KEY_R1_a_designation_is_for_a_listed_matter(story: Scenario) -> None:
    """Listed, not lapsed, not taken off."""
    story.when(replace(DESIGNATE, matters=("M-103",))).refused("KEY-R1", subject="M-103")
    story.given(replace(FOOD, matter="M-103", expires_on=date(2026, 3, 1)))
    story.when(replace(DESIGNATE, matters=("M-103",))).refused("KEY-R1", subject="M-103")
    story.when(DESIGNATE).then(
        like(KeyUnitDesignated, listed_as="shared"), like(KeyUnitDescribed, grade="B")
    )
    story.given(DelistKeyMatter(domain="food_drug", matter="M-101", reason="-"))
    story.when(replace(DESIGNATE, designation="KEY-2")).refused("KEY-R1", subject="M-101")


@pytest.mark.parametrize("review_on", [None, date(2027, 3, 3)])
def test_KEY_R3_a_designation_is_reviewed(story: Scenario, review_on: date | None) -> None:
    """S20: with no day of review, or too late a one, nobody is designated."""
    story.when(replace(DESIGNATE, review_on=review_on)).refused("KEY-R3")
    assert story.error.details["latest"] == date(2027, 3, 2)  # type: ignore[union-attr]
    story.when(replace(DESIGNATE, review_on=date(2027, 3, 2))).then(
        KeyUnitDesignated, KeyUnitDescribed
    )


@pytest.mark.parametrize("missing", ["notice_no", "notified_on"])
def test_KEY_R4_the_business_is_told(story: Scenario, missing: str) -> None:
    """Before it is designated, by a notice of its own."""
    story.when(replace(DESIGNATE, **{missing: None})).refused("KEY-R4", entity=E_B)
    tomorrow = replace(DESIGNATE, notified_on=date(2026, 3, 3))
    story.when(tomorrow).raises(Malformed, pointer="/notified_on")


def test_a_designation_names_who_follows_up(story: Scenario) -> None:
    """A certified officer of the unit; a business and an id that are what they say."""
    story.when(replace(DESIGNATE, tracking_officer="OFF-011")).raises(
        Malformed, pointer="/tracking_officer"
    )
    stranger = "91620100MA7LX0025D"
    story.when(replace(DESIGNATE, entity=stranger)).raises(UnknownReference, says=stranger)
    story.when(replace(DESIGNATE, designation="KEY-9")).raises(OutOfStep, says="KEY-9")
    story.when(DESIGNATE, EMB).raises(Forbidden)


@pytest.mark.parametrize("listed_as", ["public", "shared", "restricted"])
def test_who_reads_the_list_of_units_is_a_policy(story: Scenario, listed_as: Any) -> None:
    """The event is visible as the policy had it on the day."""
    story.given(adopted("key.unit_list", listed_as, "text"))
    story.when(DESIGNATE).then(like(KeyUnitDesignated, listed_as=listed_as), KeyUnitDescribed)
    assert story.outcome is not None
    envelope = story.outcome.events[0].envelope
    assert (envelope.visibility, envelope.policy_refs["key.unit_list"]) == (listed_as, 2)


def test_KEY_R5_a_designation_is_renewed_by_a_review(story: Scenario) -> None:
    """Neither while it holds, nor when it lapsed or was ended otherwise; after a removal anew."""
    again = replace(DESIGNATE, designation="KEY-2")
    story.given(DESIGNATE).when(again).refused("KEY-R5", subject=E_B)
    story.at("2026-09-02T09:00+08:00")
    later = replace(again, review_on=date(2027, 3, 1))
    story.when(later).refused("KEY-R5")
    story.when(REVIEW).then(
        like(KeyDesignationReviewed, outcome="keep", days_late=1),
        like(KeyDesignationExplained, step="review", says="风险仍在"),
    )
    story.when(later).refused("KEY-R5")
    story.when(replace(REVIEW, outcome="remove", review_on=None)).then(
        like(KeyDesignationReviewed, outcome="remove", review_on=None),
        KeyDesignationExplained,
        like(KeyDesignationEnded, reason="review"),
    )
    story.when(later).then(KeyUnitDesignated, KeyUnitDescribed)
    story.given(EndKeyDesignation(designation="KEY-2", reason="error"))
    story.when(replace(later, designation="KEY-3")).refused("KEY-R5")
    # What was ended without a review is reviewed as removed, once, and late for nothing.
    ended = replace(REVIEW, designation="KEY-2", outcome="remove", review_on=None)
    story.when(replace(REVIEW, designation="KEY-2")).raises(OutOfStep, says="ended")
    story.at("2027-06-01T09:00+08:00").given(replace(FOOD, expires_on=date(2028, 3, 1)))
    story.when(ended).then(
        like(KeyDesignationReviewed, outcome="remove", days_late=0), KeyDesignationExplained
    )
    story.when(ended).raises(OutOfStep, says="ended")
    anew = replace(later, designation="KEY-3", review_on=date(2027, 9, 1))
    story.when(anew).then(KeyUnitDesignated, KeyUnitDescribed)
    # For a matter that it never was designated for, there is nothing to review.
    story.given(replace(FOOD, matter="M-103", expires_on=date(2028, 3, 1)))
    story.when(replace(anew, designation="KEY-4", matters=("M-103",))).then(
        KeyUnitDesignated, KeyUnitDescribed
    )


def test_KEY_R3_a_review_that_keeps_names_the_next(story: Scenario) -> None:
    """And one that removes names none; what has ended is not reviewed."""
    story.given(DESIGNATE)
    story.when(replace(REVIEW, review_on=None)).refused("KEY-R3")
    story.when(replace(REVIEW, review_on=date(2027, 3, 3))).refused("KEY-R3")
    story.when(replace(REVIEW, outcome="remove")).raises(Malformed, pointer="/review_on")
    story.when(REVIEW, EMB).raises(Forbidden)
    end = EndKeyDesignation(designation="KEY-1", reason="closed")
    story.when(end).then(like(KeyDesignationEnded, reason="closed", ended_on=date(2026, 3, 2)))
    story.when(end).raises(OutOfStep, says="2026-03-02")
    story.when(REVIEW).raises(OutOfStep, says="ended")


# Guidance and visits


def test_KEY_V2_following_up_without_guiding(story: Scenario) -> None:
    """Each such visit is recorded and found, until a guidance was given."""
    story.given(DESIGNATE).amid(
        GuidanceProvided(
            designation="KEY-9",
            entity=E_A,
            unit="MRB",
            provided_on=date(2026, 3, 1),
            subject="-",
        )
    )
    visited = like(TrackingVisitLogged, visited_on=date(2026, 3, 2), unit="MRB", entity=E_B)
    story.when(VISIT, OFFICER).then(visited, like(FindingRaised, rule_id="KEY-V2", entity=E_B))
    story.when(GUIDE, OFFICER).then(like(GuidanceProvided, provided_on=date(2026, 3, 2)))
    story.when(VISIT, OFFICER).then(visited)
    story.when(VISIT, EMB).raises(Forbidden)
    story.amid(approved("T-9", entity=E_A))
    story.when(replace(VISIT, task="T-9"), OFFICER).raises(Malformed, pointer="/task")


@pytest.mark.parametrize("how", ["lapsed", "ended"])
def test_KEY_V1_a_designation_that_is_over_drives_visits(story: Scenario, how: str) -> None:
    """A tracking visit after its last day is recorded and found; on that day it is in order."""
    story.given(DESIGNATE, GUIDE).at("2026-09-01T09:00+08:00").when(VISIT).then(TrackingVisitLogged)
    if how == "ended":
        story.given(EndKeyDesignation(designation="KEY-1", reason="risk_gone"))
    else:
        story.at("2026-09-02T09:00+08:00")
    story.when(VISIT).then(
        TrackingVisitLogged,
        like(FindingRaised, rule_id="KEY-V1", unit="MRB", entity=E_B, type="arbitrary"),
    )


def opens(story: Scenario) -> Scenario:
    """MRB's planned visit to E-B in August, up to the opening."""
    story.at("2026-08-03T09:00+08:00").given(
        task(planned_on="2026-08-03"),
        IssueInspectionNotice(task="T-1", notice_no="N"),
        ScanEntry(task="T-1", act_code="A", device="D"),
    )
    return story.when(
        OpenInspection(
            task="T-1",
            officers=("OFF-001", "OFF-002"),
            certs_shown=("甘A-OFF-001", "甘A-OFF-002"),
            notice_shown=True,
            rights_informed=True,
            conduct_rules_informed=True,
        )
    )


def test_KEY_V1_a_visit_planned_as_key_supervision(story: Scenario) -> None:
    """The plan has the matter as key; the designation lapsed in July and nobody reviewed it."""
    story.given(replace(DESIGNATE, review_on=date(2026, 8, 2)))
    opens(story).then(
        OnSiteInspectionOpened,
        like(
            FindingRaised,
            rule_id="KEY-V1",
            facts={
                "designations": ["KEY-1"],
                "visited_on": "2026-08-03",
            },
        ),
    )


@pytest.mark.parametrize("review_on", ["2026-08-03", None])
def test_a_visit_under_a_designation_that_holds_is_in_order(
    story: Scenario, review_on: str | None
) -> None:
    """So is one that no designation drives: E-A's lapsed one is not E-B's."""
    if review_on is not None:
        story.given(replace(DESIGNATE, review_on=date.fromisoformat(review_on)))
    opens(story).then(OnSiteInspectionOpened)


# Deadlines


def position(story: Scenario) -> int:
    assert story.outcome is not None
    return story.outcome.events[0].position


def ends(story: Scenario, rule: str, at: int) -> Scenario:
    return story.when(EndDeadline(rule_name=rule, opened_at_position=at), LEDGER_CLOCK)


def test_the_review_is_a_deadline_and_so_is_the_next(story: Scenario) -> None:
    """Missed the day after; a review opens the next one, and none when it removes."""
    first = position(story.when(DESIGNATE))
    story.at("2026-09-01T23:00+08:00")
    ends(story, "key.review", first).raises(OutOfStep, says="2026-09-01")
    story.at("2026-09-02T00:30+08:00")
    ends(story, "key.review", first).then(like(DeadlineMissed, due_on=date(2026, 9, 1)))
    second = position(story.when(REVIEW))
    story.at("2027-03-02T09:00+08:00")
    ends(story, "key.review.again", second).then(like(DeadlineMissed, due_on=date(2027, 3, 1)))
    removed = position(story.when(replace(REVIEW, outcome="remove", review_on=None)))
    ends(story, "key.review.again", removed).raises(Malformed)


@pytest.mark.parametrize(
    ("grade", "visited", "found"),
    [
        ("C", None, True),
        ("D", None, True),
        ("B", None, False),
        ("D", "2026-02-27", True),
        ("D", "2026-09-02", True),
        ("D", "2026-08-03", False),
    ],
)
def test_KEY_V3_a_bad_business_is_never_visited(
    story: Scenario, grade: Any, visited: str | None, found: bool
) -> None:
    """By the grade on the last day; an inspection in that time is a visit too."""
    opened = position(story.when(DESIGNATE))
    story.given(
        CreditGradeAssigned(
            entity=E_B,
            scheme="samr",
            grade=grade,
            assessed_on=date(2026, 8, 30),
            source="samr",
            factors=(),
            inputs_hash="0" * 64,
        )
    )
    visit = OnSiteInspectionOpened(
        task="T-5",
        entity=E_B,
        unit="MRB",
        matters=("M-101",),
        officers=("OFF-001",),
        certs_shown=(),
        notice_shown=True,
        rights_informed=True,
        conduct_rules_informed=True,
    )
    story.at("2026-09-02T09:00+08:00").amid(
        on("2026-05-05", replace(visit, task="T-6", unit="EMB")),
        on("2026-05-05", replace(visit, task="T-7", entity=E_A)),
    )
    if visited is not None:
        story.given(on(visited, visit))
    lapsed = like(DeadlineLapsed, ended_on=date(2026, 9, 1))
    never = like(FindingRaised, rule_id="KEY-V3", unit="MRB", entity=E_B, type="inaction")
    ends(story, "key.follow_up", opened).then(lapsed, *([never] if found else []))


def test_KEY_V3_a_tracking_visit_is_one(story: Scenario) -> None:
    """It discharges what is owed, for this period and not for the next."""
    opened = position(story.when(DESIGNATE))
    story.given(
        CreditGradeAssigned(
            entity=E_B,
            scheme="samr",
            grade="D",
            assessed_on=date(2026, 3, 2),
            source="samr",
            factors=(),
            inputs_hash="0" * 64,
        ),
        GUIDE,
        VISIT,
    )
    kept = position(story.at("2026-09-01T09:00+08:00").when(REVIEW))
    story.at("2026-09-02T09:00+08:00")
    ends(story, "key.follow_up", opened).raises(OutOfStep, says="performed")
    story.at("2027-03-02T09:00+08:00")
    ends(story, "key.follow_up.again", kept).then(
        DeadlineLapsed, like(FindingRaised, rule_id="KEY-V3")
    )
