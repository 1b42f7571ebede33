"""What the resources share that read views: whom they answer, filters, and pages by key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog
from aiohttp import hdrs, web

from api.http.access import grant_of
from api.http.keys import LEDGER, LINE, VIEWS
from api.http.problems import Problem
from api.http.reading import at_least, bounded, json_response, next_link, query_value
from api.http.tokens import Grant
from api.running.pools import ASKED_BY, PUBLIC_READS, READS, Pool
from ledger.general.audiences import SUPERVISORS, UNIT_BOUND
from ledger.kernel import civil_date
from projections.follower import Follower
from projections.paging import page_of
from projections.profiles import EVERY, Audience
from projections.source import SourceUnavailable
from projections.tables import Damaged

log = structlog.get_logger("api.views")

T = TypeVar("T")

#: What is shown depends on the token, and may change with the next event.
PRIVATE: Mapping[str, str] = {
    hdrs.CACHE_CONTROL: "private, no-cache",
    hdrs.VARY: "Authorization, Accept",
}

DEFAULT_PAGE = 50
MAX_PAGE = 500

#: Roles that read the public's part and nothing else.
PUBLIC = frozenset({"public", "subscriber_system"})


def follower_of(request: web.Request) -> Follower:
    """What keeps the views of this application."""
    follower: Follower = request.app[VIEWS]
    return follower


#: How far the view of a request's ``one_row`` had come.
AS_OF = web.RequestKey("as_of", int)


def placed(request: web.Request) -> dict[str, str]:
    """Return the headers of a document that ``one_row`` was read for.

    ``X-Position`` is how far the view had come, and never the position of the last event about
    the subject: that event may be hidden from the reader.
    """
    return {**PRIVATE, "X-Position": str(request[AS_OF])}


async def caught_up(request: web.Request, view: str) -> Follower:
    """The follower, once ``view`` has reached the position that the caller asked for, if any."""
    follower = follower_of(request)
    if "at_least" in request.query or "X-Position-AtLeast" in request.headers:
        follower.hurry()
    await at_least(request, lambda: follower.position(view))
    line, position = request[LINE], follower.position(view)
    before = line.view_position
    line.view_position = position if before is None else min(before, position)
    return follower


def _open_to_asker(pool: Pool) -> Pool:
    """Return the pool for this request: reads without a token have one of their own."""
    request = ASKED_BY.get()
    grant = None if request is None else request[LINE].grant
    return PUBLIC_READS if pool is READS and grant is not None and not grant.id else pool


async def asked(question: Callable[[], T], pool: Pool = READS) -> T:
    """The answer to a question that blocks, from a thread of the pool for its kind.

    Raises a ``Problem`` of 503 where the views cannot be read, the pool is full or time is up.
    """
    try:
        return await _open_to_asker(pool).run(question)
    except (sa.exc.OperationalError, sa.exc.InterfaceError, Damaged, SourceUnavailable) as error:
        log.warning("views_unreadable", error=str(error))
        raise Problem(
            "unavailable",
            "The views cannot be read now. Ask again in a second.",
            headers={hdrs.RETRY_AFTER: "1"},
        ) from error


def role_of(grant: Grant) -> str:
    """The role that the sender's token names; an operator's reading grant another."""
    request = ASKED_BY.get()
    caller = None if request is None else request[LINE].grant
    return grant.role if caller is None else caller.role


def may_not_read(grant: Grant) -> Problem:
    """Return the refusal of a read."""
    return Problem("forbidden", f"The role {role_of(grant)} may not read this.")


def audience_of(grant: Grant, entity: str) -> Audience:
    """Which of the three documents about a business a token is shown."""
    if grant.role in PUBLIC:
        return "public"
    if grant.role == "entity_rep":
        return "entity" if grant.entity == entity else "public"
    return "restricted"


def plans_of(grant: Grant) -> str:
    """Whose planned visits a token may know of: the own unit's, every unit's, or nobody's.

    They are sealed until they come about, as the events that plan them (``may_see``).
    """
    if grant.role == "jb_supervisor":
        return EVERY
    return grant.unit if grant.role in UNIT_BOUND else ""


def may_ask(
    grant: Grant, *, unit: sa.ColumnElement[Any], entity: sa.ColumnElement[Any] | None
) -> sa.ColumnElement[bool]:
    """The rows of what is not public that a token may see; raises where it may see none.

    ``entity``: whose rows a business may see; ``None`` where it sees none.
    """
    if grant.role in SUPERVISORS or grant.role == "credit_officer":
        return sa.true()
    if grant.role in UNIT_BOUND:
        return unit == grant.unit
    if grant.role == "entity_rep" and grant.entity is not None and entity is not None:
        return entity == grant.entity
    raise may_not_read(grant)


def begun(table: sa.Table) -> list[sa.ColumnElement[bool]]:
    """Select the rows of subjects that have begun.

    A revocation names a decision without saying whether it is a penalty or a licence, so the views
    of both have a row for it, and one of them knows nothing else about the decision.
    """
    return [table.c.begun.is_(True)] if "begun" in table.c else []


async def rows_page(
    request: web.Request,
    view: str,
    table: sa.Table,
    *,
    where: list[sa.ColumnElement[bool]],
    show: Callable[[sa.Row[Any]], Any],
    key: sa.Column[Any] | None = None,
    filters: Mapping[str, sa.ColumnElement[Any]] | None = None,
) -> web.Response:
    """A page of rows in the order of their key, with a ``Link`` to the next one.

    ``filters`` maps query parameters to the columns that have to equal them.
    """
    follower = await caught_up(request, view)
    limit = bounded(request, "limit", DEFAULT_PAGE, 1, MAX_PAGE)
    order = table.c.key if key is None else key
    conditions = [*begun(table), *where]
    for name, column in (filters or {}).items():
        if (wanted := request.query.get(name)) is not None:
            conditions.append(column == wanted)
    if (after := request.query.get("after")) is not None:
        conditions.append(order > after)

    def ask() -> tuple[list[sa.Row[Any]], list[Any]]:
        with follower.views.reading() as connection:
            rows = page_of(connection, table, conditions, order, limit + 1)
        # Making the documents may take as long as reading them: not on the event loop.
        return rows, [show(row) for row in rows[:limit]]

    rows, items = await asked(ask)
    more = len(rows) > limit
    shown = rows[:limit]
    headers: dict[str, str] = {
        hdrs.CACHE_CONTROL: "private, no-cache",
        hdrs.VARY: "Authorization, Accept",
    }
    if more:
        headers[hdrs.LINK] = next_link(request, after=str(getattr(shown[-1], order.name)))
    return json_response({"items": items}, headers=headers)


async def one_row(
    request: web.Request,
    view: str,
    table: sa.Table,
    key: str,
    where: Sequence[sa.ColumnElement[bool]] = (),
) -> sa.Row[Any] | None:
    """The row of a key, or ``None`` where there is none that fits ``where``."""
    follower = await caught_up(request, view)
    # Before the row is read, which is then of this position or a later one.
    request[AS_OF] = follower.position(view)
    query = sa.select(table).where(table.c.key == key, *begun(table), *where)

    def ask() -> sa.Row[Any] | None:
        with follower.views.reading() as connection:
            return connection.execute(query).one_or_none()

    return await asked(ask)


def asked_day(request: web.Request) -> date:
    """The query parameter ``on``; the ledger's own today without it."""
    day: date = query_value(request, "on", date, civil_date(request.app[LEDGER].clock()))
    return day


def required_grant(grant: Grant) -> Grant:
    """The grant, of somebody who may read more than the public."""
    if grant.role in PUBLIC:
        raise may_not_read(grant)
    return grant


__all__ = [
    "PRIVATE",
    "PUBLIC",
    "Follower",
    "asked",
    "asked_day",
    "audience_of",
    "begun",
    "caught_up",
    "follower_of",
    "grant_of",
    "may_ask",
    "may_not_read",
    "one_row",
    "placed",
    "plans_of",
    "required_grant",
    "role_of",
    "rows_page",
]
