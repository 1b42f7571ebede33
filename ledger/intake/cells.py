"""Cells of spreadsheets as text, with subclasses of ``str`` for what the text does not show.

Most cells are texts and stay plain ``str``. Numbers, dates and faults are subclasses, so that a
column of texts never accepts a date cell, and a column of dates never accepts an arbitrary number.
Nothing here passes through a rounded number: a number with more digits than a double can hold is a
fault.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal, NamedTuple

#: The largest whole number up to which a double holds every digit.
EXACT: Final = 2**53

#: Replaces a value that must not be repeated in the list of rejects.
WITHHELD: Final = "[…]"

#: The texts that spreadsheets show in a cell that they could not calculate, also in CSV files.
ERRORS: Final = frozenset(
    {
        *("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA"),
        WITHHELD,
        *("#SPILL!", "#CALC!", "#FIELD!", "#BLOCKED!", "#CONNECT!", "#BUSY!", "#UNKNOWN!"),
        *("#EXTERNAL!", "#PYTHON!", "#####", "########"),
        *(f"Err:{number}" for number in range(501, 540)),
    }
)

#: The day of serial number 0, by date system. In the 1900 system, serial 60 is 29 February 1900, a
#: day that never existed, so smaller serials count from the day after.
_DAY_0 = {1900: date(1899, 12, 30), 1904: date(1904, 1, 1)}
_LEAP_BUG = 60
#: 9999-12-31.
_LAST_SERIAL = 2_958_465
#: Smaller numbers without a date format may be years.
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
    """A cell that cannot be imported: ``reason`` is a code, ``message`` a sentence.

    ``str()`` of it is the text that the cell shows.
    """

    __slots__ = ("message", "reason")
    reason: str
    message: str

    @classmethod
    def of(cls, shown: str, reason: str, message: str) -> Fault:
        """Return the fault of a cell that shows ``shown``."""
        fault = cls(shown)
        fault.reason = reason
        fault.message = message
        return fault


class Shape(NamedTuple):
    """How a cell's style shows a number: plain, as a date, as percent, or with leading zeros."""

    kind: Literal["plain", "date", "percent"] = "plain"
    digits: int = 0


PLAIN = Shape()


@lru_cache(maxsize=512)
def shape_of(format_id: int, code: str | None) -> Shape:
    """Return the shape of a number format; ``code`` is its text, ``None`` for a built-in one."""
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
    """Return the cell of a number stored as text, in a workbook with this date system."""
    try:
        value = float(stored)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        return Fault.of(stored, "bad-number", "must be a number; it cannot be read")
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
    """Return the cell of a date stored as ISO 8601."""
    try:
        moment = datetime.fromisoformat(stored.strip())
    except ValueError:
        return Fault.of(stored, "bad-date", "must be a date; it cannot be read")
    return Day(_iso(moment))


def error_cell(shown: str) -> Fault:
    """Return the cell of an error such as ``#REF!``."""
    if shown == WITHHELD:
        return Fault.of(shown, "withheld", "was withheld from the rejects; enter it again")
    return Fault.of(
        shown, "error-cell", f"shows the error {shown}; correct the formula or clear the cell"
    )


def unsaved_cell() -> Fault:
    """Return the cell of a formula whose result is not in the file."""
    return Fault.of(
        "",
        "formula-without-value",
        "holds a formula whose result is not in the file; open it in a spreadsheet program, save "
        "it and import it again",
    )


def covered_cell() -> Fault:
    """Return a cell that is covered by another cell after merging."""
    return Fault.of(
        "", "merged-cell", "must not lie under a merged cell; split the cell and fill in each row"
    )


def bare_day(number: str) -> date | None:
    """Return the day that a number in a column of dates means; ``None`` if that is not certain.

    Eight digits are year, month and day. A serial number counts if the workbook has a date system
    and the number cannot be a year.
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
        return Fault.of(
            stored,
            "bad-date",
            "must be a date; it holds a number that is not a day of the calendar",
        )
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
    """Return a decimal without an exponent and without trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
