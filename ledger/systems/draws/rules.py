"""Rules, findings and deadlines of double-random draws (2.3)."""

from __future__ import annotations

from ledger.kernel import DeadlineRule, Rule, finding_rule
from ledger.systems.draws.events import (
    DrawResultPublished,
    DrawTargetExempted,
    DrawTargetInspected,
    DrawTargetReleased,
    DrawTargetSelected,
)
from ledger.systems.filing.events import InspectionConcluded

_RANDOM = "国发〔2019〕5号《关于在市场监管领域全面推行部门联合“双随机、一公开”监管的意见》"
_PROMISED = (
    "《兰州新区规范行政执法行为优化法治化营商环境实施意见》任务二: "
    "抽查比例、频次、被抽查概率与信用等级挂钩"
)
_RISK = "国市监信发〔2022〕6号《关于推进企业信用风险分类管理进一步提升监管效能的意见》"

DRW_R1 = Rule(
    "DRW-R1",
    "the seed of {draw} must come from values that were unknown when it was announced: {reason}",
    f"{_RANDOM}; 公开随机源先公告、后产生",
    "Announce a draw before any of its sources is published, have secrets revealed before any "
    "public value is published, and reveal the seed after all of them.",
)
DRW_R2 = Rule(
    "DRW-R2",
    "the hash of the roster must be that of {of}, {frozen}; it is {found}",
    f"{_RANDOM}; 名录库定稿后不得增减",
    "Use the roster as it was frozen and announced; if that was wrong, void the draw "
    "(roster_error), freeze the right one and announce the draw again.",
)
DRW_R3 = Rule(
    "DRW-R3",
    "the ratio must not decrease from {lower} ({lower_ratio}) to {higher} ({higher_ratio})",
    f"{_RISK}; {_PROMISED}",
    "Draw at least the same share where the risk is higher: A ≤ B ≤ C ≤ D, low ≤ mid ≤ high.",
)
DRW_R4 = Rule(
    "DRW-R4",
    "the general matter {matter} has a ratio of {ratio}, above its cap of {cap}",
    f"{_RANDOM}: 一般检查事项抽查比例应设定上限",
    "Use a ratio within the cap of {matter}, or list it as a key matter.",
    policy_key="draw.general_ratio_cap",
)
DRW_R5 = Rule(
    "DRW-R5",
    "a draw must not be repeated or voided without a ground: {reason}",
    f"{_RANDOM}; 重新抽取须经批准并留痕",
    "Void the draw first, on one of the grounds roster_error, source_unpublished, software_fault "
    "and legal_change, with the approval of a person who did not operate it.",
)
DRW_R6 = Rule(
    "DRW-R6",
    "this is not the selection of draw {draw}: {reason}",
    f"{_RANDOM}; 算法 UVDRAW-1",
    "Send the selection unchanged as drawn from the frozen roster with the revealed seed, or leave "
    "the outcome out so that the service draws.",
)
DRW_R7 = Rule(
    "DRW-R7",
    "roster {roster} is not the one that the draw needs: {reason}",
    f"{_RANDOM}: 检查对象名录库应全面覆盖",
    "Put all businesses of the class on the roster, or name them in left_out with the reason; "
    "freeze it for the units and matters of the draw.",
)
DRW_R8 = Rule(
    "DRW-R8",
    "the officers of {target} must be those drawn for it: {reason}",
    f"{_RANDOM}: 随机选派执法检查人员",
    "Assign officers in the drawn order; substitute an officer only with a reason, a second "
    "person's approval and an eligible officer on the roster.",
)
DRW_R9 = Rule(
    "DRW-R9",
    "inspection {task} is {stage}; only the result of a concluded one can be published",
    _RANDOM,
    "Conclude the inspection first.",
)
DRW_R10 = Rule(
    "DRW-R10",
    "{target} cannot be exempted: {reason}",
    f"{_RANDOM}; 抽中对象非经法定事由、双人核准不得免检",
    "Request it on a ground that the ledger confirms (request-exemption), and have another person "
    "who does not inspect in the draw approve it (exempt-target). A business that has left its "
    "register is exempted automatically when that is reported.",
)
DRW_V1 = finding_rule(
    "DRW-V1", "inaction", "a drawn business was not inspected by the last day", _RANDOM
)
DRW_V2 = finding_rule(
    "DRW-V2",
    "arbitrary",
    "an inspection was recorded as drawn although the business was not drawn",
    _RANDOM,
)
DRW_V3 = finding_rule(
    "DRW-V3",
    "abuse",
    "draws of a plan were voided more often than is allowed",
    _RANDOM,
    policy_key="draw.void_max",
)
DRW_V4 = finding_rule(
    "DRW-V4",
    "arbitrary",
    "the same officers visited the same business more often than chance explains",
    _RANDOM,
    policy_key="selective_p",
)
DRW_V5 = finding_rule(
    "DRW-V5",
    "late_publicity",
    "the result of an inspection was not published in time",
    _RANDOM,
    policy_key="draw.result_publish_wd",
)
DRW_V6 = finding_rule(
    "DRW-V6",
    "selective",
    "the number of inspections is improbable under the announced ratio; this is a clue to "
    "investigate, not a proof",
    _PROMISED,
    policy_key="selective_p",
)
DRW_V7 = finding_rule(
    "DRW-V7",
    "selective",
    "a unit exempted a larger share of the businesses drawn in a year than is allowed",
    _RANDOM,
    policy_key="draw.exempt_share",
)

#: Each target has the last day for its visit, taken from the announcement (DRW-V1).
VISIT_TARGET = DeadlineRule(
    "draw.inspect_by",
    None,
    DrawTargetSelected,
    (DrawTargetInspected, DrawTargetExempted, DrawTargetReleased),
    about=lambda event: f"target:{event.target}",
    ends=lambda event: event.inspect_by,
    finding=DRW_V1,
)

#: After a lawful refusal of entry there is no result to publish (处罚法 Art. 55).
PUBLISH_RESULT = DeadlineRule(
    "draw.result_publish_wd",
    "draw.result_publish_wd",
    InspectionConcluded,
    (DrawResultPublished,),
    about=lambda event: None if event.lawful_refusal else f"task:{event.task}",
    start=lambda record: record.occurred_on,
    finding=DRW_V5,
)
