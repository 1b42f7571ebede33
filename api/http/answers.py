"""Make the types of answers from the types that they are made of, for the description."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any, get_type_hints

import msgspec
from msgspec import UNSET, UnsetType


@cache
def page_type(item: Any) -> type[msgspec.Struct]:
    """Return the type of a page of ``item``; the ``Link`` header leads to the next page."""
    text = "A page of entries; the `Link` header leads to the next page."
    fields = [("items", tuple[item, ...])]
    return msgspec.defstruct(f"{item.__name__}Page", fields, namespace={"__doc__": text})


def shown_type(
    fold: type[Any], without: Collection[str] = (), *, name: str | None = None, **more: Any
) -> type[msgspec.Struct]:
    """Return the type of what ``shown`` returns of a fold: its fields, each optional.

    ``more``: the types of what a handler adds, or shows in another form.
    """
    known = {f.encode_name: f.type for f in msgspec.structs.fields(fold)}
    types = {shown: type_ for shown, type_ in known.items() if shown not in without}
    if isinstance(stage := getattr(fold, "stage", None), property):
        types["stage"] = get_type_hints(stage.fget)["return"]
    fields = [(shown, type_ | UnsetType, UNSET) for shown, type_ in {**types, **more}.items()]
    text = f"The fields that have a value. {fold.__doc__}"
    return msgspec.defstruct(name or f"Shown{fold.__name__}", fields, namespace={"__doc__": text})


def fields_type(source: type[Any], *names: str, **more: Any) -> type[msgspec.Struct]:
    """Return the type of a document with these fields of ``source``, empty or not."""
    known = {f.encode_name: f.type for f in msgspec.structs.fields(source)}
    fields = [*((name, known[name]) for name in names), *more.items()]
    return msgspec.defstruct(f"Shown{source.__name__}", fields)
