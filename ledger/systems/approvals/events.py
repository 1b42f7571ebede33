"""Events of approvals: one person requested a command, another person answered (0.3, 2.17)."""

from __future__ import annotations

from typing import ClassVar

from ledger.general.countersigning import OfApproval
from ledger.general.vocabulary import Badge, Text


class ApprovalGiven(OfApproval):
    """批准: a second person approved the request; the command takes effect in the same append."""

    TOPIC: ClassVar[str] = "approvals.approval-given"

    requested_by: Badge


class ApprovalRefused(OfApproval):
    """不予批准: a second person refused the request, for a stated reason."""

    TOPIC: ClassVar[str] = "approvals.approval-refused"

    requested_by: Badge
    reason: Text


class ApprovalWithdrawn(OfApproval):
    """撤回请求: the person who made the request withdrew it."""

    TOPIC: ClassVar[str] = "approvals.approval-withdrawn"
