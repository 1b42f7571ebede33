"""Report errors of the command line: a sentence for the user, details in a file.

The sentence says what is wrong and what to do. For an unforeseen error it gives a number, and the
traceback is written to a file that only its owner can read.
"""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
import sys
import traceback
from collections.abc import MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from api.cli.terminal import say
from ledger import VERSION
from ledger.copies.backup import CopyError
from ledger.copies.bundles import BundleError
from ledger.intake.commands import RowRejected
from ledger.intake.own_lists import MappingError
from ledger.intake.run import ImportFailed
from ledger.intake.sources import SourceError
from ledger.kernel import NotRecorded
from ledger.stores import StoreError
from ledger.stores.files import advised
from ledger.stores.naming import UnusableUrl
from ledger.transparency.keys import KeyFileError
from ledger.transparency.log import Forked
from ledger.transparency.memory import state_folder
from ledger.transparency.notes import NoteError
from ledger.transparency.policy import PolicyError
from ledger.transparency.store import Retired
from projections.tables import Damaged, Followed

#: Errors whose messages are written for users.
IN_WORDS = (
    UnusableUrl,
    ImportFailed,
    MappingError,
    RowRejected,
    SourceError,
    Followed,
    StoreError,
    KeyFileError,
    CopyError,
    BundleError,
    PolicyError,
    NoteError,
    NotRecorded,
    Forked,
    Retired,
    Damaged,
)


def report_error(error: BaseException) -> int:
    """Print what went wrong, and return the exit code."""
    if isinstance(error, KeyboardInterrupt):
        return 130
    if isinstance(error, BrokenPipeError):
        return 1  # the reader of the output has closed it and wants no message either
    # Printing may fail too: the terminal may be closed or the disk full.
    with suppress(OSError, ValueError):
        say(f"supervision-ledger: {words_of(error) or _noted(error)}", "red")
    return 2


def words_of(error: BaseException) -> str | None:
    """Return the message for an error, or ``None`` for an unforeseen one."""
    if isinstance(error, IN_WORDS):
        return str(error)
    if isinstance(error, sa.exc.DBAPIError):
        original = error.orig
        return None if original is None else f"the views: {words_of(original) or original}"
    if isinstance(error, sqlite3.Error):
        return advised(error)
    if isinstance(error, OSError) and error.errno is not None:
        reason = error.strerror or os.strerror(error.errno)
        named = reason if error.filename is None else f"{error.filename}: {reason}"
        return f"{named}. {_ADVICE[error.errno]}" if error.errno in _ADVICE else named
    if isinstance(error, OSError):
        return str(error)
    if isinstance(error, MemoryError):
        return "there is not enough memory for this. Unfinished work was not kept"
    return None


_ADVICE = {
    errno.ENOSPC: "Free space, then repeat the command.",
    errno.EDQUOT: "Free space, then repeat the command.",
    errno.EROFS: "The medium is read-only: copy its files to one that can be written.",
}


def _noted(error: BaseException) -> str:
    number = secrets.token_hex(4)
    where = note(number, error)
    details = f"the details are in {where}" if where else "the details could not be written"
    return (
        f"an unforeseen error occurred (error {number}); {details}. "
        "Everything recorded until then is kept. Run verify, and report the number."
    )


def note(number: str, error: BaseException) -> Path | None:
    """Write an error with its traceback to a file; return its path, or ``None`` if impossible."""
    lines = traceback.format_exception(error)
    text = f"{datetime.now(UTC).isoformat()} error {number}, version {VERSION}\n{''.join(lines)}\n"
    try:
        file = state_folder() / "errors.log"
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as out:
            out.write(text)
    except (OSError, RuntimeError):
        return None
    return file


def in_one_line(_logger: Any, _level: str, fields: MutableMapping[str, Any]) -> str:
    """Return a log entry, made while a command runs, as one line without a traceback."""
    error = fields.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        number = secrets.token_hex(4)
        fields["error"] = f"{type(error).__name__}, {number} in {note(number, error)}"
    event = fields.pop("event", "")
    return " ".join([str(event), *(f"{name}={value}" for name, value in fields.items())])


def flushed() -> None:
    """Flush the output. Raises ``OSError`` if that fails, and then discards the rest."""
    for stream in filter(None, (sys.stdout, sys.stderr)):  # None if closed from the start
        try:
            stream.flush()
        except (OSError, ValueError):
            # Otherwise Python would flush again at exit, and print its own error.
            with suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
            if stream is sys.stdout:
                raise
