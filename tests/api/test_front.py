"""What happens on a connection before a handler sees a request, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import socket
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any

import pytest
import structlog
from multidict import CIMultiDict
from structlog.testing import capture_logs

from api.http import bodies as bodies_module
from api.http import front as front_module
from api.http.addresses import networks, source_of
from api.http.front import EDGE, Edge
from api.http.shares import Shares
from api.running.logs import configure_logging
from tests.api.conftest import Face, until

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
    "a long head": (b"GET / HTTP/1.1" + b"\r\nX: %b" % (SECRET * 300) * 12, 431),
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
    "a strange method": (b"BREW /livez HTTP/1.1" + CLOSE, 400),
    "all of it": (b"OPTIONS * HTTP/1.1" + CLOSE, None),
    "a tunnel": (b"CONNECT x:1 HTTP/1.1" + CLOSE, None),
    "an upgrade": (
        b"GET /nowhere HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade" + CLOSE,
        404,
    ),
}


async def test_one_shape(face: Face) -> None:
    """Whatever no handler sees is a problem document with an id, without banner or echo."""
    answers = await asyncio.gather(*(exchange(face, sent) for sent, _ in BELOW.values()))
    for (kind, (_, status)), answer in zip(BELOW.items(), answers, strict=True):
        got, headers, body = parsed(answer)
        assert status in (None, got), kind
        assert got >= 400, kind
        assert headers["server"] == "supervision-ledger", kind
        assert headers["content-type"] == "application/problem+json", kind
        assert headers["x-request-id"] == body["request_id"], kind
        assert b"secret" not in answer, kind


async def test_after_a_good_one(face: Face) -> None:
    """What stands before a bad request is answered as ever, and what follows it is not."""
    good = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    async with connected(face) as (reader, writer), asyncio.timeout(60):
        writer.write(good)
        await reader.readuntil(b'"alive"}')
        writer.write(b"G@T / HTTP/1.1\r\n\r\n" + good)
        answer = await reader.read()
    assert answer.count(b" 400 Bad Request") == 1
    assert b" 200 " not in answer


@contextmanager
def logged() -> Iterator[Callable[[], bytes]]:
    """All that the process logs, by whatever way; JSON lines."""
    before, out = structlog.get_config(), io.BytesIO()
    writer = configure_logging(out)

    def read() -> bytes:
        writer.settle(5)
        return out.getvalue()

    try:
        yield read
    finally:
        writer.close()
        structlog.configure(**before)


async def test_rubbish(face: Face) -> None:
    """Four megabytes of rubbish make a few short lines without a byte of it, and are counted."""
    with logged() as log:
        rubbish = b"G@T /" + SECRET * 100 + b" HTTP/1.1\r\nX: " + SECRET * 50 + b"\r\n\r\n"
        for _ in range(20):
            async with asyncio.TaskGroup() as group:
                for _ in range(5):
                    group.create_task(_stubborn(face, rubbish * 11))
        lines = log()
    assert b"secret" not in lines
    assert len(lines) < 32 * 1024
    told = [json.loads(line) for line in lines.splitlines()]
    assert {line["what"] for line in told} == {"request_unreadable"}
    assert sum(1 + line.get("suppressed", 0) for line in told) <= 100
    assert face.client.app[EDGE]._unreadable == {"line": 100}
    assert "http_unreadable_total" in await (await face.get("/metrics", face.operator)).text()


async def _stubborn(face: Face, sent: bytes) -> None:
    """Send all of it, whatever is answered; the answer still arrives."""
    async with connected(face) as (reader, writer):
        for start in range(0, len(sent), 4096):
            writer.write(sent[start : start + 4096])
            await asyncio.sleep(0)
        assert b" 400 " in await reader.readline()


class TestBodies:
    """Bodies that are late, coded, broken, or too much."""

    CODED = (
        (b"gzip", gzip.compress(BODY), 201),
        (b"x-gzip", gzip.compress(BODY), 201),
        (b"GZIP", gzip.compress(BODY), 201),
        (b"deflate", zlib.compress(BODY), 201),
        (b"deflate", zlib.compress(BODY)[2:-4], 201),
        (b"identity", BODY, 201),
        (b"br", b"\x0b\x07\x80" + SECRET, 415),
        (b"zstd", SECRET, 415),
        (b"gzip, gzip", gzip.compress(gzip.compress(BODY)), 415),
        (SECRET, BODY, 415),
        (b"gzip", BODY, 400),
        (b"gzip", gzip.compress(BODY)[:-5], 400),
        (b"gzip", gzip.compress(BODY) + SECRET, 400),
        (b"deflate", SECRET, 400),
        (b"gzip", b"", 400),
        (b"gzip", gzip.compress(b" " * 50_000_000), 413),
    )

    async def test_coded(self, face: Face) -> None:
        """Three codings are understood; another is a 415 that names them, a broken one a 400."""
        for coding, body, status in self.CODED:
            length = b"Content-Length: %d" % len(body)
            sent = post(face, b"Content-Encoding: " + coding, length, body=body)
            answer = await exchange(face, sent)
            got, headers, said = parsed(answer)
            assert got == status, (coding, body)
            assert b"secret" not in answer
            if status != 201:
                assert headers["content-type"] == "application/problem+json"
                assert said["request_id"] == headers["x-request-id"]
            if status == 415:
                assert headers["accept-encoding"] == "gzip, deflate, identity"

    CHUNKS = (
        b"5\r\n" + BODY,
        b"zz\r\n" + SECRET,
        b"f\r\n" + BODY + b"\r\nslt_secret\r\n",
        b"ffffffffffffffffffff\r\n" + SECRET,
        b"-1\r\n\r\n",
    )

    async def test_bad_chunks(self, face: Face) -> None:
        """A body whose chunks are none is a 400 without a word of it; nothing is recorded."""
        for chunks in self.CHUNKS:
            async with asyncio.timeout(60):
                answer = await exchange(
                    face, post(face, b"Transfer-Encoding: chunked", body=chunks)
                )
            status, headers, _ = parsed(answer)
            assert status == 400, chunks
            assert headers["content-type"] == "application/problem+json"
            assert b"secret" not in answer
        assert face.head() == 0

    async def test_chunked(self, face: Face) -> None:
        """A good one, in pieces, is a body as any."""
        async with connected(face) as (reader, writer):
            writer.write(post(face, b"Transfer-Encoding: chunked", body=b"1\r\n{\r\n"))
            await asyncio.sleep(0.05)
            writer.write(b"e\r\n" + BODY[1:] + b"\r\n0\r\n\r\n")
            assert b" 201 " in await reader.readline()

    @pytest.mark.parametrize("framing", [b"Content-Length: 600015", b"Transfer-Encoding: chunked"])
    async def test_whenever_it_comes(self, face: Face, framing: bytes) -> None:
        """A body is a body however many turns of the loop after its head it comes."""
        body = b" " * 600_000 + BODY
        if framing.endswith(b"chunked"):
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        server = face.client.server.runner.server
        for turns in range(8):
            before = set(server.connections)
            async with connected(face) as (reader, _), asyncio.timeout(60):
                await until(lambda before=before: set(server.connections) - before)
                (connection,) = set(server.connections) - before
                connection.data_received(post(face, framing))
                for start in range(0, len(body), 200_000):
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    connection.data_received(body[start : start + 200_000])
                assert b" 201 " in await reader.readline(), turns

    @pytest.mark.parametrize("pause", [0.5, 0.04])
    async def test_slow(
        self, make_face: Callable[..., Any], pause: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A body that stops, or trickles for too long, is a 408, and its connection is closed."""
        monkeypatch.setattr(front_module, "LINGER_SECONDS", 0.2)
        face = await make_face()
        monkeypatch.setattr(bodies_module, "IDLE_SECONDS", 0.2)
        monkeypatch.setattr(bodies_module, "TOTAL_SECONDS", 0.6)
        async with connected(face) as (reader, writer):
            writer.write(post(face, b"Content-Length: 200", body=b"{"))

            async def trickle() -> None:
                while True:
                    await asyncio.sleep(pause)
                    writer.write(b" ")

            trickling = asyncio.create_task(trickle())
            async with asyncio.timeout(60):
                # Not to the end: who sends on after the end is reset.
                status, headers, _ = parsed(await reader.readuntil(b"\r\n\r\n"))
            trickling.cancel()
        assert (status, headers["connection"]) == (408, "close")

    async def test_vanished(self, face: Face) -> None:
        """A client that goes away within its body is 499 in the log, and no error."""
        with capture_logs() as lines:
            async with connected(face) as (_, writer):
                writer.write(post(face, b"Content-Length: 200", body=b"{"))
                await asyncio.sleep(0.1)
                writer.transport.abort()
            await until(lambda: [line for line in lines if line["event"] == "request"])
        assert [(line["event"], line.get("status")) for line in lines] == [("request", 499)]


