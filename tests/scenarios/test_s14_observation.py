"""S14: an observation period asks for gentleness first, and excuses no breach of a bottom line."""

from typing import Any

from tests.cast import E_A, E_B
from tests.scenarios.world import World, types


def _grant(observation: str, entity: str, **changed: Any) -> dict[str, Any]:
    return {
        "observation": observation,
        "entity": entity,
        "unit": "MRB",
        "four_new_kind": "business_form",
        "activity": "直播带货食品",
        "policy_basis": {"level": "national", "instrument": "国办发〔2019〕38号"},
        "domain": "food_drug",
        "bottom_lines": ["safety", "quality", "fraud"],
        "months": 12,
        **changed,
    }


def _case(case: str, issue: str, day: str) -> dict[str, Any]:
    return {
        "case": case,
        "entity": E_A,
        "unit": "MRB",
        "conduct": {
            "violation_code": issue,
            "act": f"OSR-{case}",
            "first_on": day,
            "last_on": day,
        },
        "cause": "检查发现",
        "source": "inspection",
        "investigators": ["OFF-001", "OFF-002"],
    }


def _guidance(measure: str, issue: str, due: str) -> dict[str, Any]:
    return {
        "soft_measure": measure,
        "entity": E_A,
        "unit": "MRB",
        "measure": "admin_guidance",
        "issue": issue,
        "facts": "索证索票台账不全",
        "response_due": due,
    }


async def test_s14_observation(world: World) -> None:
    """The whole of S14, and what the public learns of it."""
    world.at("2026-01-05")
    await world.refused(
        "OBS-R2", "MRB head", "observation/grant-observation", **_grant("OBS-1", E_A, months=30)
    )
    granted = await world.send("MRB head", "observation/grant-observation", **_grant("OBS-1", E_A))
    assert granted["events"][0]["body"]["ends_on"] == "2027-01-05"
    await world.send("MRB head", "observation/grant-observation", **_grant("OBS-2", E_B))
    for observation in ("OBS-1", "OBS-2"):
        end = await world.deadline("observation.end", about=f"observation:{observation}")
        assert (end["due_on"], end["provisional"]) == ("2027-01-05", False)

    world.at("2026-04-08")
    profile = f"/v1/entities/{E_A}/profile"
    before = await world.get("E-A", profile)
    case = _case("CASE-1", "FS-034", "2026-04-07")
    await world.refused("OBS-R3", "MRB head", "penalties/file-case", **case)
    await world.send(
        "MRB officer",
        "observation/take-soft-measure",
        **_guidance("SM-1", "FS-034", "2026-04-22"),
    )
    due = await world.deadline("observation.soft_measure", about="soft-measure:SM-1")
    assert due["due_on"] == "2026-04-22"
    world.at("2026-04-21")
    await world.send(
        "MRB officer", "observation/verify-correction", soft_measure="SM-1", evidence="台账已补齐"
    )
    due = await world.deadline("observation.soft_measure", about="soft-measure:SM-1")
    assert due["state"] == "done"
    after = await world.get("E-A", profile)
    for part in ("grade", "records", "records_total"):
        assert after.get(part) == before.get(part), part
    assert "credit." not in " ".join(e["type"] for e in (await _trail(world)))

    world.at("2026-07-02 15:00")
    answer = await world.send(
        "MRB officer",
        "observation/report-bottom-line-breach",
        observation="OBS-1",
        line="safety",
        issue="FS-099",
        facts="伪造安全检测报告",
        breached_on="2026-07-02",
    )
    assert types(answer) == [
        "observation.bottom-line-breached",
        "observation.observation-terminated",
    ]
    guidance = _guidance("SM-2", "FS-099", "2026-07-09")
    await world.refused("OBS-R4", "MRB officer", "observation/take-soft-measure", **guidance)
    case = _case("CASE-2", "FS-099", "2026-07-02")
    await world.send("MRB head", "penalties/file-case", **case)
    await world.send("MRB officer", "observation/take-soft-measure", **guidance)

    world.at("2027-01-05 23:00")
    assert ("ObservationExpired", "") not in world.tick()
    world.at("2027-01-06 00:10")
    recorded = world.tick()
    assert recorded.count(("DeadlineLapsed", "observation.end")) == 1
    assert [kind for kind, _ in recorded].count("ObservationExpired") == 1, "OBS-1 ended before"
    assert (await world.get("JB", "/v1/observations/OBS-2"))["stage"] == "expired"


