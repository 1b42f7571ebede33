"""A draw that does not count: voided on one of four grounds, its targets released."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, get_args

from ledger.general.countersigning import Countersigned
from ledger.general.roles import DRAWERS
from ledger.general.vocabulary import DrawId, Name, Role, TargetId, Text, is_among
from ledger.kernel import Act, Event, OutOfStep, Reading, Rule
from ledger.systems.draws import rules
from ledger.systems.draws.events import DrawOperated, DrawTargetReleased, DrawVoided, VoidGround
from ledger.systems.draws.folds import DrawState, PlanDraws, Target
from ledger.systems.supervision.findings import finding


class VoidDraw(Countersigned):
    """抽查作废: void a draw on a ground of the closed list; a second person approves it (DRW-R5).

    Whoever announced or made the draw may ask for it and not approve it.
    """

    ROLES = DRAWERS

    NAME: ClassVar[str] = "draws.void-draw"
    APPROVERS: ClassVar[frozenset[Role]] = DRAWERS

    draw: DrawId
    #: Any text comes in, so that a wrong ground is answered with the rule and the four that count.
    reason_code: Name
    evidence: Text

    def require_signer(self, ledger: Reading, requested_by: str | None) -> None:
        draw = ledger.known(DrawState(self.draw), "Announce the draw first.")
        ledger.act_for(draw.unit)
        person = ledger.actor.person_id
        ledger.require(
            requested_by is None or not is_among(person, draw.operators),
            rules.DRW_R5,
            reason=f"{person} operated the draw",
        )

    def same_person(self, ledger: Reading, person: str) -> tuple[Rule, Mapping[str, Any]]:
        return rules.DRW_R5, {"reason": f"{person} asks for its voiding"}

    def needs_second(self, ledger: Reading) -> bool:
        # Voided on this ground already, it is sent again to have its targets released.
        return ledger.read(DrawState(self.draw)).void_reason != self.reason_code

    def effect(self, ledger: Reading, requested_by: str | None) -> Iterator[Event]:
        draw = ledger.read(DrawState(self.draw))
        grounds: tuple[VoidGround, ...] = get_args(VoidGround)
        ground = next((one for one in grounds if one == self.reason_code), None)
        ledger.require(
            ground is not None,
            rules.DRW_R5,
            reason=f"{self.reason_code} is no ground",
            grounds=grounds,
        )
        assert ground is not None
        if draw.stage == "voided":
            if requested_by is None:
                return
            raise OutOfStep(f"draw {self.draw} was voided on {draw.voided_on}: {draw.void_reason}")
        yield DrawVoided(
            draw=self.draw,
            unit=draw.unit,
            plan=draw.plan,
            stage=draw.stage,
            reason_code=ground,
            evidence=self.evidence,
        )
        yield DrawOperated(
            draw=self.draw, unit=draw.unit, step="voided", approver=ledger.actor.person_id
        )
        allowed = int(ledger.setting("draw.void_max"))
        voided = len(ledger.read(PlanDraws(draw.plan)).voided) + 1
        if voided > allowed:
            yield finding(
                ledger,
                rules.DRW_V3,
                unit=draw.unit,
                plan=draw.plan,
                draw=self.draw,
                voided=voided,
                allowed=allowed,
            )


class ReleaseTargets(Act):
    """解除抽中对象: after a draw was voided, nobody is owed a visit any more; some at a time."""

    draw: DrawId
    targets: tuple[TargetId, ...]

    def decide(self, ledger: Reading) -> Iterator[Event]:
        draw = ledger.known(DrawState(self.draw))
        ledger.act_for(draw.unit)
        if draw.stage != "voided":
            raise OutOfStep(f"draw {self.draw} is {draw.stage}; only a voided one releases")
        ledger.read_all(Target(one) for one in self.targets)
        for one in self.targets:
            target = ledger.read(Target(one))
            if target.draw == self.draw and target.state == "waiting":
                yield DrawTargetReleased(
                    target=one, draw=self.draw, entity=target.entity, unit=draw.unit
                )
