"""Delegated powers, for everyone; with a day, those in force on that day."""

from __future__ import annotations

from typing import Any

from api.http.listing import Listing, everybody, shown
from api.http.reader import ACROSS_UNITS, Reader
from api.http.resources import Parameter
from ledger.systems.delegations.folds import Delegation
from projections.systems.delegations import Delegations, in_force


def _shown(given: Delegation, reader: Reader) -> dict[str, Any]:
    """Return the public fields; assessments are for the township and roles across units only."""
    document = shown(given)
    if reader.role not in ACROSS_UNITS and not reader.is_of(given.unit):
        document.pop("assessments", None)
    return document


RESOURCES = Listing(
    "/v1/delegations",
    Delegations,
    "Powers delegated to townships, with the decision behind each; all, or those on one day.",
    "One delegation: the township, the matters, and the days on which it is in force.",
    seen=everybody,
    show=_shown,
    holds=in_force,
    dates=(
        "valid_from",
        "valid_to",
        "ended_on",
    ),
    newest="valid_from",
    filters=(
        Parameter("unit", str, "the township"),
        Parameter("stage", str, "given or ended"),
    ),
).resources()
