"""Connections: limits and errors that apply before a handler sees a request.

aiohttp parses requests itself; it answers bad ones in its own format, repeats what was sent, and
logs it. This module turns such answers into problem documents and one short log line. It also
limits the time for sending a head and for receiving an answer, and the connections of one address.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from aiohttp import StreamReader, hdrs, http_exceptions, web
from aiohttp.web_protocol import _ErrInfo
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from api.http.addresses import Network, counted, source_of, trusts
from api.http.languages import Language, chosen_by
from api.http.middlewares import new_request_id
from api.http.probes import Probes
from api.http.problems import SERVER, Problem, response_to
from api.http.rates import Rates
from api.http.shares import Shares, busy
from api.running.logs import log_noise, where
from ledger.kernel.messages import message

#: How long the head of a request may take, from its first byte, in seconds.
HEAD_SECONDS = 15.0

#: How long a connection may be idle, in seconds: longer than proxies keep theirs.
KEEPALIVE_SECONDS = 75.0

#: How long a client may leave sent data unread, in seconds.
SEND_SECONDS = 60.0

#: After an early answer, how long to keep reading the rest of the request, in seconds. If the
#: connection is closed with unread data, the client loses the answer.
LINGER_SECONDS = 2.0

#: The longest request line, and the longest header, in bytes.
MAX_LINE = 8190

#: The longest head, in bytes: a hundred headers of maximum length would take a megabyte each time.
MAX_HEAD = 64 * 1024

#: Limits on unsent bytes held for slow clients, for one address and for all. A page has up to four
#: megabytes and takes twice that until the client has read it.
MAX_UNSENT_OF_ADDRESS = 64 * 1024 * 1024
MAX_UNSENT = 512 * 1024 * 1024

#: The most connections, and how many file descriptors are reserved for everything else.
MAX_CONNECTIONS = 20_000
OTHER_FILES = 256


class Edge:
    """The limits and counts that all connections of one process share. For one event loop.

    ``language``: that of the answers to callers who do not ask for one.
    ``trusted``: proxies whose ``X-Forwarded-For`` is believed. Any other address gets at most a
    quarter of the connections. ``public_reads``: limits the reads of an address without a token.
    """

    def __init__(
        self,
        *,
        trusted: Sequence[Network] = (),
        shares: Shares | None = None,
        connections: int | None = None,
        probes: Probes | None = None,
        language: Language = "en",
        public_reads: Rates | None = None,
    ) -> None:
        self.language = language
        self.trusted = tuple(trusted)
        #: Counts the reads of each address without a token; ``None``: without limit.
        self.public_reads = public_reads
        self.shares = Shares() if shares is None else shares
        self.probes = Probes() if probes is None else probes
        self._given = connections
        self._open = 0
        self._addresses: Counter[str] = Counter()
        self._unsent: Counter[str] = Counter()
        self._unreadable: Counter[str] = Counter()
        self._refused = 0
        self._cut = 0
        #: Closes the connections that are not answering a request; returns how many there were.
        self.close_idle: Callable[[], int] = lambda: 0

    @cached_property
    def _most(self) -> int:
        # Computed at the first connection: a server has its limit of open files raised at start.
        return _connections_allowed() if self._given is None else self._given

    def source_of(self, request: web.BaseRequest) -> str:
        """Return the address that a request counts for."""
        forwarded = request.headers.getall(hdrs.X_FORWARDED_FOR, ()) if self.trusted else ()
        return source_of(request.remote or "", forwarded, self.trusted)

    def language_of(self, request: web.BaseRequest) -> Language:
        """Return the language in which a request wants its answer."""
        return chosen_by(request, self.language)

    def admit(self, peer: str) -> Problem | None:
        """Count a connection; return the problem that refuses it, or ``None``."""
        address = counted(peer)
        self._open += 1
        self._addresses[address] += 1
        if self._open > self._most:
            self._refused += 1
            return busy("http.all-connections-service-use")
        if self._addresses[address] > max(1, self._most // 4) and not trusts(peer, self.trusted):
            self._refused += 1
            return busy("http.address-already-many-connections-one-address")
        return None

    @property
    def full(self) -> bool:
        """Whether even a refusal can no longer be sent."""
        return self._open > self._most

    def left(self, peer: str) -> None:
        """Stop counting a connection that ended."""
        address = counted(peer)
        self._open -= 1
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]

    @contextmanager
    def unsent(self, peer: str, waiting: int) -> Iterator[None]:
        """Count bytes that wait for a client; raise ``TimeoutError`` if they are too many."""
        address = counted(peer)
        self._unsent[address] += waiting
        try:
            self._require_taken(address, peer)
            yield
        except TimeoutError:
            self._cut += 1
            raise
        finally:
            self._unsent[address] -= waiting
            if not self._unsent[address]:
                del self._unsent[address]

    def _require_taken(self, address: str, peer: str) -> None:
        most = MAX_UNSENT if trusts(peer, self.trusted) else MAX_UNSENT_OF_ADDRESS
        if self._unsent[address] > most or self._unsent.total() > MAX_UNSENT:
            raise TimeoutError

    def unreadable(self, reason: str, request_id: str) -> None:
        """Count and log a request that no handler saw."""
        self._unreadable[reason] += 1
        log_noise("request_unreadable", reason=reason, request_id=request_id)

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers for the metrics page."""
        unreadable = CounterMetricFamily(
            "http_unreadable", "Requests that no handler saw", labels=("reason",)
        )
        for reason, n in sorted(self._unreadable.items()):
            unreadable.add_metric((reason,), n)
        yield unreadable
        yield from self.probes.collect()
        yield GaugeMetricFamily("http_connections", "Open connections", self._open)
        yield CounterMetricFamily(
            "http_connections_refused", "Connections refused beyond the limit", self._refused
        )
        yield GaugeMetricFamily(
            "http_unsent_bytes", "Bytes held for slow clients", self._unsent.total()
        )
        yield CounterMetricFamily(
            "http_connections_cut", "Connections of clients that read too slowly", self._cut
        )
        yield from self.shares.collect()


