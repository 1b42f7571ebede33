"""``/v1/log/``: the transparency log in the form that log clients read (c2sp.org/tlog-tiles).

Everyone may read checkpoints and tiles of hashes; only auditors may read the entries. A single
event comes with its own proof (``api.log.receipts``), so its readers need no other event's data.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from itertools import starmap
from typing import Any

import msgspec
from aiohttp import hdrs, web

from api.http.asking import asked
from api.http.keys import LEDGER, LOG, WITNESSES
from api.http.problems import Problem, not_found, unauthenticated
from api.http.reader import Reader, reader_of
from api.http.reading import json_response
from api.http.resources import Parameter, Resource, parameter, whole_number
from api.running.pools import PROOFS
from ledger.kernel import codec, message
from ledger.transparency.checkpoints import MAX_SIZE, cosigned, cosigned_at
from ledger.transparency.log import TransparencyLog
from ledger.transparency.merkle import ProofError, leaf_hash
from ledger.transparency.notes import parse_note
from ledger.transparency.policy import KnownWitness
from ledger.transparency.proofs import Receipt
from ledger.transparency.rotation import announced
from ledger.transparency.store import LogKey, Signed
from ledger.transparency.tiles import WIDTH, entry, parse_tile_path, withheld

TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
#: A new checkpoint replaces the last within seconds; a tile never changes.
_SOON = "public, max-age=1"
_FOR_EVER = "public, max-age=31536000, immutable"


async def checkpoint(request: web.Request) -> web.Response:
    """Return the newest signed checkpoint (c2sp.org/tlog-checkpoint) with cosignatures."""
    signed = await asked(request.app[LOG].log.checkpoint, PROOFS)
    if signed is None:
        raise not_found("log.nothing-recorded-yet-nothing-signed")
    return plain(signed.note(), _SOON)


async def key(request: web.Request) -> web.Response:
    """Return the current public key of this log, as `<name>+<key id>+<key>`."""
    keys = await asked(request.app[LOG].log.keys, PROOFS)
    return plain(keys[-1].vkey.encode() + b"\n", _SOON)


class HeldKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """A key of this log, and the range of sizes of the checkpoints that it signs.

    `rotated_at` is the position of the event that records the change to this key. `receipt` proves
    that record (c2sp.org/tlog-proof) under the checkpoint of size `from_size`. The previous key has
    signed that checkpoint too, so a reader who knows one key can trust the next.
    """

    vkey: str
    from_size: int
    up_to_size: int | None = None
    rotated_at: int | None = None
    receipt: str | None = None


class HeldKeys(msgspec.Struct, frozen=True):
    """All keys of this log, in order; the last one is current."""

    items: tuple[HeldKey, ...]


async def keys(request: web.Request) -> web.Response:
    """Return all keys that ever signed this log's checkpoints, each with its range of sizes."""
    log, recorder = request.app[LOG].log, request.app[LEDGER].recorder

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
    """Return the newest checkpoint cosigned by as many witnesses as this ledger requires."""
    witnesses = request.app[WITNESSES]
    if witnesses is None or witnesses.witnessed is None:
        raise not_found("log.no-checkpoint-log-enough-cosignatures-yet")
    return plain(witnesses.witnessed.note(), _SOON)


class SeenWitness(msgspec.Struct, frozen=True, omit_defaults=True):
    """A witness of this log: its key, and the checkpoint that it cosigned last.

    `answers`: it cosigned when it was asked last, or was not asked yet. `cosigned_at` is the time
    that its cosignature states.
    """

    name: str
    vkey: str
    answers: bool
    size: int = 0
    cosigned_at: datetime | None = None
    checkpoint: str | None = None


class SeenWitnesses(msgspec.Struct, frozen=True):
    """The witnesses of this log, and the size of the newest checkpoint that enough have cosigned.

    `size` is 0 before there is one. Without witnesses the list is empty.
    """

    items: tuple[SeenWitness, ...]
    size: int


async def witnesses(request: web.Request) -> web.Response:
    """Return the witnesses that cosign this log's checkpoints, with their last cosignatures."""
    cosigning = request.app[WITNESSES]

    def ask() -> SeenWitnesses:
        if cosigning is None:
            return SeenWitnesses((), 0)
        seen = tuple(starmap(_seen, cosigning.attended()))
        return SeenWitnesses(seen, 0 if cosigning.witnessed is None else cosigning.witnessed.size)

    return json_response(await asked(ask, PROOFS), headers={hdrs.CACHE_CONTROL: _SOON})


