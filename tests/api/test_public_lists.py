"""Lists the notice wants public: every element, for anybody, with what changed between versions."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from api.systems.histories import history_of
from ledger.kernel import codec
from projections.explain.histories import History, HistoryView
from tests.scenarios.world import World

# One world for all, so all on one worker and in this order.
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
]

#: Each list with its id, and the elements that the notice or the law behind it names.
ELEMENTS = {
    "/v1/matter-lists/MRB": ("name", "office_id", "bases", "act_kind", "url"),
    "/v1/draw-matter-lists/MRB": ("draw_class", "ratio_cap", "target_class", "method"),
    "/v1/plans/PLAN-MRB-2026": ("matter", "mode", "target_class", "planned_visits", "months"),
    "/v1/joint-artefacts/JL-1": ("element",),
    "/v1/key-lists/food_drug": ("unit", "risk_assessment", "procedure_ref", "expires_on"),
    "/v1/leniency-lists/MRB": ("item", "outcome", "violation_code", "basis", "conditions"),
    "/v1/benchmarks/MRB": ("violation_code", "basis", "types", "statutory_max_fen"),
    "/v1/units/MRB": ("name", "kind", "valid_from"),
    "/v1/officer-lists/MRB": ("officer", "domains", "valid_from", "valid_to"),
}
#: Of matter and delegation each element is one of the list itself.
WHOLE = {
    "/v1/matters/M-101": {"name", "unit", "office_id", "bases", "act_kind"},
    "/v1/delegations/DLG-1": {"unit", "matters", "powers", "decision_ref", "valid_from"},
}
#: What differs from version 1 to version 2: added, removed, and (element, field) changed.
DIFFERENCES: dict[str, tuple[list[str], list[str], list[tuple[str, str | None]]]] = {
    "/v1/matter-lists/MRB": (["M-102"], [], []),
    "/v1/matters/M-101": ([], [], [("name", None)]),
    "/v1/draw-matter-lists/MRB": ([], ["M-102"], [("M-101", "ratio_cap")]),
    "/v1/plans/PLAN-MRB-2026": (["M-102"], [], [("M-101", "months")]),
    "/v1/joint-artefacts/JL-1": (["M-102"], [], []),
    "/v1/key-lists/food_drug": (["M-102"], [], []),
    "/v1/leniency-lists/MRB": (["EX-2"], ["EX-1"], []),
    "/v1/benchmarks/MRB": ([], [], [("FS-034", "statutory_max_fen")]),
    "/v1/units/MRB": ([], [], [("qualification", "name"), ("qualification", "valid_from")]),
    "/v1/delegations/DLG-1": (["suspended"], [], []),
}


def _draw_item(matter: str, cap: str) -> dict[str, Any]:
    return {
        "matter": matter,
        "draw_class": "general",
        "ratio_cap": cap,
        "target_class": "食品生产",
        "method": "on_site",
    }


def _leniency(item: str) -> dict[str, Any]:
    return {
        "item": item,
        "outcome": "exempt",
        "violation_code": "FS-034",
        "basis": "行政处罚法第33条",
        "conditions": [{"condition": "minor", "kind": "minor", "text": "违法行为轻微"}],
    }


def _benchmark(most: int) -> dict[str, Any]:
    return {
        "violation_code": "FS-034",
        "basis": "食品安全法第124条",
        "types": ["fine"],
        "statutory_min_fen": 0,
        "statutory_max_fen": most,
        "tiers": [],
    }


def _key(matter: str) -> dict[str, Any]:
    return {
        "domain": "food_drug",
        "matter": matter,
        "unit": "MRB",
        "procedure_ref": "规〔2026〕1号",
        "risk_assessment": f"RA-{matter}",
        "expires_on": "2026-09-30",
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Two versions of every list, in March and in April; drafts of a third one."""
    folder: Path = tmp_path_factory.mktemp("lists")
    async with World(folder) as world:
        await world.given_region()
        for matter in ("M-101", "M-102"):
            await world.given_matter(matter)
        await world.given_matter("M-DRAFT", published=None)
        await world.given_plan([3])
        for number, day in ((1, "2026-03-02"), (2, "2026-04-01")):
            world.at(day)
            await _publish(world, number)
        world.at("2026-04-02")
        await _draft(world)
        yield world


