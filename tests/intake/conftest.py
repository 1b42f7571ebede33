"""What the tests of the intake share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.intake.registers import Imported


@pytest.fixture
def ledger(tmp_path: Path) -> Imported:
    return Imported(tmp_path / "ledger.db")
