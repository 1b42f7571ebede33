"""Credit repair and its green channel (2.4e)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec
import pytest

from ledger.general.findings import FindingRaised
from ledger.intake.folds import ListedPenalty
from ledger.kernel import (
    DeadlineLapsed,
    DeadlineMissed,
    Event,
    Forbidden,
    LegalRef,
    Malformed,
    OutOfStep,
    Recorded,
    UnknownReference,
    civil_moment,
)
from ledger.kernel.policies import PolicyVersions
from ledger.systems.catalogue.events import EnforcementUnitQualified
from ledger.systems.commitments.events import CommitmentBreached
from ledger.systems.credit.commands import ReviewBounds, StartPublicity, TerminatePublicity
from ledger.systems.credit.events import (
    EndApproved,
    PublicityReinstated,
    PublicityStarted,
    PublicitySuspended,
    PublicityTerminated,
)
from ledger.systems.credit.folds import CreditRecords
from ledger.systems.credit.regimes import reckon
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.dishonesty.events import SanctionLifted
from ledger.systems.grading.commands import AssignGrade
from ledger.systems.grading.events import CreditGradeAssigned, Factor
from ledger.systems.policies.defaults import NDRC_527
from ledger.systems.repair.commands import (
    ExcludeFromRepair,
    ExtendRepair,
    ForwardRepair,
    GrantTemporaryShield,
    PushRepair,
    ReadmitToRepair,
    RecordDutiesPerformed,
    RecordRepairMisconduct,
    ReportRepairFee,
    RequestRepairSupplement,
    RevokeRepair,
    SupplementRepair,
    SynchroniseRepair,
)
from ledger.systems.repair.events import (
    DutiesPerformed,
    Proof,
    Reason,
    RepairAccepted,
    RepairApplied,
    RepairExcluded,
    RepairExtended,
    RepairFeeReported,
    RepairForwarded,
    RepairGranted,
    RepairMisconductRecorded,
    RepairNotAccepted,
    RepairPushed,
    RepairReadmitted,
    RepairRefused,
    RepairResultSynchronised,
    RepairRevoked,
    RepairSupplemented,
    RepairSupplementRequested,
    RepairSynchronised,
    TemporaryShieldGranted,
)
from tests.cast import CLOCK, DEPUTY, E_B, E_C, EDB, EMB, HEAD, REP_C
from tests.gwt import Scenario, like
from tests.systems.repairing import (
    ACCEPT,
    APPLY,
    DECLINE,
    FORWARD,
    GRANT,
    PROOFS,
    REFUSE,
    accepted,
    commitment,
    opening,
    record,
    records_of,
    s15,
    sanction,
    started,
    tale,
)

replace = msgspec.structs.replace

REVOKE = RevokeRepair(
    repair="REP-1", reason="false_material", facts="缴款凭证系伪造", evidence=("鉴定意见1号",)
)


def raised(rule: str, **facts: Any) -> Any:
    """Expects a finding of a rule."""
    return like(FindingRaised, rule_id=rule, **facts)


def due(story: Scenario, rule: str, opened_by: type[Event], on: str, *expected: Any) -> None:
    """A deadline is due on a day: nothing is missed on it, and on the day after it is."""
    end = EndDeadline(rule_name=rule, opened_at_position=opening(story, opened_by))
    story.at(f"{on}T23:59+08:00").when(end, CLOCK).raises(OutOfStep, says=f"due on {on}")
    next_day = date.fromordinal(date.fromisoformat(on).toordinal() + 1)
    story.at(f"{next_day}T09:00+08:00").when(end, CLOCK).then(DeadlineMissed, *expected)


# The earliest day, under every regime


def computed(says: Any, *channels: Any) -> dict[str, str]:
    """What each regime says, by policy and version, and what counts."""
    story = tale("2026-04-15T09:00+08:00")
    adopted = {r.event.key: PolicyVersions(r.event.key) for r in records_of(story) if _policy(r)}
    for one in records_of(story):
        if _policy(one):
            adopted[one.event.key].take(one)  # type: ignore[attr-defined]
    reckoning = reckon(says, channels, lambda key: adopted[key])
    shown = {
        f"{regime.policy_key} v{regime.version}": regime.earliest_on.isoformat()
        for regime in reckoning.regimes
    }
    earliest = reckoning.earliest_on
    return {**shown, "earliest": "-" if earliest is None else earliest.isoformat()}


def _policy(one: Recorded) -> bool:
    return hasattr(one.event, "key") and hasattr(one.event, "effective_from")


@pytest.mark.parametrize(
    ("determined", "severity", "sector", "channels", "expected"),
    [
        # S15
        ("2026-04-15", "general", "general", (), {"dishonesty.regime v3": "2026-07-16"}),
        ("2026-04-15", "serious", "food", (), {"dishonesty.regime v3": "2027-04-16"}),
        # Nothing to wait for: no midnight has to pass.
        ("2026-04-15", "minor", "general", (), {"dishonesty.regime v3": "2026-04-15"}),
        # S16
        (
            "2025-03-10",
            "general",
            "food",
            (),
            {
                "dishonesty.regime v2": "2026-03-11",
                "dishonesty.regime v3": "2026-04-01",
                "earliest": "2026-03-11",
            },
        ),
        (
            "2025-09-01",
            "general",
            "food",
            (),
            {
                "dishonesty.regime v2": "2026-09-02",
                "dishonesty.regime v3": "2026-04-01",
                "earliest": "2026-04-01",
            },
        ),
        # The transition is no way to a worse date: Order 36 keeps serious information a year.
        (
            "2026-03-31",
            "serious",
            "general",
            (),
            {
                "dishonesty.regime v2": "2026-07-01",
                "dishonesty.regime v3": "2027-04-01",
                "earliest": "2026-07-01",
            },
        ),
        # S17
        (
            "2022-11-15",
            "general",
            "general",
            (),
            {
                "dishonesty.regime v1": "2023-02-16",
                "dishonesty.regime v3": "2026-04-01",
                "earliest": "2023-02-16",
            },
        ),
        # What the market-supervision system shows waits for its own regime as well.
        (
            "2022-11-15",
            "general",
            "general",
            ("necips",),
            {
                "dishonesty.regime v1": "2023-02-16",
                "dishonesty.regime v3": "2026-04-01",
                "samr.regime v1": "2023-05-16",
                "samr.regime v2": "2026-04-01",
                "earliest": "2023-05-16",
            },
        ),
        (
            "2025-12-25",
            "general",
            "food",
            ("necips", "credit_china"),
            {
                "dishonesty.regime v2": "2026-12-26",
                "dishonesty.regime v3": "2026-04-01",
                "samr.regime v2": "2026-03-26",
                "earliest": "2026-04-01",
            },
        ),
        # Before any regime, and without a severity.
        ("2018-05-31", "general", "general", (), {"dishonesty.regime v3": "2026-04-01"}),
        ("2026-04-15", None, "general", (), {"earliest": "-"}),
    ],
)
def test_each_regime_says_from_when_repair_is_possible(
    determined: str, severity: Any, sector: Any, channels: Any, expected: dict[str, str]
) -> None:
    """By the day of determination; older records by the transition too, and both are kept."""
    says = record(determined=determined, severity=severity, sector=sector)
    found = computed(says, *channels)
    earliest = found.pop("earliest")
    assert earliest == expected.pop("earliest", earliest)
    assert found == expected


def test_publicity_that_begins_after_the_transition_follows_it() -> None:
    """A record of Order 58 shown from May 2026 on: a year at most, and repaired since April."""
    story = tale("2026-05-06T09:00+08:00").given(record(determined="2025-09-01", sector="food"))
    story.when(StartPublicity(record="CR-1", channels=("credit_china",)))
    assert story.outcome is not None
    [shown] = [r.event for r in story.outcome.events if isinstance(r.event, PublicityStarted)]
    assert (shown.min_until, shown.max_until) == (date(2026, 3, 31), date(2026, 9, 1))


@pytest.mark.parametrize(
    ("day", "determined", "until"),
    [
        ("2025-03-12", "2025-03-10", "2026-03-31"),  # a year is over before its first day
        ("2025-09-03", "2025-09-01", "2026-09-01"),
        ("2026-03-30", "2026-03-28", "2027-03-28"),
        ("2026-04-01", "2026-03-28", "2027-03-28"),
        ("2026-04-02", "2026-04-01", "2027-04-01"),  # not of the transition
    ],
)
def test_publicity_begins_with_the_bounds_that_the_clock_applies(
    day: str, determined: str, until: str
) -> None:
    """The transition is foreseen, so that nothing is left for the clock to move."""
    story = tale(f"{day}T09:00+08:00").given(record(determined=determined))
    story.when(StartPublicity(record="CR-1", channels=("credit_china",)))
    assert story.outcome is not None
    [shown] = [r.event for r in story.outcome.events if isinstance(r.event, PublicityStarted)]
    assert shown.max_until == date.fromisoformat(until)
    for later in (day, "2026-03-31", until):
        story.at(f"{later}T20:00+08:00").when(ReviewBounds(record="CR-1"), CLOCK).then()


def test_the_transition_brings_the_last_day_nearer() -> None:
    """Shown since Order 58 for three years; under Order 36 a year is enough, from its first day."""
    story = tale("2025-03-10T09:00+08:00").given(
        record(determined="2025-03-10"), started(on="2025-03-12", until="2028-03-10")
    )
    end = TerminatePublicity(record="CR-1", reason="max_reached")
    story.at("2026-03-31T20:00+08:00").when(end, CLOCK).raises(OutOfStep, says="2028-03-10")
    story.at("2026-04-01T01:00+08:00").when(end, CLOCK).then(
        like(PublicityTerminated, reason="max_reached"), raised("REP-V3")
    )


@pytest.mark.parametrize(
    ("day", "late"),
    [("2026-04-01", False), ("2026-04-02", True)],
)
@pytest.mark.parametrize("reason", ["max_reached", "correction"])
def test_CRD_V1_the_transition_says_when_it_was_to_end(day: str, late: bool, reason: Any) -> None:
    """A record that the clock did not come to is shown too long from the day of the transition."""
    story = tale("2025-03-10T09:00+08:00").given(
        record(determined="2025-03-10", amount_fen=None),
        started(on="2025-03-12", until="2028-03-10"),
    )
    story.at(f"{day}T09:00+08:00")
    found = [
        raised(
            "CRD-V1",
            entity=E_C,
            facts={"record": "CR-1", "due_on": "2026-04-01", "reason": reason},
        )
    ]
    word = [EndApproved] if reason == "correction" else []
    end = TerminatePublicity(record="CR-1", reason=reason)
    if word:
        story.signed(end, DEPUTY, HEAD)
    else:
        story.when(end, DEPUTY)
    story.then(*word, like(PublicityTerminated, reason=reason), *(found if late else []))


def test_CRD_V1_the_deadline_counts_by_the_transition_too() -> None:
    """The clock was away until the day set at first: it says since when the record was shown."""
    story = tale("2025-03-10T09:00+08:00").given(
        record(determined="2025-03-10", amount_fen=None),
        started(on="2025-03-12", until="2028-03-10"),
    )
    end = EndDeadline(
        rule_name="dishonesty.regime.max", opened_at_position=opening(story, PublicityStarted)
    )
    story.at("2028-03-11T00:05+08:00").when(end, CLOCK).then(
        DeadlineLapsed,
        like(PublicityTerminated, reason="max_reached"),
        raised("CRD-V1", facts={"record": "CR-1", "due_on": "2026-04-01", "reason": "max_reached"}),
    )


# Applying


def test_an_application_goes_to_the_unit_that_determined() -> None:
    """From a platform it is forwarded; at the unit's window it is there at once."""
    story = s15().when(APPLY, REP_C)
    story.then(like(RepairApplied, repair="REP-1", unit="MRB", market_supervision=False))
    story.when(ACCEPT).raises(OutOfStep, says="applied")
    story.when(FORWARD, EDB).then(like(RepairForwarded, unit="MRB"))
    story.when(FORWARD, EDB).raises(OutOfStep, says="forwarded")
    s15().when(replace(APPLY, channel="window")).then(RepairApplied, RepairForwarded)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"records": ("CR-404",)}, UnknownReference),
        ({"records": ("CR-8",)}, UnknownReference),
        ({"records": ("CR-1", "CR-1")}, Malformed),
        ({"records": ("CR-1", "CR-9")}, Malformed),
        ({"commitment": "CMT-404"}, UnknownReference),
    ],
)
def test_an_application_names_records_of_one_business_and_one_unit(
    changed: dict[str, Any], problem: type[Any]
) -> None:
    """What is unknown, another's, named twice or of two units is not applied for."""
    s15().when(replace(APPLY, **changed), REP_C).raises(problem)


