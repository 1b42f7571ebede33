"""Pages of rows, in the order of their key or of a column, read through the best index.

Every index of a view ends with the key (``projections.tables.in_order``), so the rows with one
value of an indexed column come in the order of the key, and an index of the column that a list is
sorted by gives its order with the key as the last word. If several columns are compared with
values, the index of the rarest value is used. If one of several conditions suffices (OR), a page is
read for each and the pages are merged. This is for SQLite; PostgreSQL chooses by its statistics.

In a page sorted by a column, rows without a value count as the smallest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice, product
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import (
    BinaryExpression,
    BooleanClauseList,
    ColumnElement,
    False_,
    Grouping,
    True_,
    UnaryExpression,
)

#: The most rows counted per value when the rarest value is sought.
_COUNTED = 200

#: The same for several values of a column, and for a page in the order of another column: their
#: rows are sorted afterwards.
_SORTED = 5_000

#: The most combinations of alternative conditions that are read one by one.
_BRANCHES = 8

Condition = ColumnElement[bool]

#: The comparisons that an index can answer.
_COMPARISONS = {
    operators.eq,
    operators.is_,
    operators.ge,
    operators.gt,
    operators.le,
    operators.lt,
    operators.in_op,
}

#: SQLite's unary plus: the value of a column, but without the use of an index.
_AS_IT_IS: operators.custom_op[Any] = operators.custom_op("+")


class Order(NamedTuple):
    """The order of a page: by a column, if one is given, then by the key.

    ``descending`` reverses both. ``after``: the column's value and the key at which the page before
    ended.
    """

    key: sa.Column[Any]
    by: sa.Column[Any] | None = None
    descending: bool = False
    after: tuple[Any, Any] | None = None

    @property
    def columns(self) -> tuple[sa.Column[Any], ...]:
        """The columns that decide the order."""
        return (self.key,) if self.by is None else (self.by, self.key)

    def place(self, row: Any) -> tuple[Any, ...]:
        """Return what a row's place depends on, to compare it with that of others."""
        key = getattr(row, self.key.name)
        if self.by is None:
            return (key,)
        value = getattr(row, self.by.name)
        return (value is not None, value, key)

    def parts(self, columns: Sequence[ColumnElement[Any]]) -> Iterator[list[Condition]]:
        """Yield the conditions for the rows after ``after``, part by part, in order.

        ``columns``: those of the order, perhaps written so that no index is used.
        """
        if self.after is None:
            yield []
            return
        value, key = self.after
        last = columns[-1]
        follows = last < key if self.descending else last > key
        if self.by is None:
            yield [follows]
            return
        first = columns[0]
        if value is None:
            yield [first.is_(None), follows]
            if not self.descending:
                yield [first.is_not(None)]
            return
        here, there = sa.tuple_(*columns), sa.tuple_(sa.literal(value), sa.literal(key))
        yield [here < there if self.descending else here > there]
        if self.descending and self.by.nullable:
            yield [first.is_(None)]

    def clauses(self, columns: Sequence[ColumnElement[Any]], dialect: str) -> list[Any]:
        """Return the clauses of ORDER BY."""
        clauses = [c.desc() if self.descending else c.asc() for c in columns]
        if dialect != "sqlite" and self.by is not None and self.by.nullable:
            clauses[0] = clauses[0].nulls_last() if self.descending else clauses[0].nulls_first()
        return clauses


def page_of(
    connection: Connection,
    table: sa.Table,
    where: Iterable[Condition],
    order: sa.Column[Any] | Order,
    limit: int,
    *,
    among: sa.Select[Any] | None = None,
    columns: Sequence[ColumnElement[Any]] = (),
) -> list[sa.Row[Any]]:
    """Return the first ``limit`` rows that meet all conditions, in the order of a column.

    ``among`` selects a few keys: only their rows are read. ``columns``: what is read of a row, by
    default all; it must contain the columns of the order.
    """
    order = order if isinstance(order, Order) else Order(order)
    select = sa.select(*columns) if columns else sa.select(table)
    conditions = list(_flat(where))
    if among is not None:
        conditions.append(order.key.in_(among))
    if connection.dialect.name != "sqlite":
        parts = [sa.and_(sa.true(), *part) for part in order.parts(order.columns)]
        by = order.clauses(order.columns, connection.dialect.name)
        found = select.where(*conditions, sa.or_(*parts)).order_by(*by).limit(limit)
        return list(connection.execute(found))
    pages = []
    for branch in _branches(conditions):
        if among is not None:
            followed, sorts = [*map(_as_it_is, branch[:-1]), branch[-1]], True
        else:
            followed, sorts = _by_the_fewest(connection, table, branch, order)
        # The rows of a short range are sorted afterwards; otherwise SQLite would scan the table in
        # the order of the page.
        by_columns = [_plus(c) for c in order.columns] if sorts else list(order.columns)
        rows: list[sa.Row[Any]] = []
        for part in order.parts(by_columns):
            found = select.where(*followed, *part).order_by(*order.clauses(by_columns, "sqlite"))
            rows.extend(connection.execute(found.limit(limit - len(rows))))
            if len(rows) == limit:
                break
        pages.append(rows)
    if len(pages) == 1:
        return pages[0]
    # The database sorts text by code point, as Python does, so the pages can be merged.
    unique = {
        getattr(row, order.key.name): row
        for row in merge(*pages, key=order.place, reverse=order.descending)
    }
    return list(islice(unique.values(), limit))


