"""Steps of credit records, commitments, dishonesty, repair and sharing."""

from __future__ import annotations

from datetime import date
from typing import Any

from msgspec.structs import replace

from ledger.systems.commitments import commands as commitments
from ledger.systems.credit import commands as credit
from ledger.systems.dishonesty import commands as dishonesty
from ledger.systems.repair import commands as repair
from ledger.systems.sharing import commands as sharing
from tests.sequences.book import Thing
from tests.sequences.drafts import Draft
from tests.sequences.prelude import instrument
from tests.sequences.steps import OFTEN, RARE, Table
from tests.sequences.town import UNITS, actor

TABLE = Table()
add = TABLE.add

BASIS = [{"instrument": "中华人民共和国食品安全法", "article": "113"}]
PROOFS = [
    {"shows": "conduct_corrected", "ref": "整改报告1号"},
    {"shows": "obligations_performed", "ref": "缴款凭证1号"},
]


def _unit(x: Draft) -> str:
    return x.pick(UNITS)


def _other_unit(x: Draft) -> str:
    return x.pick(unit for unit in UNITS if unit != x.unit)


add(
    credit.EnterCreditRecord,
    "decision",
    after="PenaltyServed",
    before="CreditRecordEntered DecisionRevoked DecisionDeclaredVoid DecisionDeclaredUnlawful",
    new="record",
    label="of a decision",
    kind="penalty",
    determined_on=lambda x: x.thing.record("PenaltyDecided").occurred_on,
    title="行政处罚",
    public=lambda x: x.thing.last("PenaltyDecided").severity != "minor",
    severity=lambda x: x.thing.last("PenaltyDecided").severity,
    sector=lambda x: x.thing.last("PenaltyDecided").sector,
    amount_fen=lambda x: x.thing.last("PenaltyDecided").fine_fen,
    instrument=lambda x: replace(instrument(x.town), doc_no=x.thing.last("PenaltyDecided").doc_no),
    decision=lambda x: x.thing.id,
    sent_by="unit_head",
)
add(
    credit.EnterCreditRecord,
    new="record",
    label="of an old penalty",
    unit=_unit,
    entity=lambda x: x.business(),
    kind="penalty",
    determined_on=lambda x: x.day(-x.dice.choice((1, 3, 40, 200, 400))),
    title="行政处罚",
    severity=lambda x: x.pick(("minor", "general", "general", "serious")),
    public=lambda x: x.body["severity"] != "minor",
    amount_fen=500_000,
    instrument=lambda x: {
        "kind": "penalty_decision",
        "doc_no": x.name("罚"),
        "effective_on": x.body["determined_on"],
    },
    sent_by="unit_head",
)
add(
    credit.EnterCreditRecord,
    new="record",
    label="of other kinds",
    unit=_unit,
    entity=lambda x: x.business(),
    kind=lambda x: x.pick(("honour", "judgment", "abnormal_list", "licence")),
    determined_on=lambda x: x.day(-x.dice.choice((1, 3, 40))),
    title="信用信息",
    public=lambda x: x.chance(0.7),
    instrument=lambda x: {
        "kind": {
            "honour": "other",
            "judgment": "judgment",
            "abnormal_list": "list_decision",
            "licence": "licence_decision",
        }[x.body["kind"]],
        "doc_no": x.name("文"),
        "effective_on": x.body["determined_on"],
        **({"allowed_by": "食品安全法 Art. 113"} if x.body["kind"] == "honour" else {}),
    },
    sent_by="unit_head",
)
add(
    credit.StartPublicity,
    "record",
    after="CreditRecordEntered",
    before="PublicityStarted PublicityTerminated",
    when=lambda x: (
        x.thing.get("public")
        and (x.thing.get("severity") != "minor")
        and x.thing.get("determined_on") > x.day(-300)
    ),
    channels=["credit_china", "unit_site"],
    sent_by="unit_head",
)


def _shown(x: Draft) -> bool:
    """Whether the record is public and not suspended."""
    return len(x.thing.events("PublicitySuspended")) == len(x.thing.events("PublicityResumed"))


