"""Commands of 2.2: plans and filings, then tasks, then visits."""

from ledger.systems.filing.commands.plans import (
    AcceptFiling,
    AmendPlan,
    ApproveAnnualPlan,
    ApproveSpecialPlan,
    FileAnnualPlan,
    FileSpecialInspection,
    PublishPlan,
    ReturnFiling,
)
from ledger.systems.filing.commands.tasks import (
    ApproveTask,
    CancelInspection,
    IssueInspectionNotice,
)
from ledger.systems.filing.commands.visits import (
    CloseInspection,
    ConcludeInspection,
    NotifyResult,
    OpenInspection,
    RateVisit,
    RecordOffSiteCheck,
    ReportIrregularVisit,
    ScanEntry,
    SignOnSiteRecord,
)

__all__ = [
    "AcceptFiling",
    "AmendPlan",
    "ApproveAnnualPlan",
    "ApproveSpecialPlan",
    "ApproveTask",
    "CancelInspection",
    "CloseInspection",
    "ConcludeInspection",
    "FileAnnualPlan",
    "FileSpecialInspection",
    "IssueInspectionNotice",
    "NotifyResult",
    "OpenInspection",
    "PublishPlan",
    "RateVisit",
    "RecordOffSiteCheck",
    "ReportIrregularVisit",
    "ReturnFiling",
    "ScanEntry",
    "SignOnSiteRecord",
]
