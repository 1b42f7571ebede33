"""Mappings: what the files of a register are called, and what their rows say.

A mapping is data and pure functions. A *step* reads the files of one pattern and turns each row
into claims; a file that two steps read is gone through twice, because what its rows say of earlier
rows has to come after all of those. A *lookup* is a small list that the steps consult.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ledger.intake.claims import Claim
from ledger.intake.sources import ENDINGS, Layout

#: Tables by the name of their lookup, filled before the first step.
Tables = Mapping[str, dict[Any, Any]]
T = TypeVar("T")
Reader = Callable[["Row", Tables], Iterable[Claim]]

#: What an inspection's identifier may have (`InspectionId`).
MAX_IDENTIFIER = 120

#: Rows that are remembered for those that repeat them.
MAX_MEMO = 500

#: No score is larger; a larger number is a mistake, and might not fit a record.
MAX_NUMBER = 1_000_000

#: A moment as spreadsheets write a date: the time has to be midnight.
_MIDNIGHT = re.compile(r"[T ]00:00(:00(\.0+)?)?Z?$")
#: Runs of white space and control characters; one space says as much.
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")


class BadRow(Exception):
    """A row that cannot be imported: the name of the reason, and a sentence about this row."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class Row:
    """One row, with converters that say what is wrong: a ``BadRow`` names column and value.

    ``today`` is the ledger's civil date: no register can report what lies behind it. ``memo`` is
    shared by the rows of a file.
    """

    __slots__ = ("fields", "ignored", "memo", "today", "warnings")

    def __init__(
        self, fields: dict[str, str], today: date, memo: dict[Any, Any] | None = None
    ) -> None:
        self.fields = fields
        self.today = today
        self.memo = {} if memo is None else memo
        self.warnings: list[tuple[str, str]] = []
        self.ignored = False

    def ignore(self) -> None:
        """Count the row as one that says nothing to be kept."""
        self.ignored = True

    def warn(self, reason: str, message: str) -> None:
        """Take the row, but name an oddity about it."""
        self.warnings.append((reason, message))

    def same(self, columns: tuple[str, ...], make: Callable[[], T]) -> T:
        """What ``make`` gives, taken from a row before if these columns said the same there.

        Rows of one inspection stand together and repeat it; its claims are made once, and the
        ledger is asked about them once. Warnings are repeated with them.
        """
        key = tuple(map(self.fields.get, columns))
        found = self.memo.get(key)
        if found is None:
            before = len(self.warnings)
            made = make()
            if len(self.memo) >= MAX_MEMO:
                self.memo.clear()
            self.memo[key] = (made, self.warnings[before:])
            return made
        self.warnings += found[1]
        return found[0]  # type: ignore[no-any-return]

    def text(self, column: str, most: int = 200) -> str | None:
        """A text, ``None`` if the field is empty or the file has no such column."""
        value = self.fields.get(column)
        if not value:
            return None
        value = value.strip() if value.isprintable() else _SPACE.sub(" ", value).strip()
        if len(value) > most:
            raise BadRow(
                f"{column}-too-long", f"{column} has {len(value)} characters, at most {most} fit"
            )
        return value or None

    def need(self, column: str, most: int = 200) -> str:
        """A text that has to be there."""
        value = self.text(column, most)
        if value is None:
            raise BadRow(f"no-{column}", f"{column} is empty")
        return value

    def day(self, column: str) -> date | None:
        """A date, ``None`` if the field is empty or the file has no such column."""
        value = self.fields.get(column)
        if not value:
            return None
        day = as_date(value)
        if day is None:
            if not value.strip():
                return None
            raise BadRow(
                f"bad-{column}", f"{column} {_shown(value)} is no date; write it as 2016-02-29"
            )
        if day > self.today:
            raise BadRow(f"future-{column}", f"{column} {day} lies in the future")
        return day

    def need_day(self, column: str) -> date:
        """A date that has to be there."""
        day = self.day(column)
        if day is None:
            raise BadRow(f"no-{column}", f"{column} is empty")
        return day

    def number(self, column: str) -> int | None:
        """A whole number, ``None`` if the field is empty or the file has no such column."""
        value = self.fields.get(column)
        if not value:
            return None
        number = as_number(value)
        if number is None and value.strip():
            raise BadRow(f"bad-{column}", f"{column} {_shown(value)} is no whole number")
        return number

    def business(self, register: str, column: str) -> str:
        """The ledger's identifier of the business that this column numbers."""
        number = self.need(column, 60)
        if not _BUSINESS.match(number):
            raise BadRow(
                f"bad-{column}", f"{column} {_shown(number)} has characters that no number has"
            )
        return f"{register}:{number}"


_BUSINESS = re.compile(r"^[A-Za-z0-9._/-]{1,60}\Z")


class Step(msgspec.Struct, frozen=True):
    """One going through the files of a pattern.

    ``again``: an earlier step read these files and reported the rows that cannot be read.
    """

    name: str
    pattern: str
    layout: Layout
    read: Reader
    again: bool = False


class Lookup(msgspec.Struct, frozen=True):
    """A small list beside the register. ``add`` puts what a row says into the table.

    ``without`` says what is lost if the folder has no such file.
    """

    name: str
    pattern: str
    layout: Layout
    add: Callable[[dict[Any, Any], Row], None]
    without: str


class RegisterMapping(msgspec.Struct, frozen=True):
    """A register: its name (which stands before its businesses' numbers), its steps, its lists.

    ``known_by`` is the column that says when the register first said something, if it has one.
    """

    name: str
    title: str
    steps: tuple[Step, ...]
    lookups: tuple[Lookup, ...] = ()
    known_by: str | None = None

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns of the files that are imported, each once, in order."""
        return tuple(dict.fromkeys(step.pattern for step in self.steps))


def files_of(folder: Path, pattern: str) -> list[Path]:
    """The files of a folder that a pattern names, whatever they end in, in the order of names."""
    return sorted(
        path
        for ending in ENDINGS
        for path in folder.glob(pattern + ending)
        if path.is_file() and not path.name.startswith((".", "~"))
    )


@lru_cache(maxsize=8192)
def as_date(value: str) -> date | None:
    """The date that a text says, ``None`` if it says none."""
    try:
        return date.fromisoformat(_MIDNIGHT.sub("", value.strip()))
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def as_number(value: str) -> int | None:
    """The whole number that a text says, ``None`` if it says none. ``98.0`` says 98."""
    try:
        number = float(value)
    except ValueError:
        return None
    return int(number) if number.is_integer() and abs(number) <= MAX_NUMBER else None


def one_line(value: str) -> str:
    """A text without line breaks and double spaces, as an identifier needs it."""
    return _SPACE.sub(" ", value).strip()


@lru_cache(maxsize=4096)
def _fitting(text: str, most: int) -> str:
    text = one_line(text)
    if len(text) <= most:
        return text
    # Readable as far as it goes; the digest keeps two long ones apart.
    return f"{text[: most - 9].strip()}~{sha256(text.encode()).hexdigest()[:8]}"


def inspection_id(business: str, day: date | datetime, type: str) -> str:
    """``nyc-restaurants:41666910/2013-01-01/<type>``, cut with a digest where it would not fit."""
    start = f"{business}/{day}/"
    return start + _fitting(type, MAX_IDENTIFIER - len(start))


def violation_id(place: str, code: str) -> str:
    """The violation of ``code`` that was found at a visit, or by a business on a day."""
    return f"{place}/{code}"


def _shown(value: str) -> str:
    return repr(value if len(value) <= 60 else value[:57] + "…")
