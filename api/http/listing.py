"""Serve the subjects of one kind as two resources: a list with filters, and one by its id.

Most systems are read this way: their api module declares a ``Listing`` and needs no handler.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa
from aiohttp import web
from msgspec.structs import replace

from api.http.asking import caught_up, one_row, placed, read, rows_page
from api.http.questions import Kept, Questions
from api.http.reader import Reader, reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response, query_value
from api.http.resources import Parameter, Resource
from api.http.sheets import MEDIA_TYPES, SUFFIXES
from ledger.general.vocabulary import Role
from projections.answers import attribute_type, entry_fields, fields_type, page_type, shown_type
from projections.systems.policies import Policies, value_in_force
from projections.views import FoldView

Where = list[sa.ColumnElement[bool]]

#: The day for which a list is requested.
VALID_AS_OF = Parameter("valid_as_of", date, "only entries that are in force on this day")


def everybody(reader: Reader, table: sa.Table) -> Where:
    """Everyone reads every row (**P** of the rulebook)."""
    return []


def concerned(reader: Reader, table: sa.Table) -> Where:
    """Supervisors read every row, a unit its own rows, a business the rows about it.

    The table must have a column ``unit``; without a column ``entity``, businesses read no row.
    """
    return [reader.concerned(table.c.unit, table.c.get("entity"))]


def published(reader: Reader, table: sa.Table) -> Where:
    """Everyone reads public rows (column ``public``); those concerned also read the others.

    Units and supervisors read the rows of ``concerned``, and the public rows of all units.
    """
    public = table.c.public.is_(True)
    if reader.is_public or (reader.role == "entity_rep" and "entity" not in table.c):
        return [public]
    return [sa.or_(public, *concerned(reader, table))]


def shared(reader: Reader, table: sa.Table) -> Where:
    """Authorities read every row, a business the rows about it."""
    if reader.in_unit:
        return []
    return concerned(reader, table)


#: Roles to which every unit reports.
BUREAU: frozenset[Role] = frozenset({"jb_supervisor", "rlo_assessor", "ledger_clock"})


def reported(reader: Reader, table: sa.Table) -> Where:
    """The Justice Bureau and the rule-of-law office read every row, others their own unit's."""
    return [] if reader.role in BUREAU else [table.c.unit == reader.unit]


