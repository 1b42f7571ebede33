"""``GET /v1/summary``: how many there are, by unit, rule, month and other dimensions.

Each count is of the rows that the reader may see, under the same conditions as the list of the same
name. The counts are read from covering indexes (``counted`` of each table), never from the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal, get_args

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.asking import PRIVATE, asked, caught_up
from api.http.named import MAX_POSITION
from api.http.naming import names_of_units
from api.http.problems import Problem
from api.http.reader import Reader, reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response, query_value
from api.http.refusals import Entries, Wanted
from api.http.resources import Parameter, Resource
from api.running.pools import COUNTS
from api.systems.catalogue import tasks_seen, visit_columns
from api.systems.deadlines import overdue_on, seen_deadlines
from api.systems.findings import findings_seen
from api.systems.repair import records_seen
from ledger.access.events import CommandRefused, RecordsConsulted, RuleId
from ledger.kernel import civil_date, message
from projections.systems.catalogue import Units
from projections.systems.deadlines import DEADLINES
from projections.systems.findings import FINDINGS
from projections.systems.records import RECORDS
from projections.systems.tasks import TASKS
from projections.tables import Connection

#: The most groups in one answer.
MAX_GROUPS = 1_000

#: The most entries of the access ledger counted for one answer. They are counted one by one.
MAX_ENTRIES = 10_000

Of = Literal["consultations", "deadlines", "findings", "records", "refusals", "tasks", "visits"]
Dimensions = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z_]+(,[a-z_]+){0,2}(?![\s\S])", max_length=60)
]
Column = sa.ColumnElement[Any]


class Count(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many have these values. ``unit_name``: the registered name of the unit in ``group``.

    A value is null where there is none, or where the reader may not know it.
    """

    group: dict[str, str | None]
    count: int
    unit_name: str | None = None


class Summary(msgspec.Struct, frozen=True):
    """Counts by the values of some dimensions, the largest first.

    ``total``: the sum of the counts. ``cut``: there is more than is counted here; a shorter period
    or fewer dimensions give it.
    """

    of: Of
    by: list[str]
    items: list[Count]
    total: int
    cut: bool


class Counted(msgspec.Struct, frozen=True):
    """What is counted: its table, its day, its dimensions, and the rows that a reader sees."""

    table: sa.Table
    day: Column
    seen: Callable[[Reader], Sequence[sa.ColumnElement[bool]]]
    dimensions: Callable[[Reader], Mapping[str, Column]]


def _month(day: Column) -> Column:
    return sa.func.substr(day, 1, 7)


def _word(condition: sa.ColumnElement[bool]) -> Column:
    return sa.case((condition, sa.literal("true")), else_=sa.literal("false"))


def _findings(reader: Reader) -> Mapping[str, Column]:
    columns = FINDINGS.c
    return {
        "unit": columns.unit,
        "rule_id": columns.rule_id,
        "type": columns.type,
        "state": columns.standing,
        "month": _month(columns.raised_on),
    }


def _visits(reader: Reader) -> Mapping[str, Column]:
    _, whole = tasks_seen(reader)
    return {"unit": TASKS.c.unit, **visit_columns(whole), "month": _month(TASKS.c.opened_on)}


def _visits_seen(reader: Reader) -> Sequence[sa.ColumnElement[bool]]:
    return [TASKS.c.opened_on.is_not(None)]


def _tasks(reader: Reader) -> Mapping[str, Column]:
    return {
        "unit": TASKS.c.unit,
        "stage": TASKS.c.stage,
        "result": TASKS.c.result,
        "month": _month(TASKS.c.planned_on),
    }


def _tasks_seen(reader: Reader) -> Sequence[sa.ColumnElement[bool]]:
    if reader.is_public:
        raise reader.refused()
    return list(tasks_seen(reader))


def _deadlines(reader: Reader) -> Mapping[str, Column]:
    columns = DEADLINES.c
    return {
        "unit": columns.unit,
        "rule": columns.rule,
        "state": columns.state,
        "overdue": _word(overdue_on(reader.today)),
        "provisional": _word(columns.provisional),
        "month": _month(columns.due_on),
        "day": columns.due_on,
    }


def _records(reader: Reader) -> Mapping[str, Column]:
    columns = RECORDS.c
    return {
        "unit": columns.unit,
        "kind": columns.kind,
        "severity": columns.severity,
        "state": columns.status,
        "month": _month(columns.determined_on),
    }


