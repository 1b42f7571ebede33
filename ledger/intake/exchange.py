"""The tables that officials and their systems exchange, in and out, by a declared mapping.

A mapping names each column of a table, the field of a fact that fills it, and its form. The names
are those that public programs use; widths and obligations differ by province, so a region can give
its own mapping. Columns about natural persons are marked ``personal``: they are neither written
nor read, because such data is sealed (rulebook 0.10).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from xml.etree.ElementTree import ParseError

import defusedxml  # type: ignore[import-untyped]
import defusedxml.ElementTree  # type: ignore[import-untyped]
import msgspec

from ledger.intake import templates
from ledger.intake.mapping import as_date
from ledger.intake.own_lists import MappingError
from ledger.intake.sources import Layout, Source, SourceError, SourceRow

#: How a cell is written: as it is, a day, or an amount in 万元.
CellForm = Literal["text", "day", "wan"]

#: A batch has new rows, changed ones, and ones that must be removed.
Operation = Literal["i", "u", "d"]

#: Fen in 万元, and in yuan.
_WAN, _YUAN = Decimal(1_000_000), Decimal(100)

#: The largest XML table that is read, in bytes.
MOST_XML = 64 * 1024 * 1024


class Column(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A column: its heading for people, the field that fills it, and where an import puts it.

    ``also``: other headings, such as those of older variants. ``codes`` map the values of the
    field to those of the table. ``separator`` joins several values. ``takes`` is the column of a
    table of opening facts (``takeon columns``). ``personal``: about a natural person.
    """

    title: str
    field: str | None = None
    also: tuple[str, ...] = ()
    required: bool = False
    codes: dict[str, str] = {}
    form: CellForm = "text"
    separator: str | None = None
    takes: str | None = None
    personal: bool = False
    default: str = ""


