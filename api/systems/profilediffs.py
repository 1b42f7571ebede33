"""``GET /v1/entities/{entity}/profile/diff``: how a profile changed, and by which events."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec.structs import replace

from api.http.asking import PRIVATE, asked, caught_up, follower_of
from api.http.languages import in_language, language_of
from api.http.malformed import told_by
from api.http.problems import Problem
from api.http.reader import Reader, reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response, require_calendar
from api.http.resources import Parameter, Resource
from api.running.pools import REPLAYS
from ledger.kernel import Moment, message
from ledger.kernel.messages import title
from projections.explain.differences import Cause, Difference, Time, compare
from projections.explain.replay import Asked, NothingKnown
from projections.profiles import says_nothing

When = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]{5,15}(Z|[+-][0-9]{2}:[0-9]{2}))?(?![\s\S])",
        description="a civil day, or a moment with its offset",
        examples=["2026-05-01", "2026-05-01T09:00:00+08:00"],
    ),
]


class ShownCause(Cause, frozen=True, kw_only=True, omit_defaults=True):
    """An event that made a difference, with the title of its type."""

    title: str


class ShownChange(Difference, frozen=True, kw_only=True, omit_defaults=True):
    """A part of the profile that differs: its JSON pointer, the old and the new value.

    Without an event, the difference came with the days themselves or with a change of policy.
    """

    events: tuple[ShownCause, ...] = ()


class ProfileDifference(msgspec.Struct, frozen=True, rename={"older": "from", "newer": "to"}):
    """The differences of a profile between two days, or between what was known at two moments."""

    entity: str
    older: str
    newer: str
    differences: list[ShownChange]


async def profile_diff(request: web.Request) -> web.Response:
    """What differs in a profile between two times: each part, old and new, and what made it so.

    Two days compare what was true at their end, as known now (`valid_as_of`). Two moments compare
    what was known then (`known_as_of`). Each reader is shown the parts of the document that the
    token may read, and the events that it may see.
    """
    entity = request.match_info["entity"]
    older, newer = _time(request, "from"), _time(request, "to")
    if isinstance(older, datetime) != isinstance(newer, datetime):
        raise Problem("malformed", "profilediffs.from-to-must-be-two-days-or-moments")
    if not older < newer:
        raise Problem(
            "malformed",
            message("profilediffs.from-must-lie-before-to", older=older, newer=newer),
        )
    reader = await reader_of(request)
    await caught_up(request, "profiles")
    source, language = follower_of(request).source, language_of(request)
    how = Asked(entity, sight=reader.sight(entity), may_see=reader.sees_record, today=reader.today)

    def ask() -> tuple[ProfileDifference, int]:
        compared = compare(source, how, older, newer)
        if all(says_nothing(body, entity, how.sight) for body in (compared.before, compared.after)):
            raise NothingKnown("replays.no-record-of", entity=entity)
        changes = [_shown(reader, change, entity, language) for change in compared.differences]
        given = request.query["from"], request.query["to"]
        return ProfileDifference(entity, *given, changes), compared.position

    try:
        shown, position = await asked(ask, REPLAYS)
    except NothingKnown as error:
        raise Problem("not-found", error.message) from None
    return json_response(
        shown, headers={**in_language(PRIVATE, language), "X-Position": str(position)}
    )


def _time(request: web.Request, name: str) -> Time:
    given = request.query.get(name)
    if given is None:
        raise Problem("malformed", message("http.query-parameter-required", name=name))
    type_: Any = date if len(given) == len("2026-05-01") else Moment
    try:
        when: Time = msgspec.convert(msgspec.convert(given, When), type_)
    except msgspec.ValidationError as error:
        raise Problem(
            "malformed",
            message("http.query-parameter-fault", name=name, error=told_by(error, When)),
        ) from None
    require_calendar(name, when)
    return when


def _shown(reader: Reader, change: Difference, entity: str, language: str) -> ShownChange:
    events = []
    for cause in change.events:
        actor = cause.actor
        if actor is not None:
            actor = reader.shown_actor(cause.type, actor, [f"entity:{entity}"])
        fields = msgspec.structs.asdict(replace(cause, actor=actor))
        events.append(ShownCause(**fields, title=title(cause.type, language, "titles")))
    return ShownChange(change.path, change.before, change.after, events=tuple(events))


RESOURCES = (
    Resource(
        "/v1/entities/{entity}/profile/diff",
        profile_diff,
        returns=ProfileDifference,
        query=(
            Parameter("from", When, "the earlier day or moment", required=True),
            Parameter("to", When, "the later day or moment", required=True),
            AT_LEAST,
        ),
        headers=(AT_LEAST_HEADER,),
        worded=True,
    ),
)
