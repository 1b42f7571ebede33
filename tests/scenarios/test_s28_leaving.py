"""S28: a business leaves its register between the draw and the visit, and comes back."""

from __future__ import annotations

from typing import Any

from ledger.verification import Files, verify_ledger
from tests.cast import E_C, GRADES, PREFIX
from tests.scenarios.drawing import OFFICERS, OPERATOR, given_business
from tests.scenarios.world import World, rules, types

DRAW, TASK = "DRAW-2026-0028", "T-E-C"
#: With this close of the index E-C is drawn from its stratum, and 0092B is the reserve.
VALUE = "3500.07"
RESERVE = PREFIX + "0092B"


async def given_drawn(world: World, leaves: str | None = None) -> None:
    """The roster of S4, frozen on 2026-09-07 and drawn on 09-10; E-C is among those drawn."""
    await world.given_matter("M-201", domain="general")
    await world.given_plan([9, 10], matter="M-201")
    for grade, codes in GRADES.items():
        for code in codes:
            await given_business(world, PREFIX + code, grade)
    world.at("2026-09-07 08:00")
    item = {
        "matter": "M-201",
        "draw_class": "general",
        "ratio_cap": "1.00",
        "target_class": "食品生产",
        "method": "on_site",
    }
    await world.send("MRB head", "draws/publish-draw-matter-list", unit="MRB", items=[item])
    frozen = await world.send(OPERATOR, "draws/freeze-entity-roster", **roster("R-28"))
    await world.send(
        OPERATOR,
        "draws/freeze-officer-roster",
        roster="O-28",
        unit="MRB",
        officers=OFFICERS,
    )
    world.at("2026-09-08 09:00")
    await world.send(
        OPERATOR,
        "draws/announce-draw",
        draw=DRAW,
        unit="MRB",
        plan="PLAN-MRB-2026",
        matters=["M-201"],
        roster="R-28",
        officer_roster="O-28",
        reserves=1,
        sources=[
            {
                "name": "上证综指2026-09-10收盘",
                "kind": "public",
                "publication_at": "2026-09-10T15:00:00+08:00",
            }
        ],
    )
    if leaves is not None:
        world.at(f"{leaves} 09:00")
        await world.send("EDB", "entities/delist-entity", **left(left_on=leaves))
    world.at("2026-09-10 16:00")
    value = {"source": "上证综指2026-09-10收盘", "value": VALUE}
    await world.send(OPERATOR, "draws/reveal-seed", draw=DRAW, values=[value])
    await world.send(
        OPERATOR,
        "draws/execute-draw",
        draw=DRAW,
        roster_hash=frozen["events"][0]["body"]["roster_hash"],
    )
    drawn = (await world.get("JB", f"/v1/draws/{DRAW}/targets"))["items"]
    assert E_C in {one["entity"] for one in drawn}


def roster(name: str, as_of: str = "2026-09-07") -> dict[str, Any]:
    """The body that freezes the register for a draw of MRB on M-201."""
    return {
        "roster": name,
        "unit": "MRB",
        "as_of": as_of,
        "target_class": "食品生产",
        "units": ["MRB"],
        "matters": ["M-201"],
    }


async def given_task(world: World) -> list[str]:
    """The visit of E-C is approved on 09-14 for 09-21, and told to it on 09-15."""
    world.at("2026-09-14 09:00")
    answer = await world.send(
        OPERATOR, "draws/assign-officers", draw=DRAW, entity=E_C, planned_on="2026-09-21"
    )
    officers: list[str] = answer["events"][0]["body"]["officers"]
    await world.send("MRB head", "filing/approve-task", **task(officers))
    world.at("2026-09-15 09:00")
    await world.send(
        "MRB officer", "filing/issue-inspection-notice", task=TASK, notice_no="N-2026-28"
    )
    return officers


def task(officers: list[str], name: str = TASK, day: str = "2026-09-21") -> dict[str, Any]:
    """The body of the task of the drawn visit."""
    return World.task(name, E_C, day, matters=["M-201"], officers=officers, draw=DRAW)


def left(kind: str = "deregistered", **changed: Any) -> dict[str, Any]:
    """The body of the report that E-C left on 2026-09-16."""
    return {"entity": E_C, "kind": kind, "left_on": "2026-09-16", "reason": "注销登记", **changed}


async def trail_types(world: World) -> list[str]:
    """What the Justice Bureau reads of E-C, oldest first."""
    trail = await world.get("JB", f"/v1/entities/{E_C}/trail", limit=200)
    return [one["type"] for one in trail["entries"]]


