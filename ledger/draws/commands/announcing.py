"""The announcement: everything that decides a draw but the seed, said before any part of it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from typing import Annotated, Any

import msgspec

from ledger.draws import rules, uvdraw
from ledger.draws.commands.rosters import require_within_cap
from ledger.draws.events import (
    By,
    DrawAnnounced,
    DrawOperated,
    EntityRosterFrozen,
    SeedSource,
    StratumKey,
    StratumRatio,
)
from ledger.draws.folds import DrawMatters, DrawState, EntityRoster, OfficerRoster, PlanDraws
from ledger.filing.folds import AnnualPlan
from ledger.kernel import Command, Event, Fact, Malformed, Reading
from ledger.supervision import rules as supervision
from ledger.vocabulary import DrawId, MatterId, PlanId, RosterId, Sha256, Text, UnitId

#: From low risk to high, by what the strata are.
_ORDER: dict[By, tuple[StratumKey, ...]] = {
    "grade": ("A", "B", "C", "D"),
    "risk": ("low", "mid", "high"),
}

#: A draw's id is the longest part of its targets' ids, and these have to stay ids.
_LONGEST_ID = 90


class AnnounceDraw(Command):
    """抽查公告: say everything that decides a draw before any part of the seed exists.

    Without ``strata`` the ratios are those of the policy ``draw.ratio``; without ``inspect_by`` the
    visits end with the plan's year. ``roster_hash``: the hash that the sender has seen.
    """

    draw: DrawId
    unit: UnitId
    plan: PlanId
    matters: Annotated[tuple[MatterId, ...], msgspec.Meta(min_length=1, max_length=50)]
    roster: RosterId
    officer_roster: RosterId
    sources: Annotated[tuple[SeedSource, ...], msgspec.Meta(min_length=1, max_length=20)]
    by: By = "grade"
    strata: tuple[StratumRatio, ...] = ()
    reserves: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0
    inspect_by: date | None = None
    replaces: DrawId | None = None
    roster_hash: Sha256 | None = None
    withhold_reason: Text | None = None

    def decide(self, ledger: Reading) -> Iterator[Event | Fact]:
        ledger.must_be_now()
        ledger.act_for(self.unit)
        ledger.new(DrawState(self.draw))
        if len(self.draw) > _LONGEST_ID:
            raise Malformed(f"a draw's id has at most {_LONGEST_ID} characters", "/draw")
        plan = self._plan(ledger)
        roster = ledger.known(EntityRoster(self.roster), "Freeze it first.").frozen
        officers = ledger.known(OfficerRoster(self.officer_roster), "Freeze it first.").frozen
        assert roster is not None
        assert officers is not None
        for pointer, unit in (("/roster", roster.unit), ("/officer_roster", officers.unit)):
            if unit != self.unit:
                raise Malformed(f"that roster was frozen by {unit}", pointer)
        ledger.require(
            self.roster_hash in (None, roster.roster_hash),
            rules.DRW_R2,
            found=self.roster_hash,
            of=self.roster,
            frozen=roster.roster_hash,
        )
        strata = self._strata(ledger, roster.by, roster.strata)
        self._check_matters(ledger, strata)
        self._check_sources(ledger)
        self._check_secrets(ledger)
        self._check_repeated(ledger, roster)
        operator = ledger.actor.person_id
        ledger.require(
            operator not in officers.officers,
            supervision.GEN_R2,
            person=operator,
            one="operator of a draw",
            other="inspector in it",
        )
        last = date(plan.year, 12, 31)
        inspect_by = self.inspect_by or last
        if not ledger.on < inspect_by <= last:
            raise Malformed(f"inspect_by lies after {ledger.on} and by {last}", "/inspect_by")
        announced = DrawAnnounced(
            draw=self.draw,
            unit=self.unit,
            plan=self.plan,
            year=plan.year,
            matters=self.matters,
            by=self.by,
            strata=strata,
            sources=self.sources,
            roster=self.roster,
            roster_hash=roster.roster_hash,
            roster_root=roster.roster_root,
            roster_count=roster.count,
            roster_strata=roster.strata,
            officer_roster=self.officer_roster,
            officer_roster_hash=officers.roster_hash,
            inspect_by=inspect_by,
            reserves=self.reserves,
            replaces=self.replaces,
            withhold_reason=self.withhold_reason,
        )
        yield Fact(announced, unnamed=True)
        yield DrawOperated(draw=self.draw, unit=self.unit, step="announced")

    def _plan(self, ledger: Reading) -> AnnualPlan:
        plan = ledger.known(AnnualPlan(self.plan), "Approve the annual plan first.")
        if plan.unit != self.unit:
            raise Malformed(f"{self.plan} is the plan of {plan.unit}", "/plan")
        version = plan.in_force(ledger.on)
        missing = [m for m in self.matters if version is None or m not in version.items]
        if missing:
            raise Malformed(
                f"{', '.join(missing)}: not in a filed version of {self.plan}", "/matters"
            )
        return plan

    def _strata(self, ledger: Reading, by: By, members: dict[str, int]) -> tuple[StratumRatio, ...]:
        if self.by != by:
            raise Malformed(f"the roster is divided by {by}", "/by")
        given = self.strata
        if not given:
            if by != "grade":
                raise Malformed("give the ratio of each stratum", "/strata")
            table: dict[str, Any] = ledger.setting("draw.ratio")
            given = tuple(StratumRatio(key=key, ratio=table[key]) for key in _ORDER["grade"])
        order = _ORDER[by]
        keys = [stratum.key for stratum in given]
        if len(set(keys)) < len(keys) or not set(members) <= set(keys) <= set(order):
            raise Malformed(
                f"give each of {', '.join(sorted(members, key=order.index))} one ratio, and "
                f"nothing that is none of {', '.join(order)}",
                "/strata",
            )
        strata = tuple(sorted(given, key=lambda stratum: order.index(stratum.key)))
        for lower, higher in pairwise(strata):
            ledger.require(
                uvdraw.ratio_of(lower.ratio) <= uvdraw.ratio_of(higher.ratio),
                rules.DRW_R3,
                lower=lower.key,
                lower_ratio=lower.ratio,
                higher=higher.key,
                higher_ratio=higher.ratio,
            )
        return strata

    def _check_matters(self, ledger: Reading, strata: tuple[StratumRatio, ...]) -> None:
        items = ledger.read(DrawMatters(self.unit)).items
        highest = max((stratum.ratio for stratum in strata), key=uvdraw.ratio_of)
        for index, matter in enumerate(self.matters):
            item = items.get(matter)
            if item is None:
                raise Malformed(
                    f"{matter} is not on the random-inspection matter list of {self.unit}; "
                    "publish it there first",
                    f"/matters/{index}",
                )
            if item.draw_class == "general":
                assert item.ratio_cap is not None
                require_within_cap(ledger, matter, highest, item.ratio_cap)

    def _check_sources(self, ledger: Reading) -> None:
        names = [source.name for source in self.sources]
        for index, source in enumerate(self.sources):
            at = f"/sources/{index}"
            if names.count(source.name) > 1:
                raise Malformed(f"{source.name} is named twice", f"{at}/name")
            if (source.kind == "commitment") is (source.commitment is None):
                raise Malformed(
                    "a commitment has the SHA-256 of its secret, and nothing else has one",
                    f"{at}/commitment",
                )
            if source.kind == "commitment" and source.fallback is None:
                raise Malformed(
                    "say which value is taken if the party does not reveal", f"{at}/fallback"
                )
            # By the ledger's clock: whoever dates an act back knows what has come out since.
            ledger.require(
                source.publication_at > max(ledger.at, ledger.now),
                rules.DRW_R1,
                draw=self.draw,
                reason=f"{source.name} was out at {source.publication_at.isoformat()}",
            )

    def _check_secrets(self, ledger: Reading) -> None:
        """No party may wait for a public value and then choose to reveal, or not (DRW-R1)."""
        public = [one for one in self.sources if one.kind == "public"]
        if not public:
            return
        first = min(public, key=lambda source: source.publication_at)
        for source in self.sources:
            ledger.require(
                source.kind == "public" or source.publication_at <= first.publication_at,
                rules.DRW_R1,
                draw=self.draw,
                reason=f"{source.name} would be revealed after {first.name} is out at "
                f"{first.publication_at.isoformat()}",
            )

    def _check_repeated(self, ledger: Reading, roster: EntityRosterFrozen) -> None:
        draws = ledger.read(PlanDraws(self.plan))
        if self.replaces is not None:
            ledger.require(
                self.replaces in draws.voided,
                rules.DRW_R5,
                reason=f"{self.replaces} was not voided",
            )
        before = draws.in_the_way(self.matters, roster, ledger.today)
        ledger.require(
            before is None,
            rules.DRW_R5,
            reason=f"{before} draws for the same matters and is not voided",
        )
