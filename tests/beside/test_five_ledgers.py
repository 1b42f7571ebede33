"""Ledgers, copies and backups in one folder, whatever they are called: none touches another."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from urllib.request import urlopen

import pytest

from api.cli.command_line import main
from api.service import Service
from ledger.intake.sample import sample_folder
from ledger.opening import open_recorder
from ledger.stores.naming import (
    DATABASES,
    ENDINGS,
    JOURNALS,
    UnusableUrl,
    belongings,
    blobs_folder,
    ended_folder,
    key_file,
    ledger_path,
    sibling,
)
from ledger.stores.sqlite import SQLiteRecorder
from tests.ports import free_port
from tests.resuming import resume_log

#: One is the beginning of another, or what another's neighbour would be called in an earlier
#: program; the rest has every character that means something somewhere.
NAMES = (
    "a.db",
    "a",
    "a.sqlite",
    "a.db.log",
    "a.db-views",
    "A.DB",
    "a b ~'\".db",
    "a#b?c%41&d=e;f.db",
    "[a]*{b}$(c).db",
    unicodedata.normalize("NFC", "é台账.db"),
    unicodedata.normalize("NFD", "é台账.db"),
    "-a.db",
)


Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in a folder; what it printed, if it ended with the code."""

    def run(folder: Path, *words: str, code: int = 0) -> str:
        monkeypatch.chdir(folder)
        capsys.readouterr()
        try:
            main(words)
            ended = 0
        except SystemExit as end:
            ended = int(end.code or 0)
        said = capsys.readouterr()
        assert ended == code, said.err
        return said.out if code == 0 else said.out + said.err

    return run


@contextmanager
def processes(folder: Path, names: Sequence[str]) -> Iterator[None]:
    """Serve ledgers, each by a process of its own, once they have followed and signed all."""
    ports: dict[int, str] = {}
    for name in names:
        ports[free_port()] = name
    started = []
    try:
        for port, name in ports.items():
            words = ("serve", "--ledger", f"sqlite:///./{name}", "--port", str(port))
            program = (sys.executable, "-m", "api", *words, "--max-lag", "0", "--quiet")
            started.append(subprocess.Popen(program, cwd=folder, env=environment()))
        deadline = time.monotonic() + 600
        while not all(map(_ready, ports)):
            assert all(process.poll() is None for process in started)
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(300) for process in started]
    assert set(codes) == {0}


def serve(folder: Path, name: str) -> None:
    """Serve a ledger for a moment, until it has followed and signed what it holds."""
    with Service(f"sqlite:///{folder / name}") as service:
        head = service.recorder.head()
        assert service.follower.wait_for(head, 200)
        assert service.keeper.wait_for(head, 200) is not None


def _ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=60) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file; a database is read by its rows, as its journal may be kept."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith("-shm")
    }


