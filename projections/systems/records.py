"""Credit records (信用信息): the state of each record and of its publicity."""

from __future__ import annotations

from datetime import date

import msgspec
import sqlalchemy as sa

from ledger.general.documents import normal_form
from ledger.general.vocabulary import RecordId
from ledger.kernel import Fold, Recorded
from ledger.systems.credit.events import CreditRecordEntered, PublicityTerminated
from projections.profiles import CreditEntry, CreditEvent
from projections.tables import Code, Row
from projections.views import FoldView
from projections.words import TextIndex, Texts, named, numbered


class RecordState(Fold, array_like=True):
    """What does this credit record contain, and is it shown?"""

    record: RecordId
    entity: str = ""
    entry: CreditEntry = msgspec.field(default_factory=CreditEntry)
    decision: str | None = None
    #: Whether it ever ended by repair or by its longest publicity, even if it was reinstated.
    was_over: bool = False

    def on_credit(self, event: CreditEvent, record: Recorded) -> None:
        self.entity = event.entity
        self.entry.take(record)
        if isinstance(event, CreditRecordEntered):
            self.decision = event.decision
        elif isinstance(event, PublicityTerminated):
            self.was_over = self.was_over or event.reason in ("repaired", "max_reached")


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
    #: Whole months from the determination to the last day of publicity.
    sa.Column("months", sa.Integer),
    sa.Column("ended_on", Code),
    sa.Column("decision", Code, index=True),
    #: The document number in normal form.
    sa.Column("doc_key", Code, index=True),
    sa.Column("was_over", sa.Boolean, nullable=False),
    sa.Column("amount_fen", sa.BigInteger),
    sa.Column("undone", sa.Boolean, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
)


class Records(FoldView[RecordState]):
    """A row for each credit record."""

    name = "records"
    version = 2
    kind = "record"
    fold = RecordState
    table = RECORDS
    search = TextIndex("records")
    tables = (RECORDS, *search.tables)

    def texts(self, fold: RecordState) -> Texts:
        entry = fold.entry
        return Texts((fold.record, *named(entry.title), *numbered(entry.doc_no)))

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
            "months": _months(entry.determined_on, entry.max_until),
            "ended_on": iso(entry.ended_on),
            "decision": fold.decision,
            "doc_key": normal_form(entry.doc_no),
            "was_over": fold.was_over,
            "amount_fen": entry.amount_fen,
            "undone": entry.status in ("revoked", "correction"),
        }


def _months(first: date | None, last: date | None) -> int | None:
    if first is None or last is None:
        return None
    return (last.year - first.year) * 12 + last.month - first.month


def iso(day: date | None) -> str | None:
    """Return a date as a table stores it."""
    return None if day is None else day.isoformat()
