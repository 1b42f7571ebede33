"""What all resources that read views share: access checks, filters, pages by key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog
from aiohttp import hdrs, web

from api.http.keys import LINE, VIEWS
from api.http.problems import Problem, not_found
from api.http.reading import DEFAULT_PAGE as DEFAULT_PAGE  # noqa: PLC0414 - exported
from api.http.reading import MAX_PAGE as MAX_PAGE  # noqa: PLC0414 - exported
from api.http.reading import at_least, bounded, json_response, next_link
from api.running.pools import ASKED_BY, PUBLIC_READS, READS, Pool
from ledger.stores import StoreError
from projections.follower import Follower
from projections.paging import page_of
from projections.source import SourceUnavailable
from projections.tables import Connection, Damaged

log = structlog.get_logger("api.views")

T = TypeVar("T")

#: The answer depends on the token and may change with the next event.
PRIVATE: Mapping[str, str] = {
    hdrs.CACHE_CONTROL: "private, no-cache",
    hdrs.VARY: "Authorization, Accept",
}


def follower_of(request: web.Request) -> Follower:
    """Return the follower that maintains the views of this application."""
    follower: Follower = request.app[VIEWS]
    return follower


#: The position of the view from which ``one_row`` read the request's row.
AS_OF = web.RequestKey("as_of", int)


def placed(request: web.Request) -> dict[str, str]:
    """Return the headers of a document made from a row that ``one_row`` read.

    ``X-Position`` is the position of the view, never that of the last event about the subject:
    that event may be hidden from the reader.
    """
    return {**PRIVATE, "X-Position": str(request[AS_OF])}


async def caught_up(request: web.Request, view: str) -> Follower:
    """Return the follower, once ``view`` has reached the position that the caller asked for."""
    follower = follower_of(request)
    if "at_least" in request.query or "X-Position-AtLeast" in request.headers:
        follower.hurry()
    await at_least(request, lambda: follower.position(view))
    line, position = request[LINE], follower.position(view)
    before = line.view_position
    line.view_position = position if before is None else min(before, position)
    return follower


def _open_to_asker(pool: Pool) -> Pool:
    """Return the pool for this request: reads without a token have a pool of their own."""
    request = ASKED_BY.get()
    grant = None if request is None else request[LINE].grant
    return PUBLIC_READS if pool is READS and grant is not None and not grant.id else pool


async def asked(question: Callable[[], T], pool: Pool = READS) -> T:
    """Run a blocking ``question`` in a thread of ``pool`` and return its answer.

    Raises a 503 ``Problem`` if the views cannot be read, the pool is full or time is up.
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
    except StoreError as error:
        log.error("files_unreadable", error=str(error))
        raise Problem(
            "unavailable",
            "The files stored with the ledger cannot be read. Ask again later; if the error "
            "remains, an operator must restore the files from a backup.",
            headers={hdrs.RETRY_AFTER: "1"},
        ) from error


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
    """Return a page of rows in the order of their key, with a ``Link`` to the next page.

    ``filters`` maps query parameters to the columns that must equal them.
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
        # Making the documents may take as long as reading them, so the event loop does not do it.
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


async def read(follower: Follower, question: Callable[[Connection], T], pool: Pool = READS) -> T:
    """Ask the tables of the views a blocking ``question``; raises like ``asked``."""

    def ask() -> T:
        with follower.views.reading() as connection:
            return question(connection)

    return await asked(ask, pool)


async def one_row(
    request: web.Request,
    view: str,
    table: sa.Table,
    key: str,
    where: Sequence[sa.ColumnElement[bool]] = (),
) -> sa.Row[Any]:
    """Return the row with this key; raise 404 if there is none or it does not fit ``where``."""
    if (row := await row_or_none(request, view, table, key, where)) is None:
        raise not_found()
    return row


async def row_or_none(
    request: web.Request,
    view: str,
    table: sa.Table,
    key: str,
    where: Sequence[sa.ColumnElement[bool]] = (),
) -> sa.Row[Any] | None:
    """Return the row with this key, or ``None`` if there is none or it does not fit ``where``."""
    follower = await caught_up(request, view)
    # Taken before the row is read: the row is of this position or a later one.
    request[AS_OF] = follower.position(view)
    query = sa.select(table).where(table.c.key == key, *begun(table), *where)
    return await read(follower, lambda connection: connection.execute(query).one_or_none())
