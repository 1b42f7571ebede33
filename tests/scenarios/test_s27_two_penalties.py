"""S27: two penalties of one business, of which one is altered and the other revoked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.cast import E_B
from tests.scenarios.test_s15_repair import commitment
from tests.scenarios.test_s16_lists_and_commitments import given_catalogue
from tests.scenarios.world import World, types

PROFILE = f"/v1/entities/{E_B}/profile"
REPLAY = f"/v1/entities/{E_B}/replay"
DOC = "兰新市监罚〔2026〕{}号"
FINE_30_000: dict[str, Any] = {
    "types": ["fine"],
    "fine_fen": 3_000_000,
    "severity": "general",
    "basis": [{"instrument": "中华人民共和国食品安全法", "article": "Art 124"}],
}
REPAIR: dict[str, Any] = {
    "repair": "REP-1",
    "entity": E_B,
    "records": ["CR-2"],
    "channel": "credit_china",
    "proofs": [
        {"shows": "conduct_corrected", "ref": "整改报告1号"},
        {"shows": "obligations_performed", "ref": "缴款凭证1号"},
    ],
    "commitment": "CMT-1",
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The region; nobody has graded E-B."""
    async with World(tmp_path) as world:
        await world.given_region(ungraded=(E_B,))
        await given_catalogue(world)
        yield world


def record(number: int, day: str, severity: str, **changed: Any) -> dict[str, Any]:
    """The body of the credit record of a decision, entered by MRB."""
    return {
        "record": f"CR-{number}",
        "entity": E_B,
        "unit": "MRB",
        "kind": "penalty",
        "determined_on": day,
        "title": "行政处罚",
        "public": True,
        "severity": severity,
        "decision": f"DEC-{number}",
        "instrument": {
            "kind": "penalty_decision",
            "doc_no": DOC.format(number),
            "effective_on": day,
        },
        **changed,
    }


async def told(world: World, number: int, kinds: list[str], fine_fen: int) -> None:
    """A case of MRB of today, whose business was told and waived its rights."""
    case = f"CASE-{number}"
    await world.send("MRB head", "penalties/file-case", **world.case(case, E_B))
    grave = "fine" not in kinds
    notice = world.notice(case, fine_fen, types=kinds, hearing_right=grave)
    await world.send("MRB officer", "penalties/serve-prior-notice", **notice)
    rights = ["statement", "hearing"] if grave else ["statement"]
    await world.send(
        "MRB officer", "penalties/waive-rights", case=case, rights=rights, how="declared"
    )


LICENCE = {"name": "食品经营许可证", "number": "JY16201000012345"}


async def decided(
    world: World, number: int, kinds: list[str], fine_fen: int, severity: str
) -> None:
    """A decision of today, served and published at once."""
    await told(world, number, kinds, fine_fen)
    body = world.decision(
        f"DEC-{number}",
        f"CASE-{number}",
        E_B,
        doc_no=DOC.format(number),
        types=kinds,
        fine_fen=fine_fen,
        severity=severity,
        licence=LICENCE if "licence_revocation" in kinds else None,
    )
    await world.send("MRB head", "penalties/decide-penalty", **body)
    decision = {"decision": f"DEC-{number}"}
    await world.send("MRB officer", "penalties/serve-penalty", repair_notice=True, **decision)
    await world.send(
        "MRB head", "penalties/publish-decision", summary=f"第{number}号处罚决定", **decision
    )


async def first_penalty(world: World) -> None:
    """DEC-1 of 2026-04-20, a fine of 20,000 yuan; CR-1."""
    world.at("2026-04-20")
    await decided(world, 1, ["fine"], 2_000_000, "general")
    await world.send("MRB head", "credit/enter-credit-record", **record(1, "2026-04-20", "general"))
    await world.send("MRB head", "credit/start-publicity", record="CR-1", channels=["credit_china"])


async def second_penalty(world: World) -> None:
    """DEC-2 of 2026-05-11, a licence revoked; CR-2, and a sanction that takes serious ones."""
    world.at("2026-05-11")
    await decided(world, 2, ["licence_revocation"], 0, "serious")
    await world.send("MRB head", "credit/enter-credit-record", **record(2, "2026-05-11", "serious"))
    await world.send("MRB head", "credit/start-publicity", record="CR-2", channels=["credit_china"])
    await world.send(
        "MRB head",
        "dishonesty/apply-sanction",
        sanction="SAN-1",
        entity=E_B,
        unit="MRB",
        record="CR-2",
        measure="no-tenders",
        until="2029-05-11",
    )


