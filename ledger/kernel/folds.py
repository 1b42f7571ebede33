"""Folds: questions about the past with one answer.

A fold is a struct. Its fields without a default are the *subject* of the question; its fields with
a default are the answer as it stands before anything happened. Methods named ``on_…`` are the
reducers: the annotation of their first parameter is the event type (or a union of types) that
they take; one with a second parameter receives the whole ``Recorded`` there.

An event may name subjects of one kind in several fields: a draw and the one that it replaces, a
unit and the one that entrusted it. A fold takes only those that name its subject in the field of
the same name; one that asks about any mention says so (``ANY_MENTION``).

Reducers are pure and must give the same answer for late facts: where order in time matters they
compare dates, not arrival.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cache
from typing import Any, ClassVar, Self, TypeVar

import msgspec

from ledger.kernel import budget
from ledger.kernel.corrections import RecordCorrected, as_corrected
from ledger.kernel.events import Event, Recorded
from ledger.kernel.subjects import make_tag, names_twice, subject_fields

V = TypeVar("V")

Reducer = Callable[[Any, Recorded], None]


class Selector(msgspec.Struct, frozen=True, gc=False):
    """What a fold reads: events of any of ``topics`` that carry all of ``tags``."""

    topics: tuple[str, ...]
    tags: tuple[str, ...]


class Fold(msgspec.Struct, gc=False):
    """A question about a subject, answered by walking events in order."""

    #: Whether events count that name the subject in another field than the one named like it.
    ANY_MENTION: ClassVar[bool] = False

    def question(self) -> Hashable:
        """What makes two questions the same: the class and the subject."""
        return (type(self), *(getattr(self, name) for name in _subject(type(self))))

    def blank(self) -> Self:
        """The same question before anything happened."""
        return type(self)(**{name: getattr(self, name) for name in _subject(type(self))})

    def selector(self) -> Selector:
        """The events that can change the answer: what a command that reads this depends on.

        Tags stand in the order of the fields: declare the rarest subject first.
        """
        cls = type(self)
        tags = [
            make_tag(kind, value)
            for name, kind in subject_fields(cls)
            if name in _subject(cls) and (value := getattr(self, name)) is not None
        ]
        return Selector(topics_of(cls), tuple(tags))

    def take(self, record: Recorded) -> None:
        """Let one event change the answer."""
        reducer = reducers_of(type(self)).get(type(record.event))
        if reducer is not None:
            reducer(self, record)

    def over(self, records: Sequence[Recorded]) -> Self:
        """Take ``records``, in order and as corrected, and return self."""
        for record in as_corrected(records):
            budget.check()  # an answer may grow with every event that it takes
            self.take(record)
        return self


class SubjectFold(Fold):
    """A question about a subject that begins with a record: what it is, once it has begun."""

    #: The field that is blank until the record that begins the subject.
    BEGUN: ClassVar[str]

    @property
    def exists(self) -> bool:
        """Whether the subject has begun."""
        return bool(getattr(self, self.BEGUN))

    def since_begun(self, answer: V | None) -> V:
        """An answer that the subject has from its beginning on. Raises ``LookupError`` before."""
        if answer is None:
            raise LookupError(f"{type(self).__name__} is asked before its subject has begun")
        return answer

    @property
    def owner(self) -> str:
        """The unit whose subject it is: what its field ``unit`` says, unless the fold differs."""
        unit: str = getattr(self, "unit")  # noqa: B009 - a field of the subclass
        return unit


@cache
def _subject(cls: type[Fold]) -> tuple[str, ...]:
    required = len(cls.__struct_fields__) - len(cls.__struct_defaults__)
    return cls.__struct_fields__[:required]


@cache
def topics_of(cls: type[Fold]) -> tuple[str, ...]:
    """The stored types that a fold reads, corrections included."""
    topics = {event.TOPIC for event in reducers_of(cls)} - {RecordCorrected.TOPIC}
    return (*sorted(topics), RecordCorrected.TOPIC)


@cache
def reducers_of(cls: type[Fold]) -> dict[type[Event], Reducer]:
    """The reducers of a fold by event type. Raises ``TypeError`` for one that could never fire."""
    found: dict[type[Event], Reducer] = {}
    for name in dir(cls):
        if not name.startswith("on_"):
            continue
        method = getattr(cls, name)
        parameters = list(inspect.signature(method).parameters)
        hint = typing.get_type_hints(method)[parameters[1]]
        events = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        for event in events:
            if not (isinstance(event, type) and issubclass(event, Event)):
                raise TypeError(f"{cls.__name__}.{name}: {event} is no event type")
            if event in found:
                raise TypeError(f"{cls.__name__} reduces {event.__name__} twice")
            reducer = _whole(method) if len(parameters) > 2 else _bare(method)
            found[event] = _own(reducer, cls, event)
    return found


def _own(reducer: Reducer, cls: type[Fold], event: type[Event]) -> Reducer:
    """The reducer, kept from events that are about another subject and only mention this one."""
    if cls.ANY_MENTION:
        return reducer
    same = set(subject_fields(cls)) & set(subject_fields(event))
    names = [n for n, kind in same if n in _subject(cls) and names_twice(event, kind)]
    if not names:
        return reducer

    def take(fold: Any, record: Recorded) -> None:
        if all(getattr(record.event, name) == getattr(fold, name) for name in names):
            reducer(fold, record)

    return take


def _bare(method: Callable[[Any, Event], None]) -> Reducer:
    return lambda fold, record: method(fold, record.event)


def _whole(method: Callable[[Any, Event, Recorded], None]) -> Reducer:
    return lambda fold, record: method(fold, record.event, record)


def known_folds() -> Iterable[type[Fold]]:
    """Every fold class of the program."""
    waiting = list(Fold.__subclasses__())
    while waiting:
        cls = waiting.pop()
        waiting.extend(cls.__subclasses__())
        yield cls
