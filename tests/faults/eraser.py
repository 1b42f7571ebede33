"""An erasure in a process of its own: ``python -m tests.faults.eraser LEDGER PERSON STEP``.

It does what the command line does and kills itself at a step, as a loss of power would.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from typing import Any

from api.cli.command_line import main as command_line
from ledger.kernel import Ledger
from ledger.vault.store import Vault

#: In the order in which they come; each is where the process ends.
STEPS = (
    "before the event",
    "after the event",
    "inside the transaction",
    "after the transaction",
    "inside the rewriting",
    "after the rewriting",
    "inside the shredding",
    "after the shredding",
    "before it is noted",
    "after it is noted",
)


def end(*_: Any) -> None:
    """No handler runs, nothing is flushed."""
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str) -> None:
    """End before a step."""
    setattr(owner, name, end)


def after(owner: Any, name: str) -> None:
    """End after a step."""
    step: Callable[..., Any] = getattr(owner, name)

    def done(*args: Any, **more: Any) -> None:
        step(*args, **more)
        end()

    setattr(owner, name, done)


def inside_the_transaction() -> None:
    """Written, and not committed: the journal holds what was there before."""

    def empty(self: Vault, persons: list[str]) -> None:
        with self._transaction():
            # So small a cache that the change is in the file, and its journal on the disk.
            self._sqlite.execute("PRAGMA cache_size = 1")
            self._sqlite.execute("UPDATE keys SET secret = NULL")
            end()

    Vault._empty = empty  # type: ignore[method-assign]


def inside_the_rewriting() -> None:
    """Somewhere in the middle of writing all rows anew."""

    whole = Vault._rewrite

    def rewrite(self: Vault) -> None:
        connection: sqlite3.Connection = self._sqlite
        looks = 0

        def look() -> int:
            nonlocal looks
            looks += 1
            if looks == 20:
                end()
            return 0

        connection.set_progress_handler(look, 20)
        whole(self)
        raise AssertionError("it was over before it could be ended")

    Vault._rewrite = rewrite  # type: ignore[method-assign]


def inside_the_shredding() -> None:
    """The journal is overwritten by half."""

    def shred(self: Vault) -> None:
        with open(f"{self.path}-journal", "r+b") as journal:  # noqa: PTH123
            size = journal.seek(0, os.SEEK_END)
            journal.seek(0)
            journal.write(b"\0" * (size // 2))
        end()

    Vault._shred = shred  # type: ignore[method-assign]


def main() -> None:
    """Erase, and end at the step."""
    path, person, step = sys.argv[1:]
    {
        "before the event": lambda: before(Ledger, "execute"),
        "after the event": lambda: before(Vault, "destroy"),
        "inside the transaction": inside_the_transaction,
        "after the transaction": lambda: after(Vault, "_empty"),
        "inside the rewriting": inside_the_rewriting,
        "after the rewriting": lambda: after(Vault, "_rewrite"),
        "inside the shredding": inside_the_shredding,
        "after the shredding": lambda: after(Vault, "_shred"),
        "before it is noted": lambda: before(Vault, "_settle"),
        "after it is noted": lambda: after(Vault, "_settle"),
    }[step]()
    command_line(
        ["erase", person, "--reason", "consent_withdrawn", "--ledger", f"sqlite:///{path}"]
    )


if __name__ == "__main__":
    main()
