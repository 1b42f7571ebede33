"""S20, the parts of corrections, integrity and policies."""

import sqlite3

from ledger.verification import verify_records
from tests.cast import E_A, E_B
from tests.scenarios.world import PRESCRIBED, World, types


async def test_s20_correction(world: World) -> None:
    """A typing error is corrected by an event, by two people; the trail keeps both dates."""
    world.at("2026-06-12")
    answer = await world.send(
        "MRB officer",
        "filing/report-irregular-visit",
        irregular_visit="IV-1",
        entity=E_A,
        reporter="self",
        visited_on="2026-06-11",
        facts="入企未扫码",
        unit="MRB",
        officers_seen=2,
    )
    body = {
        "target_position": answer["events"][0]["position"],
        "field_changes": [{"path": "/body/visited_on", "old": "2026-06-11", "new": "2026-06-10"}],
        "reason": "日期录入错误",
    }
    request = await world.request("MRB officer", "corrections/correct-record", **body)
    approve = "approvals/approve-request"
    await world.refused("GEN-R1", "MRB officer", approve, approval=request)
    [waiting] = (await world.get("MRB head", "/v1/approvals", stage="pending"))["items"]
    assert (waiting["approval"], waiting["requested_by"]) == (request, "OFF-001")
    assert waiting["body"]["reason"] == "日期录入错误"
    answer = await world.send("MRB head", approve, approval=request)
    assert types(answer) == ["approvals.approval-given", "corrections.record-corrected"]
    corrected = answer["events"][1]["body"]
    assert (corrected["requested_by"], corrected["approved_by"]) == ("OFF-001", "HEAD-MRB")
    await world.send("MRB head", approve, approval=request, expect=409)
    trail = await world.get("JB", f"/v1/entities/{E_A}/trail")
    [visit] = [e for e in trail["entries"] if e["type"] == "filing.irregular-visit-reported"]
    assert visit["body"]["visited_on"] == "2026-06-11"
    assert visit["now"]["visited_on"] == "2026-06-10"
    assert "corrections.record-corrected" in [e["type"] for e in trail["entries"]]


async def test_s20_integrity(world: World) -> None:
    """Editing one stored byte: verification names the first bad position."""
    position = 20
    assert verify_records(world.recorder).faults == ()
    raw = sqlite3.connect(world.path)
    raw.execute("DROP TRIGGER IF EXISTS events_no_update")
    for (trigger,) in raw.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    ).fetchall():
        raw.execute(f"DROP TRIGGER {trigger}")
    [data] = raw.execute("SELECT data FROM events WHERE position = ?", (position,)).fetchone()
    changed = bytearray(data)
    changed[-2] ^= 1
    raw.execute("UPDATE events SET data = ? WHERE position = ?", (bytes(changed), position))
    raw.commit()
    raw.close()
    faults = verify_records(world.recorder).faults
    assert faults[0].position == position


async def test_s20_policy_version(world: World) -> None:
    """A new cap from 2027 on leaves every judgement of 2026 as it was."""
    await world.given_matter("M-101")
    await world.given_plan([3, 8])
    world.at("2026-03-02")
    await world.send(
        "MRB head",
        "filing/approve-task",
        **world.task("T-1", E_B, "2026-03-18", prescribed_by=PRESCRIBED),
    )
    second = world.task("T-2", E_B, "2026-08-03", prescribed_by=PRESCRIBED)
    before = await world.refused("SUP-R1", "MRB head", "filing/approve-task", **second)
    await world.send(
        "JB",
        "policies/adopt-policy-version",
        key="visit_cap",
        unit="table",
        value={"A": 2, "B": 3, "C": 4, "D": 8},
        effective_from="2027-01-01",
        source={"instrument": "兰州新区检查频次上限(2027)"},
        confidence="U",
    )
    after = await world.refused("SUP-R1", "MRB head", "filing/approve-task", **second)
    assert after["details"] == before["details"]
    assert after["policy_version"] == before["policy_version"] == 1

    profile = await world.get("EDB", f"/v1/entities/{E_B}/profile")
    assert profile["grade"] == "B"