ENDED = "PublicityTerminated"
add(
    credit.SuspendPublicity,
    "record",
    after="PublicityStarted",
    before=ENDED,
    when=_shown,
    ground=lambda x: x.pick(("stopped_by_reconsideration", "stopped_by_court")),
    sent_by="unit_head",
)
add(
    credit.ResumePublicity,
    "record",
    after="PublicitySuspended",
    before=ENDED,
    when=lambda x: not _shown(x),
    sent_by="unit_head",
)
add(
    credit.TerminatePublicity,
    "record",
    after="PublicityStarted",
    before=ENDED,
    reason="correction",
    note="说明",
    sent_by="unit_head",
    weight=RARE,
)
add(
    credit.FileObjection,
    "record",
    after="CreditRecordEntered",
    before=ENDED,
    when=lambda x: (
        len(x.thing.events("ObjectionFiled")) == len(x.thing.events("ObjectionResolved"))
    ),
    entity=lambda x: x.thing.get("entity"),
    sent_by="entity_rep",
)
add(
    credit.ResolveObjection,
    "record",
    after="ObjectionFiled",
    before=ENDED,
    when=lambda x: len(x.thing.events("ObjectionFiled")) > len(x.thing.events("ObjectionResolved")),
    outcome=lambda x: x.pick(("rejected", "rejected", "upheld")),
    sent_by="unit_head",
)

# Commitments.
add(
    commitments.MakeCommitment,
    new="commitment",
    unit=_unit,
    entity=lambda x: x.business(),
    type=lambda x: x.pick(("approval_substitute", "tolerant_acceptance", "voluntary")),
    obligations=lambda x: [
        {"obligation": "O-1", "due_on": x.day(3), "says": "补齐消防证明"},
        {"obligation": "O-2", "due_on": x.day(40)},
    ],
    public=True,
    text_hash=lambda x: x.digest(),
    sent_by="unit_head",
)
add(
    commitments.MakeCommitment,
    "record",
    after="PublicityStarted",
    before=ENDED,
    new="commitment",
    label="for repair",
    when=lambda x: x.thing.get("severity") in ("minor", "general"),
    entity=lambda x: x.thing.get("entity"),
    type="repair",
    obligations=lambda x: [{"obligation": "O-1", "due_on": x.day(60), "says": "整改"}],
    public=True,
    text_hash=lambda x: x.digest(),
    sent_by="unit_head",
)


def _open(x: Draft) -> list[str]:
    done = {
        e.obligation
        for name in ("CommitmentFulfilled", "CommitmentBreached", "ObligationFulfilled")
        for e in x.thing.events(name)
        if hasattr(e, "obligation")
    }
    made = [o.obligation for o in x.thing.last("CommitmentMade").obligations]
    return [name for name in made if name not in done]


add(
    commitments.FulfilCommitment,
    "commitment",
    after="CommitmentMade",
    before="CommitmentBreached",
    when=_open,
    obligation=lambda x: x.pick(_open(x)),
    evidence=["验收单1号"],
    sent_by="unit_head",
)
add(
    commitments.EstablishBreach,
    "commitment",
    after="CommitmentMade",
    before="CommitmentBreached",
    new="record",
    when=lambda x: (
        "O-1" in _open(x) and x.thing.last("CommitmentMade").obligations[0].due_on < x.day(-1)
    ),
    obligation="O-1",
    evidence=["核查记录7号"],
    notice_ref=lambda x: x.name("告"),
    notified_on=lambda x: x.day(-1),
    sent_by="unit_head",
)

# Dishonesty: determinations, lists, measures.
add(
    dishonesty.ProposeListCriteria,
    list_field="food_drug",
    unit="EDB",
    proposal={
        "name": "食品药品严重失信主体名单",
        "basis": {
            "level": "law",
            "instrument": "中华人民共和国食品安全法",
            "article": "113",
        },
        "criteria": ["因食品安全违法被吊销许可证"],
    },
    url="https://example.org/criteria",
    sent_by="credit_officer",
)


def _in_force(field: Thing) -> bool:
    """Whether the field of the list has criteria."""
    published, withdrawn = (
        len(field.events(f"ListCriteria{n}")) for n in ("Published", "Withdrawn")
    )
    return published > withdrawn


def _versions(x: Draft) -> list[int]:
    published = {e.version for e in x.thing.events("ListCriteriaPublished")}
    return [e.version for e in x.thing.events("ListCriteriaProposed") if e.version not in published]


