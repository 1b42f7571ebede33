"""What happens on a connection before a handler sees a request, over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.api.conftest import Face

SECRET = b"slt_secret-of-somebody"


@asynccontextmanager
async def connected(face: Face) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(face.client.host, face.client.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def exchange(face: Face, sent: bytes, seconds: float = 10) -> bytes:
    """All that is answered to ``sent`` until the connection is closed."""
    async with connected(face) as (reader, writer), asyncio.timeout(seconds):
        writer.write(sent)
        return await reader.read()


def parsed(answer: bytes) -> tuple[int, dict[str, str], Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    if headers.get("transfer-encoding") == "chunked":
        body = body.split(b"\r\n", 2)[1]
    return int(first.split()[1]), headers, json.loads(body) if body else None


def post(face: Face, *headers: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join(
        (
            b"POST /v1/specimen/note-thing HTTP/1.1",
            b"Host: x",
            b"Connection: close",
            b"Content-Type: application/json",
            b"Authorization: Bearer " + face.jb.encode(),
            *headers,
            b"",
            body,
        )
    )


BODY = b'{"thing":"T-1"}'
CLOSE = b"\r\nHost: x\r\nConnection: close\r\n\r\n"

#: What no handler sees, and what it is answered.
BELOW = {
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01" + SECRET + b"\r\n\r\n", 400),
    "a bad method": (b"G@T /" + SECRET + b" HTTP/1.1" + CLOSE, 400),
    "a lower method": (b"get /livez HTTP/1.1" + CLOSE, 400),
    "no address": (b"GET HTTP/1.1" + CLOSE, 400),
    "a bad address": (b"GET http://[" + SECRET + b"/ HTTP/1.1" + CLOSE, 400),
    "another version": (b"GET /livez HTTP/3.7" + CLOSE, 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a long address": (b"GET /" + SECRET * 1000 + b" HTTP/1.1" + CLOSE, 414),
    "a long header": (b"GET / HTTP/1.1\r\nAuthorization: " + SECRET * 1000 + CLOSE, 431),
    "a long name": (b"GET / HTTP/1.1\r\n" + b"A" * 10_000 + b": 1" + CLOSE, 431),
    "many headers": (b"GET / HTTP/1.1" + b"\r\nX: %b" % SECRET * 500 + CLOSE, 400),
    "a bad header": (b"GET / HTTP/1.1\r\nAuth orization: " + SECRET + CLOSE, 400),
    "a null in a header": (b"GET / HTTP/1.1\r\nX: \x00" + SECRET + CLOSE, 400),
    "two lengths": (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2" + CLOSE, 400),
    "length and chunks": (
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked" + CLOSE,
        400,
    ),
    "a length that is none": (b"POST / HTTP/1.1\r\nContent-Length: " + SECRET + CLOSE, 400),
    "a miracle": (b"GET /nowhere HTTP/1.1\r\nExpect: " + SECRET + CLOSE, 417),
    "a miracle that exists": (b"GET /livez HTTP/1.1\r\nExpect: " + SECRET + CLOSE, 417),
    "no host": (b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n", None),
    "old": (b"GET /nowhere HTTP/1.0\r\n\r\n", 404),
    "old with chunks": (
        b"POST /nowhere HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
        None,
    ),
    "a strange method": (b"BREW /livez HTTP/1.1" + CLOSE, 405),
    "all of it": (b"OPTIONS * HTTP/1.1" + CLOSE, None),
    "a tunnel": (b"CONNECT x:1 HTTP/1.1" + CLOSE, None),
    "an upgrade": (
        b"GET /nowhere HTTP/1.1\r\nUpgrade: websocket\r\nHost: x\r\nConnection: close, upgrade\r\n\r\n",
        404,
    ),
}


@pytest.mark.parametrize("kind", BELOW)
async def test_one_shape(face: Face, kind: str) -> None:
    sent, status = BELOW[kind]
    answer = await exchange(face, sent)
    print(answer)
    got, headers, body = parsed(answer)
    assert status in (None, got)
    assert headers["server"] == "supervision-ledger"
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-request-id"] == body["request_id"]
    assert b"secret" not in answer
