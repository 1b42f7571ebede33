"""Everything that is answered from views and trails, and how the views are doing."""

from __future__ import annotations

from collections.abc import Mapping

from api.http.operations import MAX_LAG, Check, Readiness
from api.http.resources import Resource
from api.systems import (
    actcodes,
    approvals,
    assessment,
    burden,
    casefiles,
    catalogue,
    channels,
    complaints,
    deadlines,
    delegations,
    dishonesty,
    draws,
    entities,
    experience,
    findings,
    handovers,
    histories,
    inbox,
    joint,
    keylist,
    legalreview,
    leniency,
    observation,
    penalties,
    policies,
    process,
    progress,
    publicity,
    reconsideration,
    repair,
    screening,
    sharing,
    supervision,
    takeon,
    trails,
    workplans,
)
from projections.follower import Follower

_RESOURCES: tuple[Resource, ...] = (
    *actcodes.RESOURCES,
    *approvals.RESOURCES,
    *entities.RESOURCES,
    *trails.RESOURCES,
    *findings.RESOURCES,
    *deadlines.RESOURCES,
    *inbox.RESOURCES,
    *handovers.RESOURCES,
    *policies.RESOURCES,
    *catalogue.RESOURCES,
    *delegations.RESOURCES,
    *histories.RESOURCES,
    *experience.RESOURCES,
    *complaints.RESOURCES,
    *channels.RESOURCES,
    *reconsideration.RESOURCES,
    *observation.RESOURCES,
    *process.RESOURCES,
    *publicity.RESOURCES,
    *supervision.RESOURCES,
    *draws.RESOURCES,
    *screening.RESOURCES,
    *dishonesty.RESOURCES,
    *penalties.RESOURCES,
    *legalreview.RESOURCES,
    *leniency.RESOURCES,
    *joint.RESOURCES,
    *burden.RESOURCES,
    *keylist.RESOURCES,
    *repair.RESOURCES,
    *sharing.RESOURCES,
    *casefiles.RESOURCES,
    *progress.RESOURCES,
    *workplans.RESOURCES,
    *assessment.RESOURCES,
    *takeon.RESOURCES,
)
RESOURCES: tuple[Resource, ...] = histories.with_histories(_RESOURCES)


def readiness(follower: Follower, max_lag: int = MAX_LAG) -> Mapping[str, Check]:
    """How each view is doing, for /readyz and /metrics.

    A view is not ready that stopped at an event, whose database fails, or that is more than
    ``max_lag`` positions behind the ledger: it would answer from a past that is over.
    """

    def check(view: str) -> Check:
        def look() -> Readiness:
            (health,) = follower.health(view)
            at = f" at position {health.error_position}" if health.error_position else ""
            return Readiness(
                ready=health.state in ("following", "standby") and health.lag <= max_lag,
                # Without the error's words, which may quote the event: the log has them.
                detail=f"{health.state}{at}: {health.kind}" if health.kind else health.state,
                position=health.position,
                lag=health.lag,
            )

        return look

    return {name: check(name) for name in follower.views.views}


__all__ = ["RESOURCES", "readiness"]
