"""Find every fault of a body that a decoder rejected; the decoder itself stops at the first."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import islice
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

#: The most faults that an answer lists.
MAX_FAULTS = 100


def all_faults(body: bytes, type_: Any) -> list[msgspec.ValidationError]:
    """Return the faults of a JSON body in its order, in the words and form of the decoder.

    Each says what the decoder would say, such as ``Expected `int`, got `str` - at `$.a[0]```, and
    has the same cause. Empty if the body is not JSON or if no part of it is at fault by itself.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return list(islice(_faults(value, type_, "$"), MAX_FAULTS))


def _faults(value: Any, type_: Any, path: str) -> Iterator[msgspec.ValidationError]:
    struct, item = _inside(type_)
    if struct is not None and isinstance(value, dict):
        yield from _struct_faults(value, struct, path)
    elif item is not None and isinstance(value, list):
        before = 0
        for index, entry in enumerate(value):
            for fault in _faults(entry, item, f"{path}[{index}]"):
                before += 1
                yield fault
        if not before:
            yield from _own_fault(value, type_, path)
    else:
        yield from _own_fault(value, type_, path)


def _struct_faults(
    value: dict[str, Any], struct: type[msgspec.Struct], path: str
) -> Iterator[msgspec.ValidationError]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    before = 0
    for name, entry in value.items():
        if name not in fields:
            if struct.__struct_config__.forbid_unknown_fields:
                before += 1
                yield _fault(f"Object contains unknown field `{name}`", path)
            continue
        for fault in _faults(entry, fields[name].type, f"{path}.{name}"):
            before += 1
            yield fault
    for name, field in fields.items():
        if field.required and name not in value:
            before += 1
            yield _fault(f"Object missing required field `{name}`", path)
    if not before:
        # What a struct checks itself is checked when all its fields are right.
        yield from _own_fault(value, struct, path)


def _own_fault(value: Any, type_: Any, path: str) -> Iterator[msgspec.ValidationError]:
    try:
        msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        fault, separator, inner = str(error).rpartition(" - at `")
        if separator and inner.startswith("$") and inner.endswith("`"):
            yield _fault(fault, path + inner[1:-1], error.__cause__)
        else:
            yield _fault(str(error), path, error.__cause__)


def _fault(words: str, path: str, cause: BaseException | None = None) -> msgspec.ValidationError:
    fault = msgspec.ValidationError(words if path == "$" else f"{words} - at `{path}`")
    fault.__cause__ = cause
    return fault


@cache
def _inside(type_: Any) -> tuple[type[msgspec.Struct] | None, Any]:
    """Return the struct that a type stands for, or the type of its entries; else ``None``."""
    while get_origin(type_) is Annotated:
        type_ = get_args(type_)[0]
    if get_origin(type_) in (Union, UnionType):
        parts = [part for part in get_args(type_) if part is not type(None)]
        # Which of several types was meant cannot be told from a faulty value.
        return _inside(parts[0]) if len(parts) == 1 else (None, None)
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return (None, None) if type_.__struct_config__.tag is not None else (type_, None)
    if get_origin(type_) is tuple and get_args(type_)[1:] == (...,):
        return None, get_args(type_)[0]
    return None, None
