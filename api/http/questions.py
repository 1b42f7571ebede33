"""What every list can be asked: filters, orders, a search, counts, and which fields to show.

A list declares its columns once, as ``Questions``; the parameters, their checks and their
conditions are made from that. An order or range is offered only for a column whose value every
reader of a row may know, since the order of rows tells it.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal

import msgspec
import sqlalchemy as sa
from aiohttp import web
from msgspec.structs import replace

from api.http.named import MAX_POSITION
from api.http.problems import Problem
from api.http.reader import Reader
from api.http.reading import AFTER, AT_LEAST, LIMIT, query_value, query_values
from api.http.resources import Parameter
from ledger.kernel import message
from ledger.kernel.messages import declare_form, listed, say, title, with_code
from projections.paging import Order
from projections.words import MAX_WORDS, TextIndex, words_of

#: Text to search for; most Chinese words have two characters, some have one.
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
SEARCH = Parameter(
    "q",
    Words,
    "text to search for: any part of a name, the initials of its pinyin, former names, document "
    f"numbers; with spaces, each of at most {MAX_WORDS} words must occur",
)
TOTAL = Parameter("total", bool, "whether to count the entries of all pages, up to 10,000")

#: The most values of one filter.
MAX_VALUES = 20

#: Called with the reader and the table: the rows of which the reader may search every text.
Kept = Callable[[Reader, sa.Table], sa.ColumnElement[bool]]


class Search(msgspec.Struct, frozen=True):
    """A search in the texts of rows: its words, and the rows of which it may search all texts."""

    index: TextIndex
    words: tuple[str, ...]
    kept: sa.ColumnElement[bool]

    def conditions(self, key: sa.ColumnElement[str]) -> list[sa.ColumnElement[bool]]:
        """Return the conditions that the texts of a row contain each word."""
        return [self.index.contains(key, word, self.kept) for word in self.words]


class Asked(msgspec.Struct, frozen=True):
    """What a request asks of a list."""

    where: list[sa.ColumnElement[bool]]
    order: Order
    #: The parameter ``sort`` as given or by default; the cursor names it.
    sort: str
    search: Search | None
    total: bool
    #: The columns by whose values the entries are counted.
    facets: Mapping[str, sa.ColumnElement[Any]]
    #: The fields that are shown; empty for all.
    fields: tuple[str, ...]

    def cursor(self, row: Any) -> str:
        """Return the cursor for the page after this row."""
        key = getattr(row, self.order.key.name)
        if self.order.by is None:
            return str(key)
        value = getattr(row, self.order.by.name)
        packed = msgspec.msgpack.encode((self.sort, value, key))
        return urlsafe_b64encode(packed).rstrip(b"=").decode()


class Questions(msgspec.Struct, frozen=True):
    """The questions that a list answers.

    ``filters``: parameters that a column, by default of the same name, must equal. ``dates`` and
    ``numbers``: columns that entries can be sorted by and chosen by range. ``newest``: the one of
    them that decides the order by default, the latest first; without it, the key does. ``facets``:
    filters by whose values entries can be counted, by default all.
    """

    filters: tuple[Parameter, ...] = ()
    dates: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    newest: str | None = None
    facets: tuple[str, ...] | None = None
    search: TextIndex | None = None
    #: The rows of which a reader may search every text, by default those with no other texts.
    kept: Kept | None = None
    #: The names of the fields of an entry, for ``fields``.
    fields: tuple[str, ...] = ()

    @property
    def sorts(self) -> tuple[str, ...]:
        """The values of the parameter ``sort``."""
        return tuple(f"{sign}{n}" for n in ("id", *self.dates, *self.numbers) for sign in ("", "-"))

    @property
    def counted(self) -> tuple[str, ...]:
        """The filters by whose values entries can be counted."""
        return tuple(f.name for f in self.filters) if self.facets is None else self.facets

    @property
    def default(self) -> str:
        """The order by default."""
        return "id" if self.newest is None else f"-{self.newest}"

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the parameters of the list, without those of its handler."""
        known: list[Parameter] = []
        for filter_ in self.filters:
            if filter_.type is bool:
                known.append(filter_)
                continue
            known.append(replace(filter_, repeatable=True))
            known.append(
                Parameter(
                    f"not_{filter_.name}",
                    filter_.type,
                    f"none of these values: {filter_.description}",
                    repeatable=True,
                    values=filter_.values,
                )
            )
        for name, type_ in self._ranges().items():
            known.append(Parameter(f"{name}_from", type_, f"`{name}` is this or later"))
            known.append(Parameter(f"{name}_to", type_, f"`{name}` is this or earlier"))
        if self.search is not None:
            known.append(SEARCH)
        known.append(
            Parameter(
                "sort",
                Literal[self.sorts],
                f"the order, with a minus from the last to the first; by default {self.default}",
                # Goes with the example of ``after``, which is an id.
                example="id",
            )
        )
        known.append(TOTAL)
        if self.counted:
            known.append(
                Parameter(
                    "facets",
                    Literal[self.counted],
                    "count the entries by the values of these fields, over at most 10,000 entries",
                    joined=True,
                )
            )
        if self.fields:
            known.append(
                Parameter(
                    "fields",
                    Literal[self.fields],
                    f"show only these fields; `{self.fields[0]}` is always shown",
                    joined=True,
                )
            )
        return (*known, AFTER, LIMIT, AT_LEAST)

    def _ranges(self) -> dict[str, Any]:
        return {**dict.fromkeys(self.dates, date), **dict.fromkeys(self.numbers, int)}

    def read(
        self,
        request: web.Request,
        reader: Reader,
        table: sa.Table,
        key: sa.Column[Any],
        columns: Mapping[str, sa.ColumnElement[Any]],
    ) -> Asked:
        """Return what a request asks; raise a ``Problem`` for values that the list does not know.

        ``columns``: the columns of filters that are not called like them, or that depend on what
        the reader may see of a row.
        """
        of_filter = {
            f.name: columns[f.name] if f.name in columns else table.c[f.name] for f in self.filters
        }
        where: list[sa.ColumnElement[bool]] = []
        for filter_ in self.filters:
            column = of_filter[filter_.name]
            if filter_.type is bool:
                if (wanted := query_value(request, filter_.name, bool, None)) is not None:
                    where.append(column.is_(wanted))
                continue
            if values := _values(request, filter_.name, filter_.type, column):
                for compared in (column, *_looked_up(column)):
                    same = compared == values[0] if len(values) == 1 else compared.in_(values)
                    where.append(same)
            if values := _values(request, f"not_{filter_.name}", filter_.type, column):
                where.extend(column.is_distinct_from(value) for value in values)
        for name, type_ in self._ranges().items():
            column = table.c[name]
            if (first := query_value(request, f"{name}_from", type_, None)) is not None:
                where.append(column >= as_stored(first, column))
            if (last := query_value(request, f"{name}_to", type_, None)) is not None:
                where.append(column <= as_stored(last, column))
        sort = query_value(request, "sort", Literal[self.sorts], self.default)
        facets = (
            query_values(request, "facets", Literal[self.counted], joined=True)
            if self.counted
            else []
        )
        fields = (
            query_values(request, "fields", Literal[self.fields], joined=True)
            if self.fields
            else []
        )
        return Asked(
            where=where,
            order=self._order(request, table, key, sort),
            sort=sort,
            search=self._search(request, reader, table),
            total=query_value(request, "total", bool, False),
            facets={name: of_filter[name] for name in facets},
            fields=tuple(dict.fromkeys((self.fields[0], *fields))) if fields else (),
        )

    def _search(self, request: web.Request, reader: Reader, table: sa.Table) -> Search | None:
        if self.search is None or (q := query_value(request, "q", Words, None)) is None:
            return None
        words = searched(words_of(q))
        kept = sa.false() if self.kept is None else self.kept(reader, table)
        return Search(self.search, tuple(words), kept)

    def _order(
        self, request: web.Request, table: sa.Table, key: sa.Column[Any], sort: str
    ) -> Order:
        name = sort.removeprefix("-")
        by = None if name == "id" else table.c[name]
        after = request.query.get("after")
        place = None if after is None else _place(after, sort, by)
        return Order(key, by, sort.startswith("-"), place)


