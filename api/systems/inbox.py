"""``GET /v1/inbox``: what waits for the reader, with the command that answers each item (2.18)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any
from urllib.parse import quote

import msgspec
import sqlalchemy as sa
from aiohttp import hdrs, web
from sqlalchemy.engine import Connection

from api.http.access import grant_of
from api.http.asking import DEFAULT_PAGE, MAX_PAGE, PRIVATE, asked, caught_up
from api.http.commands import path_of
from api.http.keys import LEDGER
from api.http.problems import Problem
from api.http.reading import (
    AFTER,
    AT_LEAST,
    AT_LEAST_HEADER,
    LIMIT,
    MAX_POSITION,
    bounded,
    json_response,
    next_link,
    query_value,
    whole_number,
)
from api.http.resources import Parameter, Resource
from api.http.tokens import Grant
from api.systems.deadlines import seen_deadlines
from ledger.general.audiences import SUPERVISORS, UNIT_BOUND
from ledger.general.vocabulary import Role, is_among, person_key, same_person
from ledger.kernel import civil_date
from ledger.registry import Entry
from ledger.systems.handovers.folds import UnitHandovers, systems_of
from projections.inbox.items import WAITS
from projections.inbox.view import ANYWHERE, INBOX, OFFICES, Inbox, place, tray_of
from projections.inbox.waiting import entry_of
from projections.paging import page_of
from projections.systems.catalogue import Officers
from projections.systems.deadlines import DEADLINES, Deadlines
from projections.systems.handovers import Handovers, certified, handovers_of
from projections.tables import not_kept_from

#: Who has an inbox: everybody who answers anything.
READERS: frozenset[Role] = (
    UNIT_BOUND
    | SUPERVISORS
    | frozenset[Role]({"credit_officer", "entity_rep", "subscriber_system"})
) - {"ledger_clock"}

#: Where a subject of a kind is read, or of a kind in a system. A calendar, a piece of evidence, a
#: filing, an obligation, a drawn target and a unit have no page.
PAGES: Mapping[str, str] = {
    "annual-stats": "/v1/annual-statistics/{}",
    "approval": "/v1/approvals/{}",
    # Its own page is there once it is published.
    "assessment": "/v1/indicators?year={}",
    "case": "/v1/cases/{}",
    "casefile": "/v1/case-files/{}",
    "complaint": "/v1/complaints/{}",
    "decision": "/v1/decisions/{}",
    "leniency/unit": "/v1/leniency-lists/{}",
    "publicity/decision": "/v1/acts/{}",
    "designation": "/v1/key-designations/{}",
    "determination": "/v1/determinations/{}",
    "draw": "/v1/draws/{}",
    "duty": "/v1/open-duties/{}",
    "entity": "/v1/entities/{}/profile",
    "finding": "/v1/findings/{}",
    "incentive": "/v1/incentives/{}",
    "joint": "/v1/joints/{}",
    "list-field": "/v1/list-fields/{}",
    "matter": "/v1/matters/{}",
    "milestone": "/v1/milestones/{}",
    "observation": "/v1/observations/{}",
    "plan": "/v1/plans/{}",
    "proposal": "/v1/supervision-proposals/{}",
    "recon": "/v1/reconsiderations/{}",
    "record": "/v1/repair/records/{}",
    "removal": "/v1/sharing/removals/{}",
    "repair": "/v1/repair/cases/{}",
    "report": "/v1/reports/{}",
    "review-batch": "/v1/review-batches/{}",
    "sanction": "/v1/sanctions/{}",
    "score": "/v1/scores/{}",
    "soft-measure": "/v1/soft-measures/{}",
    "supdoc": "/v1/supervision-documents/{}",
    "takeon": "/v1/take-ons/{}",
    "task": "/v1/tasks/{}",
    "urge": "/v1/urges/{}",
}

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
    ``held_by``: those to whom they handed it over. ``unattended``: none of them holds a
    certificate that is in force, and it is the head's to give on.
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
    held_by: tuple[str, ...] = ()
    unattended: bool = False
    due_on: str | None = None
    due_by: DueBy | None = None
    provisional: bool = False
    overdue: bool = False


class FoundItems(msgspec.Struct, frozen=True):
    """A page of the inbox, what has waited longest first; ``Link`` leads to the next."""

    items: tuple[InboxItem, ...]


async def inbox(request: web.Request) -> web.Response:
    """What waits for the reader: each item with the commands that answer it, and its day.

    A reader sees the items of their role in their unit, an office of the region those of the
    region, an officer those of the tasks and cases that name the officer. `prefilled` is what the
    ledger knows of the next command; send it to `url` with what `schema` asks for besides.
    """
    grant = await grant_of(request)
    for view in (Deadlines.name, Handovers.name, Officers.name):
        await caught_up(request, view)
    follower = await caught_up(request, Inbox.name)
    limit = bounded(request, "limit", DEFAULT_PAGE, 1, MAX_PAGE)
    today = civil_date(request.app[LEDGER].clock())
    table = INBOX.c
    where: list[sa.ColumnElement[bool]] = []
    for name, column in (("waits", table.row), ("system", table.system), ("subject", table.main)):
        if (wanted := query_value(request, name, str, None)) is not None:
            where.append(column == wanted)
    if (after := query_value(request, "after", str, None)) is not None:
        where.append(table.key > _behind(after))

    def ask() -> tuple[list[InboxItem], bool]:
        with follower.views.reading() as connection:
            handed = handovers_of(connection, grant.unit)
            trays = _trays(connection, grant, handed, today)
            mine = [sa.or_(*trays), *where, *_may_answer(grant, handed, today)]
            # One item may lie in several trays of the reader, who stands in for two officers.
            rows = page_of(connection, INBOX, mine, table.key, len(trays) * (limit + 1))
            items = [next(same) for _, same in groupby(rows, _item_of)]
            shown = items[:limit]
            page = _Page(
                grant,
                today,
                _deadlines(connection, grant, shown),
                handed,
                _in_office(connection, grant, handed, shown, today),
            )
            return [page.show(row) for row in shown], len(items) > limit

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
    if not rest:
        raise Problem("malformed", "query parameter 'after' must be an item's id")
    opened = whole_number(position, "the position in query parameter 'after'", 0, 0, MAX_POSITION)
    # The letters of a tray sort before the tilde.
    return f"{place(opened)}|{rest}|~"


def _trays(
    connection: Connection, grant: Grant, handed: UnitHandovers, today: date
) -> list[sa.ColumnElement[bool]]:
    """Where the items of a reader lie.

    An officer reads what waits for the officer by name, and for those whom the officer stands in
    for; nothing of it while it is handed over, nor once the officer's certificates have ended.
    """
    tray = INBOX.c.tray
    if grant.role == "entity_rep":
        return [tray == tray_of(grant.role, grant.entity or "")]
    found = [tray == tray_of(grant.role, grant.unit)]
    if grant.role in OFFICES:
        found.append(tray == tray_of(grant.role, ANYWHERE))
    if grant.role != "enforcement_officer":
        return found
    in_office = certified(connection, grant.unit, {grant.person}, today)
    if not in_office.get(grant.person, True):
        return found
    given = sorted(
        system
        for system in systems_of(())
        if not same_person(handed.holder(grant.person, system, today), grant.person)
    )
    own = tray == tray_of(grant.role, grant.unit, grant.person)
    found.append(sa.and_(own, INBOX.c.system.not_in(given)) if given else own)
    for person, systems in sorted(handed.held_by(grant.person, today).items()):
        other = tray == tray_of(grant.role, grant.unit, person)
        found.append(sa.and_(other, INBOX.c.system.in_(sorted(systems))))
    return found


def _in_office(
    connection: Connection,
    grant: Grant,
    handed: UnitHandovers,
    rows: Sequence[sa.Row[Any]],
    today: date,
) -> dict[str, bool]:
    """Of those for whom these items wait by name: whether a certificate of theirs is in force."""
    persons = {
        handed.holder(person, row.system, today)
        for row in rows
        if row.unit == grant.unit
        for person in msgspec.json.decode(row.persons)
    }
    return certified(connection, grant.unit, persons, today) if persons else {}


def _may_answer(grant: Grant, handed: UnitHandovers, today: date) -> list[sa.ColumnElement[bool]]:
    """The items that are not the reader's own request, nor kept from the reader's unit.

    A request that was handed over to the reader is the reader's own.
    """
    held = handed.held_by(grant.person, today)
    own = [person_key(grant.person), *(p for p, of in sorted(held.items()) if "approvals" in of)]
    return [
        # One condition: of a choice each branch would be followed through the whole tray.
        sa.func.coalesce(INBOX.c.but, "").not_in(own),
        not_kept_from(INBOX.c.kept_from, grant.unit),
    ]


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


class _Page(msgspec.Struct, frozen=True):
    """What the items of one page are shown with."""

    grant: Grant
    today: date
    deadlines: dict[tuple[str, str], list[sa.Row[Any]]]
    handed: UnitHandovers
    in_office: dict[str, bool]

    def _attends(self, person: str) -> bool:
        """Whether a person holds a certificate that is in force, or reads this page."""
        return self.in_office.get(person, False) or same_person(person, self.grant.person)

    def show(self, row: sa.Row[Any]) -> InboxItem:
        """One item as it is read."""
        waiting = WAITS[row.row]
        known = msgspec.json.decode(row.known)
        running = [d for rule in waiting.due for d in self.deadlines.get((row.main, rule), ())]
        first = min(running, key=lambda d: d.due_on, default=None)
        provisional = first is not None and first.provisional
        officers = tuple(msgspec.json.decode(row.persons))
        own = row.unit == self.grant.unit
        holders = {
            self.handed.holder(person, row.system, self.today) if own else person
            for person in officers
        }
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
                if self.grant.role in entry.roles
            ),
            link=_link(row),
            unit=row.unit,
            officers=officers,
            held_by=tuple(sorted(p for p in holders if not is_among(p, officers))),
            unattended=own and bool(holders) and not any(map(self._attends, holders)),
            due_on=None if first is None else first.due_on,
            due_by=None if first is None else _due_by(first),
            provisional=provisional,
            overdue=first is not None and not provisional and first.due_on < self.today.isoformat(),
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


def _link(row: sa.Row[Any]) -> str | None:
    """Where the subject of an item is read; ``None`` for a kind that has no page of its own."""
    kind, _, name = row.main.partition(":")
    page = PAGES.get(f"{row.system}/{kind}") or PAGES.get(kind)
    return None if page is None else page.format(quote(name, safe=""))


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
