"""Commands of delegated powers: record, suspend, resume, end and assess them (2.18)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

import msgspec

from ledger.general.roles import roles
from ledger.general.vocabulary import DelegationId, MatterId, Name, Text, UnitId
from ledger.kernel import Event, Inquiry, Malformed, OutOfStep, Report
from ledger.systems.catalogue.folds import Matter, UnitStanding
from ledger.systems.delegations.events import (
    DelegationAssessed,
    DelegationEnded,
    DelegationResumed,
    DelegationSuspended,
    PowerDelegated,
    Powers,
)
from ledger.systems.delegations.folds import Delegation


class DelegatePower(Report):
    """记录赋权决定: record a published provincial decision that lets a township act.

    ``powers`` may include inspection only if the decision says so, because 行政处罚法 Art. 24 is
    about penalties.
    """

    ROLES = roles("jb_supervisor")
    ACTS_FOR = ""

    delegation: DelegationId
    unit: UnitId
    matters: Annotated[tuple[MatterId, ...], msgspec.Meta(min_length=1, max_length=500)]
    powers: Powers
    decision_ref: Name
    valid_from: date
    valid_to: date
    division_note: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(Delegation(self.delegation))
        inquiry.known(UnitStanding(self.unit), "delegations.qualify-township-first-qualify-unit")
        if self.valid_to < self.valid_from:
            raise Malformed(
                "general.valid-to-must-not-before-valid-from",
                pointer="/valid_to",
                valid_from=self.valid_from,
                valid_to=self.valid_to,
            )
        if len(set(self.powers)) < len(self.powers):
            raise Malformed(
                "delegations.each-power-must-be-named-once", pointer="/powers", powers=self.powers
            )
        for place, name in enumerate(self.matters):
            matter = inquiry.known(Matter(name), "general.list-catalogue-first")
            if matter.unit == self.unit:
                raise Malformed(
                    "delegations.must-be-matter-another-unit",
                    pointer=f"/matters/{place}",
                    name=name,
                    unit=self.unit,
                )
        yield PowerDelegated(
            delegation=self.delegation,
            unit=self.unit,
            matters=self.matters,
            powers=self.powers,
            decision_ref=self.decision_ref,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            division_note=self.division_note,
        )


class SuspendDelegation(Report):
    """暂停赋权: suspend a delegation from a day on, by default today; the township may not act."""

    ROLES = roles("jb_supervisor")

    delegation: DelegationId
    reason: Text
    since: date | None = None
    until: date | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        given = _given(inquiry, self.delegation)
        since = self.since or inquiry.on
        if self.until is not None and self.until < since:
            raise Malformed(
                "delegations.until-must-not-before-since",
                pointer="/until",
                since=since,
                until=self.until,
            )
        if not given.in_force(since):
            raise OutOfStep(
                "delegations.delegation-must-be-force", delegation=self.delegation, since=since
            )
        yield DelegationSuspended(
            delegation=self.delegation,
            unit=given.unit,
            since=since,
            until=self.until,
            reason=self.reason,
        )


class ResumeDelegation(Report):
    """恢复赋权: record that the township may act under it again from a day on, today by default."""

    ROLES = roles("jb_supervisor")

    delegation: DelegationId
    reason: Text
    resumed_on: date | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        given = _given(inquiry, self.delegation)
        resumed_on = self.resumed_on or inquiry.on
        if not given.suspended(resumed_on):
            raise OutOfStep(
                "delegations.not-suspended", delegation=self.delegation, resumed_on=resumed_on
            )
        yield DelegationResumed(
            delegation=self.delegation,
            unit=given.unit,
            resumed_on=resumed_on,
            reason=self.reason,
        )


class EndDelegation(Report):
    """收回赋权: end a delegation from a day on; the township may no longer act under it."""

    ROLES = roles("jb_supervisor")

    delegation: DelegationId
    reason: Text
    ended_on: date | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        given = _given(inquiry, self.delegation)
        yield DelegationEnded(
            delegation=self.delegation,
            unit=given.unit,
            ended_on=self.ended_on or inquiry.on,
            reason=self.reason,
        )


class AssessDelegation(Report):
    """评估赋权: record how well the township uses its power; ``occurred_at`` is the day."""

    ROLES = roles("jb_supervisor", "rlo_assessor")

    delegation: DelegationId
    result: Literal["keep", "adjust", "withdraw"]
    says: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        given = _given(inquiry, self.delegation)
        yield DelegationAssessed(
            delegation=self.delegation,
            unit=given.unit,
            assessed_on=inquiry.on,
            result=self.result,
            says=self.says,
        )


def _given(inquiry: Inquiry, name: str) -> Delegation:
    given = inquiry.known(Delegation(name), "delegations.record-decision-first-delegate-power")
    if given.ended_on is not None:
        raise OutOfStep("delegations.delegation-ended-already", name=name, ended_on=given.ended_on)
    return given
