"""Commands of a take-on (2.18): open and close it, and enter each fact by two people.

The rules for acts here do not judge the acts of the older system. An opening fact is refused if it
is malformed, names an unknown subject, is already recorded, or has ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from typing import Annotated, ClassVar

import msgspec

from ledger.general.countersigning import Countersigned
from ledger.general.personaldata import refuse_personal, require_impersonal
from ledger.general.roles import HEADS, UNIT, roles
from ledger.general.values import Instrument, Sector, Severity
from ledger.general.vocabulary import (
    Badge,
    CaseId,
    CommitmentId,
    DecisionId,
    DesignationId,
    DutyId,
    EntityId,
    Fen,
    MatterId,
    Name,
    OfficerId,
    OlderId,
    RecordId,
    Role,
    Sha256,
    TakeOnId,
    TakeOnSourceId,
    Text,
    UnitId,
    ViolationCode,
)
from ledger.kernel import (
    Act,
    Event,
    Fact,
    Forbidden,
    Inquiry,
    LegalRef,
    Malformed,
    Message,
    OutOfStep,
    Provenance,
    Report,
    Tag,
    Value,
    civil_moment,
    message,
)
from ledger.systems.catalogue.folds import Matter, OfficerStanding, UnitStanding
from ledger.systems.commitments.events import (
    CommitmentFulfilled,
    CommitmentMade,
    CommitmentType,
    Obligation,
    ObligationOpened,
    obligation_tag,
)
from ledger.systems.commitments.folds import Commitment
from ledger.systems.corrections.folds import DecisionStanding, as_it_reads
from ledger.systems.credit.events import Channels, CreditRecordEntered, PublicityStarted
from ledger.systems.credit.folds import Record
from ledger.systems.credit.regimes import reckoned
from ledger.systems.credit.rules import CRD_R4, require_first, require_published
from ledger.systems.entities.folds import Registration
from ledger.systems.entities.rules import require_listed
from ledger.systems.grading.folds import CreditGrade
from ledger.systems.keylist.events import GuidanceProvided, KeyUnitDescribed, KeyUnitDesignated
from ledger.systems.keylist.folds import KeyDesignation, KeyDesignations
from ledger.systems.penalties.events import (
    CaseFiled,
    CaseSource,
    Conduct,
    DataSource,
    DecisionPublished,
    FinePaid,
    InstalmentPaid,
    Licence,
    PenaltyContent,
    PenaltyDecided,
    PenaltyServed,
    PenaltyType,
    Procedure,
)
from ledger.systems.penalties.folds import Case, Decision, DecisionsOf, Payment
from ledger.systems.penalties.rules import PUB_R1, require_content, require_source
from ledger.systems.sharing.effects import share
from ledger.systems.takeon import rules
from ledger.systems.takeon.events import (
    BEGINS,
    Concern,
    FactKind,
    OpenDeadlineTakenOn,
    OpenDutyPerformed,
    OpeningFactTakenOn,
    TakeOnClosed,
    TakeOnOpened,
    fact_id,
)
from ledger.systems.takeon.folds import OpenDuty, OpeningFact, TakenFacts, TakeOn, TakeOnOfSource

#: Roles that enter and confirm facts of any unit; others only facts of their own unit.
_FOR_ALL = roles("credit_officer", "jb_supervisor")
_LEADS: frozenset[Role] = frozenset({"credit_officer", "jb_supervisor"})
_SECONDS: frozenset[Role] = _LEADS | {"unit_head", "office_head"}


class Origin(Value):
    """The row of a fact in the table exported by the older system, with the row's digest."""

    file: Name
    row: Annotated[int, msgspec.Meta(ge=1)]
    digest: Sha256


class OlderPayment(Value, omit_defaults=True):
    """缴款: a payment of a fine before the takeover, in fen."""

    paid_on: date
    amount_fen: Fen
    receipt_no: Name
    late_fee_fen: Fen = 0


class OlderCase(Value):
    """案件: the case behind a penalty, from the file of the older system."""

    filed_on: date
    discovered_on: date
    violation_code: ViolationCode
    act: Name
    first_on: date
    last_on: date
    cause: Text
    investigators: Annotated[tuple[OfficerId, ...], msgspec.Meta(min_length=1, max_length=20)]
    filed_by: Badge
    source: CaseSource = "other"


