"""Every page, in both languages, at a desk and on a phone.

Each page is looked at in Chinese at a desk, with axe, and in English on a phone. With
``LOOKS=whole`` (``make soak``) both languages are looked at on both screens, with axe everywhere.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page as Tab

from api.console.shell import Page, may_read
from tests.browser.conftest import SCREENS, OpenAs, Served
from tests.browser.sights import EXAMPLES, LOOKED_AT, ROLES
from tests.browser.watching import complaints_of

SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"

#: What is kept of a long page, in pixels.
TALLEST = 1_800

#: What axe found to be right is not described.
QUICKLY = {"resultTypes": ["violations"], "iframes": False, "elementRef": False}

#: Whether every page is looked at in every way, as ``make soak`` does.
WHOLE = os.environ.get("LOOKS") == "whole"

#: How each page is looked at: the language and the screen.
LOOKS = (
    (("zh", "desktop"), ("zh", "phone"), ("en", "desktop"), ("en", "phone"))
    if WHOLE
    else (("zh", "desktop"), ("en", "phone"))
)


def checked(language: str, screen: str) -> bool:
    """Return whether axe checks a page that is looked at in this way."""
    return WHOLE or (language, screen) == LOOKS[0]


def where(district: Served, page: Page) -> tuple[str, str]:
    """Return the address at which a page is looked at, and by which role."""
    example = EXAMPLES.get(page.path)
    if example is not None:
        return example.address(district.address, district.tokens[example.role]), example.role
    assert "{" not in page.path, f"tests/browser/sights.py has no example of {page.path}"
    app = district.app
    return page.path, next(role for role in ROLES if may_read(app, role, page.needs))


@pytest.mark.parametrize("page", LOOKED_AT, ids=lambda page: page.path)
def test_a_page_is_sound(district: Served, open_as: OpenAs, page: Page) -> None:
    """No complaint of the browser, none of axe; one title; nothing is cut off."""
    address, role = where(district, page)
    for language, screen in LOOKS:
        tab = open_as(role, language, screen)
        tab.goto(address)
        name = re.sub(r"\W+", "-", page.path.removeprefix("/console")).strip("-") or "today"
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        height = min(tab.evaluate("document.documentElement.scrollHeight"), TALLEST)
        width, _ = SCREENS[screen]
        tab.screenshot(
            path=SCREENSHOTS / f"{name}.{language}.{screen}.png",
            full_page=True,
            clip={"x": 0, "y": 0, "width": width, "height": height},
        )
        assert complaints_of(tab) == [], (language, screen)
        assert tab.locator("main h1").count() == 1, "a page has one title"
        assert cut_off(tab) == [], (language, screen)
        if checked(language, screen):
            assert reached(tab), "the first stop of the keyboard skips the menu"
            assert not (faults := inaccessible(tab)), (screen, *faults)


def inaccessible(tab: Tab) -> list[str]:
    """Return what axe finds wrong, each with the element and the reason."""
    found = Axe().run(tab, options=QUICKLY).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:160]} {node['failureSummary']}"
        for violation in found
        for node in violation["nodes"]
    ]


def reached(tab: Tab) -> bool:
    """Return whether the keyboard gets to the content at once, and nowhere out of order."""
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    at: str = tab.evaluate("document.activeElement.id")
    return (
        at == "content"
        and tab.locator("[tabindex]:not([tabindex='0'], [tabindex='-1'])").count() == 0
    )


def cut_off(tab: Tab) -> list[str]:
    """Return what is wider than the screen and cannot be scrolled by itself."""
    found: list[str] = tab.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
          [...document.querySelectorAll('body *')]
            .filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
            .filter((e) => e.checkVisibility() && !e.closest('.wide'))
            .map((e) => e.outerHTML.slice(0, 120))"""
    )
    return found
