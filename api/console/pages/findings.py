"""Findings: possible breaches of rules, sorted and answered."""

from __future__ import annotations

from api.console.shell import Page

PAGES: tuple[Page, ...] = ()
