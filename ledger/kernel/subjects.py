"""Subjects: the things that an event is about, and the tags by which the event is found again.

A *tag* is ``kind:id``. Tags are never written by hand: they are derived from the types of an
event's fields. So no tag is forgotten, and folds and events spell a subject in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import cache
from typing import Annotated, Any

import msgspec
from msgspec import inspect

from ledger.kernel.messages import InvalidValue, Message

#: The code of the message about the first field whose id fails a check.
FIELD_FAULT = "kernel.field-fault"

Extractor = Callable[[Any], Iterator[str]]

_IDENTIFIER = r"^\S(?:.{0,118}\S)?$"

#: Ends a pattern. Python's ``$`` would accept a final newline, and make ``MRB\n`` a unit of its
#: own. This form means the same in Python and in JSON Schema.
_END = r"(?![\s\S])"


def subject(
    kind: str,
    *,
    pattern: str = _IDENTIFIER,
    normal: Callable[[str], str] | None = None,
    check: Callable[[str], None] | None = None,
    doubt: Callable[[str, date], Message | None] | None = None,
    description: str | None = None,
    examples: list[str] | None = None,
    hideable: bool = True,
) -> msgspec.Meta:
    """Declare that a string names a subject of ``kind``.

    ``TaskId = Annotated[str, subject("task")]`` makes every field of type ``TaskId`` a tag
    ``task:<id>``. ``normal`` returns the normal spelling of an id that people write in several
    ways. ``check`` raises ``InvalidValue`` for a fault that a pattern cannot express. ``doubt``
    takes an id and today's date, and returns why the id is refused unless the ledger already knows
    the subject, or ``None``. These three run when a command is received, never when an event is
    read.
    ``hideable=False`` means that everybody may know every subject of this kind.
    """
    if not hideable:
        _OPEN_KINDS.add(kind)
    return msgspec.Meta(
        pattern=pattern.removesuffix("$") + _END if pattern.endswith("$") else pattern,
        min_length=1,
        max_length=120,
        description=description,
        examples=examples,
        extra={"subject": kind, "normal": normal, "check": check, "doubt": doubt and (kind, doubt)},
    )


#: The kinds whose subjects everybody may know.
_OPEN_KINDS: set[str] = set()


#: A whole tag as a value, for fields that may name a subject of any kind.
Tag = Annotated[
    str,
    msgspec.Meta(pattern=r"^[a-z][a-z-]*:\S.*" + _END, max_length=160, extra={"subject": ""}),
]


def make_tag(kind: str, value: str) -> str:
    """Return the tag of a subject; with the kind ``""``, ``value`` is already a tag."""
    return f"{kind}:{value}" if kind else value


@cache
def tag_extractor(cls: type[msgspec.Struct]) -> Callable[[Any], list[str]]:
    """Return a function that lists the tags of a ``cls``, in field order and with repeats."""
    parts: list[tuple[str, str | None, bool, Extractor]] = []
    for field in _struct_type(cls).fields:
        extractor = _extractor(field.type)
        if extractor is not None:
            start, many = _plain(_without_none(field.type))
            parts.append((field.name, start, many, extractor))

    def tags(instance: Any) -> list[str]:
        # This runs for every recorded event. Nearly all subjects are plain fields or tuples of
        # them, so handle those without calling an extractor.
        found: list[str] = []
        for name, start, many, extractor in parts:
            value = getattr(instance, name)
            if not value:
                continue
            if start is None:
                found += extractor(value)
            elif many:
                found += [start + id_ for id_ in value]
            else:
                found.append(start + value)
        return found

    return tags


def _plain(info: inspect.Type) -> tuple[str | None, bool]:
    """Return how the tags of a field begin, and whether it is a tuple of subjects.

    The first is ``None`` if the field is not a subject or a tuple of them.
    """
    many = isinstance(info, inspect.VarTupleType)
    extra = _subject_extra(info.item_type if isinstance(info, inspect.VarTupleType) else info)
    return (None if extra is None else make_tag(extra["subject"], "")), many


@cache
def subject_fields(cls: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    """Return ``(field, kind)`` for each field of ``cls`` that is itself one subject id."""
    found = []
    for field in _struct_type(cls).fields:
        extra = _subject_extra(_without_none(field.type))
        if extra is not None:
            found.append((field.name, extra["subject"]))
    return tuple(found)


def hideable(tag: str) -> bool:
    """Whether the subject of this tag is of a kind that can be hidden from some readers."""
    return tag.partition(":")[0] not in _OPEN_KINDS


def hideable_tags(instance: msgspec.Struct) -> Iterable[str]:
    """Return the tags of the hideable subjects that ``instance`` names, also in nested structs."""
    fields = _hideable_fields(type(instance))
    if fields is None:
        return filter(hideable, tag_extractor(type(instance))(instance))
    return [start + value for name, start in fields if (value := getattr(instance, name))]


@cache
def _hideable_fields(cls: type[msgspec.Struct]) -> tuple[tuple[str, str], ...] | None:
    """Return the fields of ``cls`` that are hideable subjects, each with the start of its tag.

    Return ``None`` if nested structs or tuples name subjects too. It is a fast path: most commands
    name one or two subjects in plain fields.
    """
    plain = dict(subject_fields(cls))
    if any(f.name not in plain and _extractor(f.type) for f in _struct_type(cls).fields):
        return None
    return tuple((f, make_tag(kind, "")) for f, kind in plain.items() if kind not in _OPEN_KINDS)


@cache
def main_field(cls: type[msgspec.Struct]) -> tuple[str, str] | None:
    """Return the field and kind of the subject that ``cls`` is about, if it is hideable.

    That is its first required hideable subject. The other subjects are only mentioned, and the
    sender may have guessed their ids.
    """
    required = {field.name for field in _struct_type(cls).fields if field.required}
    fields = ((f, k) for f, k in subject_fields(cls) if f in required and k not in _OPEN_KINDS)
    return next(fields, None)


def main_subject(instance: msgspec.Struct) -> str | None:
    """Return the tag of the hideable subject that ``instance`` is about; ``None`` if none."""
    field = main_field(type(instance))
    return None if field is None else make_tag(field[1], getattr(instance, field[0]))


def normalise_subjects(instance: msgspec.Struct) -> None:
    """Change every subject id in ``instance`` to its normal spelling, in place."""
    for name, change in _normal_fields(type(instance)):
        given = getattr(instance, name)
        spelled = change(given)
        if spelled is not given:
            msgspec.structs.force_setattr(instance, name, spelled)


def check_subjects(instance: msgspec.Struct) -> None:
    """Run the checks of all subject ids in ``instance``.

    Raises ``ValueError``, which names the field of the first id that fails.
    """
    for name, values in _extra_fields(type(instance), "check"):
        for value, check in values(getattr(instance, name)):
            try:
                check(value)
            except InvalidValue as error:
                raise InvalidValue(FIELD_FAULT, field=name, fault=error.message) from None


def doubts(instance: msgspec.Struct, today: date) -> Iterator[tuple[str, str, Message]]:
    """Yield the field, tag and reason of each doubtful subject id in ``instance``."""
    for name, values in _extra_fields(type(instance), "doubt"):
        for value, (kind, doubt) in values(getattr(instance, name)):
            reason = doubt(value, today)
            if reason is not None:
                yield name, make_tag(kind, value), reason


#: Yields the ids within a value, each with the entry of its declaration that was asked for.
Ids = Callable[[Any], Iterator[tuple[str, Any]]]
Change = Callable[[Any], Any]


@cache
def _extra_fields(cls: type[msgspec.Struct], what: str) -> tuple[tuple[str, Ids], ...]:
    found = []
    for field in _struct_type(cls).fields:
        ids = _ids(field.type, what)
        if ids is not None:
            found.append((field.name, ids))
    return tuple(found)


@cache
def _normal_fields(cls: type[msgspec.Struct]) -> tuple[tuple[str, Change], ...]:
    found = []
    for field in _struct_type(cls).fields:
        change = _normal(field.type)
        if change is not None:
            found.append((field.name, change))
    return tuple(found)


@cache
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


def _ids(info: inspect.Type, what: str) -> Ids | None:
    """Return a function that finds the ids in a value of the type, with what their types declare.

    For each id it yields the id and the entry ``what`` of its type's declaration.

    Return ``None`` if no id within the type declares such an entry.
    """
    info = _without_none(info)
    extra = _subject_extra(info)
    if extra is not None:
        entry = extra.get(what)
        if entry is None:
            return None
        return lambda value: iter(() if value is None else ((value, entry),))
    if isinstance(info, inspect.Metadata):
        return _ids(info.type, what)
    if isinstance(info, inspect.VarTupleType):
        each = _ids(info.item_type, what)
        if each is None:
            return None
        inner = each
        return lambda values: (pair for value in values or () for pair in inner(value))
    if isinstance(info, inspect.StructType):
        parts = [(f.name, c) for f in info.fields if (c := _ids(f.type, what)) is not None]
        if not parts:
            return None
        return lambda struct: iter(
            () if struct is None else [p for n, c in parts for p in c(getattr(struct, n))]
        )
    return None


def _normal(info: inspect.Type) -> Change | None:
    """Return a function that spells the ids within a value normally; ``None`` if none is needed.

    The function returns an unchanged value as the same object.
    """
    info = _without_none(info)
    extra = _subject_extra(info)
    if extra is not None:
        normal = extra.get("normal")
        if normal is None:
            return None
        spell: Callable[[str], str] = normal
        return lambda value: value if value is None or spell(value) == value else spell(value)
    if isinstance(info, inspect.Metadata):
        return _normal(info.type)
    if isinstance(info, inspect.VarTupleType):
        each = _normal(info.item_type)
        if each is None:
            return None
        inner = each

        def change_all(values: Any) -> Any:
            changed = tuple(inner(value) for value in values or ())
            same = all(new is old for new, old in zip(changed, values or (), strict=True))
            return values if same else changed

        return change_all
    if isinstance(info, inspect.StructType):
        parts = [(f.name, c) for f in info.fields if (c := _normal(f.type)) is not None]
        if not parts:
            return None

        def change_parts(struct: Any) -> Any:
            if struct is None:
                return None
            changed = {
                name: new
                for name, change in parts
                if (new := change(old := getattr(struct, name))) is not old
            }
            return msgspec.structs.replace(struct, **changed) if changed else struct

        return change_parts
    return None
