"""A region's own list of businesses: taken by a mapping of one's own, or refused in words."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from stdnum.cn import ric, uscc

import ledger.intake
from api.cli.command_line import main
from ledger.intake.events import ImportProgressed
from ledger.intake.own_lists import MappingError, read_mapping
from ledger.intake.run import Report
from ledger.systems.entities.events import EntityLeftRegister, EntityRegistered, EntityRevised
from ledger.systems.grading.events import CreditGradeAssigned
from tests.intake.books import Cell, Sheet, number, serial, write_book
from tests.intake.registers import Imported, write

EXAMPLE = Path(ledger.intake.__file__).parent / "examples" / "mingdan.toml"
HEADINGS = ("统一社会信用代码", "企业名称", "住所", "行业", "成立日期", "登记状态", "注销日期")
#: Right by both checks, as some credit codes are; and one that is a citizen's alone.
CITIZENS = ("321102197001014275", "110101190001011009")


def code(n: int) -> str:
    """The n-th credit code of this region that is right."""
    start = f"91620100MA{n:07d}"
    return start + uscc.calc_check_digit(start)


def firm(n: int, **said: str | Cell) -> dict[str, str | Cell]:
    row: dict[str, str | Cell] = {
        "统一社会信用代码": code(n),
        "企业名称": f"第{n}号食品有限公司",
        "住所": f"纬一路{n}号",
        "行业": "餐饮业",
        "成立日期": "2015年3月4日",
    }
    return row | said


def book(path: Path, rows: Sequence[dict[str, Any]], headings: Sequence[str] = HEADINGS) -> Path:
    cells = [list(headings), *([row.get(name, "") for name in headings] for row in rows)]
    return write_book(path, Sheet("名录", cells))


def take(ledger: Imported, path: Path, mapping: Path = EXAMPLE, **options: Any) -> Report:
    return ledger.take(str(mapping), path, **options)


def test_a_list_is_taken_with_grades_and_leavings(ledger: Imported, tmp_path: Path) -> None:
    """Each field from its column; what names persons goes nowhere."""
    headings = (*HEADINGS, "信用等级", "评定日期", "注册资本", "法定代表人", "联系电话", "备注")
    rows = [
        firm(
            1,
            信用等级="B级",
            评定日期=serial(date(2026, 1, 15)),
            成立日期=serial(date(2015, 3, 4)),
            注册资本=number("1000.5", '"¥"#,##0.00'),
            法定代表人="张三丰",
            联系电话=number("13900000000"),
        ),
        firm(2, 登记状态="注销", 注销日期="2025-02-03", 注册资本="1,000.50万元", 信用等级="A"),
        firm(
            3, 登记状态="吊销", 注销日期=serial(date(2025, 2, 4)), 注册资本="￥2,000", 信用等级="A"
        ),
    ]
    report = take(ledger, book(tmp_path / "名录.xlsx", rows, headings))
    assert report.rejects == {"bad-注册资本": 1}
    first, third = ledger.of(EntityRegistered)
    assert first.entity == code(1)
    assert first.identity.name == "第1号食品有限公司"
    assert (first.identity.area, first.identity.line) == ("兰州新区", "餐饮业")
    assert first.identity.registered_on == "2015-03-04"
    assert first.identity.details == {"注册资本（万元）": "1000.5"}
    assert third.identity.details == {"注册资本（万元）": "2000"}
    graded = ledger.of(CreditGradeAssigned)
    assert [(g.entity, g.grade, g.assessed_on, g.source) for g in graded] == [
        (code(1), "B", date(2026, 1, 15), "edb"),
        (code(3), "A", date(2026, 1, 31), "edb"),
    ]
    (left,) = ledger.of(EntityLeftRegister)
    assert (left.entity, left.kind, left.left_on) == (code(3), "licence_revoked", date(2025, 2, 4))
    assert report.files[0].extra == ("法定代表人", "联系电话", "备注")
    everything = repr(ledger.records()) + repr(report)
    assert "张三丰" not in everything
    assert "13900000000" not in everything


@pytest.mark.parametrize(
    "written",
    [
        str.lower,
        lambda c: f" {c} ",
        lambda c: f"{c[:4]} {c[4:]}",
        lambda c: f"\u200b{c}\ufeff",
        lambda c: "".join(chr(ord(x) + 0xFEE0) for x in c),
    ],
    ids=["small", "blanks", "gap", "unseen", "wide"],
)
def test_a_credit_code_has_one_spelling(ledger: Imported, tmp_path: Path, written: Any) -> None:
    rows = [firm(1), firm(1, 统一社会信用代码=written(code(1)))]
    take(ledger, book(tmp_path / "名录.xlsx", rows))
    assert [event.entity for event in ledger.of(EntityRegistered)] == [code(1)]


@pytest.mark.parametrize(
    "number_", [*CITIZENS, CITIZENS[0].lower(), f" {CITIZENS[1][:6]} {CITIZENS[1][6:]}"]
)
@pytest.mark.parametrize("column", ["统一社会信用代码", "注册号", "企业名称", "住所", "成立日期"])
@pytest.mark.parametrize("form", ["xlsx", "csv", "number"])
def test_nobody_s_number_is_repeated_anywhere(
    ledger: Imported, tmp_path: Path, number_: str, column: str, form: str
) -> None:
    """Not in the report, the rejects, the files to be mended, or the ledger."""
    headings = (*HEADINGS, "注册号")
    row: dict[str, Any] = firm(7) | {column: number_}
    if column == "注册号":
        row["统一社会信用代码"] = ""
    path = tmp_path / "名录.xlsx"
    if form == "csv":
        path = write(tmp_path / "名录.csv", headings, [row, firm(8)])
    else:
        if form == "number":
            row[column] = number(number_.replace(" ", ""))
        book(path, [row, firm(8)], headings)
    rejects = tmp_path / "out.rejects.csv"
    report = take(ledger, path, rejects=rejects)
    assert (report.rows, report.rejected) == (2, 1)
    assert [event.entity for event in ledger.of(EntityRegistered)] == [code(8)]
    told = [repr(report), repr(ledger.records()), rejects.read_text("utf-8")]
    told += [Path(mended).read_text("utf-8") for mended in report.rejected_files]
    for text in told:
        assert number_.strip().replace(" ", "")[6:14] not in text.replace(" ", "")


@pytest.mark.parametrize("form", ["xlsx", "csv"])
def test_rejects_name_nobody(ledger: Imported, tmp_path: Path, form: str) -> None:
    """What a mapping does not read stands in no list of rejects; what it reads can be mended."""
    headings = (*HEADINGS, "法定代表人", "备注")
    rows = [firm(1, 企业名称="", 法定代表人="张三丰", 备注="找张三丰"), firm(2)]
    path = tmp_path / f"名录.{form}"
    if form == "xlsx":
        book(path, rows, headings)
    else:
        write(path, headings, [*rows, [*rows[0].values(), "张三丰"]])
    rejects = tmp_path / "out.rejects.csv"
    report = take(ledger, path, rejects=rejects)
    assert report.rejected == 1 + (form == "csv")
    (mended,) = map(Path, report.rejected_files)
    for text in (rejects.read_text("utf-8"), mended.read_text("utf-8")):
        assert "张三丰" not in text
        assert "纬一路1号" in text
    mended.write_text(mended.read_text("utf-8-sig").replace(f"{code(1)},", f"{code(1)},某公司", 1))
    assert take(ledger, mended).recorded["entities.entity-registered"] == 1
    assert len(ledger.of(EntityRegistered)) == 2


def test_an_odd_check_character_needs_a_reference(ledger: Imported, tmp_path: Path) -> None:
    """With one it is taken and marked; without it the row is rejected by name."""
    odd = code(1)[:17] + ("0" if code(1)[17] != "0" else "1")
    path = book(tmp_path / "名录.xlsx", [firm(1, 统一社会信用代码=odd)])
    report = take(ledger, path)
    (event,) = ledger.of(EntityRegistered)
    assert (event.entity, event.oddity) == (odd, "check_character")
    assert event.register_ref == "市场主体登记系统"
    assert report.warnings == {"odd-check-character": 1}
    mapping = tmp_path / "strict.toml"
    mapping.write_text(
        "\n".join(x for x in EXAMPLE.read_text("utf-8").splitlines() if "reference" not in x),
        "utf-8",
    )
    other = Imported(tmp_path / "other.db")
    assert take(other, path, mapping).rejects == {"check-character": 1}
    assert other.of(EntityRegistered) == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"企业名称": ""}, "no-企业名称"),
        ({"统一社会信用代码": ""}, "no-统一社会信用代码"),
        ({"统一社会信用代码": "620100100012345"}, "bad-统一社会信用代码"),
        ({"统一社会信用代码": "91990100MA0000001X"}, "bad-统一社会信用代码"),
        ({"统一社会信用代码": "mingdan:7"}, "bad-统一社会信用代码"),
        ({"成立日期": "3/4/2015"}, "bad-成立日期"),
        ({"成立日期": "2027-01-01"}, "future-成立日期"),
        ({"登记状态": "停业"}, "unknown-登记状态"),
        ({"登记状态": "注销"}, "no-注销日期"),
        ({"企业名称": "甲\u202e乙"}, "unseen-企业名称"),
        ({"住所": "一路 电话13900000000"}, "personal-住所"),
        ({"住所": "#REF!"}, "error-cell"),
        ({"行业": serial(date(2016, 5, 3))}, "date-in-行业"),
        ({"企业名称": "名" * 301}, "企业名称-too-long"),
    ],
)
def test_a_row_that_cannot_be_taken_is_rejected_by_name(
    ledger: Imported, tmp_path: Path, said: dict[str, Any], reason: str
) -> None:
    report = take(ledger, book(tmp_path / "名录.xlsx", [firm(1) | said, firm(2)]))
    assert report.rejects == {reason: 1}
    assert [event.entity for event in ledger.of(EntityRegistered)] == [code(2)]


def test_one_code_stands_in_a_list_once(ledger: Imported, tmp_path: Path) -> None:
    """The second row is rejected and names the first; across batches too."""
    rows = [firm(1), firm(2), firm(1, 企业名称="别的公司"), firm(1)]
    report = take(ledger, book(tmp_path / "名录.xlsx", rows), batch_rows=1)
    assert report.rejects == {"listed-twice": 1}
    assert (
        f"{code(1)} must be listed once; line 2 of this list has other"
        in report.examples[0].message
    )
    assert len(ledger.of(EntityRegistered)) == 2


def test_next_year_s_list_revises_what_it_says_otherwise(ledger: Imported, tmp_path: Path) -> None:
    """Under the same name of the file or another, and once."""
    path = tmp_path / "名录.xlsx"
    take(ledger, book(path, [firm(1), firm(2)]))
    take(ledger, book(path, [firm(1, 企业名称="新名食品有限公司"), firm(2), firm(3)]))
    take(ledger, path)
    assert [event.identity.name for event in ledger.of(EntityRevised)] == ["新名食品有限公司"]
    assert len(ledger.of(EntityRegistered)) == 3


def test_a_firm_without_a_credit_code_has_its_number(ledger: Imported, tmp_path: Path) -> None:
    headings = ("企业名称", "注册号")
    rows = [{"企业名称": "甲", "注册号": number("620100100012345")}]
    take(ledger, book(tmp_path / "名录.xlsx", rows, headings))
    assert [event.entity for event in ledger.of(EntityRegistered)] == ["mingdan:620100100012345"]


GOOD = """name = "mine"

