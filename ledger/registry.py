"""The composition root of the ledger: which commands there are, who may send them, what opens one.

This is the only module that knows every system's commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

import ledger.intake.events  # noqa: F401 - imports are no commands, but their events are read
from ledger.catalogue import commands as catalogue
from ledger.corrections import commands as corrections
from ledger.credit import commands as credit
from ledger.deadlines import commands as deadlines
from ledger.draws import commands as draws
from ledger.entities import commands as entities
from ledger.filing import commands as filing
from ledger.grading import commands as grading
from ledger.kernel import Command
from ledger.penalties import commands as penalties
from ledger.policies import commands as policies
from ledger.supervision import commands as supervision
from ledger.vocabulary import Role

_UNIT: tuple[Role, ...] = ("enforcement_officer", "office_head", "unit_legal_office", "unit_head")
#: 市场监管部门牵头、各单位按职责: who may run a draw; none of them inspects in it (GEN-R2).
_DRAWERS: tuple[Role, ...] = ("draw_coordinator", "office_head", "unit_head")
_OFFICERS: tuple[Role, ...] = ("enforcement_officer", "office_head", "unit_head")


class Entry(msgspec.Struct, frozen=True):
    """One command of the table: its system, its type, the roles that may send it."""

    system: str
    command: type[Command]
    roles: frozenset[Role]

    @property
    def name(self) -> str:
        """``approve-task`` for ``ApproveTask``: the last part of its URL."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", self.command.__name__).lower()


def _system(name: str, *rows: tuple[type[Command], Iterable[Role]]) -> tuple[Entry, ...]:
    return tuple(Entry(name, command, frozenset(roles)) for command, roles in rows)


COMMANDS: tuple[Entry, ...] = (
    *_system(
        "policies",
        (policies.AdoptPolicyVersion, ("jb_supervisor",)),
        (policies.PublishWorkingCalendar, ("jb_supervisor",)),
    ),
    *_system(
        "deadlines",
        (deadlines.EndDeadline, ("ledger_clock",)),
        (deadlines.RecomputeDeadline, ("ledger_clock",)),
    ),
    *_system(
        "corrections",
        (corrections.CorrectRecord, ("jb_supervisor", "credit_officer", "unit_head")),
        (corrections.NullifyDecision, ("recon_officer", "unit_head")),
    ),
    *_system(
        "entities",
        (entities.RegisterEntity, ("credit_officer", *_UNIT)),
        (entities.ReviseEntity, ("credit_officer", *_UNIT)),
        (entities.DelistEntity, ("credit_officer",)),
    ),
    *_system(
        "catalogue",
        (catalogue.QualifyUnit, ("jb_supervisor",)),
        (catalogue.CertifyOfficer, ("jb_supervisor",)),
        (catalogue.SuspendCertificate, ("jb_supervisor",)),
        (catalogue.DeclareConflict, ("jb_supervisor", *_UNIT)),
        (catalogue.EndConflict, ("jb_supervisor",)),
        (catalogue.ListMatter, _UNIT),
        (catalogue.ReviseMatter, _UNIT),
        (catalogue.PublishMatter, ("unit_head",)),
        (catalogue.WithdrawMatter, ("unit_head",)),
        (catalogue.ReviewIdleMatter, ("jb_supervisor", "ledger_clock")),
    ),
    *_system(
        "filing",
        (filing.ApproveAnnualPlan, ("unit_head",)),
        (filing.AmendPlan, ("unit_head",)),
        (filing.FileAnnualPlan, _UNIT),
        (filing.AcceptFiling, ("jb_supervisor",)),
        (filing.ReturnFiling, ("jb_supervisor",)),
        (filing.PublishPlan, _UNIT),
        (filing.ApproveSpecialPlan, ("unit_head",)),
        (filing.FileSpecialInspection, _UNIT),
        # FIL-R4 and not the table refuses whoever is not the head: the reader is told the law.
        (filing.ApproveTask, _UNIT),
        (filing.IssueInspectionNotice, _OFFICERS),
        (filing.CancelInspection, _OFFICERS),
        (filing.ScanEntry, _OFFICERS),
        (filing.OpenInspection, _OFFICERS),
        (filing.SignOnSiteRecord, _OFFICERS),
        (filing.CloseInspection, _OFFICERS),
        (filing.ConcludeInspection, _OFFICERS),
        (filing.NotifyResult, _OFFICERS),
        (filing.RateVisit, ("entity_rep",)),
        (filing.ReportIrregularVisit, ("entity_rep", "jb_supervisor", *_UNIT)),
    ),
    *_system(
        "draws",
        (draws.PublishDrawMatterList, ("unit_head",)),
        (draws.FreezeEntityRoster, _DRAWERS),
        (draws.FreezeOfficerRoster, _DRAWERS),
        (draws.AnnounceDraw, _DRAWERS),
        (draws.RevealCommitment, ("entity_rep", "jb_supervisor", "recon_officer", *_DRAWERS)),
        (draws.RevealSeed, _DRAWERS),
        (draws.ExecuteDraw, _DRAWERS),
        (draws.AssignOfficers, _DRAWERS),
        (draws.SubstituteOfficer, _DRAWERS),
        (draws.ExemptTarget, _DRAWERS),
        (draws.VoidDraw, _DRAWERS),
        (draws.VerifyDraw, ("jb_supervisor", "recon_officer", "rlo_assessor", *_DRAWERS)),
        (draws.ReviewDraw, ("jb_supervisor", "ledger_clock")),
        (draws.PublishDrawResult, _UNIT),
    ),
    *_system(
        "penalties",
        (penalties.DecidePenalty, ("unit_head",)),
        (penalties.ServePenalty, _OFFICERS),
        (penalties.PublishDecision, _UNIT),
        (penalties.WithdrawDecision, ("unit_head",)),
    ),
    *_system(
        "credit",
        # 谁认定、谁录入: a unit its own records, the lead department what comes from elsewhere.
        (credit.EnterCreditRecord, ("credit_officer", *_UNIT)),
        (credit.StartPublicity, ("credit_officer", *_UNIT)),
        (credit.TerminatePublicity, ("credit_officer", "ledger_clock", *_UNIT)),
        (credit.SuspendPublicity, ("credit_officer", *_UNIT)),
        (credit.ResumePublicity, ("credit_officer", *_UNIT)),
        (credit.FileObjection, ("entity_rep", "credit_officer", *_UNIT)),
        (credit.ResolveObjection, ("credit_officer", *_UNIT)),
    ),
    *_system(
        "grading",
        (grading.AssignGrade, ("credit_officer",)),
        (grading.RecomputeGrade, ("credit_officer", "ledger_clock")),
        (grading.OverrideGrade, ("credit_officer",)),
    ),
    *_system(
        "supervision",
        (supervision.RaiseFinding, ("jb_supervisor",)),
        (supervision.TriageFinding, ("jb_supervisor",)),
        (supervision.DismissFinding, ("jb_supervisor",)),
        (supervision.RespondToFinding, _UNIT),
        (supervision.AcceptRectification, ("jb_supervisor",)),
        # SUP-R4 refuses a unit that closes its own finding, with the law.
        (supervision.CloseFinding, ("jb_supervisor", *_UNIT)),
    ),
)
