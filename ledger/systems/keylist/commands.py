"""Commands of the key-supervision list (2.5)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal, get_args

import msgspec

from ledger.general.findings import finding
from ledger.general.roles import HEADS, OFFICERS, roles
from ledger.general.vocabulary import (
    Badge,
    BlobDigest,
    DesignationId,
    EntityId,
    KeyDomain,
    MatterId,
    Name,
    OfficerId,
    ScreeningId,
    TaskId,
    Text,
    UnitId,
)
from ledger.kernel import Act, Event, Inquiry, Malformed, Message, OutOfStep, Report, Value, message
from ledger.kernel.days import add_months
from ledger.systems.catalogue import rules as catalogue
from ledger.systems.catalogue.events import Domain
from ledger.systems.catalogue.folds import Matter, OfficerStanding
from ledger.systems.entities.folds import Registration
from ledger.systems.entities.rules import require_listed
from ledger.systems.filing.folds import Task
from ledger.systems.grading.folds import CreditGrade
from ledger.systems.keylist import rules
from ledger.systems.keylist.events import (
    Count,
    EndReason,
    GuidanceProvided,
    KeyDesignationEnded,
    KeyDesignationExplained,
    KeyDesignationReviewed,
    KeyMatterDelisted,
    KeyMatterListed,
    KeyUnitDescribed,
    KeyUnitDesignated,
    ScreeningRun,
    TrackingVisitLogged,
)
from ledger.systems.keylist.folds import (
    KeyDesignation,
    KeyDesignations,
    KeyList,
    KeyMatter,
    Screening,
)

#: The ten domains that the Notice names.
_DOMAINS: tuple[str, ...] = tuple(domain for domain in get_args(Domain) if domain != "general")

_UNDESIGNATED = message("keylist.designate-business-first")


class ListKeyMatter(Act):
    """列入重点监管事项: list a matter of a key domain, based on a risk assessment, until a day.

    A list holds only a limited number of matters (KEY-R2). Listing a matter again renews it, which
    needs a new assessment (KEY-R5).
    """

    ROLES = roles("unit_head")

    domain: KeyDomain
    matter: MatterId
    unit: UnitId
    procedure_ref: Name
    risk_assessment: Name | None = None
    expires_on: date | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        _require_domain(
            inquiry, self.domain in _DOMAINS, self.domain, message("keylist.not-key-domain")
        )
        matter = inquiry.known(Matter(self.matter), "general.list-matter-catalogue-first")
        elements = matter.in_force_on(inquiry.on)
        inquiry.require(elements, catalogue.CAT_R2, matter=self.matter, on=inquiry.on)
        assert elements is not None
        _require_domain(
            inquiry,
            elements.domain == self.domain,
            self.matter,
            message("keylist.domain-is-other", domain=elements.domain),
        )
        if matter.unit != self.unit:
            raise OutOfStep(
                "keylist.must-be-listed-unit-belongs",
                matter=self.matter,
                unit=matter.unit,
                given_unit=self.unit,
            )
        expires_on = _reviewed_by(inquiry, self.expires_on, "/expires_on")
        inquiry.require(
            self.risk_assessment,
            rules.KEY_R3,
            reason=message("keylist.no-risk-assessment-named"),
            latest=_latest(inquiry),
        )
        assert self.risk_assessment is not None
        listed = inquiry.read(KeyList(self.domain))
        before = listed.matters.get(self.matter)
        inquiry.require(
            before is None or self.risk_assessment not in before.assessments,
            rules.KEY_R5,
            subject=self.matter,
            reason=message("keylist.earlier-listing-based", risk_assessment=self.risk_assessment),
            hint=message("keylist.assess-risk-again-name-new-assessment"),
        )
        others = [matter for matter in listed.in_force(inquiry.on) if matter != self.matter]
        cap = int(inquiry.setting("key.max_matters", domain=self.domain))
        inquiry.require(
            len(others) < cap,
            rules.KEY_R2,
            domain=self.domain,
            listed=len(others),
            cap=cap,
            matters=sorted(others),
        )
        yield KeyMatterListed(
            domain=self.domain,
            matter=self.matter,
            unit=self.unit,
            risk_assessment=self.risk_assessment,
            procedure_ref=self.procedure_ref,
            expires_on=expires_on,
            renewed=before is not None,
        )


class DelistKeyMatter(Act):
    """移出重点监管事项: take a matter off its key list before it expires."""

    ROLES = roles("unit_head")

    domain: KeyDomain
    matter: MatterId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        listed = inquiry.read(KeyList(self.domain)).matters.get(self.matter)
        if listed is None or not listed.in_force(inquiry.on):
            raise OutOfStep(
                "keylist.must-be-key-list-removed", matter=self.matter, domain=self.domain
            )
        inquiry.act_for(listed.unit)
        yield KeyMatterDelisted(
            domain=self.domain, matter=self.matter, unit=listed.unit, reason=self.reason
        )


class RankedList(Value):
    """The stored list of ranked businesses; the service fills it in."""

    list_digest: BlobDigest
    cutoff_position: Count
    formula_version: Count
    count: Count
    screened: Count


class RunScreening(Act):
    """重点监管筛选: rank the registered businesses of an area and line by their risk on ``on``.

    The ranking uses ``key.screening_formula`` and the published facts about the businesses. The
    service makes and stores the list and fills in ``ranked``.
    """

    ROLES = roles(*HEADS, "jb_supervisor")

    screening: ScreeningId
    unit: UnitId
    on: date
    area: Name | None = None
    line: Name | None = None
    ranked: RankedList | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(Screening(self.screening))
        if self.on > inquiry.today:
            raise Malformed(
                "keylist.must-not-lie-after", pointer="/on", today=inquiry.today, on=self.on
            )
        formula = inquiry.policy("key.screening_formula", on=self.on)
        ranked = self.ranked
        if ranked is None:
            raise Malformed("keylist.list-must-be-made-before-recorded", pointer="/ranked")
        if formula is None or formula.version != ranked.formula_version:
            raise OutOfStep("keylist.key-screening-formula-changed-while-list-made")
        yield ScreeningRun(
            screening=self.screening,
            unit=self.unit,
            on=self.on,
            cutoff_position=ranked.cutoff_position,
            formula_version=ranked.formula_version,
            list_digest=ranked.list_digest,
            count=ranked.count,
            screened=ranked.screened,
            area=self.area,
            line=self.line,
        )


#: The most businesses of better ranks with which a designation is compared.
MOST_BETTER = 200


class RankInRun(Value):
    """The rank of a business in a screening; the service reads it from the list.

    ``better``: the first businesses of better ranks, which the unit may have passed over.
    """

    rank: Annotated[int, msgspec.Meta(ge=1)]
    better: Annotated[tuple[EntityId, ...], msgspec.Meta(max_length=MOST_BETTER)] = ()


class DesignateKeyUnit(Act):
    """确定重点监管单位: put a business under key supervision for listed matters, and notify it.

    The unit gives a reason or the screening in which the business ranks (KEY-R6), the day of review
    (KEY-R3) and the notice to the business (KEY-R4). An earlier designation for the same matters
    must be reviewed first (KEY-R5). ``passed_over`` says why businesses of better ranks in ``run``
    are not designated; if it is missing, a finding is raised (KEY-V4). The service fills in
    ``ranked``.
    """

    ROLES = roles("unit_head")

    designation: DesignationId
    entity: EntityId
    unit: UnitId
    matters: Annotated[tuple[MatterId, ...], msgspec.Meta(min_length=1, max_length=20)]
    tracking_officer: OfficerId
    guidance_plan: Name
    reason: Text | None = None
    run: ScreeningId | None = None
    passed_over: Text | None = None
    review_on: date | None = None
    notice_no: Name | None = None
    notified_on: date | None = None
    proposed_by: Badge | None = None
    ranked: RankInRun | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(KeyDesignation(self.designation))
        inquiry.known(Registration(self.entity), "general.register-business-first")
        require_listed(inquiry, self.entity)
        inquiry.require(
            self.reason is not None or self.run is not None, rules.KEY_R6, entity=self.entity
        )
        screening = self._screening(inquiry)
        for matter in self.matters:
            until = inquiry.read(KeyMatter(matter)).until
            _require_domain(
                inquiry,
                until is not None and inquiry.on <= until,
                matter,
                message("keylist.not-key-list-force"),
            )
        barred = inquiry.read(OfficerStanding(self.tracking_officer)).barred(
            inquiry.on, self.unit, set()
        )
        if barred is not None:
            raise Malformed(
                "keylist.officer-barred",
                pointer="/tracking_officer",
                tracking_officer=self.tracking_officer,
                barred=barred,
            )
        review_on = _reviewed_by(inquiry, self.review_on, "/review_on")
        inquiry.require(
            self.notice_no is not None and self.notified_on is not None,
            rules.KEY_R4,
            entity=self.entity,
        )
        assert self.notice_no is not None
        assert self.notified_on is not None
        if self.notified_on > inquiry.on:
            raise Malformed(
                "keylist.notified-on-must-not-lie-after-today",
                pointer="/notified_on",
                on=inquiry.on,
                notified_on=self.notified_on,
            )
        self._check_renewal(inquiry)
        yield KeyUnitDesignated(
            designation=self.designation,
            entity=self.entity,
            unit=self.unit,
            matters=self.matters,
            review_on=review_on,
            listed_as=inquiry.setting("key.unit_list"),
        )
        yield KeyUnitDescribed(
            designation=self.designation,
            entity=self.entity,
            unit=self.unit,
            reason=self.reason,
            tracking_officer=self.tracking_officer,
            guidance_plan=self.guidance_plan,
            notice_no=self.notice_no,
            notified_on=self.notified_on,
            grade=inquiry.read(CreditGrade(self.entity)).on(inquiry.on),
            proposed_by=self.proposed_by,
            run=self.run,
            passed_over=self.passed_over,
        )
        if screening is not None and self.passed_over is None:
            yield from self._passed_over(inquiry, screening)

    def _screening(self, inquiry: Inquiry) -> Screening | None:
        """Return the unit's own screening in which the business ranks, if the command names it."""
        if self.run is None:
            if self.passed_over is not None:
                raise Malformed(
                    "keylist.run-must-be-given-passed-over",
                    pointer="/run",
                )
            return None
        screening = inquiry.known(Screening(self.run), "keylist.run-screening-first")
        if screening.unit != self.unit:
            raise Malformed(
                "keylist.run-must-be-screening",
                pointer="/run",
                unit=self.unit,
                run=self.run,
                screening_unit=screening.unit,
            )
        if self.ranked is None:
            raise Malformed(
                "keylist.must-be-list", pointer="/run", entity=self.entity, run=self.run
            )
        return screening

    def _passed_over(self, inquiry: Inquiry, screening: Screening) -> Iterator[Event]:
        """Raise KEY-V4 if businesses of better ranks are listed but not designated."""
        assert self.ranked is not None
        inquiry.read_all(KeyDesignations(entity, self.unit) for entity in self.ranked.better)
        better = [
            entity
            for entity in self.ranked.better
            if inquiry.read(Registration(entity)).listed
            and not inquiry.read(KeyDesignations(entity, self.unit)).in_force(inquiry.on)
        ]
        if better:
            yield finding(
                inquiry,
                rules.KEY_V4,
                unit=self.unit,
                entity=self.entity,
                evidence=(screening.run_at,),
                designation=self.designation,
                run=self.run,
                rank=self.ranked.rank,
                passed_over=better,
            )

    def _check_renewal(self, inquiry: Inquiry) -> None:
        """Check that the unit's earlier designations for these matters were removed by a review."""
        for earlier, given in inquiry.read(KeyDesignations(self.entity, self.unit)).given.items():
            ways = (
                message("keylist.keep-remove")
                if given.ended_on is None
                else message("keylist.removed")
            )
            inquiry.require(
                given.reviewed_away or not set(self.matters) & set(given.matters),
                rules.KEY_R5,
                subject=self.entity,
                reason=message("keylist.designation-same-matters-not-reviewed", earlier=earlier),
                hint=message("keylist.review", earlier=earlier, ways=ways),
            )


