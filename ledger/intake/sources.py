"""Files of a register: the rows of text files and workbooks, one after another.

Each row has the line on which it begins and its bytes, so that anyone who doubts an imported fact
can find its source and check the hash. A row that cannot be read has a fault and does not stop the
others. The properties of a whole file (encoding, separator, sheet, line of the header) are detected
once, as its ``Form``, and never guessed cell by cell.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from ledger.intake.cells import ERRORS, WITHHELD, Fault, error_cell
from ledger.intake.texts import (
    DELIMITERS,
    Bytes,
    Encoding,
    RawRow,
    TextError,
    chunks_of,
    encoding_of,
    lines_of,
    open_text,
    rows_of,
)
from ledger.intake.workbooks import Sheet, SheetRow, Survey, WorkbookError, sheets_of

#: The accepted endings of file names, in lower case.
TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")
SPREADSHEETS = (".xlsx", ".xlsm", ".xls", ".ods")
ENDINGS = TABLES + SPREADSHEETS

#: Endings of tables that cannot be read: such a file of a register is refused, not ignored.
UNREADABLE = (".xlsb", ".et", ".ett", ".numbers", ".dbf", ".mdb", ".accdb", ".parquet", ".json")

#: The header is searched in this many rows from the top.
HEADER_WITHIN = 20

#: The order of dates in texts. Only the mapping can say that the month comes first.
DateOrder = Literal["ymd", "mdy"]


class SourceError(Exception):
    """A file that cannot be imported; the message says what to do."""


class SourceRow(NamedTuple):
    """One row. ``fault``: the reason code and the sentence if the row cannot be read.

    ``column`` and ``value`` name the cell, if one cell is the reason.
    """

    line: int
    raw: bytes
    fields: dict[str, str]
    fault: tuple[str, str] | None = None
    column: str | None = None
    value: str | None = None


class Layout(msgspec.Struct, frozen=True):
    """The columns of a file: the required ones, and the optional ones.

    ``any_of``: groups of optional columns of which at least one must exist. ``aliases``: other
    headings, each with the column that it means. ``dates``: the order of dates in texts.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    any_of: tuple[tuple[str, ...], ...] = ()
    aliases: Mapping[str, str] = {}
    dates: DateOrder = "ymd"


class Told(NamedTuple):
    """Options of the user about the files: their encoding, and the sheet to read."""

    encoding: str | None = None
    sheet: str | None = None


NOTHING_TOLD = Told()


class Form(msgspec.Struct):
    """The properties of a whole file, detected once.

    ``header`` is the line that names the columns. ``encoding`` and ``delimiter`` are those of a
    text file, ``sheet`` and ``survey`` those of a workbook. ``remarks`` are for the clerk.
    """

    header: int
    columns: tuple[str, ...]
    encoding: Encoding | None = None
    delimiter: str = ","
    sheet: str | None = None
    survey: Survey = msgspec.field(default_factory=Survey)
    remarks: list[str] = msgspec.field(default_factory=list)


