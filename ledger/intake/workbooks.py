"""Workbooks: the sheets of xlsx and ods files, row by row.

This module reads the XML itself. No library with low memory use distinguishes an error from an
empty cell, keeps every digit, and reports hidden and merged cells (decision 0004). A sheet is read
twice, because its merged cells are listed after the rows that they cover: ``survey`` comes first.
Sizes stated in a file are not trusted; every loop has a limit.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, TypeVar
from xml.parsers import expat

import msgspec

from ledger.intake.cells import (
    PLAIN,
    Fault,
    Shape,
    covered_cell,
    error_cell,
    iso_cell,
    number_cell,
    shape_of,
    unsaved_cell,
)

MAX_ROWS: Final = 1_048_576
MAX_COLUMNS: Final = 16_384
#: The most cells of one sheet; the most characters of all shared texts; their largest number.
MAX_CELLS: Final = 50_000_000
MAX_SHARED: Final = 400_000_000
MAX_TEXTS: Final = 10_000_000
#: The most uncompressed bytes of one part; a full sheet of a hundred columns has about 2 GB.
MAX_XML: Final = 2 << 30
#: The longest text that spreadsheet programs accept in one cell.
MAX_TEXT: Final = 32_767
#: The most bytes of a part that is read as a whole, such as the list of sheets.
MAX_PART: Final = 64 << 20

_CHUNK: Final = 1 << 17
#: A sheet with more rows under merged cells than this is a form, not a table.
_MAX_MERGED: Final = 100_000

T = TypeVar("T")


class WorkbookError(Exception):
    """A workbook that cannot be read; the message continues after the file's name."""


class SheetRow(NamedTuple):
    """A row: its number in the sheet from 1, its cells from column A, and whether it is hidden."""

    number: int
    cells: list[str]
    hidden: bool


class Survey(msgspec.Struct):
    """What a sheet contains besides its cells; columns count from 0, rows from 1.

    ``covered``: the columns under merged cells, by row. ``wide``: the rows in which a number has
    lost digits, by column and remaining number.
    """

    hidden_columns: set[int] = msgspec.field(default_factory=set)
    covered: dict[int, set[int]] = msgspec.field(default_factory=dict)
    wide: dict[tuple[int, float], list[int]] = msgspec.field(default_factory=dict)

    def merge(self, top: int, left: int, bottom: int, right: int) -> None:
        """Note a range of merged cells, of which only the first has the text."""
        if bottom - top > MAX_ROWS or right - left > MAX_COLUMNS:
            raise WorkbookError("has merged cells beyond the edge of a sheet")
        for row in range(top, bottom + 1):
            columns = range(left + (row == top), min(right + 1, left + 256))
            if columns:
                self.covered.setdefault(row, set()).update(columns)
            if len(self.covered) > _MAX_MERGED:
                raise WorkbookError("must be a table; it is a form of merged cells")

    def note(self, row: int, cells: list[str]) -> None:
        """Note the numbers of a row that have lost digits."""
        for column, cell in enumerate(cells):
            if type(cell) is Fault and cell.reason == "lost-digits":
                rows = self.wide.setdefault((column, float(cell)), [])
                if len(rows) < 2:
                    rows.append(row)


class Sheet(msgspec.Struct, frozen=True):
    """A sheet of a workbook: its name, whether it is shown, and its rows from the top."""

    name: str
    hidden: bool
    _rows: Callable[[Survey], Iterator[SheetRow]]

    def rows(self, survey: Survey | None = None) -> Iterator[SheetRow]:
        """Yield the rows with at least one cell, in order; fill ``survey`` if it is given."""
        return self._rows(Survey() if survey is None else survey)

    def survey(self) -> Survey:
        """Read the whole sheet and return what it contains besides its cells."""
        survey = Survey()
        for row in self.rows(survey):
            survey.note(row.number, row.cells)
        return survey


