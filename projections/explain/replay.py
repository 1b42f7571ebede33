"""Replays (复盘): the profile of one business derived again from the ledger, step by step.

A replay can stop at a position, show what was true on one day as known on another, leave facts out,
and add imagined facts. It reads the ledger and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
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
from ledger.kernel.messages import Told
from ledger.kernel.policies import PolicyVersions
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
    PUBLIC,
    RESTRICTED,
    Change,
    CreditProfile,
    Following,
    Sight,
    by_name,
    law_as_of,
    render,
)
from projections.profiles.law import REGIMES, Law
from projections.profiles.standing import Standing
from projections.source import Recorder, Source
from projections.systems.graded import Graded

#: The actor of imagined facts.
_NOBODY = Actor(unit_id="", person_id="", role="")
_NO_ID = UUID(int=0)


class Hypothetical(msgspec.Struct, frozen=True):
    """An imagined fact, as if it had happened on a day; a replay takes it after all real facts."""

    event: Event
    on: date


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event of a replay: its changes to the profile, its legal basis and policy versions.

    ``position`` is 0 for an imagined fact. ``corrected_by``: the positions of the corrections
    applied to the event. ``rule_id``: the rule of a finding. ``opening``: for an opening fact taken
    on from an older system, the day of the takeover.
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
    """The result of a replay. ``position``: that of the last event taken, 0 if none."""

    profile: CreditProfile
    document: dict[str, Any]
    position: int
    steps: list[Step]
    left_out: list[int]
    #: The share of the businesses of this grade that a draw takes.
    draw_ratio: str | None = None


class NothingKnown(Told, LookupError):
    """Nothing is recorded about the business."""


class Asked(msgspec.Struct, frozen=True):
    """The parameters of a replay.

    ``valid_as_of``: only facts valid by the end of that day; a grade is valid from the day it was
    assessed for. ``known_as_of``: only facts known by then, including corrections; imported facts
    are known from when their source knew. ``to_position``: only events up to this position.
    ``without``: positions to leave out, and credit records to leave out with everything about them.
    ``newest``: policies of which a version is taken as the newest one, without an end.
    Without any of these, the document equals that of the view.

    The grade of a day and everything that depends on it are derived from all known facts. Without
    ``valid_as_of``, the day is ``today`` or the day of an imagined fact, whichever is later.

    An event that the reader may not see makes no step, is not listed as left out and does not move
    the position. The document shows such events as the view does, with the planned visits that
    ``sight`` counts.
    """

    entity: str
    valid_as_of: date | None = None
    known_as_of: datetime | None = None
    to_position: int | None = None
    without: Collection[int | str] = ()
    newest: Mapping[str, int] = {}
    hypothetical: Sequence[Hypothetical] = ()
    sight: Sight = RESTRICTED
    may_see: Callable[[Recorded], bool] = lambda record: True
    today: date | None = None


class Replaying:
    """A replay in progress: iterate over it for its steps, then read its results.

    It reads the ledger while it iterates, up to the head at its start, and keeps no event in
    memory. The cost of a step depends on what its event changes. The iteration ends with
    ``NothingKnown`` if the ledger holds nothing about the business.
    """

    def __init__(self, source: Source, asked: Asked, *, steps: bool = True) -> None:
        self._asked = asked
        self._source = source
        self._steps = steps
        self._head = source.head() if asked.to_position is None else asked.to_position
        self._law = law_as_of(
            source, asked.to_position, asked.known_as_of, asked.without, asked.newest
        )
        days = [imagined_fact.on for imagined_fact in asked.hypothetical]
        days += [] if asked.today is None else [asked.today]
        self._today = max(days, default=None)
        self._following = Following(
            asked.entity,
            asked.sight,
            self._law,
            on=asked.valid_as_of,
            today=self._today,
        )
        #: Later events may revoke what counted on the shown day, so this fold takes them, too.
        self._graded = None if asked.valid_as_of is None else Graded(asked.entity)
        #: The position of the last event taken that the reader may see; 0 before the first.
        self.position = 0
        #: The positions that were left out and that the reader may see.
        self.left_out: list[int] = []

    @property
    def profile(self) -> CreditProfile:
        """The profile replayed so far."""
        return self._following.profile

    def document(self) -> dict[str, Any]:
        """Return the document of the replayed profile.

        For another day, the public is shown only what it may see now.
        """
        asked = self._asked
        document = render(
            self.profile,
            asked.sight,
            self._law,
            on=asked.valid_as_of,
            today=self._today,
        )
        if self._other_regimes():
            _rebound(document, self.profile, self._law)
        if asked.sight.audience == "public" and (asked.valid_as_of or asked.known_as_of):
            return as_shown_now(document, self._source, asked.entity, self._today)
        return document

    def _other_regimes(self) -> bool:
        """Return whether other versions than the adopted ones bound publicity."""
        asked = self._asked
        if not asked.newest and not any(isinstance(left_out, int) for left_out in asked.without):
            return False
        adopted = law_as_of(self._source, asked.to_position, asked.known_as_of)
        return any(adopted(key) != self._law(key) for key in REGIMES)

    @property
    def draw_ratio(self) -> str | None:
        """The share of the businesses of its grade that a draw takes on the shown day."""
        day = self._asked.valid_as_of or self._today or self.profile.seen_on
        return self._law.draw_ratio(self.profile.grade(day), day)

    def __iter__(self) -> Iterator[Step]:
        asked = self._asked
        selector = self.profile.selector()
        # Corrections come after the event that they change, so they are read first.
        corrections = list(
            self._source.each([Selector((RecordCorrected.TOPIC,), selector.tags)], self._head)
        )
        known = [r for r in corrections if self._knows(r)]
        changes = changes_of(r for r in known if not _named(r, asked.without))
        seen = _corrections(r for r in known if asked.may_see(r))
        is_unknown = not asked.hypothetical
        for record in self._source.each([selector], self._head):
            is_unknown = is_unknown and isinstance(record.event, RecordCorrected)
            if not self._knows(record):
                continue
            if _named(record, asked.without):
                if asked.may_see(record):
                    self.left_out.append(record.position)
                continue
            yield from self._take(as_changed(record, changes), seen)
        if is_unknown:
            raise NothingKnown("replays.nothing-recorded-of", entity=asked.entity)
        for imagined_fact in asked.hypothetical:
            budget.check()
            yield from self._take(imagined(imagined_fact), seen)
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
    """Replay the profile of a business: as it was, as it was known, or as it would be.

    ``how`` are the parameters of ``Asked``. Raises ``NothingKnown`` if the ledger holds nothing
    about the business.
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
    """Set the publicity bounds of a document's records to those that ``law`` gives.

    The recorded bounds follow from the versions that were in force at the time.
    """
    for shown in document.get("records", ()):
        entry = profile.records[shown["record"]]
        publicity = shown.get("publicity")
        if publicity is None or entry.max_until is None or entry.said is None:
            continue
        shown["publicity"] = dict(publicity)
        bounds = reckon(entry.said, entry.channels, law).bounds
        for name, day in zip(("min_until", "max_until"), bounds, strict=True):
            if day is not None:
                shown["publicity"][name] = day
            else:
                shown["publicity"].pop(name, None)