class Template(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A table: its name, the facts that are its rows, and its columns in order.

    ``row`` is the element of a row in XML.
    """

    name: str
    title: str
    fact: Literal["penalty", "inspection"]
    columns: dict[str, Column]
    row: str = "row"
    #: The column for the operation of a row; without it, removed rows go into a file of their own.
    operation: str | None = None


class ExchangeFact(msgspec.Struct, frozen=True):
    """A fact as a row: what it is about, its own key, what happened to it, and its fields.

    Of a row to be removed, the fields are those that were sent last.
    """

    subject: str
    key: str
    operation: Operation
    fields: Mapping[str, Any]


class Lacking(ValueError):
    """A fact lacks what a column of its table requires."""

    def __init__(self, column: str, title: str) -> None:
        super().__init__(f"{column} ({title}) must not be empty")
        self.column = column


def names_of_templates() -> list[str]:
    """Return the names of the tables that come with the program."""
    return sorted(
        item.name.removesuffix(".toml")
        for item in files(templates).iterdir()
        if item.name.endswith(".toml")
    )


def read_template(name: str) -> Template:
    """Return a table by its name, or from a file ``*.toml``. Raises ``MappingError``."""
    if name.endswith(".toml"):
        try:
            data = Path(name).read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise MappingError(f"{name} cannot be read as UTF-8: {error}.") from error
    elif name in names_of_templates():
        data = (files(templates) / f"{name}.toml").read_text("utf-8")
    else:
        known = ", ".join(names_of_templates())
        raise MappingError(f"{name} must be one of {known}, or a file that ends in .toml.")
    try:
        return msgspec.convert(tomllib.loads(data), Template)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise MappingError(f"{name} is not a table: {error}.") from error


def cells_of(template: Template, fields: Mapping[str, Any]) -> list[str]:
    """Return the cells of a fact with these fields.

    Raises ``Lacking`` if one is empty that must not be.
    """
    cells = []
    for name, column in template.columns.items():
        value = None if column.personal or column.field is None else fields.get(column.field)
        cell = _cell(column, value)
        if column.required and not cell:
            raise Lacking(name, column.title)
        cells.append(cell)
    return cells


def _cell(column: Column, value: Any) -> str:
    if value is None or value in ("", (), []):
        return column.default
    if isinstance(value, tuple | list):
        return (column.separator or ";").join(
            column.codes.get(str(part), str(part)) for part in value
        )
    if column.form == "wan":
        return _plain(Decimal(value) / _WAN)
    if isinstance(value, date):
        return value.strftime("%Y/%m/%d")
    return column.codes.get(str(value), str(value))


def _plain(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class BadTableCell(ValueError):
    """A cell that does not fit its column: the column, and what it must be."""

    def __init__(self, column: str, title: str, must: str) -> None:
        super().__init__(f"{column} ({title}) {must}")
        self.column = column


def taken(template: Template, cells: Mapping[str, str]) -> dict[str, str]:
    """Return what a row gives a table of opening facts. Raises ``BadTableCell``."""
    made: dict[str, str] = {}
    for name, column in template.columns.items():
        cell = cells.get(name, "").strip()
        if column.required and not cell and column.takes is not None:
            raise BadTableCell(name, column.title, "must not be empty")
        if column.takes is None or not cell:
            continue
        made[column.takes] = _taken(name, column, cell)
    return made


def _taken(name: str, column: Column, cell: str) -> str:
    if column.form == "day":
        day = as_date(cell)
        if day is None:
            raise BadTableCell(name, column.title, "must be a day such as 2026/04/20")
        return day.isoformat()
    if column.form == "wan":
        try:
            amount = Decimal(cell.replace(",", ""))
        except InvalidOperation:
            amount = Decimal(-1)
        fen = amount * _WAN
        if not amount.is_finite() or amount < 0 or fen != int(fen):
            raise BadTableCell(
                name, column.title, "must be an amount in 万元 with at most six decimals"
            )
        return _plain(fen / _YUAN)
    if column.codes:
        names = {shown: code for code, shown in column.codes.items()}
        parts = [cell]
        if column.separator is not None:
            for mark in ("；", "、", ",", "，"):
                cell = cell.replace(mark, column.separator)
            parts = [part.strip() for part in cell.split(column.separator) if part.strip()]
        strange = [part for part in parts if part not in names]
        if strange:
            known = ", ".join(names)
            raise BadTableCell(name, column.title, f"must be of {known}; it has {strange[0]}")
        return ";".join(parts)
    return cell


def rows_of_table(template: Template, path: Path) -> Iterator[SourceRow]:
    """Yield the rows of a table in a CSV, a workbook or an XML file, by its columns' names.

    Raises ``SourceError`` if it cannot be read, or lacks a required column.
    """
    if path.suffix.lower() == ".xml":
        yield from _xml_rows(template, path)
        return
    with Source(path, layout_of(template)) as source:
        yield from source


def layout_of(template: Template) -> Layout:
    """Return the columns that are read, with all their headings."""
    read = {name: column for name, column in template.columns.items() if not column.personal}
    needed = tuple(n for n, c in read.items() if c.required and c.takes is not None)
    return Layout(
        required=needed,
        optional=tuple(name for name in read if name not in needed),
        aliases={
            heading: name
            for name, column in read.items()
            for heading in (column.title, name.lower(), *column.also)
        },
    )


def _xml_rows(template: Template, path: Path) -> Iterator[SourceRow]:
    if path.stat().st_size > MOST_XML:
        raise SourceError(f"{path.name} must have at most {MOST_XML >> 20} MiB.")
    try:
        root = defusedxml.ElementTree.parse(path).getroot()
    except (ParseError, defusedxml.DefusedXmlException) as error:
        raise SourceError(f"{path.name} must be XML without a document type: {error}.") from error
    known = layout_of(template)
    for number, element in enumerate(root.iter(template.row), start=1):
        fields: dict[str, str] = {}
        for cell in element:
            name = known.aliases.get(cell.tag, cell.tag)
            fields[name] = (cell.text or "").strip()
        raw = "\x1f".join(f"{name}={value}" for name, value in fields.items()).encode()
        yield SourceRow(number, raw, fields)


def headings(template: Template) -> Sequence[str]:
    """Return the names of the columns in order."""
    return tuple(template.columns)
