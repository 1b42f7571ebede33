"""What is said to people: messages with a code and details, put into words by the catalogue.

A message is stored, sent and compared by its code; its words are looked up when it is shown, in the
language of the reader. The catalogue is the folder ``ledger/language``: for each language
and domain a gettext file (``.po``) whose ``msgid`` is the code. A text may name details as
``str.format`` fields, with these format specifications::

    {matters:list}    several values, joined as the language joins them: "A, B" or "A、B"
    {stages:or}       the same as alternatives: "A or B"
    {parts:and}       the same as a whole: "A and B"
    {faults:clauses}  whole clauses: "A; B" or "A；B"
    {field:titled}    the title of a field or value, with its name in brackets, also of several
    {kind:kind}       what a kind of subject is called (domain ``kinds``)
    {stage:value}     the title of an enum value (domain ``values``)
    {place:field}     the title of a field (domain ``fields``)
    {fine_fen:yuan}   an amount in fen as the language writes money: "CNY 20,000.00" or "20,000元"

A detail that is itself a message is put into words in the same language. A date is written as the
language writes it.
"""

from __future__ import annotations

import re
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
DOMAINS = (
    "messages",
    "rules",
    "problems",
    "fields",
    "values",
    "kinds",
    "titles",
    "console",
    "pages",
)

#: The English texts that the code declares next to what they describe: by domain and code.
_DECLARED: dict[str, dict[str, str]] = {"rules": {}}

_FOLDER = Path(__file__).resolve().parent.parent / "language"


class Message(msgspec.Struct, frozen=True):
    """A message: its code in a domain of the catalogue, and the values that its text names."""

    code: str
    details: Mapping[str, Any] = {}
    domain: str = "messages"

    def __str__(self) -> str:
        return say(self, "en")


class Told(Exception):
    """Base of the exceptions that are told to people.

    It is raised with a message, or with the code of one and the details that its text names. As a
    text, the exception is in English.
    """

    def __init__(self, told: Message | str, /, **details: Any) -> None:
        self.message = message(told, **details) if isinstance(told, str) else told
        super().__init__(self.message)


class InvalidValue(Told, ValueError):
    """A value that is not allowed, and why."""


def message(code: str, /, **details: Any) -> Message:
    """Return the message with this code."""
    return Message(code, details)


def declare(domain: str, code: str, text: str) -> None:
    """Add an English text to a domain whose English is declared in the code."""
    _DECLARED[domain][code] = text


def say(told: Message | str, language: str) -> str:
    """Return the words of a message in a language; a plain text is returned as it is.

    A message that the language does not have is said in English. A code that the catalogue no
    longer has is said as it is: stored messages are kept for ever, texts are not.
    """
    if isinstance(told, str):
        return told
    text = catalogue(language, told.domain).get(told.code)
    if text is None:
        language, text = "en", catalogue("en", told.domain).get(told.code)
    if text is None:
        return told.code
    return _Wording(language).vformat(text, (), told.details)


def speaks(language: str, told: object) -> bool:
    """Return whether a language has the words of a message and of the messages in its details."""
    if isinstance(told, Mapping):
        return all(speaks(language, value) for value in told.values())
    if isinstance(told, list | tuple):
        return all(speaks(language, value) for value in told)
    if not isinstance(told, Message):
        return True
    return told.code in catalogue(language, told.domain) and speaks(language, told.details)