async def disputed(world: World, number: int, day: str) -> None:
    """A reconsideration of a decision, ready to be decided."""
    recon = {"recon": f"RCN-{number}"}
    world.at(day)
    await world.send(
        "E-B",
        "reconsideration/apply-for-reconsideration",
        decision=f"DEC-{number}",
        organ="RECON",
        known_on=day,
        grounds="过罚不当",
        entity=E_B,
        **recon,
    )
    await world.send("RECON", "reconsideration/accept-application", **recon)
    await world.send("RECON", "reconsideration/send-copy", **recon)
    await world.send("MRB legal", "reconsideration/submit-reply", reply="请予维持", **recon)


async def reconsidered(world: World, number: int, outcome: str, **more: Any) -> dict[str, Any]:
    """Decide the reconsideration of a decision and serve what was decided."""
    recon = {"recon": f"RCN-{number}"}
    answer = await world.send(
        "RECON",
        "reconsideration/decide-case",
        outcome=outcome,
        instrument=f"兰新复决〔2026〕{number}号",
        reasons="认定事实清楚, 处罚过重" if outcome == "alter" else "主要事实不清",
        **recon,
        **more,
    )
    await world.send("RECON", "reconsideration/serve-recon-decision", **recon)
    return answer


async def grade(world: World, **when: str) -> str:
    """The grade of E-B as the Justice Bureau reads it."""
    return str((await world.get("JB", PROFILE, **when))["grade"])


async def the_record(world: World, who: str, name: str, **when: str) -> dict[str, Any] | None:
    """A record as it stands in the profile, if it does."""
    records = (await world.get(who, PROFILE, **when))["records"]
    return next((one for one in records if one["record"] == name), None)


async def bounds(world: World, name: str, who: str = "JB") -> tuple[str, str]:
    """The last days of the shortest and the longest publicity in the profile."""
    shown = await the_record(world, who, name)
    assert shown is not None
    return shown["publicity"]["min_until"], shown["publicity"]["max_until"]


async def test_s27_two_penalties(world: World) -> None:
    """From the first decision to the repair of the altered one."""
    assert await grade(world) == "B"
    await first_penalty(world)
    assert await bounds(world, "CR-1") == ("2026-07-20", "2027-04-20")
    assert await grade(world) == "C"

    await second_penalty(world)
    assert await bounds(world, "CR-2") == ("2027-05-11", "2029-05-11")
    assert await grade(world) == "D"

    await disputed(world, 2, "2026-05-20")
    world.at("2026-06-30")
    heavier = {**FINE_30_000, "types": ["closure_order", "fine"], "severity": "serious"}
    alter = {
        "recon": "RCN-2",
        "outcome": "alter",
        "instrument": "兰新复决〔2026〕2号",
        "reasons": "-",
    }
    await world.refused("RCN-R3", "RECON", "reconsideration/decide-case", **alter, content=heavier)
    answer = await reconsidered(world, 2, "alter", content=FINE_30_000)
    assert types(answer) == [
        "reconsideration.recon-decided",
        "corrections.decision-altered",
        "credit.credit-record-altered",
        "credit.publicity-bounds-moved",
        "dishonesty.sanction-lifted",
        "grading.credit-grade-assigned",
    ]
    altered = await the_record(world, "JB", "CR-2")
    assert altered is not None
    assert (altered["severity"], altered["amount_fen"]) == ("general", 3_000_000)
    assert await bounds(world, "CR-2") == ("2026-08-11", "2027-05-11")
    assert await bounds(world, "CR-2", "public") == ("2026-08-11", "2027-05-11")
    [listed] = (await world.get("JB", "/v1/repair/records", on="2026-06-30", entity=E_B))["items"][
        1:
    ]
    assert (listed["record"], listed["earliest_on"]) == ("CR-2", "2026-08-12")
    [open_] = [
        row
        for row in (await world.get("JB", "/v1/deadlines", about="record:CR-2"))["items"]
        if row["rule"].startswith("dishonesty.regime.max") and row["state"] == "open"
    ]
    assert open_["due_on"] == "2027-05-11"
    profile = await world.get("JB", PROFILE)
    assert (profile["grade"], profile["sanctions"]) == ("C", [])
    assert (await world.get("JB", "/v1/sanctions/SAN-1"))["lifted"]["reason"] == "altered"

    deadlines = {
        row["rule"]: row["due_on"]
        for row in (await world.get("JB", "/v1/deadlines", about="decision:DEC-2"))["items"]
        if row["state"] == "open"
    }
    assert deadlines == {
        "recon.altered.withdraw": "2026-07-03",
        "recon.altered.publish": "2026-07-09",
        "penalty.pay_cd.altered": "2026-07-15",
    }

    june, july = "2026-06-01T09:00:00+08:00", "2026-07-01T09:00:00+08:00"
    world.at("2026-07-01 10:00")
    for known, letter, severity in ((june, "D", "serious"), (july, "C", "general")):
        then = {"valid_as_of": "2026-06-01", "known_as_of": known}
        assert await grade(world, **then) == letter
        shown = await the_record(world, "JB", "CR-2", **then)
        assert shown is not None
        assert shown["severity"] == severity
        # Who has no right of their own reads what holds now, whatever day they name.
        shown = await the_record(world, "public", "CR-2", **then)
        assert shown is not None
        assert shown["severity"] == "general"

    world.at("2026-07-02")
    await world.send(
        "MRB head",
        "penalties/withdraw-decision",
        decision="DEC-2",
        explanation="经行政复议变更",
    )
    page = await world.get("public", "/v1/decisions/DEC-2")
    assert (page["withdrawn_on"], page["reason"]) == ("2026-07-02", "altered")
    assert "summary" not in page
    world.at("2026-07-09")
    await world.send(
        "MRB head", "penalties/publish-decision", decision="DEC-2", summary="罚款三万元"
    )
    page = await world.get("public", "/v1/decisions/DEC-2")
    assert (page["summary"], page["version"]) == ("罚款三万元", 2)
    assert page["earlier"] == [
        {
            "version": 1,
            "withdrawn_on": "2026-07-02",
            "reason": "altered",
            "explanation": "经行政复议变更",
        }
    ]

    await disputed_and_revoked(world)
    assert (
        await grade(world, valid_as_of="2026-04-25", known_as_of="2026-07-15T09:00:00+08:00") == "B"
    )
    assert (
        await grade(world, valid_as_of="2026-05-20", known_as_of="2026-07-15T09:00:00+08:00") == "C"
    )
    assert (
        await grade(world, valid_as_of="2026-05-20", known_as_of="2026-06-15T09:00:00+08:00") == "D"
    )

    await what_if(world)
    await repaired(world)


