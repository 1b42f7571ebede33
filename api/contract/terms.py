"""The words of the field: what the law and the notice say, in English, and what the code calls it.

The first part of ``docs/glossary.md``; facts and commands follow from their docstrings. The names
are packages, classes, fields, roles, values or policies of the code; a test looks for each.
"""

from __future__ import annotations

#: Chinese, English, names in the code.
TERMS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("行政执法监督", "supervision of administrative enforcement", ("supervision",)),
    ("行政执法主体, 执法单位", "enforcement unit", ("UnitId", "EnforcementUnitQualified")),
    ("承办机构", "handling office of a unit", ("office_head",)),
    ("法治机构, 法制审核机构", "legal office of a unit", ("unit_legal_office",)),
    ("受委托组织, 委托书", "entrusted organisation, entrustment letter", ("entrusted_org",)),
    ("执法证件", "enforcement certificate", ("OfficerCertified",)),
    ("市场主体, 经营主体, 行政相对人", "business, regulated party", ("EntityId", "entities")),
    ("统一社会信用代码", "Unified Social Credit Identifier (USCC)", ("uscc", "check_entity")),
    ("行政执法事项清单", "catalogue of enforcement matters", ("catalogue", "MatterId")),
    ("执法依据", "legal basis", ("LegalRef", "legal_basis")),
    ("动态管理, 动态调整", "dynamic adjustment, by versions", ("MatterRevised",)),
    ("年度行政执法检查计划", "annual inspection plan", ("AnnualPlanApproved",)),
    ("备案, 未备案", "filing for record, unfiled", ("filing", "AnnualPlanFiled")),
    ("日常检查, 个案检查, 专项检查", "daily, case and special inspection", ("daily", "special")),
    (
        "投诉举报, 上级交办, 转办, 数据监测, 企业申请",
        "complaint, assignment by a superior, transfer, data monitoring, request of the business",
        ("superior", "transfer", "data_monitoring", "entity_request"),
    ),
    ("突发事件", "emergency", ("emergency",)),
    ("双随机、一公开", "double-random draw and publication", ("draws",)),
    ("随机抽查事项清单", "random-inspection matter list", ("DrawMatterListPublished",)),
    (
        "检查对象名录库, 执法检查人员名录库",
        "roster of businesses, roster of officers",
        ("EntityRosterFrozen", "OfficerRosterFrozen"),
    ),
    (
        "抽查比例, 频次, 被抽查概率",
        "draw ratio, frequency, inclusion probability",
        ("inclusion_prob",),
    ),
    ("频次上限", "annual cap of visits", ("visit_cap", "BookedVisits")),
    (
        "联合检查, 综合查一次",
        "joint inspection, one visit for many matters",
        ("joint", "JointPlanned"),
    ),
    ("一表联查", "one-form joint inspection", ("one_form", "UnifiedFormAdopted")),
    (
        "选择性检查, 重复检查, 多头检查, 随意检查",
        "selective, duplicate, multi-head and arbitrary inspection",
        ("selective", "duplicate", "multi_head", "arbitrary"),
    ),
    ("五个严禁八个不得", "five prohibitions, eight must-nots", ("ProhibitedConductReported",)),
    ("扫码入企, 行政行为码", "entry scan, act code", ("EntryScanned", "act_code")),
    (
        "检查通知书, 现场检查笔录, 检查结果告知书",
        "inspection notice, on-site record, result notice",
        ("InspectionNoticeIssued", "OnSiteRecordSigned", "ResultNotified"),
    ),
    ("非现场检查", "off-site check", ("OffSiteCheckRecorded",)),
    ("信用信息, 公示", "credit record, publicity", ("credit", "CreditRecordEntered")),
    ("信用承诺, 履约", "credit commitment, performance", ("commitments", "CommitmentFulfilled")),
    ("失信行为认定", "determination of dishonesty", ("DishonestyDetermined",)),
    (
        "轻微, 一般, 严重失信",
        "minor, general and serious dishonesty",
        ("minor", "general", "serious"),
    ),
    ("严重失信主体名单", "list of serious dishonesty", ("SeriousListAdded",)),
    ("守信激励, 失信惩戒", "incentive, sanction", ("IncentiveGranted", "SanctionApplied")),
    ("措施清单", "catalogue of measures", ("MeasureCataloguePublished",)),
    ("信用等级, 分级分类监管", "credit grade, graded supervision", ("CreditGrade", "grading")),
    ("监管方式差异化", "manner of supervision by grade", ("supervision.manner",)),
    ("信用修复, 绿色通道", "credit repair, green channel", ("repair", "green_channel")),
    ("最短公示期, 最长公示期", "shortest and longest publicity", ("min_until", "max_until")),
    ("终止公示", "end of publicity", ("PublicityTerminated",)),
    ("两书同达", "decision and repair notice served together", ("repair_notice",)),
    ("互联互通互享互认", "sharing and mutual recognition", ("sharing", "RecognitionDeclined")),
    ("重点监管清单, 筛选", "key-supervision list, screening", ("keylist", "ScreeningRun")),
    ("四新", "four kinds of new economy", ("four_new_kind",)),
    ("包容审慎监管, 留观期", "inclusive-prudent supervision, observation period", ("observation",)),
    ("质量和安全底线", "bottom line of quality and safety", ("BottomLineBreached",)),
    ("柔性执法", "flexible enforcement, soft measure", ("SoftMeasureTaken",)),
    (
        "两轻一免清单: 从轻, 减轻, 免予处罚",
        "leniency list: lenient, mitigated, exempt",
        ("leniency", "lenient", "mitigated", "exempt"),
    ),
    ("初次违法, 首违", "first violation", ("first_violation_months",)),
    ("三项制度", "the three systems", ("publicity", "process", "legalreview")),
    (
        "事前, 事中, 事后公示",
        "publicity before, during and after",
        ("ExAntePublished", "ActPublished"),
    ),
    (
        "执法全过程记录, 音像记录",
        "full-process record, audio-video record",
        ("process", "AvRecordSealed"),
    ),
    ("重大执法决定法制审核", "legal review of major decisions", ("legalreview",)),
    ("案卷评查: 自评, 互评, 重点抽查", "case-file review: self, mutual, key spot", ("casefiles",)),
    (
        "行政处罚, 简易程序, 听证",
        "penalty, summary procedure, hearing",
        ("penalties", "HearingHeld"),
    ),
    ("裁量基准", "discretion benchmark", ("BenchmarkPublished",)),
    (
        "不作为, 乱作为, 一刀切, 趋利性执法",
        "inaction, abuse, one size for all, enforcement for profit",
        ("inaction", "abuse", "one_size_fits_all", "profit_driven"),
    ),
    (
        "监督通知书, 意见书, 决定书",
        "supervision notice, opinion and decision",
        ("SupervisionDocIssued",),
    ),
    (
        "督办, 公开约谈, 通报",
        "direct handling, public interview, circular",
        ("DirectHandlingStarted",),
    ),
    ("违法执法投诉", "complaint about enforcement", ("complaints", "channels")),
    (
        "行政复议, 行政复议意见书",
        "administrative reconsideration, opinion letter",
        ("reconsideration",),
    ),
    ("工作进展台账, 亮点经验", "monthly progress ledger, highlights", ("progress", "experience")),
    ("工作计划, 时间节点, 督办函", "work plan, milestone, urge", ("workplans", "WorkUrged")),
    ("考核评价", "performance assessment", ("assessment",)),
    ("赋权乡镇", "powers delegated to townships", ("delegations", "PowerDelegated")),
    ("AB岗, 职责交接", "handover of duties", ("handovers",)),
    ("工作日历, 调休", "working calendar, make-up working days", ("WorkingCalendarPublished",)),
    ("启用日, 期初事项", "take-on day, opening fact", ("takeon", "OpeningFactTakenOn")),
    ("存证文件", "file of evidence", ("evidence",)),
)

#: The systems whose package name is not their English term.
SYSTEMS = {
    "casefiles": "case-file review",
    "channels": "complaint channels",
    "joint": "joint inspection",
    "keylist": "key-supervision list",
    "legalreview": "legal review",
    "observation": "observation period",
    "process": "full-process record",
    "progress": "monthly progress ledger",
    "takeon": "take-on day",
    "workplans": "work plans",
}

#: Parts of names that are shorter in code than in words.
WORDS = {"av": "AV", "doc": "document", "recon": "reconsideration", "stats": "statistics"}

__all__ = ["SYSTEMS", "TERMS", "WORDS"]
