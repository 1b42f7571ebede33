"""The discretion benchmark (裁量基准) of a unit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated

import msgspec

from ledger.general.roles import roles
from ledger.general.vocabulary import Name, UnitId
from ledger.kernel import Act, Event, Malformed, Reading
from ledger.systems.penalties.events import BenchmarkItem, BenchmarkPublished
from ledger.systems.penalties.folds import Benchmarks


class PublishBenchmark(Act):
    """公布裁量基准: publish the next version of a unit's benchmark, complete."""

    ROLES = roles("unit_head")
    ACTS_FOR = "unit"

    unit: UnitId
    title: Name
    items: Annotated[tuple[BenchmarkItem, ...], msgspec.Meta(min_length=1, max_length=500)]
    effective_from: date | None = None
    url: Name | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        effective_from = self.effective_from or ledger.on
        if effective_from < ledger.on:
            raise Malformed(
                "a benchmark holds from its publication at the earliest", "/effective_from"
            )
        codes = [item.violation_code for item in self.items]
        for place, item in enumerate(self.items):
            _check(item, f"/items/{place}", twice=codes.count(item.violation_code) > 1)
        yield BenchmarkPublished(
            unit=self.unit,
            version=ledger.read(Benchmarks(self.unit)).latest + 1,
            title=self.title,
            effective_from=effective_from,
            items=self.items,
            url=self.url,
        )


def _check(item: BenchmarkItem, pointer: str, *, twice: bool) -> None:
    if twice:
        raise Malformed(f"{item.violation_code} stands in two items", pointer)
    if item.statutory_max_fen < item.statutory_min_fen:
        raise Malformed("the statutory range ends below its beginning", pointer)
    names = [tier.tier for tier in item.tiers]
    if len(set(names)) != len(names):
        raise Malformed("two steps have one name", f"{pointer}/tiers")
    for tier in item.tiers:
        if not item.statutory_min_fen <= tier.min_fen <= tier.max_fen <= item.statutory_max_fen:
            raise Malformed(
                f"step {tier.tier} lies outside the statutory range", f"{pointer}/tiers"
            )
