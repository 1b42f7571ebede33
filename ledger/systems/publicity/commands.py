"""Commands of publicity: ex-ante items, acts other than penalties, and annual figures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ledger.general.findings import finding
from ledger.general.personaldata import require_impersonal
from ledger.general.roles import OFFICERS, UNIT, roles
from ledger.general.values import Year
from ledger.general.vocabulary import DecisionId, EntityId, MatterId, Name, Sha256, Text, UnitId
from ledger.kernel import Act, DatedAct, Event, Inquiry, OutOfStep, Report, message
from ledger.systems.catalogue.folds import UnitStanding
from ledger.systems.corrections.folds import DecisionStanding
from ledger.systems.entities.folds import Registration
from ledger.systems.filing.rules import published_matter
from ledger.systems.penalties.folds import Decision, require_in_effect
from ledger.systems.penalties.rules import PUB_R1, PUB_R2, PUB_V2
from ledger.systems.publicity import rules
from ledger.systems.publicity.events import (
    ActDecided,
    ActPublished,
    ActServed,
    ActWithdrawn,
    AnnualFigures,
    AnnualStatsFellDue,
    AnnualStatsPublished,
    ExAnteItem,
    ExAntePublished,
)
from ledger.systems.publicity.folds import AnnualStats, DecidedAct, PublicityRecord

#: Kinds of acts that have their own systems.
_ELSEWHERE = {"penalty", "inspection"}


class PublishExAnte(Act):
    """事前公开: publish an item of ex-ante publicity, or its newest version."""

    ROLES = UNIT

    unit: UnitId
    item: ExAnteItem
    title: Name
    url: Name
    digest: Sha256

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.known(UnitStanding(self.unit), "general.qualify-unit-first")
        yield ExAntePublished(
            unit=self.unit,
            item=self.item,
            title=self.title,
            url=self.url,
            digest=self.digest,
            published_on=inquiry.on,
        )


class DecideAct(DatedAct):
    """作出行政执法决定: decide on a licence or another act that is not a penalty.

    ``occurred_at`` is the date of the decision. The matter must be published and in force (CAT-R2);
    it determines the kind of act.
    """

    ROLES = roles("unit_head")

    decision: DecisionId
    unit: UnitId
    matter: MatterId
    doc_no: Name
    entity: EntityId | None = None
    withheld_because: Text | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(DecisionStanding(self.decision))
        elements = published_matter(inquiry, self.matter, self.unit, inquiry.on, None)
        if elements.act_kind in _ELSEWHERE:
            raise OutOfStep(
                "publicity.must-not-matter", matter=self.matter, act_kind=elements.act_kind
            )
        if self.entity is not None:
            inquiry.known(Registration(self.entity), "general.register-business-first")
        yield ActDecided(
            decision=self.decision,
            unit=self.unit,
            entity=self.entity,
            kind=elements.act_kind,
            matter=self.matter,
            doc_no=self.doc_no,
            decided_on=inquiry.on,
            withheld_because=self.withheld_because,
        )


class ServeAct(Report):
    """送达: record that an act was served."""

    ROLES = OFFICERS

    decision: DecisionId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        act = inquiry.own(DecidedAct(self.decision), "publicity.record-act-first")
        if act.served_on is not None:
            raise OutOfStep(
                "publicity.act-already-served", decision=self.decision, served_on=act.served_on
            )
        require_in_effect(inquiry.read(Decision(self.decision)))
        inquiry.not_before(act.decided_on, message("publicity.act-decided", decision=self.decision))
        yield ActServed(
            decision=self.decision, unit=act.unit, entity=act.entity, served_on=inquiry.on
        )


class PublishAct(Act):
    """公开执法结果: publish a served act, without personal data."""

    ROLES = UNIT

    decision: DecisionId
    summary: Text
    redactions: tuple[Name, ...] = ()
    url: Name | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        act = inquiry.own(DecidedAct(self.decision), "publicity.record-act-first")
        assert act.kind is not None
        if act.published_on is not None:
            raise OutOfStep(
                "publicity.act-already-published",
                decision=self.decision,
                published_on=act.published_on,
            )
        require_in_effect(inquiry.read(Decision(self.decision)))
        if act.withheld_because is not None:
            raise OutOfStep(
                "publicity.act-must-not-published",
                decision=self.decision,
                withheld_because=act.withheld_because,
            )
        inquiry.require(
            act.served_on is not None and act.served_on <= inquiry.on,
            PUB_R2,
            decision=self.decision,
        )
        require_impersonal(inquiry, PUB_R1, self.summary)
        rule = rules.PUBLISH_LICENCE if act.kind == "licence" else rules.PUBLISH_OTHER
        decided = inquiry.opening(act.decided_position)
        yield ActPublished(
            decision=self.decision,
            unit=act.unit,
            entity=act.entity,
            kind=act.kind,
            summary=self.summary,
            published_on=inquiry.on,
            redactions=self.redactions,
            url=self.url,
            days_late=inquiry.days_after(inquiry.due(rule, decided)),
        )


class WithdrawAct(Act):
    """撤下已公开的执法结果: withdraw an act that was undone, and say publicly why."""

    ROLES = roles("unit_head")

    decision: DecisionId
    explanation: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        act = inquiry.own(DecidedAct(self.decision), "publicity.record-act-first")
        if act.stage != "published":
            raise OutOfStep(
                "publicity.act-must-be-public-withdrawn", decision=self.decision, stage=act.stage
            )
        nullified = inquiry.read(Decision(self.decision)).nullified
        if nullified is None:
            raise OutOfStep("publicity.act-must-be-undone-before-withdrawn", decision=self.decision)
        require_impersonal(inquiry, PUB_R1, self.explanation)
        due = inquiry.period("publicity.withdraw_wd", nullified.since)
        late = inquiry.days_after(due)
        yield ActWithdrawn(
            decision=self.decision,
            unit=act.unit,
            entity=act.entity,
            reason=nullified.reason,
            nullified_on=nullified.since,
            withdrawn_on=inquiry.on,
            explanation=self.explanation,
            days_late=late,
        )
        if late and self.decision not in inquiry.read(PublicityRecord(act.unit)).unwithdrawn:
            yield _not_withdrawn(inquiry, self.decision, act.unit, act.entity, due.on)


class ReviewWithdrawal(Act):
    """检查撤下情况: record that an undone decision is public after its time (PUB-V2).

    The decision is a penalty or any other act. Decisions that a reconsideration undid have their
    own deadline (RCN-V2).
    """

    ROLES = roles("jb_supervisor", "ledger_clock")

    decision: DecisionId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        unit, entity, since = self._still_public(inquiry)
        if since is None:
            raise OutOfStep("publicity.decision-must-be-public-undone", decision=self.decision)
        if self.decision in inquiry.read(PublicityRecord(unit)).unwithdrawn:
            raise OutOfStep(
                "publicity.decision-already-finding-still-public", decision=self.decision
            )
        due = inquiry.period("publicity.withdraw_wd", since)
        if due.provisional or inquiry.on <= due.on:
            raise OutOfStep(
                "publicity.decision-may-withdrawn-until", decision=self.decision, on=due.on
            )
        yield _not_withdrawn(inquiry, self.decision, unit, entity, due.on)

    def _still_public(self, inquiry: Inquiry) -> tuple[str, str | None, date | None]:
        """Return the unit, the business, and the day since when it is public though undone."""
        decision = inquiry.read(Decision(self.decision))
        if decision.exists:
            return decision.decided.unit, decision.decided.entity, decision.public_though_undone
        act = inquiry.known(DecidedAct(self.decision))
        return act.unit, act.entity, act.nullified_on if act.stage == "published" else None


class CallForAnnualStats(Act):
    """年度执法数据待公开: call for the figures of a unit for a year that is over."""

    ROLES = roles("ledger_clock")
    ACTS_FOR = ""

    unit: UnitId
    year: Year

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        stats = inquiry.read(AnnualStats(_name(self.unit, self.year)))
        if stats.exists:
            raise OutOfStep("publicity.figures-already-called", unit=self.unit, year=self.year)
        _check_over(inquiry, self.year)
        known_since = inquiry.read(PublicityRecord(self.unit)).known_since
        if known_since is None or known_since.year > self.year:
            raise OutOfStep("publicity.must-been-qualified-before", unit=self.unit, year=self.year)
        yield AnnualStatsFellDue(
            stats=stats.stats,
            unit=self.unit,
            year=self.year,
            due_on=_last_day(inquiry, self.year),
        )


class PublishAnnualStats(Act):
    """公开年度执法数据: publish the figures of a year that is over."""

    ROLES = roles("unit_head")

    unit: UnitId
    year: Year
    figures: AnnualFigures
    url: Name

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.known(UnitStanding(self.unit), "general.qualify-unit-first")
        stats = inquiry.read(AnnualStats(_name(self.unit, self.year)))
        if stats.published_on is not None:
            raise OutOfStep(
                "publicity.figures-already-published",
                unit=self.unit,
                year=self.year,
                published_on=stats.published_on,
            )
        _check_over(inquiry, self.year)
        due_on = stats.due_on or _last_day(inquiry, self.year)
        yield AnnualStatsPublished(
            stats=stats.stats,
            unit=self.unit,
            year=self.year,
            figures=self.figures,
            url=self.url,
            published_on=inquiry.on,
            days_late=inquiry.days_after(due_on),
        )


class ReviewRedactions(Act):
    """检查公开内容的隐去情况: record that a unit redacts too many of a year's decisions."""

    ROLES = roles("jb_supervisor", "ledger_clock")
    ACTS_FOR = ""

    unit: UnitId
    year: Year

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        record = inquiry.read(PublicityRecord(self.unit))
        counted = record.years.get(self.year)
        if counted is None:
            raise OutOfStep("publicity.must-published-decisions", unit=self.unit, year=self.year)
        if self.year in record.redacting:
            raise OutOfStep("publicity.already-finding", unit=self.unit, year=self.year)
        share = str(inquiry.setting("redaction_share", unit=self.unit))
        if not counted.is_pattern(share):
            raise OutOfStep(
                "publicity.share-decisions-redactions-must-be-above-finding",
                share=share,
                unit=self.unit,
                redacted=counted.redacted,
                published=counted.published,
            )
        yield finding(
            inquiry,
            rules.PUB_V3,
            unit=self.unit,
            year=self.year,
            published=counted.published,
            redacted=counted.redacted,
            share=share,
        )


def _not_withdrawn(
    inquiry: Inquiry, decision: str, unit: str, entity: str | None, due_on: date
) -> Event:
    return finding(
        inquiry,
        PUB_V2,
        unit=unit,
        entity=entity,
        decision=decision,
        due_on=due_on.isoformat(),
        days_late=(inquiry.on - due_on).days,
    )


def _name(unit: str, year: int) -> str:
    return f"{unit}:{year}"


def _check_over(inquiry: Inquiry, year: int) -> None:
    if inquiry.on.year <= year:
        raise OutOfStep("publicity.year-must-be-over", year=year)


def _last_day(inquiry: Inquiry, year: int) -> date:
    """Return the last day to publish the figures, in the following year."""
    return inquiry.stated_day("publicity.annual_stats", year + 1)
