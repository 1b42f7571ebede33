"""Leniency lists and statistics for everyone, their use for those concerned, similar cases."""

from __future__ import annotations

from api.http.listing import Listing, concerned, everybody
from api.http.reader import AUTHORITIES
from api.http.resources import Parameter
from ledger.systems.penalties.events import Leniency
from projections.systems.leniency import (
    LeniencyApplications,
    LeniencyListsOfUnits,
    LeniencyStatistics,
    LikeCasesOfTypes,
    ShownLeniencyUse,
    ShownLikeCases,
)

RESOURCES = (
    *Listing(
        "/v1/leniency-lists",
        LeniencyListsOfUnits,
        "Lists of lenient, mitigated and exempt violations (两轻一免清单), by unit.",
        "Every version of a unit's list.",
        seen=everybody,
        only=("unit", "versions"),
    ).resources(),
    *Listing(
        "/v1/leniency-statistics",
        LeniencyStatistics,
        "How often each unit applied its list, by year, outcome and item.",
        "How often one unit applied its list.",
        seen=everybody,
        returns=ShownLeniencyUse,
    ).resources(),
    *Listing(
        "/v1/leniency-applications",
        LeniencyApplications,
        "Cases with leniency or education instead of a penalty; parties see their own.",
        "The leniency applied in one case, with the evidence for each condition.",
        seen=concerned,
        filters=(
            Parameter("unit", str, "the unit of the case"),
            Parameter("entity", str, "the business of the case"),
            Parameter("outcome", str, "`lenient`, `mitigated` or `exempt`", values=Leniency),
        ),
    ).resources(),
    *Listing(
        "/v1/like-cases",
        LikeCasesOfTypes,
        "The outcomes of similar cases, by type of violation, with the benchmarks.",
        "The outcomes of the cases of one type of violation, by unit and step of the benchmark.",
        seen=everybody,
        returns=ShownLikeCases,
        roles=AUTHORITIES,  # similar cases contain fines that are not public yet
    ).resources(),
)
