"""Reconsideration cases and the impact graph, read: by the parties, and by nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.cast import E_C, E_D
from tests.scenarios.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A penalty of MRB against E-D that made it a D, disputed; another one against E-C."""
    async with World(tmp_path) as world:
        world.tokens["nobody"] = ""
        await world.given_region(ungraded=(E_C, E_D))
        await world.given_matter("M-101")
        await world.given_plan([3, 4])
        world.at("2026-03-02")
        for number, entity in ((1, E_D), (2, E_C)):
            await punish(world, number, entity)
        await world.send("MRB head", "filing/approve-task", **world.task("T-D", E_D, "2026-03-16"))
        await world.send(
            "E-D",
            "reconsideration/apply-for-reconsideration",
            recon="RCN-1",
            decision="DEC-1",
            organ="RECON",
            known_on="2026-03-02",
            grounds="证据不足",
            entity=E_D,
        )
        yield world


async def punish(world: World, number: int, entity: str) -> None:
    """A penalty on record, with its credit record and the grade that it gives."""
    decision = f"DEC-{number}"
    body = world.decision(decision, f"CASE-{number}", entity, severity="serious")
    await world.given_case(f"CASE-{number}", entity)
    await world.send("MRB head", "penalties/decide-penalty", **body)
    await world.send(
        "MRB officer", "penalties/serve-penalty", decision=decision, repair_notice=True
    )
    await world.send(
        "MRB head",
        "credit/enter-credit-record",
        record=f"CR-{number}",
        entity=entity,
        unit="MRB",
        kind="penalty",
        determined_on="2026-03-02",
        title="行政处罚",
        public=True,
        severity="serious",
        decision=decision,
        instrument={
            "kind": "penalty_decision",
            "doc_no": body["doc_no"],
            "effective_on": "2026-03-02",
        },
    )
    await world.send("EDB", "grading/recompute-grade", entity=entity)


async def ask(world: World, who: str, path: str, **query: Any) -> Any:
    """The answer of a resource to somebody; its status where it is no success."""
    token = world.tokens[who]
    if not path.endswith("/impact"):
        query["at_least"] = str(world.recorder.head())
    answer = await world.client.get(
        path, params=query, headers={"Authorization": f"Bearer {token}"} if token else {}
    )
    return await answer.json() if answer.status == 200 else answer.status


async def test_the_parties_read_their_case(world: World) -> None:
    """The business, the respondent and who works across units; the list by stage and decision."""
    for who in ("E-D", "MRB head", "RECON", "JB"):
        case = await ask(world, who, "/v1/reconsiderations/RCN-1")
        assert (case["stage"], case["last_day"]) == ("applied", "2026-05-06")
        assert not [name for name in case if name.endswith("_at")]
        listed = await ask(world, who, "/v1/reconsiderations", decision="DEC-1", stage="applied")
        assert [item["recon"] for item in listed["items"]] == ["RCN-1"]
        other = await ask(world, who, "/v1/reconsiderations", stage="decided")
        assert other["items"] == []
    for who in ("E-C", "EMB head"):
        assert await ask(world, who, "/v1/reconsiderations/RCN-1") == 404
        assert (await ask(world, who, "/v1/reconsiderations"))["items"] == []
    assert await ask(world, "nobody", "/v1/reconsiderations/RCN-1") == 403


async def kinds(world: World, who: str, path: str, **query: Any) -> Any:
    """Kind and id of what stands in an impact graph for somebody."""
    found = await ask(world, who, path, **query)
    return found if isinstance(found, int) else [(i["kind"], i["id"]) for i in found["items"]]


async def test_the_impact_of_a_decision_is_its_own(world: World) -> None:
    """What rests on it, in order; of the other penalty nothing; no visit to come is announced."""
    path = "/v1/decisions/DEC-1/impact"
    whole = [("decision", "DEC-1"), ("record", "CR-1"), ("grade", "D"), ("task", "T-D")]
    for who, seen in (
        ("JB", whole),
        ("MRB head", whole),
        ("RECON", whole[:3]),
        ("E-D", whole[:3]),
        ("EDB", whole[:3]),
        # What units share with each other.
        ("EMB head", whole[1:3]),
        ("E-C", 404),
        ("nobody", 404),
    ):
        assert await kinds(world, who, path) == seen, who
    assert await kinds(world, "JB", "/v1/records/CR-1/impact") == whole[1:]
    assert await kinds(world, "JB", path, since="2026-03-03") == []
    assert await kinds(world, "JB", "/v1/decisions/DEC-404/impact") == 404
    other = await kinds(world, "JB", "/v1/decisions/DEC-2/impact")
    assert other == [("decision", "DEC-2"), ("record", "CR-2"), ("grade", "D")]


async def test_what_is_hidden_is_not_named(world: World) -> None:
    """Who may not see the decision is shown the record, and not what it rests on."""
    graph = await ask(world, "EMB head", "/v1/decisions/DEC-1/impact")
    record, grade = graph["items"]
    assert "rests_on" not in record
    assert grade["rests_on"] == [record["position"]]


async def test_what_looked_at_a_later_grade_is_not_touched(world: World) -> None:
    """A visit that was approved by a grade that rests on something else."""
    await world.send(
        "EDB",
        "grading/assign-grade",
        entity=E_D,
        grade="C",
        source="samr",
        scheme="国市监信发〔2022〕6号",
        assessed_on="2026-03-02",
        factors=[{"kind": "external_assessment", "says": "复评"}],
    )
    await world.send("MRB head", "filing/approve-task", **world.task("T-C", E_D, "2026-04-20"))
    graph = await ask(world, "JB", "/v1/decisions/DEC-1/impact")
    assert [i["id"] for i in graph["items"] if i["kind"] == "task"] == ["T-D"]
    (grade,) = [i for i in graph["items"] if i["kind"] == "grade"]
    assert grade["superseded_on"] == "2026-03-02"
