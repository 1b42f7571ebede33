"""S21: MRB's plan for 2026, a milestone missed, an urge, its answer, and evidence corrected."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.world import World, types

MS_1 = "W-MRB-2026-2/MS-1"


@pytest.fixture
async def region(tmp_path: Path) -> AsyncIterator[World]:
    """A ledger that has held its policies since 2025; MRB and EMB report from January on."""
    async with World(tmp_path, "2025-12-15") as world:
        world.at("2025-12-16")
        for unit, name in (("MRB", "市场监管局"), ("EMB", "应急管理局")):
            await world.send(
                "JB", "catalogue/qualify-unit",
                unit=unit, name=name, kind="organ", valid_from="2020-01-01",
            )  # fmt: skip
            await world.send(
                "JB", "progress/enrol-reporting-unit",
                unit=unit, groups=["enforcement_units"], since="2026-01",
            )  # fmt: skip
        yield world


def _plan(**changed: Any) -> dict[str, Any]:
    work = {
        "work": "W-MRB-2026-2",
        "task_no": 2,
        "goals": ["随机抽查事项清单覆盖全部检查事项"],
        "milestones": [
            {"milestone": "MS-1", "says": "随机抽查事项清单公布", "due_on": "2026-03-31"}
        ],
    }
    return {
        "work_plan": "WP-MRB-2026",
        "unit": "MRB",
        "year": 2026,
        "basis": "兰新市监发〔2026〕1号",
        "works": [{**work, **changed}],
    }


async def test_s21_work_plan(region: World) -> None:
    """Without milestone refused; missed, urged, reported late, answered, urged twice, corrected."""
    world = region
    world.at("2026-01-20")
    await world.refused("WRK-R1", "MRB head", "workplans/adopt-work-plan", **_plan(milestones=[]))
    await world.refused("WRK-R1", "MRB head", "workplans/adopt-work-plan", **_plan(goals=[]))
    answer = await world.send("MRB head", "workplans/adopt-work-plan", **_plan())
    assert types(answer) == ["workplans.work-plan-adopted", "workplans.milestone-set"]
    # Anybody reads the plan and its state.
    [plan] = (await world.get("public", "/v1/work-plans", year=2026))["items"]
    assert plan["works"][0]["milestones"][0]["due_on"] == "2026-03-31"

    world.at("2026-01-31 23:00")
    assert ("FindingRaised", "WRK-V4") not in world.tick()
    world.at("2026-02-01")
    found = world.tick()
    assert found.count(("FindingRaised", "WRK-V4")) == 1
    assert ("FindingRaised", "WRK-V4") not in world.tick()
    assert [f["unit"] for f in await world.findings(rule_id="WRK-V4")] == ["EMB"]

    world.at("2026-03-31 23:00")
    assert ("FindingRaised", "WRK-V1") not in world.tick()
    world.at("2026-04-01")
    found = world.tick()
    assert ("DeadlineMissed", "work.milestone") in found
    assert ("FindingRaised", "WRK-V1") in found

    urge = {
        "urge": "URGE-1",
        "work": "W-MRB-2026-2",
        "demand": "限期公布随机抽查事项清单",
        "due_on": "2026-04-17",
    }
    world.at("2026-04-02")
    await world.send("MRB head", "workplans/urge-work", expect=403, **urge)
    answer = await world.send("RLO", "workplans/urge-work", **urge)
    assert types(answer) == ["workplans.work-urged"]
    [waiting] = (await world.get("MRB head", "/v1/urges", stage="open"))["items"]
    assert (waiting["urged_by"], waiting["due_on"]) == ("RLO", "2026-04-17")
    assert (await world.get("EMB head", "/v1/urges"))["items"] == []

    world.at("2026-04-15")
    published = await world.send(
        "MRB office", "publicity/publish-ex-ante",
        unit="MRB", item="draw_list", title="随机抽查事项清单", digest="a" * 64,
        url="https://www.lzxq.gov.cn/draw-list",
    )  # fmt: skip
    [position] = [e["position"] for e in published["events"]]
    world.at("2026-04-16")
    reach = {"milestone": MS_1, "says": "清单已公布"}
    await world.refused("WRK-R2", "MRB office", "workplans/reach-milestone", **reach)
    reach["evidence_events"] = [position]  # type: ignore[assignment]
    await world.refused("WRK-R2", "EMB head", "workplans/reach-milestone", **reach)
    answer = await world.send("MRB office", "workplans/reach-milestone", **reach)
    assert types(answer) == ["workplans.evidence-named", "workplans.milestone-reached"]
    reached = answer["events"][1]["body"]
    assert (reached["reached_on"], reached["days_late"]) == ("2026-04-15", 15)
    await world.send("MRB office", "workplans/answer-urge", urge="URGE-1", says="已于4月15日公布")
    assert ("DeadlineMissed", "work.urge") not in world.tick()

    world.at("2026-04-30")
    filled = await world.get("MRB head", "/v1/progress/MRB/2026-04")
    assert filled["milestones"] == [
        {
            "milestone": MS_1,
            "task_no": 2,
            "due_on": "2026-03-31",
            "stage": "reached",
            "reached_on": "2026-04-15",
        }
    ]
    assert filled["urges"] == [
        {
            "urge": "URGE-1",
            "work": "W-MRB-2026-2",
            "task_no": 2,
            "urged_on": "2026-04-02",
            "due_on": "2026-04-17",
            "stage": "answered",
            "answered_on": "2026-04-16",
        }
    ]
    figures = {m["name"]: m["value"] for m in filled["tasks"][-1]["metrics"]}
    assert (figures["milestones_reached"], figures["milestones_reached_in_time"]) == (1, 0)
    assert (figures["works_urged"], figures["urges_answered_in_time"]) == (1, 1)

    world.at("2026-05-20")
    second = {**urge, "urge": "URGE-2", "due_on": "2026-06-05"}
    answer = await world.send("RLO", "workplans/urge-work", **second)
    assert answer["events"][1]["body"]["rule_id"] == "WRK-V2"

    world.at("2026-06-01")
    answer = await world.sign(
        "MRB office", "MRB head", "corrections/correct-record",
        target_position=position,
        field_changes=[
            {
                "path": "/body/url",
                "old": "https://www.lzxq.gov.cn/draw-list",
                "new": "https://www.lzxq.gov.cn/draw-list-2026",
            }
        ],
        reason="网址录入错误",
    )  # fmt: skip
    assert types(answer) == [
        "approvals.approval-given",
        "corrections.record-corrected",
        "supervision.finding-raised",
    ]
    finding = answer["events"][2]["body"]
    assert (finding["rule_id"], finding["unit"]) == ("WRK-V3", "MRB")
    assert finding["facts"]["milestone"] == MS_1
    assert world.rebuilt() == []
