"""People change (2.18): the inbox moves with a duty, and what one person did stays theirs."""

from __future__ import annotations

from datetime import date

from ledger.systems.handovers.events import DutyHandedOver
from tests.scenarios.world import E_A, E_B, E_D, World


async def given_task(world: World, task: str, entity: str, day: str, officers: list[str]) -> None:
    """A task on a complaint, filed and approved."""
    await world.send("MRB legal", "filing/file-special-inspection", **world.filing(f"F-{task}"))
    await world.send(
        "MRB head",
        "filing/approve-task",
        **world.task(
            task,
            entity,
            day,
            kind="case",
            trigger="complaint",
            filing=f"F-{task}",
            officers=officers,
        ),
    )


async def subjects(world: World, who: str) -> set[str]:
    """What waits for somebody by name: the subjects of the items that name officers."""
    return {item["subject"] for item in await world.inbox(who) if item.get("officers")}


async def test_what_waits_moves_for_a_time(world: World) -> None:
    """Open tasks and cases, and later ones, wait for the other officer until the last day."""
    await world.given_matter("M-101")
    world.at("2026-03-02")
    await given_task(world, "T-1", E_A, "2026-03-18", ["OFF-001", "OFF-003"])
    await world.send("MRB head", "penalties/file-case", **world.case("CASE-1", E_B))
    assert await subjects(world, "MRB officer") == {"task:T-1", "case:CASE-1"}
    assert await subjects(world, "MRB investigator") == {"case:CASE-1"}
    handover = {"unit": "MRB", "from_person": "OFF-001", "to_person": "OFF-002", "reason": "休假"}
    await world.send("MRB officer", "handovers/hand-over-duty", expect=403, **handover)
    await world.send(
        "MRB head", "handovers/hand-over-duty", **handover, scope=["filing"], until="2026-03-06"
    )
    assert await subjects(world, "MRB officer") == {"case:CASE-1"}
    assert await subjects(world, "MRB investigator") == {"task:T-1", "case:CASE-1"}
    world.at("2026-03-05")
    await given_task(world, "T-2", E_D, "2026-03-19", ["OFF-001", "OFF-002"])
    waiting = [i["item"] for i in await world.inbox("MRB investigator")]
    assert len(waiting) == len(set(waiting)), "an item in two trays is shown once"
    assert "task:T-2" in await subjects(world, "MRB investigator")
    [item] = [
        item
        for item in await world.inbox("MRB head")
        if (item["subject"], item["waits"]) == ("task:T-1", "filing.task-to-announce")
    ]
    assert (item["officers"], item["held_by"]) == (["OFF-001", "OFF-003"], ["OFF-002"])
    await world.send(
        "MRB investigator", "filing/issue-inspection-notice", task="T-1", notice_no="N-1"
    )
    trail = (await world.get("MRB head", "/v1/inspections/T-1/trail"))["entries"]
    assert {e["actor"]["person_id"] for e in trail} == {"HEAD-MRB", "OFF-002"}
    handovers = await world.get("MRB head", "/v1/handovers/MRB")
    assert [(h["from_person"], h["system"]) for h in handovers["standing"]] == [
        ("OFF-001", "filing")
    ]
    world.at("2026-03-07")
    assert "task:T-1" in await subjects(world, "MRB officer")
    assert await subjects(world, "MRB investigator") == {"case:CASE-1", "task:T-2"}
    assert await world.status("EMB head", "/v1/handovers/MRB") == 404
    handovers = await world.get("MRB head", "/v1/handovers/MRB")
    assert handovers["standing"] == [], "the last day was yesterday"


async def test_work_moves_by_whatever_letters_a_person_is_written(world: World) -> None:
    """Handed over by ``off-001``, what waits for ``OFF-001`` is in the successor's inbox."""
    await world.given_matter("M-101")
    world.at("2026-03-02")
    await given_task(world, "T-1", E_A, "2026-03-18", ["OFF-001", "OFF-003"])
    handover = {"unit": "MRB", "from_person": "off-001", "reason": "休假"}
    await world.send(
        "MRB head", "handovers/hand-over-duty", expect=409, **handover, to_person="OFF-999"
    )
    assert await subjects(world, "MRB officer") == {"task:T-1"}
    await world.send("MRB head", "handovers/hand-over-duty", **handover, to_person="OFF-002")
    assert await subjects(world, "MRB officer") == set()
    assert await subjects(world, "MRB investigator") == {"task:T-1"}


