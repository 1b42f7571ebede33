"""Items that wait in the catalogue, plans, inspections, draws, joint visits and observation."""

from __future__ import annotations

from typing import Any

from ledger.general.vocabulary import Role
from ledger.systems.catalogue.events import (
    MatterListed,
    MatterPublished,
    MatterRevised,
    MatterWithdrawn,
)
from ledger.systems.draws.events import (
    DrawAnnounced,
    DrawExecuted,
    DrawExemptionRequested,
    DrawResultPublished,
    DrawSeedRevealed,
    DrawTargetExempted,
    DrawTargetInspected,
    DrawTargetReleased,
    DrawTargetSelected,
    DrawVoided,
    OfficersAssigned,
)
from ledger.systems.filing.events import (
    AnnualPlanApproved,
    AnnualPlanFiled,
    EntryScanned,
    FilingAccepted,
    FilingReturned,
    InspectionCancelled,
    InspectionConcluded,
    InspectionNoticeIssued,
    InspectionTaskApproved,
    OnSiteInspectionClosed,
    OnSiteInspectionOpened,
    OnSiteRecordSigned,
    PlanAmended,
    PlanPublished,
    ResultNotified,
    SpecialInspectionFiled,
    SpecialPlanApproved,
    VisitRated,
)
from ledger.systems.joint.events import (
    JoinAccepted,
    JoinDeclined,
    JoinOffered,
    JointCancelled,
    JointPlanned,
    JointVisitHeld,
)
from ledger.systems.keylist.events import (
    KeyDesignationEnded,
    KeyDesignationReviewed,
    KeyUnitDescribed,
    KeyUnitDesignated,
)
from ledger.systems.observation.events import (
    CorrectionVerified,
    ObservationExpired,
    ObservationExtended,
    ObservationGranted,
    ObservationTerminated,
    SoftMeasureTaken,
)
from projections.inbox.waiting import Waiting

_PLANS = "《实施意见》任务一：检查计划备案"
_VISITS = "国办发〔2024〕54号：规范涉企行政检查"
_DRAWN = "《实施意见》任务二：双随机、一公开"
_JOINTLY = "《实施意见》任务八：跨部门联动响应协作机制"
_KEY = "《实施意见》任务四：重点监管"

_OPERATORS: frozenset[Role] = frozenset({"draw_coordinator", "office_head", "unit_head"})


def _task_officers(event: Any) -> tuple[str, ...]:
    return tuple(event.officers)


def _before_the_visit(event: InspectionTaskApproved) -> bool:
    """Return whether the visit is still to come; an emergency visit is approved after it began."""
    return not event.emergency


