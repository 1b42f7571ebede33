"""Search the events of both ledgers: what was recorded, and which commands were refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cache
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from aiohttp import hdrs, web

from api.feed.events import ShownEvent, as_shown
from api.http.asking import PRIVATE, asked, caught_up
from api.http.auditing import Readable
from api.http.keys import ACCESS, LEDGER
from api.http.problems import Problem
from api.http.reader import Reader, reader_of
from api.http.reading import (
    AT_LEAST,
    AT_LEAST_HEADER,
    LIMIT,
    MAX_POSITION,
    bounded,
    json_response,
    next_link,
    query_value,
)
from api.http.resources import Parameter, Resource
from api.systems.me import VARY, language_of
from ledger.access.events import CommandRefused, RuleId
from ledger.general.vocabulary import Role
from ledger.kernel import Moment, civil_moment, codec
from ledger.kernel.events import event_types
from ledger.kernel.folds import Selector
from ledger.kernel.messages import title
from projections.explain.searching import Wanted, search
from projections.explain.trailindex import KINDS, Trails, facet
from projections.source import Source

DEFAULT_PAGE = 50
MAX_PAGE = 500

#: Who may read the access ledger, in which refusals are recorded.
ACCESS_READERS: frozenset[Role] = frozenset({"jb_supervisor", "rlo_assessor"})

#: Positions of the access ledger read at a time: the first and the largest number.
_FEWEST, _MOST = 512, 16_384

_ONE_DAY = timedelta(days=1)

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
    headers: dict[str, str] = {**PRIVATE, hdrs.VARY: VARY}
    if next_before is not None:
        headers[hdrs.LINK] = next_link(request, before=next_before)
    return json_response({"items": items, "next_before": next_before}, headers=headers)


class _Asked:
    """The conditions in the query of a request."""

    def __init__(self, request: web.Request) -> None:
        query = request.query
        self.about = [
            *(f"{kind}:{query[kind]}" for kind in _SUBJECTS if kind in query),
            *_each(request, "about", About),
        ]
        self.types = _each(request, "type", EventType)
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
        self.words = str(query_value(request, "q", Words, "")).split()

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
        low, high = self.positions(source)
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

    def positions(self, source: Source) -> tuple[int, int | None]:
        """Return the first and last position of the recording days. Blocks."""
        low, high = 1, None
        if self.recorded_since is not None:
            low = source.first_since(civil_moment(self.recorded_since))
        if self.recorded_until is not None:
            high = source.first_since(civil_moment(self.recorded_until + _ONE_DAY)) - 1
        return low, high


#: Subjects with a parameter of their own.
_SUBJECTS = ("actor", "unit", "entity", "matter")


def _each(request: web.Request, name: str, type_: Any) -> list[str]:
    """Return all values of a repeatable parameter, each of a type."""
    values = request.query.getall(name, [])
    try:
        return [msgspec.convert(value, type_) for value in values]
    except msgspec.ValidationError as error:
        raise Problem("malformed", f"query parameter {name!r}: {error}") from None


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
_NOT_OF_REFUSALS = ("type", "law", "causation_id", "since", "until", "known_as_of", "q")


async def _refused(
    request: web.Request, reader: Reader, wanted: _Asked, before: int, limit: int
) -> Page:
    if reader.role not in ACCESS_READERS or ACCESS not in request.app:
        raise reader.refused()
    for name in _NOT_OF_REFUSALS:
        if name in request.query:
            raise Problem("malformed", f"query parameter {name!r} must not be given for refusals")
    access: Source = request.app[ACCESS]
    readable = Readable(Source(request.app[LEDGER].recorder), reader)
    language = language_of(request)

    def page() -> Page:
        items: list[dict[str, Any]] = []
        for stored, fields in refusals(access, wanted, before):
            if not readable.may_read(stored.event.type, fields["body"]):
                continue
            if len(items) == limit:
                return items, items[-1]["position"]
            body = {k: v for k, v in fields["body"].items() if k not in _WITHHELD}
            shown = {"position": stored.position, **fields, "body": body}
            items.append(_titled(shown, "refused", language))
        return items, None

    return await asked(page)


#: The units that an entry is withheld from would reveal whom it accuses.
_WITHHELD = ("withheld_from", "subjects")


def refusals(
    access: Source, wanted: _Asked, before: int = MAX_POSITION
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield the refusals that meet the conditions, newest first, with their decoded content."""
    low, high = wanted.positions(access)
    top = min(before, access.head() + 1 if high is None else high + 1)
    indexed = {tag for tag in wanted.about if tag.partition(":")[0] in ("actor", "unit", "entity")}
    rule = () if wanted.rule is None else (f"rule:{wanted.rule}",)
    selector = Selector((CommandRefused.TOPIC,), (*rule, *sorted(indexed)))
    size = _FEWEST
    while top > low:
        bottom = max(low, top - size)
        found: list[Any] = []
        after = bottom - 1
        while True:
            some = access.after([selector], after, size)
            found += [stored for stored in some if stored.position < top]
            if len(some) < size or some[-1].position >= top:
                break
            after = some[-1].position
        for stored in reversed(found):
            fields = codec.plain(stored.event.data)
            if _meets(fields, wanted, indexed):
                yield stored, fields
        top, size = bottom, min(4 * size, _MOST)


def _meets(fields: dict[str, Any], wanted: _Asked, indexed: set[str]) -> bool:
    """Return whether a refusal meets the conditions that the access ledger has no tag for."""
    body = fields["body"]
    subjects = body.get("subjects") or ()
    if any(tag not in subjects for tag in wanted.about if tag not in indexed):
        return False
    if wanted.correlation is not None and fields["correlation_id"] != str(wanted.correlation):
        return False
    if wanted.policy is None:
        return True
    key, _, version = wanted.policy.partition("@")
    named = body.get("policy_version")
    return body.get("policy_key") == key and (not version or str(named) == version)


def _titled(shown: dict[str, Any], outcome: Outcome, language: str) -> dict[str, Any]:
    return {**shown, "title": title_of(shown["type"], language), "outcome": outcome}


@cache
def title_of(topic: str, language: str) -> str:
    """Return the title of an event type in a language.

    It is that of the catalogue, otherwise the term with which the description of the type begins,
    or its name in words.
    """
    if (told := title(topic, language, "titles")) != topic:
        return told
    cls = event_types().get(topic)
    if cls is None:
        return topic
    term, colon, _ = (cls.__doc__ or "").partition(":")
    if language == "zh" and colon:
        return term.strip()
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", cls.__name__).capitalize()


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
            Parameter("known_as_of", datetime, "only what was known at this moment"),
            Parameter("q", Words, "words that its free texts must contain, separated by blanks"),
            Parameter("before", int, "the position before which to begin; see `next_before`"),
            LIMIT,
            AT_LEAST,
        ),
        headers=(AT_LEAST_HEADER,),
        group="events",
    ),
)
