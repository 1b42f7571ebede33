"""Replays cost what their events change, and say what rendering everything each time would."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from hypothesis import Phase, given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.general.values import Instrument
from ledger.intake.events import ViolationRectified
from ledger.kernel import Event, RecordCorrected, Recorded
from ledger.kernel.corrections import as_corrected
from ledger.kernel.folds import reducers_of
from ledger.kernel.subjects import subject_fields
from ledger.systems.credit.events import CreditRecordEntered, PublicityTerminated
from ledger.systems.filing.events import InspectionConcluded
from ledger.systems.grading.events import CreditGradeAssigned
from projections.explain.replay import (
    Asked,
    Hypothetical,
    NothingKnown,
    Replaying,
    as_if_repaired,
    as_shown_now,
    imagined,
    replay,
    valid_from,
)
from projections.profiles import (
    EVERY,
    CreditProfile,
    Sight,
    as_json,
    difference,
    law_as_of,
    render,
)
from projections.profiles.standing import SECTIONS
from projections.source import Source
from projections.systems.graded import Graded
from tests.examples import examples
from tests.kernel.strategies import instances
from tests.projections import strategies
from tests.projections.facts import E1, Past, inspection, task, violation

HOW = st.fixed_dictionaries(
    {
        "sight": st.builds(
            Sight,
            st.sampled_from(["public", "entity", "restricted"]),
            st.sampled_from(["", "MRB", EVERY]),
        ),
        "valid_as_of": st.none() | strategies.DAYS,
        "known_as_of": st.none()
        | strategies.DAYS.map(lambda day: datetime.fromisoformat(f"{day}T12:00:00+08:00")),
        "to_position": st.none() | st.integers(1, 30),
        "without": st.lists(st.integers(1, 30) | st.just("CR-17J-1"), max_size=2),
        "hidden": st.frozensets(st.integers(1, 30), max_size=5),
        "today": st.none() | strategies.DAYS,
    }
)


def plain(document: Any) -> Any:
    return msgspec.json.decode(as_json(document))


def rendered_each_time(
    source: Source,
    entity: str,
    *,
    sight: Sight,
    valid_as_of: date | None,
    known_as_of: datetime | None,
    to_position: int | None,
    without: list[int | str],
    may_see: Callable[[Recorded], bool],
    hypothetical: list[Hypothetical],
    today: date | None,
) -> tuple[list[tuple[int, Any]], Any] | None:
    """The oracle: the steps of a replay by rendering the whole document after every event.

    And the document at the end, with the grade of its day by all that is known.
    """
    profile = CreditProfile(entity)
    found = source.records([profile.selector()], to_position)
    if all(isinstance(r.event, RecordCorrected) for r in found) and not hypothetical:
        return None

    def left_out(record: Recorded) -> bool:
        event = record.event
        if isinstance(event, RecordCorrected):
            named = {tag.removeprefix("record:") for tag in event.subjects}
            return bool({record.position, event.target_position, *named} & {*without})
        about = {getattr(event, "record", None)}
        if isinstance(event, CreditGradeAssigned) and event.source == "local_rule":
            about |= {factor.record for factor in event.factors}
        return bool({record.position, *about} & {*without})

    known = [r for r in found if known_as_of is None or r.envelope.known_at <= known_as_of]
    law = law_as_of(source, to_position, known_as_of, without)
    day = max([one.on for one in hypothetical] + ([today] if today else []), default=None)

    def document() -> Any:
        return plain(render(profile, sight, law, on=valid_as_of, today=day))

    steps = []
    before = document()
    kept = as_corrected([r for r in known if not left_out(r)])
    kept += [imagined(one) for one in hypothetical]
    for record in kept:
        late = valid_as_of is not None and valid_from(record) > valid_as_of
        if late or isinstance(record.event, RecordCorrected):
            continue
        profile.take(record)
        after = document()
        if not record.position or may_see(record):
            steps.append((record.position, tuple(difference(before, after))))
        before = after
    if valid_as_of is not None:
        profile.graded = Graded(entity)
        for record in kept:
            profile.graded.take(record)
    end = render(profile, sight, law, on=valid_as_of, today=day)
    if sight.audience == "public" and (valid_as_of is not None or known_as_of is not None):
        end = as_shown_now(end, source, entity, day)
    return steps, end


def same(past: Past, entity: str, how: dict[str, Any]) -> int:
    """Require that a replay gives the oracle's steps; how many it gives."""
    source = Source(past.recorder)
    hidden = how.pop("hidden")

    def may_see(record: Recorded) -> bool:
        return record.position not in hidden

    how.setdefault("hypothetical", [])
    expected = rendered_each_time(source, entity, **how, may_see=may_see)
    if expected is None:
        with pytest.raises(NothingKnown):
            replay(source, entity, **how, may_see=may_see)
        return 0
    steps, document = expected
    replayed = replay(source, entity, **how, may_see=may_see)
    assert [(step.position, step.changes) for step in replayed.steps] == steps
    assert as_json(replayed.document) == as_json(document)
    quick = replay(source, entity, **how, may_see=may_see, steps=False)
    assert as_json(quick.document) == as_json(replayed.document)
    assert (quick.position, quick.left_out) == (replayed.position, replayed.left_out)
    assert quick.draw_ratio == replayed.draw_ratio
    return len(steps)


