"""The words of documents: the titles of fields and values, days, amounts, in one language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

import msgspec

from ledger.kernel.messages import Message, say, title

Language = Literal["zh", "en"]
Document = Mapping[str, Any]


class Words(msgspec.Struct, frozen=True):
    """The words of one language, and the names of units and businesses."""

    language: Language
    names: Mapping[str, str] = {}

    def __call__(self, code: str, **details: Any) -> str:
        """Return a text of the documents."""
        return say(Message(f"document.{code}", details, "pages"), self.language)

    def field(self, name: str) -> str:
        """Return the title of a field."""
        return title(name, self.language, "fields")

    def value(self, value: Any, field: str = "") -> str:
        """Return a value as people read it; ``field``: its field, if the same text has others."""
        if value is None or value == "":
            return self("none")
        if isinstance(value, bool):
            return self("yes" if value else "no")
        if isinstance(value, list | tuple):
            separator = "、" if self.language == "zh" else ", "
            return separator.join(self.value(one, field) for one in value)
        own = title(f"{field}.{value}", self.language, "values")
        return own if own != f"{field}.{value}" else title(str(value), self.language, "values")

    def name(self, id_: Any) -> str:
        """Return the name of a unit or business, or its id."""
        return self.names.get(str(id_)) or str(id_)

    def day(self, given: Any) -> str:
        """Return a day as the language writes it in documents."""
        if not given:
            return self("none")
        day = given if isinstance(given, date) else date.fromisoformat(str(given)[:10])
        if self.language == "en":
            return f"{day.day} {day:%B} {day.year}"
        return f"{day.year}年{day.month}月{day.day}日"
