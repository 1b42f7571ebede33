"""Inclusive-prudent supervision (2.6): periods, soft measures, bottom lines, what they permit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.kernel import (
    DeadlineLapsed,
    DeadlineMissed,
    Forbidden,
    Ledger,
    Malformed,
    Outcome,
    OutOfStep,
    Refusal,
    UnknownReference,
)
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.entities.events import EntityRegistered, Identity
from ledger.systems.observation.commands import (
    ExtendObservation,
    GrantObservation,
    JustifyPenalty,
    ReportBottomLineBreach,
    ReviewBreach,
    TakeSoftMeasure,
    TerminateObservation,
    VerifyCorrection,
)
from ledger.systems.observation.events import (
    BottomLineBreached,
    CorrectionVerified,
    ObservationExpired,
    ObservationExtended,
    ObservationGranted,
    ObservationTerminated,
    PenaltyWithinObservationJustified,
    PolicyBasis,
    SoftMeasureTaken,
)
from ledger.systems.penalties.commands import FileCase
from ledger.systems.penalties.events import CaseFiled, Conduct
from ledger.systems.policies.commands import SeedLedger
from tests.cast import CLOCK, E_A, E_B, EMB, HEAD, JB
from tests.gwt import Record, Scenario, like
from tests.systems.test_filing import REGION
from tests.systems.test_process import filed

replace = msgspec.structs.replace


GRANT = GrantObservation(
    observation="OBS-1",
    entity=E_A,
    unit="MRB",
    four_new_kind="business_form",
    activity="直播带货食品",
    policy_basis=PolicyBasis(level="national", instrument="国办发〔2019〕38号"),
    domain="food_drug",
    bottom_lines=("safety", "quality", "fraud"),
    months=12,
)
SOFT = TakeSoftMeasure(
    soft_measure="SM-1",
    entity=E_A,
    unit="MRB",
    measure="admin_guidance",
    issue="FS-034",
    facts="索证索票台账不全",
    response_due=date(2026, 4, 22),
    observation="OBS-1",
)
VERIFY = VerifyCorrection(soft_measure="SM-1", evidence="台账已补齐")
FILE = FileCase(
    case="CASE-1",
    entity=E_A,
    unit="MRB",
    conduct=Conduct(
        violation_code="FS-034",
        act="OSR-1",
        first_on=date(2026, 4, 1),
        last_on=date(2026, 4, 1),
    ),
    cause="索证索票台账不全",
    source="inspection",
    investigators=("OFF-001", "OFF-002"),
)
BREACH = ReportBottomLineBreach(
    observation="OBS-1",
    line="fraud",
    issue="FS-099",
    facts="伪造安全检测报告",
    breached_on=date(2026, 7, 2),
)
EXTEND = ExtendObservation(observation="OBS-1", ends_on=date(2027, 6, 30), reason="试点延长")
GRANTED = ObservationGranted(
    observation="OBS-1",
    entity=E_A,
    unit="MRB",
    four_new_kind="business_form",
    activity="直播带货食品",
    policy_basis=PolicyBasis(level="national", instrument="国办发〔2019〕38号"),
    domain="food_drug",
    starts_on=date(2026, 1, 5),
    ends_on=date(2027, 1, 5),
    bottom_lines=("safety",),
)
OTHER = replace(GRANTED, observation="OBS-9", entity=E_B)


@pytest.fixture
def january() -> Scenario:
    """The region on the day of S14's grant; another business is under observation already."""
    return (
        Scenario(InMemoryDCBRecorder())
        .given(SeedLedger())
        .at("2026-01-20T09:00+08:00")
        .given(*REGION, EntityRegistered(entity=E_A, identity=Identity()))
        .amid(OTHER)
    )