class Source:
    """An open file of a register with a valid header.

    ``columns`` are its columns; known ones have the names of the layout. ``missing``: the optional
    columns that it lacks; ``extra``: the columns that are not read; ``read``: the indexes of the
    others. ``blank`` counts the blank rows so far. ``form`` from an earlier opening saves detecting
    it again.

    Raises ``SourceError`` if the file cannot be read or lacks a required column.
    """

    def __init__(
        self, path: Path, layout: Layout, told: Told = NOTHING_TOLD, form: Form | None = None
    ) -> None:
        self.path = path
        self.blank = 0
        self._file: Bytes | None = None
        with _in_words(path):
            self.form = form or _form(path, layout, told)
        self.columns = self.form.columns
        known = _known(layout)
        self.missing = tuple(name for name in layout.optional if name not in self.columns)
        self.extra = tuple(name for name in self.columns if name and name not in known)
        self.read = {i for i, name in enumerate(self.columns) if name in known}
        self._watched = [(i, name) for i, name in enumerate(self.columns) if name in known]

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[SourceRow]:
        """Yield the rows below the header. Raises ``SourceError`` where the file breaks off."""
        self.blank = 0
        with _in_words(self.path):
            yield from self._sheet_rows() if self.form.encoding is None else self._text_rows()

    def _text_rows(self) -> Iterator[SourceRow]:
        form, width = self.form, len(self.columns)
        assert form.encoding is not None
        self._file = open_text(self.path)
        for row in rows_of(self._file, form.encoding, form.delimiter, form.header):
            if row.line <= form.header:
                continue
            values = row.values
            if row.fault is not None:
                yield SourceRow(row.line, row.raw, {}, row.fault)
            elif not any(values) or not any(map(_said, values)):
                self.blank += 1
            elif len(values) != width:
                yield SourceRow(row.line, row.raw, {}, _wrong_width(len(values), width))
            else:
                yield self._checked(row.line, row.raw, values)

    def _sheet_rows(self) -> Iterator[SourceRow]:
        form, width = self.form, len(self.columns)
        assert form.sheet is not None
        covered = form.survey.covered
        for row in _sheet(self.path, form.sheet).rows():
            if row.number <= form.header:
                continue
            cells = row.cells[:width]
            if not any(map(_said, cells)):
                self.blank += 1
                continue
            cells.extend([""] * (width - len(cells)))
            raw = _line(_to_mend(cells, covered.get(row.number, ())))
            if row.hidden:
                fault = ("hidden-row", "must not be hidden; show the row, or delete it")
                yield SourceRow(row.number, raw, {}, fault)
            else:
                yield self._checked(row.number, raw, cells, covered.get(row.number))

    def _checked(
        self, line: int, raw: bytes, values: list[str], covered: set[int] | None = None
    ) -> SourceRow:
        """Return a row, with the first fault among the cells that are read."""
        fields = dict(zip(self.columns, values, strict=True))
        suspect = covered is not None or not ERRORS.isdisjoint(values)
        if not suspect and Fault not in map(type, values):
            return SourceRow(line, raw, fields)
        for index, column in self._watched:
            value = values[index]
            fault = value if type(value) is Fault else None
            if fault is None and value in ERRORS:
                fault = error_cell(str(value))
            if fault is not None:
                message = f"{column} {fault.message}{self._twin(line, index, fault)}"
                return SourceRow(line, raw, {}, (fault.reason, message), column, str(value))
            if covered is not None and index in covered:
                message = (
                    f"{column} must not lie under a merged cell; split the cell and fill in each "
                    "row"
                )
                return SourceRow(line, raw, {}, ("merged-cell", message), column, "")
        return SourceRow(line, raw, fields)

    def _twin(self, line: int, index: int, fault: Fault) -> str:
        """Return a sentence about another row with the same number after the loss of digits."""
        if fault.reason != "lost-digits":
            return ""
        rows = self.form.survey.wide.get((index, float(fault)), [])
        others = [row for row in rows if row != line]
        return f". Row {others[0]} now has the same number" if others else ""


def digest_of(path: Path) -> tuple[str, int]:
    """Return the SHA-256 (hex) of a file's bytes, and their number."""
    digest, size = sha256(), 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise SourceError(f"{path.name} cannot be read: {error.strerror}.") from error
    return digest.hexdigest(), size


class _in_words:  # noqa: N801  # reads as a statement
    """Turns errors of reading a file into a ``SourceError`` that names the file."""

    def __init__(self, path: Path) -> None:
        self._name = path.name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (TextError, WorkbookError)):
            raise SourceError(f"{self._name} {error}.") from error
        if isinstance(error, OSError):
            raise SourceError(f"{self._name} cannot be read: {error.strerror or error}.") from error
        if isinstance(error, (EOFError, zlib.error)):
            raise SourceError(f"{self._name} is broken: it ends too early.") from error


def ending_of(name: str) -> str | None:
    """Return the known ending of a file's name; ``None`` if it has none."""
    low = name.lower()
    return next((ending for ending in ENDINGS if low.endswith(ending)), None)


# The form of a file


def _form(path: Path, layout: Layout, told: Told) -> Form:
    if path.name.lower().endswith(UNREADABLE):
        raise WorkbookError(
            f"is a {path.suffix} file, which cannot be read; save it as .xlsx or .csv"
        )
    if path.name.lower().endswith(SPREADSHEETS):
        return _sheet_form(path, layout, told)
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return _sheet_form(path, layout, told)
    return _text_form(path, layout, told)


