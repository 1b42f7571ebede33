"""Logs of this ledger that may sign no more, because events that they had signed were lost.

A log that went on after such a loss would sign other events at the positions of the lost ones, and
nobody could tell that from forgery. So it ends: what it signed is put aside in a folder beside the
ledger, with a statement of what is missing, and a log of another name begins.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from ledger.stores import StoreError
from ledger.stores.naming import ended_folder

__all__ = ["Ended", "ended_folder", "ended_logs", "statement"]

STATEMENT = "statement.json"
SIGNED = "signed.db"
CHECKPOINT = "checkpoint"


class Ended(msgspec.Struct, frozen=True):
    """What was published and what was left of it. Roots are in base64, as in checkpoints.

    ``kept`` events remain, under ``kept_root``; ``published`` is the newest checkpoint known of the
    log that ended, as a note. ``proven``: whether what remains was shown to be its beginning.
    """

    origin: str
    vkey: str
    kept: int
    kept_root: str
    lost: int
    proven: bool
    published: str
    stated_at: str


def ended_logs(ledger_file: Path) -> list[Ended]:
    """The statements about the logs of a ledger that ended. Raises ``StoreError``."""
    return [statement(one) for one in sorted(ended_folder(ledger_file).glob(f"*/{STATEMENT}"))]


def statement(path: Path) -> Ended:
    """What was stated of a log that ended. Raises ``StoreError``."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Ended)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StoreError(
            f"{path} cannot be read ({error}). It says which log may sign no more: put it back "
            "from a backup"
        ) from error
