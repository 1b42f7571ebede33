"""Titles in both languages, as the resources of the contract show them."""

from __future__ import annotations

import re
from inspect import cleandoc
from typing import Any

import msgspec

from ledger.kernel.messages import LANGUAGES, catalogue, title

#: 中文: English. A docstring that begins like this is a term of the glossary.
_TERM = re.compile(r"^(?P<chinese>[^\x00-\x7f][^:.]*?)(?:: | (?=[A-Z]))(?P<english>.+)", re.DOTALL)


class Titles(msgspec.Struct, frozen=True):
    """One text in both languages."""

    zh: str
    en: str

    def __getitem__(self, language: str) -> str:
        text: str = getattr(self, language)
        return text


def titles(code: str, domain: str) -> Titles:
    """Return the titles that a domain of the catalogue gives a code."""
    return Titles(**{language: title(code, language, domain) for language in LANGUAGES})


def value_titles(value: str, field: str) -> Titles:
    """Return the titles of an enum value in a field; the field's own if the value has several."""
    particular = f"{field}.{value}"
    known = particular in catalogue(LANGUAGES[0], "values")
    return titles(particular if known else value, "values")


def term(thing: Any) -> tuple[str, str]:
    """Return the Chinese term and the English text of a docstring; the term may be empty."""
    text = cleandoc(thing.__doc__ or "")
    match = _TERM.match(text)
    return (match["chinese"], capital(match["english"])) if match else ("", text)


def capital(text: str) -> str:
    """Return the text with a capital letter at its beginning."""
    return text[:1].upper() + text[1:]


def paragraphs(text: str) -> str:
    """Return a docstring as one line, with Markdown's marks of code."""
    return " ".join(text.split()).replace("``", "`")
