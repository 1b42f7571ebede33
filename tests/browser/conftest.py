"""A browser in front of the district, which a server of its own serves for the tests of a worker.

| fixture    | lives for   | is                                                              |
|------------|-------------|-----------------------------------------------------------------|
| `district` | the session | the served district: its address, its service, its people       |
| `browser`  | the module  | Chromium, without a profile                                     |
| `open_as`  | the module  | returns a tab that is signed in as somebody, in a language      |

Without Chromium these tests are skipped; under CI that is an error.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiohttp import web
from playwright.sync_api import Browser, Page, sync_playwright

from api.console.place import Place
from api.console.signin import SESSION_COOKIE
from api.district.table import district as district_table
from api.service import Service
from tests.api.district_ledger import NOW, district_url, tokens_of
from tests.browser import chromium
from tests.browser.watching import watch

__all__ = ["district_url"]

#: The sizes of a screen: a desk, and a small phone.
SCREENS = {"desktop": (1360, 900), "phone": (360, 740)}


class Served:
    """The district as a server shows it: its address, its service, and its people."""

    def __init__(self, service: Service, app: web.Application, address: str) -> None:
        self.service = service
        self.app = app
        self.address = address
        self._tokens = tokens_of(service)
        shown = [person for person in district_table().person if person.shown]
        #: The token of one person for each role, the one that ``make run`` prints.
        self.tokens = {person.role: self._tokens[person.key] for person in shown}

    def cookie(self, role: str) -> str:
        """Begin a session, as the form of the sign-in does, and return its cookie."""
        cookie = self.service.sessions.begin(self.tokens[role])
        assert cookie is not None
        return cookie


# Not for the session: its keeper would sign later, and be remembered in the home of another test.
@pytest.fixture(scope="package")
def district(district_url: str) -> Iterator[Served]:
    place = Place("兰州新区（示范）", "demonstration")
    with Service(district_url, clock=lambda: NOW, place=place) as service:
        service.follower.wait_for(service.recorder.head(), 60)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="browser-tests-server")
        thread.start()
        app = service.app()
        runner = web.AppRunner(app, access_log=None)
        try:
            port = asyncio.run_coroutine_threadsafe(_serve(runner), loop).result(30)
            yield Served(service, app, f"http://127.0.0.1:{port}")
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(30)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


async def _serve(runner: web.AppRunner) -> int:
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    return int(site._server.sockets[0].getsockname()[1])


# While Playwright is open, its event loop runs in this thread, and no asynchronous test could.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium.path()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(chromium.MISSING, pytrace=False)
        pytest.skip(chromium.MISSING)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=path, headless=True, args=list(chromium.FLAGS)
        )
        yield opened
        opened.close()


#: Opens a tab: the role of the reader, the language, the screen.
OpenAs = Callable[..., Page]


@pytest.fixture(scope="module")
def open_as(browser: Browser, district: Served) -> Iterator[OpenAs]:
    tabs: dict[tuple[str, str, str], Page] = {}

    def opened(role: str, language: str = "zh", screen: str = "desktop") -> Page:
        known = tabs.get((role, language, screen))
        if known is not None:
            return known
        width, height = SCREENS[screen]
        options: dict[str, Any] = {
            "base_url": district.address,
            "viewport": {"width": width, "height": height},
            "locale": {"zh": "zh-CN", "en": "en-GB"}[language],
            "has_touch": screen == "phone",
            "permissions": ["clipboard-read", "clipboard-write"],
        }
        context = browser.new_context(**options)
        context.set_default_timeout(10_000)
        context.add_cookies(
            [
                {
                    "name": SESSION_COOKIE,
                    "value": district.cookie(role),
                    "url": f"{district.address}/console",
                    "httpOnly": True,
                }
            ]
        )
        page = context.new_page()
        watch(page)
        tabs[role, language, screen] = page
        return page

    yield opened
    for page in tabs.values():
        page.context.close()
