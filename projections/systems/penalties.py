"""Penalty cases, decisions and discretion benchmarks (行政处罚, 2.8)."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from ledger.general.documents import normal_form
from ledger.systems.penalties.folds import Benchmarks, Case, Decision
from projections.systems.records import RECORDS, iso
from projections.tables import Row
from projections.views import FoldView, subject_table
from projections.words import TextIndex, Texts, numbered

CASES = subject_table("cases", "unit", "entity", "stage", "procedure", "violation_code", "filed_on")


class Cases(FoldView[Case]):
    """A row for each case; a case known only from its decision has no unit."""

    name = "cases"
    version = 3
    kind = "case"
    fold = Case
    table = CASES
    search = TextIndex("cases")
    tables = (CASES, *search.tables)

    def texts(self, fold: Case) -> Texts:
        filed = fold.filing
        return Texts((fold.case,) if filed is None else (fold.case, filed.cause))

    def row(self, fold: Case, position: int) -> Row:
        filed = fold.filing
        return {
            "unit": None if filed is None else filed.unit,
            "entity": None if filed is None else filed.entity,
            "stage": fold.stage,
            "procedure": None if filed is None else filed.procedure,
            "violation_code": None if filed is None else filed.conduct.violation_code,
            "filed_on": None if filed is None else iso(filed.filed_on),
        }


DECISIONS = subject_table(
    "decisions",
    "unit",
    "entity",
    "case",
    #: The document number in normal form.
    "doc_key",
    "decided_on",
    "published_on",
    "public_though_undone",
    #: For an altered decision, the severity that it now gives to a credit record.
    "altered_severity",
    sa.Column("altered_fine_fen", sa.BigInteger),
)


class Decisions(FoldView[Decision]):
    """A row for each penalty decision."""

    name = "decisions"
    version = 3
    kind = "decision"
    fold = Decision
    table = DECISIONS
    search = TextIndex("decisions")
    tables = (DECISIONS, *search.tables)

    def texts(self, fold: Decision) -> Texts:
        """Return the published text for everyone, and the decision itself for those concerned."""
        decided, published = fold.decision_made, fold.published
        shown, kept = [fold.decision], []
        if published is not None and fold.withdrawn is None:
            shown.append(published.summary)
        elif published is not None:
            kept.append(published.summary)
        if decided is not None:
            kept += [*numbered(decided.doc_no), decided.facts]
        return Texts(shown, kept)

    def row(self, fold: Decision, position: int) -> Row:
        decided, published = fold.decision_made, fold.published
        altered = fold.content if fold.altered_by and fold.undone is None else None
        return {
            "unit": None if decided is None else decided.unit,
            "entity": None if decided is None else decided.entity,
            "case": None if decided is None else decided.case,
            "doc_key": None if decided is None else normal_form(decided.doc_no),
            "decided_on": None if decided is None else iso(decided.decided_on),
            "published_on": None if published is None else iso(published.published_on),
            "public_though_undone": iso(fold.public_though_undone),
            "altered_severity": None if altered is None else altered.severity,
            "altered_fine_fen": None if altered is None else altered.fine_fen,
        }


def still_public(today: date) -> sa.ColumnElement[bool]:
    """Return the condition that the public may read a decision.

    It ends for good when the credit record of the decision ends by repair or by its longest
    publicity (停止公示, ``publicity.decision_follows_record``). The longest publicity is over after
    its last day, even if the clock has not recorded the end yet.
    """
    outlived = sa.and_(RECORDS.c.max_until < today.isoformat(), sa.not_(RECORDS.c.undone))
    ended = sa.exists().where(
        sa.or_(RECORDS.c.was_over, outlived),
        sa.or_(
            RECORDS.c.decision == DECISIONS.c.key,
            sa.and_(
                RECORDS.c.entity == DECISIONS.c.entity,
                RECORDS.c.doc_key == DECISIONS.c.doc_key,
            ),
        ),
    )
    return sa.and_(DECISIONS.c.published_on.is_not(None), sa.not_(ended))


BENCHMARKS = subject_table("benchmarks")


class BenchmarksOfUnits(FoldView[Benchmarks]):
    """A row for each unit that has published a benchmark."""

    name = "benchmarks"
    kind = "unit"
    fold = Benchmarks
    table = BENCHMARKS
    tables = (BENCHMARKS,)
