"""A command drafted from the book: what a step gives, and the rest from the types of its fields."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect

from ledger.kernel import Command
from tests.sequences.book import Book, Thing
from tests.sequences.town import BUSINESSES, UNITS, Town

T = TypeVar("T")

#: A number without a limit of its own.
_SMALL = (1, 5)


class NotNow(Exception):
    """The book has nothing from which the command could be drafted."""


class Draft:
    """What a step sees while it drafts one command: the book, the day, and the dice.

    ``thing`` is the subject that the step continues, if it continues one; ``unit`` the unit whose
    people act: the subject's, or one at random.
    """

    def __init__(self, town: Town, dice: random.Random, thing: Thing | None, new: str = "") -> None:
        self.town = town
        self.dice = dice
        self._thing = thing
        self._new = new
        own = None if thing is None else thing.get("unit")
        self.unit: str = own if own is not None else dice.choice(UNITS)
        #: What was drafted so far, by field.
        self.body: dict[str, Any] = {}

    @property
    def thing(self) -> Thing:
        assert self._thing is not None, "this step continues nothing"
        return self._thing

    @property
    def book(self) -> Book:
        return self.town.book

    @property
    def now(self) -> datetime:
        return self.town.now

    @property
    def today(self) -> date:
        return self.town.today

    def day(self, days: int) -> date:
        """Some days from today, before today if negative."""
        return self.today + timedelta(days=days)

    def chance(self, of: float) -> bool:
        return self.dice.random() < of

    def pick(self, choices: Iterable[T]) -> T:
        """One of these; ``NotNow`` where there is none."""
        # Sets have another order in every process, and a walk is to be named by its seed.
        found = sorted(choices) if isinstance(choices, set) else list(choices)  # type: ignore[type-var]
        if not found:
            raise NotNow
        return self.dice.choice(found)

    def few(self, choices: Sequence[T], most: int = 2) -> list[T]:
        """One or more of these, each once."""
        if not choices:
            raise NotNow
        return self.dice.sample(list(choices), self.dice.randint(1, min(most, len(choices))))

    def some(
        self,
        kind: str,
        after: str = "",
        before: str = "",
        when: Callable[[Thing], object] = lambda thing: True,
        **fields: Any,
    ) -> Thing:
        """A subject of a kind with this past and these fields; ``NotNow`` where there is none."""
        return self.pick(
            thing
            for thing in self.book.of(kind, after, before)
            if all(thing.get(name) == value for name, value in fields.items()) and when(thing)
        )

    def business(self) -> str:
        return self.dice.choice(BUSINESSES)

    def name(self, prefix: str) -> str:
        return self.town.name(prefix)

    def digest(self) -> str:
        return f"{self.dice.getrandbits(256):064x}"

    def command(self, kind: type[Command], given: Mapping[str, Any]) -> Command:
        """A command of this type; ``given`` holds values, or functions of this draft."""
        self.body = {}
        # Who acts comes first: other fields are drawn among what is the unit's.
        for name in sorted(given, key=lambda name: name != "unit"):
            value = given[name]
            value = value(self) if callable(value) else value
            self.body[name] = value
            if name == "unit" and isinstance(value, str):
                self.unit = value
        for field in _fields(kind):
            if field.required and field.name not in self.body:
                self.body[field.name] = self._value(field.name, field.type)
        return cast("Command", msgspec.convert(self.body, kind))

    def _value(self, name: str, info: inspect.Type) -> Any:
        """A value of a type. Ids come from the subject, else from the book."""
        if isinstance(info, inspect.Metadata):
            extra = info.extra or {}
            if extra.get("subject"):
                return self._id(name, extra["subject"])
            return self._value(name, info.type)
        if isinstance(info, inspect.UnionType):
            return self._value(name, info.types[0])
        if isinstance(info, inspect.LiteralType):
            return self.dice.choice(info.values)
        if isinstance(info, inspect.StrType):
            return self.digest() if info.pattern and "[0-9a-f]{64}" in info.pattern else "说明"
        if isinstance(info, inspect.IntType):
            low = _SMALL[0] if info.ge is None else info.ge
            return self.dice.randint(low, low + 4 if info.le is None else info.le)
        if isinstance(info, inspect.BoolType):
            return self.chance(0.5)
        if isinstance(info, inspect.DateType):
            return self.today
        if isinstance(info, inspect.DateTimeType):
            return self.now
        if isinstance(info, inspect.VarTupleType):
            return [self._value(name, info.item_type)]
        if isinstance(info, inspect.StructType):
            return {f.name: self._value(f.name, f.type) for f in info.fields if f.required}
        raise TypeError(f"no value for {name}: {info}")

    def _id(self, name: str, kind: str) -> str:
        if kind == self._new:
            return self.name(kind)
        if kind == "unit" and name == "unit":
            return self.unit
        if self._thing is not None:
            if self._thing.kind == kind:
                return self._thing.id
            known = self._thing.get(name)
            if isinstance(known, str):
                return known
        if kind == "entity":
            return self.business()
        return self.some(kind).id


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return info.fields
