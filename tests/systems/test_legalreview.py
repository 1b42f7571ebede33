"""Legal review (2.8): who reviews what, what a decision needs, and what is noticed."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.kernel import DeadlineMissed, Forbidden, Malformed, OutOfStep, civil_moment
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.legalreview.commands import (
    ConcludeLegalReview,
    ExtendLegalReview,
    OverrideReviewOpinion,
    PublishMajorDecisionList,
    RegisterReviewer,
    RequestLegalReview,
    RetireReviewer,
)
from ledger.systems.legalreview.events import (
    LegalReviewConcluded,
    LegalReviewExtended,
    LegalReviewRequested,
    MajorDecision,
    MajorDecisionListPublished,
    ReviewerRegistered,
    ReviewerRetired,
    ReviewOpinionOverridden,
)
from ledger.systems.penalties.commands import DecidePenalty, HoldCollectiveDiscussion
from ledger.systems.penalties.events import HearingHeld, PenaltyDecided
from ledger.systems.policies.commands import SeedLedger
from tests.cast import E_B, E_C, EMB, OFFICER, actor
from tests.gwt import Scenario, like
from tests.pasts import certified, decidable, filed

replace = msgspec.structs.replace

JB = actor("JB", "JB-001", "jb_supervisor")
OFFICE = actor("MRB", "OFFICE-MRB", "office_head")
LEGAL = actor("MRB", "LEGAL-MRB", "unit_legal_office")

DECIDE = DecidePenalty(
    decision="DEC-1",
    entity=E_C,
    unit="MRB",
    case="CASE-1",
    doc_no="1号",
    types=("fine",),
    severity="general",
    facts="-",
    fine_fen=500_000,
)
REQUEST = RequestLegalReview(
    case="CASE-1",
    triggers=("complex",),
    draft_ref="草案 1",
    types=("fine",),
    fine_fen=500_000,
)
APPROVE = ConcludeLegalReview(case="CASE-1", opinion="approve")
RETURN = replace(APPROVE, opinion="return", issues=("证据不足",))
OVERRIDE = OverrideReviewOpinion(case="CASE-1", minutes_ref="纪要 1", reason="不同意审核意见")
REGISTER = RegisterReviewer(officer="LEGAL-MRB", unit="MRB", qualification_no="A2026")
HEARING = HearingHeld(
    case="CASE-1",
    entity=E_C,
    unit="MRB",
    notice=1,
    held_on=date(2026, 6, 16),
    host="LEGAL-MRB",
    outcome="heard",
)


@pytest.fixture
def story() -> Scenario:
    """A case that may be decided; another one of the unit is in review, with a hearing held."""
    requested = LegalReviewRequested(
        case="CASE-9",
        unit="MRB",
        review=1,
        triggers=("complex",),
        draft_ref="草案 9",
        types=("fine",),
        fine_fen=1,
        requested_by="OFFICE-MRB",
    )
    return (
        Scenario(InMemoryDCBRecorder())
        .given(SeedLedger())
        .at("2026-06-16T09:00+08:00")
        .given(*certified("OFF-001", "OFF-002"))
        .given(REGISTER, actor=JB)
        .given(*decidable(filed("CASE-1", E_C, "2026-06-16"), ("fine",)))
        .amid(
            filed("CASE-9", E_B, "2026-06-16"),
            requested,
            replace(HEARING, case="CASE-9", entity=E_B),
        )
    )


def test_LRV_R1_a_hearing_makes_a_review_due(story: Scenario) -> None:
    """Without one nothing is due; after one nothing but an approval will do."""
    story.given(HEARING).when(DECIDE).refused(
        "LRV-R1", triggers="major_rights_after_hearing", reason="no review was requested"
    )
    story.given(REQUEST, actor=OFFICE).when(DECIDE).refused(
        "LRV-R1", reason="review 1 is not concluded"
    )
    story.when(RETURN, LEGAL).then(like(LegalReviewConcluded, opinion="return"))
    story.when(DECIDE).refused("LRV-R1", reason="the opinion of review 1 is return")
    story.given(REQUEST, actor=OFFICE).given(replace(RETURN, opinion="oppose"), actor=LEGAL)
    story.when(DECIDE).refused("LRV-R1", reason="the opinion of review 2 is oppose")
    story.given(REQUEST, actor=OFFICE).given(APPROVE, actor=LEGAL).when(DECIDE).then(PenaltyDecided)


def test_LRV_R1_whoever_asks_for_a_review_waits_for_it(story: Scenario) -> None:
    """A review that was asked for because the case is complex is waited for; else none is due."""
    story.given(REQUEST, actor=OFFICE).when(DECIDE).refused("LRV-R1", triggers="complex")
    other = filed("CASE-2", E_C, "2026-06-16")
    story.given(*decidable(other, ("fine",)))
    story.when(replace(DECIDE, case="CASE-2", decision="DEC-2")).then(PenaltyDecided)


def test_LRV_R1_the_decision_is_the_draft_approved(story: Scenario) -> None:
    """Not a heavier one, nor one made before the opinion was given."""
    lighter = replace(REQUEST, fine_fen=400_000)
    story.given(lighter, actor=OFFICE).given(APPROVE, actor=LEGAL)
    story.when(DECIDE).refused("LRV-R1")
    story.when(replace(DECIDE, fine_fen=400_000)).then(PenaltyDecided)


def test_LRV_R1_the_opinion_comes_before_the_decision(story: Scenario) -> None:
    """A decision dated before the opinion is one without it."""
    story.given(REQUEST, actor=OFFICE).at("2026-06-17T09:00+08:00").given(APPROVE, actor=LEGAL)
    backdated = replace(DECIDE, occurred_at=civil_moment(date(2026, 6, 16), 10))
    story.when(backdated).refused("LRV-R1", reason="review 1 was concluded only on 2026-06-17")


@pytest.mark.parametrize(
    ("line", "due"),
    [
        (MajorDecision(line="1", description="全部"), True),
        (MajorDecision(line="1", description="-", types=("fine",), fine_from_fen=500_000), True),
        (MajorDecision(line="1", description="-", fine_from_fen=500_001), False),
        (MajorDecision(line="1", description="-", types=("closure_order",)), False),
        (MajorDecision(line="1", description="-", violation_codes=("FS-034",)), True),
        (MajorDecision(line="1", description="-", violation_codes=("FS-035",)), False),
    ],
)
def test_LRV_R1_the_units_own_list(story: Scenario, line: MajorDecision, *, due: bool) -> None:
    """What the unit has published as major is reviewed too, and only that."""
    publish = PublishMajorDecisionList(unit="MRB", lines=(line,))
    story.given(
        replace(publish, unit="EMB", lines=(MajorDecision(line="1", description="全部"),)),
        actor=EMB,
    )
    story.when(publish, EMB).raises(Forbidden)
    story.when(replace(publish, effective_from=date(2026, 6, 15))).raises(Malformed)
    story.when(publish).then(like(MajorDecisionListPublished, version=1))
    story.when(DECIDE)
    if due:
        story.refused("LRV-R1", triggers="unit_list")
    else:
        story.then(PenaltyDecided)


def test_LRV_R2_nobody_reviews_what_he_handles(story: Scenario) -> None:
    """Neither who investigates nor who submitted the draft, qualified or not."""
    for officer in ("OFF-001", "OFFICE-MRB"):
        story.given(replace(REGISTER, officer=officer), actor=JB)
    story.given(REQUEST, actor=OFFICE)
    for who, reason in ((OFFICER, "handles the case"), (OFFICE, "submitted the draft")):
        for person in (who.person_id, who.person_id.lower()):
            same = actor("MRB", person, who.role)
            story.when(APPROVE, same).refused("LRV-R2", reviewer=person, reason=reason)
    story.when(APPROVE, EMB).raises(Forbidden)


def test_LRV_R2_a_first_time_reviewer_is_qualified(story: Scenario) -> None:
    """Without the qualification only who reviewed before, as the register or the ledger shows."""
    story.given(REQUEST, actor=OFFICE)
    new = actor("MRB", "LEGAL-2", "unit_legal_office")
    story.when(APPROVE, new).refused("LRV-R2", reason="is not registered as a reviewer of MRB")
    register = replace(REGISTER, officer="LEGAL-2", qualification_no=None)
    story.given(register, actor=JB)
    story.when(APPROVE, new).refused(
        "LRV-R2", reason="reviews for the first time and has no legal professional qualification"
    )
    long_since = replace(register, reviewing_since=date(2015, 3, 1))
    story.when(long_since, JB).raises(Malformed, pointer="/evidence_ref")
    story.when(replace(long_since, evidence_ref="任命文件"), JB).then(ReviewerRegistered)
    story.when(APPROVE, new).then(like(LegalReviewConcluded, reviewer="LEGAL-2", review=1))
    # Registered for one unit, nobody reviews for another.
    story.given(RetireReviewer(officer="LEGAL-2", unit="MRB", reason="调离"), actor=JB)
    story.given(REQUEST, actor=OFFICE).when(APPROVE, new).refused("LRV-R2")


def test_LRV_R3_a_grave_penalty_is_discussed(story: Scenario) -> None:
    """Above 100,000 yuan for an organisation and 10,000 for a citizen, with minutes."""
    big = filed("CASE-2", E_C, "2026-06-16")
    small = filed("CASE-3", E_B, "2026-06-16", party="citizen")
    story.given(*decidable(big, ("fine",), 20_000_000), *decidable(small, ("fine",), 1_000_001))
    decide = replace(DECIDE, case="CASE-2", fine_fen=10_000_001)
    story.when(decide).refused("LRV-R3", threshold_fen=10_000_000)
    citizen = replace(DECIDE, case="CASE-3", decision="DEC-3", entity=E_B, fine_fen=1_000_001)
    story.when(citizen).refused("LRV-R3", threshold_fen=1_000_000)
    discuss = HoldCollectiveDiscussion(
        case="CASE-2",
        participants=("MRB-HEAD", "OFFICE-MRB"),
        minutes_ref="纪要",
        conclusion="同意",
    )
    story.when(replace(discuss, participants=("MRB-HEAD", "MRB-HEAD"))).raises(Malformed)
    story.given(discuss).when(citizen).refused("LRV-R3")
    story.when(decide).then(PenaltyDecided)
    story.when(replace(citizen, fine_fen=1_000_000)).then(PenaltyDecided)


def test_LRV_V1_too_few_reviewers(story: Scenario) -> None:
    """Fewer than 5 % of those who may enforce; found once a year, at a request or a retirement."""
    story.given(*certified(*(f"OFF-1{n:02}" for n in range(18))))
    # One for twenty officers is just enough.
    story.when(REQUEST, OFFICE).then(LegalReviewRequested)
    story.given(*certified("OFF-200")).given(APPROVE, actor=LEGAL)
    story.when(REQUEST, OFFICE).then(
        LegalReviewRequested,
        like(
            FindingRaised,
            rule_id="LRV-V1",
            unit="MRB",
            facts={"officers": 21, "reviewers": 1, "share": "0.05"},
        ),
    )
    retire = RetireReviewer(officer="LEGAL-MRB", unit="MRB", reason="退休")
    story.when(retire, EMB).raises(Forbidden)
    story.when(retire).then(ReviewerRetired)
    story.when(retire).raises(OutOfStep)


def test_LRV_V1_when_the_last_reviewer_leaves(story: Scenario) -> None:
    """Whoever leaves counts no more in that very moment."""
    story.when(RetireReviewer(officer="LEGAL-MRB", unit="MRB", reason="退休"), JB).then(
        ReviewerRetired, like(FindingRaised, rule_id="LRV-V1")
    )


def test_LRV_V2_an_opinion_overridden(story: Scenario) -> None:
    """It is recorded and noticed, and is no approval."""
    story.when(OVERRIDE).raises(OutOfStep, says="must have a review opinion")
    story.given(REQUEST, actor=OFFICE).given(RETURN, actor=LEGAL)
    story.when(OVERRIDE).then(
        like(ReviewOpinionOverridden, opinion="return"),
        like(FindingRaised, rule_id="LRV-V2", unit="MRB", entity=E_C),
    )
    story.when(OVERRIDE).raises(OutOfStep, says="2026-06-16")
    story.when(DECIDE).refused("LRV-R1")
    story.given(REQUEST, actor=OFFICE).given(APPROVE, actor=LEGAL)
    story.when(OVERRIDE).raises(OutOfStep, says="approves")


def test_LRV_V3_a_review_after_the_decision(story: Scenario) -> None:
    """Recorded as what it is; on the day of the decision it is none."""
    story.given(DECIDE).given(REQUEST, actor=OFFICE).at("2026-06-17T09:00+08:00")
    story.when(APPROVE, LEGAL).then(
        LegalReviewConcluded,
        like(
            FindingRaised,
            rule_id="LRV-V3",
            unit="MRB",
            entity=E_C,
            facts={
                "case": "CASE-1",
                "decision": "DEC-1",
                "decided_on": "2026-06-16",
                "concluded_on": "2026-06-17",
            },
        ),
    )


def test_legal_review_wd_with_one_extension(story: Scenario) -> None:
    """Five working days to 06-24 (06-19 is a holiday), five more to 07-01."""
    story.when(REQUEST, OFFICE)
    assert story.outcome is not None
    opened = story.outcome.position
    story.when(REQUEST, OFFICE).raises(OutOfStep, says="must be concluded")
    extend = ExtendLegalReview(case="CASE-1", reason="需要专家论证")
    story.at("2026-06-24T09:00+08:00").when(extend, LEGAL).then(
        like(LegalReviewExtended, first_due_on="2026-06-24")
    )
    assert story.outcome is not None
    extended = story.outcome.position
    story.when(extend, LEGAL).raises(OutOfStep, says="extended only once")
    story.at("2026-06-25T09:00+08:00").when(
        EndDeadline(rule_name="legal_review_wd", opened_at_position=opened)
    ).raises(OutOfStep, says="in time")
    story.at("2026-07-02T09:00+08:00").when(
        EndDeadline(rule_name="legal_review_extend_wd", opened_at_position=extended)
    ).then(like(DeadlineMissed, due_on="2026-07-01"))
    story.when(APPROVE, LEGAL).then(like(LegalReviewConcluded, days_late=1))
    story.when(APPROVE, LEGAL).raises(OutOfStep, says="does not have a pending review")


def test_legal_review_wd_missed(story: Scenario) -> None:
    """A late review is not extended any more; its opinion says how late it is."""
    story.when(REQUEST, OFFICE)
    assert story.outcome is not None
    opened = story.outcome.position
    story.at("2026-06-25T09:00+08:00").when(
        EndDeadline(rule_name="legal_review_wd", opened_at_position=opened)
    ).then(like(DeadlineMissed, due_on="2026-06-24"))
    story.when(ExtendLegalReview(case="CASE-1", reason="-"), LEGAL).raises(OutOfStep)
    story.when(replace(RETURN, issues=()), LEGAL).raises(Malformed, pointer="/issues")
    story.when(RETURN, LEGAL).then(like(LegalReviewConcluded, days_late=1))
