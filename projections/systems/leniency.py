"""Leniency (两轻一免, 2.7): lists, their use, statistics, and the outcomes of similar cases."""

from __future__ import annotations

from collections import Counter
from statistics import median_low
from typing import Any

import msgspec
import sqlalchemy as sa

from ledger.general.vocabulary import UnitId
from ledger.kernel import Fold
from ledger.systems.leniency.events import LeniencyApplied
from ledger.systems.leniency.folds import CaseLeniency, LeniencyLists, LikeCases, Outcome
from ledger.systems.penalties.events import BenchmarkItem, BenchmarkPublished, PenaltyDecided
from projections.tables import Row
from projections.views import FoldView, subject_table

LISTS = subject_table("leniency_lists")


class LeniencyListsOfUnits(FoldView[LeniencyLists]):
    """A row for each unit that has published a list."""

    name = "leniency_lists"
    kind = "unit"
    fold = LeniencyLists
    table = LISTS
    tables = (LISTS,)


APPLICATIONS = subject_table("leniency_applications", "unit", "entity", "outcome")


class LeniencyApplications(FoldView[CaseLeniency]):
    """A row for each case with an act of leniency: applied, promised, or educated."""

    name = "leniency_applications"
    kind = "case"
    fold = CaseLeniency
    table = APPLICATIONS
    tables = (APPLICATIONS,)

    def row(self, fold: CaseLeniency, position: int) -> Row:
        events: list[Any] = [*filter(None, (fold.applied,)), *fold.educated, *fold.commitments]
        return {
            "unit": events[0].unit if events else None,
            "entity": events[0].entity if events else None,
            "outcome": None if fold.applied is None else fold.applied.outcome,
        }


class Use(msgspec.Struct, frozen=True):
    """The leniency applied in one case: the item of the list and the year."""

    year: int
    outcome: str
    item: str
    list_version: int


class LeniencyUse(Fold):
    """How often has this unit applied its list, and how many cases did it decide?"""

    unit: UnitId
    cases: dict[str, Use] = msgspec.field(default_factory=dict)
    decided: dict[str, int] = msgspec.field(default_factory=dict)

    def on_applied(self, event: LeniencyApplied) -> None:
        # The last application in a case counts.
        self.cases[event.case] = Use(
            event.applied_on.year, event.outcome, event.item, event.list_version
        )

    def on_decided(self, event: PenaltyDecided) -> None:
        self.decided[event.case] = event.decided_on.year


#: ``document`` is what readers see: counts only. The state contains the single cases.
STATISTICS = subject_table("leniency_statistics", sa.Column("document", sa.LargeBinary))


class LeniencyStatistics(FoldView[LeniencyUse]):
    """A row for each unit that decided a case or applied its list."""

    name = "leniency_statistics"
    kind = "unit"
    fold = LeniencyUse
    table = STATISTICS
    tables = (STATISTICS,)

    def row(self, fold: LeniencyUse, position: int) -> Row:
        return {"document": msgspec.json.encode(statistics(fold))}


class ItemUse(msgspec.Struct, frozen=True):
    """In how many cases an item of a version of the list was applied."""

    item: str
    list_version: int
    cases: int


class YearOfUse(msgspec.Struct, frozen=True):
    """The decisions of a year, the cases by outcome, and the items that were applied."""

    decided: int
    outcomes: dict[str, int]
    items: list[ItemUse]


class ShownLeniencyUse(msgspec.Struct, frozen=True):
    """The use of a unit's list, by year. It names no case."""

    unit: str
    years: dict[str, YearOfUse]


def statistics(use: LeniencyUse) -> ShownLeniencyUse:
    """Return the use of a list by year: decisions, outcomes, items. It names no case."""
    years: dict[str, YearOfUse] = {}
    decided = Counter(use.decided.values())
    applied: dict[int, list[Use]] = {}
    for use_of_case in use.cases.values():
        applied.setdefault(use_of_case.year, []).append(use_of_case)
    for year in sorted({*applied, *decided}):
        of_year = applied.get(year, [])
        outcomes = Counter(use_of_case.outcome for use_of_case in of_year)
        items = Counter((use_of_case.item, use_of_case.list_version) for use_of_case in of_year)
        years[str(year)] = YearOfUse(
            decided[year],
            dict(sorted(outcomes.items())),
            [ItemUse(item, version, n) for (item, version), n in sorted(items.items())],
        )
    return ShownLeniencyUse(use.unit, years)


