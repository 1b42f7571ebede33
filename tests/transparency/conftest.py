"""What the tests of the log may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.transparency.keeping import Kept


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
