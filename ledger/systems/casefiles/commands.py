"""Commands of case-file review: announce, draw, score, order corrections, report (2.9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Annotated

import msgspec

from ledger.general.findings import finding
from ledger.general.roles import UNIT, roles
from ledger.general.values import Year
from ledger.general.vocabulary import CaseFileId, CaseId, Name, ReviewBatchId, Text, UnitId
from ledger.kernel import (
    Act,
    DatedAct,
    Event,
    Forbidden,
    Inquiry,
    Malformed,
    Message,
    OutOfStep,
    Report,
    message,
)
from ledger.systems.casefiles import rules
from ledger.systems.casefiles.events import (
    CaseFileScored,
    IssueRaised,
    Mode,
    Outcome,
    Points,
    RectificationOrdered,
    RectificationVerified,
    ReviewAnnounced,
    ReviewBatchDrawn,
    ReviewReportPublished,
    ScoreItem,
    SeedSource,
    Veto,
    Vetoed,
)
from ledger.systems.casefiles.folds import (
    Batch,
    CaseFile,
    CaseScore,
    ReviewStanding,
    ScoresOfCase,
    UnitCases,
    casefile_id,
)
from ledger.systems.catalogue.folds import UnitStanding
from ledger.systems.draws import uvdraw
from ledger.systems.publicity.folds import DecidedAct

#: The most cases of a list, which must fit into one event. A unit with more files in a year
#: splits its list by kind of case.
MAX_CASES = 1_500

#: The longest id of a case file, which is made of the ids of its batch and its case.
MAX_ID = 119

_RATIO_PLACES = 10_000

Cases = Annotated[tuple[CaseId, ...], msgspec.Meta(min_length=1, max_length=MAX_CASES)]
Sources = Annotated[tuple[SeedSource, ...], msgspec.Meta(min_length=1, max_length=10)]


class AnnounceReview(Act):
    """公告案卷抽查: freeze the list of files and announce the sources of the seed (CFR-R2).

    ``cases``: all files of ``unit`` from ``year``. ``size``: the number of files to draw, by
    default the smallest that ``casefile.min_sample`` allows. The unit announces a self-review; the
    Justice Bureau announces all others, and reads the files itself in a key-spot review.
    """

    ROLES = roles("jb_supervisor", "unit_legal_office", "unit_head")
    ANY_UNIT = roles("jb_supervisor")

    batch: ReviewBatchId
    unit: UnitId
    year: Year
    mode: Mode
    reviewing_unit: UnitId
    cases: Cases
    sources: Sources
    size: Annotated[int, msgspec.Meta(ge=1)] | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(Batch(self.batch))
        self._check_reviewer(inquiry)
        _require_all(inquiry, self.batch, self.unit, self.year, self.cases)
        early = [s.name for s in self.sources if s.publication_at <= inquiry.now]
        _require_drawn(
            inquiry,
            not early,
            self.batch,
            message("casefiles.values-published-before-announcement", early=early),
        )
        listed = len(self.cases)
        size = _sample_size(inquiry, self.batch, listed, self.size)
        lines = uvdraw.roster_lines(_entries(self.cases, self.unit))
        yield ReviewAnnounced(
            batch=self.batch,
            unit=self.unit,
            year=self.year,
            mode=self.mode,
            reviewing_unit=self.reviewing_unit,
            cases=tuple(sorted(self.cases)),
            list_hash=uvdraw.roster_hash(uvdraw.roster_bytes(lines)),
            sources=self.sources,
            size=size,
            ratio=_ratio_for(size, listed),
            algorithm=uvdraw.ALGORITHM,
        )

    def _check_reviewer(self, inquiry: Inquiry) -> None:
        inquiry.known(UnitStanding(self.unit), "general.qualify-unit-first")
        if self.mode == "self":
            inquiry.act_for(self.unit)
            if self.reviewing_unit != self.unit:
                raise Malformed(
                    "casefiles.reviewing-unit-self-review-must-be",
                    pointer="/reviewing_unit",
                    unit=self.unit,
                    reviewing_unit=self.reviewing_unit,
                )
            return
        _require_supervisor(inquiry, self.mode)
        if self.mode == "mutual":
            inquiry.require(
                self.reviewing_unit != self.unit,
                rules.CFR_R1,
                reviewer=self.reviewing_unit,
                unit=self.unit,
            )
            inquiry.known(
                UnitStanding(self.reviewing_unit), "casefiles.qualify-reviewing-unit-first"
            )
        elif self.reviewing_unit != inquiry.actor.unit_id:
            raise Malformed(
                "casefiles.reviewing-unit-key-spot-review-must-be-unit-announces",
                pointer="/reviewing_unit",
                unit=inquiry.actor.unit_id,
                reviewing_unit=self.reviewing_unit,
            )


class DrawReviewBatch(Act):
    """抽取评查案卷: draw the announced number of files with the values now published (CFR-R2).

    ``values``: one for each announced source, in that order. ``cases``: the files that the sender
    computed as drawn; they must equal those that the ledger computes.
    """

    ROLES = roles("jb_supervisor", "unit_legal_office", "unit_head")

    batch: ReviewBatchId
    values: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1)]
    cases: tuple[CaseId, ...] | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        batch = inquiry.read(Batch(self.batch))
        announced = batch.announced
        _require_drawn(
            inquiry,
            announced is not None,
            self.batch,
            message("casefiles.list-files-not-announced"),
        )
        assert announced is not None
        if announced.mode == "self":
            inquiry.act_for(announced.unit)
        else:
            _require_supervisor(inquiry, announced.mode)
        if batch.drawn is not None:
            raise OutOfStep("casefiles.review-batch-drawn-already", batch=self.batch)
        if len(self.values) != len(announced.sources):
            raise Malformed(
                "casefiles.values-must-one-value-each-announced",
                pointer="/values",
                sources_count=len(announced.sources),
                values_count=len(self.values),
            )
        waiting = [s.name for s in announced.sources if inquiry.now < s.publication_at]
        _require_drawn(
            inquiry,
            not waiting,
            self.batch,
            message("casefiles.values-not-published-yet", waiting=waiting),
        )
        drawn = drawn_from(announced, self.values)
        _require_drawn(
            inquiry,
            self.cases is None or sorted(self.cases) == sorted(drawn),
            self.batch,
            message("casefiles.list-values-give-not-cases-sent", drawn=sorted(drawn)),
        )
        yield ReviewBatchDrawn(
            batch=self.batch,
            unit=announced.unit,
            year=announced.year,
            mode=announced.mode,
            reviewing_unit=announced.reviewing_unit,
            cases=drawn,
            draw_ref=announced.list_hash,
            values=self.values,
        )


class OpenSelfReview(Act):
    """全面自查自评: open a review by a unit of all its files of a year, without a draw (CFR-R2)."""

    ROLES = roles("unit_legal_office", "unit_head")

    batch: ReviewBatchId
    unit: UnitId
    year: Year
    cases: Cases

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.known(UnitStanding(self.unit), "general.qualify-unit-first")
        inquiry.new(Batch(self.batch))
        _require_all(inquiry, self.batch, self.unit, self.year, self.cases)
        yield ReviewBatchDrawn(
            batch=self.batch,
            unit=self.unit,
            year=self.year,
            mode="self",
            reviewing_unit=self.unit,
            cases=tuple(sorted(self.cases)),
            complete=True,
        )


class ScoreCaseFile(DatedAct):
    """案卷评分: score a file of a batch; a veto fails the file at any score (CFR-R3).

    The points of ``items``, if given, must add up to ``score``.
    """

    # In a mutual review CFR-R1 refuses people of the reviewed unit; ROLES does not.
    ROLES = roles("jb_supervisor", *UNIT)

    batch: ReviewBatchId
    case: CaseId
    score: Points
    outcome: Outcome
    items: Annotated[tuple[ScoreItem, ...], msgspec.Meta(max_length=100)] = ()
    veto: Veto | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        batch = inquiry.known(Batch(self.batch), "casefiles.announce-draw-batch-first")
        drawn = batch.drawn
        if drawn is None:
            raise OutOfStep("casefiles.review-batch-must-be-drawn-before-files", batch=self.batch)
        self._check_reviewer(inquiry, drawn)
        if self.case not in drawn.cases:
            raise Malformed(
                "casefiles.case-must-be-one-those-drawn",
                pointer="/case",
                batch=self.batch,
                case=self.case,
            )
        inquiry.reveal("case", self.case)  # the reviewers of a batch read its files
        if batch.report is not None:
            raise OutOfStep("casefiles.report-published", batch=self.batch)
        name = casefile_id(self.batch, self.case)
        inquiry.new(CaseFile(name))
        self._check_outcome(inquiry)
        yield CaseFileScored(
            casefile=name,
            batch=self.batch,
            case=self.case,
            unit=drawn.unit,
            mode=drawn.mode,
            reviewer=inquiry.actor.person_id,
            reviewer_unit=inquiry.actor.unit_id,
            score=self.score,
            outcome=self.outcome,
            items=self.items,
            veto=self.veto,
        )
        yield from self._gap(inquiry, drawn)

    def _check_reviewer(self, inquiry: Inquiry, drawn: ReviewBatchDrawn) -> None:
        inquiry.require(
            drawn.mode != "mutual" or inquiry.actor.unit_id != drawn.unit,
            rules.CFR_R1,
            reviewer=inquiry.actor.person_id,
            unit=drawn.unit,
        )
        inquiry.act_for(drawn.reviewing_unit)

    def _check_outcome(self, inquiry: Inquiry) -> None:
        passes = int(inquiry.setting("casefile.pass"))
        excels = int(inquiry.setting("casefile.excellent"))
        inquiry.require(
            self.veto is None or self.outcome == "fail",
            rules.CFR_R3,
            case=self.case,
            veto=self.veto,
            score=self.score,
            outcome=self.outcome,
        )
        if self.items and sum(item.points for item in self.items) != self.score:
            raise Malformed(
                "casefiles.points-items-must-add-up-score",
                pointer="/score",
                score=self.score,
                items=sum(item.points for item in self.items),
            )
        over = [item.item for item in self.items if item.points > item.of]
        if over:
            raise Malformed("casefiles.no-item-may-get-more-points", pointer="/items", over=over[0])
        earned: Outcome = "fail" if self.score < passes else "pass"
        if self.score >= excels:
            earned = "excellent"
        if self.veto is None and self.outcome != earned:
            raise Malformed(
                "casefiles.outcome-score-must-be",
                pointer="/outcome",
                score=self.score,
                earned=earned,
                passes=passes,
                excels=excels,
                outcome=self.outcome,
            )

    def _gap(self, inquiry: Inquiry, drawn: ReviewBatchDrawn) -> Iterator[Event]:
        """Yield finding CFR-V3 with the later of the two scores if they differ too much."""
        if drawn.mode == "key_spot":
            return
        known = inquiry.read(ScoresOfCase(self.case))
        other: CaseScore | None = known.mutual if drawn.mode == "self" else known.own
        if other is None:
            return
        own, mutual = self.score, other.score
        if drawn.mode == "mutual":
            own, mutual = mutual, own
        allowed = int(inquiry.setting("casefile.self_gap"))
        if own - mutual > allowed:
            yield finding(
                inquiry,
                rules.CFR_V3,
                unit=drawn.unit,
                evidence=(other.position,),
                case=self.case,
                self_score=own,
                mutual_score=mutual,
                allowed=allowed,
            )


class RaiseIssue(Report):
    """指出案卷问题: report an issue of a scored file, as its reviewer or the Justice Bureau."""

    ROLES = roles("jb_supervisor", *UNIT)

    casefile: CaseFileId
    issue: Text
    item: Name | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        scored = _scored(inquiry, self.casefile)
        if inquiry.actor.role != "jb_supervisor":
            inquiry.act_for(scored.reviewer_unit)
        _require_unreported(inquiry, scored)
        yield IssueRaised(
            casefile=self.casefile,
            batch=scored.batch,
            case=scored.case,
            unit=scored.unit,
            issue=self.issue,
            item=self.item,
        )


class OrderRectification(Act):
    """责令案卷整改: order the unit to correct a file by a day."""

    ROLES = roles("jb_supervisor")

    casefile: CaseFileId
    demands: Text
    due_on: date

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        scored = _scored(inquiry, self.casefile)
        file = inquiry.read(CaseFile(self.casefile))
        if file.stage == "rectifying":
            assert file.ordered is not None
            raise OutOfStep(
                "casefiles.correction-ordered-already",
                casefile=self.casefile,
                due_on=file.ordered.due_on,
            )
        if self.due_on <= inquiry.on:
            raise Malformed(
                "casefiles.due-on-must-be-after",
                pointer="/due_on",
                on=inquiry.on,
                due_on=self.due_on,
            )
        yield RectificationOrdered(
            casefile=self.casefile,
            batch=scored.batch,
            case=scored.case,
            unit=scored.unit,
            demands=self.demands,
            due_on=self.due_on,
        )


class VerifyRectification(Report):
    """核验案卷整改: report that the Justice Bureau saw a file corrected, in time or late."""

    ROLES = roles("jb_supervisor")

    casefile: CaseFileId
    note: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        scored = _scored(inquiry, self.casefile)
        file = inquiry.read(CaseFile(self.casefile))
        if file.stage != "rectifying":
            raise OutOfStep("casefiles.no-correction-open", casefile=self.casefile)
        assert file.ordered is not None
        yield RectificationVerified(
            casefile=self.casefile,
            batch=scored.batch,
            case=scored.case,
            unit=scored.unit,
            note=self.note,
            days_late=inquiry.days_after(file.ordered.due_on),
        )


class PublishReviewReport(Act):
    """发布评查通报: publish the figures of a batch; every file must be scored."""

    ROLES = roles("jb_supervisor")

    batch: ReviewBatchId
    summary: Text | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        batch = inquiry.known(Batch(self.batch), "casefiles.announce-draw-batch-first")
        if batch.stage != "scored":
            raise OutOfStep(
                "casefiles.every-file-must-be-scored-before-report",
                batch=self.batch,
                stage=batch.stage,
            )
        drawn = batch.drawn
        assert drawn is not None
        outcomes = Counter(scored.outcome for scored in batch.scores.values())
        vetoed = Counter(s.veto for s in batch.scores.values() if s.veto is not None)
        total = sum(scored.score for scored in batch.scores.values())
        yield ReviewReportPublished(
            batch=self.batch,
            unit=drawn.unit,
            year=drawn.year,
            mode=drawn.mode,
            files=len(batch.scores),
            excellent=outcomes["excellent"],
            passed=outcomes["pass"],
            failed=outcomes["fail"],
            average=_mean(total, len(batch.scores)),
            issues=batch.issues,
            rectified=batch.rectified,
            published_on=inquiry.on,
            vetoed=tuple(Vetoed(veto=veto, files=n) for veto, n in sorted(vetoed.items())),
            summary=self.summary,
        )


class ReviewUnreviewedUnit(Act):
    """清查未评查单位: find that no file of a unit was reviewed within a year (CFR-V2).

    The time counts from the last review, or else from the day since which the ledger knows that
    the unit enforces the law. The finding is made once for each such period.
    """

    ROLES = roles("jb_supervisor", "ledger_clock")
    ACTS_FOR = ""

    unit: UnitId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        standing = inquiry.known(ReviewStanding(self.unit), "general.qualify-unit-first")
        since = standing.since
        assert since is not None
        if inquiry.read(UnitStanding(self.unit)).qualified(inquiry.on) is None:
            raise OutOfStep(
                "casefiles.not-qualified-need-not-files-reviewed", unit=self.unit, on=inquiry.on
            )
        months = int(inquiry.setting("casefile.review_months"))
        last = inquiry.days().due(since, months, "month", roll=False).on
        if inquiry.on <= last:
            raise OutOfStep("casefiles.last-day-review-file-not-passed", unit=self.unit, last=last)
        yield finding(
            inquiry,
            rules.CFR_V2,
            unit=self.unit,
            since=since.isoformat(),
            last_reviewed_on=_day(standing.reviewed_on),
            months=months,
        )


def drawn_from(announced: ReviewAnnounced, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the cases that UVDRAW-1 draws from an announced list, by rank, or raise Malformed."""
    try:
        (stratum,) = uvdraw.draw(
            _entries(announced.cases, announced.unit),
            announced.batch,
            uvdraw.seed_of(values),
            {announced.unit: announced.ratio},
            by="unit",
        )
    except uvdraw.Unfit as error:
        raise Malformed("general.verbatim", pointer="/values", error=str(error)) from error
    return tuple(picked.uscc for picked in stratum.selected)


