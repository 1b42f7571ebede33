"""The reference says what the code does: nothing is undocumented, and no page is out of date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from api.contract.terms import SYSTEMS, TERMS
from ledger.kernel import Command, DeadlineRule, Event, Rule
from ledger.kernel.deadlines import deadline_rules
from ledger.kernel.events import event_types
from ledger.registry import COMMANDS
from ledger.systems.policies.defaults import DEFAULTS
from ledger.systems.policies.keys import KEYS
from tools.reference import declared, english_term, first_sentence, pages, term

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
EVENTS = [e for e in event_types().values() if e.__module__.startswith("ledger.")]


@pytest.mark.parametrize("name", pages())
def test_a_page_is_as_the_code_says(name: str) -> None:
    """Each page is what `make docs` would write now."""
    assert (DOCS / name).read_text("utf-8") == pages()[name], "run `make docs`"


@pytest.mark.parametrize("thing", [*EVENTS, *(entry.command for entry in COMMANDS)])
def test_a_term_is_in_both_languages(thing: type[Event | Command]) -> None:
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


@pytest.mark.parametrize(
    ("docstring", "first"),
    [
        ("Accept an application. It opens a deadline.", "Accept an application"),
        ("Accept an application", "Accept an application"),
        ("Say what is missing, once; the time begins anew.", "Say what is missing, once"),
        (
            "The case is not taken up, and why (Art. 30).",
            "The case is not taken up, and why (Art. 30)",
        ),
        ("It is heard (Arts. 64, 85; 听证). Nobody waits.", "It is heard (Arts. 64, 85; 听证)"),
        ("By 行政处罚法 Art. 50 it is sealed. It stays so.", "By 行政处罚法 Art. 50 it is sealed"),
        ("By Arts. 17-21 alone. Then more.", "By Arts. 17-21 alone"),
        ("The answer is no. Then it ends.", "The answer is no"),
        ("Answer no. 7 first. Then the rest.", "Answer no. 7 first"),
        ("A form, e.g. a list. More.", "A form, e.g. a list"),
        ("From A to D. The next.", "From A to D"),
        ("Named by ``ledger.db: x. y`` alone. More.", "Named by `ledger.db: x. y` alone"),
        ("第一句。 第二句。", "第一句"),
        ("届满: it ends by itself. More.", "届满: it ends by itself"),
        ("Over\ntwo lines. More.\n\nA second paragraph.", "Over two lines"),
        ("At 24:00 of the day. More.", "At 24:00 of the day"),
    ],
)
def test_where_a_first_sentence_ends(docstring: str, first: str) -> None:
    """Not after an abbreviation, and not inside of brackets or code."""
    assert first_sentence(docstring) == first


def test_no_cell_is_cut_off() -> None:
    """A cell has as many opening brackets and quotation marks as closing ones."""
    for name in ("glossary.md", "rules.md"):
        for line in pages()[name].splitlines():
            for opening, closing in ("()", "（）", "《》", "“”"):
                assert line.count(opening) == line.count(closing), line


def test_a_term_of_the_field_names_what_the_code_has() -> None:
    """A package, or a word of the source of the product."""
    folders = [ROOT / folder for folder in ("ledger", "projections", "api")]
    files = (p for f in folders for p in sorted(f.rglob("*.py")) if p.name != "terms.py")
    source = "\n".join(p.read_text("utf-8") for p in files)
    words = set(re.findall(r"[\w.]+", source)) | {p.name for f in folders for p in f.rglob("*")}

    assert [name for _, _, names in TERMS for name in names if name not in words] == []
    assert set(SYSTEMS) <= {entry.system for entry in COMMANDS}


@pytest.mark.parametrize(
    ("name", "english"),
    [
        ("RepairApplied", "repair applied"),
        ("ReconApplied", "reconsideration applied"),
        ("AvRecordSealed", "AV record sealed"),
        ("SupervisionDocIssued", "supervision document issued"),
    ],
)
def test_a_class_stands_for_its_english_term(name: str, english: str) -> None:
    """Read word by word; what is shortened in code is written out."""
    assert english_term(name) == english
