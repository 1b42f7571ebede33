"""What several chapters do: a visit to a business, a case that is decided, a public value."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from api.district.walk import Walk
from ledger.systems.credit.events import CreditRecordEntered

CHUNHE = "91620100MA7LX2012H"
QINGTIAN = "91620100MA7LX2020C"
YUFENG = "91620100MA7LX20399"
BAIHE = "91620100MA7LX2063R"
LONGWEI = "91620100MA7LX2071L"
JINSUI = "91620100MA7LX208XC"
HUANGHE = "91620100MA7LX2098C"
XINHE = "91620100MA7LX21000"
GANLU = "91620100MA7LX2127P"
HENGYUE = "91620100MA7LX2143D"
LANSHI = "91620100MA7LX216X0"
YINWU = "91620100MA7LX2207B"

#: The digest that stands for a document kept elsewhere.
DIGEST = "5f" * 32
SITE = "https://xinqu.example.org"
FOOD_LAW = "中华人民共和国食品安全法"
EXPIRED_FOOD = "FS-034"
FINE = 500_000


def numbered(kind: str, walk: Walk, number: int) -> str:
    """Return an id such as CASE-2026-03."""
    return f"{kind}-{walk.today.year}-{number:02d}"


def approve(walk: Walk, task: str, entity: str, days: int, **changed: Any) -> str:
    """Approve a task of MRB on the first working day at least ``days`` days from now."""
    unit = changed.pop("unit", "MRB")
    body = {
        "kind": "daily",
        "trigger": "plan",
        "matters": ["M-101"],
        "officers": ["OFF-001", "OFF-002"],
        "non_onsite_considered": {
            "written": True,
            "shared_data": True,
            "remote": True,
            "conclusion": "insufficient",
        },
        **changed,
    }
    day = walk.after(days)
    walk.send(
        f"{unit} head",
        "filing/approve-task",
        task=task,
        unit=unit,
        entity=entity,
        planned_on=day.isoformat(),
        **body,
    )
    return day.isoformat()


def enter(walk: Walk, who: str, task: str, officers: list[str], code: str | None = None) -> None:
    """Enter on an approved task: the notice, the scan at the door, the opening."""
    certificates = walk.district.certificates()
    walk.send(who, "filing/issue-inspection-notice", task=task, notice_no=f"检通 {task}")
    walk.send(
        who, "filing/scan-entry", task=task, act_code=code or f"入企码 {task}", device="执法终端-07"
    )
    walk.send(
        who,
        "filing/open-inspection",
        task=task,
        officers=officers,
        certs_shown=[certificates[officer] for officer in officers],
        notice_shown=True,
        rights_informed=True,
        conduct_rules_informed=True,
    )


def leave(walk: Walk, who: str, task: str, result: str) -> None:
    """Finish a visit: sign the record, close and conclude it."""
    walk.send(
        who,
        "filing/sign-on-site-record",
        task=task,
        record_digest=DIGEST,
        entity_signature="现场负责人",
    )
    walk.send(who, "filing/close-inspection", task=task)
    walk.send(who, "filing/conclude-inspection", task=task, result=result)


def visit(
    walk: Walk,
    task: str,
    result: str,
    officers: list[str],
    who: str = "MRB officer",
    *,
    published_after: int | None = 3,
) -> None:
    """Carry out a task today, in fifty minutes; publish its result some days later."""
    enter(walk, who, task, officers)
    walk.now += timedelta(minutes=50)
    leave(walk, who, task, result)
    if published_after is not None:
        walk.later(published_after, partial(report_result, walk, task, who), at="10:00")


def report_result(walk: Walk, task: str, who: str = "MRB officer") -> None:
    """Tell the business the result of a visit and publish it."""
    walk.send(who, "filing/notify-result", task=task)
    walk.send(who, "draws/publish-draw-result", task=task)


def conduct(walk: Walk, act: str, **changed: Any) -> dict[str, Any]:
    """Return the conduct of a case about something that was found today."""
    today = walk.today.isoformat()
    return {
        "violation_code": EXPIRED_FOOD,
        "act": act,
        "first_on": today,
        "last_on": today,
        **changed,
    }


def open_case(walk: Walk, case: str, entity: str, **changed: Any) -> None:
    """File a case of MRB today."""
    body = {
        "conduct": conduct(walk, f"货架上有超过保质期的食品（{case}）"),
        "cause": "涉嫌经营超过保质期的食品",
        "source": "inspection",
        "investigators": ["OFF-001", "OFF-002"],
        **changed,
    }
    walk.send("MRB head", "penalties/file-case", case=case, entity=entity, unit="MRB", **body)


def tell_fine(walk: Walk, case: str, fine_fen: int, **changed: Any) -> None:
    """Serve the prior notice of a fine, to be answered within a week."""
    walk.send(
        "MRB officer",
        "penalties/serve-prior-notice",
        case=case,
        notice_no=f"兰新市监罚告〔{walk.today.year}〕{case}",
        facts="经营超过保质期的食品",
        types=["fine"],
        fine_fen=fine_fen,
        respond_by=(walk.today + timedelta(days=7)).isoformat(),
        **changed,
    )


def doc_no(decision: str, year: int) -> str:
    """Return the document number of a penalty decision."""
    return f"兰新市监罚〔{year}〕{int(decision.rsplit('-', 1)[1])}号"


def decide(
    walk: Walk, decision: str, case: str, entity: str, fine_fen: int, **changed: Any
) -> None:
    """Decide a fine."""
    walk.send(
        "MRB head",
        "penalties/decide-penalty",
        decision=decision,
        case=case,
        unit="MRB",
        entity=entity,
        doc_no=doc_no(decision, walk.today.year),
        types=["fine"],
        fine_fen=fine_fen,
        severity="general",
        facts="经营超过保质期的食品",
        **changed,
    )


def document(walk: Walk, case: str, *steps: str) -> None:
    """Record a document of each of these steps of a case, taken now."""
    for step in steps:
        walk.send(
            "MRB officer",
            "process/record-process-step",
            case=case,
            evidence=f"{case}-{step}",
            step=step,
            medium="text",
            evidence_hash=DIGEST,
            taken_at=walk.now.isoformat(),
        )


def enter_record(walk: Walk, record: str, entity: str, decision: str, fine_fen: int) -> None:
    """Put a decision of MRB on the credit record today, and before the public."""
    walk.send(
        "MRB head",
        "credit/enter-credit-record",
        record=record,
        entity=entity,
        unit="MRB",
        kind="penalty",
        determined_on=walk.today.isoformat(),
        title=f"行政处罚：罚款{fine_fen // 100:,}元",
        public=True,
        severity="general",
        amount_fen=fine_fen,
        decision=decision,
        instrument={
            "kind": "penalty_decision",
            "doc_no": doc_no(decision, walk.today.year),
            "effective_on": walk.today.isoformat(),
        },
    )
    walk.send(
        "MRB head",
        "credit/start-publicity",
        record=record,
        channels=["credit_china", "unit_site"],
    )


def fined(walk: Walk, entity: str) -> str:
    """Return the newest credit record of a fine on a business."""
    records = walk.recorded(CreditRecordEntered.TOPIC, f"entity:{entity}")
    return next(
        event.record
        for record in reversed(records)
        if isinstance(event := record.event, CreditRecordEntered) and event.kind == "penalty"
    )


def public_values(moment: datetime) -> dict[str, str]:
    """Return public values that will be known at ``moment``, made up: their names and values."""
    day = moment.date()
    number = day.timetuple().tm_yday
    balls = sorted((number * step) % 33 + 1 for step in (5, 7, 11, 13, 17, 19))
    return {
        f"双色球第{day.year}{number * 3 // 7:03d}期": " ".join(f"{ball:02d}" for ball in balls),
        f"上证综指{day}收盘": f"{3900 + number}.{number % 90 + 10}",
    }
