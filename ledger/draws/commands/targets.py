"""Those who were drawn: who goes there, who goes instead, and whom the rules let off."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated

import msgspec

from ledger.catalogue.folds import Matter
from ledger.corrections.folds import require_known
from ledger.draws import rules, uvdraw
from ledger.draws.commands.common import officers_of, require_no_inspector
from ledger.draws.events import (
    Count,
    DrawTargetExempted,
    DrawTargetSelected,
    ExemptGround,
    OfficersAssigned,
    OfficerSubstituted,
    SkippedOfficer,
    StratumKey,
)
from ledger.draws.folds import DrawnTarget, DrawState, ExemptedTargets, Target, why_barred
from ledger.filing import rules as filing
from ledger.filing.events import Ratio
from ledger.kernel import Command, Event, OutOfStep, Reading, UnknownReference, Value
from ledger.vocabulary import Badge, DrawId, EntityId, OfficerId, Sha256, Text


class SelectedLine(Value):
    """One line of a selection with its proof: line ``index`` under the selection's root."""

    uscc: EntityId
    stratum: StratumKey
    ticket: Sha256
    rank: Annotated[int, msgspec.Meta(ge=1)]
    inclusion_prob: Ratio
    index: Count
    path: tuple[Sha256, ...]

    def stands_in(self, draw: DrawState) -> bool:
        """Whether the executed draw's selection has this line."""
        assert draw.selection_root is not None
        line = uvdraw.line(
            uvdraw.Picked(
                self.uscc, self.stratum, self.ticket, self.rank, self.inclusion_prob
            )._asdict()
        )
        return uvdraw.proves(draw.selection_root, draw.selection_count, self.index, line, self.path)


class AssignOfficers(Command):
    """随机选派检查人员: take the first officers in the drawn order who may go to a business.

    ``on_leave`` names who is away on ``planned_on``; whoever is passed over is recorded with the
    reason.
    """

    draw: DrawId
    entity: EntityId
    planned_on: date
    on_leave: tuple[OfficerId, ...] = ()

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.must_be_now()
        draw, target = waiting_target(ledger, self.draw, self.entity)
        require_no_inspector(ledger, draw, ledger.actor.person_id)
        if target.officers:
            raise OutOfStep(
                f"{', '.join(target.officers)} are assigned to {target.target}; substitute one"
            )
        domains = _domains(ledger, target)
        needed = int(ledger.setting("inspection.min_officers"))
        assigned: list[OfficerId] = []
        skipped: list[SkippedOfficer] = []
        assert draw.seed is not None
        for officer in uvdraw.officer_order(
            draw.seed, self.draw, self.entity, officers_of(ledger, draw)
        ):
            if len(assigned) == needed:
                break
            barred = why_barred(ledger, officer, target, self.planned_on, domains)
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
            unit=draw.unit,
            on=self.planned_on,
        )
        yield OfficersAssigned(
            target=target.target,
            draw=self.draw,
            entity=self.entity,
            unit=draw.unit,
            officers=tuple(assigned),
            planned_on=self.planned_on,
            skipped=tuple(skipped),
        )


class SubstituteOfficer(Command):
    """更换检查人员: another officer of the roster goes, for a reason and approved (DRW-R8)."""

    draw: DrawId
    entity: EntityId
    from_officer: OfficerId
    to_officer: OfficerId
    approver: Badge
    reason: Text | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.must_be_now()
        draw, target = waiting_target(ledger, self.draw, self.entity)
        require_no_inspector(ledger, draw, ledger.actor.person_id)
        if self.from_officer not in target.officers:
            raise OutOfStep(f"{self.from_officer} is not assigned to {target.target}")
        assert target.planned_on is not None
        barred = why_barred(
            ledger, self.to_officer, target, target.planned_on, _domains(ledger, target)
        )
        broken = [
            what
            for what, holds in (
                ("no reason is given", self.reason is None),
                (f"{self.approver} approves the own wish", self.approver == ledger.actor.person_id),
                (
                    f"{self.approver} approves the own visit",
                    self.approver in (self.from_officer, self.to_officer),
                ),
                (f"{self.to_officer} is barred by {barred}", barred is not None),
                (
                    f"{self.to_officer} stands not on the officer roster",
                    self.to_officer not in officers_of(ledger, draw),
                ),
                (f"{self.to_officer} goes already", self.to_officer in target.officers),
            )
            if holds
        ]
        ledger.require(not broken, rules.DRW_R8, target=target.target, reason="; ".join(broken))
        require_known(ledger, self.approver)
        assert self.reason is not None
        yield OfficerSubstituted(
            target=target.target,
            draw=self.draw,
            entity=self.entity,
            unit=draw.unit,
            from_officer=self.from_officer,
            to_officer=self.to_officer,
            reason=self.reason,
            approver=self.approver,
        )


