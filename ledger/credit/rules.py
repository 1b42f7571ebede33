"""Rules, findings and deadlines of credit recording and publicity (2.4a)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from ledger.credit.effects import end_records
from ledger.credit.events import (
    CreditRecordEntered,
    Instrument,
    ObjectionFiled,
    ObjectionResolved,
    PublicityReinstated,
    PublicityStarted,
    PublicityTerminated,
    Severity,
)
from ledger.credit.folds import Record
from ledger.credit.regimes import last_public_day
from ledger.kernel import DeadlineRule, Event, Reading, Recorded, Rule, finding_rule
from ledger.supervision.findings import finding

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
    ledger: Reading, severity: Severity | None, determined_on: date, necessity_reason: str | None
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
    assert isinstance(opening.event, PublicityStarted | PublicityReinstated)
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
    (PublicityTerminated,),
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
    (PublicityTerminated,),
    about=lambda event: None if event.max_until is None else f"record:{event.record}",
    ends=lambda event: event.max_until,
    lapses=True,
    follows=_max_reached,
)


def publicity_deadline(event: CreditRecordEntered) -> DeadlineRule | None:
    """The deadline that a record opens, if it opens one."""
    rules = (PUBLISH_DECIDED, PUBLISH_OTHER)
    return next((rule for rule in rules if rule.about(event) is not None), None)