def as_shown_now(
    document: dict[str, Any], source: Source, entity: str, today: date | None
) -> dict[str, Any]:
    """Return the part of another day's document that the public may see now, as it reads now."""
    blank = CreditProfile(entity)
    profile = blank.over(source.records([blank.selector()]))
    now = render(profile, PUBLIC, law_as_of(source, None), today=today)
    kept = dict(document)
    for name, items in document.items():
        if isinstance(items, list):
            shown = by_name(now.get(name, [])) or {}
            then = by_name(items) or {}
            # Commitments are shown as of that day: how far each was kept by then.
            source_of = then if name == "commitments" else shown
            kept[name] = [source_of[key] for key in then if key in shown]
    return {name: items for name, items in kept.items() if name in now}


def valid_from(record: Recorded) -> date:
    """Return the day from which a fact is valid: the day it names, or else when it happened."""
    if isinstance(record.event, CreditGradeAssigned):
        return record.event.assessed_on
    if isinstance(record.event, CreditRecordAltered | PublicityBoundsMoved):
        return record.event.valid_from
    if isinstance(record.event, EntityReentered) and record.event.annuls is not None:
        return record.event.annuls
    return record.occurred_on


def grades_of(source: Source, entity: str) -> Graded:
    """Return the fold of the grades of a business at the head of the ledger."""
    blank = Graded(entity)
    return blank.over(source.records([blank.selector()]))


