"""The pages of the console: a module for each, with its line here; the menu has this order.

A page is a function of ``Opened`` that asks resources and renders a template, and a ``Page`` that
says where it is, what it is called and who may use it. Its texts are in ``ledger/language``: the
title ``page.<name>``, the explanation ``about.<name>``, and others in ``console/<module>.po``. Its
template imports ``parts.html`` with the context. A page with a place in its address has an example
in ``tests/browser/sights.py``. No page reads views or events: what it needs and the interface
lacks becomes a part of the interface first.
"""

from __future__ import annotations

from api.console.pages import (
    access,
    administration,
    badges,
    businesses,
    commands,
    deadlines,
    draws,
    events,
    feeds,
    findings,
    glossary,
    guide,
    lists,
    log,
    office,
    printing,
    repairs,
    rules,
    search,
    statistics,
    tables,
    today,
    trails,
    window,
)
from api.console.shell import Page

#: In the order of the menu. The router takes the first that fits: ``lists`` has what is left of
#: ``/console/v1``.
PAGES: tuple[Page, ...] = (
    *today.PAGES,
    *findings.PAGES,
    *deadlines.PAGES,
    *window.PAGES,
    *commands.PAGES,
    *tables.PAGES,
    *search.PAGES,
    *businesses.PAGES,
    *draws.PAGES,
    *repairs.PAGES,
    *trails.PAGES,
    *lists.PAGES,
    *office.PAGES,
    *events.PAGES,
    *access.PAGES,
    *statistics.PAGES,
    *feeds.PAGES,
    *log.PAGES,
    *rules.PAGES,
    *glossary.PAGES,
    *administration.PAGES,
    *guide.PAGES,
    *badges.PAGES,
    *printing.PAGES,
)
