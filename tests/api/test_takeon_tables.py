"""Tables of opening facts: columns that lead somewhere, cells that are read as they stand."""

from __future__ import annotations

import csv
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from msgspec import inspect

from api.cli.command_line import main
from api.cli.takeon_tables import KINDS, BadCell, Column, Kind, rows_of, yuan
from ledger.intake.sources import SourceError

#: A cell that each column of any table takes, by its English name without a number.
CELLS = {
    "ref": "A-1",
    "unit": "MRB",
    "uscc": "91620100ma7lx01051",
    "doc_no": "兰新市监罚〔2026〕12号",
    "types": "罚款；warning",
    "severity": "一般",
    "sector": "food",
    "procedure": "普通程序",
    "repair_notice": "是",
    "public": "true",
    "channels": "信用中国;unit_site",
    "violation_code": "FS-034",
    "investigators": "OFF-001;OFF-002",
    "decision": "DEC-1",
    "record": "CR-1",
    "case": "CASE-1",
    "type": "自主承诺",
    "text_hash": "ab" * 32,
    "commitment": "CMT-1",
    "matters": "M-101; M-102",
    "tracking_officer": "OFF-001",
    "designation": "KEY-1",
    "concerns": "行政复议",
    "sealed": "否",
    "hidden_from": "EMB",
    "duty": "DUTY-1",
    "valid_until": "2026-04-20",
    "source_uscc": "11620100013909010F",
}


def cell(column: Column) -> str:
    stem = column.name.rstrip("_0123456789")
    if stem.endswith("_on"):
        return "2026-04-20"
    if stem.endswith("_yuan"):
        return "5000.50"
    return CELLS.get(stem, "说明")


def field_at(cls: type[msgspec.Struct], put: str) -> Any:
    """The type of what stands there in a command; ``None`` if nothing does."""
    info: Any = inspect.type_info(cls)
    for part in put.split("."):
        while not isinstance(info, inspect.StructType | inspect.VarTupleType):
            types = info.types if isinstance(info, inspect.UnionType) else (info.type,)
            info = next(t for t in types if not isinstance(t, inspect.NoneType))
        if part.isdigit():
            info = cast("Any", info).item_type
            continue
        found = [field for field in cast("Any", info).fields if field.name == part]
        if not found:
            return None
        info = found[0].type
    return info


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.kind)
def test_every_column_leads_to_a_field(kind: Kind) -> None:
    """And every field that a command needs has a column that a table must have."""
    for column in kind.columns:
        assert field_at(kind.command, column.put) is not None, column.name
    heads = {column.put.split(".")[0] for column in kind.columns if column.required}
    needed = {f.name for f in msgspec.structs.fields(kind.command) if f.required}
    assert needed - {"takeon"} <= heads


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.kind)
def test_no_name_means_two_columns(kind: Kind) -> None:
    """In either language."""
    names = [name for column in kind.columns for name in (column.name, column.chinese)]
    assert len(names) == len(set(names))


def table(path: Path, kind: Kind, *, chinese: bool, encoding: str = "utf-8-sig") -> Path:
    """A table with every column filled."""
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file)
        writer.writerow([c.chinese if chinese else c.name for c in kind.columns])
        writer.writerow([f" {cell(column)} " for column in kind.columns])
    return path


@pytest.mark.parametrize("chinese", [True, False])
@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.kind)
def test_a_full_row_is_the_body_of_its_command(kind: Kind, chinese: bool, tmp_path: Path) -> None:
    """Whichever names its columns have; the row says where it stands, and by which digest."""
    path = table(tmp_path / "表.csv", kind, chinese=chinese)
    [row] = list(rows_of(path, kind, "TAKEON-1"))
    assert row.fault is None, row.fault
    command: Any = msgspec.convert(row.body, kind.command)
    assert (command.takeon, command.ref, command.unit) == ("TAKEON-1", "A-1", "MRB")
    assert (command.origin.file, command.origin.row) == ("表.csv", 2)
    assert command.entity == "91620100MA7LX01051"
    if kind.kind == "penalty":
        assert command.types == ("fine", "warning")
        assert [paid.amount_fen for paid in command.payments] == [500_050] * 3
        assert command.case_file.investigators == ("OFF-001", "OFF-002")


@pytest.mark.parametrize(
    ("given", "fen"), [("0", 0), ("5000", 500_000), ("0.5", 50), ("12.34", 1234)]
)
def test_yuan_are_exact(given: str, fen: int) -> None:
    """To the fen."""
    assert yuan(given) == fen


@pytest.mark.parametrize("given", ["", "-1", "5,000", "5000元", "1e3", "0.005", "１２", "NaN", "²"])
def test_no_amount_is_guessed(given: str) -> None:
    """What is not plainly an amount is none."""
    with pytest.raises(BadCell):
        yuan(given)


def test_a_table_without_a_column_is_refused(tmp_path: Path) -> None:
    """The words name each that is missing, in both languages."""
    path = tmp_path / "table.csv"
    path.write_text("ref,unit\nA-1,MRB\n", "utf-8")
    with pytest.raises(SourceError, match=r"统一社会信用代码 \(uscc\)"):
        list(rows_of(path, KINDS["penalty"], "TAKEON-1"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_columns_are_listed(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """For whoever makes a table."""
    with suppress(SystemExit):  # as it ends, with 0
        main(["takeon", "columns", kind, "--json"])
    listed = msgspec.json.decode(capsys.readouterr().out)
    assert [one["name"] for one in listed] == [column.name for column in KINDS[kind].columns]
    assert all(one["says"] for one in listed)


def test_nobody_enters_a_table_without_a_token(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each of the two people has one of their own."""
    monkeypatch.delenv("LEDGER_TOKEN", raising=False)
    path = table(tmp_path / "table.csv", KINDS["penalty"], chinese=True)
    with pytest.raises(SystemExit) as end:
        main(["takeon", "enter", "penalty", str(path), "--takeon", "TAKEON-1"])
    assert end.value.code == 2
    assert "a token of your own must be given" in capsys.readouterr().err
