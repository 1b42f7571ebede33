"""Replays made on the spot (复盘): the profile of one business, from the ledger, step by step.

A replay can stop at a position, look at what was true on one day as known on another, leave facts
out, and add facts that never happened. It reads the ledger and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from ledger.kernel import (
    Actor,
    Event,
    LegalRef,
    RecordCorrected,
    Recorded,
    budget,
    civil_moment,
)
from ledger.kernel.corrections import as_changed, changes_of
from ledger.kernel.events import Envelope
from ledger.kernel.folds import Selector
from ledger.systems.credit.events import (
    CreditRecordAltered,
    PublicityBoundsMoved,
    PublicityTerminated,
)
from ledger.systems.credit.regimes import reckon
from ledger.systems.dishonesty.events import SanctionLifted, SeriousListRemoved
from ledger.systems.entities.events import EntityReentered
from ledger.systems.grading.events import CreditGradeAssigned
from projections.profiles import (
    Audience,
    Change,
    CreditProfile,
    Following,
    by_name,
    law_as_of,
    render,
)
from projections.profiles.law import REGIMES, Law
from projections.profiles.standing import Standing
from projections.source import Recorder, Source
from projections.systems.graded import Graded

#: Who stands for facts that never happened.
_NOBODY = Actor(unit_id="", person_id="", role="")
_NO_ID = UUID(int=0)


class Hypothetical(msgspec.Struct, frozen=True):
    """A fact that never happened, as if it had on a day; it comes after all that did."""

    event: Event
    on: date


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event: what it changed in the profile, and under which law and policy versions.

    ``position`` 0 marks a hypothetical one. ``corrected_by`` are the positions of the corrections
    through which it is seen; ``rule_id`` is that of a finding. ``opening`` marks an opening fact,
    taken on from an older system: the day of the takeover.
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
    opening: date | None = None


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


class Asked(msgspec.Struct, frozen=True):
    """What a replay is to show.

    ``valid_as_of``: only what was so by the end of that day; a grade counts from the day it was
    assessed for. ``known_as_of``: only what was known by then, corrections included; imports count
    from when their source knew. ``to_position``: only what stands up to there. ``without``: leave
    out these positions, and everything about these credit records. Each defaults to all there is,
    and then the document is the one that the view shows.

    The grade of a day, and what follows from it, is derived from all that was known; without
    ``valid_as_of`` it is that of ``today`` or, of the day of an imagined fact, if that is later.

    What the reader may not see makes no step, is not named among what was left out, and is not the
    position; in the document it is as in the view, with the planned visits of ``plans``.
    """

    entity: str
    valid_as_of: date | None = None
    known_as_of: datetime | None = None
    to_position: int | None = None
    without: Collection[int | str] = ()
    hypothetical: Sequence[Hypothetical] = ()
    audience: Audience = "restricted"
    plans: str = ""
    may_see: Callable[[Recorded], bool] = lambda record: True
    today: date | None = None


class Replaying:
    """A replay under way: iterate over it for its steps, in order; then it says what it comes to.

    It reads the ledger as it goes, up to the head at which it began, and remembers no event: a
    step costs what its event changes. Iterating raises ``NothingKnown`` at the end if the ledger
    holds nothing about the business at all.
    """

    def __init__(self, source: Source, asked: Asked, *, steps: bool = True) -> None:
        self._asked = asked
        self._source = source
        self._steps = steps
        self._head = source.head() if asked.to_position is None else asked.to_position
        self._law = law_as_of(source, asked.to_position, asked.known_as_of, asked.without)
        days = [one.on for one in asked.hypothetical]
        days += [] if asked.today is None else [asked.today]
        self._today = max(days, default=None)
        self._following = Following(
            asked.entity,
            asked.audience,
            self._law,
            on=asked.valid_as_of,
            plans=asked.plans,
            today=self._today,
        )
        #: What happened later may say that something never counted on the day that is shown.
        self._graded = None if asked.valid_as_of is None else Graded(asked.entity)
        #: The last event that it took and that the reader may see; 0 before the first.
        self.position = 0
        #: The positions that were left out, of those that the reader may see.
        self.left_out: list[int] = []

    @property
    def profile(self) -> CreditProfile:
        """The profile as far as it was replayed."""
        return self._following.profile

    def document(self) -> dict[str, Any]:
        """The document of the profile as it was replayed.

        The public is shown of another day what it may see now.
        """
        asked = self._asked
        document = render(
            self.profile,
            asked.audience,
            self._law,
            on=asked.valid_as_of,
            plans=asked.plans,
            today=self._today,
        )
        if self._other_regimes():
            _rebound(document, self.profile, self._law)
        if asked.audience == "public" and (asked.valid_as_of or asked.known_as_of):
            return as_shown_now(document, self._source, asked.entity, asked.plans, self._today)
        return document

    def _other_regimes(self) -> bool:
        """Whether a version of what bounds publicity is left out."""
        asked = self._asked
        if not any(isinstance(one, int) for one in asked.without):
            return False
        adopted = law_as_of(self._source, asked.to_position, asked.known_as_of)
        return any(adopted(key) != self._law(key) for key in REGIMES)

    @property
    def draw_ratio(self) -> str | None:
        """The share of businesses of its grade that a draw takes on the day that is shown."""
        day = self._asked.valid_as_of or self._today or self.profile.seen_on
        return self._law.draw_ratio(self.profile.grade(day), day)

    def __iter__(self) -> Iterator[Step]:
        asked = self._asked
        selector = self.profile.selector()
        # An event is seen through its corrections, which come after it.
        corrections = list(
            self._source.each([Selector((RecordCorrected.TOPIC,), selector.tags)], self._head)
        )
        known = [r for r in corrections if self._knows(r)]
        changes = changes_of(r for r in known if not _named(r, asked.without))
        seen = _corrections(r for r in known if asked.may_see(r))
        nothing = not asked.hypothetical
        for record in self._source.each([selector], self._head):
            nothing = nothing and isinstance(record.event, RecordCorrected)
            if not self._knows(record):
                continue
            if _named(record, asked.without):
                if asked.may_see(record):
                    self.left_out.append(record.position)
                continue
            yield from self._take(as_changed(record, changes), seen)
        if nothing:
            raise NothingKnown(f"nothing is recorded of {asked.entity}")
        for one in asked.hypothetical:
            budget.check()
            yield from self._take(imagined(one), seen)
        if self._graded is not None:
            self.profile.graded = self._graded

    def _knows(self, record: Recorded) -> bool:
        known_as_of = self._asked.known_as_of
        return known_as_of is None or record.envelope.known_at <= known_as_of

    def _take(self, record: Recorded, corrections: dict[UUID, list[int]]) -> Iterator[Step]:
        asked = self._asked
        if asked.valid_as_of is not None and self._graded is not None:
            self._graded.take(record)
            if valid_from(record) > asked.valid_as_of:
                return
        seen = not record.position or asked.may_see(record)
        if seen:
            self.position = max(self.position, record.position)
        if isinstance(record.event, RecordCorrected):
            return
        if not self._steps:
            self.profile.take(record)
            return
        changed = self._following.take(record)
        if seen:
            yield _step(record, changed, corrections)


def replay(recorder: Recorder | Source, entity: str, *, steps: bool = True, **how: Any) -> Replayed:
    """The profile of a business as it was, as it was known, or as it would be: see ``Asked``.

    Raises ``NothingKnown`` if the ledger holds nothing about the business at all.
    """
    source = recorder if isinstance(recorder, Source) else Source(recorder)
    replaying = Replaying(source, Asked(entity, **how), steps=steps)
    taken = list(replaying)
    return Replayed(
        replaying.profile,
        replaying.document(),
        replaying.position,
        taken,
        replaying.left_out,
        replaying.draw_ratio,
    )


def _rebound(document: dict[str, Any], profile: CreditProfile, law: Law) -> None:
    """Let the records of a document have the last days that the regimes of ``law`` give them.

    What was recorded of them follows from the versions that were in force.
    """
    for said in document.get("records", ()):
        entry = profile.records[said["record"]]
        publicity = said.get("publicity")
        if publicity is None or entry.max_until is None or entry.said is None:
            continue
        said["publicity"] = dict(publicity)
        bounds = reckon(entry.said, entry.channels, law).bounds
        for name, day in zip(("min_until", "max_until"), bounds, strict=True):
            if day is not None:
                said["publicity"][name] = day
            else:
                said["publicity"].pop(name, None)


def as_shown_now(
    document: dict[str, Any], source: Source, entity: str, plans: str, today: date | None
) -> dict[str, Any]:
    """What of a document of another day may be shown to the public now, and as it now reads."""
    blank = CreditProfile(entity)
    profile = blank.over(source.records([blank.selector()]))
    now = render(profile, "public", law_as_of(source, None), plans=plans, today=today)
    kept = dict(document)
    for name, items in document.items():
        if isinstance(items, list):
            shown = by_name(now.get(name, [])) or {}
            then = by_name(items) or {}
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
    if isinstance(record.event, EntityReentered) and record.event.annuls is not None:
        return record.event.annuls
    return record.occurred_on


def grades_of(source: Source, entity: str) -> Graded:
    """What is known of the grades of a business."""
    blank = Graded(entity)
    return blank.over(source.records([blank.selector()]))


def as_if_repaired(
    source: Source, entity: str, record: str, on: date, graded: Graded | None = None
) -> list[Hypothetical]:
    """What would follow if a credit record had been repaired on a day.

    With the record ends what rests on it: sanctions that are alive, its listing, and grades;
    ``graded`` saves reading them for each of several records. Raises ``NothingKnown`` if the
    business has no such record.
    """
    known = CreditProfile(entity)
    # Whatever happens to a record or rests on it names it.
    of_record = Selector(known.selector().topics, (f"record:{record}", f"entity:{entity}"))
    known.over(source.records([of_record]))
    entry, standing = known.records.get(record), known.standing or Standing()
    if entry is None or not entry.kind:
        raise NothingKnown(f"{entity} has no credit record {record}")
    graded = graded or grades_of(source, entity)
    names: dict[str, Any] = {"record": record, "entity": entity}
    events: list[Event] = [
        PublicityTerminated(**names, unit=entry.unit, reason="repaired", terminated_on=on)
    ]
    events += graded.following(events, on)
    events += [
        SanctionLifted(**names, sanction=name, unit=one.unit, reason="repaired", lifted_on=on)
        for name, one in standing.sanctions.items()
        if one.alive and one.record == record
    ]
    listing = standing.listings.get(record)
    if listing is not None and listing.added is not None and listing.stands:
        events.append(
            SeriousListRemoved(
                **names,
                determination=listing.added.determination,
                unit=listing.unit,
                list_field=listing.list_field,
                reason="repaired",
                removed_on=on,
            )
        )
    return [Hypothetical(event, on) for event in events]


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


def imagined(one: Hypothetical) -> Recorded:
    """A fact that never happened, as a record at position 0."""
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
        opening=record.opening,
    )
