"""Pages are those that the database would give by itself, and cost what they show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from api.http.listing import Listing
from api.views import RESOURCES
from projections import paging
from projections.opening import all_views
from projections.paging import Order, page_of
from projections.tables import in_order, open_engine
from tests.examples import examples

T = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("unit", sa.Text, index=True),
    sa.Column("stage", sa.Text, index=True),
    sa.Column("public", sa.Boolean, nullable=False, index=True),
    sa.Column("due_on", sa.Text, index=True),
    sa.Column("note", sa.Text),
)
in_order(T)

#: Rows in the table; every value is rare in it or common.
ROWS = 3_000


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    engine = open_engine("sqlite://")
    with engine.connect() as opened:
        T.create(opened)
        opened.execute(
            T.insert(),
            [
                {
                    "key": f"K-{number:05}" if number % 3 else f"钥匙-{number}",
                    "unit": None if number % 97 == 0 else f"U{number % 2}",
                    "stage": "rare" if number % 1_000 == 7 else "common",
                    "public": number % 500 == 3,
                    "due_on": f"20{number % 30:02}-01-01",
                    "note": f"n{number % 7}",
                }
                for number in range(ROWS)
            ],
        )
        yield opened


SIMPLE = st.sampled_from(
    [
        sa.true(),
        T.c.unit == "U1",
        T.c.unit == "nobody",
        T.c.unit.is_(None),
        T.c.unit.is_not(None),
        T.c.stage == "rare",
        T.c.stage == "common",
        T.c.stage != "common",
        T.c.public,
        T.c.public.is_(True),
        T.c.public.is_(False),
        sa.not_(T.c.public),
        T.c.due_on < "2001-01-01",
        T.c.due_on >= "2029-01-01",
        T.c.due_on > "1999",
        T.c.note == "n3",
        T.c.stage.in_(("rare", "common")),
        T.c.unit.in_(("nobody",)),
        T.c.key > "K-01000",
        T.c.key == "K-00007",
        sa.and_(T.c.unit == "U0", T.c.note == "n1"),
    ]
)
CONDITIONS = st.lists(
    SIMPLE | st.lists(SIMPLE, min_size=1, max_size=3).map(lambda some: sa.or_(sa.false(), *some)),
    max_size=4,
)


@examples(75)
@given(where=CONDITIONS, limit=st.sampled_from([1, 2, 51, 5_000]))
def test_pages_are_what_was_asked(connection: Connection, where: list[Any], limit: int) -> None:
    """Whatever the conditions are: the rows that one plain statement gives, in its order."""
    plain = sa.select(T).where(*where).order_by(T.c.key).limit(limit)
    assert page_of(connection, T, where, T.c.key, limit) == list(connection.execute(plain))


@examples(75)
@given(
    where=CONDITIONS,
    by=st.sampled_from([T.c.due_on, T.c.unit, T.c.stage]),
    descending=st.booleans(),
    limit=st.sampled_from([1, 7, 51]),
    start=st.integers(0, ROWS),
    few=st.sampled_from([0, 100, 5_000]),
)
def test_pages_in_the_order_of_a_column(
    connection: Connection,
    where: list[Any],
    by: sa.Column[Any],
    descending: bool,
    limit: int,
    start: int,
    few: int,
) -> None:
    """From any row on, whatever few rows are; rows without a value are the smallest."""
    rows = list(connection.execute(sa.select(T).where(*where)))
    order = Order(T.c.key, by, descending)
    rows.sort(key=order.place, reverse=descending)
    last = rows[start % len(rows)] if rows else None
    after = None if last is None else (getattr(last, by.name), last.key)
    with patch.multiple(paging, _SORTED=few, _COUNTED=few):
        page = page_of(connection, T, where, order._replace(after=after), limit)
        first = page_of(connection, T, where, order, limit)
    begin = 0 if last is None else rows.index(last) + 1
    assert page == rows[begin : begin + limit]
    assert first == rows[:limit]


RARE: dict[str, list[Any]] = {
    "a value that nobody has": [T.c.unit == "nobody"],
    "a rare value beside a common one": [T.c.stage == "rare", T.c.unit == "U1"],
    "a common value, a page of it": [T.c.unit == "U1"],
    "two common values": [T.c.unit == "U1", T.c.stage == "common"],
    "either of two": [sa.or_(T.c.public.is_(True), T.c.unit == "nobody")],
    "either of two, and a rare one": [
        sa.or_(T.c.public.is_(True), T.c.unit == "U1"),
        T.c.stage == "rare",
    ],
    "a short range beside a common value": [T.c.due_on < "1999", T.c.stage == "common"],
    "a long range": [T.c.due_on > "1999"],
    "true": [T.c.public],
    "not true, and a rare value": [sa.not_(T.c.public), T.c.stage == "rare"],
    "not true, and a value that nobody has": [sa.not_(T.c.public), T.c.unit == "nobody"],
    # Of two indexes that look alike SQLite takes the one that was made last.
    "not true, and a day that nothing has": [sa.not_(T.c.public), T.c.due_on == "1999-01-01"],
    "not true, a value that nobody has, and a long range": [
        T.c.unit == "nobody",
        T.c.due_on > "1999",
        sa.not_(T.c.public),
        T.c.note.is_not(None),
    ],
    "not true, a short range, and a value": [
        sa.not_(T.c.public),
        T.c.due_on < "1999",
        T.c.stage == "common",
    ],
    "not true, a rare value, and a long range": [
        T.c.due_on > "1999",
        sa.not_(T.c.public),
        T.c.stage == "rare",
    ],
}


@pytest.mark.parametrize("name", RARE)
def test_a_page_costs_what_it_shows(connection: Connection, name: str) -> None:
    """SQLite takes no more steps for a page than a few hundred rows take, of thousands."""
    raw: Any = connection.connection.driver_connection
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    raw.set_progress_handler(step, 100)
    page_of(connection, T, RARE[name], T.c.key, 11)
    raw.set_progress_handler(None, 0)
    # A row that is looked at takes some twenty steps; all of them would take 60,000.
    assert steps * 100 < 20_000


def _column(listing: Any, table: sa.Table, name: str) -> str:
    """The column that a filter reads: the one of its name, or another that the list names."""
    return name if name in table.c else str(listing.column(None, table, name).name)


def test_every_filter_has_an_index() -> None:
    """Whatever a list can be filtered by, and whatever says who sees a row, is looked up."""
    looked = 0
    for resource in RESOURCES:
        for cell in resource.handler.__closure__ or ():
            listing = cell.cell_contents
            if not isinstance(listing, Listing) or listing.path != resource.path:
                continue
            looked += 1
            table = listing.view.table
            indexed = {next(iter(index.columns)).name for index in table.indexes}
            indexed.add(next(iter(table.primary_key.columns)).name)
            wanted = {_column(listing, table, one.name) for one in listing.filters}
            wanted |= {"unit", "entity", "public"} & set(table.c.keys())
            assert wanted <= indexed, f"{listing.path}: {sorted(wanted - indexed)}"
    assert looked > 30


def test_every_index_ends_with_the_key() -> None:
    """So that the rows of a value come in the order of pages."""
    for view in all_views():
        for table in view.tables:
            keys = [column.name for column in table.primary_key.columns]
            for index in table.indexes:
                partial = index.dialect_kwargs
                assert partial or len(keys) > 1 or index.columns.keys()[-1] == keys[0], index.name
