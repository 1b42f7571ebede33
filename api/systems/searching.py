"""Search the events of both ledgers: what was recorded, and which commands were refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET, UnsetType

from api.feed.events import ShownEvent, as_shown
from api.feed.exports import (
    MAX_PROVEN,
    MEDIA_TYPES,
    SUFFIXES,
    Form,
    FoundPage,
    Hit,
    as_file,
    prover,
)
from api.http import refusals
from api.http.asking import MAX_COUNTED, MAX_FACET, PRIVATE, asked, caught_up, follower_of
from api.http.grammar import MAX_TYPED, NotUnderstood, parameters, parse
from api.http.keys import LEDGER
from api.http.languages import in_language, language_of
from api.http.malformed import told_by
from api.http.named import MAX_POSITION
from api.http.naming import names_of
from api.http.problems import Problem
from api.http.questions import searched
from api.http.reader import Reader, reader_of
from api.http.reading import (
    AT_LEAST,
    AT_LEAST_HEADER,
    LIMIT,
    Reached,
    bounded,
    json_response,
    next_link,
    query_value,
    query_values,
)
from api.http.refusals import Entries, told_in
from api.http.resources import Parameter, Resource
from api.http.sheets import MAX_ROWS, form_among
from api.http.tokens import WITHHELD
from api.running.pools import COUNTS, PROOFS, READS
from ledger.access.events import RuleId
from ledger.kernel import UNNAMED, Moment, civil_date, codec, message
from ledger.kernel.messages import title
from ledger.kernel.rules import rules
from projections.answers import FacetValue
from projections.explain.searching import Found, Wanted, search, topics_of
from projections.explain.trailindex import KINDS, Trails, facet
from projections.follower import Follower
from projections.source import Source

DEFAULT_PAGE = 50
MAX_PAGE = 500

#: The most hits, the newest ones, whose values are counted.
MAX_FACETED = 2_000

Outcome = Literal["recorded", "refused"]
About = Annotated[str, msgspec.Meta(pattern=rf"^({'|'.join(sorted(KINDS))}):\S", max_length=160)]
EventType = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z.-]*\*?(?![\s\S])", max_length=100)]
PolicyVersion = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z][a-z0-9._-]*(@[1-9][0-9]{0,8})?(?![\s\S])", max_length=130)
]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Typed = Annotated[str, msgspec.Meta(max_length=MAX_TYPED, examples=["单位:MRB 2026-03"])]
Facet = Literal["unit", "actor", "entity", "matter", "rule_id", "type", "month"]


class FoundEvent(ShownEvent, frozen=True, kw_only=True):
    """An event as `/v1/events/{position}` shows it, with the title of its type.

    A refusal is an event of the access ledger and its position is one of that ledger. ``proof``,
    with ``proofs=true``: the receipt of the event (c2sp.org/tlog-proof), which proves ``record``,
    its stored bytes in base64. The record names who acted, and only those who may know it get it.
    """

    title: str
    outcome: Outcome
    record: str | UnsetType = UNSET
    proof: str | UnsetType = UNSET


class FoundEvents(msgspec.Struct, frozen=True):
    """A page of hits, newest first. ``next_before``: the cursor of the next page, if any.

    ``names``: what the units, businesses and matters of the page and its facets are called, by kind
    and id. ``total``: how many hits all pages have; ``total_at_least`` instead if there are more.
    ``facets``: how many of the newest hits have each value; with ``facets_cut`` there are further
    hits or values.
    """

    items: list[FoundEvent]
    next_before: int | None = None
    names: dict[str, dict[str, str]] = {}
    total: int | UnsetType = UNSET
    total_at_least: int | UnsetType = UNSET
    facets: dict[str, tuple[FacetValue, ...]] | UnsetType = UNSET
    facets_cut: bool | UnsetType = UNSET


async def events(request: web.Request) -> web.Response:
    """Events that meet all conditions, newest first, among those that the token may see.

    With `outcome=refused`, the commands that a rule refused, from the access ledger, for those who
    may read it. Only people, units, businesses, matters, subjects, rules, `policy`, the correlation
    and the recording days narrow a search of refusals. `actor` finds what a person recorded, where
    the token may know that person. The address of a search can be kept. A page may be short or
    empty and still have a next page; it then ends at an event that the token may see.

    `query` is a search as people type it, `单位:MRB -规则:FIL-V1 上月`, and stands for the other
    parameters: docs/questions.md has its grammar. A parameter of the same name given several times
    finds any of the values, but `about` and `phrase` find all.

    As a file, with `.csv`, `.xlsx` or `.ndjson` after the path or by `Accept`, it has all hits, at
    most 10,000, or 1,000 with `proofs=true`; `X-Rows-Cut` says that there are more.
    """
    reader = await reader_of(request)
    form: Form = form_among(request, SUFFIXES, MEDIA_TYPES)
    proofs = query_value(request, "proofs", bool, False)
    if form == "json":
        limit = bounded(request, "limit", DEFAULT_PAGE, 1, MAX_PAGE)
    else:
        limit = MAX_PROVEN if proofs else MAX_ROWS
    before = bounded(request, "before", MAX_POSITION, 1, MAX_POSITION)
    search = _Search(request, reader)
    source: _Recorded | _Refused
    if query_value(request, "outcome", Outcome, "recorded") == "refused":
        source = _Refused(request, reader, search)
    else:
        source = _Recorded(await caught_up(request, Trails.name), reader, search)
    # Receipts need a checkpoint that covers the events, for which no thread waits.
    prove = await prover(request, source.head) if proofs else None
    language = language_of(request)

    def page() -> FoundPage:
        items, next_before = source.page(before, limit)
        if prove is not None:
            prove(items)
        shown = [_titled(hit, source.outcome, language) for hit in items]
        counts = source.counts(search.total, search.facets) if form == "json" else {}
        ids = _ids(items, counts.get("facets", {}))
        with source.views.reading() as connection:
            names = names_of(connection, reader, ids)
        return FoundPage(shown, next_before, {"names": names, **counts})

    if form != "json":
        return await as_file(request, form, page, proofs=proofs)
    counted = search.total or search.facets
    found = await asked(page, COUNTS if counted else PROOFS if proofs else READS)
    headers: dict[str, str] = in_language(PRIVATE, language)
    if found.next_before is not None:
        headers[hdrs.LINK] = next_link(request, before=found.next_before)
    body = {"items": found.items, "next_before": found.next_before, **found.more}
    return json_response(body, headers=headers)


def typed(request: web.Request) -> web.Request:
    """Return a request with the parameters for which its typed search stands.

    The access ledger and the cursors then have these, with the days that a word like 上月 means.
    """
    if "query" not in request.query:
        return request
    given = [(name, value) for name, value in request.query.items() if name != "query"]
    try:
        terms = parse(" ".join(request.query.getall("query")))
    except NotUnderstood as fault:
        raise Problem("malformed", fault.message) from None
    stood_for = parameters(terms, civil_date(request.app[LEDGER].clock()))
    if both := {name for name, _ in given} & {name for name, _ in stood_for}:
        raise Problem("malformed", message("grammar.given-besides", names=sorted(both)))
    return request.clone(rel_url=request.rel_url.with_query([*given, *stood_for]))


class _Search:
    """The conditions in the query of a request."""

    def __init__(self, request: web.Request, reader: Reader) -> None:
        query = request.query
        self.about = _each(request, "about", About)
        self.any_of = [
            tuple(f"{kind}:{value}" for value in query.getall(kind))
            for kind in _SUBJECTS
            if kind in query
        ]
        subjects: dict[str, list[str]] = {}
        for subject in _each(request, "subject", About):
            subjects.setdefault(subject.partition(":")[0], []).append(subject)
        self.any_of += map(tuple, subjects.values())
        self.none_of = [
            *(f"{k}:{value}" for k in _SUBJECTS for value in query.getall(f"not_{k}", ())),
            *_each(request, "not_subject", About),
        ]
        self.types = _each(request, "type", EventType)
        self.not_types = _each(request, "not_type", EventType)
        self.rules = _each(request, "rule_id", RuleId)
        self.not_rules = _each(request, "not_rule_id", RuleId)
        self.policy: str | None = query_value(request, "policy", PolicyVersion, None)
        self.law = query.get("law")
        self.correlation: UUID | None = query_value(request, "correlation_id", UUID, None)
        self.causation: UUID | None = query_value(request, "causation_id", UUID, None)
        self.since: date | None = query_value(request, "since", date, None)
        self.until: date | None = query_value(request, "until", date, None)
        self.recorded_since: date | None = query_value(request, "recorded_since", date, None)
        self.recorded_until: date | None = query_value(request, "recorded_until", date, None)
        self.known_as_of: datetime | None = query_value(request, "known_as_of", Moment, None)
        words = [
            *str(query_value(request, "q", Words, "")).split(),
            *_each(request, "phrase", Words),
        ]
        self.words = searched(words) if words or "q" in query else ()
        self.no_words = _each(request, "not_phrase", Words)
        self.after = bounded(request, "after", 0, 0, MAX_POSITION)
        self.total: bool = query_value(request, "total", bool, False)
        self.facets: list[Facet] = query_values(request, "facets", Facet, joined=True)

    def wanted(self, source: Source) -> Wanted:
        """Return the conditions for the index of the main ledger. Blocks."""
        facets = [
            facet(kind, value)
            for kind, value in (
                ("correlation", self.correlation),
                ("causation", self.causation),
                ("law", self.law),
                ("policy", self.policy if "@" in (self.policy or "") else None),
            )
            if value is not None
        ]
        rules = tuple(facet("rule", rule) for rule in self.rules)
        low, high = source.recorded_within(self.recorded_since, self.recorded_until)
        return Wanted(
            about=tuple(self.about),
            facets=tuple(facets),
            any_of=(*self.any_of, *((rules,) if rules else ())),
            none_of=(
                *self.none_of,
                *(facet("rule", rule) for rule in self.not_rules),
                *(facet("type", topic) for topic in topics_of(self.not_types)),
            ),
            policy=None if self.policy is None or "@" in self.policy else self.policy,
            types=tuple(self.types),
            since=self.since,
            until=self.until,
            low=max(low, self.after + 1),
            high=high,
            known_as_of=self.known_as_of,
            words=tuple(self.words),
            no_words=tuple(self.no_words),
        )

    def refused(self) -> refusals.Wanted:
        """Return the conditions for refusals, which are recorded on the day they happen."""
        sinces = [day for day in (self.since, self.recorded_since) if day is not None]
        untils = [day for day in (self.until, self.recorded_until) if day is not None]
        rules = tuple(f"rule:{rule}" for rule in self.rules)
        return refusals.Wanted(
            about=tuple(self.about),
            any_of=(*self.any_of, *((rules,) if rules else ())),
            none_of=(*self.none_of, *(f"rule:{rule}" for rule in self.not_rules)),
            after=self.after,
            policy=self.policy,
            correlation=self.correlation,
            since=max(sinces, default=None),
            until=min(untils, default=None),
        )


#: Subjects with a parameter of their own.
_SUBJECTS = ("actor", "unit", "entity", "matter")


def _each(request: web.Request, name: str, type_: Any) -> list[str]:
    """Return all values of a repeatable parameter, each of a type."""
    values = request.query.getall(name, [])
    try:
        return [msgspec.convert(value, type_) for value in values]
    except msgspec.ValidationError as error:
        raise Problem(
            "malformed", message("http.query-parameter-fault", name=name, error=told_by(error))
        ) from None


class _Recorded:
    """The hits in the main ledger."""

    outcome: Outcome = "recorded"

    def __init__(self, follower: Follower, reader: Reader, search: _Search) -> None:
        self.views, self._source = follower.views, follower.source
        self.head = follower.position(Trails.name)
        self._reader, self._search = reader, search

    def page(self, before: int, limit: int) -> tuple[list[Hit], int | None]:
        """Return the newest hits before a position, and the cursor of the next page. Blocks."""
        found = self._found(before, limit)
        return self._hits(found.positions), found.next_before

    def _found(self, before: int, limit: int) -> Found:
        wanted = self._search.wanted(self._source)
        return search(self.views, wanted, self._reader, before=before, limit=limit)

    def _hits(self, positions: Sequence[int]) -> list[Hit]:
        hits: list[Hit] = []
        for stored in reversed(self._source.exactly(positions[::-1])):
            fields = codec.plain(stored.event.data)
            # The index says so already; no fault of it may show what the reader may not see.
            if self._reader.sees_stored(stored, fields):
                hits.append(Hit(stored, as_shown(self._reader, stored, fields)))
        return hits

    def counts(self, total: bool, facets: Sequence[Facet]) -> dict[str, Any]:
        """Return how many hits there are, in total and by value, as far as that is asked. Blocks.

        The values are those of the newest hits, whose events are read for it.
        """
        if not (total or facets):
            return {}
        found = self._found(MAX_POSITION, MAX_COUNTED if total else MAX_FACETED)
        counts = _totals(len(found.positions), found.next_before is not None) if total else {}
        if not facets:
            return counts
        cut = len(found.positions) > MAX_FACETED or found.next_before is not None
        return counts | _facets(self._hits(found.positions[:MAX_FACETED]), facets, cut=cut)


class _Refused:
    """The refusals in the access ledger."""

    outcome: Outcome = "refused"
    head = 0

    def __init__(self, request: web.Request, reader: Reader, search: _Search) -> None:
        self._refused = Entries(request, reader)
        for name in _NOT_OF_REFUSALS:
            if name in request.query:
                raise Problem("malformed", message("searching.not-for-refusals", name=name))
        self._wanted, self._language = search.refused(), language_of(request)
        self.views = follower_of(request).views

    def page(self, before: int, limit: int) -> tuple[list[Hit], int | None]:
        """Return the newest refusals before a position, and the cursor of the next page. Blocks."""
        hits = list(islice(self._hits(before), limit + 1))
        return hits[:limit], hits[limit - 1].shown["position"] if len(hits) > limit else None

    def _hits(self, before: int) -> Iterator[Hit]:
        for stored, fields in self._refused.newest(self._wanted, before):
            body = {k: v for k, v in fields["body"].items() if k not in _WITHHELD}
            body = told_in(body, self._language)
            yield Hit(stored, {"position": stored.position, **fields, "body": body})

    def counts(self, total: bool, facets: Sequence[Facet]) -> dict[str, Any]:
        """Return how many refusals there are, in total and by value. Blocks."""
        if not (total or facets):
            return {}
        hits = list(islice(self._hits(MAX_POSITION), MAX_FACETED + 1))
        cut = len(hits) > MAX_FACETED
        counts = _totals(min(len(hits), MAX_FACETED), cut) if total else {}
        return counts | (_facets(hits[:MAX_FACETED], facets, cut=cut) if facets else {})


#: Parameters that do not fit refusals.
_NOT_OF_REFUSALS = (
    "type", "not_type", "law", "causation_id", "known_as_of", "q", "phrase", "not_phrase", "proofs",
)  # fmt: skip

#: The units that an entry is withheld from would reveal whom it accuses.
_WITHHELD = ("withheld_from", "subjects")


def _titled(hit: Hit, outcome: Outcome, language: str) -> dict[str, Any]:
    shown = hit.shown
    return {**shown, "title": title(shown["type"], language, "titles"), "outcome": outcome}


def _totals(number: int, more: bool) -> dict[str, Any]:
    return {"total_at_least" if more else "total": number}


def _facets(hits: Sequence[Hit], facets: Sequence[Facet], *, cut: bool) -> dict[str, Any]:
    """Return how many of these hits have each value, the most frequent values first."""
    counted: dict[str, list[FacetValue]] = {}
    for name in facets:
        values = Counter(value for hit in hits for value in _values(hit, name))
        ordered = sorted(values.items(), key=lambda item: (-item[1], item[0]))
        if name == "month":
            ordered.sort(reverse=True)
        cut = cut or len(ordered) > MAX_FACET
        counted[name] = [FacetValue(value, count) for value, count in ordered[:MAX_FACET]]
    return {"facets": counted, "facets_cut": cut}


def _values(hit: Hit, name: Facet) -> Collection[str]:
    """Return the values of an event by which a search with this parameter finds it."""
    shown = hit.shown
    match name:
        case "type":
            return (shown["type"],)
        case "month":
            return (str(civil_date(datetime.fromisoformat(shown["occurred_at"])))[:7],)
        case "rule_id":
            rule = shown["body"].get("rule_id") or shown["body"].get("rule")
            return (rule,) if isinstance(rule, str) and rule in rules() else ()
        case "actor":
            person = shown["actor"]["person_id"]
            return () if person in (UNNAMED, WITHHELD) else (person,)
    start = f"{name}:"
    return {tag.removeprefix(start) for tag in hit.stored.event.tags if tag.startswith(start)}


def _ids(hits: Sequence[Hit], facets: Mapping[str, Sequence[FacetValue]]) -> dict[str, set[str]]:
    """Return the units, businesses and matters of a page and its facets."""
    ids: dict[str, set[str]] = {}
    for kind in ("unit", "entity", "matter"):
        given = {value for hit in hits for value in _values(hit, kind)}
        given |= {str(counted.value) for counted in facets.get(kind, ())}
        if kind == "unit":
            given |= {hit.shown["actor"]["unit_id"] for hit in hits}
        if given:
            ids[kind] = given
    return ids


def _either(name: str, type_: Any, description: str) -> tuple[Parameter, Parameter]:
    """Return a parameter of which any value may fit, and the one for values that must not."""
    return (
        Parameter(name, type_, description, repeatable=True),
        Parameter(f"not_{name}", type_, f"not: {description}", repeatable=True),
    )


RESOURCES = (
    Resource(
        "/v1/events/search",
        events,
        returns=FoundEvents,
        query=(
            Parameter("query", Typed, "a search as people type it; see docs/questions.md"),
            Parameter("outcome", Outcome, "`recorded`, or `refused` for refusals of commands"),
            *_either("actor", str, "the person who recorded the event or sent the command"),
            *_either("unit", str, "a unit that the event is about"),
            *_either("entity", str, "a business that the event is about"),
            *_either("matter", str, "a matter that the event is about"),
            Parameter("about", About, "another subject, such as `task:T-1`", repeatable=True),
            *_either("subject", About, "another subject, of several of a kind any"),
            *_either("rule_id", RuleId, "the rule of the finding or refusal"),
            *_either("type", EventType, "the type of event; `filing.*` means all that begin so"),
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
            Parameter("phrase", Words, "a text that a free text must contain", repeatable=True),
            Parameter("not_phrase", Words, "a text that none may contain", repeatable=True),
            Parameter("after", Reached, "only hits after this position", default=0),
            Parameter("before", int, "the position before which to begin; see `next_before`"),
            Parameter("total", bool, "whether to count the hits of all pages, up to 10,000"),
            Parameter("facets", Facet, "count the newest 2,000 hits by these values", joined=True),
            Parameter("proofs", bool, "whether each event comes with its record and receipt"),
            LIMIT,
            AT_LEAST,
        ),
        headers=(AT_LEAST_HEADER,),
        media_types=tuple(MEDIA_TYPES),
        suffixes=tuple(SUFFIXES),
        forms=dict.fromkeys(tuple(MEDIA_TYPES)[1:], str),
        expands=typed,
        group="events",
        worded=True,
    ),
)
