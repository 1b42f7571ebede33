"""What is under way today, and waits in the inbox of a unit."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from api.district.story.common import (
    BAIHE,
    DIGEST,
    HUANGHE,
    JINSUI,
    LONGWEI,
    QINGTIAN,
    YUFENG,
    approve,
    fined,
    open_case,
    tell_fine,
    visit,
)
from api.district.walk import Walk


def plan(walk: Walk) -> None:
    """The last three weeks."""
    walk.later(375, partial(_case, walk))
    walk.later(377, partial(_repair, walk))
    walk.later(380, partial(_reconsideration, walk))
    walk.later(381, partial(_visit, walk))
    walk.later(383, partial(_complaint, walk))
    walk.later(385, partial(_handover, walk))
    walk.later(386, partial(_request, walk))


def _case(walk: Walk) -> None:
    """A business was told of a fine and has a week to answer."""
    case = f"CASE-{walk.today.year}-06"
    open_case(walk, case, YUFENG)
    walk.send(
        "MRB head",
        "penalties/register-in-advance",
        evidence=f"EV-{case}",
        case=case,
        kind="physical",
        title="涉案食品",
        items=["饼干两箱", "标签一卷"],
    )
    tell_fine(walk, case, 600_000)


def _repair(walk: Walk) -> None:
    """The unit hands on a repair that was applied for at its window."""
    commitment = f"CMT-{walk.today.year}-08"
    walk.send(
        "MRB officer",
        "commitments/make-commitment",
        commitment=commitment,
        entity=BAIHE,
        unit="MRB",
        type="repair",
        text_hash=DIGEST,
        obligations=[{"obligation": "保质期自查", "due_on": walk.after(60).isoformat()}],
        public=True,
    )
    walk.send(
        "MRB legal",
        "repair/apply-repair",
        repair=f"REP-{walk.today.year}-02",
        entity=BAIHE,
        records=[fined(walk, BAIHE)],
        channel="window",
        commitment=commitment,
        proofs=[
            {"shows": "conduct_corrected", "ref": "整改报告"},
            {"shows": "obligations_performed", "ref": "缴款凭证"},
        ],
    )


def _reconsideration(walk: Walk) -> None:
    """The business that was fined last asks the reconsideration organ."""
    decided = walk.recorded("penalties.penalty-served", f"entity:{HUANGHE}")[-1]
    walk.send(
        "RECON",
        "reconsideration/apply-for-reconsideration",
        recon=f"RCN-{walk.today.year}-02",
        decision=decided.event.decision,  # type: ignore[attr-defined]
        organ="RECON",
        known_on=decided.envelope.occurred_at.date().isoformat(),
        grounds="认定事实有误",
        entity=HUANGHE,
    )


def _visit(walk: Walk) -> None:
    """One visit whose result is not published yet, and one that is planned."""
    year = walk.today.year
    for number, (entity, days) in enumerate(((LONGWEI, 1), (JINSUI, 20)), 2):
        filing = f"F-{year}-{number:02d}"
        walk.send(
            "MRB legal",
            "filing/file-special-inspection",
            filing=filing,
            unit="MRB",
            ground="complaint",
            matters=["M-101"],
            entity=entity,
        )
        task = f"T-CLUE-{year}-{number:02d}"
        approve(walk, task, entity, days, kind="case", trigger="complaint", filing=filing)
    walk.later(
        1,
        partial(
            visit,
            walk,
            f"T-CLUE-{year}-02",
            "order_to_correct",
            ["OFF-001", "OFF-002"],
            published_after=None,
        ),
        at="09:30",
    )


def _complaint(walk: Walk) -> None:
    walk.send(
        "Qingtian",
        "complaints/receive-complaint",
        complaint=f"CMP-{walk.today.year}-02",
        channel="12345",
        subject_unit="EEB",
        handled_by="JB",
        facts="同一周内三次电话要求报送材料",
        anonymous=False,
        entity=QINGTIAN,
    )


def _handover(walk: Walk) -> None:
    walk.send(
        "MRB head",
        "handovers/hand-over-duty",
        unit="MRB",
        from_person="OFF-002",
        to_person="OFF-004",
        reason="外出培训",
        scope=["filing", "penalties"],
        until=(walk.today + timedelta(days=30)).isoformat(),
    )


def _request(walk: Walk) -> None:
    """One person asks for a grade by hand; nobody has approved it yet."""
    walk.send(
        "EDB",
        "grading/override-grade",
        entity="91620100MA7LX2143D",
        scheme="国市监信发〔2022〕6号",
        grade="B",
        factors=[{"kind": "external_assessment", "says": "安全生产标准化达标"}],
        override_reason="省级部门复评结果更新",
    )
