"""Commands of the performance assessment: adopt a scheme, run, appeal, publish (2.15)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.countersigning import Countersigned
from ledger.general.findings import finding
from ledger.general.roles import REPORTING, roles
from ledger.general.vocabulary import AssessmentYear, Name, Role, Text, UnitId, is_among
from ledger.kernel import (
    Act,
    Event,
    Inquiry,
    Malformed,
    OutOfStep,
    Recorded,
    Unavailable,
    UnknownReference,
    Value,
    civil_date,
    message,
)
from ledger.kernel.days import add_months
from ledger.systems.assessment import rules
from ledger.systems.assessment.events import (
    AppealDecided,
    AssessmentPublished,
    AssessmentRunCompleted,
    AssessmentSchemeAdopted,
    Direction,
    Formula,
    IndicatorDefined,
    IndicatorId,
    Number,
    PublishedScore,
    ScoreAppealed,
    ScoreId,
)
from ledger.systems.assessment.folds import (
    Assessment,
    Scheme,
    Score,
    Weights,
    decimal,
    measured,
    score_id,
)
from ledger.systems.progress.folds import COUNTING, METRICS, ReportingUnit, ReportingUnits, figures
from ledger.systems.supervision.rules import GEN_R2

#: The metric whose burst is a finding (ASM-V1): inspections without any issue.
_NIL = "inspections_without_issue"

Code = Annotated[
    str,
    msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,79}(?![\s\S])", examples=["publicity_in_time"]),
]


class Draft(Value):
    """A proposed indicator; ``code`` names it within its year.

    Its formula uses metrics of the catalogue, whose titles make up its title. A ``title`` in free
    words needs the approval of a second person.
    """

    code: Code
    title: Name | None = None
    formula: Formula
    weight: Number
    direction: Direction
    three_systems: bool = False


class AdoptAssessmentScheme(Countersigned):
    """制定考核方案: define all indicators of a year, before it begins (ASM-R1 to R4).

    If a year began without a scheme, its first scheme can still be adopted until the year ends. A
    scheme with titles in free words needs the approval of a second person, because a list of
    forbidden terms alone can be evaded.
    """

    ROLES = roles("rlo_assessor")

    NAME: ClassVar[str] = "assessment.adopt-assessment-scheme"
    APPROVERS: ClassVar[frozenset[Role]] = frozenset({"rlo_assessor", "jb_supervisor"})

    year: AssessmentYear
    indicators: Annotated[tuple[Draft, ...], msgspec.Meta(min_length=1, max_length=60)]

    def needs_second(self, inquiry: Inquiry) -> bool:
        return any(draft.title is not None for draft in self.indicators)

    def effect(self, inquiry: Inquiry, requested_by: str | None) -> Iterator[Event]:
        scheme = inquiry.read(Scheme(self.year))
        year = int(self.year)
        begun = scheme.first is not None and inquiry.today.year >= year
        inquiry.require(
            not begun and inquiry.today.year <= year,
            rules.ASM_R4,
            year=self.year,
            since=None if scheme.first is None else scheme.first.occurred_on,
        )
        codes = [draft.code for draft in self.indicators]
        for place, draft in enumerate(self.indicators):
            if draft.code in codes[:place]:
                raise Malformed(
                    "assessment.each-indicator-must-own-code",
                    pointer=f"/indicators/{place}/code",
                    code=draft.code,
                )
            self._check(inquiry, draft, place)
        weight = self._weigh(inquiry)
        version = 1 if scheme.adopted is None else scheme.adopted.version + 1
        months = int(inquiry.setting("assessment.publish_months"))
        yield AssessmentSchemeAdopted(
            year=self.year,
            version=version,
            indicators=tuple(self._id(draft) for draft in self.indicators),
            three_systems_weight=weight,
            publish_by=add_months(date(year, 12, 31), months),
        )
        for draft in self.indicators:
            yield IndicatorDefined(
                indicator=self._id(draft),
                year=self.year,
                version=version,
                title=draft.title or rules.title_of(draft.formula),
                formula=draft.formula,
                weight=draft.weight,
                direction=draft.direction,
                three_systems=draft.three_systems,
            )

    def _id(self, draft: Draft) -> str:
        return f"{self.year}.{draft.code}"

    def _check(self, inquiry: Inquiry, draft: Draft, place: int) -> None:
        formula, pointer = draft.formula, f"/indicators/{place}/formula"
        terms = inquiry.setting("assessment.forbidden_terms")["terms"]
        names = (*formula.of, *formula.per)
        # Existing metrics are exempt by name; check only the name of an unknown one.
        unknown = [name for name in names if name not in METRICS]
        term = rules.forbidden_term(terms, draft.code, draft.title or "", *unknown)
        inquiry.require(
            term is None,
            rules.ASM_R1,
            indicator=draft.code,
            what=message("assessment.inspections-penalties-fines"),
            because=message("assessment.contains-term", term=term),
        )
        if unknown:
            raise Malformed(
                "assessment.formula-must-use-metrics-monthly-report",
                pointer=pointer,
                unknown=unknown[0],
            )
        higher = draft.direction == "higher"
        gained = rules.rewarded(formula, higher=higher)
        inquiry.require(
            not gained,
            rules.ASM_R1,
            indicator=draft.code,
            what=message("general.all-of", parts=sorted(gained)),
            because=message("assessment.score-improves-number", names=names),
        )
        loose = rules.no_share(formula, higher=higher)
        inquiry.require(
            loose is None,
            rules.ASM_R1,
            indicator=draft.code,
            what=None if loose is None else METRICS[loose].base,
            because=message("assessment.does-not-form-share-metric-other", loose=loose),
        )
        nil, full = Decimal(formula.nil), Decimal(formula.full)
        if nil == full or (nil < full) is not higher:
            raise Malformed(
                "assessment.full-must-be-nil-because-values-better",
                pointer=f"{pointer}/full",
                higher=(message("assessment.above") if higher else message("assessment.below")),
                nil=formula.nil,
                direction=draft.direction,
                full=formula.full,
            )

    def _weigh(self, inquiry: Inquiry) -> str:
        """Return the weight of the three systems.

        All weights must add up to 100 (ASM-R2), and this one must not fall (ASM-R3).
        """
        total = sum((Decimal(draft.weight) for draft in self.indicators), Decimal(0))
        inquiry.require(total == 100, rules.ASM_R2, year=self.year, total=f"{total:f}")
        ours = sum((Decimal(d.weight) for d in self.indicators if d.three_systems), Decimal(0))
        may_fall = inquiry.setting("assessment.weights")["three_systems_may_fall"]
        others = inquiry.read(Weights()).adopted
        # Compare with the nearest earlier and the nearest later year that has a scheme.
        schemes = [(year, Decimal(weight)) for year, weight in others.items() if year != self.year]
        earlier = max((scheme for scheme in schemes if scheme[0] < self.year), default=None)
        later = min((scheme for scheme in schemes if scheme[0] > self.year), default=None)
        own = (self.year, ours)
        for before, after in ((earlier, own), (own, later)):
            if may_fall or before is None or after is None:
                continue
            inquiry.require(
                after[1] >= before[1],
                rules.ASM_R3,
                year=after[0],
                weight=f"{after[1]:f}",
                before=before[0],
                last=f"{before[1]:f}",
            )
        return f"{ours:f}"


class RunAssessment(Act):
    """考核计分: score a unit for a year that is over, from the events up to a position.

    The position must include every event that was recorded in that year. A unit is scored at most
    once at the same position.
    """

    ROLES = roles("rlo_assessor")
    ACTS_FOR = ""

    year: AssessmentYear
    unit: UnitId
    cutoff_position: Annotated[int, msgspec.Meta(ge=1)]

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        scheme = inquiry.known(Scheme(self.year), "assessment.adopt-scheme-first")
        inquiry.known(ReportingUnit(self.unit), "assessment.only-reporting-units-assessed")
        cutoff = self._cutoff(inquiry)
        score = inquiry.read(Score(score_id(self.year, self.unit)))
        if score.published:
            raise OutOfStep("assessment.scores-published-already-cannot-run-again", year=self.year)
        if score.open_appeal is not None:
            raise OutOfStep(
                "assessment.appeal-against-must-be-decided-before-run", score=score.score
            )
        if any(run.cutoff_position == self.cutoff_position for run in score.runs):
            raise OutOfStep(
                "assessment.run-position-already",
                score=score.score,
                cutoff_position=self.cutoff_position,
            )
        if uncounted := sorted(scheme.metrics - METRICS.keys()):
            # The scheme was adopted through a newer version of the program.
            raise Unavailable("assessment.metrics-not-counted", names=uncounted)
        assert scheme.adopted is not None
        scores, total = measured(inquiry.read, scheme, self.unit, self.cutoff_position)
        yield AssessmentRunCompleted(
            score=score.score,
            year=self.year,
            unit=self.unit,
            scheme_version=scheme.adopted.version,
            cutoff_position=self.cutoff_position,
            scores=scores,
            total=total,
            counting=COUNTING,
        )
        if any(METRICS[name].base == "inspections" for name in scheme.metrics):
            yield from self._burst(inquiry, cutoff)

    def _cutoff(self, inquiry: Inquiry) -> Recorded:
        year = int(self.year)
        if inquiry.today.year <= year:
            raise OutOfStep(
                "assessment.must-be-over-before-scored", year=self.year, today=inquiry.today
            )
        cutoff = inquiry.record_at(self.cutoff_position)
        if cutoff is None:
            raise UnknownReference(
                "event", str(self.cutoff_position), "general.name-position-recorded-event"
            )
        left_out = inquiry.record_at(self.cutoff_position + 1)
        if left_out is not None and civil_date(left_out.envelope.recorded_at).year <= year:
            raise Malformed(
                "assessment.cutoff-position-must-include-every-event-recorded",
                pointer="/cutoff_position",
                year=self.year,
                cutoff_position=self.cutoff_position,
            )
        return cutoff

    def _burst(self, inquiry: Inquiry, cutoff: Recorded) -> Iterator[Event]:
        """Yield finding ASM-V1 for a burst of inspections without issues.

        The last days before the cutoff then have far more of them than the days before.
        """
        policy = inquiry.setting("assessment.burst")
        window, factor = int(policy["window_cd"]), Fraction(policy["factor"])
        first = date(int(self.year), 1, 1)
        last = min(date(int(self.year), 12, 31), civil_date(cutoff.envelope.recorded_at))
        begins = last - timedelta(days=window - 1)
        inspections = figures(inquiry.read, self.unit, (_NIL,), self.cutoff_position)
        crowded = inspections.between(_NIL, begins, last)
        before = inspections.between(_NIL, first, begins - timedelta(days=1))
        usual = Fraction(before * window, max(1, (begins - first).days))
        if crowded >= int(policy["least"]) and crowded > factor * usual:
            yield finding(
                inquiry,
                rules.ASM_V1,
                unit=self.unit,
                evidence=(self.cutoff_position,),
                year=self.year,
                first_day=begins.isoformat(),
                last_day=last.isoformat(),
                inspections=crowded,
                usual=decimal(usual, 2),
            )


class AppealScore(Act):
    """提出考核异议: object to the score of one's unit, before the scores are published."""

    ROLES = REPORTING

    score: ScoreId
    grounds: Text
    indicator: IndicatorId | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        score, unit = _scored(inquiry, self.score)
        inquiry.act_for(unit)
        if score.published or score.open_appeal is not None:
            raise OutOfStep(
                "assessment.must-be-unpublished-without-open-appeal",
                score=self.score,
                stage=score.stage,
            )
        newest = score.newest
        assert newest is not None
        if self.indicator not in (None, *(s.indicator for s in newest.scores)):
            raise Malformed(
                "assessment.no-indicator",
                pointer="/indicator",
                score=self.score,
                indicator=self.indicator,
            )
        yield ScoreAppealed(
            score=self.score,
            year=score.year,
            unit=unit,
            grounds=self.grounds,
            indicator=self.indicator,
        )


