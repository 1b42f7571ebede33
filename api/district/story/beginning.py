"""The district opens its books: units, officers, businesses, and what is public beforehand."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import Any

from api.district.story.common import (
    CHUNHE,
    DIGEST,
    EXPIRED_FOOD,
    FOOD_LAW,
    SITE,
    YINWU,
)
from api.district.walk import Walk

#: The work plan and the assessment of a year are due early in it; the annual plans before it.
_PLANS_ON = (12, 15)


def plan(walk: Walk) -> None:
    """The first four weeks, and the plans of the next year."""
    walk.plan(walk.begins, partial(_people, walk), "08:00")
    walk.plan(walk.begins, partial(_businesses, walk), "09:30")
    walk.plan(walk.begins, partial(_matters, walk), "10:30")
    walk.later(1, partial(_rules_of_units, walk))
    walk.later(2, partial(_rules_of_the_region, walk))
    first = walk.after(3)
    walk.plan(first, partial(_plans, walk, first.year))
    works = walk.later(4, partial(_works, walk))
    walk.later(5, partial(_subscriptions, walk))
    walk.later(7, partial(_take_on, walk))
    walk.later(9, partial(_take_on_closes, walk))
    for year in (first.year, first.year + 1):
        december = max(date(year, *_PLANS_ON), first + timedelta(days=1))
        walk.later((december - walk.today).days, partial(_plans, walk, year + 1), at="14:00")
    for year in (works.year + 1, works.year + 2):
        walk.later((date(year, 1, 9) - walk.today).days, partial(_works, walk))
    walk.later(40, partial(_list_criteria_in_force, walk))


def _people(walk: Walk) -> None:
    valid = {
        "valid_from": (walk.begins - timedelta(days=300)).isoformat(),
        "valid_to": (walk.begins + timedelta(days=365 * 3)).isoformat(),
    }
    for unit in walk.district.unit:
        if unit.enforces:
            walk.send(
                "JB",
                "catalogue/qualify-unit",
                unit=unit.id,
                name=unit.name,
                kind="organ",
                valid_from="2020-01-01",
            )
    for group in walk.district.officers:
        for officer, number in group.badges().items():
            walk.send(
                "JB",
                "catalogue/certify-officer",
                officer=officer,
                unit=group.unit,
                cert_no=number,
                domains=group.domains,
                **valid,
            )
    walk.send(
        "JB",
        "legalreview/register-reviewer",
        officer="LEGAL-MRB",
        unit="MRB",
        qualification_no="法审资格-0119",
    )
    channels = (
        ("MRB legal", "MRB", "phone", "0931-8250001"),
        ("MRB legal", "MRB", "mailbox", "jubao@scjg.example.org"),
        ("EMB legal", "EMB", "phone", "0931-8250002"),
        ("EMB legal", "EMB", "web", f"{SITE}/yjgl/tousu"),
        ("EEB head", "EEB", "phone", "0931-8250003"),
        ("EEB head", "EEB", "mailbox", "jubao@sthj.example.org"),
        ("JB", "JB", "phone", "0931-8250000"),
        ("JB", "JB", "mailbox", "zfjd@sfj.example.org"),
    )
    for who, office, kind, address in channels:
        walk.send(
            who,
            "channels/publish-complaint-channel",
            channel=f"CH-{office}-{kind}",
            unit=office,
            kind=kind,
            address=address,
            hours="工作日 8:30—12:00，14:30—18:00",
        )
    for channel in ("CH-MRB-phone", "CH-EMB-phone"):
        walk.send("JB", "channels/report-channel-test", channel=channel, answered=True)


def _businesses(walk: Walk) -> None:
    for business in walk.district.business:
        walk.send(
            "EDB",
            "entities/register-entity",
            entity=business.entity,
            identity={"name": business.name, "area": business.area, "line": business.line},
        )
        if business.grade is not None:
            walk.send(
                "EDB",
                "grading/assign-grade",
                entity=business.entity,
                grade=business.grade,
                source="samr",
                scheme="国市监信发〔2022〕6号",
                assessed_on=walk.today.isoformat(),
                factors=[{"kind": "external_assessment", "says": "通用型企业信用风险分类"}],
            )
    walk.send("EDB", "grading/recompute-grade", entity=CHUNHE)
    walk.send("EDB", "entities/record-legal-representative", entity=CHUNHE, name="何春生")


def _matters(walk: Walk) -> None:
    for matter in walk.district.matter:
        who = f"{matter.unit} head"
        about = {"matter": matter.id, "unit": matter.unit}
        walk.send(who, "catalogue/list-matter", **about, elements=matter.elements())
        walk.send(who, "catalogue/publish-matter", **about, url=f"{SITE}/matters/{matter.id}")


def _rules_of_units(walk: Walk) -> None:
    """How units punish, when they are gentle, what their lawyers read; what is public anyway."""
    walk.send(
        "MRB head",
        "penalties/publish-benchmark",
        unit="MRB",
        title="食品安全行政处罚裁量基准",
        items=[
            {
                "violation_code": EXPIRED_FOOD,
                "basis": f"{FOOD_LAW}第一百二十四条",
                "types": ["fine"],
                "statutory_min_fen": 10_000_000,
                "statutory_max_fen": 20_000_000,
                "tiers": [
                    {
                        "tier": "一般",
                        "circumstances": "货值不足一万元",
                        "min_fen": 13_000_000,
                        "max_fen": 17_000_000,
                    }
                ],
            }
        ],
    )
    walk.send("MRB head", "leniency/publish-leniency-list", unit="MRB", items=_LENIENCY)
    walk.send(
        "MRB head",
        "legalreview/publish-major-decision-list",
        unit="MRB",
        lines=[{"line": "大额罚款", "description": "十万元以上罚款", "fine_from_fen": 10_000_000}],
    )
    for item, title in _EX_ANTE:
        walk.send(
            "MRB legal",
            "publicity/publish-ex-ante",
            unit="MRB",
            item=item,
            title=title,
            url=f"{SITE}/scjg/{item}",
            digest=DIGEST,
        )
    walk.send(
        "MRB head",
        "draws/publish-draw-matter-list",
        unit="MRB",
        items=[
            {
                "matter": "M-201",
                "draw_class": "general",
                "ratio_cap": "1.00",
                "target_class": "食品生产",
                "method": "on_site",
            }
        ],
    )


_EX_ANTE = (
    ("basis", "执法依据"),
    ("bodies", "执法主体"),
    ("draw_list", "随机抽查事项清单"),
    ("officers", "执法人员名单"),
    ("powers", "权责清单"),
    ("procedure", "执法程序"),
    ("remedies", "救济渠道"),
)
_LENIENCY: tuple[dict[str, Any], ...] = (
    {
        "item": "EX-034",
        "outcome": "exempt",
        "violation_code": EXPIRED_FOOD,
        "basis": "行政处罚法第三十三条",
        "conditions": [{"condition": "no-harm", "kind": "no_harm", "text": "没有造成危害后果"}],
    },
    {
        "item": "LN-034",
        "outcome": "lenient",
        "violation_code": EXPIRED_FOOD,
        "basis": "行政处罚法第三十二条",
        "conditions": [{"condition": "recalled", "kind": "other", "text": "主动召回全部产品"}],
    },
)


def _rules_of_the_region(walk: Walk) -> None:
    """Which measures there are, which matters are checked together, who is on the serious list."""
    basis = [{"instrument": "优化营商环境条例", "article": "53"}]
    sanction = {"kind": "sanction", "basis": basis}
    walk.send(
        "EDB",
        "dishonesty/publish-measure-catalogue",
        unit="EDB",
        source={"instrument": "全国失信惩戒措施基础清单"},
        items=[
            {**sanction, "measure": "closer-look", "says": "列为重点检查对象",
             "from_severity": "general"},
            {**sanction, "measure": "no-tenders", "says": "限制参加政府采购活动",
             "from_severity": "serious", "max_months": 36},
            {"kind": "incentive", "measure": "fast-lane", "says": "行政审批绿色通道",
             "basis": basis},
        ],
    )  # fmt: skip
    walk.send(
        "EDB",
        "dishonesty/propose-list-criteria",
        list_field="food_drug",
        unit="EDB",
        proposal={
            "name": "食品药品严重失信主体名单",
            "basis": {"level": "law", "instrument": FOOD_LAW, "article": "113"},
            "criteria": ["因食品安全违法被吊销许可证"],
        },
        url=f"{SITE}/credit/criteria",
    )
    walk.send(
        "JB",
        "joint/publish-joint-list",
        artefact="JL-1",
        matters=["M-101", "M-301"],
        url=f"{SITE}/joint-list",
    )
    walk.send(
        "JB",
        "joint/adopt-unified-form",
        artefact="UF-7",
        title="食品生产企业综合查一次",
        items=[
            {"item": "生产过程控制", "matter": "M-101"},
            {"item": "消防通道", "matter": "M-301"},
        ],
    )
    walk.send(
        "JB",
        "delegations/delegate-power",
        delegation="DLG-1",
        unit="ZCZ",
        matters=["M-101"],
        powers=["inspection", "penalty"],
        decision_ref="甘政发〔2025〕9号",
        valid_from=(walk.today + timedelta(days=7)).isoformat(),
        valid_to=(walk.today + timedelta(days=900)).isoformat(),
        division_note="中川镇辖区内由镇实施，其余由市场监管局实施",
    )


def _list_criteria_in_force(walk: Walk) -> None:
    walk.send("EDB", "dishonesty/publish-list-criteria", list_field="food_drug", version=1)


def _plans(walk: Walk, year: int) -> None:
    """The annual plans of a year: approved, filed, accepted and published; and the calendar."""
    months = list(range(1, 13))
    for unit, *items in (
        ("MRB", ("M-101", "key", 40), ("M-201", "random", 24)),
        ("EMB", ("M-301", "key", 12)),
        ("EEB", ("M-501", "key", 8)),
    ):
        name = f"PLAN-{unit}-{year}"
        who, about = f"{unit} head", {"plan": name, "unit": unit}
        walk.send(
            who,
            "filing/approve-annual-plan",
            **about,
            year=year,
            items=[
                {
                    "matter": matter,
                    "mode": mode,
                    "target_class": "食品生产" if unit == "MRB" else "工业企业",
                    "planned_visits": visits,
                    "months": months,
                }
                for matter, mode, visits in items
            ],
        )
        walk.send(who, "filing/file-annual-plan", **about)
        walk.send("JB", "filing/accept-filing", plan=name)
        walk.send(who, "filing/publish-plan", **about, url=f"{SITE}/plans/{name}")
    walk.send(
        "JB",
        "joint/publish-joint-calendar",
        artefact=f"JC-{year}",
        year=year,
        entries=[
            {"lead": "MRB", "participants": ["EMB"], "months": months, "subject": "食品生产企业"}
        ],
    )


def _works(walk: Walk) -> None:
    """The work plan of a unit for this year, the scheme of its assessment, and an urge."""
    year = walk.today.year
    work = f"W-MRB-{year}-2"
    walk.send(
        "MRB head",
        "workplans/adopt-work-plan",
        work_plan=f"WP-MRB-{year}",
        unit="MRB",
        year=year,
        basis="年度重点工作",
        works=[
            {
                "work": work,
                "task_no": 2,
                "goals": ["随机抽查事项清单覆盖全部抽查事项"],
                "milestones": [
                    {
                        "milestone": "MS-1",
                        "says": "清单公布",
                        "due_on": walk.after(45).isoformat(),
                    },
                    {
                        "milestone": "MS-2",
                        "says": "年度随机抽查完成",
                        "due_on": f"{walk.after(300)}",
                    },
                ],
            }
        ],
    )
    walk.later(30, partial(_milestone, walk, work))
    walk.later(60, partial(_urged, walk, work))
    scheme = str(year)
    in_time = {"nil": "0.5", "full": "1"}
    walk.send(
        "RLO",
        "assessment/adopt-assessment-scheme",
        year=scheme,
        indicators=[
            _indicator("decisions_in_time", "40", "penalties_published", in_time),
            _indicator("results_in_time", "30", "results_published", in_time),
            {
                "code": "findings_left",
                "weight": "30",
                "direction": "lower",
                "formula": {"of": ["findings_open"], "nil": "4", "full": "0"},
            },
        ],
    )


def _indicator(code: str, weight: str, metric: str, points: dict[str, str]) -> dict[str, Any]:
    return {
        "code": code,
        "weight": weight,
        "direction": "higher",
        "formula": {"of": [f"{metric}_in_time"], "per": [metric], **points},
        "three_systems": True,
    }


def _milestone(walk: Walk, work: str) -> None:
    listed = walk.recorded("draws.draw-matter-list-published", "unit:MRB")[-1].position
    walk.send(
        "MRB head",
        "workplans/reach-milestone",
        milestone=f"{work}/MS-1",
        says="清单已公布",
        evidence_events=[listed],
    )


def _urged(walk: Walk, work: str) -> None:
    urge = f"URGE-{work}"
    due = walk.after(15).isoformat()
    walk.send(
        "RLO", "workplans/urge-work", urge=urge, work=work, demand="报告随机抽查进度", due_on=due
    )
    walk.later(
        7,
        lambda: walk.send(
            "MRB office", "workplans/answer-urge", urge=urge, says="已完成上半年抽查，正在公示结果"
        ),
    )
    walk.later(
        20,
        lambda: walk.send(
            "RLO",
            "workplans/record-tracking-inspection",
            unit="MRB",
            works=[work],
            faults=["部分检查结果公示不及时"],
        ),
    )


def _subscriptions(walk: Walk) -> None:
    walk.send(
        "BANK",
        "sharing/subscribe-feed",
        subscription="SUB-BANK",
        unit="BANK",
        purpose="贷款审批中查询失信信息",
        legal_basis=[{"instrument": "征信业管理条例", "article": "21"}],
        filters={"types": ["credit.*"]},
    )


def _take_on(walk: Walk) -> None:
    """An older penalty, an open duty: entered by one person, confirmed by another."""
    take_on = {"takeon": "TAKEON-1"}
    walk.send(
        "JB",
        "takeon/open-take-on",
        **take_on,
        source="penalty-system-2019",
        day=walk.today.isoformat(),
        says="旧处罚系统停用",
    )

    def ago(days: int) -> str:
        return (walk.today - timedelta(days=days)).isoformat()

    walk.sign(
        "MRB head",
        "MRB office",
        "takeon/take-on-penalty",
        **take_on,
        ref="CF-381",
        unit="MRB",
        entity=YINWU,
        doc_no=f"兰新市监罚〔{walk.today.year}〕12号",
        decided_on=ago(70),
        types=["fine"],
        severity="general",
        facts="虚假标注产品质量标志",
        fine_fen=300_000,
        served_on=ago(66),
        payments=[{"paid_on": ago(60), "amount_fen": 300_000, "receipt_no": "R-1"}],
        published_on=ago(64),
        channels=["credit_china", "unit_site"],
        summary="虚假标注产品质量标志，罚款三千元",
    )
    walk.sign(
        "MRB head",
        "MRB office",
        "takeon/take-on-deadline",
        **take_on,
        ref="JD-9",
        unit="MRB",
        concerns="supervision",
        says="答复监督意见书",
        started_on=ago(10),
        due_on=(walk.today + timedelta(days=12)).isoformat(),
        basis={"instrument": "行政执法监督条例"},
        duty="DUTY-1",
    )
    walk.later(
        7,
        lambda: walk.send(
            "MRB legal",
            "takeon/perform-open-duty",
            duty="DUTY-1",
            evidence=["答复函"],
        ),
    )


def _take_on_closes(walk: Walk) -> None:
    walk.sign("JB", "EDB", "takeon/close-take-on", takeon="TAKEON-1", facts=2)
