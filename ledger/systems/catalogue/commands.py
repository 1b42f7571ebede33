"""Commands of units, officers and the matter catalogue (2.1)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec.structs import replace

from ledger.general.findings import finding
from ledger.general.roles import UNIT, roles
from ledger.general.vocabulary import (
    Badge,
    EntityId,
    LawId,
    MatterId,
    Name,
    OfficerId,
    Text,
    UnitId,
)
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
from ledger.systems.catalogue import rules
from ledger.systems.catalogue.events import (
    BasisRepealed,
    Domain,
    EnforcementUnitQualified,
    MatterCode,
    MatterCodesAssigned,
    MatterElements,
    MatterListed,
    MatterPublished,
    MatterRevised,
    MatterWithdrawn,
    OfficerCertificateSuspended,
    OfficerCertified,
    OfficerConflictDeclared,
    OfficerConflictEnded,
)
from ledger.systems.catalogue.folds import (
    LastUse,
    Matter,
    MattersOn,
    OfficerConflict,
    OfficerStanding,
    Repeals,
    SameMatter,
    UnitStanding,
)
from ledger.systems.entities.events import Area

#: Kinds of bodies that can never be qualified to inspect (CAT-R4).
_NEVER = {"deliberative_body", "third_party", "outsourced_intermediary", "auxiliary_staff"}

#: Kinds of instruments that give no power to inspect (CAT-R1).
_TOO_LOW = {"normative_document", "mandate_document"}


class QualifyUnit(DatedAct):
    """确认执法主体资格: confirm that a unit may enforce; the law must admit its kind of body."""

    ROLES = roles("jb_supervisor")
    ACTS_FOR = ""

    unit: UnitId
    name: Name
    kind: Literal[
        "organ",
        "authorised_org",
        "entrusted_org",
        "deliberative_body",
        "third_party",
        "outsourced_intermediary",
        "auxiliary_staff",
    ]
    valid_from: date
    valid_to: date | None = None
    uscc: EntityId | None = None
    area: Area | None = None
    entrusted_by: UnitId | None = None
    entrustment_ref: Name | None = None
    entrusted_matters: tuple[MatterId, ...] = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.require(self.kind not in _NEVER, rules.CAT_R4, body=self.kind)
        if self.kind == "entrusted_org":
            complete = self.entrusted_by and self.entrustment_ref and self.entrusted_matters
            inquiry.require(
                complete, rules.CAT_R3, unit=self.unit, on=inquiry.on, matters="entrustment"
            )
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise Malformed(
                "general.valid-to-must-not-before-valid-from",
                pointer="/valid_to",
                valid_from=self.valid_from,
                valid_to=self.valid_to,
            )
        yield EnforcementUnitQualified(
            unit=self.unit,
            name=self.name,
            kind=self.kind,  # type: ignore[arg-type]  # CAT-R4 leaves the three lawful kinds
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            uscc=self.uscc,
            area=self.area,
            entrusted_by=self.entrusted_by,
            entrustment_ref=self.entrustment_ref,
            entrusted_matters=self.entrusted_matters,
        )


class CertifyOfficer(DatedAct):
    """颁发执法证件: record an officer's certificate with its domains and its validity.

    A suspension that has not ended also applies in a new unit: the ledger records it for that unit
    together with the certificate.
    """

    ROLES = roles("jb_supervisor")
    ACTS_FOR = ""

    officer: OfficerId
    unit: UnitId
    cert_no: Badge
    valid_from: date
    valid_to: date
    domains: tuple[Domain, ...]

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.known(UnitStanding(self.unit), "general.qualify-unit-first")
        if self.valid_to < self.valid_from:
            raise Malformed(
                "general.valid-to-must-not-before-valid-from",
                pointer="/valid_to",
                valid_from=self.valid_from,
                valid_to=self.valid_to,
            )
        yield OfficerCertified(
            officer=self.officer,
            unit=self.unit,
            cert_no=self.cert_no,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            domains=self.domains,
        )
        standing = inquiry.read(OfficerStanding(self.officer))
        if self.unit not in standing.units:
            holding = {
                (s.suspended_from, s.suspended_to): s
                for s in standing.suspensions
                if s.suspended_to is None or inquiry.today <= s.suspended_to
            }
            for suspension in holding.values():
                yield replace(suspension, unit=self.unit)


class SuspendCertificate(DatedAct):
    """暂扣执法证件: suspend an officer's certificate from a day on.

    The ledger records the suspension for each unit for which the officer is certified; ``unit``
    must be one of them.
    """

    ROLES = roles("jb_supervisor")
    ACTS_FOR = ""

    officer: OfficerId
    unit: UnitId
    suspended_from: date
    suspended_to: date | None = None
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        standing = inquiry.known(
            OfficerStanding(self.officer), "catalogue.only-certified-officer-can-suspended"
        )
        if self.unit not in standing.units:
            raise OutOfStep(
                "catalogue.unit-must-be-one-certified",
                officer=self.officer,
                units=sorted(standing.units),
                unit=self.unit,
            )
        for unit in sorted(standing.units):
            yield OfficerCertificateSuspended(
                officer=self.officer,
                unit=unit,
                suspended_from=self.suspended_from,
                suspended_to=self.suspended_to,
                reason=self.reason,
            )


class DeclareConflict(Report):
    """申请或决定回避: report that an officer has a conflict of interest with a business.

    People of the officer's unit declare the conflict; the head of the unit or the Justice Bureau
    upholds it.
    """

    ROLES = roles("jb_supervisor", *UNIT)

    officer: OfficerId
    entity: EntityId
    basis: Literal["declared", "upheld"]
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        officer = inquiry.known(
            OfficerStanding(self.officer),
            "catalogue.only-certified-officer-can-conflict",
        )
        if inquiry.actor.role != "jb_supervisor":
            if inquiry.actor.unit_id not in officer.units:
                raise Forbidden(
                    "general.officer-must-be-officer",
                    unit=inquiry.actor.unit_id,
                    officer=self.officer,
                )
            if self.basis == "upheld" and inquiry.actor.role != "unit_head":
                raise Forbidden("catalogue.only-head-officer-unit-justice-bureau")
        yield OfficerConflictDeclared(
            officer=self.officer, entity=self.entity, basis=self.basis, reason=self.reason
        )


class EndConflict(DatedAct):
    """解除回避: end the conflict of an officer with a business."""

    ROLES = roles("jb_supervisor")

    officer: OfficerId
    entity: EntityId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        if inquiry.read(OfficerConflict(self.officer, self.entity)).reason is None:
            raise OutOfStep(
                "catalogue.no-conflict-recorded", officer=self.officer, entity=self.entity
            )
        yield OfficerConflictEnded(officer=self.officer, entity=self.entity, reason=self.reason)


class ListMatter(DatedAct):
    """列入事项清单: list a matter with its legal basis."""

    ROLES = UNIT

    matter: MatterId
    unit: UnitId
    elements: MatterElements

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(Matter(self.matter))
        _check_elements(inquiry, self.matter, self.unit, self.elements)
        elements = _with_repeals(inquiry, self.elements)
        yield MatterListed(matter=self.matter, unit=self.unit, elements=elements)
        yield from _repealed_by_now(inquiry, self.matter, self.unit, elements)


class ReviseMatter(DatedAct):
    """动态调整事项: change a listed matter; the change takes effect when it is published."""

    ROLES = UNIT

    matter: MatterId
    unit: UnitId
    elements: MatterElements
    reason: Literal["law_change", "mandate_change", "ineffective", "merge"]

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        matter = _own_matter(inquiry, self.matter, self.unit)
        _check_elements(inquiry, self.matter, self.unit, self.elements)
        elements = _with_repeals(inquiry, self.elements)
        yield MatterRevised(
            matter=self.matter,
            unit=self.unit,
            version=matter.version + 1,
            elements=elements,
            reason=self.reason,
        )
        yield from _repealed_by_now(inquiry, self.matter, self.unit, elements)


class PublishMatter(Act):
    """公布事项: publish the newest version of a matter with its four elements."""

    ROLES = roles("unit_head")

    matter: MatterId
    unit: UnitId
    url: Name

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        matter = _own_matter(inquiry, self.matter, self.unit)
        elements = matter.elements
        assert elements is not None
        assert matter.listed is not None
        standing = inquiry.read(UnitStanding(self.unit))
        missing = [
            element
            for element, present in (
                (message("catalogue.enforcement-body"), standing.qualified(inquiry.on)),
                (message("catalogue.handling-office"), elements.office_id),
                (message("catalogue.basis"), elements.bases),
            )
            if not present
        ]
        inquiry.require(
            not missing,
            rules.CAT_R5,
            matter=self.matter,
            missing=message("general.all-of", parts=missing),
        )
        rule = rules.PUBLISH_LISTED if matter.version == 1 else rules.PUBLISH_REVISED
        due = inquiry.due(rule, matter.listed)
        yield MatterPublished(
            matter=self.matter,
            unit=self.unit,
            version=matter.version,
            url=self.url,
            published_on=inquiry.on,
            days_late=inquiry.days_after(due),
            elements=elements,
        )


class AssignMatterCodes(Report):
    """登记事项编码: report the codes of a published matter in other systems, with their days.

    Give all codes at once: an earlier code that is left out is no longer valid.
    """

    ROLES = roles("unit_legal_office", "unit_head")

    matter: MatterId
    unit: UnitId
    codes: Annotated[tuple[MatterCode, ...], msgspec.Meta(min_length=1, max_length=50)]

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        matter = _own_matter(inquiry, self.matter, self.unit)
        if not matter.published:
            raise OutOfStep(
                "catalogue.matter-must-be-published-before-codes-assigned", matter=self.matter
            )
        rules.require_codes(self.codes)
        yield MatterCodesAssigned(matter=self.matter, unit=self.unit, codes=self.codes)


class WithdrawMatter(DatedAct):
    """取消事项: withdraw a matter; it can no longer be used."""

    ROLES = roles("unit_head")

    matter: MatterId
    unit: UnitId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        matter = _own_matter(inquiry, self.matter, self.unit)
        yield MatterWithdrawn(
            matter=self.matter,
            unit=self.unit,
            reason=self.reason,
            draft=not matter.published,
        )


class ReportBasisRepealed(Report):
    """报告执法依据废止: report that a legal instrument or one of its articles is repealed on a day.

    Finding CAT-V1 follows for every matter in use that is based on it: at once, or on the day of
    the repeal if that is in the future.
    """

    ROLES = roles("jb_supervisor")

    law: LawId
    repealed_on: date
    article: Name | None = None
    repealed_by: Name | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        known = inquiry.read(Repeals(self.law)).articles
        for article in {None, self.article}:
            if known.get(article, date.max) <= self.repealed_on:
                repealed = self.law if article is None else f"{self.law} {article}"
                raise OutOfStep(
                    "catalogue.repeal-recorded-already",
                    repealed=repealed,
                    known=known[article],
                    repealed_on=self.repealed_on,
                )
        resting = inquiry.read(MattersOn(self.law)).resting(self.article, inquiry.on)
        ahead = self.repealed_on > inquiry.on
        yield BasisRepealed(
            law=self.law,
            article=self.article,
            repealed_on=self.repealed_on,
            repealed_by=self.repealed_by,
            matters=tuple(sorted(resting)),
            ahead=ahead,
        )
        if not ahead:
            for matter, (unit, bases) in sorted(resting.items()):
                yield from rules.repealed_bases(inquiry, matter, unit, bases)


class ReviewIdleMatter(Act):
    """清理长期未实施事项: find that an inspection matter was not used for years (CAT-V2).

    The time counts from the last approval or visit under it, or else from its first publication.
    The finding is made once for each idle period.
    """

    ROLES = roles("jb_supervisor", "ledger_clock")

    matter: MatterId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        matter = inquiry.known(Matter(self.matter), "catalogue.list-first")
        elements = matter.in_force_on(inquiry.on)
        if elements is None or elements.act_kind != "inspection":
            raise OutOfStep(
                "catalogue.must-be-inspection-matter-force", matter=self.matter, on=inquiry.on
            )
        use = inquiry.read(LastUse(self.matter))
        since = use.used_on or min(matter.published.values())
        if use.found_idle_on is not None and use.found_idle_on > since:
            raise OutOfStep(
                "catalogue.already-found-idle", matter=self.matter, found_idle_on=use.found_idle_on
            )
        years = int(inquiry.setting("catalogue.idle_years"))
        idle = inquiry.days().due(since, 12 * years, "month", roll=False)
        if inquiry.on <= idle.on:
            raise OutOfStep(
                "catalogue.last-used-published", matter=self.matter, since=since, on=idle.on
            )
        yield finding(
            inquiry,
            rules.CAT_V2,
            unit=matter.unit,
            matter=self.matter,
            unused_since=since.isoformat(),
            years=years,
        )


def _own_matter(inquiry: Inquiry, matter_id: str, unit: str) -> Matter:
    matter = inquiry.known(Matter(matter_id), "catalogue.list-first")
    if matter.unit != unit:
        raise OutOfStep(
            "catalogue.unit-must-be-unit-listed-matter",
            matter=matter_id,
            unit=matter.unit,
            given_unit=unit,
        )
    if matter.withdrawn_on is not None:
        raise OutOfStep(
            "catalogue.matter-withdrawn-cannot-changed",
            matter=matter_id,
            withdrawn_on=matter.withdrawn_on,
        )
    return matter


def _with_repeals(inquiry: Inquiry, elements: MatterElements) -> MatterElements:
    """Return the elements, each basis with the day of its repeal if one is recorded."""
    bases = tuple(
        replace(basis, repealed_on=inquiry.read(Repeals(basis.instrument)).of(basis))
        for basis in elements.bases
    )
    return replace(elements, bases=bases)


def _repealed_by_now(
    inquiry: Inquiry, matter: str, unit: str, elements: MatterElements
) -> Iterator[Event]:
    repealed = [b for b in elements.bases if b.repealed_on and b.repealed_on <= inquiry.on]
    yield from rules.repealed_bases(inquiry, matter, unit, repealed)


def _check_elements(inquiry: Inquiry, matter: str, unit: str, elements: MatterElements) -> None:
    inquiry.require(
        elements.bases, rules.CAT_R1, matter=matter, reason=message("catalogue.names-no-basis")
    )
    if elements.act_kind == "inspection":
        inquiry.require(
            any(basis.level not in _TOO_LOW for basis in elements.bases),
            rules.CAT_R1,
            matter=matter,
            reason=message("catalogue.normative-documents-mandate-documents-give-no"),
        )
        others = {
            other: owner
            for other, owner in inquiry.read(
                SameMatter(elements.name, elements.entity_class)
            ).units.items()
            if other != matter and owner != unit
        }
        known = [
            f"{owner} ({other})"
            for other, owner in sorted(others.items())
            if inquiry.may_know("matter", other)
        ]
        inquiry.require(
            not others or elements.division_note,
            rules.CAT_R6,
            told=not known,
            name=elements.name,
            entity_class=elements.entity_class,
            others=known or message("catalogue.another-unit"),
        )
    inquiry.require(
        elements.delegated_to is None or elements.delegation_ref,
        rules.CAT_R7,
        delegated_to=elements.delegated_to,
    )
    inquiry.require(
        inquiry.read(UnitStanding(unit)).qualified(inquiry.on),
        rules.CAT_R3,
        unit=unit,
        on=inquiry.on,
        matters=matter,
    )
