"""Publicity (2.8): ex ante, of acts that are no penalties, of a year's figures."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.kernel import (
    DeadlineMissed,
    Event,
    Forbidden,
    LegalRef,
    Malformed,
    OutOfStep,
    UnknownReference,
)
from ledger.kernel.policies import PolicyVersionAdopted
from ledger.systems.catalogue.events import (
    Basis,
    EnforcementUnitQualified,
    MatterElements,
    MatterListed,
    MatterPublished,
)
from ledger.systems.corrections.events import DecisionRevoked
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.entities.events import EntityRegistered, Identity
from ledger.systems.penalties.events import DecisionPublished
from ledger.systems.policies.commands import SeedLedger
from ledger.systems.publicity.commands import (
    CallForAnnualStats,
    DecideAct,
    PublishAct,
    PublishAnnualStats,
    PublishExAnte,
    ReviewRedactions,
    ReviewWithdrawal,
    ServeAct,
    WithdrawAct,
)
from ledger.systems.publicity.events import (
    ActDecided,
    ActPublished,
    ActServed,
    ActWithdrawn,
    AnnualFigures,
    AnnualStatsFellDue,
    AnnualStatsPublished,
    ExAntePublished,
)
from tests.cast import CLOCK, E_B, E_C, EMB
from tests.gwt import Scenario, like

replace = msgspec.structs.replace


DECIDE = DecideAct(decision="LIC-1", unit="MRB", matter="M-LIC", doc_no="许1号", entity=E_C)
SERVE = ServeAct(decision="LIC-1")
PUBLISH = PublishAct(decision="LIC-1", summary="准予食品经营许可")
WITHDRAW = WithdrawAct(decision="LIC-1", explanation="许可被撤销")
REVOKED = DecisionRevoked(
    decision="LIC-1",
    unit="MRB",
    entity=E_C,
    by="新区行政复议机构",
    instrument="兰新复决〔2026〕3号",
    effective_on=date(2026, 7, 3),
    reason="越权",
)
FIGURES = AnnualFigures(
    licences=120,
    penalties=14,
    compulsions=2,
    inspections=310,
    other_acts=5,
    fines_fen=8_000_000,
    reconsidered=3,
    litigated=1,
)
CALL = CallForAnnualStats(unit="MRB", year=2026)
STATS = PublishAnnualStats(
    unit="MRB", year=2026, figures=FIGURES, url="https://example.org/stats/2026"
)


def matter(name: str, kind: Any) -> list[Event]:
    return [
        MatterListed(
            matter=name,
            unit="MRB",
            elements=MatterElements(
                name=name,
                act_kind=kind,
                office_id="许可科",
                bases=(Basis(level="law", instrument="行政许可法", article="38"),),
            ),
        ),
        MatterPublished(
            matter=name,
            unit="MRB",
            version=1,
            url="https://example.org",
            published_on=date(2026, 1, 6),
        ),
    ]


@pytest.fixture
def story() -> Scenario:
    """June 2026; another act of the unit was decided, published and undone already."""
    return (
        Scenario(InMemoryDCBRecorder())
        .given(
            SeedLedger(),
            *(
                EnforcementUnitQualified(
                    unit=unit, name=unit, kind="organ", valid_from=date(2020, 1, 1)
                )
                for unit in ("MRB", "EMB")
            ),
            *(EntityRegistered(entity=entity, identity=Identity()) for entity in (E_B, E_C)),
        )
        .at("2026-01-06T10:00+08:00")
        .given(*matter("M-LIC", "licence"), *matter("M-CNF", "confirmation"))
        .given(*matter("M-INS", "inspection"))
        .at("2026-06-01T09:00+08:00")
        .amid(
            ActDecided(
                decision="LIC-9",
                unit="MRB",
                entity=E_B,
                kind="licence",
                matter="M-LIC",
                doc_no="9号",
                decided_on=date(2026, 6, 1),
            ),
            ActServed(decision="LIC-9", unit="MRB", entity=E_B, served_on=date(2026, 6, 1)),
            published("LIC-9"),
            replace(REVOKED, decision="LIC-9", entity=E_B),
        )
    )


def published(decision: str, redactions: tuple[str, ...] = ()) -> ActPublished:
    return ActPublished(
        decision=decision,
        unit="MRB",
        entity=E_B,
        kind="licence",
        summary="准予",
        published_on=date(2026, 6, 1),
        redactions=redactions,
    )


def test_an_act_follows_from_its_matter(story: Scenario) -> None:
    """The matter says what kind of act it is; penalties and inspections are decided elsewhere."""
    story.when(DECIDE).then(like(ActDecided, kind="licence", decided_on=date(2026, 6, 1)))
    story.when(DECIDE).raises(OutOfStep, says="LIC-1")
    story.when(replace(DECIDE, decision="X", matter="M-CNF")).then(
        like(ActDecided, kind="confirmation")
    )
    story.when(replace(DECIDE, decision="Y", matter="M-INS")).raises(OutOfStep, says="inspection")
    story.when(replace(DECIDE, decision="Y", matter="M-9")).raises(UnknownReference)
    story.when(replace(DECIDE, decision="Y", entity="91620100MA7LX00338")).raises(UnknownReference)
    story.when(replace(DECIDE, decision="Y"), EMB).raises(Forbidden)


def test_CAT_R2_an_act_needs_a_published_matter(story: Scenario) -> None:
    """Listed is not enough."""
    story.given(replace(matter("M-NEW", "licence")[0]))
    story.when(replace(DECIDE, matter="M-NEW")).refused("CAT-R2", matter="M-NEW")


def test_PUB_R2_an_act_is_served_before_it_is_published(story: Scenario) -> None:
    """The service of another act is none of this one."""
    story.given(DECIDE).when(PUBLISH).refused("PUB-R2", decision="LIC-1")
    story.when(SERVE, EMB).raises(Forbidden)
    story.when(SERVE).then(like(ActServed, served_on=date(2026, 6, 1)))
    story.when(SERVE).raises(OutOfStep, says="2026-06-01")
    story.when(PUBLISH).then(like(ActPublished, days_late=0, kind="licence"))
    story.when(PUBLISH).raises(OutOfStep, says="2026-06-01")


def test_PUB_R2_what_was_undone_is_neither_served_nor_published(story: Scenario) -> None:
    """And nobody misses it."""
    story.when(DECIDE)
    assert story.outcome is not None
    miss = EndDeadline(
        rule_name="publicity.penalty_wd.licence", opened_at_position=story.outcome.position
    )
    story.amid(replace(REVOKED, decision="LIC-7")).given(SERVE, REVOKED)
    story.when(PUBLISH).raises(OutOfStep, says="undone by 兰新复决〔2026〕3号")
    story.at("2026-07-01T09:00+08:00").when(miss).raises(OutOfStep, says="in time")
    story.given(replace(DECIDE, decision="LIC-2"), replace(REVOKED, decision="LIC-2"))
    story.when(replace(SERVE, decision="LIC-2")).raises(OutOfStep, says="undone")


def test_PUB_R1_an_act_names_no_person(story: Scenario) -> None:
    """Neither in what is published nor in why it was withdrawn."""
    story.given(DECIDE, SERVE)
    story.when(replace(PUBLISH, summary="电话13909310000")).refused("PUB-R1")
    story.given(PUBLISH, REVOKED)
    story.when(replace(WITHDRAW, explanation="电话13909310000")).refused("PUB-R1")


@pytest.mark.parametrize(
    ("matter_id", "rule", "due"),
    [
        ("M-LIC", "publicity.penalty_wd.licence", date(2026, 6, 10)),
        ("M-CNF", "publicity.other_wd", date(2026, 6, 30)),
    ],
)
def test_PUB_V1_an_act_is_published_in_time(
    story: Scenario, matter_id: str, rule: str, due: date
) -> None:
    """A licence within 7 working days, any other act within 20; Dragon Boat lies between."""
    story.when(replace(DECIDE, matter=matter_id))
    assert story.outcome is not None
    miss = EndDeadline(rule_name=rule, opened_at_position=story.outcome.position)
    story.given(SERVE).at(f"{due}T23:00+08:00").when(miss).raises(OutOfStep)
    story.at("2026-07-01T09:00+08:00").when(miss).then(
        like(DeadlineMissed, due_on=due),
        like(FindingRaised, rule_id="PUB-V1", unit="MRB", entity=E_C),
    )
    story.when(PUBLISH).then(like(ActPublished, days_late=(date(2026, 7, 1) - due).days))


def test_PUB_V1_a_publication_or_withdrawal_is_not_dated_back(story: Scenario) -> None:
    """Nor is an act served before it was decided."""
    before, then = (datetime(2026, *day, 1, tzinfo=UTC) for day in ((5, 29), (6, 5)))
    story.given(DECIDE).at("2026-06-22T09:00+08:00")
    story.when(replace(SERVE, occurred_at=before)).raises(Malformed, pointer="/occurred_at")
    story.given(SERVE)
    story.when(replace(PUBLISH, occurred_at=then)).raises(Malformed, pointer="/occurred_at")
    story.given(PUBLISH, REVOKED)
    story.when(replace(WITHDRAW, occurred_at=then)).raises(Malformed, pointer="/occurred_at")


def test_what_the_law_keeps_from_the_public_opens_no_deadline(story: Scenario) -> None:
    """And cannot be published."""
    story.when(replace(DECIDE, withheld_because="涉及国家秘密"))
    assert story.outcome is not None
    miss = EndDeadline(
        rule_name="publicity.penalty_wd.licence", opened_at_position=story.outcome.position
    )
    story.when(miss).raises(Malformed, says="that opens")
    story.given(SERVE).when(PUBLISH).raises(OutOfStep, says="涉及国家秘密")


def test_PUB_V2_an_act_that_was_undone_leaves_the_public(story: Scenario) -> None:
    """Revoked on Friday 07-03, withdrawn by Wednesday 07-08; the day after it is found, once."""
    review = ReviewWithdrawal(decision="LIC-1")
    story.given(DECIDE, SERVE).when(WITHDRAW).raises(OutOfStep, says="must be public")
    story.given(PUBLISH).when(WITHDRAW).raises(OutOfStep, says="must be undone before")
    story.when(review, CLOCK).raises(OutOfStep, says="was not undone")
    story.at("2026-07-08T17:00+08:00").given(REVOKED)
    story.when(review, CLOCK).raises(OutOfStep, says="2026-07-08")
    found = like(
        FindingRaised,
        rule_id="PUB-V2",
        unit="MRB",
        entity=E_C,
        facts={"decision": "LIC-1", "due_on": "2026-07-08", "days_late": 1},
    )
    story.at("2026-07-09T09:00+08:00").when(review, CLOCK).then(found)
    story.when(review, CLOCK).raises(OutOfStep, says="already")
    story.when(WITHDRAW).then(like(ActWithdrawn, reason="revoked", days_late=1))
    story.when(WITHDRAW).raises(OutOfStep, says="withdrawn")


@pytest.mark.parametrize(("day", "late"), [("2026-07-08", 0), ("2026-07-09", 1)])
def test_PUB_V2_a_late_withdrawal_is_noticed(story: Scenario, day: str, late: int) -> None:
    """Even if nobody looked before; on the last day is in time."""
    story.given(DECIDE, SERVE, PUBLISH, REVOKED).at(f"{day}T09:00+08:00")
    found = [like(FindingRaised, rule_id="PUB-V2")] if late else []
    story.when(WITHDRAW).then(like(ActWithdrawn, days_late=late), *found)


def test_PUB_V2_nothing_is_late_while_its_last_day_is_provisional(story: Scenario) -> None:
    """Annex B: three working days from 12-30 reach a year whose calendar is not published."""
    undone = replace(REVOKED, effective_on=date(2026, 12, 30))
    story.at("2026-12-28T09:00+08:00").given(DECIDE, SERVE)
    story.at("2027-01-15T09:00+08:00").when(PUBLISH).then(like(ActPublished, days_late=0))
    story.given(undone).when(WITHDRAW).then(like(ActWithdrawn, days_late=0))


def test_what_is_public_beforehand(story: Scenario) -> None:
    """By the unit itself, item by item."""
    publish = PublishExAnte(
        unit="MRB",
        item="officers",
        title="执法人员名录",
        url="https://example.org",
        digest="a" * 64,
    )
    story.when(publish).then(like(ExAntePublished, published_on=date(2026, 6, 1)))
    story.when(publish, EMB).raises(Forbidden)


def test_annual_figures_are_called_for_once_a_year_is_over(story: Scenario) -> None:
    """Of whom the ledger knew in that year; on 01-31, a named day that no weekend moves."""
    story.when(CALL, CLOCK).raises(OutOfStep, says="not over")
    story.at("2027-01-01T00:10+08:00")
    story.when(replace(CALL, year=2025), CLOCK).raises(
        OutOfStep, says="must have been qualified in 2025"
    )
    story.when(replace(CALL, unit="EEB"), CLOCK).raises(OutOfStep, says="must have been qualified")
    story.when(CALL, CLOCK).then(
        AnnualStatsFellDue(stats="MRB:2026", unit="MRB", year=2026, due_on=date(2027, 1, 31))
    )
    story.when(CALL, CLOCK).raises(OutOfStep, says="already")


def test_PUB_V1_annual_figures_are_published_by_the_end_of_january(story: Scenario) -> None:
    """The figures of another unit or year are none of these."""
    story.at("2027-01-01T00:10+08:00").when(CALL, CLOCK)
    assert story.outcome is not None
    miss = EndDeadline(
        rule_name="publicity.annual_stats", opened_at_position=story.outcome.position
    )
    story.amid(
        AnnualStatsPublished(
            stats="EMB:2026",
            unit="EMB",
            year=2026,
            figures=FIGURES,
            url="https://example.org",
            published_on=date(2027, 1, 4),
        )
    )
    story.given(replace(STATS, year=2025))
    story.at("2027-01-31T23:00+08:00").when(miss).raises(OutOfStep)
    story.at("2027-02-01T09:00+08:00").when(miss).then(
        like(DeadlineMissed, due_on=date(2027, 1, 31)),
        like(FindingRaised, rule_id="PUB-V1", unit="MRB"),
    )
    story.when(STATS, EMB).raises(Forbidden)
    story.when(STATS).then(like(AnnualStatsPublished, days_late=1))
    story.when(STATS).raises(OutOfStep, says="2027-02-01")
    story.when(replace(STATS, year=2027)).raises(OutOfStep, says="not over")


def test_figures_published_before_they_were_called_for_are_not_called_for(story: Scenario) -> None:
    """Their lateness counts from the same day."""
    story.at("2027-02-03T09:00+08:00").when(STATS).then(like(AnnualStatsPublished, days_late=3))
    story.when(CALL, CLOCK).raises(OutOfStep, says="already")


def test_a_policy_that_names_no_day_is_refused(story: Scenario) -> None:
    """The policy is text: it has to be a month and a day."""
    story.given(_policy("publicity.annual_stats", "February", "text")).at(
        "2027-01-02T09:00+08:00"
    ).when(CALL, CLOCK).raises(Malformed, says="February")


REVIEW = ReviewRedactions(unit="MRB", year=2026)


def test_PUB_V3_a_pattern_of_redactions(story: Scenario) -> None:
    """More than a fifth, penalties and other acts together, more than one; found once a year."""
    story.when(REVIEW, CLOCK).raises(OutOfStep, says="0 of 1")
    story.given(published("A-1", ("姓名",)))
    # A half, but a single one.
    story.when(REVIEW, CLOCK).raises(OutOfStep, says="1 of 2")
    story.given(*(published(f"B-{n}") for n in range(7)), penalty("P-1", ("地址",)))
    story.when(REVIEW, CLOCK).raises(OutOfStep, says="2 of 10")
    story.given(penalty("P-2", ("地址",)))
    story.when(REVIEW, CLOCK).then(
        like(
            FindingRaised,
            rule_id="PUB-V3",
            unit="MRB",
            facts={"year": 2026, "published": 11, "redacted": 3, "share": "0.20"},
        )
    )
    story.when(REVIEW, CLOCK).raises(OutOfStep, says="already")
    story.when(replace(REVIEW, unit="EMB"), CLOCK).raises(
        OutOfStep, says="must have published decisions"
    )


def penalty(decision: str, redactions: tuple[str, ...]) -> DecisionPublished:
    return DecisionPublished(
        decision=decision,
        entity=E_B,
        unit="MRB",
        summary="罚款",
        published_on=date(2026, 6, 1),
        redactions=redactions,
    )


def _policy(key: str, value: Any, unit: str) -> PolicyVersionAdopted:
    return PolicyVersionAdopted(
        key=key,
        version=2,
        value=value,
        unit=unit,
        effective_from=date(2026, 6, 1),
        source=LegalRef(instrument="-"),
        confidence="U",
    )
