"""Policies and calendars: versions that are adopted, and the defaults a ledger begins with."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.api import DCBRecorder
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.kernel import (
    LegalRef,
    Malformed,
    OutOfStep,
    PolicyVersionAdopted,
    Recorded,
    WorkingCalendarPublished,
    civil_moment,
    codec,
)
from ledger.kernel.days import DayCount, YearCalendar
from ledger.kernel.policies import PolicyVersions, Scope
from ledger.systems.policies import commands
from ledger.systems.policies.calendars import package_years, seed_years
from ledger.systems.policies.commands import (
    AdoptPolicyVersion,
    CallForCalendar,
    PublishWorkingCalendar,
    SeedLedger,
    fitting,
)
from ledger.systems.policies.defaults import DEFAULTS, NOTICE_ON, Default
from ledger.systems.policies.events import CalendarCalledFor
from ledger.systems.policies.keys import KEYS
from tests.cast import JB, actor
from tests.gwt import Scenario, like

SOURCE = LegalRef(instrument="兰州新区2027年检查频次公告")
CAP = {"A": 1, "B": 1, "C": 1, "D": 2}


def adopt(**fields: Any) -> AdoptPolicyVersion:
    given = {
        "key": "visit_cap",
        "value": CAP,
        "unit": "table",
        "effective_from": date(2027, 1, 1),
        "source": SOURCE,
        "confidence": "C",
    }
    return AdoptPolicyVersion(**(given | fields))


@pytest.fixture
def story() -> Scenario:
    """A seeded ledger on 2026-11-20."""
    return Scenario(InMemoryDCBRecorder(), by=JB).at("2026-11-20T09:00+08:00").given(SeedLedger())


def versions(recorder: DCBRecorder, key: str) -> PolicyVersions:
    records = [codec.decode(s.position, s.event.data) for s in recorder.read()]
    of_key = [
        r for r in records if isinstance(r.event, PolicyVersionAdopted) and r.event.key == key
    ]
    return PolicyVersions(key).over(of_key)


# Adopting versions


def test_a_version_gets_the_next_number(story: Scenario) -> None:
    """Versions are numbered by key, whatever is adopted of other keys."""
    story.amid(
        PolicyVersionAdopted(
            key="cap_year",
            version=7,
            value="calendar",
            unit="text",
            effective_from=date(2027, 1, 1),
            source=SOURCE,
            confidence="U",
        )
    )
    story.when(adopt()).then(
        PolicyVersionAdopted(
            key="visit_cap",
            version=2,
            value=CAP,
            unit="table",
            effective_from=date(2027, 1, 1),
            source=SOURCE,
            confidence="C",
        )
    )
    story.when(adopt(effective_from=date(2028, 1, 1))).then(like(PolicyVersionAdopted, version=3))


def test_s20_a_new_version_leaves_earlier_days_alone(story: Scenario) -> None:
    """A cap from 2027 on judges no day of 2026."""
    story.given(adopt())
    known = versions(story.ledger.recorder, "visit_cap")
    for on, version in ((date(2026, 12, 31), 1), (date(2027, 1, 1), 2)):
        in_force = known.in_force(on)
        assert in_force is not None
        assert in_force.version == version


def test_the_narrowest_scope_is_in_force(story: Scenario) -> None:
    """A version for one unit holds there and nowhere else, even beside a newer one for all."""
    story.given(
        adopt(scope=Scope(unit="EMB"), effective_from=date(2026, 11, 20)),
        adopt(effective_from=date(2026, 12, 1)),
    )
    known = versions(story.ledger.recorder, "visit_cap")
    found = {
        unit: version.version
        for unit in ("EMB", "MRB", None)
        if (version := known.in_force(date(2026, 12, 5), unit=unit))
    }
    assert found == {"EMB": 2, "MRB": 3, None: 3}


def test_GEN_V2_a_retroactive_version_is_found(story: Scenario) -> None:
    """A version that reaches back is recorded with its reason, and a finding beside it."""
    command = adopt(effective_from=date(2026, 10, 1), retroactive=True, reason="公告补发")
    story.when(command).then(
        like(PolicyVersionAdopted, version=2, retroactive=True, reason="公告补发"),
        like(
            FindingRaised,
            rule_id="GEN-V2",
            type="retroactive_policy",
            auto=True,
            facts={
                "key": "visit_cap",
                "version": 2,
                "effective_from": "2026-10-01",
                "adopted_on": "2026-11-20",
            },
        ),
    )


def test_from_today_on_is_not_retroactive(story: Scenario) -> None:
    """The day of adoption itself does not reach back, whatever the command says."""
    command = adopt(effective_from=date(2026, 11, 20), retroactive=True, reason="x")
    story.when(command).then(like(PolicyVersionAdopted, retroactive=False))


def test_whoever_reports_it_later_still_reaches_back(story: Scenario) -> None:
    """What counts is the day of recording, not the day on which it is said to have happened."""
    story.when(
        adopt(effective_from=date(2026, 11, 10), occurred_at=civil_moment(date(2026, 11, 10)))
    ).raises(Malformed, pointer="/effective_from")


@pytest.mark.parametrize(
    ("fields", "pointer", "says"),
    [
        ({"key": "visit_caps"}, "/key", "Did you mean visit_cap?"),
        ({"key": "zzz"}, "/key", "must be a policy of the rulebook"),
        ({"unit": "count"}, "/unit", "unit must be table"),
        ({"value": 3}, "/value", "object"),
        ({"value": {"A": 1, "B": 1, "C": 1}}, "/value", "`D`"),
        ({"value": CAP | {"E": 1}}, "/value", "`E`"),
        ({"value": CAP | {"C": "two"}}, "/value/C", "int"),
        ({"value": CAP | {"C": -1}}, "/value/C", ">= 0"),
        ({"key": "triage_wd", "unit": "wd", "value": 2.5}, "/value", "int"),
        ({"key": "triage_wd", "unit": "wd", "value": True}, "/value", "int"),
        ({"key": "triage_wd", "unit": "cd", "value": 2}, "/unit", "unit must be wd"),
        ({"key": "redaction_share", "unit": "ratio", "value": 0.2}, "/value", "str"),
        ({"key": "redaction_share", "unit": "ratio", "value": "0.20001"}, "/value", "regex"),
        ({"key": "redaction_share", "unit": "ratio", "value": "1/5"}, "/value", "regex"),
        ({"effective_to": date(2026, 12, 31)}, "/effective_to", "before effective_from"),
        ({"effective_from": date(2026, 11, 19)}, "/effective_from", "send retroactive as true"),
        ({"effective_from": date(2026, 11, 19), "retroactive": True}, "/reason", "reason"),
    ],
)
def test_what_does_not_fit_is_malformed(
    story: Scenario, fields: dict[str, Any], pointer: str, says: str
) -> None:
    """A version that no command could be judged by is refused, pointing at the fault."""
    story.when(adopt(**fields)).raises(Malformed, pointer=pointer, says=says)


def test_a_table_is_stored_complete(story: Scenario) -> None:
    """What a table leaves to its defaults is spelled out, so that readers need not know them."""
    value = {
        "minor": {"min_months": 0, "max_months": 3, "published": "exceptionally"},
        "general": {"min_months": 3, "max_months": 12},
        "serious": {"min_months": 12, "max_months": 36},
    }
    story.when(adopt(key="dishonesty.regime", value=value))
    assert story.outcome is not None
    (record,) = story.outcome.events
    assert isinstance(record.event, PolicyVersionAdopted)
    assert record.event.value["general"] == {
        "min_months": 3,
        "max_months": 12,
        "repairable": True,
        "published": "always",
    }
    assert record.event.value["several"] == "longest"


# Calendars

HOLIDAYS_2027 = tuple(
    date.fromisoformat(f"2027-{day}")
    for day in ("01-01", "02-08", "02-09", "05-03", "10-01", "10-04", "10-05")
)
MAKEUP_2027 = (date(2027, 2, 6), date(2027, 10, 9))


def publish(**fields: Any) -> PublishWorkingCalendar:
    given = {
        "year": 2027,
        "holidays": HOLIDAYS_2027,
        "makeup_workdays": MAKEUP_2027,
        "source": "国务院办公厅关于2027年部分节假日安排的通知",
    }
    return PublishWorkingCalendar(**(given | fields))


def test_a_year_is_published_and_revised(story: Scenario) -> None:
    """A calendar is the year's next version, sorted; the same days again are nothing new."""
    story.when(publish(holidays=HOLIDAYS_2027[::-1])).then(
        WorkingCalendarPublished(
            year="2027",
            version=1,
            holidays=HOLIDAYS_2027,
            makeup_workdays=MAKEUP_2027,
            source="国务院办公厅关于2027年部分节假日安排的通知",
        )
    )
    story.when(publish()).then()
    story.when(publish(makeup_workdays=MAKEUP_2027[:1])).then(
        like(WorkingCalendarPublished, version=2, makeup_workdays=MAKEUP_2027[:1])
    )