async def _publish(world: World, number: int) -> None:
    """The ``number``-th version of each list."""
    first = number == 1
    unit = {"unit": "MRB"}
    draws = [_draw_item("M-101", "0.20" if first else "0.10")]
    joint = ["M-101"] if first else ["M-101", "M-102"]
    if first:
        draws.append(_draw_item("M-102", "0.20"))
        delegation = {"delegation": "DLG-1", "unit": "EEB", "matters": ["M-101"]}
        await world.send(
            "JB", "delegations/delegate-power", **delegation, powers=["inspection"],
            decision_ref="甘政发〔2026〕1号", valid_from="2026-03-01", valid_to="2026-12-31",
            division_note="分工",
        )  # fmt: skip
    else:
        elements = world.elements("检查事项 M-101（修订）")
        change = {"matter": "M-101", **unit}
        await world.send(
            "MRB head", "catalogue/revise-matter", **change, elements=elements, reason="law_change"
        )
        await world.send("MRB head", "catalogue/publish-matter", **change, url="https://e.org/2")
        items = [world.item("M-101", [3, 6]), world.item("M-102", [6])]
        plan = {"plan": "PLAN-MRB-2026"}
        diff = {"diff": {"set_items": items}, "reason": "增加"}
        await world.send("MRB head", "filing/amend-plan", **plan, **unit, **diff)
        await world.send("MRB head", "filing/file-annual-plan", **plan, **unit)
        await world.send(
            "JB", "delegations/suspend-delegation", delegation="DLG-1", reason="人员不足"
        )
        await world.send(
            "JB", "catalogue/qualify-unit",
            **unit, name="市场监督管理局", kind="organ", valid_from="2026-04-01",
        )  # fmt: skip
    await world.send(
        "MRB head", "filing/publish-plan", plan="PLAN-MRB-2026", **unit, url="https://e.org/plan"
    )
    await world.send("MRB head", "draws/publish-draw-matter-list", **unit, items=draws)
    await world.send(
        "JB", "joint/publish-joint-list", artefact="JL-1", matters=joint, url="https://e.org/j"
    )
    await world.send("MRB head", "keylist/list-key-matter", **_key("M-101" if first else "M-102"))
    items = [_leniency("EX-1" if first else "EX-2")]
    await world.send("MRB head", "leniency/publish-leniency-list", **unit, items=items)
    items = [_benchmark(500_000 if first else 900_000)]
    await world.send("MRB head", "penalties/publish-benchmark", **unit, title="基准", items=items)


async def _draft(world: World) -> None:
    """What is not published: a plan version, another plan, a revision of a matter."""
    unit = {"unit": "MRB"}
    items = [world.item("M-101", [12])]
    await world.send(
        "MRB head", "filing/amend-plan",
        plan="PLAN-MRB-2026", **unit, diff={"set_items": items}, reason="草案三",
    )  # fmt: skip
    await world.send(
        "MRB head", "filing/approve-annual-plan", plan="PLAN-DRAFT", **unit, year=2027, items=items
    )
    await world.send(
        "MRB head", "catalogue/revise-matter",
        matter="M-101", **unit, elements=world.elements("草案三"), reason="merge",
    )  # fmt: skip


async def _nobody(world: World, path: str, status: int = 200, **query: Any) -> Any:
    """What somebody without a token is answered, once the views have caught up."""
    query["at_least"] = world.recorder.head()
    response = await world.client.get(path, params={k: str(v) for k, v in query.items()})
    assert response.status == status, f"{path}: {response.status} {await response.text()}"
    return await response.json()


