"""Case-file review (2.9): drawn or complete, scored, put right, reported, and not forgotten."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.kernel import (
    DeadlineMissed,
    Fact,
    Forbidden,
    Malformed,
    OutOfStep,
    UnknownReference,
    civil_moment,
)
from ledger.systems.casefiles.commands import (
    AnnounceReview,
    DrawReviewBatch,
    OpenSelfReview,
    OrderRectification,
    PublishReviewReport,
    RaiseIssue,
    ReviewUnreviewedUnit,
    ScoreCaseFile,
    VerifyRectification,
)
from ledger.systems.casefiles.events import (
    CaseFileScored,
    IssueRaised,
    RectificationOrdered,
    RectificationVerified,
    ReviewAnnounced,
    ReviewBatchDrawn,
    ReviewReportPublished,
    ScoreItem,
    SeedSource,
    Vetoed,
)
from ledger.systems.catalogue.events import EnforcementUnitQualified
from ledger.systems.deadlines.commands import EndDeadline
from ledger.systems.penalties.events import CaseClosed, PenaltyDecided
from ledger.systems.policies.commands import AdoptPolicyVersion, SeedLedger
from ledger.systems.publicity.events import ActDecided
from tests.cast import CLOCK, JB, actor
from tests.gwt import Record, Scenario, like, on
from tests.pasts import filed
from tests.racing import race_through

replace = msgspec.structs.replace

MRB = actor("MRB", "LEGAL-MRB", "unit_legal_office")
EMB = actor("EMB", "LEGAL-EMB", "unit_legal_office")
SOURCE = SeedSource(name="福彩双色球2026070期", publication_at=civil_moment(date(2026, 6, 21), 21))
CASES = tuple(f"CASE-{n:02}" for n in range(1, 11))
ANNOUNCE = AnnounceReview(
    batch="CFR-1",
    unit="MRB",
    year=2026,
    mode="mutual",
    reviewing_unit="EMB",
    cases=CASES,
    sources=(SOURCE,),
)
VALUES = ("08 14 17 22 29 31 05",)
DRAW = DrawReviewBatch(batch="CFR-1", values=VALUES)


def qualified(unit: str, **changed: Any) -> EnforcementUnitQualified:
    """A unit that may enforce."""
    values = {"name": unit, "kind": "organ", "valid_from": date(2020, 1, 1), **changed}
    return EnforcementUnitQualified(unit=unit, **values)


def decided(case: str, unit: str = "MRB", year: int = 2026) -> PenaltyDecided:
    """A penalty, whose case has a file."""
    return PenaltyDecided(
        decision=f"D-{case}",
        entity="91620100MA7LX01051",
        unit=unit,
        case=case,
        doc_no=case,
        decided_on=date(year, 3, 2),
        types=("warning",),
        severity="minor",
        facts="-",
    )


def drawn_by_hand(values: tuple[str, ...], size: int) -> list[str]:
    """UVDRAW-1 as anybody would do it from its text: the smallest tickets."""
    start = f"{'|'.join(values)}|CFR-1|MRB|"
    return sorted(CASES, key=lambda case: sha256(f"{start}{case}".encode()).hexdigest())[:size]


@pytest.fixture
def story() -> Scenario:
    """June 2026; the unit has decided ten cases, another year and another unit have others."""
    return (
        Scenario(InMemoryDCBRecorder(), by=JB)
        .given(SeedLedger(), qualified("MRB"), qualified("EMB"))
        .given(*map(decided, CASES))
        .at("2026-06-15T09:00+08:00")
        .amid(
            decided("CASE-90", year=2025),
            decided("CASE-91", unit="EMB"),
            ReviewBatchDrawn(
                batch="CFR-9",
                unit="EMB",
                year=2026,
                mode="mutual",
                reviewing_unit="MRB",
                cases=("CASE-91",),
            ),
            CaseFileScored(
                casefile="CFR-9:CASE-91",
                batch="CFR-9",
                case="CASE-91",
                unit="EMB",
                mode="mutual",
                reviewer="LEGAL-MRB",
                reviewer_unit="MRB",
                score=40,
                outcome="fail",
            ),
        )
    )


@pytest.fixture
def drawn(story: Scenario) -> Scenario:
    """Three of the ten files are drawn for EMB to read."""
    return story.given(ANNOUNCE).at("2026-06-22T09:00+08:00").given(DRAW)


def score(case: str, points: int, outcome: str, **changed: Any) -> ScoreCaseFile:
    """A score within the batch."""
    return ScoreCaseFile(batch="CFR-1", case=case, score=points, outcome=outcome, **changed)  # type: ignore[arg-type]


#: The first case of the batch's draw.
FIRST = drawn_by_hand(VALUES, 3)[0]


def test_CFR_R2_the_draw_is_anybodys_to_recompute(story: Scenario) -> None:
    """The hash is that of the frozen list, and the sample that of the smallest tickets."""
    lines = ",".join(f'{{"unit":"MRB","uscc":"{case}"}}' for case in CASES)
    shuffled = replace(ANNOUNCE, cases=tuple(reversed(CASES)))
    story.when(shuffled).then(
        like(
            ReviewAnnounced,
            cases=CASES,
            list_hash=sha256(f"[{lines}]".encode()).hexdigest(),
            size=3,
            ratio="0.3",
        )
    )
    story.at("2026-06-22T09:00+08:00")
    expected = drawn_by_hand(VALUES, 3)
    for wrong in (expected[:2], [*expected[:2], "CASE-99"]):
        story.when(replace(DRAW, cases=tuple(wrong))).refused("CFR-R2", batch="CFR-1")
    story.when(replace(DRAW, cases=tuple(reversed(expected)))).then(
        like(ReviewBatchDrawn, cases=expected, values=VALUES, mode="mutual", complete=False)
    )
    story.when(DRAW).raises(OutOfStep, says="drawn already")


def test_CFR_R2_the_values_are_published_after_the_list(story: Scenario) -> None:
    """Neither may the values be known when the list is frozen, nor the draw come before them."""
    story.when(DRAW).refused("CFR-R2", reason="its list of files was not announced")
    known = replace(SOURCE, publication_at=civil_moment(date(2026, 6, 15), 9))
    story.when(replace(ANNOUNCE, sources=(SOURCE, known))).refused("CFR-R2")
    story.given(ANNOUNCE)
    story.at("2026-06-21T20:59+08:00").when(DRAW).refused("CFR-R2", batch="CFR-1")
    story.at("2026-06-21T21:00+08:00")
    story.when(replace(DRAW, values=("1", "2"))).raises(Malformed, pointer="/values")
    story.when(replace(DRAW, values=("1|2",))).raises(Malformed, pointer="/values")
    story.when(DRAW).then(ReviewBatchDrawn)


def test_CFR_R2_the_list_leaves_no_case_out(story: Scenario) -> None:
    """Cases of other years and units are no part of it; acts without a penalty may be added."""
    story.when(replace(ANNOUNCE, cases=CASES[1:])).refused("CFR-R2")
    story.when(replace(ANNOUNCE, cases=(*CASES, "CASE-01"))).raises(Malformed, pointer="/cases")
    licence = ActDecided(
        decision="LICENCE-01",
        unit="MRB",
        kind="licence",
        matter="M-LIC",
        doc_no="1",
        decided_on=date(2026, 3, 2),
    )
    story.given(
        licence,
        replace(licence, decision="LICENCE-02", unit="EMB"),
        replace(licence, decision="LICENCE-03", decided_on=date(2025, 3, 2)),
    )
    # The list is not padded with what nobody can read.
    for other in ("LICENCE-02", "LICENCE-03", "LICENCE-04", "CASE-90", "CASE-91", "D-CASE-01"):
        story.when(replace(ANNOUNCE, cases=(*CASES, other))).refused(
            "CFR-R2", reason=f"1 listed cases are not decisions of MRB in 2026: {other}"
        )
    story.when(replace(ANNOUNCE, cases=(*CASES, "LICENCE-01"))).then(
        like(ReviewAnnounced, size=3, ratio="0.2727")
    )


def closed(case: str, day: str, unit: str = "MRB") -> CaseClosed:
    """A case that is over."""
    return CaseClosed(
        case=case,
        entity="91620100MA7LX01051",
        unit=unit,
        reason="not_established",
        conclusion="-",
        closed_on=date.fromisoformat(day),
    )


def test_CFR_R2_a_case_that_came_to_nothing_is_read_too(story: Scenario) -> None:
    """It belongs to the year in which it was closed; a decided one to that of its decision."""
    story.given(closed("CASE-77", "2026-05-04"))
    story.amid(
        closed("CASE-78", "2025-12-30"),
        closed("CASE-79", "2026-05-04", unit="EMB"),
        # Decided the year before, and carried out in this one.
        closed("CASE-90", "2026-02-02"),
        # Decided in this one, and decided anew since.
        replace(decided("CASE-01"), decision="D-2", decided_on=date(2026, 6, 1)),
        filed("CASE-80", "91620100MA7LX01051", "2026-05-04"),
    )
    story.when(ANNOUNCE).refused(
        "CFR-R2", batch="CFR-1", reason="the list leaves out 1 of the unit's cases: CASE-77"
    )
    story.when(replace(ANNOUNCE, cases=(*CASES, "CASE-77"))).then(like(ReviewAnnounced, size=3))


@pytest.mark.parametrize(
    ("listed", "least"), [(1, 1), (3, 3), (7, 3), (60, 3), (61, 4), (777, 39), (1500, 75)]
)
def test_CFR_R2_the_sample_is_large_enough(listed: int, least: int) -> None:
    """Three files or five in a hundred, whichever is more; the ratio draws exactly so many."""
    story = Scenario(InMemoryDCBRecorder(), by=JB).given(
        SeedLedger(), qualified("MRB"), qualified("EMB")
    )
    story.at("2026-06-15T09:00+08:00")
    cases = tuple(f"C-{n:04}" for n in range(listed))
    story.given(Record(facts=tuple(map(decided, cases))))
    announce = replace(ANNOUNCE, cases=cases)
    if least > 1:
        story.when(replace(announce, size=least - 1)).refused("CFR-R2")
    story.when(replace(announce, size=listed + 1)).raises(Malformed, pointer="/size")
    story.when(announce).then(like(ReviewAnnounced, size=least))
    story.at("2026-06-22T09:00+08:00").when(DRAW)
    assert story.outcome is not None
    (record,) = story.outcome.events
    assert isinstance(record.event, ReviewBatchDrawn)
    assert len(set(record.event.cases)) == least


def test_CFR_R2_a_self_review_may_take_all_files(story: Scenario) -> None:
    """Chosen by hand it may not be; drawn it may."""
    everything = OpenSelfReview(batch="CFR-2", unit="MRB", year=2026, cases=CASES)
    story.when(everything, EMB).raises(Forbidden)
    story.when(replace(everything, cases=CASES[:5]), MRB).refused("CFR-R2", batch="CFR-2")
    story.when(replace(everything, year=2027), MRB).raises(Malformed, pointer="/year")
    story.when(everything, MRB).then(
        like(ReviewBatchDrawn, mode="self", complete=True, cases=CASES, reviewing_unit="MRB")
    )
    own = replace(ANNOUNCE, mode="self", reviewing_unit="MRB")
    story.when(own).raises(Forbidden)
    story.when(replace(own, reviewing_unit="EMB"), MRB).raises(Malformed)
    story.given(own, actor=MRB).at("2026-06-22T09:00+08:00")
    story.when(DRAW, EMB).raises(Forbidden)
    story.when(DRAW, MRB).then(like(ReviewBatchDrawn, mode="self", complete=False))


def test_who_draws_whom(story: Scenario) -> None:
    """Mutual reviews are the bureau's to draw, and what it draws on the spot it reads itself."""
    story.when(ANNOUNCE, MRB).raises(Forbidden)
    story.when(replace(ANNOUNCE, reviewing_unit="NONE")).raises(UnknownReference, says="NONE")
    spot = replace(ANNOUNCE, mode="key_spot")
    story.when(spot).raises(Malformed, pointer="/reviewing_unit")
    story.given(replace(spot, reviewing_unit="JB"))
    story.when(spot).raises(OutOfStep, says="CFR-1")
    story.at("2026-06-22T09:00+08:00").given(DRAW)
    story.when(score(FIRST, 80, "pass"), EMB).raises(Forbidden)
    story.when(score(FIRST, 80, "pass")).then(like(CaseFileScored, reviewer_unit="JB"))


