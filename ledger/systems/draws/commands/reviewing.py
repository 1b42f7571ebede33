"""Review a draw afterwards: make it again, and compare it with the visits that took place."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from ledger.general.findings import finding
from ledger.general.roles import DRAWERS, roles
from ledger.general.vocabulary import DrawId
from ledger.kernel import Act, Event, Inquiry, Malformed, OutOfStep
from ledger.systems.draws import chance, rules
from ledger.systems.draws.commands.executing import DrawOutcome, difference
from ledger.systems.draws.events import DrawReviewed, DrawVerified
from ledger.systems.draws.folds import (
    DrawnTarget,
    DrawState,
    EntityRoster,
    LeftOutOf,
    Target,
    UnitVisits,
)
from ledger.systems.entities.folds import Registration
from ledger.systems.grading.folds import CreditGrade


class VerifyDraw(Act):
    """抽查复核: make the draw again and record whether the outcome is the same.

    The service fills in ``outcome``; an outcome that the sender computed is refused if it differs
    from that of the service (DRW-R6).
    """

    ROLES = roles("jb_supervisor", "recon_officer", "rlo_assessor", *DRAWERS)

    draw: DrawId
    outcome: DrawOutcome | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        draw = inquiry.known(DrawState(self.draw), "draws.announce-draw-first")
        if draw.executed_on is None:
            raise OutOfStep(
                "draws.draw-must-be-executed-before-verified", draw=self.draw, stage=draw.stage
            )
        if self.outcome is None:
            raise Malformed(
                "draws.outcome-must-be-filled-before-verification-recorded", pointer="/outcome"
            )
        mismatch = difference(draw, self.outcome)
        yield DrawVerified(
            draw=self.draw,
            unit=draw.unit,
            ok=mismatch is None,
            recomputed=True,
            mismatch=None if mismatch is None else str(mismatch),
        )


class ReviewDraw(Act):
    """抽查履行评估: compare the visits of a draw, after its last day, with the announced ratios.

    For each stratum, count the businesses, drawn or not, that the unit visited on these matters
    since the draw, and compute how improbable this number is under the announced ratio (DRW-V6). A
    business that fits the class of the roster and was not left out counts as on it (DRW-R7). If the
    strata are not grades, only drawn businesses can be assigned to a stratum. Recorded once.
    """

    ROLES = roles("jb_supervisor", "ledger_clock")

    draw: DrawId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        draw = inquiry.known(DrawState(self.draw), "draws.announce-draw-first")
        if draw.stage != "executed" or draw.inspect_by is None:
            raise OutOfStep(
                "draws.draw-must-be-executed-before-reviewed", draw=self.draw, stage=draw.stage
            )
        if inquiry.today <= draw.inspect_by:
            raise OutOfStep(
                "draws.last-day-visits-must-be-over",
                draw=self.draw,
                inspect_by=draw.inspect_by,
                today=inquiry.today,
            )
        if draw.reviewed_on is not None:
            return
        inspected = self._inspected(inquiry, draw)
        threshold = Fraction(str(inquiry.setting("selective_p")))
        chances = {
            stratum.key: chance.two_sided(
                stratum.size, inspected[stratum.key], stratum.quota, stratum.size
            )
            for stratum in draw.drawn
            if stratum.size
        }
        yield DrawReviewed(
            draw=self.draw,
            unit=draw.unit,
            plan=draw.plan,
            inspected=inspected,
            chances={key: chance.shown(value) for key, value in chances.items()},
        )
        for stratum in draw.drawn:
            if stratum.size and chances[stratum.key] < threshold:
                yield finding(
                    inquiry,
                    rules.DRW_V6,
                    unit=draw.unit,
                    plan=draw.plan,
                    draw=self.draw,
                    stratum=stratum.key,
                    size=stratum.size,
                    quota=stratum.quota,
                    inspected=inspected[stratum.key],
                    p=chance.shown(chances[stratum.key]),
                )

    def _inspected(self, inquiry: Inquiry, draw: DrawState) -> dict[str, int]:
        assert draw.executed_on is not None
        assert draw.inspect_by is not None
        matters = set(draw.matters)
        visited = {
            entity
            for entity, day, on in inquiry.read(UnitVisits(draw.unit)).visits
            if draw.executed_on <= day <= draw.inspect_by and matters & set(on)
        }
        inquiry.read_all(DrawnTarget(entity, self.draw) for entity in visited)
        members: dict[str, set[str]] = {stratum.key: set() for stratum in draw.drawn}
        for entity in visited:
            stratum = self._stratum(inquiry, draw, entity)
            if stratum in members:
                members[stratum].add(entity)
        return {stratum.key: min(len(members[stratum.key]), stratum.size) for stratum in draw.drawn}

    def _stratum(self, inquiry: Inquiry, draw: DrawState, entity: str) -> str | None:
        drawn = inquiry.read(DrawnTarget(entity, self.draw))
        if drawn.exists:
            return inquiry.read(Target(drawn.target)).stratum
        roster = inquiry.read(EntityRoster(draw.roster)).frozen
        if roster is None:
            return None
        registration = inquiry.read(Registration(entity))
        identity = registration.identities.on(roster.as_of)
        if (
            identity is None
            or not registration.listings.on(roster.as_of)
            or draw.by != "grade"
            or roster.area not in (None, identity.area)
            or roster.line not in (None, identity.line)
            or inquiry.read(LeftOutOf(entity, draw.roster)).reason is not None
        ):
            return None
        return inquiry.read(CreditGrade(entity)).on(roster.as_of)