async def test_s28_a_business_leaves_between_draw_and_visit(world: World) -> None:
    """One report carries all that follows; nothing is done any more that presupposes it is listed;
    what runs against it runs on.
    """
    await given_drawn(world)
    officers = await given_task(world)
    world.at("2026-09-16 10:00")
    # Neither by a person alone nor on a ground that the ledger does not bear out.
    closed = {"draw": DRAW, "entity": E_C, "reason": "closed", "evidence": "注销"}
    await world.refused("DRW-R10", OPERATOR, "draws/request-exemption", **closed)
    await world.refused("DRW-R10", OPERATOR, "draws/exempt-target", **closed)

    head = world.recorder.head()
    answer = await world.send("EDB", "entities/delist-entity", **left())
    recorded = [r.event.type for r in world.recorder.read(after=head, limit=20)]
    assert recorded == [
        "entities.entity-left-register",
        "draws.draw-target-exempted",
        "draws.draw-target-selected",
        "filing.inspection-cancelled",
    ], "one append, and no finding"
    assert set(types(answer)) <= {"entities.entity-left-register", "draws.draw-target-exempted"}
    # What is sealed is its unit's and the Justice Bureau's; whoever reported it learns nothing.
    assert not (await world.get("EDB", "/v1/targets", draw=DRAW))["items"]
    assert RESERVE not in str(answer)
    places = {one["entity"]: one for one in await targets(world, "MRB head")}
    assert places[E_C]["state_of_visit"] == "exempted"
    assert (places[RESERVE]["state_of_visit"], places[RESERVE]["rank"]) == ("waiting", 2)
    assert (await world.get("MRB head", f"/v1/tasks/{TASK}"))["stage"] == "cancelled"
    assert "draw-target-selected" not in str(await world.get("EDB", "/v1/feed", limit=500))
    feed = str(await world.get("MRB head", "/v1/feed", limit=500))
    assert "N-2026-28 is withdrawn" in feed
    assert RESERVE in feed

    # ENT-R1 comes before the target's own state.
    await world.refused(
        "ENT-R1", OPERATOR, "draws/assign-officers", draw=DRAW, entity=E_C, planned_on="2026-09-21"
    )
    await world.refused("ENT-R1", "MRB head", "filing/approve-task", **task(officers, "T-2"))

    world.at("2026-09-17 09:00")
    moved = {"name": "兰州新区丙食品有限公司", "address": "旧址"}
    answer = await world.send(
        "EDB", "entities/revise-entity", entity=E_C, identity=moved, reason="档案地址补录"
    )
    assert rules(answer) == ["ENT-V2"]
    profile = await world.get("JB", f"/v1/entities/{E_C}/profile")
    assert profile["listed"] is False
    assert profile["left"] == {"on": "2026-09-16", "kind": "deregistered"}

    world.at("2026-09-18 09:00")
    answer = await world.send("MRB head", "penalties/file-case", **world.case("CASE-28", E_C))
    assert rules(answer) == ["ENT-V1"]
    await world.given_steps("CASE-28", "initiate", "investigate")
    close = {"case": "CASE-28", "reason": "party_ceased", "conclusion": "当事人终止"}
    await world.send("MRB officer", "penalties/close-case", **close)

    renamed = {"name": "兰州新区丙鲜食品有限公司"}
    answer = await world.send(
        "EDB",
        "entities/revise-entity",
        entity=E_C,
        identity=renamed,
        reason="名称变更",
        occurred_at="2026-08-01T09:00:00+08:00",
    )
    assert rules(answer) == ["GEN-V1"], "late, but of a day on which it was listed"
    names = {
        day: (await world.get("public", f"/v1/entities/{E_C}/profile", valid_as_of=day))[
            "identity"
        ]["name"]
        for day in ("2026-07-31", "2026-08-01", "2026-09-18")
    }
    assert names["2026-07-31"] == moved["name"]
    assert names["2026-08-01"] == names["2026-09-18"] == renamed["name"]
    known = await world.get(
        "public",
        f"/v1/entities/{E_C}/profile",
        valid_as_of="2026-08-02",
        known_as_of="2026-09-17T23:00:00+08:00",
    )
    assert known["identity"]["name"] == moved["name"]
    found = (await world.get("public", "/v1/entities", name="兰州新区丙食品"))["items"]
    assert [(one["entity"], one["former_name"]) for one in found] == [(E_C, True)]

    # Only a re-entry lists it again: not on a roster before, on the next one after.
    world.at("2026-10-12 08:00")
    freeze = "draws/freeze-entity-roster"
    before = await world.send(OPERATOR, freeze, **roster("R-29", "2026-10-12"))
    assert before["events"][0]["body"]["strata"]["C"] == 1
    await world.refused(
        "ENT-R1",
        OPERATOR,
        freeze,
        **roster("R-30", "2026-10-12"),
        entries=[{"uscc": E_C, "grade": "C"}],
    )
    back = {"entity": E_C, "reason": "重新登记"}
    await world.send("EDB", "entities/reenter-entity", **back)
    await world.send("EDB", "entities/reenter-entity", expect=409, **back)
    after = await world.send(OPERATOR, freeze, **roster("R-30", "2026-10-12"))
    assert after["events"][0]["body"]["strata"]["C"] == 2
    assert (await world.get("public", f"/v1/entities/{E_C}/profile"))["listed"] is True
    assert world.rebuilt() == []


