"""Results of inspections: publish them and enter them on the credit record (2.3)."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.general.findings import finding
from ledger.general.roles import UNIT
from ledger.general.values import Instrument
from ledger.general.vocabulary import DrawId, TaskId, Text
from ledger.kernel import Act, Event, Inquiry, Malformed, OutOfStep
from ledger.systems.credit.events import CreditRecordEntered
from ledger.systems.credit.rules import require_first
from ledger.systems.draws import rules
from ledger.systems.draws.effects import drawn_visit
from ledger.systems.draws.events import DrawResultPublished
from ledger.systems.draws.folds import DrawState, PublishedResult
from ledger.systems.filing.events import InspectionConcluded
from ledger.systems.filing.folds import Task


class PublishDrawResult(Act):
    """公示抽查检查结果: publish the result of an inspection and enter it on the credit record.

    A lawful refusal of entry is not entered, because it says nothing against the business.
    ``draw``: the draw that selected the business, by default the draw of the task. Finding DRW-V2
    follows if the draw did not ask for this visit.
    """

    ROLES = UNIT

    task: TaskId
    draw: DrawId | None = None
    withhold_reason: Text | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        task = inquiry.own(Task(self.task), "general.approve-task-first")
        inquiry.require(task.concluded is not None, rules.DRW_R9, task=self.task, stage=task.stage)
        assert task.concluded is not None
        concluded = task.concluded.event
        assert isinstance(concluded, InspectionConcluded)
        concluded_on = task.concluded.occurred_on
        if inquiry.on < concluded_on:
            raise Malformed(
                "draws.result-must-not-published-before-concluded",
                pointer="/occurred_at",
                task=self.task,
                concluded_on=concluded_on,
                on=inquiry.on,
            )
        published = inquiry.read(PublishedResult(self.task)).published
        if published is not None:
            raise OutOfStep(
                "draws.result-published-already",
                task=self.task,
                published_on=published.published_on,
            )
        draw = self.draw or task.draw
        if draw is not None:
            inquiry.known(DrawState(draw), "draws.announce-draw-first")
        if not concluded.lawful_refusal:
            require_first(inquiry, entity=task.entity, kind="inspection_result", doc_no=self.task)
        due = inquiry.due(rules.PUBLISH_RESULT, task.concluded)
        late = 0 if concluded.lawful_refusal else inquiry.days_after(due)
        yield DrawResultPublished(
            task=self.task,
            entity=task.entity,
            unit=task.unit,
            matters=concluded.matters,
            result=concluded.result,
            published_on=inquiry.on,
            days_late=late,
            lawful_refusal=concluded.lawful_refusal,
            withhold_reason=self.withhold_reason,
            draw=draw,
        )
        if draw is not None and not self._asked_for(inquiry, draw, task):
            yield finding(
                inquiry,
                rules.DRW_V2,
                unit=task.unit,
                entity=task.entity,
                task=self.task,
                draw=draw,
            )
        if concluded.lawful_refusal:
            return
        yield CreditRecordEntered(
            record=inquiry.name("CR"),
            entity=task.entity,
            unit=task.unit,
            kind="inspection_result",
            instrument=Instrument(
                kind="inspection_conclusion", doc_no=self.task, effective_on=concluded_on
            ),
            determined_on=concluded_on,
            title=concluded.result,
            public=self.withhold_reason is None,
            result=concluded.result,
            task=self.task,
            source_event_id=task.concluded.envelope.event_id,
        )

    def _asked_for(self, inquiry: Inquiry, draw: str, task: Task) -> bool:
        """Return whether the draw asked for this visit, and not for another one at the business."""
        target = drawn_visit(inquiry, draw, task.entity, task.unit, task.matters)
        if target is None or task.draw != draw:
            return False
        # In a draw of several units each has its own task; the target names the first visit.
        first = None if target.task in (None, self.task) else inquiry.read(Task(target.task or ""))
        return first is None or first.unit != task.unit
