"""Commands of publicity: ex ante, of acts that are no penalties, and of a year's figures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated

import msgspec

from ledger.general.personaldata import require_impersonal
from ledger.general.roles import OFFICERS, UNIT, roles
from ledger.general.vocabulary import DecisionId, EntityId, MatterId, Name, Sha256, Text, UnitId
from ledger.kernel import Act, DatedAct, Event, OutOfStep, Reading, Report
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
from ledger.systems.supervision.findings import finding

Year = Annotated[int, msgspec.Meta(ge=2000, le=2100)]

#: Acts whose decisions have a system of their own.
_ELSEWHERE = {"penalty", "inspection"}


class PublishExAnte(Act):
    """事前公开: put an item of ex-ante publicity before the public, or its newest state."""

    ROLES = UNIT
    ACTS_FOR = "unit"

    unit: UnitId
    item: ExAnteItem
    title: Name
    url: Name
    digest: Sha256

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.known(UnitStanding(self.unit), "Qualify the unit first.")
        yield ExAntePublished(
            unit=self.unit,
            item=self.item,
            title=self.title,
            url=self.url,
            digest=self.digest,
            published_on=ledger.on,
        )


class DecideAct(DatedAct):
    """作出行政执法决定: decide on a licence or another act that is no penalty.

    ``occurred_at`` is the date of the decision. The matter has to be published and in force
    (CAT-R2) and says what kind of act it is.
    """

    ROLES = roles("unit_head")
    ACTS_FOR = "unit"

    decision: DecisionId
    unit: UnitId
    matter: MatterId
    doc_no: Name
    entity: EntityId | None = None
    withheld_because: Text | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.new(DecisionStanding(self.decision))
        elements = published_matter(ledger, self.matter, self.unit, ledger.on, None)
        if elements.act_kind in _ELSEWHERE:
            raise OutOfStep(
                f"{self.matter} is a matter of {elements.act_kind}, which is decided elsewhere"
            )
        if self.entity is not None:
            ledger.known(Registration(self.entity), "Register the business first.")
        yield ActDecided(
            decision=self.decision,
            unit=self.unit,
            entity=self.entity,
            kind=elements.act_kind,
            matter=self.matter,
            doc_no=self.doc_no,
            decided_on=ledger.on,
            withheld_because=self.withheld_because,
        )


class ServeAct(Report):
    """送达: the act is handed over."""

    ROLES = OFFICERS

    decision: DecisionId

    def decide(self, ledger: Reading) -> Iterator[Event]:
        act = _own_act(ledger, self.decision)
        if act.served_on is not None:
            raise OutOfStep(f"act {self.decision} was served on {act.served_on}")
        require_in_effect(ledger.read(Decision(self.decision)))
        ledger.not_before(act.decided_on, f"act {self.decision} was decided")
        yield ActServed(
            decision=self.decision, unit=act.unit, entity=act.entity, served_on=ledger.on
        )


class PublishAct(Act):
    """公开执法结果: put a served act before the public, without personal data."""

    ROLES = UNIT

    decision: DecisionId
    summary: Text
    redactions: tuple[Name, ...] = ()
    url: Name | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        act = _own_act(ledger, self.decision)
        assert act.kind is not None
        if act.published_on is not None:
            raise OutOfStep(f"act {self.decision} was published on {act.published_on}")
        require_in_effect(ledger.read(Decision(self.decision)))
        if act.withheld_because is not None:
            raise OutOfStep(f"act {self.decision} is kept from the public: {act.withheld_because}")
        ledger.require(
            act.served_on is not None and act.served_on <= ledger.on,
            PUB_R2,
            decision=self.decision,
        )
        require_impersonal(ledger, PUB_R1, self.summary)
        rule = rules.PUBLISH_LICENCE if act.kind == "licence" else rules.PUBLISH_OTHER
        decided = ledger.opening(act.decided_position)
        yield ActPublished(
            decision=self.decision,
            unit=act.unit,
            entity=act.entity,
            kind=act.kind,
            summary=self.summary,
            published_on=ledger.on,
            redactions=self.redactions,
            url=self.url,
            days_late=ledger.days_after(ledger.due(rule, decided)),
        )


class WithdrawAct(Act):
    """撤下已公开的执法结果: take an act that was undone from the public and say why in public."""

    ROLES = roles("unit_head")

    decision: DecisionId
    explanation: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        act = _own_act(ledger, self.decision)
        if act.stage != "published":
            raise OutOfStep(f"act {self.decision} is {act.stage}, not public")
        nullified = ledger.read(Decision(self.decision)).nullified
        if nullified is None:
            raise OutOfStep(f"nothing undid act {self.decision}; record what did first")
        require_impersonal(ledger, PUB_R1, self.explanation)
        due = ledger.period("publicity.withdraw_wd", nullified.since)
        late = ledger.days_after(due)
        yield ActWithdrawn(
            decision=self.decision,
            unit=act.unit,
            entity=act.entity,
            reason=nullified.reason,
            nullified_on=nullified.since,
            withdrawn_on=ledger.on,
            explanation=self.explanation,
            days_late=late,
        )
        if late and self.decision not in ledger.read(PublicityRecord(act.unit)).unwithdrawn:
            yield _not_withdrawn(ledger, self.decision, act.unit, act.entity, due.on)


class ReviewWithdrawal(Act):
    """检查撤下情况: say that what was undone is still public after the time (PUB-V2).

    A penalty or any other act. What a reconsideration undid has a deadline of its own (RCN-V2).
    """

    ROLES = roles("jb_supervisor", "ledger_clock")

    decision: DecisionId

    def decide(self, ledger: Reading) -> Iterator[Event]:
        unit, entity, since = self._still_public(ledger)
        if since is None:
            raise OutOfStep(f"decision {self.decision} is not public, or stands as it is")
        if self.decision in ledger.read(PublicityRecord(unit)).unwithdrawn:
            raise OutOfStep(f"that decision {self.decision} is still public was found already")
        due = ledger.period("publicity.withdraw_wd", since)
        if due.provisional or ledger.on <= due.on:
            raise OutOfStep(f"decision {self.decision} is to be withdrawn by {due.on}")
        yield _not_withdrawn(ledger, self.decision, unit, entity, due.on)

    def _still_public(self, ledger: Reading) -> tuple[str, str | None, date | None]:
        """Whose decision it is, about whom, and since when it is public though it was undone."""
        decision = ledger.read(Decision(self.decision))
        if decision.decided is not None:
            return decision.decided.unit, decision.decided.entity, decision.public_though_undone
        act = ledger.known(DecidedAct(self.decision))
        return act.unit, act.entity, act.nullified_on if act.stage == "published" else None


class CallForAnnualStats(Act):
    """年度执法数据待公开: a year is over; what a unit did in it is to be published by a day."""

    ROLES = roles("ledger_clock")

    unit: UnitId
    year: Year

    def decide(self, ledger: Reading) -> Iterator[Event]:
        stats = ledger.read(AnnualStats(_name(self.unit, self.year)))
        if stats.exists:
            raise OutOfStep(f"the figures of {self.unit} for {self.year} were called for already")
        _check_over(ledger, self.year)
        known_since = ledger.read(PublicityRecord(self.unit)).known_since
        if known_since is None or known_since.year > self.year:
            raise OutOfStep(f"{self.unit} was not known in {self.year}")
        yield AnnualStatsFellDue(
            stats=stats.stats,
            unit=self.unit,
            year=self.year,
            due_on=_last_day(ledger, self.year),
        )


class PublishAnnualStats(Act):
    """公开年度执法数据: put the figures of a year that is over before the public."""

    ROLES = roles("unit_head")
    ACTS_FOR = "unit"

    unit: UnitId
    year: Year
    figures: AnnualFigures
    url: Name

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.known(UnitStanding(self.unit), "Qualify the unit first.")
        stats = ledger.read(AnnualStats(_name(self.unit, self.year)))
        if stats.published_on is not None:
            raise OutOfStep(
                f"the figures of {self.unit} for {self.year} were published on {stats.published_on}"
            )
        _check_over(ledger, self.year)
        due_on = stats.due_on or _last_day(ledger, self.year)
        yield AnnualStatsPublished(
            stats=stats.stats,
            unit=self.unit,
            year=self.year,
            figures=self.figures,
            url=self.url,
            published_on=ledger.on,
            days_late=ledger.days_after(due_on),
        )


class ReviewRedactions(Act):
    """检查公开内容的隐去情况: say that a unit redacts too large a share of a year's decisions."""

    ROLES = roles("jb_supervisor", "ledger_clock")

    unit: UnitId
    year: Year

    def decide(self, ledger: Reading) -> Iterator[Event]:
        record = ledger.read(PublicityRecord(self.unit))
        counted = record.years.get(self.year)
        if counted is None:
            raise OutOfStep(f"{self.unit} published no decision in {self.year}")
        if self.year in record.redacting:
            raise OutOfStep(f"this was found of {self.unit} in {self.year} already")
        share = str(ledger.setting("redaction_share", unit=self.unit))
        if not counted.is_pattern(share):
            raise OutOfStep(
                f"{counted.redacted} of {counted.published} decisions of {self.unit} have "
                f"redactions, which is no pattern above {share}"
            )
        yield finding(
            ledger,
            rules.PUB_V3,
            unit=self.unit,
            year=self.year,
            published=counted.published,
            redacted=counted.redacted,
            share=share,
        )


def _own_act(ledger: Reading, decision: str) -> DecidedAct:
    act = ledger.known(DecidedAct(decision), "Record the act first.")
    ledger.act_for(act.unit)
    return act


def _not_withdrawn(
    ledger: Reading, decision: str, unit: str, entity: str | None, due_on: date
) -> Event:
    return finding(
        ledger,
        PUB_V2,
        unit=unit,
        entity=entity,
        decision=decision,
        due_on=due_on.isoformat(),
        days_late=(ledger.on - due_on).days,
    )


def _name(unit: str, year: int) -> str:
    return f"{unit}:{year}"


def _check_over(ledger: Reading, year: int) -> None:
    if ledger.on.year <= year:
        raise OutOfStep(f"{year} is not over yet")


def _last_day(ledger: Reading, year: int) -> date:
    """The day of the year after by which the figures must be public."""
    return ledger.stated_day("publicity.annual_stats", year + 1)
