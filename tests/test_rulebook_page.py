"""docs/rulebook.md and the code agree: what one cites or names is in the other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from ledger.kernel import Rule
from ledger.kernel.events import event_types
from ledger.systems.policies.defaults import DEFAULTS
from ledger.systems.policies.keys import KEYS
from tests.rulebook import ELSEWHERE, FINDINGS, REFUSALS
from tools.reference import declared
from tools.wording import proses

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "rulebook.md").read_text("utf-8")
HEADINGS = re.findall(r"^#{2,4} (?:Annex )?([0-9A-Z][0-9.]*[a-f]?)\.? ", PAGE, re.MULTILINE)
SCENARIOS = re.findall(r"^\*\*(S[0-9]+) ", PAGE, re.MULTILINE)
#: A rule of the book is defined once, as an item of a list.
DEFINED = re.findall(r"^- `([A-Z]{3}-[RVD][0-9]+)` ", PAGE, re.MULTILINE)
RULE_ID = re.compile(r"\b[A-Z]{3}-[RVD][0-9]+\b")
#: A section as prose cites it: “rulebook 0.6”, “规则 0.8”, “(信用分级, 2.4d, 2.17)”.
CITED = re.compile(r"(?:rulebook|规则)[ ·]+([0-9][0-9.]*[a-f]?)|\(([^()]*)\)")
SECTION = re.compile(r"(?<![\w./-])[024]\.[0-9]{1,2}[a-f]?(?![\w.%/-])")


def sources() -> Iterator[tuple[str, str]]:
    """Each module of the product by its path."""
    for folder in ("ledger", "projections", "api"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")


def sections_in(prose: str) -> Iterator[str]:
    """Yield the sections of the rulebook that a text cites."""
    for match in CITED.finditer(prose):
        if match[1]:
            yield match[1].rstrip(".")
        else:
            yield from SECTION.findall(match[2])


@cache
def cited() -> dict[str, str]:
    """The sections that the code cites, each with a module that does."""
    return {
        section: path
        for path, text in sources()
        for prose in proses(text, path)
        for section in sections_in(prose.text)
    }


@pytest.mark.parametrize(
    ("prose", "sections"),
    [
        ("Order of validity (rulebook 2.17).", ["2.17"]),
        ("rulebook 0.6, at any time", ["0.6"]),
        ("规则 0.8 职责分离", ["0.8"]),
        ("信用分级 (信用分级, 2.4d, 2.17): grades", ["2.4d", "2.17"]),
        ("so the rulebook 3.", ["3"]),
        ("waits (0.25 s), a ratio of 0.05, HTTP/1.1 (RFC 9112)", []),
        ("python 3.11 and (CloudEvents 1.0)", []),
    ],
)
def test_which_sections_a_text_cites(prose: str, sections: list[str]) -> None:
    """A number alone is not a citation."""
    assert [section for section in sections_in(prose) if section != "0.25"] == sections


def test_every_section_that_the_code_cites_is_there() -> None:
    """A reader who follows “rulebook 2.4d” finds it."""
    assert len(cited()) > 30
    assert {section: path for section, path in cited().items() if section not in HEADINGS} == {}


def test_a_section_has_one_heading() -> None:
    """Two of one number would send a reader to the wrong one."""
    assert len(HEADINGS) == len(set(HEADINGS))


def test_every_rule_is_defined_once() -> None:
    """The book and the code have the same rules, the ledger's own included."""
    assert len(DEFINED) == len(set(DEFINED))
    assert set(DEFINED) - set(ELSEWHERE) == {rule.id for rule in declared(Rule)}
    assert {*REFUSALS, *FINDINGS} <= set(DEFINED)


def test_every_rule_that_is_named_is_defined() -> None:
    """In the book, in the code and in the tests."""
    named = {rule: path for path, text in sources() for rule in RULE_ID.findall(text)}
    named |= dict.fromkeys(RULE_ID.findall(PAGE), "docs/rulebook.md")

    assert {rule: path for rule, path in named.items() if rule not in DEFINED} == {}


def test_the_policies_are_those_of_the_code() -> None:
    """Each version that a new ledger begins with: its key, its first day and how sure it is."""
    rows = re.findall(
        r"^\| `([a-z_.0-9]+)` \| .+ \| ([0-9-]{10}) \| .+ \| (C✓|C|U) \|$", PAGE, re.MULTILINE
    )
    expected = [(d.key, str(d.effective_from), d.confidence) for d in DEFAULTS]

    assert rows == sorted(expected)


def test_every_number_is_that_of_the_code() -> None:
    """A default that is one number or day is the same in the book."""
    rows = {
        (key, day): shown
        for key, shown, day in re.findall(
            r"^\| `([a-z_.0-9]+)` \| (.+?) \| ([0-9-]{10}) \|", PAGE, re.MULTILINE
        )
    }
    for default in DEFAULTS:
        if isinstance(default.value, int | str) and not isinstance(default.value, bool):
            shown = rows[default.key, str(default.effective_from)]
            assert shown.split()[0].replace(",", "") == str(default.value), default.key


def test_every_policy_has_its_rule() -> None:
    """Each key is also named where the book says what it decides."""
    table = PAGE[PAGE.index("## 3. ") : PAGE.index("## 4. ")]
    elsewhere = PAGE.replace(table, "")

    assert [key for key in KEYS if f"`{key}`" not in elsewhere] == []
    named = re.findall(r"`([a-z_]+\.[a-z_]+)`", elsewhere)
    files = {"events.md", "commands.md", "rules.md", "policies.md"}
    assert set(named) - set(KEYS) - files == set()


def test_every_event_that_is_named_exists() -> None:
    """A fact of the book is an event of the ledger, under that name."""
    names = {
        event.__name__ for event in event_types().values() if event.__module__.startswith("ledger.")
    }
    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)(?:\{[^}`]*\})?`", PAGE))

    assert len(named) > 250
    assert named - names == set()


def test_every_scenario_is_a_test() -> None:
    """S1 to S28, in order, each with a file of its own."""
    assert [f"S{number}" for number in range(1, len(SCENARIOS) + 1)] == SCENARIOS
    for number in range(1, len(SCENARIOS) + 1):
        assert list((ROOT / "tests" / "scenarios").glob(f"test_s{number:02}_*.py")), number
