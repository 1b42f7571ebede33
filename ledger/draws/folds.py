"""Folds about draws and their results."""

from __future__ import annotations

from ledger.draws.events import DrawResultPublished
from ledger.kernel import Fold
from ledger.vocabulary import TaskId


class PublishedResult(Fold):
    """Has the result of this inspection been published?"""

    task: TaskId
    published: DrawResultPublished | None = None

    @property
    def exists(self) -> bool:
        return self.published is not None

    def on_published(self, event: DrawResultPublished) -> None:
        self.published = event
