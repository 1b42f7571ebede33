"""Experience and outreach, for everyone; unpublished highlights for their unit and the offices."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from api.http.listing import BUREAU, Listing, Where, everybody, shown
from api.http.resources import Parameter
from api.http.tokens import Grant
from ledger.general.audiences import UNIT_BOUND
from ledger.systems.experience.folds import Experience
from ledger.systems.progress.folds import Outreach
from projections.systems.experience import Experiences, Outreaches

#: The fields that remain of a withdrawn text: its existence, its unit, and the reason.
_LEFT = ("experience", "outreach", "unit", "published_on", "withdrawn_on", "withdrawn_because")


def _reads_selection(grant: Grant, unit: str) -> bool:
    return grant.role in BUREAU or (grant.role in UNIT_BOUND and grant.unit == unit)


def _seen(grant: Grant, table: sa.Table) -> Where:
    """Published and withdrawn texts for everyone; selected ones for the unit and the offices."""
    if grant.role in BUREAU:
        return []
    published = table.c.published_on.is_not(None)
    if grant.role in UNIT_BOUND:
        return [sa.or_(published, table.c.unit == grant.unit)]
    return [published]


def _document(given: Experience | Outreach, grant: Grant) -> dict[str, Any]:
    document = shown(given, grant)
    document.pop("said_in", None)
    if not _reads_selection(grant, given.unit):
        document.pop("selected", None)
    if given.stage == "withdrawn":
        kept = (*_LEFT, "selected", "stage")
        document = {name: value for name, value in document.items() if name in kept}
    return document


RESOURCES = (
    *Listing(
        "/v1/experiences",
        Experiences,
        "Units' good experience, published for everyone; `q` searches in titles and texts.",
        "One experience; if it was withdrawn, only that fact and the reason.",
        seen=_seen,
        show=_document,
        searched="words",
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
        searched="words",
        filters=(
            Parameter("unit", str, "the unit that published it"),
            Parameter("channel", str, "website, wechat, press, broadcast, on_site or other"),
            Parameter("stage", str, "published or withdrawn"),
            Parameter("published_on", str, "the day of its publication"),
            Parameter("task_no", int, "the task of the Notice, 1 to 9"),
        ),
    ).resources(),
)
