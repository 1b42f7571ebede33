"""Items that wait in penalty cases, decisions, publicity, credit records, repair and sharing."""

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

_PUNISHING = "《中华人民共和国行政处罚法》"
_REPAIRING = "《信用修复管理办法》（国家发展改革委令第36号）"
_CREDIT: frozenset[Role] = frozenset({"credit_officer"})

_UNDONE = (DecisionRevoked, DecisionDeclaredUnlawful, DecisionDeclaredVoid)


def _held(event: Any) -> bool:
    """Return whether the event leaves evidence held: registered in advance, or seized."""
    if isinstance(event, EvidenceAdded):
        return event.measure != "none"
    return bool(event.disposal == "seized")


def _investigators(event: CaseFiled) -> tuple[str, ...]:
    return tuple(event.investigators)


def _fines_nothing(event: Any) -> bool:
    """Return whether nothing is left to pay: paid, undone, or altered to a penalty without fine."""
    if not isinstance(event, DecisionAltered):
        return True
    return event.content is not None and not event.content.fine_fen


def _record_was_over(event: Any, earlier: Earlier) -> bool:
    """Return whether the credit record of an altered decision had ended already.

    The altered decision is then not published again (2.17).
    """
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
        "案件已立案，待送达行政处罚事先告知书，或者结案: "
        "serve the prior notice of the penalty, or close the case",
        ("penalties/serve-prior-notice", "penalties/close-case"),
        opened_by=(CaseFiled,),
        closed_by=(PriorNoticeServed, PenaltyDecided, CaseClosed),
        about=("case",),
        persons=_investigators,
        due=("penalty.decide_cd",),
        law=f"{_PUNISHING}第44条",
    ),
    Waiting(
        "penalties.statement-to-hear",
        "当事人陈述、申辩待听取，或者待记录其放弃权利: "
        "hear what the business states in its defence, or record that it waives this right",
        ("penalties/hear-statement", "penalties/waive-rights"),
        opened_by=(PriorNoticeServed,),
        closed_by=(StatementHeard, RightsWaived, PenaltyDecided, CaseClosed),
        about=("case",),
        ends=lambda event: "statement" in getattr(event, "rights", ("statement",)),
        law=f"{_PUNISHING}第45条",
    ),
    Waiting(
        "penalties.hearing-to-request",
        "当事人可以要求听证: ask for a hearing, if the business wants one",
        ("penalties/request-hearing",),
        opened_by=(PriorNoticeServed,),
        closed_by=(HearingRequested, PenaltyDecided, CaseClosed),
        about=("case",),
        when=lambda event: event.hearing_right,
        due=("penalty.hearing.request",),
        law=f"{_PUNISHING}第64条",
    ),
    Waiting(
        "penalties.hearing-to-announce",
        "当事人已要求听证，待通知听证时间、地点: announce when and where the hearing takes place",
        ("penalties/announce-hearing",),
        opened_by=(HearingRequested,),
        closed_by=(HearingAnnounced, PenaltyDecided, CaseClosed),
        about=("case",),
        law=f"{_PUNISHING}第64条",
    ),
    Waiting(
        "penalties.hearing-to-hold",
        "听证已通知，待举行: hold the hearing that was announced",
        ("penalties/hold-hearing",),
        opened_by=(HearingAnnounced,),
        closed_by=(HearingHeld, PenaltyDecided, CaseClosed),
        about=("case",),
        law=f"{_PUNISHING}第64条",
    ),
    Waiting(
        "penalties.case-to-decide",
        "案件待作出行政处罚决定，或者结案: decide the penalty, or close the case",
        ("penalties/decide-penalty", "penalties/close-case"),
        opened_by=(CaseFiled,),
        closed_by=(PenaltyDecided, CaseClosed),
        about=("case",),
        persons=_investigators,
        due=("penalty.decide_cd",),
        law=f"{_PUNISHING}第57条、第60条",
    ),
    Waiting(
        "penalties.decision-to-serve",
        "行政处罚决定书和信用修复告知书待送达: "
        "serve the penalty decision together with the notice on credit repair",
        ("penalties/serve-penalty",),
        opened_by=(PenaltyDecided,),
        closed_by=(PenaltyServed, *_UNDONE),
        about=("decision",),
        due=("penalty.serve_wd",),
        law=f"{_PUNISHING}第61条；两书同达",
    ),
    Waiting(
        "penalties.decision-to-publish",
        "行政处罚决定待公开: publish the penalty decision",
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
        law=f"{_PUNISHING}第48条",
    ),
    Waiting(
        "penalties.decision-to-withdraw",
        "已公开的行政处罚决定待撤回，并公开说明理由: "
        "withdraw the published decision and state the reason in public",
        ("penalties/withdraw-decision",),
        opened_by=(*_UNDONE, DecisionAltered),
        closed_by=(DecisionWithdrawn,),
        about=("decision",),
        after=(DecisionPublished,),
        due=("recon.withdraw", "recon.altered.withdraw"),
        law=f"{_PUNISHING}第48条：三日内撤回",
    ),
    Waiting(
        "penalties.fine-to-pay",
        "罚款待缴纳：登记缴款、批准暂缓或者分期缴纳，或者申请强制执行: "
        "record the payment of the fine, defer it, or apply for enforcement",
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
        law=f"{_PUNISHING}第66条、第67条、第72条",
    ),
    Waiting(
        "penalties.case-to-close",
        "行政处罚决定已作出，案件待结案: close the case in which the penalty was decided",
        ("penalties/close-case",),
        opened_by=(PenaltyDecided,),
        closed_by=(CaseClosed,),
        about=("case",),
        law="《市场监督管理行政处罚程序规定》：结案",
    ),
    Waiting(
        "penalties.evidence-to-dispose",
        "先行登记保存或者查封、扣押的物品待处理，或者延长查封、扣押期限: "
        "decide what happens to the items held as evidence, or extend the seizure",
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
        law=f"{_PUNISHING}第56条；《中华人民共和国行政强制法》第25条",
    ),
    Waiting(
        "process.case-to-archive",
        "案件已结案，案卷待归档: archive the file of the closed case",
        ("process/archive-case",),
        opened_by=(CaseClosed,),
        closed_by=(CaseArchived,),
        about=("case",),
        law="国办发〔2018〕118号：执法全过程记录",
    ),
    Waiting(
        "legalreview.draft-to-review",
        "重大执法决定待法制审核：出具审核意见，或者延长审核期限: "
        "conclude the legal review of the draft decision, or extend the review",
        ("legalreview/conclude-legal-review", "legalreview/extend-legal-review"),
        opened_by=(LegalReviewRequested,),
        closed_by=(LegalReviewConcluded, CaseClosed),
        about=("case",),
        due=("legal_review_wd", "legal_review_extend_wd"),
        law=f"{_PUNISHING}第58条",
    ),
    Waiting(
        "legalreview.opinion-to-answer",
        "法制审核意见待处理：集体讨论、重新提请审核，或者记录不采纳的理由: "
        "act on the review opinion: discuss it collectively, submit a new draft, or override "
        "it and record why",
        (
            "penalties/hold-collective-discussion",
            "legalreview/request-legal-review",
            "legalreview/override-review-opinion",
        ),
        opened_by=(LegalReviewConcluded,),
        closed_by=(PenaltyDecided, CaseClosed),
        about=("case",),
        law=f"{_PUNISHING}第57条、第58条",
    ),
    Waiting(
        "leniency.correction-to-verify",
        "当事人承诺的改正情况待核实: verify that the business made the correction that it promised",
        ("leniency/verify-promised-correction", "leniency/take-correction-commitment"),
        opened_by=(CorrectionCommitmentTaken,),
        closed_by=(PromisedCorrectionVerified,),
        about=("case",),
        due=("leniency.correction",),
        law=f"{_PUNISHING}第33条",
    ),
    Waiting(
        "leniency.list-to-review",
        "两轻一免清单待评估，并重新公布: review the leniency list and publish it again",
        ("leniency/publish-leniency-list",),
        opened_by=(LeniencyListPublished,),
        closed_by=(LeniencyListPublished,),
        about=("unit",),
        due=("leniency.review_months",),
        law="《实施意见》任务六：柔性执法",
    ),
    Waiting(
        "publicity.act-to-serve",
        "行政执法决定待送达: serve the decision",
        ("publicity/serve-act",),
        opened_by=(ActDecided,),
        closed_by=(ActServed, *_UNDONE),
        about=("decision",),
        law="国办发〔2018〕118号：行政执法公示",
    ),
    Waiting(
        "publicity.act-to-publish",
        "行政执法决定待公开: publish the decision",
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
        "已公开的行政执法决定待撤下，并公开说明理由: "
        "withdraw the published decision and state the reason in public",
        ("publicity/withdraw-act",),
        opened_by=_UNDONE,
        closed_by=(ActWithdrawn,),
        about=("decision",),
        after=(ActPublished,),
        law="国办发〔2018〕118号：行政执法公示",
    ),
    Waiting(
        "publicity.stats-to-publish",
        "年度行政执法数据待公开: publish the enforcement statistics of the year",
        ("publicity/publish-annual-stats",),
        opened_by=(AnnualStatsFellDue,),
        closed_by=(AnnualStatsPublished,),
        about=("stats",),
        due=("publicity.annual_stats",),
        law="国办发〔2018〕118号：每年1月31日前公开",
    ),
    Waiting(
        "credit.record-to-publish",
        "信用信息记录待公示: start the publicity of the credit record",
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
        "信用信息已中止公示，中止事由消除后待恢复公示: "
        "resume the publicity of the credit record when the reason for its suspension has ended",
        ("credit/resume-publicity",),
        opened_by=(PublicitySuspended,),
        closed_by=(PublicityResumed, PublicityTerminated),
        about=("record",),
        region=_CREDIT,
        law="国办发〔2020〕49号",
    ),
    Waiting(
        "credit.objection-to-resolve",
        "信用信息异议申请待处理: resolve the objection to the credit record",
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
        "信用承诺事项待核实：记录已履行，或者认定违背承诺: "
        "record that the obligation was fulfilled, or establish that it was breached",
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
        "已收到失信行为认定告知，可以在期限内陈述、申辩: "
        "submit a defence against the intended determination before the day that the notice gives",
        ("dishonesty/submit-defence",),
        opened_by=(DeterminationNotified,),
        closed_by=(DefenceSubmitted, DefenceLapsed, DishonestyDetermined),
        about=("determination",),
        due=("dishonesty.defence",),
        law="国办发〔2020〕49号：事先告知、陈述申辩",
    ),
    Waiting(
        "dishonesty.determination-to-make",
        "失信行为待认定：听取陈述、申辩后或者期限届满后作出认定: "
        "make the determination of dishonesty after the defence was heard or its period has ended",
        ("dishonesty/determine-dishonesty",),
        opened_by=(DeterminationNotified,),
        closed_by=(DishonestyDetermined,),
        about=("determination",),
        law="国办发〔2020〕49号",
    ),
    Waiting(
        "dishonesty.listing-to-make",
        "已认定严重失信，待列入严重失信主体名单: "
        "add the business to the list of seriously dishonest businesses",
        ("dishonesty/add-to-serious-list",),
        opened_by=(DishonestyDetermined,),
        closed_by=(SeriousListAdded,),
        about=("determination",),
        when=lambda event: event.severity == "serious",
        law="国办发〔2020〕49号：严重失信主体名单",
    ),
    Waiting(
        "dishonesty.listing-to-end",
        "企业在严重失信主体名单内，列入期限届满后待移出: "
        "remove the business from the list of seriously dishonest businesses when its listing ends",
        ("dishonesty/remove-from-serious-list",),
        opened_by=(SeriousListAdded,),
        closed_by=(SeriousListRemoved,),
        about=("record",),
        region=_CREDIT,
        law="国办发〔2020〕49号：移出名单",
    ),
    Waiting(
        "dishonesty.criteria-to-publish",
        "名单认定标准正在征求意见：公布标准，或者撤回: "
        "publish the proposed criteria of the list, or withdraw them",
        ("dishonesty/publish-list-criteria", "dishonesty/withdraw-list-criteria"),
        opened_by=(ListCriteriaProposed,),
        closed_by=(ListCriteriaPublished, ListCriteriaWithdrawn),
        about=("list_field",),
        fills=lambda event: {"version": event.version},
        law="国办发〔2020〕49号",
    ),
    Waiting(
        "dishonesty.sanction-to-lift",
        "失信惩戒措施正在实施，依据消失后待解除: "
        "lift the sanction when the ground on which it rests has ended",
        ("dishonesty/lift-sanction",),
        opened_by=(SanctionApplied,),
        closed_by=(SanctionLifted,),
        about=("sanction",),
        due=("dishonesty.sanction.until",),
        law="《全国失信惩戒措施基础清单》",
    ),
    Waiting(
        "dishonesty.incentive-to-grant",
        "承诺给予的守信激励待兑现: grant the incentive that was promised",
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
        "守信激励正在实施，期限届满或者依据消失后待终止: "
        "end the incentive when its period or its ground has ended",
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
        "信用修复申请待转送认定单位: "
        "forward the application to the unit that determined the records",
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
        "信用修复申请待受理：受理、不予受理，或者一次性告知补正: "
        "accept the application, refuse to accept it, or ask once for everything that is missing",
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
        "信用修复申请待补正材料: submit the documents that the application lacks",
        ("repair/supplement-repair",),
        opened_by=(RepairSupplementRequested,),
        closed_by=(RepairSupplemented,),
        about=("repair",),
        region=_CREDIT,
        law=_REPAIRING,
    ),
    Waiting(
        "repair.case-to-decide",
        "信用修复申请待决定：准予、说明理由不予修复，或者延长办理期限: "
        "grant the repair, refuse it with reasons, or extend the period for the decision",
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
        "信用修复结果待同步：报告各平台已移除相关信息: "
        "report, for each platform, that it has removed the repaired records",
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
        "信用修复结果待推送至企业所在省市场监管系统: "
        "send the result of the repair to the market-supervision system of the business's own "
        "province",
        ("repair/push-repair",),
        opened_by=(RepairGranted,),
        closed_by=(RepairPushed, RepairRevoked),
        about=("repair",),
        when=lambda event: event.push_to is not None,
        region=_CREDIT,
        due=("samr.regime.push_wd",),
        law="《市场监督管理信用修复管理办法》",
    ),
    Waiting(
        "sharing.removal-to-confirm",
        "已收到移除通知，待移除信息并确认: remove the record and confirm that it was removed",
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
