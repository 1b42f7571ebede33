"""Targets of a draw: assign officers to them, replace officers, exempt businesses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from ledger.general.countersigning import Countersigned
from ledger.general.findings import finding
from ledger.general.roles import DRAWERS
from ledger.general.vocabulary import DrawId, EntityId, OfficerId, Role, Text, is_among, same_person
from ledger.kernel import (
    Act,
    Event,
    Fact,
    Inquiry,
    Malformed,
    OutOfStep,
    Rule,
    UnknownReference,
    message,
)
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


class AssignOfficers(Act):
    """随机选派检查人员: assign the first officers of each unit, in the drawn order, who may go.

    ``on_leave`` names the officers on leave on ``planned_on``. Each officer who is passed over is
    recorded with the reason.
    """

    ROLES = DRAWERS

    draw: DrawId
    entity: EntityId
    planned_on: date
    on_leave: tuple[OfficerId, ...] = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event | Fact]:
        draw, target = waiting_target(inquiry, self.draw, self.entity, listed=True)
        require_no_inspector(inquiry, draw, inquiry.actor.person_id)
        if target.officers:
            raise OutOfStep(
                "draws.assigned-already", officers=target.officers, target=target.target
            )
        for part in draw.parts:
            event = self._assigned(inquiry, draw, target, part)
            # Assignments are sealed: each unit reads its own.
            yield Fact(event, for_unit=None if part.unit == draw.unit else part.unit)

    def _assigned(
        self, inquiry: Inquiry, draw: DrawState, target: Target, part: DrawPart
    ) -> OfficersAssigned:
        """Return the officers of one unit: the first in the drawn order who may go."""
        domains = _domains(inquiry, part)
        needed = int(inquiry.setting("inspection.min_officers"))
        assigned: list[OfficerId] = []
        skipped: list[SkippedOfficer] = []
        assert draw.seed is not None
        for officer in uvdraw.officer_order(
            draw.seed, self.draw, self.entity, officers_of_part(inquiry, part)
        ):
            if len(assigned) == needed:
                break
            barred = why_barred(
                inquiry, officer, part.unit, self.entity, on=self.planned_on, domains=domains
            )
            if officer in self.on_leave and barred is None:
                barred = "leave"
            if barred is None:
                assigned.append(officer)
            else:
                skipped.append(SkippedOfficer(officer=officer, reason=barred))
        passed = [f"{officer.officer} {officer.reason}" for officer in skipped]
        inquiry.require(
            len(assigned) == needed,
            filing.FIL_R6,
            needed=needed,
            reason=message(
                "draws.only-officers-roster-may-go", assigned_count=len(assigned), passed=passed
            ),
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
    """更换检查人员: replace an officer with another one of the roster, for a reason (DRW-R8).

    A second person must approve it. The two persons must not be on the officer rosters of the draw.
    """

    ROLES = DRAWERS

    NAME: ClassVar[str] = "draws.substitute-officer"
    APPROVERS: ClassVar[frozenset[Role]] = DRAWERS

    draw: DrawId
    entity: EntityId
    from_officer: OfficerId
    to_officer: OfficerId
    reason: Text | None = None

    def require_signer(self, inquiry: Inquiry, requested_by: str | None) -> None:
        operated(inquiry, self.draw)

    def same_person(self, inquiry: Inquiry, person: str) -> tuple[Rule, Mapping[str, Any]]:
        drawn = inquiry.read(DrawnTarget(self.entity, self.draw))
        reason = message("general.requested-cannot-approve-too", person=person)
        return rules.DRW_R8, {"target": drawn.target, "reason": reason}

    def confidential(self, inquiry: Inquiry) -> bool:
        """Return ``True``: assignments are sealed, and so are replacements."""
        return True

    def effect(self, inquiry: Inquiry, requested_by: str | None) -> Iterator[Event | Fact]:
        draw, target = waiting_target(inquiry, self.draw, self.entity, listed=True)
        part = self._part(inquiry, target)
        assert target.planned_on is not None
        barred = why_barred(
            inquiry,
            self.to_officer,
            part.unit,
            self.entity,
            on=target.planned_on,
            domains=_domains(inquiry, part),
        )
        broken = [
            fault
            for fault, present in (
                (message("general.no-reason-given"), self.reason is None),
                (
                    message("draws.barred-by", officer=self.to_officer, barred=barred),
                    barred is not None,
                ),
                (
                    message("draws.not-on-officer-roster", officer=self.to_officer),
                    self.to_officer not in officers_of_part(inquiry, part),
                ),
                (
                    message("draws.officer-assigned-already", officer=self.to_officer),
                    self.to_officer in target.officers,
                ),
            )
            if present
        ]
        inquiry.require(
            not broken,
            rules.DRW_R8,
            target=target.target,
            reason=message("general.clauses", clauses=broken),
        )
        assert self.reason is not None
        substituted = OfficerSubstituted(
            target=target.target,
            draw=self.draw,
            entity=self.entity,
            unit=part.unit,
            from_officer=self.from_officer,
            to_officer=self.to_officer,
            reason=self.reason,
            approver=inquiry.actor.person_id,
        )
        if part.unit == draw.unit:
            yield substituted
            return
        # As for the assignment, the unit of the officer reads it; another event names the operator.
        yield Fact(substituted, for_unit=part.unit)
        yield DrawOperated(draw=self.draw, unit=draw.unit, step="substituted")

    def _part(self, inquiry: Inquiry, target: Target) -> DrawPart:
        """Return the part of the draw whose officer is to be replaced."""
        for part in inquiry.read(DrawState(self.draw)).parts:
            if self.from_officer in target.by_unit.get(part.unit, ()):
                return part
        raise OutOfStep(
            "draws.from-officer-must-be-assigned",
            target=target.target,
            from_officer=self.from_officer,
        )


class RequestExemption(Act):
    """申请免予检查: request the exemption of a drawn business on a ground of the rules (DRW-R10).

    The ground must be confirmed by the ledger. Another person decides with exempt-target.
    ``instrument``: the document of the court or prosecutor that holds the business.
    """

    ROLES = DRAWERS

    draw: DrawId
    entity: EntityId
    reason: ExemptGround
    evidence: Text
    instrument: Text | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        draw, target = waiting_target(inquiry, self.draw, self.entity)
        require_no_inspector(inquiry, draw, inquiry.actor.person_id)
        if (self.reason == "judicial_custody") is (self.instrument is None):
            raise Malformed(
                "draws.instrument-must-be-given-judicial-custody-no-other",
                pointer="/instrument",
            )
        require_ground(inquiry, draw, target, self.reason)
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
    """免予检查: approve the exemption of a drawn business that another person requested (DRW-R10).

    Its task is cancelled, and a reserve takes its place. ``reason`` is the requested ground;
    ``evidence`` is what the approver has seen, if it is not that of the request. The service fills
    in ``reserves``.
    """

    ROLES = DRAWERS

    draw: DrawId
    entity: EntityId
    reason: ExemptGround
    evidence: Text | None = None
    reserves: CalledReserves | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        draw, target = waiting_target(inquiry, self.draw, self.entity)
        require_ground(inquiry, draw, target, self.reason)
        person, asked = inquiry.actor.person_id, target.asked
        broken = None
        if asked is None or asked.reason != self.reason:
            broken = message("draws.another-person-must-request-first-ground", reason=self.reason)
        elif same_person(asked.by, person):
            broken = message("general.requested-cannot-approve-too", person=person)
        elif is_among(person, officers_of(inquiry, draw)):
            broken = message("draws.can-drawn-inspect-draw", person=person)
        inquiry.require(broken is None, rules.DRW_R10, target=target.target, reason=broken)
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
        yield from exempted(inquiry, draw, target.stratum, exemption, lines)
        for name in inquiry.read(DrawnTasks(self.entity, self.draw)).tasks:
            task = inquiry.read(Task(name))
            if task.stage in ("approved", "notified"):
                yield cancelled(task, f"exempted from {self.draw}: {self.reason}")
        yield from self._too_many(inquiry, draw)

    def _too_many(self, inquiry: Inquiry, draw: DrawState) -> Iterator[Event]:
        """Yield finding DRW-V7 if the unit exempted too large a share of its drawn businesses."""
        share = Decimal(str(inquiry.setting("draw.exempt_share")))
        drawn = inquiry.read(UnitTargets(draw.unit)).of(draw.year)
        exempted_so_far = drawn.let_off + 1
        if exempted_so_far > share * drawn.selected:
            yield finding(
                inquiry,
                rules.DRW_V7,
                unit=draw.unit,
                plan=draw.plan,
                draw=self.draw,
                year=draw.year,
                exempted=exempted_so_far,
                drawn=drawn.selected,
                allowed_share=str(share),
            )


class ExemptDeparted(Act):
    """已退出登记的抽中对象: exempt a business that had left its register before it was drawn.

    The exemption needs no request, as when a business leaves after the draw. Nothing is recorded if
    the business is exempted already.
    """

    draw: DrawId
    entity: EntityId
    reserves: CalledReserves | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        draw = operated(inquiry, self.draw)
        drawn = inquiry.read(DrawnTarget(self.entity, self.draw))
        target = inquiry.read(Target(drawn.target))
        left = inquiry.read(Registration(self.entity)).left(inquiry.today)
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
        yield from exempted(inquiry, draw, target.stratum, exemption, lines)


def waiting_target(
    inquiry: Inquiry, draw_id: str, entity: str, *, listed: bool = False
) -> tuple[DrawState, Target]:
    """Return the draw and the target of the business in it; its visit must still be due.

    ``listed``: the register must list the business, too (ENT-R1).
    """
    draw = inquiry.own(DrawState(draw_id), "draws.announce-draw-first")
    if listed:
        require_listed(inquiry, entity)
    drawn = inquiry.read(DrawnTarget(entity, draw_id))
    if not drawn.exists:
        raise UnknownReference("target", f"{draw_id}: {entity}", "draws.draw-did-not-select")
    target = inquiry.read(Target(drawn.target))
    if draw.stage == "voided" or target.state != "waiting":
        state = "voided" if draw.stage == "voided" else target.state
        raise OutOfStep("draws.target-must-be-waiting-visit", target=target.target, state=state)
    return draw, target


def _domains(inquiry: Inquiry, part: DrawPart) -> set[str]:
    """Return the domains for which the matters of a unit's part require certificates."""
    matters = (inquiry.read(Matter(matter)).elements for matter in part.matters)
    return {
        elements.domain
        for elements in matters
        if elements is not None and elements.domain != "general"
    }