@pytest.mark.parametrize("path", ELEMENTS)
async def test_each_element_is_read_by_anybody(world: World, path: str) -> None:
    """Every element that the notice names, of every entry, in the edition of today."""
    edition = await _nobody(world, path, valid_as_of="2026-04-02")
    assert edition["version"] >= 1
    assert edition["elements"]
    for element in edition["elements"]:
        assert set(ELEMENTS[path]) <= element.keys() | {"element"}, element


@pytest.mark.parametrize("path", WHOLE)
async def test_a_matter_and_a_delegation_say_everything(world: World, path: str) -> None:
    edition = await _nobody(world, path, valid_as_of="2026-04-02")
    assert WHOLE[path] <= {element["element"] for element in edition["elements"]}


@pytest.mark.parametrize("path", DIFFERENCES)
async def test_versions_and_what_differs(world: World, path: str) -> None:
    """The last two versions differ as they were published, with the old and the new value."""
    versions = (await _nobody(world, f"{path}/versions"))["items"]
    old, new = (one["version"] for one in versions[-2:])
    assert versions[-1]["since"] == "2026-04-01"
    said = await _nobody(world, f"{path}/diff", **{"from": old, "to": new})
    assert said == {**await _nobody(world, f"{path}/diff"), "from": old, "to": new}
    added, removed, changed = DIFFERENCES[path]
    if path == "/v1/matter-lists/MRB":
        # Three publications: M-101, M-102, and the revision of M-101.
        said = await _nobody(world, f"{path}/diff", **{"from": 1, "to": 2})
    assert [one["element"] for one in said["added"]] == added
    assert [one["element"] for one in said["removed"]] == removed
    fields = [(one["element"], one.get("field")) for one in said["changed"]]
    assert fields == changed
    assert all(one["old"] != one["new"] for one in said["changed"])
    backwards = await _nobody(world, f"{path}/diff", **{"from": new, "to": old})
    if path != "/v1/matter-lists/MRB":
        assert [one["element"] for one in backwards["added"]] == removed
    await _nobody(world, f"{path}/diff", 400, **{"from": 99})


async def test_an_edition_is_the_one_of_its_day(world: World) -> None:
    """Before the first there is nothing; a key matter leaves its list with its last day."""
    path = "/v1/plans/PLAN-MRB-2026"
    before = await _nobody(world, path, valid_as_of="2026-03-01")
    assert (before["version"], before["elements"]) == (0, [])
    march = await _nobody(world, path, valid_as_of="2026-03-31")
    assert [(one["element"], one["months"]) for one in march["elements"]] == [("M-101", [3])]
    april = await _nobody(world, path, valid_as_of="2026-04-01")
    assert [one["element"] for one in april["elements"]] == ["M-101", "M-102"]
    key = "/v1/key-lists/food_drug"
    assert len((await _nobody(world, key, valid_as_of="2026-09-30"))["elements"]) == 2
    assert (await _nobody(world, key, valid_as_of="2026-10-01"))["elements"] == []


async def test_no_draft_is_shown(world: World) -> None:
    """Neither a matter nor a plan, nor the version that nobody has published yet."""
    for path in ("/v1/matters/M-DRAFT", "/v1/plans/PLAN-DRAFT"):
        for below in ("", "/versions", "/diff"):
            await _nobody(world, path + below, 404)
    plan = await _nobody(world, "/v1/plans/PLAN-MRB-2026")
    assert (plan["version"], [one["version"] for one in plan["versions"]]) == (2, [1, 2])
    assert "草案" not in str([await _nobody(world, path) for path in ELEMENTS])
    listed = (await _nobody(world, "/v1/plans"))["items"]
    assert [(one["plan"], one["version"]) for one in listed] == [("PLAN-MRB-2026", 2)]
    assert "M-DRAFT" not in str(await _nobody(world, "/v1/matter-lists/MRB"))
    # The authorities read them.
    whole = await world.get("EMB head", "/v1/plans/PLAN-MRB-2026")
    assert whole["version"] == 3
    names = [one["plan"] for one in (await world.get("JB", "/v1/plans"))["items"]]
    assert names == ["PLAN-DRAFT", "PLAN-MRB-2026"]
    # A feed cannot unsay: what is not published is not in it either.
    feed = await _nobody_feed(world)
    assert "草案三" not in feed
    assert "filing.annual-plan-approved" not in feed
    assert "filing.plan-published" in feed


