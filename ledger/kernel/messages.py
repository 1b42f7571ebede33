"""What is said to people: messages with a code and details, put into words by the catalogue.

A message is stored, sent and compared by its code; its words are looked up when it is shown, in the
language of the reader. The catalogue is the folder ``ledger/language``: for each language
and domain a gettext file (``.po``) whose ``msgid`` is the code. A text may name details as
``str.format`` fields, with these format specifications::

    {matters:list}    several values, joined as the language joins them: "A, B" or "A、B"
    {stages:or}       the same as alternatives: "A or B"
    {stage:value}     the title of an enum value (domain ``values``)
    {place:field}     the title of a field (domain ``fields``)

A detail that is itself a message is put into words in the same language. A date is written as the
language writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import msgspec

#: The languages of the catalogue, the first one for those who ask for no other.
LANGUAGES = ("zh", "en")

#: The files of each language: what their codes stand for.
DOMAINS = ("messages", "rules", "problems", "fields", "values", "titles", "console")

_FOLDER = Path(__file__).resolve().parent.parent / "language"


class Message(msgspec.Struct, frozen=True):
    """A message: its code in a domain of the catalogue, and the values that its text names."""

    code: str
    details: Mapping[str, Any] = {}
    domain: str = "messages"

    def __str__(self) -> str:
        return say(self, "en")


def message(code: str, /, **details: Any) -> Message:
    """Return the message with this code."""
    return Message(code, details)


def say(told: Message | str, language: str) -> str:
    """Return the words of a message in a language; a plain text is returned as it is.

    Raises ``KeyError`` for a code that the catalogue does not have.
    """
    if isinstance(told, str):
        return told
    text = catalogue(language, told.domain)[told.code]
    return _Wording(language).vformat(text, (), told.details)


def title(code: str, language: str, domain: str) -> str:
    """Return the title that a domain gives a code; the code itself if it has none."""
    return catalogue(language, domain).get(code, code)


@cache
def catalogue(language: str, domain: str) -> Mapping[str, str]:
    """Return the texts of a domain in a language, by code. Read once, at the first question."""
    from babel.messages.pofile import read_po  # noqa: PLC0415 - the command line rarely needs it

    path = _FOLDER / language / f"{domain}.po"
    if not path.exists():
        return {}
    with path.open("rb") as file:
        return {str(entry.id): str(entry.string) for entry in read_po(file) if entry.id}


class _Wording(Formatter):
    """Fills in the details of a text as one language writes them."""

    def __init__(self, language: str) -> None:
        self._language = language

    def get_value(self, key: int | str, args: Any, kwargs: Mapping[str, Any]) -> Any:
        return kwargs.get(str(key), "?")

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec in ("list", "or"):
            return self._joined(value, format_spec)
        if format_spec == "value":
            return title(str(value), self._language, "values")
        if format_spec == "field":
            return title(str(value), self._language, "fields")
        if isinstance(value, Message):
            return say(value, self._language)
        if isinstance(value, date) and not isinstance(value, datetime) and self._language == "zh":
            return f"{value.year}年{value.month}月{value.day}日"
        return str(super().format_field(value, format_spec))

    def _joined(self, values: Any, style: str) -> str:
        parts = [self.format_field(value, "") for value in values]
        if self._language == "zh":
            return ("或" if style == "or" else "、").join(parts)
        if style == "or" and len(parts) > 1:
            return f"{', '.join(parts[:-1])} or {parts[-1]}"
        return ", ".join(parts)
