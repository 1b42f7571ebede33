"""Reconsideration cases, read by the parties and by supervisors."""

from __future__ import annotations

from typing import Any

from api.http.listing import Listing, shown
from api.http.resources import Parameter
from api.http.tokens import Grant
from ledger.systems.reconsideration.events import Outcome
from ledger.systems.reconsideration.folds import ReconCase, Stage
from projections.systems.reconsideration import ReconCases


def _shown(case: ReconCase, grant: Grant) -> dict[str, Any]:
    """Where something stands in the ledger is no part of a case."""
    return {k: v for k, v in shown(case, grant).items() if not k.endswith("_at")}


RESOURCES = Listing(
    path="/v1/reconsiderations",
    view=ReconCases,
    summary="""Reconsideration cases, by their id.

    A business reads those about decisions against it, a unit those about its own decisions.""",
    one="""One case: the decision disputed, how far it has come, what was decided and done.""",
    show=_shown,
    filters=(
        Parameter("stage", Stage, "how far it has come"),
        Parameter("outcome", Outcome, "what was decided"),
        Parameter("unit", str, "the respondent"),
        Parameter("organ", str, "the organ that decides it"),
        Parameter("entity", str, "the business that the decision concerns"),
        Parameter("decision", str, "the decision that is disputed"),
        Parameter("matter", str, "the matter of the decision"),
    ),
).resources()
