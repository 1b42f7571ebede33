"""Values as the console shows them: titles instead of codes, civil time, links between pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from api.http.questions import negated, within
from api.systems.inbox import PAGES
from ledger.kernel.events import CIVIL_ZONE
from ledger.kernel.messages import Message, say, title

#: The page of each kind of subject that a field names by its id.
_LINKS: Mapping[str, str] = {
    **{kind: path for kind, path in PAGES.items() if "/" not in kind and "?" not in path},
    "officer": "/v1/officers/{}",
    "position": "/v1/events/{}",
    "raised_position": "/v1/events/{}",
}
#: What a list shows first, if its entries have it.
_FIRST = ("due_on", "stage", "state", "status", "name", "title", "grade", "rule_id", "type")
#: Fields that name another field's id, by their ending.
_NAMES = ("_name", "_title")
#: Columns of a list at most; the entry's own page has all its fields.
MAX_COLUMNS = 8

_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")


class Words:
    """The words of one language, as templates use them."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, code: str, **details: Any) -> str:
        """Return a text of the console."""
        return say(Message(code, details, "console"), self.language)

    def field(self, name: str) -> str:
        """Return the title of a field."""
        return title(name, self.language, "fields")

    def filter(self, name: str) -> str:
        """Return the title of a parameter of a list."""
        if (field := negated(name)) is not None:
            return self("none-of", field=self.field(field))
        if (ends := within(name)) is not None:
            code = "range-from" if ends[1] == "from" else "range-to"
            return self(code, field=self.field(ends[0]))
        return self.field(name)

    def choice(self, name: str, value: str) -> str:
        """Return the title of a value of a parameter."""
        if name == "sort":
            order = "descending" if value.startswith("-") else "ascending"
            return self(order, field=self.field(value.removeprefix("-")))
        return self.value(negated(name) or name, value)

    def value(self, field: str, value: Any) -> str:
        """Return a single value as people read it."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return self("yes" if value else "no")
        text = str(value)
        if _MOMENT.match(text):
            return civil(text)
        if not isinstance(value, str) or _DAY.match(text):
            return text
        own = title(f"{field}.{text}", self.language, "values")
        if own != f"{field}.{text}":
            return own
        return self._named(text) or title(text, self.language, "values")

    def _named(self, text: str) -> str | None:
        """Return the title of an event type, a deadline rule or a policy, by its name."""
        if "." not in text:
            return None
        codes = (text, f"deadline:{text}", f"policy:{text}")
        return next((told for code in codes if (told := self.titled(code)) != code), None)

    def titled(self, code: str) -> str:
        """Return the title of an event type, command or resource."""
        return title(code, self.language, "titles")

    def group(self, name: str) -> str:
        """Return the title of a system or of another group of resources."""
        codes = (f"system:{name}", f"group:{name}", f"/v1/{name}")
        return next((told for code in codes if (told := self.titled(code)) != code), name)


def civil(moment: str) -> str:
    """Return a moment in civil time, to the minute; or the text itself if it is not a moment."""
    try:
        return datetime.fromisoformat(moment).astimezone(CIVIL_ZONE).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return moment


def link(field: str, value: Any) -> str | None:
    """Return the console's page of the subject that a field names; ``None`` if it has none."""
    kind = field.replace("_", "-")
    text = str(value)
    if field == "subject" and ":" in text:
        kind, _, text = text.partition(":")
    path = _LINKS.get(kind) or _LINKS.get(field)
    if path is None or isinstance(value, bool) or value is None:
        return None
    return "/console" + path.format(quote(text, safe=""))


def columns(items: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the fields that a list shows: those of single values, the telling ones first."""
    known: dict[str, int] = {}
    for item in items:
        for name, value in item.items():
            if not isinstance(value, dict | list):
                known[name] = known.get(name, 0) + 1
    names = [n for n in known if not _names_another(n, known)]
    first = names[:1]
    told = [n for n in _FIRST if n in known and n not in first]
    often = sorted((n for n in names if n not in (*first, *told)), key=lambda n: -known[n])
    return [*first, *told, *often][:MAX_COLUMNS]


def _names_another(name: str, known: Mapping[str, Any]) -> bool:
    return any(name.endswith(end) and name.removesuffix(end) in known for end in _NAMES)


def name_of(item: Mapping[str, Any], field: str) -> str | None:
    """Return the name that an entry gives for the id in a field."""
    return next((str(item[field + end]) for end in _NAMES if item.get(field + end)), None)


#: Makes the texts of one language.
Speaker = Callable[[str], Words]
