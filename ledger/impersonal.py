"""Personal data in free texts: what is recognised, and refused where others read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from msgspec import inspect

from ledger.kernel import Event, Malformed, Reading, Rule

#: 公民身份号码 and 手机号码 as they stand in a text, mistyped ones included. Names are not
#: recognised: nothing tells them from other words.
_PERSONAL = (
    (
        "a citizen identity number",
        re.compile(
            r"(?<![0-9A-Za-z])[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])"
            r"(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![0-9A-Za-z])"
        ),
    ),
    ("a mobile number", re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")),
)


_ADDRESS = re.compile(r"https?://\S+\Z")


def personal_data(*texts: str | None) -> str | None:
    """What kind of personal data stands in one of ``texts``, if any."""
    for text in texts:
        for what, pattern in _PERSONAL:
            if text is not None and pattern.search(text):
                return what
    return None


def words_of(event: Event) -> Iterator[str]:
    """What somebody wrote in an event's fields of ``Text`` and ``Name``, wherever they stand.

    Addresses of pages are left out: what is a number in them is a page's.
    """
    for name, info in _fields(type(event)):
        for words in _words(info, getattr(event, name)):
            if not _ADDRESS.match(words):
                yield words


@cache
def _fields(cls: type[Event]) -> tuple[tuple[str, inspect.Type], ...]:
    """The fields of an event in which words can stand."""
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    return tuple((one.name, one.type) for one in info.fields if _holds_words(one.type))


def _holds_words(info: inspect.Type) -> bool:
    if isinstance(info, inspect.Metadata):
        return bool((info.extra or {}).get("words")) or _holds_words(info.type)
    if isinstance(info, inspect.UnionType):
        return any(map(_holds_words, info.types))
    if isinstance(info, inspect.VarTupleType):
        return _holds_words(info.item_type)
    if isinstance(info, inspect.DictType):
        return _holds_words(info.value_type)
    return isinstance(info, inspect.StructType) and any(
        _holds_words(one.type) for one in info.fields
    )


def _words(info: inspect.Type, value: Any) -> Iterator[str]:
    if isinstance(info, inspect.Metadata):
        if (info.extra or {}).get("words") and isinstance(value, str):
            yield value
        else:
            yield from _words(info.type, value)
    elif isinstance(info, inspect.UnionType):
        for one in info.types:
            yield from _words(one, value)
    elif isinstance(info, inspect.VarTupleType) and isinstance(value, tuple):
        for one in value:
            yield from _words(info.item_type, one)
    elif isinstance(info, inspect.DictType) and isinstance(value, dict):
        for one in value.values():
            yield from _words(info.value_type, one)
    elif isinstance(info, inspect.StructType) and isinstance(value, info.cls):
        for field in info.fields:
            yield from _words(field.type, getattr(value, field.name))


def require_impersonal(ledger: Reading, rule: Rule, *texts: str | None) -> None:
    """Refuse personal data in what the public reads, under the rule that says so."""
    what = personal_data(*texts)
    ledger.require(what is None, rule, what=what)


def refuse_personal(**texts: str | None) -> None:
    """Refuse personal data in the fields of a request. Raises ``Malformed`` naming the field."""
    for field, text in texts.items():
        what = personal_data(text)
        if what is not None:
            raise Malformed(
                f"{field} holds {what}; leave it out. A person stands here as a token, and what is "
                "known of one is sealed.",
                f"/{field}",
            )