#: What is counted from the tables of the views.
COUNTED: Mapping[str, Counted] = {
    "findings": Counted(FINDINGS, FINDINGS.c.raised_on, findings_seen, _findings),
    "visits": Counted(TASKS, TASKS.c.opened_on, _visits_seen, _visits),
    "tasks": Counted(TASKS, TASKS.c.planned_on, _tasks_seen, _tasks),
    "deadlines": Counted(DEADLINES, DEADLINES.c.due_on, seen_deadlines, _deadlines),
    "records": Counted(
        RECORDS,
        RECORDS.c.determined_on,
        lambda reader: [*records_seen(reader), RECORDS.c.kind != ""],
        _records,
    ),
}


def _recorded_in(entry: dict[str, Any]) -> str:
    return str(civil_date(datetime.fromisoformat(entry["recorded_at"])))[:7]


class Noted(msgspec.Struct, frozen=True):
    """Entries of the access ledger: their type, and each dimension with its value in an entry."""

    topic: str
    dimensions: Mapping[str, Callable[[dict[str, Any]], str | None]]


#: What is counted from the access ledger.
NOTED: Mapping[str, Noted] = {
    "refusals": Noted(
        CommandRefused.TOPIC,
        {
            "unit": lambda entry: str(entry["body"]["unit"]),
            "person": lambda entry: str(entry["actor"]["person_id"]),
            "rule_id": lambda entry: str(entry["body"]["rule"]),
            "command": lambda entry: str(entry["body"]["command"]),
            "month": _recorded_in,
        },
    ),
    "consultations": Noted(
        RecordsConsulted.TOPIC,
        {
            "unit": lambda entry: str(entry["body"]["unit"]),
            "person": lambda entry: str(entry["actor"]["person_id"]),
            "route": lambda entry: str(entry["body"]["route"]),
            "month": _recorded_in,
        },
    ),
}

#: Dimensions that are also filters.
_FILTERS = (
    "unit", "person", "rule_id", "rule", "type", "state", "stage", "result", "kind", "overdue",
    "provisional",
)  # fmt: skip


async def summary(request: web.Request) -> web.Response:
    """Counts of what the token may see, by up to three dimensions.

    | `of` | day | dimensions of `by` |
    |---|---|---|
    | `findings` | raised | `unit`, `rule_id`, `type`, `state`, `month` |
    | `visits` | opened | `unit`, `stage`, `result`, `month` |
    | `tasks` | planned | `unit`, `stage`, `result`, `month` |
    | `deadlines` | due | `unit`, `rule`, `state`, `overdue`, `provisional`, `month`, `day` |
    | `records` | determined | `unit`, `kind`, `severity`, `state`, `month` |
    | `refusals` | recorded | `unit`, `person`, `rule_id`, `command`, `month` |
    | `consultations` | recorded | `unit`, `person`, `route`, `month` |

    `since` and `until` are the first and last day; the other parameters select rows. Only what the
    token may see is counted: of the tasks those that it sees whole, of refusals and
    consultations those that it may read in the access ledger.
    """
    reader = await reader_of(request)
    of: Of | None = query_value(request, "of", Of, None)
    if of is None:
        raise Problem("malformed", message("summaries.of-must-be-one-of", allowed=get_args(Of)))
    by = str(query_value(request, "by", Dimensions, "unit")).split(",")
    follower = await caught_up(request, Units.name)
    if of in NOTED:
        ask = _entries(request, reader, of, by)
    else:
        follower = await caught_up(request, COUNTED[of].table.name)
        ask = _counts(request, reader, of, by)

    def answer() -> Summary:
        with follower.views.reading() as views:
            counts, cut = ask(views)
            names = names_of_units(views, [g.get("unit") for g, _ in counts])
        items = [Count(g, count, names.get(g.get("unit") or "")) for g, count in counts]
        return Summary(of, by, items, sum(count for _, count in counts), cut)

    return json_response(await asked(answer, COUNTS), headers=PRIVATE)


Groups = tuple[list[tuple[dict[str, str | None], int]], bool]


