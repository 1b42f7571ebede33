"""Replays of a business: its profile as of another day, and step by step."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import msgspec
import structlog
from aiohttp import hdrs, web
from msgspec.structs import replace

from api.http.access import grant_of
from api.http.asking import (
    PRIVATE,
    asked,
    audience_of,
    caught_up,
    follower_of,
    plans_of,
    required_grant,
)
from api.http.keys import LEDGER
from api.http.problems import Problem
from api.http.reading import (
    AT_LEAST,
    AT_LEAST_HEADER,
    MAX_POSITION,
    bounded,
    json_response,
    query_value,
    require_calendar,
)
from api.http.resources import Parameter, Resource
from api.http.tokens import Grant
from api.http.visibility import may_see_record, shown_actor
from api.running.pools import REPLAYS, busy, has_left
from ledger.kernel import Moment, Recorded, civil_date
from projections.explain.replay import (
    Asked,
    Hypothetical,
    NothingKnown,
    Replaying,
    Step,
    as_if_repaired,
    grades_of,
    replay,
)
from projections.profiles import as_json, says_nothing

log = structlog.get_logger("api.replays")

#: Facts that one replay may leave out or add.
MAX_HYPOTHESES = 50

#: Replays under way at most, those included whose readers are slow: each keeps a profile.
MAX_OPEN = 32

#: A piece is sent when it has so many bytes, or took so long, in seconds.
PIECE_BYTES = 64 * 1024
PIECE_SECONDS = 0.05

#: How long a reader may take for a piece, in seconds.
PATIENCE = 30.0

VALID = Parameter("valid_as_of", date, "what was so by the end of this day")
KNOWN = Parameter("known_as_of", datetime, "as it was known at this moment")

_ENCODE = msgspec.json.Encoder(enc_hook=str).encode
_HEADERS = {
    hdrs.CONTENT_TYPE: "application/json",
    hdrs.CACHE_CONTROL: "private, no-store",
    "X-Content-Type-Options": "nosniff",
}


class ShownReplay(msgspec.Struct, frozen=True):
    """What each event changed in the profile, and the profile as replayed.

    ``draw_ratio`` is the share of the businesses of its grade that a draw takes.
    """

    steps: list[Step]
    left_out: list[int]
    position: int
    draw_ratio: str | None
    profile: dict[str, Any]


async def profile_as_of(request: web.Request, entity: str, grant: Grant) -> web.Response:
    """The profile of a business as of the day and as known at the moment that the query names.

    The same 404 whether nothing is recorded, or nothing that the token may know of.
    """
    valid, known = as_of(request)
    source = follower_of(request).source
    audience, plans = audience_of(grant, entity), plans_of(grant)
    today = civil_date(request.app[LEDGER].clock())

    def ask() -> tuple[bytes, int]:
        replayed = replay(
            source,
            entity,
            steps=False,
            valid_as_of=valid,
            known_as_of=known,
            audience=audience,
            plans=plans,
            may_see=lambda record: may_see_record(grant, record),
            today=today,
        )
        body = as_json(replayed.document)
        if says_nothing(body, entity, audience, plans):
            raise NothingKnown(f"nothing is recorded of {entity}")
        return body, replayed.position

    try:
        body, position = await asked(ask, REPLAYS)
    except NothingKnown as error:
        raise Problem("not-found", f"{error}.") from None
    return json_response(None, body=body, headers={**PRIVATE, "X-Position": str(position)})


def as_of(request: web.Request) -> tuple[date | None, datetime | None]:
    """The two clocks of a query: the day as of which, and the moment at which it was known."""
    return (
        query_value(request, "valid_as_of", date | None, None),
        query_value(request, "known_as_of", Moment | None, None),
    )


async def replay_profile(request: web.Request) -> web.StreamResponse:
    """The profile of a business replayed event by event: what each changed, and under which law.

    `without` leaves out a position or everything about a credit record; `as_if_repaired` imagines
    that a record was repaired on a day (`CR-2026-0001@2026-08-01`), and what rests on it gone with
    it. Nothing is recorded. For the business itself and the authorities. A long answer is sent
    piece by piece as it is worked out: the steps first, the profile last. If it breaks off, the
    connection is closed before the JSON ends.
    """
    entity = request.match_info["entity"]
    grant = required_grant(await grant_of(request))
    if audience_of(grant, entity) == "public":
        raise Problem("forbidden", "This business is not the token's.")
    follower = await caught_up(request, "profiles")
    without = [_position_or_record(given) for given in request.query.getall("without", [])]
    repaired = [_record_and_day(given) for given in request.query.getall("as_if_repaired", [])]
    if len(without) + len(repaired) > MAX_HYPOTHESES:
        raise Problem("malformed", f"at most {MAX_HYPOTHESES} facts can be left out or added")
    valid, known = as_of(request)
    to_position = bounded(request, "to_position", MAX_POSITION, 1, MAX_POSITION)
    today = civil_date(request.app[LEDGER].clock())

    def sees(record: Recorded) -> bool:
        return may_see_record(grant, record)

    def begin() -> Iterator[_Piece]:
        source, imagined = follower.source, list[Hypothetical]()
        graded = grades_of(source, entity) if repaired else None
        for record, on in repaired:
            imagined += as_if_repaired(source, entity, record, on, graded)
        how = Asked(
            entity,
            valid_as_of=valid,
            known_as_of=known,
            to_position=to_position,
            without=without,
            hypothetical=imagined,
            audience=audience_of(grant, entity),
            plans=plans_of(grant),
            may_see=sees,
            today=today,
        )
        yield from _pieces(Replaying(source, how), how, grant)

    return await _sent(request, begin())


#: A part of the answer, and whether it is the last.
_Piece = tuple[bytes, bool]


def _pieces(replaying: Replaying, how: Asked, grant: Grant) -> Iterator[_Piece]:
    """The answer as JSON, in pieces. Raises ``NothingKnown`` before the first."""
    piece, began, told = bytearray(b'{"steps":['), time.monotonic(), False
    for step in replaying:
        # What changes nothing in the document it may read is not for a business's eyes.
        if how.audience == "restricted" or step.changes:
            piece += b"," if told else b""
            piece += _ENCODE(_shown_step(grant, step, how.entity))
            told = True
        if told and (len(piece) > PIECE_BYTES or time.monotonic() - began > PIECE_SECONDS):
            yield bytes(piece), False
            piece.clear()
            began = time.monotonic()
    profile = as_json(replaying.document())
    silent = not told and not replaying.left_out
    if silent and says_nothing(profile, how.entity, how.audience, how.plans):
        raise NothingKnown(f"nothing is recorded of {how.entity}")
    rest = _ENCODE(
        {
            "left_out": replaying.left_out,
            "position": replaying.position,
            "draw_ratio": replaying.draw_ratio,
        }
    )
    yield bytes(piece) + b"]," + rest[1:-1] + b',"profile":' + profile + b"}", True


def _shown_step(grant: Grant, step: Step, entity: str) -> Step:
    if step.actor is None:
        return step
    return replace(step, actor=shown_actor(grant, step.type, step.actor, [f"entity:{entity}"]))


_open = 0


async def _sent(request: web.Request, pieces: Iterator[_Piece]) -> web.StreamResponse:
    """The answer whose pieces a thread works out: at once if it is short, else piece by piece."""
    global _open  # noqa: PLW0603 - counted on the event loop alone
    if _open >= MAX_OPEN:
        raise busy()
    _open += 1
    try:
        try:
            first, is_last = await asked(lambda: next(pieces), REPLAYS)
        except NothingKnown as error:
            raise Problem("not-found", f"{error}.") from None
        if is_last:
            return json_response(None, body=first, headers=_HEADERS)
        return await _streamed(request, first, pieces)
    finally:
        _open -= 1


async def _streamed(
    request: web.Request, piece: bytes, pieces: Iterator[_Piece]
) -> web.StreamResponse:
    response = web.StreamResponse(headers=_HEADERS)
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    is_last = False
    try:
        await _write(response, piece)
        while not is_last:
            piece, is_last = await asked(lambda: next(pieces), REPLAYS)
            await _write(response, piece)
        await response.write_eof()
    except Exception as error:  # noqa: BLE001 - half an answer cannot become a problem document
        log.warning("replay_broken_off", error=type(error).__name__, left=has_left(request))
        if request.transport is not None:
            request.transport.abort()
    return response


async def _write(response: web.StreamResponse, piece: bytes) -> None:
    async with asyncio.timeout(PATIENCE):
        await response.write(piece)


def _position_or_record(given: str) -> int | str:
    return int(given) if given.isascii() and given.isdigit() and len(given) <= 16 else given


def _record_and_day(given: str) -> tuple[str, date]:
    record, _, day = given.rpartition("@")
    try:
        on = date.fromisoformat(day)
    except ValueError:
        record = ""
    if not record:
        raise Problem(
            "malformed",
            f"query parameter 'as_if_repaired': {given!r} is not <record>@<date>, "
            "as in CR-2026-0001@2026-08-01",
        )
    require_calendar("as_if_repaired", on)
    return record, on


RESOURCES = (
    Resource(
        "/v1/entities/{entity}/replay",
        replay_profile,
        returns=ShownReplay,
        query=(
            VALID,
            KNOWN,
            Parameter("to_position", int, "only what stands up to this position"),
            Parameter(
                "without", str, "a position or a credit record to leave out", repeatable=True
            ),
            Parameter(
                "as_if_repaired", str, "`<record>@<date>`: as if repaired that day", repeatable=True
            ),
            AT_LEAST,
        ),
        headers=(AT_LEAST_HEADER,),
    ),
)