def test_CFR_R1_a_mutual_reviewer_is_of_another_unit(drawn: Scenario) -> None:
    """Not when it is announced, and not when a file is scored; and of no third unit either."""
    drawn.when(replace(ANNOUNCE, batch="CFR-3", reviewing_unit="MRB")).refused("CFR-R1", unit="MRB")
    case = FIRST
    drawn.when(score(case, 80, "pass"), MRB).refused("CFR-R1", reviewer="LEGAL-MRB", unit="MRB")
    drawn.when(score(case, 80, "pass"), actor("EEB", "P", "unit_head")).raises(Forbidden)
    drawn.when(score(case, 80, "pass"), EMB).then(
        like(CaseFileScored, reviewer="LEGAL-EMB", reviewer_unit="EMB", unit="MRB", score=80)
    )


def test_a_file_is_scored_once_and_only_if_drawn(drawn: Scenario) -> None:
    """The file of an announced case that was not drawn is left alone."""
    case, left = FIRST, drawn_by_hand(VALUES, 10)[3]
    drawn.when(score(left, 80, "pass"), EMB).raises(Malformed, pointer="/case")
    drawn.when(replace(score(case, 80, "pass"), batch="CFR-0"), EMB).raises(UnknownReference)
    drawn.given(score(case, 80, "pass"), actor=EMB)
    drawn.when(score(case, 90, "excellent"), EMB).raises(OutOfStep)


