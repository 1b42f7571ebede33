"""A ledger that a process of its own serves: it can be killed, and started again where it was."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import httpx

from api.http.tokens import Tokens
from ledger.general.vocabulary import Role
from ledger.kernel import Actor
from ledger.opening import open_ledger, open_recorder
from ledger.systems.entities.commands import RegisterEntity
from ledger.systems.entities.events import Identity

ROOT = Path(__file__).parents[1]

#: How long a process may take to start or to stop, in seconds.
SECONDS = 120

EDB = Actor(unit_id="EDB", person_id="P-1", role="credit_officer")


class Served:
    """The service over a ledger in ``folder``, at an address that stays when it starts again."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder / 'ledger.db'}"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process and wait until it answers."""
        words = ["serve", "--ledger", self.url, "--port", str(self.port), *self._options]
        with (self.folder / "served.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "api", *words],
                cwd=ROOT,
                env={**os.environ, "XDG_STATE_HOME": str(self.folder)},
                stderr=log,
            )
        deadline = time.monotonic() + SECONDS
        while not self._live():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def kill(self) -> None:
        """End the process as a power cut would (SIGKILL)."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(SECONDS)

    def stop(self) -> None:
        """Ask the process to end (SIGTERM); it must end in order."""
        assert self._process is not None
        self._process.terminate()
        assert self._process.wait(SECONDS) == 0, self.log()

    def log(self) -> str:
        """What the process wrote to standard error."""
        return (self.folder / "served.log").read_text("utf-8", "replace")

    def token(self, unit: str, person: str, role: Role, entity: str | None = None) -> str:
        """A new token, valid at once."""
        with Tokens.open(self.folder / "ledger.db.tokens.db") as tokens:
            return tokens.create(unit, person, role, entity)

    def register(self, first: int, count: int) -> None:
        """Register businesses that everybody may see, in this process, beside the serving one."""
        with open_recorder(self.url) as recorder, open_ledger(recorder) as ledger:
            for number in range(first, first + count):
                entity = f"register:{number}"
                ledger.execute(RegisterEntity(entity=entity, identity=Identity(name="行")), EDB)

    def _live(self) -> bool:
        try:
            return httpx.get(f"{self.address}/livez", timeout=SECONDS).is_success
        except httpx.TransportError:
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self.stop()