class DecideAppeal(Act):
    """处理考核异议: decide an appeal; the person who ran the score cannot decide it (GEN-R2).

    An upheld appeal does not change the score by hand: the facts are corrected in the ledger, and
    the score is run again.
    """

    ROLES = roles("rlo_assessor")

    score: ScoreId
    outcome: Literal["upheld", "rejected"]
    reasons: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        score, unit = _scored(inquiry, self.score)
        if score.open_appeal is None:
            raise OutOfStep("assessment.no-appeal-against-open", score=self.score)
        inquiry.require(
            not is_among(inquiry.actor.person_id, filter(None, [score.run_by])),
            GEN_R2,
            person=inquiry.actor.person_id,
            one=message("assessment.person-ran-score"),
            other=message("assessment.person-decides-appeal"),
        )
        yield AppealDecided(
            score=self.score,
            year=score.year,
            unit=unit,
            outcome=self.outcome,
            reasons=self.reasons,
        )


class PublishAssessment(Act):
    """公布考核结果: publish the scores of a year, for all reporting units together."""

    ROLES = roles("rlo_assessor")

    year: AssessmentYear

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        scheme = inquiry.known(Scheme(self.year), "assessment.adopt-scheme-first")
        assessment = inquiry.read(Assessment(self.year))
        if assessment.published is not None:
            raise OutOfStep(
                "assessment.scores-published-already",
                year=self.year,
                published_on=assessment.published.published_on,
            )
        units = inquiry.read(ReportingUnits(f"{self.year}-12")).units
        missing = [unit for unit in units if unit not in assessment.scores]
        if missing or not assessment.scores:
            raise OutOfStep(
                "assessment.every-reporting-unit-must-be-scored-before",
                missing=missing or message("assessment.all-units"),
            )
        waiting = {u: s.stage for u, s in assessment.scores.items() if s.stage != "scored"}
        if waiting:
            shown = [f"{unit} {stage}" for unit, stage in sorted(waiting.items())]
            raise OutOfStep("assessment.every-appeal-must-be-settled-before-scores", shown=shown)
        assert scheme.first is not None
        due = inquiry.due(rules.YEARLY, scheme.first)
        yield AssessmentPublished(
            year=self.year,
            scores=tuple(_public(score) for _, score in sorted(assessment.scores.items())),
            published_on=inquiry.on,
            days_late=inquiry.days_after(due),
        )


def _public(score: Score) -> PublishedScore:
    newest = score.newest
    assert newest is not None
    return PublishedScore(
        score=score.score,
        unit=newest.unit,
        total=newest.total,
        cutoff_position=newest.cutoff_position,
    )


def _scored(inquiry: Inquiry, score_name: str) -> tuple[Score, str]:
    score = inquiry.known(Score(score_name), "assessment.run-assessment-first")
    return score, score.unit
