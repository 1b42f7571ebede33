"""Document numbers (文号) in normal form: one document has one number, however it was typed."""

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

    NFKC, without blanks and characters that are not seen, in upper case, every pair of brackets as
    〔〕, and no number in it with leading zeros.
    """
    text = _folded(doc_no)
    # What is left out may let two signs of the rest become one.
    while (again := _folded(text)) != text:
        text = again
    return text


def _folded(text: str) -> str:
    text = normalize("NFKC", normalize("NFKC", text).upper())
    seen = "".join(c for c in text if not c.isspace() and category(c) not in ("Cc", "Cf"))
    return _LEADING_ZEROS.sub("", seen.translate(_BRACKETS))