class LikeCasesBesideBenchmark(LikeCases):
    """How did the cases of this type of violation end, and which benchmarks apply to it?"""

    benchmarks: dict[str, BenchmarkItem] = msgspec.field(default_factory=dict)
    versions: dict[str, int] = msgspec.field(default_factory=dict)

    def on_benchmark(self, event: BenchmarkPublished) -> None:
        for item in event.items:
            if item.violation_code == self.violation_code:
                self.benchmarks[event.unit] = item
                self.versions[event.unit] = event.version


LIKE_CASES = subject_table("like_cases", sa.Column("document", sa.LargeBinary))


class LikeCasesOfTypes(FoldView[LikeCasesBesideBenchmark]):
    """A row for each type of violation with a decision or a benchmark."""

    name = "like_cases"
    kind = "violation-code"
    fold = LikeCasesBesideBenchmark
    table = LIKE_CASES
    tables = (LIKE_CASES,)

    def row(self, fold: LikeCasesBesideBenchmark, position: int) -> Row:
        return {"document": msgspec.json.encode(comparison(fold))}


class LeniencyCount(msgspec.Struct, frozen=True):
    """In how many cases an item of a version of the list was applied, with which outcome."""

    outcome: str
    item: str
    list_version: int
    cases: int


class StepCount(msgspec.Struct, frozen=True):
    """The cases of one step, and their fines against the step's range.

    ``benchmark_fen``: the least and the largest fine; ``fines_fen``: the least, the median and the
    largest fine decided; ``outside``: how many fines lie outside the range.
    """

    cases: int
    benchmark_fen: list[int] | None
    fines_fen: list[int] | None
    outside: int | None


class LikeCasesOfUnit(msgspec.Struct, frozen=True):
    """The outcomes of a unit's cases, by step of its newest benchmark."""

    benchmark_version: int | None
    steps: dict[str, StepCount]
    leniency: list[LeniencyCount]


class ShownLikeCases(msgspec.Struct, frozen=True):
    """The outcomes of the cases of one type of violation, by unit. It names no case."""

    violation_code: str
    units: dict[str, LikeCasesOfUnit]


def comparison(like: LikeCasesBesideBenchmark) -> ShownLikeCases:
    """Compare the outcomes of cases, by unit and step, with the newest benchmark.

    It names no case. ``outside`` counts the fines outside the step's range. Undone decisions are
    left out; an altered decision counts with its present fine. Mitigated and exempt cases are
    counted under ``leniency``, by the item that was applied.
    """
    units = sorted({*like.benchmarks, *(o.unit for o in like.standing)})
    return ShownLikeCases(like.violation_code, {unit: _of_unit(like, unit) for unit in units})


def _of_unit(like: LikeCasesBesideBenchmark, unit: str) -> LikeCasesOfUnit:
    outcomes = [o for o in like.standing if o.unit == unit]
    item = like.benchmarks.get(unit)
    steps = {tier.tier: tier for tier in (item.tiers if item is not None else ())}
    ordinary = [o for o in outcomes if o.decision is not None and o.leniency is None]
    applied = Counter(
        (str(o.leniency), str(o.item), o.list_version or 0)
        for o in outcomes
        if o.leniency is not None
    )
    shown = LikeCasesOfUnit(
        like.versions.get(unit),
        {},
        [LeniencyCount(*counted, n) for counted, n in sorted(applied.items())],
    )
    for name in sorted({*steps, *(o.tier or "" for o in ordinary)}):
        step = steps.get(name)
        fines = _fines(o for o in ordinary if (o.tier or "") == name)
        shown.steps[name or "none"] = StepCount(
            sum((o.tier or "") == name for o in ordinary),
            None if step is None else [step.min_fen, step.max_fen],
            [fines[0], median_low(fines), fines[-1]] if fines else None,
            None
            if step is None
            else sum(not step.min_fen <= fine <= step.max_fen for fine in fines),
        )
    return shown


def _fines(outcomes: Any) -> list[int]:
    decided: list[Outcome] = list(outcomes)
    return sorted(o.fine_fen for o in decided if "fine" in o.types)
