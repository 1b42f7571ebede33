"""Ended logs: logs of this ledger that must not sign again, because signed events were lost.

If such a log continued, it would sign other events at the positions of the lost ones, and readers
could not distinguish that from forgery. So the log ends: its signed checkpoints are moved to a
folder of the ledger, with a statement of the loss, and a log with another name begins.
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
    """The statement of a loss. Roots are in base64, as in checkpoints.

    ``kept`` events remain, with the root ``kept_root``. ``published`` is the newest known
    checkpoint of the ended log, as a note. ``proven``: whether the remaining events were shown to
    be the beginning of its tree.
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
    """Return the statements about the ended logs of a ledger. Raises ``StoreError``."""
    return [statement(path) for path in sorted(ended_folder(ledger_file).glob(f"*/{STATEMENT}"))]


def statement(path: Path) -> Ended:
    """Return the statement about an ended log. Raises ``StoreError``."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Ended)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StoreError(
            f"{path} cannot be read ({error}). It says which log must not sign again: put it back "
            "from a backup"
        ) from error
