"""Publicity: what units have published in advance, for each act, and for each year."""

from __future__ import annotations

from typing import Any, get_args

from api.http.listing import Listing, everybody, published, shown
from api.http.reader import Reader
from api.http.resources import Parameter
from ledger.systems.publicity.events import ExAnteItem
from ledger.systems.publicity.folds import DecidedAct, ExAnte
from projections.answers import fields_type
from projections.systems.publicity import Acts, AnnualStatistics, ExAntePublicity


def _ex_ante(fold: ExAnte, reader: Reader) -> dict[str, Any]:
    missing = [item for item in get_args(ExAnteItem) if item not in fold.items]
    return {"unit": fold.unit, "items": fold.items, "missing": missing}


def _act(fold: DecidedAct, reader: Reader) -> dict[str, Any]:
    document = shown(fold)
    if fold.stage == "withdrawn":
        # A withdrawn text is not shown to the public again; the trail keeps it.
        for name in ("summary", "redactions", "url"):
            document.pop(name, None)
    return document


_UNIT = Parameter("unit", str, "the unit")

RESOURCES = (
    *Listing(
        "/v1/ex-ante-publicity",
        ExAntePublicity,
        summary="What each unit has published in advance, and what is missing.",
        one="One unit: each published item with its address and digest, and the missing items.",
        seen=everybody,
        show=_ex_ante,
        returns=fields_type(ExAnte, "unit", "items", missing=list[ExAnteItem]),
    ).resources(),
    *Listing(
        "/v1/acts",
        Acts,
        summary="Licences and other acts that are not penalties: the published ones for everyone, "
        "the others for the unit, the business and supervisors.",
        one="One act: when it was decided, served and published, and its public text.",
        seen=published,
        show=_act,
        dates=("nullified_on",),
        filters=(
            _UNIT,
            Parameter("entity", str, "the business it concerns"),
            Parameter("kind", str, "the kind of act"),
            Parameter("stage", str, "decided, served, published or withdrawn"),
        ),
    ).resources(),
    *Listing(
        "/v1/annual-statistics",
        AnnualStatistics,
        summary="The yearly figures of the units: the published ones for everyone, those that "
        "are due for the unit and supervisors.",
        one="The figures of one unit for one year.",
        seen=published,
        numbers=("year",),
        newest="year",
        filters=(_UNIT, Parameter("year", int, "the year of the figures")),
    ).resources(),
)
