"""Commands of penalty decisions: decide, serve, publish, withdraw (2.8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec

from ledger.credit.events import Sector, Severity
from ledger.credit.rules import personal_data
from ledger.kernel import Command, DeadlineRule, Event, Malformed, OutOfStep, Reading
from ledger.penalties import rules
from ledger.penalties.events import (
    DecisionPublished,
    DecisionWithdrawn,
    PenaltyDecided,
    PenaltyServed,
    PenaltyType,
)
from ledger.penalties.folds import Decision
from ledger.supervision.findings import finding
from ledger.vocabulary import CaseId, DecisionId, EntityId, Fen, Name, Text, UnitId


class DecidePenalty(Command):
    """作出行政处罚决定: decide on a penalty; ``occurred_at`` is the date of the decision."""

    decision: DecisionId
    entity: EntityId
    unit: UnitId
    case: CaseId
    doc_no: Name
    types: Annotated[tuple[PenaltyType, ...], msgspec.Meta(min_length=1)]
    severity: Severity
    facts: Text
    fine_fen: Fen = 0
    benchmark_ref: Name | None = None
    sector: Sector = "general"

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.act_for(self.unit)
        ledger.new(Decision(self.decision))
        if ("fine" in self.types) != (self.fine_fen > 0):
            raise Malformed("a fine has an amount, and nothing else has one", "/fine_fen")
        yield PenaltyDecided(
            decision=self.decision,
            entity=self.entity,
            unit=self.unit,
            case=self.case,
            doc_no=self.doc_no,
            decided_on=ledger.on,
            types=self.types,
            severity=self.severity,
            facts=self.facts,
            fine_fen=self.fine_fen,
            benchmark_ref=self.benchmark_ref,
            sector=self.sector,
        )


class ServePenalty(Command):
    """送达处罚决定: hand over the decision, and the repair notice with it (PEN-R6)."""

    decision: DecisionId
    repair_notice: bool

    def decide(self, ledger: Reading) -> Iterator[Event]:
        decision, decided = _own_decision(ledger, self.decision)
        if decision.served is not None:
            raise OutOfStep(f"decision {self.decision} was served on {decision.served.served_on}")
        ledger.require(self.repair_notice, rules.PEN_R6, decision=self.decision)
        yield PenaltyServed(
            decision=self.decision,
            entity=decided.entity,
            unit=decided.unit,
            served_on=ledger.on,
            repair_notice=self.repair_notice,
            days_late=_days_late(ledger, rules.SERVE_DECISION, decision),
        )


class PublishDecision(Command):
    """公开处罚决定: put a served decision before the public, without personal data."""

    decision: DecisionId
    summary: Text
    redactions: tuple[Name, ...] = ()
    url: Name | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        decision, decided = _own_decision(ledger, self.decision)
        if decision.published is not None:
            raise OutOfStep(
                f"decision {self.decision} was published on {decision.published.published_on}"
            )
        served = decision.served
        ledger.require(
            served is not None and served.served_on <= ledger.on,
            rules.PUB_R2,
            decision=self.decision,
        )
        _require_impersonal(ledger, self.summary)
        yield DecisionPublished(
            decision=self.decision,
            entity=decided.entity,
            unit=decided.unit,
            summary=self.summary,
            published_on=ledger.on,
            redactions=self.redactions,
            url=self.url,
            days_late=_days_late(ledger, rules.PUBLISH_DECISION, decision),
        )


class WithdrawDecision(Command):
    """撤回公开的处罚决定: take a nullified decision from the public and say why in public."""

    decision: DecisionId
    explanation: Text
    explanation_url: Name | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        decision, decided = _own_decision(ledger, self.decision)
        if decision.published is None:
            raise OutOfStep(f"decision {self.decision} is not public")
        if decision.withdrawn is not None:
            raise OutOfStep(
                f"decision {self.decision} was withdrawn on {decision.withdrawn.withdrawn_on}"
            )
        nullified = decision.nullified
        if nullified is None:
            raise OutOfStep(f"nothing undid decision {self.decision}; record what did first")
        _require_impersonal(ledger, self.explanation)
        due = ledger.period("publicity.withdraw_wd", nullified.since)
        late = max(0, (ledger.on - due.on).days)
        yield DecisionWithdrawn(
            decision=self.decision,
            entity=decided.entity,
            unit=decided.unit,
            reason=nullified.reason,
            nullified_on=nullified.since,
            withdrawn_on=ledger.on,
            explanation=self.explanation,
            explanation_url=self.explanation_url,
            days_late=late,
        )
        # After a reconsideration the clock has found that it was late, or will (RCN-V2).
        if late and not decision.reconsidered:
            yield finding(
                ledger,
                rules.PUB_V2,
                unit=decided.unit,
                entity=decided.entity,
                decision=self.decision,
                due_on=due.on.isoformat(),
                days_late=late,
            )


def _own_decision(ledger: Reading, decision_id: str) -> tuple[Decision, PenaltyDecided]:
    decision = ledger.known(Decision(decision_id), "Record the decision first.")
    assert decision.decided is not None
    ledger.act_for(decision.decided.unit)
    return decision, decision.decided


def _days_late(ledger: Reading, deadline: DeadlineRule, decision: Decision) -> int:
    assert decision.recorded is not None
    return max(0, (ledger.on - ledger.due(deadline, decision.recorded).on).days)


def _require_impersonal(ledger: Reading, text: str) -> None:
    what = personal_data(text)
    ledger.require(what is None, rules.PUB_R1, what=what)
