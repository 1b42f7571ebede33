"""What each event counted for a unit's monthly figures, to be added up by unit, metric and day.

A report and a score are figures of one month or year up to one position. Read from the events, each
costs the unit's whole past; here it costs the rows of the time it is about. A level (what stands
open at the end of a month) still adds up all rows of its one metric.

A correction changes what an event counted from the correction's position on: the row it had stays,
with the position until which it counted, so that every cutoff has the answer that it had.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date

import sqlalchemy as sa

from ledger.kernel import RecordCorrected, Recorded
from ledger.kernel.corrections import as_changed, changes_of
from ledger.kernel.folds import Selector
from ledger.systems.progress.folds import COUNTING, METRICS, Figures, counted
from projections.source import Entry, Source
from projections.tables import Code, Connection, Store, in_groups
from projections.views import View

TALLIES = sa.Table(
    "tallies",
    sa.MetaData(),
    sa.Column("unit", Code, primary_key=True),
    sa.Column("name", Code, primary_key=True),
    sa.Column("day", Code, primary_key=True),
    #: The event that counted, and from which position on it counted so, until which.
    sa.Column("record", sa.BigInteger, primary_key=True, autoincrement=False, index=True),
    sa.Column("since", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("until", sa.BigInteger),
    sa.Column("n", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)


class Tallies(View):
    """A row for each metric and unit that an event counted for."""

    name = "tallies"
    version = 1
    tables = (TALLIES,)

    def __init__(self) -> None:
        events = {event.TOPIC for metric in METRICS.values() for event in metric.events}
        self.topics = frozenset({*events, RecordCorrected.TOPIC})

    def shape(self) -> list[str]:
        metrics = (f"{m.name} {m.whose}" for m in METRICS.values())
        return [*super().shape(), f"counting {COUNTING}", *metrics]

    def take(self, entries: Sequence[Entry], store: Store, source: Source, last: int) -> None:
        rows: list[tuple[object, ...]] = []
        for entry in entries:
            record = entry.record
            if not isinstance(record, Recorded):
                raise record
            if isinstance(record.event, RecordCorrected):
                store.add(TALLIES, rows)
                rows = _corrected(record.position, record.event, store, source)
            else:
                rows += _rows(record, record.position)
        store.add(TALLIES, rows)

    def flush(self, store: Store, source: Source, last: int) -> Collection[str]:
        return ()


def _rows(record: Recorded, since: int) -> list[tuple[object, ...]]:
    day = record.occurred_on.isoformat()
    return [(unit, name, day, record.position, since, None, n) for unit, name, n in counted(record)]


def _corrected(
    position: int, event: RecordCorrected, store: Store, source: Source
) -> list[tuple[object, ...]]:
    """End the rows of the corrected event, and return those that it has from here on."""
    target = source.at(event.target_position)
    if target is None or not any(isinstance(target.event, m.events) for m in METRICS.values()):
        return []
    store.connection.execute(
        sa.update(TALLIES)
        .where(TALLIES.c.record == target.position, TALLIES.c.until.is_(None))
        .values(until=position)
    )
    corrections = source.records([Selector((RecordCorrected.TOPIC,), event.subjects)], position)
    return _rows(as_changed(target, changes_of(corrections)), position)


def figures_of(
    connection: Connection, unit: str, names: Iterable[str], days: tuple[date, date], cutoff: int
) -> Figures:
    """The figures of a unit from one day to another, both in, from the events up to a position.

    A level has all that came before on the last day.
    """
    first, last = days
    wanted = sorted(set(names))
    levels = [name for name in wanted if METRICS[name].level]
    flows = [name for name in wanted if not METRICS[name].level]
    table = TALLIES.c
    counts = [
        table.unit == unit,
        table.day <= last.isoformat(),
        table.since <= cutoff,
        sa.or_(table.until.is_(None), table.until > cutoff),
    ]
    found: dict[str, dict[date, int]] = {}
    for some in in_groups(flows):
        query = (
            sa.select(table.name, table.day, sa.func.sum(table.n).label("total"))
            .where(*counts, table.name.in_(some), table.day >= first.isoformat())
            .group_by(table.name, table.day)
        )
        for name, day, total in connection.execute(query):
            found.setdefault(name, {})[date.fromisoformat(day)] = int(total)
    for name in levels:
        whole = sa.select(sa.func.sum(table.n)).where(*counts, table.name == name)
        if (total := connection.execute(whole).scalar_one()) is not None:
            found[name] = {last: int(total)}
    return Figures(found)
