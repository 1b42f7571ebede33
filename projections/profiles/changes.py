"""Where two documents differ."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

import msgspec


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One place of the document that a step changed: a JSON pointer, and what stood there."""

    path: str
    before: Any = None
    after: Any = None


def difference(before: Any, after: Any, path: str = "") -> list[Change]:
    """Where two documents differ, as JSON pointers, in order.

    Items of a list are told apart by what names them (a record, a task, an inspection, a date),
    and those of one name by their order.
    """
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        found = []
        for name in [*before, *(name for name in after if name not in before)]:
            old, new = before.get(name), after.get(name)
            if old != new:
                found += difference(old, new, f"{path}/{_escaped(name)}")
        return found
    if isinstance(before, list) and isinstance(after, list):
        olds, news = by_name(before), by_name(after)
        if olds is not None and news is not None:
            return difference(olds, news, path)
    return [Change(path, before, after)]


#: What names an item, before the record on which it rests.
_NAMES = (
    "commitment",
    "obligation",
    "determination",
    "incentive",
    "sanction",
    "designation",
    "observation",
    "record",
    "task",
    "inspection",
)


def by_name(items: Iterable[Any]) -> dict[str, Any] | None:
    """The items of a list by what names each, ``None`` where one has no name."""
    named: dict[str, Any] = {}
    for item in items:
        if not isinstance(item, dict):
            return None
        name = next((item[key] for key in _NAMES if key in item), None)
        if name is None and "assessed_on" in item:
            name = item["assessed_on"]
        if name is None and "year" in item:
            name = f"{item['unit']} {item['year']}"
        if name is None:
            return None
        named[_distinct(str(name), named)] = item
    return named


def _distinct(name: str, known: dict[str, Any]) -> str:
    """A name that is not known yet: ``2026-05-01``, then ``2026-05-01 (2)``."""
    if name not in known:
        return name
    return numbered(name, next(n for n in count(2) if numbered(name, n) not in known))


def numbered(name: str, number: int) -> str:
    """The name of the first, second, … of several that are called alike."""
    return name if number == 1 else f"{name} ({number})"


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