def test_there_has_to_be_something_to_repair() -> None:
    """Nothing that speaks for the business, nothing that has ended, nothing asked for already."""
    good = record("CR-2", kind="honour", severity=None)
    s15("2026-07-16", good).when(replace(APPLY, records=("CR-2",)), REP_C).raises(OutOfStep)
    ended = PublicityTerminated(
        record="CR-1",
        entity=E_C,
        unit="MRB",
        reason="revoked",
        terminated_on=date(2026, 7, 1),
    )
    s15("2026-07-16", ended).when(APPLY, REP_C).raises(OutOfStep, says="revoked")
    story = s15().given(APPLY, actor=REP_C)
    story.when(replace(APPLY, repair="REP-2"), REP_C).raises(OutOfStep, says="REP-1")
    s15().when(APPLY, EMB).raises(Forbidden)


def test_REP_R1_not_before_the_shortest_publicity_is_over() -> None:
    """S15: it ends at midnight of 07-15; the refusal gives the day and the policy's version."""
    story = s15("2026-07-15").when(APPLY, REP_C)
    story.refused("REP-R1", earliest=date(2026, 7, 16), record="CR-1")
    assert story.error.policy_version == 3  # type: ignore[union-attr]
    s15("2026-07-16").when(APPLY, REP_C).then(RepairApplied)


