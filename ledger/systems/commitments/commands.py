"""Commands of credit commitments: make, fulfil, establish a breach (2.4b)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated

import msgspec

from ledger.general.personaldata import require_impersonal
from ledger.general.roles import UNIT, roles
from ledger.general.values import Instrument
from ledger.general.vocabulary import CommitmentId, EntityId, Name, RecordId, Sha256, Text, UnitId
from ledger.kernel import (
    Act,
    DatedAct,
    Event,
    Inquiry,
    Malformed,
    Message,
    OutOfStep,
    Report,
    Tag,
    UnknownReference,
    message,
)
from ledger.systems.catalogue.folds import UnitStanding
from ledger.systems.commitments import rules
from ledger.systems.commitments.events import (
    CommitmentBreached,
    CommitmentFulfilled,
    CommitmentMade,
    CommitmentType,
    Obligation,
    ObligationOpened,
    obligation_tag,
)
from ledger.systems.commitments.folds import Commitment
from ledger.systems.credit.events import CreditRecordEntered
from ledger.systems.credit.folds import Record
from ledger.systems.credit.rules import CRD_R4, first_of, require_first
from ledger.systems.entities.rules import require_listed

Obligations = Annotated[tuple[Obligation, ...], msgspec.Meta(min_length=1, max_length=50)]
Evidence = Annotated[tuple[Name, ...], msgspec.Meta(max_length=50)]


class MakeCommitment(DatedAct):
    """作出信用承诺: record a commitment of a business; each obligation has its own last day.

    The unit that receives the commitment records it, or the business itself. ``text_hash`` is the
    SHA-256 of the signed text.
    """

    ROLES = roles("entity_rep", "credit_officer", *UNIT)
    ANY_UNIT = roles("credit_officer", "entity_rep")
    IN_PERSON = roles("entity_rep")

    commitment: CommitmentId
    entity: EntityId
    unit: UnitId
    type: CommitmentType
    text_hash: Sha256
    obligations: Obligations
    public: bool

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        if inquiry.actor.role == "entity_rep":
            inquiry.known(UnitStanding(self.unit), "commitments.name-unit-receives-commitment")
        inquiry.new(Commitment(self.commitment))
        require_listed(inquiry, self.entity)
        for place, promise in enumerate(self.obligations):
            name = promise.obligation
            if any(name == other.obligation for other in self.obligations[:place]):
                raise Malformed(
                    "commitments.each-obligation-must-own-name",
                    pointer=f"/obligations/{place}/obligation",
                    name=name,
                )
            if not _is_tag(obligation_tag(self.commitment, name)):
                raise Malformed(
                    "commitments.name-obligation-must-be-short-one-line",
                    pointer=f"/obligations/{place}/obligation",
                    name=name,
                )
            if promise.due_on < inquiry.on:
                raise Malformed(
                    "commitments.must-not-due-before-commitment-made",
                    pointer=f"/obligations/{place}/due_on",
                    name=name,
                    on=inquiry.on,
                    due_on=promise.due_on,
                )
        if self.public:
            require_impersonal(
                inquiry,
                CRD_R4,
                *(
                    text
                    for promise in self.obligations
                    for text in (promise.obligation, promise.says)
                ),
            )
        yield CommitmentMade(
            commitment=self.commitment,
            entity=self.entity,
            unit=self.unit,
            type=self.type,
            text_hash=self.text_hash,
            obligations=self.obligations,
            public=self.public,
        )
        for promise in self.obligations:
            yield ObligationOpened(
                commitment=self.commitment,
                entity=self.entity,
                unit=self.unit,
                obligation=promise.obligation,
                due_on=promise.due_on,
            )


class FulfilCommitment(Report):
    """履行承诺: report that an obligation was performed, in time or late.

    With the last obligation the commitment enters the credit record. It counts as fulfilled if
    every obligation was performed in time.
    """

    ROLES = roles("credit_officer", *UNIT)

    commitment: CommitmentId
    obligation: Name
    evidence: Annotated[Evidence, msgspec.Meta(min_length=1)]

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        commitment, obligation = _open_obligation(inquiry, self.commitment, self.obligation)
        inquiry.not_before(
            commitment.made_on, message("commitments.made", commitment=self.commitment)
        )
        late = inquiry.days_after(obligation.due_on)
        yield CommitmentFulfilled(
            commitment=self.commitment,
            entity=commitment.entity,
            unit=commitment.unit,
            obligation=self.obligation,
            evidence=self.evidence,
            days_late=late,
        )
        # The performance is recorded even if the commitment is already on the credit record,
        # which has it only once (CRD-R5).
        first = first_of(
            inquiry, entity=commitment.entity, kind="commitment", doc_no=self.commitment
        )
        if commitment.open == [self.obligation] and not commitment.breached and first is None:
            assert commitment.made_on is not None
            yield CreditRecordEntered(
                record=inquiry.name("CR"),
                entity=commitment.entity,
                unit=commitment.unit,
                kind="commitment",
                instrument=Instrument(
                    kind="other",
                    doc_no=self.commitment,
                    effective_on=commitment.made_on,
                    allowed_by=rules.KEEPING,
                ),
                determined_on=inquiry.on,
                title="信用承诺履行",
                public=commitment.public,
                fulfilled=not late and not commitment.late,
                source_ref=self.commitment,
            )


class EstablishBreach(Act):
    """认定违背承诺: establish a breach, with verified evidence and after a notice (CMT-R1).

    The obligation must have been due earlier, unless ``impossible_because`` says why it can no
    longer be performed. The breach enters the credit record as ``record``, without a severity and
    not public: a severity needs a determination (2.4c).
    """

    ROLES = roles("credit_officer", "unit_head")

    commitment: CommitmentId
    obligation: Name
    record: RecordId
    evidence: Evidence = ()
    notice_ref: Name | None = None
    notified_on: date | None = None
    summary: Text | None = None
    impossible_because: Text | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        commitment, obligation = _open_obligation(inquiry, self.commitment, self.obligation)
        inquiry.act_for(commitment.unit)  # 谁认定: only the unit that received the commitment
        inquiry.new(Record(self.record))
        reason = self._why_not(inquiry, commitment, obligation)
        inquiry.require(reason is None, rules.CMT_R1, commitment=self.commitment, reason=reason)
        require_impersonal(inquiry, CRD_R4, self.impossible_because)
        assert self.notice_ref is not None
        assert self.notified_on is not None
        require_first(
            inquiry,
            entity=commitment.entity,
            kind="commitment_breach",
            doc_no=self.notice_ref,
        )
        yield CommitmentBreached(
            commitment=self.commitment,
            entity=commitment.entity,
            unit=commitment.unit,
            obligation=self.obligation,
            evidence=self.evidence,
            notice_ref=self.notice_ref,
            notified_on=self.notified_on,
            impossible_because=self.impossible_because,
        )
        yield CreditRecordEntered(
            record=self.record,
            entity=commitment.entity,
            unit=commitment.unit,
            kind="commitment_breach",
            instrument=Instrument(
                kind="other",
                doc_no=self.notice_ref,
                effective_on=self.notified_on,
                allowed_by=rules.KEEPING,
            ),
            determined_on=inquiry.on,
            title="违背信用承诺",
            public=False,
            summary=self.summary,
            source_ref=self.commitment,
        )

    def _why_not(
        self, inquiry: Inquiry, commitment: Commitment, obligation: Obligation
    ) -> Message | None:
        assert commitment.made_on is not None
        if not self.evidence:
            return message("commitments.verified-evidence-must-be-named")
        if self.notice_ref is None or self.notified_on is None:
            return message("commitments.notice-business-must-be-named-day")
        if self.notified_on >= inquiry.on:
            return message(
                "commitments.business-must-been-notified-before",
                on=inquiry.on,
                notified_on=self.notified_on,
            )
        if self.notified_on < commitment.made_on:
            return message(
                "commitments.notice-must-not-before-commitment",
                made_on=commitment.made_on,
                notified_on=self.notified_on,
            )
        if obligation.due_on >= inquiry.on and self.impossible_because is None:
            return message(
                "commitments.due-until-impossible-because-must-say-why",
                obligation=self.obligation,
                due_on=obligation.due_on,
            )
        return None


def _is_tag(tag: str) -> bool:
    try:
        msgspec.convert(tag, Tag)
    except msgspec.ValidationError:
        return False
    return True


def _open_obligation(
    inquiry: Inquiry, commitment_id: str, obligation: str
) -> tuple[Commitment, Obligation]:
    # The lead department may record for every unit; all others act for their own unit.
    commitment = inquiry.own(
        Commitment(commitment_id),
        "general.record-commitment-first",
        any_unit=roles("credit_officer"),
    )
    if obligation not in commitment.obligations:
        raise UnknownReference(
            "obligation",
            obligation,
            message(
                "commitments.obligations",
                commitment=commitment_id,
                obligations=commitment.obligations,
            ),
        )
    if (on := commitment.fulfilled.get(obligation)) is not None:
        raise OutOfStep(
            "commitments.performed-already", obligation=obligation, commitment=commitment_id, on=on
        )
    if (on := commitment.breached.get(obligation)) is not None:
        raise OutOfStep(
            "commitments.found-breached-already",
            obligation=obligation,
            commitment=commitment_id,
            on=on,
        )
    return commitment, commitment.obligations[obligation]