@pytest.mark.parametrize("veto", ["subject", "jurisdiction", "facts", "procedure", "law"])
def test_CFR_R3_a_veto_fails_a_file_whatever_its_score(drawn: Scenario, veto: Any) -> None:
    """S20: 92 points with a veto are no pass."""
    case = FIRST
    for outcome in ("pass", "excellent"):
        drawn.when(score(case, 92, outcome, veto=veto), EMB).refused(
            "CFR-R3", case=case, veto=veto, score=92
        )
    drawn.when(score(case, 92, "fail", veto=veto), EMB).then(
        like(CaseFileScored, outcome="fail", veto=veto)
    )


@pytest.mark.parametrize(
    ("points", "outcome"),
    [(0, "fail"), (59, "fail"), (60, "pass"), (89, "pass"), (90, "excellent"), (100, "excellent")],
)
def test_the_outcome_follows_from_the_score(drawn: Scenario, points: int, outcome: str) -> None:
    """casefile.pass and casefile.excellent: from 60 on and from 90 on."""
    case = FIRST
    for wrong in {"fail", "pass", "excellent"} - {outcome}:
        drawn.when(score(case, points, wrong), EMB).raises(Malformed, pointer="/outcome")
    drawn.when(score(case, points, outcome), EMB).then(CaseFileScored)


