"""Folds about penalty cases and decisions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

import msgspec

from ledger.general.documents import normal_form
from ledger.general.vocabulary import CaseId, DecisionId, EntityId, EvidenceId, UnitId
from ledger.kernel import DeadlineRecomputed, Event, Fold, Inquiry, OutOfStep, Recorded, SubjectFold
from ledger.kernel.versions import VersionsFold
from ledger.systems.corrections.events import (
    DecisionAltered,
    DecisionDeclaredUnlawful,
    DecisionDeclaredVoid,
    DecisionRevoked,
    LitigationConcluded,
)
from ledger.systems.leniency.events import LeniencyApplied
from ledger.systems.penalties.events import (
    BenchmarkItem,
    BenchmarkPublished,
    CaseClosed,
    CaseFiled,
    CollectiveDiscussionHeld,
    Conduct,
    CriminalReferralMade,
    DecisionPublished,
    DecisionWithdrawn,
    EnforcementApplied,
    EvidenceAdded,
    EvidenceDisposed,
    FinePaid,
    HearingAnnounced,
    HearingHeld,
    HearingRequested,
    InstalmentPaid,
    PaymentDeferred,
    PenaltyContent,
    PenaltyDecided,
    PenaltyServed,
    PriorNoticeServed,
    RightsWaived,
    SeizureExtended,
    StatementHeard,
    WithdrawalReason,
)
from ledger.systems.persons.folds import Proceeding, involve_persons
from ledger.systems.reconsideration.events import (
    ReconApplied,
    ReconDecided,
    ReconDecisionServed,
    ReconMediated,
    ReconRefused,
    ReconTerminated,
)

#: The name of the payment deadline (``rules.PAY``).
PAY_RULE = "penalty.pay_cd"
#: The payment deadlines of an altered fine, counted from its service or from its day.
PAY_ALTERED_RULE = "penalty.pay_cd.altered"
PAY_ALTERED_ELSEWHERE_RULE = "penalty.pay_cd.altered_elsewhere"
PAY_RULES = frozenset({PAY_RULE, PAY_ALTERED_RULE, PAY_ALTERED_ELSEWHERE_RULE})

_ONE_DAY = timedelta(days=1)

_REASONS: Mapping[type[Event], WithdrawalReason] = {
    DecisionAltered: "altered",
    DecisionRevoked: "revoked",
    DecisionDeclaredUnlawful: "unlawful",
    DecisionDeclaredVoid: "void",
}


class Nullified(msgspec.Struct, frozen=True):
    """How a decision lost or changed its effect, since which day and by which document."""

    reason: WithdrawalReason
    since: date
    instrument: str


class Disputed(msgspec.Struct):
    """A reconsideration of a decision, both days included; ``last`` is ``None`` while it runs."""

    first: date
    last: date | None = None

    def covers(self, day: date) -> bool:
        """Return whether the reconsideration ran on ``day``."""
        return self.first <= day and (self.last is None or day <= self.last)


class Payment(msgspec.Struct, frozen=True):
    """One payment: the amounts in fen that went to the fine and to the late fee."""

    paid_on: date
    amount_fen: int
    late_fee_fen: int
    receipt_no: str


class Decision(SubjectFold):
    """What does this decision say, and was it served, paid, published or withdrawn?

    ``decided_at`` and ``served_at`` are positions in the ledger. ``pay_by`` is the last day of
    payment that the business was told, or to which a later calendar moved it. ``reconsidered``: a
    reconsideration undid or altered the decision, and the deadline for its withdrawal raises
    RCN-V2 or RCN-V4. ``late_fee_due_fen`` is the late fee as of the last payment.

    ``altered_by`` lists the alterations; the last one gives the present content. ``altered_at`` is
    the position where the last one took effect: the service of the reconsideration decision, or the
    alteration itself; 0 while it waits for service.
    """

    BEGUN = "decision_made"

    decision: DecisionId
    decision_made: PenaltyDecided | None = msgspec.field(default=None, name="decided")
    decided_at: int = 0
    served: PenaltyServed | None = None
    served_at: int = 0
    pay_by: date | None = None
    content: PenaltyContent | None = None
    altered_by: list[DecisionAltered] = msgspec.field(default_factory=list)
    altered_at: int = 0
    altered_served: ReconDecisionServed | None = None
    late_fee_daily: str | None = None
    disputes: dict[str, Disputed] = msgspec.field(default_factory=dict)
    payments: list[Payment] = msgspec.field(default_factory=list)
    late_fee_due_fen: int = 0
    deferrals: list[PaymentDeferred] = msgspec.field(default_factory=list)
    enforced: list[EnforcementApplied] = msgspec.field(default_factory=list)
    published: DecisionPublished | None = None
    nullified: Nullified | None = None
    withdrawn: DecisionWithdrawn | None = None
    #: The versions of the content whose text was published, and the withdrawals of such texts.
    texts: list[int] = msgspec.field(default_factory=list)
    withdrawals: list[DecisionWithdrawn] = msgspec.field(default_factory=list)
    reconsidered: bool = False
    litigation: list[LitigationConcluded] = msgspec.field(default_factory=list)

    @property
    def decided(self) -> PenaltyDecided:
        """How it was decided. Of a decision that exists."""
        return self.since_begun(self.decision_made)

    @property
    def owner(self) -> str:
        return self.decided.unit

    @property
    def undone(self) -> Nullified | None:
        """How the decision lost its effect, or ``None``; an altered decision still has effect."""
        altered = self.nullified is not None and self.nullified.reason == "altered"
        return None if altered else self.nullified

    @property
    def public_though_undone(self) -> date | None:
        """The day since which a decision that is still public is undone or altered, or ``None``.

        ``None`` also after a reconsideration, whose own rules require the withdrawal.
        """
        if self.to_withdraw is None or self.reconsidered:
            return None
        return None if self.nullified is None else self.nullified.since

    @property
    def version(self) -> int:
        """The version of the content: 1 as decided, one more with each alteration."""
        return 1 + len(self.altered_by)

    @property
    def to_withdraw(self) -> int | None:
        """The version whose text must be withdrawn, because it was undone or altered since."""
        gone = max((withdrawal.version for withdrawal in self.withdrawals), default=0)
        stale = (
            version
            for version in self.texts
            if version > gone and (self.undone is not None or version < self.version)
        )
        return max(stale, default=None)

    @property
    def awaits_service(self) -> bool:
        """Whether a decision altered it that has not been served on the parties yet."""
        return bool(self.altered_by) and not self.altered_at

    @property
    def fine_fen(self) -> int:
        """The present amount of the fine, in fen."""
        return 0 if self.content is None else self.content.fine_fen

    def outstanding(self, on: date) -> int:
        """Return the part of the fine that is not paid by the end of a day, in fen."""
        return max(0, self.fine_fen - sum(p.amount_fen for p in self.payments if p.paid_on <= on))

    def late_fee(self, due_on: date, on: date) -> int:
        """Return the late fee (加处罚款) that has accrued by the end of a day, in fen.

        Each day after ``due_on`` adds the daily rate of the amount that was unpaid on the day
        before, except while payment was deferred or a reconsideration ran. The late fee never
        exceeds the fine (行政处罚法 Arts. 66, 72, 73).
        """
        rate = self.late_fee_daily
        accrued, day = Decimal(0), due_on
        while rate is not None and day < on and accrued < self.fine_fen:
            left = self.outstanding(day)
            day += _ONE_DAY
            if not left:
                break
            stays = any(d.approved_on <= day <= d.until for d in self.deferrals) or any(
                dispute.covers(day) for dispute in self.disputes.values()
            )
            if not stays:
                accrued += Decimal(rate) * left
        return min(int(accrued), self.fine_fen)

    @property
    def late_fee_paid_fen(self) -> int:
        """The sum paid towards the late fee, in fen."""
        return sum(payment.late_fee_fen for payment in self.payments)

    @property
    def settled(self) -> bool:
        """Whether the fine and its late fee are fully paid."""
        paid = sum(payment.amount_fen for payment in self.payments)
        return paid >= self.fine_fen and self.late_fee_paid_fen >= self.late_fee_due_fen

    def on_decided(self, event: PenaltyDecided, record: Recorded) -> None:
        self.decision_made, self.decided_at = event, record.position
        self.content = content_of(event)

    def on_served(self, event: PenaltyServed, record: Recorded) -> None:
        self.served, self.served_at = event, record.position
        self.pay_by, self.late_fee_daily = event.pay_by, event.late_fee_daily

    def on_recomputed(self, event: DeadlineRecomputed) -> None:
        if event.rule_name in PAY_RULES:
            self.pay_by = event.due_on

    def on_paid(self, event: InstalmentPaid | FinePaid) -> None:
        self.payments.append(
            Payment(event.paid_on, event.amount_fen, event.late_fee_fen, event.receipt_no)
        )
        # The late fee only grows, but payments may be reported out of order.
        self.late_fee_due_fen = max(self.late_fee_due_fen, event.late_fee_due_fen)

    def on_deferred(self, event: PaymentDeferred) -> None:
        self.deferrals.append(event)

    def on_enforced(self, event: EnforcementApplied) -> None:
        self.enforced.append(event)

    def on_published(self, event: DecisionPublished) -> None:
        self.published, self.withdrawn = event, None
        self.texts.append(event.version)

    def on_nullified(
        self, event: DecisionRevoked | DecisionDeclaredUnlawful | DecisionDeclaredVoid
    ) -> None:
        self.nullified = Nullified(_REASONS[type(event)], event.effective_on, event.instrument)

    def on_altered(self, event: DecisionAltered, record: Recorded) -> None:
        if self.undone is None:
            self.nullified = Nullified("altered", event.effective_on, event.instrument)
        self.altered_by.append(event)
        self.content = event.content or as_altered(self.content, event)
        # An alteration without a reconsideration takes effect when it is recorded.
        self.altered_at = 0 if event.recon is not None else record.position
        if event.recon is not None:
            self.pay_by = None
        if event.late_fee_daily is not None:
            self.late_fee_daily = event.late_fee_daily

    def on_alteration_served(self, event: ReconDecisionServed, record: Recorded) -> None:
        self._settle(event.recon, event.served_on)
        if event.altered:
            self.altered_served, self.altered_at = event, record.position
            self.pay_by = event.pay_by
            self.late_fee_daily = event.late_fee_daily or self.late_fee_daily

    def on_litigated(self, event: LitigationConcluded) -> None:
        self.litigation.append(event)

    def on_disputed(self, event: ReconApplied, record: Recorded) -> None:
        self.disputes[event.recon] = Disputed(record.occurred_on)

    def on_not_disputed(self, event: ReconRefused) -> None:
        self.disputes.pop(event.recon, None)

    def on_settled(self, event: ReconMediated | ReconTerminated, record: Recorded) -> None:
        self._settle(event.recon, record.occurred_on)

    def _settle(self, recon: str, day: date) -> None:
        if (dispute := self.disputes.get(recon)) is not None:
            dispute.last = day

    def on_reconsidered(self, event: ReconDecided) -> None:
        altered = event.outcome in ("alter", "partly_revoke")
        self.reconsidered = self.reconsidered or event.withdraw or altered

    def on_withdrawn(self, event: DecisionWithdrawn) -> None:
        self.withdrawals.append(event)
        if self.published is not None and event.version >= self.published.version:
            self.withdrawn = event


def content_of(decided: PenaltyDecided) -> PenaltyContent:
    """Return the content of a penalty as it was decided."""
    return PenaltyContent(
        types=decided.types,
        severity=decided.severity,
        fine_fen=decided.fine_fen,
        confiscated_fen=decided.confiscated_fen,
        licence=decided.licence,
        valid_until=decided.valid_until,
    )


def as_altered(content: PenaltyContent | None, event: DecisionAltered) -> PenaltyContent | None:
    """Return a content after an alteration that names single fields, as versions 1 and 2 do."""
    if content is None:
        return None
    fields = msgspec.structs.asdict(content)
    for change in event.altered:
        if change.field in fields:
            try:
                content = msgspec.convert(
                    {**msgspec.to_builtins(content), change.field: change.after}, PenaltyContent
                )
            except msgspec.ValidationError:
                continue  # the alteration states the field in words
    return content


class DecisionsOf(Fold):
    """Which penalty decisions concern this business, by their document number?"""

    entity: EntityId
    documents: dict[str, str] = msgspec.field(default_factory=dict)

    def on_decided(self, event: PenaltyDecided) -> None:
        self.documents[normal_form(event.doc_no)] = event.decision

    def by_document(self, doc_no: str) -> str | None:
        """Return the decision with a document number; the form of writing does not matter."""
        return self.documents.get(normal_form(doc_no))


#: How far a case has come.
CaseStage = Literal[
    "unknown",
    "filed",
    "notified",
    "heard",
    "hearing_requested",
    "hearing_held",
    "decided",
    "closed",
]


class Case(SubjectFold):
    """What has been done in this case so far, and by whom?

    Notices, statements and hearings are in the order in which they were recorded; ``evidence`` maps
    the id of each item of evidence to the day of its collection. Each ``…_at`` is a position in the
    ledger.
    """

    BEGUN = "filing"

    case: CaseId
    filing: CaseFiled | None = msgspec.field(default=None, name="filed")
    filed_at: int = 0
    #: Whether an older system filed the case and has the record of its earlier steps.
    opening: bool = False
    evidence: dict[str, date] = msgspec.field(default_factory=dict)
    held: list[str] = msgspec.field(default_factory=list)
    notices: list[PriorNoticeServed] = msgspec.field(default_factory=list)
    noticed_at: int = 0
    statements: list[StatementHeard] = msgspec.field(default_factory=list)
    waived: list[RightsWaived] = msgspec.field(default_factory=list)
    requested: list[HearingRequested] = msgspec.field(default_factory=list)
    announced: HearingAnnounced | None = None
    hearings: list[HearingHeld] = msgspec.field(default_factory=list)
    discussions: list[CollectiveDiscussionHeld] = msgspec.field(default_factory=list)
    decisions: list[str] = msgspec.field(default_factory=list)
    criminal_referral: CriminalReferralMade | None = None
    closed: CaseClosed | None = None

    @property
    def filed(self) -> CaseFiled:
        """How it was filed. Of a case that exists."""
        return self.since_begun(self.filing)

    @property
    def owner(self) -> str:
        return self.filed.unit

    @property
    def stage(self) -> CaseStage:
        """The stage that the case has reached."""
        if self.closed is not None:
            return "closed"
        if self.decisions:
            return "decided"
        if self.hearings:
            return "hearing_held"
        if self.requested:
            return "hearing_requested"
        if self.statements or self.waived:
            return "heard"
        if self.notices:
            return "notified"
        return "filed" if self.exists else "unknown"

    @property
    def defended_on(self) -> date | None:
        """The first day on which the business defended itself, in a statement or a hearing."""
        days = [statement.heard_on for statement in self.statements]
        days += [hearing.held_on for hearing in self.hearings if hearing.outcome == "heard"]
        return min(days, default=None)

    def on_filed(self, event: CaseFiled, record: Recorded) -> None:
        self.filing, self.filed_at = event, record.position
        self.opening = record.opening is not None

    def on_evidence(self, event: EvidenceAdded) -> None:
        self.evidence[event.evidence] = event.collected_on
        if event.measure != "none":
            self.held.append(event.evidence)

    def on_disposed(self, event: EvidenceDisposed) -> None:
        # An object that was registered and is then seized is still held.
        if event.disposal != "seized" and event.evidence in self.held:
            self.held.remove(event.evidence)

    def on_noticed(self, event: PriorNoticeServed, record: Recorded) -> None:
        self.notices.append(event)
        self.noticed_at = record.position

    def on_heard(self, event: StatementHeard) -> None:
        self.statements.append(event)

    def on_waived(self, event: RightsWaived) -> None:
        self.waived.append(event)

    def on_requested(self, event: HearingRequested) -> None:
        self.requested.append(event)

    def on_announced(self, event: HearingAnnounced) -> None:
        self.announced = event

    def on_hearing(self, event: HearingHeld) -> None:
        self.hearings.append(event)

    def on_discussed(self, event: CollectiveDiscussionHeld) -> None:
        self.discussions.append(event)

    def on_decided(self, event: PenaltyDecided) -> None:
        self.decisions.append(event.decision)

    def on_referred(self, event: CriminalReferralMade) -> None:
        self.criminal_referral = event

    def on_closed(self, event: CaseClosed) -> None:
        self.closed = event


class Piece(SubjectFold):
    """What is this item of evidence, and is it still held?

    ``seized_at`` is the position of its seizure: either where it was added, or where its advance
    registration ended in a seizure.
    """

    BEGUN = "addition"

    evidence: EvidenceId
    addition: EvidenceAdded | None = msgspec.field(default=None, name="added")
    added_at: int = 0
    seized_at: int = 0
    extended: SeizureExtended | None = None
    extended_at: int = 0
    disposed: EvidenceDisposed | None = None

    @property
    def added(self) -> EvidenceAdded:
        """The event that added it; call this only for an exhibit that exists."""
        return self.since_begun(self.addition)

    @property
    def owner(self) -> str:
        return self.added.unit

    def on_added(self, event: EvidenceAdded, record: Recorded) -> None:
        self.addition, self.added_at = event, record.position
        if event.measure == "seizure":
            self.seized_at = record.position

    def on_extended(self, event: SeizureExtended, record: Recorded) -> None:
        self.extended, self.extended_at = event, record.position

    def on_disposed(self, event: EvidenceDisposed, record: Recorded) -> None:
        if event.disposal == "seized":
            self.seized_at = record.position
        else:
            self.disposed = event


class KnownViolation(msgspec.Struct):
    """One violation of a business, known from the case about it."""

    case: str
    unit: str
    conduct: Conduct
    decisions: list[str] = msgspec.field(default_factory=list)
    fines: dict[str, int] = msgspec.field(default_factory=dict)
    exempted: bool = False


class Violations(Fold):
    """Of which violations was this business accused, and how was each case decided?"""

    entity: EntityId
    cases: dict[str, KnownViolation] = msgspec.field(default_factory=dict)

    def on_filed(self, event: CaseFiled) -> None:
        self.cases[event.case] = KnownViolation(event.case, event.unit, event.conduct)

    def on_decided(self, event: PenaltyDecided) -> None:
        if event.case in self.cases:
            self.cases[event.case].decisions.append(event.decision)
            self.cases[event.case].fines[event.decision] = event.fine_fen

    def on_lenient(self, event: LeniencyApplied) -> None:
        if event.case in self.cases:
            self.cases[event.case].exempted = event.outcome == "exempt"

    def on_closed(self, event: CaseClosed) -> None:
        # With or without an item of the leniency list, it was a violation.
        if event.case in self.cases and event.reason == "exempt":
            self.cases[event.case].exempted = True

    def same_act(self, case: str) -> list[KnownViolation]:
        """Return the other cases about the same act as ``case`` (一事).

        Two cases are about the same act if they give it the same name, or if they are about the
        same type of violation on overlapping days and in the same place; an unknown place counts
        as the same.
        """
        conduct = self.cases[case].conduct
        return [
            other
            for other in self.cases.values()
            if other.case != case and _same_act(conduct, other.conduct)
        ]

    def of_type(self, code: str, since: date, until: date, *, but: str) -> list[KnownViolation]:
        """Return the violations of a type that ended between two days, both included.

        ``but``: the case that is left out.
        """
        return [
            violation
            for violation in self.cases.values()
            if violation.case != but
            and violation.conduct.violation_code == code
            and since <= violation.conduct.last_on <= until
        ]


def _same_act(conduct: Conduct, other: Conduct) -> bool:
    if conduct.act == other.act:
        return True
    return (
        conduct.violation_code == other.violation_code
        and conduct.first_on <= other.last_on
        and other.first_on <= conduct.last_on
        and (conduct.place == other.place or None in (conduct.place, other.place))
    )


class Benchmarks(VersionsFold[BenchmarkPublished]):
    """Which discretion benchmarks has this unit published?"""

    unit: UnitId

    def on_published(self, event: BenchmarkPublished) -> None:
        self.versions.append(event)

    def item(self, code: str, on: date) -> tuple[BenchmarkPublished, BenchmarkItem] | None:
        """What the version in force on a day says of a violation, if it says anything."""
        newest = self.in_force(on)
        if newest is None:
            return None
        items = (item for item in newest.items if item.violation_code == code)
        return next(((newest, item) for item in items), None)


def known_case(inquiry: Inquiry, case_id: str) -> tuple[Case, CaseFiled]:
    """Return the case and its filing; require that it exists and belongs to the actor's unit."""
    case = inquiry.own(Case(case_id), "penalties.file-case-first")
    return case, case.filed


