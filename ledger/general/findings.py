"""Findings: the record that a fact breaks a rule, in the same append as the fact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from ledger.general.audiences import BUREAU_UNIT
from ledger.general.vocabulary import (
    EntityId,
    FindingId,
    MatterId,
    Name,
    OfficerId,
    PlanId,
    TaskId,
    UnitId,
)
from ledger.kernel import WRITTEN, Event, Inquiry, Rule, Visibility
from ledger.kernel.events import Upcaster
from ledger.kernel.rules import rule_of


def confidential_rule(rule_id: str) -> bool:
    """Return whether findings under this rule are always withheld from the unit."""
    rule = rule_of(rule_id)
    return rule is not None and rule.confidential


class FindingRaised(Event):
    """监督发现: the ledger or a supervisor finds that a recorded fact breaks a rule.

    If a fact raised the finding, ``causation_id`` is the event id of that fact; ``evidence_events``
    names further events by position. Since version 2 ``withheld_from`` lists the units that must
    not know of the finding, because they must not know of the fact. Since version 3
    ``in_confidence`` says that the fact is sealed to its handler; then the finding is sealed too,
    until the unit is told of it.
    """

    TOPIC: ClassVar[str] = "supervision.finding-raised"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict, 2: dict}

    finding_id: FindingId
    type: Name
    rule_id: Name
    auto: bool
    facts: Annotated[dict[str, Any], WRITTEN] = msgspec.field(default_factory=dict)
    unit: UnitId | None = None
    entity: EntityId | None = None
    task: TaskId | None = None
    plan: PlanId | None = None
    matter: MatterId | None = None
    officer: OfficerId | None = None
    evidence_events: tuple[int, ...] = ()
    withheld_from: tuple[str, ...] = ()
    in_confidence: bool = False

    @property
    def confidential(self) -> bool:
        """Whether the finding is always withheld from the unit that it is about."""
        return confidential_rule(self.rule_id)

    def visibility(self) -> Visibility:
        """Return ``sealed`` if the finding is confidential or its fact is sealed."""
        return "sealed" if self.confidential or self.in_confidence else "restricted"

    def kept_from(self) -> tuple[str, ...]:
        """Return the units that must not know of it; for a confidential finding also its unit."""
        about = (self.unit,) if self.confidential and self.unit is not None else ()
        return (*self.withheld_from, *about)


Reporter = Literal["entity", "supervisor", "self"]


#: The source of a report about a unit, by role; all other roles report about their own unit.
_REPORTERS: dict[str, Reporter] = {
    "entity_rep": "entity",
    "jb_supervisor": "supervisor",
    "rlo_assessor": "supervisor",
}


def reporter(inquiry: Inquiry) -> Reporter:
    """Return the source of this command's report about a unit."""
    return _REPORTERS.get(inquiry.actor.role, "self")


def finding(
    inquiry: Inquiry,
    rule: Rule,
    *,
    unit: str | None = None,
    entity: str | None = None,
    task: str | None = None,
    plan: str | None = None,
    matter: str | None = None,
    officer: str | None = None,
    evidence: tuple[int, ...] = (),
    protected: bool = False,
    withheld_from: tuple[str, ...] = (),
    **facts: Any,
) -> FindingRaised:
    """Return the finding that ``rule`` (a finding rule) is broken; ``facts`` show it.

    ``protected``: the fact is sealed to protect its reporter. Then the finding names neither the
    business nor the report; officials who may read the fact find both through its causation. The
    unit that the finding is about cannot read it until a document or an interview names it; until
    then only the Justice Bureau can. If that unit is the bureau itself, only the other offices that
    supervise all units can.
    ``withheld_from``: the units that must not know of the fact either.
    """
    assert rule.finding_type is not None, f"{rule.id} is not a finding rule"
    in_confidence = protected and BUREAU_UNIT not in (unit, *withheld_from)
    if protected:
        entity = None
        facts.pop("irregular_visit", None)
        if unit is not None:
            withheld_from = (*withheld_from, unit)
    return FindingRaised(
        finding_id=inquiry.name(rule.id),
        type=rule.finding_type,
        rule_id=rule.id,
        auto=True,
        facts=facts,
        unit=unit,
        entity=entity,
        task=task,
        plan=plan,
        matter=matter,
        officer=officer,
        evidence_events=evidence,
        withheld_from=withheld_from,
        in_confidence=in_confidence,
    )
