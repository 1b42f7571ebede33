"""Which facts a batch has: what became public since a position, what changed, what ended.

A batch covers the events in ``(after, up_to]``. A fact is compared as it was sent last, commonly
as it was at ``after``, with how it is at ``up_to``: one that was not public and is now, is
inserted; one that was and is not any more, by withdrawal, revocation or repair, is deleted; one
whose fields differ is updated. So the batches add up to the present state, and a batch made again
is the same.

Events of the fact itself and of its credit records bring it into a batch. What a row takes from
elsewhere, such as the name of a business, is as it is when the row is sent: a business that is
renamed brings no rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from ledger.general.vocabulary import DecisionId, MatterId
from ledger.intake.exchange import ExchangeFact
from ledger.kernel import Fold, LegalRef, RecordCorrected
from ledger.kernel.folds import Selector, topics_of
from ledger.systems.catalogue.events import MatterCode, MatterCodesAssigned
from ledger.systems.catalogue.folds import Matter, OfficerStanding, UnitStanding
from ledger.systems.credit.events import CreditRecordEntered
from ledger.systems.credit.folds import Record
from ledger.systems.entities.folds import Registration
from ledger.systems.filing.events import InspectionConcluded
from ledger.systems.filing.folds import Task
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


class RecordsOfDecision(Fold):
    """Which credit records are about this decision?"""

    decision: DecisionId
    records: list[str] = msgspec.field(default_factory=list)

    def on_entered(self, event: CreditRecordEntered) -> None:
        self.records.append(event.record)


#: The subjects and keys of rows that an earlier batch could not send because they lacked something,
#: with the position as of which each was sent last; 0 if it never was.
Owed = Mapping[tuple[str, str], int]

_NONE: Owed = {}

#: The rows of one subject at a position, by their keys.
Rows = Mapping[str, Mapping[str, Any]]


def penalties(
    source: Source, after: int, up_to: int, unit: str | None = None, owed: Owed = _NONE
) -> Iterator[ExchangeFact]:
    """Yield the penalties of a batch in the order of their decisions' ids.

    A penalty is public from the publication of its decision until the decision is withdrawn or
    undone, or its credit record ends.
    """
    return _batch(source, after, up_to, _decisions(source, after, up_to), _penalty, unit, owed)


def inspections(
    source: Source, after: int, up_to: int, unit: str | None = None, owed: Owed = _NONE
) -> Iterator[ExchangeFact]:
    """Yield the concluded inspections of a batch, a row for each matter."""
    selector = Selector((InspectionConcluded.TOPIC, RecordCorrected.TOPIC), ())
    tasks = {
        tag.removeprefix("task:")
        for tags in _tags(source, selector, after, up_to)
        for tag in tags
        if tag.startswith("task:")
    }
    return _batch(source, after, up_to, tasks, _inspection, unit, owed)


def _batch(  # noqa: PLR0917 - what a batch is
    source: Source,
    after: int,
    up_to: int,
    names: Iterable[str],
    rows: Callable[[FoldsAt, str], Rows],
    unit: str | None,
    owed: Owed,
) -> Iterator[ExchangeFact]:
    """Yield what happened to the rows of these subjects between two positions."""
    at = {position: FoldsAt(source, position) for position in (after, up_to, *owed.values())}
    late: dict[str, dict[str, int]] = {}
    for (subject, key), sent in owed.items():
        late.setdefault(subject, {})[key] = sent
    for name in sorted({*names, *late}):
        then = dict(rows(at[after], name))
        for key, sent in late.get(name, {}).items():
            then.pop(key, None)
            if (row := rows(at[sent], name).get(key)) is not None:
                then[key] = row
        today = rows(at[up_to], name)
        for key in sorted({*then, *today}):
            old, new = then.get(key), today.get(key)
            fields = old if new is None else new
            assert fields is not None
            if unit is not None and fields["unit"] != unit:
                continue
            if old is None:
                yield ExchangeFact(name, key, "i", fields)
            elif new is None:
                yield ExchangeFact(name, key, "d", fields)
            elif new != old:
                yield ExchangeFact(name, key, "u", fields)


def _tags(source: Source, selector: Selector, after: int, up_to: int) -> Iterator[Sequence[str]]:
    """Yield the tags of each event of a range that a selector matches."""
    position = after
    while stored := source.after([selector], position, _PAGE):
        for each in stored:
            if each.position > up_to:
                return
            yield each.event.tags
        position = stored[-1].position


def _decisions(source: Source, after: int, up_to: int) -> set[str]:
    """Return the decisions that events of a range concern, also by their credit records."""
    names: set[str] = set()
    records: set[str] = set()
    topics = (*topics_of(Decision), *topics_of(Record))
    for tags in _tags(source, Selector(topics, ()), after, up_to):
        for tag in tags:
            kind, _, value = tag.partition(":")
            if kind == "decision":
                names.add(value)
            elif kind == "record":
                records.add(value)
    read = FoldsAt(source, up_to)
    for name in records:
        record = read(Record(name))
        if record.exists and record.says.decision is not None:
            names.add(record.says.decision)
    return names


def _penalty(read: FoldsAt, name: str) -> Rows:
    """Return the row of a penalty that is public at a position, else none."""
    decision = read(Decision(name))
    if not decision.exists or decision.published is None or decision.undone is not None:
        return {}
    gone = max((withdrawal.version for withdrawal in decision.withdrawals), default=0)
    shown = max((text for text in decision.texts if text > gone), default=0)
    if shown < decision.version and decision.withdrawals:
        return {}
    records = [read(Record(record)) for record in read(RecordsOfDecision(name)).records]
    if any(record.ended is not None for record in records):
        return {}
    decided, content = decision.decided, decision.content
    assert content is not None
    until = [record.started.max_until for record in records if record.started is not None]
    source = decided.data_source
    row = {
        **_party(read, decided.entity),
        **_unit(read, decided.unit, decided.decided_on),
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
        "source_name": None if source is None else source.name,
        "source_uscc": None if source is None else source.uscc,
    }
    return {name: row | {"records": tuple(read(RecordsOfDecision(name)).records)}}


def _inspection(read: FoldsAt, name: str) -> Rows:
    """Return a row for each matter of an inspection that was concluded at a position."""
    task = read(Task(name))
    if task.concluded is None:
        return {}
    event = task.concluded.event
    assert isinstance(event, InspectionConcluded)
    visited = task.concluded if task.opened is None else task.opened
    day, coding = visited.occurred_on, event.coding
    approved = None if task.approved is None else task.approved.event
    party, unit = _party(read, event.entity), _unit(read, event.unit, day)
    common = {
        **party,
        **unit,
        "area": party["area"] or unit["unit_area"],
        "task": name,
        "form": coding and coding.form,
        "type": coding and coding.type,
        "mode": coding and coding.mode,
        "result": (coding and coding.result) or event.result,
        "checked_on": day,
        "concluded_on": task.concluded.occurred_on,
        "officers": task.officers,
        "certificates": tuple(
            number
            for officer in task.officers
            for number in sorted(read(OfficerStanding(officer)).valid_numbers(day, {event.unit}))
        ),
        "plan": getattr(approved, "plan", None),
    }
    return {
        f"{name}/{matter}": {
            **common,
            **_codes(read, matter, day),
            "key": f"{name}/{matter}",
            "action_name": _action(read, matter, day, party["party_name"]),
        }
        for matter in event.matters
    }


class CodesOfMatter(Fold):
    """Which codes does this matter have in other systems?"""

    matter: MatterId
    codes: tuple[MatterCode, ...] = ()

    def on_assigned(self, event: MatterCodesAssigned) -> None:
        self.codes = event.codes


def _codes(read: FoldsAt, matter: str, day: date) -> dict[str, Any]:
    """Return the codes of a matter that are valid on a day."""
    valid = [
        code
        for code in read(CodesOfMatter(matter)).codes
        if code.valid_from <= day and (code.valid_to is None or day <= code.valid_to)
    ]
    return {
        kind: next((code for each in valid if (code := getattr(each, kind))), None)
        for kind in ("supervision_item", "implementation_item")
    }


def _action(read: FoldsAt, matter: str, day: date, party: str | None) -> str:
    elements = read(Matter(matter)).in_force_on(day)
    return f"{party or ''}{matter if elements is None else elements.name}"


def _party(read: FoldsAt, entity: str) -> dict[str, Any]:
    """Return the fields of a business: its name, its kind, its numbers and its address."""
    identity = read(Registration(entity)).identity
    register, _, number = entity.partition(":")
    return {
        "party_name": None if identity is None else identity.name,
        "party_type": _PARTY.get((identity and identity.party_type) or "", "organisation"),
        "uscc": None if number else register,
        "number": number or None,
        "id_type": "number" if number else "uscc",
        "id_number": number or register,
        "address": None if identity is None else identity.address,
        "area": None if identity is None else identity.area,
    }


def _unit(read: FoldsAt, name: str, day: date) -> dict[str, Any]:
    """Return the fields of a unit on a day, and of the unit that entrusted it."""
    unit = read(UnitStanding(name)).qualified(day)
    by = None if unit is None else unit.entrusted_by
    above = None if by is None else read(UnitStanding(by)).qualified(day)
    return {
        "unit": name,
        "unit_name": name if unit is None else unit.name,
        "unit_uscc": None if unit is None else unit.uscc,
        "unit_area": None if unit is None else unit.area,
        "entrusted_by_name": by if above is None else above.name,
        "entrusted_by_uscc": None if above is None else above.uscc,
    }


def _law(law: LegalRef) -> str:
    return law.instrument if law.article is None else f"{law.instrument} {law.article}"


#: The facts of each kind of table.
FACTS = {"penalty": penalties, "inspection": inspections}

__all__ = ["FACTS", "inspections", "penalties"]
