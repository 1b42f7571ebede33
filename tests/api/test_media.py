"""The command line where something fails below it: read-only media, full disks, closed pipes.

Every command meets every failure. It may succeed or fail; it ends by itself, with words for people
and no traceback, and changes nothing where it only reads.
"""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import pytest

from api.cli.command_line import main
from api.cli.terminal import bar
from api.cli.trouble import report_error
from api.service import Service
from ledger.intake.sample import sample_folder
from ledger.kernel import Actor
from ledger.stores import database
from ledger.systems.entities.commands import RegisterEntity
from ledger.systems.entities.events import Identity
from tests.intake.registers import small_register

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EDB = Actor(unit_id="EDB", person_id="P-1", role="credit_officer")
ENTITY = "register:1"

#: Every command that takes a ledger and ends by itself; OUT is a place that can be written.
READING = {
    "stats": ("stats",),
    "verify": ("verify", "--workers", "1"),
    "token list": ("token", "list"),
    "backup": ("backup", "OUT/backup"),
    "export": ("export", "OUT/bundle", "--entity", ENTITY),
    "log key": ("log", "key"),
    "draw export": ("draw", "export", "D-1"),
}
WRITING = {
    "rebuild": ("rebuild",),
    "tick": ("tick",),
    "token create": ("token", "create", "MRB", "P-9", "unit_head"),
    "token revoke": ("token", "revoke", "0123456789abcdef"),
    "log rotate-key": ("log", "rotate-key"),
    "log resume": ("log", "resume"),
    "erase": ("erase", "psn-" + "0" * 32, "--reason", "consent_withdrawn"),
    "serve": ("serve", "--port", "0"),
    "import": ("import", "sf-food", str(sample_folder())),
}
COMMANDS = READING | WRITING


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a ledger that was served, and that holds a business."""
    folder = tmp_path_factory.mktemp("made")
    with Service(f"sqlite:///{folder / 'ledger.db'}") as service:
        command = RegisterEntity(entity=ENTITY, identity=Identity(name="行"))
        head = service.ledger.execute(command, EDB).position
        assert service.follower.wait_for(head, 200)
        assert service.keeper.wait_for(head, 200) is not None
        service.tokens.create("MRB", "P", "office_head")
    return folder


def words_of(command: str, ledger: Path, out: Path) -> list[str]:
    """What is typed."""
    typed = [word.replace("OUT", str(out)) for word in COMMANDS[command]]
    return [*typed, "--ledger", f"sqlite:///{ledger}"]


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """A file system of its own at a folder."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"nobody may mount here: {done.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def digests(folder: Path) -> dict[str, str]:
    """Every file by its digest."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    capsys.readouterr()
    try:
        main(words)
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    return code, said.out, said.err


@pytest.fixture
def read_only(made: Path, tmp_path: Path) -> Iterator[Path]:
    """The same files on a medium that nobody can write, root included."""
    place = tmp_path / "medium"
    with mounted(place, "-t", "tmpfs", "-o", "size=64m", "tmpfs"):
        shutil.copytree(made, place, dirs_exist_ok=True)
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        yield place


@pytest.mark.parametrize("command", COMMANDS)
def test_on_a_read_only_medium(
    read_only: Path, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What reads works; what writes says in words that it cannot."""
    before = digests(read_only)
    words = words_of(command, read_only / "ledger.db", tmp_path)
    code, said, complained = run(words, capsys)
    if command in READING and command != "draw export":
        assert code == 0, complained
        assert said
    else:
        assert code in (1, 2)
        assert complained.startswith("supervision-ledger: ")
        assert "an unforeseen error" not in complained
        assert command != "draw export" or "it is D-1" in complained
    assert digests(read_only) == before


def test_a_copy_on_a_read_only_medium_verifies(
    read_only: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what is taken from there is a whole backup, and a bundle that anybody can check."""
    ledger = read_only / "ledger.db"
    code, said, _ = run(["verify", "--json", "--ledger", f"sqlite:///{ledger}"], capsys)
    assert (code, json.loads(said)["faults"]) == (0, [])
    for command in ("backup", "export"):
        assert run(words_of(command, ledger, tmp_path), capsys)[0] == 0
    assert run(["verify", str(tmp_path / "backup")], capsys)[0] == 0
    assert run(["verify", str(tmp_path / "bundle")], capsys)[0] == 3


@pytest.mark.parametrize("command", COMMANDS)
def test_on_a_full_disk(
    made: Path, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says that there is no space, or needs none."""
    place = tmp_path / "medium"
    with mounted(place, "-t", "tmpfs", "-o", "size=64m", "tmpfs"):
        shutil.copytree(made, place, dirs_exist_ok=True)
        with (place / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(bytes(4096))
        code, _, complained = run(words_of(command, place / "ledger.db", place), capsys)
        if code:
            assert complained.startswith("supervision-ledger: ")
            assert "an unforeseen error" not in complained


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_no_ledger(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder, a text, a link to nothing, a name that is too long: one line says so."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("not a ledger " * 200)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere" / "at all")
    for name in ("folder", "text", "link", "x" * 300, "folder/none/ledger.db", "text/ledger.db"):
        words = words_of(command, tmp_path / name, tmp_path)
        code, _, complained = run(words, capsys)
        assert code in (1, 2), name
        assert complained.startswith("supervision-ledger: "), (name, complained)
        assert "an unforeseen error" not in complained, (name, complained)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///~/ledger.db",
        "sqlite:///~ledger.db",
        "sqlite:///a\nb.db",
        "sqlite:///a\x1b[2J.db",
        "sqlite:///\udcff.db",
        "sqlite:///:memory:",
        "sqlite:///file:x.db?mode=ro",
        "sqlite:///",
        "sqlite:///folder/",
        "sqlite:///..",
        "sqlite://host/ledger.db",
        "ledger.db",
        "",
        "postgresql://h/db",
    ],
)
@pytest.mark.parametrize("command", ["stats", "import", "backup", "token list"])
def test_a_url_that_names_no_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    url: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is refused in words, nothing is made, and no control character reaches the terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(database, "WAIT_SECONDS", 0.2)
    words = [*words_of(command, Path("x"), tmp_path)[:-1], url]
    code, said, complained = run(words, capsys)
    assert code == 2
    assert complained.startswith("supervision-ledger: ")
    assert not set(said + complained) & set("\x1b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["a#b.db", "a?mode=ro", "a%20b.db", "a b.db", "台账.db", "x/~/y.db"]
)
def test_a_url_means_what_it_says(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The file has the name that the URL gives it, to the last character, and no other is made."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "a").write_text("another file")
    register = small_register(tmp_path_factory.mktemp("register"))
    words = ["import", "sf-food", str(register), "--ledger", f"sqlite:///{name}"]
    assert run(words, capsys)[0] == 0
    assert (tmp_path / name).is_file()
    assert (tmp_path / "a").read_text() == "another file"
    assert run(["rebuild", "tasks", "--ledger", f"sqlite:///{name}"], capsys)[0] == 0
    # With the ledger lie its files, and the folder of the rows that were refused.
    made = set((tmp_path / name).parent.iterdir()) - {tmp_path / "a"}
    assert {path.name.startswith(Path(name).name) for path in made} == {True}


# What ends a process


def started(words: list[str], **files: int | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "api", *words],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        # What runs in the background ignores it, and so do its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads
        **files,
    )


@pytest.mark.parametrize("command", ["stats", "verify", "token list", "log key", "draw export"])
def test_results_that_nobody_takes(made: Path, tmp_path: Path, command: str) -> None:
    """A reader that has gone is no error worth words; a full disk behind a redirection is one."""
    words = words_of(command, made / "ledger.db", tmp_path)
    reading, writing = os.pipe()
    os.close(reading)
    process = started(words, stdout=writing)
    os.close(writing)
    assert b"Traceback" not in (said := process.communicate(timeout=250)[1])
    assert b"Exception ignored" not in said
    full = os.open("/dev/full", os.O_WRONLY)
    process = started(words, stdout=full)
    os.close(full)
    said = process.communicate(timeout=250)[1]
    assert process.returncode == 2
    assert said.startswith(b"supervision-ledger: ")
    assert said.count(b"\n") == 1
    assert command == "draw export" or b"No space left on device" in said


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="it is seen there how far it is")
@pytest.mark.parametrize("stage", ["importing", "working"])
def test_ctrl_c(made: Path, stage: str) -> None:
    """It ends with 130 and without a word, wherever it is."""
    ledger = made / "ledger.db"
    process = started(["verify", "--ledger", f"sqlite:///{ledger}"])
    proc, deadline = Path(f"/proc/{process.pid}"), time.monotonic() + 250

    def has_come() -> bool:
        if stage == "importing":
            return "msgspec" in (proc / "maps").read_text()
        with suppress(OSError):  # one may be closed at any moment
            return any(one.readlink() == ledger for one in (proc / "fd").iterdir())
        return False

    while process.poll() is None and not has_come():
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=250)[1]
    assert process.returncode == 130
    assert said == b""


