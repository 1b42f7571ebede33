"""Codes of industries by GB/T 4754-2017 (国民经济行业分类)."""

from __future__ import annotations

import re

from ledger.kernel.messages import InvalidValue

_CODE = re.compile(r"([A-T])?(?:([0-9]{2})[0-9]{0,2})?")

#: Each section with its first and its last division.
_SECTIONS = {
    "A": (1, 5),
    "B": (6, 12),
    "C": (13, 43),
    "D": (44, 46),
    "E": (47, 50),
    "F": (51, 52),
    "G": (53, 60),
    "H": (61, 62),
    "I": (63, 65),
    "J": (66, 69),
    "K": (70, 70),
    "L": (71, 72),
    "M": (73, 75),
    "N": (76, 79),
    "O": (80, 82),
    "P": (83, 83),
    "Q": (84, 85),
    "R": (86, 90),
    "S": (91, 96),
    "T": (97, 97),
}


def industry_code(code: str) -> str:
    """Return a code of a section, division, group or class unchanged.

    Raises ``ValueError`` if the division does not exist or belongs to another section.
    """
    match = _CODE.fullmatch(code)
    if not code or match is None:
        raise InvalidValue("general.industry-must-be-code", code=code)
    section, division = match[1], match[2]
    if division is None:
        return code
    for letter, (first, last) in _SECTIONS.items():
        if first <= int(division) <= last:
            if section not in (None, letter):
                raise InvalidValue(
                    "general.industry-must-name-section",
                    letter=letter,
                    division=division,
                    code=code,
                )
            return code
    raise InvalidValue("general.industry-must-have-division", code=code)
