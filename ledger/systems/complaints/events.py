"""Events of complaints about enforcement (违法执法投诉, 2.12).

Only one event, ``ComplainantNamed``, says who complains. Everything else that a complaint leads to
(deadlines, findings, information for the accused unit) is built from events that cannot reveal it.
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
    """Return a body of version 1 unchanged; the fields added since have defaults."""
    return body


class _OfComplaint(Event):
    """The complaint that an event is about, its handler ``unit`` and the accused unit."""

    TOPIC: ClassVar[str] = ""

    complaint: ComplaintId
    unit: UnitId
    subject_unit: UnitId

    def kept_from(self) -> tuple[str, ...]:
        """Return the accused unit if the event is sealed."""
        return (self.subject_unit,) if self.visibility() == "sealed" else ()

    def known_to(self) -> tuple[str, ...]:
        """Return the unit that handles the complaint."""
        return (f"handler:{self.unit}",)


class ComplaintReceived(_OfComplaint):
    """收到投诉: a complaint about a unit's enforcement was received. Every complaint is recorded.

    ``unit`` received the complaint and must answer it. ``office`` and ``officers`` of
    ``subject_unit`` are the accused, if they are known. ``sealed_facts`` (since version 2) are the
    facts stated by a person without an account. They are encrypted with that person's key and
    become unreadable when the person is erased.
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
    """投诉人信息: who complains, withheld from the accused unit (CMP-R2).

    ``entity`` is the business that complains, or the business concerned if the complaint is
    ``anonymous``. ``complainant`` and ``contact`` are tokens of another store; ``person`` and
    ``contact_person`` are ids of persons registered in this one. If the accused unit inspects the
    business by ``guarded_until``, that is a finding (CMP-V1).
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
        """Return the accused unit (CMP-R2)."""
        return (self.subject_unit,)

    def known_to(self) -> tuple[str, ...]:
        """Return the business that complains, unless it does so anonymously."""
        return () if self.entity is None or self.anonymous else (f"entity:{self.entity}",)


class ComplaintAcknowledged(_OfComplaint):
    """告知收到: the complainant was told of the receipt, ``days_late`` calendar days late."""

    TOPIC: ClassVar[str] = "complaints.complaint-acknowledged"
    VISIBILITY = "sealed"

    days_late: int = 0


class ComplaintAccepted(_OfComplaint):
    """受理投诉: the complaint was accepted and will be investigated.

    ``allegation`` is what the accused unit is told; it must not show who complains. ``days_late``
    counts calendar days after the acceptance was due. Since version 2 a complaint may be accepted
    without telling the accused unit. The event is then sealed, unless that unit had been ``told``
    before.
    """

    TOPIC: ClassVar[str] = "complaints.complaint-accepted"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _as_it_was}

    allegation: Text | None = None
    days_late: int = 0
    told: bool = True

    def visibility(self) -> Visibility:
        """Return sealed while the accused unit does not know of the complaint."""
        return "restricted" if self.told else "sealed"


class FactsPassedOn(_OfComplaint):
    """移交投诉事实: a body was told the facts of a complaint, but not who complains (CMP-R2).

    ``to`` is that body. If it is the accused unit, the unit learns of the complaint by this event;
    otherwise the event is withheld from the accused unit.
    """

    TOPIC: ClassVar[str] = "complaints.facts-passed-on"

    to: UnitId
    facts: Text

    def kept_from(self) -> tuple[str, ...]:
        """Return the accused unit, unless the facts were passed to it."""
        return () if self.to == self.subject_unit else (self.subject_unit,)


class ComplaintNotAccepted(_OfComplaint):
    """不予受理: the complaint was not accepted, ``days_late`` calendar days after the last day."""

    TOPIC: ClassVar[str] = "complaints.complaint-not-accepted"
    VISIBILITY = "sealed"

    reason: Text
    days_late: int = 0


class ComplaintTransferred(_OfComplaint):
    """转办投诉: the complaint was transferred to the competent body ``to``, which now handles it.

    ``counted_from`` (since version 2) is the day from which the period to accept counts. It is the
    day of the first transfer, so that further transfers do not extend the period; if it is absent,
    the day of this transfer counts.
    """

    TOPIC: ClassVar[str] = "complaints.complaint-transferred"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}
    VISIBILITY = "sealed"

    to: UnitId
    reason: Text
    counted_from: date | None = None

    def known_to(self) -> tuple[str, ...]:
        """Return the body that now handles the complaint."""
        return (f"handler:{self.to}",)


class InvestigationStepTaken(_OfComplaint):
    """调查: a step of the investigation, and its result ``shown``."""

    TOPIC: ClassVar[str] = "complaints.investigation-step-taken"
    VISIBILITY = "sealed"
    CORRECTABLE = frozenset({"shown"})

    step: Step
    shown: Text


class ComplaintResolved(_OfComplaint):
    """办结投诉: the investigation ended with ``outcome``; the unit must do what ``remedy`` says.

    ``days_late`` counts calendar days after the period ``complaint.resolve_cd``. Since version 2
    the event is sealed if the complaint was not substantiated and the accused unit was never
    ``told`` of it.
    """

    TOPIC: ClassVar[str] = "complaints.complaint-resolved"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _as_it_was}

    outcome: Outcome
    remedy: Text | None = None
    days_late: int = 0
    told: bool = True

    def visibility(self) -> Visibility:
        """Return sealed while the accused unit does not know of the complaint."""
        return "restricted" if self.told else "sealed"


class ComplainantInformed(_OfComplaint):
    """反馈投诉人: the complainant was told the result (CMP-R3)."""

    TOPIC: ClassVar[str] = "complaints.complainant-informed"
    VISIBILITY = "sealed"

    feedback_text: Text


class ComplainantFeedbackGiven(_OfComplaint):
    """投诉人评价: the complainant said whether the answer is satisfactory."""

    TOPIC: ClassVar[str] = "complaints.complainant-feedback-given"
    VISIBILITY = "sealed"

    satisfied: bool
    comment: Text | None = None