def sheets_of(path: Path) -> list[Sheet]:
    """Return the sheets of a workbook, in order. Its first bytes decide its kind, not its name.

    Raises ``WorkbookError`` if the file is not a readable workbook, and ``OSError``.
    """
    with path.open("rb") as file:
        start = file.read(512)
    if start.startswith(b"PK"):
        return _guarded(lambda: _zipped(path))
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        # An encrypted xlsx is stored in the container of the old format, under a special name.
        with path.open("rb") as file:
            locked = "EncryptedPackage".encode("utf-16-le") in file.read(MAX_PART)
        raise WorkbookError(_LOCKED if locked else _OLD)
    if start.startswith((b"\x09\x08", b"\x09\x04")):
        raise WorkbookError(_OLD)
    if _WEB_PAGE.match(start):
        raise WorkbookError(
            "is a web page, not a workbook; open it in a spreadsheet program and save it as .xlsx"
        )
    raise WorkbookError(
        "cannot be read as a spreadsheet; if it is a text file, its name must end in .csv"
    )


_WEB_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|table|\?xml|head|meta)", re.IGNORECASE
)


def _guarded(read: Callable[[], T]) -> T:
    """Return the result of ``read``; turn the errors of a broken file into ``WorkbookError``."""
    try:
        return read()
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError) as error:
        raise WorkbookError(
            "is broken: it is not a complete workbook. Fetch or save it again"
        ) from error
    except (expat.ExpatError, UnicodeDecodeError, ValueError, IndexError) as error:
        raise WorkbookError("is broken: a part of it cannot be read. Save it again") from error
    except RuntimeError as error:  # zipfile raises it for an encrypted part
        raise WorkbookError(_LOCKED) from error


_LOCKED: Final = (
    "is protected by a password and cannot be read; save it without one and import it again"
)


_OLD: Final = (
    "is a workbook of the old kind (.xls), which cannot be read without loss; save it as .xlsx and "
    "import that file"
)


def _zipped(path: Path) -> list[Sheet]:
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        if "content.xml" in names:
            return _ods_sheets(path, archive)
        if "xl/workbook.bin" in names:
            raise WorkbookError("is an .xlsb workbook, which cannot be read; save it as .xlsx")
        if "[Content_Types].xml" not in names:
            raise WorkbookError("is a compressed folder, not a workbook; unpack it first")
        return _xlsx_sheets(path, archive)


# XML


class _Xml:
    """Parses one part of a zipped workbook; ``start`` and ``end`` get names without namespaces."""

    def __init__(
        self,
        start: Callable[[str, dict[str, str]], None],
        end: Callable[[str], None] | None = None,
        text: Callable[[str], None] | None = None,
    ) -> None:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.buffer_size = 1 << 16
        parser.StartDoctypeDeclHandler = _no_doctype
        local: dict[str, str] = {}

        def begin(name: str, attributes: dict[str, str]) -> None:
            plain = local.get(name)
            if plain is None:
                plain = local[name] = name.rpartition(":")[2]
            start(plain, attributes)

        parser.StartElementHandler = begin
        if end is not None:
            ended = end
            parser.EndElementHandler = lambda name: ended(local[name])
        if text is not None:
            parser.CharacterDataHandler = text
        self.parser = parser

    def feed(self, file: IO[bytes]) -> Iterator[None]:
        """Parse a file; yield after each chunk."""
        size = 0
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            if size > MAX_XML:
                raise WorkbookError(f"must not unpack to more than {MAX_XML >> 20} MiB; it does")
            self.parser.Parse(chunk, False)
            yield
        self.parser.Parse(b"", True)
        yield


def _no_doctype(*declared: Any) -> None:
    raise WorkbookError("must not declare a document type; it does")


def _attribute(attributes: dict[str, str], name: str) -> str | None:
    """Return an attribute by its name without namespace."""
    for key, value in attributes.items():
        if key.rpartition(":")[2] == name:
            return value
    return None


def _elements(archive: zipfile.ZipFile, part: str) -> list[tuple[str, dict[str, str]]]:
    """Return the elements of a small part with their attributes; none if the part is missing."""
    try:
        info = archive.getinfo(part)
    except KeyError:
        return []
    if info.file_size > MAX_PART:
        raise WorkbookError(f"has a part of {info.file_size >> 20} MiB that must be small")
    elements: list[tuple[str, dict[str, str]]] = []
    with archive.open(info) as file:
        for _ in _Xml(lambda name, attributes: elements.append((name, attributes))).feed(file):
            pass
    return elements


def _true(value: str | None) -> bool:
    return value in {"1", "true", "on"}


