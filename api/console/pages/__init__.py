"""The pages of the console. A module for each, which lists its pages; the menu has this order."""

from __future__ import annotations

from api.console.pages import (
    badges,
    businesses,
    commands,
    findings,
    guide,
    lists,
    repairs,
    rules,
    search,
    today,
    trails,
)
from api.console.shell import Page

PAGES: tuple[Page, ...] = (
    *today.PAGES,
    *findings.PAGES,
    *search.PAGES,
    *businesses.PAGES,
    *repairs.PAGES,
    *trails.PAGES,
    *lists.PAGES,
    *commands.PAGES,
    *rules.PAGES,
    *guide.PAGES,
    *badges.PAGES,
)
