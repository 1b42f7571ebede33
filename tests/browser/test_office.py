"""Journeys through the office's pages, told in the words of their users."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page as Tab
from playwright.sync_api import expect

from ledger.intake.sources import Layout, Source
from projections import rebuilding
from projections.follower import Follower
from tests.browser.conftest import OpenAs, Served
from tests.browser.watching import complaints_of

PLAN = "PLAN-MRB-2026"


def send(district: Served, role: str, command: str, **body: Any) -> None:
    """Send a command as somebody does whose system is connected."""
    headers = {"Authorization": f"Bearer {district.tokens[role]}"}
    answer = httpx.post(f"{district.address}/v1/{command}", json=body, headers=headers)
    assert answer.status_code == 201, answer.text


def chosen(tab: Tab, field: str, typed: str, option: str) -> None:
    """Type a part of a name, and take the subject that is offered."""
    tab.locator(f"[name='{field}']").press_sequentially(typed)
    tab.locator(".options li", has_text=option).click()


def test_the_unit_head_is_refused_reads_why_amends_the_plan_and_approves(
    district: Served, open_as: OpenAs
) -> None:
    """The visit is not planned: the form says by which rule, and keeps what is typed."""
    until_november = {
        "matter": "M-101",
        "mode": "key",
        "target_class": "食品生产",
        "planned_visits": 40,
        "months": list(range(1, 12)),
    }
    send(
        district,
        "unit_head",
        "filing/amend-plan",
        plan=PLAN,
        unit="MRB",
        diff={"set_items": [until_november]},
        reason="十二月不安排检查",
    )
    send(district, "unit_head", "filing/file-annual-plan", plan=PLAN, unit="MRB")

    tab = open_as("unit_head")
    tab.goto("/console/do")
    tab.get_by_label("查找办理事项").fill("批准检查任务")
    tab.get_by_role("link", name="批准检查任务").click()
    tab.locator("[name=task]").fill("T-2026-1208")
    chosen(tab, "entity", "玉门春", "玉门春茶业")
    tab.locator("[name=kind]").select_option("daily")
    tab.locator("[name=trigger]").select_option("plan")
    chosen(tab, "matters", "食品生产", "食品生产监督检查")
    tab.locator("[name=officers]").fill("OFF-001\nOFF-002")
    tab.locator("[name=planned_on]").fill("2026-12-08")
    for means in ("written", "shared_data", "remote"):
        tab.locator(f"[name='non_onsite_considered.{means}']").select_option("true")
    tab.locator("[name='non_onsite_considered.conclusion']").select_option("insufficient")
    tab.get_by_text("其他内容").click()
    tab.locator("[name='prescribed_by.instrument']").fill("食品生产经营监督检查管理办法")
    tab.locator("[name='prescribed_by.article']").fill("第19条")
    tab.get_by_role("button", name="试算").last.click()
    refusal = tab.get_by_role("alert")
    expect(refusal).to_contain_text("FIL-R1")
    expect(refusal).to_contain_text("检查计划")
    expect(refusal).to_contain_text("怎样办")
    expect(tab.locator("[name=planned_on]")).to_have_value("2026-12-08")

    plan = tab.context.new_page()
    plan.goto(f"/console/v1/plans/{PLAN}")
    plan.get_by_role("link", name="调整年度检查计划").click()
    expect(plan.locator("[name=plan]")).to_have_value(PLAN)
    plan.locator("button[value='more:diff.set_items']").click()
    item = "diff.set_items.0."
    plan.locator(f"[name='{item}matter']").fill("M-101")
    plan.locator(f"[name='{item}mode']").select_option("key")
    plan.locator(f"[name='{item}target_class']").fill("食品生产")
    plan.locator(f"[name='{item}planned_visits']").fill("40")
    plan.locator(f"[name='{item}months']").fill("1、2、3、4、5、6、7、8、9、10、11、12")
    plan.locator("[name=reason]").fill("恢复十二月检查")
    plan.get_by_role("button", name="提交").click()
    expect(plan.locator(".done")).to_be_visible()
    plan.get_by_role("link", name="查看办理对象").click()
    plan.get_by_role("link", name="年度计划备案").click()
    plan.get_by_role("button", name="提交").click()
    expect(plan.locator(".done")).to_be_visible()
    plan.close()

    tab.get_by_role("button", name="提交").click()
    expect(tab.locator(".done")).to_contain_text("批准")
    tab.get_by_role("link", name="查看办理对象").click()
    expect(tab.locator("h1")).to_be_visible()
    told = [
        complaint for complaint in complaints_of(tab) if not complaint.startswith("status: 422")
    ]
    assert told == []


def test_the_operator_sees_a_view_behind_rebuilds_it_and_watches_the_time_left(
    district: Served, open_as: OpenAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault stopped the view of the units; readers see the old rows until it is rebuilt."""
    service = district.service
    broken = service.views.views["units"]

    def fail(*_: object) -> None:
        raise ValueError("a fault that the next version mends")

    monkeypatch.setattr(broken, "take", fail)
    send(
        district,
        "jb_supervisor",
        "catalogue/qualify-unit",
        unit="WTB",
        name="文化和旅游局",
        kind="organ",
        valid_from="2026-01-01",
    )
    service.follower.wait_for(service.recorder.head(), 60)
    monkeypatch.undo()

    catch_up = Follower.catch_up

    def slowly(self: Follower, up_to: int | None = None) -> int:
        if threading.current_thread().name == "rebuilder":
            time.sleep(0.1)
        return catch_up(self, up_to)

    monkeypatch.setattr(Follower, "catch_up", slowly)
    monkeypatch.setattr(rebuilding, "NEAR", 10)
    monkeypatch.setattr(service.rebuilder, "batch", 60)

    tab = open_as("operator")
    tab.goto("/console/views")
    row = tab.locator("#view-units")
    expect(row).to_contain_text("已停止")
    expect(row).to_contain_text("ValueError")
    expect(tab.locator("tbody tr").first).to_have_id("view-units")
    row.get_by_role("button", name=re.compile("重建")).click()
    expect(row).to_contain_text("正在重建")
    expect(row).to_contain_text("还需")
    expect(row).to_contain_text("已重建", timeout=30_000)
    expect(row).to_contain_text("正常")
    assert complaints_of(tab) == []
    assert service.follower.position("units") == service.recorder.head()
    units = open_as("jb_supervisor")
    units.goto("/console/v1/units?q=文化和旅游")
    expect(units.locator("main")).to_contain_text("WTB")


