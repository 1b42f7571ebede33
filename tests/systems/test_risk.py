"""Risk classes: reckoned from what is published of a business, and from nothing else."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.kernel import Event, Recorded, civil_moment
from ledger.kernel.events import Envelope
from ledger.systems.draws.events import DrawResultPublished
from ledger.systems.draws.risk import Ground, PublishedVisit, risk_class, risk_grounds, risk_points
from ledger.systems.entities.events import EntityRegistered, Identity
from ledger.systems.filing.events import InspectionConcluded
from ledger.systems.policies.defaults import DEFAULTS
from projections.systems.draws import Population, Standing, Terms, compose
from tests.examples import examples
from tests.golden import released_types
from tests.gwt import HEAD
from tests.kernel.strategies import instances

(FORMULA,) = (one.value for one in DEFAULTS if one.key == "draw.risk_formula")
(SCREENING,) = (one.value for one in DEFAULTS if one.key == "key.screening_formula")
ON = date(2026, 9, 1)
E_C = "91620100MA7LX01051"


def found(*results: str, unit: str = "MRB", month: int = 5) -> list[PublishedVisit]:
    """Published visits of a unit, one a day."""
    return [
        PublishedVisit(date(2026, month, day), unit, result)  # type: ignore[arg-type]
        for day, result in enumerate(results, 1)
    ]


@pytest.mark.parametrize(
    ("grade", "line", "visits", "points", "class_"),
    [
        ("A", "食品生产", [], 15, "low"),
        ("B", "服装零售", [], 10, "low"),
        ("B", "食品生产", found("issue_corrected_on_spot"), 35, "mid"),
        ("C", "食品生产", found("order_to_correct", "issue_corrected_on_spot"), 60, "high"),
        ("C", "食品生产", found("issue_corrected_on_spot", "order_to_correct"), 75, "high"),
        ("D", "食品生产", found(*["case_filed"] * 3), 85, "high"),
        ("D", "食品生产", found(*["case_filed"] * 9), 85, "high"),
        ("C", None, [], 25, "mid"),
        # Two orders count once; a visit of another unit meets none.
        ("A", None, found("order_to_correct", "order_to_correct"), 35, "mid"),
        ("A", None, found("order_to_correct") + found("no_issue", unit="EMB", month=6), 25, "mid"),
        ("A", None, found("order_to_correct", "no_issue"), 10, "low"),
        # Nobody was there, or nobody was let in: nothing was found.
        ("A", None, found("entity_not_found", "refused_by_entity", "referred", "other"), 0, "low"),
    ],
)
def test_points_and_classes(
    grade: Any, line: str | None, visits: list[PublishedVisit], points: int, class_: str
) -> None:
    """The table of the rulebook."""
    assert risk_points(FORMULA, grade, line, visits, ON) == points
    assert risk_class(FORMULA, points) == class_


@pytest.mark.parametrize(
    ("reported", "points"),
    [
        ([], 0),
        # A report that nothing came of is none against the business.
        (["no_issue", "entity_not_found"], 0),
        (["issue_corrected_on_spot"], 10 + 20),
        (["case_filed"] * 2, 20 + 40),
        (["case_filed"] * 3, 30 + 40),
        (["order_to_correct"], 10 + 15 + 20),
    ],
)
def test_confirmed_reports_count_in_a_screening(reported: list[str], points: int) -> None:
    """Twenty for each, forty at most, by the formula of screenings and by no other."""
    visits = [replace(visit, reported=True) for visit in found(*reported)]
    assert risk_points(SCREENING, "A", None, visits, ON) == points
    plain = risk_points(FORMULA, "A", None, visits, ON)
    assert plain == risk_points(SCREENING, "A", None, found(*reported), ON)


def test_each_point_says_where_it_comes_from() -> None:
    """Grounds without points are left out, and the events are those that were counted."""
    visits = [
        PublishedVisit(date(2024, 3, 1), "MRB", "case_filed", 11),  # too long ago
        PublishedVisit(date(2026, 3, 1), "MRB", "issue_corrected_on_spot", 12),
        PublishedVisit(date(2026, 4, 1), "EMB", "order_to_correct", 14, reported=True),
        PublishedVisit(date(2026, 5, 1), "EMB", "no_issue", 13),
    ]
    assert list(risk_grounds(SCREENING, "A", "食品生产", visits, ON)) == [
        Ground("key_domain", 15, "食品生产"),
        Ground("breach", 20, events=(12, 14)),
        Ground("report", 20, events=(14,)),
    ]
    assert list(risk_grounds(SCREENING, "D", None, [], ON)) == [Ground("grade", 40, "D")]


def test_a_breach_that_was_taken_back_counts_no_more() -> None:
    """A conclusion as it stands is what was published, whenever it was corrected."""
    conclusion, publication = PAST[1:]
    assert isinstance(conclusion, InspectionConcluded)
    assert standing(PAST).risk(FORMULA, ON) == "mid"
    corrected = standing([PAST[0], replace(conclusion, result="no_issue"), publication])
    assert sum(ground.points for ground in corrected.grounds(FORMULA, ON)) == 10 + 15


def test_a_breach_counts_for_two_years() -> None:
    """From the day on which it was found, and not before it."""
    breach = [PublishedVisit(date(2024, 9, 1), "MRB", "case_filed")]
    assert risk_points(FORMULA, "A", None, breach, date(2026, 8, 31)) == 10
    assert risk_points(FORMULA, "A", None, breach, date(2026, 9, 1)) == 0
    assert risk_points(FORMULA, "A", None, breach, date(2024, 8, 31)) == 0


@given(
    results=st.lists(
        st.sampled_from(["no_issue", "order_to_correct", "issue_corrected_on_spot", "case_filed"]),
        max_size=8,
    ),
    grade=st.sampled_from("ABCD"),
    seed=st.randoms(use_true_random=False),
)
@examples(60)
def test_the_order_of_reports_makes_no_difference(
    results: list[str], grade: Any, seed: Any
) -> None:
    """Facts that come late count from their own day."""
    visits = found(*results)
    shuffled = list(visits)
    seed.shuffle(shuffled)
    assert risk_points(FORMULA, grade, None, visits, ON) == risk_points(
        FORMULA, grade, None, shuffled, ON
    )


#: What protects a business, or is about the units that visit it: nothing of it may count.
PROTECTING = sorted(
    topic
    for topic, cls in released_types().items()
    if topic.split(".")[0] in {"supervision", "complaints", "reconsideration"}
    or topic in {"filing.visit-rated", "filing.irregular-visit-reported"}
    or cls.TOPIC == "credit.objection-filed"
)
PAST: list[Event] = [
    EntityRegistered(entity=E_C, identity=Identity(name="丙", line="食品生产")),
    InspectionConcluded(
        task="T-1", entity=E_C, unit="MRB", matters=("M-1",), result="order_to_correct"
    ),
    DrawResultPublished(
        task="T-1",
        entity=E_C,
        unit="MRB",
        matters=("M-1",),
        result="order_to_correct",
        published_on=date(2026, 3, 3),
    ),
]


@given(
    noise=st.lists(
        st.sampled_from(PROTECTING).flatmap(lambda topic: instances(released_types()[topic])),
        max_size=4,
    ),
)
@examples(20)
def test_nothing_that_protects_a_business_counts(noise: list[Event]) -> None:
    """No finding against a unit, complaint, rating, objection or reconsideration changes risk,
    stratum or roster, whenever it comes.
    """
    for by in ("grade", "risk"):
        terms = Terms(as_of=ON, by=by, formula=FORMULA)  # type: ignore[arg-type]
        composed = compose([standing(PAST)], terms)
        assert composed.entries == [{by: {"grade": "B", "risk": "mid"}[by], "uscc": E_C}]
        assert compose([standing([*PAST[:1], *noise, *PAST[1:]])], terms) == composed


def test_what_protects_is_not_even_read() -> None:
    """The view that rosters are composed from never sees it; a further topic would show here."""
    assert len(PROTECTING) > 20
    assert not Population().topics & set(PROTECTING)


def standing(events: list[Event]) -> Standing:
    """The state of E-C after events of March."""
    fold = Standing(E_C)
    for position, event in enumerate(events, 1):
        moment = civil_moment(date(2026, 3, 2), 12)
        envelope = Envelope(
            event_id=UUID(int=position),
            type=event.TOPIC,
            schema_version=event.VERSION,
            occurred_at=moment,
            recorded_at=moment,
            actor=HEAD,
            correlation_id=UUID(int=position),
            command_id=f"{position:032x}",
            visibility=event.visibility(),
        )
        fold.take(Recorded(position, envelope, event))
    return fold
