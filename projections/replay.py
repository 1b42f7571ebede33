"""Replays made on the spot (复盘): the profile of one business, from the ledger, step by step.

A replay can stop at a position, look at what was true on one day as known on another, leave facts
out, and add facts that never happened. It reads the ledger and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from ledger.credit.events import CreditRecordAltered, PublicityBoundsMoved, PublicityTerminated
from ledger.dishonesty.events import SanctionLifted, SeriousListRemoved
from ledger.grading.events import CreditGradeAssigned
from ledger.kernel import (
    Actor,
    Event,
    LegalRef,
    RecordCorrected,
    Recorded,
    civil_moment,
)
from ledger.kernel.corrections import as_corrected
from ledger.kernel.events import Envelope
from projections.graded import Graded
from projections.profiles import (
    Audience,
    CreditProfile,
    as_json,
    law_as_of,
    render,
)
from projections.profiles.standing import Standing
from projections.source import Recorder, Source

#: Who stands for facts that never happened.
_NOBODY = Actor(unit_id="", person_id="", role="")
_NO_ID = UUID(int=0)


class Hypothetical(msgspec.Struct, frozen=True):
    """A fact that never happened, as if it had on a day; it comes after all that did."""

    event: Event
    on: date


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One place of the document that a step changed: a JSON pointer, and what stood there."""

    path: str
    before: Any = None
    after: Any = None


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event: what it changed in the profile, and under which law and policy versions.

    ``position`` 0 marks a hypothetical one. ``corrected_by`` are the positions of the corrections
    through which it is seen; ``rule_id`` is that of a finding.
    """

    position: int
    type: str
    occurred_at: datetime
    known_at: datetime
    changes: tuple[Change, ...]
    actor: Actor | None = None
    rule_id: str | None = None
    policy_refs: dict[str, int] = {}
    legal_basis: tuple[LegalRef, ...] = ()
    causation_id: UUID | None = None
    corrected_by: tuple[int, ...] = ()


class Replayed(msgspec.Struct, frozen=True):
    """What a replay comes to. ``position`` is that of the last event it took, 0 if none."""

    profile: CreditProfile
    document: dict[str, Any]
    position: int
    steps: list[Step]
    left_out: list[int]
    #: The share of businesses of this grade that a draw takes.
    draw_ratio: str | None = None


class NothingKnown(LookupError):
    """Nothing is recorded of the business."""


def replay(
    recorder: Recorder | Source,
    entity: str,
    *,
    valid_as_of: date | None = None,
    known_as_of: datetime | None = None,
    to_position: int | None = None,
    without: Collection[int | str] = (),
    hypothetical: Sequence[Hypothetical] = (),
    audience: Audience = "restricted",
    plans: str = "",
    steps: bool = True,
    may_see: Callable[[Recorded], bool] = lambda record: True,
    today: date | None = None,
) -> Replayed:
    """The profile of a business as it was, as it was known, or as it would be.

    ``valid_as_of``: only what was so by the end of that day; a grade counts from the day it was
    assessed for. ``known_as_of``: only what was known by then, corrections included; imports count
    from when their source knew. ``to_position``: only what stands up to there. ``without``: leave
    out these positions, and everything about these credit records. Each defaults to all there is,
    and then the document is the one that the view shows.

    The grade of a day, and what follows from it, is derived from all that was known; without
    ``valid_as_of`` it is that of ``today`` or, of the day of an imagined fact, if that is later.

    What the reader may not see makes no step, is not named among what was left out, and is not the
    position; in the document it is as in the view, with the planned visits of ``plans``.

    Raises ``NothingKnown`` if the ledger holds nothing about the business at all.
    """
    source = recorder if isinstance(recorder, Source) else Source(recorder)
    blank = CreditProfile(entity)
    found = source.records([blank.selector()], to_position)
    if all(isinstance(record.event, RecordCorrected) for record in found) and not hypothetical:
        raise NothingKnown(f"nothing is recorded of {entity}")
    known = [r for r in found if known_as_of is None or r.envelope.known_at <= known_as_of]
    left_out = [r.position for r in known if _named(r, without) and may_see(r)]
    kept = as_corrected([r for r in known if not _named(r, without)])
    kept += [_imagined(one) for one in hypothetical]
    valid = [r for r in kept if valid_as_of is None or valid_from(r) <= valid_as_of]
    law = law_as_of(source, to_position, known_as_of, without)
    days = [one.on for one in hypothetical] + ([] if today is None else [today])
    corrections = _corrections(r for r in known if may_see(r))
    profile = CreditProfile(entity)
    taken = []
    rendered = partial(
        render, profile, audience, law, on=valid_as_of, plans=plans, today=max(days, default=None)
    )
    before: Any = _plain(rendered()) if steps else None
    position = 0
    for record in valid:
        seen = not record.position or may_see(record)
        if seen:
            position = max(position, record.position)
        if isinstance(record.event, RecordCorrected):
            continue
        profile.take(record)
        if steps:
            after = _plain(rendered())
            if seen:
                taken.append(_step(record, difference(before, after), corrections))
            before = after
    if valid_as_of is not None:
        # What happened later may say that something never counted.
        profile.graded = Graded(entity)
        for record in kept:
            profile.graded.take(record)
    document = rendered()
    if audience == "public" and (valid_as_of is not None or known_as_of is not None):
        document = as_shown_now(document, source, entity, plans)
    day = valid_as_of or max(days, default=profile.seen_on)
    ratio = law.draw_ratio(profile.grade(day), day)
    return Replayed(profile, document, position, taken, left_out, ratio)


def as_shown_now(
    document: dict[str, Any], source: Source, entity: str, plans: str
) -> dict[str, Any]:
    """What of a document of another day may be shown to the public now, and as it now reads."""
    blank = CreditProfile(entity)
    profile = blank.over(source.records([blank.selector()]))
    now = render(profile, "public", law_as_of(source, None), plans=plans)
    kept = dict(document)
    for name, items in document.items():
        if isinstance(items, list):
            shown = _by_name(now.get(name, [])) or {}
            then = _by_name(items) or {}
            # How far a promise was kept on a day is told as of that day.
            source_of = then if name == "commitments" else shown
            kept[name] = [source_of[key] for key in then if key in shown]
    return {name: items for name, items in kept.items() if name in now}


def valid_from(record: Recorded) -> date:
    """The day from which a fact holds: its own date where it names one, else when it happened."""
    if isinstance(record.event, CreditGradeAssigned):
        return record.event.assessed_on
    if isinstance(record.event, CreditRecordAltered | PublicityBoundsMoved):
        return record.event.valid_from
    return record.occurred_on


def as_if_repaired(source: Source, entity: str, record: str, on: date) -> list[Hypothetical]:
    """What would follow if a credit record had been repaired on a day.

    With the record ends what rests on it: sanctions that are alive, and its listing. Raises
    ``NothingKnown`` if the business has no such record.
    """
    known = CreditProfile(entity)
    known.over(source.records([known.selector()]))
    entry, standing = known.records.get(record), known.standing or Standing()
    if entry is None or not entry.kind:
        raise NothingKnown(f"{entity} has no credit record {record}")
    of_record: dict[str, Any] = {"record": record, "entity": entity}
    events: list[Event] = [
        PublicityTerminated(**of_record, unit=entry.unit, reason="repaired", terminated_on=on)
    ]
    if known.graded is not None:
        events += known.graded.following(events, on)
    events += [
        SanctionLifted(**of_record, sanction=name, unit=one.unit, reason="repaired", lifted_on=on)
        for name, one in standing.sanctions.items()
        if one.alive and one.record == record
    ]
    listing = standing.listings.get(record)
    if listing is not None and listing.added is not None and listing.stands:
        events.append(
            SeriousListRemoved(
                **of_record,
                determination=listing.added.determination,
                unit=listing.unit,
                list_field=listing.list_field,
                reason="repaired",
                removed_on=on,
            )
        )
    return [Hypothetical(event, on) for event in events]


def difference(before: Any, after: Any, path: str = "") -> list[Change]:
    """Where two documents differ, as JSON pointers, in order.

    Items of a list are told apart by what names them (a record, a task, an inspection, a date).
    """
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        found = []
        for name in [*before, *(name for name in after if name not in before)]:
            found += difference(before.get(name), after.get(name), f"{path}/{_escaped(name)}")
        return found
    if isinstance(before, list) and isinstance(after, list):
        old, new = _by_name(before), _by_name(after)
        if old is not None and new is not None:
            return difference(old, new, path)
    return [Change(path, before, after)]


#: What names an item, before the record on which it rests.
_NAMES = (
    "commitment",
    "obligation",
    "determination",
    "incentive",
    "sanction",
    "designation",
    "observation",
    "record",
    "task",
    "inspection",
)


def _by_name(items: Iterable[Any]) -> dict[str, Any] | None:
    named: dict[str, Any] = {}
    for item in items:
        if not isinstance(item, dict):
            return None
        name = next((item[key] for key in _NAMES if key in item), None)
        if name is None and "assessed_on" in item:
            name = item["assessed_on"]
        if name is None and "year" in item:
            name = f"{item['unit']} {item['year']}"
        if name is None or str(name) in named:
            return None
        named[str(name)] = item
    return named


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _plain(document: dict[str, Any]) -> Any:
    return msgspec.json.decode(as_json(document))


def _named(record: Recorded, without: Collection[int | str]) -> bool:
    """Whether a record is to be left out; what corrects a record left out goes with it."""
    if not without:
        return False
    event = record.event
    if record.position in without or getattr(event, "record", None) in without:
        return True
    if isinstance(event, CreditGradeAssigned) and event.source == "local_rule":
        # It announces what is derived anew here.
        return any(factor.record in without for factor in event.factors)
    if isinstance(event, RecordCorrected):
        return event.target_position in without or any(
            tag.removeprefix("record:") in without
            for tag in event.subjects
            if tag.startswith("record:")
        )
    return False


def _imagined(one: Hypothetical) -> Recorded:
    moment = civil_moment(one.on, 12)
    return Recorded(
        0,
        Envelope(
            event_id=_NO_ID,
            type=one.event.TOPIC,
            schema_version=one.event.VERSION,
            occurred_at=moment,
            recorded_at=moment,
            actor=_NOBODY,
            correlation_id=_NO_ID,
            command_id="",
            visibility=one.event.visibility(),
        ),
        one.event,
    )


def _corrections(known: Iterable[Recorded]) -> dict[UUID, list[int]]:
    found: dict[UUID, list[int]] = {}
    for record in known:
        if isinstance(record.event, RecordCorrected):
            found.setdefault(record.event.target_event_id, []).append(record.position)
    return found


def _step(record: Recorded, changes: list[Change], corrections: dict[UUID, list[int]]) -> Step:
    envelope = record.envelope
    return Step(
        position=record.position,
        type=envelope.type,
        occurred_at=envelope.occurred_at,
        known_at=envelope.known_at,
        changes=tuple(changes),
        actor=envelope.actor if record.position else None,
        rule_id=getattr(record.event, "rule_id", None),
        policy_refs=envelope.policy_refs,
        legal_basis=envelope.legal_basis,
        causation_id=envelope.causation_id,
        corrected_by=tuple(corrections.get(envelope.event_id, ())),
    )
