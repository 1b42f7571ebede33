"""Document numbers (文号) in normal form, so that a document has one number in every spelling."""

from __future__ import annotations

import re
from unicodedata import category, normalize

_OPENING = "([{<【〖〘〚「『〈《⟨"
_CLOSING = ")]}>】〗〙〛」』〉》⟩"
_BRACKETS = str.maketrans(_OPENING + _CLOSING, "〔" * len(_OPENING) + "〕" * len(_CLOSING))

#: Zeros before a number, as before the serial: 〔2026〕012号.
_LEADING_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")


def normal_form(doc_no: str) -> str:
    """Return a document number in the form in which it is compared (rulebook 2.17).

    The normal form is NFKC in upper case, without blanks, invisible characters and leading zeros,
    with every pair of brackets as 〔〕.
    """
    text = _folded(doc_no)
    # Repeat: after a character is removed, NFKC may combine its neighbours.
    while (again := _folded(text)) != text:
        text = again
    return text


def _folded(text: str) -> str:
    text = normalize("NFKC", normalize("NFKC", text).upper())
    seen = "".join(c for c in text if not c.isspace() and category(c) not in ("Cc", "Cf"))
    return _LEADING_ZEROS.sub("", seen.translate(_BRACKETS))
