"""The supervisor's day in the browser, told in their words."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import OpenAs, Served
from tests.browser.watching import complaints_of

#: The business whose representative has a token, and the unit that came without a filing.
BUSINESS, UNIT = "91620100MA7LX2012H", "EMB"


@pytest.fixture(scope="module")
def reported(district: Served) -> int:
    """A business reports that it was visited although nobody had filed a visit."""
    answer = httpx.post(
        f"{district.address}/v1/filing/report-irregular-visit",
        headers={"Authorization": f"Bearer {district.tokens['entity_rep']}"},
        json={
            "irregular_visit": "IV-BROWSER-1",
            "entity": BUSINESS,
            "reporter": "entity",
            "unit": UNIT,
            "visited_on": "2026-11-30",
            "facts": "两人进厂查看台账，未出示备案，未扫码",
        },
    )
    answer.raise_for_status()
    position = int(answer.json()["position"])
    assert district.service.follower.wait_for(position, 10)
    return position


@pytest.mark.usefixtures("reported")
def test_the_supervisor_finds_the_unfiled_visit_and_issues_an_opinion(
    district: Served, open_as: OpenAs
) -> None:
    """From the number of today to the document, with the forms filled in on the way."""
    tab = open_as("jb_supervisor")
    tab.goto("/console")
    tab.get_by_role("link", name="待处理的监督发现").first.click()
    expect(tab.locator("h1")).to_have_text("监督发现")
    tab.get_by_role("link", name="FIL-V1 未经备案实施检查").click()
    row = tab.get_by_role("row").filter(has_text="应急管理局").first
    expect(row).to_contain_text("检查日期：2026-11-30")
    row.get_by_role("link", name="未经备案实施检查").click()
    expect(tab.locator("h1")).to_have_text("未经备案实施检查")
    own = tab.url

    tab.get_by_role("link", name="监督分办").first.click()
    tab.locator("[name=assessment]").fill("未备案入企，制发意见书")
    tab.get_by_role("button", name="试算").last.click()
    expect(tab.get_by_role("status")).to_contain_text("试算通过")
    tab.get_by_role("button", name="提交").click()
    expect(tab.get_by_role("status")).to_contain_text("已记录")

    tab.goto(own)
    expect(tab.locator("main")).to_contain_text("未备案入企，制发意见书")
    tab.get_by_role("link", name="制发监督文书").first.click()
    expect(tab.locator("[name=unit]")).to_have_value(UNIT)
    tab.locator("[name=document]").fill("SD-BROWSER-1")
    tab.locator("[name=kind]").select_option("opinion")
    tab.locator("[name=doc_no]").fill("兰新监意〔2026〕99号")
    tab.locator("[name=demands]").fill("说明未备案入企的原因\n十日内报告整改情况")
    tab.get_by_role("button", name="提交").click()
    expect(tab.get_by_role("status")).to_contain_text("已记录")

    assert district.service.follower.wait_for(district.service.recorder.head(), 10)
    tab.goto(own)
    documents = tab.locator("section").filter(has=tab.get_by_role("heading", name="监督文书"))
    expect(documents).to_contain_text("兰新监意〔2026〕99号")
    assert complaints_of(tab) == []


@pytest.mark.usefixtures("reported")
def test_findings_are_answered_by_the_keyboard_alone(open_as: OpenAs) -> None:
    """Keys open the page, step through rows, mark them, and open the help; the rest is tabs."""
    tab = open_as("jb_supervisor")
    tab.goto("/console")
    tab.keyboard.press("g")
    with tab.expect_navigation():
        tab.keyboard.press("f")
    tab.keyboard.press("j")
    tab.keyboard.press("j")
    tab.keyboard.press("x")
    assert tab.locator("[data-rows] tbody tr").nth(1).locator("input").is_checked()
    assert tab.locator("[data-rows] input:checked").count() == 1
    tab.keyboard.press("?")
    expect(tab.locator("dialog")).to_be_visible()
    tab.keyboard.press("Escape")
    name = tab.locator("[data-rows] tbody tr").nth(1).locator("td.says a").first.inner_text()
    tab.keyboard.press("k")
    tab.keyboard.press("j")
    with tab.expect_navigation():
        tab.keyboard.press("Enter")
    expect(tab.locator("h1")).to_have_text(name)
    tab.keyboard.press("/")
    tab.keyboard.type("SUP-V2")
    with tab.expect_navigation():
        tab.keyboard.press("Enter")
    expect(tab.get_by_role("link", name="监督问题未按期分派处理").first).to_be_visible()
    assert complaints_of(tab) == []


def test_several_findings_are_tried_and_answered_at_once(district: Served, open_as: OpenAs) -> None:
    """Nothing is recorded by the trial; each marked finding is then triaged with the same text."""
    tab = open_as("jb_supervisor")
    tab.goto("/console/findings?rule_id=LDG-V1&state=raised")
    before = district.service.recorder.head()
    for number in range(2):
        tab.locator("[data-rows] tbody input").nth(number).check()
    tab.get_by_role("button", name="下一步").click()
    expect(tab.locator("tbody tr")).to_have_count(2)
    tab.get_by_label("说明").fill("催报")
    tab.get_by_role("button", name="试算").click()
    expect(tab.get_by_text("可以通过")).to_have_count(2)
    assert district.service.recorder.head() == before
    tab.get_by_role("button", name="提交").click()
    expect(tab.locator("tbody").get_by_text("已记录")).to_have_count(2)
    types = [stored.event.type for stored in district.service.recorder.read(after=before)]
    assert types.count("supervision.finding-triaged") == 2


def test_everything_works_without_scripts(browser: Browser, district: Served) -> None:
    """Signing in by the form, the menu, a list, the language, and signing out."""
    context = browser.new_context(
        base_url=district.address, java_script_enabled=False, locale="zh-CN"
    )
    tab = context.new_page()
    tab.goto("/console/findings")
    tab.get_by_label("令牌").fill(district.tokens["jb_supervisor"])
    tab.get_by_role("button", name="登录").click()
    expect(tab.locator("h1")).to_have_text("监督发现")
    tab.get_by_role("navigation", name="菜单").get_by_role("link", name="全部清单").click()
    tab.get_by_role("link", name="English").click()
    expect(tab.locator("h1")).to_have_text("All lists")
    tab.get_by_role("button", name="Sign out").click()
    expect(tab.get_by_label("Token")).to_be_visible()
    context.close()