WAITS: tuple[Waiting, ...] = (
    Waiting(
        "catalogue.matter-to-publish",
        "行政执法事项待公布，或者取消: publish the matter, or withdraw it",
        ("catalogue/publish-matter", "catalogue/revise-matter", "catalogue/withdraw-matter"),
        opened_by=(MatterListed, MatterRevised),
        closed_by=(MatterPublished, MatterWithdrawn),
        about=("matter",),
        due=("catalogue.publish_wd", "catalogue.publish_wd.revised"),
        law="国办发〔2024〕54号：未经公布的，不得实施",
    ),
    Waiting(
        "filing.plan-to-file",
        "行政执法检查计划待报司法局备案: file the plan with the Justice Bureau",
        ("filing/file-annual-plan",),
        opened_by=(AnnualPlanApproved, PlanAmended),
        closed_by=(AnnualPlanFiled,),
        about=("plan",),
        due=("filing.plan_wd", "filing.plan_wd.amended"),
        law=_PLANS,
    ),
    Waiting(
        "filing.plan-to-accept",
        "检查计划备案待审查：受理，或者说明理由退回: "
        "accept the filed plan, or return it with reasons",
        ("filing/accept-filing", "filing/return-filing"),
        opened_by=(AnnualPlanFiled,),
        closed_by=(FilingAccepted, FilingReturned),
        about=("plan",),
        region=frozenset({"jb_supervisor"}),
        law=_PLANS,
    ),
    Waiting(
        "filing.plan-to-amend",
        "检查计划备案被退回，待按退回理由调整后重新备案: "
        "amend the returned plan as the reasons demand, and file it again",
        ("filing/amend-plan", "filing/file-annual-plan"),
        opened_by=(FilingReturned,),
        closed_by=(PlanAmended, AnnualPlanFiled),
        about=("plan",),
        law=_PLANS,
    ),
    Waiting(
        "filing.plan-to-publish",
        "检查计划待公布: publish the plan",
        ("filing/publish-plan",),
        opened_by=(AnnualPlanApproved, PlanAmended, SpecialPlanApproved),
        closed_by=(PlanPublished,),
        about=("plan",),
        law=_PLANS,
    ),
    Waiting(
        "filing.special-to-file",
        "专项检查计划待报本单位法制机构备案: "
        "file the special inspection with the unit's own legal office",
        ("filing/file-special-inspection",),
        opened_by=(SpecialPlanApproved,),
        closed_by=(SpecialInspectionFiled,),
        about=("plan",),
        fills=lambda event: {"special_plan": event.plan},
        law=_PLANS,
    ),
    Waiting(
        "filing.filing-to-approve",
        "检查已备案，检查任务待审批: approve an inspection task under the filing",
        ("filing/approve-task",),
        opened_by=(SpecialInspectionFiled,),
        closed_by=(InspectionTaskApproved,),
        about=("filing",),
        # A filing made after an emergency covers that visit alone (FIL-R2).
        when=lambda event: event.task is None,
        law=_PLANS,
    ),
    Waiting(
        "filing.emergency-to-file",
        "紧急检查待补办备案: file the emergency inspection that has already begun",
        ("filing/file-special-inspection",),
        opened_by=(OnSiteInspectionOpened,),
        closed_by=(SpecialInspectionFiled,),
        about=("task",),
        when=lambda event: bool(event.emergency),
        due=("filing.emergency_wd",),
        law=_VISITS,
    ),
    Waiting(
        "filing.emergency-to-approve",
        "紧急检查待补办审批: approve the emergency inspection that has already begun",
        ("filing/approve-task",),
        opened_by=(OnSiteInspectionOpened,),
        closed_by=(InspectionTaskApproved,),
        about=("task",),
        when=lambda event: bool(event.emergency),
        due=("filing.emergency_wd.approval",),
        law=_VISITS,
    ),
    Waiting(
        "filing.task-to-announce",
        "检查任务已批准，待送达检查通知书，或者取消检查: "
        "serve the inspection notice, or cancel the inspection",
        ("filing/issue-inspection-notice", "filing/cancel-inspection"),
        opened_by=(InspectionTaskApproved,),
        closed_by=(
            InspectionNoticeIssued,
            OnSiteInspectionOpened,
            InspectionConcluded,
            InspectionCancelled,
        ),
        about=("task",),
        when=_before_the_visit,
        persons=_task_officers,
        law=_VISITS,
    ),
    Waiting(
        "filing.task-to-enter",
        "检查人员入企待扫码，或者取消检查: "
        "scan the entry code at the business, or cancel the inspection",
        ("filing/scan-entry", "filing/cancel-inspection"),
        opened_by=(InspectionTaskApproved, OnSiteInspectionOpened),
        closed_by=(
            EntryScanned,
            OnSiteInspectionClosed,
            InspectionConcluded,
            InspectionCancelled,
        ),
        about=("task",),
        # After the opening, a scan is still due in an emergency or after an outage.
        when=lambda event: (
            _before_the_visit(event)
            if isinstance(event, InspectionTaskApproved)
            else event.emergency or event.scan_outage
        ),
        persons=_task_officers,
        law=_VISITS,
    ),
    Waiting(
        "filing.visit-to-open",
        "现场检查待开始：出示执法证件和检查通知书，告知权利: "
        "open the inspection: show the certificates and the notice, and inform the business "
        "of its rights",
        (
            "filing/open-inspection",
            "filing/conclude-inspection",
            "filing/cancel-inspection",
        ),
        opened_by=(InspectionTaskApproved,),
        closed_by=(OnSiteInspectionOpened, InspectionConcluded, InspectionCancelled),
        about=("task",),
        when=_before_the_visit,
        persons=_task_officers,
        law=_VISITS,
    ),
    Waiting(
        "filing.visit-to-sign",
        "现场检查笔录待签字: have the on-site record signed",
        ("filing/sign-on-site-record",),
        opened_by=(OnSiteInspectionOpened,),
        closed_by=(OnSiteRecordSigned, OnSiteInspectionClosed, InspectionConcluded),
        about=("task",),
        persons=_task_officers,
        law=_VISITS,
    ),
    Waiting(
        "filing.visit-to-close",
        "现场检查待结束，检查人员离开时间待记录: record when the officers left the business",
        ("filing/close-inspection",),
        opened_by=(OnSiteInspectionOpened,),
        closed_by=(OnSiteInspectionClosed, InspectionConcluded),
        about=("task",),
        persons=_task_officers,
        law=_VISITS,
    ),
    Waiting(
        "filing.visit-to-conclude",
        "检查结果待录入: record the result of the inspection",
        ("filing/conclude-inspection",),
        opened_by=(OnSiteInspectionOpened,),
        closed_by=(InspectionConcluded, InspectionCancelled),
        about=("task",),
        persons=_task_officers,
        due=("inspection.data_entry_wd",),
        law=_VISITS,
    ),
    Waiting(
        "filing.result-to-notify",
        "检查结果告知书待送达企业: notify the business of the result",
        ("filing/notify-result",),
        opened_by=(InspectionConcluded,),
        closed_by=(ResultNotified,),
        about=("task",),
        due=("inspection.result_notice_wd",),
        law=_VISITS,
    ),
    Waiting(
        "filing.visit-to-rate",
        "企业可以评价本次入企检查: rate the visit, if the business wants to",
        ("filing/rate-visit",),
        opened_by=(OnSiteInspectionClosed,),
        closed_by=(VisitRated,),
        about=("task",),
        told=True,
        law=_VISITS,
    ),
    Waiting(
        "draws.commitment-to-reveal",
        "承诺值待揭示: reveal the secret value that was committed to",
        ("draws/reveal-commitment",),
        opened_by=(DrawAnnounced,),
        closed_by=(DrawSeedRevealed, DrawVoided),
        about=("draw",),
        when=lambda event: any(getattr(s, "commitment", None) for s in event.sources),
        law=_DRAWN,
    ),
    Waiting(
        "draws.seed-to-reveal",
        "随机种子待公布：公告的随机源均已公开后公布，或者作废抽查: "
        "reveal the seed when all announced sources are public, or void the draw",
        ("draws/reveal-seed", "draws/void-draw"),
        opened_by=(DrawAnnounced,),
        closed_by=(DrawSeedRevealed, DrawVoided),
        about=("draw",),
        roles=_OPERATORS,
        law=_DRAWN,
    ),
    Waiting(
        "draws.draw-to-execute",
        "随机种子已公布，待随机抽取，或者作废抽查: "
        "make the draw from the frozen roster, or void the draw",
        ("draws/execute-draw", "draws/void-draw"),
        opened_by=(DrawSeedRevealed,),
        closed_by=(DrawExecuted, DrawVoided),
        about=("draw",),
        law=_DRAWN,
    ),
    Waiting(
        "draws.officers-to-assign",
        "检查对象已抽中，待随机选派检查人员: "
        "assign officers to the drawn business in the drawn order",
        ("draws/assign-officers",),
        opened_by=(DrawTargetSelected,),
        closed_by=(OfficersAssigned, DrawTargetExempted, DrawTargetReleased),
        about=("target",),
        due=("draw.inspect_by",),
        law=_DRAWN,
    ),
    Waiting(
        "draws.task-to-approve",
        "检查人员已选派，检查任务待审批: approve the inspection of the drawn business",
        ("filing/approve-task",),
        opened_by=(OfficersAssigned,),
        closed_by=(
            InspectionTaskApproved,
            DrawTargetInspected,
            DrawTargetExempted,
            DrawTargetReleased,
        ),
        about=("entity", "draw"),
        law=_DRAWN,
    ),
    Waiting(
        "draws.exemption-to-decide",
        "免予检查申请待决定: decide whether to exempt the drawn business",
        ("draws/exempt-target",),
        opened_by=(DrawExemptionRequested,),
        closed_by=(DrawTargetExempted, DrawTargetInspected, DrawTargetReleased),
        about=("target",),
        but=lambda record: record.envelope.actor.person_id,
        law=_DRAWN,
    ),
    Waiting(
        "draws.result-to-publish",
        "抽查检查结果待公示: publish the result of the inspection",
        ("draws/publish-draw-result",),
        opened_by=(InspectionConcluded,),
        closed_by=(DrawResultPublished,),
        about=("task",),
        due=("draw.result_publish_wd",),
        law=_DRAWN,
    ),
    Waiting(
        "joint.part-to-offer",
        "联合检查待邀请其他单位参加: offer the other units their parts in the joint visit",
        ("joint/offer-join",),
        opened_by=(JointPlanned,),
        closed_by=(JointVisitHeld, JointCancelled),
        about=("joint",),
        when=lambda event: len(event.participants) > 1,
        law=_JOINTLY,
    ),
    Waiting(
        "joint.part-to-accept",
        "联合检查邀请待答复：同意参加，或者说明理由不参加: "
        "accept a part in the joint visit, or decline with a reason",
        ("joint/accept-join", "joint/decline-join", "filing/approve-task"),
        opened_by=(JoinOffered,),
        closed_by=(JoinAccepted, JoinDeclined, JointVisitHeld, JointCancelled),
        ended_for_all=(JointVisitHeld, JointCancelled),
        # The participating units may read the joint visit and how it ended.
        told=True,
        about=("joint", "unit"),
        law=_JOINTLY,
    ),
    Waiting(
        "joint.task-to-approve",
        "参加联合检查，本单位检查任务待审批: approve the unit's own task in the joint visit",
        ("filing/approve-task",),
        opened_by=(JoinAccepted, JointPlanned),
        closed_by=(InspectionTaskApproved, JointVisitHeld, JointCancelled),
        ended_for_all=(JointVisitHeld, JointCancelled),
        # The participating units may read the joint visit and how it ended.
        told=True,
        about=("joint", "unit"),
        law=_JOINTLY,
    ),
    Waiting(
        "joint.visit-to-record",
        "联合检查实施情况待记录，或者取消联合检查: record the joint visit, or cancel it",
        ("joint/record-joint-visit", "joint/cancel-joint"),
        opened_by=(JointPlanned,),
        closed_by=(JointVisitHeld, JointCancelled),
        about=("joint",),
        law=_JOINTLY,
    ),
    Waiting(
        "keylist.designation-to-track",
        "重点监管单位待跟踪监管：直接指导，记录走访情况: "
        "guide the business and record each tracking visit",
        ("keylist/provide-guidance", "keylist/log-tracking-visit"),
        # KeyUnitDescribed names the officer who follows up, visible to the unit and the supervisors
        # alone; older KeyUnitDesignated events name the officer themselves.
        opened_by=(KeyUnitDesignated, KeyUnitDescribed),
        closed_by=(KeyDesignationEnded,),
        about=("designation",),
        when=lambda event: event.tracking_officer is not None,
        persons=lambda event: (event.tracking_officer,),
        due=("key.follow_up", "key.follow_up.again"),
        law=_KEY,
    ),
    Waiting(
        "keylist.designation-to-review",
        "重点监管单位待复核：继续保留，或者解除: review the designation: keep it, or end it",
        ("keylist/review-key-designation", "keylist/end-key-designation"),
        opened_by=(KeyUnitDesignated, KeyDesignationReviewed),
        closed_by=(KeyDesignationReviewed, KeyDesignationEnded),
        about=("designation",),
        when=lambda event: getattr(event, "outcome", "keep") == "keep",
        due=("key.review", "key.review.again"),
        law=_KEY,
    ),
    Waiting(
        "observation.period-to-end",
        "留观期即将届满：延长或者终止；不处理的，到期自动终止: "
        "extend the observation period, or end it; otherwise it ends on its last day",
        ("observation/extend-observation", "observation/terminate-observation"),
        opened_by=(ObservationGranted, ObservationExtended),
        closed_by=(ObservationTerminated, ObservationExpired),
        about=("observation",),
        due=("observation.end", "observation.end.extended"),
        law="《实施意见》任务五：包容审慎监管",
    ),
    Waiting(
        "observation.correction-to-verify",
        "柔性措施要求的整改情况待核实: verify that the business made the correction",
        ("observation/verify-correction",),
        opened_by=(SoftMeasureTaken,),
        closed_by=(CorrectionVerified,),
        about=("soft_measure",),
        due=("observation.soft_measure",),
        law="《实施意见》任务五：包容审慎监管",
    ),
)