class OlderObligation(Value, omit_defaults=True):
    """承诺事项: a promised obligation, its last day, and the day of performance, if any."""

    obligation: Name
    due_on: date
    says: Text | None = None
    done_on: date | None = None


class OpenTakeOn(Act):
    """登记启用日: begin the takeover from an older system, once for each system (TKO-D1).

    ``day`` is the day of the takeover, today or earlier. Deadlines after that day are judged here.
    """

    ROLES = roles("jb_supervisor", "credit_officer")

    takeon: TakeOnId
    source: TakeOnSourceId
    day: date
    says: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(TakeOn(self.takeon))
        if self.day > inquiry.on:
            raise Malformed(
                "takeon.day-must-be-today-earlier", pointer="/day", on=inquiry.on, day=self.day
            )
        before = inquiry.read(TakeOnOfSource(self.source)).takeon
        inquiry.require(
            before is None,
            rules.TKO_D1,
            source=self.source,
            reason=message("takeon.take-on-already-opened", before=before),
        )
        yield TakeOnOpened(
            takeon=self.takeon,
            source=self.source,
            unit=inquiry.actor.unit_id,
            day=self.day,
            says=self.says,
        )


class CloseTakeOn(Countersigned):
    """确认启用完成: close the take-on; no opening fact may be entered afterwards (TKO-D1).

    ``facts`` is the number of facts exported by the older system, without confidential ones. It
    must be equal to the number of facts taken on.
    """

    ROLES = roles("jb_supervisor", "credit_officer")

    NAME: ClassVar[str] = "takeon.close-take-on"
    APPROVERS: ClassVar[frozenset[Role]] = _LEADS

    takeon: TakeOnId
    facts: Annotated[int, msgspec.Meta(ge=0)]

    def effect(self, inquiry: Inquiry, requested_by: str | None) -> Iterator[Event]:
        assert requested_by is not None
        takeon = _open_takeon(inquiry, self.takeon)
        counts = inquiry.read(TakenFacts(self.takeon)).counts
        taken = sum(counts.values())
        if taken != self.facts:
            by_kind = [f"{n} × {kind}" for kind, n in sorted(counts.items())] or message(
                "general.none"
            )
            raise OutOfStep(
                "takeon.facts-must-be-number-facts-taken",
                held=taken,
                by_kind=by_kind,
                facts=self.facts,
            )
        yield TakeOnClosed(
            takeon=takeon.takeon,
            unit=takeon.unit,
            facts=taken,
            entered_by=requested_by,
            confirmed_by=inquiry.actor.person_id,
        )


