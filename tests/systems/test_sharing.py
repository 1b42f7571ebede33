"""Sharing (2.4f): subscriptions, removal after an end, declined and misused records."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from ledger.general.findings import FindingRaised
from ledger.general.values import Instrument
from ledger.kernel import (
    DeadlineLapsed,
    DeadlineMissed,
    Forbidden,
    LegalRef,
    Malformed,
    OutOfStep,
    UnknownReference,
)
from ledger.systems.credit.commands import (
    FileObjection,
    ResolveObjection,
    StartPublicity,
    TerminatePublicity,
)
from ledger.systems.credit.events import (
    EndApproved,
    ObjectionFiled,
    PublicityStarted,
    PublicityTerminated,
)
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.dishonesty.events import SanctionLifted, SeriousListAdded
from ledger.systems.grading.events import CreditGradeAssigned, Factor
from ledger.systems.penalties.events import DecisionPublished, DecisionWithdrawn
from ledger.systems.repair.commands import RevokeRepair
from ledger.systems.repair.events import RepairGranted
from ledger.systems.sharing.commands import (
    AcknowledgeRemoval,
    DeclineRecognition,
    ReportRecordUse,
    ReportRepeatedRequest,
    UnsubscribeFeed,
)
from ledger.systems.sharing.events import (
    FeedSubscribed,
    FeedUnsubscribed,
    Filters,
    RecognitionDeclined,
    RecordShared,
    RecordUseReported,
    RemovalAcknowledged,
    RemovalNotified,
    RemovalReminded,
    RepeatedRequestReported,
)
from tests.cast import CLOCK, DEPUTY, E_B, E_C, EDB, EMB, HEAD, REP_C, actor
from tests.gwt import Scenario, like
from tests.systems.repairing import (
    APPLY,
    BANK,
    GRANT,
    RAIL,
    SUBSCRIBE,
    accepted,
    opening,
    record,
    records_of,
    s15,
    started,
    tale,
)

replace = msgspec.structs.replace

REVOKED = TerminatePublicity(record="CR-1", reason="revoked")
LAW = (LegalRef(instrument="征信业管理条例", article="Art 21"),)


def subscribed(name: str, unit: str = "BANK", **filters: Any) -> FeedSubscribed:
    """A subscription since the ledger began."""
    return FeedSubscribed(
        subscription=name,
        unit=unit,
        purpose="招标资格审查",
        basis=LAW,
        filters=Filters(**filters),
        subscribed_on=date(2026, 4, 15),
    )


def removal_of(story: Scenario) -> str:
    """The last removal that was asked for."""
    notices = [r.event for r in records_of(story) if isinstance(r.event, RemovalNotified)]
    return notices[-1].removal


def granted(*past: Any) -> Scenario:
    """S15 granted on 07-27, with these subscriptions before."""
    return accepted("2026-07-27", *past).given(GRANT)


# Subscribing


def test_a_partner_subscribes_for_a_purpose() -> None:
    """Itself, or the lead department for it; nobody for another."""
    story = tale().when(SUBSCRIBE, BANK)
    story.then(like(FeedSubscribed, subscription="SUB-1", unit="BANK", basis=LAW, feed="credit"))
    story.when(SUBSCRIBE, BANK).raises(OutOfStep, says="SUB-1")
    other = replace(SUBSCRIBE, subscription="SUB-2")
    story.when(other, RAIL).raises(Forbidden)
    story.when(other, EDB).then(FeedSubscribed)


@pytest.mark.parametrize(
    ("changed", "missing"),
    [
        ({"purpose": None}, "no purpose is given"),
        ({"legal_basis": ()}, "no legal basis is cited"),
        (
            {"purpose": None, "legal_basis": ()},
            "no purpose is given; no legal basis is cited",
        ),
    ],
)
def test_SHR_R1_a_subscription_has_a_purpose_and_a_basis(
    changed: dict[str, Any], missing: str
) -> None:
    """S16."""
    story = tale().amid(subscribed("SUB-9", "RAIL"))
    story.when(replace(SUBSCRIBE, **changed), BANK).refused("SHR-R1", missing=missing)


@pytest.mark.parametrize(
    "pattern",
    [
        "filing.*",
        "filing.inspection-task-approved",
        "filing.visit-rated",
        "filing.irregular-visit-reported",
    ],
)
def test_SHR_R2_no_filter_covers_what_is_sealed(pattern: str) -> None:
    """Planned visits, ratings and who reported; one sealed type under a pattern is enough."""
    wanted = replace(SUBSCRIBE, filters=Filters(types=("credit.*", pattern)))
    tale().amid(subscribed("SUB-9", types=("credit.*",))).when(wanted, BANK).refused(
        "SHR-R2", pattern=pattern
    )


def test_SHR_R2_what_is_not_sealed_may_be_asked_for() -> None:
    """By type or by system; a type that there is not is a typing error."""
    fine = Filters(types=("credit.*", "filing.plan-published"), units=("MRB",), entities=(E_C,))
    tale().when(replace(SUBSCRIBE, filters=fine), BANK).then(like(FeedSubscribed, filters=fine))
    wrong = replace(SUBSCRIBE, filters=Filters(types=("credit.*", "credits.*")))
    tale().when(wrong, BANK).raises(Malformed, pointer="/filters/types/1")


def test_a_subscription_ends_once() -> None:
    """By the subscriber or the lead department."""
    end = UnsubscribeFeed(subscription="SUB-1", reason="业务终止")
    story = tale().given(subscribed("SUB-1"))
    story.when(end, RAIL).raises(Forbidden)
    story.when(replace(end, subscription="SUB-404"), BANK).raises(UnknownReference)
    story.when(end, BANK).then(like(FeedUnsubscribed, unit="BANK"))
    story.when(end, EDB).raises(OutOfStep)


# What is shared, and removed


def test_a_record_is_shared_when_its_publicity_begins() -> None:
    """Once, naming the subscriptions that cover it; with none of them nothing is recorded."""
    start = StartPublicity(record="CR-1", channels=("credit_china",))
    tale().given(record()).when(start).then(PublicityStarted)
    story = tale().given(
        record(),
        subscribed("SUB-1"),
        subscribed("SUB-2", types=("credit.publicity-started",), units=("MRB",)),
        subscribed("SUB-3", "RAIL", entities=(E_C,)),
        subscribed("SUB-4", entities=(E_B,)),
        subscribed("SUB-5", units=("EMB",)),
        subscribed("SUB-6", types=("grading.*",)),
        subscribed("SUB-7"),
        FeedUnsubscribed(subscription="SUB-7", unit="BANK", ended_on=date(2026, 4, 15), reason="-"),
    )
    story.when(start).then(
        PublicityStarted, like(RecordShared, subscriptions=("SUB-1", "SUB-2", "SUB-3"))
    )


def test_a_grant_tells_every_subscriber_to_remove_the_record() -> None:
    """In the same append; whoever subscribed after it was first shown has received it too."""
    story = accepted("2026-07-27", subscribed("SUB-1"), subscribed("SUB-4", entities=(E_B,))).given(
        replace(SUBSCRIBE, subscription="SUB-3", unit="RAIL"), actor=RAIL
    )
    story.when(GRANT).then(
        RepairGranted,
        PublicityTerminated,
        like(
            RemovalNotified,
            subscription="SUB-1",
            unit="BANK",
            record="CR-1",
            determined_by="MRB",
            reason="repaired",
            ended_on=date(2026, 7, 27),
        ),
        like(RemovalNotified, subscription="SUB-3", unit="RAIL"),
        SanctionLifted,
        CreditGradeAssigned,
    )
    assert story.outcome is not None
    assert len({r.envelope.correlation_id for r in story.outcome.events}) == 1
    assert {r.envelope.visibility for r in story.outcome.events[2:4]} == {"restricted"}


def test_however_a_record_ends_it_is_removed() -> None:
    """Revoked, or wrong: the partners are told; of what was never shown they are not."""
    story = s15("2026-07-16", subscribed("SUB-1"))
    story.signed(REVOKED, DEPUTY, HEAD)
    assert story.outcome is not None
    told = [r.event for r in story.outcome.events if isinstance(r.event, RemovalNotified)]
    assert [(one.record, one.reason) for one in told] == [("CR-1", "revoked")]
    wrong = ObjectionFiled(record="CR-1", entity=E_C, unit="MRB", grounds="金额有误")
    story = s15("2026-07-16", subscribed("SUB-1")).given(wrong, actor=REP_C)
    story.when(ResolveObjection(record="CR-1", outcome="upheld", explanation="属实"))
    assert story.outcome is not None
    assert any(isinstance(r.event, RemovalNotified) for r in story.outcome.events)
    # CR-9's publicity never began, but its entry was shared; nobody read that CR-10 is there.
    hidden = tale().given(subscribed("SUB-1"), record("CR-10", unit="EMB", public=False))
    hidden.signed(replace(REVOKED, record="CR-9"), EMB, EDB).then(
        EndApproved,
        like(PublicityTerminated, record="CR-9"),
        like(RemovalNotified, record="CR-9"),
    )
    hidden.signed(replace(REVOKED, record="CR-10"), EMB, EDB).then(EndApproved, PublicityTerminated)


def told(story: Scenario) -> set[str]:
    """The subscriptions that the last command told to remove CR-1."""
    assert story.outcome is not None
    notices = [r.event for r in story.outcome.events if isinstance(r.event, RemovalNotified)]
    assert {one.record for one in notices} <= {"CR-1"}
    assert len({one.subscription for one in notices}) == len(notices)
    return {one.subscription for one in notices}


def test_REP_V2_who_reads_no_more_removes_what_it_has_read() -> None:
    """Ended the day before the grant, it holds the record; ended before its entry, it does not."""
    early = subscribed("SUB-0")
    story = tale("2026-04-14T09:00+08:00").given(
        early,
        FeedUnsubscribed(subscription="SUB-0", unit="BANK", ended_on=date(2026, 4, 14), reason="-"),
    )
    story.at("2026-04-15T09:00+08:00").given(record())
    story.at("2026-04-24T09:00+08:00").given(started(), subscribed("SUB-1"))
    story.at("2026-07-26T09:00+08:00")
    story.given(UnsubscribeFeed(subscription="SUB-1", reason="业务终止"), actor=BANK)
    story.at("2026-07-27T09:00+08:00").signed(REVOKED, DEPUTY, HEAD)
    assert told(story) == {"SUB-1"}


def test_REP_V2_whoever_reads_of_a_record_removes_it() -> None:
    """Of its sanction, its listing or the grade that it gave; not who reads of none of them."""
    named = CreditGradeAssigned(
        entity=E_C,
        scheme="local",
        grade="C",
        assessed_on=date(2026, 5, 6),
        source="local_rule",
        factors=(Factor(kind="general_record", record="CR-1"),),
        inputs_hash="0" * 64,
    )
    listed = SeriousListAdded(
        record="CR-1",
        determination="DET-1",
        entity=E_C,
        unit="MRB",
        list_field="food_drug",
        criteria_version=1,
        instrument=Instrument(
            kind="list_decision", doc_no="列〔1〕", effective_on=date(2026, 5, 6)
        ),
        reason="-",
        listed_on=date(2026, 5, 6),
    )
    story = s15(
        "2026-07-16",
        named,
        listed,
        subscribed("SUB-1", types=("dishonesty.sanction-applied",), units=("EDB",)),
        subscribed("SUB-2", types=("dishonesty.serious-list-added",)),
        subscribed("SUB-3", types=("grading.*",), entities=(E_C,)),
        subscribed("SUB-4", types=("credit.publicity-suspended",)),
        subscribed("SUB-5", types=("dishonesty.*",), units=("EMB",)),
        subscribed("SUB-6", types=("dishonesty.*",), entities=(E_B,)),
        subscribed("SUB-7", types=("commitments.*",)),
    )
    story.signed(REVOKED, DEPUTY, HEAD)
    assert told(story) == {"SUB-1", "SUB-2", "SUB-3", "SUB-4"}


def test_REP_V2_whoever_reads_of_the_decision_of_a_record_removes_it() -> None:
    """Its text that was published, or that it was withdrawn; not who reads of cases alone."""
    named: dict[str, Any] = {"decision": "DEC-1", "entity": E_C, "unit": "MRB"}
    day = date(2026, 4, 20)
    published = DecisionPublished(**named, summary="罚款五千元", published_on=day)
    withdrawn = DecisionWithdrawn(
        **named, reason="altered", nullified_on=day, withdrawn_on=day, explanation="变更"
    )
    subscriptions = (
        subscribed("SUB-1", types=("penalties.decision-published",), units=("MRB",)),
        subscribed("SUB-2", types=("penalties.decision-withdrawn",)),
        subscribed("SUB-3", types=("penalties.*",), entities=(E_B,)),
        subscribed("SUB-4", types=("penalties.case-closed",)),
    )
    past = (record(decision="DEC-1"), started(), *subscriptions)
    for events, readers in (
        ((published, withdrawn), {"SUB-1", "SUB-2"}),
        ((published,), {"SUB-1"}),
        ((), set()),
    ):
        story = tale().given(*past, *events).at("2026-07-16T09:00+08:00")
        story.signed(replace(REVOKED, reason="correction"), DEPUTY, HEAD)
        assert told(story) == readers


def test_REP_V2_who_was_told_once_is_not_told_of_what_came_back_afterwards() -> None:
    """The repair was revoked when the subscription had ended; the next end is none of its."""
    story = granted(subscribed("SUB-1"), subscribed("SUB-2"))
    story.given(UnsubscribeFeed(subscription="SUB-1", reason="业务终止"), actor=BANK)
    story.at("2026-09-01T09:00+08:00").given(
        RevokeRepair(repair="REP-1", reason="breach", facts="再犯", evidence=("笔录",))
    )
    story.signed(replace(REVOKED, reason="correction"), DEPUTY, HEAD)
    assert told(story) == {"SUB-2"}


def test_what_ended_before_is_not_removed_twice() -> None:
    """Its longest publicity was over, and then its decision was revoked: one notice."""
    ended = PublicityTerminated(
        record="CR-1",
        entity=E_C,
        unit="MRB",
        reason="max_reached",
        terminated_on=date(2026, 7, 1),
    )
    story = s15("2026-07-16", subscribed("SUB-1"), ended)
    story.signed(REVOKED, DEPUTY, HEAD)
    assert story.outcome is not None
    assert not any(isinstance(r.event, RemovalNotified) for r in story.outcome.events)


def test_what_comes_back_is_shared_again() -> None:
    """And when it ends again, removed again, under another notice."""
    story = granted(subscribed("SUB-1"))
    first = removal_of(story)
    story.at("2026-09-01T09:00+08:00").when(
        RevokeRepair(repair="REP-1", reason="breach", facts="再犯", evidence=("笔录",))
    )
    assert story.outcome is not None
    [shared] = [r.event for r in story.outcome.events if isinstance(r.event, RecordShared)]
    assert (shared.record, shared.subscriptions) == ("CR-1", ("SUB-1",))
    story.given_signed(replace(REVOKED, reason="correction"), DEPUTY, HEAD)
    assert removal_of(story) != first


def test_a_removal_is_acknowledged_once_by_its_subscriber() -> None:
    """On a day between the notice and today."""
    story = granted(subscribed("SUB-1"))
    done = AcknowledgeRemoval(removal=removal_of(story), removed_on=date(2026, 7, 28))
    story.when(done, BANK).raises(Malformed, pointer="/removed_on")
    story.at("2026-07-29T09:00+08:00")
    story.when(replace(done, removed_on=date(2026, 7, 26)), BANK).raises(Malformed)
    story.when(replace(done, removal="RMV-404"), BANK).raises(UnknownReference)
    story.when(done, RAIL).raises(Forbidden)
    story.when(done, BANK).then(
        like(RemovalAcknowledged, record="CR-1", removed_on=date(2026, 7, 28), days_late=0)
    )
    story.when(done, BANK).raises(OutOfStep)


def test_REP_V2_who_does_not_confirm_is_reminded_and_then_noticed() -> None:
    """S15: notified on 07-27, reminded after 07-28, silent after 07-30."""
    story = granted(subscribed("SUB-1"))
    # Another's silence and another's answer change nothing.
    story.amid(
        RemovalAcknowledged(
            removal="RMV-9",
            subscription="SUB-1",
            unit="BANK",
            entity=E_B,
            record="CR-8",
            removed_on=date(2026, 7, 27),
        )
    )
    at = opening(story, RemovalNotified)
    alert = EndDeadline(rule_name="repair.sync_alert_wd", opened_at_position=at)
    late = EndDeadline(rule_name="repair.sync_wd", opened_at_position=at)
    story.at("2026-07-28T23:00+08:00").when(alert, CLOCK).raises(OutOfStep)
    story.at("2026-07-29T01:00+08:00").when(alert, CLOCK).then(
        DeadlineLapsed, like(RemovalReminded, subscription="SUB-1", unit="BANK", record="CR-1")
    )
    story.at("2026-07-30T23:00+08:00").when(late, CLOCK).raises(OutOfStep)
    story.at("2026-07-31T01:00+08:00").when(late, CLOCK).then(
        DeadlineMissed, like(FindingRaised, rule_id="REP-V2", unit="BANK", entity=E_C)
    )
    story.when(AcknowledgeRemoval(removal=removal_of(story), removed_on=date(2026, 7, 31)), BANK)
    story.then(like(RemovalAcknowledged, days_late=1))


def test_REP_V2_is_not_raised_of_who_confirmed_in_time() -> None:
    """Neither reminded nor found wanting."""
    story = granted(subscribed("SUB-1")).at("2026-07-28T09:00+08:00")
    at = opening(story, RemovalNotified)
    story.given(
        AcknowledgeRemoval(removal=removal_of(story), removed_on=date(2026, 7, 28)), actor=BANK
    )
    story.at("2026-08-03T09:00+08:00")
    for rule in ("repair.sync_alert_wd", "repair.sync_wd"):
        end = EndDeadline(rule_name=rule, opened_at_position=at)
        story.when(end, CLOCK).raises(OutOfStep, says="in time")


# Recognition, use, repeated requests


def test_a_partner_may_decline_a_record_that_it_received() -> None:
    """With a reason, once; what is not shared with it, it cannot decline."""
    no = DeclineRecognition(subscription="SUB-1", record="CR-1", reason="口径不一致")
    story = s15("2026-07-16", subscribed("SUB-1"), subscribed("SUB-4", entities=(E_B,)))
    story.when(no, RAIL).raises(Forbidden)
    story.when(replace(no, subscription="SUB-4"), BANK).raises(OutOfStep, says="must be shared")
    story.when(replace(no, record="CR-9"), BANK).raises(OutOfStep, says="must be shared")
    story.when(no, BANK).then(like(RecognitionDeclined, unit="BANK", reason="口径不一致"))
    story.when(no, BANK).raises(OutOfStep, says="already")


USE = ReportRecordUse(
    record="CR-1",
    entity=E_C,
    unit="BANK",
    used_on=date(2026, 7, 28),
    used_for="拒绝贷款申请",
)


def test_SHR_V1_a_repaired_record_is_not_used() -> None:
    """From the day of the repair on; the day before it was right to."""
    story = granted(subscribed("SUB-1")).at("2026-08-03T09:00+08:00")
    story.when(USE, REP_C).then(
        like(RecordUseReported, counted=False),
        like(FindingRaised, rule_id="SHR-V1", unit="BANK", entity=E_C),
    )
    story.when(replace(USE, used_on=date(2026, 7, 26)), REP_C).then(
        like(RecordUseReported, counted=True)
    )
    story.when(replace(USE, used_on=date(2026, 8, 4)), REP_C).raises(Malformed, pointer="/used_on")
    story.when(replace(USE, entity=E_B), REP_C).raises(UnknownReference)
    # The neighbour's record was corrected; this one's use is judged by itself.
    story.when(replace(USE, record="CR-8", entity=E_B), EDB).then(
        RecordUseReported, like(FindingRaised, rule_id="SHR-V1", entity=E_B)
    )


def probes(record: str) -> list[Any]:
    """What a business or a partner may send that names a record."""
    return [
        replace(USE, record=record, entity=E_B),
        replace(ASK, record=record, entity=E_B),
        replace(APPLY, records=(record,), entity=E_B),
        FileObjection(record=record, entity=E_B, grounds="-"),
    ]


def test_CRD_R4_nobody_learns_by_trying_whose_a_record_is() -> None:
    """Another's record, open or not, is answered as one that there is not, word for word."""
    story = s15("2026-07-16", record("CR-10", public=False))
    for name in ("CR-1", "CR-10"):
        for taken, free in zip(probes(name), probes("CR-404"), strict=True):
            story.when(taken, actor("ENTITY", "REP-B", "entity_rep")).raises(UnknownReference)
            found = str(story.error)
            story.when(free, actor("ENTITY", "REP-B", "entity_rep")).raises(UnknownReference)
            assert found == str(story.error).replace("CR-404", name)


ASK = ReportRepeatedRequest(
    record="CR-1",
    entity=E_C,
    unit="EMB",
    asked_on=date(2026, 7, 10),
    asked_for="处罚决定书复印件",
)


def test_SHR_V2_nobody_is_asked_again_for_what_is_shared() -> None:
    """What was not on record that day, or is not shared, may be asked for."""
    story = s15("2026-07-16", record("CR-2", public=False))
    story.when(ASK, REP_C).then(
        like(RepeatedRequestReported, shared=True),
        like(FindingRaised, rule_id="SHR-V2", unit="EMB", entity=E_C),
    )
    story.when(replace(ASK, asked_on=date(2026, 4, 14)), REP_C).then(
        like(RepeatedRequestReported, shared=False)
    )
    story.when(replace(ASK, record="CR-2"), REP_C).then(like(RepeatedRequestReported, shared=False))
    story.when(replace(ASK, asked_on=date(2026, 7, 17)), REP_C).raises(Malformed)
