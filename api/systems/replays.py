"""Replays of a business: its profile as of another day, and event by event."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Annotated, Any

import msgspec
import structlog
from aiohttp import hdrs, web
from msgspec.structs import replace

from api.http.asking import (
    PRIVATE,
    asked,
    caught_up,
    follower_of,
)
from api.http.keys import LINE
from api.http.named import MAX_POSITION
from api.http.problems import Problem
from api.http.reader import Reader, reader_of
from api.http.reading import (
    AT_LEAST,
    AT_LEAST_HEADER,
    bounded,
    json_response,
    query_value,
    require_calendar,
)
from api.http.resources import Parameter, Resource
from api.running.pools import REPLAYS, busy, has_left
from ledger.kernel import Moment, message
from projections.answers import struct_type
from projections.explain.replay import (
    Asked,
    Hypothetical,
    NothingKnown,
    Replaying,
    Step,
    as_if_repaired,
    grades_of,
    replay,
    require_version,
)
from projections.profiles import Change, as_json, difference, says_nothing
from projections.profiles.document import ShownProfile
from projections.source import Source

log = structlog.get_logger("api.replays")

#: The most facts that one replay may leave out or add.
MAX_HYPOTHESES = 50

#: The most replays in progress, including those with slow readers: each holds a profile in memory.
MAX_OPEN = 32

#: A part of the answer is sent when it has this many bytes or took this long, in seconds.
PIECE_BYTES = 64 * 1024
PIECE_SECONDS = 0.05

#: How long a reader may take to read a part, in seconds.
PATIENCE = 30.0

#: A credit record and the day of its repair.
Repaired = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^\S+@[0-9]{4}-[0-9]{2}-[0-9]{2}(?![\s\S])",
        max_length=140,
        examples=["CR-2026-0001@2026-06-30"],
    ),
]

#: A policy, and the version that stays its newest one.
StillNewest = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z][a-z0-9._-]*@[1-9][0-9]{0,8}(?![\s\S])",
        max_length=130,
        examples=["visit_cap@1"],
    ),
]

VALID = Parameter("valid_as_of", date, "what was true at the end of this day")
KNOWN = Parameter("known_as_of", Moment, "as known at this moment")

_ENCODE = msgspec.json.Encoder(enc_hook=str).encode
_HEADERS = {
    hdrs.CONTENT_TYPE: "application/json",
    hdrs.CACHE_CONTROL: "private, no-store",
    "X-Content-Type-Options": "nosniff",
}


ShownReplay = struct_type(
    "ShownReplay",
    "The changes of the profile by each event, and the replayed profile. `draw_ratio` is the "
    "proportion of the businesses of its grade that a draw selects.",
    steps=list[Step],
    left_out=list[int],
    position=int,
    draw_ratio=str | None,
    profile=ShownProfile,
)


async def profile_as_of(request: web.Request, entity: str, reader: Reader) -> web.Response:
    """Return the profile of the query's day, as it was known at the query's moment.

    Raises the same 404 if nothing is recorded as if the token may not know of it.
    """
    valid, known = as_of(request)
    source = follower_of(request).source
    sight = reader.sight(entity)

    def ask() -> tuple[bytes, int]:
        replayed = replay(
            source,
            entity,
            steps=False,
            valid_as_of=valid,
            known_as_of=known,
            sight=sight,
            may_see=reader.sees_record,
            today=reader.today,
        )
        body = as_json(replayed.document)
        if says_nothing(body, entity, sight):
            raise NothingKnown("replays.no-record-of", entity=entity)
        return body, replayed.position

    try:
        body, position = await asked(ask, REPLAYS)
    except NothingKnown as error:
        raise Problem("not-found", error.message) from None
    return json_response(None, body=body, headers={**PRIVATE, "X-Position": str(position)})


def as_of(request: web.Request) -> tuple[date | None, datetime | None]:
    """Return the two times of a query: the day it is for, and the moment it was known."""
    return (
        query_value(request, "valid_as_of", date | None, None),
        query_value(request, "known_as_of", Moment | None, None),
    )


async def replay_profile(request: web.Request) -> web.StreamResponse:
    """The profile of a business, replayed event by event: what each changed, and by which law.

    `without` leaves out a position, or everything about a credit record. `as_if_repaired` assumes
    that a record was repaired on a day (`CR-2026-0001@2026-08-01`), and removes what is based on
    it. `policy` assumes that a version of a policy is still the newest (`visit_cap@1`). Nothing is
    recorded. Only for the business itself and the authorities. A long answer is sent in parts as it
    is calculated: first the steps, then the profile. If an error interrupts it, the connection is
    closed before the JSON is complete.
    """
    entity, reader = request.match_info["entity"], await _may_replay(request)
    follower = await caught_up(request, "profiles")
    imagine = _imagined(request)
    valid, known = as_of(request)
    to_position = bounded(request, "to_position", MAX_POSITION, 1, MAX_POSITION)

    def begin() -> Iterator[_Piece]:
        source = follower.source
        how = Asked(
            entity,
            valid_as_of=valid,
            known_as_of=known,
            to_position=to_position,
            sight=reader.sight(entity),
            may_see=reader.sees_record,
            today=reader.today,
        )
        yield from _pieces(Replaying(source, imagine(source, how)), how, reader)

    return await _sent(request, begin())


#: Return a replay that has assumptions in addition.
_Imagine = Callable[[Source, Asked], Asked]


def _imagined(request: web.Request) -> _Imagine:
    """Return a function that adds the assumptions of the query; it reads the ledger."""
    without = [_position_or_record(given) for given in request.query.getall("without", [])]
    repaired = [_record_and_day(given) for given in request.query.getall("as_if_repaired", [])]
    versions = [_key_and_version(given) for given in request.query.getall("policy", [])]
    if len(without) + len(repaired) + len(versions) > MAX_HYPOTHESES:
        raise Problem(
            "malformed",
            message("replays.replay-may-leave-out-add-most", max_hypotheses=MAX_HYPOTHESES),
        )

    def imagine(source: Source, how: Asked) -> Asked:
        for key, version in versions:
            require_version(source, key, version)
        imagined = list[Hypothetical]()
        graded = grades_of(source, how.entity) if repaired else None
        for record, on in repaired:
            imagined += as_if_repaired(source, how.entity, record, on, graded)
        return replace(how, without=without, newest=dict(versions), hypothetical=imagined)

    return imagine


class WhatIf(msgspec.Struct, frozen=True):
    """A profile as it is, next to what it would be under the assumptions of the query.

    ``left_out``: the positions of the events left out that the token may see. ``draw_ratio_is``
    and ``draw_ratio_if``: the share of the businesses of its grade that a draw selects.
    """

    entity: str
    position: int
    left_out: list[int]
    differences: list[Change]
    draw_ratio_is: str | None
    draw_ratio_if: str | None
    as_is: ShownProfile  # type: ignore[valid-type]
    as_if: ShownProfile  # type: ignore[valid-type]


async def what_if(request: web.Request) -> web.Response:
    """The profile of a business side by side: as it is, and as it would be.

    The assumptions are those of the replay: `without`, `as_if_repaired` and `policy`. Nothing is
    recorded. Only for the business itself and the authorities.
    """
    entity, reader = request.match_info["entity"], await _may_replay(request)
    follower = await caught_up(request, "profiles")
    imagine = _imagined(request)
    valid, known = as_of(request)

    def ask() -> dict[str, Any]:
        source = follower.source
        how = Asked(
            entity,
            valid_as_of=valid,
            known_as_of=known,
            sight=reader.sight(entity),
            may_see=reader.sees_record,
            today=reader.today,
        )
        other = imagine(source, how)
        # An imagined fact may lie ahead; both profiles are of the same day.
        how = replace(how, today=max([reader.today, *(fact.on for fact in other.hypothetical)]))
        is_, if_ = (_replayed(source, asked_for) for asked_for in (how, other))
        bodies = [as_json(replaying.document()) for replaying in (is_, if_)]
        if not if_.left_out and all(says_nothing(b, entity, how.sight) for b in bodies):
            raise NothingKnown("replays.no-record-of", entity=entity)
        return {
            "entity": entity,
            "position": is_.position,
            "left_out": if_.left_out,
            "differences": difference(*map(msgspec.json.decode, bodies)),
            "draw_ratio_is": is_.draw_ratio,
            "draw_ratio_if": if_.draw_ratio,
            "as_is": msgspec.Raw(bodies[0]),
            "as_if": msgspec.Raw(bodies[1]),
        }

    try:
        answer = await asked(ask, REPLAYS)
    except NothingKnown as error:
        raise Problem("not-found", error.message) from None
    return json_response(answer, headers=PRIVATE)


def _replayed(source: Source, how: Asked) -> Replaying:
    """Return a replay that has taken all its events, without its steps."""
    replaying = Replaying(source, how, steps=False)
    deque(replaying, maxlen=0)
    return replaying


async def _may_replay(request: web.Request) -> Reader:
    """Return the reader, who must be the business itself or an authority."""
    reader = await reader_of(request)
    if reader.is_public:
        raise reader.refused()
    if reader.audience(request.match_info["entity"]) == "public":
        raise Problem("forbidden", "replays.business-must-be-token-own")
    return reader


#: Bytes of the answer, and whether they are the last.
_Piece = tuple[bytes, bool]


def _pieces(replaying: Replaying, how: Asked, reader: Reader) -> Iterator[_Piece]:
    """Yield the answer as JSON, in parts. Raises ``NothingKnown`` before the first."""
    piece, began, told = bytearray(b'{"steps":['), time.monotonic(), False
    for step in replaying:
        # A business is not shown events that do not change the document it may read.
        if how.sight.audience == "restricted" or step.changes:
            piece += b"," if told else b""
            piece += _ENCODE(_shown_step(reader, step, how.entity))
            told = True
        if told and (len(piece) > PIECE_BYTES or time.monotonic() - began > PIECE_SECONDS):
            yield bytes(piece), False
            piece.clear()
            began = time.monotonic()
    profile = as_json(replaying.document())
    silent = not told and not replaying.left_out
    if silent and says_nothing(profile, how.entity, how.sight):
        raise NothingKnown("replays.no-record-of", entity=how.entity)
    rest = _ENCODE(
        {
            "left_out": replaying.left_out,
            "position": replaying.position,
            "draw_ratio": replaying.draw_ratio,
        }
    )
    yield bytes(piece) + b"]," + rest[1:-1] + b',"profile":' + profile + b"}", True


def _shown_step(reader: Reader, step: Step, entity: str) -> Step:
    if step.actor is None:
        return step
    return replace(step, actor=reader.shown_actor(step.type, step.actor, [f"entity:{entity}"]))


_open = 0


async def _sent(request: web.Request, pieces: Iterator[_Piece]) -> web.StreamResponse:
    """Send an answer made by a thread: at once if it is short, otherwise in parts."""
    global _open  # noqa: PLW0603 - counted only on the event loop
    if _open >= MAX_OPEN:
        raise busy()
    _open += 1
    try:
        try:
            first, is_last = await asked(lambda: next(pieces), REPLAYS)
        except NothingKnown as error:
            raise Problem("not-found", error.message) from None
        if is_last:
            return json_response(None, body=first, headers=_HEADERS)
        return await _streamed(request, first, pieces)
    finally:
        _open -= 1


async def _streamed(
    request: web.Request, piece: bytes, pieces: Iterator[_Piece]
) -> web.StreamResponse:
    response = web.StreamResponse(headers=_HEADERS)
    # Nobody can add it once the first part is sent.
    if (position := request[LINE].view_position) is not None:
        response.headers["X-View-Position"] = str(position)
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


def _key_and_version(given: str) -> tuple[str, int]:
    key, _, version = given.rpartition("@")
    return key, int(version)


def _record_and_day(given: str) -> tuple[str, date]:
    record, _, day = given.rpartition("@")
    try:
        on = date.fromisoformat(day)
    except ValueError:
        record = ""
    if not record:
        raise Problem(
            "malformed",
            message("replays.query-parameter-as-if-repaired-must-be-record-date", given=given),
        )
    require_calendar("as_if_repaired", on)
    return record, on


_ASSUMPTIONS = (
    Parameter("without", str, "a position or a credit record to leave out", repeatable=True),
    Parameter(
        "as_if_repaired",
        str,
        "`<record>@<date>`: as if repaired that day",
        repeatable=True,
        values=Repaired,
    ),
    Parameter(
        "policy",
        str,
        "`<key>@<version>`: as if that version were still the newest",
        repeatable=True,
        values=StillNewest,
    ),
)

RESOURCES = (
    Resource(
        "/v1/entities/{entity}/replay",
        replay_profile,
        returns=ShownReplay,
        query=(
            VALID,
            KNOWN,
            Parameter("to_position", int, "only events up to this position"),
            *_ASSUMPTIONS,
            AT_LEAST,
        ),
        headers=(AT_LEAST_HEADER,),
    ),
    Resource(
        "/v1/entities/{entity}/what-if",
        what_if,
        returns=WhatIf,
        query=(VALID, KNOWN, *_ASSUMPTIONS, AT_LEAST),
        headers=(AT_LEAST_HEADER,),
    ),
)
