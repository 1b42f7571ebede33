"""The conditions of a repair (修复条件), each with its evidence: one list for commands and views.

The functions are pure except for the folds that they read: a command passes its inquiry, a view its
own. Conditions that no document can change come first.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Protocol, TypeVar

import msgspec

from ledger.kernel import Fold, Message, message
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
    """A function that returns a fold with its events."""

    def __call__(self, fold: F, /) -> F: ...


class Asked(msgspec.Struct, frozen=True):
    """An application for repair: its records, its proofs and its commitment."""

    entity: str
    records: tuple[str, ...]
    proofs: tuple[Proof, ...] = ()
    commitment: str | None = None
    green_channel: bool = False
    enterprise_size: EnterpriseSize | None = None
    epidemic_ground: str | None = None

    @classmethod
    def by(cls, case: RepairCase) -> Asked:
        """Return the application of a case."""
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
    """One condition: the rule that requires it, whether it is met, and the evidence.

    ``details`` are the details of the refusal if it is not met.
    """

    rule: Rule
    met: bool
    record: str | None = None
    evidence: tuple[str, ...] = ()
    details: dict[str, Any] = msgspec.field(default_factory=dict)


def conditions(read: Read, asked: Asked, on: date) -> Iterator[Condition]:
    """Yield every condition of REP-R1 to REP-R5 and REP-R7, as of a day.

    All records must exist. A record without severity has no least time of publicity.
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
    bars: list[tuple[date, Message | str, tuple[str, ...]]] = [
        (bar.bar_until, bar.reason, bar.evidence) for bar in repairs.bars
    ]
    years = read(PolicyVersions(FALSE_BAR))
    for commitment, day in repairs.breaches(on):
        version = years.in_force(day)
        if version is not None:
            until = add_months(day, 12 * int(version.value))
            bars.append(
                (
                    until,
                    message("repair.commitment-breached", commitment=commitment, day=day),
                    (commitment,),
                )
            )
    last = max(bars, key=lambda bar: bar[0], default=None)
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
    """Yield a condition for each duty; documents count if the ledger has no contrary fact."""
    seen = read(Duties(record.record)).performed
    paid = {"obligations_performed": _receipts(read, record)}
    held = _open_here(read, record, on)
    for duty in ("conduct_corrected", "obligations_performed"):
        papers = [proof.ref for proof in proofs if proof.shows == duty]
        evidence = (*seen.get(duty, ()), *paid.get(duty, ()), *papers)
        owed = held.get(duty, {})
        says = [f"{name.removesuffix('_fen')} {value}" for name, value in owed.items()]
        yield Condition(
            rules.REP_R2,
            bool(evidence) and not owed,
            record.record,
            evidence=evidence,
            details={
                "record": record.record,
                "missing": duty,
                "open": message("repair.open-in-ledger", says=says) if says else "",
                **owed,
            },
        )


def _open_here(read: Read, record: Record, on: date) -> dict[str, dict[str, Any]]:
    """Return the duties that are open according to the ledger; no document can disprove them.

    These are: the unpaid fine and late fee of a decision as of a day, deferred or not; the order to
    correct with which its inspection ended; a breached commitment without recorded performance.
    """
    says = record.says
    seen = read(Duties(record.record)).performed
    still_open: dict[str, dict[str, Any]] = {}
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
            still_open["obligations_performed"] = {k: v for k, v in owed.items() if v}
        if decision.exists:
            filed = read(Case(decision.decided.case)).filing
            task = task or (None if filed is None else filed.task)
    if (
        task is not None
        and read(Task(task)).result == "order_to_correct"
        and "conduct_corrected" not in seen
    ):
        still_open["conduct_corrected"] = {"order": task}
    if says.kind == "commitment_breach" and "obligations_performed" not in seen:
        still_open.setdefault("obligations_performed", {})["breach"] = says.instrument.doc_no
    return still_open


def _receipts(read: Read, record: Record) -> tuple[str, ...]:
    """Return the receipts that show the performance of a penalty that is only money."""
    if record.says.decision is None:
        return ()
    decision = read(Decision(record.says.decision))
    if not decision.exists or not ONLY_MONEY.issuperset(decision.decided.types):
        return ()
    return tuple(payment.receipt_no for payment in decision.payments) if decision.settled else ()


def _committed(read: Read, asked: Asked) -> Condition:
    reason = None
    if asked.commitment is None:
        reason = message("repair.no-commitment-named")
    else:
        commitment = read(Commitment(asked.commitment))
        if commitment.entity != asked.entity:
            reason = message(
                "repair.not-commitment", commitment=asked.commitment, entity=asked.entity
            )
        elif commitment.type != "repair":
            reason = message(
                "repair.type-not-repair", commitment=asked.commitment, type=commitment.type
            )
        elif not commitment.public:
            reason = message("repair.not-public", commitment=asked.commitment)
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
            message(
                "repair.not-small-micro",
                entity=asked.entity,
                enterprise_size=asked.enterprise_size or message("repair.unknown-size"),
            )
        )
    if not asked.epidemic_ground:
        reasons.append(message("repair.no-ground-connects-penalty-epidemic"))
    return Condition(
        rules.REP_R7,
        not reasons,
        evidence=(asked.epidemic_ground,) if asked.epidemic_ground else (),
        details={"reason": message("general.clauses", clauses=reasons)},
    )
