"""Rules, findings and deadlines of the two-lenient-one-exempt list (2.7)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from ledger.kernel import DeadlineRule, Inquiry, Message, Rule, finding_rule, message
from ledger.systems.leniency.events import (
    CorrectionCommitmentTaken,
    LeniencyListPublished,
    ListItem,
    PromisedCorrectionVerified,
)
from ledger.systems.leniency.folds import CaseLeniency, LeniencyLists
from ledger.systems.penalties.events import BenchmarkItem, CaseFiled, Leniency, Penalty

_PENALTY = "行政处罚法"
_NOTICE_6 = "《兰州新区规范行政执法行为优化法治化营商环境实施意见》任务六"

#: How favourable an outcome is for the business; a higher number is more favourable.
_FAVOUR: dict[Leniency, int] = {"lenient": 1, "mitigated": 2, "exempt": 3}

FLX_R1 = Rule(
    "FLX-R1",
    "item {item} of version {list_version} does not apply: {reason}",
    f"{_PENALTY} Art. 37 从旧兼从轻; {_NOTICE_6}",
    "Apply the most favourable item of all versions in force between the conduct and the decision. "
    "If its conditions are not met, name it in passed_over with the condition that is not met.",
)
FLX_R2 = Rule(
    "FLX-R2",
    "each condition of item {item} must have evidence; it is missing for: {missing}",
    f"{_PENALTY} Arts. 32, 33; {_NOTICE_6}",
    "For each condition, name evidence that is in the case file.",
)
FLX_R3 = Rule(
    "FLX-R3",
    "leniency must not be applied to conduct of this kind: {conduct}",
    f"{_NOTICE_6}: 具有较大潜在风险、改正成本高、损失难以恢复,或者利用灾害、事故、公共卫生、"
    "社会安全事件的违法行为除外",
    "Decide without leniency.",
)
FLX_R4 = Rule(
    "FLX-R4",
    "case {case} cannot be exempted: no education of the business is recorded",
    f"{_PENALTY} Art. 33 应当对当事人进行教育",
    "Educate the business, record it with record-education, and then exempt it.",
)
FLX_R5 = Rule(
    "FLX-R5",
    "this is not a first violation: case {earlier} is about a violation of the same type on "
    "{committed_on}, within {months} months",
    f"{_PENALTY} Art. 33 初次违法",
    "Apply an item that does not require a first violation.",
    policy_key="first_violation_months",
)
FLX_R6 = Rule(
    "FLX-R6",
    "the penalty does not fit the outcome {outcome}: {reason}",
    f"{_PENALTY} Art. 32 从轻、减轻",
    "A lenient penalty (从轻) must stay within the statutory range, a mitigated one (减轻) must go "
    "below it; change the penalty, or apply another item.",
)
FLX_V1 = finding_rule(
    "FLX-V1",
    "selective",
    "a fine is outside the range that the benchmark sets for its step",
    f"{_PENALTY} Arts. 5, 34; {_NOTICE_6}",
)
FLX_V2 = finding_rule(
    "FLX-V2",
    "selective",
    "a penalty was mitigated or left out without an item of the list",
    f"{_PENALTY} Arts. 32, 33; {_NOTICE_6}",
)
FLX_V3 = finding_rule(
    "FLX-V3",
    "one_size_fits_all",
    "a unit closed many businesses for the same type of violation in a short time",
    f"{_NOTICE_6}; 优化营商环境条例 Art. 59 一刀切",
    policy_key="leniency.blanket_closure",
)

#: The time in which the business must do as it promised. Missing it does not raise a finding,
#: because findings are about authorities. A later promise sets a new day.
CORRECT_AS_PROMISED = DeadlineRule(
    "leniency.correction",
    None,
    CorrectionCommitmentTaken,
    (PromisedCorrectionVerified, CorrectionCommitmentTaken),
    about=lambda event: f"case:{event.case}",
    ends=lambda event: event.correct_by,
)
REVISE_LIST = DeadlineRule(
    "leniency.review_months",
    "leniency.review_months",
    LeniencyListPublished,
    (LeniencyListPublished,),
    about=lambda event: f"unit:{event.unit}",
)


def more_favourable(
    inquiry: Inquiry, filed: CaseFiled, than: Leniency
) -> list[tuple[int, ListItem]]:
    """Return the items about the conduct of a case that are more favourable than ``than``.

    They come from every version in force from the end of the conduct until today, because the
    version that is better for the business applies (从旧兼从轻).
    """
    code, last_on = filed.conduct.violation_code, filed.conduct.last_on
    items = inquiry.read(LeniencyLists(filed.unit)).items(code, last_on, inquiry.on)
    return [(version, item) for version, item in items if _FAVOUR[item.outcome] > _FAVOUR[than]]


def require_excusable(inquiry: Inquiry, case: str, excluded: Collection[str]) -> None:
    """Refuse all leniency for conduct with circumstances that exclude it (FLX-R3)."""
    inquiry.require(not excluded, FLX_R3, case=case, conduct=sorted(excluded))


def require_education(inquiry: Inquiry, case: str, on: date) -> None:
    """Refuse to exempt a business without recorded education (FLX-R4)."""
    educated = inquiry.read(CaseLeniency(case)).educated
    inquiry.require(any(education.educated_on <= on for education in educated), FLX_R4, case=case)


def below(item: BenchmarkItem, penalty: Penalty) -> Message | None:
    """Return how a penalty falls below the statutory range, or ``None``."""
    missing = [kind for kind in item.types if kind not in penalty.types]
    if missing:
        return message("leniency.left-out", missing=missing)
    if "fine" in penalty.types and penalty.fine_fen < item.statutory_min_fen:
        return message(
            "leniency.fen-below-statutory-minimum",
            fine_fen=penalty.fine_fen,
            statutory_min_fen=item.statutory_min_fen,
        )
    return None


def require_outcome(
    inquiry: Inquiry, outcome: Leniency, item: BenchmarkItem | None, penalty: Penalty
) -> None:
    """Refuse a penalty that is called lenient but is mitigated, or the reverse (FLX-R6)."""
    if item is None:
        reason: Message | None = message("leniency.no-statutory-range")
    else:
        short = below(item, penalty)
        within = penalty.fine_fen <= item.statutory_max_fen
        if outcome == "lenient":
            reason = (
                short
                if within
                else message("leniency.fen-above-statutory-range", fine_fen=penalty.fine_fen)
            )
        else:
            reason = None if short is not None else message("leniency.within-statutory-range")
    inquiry.require(reason is None, FLX_R6, outcome=outcome, reason=reason)
