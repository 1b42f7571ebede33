"""Events of deadlines. The kernel defines them, because any system may open a deadline."""

from __future__ import annotations

from ledger.kernel import DeadlineLapsed, DeadlineMissed, DeadlineRecomputed

__all__ = ["DeadlineLapsed", "DeadlineMissed", "DeadlineRecomputed"]
