"""Businesses: search, the profile at any day, what changed between two days, what would be."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import web

from api.console.shell import Opened, Page
from api.console.shown import Scale, columns
from api.http.keys import LEDGER
from api.http.resources import Parameter
from api.systems.replays import KNOWN, VALID
from ledger.kernel import Moment, civil_date
from ledger.kernel.events import CIVIL_ZONE
from ledger.kernel.messages import catalogue
from projections.profiles.law import DRAW_RATIO, MANNER, REGIMES, VISIT_CAP

#: The policies of which another version may be tried: those from which a profile is calculated.
_POLICIES = (*sorted(REGIMES), VISIT_CAP, MANNER, DRAW_RATIO)

#: The newest events that a profile shows, and the businesses found on one page.
_NEWEST, _FOUND = 8, 50

#: The newest entries of a part of a profile that its page lists; the JSON has all of them.
_LISTED = 25


async def search(page: Opened) -> web.StreamResponse:
    """Show the businesses that were searched for, or the first ones."""
    wanted = {name: value for name, value in page.query if name in ("q", "area", "after")}
    body = await page.read("/v1/entities", {**wanted, "limit": _FOUND, "total": "true"})
    return await page.render("businesses.html", body=body, sought=wanted.get("q", ""))


async def profile(page: Opened) -> web.StreamResponse:
    """Show a business as it was on a day, as it was known at a moment; by default now."""
    entity, root = _entity(page)
    clocks = _clocks(page)
    shown, times, trail = await page.read_all(
        (f"{root}/profile", clocks),
        (f"{root}/event-times", None),
        (f"{root}/trail", _newest(clocks)),
    )
    if shown is None:
        return await page.problem(await page.ask(f"{root}/profile", clocks))
    today = today_of(page)
    on = date.fromisoformat(clocks["valid_as_of"]) if "valid_as_of" in clocks else today
    return await page.render(
        "business.html",
        units=await unit_names(page),
        path=f"{root}/profile",
        entity=entity,
        profile=shown,
        listed=_LISTED,
        columns=columns,
        trail=trail["entries"] if trail else [],
        scale=_scale(shown, on),
        on=on,
        today=today,
        times=None if times is None else _Times(times, clocks, today),
    )


def _newest(clocks: Mapping[str, str]) -> dict[str, str | int]:
    asked: dict[str, str | int] = {"order": "newest", "limit": _NEWEST}
    if "known_as_of" in clocks:
        asked["known_as_of"] = clocks["known_as_of"]
    if "valid_as_of" in clocks:
        asked["until"] = clocks["valid_as_of"]
    return asked


def _entity(page: Opened) -> tuple[str, str]:
    entity = page.request.match_info["entity"]
    return entity, f"/v1/entities/{quote(entity, safe='')}"


def _clocks(page: Opened) -> dict[str, str]:
    """Return the two times of the address. A day of knowledge means its end."""
    clocks = {n: v for n, v in page.query if n in ("valid_as_of", "known_as_of")}
    known = clocks.get("known_as_of", "")
    if len(known) == len("2026-05-01"):
        clocks["known_as_of"] = f"{known}T23:59:59+08:00"
    return clocks


async def unit_names(page: Opened) -> dict[str, str]:
    """Return the names of all units, and of the offices without a register, by id."""
    (units,) = await page.read_all(("/v1/units", {"limit": 500, "fields": "unit,name"}))
    offices = {
        code.removeprefix("office."): text
        for code, text in catalogue(page.words.language, "sentences").items()
        if code.startswith("office.")
    }
    listed = [] if units is None else units["items"]
    return {**offices, **{item["unit"]: item["name"] for item in listed if item.get("name")}}


def today_of(page: Opened) -> date:
    """Return the civil day of the service's clock."""
    return civil_date(page.request.app[LEDGER].clock())


class Tick(msgspec.Struct, frozen=True):
    """A time at which something happened or became known: its value in the address and its place.

    ``at``: days or minutes since the first time.
    """

    value: str
    at: int