def test_what_was_typed_outlives_the_session(district: Served, open_as: OpenAs) -> None:
    """Who signs in again finds the form as it was, and nothing was recorded meanwhile."""
    tab = open_as("recon_officer")
    tab.goto("/console/do/reconsideration/accept-application")
    tab.locator("[name=recon]").fill("RC-2026-0099")
    cookie = next(c for c in tab.context.cookies() if c["name"] == "ledger_session")
    district.service.sessions.end(cookie["value"])
    before = district.service.recorder.head()
    tab.get_by_role("button", name="提交").click()
    expect(tab.get_by_role("alert")).to_contain_text("会话已结束")
    # The harness set its cookie for the whole site, the sign-in sets one for the console alone.
    tab.context.clear_cookies()
    tab.locator("#token").fill(district.tokens["recon_officer"])
    tab.locator("main button").click()
    tab.get_by_role("button", name="回到表单").click()
    expect(tab.locator("[name=recon]")).to_have_value("RC-2026-0099")
    assert district.service.recorder.head() == before


def test_a_table_is_tried_mended_and_sent(
    district: Served, open_as: OpenAs, tmp_path: Path
) -> None:
    """A clerk imports officers from an old list in GB18030; one row is refused and comes back."""
    table = tmp_path / "执法人员.csv"
    rows = [
        "人员编号,执法单位,证号,领域,起,止",
        "OFF-901,MRB,甘B-901,food_drug,2026-01-01,2028-12-31",
        "OFF-902,MRB,甘B-902,food_drug,2026-13-01,2028-12-31",
    ]
    table.write_bytes("\n".join(rows).encode("gb18030"))
    tab = open_as("jb_supervisor")
    tab.goto("/console/import")
    tab.locator("#command").select_option("catalogue/certify-officer")
    tab.locator("#file").set_input_files(table)
    tab.get_by_role("button", name="读取并对应列").click()
    expect(tab.locator(".head")).to_contain_text("gb18030")
    for column, field in {
        "人员编号": "officer",
        "执法单位": "unit",
        "证号": "cert_no",
        "领域": "domains",
        "起": "valid_from",
        "止": "valid_to",
    }.items():
        tab.get_by_label(column, exact=True).select_option(field)
    tab.get_by_role("button", name="试算").click()
    expect(tab.get_by_role("status")).to_contain_text("1 行可以提交")
    expect(tab.locator("table").last).to_contain_text("valid_from")
    expect(tab.locator("table").last).to_contain_text("日期")
    with tab.expect_download() as download:
        tab.get_by_role("button", name="下载有误的行").click()
    assert download.value.path().stat().st_size > 1000
    tab.get_by_role("button", name="提交 2 行").click()
    expect(tab.get_by_role("status")).to_contain_text("已提交 1 行")
    head = district.service.recorder.head()
    tab.get_by_role("button", name="提交 2 行").click()
    expect(tab.get_by_role("status")).to_contain_text("已提交 1 行")
    assert district.service.recorder.head() == head, "a row is not sent twice"
    with tab.expect_download() as download:
        tab.get_by_role("button", name="下载有误的行").click()
    with Source(download.value.path(), Layout(required=())) as refused:
        rejects = list(refused)
    assert ["OFF-902" in row.fields.values() for row in rejects] == [True]
    assert complaints_of(tab) == []
