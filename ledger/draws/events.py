"""Events of double-random draws (双随机、一公开, 2.3)."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from ledger.filing.events import Result
from ledger.kernel import Event, Visibility
from ledger.vocabulary import DrawId, EntityId, MatterId, TaskId, Text, UnitId


class DrawResultPublished(Event):
    """抽查检查结果公示: the public can read what an inspection found (国发〔2019〕5号).

    Published by the unit that inspected (谁检查、谁录入、谁公开). ``draw`` names the draw that
    chose the business. A result that holds a secret is withheld with its reason.
    ``lawful_refusal``: the business rightly let nobody in; that says nothing against it.
    ``days_late`` counts calendar days after ``draw.result_publish_wd``.
    """

    TOPIC: ClassVar[str] = "draws.draw-result-published"

    task: TaskId
    entity: EntityId
    unit: UnitId
    matters: tuple[MatterId, ...]
    result: Result
    published_on: date
    days_late: int = 0
    lawful_refusal: bool = False
    withhold_reason: Text | None = None
    draw: DrawId | None = None

    def visibility(self) -> Visibility:
        """A withheld result is seen by the authorities alone."""
        return "public" if self.withhold_reason is None else "restricted"
