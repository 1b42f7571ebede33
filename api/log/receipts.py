"""``/v1/events/{position}/…``: what proves a single event, for programs and for people.

Whoever sees an event is given the proof that its leaf stands in the log. The leaf is the hash of
the record, and the record names who acted: so its bytes, and the page that holds them, are for
those who may know that.
"""

from __future__ import annotations

import asyncio
import inspect
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any

import msgspec
from aiohttp import hdrs, web

from api.feed.events import seen_event
from api.http.access import grant_of
from api.http.asking import asked
from api.http.keys import LOG, WITNESSES
from api.http.pages import PAGE_HEADERS
from api.http.problems import Problem
from api.http.resources import Resource
from api.http.visibility import may_know
from api.log.transparency import BYTES, TEXT, octets, plain
from api.running.pools import PROOFS
from ledger.kernel import UNNAMED
from ledger.kernel.events import event_type
from ledger.transparency.keeper import Keeper
from ledger.transparency.merkle import ProofError
from ledger.transparency.proofs import Receipt
from ledger.transparency.store import LogKey

#: How long a receipt waits for the checkpoint that covers its event, in seconds.
PATIENCE = 3.0
#: How often it is looked for meanwhile, in seconds.
_LOOK = 0.05

_PAGE = "text/html; charset=utf-8"


async def proof(request: web.Request) -> web.Response:
    """The receipt of one event (c2sp.org/tlog-proof): keep it; it is checked without this service.

    The entry that it proves is the event's stored record, `GET /v1/events/{position}/record`; both
    are in the page `GET /v1/events/{position}/receipt`.
    """
    stored, _ = await seen_event(request)
    found, _ = await _receipt(request, stored.position)
    response = plain(found.encode(), "private, no-cache")
    response.headers[hdrs.CONTENT_DISPOSITION] = (
        f'attachment; filename="event-{stored.position}.tlog-proof"'
    )
    return response


async def record(request: web.Request) -> web.Response:
    """The bytes of one event exactly as they were recorded: what its receipt proves.

    They name who acted, so they are handed out to those who may know that; what is recorded in
    the name of a unit, as the announcement of a draw, to whoever sees the event.
    """
    stored = await _whole(request)
    return octets(stored.event.data, "private, no-cache")


class Kept(msgspec.Struct, frozen=True):
    """What the page of a receipt holds: ``record`` in base64, ``proof`` as its text.

    ``keys``: those of the log that held at the size of the receipt's checkpoint. ``kind``: what the
    program says of events of this type, which no record proves.
    """

    position: int
    kind: str
    record: str
    proof: str
    keys: tuple[str, ...]


async def receipt(request: web.Request) -> web.Response:
    """The receipt of one event as a page to keep: it shows the record, and checks it by itself.

    It needs nothing else, neither this service nor a network. For those who may have the record.
    """
    stored = await _whole(request)
    proved, size = await _receipt(request, stored.position)
    kept = Kept(
        stored.position,
        _kind(stored.event.type),
        b64encode(stored.event.data).decode(),
        proved.encode().decode(),
        holding(await asked(request.app[LOG].log.keys, PROOFS), size),
    )
    name = f"event-{kept.position}.receipt.html"
    return web.Response(
        body=page_of(kept).encode(),
        headers=_HEADERS | {hdrs.CONTENT_DISPOSITION: f'inline; filename="{name}"'},
    )


def holding(keys: Sequence[LogKey], size: int) -> tuple[str, ...]:
    """The keys that sign a checkpoint: two at the size at which one gave way to the other."""
    ends = [key.since for key in keys[1:]] + [size]
    return tuple(key.vkey for key, end in zip(keys, ends, strict=True) if key.since <= size <= end)


def _kind(topic: str) -> str:
    return (inspect.getdoc(event_type(topic)) or topic).partition("\n")[0]


async def _whole(request: web.Request) -> Any:
    """The event that the path names, for those who may know who acted."""
    stored, fields = await seen_event(request)
    actor = fields["actor"]
    named = actor["person_id"] != UNNAMED
    if named and not may_know(
        await grant_of(request), fields["type"], actor["unit_id"], stored.event.tags
    ):
        raise Problem(
            "forbidden",
            "The record names the person who acted, which this token may not know. The event's "
            f"receipt is at /v1/events/{stored.position}/proof.",
        )
    return stored


async def _receipt(request: web.Request, position: int) -> tuple[Receipt, int]:
    """The receipt of an event, once a checkpoint covers it, and the size of that."""
    keeper, witnesses = request.app[LOG], request.app[WITNESSES]
    await _covered(keeper, position)

    def prove() -> tuple[Receipt, int] | None:
        signed = keeper.newest
        if witnesses is not None and (seen := witnesses.witnessed) is not None:
            # A slightly older checkpoint that others vouch for proves more than the newest.
            signed = seen if seen.size >= position else signed
        if signed is None or signed.size < position:
            return None
        try:
            path = keeper.log.inclusion(position - 1, signed.size)
        except ProofError:
            return None  # the events do not fit what was signed, and the keeper says so
        return Receipt(position - 1, tuple(path), signed.note()), signed.size

    found = await asked(prove, PROOFS)
    if found is None:
        raise Problem(
            "unavailable",
            keeper.error or "No checkpoint covers this event yet. Ask again in a second.",
            headers={hdrs.RETRY_AFTER: "1"},
        )
    return found


async def _covered(keeper: Keeper, position: int) -> None:
    """Wait until a checkpoint covers an event, or for as long as there is hope.

    On the event loop: whoever asks for what is not signed yet holds no thread.
    """
    end = asyncio.get_running_loop().time() + PATIENCE
    while asyncio.get_running_loop().time() < end and keeper.error is None:
        if keeper.newest is not None and keeper.newest.size >= position:
            return
        await asyncio.sleep(_LOOK)


def _packaged(name: str) -> str:
    return (files("api") / name).read_text("utf-8")


#: What stands in the page as it is: it is saved as one file, so nothing is fetched.
_PARTS = {
    "style": _packaged("static/docs.css"),
    "proofs": _packaged("static/proofs.js"),
    "script": _packaged("templates/receipt.js"),
}
_TEMPLATE = _packaged("templates/receipt.html")
for _name, _part in _PARTS.items():
    _TEMPLATE = _TEMPLATE.replace("{{" + _name + "}}", _part)


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


#: These scripts and this style, named by their digests, and nothing else.
_HEADERS = PAGE_HEADERS | {
    "Content-Security-Policy": "default-src 'none'; "
    f"script-src {_digest(_PARTS['proofs'])} {_digest(_PARTS['script'])}; "
    f"style-src {_digest(_PARTS['style'])}; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'",
    hdrs.CONTENT_TYPE: _PAGE,
    hdrs.CACHE_CONTROL: "private, no-cache",
    "X-Content-Type-Options": "nosniff",
}


def page_of(kept: Kept) -> str:
    """The page that holds a receipt."""
    # Within a script nothing may look like its end, whatever a record says.
    data = msgspec.json.encode(kept).decode().replace("<", "\\u003c")
    return _TEMPLATE.replace("{{position}}", str(kept.position)).replace("{{receipt}}", data)


RESOURCES = (
    Resource("/v1/events/{position}/proof", proof, media_types=(TEXT,), group="log"),
    Resource("/v1/events/{position}/record", record, media_types=(BYTES,), group="log"),
    Resource("/v1/events/{position}/receipt", receipt, media_types=(_PAGE,), group="log"),
)
