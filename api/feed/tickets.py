"""``POST /v1/feed/tickets``: a ticket that opens one stream for a client without headers.

A browser's EventSource can send no ``Authorization`` header, and a token must not be in an address:
addresses are kept by browsers, proxies and logs. A ticket may be in one, because it is worth
nothing afterwards: it opens one stream, within half a minute, for one token and one filter. This
process keeps it in memory, as its SHA-256; another process of the same ledger does not know it.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Annotated, ClassVar

import msgspec
from aiohttp import hdrs, web

from api.feed.filters import require_filters
from api.feed.negotiation import EVENT_STREAM, negotiated
from api.http.accepting import accepted
from api.http.access import caller_of, token_of
from api.http.bodies import body_of
from api.http.commands import MAX_BODY_BYTES, require_json
from api.http.keys import ADMITTED, LINE
from api.http.malformed import decoded
from api.http.middlewares import expect
from api.http.problems import Problem, unauthenticated, unavailable
from api.http.rates import Rates
from api.http.reading import json_response
from api.http.resources import Operation, check_query
from api.http.tokens import Grant
from ledger.kernel import message

#: How long a ticket may wait to be used, in seconds.
SECONDS = 30

#: How many tickets one token may ask for in a minute.
PER_MINUTE = 60

#: How many tickets may wait, of all tokens.
MOST = 10_000

#: The prefix of every ticket, so that scanners for leaked secrets can tell it from a token.
PREFIX = "slo_"
_FORM = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")

PATH = "/v1/feed/tickets"

_Filter = Annotated[str, msgspec.Meta(max_length=200)]


class TicketAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask for a ticket: it opens one stream of the feed, for a client that can send no header.

    `types` and `subjects` are the filters of the stream, as the parameters `type` and `subject`
    of `GET /v1/feed` take them. Open the stream with `GET /v1/feed?ticket=…`; to resume, ask for a
    new ticket and add `lastEventId`.
    """

    types: tuple[_Filter, ...] = ()
    subjects: tuple[_Filter, ...] = ()


class TicketGiven(msgspec.Struct, frozen=True):
    """A ticket, and within how many seconds it must be used. It cannot be shown again."""

    ticket: str
    expires_in: int


class Ticket(msgspec.Struct, frozen=True):
    """What a ticket stands for: a token, a filter, and the moment until which it is good."""

    token: str
    topics: frozenset[str]
    subjects: frozenset[str]
    until: float


class Tickets:
    """The tickets that wait to be used. For one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: By digest, in the order in which they end. Only hashes are compared: a caller cannot
        #: choose their bits, so the time of the comparison reveals nothing about a ticket.
        self._waiting: dict[bytes, Ticket] = {}
        self.rates = Rates(PER_MINUTE, clock, of="feed.a-token")

    def give(self, token: str, topics: frozenset[str], subjects: frozenset[str]) -> str:
        """Return a new ticket. Raises 503 if too many wait."""
        self._forget_ended()
        if len(self._waiting) >= MOST:
            raise unavailable("feed.too-many-tickets-wait")
        ticket = PREFIX + secrets.token_urlsafe(32)
        until = self._clock() + SECONDS
        self._waiting[_digest(ticket)] = Ticket(token, topics, subjects, until)
        return ticket

    def take(self, ticket: str) -> Ticket | None:
        """Return what a ticket stands for, once; ``None`` if it is unknown, used or too old."""
        self._forget_ended()
        if not _FORM.fullmatch(ticket):
            return None
        return self._waiting.pop(_digest(ticket), None)

    def _forget_ended(self) -> None:
        now = self._clock()
        while self._waiting:
            digest = next(iter(self._waiting))
            if self._waiting[digest].until > now:
                return
            del self._waiting[digest]


TICKETS = web.AppKey("tickets", Tickets)


def admit(request: web.Request) -> web.Request:
    """Return a request with a ticket as the token that asked for it would send it. Raises 401.

    The ticket itself is not passed on; its filters take its place, so the access ledger records
    them.
    """
    given = request.query.get("ticket")
    if given is None:
        return request
    if hdrs.AUTHORIZATION in request.headers:
        raise Problem("malformed", "feed.token-or-ticket")
    if not request.query.keys().isdisjoint({"type", "subject"}):
        raise Problem("malformed", "feed.filters-belong-to-ticket")
    if negotiated(accepted(request)) != EVENT_STREAM:
        raise Problem("malformed", message("feed.ticket-opens-stream", media_type=EVENT_STREAM))
    ticket = request.app[TICKETS].take(given)
    if ticket is None:
        raise unauthenticated("feed.ticket-unknown-used-too-old")
    query = [(name, value) for name, value in request.query.items() if name != "ticket"]
    query += [("type", topic) for topic in sorted(ticket.topics)]
    query += [("subject", subject) for subject in sorted(ticket.subjects)]
    admitted = request.clone(rel_url=request.rel_url.with_query(query))
    admitted[ADMITTED] = ticket.token
    return admitted


async def give_ticket(request: web.Request, grant: Grant, asked: TicketAsked) -> web.Response:
    """Give a ticket for the caller's token."""
    token = token_of(request)
    if token is None:
        raise unauthenticated("feed.ticket-needs-token")
    topics, subjects = frozenset(asked.types), frozenset(asked.subjects)
    require_filters(topics, subjects)
    tickets = request.app[TICKETS]
    tickets.rates.count(grant.id)
    given = TicketGiven(tickets.give(token, topics, subjects), SECONDS)
    return json_response(given, status=201, headers={hdrs.CACHE_CONTROL: "no-store"})


class _TicketOperation(Operation, frozen=True):
    """The operation that gives tickets, to every token."""

    group: ClassVar[str] = "feed"
    sent_by: ClassVar[str] = "every role with a token"

    @property
    def path(self) -> str:
        """The path of the operation."""
        return PATH


OPERATION = _TicketOperation("ask-for-ticket", TicketAsked, give_ticket, TicketGiven, (201,))


def add_tickets(app: web.Application) -> None:
    """Add the route that gives tickets."""
    app[TICKETS] = Tickets()
    decoder = msgspec.json.Decoder(TicketAsked)

    async def post(request: web.Request) -> web.Response:
        request[LINE].route = PATH
        grant = await caller_of(request)
        check_query(request)
        require_json(request.headers.get(hdrs.CONTENT_TYPE, ""))
        body = await body_of(request, MAX_BODY_BYTES)
        return await give_ticket(request, grant, decoded(body, decoder))

    app.router.add_resource(PATH).add_route("POST", post, expect_handler=expect)


def _digest(ticket: str) -> bytes:
    return sha256(ticket.encode()).digest()
