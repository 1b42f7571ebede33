"""docs/notice.md: no sentence of the notice without a working thing behind it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from api import views
from api.app import RESOURCES
from api.console.pages import PAGES
from api.public.pages import public_resources
from api.public.window import window_resources
from api.sealed import evidence, publicdoor
from ledger.kernel import Rule
from ledger.registry import COMMANDS
from tests.rulebook import ELSEWHERE
from tools.reference import declared

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "notice.md"

_SHOWN = (*RESOURCES, *views.RESOURCES, *publicdoor.RESOURCES)
_PUBLIC = public_resources(_SHOWN)

KNOWN = {
    "commands": {f"{entry.system}/{entry.name}" for entry in COMMANDS},
    "rules": {rule.id for rule in declared(Rule)} | set(ELSEWHERE),
    "read at": {
        resource.path
        for resource in (
            *RESOURCES,
            *views.RESOURCES,
            *publicdoor.RESOURCES,
            *evidence.RESOURCES,
        )
    },
    "page": {page.path for page in (*_PUBLIC, *window_resources(_SHOWN), *PAGES)},
}


class Row(NamedTuple):
    """A sentence, and what is named beside it by the heading of its column."""

    number: str
    sentence: str
    named: dict[str, list[str]]


def rows() -> list[Row]:
    """All rows of all tables of the page."""
    found: list[Row] = []
    columns: list[str] = []
    for line in PAGE.read_text("utf-8").splitlines():
        if not line.startswith("|"):
            columns = []
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not columns:
            columns = cells
        elif set(line) - set("|-"):
            named = dict(zip(columns[2:], map(backticked, cells[2:]), strict=True))
            found.append(Row(cells[0], cells[1], named))
    return found


def backticked(cell: str) -> list[str]:
    names = re.findall("`([^`]+)`", cell)
    assert re.sub("`[^`]+`", "", cell).strip() == "", f"something in no backticks: {cell}"
    return names


@cache
def functions(path: Path) -> frozenset[str]:
    """The tests of a module."""
    tree = ast.parse(path.read_bytes())
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


def test_there_are_rows() -> None:
    """The page is read as it is meant, and no number stands twice."""
    numbers = [row.number for row in rows()]
    assert len(numbers) >= 80
    assert len(numbers) == len(set(numbers))
    assert {number.split(".")[0] for number in numbers} == {
        *map(str, range(1, 14)),
        "54",
        "36",
        "监",
    }


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.number)
def test_a_row_names_what_is_there(row: Row) -> None:
    """Each command, rule and address exists; something is done, something is read."""
    assert re.search("[\u4e00-\u9fff]", row.sentence)
    for column, known in KNOWN.items():
        assert set(row.named[column]) <= known, column
    assert row.named["commands"]
    assert row.named["read at"]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.number)
def test_a_row_is_tested(row: Row) -> None:
    """The test that it names exists; one that names a module whole speaks of what the row names."""
    assert row.named["test"]
    spoken = ""
    for test in row.named["test"]:
        path, _, function = test.partition("::")
        spoken += (ROOT / path).read_text("utf-8")
        if function:
            assert function in functions(ROOT / path), test
    commands = {
        "".join(word.title() for word in name.split("/")[1].split("-")): name
        for name in row.named["commands"]
    }
    rules = [*row.named["rules"], *(rule.replace("-", "_") for rule in row.named["rules"])]
    names = [*commands, *commands.values(), *rules]
    assert any(name in spoken for name in names), f"none of {names} in {row.named['test']}"