async def disputed_and_revoked(world: World) -> None:
    """On 2026-07-14 DEC-1 is revoked: CR-1 ends, and C it stays by CR-2."""
    world.at("2026-06-12")
    world.at("2026-07-10")
    await disputed_late(world)
    world.at("2026-07-14")
    await reconsidered(world, 1, "revoke")
    await world.send(
        "MRB head",
        "penalties/withdraw-decision",
        decision="DEC-1",
        explanation="经行政复议撤销",
    )
    assert await the_record(world, "public", "CR-1") is None
    assert await grade(world) == "C"
    page = await world.get("public", "/v1/decisions/DEC-1")
    assert (page["withdrawn_on"], page["reason"]) == ("2026-07-14", "revoked")
    assert page["explanation"] == "经行政复议撤销"
    assert "summary" not in page
    world.at("2026-07-15 10:00")


async def disputed_late(world: World) -> None:
    """E-B was not told of its right before: it applies within a year (行政复议法 Art. 20)."""
    recon = {"recon": "RCN-1"}
    await world.send(
        "E-B",
        "reconsideration/apply-for-reconsideration",
        decision="DEC-1",
        organ="RECON",
        known_on="2026-06-01",
        grounds="主要事实不清",
        entity=E_B,
        **recon,
    )
    await world.send("RECON", "reconsideration/accept-application", **recon)
    await world.send("RECON", "reconsideration/send-copy", **recon)
    await world.send("MRB legal", "reconsideration/submit-reply", reply="请予维持", **recon)


async def what_if(world: World) -> None:
    """On 2026-07-20: without CR-2, and as if it had been repaired on 08-12."""
    world.at("2026-07-20")
    now = await world.get("JB", REPLAY)
    assert now["profile"] == await world.get("JB", PROFILE)
    without = (await world.get("JB", REPLAY, without="CR-2"))["profile"]
    assert (without["grade"], without["records"][0]["record"]) == ("B", "CR-1")
    for day, letter in (("2026-08-11", "C"), ("2026-08-12", "B")):
        then = {"as_if_repaired": "CR-2@2026-08-12", "valid_as_of": day}
        assert (await world.get("JB", REPLAY, **then))["profile"]["grade"] == letter
    then = {"as_if_repaired": "CR-2@2026-08-12"}
    assert (await world.get("JB", REPLAY, **then))["profile"]["grade"] == "B"


