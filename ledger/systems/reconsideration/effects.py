"""The acts that a unit must not repeat after a reconsideration decision."""

from __future__ import annotations

from collections.abc import Collection

from ledger.kernel import Inquiry
from ledger.systems.reconsideration import rules
from ledger.systems.reconsideration.folds import RevokedPenalties


def refuse_reissue(
    inquiry: Inquiry,
    *,
    unit: str,
    entity: str,
    case: str,
    facts: str,
    types: Collection[str],
) -> None:
    """Refuse to issue a revoked penalty again on the same facts (RCN-R5).

    A penalty is the same or nearly the same (Art. 64) if it contains all kinds of the revoked one,
    whatever its amount and further kinds. The facts are the same if the case or their wording is
    the same. Every command that decides on a penalty must call this first.
    """
    for act in inquiry.read(RevokedPenalties(entity, unit)).revoked:
        same_facts = act.case == case or "".join(act.facts.split()) == "".join(facts.split())
        inquiry.require(
            not (same_facts and act.types <= frozenset(types)),
            rules.RCN_R5,
            decision=act.decision,
            instrument=act.instrument,
        )
