"""A draw looked at afterwards: made again, and held against the visits that took place."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from ledger.general.roles import DRAWERS, roles
from ledger.general.vocabulary import DrawId
from ledger.kernel import Act, Event, Malformed, OutOfStep, Reading
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
from ledger.systems.supervision.findings import finding


class VerifyDraw(Act):
    """抽查复核: have the service make the draw again, and record whether it comes out the same.

    The service fills in ``outcome``; one that the sender worked out is refused unless that is what
    the service finds (DRW-R6).
    """

    ROLES = roles("jb_supervisor", "recon_officer", "rlo_assessor", *DRAWERS)

    draw: DrawId
    outcome: DrawOutcome | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        draw = ledger.known(DrawState(self.draw), "Announce the draw first.")
        if draw.executed_on is None:
            raise OutOfStep(f"draw {self.draw} is {draw.stage}; there is nothing to verify yet")
        if self.outcome is None:
            raise Malformed("a draw is made again before that is recorded", "/outcome")
        mismatch = difference(draw, self.outcome)
        yield DrawVerified(
            draw=self.draw,
            unit=draw.unit,
            ok=mismatch is None,
            recomputed=True,
            mismatch=mismatch,
        )


class ReviewDraw(Act):
    """抽查履行评估: when a draw's time is over, hold what was inspected against what was promised.

    Of each stratum it counts the businesses that the unit visited on the draw's matters since the
    draw, drawn or not, and asks how improbable that number is under the announced ratio (DRW-V6).
    Whoever fits the roster's class and was not left out is on it (DRW-R7); where strata are no
    grades, only those drawn can be placed in one. Recorded once.
    """

    ROLES = roles("jb_supervisor", "ledger_clock")

    draw: DrawId

    def decide(self, ledger: Reading) -> Iterator[Event]:
        draw = ledger.known(DrawState(self.draw), "Announce the draw first.")
        if draw.stage != "executed" or draw.inspect_by is None:
            raise OutOfStep(f"draw {self.draw} is {draw.stage}; only an executed one is reviewed")
        if ledger.today <= draw.inspect_by:
            raise OutOfStep(f"the visits of {self.draw} go on until {draw.inspect_by}")
        if draw.reviewed_on is not None:
            return
        inspected = self._inspected(ledger, draw)
        threshold = Fraction(str(ledger.setting("selective_p")))
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
            chances={key: chance.shown(one) for key, one in chances.items()},
        )
        for stratum in draw.drawn:
            if stratum.size and chances[stratum.key] < threshold:
                yield finding(
                    ledger,
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

    def _inspected(self, ledger: Reading, draw: DrawState) -> dict[str, int]:
        assert draw.executed_on is not None
        assert draw.inspect_by is not None
        matters = set(draw.matters)
        visited = {
            entity
            for entity, day, on in ledger.read(UnitVisits(draw.unit)).visits
            if draw.executed_on <= day <= draw.inspect_by and matters & set(on)
        }
        ledger.read_all(DrawnTarget(entity, self.draw) for entity in visited)
        found: dict[str, set[str]] = {stratum.key: set() for stratum in draw.drawn}
        for entity in visited:
            stratum = self._stratum(ledger, draw, entity)
            if stratum in found:
                found[stratum].add(entity)
        return {stratum.key: min(len(found[stratum.key]), stratum.size) for stratum in draw.drawn}

    def _stratum(self, ledger: Reading, draw: DrawState, entity: str) -> str | None:
        drawn = ledger.read(DrawnTarget(entity, self.draw))
        if drawn.exists:
            return ledger.read(Target(drawn.target)).stratum
        roster = ledger.read(EntityRoster(draw.roster)).frozen
        if roster is None:
            return None
        registration = ledger.read(Registration(entity))
        identity = registration.identities.on(roster.as_of)
        if (
            identity is None
            or not registration.listings.on(roster.as_of)
            or draw.by != "grade"
            or roster.area not in (None, identity.area)
            or roster.line not in (None, identity.line)
            or ledger.read(LeftOutOf(entity, draw.roster)).reason is not None
        ):
            return None
        return ledger.read(CreditGrade(entity)).on(roster.as_of)
