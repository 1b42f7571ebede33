"""Credit records one by one (信用信息): where each stands, and which ones are shown too long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import msgspec
import sqlalchemy as sa

from ledger.credit.commands import TerminatePublicity
from ledger.credit.regimes import DISHONESTY, TRANSITION, transition_of
from ledger.kernel import Command, Fold, Recorded
from ledger.kernel.days import add_months
from ledger.kernel.policies import PolicyVersions
from ledger.vocabulary import RecordId
from projections.follower import Views
from projections.policies import POLICIES, Policies
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


#: Records handed to the clock at a time.
_MAX_PAST = 500


def past_transition(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """Records shown for longer than the regime of the transition allows (a watch of the clock).

    Their last day stands in no event: it moved when the law did.
    """
    with views.reading() as connection:
        policies = {
            row.key: PolicyVersions(
                row.key, [version for _, version in Policies().decode(row.state).versions]
            )
            for row in connection.execute(
                sa.select(POLICIES).where(POLICIES.c.key.in_((DISHONESTY, TRANSITION)))
            )
        }
        if len(policies) < 2:
            return
        transition = transition_of(policies[TRANSITION], date.min)
        if transition is None or today < transition.effective_from:
            return
        regime = policies[DISHONESTY].in_force(transition.effective_from)
        if regime is None:
            return
        # The day before the first record whose time is not over, for each class.
        over = [
            sa.and_(
                RECORDS.c.severity == severity,
                RECORDS.c.determined_on
                < add_months(today, -regime.value[severity]["max_months"]).isoformat(),
            )
            for severity in ("minor", "general", "serious")
        ]
        rows = connection.execute(
            sa.select(RECORDS.c.key, RECORDS.c.ended_on)
            .where(
                RECORDS.c.determined_on < transition.effective_from.isoformat(),
                RECORDS.c.max_until >= today.isoformat(),
                RECORDS.c.status.in_(("active", "suspended")),
                sa.or_(*over),
            )
            .order_by(RECORDS.c.key)
            .limit(_MAX_PAST)
        ).all()
    for row in rows:
        # What came back after a repair ends a second time.
        yield (
            TerminatePublicity(record=row.key, reason="max_reached"),
            f"transition:{row.key}:{row.ended_on or '-'}",
        )


def iso(day: date | None) -> str | None:
    """A date as it stands in a table."""
    return None if day is None else day.isoformat()
