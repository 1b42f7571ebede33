"""The one middleware: a request id, errors in one shape, one log line per request."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from hashlib import blake2b
from itertools import count
from typing import Any

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from structlog.contextvars import bind_contextvars

from api.http.counting import REQUESTS
from api.http.keys import LINE, Line
from api.http.languages import language_of
from api.http.problems import SERVER, as_problem, response_to
from api.running.logs import log_request

log = structlog.get_logger("api")

#: The logged status of a request whose client disconnected before the answer; never sent.
VANISHED = 499

#: Request ids made here are a counter hashed with a key of the process, so that they do not reveal
#: how many requests there were. Reading random bytes per request would release the interpreter
#: lock each time and wait to get it back.
_KEY = secrets.token_bytes(32)
_COUNT = count(1)

#: Methods that are counted and logged by name; any other is free text from a client.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

#: A request id that a sender may choose: long enough for every tracing system, and harmless in a
#: log line or header.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}\Z")


def new_request_id() -> str:
    """Return an id for a request that has none."""
    return blake2b(next(_COUNT).to_bytes(8, "big"), key=_KEY, digest_size=10).hexdigest()


@web.middleware
async def frame(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Handle what every request needs, in one function because each call costs time."""
    asked = request.headers.get("X-Request-Id")
    request_id = asked if asked and _REQUEST_ID.match(asked) else new_request_id()
    line = request[LINE] = Line(request_id)
    # Each connection is one task. This is the only variable bound in it, and each request of the
    # connection binds it again.
    bind_contextvars(request_id=request_id)
    status = VANISHED
    try:
        try:
            response = await handler(request)
        except Exception as error:  # noqa: BLE001 - every error becomes an answer here
            response = _answer_error(request, line, error)
        status = response.status
        if not response.prepared:
            headers = response.headers
            headers["X-Request-Id"] = request_id
            headers["Server"] = SERVER
        return response
    finally:
        _conclude(request, line, status)


def _answer_error(request: web.Request, line: Line, error: Exception) -> web.StreamResponse:
    if isinstance(error, web.HTTPException) and error.status < 400:
        return error
    if _vanished(request, error):
        return web.Response(status=VANISHED)  # only for the log: nobody receives it
    problem = as_problem(error)
    line.problem = problem.kind.name
    if "rule_id" in problem.members:
        # The log line must suffice to audit a refusal (rulebook 0.9).
        line.more = {**line.more, "rule_id": problem.members["rule_id"]}
    if problem.kind.name == "internal":
        log.error("request_failed", method=_method(request), route=line.route, exc_info=error)
    language = language_of(request)
    return response_to(error, language, instance=request.path, request_id=line.request_id)


def _vanished(request: web.Request, error: Exception) -> bool:
    """Return whether the client disconnected before its request or its answer was complete."""
    transport = request.transport
    gone = transport is None or transport.is_closing()
    return gone and isinstance(error, ConnectionError | web.RequestPayloadError)


def _method(request: web.Request) -> str:
    return request.method if request.method in _METHODS else "-"


def _conclude(request: web.Request, line: Line, status: int) -> None:
    seconds = time.perf_counter() - line.started
    route = line.route
    if route == "-":
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "-"
    method = _method(request)
    request.app[REQUESTS].count(method, route, status, seconds)
    fields: dict[str, Any] = {
        "request_id": line.request_id,
        "method": method,
        "route": route,
        "status": status,
        "ms": round(seconds * 1000, 2),
    }
    grant = line.grant
    if grant is not None:
        fields["unit"] = grant.unit
        fields["person"] = grant.person
        fields["role"] = grant.role
    if line.command_id is not None:
        fields["command_id"] = line.command_id
    if line.position is not None:
        fields["position"] = line.position
    if line.problem is not None:
        fields["problem"] = line.problem
    fields.update(line.more)
    log_request(fields)


async def expect(request: web.Request) -> web.StreamResponse | None:
    """Answer ``Expect``; aiohttp calls this before any middleware."""
    if request.version >= (1, 1):
        if request.headers.get(hdrs.EXPECT, "").lower() != "100-continue":
            error = web.HTTPExpectationFailed()
            language = language_of(request)
            return response_to(
                error, language, instance=request.path, request_id=secrets.token_hex(8)
            )
        await asyncio.shield(request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n"))
        # aiohttp must not count the interim response as the beginning of the real one.
        request.writer.output_size = 0
    return None
