"""Small inputs that other systems read wrongly, each with what is right."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest

from ledger.intake.events import InspectionImported, ViolationImported
from ledger.intake.run import Report
from ledger.intake.sources import SourceError, Told
from ledger.kernel import RecordCorrected
from ledger.systems.credit.events import CreditRecordEntered
from ledger.systems.entities.events import EntityRegistered
from tests.intake.books import Sheet, write_book
from tests.intake.registers import SF_INSPECTIONS, Imported, sf_register, visit, write

CASES = Path(__file__).resolve().parents[1] / "fixtures" / "tables"


def take(ledger: Imported, case: str, mapping: str = "sf-food") -> Report:
    return ledger.take(mapping, CASES / case)


def scores(ledger: Imported) -> list[int | None]:
    return [event.score for event in ledger.of(InspectionImported)]


def test_numbers_that_have_lost_digits_are_no_keys(ledger: Imported) -> None:
    """Two businesses do not become one: each row names the other, and nothing is recorded."""
    report = take(ledger, "01-long-numbers")
    assert (report.rows, report.rejected, report.rejects) == (4, 4, {"lost-digits": 4})
    assert ledger.of(EntityRegistered, InspectionImported) == []
    assert [refused.message.rpartition(". ")[2] for refused in report.examples[:2]] == [
        "Row 3 has the same number now",
        "Row 2 has the same number now",
    ]
    assert (
        "sf_businesses_2016.xlsx: rows 2 and 3 have the same number in business_id, because digits "
        "are lost" in report.remarks
    )


def test_every_file_of_the_folder_is_accounted_for(ledger: Imported, tmp_path: Path) -> None:
    """Capitals in a name do not matter, and what no pattern takes is listed."""
    report = take(ledger, "04-upper-case-ending")
    assert [file.file for file in report.files if file.step == "inspections"] == [
        "sf_inspections_2016.csv",
        "sf_inspections_2017.CSV",
    ]
    assert len(ledger.of(InspectionImported)) == 2
    assert len(ledger.of(ViolationImported)) == 1
    assert report.not_imported == []

    folder = sf_register(tmp_path / "r", inspections=[visit()])
    write(folder / "SF_Inspections_2019.Csv", SF_INSPECTIONS, [visit(date="2019-01-02")])
    for name in ("readme.md", "~$sf_inspections_2018.xlsx", ".sf_inspections.csv", "sf_notes.csv"):
        (folder / name).touch()
    (folder / "older").mkdir()
    other = Imported(tmp_path / "other.db")
    report = other.take("sf-food", folder)
    assert report.not_imported == sorted(
        [".sf_inspections.csv", "older/", "readme.md", "sf_notes.csv", "~$sf_inspections_2018.xlsx"]
    )
    assert len(other.of(InspectionImported)) == 2


@pytest.mark.parametrize("ending", ["xlsb", "et", "numbers", "dbf", "json"])
def test_a_register_s_file_that_cannot_be_read_is_not_passed_over(
    ledger: Imported, tmp_path: Path, ending: str
) -> None:
    """A pattern takes it, so that the import is refused, and nothing of the rest is recorded."""
    folder = sf_register(tmp_path / "r", inspections=[visit()])
    (folder / f"sf_inspections_2018.{ending}").write_bytes(b"\0\1\2")
    with pytest.raises(SourceError, match=r"cannot be read; save it as \.xlsx"):
        ledger.take("sf-food", folder)
    assert ledger.records() == []


def test_a_carriage_return_ends_a_line(ledger: Imported) -> None:
    take(ledger, "05-cr-only", "jp-labour")
    assert [event.source_ref for event in ledger.of(CreditRecordEntered)] == ["e1", "e2"]


def test_the_encoding_is_found_once_for_a_file(ledger: Imported) -> None:
    """And the report says which."""
    report = take(ledger, "06-gbk")
    assert report.rejected == 0
    assert report.files[0].encoding == "GB18030 (found)"
    names = [event.identity.name for event in ledger.of(EntityRegistered)]
    assert names[0].endswith("食品有限公司")
    assert names[2] == "ASCII only"


@pytest.mark.parametrize("case", ["07-cover-sheet", "07b-hidden-old-data"])
def test_the_visible_sheet_with_the_columns_is_read(ledger: Imported, case: str) -> None:
    """Not the first one, and never a hidden one."""
    report = take(ledger, case)
    assert scores(ledger) == [95]
    sheet, other = {"07-cover-sheet": ("数据", "说明"), "07b-hidden-old-data": ("定稿", "旧稿")}[
        case
    ]
    assert report.files[0].sheet == sheet
    remark = f"sf_inspections_2016.xlsx: sheet {sheet} is read; not read: {other} (hidden)"
    assert remark in report.remarks


def test_a_sheet_is_named_where_several_would_do(ledger: Imported, tmp_path: Path) -> None:
    """Nothing is recorded until one is named; the same file read otherwise is another import."""
    rows = [list(SF_INSPECTIONS), ["2016-05-03", "1", "Routine", "40"]]
    newer = [list(SF_INSPECTIONS), ["2016-05-03", "2", "Routine", "95"]]
    folder = tmp_path / "r"
    folder.mkdir()
    path = folder / "sf_inspections_2016.xlsx"
    write_book(path, Sheet("一季度", rows), Sheet("二季度", newer), Sheet("封面", [["说明"]]))
    with pytest.raises(
        SourceError, match=r"several sheets.*: 一季度, 二季度. Name the one .*--sheet"
    ):
        ledger.take("sf-food", folder)
    assert ledger.records() == []
    with pytest.raises(SourceError, match=r"no sheet '三季度'. Sheets: 一季度, 二季度, 封面"):
        ledger.take("sf-food", folder, told=Told(sheet="三季度"))
    with pytest.raises(SourceError, match=r"has no column date.*Found: 说明"):
        ledger.take("sf-food", folder, told=Told(sheet="封面"))
    ledger.take("sf-food", folder, told=Told(sheet="二季度"))
    assert scores(ledger) == [95]
    ledger.take("sf-food", folder, told=Told(sheet="一季度"))
    assert scores(ledger) == [95, 40]
    path.unlink()
    write_book(path, Sheet("封面", [["说明"]]), Sheet("旧", rows, "veryHidden"))
    with pytest.raises(SourceError, match=r"Sheets: 封面, 旧 \(hidden\). Name the one"):
        ledger.take("sf-food", folder)


def test_an_error_cell_says_nothing(ledger: Imported) -> None:
    """Its row is rejected by name; nobody is told that the register changed a score."""
    report = take(ledger, "08-error-cells")
    assert report.rejects == {"error-cell": 2}
    assert [refused.message for refused in report.examples] == [
        "score_first shows the error #N/A; mend the formula or empty the cell",
        "score_first shows the error #REF!; mend the formula or empty the cell",
    ]
    assert ledger.of(InspectionImported, RecordCorrected) == []


def test_blank_rows_are_counted_and_are_no_rows(ledger: Imported) -> None:
    """The second run counts them too."""
    for _ in range(2):
        report = take(ledger, "09-blank-comma-rows")
        assert (report.rows, report.rejected, report.blank) == (1, 0, 26)
    assert scores(ledger) == [95]


def test_rejected_rows_can_be_mended_and_imported(ledger: Imported, tmp_path: Path) -> None:
    """The folder has them under their headings; unmended they are rejected again."""
    folder = sf_register(tmp_path / "r", inspections=[visit(), visit(score_first="many")])
    rejects = tmp_path / "out.rejects.csv"
    report = ledger.take("sf-food", folder, rejects=rejects)
    (mended,) = map(Path, report.rejected_files)
    assert mended == tmp_path / "out.rejects" / "sf_inspections_2013_2017.csv"
    again = ledger.take("sf-food", mended.parent, rejects=rejects)
    assert again.rejects == {"bad-score_first": 1}
    assert again.rejected_files == [str(tmp_path / "out.rejects-again" / mended.name)]
    text = mended.read_text("utf-8-sig")
    mended.write_text(text.replace("2015-03-23,10", "2015-03-24,10").replace("many", "88"), "utf-8")
    ledger.take("sf-food", mended.parent)
    assert [(e.held_on, e.score) for e in ledger.of(InspectionImported)] == [
        (date(2015, 3, 23), 90),
        (date(2015, 3, 24), 88),
    ]


def test_rejects_never_turn_a_fault_into_a_value(ledger: Imported, tmp_path: Path) -> None:
    """Imported unmended, a number that lost digits is rejected again and is no text."""
    rejects = tmp_path / "out.rejects.csv"
    first = ledger.take("sf-food", CASES / "01-long-numbers", rejects=rejects)
    with rejects.open(newline="", encoding="utf-8") as file:
        told = list(csv.DictReader(file))
    assert [(t["line"], t["column"], t["value"]) for t in told[:2]] == [
        ("2", "business_id", "916201001234567891"),
        ("3", "business_id", "916201001234567892"),
    ]
    again = ledger.take("sf-food", Path(first.rejected_files[0]).parent)
    assert again.rejects == {"withheld": 4}


def test_a_register_seen_at_one_date_has_one_score(ledger: Imported, tmp_path: Path) -> None:
    """Files of other years name it otherwise, write dates the American way, and lack columns."""
    for n, (columns, row) in enumerate(
        [
            (["business_id", "score", "date", "type"], ["1", "91", "20160503", "routine"]),
            (["Business ID", "Score Last", "Date", "Type"], ["2", "92", "5/3/2016", "routine"]),
            (["BUSINESS_ID", "score_first", "DATE", "TYPE"], ["3", "93", "05/03/2016", "routine"]),
        ]
    ):
        write(tmp_path / f"sf_inspections_{n}.csv", columns, [row])
    report = ledger.take("sf-food", tmp_path)
    assert report.rejected == 0
    visits = ledger.of(InspectionImported)
    assert [(visit.held_on, visit.score) for visit in visits] == [
        (date(2016, 5, 3), score) for score in (91, 92, 93)
    ]
    assert ledger.of(RecordCorrected) == []
    write(tmp_path / "sf_inspections_9.csv", ["business_id", "date", "type"], [])
    with pytest.raises(SourceError, match="no column score_first or score_last"):
        ledger.take("sf-food", tmp_path)


def test_a_report_and_its_rejects_are_in_chinese(ledger: Imported, tmp_path: Path) -> None:
    rejects = tmp_path / "out.rejects.csv"
    report = ledger.take("sf-food", CASES / "08-error-cells", rejects=rejects, language="zh")
    assert report.examples[1].message == "“score_first”显示错误值#REF!；请修正公式或清空该单元格"
    assert "没有文件sf_changes_*：企业自始采用登记册最后日期的名称" in report.remarks
    with rejects.open(newline="", encoding="utf-8-sig") as file:
        told = list(csv.DictReader(file))
    assert [(t["行号"], t["列"], t["值"], t["原因"]) for t in told] == [
        ("2", "score_first", "#N/A", "“score_first”显示错误值#N/A；请修正公式或清空该单元格"),
        ("3", "score_first", "#REF!", report.examples[1].message),
    ]
