"""Events of approvals: one person requested a command, another one answered (0.3, 2.17)."""

from __future__ import annotations

from typing import Any, ClassVar

from ledger.general.vocabulary import ApprovalId, Badge, Name, Text
from ledger.kernel import Event
from ledger.kernel.events import Visibility


class _OfApproval(Event):
    """Which request.

    ``confidential``: only its unit and the Justice Bureau may know of it. ``withheld_from``: the
    units that may not, because what it is about is kept from them.
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
    """请求审批: one person asks that a command take effect; nothing else is recorded yet.

    ``command`` is its name, ``<system>.<command>``, and ``body`` its fields as they were sent.
    Everything that the command checks held when it was requested, and is checked again when it is
    approved.
    """

    TOPIC: ClassVar[str] = "approvals.approval-requested"

    command: Name
    body: dict[str, Any]


class ApprovalGiven(_OfApproval):
    """批准: a second person approved the request; its effect is recorded in the same append."""

    TOPIC: ClassVar[str] = "approvals.approval-given"

    requested_by: Badge


class ApprovalRefused(_OfApproval):
    """不予批准: a second person refused the request, and why."""

    TOPIC: ClassVar[str] = "approvals.approval-refused"

    requested_by: Badge
    reason: Text


class ApprovalWithdrawn(_OfApproval):
    """撤回请求: the person who requested it withdrew it."""

    TOPIC: ClassVar[str] = "approvals.approval-withdrawn"
