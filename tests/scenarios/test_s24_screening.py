"""S24: businesses are ranked by their risk, again to the same bytes, and by nothing else."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from tests.cast import E_A, E_B, E_C, E_D
from tests.scenarios.world import World, rules

RUN = "keylist/run-screening"
DESIGNATE: dict[str, Any] = {
    "designation": "KEY-1",
    "entity": E_B,
    "unit": "MRB",
    "matters": ["M-101"],
    "tracking_officer": "OFF-001",
    "guidance_plan": "GP-1",
    "review_on": "2027-03-01",
    "notice_no": "兰新市监告〔2026〕1号",
    "notified_on": "2026-09-01",
}


async def _visit(
    world: World, task: str, entity: str, day: str, result: str, trigger: str = "superior"
) -> dict[str, int]:
    """A visit on a clue, concluded and published; where its conclusion and its result stand."""
    world.at(f"{day} 08:00")
    ground = "complaint" if trigger == "complaint" else "superior_assignment"
    filing = world.filing(f"F-{task}", entity=entity, ground=ground)
    await world.send("MRB legal", "filing/file-special-inspection", **filing)
    await world.send(
        "MRB head", "filing/approve-task",
        **world.task(task, entity, day, kind="case", trigger=trigger, filing=f"F-{task}"),
    )  # fmt: skip
    await world.visit(task, day, result)
    concluded = world.recorder.head()
    published = await world.send("MRB officer", "draws/publish-draw-result", task=task)
    return {"concluded": concluded, "published": published["events"][0]["position"]}


async def _given_visits(world: World) -> dict[str, dict[str, int]]:
    """The four businesses are in food; B has one breach, C two and an order, D three."""
    await world.given_matter("M-101")
    world.at("2026-01-07")
    for entity, name in ((E_A, "甲"), (E_B, "乙"), (E_C, "丙"), (E_D, "丁")):
        identity = {"name": f"兰州新区{name}食品有限公司", "line": "食品生产"}
        await world.send(
            "EDB", "entities/revise-entity", entity=entity, identity=identity, reason="登记行业"
        )
    spot, order = "issue_corrected_on_spot", "order_to_correct"
    return {
        "T-B": await _visit(world, "T-B", E_B, "2026-03-02", spot),
        "T-C1": await _visit(world, "T-C1", E_C, "2026-03-03", spot),
        "T-C2": await _visit(world, "T-C2", E_C, "2026-03-04", order, "complaint"),
        **{
            f"T-D{n}": await _visit(world, f"T-D{n}", E_D, day, spot)
            for n, day in enumerate(("2026-04-07", "2026-05-06", "2026-06-03"), 1)
        },
    }


async def _list(world: World, who: str, screening: str) -> bytes:
    response = await world.client.get(
        f"/v1/screenings/{screening}/list",
        params={"at_least": str(world.recorder.head())},
        headers={"Authorization": f"Bearer {world.tokens[who]}"},
    )
    assert response.status == 200, await response.text()
    return bytes(await response.read())


async def test_s24_screening(world: World) -> None:
    """95, 85, 35, 15; the same bytes later; a correction gives 85 now, and is named."""
    at = await _given_visits(world)
    world.at("2026-09-01")
    answer = await world.send("MRB head", RUN, screening="SCR-1", unit="MRB", on="2026-09-01")
    run = answer["events"][0]["body"]
    assert (run["count"], run["screened"], run["formula_version"]) == (4, 4, 1)
    assert run["cutoff_position"] == answer["position"] - 1

    content = await _list(world, "MRB head", "SCR-1")
    assert sha256(content).hexdigest() == run["list_digest"]
    lines = [json.loads(line) for line in content.splitlines()]
    assert [(one["entity"], one["points"], one["risk"]) for one in lines] == [
        (E_C, 95, "high"), (E_D, 85, "high"), (E_B, 35, "mid"), (E_A, 15, "low"),
    ]  # fmt: skip
    grounds = {one["kind"]: one for one in lines[0]["grounds"]}
    assert {kind: one["points"] for kind, one in grounds.items()} == {
        "grade": 25, "key_domain": 15, "breach": 20, "unmet_order": 15, "report": 20,
    }  # fmt: skip
    first, second = at["T-C1"]["published"], at["T-C2"]["published"]
    assert grounds["breach"]["events"] == [first, second]
    assert grounds["unmet_order"]["events"] == grounds["report"]["events"] == [second]

    # Whom it protects counts for nothing: a finding, a complaint, a bad rating.
    await world.send(
        "JB", "supervision/raise-finding",
        type="inaction", rule_id="KEY-V3", unit="MRB", entity=E_C,
        evidence_events=[run["cutoff_position"]],
    )  # fmt: skip
    await world.send(
        "E-A", "complaints/receive-complaint",
        complaint="CMP-1", channel="web", subject_unit="MRB", facts="多次上门", anonymous=False,
        entity=E_A,
    )  # fmt: skip
    await world.send("E-B", "filing/rate-visit", task="T-B", entity=E_B, score=1)
    now = await world.get("MRB head", "/v1/screenings/SCR-1/now")
    assert (now["moved"], now["items"]) == (0, [])

    # The breach that was neither reported nor under the order was none.
    world.at("2026-09-15")
    signed = await world.sign(
        "MRB officer", "MRB head", "corrections/correct-record",
        target_position=at["T-C1"]["concluded"], reason="复核后撤销认定",
        field_changes=[
            {"path": "/body/result", "old": "issue_corrected_on_spot", "new": "no_issue"}
        ],
    )  # fmt: skip
    corrected = next(e for e in signed["events"] if e["type"] == "corrections.record-corrected")
    again = await world.get("MRB head", "/v1/screenings/SCR-1/rerun")
    assert (again["same"], again["list_digest"]) == (True, run["list_digest"])
    assert await _list(world, "JB", "SCR-1") == content
    now = await world.get("MRB head", "/v1/screenings/SCR-1/now")
    [moved] = now["items"]
    assert moved == {
        "entity": E_C, "before": 95, "now": 85, "rank_before": 1, "rank_now": 1,
        "changes": [
            {
                "by": "event", "before": 95, "after": 85, "position": corrected["position"],
                "type": "corrections.record-corrected",
            }
        ],
    }  # fmt: skip
    # C and D have 85 both: in the order of their codes.
    await world.send("MRB head", RUN, screening="SCR-2", unit="MRB", on="2026-09-15")
    lines = [json.loads(line) for line in (await _list(world, "MRB head", "SCR-2")).splitlines()]
    assert [(one["entity"], one["points"]) for one in lines] == [
        (E_C, 85), (E_D, 85), (E_B, 35), (E_A, 15),
    ]  # fmt: skip
    for reader in ("EMB head", "E-C", "public"):
        status = 404 if reader == "EMB head" else 403
        for page in ("SCR-1", "SCR-1/list", "SCR-1/rerun", "SCR-1/now"):
            assert await world.status(reader, f"/v1/screenings/{page}") == status, (reader, page)


async def test_s24_designating_by_a_screening(world: World) -> None:
    """KEY-R6 without run and reason; KEY-V4 where better ranks are passed over without a word."""
    await _given_visits(world)
    world.at("2026-09-01")
    await world.send(
        "MRB head", "keylist/list-key-matter",
        domain="food_drug", matter="M-101", unit="MRB", procedure_ref="P-1",
        risk_assessment="RA-1", expires_on="2027-06-01",
    )  # fmt: skip
    await world.send("MRB head", RUN, screening="SCR-1", unit="MRB", on="2026-09-01")
    await world.refused("KEY-R6", "MRB head", "keylist/designate-key-unit", **DESIGNATE)
    answer = await world.send("MRB head", "keylist/designate-key-unit", **DESIGNATE, run="SCR-1")
    assert rules(answer) == ["KEY-V4"]
    [found] = await world.findings(rule_id="KEY-V4")
    assert (found["unit"], found["entity"]) == ("MRB", E_B)
    assert found["facts"] == {
        "designation": "KEY-1", "run": "SCR-1", "rank": 3, "passed_over": [E_C, E_D],
    }  # fmt: skip

    # With a word about them, and where the better rank is designated, nothing is found.
    told = {**DESIGNATE, "designation": "KEY-2", "entity": E_D, "run": "SCR-1"}
    answer = await world.send(
        "MRB head", "keylist/designate-key-unit", **told, passed_over="丙公司已停产整顿"
    )
    assert rules(answer) == []
    answer = await world.send(
        "MRB head", "keylist/designate-key-unit",
        **{**told, "designation": "KEY-3", "entity": E_C},
    )  # fmt: skip
    assert rules(answer) == []
    answer = await world.send(
        "MRB head", "keylist/designate-key-unit",
        **{**told, "designation": "KEY-4", "entity": E_A},
    )  # fmt: skip
    assert rules(answer) == []
    shown = await world.get("MRB head", "/v1/key-designations/KEY-2")
    assert (shown["run"], shown["passed_over"]) == ("SCR-1", "丙公司已停产整顿")
    assert world.rebuilt() == []
