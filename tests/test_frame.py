"""The frame of the project: what is installed, what may import what, what no file may contain."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import grimp
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

ROOM = "ledger.systems"
# What a system shows to other systems: what happened, the questions about it, the names of its
# rules with the findings they lead to, what an event of another system brings about in this one,
# what the law in force comes to (regimes), and the algorithm of the draws, which is anybody's.
# Never what records it.
SHOWN = {"events", "folds", "rules", "findings", "effects", "regimes", "uvdraw"}

WHERE_FROM = re.compile(
    r"://|^\s*(?:-i|-f|--index-url|--extra-index-url|--no-index|--find-links|--trusted-host)\b",
    re.MULTILINE,
)
# Directories of one machine: homes, mounts, scratch space.
MACHINE_PATH = re.compile(
    r"(?<![\w.}/*-])/(?:home|root|Users|mnt|work|workspace|scratch|private/var)/[\w.*-]"
    r"|\b[A-Za-z]:\\{1,2}Users\\"
)


def requirement_files() -> list[Path]:
    return sorted(path for path in ROOT.glob("requirements*") if path.suffix in {".in", ".txt"})


def locked(name: str) -> dict[str, str]:
    """Every package in a compiled requirements file with its one version."""
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / name).read_text("utf-8"), re.MULTILINE)
    versions = {str(canonicalize_name(package)): version for package, version in found}
    assert len(versions) == len(found), f"{name} has a package twice"
    return versions


def pinned(requirements: list[str]) -> dict[str, str]:
    versions = {}
    for requirement in map(Requirement, requirements):
        if canonicalize_name(requirement.name) != canonicalize_name(PROJECT["name"]):
            (specifier,) = requirement.specifier
            assert specifier.operator == "==", f"{requirement} is not an exact version"
            versions[str(canonicalize_name(requirement.name))] = specifier.version
    return versions


@cache
def project_files() -> tuple[Path, ...]:
    """The project's own files: those git keeps or would keep; without git, those not hidden."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout
        paths = [ROOT / name for name in listed.decode().split("\0") if name]
    else:
        paths = [
            path
            for path in ROOT.rglob("*")
            if not any(
                part.startswith(".") or part.endswith(".egg-info") or part == "__pycache__"
                for part in path.relative_to(ROOT).parts
            )
        ]
    return tuple(sorted(path for path in paths if path.is_file()))


def text_of(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        return None


@cache
def imports() -> grimp.ImportGraph:
    # Uncached on disk: two workers may build it at the same time.
    return grimp.build_graph("ledger", cache_dir=None)


def systems(graph: grimp.ImportGraph) -> set[str]:
    return {package.removeprefix(f"{ROOM}.") for package in graph.find_children(ROOM)}


def forbidden_imports(graph: grimp.ImportGraph) -> list[str]:
    """Imports from one system into another of anything that is not shown."""
    broken = []
    for module in sorted(graph.modules):
        if not module.startswith(f"{ROOM}."):
            continue
        importer = module.split(".")[1:]
        for imported in sorted(graph.find_modules_directly_imported_by(module)):
            parts = imported.removeprefix("ledger.").split(".")
            foreign = imported.startswith(f"{ROOM}.") and parts[1] != importer[1]
            if foreign and (len(parts) < 3 or parts[2] not in SHOWN):
                broken.append(f"{module} imports {imported}")
    return broken


def test_one_version() -> None:
    assert PROJECT["version"] == import_module("ledger").VERSION


def test_the_command_line_says_its_name_and_version() -> None:
    """Also without an installation, and before anything is opened."""
    told = subprocess.run(
        [sys.executable, "-m", "api", "--version"], cwd=ROOT, capture_output=True, check=True
    )

    assert told.stdout.decode() == f"supervision-ledger {PROJECT['version']}\n"


@pytest.mark.parametrize("path", requirement_files(), ids=lambda path: path.name)
def test_requirements_do_not_say_where_packages_come_from(path: Path) -> None:
    found = [line for line in path.read_text("utf-8").splitlines() if WHERE_FROM.search(line)]

    assert found == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_locked_package_has_hashes(name: str) -> None:
    entries = re.split(r"^(?=[\w.-]+==)", (ROOT / name).read_text("utf-8"), flags=re.MULTILINE)[1:]

    assert entries
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_requirements_are_the_versions_that_the_project_names() -> None:
    extras = PROJECT["optional-dependencies"]
    deployed = pinned([*PROJECT["dependencies"], *extras["postgres"]])
    tested = deployed | pinned(extras["dev"])

    assert deployed.items() <= locked("requirements.txt").items(), "run `make requirements`"
    assert tested.items() <= locked("requirements-dev.txt").items(), "run `make requirements`"


def test_tests_run_against_the_versions_that_are_deployed() -> None:
    assert locked("requirements.txt").items() <= locked("requirements-dev.txt").items()


@pytest.mark.parametrize("script", PROJECT["scripts"])
def test_console_script_leads_to_a_function(script: str) -> None:
    module, _, function = PROJECT["scripts"][script].partition(":")

    assert callable(getattr(import_module(module), function))


def test_no_file_contains_a_path_of_one_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in project_files()
        for number, line in enumerate((text_of(path) or "").splitlines(), start=1)
        if MACHINE_PATH.search(line)
    ]

    assert found == []


@pytest.mark.parametrize(
    ("text", "is_machine_path"),
    [
        ("cd {}home/somebody/ledger", True),
        ("'{}root/.cache'", True),
        ("({}work/main)", True),
        ("C:{0}{0}Users{0}{0}somebody", True),
        ("https://example.cn{}home/index.html", False),
        ("GET /v1/log{}root/5", False),
        ("/var/lib/supervision-ledger", False),
        ("/tmp/ledger.db", False),
    ],
)
def test_what_counts_as_a_path_of_one_machine(text: str, *, is_machine_path: bool) -> None:
    text = text.format("\\" if "Users" in text else "/")

    assert bool(MACHINE_PATH.search(text)) is is_machine_path


def test_a_system_imports_only_what_another_shows() -> None:
    assert forbidden_imports(imports()) == []


@pytest.mark.parametrize(
    ("importer", "imported", "is_allowed"),
    [
        ("ledger.systems.one.commands", "ledger.systems.two.events", True),
        ("ledger.systems.one.folds", "ledger.systems.two.folds", True),
        ("ledger.systems.one.commands", "ledger.systems.two.rules", True),
        ("ledger.systems.one.reactions", "ledger.systems.one.commands", True),
        ("ledger.systems.one.commands", "ledger.kernel.commands", True),
        ("ledger.registry", "ledger.systems.two.commands", True),
        ("ledger.systems.one.commands", "ledger.systems.two.commands", False),
        ("ledger.systems.one.reactions", "ledger.systems.two.commands", False),
        ("ledger.systems.one.rules", "ledger.systems.two.reactions", False),
        ("ledger.systems.one", "ledger.systems.two", False),
    ],
)
def test_what_a_system_may_import(importer: str, imported: str, *, is_allowed: bool) -> None:
    graph = grimp.ImportGraph()
    for package in ("systems.one", "systems.two", "kernel"):
        for module in ("", ".events", ".folds", ".rules", ".commands", ".reactions"):
            graph.add_module(f"ledger.{package}{module}")
    graph.add_module("ledger")
    graph.add_module("ledger.systems")
    graph.add_module("ledger.registry")
    graph.add_import(importer=importer, imported=imported)

    assert (forbidden_imports(graph) == []) is is_allowed
