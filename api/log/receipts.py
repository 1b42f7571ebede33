"""``/v1/events/{position}/…``: the proof of a single event, for programs and for people.

A reader who may see an event gets the proof that its leaf is in the log. The leaf is the hash of
the record, and the record names the acting person. So only readers who may know that person get the
record's bytes, and the page that contains them.
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
from api.http.asking import asked
from api.http.keys import LOG, WITNESSES
from api.http.pages import PAGE_HEADERS
from api.http.problems import Problem
from api.http.reader import reader_of
from api.http.reading import json_response
from api.http.resources import Resource
from api.log.cosigning import Cosigning
from api.log.transparency import BYTES, TEXT, octets, plain
from api.running.pools import PROOFS
from ledger.kernel import UNNAMED, message
from ledger.kernel.events import event_type
from ledger.transparency.keeper import Keeper
from ledger.transparency.merkle import ProofError
from ledger.transparency.proofs import Receipt
from ledger.transparency.store import LogKey, Signed

#: How long a receipt waits for a checkpoint that covers its event, in seconds.
PATIENCE = 3.0
#: How often to check for that checkpoint, in seconds.
_LOOK = 0.05

_PAGE = "text/html; charset=utf-8"


async def proof(request: web.Request) -> web.Response:
    """Return the receipt of one event (c2sp.org/tlog-proof), checkable without this service.

    It proves the event's stored record, `GET /v1/events/{position}/record`. The page
    `GET /v1/events/{position}/receipt` contains both.
    """
    stored, _ = await seen_event(request)
    proven, _ = await _receipt(request, stored.position)
    response = plain(proven.encode(), "private, no-cache")
    response.headers[hdrs.CONTENT_DISPOSITION] = (
        f'attachment; filename="event-{stored.position}.tlog-proof"'
    )
    return response


async def record(request: web.Request) -> web.Response:
    """Return the bytes of one event exactly as recorded; the receipt proves them.

    They name the acting person, so only readers who may know that person get them. Records made in
    the name of a unit, such as the announcement of a draw, are given to everyone who sees the
    event.
    """
    stored = await _whole(request)
    return octets(stored.event.data, "private, no-cache")


class Kept(msgspec.Struct, frozen=True):
    """The data in a receipt page: ``record`` in base64, ``proof`` as text.

    ``keys``: the log's keys that were valid at the size of the receipt's checkpoint. ``kind``: how
    the program describes events of this type; the record does not prove this.
    """

    position: int
    kind: str
    record: str
    proof: str
    keys: tuple[str, ...]


async def receipt(request: web.Request) -> web.Response:
    """Return the receipt of one event as a page to keep: it shows and verifies the record.

    The page needs neither this service nor a network. Only for readers who may have the record.
    """
    kept = await _kept(request)
    name = f"event-{kept.position}.receipt.html"
    return web.Response(
        body=page_of(kept).encode(),
        headers=_HEADERS | {hdrs.CONTENT_DISPOSITION: f'inline; filename="{name}"'},
    )


async def proven(request: web.Request) -> web.Response:
    """Return what the receipt page contains, as data: the record, its proof, the keys of the log.

    Only for readers who may have the record.
    """
    return json_response(await _kept(request), headers={hdrs.CACHE_CONTROL: "private, no-cache"})


async def _kept(request: web.Request) -> Kept:
    stored = await _whole(request)
    proved, size = await _receipt(request, stored.position)
    return Kept(
        stored.position,
        _kind(stored.event.type),
        b64encode(stored.event.data).decode(),
        proved.encode().decode(),
        holding(await asked(request.app[LOG].log.keys, PROOFS), size),
    )


def holding(keys: Sequence[LogKey], size: int) -> tuple[str, ...]:
    """Return the keys that sign a checkpoint: two keys at the size where the key changed."""
    ends = [key.since for key in keys[1:]] + [size]
    return tuple(key.vkey for key, end in zip(keys, ends, strict=True) if key.since <= size <= end)


def _kind(topic: str) -> str:
    return (inspect.getdoc(event_type(topic)) or topic).partition("\n")[0]


async def _whole(request: web.Request) -> Any:
    """Return the event in the path; raise if the token may not know the acting person."""
    stored, fields = await seen_event(request)
    actor = fields["actor"]
    named = actor["person_id"] != UNNAMED
    reader = await reader_of(request)
    if named and not reader.knows_actor(fields["type"], actor["unit_id"], stored.event.tags):
        raise Problem(
            "forbidden",
            message("log.record-names-person-acted-token-may", position=stored.position),
        )
    return stored


async def _receipt(request: web.Request, position: int) -> tuple[Receipt, int]:
    """Return the receipt of an event, and its checkpoint's size, once a checkpoint covers it."""
    keeper, witnesses = request.app[LOG], request.app[WITNESSES]
    await covered(keeper, position)

    def prove() -> tuple[Receipt, int] | None:
        signed = covering(keeper, witnesses, position)
        if signed is None or signed.size < position:
            return None
        try:
            path = keeper.log.inclusion(position - 1, signed.size)
        except ProofError:
            return None  # the events do not match what was signed; the keeper reports it
        return Receipt(position - 1, tuple(path), signed.note()), signed.size

    receipt_and_size = await asked(prove, PROOFS)
    if receipt_and_size is None:
        raise Problem(
            "unavailable",
            "log.checkpoint-does-not-cover-event-yet"
            if keeper.error is None
            else message("log.keeper-failed", error=keeper.error),
            headers={hdrs.RETRY_AFTER: "1"},
        )
    return receipt_and_size


def covering(keeper: Keeper, witnesses: Cosigning | None, position: int) -> Signed | None:
    """Return the checkpoint for the receipt of an event; it may not cover the event yet."""
    seen = None if witnesses is None else witnesses.witnessed
    # A slightly older checkpoint with cosignatures proves more than the newest one.
    return seen if seen is not None and seen.size >= position else keeper.newest


async def covered(keeper: Keeper, position: int) -> None:
    """Wait until a checkpoint covers an event, time is up, or the keeper has failed.

    Waits on the event loop, so it does not occupy a thread.
    """
    end = asyncio.get_running_loop().time() + PATIENCE
    while asyncio.get_running_loop().time() < end and keeper.error is None:
        if keeper.newest is not None and keeper.newest.size >= position:
            return
        await asyncio.sleep(_LOOK)


def _packaged(name: str) -> str:
    return (files("api") / name).read_text("utf-8")


#: Files included in the page: it is saved as one file, so it loads nothing.
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


#: The page may run only these scripts and this style, identified by their digests.
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
    """Return the page with a receipt."""
    # The data must not contain anything that ends a script element, whatever the record says.
    data = msgspec.json.encode(kept).decode().replace("<", "\\u003c")
    return _TEMPLATE.replace("{{position}}", str(kept.position)).replace("{{receipt}}", data)


RESOURCES = (
    Resource("/v1/events/{position}/proof", proof, media_types=(TEXT,), group="log"),
    Resource("/v1/events/{position}/record", record, media_types=(BYTES,), group="log"),
    Resource("/v1/events/{position}/receipt", receipt, media_types=(_PAGE,), group="log"),
    Resource("/v1/events/{position}/proven", proven, returns=Kept, group="log"),
)
