"""Workbooks that are broken, locked, of another kind or hostile are refused in words, soon."""

from __future__ import annotations

import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from ledger.intake import workbooks
from ledger.intake.sources import Layout, Source, SourceError, SourceRow
from ledger.intake.wording import in_chinese
from tests.intake.books import MAIN, Cell, Sheet, error, number, serial, write_book, write_ods

LAYOUT = Layout(("id", "name"), ("note",))
HEADER = ["id", "name", "note"]
SHEET = "xl/worksheets/sheet1.xml"


def rows_of(path: Path) -> list[SourceRow]:
    with Source(path, LAYOUT) as source:
        return list(source)


def good(path: Path) -> Path:
    return write_book(path, Sheet("S", [HEADER, ["1", "甲", "x"]]), shared=True)


def changed(path: Path, part: str, change: Callable[[bytes], bytes | None]) -> Path:
    """A workbook of which one part is another, or missing."""
    with zipfile.ZipFile(good(path)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    data = change(parts.pop(part, b""))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (parts | ({} if data is None else {part: data})).items():
            archive.writestr(name, content)
    return path


def sheet_of(inside: str) -> Callable[[bytes], bytes]:
    return lambda _: f'<worksheet xmlns="{MAIN}">{inside}</worksheet>'.encode()


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
HEAD = "".join(f'<c t="inlineStr"><is><t>{name}</t></is></c>' for name in HEADER)

REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "half of a file": (lambda p: put(p, good(p).read_bytes()[:900]), "is broken"),
    "bytes": (lambda p: put(p, b"PK\x03\x04" + b"\1" * 900), "is broken"),
    "no sheet": (lambda p: changed(p, SHEET, lambda _: None), "is broken"),
    "half of a sheet": (lambda p: changed(p, SHEET, lambda d: d[:-40]), "is broken"),
    "no texts": (lambda p: changed(p, "xl/sharedStrings.xml", lambda _: None), "is broken"),
    "few texts": (
        lambda p: changed(p, "xl/sharedStrings.xml", lambda d: b"<sst></sst>"),
        "is broken: a cell has a text that the file lacks",
    ),
    "rows out of order": (
        lambda p: changed(p, SHEET, sheet_of(f'<row r="9">{HEAD}</row><row r="3">{HEAD}</row>')),
        "its rows are not in order",
    ),
    "cells out of order": (
        lambda p: changed(p, SHEET, sheet_of(f'<row>{HEAD}<c r="A1"><v>1</v></c></row>')),
        "its cells are not in order",
    ),
    "row two million": (
        lambda p: changed(p, SHEET, sheet_of(f'<row>{HEAD}</row><row r="2000000">{HEAD}</row>')),
        "its rows are not in order",
    ),
    "column ZZZZ": (
        lambda p: changed(p, SHEET, sheet_of(f'<row>{HEAD}<c r="ZZZZ1"><v>1</v></c></row>')),
        "a cell has no valid column",
    ),
    "column XFE": (
        lambda p: changed(p, SHEET, sheet_of(f'<row>{HEAD}<c r="XFE1"><v>1</v></c></row>')),
        "beyond the edge",
    ),
    "everything merged": (
        lambda p: write_book(p, Sheet("S", [HEADER, ["1", "甲"]], merged=["A2:XFD1048576"])),
        "a form of merged cells",
    ),
    "entities": (
        lambda p: changed(p, SHEET, lambda d: b'<!DOCTYPE a [<!ENTITY b "bbbb">]>' + d),
        "must not declare a document type",
    ),
    "a large part": (
        lambda p: changed(p, "xl/workbook.xml", lambda d: d + b" " * (70 << 20)),
        "a part of 70 MiB that must be small",
    ),
    "old": (lambda p: put(p, OLE), r"of the old kind \(\.xls\).*save it as \.xlsx"),
    "locked": (
        lambda p: put(p, OLE + "EncryptedPackage".encode("utf-16-le")),
        "protected by a password",
    ),
    "binary": (
        lambda p: changed(p, "xl/workbook.bin", lambda d: b"\0"),
        r"an \.xlsb workbook",
    ),
    "web page": (lambda p: put(p, b"\n<html><table><tr><td>id</td>"), "is a web page"),
    "text": (lambda p: put(p, b"id,name\n1,x\n"), r"its name must end in \.csv"),
    "packed folder": (
        lambda p: put(p, zipped({"a/b.csv": "id,name"}, p)),
        "a compressed folder, not a workbook",
    ),
    "a locked ods": (
        lambda p: put(p, zipped({"content.xml": "<a/>", "META-INF/manifest.xml": LOCKED}, p)),
        "protected by a password",
    ),
    "a text document": (
        lambda p: put(p, zipped({"content.xml": "<office:text xmlns:office='o'/>"}, p)),
        "is a text document, not a workbook",
    ),
}  # fmt: skip
LOCKED = "<manifest:manifest xmlns:manifest='m'><manifest:encryption-data/></manifest:manifest>"


