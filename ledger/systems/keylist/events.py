"""Events of the key-supervision list (重点监管清单, 2.5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import (
    Badge,
    DesignationId,
    EntityId,
    Grade,
    KeyDomain,
    MatterId,
    Name,
    OfficerId,
    PieceDigest,
    ScreeningId,
    TaskId,
    Text,
    UnitId,
)
from ledger.kernel import Event, Visibility
from ledger.kernel.events import Upcaster

#: Who reads which units are designated, as the policy ``key.unit_list`` had it on the day.
ListVisibility = Literal["public", "shared", "restricted"]
Count = Annotated[int, msgspec.Meta(ge=0)]
EndReason = Literal["review", "risk_gone", "closed", "merged", "error"]


class KeyMatterListed(Event):
    """重点监管事项列入: a matter of a key domain is under key supervision until ``expires_on``.

    ``risk_assessment`` is the document that finds the risk, ``procedure_ref`` how it is supervised.
    ``renewed``: it stood on the list before.
    """

    TOPIC: ClassVar[str] = "keylist.key-matter-listed"
    VISIBILITY = "public"

    domain: KeyDomain
    matter: MatterId
    unit: UnitId
    risk_assessment: Name
    procedure_ref: Name
    expires_on: date
    renewed: bool = False


class KeyMatterDelisted(Event):
    """重点监管事项移出: the matter leaves the list before its time."""

    TOPIC: ClassVar[str] = "keylist.key-matter-delisted"
    VISIBILITY = "public"

    domain: KeyDomain
    matter: MatterId
    unit: UnitId
    reason: Text


class KeyUnitDesignated(Event):
    """重点监管单位确定: a business is under key supervision, and has been told (KEY-R4).

    It lapses after ``review_on`` unless it is reviewed. Since version 2 it says what the list of
    designated units says and no more; why, and who follows up, is told in ``KeyUnitDescribed``.
    """

    TOPIC: ClassVar[str] = "keylist.key-unit-designated"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    designation: DesignationId
    entity: EntityId
    unit: UnitId
    matters: tuple[MatterId, ...]
    reason: Text | None = None
    tracking_officer: OfficerId | None = None
    guidance_plan: Name | None = None
    review_on: date
    notice_no: Name | None = None
    notified_on: date | None = None
    grade: Grade | None = None
    listed_as: ListVisibility
    proposed_by: Badge | None = None

    def visibility(self) -> Visibility:
        """As the list of designated units is read."""
        return self.listed_as


class KeyUnitDescribed(Event):
    """重点监管单位情况: why a business was designated, and who follows up and how.

    For the unit, the business and the supervisors, however the list is read. ``grade`` is its
    credit grade on the day; ``proposed_by`` the park or office that proposed it; ``notice_no`` the
    notice to the business. Since version 2 ``run`` is the screening in which it ranked, and
    ``passed_over`` says why businesses of better ranks were not designated; there is a reason or a
    run (KEY-R6).
    """

    TOPIC: ClassVar[str] = "keylist.key-unit-described"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    designation: DesignationId
    entity: EntityId
    unit: UnitId
    reason: Text | None = None
    tracking_officer: OfficerId
    guidance_plan: Name
    notice_no: Name
    notified_on: date
    grade: Grade
    proposed_by: Badge | None = None
    run: ScreeningId | None = None
    passed_over: Text | None = None


class ScreeningRun(Event):
    """重点监管筛选: businesses were ranked by their risk on a day, from what the ledger held.

    ``unit`` screened those of an ``area`` and ``line``, or all. Everything up to
    ``cutoff_position`` counts, by version ``formula_version`` of the policy
    ``key.screening_formula``; run again at that position it gives the same bytes. ``list_digest``
    is the SHA-256 of the list, which lies beside the ledger: ``count`` businesses with points, best
    rank first, of ``screened`` that were registered on the day. For the unit and supervisors.
    """

    TOPIC: ClassVar[str] = "keylist.screening-run"

    screening: ScreeningId
    unit: UnitId
    on: date
    cutoff_position: Count
    formula_version: Count
    list_digest: PieceDigest
    count: Count
    screened: Count
    area: Name | None = None
    line: Name | None = None


class GuidanceProvided(Event):
    """直接指导: the unit guided the business; ``document_ref`` is what it was given."""

    TOPIC: ClassVar[str] = "keylist.guidance-provided"
    CORRECTABLE = frozenset({"subject", "document_ref"})

    designation: DesignationId
    entity: EntityId
    unit: UnitId
    provided_on: date
    subject: Text
    document_ref: Name | None = None


class TrackingVisitLogged(Event):
    """跟踪监管走访: the unit followed up on site, under ``task`` where one was approved.

    Recorded also when the designation had lapsed (KEY-V1).
    """

    TOPIC: ClassVar[str] = "keylist.tracking-visit-logged"
    CORRECTABLE = frozenset({"summary"})

    designation: DesignationId
    entity: EntityId
    unit: UnitId
    visited_on: date
    officers: tuple[OfficerId, ...]
    summary: Text
    task: TaskId | None = None


class KeyDesignationReviewed(Event):
    """重点监管复核: the designation is kept until the next ``review_on``, or not.

    ``days_late`` counts calendar days after the day on which it was to be reviewed. Since version 2
    the grounds stand in ``KeyDesignationExplained``.
    """

    TOPIC: ClassVar[str] = "keylist.key-designation-reviewed"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    designation: DesignationId
    entity: EntityId
    unit: UnitId
    outcome: Literal["keep", "remove"]
    grounds: Text | None = None
    review_on: date | None = None
    days_late: int = 0
    listed_as: ListVisibility

    def visibility(self) -> Visibility:
        """As the list of designated units is read."""
        return self.listed_as


class KeyDesignationEnded(Event):
    """重点监管解除: the business leaves key supervision; ``reason`` says what ended it.

    Since version 2 a note stands in ``KeyDesignationExplained``.
    """

    TOPIC: ClassVar[str] = "keylist.key-designation-ended"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    designation: DesignationId
    entity: EntityId
    unit: UnitId
    reason: EndReason
    ended_on: date
    note: Text | None = None
    listed_as: ListVisibility

    def visibility(self) -> Visibility:
        """As the list of designated units is read."""
        return self.listed_as


class KeyDesignationExplained(Event):
    """重点监管情况说明: the grounds of a review, or the note on an end, recorded beside it.

    For the unit, the business and the supervisors, however the list is read.
    """

    TOPIC: ClassVar[str] = "keylist.key-designation-explained"

    designation: DesignationId
    entity: EntityId
    unit: UnitId
    step: Literal["review", "end"]
    says: Text
