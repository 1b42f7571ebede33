"""Nothing waits for ever: what nobody can answer any more is in nobody's inbox (2.18)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ledger.systems.channels.events import ChannelTestFellDue
from tests.api.test_decision_pages import ended
from tests.scenarios.answerable import unanswerable
from tests.scenarios.test_people_change import given_task
from tests.scenarios.test_s09_joint_visit import PLAN, goes, june, leaves, task
from tests.scenarios.test_s21_work_plan import MS_1, _plan
from tests.scenarios.world import E_A, E_B, E_C, World

__all__ = ["june"]


async def rows(world: World, who: str, about: str) -> set[str]:
    """The kinds of items about a subject that wait for somebody."""
    return {item["waits"] for item in await world.inbox(who) if about in item["subject"]}


async def test_a_joint_visit_that_was_cancelled_waits_for_no_unit(june: World) -> None:
    """Its lead cancels it: the units that were asked, and those that accepted, are free."""
    await june.send("MRB head", "joint/plan-joint", **PLAN)
    await june.send("EMB head", "joint/accept-join", joint="JNT-1", unit="EMB")
    assert await rows(june, "EMB head", "JNT-1") == {"joint.task-to-approve"}
    assert "joint.part-to-accept" in await rows(june, "EEB head", "JNT-1")
    await june.send("MRB head", "joint/cancel-joint", joint="JNT-1", reason="改期")
    for who in ("MRB head", "EMB head", "EEB head"):
        assert await rows(june, who, "JNT-1") == set(), who
    assert await unanswerable(june) == []


async def test_a_joint_visit_that_was_held_asks_nobody_to_take_part(june: World) -> None:
    """The unit that never answered is not asked any more once the others were there."""
    await june.send("MRB head", "joint/plan-joint", **PLAN)
    await june.send("EMB head", "joint/accept-join", joint="JNT-1", unit="EMB")
    mine = task("MRB", "2026-06-10", joint="JNT-1", task="T-MRB-J")
    await june.send("MRB head", "filing/approve-task", **mine)
    await june.send("EMB head", "filing/approve-task", **task("EMB", "2026-06-10", joint="JNT-1"))
    await goes(june, "MRB", "2026-06-10 09:00", "T-MRB-J")
    await goes(june, "EMB", "2026-06-10 09:05")
    await leaves(june, "MRB", "2026-06-10 10:30", "no_issue", "T-MRB-J")
    await leaves(june, "EMB", "2026-06-10 10:35", "no_issue")
    assert "joint.part-to-accept" in await rows(june, "EEB head", "JNT-1")
    await june.send(
        "MRB head",
        "joint/record-joint-visit",
        joint="JNT-1",
        matters_checked=["M-101", "M-201"],
        record_digest="ab" * 32,
    )
    assert await rows(june, "EEB head", "JNT-1") == set()
    assert await unanswerable(june) == []


@pytest.mark.parametrize("announced", [False, True])
async def test_a_business_that_refuses_before_entry(world: World, announced: bool) -> None:
    """The inspection is concluded without a visit: nothing is announced or entered any more."""
    await world.given_matter("M-101")
    world.at("2026-03-02")
    await given_task(world, "T-2", E_B, "2026-03-18", ["OFF-001", "OFF-003"])
    world.at("2026-03-18")
    if announced:
        await world.send(
            "MRB officer", "filing/issue-inspection-notice", task="T-2", notice_no="N-2"
        )
    await world.send(
        "MRB officer", "filing/conclude-inspection", task="T-2", result="refused_by_entity"
    )
    assert await rows(world, "MRB head", "T-2") == {
        "filing.result-to-notify",
        "draws.result-to-publish",
    }
    assert await unanswerable(world) == []


async def test_an_emergency_that_is_approved_afterwards_opens_no_second_visit(
    world: World,
) -> None:
    """The officers are inside: the rest of the visit waits, and nothing under its filing."""
    await world.given_matter("M-101")
    world.at("2026-03-02")
    emergency = {"unit": "MRB", "entity": E_A, "matters": ["M-101"], "ground": "food_drug"}
    opening = world.opening("T-EM", emergency=emergency)
    await world.send("MRB officer", "filing/open-inspection", **opening)
    filing = world.filing("F-EM", task="T-EM", ground="food_drug")
    await world.send("MRB legal", "filing/file-special-inspection", **filing)
    approved = world.task("T-EM", E_A, "2026-03-02", kind="case", trigger="emergency")
    await world.send("MRB head", "filing/approve-task", **approved)
    assert await rows(world, "MRB head", "F-EM") == set()
    assert await rows(world, "MRB head", "T-EM") == {
        "filing.task-to-enter",
        "filing.visit-to-sign",
        "filing.visit-to-close",
        "filing.visit-to-conclude",
    }
    await world.send("MRB officer", "filing/scan-entry", task="T-EM", act_code="A", device="D")
    assert "filing.task-to-enter" not in await rows(world, "MRB head", "T-EM")
    assert await unanswerable(world) == []


async def test_a_penalty_altered_to_a_warning_has_no_fine_to_pay(world: World) -> None:
    """Nothing is paid, deferred or enforced of a decision that fines nothing any more."""
    world.at("2026-05-11")
    await world.given_case("CASE-1", E_C)
    await world.send(
        "MRB head", "penalties/decide-penalty", **world.decision("DEC-1", "CASE-1", E_C)
    )
    await world.send("MRB officer", "penalties/serve-penalty", decision="DEC-1", repair_notice=True)
    assert "penalties.fine-to-pay" in await rows(world, "MRB head", "DEC-1")
    world.at("2026-05-20")
    altered: dict[str, Any] = {
        "decision": "DEC-1",
        "unit": "MRB",
        "by": "RECON",
        "instrument": "1号",
        "effective_on": "2026-05-20",
        "reason": "变更",
        "kind": "altered",
    }
    less = {"types": ["fine"], "fine_fen": 100_000, "severity": "minor"}
    await world.send("RECON", "corrections/nullify-decision", **altered, content=less)
    assert "penalties.fine-to-pay" in await rows(world, "MRB head", "DEC-1")
    warning = {"types": ["warning"], "fine_fen": 0, "severity": "minor"}
    await world.send("RECON", "corrections/nullify-decision", **altered, content=warning)
    assert "penalties.fine-to-pay" not in await rows(world, "MRB head", "DEC-1")
    assert await unanswerable(world) == []


@pytest.mark.parametrize("ended_by", [None, "repaired"])
async def test_a_decision_whose_record_has_ended_is_not_published_again(
    world: World, ended_by: str | None
) -> None:
    """Altered after its repair it is taken back, and never published as altered (2.17)."""
    world.at("2026-05-11")
    await world.given_case("CASE-1", E_C)
    decision = world.decision("DEC-1", "CASE-1", E_C)
    await world.send("MRB head", "penalties/decide-penalty", **decision)
    await world.send("MRB officer", "penalties/serve-penalty", decision="DEC-1", repair_notice=True)
    await world.send("MRB head", "penalties/publish-decision", decision="DEC-1", summary="罚款")
    await world.given_record(
        "CR-1",
        E_C,
        "2026-05-11",
        decision="DEC-1",
        instrument={
            "kind": "penalty_decision",
            "doc_no": "兰新市监罚〔2026〕DEC-1",
            "effective_on": "2026-05-11",
        },
    )
    world.at("2026-08-20")
    if ended_by is not None:
        world.given(ended(ended_by, date(2026, 8, 20)))
    await world.send(
        "RECON",
        "corrections/nullify-decision",
        decision="DEC-1",
        unit="MRB",
        by="RECON",
        instrument="1号",
        effective_on="2026-08-20",
        reason="变更",
        kind="altered",
        content={"types": ["fine"], "fine_fen": 100_000, "severity": "general"},
    )
    await world.send(
        "MRB head", "penalties/withdraw-decision", decision="DEC-1", explanation="变更"
    )
    again = "penalties.decision-to-publish" in await rows(world, "MRB head", "DEC-1")
    assert again is (ended_by is None)
    await world.send(
        "MRB head",
        "penalties/publish-decision",
        expect=201 if again else 409,
        decision="DEC-1",
        summary="警告",
    )


async def test_a_milestone_that_was_reached_waits_for_nobody(world: World) -> None:
    """It is returned where its evidence does not show it; a good one is not to be answered."""
    world.at("2026-01-20")
    await world.send("MRB head", "workplans/adopt-work-plan", **_plan())
    world.at("2026-03-02")
    answer = await world.send(
        "MRB office",
        "publicity/publish-ex-ante",
        unit="MRB",
        item="draw_list",
        title="随机抽查事项清单",
        digest="a" * 64,
        url="https://www.lzxq.gov.cn/draw-list",
    )
    await world.send(
        "MRB office",
        "workplans/reach-milestone",
        milestone=MS_1,
        says="已公布",
        evidence_events=[answer["events"][0]["position"]],
    )
    for who in ("JB", "RLO", "MRB head"):
        assert await rows(world, who, MS_1) == set(), who
    returned = {"milestone": MS_1, "reason": "证据不足", "due_on": "2026-03-31"}
    await world.send("JB", "workplans/return-milestone", **returned)
    assert await rows(world, "MRB head", MS_1) == {"workplans.milestone-to-reach"}


async def test_a_channel_that_did_not_answer_is_tested_again(world: World) -> None:
    """A test that nobody answered leaves the item; an answered one ends it."""
    channel = {"channel": "CH-1", "unit": "MRB", "kind": "phone", "hours": "工作日"}
    await world.send(
        "MRB head", "channels/publish-complaint-channel", **channel, address="0931-8250000"
    )
    world.at("2026-04-05")
    world.given(
        ChannelTestFellDue(
            channel="CH-1", unit="MRB", counted_from=date(2026, 1, 4), due_on=date(2026, 4, 4)
        )
    )
    for answered, left in ((False, {"channels.channel-to-test"}), (True, set())):
        await world.send("JB", "channels/report-channel-test", channel="CH-1", answered=answered)
        assert await rows(world, "JB", "CH-1") == left
