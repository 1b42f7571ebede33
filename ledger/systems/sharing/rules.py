"""Rules, findings and deadlines of sharing (2.4f), and of removal after repair (2.4e, REP-V2)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ledger.kernel import DeadlineRule, Event, Inquiry, Recorded, Rule, finding_rule
from ledger.kernel.events import event_types
from ledger.systems.filing.events import IrregularVisitReported
from ledger.systems.sharing.events import (
    RemovalAcknowledged,
    RemovalNotified,
    RemovalReminded,
    matches,
)

_SHARING = "国办发〔2020〕49号: 依法依规共享, 明确用途; 个人信息保护法 Arts. 6, 23"
_REMOVAL = "国家发展改革委令第36号; 国办发〔2025〕22号: 修复结果协同联动、同步更新"

#: The most live webhooks of one subscription.
MOST_WEBHOOKS = 10

#: The most positions whose messages one command sends again.
MOST_REPEATED = 10_000

SHR_R1 = Rule(
    "SHR-R1",
    "a subscription must state its purpose and its legal basis: {missing}",
    _SHARING,
    "State in purpose what the information is for, and cite in legal_basis the law that allows the "
    "subscriber to receive it.",
)
SHR_R2 = Rule(
    "SHR-R2",
    "the filter {pattern} covers sealed data: {sealed}",
    f"{_SHARING}; 行政处罚法 Art. 50",
    "List the types one by one, without the sealed ones.",
)
SHR_V1 = finding_rule(
    "SHR-V1",
    "use_of_ended_record",
    "a partner used a record that had been repaired or superseded",
    _REMOVAL,
)
SHR_V2 = finding_rule(
    "SHR-V2",
    "duplicate_request",
    "a unit asked a business for information that was already shared",
    "优化营商环境条例 Art. 37: 能够通过共享获得的不得要求提供",
)
REP_V2 = finding_rule(
    "REP-V2",
    "removal_not_confirmed",
    "a partner did not confirm in time that an ended record was removed",
    _REMOVAL,
    policy_key="repair.sync_wd",
)

#: Types whose events are sealed in some cases, depending on their content.
_SEALED_AT_TIMES = {IrregularVisitReported.TOPIC}


def sealed_types(pattern: str) -> list[str]:
    """Return the types under a pattern that only the recorder and the supervisors may read."""
    return sorted(
        topic
        for topic, cls in event_types().items()
        if matches(pattern, topic) and (cls.VISIBILITY == "sealed" or topic in _SEALED_AT_TIMES)
    )


ACKNOWLEDGE = DeadlineRule(
    "repair.sync_wd",
    "repair.sync_wd",
    RemovalNotified,
    (RemovalAcknowledged,),
    about=lambda event: f"removal:{event.removal}",
    finding=REP_V2,
)


def _remind(inquiry: Inquiry, opening: Recorded, due_on: date) -> Iterator[Event]:
    """催告: remind the subscriber before its time ends."""
    notice = opening.event
    assert isinstance(notice, RemovalNotified)
    yield RemovalReminded(
        removal=notice.removal,
        subscription=notice.subscription,
        unit=notice.unit,
        entity=notice.entity,
        record=notice.record,
    )


ALERT = DeadlineRule(
    "repair.sync_alert_wd",
    "repair.sync_alert_wd",
    RemovalNotified,
    (RemovalAcknowledged,),
    about=lambda event: f"removal:{event.removal}",
    lapses=True,
    follows=_remind,
)
