"""Rules of natural persons."""

from __future__ import annotations

import re

from ledger.kernel import OutOfStep, Reading, Rule
from ledger.systems.persons.folds import Person

PII_R1 = Rule(
    "PII-R1",
    "{person} stands in {proceedings}, and has still to be told what comes of it",
    "个人信息保护法 Art. 47 (2); 《优化营商环境条例》Art. 49",
    "Close it first, or ask again when it is over; or erase for unlawful_processing.",
)

#: Tokens that this ledger mints; all others stand for people whom another store knows.
_OWN = re.compile(r"psn-[0-9a-f]{32}\Z")


def known_person(ledger: Reading, token: str | None) -> Person | None:
    """The person for whom a token of this ledger stands; ``None`` for a token of another store.

    Raises ``UnknownReference`` for one that nobody is registered under, and ``OutOfStep`` for one
    of a person who was erased.
    """
    if token is None or not _OWN.match(token):
        return None
    person = ledger.known(Person(token), "Register the person first.")
    if person.erased_on is not None:
        raise OutOfStep(f"what was known of {token} was erased on {person.erased_on}")
    return person
