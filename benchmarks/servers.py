"""The servers that are measured, each a process of its own: ``python -m benchmarks.servers NAME``.

They print their port on the first line and serve until they are killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import uvloop
from aiohttp import web

from api.http.front import EDGE, Runner
from api.running.logs import configure_logging
from api.running.server import prepare_process
from api.service import Service
from benchmarks.http import ENTITIES
from ledger.kernel.clock import system_clock
from ledger.kernel.contexts import make_context
from ledger.opening import LEDGER_CLOCK
from ledger.systems.entities.commands import RegisterEntity
from ledger.systems.entities.events import Identity


def bare(answer: bytes) -> web.Application:
    """Bare aiohttp: echoes the JSON that it is sent, and answers a GET with ``answer``."""

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
    """Serve on a free loopback port and say which."""
    runner = Runner(app) if EDGE in app else web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    print(json.dumps({"port": port, "token": token, "tokens": tokens}), flush=True)
    await asyncio.Event().wait()


async def ledger() -> None:
    """The service as ``supervision-ledger serve`` runs it, with businesses to ask for."""
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
    """The service over a ledger that is there, on the day after its stories end.

    ``entity``: the business for which one of its tokens is.
    """
    day = datetime.fromisoformat("2027-01-05T09:00:00+08:00")
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


def main() -> None:
    """Serve what the command line names: ``bare BYTES``, ``ledger`` or ``kept PATH ENTITY``."""
    if sys.argv[1] == "bare":
        uvloop.run(serve(bare(b" " * int(sys.argv[2]))))
        return
    # The log line of each request is part of the price; where it goes is not.
    configure_logging(Path(os.devnull).open("wb"))
    prepare_process()
    uvloop.run(kept(Path(sys.argv[2]), sys.argv[3]) if sys.argv[1] == "kept" else ledger())


if __name__ == "__main__":
    main()