class TestTime:
    """Nobody is waited for without an end."""

    async def test_head(self, face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
        """A head that trickles is a 408, on a fresh connection and after another request."""
        monkeypatch.setattr(front_module, "HEAD_SECONDS", 0.3)
        for before in (b"", b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"):
            async with connected(face) as (reader, writer):
                if before:
                    writer.write(before)
                    await reader.readuntil(b'"alive"}')
                    await asyncio.sleep(0.1)
                writer.write(b"GET /livez HTTP/1.1\r\n")

                async def trickle(writer: asyncio.StreamWriter = writer) -> None:
                    for n in range(100):
                        await asyncio.sleep(0.05)
                        writer.write(b"X-%d: y\r\n" % n)

                trickling = asyncio.create_task(trickle())
                async with asyncio.timeout(60):
                    answer = await reader.readuntil(b"}")
                trickling.cancel()
            assert b"408 Request Timeout" in answer
            assert b"/problems/timed-out" in answer

    async def test_head_in_time(self, face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
        """A head in pieces is answered, and the connection lasts."""
        monkeypatch.setattr(front_module, "HEAD_SECONDS", 3.0)
        async with connected(face) as (reader, writer):
            for _ in range(3):
                for part in (b"GET /livez HT", b"TP/1.1\r\nHost: x\r\n", b"\r\n"):
                    writer.write(part)
                    await asyncio.sleep(0.05)
                assert b" 200 " in await reader.readline()
                await reader.readuntil(b'alive"}')
            await asyncio.sleep(3.2)
            writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b" 200 " in await reader.readline()

    async def test_idle(
        self, make_face: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An idle connection is closed."""
        monkeypatch.setattr(front_module, "KEEPALIVE_SECONDS", 0.2)
        face = await make_face()
        async with connected(face) as (reader, writer), asyncio.timeout(60):
            writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b'"alive"}' in await reader.read()

    @pytest.mark.parametrize("accept", [b"application/json", b"text/event-stream"])
    async def test_takes_nothing(
        self, face: Face, accept: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A client that does not take its page, or its stream, is cut off."""
        monkeypatch.setattr(front_module, "SEND_SECONDS", 0.3)
        monkeypatch.setattr("api.feed.resource.SEND_SECONDS", 0.3)
        for n in range(10):
            await face.note(f"T-{n}", times=30, note="x" * 10_000)
        async with connected(face) as (_, writer):
            writer.transport.pause_reading()
            edge = face.client.app[EDGE]
            others = edge._open
            writer.write(
                b"GET /v1/feed?limit=300 HTTP/1.1\r\nHost: x\r\nAccept: " + accept + b"\r\n\r\n"
            )
            await asyncio.sleep(0.1)
            assert edge._open == others
            await until(lambda: edge._open < others)

    async def test_takes_nothing_of_much(self, face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is held for one address is bounded: beyond it, a client that takes nothing is cut.

        An answer takes all of its bytes, and as many again, until the last of them is taken.
        """
        monkeypatch.setattr(front_module, "MAX_UNSENT_OF_ADDRESS", 13_000_000)
        for n in range(10):
            await face.note(f"T-{n}", times=30, note="x" * 10_000)
        edge = face.client.app[EDGE]
        with ExitStack() as stack:
            for _ in range(4):
                client = stack.enter_context(socket.socket())
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.connect((face.client.host, face.client.port))
                client.send(b"GET /v1/feed?limit=300 HTTP/1.1\r\nHost: x\r\n\r\n")
            await until(lambda: edge._cut)
            assert 6_000_000 < edge._unsent.total() <= 13_000_000
        await until(lambda: not edge._unsent)


class TestShares:
    """Nobody takes all there is."""

    SSE = b"GET /v1/feed HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"

    @asynccontextmanager
    async def streams(
        self, face: Face, n: int, *headers: bytes
    ) -> AsyncIterator[list[tuple[int, bytes]]]:
        """So many streams: the status and the head of each."""
        async with AsyncExitStack() as stack:
            heads = []
            for _ in range(n):
                reader, writer = await stack.enter_async_context(connected(face))
                writer.write(self.SSE + b"".join(h + b"\r\n" for h in headers) + b"\r\n")
                head = await reader.readuntil(b"\r\n\r\n")
                heads.append((int(head.split()[1]), head))
            yield heads

    async def test_an_address(self, make_face: Callable[..., Any]) -> None:
        """One address without a token holds so many and no more; a token and a page are let in."""
        face = await make_face(edge=Edge(shares=Shares(100, per_address=3)))
        async with self.streams(face, 5) as heads:
            assert [status for status, _ in heads] == [200, 200, 200, 429, 429]
            assert b"Retry-After: 5" in heads[-1][1]
            assert b"application/problem+json" in heads[-1][1]
            token = b"Authorization: Bearer " + face.mrb.encode()
            async with self.streams(face, 2, token) as more:
                assert [status for status, _ in more] == [200, 200]
            assert (await face.get("/v1/feed")).status == 200
            assert (await face.get("/v1/feed?wait=1")).status == 429
            assert (await face.get("/v1/feed?wait=1", face.mrb)).status == 200
            metrics = await (await face.get("/metrics", face.operator)).text()
            assert 'held_streams{by="anonymous"} 3.0' in metrics
        await until(lambda: not face.client.app[EDGE].shares.held)
        assert (await face.get("/v1/feed?wait=1")).status == 200

    async def test_tokens_have_a_reserve(self, make_face: Callable[..., Any]) -> None:
        """Streams without a token take half at most, and one token a quarter."""
        face = await make_face(edge=Edge(shares=Shares(8, per_address=100)))
        async with self.streams(face, 6) as heads:
            assert [status for status, _ in heads] == [200] * 4 + [503] * 2
            for token in (face.mrb, face.jb):
                header = b"Authorization: Bearer " + token.encode()
                async with self.streams(face, 3, header) as more:
                    assert [status for status, _ in more] == [200, 200, 429]

    async def test_behind_a_proxy(self, make_face: Callable[..., Any]) -> None:
        """A trusted proxy's word is taken for whose request it is, and nobody else's."""
        forged = b"X-Forwarded-For: 198.51.100.%d"
        shares = Shares(100, per_address=1)
        face = await make_face(edge=Edge(trusted=networks(["127.0.0.0/8", "::1"]), shares=shares))
        async with self.streams(face, 2, forged % 1) as heads:
            assert [status for status, _ in heads] == [200, 429]
            async with self.streams(face, 1, forged % 2) as more:
                assert [status for status, _ in more] == [200]
            # What a client wrote itself stands before what the proxy appended.
            async with self.streams(face, 1, forged % 9, forged % 1) as more:
                assert [status for status, _ in more] == [429]
        plain = await make_face(edge=Edge(shares=Shares(100, per_address=1)))
        async with self.streams(plain, 1, forged % 1), self.streams(plain, 1, forged % 2) as more:
            assert [status for status, _ in more] == [429]

    async def test_who_goes_away(self, face: Face) -> None:
        """A waiting read of a client that went away holds no place."""
        shares = face.client.app[EDGE].shares
        async with connected(face) as (_, writer):
            writer.write(b"GET /v1/feed?wait=30 HTTP/1.1\r\nHost: x\r\n\r\n")
            await until(lambda: shares.held == 1)
        await until(lambda: shares.held == 0)

    async def test_connections(self, make_face: Callable[..., Any]) -> None:
        """An address gets a quarter of the connections; the next is told so, and room is made."""
        face = await make_face(edge=Edge(connections=12))
        edge = face.client.app[EDGE]
        async with connected(face), connected(face), connected(face):
            await until(lambda: edge._open == 3)
            async with connected(face) as (reader, writer), asyncio.timeout(60):
                writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                status, headers, said = parsed(await reader.read())
            assert (status, headers["retry-after"]) == (503, "5")
            assert headers["content-type"] == "application/problem+json"
            assert headers["server"] == "supervision-ledger"
            assert said["request_id"] == headers["x-request-id"]
        await until(lambda: not edge._open)
        assert (await face.get("/livez")).status == 200

    async def test_all_connections(self, make_face: Callable[..., Any]) -> None:
        """Where there is no room for anybody, a connection is closed without a word."""
        trusted = networks(["127.0.0.1", "::1"])  # proxies may have all of them
        face = await make_face(edge=Edge(connections=2, trusted=trusted))
        async with connected(face), connected(face):
            await until(lambda: face.client.app[EDGE]._open == 2)
            async with connected(face) as (reader, _), asyncio.timeout(60):
                with suppress(ConnectionError):
                    assert await reader.read() == b""


@pytest.mark.parametrize(
    ("peer", "forwarded", "source"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["203.0.113.9"], "192.0.2.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.1", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.3"], "10.0.0.3"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", [], "2001:db8:1:2::/64"),
        ("fe80::1%eth0", [], "fe80::/64"),
        ("", [], "-"),
    ],
)
def test_source(peer: str, forwarded: list[str], source: str) -> None:
    """The address that a request counts for."""
    assert source_of(peer, forwarded, networks(["10.0.0.0/8"])) == source


async def test_no_banner(face: Face) -> None:
    """No answer says which versions of what it comes from."""
    for path in ("/", "/docs", "/livez", "/metrics", "/nowhere", "/v1/feed"):
        for accept in ("*/*", "text/html", "text/event-stream"):
            async with face.get(path, headers={"Accept": accept}) as answer:
                assert answer.headers.getall("Server") == ["supervision-ledger"]
                assert "X-Request-Id" in answer.headers


async def test_methods_are_few(face: Face) -> None:
    """A method that nobody uses is not a label of the metrics, nor in the log."""
    with capture_logs() as lines:
        for method in (b"PURGE", b"PROPFIND", b"M-SEARCH"):
            assert b" 405 " in await exchange(face, method + b" /livez HTTP/1.1" + CLOSE)
    assert {line["method"] for line in lines if line["event"] == "request"} == {"-"}
    metrics = await (await face.get("/metrics", face.operator)).text()
    assert 'method="-",route="-",status="405"' in metrics


async def test_two_lines_of_accept(face: Face) -> None:
    """Two lines of ``Accept`` are one list (RFC 9110, section 5.3)."""
    both = CIMultiDict([("Accept", "text/html"), ("Accept", "application/x-ndjson")])
    answer = await face.client.get("/v1/feed", headers=both)
    assert (answer.status, answer.content_type) == (200, "application/x-ndjson")
    page = CIMultiDict([("Accept", "application/json;q=0.1"), ("Accept", "text/html")])
    assert (await face.client.get("/", headers=page)).content_type == "text/html"


TAGS = (
    (['"1"'], 304),
    (['"1-gzip"'], 304),
    (['W/"1-gzip"'], 304),
    (['"1;gzip"'], 304),
    (['"1-br"'], 304),
    (['"a,b", "1"'], 304),
    (['"7"', '"1"'], 304),
    (["*"], 304),
    ([" * "], 304),
    (['"7, 1"'], 200),
    (['"*"'], 200),
    (['"1-other"'], 200),
    (['"-gzip"'], 200),
    (["1"], 200),
    (['"'], 200),
    ([""], 200),
    (['"11-gzip"'], 200),
)


async def test_if_none_match(face: Face) -> None:
    """Lists on one line or several, weak tags, and those that compressing proxies make."""
    await face.note()
    for given, status in TAGS:
        headers = CIMultiDict([("If-None-Match", tag) for tag in given])
        answer = await face.client.get("/v1/events/1", headers=headers)
        assert answer.status == status, given
        if given == ['"1-gzip"']:  # the tag of the coding that the caller has
            assert answer.headers["ETag"] == '"1-gzip"'
