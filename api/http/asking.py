"""What all resources that read views share: access checks, filters, pages by key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
import structlog
from aiohttp import hdrs, web

from api.http.keys import LINE, VIEWS
from api.http.languages import in_language, language_of
from api.http.naming import name_all, plain
from api.http.problems import not_found, unavailable
from api.http.questions import Asked, Questions
from api.http.reader import reader_of
from api.http.reading import DEFAULT_PAGE, MAX_PAGE, at_least, bounded, json_response, next_link
from api.http.sheets import CSV, MAX_ROWS, XLSX, Form, as_sheet, form_of
from api.running.pools import ASKED_BY, PUBLIC_READS, PUBLIC_SHEETS, READS, SHEETS, Pool
from ledger.kernel import budget
from ledger.stores import StoreError
from projections.answers import FacetValue, namings
from projections.follower import Follower
from projections.paging import Order, page_of
from projections.source import SourceUnavailable
from projections.tables import Connection, Damaged
from projections.words import FEW

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


_PUBLIC: Mapping[Pool, Pool] = {READS: PUBLIC_READS, SHEETS: PUBLIC_SHEETS}


def _open_to_asker(pool: Pool) -> Pool:
    """Return the pool for this request: reads without a token have pools of their own."""
    request = ASKED_BY.get()
    grant = None if request is None else request[LINE].grant
    return pool if grant is None or grant.id else _PUBLIC.get(pool, pool)


async def asked(question: Callable[[], T], pool: Pool = READS) -> T:
    """Run a blocking ``question`` in a thread of ``pool`` and return its answer.

    Raises a 503 ``Problem`` if the views cannot be read, the pool is full or time is up.
    """
    try:
        return await _open_to_asker(pool).run(question)
    except (sa.exc.OperationalError, sa.exc.InterfaceError, Damaged, SourceUnavailable) as error:
        log.warning("views_unreadable", error=str(error))
        raise unavailable("http.views-cannot-read-now") from error
    except StoreError as error:
        log.error("files_unreadable", error=str(error))
        raise unavailable("http.stored-files-cannot-be-read-now") from error


def begun(table: sa.Table) -> list[sa.ColumnElement[bool]]:
    """Select the rows of subjects that have begun.

    A revocation names a decision without saying whether it is a penalty or a licence, so the views
    of both have a row for it, and one of them knows nothing else about the decision.
    """
    return [table.c.begun.is_(True)] if "begun" in table.c else []


#: The most entries that are counted, by value or in total.
MAX_COUNTED = 10_000

#: The values of a facet that are listed, the most frequent ones.
MAX_FACET = 100


class Page(msgspec.Struct, frozen=True):
    """A page as it was read: its entries, the cursor of the next page, and the counts asked for."""

    items: list[Any]
    next: str | None
    counts: dict[str, Any]


async def rows_page(
    request: web.Request,
    view: str,
    table: sa.Table,
    *,
    where: list[sa.ColumnElement[bool]],
    show: Callable[[sa.Row[Any]], Any],
    questions: Questions,
    entry: type[msgspec.Struct],
    key: sa.Column[Any] | None = None,
    columns: Mapping[str, sa.ColumnElement[Any]] | None = None,
) -> web.Response:
    """Return a page of rows, or all rows as a sheet, as ``questions`` allows to ask.

    ``where``: the rows that the reader may see, and the conditions of the handler's own parameters.
    ``show`` makes a document of a row, of the type ``entry``. ``columns``: see ``Questions.read``.
    """
    follower = await caught_up(request, view)
    reader = await reader_of(request)
    form = form_of(request)
    limit = bounded(request, "limit", DEFAULT_PAGE, 1, MAX_PAGE)
    if form != "json":
        limit = MAX_ROWS
    order = table.c.key if key is None else key
    wanted = questions.read(request, reader, table, order, columns or {})
    conditions = [*begun(table), *where, *wanted.where]
    names = namings(entry)

    def ask() -> Page:
        with follower.views.reading() as connection:
            select = _Selection(connection, table, conditions, wanted)
            rows = select.page(limit + 1)
            # Making the documents may take as long as reading them, so the event loop does not do
            # it.
            items = []
            for row in rows[:limit]:
                budget.check()
                items.append(plain(show(row)))
            name_all(connection, reader, items, names)
            counts = {} if form != "json" else select.counts()
        if wanted.fields:
            items = [{f: i[f] for f in wanted.fields if f in i} for i in items]
        if len(rows) > limit:
            return Page(items, wanted.cursor(rows[limit - 1]), counts)
        if wanted.order.after is None:
            counts["total"] = len(items)
        return Page(items, None, counts)

    if form != "json":
        return await _sheet(request, ask, form, wanted.fields or questions.fields)
    page = await asked(ask)
    headers = dict(PRIVATE)
    body: dict[str, Any] = {"items": page.items}
    if page.next is not None:
        headers[hdrs.LINK] = next_link(request, after=page.next)
        body["next"] = page.next
    return json_response(body | page.counts, headers=headers)


class _Selection:
    """The rows of a list that the reader may see and asks for."""

    def __init__(
        self,
        connection: Connection,
        table: sa.Table,
        conditions: Sequence[sa.ColumnElement[bool]],
        wanted: Asked,
    ) -> None:
        self._connection = connection
        self._table = table
        self._wanted = wanted
        self._conditions = list(conditions)
        if (search := wanted.search) is not None:
            self._conditions += search.conditions(wanted.order.key)

    def _among(self, most: int) -> sa.Select[tuple[str]] | None:
        search = self._wanted.search
        return None if search is None else search.index.among(self._connection, search.words, most)

    def page(self, limit: int) -> list[sa.Row[Any]]:
        """Return the first rows of the page."""
        return page_of(
            self._connection,
            self._table,
            self._conditions,
            self._wanted.order,
            limit,
            among=self._among(FEW),
        )

    def counts(self) -> dict[str, Any]:
        """Return how many entries there are, in total and by value, as far as that is asked."""
        facets = self._wanted.facets
        if not (facets or self._wanted.total):
            return {}
        key = self._wanted.order.key
        rows = page_of(
            self._connection,
            self._table,
            self._conditions,
            Order(key),
            MAX_COUNTED + 1,
            among=self._among(MAX_COUNTED),
            columns=[key, *(column.label(f"facet_{name}") for name, column in facets.items())],
        )
        cut = len(rows) > MAX_COUNTED
        counts: dict[str, Any] = {}
        if self._wanted.total:
            counts["total_at_least" if cut else "total"] = min(len(rows), MAX_COUNTED)
        for number, name in enumerate(facets, 1):
            values = Counter(row[number] for row in rows[:MAX_COUNTED])
            most = sorted(values.items(), key=lambda one: (-one[1], str(one[0])))
            cut = cut or len(most) > MAX_FACET
            counts.setdefault("facets", {})[name] = [
                FacetValue(value, count) for value, count in most[:MAX_FACET]
            ]
        if facets:
            counts["facets_cut"] = cut
        return counts


async def _sheet(
    request: web.Request, ask: Callable[[], Page], form: Form, fields: Sequence[str]
) -> web.Response:
    """Return the rows that were asked for as a file; a header says when there are more."""
    name = request.path.rstrip("/").rpartition("/")[2].partition(".")[0]
    language = language_of(request)

    def make() -> tuple[Page, bytes]:
        page = ask()
        return page, as_sheet(form, name, page.items, fields, language)

    page, body = await asked(make, SHEETS)
    headers = {
        **in_language(PRIVATE, language),
        hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}.{form}"',
    }
    if page.next is not None:
        headers["X-Rows-Cut"] = str(MAX_ROWS)
        headers[hdrs.LINK] = next_link(request, after=page.next)
    media_type = f"{CSV}; charset=utf-8" if form == "csv" else XLSX
    return json_response(None, body=body, headers=headers, media_type=media_type)


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
