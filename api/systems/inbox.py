"""``GET /v1/inbox``: what waits for the reader, with the commands that answer it (2.18)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import sqlalchemy as sa
from aiohttp import hdrs, web
from msgspec.structs import replace
from sqlalchemy.engine import Connection

from api.http.asking import PRIVATE, asked, caught_up
from api.http.commands import path_of
from api.http.languages import Language, in_language, language_of
from api.http.named import MAX_POSITION, EventType
from api.http.problems import Problem
from api.http.reader import Reader, reader_of
from api.http.reading import (
    AFTER,
    AT_LEAST,
    AT_LEAST_HEADER,
    DEFAULT_PAGE,
    LIMIT,
    MAX_PAGE,
    bounded,
    json_response,
    next_link,
    query_value,
)
from api.http.resources import Parameter, Resource, whole_number
from api.systems.deadlines import seen_deadlines
from ledger.general.audiences import SUPERVISORS, UNIT_BOUND
from ledger.general.vocabulary import Role, is_among, person_key, same_person
from ledger.kernel import message
from ledger.registry import Entry
from ledger.systems.handovers.folds import UnitHandovers, systems_of
from projections.answers import page_type
from projections.inbox.items import WAITS
from projections.inbox.view import ANYWHERE, INBOX, OFFICES, Inbox, place, tray_of
from projections.inbox.waiting import entry_of
from projections.paging import not_looked_up, page_of
from projections.systems.catalogue import Officers
from projections.systems.deadlines import DEADLINES, Deadlines
from projections.systems.handovers import Handovers, certified, handovers_of
from projections.tables import not_kept_from

#: Roles with an inbox: all that answer any item.
READERS: frozenset[Role] = (
    UNIT_BOUND
    | SUPERVISORS
    | frozenset[Role]({"credit_officer", "entity_rep", "subscriber_system"})
) - {"ledger_clock"}

#: The page of a subject, by its kind, or by system and kind. Calendars, evidence, filings,
#: obligations, drawn targets and units have none.
PAGES: Mapping[str, str] = {
    "annual-stats": "/v1/annual-statistics/{}",
    "approval": "/v1/approvals/{}",
    # An assessment has a page only once it is published; the indicators are always readable.
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

    Send it to ``url`` with POST; ``schema`` describes its body; ``prefilled`` has the fields that
    the ledger knows.
    """

    command: str
    url: str
    schema: str
    prefilled: dict[str, Any]


class DueBy(msgspec.Struct, frozen=True, omit_defaults=True):
    """The deadline of the item: its rule, and the policy version that sets its length.

    ``n`` days or months (``counted_in``: wd, cd, month) are counted from ``starts_on``; without
    these fields, the event that opened the item stated the day.
    """

    deadline: str
    rule: str
    starts_on: str
    policy_key: str | None = None
    policy_version: int | None = None
    n: int | None = None
    counted_in: str | None = None


class InboxItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An item that waits for the reader.

    ``item``: its id. ``waits``: its row in the table of waiting items; ``says``: what waits,
    in the reader's language.
    ``subject``: the tag of the subject; ``link``: where to read it. ``since``: the day on which the
    event at ``position`` opened the item. ``due_on``: the last day, explained by ``due_by``;
    ``provisional``: the working calendar of a year that it reaches is not published yet. ``law``:
    the duty to answer it. ``officers``: who is responsible for it. ``held_by``: the deputies to
    whom they handed it over. ``unattended``: none of these people has a certificate in force, so
    the head must reassign it.
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


async def inbox(request: web.Request) -> web.Response:
    """What waits for the reader: each item with its last day and the commands that answer it.

    A reader sees the items for their role in their unit, an office of the region those of the
    region, an officer those of tasks and cases that name the officer. `prefilled` is what the
    ledger knows of the next command: complete it as `schema` requires, and send it to `url`.
    """
    reader, language = await reader_of(request), language_of(request)
    for view in (Deadlines.name, Handovers.name, Officers.name):
        await caught_up(request, view)
    follower = await caught_up(request, Inbox.name)
    limit = bounded(request, "limit", DEFAULT_PAGE, 1, MAX_PAGE)
    table = INBOX.c
    where: list[sa.ColumnElement[bool]] = []
    for name, column in (("waits", table.row), ("system", table.system), ("subject", table.main)):
        if (wanted := query_value(request, name, str, None)) is not None:
            where.append(column == wanted)
    if (after := query_value(request, "after", str, None)) is not None:
        where.append(table.key > _behind(after))

    def ask() -> tuple[list[InboxItem], bool]:
        with follower.views.reading() as connection:
            handed = handovers_of(connection, reader.unit)
            trays = _trays(connection, reader, handed)
            mine = [sa.or_(*trays), *where, *_may_answer(reader, handed)]
            # An item may be in several trays of a reader who deputises for two officers.
            rows = page_of(connection, INBOX, mine, table.key, len(trays) * (limit + 1))
            items = [next(same) for _, same in groupby(rows, _item_of)]
            shown = items[:limit]
            page = _Page(
                reader,
                language,
                _deadlines(connection, reader, shown),
                handed,
                _in_office(connection, reader, handed, shown),
            )
            return [page.show(row) for row in shown], len(items) > limit

    items, more = await asked(ask)
    headers = in_language(PRIVATE, language)
    if more:
        headers[hdrs.LINK] = next_link(request, after=items[-1].item)
    return json_response({"items": items}, headers=headers)


