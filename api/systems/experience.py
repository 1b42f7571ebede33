"""Experience and outreach, for everyone; unpublished highlights for their unit and the offices."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from api.http.listing import BUREAU, Listing, Where, everybody, shown
from api.http.reader import Reader
from api.http.resources import Parameter
from ledger.systems.experience.folds import Experience
from ledger.systems.progress.folds import Outreach
from projections.systems.experience import Experiences, Outreaches

#: The fields that remain of a withdrawn text: its existence, its unit, and the reason.
_LEFT = ("experience", "outreach", "unit", "published_on", "withdrawn_on", "withdrawn_because")


def _reads_selection(reader: Reader, unit: str) -> bool:
    return reader.role in BUREAU or (reader.is_of(unit))


def _seen(reader: Reader, table: sa.Table) -> Where:
    """Published and withdrawn texts for everyone; selected ones for the unit and the offices."""
    if reader.role in BUREAU:
        return []
    published = table.c.published_on.is_not(None)
    if reader.in_unit:
        return [sa.or_(published, table.c.unit == reader.unit)]
    return [published]


def _document(given: Experience | Outreach, reader: Reader) -> dict[str, Any]:
    document = shown(given)
    document.pop("said_in", None)
    if not _reads_selection(reader, given.unit):
        document.pop("selected", None)
    if given.stage == "withdrawn":
        kept = (*_LEFT, "selected", "stage")
        document = {name: value for name, value in document.items() if name in kept}
    return document


def _column(reader: Reader, table: sa.Table, name: str) -> sa.ColumnElement[Any]:
    """Return the column for a filter: a withdrawn text tells no channel and no task."""
    if name not in ("channel", "task_no"):
        return table.c[name]
    return sa.case((table.c.stage != "withdrawn", table.c[name]))


RESOURCES = (
    *Listing(
        "/v1/experiences",
        Experiences,
        "Units' good experience, published for everyone; `q` searches in titles and texts.",
        "One experience; if it was withdrawn, only that fact and the reason.",
        seen=_seen,
        show=_document,
        dates=("published_on",),
        newest="published_on",
        filters=(
            Parameter("unit", str, "the unit whose experience it is"),
            Parameter("stage", str, "selected, published or withdrawn"),
            Parameter("published_on", str, "the day of its publication"),
        ),
    ).resources(),
    *Listing(
        "/v1/outreach",
        Outreaches,
        "Units' outreach to the public about the Notice; `q` searches in titles.",
        "One item of outreach; if it was withdrawn, only that fact and the reason.",
        seen=everybody,
        show=_document,
        dates=("published_on",),
        newest="published_on",
        filters=(
            Parameter("unit", str, "the unit that published it"),
            Parameter("channel", str, "website, wechat, press, broadcast, on_site or other"),
            Parameter("stage", str, "published or withdrawn"),
            Parameter("published_on", str, "the day of its publication"),
            Parameter("task_no", int, "the task of the Notice, 1 to 9"),
        ),
        column=_column,
    ).resources(),
)