def require_version(source: Source, key: str, version: int) -> None:
    """Raise ``NothingKnown`` if a policy has no such version."""
    policy = PolicyVersions(key)
    policy.over(source.records([policy.selector()]))
    if all(adopted.version != version for adopted in policy.versions):
        raise NothingKnown("replays.no-policy-version", key=key, version=version)


def as_if_repaired(
    source: Source, entity: str, record: str, on: date, graded: Graded | None = None
) -> list[Hypothetical]:
    """Return the imagined facts that would follow from the repair of a credit record on a day.

    Everything that rests on the record ends with it: active sanctions, its listing, and grades.
    ``graded`` saves reading the grades again for each of several records. Raises ``NothingKnown``
    if the business has no such record.
    """
    known = CreditProfile(entity)
    # All events about a record, or about what rests on it, name the record.
    of_record = Selector(known.selector().topics, (f"record:{record}", f"entity:{entity}"))
    known.over(source.records([of_record]))
    entry, standing = known.records.get(record), known.standing or Standing()
    if entry is None or not entry.kind:
        raise NothingKnown("replays.no-credit-record", entity=entity, record=record)
    graded = graded or grades_of(source, entity)
    names: dict[str, Any] = {"record": record, "entity": entity}
    events: list[Event] = [
        PublicityTerminated(**names, unit=entry.unit, reason="repaired", terminated_on=on)
    ]
    events += graded.following(events, on)
    events += [
        SanctionLifted(**names, sanction=name, unit=sanction.unit, reason="repaired", lifted_on=on)
        for name, sanction in standing.sanctions.items()
        if sanction.alive and sanction.record == record
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
    """Return whether ``without`` leaves out a record, directly or as a correction of one."""
    if not without:
        return False
    event = record.event
    if record.position in without or getattr(event, "record", None) in without:
        return True
    if isinstance(event, CreditGradeAssigned) and event.source == "local_rule":
        # This assessment announces a derived grade, which the replay derives itself.
        return any(factor.record in without for factor in event.factors)
    if isinstance(event, RecordCorrected):
        return event.target_position in without or any(
            tag.removeprefix("record:") in without
            for tag in event.subjects
            if tag.startswith("record:")
        )
    return False


def imagined(fact: Hypothetical) -> Recorded:
    """Return an imagined fact as a record at position 0."""
    moment = civil_moment(fact.on, 12)
    return Recorded(
        0,
        Envelope(
            event_id=_NO_ID,
            type=fact.event.TOPIC,
            schema_version=fact.event.VERSION,
            occurred_at=moment,
            recorded_at=moment,
            actor=_NOBODY,
            correlation_id=_NO_ID,
            command_id="",
            visibility=fact.event.visibility(),
        ),
        fact.event,
    )


def _corrections(known: Iterable[Recorded]) -> dict[UUID, list[int]]:
    positions: dict[UUID, list[int]] = {}
    for record in known:
        if isinstance(record.event, RecordCorrected):
            positions.setdefault(record.event.target_event_id, []).append(record.position)
    return positions


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