def _item_of(row: sa.Row[Any]) -> str:
    """Return the id of an item, whatever its tray: its position, its row and its subject."""
    return f"{row.position}|{row.row}|{row.about}"


def _behind(item: str) -> str:
    """Return a key that sorts after the rows of an item in all trays and before the next item."""
    position, _, rest = item.partition("|")
    if not rest:
        raise Problem("malformed", "inbox.query-parameter-after-must-be-item-id")
    opened = whole_number(position, message("inbox.position-in-after"), 0, 0, MAX_POSITION)
    # Letters of a tray sort before the tilde.
    return f"{place(opened)}|{rest}|~"


def _trays(
    connection: Connection, reader: Reader, handed: UnitHandovers
) -> list[sa.ColumnElement[bool]]:
    """Return the conditions for the items of a reader.

    Officers read the items that wait for them by name, and those of officers they deputise for.
    They do not read their own items while handed over, nor after their certificates have ended.
    """
    tray = INBOX.c.tray
    if reader.role == "entity_rep":
        return [tray == tray_of(reader.role, reader.entity or "")]
    conditions = [tray == tray_of(reader.role, reader.unit)]
    if reader.role in OFFICES:
        conditions.append(tray == tray_of(reader.role, ANYWHERE))
    if reader.role != "enforcement_officer":
        return conditions
    in_office = certified(connection, reader.unit, {reader.person}, reader.today)
    if not in_office.get(reader.person, True):
        return conditions
    given = sorted(
        system
        for system in systems_of(())
        if not same_person(handed.holder(reader.person, system, reader.today), reader.person)
    )
    own = tray == tray_of(reader.role, reader.unit, reader.person)
    conditions.append(sa.and_(own, INBOX.c.system.not_in(given)) if given else own)
    for person, systems in sorted(handed.held_by(reader.person, reader.today).items()):
        other = tray == tray_of(reader.role, reader.unit, person)
        conditions.append(sa.and_(other, INBOX.c.system.in_(sorted(systems))))
    return conditions


def _in_office(
    connection: Connection,
    reader: Reader,
    handed: UnitHandovers,
    rows: Sequence[sa.Row[Any]],
) -> dict[str, bool]:
    """Return, for each person named in these items, whether a certificate of theirs is in force."""
    persons = {
        handed.holder(person, row.system, reader.today)
        for row in rows
        if row.unit == reader.unit
        for person in msgspec.json.decode(row.persons)
    }
    return certified(connection, reader.unit, persons, reader.today) if persons else {}


def _may_answer(reader: Reader, handed: UnitHandovers) -> list[sa.ColumnElement[bool]]:
    """Return conditions that exclude the reader's own requests and what their unit may not see.

    A request that was handed over to the reader counts as their own.
    """
    held = handed.held_by(reader.person, reader.today)
    own = [person_key(reader.person), *(p for p, of in sorted(held.items()) if "approvals" in of)]
    return [
        # One condition, not a choice: for a choice, each branch would scan the whole tray.
        sa.func.coalesce(INBOX.c.but, "").not_in(own),
        not_kept_from(INBOX.c.kept_from, reader.unit),
    ]