async def test_what_reaches_nobody_is_the_heads(world: World) -> None:
    """A person of whom no certificate is known attends to nothing; the head is told so."""
    await world.given_matter("M-101")
    world.at("2026-03-02")
    await given_task(world, "T-1", E_A, "2026-03-18", ["OFF-001", "OFF-003"])
    assert not await unattended(world)
    for officer in ("OFF-001", "OFF-003"):
        # Taken by an earlier version of the service, which asked for no certificate.
        world.given(
            DutyHandedOver(
                unit="MRB",
                from_person=officer,
                to_person="OFF-999",
                since=date(2026, 3, 2),
                reason="调离",
            )
        )
    assert await unattended(world) == {"task:T-1"}
    for officer in ("OFF-001", "OFF-003"):
        await world.send(
            "MRB head",
            "handovers/hand-over-duty",
            unit="MRB",
            from_person=officer,
            to_person="HEAD-MRB",
            reason="调离",
        )
    assert not await unattended(world)


async def test_a_request_moves_and_stays_whose_it_was(world: World) -> None:
    """The successor withdraws a request; without a handover nobody but its maker does."""
    world.at("2026-03-02")
    await world.given_matter("M-101", listed="2026-03-02", published="2026-03-02 10:00")
    await given_task(world, "T-1", E_A, "2026-03-03", ["OFF-001", "OFF-002"])
    await world.visit("T-1", "2026-03-03")
    position = world.recorder.head()
    request = await world.request(
        "MRB officer",
        "corrections/correct-record",
        target_position=position,
        field_changes=[{"path": "/body/result", "old": "no_issue", "new": "order_to_correct"}],
        reason="误录",
    )
    withdraw = {"approval": request}
    await world.send("MRB investigator", "approvals/withdraw-request", expect=403, **withdraw)
    await world.send(
        "MRB head",
        "handovers/hand-over-duty",
        unit="MRB",
        from_person="OFF-001",
        to_person="OFF-002",
        reason="调离",
        scope=["approvals"],
    )
    await world.send("MRB investigator", "approvals/withdraw-request", **withdraw)
    approval = await world.get("MRB head", f"/v1/approvals/{request}")
    assert (approval["requested_by"], approval["answered_by"]) == ("OFF-001", "OFF-002")


async def test_a_request_that_was_handed_over_is_approved_by_a_third(world: World) -> None:
    """The successor of the one who requested it has it as their own: it waits for another."""
    world.at("2026-03-02")
    await world.given_matter("M-101", listed="2026-03-02", published="2026-03-02 10:00")
    await given_task(world, "T-1", E_A, "2026-03-03", ["OFF-001", "OFF-002"])
    await world.visit("T-1", "2026-03-03")
    request = await world.request(
        "MRB officer",
        "corrections/correct-record",
        target_position=world.recorder.head(),
        field_changes=[{"path": "/body/result", "old": "no_issue", "new": "order_to_correct"}],
        reason="误录",
    )
    waits = {"waits": "approvals.request-to-answer"}
    assert (await world.get("MRB head", "/v1/inbox", **waits))["items"]
    handover = {"unit": "MRB", "from_person": "OFF-001", "scope": ["approvals"]}
    await world.send(
        "MRB head", "handovers/hand-over-duty", **handover, to_person="head-mrb", reason="调离"
    )
    assert (await world.get("MRB head", "/v1/inbox", **waits))["items"] == []
    for command, further in (("approve-request", {}), ("refuse-request", {"reason": "误"})):
        await world.send(
            "MRB head", f"approvals/{command}", expect=403, approval=request, **further
        )
    await world.send("MRB head", "handovers/take-back-duty", **handover)
    await world.send("MRB head", "approvals/approve-request", approval=request)


async def test_what_a_certificate_leaves_is_the_heads(world: World) -> None:
    """Once the certificate has ended, the officer's work is in the head's inbox, unattended."""
    await world.given_matter("M-101")
    world.at("2026-07-30")
    seventh = world.service.tokens.create("MRB", "OFF-007", "enforcement_officer")
    world.tokens["seventh"] = seventh
    await world.send(
        "MRB head",
        "penalties/file-case",
        **world.case("CASE-7", E_B, investigators=["OFF-007", "OFF-001"]),
    )
    assert await subjects(world, "seventh") == {"case:CASE-7"}
    world.at("2026-08-01")
    assert await subjects(world, "seventh") == set()
    assert await subjects(world, "MRB officer") == {"case:CASE-7"}
    assert not await unattended(world)
    await world.send(
        "JB",
        "catalogue/suspend-certificate",
        officer="OFF-001",
        unit="MRB",
        suspended_from="2026-08-01",
        reason="调查",
    )
    assert await subjects(world, "MRB officer") == set()
    assert await unattended(world) == {"case:CASE-7"}
    await world.send(
        "MRB head",
        "handovers/hand-over-duty",
        unit="MRB",
        from_person="OFF-007",
        to_person="OFF-002",
        reason="证件到期",
    )
    assert await subjects(world, "MRB investigator") == {"case:CASE-7"}
    assert not await unattended(world)


async def unattended(world: World) -> set[str]:
    """What the head has to give to somebody."""
    return {item["subject"] for item in await world.inbox("MRB head") if item.get("unattended")}
