"""Events of deadlines. They are the kernel's own: any system may open one."""

from __future__ import annotations

from ledger.kernel import DeadlineLapsed, DeadlineMissed, DeadlineRecomputed

__all__ = ["DeadlineLapsed", "DeadlineMissed", "DeadlineRecomputed"]
