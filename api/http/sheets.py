"""Lists as tables for a spreadsheet: CSV and XLSX, with the titles of the fields as headings."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

import msgspec
from aiohttp import web

from api.http.accepting import accepted
from ledger.kernel.budget import check
from ledger.kernel.messages import title

T = TypeVar("T")

CSV = "text/csv"
PDF = "application/pdf"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Form = Literal["json", "csv", "xlsx"]

#: The forms of a list, by the end of its path and by media type.
SUFFIXES: Mapping[str, Form] = {".csv": "csv", ".xlsx": "xlsx"}
MEDIA_TYPES: Mapping[str, Form] = {"application/json": "json", CSV: "csv", XLSX: "xlsx"}

#: The most rows of a sheet.
MAX_ROWS = 10_000

#: The most characters of a cell that spreadsheet programs read.
_MAX_CELL = 32_767

#: Excel takes a file without this mark for one in the local encoding and shows no Chinese.
_BOM = "\ufeff"

#: With these, spreadsheet programs take a text for a formula, and run it (CWE-1236).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")

#: Spreadsheet programs calculate with 15 digits; of longer numbers they would change the last.
_EXACT = 10**15


def form_of(request: web.Request) -> Form:
    """Return the form in which a list is requested: by the end of the path, else by ``Accept``."""
    return form_among(request, SUFFIXES, MEDIA_TYPES)


F = TypeVar("F", bound=str)


def form_among(request: web.Request, suffixes: Mapping[str, F], media_types: Mapping[str, F]) -> F:
    """Return the requested one of some forms; the first one, if neither suffix nor header asks."""
    for suffix, form in suffixes.items():
        if request.path.endswith(suffix):
            return form
    return preferred(request, media_types, next(iter(media_types.values())))


def preferred(request: web.Request, known: Mapping[str, T], default: T) -> T:
    """Return what stands for the media type that the caller accepts most of all the known ones."""
    best = 0.0
    chosen = default
    for number, given in enumerate(accepted(request).split(",")):
        media_type, *parameters = (part.strip().lower() for part in given.split(";"))
        named = known.get(media_type)
        if named is not None and (weight := _weight(parameters) - number * 1e-6) > best:
            best, chosen = weight, named
    return chosen


def _weight(parameters: Iterable[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


#: The moment that the parts of a workbook's file have, whenever it is made.
_NO_MOMENT = datetime(1980, 1, 1, tzinfo=UTC)


def as_sheet(
    form: Form,
    name: str,
    entries: Iterable[Mapping[str, Any]],
    fields: Sequence[str],
    language: str,
) -> bytes:
    """Return entries as a file: a row each, with a column for each field.

    A cell holds a text, a number or a truth value; lists of them are joined with semicolons, and
    what has parts itself is JSON.
    """
    headings = [title(field, language, "fields") for field in fields]
    rows = ([_cell(entry.get(field)) for field in fields] for entry in entries)
    return table(form, name, headings, rows)


def table(form: Form, name: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Return rows of single values as a file."""
    make: Callable[..., bytes] = _csv if form == "csv" else _xlsx
    return make(name, headings, rows)


def _cell(value: Any) -> str | int | float | bool | None:
    parts = (list, tuple)
    if isinstance(value, parts) and not any(isinstance(part, (dict, *parts)) for part in value):
        return "; ".join(map(str, value))
    if isinstance(value, (dict, *parts)):
        return msgspec.json.encode(value).decode()
    cell: str | int | float | bool | None = value
    return cell


def _csv(name: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO(_BOM)
    text.seek(0, io.SEEK_END)
    writer = csv.writer(text)
    writer.writerow(map(harmless, headings))
    for row in rows:
        check()
        writer.writerow(map(harmless, row))
    return text.getvalue().encode()


def harmless(cell: Any) -> Any:
    """Return a cell that no program takes for a formula."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _xlsx(name: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    from xlsxwriter import Workbook  # type: ignore[import-untyped]  # noqa: PLC0415 - rarely needed

    file = io.BytesIO()
    # Rows go to a temporary file as they come.
    with Workbook(file, {"constant_memory": True}) as book:
        # The same rows make the same bytes: no moment of making, as in the parts of the file.
        book.set_properties({"created": _NO_MOMENT})
        sheet = book.add_worksheet(name[:31])
        bold = book.add_format({"bold": True})
        sheet.freeze_panes(1, 0)
        for column, heading in enumerate(headings):
            sheet.write_string(0, column, heading, bold)
        for number, row in enumerate(rows, 1):
            check()
            for column, cell in enumerate(row):
                if isinstance(cell, bool):
                    sheet.write_boolean(number, column, cell)
                elif isinstance(cell, (int, float)) and abs(cell) < _EXACT:
                    sheet.write_number(number, column, cell)
                elif cell is not None:
                    # Always as text, never as a formula.
                    sheet.write_string(number, column, str(cell)[:_MAX_CELL])
    return file.getvalue()
