"""S15: a repair as it should be, and what it ends."""

from __future__ import annotations

from datetime import date
from typing import Any

from ledger.systems.commitments.events import CommitmentMade
from ledger.systems.dishonesty.events import SanctionApplied
from tests.cast import E_C
from tests.scenarios.world import World, types

PROOFS = [
    {"shows": "conduct_corrected", "ref": "整改报告1号"},
    {"shows": "obligations_performed", "ref": "缴款凭证1号"},
]
APPLY: dict[str, Any] = {
    "repair": "REP-1",
    "entity": E_C,
    "records": ["CR-1"],
    "channel": "credit_china",
    "proofs": PROOFS,
    "commitment": "CMT-1",
}
SUBSCRIBE: dict[str, Any] = {
    "subscription": "SUB-1",
    "unit": "BANK",
    "purpose": "贷款审批中查询失信信息",
    "legal_basis": [{"instrument": "征信业管理条例", "article": "Art 21"}],
    "filters": {"types": ["credit.*"]},
}


def commitment(name: str = "CMT-1", entity: str = E_C, unit: str = "MRB") -> CommitmentMade:
    """The public commitment that comes with an application."""
    return CommitmentMade(
        commitment=name,
        entity=entity,
        unit=unit,
        type="repair",
        text_hash="ab" * 32,
        obligations=(),
        public=True,
    )


async def given_s15(world: World) -> None:
    """CR-1 in publicity since 04-24, a sanction on it, a commitment, BANK subscribed."""
    world.at("2026-04-14")
    await world.send("BANK", "sharing/subscribe-feed", **SUBSCRIBE)
    await world.given_record("CR-1", E_C, "2026-04-15", started="2026-04-24")
    # The grade of E-C rests on this record, and says so.
    await world.send(
        "EDB",
        "grading/assign-grade",
        entity=E_C,
        grade="C",
        source="edb",
        scheme="区域企业信用评价",
        assessed_on="2026-04-24",
        factors=[{"kind": "general_record", "record": "CR-1"}],
    )
    world.given(
        SanctionApplied(
            sanction="SAN-1",
            entity=E_C,
            unit="EDB",
            record="CR-1",
            measure="限制参与政府采购",
            catalogue_version=1,
            applied_on=date(2026, 4, 24),
        ),
        commitment(),
    )


