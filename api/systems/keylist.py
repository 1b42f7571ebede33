"""Key lists, for everyone; designated businesses, for readers that policy `key.unit_list` names."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from api.http.listing import Listing, Where, everybody, shown
from api.http.resources import Parameter
from api.http.tokens import Grant
from ledger.general.audiences import SUPERVISORS, UNIT_BOUND
from ledger.systems.keylist.folds import KeyDesignation
from projections.systems.keylist import KeyDesignations, KeyLists

#: Fields of the published list; the others are for the unit, the business and supervisors.
_LISTED = ("designation", "unit", "entity", "matters", "review_on", "ended_on", "stage")


def _designations(grant: Grant, table: sa.Table) -> Where:
    """Its unit, the business and supervisors see every designation; others the listed fields."""
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
    document = shown(given, grant)
    concerned = (
        grant.role in SUPERVISORS
        or (grant.role in UNIT_BOUND and given.unit == grant.unit)
        or (grant.role == "entity_rep" and given.entity == grant.entity)
    )
    if concerned:
        return document
    return {name: value for name, value in document.items() if name in _LISTED}


RESOURCES = (
    *Listing(
        "/v1/key-lists",
        KeyLists,
        "The matters under key supervision, by domain, each with its last day.",
        "The matters of one key domain.",
        seen=everybody,
    ).resources(),
    *Listing(
        "/v1/key-designations",
        KeyDesignations,
        "Businesses under key supervision; the policy `key.unit_list` decides who may read them.",
        "One designation: its reason and last day, and the guidance and visits given.",
        seen=_designations,
        show=_designation,
        filters=(
            Parameter("unit", str, "the unit that designated it"),
            Parameter("entity", str, "the business"),
            Parameter("stage", str, "designated or ended"),
        ),
    ).resources(),
)
