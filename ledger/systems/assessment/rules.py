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
    "Measure the quality of the acts instead: the share of them that were in time, published or "
    "corrected, so that a higher number of acts earns nothing.",
    policy_key="assessment.forbidden_terms",
)
ASM_R2 = Rule(
    "ASM-R2",
    "the weights of {year} must add up to 100; they add up to {total}",
    _NOTICE,
    "Change the weights so that they add up to 100.",
)
ASM_R3 = Rule(
    "ASM-R3",
    "the three systems must weigh at least {last} in {year}, as in {before}; they weigh {weight}",
    f"{_NOTICE}: 提高三项制度分值权重",
    "Give the indicators on the three systems a total weight of at least {last} in {year}.",
    policy_key="assessment.weights",
)
ASM_R4 = Rule(
    "ASM-R4",
    "the scheme of {year}, adopted on {since}, cannot change because {year} has begun",
    _NOTICE,
    "Change the scheme of the next year instead; units must know the indicators of a year "
    "before it begins.",
)
ASM_V1 = finding_rule(
    "ASM-V1",
    "indicator_gaming",
    "many inspections without a result were made shortly before the cutoff",
    f"{_STRICT}; {_NOTICE}",
    policy_key="assessment.burst",
)

#: The last day to publish the scores. Only version 1 of a scheme opens this deadline; a later
#: version does not open a second one.
YEARLY = DeadlineRule(
    "assessment.yearly",
    None,
    AssessmentSchemeAdopted,
    (AssessmentPublished,),
    about=lambda event: f"assessment:{event.year}" if event.version == 1 else None,
    ends=lambda event: event.publish_by,
)


def forbidden_term(terms: Iterable[str], *texts: str) -> str | None:
    """Return the first of ``terms`` that occurs in one of ``texts``, or ``None``.

    A term in Latin letters matches whole words only, separated by any character that is not a
    letter or digit. Any other term matches anywhere, even across spaces and punctuation.
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
    """Return the kinds of acts whose number a formula rewards: inspections, penalties, fines.

    The result is empty for a lawful formula. If higher values are better, the formula rewards
    what ``of`` counts, otherwise what ``per`` counts. A kind of act that both sides count cancels
    out: the formula then measures the quality of these acts and not their number.
    """
    better, against = (formula.of, formula.per) if higher else (formula.per, formula.of)
    return _bases(better) - _bases(against)


def no_share(formula: Formula, *, higher: bool) -> str | None:
    """Return the first metric that a formula rewards without forming a share with the other side.

    Two metrics form a share if one counts a part of what the other counts. It is not enough that
    both grow with the same acts: penalties divided by legal reviews still reward penalties.
    """
    better, against = (formula.of, formula.per) if higher else (formula.per, formula.of)
    others = [METRICS[name] for name in against]
    for metric in (METRICS[name] for name in better):
        shares = any(metric.part_of(other) or other.part_of(metric) for other in others)
        if metric.base is not None and not shares:
            return metric.name
    return None


def title_of(formula: Formula) -> str:
    """Return the title of an indicator, made of the Chinese titles of its metrics."""
    above, below = (
        "、".join(METRICS[name].title for name in names) for names in (formula.of, formula.per)
    )
    return f"{above}／{below}"[:200] if below else above[:200]


def _bases(names: Iterable[str]) -> set[str]:
    return {base for name in names if (base := METRICS[name].base) is not None}
