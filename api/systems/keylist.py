"""Key lists for everybody; designated businesses for whom the policy ``key.unit_list`` names."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from api.http.listing import Listing, Where, everybody, shown
from api.http.resources import Parameter
from api.http.tokens import Grant
from ledger.general.audiences import SUPERVISORS, UNIT_BOUND
from ledger.systems.keylist.folds import KeyDesignation
from projections.systems.keylist import KeyDesignations, KeyLists

#: What the list of designated units says; the rest concerns the unit, the business, supervisors.
_LISTED = ("designation", "unit", "entity", "matters", "review_on", "ended_on", "stage")


def _designations(grant: Grant, table: sa.Table) -> Where:
    """Its unit, the business and supervisors see each; others as it was listed."""
    if grant.role in SUPERVISORS:
        return []
    if grant.role in UNIT_BOUND:
        return [sa.or_(table.c.unit == grant.unit, table.c.listed_as != "restricted")]
    if grant.role == "credit_officer":
        return [table.c.listed_as != "restricted"]
    if grant.role == "entity_rep" and grant.entity is not None:
        return [sa.or_(table.c.entity == grant.entity, table.c.listed_as == "public")]
    return [table.c.listed_as == "public"]


def _designation(given: KeyDesignation, grant: Grant) -> dict[str, Any]:
    said = shown(given, grant)
    concerned = (
        grant.role in SUPERVISORS
        or (grant.role in UNIT_BOUND and given.unit == grant.unit)
        or (grant.role == "entity_rep" and given.entity == grant.entity)
    )
    if concerned:
        return said
    return {name: value for name, value in said.items() if name in _LISTED}


RESOURCES = (
    *Listing(
        "/v1/key-lists",
        KeyLists,
        "The matters under key supervision, by domain, with the days until which they are.",
        "The matters of one key domain.",
        seen=everybody,
    ).resources(),
    *Listing(
        "/v1/key-designations",
        KeyDesignations,
        "Businesses under key supervision, for whom the policy `key.unit_list` lets read them.",
        "One designation: why, until when, and what guidance and visits there were.",
        seen=_designations,
        show=_designation,
        filters=(
            Parameter("unit", str, "the unit that designated it"),
            Parameter("entity", str, "the business"),
            Parameter("stage", str, "designated or ended"),
        ),
    ).resources(),
)
