"""Visits: two draws, a joint visit, a clue that is followed, one visit by a township."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial

from api.district.story.common import (
    CHUNHE,
    DIGEST,
    GANLU,
    HENGYUE,
    JINSUI,
    LONGWEI,
    approve,
    enter,
    leave,
    public_values,
    report_result,
    visit,
)
from api.district.walk import Walk, first_event
from ledger.kernel.events import CIVIL_ZONE
from ledger.systems.draws.events import DrawTargetSelected, EntityRosterFrozen, OfficersAssigned


def plan(walk: Walk) -> None:
    """Draws in the third month and in the tenth; the others between them."""
    for number, days in ((1, 60), (2, 285)):
        day = walk.after(days)
        # The visits of a draw end with the year of its plan.
        ends = (day + timedelta(days=20)).year != day.year
        announced = walk.count.next_working(date(day.year + 1, 1, 9)) if ends else day
        walk.plan(announced, partial(_announce, walk, number))
    walk.later(52, partial(_clue, walk))
    walk.later(72, partial(_township, walk))
    walk.later(80, partial(_emergency_bureau, walk))
    walk.later(120, partial(_off_site, walk))
    walk.later(150, partial(_key_unit, walk))
    walk.later(160, partial(_joint, walk))


def _announce(walk: Walk, number: int) -> None:
    """Freeze who can be drawn and who can be sent, and say what will decide."""
    draw = f"DRAW-{walk.today.year}-{number:02d}"
    who, unit = "MRB coordinator", "MRB"
    frozen = first_event(
        walk.send(
            who,
            "draws/freeze-entity-roster",
            roster=f"{draw}-roster",
            unit=unit,
            as_of=walk.today.isoformat(),
            target_class="食品生产",
            line="食品生产",
        )
    )
    assert isinstance(frozen, EntityRosterFrozen)
    walk.send(
        who,
        "draws/freeze-officer-roster",
        roster=f"{draw}-officers",
        unit=unit,
        officers=[f"OFF-{n:03d}" for n in range(1, 7)],
    )
    drawn_on = walk.after(7)
    moment = datetime.combine(drawn_on, datetime.min.time(), CIVIL_ZONE).replace(hour=15)
    values = public_values(moment)
    walk.send(
        who,
        "draws/announce-draw",
        draw=draw,
        unit=unit,
        plan=f"PLAN-MRB-{walk.today.year}",
        matters=["M-201"],
        roster=f"{draw}-roster",
        officer_roster=f"{draw}-officers",
        sources=[
            {"name": name, "kind": "public", "publication_at": moment.isoformat()}
            for name in values
        ],
    )
    walk.plan(drawn_on, partial(_draw, walk, draw, frozen.roster_hash, values), "16:00")


def _draw(walk: Walk, draw: str, roster_hash: str, values: dict[str, str]) -> None:
    who = "MRB coordinator"
    walk.send(
        who,
        "draws/reveal-seed",
        draw=draw,
        values=[{"source": name, "value": value} for name, value in values.items()],
    )
    walk.send(who, "draws/execute-draw", draw=draw, roster_hash=roster_hash)
    walk.send("RECON", "draws/verify-draw", draw=draw)
    selected = [
        record.event
        for record in walk.recorded("draws.draw-target-selected", f"draw:{draw}")
        if isinstance(record.event, DrawTargetSelected)
    ]
    # A handful of those drawn is visited in two days; the rest follows with later visits.
    for index, target in enumerate(selected[:6]):
        walk.later(
            2 + index // 3, partial(_visit_drawn, walk, draw, target.entity, index), at="08:00"
        )


def _visit_drawn(walk: Walk, draw: str, entity: str, index: int) -> None:
    day = walk.today.isoformat()
    assigned = first_event(
        walk.send(
            "MRB coordinator", "draws/assign-officers", draw=draw, entity=entity, planned_on=day
        )
    )
    assert isinstance(assigned, OfficersAssigned)
    officers = list(assigned.officers)
    task = f"T-{draw}-{entity[-5:]}"
    approve(walk, task, entity, 0, matters=["M-201"], officers=officers, draw=draw)
    results = ("issue_corrected_on_spot", "no_issue", "order_to_correct")
    result = "order_to_correct" if entity == CHUNHE else results[index % 2]
    visit(walk, task, result, officers)
    if entity == CHUNHE:
        walk.send("Chunhe", "filing/rate-visit", task=task, entity=entity, score=4)


def _clue(walk: Walk) -> None:
    """A clue from above: filed first, then visited; the result is published late."""
    filing, task = f"F-{walk.today.year}-01", f"T-CLUE-{walk.today.year}-01"
    walk.send(
        "MRB legal",
        "filing/file-special-inspection",
        filing=filing,
        unit="MRB",
        ground="superior_assignment",
        matters=["M-101"],
        entity=LONGWEI,
    )
    approve(walk, task, LONGWEI, 1, kind="case", trigger="superior", filing=filing)
    officers = ["OFF-001", "OFF-002"]
    going = partial(visit, walk, task, "case_filed", officers, published_after=40)
    walk.later(1, going, at="09:30")


def _township(walk: Walk) -> None:
    """The township acts under the power that the province gave it."""
    filing, task = f"F-ZCZ-{walk.today.year}-01", f"T-ZCZ-{walk.today.year}-01"
    officers = ["OFF-091", "OFF-092"]
    walk.send(
        "ZCZ head",
        "filing/file-special-inspection",
        filing=filing,
        unit="ZCZ",
        ground="complaint",
        matters=["M-101"],
        entity=JINSUI,
    )
    approve(
        walk, task, JINSUI, 1, unit="ZCZ", kind="case", trigger="complaint", filing=filing,
        officers=officers,
    )  # fmt: skip
    walk.later(1, partial(visit, walk, task, "no_issue", officers, "ZCZ head"), at="09:30")


def _emergency_bureau(walk: Walk) -> None:
    """Work safety in a metal works."""
    task, officers = f"T-EMB-{walk.today.year}-01", ["OFF-011", "OFF-012"]
    approve(walk, task, HENGYUE, 1, unit="EMB", matters=["M-301"], officers=officers)
    walk.later(
        1, partial(visit, walk, task, "issue_corrected_on_spot", officers, "EMB head"), at="09:30"
    )


def _off_site(walk: Walk) -> None:
    walk.send(
        "MRB head",
        "filing/record-off-site-check",
        unit="MRB",
        entity="91620100MA7LX20474",
        matters=["M-101"],
        means=["shared_data"],
        result="no_issue",
    )


def _key_unit(walk: Walk) -> None:
    """A screening ranks the businesses; one at the top is guided and followed."""
    year = walk.today.year
    walk.send(
        "MRB head",
        "keylist/list-key-matter",
        domain="food_drug",
        matter="M-101",
        unit="MRB",
        procedure_ref=f"兰新市监规〔{year}〕1号",
        risk_assessment="食品生产风险评估报告",
        expires_on=(walk.today + timedelta(days=360)).isoformat(),
    )
    walk.send(
        "MRB head",
        "keylist/run-screening",
        screening=f"SCR-{year}-01",
        unit="MRB",
        on=walk.today.isoformat(),
        line="食品生产",
    )
    designation = f"KEY-{year}-01"
    walk.send(
        "MRB head",
        "keylist/designate-key-unit",
        designation=designation,
        entity=LONGWEI,
        unit="MRB",
        matters=["M-101"],
        reason="检查发现问题线索，过期食品未及时下架",
        tracking_officer="OFF-003",
        guidance_plan="一企一策：保质期台账",
        review_on=walk.after(300).isoformat(),
        notice_no=f"兰新市监告〔{year}〕9号",
        notified_on=walk.today.isoformat(),
    )
    walk.send(
        "MRB officer",
        "keylist/provide-guidance",
        designation=designation,
        subject="保质期台账与下架流程",
    )
    walk.later(
        30,
        lambda: walk.send(
            "MRB officer",
            "keylist/log-tracking-visit",
            designation=designation,
            officers=["OFF-003"],
            summary="台账已建立，电话回访",
        ),
    )


def _joint(walk: Walk) -> None:
    """进一次门、查多项事: two units, one arrival, one form, a result for each, one visit."""
    joint = f"JNT-{walk.today.year}-01"
    day = walk.after(5)
    walk.send(
        "MRB head",
        "joint/plan-joint",
        joint=joint,
        unit="MRB",
        entity=GANLU,
        participants=[
            {"unit": "MRB", "matters": ["M-101"]},
            {"unit": "EMB", "matters": ["M-301"]},
        ],
        modes=["regular", "by_list", "one_form"],
        window_from=day.isoformat(),
        window_to=(day + timedelta(days=4)).isoformat(),
        calendar=f"JC-{day.year}",
        joint_list="JL-1",
        unified_form="UF-7",
    )
    walk.send("EMB head", "joint/accept-join", joint=joint, unit="EMB")
    for unit, matter, officers in _PARTS:
        approve(
            walk, f"T-{joint}-{unit}", GANLU, 5, unit=unit, matters=[matter], officers=officers,
            joint=joint,
        )  # fmt: skip
    walk.plan(day, partial(_come_together, walk, joint))


_PARTS = (("MRB", "M-101", ["OFF-003", "OFF-004"]), ("EMB", "M-301", ["OFF-011", "OFF-012"]))


def _come_together(walk: Walk, joint: str) -> None:
    for unit, _, officers in _PARTS:
        enter(walk, f"{unit} head", f"T-{joint}-{unit}", officers, f"入企码 {joint}")
    walk.now += timedelta(minutes=80)
    for unit, _, _ in _PARTS:
        leave(walk, f"{unit} head", f"T-{joint}-{unit}", "no_issue")
    walk.send(
        "MRB head",
        "joint/record-joint-visit",
        joint=joint,
        matters_checked=["M-101", "M-301"],
        record_digest=DIGEST,
    )
    for unit, _, _ in _PARTS:
        walk.later(2, partial(report_result, walk, f"T-{joint}-{unit}", f"{unit} head"))
