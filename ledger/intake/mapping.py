"""Mappings: the file names of a register, and how its rows become claims.

A mapping is data and pure functions. A *step* reads the files of one pattern and turns each row
into claims. A file may have two steps and is then read twice, because statements about earlier rows
must come after all of those rows. A *lookup* is a small list that the steps consult.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ledger.general.personaldata import ID_NUMBER, personal_data
from ledger.intake.cells import Day, Number, bare_day
from ledger.intake.claims import Claim
from ledger.intake.sources import UNREADABLE, DateOrder, Layout, Told, ending_of

#: Tables by the name of their lookup, filled before the first step.
Tables = Mapping[str, dict[Any, Any]]
T = TypeVar("T")
Reader = Callable[["Row", Tables], Iterable[Claim]]

#: The longest inspection identifier, in characters (`InspectionId`).
MAX_IDENTIFIER = 120

#: The most results that ``Row.same`` keeps.
MAX_MEMO = 500

#: The largest accepted number; a larger one is a mistake and might not fit a record.
MAX_NUMBER = 1_000_000

#: The time part of a date as spreadsheets write it; it must be midnight.
_MIDNIGHT = re.compile(r"[T ]0?0:00(:00(\.0+)?)?Z?$")
#: Unambiguous dates: the year first, or the month first if the mapping says so.
_YEAR_FIRST = re.compile(
    r"(\d{4})(?:([-/.])(\d{1,2})\2(\d{1,2})|年(\d{1,2})月(\d{1,2})日|(\d\d)(\d\d))"
)
_MONTH_FIRST = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
#: A whole number as people and spreadsheets write it.
_WHOLE = re.compile(r"([+-]?(?:\d{1,3}(?:,\d{3})+|\d+))(?:\.0*)?")
#: Runs of white space and control characters, which are replaced by one space.
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")


class BadRow(Exception):
    """A row that cannot be imported: a reason code, and a sentence about this row.

    ``column`` and ``value`` name the cell, if one cell is the reason.
    """

    def __init__(
        self, reason: str, message: str, column: str | None = None, value: str | None = None
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.column = column
        self.value = value


class Row:
    """One row, with converters that raise ``BadRow`` naming the column and the value.

    ``today`` is the ledger's civil date, which no date of a register may exceed. ``memo`` is shared
    by the rows of a file. ``dates`` is the order in which its texts write a date.
    """

    __slots__ = ("dates", "fields", "ignored", "memo", "today", "warnings")

    def __init__(
        self,
        fields: dict[str, str],
        today: date,
        memo: dict[Any, Any] | None = None,
        dates: DateOrder = "ymd",
    ) -> None:
        self.fields = fields
        self.today = today
        self.dates = dates
        self.memo = {} if memo is None else memo
        self.warnings: list[tuple[str, str]] = []
        self.ignored = False

    def ignore(self) -> None:
        """Count the row as one with nothing to record."""
        self.ignored = True

    def warn(self, reason: str, message: str) -> None:
        """Import the row with a remark about an oddity."""
        self.warnings.append((reason, message))

    def same(self, columns: tuple[str, ...], make: Callable[[], T]) -> T:
        """Return the result of ``make``, reused from an earlier row with equal columns.

        Adjacent rows often repeat one inspection. Its claims are made once and compared with the
        ledger once; its warnings are repeated for each row.
        """
        key = tuple(map(self.fields.get, columns))
        remembered = self.memo.get(key)
        if remembered is None:
            before = len(self.warnings)
            value = make()
            if len(self.memo) >= MAX_MEMO:
                self.memo.clear()
            self.memo[key] = (value, self.warnings[before:])
            return value
        self.warnings += remembered[1]
        return remembered[0]  # type: ignore[no-any-return]

    def text(self, column: str, most: int = 200) -> str | None:
        """Return a text; ``None`` if the field is empty or the file has no such column."""
        value = self.fields.get(column)
        if not value:
            return None
        if type(value) is Day:
            raise BadRow(
                f"date-in-{column}",
                f"{column} must be a text; the cell is a date, {value}. Format the column as text "
                "and enter it again",
                column,
                str(value),
            )
        value = value.strip() if value.isprintable() else _SPACE.sub(" ", value).strip()
        if len(value) > most:
            raise BadRow(
                f"{column}-too-long",
                f"{column} must have at most {most} characters; it has {len(value)}",
                column,
                value[:60],
            )
        return value or None

    def need(self, column: str, most: int = 200) -> str:
        """Return a text that must not be empty."""
        value = self.text(column, most)
        if value is None:
            raise BadRow(f"no-{column}", f"{column} must not be empty", column, "")
        return value

    def day(self, column: str) -> date | None:
        """Return a date; ``None`` if the field is empty or the file has no such column."""
        value = self.fields.get(column)
        if not value:
            return None
        day = bare_day(value) if isinstance(value, Number) else as_date(value, self.dates)
        if day is None:
            if not value.strip():
                return None
            raise BadRow(
                f"bad-{column}",
                f"{column} must be a date such as 2016-02-29; it is {_shown(value)}",
                column,
                str(value),
            )
        if day > self.today:
            raise BadRow(
                f"future-{column}",
                f"{column} must not be in the future; it is {day}",
                column,
                str(value),
            )
        return day

    def need_day(self, column: str) -> date:
        """Return a date that must not be empty."""
        day = self.day(column)
        if day is None:
            raise BadRow(f"no-{column}", f"{column} must not be empty", column, "")
        return day

    def number(self, column: str) -> int | None:
        """Return a whole number; ``None`` if the field is empty or the file has no such column."""
        value = self.fields.get(column)
        if not value:
            return None
        number = as_number(value)
        if number is None and value.strip():
            raise BadRow(
                f"bad-{column}",
                f"{column} must be a whole number; it is {_shown(value)}",
                column,
                str(value),
            )
        return number

    def business(self, register: str, column: str) -> str:
        """Return the ledger's identifier of the business whose number is in this column."""
        number = self.need(column, 60)
        if personal_data(number) == ID_NUMBER:
            raise personal_number(column)
        if not _BUSINESS.match(number):
            raise BadRow(
                f"bad-{column}",
                f"{column} must have only letters, digits and the signs . _ / -; it is "
                f"{_shown(number)}",
                column,
                number,
            )
        return f"{register}:{number}"


