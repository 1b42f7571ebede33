"""Folds: questions about the past with one answer.

A fold is a struct. Its fields without a default are the *subject* of the question; its fields with
a default are the answer before any event. Methods named ``on_…`` are the reducers: the annotation
of the first parameter is the event type (or a union of types) that the reducer takes; a second
parameter receives the whole ``Recorded``.

An event may name subjects of one kind in several fields: a draw and the draw that it replaces, a
unit and the unit that entrusted it. A fold takes an event only if the field of the same name names
its subject; a fold that takes any mention sets ``ANY_MENTION``.

Reducers depend only on their arguments. Facts may arrive late, so a reducer to which order matters
compares dates, and not the order of arrival.
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
    """Selects the events of any of ``topics`` (of every topic if empty) that carry all ``tags``."""

    topics: tuple[str, ...]
    tags: tuple[str, ...]


class Fold(msgspec.Struct, gc=False):
    """A question about a subject, answered by taking events in order."""

    #: Whether to take events that name the subject in a field of another name.
    ANY_MENTION: ClassVar[bool] = False

    def question(self) -> Hashable:
        """Return the identity of the question: the class and the subject."""
        return (type(self), *(getattr(self, name) for name in _subject(type(self))))

    def blank(self) -> Self:
        """Return the same question with the answer before any event."""
        return type(self)(**{name: getattr(self, name) for name in _subject(type(self))})

    def selector(self) -> Selector:
        """Return the selector of the events that can change the answer.

        Tags are in the order of the fields, so declare the rarest subject first.
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
    """A question about a subject that begins with a record."""

    #: The field that is blank until the subject begins.
    BEGUN: ClassVar[str]

    @property
    def exists(self) -> bool:
        """Whether the subject has begun."""
        return bool(getattr(self, self.BEGUN))

    def since_begun(self, answer: V | None) -> V:
        """Return ``answer``, which a subject that has begun always has.

        Raises ``LookupError`` if the subject has not begun.
        """
        if answer is None:
            raise LookupError(f"{type(self).__name__} was asked before its subject had begun")
        return answer

    @property
    def owner(self) -> str:
        """The unit that the subject belongs to: by default that in the field ``unit``."""
        unit: str = getattr(self, "unit")  # noqa: B009 - a field of the subclass
        return unit


@cache
def _subject(cls: type[Fold]) -> tuple[str, ...]:
    required = len(cls.__struct_fields__) - len(cls.__struct_defaults__)
    return cls.__struct_fields__[:required]


@cache
def topics_of(cls: type[Fold]) -> tuple[str, ...]:
    """Return the topics that a fold reads, that of corrections included."""
    topics = {event.TOPIC for event in _methods_of(cls)} - {RecordCorrected.TOPIC}
    return (*sorted(topics), RecordCorrected.TOPIC)


@cache
def reducers_of(cls: type[Fold]) -> dict[type[Event], Reducer]:
    """Return the reducers of a fold by event type.

    Raises ``TypeError`` for a reducer that would never be called, or two for one event type.
    """
    return {event: _own(reducer, cls, event) for event, reducer in _methods_of(cls).items()}


@cache
def _methods_of(cls: type[Fold]) -> dict[type[Event], Reducer]:
    """Return the methods of a fold by event type, not yet limited to its own subject.

    A process asks every fold for its topics when it starts, and few for their reducers, which
    need the types of all fields of their events.
    """
    methods: dict[type[Event], Reducer] = {}
    for name in dir(cls):
        if not name.startswith("on_"):
            continue
        method = getattr(cls, name)
        parameters = list(inspect.signature(method).parameters)
        hint = typing.get_type_hints(method)[parameters[1]]
        events = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        for event in events:
            if not (isinstance(event, type) and issubclass(event, Event)):
                raise TypeError(f"{cls.__name__}.{name}: {event} is not an event type")
            if event in methods:
                raise TypeError(f"{cls.__name__} reduces {event.__name__} twice")
            methods[event] = _whole(method) if len(parameters) > 2 else _bare(method)
    return methods


def _own(reducer: Reducer, cls: type[Fold], event: type[Event]) -> Reducer:
    """Return the reducer, made to ignore events that only mention this fold's subject."""
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
    """Yield every fold class of the program."""
    waiting = list(Fold.__subclasses__())
    while waiting:
        cls = waiting.pop()
        waiting.extend(cls.__subclasses__())
        yield cls
