"""Commands that decide on an application, and that follow up a grant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

import msgspec

from ledger.general.findings import finding
from ledger.general.roles import UNIT, roles
from ledger.general.vocabulary import Fen, Name, RepairId, Text, province_of
from ledger.kernel import Act, DeadlineRule, Event, Inquiry, Malformed, OutOfStep, Report, message
from ledger.systems.catalogue.folds import UnitStanding
from ledger.systems.credit.events import Channel
from ledger.systems.credit.folds import Record
from ledger.systems.endings.effects import end_records, reinstate_records
from ledger.systems.repair import rules
from ledger.systems.repair.commands.common import (
    bar_until,
    own_case,
    require_alive,
    require_conditions,
    require_free,
    require_stage,
)
from ledger.systems.repair.conditions import Asked, conditions
from ledger.systems.repair.events import (
    Duty,
    Reason,
    RepairAccepted,
    RepairExtended,
    RepairGranted,
    RepairMisconductRecorded,
    RepairNotAccepted,
    RepairPushed,
    RepairRefused,
    RepairResultSynchronised,
    RepairRevoked,
    RepairSupplementRequested,
    RepairSynchronised,
    RevocationReason,
)
from ledger.systems.repair.folds import RepairCase

Reasons = Annotated[tuple[Reason, ...], msgspec.Meta(max_length=20)]
Evidence = Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=50)]

#: Stages in which a unit may accept an application or turn it down.
_BEFORE = ("forwarded", "supplement_requested")


class AcceptRepair(Act):
    """受理修复申请: accept an application, free of charge."""

    # REP-R6, not ROLES, refuses the lead department, so that the refusal cites 谁认定、谁修复.
    ROLES = roles("credit_officer", *UNIT)

    repair: RepairId
    fee_fen: Fen = 0

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = own_case(inquiry, self.repair, "forwarded")
        require_free(inquiry, self.fee_fen)
        yield RepairAccepted(
            repair=self.repair,
            entity=case.entity,
            unit=case.unit,
            green_channel=case.green_channel,
            market_supervision=case.market_supervision,
            days_late=_late_to_accept(inquiry, case),
        )


class RequestRepairSupplement(Act):
    """一次性告知补正: request everything that is missing, only once."""

    ROLES = roles("credit_officer", *UNIT)

    repair: RepairId
    missing: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=20)]

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = own_case(inquiry, self.repair, "forwarded")
        if case.supplemented:
            raise OutOfStep("repair.supplement-already-requested", repair=self.repair)
        yield RepairSupplementRequested(
            repair=self.repair,
            entity=case.entity,
            unit=case.unit,
            missing=self.missing,
            days_late=_late_to_accept(inquiry, case),
        )


class NotAcceptRepair(Act):
    """不予受理: refuse to accept an application, with reasons.

    If a supplement was requested, the business must first have had ``repair.supplement_wd``. The
    time of waiting for the business does not make the unit late.
    """

    ROLES = roles("credit_officer", *UNIT)

    repair: RepairId
    reasons: Reasons = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = own_case(inquiry, self.repair, *_BEFORE)
        inquiry.require(self.reasons, rules.REP_R9, missing=message("general.no-reason-given"))
        awaited = case.stage == "supplement_requested"
        if awaited and inquiry.on <= (last := _last_to_supplement(inquiry, case)):
            raise OutOfStep(
                "repair.may-supplement-until", entity=case.entity, repair=self.repair, last=last
            )
        yield RepairNotAccepted(
            repair=self.repair,
            entity=case.entity,
            unit=case.unit,
            reasons=self.reasons,
            days_late=0 if awaited else _late_to_accept(inquiry, case),
        )
        yield from _unfounded(inquiry, case, self.reasons)


class ExtendRepair(Act):
    """延长办理期限: extend the time to decide, once, before it is over."""

    ROLES = roles("credit_officer", "unit_head")

    repair: RepairId
    reason: Literal["complex", "needs_verification"]

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = own_case(inquiry, self.repair, "accepted")
        if case.green_channel:
            raise OutOfStep("repair.repair-cannot-extended", repair=self.repair)
        if case.extended_until is not None:
            raise OutOfStep(
                "repair.repair-already-extended-until",
                repair=self.repair,
                extended_until=case.extended_until,
            )
        due = inquiry.due(_deciding(case), inquiry.opening(case.accepted_position)).on
        if inquiry.on > due:
            raise OutOfStep(
                "repair.repair-must-be-extended-before-time-decide", repair=self.repair, due=due
            )
        n = int(inquiry.setting("repair.extend_wd"))
        yield RepairExtended(
            repair=self.repair,
            entity=case.entity,
            unit=case.unit,
            reason=self.reason,
            extended_from=due,
            until=inquiry.days().due(due, n, "wd").on,
        )


class GrantRepair(Act):
    """准予信用修复: end the records and everything based on them, in one append.

    ``verified`` lists the duties that the unit itself saw performed; ``verification`` says how.
    """

    ROLES = roles("credit_officer", "unit_head")

    repair: RepairId
    verification: Text
    verified: tuple[Duty, ...] = ()
    fee_fen: Fen = 0

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = own_case(inquiry, self.repair, "accepted")
        require_free(inquiry, self.fee_fen)
        records = [inquiry.read(Record(name)) for name in case.records]
        require_alive(inquiry, records)
        require_conditions(inquiry, Asked.by(case), records)
        for duty in ("conduct_corrected", "obligations_performed"):
            inquiry.require(duty in self.verified, rules.REP_R2, missing=duty, open="")
        shown = (record.started.channels for record in records if record.started is not None)
        yield RepairGranted(
            repair=self.repair,
            entity=case.entity,
            unit=case.unit,
            records=case.records,
            verified=self.verified,
            verification=self.verification,
            targets=tuple(dict.fromkeys(channel for each in shown for channel in each)),
            granted_on=inquiry.on,
            days_late=_late_to_decide(inquiry, case),
            push_to=_push_to(inquiry, case),
            verified_by=inquiry.actor.person_id,
        )
        yield from end_records(inquiry, records, reason="repaired")


class RefuseRepair(Act):
    """不予信用修复: refuse an application, with reasons and the remedy."""

    ROLES = roles("credit_officer", "unit_head")

    repair: RepairId
    reasons: Reasons = ()
    remedy: Text | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = own_case(inquiry, self.repair, "accepted")
        missing = [
            text
            for text, value in (
                (message("general.no-reason-given"), self.reasons),
                (message("repair.no-remedy-named"), self.remedy),
            )
            if not value
        ]
        inquiry.require(
            not missing, rules.REP_R9, missing=message("general.clauses", clauses=missing)
        )
        assert self.remedy is not None
        yield RepairRefused(
            repair=self.repair,
            entity=case.entity,
            unit=case.unit,
            reasons=self.reasons,
            remedy=self.remedy,
            days_late=_late_to_decide(inquiry, case),
        )
        yield from _unfounded(inquiry, case, self.reasons)


class SynchroniseRepair(Report):
    """修复结果同步: record that a platform no longer shows the repaired records."""

    ROLES = roles("credit_officer", *UNIT)

    repair: RepairId
    target: Channel
    acked_on: date

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = inquiry.own(
            RepairCase(self.repair), "repair.apply-repair-first", any_unit=roles("credit_officer")
        )
        require_stage(case, "granted")
        if self.target not in case.outstanding:
            raise OutOfStep(
                "repair.target-must-be-platform-not-confirmed",
                repair=self.repair,
                target=self.target,
            )
        assert case.granted_on is not None
        if not case.granted_on <= self.acked_on <= inquiry.on:
            raise Malformed(
                "repair.acked-on-must-lie-between-grant",
                pointer="/acked_on",
                granted_on=case.granted_on,
                on=inquiry.on,
                acked_on=self.acked_on,
            )
        outstanding = tuple(target for target in case.outstanding if target != self.target)
        yield RepairResultSynchronised(
            repair=self.repair,
            entity=case.entity,
            unit=case.unit,
            target=self.target,
            acked_on=self.acked_on,
            outstanding=outstanding,
        )
        if not outstanding:
            yield RepairSynchronised(
                repair=self.repair,
                entity=case.entity,
                unit=case.unit,
                days_late=inquiry.days_late(rules.SYNCHRONISE, case.granted_position),
            )


class PushRepair(Report):
    """跨省推送修复结果: record that the repair was reported to the province of the business."""

    ROLES = roles("credit_officer", *UNIT)

    repair: RepairId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = own_case(inquiry, self.repair, "granted")
        if case.push_to is None:
            raise OutOfStep(
                "repair.repair-must-concern-another-province-reported", repair=self.repair
            )
        if case.pushed_on is not None:
            raise OutOfStep(
                "repair.repair-already-reported", repair=self.repair, pushed_on=case.pushed_on
            )
        assert case.granted_on is not None
        if inquiry.on < case.granted_on:
            raise OutOfStep(
                "repair.report-must-not-dated-before-grant",
                repair=self.repair,
                granted_on=case.granted_on,
                on=inquiry.on,
            )
        yield RepairPushed(
            repair=self.repair,
            entity=case.entity,
            unit=case.unit,
            province=case.push_to,
            pushed_on=inquiry.on,
            days_late=inquiry.days_late(rules.PUSH, case.granted_position),
        )


class RevokeRepair(Act):
    """撤销信用修复: revoke a grant that was obtained by deceit, or whose commitment was broken.

    The records count again for the rest of their term, the grade is assigned anew, and the business
    is barred from repair (``repair.false_bar_years``).
    """

    ROLES = roles("credit_officer", "unit_head")

    repair: RepairId
    reason: RevocationReason
    facts: Text
    evidence: Evidence

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = own_case(inquiry, self.repair, "granted")
        records = [inquiry.read(Record(name)) for name in case.records]
        yield RepairRevoked(
            repair=self.repair,
            entity=case.entity,
            unit=case.unit,
            records=case.records,
            reason=self.reason,
            facts=self.facts,
            evidence=self.evidence,
            revoked_on=inquiry.on,
        )
        # A record that was revoked or corrected since the repair must not be reinstated.
        repaired = [r for r in records if r.ended is not None and r.ended.reason == "repaired"]
        yield from reinstate_records(inquiry, repaired, reason=self.reason)
        until = bar_until(inquiry)
        if until is not None:
            yield RepairMisconductRecorded(
                entity=case.entity,
                unit=case.unit,
                reason=self.reason,
                facts=self.facts,
                evidence=self.evidence,
                bar_until=until,
                repair=self.repair,
            )


def _push_to(inquiry: Inquiry, case: RepairCase) -> str | None:
    """Return the province of the business, by its code, if it is not the unit's province."""
    regime = inquiry.policy("samr.regime") if case.market_supervision else None
    if regime is None or regime.value.get("push_wd") is None:
        return None
    unit = inquiry.read(UnitStanding(case.unit)).qualified(inquiry.on)
    here = None if unit is None or unit.uscc is None else province_of(unit.uscc)
    there = province_of(case.entity)
    return None if here is None or there == here else there


