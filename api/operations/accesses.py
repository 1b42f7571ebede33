"""Read the access ledger: refusals, unknown references, consultations, tokens, the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import msgspec
from aiohttp import hdrs, web
from msgspec.structs import replace

from api.http.asking import PRIVATE, asked
from api.http.auditing import Readable
from api.http.keys import ACCESS, LEDGER
from api.http.languages import in_language, language_of
from api.http.named import MAX_POSITION
from api.http.reader import reader_of
from api.http.reading import AFTER_POSITION, LIMIT, bounded, json_response, next_link, query_value
from api.http.resources import Parameter, Resource
from ledger.access.events import (
    ClockConfirmed,
    CommandRefused,
    CommandTried,
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
from ledger.kernel import Actor, Message, codec
from ledger.kernel.folds import Selector
from ledger.kernel.messages import in_words, restored, say
from projections.source import Source

DEFAULT_PAGE = 100
MAX_PAGE = 500

Kind = Literal["refusal", "trial", "unknown", "consultation", "token", "clock"]
_TYPES: dict[Kind, tuple[str, ...]] = {
    "refusal": (CommandRefused.TOPIC,),
    "trial": (CommandTried.TOPIC,),
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
    """An entry: a refusal, trial, unknown reference, consultation, or step of a token or the clock.

    The ``message`` of a refusal is in the language of the answer. ``message_as_recorded``: it is
    an old entry, which holds only the English text.
    """

    position: int
    type: str
    at: datetime
    actor: Actor
    body: dict[str, Any]
    message_as_recorded: bool = False


class Accesses(msgspec.Struct, frozen=True):
    """A page of the access ledger in order; the ``Link`` header leads to the next page."""

    items: list[Access]


async def accesses(request: web.Request) -> web.Response:
    """Refusals, trials, unknown references, consultations, grants; this query is recorded too."""
    after = bounded(request, "after", 0, 0, MAX_POSITION)
    limit = bounded(request, "limit", DEFAULT_PAGE, 1, MAX_PAGE)
    wanted = query_value(request, "kind", Kind, None)
    kinds = _TYPES if wanted is None else (wanted,)
    topics = [topic for kind in kinds for topic in _TYPES[kind]]
    query_value(request, "about_person", PersonId, None)  # must be a person token
    tags = tuple(
        f"{kind}:{request.query[name]}" for name, kind in _TAGS.items() if name in request.query
    )
    source: Source = request.app[ACCESS]
    grant = await reader_of(request)
    # One type at a time: not every store accepts two types without a tag.
    selectors = [Selector((topic,), tags) for topic in topics]
    reader = Readable(Source(request.app[LEDGER].recorder), grant)
    language = language_of(request)
    page = _page(source, selectors, after, limit + 1, reader)
    entries = await asked(lambda: [_told(entry, language) for entry in page()])
    headers = in_language(PRIVATE, language)
    if len(entries) > limit:
        headers[hdrs.LINK] = next_link(request, after=entries[limit - 1].position)
    return json_response(Accesses(entries[:limit]), headers=headers)


#: The tag kind for each filter; the kinds with the fewest events first.
_TAGS = {
    "about_person": "person",
    "entity": "entity",
    "holder": "holder",
    "person": "actor",
    "rule_id": "rule",
    "unit": "unit",
}


def _page(
    source: Source,
    selectors: list[Selector],
    after: int,
    limit: int,
    reader: Readable,
) -> Callable[[], list[Access]]:
    def page() -> list[Access]:
        shown: list[Access] = []
        at = after
        while len(shown) < limit:
            stored = source.after(selectors, at, limit)
            accesses = [_shown(event) for event in stored]
            # Leave out entries about subjects that the reader may not know.
            shown += [access for access in accesses if reader.may_read(access.type, access.body)]
            if len(stored) < limit:
                break
            at = stored[-1].position
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
    """Return an entry for showing: the units it is withheld from would reveal whom it accuses."""
    hidden = ("withheld_from", "subjects")
    return replace(access, body={k: v for k, v in access.body.items() if k not in hidden})


def _told(access: Access, language: str) -> Access:
    """Return an entry whose refusal is put into words in a language."""
    if access.type != CommandRefused.TOPIC:
        return access
    body = dict(access.body)
    if body.get("message") is not None:
        return replace(access, message_as_recorded=True)
    details = restored(body.pop("details", None) or {})
    told = Message(f"{body['rule']}.message", details, "rules")
    body |= {"message": say(told, language), "details": in_words(details, language)}
    return replace(access, body=body)


RESOURCES = (
    Resource(
        "/v1/access",
        accesses,
        returns=Accesses,
        roles=frozenset({"jb_supervisor", "rlo_assessor"}),
        query=(
            Parameter("kind", Kind, "`refusal`, `unknown`, `consultation`, `token` or `clock`"),
            Parameter("person", str, "who was refused, read, requested or approved"),
            Parameter("holder", str, "the holder of a token"),
            Parameter("unit", str, "the unit that the person acted for"),
            Parameter("rule_id", RuleId, "the rule that refused"),
            Parameter("entity", str, "the business that it was about"),
            Parameter("about_person", PersonId, "the natural person whose sealed data was read"),
            replace(
                AFTER_POSITION, description="the position in the access ledger after which to begin"
            ),
            LIMIT,
        ),
        worded=True,
    ),
)
