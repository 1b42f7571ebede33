"""Who may write a ledger's files: their owner, and nobody else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.cli.command_line import main
from api.http.tokens import Tokens
from api.service import Service
from ledger.intake.sample import sample_folder
from ledger.opening import UnusableUrl, refuse_writable
from ledger.stores import StoreError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes say nothing here")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What lies with a ledger that was served, beside what is not its own."""
    folder = tmp_path_factory.mktemp("own")
    folder.chmod(0o700)
    with Service(f"sqlite:///{folder / 'ledger.db'}") as service:
        service.blobs.folder.mkdir(exist_ok=True)
    (folder / "other.db").touch()
    (folder / "ledger.db.sf-food.rejects.csv").touch()
    return folder


@pytest.fixture
def ledger(folder: Path) -> Iterator[Path]:
    kept = {path: path.stat().st_mode for path in (folder, *folder.iterdir())}
    yield folder / "ledger.db"
    for path, mode in kept.items():
        path.chmod(mode)


def test_every_file_is_looked_at(ledger: Path) -> None:
    """Each file of a ledger is refused if group or others may write it, by its name and mode."""
    refuse_writable(ledger)
    own = sorted(set(ledger.parent.iterdir()) - {ledger.parent / "other.db"})
    assert {
        "ledger.db.access.db",
        "ledger.db.access.db.key",
        "ledger.db.key",
        "ledger.db.tokens.db",
    } <= {file.name for file in own}
    for file in own:
        if file.suffix == ".csv":
            continue
        mode = file.stat().st_mode & 0o777
        for bits in (0o020, 0o002):
            file.chmod(mode | bits)
            with pytest.raises(UnusableUrl, match=r"must be writable by its owner alone") as told:
                refuse_writable(ledger)
            assert str(file) in str(told.value)
            assert f"{mode | bits:04o}" in str(told.value)
        file.chmod(mode)
    for name in ("other.db", "ledger.db.sf-food.rejects.csv"):
        (ledger.parent / name).chmod(0o666)
    refuse_writable(ledger)


def test_a_folder_for_everybody(ledger: Path) -> None:
    """Whoever may write the folder may replace its files; with the sticky bit they may not."""
    for mode, refused in ((0o770, False), (0o1777, False), (0o777, True), (0o702, True)):
        ledger.parent.chmod(mode)
        if refused:
            with pytest.raises(UnusableUrl, match="must not be writable by everybody"):
                refuse_writable(ledger)
        else:
            refuse_writable(ledger)


def test_at_a_terminal(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is not served, and no token is created in such a file; one line says why."""
    ledger.with_name(ledger.name + ".tokens.db").chmod(0o666)
    url = f"sqlite:///{ledger}"
    with pytest.raises(UnusableUrl, match="must be writable by its owner alone"):
        Service(url)
    with pytest.raises(SystemExit) as end:
        main(("token", "create", "U", "P", "public", "--ledger", url))
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert "must be writable by its owner alone" in said
    assert "Traceback" not in said
    with pytest.raises(StoreError):
        Tokens.open(ledger.with_name(ledger.name + ".tokens.db"))


def modes(folder: Path) -> dict[str, int]:
    """The mode of every file and folder below ``folder``."""
    return {
        str(path.relative_to(folder)): path.stat().st_mode & 0o777
        for path in sorted(folder.rglob("*"))
    }


def wrong(folder: Path) -> dict[str, str]:
    """Whatever is not 0600 (a file) or 0700 (a folder)."""
    return {
        name: f"{mode:04o}"
        for name, mode in modes(folder).items()
        if mode != (0o700 if (folder / name).is_dir() else 0o600)
    }


@pytest.fixture
def any_umask() -> Iterator[None]:
    """What a careless account creates: files that everybody may read and write."""
    before = os.umask(0)
    yield
    os.umask(before)


def used(ledger: Path) -> None:
    """Serve a ledger, with something in every file that a service writes."""
    url = f"sqlite:///{ledger}"
    with Service(url) as service:
        service.blobs.put(b"a roster")
        service.vault.mint("C-1")
        head = service.recorder.head()
        assert service.follower.wait_for(head, 20)
        service.keeper.wait_for(head, 10)
        service.tokens.create("MRB", "P", "office_head")
        # While it is open: the journals are there.
        names = modes(ledger.parent)
        assert {"ledger.db-wal", "ledger.db.views.db-wal", "ledger.db.tiles.db-wal"} <= names.keys()
        assert wrong(ledger.parent) == {}
    assert wrong(ledger.parent) == {}


@pytest.mark.usefixtures("any_umask")
def test_everything_that_a_service_creates(tmp_path: Path) -> None:
    """Every file beside a served ledger is its owner's alone, journals included; so are copies."""
    home = tmp_path / "home"
    home.mkdir(0o700)
    ledger = home / "ledger.db"
    url = f"sqlite:///{ledger}"
    used(ledger)
    samples = tmp_path / "samples"
    samples.mkdir(0o700)
    for words in (
        ("export", str(samples / "out.zip"), "--from", "2000-01-01", "--ledger", url),
        ("export", str(samples / "out"), "--from", "2000-01-01", "--ledger", url),
        ("import", "sf-food", str(sample_folder()), "--ledger", url),
        ("backup", str(samples / "backup"), "--ledger", url),
        ("rebuild", "--ledger", url),
        ("restore", str(samples / "backup"), "--ledger", f"sqlite:///{samples}/again/ledger.db"),
    ):
        if words[0] == "restore":
            (samples / "again").mkdir(0o700)
        assert exit_code(words) == 0, words
        assert wrong(home) == {}, words
        assert wrong(samples) == {}, words


def exit_code(words: tuple[str, ...]) -> int:
    try:
        main(words)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_what_earlier_programs_left_readable_is_closed(tmp_path: Path) -> None:
    """Files of mode 0644 and folders of 0755 are tightened when they are served next."""
    ledger = tmp_path / "ledger.db"
    tmp_path.chmod(0o700)
    used(ledger)
    own = (".key", ".vault.db")  # refused, not tightened
    for path in tmp_path.iterdir():
        if not path.name.endswith(own):
            path.chmod(0o755 if path.is_dir() else 0o644)
    used(ledger)
