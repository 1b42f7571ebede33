"""Reading files: rows with their place and bytes, whatever the file looks like."""

from __future__ import annotations

import csv
import gzip
from collections import deque
from hashlib import sha256
from itertools import islice
from pathlib import Path

import pytest

from ledger.intake.sources import Layout, Source, SourceError, SourceRow, Told, digest_of
from tests.intake.registers import write, write_xlsx

LAYOUT = Layout(("id", "name"), ("note",))
ROWS = [
    {"id": "1", "name": "plain", "note": ""},
    {"id": "2", "name": 'with "quotes", and a comma', "note": "5"},
    {"id": "3", "name": "東京", "note": "two\nlines"},
    {"id": "4", "name": "last", "note": "x"},
]


def rows_of(path: Path) -> list[SourceRow]:
    with Source(path, LAYOUT) as source:
        return list(source)


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["", "bom"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_a_file_says_the_same_however_it_is_written(
    tmp_path: Path, name: str, start: bytes, end: str, quoting: int
) -> None:
    """Packing, byte order mark, line ends and quoting are no part of what a row says."""
    path = write(
        tmp_path / name, ("id", "name", "note"), ROWS, start=start, end=end, quoting=quoting
    )
    assert [row.fields for row in rows_of(path)] == ROWS
    assert [row.line for row in rows_of(path)] == [2, 3, 4, 6]


def test_a_workbook_says_the_same(tmp_path: Path) -> None:
    """Numbers come as they would stand in a CSV file, and the line is the sheet's."""
    rows = [row | {"note": row["note"].replace("\n", " ")} for row in ROWS]
    path = write_xlsx(tmp_path / "t.xlsx", ("id", "name", "note"), rows)
    assert [row.fields for row in rows_of(path)] == rows
    assert [row.line for row in rows_of(path)] == [2, 3, 4, 5]
    assert rows_of(path)[1].raw == b'2,"with ""quotes"", and a comma",5'


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    """Their order, their capitals and further ones do not matter."""
    path = put(tmp_path / "t.csv", b"more, Name ,ID\nx,duck,1\n")
    with Source(path, LAYOUT) as source:
        (row,) = source
        assert (row.fields["id"], row.fields["name"]) == ("1", "duck")
        assert source.missing == ("note",)


def test_a_row_has_the_bytes_of_its_line(tmp_path: Path) -> None:
    """Their digest can be made from the file with any tool."""
    path = put(tmp_path / "t.csv", b"id,name,note\r\n1,duck,\r\n")
    (row,) = rows_of(path)
    assert sha256(row.raw).digest() == sha256(b"1,duck,").digest()


def test_empty_lines_are_no_rows(tmp_path: Path) -> None:
    """They count as lines all the same."""
    path = put(tmp_path / "t.csv", b"id,name,note\n\n1,duck,\n\n\n2,goose,\n\n")
    assert [(row.line, row.fields["id"]) for row in rows_of(path)] == [(3, "1"), (6, "2")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"9,duck", "wrong-number-of-fields"),
        (b"9,duck,,,", "wrong-number-of-fields"),
        (b"9,d\xfcck,", "not-utf-8"),
        (b'9,"duck,', "open-quotation"),
        (b'9,duck,"', "open-quotation"),
        (b'"9",duck,"never', "open-quotation"),
        (b'9,"duck"x,', "not-csv"),
    ],
)
def test_a_row_that_cannot_be_read_costs_itself_alone(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    """The rows before and behind it are read as if it were not there."""
    good = [b"%d,name %d,note" % (n, n) for n in range(120)]
    path = put(tmp_path / "t.csv", b"\n".join([b"id,name,note", *good[:60], line, *good[60:], b""]))
    rows = rows_of(path)
    assert [row.fields["id"] for row in rows if not row.fault] == [str(n) for n in range(120)]
    ((place, fault),) = [(row.line, row.fault) for row in rows if row.fault]
    assert place == 62
    assert fault[0] in {reason, "not-csv"}


def test_a_quotation_that_is_closed_much_later_costs_one_row(tmp_path: Path) -> None:
    """Where the next quotation mark seems to close it, the rows between are given back."""
    path = put(tmp_path / "t.csv", b'id,name,note\n1,"open,\n2,b,\n3,"c",\n4,d,\n')
    rows = rows_of(path)
    assert [row.fields["id"] for row in rows if not row.fault] == ["2", "3", "4"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"id,title\n", "has no column name. Found: id, title. Needed: id, name."),
        (b"id,name,name\n", "must name each column once; it names twice: name"),
        ("id,name\n".encode("utf-16-le"), "UTF-16 without a byte order mark"),
    ],
)
def test_a_header_that_will_not_do_is_explained(tmp_path: Path, data: bytes, says: str) -> None:
    """The message names the file and what is missing or wrong."""
    with pytest.raises(SourceError, match=r"t\.csv") as error:
        rows_of(put(tmp_path / "t.csv", data))
    assert says in str(error.value)


