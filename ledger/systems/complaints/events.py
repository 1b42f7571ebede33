"""Events of complaints about enforcement (违法执法投诉, 2.12).

Who complains stands in one event, ``ComplainantNamed``, and in no other: whatever follows from a
complaint (deadlines, findings, what the unit is told) is made of events that cannot give it away.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar, Literal

from ledger.general.vocabulary import (
    ComplaintId,
    EntityId,
    IrregularVisitId,
    Name,
    OfficerId,
    PersonId,
    PersonToken,
    Text,
    UnitId,
)
from ledger.kernel import Event, Visibility
from ledger.kernel.events import Upcaster
from ledger.vault.sealing import Sealed

Channel = Literal["mailbox", "phone", "web", "12345", "window", "scan_rating"]
Outcome = Literal["substantiated", "partly", "no"]
Step = Literal["interview", "site_visit", "documents", "unit_statement", "other"]


def _as_it_was(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 said less; what it did not say has a default."""
    return body


class _OfComplaint(Event):
    """Which complaint, who handles it (``unit``) and whom it accuses (``subject_unit``)."""

    TOPIC: ClassVar[str] = ""

    complaint: ComplaintId
    unit: UnitId
    subject_unit: UnitId

    def kept_from(self) -> tuple[str, ...]:
        """The unit accused, while an event about the complaint is sealed."""
        return (self.subject_unit,) if self.visibility() == "sealed" else ()

    def known_to(self) -> tuple[str, ...]:
        """Whoever handles the complaint."""
        return (f"handler:{self.unit}",)


class ComplaintReceived(_OfComplaint):
    """收到投诉: somebody complains about how a unit enforces the law; recorded whatever it says.

    ``unit`` received it and has to answer. ``office`` and ``officers`` of ``subject_unit`` are
    those accused, if they are known. Since version 2 ``sealed_facts`` are those of somebody without
    an account: sealed under the person's key, and erased with the person.
    """

    TOPIC: ClassVar[str] = "complaints.complaint-received"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _as_it_was}
    VISIBILITY = "sealed"
    CORRECTABLE = frozenset({"channel", "facts", "office"})

    channel: Channel
    facts: Text | None = None
    anonymous: bool
    office: Name | None = None
    officers: tuple[OfficerId, ...] = ()
    sealed_facts: Sealed | None = None


class ComplainantNamed(Event):
    """投诉人信息: whom a complaint comes from or concerns, kept from the unit accused (CMP-R2).

    ``entity`` is the business that complains, or that is concerned where the complaint is
    ``anonymous``; ``complainant`` and ``contact`` are tokens of another store, ``person`` and
    ``contact_person`` those of persons registered here. An inspection of it by the unit accused is
    looked at until ``guarded_until`` (CMP-V1).
    """

    TOPIC: ClassVar[str] = "complaints.complainant-named"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _as_it_was}
    VISIBILITY = "sealed"

    complaint: ComplaintId
    subject_unit: UnitId
    anonymous: bool
    guarded_until: date
    entity: EntityId | None = None
    complainant: PersonToken | None = None
    contact: PersonToken | None = None
    irregular_visit: IrregularVisitId | None = None
    person: PersonId | None = None
    contact_person: PersonId | None = None

    def kept_from(self) -> tuple[str, ...]:
        """The unit accused (CMP-R2)."""
        return (self.subject_unit,)

    def known_to(self) -> tuple[str, ...]:
        """The business that complains in its own name."""
        return () if self.entity is None or self.anonymous else (f"entity:{self.entity}",)


class ComplaintAcknowledged(_OfComplaint):
    """告知收到: whoever complains knows that it was received. ``days_late``: calendar days."""

    TOPIC: ClassVar[str] = "complaints.complaint-acknowledged"
    VISIBILITY = "sealed"

    days_late: int = 0


class ComplaintAccepted(_OfComplaint):
    """受理投诉: it is looked into; ``allegation`` is what the unit accused is told, not by whom.

    ``days_late`` counts calendar days after the acceptance was due. Since version 2 a complaint may
    be accepted without a word to the unit accused: it is sealed then, unless that unit was told
    before (``told``).
    """

    TOPIC: ClassVar[str] = "complaints.complaint-accepted"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _as_it_was}

    allegation: Text | None = None
    days_late: int = 0
    told: bool = True

    def visibility(self) -> Visibility:
        """Sealed while the unit accused knows of no complaint."""
        return "restricted" if self.told else "sealed"


class FactsPassedOn(_OfComplaint):
    """移交投诉事实: a body is told what a complaint says, and not by whom (CMP-R2).

    ``to`` may be the unit accused, which learns of the complaint by this; told to another body it
    is kept from the unit accused.
    """

    TOPIC: ClassVar[str] = "complaints.facts-passed-on"

    to: UnitId
    facts: Text

    def kept_from(self) -> tuple[str, ...]:
        """The unit accused, unless it is the one that is told."""
        return () if self.to == self.subject_unit else (self.subject_unit,)


class ComplaintNotAccepted(_OfComplaint):
    """不予受理: it is not looked into, and why. ``days_late``: calendar days."""

    TOPIC: ClassVar[str] = "complaints.complaint-not-accepted"
    VISIBILITY = "sealed"

    reason: Text
    days_late: int = 0


class ComplaintTransferred(_OfComplaint):
    """转办投诉: another body is competent, and ``to`` handles it from here on.

    Since version 2 ``counted_from`` is the day from which its time to accept counts: that of the
    first transfer, as passing on again gains no time; the day of this one where it is absent.
    """

    TOPIC: ClassVar[str] = "complaints.complaint-transferred"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}
    VISIBILITY = "sealed"

    to: UnitId
    reason: Text
    counted_from: date | None = None

    def known_to(self) -> tuple[str, ...]:
        """Whoever handles the complaint from here on."""
        return (f"handler:{self.to}",)


class InvestigationStepTaken(_OfComplaint):
    """调查: one step of looking into a complaint, and what it showed."""

    TOPIC: ClassVar[str] = "complaints.investigation-step-taken"
    VISIBILITY = "sealed"
    CORRECTABLE = frozenset({"shown"})

    step: Step
    shown: Text


class ComplaintResolved(_OfComplaint):
    """办结投诉: what came of it, and what the unit has to put right (``remedy``).

    ``days_late`` counts calendar days after ``complaint.resolve_cd``. Since version 2 it is sealed
    where nothing came of it and the unit accused was never ``told``.
    """

    TOPIC: ClassVar[str] = "complaints.complaint-resolved"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _as_it_was}

    outcome: Outcome
    remedy: Text | None = None
    days_late: int = 0
    told: bool = True

    def visibility(self) -> Visibility:
        """Sealed while the unit accused knows of no complaint."""
        return "restricted" if self.told else "sealed"


class ComplainantInformed(_OfComplaint):
    """反馈投诉人: whoever complained was told what came of it (CMP-R3)."""

    TOPIC: ClassVar[str] = "complaints.complainant-informed"
    VISIBILITY = "sealed"

    feedback_text: Text


class ComplainantFeedbackGiven(_OfComplaint):
    """投诉人评价: whoever complained says whether that satisfies."""

    TOPIC: ClassVar[str] = "complaints.complainant-feedback-given"
    VISIBILITY = "sealed"

    satisfied: bool
    comment: Text | None = None
