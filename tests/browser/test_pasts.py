"""The past of a business in a browser: two clocks, a trail that goes on, proofs, what would be."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page as Tab
from playwright.sync_api import expect

from tests.browser.conftest import OpenAs, Served
from tests.browser.sights import BUSINESS
from tests.browser.watching import complaints_of

PROFILE = f"/console/v1/entities/{BUSINESS}/profile"


@pytest.fixture
def tab(open_as: OpenAs) -> Iterator[Tab]:
    page = open_as("jb_supervisor")
    yield page
    assert complaints_of(page) == []


def test_the_arrow_keys_step_from_event_to_event(tab: Tab) -> None:
    """The slider stops at the days of events; the page then shows that day and says so."""
    tab.goto(f"{PROFILE}?valid_as_of=2026-03-17")
    slider = tab.get_by_role("slider", name="情况所在日")
    slider.focus()
    slider.press("ArrowLeft")
    tab.wait_for_url("**valid_as_of=2026-03-16*")
    expect(tab.locator(".band.then")).to_contain_text("2026-03-16")
    expect(tab.locator(".grade.large")).to_have_text("C")
    expect(tab.get_by_role("slider", name="情况所在日")).to_be_focused()
    tab.keyboard.press("ArrowLeft")
    tab.wait_for_url("**valid_as_of=2026-03-12*")
    expect(tab.locator(".grade.large")).to_have_text("A")
    tab.get_by_role("link", name="后一事件").first.click()
    tab.wait_for_url("**valid_as_of=2026-03-16*")


def test_two_clocks_are_two_questions(tab: Tab) -> None:
    """What was true on a day, as it was known before its correction: the old title."""
    record = "行政处罚：罚款120,000元"
    tab.goto(f"{PROFILE}?valid_as_of=2026-05-01&known_as_of=2026-05-31T12:00:00%2B08:00")
    expect(tab.locator(".record a").first).to_have_text(record)
    tab.get_by_role("slider", name="所知时点").focus()
    tab.keyboard.press("ArrowRight")
    tab.wait_for_url("**known_as_of=2026-06-01*")
    assert "valid_as_of=2026-05-01" in tab.url
    tab.get_by_role("link", name="返回现在").click()
    expect(tab.locator(".record a").first).to_contain_text("经营超过保质期的食品")


def test_without_a_script_the_clocks_are_a_form(open_as: OpenAs, district: Served) -> None:
    """Two dates and links to the events beside do the same."""
    scripted = open_as("jb_supervisor")
    plain = scripted.context.browser.new_context(  # type: ignore[union-attr]
        base_url=district.address, java_script_enabled=False, locale="zh-CN"
    )
    plain.add_cookies(scripted.context.cookies(f"{district.address}/console"))
    page = plain.new_page()
    page.goto(PROFILE)
    expect(page.get_by_role("slider")).to_have_count(0)
    form = page.get_by_role("form", name="选择时间")
    form.get_by_label("情况所在日").fill("2026-05-01")
    form.get_by_role("button").click()
    expect(page.locator(".band.then")).to_contain_text("2026-05-01")
    page.get_by_role("link", name="前一事件").first.click()
    expect(page.locator(".band.then")).to_contain_text("2026-04-28")
    plain.close()


def test_a_trail_goes_on_while_it_is_read(tab: Tab) -> None:
    """Scrolling to the end loads the older events, each once; filters narrow it."""
    tab.goto("/console/v1/units/MRB/trail")
    entries = tab.locator("[data-further] > li")
    before = entries.count()
    tab.locator("[data-more]").scroll_into_view_if_needed()
    tab.wait_for_function(
        "n => document.querySelectorAll('[data-further] > li').length > n", arg=before
    )
    numbers = tab.locator("[data-further] .when a").all_inner_texts()
    assert len(numbers) == len(set(numbers))
    assert [int(re.sub(r"\D", "", n)) for n in numbers] == sorted(
        (int(re.sub(r"\D", "", n)) for n in numbers), reverse=True
    )
    tab.goto(f"/console/v1/entities/{BUSINESS}/trail?type=penalties.penalty-decided")
    expect(entries).to_have_count(1)
    expect(entries).to_contain_text("作出行政处罚决定兰新市监罚〔2026〕1号")


def test_an_event_tells_what_it_changed_where_it_is_read(tab: Tab) -> None:
    """Unfolded in the trail: the documents before and after; corrected: then and now."""
    tab.goto(f"/console/v1/entities/{BUSINESS}/trail?type=penalties.penalty-decided")
    tab.get_by_text("改变了什么", exact=True).click()
    expect(tab.locator(".effects")).to_contain_text("DEC-2026-01")
    expect(tab.locator(".effects .old").first).to_be_visible()
    tab.goto(f"/console/v1/entities/{BUSINESS}/trail?type=credit.credit-record-entered")
    corrected = tab.locator(".corrected")
    expect(corrected.locator("del")).to_have_text("行政处罚：罚款120,000元")
    expect(corrected.locator("ins")).to_contain_text("经营超过保质期的食品")


def test_the_browser_verifies_the_proof_itself(tab: Tab) -> None:
    """The tree and the signature are checked on the page; a changed byte does not pass."""
    tab.goto("/console/v1/events/735")
    expect(tab.locator("[data-said]")).to_have_class(re.compile("verified"))
    expect(tab.locator("[data-said]")).to_have_text(re.compile(r"^核验通过：本记录在第\d+号检查点"))
    changed = tab.evaluate(
        """async () => {
          const { proof, record, keys } = document.querySelector('[data-proof]').dataset;
          const bytes = PROOFS.unbase64(record);
          bytes[bytes.length - 1] ^= 1;
          try { await PROOFS.proven(bytes, proof, keys.split(' ')); return 'passed'; }
          catch (error) { return error.message; }
        }"""
    )
    assert "not proven" in changed


def test_a_difference_names_the_events_that_made_it(tab: Tab) -> None:
    """From the profile: two days, what changed between them, and who did it."""
    tab.goto(PROFILE)
    form = tab.get_by_role("form", name="两日之间的变化")
    form.get_by_label("甲日").fill("2026-03-17")
    form.get_by_label("乙日").fill("2026-03-19")
    form.get_by_role("button", name="对比").click()
    row = tab.get_by_role("row").filter(
        has=tab.get_by_role("rowheader", name="信用等级 › 2026-03-18")
    )
    expect(row).to_contain_text("信用等级评定")
    expect(row).to_contain_text("发展改革局")


def test_what_falls_with_a_decision_is_a_tree(tab: Tab) -> None:
    """The sanction rests on the record, which rests on the decision."""
    tab.goto("/console/v1/decisions/DEC-2026-01/impact")
    sanction = tab.locator(".of-decision .of-record .of-sanction")
    expect(sanction).to_contain_text("SAN-2026-01")