[columns."信用代码"]
field = "uscc"

[columns."名称"]
field = "name"
"""


def changed(old: str, new: str) -> str:
    return GOOD.replace(old, new, 1)


def added(heading: str, keys: str) -> str:
    return f"{GOOD}\n[columns.{heading}]\n{keys}\n"


@pytest.mark.parametrize(
    ("text", "line", "key", "why"),
    [
        (changed("mine", "Mine!"), 1, "name", "2 to 40 small letters"),
        (changed("uscc", "code"), 4, "columns.*field", "Invalid enum value"),
        (changed("field = ", "feld = "), 4, "feld", "unknown field|missing required"),
        (changed("uscc", "name"), 7, 'columns."名称".field', "from one column"),
        (added('"联系电话"', 'field = "detail"'), 10, 'columns."联系电话".field', "persons"),
        (added('"法定代表人"', 'field = "line"'), 10, 'columns."法定代表人"', "drop"),
        (added("A", 'field = "grade"'), 10, "columns.A.field", "table .grade."),
        (added("A", 'field = "status"'), 10, "columns.A.field", "left_on"),
        (added("A", 'field = "detail"\nmatches = "("'), 11, "columns.A.matches", "regular"),
        (added("A", 'field = "line"\ntype = "date"'), 11, "columns.A.type", "only a detail"),
        (f'{GOOD}\n[grade]\nscheme = "s"\nsource = "x"\n', 11, "grade.source", "Invalid enum"),
        (GOOD.replace("\n", "\nsize = 3\n", 1), 2, "size", "unknown field"),
    ],
)
def test_a_wrong_mapping_is_refused_with_line_and_key(
    tmp_path: Path, text: str, line: int, key: str, why: str
) -> None:
    path = tmp_path / "my.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(MappingError, match=why) as error:
        read_mapping(path)
    said = str(error.value)
    assert said.startswith(f"my.toml, line {line}, "), said
    for part in key.split(".*"):
        assert part in said


def test_a_file_that_is_no_mapping_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text("name = \n", "utf-8")
    with pytest.raises(MappingError, match=r"my.toml must be TOML; it is not: .*line 1"):
        read_mapping(path)
    path.write_bytes("名 = 1".encode("gb18030"))
    with pytest.raises(MappingError, match="must be UTF-8"):
        read_mapping(path)
    with pytest.raises(MappingError, match="cannot be read"):
        read_mapping(tmp_path / "none.toml")


def test_a_changed_mapping_reads_the_list_anew(ledger: Imported, tmp_path: Path) -> None:
    mapping = tmp_path / "my.toml"
    mapping.write_text(GOOD, "utf-8")
    path = write(tmp_path / "l.csv", ["信用代码", "名称", "地址"], [[code(1), "甲", "一路"]])
    take(ledger, path, mapping)
    mapping.write_text(GOOD + '\n[columns."地址"]\nfield = "address"\n', "utf-8")
    take(ledger, path, mapping)
    (revised,) = ledger.of(EntityRevised)
    assert revised.identity.address == "一路"


def said_by(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0
    return json.loads(capsys.readouterr().out)


def test_a_dry_run_records_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reports what the import would, with a ledger there or not; then the import does it."""
    monkeypatch.chdir(tmp_path)
    path = book(tmp_path / "名录.xlsx", [firm(1), firm(2, 企业名称="")])
    words = ("import", "--mapping", str(EXAMPLE), str(path), "--json", "--language", "en")
    trial = said_by(capsys, *words, "--dry-run")
    assert not (tmp_path / "ledger.db").exists()
    assert (tmp_path / "ledger.db.mingdan.rejects.csv").exists()
    real = said_by(capsys, *words)
    assert (trial.pop("dry_run"), real.pop("dry_run")) == (True, False)
    for report in (trial, real):
        del report["seconds"]
    assert trial == real
    before = (tmp_path / "ledger.db").stat().st_size
    again = said_by(capsys, *words, "--dry-run")
    assert (again["rows"], again["recorded"]) == (2, {})
    assert (tmp_path / "ledger.db").stat().st_size == before
    assert len(Imported(tmp_path / "ledger.db").of(EntityRegistered)) == 1


