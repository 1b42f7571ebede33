"""The one factory: the server and the tests get their application here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial
from typing import Any

from aiohttp import web

from api.feed import events
from api.feed import resource as feed
from api.feed.hub import Hub
from api.feed.resource import HUB
from api.http import openapi, pages
from api.http.auditing import AUDIT, Audit
from api.http.commands import MAX_BODY_BYTES, add_commands
from api.http.front import EDGE, Edge
from api.http.keys import ACCESS, DESK, LEDGER, LOG, TIMEKEEPER, TOKENS, VAULT, VIEWS, WITNESSES
from api.http.middlewares import frame
from api.http.rates import Rates
from api.http.resources import Operation, Resource, add_resources
from api.http.tokens import Tokens
from api.log import receipts, transparency
from api.log.cosigning import Cosigning
from api.operations import accesses, operators
from api.operations import health as operations
from api.operations.health import Check
from api.running.counter import counter_context
from api.running.files import FILES, Files, files_context
from api.running.threads import SUPERVISOR, supervision_context
from api.running.timekeeping import Timekeeper
from api.sealed import evidence as evidence_files
from api.sealed import persons, publicdoor
from api.systems import actcodes
from ledger.evidence import EvidenceFiles
from ledger.kernel import Ledger
from ledger.kernel.threads import Pulse, Supervisor
from ledger.registry import COMMANDS, Entry
from ledger.transparency.keeper import Keeper
from ledger.vault.store import Vault
from projections.drawing.desk import Desk
from projections.source import Source

#: What can be asked; each module of the api adds its own here.
RESOURCES: tuple[Resource, ...] = (
    *events.RESOURCES,
    *feed.RESOURCES,
    *operations.RESOURCES,
    *openapi.RESOURCES,
    *pages.RESOURCES,
)


def make_app(
    ledger: Ledger,
    *,
    tokens: Tokens,
    views: Any = None,
    commands: Iterable[Entry] = COMMANDS,
    resources: Iterable[Resource] = (),
    readiness: Mapping[str, Check] | None = None,
    source: str = "/v1/feed",
    access: Ledger | None = None,
    desk: Desk | None = None,
    log: Keeper | None = None,
    vault: Vault | None = None,
    witnesses: Cosigning | None = None,
    threads: Iterable[Pulse] = (),
    edge: Edge | None = None,
    timekeeper: Timekeeper | None = None,
    evidence: EvidenceFiles | None = None,
) -> web.Application:
    """The application that serves ``ledger``; it closes the ledger when it ends.

    ``views``: whatever the resources ask, under the key ``VIEWS``. ``resources``: further ones,
    beside ``RESOURCES``. ``readiness``: how each follower is doing, for /readyz and /metrics.
    ``source``: the CloudEvents source of the feed. ``access``: the ledger of refusals and
    consultations, which it closes too; without one nothing of that is taken down. ``log``: what
    keeps the transparency log, and ``witnesses`` what has it cosigned. ``desk``: where long work
    is done before a command is handed in; without one such commands are turned away. ``vault``:
    the keys of what is sealed about natural persons; without one commands that bring any are turned
    away. ``threads``: those to supervise, besides the ones of both ledgers and the feed.
    ``edge``: who may hold how much. ``timekeeper``: the ledgers' clock, if jumps of it wait for an
    operator. ``evidence``: the files of evidence; without them none is taken in or shown. The
    stores and the tokens belong to the caller.
    """
    commands = tuple(commands)
    resources = (*RESOURCES, *resources)
    app = web.Application(
        client_max_size=MAX_BODY_BYTES,
        middlewares=[frame],
        # What cannot be decoded is answered where bodies are read, and not by the parser.
        handler_args={"auto_decompress": False},
    )
    app[EDGE] = Edge() if edge is None else edge
    app[FILES] = Files(app[EDGE])
    app[actcodes.RATES] = Rates(actcodes.PER_MINUTE)
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
    app[AUDIT] = audit = Audit(access)
    operated: tuple[Operation, ...] = ()
    door: tuple[Operation, ...] = ()
    if vault is not None and views is not None:
        door = (publicdoor.OPERATION,)
        resources = (*resources, *publicdoor.RESOURCES)
    if views is not None:
        resources = (*resources, *operators.VIEW_RESOURCES)
    if access is not None:
        app[ACCESS] = Source(access.recorder)
        resources = (*resources, *accesses.RESOURCES, *operators.TOKEN_RESOURCES)
        operated = operators.TOKEN_OPERATIONS
        if timekeeper is not None:
            operated = (*operated, operators.CLOCK_OPERATION)
    if log is not None:
        app[LOG] = log
        resources = (*resources, *transparency.RESOURCES, *receipts.RESOURCES)
    app[HUB] = hub = Hub(ledger.recorder, source)
    app[SUPERVISOR] = supervisor = Supervisor((ledger.worker, hub.worker, *threads))
    if access is not None:
        supervisor.add(access.worker)
    checks = dict(readiness or {})
    if access is not None:
        checks["access"] = partial(operations.check_store, access)
    operations.add_operations(app, checks)
    uploads = () if evidence is None else evidence_files.UPLOADS_TAKEN
    openapi.add_description(app, commands, resources, (*operated, *door), uploads)
    evidence_files.add_uploads(app, evidence)
    add_commands(app, commands)
    operators.add_operations_of(app, operated)
    if door:
        publicdoor.add_public_door(app)
    add_resources(app, resources)
    # In the order of starting; ending goes backwards: the hub, then the counter, then the ledger.
    # What looks after all of them begins first and ends last.
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
    # Before that the server finishes the requests it has, and streams would never finish.
    app.on_shutdown.append(feed.end_streams)
    return app


async def _ledger_context(app: web.Application) -> AsyncIterator[None]:
    yield
    # Decides and answers what still waits.
    await asyncio.to_thread(app[LEDGER].close)