EDGE = web.AppKey("edge", Edge)


class Runner(web.AppRunner):
    """Serves an application over this module's connections."""

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()
        edge = self.app[EDGE] if EDGE in self.app else Edge()
        return Front(plain, edge)


class Front(web.Server):
    """Makes a ``Connection`` for each client of a server."""

    def __init__(self, plain: web.Server, edge: Edge) -> None:
        kept: dict[str, Any] = plain._kwargs  # noqa: SLF001 - aiohttp has no public access to them
        super().__init__(
            _answering(plain.request_handler, edge),
            request_factory=plain.request_factory,
            handler_cancellation=plain.handler_cancellation,
            loop=plain._loop,  # noqa: SLF001
            **{
                **kept,
                "access_log": None,  # the service writes its own log line per request
                "keepalive_timeout": KEEPALIVE_SECONDS,
                "lingering_time": LINGER_SECONDS,
                "max_line_size": MAX_LINE,
                "max_field_size": MAX_LINE,
            },
        )
        self.edge = edge
        edge.close_idle = self._close_idle

    def _close_idle(self) -> int:
        idle = [c for c in self.connections if isinstance(c, Connection) and c.idle]
        for connection in idle:
            connection.force_close()
        return len(idle)

    def __call__(self) -> Connection:
        return Connection(self, self.edge, loop=self._loop, **self._kwargs)


class _HeadLate(Exception):
    """The head of a request took too long."""


class _HeadLong(Exception):
    """The head of a request is too long."""


