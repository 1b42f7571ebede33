"""What a draw needs before it is announced: the matter list and the two rosters (一单两库)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Annotated, Any

import msgspec

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
from ledger.kernel import Act, Event, Malformed, Reading, Value
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
from ledger.systems.supervision.findings import finding


class PublishDrawMatterList(Act):
    """公布随机抽查事项清单: list what is drawn for, general matters each with a cap (DRW-R4)."""

    ROLES = roles("unit_head")
    ACTS_FOR = "unit"

    unit: UnitId
    items: Annotated[tuple[DrawMatter, ...], msgspec.Meta(min_length=1, max_length=300)]

    def decide(self, ledger: Reading) -> Iterator[Event]:
        highest = str(ledger.setting("draw.general_ratio_cap"))
        seen: set[MatterId] = set()
        for index, item in enumerate(self.items):
            matter = ledger.known(Matter(item.matter), "List it in the catalogue first.")
            if matter.unit != self.unit:
                raise Malformed(
                    f"matter {item.matter} is listed by {matter.unit}", f"/items/{index}/matter"
                )
            if item.matter in seen:
                raise Malformed(f"{item.matter} is listed twice", f"/items/{index}/matter")
            seen.add(item.matter)
            if item.draw_class == "key":
                continue
            if item.ratio_cap is None:
                raise Malformed(
                    "a general matter has a ratio_cap; no more than that share is ever drawn",
                    f"/items/{index}/ratio_cap",
                )
            require_within_cap(ledger, item.matter, item.ratio_cap, highest)
        yield DrawMatterListPublished(
            unit=self.unit,
            version=ledger.read(DrawMatters(self.unit)).version + 1,
            items=self.items,
            published_on=ledger.on,
        )


class RosterEntry(Value, omit_defaults=True):
    """One business as it shall stand on a roster. ``weight``: how many tickets it holds.

    ``risk_reason``: why it is of another risk class than ``draw.risk_formula`` gives; its line
    shows that.
    """

    uscc: EntityId
    grade: Grade | None = None
    risk: RiskClass | None = None
    risk_reason: Text | None = None
    domain: Name | None = None
    weight: Annotated[int, msgspec.Meta(ge=1, le=MAX_WEIGHT)] | None = None


class LeftOut(Value):
    """A business of the class that shall not stand on the roster, and why."""

    entity: EntityId
    reason: Text | None = None


class CappedOut(Value):
    """A business that is not on a roster because a unit's capped visits of the year are used up."""

    entity: EntityId
    stratum: StratumKey


class FrozenRoster(Value):
    """A roster as it was composed and stored: what the service fills in.

    ``overridden``: those on it whose grade was set by hand within the window before ``as_of``.
    ``capped``: those of the class who are not on it because a cap is used up, by stratum.
    """

    roster_hash: Sha256
    roster_root: Sha256
    count: Count
    strata: dict[str, Count]
    composed_at: Count
    overridden: tuple[EntityId, ...] = ()
    capped: tuple[CappedOut, ...] = ()