class ProvideGuidance(Report):
    """直接指导: report that the unit guided the business; ``occurred_at`` says when."""

    ROLES = OFFICERS

    designation: DesignationId
    subject: Text
    document_ref: Name | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        given = inquiry.own(KeyDesignation(self.designation), _UNDESIGNATED)
        yield GuidanceProvided(
            designation=self.designation,
            entity=given.entity,
            unit=given.unit,
            provided_on=inquiry.on,
            subject=self.subject,
            document_ref=self.document_ref,
        )


class LogTrackingVisit(Report):
    """跟踪监管走访: report a follow-up visit. It is never refused for being unlawful (0.1).

    A finding is raised if the designation lapsed or ended before the visit (KEY-V1), or if the
    business was never guided (KEY-V2).
    """

    ROLES = OFFICERS

    designation: DesignationId
    officers: Annotated[tuple[OfficerId, ...], msgspec.Meta(min_length=1, max_length=20)]
    summary: Text
    task: TaskId | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        given = inquiry.own(KeyDesignation(self.designation), _UNDESIGNATED)
        if self.task is not None:
            task = inquiry.known(Task(self.task))
            if (task.unit, task.entity) != (given.unit, given.entity):
                raise Malformed(
                    "general.task-must-be-visit",
                    pointer="/task",
                    unit=given.unit,
                    entity=given.entity,
                    task=self.task,
                    task_unit=task.unit,
                    task_entity=task.entity,
                )
        yield TrackingVisitLogged(
            designation=self.designation,
            entity=given.entity,
            unit=given.unit,
            visited_on=inquiry.on,
            officers=self.officers,
            summary=self.summary,
            task=self.task,
        )
        about: dict[str, Any] = {
            "unit": given.unit,
            "entity": given.entity,
            "task": self.task,
            "designation": self.designation,
            "visited_on": inquiry.on.isoformat(),
        }
        if not given.in_force(inquiry.on):
            over = given.ended_on or given.review_on
            assert over is not None
            yield finding(inquiry, rules.KEY_V1, over_since=over.isoformat(), **about)
        if not any(guidance.provided_on <= inquiry.on for guidance in given.guidance):
            yield finding(inquiry, rules.KEY_V2, **about)