@examples(15)
@given(facts=strategies.pasts(), how=HOW)
def test_steps_are_those_of_rendering_everything(
    facts: strategies.Facts, how: dict[str, Any]
) -> None:
    """Of any past, to any audience, as of any day: each step says exactly what changed."""
    past = Past(InMemoryDCBRecorder())
    facts.tell(past)
    same(past, E1, how)


@cache
def _any_event() -> st.SearchStrategy[Event]:
    """Any event that a profile takes, about few things on few days, so that they meet."""

    known = {"entity", "unit", "joint", *(section.kept[:-1] for section in SECTIONS)}
    known |= {"record", "task", "inspection", "violation", "recon"}

    def about(event: Event, name: str, other: str, day: date) -> Event:
        given: dict[str, Any] = {}
        for field, kind in subject_fields(type(event)):
            if kind in known and isinstance(getattr(event, field), str):
                given[field] = {"entity": E1, "unit": "MRB", "joint": other}.get(kind, name)
        for field in event.__struct_fields__:
            if type(getattr(event, field)) is date:
                given[field] = day
        return replace(event, **given)

    types = sorted(reducers_of(CreditProfile), key=lambda cls: cls.TOPIC)
    one = st.one_of([instances(cls) for cls in types])
    name = st.sampled_from(["A", "B", "C"])
    return st.builds(about, one, name, name, strategies.DAYS)


@examples(15, phases=[Phase.explicit, Phase.generate])
@given(
    events=st.lists(st.tuples(_any_event(), strategies.DAYS), min_size=8, max_size=16),
    how=HOW,
)
def test_no_event_changes_what_is_not_looked_at(
    events: list[tuple[Event, date]], how: dict[str, Any]
) -> None:
    """Events of every type that the profile takes, with any content, give the oracle's steps."""
    past = Past(InMemoryDCBRecorder())
    for event, day in events:
        past.add(event, day)
    same(past, E1, how)


@examples(12)
@given(facts=strategies.pasts(), how=HOW, on=strategies.DAYS)
def test_imagined_facts_are_steps_like_any(
    facts: strategies.Facts, how: dict[str, Any], on: date
) -> None:
    """What-ifs change what rendering everything says that they change."""
    past = Past(InMemoryDCBRecorder())
    facts.tell(past)
    source = Source(past.recorder)
    made_up: list[Hypothetical] = []
    for record in ("CR-17J-1", "CR-17J-2", "CR-17J-3"):
        with suppress(NothingKnown):
            made_up += as_if_repaired(source, E1, record, on)
    same(past, E1, {**how, "hypothetical": made_up})


def long_past(length: int, source: Any = "edb") -> Past:
    """A business with records, grades, visits, inspections and violations; about as many events."""
    past = Past(InMemoryDCBRecorder())
    for number in range(length // 8):
        day = date(2015, 1, 1) + timedelta(days=number % 3_000)
        record: dict[str, Any] = {"record": f"CR-{number}", "entity": E1, "unit": "MRB"}
        past.add(
            CreditRecordEntered(
                **record,
                kind="penalty",
                instrument=Instrument(kind="ruling", doc_no="D", effective_on=day),
                determined_on=day,
                title="fine",
                public=True,
                severity="general",
            ),
            day,
        )
        past.add(
            PublicityTerminated(**record, reason="repaired", terminated_on=day),
            day,
        )
        past.add(
            CreditGradeAssigned(
                entity=E1,
                scheme="local",
                grade="ABCD"[number % 4],
                assessed_on=day - timedelta(days=number % 7),
                source=source,
                factors=(),
                inputs_hash="0" * 64,
            ),
            day,
        )
        past.add(task(f"T-{number}", E1, planned_on=day), day)
        past.add(InspectionConcluded(task=f"T-{number}", entity=E1, unit="MRB", **_DONE), day)
        past.add(inspection(f"I-{number}", E1, day.isoformat()), day)
        past.add(violation(f"V-{number}", E1, day.isoformat(), inspection=f"I-{number}"), day)
        past.add(ViolationRectified(violation=f"V-{number}", entity=E1, corrected_on=day), day)
    return past


_DONE: dict[str, Any] = {"matters": ("M-101",), "result": "no_issue"}


@pytest.mark.parametrize("source", ["edb", "local_rule"])
def test_a_replay_costs_as_much_as_it_says(source: str) -> None:
    """Four times the events take some four times as long, and not sixteen; whether others grade
    the business or the local rule does.
    """
    short, long = (Source(long_past(length, source).recorder) for length in (500, 2_000))
    today = date(2026, 1, 1)

    def seconds(source: Source) -> float:
        began = time.thread_time()
        assert all(
            step.changes
            for step in replay(source, E1, sight=Sight("restricted", EVERY), today=today).steps
        )
        return time.thread_time() - began

    # Whatever else the machine does, of some attempts one is undisturbed.
    assert min(seconds(long) for _ in range(3)) < 8 * min(seconds(short) for _ in range(3))


def test_the_first_step_needs_no_later_event() -> None:
    """A step is given as soon as its event is read: what comes after it is not read yet."""
    read: list[int] = []

    class Counted(Source):
        def _each(self, selectors: Any, up_to: int | None) -> Any:
            for one in super()._each(selectors, up_to):
                read.append(one.position)
                yield one

    steps = iter(Replaying(Counted(long_past(200).recorder), Asked(E1)))
    assert next(steps).position == 1
    assert read == [1]