def _counts(
    request: web.Request, reader: Reader, of: Of, by: Sequence[str]
) -> Callable[[Connection], Groups]:
    counted = COUNTED[of]
    where = list(counted.seen(reader))
    dimensions = counted.dimensions(reader)
    _check(request, of, by, dimensions)
    where += [
        dimensions[name].in_(request.query.getall(name))
        for name in _FILTERS
        if name in request.query
    ]
    if (since := query_value(request, "since", date | None, None)) is not None:
        where.append(counted.day >= since.isoformat())
    if (until := query_value(request, "until", date | None, None)) is not None:
        where.append(counted.day <= until.isoformat())
    # As expressions: a column by itself would have SQLite follow its index, row by row, instead of
    # the covering one.
    columns = [sa.func.nullif(dimensions[name], "").label(f"by_{name}") for name in by]
    number = sa.func.count().label("number")
    query = (
        sa.select(*columns, number)
        .select_from(counted.table)
        .where(*where)
        .group_by(*columns)
        .order_by(number.desc(), *columns)
        .limit(MAX_GROUPS + 1)
    )

    def ask(views: Connection) -> Groups:
        rows = views.execute(query).all()
        groups = [(dict(zip(by, row[:-1], strict=True)), int(row[-1])) for row in rows]
        return groups[:MAX_GROUPS], len(rows) > MAX_GROUPS

    return ask


def _entries(
    request: web.Request, reader: Reader, of: Of, by: Sequence[str]
) -> Callable[[Connection], Groups]:
    noted = NOTED[of]
    entries = Entries(request, reader, noted.topic)
    _check(request, of, by, noted.dimensions)
    rules = request.query.getall("rule_id", [])
    wanted = Wanted(
        rule=rules[0] if len(rules) == 1 else None,
        since=query_value(request, "since", date | None, None),
        until=query_value(request, "until", date | None, None),
    )
    chosen = {name: request.query.getall(name) for name in _FILTERS if name in request.query}

    def ask(views: Connection) -> Groups:
        counts: Counter[tuple[str | None, ...]] = Counter()
        for number, (_, fields) in enumerate(entries.newest(wanted, MAX_POSITION)):
            if number == MAX_ENTRIES:
                return _sorted(counts, by)[:MAX_GROUPS], True
            values = {name: value(fields) for name, value in noted.dimensions.items()}
            if all(values[name] in given for name, given in chosen.items()):
                counts[tuple(values[name] for name in by)] += 1
        groups = _sorted(counts, by)
        return groups[:MAX_GROUPS], len(groups) > MAX_GROUPS

    return ask


def _sorted(counts: Counter[tuple[str | None, ...]], by: Sequence[str]) -> Any:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], [v or "" for v in item[0]]))
    return [(dict(zip(by, values, strict=True)), count) for values, count in ordered]


def _check(request: web.Request, of: Of, by: Sequence[str], dimensions: Mapping[str, Any]) -> None:
    """Refuse dimensions and filters that what is counted does not have, or names twice."""
    known = list(dimensions)
    for name in by:
        if name not in dimensions or by.count(name) > 1:
            raise Problem(
                "malformed",
                message("summaries.by-must-name-dimensions", of=of, known=known, name=name),
            )
    for name in _FILTERS:
        if name in request.query and name not in dimensions:
            raise Problem(
                "malformed",
                message("summaries.parameter-does-not-select", name=name, of=of, known=known),
            )


def _filter(name: str, type_: Any, description: str) -> Parameter:
    return Parameter(name, type_, description, repeatable=True)


RESOURCES = (
    Resource(
        "/v1/summary",
        summary,
        returns=Summary,
        query=(
            Parameter("of", Of, "what is counted", required=True),
            Parameter("by", Dimensions, "one to three dimensions, separated by commas"),
            Parameter("since", date, "the first day"),
            Parameter("until", date, "the last day"),
            _filter("unit", str, "only of this unit"),
            _filter("person", str, "only refusals or consultations of this person"),
            _filter("rule_id", RuleId, "only findings or refusals of this rule"),
            _filter("rule", str, "only deadlines of this rule"),
            _filter("type", str, "only findings of this type"),
            _filter("state", str, "only in this state"),
            _filter("stage", str, "only visits or tasks at this stage"),
            _filter("result", str, "only visits or tasks with this result"),
            _filter("kind", str, "only records of this kind"),
            _filter("overdue", Literal["true", "false"], "only deadlines that are overdue or not"),
            _filter(
                "provisional", Literal["true", "false"], "only deadlines without a calendar or not"
            ),
            AT_LEAST,
        ),
        headers=(AT_LEAST_HEADER,),
    ),
)
