"""Events of credit commitments (信用承诺, 2.4b)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import ClassVar, Literal

from ledger.general.vocabulary import CommitmentId, EntityId, Name, Sha256, Text, UnitId
from ledger.kernel import Event, Value, Visibility
from ledger.kernel.events import Upcaster

#: 证明事项告知承诺, 容缺受理, 替代证明, 自主承诺, 行业自律, 信用修复承诺.
CommitmentType = Literal[
    "approval_substitute",
    "tolerant_acceptance",
    "proof_substitute",
    "voluntary",
    "industry_self_discipline",
    "repair",
]


class Obligation(Value, omit_defaults=True):
    """One promise of a commitment, and the last day to perform it."""

    obligation: Name
    due_on: date
    says: Text | None = None


def obligation_tag(commitment: str, obligation: str) -> str:
    """Return the tag of an obligation; its name alone is unique only within its commitment."""
    return f"obligation:{commitment}/{obligation}"


class CommitmentMade(Event):
    """作出信用承诺: a business made promises to a unit.

    ``text_hash`` is the SHA-256 of the signed text, which is kept outside the ledger. If ``public``
    is set, the commitment may be shown to the public (国办发〔2019〕35号).
    """

    TOPIC: ClassVar[str] = "commitments.commitment-made"

    commitment: CommitmentId
    entity: EntityId
    unit: UnitId
    type: CommitmentType
    text_hash: Sha256
    obligations: tuple[Obligation, ...]
    public: bool

    def visibility(self) -> Visibility:
        """Return restricted for a commitment that may not be published: only authorities see it."""
        return "shared" if self.public else "restricted"


class ObligationOpened(Event):
    """承诺事项待履行: an obligation of a commitment must be performed by ``due_on``.

    One such event is recorded per obligation, together with the commitment, so that each obligation
    has a deadline. Missing the deadline alone is not a breach (CMT-R1).
    """

    TOPIC: ClassVar[str] = "commitments.obligation-opened"

    commitment: CommitmentId
    entity: EntityId
    unit: UnitId
    obligation: Name
    due_on: date

    def tags(self) -> list[str]:
        """Return the tags of the fields and the tag of the obligation, which its deadline needs."""
        return [*super().tags(), obligation_tag(self.commitment, self.obligation)]


class CommitmentFulfilled(Event):
    """履行承诺: an obligation was performed, ``days_late`` calendar days late."""

    TOPIC: ClassVar[str] = "commitments.commitment-fulfilled"
    VISIBILITY = "shared"

    commitment: CommitmentId
    entity: EntityId
    unit: UnitId
    obligation: Name
    evidence: tuple[Name, ...]
    days_late: int = 0

    def tags(self) -> list[str]:
        """Return the tags of the fields and the tag of the obligation, whose deadline ends."""
        return [*super().tags(), obligation_tag(self.commitment, self.obligation)]


class CommitmentBreached(Event):
    """违背承诺: verified evidence shows that an obligation was not performed (CMT-R1).

    The business was notified before. ``impossible_because`` (since version 2) says why an
    obligation that was not due yet can no longer be performed.
    """

    TOPIC: ClassVar[str] = "commitments.commitment-breached"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}
    VISIBILITY = "shared"

    commitment: CommitmentId
    entity: EntityId
    unit: UnitId
    obligation: Name
    evidence: tuple[Name, ...]
    notice_ref: Name
    notified_on: date
    impossible_because: Text | None = None

    def tags(self) -> list[str]:
        """Return the tags of the fields and the tag of the obligation, whose deadline ends."""
        return [*super().tags(), obligation_tag(self.commitment, self.obligation)]
