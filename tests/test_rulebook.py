"""Every rule of the rulebook is declared, tested under its id, and seen to refuse."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from ledger.kernel import Rule
from tests.rulebook import ELSEWHERE, FINDINGS, REFUSALS
from tools.reference import declared

TESTS = Path(__file__).resolve().parent
#: The ledger's own; what a test declares beside them is none.
DECLARED = {rule.id: rule for rule in declared(Rule)}


@cache
def trees() -> tuple[ast.Module, ...]:
    """The syntax of every module of tests."""
    return tuple(
        ast.parse(path.read_bytes())
        for path in sorted(TESTS.rglob("*.py"))
        if path != Path(__file__).resolve()
    )


@cache
def named() -> str:
    """The names of all test functions."""
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    names = (
        node.name for tree in trees() for node in ast.walk(tree) if isinstance(node, functions)
    )
    return " ".join(name for name in names if name.startswith("test_"))


def _words(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value


@cache
def refused() -> frozenset[str]:
    """What stands in the calls that expect a refusal."""
    found: set[str] = set()
    for tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name == "refused":
                found.update(word for arg in node.args for word in _words(arg))
    return frozenset(found)


@pytest.mark.parametrize("rule_id", [*REFUSALS, *FINDINGS])
def test_the_rule_is_declared(rule_id: str) -> None:
    """As what the rulebook calls it; or what does it instead is where the table says."""
    if rule_id in ELSEWHERE:
        module, _, name = ELSEWHERE[rule_id].partition(":")
        assert rule_id not in DECLARED
        assert hasattr(import_module(module), name), ELSEWHERE[rule_id]
        return
    assert DECLARED[rule_id].kind == ("refusal" if rule_id in REFUSALS else "finding")


@pytest.mark.parametrize("rule_id", sorted({*REFUSALS, *FINDINGS, *DECLARED}))
def test_a_test_has_its_id(rule_id: str) -> None:
    """Whoever looks for the rule finds what shows it; the ledger's own rules have tests as well."""
    name = rule_id.replace("-", "_")
    assert re.search(rf"_{name}(?![0-9])", named()), f"no test is called test_{name}_…"


@pytest.mark.parametrize(
    "rule_id", sorted(rule.id for rule in DECLARED.values() if rule.kind == "refusal")
)
def test_the_rule_refuses_something(rule_id: str) -> None:
    """Some test expects a refusal under it."""
    assert rule_id in refused(), f'nothing says refused("{rule_id}")'
