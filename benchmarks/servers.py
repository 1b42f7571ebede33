"""The measured servers, each in a separate process: ``python -m benchmarks.servers NAME``.

They print their port on the first line and serve until they are killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import uvloop
from aiohttp import web

from api.http.front import EDGE, Runner
from api.running.logs import configure_logging
from api.running.server import prepare_process
from api.service import Service
from benchmarks.http import ENTITIES
from ledger.access.commands import NoteRefusal
from ledger.access.events import CommandRefused
from ledger.kernel import Actor, Ledger
from ledger.kernel.clock import system_clock
from ledger.kernel.contexts import make_context
from ledger.opening import LEDGER_CLOCK, open_accesses
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.entities.commands import RegisterEntity
from ledger.systems.entities.events import Identity

#: The rules by which commands are refused, each as often as its number in this table.
REFUSED_BY = ("FIL-R4", "FIL-R4", "FIL-R4", "FIL-R6", "FIL-R6", "DRW-R4", "PEN-R6")


def bare(answer: bytes) -> web.Application:
    """Return a bare aiohttp server that echoes JSON and answers a GET with ``answer``."""

    async def echo(request: web.Request) -> web.Response:
        return web.json_response(await request.json())

    async def fixed(request: web.Request) -> web.Response:
        return web.Response(body=answer, content_type="application/json")

    app = web.Application()
    app.router.add_post("/v1/{system}/{command}", echo)
    app.router.add_get("/v1/entities/{entity}/profile", fixed)
    return app


async def serve(
    app: web.Application, token: str = "", tokens: Mapping[str, str] | None = None
) -> None:
    """Serve on a free loopback port and print it."""
    runner = Runner(app) if EDGE in app else web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    print(json.dumps({"port": port, "token": token, "tokens": tokens}), flush=True)
    await asyncio.Event().wait()


async def ledger() -> None:
    """Run the service as ``supervision-ledger serve`` does, with some registered businesses."""
    with tempfile.TemporaryDirectory() as folder, Service(f"sqlite:///{folder}/l.db") as service:
        waiting = [
            service.ledger.submit(command, make_context(command, LEDGER_CLOCK, system_clock()))
            for command in (
                RegisterEntity(entity=f"profiled:{n}", identity=Identity(name=f"商行{n}"))
                for n in range(ENTITIES)
            )
        ]
        head = max(future.result().position for future in waiting)
        service.follower.wait_for(head, 60)
        await serve(service.app(), service.tokens.create("EDB", "bench", "credit_officer"))


async def kept(path: Path, entity: str) -> None:
    """Run the service over an existing ledger, on the day after its stories end.

    ``entity``: the business for which one of the tokens is issued.
    """
    day = datetime.fromisoformat("2027-01-05T09:00:00+08:00")
    _refuse(path, entity)
    with Service(f"sqlite:///{path}", clock=lambda: day) as service:
        service.follower.wait_for(service.recorder.head(), 1_800)
        create = service.tokens.create
        tokens = {
            "stranger": create("NOUNIT", "bench", "enforcement_officer"),
            "officer": create("MRB", "bench", "enforcement_officer"),
            "business": create("ENTITY", "bench", "entity_rep", entity),
            "supervisor": create("JB", "bench", "jb_supervisor"),
            "operator": create("OPS", "bench", "operator"),
        }
        await serve(service.app(), tokens=tokens)


def _refuse(path: Path, entity: str) -> None:
    """Record a year of refusals in the access ledger, if it is empty."""
    sender = Actor(person_id="HEAD-MRB", unit_id="MRB", role="unit_head")
    now = datetime.fromisoformat("2026-01-01T09:00:00+08:00")
    with SQLiteRecorder(path) as recorder, open_accesses(recorder) as accesses:
        if accesses.head():
            return
        with Ledger(accesses, clock=lambda: now) as ledger:
            for day in range(365):
                now += timedelta(days=1)
                waiting = [
                    ledger.submit(note, make_context(note, sender, now))
                    for note in (_refusal(REFUSED_BY[n % 7], entity) for n in range(day, day + 30))
                ]
                for future in waiting:
                    future.result()


def _refusal(rule: str, entity: str) -> NoteRefusal:
    return NoteRefusal(
        refusal=CommandRefused(
            unit="MRB",
            command="ApproveTask",
            rule=rule,
            refused_command=uuid4().hex,
            code=rule,
            details={},
            entity=entity,
            subjects=(f"entity:{entity}",),
        )
    )


def main() -> None:
    """Run the server in the arguments: ``bare BYTES``, ``ledger`` or ``kept PATH ENTITY``."""
    if sys.argv[1] == "bare":
        uvloop.run(serve(bare(b" " * int(sys.argv[2]))))
        return
    # Writing a log line per request is part of the cost; its destination is not.
    configure_logging(Path(os.devnull).open("wb"))
    prepare_process()
    uvloop.run(kept(Path(sys.argv[2]), sys.argv[3]) if sys.argv[1] == "kept" else ledger())


if __name__ == "__main__":
    main()
