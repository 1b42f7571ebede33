"""The seed: secrets shown by their time, and the values of all sources joined."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Annotated, Any

import msgspec

from ledger.general.roles import DRAWERS, roles
from ledger.general.vocabulary import DrawId, Name
from ledger.kernel import Act, Event, Malformed, OutOfStep, Reading, Value
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
    """揭示承诺值: show the secret whose SHA-256 was announced; by the time announced for it."""

    ROLES = roles("entity_rep", "jb_supervisor", "recon_officer", *DRAWERS)

    draw: DrawId
    source: Name
    value: SeedValue

    def decide(self, ledger: Reading) -> Iterator[Event]:
        draw = ledger.known(DrawState(self.draw), "Announce the draw first.")
        source = next((one for one in draw.sources if one.name == self.source), None)
        if source is None or source.commitment is None:
            raise Malformed(f"{self.draw} announced no commitment {self.source!r}", "/source")
        if draw.stage != "announced":
            raise OutOfStep(f"draw {self.draw} is {draw.stage}; its seed is fixed")
        if sha256(self.value.encode()).hexdigest() != source.commitment:
            raise Malformed(
                f"the SHA-256 of this value is not the commitment of {self.source}", "/value"
            )
        if self.source in draw.revealed:
            return
        ledger.require(
            ledger.now <= source.publication_at,
            rules.DRW_R1,
            draw=self.draw,
            reason=f"{source.name} had until {source.publication_at.isoformat()}; its announced "
            "fallback stands",
        )
        yield DrawCommitmentRevealed(
            draw=self.draw, unit=draw.unit, source=self.source, value=self.value
        )


class PublicValue(Value):
    """What a public source gave; ``None`` if nothing came."""

    source: Name
    value: SeedValue | None


class RevealSeed(Act):
    """公布随机种子: join the values of all sources, once all are out (DRW-R1).

    ``values`` are those of the public sources. Committed ones are taken from what the parties
    revealed themselves: nobody can withhold another's. For what did not come, the announced
    fallback stands.
    """

    ROLES = DRAWERS

    draw: DrawId
    values: Annotated[tuple[PublicValue, ...], msgspec.Meta(max_length=20)] = ()

    def decide(self, ledger: Reading) -> Iterator[Event]:
        draw = operated(ledger, self.draw)
        if draw.stage != "announced":
            raise OutOfStep(f"draw {self.draw} is {draw.stage}; its seed is revealed once")
        for source in draw.sources:
            ledger.require(
                source.publication_at <= min(ledger.at, ledger.now),
                rules.DRW_R1,
                draw=self.draw,
                reason=f"{source.name} is out at {source.publication_at.isoformat()} only",
            )
        public = {one.name for one in draw.sources if one.kind == "public"}
        given = {one.source: one.value for one in self.values}
        if len(given) < len(self.values) or not set(given) <= public:
            raise Malformed(
                f"give each of the public sources once: {', '.join(sorted(public))}", "/values"
            )
        values = tuple(self._value(source, {**given, **draw.revealed}) for source in draw.sources)
        yield DrawSeedRevealed(
            draw=self.draw,
            unit=draw.unit,
            plan=draw.plan,
            values=values,
            seed=uvdraw.seed_of([one.value for one in values]),
            not_revealed=tuple(one.source for one in values if not one.revealed),
        )

    def _value(self, source: SeedSource, given: dict[str, Any]) -> SourceValue:
        value = given.get(source.name)
        if value is not None:
            return SourceValue(source=source.name, value=value)
        if source.fallback is None:
            raise Malformed(
                f"{source.name} has no announced fallback; give its value, or void the draw "
                "(source_unpublished)",
                "/values",
            )
        return SourceValue(source=source.name, value=source.fallback, revealed=False)
