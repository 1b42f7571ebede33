"""Events of enforcement supervision (执法监督, 2.10)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import ClassVar, Literal

from ledger.general.findings import confidential_rule
from ledger.general.values import GovernmentApproval
from ledger.general.vocabulary import (
    Badge,
    EntityId,
    FindingId,
    Name,
    OfficerId,
    ProposalId,
    SupDocId,
    TaskId,
    Text,
    UnitId,
)
from ledger.kernel import Event, Visibility
from ledger.kernel.events import Upcaster

#: 监督通知书, 监督意见书, 监督决定书 (行政执法监督条例).
SupDocKind = Literal["notice", "opinion", "decision"]
#: Why a whole sector is halted (优化营商环境条例 Art. 59); ``other`` is refused (SUP-R5).
HaltGround = Literal["life_safety", "major_accident", "national_event", "other"]


class _OfFinding(Event):
    """An event about a finding; it is withheld from every unit that must not know of the finding.

    ``unit`` is the unit that the finding is about. Since version 2 ``withheld_from`` lists the
    units from which the finding is still withheld. Since version 3 ``in_confidence`` says that the
    finding is still sealed to its handler.
    """

    TOPIC: ClassVar[str] = ""

    finding_id: FindingId
    unit: UnitId | None = None
    withheld_from: tuple[str, ...] = ()
    in_confidence: bool = False

    def visibility(self) -> Visibility:
        """Return the visibility of the finding, whose id begins with the id of its rule."""
        sealed = self.in_confidence or confidential_rule(self.finding_id.partition(".")[0])
        return "sealed" if sealed else "restricted"

    def kept_from(self) -> tuple[str, ...]:
        """Return the units that must not know of it; for a confidential finding also its unit."""
        confidential = confidential_rule(self.finding_id.partition(".")[0])
        about = (self.unit,) if self.unit is not None and confidential else ()
        return (*self.withheld_from, *about)


class FindingTold(_OfFinding):
    """告知监督发现: the unit is told of a finding that was withheld from it (2.17, S7).

    This is recorded along with the document or interview that names the finding. From now on the
    unit may read the finding and the events about it; so may the offices that supervise all units.
    """

    TOPIC: ClassVar[str] = "supervision.finding-told"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    unit: UnitId


class FindingTriaged(_OfFinding):
    """监督分办: a supervisor has read the finding and assesses what to do next."""

    TOPIC: ClassVar[str] = "supervision.finding-triaged"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict, 2: dict}

    assessment: Text


class FindingDismissed(_OfFinding):
    """监督发现不成立: a supervisor dismisses a finding, after a second reader agreed (SUP-R3)."""

    TOPIC: ClassVar[str] = "supervision.finding-dismissed"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict, 2: dict}

    reason: Text
    second_reader: Badge


class UnitResponded(_OfFinding):
    """执法单位回复: the supervised unit has answered the finding."""

    TOPIC: ClassVar[str] = "supervision.unit-responded"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict, 2: dict}

    unit: UnitId
    response: Text


class RectificationAccepted(_OfFinding):
    """整改认可: the supervisor accepts the unit's rectification."""

    TOPIC: ClassVar[str] = "supervision.rectification-accepted"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict, 2: dict}

    note: Text


class FindingClosed(_OfFinding):
    """监督发现办结: a finding is closed after a response or an accepted rectification (SUP-R2)."""

    TOPIC: ClassVar[str] = "supervision.finding-closed"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict, 2: dict}

    conclusion: Text


class RectificationRejected(_OfFinding):
    """整改退回: the supervisor rejects the rectification; the unit must answer again."""

    TOPIC: ClassVar[str] = "supervision.rectification-rejected"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict, 2: dict}

    unit: UnitId
    reason: Text


class SupervisionDocIssued(Event):
    """监督文书: a notice, opinion or decision of the Justice Bureau to a unit (行政执法监督条例).

    ``findings`` are the findings that the unit must answer; a document about a practice has none.
    A decision states its ``due_on``; policies set the time to answer a notice or an opinion.
    ``follows`` is the earlier document that this one escalates.
    """

    TOPIC: ClassVar[str] = "supervision.supervision-doc-issued"

    document: SupDocId
    kind: SupDocKind
    unit: UnitId
    doc_no: Name
    demands: tuple[Text, ...]
    findings: tuple[FindingId, ...] = ()
    due_on: date | None = None
    follows: SupDocId | None = None


class SupervisionDocAnswered(Event):
    """执法单位复函: the unit has answered a document, and with it each finding that it names.

    ``days_late`` counts calendar days after the answer fell due.
    """

    TOPIC: ClassVar[str] = "supervision.supervision-doc-answered"

    document: SupDocId
    unit: UnitId
    response: Text
    findings: tuple[FindingId, ...] = ()
    days_late: int = 0


