"""Damaged files: one line says which file it is and what may be done, and nobody sees a traceback.

What is made of the events may be deleted, and is made anew; what is not must not be.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from api.cli.command_line import main
from api.http.tokens import Tokens
from api.service import Service
from ledger.kernel import codec
from ledger.opening import open_recorder
from ledger.stores import StoreError
from ledger.stores.naming import blobs_folder, sibling
from projections.tables import Damaged
from tests.resuming import resume_log


def garbage(file: Path) -> None:
    file.write_bytes(random.Random(7).randbytes(8192))


def cut(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2 + 100])


def overwritten(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:4096] + random.Random(7).randbytes(len(content) - 4096))


def flipped(file: Path) -> None:
    """One byte of the header, by which SQLite, or a key, knows what the file is."""
    content = bytearray(file.read_bytes())
    content[5] ^= 0x41
    file.write_bytes(content)


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


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
    file = sibling(ledger, what)
    for neighbour in ("-wal", "-shm"):
        Path(f"{file}{neighbour}").unlink(missing_ok=True)
    how(file)
    return file


@pytest.mark.parametrize("how", DAMAGES)
def test_what_is_made_of_the_events(ledger: Path, how: Callable[[Path], None]) -> None:
    """Views and tiles: the words say what to delete; that done, all is served as before."""
    url = f"sqlite:///{ledger}"
    for what in DELETABLE:
        kept = sibling(ledger, what).read_bytes()
        file = damage(ledger, what, how)
        error = _trouble(url)
        if error is None:  # nothing of it was read yet
            assert what == "tiles"
            file.write_bytes(kept)
            continue
        for words in (str(file), "delete this file", "-wal", "made again"):
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
    with pytest.raises(StoreError, match="no token is valid any more") as told:
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


#: Every file that lies with a ledger, and what may be done: to delete it, or put a backup back.
DELETE = ("delete", "made again")
BACK = ("Do not delete it", "back")
WHAT_TO_DO = {
    "ledger.db": BACK,
    "ledger.db.access.db": BACK,
    "ledger.db.vault.db": (*BACK, "--accept-lost-keys"),
    "ledger.db.signed.db": BACK,
    "ledger.db.access.db.signed.db": BACK,
    "ledger.db.key": (*BACK, "the log has ended"),
    "ledger.db.access.db.key": (*BACK, "the log has ended"),
    "ledger.db.tokens.db": ("delete it", "Put a backup of this file back"),
    "ledger.db.webhooks.db": ("delete it", "Put a backup of this file back"),
    "ledger.db.views.db": DELETE,
    "ledger.db.views.db.lock": DELETE,
    "ledger.db.tiles.db": DELETE,
    "ledger.db.access.db.tiles.db": DELETE,
}


def test_every_file_has_a_word(served: Path) -> None:
    """The table names every file that a served ledger leaves, journals apart."""
    left = {f.name for f in served.iterdir() if not f.name.endswith(("-wal", "-shm", "-journal"))}
    assert left - {blobs_folder(served / "ledger.db").name} == WHAT_TO_DO.keys()


@pytest.mark.parametrize("how", [garbage, flipped, a_folder])
@pytest.mark.parametrize("name", WHAT_TO_DO)
def test_every_file_says_what_to_do(
    ledger: Path, name: str, how: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Serving ends with exit code 2 and one message: the file, what is wrong, what may be done."""
    file = ledger.parent / name
    if how is flipped and not file.stat().st_size:
        file.write_bytes(b"a lock is empty, with no byte to flip")
    for neighbour in ("-wal", "-shm"):
        Path(f"{file}{neighbour}").unlink(missing_ok=True)
    how(file)
    with pytest.raises(SystemExit) as end:
        main(("serve", "--port", "0", "--ledger", f"sqlite:///{ledger}"))
    assert end.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert str(file) in said
    for words in WHAT_TO_DO[name]:
        assert words in said
    assert ("it is a folder" in said) == (how is a_folder)
    assert "Traceback" not in said


def test_a_file_in_the_place_of_the_blobs(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rosters lie in a folder; it says so, and where they come back from."""
    shutil.rmtree(blobs_folder(ledger), ignore_errors=True)
    blobs_folder(ledger).write_bytes(b"x")
    with pytest.raises(SystemExit) as end:
        main(("serve", "--port", "0", "--ledger", f"sqlite:///{ledger}"))
    assert end.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "must be a folder; it is a file" in said
    assert "put the newest backup of the folder back" in said


def test_a_ledger_that_cannot_be_seeded(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A damage that is met only in writing ends with exit code 2 and the same words."""
    damage(ledger, "x", lambda _: overwritten(ledger))
    with pytest.raises(SystemExit) as end:
        main(("serve", "--port", "0", "--ledger", f"sqlite:///{ledger}"))
    assert end.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert str(ledger) in said
    assert "Do not delete it" in said