class TakeOnPenalty(Countersigned):
    """录入期初处罚: take on a live penalty, with its payments and its publicity.

    It becomes a decision and, if it was served, a credit record. The last days of its publicity are
    calculated from ``decided_on``. ``published_on`` and ``channels`` say since when and where it is
    public; without them ``start-publicity`` must publish it. ``summary`` is the public text of the
    decision, if the decision was published too. ``case_file`` is the case behind it, if known.
    """

    # Lead departments enter facts of any unit, heads of a unit only those of their own unit.
    ROLES = roles("jb_supervisor", "credit_officer", *HEADS)
    ANY_UNIT = _FOR_ALL

    NAME: ClassVar[str] = "takeon.take-on-penalty"
    APPROVERS: ClassVar[frozenset[Role]] = _SECONDS

    takeon: TakeOnId
    ref: OlderId
    unit: UnitId
    entity: EntityId
    doc_no: Name
    decided_on: date
    types: Annotated[tuple[PenaltyType, ...], msgspec.Meta(min_length=1)]
    severity: Severity
    facts: Text
    fine_fen: Fen = 0
    title: Name = "行政处罚"
    sector: Sector = "general"
    procedure: Procedure = "ordinary"
    served_on: date | None = None
    repair_notice: bool = False
    payments: Annotated[tuple[OlderPayment, ...], msgspec.Meta(max_length=50)] = ()
    public: bool = True
    necessity_reason: Text | None = None
    published_on: date | None = None
    channels: Channels | None = None
    summary: Text | None = None
    case_file: OlderCase | None = None
    decision: DecisionId | None = None
    record: RecordId | None = None
    case: CaseId | None = None
    confiscated_fen: Fen = 0
    licence: Licence | None = None
    valid_until: date | None = None
    data_source: DataSource | None = None
    origin: Origin | None = None

    def effect(self, inquiry: Inquiry, requested_by: str | None) -> Iterator[Event | Fact]:
        decision = self.decision or inquiry.name("DEC")
        taking = _Taking(inquiry, self, requested_by, kind="penalty", began=decision)
        self._check(inquiry, taking)
        inquiry.new(DecisionStanding(decision))
        known = inquiry.read(DecisionsOf(self.entity)).by_document(self.doc_no)
        inquiry.require(
            known is None,
            rules.TKO_D2,
            told=known is not None and not inquiry.may_know("decision", known),
            what=message("takeon.decision-document", doc_no=self.doc_no),
        )
        require_first(inquiry, entity=self.entity, kind="penalty", doc_no=self.doc_no)
        entered = self._record(inquiry, decision)
        started = None if entered is None else self._publicity(inquiry, taking, entered)
        yield taking.taken()
        yield from self._decided(inquiry, taking, decision)
        if entered is None:
            return
        assert self.served_on is not None
        yield taking.fact(entered, self.served_on)
        if started is None:
            return
        yield taking.fact(started, started.started_on)
        if self.summary is not None:
            yield taking.fact(
                DecisionPublished(
                    decision=decision,
                    entity=self.entity,
                    unit=self.unit,
                    summary=self.summary,
                    published_on=started.started_on,
                ),
                started.started_on,
            )
        # Partners receive the live record from today on.
        yield from share(inquiry, entered)

    def _content(self) -> PenaltyContent:
        return PenaltyContent(
            types=self.types,
            severity=self.severity,
            fine_fen=self.fine_fen,
            confiscated_fen=self.confiscated_fen,
            licence=self.licence,
            valid_until=self.valid_until,
        )

    def _check(self, inquiry: Inquiry, taking: _Taking) -> None:
        require_content(self._content(), self.decided_on)
        require_source(self.data_source)
        if self.payments and not self.fine_fen:
            raise Malformed(
                "takeon.payments-must-be-empty-penalty-without-fine", pointer="/payments"
            )
        taking.past("/decided_on", self.decided_on)
        for pointer, day, first in (
            ("/served_on", self.served_on, self.decided_on),
            ("/published_on", self.published_on, self.served_on),
        ):
            if day is not None:
                taking.past(pointer, day, not_before=first)
        for place, payment in enumerate(self.payments):
            pointer = f"/payments/{place}/paid_on"
            taking.past(pointer, payment.paid_on, not_before=self.served_on)
        if (self.payments or self.published_on) and self.served_on is None:
            raise Malformed(
                "takeon.served-on-must-be-given-penalty-published-paid", pointer="/served_on"
            )
        if (self.published_on is None) != (self.channels is None):
            raise Malformed("takeon.channels-must-be-given-published-on-only", pointer="/channels")
        if self.published_on is not None and not self.public:
            raise Malformed("takeon.public-must-be-true-penalty-published", pointer="/public")
        if self.summary is not None and self.published_on is None:
            raise Malformed("takeon.published-on-must-be-given-summary", pointer="/published_on")
        if self.public:
            require_impersonal(inquiry, CRD_R4, self.title, self.facts, self.necessity_reason)
        if self.summary is not None:
            require_impersonal(inquiry, PUB_R1, self.summary)

    def _record(self, inquiry: Inquiry, decision: str) -> CreditRecordEntered | None:
        """Return the credit record, or ``None`` if the decision was not served."""
        if self.served_on is None:
            return None
        record = self.record or inquiry.name("CR")
        inquiry.new(Record(record))
        return CreditRecordEntered(
            record=record,
            entity=self.entity,
            unit=self.unit,
            kind="penalty",
            instrument=Instrument(
                kind="penalty_decision", doc_no=self.doc_no, effective_on=self.served_on
            ),
            determined_on=self.decided_on,
            title=self.title,
            public=self.public,
            severity=self.severity,
            sector=self.sector,
            amount_fen=self.fine_fen or None,
            necessity_reason=self.necessity_reason,
            decision=decision,
            determined_by=self.unit,
        )

    def _publicity(
        self, inquiry: Inquiry, taking: _Taking, says: CreditRecordEntered
    ) -> PublicityStarted | None:
        """Return the publicity, with its last days; refuse a penalty whose publicity is over."""
        first, last = reckoned(inquiry, says, self.channels or ()).publicity(inquiry.on)
        if last is not None:
            taking.live(inquiry.on <= last, message("takeon.longest-publicity-ended", last=last))
        if self.published_on is None or self.channels is None:
            if self.public:
                require_published(inquiry, self.severity, self.decided_on, self.necessity_reason)
            return None
        return PublicityStarted(
            record=says.record,
            entity=self.entity,
            unit=self.unit,
            started_on=self.published_on,
            channels=self.channels,
            min_until=first,
            max_until=last,
        )

    def _decided(self, inquiry: Inquiry, taking: _Taking, decision: str) -> Iterator[Fact]:
        """Yield the decision with its case, its service and its payments."""
        case = self.case or inquiry.name("CASE")
        file = self.case_file
        inquiry.new(Case(case))
        if file is not None:
            yield taking.fact(self._filed(case, file), file.filed_on)
        yield taking.fact(
            PenaltyDecided(
                decision=decision,
                entity=self.entity,
                unit=self.unit,
                case=case,
                doc_no=self.doc_no,
                decided_on=self.decided_on,
                types=self.types,
                severity=self.severity,
                facts=self.facts,
                fine_fen=self.fine_fen,
                sector=self.sector,
                procedure=self.procedure,
                violation_code=None if file is None else file.violation_code,
                confiscated_fen=self.confiscated_fen,
                licence=self.licence,
                valid_until=self.valid_until,
                data_source=self.data_source,
            ),
            self.decided_on,
        )
        if self.served_on is None:
            return
        served = PenaltyServed(
            decision=decision,
            entity=self.entity,
            unit=self.unit,
            served_on=self.served_on,
            repair_notice=self.repair_notice,
            fine_fen=self.fine_fen,
        )
        if self.fine_fen:
            served = msgspec.structs.replace(
                served,
                pay_by=inquiry.period("penalty.pay_cd", self.served_on).on,
                late_fee_daily=str(inquiry.setting("penalty.late_fee_daily", on=self.served_on)),
            )
        yield taking.fact(served, self.served_on)
        yield from self._paid(taking, served, case)

    def _filed(self, case: str, file: OlderCase) -> CaseFiled:
        for pointer, first, second in (
            ("/case_file/last_on", file.first_on, file.last_on),
            ("/case_file/discovered_on", file.first_on, file.discovered_on),
            ("/case_file/filed_on", file.discovered_on, file.filed_on),
            ("/decided_on", file.filed_on, self.decided_on),
        ):
            if second < first:
                raise Malformed(
                    "takeon.must-not-lie-before-place",
                    pointer=pointer,
                    place=pointer[1:],
                    first=first,
                    second=second,
                )
        return CaseFiled(
            case=case,
            entity=self.entity,
            unit=self.unit,
            procedure=self.procedure,
            party="organisation",
            conduct=Conduct(
                violation_code=file.violation_code,
                act=file.act,
                first_on=file.first_on,
                last_on=file.last_on,
            ),
            cause=file.cause,
            source=file.source,
            discovered_on=file.discovered_on,
            filed_on=file.filed_on,
            investigators=file.investigators,
            filed_by=file.filed_by,
            source_ref=self.ref,
        )

    def _paid(self, taking: _Taking, served: PenaltyServed, case: str) -> Iterator[Fact]:
        """Yield each payment with the amount outstanding after it."""
        so_far = Decision(served.decision)
        so_far.content = self._content()
        so_far.late_fee_daily = served.late_fee_daily
        for place, payment in enumerate(self.payments):
            pointer = f"/payments/{place}"
            if place and payment.paid_on < self.payments[place - 1].paid_on:
                raise Malformed("takeon.payments-must-be-order-days", pointer=pointer)
            left = so_far.outstanding(payment.paid_on) - payment.amount_fen
            if left < 0:
                raise Malformed(
                    "takeon.amount-fen-must-be-most-outstanding-amount",
                    pointer=f"{pointer}/amount_fen",
                    left=left + payment.amount_fen,
                    amount_fen=payment.amount_fen,
                )
            assert served.pay_by is not None  # A penalty with payments has a fine.
            due = so_far.late_fee(served.pay_by, payment.paid_on)
            so_far.payments.append(
                Payment(
                    payment.paid_on, payment.amount_fen, payment.late_fee_fen, payment.receipt_no
                )
            )
            paid = FinePaid if payment.amount_fen and not left else InstalmentPaid
            yield taking.fact(
                paid(
                    decision=served.decision,
                    case=case,
                    entity=self.entity,
                    unit=self.unit,
                    paid_on=payment.paid_on,
                    amount_fen=payment.amount_fen,
                    late_fee_fen=payment.late_fee_fen,
                    outstanding_fen=left,
                    late_fee_due_fen=due,
                    receipt_no=payment.receipt_no,
                    days_late=max(0, (payment.paid_on - served.pay_by).days),
                ),
                payment.paid_on,
            )


