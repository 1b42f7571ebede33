"""Subjects of one kind as two resources: a list to filter, and one by its id.

Most systems are read so; a module of the api that does declares a ``Listing`` and no handler.
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

#: The day as of which a list is asked for.
VALID_AS_OF = Parameter("valid_as_of", date, "the day on which what is listed has to hold")


#: A part of a text; most Chinese words have two characters, some one.
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
SEARCH = Parameter("q", Words, "what is searched for: any part of the text, whatever its case")


class FoundItems(msgspec.Struct, frozen=True):
    """A page of things; the ``Link`` header leads to the next."""

    items: tuple[dict[str, Any], ...]


def everybody(grant: Grant, table: sa.Table) -> Where:
    """What anybody may read (**P** of the rulebook)."""
    return []


def concerned(grant: Grant, table: sa.Table) -> Where:
    """Supervisors read all, a unit what is its own, a business what is about it.

    The table has a column ``unit``; without a column ``entity``, businesses read nothing.
    """
    return [may_ask(grant, unit=table.c.unit, entity=table.c.get("entity"))]


def published(grant: Grant, table: sa.Table) -> Where:
    """Everybody reads what is public, and who is concerned the rest; a column ``public`` says it.

    Units and supervisors read as ``concerned`` has it, and the public part of all others' beside.
    """
    public = table.c.public.is_(True)
    if grant.role in PUBLIC or (grant.role == "entity_rep" and "entity" not in table.c):
        return [public]
    return [sa.or_(public, *concerned(grant, table))]


def shared(grant: Grant, table: sa.Table) -> Where:
    """What is shared among the authorities: each reads all, a business what is about it."""
    if grant.role in UNIT_BOUND:
        return []
    return concerned(grant, table)


#: Whom every unit reports to.
BUREAU: frozenset[Role] = frozenset({"jb_supervisor", "rlo_assessor", "ledger_clock"})


def reported(grant: Grant, table: sa.Table) -> Where:
    """The Justice Bureau and the rule-of-law office read all, everybody else the own unit's."""
    return [] if grant.role in BUREAU else [table.c.unit == grant.unit]


def shown(fold: Fold, grant: Grant) -> dict[str, Any]:
    """Whatever the fold says, but for what it does not know."""
    said = {name: getattr(fold, name) for name in fold.__struct_fields__}
    if (stage := getattr(fold, "stage", None)) is not None:
        said["stage"] = stage
    return {name: value for name, value in said.items() if value not in (None, (), "", [], {})}


def _begun(table: sa.Table) -> Where:
    """The rows of what began by an event of its own.

    Of another one nothing is known but what is said about it, by events that may be hidden.
    """
    return [table.c.stage.is_distinct_from("unknown")] if "stage" in table.c else []


class Listing(msgspec.Struct, frozen=True):
    """What is read of the subjects of one kind.

    ``path``: of the list; one subject is below it. ``summary`` says what the list holds, ``one``
    what the document about one says. ``seen`` gives the rows that a token may see, of both.
    ``show`` makes the document from the fold; of a view whose rows hold it ready, in a column
    ``document``, it is sent as it is. ``filters``: parameters named like a column.
    """

    path: str
    view: type[FoldView[Any]]
    summary: str
    one: str
    seen: Callable[..., Where] = concerned
    show: Callable[..., dict[str, Any]] = shown
    #: Whether what is shown depends on the day too; ``show`` is then handed today.
    by_day: bool = False
    filters: tuple[Parameter, ...] = ()
    #: By which column a filter asks, where that depends on what a reader sees of a row.
    column: Callable[[Grant, sa.Table, str], sa.ColumnElement[Any]] | None = None
    roles: frozenset[Role] | None = None
    #: The policy on whose value today it depends too which rows are seen; handed to ``seen``, with
    #: the day.
    policy: str | None = None
    #: The column in which the parameter ``q`` searches; it holds search keys.
    searched: str | None = None
    #: Further views in which ``seen`` looks.
    looks_in: tuple[str, ...] = ()
    #: The rows that hold on a day: the list then takes ``valid_as_of`` and leaves out the rest.
    holds: Callable[[sa.Table, date], sa.ColumnElement[bool]] | None = None

    def resources(self) -> tuple[Resource, Resource]:
        """The list and the single document."""
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
        """The rows that a token may see, by what holds now."""
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
    """What reads the states of a view."""
    return view()


def _text(wanted: Any, column: sa.ColumnElement[Any]) -> Any:
    """A value as it stands in a column: whatever is no number is text there."""
    return wanted if isinstance(column.type, sa.Integer) else str(wanted)
