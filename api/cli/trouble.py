"""What goes wrong at the command line: one sentence for the person who ran it, the rest in a file.

A sentence says what was wrong and what to do where the program knows that. Where it does not, it
gives the error a number and writes its traceback to a file that only its owner reads.
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

#: Errors whose own words are written for people.
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


def told(error: BaseException) -> int:
    """Say what went wrong, and return the exit code."""
    if isinstance(error, KeyboardInterrupt):
        return 130
    if isinstance(error, BrokenPipeError):
        return 1  # whoever read the results has gone, and wants no words either
    # Nobody may be able to read this: a terminal that is gone, a disk that is full.
    with suppress(OSError, ValueError):
        say(f"supervision-ledger: {words_of(error) or _noted(error)}", "red")
    return 2


def words_of(error: BaseException) -> str | None:
    """An error in words; ``None`` if it is one that nobody expected."""
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
        return "there is not enough memory for this. Nothing that was not finished is kept"
    return None


_ADVICE = {
    errno.ENOSPC: "Free space, then repeat the command.",
    errno.EDQUOT: "Free space, then repeat the command.",
    errno.EROFS: "The medium is read-only: copy what is on it to one that can be written.",
}


def _noted(error: BaseException) -> str:
    number = secrets.token_hex(4)
    where = note(number, error)
    details = f"the details are in {where}" if where else "the details could not be written"
    return (
        f"something went wrong that this program has no words for (error {number}); {details}. "
        "What had been recorded by then is recorded; run verify, and report the number."
    )


def note(number: str, error: BaseException) -> Path | None:
    """Write down an error with its traceback; where, or ``None`` if nothing can be written."""
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


def in_one_line(_logger: Any, _level: str, said: MutableMapping[str, Any]) -> str:
    """What a part of the program remarks while a command runs, without any traceback."""
    error = said.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        number = secrets.token_hex(4)
        said["error"] = f"{type(error).__name__}, {number} in {note(number, error)}"
    event = said.pop("event", "")
    return " ".join([str(event), *(f"{name}={value}" for name, value in said.items())])


def flushed() -> None:
    """Hand over what was printed. Raises ``OSError`` if it could not be, and forgets it then."""
    for stream in filter(None, (sys.stdout, sys.stderr)):  # closed from the beginning, it is none
        try:
            stream.flush()
        except (OSError, ValueError):
            # At the end Python would try again, and complain by itself.
            with suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
            if stream is sys.stdout:
                raise