def open_case(inquiry: Inquiry, case_id: str) -> tuple[Case, CaseFiled]:
    """Return the case of the actor's unit; raise ``OutOfStep`` unless it is open."""
    case, filed = known_case(inquiry, case_id)
    if case.closed is not None:
        raise OutOfStep(
            "penalties.case-closed",
            case=case_id,
            closed_on=case.closed.closed_on,
            reason=case.closed.reason,
        )
    return case, filed


def undecided_case(inquiry: Inquiry, case_id: str) -> tuple[Case, CaseFiled]:
    """Return the open case of the actor's unit; raise ``OutOfStep`` if a decision is in effect."""
    case, filed = open_case(inquiry, case_id)
    live = live_decision(inquiry, case)
    if live is not None:
        raise OutOfStep("penalties.case-been-decided-already", case=case_id, decision=live.decision)
    return case, filed


def require_in_effect(decision: Decision) -> None:
    """Raise ``OutOfStep`` if a decision, or another act, was undone."""
    if decision.undone is not None:
        raise OutOfStep(
            "general.decision-undone",
            decision=decision.decision,
            instrument=decision.undone.instrument,
        )


def live_decision(inquiry: Inquiry, case: Case) -> Decision | None:
    """Return the decision of the case that is in effect; an altered decision still is."""
    for decision_id in reversed(case.decisions):
        decision = inquiry.read(Decision(decision_id))
        if decision.undone is None:
            return decision
    return None


def _conductor(inquiry: Inquiry, name: str) -> str | None:
    """Return the unit that conducts a case, or ``None`` once it is closed."""
    case = inquiry.read(Case(name))
    return case.filed.unit if case.exists and case.stage != "closed" else None


involve_persons(Proceeding("case", CaseFiled, lambda event: event.case, _conductor))
