"""What the clock finds in penalty decisions, credit records, sanctions, publicity and grades."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import sqlalchemy as sa

from ledger.kernel import Command
from ledger.kernel.policies import PolicyVersions
from ledger.systems.credit.commands import FollowDecision, ReviewBounds
from ledger.systems.credit.regimes import DISHONESTY, TRANSITION, transition_of
from ledger.systems.dishonesty.commands import ReviewSanction
from ledger.systems.grading.commands import RecomputeGrade
from ledger.systems.publicity.commands import CallForAnnualStats, ReviewRedactions, ReviewWithdrawal
from projections.follower import Views
from projections.systems.dishonesty import SANCTIONS
from projections.systems.grading import LOCAL_GRADES, LocalGrades
from projections.systems.penalties import DECISIONS
from projections.systems.policies import POLICIES, Policies, value_in_force
from projections.systems.publicity import ACTS, ANNUAL_STATS, PUBLICITY, PublicityRecords
from projections.systems.records import RECORDS


def records_to_follow(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """Yield a command for each record that differs from its decision since that was altered.

    The alteration was recorded by an earlier version of the program, which left them as they were.
    """
    query = (
        sa.select(RECORDS.c.key, DECISIONS.c.position)
        .join(DECISIONS, DECISIONS.c.key == RECORDS.c.decision)
        .where(
            DECISIONS.c.altered_severity.is_not(None),
            RECORDS.c.undone.is_(False),
            sa.or_(
                RECORDS.c.severity != DECISIONS.c.altered_severity,
                sa.func.coalesce(RECORDS.c.amount_fen, 0) != DECISIONS.c.altered_fine_fen,
            ),
        )
        .order_by(RECORDS.c.key)
    )
    with views.reading() as connection:
        rows = connection.execute(query).all()
    for row in rows:
        yield FollowDecision(record=row.key), f"altered:{row.key}:{row.position}"


#: The most records given to the clock at a time.
_MAX_PAST = 500


def past_transition(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """Yield a review of each record whose publicity ends later than the transition allows.

    They were published before the transition was adopted.
    """
    with views.reading() as connection:
        policies = {
            row.key: PolicyVersions(
                row.key,
                versions=[version for _, version in Policies().decode(row.state).versions],
            )
            for row in connection.execute(
                sa.select(POLICIES).where(POLICIES.c.key.in_((DISHONESTY, TRANSITION)))
            )
        }
        if len(policies) < 2:
            return
        transition = transition_of(policies[TRANSITION], date.min)
        if transition is None:
            return
        regime = policies[DISHONESTY].in_force(transition.effective_from)
        if regime is None:
            return
        first = transition.effective_from.isoformat()
        over = [
            sa.and_(RECORDS.c.severity == severity, RECORDS.c.months > period["max_months"])
            for severity, period in regime.value.items()
            if isinstance(period, dict) and "max_months" in period
        ]
        rows = connection.execute(
            sa.select(RECORDS.c.key, RECORDS.c.max_until)
            .where(
                RECORDS.c.determined_on < first,
                RECORDS.c.max_until >= first,
                RECORDS.c.status.in_(("active", "suspended")),
                sa.or_(sa.false(), *over),
            )
            .order_by(RECORDS.c.key)
            .limit(_MAX_PAST)
        ).all()
    for row in rows:
        yield ReviewBounds(record=row.key), f"bounds:{row.key}:{row.max_until}"


#: The most sanctions given to the clock at a time.
_MOST = 1_000


def outlived_sanctions(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """Yield a review of each sanction that is in force although its record has ended (DIS-V1)."""
    over = sa.or_(
        RECORDS.c.status.not_in(("active", "suspended", "unpublished")),
        RECORDS.c.max_until < today.isoformat(),
    )
    with views.reading() as connection:
        found = connection.execute(
            sa.select(SANCTIONS.c.key)
            .join(RECORDS, RECORDS.c.key == SANCTIONS.c.record)
            .where(SANCTIONS.c.alive, over)
            .order_by(SANCTIONS.c.key)
            .limit(_MOST)
        ).scalars()
        outlived = list(found)
    for sanction in outlived:
        yield ReviewSanction(sanction=sanction), f"sanction-outlived:{sanction}"


_RECORDS = PublicityRecords()


def annual_stats_to_call_for(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """Yield a call for last year's figures to each unit that was not called yet."""
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
    """Yield a review of each unit that redacts too large a share of what it publishes (PUB-V3)."""
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
    """Yield a review of each undone act that is still public; the ledger counts the days."""
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


#: Businesses read at a time; this bounds memory.
_PAGE = 1_000


def grades_due(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """Yield a command for each business whose local grade must be recomputed this month."""
    view = LocalGrades()
    after: str | None = ""
    while after is not None:
        with views.reading() as connection:
            rows = connection.execute(
                sa.select(LOCAL_GRADES)
                .where(LOCAL_GRADES.c.review_on <= today.isoformat(), LOCAL_GRADES.c.key > after)
                .order_by(LOCAL_GRADES.c.key)
                .limit(_PAGE)
            ).all()
        after = rows[-1].key if len(rows) == _PAGE else None
        for row in rows:
            # The clock may come late, and find that the grade has changed back.
            if view.decode(row.state).due(today):
                yield RecomputeGrade(entity=row.key), f"grade:{row.key}:{row.review_on}"
