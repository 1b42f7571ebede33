"""Read request bodies: within a time limit, within a size limit, in a known content coding."""

from __future__ import annotations

import asyncio
import zlib

from aiohttp import hdrs, web

from api.http.problems import Problem
from ledger.kernel.messages import message

#: Limits for receiving a body, in seconds: in all, and between two parts.
TOTAL_SECONDS, IDLE_SECONDS = 60.0, 15.0

#: The known content codings, and zlib's window bits for each (RFC 9110, section 8.4.1). Senders of
#: "deflate" use it with or without zlib's header.
_CODINGS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


#: The body of a request that the service makes to itself, instead of what its client sent.
GIVEN = web.RequestKey("given", bytes)


async def body_of(request: web.Request, most: int) -> bytes:
    """Return the decoded body; it may have ``most`` bytes, both before and after decoding.

    Raises the problem ``too-large``, ``timed-out``, ``malformed`` or ``unsupported-encoding``.
    """
    if GIVEN in request:
        return request[GIVEN]
    coding = ",".join(request.headers.getall(hdrs.CONTENT_ENCODING, ())).strip().lower()
    window = _CODINGS.get(coding)
    if window is None and coding not in {"", "identity"}:
        raise Problem(
            "unsupported-encoding",
            "http.content-encoding-must-be-gzip-deflate-identity",
            headers={hdrs.ACCEPT_ENCODING: "gzip, deflate, identity"},
        )
    if (request.content_length or 0) > most:
        raise _too_large(most)
    body = await _received(request, most)
    return body if window is None else _decoded(body, window, most)


async def _received(request: web.Request, most: int) -> bytes:
    content = request.content
    if content.is_eof() and not content.exception():
        # The body arrived together with the head, as most do: no timeout is needed.
        body = content.read_nowait()
        if len(body) > most:
            raise _too_large(most)
        return body
    parts: list[bytes] = []
    size = 0
    loop = asyncio.get_running_loop()
    deadline = loop.time() + TOTAL_SECONDS
    try:
        while True:
            async with asyncio.timeout_at(min(deadline, loop.time() + IDLE_SECONDS)):
                part = await content.readany()
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)
            if size > most:
                raise _too_large(most)
    except TimeoutError:
        raise Problem(
            "timed-out",
            message(
                "http.body-must-come-within-seconds-without",
                total_seconds=TOTAL_SECONDS,
                idle_seconds=IDLE_SECONDS,
            ),
            headers={hdrs.CONNECTION: "close"},
        ) from None
    except web.RequestPayloadError:
        raise _unreadable() from None


def _decoded(body: bytes, window: int, most: int) -> bytes:
    try:
        return _inflated(body, window, most)
    except zlib.error:
        if window == zlib.MAX_WBITS:  # some clients send deflate without zlib's header
            try:
                return _inflated(body, -window, most)
            except zlib.error:
                pass
        raise Problem("malformed", "http.body-must-be-encoded-content-encoding-says") from None


def _inflated(body: bytes, window: int, most: int) -> bytes:
    inflater = zlib.decompressobj(window)
    # One byte above the limit shows the excess: a few bytes can expand to gigabytes.
    decoded = inflater.decompress(body, most + 1)
    if len(decoded) > most:
        raise _too_large(most)
    if not inflater.eof or inflater.unused_data:
        raise zlib.error
    return decoded


def _unreadable() -> Problem:
    return Problem(
        "malformed",
        "http.body-must-be-framed-content-length-transfer-encoding-says",
        headers={hdrs.CONNECTION: "close"},
    )


def _too_large(most: int) -> Problem:
    return Problem("too-large", message("http.body-may-most-bytes", most=most))
