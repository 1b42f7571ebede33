"""Commitments and dishonesty: commitments, determinations, lists, incentives and sanctions."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from api.http.listing import Listing, everybody, published, shared, shown
from api.http.reader import Reader
from api.http.resources import Parameter
from ledger.systems.commitments.events import CommitmentType
from ledger.systems.dishonesty.events import MeasureCataloguePublished, SeriousListAdded
from ledger.systems.dishonesty.folds import (
    CriteriaVersion,
    Determination,
    Incentive,
    ListField,
    MeasureCatalogue,
    Sanction,
    SeriousListing,
)
from projections.answers import fields_type, shown_type
from projections.systems.commitments import Commitments, ShownCommitment, document
from projections.systems.dishonesty import (
    Determinations,
    Incentives,
    ListFields,
    MeasureCatalogues,
    Sanctions,
    SeriousList,
)

_ENTITY = Parameter("entity", str, "the business concerned")


class ShownCriteria(CriteriaVersion, kw_only=True):
    """A version of the criteria of a list, with its number."""

    version: int


_UNIT = Parameter("unit", str, "the unit that acted")


def _listing(listing: SeriousListing, reader: Reader) -> dict[str, Any]:
    """Return an entry of a list: business, date, document; the end, if the reader may see it."""
    added = listing.added
    document: dict[str, Any] = {} if added is None else msgspec.structs.asdict(added)
    if reader.is_public:
        document.pop("determination", None)
    elif listing.removed is not None:
        document["removed_on"] = listing.removed.removed_on
        document["removed_because"] = listing.removed.reason
    return document


def _field(field: ListField, reader: Reader) -> dict[str, Any]:
    """Return the criteria of a list in every version, and which versions were published."""
    return {
        "list_field": field.list_field,
        "unit": field.unit,
        "withdrawn_on": field.withdrawn_on,
        "versions": [
            {"version": number, **msgspec.structs.asdict(version)}
            for number, version in sorted(field.versions.items())
        ],
    }


def _catalogue(catalogue: MeasureCatalogue, reader: Reader) -> dict[str, Any]:
    """Return every version of the catalogue, newest first."""
    return {
        "measure_catalogue": catalogue.catalogue,
        "versions": [
            msgspec.structs.asdict(version)
            for version in sorted(catalogue.versions, key=lambda v: v.version, reverse=True)
        ],
    }


def _standing(fold: Any, reader: Reader) -> dict[str, Any]:
    """Return the fields of the fold that have a value, with its unit and business."""
    return {"entity": fold.entity, "unit": fold.unit, **shown(fold)}


LISTINGS = (
    Listing(
        "/v1/commitments",
        Commitments,
        "Credit commitments: the public ones for everyone, a business's own for the business too.",
        "One commitment: each obligation, its due day, and whether it was performed or breached.",
        seen=published,
        show=lambda commitment, reader: document(commitment),
        returns=ShownCommitment,
        dates=("made_on",),
        newest="made_on",
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
        "One determination: the notice, the defence, and the result.",
        show=_standing,
        returns=shown_type(Determination, entity=str, unit=str),
        filters=(_ENTITY, _UNIT, Parameter("stage", str, "the current stage")),
    ),
    Listing(
        "/v1/serious-list",
        SeriousList,
        "Businesses on a serious list; those concerned also see past entries.",
        "One list entry, by the credit record that it is based on.",
        seen=published,
        show=_listing,
        returns=shown_type(
            SeriousListAdded, called="ShownSeriousListing", removed_on=date, removed_because=str
        ),
        filters=(_ENTITY, _UNIT, Parameter("list_field", str, "the field of the list")),
    ),
    Listing(
        "/v1/list-fields",
        ListFields,
        "The fields in which serious lists exist or are proposed.",
        "One field: its criteria in every version, proposed and published.",
        seen=everybody,
        show=_field,
        returns=fields_type(
            ListField, "list_field", "unit", "withdrawn_on", versions=list[ShownCriteria]
        ),
        filters=(_UNIT,),
    ),
    Listing(
        "/v1/measure-catalogues",
        MeasureCatalogues,
        "The catalogue of incentives and sanctions.",
        "The catalogue in every version: each measure with its legal basis and limits.",
        seen=everybody,
        show=_catalogue,
        returns=fields_type(
            MeasureCatalogue,
            measure_catalogue=str,
            versions=list[MeasureCataloguePublished],
        ),
    ),
    Listing(
        "/v1/sanctions",
        Sanctions,
        "Sanctions, shared among the authorities; a business sees its own.",
        "One sanction: the measure, the record it is based on, and whether it was lifted.",
        seen=shared,
        show=_standing,
        returns=shown_type(Sanction, entity=str, unit=str),
        filters=(
            _ENTITY,
            _UNIT,
            Parameter("record", str, "the credit record it is based on"),
            Parameter("measure", str, "the measure of the catalogue"),
            Parameter("alive", bool, "whether it is in force, not lifted"),
        ),
    ),
    Listing(
        "/v1/incentives",
        Incentives,
        "Incentives, shared among the authorities; a business sees its own.",
        "One incentive: when it was promised, granted and ended.",
        seen=shared,
        show=_standing,
        returns=shown_type(Incentive, entity=str, unit=str),
        filters=(
            _ENTITY,
            _UNIT,
            Parameter("measure", str, "the measure of the catalogue"),
            Parameter("stage", str, "promised, granted or ended"),
        ),
    ),
)

RESOURCES = tuple(resource for listing in LISTINGS for resource in listing.resources())
