"""Experience and outreach (亮点经验、宣传报道, 2.18), which everybody may read and search."""

from __future__ import annotations

import sqlalchemy as sa

from ledger.systems.experience.folds import Experience
from ledger.systems.progress.folds import Outreach
from projections.tables import Row
from projections.views import FoldView, subject_table
from projections.words import TextIndex, Texts, named


class Experiences(FoldView[Experience]):
    """A row for each experience."""

    name = "experiences"
    kind = "experience"
    fold = Experience
    table = subject_table("experiences", "unit", "stage", "published_on")
    search = TextIndex("experiences")
    tables = (table, *search.tables)

    def texts(self, fold: Experience) -> Texts:
        return _texts(fold.stage, fold.experience, fold.title, fold.text)

    def row(self, fold: Experience, position: int) -> Row:
        return {
            "unit": fold.unit,
            "stage": fold.stage,
            "published_on": None if fold.published_on is None else fold.published_on.isoformat(),
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
    )
    search = TextIndex("outreach")
    tables = (table, *search.tables)

    def texts(self, fold: Outreach) -> Texts:
        return _texts(fold.stage, fold.outreach, fold.title)

    def row(self, fold: Outreach, position: int) -> Row:
        return {
            "unit": fold.unit,
            "stage": fold.stage,
            "channel": fold.channel,
            "published_on": None if fold.published_on is None else fold.published_on.isoformat(),
            "task_no": fold.task_no,
        }


def _texts(stage: str, id_: str, title: str, *texts: str) -> Texts:
    """Return what an item is found by: of one that is not published, only its id."""
    return Texts((id_, *named(title), *texts) if stage == "published" else (id_,))
