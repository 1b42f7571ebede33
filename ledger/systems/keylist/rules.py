"""Rules, findings and deadlines of the key-supervision list (2.5)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from ledger.general.findings import finding
from ledger.kernel import DeadlineRule, Event, Recorded, Rule, finding_rule
from ledger.systems.filing.folds import VisitsMade
from ledger.systems.grading.folds import CreditGrade
from ledger.systems.keylist.events import (
    KeyDesignationEnded,
    KeyDesignationReviewed,
    KeyUnitDesignated,
    TrackingVisitLogged,
)

_NOTICE_4 = "《兰州新区规范行政执法行为优化法治化营商环境实施意见》任务四"

KEY_R1 = Rule(
    "KEY-R1",
    "{subject} cannot be under key supervision: {reason}",
    f"{_NOTICE_4}: 重点领域",
    "The key domains are {domains}; first put the matter on the list of its domain.",
)
KEY_R2 = Rule(
    "KEY-R2",
    "the key list of {domain} may have at most {cap} matters; it has {listed}",
    f"{_NOTICE_4}: 严格控制重点监管事项数量",
    "First take a matter off the list, which has {matters}.",
    policy_key="key.max_matters",
)
KEY_R3 = Rule(
    "KEY-R3",
    "key supervision must have a risk assessment and a day of review: {reason}",
    _NOTICE_4,
    "Name the risk assessment and the day of review, which must not be later than {latest}.",
    policy_key="key.review_months",
)
KEY_R4 = Rule(
    "KEY-R4",
    "{entity} must be notified before it is put under key supervision",
    f"{_NOTICE_4}; 行政处罚法 Art. 5 公开",
    "Notify the business first; then give the number and the day of the notice.",
)
KEY_R5 = Rule(
    "KEY-R5",
    "{subject} cannot be renewed without a review: {reason}",
    _NOTICE_4,
    "{hint}",
)
KEY_R6 = Rule(
    "KEY-R6",
    "the designation of {entity} must have a reason or a screening",
    f"{_NOTICE_4}: 筛选确定重点监管对象",
    "Give the reason, or name the screening that ranks the business (run).",
)
KEY_V1 = finding_rule(
    "KEY-V1", "arbitrary", "a business was visited under a lapsed key designation", _NOTICE_4
)
KEY_V2 = finding_rule(
    "KEY-V2",
    "arbitrary",
    "a business under key supervision was followed up but never guided",
    f"{_NOTICE_4}: 跟踪监管、直接指导",
)
KEY_V3 = finding_rule(
    "KEY-V3",
    "inaction",
    "a business of grade C or D under key supervision was never visited",
    f"{_NOTICE_4}: 跟踪监管",
)
KEY_V4 = finding_rule(
    "KEY-V4",
    "selective",
    "a business was designated after a screening, and businesses with better ranks were passed "
    "over without a reason",
    f"{_NOTICE_4}: 筛选确定重点监管对象",
    policy_key="key.screening_formula",
)

#: Grades at which key supervision without a visit is inaction (KEY-V3).
_VISITED_GRADES = ("C", "D")


def _about(event: Any) -> str:
    return f"designation:{event.designation}"


def _next(event: KeyDesignationReviewed) -> str | None:
    return None if event.review_on is None else _about(event)


def _unvisited(ledger: Any, opening: Recorded, due_on: date) -> Iterator[Event]:
    """Yield KEY-V3 if a business of grade C or D was neither followed up nor inspected.

    The grade on the due day decides. A designation taken on from an older system is left out,
    because the visits recorded there are unknown here.
    """
    event: Any = opening.event
    if opening.opening is not None:
        return
    grade = ledger.read(CreditGrade(event.entity)).on(due_on)
    made = ledger.read(VisitsMade(event.entity, event.unit)).days
    if grade in _VISITED_GRADES and not any(opening.occurred_on <= d <= due_on for d in made):
        yield finding(
            ledger,
            KEY_V3,
            unit=event.unit,
            entity=event.entity,
            evidence=(opening.position,),
            designation=event.designation,
            grade=grade,
            until=due_on.isoformat(),
        )


#: A designation must be reviewed by its ``review_on``, and again by that of each review.
REVIEW = DeadlineRule(
    "key.review",
    None,
    KeyUnitDesignated,
    (KeyDesignationReviewed, KeyDesignationEnded),
    about=_about,
    ends=lambda event: event.review_on,
)
REVIEW_AGAIN = DeadlineRule(
    "key.review.again",
    None,
    KeyDesignationReviewed,
    (KeyDesignationReviewed, KeyDesignationEnded),
    about=_next,
    ends=lambda event: event.review_on,
)
#: A visit is due only for grade C or D on the last day, so this deadline lapses for other grades.
FOLLOW_UP = DeadlineRule(
    "key.follow_up",
    None,
    KeyUnitDesignated,
    (TrackingVisitLogged, KeyDesignationEnded),
    about=_about,
    ends=lambda event: event.review_on,
    lapses=True,
    follows=_unvisited,
)
FOLLOW_UP_AGAIN = DeadlineRule(
    "key.follow_up.again",
    None,
    KeyDesignationReviewed,
    (TrackingVisitLogged, KeyDesignationEnded),
    about=_next,
    ends=lambda event: event.review_on,
    lapses=True,
    follows=_unvisited,
)
