"""Personal data in free texts: what is recognised, and refused where others read it."""

from __future__ import annotations

import re

from ledger.kernel import Malformed, Reading, Rule

#: 公民身份号码 and 手机号码 as they stand in a text, mistyped ones included. Names are not
#: recognised: nothing tells them from other words.
_PERSONAL = (
    (
        "a citizen identity number",
        re.compile(
            r"(?<![0-9A-Za-z])[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])"
            r"(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![0-9A-Za-z])"
        ),
    ),
    ("a mobile number", re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")),
)


def personal_data(*texts: str | None) -> str | None:
    """What kind of personal data stands in one of ``texts``, if any."""
    for text in texts:
        for what, pattern in _PERSONAL:
            if text is not None and pattern.search(text):
                return what
    return None


def require_impersonal(ledger: Reading, rule: Rule, *texts: str | None) -> None:
    """Refuse personal data in what the public reads, under the rule that says so."""
    what = personal_data(*texts)
    ledger.require(what is None, rule, what=what)


def refuse_personal(**texts: str | None) -> None:
    """Refuse personal data in the fields of a request. Raises ``Malformed`` naming the field."""
    for field, text in texts.items():
        what = personal_data(text)
        if what is not None:
            raise Malformed(
                f"{field} holds {what}; leave it out. A person stands here as a token, and what is "
                "known of one is sealed.",
                f"/{field}",
            )
