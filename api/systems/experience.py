"""Experience and outreach, for everybody; a highlight that is not published, for its unit."""

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

#: What stays of a text that was withdrawn: that it was there, whose it was, and why it is gone.
_LEFT = ("experience", "outreach", "unit", "published_on", "withdrawn_on", "withdrawn_because")


def _reads_selection(grant: Grant, unit: str) -> bool:
    return grant.role in BUREAU or (grant.role in UNIT_BOUND and grant.unit == unit)


def _seen(grant: Grant, table: sa.Table) -> Where:
    """What is published or withdrawn; what is only selected goes between unit and offices."""
    if grant.role in BUREAU:
        return []
    published = table.c.published_on.is_not(None)
    if grant.role in UNIT_BOUND:
        return [sa.or_(published, table.c.unit == grant.unit)]
    return [published]


def _said(given: Experience | Outreach, grant: Grant) -> dict[str, Any]:
    said = shown(given, grant)
    said.pop("said_in", None)
    if not _reads_selection(grant, given.unit):
        said.pop("selected", None)
    if given.stage == "withdrawn":
        kept = (*_LEFT, "selected", "stage")
        said = {name: value for name, value in said.items() if name in kept}
    return said


RESOURCES = (
    *Listing(
        "/v1/experiences",
        Experiences,
        "What units did well, published for everybody; `q` finds any part of title or text.",
        "One experience; of one that was withdrawn, that it was, and why.",
        seen=_seen,
        show=_said,
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
        "What units told the public of the Notice; `q` finds any part of a title.",
        "One piece of outreach; of one that was withdrawn, that it was, and why.",
        seen=everybody,
        show=_said,
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
