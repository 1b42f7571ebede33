"""kill -9 while a person is erased: repeating it finishes it, whatever step it had come to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest

from api.cli.command_line import main
from api.http.sealing import sealed_person
from ledger.kernel import codec
from ledger.opening import LEDGER_CLOCK, open_ledger, open_recorder, sibling
from ledger.systems.persons.commands import RegisterPerson
from ledger.systems.persons.erasure import destroy_keys
from ledger.systems.persons.events import PersonErased
from ledger.vault.store import Vault
from ledger.verification import verify_records
from tests.faults.eraser import STEPS

ROOT = Path(__file__).resolve().parents[2]


def registered(path: Path, many: int = 40) -> list[tuple[str, bytes]]:
    """People in a ledger, with their keys."""
    found: list[tuple[str, bytes]] = []
    url = f"sqlite:///{path}"
    with (
        open_recorder(url) as recorder,
        open_ledger(recorder) as ledger,
        Vault(sibling(path, "vault"), mark=recorder.mark()) as vault,
    ):
        for number in range(many):
            sealed = sealed_person(vault, f"c{number}", name=f"张三丰{number}")
            ledger.execute(RegisterPerson(sealed=sealed), LEDGER_CLOCK)
            secret = vault.secret(sealed.person)
            assert secret is not None
            found.append((sealed.person, secret))
    return found


def killed(path: Path, person: str, step: str) -> None:
    """Begin to erase, in another process, until the step."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.faults.eraser", str(path), person, step],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, (step, ended.stdout, ended.stderr)


def erasures(path: Path) -> int:
    with open_recorder(f"sqlite:///{path}") as recorder:
        assert verify_records(recorder).faults == ()
        events = (codec.decode(e.position, e.event.data).event for e in recorder.read())
        return sum(isinstance(event, PersonErased) for event in events)


def left(folder: Path, secret: bytes) -> list[str]:
    """The files that hold any third of a key."""
    third = len(secret) // 3
    parts = [secret[at : at + third] for at in range(0, len(secret) - third + 1, third)]
    return [
        path.name
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(part in path.read_bytes() for part in parts)
    ]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[str, bytes]]]:
    """A folder with a ledger before anybody was erased, and the people in it."""
    folder = tmp_path_factory.mktemp("before")
    return folder, registered(folder / "ledger.db")


#: In which file the key still is at a step, where that is not up to chance.
STILL_IN = {
    "before the event": ["ledger.db.vault.db"],
    "after the event": ["ledger.db.vault.db"],
    "after the transaction": ["ledger.db.vault.db-journal"],
    "after the shredding": [],
    "before it is noted": [],
    "after it is noted": [],
}


@pytest.mark.parametrize("step", STEPS)
def test_an_erasure_that_was_killed_is_finished(
    tmp_path: Path, before: tuple[Path, list[tuple[str, bytes]]], step: str
) -> None:
    """By whoever repeats it; and, once it is recorded, by whoever starts the service."""
    folder, people = before
    person, secret = people[17]
    copytree(folder, tmp_path / "repeated")
    path = tmp_path / "repeated" / "ledger.db"
    killed(path, person, step)
    if step in STILL_IN:
        assert left(path.parent, secret) == STILL_IN[step]
    copytree(path.parent, tmp_path / "restarted")
    assert erasures(path) == (step != "before the event")
    erase(path, person)
    assert_gone(path, person, people)
    if step != "before the event":
        path = tmp_path / "restarted" / "ledger.db"
        with (
            open_recorder(f"sqlite:///{path}") as recorder,
            Vault(sibling(path, "vault")) as vault,
        ):
            destroy_keys(recorder, vault)
        assert_gone(path, person, people)


def assert_gone(path: Path, person: str, people: list[tuple[str, bytes]]) -> None:
    """Erased once, its key in no file; everybody else as before."""
    keys = dict(people)
    assert erasures(path) == 1
    assert left(path.parent, keys.pop(person)) == []
    with Vault(sibling(path, "vault")) as vault:
        assert vault.secret(person) is None
        assert {one: vault.secret(one) for one in keys} == keys


def erase(path: Path, person: str) -> None:
    """Erase by the command line, which has to be content."""
    words = ["erase", person, "--reason", "consent_withdrawn", "--ledger", f"sqlite:///{path}"]
    mask = os.umask(0o077)
    try:
        with pytest.raises(SystemExit) as end:
            main(words)
    finally:
        os.umask(mask)
    assert not end.value.code
