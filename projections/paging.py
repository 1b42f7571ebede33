"""Pages of rows in the order of their key, read through the index with the fewest matching rows.

Every index of a view ends with the key (``projections.tables.in_order``), so the rows with one
value of an indexed column come in the order of the page. If several columns are compared with
values, the index of the rarest value is used. If one of several conditions suffices (OR), a page is
read for each and the pages are merged. This is for SQLite; PostgreSQL chooses by its statistics.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice, product
from operator import itemgetter
from typing import Any

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


def page_of(
    connection: Connection,
    table: sa.Table,
    where: Iterable[Condition],
    order: sa.Column[Any],
    limit: int,
) -> list[sa.Row[Any]]:
    """Return the first ``limit`` rows that meet all conditions, in the order of a column."""
    select = sa.select(table).limit(limit)
    conditions = list(_flat(where))
    if connection.dialect.name != "sqlite":
        return list(connection.execute(select.where(*conditions).order_by(order)))
    pages = []
    for branch in _branches(conditions):
        followed, sorts = _by_the_fewest(connection, table, branch, order)
        # The rows of a short range are sorted afterwards; otherwise SQLite would scan the table in
        # the order of the page.
        by = UnaryExpression(order, operator=_AS_IT_IS) if sorts else order
        pages.append(list(connection.execute(select.where(*followed).order_by(by))))
    if len(pages) == 1:
        return pages[0]
    # The database sorts text by code point, as Python does, so the pages can be merged.
    place = [column.name for column in table.columns].index(order.name)
    rows = {row[place]: row for row in merge(*pages, key=itemgetter(place))}
    return list(islice(rows.values(), limit))


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
        if isinstance(condition, BooleanClauseList) and condition.operator is operators.or_:
            choices.append([c for c in condition.clauses if not isinstance(c, False_)])
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
    connection: Connection, table: sa.Table, conditions: Sequence[Condition], order: sa.Column[Any]
) -> tuple[list[Condition], bool]:
    """Rewrite the conditions so that SQLite uses the index of one column at most.

    A range is looked up in an index only if it is short, because its rows do not come in the order
    of the page. The second value says whether a range is looked up.
    """
    indexed = {next(iter(index.columns)).name for index in table.indexes} - {order.name}
    of_column: dict[str, list[Condition]] = {}
    for condition in conditions:
        if (name := _compared(condition)) in indexed:
            of_column.setdefault(str(name), []).append(condition)
    ranges = {n for n, those in of_column.items() if not all(map(_equal, those))}
    if len(of_column) < 2 and not ranges:
        return list(conditions), False
    counts = sa.select(
        *(
            sa.select(sa.func.count())
            .select_from(
                sa.select(sa.literal(1)).select_from(table).where(*those).limit(_COUNTED).subquery()
            )
            .scalar_subquery()
            for those in of_column.values()
        )
    )
    numbers = dict(zip(of_column, connection.execute(counts).one(), strict=True))
    followed = {n: c for n, c in numbers.items() if n not in ranges or c < _COUNTED}
    fewest = min(followed, key=lambda name: followed[name], default=None)
    others = {id(condition) for n, those in of_column.items() if n != fewest for condition in those}
    rest = [
        not_looked_up(condition) if id(condition) in others else condition
        for condition in conditions
    ]
    return rest, fewest in ranges


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


def not_looked_up(condition: Any) -> Condition:
    """Return a comparison of a column for which SQLite uses no index."""
    left = UnaryExpression(condition.left, operator=_AS_IT_IS, type_=condition.left.type)
    return BinaryExpression(left, condition.right, condition.operator)