def in_words(value: Any, language: str) -> Any:
    """Return a value whose messages are objects with their code, words and details."""
    if isinstance(value, Message):
        return {
            "code": value.code,
            "text": say(value, language),
            "details": in_words(value.details, language),
        }
    if isinstance(value, Mapping):
        return {name: in_words(part, language) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [in_words(part, language) for part in value]
    return value


def storable(value: Any) -> Any:
    """Return a value as it is stored: its messages by their codes and details, other words as text.

    ``restored`` is the reverse.
    """
    if isinstance(value, Message):
        return {"message": value.code, "details": storable(value.details), "domain": value.domain}
    if isinstance(value, Mapping):
        return {str(name): storable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [storable(part) for part in value]
    return value if isinstance(value, bool | int | float | str | None) else str(value)


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def restored(value: Any) -> Any:
    """Return a stored value with its messages and days as they were."""
    if isinstance(value, Mapping):
        parts = {name: restored(part) for name, part in value.items()}
        if parts.keys() == {"message", "details", "domain"}:
            return Message(parts["message"], parts["details"], parts["domain"])
        return parts
    if isinstance(value, list):
        return [restored(part) for part in value]
    if isinstance(value, str) and _DAY.fullmatch(value):
        return date.fromisoformat(value)
    return value


def title(code: str, language: str, domain: str) -> str:
    """Return the title that a domain gives a code; the code itself if it has none."""
    return catalogue(language, domain).get(code, code)


def catalogue(language: str, domain: str) -> Mapping[str, str]:
    """Return the texts of a domain in a language, by code."""
    declared = _DECLARED.get(domain) if language == "en" else None
    return _read(language, domain) if declared is None else declared


@cache
def _read(language: str, domain: str) -> Mapping[str, str]:
    """Read the files of a domain, at the first question."""
    from babel.messages.pofile import read_po  # noqa: PLC0415 - the command line rarely needs it

    # A domain with many readers' pages also has a folder: a file for each of them.
    folder = _FOLDER / language
    texts: dict[str, str] = {}
    for path in (folder / f"{domain}.po", *sorted((folder / domain).glob("*.po"))):
        if path.exists():
            with path.open("rb") as file:
                texts |= {str(entry.id): str(entry.string) for entry in read_po(file) if entry.id}
    return texts


class _Wording(Formatter):
    """Fills in the details of a text as one language writes them."""

    def __init__(self, language: str) -> None:
        self._language = language

    def get_value(self, key: int | str, args: Any, kwargs: Mapping[str, Any]) -> Any:
        return kwargs.get(str(key), "?")

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, Message):
            return say(value, self._language)
        if format_spec == "titled":
            return self._titled(value)
        if isinstance(value, list | tuple) or (
            format_spec in _JOINTS["en"] and not isinstance(value, str)
        ):
            return self._joined(value, format_spec)
        if format_spec == "kind":
            return title(str(value), self._language, "kinds")
        if format_spec == "value":
            return title(str(value), self._language, "values")
        if format_spec == "field":
            return title(str(value), self._language, "fields")
        if format_spec == "yuan":
            return self._money(value)
        if isinstance(value, date) and not isinstance(value, datetime) and self._language == "zh":
            return f"{value.year}年{value.month}月{value.day}日"
        return str(super().format_field(value, format_spec))

    def _titled(self, names: Any) -> str:
        """Return the titles of fields, or of values in quotation marks, each with its name."""
        parts = []
        for name in names if isinstance(names, list | tuple) else [names]:
            bare = str(name).strip("'")
            known = title(bare, self._language, "values" if bare != name else "fields")
            parts.append(str(name) if known == bare else f"{known}（{bare}）")
        return self._joined(parts, "list")

    def _money(self, fen: int) -> str:
        yuan, rest = divmod(fen, 100)
        if self._language == "en":
            return f"CNY {yuan:,}.{rest:02}"
        return f"{yuan:,}.{rest:02}元" if rest else f"{yuan:,}元"

    def _joined(self, values: Any, style: str) -> str:
        # Alternatives are values of an enumeration, such as the stages of a case.
        titled = style == "or" and self._language != "en"
        parts = [self.format_field(value, "value" if titled else "") for value in values]
        between, last = _JOINTS[self._language][style or "list"]
        return last.join([between.join(parts[:-1]), *parts[-1:]] if len(parts) > 1 else parts)


#: What a language writes between several values, and before the last of them.
_JOINTS = {
    "en": {
        "list": (", ", ", "),
        "or": (", ", " or "),
        "and": (", ", " and "),
        "clauses": ("; ", "; "),
    },
    "zh": {"list": ("、", "、"), "or": ("、", "或"), "and": ("、", "和"), "clauses": ("；", "；")},
}
