"""The command that publishes the discretion benchmark (裁量基准) of a unit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated

import msgspec

from ledger.general.roles import roles
from ledger.general.vocabulary import Name, UnitId
from ledger.kernel import Act, Event, Inquiry, Malformed
from ledger.systems.penalties.events import BenchmarkItem, BenchmarkPublished
from ledger.systems.penalties.folds import Benchmarks


class PublishBenchmark(Act):
    """公布裁量基准: publish the next complete version of a unit's benchmark."""

    ROLES = roles("unit_head")

    unit: UnitId
    title: Name
    items: Annotated[tuple[BenchmarkItem, ...], msgspec.Meta(min_length=1, max_length=500)]
    effective_from: date | None = None
    url: Name | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        effective_from = self.effective_from or inquiry.on
        if effective_from < inquiry.on:
            raise Malformed(
                f"effective_from must not lie before today ({inquiry.on}), the day of publication; "
                f"it is {effective_from}",
                "/effective_from",
            )
        codes = [item.violation_code for item in self.items]
        for place, item in enumerate(self.items):
            _check(item, f"/items/{place}", twice=codes.count(item.violation_code) > 1)
        yield BenchmarkPublished(
            unit=self.unit,
            version=inquiry.read(Benchmarks(self.unit)).latest + 1,
            title=self.title,
            effective_from=effective_from,
            items=self.items,
            url=self.url,
        )


def _check(item: BenchmarkItem, pointer: str, *, twice: bool) -> None:
    if twice:
        raise Malformed(f"{item.violation_code} must have only one item; it has several", pointer)
    if item.statutory_max_fen < item.statutory_min_fen:
        raise Malformed(
            "statutory_max_fen must not be less than statutory_min_fen "
            f"({item.statutory_min_fen}); it is {item.statutory_max_fen}",
            pointer,
        )
    names = [tier.tier for tier in item.tiers]
    if len(set(names)) != len(names):
        raise Malformed("each step must have its own name", f"{pointer}/tiers")
    for tier in item.tiers:
        if not item.statutory_min_fen <= tier.min_fen <= tier.max_fen <= item.statutory_max_fen:
            raise Malformed(
                f"step {tier.tier} must lie within the statutory range, {item.statutory_min_fen} "
                f"to {item.statutory_max_fen} fen; it is {tier.min_fen} to {tier.max_fen}",
                f"{pointer}/tiers",
            )
