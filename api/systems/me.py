"""``GET /v1/me``: who the token is for, what it may send and read, and until when."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.access import caller_of
from api.http.asking import PRIVATE, caught_up, read
from api.http.commands import path_of
from api.http.keys import SENT, SERVED
from api.http.languages import in_language, language_of
from api.http.reader import reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response
from api.http.resources import Resource
from ledger.general.vocabulary import Role
from ledger.kernel import civil_date
from projections.profiles import PROFILES, Profiles
from projections.systems.catalogue import UNITS, Units
from projections.tables import Connection


class Me(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who asks, and what the token allows.

    ``unit_name`` and ``entity_name`` are the registered names, if there are any. ``commands`` and
    ``resources`` are the paths that this role may send to or read; of a resource it reads the rows
    that concern it. ``reads``: the audiences whose events it may see, such as ``unit:MRB``.
    ``expires_on``: the last day on which the token is valid, if it has one. ``language``: that in
    which titles are written.
    """

    unit: str
    person: str
    role: Role
    language: str
    commands: tuple[str, ...]
    resources: tuple[str, ...]
    reads: tuple[str, ...]
    unit_name: str | None = None
    entity: str | None = None
    entity_name: str | None = None
    expires_on: date | None = None


async def me(request: web.Request) -> web.Response:
    """Who asks: person, unit and role, what this token may send and read, and its last day.

    Without a token, what the public may send and read.
    """
    caller = await caller_of(request)
    reader = await reader_of(request)
    await caught_up(request, Profiles.name)
    follower = await caught_up(request, Units.name)

    def names(views: Connection) -> tuple[str | None, str | None]:
        unit = sa.select(UNITS.c.name).where(UNITS.c.key == caller.unit)
        entity = sa.select(PROFILES.c.name).where(PROFILES.c.key == caller.entity)
        return views.execute(unit).scalar(), views.execute(entity).scalar()

    unit_name, entity_name = await read(follower, names)
    shown = Me(
        unit=caller.unit,
        person=caller.person,
        role=caller.role,
        language=language_of(request),
        commands=tuple(path_of(e) for e in request.app[SENT] if caller.role in e.roles),
        resources=tuple(
            resource.path
            for resource in request.app[SERVED]
            if resource.listed
            and (resource.roles is None or caller.role in resource.roles)
            and (caller.id or not resource.audited)
        ),
        reads=tuple(sorted(reader.audiences)),
        unit_name=unit_name,
        entity=caller.entity,
        entity_name=entity_name,
        # The token ends at the beginning of the next day.
        expires_on=None
        if caller.ends is None
        else civil_date(datetime.fromtimestamp(caller.ends, UTC) - timedelta(seconds=1)),
    )
    return json_response(shown, headers=in_language(PRIVATE, shown.language))


RESOURCES = (
    Resource(
        "/v1/me",
        me,
        returns=Me,
        query=(AT_LEAST,),
        headers=(AT_LEAST_HEADER,),
        group="me",
        worded=True,
    ),
)
