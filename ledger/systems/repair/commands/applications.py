"""Applications: what a business asks for, and the way to the unit that decides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec

from ledger.general.roles import UNIT, roles
from ledger.general.vocabulary import CommitmentId, EntityId, Fen, RepairId, Text, UnitId
from ledger.kernel import Act, DatedAct, Event, Forbidden, Malformed, OutOfStep, Reading, Report
from ledger.systems.commitments.folds import Commitment
from ledger.systems.credit.regimes import of_market_supervision
from ledger.systems.repair import rules
from ledger.systems.repair.commands.common import (
    negative_records,
    require_alive,
    require_conditions,
    require_free,
    require_stage,
)
from ledger.systems.repair.conditions import Asked
from ledger.systems.repair.events import (
    EnterpriseSize,
    Proof,
    Records,
    RepairApplied,
    RepairChannel,
    RepairForwarded,
    RepairSupplemented,
)
from ledger.systems.repair.folds import RepairCase, RepairsOf

Proofs = Annotated[tuple[Proof, ...], msgspec.Meta(max_length=50)]


class ApplyRepair(DatedAct):
    """申请信用修复: ask that records be repaired, with proofs and a public commitment, for free.

    All of one unit, which decides. At its window the application is with it at once; what comes by
    a platform has to be forwarded. ``fee_fen`` is what somebody charges for it (REP-R8).
    """

    ROLES = roles("entity_rep", "credit_officer", *UNIT)
    IN_PERSON = roles("entity_rep")

    repair: RepairId
    entity: EntityId
    records: Records
    channel: RepairChannel
    proofs: Proofs = ()
    commitment: CommitmentId | None = None
    green_channel: bool = False
    enterprise_size: EnterpriseSize | None = None
    epidemic_ground: Text | None = None
    fee_fen: Fen = 0

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.new(RepairCase(self.repair))
        records = negative_records(ledger, self.entity, self.records)
        unit = records[0].determined_by
        if ledger.actor.role not in ("entity_rep", "credit_officer"):
            ledger.act_for(unit)
        require_alive(ledger, records)
        repairs = ledger.read(RepairsOf(self.entity))
        for name in self.records:
            if (other := repairs.asked_for(name)) is not None:
                raise OutOfStep(f"repair {other} of record {name} is not answered yet")
        require_free(ledger, self.fee_fen)
        if self.commitment is not None:
            ledger.known(Commitment(self.commitment), "Record the commitment first.")
        require_conditions(ledger, self._asked(), records)
        assert self.commitment is not None
        yield RepairApplied(
            repair=self.repair,
            entity=self.entity,
            unit=unit,
            records=self.records,
            proofs=self.proofs,
            channel=self.channel,
            commitment=self.commitment,
            green_channel=self.green_channel,
            enterprise_size=self.enterprise_size,
            epidemic_ground=self.epidemic_ground,
            market_supervision=any(
                record.started is not None and of_market_supervision(record.started.channels)
                for record in records
            ),
        )
        if self.channel == "window":
            yield RepairForwarded(
                repair=self.repair,
                entity=self.entity,
                unit=unit,
                green_channel=self.green_channel,
            )

    def _asked(self) -> Asked:
        return Asked(
            self.entity,
            self.records,
            self.proofs,
            self.commitment,
            self.green_channel,
            self.enterprise_size,
            self.epidemic_ground,
        )


class ForwardRepair(Act):
    """转送修复申请: hand an application over to the unit that determined the records."""

    ROLES = roles("credit_officer")

    repair: RepairId
    to_unit: UnitId

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = ledger.known(RepairCase(self.repair), "Apply first.")
        ledger.require(self.to_unit == case.unit, rules.REP_R6, actor=self.to_unit, unit=case.unit)
        require_stage(case, "applied")
        yield RepairForwarded(
            repair=self.repair,
            entity=case.entity,
            unit=case.unit,
            green_channel=case.green_channel,
        )


class SupplementRepair(Report):
    """补正材料: hand in what the unit found missing."""

    ROLES = roles("entity_rep", "credit_officer", *UNIT)
    IN_PERSON = roles("entity_rep")

    repair: RepairId
    entity: EntityId
    proofs: Annotated[tuple[Proof, ...], msgspec.Meta(min_length=1, max_length=50)]

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = ledger.known(RepairCase(self.repair), "Apply first.")
        if case.entity != self.entity:
            raise Forbidden(f"repair {self.repair} is none of {self.entity}")
        if ledger.actor.role not in ("entity_rep", "credit_officer"):
            ledger.act_for(case.unit)
        require_stage(case, "supplement_requested")
        ledger.not_before(case.asked_on, f"a supplement of {self.repair} was asked for")
        known = {proof.ref for proof in case.proofs}
        if all(proof.ref in known for proof in self.proofs):
            raise Malformed("nothing new is handed in", "/proofs")
        yield RepairSupplemented(
            repair=self.repair,
            entity=case.entity,
            unit=case.unit,
            proofs=self.proofs,
            green_channel=case.green_channel,
        )
