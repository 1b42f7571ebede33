"""Mappings: what the files of a register are called, and what their rows say.

A mapping is data and pure functions. A *step* reads the files of one pattern and turns each row
into claims; a file that two steps read is gone through twice, because what its rows say of earlier
rows has to come after all of those. A *lookup* is a small list that the steps consult.
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

#: What an inspection's identifier may have (`InspectionId`).
MAX_IDENTIFIER = 120

#: Rows that are remembered for those that repeat them.
MAX_MEMO = 500

#: No score is larger; a larger number is a mistake, and might not fit a record.
MAX_NUMBER = 1_000_000

#: A moment as spreadsheets write a date: the time has to be midnight.
_MIDNIGHT = re.compile(r"[T ]0?0:00(:00(\.0+)?)?Z?$")
#: Dates that can be read in one way only: the year first, or the month where a mapping says so.
_YEAR_FIRST = re.compile(
    r"(\d{4})(?:([-/.])(\d{1,2})\2(\d{1,2})|年(\d{1,2})月(\d{1,2})日|(\d\d)(\d\d))"
)
_MONTH_FIRST = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
#: A whole number as people and spreadsheets write it.
_WHOLE = re.compile(r"([+-]?(?:\d{1,3}(?:,\d{3})+|\d+))(?:\.0*)?")
#: Runs of white space and control characters; one space says as much.
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")


class BadRow(Exception):
    """A row that cannot be imported: the name of the reason, and a sentence about this row.

    ``column`` and ``value`` say in which cell it lies, where it lies in one.
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
    """One row, with converters that say what is wrong: a ``BadRow`` names column and value.

    ``today`` is the ledger's civil date: no register can report what lies behind it. ``memo`` is
    shared by the rows of a file. ``dates`` is the order in which its texts write a date.
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
                f"{column} has {len(value)} characters, at most {most} fit",
                column,
                value[:60],
            )
        return value or None

    def need(self, column: str, most: int = 200) -> str:
        """A text that has to be there."""
        value = self.text(column, most)
        if value is None:
            raise BadRow(f"no-{column}", f"{column} is empty", column, "")
        return value

    def day(self, column: str) -> date | None:
        """A date, ``None`` if the field is empty or the file has no such column."""
        value = self.fields.get(column)
        if not value:
            return None
        day = bare_day(value) if isinstance(value, Number) else as_date(value, self.dates)
        if day is None:
            if not value.strip():
                return None
            raise BadRow(
                f"bad-{column}",
                f"{column} {_shown(value)} is no date; write it as 2016-02-29",
                column,
                str(value),
            )
        if day > self.today:
            raise BadRow(
                f"future-{column}", f"{column} {day} lies in the future", column, str(value)
            )
        return day

    def need_day(self, column: str) -> date:
        """A date that has to be there."""
        day = self.day(column)
        if day is None:
            raise BadRow(f"no-{column}", f"{column} is empty", column, "")
        return day

    def number(self, column: str) -> int | None:
        """A whole number, ``None`` if the field is empty or the file has no such column."""
        value = self.fields.get(column)
        if not value:
            return None
        number = as_number(value)
        if number is None and value.strip():
            raise BadRow(
                f"bad-{column}",
                f"{column} {_shown(value)} is no whole number",
                column,
                str(value),
            )
        return number

    def business(self, register: str, column: str) -> str:
        """The ledger's identifier of the business that this column numbers."""
        number = self.need(column, 60)
        if personal_data(number) == ID_NUMBER:
            raise personal_number(column)
        if not _BUSINESS.match(number):
            raise BadRow(
                f"bad-{column}",
                f"{column} {_shown(number)} has characters that no number has",
                column,
                number,
            )
        return f"{register}:{number}"


def personal_number(column: str) -> BadRow:
    """The refusal of a row whose column holds the number of a person, which it does not repeat."""
    return BadRow(
        f"personal-{column}",
        f"{column} holds the identity number of a person, which is not repeated here; a business "
        "must have a number of its own",
        column,
    )


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

    ``known_by`` is the column that says when the register first said something, if it has one, and
    ``known`` the day that counts where it has none. ``told`` is what the mapping says of its files.
    ``digest`` is that of the file from which the mapping comes, if it comes from one: another
    mapping reads a file anew.
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
        """The patterns of the files that are imported, each once, in order."""
        return tuple(dict.fromkeys(step.pattern for step in self.steps))


def files_of(folder: Path, pattern: str) -> list[Path]:
    """The files of a folder that a pattern names, whatever they end in, in the order of names.

    Capitals in names do not matter. A file that is named itself, in place of a folder, is taken.
    """
    if folder.is_file():
        return [folder] if _fits(folder.name, pattern) else []
    return sorted(path for path in folder.iterdir() if path.is_file() and _fits(path.name, pattern))


def _fits(name: str, pattern: str) -> bool:
    """Whether a pattern names a file: those that cannot be read too, so that they are refused."""
    low = name.lower()
    ending = ending_of(low) or next((end for end in UNREADABLE if low.endswith(end)), None)
    if ending is None or low.startswith((".", "~")):
        return False
    return fnmatchcase(low.removesuffix(ending), pattern.lower())


@lru_cache(maxsize=8192)
def as_date(value: str, order: DateOrder = "ymd") -> date | None:
    """The date that a text says, ``None`` if it says none, or could say two."""
    value = _MIDNIGHT.sub("", _narrow(value).strip())
    found = _YEAR_FIRST.fullmatch(value)
    try:
        if found is not None:
            year, month, day = (part for part in found.group(1, 3, 4, 5, 6, 7, 8) if part)
            return date(int(year), int(month), int(day))
        if order == "mdy" and (found := _MONTH_FIRST.fullmatch(value)) is not None:
            return date(int(found[3]), int(found[1]), int(found[2]))
    except ValueError:
        return None
    return None


@lru_cache(maxsize=1024)
def as_number(value: str) -> int | None:
    """The whole number that a text says, ``None`` if it says none. ``98.0`` says 98."""
    found = _WHOLE.fullmatch(_narrow(value).strip())
    if found is None or len(found[1]) > 12:
        return None
    number = int(found[1].replace(",", ""))
    return number if abs(number) <= MAX_NUMBER else None


def _narrow(value: str) -> str:
    """A text with digits and signs of full width as the usual ones."""
    return value if value.isascii() else unicodedata.normalize("NFKC", value)


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