def _place(after: str, sort: str, by: sa.Column[Any] | None) -> tuple[Any, str]:
    """Return the place at which the page before ended."""
    kind: Any = int if by is not None and isinstance(by.type, sa.Integer) else str
    given, value, key = _unpacked(after) or ("id", None, after)
    if by is None and given == "id":
        return None, key
    fits = given == sort and (value is None or type(value) is kind)
    if not fits or (isinstance(value, int) and abs(value) > MAX_POSITION):
        raise Problem("malformed", "http.after-must-be-cursor-of-page")
    return value, key


def _unpacked(after: str) -> tuple[str, int | str | None, str] | None:
    """Return the order, the value and the key of a cursor; ``None`` if it is an id by itself."""
    try:
        packed = urlsafe_b64decode(after.encode("ascii") + b"=" * (-len(after) % 4))
        return msgspec.msgpack.decode(packed, type=tuple[str, int | str | None, str])
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        return None


def searched(words: Sequence[str]) -> Sequence[str]:
    """Return the words of the parameter ``q``; raise a ``Problem`` for none and for too many."""
    if not words:
        raise Problem("malformed", "http.q-must-contain-word")
    if len(words) > MAX_WORDS:
        raise Problem(
            "malformed",
            message("http.too-many-words", max_words=MAX_WORDS, word_count=len(words)),
        )
    return words