class SupervisionDocWithdrawn(Event):
    """撤回监督文书: the Justice Bureau withdraws a document; the unit need not answer it."""

    TOPIC: ClassVar[str] = "supervision.supervision-doc-withdrawn"

    document: SupDocId
    unit: UnitId
    reason: Text


class _OfProposal(Event):
    """An event about a proposal; it is withheld from the unit that would receive the document."""

    TOPIC: ClassVar[str] = ""

    proposal: ProposalId
    unit: UnitId

    def kept_from(self) -> tuple[str, ...]:
        """Return the unit that would receive the document."""
        return (self.unit,)


class SupervisionDocProposed(_OfProposal):
    """建议制发监督文书: the rule-of-law office proposes a document to the Justice Bureau (2.18).

    ``demands`` are the proposed demands on the unit, ``reason`` says why; ``findings`` are the
    findings that the document should name.
    """

    TOPIC: ClassVar[str] = "supervision.supervision-doc-proposed"

    kind: SupDocKind
    demands: tuple[Text, ...]
    reason: Text
    findings: tuple[FindingId, ...] = ()


class ProposalFollowed(_OfProposal):
    """采纳建议: the Justice Bureau issued a document on a proposal; recorded with the document."""

    TOPIC: ClassVar[str] = "supervision.proposal-followed"

    document: SupDocId


class ProposalDeclined(_OfProposal):
    """不采纳建议: the Justice Bureau does not follow a proposal, and says why."""

    TOPIC: ClassVar[str] = "supervision.proposal-declined"

    reason: Text


class DirectHandlingStarted(_OfFinding):
    """督办: the Justice Bureau follows up a finding itself; the unit must act by ``due_on``."""

    TOPIC: ClassVar[str] = "supervision.direct-handling-started"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict, 2: dict}

    unit: UnitId
    demands: tuple[Text, ...]
    due_on: date


class PublicInterviewHeld(Event):
    """公开约谈: the Justice Bureau interviews the heads of a unit before witnesses.

    ``attended_by`` names the people who came for the unit; ``undertaken`` is their promise.
    """

    TOPIC: ClassVar[str] = "supervision.public-interview-held"
    CORRECTABLE = frozenset({"attended_by", "raised", "undertaken"})

    unit: UnitId
    attended_by: tuple[Name, ...]
    raised: Text
    findings: tuple[FindingId, ...] = ()
    undertaken: Text | None = None


class CircularIssued(Event):
    """通报、典型案例: acts of units are made public, without personal data."""

    TOPIC: ClassVar[str] = "supervision.circular-issued"
    VISIBILITY = "public"

    document: SupDocId
    kind: Literal["circular", "typical_case"]
    units: tuple[UnitId, ...]
    title: Name
    text: Text
    issued_on: date
    url: Name | None = None


class ReferredToDiscipline(Event):
    """移送纪检监察: clues about the conduct of officials are sent to the discipline authority."""

    TOPIC: ClassVar[str] = "supervision.referred-to-discipline"
    VISIBILITY = "sealed"

    unit: UnitId
    referred_to: Name
    doc_no: Name
    facts: Text
    officers: tuple[OfficerId, ...] = ()
    findings: tuple[FindingId, ...] = ()


class ProhibitedConductReported(Event):
    """五个严禁八个不得: a report of conduct that 国办发〔2024〕54号 forbids.

    ``code`` is the number of the must-not in the policy ``conduct.five_prohibitions``; ``must_not``
    is its text on the day of the conduct.
    """

    TOPIC: ClassVar[str] = "supervision.prohibited-conduct-reported"
    CORRECTABLE = frozenset({"facts"})

    unit: UnitId
    code: int
    must_not: Text
    conducted_on: date
    facts: Text
    reporter: Literal["entity", "supervisor", "self"]
    entity: EntityId | None = None
    officer: OfficerId | None = None
    task: TaskId | None = None

    def visibility(self) -> Visibility:
        """Return ``sealed`` for the report of a business, so that the unit does not learn of it."""
        return "sealed" if self.reporter == "entity" else "restricted"

    def kept_from(self) -> tuple[str, ...]:
        """Return the reported unit if a business reports it."""
        return (self.unit,) if self.reporter == "entity" else ()


class BlanketMeasureOrdered(Event):
    """停产停业措施: a unit halts whole sectors of an area (优化营商环境条例 Art. 59)."""

    TOPIC: ClassVar[str] = "supervision.blanket-measure-ordered"
    VISIBILITY = "shared"

    unit: UnitId
    area: Name
    sectors: tuple[Name, ...]
    ground: HaltGround
    facts: Text
    approval: GovernmentApproval
    halted_from: date
    halted_to: date
