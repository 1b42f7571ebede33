"""Events of enforcement supervision (执法监督, 2.10)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import (
    Badge,
    EntityId,
    FindingId,
    MatterId,
    Name,
    OfficerId,
    PlanId,
    ProposalId,
    SupDocId,
    TaskId,
    Text,
    UnitId,
)
from ledger.kernel import WRITTEN, Event, Visibility
from ledger.kernel.events import Upcaster
from ledger.kernel.rules import rules
from ledger.systems.filing.events import GovernmentApproval

#: 监督通知书, 监督意见书, 监督决定书 (行政执法监督条例).
SupDocKind = Literal["notice", "opinion", "decision"]
#: Why a whole sector is halted (优化营商环境条例 Art. 59); ``other`` is no ground (SUP-R5).
HaltGround = Literal["life_safety", "major_accident", "national_event", "other"]


def _confidential(rule_id: str) -> bool:
    """Whether a unit never learns of a finding under this rule."""
    rule = rules().get(rule_id)
    return rule is not None and rule.confidential


class FindingRaised(Event):
    """监督发现: a rule was broken by a fact that is recorded. Raised by the ledger or a supervisor.

    A finding raised beside a fact has that fact's event id as its ``causation_id``;
    ``evidence_events`` names further events by position. Since version 2 ``withheld_from`` are the
    units that may not know of it, because they may not know of what it was found in. Since version
    3 ``in_confidence`` says that it was found in what is sealed to its handler, as it is itself
    until the unit is told of it.
    """

    TOPIC: ClassVar[str] = "supervision.finding-raised"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict, 2: dict}

    finding_id: FindingId
    type: Name
    rule_id: Name
    auto: bool
    facts: Annotated[dict[str, Any], WRITTEN] = msgspec.field(default_factory=dict)
    unit: UnitId | None = None
    entity: EntityId | None = None
    task: TaskId | None = None
    plan: PlanId | None = None
    matter: MatterId | None = None
    officer: OfficerId | None = None
    evidence_events: tuple[int, ...] = ()
    withheld_from: tuple[str, ...] = ()
    in_confidence: bool = False

    @property
    def confidential(self) -> bool:
        """Whether the unit that it is about never learns of it."""
        return _confidential(self.rule_id)

    def visibility(self) -> Visibility:
        """The Justice Bureau's alone if it is confidential, or was found in what is sealed."""
        return "sealed" if self.confidential or self.in_confidence else "restricted"

    def kept_from(self) -> tuple[str, ...]:
        """The unit that a confidential finding is about, and those it is withheld from."""
        about = (self.unit,) if self.confidential and self.unit is not None else ()
        return (*self.withheld_from, *about)


class _OfFinding(Event):
    """What is recorded about a finding: whoever may not know of the finding may not know of it.

    ``unit`` is the one that the finding is about. Since version 2 ``withheld_from`` are the units
    from which the finding is withheld still. Since version 3 ``in_confidence`` says that the
    finding is sealed to its handler still.
    """

    TOPIC: ClassVar[str] = ""

    finding_id: FindingId
    unit: UnitId | None = None
    withheld_from: tuple[str, ...] = ()
    in_confidence: bool = False

    def visibility(self) -> Visibility:
        """As the finding; its id begins with the rule's."""
        sealed = self.in_confidence or _confidential(self.finding_id.partition(".")[0])
        return "sealed" if sealed else "restricted"

    def kept_from(self) -> tuple[str, ...]:
        """Those it is withheld from; a confidential finding's also from the unit it is about."""
        confidential = _confidential(self.finding_id.partition(".")[0])
        about = (self.unit,) if self.unit is not None and confidential else ()
        return (*self.withheld_from, *about)


class FindingTold(_OfFinding):
    """告知监督发现: the unit is told of a finding that was withheld from it (2.17, S7).

    Recorded beside the document or the interview that names the finding to its unit. From here on
    the unit may know of it, and of what follows on it; so may the offices that supervise all units.
    """

    TOPIC: ClassVar[str] = "supervision.finding-told"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    unit: UnitId


class FindingTriaged(_OfFinding):
    """监督分办: a supervisor has read the finding and said how it goes on."""

    TOPIC: ClassVar[str] = "supervision.finding-triaged"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict, 2: dict}

    assessment: Text


