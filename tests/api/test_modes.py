"""Who may write a ledger's files: their owner, and nobody else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.command_line import main
from api.service import Service
from api.tokens import Tokens
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