def test_a_seeded_year_can_be_revised(story: Scenario) -> None:
    """A local closure is a new version of a year that came with the program."""
    holidays, makeup = seed_years()[2026]
    closed = (*holidays, date(2026, 12, 14))
    story.when(publish(year=2026, holidays=closed, makeup_workdays=makeup)).then(
        like(WorkingCalendarPublished, year="2026", version=2, holidays=closed)
    )


@pytest.mark.parametrize(
    ("fields", "pointer", "says"),
    [
        ({"holidays": (*HOLIDAYS_2027, date(2026, 1, 1))}, "/holidays/7", "must be in 2027"),
        ({"makeup_workdays": (date(2028, 2, 6),)}, "/makeup_workdays/0", "must be in 2027"),
        ({"makeup_workdays": (date(2027, 2, 5),)}, "/makeup_workdays/0", "weekday"),
        (
            {"holidays": (*HOLIDAYS_2027, MAKEUP_2027[1])},
            "/makeup_workdays/1",
            "both a holiday and a make-up working day",
        ),
        ({"holidays": HOLIDAYS_2027[1:]}, "/holidays", "must include the statutory"),
        (
            {"holidays": (*HOLIDAYS_2027, *(date(2027, 7, day) for day in range(1, 32)),
                          *(date(2027, 8, day) for day in range(1, 32)))},
            "/holidays",
            "at most 40",
        ),
        (
            {"makeup_workdays": tuple(date.fromisocalendar(2027, w, 6) for w in range(2, 30))},
            "/makeup_workdays",
            "at most 20",
        ),
    ],
)  # fmt: skip
def test_an_implausible_calendar_is_malformed(
    story: Scenario, fields: dict[str, Any], pointer: str, says: str
) -> None:
    """Days of another year, make-up weekdays, days of both kinds and absurd numbers are refused."""
    story.when(publish(**fields)).raises(Malformed, pointer=pointer, says=says)