def _require_drawn(inquiry: Inquiry, condition: object, batch: str, reason: Message) -> None:
    """Refuse under CFR-R2 with ``reason`` unless ``condition`` holds."""
    inquiry.setting("casefile.min_sample")
    inquiry.require(condition, rules.CFR_R2, batch=batch, reason=reason)


def _entries(cases: tuple[str, ...], unit: str) -> list[uvdraw.Entry]:
    return [{"uscc": case, "unit": unit} for case in cases]


def _require_all(
    inquiry: Inquiry, batch: str, unit: str, year: int, cases: tuple[str, ...]
) -> None:
    """Check that the list holds the unit's files of the year.

    It must have all cases of the year. The other entries must be decisions of the unit in that
    year that are not penalties, under their own ids.
    """
    twice = [case for case, n in Counter(cases).items() if n > 1]
    if twice:
        raise Malformed(
            "casefiles.cases-must-list-each-case-once", pointer="/cases", twice=twice[0]
        )
    if year > inquiry.on.year:
        raise Malformed(
            "casefiles.year-must-not-after", pointer="/year", year=inquiry.on.year, given_year=year
        )
    long = [case for case in cases if len(casefile_id(batch, case)) > MAX_ID]
    if long:
        raise Malformed(
            "casefiles.id-case-file-made-batch-case", max=MAX_ID, batch=batch, long=long[0]
        )
    known = set(inquiry.read(UnitCases(unit, year)).cases)
    missing = sorted(known - set(cases))
    _require_drawn(
        inquiry,
        not missing,
        batch,
        message(
            "casefiles.list-leaves-out-unit-cases", missing_count=len(missing), missing=missing[:5]
        ),
    )
    others = [inquiry.read(DecidedAct(case)) for case in sorted(set(cases) - known)]
    invented = [
        act.decision
        for act in others
        if act.unit != unit or act.decided_on is None or act.decided_on.year != year
    ]
    _require_drawn(
        inquiry,
        not invented,
        batch,
        message(
            "casefiles.listed-cases-not-decisions",
            invented_count=len(invented),
            unit=unit,
            year=year,
            invented=invented[:5],
        ),
    )