class TakeOnCommitment(Countersigned):
    """录入期初承诺: take on a commitment that still has an open obligation.

    An obligation with a ``done_on`` was performed before the takeover. An obligation whose day has
    passed is still open, but does not count as missed here.
    """

    ROLES = roles("jb_supervisor", "credit_officer", *HEADS)
    ANY_UNIT = _FOR_ALL

    NAME: ClassVar[str] = "takeon.take-on-commitment"
    APPROVERS: ClassVar[frozenset[Role]] = _SECONDS

    takeon: TakeOnId
    ref: OlderId
    unit: UnitId
    entity: EntityId
    type: CommitmentType
    text_hash: Sha256
    made_on: date
    obligations: Annotated[tuple[OlderObligation, ...], msgspec.Meta(min_length=1, max_length=50)]
    public: bool
    commitment: CommitmentId | None = None
    origin: Origin | None = None

    def effect(self, inquiry: Inquiry, requested_by: str | None) -> Iterator[Event | Fact]:
        commitment = self.commitment or inquiry.name("CMT")
        taking = _Taking(inquiry, self, requested_by, kind="commitment", began=commitment)
        taking.past("/made_on", self.made_on)
        self._check(inquiry, taking, commitment)
        inquiry.new(Commitment(commitment))
        yield taking.taken()
        yield taking.fact(
            CommitmentMade(
                commitment=commitment,
                entity=self.entity,
                unit=self.unit,
                type=self.type,
                text_hash=self.text_hash,
                obligations=tuple(
                    Obligation(obligation=older.obligation, due_on=older.due_on, says=older.says)
                    for older in self.obligations
                ),
                public=self.public,
            ),
            self.made_on,
        )
        for older in self.obligations:
            yield taking.fact(
                ObligationOpened(
                    commitment=commitment,
                    entity=self.entity,
                    unit=self.unit,
                    obligation=older.obligation,
                    due_on=older.due_on,
                ),
                self.made_on,
            )
        for older in self.obligations:
            if older.done_on is not None:
                yield taking.fact(
                    CommitmentFulfilled(
                        commitment=commitment,
                        entity=self.entity,
                        unit=self.unit,
                        obligation=older.obligation,
                        evidence=(f"{taking.takeon.source} {self.ref}",),
                        days_late=max(0, (older.done_on - older.due_on).days),
                    ),
                    older.done_on,
                )

    def _check(self, inquiry: Inquiry, taking: _Taking, commitment: str) -> None:
        names: set[str] = set()
        for place, older in enumerate(self.obligations):
            pointer = f"/obligations/{place}"
            if older.obligation in names:
                raise Malformed(
                    "takeon.obligation-must-be-named-only-once",
                    pointer=f"{pointer}/obligation",
                    obligation=older.obligation,
                )
            names.add(older.obligation)
            _require_tag(obligation_tag(commitment, older.obligation), f"{pointer}/obligation")
            if older.due_on < self.made_on:
                raise Malformed(
                    "takeon.due-on-must-not-lie-before-commitment",
                    pointer=f"{pointer}/due_on",
                    made_on=self.made_on,
                    due_on=older.due_on,
                )
            if older.done_on is not None:
                taking.past(f"{pointer}/done_on", older.done_on, not_before=self.made_on)
        taking.live(
            any(older.done_on is None for older in self.obligations),
            message("takeon.every-obligation-performed"),
        )
        if self.public:
            require_impersonal(
                inquiry,
                CRD_R4,
                *(text for older in self.obligations for text in (older.obligation, older.says)),
            )