async def test_s28_a_visit_before_a_late_report_of_the_leaving_stays(world: World) -> None:
    """Left on 09-16, visited on 09-21, reported on 09-23: the visit stays, nothing is exempted."""
    await given_drawn(world)
    officers = await given_task(world)
    world.at("2026-09-21 09:00")
    act = {"task": TASK, "act_code": "AC-28", "device": "D-1"}
    await world.send("MRB officer", "filing/scan-entry", **act)
    shown = [f"甘A-{officer[-3:]}" for officer in officers]
    opening = world.opening(TASK, officers=officers, certs_shown=shown)
    await world.send("MRB officer", "filing/open-inspection", **opening)
    world.at("2026-09-23 09:00")
    answer = await world.send("EDB", "entities/delist-entity", **left())
    assert types(answer)[0] == "entities.entity-left-register"
    assert rules(answer) == ["GEN-V1"]
    recorded = await trail_types(world)
    assert "draws.draw-target-exempted" not in recorded
    assert "filing.inspection-cancelled" not in recorded
    assert (await world.get("MRB head", f"/v1/tasks/{TASK}"))["stage"] == "opened"
    profile = await world.get("JB", f"/v1/entities/{E_C}/profile", valid_as_of="2026-09-15")
    assert profile["listed"] is True
    profile = await world.get("JB", f"/v1/entities/{E_C}/profile", valid_as_of="2026-09-16")
    assert profile["listed"] is False


async def test_s28_a_licence_revoked_leaves_a_party(world: World) -> None:
    """吊销: it can still be punished, if not inspected; deregistered it cannot."""
    world.at("2026-09-16 10:00")
    await world.send("EDB", "entities/delist-entity", **left("licence_revoked", reason="吊销"))
    officers = ["OFF-001", "OFF-002"]
    body = world.task("T-2", E_C, "2026-09-21", officers=officers)
    await world.refused("ENT-R1", "MRB head", "filing/approve-task", **body)
    answer = await world.send("MRB head", "penalties/file-case", **world.case("CASE-29", E_C))
    assert rules(answer) == []
    close = {"case": "CASE-29", "reason": "party_ceased", "conclusion": "当事人终止"}
    await world.send("MRB officer", "penalties/close-case", expect=409, **close)

    world.at("2026-09-20 10:00")
    await world.send("EDB", "entities/delist-entity", **left(left_on="2026-09-20"))
    answer = await world.send(
        "MRB head", "penalties/file-case", **world.case("CASE-30", E_C, liable="successor")
    )
    assert rules(answer) == [], "whoever takes its place answers"
    answer = await world.send("MRB head", "penalties/file-case", **world.case("CASE-31", E_C))
    assert rules(answer) == ["ENT-V1"]
    # Annulled: it had never left in that way.
    world.at("2026-09-25 10:00")
    await world.send(
        "EDB", "entities/reenter-entity", entity=E_C, reason="撤销注销登记", annuls=True
    )
    answer = await world.send("MRB head", "penalties/file-case", **world.case("CASE-32", E_C))
    assert rules(answer) == []
    profile = await world.get("JB", f"/v1/entities/{E_C}/profile", valid_as_of="2026-09-21")
    assert profile["left"] == {"on": "2026-09-16", "kind": "licence_revoked"}


async def targets(world: World, who: str) -> list[dict[str, Any]]:
    """The targets of the draw as somebody reads them."""
    return list((await world.get(who, f"/v1/draws/{DRAW}/targets"))["items"])


async def test_s28_who_left_between_freezing_and_drawing_is_not_waited_for(world: World) -> None:
    """Deregistered on 09-09: drawn all the same, for the roster stands; exempted with the draw."""
    await given_drawn(world, leaves="2026-09-09")
    places = {one["entity"]: one for one in await targets(world, "MRB head")}
    assert (places[E_C]["state_of_visit"], places[E_C]["exempted"]) == ("exempted", "closed")
    assert places[RESERVE]["state_of_visit"] == "waiting"
    assert await world.findings(rule_id="DRW-V7") == []
    head = world.recorder.head()
    again = {
        "draw": DRAW,
        "roster_hash": (await world.get("JB", f"/v1/draws/{DRAW}"))["roster_hash"],
    }
    await world.send(OPERATOR, "draws/execute-draw", expect=200, **again)
    assert world.recorder.head() == head, "sent again it records nothing more"
    files = Files(ledger=world.recorder.path, blobs=world.service.blobs.folder)
    assert verify_ledger(files, workers=1).faults == ()
