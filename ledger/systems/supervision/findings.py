"""How a system records that a fact breaks a rule: as a finding in the same append as the fact."""

from __future__ import annotations

from typing import Any, Literal

from ledger.general.audiences import BUREAU_UNIT
from ledger.kernel import Reading, Rule
from ledger.systems.supervision.events import FindingRaised

Reporter = Literal["entity", "supervisor", "self"]

#: The source of a report about a unit, by role; all other roles report about their own unit.
_REPORTERS: dict[str, Reporter] = {
    "entity_rep": "entity",
    "jb_supervisor": "supervisor",
    "rlo_assessor": "supervisor",
}


def reporter(ledger: Reading) -> Reporter:
    """Return the source of this command's report about a unit."""
    return _REPORTERS.get(ledger.actor.role, "self")


def finding(
    ledger: Reading,
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
    finding is withheld from its unit, even if that is the Justice Bureau, until a document or an
    interview names it. Until then it is sealed to the Justice Bureau; a finding withheld from the
    bureau is read by the other offices that supervise all units.
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
        finding_id=ledger.name(rule.id),
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
