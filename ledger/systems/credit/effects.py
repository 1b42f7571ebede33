"""What ends with a credit record: publicity, sharing, sanctions, a listing, the grade it gave.

Repair, revocation, correction and the end of publicity all come here, so that none of them leaves
something behind; and what undoes an end. Whatever is recorded is one append, with one correlation
id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Literal

from msgspec.structs import replace

from ledger.general.vocabulary import Role
from ledger.kernel import Event, OutOfStep, Reading, Rule
from ledger.systems.credit.events import (
    CreditRecordAltered,
    CreditRecordEntered,
    EndApproved,
    PublicityBoundsMoved,
    PublicityReinstated,
    PublicityTerminated,
    RecordSeverity,
    TerminationReason,
)
from ledger.systems.credit.folds import Record
from ledger.systems.credit.regimes import earlier, reckoned
from ledger.systems.dishonesty.events import (
    LiftReason,
    SanctionApplied,
    SanctionLifted,
    SeriousListRemoved,
)
from ledger.systems.dishonesty.folds import (
    CATALOGUE,
    MeasureCatalogue,
    Sanctions,
    SeriousListing,
    at_least,
)
from ledger.systems.dishonesty.rules import DIS_V1
from ledger.systems.grading.events import CreditGradeAssigned
from ledger.systems.grading.folds import CreditGrade
from ledger.systems.penalties.folds import Decision
from ledger.systems.repair.findings import open_duties
from ledger.systems.sharing.effects import share, stop_sharing
from ledger.systems.supervision.events import FindingRaised
from ledger.systems.supervision.findings import finding
from ledger.systems.supervision.rules import GEN_R2

_ONE_DAY = timedelta(days=1)

#: Who approves that a record ends by a word of its unit: the head, or the lead department.
ENDERS: frozenset[Role] = frozenset({"credit_officer", "unit_head"})

#: Why a sanction is lifted when the record under it ends so.
LIFTED: Mapping[TerminationReason, LiftReason] = {
    "repaired": "repaired",
    "revoked": "revoked",
    "correction": "correction",
    "source_delisted": "removed",
    "max_reached": "expired",
}


def end_records(
    ledger: Reading,
    records: Sequence[Record],
    *,
    reason: TerminationReason,
    note: str | None = None,
    announce: bool = True,
) -> Iterator[Event]:
    """End records of one business, and with each what rests on it.

    ``records`` have to be on record and not ended yet. A record that is ``revoked`` or ended by
    ``correction`` never counted: of every day of which a grade was announced that is another one
    now, the right one is announced.
    """
    changed: list[Event] = []
    for record in records:
        says = record.says
        assert says is not None
        event = PublicityTerminated(
            record=record.record,
            entity=says.entity,
            unit=says.unit,
            reason=reason,
            terminated_on=ledger.on,
            shown=says.public,
            note=note,
        )
        changed.append(event)
        yield event
        yield from end_what_rests(ledger, record, reason=reason)
        if reason == "max_reached":
            yield from open_duties(ledger, record)
    if announce:
        yield from announce_grades(ledger, changed)


def alter_records(
    ledger: Reading,
    records: Sequence[Record],
    *,
    decision: str,
    instrument: str,
    severity: RecordSeverity | None,
    amount_fen: int | None,
    doc_no: str | None = None,
) -> Iterator[Event]:
    """Let the records of one business say what their decision says since it was altered.

    On every day from the original determination on. Their last days are those of the regime of that
    day for the new class, and never later ones than before; sanctions that take a graver class are
    lifted; grades follow.
    """
    changed: list[Event] = []
    for record in records:
        says = record.says
        assert says is not None
        altered = CreditRecordAltered(
            record=record.record,
            entity=says.entity,
            unit=says.unit,
            decision=decision,
            instrument=instrument,
            altered_on=ledger.on,
            valid_from=says.determined_on,
            severity=severity,
            amount_fen=amount_fen,
            doc_no=doc_no,
            public=says.public,
        )
        changed.append(altered)
        yield altered
        if record.ended is not None:
            continue
        says = replace(says, severity=severity, amount_fen=amount_fen)
        moved = moved_bounds(ledger, record, says, because="alteration")
        if moved is not None:
            changed.append(moved)
            yield moved
        yield from _lift_beyond(ledger, record, severity)
    yield from end_outlived(ledger, records, changed)


def moved_bounds(
    ledger: Reading,
    record: Record,
    says: CreditRecordEntered,
    *,
    because: Literal["transition", "correction", "alteration"],
) -> PublicityBoundsMoved | None:
    """The bounds of a record that is in publicity, where they are others by what it now ``says``.

    An alteration never makes them later; a correction puts them right either way.
    """
    started = record.started
    if started is None or record.ended is not None:
        return None
    bounds = reckoned(ledger, says, started.channels).bounds
    if because != "correction":
        bounds = (earlier(started.min_until, bounds[0]), earlier(started.max_until, bounds[1]))
    if bounds == (started.min_until, started.max_until):
        return None
    return PublicityBoundsMoved(
        record=record.record,
        entity=says.entity,
        unit=says.unit,
        because=because,
        valid_from=ledger.on if because == "transition" else says.determined_on,
        min_until=bounds[0],
        max_until=bounds[1],
        shown=says.public,
    )


def end_outlived(
    ledger: Reading, records: Sequence[Record], changed: list[Event]
) -> Iterator[Event]:
    """End what is beyond its longest publicity by bounds that have ``changed``; announce grades."""
    bounds = {e.record: e.max_until for e in changed if isinstance(e, PublicityBoundsMoved)}
    for record in records:
        last = bounds.get(record.record)
        if last is None or ledger.on <= last:
            continue
        for event in end_records(ledger, [record], reason="max_reached", announce=False):
            changed.append(event)
            yield event
    yield from announce_grades(ledger, changed)


def _lift_beyond(
    ledger: Reading, record: Record, severity: RecordSeverity | None
) -> Iterator[SanctionLifted]:
    """Lift the sanctions on a record that take a graver class than it is of now."""
    assert record.says is not None
    catalogue = ledger.read(MeasureCatalogue(CATALOGUE))
    for sanction in ledger.read(Sanctions(record.says.entity)).resting_on(record.record):
        item = catalogue.item(sanction.catalogue_version, sanction.measure)
        if item is None or item.from_severity is None or at_least(severity, item.from_severity):
            continue
        yield SanctionLifted(
            sanction=sanction.sanction,
            entity=sanction.entity,
            unit=sanction.unit,
            record=record.record,
            reason="altered",
            lifted_on=ledger.on,
        )


def ends_by_word(record: Record, reason: TerminationReason) -> bool:
    """Whether a record ends by a word of its unit alone, so that two people sign it.

    A repair ends it by its own decision, and ``revoked`` follows what undid a decision of this
    ledger.
    """
    assert record.says is not None
    return reason == "correction" or (reason == "revoked" and record.says.decision is None)


def same_ender(person: str) -> tuple[Rule, Mapping[str, Any]]:
    """The rule that refuses ``person`` approving an end that they requested."""
    one, other = "the one who ends a record", "the one who approves it"
    return GEN_R2, {"person": person, "one": one, "other": other}


def approved_end(
    ledger: Reading, record: Record, reason: Literal["revoked", "correction"]
) -> Iterator[EndApproved]:
    """What a record needs to end so: the actor's approval, or a decision that something undid.

    Raises ``OutOfStep`` if the decision under it stands.
    """
    says = record.says
    assert says is not None
    if ends_by_word(record, reason):
        yield EndApproved(
            record=record.record,
            entity=says.entity,
            unit=says.unit,
            reason=reason,
            approved_by=ledger.actor.person_id,
        )
    elif ledger.read(Decision(says.decision or "")).undone is None:
        raise OutOfStep(
            f"decision {says.decision} under record {record.record} stands; record first what "
            "revokes it, or declares it unlawful or void"
        )


def end_what_rests(
    ledger: Reading, record: Record, *, reason: TerminationReason
) -> Iterator[Event]:
    """End what rests on a record that ends now: sharing, sanctions, a place on the serious list."""
    says = record.says
    assert says is not None
    yield from stop_sharing(ledger, record, reason)
    for sanction in ledger.read(Sanctions(says.entity)).resting_on(record.record):
        yield SanctionLifted(
            sanction=sanction.sanction,
            entity=says.entity,
            unit=sanction.unit,
            record=record.record,
            reason=LIFTED[reason],
            lifted_on=ledger.on,
        )
        if (last := _last_day(record)) is not None and last + _ONE_DAY < ledger.on:
            yield outlived(ledger, sanction, last)
    if says.kind == "serious_list":
        yield from _delist(ledger, record.record, reason)


def outlived(ledger: Reading, sanction: SanctionApplied, last: date) -> FindingRaised:
    """DIS-V1: a sanction was alive after ``last``, the last day of the record under it."""
    return finding(
        ledger,
        DIS_V1,
        unit=sanction.unit,
        entity=sanction.entity,
        sanction=sanction.sanction,
        record=sanction.record,
        record_until=last.isoformat(),
    )


def _last_day(record: Record) -> date | None:
    return None if record.started is None else record.started.max_until


def _delist(
    ledger: Reading, record: str, reason: TerminationReason
) -> Iterator[SeriousListRemoved]:
    listing = ledger.read(SeriousListing(record))
    added = listing.added
    if added is None or not listing.stands:
        return
    yield SeriousListRemoved(
        record=record,
        determination=added.determination,
        entity=added.entity,
        unit=added.unit,
        list_field=added.list_field,
        reason=reason,
        removed_on=ledger.on,
    )


def announce_grades(ledger: Reading, changed: Sequence[Event]) -> Iterator[CreditGradeAssigned]:
    """Announce the grades that follow from changes of one business's records, recorded just now.

    Derived from all its records, each affected day again (rulebook 2.17).
    """
    if not changed:
        return
    entity: str = changed[0].entity  # type: ignore[attr-defined]  # each is about a record
    yield from ledger.read(CreditGrade(entity)).following(changed, ledger.on)


def reinstate_records(
    ledger: Reading, records: Sequence[Record], *, reason: Literal["false_material", "breach"]
) -> Iterator[Event]:
    """Undo the end of records of one business: they count, and are shown, for the rest of the term.

    Each has to have ended by repair. The grade from today is what they give; a sanction that was
    lifted stays lifted until somebody applies it anew.
    """
    back: list[PublicityReinstated] = []
    for record in records:
        says, ended, started = record.says, record.ended, record.started
        assert says is not None
        assert ended is not None
        event = PublicityReinstated(
            record=record.record,
            entity=says.entity,
            unit=says.unit,
            reason=reason,
            ended_on=ended.terminated_on,
            reinstated_on=ledger.on,
            max_until=None if started is None else started.max_until,
            shown=ended.shown,
        )
        back.append(event)
        yield event
        if event.max_until is None or ledger.on <= event.max_until:
            yield from share(ledger, says)
    yield from announce_grades(ledger, back)
