"""Reconsideration cases, for the parties and supervisors."""

from __future__ import annotations

from api.http.listing import Listing
from api.http.resources import Parameter
from ledger.systems.reconsideration.events import Outcome
from ledger.systems.reconsideration.folds import ReconCase, Stage
from projections.systems.reconsideration import ReconCases

#: Positions in the ledger, which are not part of a case.
_PLACES = tuple(n for n in ReconCase.__struct_fields__ if n.endswith("_at"))

RESOURCES = Listing(
    path="/v1/reconsiderations",
    view=ReconCases,
    summary="""Reconsideration cases, the latest applications first.

    A business reads cases about decisions against it, a unit cases about its own decisions.""",
    one="""One case: the disputed decision, the progress, the result and its execution.""",
    without=_PLACES,
    dates=(
        "applied_on",
        "accepted_on",
        "decided_on",
    ),
    newest="applied_on",
    filters=(
        Parameter("stage", Stage, "the current stage"),
        Parameter("outcome", Outcome, "the result"),
        Parameter("unit", str, "the respondent"),
        Parameter("organ", str, "the deciding organ"),
        Parameter("entity", str, "the business that the decision concerns"),
        Parameter("decision", str, "the disputed decision"),
        Parameter("matter", str, "the matter of the decision"),
    ),
).resources()
