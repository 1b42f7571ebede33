"""A real service for tests of programs that use one: the pytest fixture ``ledger_service``.

It needs the package ``supervision-ledger`` in the environment of the tests. pytest finds the
fixture by itself once this distribution is installed.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import httpx
import pytest

from supervision_ledger_client.client import Ledger

#: How long the service may take to start or to stop, in seconds.
SECONDS = 120.0

#: The businesses of a seeded ledger, with their names.
BUSINESSES = {
    "91620100MA7LX0017J": "兰州新区春禾食品有限公司",
    "91620100MA7LX0076M": "兰州新区秦川粮油店",
    "91620100MA7LX01051": "兰州新区中川餐饮有限公司",
}

#: The subscription of a seeded ledger: the bank's, for credit records.
SUBSCRIPTION = {
    "subscription": "SUB-1",
    "unit": "BANK",
    "purpose": "贷款审批中查询失信信息",
    "legal_basis": [{"instrument": "征信业管理条例", "article": "第二十一条"}],
    "filters": {"types": ["credit.*"]},
}


class LedgerService:
    """The service over a ledger in ``folder``, at an address that stays when it starts again."""

    def __init__(self, folder: Path, *options: str, program: Sequence[str] = ()) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder / 'ledger.db'}"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._program = list(program or _program())
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._tokens: dict[tuple[str, ...], str] = {}

    def start(self) -> None:
        """Start the process and wait until it answers."""
        words = ["serve", "--ledger", self.url, "--port", str(self.port), *self._options]
        with (self.folder / "service.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the program of the service
                [*self._program, *words], env=self._environment(), stderr=log
            )
        deadline = time.monotonic() + SECONDS
        while not self._live():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, "the service did not start in time"
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
        """Return what the process wrote to standard error."""
        return (self.folder / "service.log").read_text("utf-8", "replace")

    def token(self, unit: str, person: str, role: str, entity: str | None = None) -> str:
        """Return a token for a person of a unit in a role; the same one for the same person."""
        words = (unit, person, role, *(() if entity is None else ("--entity", entity)))
        if words not in self._tokens:
            self._tokens[words] = self._new_token(words)
        return self._tokens[words]

    def client(self, unit: str, person: str, role: str, entity: str | None = None) -> Ledger:
        """Return a client with a token for a person of a unit in a role; the caller closes it."""
        return Ledger(self.address, self.token(unit, person, role, entity))

    def seed(self) -> None:
        """Record ``BUSINESSES``, and a bank's subscription to credit records."""
        with self.client("EDB", "EDB-1", "credit_officer") as office:
            for entity, name in BUSINESSES.items():
                body = {"entity": entity, "identity": {"name": name}}
                office.send("entities/register-entity", body, key=f"seed {entity}")
            office.send("sharing/subscribe-feed", SUBSCRIPTION, key="seed subscription")

    def _new_token(self, words: tuple[str, ...]) -> str:
        made = subprocess.run(  # noqa: S603 - the program of the service
            [*self._program, "token", "create", *words, "--ledger", self.url],
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert made.returncode == 0, made.stderr
        return next(word for word in made.stdout.split() if word.startswith("slt_"))

    def _environment(self) -> dict[str, str]:
        # The service remembers there what its log signed: for this ledger only.
        return {**os.environ, "XDG_STATE_HOME": str(self.folder)}

    def _live(self) -> bool:
        try:
            return httpx.get(f"{self.address}/livez", timeout=SECONDS).is_success
        except httpx.TransportError:
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()


def _program() -> list[str]:
    """Return the command that runs the service; skip the test if it is not installed."""
    beside = Path(sys.executable).parent
    found = shutil.which("supervision-ledger", path=str(beside)) or shutil.which(
        "supervision-ledger"
    )
    if found is None:
        pytest.skip("this test starts the service; install the package supervision-ledger")
    return [found]


@pytest.fixture(scope="session")
def ledger_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerService]:
    """A running service with a seeded ledger, for the whole session."""
    with LedgerService(tmp_path_factory.mktemp("ledger")) as service:
        service.seed()
        yield service
