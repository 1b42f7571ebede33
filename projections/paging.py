"""Pages of rows in the order of their key, read by the index that has the fewest to look at.

Every index of a view ends with the key (``projections.tables.in_order``), so the rows that equal
one value are read in the order of pages. Where several values have to be equal, the one that the
fewest rows have is followed; where one of several conditions suffices, each is followed by itself
and the pages are merged. PostgreSQL keeps statistics and chooses by itself.
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

#: Rows counted of each value at most, to see which has the fewest.
_COUNTED = 200

#: Branches of conditions that are followed one by one at most.
_BRANCHES = 8

Condition = ColumnElement[bool]

#: What an index answers.
_COMPARISONS = {
    operators.eq,
    operators.is_,
    operators.ge,
    operators.gt,
    operators.le,
    operators.lt,
    operators.in_op,
}

#: SQLite: the value of a column as it is, but not to be looked up in an index.
_AS_IT_IS: operators.custom_op[Any] = operators.custom_op("+")


def page_of(
    connection: Connection,
    table: sa.Table,
    where: Iterable[Condition],
    order: sa.Column[Any],
    limit: int,
) -> list[sa.Row[Any]]:
    """The first ``limit`` rows of a table, in the order of a column, that meet all conditions."""
    select = sa.select(table).limit(limit)
    conditions = list(_flat(where))
    if connection.dialect.name != "sqlite":
        return list(connection.execute(select.where(*conditions).order_by(order)))
    pages = []
    for branch in _branches(conditions):
        followed, sorts = _by_the_fewest(connection, table, branch, order)
        # Rows of a short range are sorted: SQLite must not walk the table in the order of the page.
        by = UnaryExpression(order, operator=_AS_IT_IS) if sorts else order
        pages.append(list(connection.execute(select.where(*followed).order_by(by))))
    if len(pages) == 1:
        return pages[0]
    # Ordered by the database, which orders text by code point as Python does.
    place = [column.name for column in table.columns].index(order.name)
    found = {row[place]: row for row in merge(*pages, key=itemgetter(place))}
    return list(islice(found.values(), limit))


def _flat(conditions: Iterable[Any]) -> Iterator[Condition]:
    """The conditions that have to be met, one by one."""
    for one in conditions:
        inner: Any = one.element if isinstance(one, Grouping) else one
        if isinstance(inner, BooleanClauseList) and inner.operator is operators.and_:
            yield from _flat(inner.clauses)
        elif isinstance(inner, sa.Column):
            yield inner == sa.true()  # a column that is true or false
        elif _denied(inner):
            yield inner.element == sa.false()
        elif not isinstance(inner, True_):
            yield inner


def _denied(one: Any) -> bool:
    """Whether a condition is that a column is false: SQLite would look it up in an index too."""
    return (
        isinstance(one, UnaryExpression)
        and one.operator in {operators.is_false, operators.inv}
        and isinstance(one.element, sa.Column)
    )


def _branches(conditions: Sequence[Condition]) -> Iterator[list[Condition]]:
    """The same conditions without any choice among them: one list for each combination."""
    choices: list[list[Condition]] = []
    for one in conditions:
        if isinstance(one, BooleanClauseList) and one.operator is operators.or_:
            choices.append([c for c in one.clauses if not isinstance(c, False_)])
        else:
            choices.append([one])
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
    """The conditions, those of one column at most to be looked up in an index.

    A range is followed only if it is short: its rows do not come in the order of the page. Whether
    one is followed is the second value.
    """
    indexed = {next(iter(index.columns)).name for index in table.indexes} - {order.name}
    of_column: dict[str, list[Condition]] = {}
    for one in conditions:
        if (name := _compared(one)) in indexed:
            of_column.setdefault(str(name), []).append(one)
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
    others = {id(one) for n, those in of_column.items() if n != fewest for one in those}
    rest = [_not_looked_up(one) if id(one) in others else one for one in conditions]
    return rest, fewest in ranges


def _compared(one: Condition) -> str | None:
    """The column that a condition compares with a value; ``None`` for any other condition."""
    if not isinstance(one, BinaryExpression) or one.operator not in _COMPARISONS:
        return None
    return str(one.left.name) if isinstance(one.left, sa.Column) else None


def _equal(one: Condition) -> bool:
    return isinstance(one, BinaryExpression) and one.operator in {operators.eq, operators.is_}


def _not_looked_up(one: Any) -> Condition:
    left = UnaryExpression(one.left, operator=_AS_IT_IS, type_=one.left.type)
    return BinaryExpression(left, one.right, one.operator)
