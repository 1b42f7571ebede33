"""Rules, findings and the deadline of the performance assessment (2.15)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ledger.kernel import DeadlineRule, Rule, finding_rule
from ledger.systems.assessment.events import AssessmentPublished, AssessmentSchemeAdopted, Formula
from ledger.systems.progress.folds import METRICS

_PENALTY = "行政处罚法 Art. 74"
_STRICT = "国办发〔2024〕54号: 严禁下达检查指标, 不得将考核考评与检查频次、罚没数额挂钩"
_NOTICE = "《兰州新区规范行政执法行为优化法治化营商环境实施意见》保障措施: 考核评价"

ASM_R1 = Rule(
    "ASM-R1",
    "indicator {indicator} rewards the number of {what}: {because}",
    f"{_PENALTY}; {_STRICT}",
    "Measure how the acts were done instead: a share of the same acts (in time, published, put "
    "right), so that more of them earn nothing.",
    policy_key="assessment.forbidden_terms",
)
ASM_R2 = Rule(
    "ASM-R2",
    "the weights of {year} add up to {total}, not to 100",
    _NOTICE,
    "Change the weights so that they add up to 100.",
)
ASM_R3 = Rule(
    "ASM-R3",
    "the three systems weigh {weight} in {year} and {last} in {before}",
    f"{_NOTICE}: 提高三项制度分值权重",
    "Give the indicators on the three systems at least {last} together in {year}.",
    policy_key="assessment.weights",
)
ASM_R4 = Rule(
    "ASM-R4",
    "the scheme of {year} stands since {since}, and {year} has begun",
    _NOTICE,
    "Change the scheme of the next year; units are assessed by what they knew beforehand.",
)
ASM_V1 = finding_rule(
    "ASM-V1",
    "indicator_gaming",
    "inspections without result crowd before the cutoff",
    f"{_STRICT}; {_NOTICE}",
    policy_key="assessment.burst",
)

#: A scheme that is adopted anew before its year opens no second one.
YEARLY = DeadlineRule(
    "assessment.yearly",
    None,
    AssessmentSchemeAdopted,
    (AssessmentPublished,),
    about=lambda event: f"assessment:{event.year}" if event.version == 1 else None,
    ends=lambda event: event.publish_by,
)


def forbidden_term(terms: Iterable[str], *texts: str) -> str | None:
    """The first of ``terms`` that stands in one of ``texts``, if any.

    A term in Latin letters stands there as whole words, whatever joins them; any other anywhere.
    """
    joined = " ".join(re.sub(r"[\W_]+", " ", text.casefold()) for text in texts)
    dense = re.sub(r"\s+", "", joined)
    for term in terms:
        plain = term.casefold()
        if plain.isascii():
            if re.search(rf"\b{re.escape(plain)}\b", joined):
                return term
        elif plain in dense:
            return term
    return None


def rewarded(formula: Formula, *, higher: bool) -> set[str]:
    """Of what a formula rewards the number: inspections, penalties, fines; none, if it is lawful.

    More of what stands above the line is better if higher is, more of what stands below if lower
    is. What grows with the same acts on both sides measures their quality and not their number.
    """
    better, against = (formula.of, formula.per) if higher else (formula.per, formula.of)
    return _bases(better) - _bases(against)


def no_share(formula: Formula, *, higher: bool) -> str | None:
    """The first metric that a formula rewards and that no metric on the other side is a share of.

    Two figures that grow with the same acts are no share yet: penalties divided by legal reviews
    reward penalties all the same. One has to count a part of what the other counts.
    """
    better, against = (formula.of, formula.per) if higher else (formula.per, formula.of)
    others = [METRICS[name] for name in against]
    for metric in (METRICS[name] for name in better):
        shares = any(metric.part_of(other) or other.part_of(metric) for other in others)
        if metric.base is not None and not shares:
            return metric.name
    return None


def title_of(formula: Formula) -> str:
    """What an indicator is called by the catalogue: its metrics' titles."""
    above, below = (
        "、".join(METRICS[name].title for name in names) for names in (formula.of, formula.per)
    )
    return f"{above}／{below}"[:200] if below else above[:200]


def _bases(names: Iterable[str]) -> set[str]:
    return {base for name in names if (base := METRICS[name].base) is not None}
