"""Which events a reader of the feed wants: types and subjects."""

from __future__ import annotations

from collections.abc import Collection

from aiohttp import web

from api.http.problems import Problem
from ledger.kernel import message

#: The most filters in one request.
MAX_FILTERS = 50


def filters_of(request: web.Request) -> tuple[frozenset[str], frozenset[str]]:
    """Return the types and subjects that the query asks for. Raises ``malformed``."""
    topics = frozenset(request.query.getall("type", ()))
    subjects = frozenset(request.query.getall("subject", ()))
    require_filters(topics, subjects)
    return topics, subjects


def require_filters(topics: Collection[str], subjects: Collection[str]) -> None:
    """Refuse filters that make no sense, and too many of them."""
    if len(topics) + len(subjects) > MAX_FILTERS:
        raise Problem(
            "malformed", message("feed.request-must-most-filters", max_filters=MAX_FILTERS)
        )
    for topic in topics:
        if not topic or topic == "*" or "*" in topic.removesuffix(".*"):
            raise Problem(
                "malformed",
                message("feed.type-must-be-whole-type-such-filing", topic=topic),
            )
    for subject in subjects:
        kind, _, value = subject.partition(":")
        # Not everyone may filter by who did what, so person and command are not subjects.
        if not kind or not value or kind in {"actor", "command"} or not subject.isprintable():
            raise Problem(
                "malformed",
                message("feed.subject-must-be-kind-id-such-entity", subject=subject),
            )
