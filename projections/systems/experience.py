"""Experience and outreach (亮点经验、宣传报道, 2.18), which everybody may read and search."""

from __future__ import annotations

import sqlalchemy as sa

from ledger.systems.experience.folds import Experience
from ledger.systems.progress.folds import Outreach
from projections.words import search_key
from projections.tables import Row
from projections.views import FoldView, subject_table


class Experiences(FoldView[Experience]):
    """A row for each experience; ``words`` is the text that a search examines."""

    name = "experiences"
    kind = "experience"
    fold = Experience
    table = subject_table(
        "experiences", "unit", "stage", "published_on", sa.Column("words", sa.Text, nullable=False)
    )
    tables = (table,)

    def row(self, fold: Experience, position: int) -> Row:
        return {
            "unit": fold.unit,
            "stage": fold.stage,
            "published_on": None if fold.published_on is None else fold.published_on.isoformat(),
            "words": searched(fold.stage, fold.title, fold.text),
        }


class Outreaches(FoldView[Outreach]):
    """A row for each outreach item with an id; items of event version 1 have no id."""

    name = "outreach"
    kind = "outreach"
    fold = Outreach
    table = subject_table(
        "outreach",
        "unit",
        "stage",
        "channel",
        "published_on",
        sa.Column("task_no", sa.Integer, index=True),
        sa.Column("words", sa.Text, nullable=False),
    )
    tables = (table,)

    def row(self, fold: Outreach, position: int) -> Row:
        return {
            "unit": fold.unit,
            "stage": fold.stage,
            "channel": fold.channel,
            "published_on": None if fold.published_on is None else fold.published_on.isoformat(),
            "task_no": fold.task_no,
            "words": searched(fold.stage, fold.title),
        }


def searched(stage: str, *texts: str) -> str:
    """Return the text that a search examines; empty unless the item is published."""
    return "\n".join(search_key(text) for text in texts) if stage == "published" else ""