@pytest.mark.parametrize("year", sorted(seed_years()))
def test_every_seeded_year_would_be_accepted(year: int) -> None:
    """What the ledger seeds is held to the same checks as what a person publishes."""
    holidays, makeup = seed_years()[year]
    story = Scenario(InMemoryDCBRecorder(), by=JB)
    story.when(publish(year=year, holidays=holidays, makeup_workdays=makeup)).then(
        like(WorkingCalendarPublished, year=str(year), version=1)
    )


def test_seeded_years_say_what_the_package_says() -> None:
    """Day by day, the calendars agree with the package that they come from, but for its mistake."""
    import chinese_calendar

    days = DayCount(
        {
            year: YearCalendar(year, 1, frozenset(holidays), frozenset(makeup))
            for year, (holidays, makeup) in seed_years().items()
        }
    )
    first, last = date(2004, 1, 1), date(2026, 12, 31)
    all_days = [date.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 1)]
    differing = [d for d in all_days if days.is_working(d) != chinese_calendar.is_workday(d)]
    assert differing == [date(2005, 12, 31)]
    assert days.is_working(date(2005, 12, 31))


# Seeding


def test_a_year_that_was_seeded_with_a_mistake_is_corrected_once(recorder: DCBRecorder) -> None:
    """By a second version; what the authority published since stays."""
    story = Scenario(recorder, by=JB).at("2026-11-20T09:00+08:00")
    holidays, makeup = package_years()[2005]
    story.given(
        *(
            WorkingCalendarPublished(
                year="2005", version=1, holidays=holidays, makeup_workdays=makeup, source="seed"
            ),
        )
    )
    story.given(SeedLedger())
    with_it = (*makeup, date(2005, 12, 31))
    story.when(publish(year=2005, holidays=holidays, makeup_workdays=with_it)).then()
    story.when(SeedLedger()).then()
    closed = (*holidays, date(2005, 12, 30))
    story.given(publish(year=2005, holidays=closed, makeup_workdays=makeup))
    story.when(SeedLedger()).then()


