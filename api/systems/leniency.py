"""Leniency lists and statistics for everybody, their use for who is concerned, like cases."""

from __future__ import annotations

from typing import Any

from api.http.listing import Listing, concerned, everybody
from api.http.resources import Parameter
from api.http.tokens import Grant
from ledger.general.audiences import SUPERVISORS, UNIT_BOUND
from ledger.general.vocabulary import Role
from ledger.systems.leniency.folds import LeniencyLists
from projections.systems.leniency import (
    LeniencyApplications,
    LeniencyListsOfUnits,
    LeniencyStatistics,
    LikeCasesOfTypes,
)

#: Fines that are not public yet stand in it.
_AUTHORITIES: frozenset[Role] = frozenset({*UNIT_BOUND, *SUPERVISORS, "credit_officer"})


def _lists(lists: LeniencyLists, grant: Grant) -> dict[str, Any]:
    return {"unit": lists.unit, "versions": lists.versions}


RESOURCES = (
    *Listing(
        "/v1/leniency-lists",
        LeniencyListsOfUnits,
        "Lists of lenient, mitigated and exempt violations (两轻一免清单), by unit.",
        "Every version of a unit's list.",
        seen=everybody,
        show=_lists,
    ).resources(),
    *Listing(
        "/v1/leniency-statistics",
        LeniencyStatistics,
        "How often each unit applied its list, by year, outcome and item.",
        "How often one unit applied its list.",
        seen=everybody,
    ).resources(),
    *Listing(
        "/v1/leniency-applications",
        LeniencyApplications,
        "Cases in which leniency was applied, or the business taught: a unit's own, a business's.",
        "What was done for leniency in one case, with the evidence for each condition.",
        seen=concerned,
        filters=(
            Parameter("unit", str, "the unit whose case it is"),
            Parameter("entity", str, "the business it is against"),
            Parameter("outcome", str, "`lenient`, `mitigated` or `exempt`"),
        ),
    ).resources(),
    *Listing(
        "/v1/like-cases",
        LikeCasesOfTypes,
        "How like cases ended, by type of violation, beside the benchmarks.",
        "How the cases about one type of violation ended, by unit and step of the benchmark.",
        seen=everybody,
        roles=_AUTHORITIES,
    ).resources(),
)
