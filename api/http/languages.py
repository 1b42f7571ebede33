"""The language of an answer, which the reader chooses with ``Accept-Language``."""

from __future__ import annotations

from aiohttp import hdrs, web

from ledger.kernel.messages import LANGUAGES

#: For a reader who asks for no language that the catalogue has.
DEFAULT_LANGUAGE = LANGUAGES[0]


def language_of(request: web.Request) -> str:
    """Return the language of the catalogue that the reader prefers (RFC 9110, section 12.5.4)."""
    qualities: dict[str, float] = {}
    for part in ",".join(request.headers.getall(hdrs.ACCEPT_LANGUAGE, ())).split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        # zh-CN and zh-Hans are served as zh: the catalogue has one form of each language.
        language = name.partition("-")[0]
        qualities[language] = max(qualities.get(language, 0.0), _quality(parameters))
    others = qualities.get("*", 0.0)
    ranked = {language: qualities.get(language, others) for language in LANGUAGES}
    best = max(ranked.values())
    if best == 0.0 or ranked[DEFAULT_LANGUAGE] == best:
        return DEFAULT_LANGUAGE
    return next(language for language, quality in ranked.items() if quality == best)


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                quality = float(parameter[2:])
            except ValueError:
                return 0.0
            return quality if 0.0 <= quality <= 1.0 else 0.0
    return 1.0
