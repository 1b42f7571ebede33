"""Folds about repair; each holds plain data, so that a view can store it."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from ledger.general.vocabulary import EntityId, RecordId, RepairId
from ledger.kernel import Fold, LegalRef, Recorded, SubjectFold
from ledger.systems.commitments.events import CommitmentBreached, CommitmentMade
from ledger.systems.credit.events import Channel
from ledger.systems.repair.events import (
    DutiesPerformed,
    Duty,
    EnterpriseSize,
    Proof,
    Reason,
    RepairAccepted,
    RepairApplied,
    RepairChannel,
    RepairExcluded,
    RepairExtended,
    RepairForwarded,
    RepairGranted,
    RepairMisconductRecorded,
    RepairNotAccepted,
    RepairPushed,
    RepairReadmitted,
    RepairRefused,
    RepairResultSynchronised,
    RepairRevoked,
    RepairSupplemented,
    RepairSupplementRequested,
)

#: How far an application has come.
RepairStage = Literal[
    "applied",
    "forwarded",
    "supplement_requested",
    "accepted",
    "not_accepted",
    "refused",
    "granted",
    "revoked",
]


class RepairCase(SubjectFold):
    """What does this application for repair ask for, and what is its state?

    Each ``…_position`` is the position of an event that opened a deadline of the case.
    """

    BEGUN = "applied_on"

    repair: RepairId
    entity: str = ""
    unit: str = ""
    records: tuple[str, ...] = ()
    proofs: tuple[Proof, ...] = ()
    commitment: str = ""
    channel: RepairChannel | None = None
    green_channel: bool = False
    enterprise_size: EnterpriseSize | None = None
    epidemic_ground: str | None = None
    market_supervision: bool = False
    applied_on: date | None = None
    applied_position: int = 0
    forwarded_on: date | None = None
    #: The position from which the time for acceptance counts: the forwarding or last supplement.
    ready_position: int = 0
    missing: tuple[str, ...] = ()
    asked_on: date | None = None
    supplemented: bool = False
    accepted_on: date | None = None
    accepted_position: int = 0
    not_accepted_on: date | None = None
    extended_until: date | None = None
    extended_position: int = 0
    granted_on: date | None = None
    granted_position: int = 0
    verified: tuple[Duty, ...] = ()
    verification: str | None = None
    verified_by: str | None = None
    refused_on: date | None = None
    reasons: tuple[Reason, ...] = ()
    remedy: str | None = None
    outstanding: tuple[Channel, ...] = ()
    synchronised: dict[str, date] = msgspec.field(default_factory=dict)
    push_to: str | None = None
    pushed_on: date | None = None
    revoked_on: date | None = None
    revoked_because: str | None = None

    @property
    def stage(self) -> RepairStage:
        """The stage that the application has reached."""
        reached: tuple[tuple[RepairStage, date | None], ...] = (
            ("revoked", self.revoked_on),
            ("granted", self.granted_on),
            ("refused", self.refused_on),
            ("not_accepted", self.not_accepted_on),
            ("accepted", self.accepted_on),
        )
        for stage, day in reached:
            if day is not None:
                return stage
        if self.missing:
            return "supplement_requested"
        return "applied" if self.forwarded_on is None else "forwarded"

    @property
    def open(self) -> bool:
        """Whether the application awaits an answer."""
        return self.stage in ("applied", "forwarded", "supplement_requested", "accepted")

    def on_applied(self, event: RepairApplied, record: Recorded) -> None:
        self.entity, self.unit, self.records = event.entity, event.unit, event.records
        self.proofs, self.commitment = event.proofs, event.commitment
        self.channel, self.green_channel = event.channel, event.green_channel
        self.enterprise_size = event.enterprise_size
        self.epidemic_ground = event.epidemic_ground
        self.market_supervision = event.market_supervision
        self.applied_on, self.applied_position = record.occurred_on, record.position

    def on_forwarded(self, event: RepairForwarded, record: Recorded) -> None:
        self.forwarded_on, self.ready_position = record.occurred_on, record.position

    def on_supplement(self, event: RepairSupplementRequested, record: Recorded) -> None:
        self.missing, self.asked_on = event.missing, record.occurred_on

    def on_supplemented(self, event: RepairSupplemented, record: Recorded) -> None:
        self.proofs, self.missing = (*self.proofs, *event.proofs), ()
        self.supplemented = True
        self.ready_position = record.position

    def on_accepted(self, event: RepairAccepted, record: Recorded) -> None:
        self.accepted_on, self.accepted_position = record.occurred_on, record.position

    def on_not_accepted(self, event: RepairNotAccepted, record: Recorded) -> None:
        self.not_accepted_on, self.reasons = record.occurred_on, event.reasons

    def on_extended(self, event: RepairExtended, record: Recorded) -> None:
        self.extended_until, self.extended_position = event.until, record.position

    def on_granted(self, event: RepairGranted, record: Recorded) -> None:
        self.granted_on, self.granted_position = event.granted_on, record.position
        self.verified, self.verification = event.verified, event.verification
        self.verified_by = event.verified_by
        self.outstanding, self.push_to = event.targets, event.push_to

    def on_refused(self, event: RepairRefused, record: Recorded) -> None:
        self.refused_on = record.occurred_on
        self.reasons, self.remedy = event.reasons, event.remedy

    def on_synchronised(self, event: RepairResultSynchronised) -> None:
        self.synchronised[event.target] = event.acked_on
        self.outstanding = event.outstanding

    def on_pushed(self, event: RepairPushed) -> None:
        self.pushed_on = event.pushed_on

    def on_revoked(self, event: RepairRevoked) -> None:
        self.revoked_on, self.revoked_because = event.revoked_on, event.reason


class RepairsOf(Fold):
    """Which repairs has this business applied for, and until when is it barred from applying?"""

    entity: EntityId
    open: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    #: The commitments made for a repair, and the day on which some of them were breached.
    promised: tuple[str, ...] = ()
    broken: dict[str, date] = msgspec.field(default_factory=dict)
    bars: list[RepairMisconductRecorded] = msgspec.field(default_factory=list)

    def on_applied(self, event: RepairApplied) -> None:
        self.open[event.repair] = event.records

    def on_answered(self, event: RepairGranted | RepairRefused | RepairNotAccepted) -> None:
        self.open.pop(event.repair, None)

    def on_misconduct(self, event: RepairMisconductRecorded) -> None:
        self.bars.append(event)

    def on_promised(self, event: CommitmentMade) -> None:
        if event.type == "repair":
            self.promised = (*self.promised, event.commitment)

    def on_broken(self, event: CommitmentBreached, record: Recorded) -> None:
        day = self.broken.get(event.commitment)
        if day is None or record.occurred_on > day:
            self.broken[event.commitment] = record.occurred_on

    def asked_for(self, record: str) -> str | None:
        """Return the open application for the repair of a record, or ``None``."""
        return next((name for name, records in self.open.items() if record in records), None)

    def breaches(self, on: date) -> list[tuple[str, date]]:
        """Return the repair commitments that were breached by a day, each with the day."""
        return [
            (name, self.broken[name])
            for name in self.promised
            if name in self.broken and self.broken[name] <= on
        ]


class Duties(Fold):
    """Which duties of this record were performed, and is the record excluded from repair?"""

    record: RecordId
    performed: dict[str, list[str]] = msgspec.field(default_factory=dict)
    excluded_by: LegalRef | None = None

    def on_performed(self, event: DutiesPerformed) -> None:
        self.performed.setdefault(event.duty, []).extend(event.evidence)

    def on_excluded(self, event: RepairExcluded) -> None:
        self.excluded_by = event.law

    def on_readmitted(self, event: RepairReadmitted) -> None:
        self.excluded_by = None