def test_an_error_that_nobody_expected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence with a number, and where the details are; the file is its owner's alone."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with pytest.raises(KeyError) as caught:
        {}["secret"]
    assert report_error(caught.value) == 2
    said = capsys.readouterr().err
    file = tmp_path / "supervision-ledger" / "errors.log"
    assert said.count("\n") == 1
    assert str(file) in said
    number = said.partition("(error ")[2][:8]
    assert f"error {number}," in file.read_text()
    assert "KeyError: 'secret'" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600

    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null/nowhere")
    assert report_error(ValueError("x")) == 2
    assert "could not be written" in capsys.readouterr().err


def test_every_command_ends_at_one_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is raised in any of them, words come of it."""
    for error in (
        RuntimeError("a bug"),
        RecursionError("deep"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        PermissionError(13, "Permission denied", "ledger.db"),
        OSError(28, "No space left on device", "ledger.db"),
        OSError(30, "Read-only file system"),
        MemoryError(),
    ):

        def fails(*_: object, error: BaseException = error, **__: object) -> None:
            raise error

        monkeypatch.setattr("ledger.stores.sqlite.SQLiteRecorder.__init__", fails)
        (tmp_path / "ledger.db").touch()
        for command in COMMANDS:
            code, said, complained = run(
                words_of(command, tmp_path / "ledger.db", tmp_path), capsys
            )
            assert (code, said) == (2, "")
            assert complained.startswith("supervision-ledger: ")
            assert complained.count("\n") == 1


@pytest.mark.parametrize("command", ["rebuild", "backup", "restore", "export", "verify"])
def test_progress_has_a_total(
    made: Path, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal each says of how much it has done how much."""
    folder = Path(shutil.copytree(made, tmp_path / "copy"))
    ledger = folder / "ledger.db"
    words = ["restore", str(tmp_path / "backup"), "--ledger", f"sqlite:///{tmp_path / 'new.db'}"]
    if command == "restore":
        assert run(words_of("backup", ledger, tmp_path), capsys)[0] == 0
    elif command == "export":
        assert run(["log", "resume", "--ledger", f"sqlite:///{ledger}"], capsys)[0] == 0
    if command != "restore":
        words = words_of(command, ledger, tmp_path)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "api", *words],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "200"},
    )
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # on Linux the end of a terminal is an error
        while some := os.read(ours, 65536):
            shown += some
    os.close(ours)
    assert process.wait(250) == 0, shown
    counted = {(int(a), int(b)) for a, b in re.findall(rb"(\d+)/(\d+)", shown)}
    assert any(done == total > 0 for done, total in counted), shown


def test_progress_is_for_terminals(capsys: pytest.CaptureFixture[str]) -> None:
    """Into a pipe nothing of it goes."""
    with bar("copying", 10) as advance:
        advance(5, label="records", total=20)
    said = capsys.readouterr()
    assert said.out + said.err == ""
