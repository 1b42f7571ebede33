"""The language of an answer, which the caller chooses with ``Accept-Language`` (RFC 9110, 12.5.4).

Callers who accept none of our languages get the service's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from aiohttp import hdrs, web

from ledger.kernel.messages import DOMAINS, LANGUAGES, catalogue

#: A language that the service speaks.
Language = Literal["zh", "en"]

#: The language of the answers to callers who do not ask for one.
LANGUAGE: web.AppKey[Language] = web.AppKey("language")

_RANGE = re.compile(r"\s*(?P<tag>[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)\s*(?:;\s*(?P<rest>.*))?")
_QUALITY = re.compile(r"q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*")

#: Ranges beyond these are ignored: no browser sends as many.
_MOST = 20


def chosen(accepted: str, own: Language) -> Language:
    """Return the language that an ``Accept-Language`` prefers; ``own`` where it has no preference.

    A range is matched by its primary language: ``zh-Hans-CN`` and ``zh-TW`` are Chinese. Of ranges
    with the same quality the first one counts.
    """
    qualities: dict[str, float] = {}
    for written in accepted.split(",")[:_MOST]:
        match = _RANGE.fullmatch(written)
        if match is None:
            continue
        quality = _QUALITY.fullmatch(match["rest"]) if match["rest"] else None
        if match["rest"] and quality is None:
            continue
        primary = match["tag"].partition("-")[0].lower()
        given = 1.0 if quality is None else float(quality[1])
        qualities[primary] = max(given, qualities.get(primary, 0.0))
    others = qualities.get("*", 0.0)
    # The service's own language comes first among those that only "*" accepts.
    known = [tag for tag in qualities if tag in LANGUAGES]
    rest = sorted(set(LANGUAGES) - set(known), key=lambda language: language != own)
    best, best_quality = own, 0.0
    for language, quality_of in (
        *((tag, qualities[tag]) for tag in known),
        *((tag, others) for tag in rest),
    ):
        if quality_of > best_quality:
            best, best_quality = _as_language(language), quality_of
    return best


def _as_language(tag: str) -> Language:
    return "zh" if tag == "zh" else "en"


def chosen_by(request: web.BaseRequest, own: Language) -> Language:
    """Return the language that a request prefers; several headers form one list."""
    return chosen(",".join(request.headers.getall(hdrs.ACCEPT_LANGUAGE, ())), own)


def language_of(request: web.Request) -> Language:
    """Return the language in which a request wants its answer."""
    return chosen_by(request, request.app[LANGUAGE])


def headers_in(language: str) -> dict[str, str]:
    """Return the headers of an answer that was put into words in ``language``."""
    return {hdrs.CONTENT_LANGUAGE: language, hdrs.VARY: hdrs.ACCEPT_LANGUAGE}


def in_language(headers: Mapping[str, str], language: str) -> dict[str, str]:
    """Return the headers of an answer, with what is said of its words."""
    told = headers_in(language)
    vary = ", ".join(filter(None, (headers.get(hdrs.VARY), told[hdrs.VARY])))
    return {**headers, **told, hdrs.VARY: vary}


def load_words() -> None:
    """Read the catalogue, so that no request waits for it."""
    for language in LANGUAGES:
        for domain in DOMAINS:
            catalogue(language, domain)
