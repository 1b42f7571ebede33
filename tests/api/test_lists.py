"""Every list, in every order and with every filter: complete, exact, and of visible rows only."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, get_args
from unittest.mock import patch
from urllib.parse import urlencode

import msgspec
import pytest
import pytest_asyncio
import sqlalchemy as sa
from aiohttp import web

from api.http import asking
from api.http.problems import Problem
from api.http.resources import Resource
from api.http.sheets import as_sheet
from ledger.kernel import Recorded
from ledger.kernel.messages import title
from projections import paging
from projections.paging import Order, page_of
from tests.api.answers import faults
from tests.api.oracle import OTHER, UNIT, Facts, Placed, Shelf, secrets, urls
from tests.projections.facts import E2
from tests.sequences.asking import RESOURCES

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: A search is a list that has no order to choose and no fields.
LISTS = [r for r in RESOURCES if r.suffixes and any(p.name == "fields" for p in r.query)]
READERS = ("nobody", "business", "officer", "credit", "bureau")


class Elsewhere(Placed):
    """Facts of another unit about another business."""

    def id_of(self, kind: str, field: str) -> str:
        return E2 if kind == "entity" else super().id_of(kind, field)


def _later(record: Recorded, days: int) -> Recorded:
    """A fact with every day of its body moved."""
    body = msgspec.to_builtins(record.event)
    moved = {
        name: (date.fromisoformat(value) + timedelta(days)).isoformat()
        for name, value in body.items()
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value)
    }
    event = msgspec.convert({**body, **moved}, type(record.event), str_keys=True)
    return msgspec.structs.replace(record, event=event)


def past() -> list[Recorded]:
    facts = Facts()
    recorded = [*facts.law(), *facts.of_every_type(Placed(1, subject_unit="TAX"), UNIT)]
    recorded += secrets(facts)
    for number in range(6, 9):
        places: Placed = Elsewhere(number, OTHER) if number % 2 else Placed(number)
        recorded += [_later(r, 3 * number) for r in facts.of_every_type(places, places.unit)]
    return recorded


@pytest.fixture(scope="module")
def facts() -> list[Recorded]:
    return past()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shelf(
    tmp_path_factory: pytest.TempPathFactory, facts: list[Recorded]
) -> AsyncIterator[Shelf]:
    async with Shelf(tmp_path_factory.mktemp("lists"), "whole", facts) as opened:
        yield opened


@pytest.fixture(params=["few rows", "many rows"])
def watched(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Compare each page with what one plain statement gives; collect bad query plans.

    With many rows, nothing is few enough to be sorted.
    """
    bad: list[str] = []

    def compared(
        connection: Any, table: Any, where: Any, order: Any, limit: int, **how: Any
    ) -> Any:
        statements: list[tuple[str, Any]] = []

        def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            statements.append((statement, parameters))

        sa.event.listen(connection, "before_cursor_execute", note)
        rows = page_of(connection, table, where, order, limit, **how)
        sa.event.remove(connection, "before_cursor_execute", note)
        assert isinstance(order, Order)
        columns = how.get("columns") or (table,)
        plain = _plain(connection, sa.select(*columns).where(*where), order)
        if order.after is not None:
            value, key = order.after
            mark = (key,) if order.by is None else (value is not None, value, key)
            plain = [
                row
                for row in plain
                if (order.place(row) < mark if order.descending else order.place(row) > mark)
            ]
        assert [tuple(row) for row in rows] == [tuple(row) for row in plain[:limit]]
        if how.get("among") is None:
            bad.extend(_unbounded(connection, table, statements))
        return rows

    many = request.param == "many rows"
    few = {"_COUNTED": 0, "_SORTED": 0} if many else {}
    with (
        patch.object(asking, "page_of", compared),
        patch.multiple(paging, **(few or {"_COUNTED": 200})),
    ):
        yield bad


#: What plain statements gave, in the order asked for: the rows stay the same, and every page of a
#: list is compared with them.
_PLAIN: dict[tuple[str, str, str | None, bool], list[Any]] = {}


def _plain(connection: Any, statement: Any, order: Order) -> list[Any]:
    compiled = statement.compile(connection)
    by = None if order.by is None else str(order.by)
    asked = (str(compiled), repr(compiled.params), by, order.descending)
    if asked not in _PLAIN:
        rows = connection.execute(statement).all()
        _PLAIN[asked] = sorted(rows, key=order.place, reverse=order.descending)
    return _PLAIN[asked]


#: Statements whose plan was looked at: it does not depend on what they ask for.
_PLANNED: set[str] = set()