def test_REP_R1_shows_both_reckonings_of_the_transition() -> None:
    """S16: Order 58 for a year, Order 36 from its first day; each with its version."""
    story = tale("2025-12-22T09:00+08:00").given(
        record(determined="2025-09-01", sector="food"),
        started(on="2025-09-05", until="2028-09-01"),
        commitment(),
    )
    story.when(APPLY, REP_C).refused("REP-R1", earliest=date(2026, 4, 1))
    regimes = story.error.details["regimes"]  # type: ignore[union-attr]
    assert [(r["version"], r["earliest_on"], r["governs"]) for r in regimes] == [
        (2, "2026-09-02", False),
        (3, "2026-04-01", True),
    ]
    story.at("2026-04-01T09:00+08:00").when(APPLY, REP_C).then(RepairApplied)


def test_REP_R1_holds_for_every_record_of_the_application() -> None:
    """The youngest decides for all."""
    younger = record("CR-2", determined="2026-05-15")
    story = s15("2026-07-16", younger)
    story.when(replace(APPLY, records=("CR-1", "CR-2")), REP_C).refused(
        "REP-R1", record="CR-2", earliest=date(2026, 8, 16)
    )


@pytest.mark.parametrize(
    ("proofs", "missing"),
    [
        ((), "conduct_corrected"),
        (PROOFS[:1], "obligations_performed"),
        (PROOFS[1:], "conduct_corrected"),
        ((Proof(shows="other", ref="照片"),), "conduct_corrected"),
    ],
)
def test_REP_R2_duties_are_shown_to_be_performed(proofs: Any, missing: str) -> None:
    """Both that the conduct is corrected and that the obligations are performed."""
    s15().when(replace(APPLY, proofs=proofs), REP_C).refused("REP-R2", missing=missing)


def test_REP_R2_what_the_unit_has_seen_needs_no_paper() -> None:
    """A business need not prove what its unit has recorded; what another's did is no proof."""
    seen = RecordDutiesPerformed(
        record="CR-1",
        duty="obligations_performed",
        performed_on=date(2026, 5, 8),
        evidence=("缴款系统流水",),
    )
    story = s15().given(replace(seen, duty="conduct_corrected"))
    story.when(replace(seen, performed_on=date(2026, 4, 1))).raises(
        Malformed, pointer="/performed_on"
    )
    story.when(replace(APPLY, proofs=()), REP_C).refused("REP-R2", missing="obligations_performed")
    story.when(seen, EDB).refused("REP-R6")
    story.when(seen).then(like(DutiesPerformed, duty="obligations_performed"))
    story.when(replace(APPLY, proofs=()), REP_C).then(RepairApplied)


