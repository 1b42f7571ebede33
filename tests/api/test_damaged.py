"""Damaged files: one line says which file it is and what may be done, and nobody sees a traceback.

What is made of the events may be deleted, and is made anew; what is not must not be.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from api.command_line import main
from api.service import Service
from api.tokens import Tokens
from ledger.kernel import codec
from ledger.opening import beside, open_recorder, resume_log
from ledger.stores import StoreError
from projections.tables import Damaged


def garbage(file: Path) -> None:
    file.write_bytes(random.Random(7).randbytes(8192))


def cut(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2 + 100])


def overwritten(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:4096] + random.Random(7).randbytes(len(content) - 4096))


DAMAGES = (garbage, cut, overwritten)
DELETABLE = ("views", "tiles")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that lies with a ledger that was served."""
    folder = tmp_path_factory.mktemp("served")
    with Service(f"sqlite:///{folder / 'ledger.db'}") as service:
        head = service.recorder.head()
        assert service.follower.wait_for(head, 60)
        service.keeper.wait_for(head, 60)
        service.tokens.create("MRB", "P", "office_head")
    return folder


@pytest.fixture
def ledger(served: Path, tmp_path: Path) -> Path:
    """A copy of it, which goes on as the log itself."""
    folder = tmp_path / "copy"
    shutil.copytree(served, folder)
    resume_log(folder / "ledger.db")
    return folder / "ledger.db"


def damage(ledger: Path, what: str, how: Callable[[Path], None]) -> Path:
    file = beside(ledger, what)
    for neighbour in ("-wal", "-shm"):
        Path(f"{file}{neighbour}").unlink(missing_ok=True)
    how(file)
    return file


@pytest.mark.parametrize("how", DAMAGES)
def test_what_is_made_of_the_events(ledger: Path, how: Callable[[Path], None]) -> None:
    """Views and tiles: the words say what to delete; that done, all is served as before."""
    url = f"sqlite:///{ledger}"
    for what in DELETABLE:
        kept = beside(ledger, what).read_bytes()
        file = damage(ledger, what, how)
        error = _trouble(url)
        if error is None:  # nothing of it was read yet
            assert what == "tiles"
            file.write_bytes(kept)
            continue
        for words in (str(file), "delete this file", "-wal", "made anew"):
            assert words in error
        for neighbour in ("", "-wal", "-shm"):
            Path(f"{file}{neighbour}").unlink(missing_ok=True)
        with Service(url) as service:
            head = service.recorder.head()
            assert service.follower.wait_for(head, 60)
            service.keeper.log.advance()
            assert service.keeper.log.tiles.size == head


def _trouble(url: str) -> str | None:
    try:
        with Service(url) as service:
            service.keeper.log.advance()
    except (StoreError, Damaged) as error:
        return str(error)
    return None


@pytest.mark.parametrize("how", DAMAGES)
def test_what_cannot_be_made_anew(ledger: Path, how: Callable[[Path], None]) -> None:
    """What was signed is not to be deleted; tokens may be, and what that costs is said."""
    signed = damage(ledger, "signed", how)
    error = _trouble(f"sqlite:///{ledger}")
    assert error is None or ("Do not delete" in error and str(signed) in error)
    tokens = damage(ledger, "tokens", how)
    with pytest.raises(StoreError, match="no token is good any more") as told:
        Tokens.open(tokens)
    assert str(tokens) in str(told.value)


@pytest.mark.parametrize("what", ["views", "tiles", "tokens", "access"])
@pytest.mark.parametrize("words", [("rebuild",), ("stats",), ("token", "list"), ("verify",)])
def test_at_a_terminal(
    ledger: Path, what: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """No command ends in a traceback; one that fails for the file names it."""
    file = damage(ledger, what, garbage)
    try:
        main((*words, "--ledger", f"sqlite:///{ledger}"))
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    said = "".join(capsys.readouterr())
    assert code in (0, 1, 2)
    if code:
        assert file.name in said
    with open_recorder(f"sqlite:///{ledger}") as recorder:
        assert codec.decode(1, next(recorder.read(limit=1)).event.data)
