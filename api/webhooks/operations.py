"""What a subscriber asks of its webhooks besides commands: a new secret, and a test.

A secret is in one answer only. The ledger records first that it was made; a crash in between leaves
a recorded secret that never signs, and the sender asks for another one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, ClassVar

import msgspec
from aiohttp import hdrs, web

from api.http.access import caller_of
from api.http.asking import PRIVATE
from api.http.bodies import body_of
from api.http.commands import MAX_BODY_BYTES, noted, require_json
from api.http.keys import DELIVERY, LINE
from api.http.malformed import decoded
from api.http.middlewares import expect
from api.http.problems import Problem, not_found, unauthenticated
from api.http.rates import Rates
from api.http.reading import json_response
from api.http.resources import Operation, check_query
from api.http.tokens import Grant
from api.running.pools import COMMANDS
from api.systems.sharing import SUBSCRIBING
from api.webhooks.delivery import MOST_OVERLAP_HOURS, Deliverer
from api.webhooks.outbox import Attempt
from ledger.kernel import message
from ledger.systems.sharing.commands import NoteWebhookSecret
from ledger.systems.sharing.events import WebhookId

_RATES: web.AppKey[Rates] = web.AppKey("webhook_rates", Rates)

#: How many tests and secrets one token may ask for in a minute.
PER_MINUTE = 10

#: How long a test waits for the thread to learn of a webhook just registered, in seconds.
PATIENCE = 5.0


class MakeWebhookSecret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """生成推送密钥: make a new secret that signs the messages of a webhook. It is shown once.

    The earlier secrets sign too for `overlap_hours`, so that the receiver can change over; with 0
    they end at once, as is right after a leak. At most three sign at a time.
    """

    webhook: WebhookId
    overlap_hours: Annotated[int, msgspec.Meta(ge=0, le=MOST_OVERLAP_HOURS)] = 24


class WebhookSecret(msgspec.Struct, frozen=True):
    """A new secret of a webhook, for standardwebhooks.com; `secret_id` names it in events."""

    webhook: str
    secret_id: str
    secret: str


class TestWebhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """测试推送: send a signed test message to a webhook, once, and answer with what came of it."""

    webhook: WebhookId


async def _make_secret(request: web.Request, grant: Grant, body: MakeWebhookSecret) -> web.Response:
    delivery = request.app[DELIVERY]
    secret = delivery.new_secret()
    await noted(
        request,
        grant,
        NoteWebhookSecret(webhook=body.webhook, secret=secret.id, overlap_hours=body.overlap_hours),
    )
    await COMMANDS.run(lambda: delivery.admit(body.webhook, secret, body.overlap_hours))
    made = WebhookSecret(body.webhook, secret.id, secret.secret)
    return json_response(made, status=201, headers={hdrs.CACHE_CONTROL: "no-store"})


async def _test(request: web.Request, grant: Grant, body: TestWebhook) -> web.Response:
    delivery = request.app[DELIVERY]
    head = await COMMANDS.run(delivery.head)
    await COMMANDS.run(lambda: delivery.wait_for(head, PATIENCE))
    unit = delivery.unit_of(body.webhook)
    if unit is None or (grant.role != "credit_officer" and grant.unit != unit):
        raise not_found(message("sharing.register-webhook-first"))
    attempt = await delivery.test(body.webhook)
    if attempt is None:
        raise Problem("out-of-step", message("sharing.webhook-needs-secret", webhook=body.webhook))
    return json_response(attempt, headers=PRIVATE)


class _WebhookOperation(Operation, frozen=True):
    """An operation for the subscriber of a webhook, and for the lead department."""

    group: ClassVar[str] = "sharing"
    sent_by: ClassVar[str] = "subscriber_system, credit_officer"

    @property
    def path(self) -> str:
        return f"/v1/sharing/{self.name}"


OPERATIONS: tuple[Operation, ...] = (
    _WebhookOperation(
        "make-webhook-secret", MakeWebhookSecret, _make_secret, WebhookSecret, (201,)
    ),
    _WebhookOperation("test-webhook", TestWebhook, _test, Attempt),
)


def add_webhooks(app: web.Application, delivery: Deliverer | None) -> tuple[Operation, ...]:
    """Add the routes of the operations and return these; none without a thread that sends."""
    if delivery is None:
        return ()
    app[DELIVERY] = delivery
    app[_RATES] = Rates(PER_MINUTE, of="feed.a-token")
    for operation in OPERATIONS:
        route = app.router.add_resource(operation.path)
        route.add_route("POST", _handler(operation), expect_handler=expect)
    return OPERATIONS


def _handler(operation: Operation) -> Callable[[web.Request], Awaitable[web.Response]]:
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(operation.body)

    async def post(request: web.Request) -> web.Response:
        request[LINE].route = operation.path
        grant = await caller_of(request)
        if grant.role not in SUBSCRIBING:
            if not grant.id:
                raise unauthenticated(message("http.needs-token", name=operation.name))
            raise Problem(
                "forbidden",
                message(
                    "http.role-may-not-send",
                    role=grant.role,
                    name=operation.name,
                    roles=sorted(SUBSCRIBING),
                ),
            )
        check_query(request)
        request.app[_RATES].count(grant.id)
        require_json(request.headers.get(hdrs.CONTENT_TYPE, ""))
        body = await body_of(request, MAX_BODY_BYTES)
        return await operation.act(request, grant, decoded(body, decoder))

    return post
