"""S20, the key list: five matters of work safety are enough, and a designation is reviewed."""

from __future__ import annotations

from typing import Any

from tests.cast import E_A, E_D
from tests.scenarios.world import World, rules


def listing(matter: str, **changed: Any) -> dict[str, Any]:
    return {
        "domain": "work_safety",
        "matter": matter,
        "unit": "EMB",
        "procedure_ref": "兰新应急规〔2026〕1号",
        "risk_assessment": f"RA-{matter}",
        "expires_on": "2027-03-01",
        **changed,
    }


DESIGNATION = {
    "designation": "KEY-1",
    "entity": E_D,
    "unit": "EMB",
    "matters": ["M-K1"],
    "reason": "两年内三次同类隐患",
    "tracking_officer": "OFF-011",
    "guidance_plan": "GP-1",
    "notice_no": "兰新应急告〔2026〕1号",
    "notified_on": "2026-03-02",
}


async def given_list(world: World) -> None:
    """Five matters of work safety are under key supervision, a sixth is published."""
    for number in range(1, 7):
        await world.given_matter(f"M-K{number}", unit="EMB", domain="work_safety")
    world.at("2026-03-02")
    for number in range(1, 6):
        await world.send("EMB head", "keylist/list-key-matter", **listing(f"M-K{number}"))


async def test_s20_the_list_is_short(world: World) -> None:
    """KEY-R2 for the sixth; the public reads which five there are."""
    await given_list(world)
    problem = await world.refused(
        "KEY-R2", "EMB head", "keylist/list-key-matter", **listing("M-K6")
    )
    assert (problem["details"]["listed"], problem["details"]["cap"]) == (5, 5)
    assert (problem["policy_key"], problem["policy_version"]) == ("key.max_matters", 1)
    missing = listing("M-K6", risk_assessment=None, expires_on=None)
    await world.refused(
        "KEY-R3",
        "EMB head",
        "keylist/list-key-matter",
        **{name: value for name, value in missing.items() if value is not None},
    )
    await world.refused(
        "KEY-R1", "EMB head", "keylist/list-key-matter", **listing("M-K6", domain="tourism")
    )

    world.tokens["nobody"] = world.service.tokens.create("PUBLIC", "NOBODY", "public")
    shown = await world.get("nobody", "/v1/key-lists/work_safety")
    assert sorted(shown["matters"]) == [f"M-K{n}" for n in range(1, 6)]
    assert shown["matters"]["M-K1"]["expires_on"] == "2027-03-01"
    assert [one["domain"] for one in (await world.get("nobody", "/v1/key-lists"))["items"]] == [
        "work_safety"
    ]


async def test_s20_a_designation_is_reviewed(world: World) -> None:
    """KEY-R3 without a day of review; with one the clock asks for the review, and for visits."""
    await given_list(world)
    problem = await world.refused("KEY-R3", "EMB head", "keylist/designate-key-unit", **DESIGNATION)
    assert problem["details"]["latest"] == "2027-03-02"
    told = {k: v for k, v in DESIGNATION.items() if k != "notice_no"}
    await world.refused(
        "KEY-R4", "EMB head", "keylist/designate-key-unit", **told, review_on="2026-09-01"
    )
    await world.send(
        "EMB head", "keylist/designate-key-unit", **DESIGNATION, review_on="2026-09-01"
    )
    due = await world.deadline("key.review", unit="EMB")
    assert due["due_on"] == "2026-09-01"

    answer = await world.send(
        "EMB head",
        "keylist/log-tracking-visit",
        designation="KEY-1",
        officers=["OFF-011"],
        summary="已整改两项",
    )
    assert rules(answer) == ["KEY-V2"]
    await world.send(
        "EMB head", "keylist/provide-guidance", designation="KEY-1", subject="动火作业审批"
    )

    world.at("2026-09-02")
    assert ("DeadlineMissed", "key.review") in world.tick()
    answer = await world.send(
        "EMB head",
        "keylist/log-tracking-visit",
        designation="KEY-1",
        officers=["OFF-011"],
        summary="复查",
    )
    assert rules(answer) == ["KEY-V1"]
    await world.refused(
        "KEY-R5",
        "EMB head",
        "keylist/designate-key-unit",
        **{**DESIGNATION, "designation": "KEY-2"},
        review_on="2026-12-01",
    )
    await world.send(
        "EMB head",
        "keylist/review-key-designation",
        designation="KEY-1",
        outcome="keep",
        grounds="隐患反复",
        review_on="2026-12-01",
    )
    world.at("2026-12-02")
    recorded = world.tick()
    assert ("DeadlineMissed", "key.review.again") in recorded
    # Grade D, and nobody came since the review.
    assert ("FindingRaised", "KEY-V3") in recorded
    [never] = await world.findings(rule_id="KEY-V3")
    assert (never["unit"], never["entity"], never["facts"]["grade"]) == ("EMB", E_D, "D")


