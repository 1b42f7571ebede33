"""Versions, and which of them is in force on a day. Every system uses this order.

Of the versions that have begun by a day, the one that began last is in force; of those that begin
on the same day, the one recorded last. So a version that is recorded late never replaces one that
begins after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from operator import attrgetter
from typing import Any, Generic, TypeVar

import msgspec

from ledger.kernel.folds import Fold

V = TypeVar("V")

_SINCE: Callable[[Any], date] = attrgetter("effective_from")


def begun(versions: Iterable[V], on: date, since: Callable[[V], date | None] = _SINCE) -> list[V]:
    """Return the versions that have begun by a day, in the order in which they took effect.

    ``versions`` are in the order in which they were recorded. ``since`` returns the first day of a
    version, or ``None`` if it has none yet.
    """
    days = ((since(version), version) for version in versions)
    dated = [(day, version) for day, version in days if day is not None and day <= on]
    return [version for _, version in sorted(dated, key=lambda pair: pair[0])]


def in_force(
    versions: Iterable[V], on: date, since: Callable[[V], date | None] = _SINCE
) -> V | None:
    """Return the version in force on a day, ``None`` before the first. Arguments as ``begun``."""
    return next(reversed(begun(versions, on, since)), None)


class VersionsFold(Fold, Generic[V], kw_only=True):
    """Which versions are recorded, each with an ``effective_from`` and a number ``version``?"""

    versions: list[V] = msgspec.field(default_factory=list)

    @property
    def latest(self) -> int:
        """The highest version number; 0 if no version is recorded."""
        numbers: Iterable[int] = map(attrgetter("version"), self.versions)
        return max(numbers, default=0)

    def in_force(self, on: date) -> V | None:
        """Return the version in force on a day; ``None`` before the first."""
        return in_force(self.versions, on)
