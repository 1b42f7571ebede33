"""For operators: the state of the views, and tokens, which two persons make good.

Everything here needs an operator's token, and nothing here shows what a business did. Who asked,
who approved and for whom stands in the access ledger, and never a token: its holder draws it, and
this service only ever has its SHA-256 (docs/decisions/0010-operators.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Literal

import msgspec
from aiohttp import hdrs, web

from api.http.access import caller_of
from api.http.asking import PRIVATE, asked, follower_of
from api.http.auditing import AUDIT
from api.http.commands import idempotency_key, require_json
from api.http.keys import ACCESS, LINE, TIMEKEEPER, TOKENS
from api.http.malformed import decoded
from api.http.middlewares import expect
from api.http.problems import Problem, not_found, unauthenticated
from api.http.reading import LIMIT, MAX_POSITION, bounded, json_response, next_link, query_value
from api.http.resources import Handler, Operation, Parameter, Resource, check_query
from api.http.tokens import Grant, Holder, TokenEntry
from api.operations.health import OPERATORS
from api.running.pools import COMMANDS
from ledger.access.events import ClockConfirmed, TokenId, TokenRequested, TokenRevoked
from ledger.access.folds import TokenRequest
from ledger.access.tokens import (
    ID_DIGITS,
    ApproveToken,
    DeclineToken,
    NoteClock,
    NoteRevocation,
    RequestToken,
)
from ledger.kernel import OutOfStep, codec
from ledger.kernel.folds import Selector
from projections.source import Source

DEFAULT_PAGE = 100
MAX_PAGE = 500

State = Literal["pending", "granted", "declined"]


class ShownView(msgspec.Struct, frozen=True):
    """How one view stands; ``error`` is the kind of trouble: the log has its words."""

    view: str
    state: str
    position: int
    lag: int
    error: str | None = None
    error_position: int | None = None


class ShownViews(msgspec.Struct, frozen=True):
    """Every view."""

    items: tuple[ShownView, ...]


class ShownTokens(msgspec.Struct, frozen=True):
    """Every token ever made good, oldest first, without the tokens themselves."""

    items: tuple[TokenEntry, ...]


class ShownRequest(msgspec.Struct, frozen=True):
    """A request for a token. ``token``: the id that the token has, or would have."""

    request: str
    state: State
    token: str
    digest: str
    unit: str
    person: str
    role: str
    requested_by: str
    entity: str | None = None
    expires_on: date | None = None
    approved_by: str | None = None


class ShownRequests(msgspec.Struct, frozen=True):
    """A page of requests in order; the ``Link`` header leads to the next."""

    items: tuple[ShownRequest, ...]


class RevokeToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """撤销令牌: end a token, named by its id; it ends within seconds. One operator suffices."""

    token: TokenId


async def views(request: web.Request) -> web.Response:
    """How far each view has come and whether it goes on.

    A view is built anew from the command line, with the service stopped: while it was built, it
    would show what was public once and is not any more.
    """
    follower = follower_of(request)
    found = await asked(follower.health)
    return json_response(
        ShownViews(
            tuple(
                ShownView(one.view, one.state, one.position, one.lag, one.kind, one.error_position)
                for one in found
            )
        ),
        headers=PRIVATE,
    )


async def tokens(request: web.Request) -> web.Response:
    """Every token ever made good: whose, in which role, until when, and by whom."""
    found = await asked(request.app[TOKENS].list)
    return json_response(ShownTokens(tuple(found)), headers=PRIVATE)


async def token_requests(request: web.Request) -> web.Response:
    """Requests for tokens in order, with what became of each."""
    after = bounded(request, "after", 0, 0, MAX_POSITION)
    limit = bounded(request, "limit", DEFAULT_PAGE, 1, MAX_PAGE)
    wanted = query_value(request, "state", State, None)
    source: Source = request.app[ACCESS]

    def page() -> tuple[list[ShownRequest], int | None]:
        found = source.after([Selector((TokenRequested.TOPIC,), ())], after, limit + 1)
        shown = []
        for stored in found[:limit]:
            event = codec.decode(stored.position, stored.event.data).event
            assert isinstance(event, TokenRequested)
            shown.append(_shown(_asked_for(source, event.request)))
        return shown, found[limit - 1].position if len(found) > limit else None

    shown, last = await asked(page)
    headers = dict(PRIVATE)
    if last is not None:
        headers[hdrs.LINK] = next_link(request, after=last)
    items = tuple(one for one in shown if wanted in (None, one.state))
    return json_response(ShownRequests(items), headers=headers)


def _asked_for(source: Source, request: str) -> TokenRequest:
    fold = TokenRequest(request)
    return fold.over(source.records([fold.selector()]))


def _shown(asked_for: TokenRequest) -> ShownRequest:
    wanted = asked_for.requested
    assert wanted is not None
    return ShownRequest(
        request=wanted.request,
        state=asked_for.state,
        token=wanted.digest[:ID_DIGITS],
        digest=wanted.digest,
        unit=wanted.unit,
        person=wanted.holder,
        role=wanted.role,
        requested_by=asked_for.requested_by,
        entity=wanted.entity,
        expires_on=wanted.expires_on,
        approved_by=asked_for.approved_by or None,
    )


async def _request(request: web.Request, grant: Grant, body: RequestToken) -> web.Response:
    outcome = await request.app[AUDIT].execute(
        body, grant, idempotency_key(request.headers.get("Idempotency-Key"))
    )
    event = outcome.events[0].event
    assert isinstance(event, TokenRequested)
    return await _answer(request, event.request, 200 if outcome.repeated else 201)


async def _approve(request: web.Request, grant: Grant, body: ApproveToken) -> web.Response:
    source: Source = request.app[ACCESS]
    kept = request.app[TOKENS]
    wanted = (await asked(lambda: _asked_for(source, body.request))).requested
    if wanted is not None:
        entry = await COMMANDS.run(lambda: kept.entry(wanted.digest))
        if entry is not None and (entry.unit, entry.person, entry.role, entry.entity) != (
            (wanted.unit, wanted.holder, wanted.role, wanted.entity)
        ):
            raise OutOfStep(
                f"the token {entry.id} is somebody else's already; decline this request"
            )
    await request.app[AUDIT].execute(body, grant)
    # A crash here leaves a grant that is recorded and a token that is not good yet: the approver
    # repeats it.
    asked_for = await asked(lambda: _asked_for(source, body.request))
    assert wanted is not None
    holder = Holder(wanted.unit, wanted.holder, wanted.role, wanted.entity)
    await COMMANDS.run(
        lambda: kept.admit(
            wanted.digest,
            holder,
            wanted.expires_on,
            asked_for.requested_by,
            asked_for.approved_by,
        )
    )
    return await _answer(request, body.request, 200)


async def _decline(request: web.Request, grant: Grant, body: DeclineToken) -> web.Response:
    await request.app[AUDIT].execute(body, grant)
    return await _answer(request, body.request, 200)


async def _revoke(request: web.Request, grant: Grant, body: RevokeToken) -> web.Response:
    kept = request.app[TOKENS]
    entry = await COMMANDS.run(lambda: kept.entry(body.token))
    if entry is None:
        raise not_found(f"No token has the id {body.token}.")
    revocation = revocation_of(entry, grant.person)
    if revocation is not None:
        await request.app[AUDIT].execute(NoteRevocation(revocation=revocation), grant)
    # A crash here leaves a token that is good and recorded as revoked: the sender repeats it.
    await COMMANDS.run(lambda: kept.revoke(entry.id))
    ended = await COMMANDS.run(lambda: kept.entry(body.token))
    return json_response(ended, headers=PRIVATE)


def revocation_of(entry: TokenEntry, by: str) -> TokenRevoked | None:
    """What is recorded when a token ends; ``None`` for one that no record can name, nor can use."""
    fields = {"token": entry.id, "unit": entry.unit, "holder": entry.person, "role": entry.role}
    try:
        return msgspec.convert({**fields, "revoked_by": by}, TokenRevoked)
    except msgspec.ValidationError:
        return None


class ConfirmClock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """确认时钟: answer for the clock after a jump, so that commands are taken again."""


class ShownClock(msgspec.Struct, frozen=True):
    """What the clock shows, confirmed."""

    clock: datetime


async def _confirm(request: web.Request, grant: Grant, body: ConfirmClock) -> web.Response:
    keeper = request.app[TIMEKEEPER]
    assert keeper is not None
    # Believed before it is recorded: the record is dated by it.
    note = NoteClock(
        confirmation=ClockConfirmed(clock=keeper.confirm(), last_recorded_at=keeper.newest)
    )
    await request.app[AUDIT].execute(note, grant)
    return json_response(ShownClock(note.confirmation.clock), headers=PRIVATE)


async def _answer(request: web.Request, name: str, status: int) -> web.Response:
    source: Source = request.app[ACCESS]
    shown = await asked(lambda: _shown(_asked_for(source, name)))
    return json_response(shown, status=status, headers=PRIVATE)


def add_operations_of(app: web.Application, operations: Iterable[Operation]) -> None:
    """Route them, each behind the operator's role."""
    for operation in operations:
        route = app.router.add_resource(operation.path)
        route.add_route("POST", _handler(operation), expect_handler=expect)


