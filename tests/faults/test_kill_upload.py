"""kill -9 while a file of evidence comes in, and a sweep that meets a command.

Nothing half is left and it can be sent again; what a command is about to name is not swept.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.evidence import WAITS, evidence_folder, open_evidence
from ledger.opening import open_evidence_store, open_ledger, open_recorder, sibling
from ledger.systems.process.folds import CaseFiles
from ledger.vault.store import Vault
from tests.faults.uploader import CONTENT, STEPS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("step", STEPS)
def test_an_upload_that_was_killed_leaves_nothing(tmp_path: Path, step: str) -> None:
    """The next process to open the store removes the rest; a writer that lives keeps its own."""
    path = tmp_path / "ledger.db"
    url = f"sqlite:///{path}"
    with open_recorder(url) as recorder, open_ledger(recorder):
        pass
    ended = subprocess.run(
        [sys.executable, "-m", "tests.faults.uploader", str(path), step],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, (step, ended.stdout, ended.stderr)
    folder = evidence_folder(path)
    (left,) = folder.rglob("*.part")
    assert left.stat().st_size > 0
    with (
        open_recorder(url) as recorder,
        Vault(sibling(path, "vault"), mark=recorder.mark()) as vault,
    ):
        files = open_evidence(recorder, open_evidence_store(recorder), vault)
        assert [p for p in folder.rglob("*") if p.is_file()] == []
        alive = files.receive("CASE-1")
        alive.write(CONTENT)
        open_evidence(recorder, open_evidence_store(recorder), vault)
        taken = alive.keep()
        parts = files.read("CASE-1", taken.digest)
        assert parts is not None
        assert b"".join(parts) == CONTENT


@pytest.mark.parametrize("held", [True, False])
def test_a_sweep_spares_what_a_command_holds(
    tmp_path: Path, held: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that holds the file right after the sweep asked the ledger still finds it."""
    path = tmp_path / "ledger.db"
    with (
        open_recorder(f"sqlite:///{path}") as recorder,
        Vault(sibling(path, "vault"), mark=recorder.mark()) as vault,
    ):
        files = open_evidence(recorder, open_evidence_store(recorder), vault)
        upload = files.receive("CASE-1")
        upload.write(CONTENT)
        taken = upload.keep()
        (waiting,) = evidence_folder(path).rglob("*.new")
        old = waiting.stat().st_mtime - WAITS - 1
        os.utime(waiting, (old, old))
        asked = files.of_case

        def then_held(case: str) -> CaseFiles:
            named = asked(case)
            if held:
                assert files.held(case, taken.digest) == taken.file
            return named

        monkeypatch.setattr(files, "of_case", then_held)
        assert files.sweep() == (0 if held else 1)
        assert (files.stored("CASE-1", taken.digest) is not None) == held
