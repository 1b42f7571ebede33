"""Rules, findings and deadlines of credit repair (2.4e). REP-V2 is with sharing."""

from __future__ import annotations

from ledger.kernel import DeadlineRule, Rule, finding_rule
from ledger.systems.repair.events import (
    RepairAccepted,
    RepairApplied,
    RepairExtended,
    RepairForwarded,
    RepairGranted,
    RepairNotAccepted,
    RepairPushed,
    RepairRefused,
    RepairRevoked,
    RepairSupplemented,
    RepairSupplementRequested,
    RepairSynchronised,
)
from ledger.systems.sharing.rules import REP_V2

_ORDER = "国家发展改革委令第36号《信用修复管理办法》"
_OPINION = "国办发〔2025〕22号"
_NOTICE = "兰州新区规范行政执法行为优化法治化营商环境实施意见: 信用修复绿色通道, 缩短办理时间"

REP_R1 = Rule(
    "REP-R1",
    "record {record} can be repaired from {earliest} on, not before its shortest publicity is over",
    f"{_ORDER}: 达到最短公示期限",
    "Apply on {earliest} or later. No green channel shortens publicity.",
    policy_key="dishonesty.regime",
)
REP_R2 = Rule(
    "REP-R2",
    "obligations are open: {missing} is not shown{open}",
    f"{_ORDER}: 纠正失信行为、履行相关义务",
    "Correct the conduct and perform the obligations, and hand in a proof of each. No paper takes "
    "the place of what this ledger holds itself (a fine and its surcharge, an order, a breach): "
    "have the payment or the performance recorded.",
)
REP_R3 = Rule(
    "REP-R3",
    "there is no public commitment: {reason}",
    f"{_ORDER}: 公开作出信用承诺",
    "Make a public commitment of type repair and name it in commitment.",
)
REP_R4 = Rule(
    "REP-R4",
    "record {record} cannot be repaired under {law}",
    f"{_OPINION}: 法律法规和党中央、国务院政策文件规定不可修复的除外",
    "It stays public until its longest publicity is over.",
)
REP_R5 = Rule(
    "REP-R5",
    "{entity} is barred from repair until {bar_until}: {reason}",
    "国家发展改革委令第58号; 国家发展改革委令第36号: 提供虚假材料、违反承诺",
    "Apply after {bar_until}.",
    policy_key="repair.false_bar_years",
)
REP_R6 = Rule(
    "REP-R6",
    "{actor} cannot decide on what {unit} has determined",
    f"{_OPINION}: 谁认定、谁修复",
    "Forward the application to {unit} and let it decide.",
)
REP_R7 = Rule(
    "REP-R7",
    "the green channel is not open: {reason}",
    _NOTICE,
    "Apply without green_channel; the ordinary time limits then hold.",
)
REP_R8 = Rule(
    "REP-R8",
    "a repair is free; a fee of {fee_fen} fen cannot be charged",
    f"{_OPINION}: 信用修复不收取任何费用",
    "Charge nothing.",
)
REP_R9 = Rule(
    "REP-R9",
    "an application is not turned down without saying why: {missing}",
    f"{_OPINION}: 不予修复的, 说明理由并告知救济途径",
    "Give reasons, and with a refusal the remedy that is open to the business.",
)

REP_V1 = finding_rule(
    "REP-V1",
    "inaction",
    "an application for repair was not accepted or decided in time",
    _OPINION,
    policy_key="repair.decide_wd",
)
REP_V3 = finding_rule(
    "REP-V3",
    "duties_open",
    "the longest publicity of a record ended while its obligations were not shown to be performed",
    _ORDER,
)
REP_V4 = finding_rule(
    "REP-V4",
    "repair_fee",
    "money was taken or asked for a repair",
    f"{_OPINION}: 整治修复乱收费, 打击不法中介",
)
REP_V5 = finding_rule(
    "REP-V5",
    "unlawful_decision",
    "a repair was turned down although all its conditions are evidenced",
    _ORDER,
)

_ANSWERS = (RepairNotAccepted, RepairGranted, RepairRefused)

PRE_CHECK = DeadlineRule(
    "repair.green_precheck_wd",
    "repair.green_precheck_wd",
    RepairApplied,
    (RepairForwarded,),
    about=lambda event: f"repair:{event.repair}" if event.green_channel else None,
)
#: In the green channel one time holds for everything, in place of those of the single steps.
GREEN_CHANNEL = DeadlineRule(
    "repair.green_channel_wd",
    "repair.green_channel_wd",
    RepairApplied,
    _ANSWERS,
    about=lambda event: f"repair:{event.repair}" if event.green_channel else None,
    finding=REP_V1,
)
ACCEPT = DeadlineRule(
    "repair.accept_wd",
    "repair.accept_wd",
    RepairForwarded,
    (RepairAccepted, RepairNotAccepted, RepairSupplementRequested),
    about=lambda event: None if event.green_channel else f"repair:{event.repair}",
    finding=REP_V1,
)
ACCEPT_SUPPLEMENTED = DeadlineRule(
    "repair.accept_wd.supplemented",
    "repair.accept_wd",
    RepairSupplemented,
    (RepairAccepted, RepairNotAccepted, RepairSupplementRequested),
    about=lambda event: None if event.green_channel else f"repair:{event.repair}",
    finding=REP_V1,
)
DECIDE = DeadlineRule(
    "repair.decide_wd",
    "repair.decide_wd",
    RepairAccepted,
    (RepairGranted, RepairRefused, RepairExtended),
    about=lambda event: (
        None if event.green_channel or event.market_supervision else f"repair:{event.repair}"
    ),
    finding=REP_V1,
)
DECIDE_MARKET_SUPERVISION = DeadlineRule(
    "samr.regime.decide_wd",
    "samr.regime",
    RepairAccepted,
    (RepairGranted, RepairRefused, RepairExtended),
    about=lambda event: (
        f"repair:{event.repair}" if event.market_supervision and not event.green_channel else None
    ),
    finding=REP_V1,
    part="decide_wd",
)
DECIDE_EXTENDED = DeadlineRule(
    "repair.extend_wd",
    None,
    RepairExtended,
    (RepairGranted, RepairRefused),
    about=lambda event: f"repair:{event.repair}",
    finding=REP_V1,
    ends=lambda event: event.until,
)
#: Credit China tells the applicant how it went, or that it takes longer. Whoever keeps it waiting
#: has missed another of these days.
FEEDBACK = DeadlineRule(
    "repair.feedback_wd",
    "repair.feedback_wd",
    RepairApplied,
    (*_ANSWERS, RepairExtended),
    about=lambda event: f"repair:{event.repair}" if event.channel == "credit_china" else None,
)
SYNCHRONISE = DeadlineRule(
    "repair.sync_wd.platforms",
    "repair.sync_wd",
    RepairGranted,
    (RepairSynchronised, RepairRevoked),
    about=lambda event: f"repair:{event.repair}" if event.targets else None,
    finding=REP_V2,
)
#: The other province can take nothing down of which it was not told.
PUSH = DeadlineRule(
    "samr.regime.push_wd",
    "samr.regime",
    RepairGranted,
    (RepairPushed, RepairRevoked),
    about=lambda event: f"repair:{event.repair}" if event.push_to else None,
    finding=REP_V2,
    part="push_wd",
)