def _handler(operation: Operation) -> Handler:
    decoder = msgspec.json.Decoder(operation.body)

    async def post(request: web.Request) -> web.Response:
        request[LINE].route = operation.path
        grant = await caller_of(request)
        if grant.role not in OPERATORS:
            if not grant.id:
                raise unauthenticated(f"{operation.name} needs an operator's token.")
            raise Problem(
                "forbidden", f"The role {grant.role} may not send {operation.name}; operators may."
            )
        check_query(request)
        require_json(request.headers.get(hdrs.CONTENT_TYPE, ""))
        return await operation.act(request, grant, decoded(await request.read(), decoder))

    return post


TOKEN_OPERATIONS = (
    Operation("request-token", RequestToken, _request, ShownRequest, (201, 200)),
    Operation("approve-token", ApproveToken, _approve, ShownRequest),
    Operation("decline-token", DeclineToken, _decline, ShownRequest),
    Operation("revoke-token", RevokeToken, _revoke, TokenEntry),
)

CLOCK_OPERATION = Operation("confirm-clock", ConfirmClock, _confirm, ShownClock)

VIEW_RESOURCES = (Resource("/v1/operations/views", views, returns=ShownViews, roles=OPERATORS),)
TOKEN_RESOURCES = (
    Resource("/v1/operations/tokens", tokens, returns=ShownTokens, roles=OPERATORS),
    Resource(
        "/v1/operations/token-requests",
        token_requests,
        returns=ShownRequests,
        roles=OPERATORS,
        query=(
            Parameter("state", State, "what became of them"),
            Parameter("after", int, "the position in the access ledger after which to begin"),
            LIMIT,
        ),
    ),
)