class ExemptTarget(Command):
    """免予检查: let a drawn business off on a ground of the rules; a reserve takes its place.

    ``reserve`` is that next line of the selection; the service fills it in.
    """

    draw: DrawId
    entity: EntityId
    reason: ExemptGround
    evidence: Text
    reserve: SelectedLine | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.must_be_now()
        draw, target = waiting_target(ledger, self.draw, self.entity)
        require_no_inspector(ledger, draw, ledger.actor.person_id)
        yield DrawTargetExempted(
            target=target.target,
            draw=self.draw,
            entity=self.entity,
            unit=draw.unit,
            reason=self.reason,
            evidence=self.evidence,
        )
        rank = next_reserve(draw, ledger.read(ExemptedTargets(self.draw)), target.stratum)
        if rank is None:
            return
        reserve = self.reserve
        if reserve is None or (reserve.stratum, reserve.rank) != (target.stratum, rank):
            raise OutOfStep(f"the next reserve is {target.stratum}/{rank}; send the command again")
        yield selected(ledger, draw, reserve, in_place_of=target.target)


def waiting_target(ledger: Reading, draw_id: str, entity: str) -> tuple[DrawState, Target]:
    """The draw, and the business's place in it, whose visit is still asked for."""
    draw = ledger.known(DrawState(draw_id), "Announce the draw first.")
    ledger.act_for(draw.unit)
    drawn = ledger.read(DrawnTarget(entity, draw_id))
    if not drawn.exists:
        raise UnknownReference("target", f"{draw_id}: {entity}", "The draw did not select it.")
    target = ledger.read(Target(drawn.target))
    if draw.stage == "voided" or target.state != "waiting":
        state = "voided" if draw.stage == "voided" else target.state
        raise OutOfStep(f"target {target.target} is {state}; no visit is asked for any more")
    return draw, target


def selected(
    ledger: Reading, draw: DrawState, line: SelectedLine, *, in_place_of: str | None = None
) -> DrawTargetSelected:
    """The event of one line, which has to stand in the selection (DRW-R6)."""
    ledger.require(
        line.stands_in(draw),
        rules.DRW_R6,
        draw=draw.draw,
        reason=f"{line.uscc} is not line {line.index} of it",
    )
    assert draw.inspect_by is not None
    return DrawTargetSelected(
        target=target_id(draw.draw, line.stratum, line.rank),
        draw=draw.draw,
        entity=line.uscc,
        unit=draw.unit,
        plan=draw.plan,
        matters=draw.matters,
        stratum=line.stratum,
        ticket=line.ticket,
        rank=line.rank,
        inclusion_prob=line.inclusion_prob,
        inspect_by=draw.inspect_by,
        in_place_of=in_place_of,
    )


def target_id(draw: str, stratum: str, rank: int) -> str:
    """The id of one place of a selection."""
    return f"{draw}/{stratum}/{rank}"


def next_reserve(draw: DrawState, exempted: ExemptedTargets, stratum: str) -> int | None:
    """The rank of the reserve that takes the place of the next one exempted, if there is one."""
    start = target_id(draw.draw, stratum, 0)[:-1]
    called = sum(target.startswith(start) for target in exempted.targets)
    (count,) = (one for one in draw.drawn if one.key == stratum)
    rank = count.quota + called + 1
    return rank if rank <= min(count.size, count.quota + draw.reserves) else None


def _domains(ledger: Reading, target: Target) -> set[str]:
    """The domains that a visit's matters ask certificates for."""
    found = (ledger.read(Matter(matter)).elements for matter in target.matters)
    return {one.domain for one in found if one is not None and one.domain != "general"}
