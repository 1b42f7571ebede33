"""Commands on conduct forbidden to all units, and on halting whole sectors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated

import msgspec

from ledger.general.findings import finding, reporter
from ledger.general.roles import UNIT, roles
from ledger.general.values import GovernmentApproval
from ledger.general.vocabulary import EntityId, Name, OfficerId, TaskId, Text, UnitId
from ledger.kernel import Act, Event, Inquiry, Malformed, OutOfStep, Report, message
from ledger.systems.catalogue.folds import OfficerStanding, UnitStanding
from ledger.systems.supervision import rules
from ledger.systems.supervision.events import (
    BlanketMeasureOrdered,
    HaltGround,
    ProhibitedConductReported,
)

#: Must-nots (numbered as in 54号) whose breach is for profit; other breaches are abuses of power.
_FOR_PROFIT = frozenset({1, 2, 3, 4})


class ReportProhibitedConduct(Report):
    """报告严禁行为: report conduct that a must-not forbids.

    A report is never refused for what it claims (0.1). ``code`` is the number of the must-not in
    the policy ``conduct.five_prohibitions``.
    """

    ROLES = roles("entity_rep", "jb_supervisor", *UNIT)
    ANY_UNIT = roles("entity_rep", "jb_supervisor")

    unit: UnitId
    code: Annotated[int, msgspec.Meta(ge=1)]
    conducted_on: date
    facts: Text
    entity: EntityId | None = None
    officer: OfficerId | None = None
    task: TaskId | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        if self.conducted_on > inquiry.today:
            raise Malformed(
                "supervision.conducted-on-must-not-lie-after-today",
                pointer="/conducted_on",
                today=inquiry.today,
                conducted_on=self.conducted_on,
            )
        inquiry.known(UnitStanding(self.unit), "supervision.name-unit-catalogue")
        must_nots = inquiry.setting("conduct.five_prohibitions", on=self.conducted_on)["must_nots"]
        must_not = must_nots.get(str(self.code))
        if must_not is None:
            numbers = sorted(must_nots)
            raise Malformed(
                "supervision.code-must-be-one", pointer="/code", numbers=numbers, code=self.code
            )
        if self.officer is not None:
            standing = inquiry.known(
                OfficerStanding(self.officer), "supervision.leave-officer-out-officer-unknown"
            )
            if self.unit not in standing.units:
                raise OutOfStep(
                    "general.officer-must-be-officer", unit=self.unit, officer=self.officer
                )
        who = reporter(inquiry)
        yield ProhibitedConductReported(
            unit=self.unit,
            code=self.code,
            must_not=must_not,
            conducted_on=self.conducted_on,
            facts=self.facts,
            reporter=who,
            entity=self.entity,
            officer=self.officer,
            task=self.task,
        )
        yield finding(
            inquiry,
            rules.SUP_D3 if self.code in _FOR_PROFIT else rules.SUP_D4,
            unit=self.unit,
            entity=self.entity,
            # The task would reveal which business was visited.
            task=None if who == "entity" else self.task,
            officer=self.officer,
            protected=who == "entity",
            code=self.code,
            must_not=must_not,
            conducted_on=self.conducted_on.isoformat(),
        )


class OrderBlanketMeasure(Act):
    """责令停产停业: halt whole sectors of an area, on a lawful and approved ground (SUP-R5)."""

    ROLES = roles("unit_head", "park_committee")

    unit: UnitId
    area: Name
    sectors: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=50)]
    ground: HaltGround
    facts: Text
    halted_from: date
    halted_to: date
    approval: GovernmentApproval | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.known(UnitStanding(self.unit), "general.qualify-unit-first")
        if not inquiry.on <= self.halted_from <= self.halted_to:
            raise Malformed(
                "supervision.halted-from-must-not-lie-before-today",
                pointer="/halted_from",
                on=inquiry.on,
                halted_to=self.halted_to,
                halted_from=self.halted_from,
            )
        approval = self.approval
        reason = None
        if self.ground == "other":
            reason = message("supervision.ground-must-be-life-safety-major-accident")
        elif approval is None:
            reason = message("supervision.competent-government-must-approve")
        elif approval.approved_on > inquiry.on:
            reason = message(
                "supervision.must-be-approved-advance", approved_on=approval.approved_on
            )
        inquiry.require(
            reason is None,
            rules.SUP_R5,
            sectors=self.sectors,
            area=self.area,
            reason=reason,
        )
        assert approval is not None
        yield BlanketMeasureOrdered(
            unit=self.unit,
            area=self.area,
            sectors=self.sectors,
            ground=self.ground,
            facts=self.facts,
            approval=approval,
            halted_from=self.halted_from,
            halted_to=self.halted_to,
        )
