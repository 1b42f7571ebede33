"""The access ledger, read: refusals, unknown references, consultations, tokens, the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import msgspec
from aiohttp import hdrs, web
from msgspec.structs import replace

from api.http.access import grant_of
from api.http.asking import PRIVATE, asked
from api.http.auditing import Readable
from api.http.keys import ACCESS, LEDGER
from api.http.reading import LIMIT, MAX_POSITION, bounded, json_response, next_link, query_value
from api.http.resources import Parameter, Resource
from ledger.access.events import (
    ClockConfirmed,
    CommandRefused,
    RecordsConsulted,
    ReferenceUnknown,
    RuleId,
    SenderPaused,
    TokenGranted,
    TokenRequestDeclined,
    TokenRequested,
    TokenRevoked,
)
from ledger.general.vocabulary import PersonId
from ledger.kernel import Actor, codec
from ledger.kernel.folds import Selector
from projections.source import Source

DEFAULT_PAGE = 100
MAX_PAGE = 500

Kind = Literal["refusal", "unknown", "consultation", "token", "clock"]
_TYPES: dict[Kind, tuple[str, ...]] = {
    "refusal": (CommandRefused.TOPIC,),
    "unknown": (ReferenceUnknown.TOPIC, SenderPaused.TOPIC),
    "consultation": (RecordsConsulted.TOPIC,),
    "token": (
        TokenRequested.TOPIC,
        TokenRequestDeclined.TOPIC,
        TokenGranted.TOPIC,
        TokenRevoked.TOPIC,
    ),
    "clock": (ClockConfirmed.TOPIC,),
}


class Access(msgspec.Struct, frozen=True):
    """One refusal, unknown reference, consultation, or step about a token or the clock."""

    position: int
    type: str
    at: datetime
    actor: Actor
    body: dict[str, Any]


class Accesses(msgspec.Struct, frozen=True):
    """A page of the access ledger, in order; the ``Link`` header leads to the next."""

    items: list[Access]


async def accesses(request: web.Request) -> web.Response:
    """Refusals, unknown references, consultations and grants; asking is a consultation itself."""
    after = bounded(request, "after", 0, 0, MAX_POSITION)
    limit = bounded(request, "limit", DEFAULT_PAGE, 1, MAX_PAGE)
    wanted = query_value(request, "kind", Kind, None)
    kinds = _TYPES if wanted is None else (wanted,)
    topics = [topic for kind in kinds for topic in _TYPES[kind]]
    query_value(request, "about_person", PersonId, None)  # no other word finds anything
    tags = tuple(
        f"{kind}:{request.query[name]}" for name, kind in _TAGS.items() if name in request.query
    )
    source: Source = request.app[ACCESS]
    grant = await grant_of(request)
    # One type at a time: not every store takes two without a tag.
    selectors = [Selector((topic,), tags) for topic in topics]
    reader = Readable(Source(request.app[LEDGER].recorder), grant)
    found = await asked(_page(source, selectors, after, limit + 1, reader))
    headers = dict(PRIVATE)
    if len(found) > limit:
        headers[hdrs.LINK] = next_link(request, after=found[limit - 1].position)
    return json_response(Accesses(found[:limit]), headers=headers)


#: What is filtered by, and the tag that carries it; the rarest first.
_TAGS = {
    "about_person": "person",
    "entity": "entity",
    "holder": "holder",
    "person": "actor",
    "rule_id": "rule",
    "unit": "unit",
}


def _page(
    source: Source, selectors: list[Selector], after: int, limit: int, reader: Readable
) -> Callable[[], list[Access]]:
    def page() -> list[Access]:
        shown: list[Access] = []
        at = after
        while len(shown) < limit:
            found = source.after(selectors, at, limit)
            accesses = [_shown(one) for one in found]
            # What the reader may not know of is not there for them.
            shown += [access for access in accesses if reader.may_read(access.type, access.body)]
            if len(found) < limit:
                break
            at = found[-1].position
        return [_without_subjects(access) for access in shown[:limit]]

    return page


def _shown(stored: Any) -> Access:
    record = codec.decode(stored.position, stored.event.data)
    return Access(
        position=record.position,
        type=record.envelope.type,
        at=record.envelope.recorded_at,
        actor=record.envelope.actor,
        body=codec.plain(stored.event.data)["body"],
    )


def _without_subjects(access: Access) -> Access:
    """An access as it is shown: from whom it is kept would say whom its subject accuses."""
    hidden = ("withheld_from", "subjects")
    return replace(access, body={k: v for k, v in access.body.items() if k not in hidden})


RESOURCES = (
    Resource(
        "/v1/access",
        accesses,
        returns=Accesses,
        roles=frozenset({"jb_supervisor", "rlo_assessor"}),
        query=(
            Parameter("kind", Kind, "`refusal`, `unknown`, `consultation`, `token` or `clock`"),
            Parameter("person", str, "who was refused, looked, requested or approved"),
            Parameter("holder", str, "whom a token is for"),
            Parameter("unit", str, "the unit acted for"),
            Parameter("rule_id", RuleId, "the rule that refused"),
            Parameter("entity", str, "the business it was about"),
            Parameter(
                "about_person", PersonId, "the natural person whose sealed data was asked for"
            ),
            Parameter("after", int, "the position in the access ledger after which to begin"),
            LIMIT,
        ),
    ),
)