async def _nobody_feed(world: World) -> str:
    text = ""
    after = 0
    while True:
        response = await world.client.get("/v1/feed", params={"after": str(after), "limit": "500"})
        assert response.status == 200, await response.text()
        page = await response.json()
        events = page["events"] if isinstance(page, dict) else page
        if not events:
            return text
        text += str(page)
        after = int(events[-1]["position"] if "position" in events[-1] else events[-1]["id"])


async def test_officers_are_named_by_their_certificates(world: World) -> None:
    """The number, for what and until when, whether it is suspended; nothing else of a person."""
    edition = await _nobody(world, "/v1/officer-lists/MRB", valid_as_of="2026-04-02")
    assert {one["element"] for one in edition["elements"]} >= {"甘A-001", "甘A-007"}
    known = {"element", "officer", "domains", "valid_from", "valid_to"}
    assert all(one.keys() == known for one in edition["elements"])
    later = await _nobody(world, "/v1/officer-lists/MRB", valid_as_of="2026-08-01")
    assert "甘A-007" not in {one["element"] for one in later["elements"]}


async def test_what_was_withdrawn_says_so(world: World) -> None:
    """A matter keeps its page, which says since when and why; its list has it no more."""
    world.at("2026-04-03")
    await world.send(
        "MRB head", "catalogue/withdraw-matter", matter="M-102", unit="MRB", reason="职权划转"
    )
    assert (await _nobody(world, "/v1/matters/M-102"))["withdrawn_because"] == "职权划转"
    last = (await _nobody(world, "/v1/matters/M-102/versions"))["items"][-1]
    assert (last["since"], last["reason"]) == ("2026-04-03", "职权划转")
    said = await _nobody(world, "/v1/matter-lists/MRB/diff")
    assert [one["element"] for one in said["removed"]] == ["M-102"]
    now = await _nobody(world, "/v1/matter-lists/MRB")
    assert (now["reason"], [one["element"] for one in now["elements"]]) == ("职权划转", ["M-101"])
    assert world.rebuilt() == []


async def test_a_list_holds_what_holds_by_its_day(world: World) -> None:
    """A version of an earlier day, published later, does not take the place of the newer one."""
    world.at("2026-04-04")
    unit = {"unit": "EMB"}
    for number, day in ((1, "2026-04-05"), (2, "2026-06-01"), (3, "2026-05-01")):
        items = [_leniency(f"EX-{number}")]
        await world.send(
            "EMB head", "leniency/publish-leniency-list", **unit, items=items, effective_from=day
        )
        items = [_benchmark(number * 100_000)]
        await world.send(
            "EMB head", "penalties/publish-benchmark",
            **unit, title="基准", items=items, effective_from=day,
        )  # fmt: skip
    for day, version in (("2026-05-31", 3), ("2026-06-05", 2)):
        listed = await _nobody(world, "/v1/leniency-lists/EMB", valid_as_of=day)
        assert (listed["version"], listed["elements"][0]["element"]) == (version, f"EX-{version}")
        listed = await _nobody(world, "/v1/benchmarks/EMB", valid_as_of=day)
        assert listed["elements"][0]["statutory_max_fen"] == version * 100_000
    said = await _nobody(world, "/v1/leniency-lists/EMB/diff", **{"from": 2, "to": 3})
    assert [one["element"] for one in said["added"]] == ["EX-3"]


async def test_a_late_qualification_leaves_the_later_one(world: World) -> None:
    qualify = {"unit": "PARK", "kind": "organ"}
    await world.send(
        "JB", "catalogue/qualify-unit", **qualify, name="园区（新）", valid_from="2025-03-01"
    )
    await world.send(
        "JB", "catalogue/qualify-unit",
        **qualify, name="园区（旧）", valid_from="2025-02-01", valid_to="2025-02-28",
    )  # fmt: skip
    for day, name in (("2026-04-04", "园区（新）"), ("2025-02-15", "园区（旧）")):
        listed = await _nobody(world, "/v1/units/PARK", valid_as_of=day)
        assert [one["name"] for one in listed["elements"]] == [name]


