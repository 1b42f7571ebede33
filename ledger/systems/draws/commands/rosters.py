"""What a draw needs before it is announced: the matter list and the two rosters (一单两库)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Annotated, Any

import msgspec

from ledger.general.findings import finding
from ledger.general.roles import DRAWERS, roles
from ledger.general.vocabulary import (
    EntityId,
    Grade,
    MatterId,
    Name,
    OfficerId,
    RosterId,
    Sha256,
    Text,
    UnitId,
)
from ledger.kernel import Act, Event, Inquiry, Malformed, Value, message
from ledger.systems.catalogue.folds import Matter, OfficerStanding, UnitStanding
from ledger.systems.draws import rules
from ledger.systems.draws.events import (
    By,
    Count,
    DrawMatter,
    DrawMatterListPublished,
    EntityLeftOut,
    EntityRosterFrozen,
    OfficerRosterFrozen,
    StratumKey,
)
from ledger.systems.draws.folds import (
    DrawMatters,
    EntityRoster,
    GradesSetByHand,
    OfficerRoster,
    officers_hash,
)
from ledger.systems.draws.risk import RiskClass
from ledger.systems.draws.uvdraw import MAX_WEIGHT, ratio_of
from ledger.systems.filing import rules as filing
from ledger.systems.grading import rules as grading


class PublishDrawMatterList(Act):
    """公布随机抽查事项清单: publish the matters of draws; general ones need a cap (DRW-R4)."""

    ROLES = roles("unit_head")

    unit: UnitId
    items: Annotated[tuple[DrawMatter, ...], msgspec.Meta(min_length=1, max_length=300)]

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        highest = str(inquiry.setting("draw.general_ratio_cap"))
        seen: set[MatterId] = set()
        for index, item in enumerate(self.items):
            matter = inquiry.known(Matter(item.matter), "general.list-catalogue-first")
            if matter.unit != self.unit:
                raise Malformed(
                    "draws.matter-must-be-one-listed",
                    pointer=f"/items/{index}/matter",
                    unit=self.unit,
                    matter=item.matter,
                    matter_unit=matter.unit,
                )
            if item.matter in seen:
                raise Malformed(
                    "general.each-matter-must-be-listed-once",
                    pointer=f"/items/{index}/matter",
                    matter=item.matter,
                )
            seen.add(item.matter)
            if item.draw_class == "key":
                continue
            if item.ratio_cap is None:
                raise Malformed(
                    "draws.general-matter-must-ratio-cap-largest-share",
                    pointer=f"/items/{index}/ratio_cap",
                )
            require_within_cap(inquiry, item.matter, item.ratio_cap, highest)
        yield DrawMatterListPublished(
            unit=self.unit,
            version=inquiry.read(DrawMatters(self.unit)).version + 1,
            items=self.items,
            published_on=inquiry.on,
        )


class RosterEntry(Value, omit_defaults=True):
    """A business with its data for a roster. ``weight``: its number of tickets in the draw.

    ``risk_reason``: why its risk class differs from that of ``draw.risk_formula``; its line on the
    roster shows the reason.
    """

    uscc: EntityId
    grade: Grade | None = None
    risk: RiskClass | None = None
    risk_reason: Text | None = None
    domain: Name | None = None
    weight: Annotated[int, msgspec.Meta(ge=1, le=MAX_WEIGHT)] | None = None


class LeftOut(Value):
    """A business of the class that is left out of the roster, and why."""

    entity: EntityId
    reason: Text | None = None


class CappedOut(Value):
    """A business that is left out because a unit has used up its capped visits of the year."""

    entity: EntityId
    stratum: StratumKey


class FrozenRoster(Value):
    """A roster as the service composed and stored it.

    ``overridden``: its businesses whose grade was set by hand within the window before ``as_of``.
    ``capped``: the businesses of the class that are left out because a cap is used up.
    """

    roster_hash: Sha256
    roster_root: Sha256
    count: Count
    strata: dict[str, Count]
    composed_at: Count
    overridden: tuple[EntityId, ...] = ()
    capped: tuple[CappedOut, ...] = ()


class FreezeEntityRoster(Act):
    """检查对象名录库定稿: freeze the roster of the businesses that can be drawn.

    Without ``entries`` the roster has every registered business of the class with its grade, or its
    risk class by ``draw.risk_formula``, on ``as_of``. With ``entries`` it has these businesses, and
    all others of the class must be in ``left_out`` with a reason (DRW-R7). ``units`` and
    ``matters`` are those of the draw. A business is left out if a unit has used up its capped
    visits there in the year, unless its whole stratum is drawn. The service composes and stores the
    roster and fills in ``frozen``. ``roster_hash``: the hash that the sender has seen; a different
    roster is refused (DRW-R2).
    """

    ROLES = DRAWERS

    roster: RosterId
    unit: UnitId
    as_of: date
    target_class: Name
    by: By = "grade"
    area: Name | None = None
    line: Name | None = None
    entries: Annotated[tuple[RosterEntry, ...], msgspec.Meta(max_length=20_000)] = ()
    left_out: Annotated[tuple[LeftOut, ...], msgspec.Meta(max_length=1000)] = ()
    roster_hash: Sha256 | None = None
    units: Annotated[tuple[UnitId, ...], msgspec.Meta(max_length=20)] = ()
    matters: Annotated[tuple[MatterId, ...], msgspec.Meta(max_length=50)] = ()
    frozen: FrozenRoster | None = None

    @property
    def all_units(self) -> tuple[str, ...]:
        """The units of the draw: those named, or else the unit that freezes the roster."""
        return self.units or (self.unit,)

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(EntityRoster(self.roster))
        if self.as_of > inquiry.today:
            raise Malformed(
                "draws.as-of-must-not-after",
                pointer="/as_of",
                today=inquiry.today,
                as_of=self.as_of,
            )
        if self.unit not in self.all_units:
            raise Malformed(
                "draws.units-must-include-initiates-draw", pointer="/units", unit=self.unit
            )
        for unit in self.units:
            inquiry.known(UnitStanding(unit), "general.qualify-unit-first")
        for matter in self.matters:
            inquiry.known(Matter(matter), "general.list-catalogue-first")
        if self.by == "risk":
            inquiry.setting(
                "draw.risk_formula", on=self.as_of
            )  # its version is recorded with the roster
        unreasoned = [business.entity for business in self.left_out if business.reason is None]
        inquiry.require(
            not unreasoned,
            rules.DRW_R7,
            **left_without_reason(self.roster, unreasoned),
        )
        frozen = self.frozen
        if frozen is None:
            raise Malformed("draws.frozen-must-be-filled-before-roster-recorded", pointer="/frozen")
        inquiry.require(
            self.roster_hash in (None, frozen.roster_hash),
            rules.DRW_R2,
            found=self.roster_hash,
            of=message("draws.roster", as_of=self.as_of),
            frozen=frozen.roster_hash,
        )
        if sum(frozen.strata.values()) != frozen.count:
            raise Malformed(
                "draws.strata-must-add-up-count",
                pointer="/frozen/strata",
                count=frozen.count,
                values=sum(frozen.strata.values()),
            )
        yield EntityRosterFrozen(
            roster=self.roster,
            unit=self.unit,
            as_of=self.as_of,
            by=self.by,
            target_class=self.target_class,
            roster_hash=frozen.roster_hash,
            roster_root=frozen.roster_root,
            count=frozen.count,
            strata=frozen.strata,
            composed_at=frozen.composed_at,
            left_out=len(self.left_out),
            area=self.area,
            line=self.line,
            units=tuple(sorted(self.units)),
            matters=tuple(sorted(self.matters)),
            excluded=dict(sorted(Counter(out.stratum for out in frozen.capped).items())),
        )
        for out in frozen.capped:
            yield EntityLeftOut(
                roster=self.roster,
                entity=out.entity,
                unit=self.unit,
                reason=f"the capped visits of {self.as_of.year} are used up",
                ground="cap_used",
            )
        for business in self.left_out:
            assert business.reason is not None
            yield EntityLeftOut(
                roster=self.roster, entity=business.entity, unit=self.unit, reason=business.reason
            )
        yield from self._grades_set_by_hand(inquiry, frozen)

    def _grades_set_by_hand(self, inquiry: Inquiry, frozen: FrozenRoster) -> Iterator[Event]:
        """Yield finding GRD-V1 for each grade set by hand, about the unit that set it."""
        window = timedelta(days=int(inquiry.setting("grade.override_window_cd")))
        inquiry.read_all(GradesSetByHand(entity) for entity in frozen.overridden)
        for entity in frozen.overridden:
            for assessed_on, unit, position in inquiry.read(GradesSetByHand(entity)).overrides:
                if self.as_of - window <= assessed_on <= self.as_of:
                    yield finding(
                        inquiry,
                        grading.GRD_V1,
                        unit=unit,
                        entity=entity,
                        evidence=(position,),
                        roster=self.roster,
                        as_of=self.as_of.isoformat(),
                        assessed_on=assessed_on.isoformat(),
                    )


class FreezeOfficerRoster(Act):
    """检查人员名录库定稿: freeze which certified officers of a unit can be drawn."""

    ROLES = DRAWERS

    roster: RosterId
    unit: UnitId
    officers: Annotated[tuple[OfficerId, ...], msgspec.Meta(min_length=1, max_length=1000)]

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(OfficerRoster(self.roster))
        officers = tuple(sorted(set(self.officers)))
        needed = int(inquiry.setting("inspection.min_officers"))
        reasons = (
            []
            if len(officers) >= needed
            else [message("draws.only-named", officers_count=len(officers))]
        )
        inquiry.read_all(OfficerStanding(officer) for officer in officers)
        for officer in officers:
            barred = inquiry.read(OfficerStanding(officer)).barred(inquiry.on, self.unit, set())
            if barred is not None:
                reasons.append(message("catalogue.officer-barred", officer=officer, barred=barred))
        inquiry.require(
            not reasons,
            filing.FIL_R6,
            needed=needed,
            reason=message("general.clauses", clauses=reasons),
            unit=self.unit,
            on=inquiry.on,
        )
        yield OfficerRosterFrozen(
            roster=self.roster,
            unit=self.unit,
            as_of=inquiry.on,
            officers=officers,
            roster_hash=officers_hash(officers),
        )


def due_ratios(
    table: Mapping[str, str], items: Iterable[DrawMatter | None]
) -> dict[StratumKey, str]:
    """Return the ratio of each grade: ``draw.ratio``, or a smaller cap of a general matter."""
    caps = [
        item.ratio_cap
        for item in items
        if item is not None and item.draw_class == "general" and item.ratio_cap is not None
    ]
    keys: tuple[StratumKey, ...] = ("A", "B", "C", "D")
    return {key: min((table[key], *caps), key=ratio_of) for key in keys}


def require_within_cap(inquiry: Inquiry, matter: str, ratio: str, cap: str) -> None:
    """Refuse a ratio of a general matter above its cap (DRW-R4)."""
    inquiry.setting("draw.general_ratio_cap")  # the refusal states its version
    inquiry.require(
        ratio_of(ratio) <= ratio_of(cap),
        rules.DRW_R4,
        matter=matter,
        ratio=ratio,
        cap=cap,
    )


def left_without_reason(roster: str, missing: list[str]) -> dict[str, Any]:
    """Return the details of DRW-R7 about businesses left out of a roster without a reason."""
    first = missing[0] if missing else None
    return {
        "roster": roster,
        "reason": message(
            "draws.belongs-left-out-without-recorded-reason",
            first=first,
            missing_count=len(missing),
        ),
        "entity": first,
        "missing": len(missing),
    }
