"""The glossary: what statutory terms are called in English, and in the interface."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from aiohttp import web

from api.console.shell import Opened, Page
from api.contract.terms import TERMS
from ledger.kernel.events import event_types
from ledger.kernel.messages import title
from ledger.registry import COMMANDS

#: The most terms that a search shows.
MAX_FOUND = 200


class Term(msgspec.Struct, frozen=True):
    """A term in both languages, what it is called in the interface, and its page."""

    zh: str
    en: str
    codes: tuple[str, ...]
    href: str = ""


async def glossary(page: Opened) -> web.StreamResponse:
    """Show the words of the field; with ``q``, also events and commands that are called so."""
    q = page.request.query.get("q", "").strip()[:100].lower()
    terms = [Term(*term) for term in sorted(TERMS)]
    if q:
        terms += _of_the_interface(page.role)
        terms = [t for t in terms if q in f"{t.zh} {t.en} {' '.join(t.codes)}".lower()]
    return await page.render("glossary.html", terms=terms[:MAX_FOUND], asked=q)


def _of_the_interface(role: str) -> Iterator[Term]:
    """Yield the types of events and the commands; those of the role lead to their forms."""
    for topic in sorted(event_types()):
        yield Term(title(topic, "zh", "titles"), title(topic, "en", "titles"), (topic,))
    for entry in COMMANDS:
        code = f"{entry.system}/{entry.name}"
        zh, en = title(code, "zh", "titles"), title(code, "en", "titles")
        yield Term(zh, en, (code,), f"/console/do/{code}" if role in entry.roles else "")


PAGES = (
    Page(
        "/console/glossary", glossary, name="glossary", group="service", key="y", recorded="never"
    ),
)
