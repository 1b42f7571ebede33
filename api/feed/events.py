"""``GET /v1/events/{position}``: one event as it was recorded."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web

from api.http.asking import asked
from api.http.keys import LEDGER
from api.http.named import MAX_POSITION
from api.http.problems import not_found
from api.http.reader import Reader, reader_of
from api.http.reading import conditional
from api.http.resources import Resource
from api.http.tokens import WITHHELD
from ledger.kernel import Actor, LegalRef, Provenance, Visibility, codec


class ShownEvent(msgspec.Struct, frozen=True):
    """A recorded event: its position, its envelope, and its body, which depends on its type."""

    position: int
    event_id: UUID
    type: str
    schema_version: int
    occurred_at: datetime
    recorded_at: datetime
    actor: Actor
    correlation_id: UUID
    command_id: str
    visibility: Visibility
    body: dict[str, Any]
    legal_basis: tuple[LegalRef, ...] = ()
    policy_refs: dict[str, int] = {}
    causation_id: UUID | None = None
    request_digest: str | None = None
    provenance: Provenance | None = None


async def event(request: web.Request) -> web.Response:
    """The event at a position, if this token may see it. It never changes, so its ETag is its
    position.
    """
    stored, fields = await seen_event(request)
    shown = as_shown(await reader_of(request), stored, fields)
    return conditional(request, str(stored.position), lambda: msgspec.json.encode(shown))


def as_shown(reader: Reader, stored: Any, fields: dict[str, Any]) -> dict[str, Any]:
    """Return a stored event that the reader may see, without what the reader may not know of it.

    ``fields`` are its decoded content.
    """
    actor, tags = msgspec.convert(fields["actor"], Actor), stored.event.tags
    shown = {
        "position": stored.position,
        **fields,
        "actor": msgspec.to_builtins(reader.shown_actor(fields["type"], actor, tags)),
    }
    if not reader.knows_actor(fields["type"], actor.unit_id, tags):
        shown["command_id"] = WITHHELD
    return shown


async def seen_event(request: web.Request) -> tuple[Any, dict[str, Any]]:
    """Return the stored event at the position in the path, and its decoded content.

    Raises the same 404 whether there is none or this token may not see it.
    """
    given = request.match_info["position"]
    if not (given.isascii() and given.isdigit() and len(given) <= 16):
        raise not_found()
    position = int(given)
    if not 1 <= position <= MAX_POSITION:
        raise not_found()
    recorder = request.app[LEDGER].recorder
    stored = await asked(lambda: next(iter(recorder.read(after=position - 1, limit=1)), None))
    if stored is None or stored.position != position:
        raise not_found()
    fields = codec.plain(stored.event.data)
    reader = await reader_of(request)
    if not reader.sees_stored(stored, fields):
        raise not_found()
    return stored, fields


RESOURCES = (Resource("/v1/events/{position}", event, returns=ShownEvent, conditional=True),)