def test_a_file_that_breaks_off_gives_what_it_has(tmp_path: Path) -> None:
    """The rows before the break are read; then the error says where it is."""
    lines = b"".join(
        b"%d,name %d,%s\n" % (n, n, sha256(b"%d" % n).hexdigest().encode()) for n in range(5000)
    )
    packed = gzip.compress(b"id,name,note\n" + lines)
    path = put(tmp_path / "t.csv.gz", packed[: len(packed) // 2])
    with Source(path, LAYOUT) as source:
        rows = iter(source)
        count = sum(1 for _ in islice(rows, 1000))
        with pytest.raises(SourceError, match="breaks off after line"):
            deque(rows, maxlen=0)
    assert count == 1000


def test_a_workbook_that_is_none_is_explained(tmp_path: Path) -> None:
    """A text file with the wrong name is no spreadsheet."""
    with pytest.raises(SourceError, match="as a spreadsheet"):
        rows_of(put(tmp_path / "t.xlsx", b"id,name\n"))


@pytest.mark.parametrize("start", [b"", b"id,name\n1,"])
def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(
    tmp_path: Path, start: bytes
) -> None:
    """A few kilobytes can unpack to one line of gigabytes."""
    packed = gzip.compress(start + b"0" * (9 << 20))
    with pytest.raises(SourceError, match=r"t.csv.gz has a line of more than 4 MiB"):
        rows_of(put(tmp_path / "t.csv.gz", packed))


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb18030", "1,兰州新区食品有限公司,镕㐂"),
        ("gb18030", "1,蘭州新區東風飯館,鎔"),
        ("utf-8", "1,兰州,é"),
        ("utf-8-sig", "1,兰州,"),
        ("utf-16", "1,兰州,𠮷"),
        ("utf-32", "1,兰州,𠮷"),
        ("big5", "1,蘭州,甲"),
        ("shift_jis", "1,東京,ア"),
    ],
)
def test_an_encoding_is_found_or_told(tmp_path: Path, encoding: str, text: str) -> None:
    """What is found is what it is; what cannot be found is told, and then believed."""
    path = put(tmp_path / "t.csv", f"id,name,note\n{text}\n".encode(encoding))
    told = Told(encoding if encoding in {"big5", "shift_jis"} else None)
    with Source(path, LAYOUT, told) as source:
        (row,) = source
    assert list(row.fields.values()) == text.split(",")
    assert source.form.encoding is not None
    assert source.form.encoding.name == {
        "utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"
    }.get(encoding, encoding)  # fmt: skip


def test_an_encoding_that_is_none_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "t.csv", b"id,name\n")
    for name in ("klingon", "hex", "zlib"):
        with pytest.raises(SourceError, match="--encoding must name a text encoding"):
            Source(path, LAYOUT, Told(name))


@pytest.mark.parametrize("encoding", ["latin-1", "shift_jis"])
def test_what_only_could_be_chinese_is_not_taken_for_it(tmp_path: Path, encoding: str) -> None:
    """Its rows are rejected by name until its encoding is told."""
    names = {
        "latin-1": ["Café Zoë", "Müller", "señor crêpe"],
        "shift_jis": ["ラーメンのまるや", "カフェ・ド・パリ", "とんかつ東京"],
    }[encoding]
    rows = "".join(f"{n},{name},\n" for n, name in enumerate(names))
    path = put(tmp_path / "t.csv", f"id,name,note\n{rows}".encode(encoding))
    assert [row.fault and row.fault[0] for row in rows_of(path)] == ["not-utf-8"] * 3
    with Source(path, LAYOUT, Told(encoding)) as source:
        assert [row.fields["name"] for row in source] == names


def test_one_damaged_line_does_not_make_a_file_another_encoding(tmp_path: Path) -> None:
    """A file that is UTF-8 elsewhere stays that; its damaged line is rejected by name."""
    lines = [f"{n},兰州新区,甲".encode() for n in range(9)]
    lines[4] = lines[4][:-1]
    path = put(tmp_path / "t.csv", b"id,name,note\n" + b"\n".join(lines))
    assert [row.fault[0] if row.fault else "" for row in rows_of(path)] == [
        "not-utf-8" if n == 4 else "" for n in range(9)
    ]


def test_a_separator_can_be_declared(tmp_path: Path) -> None:
    """As spreadsheets write it on the first line; then no other is tried."""
    assert len(rows_of(put(tmp_path / "a.csv", b"sep=;\r\nid;name\r\n1;x\r\n"))) == 1
    with pytest.raises(SourceError, match="has no column id"):
        rows_of(put(tmp_path / "b.csv", b"sep=;\r\nid,name\r\n1,x\r\n"))


def test_packed_or_not_is_told_by_the_bytes(tmp_path: Path) -> None:
    """A file that was unpacked on the way and kept its name is read."""
    assert len(rows_of(put(tmp_path / "a.csv.gz", b"id,name\n1,x\n"))) == 1
    assert len(rows_of(put(tmp_path / "b.csv", gzip.compress(b"id,name\n1,x\n")))) == 1


def test_a_digest_is_that_of_the_whole_file(tmp_path: Path) -> None:
    """Read in pieces, it is what any tool says."""
    data = b"0123456789" * 300_000
    assert digest_of(put(tmp_path / "t", data)) == (sha256(data).hexdigest(), len(data))
