"""The seed of a draw: secrets revealed in time, joined with the values of public sources."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Annotated, Any

import msgspec

from ledger.general.roles import DRAWERS, roles
from ledger.general.vocabulary import DrawId, Name
from ledger.kernel import Act, Event, Inquiry, Malformed, OutOfStep, Value, message
from ledger.systems.draws import rules, uvdraw
from ledger.systems.draws.commands.common import operated
from ledger.systems.draws.events import (
    DrawCommitmentRevealed,
    DrawSeedRevealed,
    SeedSource,
    SeedValue,
    SourceValue,
)
from ledger.systems.draws.folds import DrawState


class RevealCommitment(Act):
    """揭示承诺值: reveal, by the announced time, the secret whose SHA-256 was announced."""

    ROLES = roles("entity_rep", "jb_supervisor", "recon_officer", *DRAWERS)

    draw: DrawId
    source: Name
    value: SeedValue

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        draw = inquiry.known(DrawState(self.draw), "draws.announce-draw-first")
        source = next((known for known in draw.sources if known.name == self.source), None)
        if source is None or source.commitment is None:
            raise Malformed(
                "draws.source-must-be-announced-commitment",
                pointer="/source",
                draw=self.draw,
                source=self.source,
            )
        if draw.stage != "announced":
            raise OutOfStep(
                "draws.secret-must-be-revealed-before-seed-draw", draw=self.draw, stage=draw.stage
            )
        if sha256(self.value.encode()).hexdigest() != source.commitment:
            raise Malformed(
                "draws.sha-256-value-must-be-commitment", pointer="/value", source=self.source
            )
        if self.source in draw.revealed:
            return
        inquiry.require(
            inquiry.now <= source.publication_at,
            rules.DRW_R1,
            draw=self.draw,
            reason=message(
                "draws.revealed-announced-fallback-used",
                name=source.name,
                publication_at=source.publication_at.isoformat(),
            ),
        )
        yield DrawCommitmentRevealed(
            draw=self.draw, unit=draw.unit, source=self.source, value=self.value
        )


class PublicValue(Value):
    """The value of a public source; ``None`` if the source published none."""

    source: Name
    value: SeedValue | None


class RevealSeed(Act):
    """公布随机种子: make the seed from the values of all sources, once all are published (DRW-R1).

    ``values`` are those of the public sources. The secrets are those that the parties revealed
    themselves, so nobody can withhold the secret of another. If a value is missing, the announced
    fallback is used.
    """

    ROLES = DRAWERS

    draw: DrawId
    values: Annotated[tuple[PublicValue, ...], msgspec.Meta(max_length=20)] = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        draw = operated(inquiry, self.draw)
        if draw.stage != "announced":
            raise OutOfStep(
                "draws.seed-draw-revealed-once-after-announcement", draw=self.draw, stage=draw.stage
            )
        for source in draw.sources:
            inquiry.require(
                source.publication_at <= min(inquiry.at, inquiry.now),
                rules.DRW_R1,
                draw=self.draw,
                reason=message(
                    "draws.published-only",
                    name=source.name,
                    publication_at=source.publication_at.isoformat(),
                ),
            )
        public = {source.name for source in draw.sources if source.kind == "public"}
        given = {value.source: value.value for value in self.values}
        if len(given) < len(self.values) or not set(given) <= public:
            raise Malformed(
                "draws.values-must-name-public-sources-each",
                pointer="/values",
                public=sorted(public),
            )
        values = tuple(self._value(source, {**given, **draw.revealed}) for source in draw.sources)
        yield DrawSeedRevealed(
            draw=self.draw,
            unit=draw.unit,
            plan=draw.plan,
            values=values,
            seed=uvdraw.seed_of([value.value for value in values]),
            not_revealed=tuple(value.source for value in values if not value.revealed),
        )

    def _value(self, source: SeedSource, given: dict[str, Any]) -> SourceValue:
        value = given.get(source.name)
        if value is not None:
            return SourceValue(source=source.name, value=value)
        if source.fallback is None:
            raise Malformed(
                "draws.value-must-be-given-because-no-announced",
                pointer="/values",
                name=source.name,
            )
        return SourceValue(source=source.name, value=source.fallback, revealed=False)
