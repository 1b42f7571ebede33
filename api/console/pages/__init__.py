"""The pages of the console. A module for each, which lists its pages; the menu has this order."""

from __future__ import annotations

from api.console.pages import (
    administration,
    badges,
    commands,
    feeds,
    findings,
    guide,
    lists,
    office,
    rules,
    search,
    statistics,
    tables,
    today,
)
from api.console.shell import Page

PAGES: tuple[Page, ...] = (
    *today.PAGES,
    *findings.PAGES,
    *search.PAGES,
    *lists.PAGES,
    *office.PAGES,
    *commands.PAGES,
    *tables.PAGES,
    *statistics.PAGES,
    *feeds.PAGES,
    *rules.PAGES,
    *administration.PAGES,
    *guide.PAGES,
    *badges.PAGES,
)
