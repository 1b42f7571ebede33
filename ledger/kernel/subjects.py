"""Subjects: what an event is about, and the tags by which it is found again.

A *tag* is ``kind:id``. Nobody writes tags: they come from the types of an event's own fields, so
none can be forgotten, and a fold that asks about a subject cannot ask by another spelling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Annotated, Any

import msgspec
from msgspec import inspect

Extractor = Callable[[Any], Iterator[str]]

_IDENTIFIER = r"^\S(?:.{0,118}\S)?$"

#: Python's ``$`` lets a final newline pass, and ``MRB\n`` would be another unit than ``MRB``. This
#: end means the same to Python and to readers of the JSON Schema.
_END = r"(?![\s\S])"


def subject(
    kind: str,
    *,
    pattern: str = _IDENTIFIER,
    check: Callable[[str], None] | None = None,
    description: str | None = None,
    examples: list[str] | None = None,
    hideable: bool = True,
) -> msgspec.Meta:
    """Declare that a string names a subject of ``kind``.

    ``TaskId = Annotated[str, subject("task")]`` makes every field typed ``TaskId`` a tag
    ``task:<id>``. ``check`` refuses, with ``ValueError``, what a pattern cannot express (a check
    character); it runs when a command comes in and never when an event is read back. Declare a
    kind ``hideable=False`` if everybody may know all of its subjects: nobody then asks who may.
    """
    if not hideable:
        _OPEN_KINDS.add(kind)
    return msgspec.Meta(
        pattern=pattern.removesuffix("$") + _END if pattern.endswith("$") else pattern,
        min_length=1,
        max_length=120,
        description=description,
        examples=examples,
        extra={"subject": kind, "check": check},
    )


#: The kinds of which everybody may know every subject.
_OPEN_KINDS: set[str] = set()


#: A whole tag carried as a value, where the kind of subject is not known beforehand.
Tag = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z][a-z-]*:\S.*" + _END, max_length=160, extra={"subject": "", "check": None}
    ),
]


def make_tag(kind: str, value: str) -> str:
    """The tag of one subject; a kind of ``""`` marks a value that is a tag already."""
    return f"{kind}:{value}" if kind else value


@cache
def tag_extractor(cls: type[msgspec.Struct]) -> Callable[[Any], list[str]]:
    """A function that lists the tags of an instance of ``cls``, in field order, with repeats."""
    parts: list[tuple[str, str | None, bool, Extractor]] = []
    for field in _struct_type(cls).fields:
        extractor = _extractor(field.type)
        if extractor is not None:
            start, many = _plain(_without_none(field.type))
            parts.append((field.name, start, many, extractor))

    def tags(instance: Any) -> list[str]:
        # Every event that is recorded comes through here, and nearly all of its subjects are
        # plain fields or tuples of them.
        found: list[str] = []
        for name, start, many, extractor in parts:
            value = getattr(instance, name)
            if not value:
                continue
            if start is None:
                found += extractor(value)
            elif many:
                found += [start + one for one in value]
            else:
                found.append(start + value)
        return found

    return tags


def _plain(info: inspect.Type) -> tuple[str | None, bool]:
    """How the tags of a field begin, if it is a subject or (``True``) a tuple of them."""
    many = isinstance(info, inspect.VarTupleType)
    extra = _subject_extra(info.item_type if isinstance(info, inspect.VarTupleType) else info)
    return (None if extra is None else make_tag(extra["subject"], "")), many


@cache
def subject_fields(cls: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    """``(field, kind)`` for each field of ``cls`` that is itself one subject id."""
    found = []
    for field in _struct_type(cls).fields:
        extra = _subject_extra(_without_none(field.type))
        if extra is not None:
            found.append((field.name, extra["subject"]))
    return tuple(found)


def hideable(tag: str) -> bool:
    """Whether some readers may not know that the subject of this tag exists."""
    return tag.partition(":")[0] not in _OPEN_KINDS


def hideable_tags(instance: msgspec.Struct) -> Iterable[str]:
    """The tags of the hideable subjects that ``instance`` names, in nested structs as well."""
    fields = _hideable_fields(type(instance))
    if fields is None:
        return filter(hideable, tag_extractor(type(instance))(instance))
    return [start + value for name, start in fields if (value := getattr(instance, name))]


@cache
def _hideable_fields(cls: type[msgspec.Struct]) -> tuple[tuple[str, str], ...] | None:
    """The hideable subjects of ``cls`` and how their tags begin; ``None`` if some lie deeper.

    Every command that comes in is asked, and most name one or two in plain fields.
    """
    plain = dict(subject_fields(cls))
    if any(f.name not in plain and _extractor(f.type) for f in _struct_type(cls).fields):
        return None
    return tuple((f, make_tag(kind, "")) for f, kind in plain.items() if kind not in _OPEN_KINDS)


@cache
def main_field(cls: type[msgspec.Struct]) -> tuple[str, str] | None:
    """The field and kind of the subject that ``cls`` is about, where it is a hideable one.

    It is the first that is always there. The others are mentioned, perhaps by somebody who has
    only guessed at them.
    """
    required = {field.name for field in _struct_type(cls).fields if field.required}
    fields = ((f, k) for f, k in subject_fields(cls) if f in required and k not in _OPEN_KINDS)
    return next(fields, None)


def main_subject(instance: msgspec.Struct) -> str | None:
    """The tag of the hideable subject that ``instance`` is about, and does not only mention."""
    field = main_field(type(instance))
    return None if field is None else make_tag(field[1], getattr(instance, field[0]))


def check_subjects(instance: msgspec.Struct) -> None:
    """Run the checks of all subject ids that stand in ``instance``.

    Raises ``ValueError`` naming the field of the first id that fails.
    """
    for name, values in _checked_fields(type(instance)):
        for value, check in values(getattr(instance, name)):
            try:
                check(value)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None


Checks = Callable[[Any], Iterator[tuple[str, Callable[[str], None]]]]


@cache
def _checked_fields(cls: type[msgspec.Struct]) -> tuple[tuple[str, Checks], ...]:
    found = []
    for field in _struct_type(cls).fields:
        checks = _checks(field.type)
        if checks is not None:
            found.append((field.name, checks))
    return tuple(found)


def _struct_type(cls: type[msgspec.Struct]) -> inspect.StructType:
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    return info


def _subject_extra(info: inspect.Type) -> dict[str, Any] | None:
    if isinstance(info, inspect.Metadata) and info.extra and "subject" in info.extra:
        return info.extra
    return None


def _without_none(info: inspect.Type) -> inspect.Type:
    if isinstance(info, inspect.UnionType):
        rest = [t for t in info.types if not isinstance(t, inspect.NoneType)]
        if len(rest) == 1:
            return rest[0]
    return info


def _extractor(info: inspect.Type) -> Extractor | None:
    info = _without_none(info)
    extra = _subject_extra(info)
    if extra is not None:
        kind = extra["subject"]
        return lambda value: iter(() if value is None else (make_tag(kind, value),))
    if isinstance(info, inspect.Metadata):
        return _extractor(info.type)
    if isinstance(info, inspect.VarTupleType):
        each = _extractor(info.item_type)
        if each is None:
            return None
        inner = each
        return lambda values: (tag for value in values or () for tag in inner(value))
    if isinstance(info, inspect.StructType):
        parts = [(f.name, e) for f in info.fields if (e := _extractor(f.type)) is not None]
        if not parts:
            return None
        return lambda struct: iter(
            () if struct is None else [t for n, e in parts for t in e(getattr(struct, n))]
        )
    if _holds_subject(info):
        raise TypeError(
            f"a subject inside {type(info).__name__} would give no tag; use a tuple of structs"
        )
    return None


@cache
def names_twice(cls: type[msgspec.Struct], kind: str) -> bool:
    """Whether more than one field of ``cls`` can name a subject of ``kind``."""
    return sum(_holds_subject(field.type, kind) for field in _struct_type(cls).fields) > 1


def _holds_subject(info: inspect.Type, kind: str | None = None) -> bool:
    """Whether a subject (of ``kind``, if given) lies somewhere inside, wherever that is."""
    if (extra := _subject_extra(info)) is not None:
        return kind is None or extra["subject"] == kind
    inside: list[inspect.Type] = []
    for part in ("type", "item_type", "key_type", "value_type"):
        inner = getattr(info, part, None)
        if isinstance(inner, inspect.Type):
            inside.append(inner)
    for parts in ("types", "item_types"):
        inside.extend(getattr(info, parts, ()))
    inside.extend(field.type for field in getattr(info, "fields", ()))
    return any(_holds_subject(inner, kind) for inner in inside)


def _checks(info: inspect.Type) -> Checks | None:
    info = _without_none(info)
    extra = _subject_extra(info)
    if extra is not None:
        check = extra["check"]
        if check is None:
            return None
        return lambda value: iter(() if value is None else ((value, check),))
    if isinstance(info, inspect.VarTupleType):
        each = _checks(info.item_type)
        if each is None:
            return None
        inner = each
        return lambda values: (pair for value in values or () for pair in inner(value))
    if isinstance(info, inspect.StructType):
        parts = [(f.name, c) for f in info.fields if (c := _checks(f.type)) is not None]
        if not parts:
            return None
        return lambda struct: iter(
            () if struct is None else [p for n, c in parts for p in c(getattr(struct, n))]
        )
    return None
