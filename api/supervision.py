"""What supervisors sent out: documents to units, and circulars to the public."""

from __future__ import annotations

from api.listing import Listing, everybody
from api.resources import Parameter
from ledger.supervision.events import SupDocKind
from projections.supervision import Circulars, SupervisionDocs

RESOURCES = (
    *Listing(
        "/v1/supervision-documents",
        SupervisionDocs,
        summary="Notices, opinions and decisions to units: a unit's own for the unit, all for "
        "supervisors.",
        one="One document: what it demands, the findings it names, and the unit's answer.",
        filters=(
            Parameter("unit", str, "the unit it was sent to"),
            Parameter("kind", SupDocKind, "notice, opinion or decision"),
            Parameter("stage", str, "issued, answered or withdrawn"),
        ),
    ).resources(),
    *Listing(
        "/v1/circulars",
        Circulars,
        summary="Circulars and typical cases, for everybody.",
        one="One circular: the units, the title and the text.",
        seen=everybody,
        filters=(Parameter("kind", str, "circular or typical_case"),),
    ).resources(),
)
