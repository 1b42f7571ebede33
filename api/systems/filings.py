"""Filings of special and case inspections with the legal office of the unit."""

from __future__ import annotations

from typing import Any

from api.http.listing import Listing, Where, shown
from api.http.reader import Reader
from api.http.resources import Parameter
from ledger.systems.filing.events import Ground
from projections.answers import shown_type
from projections.systems.filings import Filings, FilingState


def _seen(reader: Reader, table: Any) -> Where:
    """Units read their own filings and supervisors all of them. No business reads any.

    A filing could announce a visit.
    """
    return [reader.concerned(table.c.unit)]


def _filing(filing: FilingState, reader: Reader) -> dict[str, Any]:
    # A planned visit is sealed, even from supervisors outside of the Justice Bureau.
    hidden = () if reader.sees("sealed", filing.unit) else ("approved",)
    return shown(filing, hidden)


RESOURCES = Listing(
    "/v1/filings",
    Filings,
    "Filings of special and case inspections: a unit sees its own, supervisors all.",
    "One filing: its ground and matters, its day, and the tasks approved under it.",
    seen=_seen,
    show=_filing,
    returns=shown_type(FilingState),
    filters=(
        Parameter("unit", str, "the unit that filed"),
        Parameter("ground", Ground, "why it will inspect"),
        Parameter("entity", str, "the business that will be inspected"),
        Parameter("task", str, "the inspection that was filed"),
        Parameter("special_plan", str, "the special campaign that it belongs to"),
    ),
    dates=("filed_on",),
    newest="filed_on",
).resources()
