"""Everything that people read has its words in Chinese and in English."""

from __future__ import annotations

import re
from string import Formatter
from typing import Literal

import pytest

from ledger.kernel.messages import DOMAINS, LANGUAGES, catalogue
from ledger.kernel.rules import Rule
from tools import catalogue as titles
from tools.reference import declared

HAN = re.compile(r"[\u4e00-\u9fff]")
RULES = sorted(declared(Rule), key=lambda rule: rule.id)


def fields_of(text: str) -> set[str]:
    """The details that a text names."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_is_said_in_chinese(rule: Rule) -> None:
    """Its message, and its hint if it has one, with the details that the English names."""
    parts: dict[Literal["message", "hint"], str] = {"message": rule.message, "hint": rule.hint}
    for part, english in parts.items():
        chinese = catalogue("zh", "rules").get(f"{rule.id}.{part}", "")
        assert bool(chinese) == bool(english), f"zh/rules.po: {rule.id}.{part}"
        assert fields_of(chinese) == fields_of(english), f"zh/rules.po: {rule.id}.{part}"
        assert rule.text(part, "zh") == chinese
        assert rule.text(part, "en") == english
        if chinese != "{hint}":
            assert not chinese or HAN.search(chinese), f"zh/rules.po: {rule.id}.{part}"


def test_the_catalogue_has_no_other_rules() -> None:
    """No text is kept for a rule that the program does not have."""
    ids = {rule.id for rule in RULES}
    assert {code.rpartition(".")[0] for code in catalogue("zh", "rules")} == ids


@pytest.mark.parametrize("domain", titles.DOMAINS)
def test_every_code_has_a_title_in_both_languages(domain: str) -> None:
    """Event types, commands, systems, deadlines, policies, watches, resources, fields, values."""
    for language in LANGUAGES:
        without = set(titles.needed(domain)) - set(catalogue(language, domain))
        assert without == set(), f"run `make docs`, then complete {language}/{domain}.po"
    assert set(catalogue("en", domain)) >= set(catalogue("zh", domain)), "run `make docs`"


@pytest.mark.parametrize("domain", titles.DOMAINS)
def test_the_files_are_as_the_tool_writes_them(domain: str) -> None:
    """In the order of their codes, with the terms of the docstrings."""
    for language in LANGUAGES:
        path = titles.FOLDER / language / f"{domain}.po"
        expected = titles.file_of(language, titles.titles_of(language, domain))
        assert path.read_text("utf-8") == expected, "run `make docs`"


def test_chinese_titles_are_chinese() -> None:
    """Only proper names may be without a Chinese character."""
    plain = {
        (domain, code)
        for domain in titles.DOMAINS
        for code, text in catalogue("zh", domain).items()
        if not HAN.search(text)
    }
    assert plain == set()


def test_english_titles_are_english() -> None:
    """A title that is its code in another spelling is English; none has Chinese characters."""
    for domain in titles.DOMAINS:
        for code, text in catalogue("en", domain).items():
            assert text, f"en/{domain}.po: {code}"
            assert "_" not in text, f"en/{domain}.po: {code}"


@pytest.mark.parametrize("domain", sorted({*DOMAINS} - {"rules", *titles.DOMAINS}))
def test_both_languages_name_the_same_details(domain: str) -> None:
    """A text of a code has the same codes and fields in each language."""
    chinese, english = catalogue("zh", domain), catalogue("en", domain)
    assert set(chinese) == set(english)
    for code, text in english.items():
        assert fields_of(chinese[code]) == fields_of(text), f"zh/{domain}.po: {code}"


def test_a_value_with_several_meanings_has_the_right_one() -> None:
    """The title for a field stands before the title of the value alone."""
    from api.contract.titles import value_titles

    assert value_titles("returned", "disposal").zh == "退还"
    assert value_titles("returned", "stage").zh == "已退回"
    assert value_titles("C", "confidence").en == "Confident"