add(
    dishonesty.PublishListCriteria,
    "list-field",
    after="ListCriteriaProposed",
    when=lambda x: (
        _versions(x) and x.thing.record("ListCriteriaProposed").occurred_on <= x.day(-31)
    ),
    version=lambda x: max(_versions(x)),
    sent_by="credit_officer",
)
add(
    dishonesty.WithdrawListCriteria,
    "list-field",
    after="ListCriteriaPublished",
    when=lambda x: _in_force(x.thing),
    sent_by="credit_officer",
    weight=RARE,
)
add(
    dishonesty.PublishMeasureCatalogue,
    unit="EDB",
    items=[
        {
            "measure": "more-checks",
            "kind": "sanction",
            "says": "列为重点监管对象",
            "basis": [{"instrument": "国办发〔2019〕35号"}],
        },
        {
            "measure": "fast-lane",
            "kind": "incentive",
            "says": "容缺受理",
            "basis": [{"instrument": "国办发〔2019〕35号"}],
        },
    ],
    source={"instrument": "国办发〔2019〕35号"},
)
add(
    dishonesty.NotifyDetermination,
    new="determination",
    when=lambda x: x.today >= date(2026, 4, 1),  # the first version of severity.map
    unit=_unit,
    entity=lambda x: x.business(),
    notice_no=lambda x: x.name("告"),
    facts="使用非食品原料生产食品",
    ground="licence_revocation",
    severity="serious",
    basis=BASIS,
    defence_until=lambda x: x.day(14),
    sector="food",
    list_field=lambda x: (
        "food_drug"
        if x.book.of("list-field", "ListCriteriaPublished", "ListCriteriaWithdrawn")
        else None
    ),
)
add(
    dishonesty.SubmitDefence,
    "determination",
    after="DeterminationNotified",
    before="DefenceSubmitted DefenceLapsed DishonestyDetermined",
    entity=lambda x: x.thing.get("entity"),
    sent_by="entity_rep",
)
add(
    dishonesty.DetermineDishonesty,
    "determination",
    after="DeterminationNotified",
    before="DishonestyDetermined",
    when=lambda x: (
        "DefenceSubmitted" in x.thing.names
        or x.thing.last("DeterminationNotified").defence_until < x.today
    ),
    severity=lambda x: x.thing.last("DeterminationNotified").severity,
    instrument=lambda x: instrument(x.town, "list_decision"),
    basis=BASIS,
    defence_handling="不予采纳",
    record=lambda x: None if x.thing.get("list_field") else x.name("record"),
    kind="other",
    title="失信行为认定",
    public=True,
    catalogue_item="其他失信信息",
    necessity_reason="公众知情",
)
add(
    dishonesty.AddToSeriousList,
    "determination",
    after="DishonestyDetermined",
    before="SeriousListAdded",
    new="record",
    when=lambda x: (
        (name := x.thing.get("list_field")) is not None
        and _in_force(x.book.thing("list-field", name))
    ),
    record=lambda x: x.name("record"),
    instrument=lambda x: instrument(x.town, "list_decision"),
    reason="吊销许可证",
)
add(
    dishonesty.RemoveFromSeriousList,
    "record",
    after="SeriousListAdded",
    before="SeriousListRemoved",
    reason="source_delisted",
    weight=RARE,
)


def _measured(x: Draft) -> bool:
    return bool(x.book.of("measure-catalogue") or x.book.of("unit", "MeasureCataloguePublished"))


LIVE_RECORD = "PublicityTerminated RepairGranted"
add(
    dishonesty.ApplySanction,
    "record",
    after="CreditRecordEntered PublicityStarted",
    before=ENDED,
    new="sanction",
    when=lambda x: _measured(x) and x.thing.get("severity") in ("general", "serious"),
    measure="more-checks",
    note="说明",
    sent_by="unit_head",
)
add(
    dishonesty.LiftSanction,
    "sanction",
    after="SanctionApplied",
    before="SanctionLifted",
    reason="correction",
    note="适用有误",
    sent_by="unit_head",
    weight=RARE,
)
add(
    dishonesty.PromiseIncentive,
    new="incentive",
    when=_measured,
    unit=_unit,
    entity=lambda x: x.business(),
    measure="fast-lane",
    ground="连续两年无不良记录",
    apply_by=lambda x: x.day(30),
    sent_by="unit_head",
)
add(
    dishonesty.GrantIncentive,
    "incentive",
    after="IncentivePromised",
    before="IncentiveGranted IncentiveEnded",
    measure="fast-lane",
    entity=lambda x: x.thing.get("entity"),
    until=lambda x: x.day(60),
    sent_by="unit_head",
)
add(
    dishonesty.EndIncentive,
    "incentive",
    after="IncentiveGranted",
    before="IncentiveEnded",
    reason="correction",
    note="说明",
    sent_by="unit_head",
    weight=RARE,
)


