"""What the tests of the log may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.transparency import keeper
from tests.transparency.keeping import Kept


@pytest.fixture(autouse=True)
def signed_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log signs what was recorded at once, without gathering more of it: tests wait for that."""
    monkeypatch.setattr(keeper, "GATHER", 0.02)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """A signed ledger of some hundred events, with a roster beside it."""
    (tmp_path / "live").mkdir()
    kept = Kept(tmp_path / "live" / "ledger.db")
    kept.register(0, 40)
    kept.freeze(b"roster")
    kept.sign()
    yield kept
    kept.close()
