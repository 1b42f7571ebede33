"""Writes rows as CSV, as a workbook or as XML; the same rows give the same bytes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from xml.sax.saxutils import escape

import xlsxwriter  # type: ignore[import-untyped]

#: The moment that a workbook says it was made: it would change the bytes.
_MADE = datetime(2000, 1, 1)  # noqa: DTZ001 - a workbook has no zone

#: The endings of the forms that can be written.
ENDINGS = (".csv", ".xlsx", ".xml")


def write_table(
    path: Path, headings: Sequence[str], rows: Iterable[Sequence[str]], *, row: str = "row"
) -> None:
    """Write a table in the form of the file's ending. Every cell is text. Raises ``ValueError``."""
    ending = path.suffix.lower()
    if ending == ".csv":
        # Spreadsheet programs on Chinese systems take UTF-8 without a mark for GB18030.
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(headings)
            writer.writerows(rows)
    elif ending == ".xlsx":
        options = {"strings_to_formulas": False, "strings_to_urls": False, "constant_memory": True}
        with xlsxwriter.Workbook(str(path), options) as book:
            book.set_properties({"created": _MADE})
            text = book.add_format({"num_format": "@"})
            sheet = book.add_worksheet()
            for number, cells in enumerate((headings, *rows)):
                for column, cell in enumerate(cells):
                    sheet.write_string(number, column, cell, text)
    elif ending == ".xml":
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write('<?xml version="1.0" encoding="UTF-8"?>\n<data>\n')
            for cells in rows:
                file.write(f"  <{row}>\n")
                for heading, cell in zip(headings, cells, strict=True):
                    file.write(f"    <{heading}>{escape(_printable(cell))}</{heading}>\n")
                file.write(f"  </{row}>\n")
            file.write("</data>\n")
    else:
        raise ValueError(f"{path.name} must end in {', '.join(ENDINGS)}")


def _printable(cell: str) -> str:
    """Return a text without the control characters that XML cannot hold."""
    return "".join(c for c in cell if c in "\t\n\r" or c >= " ")
