"""Odd tables: every row is taken in whole or rejected by name, and never silently another."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

from ledger.intake.cells import Fault
from ledger.intake.mapping import BadRow, Row
from ledger.intake.sources import Layout, Source
from ledger.intake.texts import DELIMITERS
from tests.examples import examples
from tests.intake.books import Cell, Sheet, error, number, serial, write_book, write_ods

LAYOUT = Layout(("id", "name"), ("day", "score", "note"))
COLUMNS = ("id", "name", "day", "score", "note")
TODAY = date(2026, 3, 2)

#: A text as clerks type it, with separators, quotation marks and line breaks in it.
WORDS = st.text(
    st.sampled_from("甲乙丙丁食品有限公司兰州新区路号㐂𠮷éÄ ＡＢ１,;|\t\"'\n—（）·ABCxyz059-/"),
    max_size=12,
)


class Firm(NamedTuple):
    """What a row is meant to say."""

    id: str
    name: str
    day: date | None
    score: int | None
    note: str | None


class Odd(NamedTuple):
    """One oddity of a row: the cell it lies in, and what is put there. It must reject the row."""

    column: int
    cell: Cell


def plain(text: str | None) -> str | None:
    """A text as it is taken: whatever is no plain blank is one, with the blanks around it."""
    text = text or ""
    return (text.strip() if text.isprintable() else " ".join(text.split())) or None


@st.composite
def firms(draw: st.DrawFn) -> list[Firm]:
    """A few firms with different ids."""
    made = draw(
        st.lists(
            st.builds(
                Firm,
                id=st.integers(1, 10**14).map(str)
                | st.from_regex(r"0[0-9]{2,9}|[A-Z0-9]{4,18}", fullmatch=True),
                name=WORDS.filter(lambda text: plain(text) is not None),
                day=st.none() | st.dates(date(1900, 1, 1), TODAY),
                score=st.none() | st.integers(-999, 999_999),
                note=st.none() | WORDS,
            ),
            min_size=1,
            max_size=6,
            unique_by=lambda firm: firm.id,
        )
    )
    return [firm for firm in made if not firm.name.startswith("#")]


#: What must reject its row, by a column in which it would otherwise be read.
ODDITIES = st.sampled_from(
    [
        *(Odd(column, error(shown)) for column in range(5) for shown in ("#REF!", "#N/A")),
        *(Odd(column, Cell(None, formula="B2")) for column in range(5)),
        *(Odd(column, number("916201001234567891")) for column in range(5)),
        *(Odd(column, number("9.1620100123456704E+17")) for column in (0, 4)),
        *(Odd(column, serial(date(2016, 5, 3))) for column in (0, 1, 4)),
        Odd(2, number("2016")),
        Odd(2, number("60", "yyyy-mm-dd")),
        Odd(2, number("42493.75", "yyyy-mm-dd")),
        Odd(3, number("0.95", "0%")),
        Odd(3, number("95.5")),
        Odd(3, serial(date(2016, 5, 3))),
    ]
)


def date_cells(draw: st.DrawFn, day: date, system: int) -> str | Cell:
    """A day in one of the ways in which spreadsheets and people write it."""
    ways: list[Callable[[], str | Cell]] = [
        lambda: serial(day, system),
        lambda: serial(day, system, 'yyyy"年"m"月"d"日"'),
        day.isoformat,
        lambda: f"{day.year}/{day.month}/{day.day}",
        lambda: f"{day.year}年{day.month}月{day.day}日",
        lambda: f"{day:%Y%m%d}",
        lambda: number(f"{day:%Y%m%d}"),
        lambda: f"{day} 00:00:00",
        lambda: f"{day}".translate({48 + n: 0xFF10 + n for n in range(10)}),
    ]
    if (day - date(1904, 1, 1)).days >= 0 or system == 1900:
        return draw(st.sampled_from(ways))()
    return day.isoformat()


def cells_of(draw: st.DrawFn, firm: Firm, system: int) -> list[str | Cell]:
    """A firm as a row of a workbook."""
    exact = firm.id.isdigit() and not firm.id.startswith("0")
    padded = firm.id.isdigit() and len(firm.id) == 6
    score: str | Cell = "" if firm.score is None else str(firm.score)
    if firm.score is not None:
        score = draw(
            st.sampled_from(
                [
                    score,
                    number(str(firm.score)),
                    number(f"{firm.score}.0"),
                    number(f"{float(firm.score)!r}", '"¥"#,##0.00'),
                    f"{firm.score:,}",
                ]
            )
        )
    if padded:
        key: str | Cell = draw(st.sampled_from([firm.id, number(str(int(firm.id)), "000000")]))
    else:
        key = draw(st.sampled_from([firm.id, number(firm.id)])) if exact else firm.id
    day = "" if firm.day is None else date_cells(draw, firm.day, system)
    return [key, firm.name, day, score, firm.note or ""]


def read(path: Path) -> dict[int, Firm | str]:
    """What is taken of each line, or the name of why it is not."""
    taken: dict[int, Firm | str] = {}
    with Source(path, LAYOUT) as source:
        for found in source:
            assert found.line not in taken
            if found.fault is not None:
                taken[found.line] = found.fault[0]
                continue
            assert not any(type(value) is Fault for value in map(found.fields.get, COLUMNS))
            row = Row(found.fields, TODAY)
            try:
                taken[found.line] = Firm(
                    row.need("id"),
                    row.need("name", 300),
                    row.day("day"),
                    row.number("score"),
                    row.text("note"),
                )
            except BadRow as refused:
                taken[found.line] = refused.reason
    return taken


def meant(firm: Firm) -> Firm:
    return firm._replace(name=plain(firm.name) or "", note=plain(firm.note))


@examples(40, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_workbook_is_taken_in_whole_or_rejected_by_name(data: st.DataObject) -> None:
    """Rows without an oddity say what they were meant to say; each with one is rejected by name."""
    draw: Any = data.draw
    kind = draw(st.sampled_from(["xlsx", "ods"]))
    system = draw(st.sampled_from([1900, 1904])) if kind == "xlsx" else 1900
    above = draw(st.integers(0, 3))
    said = draw(firms())
    rows: list[list[str | Cell]] = [["企业名录"] for _ in range(above)]
    rows.append([name.upper() for name in COLUMNS])
    odd: dict[int, str] = {}
    truth: dict[int, Firm] = {}
    hidden, merged = [], []
    for firm in said:
        rows += [[""] * draw(st.integers(0, 5)) for _ in range(draw(st.integers(0, 2)))]
        cells = cells_of(draw, firm, system)
        line = len(rows) + 1
        oddity = draw(st.none() | st.none() | ODDITIES | st.sampled_from(["hidden", "merged"]))
        if kind == "ods" and isinstance(oddity, Odd) and oddity.cell.style == "yyyy-mm-dd":
            oddity = None if "." in (oddity.cell.stored or "") or oddity.column == 2 else oddity
        if system == 1904 and isinstance(oddity, Odd) and oddity.cell.stored == "60":
            oddity = None  # a day there: only 1900 had no 29 February
        if kind == "ods" and oddity == "merged":
            oddity = None
        if oddity == "hidden":
            hidden.append(line)
        elif oddity == "merged":
            merged.append(f"B{line}:C{line}")
        elif oddity is not None:
            cells[oddity.column] = oddity.cell
        if oddity is None:
            truth[line] = meant(firm)
        else:
            odd[line] = str(oddity)
        rows.append(cells)
    if kind == "ods":
        rows = [[_ods_number(cell) for cell in row] for row in rows]
    sheet = Sheet("数据", rows, hidden_rows=hidden, merged=merged)
    others = [Sheet("说明", [["填表说明"]]), Sheet("旧", [list(COLUMNS), ["9", "旧"]], "hidden")]
    sheets = draw(st.permutations([sheet, *others]))
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"t.{kind}"
        if kind == "ods":
            write_ods(path, *sheets)
        else:
            write_book(path, *sheets, system=system, shared=draw(st.booleans()))
        taken = read(path)
    assert set(taken) == {*truth, *odd}
    assert {line: taken[line] for line in truth} == truth
    for line, what in odd.items():
        assert isinstance(taken[line], str), (line, what, taken[line])


def _ods_number(cell: str | Cell) -> str | Cell:
    """A cell without the formats that this writer of ods files does not know."""
    if isinstance(cell, Cell) and cell.style == "000000":
        return str(cell.stored).zfill(6)
    if isinstance(cell, Cell) and "年" in cell.style:
        return cell._replace(style="yyyy-mm-dd")
    return cell


#: Encodings with their byte order marks, which is all that is said of most.
FORMS = {
    "utf-8": b"",
    "utf-8-sig": b"",
    "gb18030": b"",
    "utf-16-le": b"\xff\xfe",
    "utf-16-be": b"\xfe\xff",
}


@examples(50, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), said=firms())
@example(data=None, said=[Firm("1", "甲\n乙", None, None, None)])
def test_a_text_file_is_taken_in_whole(data: st.DataObject | None, said: list[Firm]) -> None:
    """Encoding, separator, line ends, quoting, titles and blank rows say nothing."""
    draw: Any = (lambda strategy: None) if data is None else data.draw
    encoding = draw(st.sampled_from(sorted(FORMS))) or "utf-8"
    delimiter = draw(st.sampled_from(DELIMITERS)) or ","
    end = draw(st.sampled_from(["\n", "\r\n", "\r"])) or "\n"
    titles = draw(st.integers(0, 2)) or 0
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        delimiter=delimiter,
        lineterminator=end,
        quoting=csv.QUOTE_ALL
        if end == "\r"  # the writer quotes no other line break then
        else draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])) or csv.QUOTE_MINIMAL,
    )
    for _ in range(titles):
        writer.writerow(["兰州新区企业名录"])
    writer.writerow(COLUMNS)
    for firm in said:
        if draw(st.booleans()):
            writer.writerow([""] * len(COLUMNS))
        writer.writerow(
            [
                firm.id,
                firm.name,
                firm.day or "",
                "" if firm.score is None else firm.score,
                firm.note or "",
            ]
        )
    # Chinese enough to be told from western text; a file of a register is.
    writer.writerow(["ZZZ", "兰州新区市场监督管理局企业名录完毕", "", "", ""])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(FORMS[encoding] + text.getvalue().encode(encoding))
        taken = list(read(path).values())
    assert taken[:-1] == [meant(firm) for firm in said]


@examples(25)
@given(
    days=st.lists(st.integers(0, 60_000), min_size=1, max_size=20),
    system=st.sampled_from([1900, 1904]),
)
def test_a_serial_number_is_the_day_that_spreadsheets_show(days: list[int], system: int) -> None:
    """By counting day after day from the first, over the leap day of 1900 that never was."""
    first = date(1899, 12, 31) if system == 1900 else date(1904, 1, 1)
    shown = {}
    day, number_ = first, 0
    for number_ in range(60_001):
        if system == 1900 and number_ == 60:
            shown[number_] = None
            continue
        shown[number_] = day
        day += timedelta(days=1)
    with TemporaryDirectory() as folder:
        rows = [["id", "name", "day"]] + [
            [str(n), "甲", number(str(n), "yyyy-mm-dd")] for n in days
        ]
        path = write_book(Path(folder) / "t.xlsx", Sheet("S", rows), system=system)
        taken = list(read(path).values())
    for found, n in zip(taken, days, strict=True):
        if shown[n] is None:
            assert found == "bad-date"
        elif shown[n] > TODAY:
            assert found == "future-day"
        else:
            assert isinstance(found, Firm)
            assert found.day == shown[n]
