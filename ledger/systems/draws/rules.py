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
    "the seed of {draw} has to come from what nobody knew when it was announced: {reason}",
    f"{_RANDOM}; 公开随机源先公告、后产生",
    "Announce a draw before each of its sources is out, have secrets revealed before anything "
    "public is, and reveal the seed after all are.",
)
DRW_R2 = Rule(
    "DRW-R2",
    "the roster has the hash {found}; {of} has {frozen}",
    f"{_RANDOM}; 名录库定稿后不得增减",
    "Use the roster as it was frozen and announced; if that was wrong, void the draw "
    "(roster_error), freeze the right one and announce anew.",
)
DRW_R3 = Rule(
    "DRW-R3",
    "ratios may not fall from {lower} ({lower_ratio}) to {higher} ({higher_ratio})",
    f"{_RISK}; {_PROMISED}",
    "Draw at least as large a share where the risk is higher: A ≤ B ≤ C ≤ D, low ≤ mid ≤ high.",
)
DRW_R4 = Rule(
    "DRW-R4",
    "the general matter {matter} has a ratio of {ratio}, above its cap of {cap}",
    f"{_RANDOM}: 一般检查事项抽查比例应设定上限",
    "Stay within the cap of {matter}, or list it as a key matter.",
    policy_key="draw.general_ratio_cap",
)
DRW_R5 = Rule(
    "DRW-R5",
    "a draw is not repeated and not voided at will: {reason}",
    f"{_RANDOM}; 重新抽取须经批准并留痕",
    "Void the draw first, on one of roster_error, source_unpublished, software_fault and "
    "legal_change, approved by somebody who did not operate it.",
)
DRW_R6 = Rule(
    "DRW-R6",
    "this is not the selection that {draw} gives: {reason}",
    f"{_RANDOM}; 算法 UVDRAW-1",
    "Draw from the frozen roster with the revealed seed and change nothing; leave the outcome out "
    "and the service draws.",
)
DRW_R7 = Rule(
    "DRW-R7",
    "the roster {roster} is not the one that the draw needs: {reason}",
    f"{_RANDOM}: 检查对象名录库应全面覆盖",
    "Put everybody of the class on the roster, or name them in left_out with the reason; freeze it "
    "for the units and matters that the draw is announced with.",
)
DRW_R8 = Rule(
    "DRW-R8",
    "the officers of {target} are those drawn for it: {reason}",
    f"{_RANDOM}: 随机选派执法检查人员",
    "Assign officers by the draw; substitute one only with a reason, a second person's approval "
    "and somebody on the officer roster who may go.",
)
DRW_R9 = Rule(
    "DRW-R9",
    "the inspection {task} is {stage}; only the result of a concluded one can be published",
    _RANDOM,
    "Conclude the inspection first.",
)
DRW_R10 = Rule(
    "DRW-R10",
    "{target} is not let off: {reason}",
    f"{_RANDOM}; 抽中对象非经法定事由、双人核准不得免检",
    "Ask for it on a ground that the ledger bears out (request-exemption), and let another person "
    "who does not inspect in the draw approve it (exempt-target); a business that has left its "
    "register is exempted by that report itself.",
)
DRW_V1 = finding_rule(
    "DRW-V1", "inaction", "a business was drawn and not inspected by the end of the plan", _RANDOM
)
DRW_V2 = finding_rule(
    "DRW-V2", "arbitrary", "a business was inspected as drawn that was not drawn", _RANDOM
)
DRW_V3 = finding_rule(
    "DRW-V3",
    "abuse",
    "draws of one plan were voided more often than is allowed for",
    _RANDOM,
    policy_key="draw.void_max",
)
DRW_V4 = finding_rule(
    "DRW-V4",
    "arbitrary",
    "the same officers come to the same business more often than chance would send them",
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
    "as many inspections as there were are improbable under the announced ratio; a lead to be "
    "looked into, and no proof",
    _PROMISED,
    policy_key="selective_p",
)
DRW_V7 = finding_rule(
    "DRW-V7",
    "selective",
    "more of the businesses that a unit drew in a year were let off than is allowed for",
    _RANDOM,
    policy_key="draw.exempt_share",
)

#: The last day of the visits stands in the announcement and in each target (DRW-V1).
VISIT_TARGET = DeadlineRule(
    "draw.inspect_by",
    None,
    DrawTargetSelected,
    (DrawTargetInspected, DrawTargetExempted, DrawTargetReleased),
    about=lambda event: f"target:{event.target}",
    ends=lambda event: event.inspect_by,
    finding=DRW_V1,
)

#: A lawful refusal leaves no result that anyone would have to publish (处罚法 Art. 55).
PUBLISH_RESULT = DeadlineRule(
    "draw.result_publish_wd",
    "draw.result_publish_wd",
    InspectionConcluded,
    (DrawResultPublished,),
    about=lambda event: None if event.lawful_refusal else f"task:{event.task}",
    start=lambda record: record.occurred_on,
    finding=DRW_V5,
)
