"""What the tests of repair and sharing have in common: a record in publicity, and its repair."""

from __future__ import annotations

from datetime import date
from typing import Any

from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.values import Instrument
from ledger.kernel import Event, LegalRef, Recorded, codec
from ledger.systems.commitments.events import CommitmentMade
from ledger.systems.credit.events import CreditRecordEntered, PublicityStarted, PublicityTerminated
from ledger.systems.dishonesty.events import SanctionApplied
from ledger.systems.grading.events import CreditGradeAssigned
from ledger.systems.policies.commands import SeedLedger
from ledger.systems.repair.commands import (
    AcceptRepair,
    ApplyRepair,
    ForwardRepair,
    GrantRepair,
    NotAcceptRepair,
    RefuseRepair,
)
from ledger.systems.repair.events import DutiesPerformed, Proof, Reason
from ledger.systems.sharing.commands import SubscribeFeed
from tests.cast import E_B, E_C, EDB, REP_C, actor
from tests.gwt import Scenario

BANK = actor("BANK", "BANK-SYS", "subscriber_system")
RAIL = actor("RAIL", "RAIL-SYS", "subscriber_system")

PROOFS = (
    Proof(shows="conduct_corrected", ref="整改报告1号"),
    Proof(shows="obligations_performed", ref="缴款凭证1号"),
)
APPLY = ApplyRepair(
    repair="REP-1",
    entity=E_C,
    records=("CR-1",),
    channel="credit_china",
    proofs=PROOFS,
    commitment="CMT-1",
)
FORWARD = ForwardRepair(repair="REP-1", to_unit="MRB")
ACCEPT = AcceptRepair(repair="REP-1")
GRANT = GrantRepair(
    repair="REP-1",
    verified=("conduct_corrected", "obligations_performed"),
    verification="现场核查",
)
DECLINE = NotAcceptRepair(repair="REP-1", reasons=(Reason(says="材料不实"),))
REFUSE = RefuseRepair(
    repair="REP-1", reasons=(Reason(says="整改不到位"),), remedy="60日内申请行政复议"
)

SUBSCRIBE = SubscribeFeed(
    subscription="SUB-1",
    unit="BANK",
    purpose="贷款审批中查询失信信息",
    legal_basis=(LegalRef(instrument="征信业管理条例", article="Art 21"),),
)


def record(
    name: str = "CR-1",
    *,
    entity: str = E_C,
    unit: str = "MRB",
    determined: str = "2026-04-15",
    **changed: Any,
) -> CreditRecordEntered:
    """A penalty on record."""
    day = date.fromisoformat(determined)
    said: dict[str, Any] = {
        "kind": "penalty",
        "instrument": Instrument(kind="penalty_decision", doc_no=f"罚〔{name}〕", effective_on=day),
        "determined_on": day,
        "title": "行政处罚",
        "public": True,
        "severity": "general",
        "amount_fen": 500_000,
    }
    return CreditRecordEntered(record=name, entity=entity, unit=unit, **{**said, **changed})


def started(
    name: str = "CR-1",
    *,
    entity: str = E_C,
    unit: str = "MRB",
    on: str = "2026-04-24",
    until: str = "2027-04-15",
    **changed: Any,
) -> PublicityStarted:
    """Its publicity, from a day on."""
    said: dict[str, Any] = {
        "channels": ("credit_china", "unit_site"),
        "min_until": date(2026, 7, 15),
        "max_until": date.fromisoformat(until),
    }
    return PublicityStarted(
        record=name,
        entity=entity,
        unit=unit,
        started_on=date.fromisoformat(on),
        **{**said, **changed},
    )


def commitment(name: str = "CMT-1", *, entity: str = E_C, **changed: Any) -> CommitmentMade:
    """A public commitment for a repair."""
    said: dict[str, Any] = {"type": "repair", "public": True, "obligations": ()}
    return CommitmentMade(
        commitment=name, entity=entity, unit="MRB", text_hash="ab" * 32, **{**said, **changed}
    )


def sanction(name: str = "SAN-1", of: str = "CR-1", entity: str = E_C) -> SanctionApplied:
    """A measure that rests on a record."""
    return SanctionApplied(
        sanction=name,
        entity=entity,
        unit="EDB",
        record=of,
        measure="限制参与政府采购",
        catalogue_version=1,
        applied_on=date(2026, 5, 6),
    )


#: Records of another business and of another unit, whatever becomes of them, with what rests on
#: them; another business is barred, has broken its word and was seen to have paid.
OTHERS: tuple[Event, ...] = (
    record("CR-8", entity=E_B),
    started("CR-8", entity=E_B),
    record("CR-9", entity=E_C, unit="EMB", severity="minor", necessity_reason="群众安全"),
    sanction("SAN-8", "CR-8", E_B),
    commitment("CMT-8", entity=E_B),
    DutiesPerformed(
        record="CR-8",
        entity=E_B,
        unit="MRB",
        duty="obligations_performed",
        performed_on=date(2026, 5, 4),
        evidence=("缴款凭证8号",),
    ),
    PublicityTerminated(
        record="CR-8",
        entity=E_B,
        unit="MRB",
        reason="correction",
        terminated_on=date(2026, 5, 5),
    ),
)


def tale(start: str = "2026-04-15T09:00+08:00") -> Scenario:
    """A ledger with its policies, and neighbours."""
    return Scenario(InMemoryDCBRecorder()).at(start).given(SeedLedger()).amid(*OTHERS)


def s15(day: str = "2026-07-16", *past: Event) -> Scenario:
    """S15 on a day: CR-1 in publicity, a sanction on it, grade C, a commitment made."""
    return (
        tale()
        .given(record())
        .at("2026-04-24T09:00+08:00")
        .given(started(), sanction(), commitment())
        .given(
            CreditGradeAssigned(
                entity=E_C,
                scheme="local",
                grade="C",
                assessed_on=date(2026, 4, 24),
                source="local_rule",
                factors=(),
                inputs_hash="0" * 64,
            )
        )
        .given(*past)
        .at(f"{day}T09:00+08:00")
    )


def accepted(granted: str = "2026-07-27", *past: Event) -> Scenario:
    """The same with the repair applied for, forwarded and accepted in time."""
    return (
        s15("2026-07-16", *past)
        .given(APPLY, actor=REP_C)
        .given(FORWARD, actor=EDB)
        .at("2026-07-20T09:00+08:00")
        .given(ACCEPT)
        .at(f"{granted}T09:00+08:00")
    )


def records_of(story: Scenario) -> list[Recorded]:
    """Everything recorded so far."""
    return [codec.decode(e.position, e.event.data) for e in story.ledger.recorder.read()]


def opening(story: Scenario, type_: type[Event]) -> int:
    """The position of the last event of a type."""
    return [r.position for r in records_of(story) if isinstance(r.event, type_)][-1]
