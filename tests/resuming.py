"""Let the log of a copied ledger's file sign again, as `log resume` does."""

from __future__ import annotations

from pathlib import Path

from ledger import opening
from ledger.transparency.store import Signed


def resume_log(ledger_file: Path) -> Signed | None:
    with opening.open_recorder(f"sqlite:///{ledger_file}", create=False) as recorder:
        return opening.resume_log(recorder)
