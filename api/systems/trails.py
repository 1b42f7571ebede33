"""Audit trails: every event about a business, unit, officer, matter, inspection or record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import Any, Literal

import msgspec
from aiohttp import hdrs, web
from msgspec.structs import replace

from api.http.asking import PRIVATE, asked, caught_up, follower_of
from api.http.languages import in_language, language_of
from api.http.named import MAX_POSITION, EventType
from api.http.naming import plain
from api.http.problems import not_found
from api.http.reader import Reader, reader_of
from api.http.reading import (
    AFTER_POSITION,
    AT_LEAST,
    AT_LEAST_HEADER,
    LIMIT,
    bounded,
    json_response,
    next_link,
    query_value,
)
from api.http.resources import Parameter, Resource
from api.http.sentences import tell_all
from api.http.tokens import WITHHELD
from api.running.pools import COUNTS
from ledger.kernel import Moment
from ledger.kernel.events import CIVIL_ZONE
from projections.explain.impact import Impact, impact
from projections.explain.trailindex import KINDS, Trails, times_of
from projections.explain.trails import MAX_PAGE, Trail, TrailEntry, trail
from projections.tables import Connection

DEFAULT_PAGE = 100

TrailOrder = Literal["oldest", "newest"]


def _trail_of(name: str, *kinds: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        tags = [f"{kind}:{request.match_info[name]}" for kind in kinds]
        return await _trail(request, tags)

    handler.__doc__ = f"""Every event about this {name} that the token may see, in order.

    With `order=newest` the newest come first, and `after` continues with older ones.
    Each event is shown as recorded. If corrections have changed it, `now` shows its present
    content, with the positions of the corrections. `X-Position` is the position of the index of
    trails. With a filter, a page may be short or empty and still have a next page.
    """
    return handler


async def _trail(request: web.Request, tags: Sequence[str]) -> web.Response:
    reader = await reader_of(request)
    after = bounded(request, "after", 0, 0, MAX_POSITION)
    limit = bounded(request, "limit", DEFAULT_PAGE, 1, MAX_PAGE)
    known = query_value(request, "known_as_of", Moment | None, None)
    topics = request.query.getall("type", [])
    newest = query_value(request, "order", TrailOrder, "oldest") == "newest"
    since = query_value(request, "since", date, None)
    until = query_value(request, "until", date, None)
    person = request.query.get("person")
    follower, language = await caught_up(request, Trails.name), language_of(request)

    def ask() -> tuple[Trail, int]:
        page, position = trail(
            follower.views,
            follower.source,
            tags,
            reader,
            after=after,
            limit=limit,
            topics=topics,
            known_as_of=known,
            newest=newest,
            since=since,
            until=until,
            person=person,
        )
        shown = [_shown(reader, entry, tags) for entry in page.entries]
        with follower.views.reading() as connection:
            told = _told(connection, reader, shown, language)
        return replace(page, entries=told), position

    page, position = await asked(ask)
    if after == 0 and not page.entries and page.next_after is None:
        # The same answer whether there is nothing or this token may not see it.
        raise not_found()
    headers = {**in_language(PRIVATE, language), "X-Position": str(position)}
    if page.next_after is not None:
        headers[hdrs.LINK] = next_link(request, after=page.next_after)
    return json_response(page, headers=headers)


def _told(
    connection: Connection, reader: Reader, entries: Sequence[TrailEntry], language: str
) -> list[TrailEntry]:
    """Return the entries, each with a sentence; one that this program cannot read has none."""
    readable = [entry for entry in entries if entry.unreadable is None]
    told = zip(
        tell_all(connection, reader, [plain(entry) for entry in readable], language),
        readable,
        strict=True,
    )
    says = {entry.position: sentence for sentence, entry in told}
    return [replace(entry, says=says.get(entry.position)) for entry in entries]


def _shown(reader: Reader, entry: TrailEntry, asked_for: Sequence[str]) -> TrailEntry:
    if entry.actor is None:
        return entry
    # Every entry in the trail of a business is about that business.
    about = [*asked_for, f"entity:{(entry.body or {}).get('entity')}"]
    if reader.knows_actor(entry.type, entry.actor.unit_id, about):
        return entry
    actor = reader.shown_actor(entry.type, entry.actor, about)
    return replace(entry, actor=actor, command_id=WITHHELD)


#: The most moments that are listed one by one.
MAX_MOMENTS = 1_000


class EventTimes(msgspec.Struct, frozen=True):
    """When the events about a business happened, and when the ledger knew of them, in order.

    ``happened``: the days. ``known``: the moments; of more than 1,000 the last of each day.
    """

    entity: str
    happened: list[date]
    known: list[datetime]


async def event_times(request: web.Request) -> web.Response:
    """The days and moments of the events about a business: its profile may have changed then.

    Only events that the token may see are counted.
    """
    entity, reader = request.match_info["entity"], await reader_of(request)
    follower = await caught_up(request, Trails.name)

    def ask() -> EventTimes:
        with follower.views.reading() as connection:
            days, moments = times_of(connection, reader, f"entity:{entity}")
        known = [datetime.fromtimestamp(at / 1_000_000, CIVIL_ZONE) for at in moments]
        if len(known) > MAX_MOMENTS:
            known = list({moment.date(): moment for moment in known}.values())
        return EventTimes(entity, list(map(date.fromordinal, days)), known)

    times = await asked(ask, COUNTS)
    if not times.happened:
        raise not_found()
    return json_response(times, headers=PRIVATE)


def _impact_of(kind: Literal["decision", "record"]) -> Callable[[web.Request], Any]:
    async def handler(request: web.Request) -> web.Response:
        reader = await reader_of(request)
        since = query_value(request, "since", date | None, None)
        until = query_value(request, "until", date | None, None)
        source = follower_of(request).source
        items = await asked(
            lambda: impact(
                source,
                kind,
                request.match_info[kind],
                since=since,
                until=until,
                may_see=reader.sees_record,
            ),
            COUNTS,
        )
        if items is None:
            raise not_found()
        return json_response(items, headers=PRIVATE)

    handler.__doc__ = f"""What used this {kind}: records, grades, tasks, visits, draws, sanctions.

    Read from the ledger, in order; each item names the positions it is based on. Everything that
    used a grade while it was in force is listed, even if the grade was corrected later.
    """
    return handler


_QUERY = (
    AFTER_POSITION,
    replace(LIMIT, default=DEFAULT_PAGE),
    Parameter("order", TrailOrder, "the oldest events first, the default, or the newest"),
    Parameter("since", date, "only events recorded on or after this day"),
    Parameter("until", date, "only events recorded on or before this day"),
    Parameter("type", str, "only events of this type", repeatable=True, values=EventType),
    Parameter("person", str, "only events that this person recorded"),
    Parameter("known_as_of", Moment, "only what was known at this moment"),
    AT_LEAST,
)


def _resource(path: str, name: str, *kinds: str) -> Resource:
    if not KINDS.issuperset(kinds):
        raise ValueError(f"{path}: every kind must have an index of trails; the kinds are {kinds}")
    handler: Any = _trail_of(name, *kinds)
    return Resource(
        path,
        handler,
        returns=Trail,
        query=_QUERY,
        headers=(AT_LEAST_HEADER,),
        group="trails",
        worded=True,
    )


def _impact(path: str, kind: Literal["decision", "record"]) -> Resource:
    return Resource(
        path,
        _impact_of(kind),
        returns=Impact,
        query=(
            Parameter("since", date, "only what was done on or after this day"),
            Parameter("until", date, "only what was done on or before this day"),
        ),
        group="trails",
    )


RESOURCES = (
    _resource("/v1/entities/{entity}/trail", "entity", "entity"),
    Resource(
        "/v1/entities/{entity}/event-times",
        event_times,
        returns=EventTimes,
        query=(AT_LEAST,),
        headers=(AT_LEAST_HEADER,),
        group="trails",
    ),
    _resource("/v1/units/{unit}/trail", "unit", "unit"),
    # Events about the officer, and events that the officer recorded.
    _resource("/v1/officers/{officer}/trail", "officer", "officer", "actor"),
    _resource("/v1/matters/{matter}/trail", "matter", "matter"),
    # A task of the ledger's own units, or an inspection known from a register.
    _resource("/v1/inspections/{id:.+}/trail", "id", "task", "inspection"),
    _resource("/v1/records/{record}/trail", "record", "record"),
    _resource("/v1/findings/{finding}/trail", "finding", "finding"),
    _resource("/v1/supervision-documents/{supdoc}/trail", "supdoc", "supdoc"),
    _resource("/v1/plans/{plan}/trail", "plan", "plan"),
    _resource("/v1/experiences/{experience}/trail", "experience", "experience"),
    _resource("/v1/outreach/{outreach}/trail", "outreach", "outreach"),
    _resource("/v1/cases/{case}/trail", "case", "case"),
    _resource("/v1/decisions/{decision}/trail", "decision", "decision"),
    _resource("/v1/complaints/{complaint}/trail", "complaint", "complaint"),
    _resource("/v1/reconsiderations/{recon}/trail", "recon", "recon"),
    _impact("/v1/decisions/{decision}/impact", "decision"),
    _impact("/v1/records/{record}/impact", "record"),
    _resource("/v1/joints/{joint}/trail", "joint", "joint"),
    _resource("/v1/key-designations/{designation}/trail", "designation", "designation"),
)