class Connection(web.RequestHandler):
    """One client's connection."""

    __slots__ = ("_body", "_deaf", "_edge", "_head_timer", "_heard", "_held", "_peer", "on_lost")

    def __init__(self, manager: web.Server, edge: Edge, **more: Any) -> None:
        super().__init__(manager, **more)
        self._edge = edge
        self._peer: str | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        #: The body of the newest request; until it ends, received bytes belong to it.
        self._body: StreamReader | None = None
        #: Set after an unparsable request: further bytes are read and discarded.
        self._deaf = False
        #: Bytes received of an unfinished head, or discarded.
        self._heard = 0
        #: Bytes that the answer in progress occupies until the client has read it.
        self._held = 0
        #: Called when the client has disconnected.
        self.on_lost: Callable[[], object] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept a connection if the limits allow it."""
        name = transport.get_extra_info("peername")
        self._peer = name[0] if isinstance(name, tuple) else ""
        refusal = self._edge.admit(self._peer)
        if refusal is None:
            super().connection_made(transport)
            _limit_unacknowledged(transport)
        else:
            self._refuse(transport, refusal)

    @property
    def idle(self) -> bool:
        """Whether the connection is waiting for a request."""
        return self._waiter is not None and not self._waiter.done() and not self._messages

    def connection_lost(self, exc: BaseException | None) -> None:
        """Release the connection's place."""
        if self._peer is not None:
            self._edge.left(self._peer)
            self._peer = None
        self._cancel_head_timer()
        if self.on_lost is not None:
            self.on_lost()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse received bytes; a head must end within its time limit once it has begun."""
        if self._deaf:
            self._heard += len(data)
            return
        body = self._body
        within_body = body is not None and not body.is_eof()
        super().data_received(data)
        messages = self._messages
        if messages:
            self._body = messages[-1][1]
            self._heard = 0
            if self._head_timer is not None:
                self._cancel_head_timer()
            if isinstance(messages[-1][0], _ErrInfo):
                self._deaf = True
        elif data and not (within_body or self._force_close or self._close):
            self._heard += len(data)
            if self._heard > MAX_HEAD:
                self._break_off(431, _HeadLong())
            elif self._head_timer is None:
                self._head_timer = self._loop.call_later(
                    HEAD_SECONDS, self._break_off, 408, _HeadLate()
                )

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that no handler saw or finished, without repeating what was sent."""
        if isinstance(exc, ConnectionError):
            raise exc  # the client has disconnected: there is nobody to answer
        request_id = new_request_id()
        if status < 500:
            reason, problem = _unreadable(exc)
            self._edge.unreadable(reason, request_id)
        else:
            problem = _internal()
            raised = {} if exc is None else {"exception": where(exc)}
            log_noise("request_failed", level="error", request_id=request_id, **raised)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has already begun and can only be broken off")
        # A request that cannot be parsed has no headers that could name a language.
        edge = self._edge
        language = edge.language if status < 500 else edge.language_of(request)
        response = response_to(problem, language, instance=None, request_id=request_id)
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer with our ``Server`` header; after a bad request, discard what follows."""
        if not resp.prepared:
            resp.headers[hdrs.SERVER] = SERVER
        body = resp.body if isinstance(resp, web.Response) else None
        # The answer itself and the transport's copy of it, until the last byte is sent.
        self._held = 2 * len(body) if isinstance(body, bytes) else 0
        try:
            finished = await super().finish_response(request, resp, start_time)
        finally:
            self._held = 0
        if self._deaf and not self._messages:
            await self._linger()
        return finished

    async def _linger(self) -> None:
        """Discard received bytes until they end or pause, for at most ``LINGER_SECONDS``."""
        transport = self.transport
        if transport is None:
            return
        if transport.can_write_eof():
            transport.write_eof()
        deadline = self._loop.time() + LINGER_SECONDS
        heard = -1
        while self.transport is not None and self._loop.time() < deadline and heard != self._heard:
            heard = self._heard
            await asyncio.sleep(0.1)

    async def _drain_helper(self) -> None:
        """Wait until the client has read what was sent; disconnect a client that does not read."""
        if not self._paused:
            return
        try:
            transport = self.transport
            unsent = 0 if transport is None else transport.get_write_buffer_size()
            waiting = max(unsent, self._held)
            with self._edge.unsent(self._peer or "", waiting):
                async with asyncio.timeout(SEND_SECONDS):
                    await super()._drain_helper()
        except TimeoutError:
            self._cut()
            raise ConnectionResetError("the client does not read what is sent to it") from None

    def _cut(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _break_off(self, status: int, why: Exception) -> None:
        """Answer a request whose head is too slow or too long."""
        self._cancel_head_timer()
        waiter = self._waiter
        # Without a waiter there are two cases: a request is being handled, and the unfinished head
        # is of the next one, which has time; or the connection is too new to have a waiter yet.
        answering = self._request_count > 0 if waiter is None else waiter.done()
        if answering or self._messages:
            return
        self._deaf = True
        self._messages.append((_ErrInfo(status=status, exc=why, message=""), _no_payload()))
        if waiter is not None:
            waiter.set_result(None)

    def _cancel_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, transport: asyncio.BaseTransport, refusal: Problem) -> None:
        """Send ``refusal`` and close; only close if even a refusal can no longer be sent."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._deaf = self._force_close = True
        if self._edge.full:
            transport.abort()
            return
        response = response_to(
            refusal, self._edge.language, instance=None, request_id=new_request_id()
        )
        body = response.body
        assert isinstance(body, bytes)
        lines = [f"HTTP/1.1 {response.status} Service Unavailable"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
        transport.write("\r\n".join(lines).encode() + body)
        if transport.can_write_eof():
            transport.write_eof()
        self._loop.call_later(LINGER_SECONDS / 2, transport.close)


@contextmanager
def ends_with_client(request: web.Request) -> Iterator[None]:
    """Cancel the calling task's work inside this context as soon as the client disconnects."""
    protocol = request.protocol
    task = asyncio.current_task()
    if not isinstance(protocol, Connection) or task is None:
        yield
        return
    protocol.on_lost = task.cancel
    try:
        yield
    finally:
        protocol.on_lost = None


def _no_payload() -> Any:
    from aiohttp.streams import EMPTY_PAYLOAD  # noqa: PLC0415

    return EMPTY_PAYLOAD


def _answering(
    handle: Callable[[Any], Awaitable[web.StreamResponse]], edge: Edge
) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    """Wrap a handler so that all its errors are problem documents, even before any middleware."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await handle(request)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            language = edge.language_of(request)
            return response_to(error, language, instance=request.path, request_id=new_request_id())

    return answer


def _unreadable(error: BaseException | None) -> tuple[str, Problem]:
    """Return why a request could not be parsed: a word for the metrics, and the answer."""
    match error:
        case _HeadLate():
            return "head-late", Problem(
                "timed-out",
                message("http.head-request-must-come-within-seconds", head_seconds=HEAD_SECONDS),
            )
        case _HeadLong():
            return "head-too-long", Problem(
                "headers-too-large", message("http.head-request-may-most-bytes", max_head=MAX_HEAD)
            )
        case http_exceptions.LineTooLong():
            # aiohttp raises the same error for a long address and a long header; the traceback
            # tells.
            if _is_line(error):
                return "line-too-long", Problem(
                    "uri-too-long", message("http.address-may-most-bytes", max_line=MAX_LINE)
                )
            return "header-too-long", Problem(
                "headers-too-large", message("http.header-may-most-bytes", max_line=MAX_LINE)
            )
        case http_exceptions.InvalidHeader():
            return "header", Problem("malformed", "http.every-header-must-form-rfc-9110")
        case http_exceptions.BadStatusLine() | http_exceptions.InvalidURLError():
            return "line", Problem("malformed", "http.request-line-must-be-method-address-http")
        case http_exceptions.TransferEncodingError() | http_exceptions.ContentLengthError():
            return "framing", Problem(
                "malformed", "http.body-must-be-framed-content-length-transfer-encoding"
            )
    return "request", Problem("malformed", "http.request-must-be-http-1-1")


def _is_line(error: BaseException) -> bool:
    trace = error.__traceback__
    while trace is not None:
        if "url" in trace.tb_frame.f_code.co_name:
            return True
        trace = trace.tb_next
    return False


def _internal() -> Problem:
    return Problem("internal", "http.service-internal-fault")


def _limit_unacknowledged(transport: asyncio.BaseTransport) -> None:
    """Let Linux end a connection whose other side has vanished or does not read."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    sock = transport.get_extra_info("socket")
    if option is not None and sock is not None and sock.family in {socket.AF_INET, socket.AF_INET6}:
        sock.setsockopt(socket.IPPROTO_TCP, option, int(SEND_SECONDS * 1000))


def _connections_allowed() -> int:
    """Return how many connections the limit of open files allows, with some files reserved."""
    try:
        import resource  # noqa: PLC0415 - Windows does not have this module
    except ImportError:
        return MAX_CONNECTIONS
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(soft // 4, min(MAX_CONNECTIONS, soft - OTHER_FILES))
