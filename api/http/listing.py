"""Serve the subjects of one kind as two resources: a list with filters, and one by its id.

Most systems are read this way: their api module declares a ``Listing`` and needs no handler.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Annotated, Any

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.access import grant_of
from api.http.asking import PUBLIC, asked, caught_up, may_ask, one_row, placed, rows_page
from api.http.keys import LEDGER
from api.http.problems import not_found
from api.http.reading import AFTER, AT_LEAST, AT_LEAST_HEADER, LIMIT, json_response, query_value
from api.http.resources import Parameter, Resource
from api.http.tokens import Grant
from ledger.general.audiences import UNIT_BOUND
from ledger.general.vocabulary import Role
from ledger.kernel import Fold, civil_date
from projections.profiles import search_key
from projections.systems.policies import Policies, value_in_force
from projections.views import FoldView

Where = list[sa.ColumnElement[bool]]

#: The day for which a list is requested.
VALID_AS_OF = Parameter("valid_as_of", date, "only entries that are in force on this day")


#: Text to search for; most Chinese words have two characters, some have one.
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
SEARCH = Parameter("q", Words, "text to search for, anywhere in the entry, in any letter case")


class FoundItems(msgspec.Struct, frozen=True):
    """A page of entries; the ``Link`` header leads to the next page."""

    items: tuple[dict[str, Any], ...]


def everybody(grant: Grant, table: sa.Table) -> Where:
    """Everyone reads every row (**P** of the rulebook)."""
    return []


def concerned(grant: Grant, table: sa.Table) -> Where:
    """Supervisors read every row, a unit its own rows, a business the rows about it.

    The table must have a column ``unit``; without a column ``entity``, businesses read no row.
    """
    return [may_ask(grant, unit=table.c.unit, entity=table.c.get("entity"))]


def published(grant: Grant, table: sa.Table) -> Where:
    """Everyone reads public rows (column ``public``); those concerned also read the others.

    Units and supervisors read the rows of ``concerned``, and the public rows of all units.
    """
    public = table.c.public.is_(True)
    if grant.role in PUBLIC or (grant.role == "entity_rep" and "entity" not in table.c):
        return [public]
    return [sa.or_(public, *concerned(grant, table))]


def shared(grant: Grant, table: sa.Table) -> Where:
    """Authorities read every row, a business the rows about it."""
    if grant.role in UNIT_BOUND:
        return []
    return concerned(grant, table)


#: Roles to which every unit reports.
BUREAU: frozenset[Role] = frozenset({"jb_supervisor", "rlo_assessor", "ledger_clock"})


def reported(grant: Grant, table: sa.Table) -> Where:
    """The Justice Bureau and the rule-of-law office read every row, others their own unit's."""
    return [] if grant.role in BUREAU else [table.c.unit == grant.unit]


def shown(fold: Fold, grant: Grant) -> dict[str, Any]:
    """Return the fields of ``fold`` that have a value."""
    names = zip(fold.__struct_encode_fields__, fold.__struct_fields__, strict=True)
    fields = {shown: getattr(fold, name) for shown, name in names}
    if (stage := getattr(fold, "stage", None)) is not None:
        fields["stage"] = stage
    return {name: value for name, value in fields.items() if value not in (None, (), "", [], {})}


def _begun(table: sa.Table) -> Where:
    """Return the condition for subjects whose first event is recorded.

    Of other subjects only references are known, and those may come from hidden events.
    """
    return [table.c.stage.is_distinct_from("unknown")] if "stage" in table.c else []


