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
                "general.effective-from-must-not-lie-before-today",
                pointer="/effective_from",
                on=inquiry.on,
                effective_from=effective_from,
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
        raise Malformed(
            "penalties.must-only-one-item", pointer=pointer, violation_code=item.violation_code
        )
    if item.statutory_max_fen < item.statutory_min_fen:
        raise Malformed(
            "penalties.statutory-max-fen-must-not-less-statutory-min-fen",
            pointer=pointer,
            statutory_min_fen=item.statutory_min_fen,
            statutory_max_fen=item.statutory_max_fen,
        )
    names = [tier.tier for tier in item.tiers]
    if len(set(names)) != len(names):
        raise Malformed("penalties.each-step-must-own-name", pointer=f"{pointer}/tiers")
    for tier in item.tiers:
        if not item.statutory_min_fen <= tier.min_fen <= tier.max_fen <= item.statutory_max_fen:
            raise Malformed(
                "penalties.step-must-lie-within-statutory-range",
                pointer=f"{pointer}/tiers",
                tier=tier.tier,
                statutory_min_fen=item.statutory_min_fen,
                statutory_max_fen=item.statutory_max_fen,
                min_fen=tier.min_fen,
                max_fen=tier.max_fen,
            )
