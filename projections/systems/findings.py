"""Findings (监督发现, 2.10): every breach found, and the state of its handling."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from ledger.general.findings import FindingRaised
from ledger.general.vocabulary import FindingId
from ledger.kernel import Fold, Recorded
from ledger.systems.supervision.events import (
    DirectHandlingStarted,
    FindingClosed,
    FindingDismissed,
    FindingTold,
    FindingTriaged,
    RectificationAccepted,
    RectificationRejected,
    SupervisionDocAnswered,
    SupervisionDocIssued,
    UnitResponded,
)
from projections.profiles import When, happened, later
from projections.systems.records import iso
from projections.tables import Code, Row, kept_from
from projections.views import FoldView

FindingState = Literal[
    "raised", "triaged", "responded", "rectified", "rejected", "dismissed", "closed"
]


class Finding(Fold):
    """What was found, and what was done about it?"""

    finding_id: FindingId
    raised: FindingRaised | None = None
    raised_on: date | None = None
    raised_position: int = 0
    visibility: str = ""
    kept_from: tuple[str, ...] = ()
    triaged: When | None = None
    assessment: str | None = None
    responded: When | None = None
    response: str | None = None
    rectified: When | None = None
    note: str | None = None
    rejected: When | None = None
    rejection: str | None = None
    #: The supervision documents that name it.
    documents: list[str] = []
    #: The last day of the Justice Bureau's direct handling.
    direct_handling_until: date | None = None
    dismissed: When | None = None
    closed: When | None = None
    ended_on: date | None = None
    conclusion: str | None = None

    def on_raised(self, event: FindingRaised, record: Recorded) -> None:
        self.raised = event
        self.raised_on = record.occurred_on
        self.raised_position = record.position
        self.visibility = record.envelope.visibility
        self.kept_from = event.kept_from()

    def on_triaged(self, event: FindingTriaged, record: Recorded) -> None:
        when = happened(record)
        if later(self.triaged, when) is when:
            self.triaged, self.assessment = when, event.assessment

    def on_responded(self, event: UnitResponded | SupervisionDocAnswered, record: Recorded) -> None:
        when = happened(record)
        if later(self.responded, when) is when:
            self.responded, self.response = when, event.response

    def on_rectified(self, event: RectificationAccepted, record: Recorded) -> None:
        when = happened(record)
        if later(self.rectified, when) is when:
            self.rectified, self.note = when, event.note

    def on_rejected(self, event: RectificationRejected, record: Recorded) -> None:
        when = happened(record)
        if later(self.rejected, when) is when:
            self.rejected, self.rejection = when, event.reason

    def on_document(self, event: SupervisionDocIssued) -> None:
        self.documents.append(event.document)

    def on_told(self, event: FindingTold) -> None:
        # A unit is never told of a confidential finding about itself.
        if event.unit not in event.kept_from():
            self.kept_from = tuple(unit for unit in self.kept_from if unit != event.unit)
            self.visibility = event.visibility()

    def on_direct_handling(self, event: DirectHandlingStarted) -> None:
        self.direct_handling_until = event.due_on

    def on_dismissed(self, event: FindingDismissed, record: Recorded) -> None:
        self.dismissed = happened(record)
        self.ended_on, self.conclusion = record.occurred_on, event.reason

    def on_closed(self, event: FindingClosed, record: Recorded) -> None:
        self.closed = happened(record)
        self.ended_on, self.conclusion = record.occurred_on, event.conclusion

    @property
    def state(self) -> FindingState:
        """The state of its handling."""
        if self.closed:
            return "closed"
        if self.dismissed:
            return "dismissed"
        answered = max(filter(None, (self.responded, self.rectified)), default=None)
        if answered is not None:
            if self.rejected is not None and self.rejected > answered:
                return "rejected"
            return "rectified" if self.rectified else "responded"
        return "triaged" if self.triaged else "raised"


FINDINGS = sa.Table(
    "findings",
    sa.MetaData(),
    sa.Column("key", Code, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("raised_position", sa.BigInteger, nullable=False, index=True),
    sa.Column("raised_on", Code, index=True),
    sa.Column("ended_on", Code, index=True),
    sa.Column("standing", Code, nullable=False, index=True),
    sa.Column("rule_id", Code, index=True),
    sa.Column("type", Code, index=True),
    sa.Column("auto", sa.Boolean, index=True),
    sa.Column("unit", Code, index=True),
    sa.Column("entity", Code, index=True),
    sa.Column("task", Code, index=True),
    sa.Column("visibility", Code, nullable=False),
    sa.Column("kept_from", sa.Text, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
    # Counts are read from this index alone.
    sa.Index(
        "findings_counted",
        *("unit", "raised_on", "rule_id", "type", "standing", "visibility", "kept_from"),
    ),
)


class Findings(FoldView[Finding]):
    """A row for each finding."""

    name = "findings"
    version = 4
    kind = "finding"
    fold = Finding
    table = FINDINGS
    tables = (FINDINGS,)

    def row(self, fold: Finding, position: int) -> Row:
        raised = fold.raised
        return {
            "raised_position": fold.raised_position,
            "raised_on": iso(fold.raised_on),
            "ended_on": iso(fold.ended_on),
            "standing": fold.state,
            "rule_id": getattr(raised, "rule_id", None),
            "type": getattr(raised, "type", None),
            "auto": getattr(raised, "auto", None),
            "unit": getattr(raised, "unit", None),
            "entity": getattr(raised, "entity", None),
            "task": getattr(raised, "task", None),
            "visibility": fold.visibility,
            "kept_from": kept_from(fold.kept_from),
        }


#: These fields say who could not read it when it was raised, not who may read it today.
UNTOLD = ("withheld_from", "in_confidence")


def document(finding: Finding, today: date) -> dict[str, Any]:
    """Return a finding as a document; its age counts calendar days until it ended."""
    raised = finding.raised
    until = finding.ended_on or today
    shown: dict[str, Any] = {
        "finding": finding.finding_id,
        "state": finding.state,
        "raised_on": finding.raised_on,
        "raised_position": finding.raised_position,
        "age_days": None if finding.raised_on is None else (until - finding.raised_on).days,
    }
    if raised is not None:
        fields = msgspec.to_builtins(raised)
        for name in ("finding_id", *UNTOLD):
            fields.pop(name, None)
        shown.update(fields)
    for name in (
        "assessment",
        "documents",
        "response",
        "note",
        "rejection",
        "direct_handling_until",
        "ended_on",
        "conclusion",
    ):
        if (value := getattr(finding, name)) not in (None, []):
            shown[name] = value
    return shown
