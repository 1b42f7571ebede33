"""Observation periods and soft measures (包容审慎监管, 2.6), and the breaches nobody pursued."""

from __future__ import annotations

from ledger.systems.observation.folds import Issues, Observation, SoftMeasure
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
