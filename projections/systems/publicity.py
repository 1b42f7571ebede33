"""Publicity (行政执法公示, 2.8): what units have put before the public, and what they should."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import sqlalchemy as sa

from ledger.kernel import Command
from ledger.systems.publicity.commands import CallForAnnualStats, ReviewRedactions, ReviewWithdrawal
from ledger.systems.publicity.folds import AnnualStats, DecidedAct, ExAnte, PublicityRecord
from projections.follower import Views
from projections.systems.penalties import DECISIONS
from projections.systems.policies import value_in_force
from projections.tables import Row
from projections.views import FoldView, subject_table

EX_ANTE = subject_table("ex_ante", sa.Column("items", sa.Integer, nullable=False))
ACTS = subject_table(
    "acts",
    "unit",
    "entity",
    "kind",
    "stage",
    "nullified_on",
    sa.Column("public", sa.Boolean, nullable=False, index=True),
)
ANNUAL_STATS = subject_table(
    "annual_stats",
    "unit",
    sa.Column("year", sa.Integer, index=True),
    sa.Column("public", sa.Boolean, nullable=False, index=True),
)
PUBLICITY = subject_table(
    "publicity", "known_since", sa.Column("called_for", sa.Integer, nullable=False)
)


class ExAntePublicity(FoldView[ExAnte]):
    """A row for each unit, with what it published beforehand."""

    name = "ex_ante"
    kind = "unit"
    fold = ExAnte
    table = EX_ANTE
    tables = (EX_ANTE,)

    def row(self, fold: ExAnte, position: int) -> Row:
        return {"items": len(fold.items)}


class Acts(FoldView[DecidedAct]):
    """A row for each decision that is no penalty."""

    name = "acts"
    kind = "decision"
    fold = DecidedAct
    table = ACTS
    tables = (ACTS,)


class AnnualStatistics(FoldView[AnnualStats]):
    """A row for each unit and year."""

    name = "annual_stats"
    kind = "annual-stats"
    fold = AnnualStats
    table = ANNUAL_STATS
    tables = (ANNUAL_STATS,)


class PublicityRecords(FoldView[PublicityRecord]):
    """A row for each unit: how it keeps its duties."""

    name = "publicity"
    kind = "unit"
    fold = PublicityRecord
    table = PUBLICITY
    tables = (PUBLICITY,)


_RECORDS = PublicityRecords()


def annual_stats_to_call_for(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """The units whose figures of last year have not been called for yet."""
    year = today.year - 1
    with views.reading() as connection:
        units = connection.execute(
            sa.select(PUBLICITY.c.key)
            .outerjoin(ANNUAL_STATS, ANNUAL_STATS.c.key == PUBLICITY.c.key + f":{year}")
            .where(
                # Whom the ledger came to know only since cannot have missed anything here.
                PUBLICITY.c.known_since < date(today.year, 1, 1).isoformat(),
                PUBLICITY.c.called_for < year,
                ANNUAL_STATS.c.key.is_(None),
            )
            .order_by(PUBLICITY.c.key)
        ).scalars()
        for unit in units:
            yield CallForAnnualStats(unit=unit, year=year), f"annual-stats:{unit}:{year}"


def redaction_patterns(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """The units that have begun to redact too large a share of what they publish (PUB-V3)."""
    with views.reading() as connection:
        states = connection.execute(sa.select(PUBLICITY.c.state).order_by(PUBLICITY.c.key))
        for state in states.scalars().all():
            record = _RECORDS.decode(state)
            counted = record.years.get(today.year)
            if counted is None or today.year in record.redacting:
                continue
            share = value_in_force(connection, "redaction_share", today, unit=record.unit)
            if share is not None and counted.is_pattern(share):
                yield (
                    ReviewRedactions(unit=record.unit, year=today.year),
                    f"redactions:{record.unit}:{today.year}",
                )


def withdrawals_overdue(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """What was undone and is still public; the ledger counts the working days."""
    with views.reading() as connection:
        days = value_in_force(connection, "publicity.withdraw_wd", today)
        if days is None:
            return
        before = (today - timedelta(days=int(days))).isoformat()
        rows = connection.execute(
            sa.union_all(
                sa.select(ACTS.c.key, ACTS.c.unit).where(
                    ACTS.c.stage == "published", ACTS.c.nullified_on < before
                ),
                sa.select(DECISIONS.c.key, DECISIONS.c.unit).where(
                    DECISIONS.c.public_though_undone < before
                ),
            ).order_by("key")
        ).all()
        units = {row.unit for row in rows}
        found = {
            decision
            for state in connection.execute(
                sa.select(PUBLICITY.c.state).where(PUBLICITY.c.key.in_(sorted(units)))
            ).scalars()
            for decision in _RECORDS.decode(state).unwithdrawn
        }
        for row in rows:
            if row.key not in found:
                yield ReviewWithdrawal(decision=row.key), f"withdrawal:{row.key}"
