"""How often somebody came to a business, and for how long: units together on a day came once.

The burden account and the credit profile both count by this (rulebook 2.10, 2.16).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple, Protocol


class Visited(Protocol):
    """One unit's visit under one task, begun or not."""

    @property
    def joint(self) -> str | None:
        """The joint visit that it is a part of."""

    @property
    def opened_on(self) -> date | None:
        """The day on which it began."""

    @property
    def minutes(self) -> int | None:
        """How long it took, if it has ended."""


class Arrival(NamedTuple):
    """One time that somebody came: on which day, for how many minutes, and how many units."""

    day: date
    minutes: int
    units: int


#: For each joint visit recorded as held: the day, and the minutes from first arrival to departure.
Held = Mapping[str, tuple[date, int]]


def arrivals(visits: Mapping[str, Visited], held: Held) -> list[Arrival]:
    """Each time that somebody came, of the visits by task. A joint visit is one, if it was one."""
    times: dict[tuple[date, str], list[Visited]] = {}
    for task, visit in visits.items():
        if visit.opened_on is not None:
            times.setdefault((visit.opened_on, visit.joint or f"task:{task}"), []).append(visit)
    found = []
    for (day, joint), together in times.items():
        held_on, minutes = held.get(joint, (None, 0))
        if held_on != day:
            minutes = max(visit.minutes or 0 for visit in together)
        found.append(Arrival(day, minutes, len(together)))
    return found
