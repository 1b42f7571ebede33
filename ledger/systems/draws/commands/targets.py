"""Those who were drawn: who goes there, who goes instead, and whom the rules let off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from ledger.general.countersigning import Countersigned
from ledger.general.roles import DRAWERS
from ledger.general.vocabulary import DrawId, EntityId, OfficerId, Role, Text, is_among, same_person
from ledger.kernel import Act, Event, Fact, Malformed, OutOfStep, Reading, Rule, UnknownReference
from ledger.systems.catalogue.folds import Matter
from ledger.systems.draws import rules, uvdraw
from ledger.systems.draws.commands.common import (
    officers_of,
    officers_of_part,
    operated,
    require_no_inspector,
)
from ledger.systems.draws.effects import CalledReserves, exempted
from ledger.systems.draws.events import (
    DrawExemptionRequested,
    DrawOperated,
    DrawPart,
    DrawTargetExempted,
    ExemptGround,
    OfficersAssigned,
    OfficerSubstituted,
    SkippedOfficer,
)
from ledger.systems.draws.exemptions import UnitTargets, require_ground
from ledger.systems.draws.folds import DrawnTarget, DrawnTasks, DrawState, Target, why_barred
from ledger.systems.entities.folds import Registration
from ledger.systems.entities.rules import LEFT_HOW, require_listed
from ledger.systems.filing import rules as filing
from ledger.systems.filing.effects import cancelled
from ledger.systems.filing.folds import Task
from ledger.systems.supervision.findings import finding


class AssignOfficers(Act):
    """随机选派检查人员: take the first officers of each unit in the drawn order who may go.

    ``on_leave`` names who is away on ``planned_on``; whoever is passed over is recorded with the
    reason.
    """

    ROLES = DRAWERS

    draw: DrawId
    entity: EntityId
    planned_on: date
    on_leave: tuple[OfficerId, ...] = ()

    def decide(self, ledger: Reading) -> Iterator[Event | Fact]:
        draw, target = waiting_target(ledger, self.draw, self.entity, listed=True)
        require_no_inspector(ledger, draw, ledger.actor.person_id)
        if target.officers:
            raise OutOfStep(
                f"{', '.join(target.officers)} are assigned to {target.target}; substitute one"
            )
        for part in draw.parts:
            event = self._assigned(ledger, draw, target, part)
            # Who goes where is sealed: each unit knows of its own.
            yield Fact(event, for_unit=None if part.unit == draw.unit else part.unit)

    def _assigned(
        self, ledger: Reading, draw: DrawState, target: Target, part: DrawPart
    ) -> OfficersAssigned:
        """The officers of one unit: the first in the drawn order who may go."""
        domains = _domains(ledger, part)
        needed = int(ledger.setting("inspection.min_officers"))
        assigned: list[OfficerId] = []
        skipped: list[SkippedOfficer] = []
        assert draw.seed is not None
        for officer in uvdraw.officer_order(
            draw.seed, self.draw, self.entity, officers_of_part(ledger, part)
        ):
            if len(assigned) == needed:
                break
            barred = why_barred(
                ledger, officer, part.unit, self.entity, on=self.planned_on, domains=domains
            )
            if officer in self.on_leave and barred is None:
                barred = "leave"
            if barred is None:
                assigned.append(officer)
            else:
                skipped.append(SkippedOfficer(officer=officer, reason=barred))
        passed = "; ".join(f"{one.officer} {one.reason}" for one in skipped)
        ledger.require(
            len(assigned) == needed,
            filing.FIL_R6,
            needed=needed,
            reason=f"of the officer roster only {len(assigned)} may go ({passed})",
            unit=part.unit,
            on=self.planned_on,
        )
        return OfficersAssigned(
            target=target.target,
            draw=self.draw,
            entity=self.entity,
            unit=part.unit,
            officers=tuple(assigned),
            planned_on=self.planned_on,
            skipped=tuple(skipped),
        )


class SubstituteOfficer(Countersigned):
    """更换检查人员: another officer of the roster goes, for a reason, approved by a second person
    (DRW-R8).

    Neither the one who asks nor the one who approves can be drawn to inspect in the draw.
    """

    ROLES = DRAWERS

    NAME: ClassVar[str] = "draws.substitute-officer"
    APPROVERS: ClassVar[frozenset[Role]] = DRAWERS

    draw: DrawId
    entity: EntityId
    from_officer: OfficerId
    to_officer: OfficerId
    reason: Text | None = None

    def require_signer(self, ledger: Reading, requested_by: str | None) -> None:
        operated(ledger, self.draw)

    def same_person(self, ledger: Reading, person: str) -> tuple[Rule, Mapping[str, Any]]:
        drawn = ledger.read(DrawnTarget(self.entity, self.draw))
        reason = f"{person} requested it and cannot approve it too"
        return rules.DRW_R8, {"target": drawn.target, "reason": reason}

    def confidential(self, ledger: Reading) -> bool:
        """Who goes where is sealed, and so is who is to go instead."""
        return True

    def effect(self, ledger: Reading, requested_by: str | None) -> Iterator[Event | Fact]:
        draw, target = waiting_target(ledger, self.draw, self.entity, listed=True)
        part = self._part(ledger, target)
        assert target.planned_on is not None
        barred = why_barred(
            ledger,
            self.to_officer,
            part.unit,
            self.entity,
            on=target.planned_on,
            domains=_domains(ledger, part),
        )
        broken = [
            what
            for what, holds in (
                ("no reason is given", self.reason is None),
                (f"{self.to_officer} is barred by {barred}", barred is not None),
                (
                    f"{self.to_officer} is not on the officer roster",
                    self.to_officer not in officers_of_part(ledger, part),
                ),
                (f"{self.to_officer} goes already", self.to_officer in target.officers),
            )
            if holds
        ]
        ledger.require(not broken, rules.DRW_R8, target=target.target, reason="; ".join(broken))
        assert self.reason is not None
        substituted = OfficerSubstituted(
            target=target.target,
            draw=self.draw,
            entity=self.entity,
            unit=part.unit,
            from_officer=self.from_officer,
            to_officer=self.to_officer,
            reason=self.reason,
            approver=ledger.actor.person_id,
        )
        if part.unit == draw.unit:
            yield substituted
            return
        # As the assignment: the unit whose officer goes reads it, and who acted stands apart.
        yield Fact(substituted, for_unit=part.unit)
        yield DrawOperated(draw=self.draw, unit=draw.unit, step="substituted")

    def _part(self, ledger: Reading, target: Target) -> DrawPart:
        """The part of the draw whose officer is to be replaced."""
        for part in ledger.read(DrawState(self.draw)).parts:
            if self.from_officer in target.by_unit.get(part.unit, ()):
                return part
        raise OutOfStep(f"{self.from_officer} is not assigned to {target.target}")


class RequestExemption(Act):
    """申请免予检查: ask that a drawn business be let off on a ground of the rules (DRW-R10).

    The ledger is asked whether the ground holds. Another person decides with exempt-target.
    ``instrument``: the document by which a court or prosecutor holds the business.
    """

    ROLES = DRAWERS

    draw: DrawId
    entity: EntityId
    reason: ExemptGround
    evidence: Text
    instrument: Text | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        draw, target = waiting_target(ledger, self.draw, self.entity)
        require_no_inspector(ledger, draw, ledger.actor.person_id)
        if (self.reason == "judicial_custody") is (self.instrument is None):
            raise Malformed(
                "a judicial custody names its instrument, and no other ground has one",
                "/instrument",
            )
        require_ground(ledger, draw, target, self.reason)
        yield DrawExemptionRequested(
            target=target.target,
            draw=self.draw,
            entity=self.entity,
            unit=draw.unit,
            reason=self.reason,
            evidence=self.evidence,
            instrument=self.instrument,
        )


class ExemptTarget(Act):
    """免予检查: approve that a drawn business is let off, as another person asked for (DRW-R10).

    Its task is cancelled, and a reserve takes its place. ``reason`` is the ground that was asked
    for, ``evidence`` what the approver has seen of it, if anything else. The service fills in
    ``reserves``.
    """

    ROLES = DRAWERS

    draw: DrawId
    entity: EntityId
    reason: ExemptGround
    evidence: Text | None = None
    reserves: CalledReserves | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        draw, target = waiting_target(ledger, self.draw, self.entity)
        require_ground(ledger, draw, target, self.reason)
        person, asked = ledger.actor.person_id, target.asked
        broken = None
        if asked is None or asked.reason != self.reason:
            broken = f"nobody has asked for it as {self.reason}; another person has to"
        elif same_person(asked.by, person):
            broken = f"{person} asked for it, and cannot approve it as well"
        elif is_among(person, officers_of(ledger, draw)):
            broken = f"{person} can be drawn to inspect in this draw"
        ledger.require(broken is None, rules.DRW_R10, target=target.target, reason=broken)
        assert asked is not None
        exemption = DrawTargetExempted(
            target=target.target,
            draw=self.draw,
            entity=self.entity,
            unit=draw.unit,
            reason=self.reason,
            evidence=self.evidence or asked.evidence,
            requested_by=asked.by,
            instrument=asked.instrument,
        )
        lines = () if self.reserves is None else self.reserves.lines
        yield from exempted(ledger, draw, target.stratum, exemption, lines)
        for name in ledger.read(DrawnTasks(self.entity, self.draw)).tasks:
            task = ledger.read(Task(name))
            if task.stage in ("approved", "notified"):
                yield cancelled(task, f"exempted from {self.draw}: {self.reason}")
        yield from self._too_many(ledger, draw)

    def _too_many(self, ledger: Reading, draw: DrawState) -> Iterator[Event]:
        """DRW-V7: more of those that the unit drew in a year are let off than is allowed for."""
        share = Decimal(str(ledger.setting("draw.exempt_share")))
        drawn = ledger.read(UnitTargets(draw.unit)).of(draw.year)
        let_off = drawn.let_off + 1
        if let_off > share * drawn.selected:
            yield finding(
                ledger,
                rules.DRW_V7,
                unit=draw.unit,
                plan=draw.plan,
                draw=self.draw,
                year=draw.year,
                exempted=let_off,
                drawn=drawn.selected,
                allowed_share=str(share),
            )


class ExemptDeparted(Act):
    """已退出登记的抽中对象: let a business off that had left its register when it was drawn.

    It follows of itself, as the leaving would have it done. What is done already is passed over.
    """

    draw: DrawId
    entity: EntityId
    reserves: CalledReserves | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        draw = operated(ledger, self.draw)
        drawn = ledger.read(DrawnTarget(self.entity, self.draw))
        target = ledger.read(Target(drawn.target))
        left = ledger.read(Registration(self.entity)).left(ledger.today)
        if draw.stage == "voided" or target.state != "waiting" or left is None:
            return
        exemption = DrawTargetExempted(
            target=target.target,
            draw=self.draw,
            entity=self.entity,
            unit=draw.unit,
            reason="closed",
            evidence=f"the business {LEFT_HOW[left.kind]} on {left.on}",
            of_itself=True,
        )
        lines = () if self.reserves is None else self.reserves.lines
        yield from exempted(ledger, draw, target.stratum, exemption, lines)


def waiting_target(
    ledger: Reading, draw_id: str, entity: str, *, listed: bool = False
) -> tuple[DrawState, Target]:
    """The draw, and the business's place in it, whose visit is still asked for.

    ``listed``: what is done presupposes that the register lists the business (ENT-R1).
    """
    draw = ledger.known(DrawState(draw_id), "Announce the draw first.")
    ledger.act_for(draw.unit)
    if listed:
        require_listed(ledger, entity)
    drawn = ledger.read(DrawnTarget(entity, draw_id))
    if not drawn.exists:
        raise UnknownReference("target", f"{draw_id}: {entity}", "The draw did not select it.")
    target = ledger.read(Target(drawn.target))
    if draw.stage == "voided" or target.state != "waiting":
        state = "voided" if draw.stage == "voided" else target.state
        raise OutOfStep(f"target {target.target} is {state}; no visit is asked for any more")
    return draw, target


def _domains(ledger: Reading, part: DrawPart) -> set[str]:
    """The domains that the matters of a unit's part ask certificates for."""
    found = (ledger.read(Matter(matter)).elements for matter in part.matters)
    return {one.domain for one in found if one is not None and one.domain != "general"}