# xlsx


class _Book(NamedTuple):
    path: Path
    system: int
    shapes: tuple[Shape, ...]
    texts: str | None


def _xlsx_sheets(path: Path, archive: zipfile.ZipFile) -> list[Sheet]:
    main = next(
        (
            (_attribute(attributes, "Target") or "").lstrip("/")
            for name, attributes in _elements(archive, "_rels/.rels")
            if name == "Relationship"
            and (_attribute(attributes, "Type") or "").endswith("/officeDocument")
        ),
        "xl/workbook.xml",
    )
    folder, _, file = main.rpartition("/")
    targets: dict[str, tuple[str, str]] = {}
    for name, attributes in _elements(archive, f"{folder}/_rels/{file}.rels"):
        if name == "Relationship":
            kind = (_attribute(attributes, "Type") or "").rpartition("/")[2]
            target = _attribute(attributes, "Target") or ""
            whole = target.lstrip("/") if target.startswith("/") else f"{folder}/{target}"
            targets[_attribute(attributes, "Id") or ""] = (kind, _resolved(whole))
    parts = dict(targets.values())
    system = 1900
    listed: list[tuple[str, bool, str]] = []
    for name, attributes in _elements(archive, main):
        if name == "workbookPr" and _true(_attribute(attributes, "date1904")):
            system = 1904
        elif name == "sheet":
            kind, target = targets.get(attributes.get("r:id") or _id(attributes), ("", ""))
            if kind == "worksheet":
                hidden = (_attribute(attributes, "state") or "visible") != "visible"
                listed.append((_attribute(attributes, "name") or "", hidden, target))
    book = _Book(
        path, system, _shapes(archive, parts.get("styles", "")), parts.get("sharedStrings")
    )
    shared = _Shared(book)
    return [
        Sheet(name, hidden, lambda survey, part=target: _walk(book, shared, part, survey))  # type: ignore[misc]
        for name, hidden, target in listed
    ]


def _id(attributes: dict[str, str]) -> str:
    return next((v for k, v in attributes.items() if k.endswith(":id")), "")


def _resolved(part: str) -> str:
    steps: list[str] = []
    for step in part.split("/"):
        if step == "..":
            steps = steps[:-1]
        elif step not in {"", "."}:
            steps.append(step)
    return "/".join(steps)


def _shapes(archive: zipfile.ZipFile, part: str) -> tuple[Shape, ...]:
    """Return the shape of each cell style."""
    codes: dict[int, str] = {}
    shapes: list[Shape] = []
    within = False
    for name, attributes in _elements(archive, part):
        if name == "numFmt":
            codes[int(attributes["numFmtId"])] = attributes.get("formatCode", "")
        elif name in {"cellXfs", "cellStyles", "dxfs"}:
            within = name == "cellXfs"
        elif name == "xf" and within:
            number = int(attributes.get("numFmtId", 0))
            shapes.append(shape_of(number, codes.get(number)))
    return tuple(shapes)


class _Shared:
    """The shared texts of a workbook, read when the first cell needs one."""

    def __init__(self, book: _Book) -> None:
        self._book = book
        self._texts: list[str] | None = None
        self._pieces: list[str] = []
        self._reading = False
        self._aloud = 0
        self._size = 0

    def text(self, index: int) -> str:
        """Return a text by its index."""
        if self._texts is None:
            self._texts = []
            _guarded(self._read)
        if not 0 <= index < len(self._texts):
            raise WorkbookError("is broken: a cell has a text that the file lacks. Save it again")
        return self._texts[index]

    def _read(self) -> None:
        if self._book.texts is None:
            return
        with zipfile.ZipFile(self._book.path) as archive, archive.open(self._book.texts) as file:
            for _ in _Xml(self._start, self._end, self._text).feed(file):
                pass

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "t":
            self._reading = not self._aloud
        elif name == "rPh":  # a phonetic reading of the text
            self._aloud += 1

    def _end(self, name: str) -> None:
        if name == "t":
            self._reading = False
        elif name == "rPh":
            self._aloud -= 1
        elif name == "si":
            assert self._texts is not None
            self._texts.append(_unescaped("".join(self._pieces)))
            self._pieces.clear()

    def _text(self, part: str) -> None:
        assert self._texts is not None
        if self._reading:
            self._pieces.append(part)
            self._size += len(part)
        if self._size > MAX_SHARED or len(self._texts) > MAX_TEXTS:
            raise WorkbookError("must not have more text than a sheet can show; it has")