def _unfounded(inquiry: Inquiry, case: RepairCase, reasons: tuple[Reason, ...]) -> Iterator[Event]:
    """Raise REP-V5 unless the ledger or a reason's evidence shows that a condition is not met."""
    standing = list(conditions(inquiry.read, Asked.by(case), inquiry.on))
    alive = all(inquiry.read(Record(name)).ended is None for name in case.records)
    shown = any(reason.rule is not None and reason.evidence for reason in reasons)
    if alive and not shown and all(condition.met for condition in standing):
        yield finding(
            inquiry,
            rules.REP_V5,
            unit=case.unit,
            entity=case.entity,
            evidence=(case.applied_position,),
            repair=case.repair,
            records=list(case.records),
            reasons=[reason.says for reason in reasons],
        )


def _deciding(case: RepairCase) -> DeadlineRule:
    return rules.DECIDE_MARKET_SUPERVISION if case.market_supervision else rules.DECIDE


def _last_to_supplement(inquiry: Inquiry, case: RepairCase) -> date:
    """Return the last day to supplement; without a policy it is the day of the request."""
    assert case.asked_on is not None
    if inquiry.policy("repair.supplement_wd", on=case.asked_on) is None:
        return case.asked_on
    return inquiry.period("repair.supplement_wd", case.asked_on).on


def _late_to_accept(inquiry: Inquiry, case: RepairCase) -> int:
    if case.green_channel:
        return inquiry.days_late(rules.GREEN_CHANNEL, case.applied_position)
    rule = rules.ACCEPT_SUPPLEMENTED if case.supplemented else rules.ACCEPT
    return inquiry.days_late(rule, case.ready_position)


def _late_to_decide(inquiry: Inquiry, case: RepairCase) -> int:
    if case.green_channel:
        return inquiry.days_late(rules.GREEN_CHANNEL, case.applied_position)
    if case.extended_until is not None:
        return inquiry.days_after(case.extended_until)
    return inquiry.days_late(_deciding(case), case.accepted_position)
