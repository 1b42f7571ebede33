"""Arrivals at a business: how often units came, and for how long; a joint visit is one arrival.

The burden account and the credit profile both count arrivals (rulebook 2.10, 2.16).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple, Protocol


class Visited(Protocol):
    """One unit's visit under one task, whether or not it has begun."""

    @property
    def joint(self) -> str | None:
        """The joint visit that the visit belongs to, if any."""

    @property
    def opened_on(self) -> date | None:
        """The day on which the visit began, if it has."""

    @property
    def minutes(self) -> int | None:
        """The duration of the visit, if it has ended."""


class Arrival(NamedTuple):
    """One arrival: its day, the minutes on site, and the number of units that came together."""

    day: date
    minutes: int
    units: int


#: For each joint visit recorded as held: its day, and the minutes from first arrival to last
#: departure.
Held = Mapping[str, tuple[date, int]]


def arrivals(visits: Mapping[str, Visited], held: Held) -> list[Arrival]:
    """Return the arrivals of visits, given by task.

    Units of a joint visit on one day arrive once.
    """
    times: dict[tuple[date, str], list[Visited]] = {}
    for task, visit in visits.items():
        if visit.opened_on is not None:
            times.setdefault((visit.opened_on, visit.joint or f"task:{task}"), []).append(visit)
    result = []
    for (day, joint), together in times.items():
        held_on, minutes = held.get(joint, (None, 0))
        if held_on != day:
            minutes = max(visit.minutes or 0 for visit in together)
        result.append(Arrival(day, minutes, len(together)))
    return result