def zipped(parts: dict[str, str], path: Path) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return path.read_bytes()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_sound_workbook_is_refused_in_words(tmp_path: Path, what: str) -> None:
    """In both languages, and never in those of a Python module."""
    make, says = REFUSED[what]
    with pytest.raises(SourceError, match=says) as error:
        rows_of(make(tmp_path / "t.xlsx"))
    said = str(error.value)
    assert said.startswith("t.xlsx ")
    assert in_chinese(said) is not None
    for foreign in ("Error", "zip", "expat", "token", "line 1", "0x", "codec", "b'"):
        assert foreign not in said


def test_a_part_that_unpacks_without_end_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the file says of its size; the limit is lowered here, not to unpack gigabytes."""
    monkeypatch.setattr(workbooks, "MAX_XML", 20 << 20)
    path = changed(tmp_path / "t.xlsx", SHEET, lambda d: d[:-12] + b"<x/>" * (6 << 20) + d[-12:])
    assert path.stat().st_size < 200_000
    with pytest.raises(SourceError, match="must not unpack to more than 20 MiB"):
        rows_of(path)


def test_a_sheet_takes_no_more_memory_when_it_is_longer(tmp_path: Path) -> None:
    """Rows are handed on as they are parsed."""
    peaks = []
    for count in (2_000, 10_000):
        rows = [HEADER, *([str(n), "甲食品有限公司", "x" * 30] for n in range(count))]
        path = write_book(tmp_path / f"{count}.xlsx", Sheet("S", rows))
        tracemalloc.start()
        with Source(path, LAYOUT) as source:
            assert sum(1 for _ in source) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + (1 << 20)


@pytest.mark.parametrize("write", [write_book, write_ods])
def test_what_a_cell_holds_comes_as_it_is_shown(tmp_path: Path, write: Callable[..., Path]) -> None:
    """Numbers without a fraction that is none, dates in ISO, and faults by name."""
    cells = {
        "12": number("12"),
        "12.5": number("12.5"),
        "95.1": number("95.099999999999994"),
        "120": number("1.2E2"),
        "9007199254740992": number("9007199254740992"),
        "95%": number("0.95", "0%"),
        "2016-05-03": serial(date(2016, 5, 3)),
        "a b": "a b",
        "error-cell": error("#DIV/0!"),
        "formula-without-value": Cell(None, formula="A1"),
        "lost-digits": number("9007199254740993000"),
    }
    suffix = ".xlsx" if write is write_book else ".ods"
    rows = [HEADER, *([str(n), "甲", cell] for n, cell in enumerate(cells.values()))]
    found = rows_of(write(tmp_path / f"t{suffix}", Sheet("S", rows)))
    assert [row.fault[0] if row.fault else row.fields["note"] for row in found] == list(cells)


@pytest.mark.parametrize("write", [write_book, write_ods])
def test_hidden_columns_are_never_read(tmp_path: Path, write: Callable[..., Path]) -> None:
    """One that is needed refuses the file; beside a visible one of the same name it is left out."""
    path = tmp_path / ("t.xlsx" if write is write_book else "t.ods")
    rows = [[*HEADER, "note"], ["1", "甲", "old", "new"], ["2", "乙", "old", ""]]
    write(path, Sheet("S", rows, hidden_columns=[2]))
    assert [row.fields["note"] for row in rows_of(path)] == ["new", ""]
    with Source(path, LAYOUT) as source:
        assert source.form.remarks == ["hidden columns are not read: note"]
    write(path, Sheet("S", [row[:3] for row in rows], hidden_columns=[2]))
    with pytest.raises(SourceError, match="must not have column note hidden; show the column"):
        rows_of(path)
    write(path, Sheet("S", rows))
    with pytest.raises(SourceError, match="it names twice: note"):
        rows_of(path)
