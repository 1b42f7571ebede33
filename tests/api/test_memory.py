"""Erased persons: neither what they are called nor their key stays in the memory of the service."""

from __future__ import annotations

import gc
import secrets
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Any

from api.service import Service
from ledger.vault.sealing import SECRET_BYTES
from tests.scenarios.world import World

ROOT = Path(__file__).resolve().parents[2]


def holders(content: bytearray) -> list[str]:
    """The containers of this process in which a text or some bytes with this content lie."""

    def has(one: Any) -> bool:
        if isinstance(one, str):
            return content.decode("latin-1") in one
        return isinstance(one, bytes | bytearray) and one is not content and bytes(content) in one

    found = []
    for container in gc.get_objects():
        if isinstance(container, dict):
            values: Any = [*container.keys(), *container.values()]
        elif isinstance(container, list | tuple | set | frozenset | deque):
            values = list(container)
        else:
            continue
        if any(map(has, values)):
            found.append(f"{type(container).__name__}: {str(container)[:200]}")
    return found


async def _lives_and_is_erased(world: World, name: bytearray, key: bytearray) -> None:
    registered = await world.send("JB", "persons/register-person", name=name.decode())
    person = registered["events"][0]["body"]["person"]
    headers = {"Authorization": f"Bearer {world.tokens['JB']}"}
    answer = await world.client.get(f"/v1/persons/{person}", headers=headers)
    assert (await answer.json())["name"] == name.decode()
    key += world.service.vault.secret(person) or b""
    await world.send(
        "JB",
        "persons/erase-person",
        person=person,
        reason="consent_withdrawn",
        legal_basis=[{"instrument": "个人信息保护法", "article": "Art. 47"}],
    )


def test_nothing_is_remembered_of_an_erased_person(tmp_path: Path) -> None:
    """Registered, read and erased over HTTP: no cache, queue or view holds name or key.

    In a process of its own: to look at what another thread is just building ends the process, and
    here there may be threads of many tests.
    """
    program = "import asyncio, sys; from tests.api.test_memory import whole; "
    program += "asyncio.run(whole(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]


async def whole(folder: str) -> None:
    """The life of a person's data in one service, and what is left of it."""
    name, key = bytearray(secrets.token_hex(12), "ascii"), bytearray()
    planted = [name.decode()]
    assert holders(name), "the search finds what is there"
    planted.clear()
    async with World(Path(folder)) as world:
        await _lives_and_is_erased(world, name, key)
        assert len(key) == SECRET_BYTES
        assert world.service.follower.wait_for(world.recorder.head(), 60)
        gc.collect()
        assert holders(name) == []
        assert holders(key) == []


def test_the_vault_keeps_no_page(tmp_path: Path) -> None:
    """After each use the file's pages are given back: another process may destroy a key."""
    with Service(f"sqlite:///{tmp_path / 'ledger.db'}") as service:
        said: list[str] = []
        service.vault._sqlite.set_trace_callback(said.append)
        person = service.vault.mint("c-1").person
        for use in (
            lambda: service.vault.secret(person),
            lambda: service.vault.mint("c-2"),
            lambda: service.vault.destroy([person]),
        ):
            said.clear()
            use()
            assert said[-1] == "PRAGMA shrink_memory"