class TakeOnDesignation(Countersigned):
    """录入期初重点监管单位: take on a designation that is in force.

    ``guided_on`` and ``guidance`` are the day and the subject of the last guidance. The review is
    due here on ``review_on``.
    """

    ROLES = roles("jb_supervisor", "credit_officer", *HEADS)
    ANY_UNIT = _FOR_ALL

    NAME: ClassVar[str] = "takeon.take-on-designation"
    APPROVERS: ClassVar[frozenset[Role]] = _SECONDS

    takeon: TakeOnId
    ref: OlderId
    unit: UnitId
    entity: EntityId
    matters: Annotated[tuple[MatterId, ...], msgspec.Meta(min_length=1, max_length=20)]
    reason: Text
    tracking_officer: OfficerId
    guidance_plan: Name
    designated_on: date
    review_on: date
    notice_no: Name
    notified_on: date
    guided_on: date | None = None
    guidance: Text | None = None
    designation: DesignationId | None = None
    origin: Origin | None = None

    def effect(self, inquiry: Inquiry, requested_by: str | None) -> Iterator[Event | Fact]:
        designation = self.designation or inquiry.name("KEY")
        taking = _Taking(inquiry, self, requested_by, kind="designation", began=designation)
        self._check(inquiry, taking)
        inquiry.new(KeyDesignation(designation))
        yield taking.taken()
        yield taking.fact(
            KeyUnitDesignated(
                designation=designation,
                entity=self.entity,
                unit=self.unit,
                matters=self.matters,
                review_on=self.review_on,
                listed_as=inquiry.setting("key.unit_list"),
            ),
            self.designated_on,
        )
        yield taking.fact(
            KeyUnitDescribed(
                designation=designation,
                entity=self.entity,
                unit=self.unit,
                reason=self.reason,
                tracking_officer=self.tracking_officer,
                guidance_plan=self.guidance_plan,
                notice_no=self.notice_no,
                notified_on=self.notified_on,
                grade=inquiry.read(CreditGrade(self.entity)).on(self.designated_on),
            ),
            self.designated_on,
        )
        if self.guided_on is not None and self.guidance is not None:
            yield taking.fact(
                GuidanceProvided(
                    designation=designation,
                    entity=self.entity,
                    unit=self.unit,
                    provided_on=self.guided_on,
                    subject=self.guidance,
                ),
                self.guided_on,
            )

    def _check(self, inquiry: Inquiry, taking: _Taking) -> None:
        taking.past("/designated_on", self.designated_on)
        taking.past("/notified_on", self.notified_on)
        if self.guided_on is not None:
            taking.past("/guided_on", self.guided_on)
        if (self.guided_on is None) != (self.guidance is None):
            raise Malformed("takeon.guidance-guided-on-must-be-given-together", pointer="/guidance")
        if self.review_on <= self.designated_on:
            raise Malformed(
                "takeon.review-on-must-lie-after-designated-on",
                pointer="/review_on",
                designated_on=self.designated_on,
                review_on=self.review_on,
            )
        inquiry.known(Registration(self.entity), "general.register-business-first")
        # A designation ends with the listing of its business (2.17).
        require_listed(inquiry, self.entity)
        for matter in self.matters:
            inquiry.known(Matter(matter), "general.list-matter-catalogue-first")
        inquiry.known(OfficerStanding(self.tracking_officer), "takeon.certify-officer-first")
        taking.live(
            inquiry.on <= self.review_on, message("takeon.review-due", review_on=self.review_on)
        )
        given = inquiry.read(KeyDesignations(self.entity, self.unit)).given
        for name, designation in given.items():
            again = designation.in_force(inquiry.on) and set(self.matters) & set(
                designation.matters
            )
            inquiry.require(
                not again,
                rules.TKO_D2,
                what=message("takeon.designation-same-matters", name=name, entity=self.entity),
            )


