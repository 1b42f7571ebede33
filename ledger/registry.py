"""The composition root of the ledger: which commands there are, who may send them, what opens one.

This is the only module that knows every system's commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

# Nobody sends imports, accesses, or what happens to the log itself, but their events are read.
import ledger.access.events
import ledger.intake.events
import ledger.transparency.events  # noqa: F401 - stands for all three
from ledger.general.vocabulary import Role
from ledger.kernel import Command
from ledger.systems.approvals import commands as approvals
from ledger.systems.assessment import commands as assessment
from ledger.systems.casefiles import commands as casefiles
from ledger.systems.catalogue import commands as catalogue
from ledger.systems.channels import commands as channels
from ledger.systems.commitments import commands as commitments
from ledger.systems.complaints import commands as complaints
from ledger.systems.corrections import commands as corrections
from ledger.systems.credit import commands as credit
from ledger.systems.deadlines import commands as deadlines
from ledger.systems.delegations import commands as delegations
from ledger.systems.dishonesty import commands as dishonesty
from ledger.systems.draws import commands as draws
from ledger.systems.draws.commands.common import OPERATORS
from ledger.systems.entities import commands as entities
from ledger.systems.experience import commands as experience
from ledger.systems.filing import commands as filing
from ledger.systems.grading import commands as grading
from ledger.systems.handovers import commands as handovers
from ledger.systems.joint import commands as joint
from ledger.systems.keylist import commands as keylist
from ledger.systems.legalreview import commands as legalreview
from ledger.systems.leniency import commands as leniency
from ledger.systems.observation import commands as observation
from ledger.systems.penalties import commands as penalties
from ledger.systems.persons import commands as persons
from ledger.systems.policies import commands as policies
from ledger.systems.process import commands as process
from ledger.systems.progress import commands as progress
from ledger.systems.publicity import commands as publicity
from ledger.systems.reconsideration import commands as reconsideration
from ledger.systems.repair import commands as repair
from ledger.systems.sharing import commands as sharing
from ledger.systems.supervision import commands as supervision
from ledger.systems.takeon import commands as takeon
from ledger.systems.workplans import commands as workplans

_UNIT: tuple[Role, ...] = ("enforcement_officer", "office_head", "unit_legal_office", "unit_head")
#: Who may look into a complaint: any body but the unit accused (CMP-R1).
_HANDLERS: tuple[Role, ...] = (
    "jb_supervisor",
    "park_committee",
    "recon_officer",
    "rlo_assessor",
    "unit_legal_office",
    "unit_head",
)
#: Who publishes how to complain of a body: any body of which one can.
_CHANNELLED: tuple[Role, ...] = ("office_head", *_HANDLERS)
_DRAWERS: tuple[Role, ...] = tuple(sorted(OPERATORS))
_OFFICERS: tuple[Role, ...] = ("enforcement_officer", "office_head", "unit_head")
_HEADS: tuple[Role, ...] = ("office_head", "unit_head")
#: Whoever may speak for a unit in its monthly report: the lead departments have roles of their own.
_REPORTING: tuple[Role, ...] = (
    "office_head",
    "unit_legal_office",
    "unit_head",
    "jb_supervisor",
    "credit_officer",
    "draw_coordinator",
    "recon_officer",
    "park_committee",
)

#: Who adopts the work plan of a year: heads, and the offices that track the region's.
_PLANNING: tuple[Role, ...] = ("unit_head", "park_committee", "jb_supervisor", "rlo_assessor")

#: Who publishes what units did well: the two offices, and the head of a unit for that unit.
_SHARING_EXPERIENCE: tuple[Role, ...] = (
    "jb_supervisor",
    "rlo_assessor",
    "unit_head",
    "park_committee",
)

#: Whoever may request or approve what two people sign.
_SIGNING: tuple[Role, ...] = (
    *_UNIT,
    "jb_supervisor",
    "credit_officer",
    "draw_coordinator",
    "recon_officer",
    "rlo_assessor",
)


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
    # A request is answered by whom its command says; its maker is told why not by a rule (GEN-R1).
    *_system(
        "approvals",
        (approvals.ApproveRequest, _SIGNING),
        (approvals.RefuseRequest, _SIGNING),
        (approvals.WithdrawRequest, _SIGNING),
    ),
    *_system(
        "policies",
        (policies.AdoptPolicyVersion, ("jb_supervisor",)),
        (policies.PublishWorkingCalendar, ("jb_supervisor",)),
        (policies.CallForCalendar, ("ledger_clock",)),
    ),
    *_system(
        "deadlines",
        (deadlines.EndDeadline, ("ledger_clock",)),
        (deadlines.RecomputeDeadline, ("ledger_clock",)),
    ),
    *_system(
        "corrections",
        # Anybody of a unit may request one; its class says who approves it.
        (corrections.CorrectRecord, ("jb_supervisor", "credit_officer", *_UNIT)),
        (corrections.NullifyDecision, ("recon_officer", "unit_head")),
        (corrections.RecordLitigation, ("unit_legal_office", "unit_head")),
    ),
    *_system(
        "entities",
        (entities.RegisterEntity, ("credit_officer", *_UNIT)),
        (entities.ReviseEntity, ("credit_officer", *_UNIT)),
        (entities.RecordLegalRepresentative, ("credit_officer", *_UNIT)),
        (entities.DelistEntity, ("credit_officer",)),
        (entities.ReenterEntity, ("credit_officer",)),
    ),
    *_system(
        "persons",
        (
            persons.RegisterPerson,
            ("jb_supervisor", "park_committee", "recon_officer", *_UNIT),
        ),
        (
            persons.ErasePerson,
            ("jb_supervisor", "park_committee", "recon_officer", "unit_legal_office", "unit_head"),
        ),
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
        (catalogue.AssignMatterCodes, ("unit_legal_office", "unit_head")),
        (catalogue.WithdrawMatter, ("unit_head",)),
        (catalogue.ReportBasisRepealed, ("jb_supervisor",)),
        (catalogue.ReviewIdleMatter, ("jb_supervisor", "ledger_clock")),
    ),
    *_system(
        "delegations",
        (delegations.DelegatePower, ("jb_supervisor",)),
        (delegations.SuspendDelegation, ("jb_supervisor",)),
        (delegations.EndDelegation, ("jb_supervisor",)),
        (delegations.AssessDelegation, ("jb_supervisor", "rlo_assessor")),
    ),
    *_system(
        "handovers",
        (handovers.HandOverDuty, ("unit_head",)),
        (handovers.TakeBackDuty, ("unit_head",)),
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
        (filing.RecordOffSiteCheck, _OFFICERS),
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
        (draws.RequestExemption, _DRAWERS),
        (draws.ExemptTarget, _DRAWERS),
        (draws.VoidDraw, _DRAWERS),
        (draws.VerifyDraw, ("jb_supervisor", "recon_officer", "rlo_assessor", *_DRAWERS)),
        (draws.ReviewDraw, ("jb_supervisor", "ledger_clock")),
        (draws.PublishDrawResult, _UNIT),
    ),
    *_system(
        "joint",
        (joint.PublishJointList, ("jb_supervisor",)),
        (joint.PublishJointCalendar, ("jb_supervisor",)),
        (joint.AdoptJointProcedure, ("jb_supervisor",)),
        (joint.AdoptUnifiedForm, ("jb_supervisor", "unit_head")),
        (joint.PlanJoint, _HEADS),
        (joint.OfferJoin, _HEADS),
        (joint.AcceptJoin, _HEADS),
        (joint.DeclineJoin, _HEADS),
        (joint.CancelJoint, _HEADS),
        (joint.RecordJointVisit, _OFFICERS),
    ),
    *_system(
        "keylist",
        (keylist.ListKeyMatter, ("unit_head",)),
        (keylist.DelistKeyMatter, ("unit_head",)),
        (keylist.RunScreening, (*_HEADS, "jb_supervisor")),
        (keylist.DesignateKeyUnit, ("unit_head",)),
        (keylist.ProvideGuidance, _OFFICERS),
        (keylist.LogTrackingVisit, _OFFICERS),
        (keylist.ReviewKeyDesignation, ("unit_head",)),
        (keylist.EndKeyDesignation, ("unit_head",)),
    ),
    *_system(
        "penalties",
        # The commands let officers open and decide a case on the spot alone.
        (penalties.FileCase, _OFFICERS),
        (penalties.AddEvidence, _OFFICERS),
        (penalties.RegisterInAdvance, ("unit_head",)),
        (penalties.SeizeProperty, ("unit_head",)),
        (penalties.ExtendSeizure, ("unit_head",)),
        (penalties.DisposeOfEvidence, _OFFICERS),
        (penalties.ServePriorNotice, _OFFICERS),
        (penalties.HearStatement, _OFFICERS),
        (penalties.WaiveRights, _OFFICERS),
        (penalties.RequestHearing, ("entity_rep", *_OFFICERS)),
        (penalties.AnnounceHearing, _UNIT),
        (penalties.HoldHearing, _UNIT),
        (penalties.HoldCollectiveDiscussion, ("unit_head", "office_head", "unit_legal_office")),
        (penalties.DecidePenalty, _OFFICERS),
        (penalties.ServePenalty, _OFFICERS),
        (penalties.RecordPayment, _OFFICERS),
        (penalties.DeferPayment, ("unit_head",)),
        (penalties.ApplyEnforcement, ("unit_head", "office_head")),
        (penalties.PublishDecision, _UNIT),
        (penalties.WithdrawDecision, ("unit_head",)),
        (penalties.ReferCriminally, ("office_head", "unit_head")),
        (penalties.CloseCase, _OFFICERS),
        (penalties.PublishBenchmark, ("unit_head",)),
    ),
    *_system(
        "legalreview",
        (legalreview.PublishMajorDecisionList, ("unit_head",)),
        (legalreview.RegisterReviewer, ("jb_supervisor",)),
        (legalreview.RetireReviewer, ("jb_supervisor", "unit_head")),
        (legalreview.RequestLegalReview, _OFFICERS),
        (legalreview.ExtendLegalReview, ("unit_legal_office", "unit_head")),
        # LRV-R2 and not the table refuses who handles the case: the reader is told the law.
        (legalreview.ConcludeLegalReview, _UNIT),
        (legalreview.OverrideReviewOpinion, ("unit_head",)),
    ),
    *_system(
        "leniency",
        (leniency.PublishLeniencyList, ("unit_head",)),
        (leniency.ApplyLeniency, ("unit_head", "office_head")),
        (leniency.RecordEducation, _OFFICERS),
        (leniency.TakeCorrectionCommitment, _OFFICERS),
        (leniency.VerifyPromisedCorrection, _OFFICERS),
    ),
    *_system(
        "observation",
        (observation.GrantObservation, ("unit_head", "park_committee")),
        (observation.ExtendObservation, ("unit_head", "park_committee")),
        (observation.TerminateObservation, ("unit_head", "park_committee")),
        (observation.TakeSoftMeasure, _OFFICERS),
        (observation.VerifyCorrection, _OFFICERS),
        (observation.JustifyPenalty, ("unit_head",)),
        (observation.ReportBottomLineBreach, ("jb_supervisor", *_OFFICERS)),
        (observation.ReviewBreach, ("jb_supervisor", "ledger_clock")),
    ),
    *_system(
        "process",
        (process.RecordProcessStep, _UNIT),
        (process.SealAvRecord, _OFFICERS),
        (process.SupersedeEvidence, ("office_head", "unit_head")),
        (process.CheckEvidence, ("jb_supervisor", *_UNIT)),
        (process.ArchiveCase, _UNIT),
        (process.EraseCaseFiles, ("unit_head",)),
    ),
    *_system(
        "publicity",
        (publicity.PublishExAnte, _UNIT),
        (publicity.DecideAct, ("unit_head",)),
        (publicity.ServeAct, _OFFICERS),
        (publicity.PublishAct, _UNIT),
        (publicity.WithdrawAct, ("unit_head",)),
        (publicity.ReviewWithdrawal, ("jb_supervisor", "ledger_clock")),
        (publicity.CallForAnnualStats, ("ledger_clock",)),
        (publicity.PublishAnnualStats, ("unit_head",)),
        (publicity.ReviewRedactions, ("jb_supervisor", "ledger_clock")),
    ),
    *_system(
        "credit",
        # 谁认定、谁录入: a unit its own records, the lead department what comes from elsewhere.
        (credit.EnterCreditRecord, ("credit_officer", *_UNIT)),
        (credit.StartPublicity, ("credit_officer", *_UNIT)),
        (credit.TerminatePublicity, ("credit_officer", "ledger_clock", *_UNIT)),
        (credit.ReviewBounds, ("ledger_clock",)),
        (credit.FollowDecision, ("ledger_clock",)),
        (
            credit.ReportShownElsewhere,
            ("entity_rep", "credit_officer", "jb_supervisor", *_UNIT),
        ),
        (credit.SuspendPublicity, ("credit_officer", *_UNIT)),
        (credit.ResumePublicity, ("credit_officer", *_UNIT)),
        (credit.FileObjection, ("entity_rep", "credit_officer", *_UNIT)),
        (credit.ResolveObjection, ("credit_officer", *_UNIT)),
    ),
    *_system(
        "commitments",
        (commitments.MakeCommitment, ("entity_rep", "credit_officer", *_UNIT)),
        (commitments.FulfilCommitment, ("credit_officer", *_UNIT)),
        (commitments.EstablishBreach, ("credit_officer", "unit_head")),
    ),
    *_system(
        "dishonesty",
        (dishonesty.NotifyDetermination, _OFFICERS),
        (dishonesty.SubmitDefence, ("entity_rep", *_UNIT)),
        (dishonesty.DetermineDishonesty, ("unit_head",)),
        (dishonesty.ProposeListCriteria, ("credit_officer", "unit_head")),
        (dishonesty.PublishListCriteria, ("credit_officer", "unit_head")),
        (dishonesty.WithdrawListCriteria, ("credit_officer", "unit_head")),
        (dishonesty.AddToSeriousList, ("unit_head",)),
        (dishonesty.RemoveFromSeriousList, ("unit_head",)),
        (dishonesty.PublishMeasureCatalogue, ("credit_officer",)),
        (dishonesty.ApplySanction, _OFFICERS),
        (dishonesty.LiftSanction, _OFFICERS),
        (dishonesty.ReviewSanction, ("jb_supervisor", "ledger_clock")),
        (dishonesty.PromiseIncentive, ("credit_officer", *_OFFICERS)),
        (dishonesty.GrantIncentive, ("credit_officer", *_OFFICERS)),
        (dishonesty.EndIncentive, ("credit_officer", *_OFFICERS)),
    ),
    *_system(
        "grading",
        (grading.AssignGrade, ("credit_officer",)),
        (grading.RecomputeGrade, ("credit_officer", "ledger_clock")),
        (grading.OverrideGrade, ("credit_officer",)),
    ),
    *_system(
        "repair",
        (repair.ApplyRepair, ("entity_rep", "credit_officer", *_UNIT)),
        (repair.ForwardRepair, ("credit_officer",)),
        (repair.SupplementRepair, ("entity_rep", "credit_officer", *_UNIT)),
        # REP-R6 and not the table tells the lead department that others decide: 谁认定、谁修复.
        (repair.AcceptRepair, ("credit_officer", *_UNIT)),
        (repair.RequestRepairSupplement, ("credit_officer", *_UNIT)),
        (repair.NotAcceptRepair, ("credit_officer", *_UNIT)),
        (repair.ExtendRepair, ("credit_officer", "unit_head")),
        (repair.GrantRepair, ("credit_officer", "unit_head")),
        (repair.RefuseRepair, ("credit_officer", "unit_head")),
        (repair.RevokeRepair, ("credit_officer", "unit_head")),
        (repair.SynchroniseRepair, ("credit_officer", *_UNIT)),
        (repair.PushRepair, ("credit_officer", *_UNIT)),
        (repair.RecordDutiesPerformed, ("credit_officer", *_UNIT)),
        (repair.ExcludeFromRepair, ("credit_officer", "unit_head")),
        (repair.ReadmitToRepair, ("credit_officer", "unit_head")),
        (repair.GrantTemporaryShield, ("credit_officer", "unit_head")),
        (repair.RecordRepairMisconduct, ("credit_officer", *_UNIT)),
        (repair.ReportRepairFee, ("entity_rep", "jb_supervisor", "credit_officer", *_UNIT)),
    ),
    *_system(
        "sharing",
        (sharing.SubscribeFeed, ("subscriber_system", "credit_officer")),
        (sharing.UnsubscribeFeed, ("subscriber_system", "credit_officer")),
        (sharing.AcknowledgeRemoval, ("subscriber_system", "credit_officer")),
        (sharing.DeclineRecognition, ("subscriber_system", "credit_officer")),
        (
            sharing.ReportRecordUse,
            ("entity_rep", "subscriber_system", "jb_supervisor", "credit_officer", *_UNIT),
        ),
        (sharing.ReportRepeatedRequest, ("entity_rep", "jb_supervisor", "credit_officer", *_UNIT)),
    ),
    *_system(
        "supervision",
        (supervision.RaiseFinding, ("jb_supervisor", "rlo_assessor")),
        (supervision.TriageFinding, ("jb_supervisor",)),
        (supervision.DismissFinding, ("jb_supervisor",)),
        (supervision.RespondToFinding, _UNIT),
        (supervision.AcceptRectification, ("jb_supervisor",)),
        (supervision.RejectRectification, ("jb_supervisor",)),
        (supervision.StartDirectHandling, ("jb_supervisor",)),
        # SUP-R4 refuses a unit that closes its own finding, with the law.
        (supervision.CloseFinding, ("jb_supervisor", *_UNIT)),
        (supervision.ProposeSupervisionDoc, ("rlo_assessor",)),
        (supervision.DeclineProposal, ("jb_supervisor",)),
        (supervision.IssueSupervisionDoc, ("jb_supervisor",)),
        (supervision.AnswerSupervisionDoc, _UNIT),
        (supervision.WithdrawSupervisionDoc, ("jb_supervisor",)),
        (supervision.RecordPublicInterview, ("jb_supervisor",)),
        (supervision.IssueCircular, ("jb_supervisor",)),
        (supervision.ReferToDiscipline, ("jb_supervisor",)),
        (supervision.ReportProhibitedConduct, ("entity_rep", "jb_supervisor", *_UNIT)),
        (supervision.OrderBlanketMeasure, ("unit_head", "park_committee")),
    ),
    *_system(
        "channels",
        (channels.PublishComplaintChannel, _CHANNELLED),
        (channels.ReportChannelTest, ("jb_supervisor", "rlo_assessor")),
        (channels.CloseComplaintChannel, _CHANNELLED),
        (channels.ReviewChannels, ("ledger_clock",)),
    ),
    *_system(
        "complaints",
        (
            complaints.ReceiveComplaint,
            (
                "entity_rep",
                "jb_supervisor",
                "park_committee",
                "recon_officer",
                "rlo_assessor",
                *_UNIT,
            ),
        ),
        # CMP-R1 refuses the unit accused, with the law, once it knows of the complaint.
        (complaints.AcknowledgeComplaint, _HANDLERS),
        (complaints.AcceptComplaint, _HANDLERS),
        (complaints.PassOnFacts, _HANDLERS),
        (complaints.RefuseComplaint, _HANDLERS),
        (complaints.TransferComplaint, _HANDLERS),
        (complaints.TakeInvestigationStep, _HANDLERS),
        (complaints.ResolveComplaint, _HANDLERS),
        (complaints.GiveComplaintFeedback, ("entity_rep", *_HANDLERS)),
        (complaints.ExamineInspection, ("ledger_clock",)),
    ),
    *_system(
        "reconsideration",
        (reconsideration.ApplyForReconsideration, ("entity_rep", "recon_officer")),
        (reconsideration.RequestApplicationCorrection, ("recon_officer",)),
        (reconsideration.CorrectApplication, ("entity_rep", "recon_officer")),
        (reconsideration.AcceptApplication, ("recon_officer",)),
        (reconsideration.RefuseApplication, ("recon_officer",)),
        (reconsideration.SendCopy, ("recon_officer",)),
        (reconsideration.SubmitReply, _UNIT),
        (reconsideration.SuspendCase, ("recon_officer",)),
        (reconsideration.ResumeCase, ("recon_officer",)),
        (reconsideration.ExtendCase, ("recon_officer",)),
        (reconsideration.RecordReconHearing, ("recon_officer",)),
        (reconsideration.RequestIncidentalReview, ("recon_officer",)),
        (reconsideration.TransferIncidentalReview, ("recon_officer",)),
        (reconsideration.ConcludeIncidentalReview, ("recon_officer",)),
        (reconsideration.DecideCase, ("recon_officer",)),
        (reconsideration.MediateCase, ("recon_officer",)),
        (reconsideration.TerminateCase, ("recon_officer",)),
        (reconsideration.ServeReconDecision, ("recon_officer",)),
        (reconsideration.ReportPerformance, _UNIT),
        (reconsideration.ReportNonPerformance, ("recon_officer",)),
        (reconsideration.IssueOpinionLetter, ("recon_officer",)),
        (reconsideration.ReportOpinionCorrection, _UNIT),
    ),
    *_system(
        "casefiles",
        (casefiles.AnnounceReview, ("jb_supervisor", "unit_legal_office", "unit_head")),
        (casefiles.DrawReviewBatch, ("jb_supervisor", "unit_legal_office", "unit_head")),
        (casefiles.OpenSelfReview, ("unit_legal_office", "unit_head")),
        # CFR-R1 and not the table refuses the reviewed unit's own people in a mutual review.
        (casefiles.ScoreCaseFile, ("jb_supervisor", *_UNIT)),
        (casefiles.RaiseIssue, ("jb_supervisor", *_UNIT)),
        (casefiles.OrderRectification, ("jb_supervisor",)),
        (casefiles.VerifyRectification, ("jb_supervisor",)),
        (casefiles.PublishReviewReport, ("jb_supervisor",)),
        (casefiles.ReviewUnreviewedUnit, ("jb_supervisor", "ledger_clock")),
    ),
    *_system(
        "progress",
        (progress.EnrolReportingUnit, ("jb_supervisor", "rlo_assessor")),
        (progress.WithdrawReportingUnit, ("jb_supervisor", "rlo_assessor")),
        (progress.OpenReportingMonth, ("ledger_clock",)),
        (progress.DisputeMetric, _REPORTING),
        (progress.SubmitProgressLedger, _REPORTING),
        (progress.ReturnLedger, ("jb_supervisor", "rlo_assessor")),
        (progress.AcceptLedger, ("jb_supervisor", "rlo_assessor")),
        (progress.PublishOutreach, _REPORTING),
        (progress.WithdrawOutreach, _REPORTING),
    ),
    *_system(
        "experience",
        (experience.SelectHighlight, ("jb_supervisor", "rlo_assessor")),
        (experience.PublishExperience, _SHARING_EXPERIENCE),
        (experience.WithdrawExperience, _SHARING_EXPERIENCE),
    ),
    *_system(
        "workplans",
        (workplans.AdoptWorkPlan, _PLANNING),
        (workplans.AmendWorkPlan, _PLANNING),
        # WRK-R2 and not the table refuses a unit that has no part in the work.
        (workplans.ReachMilestone, (*_REPORTING, "rlo_assessor")),
        (workplans.ReturnMilestone, ("jb_supervisor", "rlo_assessor")),
        (workplans.UrgeWork, ("jb_supervisor", "rlo_assessor")),
        (workplans.AnswerUrge, _REPORTING),
        (workplans.RecordTrackingInspection, ("jb_supervisor", "rlo_assessor")),
        (workplans.ReviewWorkPlan, ("ledger_clock",)),
    ),
    *_system(
        "takeon",
        (takeon.OpenTakeOn, ("jb_supervisor", "credit_officer")),
        # The lead departments what any unit held, the heads of a unit what the own unit held.
        (takeon.TakeOnPenalty, ("jb_supervisor", "credit_officer", *_HEADS)),
        (takeon.TakeOnCommitment, ("jb_supervisor", "credit_officer", *_HEADS)),
        (takeon.TakeOnDesignation, ("jb_supervisor", "credit_officer", *_HEADS)),
        (takeon.TakeOnDeadline, ("jb_supervisor", "credit_officer", "recon_officer", *_HEADS)),
        (
            takeon.PerformOpenDuty,
            ("jb_supervisor", "credit_officer", "recon_officer", "park_committee", *_UNIT),
        ),
        (takeon.CloseTakeOn, ("jb_supervisor", "credit_officer")),
    ),
    *_system(
        "assessment",
        (assessment.AdoptAssessmentScheme, ("rlo_assessor",)),
        (assessment.RunAssessment, ("rlo_assessor",)),
        (assessment.AppealScore, _REPORTING),
        (assessment.DecideAppeal, ("rlo_assessor",)),
        (assessment.PublishAssessment, ("rlo_assessor",)),
    ),
)
