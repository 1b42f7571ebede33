"""The past that tests of tampering take a copy of."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from benchmarks.importing import make_register
from tests.faults.tampered import Past
from tests.resuming import resume_log


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of one such past; every test takes a copy."""
    folder = tmp_path_factory.mktemp("past")
    (folder / "register").mkdir()
    make_register(folder / "register", 500, random.Random(7))
    (folder / "ledger").mkdir()
    Past(folder / "ledger").record(folder / "register")
    return folder / "ledger"


@pytest.fixture
def past(made: Path, tmp_path: Path) -> Past:
    past = Past(Path(shutil.copytree(made, tmp_path / "copy")))
    resume_log(past.path)
    return past
