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
    """One thing that is promised, and by when."""

    obligation: Name
    due_on: date
    says: Text | None = None


def obligation_tag(commitment: str, obligation: str) -> str:
    """The tag of one obligation: its name alone is another one in another commitment."""
    return f"obligation:{commitment}/{obligation}"


class CommitmentMade(Event):
    """作出信用承诺: a business has promised something to a unit.

    ``text_hash`` is the SHA-256 of the signed text, which lies beside the ledger. A commitment that
    is ``public`` may be shown (国办发〔2019〕35号).
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
        """What is not to be published is seen by the authorities alone."""
        return "shared" if self.public else "restricted"


class ObligationOpened(Event):
    """承诺事项待履行: one obligation of a commitment runs until ``due_on``.

    Recorded with the commitment, once for each, so that each has a deadline of its own. A day that
    passes is no breach yet (CMT-R1).
    """

    TOPIC: ClassVar[str] = "commitments.obligation-opened"

    commitment: CommitmentId
    entity: EntityId
    unit: UnitId
    obligation: Name
    due_on: date

    def tags(self) -> list[str]:
        """The obligation too, by which its deadline is found."""
        return [*super().tags(), obligation_tag(self.commitment, self.obligation)]


class CommitmentFulfilled(Event):
    """履行承诺: an obligation was performed; ``days_late`` counts calendar days after its day."""

    TOPIC: ClassVar[str] = "commitments.commitment-fulfilled"
    VISIBILITY = "shared"

    commitment: CommitmentId
    entity: EntityId
    unit: UnitId
    obligation: Name
    evidence: tuple[Name, ...]
    days_late: int = 0

    def tags(self) -> list[str]:
        """The obligation too, whose deadline this discharges."""
        return [*super().tags(), obligation_tag(self.commitment, self.obligation)]


class CommitmentBreached(Event):
    """违背承诺: an obligation was not performed, by verified evidence and after notice (CMT-R1).

    Since version 2 ``impossible_because`` says of one that was not due yet why it can be performed
    no more.
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
        """The obligation too, whose deadline this discharges."""
        return [*super().tags(), obligation_tag(self.commitment, self.obligation)]
