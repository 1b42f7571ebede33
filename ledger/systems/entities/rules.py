"""Rules about businesses that left the register (2.17)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec

from ledger.general.findings import FindingRaised, finding
from ledger.general.industries import industry_code
from ledger.general.personaldata import plain_text, refuse_personal
from ledger.kernel import Inquiry, Malformed, Rule, finding_rule
from ledger.kernel.messages import InvalidValue
from ledger.systems.entities.events import Identity
from ledger.systems.entities.folds import Leave, Registration

_REGISTRATION = "《市场主体登记管理条例》"

#: 注销、吊销营业执照、迁出, as parts of messages.
LEFT_HOW = {
    "deregistered": "was deregistered",
    "licence_revoked": "had its licence revoked",
    "moved_out": "moved out",
    None: "left the register",
}

ENT_R1 = Rule(
    "ENT-R1",
    "{entity} {how} on {left_on}; this requires a business that the register lists on {on}",
    f"{_REGISTRATION} Art. 31",
    "If the register lists the business again, report that with reenter-entity; otherwise leave it "
    "out.",
)
ENT_V1 = finding_rule(
    "ENT-V1",
    "arbitrary",
    "a penalty case was filed or decided against a deregistered business without naming its "
    "operator or successor as the party",
    f"行政处罚法 Art. 4; {_REGISTRATION} Art. 31",
)
ENT_V2 = finding_rule(
    "ENT-V2",
    "data_quality",
    "a report revised the entry of a business for a day on which it had left the register",
    _REGISTRATION,
)


def require_listed(inquiry: Inquiry, entity: str, on: date | None = None) -> Registration:
    """Refuse an act for a business that had left the register by a day (ENT-R1).

    ``on`` is that day, by default the day of the command. A business that was never registered has
    not left and is not refused.
    """
    registration = inquiry.read(Registration(entity))
    day = on or inquiry.on
    left = registration.left(day)
    inquiry.require(left is None, ENT_R1, **({} if left is None else gone(entity, left, day)))
    return registration


def gone(entity: str, left: Leave, on: date) -> dict[str, Any]:
    """Return the fields of a refusal under ENT-R1."""
    return {"entity": entity, "how": LEFT_HOW[left.kind], "left_on": left.on, "on": on}


def ceased(
    inquiry: Inquiry, *, unit: str, entity: str, case: str, liable: str | None
) -> Iterator[FindingRaised]:
    """Yield finding ENT-V1 if the business is deregistered and ``liable`` names no other party."""
    left = inquiry.read(Registration(entity)).left(inquiry.on)
    if left is not None and left.kind == "deregistered" and liable is None:
        yield finding(
            inquiry,
            ENT_V1,
            unit=unit,
            entity=entity,
            evidence=(left.position,),
            case=case,
            deregistered_on=left.on.isoformat(),
        )


def plain_identity(identity: Identity) -> Identity:
    """Return an identity without invisible characters at the ends of its texts (0.10).

    Raise ``Malformed`` for invisible characters inside a text and for a person's identity number.
    """
    texts = {
        name: None if value is None else _clean(value, f"/identity/{name}")
        for name in ("name", "address", "area", "line", "registered_on")
        for value in (getattr(identity, name),)
    }
    details = {}
    for key, value in identity.details.items():
        pointer = f"/identity/details/{key.replace('~', '~0').replace('/', '~1')}"
        refuse_personal(key, "/identity/details")
        name = plain_text(key, "/identity/details")
        if name in details:
            raise Malformed("entities.must-occur-only-once", pointer="/identity/details", name=name)
        details[name] = _clean(value, pointer)
    if identity.industry is not None:
        try:
            industry_code(identity.industry)
        except InvalidValue as error:
            raise Malformed(error.message, pointer="/identity/industry") from None
    return msgspec.structs.replace(identity, **texts, details=details)


def _clean(value: str, pointer: str) -> str:
    plain = plain_text(value, pointer)
    refuse_personal(plain, pointer)
    return plain
