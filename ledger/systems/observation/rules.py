"""Rules, findings and deadlines of inclusive-prudent supervision (2.6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ledger.kernel import DeadlineRule, Event, Reading, Recorded, Rule, finding_rule
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
    "Name which of the four new it is, and the national or provincial policy that it fits.",
)
OBS_R2 = Rule(
    "OBS-R2",
    "the observation period of {entity} for {activity} is refused: {reason}",
    _NOTICE_5,
    "Grant one period for each activity, of at most {max_months} months.",
    policy_key="observation.max_months",
)
OBS_R3 = Rule(
    "OBS-R3",
    "{entity} is under observation {observation} until {ends_on}, and nothing gentler was done "
    "about {issue}",
    _NOTICE_5,
    "Take a soft measure first, report the breach of a bottom line, or justify the penalty with a "
    "legal review (justify-penalty).",
)
OBS_R4 = Rule(
    "OBS-R4",
    "{issue} of {entity} breached the bottom line of {line}; a soft measure alone is no answer",
    f"{_NOTICE_5}: 守住质量和安全底线",
    "File the case first; a soft measure may stand beside it.",
)
OBS_V1 = finding_rule(
    "OBS-V1",
    "inaction",
    "an observation period was used to let high-risk conduct pass",
    f"{_NOTICE_5}; {_BUSINESS}",
    policy_key="observation.breach_wd",
)
OBS_V2 = finding_rule(
    "OBS-V2",
    "inaction",
    "soft measures were repeated on one issue without correction and without a next step",
    _NOTICE_5,
    policy_key="observation.soft_measures",
)


def _expired(ledger: Reading, opening: Recorded, due_on: date) -> Iterator[Event]:
    """留观期届满: a period that nobody ended or extended is over."""
    assert isinstance(opening.event, ObservationGranted | ObservationExtended)
    period = ledger.read(Observation(opening.event.observation))
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
#: The business's time to put things right: to let it pass is no finding against anybody.
CORRECTION = DeadlineRule(
    "observation.soft_measure",
    None,
    SoftMeasureTaken,
    (CorrectionVerified,),
    about=lambda event: f"soft-measure:{event.soft_measure}",
    ends=lambda event: event.response_due,
)


def require_gentleness_first(
    ledger: Reading, entity: str, issue: str, *, domain: str | None
) -> None:
    """Refuse to open a case inside a period in which nothing gentler was done (OBS-R3).

    ``domain``: of the matter that was broken, ``None`` if the case names none.
    """
    for period in ledger.read(ObservationsOf(entity)).running(ledger.on, domain):
        done = issue in period.justified or issue in ledger.read(Issues(entity)).measured
        ledger.require(
            done,
            OBS_R3,
            entity=entity,
            observation=period.observation,
            ends_on=period.ends_on,
            issue=issue,
        )
