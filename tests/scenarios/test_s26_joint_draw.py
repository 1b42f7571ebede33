"""S26: three departments, one draw: one roster, one ticket, one visit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.cli.command_line import main
from ledger.systems.draws.checking import Report, verify
from ledger.verification import Files, verify_ledger
from tests.scenarios.test_draw_files import in_browser
from tests.scenarios.world import E_A, E_B, E_C, E_D, PRESCRIBED, World, types

DRAW = "DRAW-2026-0026"
HEADS = {"MRB": "MRB head", "EMB": "EMB head", "EEB": "EEB head"}
MATTERS = {"MRB": "M-201", "EMB": "M-301", "EEB": "M-401"}
CAPS = {"MRB": "0.20", "EMB": "0.10", "EEB": "1.00"}
OFFICERS = {
    "MRB": ["OFF-001", "OFF-002", "OFF-003"],
    "EMB": ["OFF-011", "OFF-012"],
    "EEB": ["OFF-021", "OFF-022", "OFF-023"],
}
CERTIFICATES = {"MRB": "甘A", "EMB": "甘B", "EEB": "甘C"}
SOURCE = "上证综指2026-09-10收盘"


async def given_three(world: World) -> None:
    """Officers, matters and lists of all; the plans of MRB and EMB filed, that of EEB not yet."""
    for number in ("021", "022", "023"):
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
        await world.given_matter(matter, unit=unit, domain="general")
    await world.given_matter("M-302", unit="EMB", domain="work_safety")
    world.at("2026-01-15")
    for unit, matter in MATTERS.items():
        items = [world.item(matter, [9])]
        if unit == "EMB":
            items.append(world.item("M-302", [3]))
        await world.send(
            HEADS[unit],
            "filing/approve-annual-plan",
            plan=f"PLAN-{unit}-2026",
            unit=unit,
            year=2026,
            items=items,
        )
        if unit != "EEB":
            filed = {"plan": f"PLAN-{unit}-2026", "unit": unit}
            await world.send(HEADS[unit], "filing/file-annual-plan", **filed)
    # EMB was at E-B in March: its one capped visit of the year.
    world.at("2026-03-02")
    visit = world.task(
        "T-MARCH",
        E_B,
        "2026-03-16",
        unit="EMB",
        matters=["M-302"],
        officers=OFFICERS["EMB"],
        prescribed_by=PRESCRIBED,
    )
    await world.send("EMB head", "filing/approve-task", **visit)
    await world.visit("T-MARCH", "2026-03-16", who="EMB head", **shown("EMB", OFFICERS["EMB"]))
    world.at("2026-09-07 08:00")
    for unit, matter in MATTERS.items():
        item = {
            "matter": matter,
            "draw_class": "general",
            "ratio_cap": CAPS[unit],
            "target_class": "食品生产",
            "method": "on_site",
        }
        await world.send(HEADS[unit], "draws/publish-draw-matter-list", unit=unit, items=[item])
        await world.send(
            HEADS[unit],
            "draws/freeze-officer-roster",
            roster=f"O-{unit}",
            unit=unit,
            officers=OFFICERS[unit],
        )


def shown(unit: str, officers: list[str]) -> dict[str, Any]:
    """Who goes for a unit, with the certificates that they show."""
    certificates = [f"{CERTIFICATES[unit]}-{officer[-3:]}" for officer in officers]
    return {"officers": officers, "certs_shown": certificates}


def announcement(**changed: Any) -> dict[str, Any]:
    """The body of MRB's announcement for all three."""
    return {
        "draw": DRAW,
        "unit": "MRB",
        "plan": "PLAN-MRB-2026",
        "matters": ["M-201"],
        "roster": "R-26",
        "officer_roster": "O-MRB",
        "parts": [
            {
                "unit": unit,
                "plan": f"PLAN-{unit}-2026",
                "matters": [MATTERS[unit]],
                "officer_roster": f"O-{unit}",
            }
            for unit in ("EMB", "EEB")
        ],
        "sources": [
            {"name": SOURCE, "kind": "public", "publication_at": "2026-09-10T15:00:00+08:00"}
        ],
        **changed,
    }