class TakeOnDeadline(Countersigned):
    """录入期初期限: take on a duty of a unit that is still open.

    A duty is for example a reply in a reconsideration, an answer to a complaint or the correction
    of a finding. The unit owes it by ``due_on`` under ``basis``. A duty whose day has passed is
    still open, but does not count as missed here. A duty about a complaint is confidential;
    ``hidden_from`` names the units that must not learn of it, such as the accused unit.
    """

    ROLES = roles("jb_supervisor", "credit_officer", "recon_officer", *HEADS)
    ANY_UNIT = _FOR_ALL

    NAME: ClassVar[str] = "takeon.take-on-deadline"
    APPROVERS: ClassVar[frozenset[Role]] = _SECONDS | {"recon_officer"}

    takeon: TakeOnId
    ref: OlderId
    unit: UnitId
    concerns: Concern
    says: Text
    started_on: date
    due_on: date
    basis: LegalRef
    entity: EntityId | None = None
    sealed: bool = False
    hidden_from: Annotated[tuple[Name, ...], msgspec.Meta(max_length=10)] = ()
    duty: DutyId | None = None
    origin: Origin | None = None

    def confidential(self, inquiry: Inquiry) -> bool:
        return self.sealed or self.concerns == "complaint" or bool(self.hidden_from)

    def withheld_from(self, inquiry: Inquiry) -> tuple[str, ...]:
        return self.hidden_from

    def require_signer(self, inquiry: Inquiry, requested_by: str | None) -> None:
        super().require_signer(inquiry, requested_by)
        if requested_by is not None and inquiry.actor.unit_id in self.hidden_from:
            raise Forbidden(
                "takeon.must-be-signed-person-unit-may-know", unit=inquiry.actor.unit_id
            )

    def effect(self, inquiry: Inquiry, requested_by: str | None) -> Iterator[Event | Fact]:
        duty, confidential = self.duty or inquiry.name("DUTY"), self.confidential(inquiry)
        taking = _Taking(
            inquiry,
            self,
            requested_by,
            kind="deadline",
            began=duty,
            confidential=confidential,
            withheld_from=self.hidden_from,
        )
        taking.past("/started_on", self.started_on)
        if self.due_on < self.started_on:
            raise Malformed(
                "takeon.due-on-must-not-lie-before-started-on",
                pointer="/due_on",
                started_on=self.started_on,
                due_on=self.due_on,
            )
        for unit in (self.unit, inquiry.actor.unit_id):
            if unit in self.hidden_from:
                raise Malformed(
                    "takeon.hidden-from-must-name-neither-unit-owes",
                    pointer="/hidden_from",
                    unit=unit,
                )
        for place, unit in enumerate(self.hidden_from):
            # A misspelled unit would hide the duty from nobody.
            if not _is_body(inquiry, unit) and not inquiry.read(UnitStanding(unit)).exists:
                raise Malformed(
                    "takeon.hidden-from-must-name-known-units",
                    pointer=f"/hidden_from/{place}",
                    unit=unit,
                )
        inquiry.new(OpenDuty(duty))
        yield taking.taken()
        yield taking.fact(
            OpenDeadlineTakenOn(
                duty=duty,
                unit=self.unit,
                concerns=self.concerns,
                says=self.says,
                started_on=self.started_on,
                due_on=self.due_on,
                basis=self.basis,
                entity=self.entity,
                confidential=confidential,
                withheld_from=self.hidden_from,
            ),
            self.started_on,
        )


