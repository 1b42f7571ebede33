"""What a refusal tells: the same command decided again without what its sender may not read.

A sender who may not see a fact gets the answer that would be given without it (2.17). So a
command that was refused is decided twice more on what is recorded: as its sender sends it, and on
a ledger that lacks every event that the sender may not read. The two answers must be the same, but
for the rules in ``ledger.telling.TOLD``, which say that they tell and name nothing. The same is
asked for neighbours: people of another unit who send that command.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from msgspec.structs import replace

from ledger.general.audiences import UNIT_BOUND, audiences_of_sender, knowers_of
from ledger.kernel import (
    Actor,
    Command,
    Context,
    Event,
    Fact,
    Fold,
    Inquiry,
    NotRecorded,
    OutOfStep,
    Recorded,
    Refusal,
    Unavailable,
    codec,
)
from ledger.kernel.memory import Kept, Witnesses
from ledger.kernel.messages import in_words
from ledger.kernel.subjects import hideable, main_subject
from ledger.registry import COMMANDS, Entry
from ledger.telling import NAMED, TOLD

F = TypeVar("F", bound=Fold)

#: What is recorded, decoded once: position, tags, record.
Past = list[tuple[int, frozenset[str], Recorded]]

#: Their unit is in most scenarios, and seldom the one whose facts they are about.
_NEIGHBOUR = "EMB"
_OFFICES = {"credit_officer": "EDB", "recon_officer": "RECON", "rlo_assessor": "RLO"}
_ROLES = ("unit_head", "enforcement_officer", *_OFFICES)


@cache
def _entries() -> dict[type[Command], Entry]:
    return {entry.command: entry for entry in COMMANDS}


class Seen:
    """The past as a reading asks for it: all of it, or what one sender may know."""

    def __init__(self, past: Past) -> None:
        self._by_tag: dict[str, Past] = defaultdict(list)
        self._all = past
        self._positions = {position: record for position, _, record in past}
        self.hidden: set[str] = set()
        for position, tags, record in past:
            for tag in tags:
                self._by_tag[tag].append((position, tags, record))
        self._knowers = _knowers(past)

    def without(self, audiences: frozenset[str]) -> Seen:
        """The same for a sender of these audiences: itself where all of it may be known."""
        known: Past = []
        hidden: set[str] = set()
        for position, tags, record in self._all:
            if _hides(record, tags, audiences, self._knowers):
                hidden |= {tag for tag in tags if hideable(tag)}
            else:
                known.append((position, tags, record))
        if len(known) == len(self._all):
            return self
        seen = Seen(known)
        seen._positions, seen.hidden = self._positions, hidden
        return seen

    def kept(self, fold: Fold) -> Kept:
        """A fold over what is there, and who may know of its first subject."""
        selector = fold.selector()
        first = selector.tags[0] if selector.tags else None
        found = self._all if first is None else self._by_tag.get(first, [])
        records = [
            record
            for _, tags, record in found
            if tags.issuperset(selector.tags)
            and (not selector.topics or record.envelope.type in selector.topics)
        ]
        audiences = set(self._knowers[first]) if first is not None and hideable(first) else None
        if isinstance(fold, Witnesses):
            return Kept(selector, fold, audiences, fold.question())
        return Kept(selector, fold.over(records), audiences, fold.question())

    def fold(self, fold: F) -> F:
        """A fold over what is there."""
        return self.kept(fold).fold  # type: ignore[return-value]

    def fold_all(self, folds: Iterable[Fold]) -> None:
        """Nothing has to be ready."""

    def record_at(self, position: int) -> Recorded | None:
        """The record at a position: that something was recorded, and when, is no secret."""
        return self._positions.get(position)

    def audiences_of(self, record: Recorded) -> Iterable[str]:
        """Who may know of a record."""
        return knowers_of(record, record.event.tags())


def _knowers(past: Past) -> dict[str, set[str]]:
    """Who may know of each subject, by the events that are about it."""
    found: dict[str, set[str]] = defaultdict(set)
    for _, tags, record in past:
        subject = main_subject(record.event)
        if subject is not None:
            found[subject].update(knowers_of(record, tags), record.event.known_to())
    return found


def _hides(
    record: Recorded, tags: frozenset[str], audiences: frozenset[str], knowers: dict[str, set[str]]
) -> bool:
    """Whether a sender may know neither of an event nor of what it is about."""
    if not audiences.isdisjoint({*knowers_of(record, tags), *record.event.known_to()}):
        return False
    subject = main_subject(record.event)
    if subject is not None and hideable(subject):
        return audiences.isdisjoint(knowers[subject])
    return record.envelope.visibility == "sealed"


def past_of(recorder: Any) -> Past:
    """Everything recorded."""
    return [
        (at.position, frozenset(at.event.tags), codec.decode(at.position, at.event.data))
        for at in recorder.read()
    ]


class Telling(AssertionError):
    """A refusal tells what its sender may not read."""


def require_tells_nothing(recorder: Any, command: Command, actor: Actor, now: datetime) -> None:
    """Raise ``Telling`` if what refuses a command, sent by the actor or a neighbour, is hidden."""
    entry = _entries().get(type(command))
    if entry is None or actor.role == "subscriber_system":
        return  # what a partner's system may read follows from its subscriptions
    whole = Seen(past_of(recorder))
    for sent, sender in _senders(entry, command, actor):
        entity = getattr(command, "entity", None) if sender.role == "entity_rep" else None
        audiences = audiences_of_sender(sender.role, sender.unit_id, sender.person_id, entity)
        if audiences is None:
            continue
        context = Context(sender, "0" * 32, UUID(int=0), audiences=audiences)
        answer = _answer(whole, sent, context, now)
        if not isinstance(answer, NotRecorded) or isinstance(answer, Unavailable):
            continue  # the service prepared it, and prepares it anew
        without = whole.without(audiences)
        if without is whole:
            continue
        other = _answer(without, sent, context, now)
        if str(answer) != str(other):
            _require_told(answer, other, sent, sender, without.hidden)


def _require_told(
    answer: NotRecorded, other: object, command: Command, sender: Actor, hidden: set[str]
) -> None:
    who = (
        f"{sender.unit_id} ({sender.role}) sends {command} and is answered: {answer}; without what "
        f"they may not read: {other}"
    )
    if isinstance(answer, OutOfStep) and answer.taken:
        return
    if "joint" in TOLD and getattr(command, "joint", None) is not None:
        return
    if not (isinstance(answer, Refusal) and answer.told and answer.rule.id in TOLD):
        raise Telling(who)
    said = f"{answer} {answer.hint} {in_words(answer.details, 'en')}"
    sent = msgspec.json.encode(command).decode()
    names = {tag.partition(":")[2] for tag in hidden}
    named = {name for name in names if name in said and name not in sent}
    if named and answer.rule.id not in NAMED:
        raise Telling(f"{who}, which names {sorted(named)}")


def _senders(entry: Entry, command: Command, actor: Actor) -> Iterator[tuple[Command, Actor]]:
    """The command as it was sent, and as neighbours send it: for their own unit."""
    if actor.role in entry.roles:
        yield command, actor
    of_units = 0
    for role in _ROLES:
        bound = role in UNIT_BOUND
        if role not in entry.roles or (bound and (of_units or actor.unit_id == _NEIGHBOUR)):
            continue
        of_units += bound
        unit = _NEIGHBOUR if bound else _OFFICES[role]
        own = bound and getattr(command, "unit", None) is not None
        changed = replace(command, unit=unit) if own else command
        yield changed, Actor(unit_id=unit, person_id="NEIGHBOUR-1", role=role)


def _answer(
    past: Seen, command: Command, context: Context, now: datetime
) -> NotRecorded | list[Event]:
    try:
        reading = Inquiry(past, command, context, now)
        facts = [f if isinstance(f, Fact) else Fact(f) for f in command.decide(reading)]
    except NotRecorded as error:
        return error
    except (AssertionError, LookupError, TypeError):
        # Scenarios record what no command would: without a part of it some commands fail.
        return NotRecorded("fails")
    return [fact.event for fact in facts]