async def test_s26_three_departments_one_draw(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """From the roster to three published results, and a file that a stranger checks."""
    await given_three(world)
    roster = {
        "roster": "R-26",
        "unit": "MRB",
        "as_of": "2026-09-07",
        "target_class": "食品生产",
        "units": list(MATTERS),
        "matters": list(MATTERS.values()),
    }
    asked = "&".join(f"unit={unit}&matter={matter}" for unit, matter in MATTERS.items())
    path = f"/v1/draws/roster?{asked}&at_least={world.recorder.head()}"
    token = {"Authorization": f"Bearer {world.tokens['MRB coordinator']}"}
    preview = await (await world.client.get(path, headers=token)).json()
    assert preview["excluded"] == {"cap_used": 1}
    frozen = await world.send("MRB coordinator", "draws/freeze-entity-roster", **roster)
    assert preview["roster_hash"] == frozen["events"][0]["body"]["roster_hash"]
    assert types(frozen) == ["draws.entity-roster-frozen", "draws.entity-left-out"]
    body = frozen["events"][0]["body"]
    assert (body["strata"], body["excluded"]) == ({"A": 1, "C": 1, "D": 1}, {"B": 1})
    out = frozen["events"][1]["body"]
    assert (out["entity"], out["ground"]) == (E_B, "cap_used")

    world.at("2026-09-08 09:00")
    head = world.recorder.head()
    problem = await world.refused(
        "FIL-R1", "MRB coordinator", "draws/announce-draw", **announcement()
    )
    assert problem["details"]["unit"] == "EEB"
    assert world.recorder.head() == head
    await world.send("EEB head", "filing/file-annual-plan", plan="PLAN-EEB-2026", unit="EEB")
    # The roster was frozen for these units and matters, and no others.
    alone = announcement(parts=[])
    await world.refused("DRW-R7", "MRB coordinator", "draws/announce-draw", **alone)
    two = announcement(parts=announcement()["parts"][:1])
    await world.refused("DRW-R7", "MRB coordinator", "draws/announce-draw", **two)
    answer = await world.send("MRB coordinator", "draws/announce-draw", **announcement())
    await covered(world)
    announced = answer["events"][0]["body"]
    assert {one["key"]: one["ratio"] for one in announced["strata"]} == {
        "A": "0.05",
        "B": "0.10",
        "C": "0.10",
        "D": "0.10",
    }
    assert [part["unit"] for part in announced["parts"]] == ["MRB", "EMB", "EEB"]
    assert announced["excluded"] == {"B": 1}

    world.at("2026-09-10 16:00")
    value = [{"source": SOURCE, "value": "3518.76"}]
    await world.send("MRB coordinator", "draws/reveal-seed", draw=DRAW, values=value)
    execute = {"draw": DRAW, "roster_hash": body["roster_hash"]}
    await world.send("MRB coordinator", "draws/execute-draw", **execute)
    await covered(world)
    drawn = (await world.get("EEB head", f"/v1/draws/{DRAW}/targets"))["items"]
    assert {one["entity"] for one in drawn} == {E_A, E_C, E_D}, "each unit knows whom it visits"
    assert (await world.get("PARK head", f"/v1/draws/{DRAW}/targets"))["items"] == []

    world.at("2026-09-14 09:00")
    answer = await world.send(
        "MRB coordinator", "draws/assign-officers", draw=DRAW, entity=E_C, planned_on="2026-09-21"
    )
    target = next(one for one in await targets(world) if one["entity"] == E_C)
    going = target["by_unit"]
    assert {unit: len(officers) for unit, officers in going.items()} == dict.fromkeys(MATTERS, 2)
    assert [one["body"]["unit"] for one in answer["events"]] == ["MRB"], "its own are its own"

    # Each alone is not what was drawn: it is one visit of all three.
    await world.refused("FIL-R11", "EMB head", "filing/approve-task", **task("EMB", going))
    await world.send(
        "JB",
        "joint/publish-joint-list",
        artefact="JL-2026",
        matters=list(MATTERS.values()),
        url="https://example.org/joint-list",
    )
    plan = {
        "joint": "JNT-26",
        "unit": "MRB",
        "entity": E_C,
        "participants": [{"unit": unit, "matters": [MATTERS[unit]]} for unit in MATTERS],
        "modes": ["by_list"],
        "joint_list": "JL-2026",
        "window_from": "2026-09-21",
        "window_to": "2026-09-21",
    }
    await world.send("MRB head", "joint/plan-joint", **plan)
    for unit in ("EMB", "EEB"):
        await world.send(HEADS[unit], "joint/accept-join", joint="JNT-26", unit=unit)
    wrong = [officer for officer in OFFICERS["EEB"] if officer not in going["EEB"][:1]]
    body = task("EEB", {"EEB": wrong}, joint="JNT-26")
    await world.refused("DRW-R8", "EEB head", "filing/approve-task", **body)
    for unit in MATTERS:
        await world.send(HEADS[unit], "filing/approve-task", **task(unit, going, joint="JNT-26"))
    await held(world, going)

    account = await world.get("E-C", f"/v1/entities/{E_C}/burden")
    assert (account["visits"], account["joint_visits"]) == (1, 1)
    booked = (await world.get("JB", "/v1/supervision/visits", entity=E_C, year=2026))["items"]
    assert [(one["unit"], one["capped"]) for one in booked] == [("EEB", 1), ("EMB", 1), ("MRB", 1)]
    world.at("2026-09-22 09:00")
    for unit in MATTERS:
        answer = await world.send(HEADS[unit], "draws/publish-draw-result", task=f"T-{unit}")
        assert types(answer) == ["draws.draw-result-published", "credit.credit-record-entered"]
    profile = await world.get("public", f"/v1/entities/{E_C}/profile")
    assert sorted(one["unit"] for one in profile["records"]) == ["EEB", "EMB", "MRB"]
    assert world.rebuilt() == []
    files = Files(ledger=world.recorder.path, blobs=world.service.blobs.folder)
    assert verify_ledger(files, workers=1).faults == ()
    await _a_stranger_checks_it(world, tmp_path, capfd)


async def held(world: World, going: dict[str, list[str]]) -> None:
    """All three come at nine and leave at ten; the lead records that they were there together."""
    for minute, unit in enumerate(MATTERS):
        world.at(f"2026-09-21 09:0{minute}")
        who, name = HEADS[unit], f"T-{unit}"
        await world.send(who, "filing/issue-inspection-notice", task=name, notice_no=f"N-{unit}")
        await world.send(who, "filing/scan-entry", task=name, act_code="AC", device="D-1")
        opening = world.opening(name, **shown(unit, going[unit]))
        await world.send(who, "filing/open-inspection", **opening)
    for minute, unit in enumerate(MATTERS):
        world.at(f"2026-09-21 10:0{minute}")
        who, name = HEADS[unit], f"T-{unit}"
        await world.send(
            who,
            "filing/sign-on-site-record",
            task=name,
            record_digest="ab" * 32,
            entity_signature="店长",
        )
        await world.send(who, "filing/close-inspection", task=name)
        await world.send(who, "filing/conclude-inspection", task=name, result="no_issue")
    await world.send(
        "MRB head",
        "joint/record-joint-visit",
        joint="JNT-26",
        matters_checked=list(MATTERS.values()),
        record_digest="ab" * 32,
    )


def task(unit: str, going: dict[str, list[str]], **changed: Any) -> dict[str, Any]:
    """The body of one unit's task of the drawn visit."""
    return World.task(
        f"T-{unit}",
        E_C,
        "2026-09-21",
        unit=unit,
        matters=[MATTERS[unit]],
        officers=going[unit],
        draw=DRAW,
        **changed,
    )


async def covered(world: World) -> None:
    """Wait until a checkpoint covers all that is recorded."""
    await asyncio.to_thread(world.service.keeper.wait_for, world.recorder.head(), 5)


async def targets(world: World) -> list[dict[str, Any]]:
    """The targets of the draw as the Justice Bureau reads them."""
    return list((await world.get("JB", f"/v1/draws/{DRAW}/targets"))["items"])


async def _a_stranger_checks_it(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One file has all: the parts, who was excluded, roster, seed, selection; nothing differs."""
    world.at("2027-01-02 09:00")
    token = {"Authorization": f"Bearer {world.tokens['public']}"}
    response = await world.client.get(f"/v1/draws/{DRAW}/export", headers=token)
    text = await response.text()
    said = json.loads(text)["announcement"]["body"]
    assert (len(said["parts"]), said["excluded"]) == (3, {"B": 1})
    file = tmp_path / "draw.json"
    file.write_text(text)
    with pytest.raises(SystemExit) as ended:
        await asyncio.to_thread(main, ("draw", "verify", str(file)))
    told = "".join(capfd.readouterr())
    assert ended.value.code in (0, 3), told
    assert "1 of B" in told, told
    # The browser and whoever has the unit's own file find the same.
    token = {"Authorization": f"Bearer {world.tokens['JB']}"}
    response = await world.client.get(f"/v1/draws/{DRAW}/export", headers=token)
    own = await response.text()
    whole = json.loads(own)
    rosters = {part["unit"]: part["officers"] for part in whole["parts"]}
    assert {"MRB": whole["officers"], **rosters} == OFFICERS
    for sent in (whole, *whole["parts"]):
        (visit,) = sent["assignments"]
        assert (visit["entity"], len(visit["officers"])) == (E_C, 2)
    texts = [text, own]
    for one, browser in zip(texts, await asyncio.to_thread(in_browser, texts), strict=True):
        for report in (Report(**browser), verify(one.encode())):
            assert report.differs is None
            assert any(said.endswith("the announcement counts 1 of B") for said in report.beyond)
    for unit in OFFICERS:
        of = "" if unit == "MRB" else f" of {unit}"
        said = f"the officer roster{of} is the announced one"
        assert any(line.startswith(said) for line in verify(own.encode()).held)
    texts = [json.dumps(_changed(whole, change)) for change, _ in ALTERED.values()]
    answers = zip(texts, await asyncio.to_thread(in_browser, texts), strict=True)
    for (name, (_, expected)), (one, browser) in zip(ALTERED.items(), answers, strict=True):
        for report in (Report(**browser), verify(one.encode())):
            told = [*report.unchecked, report.differs]
            assert any(expected in (line or "") for line in told), (name, told)


def _changed(file: dict[str, Any], change: Callable[[Any], object]) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(file))
    change(copy)
    return copy


def _part(file: Any, unit: str) -> Any:
    return next(part for part in file["parts"] if part["unit"] == unit)


#: What somebody might change of the units that draw along, and what every checker says of it.
ALTERED: dict[str, tuple[Callable[[Any], object], str]] = {
    "an officer less": (
        lambda f: _part(f, "EEB")["officers"].pop(),
        "the hash of the officer roster of EEB is",
    ),
    "officers of choice": (
        lambda f: _part(f, "EMB")["assignments"][0]["officers"].reverse(),
        f"the officers of EMB of {E_C} are",
    ),
    "one officer alone": (
        lambda f: _part(f, "EEB")["assignments"][0]["officers"].pop(),
        f"{E_C} is visited by 1 of EEB; it should be by 2",
    ),
    "passed over for nothing": (
        lambda f: _part(f, "EMB")["assignments"][0]["skipped"].append(
            {"officer": "OFF-099", "reason": "leave"}
        ),
        f"passed over of EMB for {E_C} were",
    ),
    "a unit stays away": (
        lambda f: _part(f, "EMB")["assignments"].clear(),
        "the businesses visited by the officers of EMB are",
    ),
    "a unit is left out": (lambda f: f["parts"].pop(), "the further units are"),
    "a unit twice": (lambda f: f["parts"].append(f["parts"][0]), "the further units are"),
    "the units change places": (lambda f: f["parts"].reverse(), "the further units are"),
    "all other units are left out": (
        lambda f: f.pop("parts"),
        "the officers of EMB, EEB are not in the file",
    ),
    "parts alone": (
        lambda f: (f.pop("officers"), f.pop("assignments")),
        "assignments and no officers",
    ),
}
