"""Pasts that many scenarios are given: officers who may act, a case that may be decided."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec

from ledger.kernel import Event
from ledger.systems.catalogue.events import EnforcementUnitQualified, OfficerCertified
from ledger.systems.entities.events import EntityRegistered, Identity
from ledger.systems.penalties.events import (
    CaseFiled,
    Conduct,
    PenaltyType,
    PriorNoticeServed,
    RightsWaived,
)

INVESTIGATORS = ("OFF-001", "OFF-002")


def certified(*officers: str, unit: str = "MRB") -> Iterator[Event]:
    """A qualified unit with these officers."""
    yield EnforcementUnitQualified(unit=unit, name=unit, kind="organ", valid_from=date(2020, 1, 1))
    for officer in officers:
        yield OfficerCertified(
            officer=officer,
            unit=unit,
            cert_no=f"甘-{officer}",
            valid_from=date(2024, 8, 1),
            valid_to=date(2028, 7, 31),
            domains=("food_drug",),
        )


def registered(*entities: str) -> Iterator[Event]:
    """Businesses on the register."""
    for entity in entities:
        yield EntityRegistered(entity=entity, identity=Identity(name=f"企业 {entity}"))


def conduct(day: str, **changed: Any) -> Conduct:
    """An act of one day."""
    on = date.fromisoformat(day)
    basis = Conduct(violation_code="FS-034", act=f"现场笔录 {day}", first_on=on, last_on=on)
    return msgspec.structs.replace(basis, **changed)


def filed(case: str, entity: str, day: str, **changed: Any) -> CaseFiled:
    """An ordinary case of MRB against an organisation, filed and found on a day."""
    on = date.fromisoformat(day)
    basis = CaseFiled(
        case=case,
        entity=entity,
        unit="MRB",
        procedure="ordinary",
        party="organisation",
        conduct=conduct(day, act=f"act of {case}"),
        cause="涉嫌经营超过保质期的食品",
        source="inspection",
        discovered_on=on,
        filed_on=on,
        investigators=INVESTIGATORS,
        filed_by="MRB-HEAD",
    )
    return msgspec.structs.replace(basis, **changed)


def decidable(
    case: CaseFiled,
    types: tuple[PenaltyType, ...] = ("fine", "warning"),
    fine_fen: int = 500_000,
) -> tuple[Event, ...]:
    """A case whose business was told of a penalty and waived its statement, on the same day."""
    about: dict[str, Any] = {"case": case.case, "entity": case.entity, "unit": case.unit}
    return (
        case,
        PriorNoticeServed(
            **about,
            notice=1,
            notice_no=f"告 {case.case}",
            facts=case.cause,
            types=types,
            fine_fen=fine_fen,
            hearing_right=False,
            served_on=case.filed_on,
            respond_by=date.fromordinal(case.filed_on.toordinal() + 5),
        ),
        RightsWaived(
            **about, notice=1, waived_on=case.filed_on, rights=("statement",), how="declared"
        ),
    )
