"""A witness over HTTP (c2sp.org/tlog-witness v1.0.0): an application of its own, with no ledger."""

from __future__ import annotations

import asyncio

import structlog
from aiohttp import hdrs, web

from api.running.pools import COMMANDS, READS
from ledger.stores import StoreError
from ledger.transparency.notes import COSIGNATURE
from ledger.transparency.submissions import MAX_SUBMISSION, SIZE_TYPE
from ledger.transparency.witness import (
    Malformed,
    NotCosigned,
    NotProven,
    NotSigned,
    OtherSize,
    UnknownLog,
    Witness,
)

log = structlog.get_logger("api.witness")

#: How long a submission may take to come in, in seconds.
PATIENCE = 10.0

WITNESS = web.AppKey("witness", Witness)

_TEXT = "text/plain; charset=utf-8"
_STATUS: dict[type[NotCosigned], int] = {
    Malformed: 400,
    NotSigned: 403,
    UnknownLog: 404,
    OtherSize: 409,
    NotProven: 422,
}


async def add_checkpoint(request: web.Request) -> web.Response:
    """Cosign a checkpoint that follows from the one cosigned last."""
    try:
        async with asyncio.timeout(PATIENCE):
            body = await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except web.RequestPayloadError as error:
        return _answer(f"the body cannot be read: {error}\n", 400)
    witness = request.app[WITNESS]
    try:
        line = await COMMANDS.run(lambda: witness.add_checkpoint(body))
    except NotCosigned as declined:
        log.info("not_cosigned", status=_STATUS[type(declined)], why=str(declined))
        if isinstance(declined, OtherSize):
            # Exactly this type, without a charset, is what the specification has logs look for.
            return _answer(f"{declined.size}\n", 409, SIZE_TYPE)
        return _answer(f"{declined}\n", _STATUS[type(declined)])
    except StoreError as error:
        log.error("witness_store_failed", error=str(error))
        return _answer("what was cosigned cannot be kept now; ask again later\n", 503)
    log.info("cosigned", bytes=len(body))
    return _answer(line)


async def checkpoint(request: web.Request) -> web.Response:
    """The checkpoint of a log that was cosigned last, for monitors."""
    found = await READS.run(lambda: request.app[WITNESS].newest(request.match_info["log"]))
    if found is None:
        return _answer("nothing of such a log was cosigned here\n", 404)
    return _answer(found.note().decode())


async def key(request: web.Request) -> web.Response:
    """The key that verifies this witness's cosignatures, as it stands in policies."""
    return _answer(f"{cosigner_key(request.app[WITNESS])}\n")


def cosigner_key(witness: Witness) -> str:
    """The public key of a witness, as ``<name>+<key id>+<key>``."""
    return witness.signer.verifier(COSIGNATURE).vkey()


def make_witness_app(witness: Witness) -> web.Application:
    """The application that serves ``witness``, which belongs to the caller."""
    app = web.Application(client_max_size=MAX_SUBMISSION)
    app[WITNESS] = witness
    app.router.add_post("/add-checkpoint", add_checkpoint)
    app.router.add_get("/{log:[0-9a-f]{64}}/checkpoint", checkpoint)
    app.router.add_get("/key", key)
    return app


def _answer(text: str, status: int = 200, media_type: str = _TEXT) -> web.Response:
    return web.Response(
        body=text.encode(),
        status=status,
        headers={hdrs.CONTENT_TYPE: media_type, hdrs.CACHE_CONTROL: "no-store"},
    )
