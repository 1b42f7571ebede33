"""Differences between two JSON documents."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

import msgspec


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One changed place of a document: a JSON pointer, with the values before and after."""

    path: str
    before: Any = None
    after: Any = None


def difference(before: Any, after: Any, path: str = "") -> list[Change]:
    """Return where two documents differ, as JSON pointers, in order.

    Items of a list are matched by what names them (a record, a task, an inspection, a date), and
    items with the same name by their order.
    """
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        changes = []
        for name in [*before, *(name for name in after if name not in before)]:
            old, new = before.get(name), after.get(name)
            if old != new:
                changes += difference(old, new, f"{path}/{_escaped(name)}")
        return changes
    if isinstance(before, list) and isinstance(after, list):
        olds, news = by_name(before), by_name(after)
        if olds is not None and news is not None:
            return difference(olds, news, path)
    return [Change(path, before, after)]


#: The keys that name an item, the specific ones first: many items also name a record.
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
    """Return the items of a list by their names; ``None`` if any item has no name."""
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
    """Return a name that is not used yet: ``2026-05-01``, then ``2026-05-01 (2)``."""
    if name not in known:
        return name
    return numbered(name, next(n for n in count(2) if numbered(name, n) not in known))


def numbered(name: str, number: int) -> str:
    """Return the name of the first, second, … of several items with the same name."""
    return name if number == 1 else f"{name} ({number})"


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
