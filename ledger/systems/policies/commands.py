"""Commands of policies and calendars."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from difflib import get_close_matches
from typing import Annotated, Any

import msgspec

from ledger.general.findings import finding
from ledger.general.roles import roles
from ledger.general.vocabulary import Name, Text
from ledger.kernel import (
    Act,
    DatedAct,
    Event,
    Inquiry,
    LegalRef,
    Malformed,
    OutOfStep,
    Report,
    message,
)
from ledger.kernel.days import YearCalendar
from ledger.kernel.policies import PolicyKey, PolicyVersions, PublishedYear, Scope
from ledger.systems.policies.calendars import SATURDAY, package_years, seed_source, seed_years
from ledger.systems.policies.defaults import DEFAULTS, Confidence, Default
from ledger.systems.policies.events import (
    CalendarCalledFor,
    PolicyVersionAdopted,
    WorkingCalendarPublished,
)
from ledger.systems.policies.folds import CalendarCall
from ledger.systems.policies.keys import KEYS, PolicyUnit
from ledger.systems.policies.rules import GEN_V2

#: Statutory rest days; the notice of a year must list each that does not fall on a weekend.
STATUTORY = ((1, 1), (5, 1), (10, 1), (10, 2), (10, 3))

Year = Annotated[int, msgspec.Meta(ge=1950, le=2200)]

#: No notice so far freed more than 25 weekdays or took more than 12 weekends.
MOST_HOLIDAYS = 40
MOST_MAKEUP = 20


class AdoptPolicyVersion(DatedAct):
    """发布政策版本: set a policy to a new value from a day on, for all units or within a scope.

    A day before today needs ``retroactive`` and a reason, and raises a finding (GEN-V2).
    """

    ROLES = roles("jb_supervisor")
    ACTS_FOR = ""

    key: PolicyKey
    value: Any
    unit: PolicyUnit
    effective_from: date
    effective_to: date | None = None
    scope: Scope = Scope()
    source: LegalRef
    confidence: Confidence
    retroactive: bool = False
    reason: Text | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        value = fitting(self.key, self.value, self.unit)
        if self.effective_to is not None and self.effective_to < self.effective_from:
            raise Malformed(
                "policies.effective-to-must-not-lie-before-effective-from",
                pointer="/effective_to",
                effective_from=self.effective_from,
                effective_to=self.effective_to,
            )
        backdated = self.effective_from < inquiry.today
        if backdated and not self.retroactive:
            raise Malformed(
                "policies.effective-from-must-not-lie-before-today",
                pointer="/effective_from",
                today=inquiry.today,
                effective_from=self.effective_from,
            )
        if backdated and self.reason is None:
            raise Malformed("policies.reason-must-be-given-retroactive-version", pointer="/reason")
        version = inquiry.read(PolicyVersions(self.key)).latest + 1
        yield PolicyVersionAdopted(
            key=self.key,
            version=version,
            value=value,
            unit=self.unit,
            effective_from=self.effective_from,
            effective_to=self.effective_to,
            scope=self.scope,
            source=self.source,
            confidence=self.confidence,
            retroactive=backdated,
            reason=self.reason,
        )
        if backdated:
            yield finding(
                inquiry,
                GEN_V2,
                key=self.key,
                version=version,
                effective_from=self.effective_from.isoformat(),
                adopted_on=inquiry.today.isoformat(),
            )


class PublishWorkingCalendar(Report):
    """发布工作日历: publish the rest days and make-up working days of a year, or correct them.

    Nothing is recorded if the newest version of the year is the same.
    """

    ROLES = roles("jb_supervisor")

    year: Year
    holidays: tuple[date, ...]
    makeup_workdays: tuple[date, ...]
    source: Name

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        self.check()
        holidays = tuple(sorted(set(self.holidays)))
        makeup = tuple(sorted(set(self.makeup_workdays)))
        known = inquiry.read(PublishedYear(str(self.year))).latest
        if (
            known
            and known.holidays == frozenset(holidays)
            and known.makeup_workdays == frozenset(makeup)
        ):
            return
        yield WorkingCalendarPublished(
            year=str(self.year),
            version=known.version + 1 if known else 1,
            holidays=holidays,
            makeup_workdays=makeup,
            source=self.source,
        )

    def check(self) -> None:
        """Check that the days are in the year and the table is plausible. Raises ``Malformed``."""
        for field in ("holidays", "makeup_workdays"):
            for place, day in enumerate(getattr(self, field)):
                if day.year != self.year:
                    raise Malformed(
                        "policies.each-day-must-be",
                        pointer=f"/{field}/{place}",
                        year=self.year,
                        day=day,
                    )
        for place, day in enumerate(self.makeup_workdays):
            pointer = f"/makeup_workdays/{place}"
            if day.weekday() < SATURDAY:
                raise Malformed(
                    "policies.make-up-working-day-must-be-weekend", pointer=pointer, day=day
                )
            if day in self.holidays:
                raise Malformed(
                    "policies.must-not-both-holiday-make-up-working", pointer=pointer, day=day
                )
        for month, number in STATUTORY:
            day = date(self.year, month, number)
            if day.weekday() < SATURDAY and day not in self.holidays:
                raise Malformed(
                    "policies.holidays-must-include-statutory-holiday", pointer="/holidays", day=day
                )
        # A holiday period may be listed with its weekends; only weekdays count here.
        if sum(day.weekday() < SATURDAY for day in set(self.holidays)) > MOST_HOLIDAYS:
            raise Malformed(
                "policies.holidays-must-include-most-weekdays",
                pointer="/holidays",
                most_holidays=MOST_HOLIDAYS,
            )
        if len(set(self.makeup_workdays)) > MOST_MAKEUP:
            raise Malformed(
                "policies.makeup-workdays-must-most-days",
                pointer="/makeup_workdays",
                most_makeup=MOST_MAKEUP,
            )


class CallForCalendar(Act):
    """工作日历待发布: call for next year's calendar if it is missing after ``calendar.call_on``.

    This is recorded once a year.
    """

    ROLES = roles("ledger_clock")

    year: Year

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        known = inquiry.read(CalendarCall(str(self.year)))
        if known.called or known.published:
            raise OutOfStep("policies.calendar-already-called-published", year=self.year)
        from_day = inquiry.stated_day("calendar.call_on", self.year - 1)
        if not from_day <= inquiry.today < date(self.year, 1, 1):
            raise OutOfStep(
                "policies.calendar-must-be-called-end",
                year=self.year,
                from_day=from_day,
                from_day_year=from_day.year,
                today=inquiry.today,
            )
        yield CalendarCalledFor(year=str(self.year), due_on=date(self.year - 1, 12, 31))


class SeedLedger(Report):
    """初始化台账: record the default policies and calendars that this ledger does not have yet.

    The command is safe to repeat, and a newer program adds its new defaults with it. A default is
    missing if its key has no version from the same day in the same scope; a calendar is missing if
    its year has no version. If an earlier program seeded a calendar with a mistake, the command
    publishes a second version. If a newer program changed a default, the command adopts it as the
    next version from the same day, with a reason and with the finding GEN-V2, because facts were
    judged by the earlier version. The command never replaces a version that the authority adopted.

    A missing default may take effect before today. This does not raise GEN-V2, because no fact was
    judged by the key before its first version.
    """

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        newest: dict[str, int] = {}
        for default in DEFAULTS:
            known = inquiry.read(PolicyVersions(default.key))
            of_day = [
                v
                for v in known.versions
                if (v.effective_from, v.scope) == (default.effective_from, default.scope)
            ]
            latest = max(of_day, key=lambda v: v.version, default=None)
            if latest is not None and not _outdated(latest, default):
                continue
            version = newest[default.key] = newest.get(default.key, known.latest) + 1
            yield _seeded(default, version, inquiry.today, changed=latest is not None)
            if latest is not None:
                yield finding(
                    inquiry,
                    GEN_V2,
                    key=default.key,
                    version=version,
                    effective_from=default.effective_from.isoformat(),
                    adopted_on=inquiry.today.isoformat(),
                )
        for year, (holidays, makeup) in seed_years().items():
            published = inquiry.read(PublishedYear(str(year))).latest
            if published is None or _seeded_wrongly(published):
                yield WorkingCalendarPublished(
                    year=str(year),
                    version=1 if published is None else 2,
                    holidays=holidays,
                    makeup_workdays=makeup,
                    source=seed_source(),
                )


def _seeded_wrongly(known: YearCalendar) -> bool:
    """Return whether a year still has a calendar that an earlier program seeded wrongly."""
    seeded, right = package_years()[known.year], seed_years()[known.year]
    return (
        seeded != right
        and known.version == 1
        and (known.holidays, known.makeup_workdays) == tuple(map(frozenset, seeded))
    )


def fitting(key: str, value: Any, unit: str) -> Any:
    """Return ``value`` in the form that is stored. Raises ``Malformed`` if it does not fit."""
    known = KEYS.get(key)
    if known is None:
        near = get_close_matches(key, KEYS, n=3)
        hint = message("policies.did-you-mean", near=near) if near else ""
        raise Malformed("policies.key-must-be-policy-rulebook", pointer="/key", key=key, hint=hint)
    if unit != known.unit:
        raise Malformed(
            "policies.unit-must-be", pointer="/unit", unit=known.unit, key=key, given_unit=unit
        )
    try:
        checked = msgspec.convert(value, known.type)
    except msgspec.ValidationError as error:
        fault, _, path = str(error).partition(" - at `$")
        pointer = path.rstrip("`").replace("[...]", "").replace(".", "/")
        raise Malformed(
            "policies.value-fault", pointer=f"/value{pointer}", key=key, fault=fault
        ) from error
    return msgspec.json.decode(msgspec.json.encode(checked))


#: How the reason begins in a version that the program recorded itself.
_DEFAULT = "Default of the rulebook, "


def _outdated(latest: PolicyVersionAdopted, default: Default) -> bool:
    """Return whether a version is a default that the program has changed since."""
    if not (latest.reason or "").startswith(_DEFAULT):
        return False  # The authority adopted this version.
    value = fitting(default.key, default.value, default.unit)
    return (latest.value, latest.unit, latest.effective_to) != (
        value,
        default.unit,
        default.effective_to,
    )


def _seeded(
    default: Default, version: int, today: date, *, changed: bool = False
) -> PolicyVersionAdopted:
    note = f" {default.note[0].upper()}{default.note[1:]}." if default.note else ""
    why = (
        "changed since an earlier version of the program"
        if changed
        else ("recorded when it was missing")
    )
    return PolicyVersionAdopted(
        key=default.key,
        version=version,
        value=fitting(default.key, default.value, default.unit),
        unit=default.unit,
        effective_from=default.effective_from,
        effective_to=default.effective_to,
        scope=default.scope,
        source=default.source,
        confidence=default.confidence,
        retroactive=default.effective_from < today,
        reason=f"{_DEFAULT}{why}.{note}",
    )
