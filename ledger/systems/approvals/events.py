"""Events of approvals: one person requested a command, another person answered (0.3, 2.17)."""

from __future__ import annotations

from typing import Any, ClassVar

from ledger.general.vocabulary import ApprovalId, Badge, Name, Text
from ledger.kernel import Event
from ledger.kernel.events import Visibility


class _OfApproval(Event):
    """The request that an event is about, and who may read it.

    ``confidential``: only the unit that made the request and the Justice Bureau may read it.
    ``withheld_from``: units that may not read it, because its subject is withheld from them.
    """

    TOPIC: ClassVar[str] = ""

    approval: ApprovalId
    confidential: bool = False
    withheld_from: tuple[str, ...] = ()

    def visibility(self) -> Visibility:
        return "sealed" if self.confidential else "restricted"

    def kept_from(self) -> tuple[str, ...]:
        """Return the units from which the request is withheld."""
        return self.withheld_from


class ApprovalRequested(_OfApproval):
    """请求审批: one person asks for a command to take effect; nothing else is recorded yet.

    ``command`` is the name of the command, ``<system>.<command>``; ``body`` holds its fields as
    they were sent. The command passed all its checks at the time of the request. They are repeated
    when the request is approved.
    """

    TOPIC: ClassVar[str] = "approvals.approval-requested"

    command: Name
    body: dict[str, Any]


class ApprovalGiven(_OfApproval):
    """批准: a second person approved the request; the command takes effect in the same append."""

    TOPIC: ClassVar[str] = "approvals.approval-given"

    requested_by: Badge


class ApprovalRefused(_OfApproval):
    """不予批准: a second person refused the request, for a stated reason."""

    TOPIC: ClassVar[str] = "approvals.approval-refused"

    requested_by: Badge
    reason: Text


class ApprovalWithdrawn(_OfApproval):
    """撤回请求: the person who made the request withdrew it."""

    TOPIC: ClassVar[str] = "approvals.approval-withdrawn"
