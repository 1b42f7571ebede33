"""Events of policies and calendars. They are the kernel's own: every command is judged by them."""

from __future__ import annotations

from ledger.kernel.policies import PolicyVersionAdopted, WorkingCalendarPublished

__all__ = ["PolicyVersionAdopted", "WorkingCalendarPublished"]
