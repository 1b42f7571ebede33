"""A witness that dies: ``python -m tests.transparency.dying_witness STORE before|after|never``.

It serves the real application on a free loopback port, which it prints, and kills itself on the
first submission that it would cosign: ``before`` what it cosigned is on disk, ``after``, or never.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

from api.log.witness import make_witness_app
from ledger.transparency import witness as witnessing
from ledger.transparency.witness import Witness
from tests.transparency.regions import REGION, WITNESS


def die() -> None:
    """No handler runs, nothing is flushed."""
    os.kill(os.getpid(), signal.SIGKILL)


class DiesAfter(Witness):
    """Persists, and never answers."""

    def add_checkpoint(self, body: bytes) -> str:
        super().add_checkpoint(body)
        die()
        raise AssertionError


async def main() -> None:
    """Serve until killed."""
    when = sys.argv[2]
    if when == "before":  # in the transaction, when the signature is about to be made
        witnessing.cosign = lambda *_: die()  # type: ignore[assignment]
    kind = DiesAfter if when == "after" else Witness
    witness = kind(Path(sys.argv[1]), WITNESS, [REGION.verifier()])
    runner = web.AppRunner(make_witness_app(witness), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    print(site._server.sockets[0].getsockname()[1], flush=True)  # type: ignore[attr-defined]
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
