"""Claims: what one row of a register says, before the ledger is asked what it knows already.

A mapping turns rows into claims, and ``ImportRows`` turns claims into facts. ``on`` is when it
happened, ``known`` when the register first said it; without it the ledger's time of recording
counts.
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
    """Base of everything a row can say."""

    on: date | None = None
    known: date | None = None


class Lists(Claim):
    """A business is on the register.

    ``otherwise`` says what an identity means that the register did not state before: ``keep`` the
    first and warn; ``newer-file`` a revision if it comes from another file, else keep;
    ``revise`` a revision on the claim's day; ``newer-list`` a revision, unless this very import
    stated the first: then the row is rejected. ``again``: a business that left is back.
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
    """A violation was found on a day; which inspection found it has to be looked up.

    It is linked if the register lists exactly one inspection of that business on that day.
    """

    event: ViolationImported


class Rectifies(Claim):
    """A violation was put right, ``on`` that day."""

    entity: str
    violation: str


class Rescores(Claim):
    """A score that the register gave before is another now."""

    inspection: str
    old: int | None
    new: int | None


class Reclassifies(Claim):
    """An inspection is listed under another type now.

    ``under`` is its identifier under the new type. Where the register lists the visit there too,
    the entry under the old type is withdrawn; otherwise the entry itself is corrected.
    """

    inspection: str
    under: str
    old: str
    new: str


class WithdrawsInspection(Claim):
    """An inspection is listed no more."""

    inspection: str
    reason: str


class WithdrawsViolation(Claim):
    """A violation is listed no more."""

    entity: str
    violation: str
    reason: str


class Revises(Claim):
    """A field of a business's identity is another from this day on; ``reason`` names the change."""

    entity: str
    field: Literal["name", "address", "area"]
    new: str | None
    reason: str


class Delists(Claim):
    """A business is on the register no more; ``kind`` says how it left, if the register does."""

    entity: str
    reason: str
    kind: Leaving | None = None


class Grades(Claim):
    """A business was given a grade by an assessment made elsewhere."""

    event: CreditGradeAssigned


class Publishes(Claim):
    """A penalty, decided ``on`` a day, is on the public list from ``publicity.started_on``."""

    event: CreditRecordEntered
    publicity: PublicityStarted


class EndsPublicity(Claim):
    """A penalty is on the public list no more."""

    event: PublicityTerminated
