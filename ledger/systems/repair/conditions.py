"""The conditions of a repair, each with what shows it (修复条件): one list for rule and view.

Pure but for the folds that it asks for: a command hands in its reading, a view its own. What no
paper could mend comes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Protocol, TypeVar

import msgspec

from ledger.kernel import Fold
from ledger.kernel.days import add_months
from ledger.kernel.policies import PolicyVersions
from ledger.kernel.rules import Rule
from ledger.systems.commitments.folds import Commitment
from ledger.systems.credit.folds import Record
from ledger.systems.credit.regimes import reckon
from ledger.systems.filing.folds import Task
from ledger.systems.penalties.folds import Case, Decision
from ledger.systems.penalties.rules import ONLY_MONEY
from ledger.systems.repair import rules
from ledger.systems.repair.events import EnterpriseSize, Proof
from ledger.systems.repair.folds import Duties, RepairCase, RepairsOf

F = TypeVar("F", bound=Fold)

FALSE_BAR = "repair.false_bar_years"


class Read(Protocol):
    """Where folds are read."""

    def __call__(self, fold: F, /) -> F: ...


class Asked(msgspec.Struct, frozen=True):
    """What is asked for, with what it is asked."""

    entity: str
    records: tuple[str, ...]
    proofs: tuple[Proof, ...] = ()
    commitment: str | None = None
    green_channel: bool = False
    enterprise_size: EnterpriseSize | None = None
    epidemic_ground: str | None = None

    @classmethod
    def by(cls, case: RepairCase) -> Asked:
        """What a case asks for."""
        return cls(
            case.entity,
            case.records,
            case.proofs,
            case.commitment,
            case.green_channel,
            case.enterprise_size,
            case.epidemic_ground,
        )


class Condition(msgspec.Struct, frozen=True):
    """One condition: the rule that demands it, whether it is met, and by what one sees that.

    ``details`` are those of the refusal, if it is not met.
    """

    rule: Rule
    met: bool
    record: str | None = None
    evidence: tuple[str, ...] = ()
    details: dict[str, Any] = msgspec.field(default_factory=dict)


def conditions(read: Read, asked: Asked, on: date) -> Iterator[Condition]:
    """Every condition of REP-R1 to REP-R5 and REP-R7, as it stands on a day.

    The records have to be known. A record without severity has nothing to wait for.
    """
    records = [read(Record(name)) for name in asked.records]
    for record in records:
        yield _repairable(read, record)
    yield from _not_barred(read, asked.entity, on)
    for record in records:
        yield _old_enough(read, record, on)
    for record in records:
        yield from _performed(read, record, asked.proofs, on)
    yield _committed(read, asked)
    if asked.green_channel:
        yield _green(asked)


def _channels(record: Record) -> tuple[Any, ...]:
    return () if record.started is None else record.started.channels


def _repairable(read: Read, record: Record) -> Condition:
    assert record.says is not None
    duties = read(Duties(record.record))
    law = None
    if duties.excluded_by is not None:
        law = " ".join(filter(None, (duties.excluded_by.instrument, duties.excluded_by.article)))
    else:
        reckoning = reckon(record.says, _channels(record), lambda key: read(PolicyVersions(key)))
        shut = [regime for regime in reckoning.governing if not regime.repairable]
        law = shut[0].law if shut else None
    return Condition(
        rules.REP_R4,
        law is None,
        record.record,
        details={"record": record.record, "law": law},
    )


def _not_barred(read: Read, entity: str, on: date) -> Iterator[Condition]:
    repairs = read(RepairsOf(entity))
    bars: list[tuple[date, str, tuple[str, ...]]] = [
        (bar.bar_until, bar.reason, bar.evidence) for bar in repairs.bars
    ]
    years = read(PolicyVersions(FALSE_BAR))
    for commitment, day in repairs.breaches(on):
        version = years.in_force(day)
        if version is not None:
            until = add_months(day, 12 * int(version.value))
            bars.append((until, f"commitment {commitment} was broken on {day}", (commitment,)))
    last = max(bars, default=None)
    if last is None:
        yield Condition(rules.REP_R5, True, details={"entity": entity})
        return
    until, reason, evidence = last
    yield Condition(
        rules.REP_R5,
        until < on,
        evidence=evidence,
        details={"entity": entity, "bar_until": until, "reason": reason},
    )


def _old_enough(read: Read, record: Record, on: date) -> Condition:
    assert record.says is not None
    reckoning = reckon(record.says, _channels(record), lambda key: read(PolicyVersions(key)))
    earliest = reckoning.earliest_on
    return Condition(
        rules.REP_R1,
        earliest is None or earliest <= on,
        record.record,
        evidence=(record.says.instrument.doc_no,),
        details={
            "record": record.record,
            "earliest": earliest,
            "determined_on": record.says.determined_on,
            "regimes": [
                {**msgspec.to_builtins(regime), "governs": regime in reckoning.governing}
                for regime in reckoning.regimes
            ],
        },
    )


def _performed(
    read: Read, record: Record, proofs: tuple[Proof, ...], on: date
) -> Iterator[Condition]:
    """What is performed: by what the ledger holds, and by papers where it holds nothing."""
    seen = read(Duties(record.record)).performed
    paid = {"obligations_performed": _receipts(read, record)}
    held = _open_here(read, record, on)
    for duty in ("conduct_corrected", "obligations_performed"):
        papers = [proof.ref for proof in proofs if proof.shows == duty]
        evidence = (*seen.get(duty, ()), *paid.get(duty, ()), *papers)
        owed = held.get(duty, {})
        says = "; ".join(f"{name.removesuffix('_fen')} {value}" for name, value in owed.items())
        yield Condition(
            rules.REP_R2,
            bool(evidence) and not owed,
            record.record,
            evidence=evidence,
            details={
                "record": record.record,
                "missing": duty,
                "open": f" (in the ledger: {says})" if says else "",
                **owed,
            },
        )


def _open_here(read: Read, record: Record, on: date) -> dict[str, dict[str, Any]]:
    """What is open by the ledger's own facts, by duty: no paper takes its place.

    Of a decision its fine and surcharge as of a day, deferred or not; the order to correct with
    which the inspection behind it ended; of a breached commitment that nobody has seen it made
    good.
    """
    says = record.says
    assert says is not None
    seen = read(Duties(record.record)).performed
    found: dict[str, dict[str, Any]] = {}
    task = says.task
    if says.decision is not None:
        decision = read(Decision(says.decision))
        accrued = decision.late_fee_due_fen
        if decision.pay_by is not None:
            accrued = max(accrued, decision.late_fee(decision.pay_by, on))
        owed = {
            "outstanding_fen": decision.outstanding(on),
            "late_fee_outstanding_fen": max(0, accrued - decision.late_fee_paid_fen),
        }
        if any(owed.values()):
            found["obligations_performed"] = {k: v for k, v in owed.items() if v}
        if decision.decided is not None:
            filed = read(Case(decision.decided.case)).filed
            task = task or (None if filed is None else filed.task)
    if (
        task is not None
        and read(Task(task)).result == "order_to_correct"
        and "conduct_corrected" not in seen
    ):
        found["conduct_corrected"] = {"order": task}
    if says.kind == "commitment_breach" and "obligations_performed" not in seen:
        breach = {"breach": says.instrument.doc_no}
        found["obligations_performed"] = {**found.get("obligations_performed", {}), **breach}
    return found


def _receipts(read: Read, record: Record) -> tuple[str, ...]:
    """What shows that a penalty is performed which asked for money and for nothing else."""
    assert record.says is not None
    if record.says.decision is None:
        return ()
    decision = read(Decision(record.says.decision))
    if decision.decided is None or not ONLY_MONEY.issuperset(decision.decided.types):
        return ()
    return tuple(payment.receipt_no for payment in decision.payments) if decision.settled else ()


def _committed(read: Read, asked: Asked) -> Condition:
    reason = None
    if asked.commitment is None:
        reason = "none is named"
    else:
        commitment = read(Commitment(asked.commitment))
        if commitment.entity != asked.entity:
            reason = f"{asked.commitment} is none of {asked.entity}"
        elif commitment.type != "repair":
            reason = f"{asked.commitment} is of type {commitment.type}"
        elif not commitment.public:
            reason = f"{asked.commitment} is not public"
    return Condition(
        rules.REP_R3,
        reason is None,
        evidence=() if asked.commitment is None else (asked.commitment,),
        details={"reason": reason},
    )


def _green(asked: Asked) -> Condition:
    reasons = []
    if asked.enterprise_size not in ("micro", "small"):
        reasons.append(
            f"{asked.entity} is {asked.enterprise_size or 'of unknown size'}, not small or micro"
        )
    if not asked.epidemic_ground:
        reasons.append("nothing ties the penalty to the epidemic")
    return Condition(
        rules.REP_R7,
        not reasons,
        evidence=(asked.epidemic_ground,) if asked.epidemic_ground else (),
        details={"reason": "; ".join(reasons)},
    )
