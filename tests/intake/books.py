"""Workbooks made by hand, with what programs and people put into them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"

#: Cell styles of the workbooks made here, by name: the number format of each.
STYLES = ("General", "yyyy-mm-dd", "0%", "000000", '"¥"#,##0.00', 'yyyy"年"m"月"d"日"', "0.00")


class Cell(NamedTuple):
    """A cell as it is stored: its type, its value (``None`` for none), its style, a formula."""

    stored: str | None
    kind: str = "n"
    style: str = "General"
    formula: str | None = None


class Sheet(NamedTuple):
    """A sheet: its rows, what is hidden (rows from 1 on, columns from 0 on), what is merged."""

    name: str
    rows: Sequence[Sequence[str | Cell]]
    state: str = "visible"
    hidden_rows: Iterable[int] = ()
    hidden_columns: Iterable[int] = ()
    merged: Iterable[str] = ()


def number(text: str, style: str = "General") -> Cell:
    """A number cell."""
    return Cell(text, style=style)


def error(text: str) -> Cell:
    """A cell that shows an error."""
    return Cell(text, "e", formula="A1/0")


def serial(day: date, system: int = 1900, style: str = "yyyy-mm-dd") -> Cell:
    """A date cell."""
    days = (day - (date(1899, 12, 30) if system == 1900 else date(1904, 1, 1))).days
    if system == 1900 and days <= 60:
        days -= 1
    return Cell(str(days), style=style)


def letters(column: int) -> str:
    """The letters of a column that counts from 0."""
    name = ""
    while column >= 0:
        name = chr(65 + column % 26) + name
        column = column // 26 - 1
    return name


def write_book(
    path: Path,
    *sheets: Sheet,
    system: int = 1900,
    shared: bool = False,
    extra: Mapping[str, str] = {},
) -> Path:
    """An xlsx file of these sheets; ``shared`` puts its texts apart, as Excel does."""
    texts: list[str] = []
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default '
        f'Extension="xml" ContentType="{TYPES}.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" '
        f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/styles.xml": _styles(),
    }
    listed, related = [], []
    for index, sheet in enumerate(sheets, start=1):
        state = "" if sheet.state == "visible" else f' state="{sheet.state}"'
        listed.append(
            f'<sheet name={quoteattr(sheet.name)} sheetId="{index}"{state} r:id="s{index}"/>'
        )
        related.append(
            f'<Relationship Id="s{index}" Type="{OFFICE}/worksheet" '
            f'Target="worksheets/sheet{index}.xml"/>'
        )
        parts[f"xl/worksheets/sheet{index}.xml"] = _sheet(sheet, texts if shared else None)
    related.append(f'<Relationship Id="st" Type="{OFFICE}/styles" Target="styles.xml"/>')
    if shared:
        related.append(
            f'<Relationship Id="sh" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
        )
        items = "".join(
            f'<si><t xml:space="preserve">{escape(t)}</t><rPh sb="0" eb="1"><t>ヨミ</t></rPh></si>'
            for t in texts
        )
        parts["xl/sharedStrings.xml"] = f'<sst xmlns="{MAIN}">{items}</sst>'
    dates = ' date1904="1"' if system == 1904 else ""
    parts["xl/workbook.xml"] = (
        f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><workbookPr{dates}/>'
        f"<sheets>{''.join(listed)}</sheets></workbook>"
    )
    parts["xl/_rels/workbook.xml.rels"] = (
        f'<Relationships xmlns="{PACKAGE}/relationships">{"".join(related)}</Relationships>'
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (parts | dict(extra)).items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return path


def _styles() -> str:
    formats = "".join(
        f'<numFmt numFmtId="{200 + n}" formatCode={quoteattr(code)}/>'
        for n, code in enumerate(STYLES)
    )
    cells = "".join(f'<xf numFmtId="{200 + n}"/>' for n in range(len(STYLES)))
    return (
        f'<styleSheet xmlns="{MAIN}"><numFmts>{formats}</numFmts><cellStyleXfs><xf numFmtId="14"/>'
        f"</cellStyleXfs><cellXfs>{cells}</cellXfs></styleSheet>"
    )


def _sheet(sheet: Sheet, texts: list[str] | None) -> str:
    hidden = "".join(f'<col min="{c + 1}" max="{c + 1}" hidden="1"/>' for c in sheet.hidden_columns)
    rows = []
    for index, row in enumerate(sheet.rows, start=1):
        said = ' hidden="1"' if index in set(sheet.hidden_rows) else ""
        cells = "".join(
            _cell(cell, f"{letters(c)}{index}", texts) for c, cell in enumerate(row) if cell != ""
        )
        rows.append(f'<row r="{index}"{said}>{cells}</row>')
    merged = "".join(f'<mergeCell ref="{ref}"/>' for ref in sheet.merged)
    return (
        f'<worksheet xmlns="{MAIN}">{f"<cols>{hidden}</cols>" if hidden else ""}'
        f"<sheetData>{''.join(rows)}</sheetData>"
        f"{f'<mergeCells>{merged}</mergeCells>' if merged else ''}</worksheet>"
    )


def _cell(cell: str | Cell, place: str, texts: list[str] | None) -> str:
    if isinstance(cell, Cell):
        formula = "" if cell.formula is None else f"<f>{escape(cell.formula)}</f>"
        value = "" if cell.stored is None else f"<v>{escape(cell.stored)}</v>"
        style = STYLES.index(cell.style)
        return f'<c r="{place}" s="{style}" t="{cell.kind}">{formula}{value}</c>'
    if texts is not None:
        texts.append(cell)
        return f'<c r="{place}" t="s"><v>{len(texts) - 1}</v></c>'
    text = f'<t xml:space="preserve">{escape(cell)}</t>'
    return f'<c r="{place}" t="inlineStr"><is>{text}</is></c>'


def write_ods(path: Path, *sheets: Sheet) -> Path:
    """An ods file of these sheets; of cells it knows texts, numbers, dates and errors."""
    spaces = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for short, name in (
            ("office", "office"),
            ("table", "table"),
            ("text", "text"),
            ("style", "style"),
        )
    )
    styles = (
        '<style:style style:name="off" style:family="table">'
        '<style:table-properties table:display="false"/></style:style>'
    )
    tables = "".join(_table(sheet) for sheet in sheets)
    content = (
        f'<office:document-content {spaces} xmlns:calcext="urn:calcext">'
        f"<office:automatic-styles>{styles}</office:automatic-styles><office:body>"
        f"<office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
    return path


def _table(sheet: Sheet) -> str:
    style = "" if sheet.state == "visible" else ' table:style-name="off"'
    width = max(map(len, sheet.rows), default=0)
    columns = "".join(
        f"<table:table-column{_collapsed(c in set(sheet.hidden_columns))}/>" for c in range(width)
    )
    rows = "".join(
        f"<table:table-row{_collapsed(n in set(sheet.hidden_rows))}>"
        f"{''.join(map(_ods_cell, row))}"
        '<table:table-cell table:number-columns-repeated="1000"/></table:table-row>'
        for n, row in enumerate(sheet.rows, start=1)
    )
    rest = (
        '<table:table-row table:number-rows-repeated="1048000">'
        '<table:table-cell table:number-columns-repeated="1024"/></table:table-row>'
    )
    start = f"<table:table table:name={quoteattr(sheet.name)}{style}>"
    return f"{start}{columns}{rows}{rest}</table:table>"


def _collapsed(hidden: bool) -> str:
    return ' table:visibility="collapse"' if hidden else ""


def _ods_cell(cell: str | Cell) -> str:
    if cell == "":
        return "<table:table-cell/>"
    if isinstance(cell, str):
        lines = "".join(f"<text:p>{escape(line)}</text:p>" for line in cell.split("\n"))
        return (
            '<table:table-cell office:value-type="string"><office:annotation><text:p>批注</text:p>'
            f"</office:annotation>{lines}</table:table-cell>"
        )
    if cell.kind == "e":
        return (
            '<table:table-cell office:value-type="string" calcext:value-type="error">'
            f"<text:p>{cell.stored}</text:p></table:table-cell>"
        )
    if cell.stored is None:
        return '<table:table-cell table:formula="of:=A1"/>'
    if cell.style == "yyyy-mm-dd":
        day = date.fromordinal(date(1899, 12, 30).toordinal() + int(cell.stored))
        return f'<table:table-cell office:value-type="date" office:date-value="{day}"/>'
    kind = "percentage" if "%" in cell.style else "float"
    return (
        f'<table:table-cell office:value-type="{kind}" office:value="{cell.stored}">'
        "<text:p>…</text:p></table:table-cell>"
    )
