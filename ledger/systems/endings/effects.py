"""The end of a credit record with everything based on it: publicity, sharing, sanctions, grade.

Repair, revocation, correction and the end of publicity all use this module, so that each of them
ends everything. It also holds the reverse, the reinstatement of a record. All events of one call
are recorded in one append with one correlation id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Literal

from msgspec.structs import replace

from ledger.general.findings import FindingRaised, finding
from ledger.general.vocabulary import Role
from ledger.kernel import DeadlineRule, Event, Inquiry, OutOfStep, Recorded, Rule, message
from ledger.systems.credit.events import (
    CreditRecordAltered,
    CreditRecordEntered,
    EndApproved,
    PublicityBoundsMoved,
    PublicityReinstated,
    PublicityStarted,
    PublicityTerminated,
    RecordSeverity,
    TerminationReason,
)
from ledger.systems.credit.folds import Record
from ledger.systems.credit.regimes import earlier, last_public_day, reckoned
from ledger.systems.credit.rules import CRD_V1
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
from ledger.systems.supervision.rules import GEN_R2

_ONE_DAY = timedelta(days=1)

#: The roles that may approve a unit's own decision to end a record.
ENDERS: frozenset[Role] = frozenset({"credit_officer", "unit_head"})

#: The reason for lifting a sanction, by the reason why its record ended.
LIFTED: Mapping[TerminationReason, LiftReason] = {
    "repaired": "repaired",
    "revoked": "revoked",
    "correction": "correction",
    "source_delisted": "removed",
    "max_reached": "expired",
}


def end_records(
    inquiry: Inquiry,
    records: Sequence[Record],
    *,
    reason: TerminationReason,
    note: str | None = None,
    announce: bool = True,
) -> Iterator[Event]:
    """End records of one business, with everything that is based on them.

    ``records`` must be entered and not ended. A record that ends as ``revoked`` or by
    ``correction`` never counted, not even in the past. If a grade that was announced for an earlier
    day is different without it, the corrected grade is announced.
    """
    changed: list[Event] = []
    for record in records:
        says = record.says
        event = PublicityTerminated(
            record=record.record,
            entity=says.entity,
            unit=says.unit,
            reason=reason,
            terminated_on=inquiry.on,
            shown=says.public,
            note=note,
        )
        changed.append(event)
        yield event
        yield from end_what_rests(inquiry, record, reason=reason)
        if reason == "max_reached":
            yield from open_duties(inquiry, record)
    if announce:
        yield from announce_grades(inquiry, changed)


def alter_records(
    inquiry: Inquiry,
    records: Sequence[Record],
    *,
    decision: str,
    instrument: str,
    severity: RecordSeverity | None,
    amount_fen: int | None,
    doc_no: str | None = None,
) -> Iterator[Event]:
    """Change records of one business to the new content of their altered decision.

    The new content counts for every day from the original determination. The last days of publicity
    are computed for the new class under the regime of that day, but never become later. Sanctions
    that need a more serious class are lifted, and grades are announced again.
    """
    changed: list[Event] = []
    for record in records:
        says = record.says
        altered = CreditRecordAltered(
            record=record.record,
            entity=says.entity,
            unit=says.unit,
            decision=decision,
            instrument=instrument,
            altered_on=inquiry.on,
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
        moved = moved_bounds(inquiry, record, says, because="alteration")
        if moved is not None:
            changed.append(moved)
            yield moved
        yield from _lift_beyond(inquiry, record, severity)
    yield from end_outlived(inquiry, records, changed)


def moved_bounds(
    inquiry: Inquiry,
    record: Record,
    says: CreditRecordEntered,
    *,
    because: Literal["transition", "correction", "alteration"],
) -> PublicityBoundsMoved | None:
    """Return the moved last days of a record's publicity, or ``None`` if they do not move.

    ``says`` is the content to compute them from. Only a correction may make them later.
    """
    started = record.started
    if started is None or record.ended is not None:
        return None
    bounds = reckoned(inquiry, says, started.channels).bounds
    if because != "correction":
        bounds = (earlier(started.min_until, bounds[0]), earlier(started.max_until, bounds[1]))
    if bounds == (started.min_until, started.max_until):
        return None
    return PublicityBoundsMoved(
        record=record.record,
        entity=says.entity,
        unit=says.unit,
        because=because,
        valid_from=inquiry.on if because == "transition" else says.determined_on,
        min_until=bounds[0],
        max_until=bounds[1],
        shown=says.public,
    )


def end_outlived(
    inquiry: Inquiry, records: Sequence[Record], changed: list[Event]
) -> Iterator[Event]:
    """End the records whose moved last day has passed, then announce grades.

    ``changed`` holds the events so far; the new ones are added to it.
    """
    bounds = {e.record: e.max_until for e in changed if isinstance(e, PublicityBoundsMoved)}
    for record in records:
        last = bounds.get(record.record)
        if last is None or inquiry.on <= last:
            continue
        for event in end_records(inquiry, [record], reason="max_reached", announce=False):
            changed.append(event)
            yield event
    yield from announce_grades(inquiry, changed)


def _lift_beyond(
    inquiry: Inquiry, record: Record, severity: RecordSeverity | None
) -> Iterator[SanctionLifted]:
    """Lift the sanctions on a record that need a more serious class than its present one."""
    catalogue = inquiry.read(MeasureCatalogue(CATALOGUE))
    for sanction in inquiry.read(Sanctions(record.says.entity)).resting_on(record.record):
        item = catalogue.item(sanction.catalogue_version, sanction.measure)
        if item is None or item.from_severity is None or at_least(severity, item.from_severity):
            continue
        yield SanctionLifted(
            sanction=sanction.sanction,
            entity=sanction.entity,
            unit=sanction.unit,
            record=record.record,
            reason="altered",
            lifted_on=inquiry.on,
        )


def ends_by_word(record: Record, reason: TerminationReason) -> bool:
    """Return whether only the unit's own decision ends a record, so that two people must sign.

    This is not so if the record ends by repair, which is decided separately, or is ``revoked``
    because a decision in this ledger was undone.
    """
    return reason == "correction" or (reason == "revoked" and record.says.decision is None)


def same_ender(person: str) -> tuple[Rule, Mapping[str, Any]]:
    """Return the rule by which ``person`` cannot approve an end that they requested."""
    return GEN_R2, {
        "person": person,
        "one": message("endings.person-ends-record"),
        "other": message("endings.person-approves"),
    }


def approved_end(
    inquiry: Inquiry, record: Record, reason: Literal["revoked", "correction"]
) -> Iterator[EndApproved]:
    """Yield the actor's approval of the end of a record, if it needs one.

    Otherwise the record is based on a decision of this ledger. Raise ``OutOfStep`` if that decision
    was not undone.
    """
    says = record.says
    if ends_by_word(record, reason):
        yield EndApproved(
            record=record.record,
            entity=says.entity,
            unit=says.unit,
            reason=reason,
            approved_by=inquiry.actor.person_id,
        )
    elif inquiry.read(Decision(says.decision or "")).undone is None:
        raise OutOfStep(
            "endings.decision-basis-record-still-effect",
            decision=says.decision,
            record=record.record,
        )


def end_what_rests(
    inquiry: Inquiry, record: Record, *, reason: TerminationReason
) -> Iterator[Event]:
    """End what is based on a record that ends now: sharing, sanctions, a serious listing."""
    says = record.says
    yield from stop_sharing(inquiry, record, reason)
    for sanction in inquiry.read(Sanctions(says.entity)).resting_on(record.record):
        yield SanctionLifted(
            sanction=sanction.sanction,
            entity=says.entity,
            unit=sanction.unit,
            record=record.record,
            reason=LIFTED[reason],
            lifted_on=inquiry.on,
        )
        if (last := _last_day(record)) is not None and last + _ONE_DAY < inquiry.on:
            yield outlived(inquiry, sanction, last)
    if says.kind == "serious_list":
        yield from _delist(inquiry, record.record, reason)


def outlived(inquiry: Inquiry, sanction: SanctionApplied, last: date) -> FindingRaised:
    """Return finding DIS-V1: a sanction was in force after ``last``, the last day of its record."""
    return finding(
        inquiry,
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
    inquiry: Inquiry, record: str, reason: TerminationReason
) -> Iterator[SeriousListRemoved]:
    listing = inquiry.read(SeriousListing(record))
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
        removed_on=inquiry.on,
    )


def announce_grades(inquiry: Inquiry, changed: Sequence[Event]) -> Iterator[CreditGradeAssigned]:
    """Announce the grades that follow from new events about the records of one business.

    Each affected day is graded again from all its records (rulebook 2.17).
    """
    if not changed:
        return
    entity: str = changed[0].entity  # type: ignore[attr-defined]  # each event is about a record
    yield from inquiry.read(CreditGrade(entity)).following(changed, inquiry.on)


def reinstate_records(
    inquiry: Inquiry, records: Sequence[Record], *, reason: Literal["false_material", "breach"]
) -> Iterator[Event]:
    """Undo the end of records of one business; they count and are shown until their term ends.

    Each record must have ended by repair. The grade changes from today. A sanction that was lifted
    stays lifted until it is applied again.
    """
    back: list[PublicityReinstated] = []
    for record in records:
        says, ended, started = record.says, record.ended, record.started
        assert ended is not None
        event = PublicityReinstated(
            record=record.record,
            entity=says.entity,
            unit=says.unit,
            reason=reason,
            ended_on=ended.terminated_on,
            reinstated_on=inquiry.on,
            max_until=None if started is None else started.max_until,
            shown=ended.shown,
        )
        back.append(event)
        yield event
        if event.max_until is None or inquiry.on <= event.max_until:
            yield from share(inquiry, says)
    yield from announce_grades(inquiry, back)


def _max_reached(inquiry: Inquiry, opening: Recorded, due_on: date) -> Iterator[Event]:
    """最长公示期届满: End a record whose longest publicity is over."""
    assert isinstance(opening.event, PublicityStarted | PublicityReinstated | PublicityBoundsMoved)
    record = inquiry.read(Record(opening.event.record))
    if record.ended is not None:
        return
    ends = min(due_on, last_public_day(inquiry, record) or due_on) + timedelta(days=1)
    yield from end_records(inquiry, [record], reason="max_reached")
    if inquiry.on > ends and not record.suspended(inquiry.on):
        yield finding(
            inquiry,
            CRD_V1,
            unit=opening.event.unit,
            entity=opening.event.entity,
            record=record.record,
            due_on=ends.isoformat(),
            reason="max_reached",
        )


END_OF_PUBLICITY = DeadlineRule(
    "dishonesty.regime.max",
    None,
    PublicityStarted,
    (PublicityTerminated, PublicityBoundsMoved),
    about=lambda event: None if event.max_until is None else f"record:{event.record}",
    ends=lambda event: event.max_until,
    lapses=True,
    follows=_max_reached,
)


#: A moved last day replaces the earlier one.
END_OF_MOVED = DeadlineRule(
    "dishonesty.regime.max.moved",
    None,
    PublicityBoundsMoved,
    (PublicityTerminated, PublicityBoundsMoved),
    about=lambda event: None if event.max_until is None else f"record:{event.record}",
    ends=lambda event: event.max_until,
    lapses=True,
    follows=_max_reached,
)


#: A reinstated record keeps its last day.
END_OF_REINSTATED = DeadlineRule(
    "dishonesty.regime.max.reinstated",
    None,
    PublicityReinstated,
    (PublicityTerminated, PublicityBoundsMoved),
    about=lambda event: None if event.max_until is None else f"record:{event.record}",
    ends=lambda event: event.max_until,
    lapses=True,
    follows=_max_reached,
)
