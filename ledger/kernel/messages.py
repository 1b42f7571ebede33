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
    {method:coded}    the title of a value, with its code in brackets, also of several
    {kind:kind}       what a kind of subject is called (domain ``kinds``)
    {state:value}     the title of an enum value (domain ``values``)
    {place:field}     the title of a field (domain ``fields``)
    {path:place}      the place that a JSON pointer names

Part of a text in double square brackets is left out if a detail that it names is missing or empty:
``pays {fine_fen:yuan}[[ by {pay_by}]]``.

A detail that is itself a message is put into words in the same language. A date is written as the
language writes it. A code among the details, such as the name of a command, a policy or an enum
value, is written with its title in other languages than English. Further format specifications are
declared where their values are defined (``declare_form``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
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
    "sentences",
)

#: The English texts that the code declares next to what they describe: by domain and code.
_DECLARED: dict[str, dict[str, str]] = {"rules": {}}

#: Format specifications that are declared next to the values which they write.
_FORMS: dict[str, Callable[[Any, str], str]] = {}

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


def declare_form(name: str, write: Callable[[Any, str], str]) -> None:
    """Add a format specification; ``write`` returns a value in the words of a language."""
    _FORMS[name] = write


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
    if "[[" in text:
        text = _OPTIONAL.sub(lambda part: part[1] if _has(told.details, part[1]) else "", text)
    return _Wording(language).vformat(text, (), told.details)


#: A part of a text that is left out without its details.
_OPTIONAL = re.compile(r"\[\[(.*?)\]\]")


def _has(details: Mapping[str, Any], text: str) -> bool:
    """Return whether there is a value for each detail that a text names."""
    named = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    return all(details.get(name) not in (None, "", (), [], False, 0) for name in named)


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

#: How enum values, event types, commands, policies and deadline rules are written.
_CODE = re.compile(r"[a-z][a-z0-9_]+(?:[.-][a-z0-9_-]+)*")


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
        if format_spec in _FORMS:
            return _FORMS[format_spec](value, self._language)
        if format_spec == "titled":
            return self._titled(value)
        if format_spec == "coded":
            return coded(value, self._language, "values")
        if format_spec == "place":
            return self._place(value)
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
        if isinstance(value, date) and not isinstance(value, datetime) and self._language == "zh":
            return f"{value.year}年{value.month}月{value.day}日"
        if isinstance(value, str) and not format_spec and self._language != "en":
            return self._known(value)
        return str(super().format_field(value, format_spec))

    def _titled(self, names: Any) -> str:
        """Return the titles of fields, or of values in quotation marks, each with its name."""
        parts = []
        for name in names if isinstance(names, list | tuple) else [names]:
            bare = str(name).strip("'")
            words = self._title_of(bare, ("values", "fields") if bare != name else ("fields",))
            parts.append(str(name) if words is None else with_code(words, bare, self._language))
        return self._joined(parts, "list")

    def _title_of(self, code: str, domains: Iterable[str]) -> str | None:
        """Return the title that the first of some domains gives a code; a minus reverses it."""
        for domain in domains:
            if (words := title(code.removeprefix("-"), self._language, domain)) != code.lstrip("-"):
                if not code.startswith("-"):
                    return words
                return say(message("kernel.descending", field=words), self._language)
        return None

    def _known(self, value: str) -> str:
        """Return a text; if it is a code with a title, the title and the code."""
        if not _CODE.fullmatch(value):
            return value
        names = (value, f"policy:{value}", f"deadline:{value}", _commands().get(value, value))
        for domain, code in (("values", value), *(("titles", name) for name in names)):
            if (words := title(code, self._language, domain)) != code:
                return with_code(f"“{words}”", value, self._language)
        return value

    def _place(self, pointer: str) -> str:
        """Return the fields and the numbers of entries that lead to a value."""
        parts = []
        for step in pointer.split("/")[1:]:
            if step.isdigit():
                parts.append(say(message("kernel.entry", number=int(step) + 1), self._language))
            else:
                field = step.replace("~1", "/").replace("~0", "~")
                parts.append(coded(field, self._language, "fields"))
        return listed(parts, self._language)

    def _joined(self, values: Any, style: str) -> str:
        # Alternatives are values of an enumeration.
        titled = style == "or" and self._language != "en"
        parts = [self.format_field(value, "value" if titled else "") for value in values]
        between, last = _JOINTS[self._language][style or "list"]
        return last.join([between.join(parts[:-1]), *parts[-1:]] if len(parts) > 1 else parts)


def with_code(words: str, code: str, language: str) -> str:
    """Return the words for a code, with the code in the brackets of the language."""
    return f"{words} ({code})" if language == "en" else f"{words}（{code}）"


def coded(value: Any, language: str, domain: str) -> str:
    """Return the title of a code with the code in brackets; also of several codes."""
    if isinstance(value, list | tuple):
        return listed([coded(part, language, domain) for part in value], language)
    code = str(value)
    words = title(code, language, domain)
    return code if words == code else with_code(words, code, language)


def listed(parts: Iterable[str], language: str) -> str:
    """Return several texts as the language lists them."""
    return _JOINTS[language]["list"][0].join(parts)


@cache
def _commands() -> Mapping[str, str]:
    """Return the codes of the commands by their names; a system and a name make a code."""
    codes = (code for code in catalogue("zh", "titles") if not code.startswith("/"))
    return {code.partition("/")[2]: code for code in codes if "/" in code}


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
