"""Where a subscriber keeps the position up to which it has handled events."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol


class CursorDamaged(Exception):
    """A cursor file holds no position; it may have been cut short by another program."""


class Cursor(Protocol):
    """Keeps a position. ``save`` must have stored it for good when it returns."""

    def load(self) -> int:
        """Return the last saved position; 0 if there is none yet."""

    def save(self, position: int) -> None:
        """Keep a position."""


class MemoryCursor:
    """A cursor that lasts as long as the process."""

    def __init__(self, position: int = 0) -> None:
        self.position = position

    def load(self) -> int:
        """Return the position."""
        return self.position

    def save(self, position: int) -> None:
        """Keep a position."""
        self.position = position


class FileCursor:
    """A cursor in a file, for one subscriber. A crash leaves the old position or the new one.

    ``start``: the position to begin after if the file does not exist.
    """

    def __init__(self, path: str | os.PathLike[str], start: int = 0) -> None:
        self.path = Path(path)
        self._start = start

    def load(self) -> int:
        """Return the position in the file. Raises ``CursorDamaged`` if there is none in it."""
        try:
            text = self.path.read_text("ascii", "replace")
        except FileNotFoundError:
            return self._start
        digits = text.removesuffix("\n")
        if digits == text or not (digits.isascii() and digits.isdigit()):
            raise CursorDamaged(
                f"{self.path} must hold a position and a line feed; it holds {text[:40]!r}. Write "
                "the last position that was handled into it, or remove it to begin again."
            )
        return int(digits)

    def save(self, position: int) -> None:
        """Replace the position in the file.

        1. Write a new file next to it and flush it: a crash leaves the old position.
        2. Rename it over the old one, and flush the folder: from here on the new one stays.
        """
        draft = self.path.with_name(f"{self.path.name}.new")
        with draft.open("w", encoding="ascii") as file:
            file.write(f"{position}\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        if os.name == "posix":  # Windows cannot open a folder, and needs no flush of it
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