async def test_a_late_withdrawal_brings_nothing_forward(world: World) -> None:
    """On the day of a withdrawal reported later, what was published later is not listed."""
    await world.given_matter("M-103", listed="2026-04-06", published="2026-04-07")
    await world.given_matter("M-104", listed="2026-04-09", published="2026-04-10")
    world.at("2026-04-20")
    await world.send(
        "MRB head", "catalogue/withdraw-matter",
        matter="M-103", unit="MRB", reason="取消", occurred_at="2026-04-08T09:00:00+08:00",
    )  # fmt: skip
    held = {}
    for day in ("2026-04-07", "2026-04-09", "2026-04-10"):
        listed = await _nobody(world, "/v1/matter-lists/MRB", valid_as_of=day)
        held[day] = {one["element"] for one in listed["elements"]} & {"M-103", "M-104"}
    assert held == {"2026-04-07": {"M-103"}, "2026-04-09": set(), "2026-04-10": {"M-104"}}


async def test_a_new_address_is_no_new_version(world: World) -> None:
    """The matter, its list and the plan have the new address, and the versions they had."""
    paths = ("/v1/matters/M-101", "/v1/matter-lists/MRB", "/v1/plans/PLAN-DRAFT")
    world.at("2026-04-21")
    publish = {"unit": "MRB", "plan": "PLAN-DRAFT"}
    await world.send("MRB head", "filing/file-annual-plan", **publish)
    await world.send("MRB head", "filing/publish-plan", **publish, url="https://e.org/old")
    matter = {"unit": "MRB", "matter": "M-101"}
    await world.send("MRB head", "catalogue/publish-matter", **matter, url="https://e.org/old")
    before = [(await _nobody(world, f"{path}/versions"))["items"] for path in paths]
    world.at("2026-04-22")
    await world.send("MRB head", "filing/publish-plan", **publish, url="https://e.org/new")
    await world.send("MRB head", "catalogue/publish-matter", **matter, url="https://e.org/new")
    for path, versions in zip(paths, before, strict=True):
        after = (await _nobody(world, f"{path}/versions"))["items"]
        assert [one["version"] for one in after] == [one["version"] for one in versions]
        assert after[-1]["since"] == "2026-04-21"
    for path in (paths[0], paths[2]):
        assert (await _nobody(world, path, valid_as_of="2026-04-21"))["url"] == "https://e.org/new"
    listed = (await _nobody(world, paths[1]))["elements"]
    assert {one["element"]: one["url"] for one in listed}["M-101"] == "https://e.org/new"
    for path in (paths[0], paths[2]):
        newest = (await _nobody(world, path))["versions"][-1]
        assert (newest["published_on"], newest["url"]) == ("2026-04-21", "https://e.org/new")


async def test_suspended_officers_are_listed_so(world: World) -> None:
    """In every unit, and with a certificate that is recorded after the suspension."""
    world.at("2026-04-23")
    certify = {"valid_from": "2026-01-01", "valid_to": "2027-07-31", "domains": ["food_drug"]}
    officer = {"officer": "OFF-002"}
    await world.send(
        "JB", "catalogue/certify-officer", **officer, unit="EMB", cert_no="甘B-902", **certify
    )
    days = {"suspended_from": "2026-04-23", "suspended_to": "2026-05-31"}
    await world.send(
        "JB", "catalogue/suspend-certificate", **officer, unit="MRB", **days, reason="调查"
    )
    for unit, number in (("MRB", "甘A-902"), ("MRB", "甘A-002"), ("EEB", "甘C-902")):
        await world.send(
            "JB", "catalogue/certify-officer", **officer, unit=unit, cert_no=number, **certify
        )
    for unit, numbers in (
        ("MRB", {"甘A-902", "甘A-002"}),
        ("EMB", {"甘B-902"}),
        ("EEB", {"甘C-902"}),
    ):
        for day, suspended in (("2026-04-24", True), ("2026-06-01", False)):
            listed = await _nobody(world, f"/v1/officer-lists/{unit}", valid_as_of=day)
            held = [one for one in listed["elements"] if one["officer"] == "OFF-002"]
            assert {one["element"] for one in held} >= numbers
            assert all((one.get("suspended_from") == "2026-04-23") == suspended for one in held)
    assert "调查" not in str(listed)
    assert world.rebuilt() == []


