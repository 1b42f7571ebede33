"""A world of the scenarios behind a browser: its clock and its commands are in the test's hands."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Browser, Page

from api.console.signin import SESSION_COOKIE
from tests.browser.conftest import SCREENS
from tests.browser.watching import watch
from tests.scenarios.world import World

T = TypeVar("T")


class Stage:
    """A world served from a thread of its own, as the browser's driver needs the test's."""

    def __init__(self, world: World, loop: asyncio.AbstractEventLoop, browser: Browser) -> None:
        self.world = world
        self._loop, self._browser = loop, browser
        self._contexts: list[Any] = []

    def do(self, act: Coroutine[Any, Any, T]) -> T:
        """Return what an act of the world returns, once the views have followed it."""
        result = asyncio.run_coroutine_threadsafe(act, self._loop).result(60)
        self.world.service.follower.wait_for(self.world.recorder.head(), 10)
        return result

    def sign_in(self, who: str, screen: str = "desktop", language: str = "zh") -> Page:
        """Return a tab in which somebody of the world has signed in."""
        width, height = SCREENS[screen]
        address = str(self.world.client.make_url("/")).rstrip("/")
        context = self._browser.new_context(
            base_url=address,
            viewport={"width": width, "height": height},
            locale={"zh": "zh-CN", "en": "en-GB"}[language],
            has_touch=screen == "phone",
            accept_downloads=True,
        )
        context.set_default_timeout(10_000)
        cookie = self.world.service.sessions.begin(self.world.tokens[who])
        assert cookie is not None
        context.add_cookies(
            [{"name": SESSION_COOKIE, "value": cookie, "url": f"{address}/console"}]
        )
        self._contexts.append(context)
        page = context.new_page()
        watch(page)
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@contextmanager
def stage(folder: Path, browser: Browser) -> Iterator[Stage]:
    """Serve a world, with the region of the scenarios, until the test ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="browser-tests-world")
    thread.start()

    async def begin() -> World:
        world = World(folder)
        await world.__aenter__()
        await world.given_region()
        return world

    world = asyncio.run_coroutine_threadsafe(begin(), loop).result(60)
    staged = Stage(world, loop, browser)
    world.service.follower.wait_for(world.recorder.head(), 10)
    try:
        yield staged
    finally:
        staged.close()
        asyncio.run_coroutine_threadsafe(world.__aexit__(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
