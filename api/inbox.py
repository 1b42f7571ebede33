"""``GET /v1/inbox``: what waits for the reader, with the command that answers each item (2.18)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any
from urllib.parse import quote

import msgspec
import sqlalchemy as sa
from aiohttp import hdrs, web
from sqlalchemy.engine import Connection

from api.access import grant_of
from api.asking import DEFAULT_PAGE, MAX_PAGE, PRIVATE, asked, caught_up
from api.commands import path_of
from api.deadlines import seen_deadlines
from api.keys import LEDGER
from api.problems import Problem
from api.reading import (
    AFTER,
    AT_LEAST,
    AT_LEAST_HEADER,
    LIMIT,
    bounded,
    json_response,
    next_link,
    query_value,
)
from api.resources import Parameter, Resource
from api.tokens import Grant
from ledger.audiences import SUPERVISORS, UNIT_BOUND
from ledger.kernel import civil_date
from ledger.registry import Entry
from ledger.vocabulary import Role
from projections.deadlines import DEADLINES
from projections.inbox import ANYWHERE, INBOX, OFFICES, Inbox, place, tray_of
from projections.paging import page_of
from projections.waiting import entry_of
from projections.waits import WAITS

#: Who has an inbox: everybody who answers anything.
READERS: frozenset[Role] = frozenset(
    UNIT_BOUND | SUPERVISORS | {"credit_officer", "entity_rep", "subscriber_system"}
) - {"ledger_clock"}

#: The resource of each kind of subject, ``{}`` for its id.
PLACES: web.AppKey[Mapping[str, str]] = web.AppKey("places")

_SCHEMA = "/v1/openapi.json#/components/schemas/{}"


class NextCommand(msgspec.Struct, frozen=True):
    """A command that answers the item.

    ``url`` takes it as POST, ``schema`` describes its body, ``prefilled`` are the fields that the
    ledger knows.
    """

    command: str
    url: str
    schema: str
    prefilled: dict[str, Any]


class DueBy(msgspec.Struct, frozen=True, omit_defaults=True):
    """The deadline that gives the day: its rule, and the policy version that sets its length.

    ``n`` days or months (``counted_in``: wd, cd, month) from ``starts_on``; without them the day
    is stated by what opened it.
    """

    deadline: str
    rule: str
    starts_on: str
    policy_key: str | None = None
    policy_version: int | None = None
    n: int | None = None
    counted_in: str | None = None


class InboxItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that waits for the reader.

    ``item`` is its id, ``waits`` its row in the table of what waits, ``says`` what that is.
    ``subject`` is the tag of what it is about, ``link`` where that is read. ``since``: the day on
    which ``position`` opened it. ``due_on`` with its reason ``due_by``; ``provisional``: the
    working calendar of a year that it reaches is not published yet. ``law`` says why it has to be
    answered. ``officers`` are responsible for it.
    """

    item: str
    waits: str
    says: str
    subject: str
    since: str
    position: int
    law: str
    commands: tuple[NextCommand, ...]
    link: str | None = None
    unit: str | None = None
    officers: tuple[str, ...] = ()
    due_on: str | None = None
    due_by: DueBy | None = None
    provisional: bool = False
    overdue: bool = False


class FoundItems(msgspec.Struct, frozen=True):
    """A page of the inbox, what has waited longest first; ``Link`` leads to the next."""

    items: tuple[InboxItem, ...]


async def inbox(request: web.Request) -> web.Response:
    """What waits for the reader: each item with the commands that answer it, and its day.

    A reader sees the items of the own role in the own unit, an office of the region those of the
    region, an officer those of the tasks and cases that name the officer. `prefilled` is what the
    ledger knows of the next command; send it to `url` with what `schema` asks for besides.
    """
    grant = await grant_of(request)
    follower = await caught_up(request, Inbox.name)
    limit = bounded(request, "limit", DEFAULT_PAGE, 1, MAX_PAGE)
    today = civil_date(request.app[LEDGER].clock())
    places = request.app[PLACES]
    table = INBOX.c
    where: list[sa.ColumnElement[bool]] = []
    for name, column in (("waits", table.row), ("system", table.system), ("subject", table.main)):
        if (wanted := query_value(request, name, str, None)) is not None:
            where.append(column == wanted)
    if (after := query_value(request, "after", str, None)) is not None:
        where.append(table.key > _behind(after))

    def ask() -> tuple[list[InboxItem], bool]:
        with follower.views.reading() as connection:
            mine = [sa.or_(*_trays(connection, grant, today)), *where, _may_answer(grant)]
            rows = page_of(connection, INBOX, mine, table.key, 2 * (limit + 1))
            # Two officers of one task may both be the reader's to stand in for.
            items = [next(same) for _, same in groupby(rows, _item_of)]
            shown = items[:limit]
            deadlines = _deadlines(connection, grant, shown)
            return [_shown(row, grant, deadlines, places, today) for row in shown], len(
                items
            ) > limit

    items, more = await asked(ask)
    headers = dict(PRIVATE)
    if more:
        headers[hdrs.LINK] = next_link(request, after=items[-1].item)
    return json_response({"items": items}, headers=headers)


def _item_of(row: sa.Row[Any]) -> str:
    """The id of an item: where it was opened, what waits, its subject; whatever the tray."""
    return f"{row.position}|{row.row}|{row.about}"