def in_april(january: Scenario) -> Scenario:
    """E-A is under observation; about E-B much was done on the same issue."""
    return (
        january.given(GRANTED)
        .at("2026-04-08T09:00+08:00")
        .amid(
            soft("SM-8", entity=E_B),
            soft("SM-9", entity=E_B),
            PenaltyWithinObservationJustified(
                observation="OBS-9",
                entity=E_B,
                unit="MRB",
                issue="FS-034",
                reason="-",
                legal_review_ref="LR-9",
            ),
            BottomLineBreached(
                observation="OBS-9",
                entity=E_B,
                unit="MRB",
                line="safety",
                issue="FS-034",
                facts="-",
                breached_on=date(2026, 4, 7),
            ),
        )
    )


@pytest.fixture
def story(january: Scenario) -> Scenario:
    return in_april(january)


def soft(name: str, **changed: Any) -> SoftMeasureTaken:
    return replace(
        SoftMeasureTaken(
            soft_measure=name,
            entity=E_A,
            unit="MRB",
            measure="education_reminder",
            issue="FS-034",
            facts="-",
            taken_on=date(2026, 4, 8),
            response_due=date(2026, 4, 22),
        ),
        **changed,
    )


def test_a_period_ends_on_the_corresponding_day(january: Scenario) -> None:
    """Twelve months by policy unless said otherwise; the grant is the unit's own, today's."""
    story = Scenario(InMemoryDCBRecorder()).given(
        SeedLedger(), *REGION, EntityRegistered(entity=E_A, identity=Identity())
    )
    story.at("2026-01-05T09:00+08:00").when(replace(GRANT, months=None)).then(
        like(ObservationGranted, starts_on=date(2026, 1, 5), ends_on=date(2027, 1, 5))
    )
    january.when(GRANT, EMB).raises(Forbidden)
    january.when(replace(GRANT, observation="OBS-9")).raises(OutOfStep)
    january.when(replace(GRANT, entity="91620100MA7LX0113U")).raises(UnknownReference)


@pytest.mark.parametrize(
    "changed",
    [
        {"four_new_kind": "other"},
        {"policy_basis": PolicyBasis(level="municipal", instrument="市办发1号")},
        {"policy_basis": PolicyBasis(level="other", instrument="会议纪要")},
    ],
)
def test_OBS_R1_it_is_new_and_fits_a_policy(january: Scenario, changed: dict[str, Any]) -> None:
    """One of the four new, by a national or provincial policy."""
    january.when(replace(GRANT, **changed)).refused("OBS-R1", activity="直播带货食品")
    provincial = PolicyBasis(level="provincial", instrument="甘政办发1号")
    january.when(replace(GRANT, policy_basis=provincial)).then(ObservationGranted)


@pytest.mark.parametrize(("months", "fits"), [(24, True), (25, False), (30, False)])
def test_OBS_R2_a_period_is_not_too_long(january: Scenario, months: int, fits: bool) -> None:
    """S14: 30 months are refused; 24 are the most."""
    january.when(replace(GRANT, months=months))
    if fits:
        january.then(like(ObservationGranted, ends_on=date(2028, 1, 20)))
    else:
        january.refused("OBS-R2", max_months=24)
        assert isinstance(january.error, Refusal)
        assert january.error.policy_version == 1


def test_OBS_R2_one_period_for_each_activity(january: Scenario) -> None:
    """Whoever grants the second, and after the first is over; another activity is another."""
    january.given(GRANT, replace(TERMINATE)).at("2026-02-02T09:00+08:00")
    again = replace(GRANT, observation="OBS-2")
    january.when(again).refused("OBS-R2", entity=E_A)
    january.when(replace(again, unit="EMB"), EMB).refused("OBS-R2", entity=E_A)
    january.when(replace(again, activity="无人配送")).then(ObservationGranted)


TERMINATE = TerminateObservation(observation="OBS-1", because="requested", reason="企业申请")


def test_OBS_R2_an_extension_counts_from_the_first_day(story: Scenario) -> None:
    """Granted on 2026-01-05: until 2028-01-05 at most, and never shorter."""
    story.when(replace(EXTEND, ends_on=date(2028, 1, 6))).refused("OBS-R2", max_months=24)
    story.when(replace(EXTEND, ends_on=date(2027, 1, 5))).raises(Malformed, pointer="/ends_on")
    story.when(replace(EXTEND, ends_on=date(2028, 1, 5))).then(ObservationExtended)
    story.given(TERMINATE).when(EXTEND).raises(OutOfStep, says="ended")


