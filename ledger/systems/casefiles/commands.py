"""Commands of case-file review: announce, draw, score, have put right, report (2.9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Annotated

import msgspec

from ledger.general.roles import UNIT, roles
from ledger.general.vocabulary import CaseFileId, CaseId, Name, ReviewBatchId, Text, UnitId
from ledger.kernel import Act, DatedAct, Event, Forbidden, Malformed, OutOfStep, Reading, Report
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
    Year,
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
from ledger.systems.supervision.findings import finding

#: A list fits into one event; a unit with more files in a year splits it by kind of case.
MAX_CASES = 1_500

#: Batch and case make one id between them.
MAX_ID = 119

_RATIO_PLACES = 10_000

Cases = Annotated[tuple[CaseId, ...], msgspec.Meta(min_length=1, max_length=MAX_CASES)]
Sources = Annotated[tuple[SeedSource, ...], msgspec.Meta(min_length=1, max_length=10)]


class AnnounceReview(Act):
    """公告案卷抽查: freeze the list of files and say which values will decide the draw (CFR-R2).

    ``cases``: all files that ``unit`` has of ``year``. ``size``: how many are drawn, by default as
    few as ``casefile.min_sample`` allows. A self-review is announced by the unit, the others by the
    Justice Bureau, which reads the files itself in a key-spot review.
    """

    ROLES = roles("jb_supervisor", "unit_legal_office", "unit_head")
    ACTS_FOR = "unit"
    ANY_UNIT = roles("jb_supervisor")

    batch: ReviewBatchId
    unit: UnitId
    year: Year
    mode: Mode
    reviewing_unit: UnitId
    cases: Cases
    sources: Sources
    size: Annotated[int, msgspec.Meta(ge=1)] | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.new(Batch(self.batch))
        self._check_reviewer(ledger)
        _require_all(ledger, self.batch, self.unit, self.year, self.cases)
        early = [s.name for s in self.sources if s.publication_at <= ledger.now]
        _require_drawn(
            ledger,
            not early,
            self.batch,
            f"the values of {', '.join(early)} are published already",
        )
        listed = len(self.cases)
        size = _sample_size(ledger, self.batch, listed, self.size)
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

    def _check_reviewer(self, ledger: Reading) -> None:
        ledger.known(UnitStanding(self.unit), "Qualify the unit first.")
        if self.mode == "self":
            ledger.act_for(self.unit)
            if self.reviewing_unit != self.unit:
                raise Malformed("a unit reviews its own files itself", "/reviewing_unit")
            return
        _require_supervisor(ledger, self.mode)
        if self.mode == "mutual":
            ledger.require(
                self.reviewing_unit != self.unit,
                rules.CFR_R1,
                reviewer=self.reviewing_unit,
                unit=self.unit,
            )
            ledger.known(UnitStanding(self.reviewing_unit), "Qualify the reviewing unit first.")
        elif self.reviewing_unit != ledger.actor.unit_id:
            raise Malformed("files drawn on the spot are read by who draws", "/reviewing_unit")


class DrawReviewBatch(Act):
    """抽取评查案卷: draw the announced number of files from the values now published (CFR-R2).

    ``values`` in the order of the announced sources. ``cases``: what the sender found drawn, to be
    compared with what the ledger computes.
    """

    ROLES = roles("jb_supervisor", "unit_legal_office", "unit_head")

    batch: ReviewBatchId
    values: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1)]
    cases: tuple[CaseId, ...] | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        batch = ledger.read(Batch(self.batch))
        announced = batch.announced
        _require_drawn(
            ledger,
            announced is not None,
            self.batch,
            "no list of files was announced before",
        )
        assert announced is not None
        if announced.mode == "self":
            ledger.act_for(announced.unit)
        else:
            _require_supervisor(ledger, announced.mode)
        if batch.drawn is not None:
            raise OutOfStep(f"{self.batch} is drawn already")
        if len(self.values) != len(announced.sources):
            raise Malformed(f"{len(announced.sources)} sources were announced", "/values")
        waiting = [s.name for s in announced.sources if ledger.now < s.publication_at]
        _require_drawn(
            ledger,
            not waiting,
            self.batch,
            f"the values of {', '.join(waiting)} are not published yet",
        )
        drawn = drawn_from(announced, self.values)
        _require_drawn(
            ledger,
            self.cases is None or sorted(self.cases) == sorted(drawn),
            self.batch,
            f"list and values draw {', '.join(sorted(drawn))}",
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
    """全面自查自评: a unit reviews all its files of a year; nothing has to be drawn (CFR-R2)."""

    ROLES = roles("unit_legal_office", "unit_head")
    ACTS_FOR = "unit"

    batch: ReviewBatchId
    unit: UnitId
    year: Year
    cases: Cases

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.known(UnitStanding(self.unit), "Qualify the unit first.")
        ledger.new(Batch(self.batch))
        _require_all(ledger, self.batch, self.unit, self.year, self.cases)
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
    """案卷评分: score one file of a batch; any veto fails it (CFR-R3).

    The points of ``items``, if any are given, add up to ``score``.
    """

    # CFR-R1 and not ROLES refuses the reviewed unit's own people in a mutual review.
    ROLES = roles("jb_supervisor", *UNIT)

    batch: ReviewBatchId
    case: CaseId
    score: Points
    outcome: Outcome
    items: Annotated[tuple[ScoreItem, ...], msgspec.Meta(max_length=100)] = ()
    veto: Veto | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        batch = ledger.known(Batch(self.batch), "Announce and draw the batch first.")
        drawn = batch.drawn
        if drawn is None:
            raise OutOfStep(f"{self.batch} is not drawn yet")
        self._check_reviewer(ledger, drawn)
        if self.case not in drawn.cases:
            raise Malformed(f"{self.case} is no file of {self.batch}", "/case")
        ledger.reveal("case", self.case)  # whoever reviews a batch reads its files
        if batch.report is not None:
            raise OutOfStep(f"the report on {self.batch} is published")
        name = casefile_id(self.batch, self.case)
        ledger.new(CaseFile(name))
        self._check_outcome(ledger)
        yield CaseFileScored(
            casefile=name,
            batch=self.batch,
            case=self.case,
            unit=drawn.unit,
            mode=drawn.mode,
            reviewer=ledger.actor.person_id,
            reviewer_unit=ledger.actor.unit_id,
            score=self.score,
            outcome=self.outcome,
            items=self.items,
            veto=self.veto,
        )
        yield from self._gap(ledger, drawn)

    def _check_reviewer(self, ledger: Reading, drawn: ReviewBatchDrawn) -> None:
        ledger.require(
            drawn.mode != "mutual" or ledger.actor.unit_id != drawn.unit,
            rules.CFR_R1,
            reviewer=ledger.actor.person_id,
            unit=drawn.unit,
        )
        ledger.act_for(drawn.reviewing_unit)

    def _check_outcome(self, ledger: Reading) -> None:
        passes = int(ledger.setting("casefile.pass"))
        excels = int(ledger.setting("casefile.excellent"))
        ledger.require(
            self.veto is None or self.outcome == "fail",
            rules.CFR_R3,
            case=self.case,
            veto=self.veto,
            score=self.score,
            outcome=self.outcome,
        )
        if self.items and sum(item.points for item in self.items) != self.score:
            raise Malformed("the points of the items do not add up to the score", "/score")
        over = [item.item for item in self.items if item.points > item.of]
        if over:
            raise Malformed(f"more points than there are for {over[0]}", "/items")
        earned: Outcome = "fail" if self.score < passes else "pass"
        if self.score >= excels:
            earned = "excellent"
        if self.veto is None and self.outcome != earned:
            raise Malformed(
                f"a score of {self.score} is {earned}: a file passes with {passes} and is "
                f"excellent with {excels}",
                "/outcome",
            )

    def _gap(self, ledger: Reading, drawn: ReviewBatchDrawn) -> Iterator[Event]:
        """CFR-V3, seen by whichever of the two scores comes second."""
        if drawn.mode == "key_spot":
            return
        known = ledger.read(ScoresOfCase(self.case))
        other: CaseScore | None = known.mutual if drawn.mode == "self" else known.own
        if other is None:
            return
        own, mutual = self.score, other.score
        if drawn.mode == "mutual":
            own, mutual = mutual, own
        allowed = int(ledger.setting("casefile.self_gap"))
        if own - mutual > allowed:
            yield finding(
                ledger,
                rules.CFR_V3,
                unit=drawn.unit,
                evidence=(other.position,),
                case=self.case,
                self_score=own,
                mutual_score=mutual,
                allowed=allowed,
            )


class RaiseIssue(Report):
    """指出案卷问题: say what is wrong with a scored file; by who reads the batch, or the bureau."""

    ROLES = roles("jb_supervisor", *UNIT)

    casefile: CaseFileId
    issue: Text
    item: Name | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        scored = _scored(ledger, self.casefile)
        if ledger.actor.role != "jb_supervisor":
            ledger.act_for(scored.reviewer_unit)
        _require_unreported(ledger, scored)
        yield IssueRaised(
            casefile=self.casefile,
            batch=scored.batch,
            case=scored.case,
            unit=scored.unit,
            issue=self.issue,
            item=self.item,
        )


class OrderRectification(Act):
    """责令案卷整改: have the unit put a file right by a day."""

    ROLES = roles("jb_supervisor")

    casefile: CaseFileId
    demands: Text
    due_on: date

    def decide(self, ledger: Reading) -> Iterator[Event]:
        scored = _scored(ledger, self.casefile)
        file = ledger.read(CaseFile(self.casefile))
        if file.stage == "rectifying":
            assert file.ordered is not None
            raise OutOfStep(f"{self.casefile} is to be put right by {file.ordered.due_on} already")
        if self.due_on <= ledger.on:
            raise Malformed("the day set has to lie ahead", "/due_on")
        yield RectificationOrdered(
            casefile=self.casefile,
            batch=scored.batch,
            case=scored.case,
            unit=scored.unit,
            demands=self.demands,
            due_on=self.due_on,
        )


class VerifyRectification(Report):
    """核验案卷整改: the bureau has seen that a file is put right, however late."""

    ROLES = roles("jb_supervisor")

    casefile: CaseFileId
    note: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        scored = _scored(ledger, self.casefile)
        file = ledger.read(CaseFile(self.casefile))
        if file.stage != "rectifying":
            raise OutOfStep(f"nothing is ordered to be put right in {self.casefile}")
        assert file.ordered is not None
        yield RectificationVerified(
            casefile=self.casefile,
            batch=scored.batch,
            case=scored.case,
            unit=scored.unit,
            note=self.note,
            days_late=ledger.days_after(file.ordered.due_on),
        )


class PublishReviewReport(Act):
    """发布评查通报: put the figures of a batch before the public, once every file is scored."""

    ROLES = roles("jb_supervisor")

    batch: ReviewBatchId
    summary: Text | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        batch = ledger.known(Batch(self.batch), "Announce and draw the batch first.")
        if batch.stage != "scored":
            raise OutOfStep(f"{self.batch} is {batch.stage}; a report needs every file scored")
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
            published_on=ledger.on,
            vetoed=tuple(Vetoed(veto=veto, files=n) for veto, n in sorted(vetoed.items())),
            summary=self.summary,
        )


class ReviewUnreviewedUnit(Act):
    """清查未评查单位: say that no file of a unit was reviewed for a year (CFR-V2).

    Counted from the last review, or from when the ledger has known the unit to enforce; once for
    each time that so long has passed.
    """

    ROLES = roles("jb_supervisor", "ledger_clock")

    unit: UnitId

    def decide(self, ledger: Reading) -> Iterator[Event]:
        standing = ledger.known(ReviewStanding(self.unit), "Qualify the unit first.")
        since = standing.since
        assert since is not None
        if ledger.read(UnitStanding(self.unit)).qualified(ledger.on) is None:
            raise OutOfStep(f"{self.unit} is not qualified on {ledger.on}; it decides no cases")
        months = int(ledger.setting("casefile.review_months"))
        last = ledger.days().due(since, months, "month", roll=False).on
        if ledger.on <= last:
            raise OutOfStep(f"a file of {self.unit} is to be reviewed by {last}")
        yield finding(
            ledger,
            rules.CFR_V2,
            unit=self.unit,
            since=since.isoformat(),
            last_reviewed_on=_day(standing.reviewed_on),
            months=months,
        )


def drawn_from(announced: ReviewAnnounced, values: tuple[str, ...]) -> tuple[str, ...]:
    """The cases that UVDRAW-1 draws from an announced list, by rank. Raises ``Malformed``."""
    try:
        (stratum,) = uvdraw.draw(
            _entries(announced.cases, announced.unit),
            announced.batch,
            uvdraw.seed_of(values),
            {announced.unit: announced.ratio},
            by="unit",
        )
    except uvdraw.Unfit as error:
        raise Malformed(f"{error}", "/values") from error
    return tuple(picked.uscc for picked in stratum.selected)


def _require_drawn(ledger: Reading, condition: object, batch: str, reason: str) -> None:
    """Refuse what is neither drawn nor everything (CFR-R2), naming the sample that is wanted."""
    ledger.setting("casefile.min_sample")
    ledger.require(condition, rules.CFR_R2, batch=batch, reason=reason)


def _entries(cases: tuple[str, ...], unit: str) -> list[uvdraw.Entry]:
    return [{"uscc": case, "unit": unit} for case in cases]


def _require_all(ledger: Reading, batch: str, unit: str, year: int, cases: tuple[str, ...]) -> None:
    """Refuse a list that is no list of the unit's files of the year.

    All its cases stand there; of others only the acts that were no penalty, under their own ids.
    """
    twice = [case for case, n in Counter(cases).items() if n > 1]
    if twice:
        raise Malformed(f"{twice[0]} stands on the list twice", "/cases")
    if year > ledger.on.year:
        raise Malformed(f"{year} has not begun", "/year")
    long = [case for case in cases if len(casefile_id(batch, case)) > MAX_ID]
    if long:
        raise Malformed(f"{batch} and {long[0]} are too long to make one id; shorten the batch's")
    known = set(ledger.read(UnitCases(unit, year)).cases)
    missing = sorted(known - set(cases))
    _require_drawn(
        ledger,
        not missing,
        batch,
        f"the list leaves out {len(missing)} of the unit's cases: {', '.join(missing[:5])}",
    )
    others = [ledger.read(DecidedAct(case)) for case in sorted(set(cases) - known)]
    invented = [
        act.decision
        for act in others
        if act.unit != unit or act.decided_on is None or act.decided_on.year != year
    ]
    _require_drawn(
        ledger,
        not invented,
        batch,
        f"{len(invented)} on the list are no cases of {unit} in {year}: {', '.join(invented[:5])}",
    )


def _sample_size(ledger: Reading, batch: str, listed: int, wanted: int | None) -> int:
    policy = ledger.setting("casefile.min_sample")
    share = (listed * Decimal(policy["ratio"])).to_integral_value(rounding=ROUND_CEILING)
    least = min(listed, max(int(policy["cases"]), int(share)))
    size = wanted or least
    if size > listed:
        raise Malformed(f"only {listed} files are listed", "/size")
    _require_drawn(
        ledger,
        size >= least,
        batch,
        f"of {listed} files at least {least} are drawn, not {size}",
    )
    return size


def _ratio_for(size: int, listed: int) -> str:
    """A ratio of four places under which ``ceil(listed × ratio)`` is ``size``.

    Cutting off loses less than one file in ten thousand, and the ceiling gives it back.
    """
    assert listed < _RATIO_PLACES
    return str(Decimal(size * _RATIO_PLACES // listed) / _RATIO_PLACES)


def _mean(total: int, count: int) -> str:
    mean = Fraction(total, count)
    exact = Decimal(mean.numerator) / Decimal(mean.denominator)
    return str(exact.quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN))


def _require_supervisor(ledger: Reading, mode: str) -> None:
    if ledger.actor.role != "jb_supervisor":
        raise Forbidden(f"a {mode} review is drawn by the Justice Bureau")


def _scored(ledger: Reading, casefile: str) -> CaseFileScored:
    scored = ledger.known(CaseFile(casefile), "Score the file first.").scored
    assert scored is not None
    return scored


def _require_unreported(ledger: Reading, scored: CaseFileScored) -> None:
    if ledger.read(Batch(scored.batch)).report is not None:
        raise OutOfStep(f"the report on {scored.batch} is published; it counted the issues")


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
