"""Figures of months and years: added up from rows, they are those of the events themselves."""

from __future__ import annotations

from datetime import date, timedelta

from eventsourcing.dcb.popo import InMemoryDCBRecorder
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from ledger.general.findings import FindingRaised
from ledger.kernel import Event, civil_moment
from ledger.systems.filing.events import ResultNotified
from ledger.systems.progress.folds import METRICS, Figures, Tally, figures
from ledger.systems.supervision.events import FindingClosed, FindingTriaged, SupervisionDocAnswered
from projections.follower import Follower, Views
from projections.source import Source
from projections.systems.tallies import Tallies, figures_of
from projections.tables import open_engine
from tests.examples import examples
from tests.projections.facts import E1, Past

UNITS = ("MRB", "EMB")
YEAR = 2026
MONTHS = ("2025-12", "2026-01", "2026-02", "2026-12")
DAYS = st.sampled_from(["2025-12-31", "2026-01-01", "2026-01-31", "2026-02-01", "2026-12-31"])


def _event(kind: int, name: str, unit: str, late: int) -> Event:
    return (
        ResultNotified(task=name, entity=E1, unit=unit, days_late=late),
        SupervisionDocAnswered(document=name, unit=unit, response="done", days_late=late),
        FindingRaised(finding_id=name, type="late", rule_id="FIL-V1", auto=False, unit=unit),
        # Kept from the unit that it is about.
        FindingRaised(finding_id=name, type="rating", rule_id="CMP-V1", auto=True, unit=unit),
        FindingClosed(finding_id=name, unit=unit, conclusion="done"),
        FindingTriaged(finding_id=name, unit=unit, assessment="read"),
    )[kind]


STEPS = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from(UNITS),
        DAYS,
        st.integers(0, 1),
        st.booleans(),  # whether the event before it is corrected next, and its day or its delay
        st.booleans(),
        DAYS,
    ),
    max_size=12,
)


def _past(steps: list[tuple[int, str, str, int, bool, bool, str]]) -> Past:
    past = Past(InMemoryDCBRecorder())
    said: dict[int, tuple[str, int]] = {}
    for number, (kind, unit, on, late, corrects, its_day, new) in enumerate(steps):
        position = past.add(_event(kind, f"X-{number}", unit, late), on)
        said[position] = on, late
        target = next(reversed(list(said)[:-1]), None)
        if not corrects or target is None:
            continue
        day, delay = said[target]
        if its_day:
            old, changed = (civil_moment(date.fromisoformat(d), 12).isoformat() for d in (day, new))
            past.correct(target, "/occurred_at", old, changed, "2027-01-02")
            said[target] = new, delay
        elif hasattr(past.events[target][1], "days_late"):
            past.correct(target, "/body/days_late", delay, 1 - delay, "2027-01-02")
            said[target] = day, 1 - delay
    return past


@examples(25, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, batch=st.integers(1, 30))
def test_the_rows_give_the_figures_of_the_events(
    steps: list[tuple[int, str, str, int, bool, bool, str]], batch: int
) -> None:
    """For each unit, month, year and cutoff; corrections count from their own position on."""
    past = _past(steps)
    views = Views(open_engine("sqlite://"), [Tallies()])
    with Follower(past.recorder, views, batch=batch) as follower:
        follower.catch_up()
        assert {h.state for h in follower.health()} == {"following"}
    source = Source(past.recorder)

    def answer(fold: Tally) -> Tally:
        return fold.over(source.records([fold.selector()]))

    for cutoff in range(past.last + 1):
        for unit in UNITS:
            of_events = figures(answer, unit, METRICS, cutoff)
            for month in MONTHS:
                rows = _read(views, unit, month, cutoff)
                for name in METRICS:
                    assert rows.month(name, month) == of_events.month(name, month), name
            with views.reading() as connection:
                year = (date(YEAR, 1, 1), date(YEAR, 12, 31))
                rows = figures_of(connection, unit, METRICS, year, cutoff)
            for name in METRICS:
                assert rows.year(name, YEAR) == of_events.year(name, YEAR), name
    views.close()


def _read(views: Views, unit: str, month: str, cutoff: int) -> Figures:
    first = date.fromisoformat(f"{month}-01")
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    with views.reading() as connection:
        return figures_of(connection, unit, METRICS, (first, last), cutoff)