def _seen(witness: KnownWitness, answers: bool, signed: Signed | None) -> SeenWitness:
    vkey = witness.key.vkey()
    if signed is None:
        return SeenWitness(witness.name, vkey, answers)
    note = signed.note()
    (signature, *_) = cosigned(parse_note(note), [witness.key])
    at = datetime.fromtimestamp(cosigned_at(signature), UTC)
    return SeenWitness(witness.name, vkey, answers, signed.size, at, note.decode())


async def tile(request: web.Request) -> web.Response:
    """Return a tile of hashes; or, below `entries/`, for auditors, the stored records themselves.

    If the auditor's unit may not see a record, an entry of 41 bytes replaces it: `withheld`, a line
    feed, and the record's leaf hash.
    """
    try:
        level, n, width = parse_tile_path(request.match_info["tile"])
    except ValueError as error:
        raise not_found(message("log.tile-path-fault", error=str(error))) from None
    if level is None:
        await _require_auditor(request)
        return await _entries(request, n, width)
    log = request.app[LOG].log
    try:
        hashes = await asked(lambda: log.tiles.tile(level, n, width), PROOFS)
    except KeyError:
        raise not_found("log.tile-does-not-exist-not-yet") from None
    return octets(hashes, _FOR_EVER)


async def _entries(request: web.Request, n: int, width: int) -> web.Response:
    recorder = request.app[LEDGER].recorder
    first, log = n * WIDTH, request.app[LOG].log
    if first + width > await asked(lambda: log.tiles.size, PROOFS):
        raise not_found("log.bundle-does-not-exist-not-yet")
    reader = await reader_of(request)

    def bundle() -> bytes:
        stored = recorder.read(after=first, limit=width)
        return b"".join(_entry(reader, event) for event in stored)

    return octets(await asked(bundle, PROOFS), "private, no-store")


def _entry(reader: Reader, stored: Any) -> bytes:
    """Return a record for an auditor, or its replacement if it is withheld from their unit."""
    data = stored.event.data
    try:
        seen = reader.sees_stored(stored, codec.plain(data))
    except Exception:  # noqa: BLE001 - unreadable bytes may accuse the auditor's unit
        seen = False
    return entry(data) if seen else withheld(leaf_hash(data))


async def _require_auditor(request: web.Request) -> None:
    reader = await reader_of(request)
    if not reader.is_bureau:
        if not reader.id:
            raise unauthenticated("log.only-auditors-may-read-entries")
        raise Problem(
            "forbidden",
            message("log.role-may-not-read-entries", sent_as=reader.sent_as),
        )


class Consistency(msgspec.Struct, frozen=True):
    """Proof that the tree of ``new`` leaves begins with that of ``old``; hashes in base64."""

    old: int
    new: int
    old_root: str
    new_root: str
    proof: tuple[str, ...]


async def consistency(request: web.Request) -> web.Response:
    """Return the proof (RFC 6962, 2.1.2) that a smaller log is the beginning of a larger one."""
    log = request.app[LOG].log
    size = await asked(lambda: log.tiles.size, PROOFS)
    new = whole_number(request.query.get("new"), parameter("new"), size, 0, size)
    old = whole_number(request.query.get("old"), parameter("old"), 0, 0, new)

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
        # A reader who checks the log must learn of a fork. Other errors of the store are shortened:
        # they may name files of this machine.
        keeper = request.app[LOG]
        reason = keeper.error if keeper.forked and keeper.error else f"{error}."
        raise Problem("unavailable", message("log.keeper-failed", error=reason)) from error


def _b64(data: bytes) -> str:
    return b64encode(data).decode()


def plain(body: bytes, caching: str) -> web.Response:
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: TEXT, hdrs.CACHE_CONTROL: caching})


def octets(body: bytes, caching: str) -> web.Response:
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: BYTES, hdrs.CACHE_CONTROL: caching})


_SIZES = (
    Parameter("old", int, f"the smaller size; sizes are below {MAX_SIZE}", default=0),
    Parameter("new", int, "the larger size; by default the newest"),
)

RESOURCES = (
    Resource("/v1/log/checkpoint", checkpoint, media_types=(TEXT,)),
    Resource("/v1/log/witnessed", witnessed, media_types=(TEXT,)),
    Resource("/v1/log/key", key, media_types=(TEXT,)),
    Resource("/v1/log/witnesses", witnesses, returns=SeenWitnesses),
    Resource("/v1/log/keys", keys, returns=HeldKeys),
    Resource("/v1/log/tile/{tile:.+}", tile, media_types=(BYTES,)),
    Resource("/v1/log/consistency", consistency, returns=Consistency, query=_SIZES),
)
