"""What supervisors sent out: documents to units, and circulars to the public."""

from __future__ import annotations

import sqlalchemy as sa

from api.http.listing import Listing, Where, everybody
from api.http.resources import Parameter
from api.http.tokens import Grant
from ledger.general.vocabulary import Role
from ledger.systems.supervision.events import SupDocKind
from projections.systems.supervision import Circulars, Proposals, SupervisionDocs

_OFFICES: frozenset[Role] = frozenset({"jb_supervisor", "rlo_assessor"})


def _not_about_oneself(grant: Grant, table: sa.Table) -> Where:
    """All proposals but those about the reader's own unit."""
    return [table.c.unit != grant.unit]


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
        "/v1/supervision-proposals",
        Proposals,
        summary="Documents that the rule-of-law office proposed, for it and the Justice Bureau.",
        one="One proposal: the document, why, and what the Justice Bureau decided.",
        seen=_not_about_oneself,
        roles=_OFFICES,
        filters=(
            Parameter("unit", str, "the unit to which the document would go"),
            Parameter("kind", SupDocKind, "notice, opinion or decision"),
            Parameter("stage", str, "proposed, followed or declined"),
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
