"""S9: three units, one business, one visit; each enters and publishes its own result."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.verification import verify_records
from tests.cast import E_C
from tests.scenarios.world import World, rules, types

HEADS = {"MRB": "MRB head", "EMB": "EMB head", "EEB": "EEB head"}
MATTERS = {"MRB": "M-101", "EMB": "M-201", "EEB": "M-301"}
OFFICERS = {
    "MRB": (["OFF-001", "OFF-002"], ["甘A-001", "甘A-002"]),
    "EMB": (["OFF-011", "OFF-012"], ["甘B-011", "甘B-012"]),
    "EEB": (["OFF-021", "OFF-022"], ["甘C-021", "甘C-022"]),
}
PLAN = {
    "joint": "JNT-1",
    "unit": "MRB",
    "entity": E_C,
    "participants": [{"unit": u, "matters": [MATTERS[u]]} for u in ("MRB", "EMB", "EEB")],
    "modes": ["by_list", "one_form"],
    "window_from": "2026-06-08",
    "window_to": "2026-06-12",
    "joint_list": "JL-2026",
    "unified_form": "UF-7",
}


@pytest.fixture
async def june(world: World) -> World:
    """Each unit has its matter planned for June; all are on the joint list, and on form UF-7."""
    domains = {"MRB": "food_drug", "EMB": "work_safety", "EEB": "environment"}
    for number in ("021", "022"):
        await world.send(
            "JB",
            "catalogue/certify-officer",
            officer=f"OFF-{number}",
            unit="EEB",
            cert_no=f"甘C-{number}",
            valid_from="2024-08-01",
            valid_to="2027-07-31",
            domains=["environment"],
        )
    for unit, matter in MATTERS.items():
        await world.given_matter(matter, unit=unit, domain=domains[unit])
    for unit, matter in MATTERS.items():
        await world.given_plan([6, 7], unit=unit, matter=matter)
    world.at("2026-05-11")
    await world.send(
        "JB",
        "joint/publish-joint-list",
        artefact="JL-2026",
        matters=list(MATTERS.values()),
        url="https://example.org/joint-list",
    )
    await world.send(
        "JB",
        "joint/adopt-unified-form",
        artefact="UF-7",
        title="食品生产企业综合查一次",
        items=[{"item": f"{unit} 检查项", "matter": matter} for unit, matter in MATTERS.items()],
    )
    return world.at("2026-06-01")


def task(unit: str, day: str, **changed: Any) -> dict[str, Any]:
    return World.task(
        changed.pop("task", f"T-{unit}"),
        E_C,
        day,
        unit=unit,
        matters=[MATTERS[unit]],
        officers=OFFICERS[unit][0],
        **changed,
    )


async def goes(world: World, unit: str, came: str, name: str | None = None) -> None:
    who, task_ = HEADS[unit], name or f"T-{unit}"
    world.at(came)
    await world.send(who, "filing/issue-inspection-notice", task=task_, notice_no=f"N-{unit}")
    await world.send(who, "filing/scan-entry", task=task_, act_code="AC-1", device="D-1")
    officers, certificates = OFFICERS[unit]
    opening = world.opening(task_, officers=officers, certs_shown=certificates)
    await world.send(who, "filing/open-inspection", **opening)


async def leaves(world: World, unit: str, left: str, result: str, name: str | None = None) -> Any:
    who, task_ = HEADS[unit], name or f"T-{unit}"
    world.at(left)
    await world.send(
        who,
        "filing/sign-on-site-record",
        task=task_,
        record_digest="ab" * 32,
        entity_signature="店长",
    )
    await world.send(who, "filing/close-inspection", task=task_)
    return await world.send(who, "filing/conclude-inspection", task=task_, result=result)


async def test_s9_joint_visit(june: World) -> None:
    """Apart it is refused with an offer; together it is one visit with one result for each unit."""
    world = june
    await world.send("MRB head", "filing/approve-task", **task("MRB", "2026-06-03"))
    problem = await world.refused(
        "JNT-R1", "EMB head", "filing/approve-task", **task("EMB", "2026-06-10")
    )
    offer = problem["details"]["offer"]
    assert (offer["join"], offer["lead"], offer["date"]) == ("T-MRB", "MRB", "2026-06-03")
    assert offer["matters"] == ["M-101"]
    assert (problem["policy_key"], problem["policy_version"]) == ("multi_head_window_cd", 1)

    # MRB plans one visit in place of its own.
    await world.send("MRB head", "filing/cancel-inspection", task="T-MRB", reason="并入联合检查")
    without = {name: value for name, value in PLAN.items() if name != "unified_form"}
    problem = await world.refused("JNT-R2", "MRB head", "joint/plan-joint", **without)
    assert problem["details"]["artefact"] == "form"
    await world.send("MRB head", "joint/plan-joint", **PLAN)
    await world.send("EMB head", "joint/accept-join", joint="JNT-1", unit="EMB")

    declined = {"joint": "JNT-1", "unit": "EEB", "entity": E_C}
    await world.refused("JNT-R1", "EEB head", "filing/approve-task", **task("EEB", "2026-06-24"))
    await world.refused("JNT-R1", "EEB head", "joint/decline-join", **declined)
    answer = await world.send(
        "EEB head", "joint/decline-join", **declined, reason="须在夜间排放时检查"
    )
    assert rules(answer) == ["JNT-V1"]
    await world.send("EEB head", "filing/approve-task", **task("EEB", "2026-06-24"))

    together = {"joint": "JNT-1"}
    mrb = task("MRB", "2026-06-10", **together, task="T-MRB-J")
    await world.send("MRB head", "filing/approve-task", **mrb)
    await world.send("EMB head", "filing/approve-task", **task("EMB", "2026-06-10", **together))

    before = await world.get("E-C", f"/v1/entities/{E_C}/burden")
    assert before["visits"] == 0
    await goes(world, "MRB", "2026-06-10 09:00", "T-MRB-J")
    await goes(world, "EMB", "2026-06-10 09:05")
    mine = await leaves(world, "MRB", "2026-06-10 10:30", "issue_corrected_on_spot", "T-MRB-J")
    assert types(mine) == ["filing.inspection-concluded", "joint.joint-result-split"]
    await leaves(world, "EMB", "2026-06-10 10:35", "no_issue")
    held = await world.send(
        "MRB head",
        "joint/record-joint-visit",
        joint="JNT-1",
        matters_checked=["M-101", "M-201"],
        record_digest="ab" * 32,
    )
    assert types(held) == ["joint.joint-visit-held"]
    assert await world.findings(rule_id="SUP-D2") == [], "together they are no multi-head visit"

    # One visit for E-C, one on the capped counter of each unit.
    account = await world.get("E-C", f"/v1/entities/{E_C}/burden")
    assert (account["visits"], account["joint_visits"], account["avoided_by_merging"]) == (1, 1, 1)
    # From MRB's arrival to EMB's departure; each answer takes a second, so the 95th is not full.
    assert account["minutes_on_site"] == 94
    assert [(u["unit"], u["visits"]) for u in account["units"]] == [("EMB", 1), ("MRB", 1)]
    booked = (await world.get("JB", "/v1/supervision/visits", entity=E_C, year=2026))["items"]
    assert [(b["unit"], b["capped"], b["cap"]) for b in booked] == [
        ("EEB", 1, 2),
        ("EMB", 1, 2),
        ("MRB", 1, 2),
    ]
    # One record with the results by unit.
    joint = await world.get("E-C", "/v1/joints/JNT-1")
    assert joint["results"] == {"MRB": "issue_corrected_on_spot", "EMB": "no_issue"}
    assert (joint["held_on"], joint["stage"]) == ("2026-06-10", "held")
    assert [p["unit"] for p in joint["presences"]] == ["MRB", "EMB"]
    assert "reasons" not in joint
    # Each publishes its own, and a record of its own follows (K for each unit alone).
    world.at("2026-06-11")
    for unit, name in (("MRB", "T-MRB-J"), ("EMB", "T-EMB")):
        await world.send(HEADS[unit], "draws/publish-draw-result", task=name)
    profile = await world.get("E-C", f"/v1/entities/{E_C}/profile")
    found = sorted((r["unit"], r["result"]) for r in profile["records"])
    assert found == [("EMB", "no_issue"), ("MRB", "issue_corrected_on_spot")]

    await goes(world, "EEB", "2026-06-24 21:00")
    await leaves(world, "EEB", "2026-06-24 21:40", "no_issue")
    [alone] = await world.findings(rule_id="SUP-D2")
    assert (alone["unit"], alone["facts"]["others"]) == ("EEB", ["EMB", "MRB"])
    account = await world.get("JB", f"/v1/entities/{E_C}/burden")
    assert (account["visits"], account["minutes_on_site"]) == (2, 94 + 39)
    assert verify_records(world.recorder).faults == ()


async def test_s9_who_learns_of_it(june: World) -> None:
    """The units with a part and supervisors; the business when it has taken place."""
    world = june
    readers = ["E-C", "E-A", "MRB head", "EMB head", "EEB head", "JB"]
    world.tokens["nobody"] = world.service.tokens.create("PUBLIC", "NOBODY", "public")
    two = {**PLAN, "participants": PLAN["participants"][:2]}  # type: ignore[index]
    await world.send("MRB head", "joint/plan-joint", **two)

    async def reads(who: str) -> int:
        found = (await world.get(who, "/v1/joints"))["items"]
        token = {
            "Authorization": f"Bearer {world.tokens[who]}",
            "X-Position-AtLeast": str(world.recorder.head()),
        }
        page = await (await world.client.get("/v1/feed?limit=1000", headers=token)).json()
        told = {e["data"].get("joint") for e in page["events"] if e["type"].startswith("joint.")}
        # The list and the feed tell the same.
        assert ("JNT-1" in told) == bool(found), who
        trail = await world.client.get("/v1/joints/JNT-1/trail", headers=token)
        assert trail.status == (200 if found else 404), who
        return len(found)

    assert [await reads(who) for who in readers] == [0, 0, 1, 1, 0, 1]
    assert (await world.get("JB", "/v1/joints/JNT-1"))["answers"] == {"EMB": "offered"}
    lists = (await world.get("nobody", "/v1/joint-artefacts"))["items"]
    assert [(one["kind"], one["version"]) for one in lists] == [("list", 1)]
    assert len((await world.get("EEB head", "/v1/joint-artefacts"))["items"]) == 2
    forbidden = await world.client.get(
        f"/v1/entities/{E_C}/burden", headers={"Authorization": f"Bearer {world.tokens['E-A']}"}
    )
    assert forbidden.status == 403
    refused = await world.client.get(
        "/v1/supervision/visits", headers={"Authorization": f"Bearer {world.tokens['E-C']}"}
    )
    assert refused.status == 403


async def test_visits_avoided_and_visits_beyond(june: World) -> None:
    """A check on shared data is a visit avoided; a better grade leaves visits beyond the cap."""
    world = june
    check = {
        "unit": "MRB",
        "entity": E_C,
        "matters": ["M-101"],
        "means": ["shared_data", "written"],
        "result": "no_issue",
    }
    await world.send("MRB head", "filing/record-off-site-check", **check)
    await world.send("MRB head", "filing/record-off-site-check", **{**check, "means": ["remote"]})
    needed = {**check, "result": "visit_needed"}
    await world.send("MRB head", "filing/record-off-site-check", **needed)
    account = await world.get("MRB head", f"/v1/entities/{E_C}/burden")
    assert (account["avoided_by_shared_data"], account["avoided_otherwise"]) == (1, 1)
    assert account["years"] == [
        {
            "year": 2026,
            **{n: account[n] for n in account if n not in ("entity", "years", "units")},
        }
    ]
    await world.send("MRB head", "filing/approve-task", **task("MRB", "2026-06-03"))
    second = task("MRB", "2026-07-03", task="T-2")
    await world.send("MRB head", "filing/approve-task", **second)
    path = "/v1/supervision/visits"
    assert (await world.get("JB", path, beyond="true"))["items"] == []
    [booked] = (await world.get("MRB head", path, beyond="false"))["items"]
    assert (booked["capped"], booked["cap"], booked["exempt"], booked["reasonable"]) == (2, 2, 0, 4)
    await world.send(
        "EDB",
        "grading/assign-grade",
        entity=E_C,
        grade="A",
        source="samr",
        scheme="国市监信发〔2022〕6号",
        assessed_on="2026-06-01",
        factors=[{"kind": "external_assessment"}],
    )
    [beyond] = (await world.get("JB", path, beyond="true"))["items"]
    assert (beyond["grade"], beyond["cap"], beyond["beyond"]) == ("A", 1, ["capped"])
    assert (await world.get("EMB head", path))["items"] == []
    await world.send("MRB head", "filing/cancel-inspection", task="T-2", reason="-")
    assert (await world.get("JB", path, beyond="true"))["items"] == []
