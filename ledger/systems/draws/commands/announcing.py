"""The announcement: everything that decides a draw but the seed, said before any part of it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import pairwise
from typing import Annotated, Any

import msgspec

from ledger.general.roles import DRAWERS
from ledger.general.vocabulary import (
    DrawId,
    MatterId,
    PlanId,
    RosterId,
    Sha256,
    Text,
    UnitId,
    is_among,
)
from ledger.kernel import Act, Event, Fact, Malformed, Reading, Value
from ledger.systems.draws import rules, uvdraw
from ledger.systems.draws.commands.common import officers_of_part
from ledger.systems.draws.commands.rosters import due_ratios, require_within_cap
from ledger.systems.draws.events import (
    By,
    DrawAnnounced,
    DrawMatter,
    DrawOperated,
    DrawPart,
    EntityRosterFrozen,
    SeedSource,
    StratumKey,
    StratumRatio,
)
from ledger.systems.draws.folds import (
    DrawMatters,
    DrawState,
    EntityRoster,
    OfficerRoster,
    PlanDraws,
)
from ledger.systems.filing import rules as filing
from ledger.systems.filing.folds import AnnualPlan
from ledger.systems.supervision import rules as supervision

#: From low risk to high, by what the strata are.
_ORDER: dict[By, tuple[StratumKey, ...]] = {
    "grade": ("A", "B", "C", "D"),
    "risk": ("low", "mid", "high"),
}

#: A draw's id is the longest part of its targets' ids, and these have to stay ids.
_LONGEST_ID = 90


class OtherPart(Value):
    """The part of another unit in the draw: its plan, its matters, and its frozen officers."""

    unit: UnitId
    plan: PlanId
    matters: Annotated[tuple[MatterId, ...], msgspec.Meta(min_length=1, max_length=50)]
    officer_roster: RosterId


class AnnounceDraw(Act):
    """抽查公告: say everything that decides a draw before any part of the seed exists.

    ``parts``: other units that draw with the one that initiates it, over one roster, each for its
    own matters by its own filed plan (FIL-R1). Without ``strata`` the ratios are those of the
    policy ``draw.ratio``, as far as the caps of the general matters allow; without ``inspect_by``
    the visits end with the plan's year. ``roster_hash``: the hash that the sender has seen.
    """

    ROLES = DRAWERS
    ACTS_FOR = "unit"

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
    parts: Annotated[tuple[OtherPart, ...], msgspec.Meta(max_length=19)] = ()

    def decide(self, ledger: Reading) -> Iterator[Event | Fact]:
        ledger.new(DrawState(self.draw))
        if len(self.draw) > _LONGEST_ID:
            raise Malformed(f"a draw's id has at most {_LONGEST_ID} characters", "/draw")
        roster = ledger.known(EntityRoster(self.roster), "Freeze it first.").frozen
        assert roster is not None
        if roster.unit != self.unit:
            raise Malformed(f"that roster was frozen by {roster.unit}", "/roster")
        year, parts = self._parts(ledger)
        self._check_roster(ledger, roster)
        ledger.require(
            self.roster_hash in (None, roster.roster_hash),
            rules.DRW_R2,
            found=self.roster_hash,
            of=self.roster,
            frozen=roster.roster_hash,
        )
        strata = self._strata(ledger, roster)
        self._check_matters(ledger, strata)
        self._check_sources(ledger)
        self._check_secrets(ledger)
        self._check_repeated(ledger, roster)
        operator = ledger.actor.person_id
        for part in parts:
            ledger.require(
                not is_among(operator, officers_of_part(ledger, part)),
                supervision.GEN_R2,
                person=operator,
                one="operator of a draw",
                other="inspector in it",
            )
        last = date(year, 12, 31)
        inspect_by = self.inspect_by or last
        if not ledger.on < inspect_by <= last:
            raise Malformed(f"inspect_by lies after {ledger.on} and by {last}", "/inspect_by")
        announced = DrawAnnounced(
            draw=self.draw,
            unit=self.unit,
            plan=self.plan,
            year=year,
            matters=tuple(matter for part in parts for matter in part.matters),
            by=self.by,
            strata=strata,
            sources=self.sources,
            roster=self.roster,
            roster_hash=roster.roster_hash,
            roster_root=roster.roster_root,
            roster_count=roster.count,
            roster_strata=roster.strata,
            officer_roster=self.officer_roster,
            officer_roster_hash=parts[0].officer_roster_hash,
            inspect_by=inspect_by,
            reserves=self.reserves,
            replaces=self.replaces,
            withhold_reason=self.withhold_reason,
            parts=parts if len(parts) > 1 else (),
            excluded=roster.excluded,
        )
        yield Fact(announced, unnamed=True)
        yield DrawOperated(draw=self.draw, unit=self.unit, step="announced")

    def _parts(self, ledger: Reading) -> tuple[int, tuple[DrawPart, ...]]:
        """The year of the plans, and the part of each unit, that of the initiator first."""
        own = OtherPart(
            unit=self.unit,
            plan=self.plan,
            matters=self.matters,
            officer_roster=self.officer_roster,
        )
        units = [part.unit for part in (own, *self.parts)]
        if len(set(units)) < len(units):
            raise Malformed("each unit must have one part", "/parts")
        plan = ledger.known(AnnualPlan(self.plan), "Approve the annual plan first.")
        if plan.unit != self.unit:
            raise Malformed(f"{self.plan} is the plan of {plan.unit}", "/plan")
        parts = []
        for at, part in (("", own), *((f"/parts/{i}", one) for i, one in enumerate(self.parts))):
            self._check_plan(ledger, part, plan.year)
            officers = ledger.known(OfficerRoster(part.officer_roster), "Freeze it first.").frozen
            assert officers is not None
            if officers.unit != part.unit:
                raise Malformed(
                    f"that roster was frozen by {officers.unit}", f"{at}/officer_roster"
                )
            parts.append(
                DrawPart(
                    unit=part.unit,
                    plan=part.plan,
                    matters=part.matters,
                    officer_roster=part.officer_roster,
                    officer_roster_hash=officers.roster_hash,
                )
            )
        return plan.year, tuple(parts)

    def _check_plan(self, ledger: Reading, part: OtherPart, year: int) -> None:
        """Refuse matters that are in no filed plan of their unit for the year (FIL-R1)."""
        plan = ledger.read(AnnualPlan(part.plan))
        own = (plan.unit, plan.year) == (part.unit, year)
        version = plan.in_force(ledger.on) if own else None
        missing = [m for m in part.matters if version is None or m not in version.items]
        ledger.setting("filing.lead_wd")  # its version belongs to the refusal
        ledger.require(
            not missing,
            filing.FIL_R1,
            matters=", ".join(missing),
            unit=part.unit,
            month=str(year),
            hint=f"Let {part.unit} have them in its plan of {year}, and file it before the draw is "
            "announced.",
        )

    def _check_roster(self, ledger: Reading, roster: EntityRosterFrozen) -> None:
        """Refuse a roster that was frozen for other units or matters than those that draw (R7)."""
        units = {self.unit, *(part.unit for part in self.parts)}
        matters = {*self.matters, *(m for part in self.parts for m in part.matters)}
        frozen_for = set(roster.units) or {roster.unit}
        # A roster that named no matters was frozen for whatever its one unit draws for.
        any_matter = not roster.matters and len(units) == 1
        reason = None
        if units != frozen_for:
            reason = f"it was frozen for {_and(frozen_for)}, and {_and(units)} draw"
        elif not any_matter and matters != set(roster.matters):
            frozen_matters = _and(roster.matters) or "no matters that it names"
            reason = f"it was frozen for {frozen_matters}; the draw is for {_and(matters)}"
        _require_roster(ledger, self.roster, reason)

    def _listed(self, ledger: Reading) -> list[DrawMatter | None]:
        """What the matter list of each unit says of the matters that it draws for."""
        parts = ((self.unit, self.matters), *((one.unit, one.matters) for one in self.parts))
        return [
            ledger.read(DrawMatters(unit)).items.get(matter)
            for unit, matters in parts
            for matter in matters
        ]

    def _strata(self, ledger: Reading, roster: EntityRosterFrozen) -> tuple[StratumRatio, ...]:
        by, members = roster.by, roster.strata
        if self.by != by:
            raise Malformed(f"the roster is divided by {by}", "/by")
        given = self.strata
        if not given:
            if by != "grade":
                raise Malformed("give the ratio of each stratum", "/strata")
            table: dict[str, Any] = ledger.setting("draw.ratio")
            given = tuple(
                StratumRatio(key=key, ratio=ratio)
                for key, ratio in due_ratios(table, self._listed(ledger)).items()
            )
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
        for stratum in strata:
            out = roster.excluded.get(stratum.key, 0)
            whole = uvdraw.ratio_of(stratum.ratio) == 1
            _require_roster(
                ledger,
                self.roster,
                f"all of {stratum.key} are to be visited, and {out} of them are excluded because a "
                "cap is used up"
                if whole and out
                else None,
            )
        return strata

    def _check_matters(self, ledger: Reading, strata: tuple[StratumRatio, ...]) -> None:
        highest = max((stratum.ratio for stratum in strata), key=uvdraw.ratio_of)
        places = [
            (f"{at}/matters/{index}", unit, matter)
            for at, unit, matters in (
                ("", self.unit, self.matters),
                *((f"/parts/{i}", one.unit, one.matters) for i, one in enumerate(self.parts)),
            )
            for index, matter in enumerate(matters)
        ]
        for (pointer, unit, matter), item in zip(places, self._listed(ledger), strict=True):
            if item is None:
                raise Malformed(
                    f"{matter} is not on the random-inspection matter list of {unit}; "
                    "publish it there first",
                    pointer,
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
        matters = (*self.matters, *(m for part in self.parts for m in part.matters))
        before = draws.in_the_way(matters, roster, ledger.today)
        for part in self.parts:
            others = ledger.read(PlanDraws(part.plan))
            before = before or others.in_the_way(part.matters, roster, ledger.today)
        ledger.require(
            before is None,
            rules.DRW_R5,
            reason=f"{before} draws for the same matters and is not voided",
        )


def _require_roster(ledger: Reading, roster: str, reason: str | None) -> None:
    ledger.require(reason is None, rules.DRW_R7, roster=roster, reason=reason)


def _and(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
