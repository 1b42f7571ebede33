"""Commands of units, officers and the matter catalogue (2.1)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec.structs import replace

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
from ledger.kernel import Act, DatedAct, Event, Forbidden, Malformed, OutOfStep, Reading, Report
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
from ledger.systems.supervision.findings import finding

#: What may call itself a body but can never inspect (CAT-R4).
_NEVER = {"deliberative_body", "third_party", "outsourced_intermediary", "auxiliary_staff"}

#: Instruments that give no power to inspect (CAT-R1).
_TOO_LOW = {"normative_document", "mandate_document"}


class QualifyUnit(DatedAct):
    """确认执法主体资格: confirm that a unit may enforce; only bodies that the law admits."""

    ROLES = roles("jb_supervisor")

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

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.require(self.kind not in _NEVER, rules.CAT_R4, body=self.kind)
        if self.kind == "entrusted_org":
            complete = self.entrusted_by and self.entrustment_ref and self.entrusted_matters
            ledger.require(
                complete, rules.CAT_R3, unit=self.unit, on=ledger.on, matters="entrustment"
            )
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise Malformed("valid_to lies before valid_from", "/valid_to")
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
    """颁发执法证件: record an officer's certificate with its domains and its time.

    A suspension that is not over holds in a new unit too, which is told with the certificate.
    """

    ROLES = roles("jb_supervisor")

    officer: OfficerId
    unit: UnitId
    cert_no: Badge
    valid_from: date
    valid_to: date
    domains: tuple[Domain, ...]

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.known(UnitStanding(self.unit), "Qualify the unit first.")
        if self.valid_to < self.valid_from:
            raise Malformed("valid_to lies before valid_from", "/valid_to")
        yield OfficerCertified(
            officer=self.officer,
            unit=self.unit,
            cert_no=self.cert_no,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            domains=self.domains,
        )
        standing = ledger.read(OfficerStanding(self.officer))
        if self.unit not in standing.units:
            holding = {
                (s.suspended_from, s.suspended_to): s
                for s in standing.suspensions
                if s.suspended_to is None or ledger.today <= s.suspended_to
            }
            for suspension in holding.values():
                yield replace(suspension, unit=self.unit)


class SuspendCertificate(DatedAct):
    """暂扣执法证件: bar an officer from enforcing from a day on.

    Each unit for which the officer is certified is told; ``unit`` must be one of them.
    """

    ROLES = roles("jb_supervisor")

    officer: OfficerId
    unit: UnitId
    suspended_from: date
    suspended_to: date | None = None
    reason: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        standing = ledger.known(
            OfficerStanding(self.officer), "Only a certified officer can be suspended."
        )
        if self.unit not in standing.units:
            raise OutOfStep(
                f"{self.officer} holds no certificate for {self.unit}; name a unit for which the "
                f"officer is certified: {', '.join(sorted(standing.units))}"
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
    """申请或决定回避: an officer has a conflict with a business.

    Declared within the officer's unit; upheld by its head or by the Justice Bureau.
    """

    ROLES = roles("jb_supervisor", *UNIT)

    officer: OfficerId
    entity: EntityId
    basis: Literal["declared", "upheld"]
    reason: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        officer = ledger.known(
            OfficerStanding(self.officer), "Only a certified officer can be in conflict."
        )
        if ledger.actor.role != "jb_supervisor":
            if ledger.actor.unit_id not in officer.units:
                raise Forbidden(f"{self.officer} is no officer of {ledger.actor.unit_id}")
            if self.basis == "upheld" and ledger.actor.role != "unit_head":
                raise Forbidden(
                    "a conflict is upheld by the head of the officer's unit or the Justice Bureau; "
                    "declare it and let one of them decide."
                )
        yield OfficerConflictDeclared(
            officer=self.officer, entity=self.entity, basis=self.basis, reason=self.reason
        )


class EndConflict(DatedAct):
    """解除回避: the conflict no longer exists."""

    ROLES = roles("jb_supervisor")

    officer: OfficerId
    entity: EntityId
    reason: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        if ledger.read(OfficerConflict(self.officer, self.entity)).reason is None:
            raise OutOfStep(f"no conflict of {self.officer} with {self.entity} is recorded")
        yield OfficerConflictEnded(officer=self.officer, entity=self.entity, reason=self.reason)


class ListMatter(DatedAct):
    """列入事项清单: list a matter with the basis that carries it."""

    ROLES = UNIT
    ACTS_FOR = "unit"

    matter: MatterId
    unit: UnitId
    elements: MatterElements

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.new(Matter(self.matter))
        _check_elements(ledger, self.matter, self.unit, self.elements)
        elements = _with_repeals(ledger, self.elements)
        yield MatterListed(matter=self.matter, unit=self.unit, elements=elements)
        yield from _repealed_by_now(ledger, self.matter, self.unit, elements)


class ReviseMatter(DatedAct):
    """动态调整事项: change a listed matter; the change counts once it is published."""

    ROLES = UNIT
    ACTS_FOR = "unit"

    matter: MatterId
    unit: UnitId
    elements: MatterElements
    reason: Literal["law_change", "mandate_change", "ineffective", "merge"]

    def decide(self, ledger: Reading) -> Iterator[Event]:
        matter = _own_matter(ledger, self.matter, self.unit)
        _check_elements(ledger, self.matter, self.unit, self.elements)
        elements = _with_repeals(ledger, self.elements)
        yield MatterRevised(
            matter=self.matter,
            unit=self.unit,
            version=matter.version + 1,
            elements=elements,
            reason=self.reason,
        )
        yield from _repealed_by_now(ledger, self.matter, self.unit, elements)


class PublishMatter(Act):
    """公布事项: put the newest version of a matter before the public, with its four elements."""

    ROLES = roles("unit_head")
    ACTS_FOR = "unit"

    matter: MatterId
    unit: UnitId
    url: Name

    def decide(self, ledger: Reading) -> Iterator[Event]:
        matter = _own_matter(ledger, self.matter, self.unit)
        elements = matter.elements
        assert elements is not None
        assert matter.listed is not None
        standing = ledger.read(UnitStanding(self.unit))
        missing = [
            what
            for what, there in (
                ("the enforcement body", standing.qualified(ledger.on)),
                ("the handling office", elements.office_id),
                ("the basis", elements.bases),
            )
            if not there
        ]
        ledger.require(not missing, rules.CAT_R5, matter=self.matter, missing=" and ".join(missing))
        rule = rules.PUBLISH_LISTED if matter.version == 1 else rules.PUBLISH_REVISED
        due = ledger.due(rule, matter.listed)
        yield MatterPublished(
            matter=self.matter,
            unit=self.unit,
            version=matter.version,
            url=self.url,
            published_on=ledger.on,
            days_late=ledger.days_after(due),
            elements=elements,
        )


class AssignMatterCodes(Report):
    """登记事项编码: say by which codes other systems know a published matter, and on which days.

    All codes are given at once: those that were assigned before and are left out hold no longer.
    """

    ROLES = roles("unit_legal_office", "unit_head")
    ACTS_FOR = "unit"

    matter: MatterId
    unit: UnitId
    codes: Annotated[tuple[MatterCode, ...], msgspec.Meta(min_length=1, max_length=50)]

    def decide(self, ledger: Reading) -> Iterator[Event]:
        matter = _own_matter(ledger, self.matter, self.unit)
        if not matter.published:
            raise OutOfStep(f"{self.matter} must be published before it is coded")
        rules.require_codes(self.codes)
        yield MatterCodesAssigned(matter=self.matter, unit=self.unit, codes=self.codes)


class WithdrawMatter(DatedAct):
    """取消事项: the matter may no longer be used."""

    ROLES = roles("unit_head")
    ACTS_FOR = "unit"

    matter: MatterId
    unit: UnitId
    reason: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        matter = _own_matter(ledger, self.matter, self.unit)
        yield MatterWithdrawn(
            matter=self.matter,
            unit=self.unit,
            reason=self.reason,
            draft=not matter.published,
        )


class ReportBasisRepealed(Report):
    """报告执法依据废止: an instrument, or an article of it, is repealed, or will be on a day.

    Every matter in use that rests on it is found then (CAT-V1); one whose day lies ahead is found
    on that day.
    """

    ROLES = roles("jb_supervisor")

    law: LawId
    repealed_on: date
    article: Name | None = None
    repealed_by: Name | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        known = ledger.read(Repeals(self.law)).articles
        for article in {None, self.article}:
            if known.get(article, date.max) <= self.repealed_on:
                what = self.law if article is None else f"{self.law} {article}"
                raise OutOfStep(f"that {what} is repealed on {known[article]} is recorded already")
        resting = ledger.read(MattersOn(self.law)).resting(self.article, ledger.on)
        ahead = self.repealed_on > ledger.on
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
                yield from rules.repealed_bases(ledger, matter, unit, bases)


class ReviewIdleMatter(Act):
    """清理长期未实施事项: say that an inspection matter has lain unused for years (CAT-V2).

    Counted from the last approval or visit under it, or else from its first publication; once for
    each time that it lies idle.
    """

    ROLES = roles("jb_supervisor", "ledger_clock")

    matter: MatterId

    def decide(self, ledger: Reading) -> Iterator[Event]:
        matter = ledger.known(Matter(self.matter), "List it first.")
        elements = matter.in_force_on(ledger.on)
        if elements is None or elements.act_kind != "inspection":
            raise OutOfStep(f"{self.matter} is no inspection matter in force on {ledger.on}")
        use = ledger.read(LastUse(self.matter))
        since = use.used_on or min(matter.published.values())
        if use.found_idle_on is not None and use.found_idle_on > since:
            raise OutOfStep(f"{self.matter} was found idle on {use.found_idle_on} already")
        years = int(ledger.setting("catalogue.idle_years"))
        idle = ledger.days().due(since, 12 * years, "month", roll=False)
        if ledger.on <= idle.on:
            raise OutOfStep(
                f"{self.matter} counts as used since {since}; it is idle after {idle.on}"
            )
        yield finding(
            ledger,
            rules.CAT_V2,
            unit=matter.unit,
            matter=self.matter,
            unused_since=since.isoformat(),
            years=years,
        )


def _own_matter(ledger: Reading, matter_id: str, unit: str) -> Matter:
    matter = ledger.known(Matter(matter_id), "List it first.")
    if matter.unit != unit:
        raise OutOfStep(f"matter {matter_id} is listed by {matter.unit}, not by {unit}")
    if matter.withdrawn_on is not None:
        raise OutOfStep(f"matter {matter_id} was withdrawn on {matter.withdrawn_on}")
    return matter


def _with_repeals(ledger: Reading, elements: MatterElements) -> MatterElements:
    """The elements, each basis with the day of its repeal if one is recorded."""
    bases = tuple(
        replace(basis, repealed_on=ledger.read(Repeals(basis.instrument)).of(basis))
        for basis in elements.bases
    )
    return replace(elements, bases=bases)


def _repealed_by_now(
    ledger: Reading, matter: str, unit: str, elements: MatterElements
) -> Iterator[Event]:
    repealed = [b for b in elements.bases if b.repealed_on and b.repealed_on <= ledger.on]
    yield from rules.repealed_bases(ledger, matter, unit, repealed)


def _check_elements(ledger: Reading, matter: str, unit: str, elements: MatterElements) -> None:
    ledger.require(elements.bases, rules.CAT_R1, matter=matter, reason="none is named")
    if elements.act_kind == "inspection":
        ledger.require(
            any(basis.level not in _TOO_LOW for basis in elements.bases),
            rules.CAT_R1,
            matter=matter,
            reason="normative documents and mandate documents give no power to inspect",
        )
        others = {
            other: by
            for other, by in ledger.read(
                SameMatter(elements.name, elements.entity_class)
            ).units.items()
            if other != matter and by != unit
        }
        ledger.require(
            not others or elements.division_note,
            rules.CAT_R6,
            name=elements.name,
            entity_class=elements.entity_class,
            others=", ".join(f"{by} ({other})" for other, by in sorted(others.items())),
        )
    ledger.require(
        elements.delegated_to is None or elements.delegation_ref,
        rules.CAT_R7,
        delegated_to=elements.delegated_to,
    )
    ledger.require(
        ledger.read(UnitStanding(unit)).qualified(ledger.on),
        rules.CAT_R3,
        unit=unit,
        on=ledger.on,
        matters=matter,
    )
