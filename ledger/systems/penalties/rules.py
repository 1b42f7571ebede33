"""Rules, findings and deadlines of penalty cases, decisions and their publicity (2.8)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, get_args

import msgspec
from stdnum.cn import uscc

from ledger.general.values import Sector, Severity
from ledger.general.vocabulary import check_entity
from ledger.kernel import (
    DeadlineRule,
    Due,
    Event,
    Inquiry,
    Malformed,
    Message,
    Recorded,
    Rule,
    finding_rule,
    message,
)
from ledger.systems.corrections.events import UNDOING, DecisionAltered
from ledger.systems.corrections.folds import as_it_reads
from ledger.systems.penalties.events import (
    CaseClosed,
    CaseFiled,
    DataSource,
    DecisionPublished,
    EnforcementApplied,
    EvidenceAdded,
    EvidenceDisposed,
    FinePaid,
    HearingRequested,
    Licence,
    PaymentDeferred,
    Penalty,
    PenaltyContent,
    PenaltyDecided,
    PenaltyServed,
    PenaltyType,
    PriorNoticeServed,
    Procedure,
    SeizureExtended,
)
from ledger.systems.penalties.folds import PAY_ALTERED_ELSEWHERE_RULE, PAY_ALTERED_RULE, PAY_RULE
from ledger.systems.reconsideration.events import ReconDecisionServed

_PENALTY = "行政处罚法"
_THREE_SYSTEMS = "国办发〔2018〕118号《关于全面推行行政执法公示制度…的指导意见》"

PEN_R1 = Rule(
    "PEN-R1",
    "case {case} cannot be decided: {reason}",
    f"{_PENALTY} Arts. 44, 45, 62, 63, 64",
    "First serve the prior notice of exactly this penalty; then hear the business, or record that "
    "it waived its right; and hold the hearing if the business requested one in time.",
    policy_key="penalty.hearing",
)
PEN_R2 = Rule(
    "PEN-R2",
    "the act of case {case} was already fined by decision {decision} of {unit}",
    f"{_PENALTY} Art. 29 一事不二罚",
    "Decide without a fine, or have the other decision undone first. If the case is about a "
    "different act, file it with the act, the days or the place that tell the two acts apart.",
)
PEN_R3 = Rule(
    "PEN-R3",
    "after a defence, the penalty must not be heavier than in the prior notice: {reason}",
    f"{_PENALTY} Art. 45",
    "Decide on a penalty that is not heavier than in the notice; if new evidence justifies a "
    "heavier one, serve a new notice first.",
)
PEN_R4 = Rule(
    "PEN-R4",
    "the act ended on {last_on} and was discovered on {discovered_on}, after the limit {limit}",
    f"{_PENALTY} Art. 36",
    "Close the case for limitation; the limit of five years applies only to harm to life, health "
    "or financial safety.",
    policy_key="penalty.limitation",
)
PEN_R5 = Rule(
    "PEN-R5",
    "a penalty on the spot for a {party} must be a warning or a fine of at most {max_fen} fen: "
    "{reason}",
    f"{_PENALTY} Art. 51",
    "File a case of the ordinary procedure.",
    policy_key="penalty.summary_max",
)
PEN_R6 = Rule(
    "PEN-R6",
    "decision {decision} cannot be served without the repair notice",
    "国办发〔2025〕22号: 两书同达",
    "Serve the notice on credit repair together with the decision, and send repair_notice as true.",
)
PEN_R7 = Rule(
    "PEN-R7",
    "a penalty of {types} with a fine of {fine_fen} fen must be classed as {severity}, not {given}",
    "国家发展改革委令第36号; 国办发〔2025〕22号: 失信信息分类",
    "Class it as {severity}; for a lower class, give its legal basis in severity_basis.",
    policy_key="severity.map",
)
PUB_R1 = Rule(
    "PUB-R1",
    "the public text contains {what}",
    f"{_PENALTY} Art. 50; {_THREE_SYSTEMS}; 个人信息保护法",
    "Redact it, and list in redactions the kinds of content that were left out.",
)
PUB_R2 = Rule(
    "PUB-R2",
    "decision {decision} has not been served",
    f"{_PENALTY} Arts. 48, 61",
    "Serve the decision on the business before publishing it.",
)
PUB_V1 = finding_rule(
    "PUB-V1",
    "late_publicity",
    "a decision was not published in time",
    f"{_PENALTY} Art. 48; {_THREE_SYSTEMS}",
    policy_key="publicity.penalty_wd",
)
PUB_V2 = finding_rule(
    "PUB-V2",
    "late_publicity",
    "a nullified decision was not withdrawn in time",
    f"{_PENALTY} Arts. 48, 85",
    policy_key="publicity.withdraw_wd",
)


def _decided_on(record: Recorded) -> date:
    assert isinstance(record.event, PenaltyDecided)
    return record.event.decided_on


PUBLISH_DECISION = DeadlineRule(
    "publicity.penalty_wd",
    "publicity.penalty_wd",
    PenaltyDecided,
    (DecisionPublished, DecisionAltered, *UNDOING),
    about=lambda event: f"decision:{event.decision}",
    start=_decided_on,
    finding=PUB_V1,
)
SERVE_DECISION = DeadlineRule(
    "penalty.serve_wd",
    "penalty.serve_wd",
    PenaltyDecided,
    (PenaltyServed, *UNDOING),
    about=lambda event: f"decision:{event.decision}",
    start=_decided_on,
)


def _filed_on(record: Recorded) -> date:
    assert isinstance(record.event, CaseFiled)
    return record.event.filed_on


DECIDE_CASE = DeadlineRule(
    "penalty.decide_cd",
    "penalty.decide_cd",
    CaseFiled,
    (PenaltyDecided, CaseClosed),
    about=lambda event: f"case:{event.case}",
    start=_filed_on,
)
#: No duty ends on this day: the right of the business to request a hearing lapses.
REQUEST_HEARING = DeadlineRule(
    "penalty.hearing.request",
    "penalty.hearing",
    PriorNoticeServed,
    (HearingRequested,),
    about=lambda event: f"case:{event.case}" if event.hearing_right else None,
    part="request_wd",
    lapses=True,
)
#: A decision that is altered before its publication is published in the altered version.
PUBLISH_ALTERED_ELSEWHERE = DeadlineRule(
    "publicity.penalty_wd.altered_elsewhere",
    "publicity.penalty_wd",
    DecisionAltered,
    (DecisionPublished, DecisionAltered, *UNDOING),
    about=lambda event: (
        f"decision:{event.decision}" if event.content is not None and event.recon is None else None
    ),
    start=lambda record: record.event.effective_on,  # type: ignore[attr-defined]
    finding=PUB_V1,
)
_PAID: tuple[type[Event], ...] = (
    FinePaid,
    PaymentDeferred,
    EnforcementApplied,
    DecisionAltered,
    *UNDOING,
)
#: Paying a part of the fine does not end this deadline. An altered fine has its own deadline.
PAY = DeadlineRule(
    PAY_RULE,
    "penalty.pay_cd",
    PenaltyServed,
    _PAID,
    about=lambda event: f"decision:{event.decision}" if event.fine_fen else None,
)
PAY_ALTERED = DeadlineRule(
    PAY_ALTERED_RULE,
    "penalty.pay_cd",
    ReconDecisionServed,
    _PAID,
    about=lambda event: f"decision:{event.decision}" if event.altered and event.fine_fen else None,
    start=lambda record: record.event.served_on,  # type: ignore[attr-defined]
)
PAY_ALTERED_ELSEWHERE = DeadlineRule(
    PAY_ALTERED_ELSEWHERE_RULE,
    "penalty.pay_cd",
    DecisionAltered,
    _PAID,
    about=lambda event: (
        f"decision:{event.decision}"
        if event.recon is None and event.content is not None and event.content.fine_fen
        else None
    ),
    start=lambda record: record.event.effective_on,  # type: ignore[attr-defined]
)
PAY_DEFERRED = DeadlineRule(
    "penalty.pay.deferred",
    None,
    PaymentDeferred,
    _PAID,
    about=lambda event: f"decision:{event.decision}",
    ends=lambda event: event.until,
)
END_REGISTRATION = DeadlineRule(
    "evidence.advance_registration",
    "evidence.advance_registration",
    EvidenceAdded,
    (EvidenceDisposed,),
    about=lambda event: (
        f"evidence:{event.evidence}" if event.measure == "advance_registration" else None
    ),
)
END_SEIZURE = DeadlineRule(
    "seizure.max_cd",
    "seizure.max_cd",
    EvidenceAdded,
    (EvidenceDisposed, SeizureExtended),
    about=lambda event: f"evidence:{event.evidence}" if event.measure == "seizure" else None,
)
#: An object registered in advance may be seized when the registration ends, and is then still held.
END_LATER_SEIZURE = DeadlineRule(
    "seizure.max_cd.registered",
    "seizure.max_cd",
    EvidenceDisposed,
    (EvidenceDisposed, SeizureExtended),
    about=lambda event: f"evidence:{event.evidence}" if event.disposal == "seized" else None,
)


def _first_due_on(record: Recorded) -> date:
    assert isinstance(record.event, SeizureExtended)
    return record.event.first_due_on


END_EXTENDED_SEIZURE = DeadlineRule(
    "seizure.extend_cd",
    "seizure.extend_cd",
    SeizureExtended,
    (EvidenceDisposed,),
    about=lambda event: f"evidence:{event.evidence}",
    start=_first_due_on,
)

#: How grave a kind of penalty is: the number of its item in 行政处罚法 Art. 9. A kind without an
#: item counts as the gravest.
_GRAVITY: dict[PenaltyType, int] = {
    "warning": 1,
    "circular_criticism": 1,
    "fine": 2,
    "confiscation": 2,
    "licence_suspension": 3,
    "qualification_lowered": 3,
    "licence_revocation": 4,
    "activity_restriction": 4,
    "suspension_of_business": 4,
    "closure_order": 5,
    "occupation_ban": 5,
    "detention": 6,
    "other": 7,
}

#: The business may request a hearing before these kinds (Art. 63), and before a large fine.
HEARING_TYPES: frozenset[PenaltyType] = frozenset(
    {
        "qualification_lowered",
        "licence_revocation",
        "suspension_of_business",
        "closure_order",
        "occupation_ban",
    }
)

#: A decision with only these kinds is fully carried out when its fine is paid.
ONLY_MONEY: frozenset[PenaltyType] = frozenset({"warning", "circular_criticism", "fine"})


def due(inquiry: Inquiry, rule: DeadlineRule, opened_at: int) -> Due:
    """Return when the deadline opened at a position falls due, with corrections of that record."""
    return inquiry.due(rule, as_it_reads(inquiry, inquiry.opening(opened_at)))


def heavier(before: Penalty, decided: Penalty) -> Message | None:
    """Return how ``decided`` is heavier than the notice or draft ``before``, or ``None``.

    A new kind is not heavier if it replaces a graver kind.
    """
    if "fine" in before.types and decided.fine_fen > before.fine_fen:
        return message(
            "penalties.fine-fen-instead", fine_fen=decided.fine_fen, before_fine_fen=before.fine_fen
        )
    added = _added(before, decided)
    return None if added is None else message("penalties.added", added=added)


def _added(before: Penalty, after: Penalty) -> PenaltyType | None:
    """Return an added kind that does not replace a kind at least as grave, or ``None``."""
    left_out = {kind for kind in before.types if kind not in after.types}
    gravest = max((_GRAVITY[kind] for kind in left_out), default=0)
    added = (kind for kind in after.types if kind not in before.types)
    return next((kind for kind in added if _GRAVITY[kind] >= gravest), None)


def worse(before: PenaltyContent, after: PenaltyContent) -> Message | None:
    """Return how the content ``after`` is heavier than ``before``, or ``None`` (RCN-R3).

    The gravest kind is compared first (行政处罚法 Art. 9), then the amount; revoking a licence is
    heavier than any fine. If these are equal, a content is heavier when it adds a kind that does
    not replace one at least as grave, or when its class is graver.
    """
    gravest_before, gravest = (max(_GRAVITY[kind] for kind in c.types) for c in (before, after))
    if gravest != gravest_before:
        if gravest > gravest_before:
            return message("penalties.instead", types=after.types, before_types=before.types)
    elif after.fine_fen > before.fine_fen:
        return message(
            "penalties.fine-fen-instead", fine_fen=after.fine_fen, before_fine_fen=before.fine_fen
        )
    elif after.confiscated_fen > before.confiscated_fen > 0:  # 0: the value is not stated
        return message(
            "penalties.confiscation-fen-instead",
            confiscated_fen=after.confiscated_fen,
            before_confiscated_fen=before.confiscated_fen,
        )
    elif (added := _added(_penalty(before), _penalty(after))) is not None:
        return message("penalties.added", added=added)
    if SEVERITIES.index(after.severity) > SEVERITIES.index(before.severity):
        return message(
            "penalties.information-instead",
            severity=after.severity,
            before_severity=before.severity,
        )
    return None


def require_fine(penalty: Penalty | PenaltyContent, pointer: str) -> None:
    """Refuse a fine without an amount, and an amount without a fine. Raises ``Malformed``."""
    if ("fine" in penalty.types) != (penalty.fine_fen > 0):
        raise Malformed(
            "penalties.fine-fen-must-be-above-0-fine-among",
            pointer=pointer,
            fine_fen=penalty.fine_fen,
        )


#: 暂扣、吊销许可证件: kinds that concern a licence, which the decision must name.
LICENCE_TYPES: frozenset[PenaltyType] = frozenset({"licence_suspension", "licence_revocation"})
#: Kinds that can have a term.
_LASTING: frozenset[PenaltyType] = frozenset(
    {
        "licence_suspension",
        "qualification_lowered",
        "activity_restriction",
        "suspension_of_business",
        "occupation_ban",
        "detention",
        "other",
    }
)


def require_content(content: PenaltyContent, decided_on: date, at: str = "") -> None:
    """Raise ``Malformed`` if the amounts, licence or term do not fit the kinds of penalty.

    ``at``: the JSON pointer of the content in the command.
    """
    require_fine(content, f"{at}/fine_fen")
    kinds = set(content.types)
    if content.confiscated_fen and "confiscation" not in kinds:
        raise Malformed(
            "penalties.confiscated-fen-must-be-0-confiscation-not-among",
            pointer=f"{at}/confiscated_fen",
        )
    if content.licence is not None and not kinds & LICENCE_TYPES:
        raise Malformed("penalties.licence-must-be-left-out-no-licence", pointer=f"{at}/licence")
    if content.valid_until is None:
        return
    if not kinds & _LASTING:
        raise Malformed(
            "penalties.valid-until-must-be-left-out-no-type",
            pointer=f"{at}/valid_until",
        )
    if content.valid_until < decided_on:
        raise Malformed(
            "penalties.valid-until-must-not-lie-before-decision",
            pointer=f"{at}/valid_until",
            decided_on=decided_on,
            valid_until=content.valid_until,
        )


def fitting(content: PenaltyContent) -> PenaltyContent:
    """Return the content without amounts, licence or term that do not belong to its kinds."""
    kinds = set(content.types)
    return msgspec.structs.replace(
        content,
        fine_fen=content.fine_fen if "fine" in kinds else 0,
        confiscated_fen=content.confiscated_fen if "confiscation" in kinds else 0,
        licence=content.licence if kinds & LICENCE_TYPES else None,
        valid_until=content.valid_until if kinds & _LASTING else None,
    )


def require_licence(types: Collection[PenaltyType], licence: Licence | None) -> None:
    """Raise ``Malformed`` if a licence is suspended or revoked and not named."""
    if licence is None and (hit := sorted(set(types) & LICENCE_TYPES)):
        raise Malformed("penalties.licence-must-name-licence-number", pointer="/licence", hit=hit)


def require_source(source: DataSource | None) -> None:
    """Raise ``Malformed`` if the data source has an invalid USCC."""
    if source is None:
        return
    try:
        check_entity(source.uscc)
    except ValueError as error:
        raise Malformed(
            "penalties.uscc-fault", pointer="/data_source/uscc", error=str(error)
        ) from None
    if not uscc.is_valid(source.uscc):
        raise Malformed(
            "penalties.last-character-uscc-must-be-check-character",
            pointer="/data_source/uscc",
        )


#: The classes of severity, the lightest first.
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


def _penalty(content: PenaltyContent) -> Penalty:
    return Penalty(content.types, content.fine_fen)


def require_class(
    inquiry: Inquiry,
    content: PenaltyContent,
    *,
    procedure: Procedure,
    sector: Sector,
    decided_on: date,
    basis: bool = False,
) -> None:
    """Refuse a class that differs from ``severity.map`` on the day of the decision (PEN-R7).

    The classification of a sector takes precedence over the general one. ``basis``: whether the
    decision cites a law for a lower class. Decisions older than the map are not checked.
    """
    adopted = inquiry.policy("severity.map", on=decided_on, domain=sector)
    if adopted is None:
        return
    severity = _class_of(inquiry, adopted.value, content, procedure, decided_on)
    lower = SEVERITIES.index(content.severity) < SEVERITIES.index(severity)
    inquiry.require(
        content.severity == severity or (lower and basis),
        PEN_R7,
        types=content.types,
        fine_fen=content.fine_fen,
        severity=severity,
        given=content.severity,
    )


def _class_of(
    inquiry: Inquiry,
    classes: Mapping[str, Any],
    content: PenaltyContent,
    procedure: Procedure,
    on: date,
) -> Severity:
    """Return the class of a content.

    It is serious if any kind or the fine is serious, minor if all kinds or the procedure are minor,
    and general otherwise.
    """
    large = classes.get("serious_fine_fen")
    if (
        large is None
        and (version := inquiry.policy("severity.serious_fine_fen", on=on)) is not None
    ):
        large = version.value
    if any(kind in classes["serious"] for kind in content.types) or (
        large is not None and content.fine_fen >= large
    ):
        return "serious"
    if procedure == "summary" or all(kind in classes["minor"] for kind in content.types):
        return "minor"
    return "general"