# Repair.
def _barred(x: Draft) -> bool:
    """Whether the business broke a promise of repair, or misled somebody about one."""
    entity = x.thing.get("entity")
    broken = x.book.of("commitment", "CommitmentBreached")
    misled = x.book.of("repair", "RepairMisconductRecorded")
    return any(t.get("entity") == entity for t in (*broken, *misled))


CLOSED = "RepairGranted RepairRefused RepairNotAccepted"
add(
    repair.ApplyRepair,
    "record",
    after="CreditRecordEntered PublicityStarted",
    before=f"{ENDED} RepairExcluded",
    new="repair",
    weight=OFTEN,
    when=lambda x: (
        x.thing.get("severity") in ("minor", "general")
        and x.thing.last("PublicityStarted").min_until < x.today
        and not _barred(x)
        and all(
            not x.book.thing("repair", r).names.isdisjoint(CLOSED.split())
            for r in {e.repair for e in x.thing.events("RepairApplied")}
        )
    ),
    records=lambda x: [x.thing.id],
    entity=lambda x: x.thing.get("entity"),
    channel="credit_china",
    proofs=PROOFS,
    commitment=lambda x: (
        x.some(
            "commitment",
            "CommitmentMade",
            "CommitmentBreached",
            entity=x.body["entity"],
            type="repair",
        ).id
    ),
    sent_by="entity_rep",
)


def _determined_by(x: Draft) -> str:
    """Whose record it is that is to be repaired."""
    record = x.thing.last("RepairApplied").records[0]
    return str(x.book.thing("record", record).get("unit"))


add(
    repair.ForwardRepair,
    "repair",
    after="RepairApplied",
    before=f"RepairForwarded RepairAccepted {CLOSED}",
    to_unit=_determined_by,
)


def _decider(x: Draft) -> Any:
    return actor("unit_head", _determined_by(x))