async def test_s15_repair(world: World) -> None:
    """From the refusal a day too early to the subscriber that stays silent."""
    await given_s15(world)
    published = await world.deadline("publicity.penalty_wd.record", about="record:CR-1")
    assert (published["due_on"], published["state"]) == ("2026-04-24", "done")
    [shown] = (await world.get("E-B", f"/v1/entities/{E_C}/profile"))["records"]
    publicity = shown["publicity"]
    assert (publicity["min_until"], publicity["max_until"]) == ("2026-07-15", "2027-04-15")

    world.at("2026-07-15")
    problem = await world.refused("REP-R1", "E-C", "repair/apply-repair", **APPLY)
    assert problem["details"]["earliest"] == "2026-07-16"
    assert (problem["policy_key"], problem["policy_version"]) == ("dishonesty.regime", 3)

    world.at("2026-07-16")
    await world.refused("REP-R3", "E-C", "repair/apply-repair", **{**APPLY, "commitment": None})
    await world.send("E-C", "repair/apply-repair", **APPLY)
    await world.send("EDB", "repair/forward-repair", repair="REP-1", to_unit="MRB")
    assert (await world.deadline("repair.accept_wd"))["due_on"] == "2026-07-21"

    world.at("2026-07-20")
    await world.send("MRB legal", "repair/accept-repair", repair="REP-1")
    assert (await world.deadline("repair.decide_wd"))["due_on"] == "2026-07-29"
    assert (await world.deadline("repair.feedback_wd"))["due_on"] == "2026-07-30"

    world.at("2026-07-27")
    grant = {
        "repair": "REP-1",
        "verified": ["conduct_corrected", "obligations_performed"],
        "verification": "现场核查, 缴款系统核对",
    }
    await world.refused("REP-R6", "EDB", "repair/grant-repair", **grant)
    problem = await world.send("EMB head", "repair/grant-repair", expect=422, **grant)
    assert problem["type"].endswith("unknown-reference")  # another unit does not know of it
    answer = await world.send("MRB head", "repair/grant-repair", **grant)
    assert types(answer) == [
        "repair.repair-granted",
        "credit.publicity-terminated",
        "sharing.removal-notified",
        "dishonesty.sanction-lifted",
        "grading.credit-grade-assigned",
    ]
    trail = await world.get("JB", f"/v1/entities/{E_C}/trail", limit=500)
    positions = {event["position"] for event in answer["events"]}
    together = {e["correlation_id"] for e in trail["entries"] if e["position"] in positions}
    assert len(together) == 1

    profile = await world.get("MRB head", f"/v1/entities/{E_C}/profile")
    assert [(g["grade"], g["assessed_on"]) for g in profile["grades"]] == [
        ("C", "2026-01-04"),
        ("C", "2026-04-24"),
        ("B", "2026-07-27"),
    ]
    # Public: the record is absent. Restricted: the whole story can be replayed.
    assert (await world.get("E-B", f"/v1/entities/{E_C}/profile"))["records"] == []
    replay = await world.get("JB", f"/v1/entities/{E_C}/replay")
    told = [step["type"] for step in replay["steps"]]
    assert [t for t in told if t.startswith("credit.")] == [
        "credit.credit-record-entered",
        "credit.publicity-started",
        "credit.publicity-terminated",
    ]
    assert {"repair.repair-applied", "repair.repair-granted"} <= {
        e["type"] for e in trail["entries"]
    }
    await world.refused(
        "GRD-R2",
        "EDB",
        "grading/assign-grade",
        entity=E_C,
        scheme="国市监信发〔2022〕6号",
        grade="C",
        source="samr",
        assessed_on="2026-07-27",
        factors=[{"kind": "general_record", "record": "CR-1"}],
    )

    # BANK says nothing: reminded after a day, found wanting after three.
    world.at("2026-07-28 22:00")
    assert world.tick() == []
    world.at("2026-07-29")
    assert world.tick() == [("DeadlineLapsed", "repair.sync_alert_wd"), ("RemovalReminded", "")]
    world.at("2026-07-30 22:00")
    assert world.tick() == []
    world.at("2026-07-31")
    assert ("FindingRaised", "REP-V2") in world.tick()
    [owed] = [f for f in await world.findings(rule_id="REP-V2") if f["unit"] == "BANK"]
    assert (owed["entity"], owed["facts"]["due_on"]) == (E_C, "2026-07-30")
    [silent] = (await world.get("EDB", "/v1/sharing/subscriptions", owing="true"))["items"]
    [notice] = silent["owed"].values()
    assert (notice["record"], notice["reminded_on"]) == ("CR-1", "2026-07-29")

    # It did hear of it, whatever it filters by; and then it confirms.
    for query in ({}, {"type": "policies.*"}, {"subject": "unit:EMB"}):
        page = await world.get("BANK", "/v1/feed", limit=1000, **query)
        heard = [e for e in page["events"] if e["type"] == "sharing.removal-notified"]
        assert [e["data"]["record"] for e in heard] == ["CR-1"], query
    removal = heard[0]["data"]["removal"]
    answer = await world.send(
        "BANK", "sharing/acknowledge-removal", removal=removal, removed_on="2026-07-31"
    )
    assert answer["events"][0]["body"]["days_late"] == 1
    assert (await world.get("EDB", "/v1/sharing/subscriptions", owing="true"))["items"] == []
    document = await world.get("MRB head", "/v1/repair/records/CR-1")
    [proof] = document["removals"]
    assert (proof["unit"], proof["acknowledged_on"], proof["days_late"]) == (
        "BANK",
        "2026-07-31",
        1,
    )

    # A partner that uses it all the same.
    await world.send(
        "E-C",
        "sharing/report-record-use",
        record="CR-1",
        entity=E_C,
        unit="BANK",
        used_on="2026-07-31",
        used_for="拒绝贷款申请",
    )
    [misused] = await world.findings(rule_id="SHR-V1")
    assert (misused["unit"], misused["facts"]["ended_because"]) == ("BANK", "repaired")


