"""What an auditor and the people of a draw do in the browser, told in their words."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ledger.transparency.checkpoints import parse_checkpoint
from ledger.transparency.notes import parse_vkey
from ledger.transparency.proofs import parse_receipt
from tests.browser.conftest import OpenAs, Served
from tests.browser.staging import Stage, stage
from tests.browser.watching import complaints_of
from tests.cast import E_A, GRADES, PREFIX
from tests.scenarios.drawing import DRAW, ROSTER_HASH, VALUES, announcement, given_roster

ROWS = "[data-hits] tbody tr"


def positions(tab: Page) -> list[int]:
    """The numbers of the events that a search shows, from the top."""
    found: list[str] = tab.eval_on_selector_all(
        ROWS, "rows => rows.map((row) => row.dataset.position)"
    )
    return [int(position) for position in found]


def consulted(served: Served, kind: str) -> list[str]:
    """What the access ledger holds of consultations of the search, oldest first."""
    entries = served.service.access.recorder.read()
    return [
        str(body["asked"])
        for stored in entries
        if stored.event.type == "access.records-consulted"
        and (body := _body(stored.event.data))["route"].startswith(kind)
    ]


def _body(data: bytes) -> dict[str, str]:
    from ledger.kernel import codec

    body: dict[str, str] = codec.plain(data)["body"]
    return body


def test_the_auditor_finds_what_an_officer_did_in_march_and_exports_it(
    district: Served, open_as: OpenAs
) -> None:
    """Typed as it is said; narrowed by a click; kept as an address; exported with proofs."""
    tab = open_as("jb_supervisor")
    before = len(consulted(district, "/v1/events/search"))
    tab.goto("/console/events")
    expect(tab.get_by_label("检索式", exact=True)).to_have_value("近30天")

    tab.get_by_label("检索式", exact=True).fill("人员:OFF-001 2026-03")
    tab.get_by_role("button", name="检索", exact=True).click()
    expect(tab.locator(".tabs [aria-current]")).to_contain_text("已记录")
    everything = positions(tab)
    assert len(everything) > 3
    for row in tab.locator(ROWS).all():
        expect(row).to_contain_text("OFF-001")
        expect(row).to_contain_text("2026-03-")
    # Each opened page is one consultation, with the days that were meant.
    seen = consulted(district, "/v1/events/search")[before:]
    assert len(seen) == 2
    assert "actor=OFF-001&since=2026-03-01&until=2026-03-31" in seen[1]

    # A click on a value narrows the search; the minus beside it leaves the value out.
    tab.locator(".facet").filter(has_text="类型").get_by_text("过程记录").click()
    expect(tab.get_by_label("检索式", exact=True)).to_have_value(
        "人员:OFF-001 2026-03 类型:process.process-step-recorded"
    )
    steps = positions(tab)
    tab.get_by_label("去掉条件“过程记录”").click()
    tab.get_by_label("排除“过程记录”").click()
    assert sorted([*steps, *positions(tab)]) == sorted(everything)
    tab.goto("/console/events?query=%E4%BA%BA%E5%91%98:OFF-001+2026-03")
    assert positions(tab) == everything

    # The file holds these rows, each with its record and a proof that needs no service.
    tab.get_by_text("导出", exact=True).click()
    expect(tab.locator(".export")).to_contain_text(f"文件将有{len(everything)}行")
    with tab.expect_download() as download:
        proven = tab.locator(".export div").filter(has_text="附证明").last
        proven.get_by_role("link", name="NDJSON").click()
    lines = Path(download.value.path()).read_text("utf-8").splitlines()
    assert [json.loads(line)["position"] for line in lines] == everything
    held = district.service.keeper.log.keys()
    keys = [parse_vkey(key.vkey) for key in held]
    for line in lines:
        event = json.loads(line)
        receipt = parse_receipt(event["proof"].encode())
        assert receipt.verify(base64.b64decode(event["record"]), keys)
        assert receipt.index == event["position"] - 1
    assert parse_checkpoint(receipt.checkpoint.decode().partition("\n\n")[0] + "\n").size
    # The export itself is recorded.
    assert consulted(district, "/v1/events/search")[-1].startswith(
        "/v1/events/search.ndjson?proofs=true&actor=OFF-001"
    )

    # What it does not know it says, and keeps what was typed.
    tab.get_by_label("检索式", exact=True).fill("科室:MRB 2026-03")
    tab.get_by_label("检索式", exact=True).press("Enter")
    expect(tab.locator("#query-fault")).to_contain_text("“科室”不是可用的字段")
    expect(tab.get_by_label("检索式", exact=True)).to_have_value("科室:MRB 2026-03")
    assert [c for c in complaints_of(tab) if not c.startswith("status: 400")] == []


@pytest.fixture
def staged(tmp_path: Path, browser: Browser) -> Iterator[Stage]:
    with stage(tmp_path, browser) as opened:
        yield opened


def test_pausing_the_live_tail_loses_nothing(staged: Stage) -> None:
    """More than one answer holds comes while it is paused; all of it is there, once."""
    world = staged.world
    world.at("2026-03-16")
    tab = staged.sign_in("JB")
    tab.clock.install()
    tab.goto("/console/events?query=" + "类型:entities.*")
    old = positions(tab)
    tab.clock.run_for(3_100)
    tab.get_by_role("button", name="暂停").click()
    expect(tab.locator("[data-state]")).to_contain_text("已暂停")

    async def register(first: int, count: int) -> None:
        for number in range(first, first + count):
            await world.send(
                "EDB",
                "entities/register-entity",
                entity=f"register:{number}",
                identity={"name": f"企业{number}"},
            )

    staged.do(register(0, 130))
    tab.clock.run_for(60_000)
    expect(tab.locator("[data-show]")).to_be_hidden()

    tab.get_by_role("button", name="继续").click()
    expect(tab.locator("[data-show]")).to_have_text("130 条新记录")
    staged.do(register(130, 2))
    tab.clock.run_for(3_100)
    expect(tab.locator("[data-show]")).to_have_text("132 条新记录")
    assert positions(tab) == old, "nothing moves under the reader's eyes"
    tab.locator("[data-show]").click()
    expect(tab.locator("[data-show]")).to_be_hidden()

    shown = positions(tab)
    assert shown[132:] == old
    assert shown == sorted(set(shown), reverse=True)
    tab.goto("/console/events?query=" + "类型:entities.*")
    assert shown[:50] == positions(tab)
    # However often it asked, the reader has opened the page twice.
    entries = staged.do(world.get("JB second", "/v1/access", kind="consultation", person="JB-001"))
    assert [e["body"]["route"] for e in entries["items"]] == ["/v1/events/search"] * 2
    assert complaints_of(tab) == []


def test_a_draw_is_run_and_checked_on_a_phone(staged: Stage) -> None:
    """The coordinator leads the ceremony; the representative of a business checks it alone."""
    world = staged.world
    staged.do(given_roster(world))
    world.at("2026-07-16 10:00")
    staged.do(world.send("MRB coordinator", "draws/announce-draw", **announcement()))
    phone = staged.sign_in("E-A", "phone")
    phone.goto(f"/console/draws/{DRAW}")
    expect(phone.locator("[aria-current=step]")).to_contain_text("来源公布")
    expect(phone.locator("main")).to_contain_text(ROSTER_HASH)
    expect(phone.locator(".countdown").first).to_contain_text("还有3天")
    # Her own code is filled in; no receipt may tell before the visits.
    expect(phone.get_by_label("企业", exact=True)).to_have_value(E_A)
    expect(phone.locator("#drawn")).to_contain_text("现在没有可供查询的回执")

    world.at("2026-07-20 16:00")
    desk = staged.sign_in("MRB coordinator")
    desk.goto(f"/console/draws/{DRAW}")
    expect(desk.locator("[aria-current=step]")).to_contain_text("种子确定")
    desk.get_by_role("link", name="公布随机种子").click()
    for number, (source, value) in enumerate(VALUES.items()):
        expect(desk.locator(f"[name='values.{number}.source']")).to_have_value(source)
        desk.locator(f"[name='values.{number}.value']").fill(value)
    desk.locator("button[value=send]").click()
    expect(desk.locator(".done")).to_be_visible()
    staged.do(world.get("JB", "/v1/draws"))
    desk.goto(f"/console/draws/{DRAW}")
    expect(desk.locator("[aria-current=step]")).to_contain_text("抽取")
    desk.locator("a.button[href^='/console/do/draws/execute-draw']").click()
    expect(desk.locator("[name=roster_hash]")).to_have_value(ROSTER_HASH)
    desk.locator("button[value=send]").click()
    expect(desk.locator(".done")).to_be_visible()
    staged.do(world.get("JB", "/v1/draws"))

    # The last day for the visits has passed: every business may look.
    world.at("2027-01-04 09:00")
    phone.reload()
    expect(phone.locator(".fate")).to_contain_text("抽中")
    phone.get_by_role("button", name="在我的浏览器里核验回执").click()
    verdict = phone.locator("[data-report] .verdict")
    expect(verdict).to_contain_text("没有不一致之处")
    report = phone.locator(".report").inner_text()
    assert f"✓ {E_A} 在公告的名册之中" in report
    assert not [line for line in report.splitlines() if " the " in line], report
    # And the whole draw, of which she sees no more than everybody.
    phone.get_by_role("button", name="核验本次抽查").click()
    expect(verdict).to_contain_text("没有不一致之处")
    expect(phone.locator(".report")).to_contain_text("重新抽取，得到同样的")
    other = PREFIX + next(code for code in GRADES["D"] if PREFIX + code != E_A)
    phone.get_by_label("企业", exact=True).fill(other)
    phone.get_by_role("button", name="查询").click()
    expect(phone.locator(".fate")).to_contain_text("被抽中")
    assert complaints_of(phone) == []
    assert complaints_of(desk) == []


def test_the_log_is_checked_against_the_last_visit(staged: Stage) -> None:
    """It grows, and the browser says so; it is another one, and the browser says that too."""
    world = staged.world
    tab = staged.sign_in("JB")
    since = tab.locator("[data-since]")
    world.service.keeper.wait_for(world.recorder.head(), 10)
    tab.goto("/console/log?position=1")
    expect(since).to_contain_text("本浏览器首次访问")
    expect(tab.locator("[data-signature]")).to_contain_text("签名正确")
    expect(tab.locator("[data-receipt]")).to_contain_text("第 1 号事件逐字节")
    tab.reload()
    expect(since).to_contain_text("没有变化")

    staged.do(world.given_matter("M-101"))
    size = world.recorder.head()
    world.service.keeper.wait_for(size, 10)
    tab.reload()
    expect(since).to_contain_text("自 ")
    expect(since).to_contain_text("均未改动")
    tab.evaluate(
        """() => { const seen = JSON.parse(localStorage.getItem('ledger-log'));
            const other = seen.root[0] === 'a' ? 'b' : 'a';
            seen.size -= 2; seen.root = other + seen.root.slice(1);
            localStorage.setItem('ledger-log', JSON.stringify(seen)); }"""
    )
    tab.reload()
    expect(since).to_contain_text("不相衔接")
    # An alarm stays until the reader has seen to it.
    tab.reload()
    expect(since).to_contain_text("不相衔接")
    tab.get_by_role("button", name="清除本机留存").click()
    expect(since).to_contain_text("本浏览器首次访问")
    assert complaints_of(tab) == []