_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def _unescaped(text: str) -> str:
    """Return a text with escaped characters such as ``_x000D_`` decoded."""
    if "_x" not in text:
        return text
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)


def _walk(book: _Book, shared: _Shared, part: str, survey: Survey) -> Iterator[SheetRow]:
    """Yield the rows of one sheet of an xlsx file."""
    sheet = _XlsxSheet(book, shared, survey)
    xml = _Xml(sheet.start, sheet.end, sheet.text)
    try:
        with zipfile.ZipFile(book.path) as archive, archive.open(part) as file:
            steps = xml.feed(file)
            while _guarded(lambda: next(steps, StopIteration)) is not StopIteration:
                yield from sheet.done
                sheet.done.clear()
    except (zipfile.BadZipFile, KeyError) as error:
        raise WorkbookError("is broken: it lacks one of its sheets. Save it again") from error


class _XlsxSheet:
    """Collects the rows of a sheet while its XML is parsed."""

    def __init__(self, book: _Book, shared: _Shared, survey: Survey) -> None:
        self.done: list[SheetRow] = []
        self._book = book
        self._shared = shared
        self._survey = survey
        self._number = 0
        self._hidden = False
        self._cells: list[str] = []
        self._column = 0
        self._type = "n"
        self._style = 0
        self._formula = False
        self._valued = False
        self._reading = False
        self._aloud = 0
        self._pieces: list[str] = []
        self._total = 0
        self._columns: dict[str, int] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._cell(attributes)
        elif name == "v" or (name == "t" and not self._aloud):
            self._reading = self._valued = True
        elif name == "f":
            self._formula = True
        elif name == "rPh":
            self._aloud += 1
        elif name == "row":
            self._row(attributes)
        elif name == "col":
            if _true(attributes.get("hidden")) or attributes.get("width") == "0":
                low, high = int(attributes["min"]) - 1, int(attributes["max"])
                self._survey.hidden_columns.update(range(low, min(high, MAX_COLUMNS)))
        elif name == "mergeCell":
            first, _, last = attributes.get("ref", "").partition(":")
            top, left = _place(first)
            bottom, right = _place(last or first)
            self._survey.merge(top, left, bottom, right)

    def end(self, name: str) -> None:
        if name == "c":
            self._finish()
        elif name in {"v", "t"}:
            self._reading = False
        elif name == "rPh":
            self._aloud -= 1
        elif name == "row":
            while self._cells and type(self._cells[-1]) is str and not self._cells[-1]:
                self._cells.pop()
            if self._cells:
                self.done.append(SheetRow(self._number, self._cells, self._hidden))

    def text(self, part: str) -> None:
        if self._reading:
            self._pieces.append(part)

    def _row(self, attributes: dict[str, str]) -> None:
        number = int(attributes["r"]) if "r" in attributes else self._number + 1
        if not self._number < number <= MAX_ROWS:
            raise WorkbookError("is broken: its rows are not in order. Save it again")
        self._number = number
        self._hidden = _true(attributes.get("hidden")) or attributes.get("ht") == "0"
        self._cells = []
        self._column = 0

    def _cell(self, attributes: dict[str, str]) -> None:
        place = attributes.get("r")
        if place is not None:
            letters = place.rstrip("0123456789")
            column = self._columns.get(letters)
            if column is None:
                column = self._columns[letters] = _column(letters)
            if column < self._column:
                raise WorkbookError("is broken: its cells are not in order. Save it again")
            self._column = column
        if self._column >= MAX_COLUMNS:
            raise WorkbookError("is broken: it has cells beyond the edge of a sheet")
        self._type = attributes.get("t", "n")
        self._style = int(attributes.get("s", 0))
        self._formula = self._valued = False
        self._pieces = []

    def _finish(self) -> None:
        self._total += 1
        if self._total > MAX_CELLS:
            raise WorkbookError(f"has more than {MAX_CELLS:,} cells in a sheet")
        cells, column = self._cells, self._column
        value = self._value()
        if value or type(value) is not str:
            if column > len(cells):
                cells.extend([""] * (column - len(cells)))
            cells.append(value)
        self._column = column + 1

    def _value(self) -> str:
        stored = self._pieces[0] if len(self._pieces) == 1 else "".join(self._pieces)
        kind = self._type
        if kind == "s":
            return self._shared.text(int(stored)) if stored else ""
        if kind in {"inlineStr", "str"}:
            if self._formula and not self._valued:
                return unsaved_cell()
            text = _unescaped(stored)
            return text if len(text) <= MAX_TEXT else _too_long(text)
        stored = stored.strip()
        if not stored:
            return unsaved_cell() if self._formula else ""
        if kind == "n":
            shapes = self._book.shapes
            shape = shapes[self._style] if self._style < len(shapes) else PLAIN
            return number_cell(stored, shape, self._book.system)
        if kind == "e":
            return error_cell(stored)
        if kind == "b":
            return "TRUE" if stored == "1" else "FALSE"
        if kind == "d":
            return iso_cell(stored)
        return Fault.of(stored, "unknown-cell", f"is a cell of the unknown kind {kind!r}")


