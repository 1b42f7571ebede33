"""Policies and calendars: the numbers and days that rules use. They are recorded as events.

A command is judged by the policy version in force when the fact *occurred*; its events name the
versions used in ``policy_refs`` (rulebook 0.4).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar

import msgspec

from ledger.kernel.days import YearCalendar
from ledger.kernel.events import WRITTEN, Event, LegalRef, Value
from ledger.kernel.folds import Fold
from ledger.kernel.subjects import subject
from ledger.kernel.versions import VersionsFold, begun

PolicyKey = Annotated[
    str,
    subject(
        "policy",
        hideable=False,
        pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$",
        examples=["visit_cap"],
    ),
]
CalendarYear = Annotated[
    str, subject("calendar", hideable=False, pattern=r"^[0-9]{4}$", examples=["2026"])
]


class Scope(Value):
    """Where a policy version applies; a part that is absent means everywhere."""

    unit: str | None = None
    domain: str | None = None
    grade: str | None = None


class PolicyVersionAdopted(Event):
    """政策版本: one version of one policy value, in force between two dates.

    ``value`` is any JSON value; ``unit`` says what it measures: ``wd`` working days, ``cd``
    calendar days, ``month``, ``count``, ``fen``, ``ratio``, ``text`` or ``table``.
    """

    TOPIC: ClassVar[str] = "policies.policy-version-adopted"
    VISIBILITY = "public"

    key: PolicyKey
    version: int
    value: Any
    unit: str
    effective_from: date
    source: LegalRef
    confidence: str
    effective_to: date | None = None
    scope: Scope = Scope()
    retroactive: bool = False
    reason: Annotated[str, WRITTEN] | None = None


class WorkingCalendarPublished(Event):
    """工作日历: the holidays and make-up working days of one year, as announced."""

    TOPIC: ClassVar[str] = "policies.working-calendar-published"
    VISIBILITY = "public"

    year: CalendarYear
    version: int
    holidays: tuple[date, ...]
    makeup_workdays: tuple[date, ...]
    source: str


class PolicyVersions(VersionsFold[PolicyVersionAdopted]):
    """Which versions of a policy have been adopted?"""

    key: PolicyKey

    def on_adopted(self, event: PolicyVersionAdopted) -> None:
        self.versions.append(event)

    def in_force(self, on: date, **where: str | None) -> PolicyVersionAdopted | None:
        """Return the version in force on a day at a place: the narrowest scope, then the newest."""
        fitting = [
            v
            for v in begun(self.versions, on)
            if (v.effective_to is None or on <= v.effective_to)
            and all(
                wanted is None or wanted == where.get(part)
                for part, wanted in msgspec.structs.asdict(v.scope).items()
            )
        ]
        return max(reversed(fitting), key=_narrowness, default=None)


def _narrowness(version: PolicyVersionAdopted) -> int:
    return sum(part is not None for part in msgspec.structs.asdict(version.scope).values())


class PublishedYear(Fold):
    """What does the newest published calendar of a year say?"""

    year: CalendarYear
    latest: YearCalendar | None = None

    def on_published(self, event: WorkingCalendarPublished) -> None:
        if self.latest is None or event.version > self.latest.version:
            self.latest = YearCalendar(
                int(event.year),
                event.version,
                frozenset(event.holidays),
                frozenset(event.makeup_workdays),
            )
