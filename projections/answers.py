"""Make the types of answers from the types that they are made of, for the description."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache, reduce
from operator import or_
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, UnsetType


@cache
def page_type(item: Any) -> type[msgspec.Struct]:
    """Return the type of a page of ``item``; the ``Link`` header leads to the next page."""
    text = "A page of entries; the `Link` header leads to the next page."
    return struct_type(f"{item.__name__}Page", text, items=tuple[item, ...])


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