def test_seeding_records_every_default_and_calendar(recorder: DCBRecorder) -> None:
    """An empty ledger gets all of §3 and all known years, in one append, without findings."""
    story = Scenario(recorder, by=JB).at("2026-11-20T09:00+08:00").when(SeedLedger())
    assert story.outcome is not None
    events = [record.event for record in story.outcome.events]
    kinds = Counter(type(event) for event in events)
    assert kinds == {PolicyVersionAdopted: len(DEFAULTS), WorkingCalendarPublished: 23}
    for event in events:
        if isinstance(event, PolicyVersionAdopted):
            assert event.retroactive
            assert event.reason


def test_seeding_again_records_nothing(recorder: DCBRecorder) -> None:
    """Who is not sure whether it was done does it again."""
    Scenario(recorder, by=JB).given(SeedLedger()).when(SeedLedger()).then()


def test_seeding_adds_what_a_newer_program_knows(
    story: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later regime is added; adopted versions and seeded ones stay as they are."""
    story.given(adopt())
    newer = msgspec.structs.replace(
        next(d for d in DEFAULTS if d.key == "visit_cap"), effective_from=date(2030, 1, 1)
    )
    monkeypatch.setattr(commands, "DEFAULTS", (*DEFAULTS, newer))
    story.when(SeedLedger()).then(
        like(PolicyVersionAdopted, key="visit_cap", version=3, retroactive=False)
    )


def test_GEN_V2_a_default_that_has_changed_is_the_next_version_of_its_day(
    story: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its reason and the finding, once; what the authority adopted for that day stays."""
    changed = {"visit_cap": {"A": 1, "B": 2, "C": 3, "D": 5}, "multi_head_window_cd": 31}
    newer = tuple(
        msgspec.structs.replace(d, value=changed[d.key]) if d.key in changed else d
        for d in DEFAULTS
    )
    own = next(d for d in DEFAULTS if d.key == "multi_head_window_cd")
    story.given(
        adopt(
            key=own.key,
            value=29,
            unit="cd",
            effective_from=own.effective_from,
            retroactive=True,
            reason="地方规定",
        )
    )
    monkeypatch.setattr(commands, "DEFAULTS", newer)
    story.when(SeedLedger()).then(
        like(
            PolicyVersionAdopted,
            key="visit_cap",
            version=2,
            effective_from=NOTICE_ON,
            retroactive=True,
            value=changed["visit_cap"],
        ),
        like(FindingRaised, rule_id="GEN-V2"),
    )
    caps = versions(story.ledger.recorder, "visit_cap").in_force(date(2026, 5, 11))
    assert caps is not None
    assert (caps.version, caps.reason is not None) == (2, True)
    story.when(SeedLedger()).then()


def test_seeding_leaves_a_published_year_alone() -> None:
    """A year that the authority published first is not seeded over."""
    story = Scenario(InMemoryDCBRecorder(), by=JB).at("2026-01-05T09:00+08:00")
    holidays, makeup = seed_years()[2026]
    story.given(publish(year=2026, holidays=holidays, makeup_workdays=makeup))
    story.when(SeedLedger())
    assert story.outcome is not None
    years = [
        r.event.year for r in story.outcome.events if isinstance(r.event, WorkingCalendarPublished)
    ]
    assert years == [str(year) for year in range(2004, 2026)]


# The defaults themselves


@pytest.mark.parametrize("default", DEFAULTS, ids=lambda d: f"{d.key}@{d.effective_from}")
def test_every_default_fits_its_key(default: Default) -> None:
    """A default is held to the type that adopted versions are held to."""
    assert fitting(default.key, default.value, default.unit) is not None
    assert default.source.instrument


def test_every_key_has_a_default_and_versions_follow_each_other() -> None:
    """No key is without a value, and of one key no two versions begin on the same day."""
    assert {default.key for default in DEFAULTS} == set(KEYS)
    starts = Counter((default.key, default.effective_from) for default in DEFAULTS)
    assert max(starts.values()) == 1
    by_key: dict[str, Default] = {}
    for default in DEFAULTS:
        before = by_key.get(default.key)
        if before is not None:
            assert before.effective_to is not None
            assert default.effective_from.toordinal() == before.effective_to.toordinal() + 1
        by_key[default.key] = default


def test_deadlines_are_whole_numbers_of_a_counted_unit() -> None:
    """What a deadline is computed from is a number of working days, calendar days or months."""
    for key, declared in KEYS.items():
        suffix = key.rpartition("_")[2]
        if suffix in ("wd", "cd", "months"):
            assert declared.unit == {"months": "month"}.get(suffix, suffix)


def test_ratios_are_exact() -> None:
    """Ratios are decimal strings, so that 0.05 is a twentieth and rises with the grade."""
    ratios = next(default.value for default in DEFAULTS if default.key == "draw.ratio")
    assert [Decimal(ratios[grade]) * 20 for grade in "ABCD"] == [1, 4, 10, 20]


@pytest.mark.parametrize(
    ("determined_on", "severity", "months"),
    [
        (date(2022, 11, 15), "general", (3, 12)),
        (date(2023, 4, 30), "serious", (6, 36)),
        (date(2023, 5, 1), "serious", (3, 36)),
        (date(2026, 3, 31), "general", (3, 36)),
        (date(2026, 4, 1), "minor", (0, 3)),
        (date(2026, 4, 15), "general", (3, 12)),
        (date(2026, 4, 15), "serious", (12, 36)),
    ],
)
def test_each_day_has_its_regime(
    story: Scenario, determined_on: date, severity: str, months: tuple[int, int]
) -> None:
    """Which periods apply follows from the day of the determination (2019, Order 58, Order 36)."""
    regime = versions(story.ledger.recorder, "dishonesty.regime").in_force(determined_on)
    assert regime is not None
    period = regime.value[severity]
    assert (period["min_months"], period["max_months"]) == months


def test_events_are_public(story: Scenario) -> None:
    """Anybody may see by which numbers and days everything is judged."""
    records: list[Recorded] = [
        codec.decode(s.position, s.event.data) for s in story.ledger.recorder.read()
    ]
    assert {record.envelope.visibility for record in records} == {"public"}


def test_a_calendar_is_called_for_once_from_november() -> None:
    """Only while the next year's is missing, and not before the day that the policy states."""
    clock = actor("LEDGER", "clock", "ledger_clock")
    call = CallForCalendar(year=2027)
    story = Scenario(InMemoryDCBRecorder(), by=clock).at("2026-10-31T09:00+08:00")
    story.given(SeedLedger())
    story.when(call).raises(OutOfStep, says="2026-11-01")
    story.at("2026-11-01T00:10+08:00").when(call).then(
        like(CalendarCalledFor, year="2027", due_on=date(2026, 12, 31))
    )
    story.when(call).raises(OutOfStep, says="already called for or published")
    story.when(CallForCalendar(year=2026)).raises(OutOfStep)
