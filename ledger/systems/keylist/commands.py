"""Commands of the key-supervision list (2.5)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal, get_args

import msgspec

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
from ledger.kernel import Act, Event, Malformed, OutOfStep, Reading, Report, Value
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
from ledger.systems.supervision.findings import finding

#: The ten domains that the Notice names.
_DOMAINS: tuple[str, ...] = tuple(domain for domain in get_args(Domain) if domain != "general")

_UNDESIGNATED = "Designate the business first."


class ListKeyMatter(Act):
    """列入重点监管事项: a published matter of a key domain, on a risk assessment, for a time.

    A list is short (KEY-R2). Listed again it is renewed, on a new assessment (KEY-R5).
    """

    ROLES = roles("unit_head")

    domain: KeyDomain
    matter: MatterId
    unit: UnitId
    procedure_ref: Name
    risk_assessment: Name | None = None
    expires_on: date | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        _require_domain(ledger, self.domain in _DOMAINS, self.domain, "it is no key domain")
        matter = ledger.known(Matter(self.matter), "List it in the catalogue first.")
        elements = matter.in_force_on(ledger.on)
        ledger.require(elements, catalogue.CAT_R2, matter=self.matter, on=ledger.on)
        assert elements is not None
        _require_domain(
            ledger,
            elements.domain == self.domain,
            self.matter,
            f"it belongs to {elements.domain}",
        )
        if matter.unit != self.unit:
            raise OutOfStep(f"{self.matter} is a matter of {matter.unit}; that unit lists it")
        expires_on = _reviewed_by(ledger, self.expires_on, "/expires_on")
        ledger.require(
            self.risk_assessment,
            rules.KEY_R3,
            reason="no risk assessment is named",
            latest=_latest(ledger),
        )
        assert self.risk_assessment is not None
        listed = ledger.read(KeyList(self.domain))
        before = listed.matters.get(self.matter)
        ledger.require(
            before is None or self.risk_assessment not in before.assessments,
            rules.KEY_R5,
            subject=self.matter,
            reason=f"{self.risk_assessment} carried it before",
            hint="Assess the risk again and name the new assessment.",
        )
        others = [matter for matter in listed.in_force(ledger.on) if matter != self.matter]
        cap = int(ledger.setting("key.max_matters", domain=self.domain))
        ledger.require(
            len(others) < cap,
            rules.KEY_R2,
            domain=self.domain,
            listed=len(others),
            cap=cap,
            matters=", ".join(sorted(others)),
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
    """移出重点监管事项: take a matter off its key list before its time."""

    ROLES = roles("unit_head")

    domain: KeyDomain
    matter: MatterId
    reason: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        listed = ledger.read(KeyList(self.domain)).matters.get(self.matter)
        if listed is None or not listed.in_force(ledger.on):
            raise OutOfStep(f"{self.matter} is not on the key list of {self.domain}")
        ledger.act_for(listed.unit)
        yield KeyMatterDelisted(
            domain=self.domain, matter=self.matter, unit=listed.unit, reason=self.reason
        )


class RankedList(Value):
    """A list of ranked businesses as it was made and stored: what the service fills in."""

    list_digest: BlobDigest
    cutoff_position: Count
    formula_version: Count
    count: Count
    screened: Count


class RunScreening(Act):
    """重点监管筛选: rank the registered businesses of an area and line by their risk on ``on``.

    By ``key.screening_formula``, from what is published of them. The service makes and stores the
    list and fills in ``ranked``.
    """

    ROLES = roles(*HEADS, "jb_supervisor")

    screening: ScreeningId
    unit: UnitId
    on: date
    area: Name | None = None
    line: Name | None = None
    ranked: RankedList | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.new(Screening(self.screening))
        if self.on > ledger.today:
            raise Malformed(f"on must not lie after {ledger.today}; it is {self.on}", "/on")
        formula = ledger.policy("key.screening_formula", on=self.on)
        ranked = self.ranked
        if ranked is None:
            raise Malformed("the list must be made before it is recorded", "/ranked")
        if formula is None or formula.version != ranked.formula_version:
            raise OutOfStep("key.screening_formula has changed meanwhile; send the command again")
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


#: Businesses of better ranks that a designation is held against at most.
MOST_BETTER = 200


class RankInRun(Value):
    """Where a business stands in a screening: what the service reads from its list.

    ``better``: the first businesses of better ranks that the unit may have passed over.
    """

    rank: Annotated[int, msgspec.Meta(ge=1)]
    better: Annotated[tuple[EntityId, ...], msgspec.Meta(max_length=MOST_BETTER)] = ()


class DesignateKeyUnit(Act):
    """确定重点监管单位: put a business under key supervision for listed matters, and tell it.

    It gives a reason or the screening in which the business ranks (KEY-R6), and names when it is
    reviewed (KEY-R3) and the notice (KEY-R4); what was designated before is reviewed and not
    designated anew (KEY-R5). ``passed_over`` says why businesses of better ranks in ``run`` are
    not designated; without it that is found (KEY-V4). The service fills in ``ranked``.
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

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.new(KeyDesignation(self.designation))
        ledger.known(Registration(self.entity), "Register the business first.")
        require_listed(ledger, self.entity)
        ledger.require(
            self.reason is not None or self.run is not None, rules.KEY_R6, entity=self.entity
        )
        screening = self._screening(ledger)
        for matter in self.matters:
            until = ledger.read(KeyMatter(matter)).until
            _require_domain(
                ledger,
                until is not None and ledger.on <= until,
                matter,
                "it is on no key list in force",
            )
        barred = ledger.read(OfficerStanding(self.tracking_officer)).barred(
            ledger.on, self.unit, set()
        )
        if barred is not None:
            raise Malformed(f"{self.tracking_officer} {barred}", "/tracking_officer")
        review_on = _reviewed_by(ledger, self.review_on, "/review_on")
        ledger.require(
            self.notice_no is not None and self.notified_on is not None,
            rules.KEY_R4,
            entity=self.entity,
        )
        assert self.notice_no is not None
        assert self.notified_on is not None
        if self.notified_on > ledger.on:
            raise Malformed("notified_on lies in the future", "/notified_on")
        self._check_renewal(ledger)
        yield KeyUnitDesignated(
            designation=self.designation,
            entity=self.entity,
            unit=self.unit,
            matters=self.matters,
            review_on=review_on,
            listed_as=ledger.setting("key.unit_list"),
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
            grade=ledger.read(CreditGrade(self.entity)).on(ledger.on),
            proposed_by=self.proposed_by,
            run=self.run,
            passed_over=self.passed_over,
        )
        if screening is not None and self.passed_over is None:
            yield from self._passed_over(ledger, screening)

    def _screening(self, ledger: Reading) -> Screening | None:
        """The unit's own screening in which the business ranks, if one is named."""
        if self.run is None:
            if self.passed_over is not None:
                raise Malformed("passed_over is said of the ranks of a run; name the run", "/run")
            return None
        screening = ledger.known(Screening(self.run), "Screen first (run-screening).")
        if screening.unit != self.unit:
            raise Malformed(
                f"run must be a screening of {self.unit}; {self.run} is {screening.unit}'s", "/run"
            )
        if self.ranked is None:
            raise Malformed(f"{self.entity} must stand on the list of {self.run}", "/run")
        return screening

    def _passed_over(self, ledger: Reading, screening: Screening) -> Iterator[Event]:
        """KEY-V4, each looked up again: better ranks that the unit has not designated."""
        assert self.ranked is not None
        ledger.read_all(KeyDesignations(entity, self.unit) for entity in self.ranked.better)
        better = [
            entity
            for entity in self.ranked.better
            if ledger.read(Registration(entity)).listed
            and not ledger.read(KeyDesignations(entity, self.unit)).in_force(ledger.on)
        ]
        if better:
            yield finding(
                ledger,
                rules.KEY_V4,
                unit=self.unit,
                entity=self.entity,
                evidence=(screening.run_at,),
                designation=self.designation,
                run=self.run,
                rank=self.ranked.rank,
                passed_over=better,
            )

    def _check_renewal(self, ledger: Reading) -> None:
        """Whatever the unit designated for one of these matters was reviewed, and removed so."""
        for earlier, given in ledger.read(KeyDesignations(self.entity, self.unit)).given.items():
            ways = "and keep it, or remove it there" if given.ended_on is None else "as removed"
            ledger.require(
                given.reviewed_away or not set(self.matters) & set(given.matters),
                rules.KEY_R5,
                subject=self.entity,
                reason=f"{earlier} was designated for the same matters and not reviewed",
                hint=f"Review {earlier} (review-key-designation) {ways}.",
            )