add(
    repair.AcceptRepair,
    "repair",
    after="RepairForwarded",
    before=f"RepairAccepted {CLOSED}",
    weight=OFTEN,
    when=lambda x: (
        len(x.thing.events("RepairSupplementRequested"))
        == len(x.thing.events("RepairSupplemented"))
    ),
    sent_by=_decider,
)
add(
    repair.RequestRepairSupplement,
    "repair",
    weight=OFTEN,
    after="RepairForwarded",
    before=f"RepairAccepted RepairSupplementRequested {CLOSED}",
    missing=["缴款凭证原件"],
    sent_by=_decider,
)
add(
    repair.SupplementRepair,
    "repair",
    after="RepairSupplementRequested",
    before=f"RepairSupplemented {CLOSED}",
    entity=lambda x: x.thing.get("entity"),
    proofs=lambda x: [{"shows": "other", "ref": x.name("原件")}],
    sent_by="entity_rep",
)
add(
    repair.NotAcceptRepair,
    "repair",
    after="RepairForwarded",
    before=f"RepairAccepted RepairSupplementRequested {CLOSED}",
    reasons=[{"says": "材料不实"}],
    sent_by=_decider,
    weight=RARE,
)
add(
    repair.ExtendRepair,
    "repair",
    after="RepairAccepted",
    before=f"RepairExtended {CLOSED}",
    sent_by=_decider,
)
add(
    repair.GrantRepair,
    "repair",
    after="RepairAccepted",
    before=CLOSED,
    verification="现场核查",
    verified=["conduct_corrected", "obligations_performed"],
    sent_by=_decider,
)
add(
    repair.RefuseRepair,
    "repair",
    after="RepairAccepted",
    before=CLOSED,
    reasons=[{"says": "整改不到位"}],
    remedy="60日内申请行政复议",
    sent_by=_decider,
    weight=RARE,
)
add(
    repair.RevokeRepair,
    "repair",
    after="RepairGranted",
    before="RepairRevoked",
    facts="缴款凭证系伪造",
    evidence=["鉴定意见1号"],
    sent_by=_decider,
    weight=RARE,
)
add(
    repair.SynchroniseRepair,
    "repair",
    after="RepairGranted",
    before="RepairSynchronised RepairRevoked",
    target=lambda x: x.pick(
        set(x.thing.last("RepairGranted").targets)
        - {e.target for e in x.thing.events("RepairResultSynchronised")}
    ),
    acked_on=lambda x: x.today,
    sent_by="credit_officer",
)
add(
    repair.PushRepair,
    "repair",
    after="RepairGranted",
    before="RepairPushed RepairRevoked",
    when=lambda x: x.thing.last("RepairGranted").push_to is not None,
    sent_by=_decider,
)
add(
    repair.RecordDutiesPerformed,
    "record",
    after="CreditRecordEntered",
    before="DutiesPerformed PublicityTerminated",
    performed_on=lambda x: x.today,
    evidence=["缴款系统流水"],
    sent_by="unit_head",
)
add(
    repair.ExcludeFromRepair,
    "record",
    after="CreditRecordEntered",
    before=f"RepairExcluded {ENDED}",
    when=lambda x: x.thing.get("severity") == "serious",
    law={"instrument": "发改办财金〔2019〕527号", "article": "特定严重"},
    sent_by="unit_head",
)
add(
    repair.ReadmitToRepair,
    "record",
    after="RepairExcluded",
    before="RepairReadmitted",
    sent_by="unit_head",
)
add(
    repair.GrantTemporaryShield,
    "record",
    after="PublicityStarted",
    before=f"TemporaryShieldGranted {ENDED}",
    when=lambda x: _shown(x) and x.thing.get("severity") is not None,
    entity=lambda x: x.thing.get("entity"),
    records=lambda x: [x.thing.id],
    court_ruling="(2026)甘01破3号",
    ruled_on=lambda x: x.today,
    until=lambda x: x.day(180),
    sent_by="unit_head",
)
add(
    repair.RecordRepairMisconduct,
    "repair",
    after="RepairAccepted",
    before="RepairMisconductRecorded",
    facts="伪造",
    evidence=["鉴定"],
    sent_by=_decider,
    weight=RARE,
)
add(
    repair.ReportRepairFee,
    entity=lambda x: x.business(),
    collected_by="某信用修复咨询公司",
    unit=lambda x: x.pick((None, _unit(x))),
    sent_by="jb_supervisor",
)

# Sharing.
add(
    sharing.SubscribeFeed,
    new="subscription",
    unit="BANK",
    purpose="贷款审批中查询失信信息",
    legal_basis=({"instrument": "征信业管理条例", "article": "Art 21"},),
    sent_by="subscriber_system",
)
add(
    sharing.UnsubscribeFeed,
    "subscription",
    after="FeedSubscribed",
    before="FeedUnsubscribed",
    sent_by="subscriber_system",
    weight=RARE,
)
add(
    sharing.AcknowledgeRemoval,
    "removal",
    after="RemovalNotified",
    before="RemovalAcknowledged",
    removed_on=lambda x: x.today,
    sent_by="subscriber_system",
)
add(
    sharing.DeclineRecognition,
    "subscription",
    after="FeedSubscribed",
    before="FeedUnsubscribed",
    record=lambda x: x.some("record", "RecordShared", f"RecognitionDeclined {ENDED}").id,
    sent_by="subscriber_system",
)
add(
    sharing.ReportRecordUse,
    "record",
    after="PublicityTerminated",
    unit=lambda x: x.pick(("BANK", *UNITS)),
    entity=lambda x: x.thing.get("entity"),
    used_on=lambda x: x.today,
    sent_by="jb_supervisor",
)
add(
    sharing.ReportRepeatedRequest,
    "record",
    after="CreditRecordEntered",
    unit=lambda x: x.pick(unit for unit in UNITS if unit != x.thing.get("unit")),
    entity=lambda x: x.thing.get("entity"),
    asked_on=lambda x: x.today,
    sent_by="jb_supervisor",
)