def test_a_report_for_people_names_its_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Chinese where the terminal is, with the encoding and how it was found."""
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "名录.csv", HEADINGS, [firm(1), firm(2, 企业名称="")])
    for language, said in (
        (
            "zh",
            ("拒收", "名录.csv:3: “企业名称”不得为空", "编码 UTF-8（经识别）", "缺少的列 注册号"),
        ),
        (
            "en",
            (
                "rejected",
                "名录.csv:3: 企业名称 must not be empty",
                "encoding UTF-8 (found)",
                "missing 注册号",
            ),
        ),
    ):
        with pytest.raises(SystemExit):
            main(["import", str(EXAMPLE), str(path), "--language", language])
        # Where a line is broken depends on how long the folder's name is.
        out = "".join(capsys.readouterr().out.replace("│", "").split())
        assert [text for text in said if "".join(text.split()) not in out] == []


def test_refusals_are_in_the_language_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "l.csv", ["名称"], [["甲"]])
    with pytest.raises(SystemExit):
        main(["import", str(EXAMPLE), str(path), "--language", "zh"])
    said = capsys.readouterr().err
    assert "l.csv缺少列：企业名称, 统一社会信用代码 or 注册号。现有列：名称。" in said


CHILD = """
import sys
from pathlib import Path
from tests.intake.registers import Imported
Imported(Path(sys.argv[1])).take(
    sys.argv[2], Path(sys.argv[3]), batch_rows=20, rejects=Path(sys.argv[4]),
    progress=lambda p: print(p.rows_done, flush=True),
)
"""


@pytest.mark.slow
def test_a_killed_import_of_a_list_continues(ledger: Imported, tmp_path: Path) -> None:
    """Killed at random moments, it ends with the facts and the rejects of one left alone."""
    chance = random.Random(int.from_bytes(os.urandom(4), "big"))
    rows = [firm(n, 企业名称="" if n % 50 == 0 else f"第{n}号公司") for n in range(1500)]
    path = book(tmp_path / "名录.xlsx", rows)
    rejects = tmp_path / "out.rejects.csv"
    root = Path(__file__).resolve().parents[2]
    words = [str(ledger.path), str(EXAMPLE), str(path), str(rejects)]
    for _ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, *words], cwd=root, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for _, _ in zip(range(chance.randint(1, 15)), process.stdout, strict=False):
                pass
            process.send_signal(signal.SIGKILL)
    report = take(ledger, path, rejects=rejects, batch_rows=20)
    undisturbed = Imported(tmp_path / "undisturbed.db")
    other = tmp_path / "other.rejects.csv"
    expected = take(undisturbed, path, rejects=other, batch_rows=20)
    assert (report.rows, report.rejects) == (expected.rows, expected.rejects)
    assert rejects.read_bytes() == other.read_bytes()
    assert ledger.story() == undisturbed.story()
    assert max(e.rows_done for e in ledger.of(ImportProgressed)) == 1500


def test_the_numbers_of_citizens_are_right_by_their_check() -> None:
    """One of them is a credit code too, by its own check."""
    assert all(ric.calc_check_digit(one) == one[17] for one in CITIZENS)
    assert uscc.is_valid(CITIZENS[0])


def test_party_and_industry_are_read_and_checked(ledger: Imported, tmp_path: Path) -> None:
    """By codes of the mapping; a division that GB/T 4754 does not have rejects the row."""
    mapping = tmp_path / "my.toml"
    more = """
[columns."类型"]
field = "party_type"
codes = { "公司" = "legal_person", "个体户" = "individual_business" }
[columns."行业代码"]
field = "industry"
"""
    mapping.write_text(GOOD + more, "utf-8")
    headings = ["信用代码", "名称", "类型", "行业代码"]
    rows = [
        [code(1), "甲", "公司", "H6210"],
        [code(2), "乙", "个体户", ""],
        [code(3), "丙", "公司", "C6210"],
        [code(4), "丁", "机关", "H62"],
    ]
    report = take(ledger, write(tmp_path / "l.csv", headings, rows), mapping)
    assert report.rejects == {"bad-行业代码": 1, "unknown-类型": 1}
    found = [(e.identity.party_type, e.identity.industry) for e in ledger.of(EntityRegistered)]
    assert found == [("legal_person", "H6210"), ("individual_business", None)]
    mapping.write_text(GOOD + more.replace('"legal_person"', '"company"'), "utf-8")
    with pytest.raises(MappingError, match="it must be one of legal_person"):
        read_mapping(mapping)
