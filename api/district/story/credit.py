"""The credit record: a promise, patience, a correction, a repair, a serious list, a reward."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from api.district.story.common import CHUNHE, DIGEST, FOOD_LAW, HUANGHE, LANSHI, fined
from api.district.walk import Walk
from ledger.systems.repair.events import RepairGranted
from ledger.systems.sharing.events import RemovalNotified


def plan(walk: Walk) -> None:
    """The promise in the first week, the way back in the ninth month."""
    walk.later(3, partial(_promise, walk), at="11:00")
    walk.later(215, partial(_objection, walk))
    walk.later(236, partial(_promise_to_improve, walk))
    walk.later(240, partial(_repair, walk))
    walk.later(270, partial(_reward, walk))
    walk.later(280, partial(_serious, walk))
    walk.later(90, partial(_shield, walk))


def _promise(walk: Walk) -> None:
    """A promise in place of a document, and patience with a new way of selling."""
    commitment = f"CMT-{walk.today.year}-01"
    walk.send(
        "Chunhe",
        "commitments/make-commitment",
        commitment=commitment,
        entity=CHUNHE,
        unit="MRB",
        type="approval_substitute",
        text_hash=DIGEST,
        obligations=[
            {
                "obligation": "场所证明",
                "due_on": walk.after(50).isoformat(),
                "says": "补齐场所证明",
            }
        ],
        public=True,
    )
    walk.send(
        "MRB head",
        "observation/grant-observation",
        observation="OBS-1",
        entity=CHUNHE,
        unit="MRB",
        four_new_kind="business_form",
        activity="直播带货食品",
        policy_basis={"level": "national", "instrument": "国办发〔2019〕38号"},
        domain="food_drug",
        bottom_lines=["safety", "fraud"],
        months=12,
    )
    walk.later(45, partial(_kept, walk, commitment, "场所证明"))


def _kept(walk: Walk, commitment: str, obligation: str) -> None:
    outcome = walk.send(
        "MRB head",
        "commitments/fulfil-commitment",
        commitment=commitment,
        obligation=obligation,
        evidence=[f"{obligation}原件"],
    )
    record = next(
        (event.event.record for event in outcome.events if hasattr(event.event, "record")), None
    )
    if record is not None:
        walk.send("MRB head", "credit/start-publicity", record=record, channels=["credit_china"])


def _objection(walk: Walk) -> None:
    """The title was typed short; the business objects, and two people correct it."""
    record = fined(walk, CHUNHE)
    walk.send(
        "Chunhe",
        "credit/file-objection",
        record=record,
        entity=CHUNHE,
        grounds="公示标题未写明违法事由",
        evidence_refs=[record.replace("CR", "DEC")],
    )
    entered = walk.recorded("credit.credit-record-entered", f"record:{record}")[-1]
    title = entered.event.title  # type: ignore[attr-defined]
    walk.sign(
        "MRB officer",
        "MRB head",
        "corrections/correct-record",
        target_position=entered.position,
        field_changes=[
            {"path": "/body/title", "old": title, "new": f"{title}（经营超过保质期的食品）"}
        ],
        reason="标题补充违法事由",
    )
    walk.send(
        "MRB head",
        "credit/resolve-objection",
        record=record,
        outcome="partly_upheld",
        explanation="标题已更正，记录继续公示",
    )


def _promise_to_improve(walk: Walk) -> None:
    walk.send(
        "Chunhe",
        "commitments/make-commitment",
        commitment=f"CMT-{walk.today.year}-02",
        entity=CHUNHE,
        unit="MRB",
        type="repair",
        text_hash=DIGEST,
        obligations=[
            {
                "obligation": "自查",
                "due_on": walk.after(200).isoformat(),
                "says": "每月自查保质期",
            }
        ],
        public=True,
    )


def _repair(walk: Walk) -> None:
    record, repair = fined(walk, CHUNHE), f"REP-{walk.today.year}-01"
    commitment = next(
        event.event.commitment  # type: ignore[attr-defined]
        for event in reversed(walk.recorded("commitments.commitment-made", f"entity:{CHUNHE}"))
    )
    walk.send(
        "MRB head",
        "repair/record-duties-performed",
        record=record,
        duty="conduct_corrected",
        performed_on=(walk.today - timedelta(days=1)).isoformat(),
        evidence=["复查记录"],
    )
    walk.send(
        "Chunhe",
        "repair/apply-repair",
        repair=repair,
        entity=CHUNHE,
        records=[record],
        channel="credit_china",
        commitment=commitment,
        proofs=[
            {"shows": "conduct_corrected", "ref": "整改报告"},
            {"shows": "obligations_performed", "ref": "缴款凭证"},
        ],
    )
    walk.send("EDB", "repair/forward-repair", repair=repair, to_unit="MRB")
    walk.later(1, lambda: walk.send("MRB legal", "repair/accept-repair", repair=repair))
    walk.later(5, partial(_granted, walk, repair))


def _granted(walk: Walk, repair: str) -> None:
    """Publicity, sharing, the measure and the grade end in one append."""
    outcome = walk.send(
        "MRB head",
        "repair/grant-repair",
        repair=repair,
        verified=["conduct_corrected", "obligations_performed"],
        verification="现场核查，缴款系统核对",
    )
    assert isinstance(outcome.events[0].event, RepairGranted)
    removals = [e.event.removal for e in outcome.events if isinstance(e.event, RemovalNotified)]
    walk.later(1, partial(_removed, walk, repair, removals))


def _removed(walk: Walk, repair: str, removals: list[str]) -> None:
    today = walk.today.isoformat()
    for removal in removals:
        walk.send("BANK", "sharing/acknowledge-removal", removal=removal, removed_on=today)
    for target in ("credit_china", "unit_site"):
        walk.send(
            "MRB head",
            "repair/synchronise-repair",
            repair=repair,
            target=target,
            acked_on=today,
        )


def _reward(walk: Walk) -> None:
    """Who keeps faith gets a faster lane."""
    incentive = {
        "incentive": f"INC-{walk.today.year}-01",
        "entity": "91620100MA7LX20474",
        "unit": "MRB",
        "measure": "fast-lane",
    }
    walk.send(
        "MRB head",
        "dishonesty/promise-incentive",
        **incentive,
        ground="信用等级为A",
        apply_by=walk.after(30).isoformat(),
    )
    until = (walk.today + timedelta(days=365)).isoformat()
    walk.later(
        14,
        lambda: walk.send("MRB head", "dishonesty/grant-incentive", **incentive, until=until),
    )


def _serious(walk: Walk) -> None:
    """A business is told, heard, put on the serious list, and kept from public tenders."""
    determination = f"DET-{walk.today.year}-01"
    until = walk.after(7)
    walk.send(
        "MRB officer",
        "dishonesty/notify-determination",
        determination=determination,
        entity=HUANGHE,
        unit="MRB",
        notice_no=f"兰新市监失告〔{walk.today.year}〕1号",
        facts="使用非食品原料生产食品",
        ground="licence_revocation",
        severity="serious",
        basis=[{"instrument": FOOD_LAW, "article": "113"}],
        defence_until=until.isoformat(),
        sector="food",
        list_field="food_drug",
    )
    days = (until - walk.today).days + 1
    walk.later(days, partial(_listed, walk, determination))


def _listed(walk: Walk, determination: str) -> None:
    year = walk.today.year
    instrument = {
        "kind": "list_decision",
        "doc_no": f"兰新市监失〔{year}〕1号",
        "effective_on": walk.today.isoformat(),
    }
    walk.send(
        "MRB head",
        "dishonesty/determine-dishonesty",
        determination=determination,
        severity="serious",
        instrument=instrument,
        basis=[{"instrument": FOOD_LAW, "article": "113"}],
    )
    record = f"CR-{year}-LIST-01"
    walk.send(
        "MRB head",
        "dishonesty/add-to-serious-list",
        determination=determination,
        record=record,
        instrument=instrument,
        reason="吊销许可证",
    )
    walk.send(
        "MRB head",
        "dishonesty/apply-sanction",
        sanction=f"SAN-{year}-02",
        entity=HUANGHE,
        unit="MRB",
        record=record,
        measure="no-tenders",
        until=(walk.today + timedelta(days=700)).isoformat(),
    )


def _shield(walk: Walk) -> None:
    """A grade by hand: one person asks for it, a second one approves it."""
    walk.sign(
        "EDB",
        "EDB second",
        "grading/override-grade",
        entity=LANSHI,
        scheme="国市监信发〔2022〕6号",
        grade="C",
        factors=[{"kind": "external_assessment", "says": "安全生产标准化达标"}],
        override_reason="省级部门复评结果更新",
    )
