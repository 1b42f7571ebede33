"""Credit records one by one (信用信息): where each stands, and which ones are shown too long."""

from __future__ import annotations

from datetime import date

import msgspec
import sqlalchemy as sa

from ledger.kernel import Fold, Recorded
from ledger.vocabulary import RecordId
from projections.profiles import CreditEntry, CreditEvent
from projections.tables import Code, Row
from projections.views import FoldView


class RecordState(Fold, array_like=True):
    """What does this credit record say, and is it shown?"""

    record: RecordId
    entity: str = ""
    entry: CreditEntry = msgspec.field(default_factory=CreditEntry)

    def on_credit(self, event: CreditEvent, record: Recorded) -> None:
        self.entity = event.entity
        self.entry.take(record)


RECORDS = sa.Table(
    "records",
    sa.MetaData(),
    sa.Column("key", Code, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("entity", Code, nullable=False, index=True),
    sa.Column("unit", Code, nullable=False, index=True),
    sa.Column("kind", Code, nullable=False),
    sa.Column("severity", Code),
    sa.Column("public", sa.Boolean, nullable=False),
    sa.Column("status", Code, nullable=False, index=True),
    sa.Column("determined_on", Code),
    sa.Column("started_on", Code),
    sa.Column("min_until", Code),
    sa.Column("max_until", Code, index=True),
    sa.Column("ended_on", Code),
    sa.Column("state", sa.LargeBinary, nullable=False),
)


class Records(FoldView[RecordState]):
    """A row for each credit record."""

    name = "records"
    version = 1
    kind = "record"
    fold = RecordState
    table = RECORDS
    tables = (RECORDS,)

    def row(self, fold: RecordState, position: int) -> Row:
        entry = fold.entry
        return {
            "entity": fold.entity,
            "unit": entry.unit,
            "kind": entry.kind,
            "severity": entry.severity,
            "public": entry.public,
            "status": entry.status,
            "determined_on": iso(entry.determined_on),
            "started_on": iso(entry.started_on),
            "min_until": iso(entry.min_until),
            "max_until": iso(entry.max_until),
            "ended_on": iso(entry.ended_on),
        }


def iso(day: date | None) -> str | None:
    """A date as it stands in a table."""
    return None if day is None else day.isoformat()
