"""The documents: what they link, name and promise is there."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from cyclopts import App

from api.cli.command_line import app
from ledger.general.countersigning import Countersigned
from ledger.registry import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
HOUSE = (ROOT / "docs" / "house.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")
HOOKS = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
#: A path of the project in backticks; what a command line of an example makes is none.
PATH = re.compile(r"`((?:ledger|projections|api|tests|tools|benchmarks|docs)/[\w./*-]+)`")
ROOM = re.compile(r"^\| (`[a-z/]+/`(?:, `[a-z/]+/`)*) \|", re.MULTILINE)


def named(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_link_leads_somewhere(document: Path) -> None:
    """To a file of the project, and to a heading of it if it names one."""
    text = document.read_text("utf-8")
    for target, anchor in re.findall(r"\]\(([^)#:]+)(#[^)]*)?\)", text):
        path = document.parent / target
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}
            assert anchor[1:] in slugs, target + anchor


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_path_that_is_named_exists(document: Path) -> None:
    """A reader who follows `ledger/…` finds it, after every move."""
    for path in PATH.findall(document.read_text("utf-8")):
        assert list(ROOT.glob(path.rstrip("/"))), path


def test_the_house_names_every_room() -> None:
    """Each folder with modules below the four rooms, and no folder that is gone."""
    rooms = {room for cell in ROOM.findall(HOUSE) for room in re.findall("`([^`]+)/`", cell)}
    packages = {
        path.relative_to(ROOT).as_posix()
        for top in ("ledger", "projections", "api")
        for path in (ROOT / top).iterdir()
        if (path / "__init__.py").exists()
    }

    assert {room for room in rooms if not (ROOT / room).is_dir()} == set()
    assert packages <= rooms


def test_the_house_has_the_shape_of_a_system() -> None:
    """Each system has a folder, with modules of the kinds that the page names alone."""
    kinds = set(re.findall(r"^- \*(\w+)\*:", HOUSE, re.MULTILINE))
    assert kinds == {
        "events",
        "figures",
        "folds",
        "rules",
        "effects",
        "hooks",
        "commands",
        "making",
    }
    for system in {entry.system for entry in COMMANDS}:
        folder = ROOT / "ledger" / "systems" / system
        assert (folder / "events.py").exists() or (folder / "events").is_dir(), system
        assert (folder / "commands.py").exists() or (folder / "commands").is_dir(), system


@pytest.mark.parametrize("decision", DECISIONS, ids=named)
def test_a_decision_has_a_number_a_date_and_a_status(decision: Path) -> None:
    """In its first lines, and the number is that of its file."""
    title, _, dated = decision.read_text("utf-8").splitlines()[:3]
    stated = re.fullmatch(r"Date: (\S+)\. Status: (accepted|replaced by \d{4}|left)\b.*\.", dated)

    assert title.startswith(f"# {decision.name[:4]} · ")
    assert stated, dated
    assert date.fromisoformat(stated[1])


def test_the_record_of_second_persons_names_every_command_that_takes_two() -> None:
    """With its system; the table says who approves each."""
    table = (ROOT / "docs" / "decisions" / "0011-second-persons.md").read_text("utf-8")
    two = {f"{e.system}/{e.name}" for e in COMMANDS if issubclass(e.command, Countersigned)}

    assert {command for command in two if f"`{command}`" not in table} == set()


def test_decisions_are_numbered_without_gaps() -> None:
    """A record is replaced by a later one, never removed."""
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_the_changelog_keeps_the_form() -> None:
    """Versions newest first with their days, and known kinds of changes."""
    headings = re.findall(r"^## \[(.+?)\](?: - (\S+))?$", CHANGELOG, re.MULTILINE)
    days = [date.fromisoformat(day) for _, day in headings[1:]]
    kinds = set(re.findall(r"^### (.+)$", CHANGELOG, re.MULTILINE))

    assert headings[0] == ("Unreleased", "")
    assert days == sorted(days, reverse=True)
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    version = re.search(
        r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE
    )
    assert version
    assert headings[1][0] == version[1]


def test_contributing_has_nine_steps_and_true_targets() -> None:
    """Its steps are counted in its heading; each `make` target exists."""
    steps = re.findall(r"^(\d)\. \*\*", CONTRIBUTING, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text("utf-8")

    assert "## Add a command in nine steps" in CONTRIBUTING
    assert steps == [str(number) for number in range(1, 10)]
    for target in set(re.findall(r"(?:`|    )make ([a-z-]+)", CONTRIBUTING)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


#: The pages that show how to run the program.
PAGES = ["README.md", "docs/operating.md", "docs/backup.md", "docs/operations.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_line_is_one_of_the_program(page: str) -> None:
    """Its name, and the name of its part: ``log rotate-key``."""
    text = (ROOT / page).read_text("utf-8")
    lines = re.findall(r"^    supervision-ledger ([a-z-]+)(?: ([a-z-]+))?", text, re.MULTILINE)
    assert lines
    for name, part in lines:
        command = app[name]
        if isinstance(command, App) and command.default_command is None:
            assert part in command, f"{name} {part}"


def test_the_hooks_need_no_network() -> None:
    """Each is local and starts a program that the tests install, or one of `tools/`."""
    assert re.findall(r"^ +- repo: (\S+)$", HOOKS, re.MULTILINE) == ["local"]
    assert set(re.findall(r"language: (\S+)", HOOKS)) == {"system"}
    programs = {entry.split()[0] for entry in re.findall(r"entry: (.+)", HOOKS)}
    assert programs <= {".venv/bin/ruff", ".venv/bin/lint-imports", ".venv/bin/python"}
    for module in re.findall(r"-m (tools\.\w+)", HOOKS):
        assert (ROOT / (module.replace(".", "/") + ".py")).exists()
    for test in re.findall(r"tests/\w+\.py", HOOKS):
        assert (ROOT / test).exists()


def shape(text: str) -> list[tuple[str, int]]:
    """Return what a page consists of, line by line: headings by level, rows by their cells."""
    found = []
    for line in text.splitlines():
        if heading := re.match(r"#+ ", line):
            found.append(("heading", len(heading[0])))
        elif line.startswith("|"):
            found.append(("row", line.count("|")))
        elif line.startswith("    "):
            found.append(("code", len(line.split("  # ")[0].split())))
        elif re.match(r"\d\. ", line):
            found.append(("item", int(line[0])))
        elif line.startswith("**"):
            found.append(("topic", 0))
    return found


def test_the_chinese_readme_says_all_that_the_english_one_says() -> None:
    """The same headings, tables, commands, names and links, in the same order of sections."""
    english, chinese = (
        (ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md")
    )
    assert shape(chinese) == shape(english)

    def commands(text: str) -> list[str]:
        lines = (line for line in text.splitlines() if line.startswith("    "))
        return [re.split(r"\s+# ", line)[0] for line in lines]

    assert commands(chinese) == commands(english)
    sections = zip(
        re.split(r"^## ", chinese, flags=re.MULTILINE),
        re.split(r"^## ", english, flags=re.MULTILINE),
        strict=True,
    )
    for ours, theirs in sections:
        assert _named_in(ours) == _named_in(theirs), theirs.splitlines()[0]


def _named_in(text: str) -> Counter[str]:
    """Count what a text names in backticks, and where its links lead."""
    names = Counter(re.findall(r"`([^`]+)`", text))
    names.update(re.findall(r"\]\(([^)]+)\)", text))
    for page in ("README.md", "README.zh-CN.md"):
        del names[page]
    return names