def shown(fold: msgspec.Struct, without: Collection[str] = ()) -> dict[str, Any]:
    """Return the fields of ``fold`` that have a value; those in ``without`` are internal."""
    names = zip(fold.__struct_encode_fields__, fold.__struct_fields__, strict=True)
    fields = {shown: getattr(fold, name) for shown, name in names if shown not in without}
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
    rows that a reader may see, in both. ``show`` makes the document from the fold; by default it
    has the fields with a value. If the view has a column ``document``, that is sent instead.
    ``filters``, ``dates``, ``numbers``, ``newest``, ``facets``, ``kept``: see ``Questions``.
    """

    path: str
    view: type[FoldView[Any]]
    summary: str
    one: str
    seen: Callable[..., Where] = concerned
    show: Callable[[Any, Reader], Any] | None = None
    #: The type of the document; by default that of what ``shown`` returns.
    returns: Any = None
    #: Fields of the fold that nobody is shown.
    without: Collection[str] = ()
    #: The only fields that are shown, each also if it is empty; by default all that have a value.
    only: tuple[str, ...] = ()
    filters: tuple[Parameter, ...] = ()
    dates: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    newest: str | None = None
    facets: tuple[str, ...] | None = None
    kept: Kept | None = None
    #: Returns the column for a filter, if it depends on what the reader may see of a row.
    column: Callable[[Reader, sa.Table, str], sa.ColumnElement[Any]] | None = None
    roles: frozenset[Role] | None = None
    #: The key of a policy on which visibility depends. ``seen`` is then also passed the policy's
    #: value today.
    policy: str | None = None
    #: Further views that ``seen`` reads.
    looks_in: tuple[str, ...] = ()
    #: The condition for rows in force on a day; with it, the list accepts ``valid_as_of``.
    holds: Callable[[sa.Table, date], sa.ColumnElement[bool]] | None = None

    def document(self) -> Any:
        """Return the type of a document."""
        fold = self.view.fold
        if self.returns is not None:
            return self.returns
        return fields_type(fold, *self.only) if self.only else shown_type(fold, self.without)

    def questions(self) -> Questions:
        """Return what the list can be asked."""
        fold = self.view.fold
        return Questions(
            tuple(with_values_of(fold, filter_) for filter_ in self.filters),
            self.dates,
            self.numbers,
            self.newest,
            self.facets,
            self.view.search,
            self.kept,
            entry_fields(self.document()),
        )

    def resources(self) -> tuple[Resource, Resource]:
        """Return the list and the document as resources."""
        document = self.document()
        return (
            listed(
                self.path,
                self._list(),
                self.questions(),
                document,
                roles=self.roles,
                more=self._day(),
            ),
            Resource(
                f"{self.path}/{{{self.view.kind.replace('-', '_')}}}",
                self._single(),
                returns=document,
                roles=self.roles,
                query=(AT_LEAST,),
                headers=(AT_LEAST_HEADER,),
                listing=self,
            ),
        )

    def _day(self) -> tuple[Parameter, ...]:
        return () if self.holds is None else (VALID_AS_OF,)

    def _shown(self, row: sa.Row[Any], reader: Reader) -> Any:
        if "document" in self.view.table.c:
            return msgspec.Raw(row.document)
        return self.of_fold(opened(self.view).decode(row.state), reader)

    def of_fold(self, fold: Any, reader: Reader) -> Any:
        """Return the document of the subject of a fold, as its reader is shown it."""
        if self.show is not None:
            return self.show(fold, reader)
        if self.only:
            return {name: getattr(fold, name) for name in self.only}
        return shown(fold, self.without)

    def _list(self) -> Callable[[web.Request], Any]:
        view = self.view()
        table = view.table
        questions, document = self.questions(), self.document()

        async def handler(request: web.Request) -> web.Response:
            reader = await reader_of(request)
            where = await self._where(request, reader)
            columns = {}
            if self.column is not None:
                columns = {f.name: self.column(reader, table, f.name) for f in self.filters}
            if self.holds is not None and (day := query_value(request, "valid_as_of", date, None)):
                where.append(self.holds(table, day))
            return await rows_page(
                request,
                view.name,
                table,
                where=where,
                show=lambda row: self._shown(row, reader),
                questions=questions,
                entry=document,
                columns=columns,
            )

        handler.__doc__ = self.summary
        return handler

    async def _where(self, request: web.Request, reader: Reader) -> Where:
        """Return the conditions for the rows that a token may see at present."""
        table = self.view.table
        for view in self.looks_in:
            await caught_up(request, view)
        if self.policy is None:
            return [*self.seen(reader, table), *_begun(table)]
        key, follower = self.policy, await caught_up(request, Policies.name)
        value = await read(follower, lambda views: value_in_force(views, key, reader.today))
        return [*self.seen(reader, table, value), *_begun(table)]

    def _single(self) -> Callable[[web.Request], Any]:
        view = self.view()
        table = view.table
        name = view.kind.replace("-", "_")

        async def handler(request: web.Request) -> web.Response:
            reader = await reader_of(request)
            where = await self._where(request, reader)
            row = await one_row(request, view.name, table, request.match_info[name], where)
            return json_response(
                self._shown(row, reader),
                headers=placed(request),
            )

        handler.__doc__ = self.one
        return handler


def with_values_of(fold: type[Any], filter_: Parameter) -> Parameter:
    """Return a filter whose values have the type of the fold's attribute of its name."""
    if filter_.type is not str or filter_.values is not None:
        return filter_
    values = attribute_type(fold, filter_.name)
    return filter_ if values in (None, str) else replace(filter_, values=values)


@cache
def opened(view: type[FoldView[Any]]) -> FoldView[Any]:
    """Return an instance of a view, for decoding its states."""
    return view()


def listed(
    path: str,
    handler: Callable[[web.Request], Any],
    questions: Questions,
    document: Any,
    *,
    roles: frozenset[Role] | None = None,
    more: tuple[Parameter, ...] = (),
) -> Resource:
    """Return the resource of a list, whose handler ends in ``rows_page``.

    ``document``: the type of what the handler shows of a row. ``more``: the handler's own
    parameters.
    """
    return Resource(
        path,
        handler,
        returns=page_type(document),
        roles=roles,
        query=(*more, *questions.parameters()),
        headers=(AT_LEAST_HEADER,),
        media_types=tuple(MEDIA_TYPES),
        suffixes=tuple(SUFFIXES),
    )
