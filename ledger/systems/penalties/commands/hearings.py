"""Commands of the steps before a decision: notice, statement, hearing, discussion."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

import msgspec

from ledger.general.roles import OFFICERS, UNIT, roles
from ledger.general.vocabulary import Badge, CaseId, EntityId, Fen, Name, Sha256, Text, is_among
from ledger.kernel import (
    Act,
    DatedAct,
    Due,
    Event,
    Inquiry,
    Malformed,
    Message,
    OutOfStep,
    Report,
    UnknownReference,
    message,
)
from ledger.systems.penalties import rules
from ledger.systems.penalties.events import (
    CaseFiled,
    CollectiveDiscussionHeld,
    HearingAnnounced,
    HearingHeld,
    HearingRequested,
    Penalty,
    PenaltyType,
    PriorNoticeServed,
    RightsWaived,
    StatementHeard,
)
from ledger.systems.penalties.folds import Case, undecided_case
from ledger.systems.penalties.rules import heavier
from ledger.systems.supervision.rules import GEN_R2


class ServePriorNotice(DatedAct):
    """处罚事先告知: notify the business of the intended penalty, the facts, and its rights.

    A later notice replaces the earlier one. After a defence it may announce a heavier penalty only
    on evidence that was collected since (PEN-R3).
    """

    ROLES = OFFICERS

    case: CaseId
    notice_no: Name
    facts: Text
    types: Annotated[tuple[PenaltyType, ...], msgspec.Meta(min_length=1)]
    respond_by: date
    fine_fen: Fen = 0
    hearing_right: bool = False

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case, filed = undecided_case(inquiry, self.case)
        if ("fine" in self.types) != (self.fine_fen > 0):
            raise Malformed(
                "penalties.fine-fen-must-be-above-0-types-includes",
                pointer="/fine_fen",
                fine_fen=self.fine_fen,
            )
        inquiry.not_before(filed.filed_on, message("general.case-filed", case=self.case))
        if self.respond_by <= inquiry.on:
            raise Malformed(
                "penalties.respond-by-must-lie-after-day-notice",
                pointer="/respond_by",
                on=inquiry.on,
                respond_by=self.respond_by,
            )
        # A refusal under PEN-R1 names the version that set the periods.
        inquiry.setting("penalty.hearing")
        if not self.hearing_right:
            reason = _hearing_due(inquiry, filed, Penalty(self.types, self.fine_fen))
            inquiry.require(reason is None, rules.PEN_R1, case=self.case, reason=reason)
        self._check_weight(inquiry, case)
        yield PriorNoticeServed(
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            notice=len(case.notices) + 1,
            notice_no=self.notice_no,
            facts=self.facts,
            types=self.types,
            fine_fen=self.fine_fen,
            hearing_right=self.hearing_right,
            served_on=inquiry.on,
            respond_by=self.respond_by,
        )

    def _check_weight(self, inquiry: Inquiry, case: Case) -> None:
        defended_on = case.defended_on
        if defended_on is None or not case.notices:
            return
        before = case.notices[-1]
        more = heavier(Penalty(before.types, before.fine_fen), Penalty(self.types, self.fine_fen))
        found_since = any(on > defended_on for on in case.evidence.values())
        inquiry.require(more is None or found_since, rules.PEN_R3, case=self.case, reason=more)


class HearStatement(Report):
    """听取陈述、申辩: record what the business stated, and the result of examining it."""

    ROLES = OFFICERS

    case: CaseId
    statement: Text
    examined: Text
    adopted: bool

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case, filed = undecided_case(inquiry, self.case)
        yield StatementHeard(
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            notice=_notice_answered(inquiry, case, filed),
            heard_on=inquiry.on,
            statement=self.statement,
            examined=self.examined,
            adopted=self.adopted,
        )


class WaiveRights(Report):
    """放弃陈述、申辩或听证: record that the business waives rights, or let the time pass."""

    ROLES = OFFICERS

    case: CaseId
    rights: Annotated[
        tuple[Literal["statement", "hearing"], ...], msgspec.Meta(min_length=1, max_length=2)
    ]
    how: Literal["declared", "silent"]

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case, filed = undecided_case(inquiry, self.case)
        number = _notice_answered(inquiry, case, filed)
        if self.how == "silent":
            if "hearing" in self.rights:
                raise Malformed(
                    "penalties.rights-must-not-include-hearing-silent",
                    pointer="/rights",
                )
            if not case.notices:
                raise Malformed("penalties.how-must-be-declared-no-prior-notice", pointer="/how")
            respond_by = case.notices[-1].respond_by
            if inquiry.on <= respond_by:
                raise OutOfStep("penalties.business-may-respond-until", respond_by=respond_by)
        yield RightsWaived(
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            notice=number,
            waived_on=inquiry.on,
            rights=tuple(dict.fromkeys(self.rights)),
            how=self.how,
        )


class RequestHearing(Report):
    """要求听证: the business requests a hearing. A late request is recorded but has no effect.

    The business sends its request itself. The unit records a request that it received earlier, with
    its time in ``occurred_at``.
    """

    ROLES = roles("entity_rep", *OFFICERS)
    IN_PERSON = roles("entity_rep")

    case: CaseId
    entity: EntityId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        hint = message("penalties.name-case-business-case-against")
        case = inquiry.known(Case(self.case), hint)
        if case.filed.entity != self.entity:
            # A business must not learn whether a case against another business exists.
            raise UnknownReference("case", self.case, hint)
        if inquiry.actor.role != "entity_rep":
            inquiry.act_for(case.filed.unit)
        if case.closed is not None or case.decisions:
            raise OutOfStep(
                "penalties.hearing-must-be-requested-before-decision",
                case=self.case,
                stage=case.stage,
            )
        notice = case.notices[-1] if case.notices else None
        if notice is None or not notice.hearing_right:
            raise OutOfStep("penalties.case-must-last-notice-states-right", case=self.case)
        inquiry.not_before(
            notice.served_on, message("penalties.notice-served", notice=notice.notice)
        )
        if any(request.notice == notice.notice for request in case.requested):
            raise OutOfStep(
                "penalties.hearing-already-requested-after-notice", notice=notice.notice
            )
        yield HearingRequested(
            case=self.case,
            entity=case.filed.entity,
            unit=case.filed.unit,
            notice=notice.notice,
            requested_on=inquiry.on,
            days_late=inquiry.days_after(last_day_to_request(inquiry, case)),
        )


class AnnounceHearing(Act):
    """听证通知: announce a hearing, seven working days ahead; its host must not investigate."""

    ROLES = UNIT

    case: CaseId
    hearing_on: date
    place: Name
    host: Badge
    open_to_public: bool = True

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case, filed = undecided_case(inquiry, self.case)
        _check_host(inquiry, filed, self.host)
        n = int(inquiry.setting("penalty.hearing")["notice_wd"])
        # A minimum period is over only after its last day (0.7).
        last = inquiry.days().due(inquiry.on, n, "wd").on
        inquiry.require(
            self.hearing_on > last,
            rules.PEN_R1,
            case=self.case,
            reason=message(
                "penalties.hearing-must-be-announced-working-days-ahead",
                n=n,
                last=last,
                hearing_on=self.hearing_on,
            ),
        )
        yield HearingAnnounced(
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            notice=_notice_number(case, filed),
            hearing_on=self.hearing_on,
            place=self.place,
            host=self.host,
            open_to_public=self.open_to_public,
        )


class HoldHearing(DatedAct):
    """举行听证: record the hearing that was announced, or that the business stayed away."""

    ROLES = UNIT

    case: CaseId
    host: Badge
    outcome: Literal["heard", "stayed_away"] = "heard"
    record_digest: Sha256 | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case, filed = undecided_case(inquiry, self.case)
        announced = case.announced
        if announced is None:
            raise OutOfStep("penalties.hearing-case-must-be-announced-first", case=self.case)
        if inquiry.on < announced.hearing_on:
            raise OutOfStep(
                "penalties.hearing-must-not-recorded-before-announced",
                hearing_on=announced.hearing_on,
                on=inquiry.on,
            )
        if (self.outcome == "heard") != (self.record_digest is not None):
            raise Malformed(
                "penalties.record-digest-must-be-given-outcome-heard-only",
                pointer="/record_digest",
            )
        _check_host(inquiry, filed, self.host)
        yield HearingHeld(
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            notice=announced.notice,
            held_on=inquiry.on,
            host=self.host,
            outcome=self.outcome,
            record_digest=self.record_digest,
        )


class HoldCollectiveDiscussion(Report):
    """集体讨论: record that the heads of the unit discussed the case, with the minutes."""

    ROLES = roles("unit_head", "office_head", "unit_legal_office")

    case: CaseId
    participants: Annotated[tuple[Badge, ...], msgspec.Meta(max_length=50)]
    minutes_ref: Name
    conclusion: Text
    minutes_digest: Sha256 | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        _, filed = undecided_case(inquiry, self.case)
        inquiry.not_before(filed.filed_on, message("general.case-filed", case=self.case))
        people = {person.casefold() for person in self.participants}
        if len(people) < max(2, len(self.participants)):
            raise Malformed(
                "penalties.participants-must-be-least-two-people-each", pointer="/participants"
            )
        yield CollectiveDiscussionHeld(
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            held_on=inquiry.on,
            participants=self.participants,
            minutes_ref=self.minutes_ref,
            conclusion=self.conclusion,
            minutes_digest=self.minutes_digest,
        )


def last_day_to_request(inquiry: Inquiry, case: Case) -> Due:
    """Return the last day to request a hearing after the newest notice."""
    return rules.due(inquiry, rules.REQUEST_HEARING, case.noticed_at)


def _notice_number(case: Case, filed: CaseFiled) -> int:
    """Return the number of the notice answered; 0 for an oral notice on the spot."""
    if not case.notices and filed.procedure == "ordinary":
        raise OutOfStep("penalties.prior-notice-must-be-served-first-case", case=case.case)
    return len(case.notices)


def _notice_answered(inquiry: Inquiry, case: Case, filed: CaseFiled) -> int:
    """Return the number of the notice that a report answers and must not be dated before."""
    number = _notice_number(case, filed)
    if number:
        inquiry.not_before(
            case.notices[-1].served_on, message("penalties.notice-served-number", number=number)
        )
    else:
        inquiry.not_before(filed.filed_on, message("general.case-filed", case=case.case))
    return number


def _hearing_due(inquiry: Inquiry, filed: CaseFiled, penalty: Penalty) -> Message | None:
    """Return why the notice must state the right to a hearing (Art. 63), or ``None``."""
    grave = [kind for kind in penalty.types if kind in rules.HEARING_TYPES]
    if grave:
        return message("penalties.notice-must-state-right-hearing-before", grave=grave)
    threshold = int(inquiry.setting("major_penalty_threshold")[f"{filed.party}_fen"])
    if penalty.fine_fen > threshold:
        return message("penalties.notice-must-state-right-hearing-before-fine", threshold=threshold)
    return None


def _check_host(inquiry: Inquiry, filed: CaseFiled, host: str) -> None:
    inquiry.require(
        not is_among(host, filed.investigators),
        GEN_R2,
        person=host,
        one=message("penalties.hearing-host"),
        other="investigator",
    )
