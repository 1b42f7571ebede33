"""Make the types of answers from the types that they are made of, for the description."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache, reduce
from operator import or_
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, UnsetType

#: Fields with ids, by what has the id: with each, an entry of a list has its name or title.
NAMED: dict[str, str] = {
    "unit": "unit",
    "subject_unit": "unit",
    "reviewing_unit": "unit",
    "organ": "unit",
    "entity": "entity",
    "matter": "matter",
}

#: The end of the field with the name: ``unit_name``, ``matter_title``.
_ENDS = {"unit": "name", "entity": "name", "matter": "title"}

#: Documents whose field ``unit`` is a unit of measure.
_MEASURED = {"ShownPolicy"}

#: A field with the ids of several matters, and the field with their titles.
MATTERS, TITLES = "matters", "matter_titles"


class FacetValue(msgspec.Struct, frozen=True):
    """A value of a field with the number of entries that have it; ``null``: without a value."""

    value: str | int | bool | None
    count: int


class Naming(NamedTuple):
    """A field of an entry with the name of what an id stands for.

    ``places``: where the id is found, each as a path of fields; the first that exists counts.
    """

    kind: str
    places: tuple[tuple[str, ...], ...]
    type: Any = str


@cache
def page_type(item: Any) -> type[msgspec.Struct]:
    """Return the type of a page of ``item``.

    ``next`` is the cursor of the next page, as in the ``Link`` header. ``total`` or, above 10,000,
    ``total_at_least``: how many entries all pages have.
    """
    text = """A page of entries.

    `next`: send it as `after` for the next page, as in the `Link` header; absent on the last page.
    `total`: the entries of all pages; `total_at_least` instead if there are more.
    """
    return struct_type(
        f"{item.__name__}Page",
        text,
        items=tuple[entry_type(item), ...],  # type: ignore[misc]
        next=str | UnsetType,
        total=int | UnsetType,
        total_at_least=int | UnsetType,
        facets=dict[str, tuple[FacetValue, ...]] | UnsetType,
        facets_cut=bool | UnsetType,
    )


@cache
def entry_type(document: Any) -> Any:
    """Return the type of an entry of a list: a document with names next to its ids.

    The parameter ``fields`` may leave out any field but the first.
    """
    if not (isinstance(document, type) and issubclass(document, msgspec.Struct)):
        return document
    fields = msgspec.structs.fields(document)
    names = namings(document)
    types: dict[str, Any] = {}
    for number, field in enumerate(fields):
        types[field.encode_name] = field.type | UnsetType if number else field.type
        types.update(
            (name, names[name].type | UnsetType)
            for name in _beside(field.encode_name)
            if name in names
        )
    types |= {name: naming.type | UnsetType for name, naming in names.items() if name not in types}
    return struct_type(f"{document.__name__}Entry", document.__doc__, **types)


def entry_fields(document: Any) -> tuple[str, ...]:
    """Return the names of the fields of an entry."""
    return tuple(entry_type(document).__struct_encode_fields__)


@cache
def namings(document: type[msgspec.Struct]) -> dict[str, Naming]:
    """Return the fields with names that an entry of a list has in addition to its document."""
    if document.__name__ in _MEASURED:
        return {}
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(document)}
    # A list of units has their names already.
    own = next(iter(fields)) if "name" in fields else ""
    names: dict[str, Naming] = {}
    for field, kind in NAMED.items():
        (name,) = _beside(field)
        places: list[tuple[str, ...]] = [(field,)] if field in fields else []
        places += [
            (outer, field)
            for outer, type_ in fields.items()
            if any(_has(part, field) for part in (type_, *get_args(type_)))
        ]
        if places and field != own and name not in fields:
            names[name] = Naming(kind, tuple(places))
    if _are_texts(fields.get(MATTERS)):
        names[TITLES] = Naming("matter", ((MATTERS,),), list[str])
    return names


def _beside(field: str) -> tuple[str, ...]:
    if field == MATTERS:
        return (TITLES,)
    kind = NAMED.get(field)
    return () if kind is None else (f"{field}_{_ENDS[kind]}",)


def _are_texts(type_: Any) -> bool:
    """Return whether a type is, or may be, a list of texts."""
    return any(
        get_origin(part) in (tuple, list)
        and any(getattr(item, "__origin__", item) is str for item in get_args(part))
        for part in (type_, *get_args(type_))
    )


def _has(type_: Any, field: str) -> bool:
    return (
        isinstance(type_, type)
        and issubclass(type_, msgspec.Struct)
        and field in type_.__struct_encode_fields__
    )


def shown_type(
    fold: type[Any], without: Collection[str] = (), *, called: str | None = None, **more: Any
) -> type[msgspec.Struct]:
    """Return the type of what ``shown`` returns of a fold: its fields, each optional.

    ``more``: the types of what a handler adds, or shows in another form.
    """
    known = {f.encode_name: f.type for f in msgspec.structs.fields(fold)}
    types = {name: type_ for name, type_ in known.items() if name not in without}
    if isinstance(getattr(fold, "stage", None), property):
        types["stage"] = attribute_type(fold, "stage")
    optional = {name: type_ | UnsetType for name, type_ in {**types, **more}.items()}
    text = f"The fields that have a value. {fold.__doc__}"
    return struct_type(called or f"Shown{fold.__name__}", text, **optional)


def attribute_type(fold: type[Any], name: str) -> Any:
    """Return the type of a field or property without ``None``; ``None`` if it has no such one."""
    known = {f.encode_name: f.type for f in msgspec.structs.fields(fold)}
    found = known.get(name)
    if isinstance(attribute := getattr(fold, name, None), property):
        found = get_type_hints(attribute.fget, include_extras=True)["return"]
    if get_origin(found) not in (Union, UnionType):
        return found
    return reduce(or_, (part for part in get_args(found) if part is not NoneType))


def struct_type(called: str, text: str | None = None, /, **types: Any) -> type[msgspec.Struct]:
    """Return a type with these fields; one whose type includes ``UnsetType`` is optional."""
    fields = [
        (name, type_, UNSET) if UnsetType in get_args(type_) else (name, type_)
        for name, type_ in types.items()
    ]
    return msgspec.defstruct(called, fields, kw_only=True, namespace={"__doc__": text})


def fields_type(
    source: type[Any], *names: str, called: str | None = None, **more: Any
) -> type[msgspec.Struct]:
    """Return the type of a document with these fields of ``source``, empty or not."""
    known = {f.encode_name: f.type for f in msgspec.structs.fields(source)}
    types = {name: known[name] for name in names}
    return struct_type(called or f"Shown{source.__name__}", **types, **more)