def test_the_bar_is_the_policys(drawn: Scenario) -> None:
    """A version that the region adopts moves it, from its day on."""
    case = FIRST
    drawn.given(
        AdoptPolicyVersion(
            key="casefile.pass",
            value=70,
            unit="count",
            effective_from=date(2026, 7, 1),
            source={"instrument": "兰新司〔2026〕5号"},  # type: ignore[arg-type]
            confidence="C",
        )
    )
    drawn.at("2026-07-01T09:00+08:00")
    drawn.when(score(case, 65, "pass"), EMB).raises(Malformed, says="pass from 70")
    drawn.when(score(case, 65, "fail"), EMB).then(CaseFileScored)


def test_the_sheet_adds_up(drawn: Scenario) -> None:
    """The points of the items make the score, and none has more than there are."""
    case = FIRST
    items = (ScoreItem(item="主体", points=40, of=40), ScoreItem(item="程序", points=41, of=40))
    drawn.when(score(case, 80, "pass", items=items), EMB).raises(Malformed, pointer="/score")
    drawn.when(score(case, 81, "pass", items=items), EMB).raises(Malformed, pointer="/items")
    good = (items[0], replace(items[1], points=40))
    drawn.when(score(case, 80, "pass", items=good), EMB).then(like(CaseFileScored, score=80))


@pytest.mark.parametrize(("own", "found"), [(95, False), (96, True)])
def test_CFR_V3_a_self_score_far_above_the_mutual_one(
    story: Scenario, own: int, found: bool
) -> None:
    """15 points are allowed, 16 are not; whichever of the two scores comes second."""
    everything = OpenSelfReview(batch="CFR-2", unit="MRB", year=2026, cases=CASES)
    story.given(everything, actor=MRB).given(ANNOUNCE).at("2026-06-22T09:00+08:00").given(DRAW)
    here, there = drawn_by_hand(VALUES, 3)[:2]
    mine = replace(score(here, own, "excellent"), batch="CFR-2")
    expected: list[Any] = [CaseFileScored]
    if found:
        facts = {"self_score": own, "mutual_score": 80, "allowed": 15}
        expected.append(
            lambda record: (
                isinstance(record.event, FindingRaised)
                and record.event.rule_id == "CFR-V3"
                and record.event.unit == "MRB"
                and facts.items() <= record.event.facts.items()
            )
        )
    story.given(mine, actor=MRB)
    story.when(score(here, 80, "pass"), EMB).then(*expected)
    story.given(score(there, 80, "pass"), actor=EMB)
    story.when(replace(mine, case=there), MRB).then(*expected)