@pytest.mark.parametrize(
    ("made", "named"),
    [
        (commitment(), None),
        (commitment("CMT-2", public=False), "CMT-2"),
        (commitment("CMT-2", type="voluntary"), "CMT-2"),
        (commitment(), "CMT-8"),
    ],
)
def test_REP_R3_a_public_commitment_comes_with_it(made: Event, named: str | None) -> None:
    """One for the repair, in public, of this business."""
    s15("2026-07-16", made).when(replace(APPLY, commitment=named), REP_C).refused("REP-R3")


def test_REP_R4_what_a_law_shuts_out_is_not_repaired() -> None:
    """The unit cites the law; a class that the regime shuts out needs no citing."""
    shut = ExcludeFromRepair(record="CR-1", law=LegalRef(instrument=NDRC_527, article="特定严重"))
    story = s15().when(shut, EMB).refused("REP-R6")
    story.when(shut).then(like(RepairExcluded, record="CR-1"))
    story.when(shut).raises(OutOfStep)
    story.when(APPLY, REP_C).refused("REP-R4", record="CR-1", law=f"{NDRC_527} 特定严重")
    other = s15("2026-07-16", *[r.event for r in records_of(story)[-1:]])
    other.given(record("CR-2"), started("CR-2"))
    other.when(replace(APPLY, records=("CR-2",)), REP_C).then(RepairApplied)


def test_REP_R4_what_was_shut_out_in_error_is_let_in() -> None:
    """By the unit that shut it out, saying why."""
    shut = ExcludeFromRepair(record="CR-1", law=LegalRef(instrument=NDRC_527))
    back = ReadmitToRepair(record="CR-1", reason="适用条款有误")
    story = s15().when(back).raises(OutOfStep)
    story.given(shut).when(back, EDB).refused("REP-R6")
    story.when(back).then(like(RepairReadmitted, record="CR-1"))
    story.when(APPLY, REP_C).then(RepairApplied)


def test_REP_R4_a_law_found_after_the_application_stops_the_grant() -> None:
    """The conditions are those of the day of the decision."""
    story = accepted()
    story.given(ExcludeFromRepair(record="CR-1", law=LegalRef(instrument=NDRC_527)))
    story.when(GRANT).refused("REP-R4")


MISCONDUCT = RepairMisconductRecorded(
    entity=E_C,
    unit="EMB",
    reason="false_material",
    facts="伪造印章",
    evidence=("鉴定",),
    bar_until=date(2026, 7, 16),
)


def test_REP_R5_who_cheated_is_barred_to_the_last_day() -> None:
    """That day included; who cheated elsewhere does not matter."""
    s15("2026-07-16", MISCONDUCT).when(APPLY, REP_C).refused(
        "REP-R5", entity=E_C, bar_until=date(2026, 7, 16)
    )
    s15("2026-07-17", MISCONDUCT).when(APPLY, REP_C).then(RepairApplied)
    s15("2026-07-16").amid(replace(MISCONDUCT, entity=E_B)).when(APPLY, REP_C).then(RepairApplied)


def test_REP_R5_who_broke_a_repair_commitment_is_barred() -> None:
    """For as many years as the policy says; breaking another kind of promise bars nobody."""
    breach = CommitmentBreached(
        commitment="CMT-7",
        entity=E_C,
        unit="MRB",
        obligation="O-1",
        evidence=("检查笔录",),
        notice_ref="告知书1号",
        notified_on=date(2026, 4, 20),
    )
    other = commitment("CMT-7", type="voluntary")
    s15("2026-07-16", other, breach).when(APPLY, REP_C).then(RepairApplied)
    story = s15("2026-07-16", commitment("CMT-7"), breach)
    story.when(APPLY, REP_C).refused("REP-R5", bar_until=date(2029, 4, 24))
    assert story.error.policy_version == 1  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "command",
    [
        ACCEPT,
        DECLINE,
        RequestRepairSupplement(repair="REP-1", missing=("照片",)),
    ],
)
def test_REP_R6_who_determined_decides_on_acceptance(command: Any) -> None:
    """Neither another unit nor the lead department."""
    story = s15().given(APPLY, actor=REP_C).given(FORWARD, actor=EDB)
    for other in (EMB, EDB):
        story.when(command, other).refused("REP-R6", unit="MRB", actor=other.unit_id)


def test_REP_R6_who_determined_decides() -> None:
    """Grant, refuse, extend, revoke; and an application is forwarded to nobody else."""
    extend = ExtendRepair(repair="REP-1", reason="complex")
    story = accepted()
    for command in (GRANT, REFUSE, extend, REVOKE):
        for other in (EMB, EDB):
            story.when(command, other).refused("REP-R6", unit="MRB")
    waiting = s15().given(APPLY, actor=REP_C)
    waiting.when(ForwardRepair(repair="REP-1", to_unit="EMB"), EDB).refused("REP-R6", unit="MRB")


GREEN = replace(
    APPLY, green_channel=True, enterprise_size="small", epidemic_ground="防疫物资运输期间"
)


