"""The journey of the repair officer, from a question at the window to the last confirmation."""

from __future__ import annotations

from collections.abc import Callable

import httpx
from playwright.sync_api import Page as Tab
from playwright.sync_api import expect

from tests.browser.conftest import OpenAs, Served
from tests.browser.watching import complaints_of

#: A business whose application waits, and its record.
BUSINESS, CASE, RECORD = "百合园", "REP-2026-02", "CR-2026-03"


def test_the_repair_officer_tells_the_day_tries_and_grants(
    open_as: OpenAs, district: Served
) -> None:
    """She finds the business by a part of its name, sees its earliest day, tries the repair without
    recording anything, accepts and grants it, and sees the last recipient confirm the removal.
    """
    tab = open_as("unit_head")
    _tells_the_earliest_day(tab)
    _tries_the_repair(tab)
    _sends(tab, "受理修复申请", "已受理")
    _sends(tab, "准予信用修复", "已准予", lambda: _verified(tab))
    removals = tab.locator("#removals")
    expect(removals).to_contain_text("已确认0/1")
    expect(removals).to_contain_text("尚未确认")
    _confirms(district)
    tab.reload()
    expect(removals).to_contain_text("已确认1/1")
    assert complaints_of(tab) == []


def _tells_the_earliest_day(tab: Tab) -> None:
    tab.goto("/console/repairs")
    tab.get_by_label("记录名称、文号或者企业").fill(BUSINESS)
    tab.get_by_role("button", name="查找").click()
    row = tab.get_by_role("region", name="可修复的记录").get_by_role("row").filter(has_text=RECORD)
    expect(row).to_contain_text("2026-08-16")
    row.get_by_role("link").first.click()
    expect(tab.locator(".done")).to_contain_text("自2026-08-16起可以修复")
    expect(tab.locator(".regimes")).to_contain_text("国家发展和改革委员会令第36号")


def _tries_the_repair(tab: Tab) -> None:
    tab.get_by_role("link", name=CASE).click()
    expect(tab.locator("main [role=status]")).to_contain_text("修复条件全部符合")
    expect(tab.locator(".conditions .met")).to_have_count(6)
    tab.get_by_role("link", name="推演修复").click()
    sides = tab.locator(".side-of")
    expect(sides).to_have_count(2)
    expect(tab.locator(".changes")).to_contain_text("已修复")
    tab.go_back()


def _verified(tab: Tab) -> None:
    tab.locator("#f-verification").fill("现场核查，缴款系统核对")


def _sends(tab: Tab, act: str, stage: str, fill: Callable[[], None] = lambda: None) -> None:
    """Open the form of an act from the case, try it, send it, and come back to the case."""
    tab.get_by_role("link", name=act, exact=True).click()
    fill()
    tab.get_by_role("button", name="试算").last.click()
    expect(tab.locator(".tried")).to_be_visible()
    tab.get_by_role("button", name="提交").click()
    expect(tab.locator(".done")).to_contain_text("已记录")
    tab.goto(f"/console/v1/repair/cases/{CASE}")
    expect(tab.locator(".chips .chip").first).to_have_text(stage)


def _confirms(district: Served) -> None:
    """The bank's system confirms that it removed the record."""
    auth = {"Authorization": f"Bearer {district.tokens['subscriber_system']}"}
    listed = httpx.get(f"{district.address}/v1/sharing/removals?record={RECORD}", headers=auth)
    (removal,) = listed.json()["items"]
    answer = httpx.post(
        f"{district.address}/v1/sharing/acknowledge-removal",
        json={"removal": removal["removal"], "removed_on": "2026-12-01"},
        headers={**auth, "Idempotency-Key": "the-bank-confirms"},
    )
    assert answer.status_code == 201, answer.text
