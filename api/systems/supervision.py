"""Documents that supervisors sent to units, and circulars to the public."""

from __future__ import annotations

import sqlalchemy as sa

from api.http.listing import Listing, Where, everybody
from api.http.reader import Reader
from api.http.resources import Parameter
from ledger.general.vocabulary import Role
from ledger.systems.supervision.events import SupDocKind
from projections.systems.supervision import Circulars, Proposals, SupervisionDocs

_OFFICES: frozenset[Role] = frozenset({"jb_supervisor", "rlo_assessor"})


def _not_about_oneself(reader: Reader, table: sa.Table) -> Where:
    """All proposals except those about the reader's own unit."""
    return [table.c.unit != reader.unit]


RESOURCES = (
    *Listing(
        "/v1/supervision-documents",
        SupervisionDocs,
        summary="Notices, opinions and decisions to units: a unit sees its own, supervisors all.",
        one="One document: its demands, the findings it names, and the unit's answer.",
        dates=("issued_on",),
        newest="issued_on",
        filters=(
            Parameter("unit", str, "the addressed unit"),
            Parameter("kind", SupDocKind, "notice, opinion or decision"),
            Parameter("stage", str, "issued, answered or withdrawn"),
        ),
    ).resources(),
    *Listing(
        "/v1/supervision-proposals",
        Proposals,
        summary="Documents proposed by the rule-of-law office, for it and the Justice Bureau.",
        one="One proposal: the document, the reasons, and the Justice Bureau's decision.",
        seen=_not_about_oneself,
        roles=_OFFICES,
        dates=("proposed_on",),
        newest="proposed_on",
        filters=(
            Parameter("unit", str, "the unit that the document would address"),
            Parameter("kind", SupDocKind, "notice, opinion or decision"),
            Parameter("stage", str, "proposed, followed or declined"),
        ),
    ).resources(),
    *Listing(
        "/v1/circulars",
        Circulars,
        summary="Circulars and typical cases, for everyone.",
        one="One circular: the units, the title and the text.",
        seen=everybody,
        dates=("issued_on",),
        newest="issued_on",
        filters=(Parameter("kind", str, "circular or typical_case"),),
    ).resources(),
)
