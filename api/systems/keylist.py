"""Key lists, for everyone; designated businesses, for readers that policy `key.unit_list` names."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from api.http.listing import Listing, Where, everybody, shown
from api.http.reader import Reader
from api.http.resources import Parameter
from ledger.general.audiences import SUPERVISORS
from ledger.systems.keylist.folds import KeyDesignation
from projections.systems.keylist import KeyDesignations, KeyLists

#: Fields of the published list; the others are for the unit, the business and supervisors.
_LISTED = ("designation", "unit", "entity", "matters", "review_on", "ended_on", "stage")


def _designations(reader: Reader, table: sa.Table) -> Where:
    """Its unit, the business and supervisors see every designation; others the listed fields."""
    if reader.role in SUPERVISORS:
        return []
    if reader.in_unit:
        return [sa.or_(table.c.unit == reader.unit, table.c.listed_as != "restricted")]
    if reader.role == "credit_officer":
        return [table.c.listed_as != "restricted"]
    if reader.role == "entity_rep" and reader.entity is not None:
        return [sa.or_(table.c.entity == reader.entity, table.c.listed_as == "public")]
    return [table.c.listed_as == "public"]


def _designation(given: KeyDesignation, reader: Reader) -> dict[str, Any]:
    document = shown(given)
    concerned = (
        reader.role in SUPERVISORS
        or reader.is_of(given.unit)
        or (reader.role == "entity_rep" and given.entity == reader.entity)
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
        dates=("review_on",),
        filters=(
            Parameter("unit", str, "the unit that designated it"),
            Parameter("entity", str, "the business"),
            Parameter("stage", str, "designated or ended"),
        ),
    ).resources(),
)
