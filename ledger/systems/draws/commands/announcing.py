"""The announcement of a draw: everything that decides it, before any part of the seed exists."""

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
from ledger.kernel import Act, Event, Fact, Inquiry, Malformed, Message, Value, message
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

#: The strata of each kind, from low risk to high risk.
_ORDER: dict[By, tuple[StratumKey, ...]] = {
    "grade": ("A", "B", "C", "D"),
    "risk": ("low", "mid", "high"),
}

#: The longest id of a draw. The ids of its targets contain it and must stay valid ids.
_LONGEST_ID = 90


class OtherPart(Value):
    """The part of another unit in the draw: its plan, its matters and its roster of officers."""

    unit: UnitId
    plan: PlanId
    matters: Annotated[tuple[MatterId, ...], msgspec.Meta(min_length=1, max_length=50)]
    officer_roster: RosterId


class AnnounceDraw(Act):
    """抽查公告: announce everything that decides a draw, before any part of the seed exists.

    ``parts``: the other units that draw together with the initiating unit, from the same roster,
    each for its own matters under its own filed plan (FIL-R1). Without ``strata`` the ratios are
    those of the policy ``draw.ratio``, limited by the caps of the general matters. Without
    ``inspect_by`` the visits end with the year of the plan. ``roster_hash``: the hash that the
    sender has seen.
    """

    ROLES = DRAWERS

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

    def decide(self, inquiry: Inquiry) -> Iterator[Event | Fact]:
        inquiry.new(DrawState(self.draw))
        if len(self.draw) > _LONGEST_ID:
            raise Malformed(
                "draws.draw-must-most-characters",
                pointer="/draw",
                longest=_LONGEST_ID,
                draw_count=len(self.draw),
            )
        roster = inquiry.known(EntityRoster(self.roster), "draws.freeze-roster-first").frozen
        assert roster is not None
        if roster.unit != self.unit:
            raise Malformed(
                "draws.roster-must-be-one-frozen",
                pointer="/roster",
                unit=self.unit,
                roster=self.roster,
                roster_unit=roster.unit,
            )
        year, parts = self._parts(inquiry)
        self._check_roster(inquiry, roster)
        inquiry.require(
            self.roster_hash in (None, roster.roster_hash),
            rules.DRW_R2,
            found=self.roster_hash,
            of=self.roster,
            frozen=roster.roster_hash,
        )
        strata = self._strata(inquiry, roster)
        self._check_matters(inquiry, strata)
        self._check_sources(inquiry)
        self._check_secrets(inquiry)
        self._check_repeated(inquiry, roster)
        operator = inquiry.actor.person_id
        for part in parts:
            inquiry.require(
                not is_among(operator, officers_of_part(inquiry, part)),
                supervision.GEN_R2,
                person=operator,
                one=message("draws.operator-of-draw"),
                other=message("draws.inspector-in-draw"),
            )
        last = date(year, 12, 31)
        inspect_by = self.inspect_by or last
        if not inquiry.on < inspect_by <= last:
            raise Malformed(
                "draws.inspect-by-must-be-after-not-after",
                pointer="/inspect_by",
                on=inquiry.on,
                last=last,
                inspect_by=inspect_by,
            )
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

    def _parts(self, inquiry: Inquiry) -> tuple[int, tuple[DrawPart, ...]]:
        """Return the year of the plans and the part of each unit, the initiator's part first."""
        own = OtherPart(
            unit=self.unit,
            plan=self.plan,
            matters=self.matters,
            officer_roster=self.officer_roster,
        )
        units = [part.unit for part in (own, *self.parts)]
        if len(set(units)) < len(units):
            raise Malformed("draws.each-unit-must-one-part", pointer="/parts")
        plan = inquiry.known(AnnualPlan(self.plan), "draws.approve-annual-plan-first")
        if plan.unit != self.unit:
            raise Malformed(
                "draws.plan-must-be-plan",
                pointer="/plan",
                unit=self.unit,
                plan=self.plan,
                plan_unit=plan.unit,
            )
        parts = []
        for at, part in (
            ("", own),
            *((f"/parts/{i}", other) for i, other in enumerate(self.parts)),
        ):
            self._check_plan(inquiry, part, plan.year)
            officers = inquiry.known(
                OfficerRoster(part.officer_roster), "draws.freeze-roster-first"
            ).frozen
            assert officers is not None
            if officers.unit != part.unit:
                raise Malformed(
                    "draws.officer-roster-must-be-one-frozen",
                    pointer=f"{at}/officer_roster",
                    unit=part.unit,
                    officer_roster=part.officer_roster,
                    officers_unit=officers.unit,
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

    def _check_plan(self, inquiry: Inquiry, part: OtherPart, year: int) -> None:
        """Refuse matters that are in no filed plan of their unit for the year (FIL-R1)."""
        plan = inquiry.read(AnnualPlan(part.plan))
        own = (plan.unit, plan.year) == (part.unit, year)
        version = plan.in_force(inquiry.on) if own else None
        missing = [m for m in part.matters if version is None or m not in version.items]
        inquiry.setting("filing.lead_wd")  # the refusal states its version
        inquiry.require(
            not missing,
            filing.FIL_R1,
            matters=missing,
            unit=part.unit,
            month=str(year),
            hint=message("draws.add-plan-file-before-announce-draw", unit=part.unit, year=year),
        )

    def _check_roster(self, inquiry: Inquiry, roster: EntityRosterFrozen) -> None:
        """Refuse a roster frozen for other units or matters than the draw has (DRW-R7)."""
        units = {self.unit, *(part.unit for part in self.parts)}
        matters = {*self.matters, *(m for part in self.parts for m in part.matters)}
        frozen_for = set(roster.units) or {roster.unit}
        # A roster without matters fits every matter of its one unit.
        any_matter = not roster.matters and len(units) == 1
        reason = None
        if units != frozen_for:
            reason = message(
                "draws.frozen-for-other-units", frozen_for=_and(frozen_for), units=_and(units)
            )
        elif not any_matter and matters != set(roster.matters):
            frozen_matters = _and(roster.matters) or message("draws.no-named-matters")
            reason = message(
                "draws.frozen-for-other-matters",
                frozen_matters=frozen_matters,
                matters=_and(matters),
            )
        _require_roster(inquiry, self.roster, reason)

    def _listed(self, inquiry: Inquiry) -> list[DrawMatter | None]:
        """Return the entries of the drawn matters on the matter lists of their units."""
        parts = ((self.unit, self.matters), *((part.unit, part.matters) for part in self.parts))
        return [
            inquiry.read(DrawMatters(unit)).items.get(matter)
            for unit, matters in parts
            for matter in matters
        ]

    def _strata(self, inquiry: Inquiry, roster: EntityRosterFrozen) -> tuple[StratumRatio, ...]:
        by, members = roster.by, roster.strata
        if self.by != by:
            raise Malformed("draws.must-be-roster", pointer="/by", by=by, given_by=self.by)
        given = self.strata
        if not given:
            if by != "grade":
                raise Malformed(
                    "draws.strata-must-give-ratio-each-stratum", pointer="/strata", by=by
                )
            table: dict[str, Any] = inquiry.setting("draw.ratio")
            given = tuple(
                StratumRatio(key=key, ratio=ratio)
                for key, ratio in due_ratios(table, self._listed(inquiry)).items()
            )
        order = _ORDER[by]
        keys = [stratum.key for stratum in given]
        if len(set(keys)) < len(keys) or not set(members) <= set(keys) <= set(order):
            raise Malformed(
                "draws.strata-must-give-one-ratio-each",
                pointer="/strata",
                members=sorted(members, key=order.index),
                order=order,
            )
        strata = tuple(sorted(given, key=lambda stratum: order.index(stratum.key)))
        for lower, higher in pairwise(strata):
            inquiry.require(
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
                inquiry,
                self.roster,
                (
                    message(
                        "draws.all-must-be-visited-but-excluded-because", key=stratum.key, out=out
                    )
                    if whole and out
                    else None
                ),
            )
        return strata

    def _check_matters(self, inquiry: Inquiry, strata: tuple[StratumRatio, ...]) -> None:
        highest = max((stratum.ratio for stratum in strata), key=uvdraw.ratio_of)
        places = [
            (f"{at}/matters/{index}", unit, matter)
            for at, unit, matters in (
                ("", self.unit, self.matters),
                *((f"/parts/{i}", part.unit, part.matters) for i, part in enumerate(self.parts)),
            )
            for index, matter in enumerate(matters)
        ]
        for (pointer, unit, matter), item in zip(places, self._listed(inquiry), strict=True):
            if item is None:
                raise Malformed(
                    "draws.must-be-random-inspection-matter-list",
                    pointer=pointer,
                    matter=matter,
                    unit=unit,
                )
            if item.draw_class == "general":
                assert item.ratio_cap is not None
                require_within_cap(inquiry, matter, highest, item.ratio_cap)

    def _check_sources(self, inquiry: Inquiry) -> None:
        names = [source.name for source in self.sources]
        for index, source in enumerate(self.sources):
            at = f"/sources/{index}"
            if names.count(source.name) > 1:
                raise Malformed(
                    "draws.each-source-must-own-name",
                    pointer=f"{at}/name",
                    name=source.name,
                )
            if (source.kind == "commitment") is (source.commitment is None):
                raise Malformed(
                    "draws.commitment-sha-256-secret-must-be-given-source",
                    pointer=f"{at}/commitment",
                )
            if source.kind == "commitment" and source.fallback is None:
                raise Malformed(
                    "draws.commitment-must-fallback-used-secret-not",
                    pointer=f"{at}/fallback",
                )
            # Use the ledger's clock: who dates an act back knows the values published since then.
            inquiry.require(
                source.publication_at > max(inquiry.at, inquiry.now),
                rules.DRW_R1,
                draw=self.draw,
                reason=message(
                    "draws.published",
                    name=source.name,
                    publication_at=source.publication_at.isoformat(),
                ),
            )

    def _check_secrets(self, inquiry: Inquiry) -> None:
        """Refuse sources that let a party know a public value before it must reveal (DRW-R1)."""
        public = [source for source in self.sources if source.kind == "public"]
        if not public:
            return
        first = min(public, key=lambda source: source.publication_at)
        for source in self.sources:
            inquiry.require(
                source.kind == "public" or source.publication_at <= first.publication_at,
                rules.DRW_R1,
                draw=self.draw,
                reason=message(
                    "draws.would-revealed-after-published",
                    name=source.name,
                    first_name=first.name,
                    publication_at=first.publication_at.isoformat(),
                ),
            )

    def _check_repeated(self, inquiry: Inquiry, roster: EntityRosterFrozen) -> None:
        draws = inquiry.read(PlanDraws(self.plan))
        if self.replaces is not None:
            inquiry.require(
                self.replaces in draws.voided,
                rules.DRW_R5,
                reason=message("draws.not-voided", replaces=self.replaces),
            )
        matters = (*self.matters, *(m for part in self.parts for m in part.matters))
        before = draws.in_the_way(matters, roster, inquiry.today)
        for part in self.parts:
            others = inquiry.read(PlanDraws(part.plan))
            before = before or others.in_the_way(part.matters, roster, inquiry.today)
        inquiry.require(
            before is None,
            rules.DRW_R5,
            reason=message("draws.draw-same-matters-not-voided", before=before),
        )


def _require_roster(inquiry: Inquiry, roster: str, reason: Message | None) -> None:
    inquiry.require(reason is None, rules.DRW_R7, roster=roster, reason=reason)


def _and(names: Iterable[str]) -> list[str]:
    return sorted(names)
