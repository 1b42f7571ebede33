"""Search the events of both ledgers: what was recorded, and which commands were refused."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from aiohttp import hdrs, web

from api.feed.events import ShownEvent, as_shown
from api.http import refusals
from api.http.asking import PRIVATE, asked, caught_up
from api.http.languages import in_language, language_of
from api.http.named import MAX_POSITION
from api.http.problems import Problem
from api.http.questions import searched
from api.http.reader import Reader, reader_of
from api.http.reading import (
    AT_LEAST,
    AT_LEAST_HEADER,
    LIMIT,
    bounded,
    json_response,
    next_link,
    query_value,
    query_values,
)
from api.http.refusals import Refusals
from api.http.resources import Parameter, Resource
from ledger.access.events import RuleId
from ledger.kernel import Moment, codec, message
from ledger.kernel.messages import title
from projections.explain.searching import Wanted, search
from projections.explain.trailindex import KINDS, Trails, facet
from projections.source import Source

DEFAULT_PAGE = 50
MAX_PAGE = 500

Outcome = Literal["recorded", "refused"]
About = Annotated[str, msgspec.Meta(pattern=rf"^({'|'.join(sorted(KINDS))}):\S", max_length=160)]
EventType = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z.-]*\*?(?![\s\S])", max_length=100)]
PolicyVersion = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z][a-z0-9._-]*(@[1-9][0-9]{0,8})?(?![\s\S])", max_length=130)
]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class FoundEvent(ShownEvent, frozen=True, kw_only=True):
    """An event as `/v1/events/{position}` shows it, with the title of its type.

    A refusal is an event of the access ledger and its position is one of that ledger.
    """

    title: str
    outcome: Outcome


class FoundEvents(msgspec.Struct, frozen=True):
    """A page of hits, newest first. ``next_before``: the cursor of the next page, if any."""

    items: list[FoundEvent]
    next_before: int | None = None


async def events(request: web.Request) -> web.Response:
    """Events that meet all conditions, newest first, among those that the token may see.

    With `outcome=refused`, the commands that a rule refused, from the access ledger, for those who
    may read it. Only `actor`, `unit`, `entity`, `about`, `rule_id`, `policy`, the correlation and
    the recording days narrow a search of refusals. `actor` finds what a person recorded, where the
    token may know that person. The address of a search can be kept. A page may be short or empty
    and still have a next page; it then ends at an event that the token may see.
    """
    reader = await reader_of(request)
    limit = bounded(request, "limit", DEFAULT_PAGE, 1, MAX_PAGE)
    before = bounded(request, "before", MAX_POSITION, 1, MAX_POSITION)
    asked_for = _Asked(request)
    if query_value(request, "outcome", Outcome, "recorded") == "refused":
        items, next_before = await _refused(request, reader, asked_for, before, limit)
    else:
        items, next_before = await _recorded(request, reader, asked_for, before, limit)
    headers: dict[str, str] = in_language(PRIVATE, language_of(request))
    if next_before is not None:
        headers[hdrs.LINK] = next_link(request, before=next_before)
    return json_response({"items": items, "next_before": next_before}, headers=headers)


class _Asked:
    """The conditions in the query of a request."""

    def __init__(self, request: web.Request) -> None:
        query = request.query
        self.about = [
            *(f"{kind}:{query[kind]}" for kind in _SUBJECTS if kind in query),
            *query_values(request, "about", About),
        ]
        self.types = query_values(request, "type", EventType)
        self.rule: str | None = query_value(request, "rule_id", RuleId, None)
        self.policy: str | None = query_value(request, "policy", PolicyVersion, None)
        self.law = query.get("law")
        self.correlation: UUID | None = query_value(request, "correlation_id", UUID, None)
        self.causation: UUID | None = query_value(request, "causation_id", UUID, None)
        self.since: date | None = query_value(request, "since", date, None)
        self.until: date | None = query_value(request, "until", date, None)
        self.recorded_since: date | None = query_value(request, "recorded_since", date, None)
        self.recorded_until: date | None = query_value(request, "recorded_until", date, None)
        self.known_as_of: datetime | None = query_value(request, "known_as_of", Moment, None)
        q: str | None = query_value(request, "q", Words, None)
        self.words = () if q is None else searched(q.split())

    def wanted(self, source: Source) -> Wanted:
        """Return the conditions for the index of the main ledger. Blocks."""
        facets = [
            facet(kind, value)
            for kind, value in (
                ("correlation", self.correlation),
                ("causation", self.causation),
                ("rule", self.rule),
                ("law", self.law),
                ("policy", self.policy if "@" in (self.policy or "") else None),
            )
            if value is not None
        ]
        low, high = source.recorded_within(self.recorded_since, self.recorded_until)
        return Wanted(
            about=tuple(self.about),
            facets=tuple(facets),
            policy=None if self.policy is None or "@" in self.policy else self.policy,
            types=tuple(self.types),
            since=self.since,
            until=self.until,
            low=low,
            high=high,
            known_as_of=self.known_as_of,
            words=tuple(self.words),
        )

    def refused(self) -> refusals.Wanted:
        """Return the conditions for refusals, which are recorded on the day they happen."""
        sinces = [day for day in (self.since, self.recorded_since) if day is not None]
        untils = [day for day in (self.until, self.recorded_until) if day is not None]
        return refusals.Wanted(
            tuple(self.about),
            self.rule,
            self.policy,
            self.correlation,
            max(sinces, default=None),
            min(untils, default=None),
        )


#: Subjects with a parameter of their own.
_SUBJECTS = ("actor", "unit", "entity", "matter")


Page = tuple[list[dict[str, Any]], int | None]


async def _recorded(
    request: web.Request, reader: Reader, wanted: _Asked, before: int, limit: int
) -> Page:
    follower = await caught_up(request, Trails.name)
    language = language_of(request)

    def page() -> Page:
        source = follower.source
        found = search(follower.views, wanted.wanted(source), reader, before=before, limit=limit)
        items = []
        for stored in reversed(source.exactly(found.positions[::-1])):
            fields = codec.plain(stored.event.data)
            # The index says so already; no fault of it may show what the reader may not see.
            if reader.sees_stored(stored, fields):
                shown = as_shown(reader, stored, fields)
                items.append(_titled(shown, "recorded", language))
        return items, found.next_before

    return await asked(page)


#: Parameters that do not fit refusals.
_NOT_OF_REFUSALS = ("type", "law", "causation_id", "known_as_of", "q")


async def _refused(
    request: web.Request, reader: Reader, wanted: _Asked, before: int, limit: int
) -> Page:
    refused = Refusals(request, reader)
    for name in _NOT_OF_REFUSALS:
        if name in request.query:
            raise Problem("malformed", message("searching.not-for-refusals", name=name))
    language = language_of(request)

    def page() -> Page:
        items: list[dict[str, Any]] = []
        for stored, fields in refused.newest(wanted.refused(), before):
            if len(items) == limit:
                return items, items[-1]["position"]
            body = {k: v for k, v in fields["body"].items() if k not in _WITHHELD}
            shown = {"position": stored.position, **fields, "body": body}
            items.append(_titled(shown, "refused", language))
        return items, None

    return await asked(page)


#: The units that an entry is withheld from would reveal whom it accuses.
_WITHHELD = ("withheld_from", "subjects")


def _titled(shown: dict[str, Any], outcome: Outcome, language: str) -> dict[str, Any]:
    return {**shown, "title": title(shown["type"], language, "titles"), "outcome": outcome}


RESOURCES = (
    Resource(
        "/v1/events/search",
        events,
        returns=FoundEvents,
        query=(
            Parameter("outcome", Outcome, "`recorded`, or `refused` for refusals of commands"),
            Parameter("actor", str, "the person who recorded the event or sent the command"),
            Parameter("unit", str, "a unit that the event is about"),
            Parameter("entity", str, "a business that the event is about"),
            Parameter("matter", str, "a matter that the event is about"),
            Parameter("about", About, "another subject, such as `task:T-1`", repeatable=True),
            Parameter("rule_id", RuleId, "the rule of the finding or refusal"),
            Parameter(
                "type",
                EventType,
                "the type of event; `filing.*` means all types that begin so",
                repeatable=True,
            ),
            Parameter("policy", PolicyVersion, "a policy applied: its key, or `key@version`"),
            Parameter("law", str, "a legal instrument that the event names as its basis"),
            Parameter("correlation_id", UUID, "events with this correlation"),
            Parameter("causation_id", UUID, "events that this event caused"),
            Parameter("since", date, "it happened on or after this day"),
            Parameter("until", date, "it happened on or before this day"),
            Parameter("recorded_since", date, "it was recorded on or after this day"),
            Parameter("recorded_until", date, "it was recorded on or before this day"),
            Parameter("known_as_of", Moment, "only what was known at this moment"),
            Parameter("q", Words, "words that its free texts must contain, separated by blanks"),
            Parameter("before", int, "the position before which to begin; see `next_before`"),
            LIMIT,
            AT_LEAST,
        ),
        headers=(AT_LEAST_HEADER,),
        group="events",
        worded=True,
    ),
)