def test_a_period_expires_after_its_last_day(january: Scenario) -> None:
    """S14: the last day is 2027-01-05; the day after it is over, by itself and once."""
    position = _recorded(january, GRANTED)
    end = EndDeadline(rule_name="observation.end", opened_at_position=position)
    january.at("2027-01-05T23:00+08:00").when(end, CLOCK).raises(OutOfStep)
    january.at("2027-01-06T00:10+08:00").when(end, CLOCK).then(
        like(DeadlineLapsed, ended_on=date(2027, 1, 5)),
        ObservationExpired(
            observation="OBS-1", entity=E_A, unit="MRB", expired_on=date(2027, 1, 5)
        ),
    )
    january.when(end, CLOCK).then()
    january.when(FILE_LATER).then(CaseFiled)


FILE_LATER = replace(
    FILE,
    conduct=replace(FILE.conduct, first_on=date(2027, 1, 4), last_on=date(2027, 1, 4)),
)


def test_what_was_extended_expires_later(january: Scenario) -> None:
    """The first last day no longer ends it; the newest does."""
    first = _recorded(january, GRANTED)
    january.when(EXTEND)
    assert january.outcome is not None
    later = january.outcome.position
    january.when(replace(EXTEND, ends_on=date(2027, 9, 30)))
    last = january.outcome.position
    january.at("2027-10-01T09:00+08:00")
    for name, opened in (("observation.end", first), ("observation.end.extended", later)):
        january.when(EndDeadline(rule_name=name, opened_at_position=opened), CLOCK).raises(
            OutOfStep, says="in time"
        )
    january.when(
        EndDeadline(rule_name="observation.end.extended", opened_at_position=last), CLOCK
    ).then(DeadlineLapsed, like(ObservationExpired, expired_on=date(2027, 9, 30)))


def test_OBS_R3_nothing_is_punished_before_something_gentler(story: Scenario) -> None:
    """S14: what was done about the same issue of another business, or another issue, is not it."""
    story.amid(soft("SM-7", issue="FS-035"))
    story.when(FILE).refused("OBS-R3", observation="OBS-1", issue="FS-034")
    story.given(SOFT).when(FILE).then(like(CaseFiled, case="CASE-1"))


def test_OBS_R3_a_penalty_can_be_justified(story: Scenario) -> None:
    """By the head, with a legal review, for that issue."""
    justify = JustifyPenalty(
        observation="OBS-1", issue="FS-034", reason="屡教不改", legal_review_ref="LR-1"
    )
    story.given(replace(justify, issue="FS-035")).when(FILE).refused("OBS-R3")
    story.when(justify, EMB).raises(Forbidden)
    story.when(justify).then(like(PenaltyWithinObservationJustified, legal_review_ref="LR-1"))
    story.when(justify).raises(OutOfStep, says="already")
    story.when(FILE).then(CaseFiled)


@pytest.mark.parametrize("matter", ["M-101", None])
def test_OBS_R3_holds_in_the_domain_of_the_period(story: Scenario, matter: str | None) -> None:
    """A case that names no matter is taken to be about it."""
    story.when(replace(FILE, matter=matter)).refused("OBS-R3")


def test_OBS_R3_does_not_hold_in_another_domain(january: Scenario) -> None:
    """A period for work safety says nothing about food."""
    january.given(replace(GRANTED, domain="work_safety")).at("2026-04-08T09:00+08:00")
    january.when(replace(FILE, matter="M-101")).then(CaseFiled)


def test_OBS_R3_a_period_that_ended_protects_no_more(story: Scenario) -> None:
    """From the day on which it was terminated."""
    story.given(TERMINATE).when(FILE).then(CaseFiled)


