"""Commands that file an application, forward it to the deciding unit and supplement it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec

from ledger.general.roles import UNIT, roles
from ledger.general.vocabulary import CommitmentId, EntityId, Fen, RepairId, Text, UnitId
from ledger.kernel import (
    Act,
    DatedAct,
    Event,
    Forbidden,
    Inquiry,
    Malformed,
    OutOfStep,
    Report,
    message,
)
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
    """申请信用修复: apply to repair records, with proofs and a public commitment, free of charge.

    All records must have been determined by one unit, which decides. An application at its window
    reaches it at once; an application on a platform must be forwarded. ``fee_fen`` is the fee that
    is charged for the application, which must be 0 (REP-R8).
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

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(RepairCase(self.repair))
        records = negative_records(inquiry, self.entity, self.records)
        unit = records[0].determined_by
        if inquiry.actor.role not in ("entity_rep", "credit_officer"):
            inquiry.act_for(unit)
        require_alive(inquiry, records)
        repairs = inquiry.read(RepairsOf(self.entity))
        for name in self.records:
            if (other := repairs.asked_for(name)) is not None:
                raise OutOfStep(
                    "repair.repair-record-must-be-answered-first", other=other, name=name
                )
        require_free(inquiry, self.fee_fen)
        if self.commitment is not None:
            inquiry.known(Commitment(self.commitment), "general.record-commitment-first")
        require_conditions(inquiry, self._asked(), records)
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
    """转送修复申请: forward an application to the unit that determined the records."""

    ROLES = roles("credit_officer")

    repair: RepairId
    to_unit: UnitId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = inquiry.known(RepairCase(self.repair), "repair.apply-repair-first")
        inquiry.require(self.to_unit == case.unit, rules.REP_R6, actor=self.to_unit, unit=case.unit)
        require_stage(case, "applied")
        yield RepairForwarded(
            repair=self.repair,
            entity=case.entity,
            unit=case.unit,
            green_channel=case.green_channel,
        )


class SupplementRepair(Report):
    """补正材料: supply what the unit found missing."""

    ROLES = roles("entity_rep", "credit_officer", *UNIT)
    IN_PERSON = roles("entity_rep")

    repair: RepairId
    entity: EntityId
    proofs: Annotated[tuple[Proof, ...], msgspec.Meta(min_length=1, max_length=50)]

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = inquiry.known(RepairCase(self.repair), "repair.apply-repair-first")
        if case.entity != self.entity:
            raise Forbidden("repair.repair-does-not-belong", repair=self.repair, entity=self.entity)
        if inquiry.actor.role not in ("entity_rep", "credit_officer"):
            inquiry.act_for(case.unit)
        require_stage(case, "supplement_requested")
        inquiry.not_before(
            case.asked_on, message("repair.supplement-requested", repair=self.repair)
        )
        known = {proof.ref for proof in case.proofs}
        if all(proof.ref in known for proof in self.proofs):
            raise Malformed("repair.proofs-must-least-one-proof-not", pointer="/proofs")
        yield RepairSupplemented(
            repair=self.repair,
            entity=case.entity,
            unit=case.unit,
            proofs=self.proofs,
            green_channel=case.green_channel,
        )
