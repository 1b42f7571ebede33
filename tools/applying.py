"""Which commands apply a rule, and which tests hold it: read from the sources.

``python -m tools.applying`` writes ``api/contract/applied.json``, which ``/v1/rules`` shows
(``make docs`` runs it); a test compares the file with the sources.

A command applies the rules that its class reaches by name: through the functions, classes and
constants that it uses, and those that these use. What depends on the course of a program is not
seen, so a rule that a hook or a watch applies may have no command.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import resolve_name
from pathlib import Path

import msgspec

from api.contract.rules import Applied
from ledger.kernel.rules import Rule
from ledger.registry import COMMANDS
from tools.reference import declared

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "api" / "contract" / "applied.json"

#: A definition: its module and its name.
Place = tuple[str, str]

_RULE = re.compile(r"(?<![A-Za-z])([A-Z]{3})_([A-Z]\d+)(?!\d)")


def table() -> Mapping[str, Applied]:
    """Return what applies each rule, and what tests it, by its id."""
    commands: dict[str, list[str]] = {rule: [] for rule in _own()}
    places = _declarations()
    for entry in COMMANDS:
        reached = _reached((entry.command.__module__, entry.command.__name__))
        for place in reached & places.keys():
            commands[places[place]].append(f"{entry.system}/{entry.name}")
    tests = _tests()
    return {
        rule: Applied(tuple(sorted(named)), tuple(tests.get(rule, ())))
        for rule, named in commands.items()
    }


@cache
def _own() -> frozenset[str]:
    """Return the ids of the rules, without those that tests declare."""
    return frozenset(rule.id for rule in declared(Rule))


def text() -> str:
    """Return the content of the file."""
    data = msgspec.json.encode(table(), order="deterministic")
    return msgspec.json.format(data).decode() + "\n"


def _declarations() -> dict[Place, str]:
    """Return where each rule is declared."""
    found = {}
    for module, tree in _modules().items():
        for statement in tree.body:
            if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
                first = next(iter(statement.value.args), None)
                if isinstance(first, ast.Constant) and first.value in _own():
                    for target in statement.targets:
                        if isinstance(target, ast.Name):
                            found[module, target.id] = first.value
    return found


@cache
def _modules() -> Mapping[str, ast.Module]:
    folder = ROOT / "ledger"
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): ast.parse(
            path.read_text("utf-8")
        )
        for path in sorted(folder.rglob("*.py"))
    }


@cache
def _definitions(module: str) -> Mapping[str, ast.stmt]:
    """Return what a module defines at its top level, by name."""
    found: dict[str, ast.stmt] = {}
    for statement in _modules()[module].body:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found[statement.name] = statement
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    found[target.id] = statement
    return found


@cache
def _imports(module: str) -> Mapping[str, Place]:
    """Return what the names that a module imports stand for; a module has the empty name."""
    found: dict[str, Place] = {}
    known = _modules()
    for statement in ast.walk(known[module]):
        if isinstance(statement, ast.ImportFrom):
            dots = "." * statement.level
            source = resolve_name(dots + (statement.module or ""), module)
            for alias in statement.names:
                inner = f"{source}.{alias.name}"
                place = (inner, "") if inner in known else (source, alias.name)
                found[alias.asname or alias.name] = place
        elif isinstance(statement, ast.Import):
            for alias in statement.names:
                if alias.asname and alias.name in known:
                    found[alias.asname] = (alias.name, "")
    return found


def _reached(start: Place) -> set[Place]:
    """Return the definitions that one reaches by name, itself included."""
    seen: set[Place] = set()
    waiting = [start]
    while waiting:
        place = waiting.pop()
        if place in seen or place[0] not in _modules():
            continue
        seen.add(place)
        waiting.extend(_used(place))
    return seen


@cache
def _used(place: Place) -> tuple[Place, ...]:
    module, name = place
    statement = _definitions(module).get(name)
    if statement is None:
        imported = _imports(module).get(name)
        return () if imported is None else (imported,)
    return tuple(dict.fromkeys(_named_in(module, statement)))


def _named_in(module: str, statement: ast.stmt) -> Iterator[Place]:
    imports = _imports(module)
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            yield imports.get(node.id, (module, node.id))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            source, inner = imports.get(node.value.id, ("", "x"))
            if not inner:
                yield source, node.attr


def _tests() -> Mapping[str, list[str]]:
    """Return the tests whose names hold the id of a rule, by rule."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        named = path.relative_to(ROOT).as_posix()
        for test in _functions(ast.parse(path.read_text("utf-8")).body, ""):
            for group, number in _RULE.findall(test):
                found.setdefault(f"{group}-{number}", []).append(f"{named}::{test}")
    return found


def _functions(body: list[ast.stmt], within: str) -> Iterator[str]:
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            yield from _functions(statement.body, f"{within}{statement.name}::")
        elif isinstance(statement, _FUNCTIONS) and statement.name.startswith("test_"):
            yield within + statement.name


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def main() -> None:
    """Write the file."""
    TABLE.write_text(text(), "utf-8")


if __name__ == "__main__":
    main()