def others(folder: Path, name: str) -> dict[str, str]:
    """The digests of everything that is not this ledger's."""
    own = {path.name for path in belongings(folder / name)}
    return {
        path: digest for path, digest in digests(folder).items() if path.split("/")[0] not in own
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a ledger of each name, none of them served yet."""
    folder = tmp_path / "ledgers"
    folder.mkdir()
    for name in NAMES:
        with open_recorder(f"sqlite:///{folder / name}"):
            pass
    return folder


def test_no_two_ledgers_share_a_name() -> None:
    """Whatever ledgers are called, none has a file that is another's, or another itself."""
    owners: dict[str, str] = {}
    for name in NAMES:
        for path in belongings(Path("/x") / name):
            assert owners.setdefault(path.name, name) == name


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_in_any_order(folder: Path, tmp_path: Path, run: Run) -> None:
    """Five are served at once; each is asked, verified, copied: no byte of another changes."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    chosen = ["a.db", *chance.sample(NAMES[1:], 4)]
    with processes(folder, chosen):
        pass
    works = [(name, work) for name in chosen for work in ("token", "verified", "copied")]
    chance.shuffle(works)
    for number, (name, work) in enumerate(works):
        before, url = others(folder, name), f"sqlite:///./{name}"
        if work == "token":
            run(folder, "token", "create", "MRB", f"P-{number}", "unit_head", "--ledger", url)
            listed = json.loads(run(folder, "token", "list", "--json", "--ledger", url))
            assert [one["person"] for one in listed] == [f"P-{number}"]
        elif work == "verified":
            words = ("verify", "--workers", "1", "--json", "--ledger", url)
            found = json.loads(run(folder, *words))
            assert (found["faults"], found["remarks"]) == ([], [])
            assert {view["same"] for view in found["views"]} == {True}
        else:
            backup = tmp_path / f"backup-{number}"
            run(folder, "backup", str(backup), "--with-secrets", "--ledger", url)
            assert (backup / "log.key").read_bytes() == key_file(folder / name).read_bytes()
        assert others(folder, name) == before, (name, work)
    keys = {key_file(folder / name).read_bytes() for name in chosen}
    assert len(keys) == len(chosen), "each signs with a key of its own"


def test_a_copy_beside_its_ledger_does_nothing_in_its_name(folder: Path, run: Run) -> None:
    """Neither the file alone nor with all that lies with it: it signs nothing till told to."""
    serve(folder, "a.db")
    before = {path.name for path in folder.iterdir()}
    shutil.copy(folder / "a.db", folder / "copy.db")
    said = run(folder, "serve", "--ledger", "sqlite:///copy.db", "--port", "0", code=2)
    assert "is a copy of a ledger" in said
    assert "log resume" in said
    assert not key_file(folder / "copy.db").exists()

    for path in folder.glob("a.db.*"):
        if path.name != "a.db.log" and path.is_file():
            shutil.copy(path, folder / path.name.replace("a.db", "whole.db", 1))
    shutil.copy(folder / "a.db", folder / "whole.db")
    said = run(folder, "serve", "--ledger", "sqlite:///whole.db", "--port", "0", code=2)
    assert "is a copy, or was restored" in said

    mine = others(folder, "copy.db")
    run(folder, "log", "resume", "--ledger", "sqlite:///copy.db")
    serve(folder, "copy.db")
    assert key_file(folder / "copy.db").read_bytes() != key_file(folder / "a.db").read_bytes()
    assert others(folder, "copy.db") == mine
    assert before <= {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("what", [*DATABASES, "views"])
def test_a_file_of_another_ledger_is_refused(folder: Path, what: str, run: Run) -> None:
    """Put under a ledger's name, it is named, and neither read nor written."""
    for name in ("a.db", "a.sqlite"):
        serve(folder, name)
    place = sibling(folder / "a.db", what)
    shutil.copy(sibling(folder / "a.sqlite", what), place)
    content = place.read_bytes()
    said = run(folder, "serve", "--ledger", "sqlite:///a.db", "--port", "0", code=2)
    assert place.name in said
    assert "another" in said
    assert place.read_bytes() == content
    if what == "tokens":
        said = run(folder, "token", "list", "--ledger", "sqlite:///a.db", code=2)
    else:
        said = run(folder, "verify", "--ledger", "sqlite:///a.db", code=1)
    assert place.name in said
    assert place.read_bytes() == content


@pytest.mark.parametrize("ending", [*ENDINGS, *JOURNALS, "-WAL", ".Key"])
def test_a_ledger_is_not_called_as_what_lies_with_one(ending: str) -> None:
    """SQLite, or a ledger of the name before the ending, would take it for a file of its own."""
    with pytest.raises(UnusableUrl, match="must not end in"):
        ledger_path(f"sqlite:///a.db{ending}")


def test_the_access_ledger_is_no_ledger_of_its_own(folder: Path, tmp_path: Path, run: Run) -> None:
    """It is not served even under another name."""
    serve(folder, "a.db")
    shutil.copy(sibling(folder / "a.db", "access"), tmp_path / "other.db")
    said = run(tmp_path, "stats", "--ledger", "sqlite:///other.db", code=2)
    assert "is the access ledger of another" in said


def test_no_result_is_written_over_a_database(folder: Path, run: Run) -> None:
    """Not over a ledger, whichever it is, by a slip in an option."""
    before = digests(folder)
    register = str(sample_folder())
    words = ("import", "sf-food", register, "--rejects", "a.sqlite", "--ledger", "sqlite:///a.db")
    assert "must not be overwritten" in run(folder, *words, code=2)
    assert digests(folder) == before


def test_a_backup_is_not_called_as_what_lies_with_a_ledger(folder: Path, run: Run) -> None:
    """SQLite would take a folder `a.db-wal` for the journal of `a.db`."""
    for ending in ("-wal", ".views.db", ".blobs"):
        words = ("backup", f"a.db{ending}", "--ledger", "sqlite:///a.sqlite")
        assert "must have another name" in run(folder, *words, code=2)


# Ledgers of an earlier program


def as_before(path: Path) -> None:
    """Make a served ledger what an earlier program left: other names, and no identities."""
    stem, access = path.with_suffix(""), sibling(path, "access")
    for file in (path, access):
        with closing(sqlite3.connect(file)) as sqlite:
            sqlite.execute("DROP TABLE identity")
    for ledger, base in ((access, f"{stem}.access"), (path, str(stem))):
        for ending in ENDINGS:
            file = ledger.with_name(ledger.name + ending)
            if not file.exists():
                continue
            if file.suffix == ".db" and not file.name.endswith(".access.db"):
                with closing(sqlite3.connect(file)) as sqlite:
                    sqlite.execute("PRAGMA user_version = 0")
            file.rename(f"{base}{ending}")
    for journal in path.parent.glob("*.vault.db-journal"):
        journal.rename(f"{stem}.vault.db-journal")


@pytest.fixture
def old(tmp_path: Path, run: Run) -> Path:
    """A ledger that an earlier program served, with everything that lay with it."""
    folder = tmp_path / "old"
    folder.mkdir()
    path = folder / "ledger.db"
    with open_recorder(f"sqlite:///{path}"):
        pass
    serve(folder, "ledger.db")
    run(folder, "token", "create", "MRB", "P-1", "unit_head", "--ledger", "sqlite:///ledger.db")
    blobs_folder(path).mkdir(exist_ok=True)
    ended_folder(path).mkdir()
    as_before(path)
    assert {"ledger.key", "ledger.signed.db", "ledger.access.signed.db", "ledger.vault.db"} <= {
        file.name for file in folder.iterdir()
    }
    return path


def test_an_earlier_ledger_is_taken_over_once(old: Path, run: Run) -> None:
    """With words; nothing is lost, the log goes on under its key, and the second time is silent."""
    key = (old.parent / "ledger.key").read_bytes()
    run(old.parent, "stats", "--ledger", "sqlite:///ledger.db")
    for words in (("verify",), ("token", "list"), ("backup", "b"), ("log", "key")):
        said = run(old.parent, *words, "--ledger", "sqlite:///ledger.db", code=2)
        assert "made by an earlier version" in said
        assert (old.parent / "ledger.key").exists()
    serve(old.parent, "ledger.db")
    assert key_file(old).read_bytes() == key
    assert {file.name for file in old.parent.iterdir()} <= {file.name for file in belongings(old)}
    found = json.loads(run(old.parent, "verify", "--json", "--ledger", "sqlite:///ledger.db"))
    assert (found["faults"], found["remarks"]) == ([], [])
    listed = json.loads(
        run(old.parent, "token", "list", "--json", "--ledger", "sqlite:///ledger.db")
    )
    assert [one["person"] for one in listed] == ["P-1"]


def test_words_are_said_once(old: Path) -> None:
    """Whoever starts a command hears which files have which names now; later nothing is said."""
    told: list[str] = []
    for _ in range(2):
        open_recorder(f"sqlite:///{old}", tell=told.append).close()
    (words,) = told
    assert "ledger.key → ledger.db.key" in words
    assert "ledger.access.key → ledger.db.access.db.key" in words


def test_stopped_half_way_it_goes_on(old: Path) -> None:
    """A crash leaves some files renamed and no identity; the next opening renames the rest."""
    (old.parent / "ledger.key").rename(key_file(old))
    (old.parent / "ledger.tokens.db").rename(sibling(old, "tokens"))
    serve(old.parent, "ledger.db")
    assert {file.name for file in old.parent.iterdir()} <= {file.name for file in belongings(old)}


@pytest.mark.parametrize("name", ["ledger.bak", "ledger", "ledger.sqlite"])
def test_whose_they_are_is_not_guessed(old: Path, name: str, run: Run) -> None:
    """A copy in the same folder had the same names: neither is given the files."""
    shutil.copy(old, old.parent / name)
    before = digests(old.parent)
    for url in ("sqlite:///ledger.db", f"sqlite:///{name}"):
        said = run(old.parent, "serve", "--ledger", url, "--port", "0", code=2)
        assert "is not clear whether" in said
        assert "Move that ledger or copy to another folder" in said
    assert {n: d for n, d in digests(old.parent).items() if "-wal" not in n} == before


def test_what_is_in_use_is_not_renamed(old: Path, run: Run) -> None:
    """Not while another process, such as the earlier program's service, has it open."""
    with closing(sqlite3.connect(old.parent / "ledger.signed.db")) as held:
        held.execute("PRAGMA journal_mode = WAL")
        held.execute("SELECT count(*) FROM signed").fetchone()
        said = run(old.parent, "serve", "--ledger", "sqlite:///ledger.db", "--port", "0", code=2)
        assert "another process has it open" in said
        assert (old.parent / "ledger.key").exists()
        held.execute("SELECT count(*) FROM signed").fetchone()


def test_a_ledger_of_today_looks_for_no_earlier_names(old: Path) -> None:
    """A new one beside the files of an earlier one takes none of them."""
    with SQLiteRecorder(old.with_name("ledger.new")) as recorder:
        assert recorder.identity() is not None
    before = digests(old.parent)
    with open_recorder(f"sqlite:///{old.with_name('ledger.new')}"):
        pass
    assert digests(old.parent) == before
    with pytest.raises(UnusableUrl, match="not a copy"):
        resume_log(old.with_name("ledger.new"))