def test_a_soft_measure_is_answered_by_its_day(story: Scenario) -> None:
    """S14: due on 04-22, no finding against anybody; corrected late says by how much."""
    story.when(SOFT).then(like(SoftMeasureTaken, response_due=date(2026, 4, 22)))
    assert story.outcome is not None
    miss = EndDeadline(
        rule_name="observation.soft_measure", opened_at_position=story.outcome.position
    )
    story.at("2026-04-22T23:00+08:00").when(miss, CLOCK).raises(OutOfStep)
    story.at("2026-04-24T09:00+08:00").when(miss, CLOCK).then(
        like(DeadlineMissed, due_on=date(2026, 4, 22))
    )
    story.when(VERIFY, EMB).raises(Forbidden)
    story.when(VERIFY).then(like(CorrectionVerified, days_late=2, issue="FS-034"))
    story.when(VERIFY).raises(OutOfStep, says="2026-04-24")


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"response_due": date(2026, 4, 7)}, Malformed),
        ({"observation": "OBS-9"}, Malformed),
        ({"observation": "OBS-X"}, UnknownReference),
        ({"soft_measure": "SM-9"}, OutOfStep),
        ({"entity": "91620100MA7LX0113U", "observation": None}, UnknownReference),
    ],
)
def test_a_soft_measure_is_about_somebody(
    story: Scenario, changed: dict[str, Any], kind: Any
) -> None:
    """A known business, its own period if any, a day that is not past."""
    story.when(replace(SOFT, **changed)).raises(kind)


def test_a_breach_ends_the_period_and_is_pursued(story: Scenario) -> None:
    """S14: reported as it happened; a second report adds no second end."""
    story.at("2026-07-02T15:00+08:00").when(BREACH).then(
        like(BottomLineBreached, line="fraud"),
        like(ObservationTerminated, because="bottom_line", terminated_on=date(2026, 7, 2)),
    )
    story.when(BREACH, JB).then(BottomLineBreached)
    pursued = replace(
        FILE,
        conduct=Conduct(
            violation_code="FS-099",
            act="OSR-2",
            first_on=date(2026, 7, 2),
            last_on=date(2026, 7, 2),
        ),
    )
    story.when(pursued).then(CaseFiled)


@pytest.mark.parametrize("day", [date(2026, 7, 3), date(2026, 1, 4)])
def test_a_breach_lies_within_the_period_and_the_past(story: Scenario, day: date) -> None:
    story.at("2026-07-02T15:00+08:00")
    story.when(replace(BREACH, breached_on=day)).raises(Malformed, pointer="/breached_on")
    story.when(BREACH, EMB).raises(Forbidden)


def test_OBS_R4_a_soft_measure_is_no_answer_to_a_breach(story: Scenario) -> None:
    """S14: not before a case is opened about that issue; of another issue it may be taken."""
    story.at("2026-07-02T15:00+08:00").given(BREACH)
    guidance = replace(
        SOFT, issue="FS-099", response_due=date(2026, 7, 9), measure="admin_guidance"
    )
    story.when(guidance).refused("OBS-R4", line="fraud", issue="FS-099")
    story.given(replace(guidance, soft_measure="SM-2", issue="FS-034"))
    story.amid(filed("CASE-7", E_A), filed("CASE-8", E_B, conduct=_conduct("FS-099")))
    story.when(guidance).refused("OBS-R4")
    story.given(filed("CASE-2", E_A, conduct=_conduct("FS-099")))
    story.when(guidance).then(SoftMeasureTaken)


def _conduct(code: str) -> Conduct:
    return Conduct(
        violation_code=code, act="OSR", first_on=date(2026, 7, 2), last_on=date(2026, 7, 2)
    )


def test_OBS_V1_what_cannot_be_excused_is_met_gently(story: Scenario) -> None:
    """Recorded, since it happened, and found; outside a period it is no misuse of one."""
    grave = replace(SOFT, excluded=("high_latent_risk",), observation=None)
    story.when(grave).then(
        SoftMeasureTaken,
        like(
            FindingRaised,
            rule_id="OBS-V1",
            unit="MRB",
            entity=E_A,
            facts={
                "observation": "OBS-1",
                "soft_measure": "SM-1",
                "issue": "FS-034",
                "excluded": ["high_latent_risk"],
            },
        ),
    )
    story.given(TERMINATE)
    story.when(replace(grave, soft_measure="SM-2")).then(SoftMeasureTaken)