def test_CFR_V3_is_about_one_case(story: Scenario) -> None:
    """A low mutual score of another case says nothing about this one."""
    everything = OpenSelfReview(batch="CFR-2", unit="MRB", year=2026, cases=CASES)
    story.given(everything, actor=MRB).given(ANNOUNCE).at("2026-06-22T09:00+08:00").given(DRAW)
    here, there = drawn_by_hand(VALUES, 3)[:2]
    story.given(score(there, 10, "fail"), actor=EMB)
    story.when(replace(score(here, 96, "excellent"), batch="CFR-2"), MRB).then(CaseFileScored)


def test_issues_are_raised_by_who_reads(drawn: Scenario) -> None:
    """The reviewing unit or the bureau, about a file that is scored."""
    case = FIRST
    issue = RaiseIssue(casefile=f"CFR-1:{case}", issue="未告知听证权利", item="程序")
    drawn.when(issue, EMB).raises(UnknownReference)
    drawn.given(score(case, 70, "pass"), actor=EMB)
    drawn.when(issue, MRB).raises(Forbidden)
    drawn.when(issue, EMB).then(like(IssueRaised, unit="MRB", case=case))
    drawn.when(issue).then(IssueRaised)


def test_CFR_V1_a_file_is_put_right_by_the_day_that_was_set(drawn: Scenario) -> None:
    """Once found overdue, it is verified late; the finding is one."""
    case = FIRST
    order = OrderRectification(
        casefile=f"CFR-1:{case}", demands="补正送达回证", due_on=date(2026, 7, 5)
    )
    verify = VerifyRectification(casefile=f"CFR-1:{case}", note="已补正")
    drawn.given(score(case, 70, "pass"), actor=EMB)
    drawn.when(verify).raises(OutOfStep)
    drawn.when(replace(order, due_on=date(2026, 6, 22))).raises(Malformed, pointer="/due_on")
    drawn.when(order).then(RectificationOrdered)
    assert drawn.outcome is not None
    miss = EndDeadline(
        rule_name="casefile.rectification", opened_at_position=drawn.outcome.position
    )
    drawn.when(order).raises(OutOfStep, says="2026-07-05")
    drawn.at("2026-07-05T23:00+08:00").when(miss, CLOCK).raises(OutOfStep)  # a Sunday all the same
    drawn.at("2026-07-06T00:05+08:00").when(miss, CLOCK).then(
        like(DeadlineMissed, due_on=date(2026, 7, 5)),
        like(FindingRaised, rule_id="CFR-V1", unit="MRB"),
    )
    drawn.at("2026-07-08T10:00+08:00").when(verify).then(like(RectificationVerified, days_late=3))
    drawn.when(verify).raises(OutOfStep)
    drawn.when(replace(order, due_on=date(2026, 8, 3))).then(RectificationOrdered)


def test_CFR_V1_is_not_raised_of_what_was_put_right_in_time(drawn: Scenario) -> None:
    """Another file's rectification is none of this one's."""
    here, there = drawn_by_hand(VALUES, 3)[:2]
    drawn.given(score(here, 70, "pass"), score(there, 70, "pass"), actor=EMB)
    opened = {}
    for case in (here, there):
        drawn.when(
            OrderRectification(casefile=f"CFR-1:{case}", demands="-", due_on=date(2026, 7, 6))
        )
        assert drawn.outcome is not None
        opened[case] = EndDeadline(
            rule_name="casefile.rectification", opened_at_position=drawn.outcome.position
        )
    drawn.at("2026-07-06T17:00+08:00").given(
        VerifyRectification(casefile=f"CFR-1:{here}", note="已补正")
    )
    drawn.at("2026-07-07T09:00+08:00")
    drawn.when(opened[here], CLOCK).raises(OutOfStep, says="in time")
    drawn.when(opened[there], CLOCK).then(DeadlineMissed, FindingRaised)