class ReviewKeyDesignation(Act):
    """复核重点监管单位: keep a designation until a new day of review, or remove it.

    A designation that ended without a review must be reviewed with the outcome ``remove`` before
    the business is designated again.
    """

    ROLES = roles("unit_head")

    designation: DesignationId
    outcome: Literal["keep", "remove"]
    grounds: Text
    review_on: date | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        given = inquiry.own(KeyDesignation(self.designation), _UNDESIGNATED)
        if given.ended_on is not None and (self.outcome == "keep" or given.reviewed_away):
            raise OutOfStep(
                "keylist.designation-already-ended",
                designation=self.designation,
                ended_on=given.ended_on,
            )
        assert given.review_on is not None
        if self.outcome == "remove" and self.review_on is not None:
            raise Malformed("keylist.review-on-must-not-given-outcome-remove", pointer="/review_on")
        review_on = None
        if self.outcome == "keep":
            review_on = _reviewed_by(inquiry, self.review_on, "/review_on")
        yield KeyDesignationReviewed(
            designation=self.designation,
            entity=given.entity,
            unit=given.unit,
            outcome=self.outcome,
            review_on=review_on,
            # After its end a designation has no review due, so the review cannot be late.
            days_late=inquiry.days_after(given.review_on) if given.ended_on is None else 0,
            listed_as=given.listed_as,
        )
        yield _explained(given, "review", self.grounds)
        if self.outcome == "remove" and given.ended_on is None:
            yield _ended(inquiry, given, "review")


