"""Commands that make, serve, publish and withdraw decisions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

import msgspec

from ledger.general.findings import finding
from ledger.general.personaldata import require_impersonal
from ledger.general.roles import OFFICERS, UNIT, roles
from ledger.general.values import Sector, Severity
from ledger.general.vocabulary import CaseId, DecisionId, EntityId, Fen, Name, Text, UnitId
from ledger.kernel import (
    Act,
    DatedAct,
    Due,
    Event,
    Forbidden,
    Inquiry,
    LegalRef,
    Malformed,
    OutOfStep,
    message,
)
from ledger.systems.corrections.folds import DecisionStanding
from ledger.systems.credit.folds import CreditRecords
from ledger.systems.entities.rules import ceased
from ledger.systems.filing.rules import require_delegation
from ledger.systems.legalreview.rules import require_review
from ledger.systems.leniency import rules as leniency
from ledger.systems.leniency.effects import compare
from ledger.systems.leniency.folds import CaseLeniency
from ledger.systems.penalties import rules
from ledger.systems.penalties.commands.gates import require_procedure
from ledger.systems.penalties.commands.payments import own_decision
from ledger.systems.penalties.events import (
    BenchmarkItem,
    BenchmarkPublished,
    CaseFiled,
    DataSource,
    DecisionPublished,
    DecisionWithdrawn,
    Licence,
    Penalty,
    PenaltyContent,
    PenaltyDecided,
    PenaltyServed,
    PenaltyType,
)
from ledger.systems.penalties.folds import Benchmarks, Decision, require_in_effect, undecided_case
from ledger.systems.publicity.folds import PublicityRecord
from ledger.systems.reconsideration.effects import refuse_reissue


class DecidePenalty(DatedAct):
    """作出行政处罚决定: decide a case; ``occurred_at`` is the date of the decision.

    ``tier`` is the step of the unit's benchmark that the case falls under, if the benchmark has
    steps for the violation. ``severity_basis`` is the law that allows a lower class than
    ``severity.map`` requires (PEN-R7). ``licence`` names the licence that is suspended or revoked,
    and is given only then. ``valid_until`` is the last day of a penalty that has a term.
    ``data_source`` names the source of the data, if it is not the unit.
    """

    ROLES = OFFICERS

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
    tier: Name | None = None
    sector: Sector = "general"
    severity_basis: LegalRef | None = None
    confiscated_fen: Fen = 0
    licence: Licence | None = None
    valid_until: date | None = None
    data_source: DataSource | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        # Later events name a decision by its id alone, so the id must be new in all systems.
        inquiry.new(DecisionStanding(self.decision))
        penalty = Penalty(self.types, self.fine_fen)
        content = self._content()
        rules.require_content(content, inquiry.on)
        rules.require_licence(self.types, self.licence)
        rules.require_source(self.data_source)
        case, filed = undecided_case(inquiry, self.case)
        if (filed.unit, filed.entity) != (self.unit, self.entity):
            raise Malformed(
                "penalties.case-must-be-case-against",
                pointer="/case",
                unit=self.unit,
                entity=self.entity,
                case=self.case,
                filed_unit=filed.unit,
                filed_entity=filed.entity,
            )
        if filed.procedure == "ordinary" and inquiry.actor.role != "unit_head":
            raise Forbidden(
                "penalties.case-ordinary-procedure-must-be-decided-head", role=inquiry.actor.role
            )
        inquiry.not_before(filed.filed_on, message("general.case-filed", case=self.case))
        if filed.matter is not None:
            # The delegation may have ended since the case was filed.
            require_delegation(inquiry, filed.matter, self.unit, inquiry.on, "penalty")
        refuse_reissue(
            inquiry,
            unit=self.unit,
            entity=self.entity,
            case=self.case,
            facts=self.facts,
            types=self.types,
        )
        applied = self._leniency(inquiry, filed)
        benchmark = inquiry.read(Benchmarks(self.unit)).item(
            filed.conduct.violation_code, inquiry.on
        )
        item = None if benchmark is None else benchmark[1]
        self._check_tier(item)
        require_procedure(inquiry, case, penalty)
        require_review(inquiry, case, penalty)
        if applied is not None:
            leniency.require_outcome(inquiry, applied, item, penalty)
        rules.require_class(
            inquiry,
            content,
            procedure=filed.procedure,
            sector=self.sector,
            decided_on=inquiry.on,
            basis=self.severity_basis is not None,
        )
        decided = PenaltyDecided(
            decision=self.decision,
            entity=self.entity,
            unit=self.unit,
            case=self.case,
            doc_no=self.doc_no,
            decided_on=inquiry.on,
            types=self.types,
            severity=self.severity,
            facts=self.facts,
            fine_fen=self.fine_fen,
            benchmark_ref=self.benchmark_ref or _reference(benchmark),
            sector=self.sector,
            procedure=filed.procedure,
            violation_code=filed.conduct.violation_code,
            tier=self.tier,
            leniency=applied,
            days_late=inquiry.days_after(rules.due(inquiry, rules.DECIDE_CASE, case.filed_at)),
            severity_basis=self.severity_basis,
            confiscated_fen=self.confiscated_fen,
            licence=self.licence,
            valid_until=self.valid_until,
            data_source=self.data_source,
        )
        yield decided
        yield from compare(inquiry, decided, item)
        yield from ceased(
            inquiry, unit=self.unit, entity=self.entity, case=self.case, liable=filed.liable
        )

    def _content(self) -> PenaltyContent:
        return PenaltyContent(
            types=self.types,
            severity=self.severity,
            fine_fen=self.fine_fen,
            confiscated_fen=self.confiscated_fen,
            licence=self.licence,
            valid_until=self.valid_until,
        )

    def _leniency(
        self, inquiry: Inquiry, filed: CaseFiled
    ) -> Literal["lenient", "mitigated"] | None:
        """Return the leniency applied in the case, which must still be the most favourable."""
        applied = inquiry.read(CaseLeniency(self.case)).applied
        if applied is None:
            return None
        if applied.outcome == "exempt":
            raise OutOfStep("penalties.case-exempt-item", case=self.case, item=applied.item)
        seen = {(passed.list_version, passed.item) for passed in applied.passed_over}
        for version, item in leniency.more_favourable(inquiry, filed, applied.outcome):
            inquiry.require(
                (version, item.item) in seen,
                leniency.FLX_R1,
                item=applied.item,
                list_version=applied.list_version,
                reason=message(
                    "general.item-version", item=item.item, version=version, outcome=item.outcome
                ),
            )
        return applied.outcome

    def _check_tier(self, item: BenchmarkItem | None) -> None:
        steps = [] if item is None else [tier.tier for tier in item.tiers]
        if steps and self.tier not in steps:
            raise Malformed(
                "penalties.tier-must-be-step-benchmark-violation",
                pointer="/tier",
                steps=steps,
                tier=self.tier,
            )
        if not steps and self.tier is not None:
            raise Malformed(
                "penalties.tier-must-not-given",
                pointer="/tier",
            )


def _reference(benchmark: tuple[BenchmarkPublished, BenchmarkItem] | None) -> str | None:
    if benchmark is None:
        return None
    published, item = benchmark
    return f"{published.unit} v{published.version} {item.violation_code}"


class ServePenalty(DatedAct):
    """送达处罚决定: record that the decision was served, with the repair notice (PEN-R6)."""

    ROLES = OFFICERS

    decision: DecisionId
    repair_notice: bool

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        decision, decided = own_decision(inquiry, self.decision)
        if decision.served is not None:
            raise OutOfStep(
                "penalties.decision-already-served",
                decision=self.decision,
                served_on=decision.served.served_on,
            )
        require_in_effect(decision)
        inquiry.not_before(
            decided.decided_on, message("penalties.decision-made", decision=self.decision)
        )
        inquiry.require(self.repair_notice, rules.PEN_R6, decision=self.decision)
        yield PenaltyServed(
            decision=self.decision,
            entity=decided.entity,
            unit=decided.unit,
            served_on=inquiry.on,
            repair_notice=self.repair_notice,
            days_late=inquiry.days_after(
                rules.due(inquiry, rules.SERVE_DECISION, decision.decided_at)
            ),
            fine_fen=decision.fine_fen,
            pay_by=inquiry.period("penalty.pay_cd", inquiry.on).on if decision.fine_fen else None,
            late_fee_daily=(
                str(inquiry.setting("penalty.late_fee_daily")) if decision.fine_fen else None
            ),
        )


class PublishDecision(Act):
    """公开处罚决定: publish a served decision, without personal data."""

    ROLES = UNIT

    decision: DecisionId
    summary: Text
    redactions: tuple[Name, ...] = ()
    url: Name | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        decision, decided = own_decision(inquiry, self.decision)
        if decision.published is not None and decision.published.version == decision.version:
            raise OutOfStep(
                "penalties.decision-already-published",
                decision=self.decision,
                published_on=decision.published.published_on,
            )
        require_in_effect(decision)
        served = decision.served
        inquiry.require(
            served is not None and served.served_on <= inquiry.on and not decision.awaits_service,
            rules.PUB_R2,
            decision=self.decision,
        )
        require_impersonal(inquiry, rules.PUB_R1, self.summary)
        self._check_still_public(inquiry, decided)
        yield DecisionPublished(
            decision=self.decision,
            entity=decided.entity,
            unit=decided.unit,
            summary=self.summary,
            published_on=inquiry.on,
            redactions=self.redactions,
            url=self.url,
            days_late=inquiry.days_after(_publish_by(inquiry, decision)),
            version=decision.version,
        )

    def _check_still_public(self, inquiry: Inquiry, decided: PenaltyDecided) -> None:
        """Refuse to publish a decision again after its record ended (停止公示)."""
        if not inquiry.setting("publicity.decision_follows_record"):
            return
        known = inquiry.read(CreditRecords(decided.entity))
        for record in known.of_document(self.decision, decided.doc_no):
            if record.was_over:
                raise OutOfStep(
                    "penalties.decision-must-not-published-more",
                    decision=self.decision,
                    record=record.record,
                )


def _publish_by(inquiry: Inquiry, decision: Decision) -> Due:
    """Return the last day to publish the decision; an altered one counts from its service."""
    newest = decision.altered_by[-1] if decision.altered_by else None
    if newest is None or newest.content is None:
        return rules.due(inquiry, rules.PUBLISH_DECISION, decision.decided_at)
    if decision.altered_served is not None and newest.recon is not None:
        return inquiry.period("publicity.penalty_wd", decision.altered_served.served_on)
    return inquiry.period("publicity.penalty_wd", newest.effective_on)


def _withdraw_by(inquiry: Inquiry, decision: Decision, since: date) -> Due:
    """Return the last day to withdraw a decision that was undone or altered."""
    if decision.undone is None and decision.altered_served is not None:
        since = decision.altered_served.served_on
    return inquiry.period("publicity.withdraw_wd", since)


class WithdrawDecision(Act):
    """撤回公开的处罚决定: withdraw a nullified decision from the public and say publicly why."""

    ROLES = roles("unit_head")

    decision: DecisionId
    explanation: Text
    explanation_url: Name | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        decision, decided = own_decision(inquiry, self.decision)
        if decision.published is None:
            raise OutOfStep("penalties.decision-must-be-public-withdrawn", decision=self.decision)
        if decision.withdrawn is not None:
            raise OutOfStep(
                "penalties.decision-already-withdrawn",
                decision=self.decision,
                withdrawn_on=decision.withdrawn.withdrawn_on,
            )
        nullified = decision.nullified
        if nullified is None:
            raise OutOfStep(
                "penalties.decision-must-be-undone-before-withdrawn", decision=self.decision
            )
        version = decision.to_withdraw
        if version is None:
            raise OutOfStep("penalties.decision-must-not-withdrawn", decision=self.decision)
        require_impersonal(inquiry, rules.PUB_R1, self.explanation)
        due = _withdraw_by(inquiry, decision, nullified.since)
        late = inquiry.days_after(due)
        yield DecisionWithdrawn(
            decision=self.decision,
            entity=decided.entity,
            unit=decided.unit,
            reason=nullified.reason,
            nullified_on=nullified.since,
            withdrawn_on=inquiry.on,
            explanation=self.explanation,
            explanation_url=self.explanation_url,
            days_late=late,
            version=version,
        )
        # After a reconsideration the clock raises the finding for a late withdrawal (RCN-V2).
        unwithdrawn = inquiry.read(PublicityRecord(decided.unit)).unwithdrawn
        if late and not decision.reconsidered and self.decision not in unwithdrawn:
            yield finding(
                inquiry,
                rules.PUB_V2,
                unit=decided.unit,
                entity=decided.entity,
                decision=self.decision,
                due_on=due.on.isoformat(),
                days_late=late,
            )