class _Times:
    """The times of the events about a business: where the sliders may stop, and where they are."""

    def __init__(self, times: Mapping[str, Any], clocks: Mapping[str, str], today: date) -> None:
        days = [date.fromisoformat(day) for day in times["happened"]]
        self.days = [Tick(str(day), (day - days[0]).days) for day in days]
        self.last_day = (max(today, days[-1]) - days[0]).days
        moments = [datetime.fromisoformat(moment) for moment in times["known"]]
        first = moments[0]
        self.moments = [Tick(_moment(m), _minutes(m, first)) for m in moments]
        end = max(moments[-1], datetime.combine(today, time(23, 59, 59), CIVIL_ZONE))
        self.last_moment = _minutes(end, first)
        valid = date.fromisoformat(clocks.get("valid_as_of", str(today)))
        self.day = min(max(0, (valid - days[0]).days), self.last_day)
        self.before_day, self.after_day = _beside([str(d) for d in days], str(valid))
        known = clocks.get("known_as_of")
        at = end if known is None else datetime.fromisoformat(known)
        self.moment = min(max(0, _minutes(at, first)), self.last_moment)
        self.before_moment, self.after_moment = _beside(
            [_moment(m) for m in moments], _moment(at.astimezone(CIVIL_ZONE))
        )

    @property
    def day_ticks(self) -> str:
        """The days and their places, for the script of the sliders."""
        return msgspec.json.encode(self.days).decode()

    @property
    def moment_ticks(self) -> str:
        """The moments and their places, for the script of the sliders."""
        return msgspec.json.encode(self.moments).decode()


def _minutes(moment: datetime, first: datetime) -> int:
    # Rounded up, so that a stop at a moment is never before it.
    return -int(-(moment - first).total_seconds() // 60)


def _moment(moment: datetime) -> str:
    return moment.astimezone(CIVIL_ZONE).isoformat(
        timespec="microseconds" if moment.microsecond else "seconds"
    )


def _beside(times: Sequence[str], at: str) -> tuple[str | None, str | None]:
    """Return the last time before another one and the first one after it."""
    before, after = bisect_left(times, at), bisect_right(times, at)
    return times[before - 1] if before else None, times[after] if after < len(times) else None


def _scale(profile: Mapping[str, Any], today: date) -> Scale:
    days = [
        date.fromisoformat(day)
        for record in profile["records"]
        for day in _days_of(record)
        if day is not None
    ]
    return Scale(days, today)


def _days_of(record: Mapping[str, Any]) -> Iterable[str | None]:
    publicity = record.get("publicity") or {}
    return (*(publicity.get(n) for n in ("started_on", "min_until", "max_until")),
            record.get("ended_on"), record.get("determined_on"))  # fmt: skip


async def difference(page: Opened) -> web.StreamResponse:
    """Show what differs in a profile between two days or two moments, and by which events."""
    entity, root = _entity(page)
    asked = {n: v for n, v in page.query if n in ("from", "to")}
    body = None
    if len(asked) == len(("from", "to")):
        body = await page.read(f"{root}/profile/diff", asked)
    name = await _name(page, root)
    return await page.render(
        "difference.html",
        units=await unit_names(page),
        path=f"{root}/profile/diff",
        entity=entity,
        name=name,
        body=body,
        asked=asked,
        today=today_of(page),
    )


async def _name(page: Opened, root: str) -> str | None:
    (shown,) = await page.read_all((f"{root}/profile", None))
    return ((shown or {}).get("identity") or {}).get("name")


async def what_if(page: Opened) -> web.StreamResponse:
    """Show the profile as it is, next to what it would be under what the reader ticks."""
    entity, root = _entity(page)
    given = page.query
    without = [value for name, value in given if name == "without"]
    repaired = {n.removeprefix("repaired:"): v for n, v in given if n.startswith("repaired:")}
    policies = [value for name, value in given if name == "policy"]
    asked = [
        *((name, value) for name, value in given if name == "valid_as_of"),
        *(("without", value) for value in without),
        *(("as_if_repaired", f"{record}@{day}") for record, day in repaired.items()),
        *(("policy", value) for value in policies),
    ]
    body = await page.read(f"{root}/what-if", asked)
    versions = await page.read_all(*((f"/v1/policies/{key}", None) for key in _POLICIES))
    return await page.render(
        "what-if.html",
        units=await unit_names(page),
        path=f"{root}/what-if",
        asked=asked,
        entity=entity,
        body=body,
        listed=_LISTED,
        without=without,
        repaired=repaired,
        policies=policies,
        versions=[version for version in versions if version],
        valid=dict(given).get("valid_as_of", ""),
        today=today_of(page),
    )


_TIMES = (VALID, KNOWN)

PAGES = (
    Page(
        "/console/businesses",
        search,
        name="businesses",
        group="subjects",
        key="b",
        needs=("/v1/entities",),
    ),
    Page("/console/v1/entities/{entity}/profile", profile, name="business", query=_TIMES),
    Page(
        "/console/v1/entities/{entity}/profile/diff",
        difference,
        name="difference",
        query=(
            Parameter("from", Moment | date, "the earlier time"),
            Parameter("to", Moment | date, "the later time"),
        ),
    ),
    Page("/console/v1/entities/{entity}/what-if", what_if, name="what-if", query=(VALID,)),
)
