"""Policies, calendars and deadlines as they apply to one command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from ledger.kernel.commands import Command
from ledger.kernel.days import DayCount, Due, YearCalendar
from ledger.kernel.deadlines import DeadlineRule
from ledger.kernel.events import (
    Recorded,
    civil_date,
)
from ledger.kernel.policies import PolicyVersionAdopted, PolicyVersions, PublishedYear
from ledger.kernel.questions import Past, Questions
from ledger.kernel.rules import (
    Malformed,
)


class Terms(Questions):
    """What one command reads, with the policies, calendars and deadlines that apply to it.

    ``at``: when the reported fact happened. ``now``: the ledger's time of recording.
    """

    def __init__(
        self,
        past: Past,
        command: Command,
        audiences: frozenset[str] | None,
        *,
        at: datetime,
        now: datetime,
    ) -> None:
        super().__init__(past, command, audiences)
        self.at, self.now = at, now
        #: The version of each policy that the command used, by key.
        self.policy_refs: dict[str, int] = {}

    @property
    def on(self) -> date:
        """The civil date on which the reported fact happened."""
        return civil_date(self.at)

    @property
    def today(self) -> date:
        """The civil date of recording."""
        return civil_date(self.now)

    def policy(
        self, key: str, *, on: date | None = None, **where: str | None
    ) -> PolicyVersionAdopted | None:
        """Return the version of a policy in force when the fact happened (or ``on`` another day).

        Its number goes into the ``policy_refs`` of every event that this command records.
        """
        versions = self.read(PolicyVersions(key))
        version = versions.in_force(on or self.on, **where)
        if version is not None:
            self.policy_refs[key] = version.version
        return version

    def setting(self, key: str, *, on: date | None = None, **where: str | None) -> Any:
        """Return the value of a policy in force. Raises ``Malformed`` if no version is in force."""
        version = self.policy(key, on=on, **where)
        if version is None:
            day = on or self.on
            raise Malformed(
                "kernel.policy-no-version-force",
                pointer="/occurred_at",
                key=key,
                day=day,
            )
        return version.value

    def stated_day(self, key: str, year: int) -> date:
        """Return the day of ``year`` that a policy states as ``MM-DD``.

        A stated day does not move to the next working day. Raises ``Malformed`` if the policy
        states no such day.
        """
        written = str(self.setting(key))
        try:
            return date.fromisoformat(f"{year:04}-{written}")
        except ValueError:
            raise Malformed(
                "kernel.policy-must-state-day-mm-dd", key=key, written=written
            ) from None

    def days(self) -> DayCount:
        """Return a day count over the calendars published so far."""
        return DayCount(_PublishedYears(self))

    def period(self, key: str, start: date, **where: str | None) -> Due:
        """Return the last day of the period that a policy sets, counted from ``start``."""
        n = int(self.setting(key, on=start, **where))
        unit = self._past.fold(PolicyVersions(key)).in_force(start, **where)
        assert unit is not None
        return self.days().due(start, n, unit.unit)  # type: ignore[arg-type]

    def due(self, rule: DeadlineRule, opening: Recorded) -> Due:
        """Return the last day of the deadline that ``opening`` opened."""
        return rule.due(opening, self._policy_of(rule, opening), self.days())

    def days_late(self, rule: DeadlineRule, opened_at: int) -> int:
        """Return how many calendar days after the deadline the reported fact happened.

        ``opened_at``: the position of the record that opened the deadline.
        """
        return self.days_after(self.due(rule, self.opening(opened_at)))

    def days_after(self, last: date | Due) -> int:
        """Return how many calendar days after ``last`` the reported fact happened; 0 if in time.

        Return 0 too while that day is provisional, because only a published calendar can make a
        fact late (Annex B), and if the day had passed before this ledger took over the matter.
        """
        if isinstance(last, Due):
            if last.provisional or not last.judged:
                return 0
            last = last.on
        return max(0, (self.on - last).days)

    def _policy_of(self, rule: DeadlineRule, opening: Recorded) -> PolicyVersionAdopted | None:
        """Return the policy version that sets a deadline's length: in force when it was opened."""
        if rule.policy_key is None:
            return None
        start = opening.occurred_on
        self.setting(rule.policy_key, on=start)
        return self._past.fold(PolicyVersions(rule.policy_key)).in_force(start)


class _PublishedYears(Mapping[int, YearCalendar]):
    """The published years; each is read when it is looked up."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def __getitem__(self, year: int) -> YearCalendar:
        published = self._terms.read(PublishedYear(str(year))).latest
        if published is None:
            raise KeyError(year)
        return published

    def __iter__(self) -> Iterator[int]:
        raise TypeError("published years are looked up, never listed")

    def __len__(self) -> int:
        raise TypeError("published years are looked up, never counted")