def _behind(item: str) -> str:
    """A key that sorts behind the rows of an item in all trays, and before those of the next."""
    position, _, rest = item.partition("|")
    if not (position.isascii() and position.isdigit() and rest):
        raise Problem("malformed", "query parameter 'after' must be an item's id")
    # The letters of a tray sort before the tilde.
    return f"{place(int(position))}|{rest}|~"


def _trays(connection: Connection, grant: Grant, today: date) -> list[sa.ColumnElement[bool]]:
    """Where the items of a reader lie."""
    tray = INBOX.c.tray
    if grant.role == "entity_rep":
        return [tray == tray_of(grant.role, grant.entity or "")]
    names = [tray == tray_of(grant.role, grant.unit)]
    if grant.role in OFFICES:
        names.append(tray == tray_of(grant.role, ANYWHERE))
    if grant.role == "enforcement_officer":
        names.append(tray == tray_of(grant.role, grant.unit, grant.person))
    return names


def _may_answer(grant: Grant) -> sa.ColumnElement[bool]:
    """The items that are not the reader's own request."""
    return sa.or_(INBOX.c.but.is_(None), INBOX.c.but != grant.person)


def _deadlines(
    connection: Connection, grant: Grant, rows: Sequence[sa.Row[Any]]
) -> dict[tuple[str, str], list[sa.Row[Any]]]:
    """The deadlines that run about the subjects of these items, by subject and rule."""
    table = DEADLINES.c
    rules = sorted({rule for row in rows for rule in WAITS[row.row].due})
    found: dict[tuple[str, str], list[sa.Row[Any]]] = {}
    if not rules:
        return found
    # What an office handles it knows, though the events are sealed.
    told = sorted({rule for row in rows if WAITS[row.row].told for rule in WAITS[row.row].due})
    own = sa.and_(table.unit == grant.unit, table.rule.in_(told))
    seen = sa.false() if grant.role == "subscriber_system" else sa.and_(*seen_deadlines(grant))
    for row in connection.execute(
        sa.select(DEADLINES)
        .where(
            table.about.in_(sorted({row.main for row in rows})),
            table.rule.in_(rules),
            table.state.in_(("open", "missed")),
            table.due_on.is_not(None),
            sa.or_(own, seen),
        )
        .order_by(table.due_on, table.deadline)
    ):
        found.setdefault((row.about, row.rule), []).append(row)
    return found


def _shown(
    row: sa.Row[Any],
    grant: Grant,
    deadlines: dict[tuple[str, str], list[sa.Row[Any]]],
    places: Mapping[str, str],
    today: date,
) -> InboxItem:
    waiting = WAITS[row.row]
    known = msgspec.json.decode(row.known)
    running = [d for rule in waiting.due for d in deadlines.get((row.main, rule), ())]
    first = min(running, key=lambda d: d.due_on, default=None)
    return InboxItem(
        item=_item_of(row),
        waits=row.row,
        says=waiting.says,
        subject=row.main,
        since=row.since,
        position=row.position,
        law=waiting.law,
        commands=tuple(
            next_command(entry, known)
            for entry in map(entry_of, waiting.commands)
            if grant.role in entry.roles
        ),
        link=_link(places, row.main),
        unit=row.unit,
        officers=tuple(msgspec.json.decode(row.persons)),
        due_on=None if first is None else first.due_on,
        due_by=None if first is None else _due_by(first),
        provisional=first is not None and first.provisional,
        overdue=first is not None and not first.provisional and first.due_on < today.isoformat(),
    )


def _due_by(row: sa.Row[Any]) -> DueBy:
    return DueBy(**{name: getattr(row, name) for name in DueBy.__struct_fields__})


def next_command(entry: Entry, known: dict[str, Any]) -> NextCommand:
    """A command with its addresses, and with what is known of its fields."""
    return NextCommand(
        command=f"{entry.system}/{entry.name}",
        url=path_of(entry),
        schema=_SCHEMA.format(entry.command.__name__),
        prefilled={n: known[n] for n in entry.command.__struct_fields__ if n in known},
    )


def add_places(app: web.Application, resources: Iterable[Resource]) -> None:
    """Note where a subject of each kind is read: the resource below which it stands by its id."""
    found: dict[str, str] = {}
    for resource in resources:
        start, _, end = resource.path.rpartition("/")
        if end.startswith("{") and end.endswith("}") and "{" not in start:
            found.setdefault(end[1:-1].replace("_", "-"), f"{start}/{{}}")
    app[PLACES] = found


def _link(places: Mapping[str, str], subject: str) -> str | None:
    """Where a subject is read; ``None`` for a kind that has no page of its own."""
    kind, _, name = subject.partition(":")
    place = places.get(kind)
    return None if place is None else place.format(quote(name, safe=""))


RESOURCES = (
    Resource(
        "/v1/inbox",
        inbox,
        returns=FoundItems,
        roles=READERS,
        query=(
            Parameter("waits", str, "the kind of item, as filing.plan-to-accept"),
            Parameter("system", str, "the system that it belongs to"),
            Parameter("subject", str, "the tag of what it is about, `kind:id`"),
            AFTER,
            LIMIT,
            AT_LEAST,
        ),
        headers=(AT_LEAST_HEADER,),
    ),
)