class FindingDismissed(_OfFinding):
    """监督发现不成立: set aside, with a reason and a second reader (SUP-R3)."""

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
    """整改认可: the supervisor accepts what the unit has put right."""

    TOPIC: ClassVar[str] = "supervision.rectification-accepted"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict, 2: dict}

    note: Text


class FindingClosed(_OfFinding):
    """监督发现办结: closed after a response or accepted rectification (SUP-R2)."""

    TOPIC: ClassVar[str] = "supervision.finding-closed"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict, 2: dict}

    conclusion: Text


class RectificationRejected(_OfFinding):
    """整改退回: what the unit has put right does not suffice; it has to answer once more."""

    TOPIC: ClassVar[str] = "supervision.rectification-rejected"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict, 2: dict}

    unit: UnitId
    reason: Text


class SupervisionDocIssued(Event):
    """监督文书: a notice, opinion or decision of the Justice Bureau to a unit (行政执法监督条例).

    ``findings`` are those that it asks the unit to answer; a document about a practice has none.
    A decision states its ``due_on``; an answer to the others falls due by policy. ``follows`` is
    the earlier document that this one goes beyond.
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
    """撤回监督文书: the Justice Bureau takes a document back; it need not be answered."""

    TOPIC: ClassVar[str] = "supervision.supervision-doc-withdrawn"

    document: SupDocId
    unit: UnitId
    reason: Text


class _OfProposal(Event):
    """Which proposal, and the unit to which the document would go: it does not know of it."""

    TOPIC: ClassVar[str] = ""

    proposal: ProposalId
    unit: UnitId

    def kept_from(self) -> tuple[str, ...]:
        """The unit that it is about: what is decided about it, it reads in the document."""
        return (self.unit,)


class SupervisionDocProposed(_OfProposal):
    """建议制发监督文书: the rule-of-law office proposes a document to the Justice Bureau (2.18).

    ``demands`` are what the unit is to be asked, ``reason`` is why; ``findings`` about the unit
    that the document is to name.
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
    """不采纳建议: the Justice Bureau issues no document on a proposal, and why."""

    TOPIC: ClassVar[str] = "supervision.proposal-declined"

    reason: Text


class DirectHandlingStarted(_OfFinding):
    """督办: the Justice Bureau follows a finding up itself, until ``due_on``."""

    TOPIC: ClassVar[str] = "supervision.direct-handling-started"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict, 2: dict}

    unit: UnitId
    demands: tuple[Text, ...]
    due_on: date


class PublicInterviewHeld(Event):
    """公开约谈: the Justice Bureau has talked to those in charge of a unit, before witnesses.

    ``attended_by`` names who came for the unit; ``undertaken`` is what they promised.
    """

    TOPIC: ClassVar[str] = "supervision.public-interview-held"
    CORRECTABLE = frozenset({"attended_by", "raised", "undertaken"})

    unit: UnitId
    attended_by: tuple[Name, ...]
    raised: Text
    findings: tuple[FindingId, ...] = ()
    undertaken: Text | None = None


class CircularIssued(Event):
    """通报、典型案例: what units did, told to the public without personal data."""

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
    """移送纪检监察: clues about the conduct of a unit's people go to the discipline authority."""

    TOPIC: ClassVar[str] = "supervision.referred-to-discipline"
    VISIBILITY = "sealed"

    unit: UnitId
    referred_to: Name
    doc_no: Name
    facts: Text
    officers: tuple[OfficerId, ...] = ()
    findings: tuple[FindingId, ...] = ()


class ProhibitedConductReported(Event):
    """五个严禁八个不得: somebody reports conduct that 国办发〔2024〕54号 forbids.

    ``code`` numbers the must-not in the policy ``conduct.five_prohibitions``, and ``must_not`` is
    what it said when the conduct took place.
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
        """Who reported is not shown to the unit that is reported."""
        return "sealed" if self.reporter == "entity" else "restricted"

    def kept_from(self) -> tuple[str, ...]:
        """The unit reported, where a business reports it."""
        return (self.unit,) if self.reporter == "entity" else ()


class BlanketMeasureOrdered(Event):
    """停产停业措施: a unit halts whole sectors of an area for a time (优化营商环境条例 Art. 59)."""

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
