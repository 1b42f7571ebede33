"""``/v1/log/``: the transparency log as ready-made log clients read it (c2sp.org/tlog-tiles).

Tiles of hashes and checkpoints are everybody's; the entries themselves are for auditors. An event
is handed out with a proof of its own (``api.log.receipts``), so nobody needs the others' data.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import msgspec
from aiohttp import hdrs, web

from api.http.access import grant_of
from api.http.asking import asked, role_of
from api.http.keys import LEDGER, LOG, WITNESSES
from api.http.problems import Problem, not_found, unauthenticated
from api.http.reading import json_response, whole_number
from api.http.resources import Parameter, Resource
from api.http.tokens import Grant
from api.http.visibility import may_see_stored
from api.running.pools import PROOFS
from ledger.kernel import codec
from ledger.stores.sqlite import SQLiteRecorder
from ledger.transparency.checkpoints import MAX_SIZE
from ledger.transparency.log import TransparencyLog
from ledger.transparency.merkle import ProofError, leaf_hash
from ledger.transparency.proofs import Receipt
from ledger.transparency.rotation import announced
from ledger.transparency.store import LogKey
from ledger.transparency.tiles import WIDTH, entry, parse_tile_path, withheld

TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
#: A checkpoint gives way to the next within seconds; a tile never changes.
_SOON = "public, max-age=1"
_FOR_EVER = "public, max-age=31536000, immutable"


async def checkpoint(request: web.Request) -> web.Response:
    """The newest signed checkpoint (c2sp.org/tlog-checkpoint), with witnesses' cosignatures."""
    signed = await asked(request.app[LOG].log.checkpoint, PROOFS)
    if signed is None:
        raise not_found("Nothing is recorded yet, so nothing is signed.")
    return plain(signed.note(), _SOON)


async def key(request: web.Request) -> web.Response:
    """The key that signs this log's checkpoints now, as `<name>+<key id>+<key>`."""
    keys = await asked(request.app[LOG].log.keys, PROOFS)
    return plain(keys[-1].vkey.encode() + b"\n", _SOON)


class HeldKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """A key of this log, and the checkpoints that it signs: from one size up to another.

    `rotated_at` is the position at which the change to it is recorded, and `receipt` proves that
    record (c2sp.org/tlog-proof) under the checkpoint of size `from_size`, which the key before has
    signed as well: whoever knows one key is led to the next.
    """

    vkey: str
    from_size: int
    up_to_size: int | None = None
    rotated_at: int | None = None
    receipt: str | None = None


class HeldKeys(msgspec.Struct, frozen=True):
    """The keys of this log, the one that signs now last."""

    items: tuple[HeldKey, ...]


async def keys(request: web.Request) -> web.Response:
    """All keys that ever signed this log's checkpoints, each with the sizes for which it holds."""
    log, recorder = request.app[LOG].log, request.app[LEDGER].recorder
    assert isinstance(recorder, SQLiteRecorder)

    def ask() -> HeldKeys:
        held = log.keys()
        positions = announced(recorder, log.origin) if len(held) > 1 else {}
        ends: list[int | None] = [key.since for key in held[1:]]
        return HeldKeys(
            tuple(
                _held(log, key, end, positions.get(key.vkey))
                for key, end in zip(held, [*ends, None], strict=True)
            )
        )

    return json_response(await asked(ask, PROOFS))


def _held(log: TransparencyLog, key: LogKey, end: int | None, position: int | None) -> HeldKey:
    receipt = None
    if position is not None and (signed := log.signed.covering(key.since)) is not None:
        path = tuple(log.inclusion(position - 1, signed.size))
        receipt = Receipt(position - 1, path, signed.note()).encode().decode()
    return HeldKey(key.vkey, key.since, end, position, receipt)


async def witnessed(request: web.Request) -> web.Response:
    """The newest checkpoint that as many witnesses have cosigned as this ledger asks for."""
    witnesses = request.app[WITNESSES]
    if witnesses is None or witnesses.witnessed is None:
        raise not_found("No checkpoint of this log was cosigned by enough witnesses, or not yet.")
    return plain(witnesses.witnessed.note(), _SOON)