async def test_a_correction_is_said(world: World) -> None:
    """The list reads as corrected on every day, and its edition says that it was."""
    world.at("2026-04-24")
    (position,) = [
        stored.position
        for stored in world.recorder.read()
        if stored.event.type == "catalogue.officer-certified"
        and "甘A-001" in str(codec.decode(stored.position, stored.event.data).event)
    ]
    change = {"path": "/body/cert_no", "old": "甘A-001", "new": "甘A-101"}
    request = await world.request(
        "JB", "corrections/correct-record",
        target_position=position, field_changes=[change], reason="录入错误",
    )  # fmt: skip
    await world.send("JB second", "approvals/approve-request", approval=request)
    listed = await _nobody(world, "/v1/officer-lists/MRB", valid_as_of="2026-01-10")
    assert "甘A-101" in {one["element"] for one in listed["elements"]}
    assert listed["corrected_on"] == "2026-04-24"
    versions = (await _nobody(world, "/v1/officer-lists/MRB/versions"))["items"]
    assert [one["corrected_on"] for one in versions if "corrected_on" in one] == ["2026-04-24"]
    assert "录入错误" not in str(listed)
    assert world.rebuilt() == []


async def test_versions_come_in_pages(world: World) -> None:
    path = "/v1/officer-lists/MRB/versions"
    whole = (await _nobody(world, path))["items"]
    found: list[Any] = []
    after: dict[str, Any] = {}
    while True:
        response = await world.client.get(path, params={"limit": "3", **after})
        found += (page := (await response.json())["items"])
        assert len(page) <= 3
        if "next" not in response.links:
            break
        after = {"after": response.links["next"]["url"].query["after"]}
    assert len(whole) > 3
    assert found == whole


async def test_histories_are_answered_off_the_event_loop(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening and folding a history is done by other threads, and it is opened once."""
    loop, used = threading.get_ident(), []

    def noted(whole: Any) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            used.append((whole.__name__, threading.get_ident() == loop))
            return whole(*given, **named)

        return call

    for name in ("elements", "elements_on", "difference", "on"):
        monkeypatch.setattr(History, name, noted(getattr(History, name)))
    monkeypatch.setattr(HistoryView, "decode", noted(HistoryView.decode))
    history_of.cache_clear()
    at_least = {"at_least": str(world.recorder.head())}
    for below, on in (("/versions", {}), ("/diff", {}), ("", {"valid_as_of": "2026-04-02"})):
        path = f"/v1/leniency-lists/MRB{below}"
        response = await world.client.get(path, params={**on, **at_least})
        assert response.status == 200
    names = {"decode", "elements", "elements_on", "difference", "on"}
    assert set(used) == {(name, False) for name in names}
    assert used.count(("decode", False)) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/v1/matters",
        "/v1/decisions",
        "/v1/draws",
        "/v1/targets",
        "/v1/annual-statistics",
        "/v1/leniency-statistics",
        "/v1/observation-statistics",
        "/v1/assessments",
        "/v1/ex-ante-publicity",
        "/v1/circulars",
        "/v1/work-plans",
        "/v1/matter-lists",
        "/v1/draw-matter-lists",
        "/v1/officer-lists",
        "/v1/units",
    ],
)
async def test_anybody_reads_the_list(world: World, path: str) -> None:
    assert isinstance((await _nobody(world, path))["items"], list)
