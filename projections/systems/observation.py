"""Observation periods and soft measures (包容审慎监管, 2.6), and the breaches nobody pursued."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import sqlalchemy as sa

from ledger.kernel import Command
from ledger.systems.observation.commands import ReviewBreach
from ledger.systems.observation.folds import Issues, Observation, SoftMeasure
from projections.follower import Views
from projections.systems.policies import value_in_force
from projections.views import FoldView, subject_table

OBSERVATIONS = subject_table(
    "observations", "unit", "entity", "domain", "four_new_kind", "stage", "ends_on"
)
SOFT_MEASURES = subject_table(
    "soft_measures", "unit", "entity", "issue", "measure", "stage", "response_due"
)
ISSUES = subject_table("issues", "unanswered_since")


class Observations(FoldView[Observation]):
    """A row for each observation period."""

    name = "observations"
    kind = "observation"
    fold = Observation
    table = OBSERVATIONS
    tables = (OBSERVATIONS,)


class SoftMeasures(FoldView[SoftMeasure]):
    """A row for each soft measure."""

    name = "soft_measures"
    kind = "soft-measure"
    fold = SoftMeasure
    table = SOFT_MEASURES
    tables = (SOFT_MEASURES,)


class BusinessIssues(FoldView[Issues]):
    """A row for each business about whose violations something was done."""

    name = "issues"
    kind = "entity"
    fold = Issues
    table = ISSUES
    tables = (ISSUES,)


_ISSUES = BusinessIssues()


def breaches_unpursued(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """The breaches of a bottom line after which no case came; the ledger counts the days."""
    with views.reading() as connection:
        days = value_in_force(connection, "observation.breach_wd", today)
        if days is None:
            return
        before = today - timedelta(days=int(days))
        states = connection.execute(
            sa.select(ISSUES.c.state)
            .where(ISSUES.c.unanswered_since < before.isoformat())
            .order_by(ISSUES.c.key)
        ).scalars()
        for state in states.all():
            issues = _ISSUES.decode(state)
            for breach in issues.to_review:
                if breach.reported_on < before:
                    yield (
                        ReviewBreach(entity=issues.entity, observation=breach.observation),
                        f"breach:{breach.observation}:{breach.position}",
                    )
