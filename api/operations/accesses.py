"""Read the access ledger: refusals, unknown references, consultations, tokens, the clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any, Literal

import msgspec
from aiohttp import hdrs, web
from msgspec.structs import replace

from api.http.asking import PRIVATE, asked
from api.http.auditing import Readable
from api.http.keys import ACCESS, LEDGER
from api.http.languages import in_language, language_of
from api.http.named import MAX_POSITION, Position
from api.http.reader import reader_of
from api.http.reading import AFTER_POSITION, LIMIT, bounded, json_response, next_link, query_value
from api.http.refusals import newest_first, told_in
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
from ledger.kernel import Actor, budget, codec
from ledger.kernel.folds import Selector
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
    """A page of the access ledger; the ``Link`` header leads to the next page.

    ``next``: what that page is asked with, as ``after`` or, newest first, as ``before``.
    """

    items: list[Access]
    next: int | None = None


async def accesses(request: web.Request) -> web.Response:
    """Refusals, trials, unknown references, consultations and grants; this query is recorded too.

    In the order of recording, or with `newest=true` the newest first.
    """
    after = bounded(request, "after", 0, 0, MAX_POSITION)
    before = bounded(request, "before", MAX_POSITION, 1, MAX_POSITION)
    newest = query_value(request, "newest", bool, False)
    since = query_value(request, "since", date, None)
    until = query_value(request, "until", date, None)
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

    def page() -> list[Access]:
        low, high = source.recorded_within(since, until)
        low, top = max(low, after + 1), min(high + 1, before)
        order = newest_first if newest else _oldest_first
        entries = map(_shown, order(source, selectors, low, top))
        # Leave out entries about subjects that the reader may not know.
        seen = (entry for entry in entries if reader.may_read(entry.type, entry.body))
        return [_told(_without_subjects(entry), language) for entry in islice(seen, limit + 1)]

    entries = await asked(page)
    headers = in_language(PRIVATE, language)
    following = entries[limit - 1].position if len(entries) > limit else None
    if following is not None:
        place = {"before" if newest else "after": following}
        headers[hdrs.LINK] = next_link(request, **place)
    return json_response(Accesses(entries[:limit], following), headers=headers)


#: The tag kind for each filter; the kinds with the fewest events first.
_TAGS = {
    "about_person": "person",
    "entity": "entity",
    "holder": "holder",
    "person": "actor",
    "rule_id": "rule",
    "unit": "unit",
}


def _oldest_first(
    source: Source, selectors: Sequence[Selector], low: int, top: int
) -> Iterator[Any]:
    """Yield the stored events of selectors from ``low`` to below ``top``, in order. Blocks."""
    while low < top:
        budget.check()
        some = source.after(selectors, low - 1, MAX_PAGE)
        yield from (stored for stored in some if stored.position < top)
        if len(some) < MAX_PAGE:
            return
        low = some[-1].position + 1


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
    if access.body.get("message") is not None:
        return replace(access, message_as_recorded=True)
    return replace(access, body=told_in(access.body, language))


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
            Parameter("newest", bool, "the newest first"),
            Parameter("before", Position, "newest first: the position before which to begin"),
            Parameter("since", date, "recorded on or after this day"),
            Parameter("until", date, "recorded on or before this day"),
            LIMIT,
        ),
        worded=True,
    ),
)