class ProvideGuidance(Report):
    """直接指导: report a guidance that the business was given; ``occurred_at`` says when."""

    ROLES = OFFICERS

    designation: DesignationId
    subject: Text
    document_ref: Name | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        given = ledger.own(KeyDesignation(self.designation), _UNDESIGNATED)
        yield GuidanceProvided(
            designation=self.designation,
            entity=given.entity,
            unit=given.unit,
            provided_on=ledger.on,
            subject=self.subject,
            document_ref=self.document_ref,
        )


class LogTrackingVisit(Report):
    """跟踪监管走访: report a visit that followed up. Never refused for being unlawful (0.1).

    After the designation lapsed or ended it is found (KEY-V1), without any guidance too (KEY-V2).
    """

    ROLES = OFFICERS

    designation: DesignationId
    officers: Annotated[tuple[OfficerId, ...], msgspec.Meta(min_length=1, max_length=20)]
    summary: Text
    task: TaskId | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        given = ledger.own(KeyDesignation(self.designation), _UNDESIGNATED)
        if self.task is not None:
            task = ledger.known(Task(self.task))
            if (task.unit, task.entity) != (given.unit, given.entity):
                raise Malformed(f"{self.task} is {task.unit}'s visit to {task.entity}", "/task")
        yield TrackingVisitLogged(
            designation=self.designation,
            entity=given.entity,
            unit=given.unit,
            visited_on=ledger.on,
            officers=self.officers,
            summary=self.summary,
            task=self.task,
        )
        about: dict[str, Any] = {
            "unit": given.unit,
            "entity": given.entity,
            "task": self.task,
            "designation": self.designation,
            "visited_on": ledger.on.isoformat(),
        }
        if not given.in_force(ledger.on):
            over = given.ended_on or given.review_on
            assert over is not None
            yield finding(ledger, rules.KEY_V1, over_since=over.isoformat(), **about)
        if not any(guidance.provided_on <= ledger.on for guidance in given.guidance):
            yield finding(ledger, rules.KEY_V2, **about)


