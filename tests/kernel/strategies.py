"""Instances of any struct of the ledger, drawn from the types of its fields."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

#: What a field typed ``Any`` may hold: any JSON value that MessagePack can carry.
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)

#: Enough of each script to meet what matters: ASCII, accents, Chinese, beyond the first plane.
_LETTERS = st.sampled_from("".join(map(chr, range(0x20, 0x7F))) + "éß中文〔〕、\u3000😀")

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-3.5))])


@cache
def instances(cls: type[msgspec.Struct], *, full: bool = False) -> st.SearchStrategy[Any]:
    """Valid instances of ``cls``; ``full``: nothing absent and nothing empty.

    Cached: a strategy is checked when it is first drawn from, which takes longer than drawing.
    """
    return _of(inspect.type_info(cls), full)


def _of(info: inspect.Type, full: bool) -> st.SearchStrategy[Any]:
    match info:
        case inspect.Metadata():
            return _of(info.type, full)
        case inspect.AnyType():
            return JSON.filter(lambda value: value not in (None, [], {}, "")) if full else JSON
        case inspect.NoneType():
            return st.none()
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            least, most = info.ge, info.le
            return st.integers(
                -(2**53) if least is None else least, 2**53 if most is None else most
            )
        case inspect.FloatType():
            return st.floats(allow_nan=False, allow_infinity=False)
        case inspect.StrType():
            return _text(info, full)
        case inspect.DateType():
            return st.dates()
        case inspect.DateTimeType():
            naive = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1))  # noqa: DTZ001
            return st.builds(lambda moment, zone: moment.replace(tzinfo=zone), naive, ZONES)
        case inspect.UUIDType():
            return st.uuids()
        case inspect.LiteralType():
            return st.sampled_from(info.values)
        case inspect.EnumType():
            return st.sampled_from(info.cls)
        case inspect.UnionType():
            types = [t for t in info.types if not (full and isinstance(t, inspect.NoneType))]
            return st.one_of([_of(t, full) for t in types])
        case inspect.VarTupleType():
            return st.lists(_of(info.item_type, full), **_size(info, full)).map(tuple)
        case inspect.ListType():
            return st.lists(_of(info.item_type, full), **_size(info, full))
        case inspect.TupleType():
            return st.tuples(*[_of(t, full) for t in info.item_types])
        case inspect.DictType():
            keys, values = _of(info.key_type, full), _of(info.value_type, full)
            return st.dictionaries(keys, values, **_size(info, full))
        case inspect.StructType():
            return st.builds(
                info.cls,
                **{
                    field.name: _of(field.type, full)
                    if full or field.required
                    else _of(field.type, full) | _default(field)
                    for field in info.fields
                },
            )
    raise TypeError(f"no strategy for {info}")


def _text(info: inspect.StrType, full: bool) -> st.SearchStrategy[str]:
    if info.pattern is None:
        least = info.min_length or int(full)
        return st.text(min_size=least, max_size=info.max_length or 40)
    return _matching(info.pattern, info.max_length or 1000)


@cache
def _matching(pattern: str, longest: int) -> st.SearchStrategy[str]:
    # Most patterns have a length of their own; the filter is for those that leave it to Meta.
    drawn = st.from_regex(pattern, fullmatch=True, alphabet=_LETTERS)
    return drawn.filter(lambda text: len(text) <= longest)


def _size(info: Any, full: bool) -> dict[str, int]:
    least = max(info.min_length or 0, int(full))
    return {"min_size": least, "max_size": max(least, min(info.max_length or 3, 3))}


def _default(field: inspect.Field) -> st.SearchStrategy[Any]:
    if field.default_factory is not inspect.NODEFAULT:
        return st.builds(field.default_factory)
    if field.default is inspect.NODEFAULT:  # msgspec says so of a field that is unset by default
        return st.just(msgspec.UNSET)
    return st.just(field.default)