def _looked_up(column: sa.ColumnElement[Any]) -> Sequence[sa.Column[Any]]:
    """Return the column that a condition withholds for some rows, because only it has an index."""
    if isinstance(column, sa.Case) and column.else_ is None and len(column.whens) == 1:
        ((_, value),) = column.whens
        return (value,) if isinstance(value, sa.Column) else ()
    return ()


def _values(
    request: web.Request, name: str, type_: Any, column: sa.ColumnElement[Any]
) -> Sequence[Any]:
    values = query_values(request, name, type_)
    if len(values) > MAX_VALUES:
        raise Problem(
            "malformed",
            message(
                "http.query-parameter-must-most-values",
                name=name,
                max_values=MAX_VALUES,
                value_count=len(values),
            ),
        )
    return [as_stored(value, column) for value in values]


def negated(name: str) -> str | None:
    """Return the filter that a parameter negates; ``None`` for every other parameter."""
    return name.removeprefix("not_") if name.startswith("not_") else None


def within(name: str) -> tuple[str, Literal["from", "to"]] | None:
    """Return the column of which a parameter is the first or last value; ``None`` for others."""
    column, _, end = name.rpartition("_")
    if not column or end not in ("from", "to") or name in _WHOLE:
        return None
    return column, "from" if end == "from" else "to"


#: Fields whose names end like those of parameters.
_WHOLE = {"valid_from", "valid_to"}


def as_stored(wanted: Any, column: sa.ColumnElement[Any]) -> Any:
    """Return a value in the form of its column: every value that is not an integer is text."""
    return wanted if isinstance(column.type, sa.Integer) else str(wanted)


def titled(name: str, language: str) -> str:
    """Return what a parameter is called; its own name if it has no title.

    A parameter whose field means something else has a title of its own: ``?after``.
    """
    if (field := negated(name)) is not None:
        return say(message("http.none-of", field=titled(field, language)), language)
    if (ends := within(name)) is not None:
        code = "http.range-from" if ends[1] == "from" else "http.range-to"
        return say(message(code, field=titled(ends[0], language)), language)
    own = title(f"?{name}", language, "fields")
    return title(name, language, "fields") if own == f"?{name}" else own


def _with_name(name: str, language: str) -> str:
    words = titled(name, language)
    return name if words == name else with_code(words, name, language)


def _in_words(value: Any, language: str) -> str:
    """Return the titles of parameters, each with its name in brackets; of one in quotes."""
    if isinstance(value, list | tuple):
        return listed([_with_name(name, language) for name in value], language)
    words = titled(value, language)
    return f"“{words}”" if words == value else with_code(f"“{words}”", value, language)


#: ``{name:parameter}`` in a text.
declare_form("parameter", _in_words)
