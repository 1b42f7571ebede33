"""The rows that an import refused: one list with the reasons, and files with the rows to correct.

Each run writes both again and completely. The list has a line for each note. The folder has one
file per imported file, with the refused rows under their headings, so that a clerk can correct them
there and import that folder. Neither repeats an identity number. For a region's own list, they omit
columns that the mapping does not read, because such columns may name persons.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import IO, Any

from ledger.general.personaldata import personal_data
from ledger.intake.cells import WITHHELD
from ledger.intake.events import RowNote
from ledger.intake.sources import Source, SourceRow, ending_of
from ledger.intake.wording import HEADINGS, Language, in_language
from ledger.stores.files import private_file


class Rejects:
    """Writes the notes of one run, and the files with the rows to correct."""

    def __init__(
        self, path: Path | None, folder: Path, language: Language, *, only_read: bool = False
    ) -> None:
        self.wanted = path is not None
        self._path = path
        self._language = language
        self._only_read = only_read
        self._beside = None if path is None else _apart(path.with_suffix(""), folder)
        self._list: IO[str] | None = None
        self._rows: Any = None
        self._open: dict[str, tuple[Path, IO[str], Any]] = {}
        self._last: tuple[str, int] | None = None

    @property
    def files(self) -> list[Path]:
        """Return the files of refused rows that this import wrote, ordered by their first rows."""
        return [path for path, *_ in self._open.values()]

    def __enter__(self) -> Rejects:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            private_file(self._path)
            self._list = self._path.open("w", encoding=self._encoding, newline="")
            self._rows = csv.writer(self._list)
            self._rows.writerow(HEADINGS[self._language])
        return self

    def __exit__(self, *exc: object) -> None:
        for file in (self._list, *(file for _, file, _ in self._open.values())):
            if file is not None:
                file.close()

    @property
    def _encoding(self) -> str:
        # Spreadsheet programs on Chinese systems take UTF-8 without a mark for GB18030.
        return "utf-8-sig" if self._language == "zh" else "utf-8"

    def write(self, file: str, note: RowNote, source: Source | None, row: SourceRow | None) -> None:
        """Write one note, with its row as in the file."""
        if self._rows is None:
            return
        cells = _cells(source, row, only_read=self._only_read)
        message = in_language(note.message, self._language)
        columns = (file, note.line, note.kind, note.column, note.value, note.reason, message)
        self._rows.writerow((*columns, _as_line(cells, source)))
        if note.kind == "rejected" and source is not None and self._last != (file, note.line):
            self._last = (file, note.line)
            self._mend(file, note, message, source, cells)

    def _mend(
        self, file: str, note: RowNote, message: str, source: Source, cells: list[str]
    ) -> None:
        """Add a refused row to the file in which it can be corrected."""
        width = len(source.columns)
        if file not in self._open:
            assert self._beside is not None
            self._beside.mkdir(parents=True, exist_ok=True)
            path = self._beside / f"{file[: -len(ending_of(file) or '')]}.csv"
            private_file(path)
            opened = path.open("w", encoding="utf-8-sig", newline="")
            writer = csv.writer(opened)
            _, line, _, column, value, _, why, _ = HEADINGS[self._language]
            writer.writerow((*source.columns, line, column, value, why))
            self._open[file] = (path, opened, writer)
        if note.reason.startswith("date-in-") and note.column in source.columns:
            cells[source.columns.index(note.column)] = WITHHELD
        if len(cells) > width:
            cells = [*cells[: width - 1], ",".join(cells[width - 1 :])]
        cells = [*cells, *[""] * (width - len(cells))]
        self._open[file][2].writerow((*cells, note.line, note.column, note.value, message))


def _apart(beside: Path, folder: Path) -> Path:
    """Return a folder other than the one being read."""
    while beside.resolve() == folder.resolve():
        beside = beside.with_name(f"{beside.name}-again")
    return beside


def _cells(source: Source | None, row: SourceRow | None, *, only_read: bool) -> list[str]:
    """Return the cells of a row as text, without any person's number."""
    if source is None or row is None:
        return []
    encoding = source.form.encoding
    name = "utf-8" if encoding is None or encoding.wide else encoding.name
    text = row.raw.decode(name, errors="backslashreplace")
    delimiter = "," if encoding is None else source.form.delimiter
    try:
        cells = next(csv.reader(text.splitlines(keepends=True), delimiter=delimiter), [])
    except csv.Error:
        cells = [text]
    if only_read and len(cells) == len(source.columns):
        cells = [cell if place in source.read else "" for place, cell in enumerate(cells)]
    elif only_read:
        cells = [WITHHELD]  # the cells cannot be matched with columns
    return [WITHHELD if personal_data(cell) else cell for cell in cells]


def _as_line(cells: list[str], source: Source | None) -> str:
    """Return cells as one line, separated as in their file."""
    if source is None or not cells:
        return ""
    line = _Line()
    delimiter = "," if source.form.encoding is None else source.form.delimiter
    csv.writer(line, lineterminator="", delimiter=delimiter).writerow(cells)
    return line.text


class _Line:
    """A file-like object that collects the text of a CSV writer."""

    text = ""

    def write(self, text: str) -> None:
        self.text += text
