"""Rules, findings and deadlines of credit recording and publicity (2.4a)."""

from __future__ import annotations

from datetime import date

from ledger.general.audiences import audiences_for, audiences_of, visibility_of
from ledger.general.documents import normal_form
from ledger.general.values import Instrument
from ledger.kernel import (
    Actor,
    DeadlineRule,
    Inquiry,
    Message,
    Recorded,
    Rule,
    finding_rule,
    message,
)
from ledger.systems.credit.events import (
    CreditRecordEntered,
    ObjectionFiled,
    ObjectionResolved,
    PublicityStarted,
    RecordSeverity,
)
from ledger.systems.credit.folds import CreditRecords, Record
from ledger.systems.penalties.folds import Decision

_RECORDING = "国办发〔2020〕49号《关于进一步完善失信约束制度构建诚信建设长效机制的指导意见》"
_PUBLICITY = "国家发展改革委令第36号; 国办发〔2025〕22号"
_DOUBLE = "国办发〔2018〕118号; 双公示"

CRD_R1 = Rule(
    "CRD-R1",
    "the record is not based on a legal instrument in effect: {reason}",
    f"{_RECORDING}: 以生效的法律文书为依据",
    "Name a judgment, penalty decision or ruling in effect, or another document together with the "
    "law that allows it.",
)
CRD_R2 = Rule(
    "CRD-R2",
    "kind {kind} is not in the national basic catalogue of public credit information",
    f"{_RECORDING}: 公共信用信息目录",
    "Use one of {kinds}; for an item of the local supplement use kind other and name the item "
    "in catalogue_item.",
)
CRD_R3 = Rule(
    "CRD-R3",
    "{severity} dishonesty information is in principle not published",
    f"{_PUBLICITY}: 轻微失信信息原则上不公示",
    "State in necessity_reason why it must be public, or enter it as not public.",
    policy_key="dishonesty.regime",
)
CRD_R4 = Rule(
    "CRD-R4",
    "the public text must not contain personal data; it contains {what}",
    "个人信息保护法 Art. 28; 行政处罚法 Art. 50",
    "Remove the personal data from the text; it belongs in the sealed store.",
)

CRD_R5 = Rule(
    "CRD-R5",
    "document {doc_no} is already on the credit record of {entity}{where}",
    f"{_RECORDING}: 同一失信行为不得重复认定、重复公示",
    "Use the existing record: a document has only one record, also if another unit entered it or "
    "the record has ended, was repaired or was revoked.",
)
CRD_R6 = Rule(
    "CRD-R6",
    "a record must match its decision {decision}: its {field} must be {expected}; it is {given}",
    f"{_RECORDING}: 以生效的法律文书为依据",
    "Enter the {field} of the decision, or correct the decision first.",
)

CRD_V4 = finding_rule(
    "CRD-V4",
    "unlawful_publicity",
    "another platform still shows a record whose decision was ended or changed here",
    _PUBLICITY,
)
CRD_V1 = finding_rule(
    "CRD-V1",
    "unlawful_publicity",
    "a record was still public after its longest publicity, its repair or its revocation",
    _PUBLICITY,
    policy_key="dishonesty.regime",
)
CRD_V2 = finding_rule("CRD-V2", "late_publicity", "a record was published late", _DOUBLE)
CRD_V3 = finding_rule(
    "CRD-V3",
    "inaction",
    "an objection to a record was not answered in time",
    "国办发〔2025〕22号",
    policy_key="credit.objection_wd",
)


def require_published(
    inquiry: Inquiry,
    severity: RecordSeverity | None,
    determined_on: date,
    necessity_reason: str | None,
) -> None:
    """Require a reason to publish information that is in principle not published (CRD-R3)."""
    if severity is None:
        return
    regime = inquiry.setting("dishonesty.regime", on=determined_on)
    published = regime[severity].get("published", "always")
    inquiry.require(published == "always" or necessity_reason, CRD_R3, severity=severity)


def why_ineffective(instrument: Instrument | None, on: date) -> Message | None:
    """Return why a record cannot be based on ``instrument`` on a day (CRD-R1), or ``None``."""
    if instrument is None:
        return message("credit.no-instrument-named")
    if instrument.effective_on > on:
        return message(
            "credit.takes-effect", doc_no=instrument.doc_no, effective_on=instrument.effective_on
        )
    if instrument.kind == "other" and instrument.allowed_by is None:
        return message("credit.no-law-named-allows-record-based", doc_no=instrument.doc_no)
    return None