class Listing(msgspec.Struct, frozen=True):
    """The list and the document of the subjects of one kind.

    ``path``: the path of the list; a single subject is below it. ``summary`` describes the list
    and ``one`` the document, for the interface description. ``seen`` returns the condition for the
    rows that a token may see, in both. ``show`` makes the document from the fold; if the view has a
    column ``document``, that is sent instead. ``filters``: query parameters named like a column.
    """

    path: str
    view: type[FoldView[Any]]
    summary: str
    one: str
    seen: Callable[..., Where] = concerned
    show: Callable[..., dict[str, Any]] = shown
    #: Whether the document also depends on the day; ``show`` is then passed today's date.
    by_day: bool = False
    filters: tuple[Parameter, ...] = ()
    #: Returns the column for a filter, if it depends on what the reader may see of a row.
    column: Callable[[Grant, sa.Table, str], sa.ColumnElement[Any]] | None = None
    roles: frozenset[Role] | None = None
    #: The key of a policy on which visibility depends. ``seen`` is then also passed the policy's
    #: value today, and today's date.
    policy: str | None = None
    #: The column that the parameter ``q`` searches; it holds search keys.
    searched: str | None = None
    #: Further views that ``seen`` reads.
    looks_in: tuple[str, ...] = ()
    #: The condition for rows in force on a day; with it, the list accepts ``valid_as_of``.
    holds: Callable[[sa.Table, date], sa.ColumnElement[bool]] | None = None

    def resources(self) -> tuple[Resource, Resource]:
        """Return the list and the document as resources."""
        return (
            Resource(
                self.path,
                self._list(),
                returns=FoundItems,
                roles=self.roles,
                query=(*self.filters, *self._search(), *self._day(), AFTER, LIMIT, AT_LEAST),
                headers=(AT_LEAST_HEADER,),
            ),
            Resource(
                f"{self.path}/{{{self.view.kind.replace('-', '_')}}}",
                self._single(),
                returns=dict[str, Any],
                roles=self.roles,
                query=(AT_LEAST,),
                headers=(AT_LEAST_HEADER,),
            ),
        )

    def _day(self) -> tuple[Parameter, ...]:
        return () if self.holds is None else (VALID_AS_OF,)

    def _search(self) -> tuple[Parameter, ...]:
        return () if self.searched is None else (SEARCH,)

    def _shown(self, row: sa.Row[Any], grant: Grant, request: web.Request) -> Any:
        if "document" in self.view.table.c:
            return msgspec.Raw(row.document)
        day = (civil_date(request.app[LEDGER].clock()),) if self.by_day else ()
        return self.show(opened(self.view).decode(row.state), grant, *day)

    def _list(self) -> Callable[[web.Request], Any]:
        view = self.view()
        table = view.table

        async def handler(request: web.Request) -> web.Response:
            grant = await grant_of(request)
            where = await self._where(request, grant)
            for filter_ in self.filters:
                if (wanted := query_value(request, filter_.name, filter_.type, None)) is not None:
                    column: sa.ColumnElement[Any] = table.c[filter_.name]
                    if self.column is not None:
                        column = self.column(grant, table, filter_.name)
                    boolean = isinstance(column.type, sa.Boolean)
                    where.append(column == (wanted if boolean else _text(wanted, column)))
            if self.searched is not None and (q := query_value(request, "q", Words, None)):
                where.append(table.c[self.searched].contains(search_key(q), autoescape=True))
            if self.holds is not None and (day := query_value(request, "valid_as_of", date, None)):
                where.append(self.holds(table, day))
            return await rows_page(
                request,
                view.name,
                table,
                where=where,
                show=lambda row: self._shown(row, grant, request),
            )

        handler.__doc__ = self.summary
        return handler

    async def _where(self, request: web.Request, grant: Grant) -> Where:
        """Return the conditions for the rows that a token may see at present."""
        table = self.view.table
        for view in self.looks_in:
            await caught_up(request, view)
        if self.policy is None:
            return [*self.seen(grant, table), *_begun(table)]
        key, follower = self.policy, await caught_up(request, Policies.name)
        today = civil_date(request.app[LEDGER].clock())

        def ask() -> Any:
            with follower.views.reading() as connection:
                return value_in_force(connection, key, today)

        return [*self.seen(grant, table, await asked(ask), today), *_begun(table)]

    def _single(self) -> Callable[[web.Request], Any]:
        view = self.view()
        table = view.table
        name = view.kind.replace("-", "_")

        async def handler(request: web.Request) -> web.Response:
            grant = await grant_of(request)
            where = await self._where(request, grant)
            row = await one_row(request, view.name, table, request.match_info[name], where)
            if row is None:
                raise not_found()
            return json_response(
                self._shown(row, grant, request),
                headers=placed(request),
            )

        handler.__doc__ = self.one
        return handler


@cache
def opened(view: type[FoldView[Any]]) -> FoldView[Any]:
    """Return an instance of a view, for decoding its states."""
    return view()


def _text(wanted: Any, column: sa.ColumnElement[Any]) -> Any:
    """Return a value in the form of its column: every value that is not an integer is text."""
    return wanted if isinstance(column.type, sa.Integer) else str(wanted)
