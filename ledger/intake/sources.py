"""Files of a register: rows out of csv, csv.gz and spreadsheets, one after another.

A row comes with the line on which it begins and with its bytes, so that whoever doubts an imported
fact can find and hash what it was made from. A row that cannot be read says so and does not keep
the rest from being read.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec
from python_calamine import CalamineError, CalamineWorkbook

#: What the name of a register's file may end in.
TABLES = (".csv", ".csv.gz")
SPREADSHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
ENDINGS = TABLES + SPREADSHEETS

#: A row of more lines than this is a quotation mark that was never closed.
MAX_LINES_OF_A_ROW = 50


class SourceError(Exception):
    """A file that cannot be imported, with what to do about it."""


class SourceRow(NamedTuple):
    """One row. ``fault`` is the name and the description of what makes it unreadable."""

    line: int
    raw: bytes
    fields: dict[str, str]
    fault: tuple[str, str] | None = None


class Layout(msgspec.Struct, frozen=True):
    """The columns of a file: which have to be there, and which may be missing."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


class Source:
    """An open file of a register, of which the header was read and found good.

    ``columns`` stand in it; ``missing`` are the optional ones that do not.

    Raises ``SourceError`` when the file cannot be read or lacks a required column.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path = path
        self._file: IO[bytes] | None = None
        spreadsheet = path.name.lower().endswith(SPREADSHEETS)
        try:
            self._rows = _sheet_rows(path) if spreadsheet else self._csv_rows()
            header = next(self._rows, None)
        except BaseException:
            self.close()
            raise
        self.columns: tuple[str, ...] = ()
        try:
            self.columns = _header(path, header, layout)
        except BaseException:
            self.close()
            raise
        self.missing = tuple(name for name in layout.optional if name not in self.columns)

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[SourceRow]:
        """The rows below the header, in order. Raises ``SourceError`` where the file breaks off."""
        columns, width = self.columns, len(self.columns)
        for line, raw, values, fault in self._rows:
            if fault is None and len(values) == width:
                yield SourceRow(line, raw, dict(zip(columns, values, strict=True)))
            else:
                yield SourceRow(line, raw, {}, fault or _wrong_width(len(values), width))

    def _csv_rows(self) -> Iterator[_Parsed]:
        self._file = _open(self.path)
        lines = _Lines(self._file)
        reader = csv.reader(lines, strict=True)
        width = 0
        line = 1
        while True:
            fault = None
            values: Sequence[str] = ()
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                fault = ("not-csv", f"cannot be read as CSV: {error}")
            except _Runaway:
                fault = (
                    "open-quotation",
                    f"a quotation mark is not closed within {MAX_LINES_OF_A_ROW} lines",
                )
            except (EOFError, OSError, zlib.error) as error:
                raise SourceError(
                    f"{self.path.name} breaks off after line {line - 1}: {error}. Fetch the file "
                    "again; the rows before are imported and will not be imported twice."
                ) from error
            taken = lines.taken
            if len(taken) > 1 and (fault or (width and len(values) != width)):
                # The quotation mark that opened here swallowed rows that are none of its own.
                lines.give_back()
                fault = fault or ("open-quotation", "a quotation mark is not closed")
            if lines.garbled:
                fault = ("not-utf-8", "is not UTF-8; save the file as UTF-8")
            if values or fault:
                yield line, b"".join(taken).rstrip(b"\r\n"), values, fault
                width = width or len(values)
            line += len(taken)
            lines.next_row()


_Parsed = tuple[int, bytes, Sequence[str], tuple[str, str] | None]


class _Runaway(Exception):
    """More lines than a row can have."""


class _Lines:
    """The lines of a file as text, remembering which of them the row being read took."""

    def __init__(self, file: IO[bytes]) -> None:
        self.taken: list[bytes] = []
        self.garbled = False
        self._file = iter(file)
        self._again: deque[bytes] = deque()
        self._first = True

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= MAX_LINES_OF_A_ROW:
            raise _Runaway
        raw = self._again.popleft() if self._again else next(self._file)
        if self._first:
            raw = raw.removeprefix(codecs.BOM_UTF8)
            self._first = False
        self.taken.append(raw)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            self.garbled = True
            return raw.decode(errors="replace")

    def give_back(self) -> None:
        """Let all lines but the first of this row be read again."""
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]

    def next_row(self) -> None:
        """Begin to remember anew."""
        self.taken = []
        self.garbled = False


def digest_of(path: Path) -> tuple[str, int]:
    """The SHA-256 (hex) of a file's bytes, and how many there are."""
    digest, size = sha256(), 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise SourceError(f"{path.name} cannot be read: {error.strerror}.") from error
    return digest.hexdigest(), size


def _open(path: Path) -> IO[bytes]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise SourceError(f"{path.name} cannot be read: {error.strerror}.") from error
    # By its first bytes and not by its name: a file renamed on the way is still what it is.
    start = file.read(2)
    file.seek(0)
    if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        file.close()
        raise SourceError(f"{path.name} is UTF-16. Save it as UTF-8 and import it again.")
    if start == b"\x1f\x8b":
        file.close()
        # Its own lines come out of Python, one call each; those of a buffer around it do not.
        return io.BufferedReader(gzip.GzipFile(path), 1 << 17)
    return file


def _header(path: Path, header: _Parsed | None, layout: Layout) -> tuple[str, ...]:
    if header is None:
        raise SourceError(f"{path.name} is empty; its first line has to name the columns.")
    if header[3] is not None:
        raise SourceError(f"{path.name}: the first line {header[3][1]}.")
    columns = tuple(name.strip().lower() for name in header[2])
    lacking = [name for name in layout.required if name not in columns]
    if lacking:
        raise SourceError(
            f"{path.name} has no column {', '.join(lacking)}. Found: {', '.join(columns)}. "
            f"Needed: {', '.join(layout.required)}."
        )
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise SourceError(f"{path.name} names a column twice: {', '.join(twice)}.")
    return columns


def _wrong_width(found: int, width: int) -> tuple[str, str]:
    return ("wrong-number-of-fields", f"has {found} fields, the header has {width}")


def _sheet_rows(path: Path) -> Iterator[_Parsed]:
    """The first sheet of a workbook. It lies in memory whole: the format has no other way."""
    try:
        sheet = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0)
    except (CalamineError, OSError, IndexError) as error:
        raise SourceError(f"{path.name} cannot be read as a spreadsheet: {error}.") from error
    first = (sheet.start or (0, 0))[0] + 1
    width = 0
    # The empty rows above the used area are not among those that are iterated.
    for number, cells in enumerate(sheet.to_python(skip_empty_area=True), start=first):
        values = [_cell(cell) for cell in cells]
        if not any(values):
            continue
        if not width:
            while values and not values[-1]:
                values.pop()
            width = len(values)
        yield number, _line(values[:width]), values[:width], None


def _cell(value: Any) -> str:
    """A cell as it would stand in a CSV file: whole numbers without a fraction, ISO dates."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _line(values: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(values)
    return text.getvalue().encode()