async def _trail(world: World) -> list[dict[str, Any]]:
    """What E-A's trail says since the grant."""
    entries = (await world.get("JB", f"/v1/entities/{E_A}/trail"))["entries"]
    first = next(n for n, e in enumerate(entries) if e["type"].startswith("observation."))
    return list(entries[first:])


async def test_periods_are_read_by_those_concerned_and_counted_for_all(world: World) -> None:
    """The public learns how many there are, and not whose."""
    world.at("2026-01-05")
    for number, entity in enumerate((E_A, E_B), start=1):
        await world.send(
            "MRB head", "observation/grant-observation", **_grant(f"OBS-{number}", entity)
        )
    await world.send(
        "MRB head",
        "observation/terminate-observation",
        observation="OBS-2",
        because="requested",
        reason="企业申请",
    )
    path = "/v1/observations"
    for who, shown in (("JB", 2), ("MRB office", 2), ("EMB head", 0), ("E-A", 1), ("E-C", 0)):
        assert len((await world.get(who, path))["items"]) == shown, who
    assert (await world.get("E-A", f"{path}/OBS-1"))["ends_on"] == "2027-01-05"
    assert (await world.get("JB", path, stage="terminated"))["items"][0]["observation"] == "OBS-2"
    public = await world.client.get(path)
    assert public.status == 403
    counted = await world.client.get(
        "/v1/observation-statistics", params={"at_least": world.recorder.head()}
    )
    assert await counted.json() == {
        "items": [{"domain": "food_drug", "granted": 1, "expired": 0, "terminated": 1}]
    }


async def test_the_clock_finds_a_breach_that_nobody_pursued(world: World) -> None:
    """OBS-V1 seven working days later, once."""
    world.at("2026-01-05")
    await world.send("MRB head", "observation/grant-observation", **_grant("OBS-1", E_A))
    world.at("2026-07-02")
    await world.send(
        "MRB officer",
        "observation/report-bottom-line-breach",
        observation="OBS-1",
        line="fraud",
        issue="FS-099",
        facts="伪造报告",
        breached_on="2026-07-01",
    )
    world.at("2026-07-13 23:00")
    assert ("FindingRaised", "OBS-V1") not in world.tick()
    world.at("2026-07-14 00:10")
    assert ("FindingRaised", "OBS-V1") in world.tick()
    assert ("FindingRaised", "OBS-V1") not in world.tick()
    [found] = await world.findings(rule_id="OBS-V1")
    assert (found["unit"], found["facts"]["breach"]) == ("MRB", "OBS-1")


async def test_the_record_of_a_case_is_read_by_those_concerned(world: World) -> None:
    """The unit, the business and supervisors see which steps are recorded and which are missing."""
    world.at("2026-07-02 15:00")
    await world.send("MRB head", "penalties/file-case", **_case("CASE-2", "FS-1", "2026-07-01"))
    await world.send(
        "MRB officer",
        "process/record-process-step",
        case="CASE-2",
        evidence="EV-1",
        step="initiate",
        medium="text",
        evidence_hash="ab" * 32,
        taken_at="2026-07-02T14:00:00+08:00",
    )
    path = "/v1/process-records"
    for who in ("MRB head", "E-A", "JB"):
        shown = await world.get(who, f"{path}/CASE-2")
        assert shown["steps"][0]["evidence"] == "EV-1"
        assert "initiate" not in shown["missing"]
        assert "decide" in shown["missing"]
    for who in ("EMB head", "E-C"):
        assert (await world.get(who, path))["items"] == []
    assert (await world.client.get(path)).status == 403
