"""Every default of the rulebook's §3 as data: value, unit, since when, by which law, how sure.

Marks: ``C✓`` the text was read again for the rulebook; ``C`` confident; ``U`` uncertain, a local
matter or a design choice, to be settled by the authority and adopted as a version of its own.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

import msgspec

from ledger.kernel import LegalRef
from ledger.kernel.policies import Scope
from ledger.systems.policies.keys import KEYS, PolicyUnit

Confidence = Literal["C✓", "C", "U"]


class Default(msgspec.Struct, frozen=True):
    """One version of one policy as the rulebook gives it."""

    key: str
    value: Any
    effective_from: date
    source: LegalRef
    confidence: Confidence
    note: str = ""
    effective_to: date | None = None
    scope: Scope = Scope()

    @property
    def unit(self) -> PolicyUnit:
        """What the value measures, as declared for its key."""
        return KEYS[self.key].unit


NOTICE_ON = date(2022, 10, 20)
PENALTY_LAW_ON = date(2021, 7, 15)
RECON_LAW_ON = date(2024, 1, 1)
SAMR_45_ON = date(2021, 9, 1)
NDRC_58_ON = date(2023, 5, 1)
SAMR_REPAIR_ON = date(2025, 12, 25)
NDRC_36_ON = date(2026, 4, 1)
DOC_54_ON = date(2025, 1, 3)
DOC_22_ON = date(2025, 6, 22)

NOTICE = "兰州新区规范行政执法行为优化法治化营商环境实施意见"
PENALTY_LAW = "中华人民共和国行政处罚法"
COMPULSION_LAW = "中华人民共和国行政强制法"
RECON_LAW = "中华人民共和国行政复议法"
DISCLOSURE = "中华人民共和国政府信息公开条例"
DOC_118 = "国办发〔2018〕118号"
DOC_5 = "国发〔2019〕5号"
DOC_49 = "国办发〔2020〕49号"
DOC_54 = "国办发〔2024〕54号"
DOC_22 = "国办发〔2025〕22号"
SAMR_45 = "国家市场监督管理总局令第45号"
SAMR_RISK = "国市监信发〔2022〕6号"
SAMR_REPAIR_2021 = "市场监督管理信用修复管理办法 (2021)"
SAMR_REPAIR_2025 = "市场监督管理信用修复管理办法 (2025)"
NDRC_527 = "发改办财金〔2019〕527号"
NDRC_58 = "国家发展和改革委员会令第58号"
NDRC_36 = "国家发展和改革委员会令第36号"
DESIGN = "design of this ledger"


def _row(  # noqa: PLR0917 - the columns of the table
    key: str,
    value: Any,
    since: date,
    source: str,
    article: str | None,
    confidence: Confidence,
    note: str = "",
    until: date | None = None,
) -> Default:
    law = LegalRef(instrument=source, article=article)
    return Default(key, value, since, law, confidence, note, until)


def _law(key: str, value: Any, article: str, note: str = "") -> Default:
    return _row(key, value, PENALTY_LAW_ON, PENALTY_LAW, article, "C✓", note)


def _recon(key: str, value: Any, article: str, note: str = "") -> Default:
    return _row(key, value, RECON_LAW_ON, RECON_LAW, article, "C✓", note)


def _design(key: str, value: Any, note: str = "", source: str = DESIGN) -> Default:
    return _row(key, value, NOTICE_ON, source, None, "U", note)


_PUBLICITY = (
    _row("publicity.penalty_wd", 7, NOTICE_ON, DOC_118, None, "C✓", "双公示: licences, penalties"),
    _row("publicity.other_wd", 20, NOTICE_ON, DOC_118, None, "C✓", f"also {DISCLOSURE} Art 26"),
    _row("publicity.samr_penalty_wd", 20, SAMR_45_ON, SAMR_45, "Art 9", "C✓", "on NECIPS"),
    _row(
        "publicity.samr_push_wd", 10, SAMR_45_ON, SAMR_45, "Art 10", "C✓",
        "pushed to the province of the party",
    ),
    _row(
        "publicity.samr_pushed_penalty_wd", 10, SAMR_45_ON, SAMR_45, "Art 10", "C✓",
        "published there after the push",
    ),
    _law("publicity.withdraw_wd", 3, "Arts 48, 85", "with the reason, in public"),
    _design(
        "publicity.decision_follows_record", True,
        "the page of a decision ends with its record (停止公示); local practice differs",
    ),
    _row("publicity.annual_stats", "01-31", NOTICE_ON, DOC_118, None, "C", "for the year before"),
    _row("legal_reviewer_share", "0.05", NOTICE_ON, DOC_118, None, "C", "at least, of officers"),
    _design("legal_review_wd", 5, "no national number found"),
    _design("legal_review_extend_wd", 5, "no national number found"),
    _design("redaction_share", "0.20", "of a unit's published decisions"),
)  # fmt: skip

#: The points of the risk table (2.17), which screening for key supervision counts too (2.18).
_RISK: dict[str, Any] = {
    "grade": {"A": 0, "B": 10, "C": 25, "D": 40},
    "key_domain": 15,
    "key_lines": [
        "食品", "餐饮", "药品", "医疗", "卫生", "矿", "土地", "环保", "危险化学品", "烟花",
        "建筑施工", "劳务", "城市管理", "运输", "物流", "金融", "小额贷款", "教育", "培训",
    ],
    "breach": 10, "breach_max": 30, "breach_months": 24,
    "unmet_order": 15, "unmet_order_max": 15,
    "mid_from": 25, "high_from": 55,
}  # fmt: skip

_DRAWS = (
    _row(
        "draw.result_publish_wd", 20, NOTICE_ON, DOC_5, None, "C",
        "after completion; the same number in 食品生产经营监督检查管理办法 Art 39",
    ),
    _row(
        "draw.general_ratio_cap", "1.00", NOTICE_ON, DOC_5, None, "U",
        "general matters must have a cap, whose value is local; 1.00 only bounds it",
    ),
    _row(
        "draw.ratio", {"A": "0.05", "B": "0.20", "C": "0.50", "D": "1.00"},
        NOTICE_ON, SAMR_RISK, None, "U", "only the direction is national",
    ),
    _row(
        "grade.scheme", {"A": "low", "B": "average", "C": "elevated", "D": "high"},
        NOTICE_ON, SAMR_RISK, None, "C✓", "recomputed every month",
    ),
    _design("selective_p", "0.01", "two-sided exact binomial"),
    _design("draw.void_max", 1, "for each plan year"),
    _design("draw.exempt_share", "0.10", "of the businesses that a unit draws in a year"),
    _design(
        "draw.risk_formula",
        _RISK,
        "low below mid_from, high from high_from on; which lines of business belong to the ten key "
        "domains is local",
    ),
    _design("grade.override_window_cd", 30),
)  # fmt: skip

_VISITS = (
    _row(
        "visit_cap", {"A": 1, "B": 1, "C": 2, "D": 4}, NOTICE_ON, DOC_54, None, "U",
        "for each unit, entity and year, by the capped counter; 54号 orders caps to be published "
        "by 2025-06-30, their numbers are local",
    ),
    _design("reasonable_factor", 2, "times the cap, for exempt visits"),
    _design("cap_year", "calendar"),
    _design(
        "supervision.manner",
        {
            "A": {"manner": "off_site_first", "interval_cd": 180},
            "B": {"manner": "off_site_first", "interval_cd": 90},
            "C": {"manner": "on_site", "interval_cd": 30},
            "D": {"manner": "on_site", "interval_cd": 0},
        },
        "监管方式差异化; the intervals lie between undrawn daily visits of one unit",
        NOTICE,
    ),
    _design("multi_head_window_cd", 30),
    _design("joint.arrival_minutes", 30, "minutes between the units of one joint visit, at most"),
    _design("retaliation_window_cd", 90),
    _design(
        "filing.plan_wd", 5, "after approval, and before first use; the Notice says 及时", NOTICE
    ),
    _design(
        "filing.act_code_from", "2027-01-01",
        "at the door only codes that the service made are taken from that day on",
    ),
    _design("filing.lead_wd", 0, "a scheme filed 7 working days before a visit: Nanchang 2025"),
    _design("filing.emergency_wd", 1, "after the start; the official Q&A gives no number"),
    _law("inspection.min_officers", 2, "Art 42", "54号 for on-site checks"),
    _row(
        "inspection.result_notice_wd", 5, NOTICE_ON, DOC_54, None, "U",
        "after conclusion; 54号 gives no number",
    ),
    _design("inspection.data_entry_wd", 1, "after leaving"),
    _design("late_entry_flag", 1),
    _row("catalogue.publish_wd", 20, NOTICE_ON, DISCLOSURE, "Art 26", "C✓"),
    _row("catalogue.idle_years", 5, DOC_54_ON, DOC_54, None, "C✓", "summary of the official Q&A"),
    _row(
        "special.approval",
        {
            "approver": "government at county level or above, or a vertical superior",
            "filed": True,
            "published": True,
            "annual_quota": None,
            "joint_plan_from_departments": 2,
            "urgent": "amend the plan and file it",
        },
        DOC_54_ON, DOC_54, None, "C✓",
        "press conference of 2025-01-07; there is to be an annual quota, whose number is local",
    ),
    _row(
        "conduct.five_prohibitions",
        {
            "prohibitions": {
                "1": "profit-driven checks",
                "2": "disturbing operations",
                "3": "arbitrary penalties",
                "4": "inspection targets",
                "5": "disguised checks under observation or supervision-tour labels",
            },
            "must_nots": {
                "1": "accepting gifts",
                "2": "accepting banquets or travel",
                "3": "shifting cost to the enterprise",
                "4": "designating intermediaries",
                "5": "insisting that the legal representative attend",
                "6": "abusive sealing, seizing or freezing",
                "7": "ordering closure as a reflex",
                "8": "linking appraisal or budget to frequency or fines",
            },
        },
        DOC_54_ON, DOC_54, None, "C✓", "the press text lists exactly eight must-nots",
    ),
)  # fmt: skip

_CREDIT = (
    _row(
        "dishonesty.regime",
        {
            "minor": {"min_months": 3, "max_months": 12},
            "general": {"min_months": 3, "max_months": 12},
            "serious": {"min_months": 6, "max_months": 36},
            "special_serious": {"min_months": 36, "max_months": 36, "repairable": False},
        },
        date(2019, 4, 30), NDRC_527, None, "C",
        "in force to 2023-04-30; knows no minor class, which counts as general; the day from "
        "which it held is that of its issue",
        date(2023, 4, 30),
    ),
    _row(
        "dishonesty.regime",
        {
            "minor": {"min_months": 3, "max_months": 36},
            "general": {"min_months": 3, "max_months": 36},
            "serious": {"min_months": 3, "max_months": 36},
            "domain_min_months": {
                "food": 12,
                "drugs": 12,
                "special_equipment": 12,
                "work_safety": 12,
                "fire": 12,
            },
        },
        NDRC_58_ON, NDRC_58, None, "C✓",
        "one period for all classes; several penalty types take the longest",
        date(2026, 3, 31),
    ),
    _row(
        "dishonesty.regime",
        {
            "minor": {"min_months": 0, "max_months": 3, "published": "exceptionally"},
            "general": {"min_months": 3, "max_months": 12},
            "serious": {"min_months": 12, "max_months": 36},
        },
        NDRC_36_ON, NDRC_36, None, "C✓",
        f"issued 2025-11-20, repeals Order 58; {DOC_22}; minor information is repaired as soon as "
        "the duties are done",
    ),
    _row(
        "severity.map",
        {
            "minor": ["summary_procedure_penalty", "warning", "circular_criticism"],
            "general": [
                "larger_fine",
                "fine",
                "confiscation",
                "licence_suspension",
                "qualification_lowered",
                "activity_restriction",
                "suspension_of_business",
                "other",
            ],
            "serious": [
                "very_large_fine",
                "licence_revocation",
                "closure_order",
                "occupation_ban",
                "detention",
                "serious_list",
            ],
        },
        NDRC_36_ON, NDRC_36, None, "C✓",
        "as reported; of several kinds the gravest counts, and the amounts are set by sector (U)",
    ),
    _row(
        "severity.serious_fine_fen", 100_000_000, NDRC_36_ON, NDRC_36, None, "U",
        "a placeholder for a very large fine",
    ),
    _row(
        "dishonesty.transition", "more_favourable", NDRC_36_ON, NDRC_36, None, "U",
        "records determined before 2026-04-01 take the regime more favourable to the entity from "
        "that day on, and keep both dates; the transition text was not seen",
    ),
    _row(
        "samr.regime",
        {
            "repair_after_months": {"minor": 6, "general": 6, "serious": 6},
            "domain_min_months": {"food": 12, "drugs": 12, "special_equipment": 12},
            "decide_wd": 15,
        },
        SAMR_45_ON, SAMR_REPAIR_2021, None, "C✓", "", date(2025, 12, 24),
    ),
    _row(
        "samr.regime",
        {
            "repair_after_months": {"minor": 0, "general": 3, "serious": 12},
            "decide_wd": 7,
            "push_wd": 3,
        },
        SAMR_REPAIR_ON, SAMR_REPAIR_2025, None, "C✓",
        "the three classes of Order 36; across provinces pushed within 3 working days",
    ),
    _row(
        "repair.accept_wd", 3, NOTICE_ON, DESIGN, None, "U",
        "until the State Council's number: the same", date(2025, 6, 21),
    ),
    _row("repair.accept_wd", 3, DOC_22_ON, DOC_22, None, "C✓", "after forwarding"),
    _design("repair.supplement_wd", 10, "for the business to hand in what was missing"),
    _row(
        "repair.decide_wd", 7, NOTICE_ON, SAMR_REPAIR_2025, None, "U",
        "after acceptance; for Order 36 inferred (3 + 7 = 10)",
    ),
    _row(
        "repair.feedback_wd", 10, NOTICE_ON, DESIGN, None, "U",
        "until the State Council's number: the same", date(2025, 6, 21),
    ),
    _row("repair.feedback_wd", 10, DOC_22_ON, DOC_22, None, "C✓", "Credit China to the applicant"),
    _row(
        "repair.extend_wd", 10, NOTICE_ON, DOC_22, None, "U",
        "once, when complex or to verify; the extension exists, its length was not seen",
    ),
    _design("credit.objection_wd", 7, "to answer an objection (CRD-V3); no number was seen"),
    _design("dishonesty.defence_wd", 5, "at least, from the notice; no national number was seen"),
    _design("repair.sync_wd", 3, "for partners to confirm removal; the text says simultaneously"),
    _design("repair.sync_alert_wd", 1),
    _design(
        "repair.green_channel_wd", 3, "in total, checked the same day; the Notice says 缩短", NOTICE
    ),
    _design("repair.green_precheck_wd", 0, "the pre-check of the green channel is of the same day"),
    _row(
        "repair.false_bar_years", 3, NDRC_58_ON, NDRC_58, None, "U",
        "Order 36 keeps a bar, its years were not seen",
    ),
    _row(
        "serious_list.consultation", 30, NOTICE_ON, DOC_49, None, "C✓",
        "new criteria are public at least so long",
    ),
)  # fmt: skip

_PENALTIES = (
    _law("penalty.decide_cd", 90, "Art 60", "from filing the case"),
    _law("penalty.serve_wd", 7, "Arts 61, 85"),
    _law("penalty.pay_cd", 15, "Art 67"),
    _law("penalty.late_fee_daily", "0.03", "Art 72", "together at most the fine itself"),
    _law("penalty.hearing", {"request_wd": 5, "notice_wd": 7}, "Arts 64, 85"),
    _law(
        "penalty.summary_max",
        {"citizen_fen": 20_000, "organisation_fen": 300_000},
        "Art 51",
        "or a warning",
    ),
    _law(
        "penalty.limitation",
        {"ordinary_months": 24, "serious_months": 60},
        "Art 36",
        "60 for life, health or financial safety with harm",
    ),
    _law("evidence.advance_registration", 7, "Arts 56, 85"),
    _row("seizure.max_cd", 30, NOTICE_ON, COMPULSION_LAW, "Art 25", "C✓"),
    _row("seizure.extend_cd", 30, NOTICE_ON, COMPULSION_LAW, "Art 25", "C✓"),
    _design("first_violation_months", 24, "no national definition found"),
    _design(
        "major_penalty_threshold",
        {"citizen_fen": 1_000_000, "organisation_fen": 10_000_000},
        "较大数额 is local in law; a placeholder",
    ),
)

_FULL = ("initiate", "investigate", "review", "decide", "serve")
_PROCESS = (
    _row(
        "process.mandatory_steps",
        {
            "ordinary": {
                "executed": [*_FULL, "execute"],
                "revoked": [*_FULL],
                "exempt": [*_FULL],
                "not_established": ["initiate", "investigate", "review"],
                "limitation": ["initiate", "investigate"],
                "transferred": ["initiate", "investigate"],
                "party_ceased": ["initiate", "investigate"],
            },
            "summary": {
                "executed": ["investigate", "decide", "serve", "execute"],
                "revoked": ["investigate", "decide", "serve"],
                "exempt": ["investigate", "decide", "serve"],
                "party_ceased": ["investigate"],
            },
        },
        NOTICE_ON, DOC_118, None, "U",
        "the steps of 全过程记录; which of them a case needs that ends early is a design choice",
    ),
)  # fmt: skip

_SOFT = (
    _design("leniency.review_months", 12, "the list is updated dynamically", NOTICE),
    _design(
        "leniency.blanket_closure",
        {"cases": 3, "window_cd": 30},
        "closures for one type of violation by one unit (FLX-V3); the Notice says 一刀切",
        NOTICE,
    ),
    _design(
        "observation.default_months", 12, "the Notice says 一定合理; a city takes a year", NOTICE
    ),
    _design("observation.max_months", 24, "scholarship: at most two years", NOTICE),
    _design(
        "observation.soft_measures", 3, "on one issue without correction or escalation (OBS-V2)"
    ),
    _design(
        "observation.breach_wd",
        7,
        "after a bottom-line breach by then a case is filed (OBS-V1); no number was seen",
    ),
    _design("key.max_matters", 5, "for each domain; the Notice says 严格控制数量", NOTICE),
    _design("key.review_months", 12, "", NOTICE),
    _design(
        "key.screening_formula",
        {**_RISK, "report": 20, "report_max": 40},
        "the risk table, and visits on a report that confirmed a breach",
    ),
    _design("key.unit_list", "shared", "who reads which units are under key supervision"),
    _design("casefile.pass", 60, "any veto fails; common local practice"),
    _design("casefile.excellent", 90, "common local practice"),
    _design("casefile.min_sample", {"cases": 3, "ratio": "0.05"}, "for each unit and year"),
    _design("casefile.self_gap", 15, "points by which a self-score may exceed the mutual one"),
    _design("casefile.review_months", 12, "within which some file of each unit is reviewed"),
)

_SUPERVISION = (
    _design(
        "supervision.response_wd", 15,
        "to a notice; a decision states its own; the deadlines of 行政执法监督条例 were not seen",
    ),
    _design("supervision.opinion_response_wd", 30, "to an opinion; as for a notice"),
    _design("triage_wd", 5),
    _design("complaint.ack_wd", 1, "the Notice says 第一时间", NOTICE),
    _design("complaint.accept_wd", 7, "as in the SAMR complaint rule of 2022, Art 14"),
    _design("complaint.resolve_cd", 60),
    _design("complaint.channel_test_cd", 90, "in which somebody answers a test of a channel"),
    _design("complaint.public_per_minute", 10, "from one address, without an account"),
    _design("complaint.public_per_day", 2000, "without an account, from all addresses together"),
    _design(
        "complaint.handlers", {"units": ["JB", "PARK", "RECON", "RLO"]},
        "who handles complaints besides qualified units and those that report each month",
    ),
    _recon("recon.apply_cd", 60, "Art 20", "from knowledge of the act"),
    _recon("recon.apply_uninformed_months", 12, "Art 20", "when not told of the remedy, at most"),
    _recon("recon.apply_absolute_years", 5, "Art 21"),
    _recon("recon.apply_absolute_real_estate_years", 20, "Art 21"),
    _recon("recon.accept_wd", 5, "Arts 30, 88", "then deemed accepted"),
    _recon("recon.correction_request_wd", 5, "Arts 31, 88"),
    _recon("recon.correction_wd", 10, "Arts 31, 88", "for the applicant"),
    _recon(
        "recon.ordinary",
        {"copy_wd": 7, "reply_wd": 10, "decide_cd": 60, "extend_cd": 30},
        "Arts 48, 62, 88",
    ),
    _recon(
        "recon.summary",
        {"copy_wd": 3, "reply_wd": 5, "decide_cd": 30, "extend_cd": 0},
        "Arts 53-54, 62",
        "acts on the spot, warnings, up to 3,000 yuan, disclosure",
    ),
    _recon("recon.opinion_report_cd", 60, "Art 76"),
    _recon(
        "recon.incidental_review",
        {"decide_cd": 30, "transfer_wd": 7, "answer_cd": 60},
        "Arts 56-60, 88",
        "decided if competent, else transferred",
    ),
    _design("recon.repeated_revocations", 2, "of one unit on one matter, from which on it is told"),
)  # fmt: skip

_SAFEGUARDS = (
    _row(
        "ledger.month_end", {"due": "last_calendar_day", "warn": "last_working_day"},
        NOTICE_ON, NOTICE, None, "C✓", "每月月底前; that it means 24:00 is a design choice (U)",
    ),
    _row(
        "ledger.responsibilities",
        {
            "tasks": {
                "1": {"lead": ["JB"], "responsible": ["enforcement_units"]},
                "2": {"lead": ["MRB", "EDB"], "responsible": ["parks", "enforcement_units"]},
                "3": {"lead": ["EDB"], "responsible": ["parks", "enforcement_units"]},
                "4": {"responsible": ["parks", "enforcement_units"]},
                "5": {"responsible": ["parks", "enforcement_units"]},
                "6": {"responsible": ["parks", "enforcement_units"]},
                "7": {"responsible": ["parks", "enforcement_units"]},
                "8": {"lead": ["JB"], "responsible": ["parks", "enforcement_units"]},
                "9": {"lead": ["parks", "enforcement_units", "RECON"], "responsible": ["JB"]},
            },
        },
        NOTICE_ON, NOTICE, None, "U", "the table is the Notice's; the ids of the leads are ours",
    ),
    _design(
        "work.plan_due", "01-31", "the unit's work plan of the year; asked of later years alone",
        NOTICE,
    ),
    _design("calendar.call_on", "11-01", "the day from which next year's calendar is called for"),
    _design("ledger.cutoff_cd", 1, "by which a report's cutoff may lag behind its submission"),
    _design("ledger.nil_months", 3, "nil reports running that are found"),
    _design(
        "assessment.weights",
        {"framework": "法治建设", "three_systems_may_fall": False},
        "the three systems take a larger share",
        NOTICE,
    ),
    _design(
        "assessment.forbidden_terms",
        {
            "terms": [
                "fine", "fines", "fined", "confiscation", "confiscations", "confiscated",
                "number of penalties", "penalties imposed", "penalty count",
                "number of inspections", "inspections carried out", "inspection count",
                "inspection target", "cases filed",
                "罚款", "罚没", "没收", "处罚数量", "处罚数额", "处罚件数", "处罚案件数",
                "处罚次数", "检查数量", "检查次数", "检查户次", "检查户数", "检查指标", "立案数量",
                "立案件数", "办案数量", "办案件数",
            ],
        },
        "in the name of an indicator; after 行政处罚法 Art 74 and 54号",
    ),
    _design(
        "assessment.burst", {"window_cd": 30, "factor": "3", "least": 10},
        "nil inspections just before the cutoff",
    ),
    _design(
        "exchange.inspection_codes",
        {
            "form": {
                "1": {"zh": "现场检查", "en": "on site"},
                "2": {"zh": "非现场检查", "en": "off site"},
            },
            "type": {
                "1": {"zh": "日常检查", "en": "daily"},
                "2": {"zh": "专项检查", "en": "special"},
                "3": {"zh": "重点检查", "en": "key"},
                "4": {"zh": "个案检查", "en": "case"},
                "9": {"zh": "其他", "en": "other"},
            },
            "mode": {
                "1": {"zh": "双随机抽查", "en": "random draw"},
                "2": {"zh": "联合检查", "en": "joint"},
                "3": {"zh": "书面检查", "en": "in writing"},
                "4": {"zh": "远程检查", "en": "remote"},
                "9": {"zh": "其他", "en": "other"},
            },
            "result": {
                "1": {
                    "zh": "未发现问题", "en": "no problem found",
                    "of": ["no_issue"],
                    "given_for": ["no_issue"],
                },
                "3": {
                    "zh": "违反其他部门规定", "en": "other bodies' rules broken",
                    "of": ["referred"],
                    "given_for": ["referred"],
                },
                "4": {
                    "zh": "违反其他部门规定（二）", "en": "other bodies' rules broken (2)",
                    "of": ["referred"],
                },
                "5": {
                    "zh": "违反其他部门规定（三）", "en": "other bodies' rules broken (3)",
                    "of": ["referred"],
                },
                "G": {
                    "zh": "违反其他部门规定（四）", "en": "other bodies' rules broken (4)",
                    "of": ["referred"],
                },
                "A": {
                    "zh": "发现问题已责令改正或立案处理", "en": "problem found and being handled",
                    "of": ["order_to_correct", "case_filed"],
                    "given_for": ["order_to_correct", "case_filed"],
                },
                "B": {
                    "zh": "未按规定公示应当公示的信息", "en": "not published what must be",
                    "of": ["order_to_correct", "case_filed"],
                },
                "C": {
                    "zh": "公示信息隐瞒真实情况、弄虚作假", "en": "concealed or false",
                    "of": ["order_to_correct", "case_filed"],
                },
                "D": {
                    "zh": "违反其他登记管理规定", "en": "other registration rules broken",
                    "of": ["order_to_correct", "case_filed", "other"],
                },
                "E": {
                    "zh": "责令改正后已改正", "en": "corrected on order",
                    "of": ["issue_corrected_on_spot", "issue_corrected"],
                    "given_for": ["issue_corrected_on_spot", "issue_corrected"],
                },
                "F": {
                    "zh": "未发现开展相关经营活动", "en": "activity not found",
                    "of": ["entity_not_found", "other"],
                },
                "6": {
                    "zh": "通过登记的住所（经营场所）无法联系",
                    "en": "cannot be reached at the registered address",
                    "of": ["entity_not_found"],
                    "given_for": ["entity_not_found"],
                },
                "7": {
                    "zh": "已停业或清算", "en": "closed or in liquidation",
                    "of": ["entity_not_found", "other"],
                },
                "8": {
                    "zh": "不配合检查", "en": "refuses",
                    "of": ["refused_by_entity"],
                    "given_for": ["refused_by_entity"],
                },
                "9": {"zh": "已注销", "en": "deregistered", "of": ["entity_not_found", "other"]},
                "10": {
                    "zh": "被吊销许可证", "en": "licence revoked",
                    "of": ["entity_not_found", "other"],
                },
                "11": {
                    "zh": "被吊销营业执照", "en": "registration revoked",
                    "of": ["entity_not_found", "other"],
                },
                "12": {"zh": "已迁出", "en": "moved away", "of": ["entity_not_found", "other"]},
            },
        },
        "codes of one platform; check against your province's",
    ),
    _design("assessment.publish_months", 12, "after the year's end: the assessment is yearly"),
    _design(
        "evidence.retention", 360,
        "from the archive of a case until its files may be erased; 档案法 and the unit's schedule",
    ),
    _design(
        "retention",
        {"events": "permanent", "personal_data": "archive schedule of the unit"},
        "档案法 and its rules",
    ),
)  # fmt: skip

#: In the order of the rulebook; several versions of one key in the order of time.
DEFAULTS: tuple[Default, ...] = (
    *_PUBLICITY,
    *_DRAWS,
    *_VISITS,
    *_CREDIT,
    *_PENALTIES,
    *_PROCESS,
    *_SOFT,
    *_SUPERVISION,
    *_SAFEGUARDS,
)