def _sample_size(inquiry: Inquiry, batch: str, listed: int, wanted: int | None) -> int:
    policy = inquiry.setting("casefile.min_sample")
    share = (listed * Decimal(policy["ratio"])).to_integral_value(rounding=ROUND_CEILING)
    least = min(listed, max(int(policy["cases"]), int(share)))
    size = wanted or least
    if size > listed:
        raise Malformed(
            "casefiles.size-must-be-most-files-listed", pointer="/size", listed=listed, size=size
        )
    _require_drawn(
        inquiry,
        size >= least,
        batch,
        message("casefiles.least-files-must-be-drawn-size", least=least, listed=listed, size=size),
    )
    return size


def _ratio_for(size: int, listed: int) -> str:
    """Return a ratio of four decimals for which ``ceil(listed × ratio)`` equals ``size``.

    Rounding down loses less than one file, because fewer than 10,000 are listed; the ceiling adds
    it again.
    """
    assert listed < _RATIO_PLACES
    return str(Decimal(size * _RATIO_PLACES // listed) / _RATIO_PLACES)


def _mean(total: int, count: int) -> str:
    mean = Fraction(total, count)
    exact = Decimal(mean.numerator) / Decimal(mean.denominator)
    return str(exact.quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN))


def _require_supervisor(inquiry: Inquiry, mode: str) -> None:
    if inquiry.actor.role != "jb_supervisor":
        raise Forbidden(
            "casefiles.only-justice-bureau-announces-draws-review",
            mode=mode,
            role=inquiry.actor.role,
        )


def _scored(inquiry: Inquiry, casefile: str) -> CaseFileScored:
    scored = inquiry.known(CaseFile(casefile), "casefiles.score-file-first").scored
    assert scored is not None
    return scored


def _require_unreported(inquiry: Inquiry, scored: CaseFileScored) -> None:
    if inquiry.read(Batch(scored.batch)).report is not None:
        raise OutOfStep("casefiles.report-published-number-issues", batch=scored.batch)


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