@pytest.mark.parametrize(
    "changed",
    [
        {"enterprise_size": "large"},
        {"enterprise_size": None},
        {"epidemic_ground": None},
    ],
)
def test_REP_R7_the_green_channel_is_for_small_firms_and_the_epidemic(
    changed: dict[str, Any],
) -> None:
    """Both; whoever is neither applies as everybody else does."""
    s15().when(replace(GREEN, **changed), REP_C).refused("REP-R7")
    s15().when(replace(GREEN, green_channel=False, **changed), REP_C).then(RepairApplied)


def test_REP_R7_the_green_channel_shortens_no_publicity() -> None:
    """The time of handling alone: the earliest day stays where it is."""
    s15("2026-07-15").when(GREEN, REP_C).refused("REP-R1", earliest=date(2026, 7, 16))
    s15("2026-07-16").when(GREEN, REP_C).then(like(RepairApplied, green_channel=True))


def test_REP_R8_a_repair_is_free() -> None:
    """Whoever charges, at whatever step."""
    s15().when(replace(APPLY, fee_fen=1), REP_C).refused("REP-R8", fee_fen=1)
    story = s15().given(APPLY, actor=REP_C).given(FORWARD, actor=EDB)
    story.when(replace(ACCEPT, fee_fen=20_000)).refused("REP-R8", fee_fen=20_000)
    accepted().when(replace(GRANT, fee_fen=1)).refused("REP-R8")


def test_REP_R9_nothing_is_turned_down_without_a_reason() -> None:
    """Nor refused without the remedy."""
    story = s15().given(APPLY, actor=REP_C).given(FORWARD, actor=EDB)
    story.when(replace(DECLINE, reasons=())).refused("REP-R9")
    story = accepted()
    story.when(replace(REFUSE, reasons=())).refused("REP-R9", missing="no reason is given")
    story.when(replace(REFUSE, remedy=None)).refused("REP-R9", missing="no remedy is named")
    story.when(REFUSE).then(like(RepairRefused, remedy=REFUSE.remedy), FindingRaised)


# Time


def test_REP_V1_acceptance_is_due_three_working_days_after_forwarding() -> None:
    """S15: forwarded on Thursday 07-16, due on Tuesday 07-21."""
    story = s15().given(APPLY, actor=REP_C).given(FORWARD, actor=EDB)
    due(story, "repair.accept_wd", RepairForwarded, "2026-07-21", raised("REP-V1", unit="MRB"))
    story.when(ACCEPT).then(like(RepairAccepted, days_late=1))


def test_REP_V1_decision_is_due_seven_working_days_after_acceptance() -> None:
    """S15: accepted on 07-20, due on 07-29; the platform's answer on 07-30."""
    story = accepted("2026-07-28")
    due(story, "repair.decide_wd", RepairAccepted, "2026-07-29", raised("REP-V1", entity=E_C))
    due(story, "repair.feedback_wd", RepairApplied, "2026-07-30")
    story.when(GRANT)
    assert story.outcome is not None
    assert like(RepairGranted, days_late=2)(story.outcome.events[0])


def test_REP_V1_the_market_supervision_system_counts_its_own_days() -> None:
    """15 working days under its regime of 2021, 7 under that of 2025; no other time beside."""
    story = tale("2025-11-03T09:00+08:00").given(
        record(determined="2025-01-06", sector="general"),
        started(on="2025-01-08", until="2028-01-06", channels=("necips",)),
        commitment(),
    )
    story.when(replace(APPLY, channel="necips"), REP_C)
    story.then(like(RepairApplied, market_supervision=True))
    story.given(FORWARD, actor=EDB).given(ACCEPT)
    end = EndDeadline(
        rule_name="repair.decide_wd", opened_at_position=opening(story, RepairAccepted)
    )
    story.when(end, CLOCK).raises(Malformed)
    due(story, "samr.regime.decide_wd", RepairAccepted, "2025-11-24", raised("REP-V1"))
    story.when(GRANT)
    assert story.outcome is not None
    assert like(RepairGranted, days_late=1)(story.outcome.events[0])


E_FJ = "91350100M000100Y43"


@pytest.mark.parametrize(
    ("entity", "channels", "day", "province"),
    [
        (E_FJ, ("necips",), "2026-07-27", "35"),
        # The own province; another system; before the regime of 2025; a register without a USCC.
        (E_C, ("necips",), "2026-07-27", None),
        (E_FJ, ("credit_china",), "2026-07-27", None),
        (E_FJ, ("necips",), "2025-12-22", None),
        ("shops:1", ("necips",), "2026-07-27", None),
    ],
)
def test_REP_V2_another_province_is_told(
    entity: str, channels: Any, day: str, province: str | None
) -> None:
    """Within three working days, of a repair in the market-supervision system."""
    story = tale("2025-01-06T09:00+08:00").given(
        EnforcementUnitQualified(
            unit="MRB",
            name="市场监管局",
            kind="organ",
            valid_from=date(2020, 1, 1),
            uscc="11620100013909010F",
        ),
        record(entity=entity, determined="2025-01-06", sector="general"),
        started(entity=entity, on="2025-01-08", until="2028-01-06", channels=channels),
        commitment(entity=entity),
    )
    story.at(f"{day}T09:00+08:00").given(replace(APPLY, entity=entity), actor=REP_C)
    story.given(FORWARD, actor=EDB).given(ACCEPT).when(GRANT)
    assert story.outcome is not None
    assert like(RepairGranted, push_to=province)(story.outcome.events[0])
    push = PushRepair(repair="REP-1")
    if province is None:
        story.when(push).raises(OutOfStep, says="must concern another province")
        granted = opening(story, RepairGranted)
        end = EndDeadline(rule_name="samr.regime.push_wd", opened_at_position=granted)
        story.when(end, CLOCK).raises(Malformed, says="that opens")
        return
    story.when(replace(push, occurred_at=civil_moment(date(2026, 7, 24), 9))).raises(
        OutOfStep, says="before the grant"
    )
    due(story, "samr.regime.push_wd", RepairGranted, "2026-07-30", raised("REP-V2", entity=E_FJ))
    story.when(push, EMB).refused("REP-R6")
    story.when(push).then(like(RepairPushed, province="35", days_late=1))
    story.when(push).raises(OutOfStep, says="already reported")


