"""The rule on erasing a natural person, and the check that a person is known."""

from __future__ import annotations

import re

from ledger.kernel import Inquiry, OutOfStep, Rule
from ledger.systems.persons.folds import Person

PII_R1 = Rule(
    "PII-R1",
    "{person} is a party to {proceedings}, which is still open, and must be told of the result",
    "个人信息保护法 Art. 47 (2); 《优化营商环境条例》Art. 49",
    "Erase the person after the proceedings are closed, or give unlawful_processing as the reason.",
)

#: The form of the tokens that this ledger mints; other tokens belong to another store.
_OWN = re.compile(r"psn-[0-9a-f]{32}\Z")


def known_person(inquiry: Inquiry, token: str | None) -> Person | None:
    """Return the person with a token of this ledger; ``None`` for a token of another store.

    Raises ``UnknownReference`` for an unregistered token, and ``OutOfStep`` for the token of an
    erased person.
    """
    if token is None or not _OWN.match(token):
        return None
    person = inquiry.known(Person(token), "persons.register-person-first")
    if person.erased_on is not None:
        raise OutOfStep("persons.data-erased", token=token, erased_on=person.erased_on)
    return person
