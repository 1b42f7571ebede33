"""Rules, findings and deadlines of publicity (2.8); those of penalties stand with penalties."""

from __future__ import annotations

from datetime import date

from ledger.kernel import DeadlineRule, Recorded, finding_rule
from ledger.systems.corrections.events import UNDOING
from ledger.systems.penalties.rules import PUB_V1
from ledger.systems.publicity.events import (
    ActDecided,
    ActPublished,
    AnnualStatsFellDue,
    AnnualStatsPublished,
)

_THREE_SYSTEMS = "国办发〔2018〕118号《关于全面推行行政执法公示制度…的指导意见》"

PUB_V3 = finding_rule(
    "PUB-V3",
    "late_publicity",
    "a unit leaves something out of too many of the decisions that it publishes",
    f"行政处罚法 Art. 48; {_THREE_SYSTEMS}",
    policy_key="redaction_share",
)


def _decided_on(record: Recorded) -> date:
    assert isinstance(record.event, ActDecided)
    return record.event.decided_on


def _about(event: ActDecided, *, licence: bool) -> str | None:
    public = event.withheld_because is None
    return f"decision:{event.decision}" if public and (event.kind == "licence") is licence else None


PUBLISH_LICENCE = DeadlineRule(
    "publicity.penalty_wd.licence",
    "publicity.penalty_wd",
    ActDecided,
    (ActPublished, *UNDOING),
    about=lambda event: _about(event, licence=True),
    start=_decided_on,
    finding=PUB_V1,
)
PUBLISH_OTHER = DeadlineRule(
    "publicity.other_wd",
    "publicity.other_wd",
    ActDecided,
    (ActPublished, *UNDOING),
    about=lambda event: _about(event, licence=False),
    start=_decided_on,
    finding=PUB_V1,
)
PUBLISH_STATS = DeadlineRule(
    "publicity.annual_stats",
    None,
    AnnualStatsFellDue,
    (AnnualStatsPublished,),
    about=lambda event: f"annual-stats:{event.stats}",
    ends=lambda event: event.due_on,
    finding=PUB_V1,
)
