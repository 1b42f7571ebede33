"""The reference says what the code does: nothing is undocumented, and no page is out of date."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.kernel import Command, DeadlineRule, Event, Rule
from ledger.kernel.deadlines import deadline_rules
from ledger.kernel.events import event_types
from ledger.registry import COMMANDS
from ledger.systems.policies.defaults import DEFAULTS
from ledger.systems.policies.keys import KEYS
from tools.reference import declared, pages, term

DOCS = Path(__file__).resolve().parent.parent / "docs"
EVENTS = [e for e in event_types().values() if e.__module__.startswith("ledger.")]


@pytest.mark.parametrize("name", pages())
def test_a_page_is_as_the_code_says(name: str) -> None:
    """Each page is what `make docs` would write now."""
    assert (DOCS / name).read_text("utf-8") == pages()[name], "run `make docs`"


@pytest.mark.parametrize("thing", [*EVENTS, *(entry.command for entry in COMMANDS)])
def test_a_term_stands_in_both_languages(thing: type[Event | Command]) -> None:
    """Each event and command says what the law calls it, and what it is, in a sentence."""
    chinese, english = term(thing)

    assert chinese, f"{thing.__name__}: begin the docstring with its Chinese term and a colon"
    assert len(english) > 20, f"{thing.__name__}: say what it is"


def test_every_rule_and_deadline_is_on_the_page() -> None:
    """What the kernel knows of is declared where the page looks for it."""
    own = {rule.name for rule in declared(DeadlineRule)}
    assert own == {name for name in deadline_rules() if not name.startswith("tests.")}
    page = pages()["rules.md"]
    for name in (*own, *(rule.id for rule in declared(Rule))):
        assert f"| `{name}` |" in page, name


def test_every_policy_has_a_default() -> None:
    """No key stands in the table of policies without a value that a new ledger begins with."""
    assert {default.key for default in DEFAULTS} == set(KEYS)
