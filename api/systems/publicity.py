"""Publicity: what units have put before the public, ex ante, act by act, and for each year."""

from __future__ import annotations

from typing import Any, get_args

from api.http.listing import Listing, everybody, published, shown
from api.http.resources import Parameter
from api.http.tokens import Grant
from ledger.systems.publicity.events import ExAnteItem
from ledger.systems.publicity.folds import DecidedAct, ExAnte
from projections.systems.publicity import Acts, AnnualStatistics, ExAntePublicity


def _ex_ante(fold: ExAnte, grant: Grant) -> dict[str, Any]:
    missing = [item for item in get_args(ExAnteItem) if item not in fold.items]
    return {"unit": fold.unit, "items": fold.items, "missing": missing}


def _act(fold: DecidedAct, grant: Grant) -> dict[str, Any]:
    said = shown(fold, grant)
    if fold.stage == "withdrawn":
        # What was taken from the public is not shown to it again; the trail keeps it.
        for name in ("summary", "redactions", "url"):
            said.pop(name, None)
    return said


_UNIT = Parameter("unit", str, "the unit")

RESOURCES = (
    *Listing(
        "/v1/ex-ante-publicity",
        ExAntePublicity,
        summary="What each unit has put before the public beforehand, and what is missing.",
        one="One unit: each item with its address and digest, and the items that are missing.",
        seen=everybody,
        show=_ex_ante,
    ).resources(),
    *Listing(
        "/v1/acts",
        Acts,
        summary="Licences and other acts that are no penalties: the published ones for everybody, "
        "the others for the unit, the business and supervisors.",
        one="One act: when it was decided, served and published, and what the public reads of it.",
        seen=published,
        show=_act,
        filters=(
            _UNIT,
            Parameter("entity", str, "the business that it concerns"),
            Parameter("kind", str, "the kind of act"),
            Parameter("stage", str, "decided, served, published or withdrawn"),
        ),
    ).resources(),
    *Listing(
        "/v1/annual-statistics",
        AnnualStatistics,
        summary="The yearly figures of the units: the published ones for everybody, those that "
        "are due for the unit and supervisors.",
        one="The figures of one unit for one year.",
        seen=published,
        filters=(_UNIT, Parameter("year", int, "the year that they are about")),
    ).resources(),
)