def _too_long(text: str) -> Fault:
    return Fault.of(
        text[:50],
        "too-long-cell",
        f"must have at most {MAX_TEXT:,} characters in a cell; it has {len(text)}",
    )


def _column(letters: str) -> int:
    """Return a column's index by its letters."""
    index = 0
    for letter in letters:
        if not "A" <= letter <= "Z" or index > MAX_COLUMNS:
            raise WorkbookError("is broken: a cell has no valid column. Save it again")
        index = index * 26 + ord(letter) - 64
    return index - 1


def _place(ref: str) -> tuple[int, int]:
    letters = ref.rstrip("0123456789")
    return int(ref[len(letters) :]), _column(letters)


# ods


def _ods_sheets(path: Path, archive: zipfile.ZipFile) -> list[Sheet]:
    if any(n == "encryption-data" for n, _ in _elements(archive, "META-INF/manifest.xml")):
        raise WorkbookError(_LOCKED)
    scan = _OdsScan()
    with archive.open("content.xml") as file:
        for _ in _Xml(scan.start).feed(file):
            pass
    if not scan.spreadsheet:
        raise WorkbookError("is a text document, not a workbook; save its table as .xlsx")
    return [
        Sheet(name, style in scan.hidden, lambda survey, n=index: _ods_walk(path, n, survey))  # type: ignore[misc]
        for index, (name, style) in enumerate(scan.tables)
    ]


class _OdsScan:
    """Finds the tables of an ods file, and the styles that hide a table."""

    def __init__(self) -> None:
        self.tables: list[tuple[str, str]] = []
        self.hidden: set[str] = set()
        self.spreadsheet = False
        self._style = ""
        self._elements = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "table":
            style = attributes.get("table:style-name", "")
            self.tables.append((attributes.get("table:name", ""), style))
        elif name == "style":
            self._style = attributes.get("style:name", "")
        elif name == "table-properties":
            if attributes.get("table:display") == "false":
                self.hidden.add(self._style)
        elif name == "spreadsheet":
            self.spreadsheet = True
        self._elements += 1
        if self._elements > 4 * MAX_CELLS:
            raise WorkbookError(f"has more than {MAX_CELLS:,} cells")


def _ods_walk(path: Path, index: int, survey: Survey) -> Iterator[SheetRow]:
    sheet = _OdsSheet(index, survey)
    xml = _Xml(sheet.start, sheet.end, sheet.text)
    with zipfile.ZipFile(path) as archive, archive.open("content.xml") as file:
        steps = xml.feed(file)
        while _guarded(lambda: next(steps, StopIteration)) is not StopIteration:
            yield from sheet.done
            sheet.done.clear()
            if sheet.over:
                return