def require_first(
    inquiry: Inquiry, *, entity: str, kind: str, doc_no: str, but: str | None = None
) -> None:
    """Refuse a second record of the same document, party and kind (CRD-R5).

    The refusal names the first record only to an actor who may see it.
    """
    record = first_of(inquiry, entity=entity, kind=kind, doc_no=doc_no, but=but)
    if record is None:
        return
    seen = _may_see(inquiry.actor, record)
    inquiry.require(
        False,
        CRD_R5,
        told=not seen,
        doc_no=record.says.instrument.doc_no if seen else doc_no,
        entity=entity,
        where=(message("credit.as-record", record=record.record) if seen else ""),
        **({"record": record.record} if seen else {}),
    )


def first_of(
    inquiry: Inquiry, *, entity: str, kind: str, doc_no: str, but: str | None = None
) -> Record | None:
    """Return the record that a document already has, leaving out record ``but``, or ``None``."""
    return next(
        (
            record
            for record in inquiry.read(CreditRecords(entity)).of_document(None, doc_no)
            if record.exists and record.says.kind == kind and record.record != but
        ),
        None,
    )


def _may_see(actor: Actor, record: Record) -> bool:
    envelope, event = record.entered.envelope, record.entered.event
    tags = event.tags()
    visibility = visibility_of(envelope.type, envelope.visibility, tags)
    of_event = audiences_of(visibility, envelope.actor.unit_id, tags)
    return not audiences_for(actor.role, actor.unit_id).isdisjoint(of_event)


def require_as_decided(inquiry: Inquiry, says: CreditRecordEntered) -> None:
    """Refuse a record that differs from the present content of its decision (CRD-R6).

    Party, document number, day, amount and class are compared. A record that is not based on a
    penalty is never refused.
    """
    if says.decision is None:
        return
    decision = inquiry.read(Decision(says.decision))
    decided, content = decision.decision_made, decision.content
    if decided is None or content is None:
        return
    for field, expected, given in (
        ("credit.party", decided.entity, says.entity),
        ("credit.document-number", decided.doc_no, says.instrument.doc_no),
        ("credit.day", decided.decided_on, says.determined_on),
        ("credit.amount", content.fine_fen, says.amount_fen or 0),
        ("credit.class", content.severity, says.severity),
    ):
        same = expected == given
        if field == "credit.document-number":
            same = normal_form(decided.doc_no) == normal_form(says.instrument.doc_no)
        inquiry.require(
            same,
            CRD_R6,
            decision=says.decision,
            field=message(field),
            # Do not reveal the party of a decision that is about another business.
            expected=message("credit.another") if field == "credit.party" else expected,
            given=given,
        )


def _determined_on(record: Recorded) -> date:
    assert isinstance(record.event, CreditRecordEntered)
    return record.event.determined_on


def _is_of_seven_days(event: CreditRecordEntered) -> bool:
    return event.kind in ("licence", "penalty")


PUBLISH_DECIDED = DeadlineRule(
    "publicity.penalty_wd.record",
    "publicity.penalty_wd",
    CreditRecordEntered,
    (PublicityStarted,),
    about=lambda event: (
        f"record:{event.record}" if event.public and _is_of_seven_days(event) else None
    ),
    start=_determined_on,
)
#: Inspection results are excluded: they have another deadline, ``draw.result_publish_wd``.
PUBLISH_OTHER = DeadlineRule(
    "publicity.other_wd.record",
    "publicity.other_wd",
    CreditRecordEntered,
    (PublicityStarted,),
    about=lambda event: (
        f"record:{event.record}"
        if event.public and not _is_of_seven_days(event) and event.kind != "inspection_result"
        else None
    ),
    start=_determined_on,
)
ANSWER_OBJECTION = DeadlineRule(
    "credit.objection_wd",
    "credit.objection_wd",
    ObjectionFiled,
    (ObjectionResolved,),
    about=lambda event: f"record:{event.record}",
    start=lambda record: record.occurred_on,
    finding=CRD_V3,
)


def publicity_deadline(event: CreditRecordEntered) -> DeadlineRule | None:
    """Return the deadline for publishing a record, or ``None``."""
    rules = (PUBLISH_DECIDED, PUBLISH_OTHER)
    return next((rule for rule in rules if rule.about(event) is not None), None)