def test_a_decision_is_put_off_once() -> None:
    """By ten working days from the last day, while there is time; then no more."""
    extend = ExtendRepair(repair="REP-1", reason="needs_verification")
    accepted("2026-07-30").when(extend).raises(OutOfStep, says="2026-07-29")
    story = accepted("2026-07-29").when(extend)
    story.then(
        like(RepairExtended, extended_from=date(2026, 7, 29), until=date(2026, 8, 12)),
    )
    story.when(extend).raises(OutOfStep, says="once")
    due(story, "repair.extend_wd", RepairExtended, "2026-08-12", raised("REP-V1"))
    story.when(GRANT)
    assert story.outcome is not None
    assert like(RepairGranted, days_late=1)(story.outcome.events[0])


def test_REP_V1_the_green_channel_takes_three_working_days_in_all() -> None:
    """From the application to the answer; the single steps have no time of their own."""
    story = s15().given(GREEN, actor=REP_C)
    due(story, "repair.green_precheck_wd", RepairApplied, "2026-07-16")
    story.given(FORWARD, actor=EDB)
    for rule in ("repair.accept_wd",):
        end = EndDeadline(rule_name=rule, opened_at_position=opening(story, RepairForwarded))
        story.when(end, CLOCK).raises(Malformed)
    story.given(ACCEPT)
    story.when(ExtendRepair(repair="REP-1", reason="complex")).raises(OutOfStep, says="green")
    due(story, "repair.green_channel_wd", RepairApplied, "2026-07-21", raised("REP-V1"))


def test_what_is_missing_is_said_once_and_handed_in() -> None:
    """The time for acceptance stands still meanwhile, and begins anew with the papers."""
    ask = RequestRepairSupplement(repair="REP-1", missing=("缴款凭证原件",))
    give = SupplementRepair(repair="REP-1", entity=E_C, proofs=(Proof(shows="other", ref="原件"),))
    story = s15().given(APPLY, actor=REP_C).given(FORWARD, actor=EDB)
    story.when(give, REP_C).raises(OutOfStep)
    story.when(ask).then(like(RepairSupplementRequested, missing=ask.missing))
    story.when(ACCEPT).raises(OutOfStep, says="supplement_requested")
    story.when(replace(give, entity=E_B), REP_C).raises(Forbidden)
    story.when(replace(give, proofs=PROOFS), REP_C).raises(Malformed, pointer="/proofs")
    story.at("2026-07-24T09:00+08:00").when(give, REP_C).then(RepairSupplemented)
    story.when(ask).raises(OutOfStep, says="once")
    end = EndDeadline(
        rule_name="repair.accept_wd", opened_at_position=opening(story, RepairForwarded)
    )
    story.when(end, CLOCK).raises(OutOfStep)
    due(
        story,
        "repair.accept_wd.supplemented",
        RepairSupplemented,
        "2026-07-29",
        raised("REP-V1"),
    )
    story.when(ACCEPT).then(like(RepairAccepted, days_late=1))


# Granting


def test_a_grant_ends_everything_at_once() -> None:
    """Publicity, sanctions and the grade: one append with one correlation id, and no other's."""
    story = accepted().amid(sanction("SAN-9", "CR-9"))
    story.when(GRANT).then(
        like(RepairGranted, granted_on=date(2026, 7, 27), targets=("credit_china", "unit_site")),
        like(PublicityTerminated, record="CR-1", reason="repaired"),
        like(SanctionLifted, sanction="SAN-1", reason="repaired"),
        like(CreditGradeAssigned, grade="B"),
    )
    assert story.outcome is not None
    assert len({r.envelope.correlation_id for r in story.outcome.events}) == 1
    story.when(GRANT).raises(OutOfStep, says="granted")
    story.when(REFUSE).raises(OutOfStep, says="granted")


def test_REP_R2_the_unit_verifies_before_it_grants() -> None:
    """Papers alone do: that the unit has seen both duties performed is said with the grant."""
    story = accepted()
    story.when(replace(GRANT, verified=("conduct_corrected",))).refused(
        "REP-R2", missing="obligations_performed"
    )
    story.when(replace(GRANT, verified=())).refused("REP-R2", missing="conduct_corrected")


def test_GRD_R2_a_repaired_record_is_no_factor() -> None:
    """S15: recomputing with it is refused, and its end gives nobody a worse grade."""
    story = accepted().given(GRANT)
    story.when(
        AssignGrade(
            entity=E_C,
            scheme="samr",
            grade="C",
            assessed_on=date(2026, 7, 27),
            source="edb",
            factors=(Factor(kind="general_record", record="CR-1"),),
        ),
        EDB,
    ).refused("GRD-R2", record="CR-1", why="repaired")


def test_a_record_that_ended_meanwhile_is_not_repaired() -> None:
    """A case may be refused then; nobody is told that all conditions were met."""
    story = accepted()
    story.given_signed(TerminatePublicity(record="CR-1", reason="revoked"), DEPUTY, HEAD)
    story.when(GRANT).raises(OutOfStep, says="revoked")
    story.when(REFUSE).then(RepairRefused)


