"""kill -9 while 64 clients write: what was acknowledged is there, once, and verify is content."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from ledger.kernel import codec
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.entities.events import EntityRegistered
from ledger.verification import verify_records
from tests.examples import rounds

KILLS = rounds(8, 50)
CLIENTS = 64
ROOT = Path(__file__).resolve().parents[2]


class Service:
    """The server in a process of its own, started again after each kill."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.server", str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
        )
        assert self.process.stdout is not None
        said = json.loads(self.process.stdout.readline())
        self.address = f"http://127.0.0.1:{said['port']}"
        self.token = said["token"]

    def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is flushed."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


async def write(service: Service, wanted: list[str], acknowledged: dict[str, int]) -> None:
    """64 clients register businesses until the server dies; notes what was answered."""
    headers = {"Authorization": f"Bearer {service.token}"}
    waiting = iter(wanted)

    async def client(session: aiohttp.ClientSession) -> None:
        for entity in waiting:
            body = {"entity": entity, "identity": {"name": entity}}
            try:
                async with session.post(
                    f"{service.address}/v1/entities/register-entity",
                    json=body,
                    headers={**headers, "Idempotency-Key": entity},
                ) as response:
                    answer = await response.json()
            except (aiohttp.ClientError, ConnectionError):
                return
            assert response.status in (200, 201), answer
            position = answer["position"]
            assert acknowledged.setdefault(entity, position) == position

    connector = aiohttp.TCPConnector(limit=CLIENTS)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(client(session) for _ in range(CLIENTS)))


def check(path: Path, acknowledged: dict[str, int]) -> None:
    """Every acknowledged business stands at its position, none twice, and the file verifies."""
    with SQLiteRecorder(path) as recorder:
        assert verify_records(recorder).faults == ()
        found: dict[str, int] = {}
        for stored in recorder.read():
            event = codec.decode(stored.position, stored.event.data).event
            if isinstance(event, EntityRegistered):
                assert event.entity not in found, f"{event.entity} is recorded twice"
                found[event.entity] = stored.position
    lost = {e: p for e, p in acknowledged.items() if found.get(e) != p}
    assert not lost, f"acknowledged but lost: {lost}"


@pytest.mark.timeout(500)
def test_kill_while_64_clients_write(tmp_path: Path) -> None:
    """Fifty kills at random moments; each unanswered request is sent again with its key."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    moments = random.Random(seed)
    path = tmp_path / "ledger.db"
    acknowledged: dict[str, int] = {}
    unanswered: list[str] = []
    number = 0
    for _ in range(KILLS):
        service = Service(path)
        try:
            fresh = [f"fault:{number + n}" for n in range(100_000)]
            # What got no answer goes first, under the same key: recorded then, or recorded now.
            wanted = unanswered + fresh
            after = moments.uniform(0.02, 0.6)

            async def writing(
                wanted: list[str] = wanted, after: float = after, service: Service = service
            ) -> None:
                writers = asyncio.create_task(write(service, wanted, acknowledged))
                await asyncio.sleep(after)
                service.process.kill()
                await writers

            asyncio.run(writing())
        finally:
            service.kill()
        sent = max((int(e.split(":")[1]) for e in acknowledged), default=-1) + 1 + CLIENTS
        number = max(number, sent)
        unanswered = [e for e in (f"fault:{n}" for n in range(number)) if e not in acknowledged]
        check(path, acknowledged)
    service = Service(path)
    try:
        asyncio.run(write(service, unanswered, acknowledged))
    finally:
        service.kill()
    assert not [e for e in unanswered if e not in acknowledged]
    check(path, acknowledged)
    assert len(acknowledged) > KILLS, "the clients hardly wrote anything"
