"""What ends with a credit record, whoever ends it: publicity, sanctions, the grade it gave.

Repair, revocation, correction and the end of publicity all come here, so that none of them leaves
something behind. Whatever is recorded is one append, with one correlation id.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ledger.credit.events import PublicityTerminated, TerminationReason
from ledger.credit.folds import CreditRecords, Record
from ledger.dishonesty.events import SanctionLifted
from ledger.dishonesty.folds import Sanctions
from ledger.grading.events import CreditGradeAssigned
from ledger.grading.folds import CreditGrade, inputs_hash, local_grade
from ledger.kernel import Event, Reading

#: Why a sanction is lifted when the record under it ends so.
_LIFTED: dict[str, str] = {
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
        for sanction in ledger.read(Sanctions(says.entity)).resting_on(record.record):
            yield SanctionLifted(
                sanction=sanction.sanction,
                entity=says.entity,
                unit=sanction.unit,
                record=record.record,
                reason=_LIFTED[reason],  # type: ignore[arg-type]
                lifted_on=ledger.on,
            )
    if records:
        yield from _regrade(ledger, records, from_the_start=reason in _FROM_THE_START)


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
        yield CreditGradeAssigned(
            entity=says.entity,
            scheme="local",
            grade=grade,
            assessed_on=day,
            source="local_rule",
            factors=factors,
            inputs_hash=inputs_hash(factors),
        )
