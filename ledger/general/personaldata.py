"""Personal data in free text: recognise identity and mobile numbers, and refuse them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect
from stdnum.cn import ric, uscc

from ledger.kernel import Inquiry, Malformed, Message, Rule, message

#: The kinds recognised: 公民身份号码 and 手机号码 as people write them, also with typing errors.
#: Names are not recognised, because nothing distinguishes them from other words.
ID_NUMBER = message("general.identity-number")
MOBILE = message("general.mobile-number")

#: Digits of every script, and the Chinese characters for single digits.
_DIGITS = {
    code: str(unicodedata.decimal(chr(code)))
    for code in range(0x80, 0x10000)
    if unicodedata.decimal(chr(code), None) is not None
} | str.maketrans("〇零幺一二三四五六七八九壹贰叁肆伍陆柒捌玖", "001123456789123456789")

#: Separators between two digits of one number.
_GAP = r"[\s.·()\-‐-―−\u200b-\u200d\u2060\ufeff]{1,3}"

#: Eleven digits that could be one number. A text without them needs no further search.
_DIGIT = f"[0-9{''.join(map(chr, _DIGITS))}]"
_MANY = re.compile(f"{_DIGIT}(?:(?:{_GAP})?{_DIGIT}){{10}}")

#: Numbers that are not personal: credit codes with a letter, UUIDs, digests, ids of the ledger.
_OTHERS = re.compile(
    r"(?<![0-9A-Za-z])(?:(?=[0-9]*[A-WY])[0-9A-Z]{2}[0-9]{6}[0-9A-Z]{10}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32,}"
    r"|[A-Z]+(?:-[A-Z0-9]+)?\.[0-9a-f]{16}\.[0-9]+)(?![0-9A-Za-z])",
    re.IGNORECASE,
)


def _spelled(*digits: str) -> str:
    """Return a pattern of digits with or without gaps between them."""
    return f"(?:{_GAP})?".join(digits)


_MONTH = f"(?:{_spelled('0', '[1-9]')}|{_spelled('1', '[0-2]')})"
_DAY = f"(?:{_spelled('0', '[1-9]')}|{_spelled('[12]', '[0-9]')}|{_spelled('3', '[01]')})"
_CENTURY = f"(?:{_spelled('1', '[89]')}|{_spelled('2', '0')})"
_N = "[0-9]"

#: An identity number of 18 characters, with a date of birth in it. Its check character is not
#: tested, so that a number with a typing error is recognised too.
_IDENTITY = re.compile(
    "(?<![0-9])"
    + _spelled("[1-9]", *[_N] * 5, _CENTURY, _N, _N, _MONTH, _DAY, *[_N] * 3, "[0-9Xx]")
    + "(?![0-9])"
)

#: An identity number of 15 digits, as issued until 1999: a province, and a date of birth from 1930.
#: Many other numbers have 15 digits, so fewer spellings are recognised than above.
_OLD_IDENTITY = re.compile(
    r"(?<![0-9A-Za-z])(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3])[0-9]{4}"
    rf"(?:{_GAP})?[3-9][0-9](?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    rf"(?:{_GAP})?[0-9]{{3}}(?![0-9A-Za-z])"
)


def _grouped(first: int, *others: int) -> str:
    return f"1[3-9][0-9]{{{first - 2}}}" + "".join(f"{_GAP}[0-9]{{{n}}}" for n in others)


#: A mobile number without gaps, in the usual groups, or digit by digit. Digits in other groups are
#: more probably two amounts, or a list of numbers.
_MOBILE = re.compile(
    r"(?<![0-9])(?:(?:00)?86)?(?:"
    + "|".join(
        _grouped(*groups) for groups in ((11,), (3, 4, 4), (3, 8), (3, 3, 5), (4, 4, 3), (4, 3, 4))
    )
    + rf"|1{_GAP}[3-9](?:{_GAP}[0-9]){{9}})(?![0-9])"
)

#: Invisible characters that their Unicode category does not reveal, such as Hangul and Braille
#: fillers.
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")

_ADDRESS = re.compile(r"https?://\S+\Z")


def personal_data(*texts: str | None) -> Message | None:
    """Return the kind of personal data in ``texts``; ``None`` if there is none."""
    for text in texts:
        if text is None:
            continue
        plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
        if _MANY.search(plain) is None:
            continue
        plain = _OTHERS.sub("#", plain.translate(_DIGITS))
        if any(_is_identity(match[0]) for match in _IDENTITY.finditer(plain)):
            return ID_NUMBER
        if _OLD_IDENTITY.search(plain):
            return ID_NUMBER
        if _MOBILE.search(plain):
            return MOBILE
    return None


def is_identity_number(value: str, today: date) -> bool:
    """Whether 18 characters are a citizen's identity number (GB 11643).

    Such a number has a date of birth from 1900 to ``today`` in characters 7 to 14 and the right
    check character. Some credit codes have this form too, and cannot be distinguished.
    """
    if not re.fullmatch(r"[0-9]{17}[0-9X]", value):
        return False
    try:
        born = date(int(value[6:10]), int(value[10:12]), int(value[12:14]))
    except ValueError:
        return False
    return date(1900, 1, 1) <= born <= today and ric.calc_check_digit(value) == value[17]


def holds_identity_number(text: str) -> bool:
    """Whether a text contains an identity number with the right check character."""
    plain = text.translate(_DIGITS)
    return any(
        ric.calc_check_digit(re.sub("[^0-9X]", "", number[0].upper())) == number[0][-1].upper()
        for number in _IDENTITY.finditer(plain)
    )


def _is_identity(text: str) -> bool:
    """Whether a match is an identity number and not a credit code that is all digits."""
    number = re.sub(r"[^0-9X]", "", text.upper())
    return number[-1] == ric.calc_check_digit(number) or not uscc.is_valid(number)


def plain_text(text: str, pointer: str) -> str:
    """Return a text without blanks and invisible characters at its ends.

    Raises ``Malformed`` if nothing is left, or if an invisible character is within the text:
    zero-width, control and bidirectional characters make different texts look the same.
    """
    start, end = 0, len(text)
    while start < end and (_unseen(text[start]) or text[start].isspace()):
        start += 1
    while end > start and (_unseen(text[end - 1]) or text[end - 1].isspace()):
        end -= 1
    plain = text[start:end]
    if not plain:
        raise Malformed("general.text-must-not-blank", pointer=pointer)
    for place, character in enumerate(plain, 1):
        if _unseen(character):
            raise Malformed(
                "general.text-must-not-contain-invisible-characters",
                pointer=pointer,
                place=place,
                character=ord(character),
            )
    return plain


def _unseen(character: str) -> bool:
    """Whether a character is invisible and not a blank: control, format, line end, filler."""
    return (
        unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") or character in _FILLERS
    )


def words_of(event: msgspec.Struct) -> Iterator[tuple[str, str]]:
    """Yield the free texts of an event, each with its JSON pointer.

    Web addresses are left out: a number in them identifies a page.
    """
    for name, info in _fields(type(event)):
        for pointer, words in _words(info, getattr(event, name), f"/{name}"):
            if not _ADDRESS.match(words):
                yield pointer, words


@cache
def _fields(cls: type[msgspec.Struct]) -> tuple[tuple[str, inspect.Type], ...]:
    """Return the name and type of each field of an event that can hold free text."""
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    return tuple((field.name, field.type) for field in info.fields if _holds_words(field.type))


def _holds_words(info: inspect.Type) -> bool:
    if isinstance(info, inspect.Metadata):
        return bool((info.extra or {}).get("words")) or _holds_words(info.type)
    if isinstance(info, inspect.UnionType):
        return any(map(_holds_words, info.types))
    if isinstance(info, inspect.VarTupleType):
        return _holds_words(info.item_type)
    if isinstance(info, inspect.DictType):
        return _holds_words(info.value_type)
    return isinstance(info, inspect.StructType) and any(
        _holds_words(field.type) for field in info.fields
    )


def _words(info: inspect.Type, value: Any, at: str) -> Iterator[tuple[str, str]]:
    if isinstance(info, inspect.Metadata):
        if not (info.extra or {}).get("words"):
            yield from _words(info.type, value, at)
        elif isinstance(value, str | dict | list):
            # In a field of any JSON type, a number by itself is an amount.
            yield at, value if isinstance(value, str) else msgspec.json.encode(value).decode()
    elif isinstance(info, inspect.UnionType):
        for member in info.types:
            yield from _words(member, value, at)
    elif isinstance(info, inspect.VarTupleType) and isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _words(info.item_type, item, f"{at}/{index}")
    elif isinstance(info, inspect.DictType) and isinstance(value, dict):
        for name, item in value.items():
            yield from _words(info.value_type, item, f"{at}/{name}")
    elif isinstance(info, inspect.StructType) and isinstance(value, info.cls):
        for field in info.fields:
            yield from _words(field.type, getattr(value, field.name), f"{at}/{field.name}")


def require_impersonal(inquiry: Inquiry, rule: Rule, *texts: str | None) -> None:
    """Refuse personal data in texts that the public will read, under ``rule``."""
    kind = personal_data(*texts)
    inquiry.require(kind is None, rule, what=kind)


def refuse_personal(words: str, pointer: str) -> None:
    """Refuse personal data in a text that would be recorded for ever.

    Raises ``Malformed``, which names the field.
    """
    kind = personal_data(words)
    if kind is not None:
        raise Malformed(
            "general.must-not-contain-could-never-erased",
            pointer=pointer,
            place=pointer.strip("/"),
            kind=kind,
        )