def _text_form(path: Path, layout: Layout, told: Told) -> Form:
    encoding = encoding_of(path, told.encoding)
    declared = _said_delimiter(path, encoding)
    best: tuple[int, Form] | None = None
    for delimiter in (declared,) if declared else DELIMITERS:
        top = _top(path, encoding, delimiter)
        header = _header(top, layout)
        if header is not None:
            line, columns = header
            form = Form(line, columns, encoding, delimiter)
            _refuse_twice(columns, _known(layout))
            _remark_above(form, [row.line for row in top if any(map(_said, row.values))])
            return form
        most_cells = max((len(row.values) for row in top), default=0)
        if best is None or most_cells > best[0]:
            best = (most_cells, Form(0, (), encoding, delimiter))
    assert best is not None
    top = [r for r in _top(path, encoding, best[1].delimiter) if any(map(_said, r.values))]
    if not top:
        raise TextError("is empty; its first line must name the columns")
    if top[0].fault is not None:
        raise TextError(f"cannot be read: the first line {top[0].fault[1]}")
    raise TextError(_lacks(_columns(top[0].values, layout), layout))


def _said_delimiter(path: Path, encoding: Encoding) -> str | None:
    """Return the separator that a first line such as ``sep=;`` declares, if there is one."""
    with open_text(path) as file:
        name = "utf-8" if encoding.wide else encoding.name
        for line in lines_of(chunks_of(file, encoding)):
            text = line.decode(name, errors="replace").strip("\r\n")
            match = re.fullmatch(r'"?sep=([^"\w\s]|\t)"?', text, re.IGNORECASE)
            return match[1] if match else None
    return None


def _top(path: Path, encoding: Encoding, delimiter: str) -> list[RawRow]:
    with open_text(path) as file:
        rows: list[RawRow] = []
        try:
            rows.extend(islice(rows_of(file, encoding, delimiter, MAX_LINE_NUMBER), HEADER_WITHIN))
        except TextError:
            if not rows:
                raise
        return rows


#: As the header's line, it is never reached: the rows may have any width.
MAX_LINE_NUMBER = 1 << 60


def _sheet_form(path: Path, layout: Layout, told: Told) -> Form:
    sheets = sheets_of(path)
    fitting: list[tuple[Sheet, int, tuple[str, ...], list[SheetRow]]] = []
    lacking: str | None = None
    for sheet in sheets:
        if sheet.hidden if told.sheet is None else sheet.name != told.sheet:
            continue
        top = list(islice(sheet.rows(), HEADER_WITHIN))
        header = _header(top, layout)
        if header is not None:
            fitting.append((sheet, *header, top))
        elif top:
            lacking = lacking or _lacks(_columns(top[0].cells, layout), layout)
    there = ", ".join(f"{s.name} (hidden)" if s.hidden else s.name for s in sheets)
    if told.sheet is not None and told.sheet not in {s.name for s in sheets}:
        raise WorkbookError(f"has no sheet {told.sheet!r}. Sheets: {there}")
    if not fitting:
        why = lacking or "is empty; its first line must name the columns"
        more = f". Sheets: {there}. Name the one to read with --sheet" if len(sheets) > 1 else ""
        raise WorkbookError(why + more)
    if len(fitting) > 1:
        names = ", ".join(sheet.name for sheet, *_ in fitting)
        raise WorkbookError(
            f"has several sheets with the columns of this register: {names}. Name the one to read "
            "with --sheet"
        )
    sheet, line, columns, top = fitting[0]
    survey = sheet.survey()
    form = Form(line, columns, sheet=sheet.name, survey=survey)
    if sheet.hidden:
        form.remarks.append(f"sheet {sheet.name} is hidden; it is read because it was named")
    left = [s for s in sheets if s.name != sheet.name]
    if left:
        names = ", ".join(f"{s.name} (hidden)" if s.hidden else s.name for s in left)
        form.remarks.append(f"sheet {sheet.name} is read; not read: {names}")
    _without_hidden(form, layout)
    _remark_above(form, [row.number for row in top if any(map(_said, row.cells))])
    for (column, _), rows in survey.wide.items():
        if len(rows) > 1 and column < len(columns) and columns[column] in _known(layout):
            form.remarks.append(
                f"rows {rows[0]} and {rows[1]} have the same number in {columns[column]}, because "
                "digits are lost"
            )
    return form