def test_REP_V2_the_platforms_confirm_one_by_one() -> None:
    """Granted on 07-27: all of them by 07-30; the last one closes it."""
    story = accepted().given(GRANT)
    sync = SynchroniseRepair(repair="REP-1", target="credit_china", acked_on=date(2026, 7, 27))
    story.when(replace(sync, acked_on=date(2026, 7, 26)), EDB).raises(
        Malformed, pointer="/acked_on"
    )
    story.when(sync, EMB).raises(Forbidden)
    story.when(sync, EDB).then(like(RepairResultSynchronised, outstanding=("unit_site",)))
    story.when(sync, EDB).raises(OutOfStep)
    due(
        story, "repair.sync_wd.platforms", RepairGranted, "2026-07-30", raised("REP-V2", unit="MRB")
    )
    story.when(replace(sync, target="unit_site", acked_on=date(2026, 7, 31)), EDB).then(
        like(RepairResultSynchronised, outstanding=()), like(RepairSynchronised, days_late=1)
    )


def test_REP_V5_a_repair_is_not_refused_for_nothing() -> None:
    """All conditions are evidenced: refusing is noticed, unless something shows otherwise."""
    accepted().when(REFUSE).then(RepairRefused, raised("REP-V5", unit="MRB", entity=E_C))
    waiting = s15().given(APPLY, actor=REP_C).given(FORWARD, actor=EDB)
    waiting.when(DECLINE).then(RepairNotAccepted, raised("REP-V5"))
    shown = Reason(says="凭证系伪造", rule="REP-R2", evidence=("银行回函",))
    accepted().when(replace(REFUSE, reasons=(shown,))).then(RepairRefused)
    barred = accepted("2026-07-27").given(replace(MISCONDUCT, bar_until=date(2027, 1, 1)))
    barred.when(REFUSE).then(RepairRefused)


# Afterwards


def test_a_repair_got_by_deceit_is_undone() -> None:
    """The record is shown for the rest of its term, counts again, and its business is barred."""
    story = accepted().given(GRANT).at("2026-09-01T09:00+08:00")
    story.when(REVOKE).then(
        like(RepairRevoked, reason="false_material"),
        PublicityReinstated(
            record="CR-1",
            entity=E_C,
            unit="MRB",
            reason="false_material",
            ended_on=date(2026, 7, 27),
            reinstated_on=date(2026, 9, 1),
            max_until=date(2027, 4, 15),
        ),
        like(CreditGradeAssigned, grade="C"),
        like(RepairMisconductRecorded, bar_until=date(2029, 9, 1), repair="REP-1"),
    )
    story.when(REVOKE).raises(OutOfStep, says="revoked")
    again = replace(APPLY, repair="REP-2")
    story.when(again, REP_C).refused("REP-R5", bar_until=date(2029, 9, 1))
    known = CreditRecords(E_C).over([r for r in records_of(story) if _credit(r)])
    live = {day: known.records["CR-1"].live(date.fromisoformat(day)) for day in DAYS}
    assert live == dict(zip(DAYS, (True, False, False, True, True, False), strict=True))
    assert known.void(date(2026, 8, 31)) == {"CR-1": "repaired"}
    assert known.void(date(2026, 9, 1)) == {}
    # A register that lists it no more ends it a second time.
    listed = ListedPenalty("CR-1")
    assert listed.over([r for r in records_of(story) if _credit(r)]).ended_on is None


DAYS = ("2026-07-26", "2026-07-27", "2026-08-31", "2026-09-01", "2027-04-15", "2027-04-16")


def _credit(one: Recorded) -> bool:
    return one.envelope.type.startswith("credit.") and E_C in str(one.event.tags())


def test_what_came_back_ends_at_its_longest_publicity() -> None:
    """On the day it would have ended on anyhow."""
    story = accepted().given(GRANT).at("2026-09-01T09:00+08:00").given(REVOKE)
    place = opening(story, PublicityReinstated)
    end = EndDeadline(rule_name="dishonesty.regime.max.reinstated", opened_at_position=place)
    story.at("2027-04-15T23:00+08:00").when(end, CLOCK).raises(OutOfStep)
    story.at("2027-04-16T01:00+08:00").when(end, CLOCK).then(
        DeadlineLapsed,
        like(PublicityTerminated, reason="max_reached"),
        raised("REP-V3", entity=E_C),
        like(CreditGradeAssigned, grade="B"),
    )


def test_a_revocation_leaves_what_was_revoked_since() -> None:
    """A decision that fell after the repair takes its record with it for good."""
    story = accepted().given(GRANT)
    story.given(
        PublicityTerminated(
            record="CR-1",
            entity=E_C,
            unit="MRB",
            reason="revoked",
            terminated_on=date(2026, 8, 3),
        )
    )
    story.at("2026-09-01T09:00+08:00").when(REVOKE).then(RepairRevoked, RepairMisconductRecorded)


def test_misconduct_before_a_grant_bars_too() -> None:
    """Recorded by the unit that decides; after a grant it is part of the revocation."""
    cheated = RecordRepairMisconduct(
        repair="REP-1", reason="false_material", facts="伪造", evidence=("鉴定",)
    )
    story = accepted().when(cheated, EMB).refused("REP-R6")
    story.when(cheated).then(like(RepairMisconductRecorded, bar_until=date(2029, 7, 27)))
    story.when(GRANT).refused("REP-R5")
    accepted().given(GRANT).when(cheated).raises(OutOfStep, says="revoke")