class _OdsSheet:
    """Collects the rows of one table of an ods file while its XML is parsed."""

    def __init__(self, index: int, survey: Survey) -> None:
        self.done: list[SheetRow] = []
        self.over = False
        self._index = index
        self._survey = survey
        self._table = -1
        self._depth = 0
        self._number = 0
        self._repeated = 1
        self._hidden = False
        self._cells: list[str] = []
        self._column = 0
        self._width = 0
        self._attributes: dict[str, str] = {}
        self._covered = False
        self._pieces: list[str] = []
        self._paragraphs = 0
        self._reading = 0
        self._aside = 0
        self._total = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "table":
            if self._depth == 0:
                self._table += 1
            self._depth += 1
        if self._table != self._index or self.over or self._depth != 1:
            return
        if name in {"table-cell", "covered-table-cell"}:
            self._attributes = attributes
            self._covered = name != "table-cell"
            self._pieces = []
            self._paragraphs = 0
        elif name in {"annotation", "shapes", "frame"}:
            self._aside += 1
        elif name == "p" and not self._aside:
            if self._paragraphs:
                self._pieces.append("\n")
            self._paragraphs += 1
            self._reading += 1
        elif self._reading and name in {"s", "tab", "line-break"}:
            spaces = " " * min(int(attributes.get("text:c", 1)), MAX_TEXT)
            self._pieces.append({"s": spaces, "tab": "\t"}.get(name, "\n"))
        elif name == "table-row":
            self._repeated = _count(attributes, "table:number-rows-repeated")
            self._hidden = attributes.get("table:visibility", "visible") != "visible"
            self._number += 1
            self._cells = []
            self._column = 0
        elif name == "table-column":
            times = _count(attributes, "table:number-columns-repeated")
            if attributes.get("table:visibility", "visible") != "visible":
                low = self._width
                columns = range(low, min(low + times, MAX_COLUMNS))
                self._survey.hidden_columns.update(columns)
            self._width += times

    def end(self, name: str) -> None:
        if name == "table":
            self._depth -= 1
            if self._depth == 0 and self._table == self._index:
                self.over = True
        if self._table != self._index or self.over or self._depth != 1:
            return
        if name in {"table-cell", "covered-table-cell"}:
            self._finish()
        elif name in {"annotation", "shapes", "frame"}:
            self._aside -= 1
        elif name == "p" and not self._aside:
            self._reading -= 1
        elif name == "table-row":
            self._row()

    def text(self, part: str) -> None:
        if self._reading and not self._aside and self._table == self._index:
            self._pieces.append(part)

    def _finish(self) -> None:
        times = _count(self._attributes, "table:number-columns-repeated")
        value = covered_cell() if self._covered else self._value()
        if value or type(value) is not str:
            if self._column + times > MAX_COLUMNS:
                raise WorkbookError("is broken: it has cells beyond the edge of a sheet")
            self._cells.extend([""] * (self._column - len(self._cells)))
            self._cells.extend([value] * times)
        self._column += times

    def _row(self) -> None:
        if self._cells:
            for _ in range(self._repeated):
                self._total += len(self._cells)
                if self._total > MAX_CELLS or self._number > MAX_ROWS:
                    raise WorkbookError(f"has more than {MAX_CELLS:,} cells in a sheet")
                self.done.append(SheetRow(self._number, list(self._cells), self._hidden))
                self._number += 1
            self._number -= 1
        else:
            self._number += self._repeated - 1

    def _value(self) -> str:
        attributes = self._attributes
        kind = attributes.get("office:value-type")
        shown = "".join(self._pieces)
        if attributes.get("calcext:value-type") == "error":
            return error_cell(shown or "#VALUE!")
        if kind is None:
            return unsaved_cell() if "table:formula" in attributes and not shown else shown
        if kind == "string":
            return shown or attributes.get("office:string-value", "")
        if kind in {"float", "currency", "percentage"}:
            shape = Shape("percent") if kind == "percentage" else PLAIN
            return number_cell(attributes.get("office:value", shown), shape, None)
        if kind == "date":
            return iso_cell(attributes.get("office:date-value", shown))
        if kind == "boolean":
            return attributes.get("office:boolean-value", shown).upper()
        return Fault.of(
            shown, "unknown-cell", f"is a cell of the kind {kind!r}, which cannot be imported"
        )


def _count(attributes: dict[str, str], name: str) -> int:
    times = int(attributes.get(name, 1))
    if not 0 < times <= MAX_ROWS:
        raise WorkbookError("is broken: a cell is repeated beyond the edge of a sheet")
    return times