async def tile(request: web.Request) -> web.Response:
    """A tile of hashes; below `entries/`, for auditors, the stored records themselves.

    Where a record is kept from the auditor's unit, an entry of 41 bytes stands for it: `withheld`,
    a line feed and its leaf hash.
    """
    try:
        level, n, width = parse_tile_path(request.match_info["tile"])
    except ValueError as error:
        raise not_found(f"{error}.") from None
    if level is None:
        await _require_auditor(request)
        return await _entries(request, n, width)
    log = request.app[LOG].log
    try:
        hashes = await asked(lambda: log.tiles.tile(level, n, width), PROOFS)
    except KeyError:
        raise not_found("There is no such tile, or not yet.") from None
    return octets(hashes, _FOR_EVER)


async def _entries(request: web.Request, n: int, width: int) -> web.Response:
    recorder = request.app[LEDGER].recorder
    first, log = n * WIDTH, request.app[LOG].log
    if first + width > await asked(lambda: log.tiles.size, PROOFS):
        raise not_found("There is no such bundle, or not yet.")
    grant = await grant_of(request)

    def bundle() -> bytes:
        stored = recorder.read(after=first, limit=width)
        return b"".join(_entry(grant, one) for one in stored)

    return octets(await asked(bundle, PROOFS), "private, no-store")


def _entry(grant: Grant, stored: Any) -> bytes:
    """A record for an auditor; without its bytes where it is kept from the auditor's unit."""
    data = stored.event.data
    try:
        seen = may_see_stored(grant, stored, codec.plain(data))
    except Exception:  # noqa: BLE001 - of bytes that nobody can read nobody knows whom they accuse
        seen = False
    return entry(data) if seen else withheld(leaf_hash(data))


async def _require_auditor(request: web.Request) -> None:
    grant = await grant_of(request)
    if grant.role != "jb_supervisor":
        if not grant.id:
            raise unauthenticated("Entries are for auditors: this needs a token.")
        raise Problem(
            "forbidden",
            f"The role {role_of(grant)} may not read entries. Ask for the proof of a single "
            "event: /v1/events/{position}/proof.",
        )


class Consistency(msgspec.Struct, frozen=True):
    """That the tree of ``new`` leaves begins with the tree of ``old``; hashes in base64."""

    old: int
    new: int
    old_root: str
    new_root: str
    proof: tuple[str, ...]


async def consistency(request: web.Request) -> web.Response:
    """The proof (RFC 6962 section 2.1.2) that one size of the log is the beginning of another."""
    log = request.app[LOG].log
    size = await asked(lambda: log.tiles.size, PROOFS)
    new = whole_number(request.query.get("new"), "query parameter 'new'", size, 0, size)
    old = whole_number(request.query.get("old"), "query parameter 'old'", 0, 0, new)

    def prove() -> Consistency:
        return Consistency(
            old,
            new,
            _b64(log.root(old)),
            _b64(log.root(new)),
            tuple(map(_b64, log.consistency(old, new))),
        )

    try:
        return json_response(await asked(prove, PROOFS))
    except ProofError as error:
        # Whoever checks the log must hear of a fork; what a store says names files of this machine.
        keeper = request.app[LOG]
        said = keeper.error if keeper.forked and keeper.error else f"{error}."
        raise Problem("unavailable", said) from error


def _b64(data: bytes) -> str:
    return b64encode(data).decode()


def plain(body: bytes, caching: str) -> web.Response:
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: TEXT, hdrs.CACHE_CONTROL: caching})


def octets(body: bytes, caching: str) -> web.Response:
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: BYTES, hdrs.CACHE_CONTROL: caching})


_SIZES = (
    Parameter("old", int, f"the smaller size, from 0; sizes are below {MAX_SIZE}"),
    Parameter("new", int, "the larger size; the newest without it"),
)

RESOURCES = (
    Resource("/v1/log/checkpoint", checkpoint, media_types=(TEXT,)),
    Resource("/v1/log/witnessed", witnessed, media_types=(TEXT,)),
    Resource("/v1/log/key", key, media_types=(TEXT,)),
    Resource("/v1/log/keys", keys, returns=HeldKeys),
    Resource("/v1/log/tile/{tile:.+}", tile, media_types=(BYTES,)),
    Resource("/v1/log/consistency", consistency, returns=Consistency, query=_SIZES),
)
