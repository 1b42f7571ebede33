"""Rules, findings and deadlines of credit recording and publicity (2.4a)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from ledger.general.audiences import audiences_for, audiences_of, visibility_of
from ledger.general.documents import normal_form
from ledger.kernel import Actor, DeadlineRule, Event, Reading, Recorded, Rule, finding_rule
from ledger.systems.credit.effects import end_records
from ledger.systems.credit.events import (
    CreditRecordEntered,
    Instrument,
    ObjectionFiled,
    ObjectionResolved,
    PublicityBoundsMoved,
    PublicityReinstated,
    PublicityStarted,
    PublicityTerminated,
    RecordSeverity,
)
from ledger.systems.credit.folds import CreditRecords, Record
from ledger.systems.credit.regimes import last_public_day
from ledger.systems.penalties.folds import Decision
from ledger.systems.supervision.findings import finding

_RECORDING = "国办发〔2020〕49号《关于进一步完善失信约束制度构建诚信建设长效机制的指导意见》"
_PUBLICITY = "国家发展改革委令第36号; 国办发〔2025〕22号"
_DOUBLE = "国办发〔2018〕118号; 双公示"

CRD_R1 = Rule(
    "CRD-R1",
    "the record rests on no effective legal instrument: {reason}",
    f"{_RECORDING}: 以生效的法律文书为依据",
    "Name a judgment, a penalty or ruling decision in effect, or another document with the law "
    "that allows it.",
)
CRD_R2 = Rule(
    "CRD-R2",
    "kind {kind} is not in the national basic catalogue of public credit information",
    f"{_RECORDING}: 公共信用信息目录",
    "Take one of {kinds}; for an item of the local supplement take kind other and name the item "
    "in catalogue_item.",
)
CRD_R3 = Rule(
    "CRD-R3",
    "{severity} dishonesty information is not published in principle",
    f"{_PUBLICITY}: 轻微失信信息原则上不公示",
    "Say in necessity_reason why it has to be public, or enter it as not public.",
    policy_key="dishonesty.regime",
)
CRD_R4 = Rule(
    "CRD-R4",
    "the public text holds {what}",
    "个人信息保护法 Art. 28; 行政处罚法 Art. 50",
    "Leave personal data out of the text; it belongs into the sealed store.",
)

CRD_R5 = Rule(
    "CRD-R5",
    "document {doc_no} is on the credit record of {entity} already{where}",
    f"{_RECORDING}: 同一失信行为不得重复认定、重复公示",
    "One document has one record, whoever enters it, whether it is live, ended, repaired or "
    "revoked; act on that one.",
)
CRD_R6 = Rule(
    "CRD-R6",
    "a record must say what its decision {decision} says: its {field} is {expected}, not {given}",
    f"{_RECORDING}: 以生效的法律文书为依据",
    "Enter it as the decision says, or correct the decision first.",
)

CRD_V4 = finding_rule(
    "CRD-V4",
    "unlawful_publicity",
    "a record of a document is shown elsewhere though its decision ended or changed here",
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
    ledger: Reading,
    severity: RecordSeverity | None,
    determined_on: date,
    necessity_reason: str | None,
) -> None:
    """Refuse to show what is not published in principle, unless for a reason (CRD-R3)."""
    if severity is None:
        return
    regime = ledger.setting("dishonesty.regime", on=determined_on)
    published = regime[severity].get("published", "always")
    ledger.require(published == "always" or necessity_reason, CRD_R3, severity=severity)


def why_ineffective(instrument: Instrument | None, on: date) -> str | None:
    """Why a record cannot rest on this instrument on a day (CRD-R1), or ``None``."""
    if instrument is None:
        return "none is named"
    if instrument.effective_on > on:
        return f"{instrument.doc_no} takes effect on {instrument.effective_on}"
    if instrument.kind == "other" and instrument.allowed_by is None:
        return f"no law is named that lets {instrument.doc_no} carry a record"
    return None


def require_first(
    ledger: Reading, *, entity: str, kind: str, doc_no: str, but: str | None = None
) -> None:
    """Refuse a second record of one document, party and kind, whoever determined it (CRD-R5).

    The answer names the first one to those who may see it alone.
    """
    record = first_of(ledger, entity=entity, kind=kind, doc_no=doc_no, but=but)
    if record is None:
        return
    assert record.says is not None
    seen = _may_see(ledger.actor, record)
    ledger.require(
        False,
        CRD_R5,
        doc_no=record.says.instrument.doc_no if seen else doc_no,
        entity=entity,
        where=f", as {record.record}" if seen else "",
        **({"record": record.record} if seen else {}),
    )


def first_of(
    ledger: Reading, *, entity: str, kind: str, doc_no: str, but: str | None = None
) -> Record | None:
    """Return the record that a document of a business has already; ``but``: not that one."""
    return next(
        (
            record
            for record in ledger.read(CreditRecords(entity)).of_document(None, doc_no)
            if record.says is not None and record.says.kind == kind and record.record != but
        ),
        None,
    )


def _may_see(actor: Actor, record: Record) -> bool:
    assert record.entered is not None
    envelope, event = record.entered.envelope, record.entered.event
    tags = event.tags()
    visibility = visibility_of(envelope.type, envelope.visibility, tags)
    of_event = audiences_of(visibility, envelope.actor.unit_id, tags)
    return not audiences_for(actor.role, actor.unit_id).isdisjoint(of_event)


def require_as_decided(ledger: Reading, says: CreditRecordEntered) -> None:
    """Refuse a record that differs from its decision, as that now reads (CRD-R6).

    Party, document number, day, amount and class; raises nothing for what rests on no penalty.
    """
    if says.decision is None:
        return
    decision = ledger.read(Decision(says.decision))
    decided, content = decision.decided, decision.content
    if decided is None or content is None:
        return
    for field, expected, given in (
        ("party", decided.entity, says.entity),
        ("document number", decided.doc_no, says.instrument.doc_no),
        ("day", decided.decided_on, says.determined_on),
        ("amount", content.fine_fen, says.amount_fen or 0),
        ("class", content.severity, says.severity),
    ):
        same = expected == given
        if field == "document number":
            same = normal_form(decided.doc_no) == normal_form(says.instrument.doc_no)
        ledger.require(
            same,
            CRD_R6,
            decision=says.decision,
            field=field,
            # Of somebody else's decision nothing is told.
            expected="another" if field == "party" else expected,
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
#: Results of inspections have a deadline of their own, ``draw.result_publish_wd``.
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


def _max_reached(ledger: Reading, opening: Recorded, due_on: date) -> Iterator[Event]:
    """最长公示期届满: what was shown for as long as it may be ends by itself."""
    assert isinstance(opening.event, PublicityStarted | PublicityReinstated | PublicityBoundsMoved)
    record = ledger.read(Record(opening.event.record))
    if record.ended is not None:
        return
    ends = min(due_on, last_public_day(ledger, record) or due_on) + timedelta(days=1)
    yield from end_records(ledger, [record], reason="max_reached")
    if ledger.on > ends and not record.suspended(ledger.on):
        yield finding(
            ledger,
            CRD_V1,
            unit=opening.event.unit,
            entity=opening.event.entity,
            record=record.record,
            due_on=ends.isoformat(),
            reason="max_reached",
        )


END_OF_PUBLICITY = DeadlineRule(
    "dishonesty.regime.max",
    None,
    PublicityStarted,
    (PublicityTerminated, PublicityBoundsMoved),
    about=lambda event: None if event.max_until is None else f"record:{event.record}",
    ends=lambda event: event.max_until,
    lapses=True,
    follows=_max_reached,
)
#: Where its last day moved, that one takes the place of the one before.
END_OF_MOVED = DeadlineRule(
    "dishonesty.regime.max.moved",
    None,
    PublicityBoundsMoved,
    (PublicityTerminated, PublicityBoundsMoved),
    about=lambda event: None if event.max_until is None else f"record:{event.record}",
    ends=lambda event: event.max_until,
    lapses=True,
    follows=_max_reached,
)


#: What came back goes on to the same last day.
END_OF_REINSTATED = DeadlineRule(
    "dishonesty.regime.max.reinstated",
    None,
    PublicityReinstated,
    (PublicityTerminated, PublicityBoundsMoved),
    about=lambda event: None if event.max_until is None else f"record:{event.record}",
    ends=lambda event: event.max_until,
    lapses=True,
    follows=_max_reached,
)


def publicity_deadline(event: CreditRecordEntered) -> DeadlineRule | None:
    """The deadline that a record opens, if it opens one."""
    rules = (PUBLISH_DECIDED, PUBLISH_OTHER)
    return next((rule for rule in rules if rule.about(event) is not None), None)
