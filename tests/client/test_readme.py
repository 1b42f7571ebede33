"""The client's README: every program in it runs, against a real service."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from ledger.systems.sharing.events import RemovalNotified
from supervision_ledger_client import Ledger
from supervision_ledger_client.testing import BUSINESSES
from tests.serving import SECONDS, Served

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients/python"
TEXT = (CLIENT / "README.md").read_text("utf-8")
PROGRAMS = dict(
    re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?```python\n(.*?)```", TEXT, re.DOTALL | re.MULTILINE)
)
SECOND = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)[1]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A seeded service, without what other modules recorded."""
    with Served(tmp_path_factory.mktemp("readme"), "--quiet") as service:
        service.seed()
        yield service


def _started(program: str, service: Served, token: str = "") -> subprocess.Popen[str]:
    (service.folder / "program.py").write_text(program, "utf-8")
    return subprocess.Popen(
        [sys.executable, "program.py"],
        cwd=service.folder,
        env={
            **os.environ,
            "PYTHONPATH": str(CLIENT),
            "PYTHONIOENCODING": "utf-8",
            "LEDGER": service.address,
            "TOKEN": token,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def _ran(program: str, service: Served, token: str = "") -> str:
    with _started(program, service, token) as process:
        out, error = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, error
    return out


def _caught_up(client: Ledger) -> None:
    """Wait until the views of sharing have everything that is recorded."""
    head = client.feed(limit=1).head
    client.get("/v1/sharing/removals", dict[str, object], at_least=head)


def test_every_program_is_tried_here() -> None:
    """A further one needs a test."""
    assert list(PROGRAMS) == [
        "Follow the feed",
        "Send a command",
        "Remove what must be removed",
        "Keep a receipt",
        "Test against a real service",
    ]
    assert TEXT.count("```python") == len(PROGRAMS) + 1


def test_following(own: Served) -> None:
    """Ten lines at most; killed and started again, it prints what comes after."""
    program = PROGRAMS["Follow the feed"]
    assert len([line for line in program.splitlines() if line]) <= 10
    with _started(program, own) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in BUSINESSES]
        own.register(0, 1)
        seen.append(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    own.register(1, 2)
    with _started(program, own) as process:
        assert process.stdout is not None
        # The last event may come again: the first program was killed while it waited.
        line = process.stdout.readline()
        seen += [process.stdout.readline() if line == seen[-1] else line]
        seen.append(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    assert len(set(seen)) == len(BUSINESSES) + 3
    for line, name in zip(seen, BUSINESSES.values(), strict=False):
        assert "entities.entity-registered" in line
        assert name in line


def test_exactly_once(own: Served) -> None:
    """Run twice, it takes the next events into its table."""
    _ran(SECOND, own)
    _ran(SECOND, own)
    with sqlite3.connect(own.folder / "own.db") as rows:
        names = [row[0] for row in rows.execute("SELECT name FROM businesses ORDER BY position")]
    with Ledger(own.address) as reader:
        events = reader.feed(types=["entities.*"]).events[:6]
    assert names == [event.data["identity"]["name"] for event in events]


def test_sending(own: Served) -> None:
    """It prints what was recorded, and the refusal of the second one."""
    token = own.token("EDB", "EDB-1", "credit_officer")
    printed = _ran(PROGRAMS["Send a command"], own, token)
    first, second = printed.splitlines()
    assert "entities.entity-registered" in first
    assert second


def test_removing(own: Served) -> None:
    """It confirms the notice, and the next time nothing is left."""
    notice = RemovalNotified(
        removal="RMV-1",
        subscription="SUB-1",
        unit="BANK",
        entity=next(iter(BUSINESSES)),
        record="CR-1",
        determined_by="MRB",
        reason="repaired",
        ended_on=date(2026, 4, 20),
    )
    own.given(notice)
    token = own.token("BANK", "SYSTEM-1", "subscriber_system")
    with own.client("BANK", "SYSTEM-1", "subscriber_system") as bank:
        _caught_up(bank)
        printed = _ran(PROGRAMS["Remove what must be removed"], own, token)
        assert printed.startswith("remove CR-1 of")
        _caught_up(bank)
        assert list(bank.removals()) == []


def test_receipts(own: Served) -> None:
    """It prints what the receipt proves."""
    token = own.token("EDB", "EDB-1", "credit_officer")
    printed = _ran(PROGRAMS["Keep a receipt"], own, token)
    assert printed.startswith("Proved(log='localhost/ledger-")


def test_the_fixture(tmp_path: Path) -> None:
    """A test that uses it passes where only the client's plugin is loaded."""
    (tmp_path / "test_ours.py").write_text(PROGRAMS["Test against a real service"], "utf-8")
    words = ["-q", "-p", "supervision_ledger_client.testing", "-p", "no:cacheprovider", "."]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CLIENT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