async def test_s20_who_reads_the_designated_units(world: World) -> None:
    """Authorities the list, the unit and the business all of it, the public nothing (U)."""
    await given_list(world)
    await world.send(
        "EMB head", "keylist/designate-key-unit", **DESIGNATION, review_on="2026-09-01"
    )
    create = world.service.tokens.create
    world.tokens["nobody"] = create("PUBLIC", "NOBODY", "public")
    world.tokens["E-D"] = create("ENTITY", "REP-D", "entity_rep", entity=E_D)

    async def seen(who: str) -> list[dict[str, Any]]:
        return list((await world.get(who, "/v1/key-designations"))["items"])

    for who in ("EMB head", "JB", "E-D"):
        [one] = await seen(who)
        assert (one["reason"], one["tracking_officer"]) == ("两年内三次同类隐患", "OFF-011")
    for who in ("MRB head", "EDB"):
        [one] = await seen(who)
        shown = {"designation", "unit", "entity", "matters", "review_on", "stage"}
        assert set(one) == shown | {"unit_name", "entity_name", "matter_titles"}
    assert await seen("nobody") == await seen("E-A") == []

    await world.send(
        "JB",
        "policies/adopt-policy-version",
        key="key.unit_list",
        value="restricted",
        unit="text",
        effective_from="2026-03-03",
        source={"instrument": "新区决定"},
        confidence="U",
    )
    world.at("2026-03-03")
    await world.send(
        "EMB head",
        "keylist/designate-key-unit",
        **{**DESIGNATION, "designation": "KEY-2", "entity": E_A},
        review_on="2026-09-01",
    )
    for who in ("MRB head", "EDB", "E-D"):
        assert [one["designation"] for one in await seen(who)] == ["KEY-1"]
    for who in ("EMB head", "JB"):
        assert [one["designation"] for one in await seen(who)] == ["KEY-1", "KEY-2"]
    assert [one["designation"] for one in await seen("E-A")] == ["KEY-2"]
    profile = await world.get("JB", f"/v1/entities/{E_D}/profile")
    assert (profile["grade"], profile["records"]) == ("D", [])  # no dishonesty (K: none)


async def test_KEY_R4_the_feed_says_no_more_than_the_list(world: World) -> None:
    """Why, by whom and how is told to the business, its unit and supervisors; to nobody else."""
    await given_list(world)
    await world.send(
        "BANK",
        "sharing/subscribe-feed",
        subscription="SUB-1",
        unit="BANK",
        purpose="贷款审批",
        legal_basis=[{"instrument": "征信业管理条例", "article": "Art 21"}],
    )
    assert (await world.get("BANK", "/v1/sharing/subscriptions"))["items"]
    told = {**DESIGNATION, "review_on": "2026-09-01"}
    await world.send("EMB head", "keylist/designate-key-unit", **told)
    review = {"designation": "KEY-1", "outcome": "keep", "grounds": "隐患反复"}
    await world.send("EMB head", "keylist/review-key-designation", **review, review_on="2026-12-01")
    world.tokens["E-D"] = world.service.tokens.create("ENTITY", "REP-D", "entity_rep", entity=E_D)
    secrets = ("两年内三次同类隐患", "OFF-011", "隐患反复", DESIGNATION["guidance_plan"])

    for who, told_all in (("BANK", False), ("MRB head", False), ("E-D", True), ("JB", True)):
        page = await world.get(who, "/v1/feed", limit=1000, type="keylist.*")
        about = [e["data"] for e in page["events"] if e["data"].get("designation") == "KEY-1"]
        assert about, who
        assert [text in str(about) for text in secrets] == [told_all] * len(secrets), who