async def test_SHR_V1_who_subscribes_after_a_repair_reads_its_end(world: World) -> None:
    """2.4e, stop sharing and use: whatever it asks for, next to the record stands its end."""
    await given_s15(world)
    world.at("2026-07-16")
    await world.send("E-C", "repair/apply-repair", **{**APPLY, "channel": "window"})
    await world.send("MRB legal", "repair/accept-repair", repair="REP-1")
    await world.send(
        "MRB head",
        "repair/grant-repair",
        repair="REP-1",
        verified=["conduct_corrected", "obligations_performed"],
        verification="现场核查",
    )
    world.at("2026-08-10")
    entries = {"types": ["credit.credit-record-entered"], "entities": [E_C]}
    sanctions = {"types": ["dishonesty.sanction-applied"], "units": ["EDB"]}
    for name, filters in (("SUB-2", entries), ("SUB-3", sanctions)):
        late = {**SUBSCRIBE, "subscription": name, "unit": "RAIL", "filters": filters}
        await world.send("RAIL", "sharing/subscribe-feed", **late)
    assert len((await world.get("RAIL", "/v1/sharing/subscriptions"))["items"]) == 2
    asked: tuple[dict[str, Any], ...] = (
        {},
        {"type": "credit.credit-record-entered"},
        {"type": "dishonesty.sanction-applied"},
        {"subject": "record:CR-1"},
        {"subject": "sanction:SAN-1"},
    )
    for query in asked:
        page = await world.get("RAIL", "/v1/feed", limit=1000, **query)
        told = {e["type"] for e in page["events"] if e.get("data", {}).get("record") == "CR-1"}
        assert {"credit.publicity-terminated", "dishonesty.sanction-lifted"} <= told, query
        assert told & {"credit.credit-record-entered", "dishonesty.sanction-applied"}, query
    # What ends is told to nobody who asked for other businesses.
    other = {**SUBSCRIBE, "subscription": "SUB-4", "filters": {"entities": ["91620100MA7LX0076M"]}}
    await world.send("BANK", "sharing/unsubscribe-feed", subscription="SUB-1", reason="到期")
    await world.send("BANK", "sharing/subscribe-feed", **other)
    assert len((await world.get("BANK", "/v1/sharing/subscriptions"))["items"]) == 2
    page = await world.get("BANK", "/v1/feed", limit=1000)
    assert not [e for e in page["events"] if e["type"] == "credit.publicity-terminated"]


async def test_s15_what_the_officer_works_from(world: World) -> None:
    """The earliest day, each condition with its evidence; not for another unit or business."""
    await given_s15(world)
    world.at("2026-07-10")
    document = await world.get("MRB head", "/v1/repair/records/CR-1")
    assert (document["earliest_on"], document["reached"]) == ("2026-07-16", False)
    [regime] = document["regimes"]
    assert (regime["policy_key"], regime["version"], regime["governs"]) == (
        "dishonesty.regime",
        3,
        True,
    )
    met = {(c["rule_id"], c["met"]) for c in document["conditions"]}
    assert met == {
        ("REP-R1", False),
        ("REP-R2", False),
        ("REP-R3", False),
        ("REP-R4", True),
        ("REP-R5", True),
    }
    [early] = [c for c in document["conditions"] if c["rule_id"] == "REP-R1"]
    assert "2026-07-16" in early["fix_hint"]
    headers = {"Authorization": f"Bearer {world.tokens['MRB head']}", "Accept-Language": "zh"}
    chinese = await world.client.get("/v1/repair/records/CR-1", headers=headers)
    assert chinese.headers["Content-Language"] == "zh"
    assert "Accept-Language" in chinese.headers["Vary"]
    [uncommitted] = [c for c in (await chinese.json())["conditions"] if c["rule_id"] == "REP-R3"]
    assert uncommitted["details"]["reason"]["text"] == "未写明信用承诺"

    world.at("2026-07-16")
    await world.send("E-C", "repair/apply-repair", **APPLY)
    document = await world.get("MRB head", "/v1/repair/cases/REP-1")
    assert (document["stage"], document["channel"]) == ("applied", "credit_china")
    assert all(condition["met"] for condition in document["conditions"])
    evidence = [c["evidence"] for c in document["conditions"] if c["rule_id"] == "REP-R2"]
    assert evidence == [["整改报告1号"], ["缴款凭证1号"]]
    later = await world.get("MRB head", "/v1/repair/records/CR-1", on="2026-07-15")
    assert [c["met"] for c in later["conditions"] if c["rule_id"] == "REP-R1"] == [False]
    assert later["repair"] == {"repair": "REP-1", "stage": "applied"}

    listed = await world.get("MRB head", "/v1/repair/records", entity=E_C)
    assert [(one["record"], one["earliest_on"]) for one in listed["items"]] == [
        ("CR-1", "2026-07-16")
    ]
    cases = await world.get("EDB", "/v1/repair/cases", stage="applied", unit="MRB")
    assert [one["repair"] for one in cases["items"]] == ["REP-1"]
    for path in ("/v1/repair/records/CR-1", "/v1/repair/cases/REP-1"):
        assert (await world.get("E-C", path))["entity"] == E_C
        for who, status in (("EMB head", 404), ("E-B", 404), ("BANK", 403)):
            assert await world.status(who, path) == status, (who, path)
    for path in ("/v1/repair/records", "/v1/repair/cases"):
        assert (await world.get("EMB head", path))["items"] == []
        assert (await world.get("E-B", path))["items"] == []
        assert len((await world.get("E-C", path))["items"]) == 1
        assert await world.status("BANK", path) == 403
