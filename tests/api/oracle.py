"""Two ledgers, one with and one without what a reader may not see, asked for everything there is.

The rule (domain rulebook 2.17): whoever may not see a fact gets the answer that would be given
without it, after positions are mapped to ranks. ``base`` holds a fact of every type of event about
a few subjects, ``tail`` some more of them; between the two come the hidden ones. All are stored
bytes and the same in both ledgers, so that event ids, times and hashes are equal by themselves.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Self, get_args, get_origin
from unittest.mock import Mock, patch
from urllib.parse import quote, urlencode
from uuid import UUID

import msgspec
from aiohttp import hdrs, web
from aiohttp.test_utils import make_mocked_request
from eventsourcing.dcb.api import DCBEvent
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from msgspec import inspect
from yarl import URL

from api.http import evenly
from api.http.resources import Parameter, Resource
from api.http.tokens import ANONYMOUS, Grant
from api.service import Service
from api.systems import replays
from api.systems.summaries import NOTED
from ledger.kernel import Actor, Event, Recorded, Visibility, codec
from ledger.kernel.events import Envelope
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.policies.commands import SeedLedger
from tests.empty import lay_views
from tests.golden import records, released_types
from tests.gwt import Scenario
from tests.projections.facts import E1, E2

NOW = datetime(2026, 6, 1, 1, 0, tzinfo=UTC)
START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)

UNIT, OTHER, BUREAU = "MRB", "EEB", "JB"

#: Who asks: every role, of the unit and business concerned and of others.
READERS: Mapping[str, Grant] = {
    "nobody": ANONYMOUS,
    "subscriber": Grant("BANK", "SYS", "subscriber_system"),
    "business": Grant("ENTITY", "REP-1", "entity_rep", E1),
    "other business": Grant("ENTITY", "REP-2", "entity_rep", E2),
    "officer": Grant(UNIT, "OFF-7", "enforcement_officer"),
    "coordinator": Grant(UNIT, "COORD", "draw_coordinator"),
    "other officer": Grant(OTHER, "OFF-8", "enforcement_officer"),
    "other head": Grant(OTHER, "HEAD", "unit_head"),
    "park": Grant("PARK", "PARK-1", "park_committee"),
    "credit": Grant("EDB", "EDB-1", "credit_officer"),
    "recon": Grant("RECON", "RECON-1", "recon_officer"),
    "rlo": Grant("RLO", "RLO-1", "rlo_assessor"),
    "bureau": Grant(BUREAU, "JB-1", "jb_supervisor"),
}


class Placed:
    """Ids for the subjects of one fact: ``number`` tells what is known from what is new."""

    def __init__(self, number: int, unit: str = UNIT, **named: str) -> None:
        self.number = number
        self.unit = unit
        self.named = named

    def id_of(self, kind: str, field: str) -> str:
        """The id that a field of a kind of subject gets."""
        if field in self.named:
            return self.named[field]
        if kind == "entity":
            return E1
        if kind == "unit":
            return self.unit
        if kind == "month":
            return "2026-03"
        if kind == "finding":
            return f"{self.named.get('rule_id', 'FIL-V1')}.F{self.number}"
        return f"{kind.upper()}-{self.number}"


def placed(event: Event, ids: Placed) -> Event:
    """A golden event with the subjects of ``ids`` in the place of its own."""
    body = msgspec.to_builtins(event)
    for field in _fields(type(event)):
        if body.get(field.encode_name) is not None:
            body[field.encode_name] = _put(field.type, body[field.encode_name], field.name, ids)
    if "rule_id" in body:
        body["rule_id"] = ids.named.get("rule_id", "FIL-V1")
    return msgspec.convert(body, type(event), str_keys=True)


@cache
def _fields(cls: type[msgspec.Struct]) -> Sequence[inspect.Field]:
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    return info.fields


def _put(info: inspect.Type, value: Any, name: str, ids: Placed) -> Any:
    match info:
        case inspect.Metadata():
            extra = info.extra or {}
            if extra.get("subject") and isinstance(value, str):
                chosen = ids.id_of(extra["subject"], name)
                pattern = getattr(info.type, "pattern", None)
                # An id that is made of others (a report's, a score's) stays as it is.
                return chosen if pattern is None or re.search(pattern, chosen) else value
            return _put(info.type, value, name, ids)
        case inspect.UnionType():
            for option in info.types:
                if not isinstance(option, inspect.NoneType):
                    value = _put(option, value, name, ids)
            return value
        case inspect.VarTupleType() | inspect.ListType() if isinstance(value, list):
            items = [_put(info.item_type, item, name, ids) for item in value]
            return items[:1] if all(isinstance(item, str) for item in items) else items
        case inspect.StructType() if isinstance(value, dict):
            return {
                **value,
                **{
                    field.encode_name: _put(field.type, value[field.encode_name], field.name, ids)
                    for field in info.fields
                    if value.get(field.encode_name) is not None
                },
            }
    return value


#: What no command records without what comes before it: these follow all others, in this order.
LAST = (
    "legalreview.legal-review-concluded",
    "legalreview.legal-review-extended",
    "reconsideration.incidental-review-concluded",
    "reconsideration.opinion-correction-reported",
    "sharing.webhook-moved",
    "sharing.deliveries-repeated",
    "sharing.webhook-ended",
)

#: Golden events that no command would record, and that folds need not take: the bare one of a
#: document that names no day, criteria of a version that was never proposed.
UNLIKELY = frozenset({"supervision.supervision-doc-issued", "dishonesty.list-criteria-published"})

#: Not made here: policies and corrections fit what they are about, targets the strata of their
#: draw; the access ledger is another one.
ELSEWHERE = re.compile(
    r"access\.|policies\.|corrections\.record-corrected|draws\.draw-target-(exempted|released)"
)


#: Their events were public in some earlier version of the program, and are shared now.
ONCE_PUBLIC = frozenset(
    {
        "credit.credit-record-entered",
        "credit.publicity-resumed",
        "credit.publicity-started",
        "credit.publicity-suspended",
        "credit.publicity-terminated",
        "penalties.decision-published",
        "penalties.decision-withdrawn",
        "publicity.act-published",
    }
)


class Facts:
    """Makes stored events, each with an id, a time and an actor of its own."""

    def __init__(self) -> None:
        self.count = 0

    def record(
        self,
        event: Event,
        unit: str = UNIT,
        person: str = "OFF-1",
        *,
        visibility: Visibility | None = None,
    ) -> Recorded:
        self.count += 1
        moment = START + timedelta(seconds=self.count)
        envelope = Envelope(
            event_id=UUID(int=(0xAB << 96) + self.count),
            type=event.TOPIC,
            schema_version=event.VERSION,
            occurred_at=moment,
            recorded_at=moment,
            actor=Actor(unit_id=unit, person_id=person, role="unit_head"),
            correlation_id=UUID(int=(0xCD << 96) + self.count),
            command_id=f"c{self.count:04x}",
            visibility=visibility or event.visibility(),
        )
        return Recorded(self.count, envelope, event)

    def of_every_type(self, ids: Placed, unit: str, systems: str = "") -> Iterator[Recorded]:
        """Two events of every type (of these systems), whole and bare, recorded by ``unit``."""
        types = released_types()
        for topic in [*sorted(types.keys() - set(LAST)), *LAST]:
            if ELSEWHERE.match(topic) or not topic.startswith(systems):
                continue
            whole, bare = records(topic, types[topic].VERSION)
            for data in (whole,) if topic in UNLIKELY else (bare, whole):
                event = placed(codec.decode(1, data).event, ids)
                if topic.startswith(("approvals.", "takeon.open-d")):
                    # Commands keep all events of one request, or duty, from the same readers.
                    event = msgspec.structs.replace(event, confidential=True, withheld_from=())
                yield self.record(event, unit)

    def once_public(self, ids: Placed, unit: str) -> Iterator[Recorded]:
        """What earlier versions of the program recorded as public of records and decisions."""
        for topic, cls in released_types().items():
            if topic in ONCE_PUBLIC:
                event = placed(codec.decode(1, records(topic, cls.VERSION)[0]).event, ids)
                yield self.record(event, unit, visibility="public")

    def law(self) -> Iterator[Recorded]:
        """The policies and calendars that a ledger begins with."""
        seeded = Scenario(InMemoryDCBRecorder()).when(SeedLedger()).outcome
        assert seeded is not None
        for record in seeded.events:
            yield self.record(record.event, "LEDGER", "clock")


def stored(record: Recorded) -> DCBEvent:
    """A record as it is appended."""
    actor = record.envelope.actor.person_id
    return DCBEvent(
        type=record.envelope.type,
        data=codec.encode(record.envelope, record.event),
        tags=[*record.event.tags(), f"actor:{actor}"],
    )


def secrets(facts: Facts) -> Iterator[Recorded]:
    """What somebody or other may not see: of every type, about what is known and what is not.

    Complaints and confidential findings also about a unit that asks, the bureau among them.
    """
    for number in (1, 2):
        yield from facts.of_every_type(Placed(number, subject_unit="TAX"), UNIT)
        yield from facts.once_public(Placed(number), UNIT)
    for number, accused, handler in ((3, UNIT, BUREAU), (4, BUREAU, "RLO"), (5, OTHER, BUREAU)):
        of_it = Placed(number, handler, subject_unit=accused)
        yield from facts.of_every_type(of_it, handler, "complaints.")
        confidential = Placed(number, accused, rule_id="CMP-V1")
        yield from facts.of_every_type(confidential, handler, "supervision.finding")


def hidden_from(grant: Grant, facts: Iterable[Recorded]) -> list[Recorded]:
    """What of some facts a reader may not see."""
    return [record for record in facts if not grant.sees_record(record)]


class Answer(msgspec.Struct, frozen=True):
    """What came back, without what no reader has to be kept from."""

    status: int
    text: str


class Shelf:
    """A service over a ledger of some events, asked without a socket."""

    def __init__(self, folder: Path, name: str, events: Sequence[Recorded]) -> None:
        self._path = folder / f"{name}.db"
        with SQLiteRecorder(self._path) as recorder:
            recorder.append([stored(record) for record in events])
        lay_views(self._path)
        self.head = len(events)
        self._opened = AsyncExitStack()
        self.tokens: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        self.service = Service(f"sqlite:///{self._path}", clock=lambda: NOW, accept_lost_keys=True)
        self._opened.callback(self.service.close)
        self.app = self.service.app()
        # A busy machine sends a replay in pieces that a quiet one sends whole: no reader's concern.
        self._opened.enter_context(patch.object(replays, "PIECE_SECONDS", 3600.0))
        self._opened.enter_context(patch.object(evenly, "EVEN_SECONDS", 0.0))  # nobody takes time
        # Made once: what it consists of takes longer to make than most answers.
        # Its connection is open: work for a client that seems to have left would be abandoned.
        transport = Mock(**{"is_closing.return_value": False, "get_extra_info.return_value": None})
        self._request = make_mocked_request("GET", "/", app=self.app, transport=transport)
        runner = web.AppRunner(self.app)
        await runner.setup()
        self._opened.push_async_callback(runner.cleanup)
        assert self.service.follower.wait_for(self.head, 60)
        stopped = [h for h in self.service.follower.health() if h.error]
        assert not stopped, stopped
        for name, grant in READERS.items():
            if grant is not ANONYMOUS:
                self.tokens[name] = self.service.tokens.create(
                    grant.unit, grant.person, grant.role, entity=grant.entity
                )
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._opened.aclose()

    async def get(self, who: str, url: str, **more: str) -> web.StreamResponse:
        headers = {"X-Request-Id": "asked", **more}
        if who in self.tokens:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        request = self._request.clone(rel_url=URL(url, encoded=True), headers=headers)
        return await self.app._handle(request)


_NUMBER = re.compile(r"((?<![0-9A-Za-z.])[0-9]{1,9}(?![0-9A-Za-z.]))")
#: The id of a request, and a receipt of the log, which names its size and root.
_IGNORED = re.compile(r'"request_id":"[^"]*"|"proof":"c2sp\.org/tlog-proof@[^"]*"')


class Ranks(msgspec.Struct, frozen=True):
    """What becomes of positions: ``hidden`` events between ``base`` and ``tail``, ``more`` at last.

    The last position is the length of the ledger, which everybody may know.
    """

    base: int
    hidden: int
    tail: int
    more: int

    def same(self, without: str, beside: str) -> bool:
        """Whether two texts are the same, the first of a ledger without the hidden events.

        A number may be a position: of the tail, moved by as many events as are hidden before it.
        """
        one, other = _NUMBER.split(without), _NUMBER.split(beside)
        return len(one) == len(other) and all(map(self._fits, one, other))

    def _fits(self, one: str, other: str) -> bool:
        if one == other:
            return True
        if not (one.isdigit() and other.isdigit()):
            return False
        number, end = int(one), self.base + self.tail
        moved = self.base < number <= end and int(other) == number + self.hidden
        return moved or (number == end and int(other) == end + self.hidden + self.more)


#: What of a response a client acts on.
_HEADERS = (hdrs.LINK, hdrs.ETAG, "X-Position", "X-Next-After", hdrs.RETRY_AFTER, hdrs.LOCATION)

#: Proofs name sizes and roots of the log; that there is one or none is all that is compared.
_OF_THE_LOG = re.compile(r"/(proof|receipt|export|verify)(\?|$)")


async def answer(shelf: Shelf, who: str, url: str) -> Answer:
    """One answer to one reader."""
    response = await shelf.get(who, url)
    while (
        response.status == 503
    ):  # a busy machine: its threads have had no time, which says nothing
        await asyncio.sleep(0.5)
        response = await shelf.get(who, url)
    assert response.status != 500, f"{who} asks for {url}"
    said = [f"{name}: {response.headers.get(name)}" for name in _HEADERS]
    if not _OF_THE_LOG.search(url) and isinstance(response, web.Response):
        body = response.body if isinstance(response.body, bytes) else b""
        said.append(_IGNORED.sub("", body.decode()))
    return Answer(response.status, "\n".join(said))


def exact(url: str, said: Answer, topics: Sequence[str]) -> list[str]:
    """Pages as long as a list or trail is: one that ends there, and does not go on, may not tell.

    ``said`` is the answer to the longest page of ``url``.
    """
    body = said.text.rpartition("\n")[2]
    if said.status != 200 or not body.startswith(('{"entries":[', '{"items":[')):
        return []
    (items, *_) = msgspec.json.decode(body).values()
    found = [f"{url}?limit={len(items)}"] if items else []
    if items and url.endswith("/trail"):
        types = [("type", topic) for topic in topics]
        found.append(f"{url}?{urlencode([('limit', len(items)), *types])}")
    return found


def urls(resources: Iterable[Resource], facts: Sequence[Recorded]) -> list[str]:
    """Every resource with the subjects of these facts, every filter with values that occur."""
    return list(dict.fromkeys(url for _, url in addresses(resources, facts)))


def addresses(
    resources: Iterable[Resource], facts: Sequence[Recorded]
) -> Iterator[tuple[Resource, str]]:
    """The same, each with its resource."""
    ids = subjects(facts)
    topics = sorted({record.envelope.type for record in facts})
    sealed = sorted({r.envelope.type for r in facts if r.envelope.visibility == "sealed"})
    for resource in resources:
        if resource.path.startswith(_NOT_ASKED):
            continue
        for path in _paths(resource.path, ids):
            yield resource, path
            for query in _queries(resource, ids, topics, sealed):
                yield resource, f"{path}?{query}"


def together(
    resources: Iterable[Resource], facts: Sequence[Recorded]
) -> Iterator[tuple[Resource, str]]:
    """Several conditions of each list at once, counted and sorted; and each list as a file."""
    ids = subjects(facts)
    for resource in resources:
        if not resource.path.startswith(_NOT_ASKED):
            for path in _paths(resource.path, ids):
                for end, query in _together(resource, path, ids):
                    yield resource, f"{path}{end}?{query}"


def _together(
    resource: Resource, path: str, ids: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str]]:
    known = {parameter.name: parameter for parameter in resource.query}
    if "sort" not in known:
        return
    dice = random.Random(path)
    given = {name: [*_values(known[name], ids)] for name in known.keys() - _NO_FILTERS}
    filters = sorted(name for name, values in given.items() if values)
    orders = get_args(known["sort"].type)
    counted = {"total": "true"}
    if "facets" in known:
        counted["facets"] = ",".join(get_args(known["facets"].type))
    for _ in range(2):
        chosen = dice.sample(filters, min(len(filters), dice.choice((2, 3))))
        some = {name: dice.choice(given[name]) for name in chosen}
        yield "", urlencode({**some, **counted, "sort": dice.choice(orders), "limit": 1})
    yield ".csv", urlencode({"sort": dice.choice(orders)})


_NO_FILTERS = {"after", "at_least", "facets", "fields", "limit", "sort", "total"}

#: Of the log alone, of the service, or of another ledger.
_NOT_ASKED = ("/v1/log/", "/v1/access", "/livez", "/readyz", "/metrics", "/docs", "/static",
              "/problems", "/v1/openapi", "/v1/events/{", "/v1/feed/readers")  # fmt: skip

#: What a path calls a kind of subject otherwise than its tags do.
_KIND = {"id": "task", "key": "key", "soft_measure": "measure", "review_batch": "batch"}


def subjects(facts: Iterable[Recorded]) -> dict[str, list[str]]:
    """The ids of each kind of subject."""
    found: dict[str, dict[str, None]] = {}
    for record in facts:
        for tag in record.event.tags():
            kind, _, name = tag.partition(":")
            found.setdefault(kind, {})[name] = None
    # Two of each suffice, known and new; of what accuses somebody there are more.
    many = {"complaint": 5, "finding": 5}
    return {kind: list(names)[: many.get(kind, 2)] for kind, names in found.items()}


def _paths(path: str, ids: Mapping[str, Sequence[str]]) -> Iterator[str]:
    match = re.search(r"\{(\w+)(:[^}]*)?\}", path)
    if match is None:
        yield path
        return
    name = match[1]
    kind = name.replace("_", "-")
    values = ids.get(kind) or ids.get(_KIND.get(name, ""), ()) or ("NOBODY",)
    for value in values:
        yield from _paths(path.replace(match[0], quote(value, safe=":"), 1), ids)


def _queries(
    resource: Resource,
    ids: Mapping[str, Sequence[str]],
    topics: Sequence[str],
    sealed: Sequence[str],
) -> Iterator[str]:
    if resource.path == "/v1/next-commands":
        return  # it would try every command on golden bytes, which no command records so
    known = {parameter.name: parameter for parameter in resource.query}
    trail = resource.path.endswith("/trail")
    if "limit" in known:
        yield "limit=1"
    if trail:
        # Whatever is visible, and beside it what is not: where the page ends would tell.
        yield urlencode([("limit", "1"), *(("type", topic) for topic in topics)])
        yield urlencode([("limit", "500"), *(("type", topic) for topic in sealed)])
        yield urlencode({"limit": 1, "known_as_of": "2026-03-02T01:01:00Z"})
        return
    if resource.path == "/v1/feed":
        for subject in _named(ids):
            yield urlencode({"subject": subject, "limit": 1})
            yield urlencode({"subject": subject})
        for system in sorted({topic.partition(".")[0] for topic in topics}):
            yield urlencode({"type": f"{system}.*", "limit": 1})
        yield urlencode([*(("type", topic) for topic in sealed[:50]), ("limit", "1")])
        return
    if resource.path == "/v1/events/search":
        yield urlencode({"total": "true", "facets": "unit,actor,entity,matter,rule_id,type,month"})
    if resource.path == "/v1/feed/preview":
        # A window that ends within what both ledgers have, and one that spans the hidden events.
        yield from ("last=1", "last=20", "last=500")
    if resource.path.endswith("/profile/diff"):
        yield urlencode({"from": "2026-03-01", "to": "2026-06-01"})
        yield urlencode({"from": "2026-03-02T01:01:00Z", "to": "2026-06-01T00:00:00Z"})
    for name, parameter in known.items():
        if name not in ("limit", "after", "at_least"):
            for value in _values(parameter, ids):
                yield urlencode({name: value})


def _named(ids: Mapping[str, Sequence[str]]) -> list[str]:
    """Some subjects as a parameter names them."""
    kinds = ("entity", "unit", "task", "case", "complaint", "finding", "decision")
    return [f"{kind}:{name}" for kind in kinds for name in ids.get(kind, ())[:2]]


def _values(parameter: Parameter, ids: Mapping[str, Sequence[str]]) -> Iterable[str]:
    name, kind = parameter.name.removeprefix("not_"), parameter.type
    if name == "outcome":
        return ("recorded",)  # refusals are in another ledger
    if name == "of":
        # Refusals and consultations are counted from another ledger.
        return [word for word in get_args(kind) if word not in NOTED]
    if name in ("fields", "total"):
        return ()  # they show less, or nothing that counts by value do not
    if name == "q":
        return ("0", "mrb")  # what golden texts and ids consist of
    if name.endswith(("_from", "_to")):
        return ("2026",) if kind is int else ("2026-03-20",)
    if get_origin(kind) is not None and (words := get_args(kind)) and isinstance(words[0], str):
        return words
    if kind is bool:
        return ("true", "false")
    if name in ("subject_unit", "organ", "reviewing_unit", "determined_by"):
        return ids.get("unit", ())
    if name in ids:
        return ids[name]
    if name == "subject":
        return _named(ids)
    if name == "query":
        return ("单位:MRB -规则:FIL-V1", "0 2026-03")
    if name == "about":
        return [
            f"{kind}:{some[0]}" for kind in ("task", "case", "finding") if (some := ids.get(kind))
        ]
    if name == "actor":
        return ("OFF-7", "HEAD", "JB-1")
    if name == "rule_id":
        return ("FIL-V1", "FIL-R1")
    if name.startswith("recorded_"):
        return ("2026-03-02",)
    if name in ("on", "raised_before", "due_before", "since", "until", "valid_as_of"):
        return ("2026-06-01",)
    if name == "known_as_of":
        return ("2026-03-02T01:01:00Z",)
    if name == "year":
        return ("2000", "2026")
    if name in ("stage", "state_of_visit"):
        return re.findall(r"[a-z_]{4,}", parameter.description)
    return ()