async def repaired(world: World) -> None:
    """Not before its shortest publicity is over, nor before the fine and its surcharge are paid."""
    world.at("2026-08-11")
    world.given(commitment(entity=E_B))
    problem = await world.refused("REP-R1", "E-B", "repair/apply-repair", **REPAIR)
    assert problem["details"]["earliest"] == "2026-08-12"
    world.at("2026-08-12")
    problem = await world.refused("REP-R2", "E-B", "repair/apply-repair", **REPAIR)
    assert problem["details"]["outstanding_fen"] == 3_000_000
    payment = await world.get("E-B", "/v1/decisions/DEC-2/payment")
    assert (payment["pay_by"], payment["late_fee_fen"]) == ("2026-07-15", 2_520_000)
    await world.send(
        "MRB officer",
        "penalties/record-payment",
        decision="DEC-2",
        receipt_no="R-1",
        amount_fen=3_000_000,
    )
    problem = await world.refused("REP-R2", "E-B", "repair/apply-repair", **REPAIR)
    assert problem["details"]["late_fee_outstanding_fen"] == 2_520_000
    await world.send(
        "MRB officer",
        "penalties/record-payment",
        decision="DEC-2",
        receipt_no="R-2",
        late_fee_fen=2_520_000,
    )
    await world.send("E-B", "repair/apply-repair", **REPAIR)
    await world.send("EDB", "repair/forward-repair", repair="REP-1", to_unit="MRB")
    world.at("2026-08-14")
    await world.send("MRB legal", "repair/accept-repair", repair="REP-1")
    world.at("2026-08-20")
    await world.send(
        "MRB head",
        "repair/grant-repair",
        repair="REP-1",
        verified=["conduct_corrected", "obligations_performed"],
        verification="现场核查, 缴款系统核对",
    )
    assert await grade(world) == "B"
    await nothing_is_public(world)


async def nothing_is_public(world: World) -> None:
    """No record and no DEC-2, at any day that the public names."""
    for day in ("2026-05-12", "2026-06-01", "2026-08-19", "2026-08-20"):
        for known in ("2026-05-20T09:00:00+08:00", "2026-08-20T10:00:00+08:00"):
            when = {"valid_as_of": day, "known_as_of": known}
            assert (await world.get("public", PROFILE, **when))["records"] == []
    assert await world.status("public", "/v1/decisions/DEC-2") == 404
    assert await world.status("E-C", "/v1/decisions/DEC-2") == 404
    decisions = (await world.get("public", "/v1/decisions"))["items"]
    assert [one["decision"] for one in decisions] == ["DEC-1"]
    assert "summary" not in decisions[0]
    # Whom it concerns reads it all the same.
    for who in ("E-B", "MRB head", "JB"):
        assert (await world.get(who, "/v1/decisions/DEC-2"))["decision"] == "DEC-2"


async def test_s27_in_the_other_order(world: World) -> None:
    """The serious one is revoked first, while a general one is live: C, and never B."""
    await first_penalty(world)
    await second_penalty(world)
    await disputed(world, 2, "2026-05-20")
    world.at("2026-06-30")
    await reconsidered(world, 2, "revoke")
    assert await grade(world) == "C"
    assert await grade(world, valid_as_of="2026-05-20") == "C"
    await disputed(world, 1, "2026-06-30")
    world.at("2026-07-14")
    await reconsidered(world, 1, "revoke")
    assert await grade(world) == "B"
    for day in ("2026-04-25", "2026-05-20", "2026-07-13"):
        assert await grade(world, valid_as_of=day) == "B"


async def test_s27_one_penalty_has_one_record(world: World) -> None:
    """A record says what its decision says, and is entered once."""
    await first_penalty(world)
    world.at("2026-05-11")
    await told(world, 2, ["licence_revocation"], 0)
    minor = world.decision(
        "DEC-2",
        "CASE-2",
        E_B,
        doc_no=DOC.format(2),
        types=["licence_revocation"],
        fine_fen=0,
        severity="minor",
        licence=LICENCE,
    )
    problem = await world.refused("PEN-R7", "MRB head", "penalties/decide-penalty", **minor)
    assert problem["details"]["severity"] == "serious"
    rightly = {**minor, "severity": "serious"}
    await world.send("MRB head", "penalties/decide-penalty", **rightly)
    await world.send("MRB officer", "penalties/serve-penalty", decision="DEC-2", repair_notice=True)
    world.at("2026-05-12")
    enter = "credit/enter-credit-record"
    await world.refused("CRD-R6", "MRB head", enter, **record(2, "2026-05-12", "serious"))
    await world.send("MRB head", enter, **record(2, "2026-05-11", "serious"))
    again = record(2, "2026-05-11", "serious", record="CR-9")
    problem = await world.refused("CRD-R5", "MRB head", enter, **again)
    assert problem["details"]["record"] == "CR-2"
    elsewhere = {**again, "unit": "EDB", "decision": None, "source_ref": "省平台 77"}
    await world.refused("CRD-R5", "EDB", enter, **elsewhere)
    typed = {**again["instrument"], "doc_no": " 兰新市监罚(2026) 0２号"}
    await world.refused("CRD-R5", "MRB head", enter, **{**again, "instrument": typed})
