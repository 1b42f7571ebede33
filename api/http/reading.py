"""Helpers for whatever answers GET: JSON, ETags, paging, and reading one's own writes."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from datetime import date
from functools import reduce
from operator import or_
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin
from urllib.parse import urlencode

import msgspec
from aiohttp import hdrs, web

from api.http.problems import Problem
from api.http.resources import Parameter
from ledger.kernel.commands import EARLIEST_YEAR

T = TypeVar("T")

#: How long a read may wait for a view to catch up before it is answered 425.
MAX_WAIT_SECONDS = 2.0
POLL_SECONDS = 0.005

#: The year before which a day that is asked about must lie; the first is the ledger's own.
LATEST_YEAR = 2200

#: The largest number that SQLite, PostgreSQL and JSON readers agree on as a position.
MAX_POSITION = 2**53 - 1

AT_LEAST = Parameter("at_least", int, "wait until the view has reached this position")
AT_LEAST_HEADER = Parameter(
    "X-Position-AtLeast", int, "the same as the parameter at_least", place="header"
)
AFTER = Parameter("after", str, "where the page before ended; from its Link header")
LIMIT = Parameter("limit", int, "entries on a page at most")

_ENCODE = msgspec.json.Encoder(enc_hook=str).encode


def json_response(
    value: Any,
    *,
    status: int = 200,
    headers: Mapping[Any, str] | None = None,
    body: bytes | None = None,
    media_type: str = "application/json",
) -> web.Response:
    """``value`` as JSON, or ``body`` as it is."""
    return web.Response(
        body=_ENCODE(value) if body is None else body,
        status=status,
        headers={
            hdrs.CONTENT_TYPE: media_type,
            "X-Content-Type-Options": "nosniff",
            **(headers or {}),
        },
    )


def accepted(request: web.Request) -> str:
    """The media types that the caller accepts: several lines are one list (RFC 9110, 5.3)."""
    return ",".join(request.headers.getall(hdrs.ACCEPT, ("*/*",)))


def conditional(
    request: web.Request,
    etag: str,
    make: Callable[[], bytes],
    *,
    headers: Mapping[Any, str] | None = None,
    media_type: str = "application/json",
) -> web.Response:
    """304 if the caller has ``etag`` already, else what ``make`` gives, with its ETag.

    ``etag`` is a position or another name of the state; quotes are added here. What is shown
    depends on the token, so caches keep answers apart by it.
    """
    quoted = f'"{etag}"'
    shown = {
        hdrs.ETAG: quoted,
        hdrs.CACHE_CONTROL: "private, no-cache",
        hdrs.VARY: "Authorization, Accept",
        **(headers or {}),
    }
    given = ",".join(request.headers.getall(hdrs.IF_NONE_MATCH, ()))
    if given and _matches(given, etag):
        return web.Response(status=304, headers=shown)
    return json_response(None, body=make(), headers=shown, media_type=media_type)


#: One entity tag (RFC 9110, section 8.8.3); what it quotes may hold a comma.
_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"')

#: What proxies that compress add to a tag, within its quotes.
_CODED = re.compile(r"[-;](?:gzip|br|zstd|deflate)\Z")


def _matches(given: str, etag: str) -> bool:
    """Whether a caller has ``etag`` already, as it says in ``If-None-Match``."""
    if given.strip() == "*":
        return True
    return any(etag in {tag, _CODED.sub("", tag)} for tag in _TAG.findall(given))


def require_calendar(name: str, day: date) -> None:
    """Refuse a day from which no periods can be counted: they would leave the calendar."""
    if not EARLIEST_YEAR <= day.year < LATEST_YEAR:
        raise Problem(
            "malformed",
            f"query parameter {name!r} must lie in the years {EARLIEST_YEAR} to {LATEST_YEAR - 1}",
        )


def query_value(request: web.Request, name: str, type: Any, default: Any) -> Any:
    """The query parameter ``name`` as ``type`` (whatever msgspec converts from a string).

    ``type`` may be a union or an annotated type, which no type variable can stand for.
    """
    given = request.query.get(name)
    if given is None:
        return default
    try:
        value = msgspec.convert(given, _present(type), strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        raise Problem("malformed", f"query parameter {name!r}: {error}") from None
    if isinstance(value, date):
        require_calendar(name, value)
    if isinstance(value, int) and abs(value) > MAX_POSITION:
        # A larger number fits no column, and the database would raise.
        raise Problem(
            "malformed",
            f"query parameter {name!r} must lie between -{MAX_POSITION} and {MAX_POSITION}",
        )
    return value


def _present(type: Any) -> Any:
    """What a parameter of ``type`` may be once it was sent.

    msgspec reads the word ``null`` as None where a type allows it: a filter would be none at all.
    """
    if get_origin(type) not in (Union, UnionType):
        return type
    return reduce(or_, (part for part in get_args(type) if part is not NoneType))


def bounded(request: web.Request, name: str, default: int, low: int, high: int) -> int:
    """The query parameter ``name`` as a whole number from ``low`` to ``high``."""
    return whole_number(request.query.get(name), f"query parameter {name!r}", default, low, high)


def whole_number(given: str | None, what: str, default: int, low: int, high: int) -> int:
    """``given`` as a whole number from ``low`` to ``high``; ``what`` names it in the refusal."""
    if given is None:
        return default
    # int() takes underscores, spaces and other scripts' digits; a URL should not.
    if not (given.isascii() and given.isdigit() and len(given) <= 16 and low <= int(given) <= high):
        raise Problem("malformed", f"{what} has to be a whole number from {low} to {high}")
    return int(given)


async def at_least(request: web.Request, position: Callable[[], int]) -> None:
    """Wait for the view whose place ``position`` tells, if the caller asked for a position.

    Raises 425 when it does not get there within two seconds. ``position`` must not block.
    """
    given = request.query.get("at_least")
    what = "query parameter 'at_least'"
    if given is None:
        given, what = request.headers.get("X-Position-AtLeast"), "header X-Position-AtLeast"
    await reached(whole_number(given, what, 0, 0, MAX_POSITION), position)


async def reached(wanted: int, position: Callable[[], int]) -> None:
    """Wait, as ``at_least``, until the view at ``position()`` has come to ``wanted``."""
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while (place := position()) < wanted:
        if time.monotonic() > deadline:
            raise Problem(
                "too-early",
                f"The view stands at position {place}, before {wanted}.",
                headers={hdrs.RETRY_AFTER: "1"},
                position=place,
            )
        await asyncio.sleep(POLL_SECONDS)


def next_link(request: web.Request, **changed: str | int) -> str:
    """The ``Link`` header that leads to the next page: this query with ``changed`` parameters."""
    pairs = [(k, v) for k, v in request.query.items() if k not in changed]
    pairs += [(k, str(v)) for k, v in changed.items()]
    return f'<{request.path}?{urlencode(pairs)}>; rel="next"'
