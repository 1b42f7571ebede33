"""For operators: the state of the views, and tokens, which two persons must create.

Everything here needs an operator's token, and nothing here shows business data. The access ledger
records who requested and who approved a token, and for whom, but never the token itself. Its holder
draws the token; this service gets only its SHA-256 (docs/decisions/0010-operators.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
import structlog
from aiohttp import hdrs, web
from msgspec.structs import replace

from api.http.access import caller_of
from api.http.asking import PRIVATE, asked, follower_of
from api.http.auditing import AUDIT
from api.http.bodies import body_of
from api.http.commands import MAX_BODY_BYTES, idempotency_key, require_json
from api.http.keys import ACCESS, LINE, REBUILDER, TIMEKEEPER, TOKENS
from api.http.malformed import decoded
from api.http.middlewares import expect
from api.http.named import MAX_POSITION
from api.http.problems import Problem, not_found, unauthenticated
from api.http.reading import AFTER_POSITION, LIMIT, bounded, json_response, next_link, query_value
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
from ledger.kernel import OutOfStep, codec, message
from ledger.kernel.folds import Selector
from projections.follower import Health
from projections.rebuilding import Rebuild
from projections.source import Source

log = structlog.get_logger("api.operations")

DEFAULT_PAGE = 100
MAX_PAGE = 500

State = Literal["pending", "granted", "declined"]

#: The name of a view.
ViewName = Annotated[
    str,
    msgspec.Meta(pattern=r"^[a-z][a-z0-9_]*(?![\s\S])", max_length=60, examples=["findings"]),
]


class ShownView(msgspec.Struct, frozen=True):
    """The state of a view; ``error`` is the kind of the fault, the log has its details.

    ``lag``: how many positions it is behind the ledger; ``rate``: how many a second it moved
    lately; ``seconds_left``: until it has caught up, at that rate. ``rebuild``: the last rebuild
    since the start of the service.
    """

    view: str
    state: str
    position: int
    lag: int
    error: str | None = None
    error_position: int | None = None
    rate: float | None = None
    seconds_left: float | None = None
    rebuild: Rebuild | None = None


class ShownViews(msgspec.Struct, frozen=True):
    """All views."""

    items: tuple[ShownView, ...]


class ShownTokens(msgspec.Struct, frozen=True):
    """All tokens ever created, oldest first, without their secrets."""

    items: tuple[TokenEntry, ...]


class ShownRequest(msgspec.Struct, frozen=True):
    """A request for a token; ``token`` is the id that the token has, or would have."""

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
    """A page of requests in order; the ``Link`` header leads to the next page."""

    items: tuple[ShownRequest, ...]


class RevokeToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """撤销令牌: revoke a token, named by its id; takes effect in seconds. One operator suffices."""

    token: TokenId


async def views(request: web.Request) -> web.Response:
    """The position of each view, how fast it follows, and whether it can continue.

    `POST /v1/operations/rebuild-view` rebuilds one; its readers see the old rows until the new ones
    are complete.
    """
    follower, rebuilder = follower_of(request), request.app[REBUILDER]
    states = await asked(follower.health)
    rebuilds = {} if rebuilder is None else rebuilder.all()
    return json_response(
        ShownViews(tuple(_view(state, rebuilds.get(state.view)) for state in states)),
        headers=PRIVATE,
    )


def _view(health: Health, rebuild: Rebuild | None) -> ShownView:
    left = health.lag / health.rate if health.lag and health.rate else None
    return ShownView(
        health.view,
        health.state,
        health.position,
        health.lag,
        health.kind,
        health.error_position,
        health.rate,
        left,
        rebuild,
    )


class RebuildView(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """重建视图: rebuild a view from the ledger while the service runs, one view after another.

    Ask `/v1/operations/views` how far it is. A rebuild that waits or runs is not begun again.
    """

    view: ViewName


async def _rebuild(request: web.Request, grant: Grant, body: RebuildView) -> web.Response:
    rebuilder = request.app[REBUILDER]
    assert rebuilder is not None
    try:
        rebuild = await asked(lambda: rebuilder.ask(body.view))
    except KeyError:
        raise not_found(message("operations.no-view", view=body.view)) from None
    log.info("rebuild_asked", view=body.view, person=grant.person)
    return json_response(rebuild, status=202, headers=PRIVATE)


async def tokens(request: web.Request) -> web.Response:
    """Every token ever created: its holder, role, last day, and who requested and approved it."""
    entries = await asked(request.app[TOKENS].list)
    return json_response(ShownTokens(tuple(entries)), headers=PRIVATE)


async def token_requests(request: web.Request) -> web.Response:
    """Requests for tokens in order, with the outcome of each."""
    after = bounded(request, "after", 0, 0, MAX_POSITION)
    limit = bounded(request, "limit", DEFAULT_PAGE, 1, MAX_PAGE)
    wanted = query_value(request, "state", State, None)
    source: Source = request.app[ACCESS]

    def page() -> tuple[list[ShownRequest], int | None]:
        requests = source.after([Selector((TokenRequested.TOPIC,), ())], after, limit + 1)
        shown = []
        for stored in requests[:limit]:
            event = codec.decode(stored.position, stored.event.data).event
            assert isinstance(event, TokenRequested)
            shown.append(_shown(_asked_for(source, event.request)))
        return shown, requests[limit - 1].position if len(requests) > limit else None

    shown, last = await asked(page)
    headers = dict(PRIVATE)
    if last is not None:
        headers[hdrs.LINK] = next_link(request, after=last)
    items = tuple(item for item in shown if wanted in (None, item.state))
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
            raise OutOfStep("operations.token-already-belongs-another-holder", id=entry.id)
    await request.app[AUDIT].execute(body, grant)
    # A crash here leaves a recorded grant and a token that is not valid yet: the approver
    # sends the same request again.
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
        raise not_found(message("operations.no-token-id", token=body.token))
    revocation = revocation_of(entry, grant.person)
    if revocation is not None:
        await request.app[AUDIT].execute(NoteRevocation(revocation=revocation), grant)
    # A crash here leaves a recorded revocation and a valid token: the sender repeats it.
    await COMMANDS.run(lambda: kept.revoke(entry.id))
    ended = await COMMANDS.run(lambda: kept.entry(body.token))
    return json_response(ended, headers=PRIVATE)


def revocation_of(entry: TokenEntry, by: str) -> TokenRevoked | None:
    """Return the revocation to record; ``None`` if a record cannot name the token's holder."""
    fields = {"token": entry.id, "unit": entry.unit, "holder": entry.person, "role": entry.role}
    try:
        return msgspec.convert({**fields, "revoked_by": by}, TokenRevoked)
    except msgspec.ValidationError:
        return None


