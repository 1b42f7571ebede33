"""Two versions recorded out of order: every list answers the same of the same days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ledger.kernel import LegalRef, PolicyVersionAdopted
from ledger.kernel.policies import PolicyVersions
from ledger.kernel.versions import begun, in_force
from ledger.systems.catalogue.events import MatterElements, MatterPublished
from ledger.systems.catalogue.folds import Matter
from ledger.systems.dishonesty.events import ListBasis, ListCriteria, MeasureCataloguePublished
from ledger.systems.dishonesty.folds import CriteriaVersion, ListField, MeasureCatalogue
from ledger.systems.filing.events import AnnualPlanFiled
from ledger.systems.filing.folds import AnnualPlan, PlanVersion
from ledger.systems.legalreview.events import MajorDecisionListPublished
from ledger.systems.legalreview.folds import MajorDecisions
from ledger.systems.leniency.events import LeniencyListPublished
from ledger.systems.leniency.folds import LeniencyLists
from ledger.systems.penalties.events import BenchmarkItem, BenchmarkPublished
from ledger.systems.penalties.folds import Benchmarks
from tests.examples import examples
from tests.systems.test_public_days import recorded

FIRST = date(2026, 3, 1)
BASIS = ListBasis(level="law", instrument="法")
CRITERIA = ListCriteria(name="名单", basis=BASIS, criteria=("x",))
Day = st.integers(0, 6).map(lambda days: FIRST + timedelta(days))
LAW = LegalRef(instrument="措施清单", article="1")


def policy(version: int, day: date) -> PolicyVersionAdopted:
    return PolicyVersionAdopted(
        key="visit_cap",
        version=version,
        value=version,
        unit="count",
        effective_from=day,
        source=LAW,
        confidence="C",
    )


def number(version: Any) -> int | None:
    return None if version is None else version.version


def plan_version(version: int, day: date) -> PlanVersion:
    filed = AnnualPlanFiled(plan="P-1", unit="MRB", version=version, filed_on=day)
    (record,) = recorded((day, filed))
    return PlanVersion(version, {}, record, record)


def answers(days: tuple[date, date], on: date) -> dict[str, int | None]:
    """Which of two versions each list has in force on a day; each begins on its own of ``days``."""
    numbered = list(enumerate(days, 1))
    policies, lists = PolicyVersions("visit_cap"), LeniencyLists("MRB")
    decisions, measures = MajorDecisions("MRB"), MeasureCatalogue("MC-1")
    benchmarks = Benchmarks("MRB")
    matter, field, plan = Matter("M-1"), ListField("F-1"), AnnualPlan("P-1")
    step = BenchmarkItem(
        violation_code="FS-034",
        basis="第124条",
        types=("fine",),
        statutory_min_fen=0,
        statutory_max_fen=1,
    )
    for n, day in numbered:
        policies.on_adopted(policy(n, day))
        lists.on_published(
            LeniencyListPublished(unit="MRB", version=n, effective_from=day, items=())
        )
        decisions.on_published(
            MajorDecisionListPublished(unit="MRB", version=n, effective_from=day, lines=())
        )
        measures.on_published(
            MeasureCataloguePublished(
                catalogue="MC-1", unit="JB", version=n, items=(), effective_from=day, source=LAW
            )
        )
        benchmarks.on_published(
            BenchmarkPublished(
                unit="MRB", version=n, title="基准", effective_from=day, items=(step,)
            )
        )
        elements = MatterElements(name=str(n), act_kind="inspection")
        matter.versions[n] = elements
        matter.on_published(
            MatterPublished(
                matter="M-1", unit="MRB", version=n, url="u", published_on=day, elements=elements
            )
        )
        field.versions[n] = CriteriaVersion(CRITERIA, FIRST, "u", day)
        plan.versions.append(plan_version(n, day))
    found = lists.in_force_between(on, on)
    item, listed = benchmarks.item("FS-034", on), matter.in_force_on(on)
    return {
        "policy": number(policies.in_force(on)),
        "leniency": found[0].version if found else None,
        "major decisions": number(decisions.in_force(on)),
        "measures": number(measures.in_force(on)),
        "benchmarks": None if item is None else item[0].version,
        "matter": None if listed is None else int(listed.name or 0),
        "criteria": field.in_force(on),
        "plan": number(plan.in_force(on)),
    }


@examples(60)
@given(Day, Day, Day)
def test_the_later_day_is_in_force_and_of_one_day_the_later_record(
    first: date, second: date, on: date
) -> None:
    days = {1: first, 2: second}
    fitting = [version for version in days if days[version] <= on]
    expected = max(fitting, key=lambda version: (days[version], version), default=None)
    assert set(answers((first, second), on).values()) == {expected}


@examples(60)
@given(st.lists(st.none() | Day, max_size=6), Day)
def test_versions_begin_in_the_order_of_their_days_and_then_of_their_records(
    days: list[date | None], on: date
) -> None:
    places = range(len(days))
    order = begun(places, on, days.__getitem__)
    expected = sorted(
        (day, place) for place, day in enumerate(days) if day is not None and day <= on
    )
    assert order == [place for _, place in expected]
    assert in_force(places, on, days.__getitem__) == (order[-1] if order else None)
