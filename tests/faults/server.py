"""A server process for the fault tests: ``python -m tests.faults.server LEDGER``.

It serves the real application over the given file on a free loopback port, which it prints with a
token, and goes on until it is killed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from aiohttp import web

from api.app import make_app
from api.http.tokens import Tokens
from ledger.opening import open_ledger, sibling
from ledger.stores.sqlite import SQLiteRecorder


async def main() -> None:
    """Serve until killed."""
    path = Path(sys.argv[1])
    tokens = Tokens.open(sibling(path, "tokens"))
    token = tokens.create("EDB", "EDB-001", "credit_officer")
    app = make_app(open_ledger(SQLiteRecorder(path)), tokens=tokens)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    print(json.dumps({"port": port, "token": token}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
