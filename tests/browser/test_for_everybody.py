"""Pages without a session, the window on a phone, printing, and the sign-in by a provider."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from msgspec.structs import replace
from playwright.sync_api import Browser
from playwright.sync_api import Page as Tab

from api.console.identity import Claims, Identity
from api.service import Service
from tests.browser.conftest import SCREENS, OpenAs, Served
from tests.browser.test_pages import LOOKS, SCREENSHOTS, TALLEST, checked, cut_off, inaccessible
from tests.browser.watching import complaints_of, watch
from tests.ports import free_port

#: Pages for everybody, by the name of their screenshot.
PAGES = {
    "public": "/public",
    "public-draws": "/public/draws",
    "public-decisions": "/public/decisions",
    "public-business": "/public/businesses/91620100MA7LX2098C",
    "window-entrance": "/window",
    "window-officer": "/window/officers/OFF-001",
    "window-complaint": "/window/complaints?unit=MRB",
}


@pytest.fixture(scope="module")
def tabs(browser: Browser, district: Served) -> Iterator[dict[tuple[str, str], Tab]]:
    """Tabs without a session, by language and screen."""
    opened = {}
    for language, screen in {*LOOKS, ("zh", "phone")}:
        width, height = SCREENS[screen]
        context = browser.new_context(
            base_url=district.address,
            viewport={"width": width, "height": height},
            locale={"zh": "zh-CN", "en": "en-GB"}[language],
        )
        tab = opened[language, screen] = context.new_page()
        watch(tab)
    yield opened
    for tab in opened.values():
        tab.context.close()


def look(tab: Tab, name: str, language: str, screen: str) -> None:
    """Keep a screenshot, and require that nothing is wrong with the page."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    height = min(tab.evaluate("document.documentElement.scrollHeight"), TALLEST)
    tab.screenshot(
        path=SCREENSHOTS / f"{name}.{language}.{screen}.png",
        full_page=True,
        clip={"x": 0, "y": 0, "width": SCREENS[screen][0], "height": height},
    )
    assert complaints_of(tab) == []
    assert tab.locator("main h1").count() == 1
    assert cut_off(tab) == []
    if checked(language, screen):
        assert not (faults := inaccessible(tab)), faults


@pytest.mark.parametrize("name", PAGES)
def test_a_page_for_everybody_is_sound(tabs: dict[tuple[str, str], Tab], name: str) -> None:
    """In the browser's language, at a desk and at 360 px, without script or session."""
    for language, screen in LOOKS:
        tab = tabs[language, screen]
        tab.goto(PAGES[name])
        assert tab.locator("html").get_attribute("lang") == {"zh": "zh-CN", "en": "en"}[language]
        look(tab, name, language, screen)


def test_somebody_complains_on_a_phone(tabs: dict[tuple[str, str], Tab]) -> None:
    """From the officer's code to the tracking number, and back to it by the number alone."""
    tab = tabs["zh", "phone"]
    tab.goto("/window")
    tab.get_by_label("执法码").fill("https://ledger.example/window/officers/OFF-001")
    tab.goto("/window/officers/OFF-001")
    tab.get_by_role("link", name="投诉").click()
    assert tab.get_by_label("投诉哪个单位").input_value() == "MRB"
    tab.get_by_label("发生了什么").fill("未出示证件即进入车间")
    tab.get_by_role("button", name="提交投诉").click()
    number = tab.locator("code.tracking").inner_text()
    look(tab, "window-progress", "zh", "phone")
    tab.goto("/window")
    tab.get_by_label("投诉查询编号").fill(number)
    tab.get_by_role("button", name="查询进度").click()
    assert tab.locator("code.tracking").inner_text() == number


def test_a_printed_form_has_the_form_alone(open_as: OpenAs) -> None:
    """Neither menu nor buttons; black on white."""
    tab = open_as("jb_supervisor")
    tab.goto("/console/print/decisions/DEC-2026-04")
    tab.emulate_media(media="print")
    try:
        for gone in (".side", ".bar", ".screen"):
            assert not tab.locator(gone).first.is_visible(), gone
        paper = tab.locator(".paper")
        assert paper.is_visible()
        color = paper.evaluate("e => getComputedStyle(e).color")
        assert color == "rgb(0, 0, 0)"
        assert tab.pdf(format="A4").count(b"/Type /Page\n") <= 2
    finally:
        tab.emulate_media(media="screen")


PERSON = {
    "sub": "u-1",
    "employee": "JB-001",
    "posts": [{"dept": "JB", "duty": "监督员"}, {"dept": "MRB", "duty": "负责人"}],
}


@pytest.fixture
def provided(tmp_path: Path) -> Iterator[str]:
    """A service of its own with a provider, a server of its own; its address."""
    script = Path(__file__).parents[1] / "api" / "identity_provider.py"
    with subprocess.Popen(
        [sys.executable, str(script), json.dumps([PERSON])],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        issuer = f"http://127.0.0.1:{process.stdout.readline().strip()}"
        identity = Identity(
            issuer=issuer,
            client_id="ledger",
            address="http://127.0.0.1",
            secret="s",
            name="统一身份认证",
            claims=Claims(person="employee", role="duty", unit="dept", posts="posts"),
            roles={"监督员": "jb_supervisor", "负责人": "unit_head"},
        )
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="sign-in-test-server")
        thread.start()

        async def serve(port: int, runner: web.AppRunner) -> None:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()

        port = free_port()
        identity = replace(identity, address=f"http://127.0.0.1:{port}")
        with Service(f"sqlite:///{tmp_path / 'ledger.db'}", identity=identity) as service:
            runner = web.AppRunner(service.app(), access_log=None)
            asyncio.run_coroutine_threadsafe(serve(port, runner), loop).result(30)
            yield identity.address
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        process.terminate()


def test_a_person_signs_in_by_the_provider_and_changes_posts(
    browser: Browser, provided: str
) -> None:
    """To the page that was asked for, with the cookie that Lax allows; out again at both ends."""
    context = browser.new_context(base_url=provided, locale="zh-CN")
    context.set_default_timeout(15_000)
    tab = context.new_page()
    watch(tab)
    tab.goto("/console/rules")
    look(tab, "sign-in", "zh", "desktop")
    tab.get_by_role("link", name="使用统一身份认证登录").click()
    tab.get_by_role("button", name="u-1").click()
    tab.wait_for_url("**/console/rules")
    assert "JB-001" in tab.locator("header.bar").inner_text()
    tab.get_by_label("当前岗位").select_option("1")
    tab.get_by_role("button", name="切换岗位").click()
    tab.wait_for_url("**/console")
    assert tab.get_by_label("当前岗位").input_value() == "1"
    # The provider's own pages are not ours to judge.
    assert [told for told in complaints_of(tab) if provided in told] == []
    # A page of another site leads here: the console asks before it opens.
    tab.goto("data:text/html,<a href='" + provided + "/console/v1/entities'>x</a>")
    tab.get_by_role("link").click()
    tab.get_by_role("link", name="打开页面").click()
    tab.wait_for_url("**/console/v1/entities")
    tab.get_by_role("button", name="退出").click()
    tab.get_by_role("link", name="退出统一身份认证").click()
    tab.wait_for_url("**/oauth2/end_session**")
    tab.goto(f"{provided}/console")
    assert "/console/sign-in" in tab.url
    context.close()
