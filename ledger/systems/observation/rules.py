"""Rules, findings and deadlines of inclusive-prudent supervision (2.6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ledger.kernel import DeadlineRule, Event, Inquiry, Recorded, Rule, finding_rule
from ledger.systems.observation.events import (
    CorrectionVerified,
    ObservationExpired,
    ObservationExtended,
    ObservationGranted,
    ObservationTerminated,
    SoftMeasureTaken,
)
from ledger.systems.observation.folds import Issues, Observation, ObservationsOf

_NOTICE_5 = "《兰州新区规范行政执法行为优化法治化营商环境实施意见》任务五"
_BUSINESS = "《优化营商环境条例》Art. 55"

OBS_R1 = Rule(
    "OBS-R1",
    "{activity} cannot be given an observation period: {reason}",
    f"{_NOTICE_5}; {_BUSINESS}",
    "Name the kind of new activity (四新) and the national or provincial policy that it fits.",
)
OBS_R2 = Rule(
    "OBS-R2",
    "{entity} cannot be given this observation period for {activity}: {reason}",
    _NOTICE_5,
    "Grant only one period for each activity, of at most {max_months} months.",
    policy_key="observation.max_months",
)
OBS_R3 = Rule(
    "OBS-R3",
    "{entity} is under observation{which} until {ends_on}, and nothing gentler was done "
    "about {issue}",
    _NOTICE_5,
    "Take a soft measure first, report the breach of a bottom line, or justify the penalty with a "
    "legal review (justify-penalty).",
)
OBS_R4 = Rule(
    "OBS-R4",
    "{issue} of {entity} breached the bottom line of {line}, so a soft measure alone is not enough",
    f"{_NOTICE_5}: 守住质量和安全底线",
    "File the case first; then a soft measure may be added.",
)
OBS_V1 = finding_rule(
    "OBS-V1",
    "inaction",
    "high-risk conduct in an observation period was not followed up",
    f"{_NOTICE_5}; {_BUSINESS}",
    policy_key="observation.breach_wd",
)
OBS_V2 = finding_rule(
    "OBS-V2",
    "inaction",
    "soft measures on one issue were repeated although it was neither corrected nor escalated",
    _NOTICE_5,
    policy_key="observation.soft_measures",
)


def _expired(inquiry: Inquiry, opening: Recorded, due_on: date) -> Iterator[Event]:
    """Record that a period expired which was neither ended nor extended."""
    assert isinstance(opening.event, ObservationGranted | ObservationExtended)
    period = inquiry.read(Observation(opening.event.observation))
    if period.stage == "granted":
        yield ObservationExpired(
            observation=period.observation,
            entity=period.entity,
            unit=period.unit,
            expired_on=due_on,
        )


END_OF_PERIOD = DeadlineRule(
    "observation.end",
    None,
    ObservationGranted,
    (ObservationTerminated, ObservationExtended),
    about=lambda event: f"observation:{event.observation}",
    ends=lambda event: event.ends_on,
    lapses=True,
    follows=_expired,
)
END_OF_EXTENSION = DeadlineRule(
    "observation.end.extended",
    None,
    ObservationExtended,
    (ObservationTerminated, ObservationExtended),
    about=lambda event: f"observation:{event.observation}",
    ends=lambda event: event.ends_on,
    lapses=True,
    follows=_expired,
)
#: The time in which the business must correct the issue. Missing it does not raise a finding,
#: because findings are about authorities.
CORRECTION = DeadlineRule(
    "observation.soft_measure",
    None,
    SoftMeasureTaken,
    (CorrectionVerified,),
    about=lambda event: f"soft-measure:{event.soft_measure}",
    ends=lambda event: event.response_due,
)


def require_gentleness_first(
    inquiry: Inquiry, entity: str, issue: str, *, domain: str | None
) -> None:
    """Refuse to file a case within an observation period without a soft measure (OBS-R3).

    ``domain`` is the domain of the matter; ``None`` if the case does not name a matter.
    """
    for period in inquiry.read(ObservationsOf(entity)).running(inquiry.on, domain):
        done = issue in period.justified or issue in inquiry.read(Issues(entity)).measured
        known = inquiry.may_know("observation", period.observation)
        inquiry.require(
            done,
            OBS_R3,
            told=not known,
            entity=entity,
            which=f" {period.observation}" if known else "",
            **({"observation": period.observation} if known else {}),
            ends_on=period.ends_on,
            issue=issue,
        )