def _unbounded(connection: Any, table: Any, statements: Sequence[tuple[str, Any]]) -> Iterator[str]:
    """Yield the statements that read a whole table and sort it."""
    for statement, parameters in statements:
        if "count(*)" in statement or statement in _PLANNED:
            continue
        _PLANNED.add(statement)
        plan = [
            row[3]
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
        scans = [line for line in plan if re.match(rf"SCAN {table.name}\b", line)]
        if scans and any("TEMP B-TREE" in line for line in plan):
            yield f"{statement}: {plan}"


def _urls(resource: Resource, facts: Sequence[Recorded]) -> list[str]:
    """The paths of a list, without a query."""
    return sorted({url.partition("?")[0] for url in urls([resource], facts)})


async def _get(shelf: Shelf, who: str, path: str, **query: Any) -> Any:
    response = await shelf.get(who, _url(path, query))
    if response.status in (401, 403, 404):
        return None
    assert isinstance(response, web.Response)
    assert response.status == 200, (path, query, response.body)
    return msgspec.json.decode(response.body)


def _url(path: str, query: Mapping[str, Any]) -> str:
    return f"{path}?{urlencode(query, doseq=True)}" if query else path


def _choices(resource: Resource, name: str) -> tuple[str, ...]:
    return next((get_args(p.type) for p in resource.query if p.name == name), ())


async def _pages(shelf: Shelf, who: str, path: str, **query: Any) -> list[tuple[Any, str | None]]:
    """The items of all pages, each of the last of a page with the cursor after it."""
    items: list[tuple[Any, str | None]] = []
    more: dict[str, Any] = {}
    while True:
        page = await _get(shelf, who, path, **query, **more)
        if page is None:
            return []
        cursor = page.get("next")
        items += [(item, None) for item in page["items"][:-1]]
        items += [(item, cursor) for item in page["items"][-1:]]
        if cursor is None:
            return items
        more = {"after": cursor}


@pytest.mark.parametrize("resource", LISTS, ids=lambda resource: resource.path)
async def test_every_order_is_complete(
    shelf: Shelf, facts: list[Recorded], watched: list[str], resource: Resource
) -> None:
    """Pages of one entry give what one page gives; no order tells what an entry does not."""
    for path in _urls(resource, facts):
        known: list[list[Any]] = []
        for who in READERS:
            whole = [item for item, _ in await _pages(shelf, who, path, limit=500)]
            few = max(1, len(whole) // 20)
            # Small pages of the same entries are the same: one of their readers turns them.
            turned = whole in known
            known.append(whole)
            for sort in _choices(resource, "sort"):
                at_once = await _pages(shelf, who, path, sort=sort, limit=500)
                assert sorted(repr(item) for item, _ in at_once) == sorted(map(repr, whole))
                if turned:
                    continue
                items = await _pages(shelf, who, path, sort=sort, limit=few)
                assert [item for item, _ in items] == [item for item, _ in at_once]
                if sort.removeprefix("-") == "id":
                    continue
                for item, cursor in items:
                    if cursor is not None:
                        padded = cursor + "=" * (-len(cursor) % 4)
                        _, value, _ = msgspec.msgpack.decode(urlsafe_b64decode(padded))
                        told = msgspec.json.encode(item).decode()
                        assert value is None or str(value) in told, (who, sort, value, told)
    assert watched == []


@pytest.mark.parametrize("resource", LISTS, ids=lambda resource: resource.path)
async def test_filters_facets_and_totals_agree(
    shelf: Shelf, facts: list[Recorded], watched: list[str], resource: Resource
) -> None:
    """A value's count is the number of entries with it; the others are those without it."""
    for path in _urls(resource, facts):
        for who in READERS:
            whole = await _get(shelf, who, path, limit=1, total="true")
            if whole is None:
                continue
            total = whole["total"]
            for name in _choices(resource, "facets"):
                page = await _get(shelf, who, path, facets=name, total="true", limit=1)
                assert page["total"] == total
                values = page["facets"][name]
                if page["facets_cut"]:
                    assert len(values) == asking.MAX_FACET
                    continue
                assert sum(value["count"] for value in values) == total
                known = [value for value in values if _askable(resource, name, value["value"])]
                for value in known:
                    word = (
                        str(value["value"]).lower()
                        if isinstance(value["value"], bool)
                        else value["value"]
                    )
                    query = {name: word, "limit": 1, "total": "true"}
                    assert (await _get(shelf, who, path, **query))["total"] == value["count"]
                    if f"not_{name}" in {p.name for p in resource.query}:
                        query = {f"not_{name}": word, "limit": 1, "total": "true"}
                        rest = await _get(shelf, who, path, **query)
                        assert rest["total"] == total - value["count"]
                if len(known) > 1 and f"not_{name}" in {p.name for p in resource.query}:
                    values = [value["value"] for value in known[:20]]
                    query = {name: values, "limit": 1, "total": "true"}
                    some = sum(value["count"] for value in known[:20])
                    assert (await _get(shelf, who, path, **query))["total"] == some
    assert watched == []


def _askable(resource: Resource, name: str, value: Any) -> bool:
    """Whether a filter takes a value. Golden bytes have years and commands that nobody can name."""
    check = next(p for p in resource.query if p.name == name).checks()
    try:
        return value not in (None, "") and (check is None or check(str(value)) is not False)
    except Problem:
        return False


#: Columns that an entry shows under another name.
CALLED: Mapping[str, str] = {}


@pytest.mark.parametrize("resource", LISTS, ids=lambda resource: resource.path)
async def test_no_filter_tells_what_an_entry_does_not(
    shelf: Shelf, facts: list[Recorded], resource: Resource
) -> None:
    """A value that is counted, or sorted by, stands in each entry that has it, for each reader."""
    orders = {sort.removeprefix("-") for sort in _choices(resource, "sort")} - {"id"}
    for path in _urls(resource, facts):
        for who in ASKING:
            if await _get(shelf, who, path) is None:
                continue
            for name in sorted(orders):
                page = await _get(shelf, who, path, **{f"{name}_from": _FIRST[name == "year"]})
                for item in page["items"]:
                    assert CALLED.get(name, name) in _names(item), (who, path, name, item)
            for name in _choices(resource, "facets"):
                for value in (await _get(shelf, who, path, facets=name))["facets"][name]:
                    word = value["value"]
                    if not isinstance(word, str) or not _askable(resource, name, word):
                        continue
                    for item in (await _get(shelf, who, path, **{name: word}))["items"]:
                        told = msgspec.json.encode(item).decode()
                        assert word in told, (who, path, name, word, told)


#: Every role that may be shown less of an entry than others.
ASKING = (*READERS, "subscriber", "other business", "other head", "recon", "rlo", "park")
_FIRST = {False: "2000-01-01", True: 1900}


def _names(item: Any) -> set[str]:
    """The names of all fields of an entry, at any depth."""
    if isinstance(item, dict):
        return set(item).union(*map(_names, item.values()))
    return set().union(*map(_names, item)) if isinstance(item, list) else set()


@pytest.mark.parametrize("resource", LISTS, ids=lambda resource: resource.path)
async def test_sheets_hold_what_pages_hold(
    shelf: Shelf, facts: list[Recorded], resource: Resource
) -> None:
    """CSV and XLSX, by suffix and by Accept, with the entries and fields of the JSON."""
    for path in _urls(resource, facts):
        for who in ("nobody", "bureau"):
            whole = [item for item, _ in await _pages(shelf, who, path, limit=500)]
            response = await shelf.get(who, f"{path}.csv")
            if response.status in (401, 403, 404, 503):
                assert whole == [] or response.status == 503
                continue
            assert isinstance(response, web.Response)
            assert isinstance(response.body, bytes)
            assert response.content_type == "text/csv"
            assert response.body.startswith(b"\xef\xbb\xbf")
            heads, *rows = csv.reader(io.StringIO(response.body.decode("utf-8-sig")))
            fields = _choices(resource, "fields")
            assert heads == [title(field, "en", "fields") for field in fields]
            assert rows == [[_cell(item.get(field)) for field in fields] for item in whole]
            assert not any(cell[:1] in ("=", "+", "-", "@") for row in rows for cell in row)
            by_accept = await shelf.get(who, path, Accept="text/csv")
            assert isinstance(by_accept, web.Response)
            assert by_accept.body == response.body
            book = await shelf.get(who, f"{path}.xlsx")
            assert isinstance(book, web.Response)
            assert isinstance(book.body, bytes)
            assert len(re.findall(rb"<row ", _part(book.body, "worksheets/sheet1"))) == 1 + len(
                rows
            )
            assert b"<f>" not in _part(book.body, "worksheets/sheet1")


def _part(book: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(book)) as parts:
        return parts.read(f"xl/{name}.xml")


def _cell(value: Any) -> str:
    """A value as a cell of CSV shows it."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case list() if not any(isinstance(part, (list, dict)) for part in value):
            text = "; ".join(map(str, value))
        case list() | dict():
            text = msgspec.json.encode(value).decode()
        case _:
            text = str(value)
    number = isinstance(value, (int, float))
    return f"'{text}" if not number and text.startswith(("=", "+", "-", "@")) else text


@pytest.mark.parametrize("resource", LISTS, ids=lambda resource: resource.path)
async def test_answers_are_of_their_types(
    shelf: Shelf, facts: list[Recorded], resource: Resource
) -> None:
    """With counts, and with any one field; the first field is always there."""
    for path in _urls(resource, facts):
        for who in READERS:
            first, *others = _choices(resource, "fields")
            for name in others:
                url = _url(path, {"fields": name, "total": "true", "limit": 3})
                response = await shelf.get(who, url)
                if response.status in (401, 403, 404):
                    break
                assert isinstance(response, web.Response)
                assert isinstance(response.body, bytes)
                assert list(faults(resource, response.body)) == []
                items = msgspec.json.decode(response.body)["items"]
                assert all(first in item and item.keys() <= {first, name} for item in items)
            for facets in (",".join(_choices(resource, "facets")),):
                if not facets:
                    continue
                response = await shelf.get(who, _url(path, {"facets": facets, "limit": 500}))
                if response.status in (401, 403, 404):
                    break
                assert isinstance(response, web.Response)
                assert isinstance(response.body, bytes)
                assert list(faults(resource, response.body)) == []


async def test_wrong_questions_are_told(shelf: Shelf) -> None:
    """Each unknown value is refused; a cursor is of one order only."""
    page = await _get(shelf, "bureau", "/v1/findings", limit=1)
    cursor = page["next"]
    assert await _get(shelf, "bureau", "/v1/findings", limit=1, after=cursor)
    for query in (
        {"after": cursor, "sort": "raised_on"},
        {"after": cursor[:-3]},
        {"after": "FIL-V1.F1"},
        {"after": "é"},
        {"sort": "unit"},
        {"sort": "raised_on,ended_on"},
        {"facets": "state,no"},
        {"fields": "no"},
        {"raised_on_from": "soon"},
        {"raised_on_to": "0001-01-01"},
        {"not_state": "no"},
        {"state": "no"},
        {"state": ["raised", "no"]},
        {"unit": [f"U{number}" for number in range(21)]},
        {"total": "perhaps"},
    ):
        response = await shelf.get("bureau", _url("/v1/findings", query))
        assert response.status == 400, query
    for query in ({"q": ""}, {"q": " "}, {"q": "长" * 101}):
        response = await shelf.get("bureau", _url("/v1/entities", query))
        assert response.status == 400, query


async def test_ranges_divide_a_list(shelf: Shelf) -> None:
    """What is up to a day, after it, and without a day: together the whole list."""
    whole = await _get(shelf, "bureau", "/v1/findings", sort="raised_on", limit=500)
    days = [item["raised_on"] for item in whole["items"] if item.get("raised_on")]
    assert days == sorted(days)
    for day in {*days, "2026-03-01"}:
        until = await _get(shelf, "bureau", "/v1/findings", raised_on_to=day, total="true")
        after_it = (date.fromisoformat(day) + timedelta(1)).isoformat()
        since = await _get(shelf, "bureau", "/v1/findings", raised_on_from=after_it, total="true")
        assert until["total"] == sum(known <= day for known in days)
        assert since["total"] == sum(known > day for known in days)


async def test_names_stand_beside_ids(shelf: Shelf) -> None:
    """Of what the reader may know: the public learns no name of a business without a document."""
    for who in ("nobody", "bureau"):
        known = {
            item["entity"]: item["name"]
            for item, _ in await _pages(shelf, who, "/v1/entities", limit=500)
        }
        units = {
            item["unit"]: item["name"]
            for item, _ in await _pages(shelf, who, "/v1/units", limit=500)
        }
        titles = {
            item["matter"]: item["name"]
            for item, _ in await _pages(shelf, who, "/v1/matters", limit=500)
        }
        assert units
        assert titles or who == "nobody"
        for path in ("/v1/tasks", "/v1/draws", "/v1/decisions", "/v1/matters"):
            for item, _ in await _pages(shelf, who, path, limit=500):
                if (unit := item.get("unit")) is not None:
                    assert item.get("unit_name") == units.get(unit)
                if (entity := item.get("entity")) is not None:
                    assert item.get("entity_name") == known.get(entity)
                if "matter_titles" in item:
                    assert item["matter_titles"] == [titles.get(m, m) for m in item["matters"]]


async def test_a_workbook_does_not_say_when_it_was_made() -> None:
    """The same rows make the same bytes, so HEAD tells the length that GET then has."""
    made = as_sheet("xlsx", "rows", [{"a": 1}], ["a"], "en")
    with zipfile.ZipFile(io.BytesIO(made)) as parts:
        assert b"1980-01-01T00:00:00Z" in parts.read("docProps/core.xml")