class PerformOpenDuty(Report):
    """履行期初期限: report that an open duty from an older system is performed."""

    ROLES = roles("jb_supervisor", "credit_officer", "recon_officer", "park_committee", *UNIT)

    duty: DutyId
    evidence: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=50)]

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        hint = message("takeon.get-v1-open-duties-lists-open-duties")
        duty = inquiry.own(OpenDuty(self.duty), hint, any_unit=_FOR_ALL)
        if duty.performed_on is not None:
            raise OutOfStep(
                "takeon.duty-already-performed", duty=self.duty, performed_on=duty.performed_on
            )
        inquiry.not_before(duty.started_on, message("takeon.duty-began", duty=self.duty))
        opening = as_it_reads(inquiry, inquiry.opening(duty.opened_at))
        yield OpenDutyPerformed(
            duty=self.duty,
            unit=duty.unit,
            evidence=self.evidence,
            entity=duty.entity,
            days_late=inquiry.days_after(inquiry.due(rules.PERFORM_DUTY, opening)),
            confidential=duty.confidential,
            withheld_from=duty.withheld_from,
        )


Taken = TakeOnPenalty | TakeOnCommitment | TakeOnDesignation | TakeOnDeadline


class _Taking:
    """An opening fact that is checked against its take-on and recorded with its true days."""

    def __init__(
        self,
        inquiry: Inquiry,
        command: Taken,
        entered_by: str | None,
        *,
        kind: FactKind,
        began: str,
        confidential: bool = False,
        withheld_from: tuple[str, ...] = (),
    ) -> None:
        entity, origin = command.entity, command.origin
        # An opening fact is always entered by one person and confirmed by another.
        assert entered_by is not None
        self.takeon = _open_takeon(inquiry, command.takeon)
        assert self.takeon.day is not None
        # Only the request is checked: a body may enter its own duty, and another body confirm it.
        if inquiry.requested_by is None and (
            kind != "deadline" or not _is_body(inquiry, command.unit)
        ):
            inquiry.known(UnitStanding(command.unit), "general.qualify-unit-first")
        self._on, self._day = inquiry.on, self.takeon.day
        self._ledger = inquiry
        self._what = message("takeon.fact", kind=kind, ref=command.ref)
        fact = fact_id(command.takeon, kind, command.ref)
        # The refusal says only that the id is taken, and not by whom.
        known = inquiry.read_true(OpeningFact(fact)).exists
        inquiry.require(
            not known,
            rules.TKO_D2,
            told=not inquiry.may_know("opening-fact", fact),
            what=self._what,
        )
        self._taken = OpeningFactTakenOn(
            fact=fact,
            takeon=command.takeon,
            kind=kind,
            ref=command.ref,
            unit=command.unit,
            began=f"{BEGINS[kind]}:{began}",
            entered_by=entered_by,
            confirmed_by=inquiry.actor.person_id,
            entity=entity,
            confidential=confidential,
            withheld_from=withheld_from,
        )
        if origin is None:
            fields = msgspec.json.encode(command, order="sorted")
            origin = Origin(file="-", row=1, digest=sha256(fields).hexdigest())
        # The file name is stored in the envelope, where no other check looks for personal data.
        refuse_personal(origin.file, "/origin/file")
        self._provenance = Provenance(
            source=self.takeon.source,
            file=origin.file,
            row=origin.row,
            digest=origin.digest,
            opening=self._day,
        )

    def past(self, pointer: str, day: date, *, not_before: date | None = None) -> None:
        """Refuse a day after the takeover (TKO-D4), in the future, or before an earlier step."""
        name = pointer.strip("/")
        if day > self._on:
            raise Malformed("takeon.must-not-lie-future", pointer=pointer, name=name, day=day)
        if not_before is not None and day < not_before:
            raise Malformed(
                "takeon.must-not-lie-before",
                pointer=pointer,
                name=name,
                not_before=not_before,
                day=day,
            )
        self._ledger.require(
            day <= self._day,
            rules.TKO_D4,
            what=message("takeon.name-of", name=name, what=self._what),
            given=day,
            day=self._day,
        )

    def live(self, condition: bool, reason: Message) -> None:
        """Refuse a fact that has ended (TKO-D3)."""
        self._ledger.require(condition, rules.TKO_D3, what=self._what, reason=reason)

    def taken(self) -> OpeningFactTakenOn:
        """Return the event that names who entered and who confirmed the fact."""
        return self._taken

    def fact(self, event: Event, day: date) -> Fact:
        """Return an event with its true day, marked as an opening fact."""
        return Fact(event, occurred_at=civil_moment(day), provenance=self._provenance)


def _open_takeon(inquiry: Inquiry, name: str) -> TakeOn:
    takeon = inquiry.known(TakeOn(name), "takeon.open-take-on-first")
    inquiry.require(
        takeon.closed_on is None,
        rules.TKO_D1,
        source=takeon.source,
        reason=message("takeon.take-on-closed", name=name, closed_on=takeon.closed_on),
    )
    return takeon


def _is_body(inquiry: Inquiry, unit: str) -> bool:
    """Return whether a unit is a body that only owes answers: a park, RECON, JB or RLO."""
    return unit == inquiry.actor.unit_id or unit in inquiry.setting("complaint.handlers")["units"]


def _require_tag(tag: str, pointer: str) -> None:
    try:
        msgspec.convert(tag, Tag)
    except msgspec.ValidationError:
        raise Malformed(
            "takeon.obligation-must-short-name-single-line",
            pointer=pointer,
        ) from None