class FreezeEntityRoster(Act):
    """检查对象名录库定稿: freeze who can be drawn.

    Without ``entries`` the roster is every registered business of the class with its grade, or its
    risk class by ``draw.risk_formula``, on ``as_of``; with them, those, and whoever of the class is
    missing stands in ``left_out`` with the reason (DRW-R7). ``units`` and ``matters`` are those of
    the draw that it is for: whoever has a unit's capped visits of the year behind it is not on it,
    unless its stratum is drawn whole. The service composes and stores it and fills in ``frozen``.
    ``roster_hash``: the hash that the sender has seen; another one is refused (DRW-R2).
    """

    ROLES = DRAWERS
    ACTS_FOR = "unit"

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
        """The units of the draw: those named, or the one that freezes."""
        return self.units or (self.unit,)

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.new(EntityRoster(self.roster))
        if self.as_of > ledger.today:
            raise Malformed(f"as_of lies after {ledger.today}", "/as_of")
        if self.unit not in self.all_units:
            raise Malformed(f"{self.unit} initiates the draw, and must be one of units", "/units")
        for unit in self.units:
            ledger.known(UnitStanding(unit), "Qualify the unit first.")
        for matter in self.matters:
            ledger.known(Matter(matter), "List it in the catalogue first.")
        if self.by == "risk":
            ledger.setting("draw.risk_formula", on=self.as_of)  # its version is recorded with it
        unreasoned = [one.entity for one in self.left_out if one.reason is None]
        ledger.require(
            not unreasoned,
            rules.DRW_R7,
            **left_without_reason(self.roster, unreasoned),
        )
        frozen = self.frozen
        if frozen is None:
            raise Malformed("a roster is composed before it is frozen", "/frozen")
        ledger.require(
            self.roster_hash in (None, frozen.roster_hash),
            rules.DRW_R2,
            found=self.roster_hash,
            of=f"the roster of {self.as_of}",
            frozen=frozen.roster_hash,
        )
        if sum(frozen.strata.values()) != frozen.count:
            raise Malformed("the strata do not add up to the count", "/frozen/strata")
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
            excluded=dict(sorted(Counter(one.stratum for one in frozen.capped).items())),
        )
        for out in frozen.capped:
            yield EntityLeftOut(
                roster=self.roster,
                entity=out.entity,
                unit=self.unit,
                reason=f"the capped visits of {self.as_of.year} are used up",
                ground="cap_used",
            )
        for one in self.left_out:
            assert one.reason is not None
            yield EntityLeftOut(
                roster=self.roster, entity=one.entity, unit=self.unit, reason=one.reason
            )
        yield from self._grades_set_by_hand(ledger, frozen)

    def _grades_set_by_hand(self, ledger: Reading, frozen: FrozenRoster) -> Iterator[Event]:
        """GRD-V1, each looked up again: the finding is about the unit that set the grade."""
        window = timedelta(days=int(ledger.setting("grade.override_window_cd")))
        ledger.read_all(GradesSetByHand(entity) for entity in frozen.overridden)
        for entity in frozen.overridden:
            for assessed_on, unit, position in ledger.read(GradesSetByHand(entity)).overrides:
                if self.as_of - window <= assessed_on <= self.as_of:
                    yield finding(
                        ledger,
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
    ACTS_FOR = "unit"

    roster: RosterId
    unit: UnitId
    officers: Annotated[tuple[OfficerId, ...], msgspec.Meta(min_length=1, max_length=1000)]

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.new(OfficerRoster(self.roster))
        officers = tuple(sorted(set(self.officers)))
        needed = int(ledger.setting("inspection.min_officers"))
        reasons = [] if len(officers) >= needed else [f"only {len(officers)} named"]
        ledger.read_all(OfficerStanding(officer) for officer in officers)
        for officer in officers:
            barred = ledger.read(OfficerStanding(officer)).barred(ledger.on, self.unit, set())
            if barred is not None:
                reasons.append(f"{officer} {barred}")
        ledger.require(
            not reasons,
            filing.FIL_R6,
            needed=needed,
            reason="; ".join(reasons),
            unit=self.unit,
            on=ledger.on,
        )
        yield OfficerRosterFrozen(
            roster=self.roster,
            unit=self.unit,
            as_of=ledger.on,
            officers=officers,
            roster_hash=officers_hash(officers),
        )


def due_ratios(
    table: Mapping[str, str], items: Iterable[DrawMatter | None]
) -> dict[StratumKey, str]:
    """The ratio of each grade: that of ``draw.ratio``, or the smallest cap of a general matter."""
    caps = [
        item.ratio_cap
        for item in items
        if item is not None and item.draw_class == "general" and item.ratio_cap is not None
    ]
    keys: tuple[StratumKey, ...] = ("A", "B", "C", "D")
    return {key: min((table[key], *caps), key=ratio_of) for key in keys}


def require_within_cap(ledger: Reading, matter: str, ratio: str, cap: str) -> None:
    """Refuse a ratio of a general matter above its cap (DRW-R4)."""
    ledger.setting("draw.general_ratio_cap")  # its version belongs to the refusal
    ledger.require(
        ratio_of(ratio) <= ratio_of(cap),
        rules.DRW_R4,
        matter=matter,
        ratio=ratio,
        cap=cap,
    )


def left_without_reason(roster: str, missing: list[str]) -> dict[str, Any]:
    """What DRW-R7 says of those who belong on a roster and are left out of it without a reason."""
    first = missing[0] if missing else None
    return {
        "roster": roster,
        "reason": f"{first} belongs on it and is left out without a recorded reason "
        f"({len(missing)} such)",
        "entity": first,
        "missing": len(missing),
    }