def _flat(conditions: Iterable[Any]) -> Iterator[Condition]:
    """Yield the conditions joined by AND, one by one."""
    for condition in conditions:
        inner: Any = condition.element if isinstance(condition, Grouping) else condition
        if isinstance(inner, BooleanClauseList) and inner.operator is operators.and_:
            yield from _flat(inner.clauses)
        elif isinstance(inner, sa.Column):
            yield inner == sa.true()  # a boolean column
        elif _denied(inner):
            yield inner.element == sa.false()
        elif not isinstance(inner, True_):
            yield inner


def _denied(condition: Any) -> bool:
    """Return whether a condition is that a boolean column is false, which an index can answer."""
    return (
        isinstance(condition, UnaryExpression)
        and condition.operator in {operators.is_false, operators.inv}
        and isinstance(condition.element, sa.Column)
    )


def _branches(conditions: Sequence[Condition]) -> Iterator[list[Condition]]:
    """Yield the conditions without OR: one list for each combination of alternatives."""
    choices: list[list[Condition]] = []
    for condition in conditions:
        inner: Any = condition.element if isinstance(condition, Grouping) else condition
        if isinstance(inner, BooleanClauseList) and inner.operator is operators.or_:
            choices.append([c for c in inner.clauses if not isinstance(c, False_)])
        else:
            choices.append([condition])
    count = 1
    for choice in choices:
        count *= len(choice)
    if not 1 < count <= _BRANCHES:
        yield list(conditions)
        return
    for chosen in product(*choices):
        yield list(_flat(chosen))


def _by_the_fewest(
    connection: Connection, table: sa.Table, conditions: Sequence[Condition], order: Order
) -> tuple[list[Condition], bool]:
    """Rewrite the conditions so that SQLite uses the index of one column at most.

    A column is looked up in its index if its rows come in the order of the page, or if they are few
    and can be sorted. The second value says whether they must be sorted.
    """
    indexed = {tuple(c.name for c in index.columns) for index in table.indexes}
    own = {column.name for column in order.columns}
    first = {names[0] for names in indexed} - own
    of_column: dict[str, list[Condition]] = {}
    for condition in conditions:
        if (name := _compared(condition)) in first:
            of_column.setdefault(str(name), []).append(condition)
    by = None if order.by is None else order.by.name
    # The columns whose rows with one value come in the order of the page.
    ordered = {
        name
        for name, those in of_column.items()
        if all(map(_equal, those)) and (by is None or (name, by) in {i[:2] for i in indexed})
    }
    if not of_column or (len(of_column) < 2 and ordered):
        return list(conditions), False
    some = any(_among_some(c) for those in of_column.values() for c in those)
    few = _SORTED if some or by is not None else _COUNTED
    counts = sa.select(
        *(
            sa.select(sa.func.count())
            .select_from(
                sa.select(sa.literal(1)).select_from(table).where(*those).limit(few).subquery()
            )
            .scalar_subquery()
            for those in of_column.values()
        )
    )
    numbers = dict(zip(of_column, connection.execute(counts).one(), strict=True))
    followed = {n: c for n, c in numbers.items() if n in ordered or c < few}
    fewest = min(followed, key=lambda name: followed[name], default=None)
    sorts = fewest is not None and fewest not in ordered
    others = {id(condition) for n, those in of_column.items() if n != fewest for condition in those}
    rest = [
        _as_it_is(condition)
        if id(condition) in others or (sorts and _compared(condition) in own)
        else condition
        for condition in conditions
    ]
    return rest, sorts


def _compared(condition: Condition) -> str | None:
    """Return the column that a condition compares with a value; ``None`` for other conditions."""
    if not isinstance(condition, BinaryExpression) or condition.operator not in _COMPARISONS:
        return None
    return str(condition.left.name) if isinstance(condition.left, sa.Column) else None


def _equal(condition: Condition) -> bool:
    return isinstance(condition, BinaryExpression) and condition.operator in {
        operators.eq,
        operators.is_,
    }


def _among_some(condition: Condition) -> bool:
    return isinstance(condition, BinaryExpression) and condition.operator is operators.in_op


def not_looked_up(condition: Any) -> Condition:
    """Return a comparison of a column for which SQLite uses no index."""
    left = UnaryExpression(condition.left, operator=_AS_IT_IS, type_=condition.left.type)
    return BinaryExpression(left, condition.right, condition.operator)


def _as_it_is(condition: Condition) -> Condition:
    """Return a condition, its comparison written so that SQLite uses no index for it."""
    return condition if _compared(condition) is None else not_looked_up(condition)


def _plus(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a column written so that SQLite uses no index for it."""
    return UnaryExpression(column, operator=_AS_IT_IS, type_=column.type)