def _deadlines(
    connection: Connection, reader: Reader, rows: Sequence[sa.Row[Any]]
) -> dict[tuple[str, str], list[sa.Row[Any]]]:
    """Return the running deadlines of these items, by subject and rule."""
    table = DEADLINES.c
    rules = sorted({rule for row in rows for rule in WAITS[row.row].due})
    deadlines: dict[tuple[str, str], list[sa.Row[Any]]] = {}
    if not rules:
        return deadlines
    # The handling office knows these deadlines although their events are sealed.
    told = sorted({rule for row in rows if WAITS[row.row].told for rule in WAITS[row.row].due})
    own = sa.and_(table.unit == reader.unit, table.rule.in_(told))
    seen = sa.false() if reader.role == "subscriber_system" else sa.and_(*seen_deadlines(reader))
    for row in connection.execute(
        sa.select(DEADLINES)
        .where(
            table.about.in_(sorted({row.main for row in rows})),
            # Only the index of subjects is short; SQLite would take that of a state.
            not_looked_up(table.rule.in_(rules)),
            not_looked_up(table.state.in_(("open", "missed"))),
            table.due_on.is_not(None),
            sa.or_(own, seen),
        )
        .order_by(table.due_on, table.deadline)
    ):
        deadlines.setdefault((row.about, row.rule), []).append(row)
    return deadlines


def _in(says: str, language: Language) -> str:
    """Return what waits in one language; the table has both, Chinese first: ``核实: verify``."""
    chinese, _, english = says.partition(": ")
    return chinese if language == "zh" else english


class _Page(msgspec.Struct, frozen=True):
    """The data with which the items of one page are shown."""

    reader: Reader
    language: Language
    deadlines: dict[tuple[str, str], list[sa.Row[Any]]]
    handed: UnitHandovers
    in_office: dict[str, bool]

    def _attends(self, person: str) -> bool:
        """Return whether a person has a certificate in force, or is the reader."""
        return self.in_office.get(person, False) or same_person(person, self.reader.person)

    def show(self, row: sa.Row[Any]) -> InboxItem:
        """Return an item as it is shown."""
        waiting = WAITS[row.row]
        known = msgspec.json.decode(row.known)
        running = [d for rule in waiting.due for d in self.deadlines.get((row.main, rule), ())]
        first = min(running, key=lambda d: d.due_on, default=None)
        provisional = first is not None and first.provisional
        officers = tuple(msgspec.json.decode(row.persons))
        own = row.unit == self.reader.unit
        holders = {
            self.handed.holder(person, row.system, self.reader.today) if own else person
            for person in officers
        }
        return InboxItem(
            item=_item_of(row),
            waits=row.row,
            says=_in(waiting.says, self.language),
            subject=row.main,
            since=row.since,
            position=row.position,
            law=waiting.law,
            commands=tuple(
                next_command(entry, known)
                for entry in map(entry_of, waiting.commands)
                if self.reader.role in entry.roles
            ),
            link=_link(row),
            unit=row.unit,
            officers=officers,
            held_by=tuple(sorted(p for p in holders if not is_among(p, officers))),
            unattended=own and bool(holders) and not any(map(self._attends, holders)),
            due_on=None if first is None else first.due_on,
            due_by=None if first is None else _due_by(first),
            provisional=provisional,
            overdue=first is not None
            and not provisional
            and first.due_on < self.reader.today.isoformat(),
        )


def _due_by(row: sa.Row[Any]) -> DueBy:
    return DueBy(**{name: getattr(row, name) for name in DueBy.__struct_fields__})


def next_command(entry: Entry, known: dict[str, Any]) -> NextCommand:
    """Return a command with its addresses and the known values of its fields."""
    return NextCommand(
        command=f"{entry.system}/{entry.name}",
        url=path_of(entry),
        schema=_SCHEMA.format(entry.command.__name__),
        prefilled={n: known[n] for n in entry.command.__struct_fields__ if n in known},
    )


def _link(row: sa.Row[Any]) -> str | None:
    """Return the page of an item's subject; ``None`` if its kind has no page."""
    kind, _, name = row.main.partition(":")
    page = PAGES.get(f"{row.system}/{kind}") or PAGES.get(kind)
    return None if page is None else page.format(quote(name, safe=""))


#: The id of an item: its position, its row and its subject.
ItemId = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9]{1,15}\|[^\x00]+(?![\s\S])",
        max_length=400,
        examples=["41|filing.plan-to-accept|plan:PLAN-MRB-2026"],
    ),
]

RESOURCES = (
    Resource(
        "/v1/inbox",
        inbox,
        returns=page_type(InboxItem),
        roles=READERS,
        query=(
            Parameter(
                "waits", str, "the kind of item, such as filing.plan-to-accept", values=EventType
            ),
            Parameter("system", str, "the system to which it belongs"),
            Parameter("subject", str, "the tag of its subject, `kind:id`"),
            replace(AFTER, values=ItemId),
            LIMIT,
            AT_LEAST,
        ),
        headers=(AT_LEAST_HEADER,),
        worded=True,
    ),
)