class ReviewKeyDesignation(Act):
    """复核重点监管单位: keep the designation until a further day, or remove it.

    One that was ended without a review is reviewed as removed, before it is designated anew.
    """

    ROLES = roles("unit_head")

    designation: DesignationId
    outcome: Literal["keep", "remove"]
    grounds: Text
    review_on: date | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        given = ledger.own(KeyDesignation(self.designation), _UNDESIGNATED)
        if given.ended_on is not None and (self.outcome == "keep" or given.reviewed_away):
            raise OutOfStep(f"designation {self.designation} ended on {given.ended_on}")
        assert given.review_on is not None
        if self.outcome == "remove" and self.review_on is not None:
            raise Malformed("what is removed is not reviewed again", "/review_on")
        review_on = None
        if self.outcome == "keep":
            review_on = _reviewed_by(ledger, self.review_on, "/review_on")
        yield KeyDesignationReviewed(
            designation=self.designation,
            entity=given.entity,
            unit=given.unit,
            outcome=self.outcome,
            review_on=review_on,
            # The end came first, and asked for no review any more.
            days_late=ledger.days_after(given.review_on) if given.ended_on is None else 0,
            listed_as=given.listed_as,
        )
        yield _explained(given, "review", self.grounds)
        if self.outcome == "remove" and given.ended_on is None:
            yield _ended(ledger, given, "review")


class EndKeyDesignation(Act):
    """解除重点监管: what it was for is gone, without a review."""

    ROLES = roles("unit_head")

    designation: DesignationId
    reason: Literal["risk_gone", "closed", "merged", "error"]
    note: Text | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        given = _running(ledger, self.designation)
        yield _ended(ledger, given, self.reason)
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


def _ended(ledger: Reading, given: KeyDesignation, reason: EndReason) -> KeyDesignationEnded:
    return KeyDesignationEnded(
        designation=given.designation,
        entity=given.entity,
        unit=given.unit,
        reason=reason,
        ended_on=ledger.on,
        listed_as=given.listed_as,
    )


def _running(ledger: Reading, designation_id: str) -> KeyDesignation:
    given = ledger.own(KeyDesignation(designation_id), _UNDESIGNATED)
    if given.ended_on is not None:
        raise OutOfStep(f"designation {designation_id} ended on {given.ended_on}")
    return given


def _require_domain(ledger: Reading, fits: bool, subject: str, reason: str) -> None:
    ledger.require(fits, rules.KEY_R1, subject=subject, reason=reason, domains=", ".join(_DOMAINS))


def _latest(ledger: Reading) -> date:
    return add_months(ledger.on, int(ledger.setting("key.review_months")))


def _reviewed_by(ledger: Reading, day: date | None, pointer: str) -> date:
    """The day by which it is looked at again: named, ahead, and not too far (KEY-R3)."""
    latest = _latest(ledger)
    ledger.require(day, rules.KEY_R3, reason="no day of review is named", latest=latest)
    assert day is not None
    ledger.require(
        day <= latest, rules.KEY_R3, reason=f"{day} is later than {latest}", latest=latest
    )
    if day <= ledger.on:
        raise Malformed(f"{day} does not lie ahead", pointer)
    return day
