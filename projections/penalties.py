"""Penalty cases, decisions and discretion benchmarks (行政处罚, 2.8) as they stand."""

from __future__ import annotations

from ledger.penalties.folds import Benchmarks, Case, Decision
from projections.records import iso
from projections.tables import Row
from projections.views import FoldView, subject_table

CASES = subject_table("cases", "unit", "entity", "stage", "procedure", "violation_code")


class Cases(FoldView[Case]):
    """A row for each case; one that is known from its decision alone has no unit."""

    name = "cases"
    version = 2
    kind = "case"
    fold = Case
    table = CASES
    tables = (CASES,)

    def row(self, fold: Case, position: int) -> Row:
        filed = fold.filed
        return {
            "unit": None if filed is None else filed.unit,
            "entity": None if filed is None else filed.entity,
            "stage": fold.stage,
            "procedure": None if filed is None else filed.procedure,
            "violation_code": None if filed is None else filed.conduct.violation_code,
        }


DECISIONS = subject_table(
    "decisions", "unit", "entity", "case", "decided_on", "published_on", "public_though_undone"
)


class Decisions(FoldView[Decision]):
    """A row for each penalty decision."""

    name = "decisions"
    kind = "decision"
    fold = Decision
    table = DECISIONS
    tables = (DECISIONS,)

    def row(self, fold: Decision, position: int) -> Row:
        decided, published = fold.decided, fold.published
        return {
            "unit": None if decided is None else decided.unit,
            "entity": None if decided is None else decided.entity,
            "case": None if decided is None else decided.case,
            "decided_on": None if decided is None else iso(decided.decided_on),
            "published_on": None if published is None else iso(published.published_on),
            "public_though_undone": iso(fold.public_though_undone),
        }


BENCHMARKS = subject_table("benchmarks")


class BenchmarksOfUnits(FoldView[Benchmarks]):
    """A row for each unit that has published a benchmark."""

    name = "benchmarks"
    kind = "unit"
    fold = Benchmarks
    table = BENCHMARKS
    tables = (BENCHMARKS,)
