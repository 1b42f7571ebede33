"""Cells of spreadsheets: what each says as text, and what the text alone would not tell.

Most cells are texts and stay plain ``str``. A number, a date and a fault are strings of their own
types, so that a column of texts never takes a date for a text and a column of dates never takes
any number for a day. Nothing here passes through a rounded number: a double with more digits than
it can hold is a fault.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal, NamedTuple

#: The largest whole number up to which a cell's double holds every digit.
EXACT: Final = 2**53

#: Stands in a list of rejects for what is not repeated there.
WITHHELD: Final = "[…]"

#: What spreadsheets write into a cell that they could not compute, also when they write CSV.
ERRORS: Final = frozenset(
    {
        *("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA"),
        WITHHELD,
        *("#SPILL!", "#CALC!", "#FIELD!", "#BLOCKED!", "#CONNECT!", "#BUSY!", "#UNKNOWN!"),
        *("#EXTERNAL!", "#PYTHON!", "#####", "########"),
        *(f"Err:{number}" for number in range(501, 540)),
    }
)

#: The day that serial number 0 stands for, by date system. Serial 60 of 1900 is a day that never
#: was, 29 February 1900: smaller serials count from the day after.
_DAY_0 = {1900: date(1899, 12, 30), 1904: date(1904, 1, 1)}
_LEAP_BUG = 60
#: 9999-12-31.
_LAST_SERIAL = 2_958_465
#: Smaller numbers without a date's format may be years.
_LEAST_BARE_SERIAL = 10_000

_BUILT_IN_DATES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_BUILT_IN_PERCENTS = frozenset({9, 10})
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')


class Number(str):
    """A number cell without a date system."""

    __slots__ = ()


class Number1900(Number):
    """A number cell of a workbook whose days count from 1900."""

    __slots__ = ()


class Number1904(Number):
    """A number cell of a workbook whose days count from 1904."""

    __slots__ = ()


class Day(str):
    """A date cell, as ISO 8601; with a time of day if it has one."""

    __slots__ = ()


class Fault(str):
    """A cell that says nothing that can be taken: ``reason`` names why, ``message`` says it.

    As text it is what the cell shows.
    """

    __slots__ = ("message", "reason")
    reason: str
    message: str

    @classmethod
    def of(cls, shown: str, reason: str, message: str) -> Fault:
        """A fault in a cell that shows this."""
        made = cls(shown)
        made.reason = reason
        made.message = message
        return made


class Shape(NamedTuple):
    """How a cell's style shows a number: plain, as a date, as percent, or filled with zeros."""

    kind: Literal["plain", "date", "percent"] = "plain"
    digits: int = 0


PLAIN = Shape()


@lru_cache(maxsize=512)
def shape_of(format_id: int, code: str | None) -> Shape:
    """The shape that a number format gives; ``code`` is its text, ``None`` for a built-in one."""
    if code is None:
        if format_id in _BUILT_IN_DATES:
            return Shape("date")
        return Shape("percent") if format_id in _BUILT_IN_PERCENTS else PLAIN
    if re.search(r"\[(h+|m+|s+)\]", code, re.IGNORECASE):
        return Shape("date")
    plain = _LITERAL.sub("", code).partition(";")[0].strip()
    if plain.lower() == "general":
        return PLAIN
    if re.search(r"[ymdhs]", plain, re.IGNORECASE):
        return Shape("date")
    if "%" in plain:
        return Shape("percent")
    return Shape("plain", len(plain)) if re.fullmatch("0{2,}", plain) else PLAIN


def number_cell(stored: str, shape: Shape, system: int | None) -> str:
    """The cell of a number, stored as this text, in a workbook of this date system."""
    try:
        value = float(stored)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        return Fault.of(stored, "bad-number", "holds a number that cannot be read")
    if abs(value) > EXACT:
        return Fault.of(
            stored,
            "lost-digits",
            "is a number cell of more than 15 digits, which has lost digits; format the column as "
            "text and enter the numbers again",
        )
    if shape.kind == "date":
        return _day_cell(value, stored, system)
    if shape.kind == "percent":
        return Number(f"{_plain(Decimal(repr(value)) * 100)}%")
    text = str(int(value)) if value.is_integer() else _plain(Decimal(repr(value)))
    if shape.digits and text.isdigit():
        text = text.zfill(shape.digits)
    return _NUMBERS[system](text)


_NUMBERS: Final = {None: Number, 1900: Number1900, 1904: Number1904}


def iso_cell(stored: str) -> str:
    """The cell of a date that is stored as ISO 8601."""
    try:
        moment = datetime.fromisoformat(stored.strip())
    except ValueError:
        return Fault.of(stored, "bad-date", "holds a date that cannot be read")
    return Day(_iso(moment))


def error_cell(shown: str) -> Fault:
    """The cell of an error, such as ``#REF!``."""
    if shown == WITHHELD:
        return Fault.of(shown, "withheld", "was withheld from the rejects; enter it again")
    return Fault.of(
        shown, "error-cell", f"shows the error {shown}; mend the formula or empty the cell"
    )


def unsaved_cell() -> Fault:
    """The cell of a formula whose result is not in the file."""
    return Fault.of(
        "",
        "formula-without-value",
        "holds a formula whose result is not in the file; open it in a spreadsheet program, save "
        "it and import it again",
    )


def covered_cell() -> Fault:
    """A cell that another one covers, because they were merged."""
    return Fault.of(
        "", "merged-cell", "lies under a merged cell; split it and enter what each row says"
    )


def bare_day(number: str) -> date | None:
    """The day that a number in a column of dates says, ``None`` if it says none for certain.

    Eight digits are year, month and day. A serial number counts where the workbook has a date
    system, unless it could be a year.
    """
    if not number.isdigit():
        return None
    if len(number) == 8:
        try:
            return date(int(number[:4]), int(number[4:6]), int(number[6:]))
        except ValueError:
            return None
    system = {Number1900: 1900, Number1904: 1904}.get(type(number))
    serial = int(number)
    if system is None or not _LEAST_BARE_SERIAL <= serial <= _LAST_SERIAL:
        return None
    return _day_of(serial, system)


def _day_cell(value: float, stored: str, system: int | None) -> str:
    whole = math.floor(value)
    seconds = round((value - whole) * 86_400)
    if seconds == 86_400:
        whole, seconds = whole + 1, 0
    day = _day_of(whole, system or 1900)
    if day is None:
        return Fault.of(stored, "bad-date", "holds a number that is no day of the calendar")
    return Day(_iso(datetime.combine(day, time()) + timedelta(seconds=seconds)))


@lru_cache(maxsize=8192)
def _day_of(serial: int, system: int) -> date | None:
    if not 0 <= serial <= _LAST_SERIAL or (system == 1900 and serial == _LEAP_BUG):
        return None
    early = system == 1900 and serial < _LEAP_BUG
    try:
        return _DAY_0[system] + timedelta(days=serial + early)
    except OverflowError:
        return None


def _iso(moment: datetime) -> str:
    midnight = moment.time() == time() and moment.tzinfo is None
    return moment.date().isoformat() if midnight else moment.isoformat()


def _plain(number: Decimal) -> str:
    """A decimal without an exponent and without zeros at its end."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
