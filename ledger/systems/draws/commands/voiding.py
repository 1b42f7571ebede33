"""Void a draw on one of four grounds, and release its targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, get_args

from ledger.general.countersigning import Countersigned
from ledger.general.findings import finding
from ledger.general.roles import DRAWERS
from ledger.general.vocabulary import DrawId, Name, Role, TargetId, Text, is_among
from ledger.kernel import Act, Event, Inquiry, OutOfStep, Rule, message
from ledger.systems.draws import rules
from ledger.systems.draws.events import DrawOperated, DrawTargetReleased, DrawVoided, VoidGround
from ledger.systems.draws.folds import DrawState, PlanDraws, Target


class VoidDraw(Countersigned):
    """抽查作废: void a draw on a ground of the closed list; a second person approves it (DRW-R5).

    A person who announced or made the draw can request this but cannot approve it.
    """

    ROLES = DRAWERS

    NAME: ClassVar[str] = "draws.void-draw"
    APPROVERS: ClassVar[frozenset[Role]] = DRAWERS

    draw: DrawId
    #: Any text is accepted, so that a wrong ground is refused under the rule, with the valid ones.
    reason_code: Name
    evidence: Text

    def require_signer(self, inquiry: Inquiry, requested_by: str | None) -> None:
        draw = inquiry.own(DrawState(self.draw), "draws.announce-draw-first")
        person = inquiry.actor.person_id
        inquiry.require(
            requested_by is None or not is_among(person, draw.operators),
            rules.DRW_R5,
            reason=message("draws.operated-draw", person=person),
        )

    def same_person(self, inquiry: Inquiry, person: str) -> tuple[Rule, Mapping[str, Any]]:
        return rules.DRW_R5, {
            "reason": message("general.requested-cannot-approve-too", person=person)
        }

    def needs_second(self, inquiry: Inquiry) -> bool:
        # For a draw voided on this ground already, the command only releases the targets.
        return inquiry.read(DrawState(self.draw)).void_reason != self.reason_code

    def effect(self, inquiry: Inquiry, requested_by: str | None) -> Iterator[Event]:
        draw = inquiry.read(DrawState(self.draw))
        grounds: tuple[VoidGround, ...] = get_args(VoidGround)
        ground = next((valid for valid in grounds if valid == self.reason_code), None)
        inquiry.require(
            ground is not None,
            rules.DRW_R5,
            reason=message("draws.not-ground", reason_code=self.reason_code),
            grounds=grounds,
        )
        assert ground is not None
        if draw.stage == "voided":
            if requested_by is None:
                return
            raise OutOfStep(
                "draws.draw-voided-already",
                draw=self.draw,
                voided_on=draw.voided_on,
                void_reason=draw.void_reason,
            )
        yield DrawVoided(
            draw=self.draw,
            unit=draw.unit,
            plan=draw.plan,
            stage=draw.stage,
            reason_code=ground,
            evidence=self.evidence,
        )
        yield DrawOperated(
            draw=self.draw, unit=draw.unit, step="voided", approver=inquiry.actor.person_id
        )
        allowed = int(inquiry.setting("draw.void_max"))
        voided = len(inquiry.read(PlanDraws(draw.plan)).voided) + 1
        if voided > allowed:
            yield finding(
                inquiry,
                rules.DRW_V3,
                unit=draw.unit,
                plan=draw.plan,
                draw=self.draw,
                voided=voided,
                allowed=allowed,
            )


class ReleaseTargets(Act):
    """解除抽中对象: release targets of a voided draw from their visits, some at a time."""

    draw: DrawId
    targets: tuple[TargetId, ...]

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        draw = inquiry.own(DrawState(self.draw))
        if draw.stage != "voided":
            raise OutOfStep(
                "draws.draw-must-be-voided-before-targets-released",
                draw=self.draw,
                stage=draw.stage,
            )
        inquiry.read_all(Target(name) for name in self.targets)
        for name in self.targets:
            target = inquiry.read(Target(name))
            if target.draw == self.draw and target.state == "waiting":
                yield DrawTargetReleased(
                    target=name, draw=self.draw, entity=target.entity, unit=draw.unit
                )
