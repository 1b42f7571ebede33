"""Events of the key-supervision list (重点监管清单, 2.5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import (
    Badge,
    BlobDigest,
    DesignationId,
    EntityId,
    Grade,
    KeyDomain,
    MatterId,
    Name,
    OfficerId,
    ScreeningId,
    TaskId,
    Text,
    UnitId,
)
from ledger.kernel import Event, Visibility
from ledger.kernel.events import Upcaster

#: Who may read the list of designated businesses: the value of ``key.unit_list`` on the day.
ListVisibility = Literal["public", "shared", "restricted"]
Count = Annotated[int, msgspec.Meta(ge=0)]
EndReason = Literal["review", "risk_gone", "closed", "merged", "error"]


class KeyMatterListed(Event):
    """重点监管事项列入: a matter of a key domain is under key supervision until ``expires_on``.

    ``risk_assessment`` is the document that assesses the risk; ``procedure_ref`` is the document
    that says how the matter is supervised. ``renewed``: the matter was on the list before.
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
    """重点监管事项移出: the matter is taken off the list before it expires."""

    TOPIC: ClassVar[str] = "keylist.key-matter-delisted"
    VISIBILITY = "public"

    domain: KeyDomain
    matter: MatterId
    unit: UnitId
    reason: Text


class KeyUnitDesignated(Event):
    """重点监管单位确定: a unit puts a business under key supervision and notifies it (KEY-R4).

    The designation lapses after ``review_on`` unless it is reviewed. Since version 2 the event
    contains only the data of the list of designated businesses; ``KeyUnitDescribed`` contains the
    reason and the officer who follows up.
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
        """Return the visibility that the list of designated businesses has."""
        return self.listed_as


class KeyUnitDescribed(Event):
    """重点监管单位情况: why a business was designated, and which officer follows up and how.

    Only the unit, the business and the supervisors may read it, whatever the visibility of the
    list. ``grade`` is the credit grade of the business on the day; ``proposed_by`` is the park or
    office that proposed it; ``notice_no`` is the notice to the business. Since version 2 ``run`` is
    the screening that ranked the business, and ``passed_over`` says why businesses with better
    ranks were not designated. A reason or a run must be given (KEY-R6).
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
    """重点监管筛选: a unit ranks businesses by their risk on a day, from the ledger's events.

    ``unit`` screened the businesses of an ``area`` and a ``line``, or all. The ranking uses the
    events up to ``cutoff_position`` and version ``formula_version`` of the policy
    ``key.screening_formula``; the same screening at that position gives the same bytes.
    ``list_digest`` is the SHA-256 of the list, which is kept as a blob: ``count`` businesses with
    points, best rank first, out of ``screened`` businesses registered on the day. Only the unit and
    the supervisors may read it.
    """

    TOPIC: ClassVar[str] = "keylist.screening-run"

    screening: ScreeningId
    unit: UnitId
    on: date
    cutoff_position: Count
    formula_version: Count
    list_digest: BlobDigest
    count: Count
    screened: Count
    area: Name | None = None
    line: Name | None = None


class GuidanceProvided(Event):
    """直接指导: the unit guided the business; ``document_ref`` is the document it handed over."""

    TOPIC: ClassVar[str] = "keylist.guidance-provided"
    CORRECTABLE = frozenset({"subject", "document_ref"})

    designation: DesignationId
    entity: EntityId
    unit: UnitId
    provided_on: date
    subject: Text
    document_ref: Name | None = None


class TrackingVisitLogged(Event):
    """跟踪监管走访: the unit followed up on site; ``task`` is the approved task, if any.

    The visit is recorded even if the designation had lapsed (KEY-V1).
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
    """重点监管复核: the unit keeps the designation until the next ``review_on``, or removes it.

    ``days_late`` counts calendar days after the day when the review was due. Since version 2
    ``KeyDesignationExplained`` contains the grounds.
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
        """Return the visibility that the list of designated businesses has."""
        return self.listed_as


class KeyDesignationEnded(Event):
    """重点监管解除: the key supervision of the business ends; ``reason`` says why.

    Since version 2 ``KeyDesignationExplained`` contains the note.
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
        """Return the visibility that the list of designated businesses has."""
        return self.listed_as


class KeyDesignationExplained(Event):
    """重点监管情况说明: the grounds of a review, or the note on an end, recorded along with it.

    Only the unit, the business and the supervisors may read it, whatever the visibility of the
    list.
    """

    TOPIC: ClassVar[str] = "keylist.key-designation-explained"

    designation: DesignationId
    entity: EntityId
    unit: UnitId
    step: Literal["review", "end"]
    says: Text
