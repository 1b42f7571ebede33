"""Commitments and dishonesty: what was promised, determined, listed, granted and imposed."""

from __future__ import annotations

from typing import Any

import msgspec

from api.http.asking import PUBLIC
from api.http.listing import Listing, everybody, published, shared, shown
from api.http.resources import Parameter
from api.http.tokens import Grant
from ledger.systems.commitments.events import CommitmentType
from ledger.systems.commitments.folds import Commitment
from ledger.systems.dishonesty.folds import ListField, MeasureCatalogue, SeriousListing
from projections.systems.commitments import Commitments, document
from projections.systems.dishonesty import (
    Determinations,
    Incentives,
    ListFields,
    MeasureCatalogues,
    Sanctions,
    SeriousList,
)

_ENTITY = Parameter("entity", str, "the business concerned")
_UNIT = Parameter("unit", str, "the unit that acts")


def _commitment(commitment: Commitment, grant: Grant) -> dict[str, Any]:
    return document(commitment)


def _listing(listing: SeriousListing, grant: Grant) -> dict[str, Any]:
    """Who is on the list, since when, by which document; the end for whoever may read of it."""
    added = listing.added
    said: dict[str, Any] = {} if added is None else msgspec.structs.asdict(added)
    if grant.role in PUBLIC:
        said.pop("determination", None)
    elif listing.removed is not None:
        said["removed_on"] = listing.removed.removed_on
        said["removed_because"] = listing.removed.reason
    return said


def _field(field: ListField, grant: Grant) -> dict[str, Any]:
    """The criteria of a list, version by version, and which of them were published."""
    return {
        "list_field": field.list_field,
        "unit": field.unit,
        "withdrawn_on": field.withdrawn_on,
        "versions": [
            {"version": number, **msgspec.structs.asdict(version)}
            for number, version in sorted(field.versions.items())
        ],
    }


def _catalogue(catalogue: MeasureCatalogue, grant: Grant) -> dict[str, Any]:
    """Every version of the catalogue, newest first."""
    return {
        "measure_catalogue": catalogue.catalogue,
        "versions": [
            msgspec.structs.asdict(version)
            for version in sorted(catalogue.versions, key=lambda v: v.version, reverse=True)
        ],
    }


def _standing(fold: Any, grant: Grant) -> dict[str, Any]:
    """Whatever the fold says, with whose it is."""
    return {"entity": fold.entity, "unit": fold.unit, **shown(fold, grant)}


LISTINGS = (
    Listing(
        "/v1/commitments",
        Commitments,
        "Credit commitments: the public ones for everybody, one's own beside.",
        "One commitment: each obligation, its day, and whether it was performed or breached.",
        seen=published,
        show=_commitment,
        filters=(
            _ENTITY,
            _UNIT,
            Parameter("type", CommitmentType, "the type of commitment"),
            Parameter("stage", str, "open, fulfilled or breached"),
        ),
    ),
    Listing(
        "/v1/determinations",
        Determinations,
        "Determinations of dishonesty, from their notice on.",
        "One determination: the notice, the defence, what was determined.",
        show=_standing,
        filters=(_ENTITY, _UNIT, Parameter("stage", str, "how far it has come")),
    ),
    Listing(
        "/v1/serious-list",
        SeriousList,
        "Who is on a serious list now; who was, for whoever is concerned.",
        "One listing, by the credit record on which it stands.",
        seen=published,
        show=_listing,
        filters=(_ENTITY, _UNIT, Parameter("list_field", str, "the field of the list")),
    ),
    Listing(
        "/v1/list-fields",
        ListFields,
        "The fields in which there are serious lists, or are to be.",
        "One field: its criteria in every version, proposed and published.",
        seen=everybody,
        show=_field,
        filters=(_UNIT,),
    ),
    Listing(
        "/v1/measure-catalogues",
        MeasureCatalogues,
        "The catalogue of incentives and sanctions.",
        "The catalogue in every version: measure by measure, its basis and limits.",
        seen=everybody,
        show=_catalogue,
    ),
    Listing(
        "/v1/sanctions",
        Sanctions,
        "Sanctions, shared among the authorities; a business sees its own.",
        "One sanction: what it is, on which record it rests, and whether it was lifted.",
        seen=shared,
        show=_standing,
        filters=(
            _ENTITY,
            _UNIT,
            Parameter("record", str, "the credit record on which it rests"),
            Parameter("measure", str, "the measure of the catalogue"),
            Parameter("alive", bool, "whether it is not lifted"),
        ),
    ),
    Listing(
        "/v1/incentives",
        Incentives,
        "Incentives, shared among the authorities; a business sees its own.",
        "One incentive: promised, granted, ended.",
        seen=shared,
        show=_standing,
        filters=(
            _ENTITY,
            _UNIT,
            Parameter("measure", str, "the measure of the catalogue"),
            Parameter("stage", str, "promised, granted or ended"),
        ),
    ),
)

RESOURCES = tuple(resource for listing in LISTINGS for resource in listing.resources())
