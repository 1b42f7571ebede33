"""Public lists and the rules say the same of each day, whatever was recorded in which order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from ledger.kernel import Event, Fold, LegalRef, Recorded, civil_moment
from ledger.kernel.events import Envelope
from ledger.systems.catalogue.events import (
    EnforcementUnitQualified,
    MatterElements,
    MatterPublished,
    MatterWithdrawn,
    OfficerCertificateSuspended,
    OfficerCertified,
)
from ledger.systems.catalogue.folds import Matter, OfficerStanding, UnitStanding
from ledger.systems.dishonesty.events import MeasureCataloguePublished
from ledger.systems.dishonesty.folds import MeasureCatalogue
from ledger.systems.leniency.events import LeniencyListPublished, ListItem
from ledger.systems.leniency.folds import LeniencyLists
from ledger.systems.penalties.events import BenchmarkItem, BenchmarkPublished
from ledger.systems.penalties.folds import Benchmarks
from projections.explain.histories import (
    BenchmarkHistory,
    LeniencyHistory,
    MatterCatalogue,
    MatterHistory,
    MeasureHistory,
    OfficerHistory,
    UnitHistory,
)
from tests.examples import examples
from tests.gwt import HEAD

FIRST = date(2026, 3, 1)
DAYS = [FIRST + timedelta(days) for days in range(8)]
Day = st.sampled_from(DAYS)
Days = st.lists(Day, min_size=1, max_size=5)
#: From a day, and until one or for ever.
Periods = st.lists(
    st.tuples(Day, st.none() | Day).filter(lambda p: p[1] is None or p[0] <= p[1]),
    min_size=1,
    max_size=4,
)


def recorded(*events: Event | tuple[date, Event]) -> list[Recorded]:
    """The events as they are recorded in this order, each as of its day."""
    records = []
    for position, one in enumerate(events, 1):
        day, event = one if isinstance(one, tuple) else (FIRST, one)
        moment = civil_moment(day)
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
        records.append(Recorded(position, envelope, event))
    return records


def agree(deciding: Fold, public: Any, records: Sequence[Recorded]) -> tuple[Any, Any]:
    deciding.over(records)
    return deciding, public.over(records).history


@examples(15)
@given(Days)
def test_versions_in_force_are_those_listed(days: list[date]) -> None:
    """Leniency lists, benchmarks and measures, by the day from which each version holds."""
    item = ListItem(
        item="EX", outcome="exempt", violation_code="FS-034", basis="第33条", conditions=()
    )
    step = BenchmarkItem(
        violation_code="FS-034",
        basis="第124条",
        types=("fine",),
        statutory_min_fen=0,
        statutory_max_fen=1,
    )
    law = LegalRef(instrument="措施清单", article="1")
    numbered = list(enumerate(days, 1))
    lenient, lenient_list = agree(
        LeniencyLists("MRB"),
        LeniencyHistory("MRB"),
        recorded(
            *(
                LeniencyListPublished(unit="MRB", version=n, effective_from=day, items=(item,))
                for n, day in numbered
            )
        ),
    )
    benchmarks, benchmark = agree(
        Benchmarks("MRB"),
        BenchmarkHistory("MRB"),
        recorded(
            *(
                BenchmarkPublished(
                    unit="MRB", version=n, title="基准", effective_from=day, items=(step,)
                )
                for n, day in numbered
            )
        ),
    )
    measures, measure = agree(
        MeasureCatalogue("MC-1"),
        MeasureHistory("MC-1"),
        recorded(
            *(
                MeasureCataloguePublished(
                    catalogue="MC-1", unit="JB", version=n, items=(), effective_from=day, source=law
                )
                for n, day in numbered
            )
        ),
    )
    for day in DAYS:
        applied = [one.version for one in lenient.in_force_between(day, day)]
        assert applied == _versions(lenient_list, day)
        found = benchmarks.in_force("FS-034", day)
        assert ([] if found is None else [found[0].version]) == _versions(benchmark, day)
        newest = measures.in_force(day)
        assert ([] if newest is None else [newest.version]) == _versions(measure, day)


def _versions(history: Any, day: date) -> list[int]:
    edition = history.on(day)
    return [] if edition is None else [edition.version]


@examples(15)
@given(Periods)
def test_a_unit_is_listed_as_it_is_qualified(periods: list[tuple[date, date | None]]) -> None:
    events = [
        EnforcementUnitQualified(
            unit="MRB", name=f"第{n}次", kind="organ", valid_from=first, valid_to=last
        )
        for n, (first, last) in enumerate(periods)
    ]
    standing, listed = agree(UnitStanding("MRB"), UnitHistory("MRB"), recorded(*events))
    for day in DAYS:
        qualified = standing.qualified(day)
        names = [one["name"] for one in listed.elements_on(day).values()]
        assert names == ([] if qualified is None else [qualified.name])


@examples(20)
@given(Periods, st.lists(st.booleans(), min_size=4, max_size=4), Periods, st.booleans(), st.data())
def test_officers_are_listed_as_they_are_certified(
    periods: list[tuple[date, date | None]],
    same: list[bool],
    suspensions: list[tuple[date, date | None]],
    suspended: bool,
    data: st.DataObject,
) -> None:
    """Each valid certificate is listed, and suspended as long as its officer is barred."""
    events: list[Event] = [
        OfficerCertified(
            officer="OFF-1",
            unit="MRB",
            cert_no="甘A-0" if same[n] else f"甘A-{n}",
            valid_from=first,
            valid_to=last or DAYS[-1],
            domains=("food_drug",),
        )
        for n, (first, last) in enumerate(periods)
    ]
    if suspended:
        events.extend(
            OfficerCertificateSuspended(
                officer="OFF-1", unit="MRB", suspended_from=first, suspended_to=last, reason="x"
            )
            for first, last in suspensions
        )
    records = recorded(*data.draw(st.permutations(events)))
    standing, listed = agree(OfficerStanding("OFF-1"), OfficerHistory("MRB"), records)
    for day in DAYS:
        shown = listed.elements_on(day)
        assert set(shown) == standing.valid_numbers(day, {"MRB"})
        barred = standing.barred(day, "MRB", {"food_drug"}) is not None
        for certificate in shown.values():
            assert ("suspended_from" in certificate) == barred


@examples(15)
@given(Days, st.none() | Day)
def test_a_matter_is_listed_as_it_is_in_force(days: list[date], withdrawn: date | None) -> None:
    """A withdrawal is for good, also one of a day before a publication that came first."""
    events: list[Event | tuple[date, Event]] = [
        MatterPublished(
            matter="M-1",
            unit="MRB",
            version=1,
            url=f"https://e.org/{n}",
            published_on=day,
            elements=MatterElements(name="检查", act_kind="inspection"),
        )
        for n, day in enumerate(sorted(days))
    ]
    if withdrawn is not None:
        events.append((withdrawn, MatterWithdrawn(matter="M-1", unit="MRB", reason="取消")))
    records = recorded(*events)
    matter, catalogue = agree(Matter("M-1"), MatterCatalogue("MRB"), records)
    matter.versions[1] = MatterElements(name="检查", act_kind="inspection")
    single = MatterHistory("M-1").over(records).history
    for day in DAYS:
        in_force = matter.in_force_on(day) is not None
        assert (list(catalogue.elements_on(day)) == ["M-1"]) == in_force
        own = single.elements_on(day)
        assert ("name" in own and "withdrawn" not in own) == in_force
    last = f"https://e.org/{len(days) - 1}"
    assert {one.url for one in single.editions if one.put.get("name")} == {last}
    assert {one.put["M-1"]["url"] for one in catalogue.editions if one.put} == {last}
