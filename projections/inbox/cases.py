"""What waits in penalty cases and decisions, their publicity, credit records, repair, sharing."""

from __future__ import annotations

from typing import Any

from ledger.general.vocabulary import Role
from ledger.systems.commitments.events import (
    CommitmentBreached,
    CommitmentFulfilled,
    ObligationOpened,
    obligation_tag,
)
from ledger.systems.corrections.events import (
    DecisionAltered,
    DecisionDeclaredUnlawful,
    DecisionDeclaredVoid,
    DecisionRevoked,
)
from ledger.systems.credit.events import (
    CreditRecordEntered,
    ObjectionFiled,
    ObjectionResolved,
    PublicityResumed,
    PublicityStarted,
    PublicitySuspended,
    PublicityTerminated,
)
from ledger.systems.dishonesty.events import (
    DefenceLapsed,
    DefenceSubmitted,
    DeterminationNotified,
    DishonestyDetermined,
    IncentiveEnded,
    IncentiveGranted,
    IncentivePromised,
    ListCriteriaProposed,
    ListCriteriaPublished,
    ListCriteriaWithdrawn,
    SanctionApplied,
    SanctionLifted,
    SeriousListAdded,
    SeriousListRemoved,
)
from ledger.systems.legalreview.events import LegalReviewConcluded, LegalReviewRequested
from ledger.systems.leniency.events import (
    CorrectionCommitmentTaken,
    LeniencyListPublished,
    PromisedCorrectionVerified,
)
from ledger.systems.penalties.events import (
    CaseClosed,
    CaseFiled,
    DecisionPublished,
    DecisionWithdrawn,
    EvidenceAdded,
    EvidenceDisposed,
    FinePaid,
    HearingAnnounced,
    HearingHeld,
    HearingRequested,
    PenaltyDecided,
    PenaltyServed,
    PriorNoticeServed,
    RightsWaived,
    StatementHeard,
)
from ledger.systems.process.events import CaseArchived
from ledger.systems.publicity.events import (
    ActDecided,
    ActPublished,
    ActServed,
    ActWithdrawn,
    AnnualStatsFellDue,
    AnnualStatsPublished,
)
from ledger.systems.reconsideration.events import ReconDecisionServed
from ledger.systems.repair.events import (
    RepairAccepted,
    RepairApplied,
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
from ledger.systems.sharing.events import RemovalAcknowledged, RemovalNotified
from projections.inbox.waiting import Earlier, Waiting

_PUNISHING = "中华人民共和国行政处罚法"
_REPAIRING = "国家发展改革委令第36号：信用修复管理办法"
_CREDIT: frozenset[Role] = frozenset({"credit_officer"})

_UNDONE = (DecisionRevoked, DecisionDeclaredUnlawful, DecisionDeclaredVoid)


def _held(event: Any) -> bool:
    """Whether things are held: registered or seized, or registered first and then seized."""
    if isinstance(event, EvidenceAdded):
        return event.measure != "none"
    return bool(event.disposal == "seized")


def _investigators(event: CaseFiled) -> tuple[str, ...]:
    return tuple(event.investigators)


def _fines_nothing(event: Any) -> bool:
    """Whether nothing is left to pay: paid, undone, or altered to a penalty without a fine."""
    if not isinstance(event, DecisionAltered):
        return True
    return event.content is not None and not event.content.fine_fen


def _record_was_over(event: Any, earlier: Earlier) -> bool:
    """Whether a record of an altered decision ended: nothing of it is public again (2.17)."""
    if not isinstance(event, DecisionAltered):
        return False
    records: list[Any] = [
        entered.event for entered in earlier(CreditRecordEntered, f"decision:{event.decision}")
    ]
    ends: list[Any] = [
        ended.event
        for record in records
        for ended in earlier(PublicityTerminated, f"record:{record.record}")
    ]
    return any(end.reason in ("repaired", "max_reached") for end in ends)


WAITS: tuple[Waiting, ...] = (
    Waiting(
        "penalties.case-to-notify",
        "立案案件待告知: serve the prior notice",
        ("penalties/serve-prior-notice", "penalties/close-case"),
        opened_by=(CaseFiled,),
        closed_by=(PriorNoticeServed, PenaltyDecided, CaseClosed),
        about=("case",),
        persons=_investigators,
        due=("penalty.decide_cd",),
        law=f"{_PUNISHING} Art. 44",
    ),
    Waiting(
        "penalties.statement-to-hear",
        "陈述申辩待听取: hear the statement, or record that the right was waived",
        ("penalties/hear-statement", "penalties/waive-rights"),
        opened_by=(PriorNoticeServed,),
        closed_by=(StatementHeard, RightsWaived, PenaltyDecided, CaseClosed),
        about=("case",),
        ends=lambda event: "statement" in getattr(event, "rights", ("statement",)),
        law=f"{_PUNISHING} Art. 45",
    ),
    Waiting(
        "penalties.hearing-to-request",
        "可申请听证: ask for a hearing",
        ("penalties/request-hearing",),
        opened_by=(PriorNoticeServed,),
        closed_by=(HearingRequested, PenaltyDecided, CaseClosed),
        about=("case",),
        when=lambda event: event.hearing_right,
        due=("penalty.hearing.request",),
        law=f"{_PUNISHING} Art. 64",
    ),
    Waiting(
        "penalties.hearing-to-announce",
        "听证待通知: announce the hearing",
        ("penalties/announce-hearing",),
        opened_by=(HearingRequested,),
        closed_by=(HearingAnnounced, PenaltyDecided, CaseClosed),
        about=("case",),
        law=f"{_PUNISHING} Art. 64",
    ),
    Waiting(
        "penalties.hearing-to-hold",
        "听证待举行: hold the hearing",
        ("penalties/hold-hearing",),
        opened_by=(HearingAnnounced,),
        closed_by=(HearingHeld, PenaltyDecided, CaseClosed),
        about=("case",),
        law=f"{_PUNISHING} Art. 64",
    ),
    Waiting(
        "penalties.case-to-decide",
        "案件待决定: decide the penalty, or close the case",
        ("penalties/decide-penalty", "penalties/close-case"),
        opened_by=(CaseFiled,),
        closed_by=(PenaltyDecided, CaseClosed),
        about=("case",),
        persons=_investigators,
        due=("penalty.decide_cd",),
        law=f"{_PUNISHING} Art. 57, 60",
    ),
    Waiting(
        "penalties.decision-to-serve",
        "处罚决定待送达: serve the decision with the repair notice",
        ("penalties/serve-penalty",),
        opened_by=(PenaltyDecided,),
        closed_by=(PenaltyServed, *_UNDONE),
        about=("decision",),
        due=("penalty.serve_wd",),
        law=f"{_PUNISHING} Art. 61; 两书同达",
    ),
    Waiting(
        "penalties.decision-to-publish",
        "处罚决定待公开: publish the decision",
        ("penalties/publish-decision",),
        opened_by=(PenaltyDecided, DecisionAltered),
        closed_by=(DecisionPublished, *_UNDONE),
        about=("decision",),
        bars=_record_was_over,
        due=(
            "publicity.penalty_wd",
            "publicity.penalty_wd.altered_elsewhere",
            "recon.altered.publish",
        ),
        law=f"{_PUNISHING} Art. 48",
    ),
    Waiting(
        "penalties.decision-to-withdraw",
        "处罚决定待撤回: take the published text back and say why",
        ("penalties/withdraw-decision",),
        opened_by=(*_UNDONE, DecisionAltered),
        closed_by=(DecisionWithdrawn,),
        about=("decision",),
        after=(DecisionPublished,),
        due=("recon.withdraw", "recon.altered.withdraw"),
        law=f"{_PUNISHING} Art. 48: 三日内撤回",
    ),
    Waiting(
        "penalties.fine-to-pay",
        "罚款待缴纳: record the payment, defer it, or apply for enforcement",
        ("penalties/record-payment", "penalties/defer-payment", "penalties/apply-enforcement"),
        opened_by=(PenaltyServed, ReconDecisionServed),
        closed_by=(FinePaid, DecisionAltered, *_UNDONE),
        about=("decision",),
        when=lambda event: bool(event.fine_fen),
        ends=_fines_nothing,
        due=(
            "penalty.pay_cd",
            "penalty.pay.deferred",
            "penalty.pay_cd.altered",
            "penalty.pay_cd.altered_elsewhere",
        ),
        law=f"{_PUNISHING} Art. 66–67, 72",
    ),
    Waiting(
        "penalties.case-to-close",
        "案件待结案: close the case",
        ("penalties/close-case",),
        opened_by=(PenaltyDecided,),
        closed_by=(CaseClosed,),
        about=("case",),
        law="市场监督管理行政处罚程序规定：结案",
    ),
    Waiting(
        "penalties.evidence-to-dispose",
        "先行登记、查封扣押待处理: extend the seizure, or decide what becomes of the things",
        ("penalties/dispose-of-evidence", "penalties/extend-seizure"),
        opened_by=(EvidenceAdded, EvidenceDisposed),
        closed_by=(EvidenceDisposed,),
        about=("evidence",),
        when=_held,
        due=(
            "evidence.advance_registration",
            "seizure.max_cd",
            "seizure.max_cd.registered",
            "seizure.extend_cd",
        ),
        law=f"{_PUNISHING} Art. 56; 行政强制法 Art. 25",
    ),
    Waiting(
        "process.case-to-archive",
        "案卷待归档: archive the case",
        ("process/archive-case",),
        opened_by=(CaseClosed,),
        closed_by=(CaseArchived,),
        about=("case",),
        law="国办发〔2018〕118号：执法全过程记录",
    ),
    Waiting(
        "legalreview.draft-to-review",
        "重大执法决定待法制审核: conclude the review, or extend it",
        ("legalreview/conclude-legal-review", "legalreview/extend-legal-review"),
        opened_by=(LegalReviewRequested,),
        closed_by=(LegalReviewConcluded, CaseClosed),
        about=("case",),
        due=("legal_review_wd", "legal_review_extend_wd"),
        law=f"{_PUNISHING} Art. 58",
    ),
    Waiting(
        "legalreview.opinion-to-answer",
        "法制审核意见待处理: discuss collectively, submit a new draft, or override with minutes",
        (
            "penalties/hold-collective-discussion",
            "legalreview/request-legal-review",
            "legalreview/override-review-opinion",
        ),
        opened_by=(LegalReviewConcluded,),
        closed_by=(PenaltyDecided, CaseClosed),
        about=("case",),
        law=f"{_PUNISHING} Art. 57–58",
    ),
    Waiting(
        "leniency.correction-to-verify",
        "承诺改正待核实: verify that the promised correction was made",
        ("leniency/verify-promised-correction", "leniency/take-correction-commitment"),
        opened_by=(CorrectionCommitmentTaken,),
        closed_by=(PromisedCorrectionVerified,),
        about=("case",),
        due=("leniency.correction",),
        law=f"{_PUNISHING} Art. 33",
    ),
    Waiting(
        "leniency.list-to-review",
        "两轻一免清单待评估: review the list, and publish it anew",
        ("leniency/publish-leniency-list",),
        opened_by=(LeniencyListPublished,),
        closed_by=(LeniencyListPublished,),
        about=("unit",),
        due=("leniency.review_months",),
        law="《实施意见》任务六：柔性执法",
    ),
    Waiting(
        "publicity.act-to-serve",
        "行政行为待送达: serve the act",
        ("publicity/serve-act",),
        opened_by=(ActDecided,),
        closed_by=(ActServed, *_UNDONE),
        about=("decision",),
        law="国办发〔2018〕118号：行政执法公示",
    ),
    Waiting(
        "publicity.act-to-publish",
        "行政行为待公开: publish the act",
        ("publicity/publish-act",),
        opened_by=(ActDecided,),
        closed_by=(ActPublished, *_UNDONE),
        about=("decision",),
        when=lambda event: event.withheld_because is None,
        due=("publicity.other_wd", "publicity.penalty_wd.licence"),
        law="国办发〔2018〕118号：行政执法公示",
    ),
    Waiting(
        "publicity.act-to-withdraw",
        "行政行为待撤回: take the published text back and say why",
        ("publicity/withdraw-act",),
        opened_by=_UNDONE,
        closed_by=(ActWithdrawn,),
        about=("decision",),
        after=(ActPublished,),
        law="国办发〔2018〕118号：行政执法公示",
    ),
    Waiting(
        "publicity.stats-to-publish",
        "年度执法数据待公开: publish the annual statistics",
        ("publicity/publish-annual-stats",),
        opened_by=(AnnualStatsFellDue,),
        closed_by=(AnnualStatsPublished,),
        about=("stats",),
        due=("publicity.annual_stats",),
        law="国办发〔2018〕118号：每年1月31日前公开",
    ),
    Waiting(
        "credit.record-to-publish",
        "信用信息待公示: start the publicity of the record",
        ("credit/start-publicity",),
        opened_by=(CreditRecordEntered,),
        closed_by=(PublicityStarted, PublicityTerminated),
        about=("record",),
        when=lambda event: event.public,
        region=_CREDIT,
        due=("publicity.penalty_wd.record", "publicity.other_wd.record"),
        law="国办发〔2020〕49号；《实施意见》任务三",
    ),
    Waiting(
        "credit.publicity-to-resume",
        "公示暂停: resume the publicity once its ground is gone",
        ("credit/resume-publicity",),
        opened_by=(PublicitySuspended,),
        closed_by=(PublicityResumed, PublicityTerminated),
        about=("record",),
        region=_CREDIT,
        law="国办发〔2020〕49号",
    ),
    Waiting(
        "credit.objection-to-resolve",
        "信用异议待处理: resolve the objection",
        ("credit/resolve-objection",),
        opened_by=(ObjectionFiled,),
        closed_by=(ObjectionResolved,),
        about=("record",),
        due=("credit.objection_wd",),
        region=_CREDIT,
        law="国办发〔2020〕49号：信用信息异议",
    ),
    Waiting(
        "commitments.obligation-to-verify",
        "信用承诺待核实: record that the obligation was fulfilled, or establish the breach",
        ("commitments/fulfil-commitment", "commitments/establish-breach"),
        opened_by=(ObligationOpened,),
        closed_by=(CommitmentFulfilled, CommitmentBreached),
        about=lambda event: [(obligation_tag(event.commitment, event.obligation),)],
        main="obligation",
        due=("commitments.obligation",),
        region=_CREDIT,
        law="《实施意见》任务三：信用承诺",
    ),
    Waiting(
        "dishonesty.defence-to-submit",
        "失信认定告知: state a defence before the day given",
        ("dishonesty/submit-defence",),
        opened_by=(DeterminationNotified,),
        closed_by=(DefenceSubmitted, DefenceLapsed, DishonestyDetermined),
        about=("determination",),
        due=("dishonesty.defence",),
        law="国办发〔2020〕49号：事先告知、陈述申辩",
    ),
    Waiting(
        "dishonesty.determination-to-make",
        "失信认定待作出: determine the dishonesty once the defence is heard or has lapsed",
        ("dishonesty/determine-dishonesty",),
        opened_by=(DeterminationNotified,),
        closed_by=(DishonestyDetermined,),
        about=("determination",),
        law="国办发〔2020〕49号",
    ),
    Waiting(
        "dishonesty.listing-to-make",
        "严重失信待列入名单: add the business to the serious list",
        ("dishonesty/add-to-serious-list",),
        opened_by=(DishonestyDetermined,),
        closed_by=(SeriousListAdded,),
        about=("determination",),
        when=lambda event: event.severity == "serious",
        law="国办发〔2020〕49号：严重失信主体名单",
    ),
    Waiting(
        "dishonesty.listing-to-end",
        "严重失信名单在列: remove the business once its listing ends",
        ("dishonesty/remove-from-serious-list",),
        opened_by=(SeriousListAdded,),
        closed_by=(SeriousListRemoved,),
        about=("record",),
        region=_CREDIT,
        law="国办发〔2020〕49号：移出名单",
    ),
    Waiting(
        "dishonesty.criteria-to-publish",
        "名单认定标准征求意见: publish the criteria, or withdraw the proposal",
        ("dishonesty/publish-list-criteria", "dishonesty/withdraw-list-criteria"),
        opened_by=(ListCriteriaProposed,),
        closed_by=(ListCriteriaPublished, ListCriteriaWithdrawn),
        about=("list_field",),
        fills=lambda event: {"version": event.version},
        law="国办发〔2020〕49号",
    ),
    Waiting(
        "dishonesty.sanction-to-lift",
        "失信惩戒在施行: lift the measure once what it rests on ends",
        ("dishonesty/lift-sanction",),
        opened_by=(SanctionApplied,),
        closed_by=(SanctionLifted,),
        about=("sanction",),
        due=("dishonesty.sanction.until",),
        law="全国失信惩戒措施基础清单",
    ),
    Waiting(
        "dishonesty.incentive-to-grant",
        "守信激励待兑现: grant the promised incentive",
        ("dishonesty/grant-incentive", "dishonesty/end-incentive"),
        opened_by=(IncentivePromised,),
        closed_by=(IncentiveGranted, IncentiveEnded),
        about=("incentive",),
        due=("dishonesty.incentive",),
        region=_CREDIT,
        law="《实施意见》任务三：守信激励",
    ),
    Waiting(
        "dishonesty.incentive-to-end",
        "守信激励在施行: end the incentive once its time or its ground is over",
        ("dishonesty/end-incentive",),
        opened_by=(IncentiveGranted,),
        closed_by=(IncentiveEnded,),
        about=("incentive",),
        due=("dishonesty.incentive.until",),
        region=_CREDIT,
        law="《实施意见》任务三：守信激励",
    ),
    Waiting(
        "repair.application-to-forward",
        "修复申请待转送: forward the application to the unit that determined the records",
        ("repair/forward-repair",),
        opened_by=(RepairApplied,),
        closed_by=(RepairForwarded, RepairNotAccepted),
        about=("repair",),
        region=_CREDIT,
        fills=lambda event: {"to_unit": event.unit},
        due=("repair.green_precheck_wd",),
        law=_REPAIRING,
    ),
    Waiting(
        "repair.application-to-accept",
        "修复申请待受理: accept the application, refuse it, or ask for what is missing",
        (
            "repair/accept-repair",
            "repair/not-accept-repair",
            "repair/request-repair-supplement",
        ),
        opened_by=(RepairForwarded, RepairSupplemented),
        closed_by=(RepairAccepted, RepairNotAccepted, RepairSupplementRequested),
        about=("repair",),
        due=("repair.accept_wd", "repair.accept_wd.supplemented"),
        law=_REPAIRING,
    ),
    Waiting(
        "repair.application-to-supplement",
        "修复申请待补正: hand in what is missing",
        ("repair/supplement-repair",),
        opened_by=(RepairSupplementRequested,),
        closed_by=(RepairSupplemented,),
        about=("repair",),
        region=_CREDIT,
        law=_REPAIRING,
    ),
    Waiting(
        "repair.case-to-decide",
        "修复申请待决定: grant the repair, refuse it with reasons, or extend",
        ("repair/grant-repair", "repair/refuse-repair", "repair/extend-repair"),
        opened_by=(RepairAccepted,),
        closed_by=(RepairGranted, RepairRefused),
        about=("repair",),
        due=(
            "repair.decide_wd",
            "repair.extend_wd",
            "repair.green_channel_wd",
            "repair.feedback_wd",
            "samr.regime.decide_wd",
        ),
        law=_REPAIRING,
    ),
    Waiting(
        "repair.result-to-synchronise",
        "修复结果待同步: report that each platform has removed the records",
        ("repair/synchronise-repair",),
        opened_by=(RepairGranted,),
        closed_by=(RepairSynchronised, RepairRevoked),
        about=("repair",),
        region=_CREDIT,
        due=("repair.sync_wd.platforms",),
        law=_REPAIRING,
    ),
    Waiting(
        "repair.result-to-push",
        "修复结果待推送: push the result to the market-supervision system",
        ("repair/push-repair",),
        opened_by=(RepairGranted,),
        closed_by=(RepairPushed, RepairRevoked),
        about=("repair",),
        when=lambda event: event.push_to is not None,
        region=_CREDIT,
        due=("samr.regime.push_wd",),
        law="市场监督管理信用修复管理办法",
    ),
    Waiting(
        "sharing.removal-to-confirm",
        "移除通知待确认: confirm that the record was removed",
        ("sharing/acknowledge-removal",),
        opened_by=(RemovalNotified,),
        closed_by=(RemovalAcknowledged,),
        about=("removal",),
        region=_CREDIT,
        due=("repair.sync_wd", "repair.sync_alert_wd"),
        told=True,
        law=_REPAIRING,
    ),
)