def test_a_court_shields_a_business_that_it_reorganises() -> None:
    """Its records are not shown; they do not end, and the last day of publicity stays."""
    shield = GrantTemporaryShield(
        entity=E_C,
        records=("CR-1",),
        court_ruling="(2026)甘01破3号",
        ruled_on=date(2026, 7, 10),
        until=date(2027, 1, 10),
    )
    story = s15().when(shield, EMB).refused("REP-R6")
    story.when(replace(shield, ruled_on=date(2026, 7, 17))).raises(Malformed, pointer="/ruled_on")
    story.when(replace(shield, until=date(2026, 7, 15))).raises(Malformed, pointer="/until")
    story.when(shield).then(
        like(TemporaryShieldGranted, court_ruling="(2026)甘01破3号"),
        like(PublicitySuspended, record="CR-1", until=date(2027, 1, 10)),
    )
    story.when(shield).raises(OutOfStep, says="must be public")


def test_REP_V3_a_record_ends_with_its_fine_unpaid() -> None:
    """It ends, and is flagged; a fine that the unit has seen paid is not."""
    paid = DutiesPerformed(
        record="CR-1",
        entity=E_C,
        unit="MRB",
        duty="obligations_performed",
        performed_on=date(2026, 6, 1),
        evidence=("流水",),
    )
    for past, found in (((), 1), ((paid,), 0), ((replace(paid, record="CR-9"),), 1)):
        story = s15("2026-07-16", *past)
        end = EndDeadline(
            rule_name="dishonesty.regime.max",
            opened_at_position=next(
                r.position
                for r in records_of(story)
                if isinstance(r.event, PublicityStarted) and r.event.record == "CR-1"
            ),
        )
        story.at("2027-04-16T09:00+08:00").when(end, CLOCK)
        assert story.outcome is not None
        events = [r.event for r in story.outcome.events]
        assert [e.reason for e in events if isinstance(e, PublicityTerminated)] == ["max_reached"]
        rules = [e.rule_id for e in events if isinstance(e, FindingRaised)]
        assert rules == ["REP-V3"] * found


def test_REP_V4_money_for_a_repair_is_noticed() -> None:
    """Recorded whoever took it; never refused."""
    fee = ReportRepairFee(
        entity=E_C, collected_by="某信用修复咨询公司", amount_fen=800_000, facts="承诺包修复"
    )
    s15().when(fee, REP_C).then(RepairFeeReported, raised("REP-V4", entity=E_C))
    story = s15().given(APPLY, actor=REP_C)
    story.when(replace(fee, repair="REP-1", entity=E_B), REP_C).raises(Malformed, pointer="/repair")
    story.when(replace(fee, repair="REP-404"), REP_C).raises(UnknownReference)
    story.when(replace(fee, repair="REP-1"), REP_C).then(RepairFeeReported, raised("REP-V4"))


def test_REP_V1_a_business_does_not_make_the_unit_late_by_a_date() -> None:
    """What is sent with its own token is of today; forwarding is, for everybody."""
    then = datetime.fromisoformat("2026-07-17T09:00+08:00")
    story = s15("2026-08-24")
    story.when(replace(APPLY, occurred_at=then), REP_C).raises(Malformed, pointer="/occurred_at")
    story.given(APPLY, actor=REP_C)
    story.when(replace(FORWARD, occurred_at=then), EDB).raises(Malformed, pointer="/occurred_at")
    story.given(FORWARD, actor=EDB).given(RequestRepairSupplement(repair="REP-1", missing=("-",)))
    more = SupplementRepair(
        repair="REP-1", entity=E_C, proofs=(Proof(shows="conduct_corrected", ref="新材料"),)
    )
    for who in (REP_C, EDB):
        story.when(replace(more, occurred_at=then), who).raises(Malformed, pointer="/occurred_at")


def test_REP_V1_the_silence_of_the_business_is_not_the_units_lateness() -> None:
    """Asked on 07-17, it has ten working days, to 07-31; nobody is turned down before."""
    story = s15("2026-07-16").given(APPLY, actor=REP_C).given(FORWARD, actor=EDB)
    story.at("2026-07-17T09:00+08:00")
    story.given(RequestRepairSupplement(repair="REP-1", missing=("整改照片",)))
    story.when(DECLINE).raises(OutOfStep, says="until 2026-07-31")
    story.at("2026-07-31T23:00+08:00").when(DECLINE).raises(OutOfStep)
    story.at("2026-09-17T09:00+08:00").when(DECLINE)
    assert story.outcome is not None
    answer = story.outcome.events[0]
    assert isinstance(answer.event, RepairNotAccepted)
    assert answer.event.days_late == 0
    assert answer.envelope.policy_refs["repair.supplement_wd"] == 1


def test_REP_V1_what_was_handed_in_waits_for_the_unit_again() -> None:
    """From then on the unit is late by its own silence."""
    story = s15("2026-07-16").given(APPLY, actor=REP_C).given(FORWARD, actor=EDB)
    story.given(RequestRepairSupplement(repair="REP-1", missing=("整改照片",)))
    proofs = (Proof(shows="conduct_corrected", ref="整改照片1"),)
    story.given(SupplementRepair(repair="REP-1", entity=E_C, proofs=proofs), actor=REP_C)
    story.at("2026-07-23T09:00+08:00").when(DECLINE)
    assert story.outcome is not None
    answer = story.outcome.events[0].event
    assert isinstance(answer, RepairNotAccepted)
    assert answer.days_late == 2
