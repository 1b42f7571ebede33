"""Which room may import which: systems by kind of module, and pair by pair."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import grimp
import pytest

import ledger.registry  # noqa: F401 - declares every event type
from ledger.kernel.events import event_types
from ledger.kernel.subjects import subject_fields
from ledger.systems.persons.folds import PROCEEDINGS

ROOT = Path(__file__).resolve().parent.parent
SYSTEMS = "ledger.systems"
WALLS = Path(__file__).with_name("walls.toml")

#: The kinds of modules in a system, from the ground up. A module imports its own level and those
#: below: events know nothing of folds, folds nothing of rules, effects nothing of commands.
LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"events"}),
    # Keys, figures and algorithms that need events alone.
    frozenset(
        {
            "actcode",
            "calendars",
            "chance",
            "checking",
            "defaults",
            "drawfile",
            "keys",
            "logged",
            "metrics",
            "risk",
            "uvdraw",
        }
    ),
    frozenset({"folds"}),
    frozenset({"conditions", "exemptions", "findings", "regimes", "rules"}),
    frozenset({"effects", "hooks"}),
    frozenset({"commands"}),
    # What prepares a command before it is sent.
    frozenset({"making"}),
)
#: Modules that keep the keys of sealed data in step with the ledger; nothing that decides.
OUTSIDE = frozenset({"erasure", "held"})


@cache
def graph() -> grimp.ImportGraph:
    # Uncached on disk: two workers may build it at the same time.
    return grimp.build_graph("ledger", "projections", "api", cache_dir=None)


def kind_of(module: str) -> str | None:
    """Return the kind of a module of a system, or ``None`` for any other module."""
    parts = module.removeprefix(f"{SYSTEMS}.").split(".")
    return parts[1] if module.startswith(f"{SYSTEMS}.") and len(parts) > 1 else None


def level_of(kind: str) -> int:
    return next(level for level, kinds in enumerate(LEVELS) if kind in kinds)


def upward(imports: grimp.ImportGraph) -> list[str]:
    """Return the imports between modules of systems that lead to a higher level."""
    found = []
    for module in sorted(imports.modules):
        kind = kind_of(module)
        if kind is None or kind in OUTSIDE:
            continue
        for imported in sorted(imports.find_modules_directly_imported_by(module)):
            below = kind_of(imported)
            if below is not None and (below in OUTSIDE or level_of(below) > level_of(kind)):
                found.append(f"{module} imports {imported}")
    return found


def pairs(imports: grimp.ImportGraph) -> set[tuple[str, str]]:
    """Return which system imports which."""
    found = set()
    for module in imports.modules:
        for imported in imports.find_modules_directly_imported_by(module):
            if kind_of(module) is not None and kind_of(imported) is not None:
                found.add((module.split(".")[2], imported.split(".")[2]))
    return {(importer, imported) for importer, imported in found if importer != imported}


def into(imports: grimp.ImportGraph, room: str, *forbidden: str) -> list[str]:
    """Return the imports from a room into forbidden rooms."""
    return [
        f"{module} imports {imported}"
        for module in sorted(imports.modules)
        if module == room or module.startswith(f"{room}.")
        for imported in sorted(imports.find_modules_directly_imported_by(module))
        if any(imported == name or imported.startswith(f"{name}.") for name in forbidden)
    ]


def test_every_kind_of_module_has_its_level() -> None:
    kinds = {kind for kind in map(kind_of, graph().modules) if kind is not None}
    assert kinds == frozenset().union(*LEVELS, OUTSIDE)


def test_modules_of_systems_import_only_downwards() -> None:
    assert upward(graph()) == []


def test_each_pair_of_systems_is_in_the_baseline_or_has_a_reason() -> None:
    """A pair that is gone leaves the table too, so that it cannot come back without a reason."""
    walls = tomllib.loads(WALLS.read_text("utf-8"))
    named = {(importer, each) for importer, all_ in walls["baseline"].items() for each in all_}
    for pair, reason in walls["since"].items():
        importer, _, imported = pair.partition(" -> ")
        assert len(reason) > 20, f"{pair} needs a reason"
        named.add((importer, imported))
    assert pairs(graph()) == named


def test_the_room_of_a_system_imports_nothing_by_itself() -> None:
    """An import in ``__init__`` would escape the levels and the pairs."""
    rooms = {m for m in graph().modules if m.startswith(f"{SYSTEMS}.") and m.count(".") == 2}
    assert [m for m in sorted(rooms) if graph().find_modules_directly_imported_by(m)] == []


def test_the_registry_loads_whatever_a_system_declares() -> None:
    """Every event type, rule, deadline and proceeding, so that none is forgotten silently."""
    program = """
import pkgutil, sys
from importlib import import_module
import ledger, ledger.registry
from ledger.kernel.events import event_types
from ledger.kernel.rules import rules
from ledger.systems.persons.folds import PROCEEDINGS

def declared():
    return sorted(event_types()), sorted(rules()), sorted(e.TOPIC for e in PROCEEDINGS)

before = declared()
for module in pkgutil.walk_packages(ledger.__path__, "ledger."):
    import_module(module.name)
assert declared() == before
print(len(before[2]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stdout.strip()) == (0, "3"), done.stderr


#: Events that name a natural person and open no proceeding of whose result the person is told.
NO_PROCEEDING = {
    "access.records-consulted",
    "entities.legal-representative-recorded",
    "filing.on-site-record-signed",
    "persons.person-erased",
    "persons.person-registered",
}


def test_an_event_that_names_a_person_opens_a_proceeding_or_is_known_not_to() -> None:
    """Else a person could be erased while a proceeding of theirs is open (PII-R1)."""
    naming = {
        topic
        for topic, event in event_types().items()
        if event.__module__.startswith("ledger.")
        and any(kind == "person" for _, kind in subject_fields(event))
    }
    opening = {event.TOPIC for event in PROCEEDINGS}
    assert opening <= naming
    assert naming - opening == NO_PROCEEDING


def test_the_general_part_imports_no_system() -> None:
    assert into(graph(), "ledger.general", SYSTEMS) == []


def test_no_view_imports_a_command() -> None:
    views: Iterable[str] = (
        "projections.explain",
        "projections.inbox",
        "projections.profiles",
        "projections.systems",
    )
    commands = {m for m in graph().modules if kind_of(m) == "commands"}
    assert [line for room in views for line in into(graph(), room, *commands)] == []


@pytest.mark.parametrize(
    ("importer", "imported", "is_allowed"),
    [
        ("one.folds", "two.events", True),
        ("one.folds", "two.folds", True),
        ("one.commands.first", "one.effects", True),
        ("one.events", "two.folds", False),
        ("one.folds", "one.rules", False),
        ("one.rules", "two.effects", False),
        ("one.effects", "two.commands.first", False),
        ("one.rules", "two.erasure", False),
    ],
)
def test_what_leads_upwards(importer: str, imported: str, *, is_allowed: bool) -> None:
    imports = grimp.ImportGraph()
    for name in (importer, imported):
        imports.add_module(f"{SYSTEMS}.{name}")
    imports.add_import(importer=f"{SYSTEMS}.{importer}", imported=f"{SYSTEMS}.{imported}")

    assert (upward(imports) == []) is is_allowed