def test_OBS_V1_a_breach_is_left_at_that(story: Scenario) -> None:
    """No case by 07-13, seven working days later: found, once, unless a case was opened."""
    review = ReviewBreach(entity=E_A, observation="OBS-1")
    story.when(review, CLOCK).raises(OutOfStep, says="must have a breach")
    story.at("2026-07-02T15:00+08:00").given(BREACH)
    story.at("2026-07-13T23:00+08:00").when(review, CLOCK).raises(OutOfStep, says="2026-07-13")
    story.at("2026-07-14T00:10+08:00").when(review, CLOCK).then(
        like(FindingRaised, rule_id="OBS-V1", unit="MRB", entity=E_A)
    )
    story.when(review, CLOCK).raises(OutOfStep, says="must have a breach")


def test_OBS_V1_a_breach_that_was_pursued_is_none(story: Scenario) -> None:
    """A case about its issue, opened since."""
    story.at("2026-07-02T15:00+08:00").given(BREACH)
    story.given(filed("CASE-2", E_A, conduct=_conduct("FS-099")))
    story.at("2026-07-20T09:00+08:00").when(
        ReviewBreach(entity=E_A, observation="OBS-1"), CLOCK
    ).raises(OutOfStep, says="must have a breach")


def test_OBS_V2_gentleness_has_an_end(story: Scenario) -> None:
    """The third on one issue without correction; others' measures and issues do not count."""
    story.given(soft("SM-3"), soft("SM-4", issue="FS-035"), SOFT)
    third = replace(SOFT, soft_measure="SM-5")
    story.when(third).then(
        SoftMeasureTaken,
        like(
            FindingRaised,
            rule_id="OBS-V2",
            unit="MRB",
            entity=E_A,
            facts={"issue": "FS-034", "soft_measures": 3},
        ),
    )


@pytest.mark.parametrize("step", ["corrected", "escalated"])
def test_OBS_V2_is_not_raised_when_something_followed(story: Scenario, step: str) -> None:
    """A correction or a case begins the count anew."""
    story.given(soft("SM-3"), SOFT)
    story.given(VERIFY if step == "corrected" else filed("CASE-2", E_A, conduct=_conduct("FS-034")))
    story.when(replace(SOFT, soft_measure="SM-5")).then(SoftMeasureTaken)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Ledger, Ledger]]:
    """Two ledgers with connections of their own on one file."""
    now = datetime.fromisoformat("2026-01-20T09:00+08:00")
    with ExitStack() as stack:
        ledgers = []
        for _ in range(2):
            recorder = stack.enter_context(SQLiteRecorder(tmp_path / "ledger.db"))
            ledger = Ledger(recorder, clock=lambda: now)
            stack.callback(ledger.close)
            ledgers.append(ledger)
        ledgers[0].execute(SeedLedger(), HEAD)
        facts = (*REGION, EntityRegistered(entity=E_A, identity=Identity()))
        ledgers[0].execute(Record(facts=facts), HEAD)
        yield ledgers[0], ledgers[1]


def test_OBS_R2_one_of_many_racers_is_granted_the_period(pair: tuple[Ledger, Ledger]) -> None:
    """Two processes with four grants each for one activity: exactly one has it."""
    start = threading.Barrier(8)

    def run(number: int) -> Outcome:
        start.wait(20)
        return pair[number % 2].execute(replace(GRANT, observation=f"OBS-{number}"), HEAD)

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(run, number) for number in range(8)]
        answers = [future.exception(60) or future.result() for future in futures]
    assert sum(isinstance(answer, Outcome) for answer in answers) == 1
    refused = [answer for answer in answers if isinstance(answer, Refusal)]
    assert [answer.rule.id for answer in refused] == ["OBS-R2"] * 7


def _recorded(story: Scenario, event: Any) -> int:
    """Record an event as it is, and say where it stands."""
    story.given(event)
    head = story.ledger.recorder.read().head
    assert head is not None
    return head
