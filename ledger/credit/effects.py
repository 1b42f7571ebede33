"""What ends with a credit record: publicity, sharing, sanctions, a listing, the grade it gave.

Repair, revocation, correction and the end of publicity all come here, so that none of them leaves
something behind; and what undoes an end. Whatever is recorded is one append, with one correlation
id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Literal

from ledger.corrections.folds import require_known
from ledger.credit.events import (
    EndApproved,
    PublicityReinstated,
    PublicityTerminated,
    TerminationReason,
)
from ledger.credit.folds import CreditRecords, Record
from ledger.dishonesty.events import (
    LiftReason,
    SanctionApplied,
    SanctionLifted,
    SeriousListRemoved,
)
from ledger.dishonesty.folds import Sanctions, SeriousListing
from ledger.dishonesty.rules import DIS_V1
from ledger.grading.events import CreditGradeAssigned, Factor
from ledger.grading.folds import CreditGrade, inputs_hash, local_grade
from ledger.kernel import Event, Malformed, OutOfStep, Reading
from ledger.penalties.folds import Decision
from ledger.repair.findings import open_duties
from ledger.sharing.effects import share, stop_sharing
from ledger.supervision.events import FindingRaised
from ledger.supervision.findings import finding
from ledger.supervision.rules import GEN_R2
from ledger.vocabulary import Grade

_ONE_DAY = timedelta(days=1)

#: Why a sanction is lifted when the record under it ends so.
LIFTED: Mapping[TerminationReason, LiftReason] = {
    "repaired": "repaired",
    "revoked": "revoked",
    "correction": "correction",
    "source_delisted": "removed",
    "max_reached": "expired",
}
#: These say that the record never ought to have counted: grades are put right from its own day on.
_FROM_THE_START = {"revoked", "correction"}


def end_records(
    ledger: Reading,
    records: Sequence[Record],
    *,
    reason: TerminationReason,
    note: str | None = None,
) -> Iterator[Event]:
    """End records of one business, and with each what rests on it.

    ``records`` have to be on record and not ended yet. A record that is ``revoked`` or ended by
    ``correction`` takes back every grade that it gave, each on its own day; any other end gives a
    new grade from today, if it is a better one.
    """
    for record in records:
        says = record.says
        assert says is not None
        yield PublicityTerminated(
            record=record.record,
            entity=says.entity,
            unit=says.unit,
            reason=reason,
            terminated_on=ledger.on,
            shown=says.public,
            note=note,
        )
        yield from end_what_rests(ledger, record, reason=reason)
        if reason == "max_reached":
            yield from open_duties(ledger, record)
    if records:
        yield from _regrade(ledger, records, from_the_start=reason in _FROM_THE_START)


def approved_end(
    ledger: Reading,
    record: Record,
    reason: Literal["revoked", "correction"],
    approved_by: str | None,
) -> Iterator[EndApproved]:
    """What a record needs to end by a word of its unit alone, and not by repair.

    A decision of this ledger is ``revoked`` when something undid it. Where none is at hand that
    says so, a second person has looked at it; raises ``GEN-R2`` for one who has sent the command.
    """
    says = record.says
    assert says is not None
    if reason == "revoked" and says.decision is not None:
        if ledger.read(Decision(says.decision)).undone is None:
            raise OutOfStep(
                f"decision {says.decision} under record {record.record} stands; record first what "
                "revokes it, or declares it unlawful or void"
            )
        return
    if approved_by is None:
        raise Malformed(
            f"name in approved_by who else has approved that {record.record} ends", "/approved_by"
        )
    ledger.require(
        approved_by != ledger.actor.person_id,
        GEN_R2,
        person=approved_by,
        one="the one who ends a record",
        other="the one who approves it",
    )
    require_known(ledger, approved_by)
    yield EndApproved(
        record=record.record,
        entity=says.entity,
        unit=says.unit,
        reason=reason,
        approved_by=approved_by,
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


def _regrade(
    ledger: Reading, records: Sequence[Record], *, from_the_start: bool
) -> Iterator[CreditGradeAssigned]:
    says = records[0].says
    assert says is not None
    ended = {record.record for record in records}
    known = ledger.read(CreditRecords(says.entity)).without(ended)
    grades = ledger.read(CreditGrade(says.entity))
    given = {
        event.assessed_on
        for event in grades.assigned
        if any(factor.record in ended for factor in event.factors)
    }
    days = sorted(given) if from_the_start and given else [ledger.on]
    for day in days:
        grade, factors = local_grade(known, day)
        # What spoke against a business is gone: that makes no grade worse.
        if grade >= grades.on(day):
            continue
        yield _assigned(says.entity, grade, factors, day)


def _assigned(
    entity: str, grade: Grade, factors: tuple[Factor, ...], day: date
) -> CreditGradeAssigned:
    return CreditGradeAssigned(
        entity=entity,
        scheme="local",
        grade=grade,
        assessed_on=day,
        source="local_rule",
        factors=factors,
        inputs_hash=inputs_hash(factors),
    )


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
    if not back:
        return
    known = ledger.read(CreditRecords(back[0].entity)).reinstated(back)
    grade, factors = local_grade(known, ledger.on)
    # What speaks against a business is back: that makes no grade better.
    if grade > ledger.read(CreditGrade(back[0].entity)).on(ledger.on):
        yield _assigned(back[0].entity, grade, factors, ledger.on)
