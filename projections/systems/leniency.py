"""Leniency (两轻一免, 2.7): lists, their use, statistics, and how like cases ended."""

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
    """A row for each case in which something was done for leniency."""

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
    """How one case was treated: by which item, in which year."""

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
        # The last one of a case counts.
        self.cases[event.case] = Use(
            event.applied_on.year, event.outcome, event.item, event.list_version
        )

    def on_decided(self, event: PenaltyDecided) -> None:
        self.decided[event.case] = event.decided_on.year


#: ``document`` is what is read of it: it holds counts, and the state every case.
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


def statistics(use: LeniencyUse) -> dict[str, Any]:
    """The use of a list by year: decisions, outcomes, items; it names no case."""
    years: dict[str, dict[str, Any]] = {}
    decided = Counter(use.decided.values())
    applied: dict[int, list[Use]] = {}
    for one in use.cases.values():
        applied.setdefault(one.year, []).append(one)
    for year in sorted({*applied, *decided}):
        of_year = applied.get(year, [])
        years[str(year)] = {
            "decided": decided[year],
            "outcomes": dict(sorted(Counter(one.outcome for one in of_year).items())),
            "items": [
                {"item": item, "list_version": version, "cases": n}
                for (item, version), n in sorted(
                    Counter((one.item, one.list_version) for one in of_year).items()
                )
            ],
        }
    return {"unit": use.unit, "years": years}


class LikeCasesBesideBenchmark(LikeCases):
    """How did the cases about this type of violation end, and what do the benchmarks say of it?"""

    benchmarks: dict[str, BenchmarkItem] = msgspec.field(default_factory=dict)
    versions: dict[str, int] = msgspec.field(default_factory=dict)

    def on_benchmark(self, event: BenchmarkPublished) -> None:
        for item in event.items:
            if item.violation_code == self.violation_code:
                self.benchmarks[event.unit] = item
                self.versions[event.unit] = event.version


LIKE_CASES = subject_table("like_cases", sa.Column("document", sa.LargeBinary))


class LikeCasesOfTypes(FoldView[LikeCasesBesideBenchmark]):
    """A row for each type of violation that was decided or is in a benchmark."""

    name = "like_cases"
    kind = "violation-code"
    fold = LikeCasesBesideBenchmark
    table = LIKE_CASES
    tables = (LIKE_CASES,)

    def row(self, fold: LikeCasesBesideBenchmark, position: int) -> Row:
        return {"document": msgspec.json.encode(comparison(fold))}


def comparison(like: LikeCasesBesideBenchmark) -> dict[str, Any]:
    """The spread of outcomes by unit and step, beside the newest benchmark; it names no case.

    ``outside`` counts the fines outside the step's range. Decisions that were undone are left out;
    an altered one is there with the fine that it has now. What was mitigated or exempt is counted
    with the items that were applied.
    """
    units = sorted({*like.benchmarks, *(o.unit for o in like.standing)})
    return {
        "violation_code": like.violation_code,
        "units": {unit: _of_unit(like, unit) for unit in units},
    }


def _of_unit(like: LikeCasesBesideBenchmark, unit: str) -> dict[str, Any]:
    outcomes = [o for o in like.standing if o.unit == unit]
    item = like.benchmarks.get(unit)
    steps = {tier.tier: tier for tier in (item.tiers if item is not None else ())}
    ordinary = [o for o in outcomes if o.decision is not None and o.leniency is None]
    shown: dict[str, Any] = {
        "benchmark_version": like.versions.get(unit),
        "steps": {},
        "leniency": [
            {"outcome": outcome, "item": applied, "list_version": version, "cases": n}
            for (outcome, applied, version), n in sorted(
                Counter(
                    (str(o.leniency), str(o.item), o.list_version or 0)
                    for o in outcomes
                    if o.leniency is not None
                ).items()
            )
        ],
    }
    for name in sorted({*steps, *(o.tier or "" for o in ordinary)}):
        step = steps.get(name)
        fines = _fines(o for o in ordinary if (o.tier or "") == name)
        shown["steps"][name or "none"] = {
            "cases": sum((o.tier or "") == name for o in ordinary),
            "benchmark_fen": None if step is None else [step.min_fen, step.max_fen],
            "fines_fen": [fines[0], median_low(fines), fines[-1]] if fines else None,
            "outside": (
                None
                if step is None
                else sum(not step.min_fen <= fine <= step.max_fen for fine in fines)
            ),
        }
    return shown


def _fines(outcomes: Any) -> list[int]:
    found: list[Outcome] = list(outcomes)
    return sorted(o.fine_fen for o in found if "fine" in o.types)
