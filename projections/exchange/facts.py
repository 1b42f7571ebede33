"""Which facts a batch has: what became public since a position, what changed, what ended.

A batch covers the events in ``(after, up_to]``. A fact is compared as it was at ``after`` with how
it is at ``up_to``: one that was not public and is now, is inserted; one that was and is not any
more, by withdrawal, revocation or repair, is deleted; one whose fields differ is updated. So the
batches add up to the present state, and a batch made again is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ledger.general.vocabulary import DecisionId
from ledger.intake.exchange import ExchangeFact
from ledger.kernel import Fold, LegalRef
from ledger.kernel.folds import Selector, topics_of
from ledger.systems.catalogue.folds import UnitStanding
from ledger.systems.credit.events import (
    CreditRecordEntered,
    PublicityReinstated,
    PublicityTerminated,
)
from ledger.systems.credit.folds import Record
from ledger.systems.entities.folds import Registration
from ledger.systems.penalties.folds import Decision
from projections.source import Source
from projections.systems.repair import FoldsAt

#: Events read at a time.
_PAGE = 500

_PARTY = {
    "legal_person": "organisation",
    "unincorporated": "organisation",
    "individual_business": "individual_business",
}
_ENDS = (PublicityTerminated.TOPIC, PublicityReinstated.TOPIC)


class RecordsOfDecision(Fold):
    """Which credit records are about this decision?"""

    decision: DecisionId
    records: list[str] = msgspec.field(default_factory=list)

    def on_entered(self, event: CreditRecordEntered) -> None:
        self.records.append(event.record)


def penalties(
    source: Source, after: int, up_to: int, unit: str | None = None
) -> Iterator[ExchangeFact]:
    """Yield the penalties of a batch in the order of their decisions' ids.

    A penalty is public from the publication of its decision until the decision is withdrawn or
    undone, or its credit record ends.
    """
    before, now = FoldsAt(source, after), FoldsAt(source, up_to)
    for name in sorted(_touched(source, after, up_to)):
        decision = now(Decision(name))
        if not decision.exists or (unit is not None and decision.owner != unit):
            continue
        then, today = _penalty(before, name), _penalty(now, name)
        if then is None and today is not None:
            yield ExchangeFact(name, decision.decided_at, "i", today)
        elif then is not None and today is None:
            yield ExchangeFact(name, decision.decided_at, "d", then)
        elif then is not None and today is not None and then != today:
            yield ExchangeFact(name, decision.decided_at, "u", today)


def _touched(source: Source, after: int, up_to: int) -> set[str]:
    """Return the decisions that events of a range concern."""
    names: set[str] = set()
    records: set[str] = set()
    selector = Selector((*topics_of(Decision), *_ENDS), ())
    position = after
    while stored := source.after([selector], position, _PAGE):
        for each in stored:
            if each.position > up_to:
                break
            for tag in each.event.tags:
                kind, _, value = tag.partition(":")
                if kind == "decision":
                    names.add(value)
                elif kind == "record" and each.event.type in _ENDS:
                    records.add(value)
        position = stored[-1].position
        if position > up_to:
            break
    read = FoldsAt(source, up_to)
    for name in records:
        record = read(Record(name))
        if record.exists and record.says.decision is not None:
            names.add(record.says.decision)
    return names


def _penalty(read: FoldsAt, name: str) -> Mapping[str, Any] | None:
    """Return the fields of a penalty that is public at a position, else ``None``."""
    decision = read(Decision(name))
    if not decision.exists or decision.published is None or decision.undone is not None:
        return None
    gone = max((withdrawal.version for withdrawal in decision.withdrawals), default=0)
    shown = max((text for text in decision.texts if text > gone), default=0)
    if shown < decision.version and decision.withdrawals:
        return None
    records = [read(Record(record)) for record in read(RecordsOfDecision(name)).records]
    if any(record.ended is not None for record in records):
        return None
    decided, content = decision.decided, decision.content
    assert content is not None
    registration = read(Registration(decided.entity))
    identity = registration.identity
    unit = read(UnitStanding(decided.unit)).qualified(decided.decided_on)
    register, _, number = decided.entity.partition(":")
    until = [record.started.max_until for record in records if record.started is not None]
    source = decided.data_source
    return {
        "party_name": None if identity is None else identity.name,
        "party_type": _PARTY.get((identity and identity.party_type) or "", "organisation"),
        "uscc": None if number else register,
        "number": number or None,
        "doc_no": decided.doc_no,
        "violation": decided.violation_code,
        # What was left out of the published text must not leave by this way either.
        "facts": decision.published.summary if decision.published.redactions else decided.facts,
        "basis": "; ".join(map(_law, content.basis)) or None,
        "types": content.types,
        "content": decision.published.summary,
        "fine_fen": content.fine_fen or None,
        "confiscated_fen": content.confiscated_fen or None,
        "licence": None
        if content.licence is None
        else f"{content.licence.name} {content.licence.number}",
        "decided_on": decided.decided_on,
        "valid_until": content.valid_until,
        "public_until": max((day for day in until if day is not None), default=None),
        "unit_name": decided.unit if unit is None else unit.name,
        "unit_uscc": None if unit is None else unit.uscc,
        "source_name": None if source is None else source.name,
        "source_uscc": None if source is None else source.uscc,
    }


def _law(law: LegalRef) -> str:
    return law.instrument if law.article is None else f"{law.instrument} {law.article}"


#: The facts of each kind of table.
FACTS = {"penalty": penalties}

__all__ = ["FACTS", "penalties"]