def test_the_report_holds_figures_and_no_file(drawn: Scenario) -> None:
    """Public, once every file is scored; the average exact."""
    one, two, three = drawn_by_hand(VALUES, 3)
    report = PublishReviewReport(batch="CFR-1")
    drawn.given(score(one, 92, "fail", veto="procedure"), score(two, 91, "excellent"), actor=EMB)
    drawn.given(RaiseIssue(casefile=f"CFR-1:{one}", issue="程序违法"), actor=EMB)
    drawn.when(report).raises(OutOfStep, says="drawn")
    drawn.given(score(three, 62, "pass"), actor=EMB)
    drawn.when(report).then(
        ReviewReportPublished(
            batch="CFR-1",
            unit="MRB",
            year=2026,
            mode="mutual",
            files=3,
            excellent=1,
            passed=1,
            failed=1,
            average="81.67",
            issues=1,
            rectified=0,
            published_on=date(2026, 6, 22),
            vetoed=(Vetoed(veto="procedure", files=1),),
        )
    )
    assert drawn.outcome is not None
    (record,) = drawn.outcome.events
    assert record.envelope.visibility == "public"
    assert not [tag for tag in record.event.tags() if tag.startswith(("case:", "casefile:"))]
    drawn.when(report).raises(OutOfStep, says="reported")
    drawn.when(RaiseIssue(casefile=f"CFR-1:{two}", issue="-"), EMB).raises(OutOfStep)


REVIEW = ReviewUnreviewedUnit(unit="MRB")


def test_CFR_V2_a_unit_is_reviewed_within_a_year() -> None:
    """Counted from when the ledger knew it; found once for each year that goes by."""
    story = Scenario(InMemoryDCBRecorder(), by=CLOCK).given(SeedLedger())
    story.at("2026-01-05T09:00+08:00")
    story.when(REVIEW).raises(UnknownReference)
    story.given(qualified("MRB"), qualified("EMB"))
    story.at("2027-01-05T09:00+08:00").when(REVIEW).raises(OutOfStep, says="2027-01-05")
    story.at("2027-01-06T09:00+08:00").when(REVIEW).then(
        like(
            FindingRaised,
            rule_id="CFR-V2",
            unit="MRB",
            facts={"since": "2026-01-05", "last_reviewed_on": None, "months": 12},
        )
    )
    story.when(REVIEW).raises(OutOfStep, says="2028-01-06")
    story.when(replace(REVIEW, unit="EMB")).then(FindingRaised)


def test_CFR_V2_a_review_starts_the_year_anew(drawn: Scenario) -> None:
    """To have reviewed others is no review; a unit that may enforce no more needs none."""
    drawn.given(score(FIRST, 80, "pass"), actor=EMB)
    drawn.at("2027-06-22T09:00+08:00").when(REVIEW, CLOCK).raises(OutOfStep, says="2027-06-22")
    drawn.when(replace(REVIEW, unit="EMB"), CLOCK).then(
        like(FindingRaised, rule_id="CFR-V2", unit="EMB")
    )
    drawn.at("2027-06-23T09:00+08:00").when(REVIEW, CLOCK).then(FindingRaised)
    drawn.given(on("2027-06-23", qualified("OLD", valid_to=date(2028, 1, 1))))
    drawn.at("2028-07-01T09:00+08:00")
    drawn.when(replace(REVIEW, unit="OLD"), CLOCK).raises(OutOfStep, says="not qualified")


def test_two_readers_of_one_file_and_one_score(tmp_path: Path) -> None:
    """Two processes with three scores each for the same file: it is scored once."""
    facts = (
        qualified("MRB"),
        ReviewBatchDrawn(
            batch="CFR-1",
            unit="MRB",
            year=2026,
            mode="mutual",
            reviewing_unit="EMB",
            cases=("CASE-01", "CASE-02"),
        ),
    )
    readers = [actor("EMB", f"P-{n}", "unit_legal_office") for n in range(6)]
    answers = race_through(
        tmp_path / "ledger.db",
        [(score("CASE-01", 60 + n, "pass"), reader) for n, reader in enumerate(readers)],
        moment="2026-06-22T09:00+08:00",
        before=lambda ledger: (
            ledger.execute(SeedLedger(), CLOCK),
            ledger.execute(Record(facts=tuple(map(Fact, facts))), JB),
        ),
    )
    assert sorted(answers) == ["OutOfStep"] * 5 + ["recorded"]
