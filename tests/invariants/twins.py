"""A ledger without what protects a business: nothing of risk, ratio or rank may change (2.17).

The twin holds the same events at the same positions; each that protects somebody gives way to one
about a unit that nobody else names. What a decision ended or altered is an event of its own, and
stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from eventsourcing.dcb.api import DCBEvent
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from msgspec.structs import replace

from ledger.kernel import Ledger, NotRecorded, RecordCorrected, Recorded, Refusal, codec
from ledger.kernel.policies import PolicyVersions
from ledger.systems.draws.uvdraw import roster_bytes, roster_hash, roster_lines
from ledger.systems.filing.commands import ApproveTask
from ledger.systems.grading.folds import CreditGrade
from ledger.systems.publicity.events import ExAntePublished
from projections.explain.replay import replay
from projections.source import Source
from projections.systems.draws import Standing, Terms, compose
from tests.sequences.prelude import inspected, of
from tests.sequences.steps.visits import NON_ONSITE, PRESCRIBED
from tests.sequences.town import BUSINESSES, OFFICERS, UNITS, Town, actor

#: A complaint, a rating, a report or a finding against a unit, that a reconsideration was filed or
#: decided, that a record was objected to.
PROTECTING = (
    "complaints.", "filing.visit-rated", "filing.irregular-visit-reported", "reconsideration.",
    "supervision.", "credit.objection-",
)  # fmt: skip

_NEUTRAL = ExAntePublished(
    unit="NOBODY",
    item="bodies",
    title="-",
    url="-",
    digest="0" * 64,
    published_on=date(2026, 1, 1),
)


def protecting(records: Sequence[Recorded]) -> set[int]:
    """The positions of what protects a business, and of what is said of that."""
    found: set[int] = set()
    ids = set()
    for record in records:
        event = record.event
        rests = (
            record.envelope.type.startswith(PROTECTING)
            or (isinstance(event, RecordCorrected) and event.target_event_id in ids)
            or getattr(event, "opened_at_position", None) in found
        )
        if rests:
            found.add(record.position)
            ids.add(record.envelope.event_id)
    return found


def copied(records: Sequence[Recorded], gone: set[int]) -> InMemoryDCBRecorder:
    """The same ledger, with something neutral in the place of what is gone."""
    twin = InMemoryDCBRecorder()
    twin.append([_stored(r, neutral=r.position in gone) for r in records])
    return twin


def _stored(record: Recorded, *, neutral: bool) -> DCBEvent:
    envelope, event = record.envelope, record.event
    if neutral:
        event = _NEUTRAL
        envelope = replace(
            envelope,
            type=event.TOPIC,
            schema_version=event.VERSION,
            visibility=event.visibility(),
            occurred_at=envelope.recorded_at,
        )
    return DCBEvent(
        type=envelope.type,
        data=codec.encode(envelope, event),
        tags=[*event.tags(), f"actor:{envelope.actor.person_id}"],
    )


def observed(recorder: Any, now: datetime) -> Iterator[tuple[str, Any]]:
    """All that a business's risk, ratio and rank show themselves in, each with a name."""
    source, today = Source(recorder), now.date()
    formula = _value(source, "draw.risk_formula", today)
    caps = _value(source, "visit_cap", today)
    standings = []
    for entity in BUSINESSES:
        blank = CreditGrade(entity)
        grades = blank.over(source.records([blank.selector()]))
        yield f"grades of {entity}", [grades.on(today - timedelta(n)) for n in range(0, 400, 7)]
        replayed = replay(source, entity, steps=False, today=today)
        yield f"ratio of {entity}", replayed.draw_ratio
        yield f"caps of {entity}", replayed.document["caps"]
        standing = Standing(entity)
        standings.append(standing.over(source.records([standing.selector()])))
    for by in ("grade", "risk"):
        terms = Terms(
            today,
            by=by,  # type: ignore[arg-type]
            units=UNITS,
            cap=lambda unit, grade: int(caps[grade]),
            formula=formula,
        )
        composed = compose(standings, terms)
        lines = roster_lines(composed.entries)
        # Tickets, and so ranks, follow from the bytes of the roster.
        yield f"roster by {by}", (lines, composed.capped, roster_hash(roster_bytes(lines)))
    with Ledger(recorder, clock=lambda: now) as ledger:
        for unit in UNITS:
            for entity in BUSINESSES:
                yield f"{unit} plans a visit to {entity}", _planned(ledger, unit, entity, today)


def _value(source: Source, key: str, day: date) -> Any:
    blank = PolicyVersions(key)
    version = blank.over(source.records([blank.selector()])).in_force(day)
    assert version is not None
    return version.value


def _planned(ledger: Ledger, unit: str, entity: str, today: date) -> str:
    """What becomes of a daily visit that a unit plans."""
    command = of(
        ApproveTask,
        task=f"PROBE-{unit}-{entity}",
        entity=entity,
        unit=unit,
        kind="daily",
        trigger="plan",
        matters=[inspected(unit)],
        officers=OFFICERS[unit][:2],
        planned_on=today,
        non_onsite_considered=NON_ONSITE,
        prescribed_by=PRESCRIBED,
    )
    try:
        outcome = ledger.execute(command, actor("unit_head", unit))
    except Refusal as refusal:
        return f"{refusal.rule.id} {refusal}"
    except NotRecorded as error:
        return f"{type(error).__name__} {error}"
    return " ".join(type(record.event).__name__ for record in outcome.events)


def unchanged_by_protection(town: Town) -> list[str]:
    """What of the risk, ratio or rank of a business differs without what protects it."""
    records = [codec.decode(one.position, one.event.data) for one in town.service.recorder.read()]
    gone = protecting(records)
    beside, without = (
        dict(observed(copied(records, left_out), town.now)) for left_out in (set[int](), gone)
    )
    return [
        f"{name}: {beside[name]}, and {without[name]} without what protects it"
        for name in beside
        if beside[name] != without[name]
    ]
