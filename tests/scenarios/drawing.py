"""The draw of S4 and S5: twelve businesses, six officers, three public sources."""

from __future__ import annotations

from typing import Any

from tests.cast import GRADES, PREFIX
from tests.scenarios.world import PEOPLE, World

DRAW = "DRAW-2026-0007"
ROSTER_HASH = "f4716e0f64bc7d9a98cb70581bcebaab4a5517a47429534f66eda65e79af7b84"
VALUES = {
    "双色球第2026082期开奖日期": "20260719",
    "双色球第2026082期开奖号码": "08 14 17 22 29 31 05",
    "上证综指2026-07-20收盘": "3518.76",
}
SEED = "20260719|08 14 17 22 29 31 05|3518.76"
OFFICERS = [f"OFF-00{number}" for number in range(1, 7)]
OPERATOR = "MRB coordinator"
assert OPERATOR in PEOPLE


async def given_roster(world: World) -> None:
    """A general matter that is planned and listed, twelve graded businesses, both rosters."""
    await world.given_matter("M-201", domain="general")
    await world.given_plan([8, 9], matter="M-201")
    for grade, codes in GRADES.items():
        for code in codes:
            await given_business(world, PREFIX + code, grade)
    world.at("2026-07-16 08:00")
    await world.send(
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
    await freeze(world, "ROSTER-2026-07")
    await world.send(
        OPERATOR,
        "draws/freeze-officer-roster",
        roster="OFFICERS-2026-07",
        unit="MRB",
        officers=OFFICERS,
    )


async def given_business(world: World, entity: str, grade: str) -> None:
    """A registered business with its grade; the four of the region are there already."""
    known = await world.client.get(
        f"/v1/entities/{entity}/profile",
        params={"at_least": str(world.recorder.head())},
        headers={"Authorization": f"Bearer {world.tokens['JB']}"},
    )
    if known.status == 200:
        return
    await world.send("EDB", "entities/register-entity", entity=entity, identity={"name": entity})
    await world.send(
        "EDB",
        "grading/assign-grade",
        entity=entity,
        grade=grade,
        source="samr",
        scheme="国市监信发〔2022〕6号",
        assessed_on="2026-01-04",
        factors=[{"kind": "external_assessment", "says": "通用型企业信用风险分类"}],
    )


async def freeze(world: World, roster: str, **changed: Any) -> dict[str, Any]:
    """Freeze the register as of today."""
    return await world.send(
        OPERATOR,
        "draws/freeze-entity-roster",
        **{
            "roster": roster,
            "unit": "MRB",
            "as_of": world.now.date().isoformat(),
            "target_class": "食品生产",
            **changed,
        },
    )


def announcement(**changed: Any) -> dict[str, Any]:
    """The body of the announcement of 2026-07-16."""
    return {
        "draw": DRAW,
        "unit": "MRB",
        "plan": "PLAN-MRB-2026",
        "matters": ["M-201"],
        "roster": "ROSTER-2026-07",
        "officer_roster": "OFFICERS-2026-07",
        "reserves": 1,
        "sources": [
            {"name": name, "kind": "public", "publication_at": at}
            for name, at in zip(
                VALUES,
                (
                    "2026-07-19T21:30:00+08:00",
                    "2026-07-19T21:30:00+08:00",
                    "2026-07-20T15:00:00+08:00",
                ),
                strict=True,
            )
        ],
        **changed,
    }


async def given_seed(world: World) -> None:
    """Announced on the sixteenth, its seed revealed on the twentieth."""
    world.at("2026-07-16 10:00")
    await world.send(OPERATOR, "draws/announce-draw", **announcement())
    world.at("2026-07-20 16:00")
    await world.send(OPERATOR, "draws/reveal-seed", **values())


def values(**changed: str) -> dict[str, Any]:
    """The body of the reveal."""
    told = {**VALUES, **changed}
    return {"draw": DRAW, "values": [{"source": n, "value": v} for n, v in told.items()]}


async def visit(world: World, entity: str, day: str, result: str = "no_issue") -> list[str]:
    """Assign officers to a drawn business, approve the task and visit it; returns who went."""
    world.at(f"{day} 08:00")
    answer = await world.send(
        OPERATOR, "draws/assign-officers", draw=DRAW, entity=entity, planned_on=day
    )
    officers: list[str] = answer["events"][0]["body"]["officers"]
    task = f"T-{entity[-5:]}"
    await world.send(
        "MRB head",
        "filing/approve-task",
        **world.task(task, entity, day, matters=["M-201"], officers=officers, draw=DRAW),
    )
    await world.visit(
        task,
        day,
        result=result,
        officers=officers,
        certs_shown=[f"甘A-{officer[-3:]}" for officer in officers],
    )
    return officers
