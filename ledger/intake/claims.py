"""Claims: what one row of a register states, before it is compared with the ledger.

A mapping turns rows into claims, and ``ImportRows`` turns claims into facts. ``on`` is the day on
which it happened. ``known`` is the day on which the register first reported it; without it, the
time of recording counts.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from ledger.intake.events import InspectionImported, ViolationImported
from ledger.kernel import Value
from ledger.systems.credit.events import CreditRecordEntered, PublicityStarted, PublicityTerminated
from ledger.systems.entities.events import EntityRegistered, Leaving
from ledger.systems.grading.events import CreditGradeAssigned


class Claim(Value):
    """Base of everything that a row can state."""

    on: date | None = None
    known: date | None = None


class Lists(Claim):
    """A business is on the register.

    ``otherwise`` decides what to do if the identity differs from the earlier ones. ``keep``: keep
    the first and warn. ``newer-file``: revise it if this row is in another file, else keep the
    first. ``revise``: revise it on the claim's day. ``newer-list``: revise it, but reject the row
    if the same import stated the earlier identity. ``again``: a business that left is listed again.
    """

    event: EntityRegistered
    otherwise: Literal["keep", "newer-file", "revise", "newer-list"] = "keep"
    again: bool = False


class Inspects(Claim):
    """An inspection took place."""

    event: InspectionImported


class Cites(Claim):
    """A violation was found by the inspection that the event names."""

    event: ViolationImported


class CitesThatDay(Claim):
    """A violation was found on a day, and the row does not name the inspection.

    It is linked to the inspection of that business and day if the register lists exactly one.
    """

    event: ViolationImported


class Rectifies(Claim):
    """A violation was corrected ``on`` a day."""

    entity: str
    violation: str


class Rescores(Claim):
    """The register changed a score that it had reported earlier."""

    inspection: str
    old: int | None
    new: int | None


class Reclassifies(Claim):
    """The register now lists an inspection under another type.

    ``under`` is its identifier under the new type. If the register lists the visit under both
    types, the entry under the old type is withdrawn; otherwise the entry is corrected.
    """

    inspection: str
    under: str
    old: str
    new: str


class WithdrawsInspection(Claim):
    """The register no longer lists an inspection."""

    inspection: str
    reason: str


class WithdrawsViolation(Claim):
    """The register no longer lists a violation."""

    entity: str
    violation: str
    reason: str


class Revises(Claim):
    """A field of a business's identity changed on a day; ``reason`` names the change."""

    entity: str
    field: Literal["name", "address", "area"]
    new: str | None
    reason: str


class Delists(Claim):
    """A business is no longer on the register; ``kind``: how it left, if the register says so."""

    entity: str
    reason: str
    kind: Leaving | None = None


class Grades(Claim):
    """An assessment made elsewhere gave a business a grade."""

    event: CreditGradeAssigned


class Publishes(Claim):
    """A penalty, decided ``on`` a day, is on the public list from ``publicity.started_on``."""

    event: CreditRecordEntered
    publicity: PublicityStarted


class EndsPublicity(Claim):
    """A penalty is no longer on the public list."""

    event: PublicityTerminated
