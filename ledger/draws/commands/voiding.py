"""A draw that does not count: voided on one of four grounds, its targets released."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from ledger.corrections.folds import require_known
from ledger.draws import rules
from ledger.draws.events import DrawOperated, DrawTargetReleased, DrawVoided, VoidGround
from ledger.draws.folds import DrawState, PlanDraws, Target
from ledger.kernel import Command, Event, OutOfStep, Reading
from ledger.supervision.findings import finding
from ledger.vocabulary import Badge, DrawId, Name, TargetId, Text


class VoidDraw(Command):
    """抽查作废: void a draw on a ground of the closed list, with a second person (DRW-R5)."""

    draw: DrawId
    #: Any text comes in, so that a wrong ground is answered with the rule and the four that count.
    reason_code: Name
    approver: Badge
    evidence: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.must_be_now()
        draw = ledger.known(DrawState(self.draw), "Announce the draw first.")
        ledger.act_for(draw.unit)
        grounds: tuple[VoidGround, ...] = get_args(VoidGround)
        ground = next((one for one in grounds if one == self.reason_code), None)
        ledger.require(
            ground is not None,
            rules.DRW_R5,
            reason=f"{self.reason_code} is no ground",
            grounds=grounds,
        )
        ledger.require(
            self.approver not in (*draw.operators, ledger.actor.person_id),
            rules.DRW_R5,
            reason=f"{self.approver} operated the draw, or asks for its voiding",
        )
        require_known(ledger, self.approver)
        assert ground is not None
        if draw.stage == "voided":
            if draw.void_reason == self.reason_code:
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
        yield DrawOperated(draw=self.draw, unit=draw.unit, step="voided", approver=self.approver)
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


class ReleaseTargets(Command):
    """解除抽中对象: after a draw was voided, nobody is owed a visit any more; some at a time."""

    draw: DrawId
    targets: tuple[TargetId, ...]

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.must_be_now()
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
