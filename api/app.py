"""Build the aiohttp application; the server and the tests both use ``make_app``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial
from typing import Any

from aiohttp import web

from api.console.identity import Identity
from api.console.place import Place
from api.console.routes import add_console
from api.console.sessions import Sessions
from api.contract import asyncapi, eventtypes
from api.feed import events, preview, readers, tickets
from api.feed import resource as feed
from api.feed.hub import Hub
from api.feed.resource import HUB
from api.http import openapi, pages
from api.http.auditing import AUDIT, Audit
from api.http.commands import MAX_BODY_BYTES, add_commands
from api.http.front import EDGE, Edge
from api.http.keys import (
    ACCESS,
    DESK,
    LEDGER,
    LOG,
    REBUILDER,
    SENT,
    SERVED,
    TIMEKEEPER,
    TOKENS,
    VAULT,
    VIEWS,
    WITNESSES,
)
from api.http.languages import LANGUAGE, load_words
from api.http.middlewares import frame
from api.http.rates import Rates
from api.http.resources import Operation, Resource, add_resources
from api.http.tokens import Tokens
from api.log import receipts, transparency
from api.log.cosigning import Cosigning
from api.operations import accesses, operators
from api.operations import health as operations
from api.operations.health import Check
from api.public.pages import public_resources
from api.public.window import add_window, window_resources
from api.running.counter import counter_context
from api.running.files import FILES, Files, files_context
from api.running.threads import SUPERVISOR, supervision_context
from api.running.timekeeping import Timekeeper
from api.sealed import evidence as evidence_files
from api.sealed import persons, publicdoor
from api.systems import actcodes, nextcommands
from api.webhooks import operations as webhook_operations
from api.webhooks.delivery import Deliverer
from ledger.evidence import EvidenceFiles
from ledger.kernel import Ledger
from ledger.kernel.threads import Pulse, Supervisor
from ledger.registry import COMMANDS, Entry
from ledger.transparency.keeper import Keeper
from ledger.vault.store import Vault
from projections.drawing.desk import Desk
from projections.rebuilding import Rebuilder
from projections.source import Source

#: Resources that every application has; each api module adds its own here.
RESOURCES: tuple[Resource, ...] = (
    *events.RESOURCES,
    *feed.RESOURCES,
    *preview.RESOURCES,
    *readers.RESOURCES,
    *operations.RESOURCES,
    *openapi.RESOURCES,
    *pages.RESOURCES,
    *eventtypes.RESOURCES,
    *asyncapi.RESOURCES,
)

#: The CloudEvents source of the feed of a service whose address is not known: the path.
SOURCE = "/v1/feed"


def make_app(
    ledger: Ledger,
    *,
    tokens: Tokens,
    views: Any = None,
    commands: Iterable[Entry] = COMMANDS,
    resources: Iterable[Resource] = (),
    readiness: Mapping[str, Check] | None = None,
    source: str = SOURCE,
    access: Ledger | None = None,
    desk: Desk | None = None,
    log: Keeper | None = None,
    vault: Vault | None = None,
    witnesses: Cosigning | None = None,
    threads: Iterable[Pulse] = (),
    edge: Edge | None = None,
    timekeeper: Timekeeper | None = None,
    evidence: EvidenceFiles | None = None,
    sessions: Sessions | None = None,
    webhooks: Deliverer | None = None,
    rebuilder: Rebuilder | None = None,
    place: Place | None = None,
    identity: Identity | None = None,
) -> web.Application:
    """Return the application that serves ``ledger``; it closes the ledger at shutdown.

    Optional parts, and what the application does without them:

    - ``views``: answers the resources' questions; kept under the key ``VIEWS``.
    - ``resources``: resources in addition to ``RESOURCES``.
    - ``readiness``: the checks of the followers, for /readyz and /metrics.
    - ``source``: the CloudEvents source of the feed.
    - ``access``: the ledger that records refusals and consultations; the application closes it
      too. Without it neither is recorded.
    - ``log``: the keeper of the transparency log; ``witnesses``: has that log cosigned.
    - ``desk``: does long work before a command reaches the sequencer. Without it commands that
      need such work are rejected.
    - ``vault``: the keys that seal personal data. Without it commands that carry personal data
      are rejected.
    - ``threads``: threads to supervise in addition to those of both ledgers and the feed.
    - ``edge``: limits on connections and streams.
    - ``timekeeper``: the ledgers' clock, if an operator must confirm its jumps.
    - ``sessions``: who is signed in to the console. Without it there is no console.
    - ``webhooks``: sends events to subscribers. Without it they can only be registered.
    - ``identity``: the provider by which persons may sign in. Without it they need a token.
    - ``rebuilder``: rebuilds views. Without it operators cannot ask for that.
    - ``place``: the region and environment that its pages name.
    - ``evidence``: the store of evidence files. Without it files are neither accepted nor served.

    The caller closes the stores and the tokens.
    """
    commands = tuple(commands)
    resources = (*RESOURCES, *resources)
    app = web.Application(
        client_max_size=MAX_BODY_BYTES,
        middlewares=[frame],
        # The body reader answers a body that cannot be decoded; aiohttp's parser must not.
        handler_args={"auto_decompress": False},
    )
    app[EDGE] = Edge() if edge is None else edge
    app[LANGUAGE] = app[EDGE].language
    load_words()
    app[FILES] = Files(app[EDGE])
    app[actcodes.RATES] = Rates(actcodes.PER_MINUTE)
    app[nextcommands.RATES] = Rates(nextcommands.PER_MINUTE, of="http.a-sender")
    app[LEDGER] = ledger
    app[TOKENS] = tokens
    app[VIEWS] = views
    app[DESK] = desk
    app[VAULT] = vault
    if vault is not None:
        resources = (*resources, *persons.RESOURCES)
    if evidence is not None:
        resources = (*resources, *evidence_files.RESOURCES)
    app[WITNESSES] = witnesses
    app[TIMEKEEPER] = timekeeper
    app[REBUILDER] = rebuilder
    app[AUDIT] = audit = Audit(access)
    operated = _operated(access, timekeeper, rebuilder)
    door: tuple[Operation, ...] = ()
    if vault is not None and views is not None:
        door = (publicdoor.OPERATION,)
        resources = (*resources, *publicdoor.RESOURCES)
    if views is not None:
        resources = (*resources, *operators.VIEW_RESOURCES)
    if access is not None:
        app[ACCESS] = Source(access.recorder)
        resources = (*resources, *accesses.RESOURCES, *operators.TOKEN_RESOURCES)
    if log is not None:
        app[LOG] = log
        resources = (*resources, *transparency.RESOURCES, *receipts.RESOURCES)
    hooked = webhook_operations.add_webhooks(app, webhooks)
    resources = (*resources, *public_resources(resources), *window_resources(resources))
    app[HUB] = hub = Hub(ledger.recorder, source)
    app[SUPERVISOR] = supervisor = Supervisor((ledger.worker, hub.worker, *threads))
    if access is not None:
        supervisor.add(access.worker)
    checks = dict(readiness or {})
    if access is not None:
        checks["access"] = partial(operations.check_store, access)
    operations.add_operations(app, checks)
    uploads = () if evidence is None else evidence_files.UPLOADS_TAKEN
    openapi.add_description(
        app, commands, resources, (*operated, *door, *hooked, tickets.OPERATION), uploads
    )
    tickets.add_tickets(app)
    evidence_files.add_uploads(app, evidence)
    app[SENT], app[SERVED] = commands, resources
    add_commands(app, commands)
    operators.add_operations_of(app, operated)
    if door:
        publicdoor.add_public_door(app)
        add_window(app, resources)
    add_resources(app, resources)
    if sessions is not None:
        add_console(app, sessions, resources, Place() if place is None else place, identity)
    # In order of start; shutdown runs in reverse: the hub, the counter, then the ledger. The
    # supervisor watches all of them, so it starts first and stops last.
    app.cleanup_ctx.extend(
        (
            supervision_context,
            files_context,
            _ledger_context,
            audit.context,
            counter_context,
            feed.feed_context,
        )
    )
    # End the streams before the server waits for open requests: streams never finish by themselves.
    app.on_shutdown.append(feed.end_streams)
    return app


def _operated(
    access: Ledger | None, timekeeper: Timekeeper | None, rebuilder: Rebuilder | None
) -> tuple[Operation, ...]:
    """Return what operators can ask for; tokens and the clock are noted in the access ledger."""
    operated: tuple[Operation, ...] = () if access is None else operators.TOKEN_OPERATIONS
    if access is not None and timekeeper is not None:
        operated = (*operated, operators.CLOCK_OPERATION)
    return operated if rebuilder is None else (*operated, operators.REBUILD_OPERATION)


async def _ledger_context(app: web.Application) -> AsyncIterator[None]:
    yield
    # Decides and answers the commands that are still queued.
    await asyncio.to_thread(app[LEDGER].close)