def personal_number(column: str) -> BadRow:
    """Return the refusal of a row that holds a person's number, without repeating it."""
    return BadRow(
        f"personal-{column}",
        f"{column} holds the identity number of a person, which is not repeated here; a business "
        "must have a number of its own",
        column,
    )


_BUSINESS = re.compile(r"^[A-Za-z0-9._/-]{1,60}\Z")


class Step(msgspec.Struct, frozen=True):
    """One reading of all files of a pattern.

    ``again``: an earlier step reads the same files and reports the rows that cannot be read.
    """

    name: str
    pattern: str
    layout: Layout
    read: Reader
    again: bool = False


class Lookup(msgspec.Struct, frozen=True):
    """A small list that belongs to the register. ``add`` enters a row into the table.

    ``without`` states what is lost if the folder has no such file.
    """

    name: str
    pattern: str
    layout: Layout
    add: Callable[[dict[Any, Any], Row], None]
    without: str


class RegisterMapping(msgspec.Struct, frozen=True):
    """A register: its name (the prefix of its businesses' numbers), its steps and its lookups.

    ``known_by`` is the column with the day on which the register first reported something, if it
    has one; ``known`` is the day that counts without it. ``told``: the encoding and sheet of its
    files. ``digest`` is that of the mapping's own file, if it comes from one; a changed mapping
    imports a file again.
    """

    name: str
    title: str
    steps: tuple[Step, ...]
    lookups: tuple[Lookup, ...] = ()
    known_by: str | None = None
    known: date | None = None
    told: Told = Told()
    digest: str | None = None

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns of the imported files, each once, in order."""
        return tuple(dict.fromkeys(step.pattern for step in self.steps))


def files_of(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a folder that match a pattern, with any known ending, by name.

    Upper and lower case do not matter. ``folder`` may also be a single file.
    """
    if folder.is_file():
        return [folder] if _fits(folder.name, pattern) else []
    return sorted(path for path in folder.iterdir() if path.is_file() and _fits(path.name, pattern))


def _fits(name: str, pattern: str) -> bool:
    """Return whether a pattern matches a name; files of unreadable kinds match and are refused."""
    low = name.lower()
    ending = ending_of(low) or next((end for end in UNREADABLE if low.endswith(end)), None)
    if ending is None or low.startswith((".", "~")):
        return False
    return fnmatchcase(low.removesuffix(ending), pattern.lower())


@lru_cache(maxsize=8192)
def as_date(value: str, order: DateOrder = "ymd") -> date | None:
    """Return the date that a text means; ``None`` if it means none or is ambiguous."""
    value = _MIDNIGHT.sub("", _narrow(value).strip())
    match = _YEAR_FIRST.fullmatch(value)
    try:
        if match is not None:
            year, month, day = (part for part in match.group(1, 3, 4, 5, 6, 7, 8) if part)
            return date(int(year), int(month), int(day))
        if order == "mdy" and (match := _MONTH_FIRST.fullmatch(value)) is not None:
            return date(int(match[3]), int(match[1]), int(match[2]))
    except ValueError:
        return None
    return None


@lru_cache(maxsize=1024)
def as_number(value: str) -> int | None:
    """Return the whole number that a text means, or ``None``; ``98.0`` means 98."""
    match = _WHOLE.fullmatch(_narrow(value).strip())
    if match is None or len(match[1]) > 12:
        return None
    number = int(match[1].replace(",", ""))
    return number if abs(number) <= MAX_NUMBER else None


def _narrow(value: str) -> str:
    """Return a text with full-width digits and signs replaced by the usual ones."""
    return value if value.isascii() else unicodedata.normalize("NFKC", value)


def one_line(value: str) -> str:
    """Return a text without line breaks and double spaces, as identifiers need it."""
    return _SPACE.sub(" ", value).strip()


@lru_cache(maxsize=4096)
def _fitting(text: str, most: int) -> str:
    text = one_line(text)
    if len(text) <= most:
        return text
    # Keep the readable beginning; the digest distinguishes long texts.
    return f"{text[: most - 9].strip()}~{sha256(text.encode()).hexdigest()[:8]}"


def inspection_id(business: str, day: date | datetime, type: str) -> str:
    """Return ``<business>/<day>/<type>``; a type that is too long is cut and gets a digest."""
    start = f"{business}/{day}/"
    return start + _fitting(type, MAX_IDENTIFIER - len(start))


def violation_id(place: str, code: str) -> str:
    """Return the id of a violation of ``code`` found at a visit, or at a business on a day."""
    return f"{place}/{code}"


def _shown(value: str) -> str:
    return repr(value if len(value) <= 60 else value[:57] + "…")
