"""What a reconsideration decision forbids afterwards, to whoever is about to act."""

from __future__ import annotations

from collections.abc import Collection

from ledger.kernel import Reading
from ledger.systems.reconsideration import rules
from ledger.systems.reconsideration.folds import RevokedPenalties


def refuse_reissue(
    ledger: Reading,
    *,
    unit: str,
    entity: str,
    case: str,
    facts: str,
    types: Collection[str],
) -> None:
    """Refuse a penalty that was revoked, issued once more on the same facts (RCN-R5).

    It is the same, or nearly the same (Art. 64), if all the kinds of the revoked one are in it,
    whatever its amount and whatever is added; the facts are the same in the same case, or in the
    same words. Whoever decides on a penalty calls this first.
    """
    for act in ledger.read(RevokedPenalties(entity, unit)).revoked:
        same_facts = act.case == case or "".join(act.facts.split()) == "".join(facts.split())
        ledger.require(
            not (same_facts and act.types <= frozenset(types)),
            rules.RCN_R5,
            decision=act.decision,
            instrument=act.instrument,
        )
