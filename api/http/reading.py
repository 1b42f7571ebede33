"""Helpers for GET handlers: JSON, ETags, query parameters, paging, reading one's own writes."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from datetime import date
from functools import reduce
from operator import or_
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin
from urllib.parse import urlencode

import msgspec
from aiohttp import hdrs, web

from api.http.languages import in_language
from api.http.malformed import told_by
from api.http.named import LATEST_YEAR, MAX_POSITION
from api.http.problems import Problem
from api.http.resources import Parameter, header, parameter, whole_number
from ledger.kernel.commands import EARLIEST_YEAR
from ledger.kernel.messages import message

T = TypeVar("T")

#: How long a read may wait for a view to catch up before the answer is 425.
MAX_WAIT_SECONDS = 2.0
POLL_SECONDS = 0.005

#: Entries on a page: by default, and at most.
DEFAULT_PAGE = 50
MAX_PAGE = 500

#: A position up to which something is read; 0 is before the first event.
Reached = Annotated[int, msgspec.Meta(ge=0, le=MAX_POSITION, examples=[0])]

AT_LEAST = Parameter(
    "at_least", Reached, "wait until the view has reached this position", default=0
)
AT_LEAST_HEADER = Parameter(
    "X-Position-AtLeast", Reached, "the same as the parameter at_least", place="header"
)
AFTER = Parameter(
    "after",
    str,
    "the key at which the previous page ended; see its Link header",
    values=Annotated[str, msgspec.Meta(min_length=1, max_length=400, examples=["A-1"])],
)
LIMIT = Parameter(
    "limit",
    Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE, examples=[20])],
    "the most entries on a page",
    default=DEFAULT_PAGE,
)
#: The position after which a page begins.
AFTER_POSITION = Parameter("after", Reached, "the position after which to begin", default=0)

_ENCODE = msgspec.json.Encoder(enc_hook=str).encode


def json_response(
    value: Any,
    *,
    status: int = 200,
    headers: Mapping[Any, str] | None = None,
    body: bytes | None = None,
    media_type: str = "application/json",
) -> web.Response:
    """Return a response with ``value`` as JSON, or with ``body`` unchanged."""
    return web.Response(
        body=_ENCODE(value) if body is None else body,
        status=status,
        headers={
            hdrs.CONTENT_TYPE: media_type,
            "X-Content-Type-Options": "nosniff",
            **(headers or {}),
        },
    )


def conditional(
    request: web.Request,
    etag: str,
    make: Callable[[], bytes],
    *,
    headers: Mapping[Any, str] | None = None,
    media_type: str = "application/json",
    language: str | None = None,
) -> web.Response:
    """Return 304 if the caller already has ``etag``, else what ``make`` returns, with its ETag.

    ``etag`` is a position or another name of the state, without quotes. The content depends on
    the token, so caches must keep answers apart by it. ``language``: that of the words in the
    content, if it has words that depend on the reader; the ETag then depends on it too.
    """
    if language is not None:
        etag = f"{etag}.{language}"
    quoted = f'"{etag}"'
    shown = {
        hdrs.ETAG: quoted,
        hdrs.CACHE_CONTROL: "private, no-cache",
        hdrs.VARY: "Authorization, Accept",
        **(headers or {}),
    }
    if language is not None:
        shown = in_language(shown, language)
    given = ",".join(request.headers.getall(hdrs.IF_NONE_MATCH, ()))
    if given and (held := _held(given, etag)) is not None:
        # The tag of the representation that the caller has, which a coding may have renamed.
        return web.Response(status=304, headers={**shown, hdrs.ETAG: f'"{held}"'})
    return json_response(None, body=make(), headers=shown, media_type=media_type)


#: An entity tag (RFC 9110, section 8.8.3); its quoted part may contain a comma.
_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"')

#: What compressing proxies append to a tag, inside its quotes.
_CODED = re.compile(r"[-;](?:gzip|br|zstd|deflate)\Z")


def _held(given: str, etag: str) -> str | None:
    """Return the tag by which ``If-None-Match`` shows that the caller has ``etag``, if it does."""
    if given.strip() == "*":
        return etag
    matching = (t for t in _TAG.findall(given) if etag in {t, _CODED.sub("", t)})
    # What a proxy appended with a semicolon it appends again.
    return next((etag if ";" in t[len(etag) :] else t for t in matching), None)


def require_calendar(name: str, day: date) -> None:
    """Refuse a day so far away that periods counted from it would leave the calendar."""
    if not EARLIEST_YEAR <= day.year < LATEST_YEAR:
        raise Problem(
            "malformed",
            message(
                "http.query-parameter-must-lie-years",
                name=name,
                earliest_year=EARLIEST_YEAR,
                latest_year=LATEST_YEAR - 1,
            ),
        )


def query_value(request: web.Request, name: str, type: Any, default: Any) -> Any:
    """Return the query parameter ``name``, converted by msgspec to ``type``.

    ``type`` may be a union or an annotated type, so it cannot be expressed as a type variable.
    """
    given = request.query.get(name)
    return default if given is None else _converted(name, given, type)


def query_values(request: web.Request, name: str, type: Any, *, joined: bool = False) -> list[Any]:
    """Return every value of a repeatable query parameter, each once, converted to ``type``.

    If it is ``joined``, each is a list with commas.
    """
    given = request.query.getall(name, ())
    parts = [part for text in given for part in (text.split(",") if joined else (text,))]
    return [_converted(name, part, type) for part in dict.fromkeys(parts)]


def _converted(name: str, given: str, type: Any) -> Any:
    present = _present(type)
    try:
        value = msgspec.convert(given, present, strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        told = told_by(error, present)
        raise Problem(
            "malformed", message("http.query-parameter-fault", name=name, error=told)
        ) from None
    if isinstance(value, date):
        require_calendar(name, value)
    if isinstance(value, int) and abs(value) > MAX_POSITION:
        # A larger number fits no database column, and the database would raise an error.
        raise Problem(
            "malformed",
            message("http.query-parameter-must-lie-between", name=name, max_position=MAX_POSITION),
        )
    return value


def _present(type: Any) -> Any:
    """Return ``type`` without ``None``: the type of a parameter that was sent.

    Otherwise msgspec would read the word ``null`` as None, and the filter would not apply.
    """
    if get_origin(type) not in (Union, UnionType):
        return type
    return reduce(or_, (part for part in get_args(type) if part is not NoneType))


def bounded(request: web.Request, name: str, default: int, low: int, high: int) -> int:
    """Return the query parameter ``name`` as a whole number from ``low`` to ``high``."""
    return whole_number(request.query.get(name), parameter(name), default, low, high)


async def at_least(request: web.Request, position: Callable[[], int]) -> None:
    """If the caller asked for a position, wait until the view reaches it.

    Raises 425 after two seconds. ``position`` returns the view's position; it must not block.
    """
    given = request.query.get("at_least")
    name = parameter("at_least")
    if given is None:
        given, name = request.headers.get("X-Position-AtLeast"), header("X-Position-AtLeast")
    await reached(whole_number(given, name, 0, 0, MAX_POSITION), position)


async def reached(wanted: int, position: Callable[[], int]) -> None:
    """Wait until ``position()`` reaches ``wanted``; raises like ``at_least``."""
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while (place := position()) < wanted:
        if time.monotonic() > deadline:
            raise Problem(
                "too-early",
                message("http.view-position-not-reached-yet", place=place, wanted=wanted),
                headers={hdrs.RETRY_AFTER: "1"},
                position=place,
            )
        await asyncio.sleep(POLL_SECONDS)


def next_link(request: web.Request, **changed: str | int) -> str:
    """Return the ``Link`` header to the next page: this query with ``changed`` parameters."""
    pairs = [(k, v) for k, v in request.query.items() if k not in changed]
    pairs += [(k, str(v)) for k, v in changed.items()]
    return f'<{request.path}?{urlencode(pairs)}>; rel="next"'
