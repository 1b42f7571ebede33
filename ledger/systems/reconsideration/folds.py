"""Folds about reconsideration cases, and about the acts that they revoked."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from ledger.general.vocabulary import DecisionId, EntityId, MatterId, ReconId, UnitId
from ledger.kernel import Fold, Inquiry, Recorded, SubjectFold
from ledger.systems.penalties.events import PenaltyDecided
from ledger.systems.persons.folds import Proceeding, involve_persons
from ledger.systems.reconsideration.events import (
    IncidentalReviewConcluded,
    IncidentalReviewRequested,
    IncidentalReviewTransferred,
    OpinionCorrectionReported,
    OpinionLetterIssued,
    Outcome,
    Procedure,
    ReconAccepted,
    ReconApplied,
    ReconCopySent,
    ReconCorrected,
    ReconCorrectionRequested,
    ReconDecided,
    ReconDecisionServed,
    ReconDeemedAccepted,
    ReconExtended,
    ReconHearingHeld,
    ReconMediated,
    ReconNonPerformance,
    ReconPerformed,
    ReconRefused,
    ReconReplyMissing,
    ReconReplyReceived,
    ReconResumed,
    ReconSuspended,
    ReconTerminated,
)

Stage = Literal[
    "unknown",
    "applied",
    "correcting",
    "refused",
    "open",
    "suspended",
    "decided",
    "served",
    "mediated",
    "terminated",
]
#: The outcomes that revoke the act, wholly or in part.
REVOKING: frozenset[Outcome] = frozenset({"revoke", "partly_revoke", "declare_void"})


class Opinion(msgspec.Struct):
    """An opinion letter and the respondent's report on it; ``at`` is the letter's position."""

    doc_no: str
    issued_on: date
    at: int
    demands: tuple[str, ...]
    reported_on: date | None = None
    report: str | None = None


class Incidental(msgspec.Struct):
    """The review of a document behind the act; its period began at the position ``clock_at``."""

    document_no: str
    competent: bool
    clock_at: int
    to: str | None = None
    lawful: bool | None = None
    opinion: str | None = None


class ReconCase(SubjectFold):
    """What is the state of this case, and which periods run in it?

    Each ``…_at`` is a position in the ledger. ``accept_at``, ``correct_at``, ``begun_at``,
    ``copy_at`` and ``decide_at`` are the positions where the periods began for acceptance, for the
    correction, for sending the copy, for the reply and for the decision.
    """

    BEGUN = "applied_on"

    recon: ReconId
    decision: str = ""
    unit: str = ""
    organ: str = ""
    entity: str | None = None
    applicant: str | None = None
    matter: str | None = None
    grounds: str = ""
    known_on: date | None = None
    last_day: date | None = None
    applied_on: date | None = None
    accept_at: int = 0
    correct_at: int = 0
    missing: str | None = None
    corrected_on: date | None = None
    refused_on: date | None = None
    refused_because: str | None = None
    procedure: Procedure | None = None
    accepted_on: date | None = None
    deemed: bool = False
    begun_at: int = 0
    copy_sent_on: date | None = None
    copy_at: int = 0
    replied_on: date | None = None
    reply_missing_on: date | None = None
    decide_at: int = 0
    suspended_on: date | None = None
    days_left: int | None = None
    extended_until: date | None = None
    hearings: list[date] = msgspec.field(default_factory=list)
    outcome: Outcome | None = None
    instrument: str | None = None
    decided_on: date | None = None
    procedural: bool = False
    perform_by: date | None = None
    ended_because: str | None = None
    mediated_on: date | None = None
    terminated_on: date | None = None
    served_on: date | None = None
    served_at: int = 0
    performed_on: date | None = None
    not_performed_by: date | None = None
    opinions: list[Opinion] = msgspec.field(default_factory=list)
    incidental: Incidental | None = None

    @property
    def stage(self) -> Stage:
        """The stage that the case has reached."""
        stages: tuple[tuple[Stage, object], ...] = (
            ("served", self.served_on),
            ("decided", self.decided_on),
            ("mediated", self.mediated_on),
            ("terminated", self.terminated_on),
            ("refused", self.refused_on),
            ("suspended", self.suspended_on),
            ("open", self.accepted_on),
            ("correcting", self.correct_at and not self.corrected_on),
            ("applied", self.applied_on),
        )
        return next((stage for stage, reached in stages if reached), "unknown")

    def on_applied(self, event: ReconApplied, record: Recorded) -> None:
        self.decision, self.unit, self.organ = event.decision, event.unit, event.organ
        self.entity, self.matter = event.entity, event.matter
        self.applicant = event.person or event.applicant
        self.grounds, self.known_on, self.last_day = event.grounds, event.known_on, event.last_day
        self.applied_on, self.accept_at = record.occurred_on, record.position

    def on_correction_requested(self, event: ReconCorrectionRequested, record: Recorded) -> None:
        self.missing, self.correct_at = event.missing, record.position

    def on_corrected(self, event: ReconCorrected, record: Recorded) -> None:
        self.corrected_on, self.accept_at = record.occurred_on, record.position

    def on_accepted(self, event: ReconAccepted, record: Recorded) -> None:
        self.procedure, self.accepted_on = event.procedure, event.accepted_on
        self.begun_at = self.decide_at = record.position

    def on_deemed(self, event: ReconDeemedAccepted, record: Recorded) -> None:
        self.procedure, self.accepted_on, self.deemed = "ordinary", event.deemed_on, True
        self.begun_at = self.decide_at = record.position

    def on_refused(self, event: ReconRefused, record: Recorded) -> None:
        self.refused_on, self.refused_because = record.occurred_on, event.reason

    def on_copy(self, event: ReconCopySent, record: Recorded) -> None:
        self.copy_sent_on, self.copy_at = record.occurred_on, record.position

    def on_reply(self, event: ReconReplyReceived, record: Recorded) -> None:
        self.replied_on = record.occurred_on

    def on_silence(self, event: ReconReplyMissing) -> None:
        self.reply_missing_on = event.due_on

    def on_suspended(self, event: ReconSuspended, record: Recorded) -> None:
        self.suspended_on, self.days_left = record.occurred_on, event.days_left

    def on_resumed(self, event: ReconResumed, record: Recorded) -> None:
        self.suspended_on = self.days_left = None
        self.decide_at = record.position

    def on_extended(self, event: ReconExtended, record: Recorded) -> None:
        self.extended_until, self.decide_at = event.due_on, record.position

    def on_hearing(self, event: ReconHearingHeld, record: Recorded) -> None:
        self.hearings.append(record.occurred_on)

    def on_decided(self, event: ReconDecided) -> None:
        self.outcome, self.instrument = event.outcome, event.instrument
        self.decided_on, self.procedural = event.decided_on, event.procedural
        self.perform_by, self.ended_because = event.perform_by, event.reasons

    def on_mediated(self, event: ReconMediated, record: Recorded) -> None:
        self.mediated_on, self.instrument = record.occurred_on, event.instrument
        self.ended_because = event.agreed

    def on_terminated(self, event: ReconTerminated, record: Recorded) -> None:
        self.terminated_on, self.ended_because = record.occurred_on, event.reason

    def on_served(self, event: ReconDecisionServed, record: Recorded) -> None:
        self.served_on, self.served_at = event.served_on, record.position

    def on_performed(self, event: ReconPerformed, record: Recorded) -> None:
        self.performed_on = record.occurred_on

    def on_not_performed(self, event: ReconNonPerformance) -> None:
        self.not_performed_by = event.due_on

    def on_letter(self, event: OpinionLetterIssued, record: Recorded) -> None:
        self.opinions.append(
            Opinion(event.doc_no, record.occurred_on, record.position, event.demands)
        )

    def on_reported(self, event: OpinionCorrectionReported, record: Recorded) -> None:
        waiting = next(o for o in self.opinions if o.reported_on is None)
        waiting.reported_on, waiting.report = record.occurred_on, event.report

    def on_incidental(self, event: IncidentalReviewRequested, record: Recorded) -> None:
        self.incidental = Incidental(event.document_no, event.competent, record.position)

    def on_passed_on(self, event: IncidentalReviewTransferred, record: Recorded) -> None:
        assert self.incidental is not None
        self.incidental.to, self.incidental.clock_at = event.to, record.position

    def on_concluded(self, event: IncidentalReviewConcluded) -> None:
        assert self.incidental is not None
        self.incidental.lawful, self.incidental.opinion = event.lawful, event.opinion


class CasesAbout(Fold):
    """Which reconsideration cases about this decision are open or ended with a result?"""

    decision: DecisionId
    cases: dict[str, None] = msgspec.field(default_factory=dict)

    def on_applied(self, event: ReconApplied) -> None:
        self.cases[event.recon] = None

    def on_gone(self, event: ReconRefused | ReconTerminated) -> None:
        self.cases.pop(event.recon, None)


class RevokedAct(msgspec.Struct, frozen=True):
    """A revoked penalty: its facts, its kinds and the document that revoked it."""

    decision: str
    case: str
    facts: str
    types: frozenset[str]
    instrument: str


class RevokedPenalties(Fold):
    """Which penalties of this unit against this business were revoked for their content?

    A penalty that was revoked only because of its procedure may be issued again (行政复议法
    Art. 64).
    """

    entity: EntityId
    unit: UnitId
    decided: dict[str, PenaltyDecided] = msgspec.field(default_factory=dict)
    revoked: list[RevokedAct] = msgspec.field(default_factory=list)

    def on_penalty(self, event: PenaltyDecided) -> None:
        self.decided[event.decision] = event

    def on_decided(self, event: ReconDecided) -> None:
        act = self.decided.get(event.decision)
        if act is not None and event.outcome in REVOKING and not event.procedural:
            self.revoked.append(
                RevokedAct(
                    act.decision, act.case, act.facts, frozenset(act.types), event.instrument
                )
            )


class RevokedOnMatter(Fold):
    """How often were acts of this unit on this matter revoked?"""

    matter: MatterId
    unit: UnitId
    instruments: list[str] = msgspec.field(default_factory=list)

    def on_decided(self, event: ReconDecided) -> None:
        if event.outcome in REVOKING:
            self.instruments.append(event.instrument)


def _conductor(inquiry: Inquiry, recon: str) -> str | None:
    """Return the organ that reconsiders a case, or ``None`` once it is over."""
    case = inquiry.read(ReconCase(recon))
    over = case.stage in {"served", "mediated", "terminated", "refused"}
    return None if over else case.organ


involve_persons(Proceeding("reconsideration", ReconApplied, lambda event: event.recon, _conductor))
