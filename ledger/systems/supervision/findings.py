"""How any system records that a fact breaks a rule: a finding, in the same append as the fact."""

from __future__ import annotations

from typing import Any, Literal

from ledger.general.audiences import BUREAU_UNIT
from ledger.kernel import Reading, Rule
from ledger.systems.supervision.events import FindingRaised

Reporter = Literal["entity", "supervisor", "self"]

#: Who a report about a unit comes from, by role; from any other role it is the unit's own.
_REPORTERS: dict[str, Reporter] = {
    "entity_rep": "entity",
    "jb_supervisor": "supervisor",
    "rlo_assessor": "supervisor",
}


def reporter(ledger: Reading) -> Reporter:
    """Whose report about a unit this command is."""
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
    """The finding that ``rule`` (a finding rule) is broken; ``facts`` are what shows it.

    ``protected``: the fact is sealed because of who reported it, and the finding does not name the
    business or the report. Its cause still leads those who may see that to both. The unit does not
    read it until a document or an interview names it, the Justice Bureau about itself included.
    Until then it is sealed to the Justice Bureau; what is kept from the bureau the other offices
    that supervise all units read.
    ``withheld_from``: the units that may not know of the fact either.
    """
    assert rule.finding_type is not None, f"{rule.id} is no finding rule"
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