class ConfirmClock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """确认时钟: confirm the clock after a jump, so that commands are accepted again."""


class ShownClock(msgspec.Struct, frozen=True):
    """The confirmed time of the clock."""

    clock: datetime


async def _confirm(request: web.Request, grant: Grant, body: ConfirmClock) -> web.Response:
    keeper = request.app[TIMEKEEPER]
    assert keeper is not None
    # Confirm before recording: the record is dated by this clock.
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
    """Add routes for the operations, only for the role of operators."""
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
                raise unauthenticated(
                    message("operations.operator-token-needed", name=operation.name)
                )
            raise Problem(
                "forbidden",
                message("operations.role-may-not-send", role=grant.role, name=operation.name),
            )
        check_query(request)
        require_json(request.headers.get(hdrs.CONTENT_TYPE, ""))
        body = await body_of(request, MAX_BODY_BYTES)
        return await operation.act(request, grant, decoded(body, decoder))

    return post


TOKEN_OPERATIONS = (
    Operation("request-token", RequestToken, _request, ShownRequest, (201, 200)),
    Operation("approve-token", ApproveToken, _approve, ShownRequest),
    Operation("decline-token", DeclineToken, _decline, ShownRequest),
    Operation("revoke-token", RevokeToken, _revoke, TokenEntry),
)

CLOCK_OPERATION = Operation("confirm-clock", ConfirmClock, _confirm, ShownClock)

REBUILD_OPERATION = Operation("rebuild-view", RebuildView, _rebuild, Rebuild, (202,))

VIEW_RESOURCES = (Resource("/v1/operations/views", views, returns=ShownViews, roles=OPERATORS),)
TOKEN_RESOURCES = (
    Resource("/v1/operations/tokens", tokens, returns=ShownTokens, roles=OPERATORS),
    Resource(
        "/v1/operations/token-requests",
        token_requests,
        returns=ShownRequests,
        roles=OPERATORS,
        query=(
            Parameter("state", State, "the state of the request"),
            replace(
                AFTER_POSITION, description="the position in the access ledger after which to begin"
            ),
            LIMIT,
        ),
    ),
)