class EndKeyDesignation(Act):
    """解除重点监管: end a designation without a review, because its reason no longer exists."""

    ROLES = roles("unit_head")

    designation: DesignationId
    reason: Literal["risk_gone", "closed", "merged", "error"]
    note: Text | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        given = _running(inquiry, self.designation)
        yield _ended(inquiry, given, self.reason)
        if self.note is not None:
            yield _explained(given, "end", self.note)


def _explained(
    given: KeyDesignation, step: Literal["review", "end"], says: str
) -> KeyDesignationExplained:
    return KeyDesignationExplained(
        designation=given.designation,
        entity=given.entity,
        unit=given.unit,
        step=step,
        says=says,
    )


def _ended(inquiry: Inquiry, given: KeyDesignation, reason: EndReason) -> KeyDesignationEnded:
    return KeyDesignationEnded(
        designation=given.designation,
        entity=given.entity,
        unit=given.unit,
        reason=reason,
        ended_on=inquiry.on,
        listed_as=given.listed_as,
    )


def _running(inquiry: Inquiry, designation_id: str) -> KeyDesignation:
    given = inquiry.own(KeyDesignation(designation_id), _UNDESIGNATED)
    if given.ended_on is not None:
        raise OutOfStep(
            "keylist.designation-already-ended", designation=designation_id, ended_on=given.ended_on
        )
    return given


def _require_domain(inquiry: Inquiry, fits: bool, subject: str, reason: Message) -> None:
    inquiry.require(fits, rules.KEY_R1, subject=subject, reason=reason, domains=_DOMAINS)


def _latest(inquiry: Inquiry) -> date:
    return add_months(inquiry.on, int(inquiry.setting("key.review_months")))


def _reviewed_by(inquiry: Inquiry, day: date | None, pointer: str) -> date:
    """Return the day of review, which must be named, in the future and early enough (KEY-R3)."""
    latest = _latest(inquiry)
    inquiry.require(
        day, rules.KEY_R3, reason=message("keylist.not-given", place=pointer[1:]), latest=latest
    )
    assert day is not None
    inquiry.require(
        day <= latest,
        rules.KEY_R3,
        reason=message("keylist.later", day=day, latest=latest),
        latest=latest,
    )
    if day <= inquiry.on:
        raise Malformed(
            "keylist.must-lie-after-today",
            pointer=pointer,
            place=pointer[1:],
            on=inquiry.on,
            day=day,
        )
    return day