def _without_hidden(form: Form, layout: Layout) -> None:
    """Leave out hidden columns; refuse the file if a needed column is hidden."""
    hidden = [i for i in sorted(form.survey.hidden_columns) if i < len(form.columns)]
    shown = {name for i, name in enumerate(form.columns) if i not in form.survey.hidden_columns}
    known = _known(layout)
    columns = list(form.columns)
    for index in hidden:
        name = columns[index]
        if name in known and name not in shown:
            raise WorkbookError(
                f"must not have column {name} hidden; show the column, or delete it, and import "
                "again"
            )
        columns[index] = ""
    if named := [form.columns[i] for i in hidden if form.columns[i]]:
        form.remarks.append(f"hidden columns are not read: {', '.join(named)}")
    form.columns = tuple(columns)
    _refuse_twice(form.columns, known)


def _sheet(path: Path, name: str) -> Sheet:
    return next(sheet for sheet in sheets_of(path) if sheet.name == name)


def _remark_above(form: Form, lines: list[int]) -> None:
    above = [line for line in lines if line < form.header]
    if above:
        form.remarks.append(
            f"line {form.header} names the columns; the lines above it are not read"
        )


def _refuse_twice(columns: Sequence[str], known: set[str]) -> None:
    twice = sorted({n for n in columns if n in known and columns.count(n) > 1})
    if twice:
        raise TextError(f"must name each column once; it names twice: {', '.join(twice)}")


# Headers


def _known(layout: Layout) -> set[str]:
    return {*layout.required, *layout.optional}


@lru_cache(maxsize=4096)
def _key(heading: str) -> str:
    """Return a heading without case, width, blanks and punctuation, which differ between years."""
    return re.sub(r"[\s_\-.*:：]+", "", unicodedata.normalize("NFKC", heading).casefold())


def _columns(cells: Sequence[str], layout: Layout) -> tuple[str, ...]:
    """Return the names of columns; known ones with the names of the layout."""
    names = {_key(name): name for name in (*layout.required, *layout.optional)}
    keys = [_key(cell) for cell in cells]
    for alias, name in layout.aliases.items():
        if _key(name) not in keys:
            names.setdefault(_key(alias), name)
    columns = [
        names.get(key) or str(cell).strip().lower() for key, cell in zip(keys, cells, strict=True)
    ]
    return tuple(columns)


def _header(
    rows: Sequence[RawRow | SheetRow], layout: Layout
) -> tuple[int, tuple[str, ...]] | None:
    """Return the line and the columns of the first row with all required columns, if any."""
    for row in rows:
        cells = row.values if isinstance(row, RawRow) else row.cells
        columns = _columns(cells, layout)
        if not _lacking(columns, layout):
            while columns and not columns[-1] and isinstance(row, SheetRow):
                columns = columns[:-1]
            return (row.line if isinstance(row, RawRow) else row.number), columns
    return None


def _lacking(columns: Sequence[str], layout: Layout) -> list[str]:
    lacking = [name for name in layout.required if name not in columns]
    lacking += [" or ".join(names) for names in layout.any_of if not set(names) & set(columns)]
    return lacking


def _lacks(columns: Sequence[str], layout: Layout) -> str:
    needed = [*layout.required, *(" or ".join(names) for names in layout.any_of)]
    return (
        f"has no column {', '.join(_lacking(columns, layout))}. Found: {', '.join(columns)}. "
        f"Needed: {', '.join(needed)}"
    )


def _wrong_width(number: int, width: int) -> tuple[str, str]:
    return ("wrong-number-of-fields", f"must have {width} fields like the header; it has {number}")


def _said(value: str) -> bool:
    """Return whether a cell has content other than blanks."""
    return type(value) is Fault or not (value == "" or value.isspace())


def _to_mend(cells: list[str], covered: Collection[int]) -> list[str]:
    """Return the cells of a row for the rejects, without the values that must be entered again."""
    if not covered and Fault not in map(type, cells):
        return cells
    return [
        WITHHELD
        if index in covered or (type(cell) is Fault and cell.reason in _ENTERED_AGAIN)
        else cell
        for index, cell in enumerate(cells)
    ]


#: Faults that are not visible in the text of the cell.
_ENTERED_AGAIN = frozenset({"lost-digits", "formula-without-value", "merged-cell"})


def _line(values: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(values)
    return text.getvalue().encode(errors="surrogatepass")
