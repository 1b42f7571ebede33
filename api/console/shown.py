"""Values as the console shows them: titles instead of codes, civil time, links between pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from babel.dates import format_date

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

_FEN = re.compile(r"（分）| \(fen\)| fen\b")
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")
#: A deadline: its rule and the event that opened it.
_DEADLINE = re.compile(r"([a-z_.]+):[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
#: A detail that a text names.
_BLANK = re.compile(r"\{(\w+)(?::\w+)?\}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")


class Words:
    """The words of one language, as templates use them."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, code: str, **details: Any) -> str:
        """Return a text of the console."""
        return say(Message(code, details, "console"), self.language)

    def page(self, code: str) -> str:
        """Return a text that the pages for everybody have, too."""
        return title(code, self.language, "pages")

    def field(self, name: str) -> str:
        """Return the title of a field. Amounts are shown in yuan, so theirs name no fen."""
        text = title(name, self.language, "fields")
        return _FEN.sub("", text) if name.endswith("_fen") else text

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
        if field.endswith("_fen") and isinstance(value, int):
            return self("amount", fen=value)
        if _MOMENT.match(text):
            return civil(text)
        if not isinstance(value, str) or _DAY.match(text):
            return text
        own = title(f"{field}.{text}", self.language, "values")
        if own != f"{field}.{text}":
            return own
        if (deadline := _DEADLINE.match(text)) is not None:
            return self.titled(f"deadline:{deadline[1]}")
        return self._named(text) or title(text, self.language, "values")

    def _named(self, text: str) -> str | None:
        """Return the title of an event type, a deadline rule or a policy, by its name."""
        if "." not in text:
            return None
        codes = (text, f"deadline:{text}", f"policy:{text}")
        return next((told for code in codes if (told := self.titled(code)) != code), None)

    def place(self, pointer: str) -> str:
        """Return a place in a document, given as a JSON pointer, by the titles of its fields."""
        parts = [p.replace("~1", "/").replace("~0", "~") for p in pointer.split("/")[1:]]
        titles = [self.field(part) for part in parts]
        named = (
            self.value("", part) if told == part else told
            for part, told in zip(parts, titles, strict=True)
        )
        return " › ".join(named) or "/"

    def has_title(self, pointer: str) -> bool:
        """Return whether the field at the beginning of a place is one that readers know.

        A view also keeps columns for its own use, without a title.
        """
        top = pointer.partition("/")[2].partition("/")[0]
        return not top or title(top, self.language, "fields") != top

    def long_day(self, day: date) -> str:
        """Return a day with its day of the week, as the language writes it."""
        return format_date(day, "full", locale={"zh": "zh_CN", "en": "en_GB"}[self.language])

    def rule(self, rule_id: str, details: Mapping[str, Any] | None = None) -> str:
        """Return what a rule says; ``details`` are the values that its text names."""
        return say(Message(f"{rule_id}.message", details or {}, "rules"), self.language)

    def blanks(self, text: str) -> str:
        """Return a rule's text with the titles of its details, which a refusal would fill in."""
        return _BLANK.sub(lambda blank: f"〔{self.field(blank[1])}〕", text)

    def titled(self, code: str) -> str:
        """Return the title of an event type, command or resource."""
        return title(code, self.language, "titles")

    def group(self, name: str) -> str:
        """Return the title of a system or of another group of resources."""
        codes = (f"system:{name}", f"group:{name}", f"/v1/{name}")
        return next((told for code in codes if (told := self.titled(code)) != code), name)


#: What a state tells at a glance; the others are plain.
_TONES: Mapping[str, str] = {
    **dict.fromkeys(("missed", "refused", "breached", "revoked", "void", "annulled"), "bad"),
    **dict.fromkeys(("raised", "pending", "overdue", "suspended", "returned", "open"), "warn"),
    **dict.fromkeys(
        ("closed", "done", "granted", "published", "fulfilled", "approved", "executed"), "good"
    ),
}


def tone_of(state: str) -> str:
    """Return the tone of a state: bad, warn, good, or none."""
    return _TONES.get(state, "")


def civil(moment: str) -> str:
    """Return a moment in civil time, to the minute; or the text itself if it is not a moment.

    The first instant of a day stands for a day whose time nobody recorded, and is shown as a day.
    """
    try:
        there = datetime.fromisoformat(moment).astimezone(CIVIL_ZONE)
    except ValueError:
        return moment
    is_day = (there.hour, there.minute, there.second, there.microsecond) == (0, 0, 0, 0)
    return there.strftime("%Y-%m-%d" if is_day else "%Y-%m-%d %H:%M")


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


def is_number(items: Sequence[Mapping[str, Any]], column: str) -> bool:
    """Return whether a column of a list holds numbers, which are aligned at the right."""
    values = [item[column] for item in items if item.get(column) is not None]
    return bool(values) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in values
    )


def is_day(value: Any) -> bool:
    """Return whether a value is a day or a moment."""
    return isinstance(value, str) and (_DAY.match(value) or _MOMENT.match(value)) is not None


class Scale:
    """Days from the first to the last of a plot, as places in percent of its width."""

    def __init__(self, days: Iterable[date], today: date) -> None:
        known = sorted({*days, today})
        self.first, self.last, self.today = known[0], known[-1], today
        self._days = max(1, (self.last - self.first).days)

    def at(self, day: date | str) -> float:
        """Return where a day is."""
        given = date.fromisoformat(day) if isinstance(day, str) else day
        return round(100 * min(1, max(0, (given - self.first).days / self._days)), 2)

    def months(self, most: int = 7) -> list[tuple[float, str]]:
        """Return the places of the first days of some months, at most so many, and their names."""
        first = self.first.year * 12 + self.first.month
        last = self.last.year * 12 + self.last.month - 1
        step = next(n for n in (1, 2, 3, 6, 12, 24, 60, 120, 1200) if (last - first) / n < most)
        marks = [
            date(n // 12, n % 12 + 1, 1) for n in range(-(-first // step) * step, last + 1, step)
        ]
        return [(self.at(day), f"{day:%Y-%m}") for day in marks]

    def width(self, begun: date | str, ended: date | str) -> float:
        """Return how wide the days between two are; nothing if they are not in order."""
        return max(0, round(self.at(ended) - self.at(begun), 2))


def scope_of(me: Mapping[str, Any]) -> str:
    """Return how much the reader sees: everything, their unit, their business, what is public."""
    reads = me.get("reads", ())
    if any(audience.endswith("supervisors") for audience in reads):
        return "all"
    if me.get("entity"):
        return "business"
    return "unit" if any(audience.startswith("unit:") for audience in reads) else "public"


def _names_another(name: str, known: Mapping[str, Any]) -> bool:
    return any(name.endswith(end) and name.removesuffix(end) in known for end in _NAMES)


def name_of(item: Mapping[str, Any], field: str) -> str | None:
    """Return the name that an entry gives for the id in a field."""
    return next((str(item[field + end]) for end in _NAMES if item.get(field + end)), None)


#: Makes the texts of one language.
Speaker = Callable[[str], Words]
